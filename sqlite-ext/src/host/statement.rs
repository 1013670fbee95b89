//! A prepared statement of the host that lives as long as we want: rusqlite's cannot outlive a borrow, and a
//! statement that is prepared for every call costs ten times what a look-up by key does.

use std::ffi::{CStr, CString, c_int};
use std::{ptr, slice};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ffi};

use crate::error::{Error, Result, error};

/// A prepared statement. Its connection must be open; the owner drops it before that closes.
pub struct HostStatement {
    db: *mut ffi::sqlite3,
    raw: *mut ffi::sqlite3_stmt,
    /// A parameter holds memory.
    bound: bool,
}

impl HostStatement {
    /// Prepares one statement that only reads.
    ///
    /// # Safety
    /// `db` is the host's open connection, on whose thread we are, and outlives the result.
    pub unsafe fn prepare(db: *mut ffi::sqlite3, sql: &str) -> Result<HostStatement> {
        // SAFETY: by contract; each result is owned by a `HostStatement`.
        let (statement, rest) = unsafe { Self::first(db, sql)? };
        let only = || error("takes one SELECT that only reads");
        if statement.raw.is_null() {
            return Err(error("the query is empty; give a SELECT as text"));
        }
        // SAFETY: the statement is alive.
        let reads = unsafe {
            ffi::sqlite3_stmt_readonly(statement.raw) != 0
                && ffi::sqlite3_stmt_isexplain(statement.raw) == 0
                && ffi::sqlite3_column_count(statement.raw) > 0
        };
        if !reads || !lumos_core::sql::begins_like_a_query(sql) {
            return Err(only());
        }
        // What follows may be spaces and comments.
        // SAFETY: as above.
        if !rest.is_empty() && !unsafe { Self::first(db, rest)? }.0.raw.is_null() {
            return Err(only());
        }
        Ok(statement)
    }

    /// Prepares one statement of ours, which may write.
    pub fn own(host: &Connection, sql: &str) -> Result<HostStatement> {
        // SAFETY: the connection is the host's, which is open during every call; the result belongs to a call, or to a
        // running statement.
        Ok(unsafe { Self::first(host.handle(), sql)? }.0)
    }

