//! The result code of a function that fails, kept beside its message.
//!
//! rusqlite gives SQLite the code and then the message, and the message sets the code to `SQLITE_ERROR`: a driver could
//! not tell a lock, which it may try again, from anything else. In the other order both stay, so the two functions of
//! the host's API table that rusqlite calls are replaced by these.

use std::cell::Cell;
use std::ffi::{c_char, c_int};
use std::ptr;
use std::sync::OnceLock;

use rusqlite::ffi::{sqlite3_api_routines, sqlite3_context};

type ResultError = unsafe extern "C" fn(*mut sqlite3_context, *const c_char, c_int);
type ResultErrorCode = unsafe extern "C" fn(*mut sqlite3_context, c_int);

/// The host's own functions. A process has one host.
static HOST: OnceLock<(ResultError, ResultErrorCode)> = OnceLock::new();

thread_local! {
    /// The call whose code was given last, and the code.
    static GIVEN: Cell<(*mut sqlite3_context, c_int)> = const { Cell::new((ptr::null_mut(), 0)) };
}

/// Puts both into a copy of the host's API table.
///
/// # Safety
/// `table` has all functions of SQLite 3.40.
pub unsafe fn keep_codes(table: *mut sqlite3_api_routines) {
    // SAFETY: by contract; no reference is made to a table that may have absent functions.
    unsafe {
        let message = ptr::addr_of_mut!((*table).result_error);
        let code = ptr::addr_of_mut!((*table).result_error_code);
        if let (Some(of_host), Some(code_of_host)) = (message.read(), code.read()) {
            HOST.get_or_init(|| (of_host, code_of_host));
            message.write(Some(result_error));
            code.write(Some(result_error_code));
        }
    }
}

unsafe extern "C" fn result_error_code(context: *mut sqlite3_context, code: c_int) {
    GIVEN.set((context, code));
    if let Some((_, host)) = HOST.get() {
        // SAFETY: the arguments are passed on.
        unsafe { host(context, code) };
    }
}

unsafe extern "C" fn result_error(
    context: *mut sqlite3_context,
    message: *const c_char,
    length: c_int,
) {
    let (of, code) = GIVEN.replace((ptr::null_mut(), 0));
    if let Some((host, code_of_host)) = HOST.get() {
        // SAFETY: the arguments are passed on; a code after a message leaves the message.
        unsafe {
            host(context, message, length);
            if of == context {
                code_of_host(context, code);
            }
        }
    }
}
