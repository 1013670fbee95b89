//! Lumos for SQLite: the entry points, and what they register on a connection.
//!
//! The way of a call: SQLite → [`scalar`] or a virtual table ([`query`], [`status`]) → [`session`], which knows
//! the connection's [`mirror`] → [`track`] and [`sync`] for writing it, [`stream`] for reading it.
//! Beneath `sync`: [`apply`] does one run of it, [`copy`] moves rows, [`schema`] and [`changelog`] know the source.
//! [`host`] is the door: the API table of the host's SQLite, and the guards of a guest.

mod answer;
mod apply;
mod arguments;
mod auto;
mod cache;
mod catalog;
mod changelog;
mod copy;
mod error;
mod exec;
mod files;
mod host;
mod known;
mod lock;
mod mirror;
mod nested;
mod prepared;
mod query;
mod relation;
mod route;
mod router;
mod scalar;
mod schema;
mod session;
mod status;
mod stream;
mod sync;
mod track;
mod values;

use std::ffi::{c_char, c_int};

use rusqlite::Connection;
use rusqlite::ffi::{sqlite3, sqlite3_api_routines};

/// The entry point that SQLite derives from the file name `lumos`.
///
/// # Safety
/// Called by SQLite with a live connection, a place for a message, and its API table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sqlite3_lumos_init(
    db: *mut sqlite3,
    message: *mut *mut c_char,
    api: *mut sqlite3_api_routines,
) -> c_int {
    // SAFETY: by contract.
    unsafe { host::load(db, message, api, register) }
}

/// The entry point for drivers that pass none, and for renamed files.
///
/// # Safety
/// As [`sqlite3_lumos_init`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sqlite3_extension_init(
    db: *mut sqlite3,
    message: *mut *mut c_char,
    api: *mut sqlite3_api_routines,
) -> c_int {
    // SAFETY: by contract.
    unsafe { host::load(db, message, api, register) }
}

/// Registers all functions on this connection. Starts no DuckDB and opens no file.
fn register(connection: Connection) -> rusqlite::Result<bool> {
    let session = session::Session::new(&connection);
    scalar::register(&connection, &session)?;
    query::register(&connection, &session)?;
    status::register(&connection, &session)?;
    let router = router::Router::new(&session);
    auto::register(&connection, &router)?;
    route::register(&connection, &router)?;
    // Stay loaded after the connection closes: DuckDB's threads and statics must not lose their code.
    Ok(true)
}
