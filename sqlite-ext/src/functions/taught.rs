//! What people teach for questions: rows of `lumos_language`, stored in the caller's transaction.

use std::sync::Arc;

use lumos_core::ValueRef;
use lumos_core::functions::taught::{
    DESCRIBE, FEEDBACK, LEARNED, METRIC_DEFINE, SYNONYM_ADD, UNLEARN, VERIFIED_ADD, VERIFIED_LIST,
    VERIFIED_REMOVE,
};
use lumos_core::gate::policy::Policy;
use lumos_core::nl::asking::sqlite_policy;
use lumos_core::nl::taught::{DDL, KINDS, Taught};
use lumos_core::nl::teach;
use lumos_core::sql::lexer::Dialect;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Bodies, Call};
use crate::error::{Result, error};
use crate::gate;
use crate::query::arguments;
use crate::session::Session;
use crate::sync::schema::atomically;
use crate::table_function::{Rows, TableFunction};

pub const BODIES: Bodies = &[
    (&SYNONYM_ADD, |call| {
        store(call, "synonym", ["word", "target"], false)
    }),
    (&METRIC_DEFINE, |call| {
        store(call, "metric", ["name", "sql"], true)
    }),
    (&DESCRIBE, |call| {
        store(call, "description", ["target", "text"], true)
    }),
    (&VERIFIED_ADD, |call| {
        store(call, "verified", ["question", "sql"], true)
    }),
    (&VERIFIED_REMOVE, |call| {
        let question = call.required(0)?;
        remove(call, "verified", question, None)
    }),
    (&UNLEARN, |call| {
        let kind = call.required(0)?;
        if !KINDS.contains(&kind) {
            let kinds = KINDS.join(", ");
            return Err(error(format!(
                "there is no kind \"{kind}\"; the kinds are {kinds}"
            )));
        }
        remove(call, kind, call.required(1)?, call.text(2)?)
    }),
    (&FEEDBACK, |call| {
        let row = row(call, "feedback", ["question", "sql"])?;
        let rating = match call.arguments.get_raw(2) {
            rusqlite::types::ValueRef::Integer(n) => teach::rating(Some(&ValueRef::Integer(n)))?,
            _ => teach::rating(None)?,
        };
        let connection = call.session.connection()?;
        make(&connection)?;
        let sql = "INSERT INTO main.lumos_language(kind, word, meaning, good, bad) VALUES ('feedback', ?1, ?2, ?3, ?4) \
                   ON CONFLICT DO UPDATE SET good = good + excluded.good, bad = bad + excluded.bad RETURNING good - bad";
        let (good, bad) = (i64::from(rating == 1), i64::from(rating == -1));
        let values = params![row.word, row.meaning, good, bad];
        Ok(Value::Integer(connection.query_row(
            sql,
            values,
            |row| row.get(0),
        )?))
    }),
];

/// The table, which is made when it is first needed.
fn make(connection: &Connection) -> Result<()> {
    let sql = DDL.replace("EXISTS lumos_language", "EXISTS main.lumos_language");
    Ok(connection.execute_batch(&sql)?)
}

fn row(call: &Call<'_>, kind: &str, names: [&str; 2]) -> Result<Taught> {
    let texts = [call.text(0)?, call.text(1)?];
    let texts = texts.map(|text| text.map_or(ValueRef::Null, ValueRef::Text));
    Ok(teach::row(kind, names, &texts)?)
}

/// Stores a row that is right, in place of others of its word if `alone` says so.
fn store(call: &Call<'_>, kind: &str, names: [&str; 2], alone: bool) -> Result<Value> {
    let row = row(call, kind, names)?;
    let connection = call.session.connection()?;
    let policy = Policy::default();
    let known = call.session.language().known(&connection, &policy)?;
    let refusal = |sql: &str| match gate::check(&connection, sql, &policy) {
        Ok(verdict) => verdict.sql.err(),
        Err(e) => Some(e.message),
    };
    teach::check(&row, &known.catalog, Dialect::Sqlite, &refusal)?;
    let mut added = 0;
    atomically(&connection, || {
        make(&connection)?;
        if alone {
            let sql = "DELETE FROM main.lumos_language WHERE kind = ?1 AND word = ?2";
            connection.execute(sql, params![row.kind, row.word])?;
        }
        let sql =
            "INSERT OR IGNORE INTO main.lumos_language(kind, word, meaning) VALUES (?1, ?2, ?3)";
        added = connection.execute(sql, params![row.kind, row.word, row.meaning])?;
        Ok(())
    })?;
    Ok(Value::Integer(added as i64))
}

fn remove(call: &Call<'_>, kind: &str, word: &str, meaning: Option<&str>) -> Result<Value> {
    let connection = call.session.connection()?;
    let there = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'lumos_language'";
    let there: Option<i64> = connection
        .query_row(there, [], |row| row.get(0))
        .optional()?;
    if there.is_none() {
        return Ok(Value::Integer(0));
    }
    let sql = "DELETE FROM main.lumos_language WHERE kind = ?1 AND word = ?2 AND (?3 IS NULL OR meaning = ?3)";
    let removed = connection.execute(sql, params![kind, word, meaning])?;
    Ok(Value::Integer(removed as i64))
}

/// `lumos_learned`.
pub struct Learned;

impl TableFunction for Learned {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let rows = listed(session, &given[0], LEARNED.options)?;
        Ok(Box::new(rows.into_iter().map(Ok)))
    }
}

/// `lumos_verified_list`.
pub struct Verified;

impl TableFunction for Verified {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let rows = listed(session, &given[0], VERIFIED_LIST.options)?;
        let rows = rows
            .into_iter()
            .filter(|row| row[0] == Value::Text("verified".into()));
        Ok(Box::new(rows.map(|row| {
            Ok(vec![row[1].clone(), row[2].clone(), row[6].clone()])
        })))
    }
}

fn listed(
    session: &Arc<Session>,
    options: &Value,
    known: &[lumos_core::options::OptionDef],
) -> Result<Vec<Vec<Value>>> {
    let policy = sqlite_policy(&arguments::options(known, options)?)?;
    let connection = session.connection()?;
    let known = session.language().known(&connection, &policy)?;
    let value = |value| match value {
        lumos_core::Value::Integer(v) => Value::Integer(v),
        lumos_core::Value::Real(v) => Value::Real(v),
        lumos_core::Value::Text(v) => Value::Text(v),
        _ => Value::Null,
    };
    let row =
        |listed: &lumos_core::nl::taught::Listed| listed.values().into_iter().map(value).collect();
    Ok(known.listed.iter().map(row).collect())
}
