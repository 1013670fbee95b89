//! Statements, and the rows that they give.

use std::borrow::Cow;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

use libduckdb_sys as ffi;

use super::chunk::Chunk;
use super::types::LogicalType;
use super::{Error, Result, Session, c_string, failed, text};

/// What kind of statement a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// SELECT, or what DuckDB turns into one (VALUES, FROM, DESCRIBE, SUMMARIZE, SHOW).
    Select,
    /// EXPLAIN.
    Explain,
    /// INSERT, UPDATE, DELETE, MERGE or COPY: its result is the number of rows.
    Change,
    /// What expands into several statements, like PIVOT.
    Several,
    /// Everything else.
    Other,
}

/// A prepared statement.
pub struct Statement {
    pub(super) raw: ffi::duckdb_prepared_statement,
    pub(super) session: Arc<Session>,
}

// SAFETY: used by one owner at a time; the connection below locks for itself.
unsafe impl Send for Statement {}

/// A value for a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Param<'a> {
    /// NULL.
    Null,
    /// BOOLEAN.
    Boolean(bool),
    /// INTEGER if it fits, as if written into the text, else BIGINT.
    Integer(i64),
    /// UBIGINT.
    Unsigned(u64),
    /// DOUBLE.
    Real(f64),
    /// VARCHAR; may hold NUL characters.
    Text(Cow<'a, str>),
    /// BLOB.
    Blob(Cow<'a, [u8]>),
}

impl Statement {
    /// SELECT, EXPLAIN or another.
    pub fn kind(&self) -> StatementKind {
        // SAFETY: the statement is alive.
        match unsafe { ffi::duckdb_prepared_statement_type(self.raw) } {
            ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_SELECT => StatementKind::Select,
            ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_EXPLAIN => StatementKind::Explain,
            ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_INSERT
            | ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_UPDATE
            | ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_DELETE
            | ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_MERGE_INTO
            | ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_COPY => StatementKind::Change,
            ffi::duckdb_statement_type_DUCKDB_STATEMENT_TYPE_MULTI => StatementKind::Several,
            _ => StatementKind::Other,
        }
    }

    /// The number of parameters.
    pub fn param_count(&self) -> usize {
        // SAFETY: the statement is alive.
        unsafe { ffi::duckdb_nparams(self.raw) as usize }
    }

    /// The position, from 1, of the parameter with this name (without `$`).
    pub fn param_position(&self, name: &str) -> Option<usize> {
        let name = c_string(name).ok()?;
        let mut position: ffi::idx_t = 0;
        // SAFETY: the statement and the text are alive; the out pointer is a local.
        let state =
            unsafe { ffi::duckdb_bind_parameter_index(self.raw, &mut position, name.as_ptr()) };
        (state == ffi::DuckDBSuccess).then_some(position as usize)
    }

    /// Gives the parameter at `position`, from 1, its value.
    pub fn bind(&mut self, position: usize, value: &Param<'_>) -> Result<()> {
        let at = position as ffi::idx_t;
        // SAFETY: the statement is alive; DuckDB copies text and bytes within the call.
        let state = unsafe {
            match value {
                Param::Null => ffi::duckdb_bind_null(self.raw, at),
                Param::Boolean(v) => ffi::duckdb_bind_boolean(self.raw, at, *v),
                Param::Integer(v) => match i32::try_from(*v) {
                    Ok(v) => ffi::duckdb_bind_int32(self.raw, at, v),
                    Err(_) => ffi::duckdb_bind_int64(self.raw, at, *v),
                },
                Param::Unsigned(v) => ffi::duckdb_bind_uint64(self.raw, at, *v),
                Param::Real(v) => ffi::duckdb_bind_double(self.raw, at, *v),
                Param::Text(v) => ffi::duckdb_bind_varchar_length(
                    self.raw,
                    at,
                    v.as_ptr().cast(),
                    v.len() as ffi::idx_t,
                ),
                Param::Blob(v) => {
                    lumos_bind_blob(self.raw, at, v.as_ptr().cast(), v.len() as ffi::idx_t)
                }
            }
        };
        match state {
            ffi::DuckDBSuccess => Ok(()),
            // SAFETY: the statement is alive.
            _ => Err(failed(unsafe { text(ffi::duckdb_prepare_error(self.raw)) })),
        }
    }

    /// The names and types of the result's columns, without running anything.
    pub fn columns(&self) -> Vec<(String, LogicalType)> {
        // SAFETY: the statement is alive; each name is DuckDB's to free, each type is freed by `take`.
        unsafe {
            (0..ffi::duckdb_prepared_statement_column_count(self.raw))
                .map(|i| {
                    let name = ffi::duckdb_prepared_statement_column_name(self.raw, i);
                    let owned = text(name);
                    ffi::duckdb_free(name.cast_mut().cast::<c_void>());
                    (
                        owned,
                        LogicalType::take(ffi::duckdb_prepared_statement_column_logical_type(
                            self.raw, i,
                        )),
                    )
                })
                .collect()
        }
    }

    /// Runs the statement; rows come in chunks while it goes on.
    pub fn stream(self) -> Result<Rows> {
        self.start()?.rows()
    }

    /// Plans the statement and leaves it at the point where its columns are known.
    pub fn start(self) -> Result<Pending> {
        let mut pending = Pending {
            raw: ptr::null_mut(),
            session: Arc::clone(&self.session),
        };
        // SAFETY: the statement is alive; the out pointer is a local's, which frees it also after an error.
        unsafe {
            match ffi::duckdb_pending_prepared_streaming(self.raw, &mut pending.raw) {
                ffi::DuckDBSuccess => Ok(pending),
                _ => Err(failed(text(ffi::duckdb_pending_error(pending.raw)))),
            }
        }
    }
}

/// A statement that was started, before its first row.
pub struct Pending {
    raw: ffi::duckdb_pending_result,
    session: Arc<Session>,
}

impl Pending {
    /// The names and types of the result's columns; `None` for a statement that expands into several, like PIVOT:
    /// they are known once it ran.
    pub fn columns(&self) -> Option<Vec<(String, LogicalType)>> {
        let mut count: ffi::idx_t = 0;
        // SAFETY: the pending result is alive; the out pointer is a local.
        let known = unsafe { lumos_pending_column_count(self.raw, &mut count) };
        // SAFETY: as above; names belong to the result and are copied, each type is freed by `take`.
        let column = |i| unsafe {
            (
                text(lumos_pending_column_name(self.raw, i)),
                LogicalType::take(lumos_pending_column_type(self.raw, i)),
            )
        };
        known.then(|| (0..count).map(column).collect())
    }

    /// Runs it until the first rows are there.
    pub fn rows(self) -> Result<Rows> {
        let mut rows = Rows {
            // SAFETY: an all-zero duckdb_result is what DuckDB expects to fill.
            result: unsafe { std::mem::zeroed::<ffi::duckdb_result>() },
            types: Vec::new(),
            names: Vec::new(),
            _session: Arc::clone(&self.session),
        };
        // SAFETY: both are alive; names belong to the result and are copied, types are freed by `take`.
        unsafe {
            if ffi::duckdb_execute_pending(self.raw, &mut rows.result) != ffi::DuckDBSuccess {
                let error = text(ffi::duckdb_result_error(&mut rows.result));
                return Err(failed(if error.is_empty() {
                    text(ffi::duckdb_pending_error(self.raw))
                } else {
                    error
                }));
            }
            let mut count: ffi::idx_t = 0;
            if !lumos_column_count(&mut rows.result, &mut count) {
                return Err(failed(String::new()));
            }
            for i in 0..count {
                rows.names
                    .push(text(ffi::duckdb_column_name(&mut rows.result, i)));
                rows.types
                    .push(LogicalType::take(ffi::duckdb_column_logical_type(
                        &mut rows.result,
                        i,
                    )));
            }
        }
        Ok(rows)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if std::process::id() == self.session.database.pid {
            // SAFETY: owned, and not used after this.
            unsafe { lumos_destroy_pending(&mut self.raw) }
        }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        if std::process::id() == self.session.database.pid {
            // SAFETY: owned, and not used after this.
            unsafe { ffi::duckdb_destroy_prepare(&mut self.raw) }
        }
    }
}

/// A result that is being read.
pub struct Rows {
    pub(super) result: ffi::duckdb_result,
    pub(super) types: Vec<LogicalType>,
    pub(super) names: Vec<String>,
    pub(super) _session: Arc<Session>,
}

// SAFETY: used by one owner at a time; the connection below locks for itself.
unsafe impl Send for Rows {}

impl Rows {
    /// The columns' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns' types.
    pub fn types(&self) -> &[LogicalType] {
        &self.types
    }

    /// Reads a column of texts as the numbers whose digits they are; columns of other types stay as they are.
    pub fn take_for_digits(&mut self, column: usize) {
        if let Some(ty @ LogicalType::Text) = self.types.get_mut(column) {
            *ty = LogicalType::Digits;
        }
    }

    /// True if the one value of the result is the number of rows changed.
    pub fn counts_changes(&self) -> bool {
        // SAFETY: the result is alive.
        unsafe {
            ffi::duckdb_result_return_type(self.result)
                == ffi::duckdb_result_type_DUCKDB_RESULT_TYPE_CHANGED_ROWS
        }
    }

    /// The next rows, at most 2048; `None` at the end.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        loop {
            // SAFETY: the result is alive.
            let raw = unsafe { ffi::duckdb_fetch_chunk(self.result) };
            if raw.is_null() {
                let error = self.error();
                return if error.text.is_empty() {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
            let chunk = Chunk::own(raw);
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
    }

    pub(super) fn error(&self) -> Error {
        // SAFETY: the result is alive, and the message belongs to it.
        Error::new(unsafe { text(ffi::duckdb_result_error(&mut { self.result })) })
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if std::process::id() == self._session.database.pid {
            // SAFETY: owned, and not used after this.
            unsafe { ffi::duckdb_destroy_result(&mut self.result) }
        }
    }
}

// Defined in `unplanned.cpp`.
unsafe extern "C" {
    fn lumos_pending_column_count(
        pending: ffi::duckdb_pending_result,
        count: *mut ffi::idx_t,
    ) -> bool;
    fn lumos_pending_column_name(
        pending: ffi::duckdb_pending_result,
        column: ffi::idx_t,
    ) -> *const c_char;
    fn lumos_pending_column_type(
        pending: ffi::duckdb_pending_result,
        column: ffi::idx_t,
    ) -> ffi::duckdb_logical_type;
    fn lumos_column_count(result: *mut ffi::duckdb_result, count: *mut ffi::idx_t) -> bool;
    fn lumos_bind_blob(
        statement: ffi::duckdb_prepared_statement,
        position: ffi::idx_t,
        data: *const c_void,
        size: ffi::idx_t,
    ) -> ffi::duckdb_state;
    fn lumos_destroy_pending(pending: *mut ffi::duckdb_pending_result);
}
