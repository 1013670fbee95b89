//! The questions of sessions: rows of `lumos_session`, in the caller's transaction.

use std::sync::Arc;

use lumos_core::functions::session::RESET;
use lumos_core::nl::answer::Reading;
use lumos_core::nl::asking::after;
use lumos_core::nl::session::{self, COLUMNS, DDL, EACH, MOST, TABLE, before_in_sqlite};
use lumos_core::options::Options;
use rusqlite::types::Value;
use rusqlite::{Connection, ffi, params};

use super::Bodies;
use crate::error::{Error, Result, error};
use crate::query::arguments;
use crate::session::Session;
use crate::sync::schema::has_own;
use crate::table_function::{Rows, TableFunction};

pub const BODIES: Bodies = &[(&RESET, |call| {
    let name = session::name(call.required(0)?)?;
    let connection = call.session.connection()?;
    if !has_own(&connection, TABLE, COLUMNS)? {
        return Ok(Value::Integer(0));
    }
    let sql = "DELETE FROM main.lumos_session WHERE session = ?1";
    let mut gone = 0;
    call.session.language().beside(&connection, || {
        gone = connection.execute(sql, [name])?;
        Ok(gone)
    })?;
    Ok(Value::Integer(gone as i64))
})];

/// The questions before one: those that are given, or those of its session. Errors if they cannot be read.
pub fn before(connection: &Connection, question: &str, options: &Options) -> Result<Vec<String>> {
    let Some(name) = session::of(options, question)? else {
        return Ok(after(options)?);
    };
    if !has_own(connection, TABLE, COLUMNS)? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(&before_in_sqlite())?;
    let all = statement.query_map([name], |row| row.get(0))?;
    Ok(all.collect::<rusqlite::Result<_>>()?)
}

/// Keeps an answered question in its session, if it has one. Errors if the database cannot be written.
pub fn keep(
    session: &Arc<Session>,
    connection: &Connection,
    question: &str,
    options: &Options,
    reading: &Reading,
) -> Result<()> {
    let Some(name) = session::of(options, question)? else {
        return Ok(());
    };
    // No savepoint: SQLite begins none within a statement that writes, like INSERT ... SELECT. A question that is kept while old
    // ones could not make room is no harm.
    let write = || {
        has_own(connection, TABLE, COLUMNS)?;
        connection.execute_batch(DDL)?;
        let sql = "INSERT INTO main.lumos_session(session, question, goes_on, sql) VALUES (?1, ?2, ?3, ?4)";
        let values = params![name, question, reading.keeps_topic(), reading.sql];
        let mut rows = connection.execute(sql, values)?;
        let sql = "DELETE FROM main.lumos_session WHERE session = ?1 AND turn <= \
                   (SELECT turn FROM main.lumos_session WHERE session = ?1 ORDER BY turn DESC LIMIT 1 OFFSET ?2)";
        rows += connection.execute(sql, params![name, EACH as i64])?;
        let sql = "DELETE FROM main.lumos_session WHERE turn <= (SELECT max(turn) FROM main.lumos_session) - ?1";
        rows += connection.execute(sql, [MOST as i64])?;
        Ok(rows)
    };
    session
        .language()
        .beside(connection, write)
        .map_err(|e: Error| match e.code & 0xff {
            ffi::SQLITE_READONLY => Error {
                message: format!(
                    "session \"{name}\" keeps no question, since the database is read-only; give those before in \"after\" instead"
                ),
                ..e
            },
            _ => e,
        })
}

/// Errors if a table is to be made of a question of a session, which asks it more than once.
pub fn check_no_session(options: &Options) -> Result<()> {
    if options.text(session::SESSION.name).is_some() {
        return Err(error(
            "a table that is read often has no session; give the questions before in \"after\"",
        ));
    }
    Ok(())
}

/// `lumos_session_history`.
pub struct History;

impl TableFunction for History {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let name =
            arguments::text(&given[0])?.ok_or_else(|| error("session is NULL; give a text"))?;
        let name = session::name(name)?;
        let connection = session.connection()?;
        if !has_own(&connection, TABLE, COLUMNS)? {
            return Ok(Box::new(std::iter::empty()));
        }
        let sql = "SELECT turn, question, goes_on, sql FROM main.lumos_session WHERE session = ?1 ORDER BY turn";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([name], |row| (0..4).map(|i| row.get(i)).collect())?;
        let rows: Vec<Vec<Value>> = rows.collect::<rusqlite::Result<_>>()?;
        Ok(Box::new(rows.into_iter().map(Ok)))
    }
}
