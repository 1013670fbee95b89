//! A DuckDB of our own, in memory, that reads texts for the gate: without rows, files, network and threads.
//!
//! It is the same DuckDB, so that what it says of a text is what the caller's will say. Nothing that a text asks for runs in
//! it: texts are parsed and bound. Starting one takes twenty milliseconds, so one is kept for the next call.

use std::ffi::{CStr, CString, c_char, c_void};
use std::fs::File;
use std::sync::{Mutex, PoisonError};
use std::{process, ptr, slice};

use libduckdb_sys as ffi;
use lumos_core::gate;
use lumos_core::{Error, Result};

/// Its settings. Without threads of its own nothing goes on beside the caller's.
const SETTINGS: [(&CStr, &CStr); 6] = [
    (c"threads", c"1"),
    (c"memory_limit", c"256MB"),
    (c"enable_external_access", c"false"),
    (c"autoinstall_known_extensions", c"false"),
    (c"autoload_known_extensions", c"false"),
    (c"allow_community_extensions", c"false"),
];

/// What is set before a text comes. Without the optimizer a constant is not computed by being bound.
const PREPARE: &CStr =
    c"PRAGMA disable_optimizer; SET max_expression_depth = 250; SET lock_configuration = true";

/// Free file descriptors without which DuckDB ends the process as it starts.
const DESCRIPTORS: usize = 4;

struct Scratch {
    database: ffi::duckdb_database,
    connection: ffi::duckdb_connection,
    /// The process that opened it: the child of a fork leaves it alone.
    pid: u32,
}

// SAFETY: a connection of DuckDB's may be used by one thread after another.
unsafe impl Send for Scratch {}

/// The one that no call has. It is all that a call leaves behind: what it defines is rolled back.
static KEPT: Mutex<Option<Scratch>> = Mutex::new(None);

/// A [`Scratch`] of a call's, which goes back to [`KEPT`].
struct Borrowed(Option<Scratch>);

/// Takes the one that is kept, or opens one.
pub fn open() -> Result<Box<dyn gate::Scratch>> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).take();
    let scratch = match kept {
        Some(scratch) if scratch.pid == process::id() => scratch,
        other => {
            std::mem::forget(other);
            start()?
        }
    };
    Ok(Box::new(Borrowed(Some(scratch))))
}

/// What can be opened any number of times.
const NOTHING: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

fn start() -> Result<Scratch> {
    let free: std::io::Result<Vec<File>> = (0..DESCRIPTORS).map(|_| File::open(NOTHING)).collect();
    free.map_err(|e| {
        Error::new(format!(
            "no file can be opened: {e}; close files, or raise the limit (ulimit -n)"
        ))
    })?;
    let mut config: ffi::duckdb_config = ptr::null_mut();
    let mut error: *mut c_char = ptr::null_mut();
    let mut scratch = Scratch {
        database: ptr::null_mut(),
        connection: ptr::null_mut(),
        pid: process::id(),
    };
    // SAFETY: the out pointers are locals and a field; a null path means memory. DuckDB copies the settings. The config and
    // the message are freed below and not used after.
    let opened = unsafe {
        let ready = ffi::duckdb_create_config(&mut config) == ffi::DuckDBSuccess
            && SETTINGS.iter().all(|(name, value)| {
                ffi::duckdb_set_config(config, name.as_ptr(), value.as_ptr()) == ffi::DuckDBSuccess
            });
        let opened = ready
            && ffi::duckdb_open_ext(ptr::null(), &mut scratch.database, config, &mut error)
                == ffi::DuckDBSuccess
            && ffi::duckdb_connect(scratch.database, &mut scratch.connection) == ffi::DuckDBSuccess;
        ffi::duckdb_free(error.cast::<c_void>());
        ffi::duckdb_destroy_config(&mut config);
        opened
    };
    if !opened {
        return Err(Error::new("DuckDB cannot open another database in memory"));
    }
    scratch.run(PREPARE)?;
    Ok(scratch)
}

impl Borrowed {
    fn scratch(&self) -> Result<&Scratch> {
        self.0
            .as_ref()
            .ok_or_else(|| Error::new("internal error: it is given back"))
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = self.0.take();
        }
    }
}

impl Scratch {
    /// Runs statements of ours. Errors with DuckDB's words.
    fn run(&self, sql: &CStr) -> Result<()> {
        // SAFETY: an all-zero result is what DuckDB fills; it is destroyed below, after its message is copied.
        unsafe {
            let mut result = std::mem::zeroed::<ffi::duckdb_result>();
            let state = ffi::duckdb_query(self.connection, sql.as_ptr(), &mut result);
            let said = match state {
                ffi::DuckDBSuccess => Ok(()),
                _ => Err(said(ffi::duckdb_result_error(&mut result))),
            };
            ffi::duckdb_destroy_result(&mut result);
            said
        }
    }

