//! The loadable extension: its one exported symbol, and the pointers it takes from the host.

use std::ffi::{CString, c_char, c_void};
use std::mem::offset_of;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::Once;

use libduckdb_sys as ffi;

use crate::scalar;

/// The slots of the host's table that v1.2.0 promises. Those behind them have moved between releases,
/// and an older host's table is shorter than the one that libduckdb-sys reads.
const STABLE_SLOTS: usize = 357;

const _: () = assert!(
    offset_of!(ffi::duckdb_ext_api_v1, duckdb_row_count) == STABLE_SLOTS * size_of::<fn()>()
);

/// DuckDB calls this on `LOAD lumos`; the name follows from the file's.
///
/// # Safety
/// DuckDB alone calls it, with pointers that live during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lumos_init_c_api(
    info: ffi::duckdb_extension_info,
    access: *const ffi::duckdb_extension_access,
) -> bool {
    // This library has a standard library of its own, so the hook is ours alone: a caught panic becomes an error
    // for the caller, and nothing is written to the host's stderr.
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    // SAFETY: by contract.
    let message = match catch_unwind(|| unsafe { load(info, &*access) }) {
        Ok(Ok(())) => return true,
        Ok(Err(message)) => message,
        Err(panic) => format!("internal error: {}", crate::contain::panic_message(&*panic)),
    };
    // SAFETY: by contract.
    let set_error = unsafe { (*access).set_error };
    if let (Some(set_error), Ok(message)) = (set_error, CString::new(message)) {
        // SAFETY: DuckDB copies the message.
        unsafe { set_error(info, message.as_ptr()) }
    }
    false
}

/// # Safety
/// As [`lumos_init_c_api`].
unsafe fn load(
    info: ffi::duckdb_extension_info,
    access: &ffi::duckdb_extension_access,
) -> Result<(), String> {
    let (Some(get_api), Some(get_database)) = (access.get_api, access.get_database) else {
        return Err("this DuckDB gives extensions no access".into());
    };
    // SAFETY: by contract; `stable` has the size that libduckdb-sys reads and lives until it has read.
    unsafe {
        let host = get_api(info, c"v1.2.0".as_ptr()).cast::<Option<unsafe extern "C" fn()>>();
        if host.is_null() {
            return Err(
                "this DuckDB does not offer the C API v1.2.0; use DuckDB 1.4 or newer".into(),
            );
        }
        let mut stable = std::mem::zeroed::<ffi::duckdb_ext_api_v1>();
        ptr::copy_nonoverlapping(host, ptr::from_mut(&mut stable).cast(), STABLE_SLOTS);
        let shim = ffi::duckdb_extension_access {
            set_error: None,
            get_database: None,
            get_api: Some(this_table),
        };
        ffi::duckdb_rs_extension_api_init(ptr::from_mut(&mut stable).cast(), &shim, "v1.2.0")?;
    }
    // SAFETY: by contract; the connection is ours until disconnected.
    unsafe {
        let database = get_database(info);
        let mut connection: ffi::duckdb_connection = ptr::null_mut();
        if database.is_null()
            || ffi::duckdb_connect(*database, &mut connection) != ffi::DuckDBSuccess
        {
            return Err("this DuckDB refused a connection".into());
        }
        let registered = scalar::register_all(connection);
        ffi::duckdb_disconnect(&mut connection);
        registered
    }
}

/// Stands in for the host's `get_api`: the table is passed in place of `info`.
unsafe extern "C" fn this_table(
    info: ffi::duckdb_extension_info,
    _version: *const c_char,
) -> *const c_void {
    info.cast_const().cast()
}
