//! Questions in words.

use std::sync::Arc;
use std::time::Duration;

use lumos_core::functions::ask::{ASK, LINK, PARSE, TO_SQL};
use lumos_core::gate::policy::Policy;
use lumos_core::memory::moment;
use lumos_core::nl::answer::{LOW, Outcome, Reading, band, readings_after, too_unsure};
use lumos_core::nl::asking::{BYTES, ROWS, TIMEOUT, as_options, sqlite_policy, too_many_bytes};
use lumos_core::nl::links::links;
use lumos_core::nl::model;
use lumos_core::nl::print::Dialect;
use lumos_core::nl::reader::Reader;
use lumos_core::nl::tier::pool::with_why;
use lumos_core::nl::tier::prompt::Asked;
use lumos_core::nl::tier::vote::PARSED;
use lumos_core::options::Options;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ffi};
use serde_json::{Map, Value as Json};

use super::{Bodies, llm, sessions};
use crate::error::{Error, Result, error};
use crate::host::check_interrupt;
use crate::host::statement::HostStatement;
use crate::query::arguments;
use crate::session::Session;
use crate::table_function::{Made, Rows, TableFunction};
use crate::{bounded, gate};

/// How long a reading may take that is tried.
const TIME: Duration = Duration::from_secs(30);

pub const BODIES: Bodies = &[(&TO_SQL, |call| {
    let (question, options) = (call.required(0)?, call.options(1)?);
    let (connection, reading) = reading(call.session, question, &options)?;
    sessions::keep(call.session, &connection, question, &options, &reading)?;
    Ok(Value::Text(reading.sql))
})];

/// What the first row of a reading is. Errors if it is interrupted, or SQLite fails for a reason that is none of the
/// reading's.
fn probe(connection: &Connection, sql: &str, policy: &Policy) -> Result<Outcome> {
    if gate::check(connection, sql, policy)?.sql.is_err() {
        return Ok(Outcome::Error);
    }
    let mut found = Outcome::Empty;
    let first = bounded::run(connection, sql, TIME, |statement| {
        let null = |i| matches!(statement.value(i), ValueRef::Null);
        found = if (0..statement.columns()).all(null) {
            Outcome::Nulls
        } else {
            Outcome::Rows
        };
        Ok(false)
    });
    first
        .map(|()| found)
        .or_else(|e: Error| match e.code & 0xff {
            // A function that the authorizer denies, an overflow, an expression that is too long.
            ffi::SQLITE_ERROR | ffi::SQLITE_AUTH | ffi::SQLITE_TOOBIG => Ok(Outcome::Error),
            _ => Err(e),
        })
}

fn all(
    session: &Arc<Session>,
    question: &str,
    options: &Options,
    most: usize,
) -> Result<(Connection, Vec<Reading>)> {
    let connection = session.connection()?;
    let policy = sqlite_policy(options)?;
    let known = session.language().known(&connection, &policy)?;
    // The catalog is what the tables were chosen from; a view that is one of them reads others.
    let policy = policy.without_tables();
    if known.catalog.tables.is_empty() {
        return Err(error("there is no table to ask about"));
    }
    let stopped = || check_interrupt(&connection).is_err();
    let reader = Reader {
        catalog: &known.catalog,
        vocabulary: &known.vocabulary,
        model: model(),
        dialect: Dialect::Sqlite,
        now: moment::option(options, "now")?,
        stopped: &stopped,
    };
    let after = sessions::before(&connection, question, options)?;
    let readings = readings_after(&reader, &after, question, most.max(PARSED), &mut |sql| {
        probe(&connection, sql, &policy)
    })?;
    check_interrupt(&connection)?;
    let asked = Asked {
        question,
        after: &after,
    };
    let mut readings = llm::with_model(session, &connection, &reader, options, &asked, readings)?;
    readings.truncate(most);
    Ok((connection, readings))
}

/// The reading to answer. Errors if there is none that is sure enough.
fn reading(
    session: &Arc<Session>,
    question: &str,
    options: &Options,
) -> Result<(Connection, Reading)> {
    let (connection, readings) = all(session, question, options, 1)?;
    let least = options.number("min_confidence").unwrap_or(LOW);
    let Some(reading) = readings.into_iter().next() else {
        return Err(error(
            "nothing in the question is known here; lumos_link shows what words mean",
        ));
    };
    too_unsure(&reading.sql, reading.confidence, &reading.unmatched, least)
        .map_err(|e| with_why(&e, &reading.assumptions))?;
    Ok((connection, reading))
}

fn list(words: &[String]) -> Value {
    Value::Text(Json::from(words).to_string())
}

fn question(given: &[Value]) -> Result<&str> {
    arguments::text(&given[0])?.ok_or_else(|| error("question is NULL; give a text"))
}

/// `lumos_parse`.
pub struct Parse;

impl TableFunction for Parse {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let options = match &given[1] {
            Value::Integer(k) => Options::parse(PARSE.options, Some(&as_options(*k)))?,
            options => arguments::options(PARSE.options, options)?,
        };
        let k = options
            .integer("k")
            .and_then(|k| usize::try_from(k).ok())
            .unwrap_or(5);
        let (_, readings) = all(session, question(given)?, &options, k)?;
        Ok(Box::new(readings.into_iter().enumerate().map(|(i, r)| {
            Ok(vec![
                Value::Integer(i as i64 + 1),
                Value::Text(r.sql.clone()),
                Value::Real(r.confidence),
                Value::Text(band(r.confidence).into()),
                list(&r.assumptions),
                list(&r.unmatched),
            ])
        })))
    }
}

/// `lumos_link`.
pub struct Link;