    /// True if it writes nothing.
    pub fn only_reads(&self) -> bool {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw) != 0 }
    }

    /// Begins to read the database as it is now: until the result is dropped, every statement of this connection sees
    /// that. A statement under way holds the snapshot: a savepoint would too, but SQLite has none while another
    /// statement writes.
    pub fn snapshot(host: &Connection) -> Result<HostStatement> {
        // SAFETY: the connection is the host's, which is open during every call; the result belongs to a cursor or a
        // call, which end before it closes.
        let mut statement =
            unsafe { HostStatement::prepare(host.handle(), "SELECT 1 FROM main.sqlite_schema")? };
        statement.step()?;
        Ok(statement)
    }

    /// The first statement of a text, which is null for an empty one, and what follows it.
    ///
    /// # Safety
    /// As [`Self::prepare`].
    unsafe fn first(db: *mut ffi::sqlite3, sql: &str) -> Result<(HostStatement, &str)> {
        let len = c_int::try_from(sql.len()).map_err(|_| error("the query is too long"))?;
        let mut raw = ptr::null_mut();
        let mut tail = ptr::null();
        // SAFETY: `len` bytes are there; SQLite stops at them.
        let code = unsafe {
            ffi::sqlite3_prepare_v3(
                db,
                sql.as_ptr().cast(),
                len,
                ffi::SQLITE_PREPARE_PERSISTENT,
                &mut raw,
                &mut tail,
            )
        };
        let statement = HostStatement {
            db,
            raw,
            bound: false,
        };
        if code != ffi::SQLITE_OK {
            return Err(statement.failure(code));
        }
        // SAFETY: the tail points into the text, or at its end.
        let used = unsafe { tail.cast::<u8>().offset_from(sql.as_ptr()) };
        let rest = usize::try_from(used).ok().and_then(|used| sql.get(used..));
        Ok((statement, rest.unwrap_or_default()))
    }

    /// SQLite's own words for what went wrong.
    fn failure(&self, code: c_int) -> Error {
        if code & 0xff == ffi::SQLITE_INTERRUPT {
            return Error::interrupted();
        }
        // SAFETY: the connection is open; the text is copied before the next call.
        let (message, code) = unsafe {
            let message = CStr::from_ptr(ffi::sqlite3_errmsg(self.db));
            (
                message.to_string_lossy().into_owned(),
                ffi::sqlite3_extended_errcode(self.db),
            )
        };
        Error {
            code,
            ..error(message)
        }
    }

    /// The number of parameters.
    pub fn params(&self) -> usize {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_bind_parameter_count(self.raw) as usize }
    }

    /// The number of the parameter `:name`, `@name` or `$name`.
    pub fn param(&self, name: &str) -> Option<usize> {
        let name = name.trim_start_matches([':', '@', '$']);
        [':', '@', '$'].into_iter().find_map(|mark| {
            let name = CString::new(format!("{mark}{name}")).ok()?;
            // SAFETY: the statement is alive, the name ends with NUL.
            let number = unsafe { ffi::sqlite3_bind_parameter_index(self.raw, name.as_ptr()) };
            (number > 0).then_some(number as usize)
        })
    }

    /// Gives a parameter its value.
    pub fn bind(&mut self, number: usize, value: ValueRef<'_>) -> Result<()> {
        let number = number as c_int;
        self.bound |= matches!(value, ValueRef::Text(_) | ValueRef::Blob(_));
        // SAFETY: the statement is alive, and SQLite copies texts and blobs.
        let code = unsafe {
            match value {
                ValueRef::Null => ffi::sqlite3_bind_null(self.raw, number),
                ValueRef::Integer(v) => ffi::sqlite3_bind_int64(self.raw, number, v),
                ValueRef::Real(v) => ffi::sqlite3_bind_double(self.raw, number, v),
                ValueRef::Text(v) => ffi::sqlite3_bind_text64(
                    self.raw,
                    number,
                    v.as_ptr().cast(),
                    v.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                    ffi::SQLITE_UTF8 as u8,
                ),
                ValueRef::Blob(v) => ffi::sqlite3_bind_blob64(
                    self.raw,
                    number,
                    v.as_ptr().cast(),
                    v.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                ),
            }
        };
        match code {
            ffi::SQLITE_OK => Ok(()),
            code => Err(self.failure(code)),
        }
    }

    /// The next row: false at the end.
    pub fn step(&mut self) -> Result<bool> {
        // SAFETY: the statement is alive.
        match unsafe { ffi::sqlite3_step(self.raw) } {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            code => Err(self.failure(code)),
        }
    }

    /// Ends the run, so that it holds no lock, and frees texts and blobs of parameters.
    pub fn reset(&mut self) {
        // SAFETY: the statement is alive. The codes repeat those of the last step.
        unsafe {
            ffi::sqlite3_reset(self.raw);
            if std::mem::take(&mut self.bound) {
                ffi::sqlite3_clear_bindings(self.raw);
            }
        }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_column_count(self.raw) as usize }
    }

    /// The type that a column of a table was declared with; empty for anything else.
    pub fn declared(&self, column: usize) -> String {
        // SAFETY: the statement is alive; the text is copied before the next call.
        unsafe {
            let declared = ffi::sqlite3_column_decltype(self.raw, column as c_int);
            if declared.is_null() {
                String::new()
            } else {
                CStr::from_ptr(declared).to_string_lossy().into_owned()
            }
        }
    }

    /// The name of a column.
    pub fn name(&self, column: usize) -> String {
        // SAFETY: the statement is alive; the name is copied before the next call.
        unsafe {
            let name = ffi::sqlite3_column_name(self.raw, column as c_int);
            if name.is_null() {
                String::new()
            } else {
                CStr::from_ptr(name).to_string_lossy().into_owned()
            }
        }
    }

    /// A value of the current row, valid until the next step.
    pub fn value(&self, column: usize) -> ValueRef<'_> {
        // SAFETY: the statement is alive and on a row, `column` is one of its columns. The host calls us inside a
        // step of its own, so that it holds the connection's mutex, which makes the value a protected one. The
        // pointers are valid until the next step or reset, which need `&mut self`; another look changes nothing.
        unsafe {
            let value = ffi::sqlite3_column_value(self.raw, column as c_int);
            match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => ValueRef::Integer(ffi::sqlite3_value_int64(value)),
                ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_value_double(value)),
                ffi::SQLITE_TEXT => {
                    let text = ffi::sqlite3_value_text(value);
                    ValueRef::Text(bytes(text, ffi::sqlite3_value_bytes(value)))
                }
                ffi::SQLITE_BLOB => {
                    let blob = ffi::sqlite3_value_blob(value);
                    ValueRef::Blob(bytes(blob.cast(), ffi::sqlite3_value_bytes(value)))
                }
                _ => ValueRef::Null,
            }
        }
    }

    /// How often the host has prepared it anew, since the schema or something else changed.
    pub fn reprepared(&self) -> c_int {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_stmt_status(self.raw, ffi::SQLITE_STMTSTATUS_REPREPARE, 0) }
    }
}

impl Drop for HostStatement {
    fn drop(&mut self) {
        // SAFETY: owned, not used after this; null is fine.
        unsafe { ffi::sqlite3_finalize(self.raw) };
    }
}

/// # Safety
/// `data` has `len` bytes that live as long as the result, or is null.
unsafe fn bytes<'a>(data: *const u8, len: c_int) -> &'a [u8] {
    if data.is_null() || len <= 0 {
        &[]
    } else {
        // SAFETY: by contract.
        unsafe { slice::from_raw_parts(data, len as usize) }
    }
}
