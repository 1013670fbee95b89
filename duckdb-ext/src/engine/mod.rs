//! A safe face of DuckDB's C API for the DuckDB inside the SQLite extension: databases, connections,
//! prepared statements, streamed chunks, appenders.
//!
//! All handles belong to the process that opened them. After `fork()` a child must neither use nor free
//! them (DuckDB's threads do not exist there), so every `Drop` here checks the process and leaks instead.

mod append;
mod arrow;
mod chunk;
mod error;
mod json;
mod reads;
mod statement;
mod types;

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::{Arc, Mutex};

use libduckdb_sys as ffi;

pub use append::{Appender, ColumnWriter, WriteChunk};
pub use chunk::{Cell, Chunk, Column};
pub use error::{Error, ErrorKind, Result};
pub use json::write_json_string;
pub use reads::{Read, Reads};
pub use statement::{Param, Pending, Rows, Statement, StatementKind};
pub use types::LogicalType;

/// The version of the DuckDB inside, such as `v2.0.0`.
pub fn library_version() -> String {
    // SAFETY: returns a static string.
    unsafe { text(ffi::duckdb_library_version()) }
}

/// A DuckDB instance, closed when the last handle to it is dropped.
pub struct Database {
    raw: ffi::duckdb_database,
    pid: u32,
    /// Its part of the memory for values, see `values.cpp`.
    allowed: i64,
}

// SAFETY: a duckdb_database is a shared pointer to an instance that locks for itself.
unsafe impl Send for Database {}
// SAFETY: as above.
unsafe impl Sync for Database {}

impl Database {
    /// Starts an instance in memory with these settings.
    pub fn open_in_memory(settings: &[(&str, &str)]) -> Result<Arc<Database>> {
        let mut config: ffi::duckdb_config = ptr::null_mut();
        // SAFETY: an out pointer to a local, which is then the config.
        let ready = unsafe {
            ffi::duckdb_create_config(&mut config) == ffi::DuckDBSuccess
                && lumos_count_values(config)
                && lumos_guard_files(config)
        };
        if !ready {
            // SAFETY: null or DuckDB's, and not used after this.
            unsafe { ffi::duckdb_destroy_config(&mut config) };
            return Err(failed(String::new()));
        }
        let set = settings.iter().try_for_each(|(name, value)| {
            let (c_name, c_value) = (c_string(name)?, c_string(value)?);
            // SAFETY: the config was created above; DuckDB copies both strings.
            match unsafe { ffi::duckdb_set_config(config, c_name.as_ptr(), c_value.as_ptr()) } {
                ffi::DuckDBSuccess => Ok(()),
                _ => Err(Error::new(format!(
                    "\"{value}\" is not a value of the setting {name}"
                ))),
            }
        });
        let mut raw: ffi::duckdb_database = ptr::null_mut();
        let mut error: *mut c_char = ptr::null_mut();
        let opened = set.and_then(|()| {
            // SAFETY: a null path means memory; the out pointers are locals.
            match unsafe { ffi::duckdb_open_ext(ptr::null(), &mut raw, config, &mut error) } {
                ffi::DuckDBSuccess => {
                    let database = Database {
                        raw,
                        pid: std::process::id(),
                        // SAFETY: the database was just opened.
                        allowed: unsafe { lumos_allow_values(raw) },
                    };
                    reads::make_watchable(&database)?;
                    Ok(Arc::new(database))
                }
                // SAFETY: DuckDB allocated the message, or left null.
                _ => Err(Error::new(unsafe { text(error) })),
            }
        });
        // SAFETY: both are null or DuckDB's, and not used after this.
        unsafe {
            ffi::duckdb_free(error.cast::<c_void>());
            ffi::duckdb_destroy_config(&mut config);
        }
        opened
    }

    /// A new connection to this instance.
    pub fn connect(self: &Arc<Self>) -> Result<Connection> {
        let mut raw: ffi::duckdb_connection = ptr::null_mut();
        // SAFETY: the database is open as long as `self` lives, which the connection keeps.
        match unsafe { ffi::duckdb_connect(self.raw, &mut raw) } {
            ffi::DuckDBSuccess => Ok(Connection(Arc::new(Session {
                raw,
                database: Arc::clone(self),
                searches: Mutex::default(),
            }))),
            _ => Err(Error::new("DuckDB refused another connection")),
        }
    }

