//! The door to the host: loading into any SQLite from 3.40 on, panics that stop at the boundary, signals that
//! stay with the host's threads, and a look at whether the host wants a running call to end.

mod clientdata;
mod results;
pub mod statement;

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::{MaybeUninit, offset_of, size_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lumos_core::functions::alerts::RUN;
use lumos_core::functions::writes;
use rusqlite::config::DbConfig;
use rusqlite::ffi::{self, sqlite3, sqlite3_api_routines};
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Result, error};
use crate::system::NOTHING;

/// The oldest SQLite that we load into.
const OLDEST: c_int = 3_040_000;

/// The version that libsqlite3-sys asks for; older hosts get by with a table without the newer functions.
const EXPECTED: c_int = ffi::SQLITE_VERSION_NUMBER;

/// The API is kept in statics by libsqlite3-sys, so a process can have one host: the address of its `open_v2`.
static HOST: AtomicUsize = AtomicUsize::new(0);

/// Loads Lumos into a connection: checks the host, fills in the API table, calls `register`.
///
/// # Safety
/// The arguments are those that SQLite gives an entry point.
pub unsafe fn load(
    db: *mut sqlite3,
    message: *mut *mut c_char,
    api: *mut sqlite3_api_routines,
    register: fn(Connection) -> rusqlite::Result<bool>,
) -> c_int {
    // This library has a standard library of its own, so the hook is ours alone: a caught panic becomes an error
    // for the caller, and nothing is written to the host's stderr.
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        if api.is_null() {
            return ffi::SQLITE_ERROR;
        }
        // SAFETY: by contract. libsqlite3-sys copies the pointers out of the table.
        unsafe {
            match accepted(api) {
                Ok(mut table) => {
                    Connection::extension_init2(db, message, table.as_mut_ptr(), register)
                }
                Err(text) => refuse(api, message, &text),
            }
        }
    }));
    loaded.unwrap_or(ffi::SQLITE_ERROR)
}

/// Returns an API table that libsqlite3-sys takes, or why there is none.
///
/// # Safety
/// `api` is the host's table, whose length depends on the host's version.
unsafe fn accepted(
    api: *const sqlite3_api_routines,
) -> std::result::Result<MaybeUninit<sqlite3_api_routines>, String> {
    // SAFETY: every version has these two; no reference is made to a table that may be shorter than its type.
    let (version, open) = unsafe {
        (
            ptr::addr_of!((*api).libversion_number).read(),
            ptr::addr_of!((*api).open_v2).read(),
        )
    };
    // SAFETY: the host's own function, without arguments.
    let version = version.map_or(0, |version| unsafe { version() });
    if version < OLDEST {
        let (major, minor, patch) = (
            version / 1_000_000,
            version / 1_000 % 1_000,
            version % 1_000,
        );
        return Err(format!(
            "lumos: this SQLite is {major}.{minor}.{patch}; use SQLite 3.40 or newer"
        ));
    }
    let host = open.map_or(0, |f| f as usize);
    if let Err(other) = HOST.compare_exchange(0, host, Ordering::AcqRel, Ordering::Acquire)
        && other != host
    {
        return Err("lumos: already loaded into another SQLite library of this process; use one of them only".into());
    }
    // The table ends with the newest function that the host's version knows.
    let end = [
        (3_041_000, offset_of!(sqlite3_api_routines, is_interrupted)),
        (3_043_000, offset_of!(sqlite3_api_routines, stmt_explain)),
        (3_044_000, offset_of!(sqlite3_api_routines, get_clientdata)),
    ]
    .into_iter()
    .find(|(since, _)| version < *since)
    .map_or(size_of::<sqlite3_api_routines>(), |(_, offset)| offset);
    let mut table = MaybeUninit::<sqlite3_api_routines>::zeroed();
    // SAFETY: `end` bytes are there in the host's table and in ours; zeroes are absent functions.
    unsafe {
        ptr::copy_nonoverlapping(api.cast::<u8>(), table.as_mut_ptr().cast::<u8>(), end);
        if version < EXPECTED {
            ptr::addr_of_mut!((*table.as_mut_ptr()).libversion_number)
                .write(Some(expected_version));
        }
        if version < 3_044_000 {
            clientdata::stand_in(table.as_mut_ptr());
        }
        results::keep_codes(table.as_mut_ptr());
    }
    Ok(table)
}

/// The host's version, the first two numbers: that of the API table may be [`expected_version`]. Errors if SQLite says none.
pub fn version(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let sql = "SELECT CAST(v AS INTEGER), CAST(substr(v, instr(v, '.') + 1) AS INTEGER) FROM (SELECT sqlite_version() AS v)";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
}

unsafe extern "C" fn expected_version() -> c_int {
    EXPECTED
}

