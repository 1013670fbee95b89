//! The error of this crate: a sentence, and SQLite's code for it.

use std::ffi::c_int;

use lumos_core::error::shown;
use lumos_core::mirror::MirrorType;
use lumos_duckdb::engine::{self, ErrorKind};
use rusqlite::ffi;
use rusqlite::types::Value;

/// What went wrong: the sentence without the function's name, and a result code of SQLite.
#[derive(Debug, Clone)]
pub struct Error {
    /// The sentence; the function's name is put in front at the boundary.
    pub message: String,
    /// `SQLITE_ERROR` and others; `SQLITE_BUSY` and `SQLITE_INTERRUPT` matter to drivers.
    pub code: c_int,
    /// The id of the tracked table that could not be copied, if that is what failed.
    pub table: Option<i64>,
    /// The value that does not fit its column, if that is what failed.
    pub unfit: Option<Box<Unfit>>,
    /// What DuckDB's error was, if it was one.
    pub kind: ErrorKind,
}

/// A value that does not fit its column.
#[derive(Debug, Clone)]
pub struct Unfit {
    /// The column.
    pub column: String,
    /// The type that it had to be of.
    pub ty: MirrorType,
    /// The key of its row.
    pub key: Vec<Value>,
}

/// `Result` with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What SQLite itself says of an interrupt.
const INTERRUPTED: &str = "interrupted";

/// An error with this sentence.
pub fn error(message: impl Into<String>) -> Error {
    Error {
        message: message.into(),
        code: ffi::SQLITE_ERROR,
        table: None,
        unfit: None,
        kind: ErrorKind::Other,
    }
}

impl Error {
    /// The host asked to stop.
    pub fn interrupted() -> Error {
        Error {
            message: INTERRUPTED.into(),
            code: ffi::SQLITE_INTERRUPT,
            table: None,
            unfit: None,
            kind: ErrorKind::Other,
        }
    }

    /// The error as SQLite shows it, with the function's name in front.
    pub fn named(self, function: &str) -> rusqlite::Error {
        let message = match self.code {
            // SQLite has words for it.
            ffi::SQLITE_INTERRUPT if self.message == INTERRUPTED => None,
            _ => Some(shown(&format!("{function}: {}", self.message))),
        };
        rusqlite::Error::SqliteFailure(ffi::Error::new(self.code), message)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(e: rusqlite::Error) -> Self {
        match e {
            rusqlite::Error::SqliteFailure(e, message) => Error {
                message: message.unwrap_or_else(|| e.to_string()),
                code: e.extended_code,
                table: None,
                unfit: None,
                kind: ErrorKind::Other,
            },
            e => error(e.to_string()),
        }
    }
}

impl From<engine::Error> for Error {
    fn from(e: engine::Error) -> Self {
        // The view in the place of a table that failed says all.
        if let Some(message) = e.raised()
            && message.starts_with("table")
        {
            return error(message);
        }
        let message = if e.kind == ErrorKind::Damaged {
            format!(
                "{e}; the mirror is damaged: lumos_resync('*') copies it again, or if that fails too, detach it everywhere and remove its file"
            )
        } else {
            e.text
        };
        Error {
            kind: e.kind,
            ..error(message)
        }
    }
}

impl From<lumos_core::Error> for Error {
    fn from(e: lumos_core::Error) -> Self {
        error(e.to_string())
    }
}