impl TableFunction for Link {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let options = arguments::options(LINK.options, &given[1])?;
        let question = question(given)?;
        let connection = session.connection()?;
        let known = session
            .language()
            .known(&connection, &sqlite_policy(&options)?)?;
        let rows = links(&known.catalog, &known.vocabulary, question);
        let rows: Vec<_> = rows
            .into_iter()
            .map(|link| {
                Ok(vec![
                    Value::Text(link.span),
                    Value::Text(link.kind.into()),
                    Value::Text(link.target),
                    Value::Real(link.score),
                ])
            })
            .collect();
        Ok(Box::new(rows.into_iter()))
    }
}

/// `lumos_ask`.
pub struct Ask;

impl TableFunction for Ask {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let options = arguments::options(ASK.options, &given[1])?;
        let question = question(given)?;
        let (connection, reading) = reading(session, question, &options)?;
        let rows = run(
            &connection,
            &reading.sql,
            &options,
            most(&options),
            &mut |statement| {
                vec![
                    Value::Text(row(statement)),
                    Value::Text(reading.sql.clone()),
                    Value::Real(reading.confidence),
                    list(&reading.assumptions),
                ]
            },
        )?;
        sessions::keep(session, &connection, question, &options, &reading)?;
        Ok(Box::new(rows.into_iter().map(Ok)))
    }

    fn make(session: &Arc<Session>, given: &[Value]) -> Result<Made> {
        let options = arguments::options(ASK.options, &given[1])?;
        sessions::check_no_session(&options)?;
        let (connection, reading) = reading(session, question(given)?, &options)?;
        let statement = HostStatement::own(&connection, &reading.sql)?;
        let mut columns: Vec<(String, &'static str)> = Vec::new();
        for i in 0..statement.columns() {
            let mut name = statement.name(i);
            if columns
                .iter()
                .any(|(other, _)| other.eq_ignore_ascii_case(&name))
            {
                name = format!("{name}:{}", i + 1);
            }
            columns.push((name, gate::affinity(&statement.declared(i))));
        }
        Ok(Made {
            columns,
            sql: reading.sql,
            question: question(given)?.to_owned(),
            options,
            schema: schema_version(&connection)?,
        })
    }

    fn made(session: &Arc<Session>, made: &Made) -> Result<Rows> {
        let connection = session.connection()?;
        let policy = sqlite_policy(&made.options)?.without_tables();
        // Where a column is gone SQLite takes its name in double quotes as a text.
        if schema_version(&connection)? != made.schema {
            let (_, now) = reading(session, &made.question, &made.options)?;
            if now.sql != made.sql {
                return Err(error(
                    "the schema has changed, and the question is read otherwise; make the table anew",
                ));
            }
        }
        gate::check(&connection, &made.sql, &policy)?
            .sql
            .map_err(|reason| error(format!("{reason}; make the table anew")))?;
        let rows = run(
            &connection,
            &made.sql,
            &made.options,
            most(&made.options),
            &mut |statement| {
                (0..statement.columns())
                    .map(|i| owned(statement.value(i)))
                    .collect()
            },
        )?;
        Ok(Box::new(rows.into_iter().map(Ok)))
    }
}

fn schema_version(connection: &Connection) -> Result<i64> {
    Ok(connection.query_row("PRAGMA main.schema_version", [], |row| row.get(0))?)
}

/// The most rows of an answer.
fn most(options: &Options) -> usize {
    let most = options.integer(ROWS.name);
    most.and_then(|n| usize::try_from(n).ok()).unwrap_or(1000)
}

/// The rows of a SELECT that has passed the gate, within the limits that the options say.
pub fn run(
    connection: &Connection,
    sql: &str,
    options: &Options,
    most: usize,
    row: &mut dyn FnMut(&HostStatement) -> Vec<Value>,
) -> Result<Vec<Vec<Value>>> {
    let time = options
        .integer(TIMEOUT.name)
        .and_then(|n| u64::try_from(n).ok());
    let time = Duration::from_millis(time.unwrap_or(30_000));
    let mut rows = Vec::new();
    let mut bytes = 0;
    bounded::run(connection, sql, time, |statement| {
        let row = row(statement);
        let sizes = row.iter().map(|value| match value {
            Value::Text(text) => text.len(),
            Value::Blob(blob) => blob.len(),
            _ => 8,
        });
        bytes += sizes.sum::<usize>();
        if bytes > BYTES {
            return Err(too_many_bytes().into());
        }
        rows.push(row);
        Ok(rows.len() < most)
    })?;
    Ok(rows)
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(v) => Value::Integer(v),
        ValueRef::Real(v) => Value::Real(v),
        ValueRef::Text(v) => Value::Text(String::from_utf8_lossy(v).into_owned()),
        ValueRef::Blob(v) => Value::Blob(v.to_vec()),
    }
}

/// A row as a JSON object; a column whose name another has already is called by its number too.
pub fn row(statement: &HostStatement) -> String {
    let mut object = Map::new();
    for i in 0..statement.columns() {
        let mut name = statement.name(i);
        if object.contains_key(&name) {
            name = format!("{name}:{}", i + 1);
        }
        let value = match statement.value(i) {
            ValueRef::Null => Json::Null,
            ValueRef::Integer(v) => Json::from(v),
            ValueRef::Real(v) => Json::from(v),
            ValueRef::Text(v) => Json::from(String::from_utf8_lossy(v).into_owned()),
            ValueRef::Blob(v) => {
                Json::from(v.iter().map(|b| format!("{b:02x}")).collect::<String>())
            }
        };
        object.insert(name, value);
    }
    Json::Object(object).to_string()
}