/// # Safety
/// `api` is the host's table and `message` null or a place for a message.
unsafe fn refuse(api: *const sqlite3_api_routines, message: *mut *mut c_char, text: &str) -> c_int {
    // SAFETY: every version has it.
    let mprintf = unsafe { ptr::addr_of!((*api).mprintf).read() };
    if let (Some(mprintf), false, Ok(text)) = (mprintf, message.is_null(), CString::new(text)) {
        // SAFETY: a format with one string, and the string.
        unsafe { *message = mprintf(c"%s".as_ptr(), text.as_ptr()) };
    }
    ffi::SQLITE_ERROR
}

/// A connection of our own to the same database, which reads what is committed now, whatever the host's has begun to
/// read. Errs for a database in memory, and for an encrypted one.
pub fn second(host: &Connection) -> Result<Connection> {
    let path = host.path().filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| error("the database is in no file"))?;
    let vfs = vfs(host)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_FULL_MUTEX;
    Ok(Connection::open_with_flags_and_vfs(
        path,
        flags,
        vfs.as_c_str(),
    )?)
}

/// The name of the file system of the database.
fn vfs(host: &Connection) -> Result<CString> {
    let mut vfs = ptr::null_mut::<ffi::sqlite3_vfs>();
    // SAFETY: the host's open connection; it gives out a pointer that lives as long as the connection.
    unsafe {
        ffi::sqlite3_file_control(
            host.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_VFS_POINTER,
            ptr::addr_of_mut!(vfs).cast(),
        );
        if vfs.is_null() {
            Err(error("the database has no file system"))
        } else {
            Ok(CStr::from_ptr((*vfs).zName).to_owned())
        }
    }
}

/// The magic at the beginning of a file that SQLite wrote.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Has the statements of a connection of our own end when the host wants its call to end.
pub fn stop_with(own: &mut Connection, host: &Connection) -> Result<()> {
    /// Steps of SQLite's machine between two looks.
    const STEPS: c_int = 20_000;
    // SAFETY: only its address is kept.
    let host = unsafe { host.handle() } as usize;
    let stop = move || {
        // SAFETY: the host's connection is open during the call, which is all the time that `own` is there.
        let host = unsafe { Connection::from_handle(host as *mut sqlite3) };
        host.is_ok_and(|host| check_interrupt(&host).is_err())
    };
    Ok(own.progress_handler(STEPS, Some(stop))?)
}

/// What SQLite3MultipleCiphers calls its file system begins with this.
const CIPHERS: &str = "multipleciphers";

/// True if an extension of SQLite's encrypts the file of the database (SQLCipher, SQLite3MultipleCiphers). Nobody can
/// tell of an empty file, and its owner may encrypt one that was plain: so it is asked again before anything is copied.
pub fn is_encrypted(host: &Connection) -> bool {
    // A file system that decrypts by itself shows plain pages behind a header that is left plain.
    const SALT: &str = "SELECT sqlite3mc_codec_data('cipher_salt', 'main') IS NOT NULL";
    if !is_plain(host) {
        return true;
    }
    let decrypts = vfs(host).is_ok_and(|name| name.to_string_lossy().starts_with(CIPHERS));
    decrypts && host.query_row(SALT, [], |row| row.get(0)).unwrap_or(true)
}

/// True if the raw bytes of the first page are as SQLite writes them, or not there. They are read through the
/// descriptor that SQLite has: a file that is opened and closed here would lose SQLite's locks on it.
fn is_plain(host: &Connection) -> bool {
    let mut file = ptr::null_mut::<ffi::sqlite3_file>();
    // SAFETY: the host's open connection; it gives out the file that it reads, which lives as long as the connection,
    // or one without methods where there is none.
    let methods = unsafe {
        ffi::sqlite3_file_control(
            host.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            ptr::addr_of_mut!(file).cast(),
        );
        if file.is_null() || (*file).pMethods.is_null() {
            return true;
        } else {
            &*(*file).pMethods
        }
    };
    let (Some(size_of_file), Some(read)) = (methods.xFileSize, methods.xRead) else {
        return true;
    };
    let (mut size, mut magic, mut page) = (0, [0u8; 16], [0u8; 8]);
    // SAFETY: methods of that file, with a place for what they write.
    unsafe {
        if size_of_file(file, &mut size) != ffi::SQLITE_OK || size < 512 {
            return true;
        }
        let parts = [(&mut magic[..], 0), (&mut page[..], 100)];
        for (part, offset) in parts {
            let length = part.len() as c_int;
            if read(file, part.as_mut_ptr().cast(), length, offset) != ffi::SQLITE_OK {
                return true;
            }
        }
    }
    // Behind a header that is left plain, the first page is the root of a table: a leaf or not, and less than half of
    // a page is the list of its cells.
    let cells = u16::from_be_bytes([page[3], page[4]]);
    let is_table = matches!(page[0], 5 | 13) && page[7] <= 60 && cells < 1 << 15;
    magic == *MAGIC && is_table
}