    /// Keeps queries from opening this file, or from changing it, under whatever name. One without a path that DuckDB
    /// could read is none that it could open.
    pub fn guard_file(&self, path: &str, file: Guarded) -> Result<()> {
        let Ok(path) = c_string(path) else {
            return Ok(());
        };
        // SAFETY: the database is open, the path is copied.
        let done = unsafe { lumos_guard_file(self.raw, path.as_ptr(), file as u8) };
        if done {
            Ok(())
        } else {
            Err(failed(String::new()))
        }
    }

    /// True for a file that a query may not open, or not change.
    pub fn guards_file(&self, path: &str, writes: bool) -> bool {
        // SAFETY: the database is open, and the path alive.
        c_string(path).is_ok_and(|p| unsafe { lumos_guards_file(self.raw, p.as_ptr(), writes) })
    }
}

/// What a guarded file is, see `files.cpp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// A database of SQLite, which no query opens.
    Host = 1,
    /// Rows of a mirrored table, which no query changes.
    Rows = 2,
}

/// A value of a small result, see [`Connection::rows`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// An integer.
    Integer(i64),
    /// Text.
    Text(String),
    /// Anything else.
    Other,
}

/// Who sends a statement, see `gate.cpp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// What only reads.
    Query = 0,
    /// What may write the user's own database.
    Exec = 1,
}

impl Drop for Database {
    fn drop(&mut self) {
        if std::process::id() == self.pid {
            // SAFETY: the last handle goes; every connection held an Arc of this.
            unsafe {
                ffi::duckdb_close(&mut self.raw);
                lumos_disallow_values(self.allowed);
            }
        }
    }
}

struct Session {
    raw: ffi::duckdb_connection,
    database: Arc<Database>,
    /// What [`Connection::set_search_path`] was told.
    searches: Mutex<Option<bool>>,
}

// SAFETY: a connection's ClientContext is guarded by its own lock.
unsafe impl Send for Session {}
// SAFETY: as above.
unsafe impl Sync for Session {}

impl Drop for Session {
    fn drop(&mut self) {
        if std::process::id() == self.database.pid {
            // SAFETY: nothing else refers to the connection: statements and rows hold an Arc of this.
            unsafe { ffi::duckdb_disconnect(&mut self.raw) }
        }
    }
}

/// A connection; clones are the same connection.
#[derive(Clone)]
pub struct Connection(Arc<Session>);

impl Connection {
    /// Runs one or more statements to their end and returns the rows changed by the last one.
    pub fn execute(&self, sql: &str) -> Result<u64> {
        let sql = c_string(sql)?;
        // SAFETY: an all-zero duckdb_result is what DuckDB expects to fill.
        let mut result = unsafe { std::mem::zeroed::<ffi::duckdb_result>() };
        // SAFETY: connection and text are alive; the result is a local, destroyed below.
        let state = unsafe { ffi::duckdb_query(self.0.raw, sql.as_ptr(), &mut result) };
        let rows = Rows {
            result,
            types: Vec::new(),
            names: Vec::new(),
            _session: Arc::clone(&self.0),
        };
        match state {
            // SAFETY: the result is alive.
            ffi::DuckDBSuccess => Ok(unsafe { ffi::duckdb_rows_changed(&mut { rows.result }) }),
            _ => Err(failed(rows.error().text)),
        }
    }

    /// Prepares exactly one statement, whose columns are then known. Those that depend on a parameter are not.
    pub fn prepare(&self, sql: &str) -> Result<Statement> {
        self.extract(sql, |extracted, statement| {
            // SAFETY: index 0 exists; the out pointer is a local's, which frees it.
            let state = unsafe {
                ffi::duckdb_prepare_extracted_statement(
                    self.0.raw,
                    extracted,
                    0,
                    &mut statement.raw,
                )
            };
            match state {
                ffi::DuckDBSuccess => Ok(()),
                // SAFETY: a failed statement still carries its message.
                _ => Err(failed(unsafe {
                    text(ffi::duckdb_prepare_error(statement.raw))
                })),
            }
        })
    }