    /// Has `body` use the one statement of a text, which is bound. Errors with DuckDB's words.
    fn prepared<T>(
        &self,
        sql: &str,
        body: impl FnOnce(ffi::duckdb_prepared_statement) -> Result<T>,
    ) -> Result<T> {
        let sql = c_string(sql)?;
        let mut statement: ffi::duckdb_prepared_statement = ptr::null_mut();
        // SAFETY: the connection is open; the statement is destroyed below, also one that failed, which has the message.
        unsafe {
            let state = ffi::duckdb_prepare(self.connection, sql.as_ptr(), &mut statement);
            let done = match state {
                ffi::DuckDBSuccess => body(statement),
                _ => Err(said(ffi::duckdb_prepare_error(statement))),
            };
            ffi::duckdb_destroy_prepare(&mut statement);
            done
        }
    }
}

impl gate::Scratch for Borrowed {
    fn tree(&self, sql: &str) -> Result<String> {
        self.scratch()?
            .prepared("SELECT json_serialize_sql($1::VARCHAR)", |statement| {
                // SAFETY: the statement is alive and has one parameter; the bytes are there during the call, which copies them.
                // The result is destroyed below, its first chunk before it, and the text is copied before that.
                unsafe {
                    let length = sql.len() as ffi::idx_t;
                    ffi::duckdb_bind_varchar_length(statement, 1, sql.as_ptr().cast(), length);
                    let mut result = std::mem::zeroed::<ffi::duckdb_result>();
                    let tree = match ffi::duckdb_execute_prepared(statement, &mut result) {
                        ffi::DuckDBSuccess => first_text(result),
                        _ => Err(said(ffi::duckdb_result_error(&mut result))),
                    };
                    ffi::duckdb_destroy_result(&mut result);
                    tree
                }
            })
    }

    fn bind(&self, definitions: &[String], sql: &str) -> Result<()> {
        let scratch = self.scratch()?;
        scratch.run(c"BEGIN")?;
        let defined = definitions
            .iter()
            .try_for_each(|definition| scratch.run(&c_string(definition)?));
        let bound = defined.and_then(|()| scratch.select(sql));
        let rolled_back = scratch.run(c"ROLLBACK");
        bound.and(rolled_back)
    }
}

impl Scratch {
    /// Binds a SELECT. Errors with DuckDB's words.
    fn select(&self, sql: &str) -> Result<()> {
        self.prepared(sql, |statement| {
            // SAFETY: the statement is alive.
            match unsafe { ffi::duckdb_prepared_statement_type(statement) } {
                ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_SELECT => Ok(()),
                _ => Err(Error::new("it is no SELECT")),
            }
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.pid != process::id() {
            return;
        }
        // SAFETY: both are ours or null, and not used after this.
        unsafe {
            ffi::duckdb_disconnect(&mut self.connection);
            ffi::duckdb_close(&mut self.database);
        }
    }
}

/// The text in the first row and column.
///
/// # Safety
/// The result is alive and has a column of texts.
unsafe fn first_text(result: ffi::duckdb_result) -> Result<String> {
    // SAFETY: by contract. A chunk is ours until destroyed; a row of it that is not NULL has a string, whose bytes live as
    // long as the chunk.
    unsafe {
        let mut chunk = ffi::duckdb_fetch_chunk(result);
        let none = || Error::new("DuckDB gives no tree of it");
        if chunk.is_null() {
            return Err(none());
        }
        let vector = ffi::duckdb_data_chunk_get_vector(chunk, 0);
        let valid = ffi::duckdb_vector_get_validity(vector);
        let there = ffi::duckdb_data_chunk_get_size(chunk) > 0
            && (valid.is_null() || ffi::duckdb_validity_row_is_valid(valid, 0));
        let text = if there {
            let string = ffi::duckdb_vector_get_data(vector).cast::<ffi::duckdb_string_t>();
            let length = ffi::duckdb_string_t_length(*string) as usize;
            let bytes =
                slice::from_raw_parts(ffi::duckdb_string_t_data(string).cast::<u8>(), length);
            Ok(String::from_utf8_lossy(bytes).into_owned())
        } else {
            Err(none())
        };
        ffi::duckdb_destroy_data_chunk(&mut chunk);
        text
    }
}

/// DuckDB's words.
///
/// # Safety
/// `raw` is null or ends with NUL.
unsafe fn said(raw: *const c_char) -> Error {
    if raw.is_null() {
        return Error::new("DuckDB refuses it");
    }
    // SAFETY: by contract.
    Error::new(unsafe { CStr::from_ptr(raw) }.to_string_lossy())
}

fn c_string(sql: &str) -> Result<CString> {
    CString::new(sql).map_err(|_| Error::new("the text has a NUL character"))
}
