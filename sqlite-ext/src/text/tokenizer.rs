//! The tokenizer `lumos` for SQLite's FTS5: `CREATE VIRTUAL TABLE t USING fts5(body, tokenize = 'lumos')`.

use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use lumos_core::text::{self, Kind};
use rusqlite::{Connection, Result, ffi};

/// Tells FTS5 of the tokenizer, if this SQLite has FTS5.
pub fn register(connection: &Connection) -> Result<()> {
    let Some(api) = api(connection)? else {
        return Ok(());
    };
    let mut tokenizer = ffi::fts5_tokenizer {
        xCreate: Some(create),
        xDelete: Some(delete),
        xTokenize: Some(tokenize),
    };
    // SAFETY: `api` belongs to the connection; FTS5 copies the name and the three pointers.
    let code = unsafe {
        match (*api).xCreateTokenizer {
            Some(add) => add(
                api,
                c"lumos".as_ptr(),
                ptr::null_mut(),
                &mut tokenizer,
                None,
            ),
            None => ffi::SQLITE_OK,
        }
    };
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
    }
}

/// The API of FTS5, which it hands out through a SQL function; none where SQLite was built without.
fn api(connection: &Connection) -> Result<Option<*mut ffi::fts5_api>> {
    let mut api: *mut ffi::fts5_api = ptr::null_mut();
    let sql = c"SELECT fts5(?1)";
    // SAFETY: the connection is open, the statement is ours and finalized here, and the place that is bound
    // outlives it. FTS5 takes the pointer only under this name.
    unsafe {
        let mut statement = ptr::null_mut();
        if ffi::sqlite3_prepare_v2(
            connection.handle(),
            sql.as_ptr(),
            -1,
            &mut statement,
            ptr::null_mut(),
        ) != ffi::SQLITE_OK
        {
            return Ok(None);
        }
        let place = ptr::from_mut(&mut api).cast::<c_void>();
        ffi::sqlite3_bind_pointer(statement, 1, place, c"fts5_api_ptr".as_ptr(), None);
        ffi::sqlite3_step(statement);
        ffi::sqlite3_finalize(statement);
    }
    Ok((!api.is_null()).then_some(api))
}

unsafe extern "C" fn create(
    _: *mut c_void,
    _: *mut *const c_char,
    arguments: c_int,
    out: *mut *mut ffi::Fts5Tokenizer,
) -> c_int {
    if arguments > 0 {
        return ffi::SQLITE_ERROR; // 'lumos' takes none
    }
    // It has no state, but FTS5 wants an address that is not null.
    // SAFETY: FTS5 gives a place for it.
    unsafe { *out = ptr::NonNull::dangling().as_ptr() };
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::Fts5Tokenizer) {}

type Token = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, c_int, c_int, c_int) -> c_int;

unsafe extern "C" fn tokenize(
    _: *mut ffi::Fts5Tokenizer,
    context: *mut c_void,
    flags: c_int,
    text: *const c_char,
    length: c_int,
    token: Option<Token>,
) -> c_int {
    let Some(token) = token else {
        return ffi::SQLITE_MISUSE;
    };
    let bytes = match usize::try_from(length) {
        // SAFETY: FTS5 gives a text of this length, which lives during the call.
        Ok(length) if !text.is_null() => unsafe {
            std::slice::from_raw_parts(text.cast::<u8>(), length)
        },
        _ => return ffi::SQLITE_OK,
    };
    let query = flags & ffi::FTS5_TOKENIZE_QUERY as c_int != 0;
    let tokens = || {
        // Places are in bytes, so a text that is not UTF-8 ends where it stops being so.
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
        };
        text::try_terms(valid, |term| {
            if term.kind == Kind::Part && query {
                return Ok(()); // the pairs say more
            }
            let flags = match term.kind {
                Kind::Part => ffi::FTS5_TOKEN_COLOCATED as c_int,
                _ => 0,
            };
            let (start, end) = (term.range.start as c_int, term.range.end as c_int);
            let (text, length) = (term.text.as_ptr().cast(), term.text.len() as c_int);
            // SAFETY: FTS5's own function with its own context; it copies the token.
            match unsafe { token(context, flags, text, length, start, end) } {
                ffi::SQLITE_OK => Ok(()),
                code => Err(code),
            }
        })
    };
    match catch_unwind(AssertUnwindSafe(tokens)) {
        Ok(Ok(())) => ffi::SQLITE_OK,
        Ok(Err(code)) => code,
        Err(_) => ffi::SQLITE_INTERNAL,
    }
}