    /// Reads exactly one statement and has `make` turn it into a prepared one.
    fn extract(
        &self,
        sql: &str,
        make: impl FnOnce(ffi::duckdb_extracted_statements, &mut Statement) -> Result<()>,
    ) -> Result<Statement> {
        let c_sql = c_string(sql)?;
        let mut extracted: ffi::duckdb_extracted_statements = ptr::null_mut();
        // SAFETY: connection and text are alive; the out pointer is a local, destroyed below.
        let count = unsafe { lumos_extract_statements(self.0.raw, c_sql.as_ptr(), &mut extracted) };
        let mut statement = Statement {
            raw: ptr::null_mut(),
            session: Arc::clone(&self.0),
        };
        let made = match count {
            0 => {
                // SAFETY: DuckDB keeps the message with the extracted statements.
                let message = unsafe { text(ffi::duckdb_extract_statements_error(extracted)) };
                Err(Error::new(if message.is_empty() {
                    "the text has no statement".into()
                } else {
                    message
                }))
            }
            1 => make(extracted, &mut statement),
            n => Err(Error::new(format!("the text has {n} statements; give one"))),
        };
        // SAFETY: not used after this.
        unsafe { ffi::duckdb_destroy_extracted(&mut extracted) };
        made.map(|()| statement)
    }

    /// All rows of a small result.
    pub fn rows(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        let mut result = self.statement(sql)?.start()?.rows()?;
        let types = result.types().to_vec();
        let mut rows = Vec::new();
        while let Some(chunk) = result.next_chunk()? {
            for row in 0..chunk.len() {
                let cells = types.iter().enumerate();
                let cells = cells.map(|(i, ty)| match chunk.column(i, ty).cell(row) {
                    Cell::Integer(v) => Value::Integer(v),
                    Cell::Text(v) => Value::Text(v.into_owned()),
                    _ => Value::Other,
                });
                rows.push(cells.collect());
            }
        }
        Ok(rows)
    }

    /// How much of the running statement is done, in percent; negative if DuckDB cannot tell.
    pub fn progress(&self) -> f64 {
        // SAFETY: reads the state of a live connection.
        unsafe { lumos_query_progress(self.0.raw) }
    }

    /// Deletes the rows whose `column`, a BIGINT, is one of these keys, in the connection's transaction, see `keys.cpp`.
    /// Returns their number, or `None` if a statement must do that, as for a table with an index or with rows that
    /// this transaction wrote.
    pub fn delete_keys(
        &self,
        (catalog, schema, table): (&str, &str, &str),
        column: &str,
        keys: &[i64],
    ) -> Result<Option<u64>> {
        let (catalog, schema, table) = (c_string(catalog)?, c_string(schema)?, c_string(table)?);
        let column = c_string(column)?;
        let mut error: *mut c_char = ptr::null_mut();
        // SAFETY: the connection, the names and the keys are alive; the out pointer is a local.
        let deleted = unsafe {
            lumos_delete_keys(
                self.0.raw,
                catalog.as_ptr(),
                schema.as_ptr(),
                table.as_ptr(),
                column.as_ptr(),
                keys.as_ptr(),
                keys.len() as ffi::idx_t,
                &mut error,
            )
        };
        // SAFETY: null, or a C string that is ours to free.
        let message = unsafe {
            let message = text(error);
            ffi::duckdb_free(error.cast::<c_void>());
            message
        };
        match deleted {
            -1 => Ok(None),
            ..0 => Err(failed(message)),
            deleted => Ok(Some(deleted.unsigned_abs())),
        }
    }

    /// Reads exactly one statement, which is planned when it starts, with the values of its parameters: so that
    /// these have their types, and nothing is planned twice, see `unplanned.cpp`.
    pub fn statement(&self, sql: &str) -> Result<Statement> {
        self.extract(sql, |extracted, statement| {
            // SAFETY: the connection is alive, index 0 exists; the out pointer is a local's, which frees it.
            let done = unsafe { lumos_unplanned(self.0.raw, extracted, &mut statement.raw) };
            if done {
                Ok(())
            } else {
                Err(failed(String::new()))
            }
        })
    }

    /// The same for a statement of the user's, which this door must take. Also says whether it may write.
    pub fn statement_through(&self, sql: &str, door: Door) -> Result<(Statement, bool)> {
        let mut writes = false;
        let statement = self.extract(sql, |extracted, statement| {
            // SAFETY: the connection is alive, index 0 exists; the out pointers are locals, and the message is ours.
            unsafe {
                taken(lumos_pass(self.0.raw, extracted, door as u8, &mut writes))?;
                if lumos_unplanned(self.0.raw, extracted, &mut statement.raw) {
                    Ok(())
                } else {
                    Err(failed(String::new()))
                }
            }
        })?;
        Ok((statement, writes))
    }

    /// Attaches the database with this file by this statement. From then on no query opens the file.
    pub fn attach_file(&self, path: &str, sql: &str) -> Result<()> {
        let (path, sql) = (c_string(path)?, c_string(sql)?);
        // SAFETY: connection and texts are alive; the message is ours.
        unsafe { taken(lumos_attach_file(self.0.raw, path.as_ptr(), sql.as_ptr())) }
    }

