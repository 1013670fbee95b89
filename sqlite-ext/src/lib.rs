#![doc = include_str!("../README.md")]

mod access;
mod attach_options;
mod bounded;
mod error;
mod faults;
mod functions;
mod gate;
mod group;
mod host;
mod language;
mod layout;
mod locks;
mod mirror;
mod program;
mod progress;
mod query;
mod route;
mod scalar;
mod session;
mod sync;
mod system;
mod table_function;
mod text;
mod topk;
mod values;
mod vector;

use std::ffi::{c_char, c_int};

use lumos_core::functions::hybrid::HYBRID;
use lumos_core::functions::route::ROUTE;
use rusqlite::Connection;
use rusqlite::ffi::{sqlite3, sqlite3_api_routines};

use crate::route::explain::Route;
use crate::text::hybrid::Hybrid;

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
    topk::register(&connection)?;
    group::register(&connection)?;
    query::register(&connection, &session)?;
    functions::reports::register_all(&connection, &session)?;
    let registry = vector::register(&connection)?;
    text::tokenizer::register(&connection)?;
    table_function::register::<Hybrid>(&connection, &HYBRID, &registry)?;
    program::register(&connection, &registry)?;
    let router = route::Router::new(&session);
    route::auto::register(&connection, &router)?;
    table_function::register::<Route>(&connection, &ROUTE, &router)?;
    // Stay loaded after the connection closes: DuckDB's threads and statics must not lose their code.
    Ok(true)
}