/// True if the host takes what the database file says of views, triggers and tables for its own words
/// (`PRAGMA trusted_schema`).
pub fn trusts_schema(host: &Connection) -> Result<bool> {
    Ok(host.db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA)?)
}

/// Runs the body of a callback: a panic becomes an error, and every error begins with the function's name.
pub fn guard<T>(function: &str, body: impl FnOnce() -> Result<T>) -> rusqlite::Result<T> {
    let result = catch_unwind(AssertUnwindSafe(body));
    result
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
        .map_err(|e| e.named(function))
}

/// The most calls of functions within one another: a view, a rule or an alert may name itself, and the stack has an end.
const DEEPEST: usize = 16;

thread_local! {
    /// How many calls are under way on this thread, each made by a statement of the one before.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Their functions.
    static CALLS: [Cell<&'static str>; DEEPEST] = const { [const { Cell::new("") }; DEEPEST] };
}

/// A call that is under way until this is dropped, also by a panic.
struct Entered(usize);

impl Drop for Entered {
    fn drop(&mut self) {
        DEPTH.set(self.0);
    }
}

/// As [`guard`], for a callback that may run statements, which call functions themselves. Errors if they are too deep.
pub fn entered<T>(function: &'static str, body: impl FnOnce() -> Result<T>) -> rusqlite::Result<T> {
    guard(function, || {
        let depth = DEPTH.get();
        let in_call = CALLS.with(|calls| calls.get(depth).map(|call| call.set(function)));
        if in_call.is_none() {
            return Err(error(format!(
                "{DEEPEST} calls are within one another; does a view or a rule read itself?"
            )));
        }
        if is_under_way(RUN.name) && writes(function) {
            return Err(error("it writes, and the query of an alert only reads"));
        }
        DEPTH.set(depth + 1);
        let _entered = Entered(depth);
        body()
    })
}

/// Whether a call of this function is under way on this thread.
fn is_under_way(function: &str) -> bool {
    CALLS.with(|calls| {
        calls
            .iter()
            .take(DEPTH.get())
            .any(|call| call.get() == function)
    })
}

/// Errors if a call of this function, which looks at what is kept, was made by what it looks at.
pub fn check_not_within_itself(function: &str) -> Result<()> {
    let times = CALLS.with(|calls| {
        let under_way = calls.iter().take(DEPTH.get());
        under_way.filter(|call| call.get() == function).count()
    });
    match times {
        0 | 1 => Ok(()),
        _ => Err(error(
            "it is under way already, and was called by what it looks at",
        )),
    }
}

/// Free file descriptors that DuckDB must find: started without one it ends the process, by an exception that nothing
/// can catch.
const DESCRIPTORS: usize = 4;

/// Errors if too few file descriptors are free to open a database.
pub fn check_descriptors() -> Result<()> {
    let open = || std::fs::File::open(NOTHING);
    let free: std::io::Result<Vec<_>> = (0..DESCRIPTORS).map(|_| open()).collect();
    free.map(drop).map_err(|e| {
        error(format!(
            "no file can be opened: {e}; close files, or raise the limit (ulimit -n)"
        ))
    })
}

/// The error for a caught panic.
pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    error(format!(
        "internal error, please report it: {}",
        text.unwrap_or("panic")
    ))
}

/// Asks the host whether the running call should end: after `sqlite3_interrupt` (Ctrl-C in the shell), or by its
/// progress handler.
///
/// A small statement does it on every version: SQLite checks both while it runs, and an interrupt stays set as
/// long as the outer statement runs. `sqlite3_is_interrupted` exists from 3.41 on only, and knows no handler.
pub fn check_interrupt(connection: &Connection) -> Result<()> {
    const STEPS: &str = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 200) SELECT count(*) FROM c";
    match connection.query_row(STEPS, [], |_| Ok(())) {
        Err(e) if e.sqlite_error_code() == Some(ffi::ErrorCode::OperationInterrupted) => {
            Err(Error::interrupted())
        }
        // Any other failure is no interrupt.
        _ => Ok(()),
    }
}

/// The time from one look for an interrupt to the next.
const PATIENCE: Duration = Duration::from_millis(20);

/// Passes a question on every 20 ms at most, where it costs more than a look at the clock. Once it was true, it stays so.
pub fn now_and_then(ask: impl Fn() -> bool) -> impl Fn() -> bool {
    let (stopped, asked) = (Cell::new(false), Cell::new(Instant::now()));
    move || {
        if !stopped.get() && asked.get().elapsed() >= PATIENCE {
            stopped.set(ask());
            asked.set(Instant::now());
        }
        stopped.get()
    }
}