    /// Looks for names in the mirror, in DuckDB, and in the user's own database if it is attached, in this order.
    pub fn set_search_path(&self, own: bool) -> Result<()> {
        let mut searches = self.0.searches.lock().unwrap_or_else(|e| e.into_inner());
        // No statement changes it, and connections are used again.
        if searches.replace(own) == Some(own) {
            return Ok(());
        }
        // SAFETY: the connection is alive, and runs nothing.
        let done = unsafe { lumos_set_search_path(self.0.raw, own) };
        if done {
            Ok(())
        } else {
            *searches = None;
            Err(failed(String::new()))
        }
    }

    /// Lets the open transaction write the user's own database and no other.
    pub fn write_own(&self) -> Result<()> {
        // SAFETY: the connection is alive; the message is ours.
        unsafe { taken(lumos_write_own(self.0.raw)) }
    }

    /// Asks the running statement of this connection to end with an error. Any thread may call it.
    pub fn interrupt(&self) {
        // SAFETY: sets an atomic flag of a live connection.
        unsafe { lumos_interrupt(self.0.raw) }
    }

    /// The raw handle, for registering functions. Valid as long as `self`.
    pub fn raw(&self) -> ffi::duckdb_connection {
        self.0.raw
    }
}

// Defined in `files.cpp`, `gate.cpp`, `keys.cpp`, `values.cpp` and `unplanned.cpp`.
unsafe extern "C" {
    fn lumos_guard_files(config: ffi::duckdb_config) -> bool;
    fn lumos_guard_file(database: ffi::duckdb_database, path: *const c_char, kind: u8) -> bool;
    fn lumos_guards_file(database: ffi::duckdb_database, path: *const c_char, writes: bool)
    -> bool;
    fn lumos_attach_file(
        connection: ffi::duckdb_connection,
        path: *const c_char,
        sql: *const c_char,
    ) -> *mut c_char;
    fn lumos_set_search_path(connection: ffi::duckdb_connection, own: bool) -> bool;
    fn lumos_write_own(connection: ffi::duckdb_connection) -> *mut c_char;
    fn lumos_pass(
        connection: ffi::duckdb_connection,
        extracted: ffi::duckdb_extracted_statements,
        door: u8,
        writes: *mut bool,
    ) -> *mut c_char;
    fn lumos_count_values(config: ffi::duckdb_config) -> bool;
    fn lumos_allow_values(database: ffi::duckdb_database) -> i64;
    fn lumos_disallow_values(bytes: i64);
    fn lumos_unplanned(
        connection: ffi::duckdb_connection,
        extracted: ffi::duckdb_extracted_statements,
        out: *mut ffi::duckdb_prepared_statement,
    ) -> bool;
    fn lumos_extract_statements(
        connection: ffi::duckdb_connection,
        sql: *const c_char,
        out: *mut ffi::duckdb_extracted_statements,
    ) -> ffi::idx_t;
    fn lumos_query_progress(connection: ffi::duckdb_connection) -> f64;
    fn lumos_interrupt(connection: ffi::duckdb_connection);
    fn lumos_delete_keys(
        connection: ffi::duckdb_connection,
        catalog: *const c_char,
        schema: *const c_char,
        table: *const c_char,
        column: *const c_char,
        keys: *const i64,
        count: ffi::idx_t,
        error: *mut *mut c_char,
    ) -> i64;
}

/// Copies a C string; null is empty.
///
/// # Safety
/// `raw` is null or ends with a NUL.
unsafe fn text(raw: *const c_char) -> String {
    if raw.is_null() {
        return String::new();
    }
    // SAFETY: by contract.
    unsafe { CStr::from_ptr(raw) }
        .to_string_lossy()
        .into_owned()
}

/// An error for the message that a function of `files.cpp` or `gate.cpp` returned, if it did. Frees it.
///
/// # Safety
/// `message` is null or came from such a function, and is not used after this.
unsafe fn taken(message: *mut c_char) -> Result<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: by contract; what `strdup` made, DuckDB's `free` frees.
    unsafe {
        let error = failed(text(message));
        ffi::duckdb_free(message.cast::<c_void>());
        Err(error)
    }
}

/// The error for this message of DuckDB's, which may have none.
fn failed(message: String) -> Error {
    Error::new(if message.is_empty() {
        "DuckDB failed and gives no reason; memory may be short".into()
    } else {
        message
    })
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new("the text has a NUL character"))
}
