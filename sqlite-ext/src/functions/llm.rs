//! `lumos_llm_configure`, `lumos_llm_log`, and questions that a model is asked too.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lumos_core::functions::llm::CONFIGURE;
use lumos_core::gate::policy::Policy;
use lumos_core::nl::answer::{Outcome, Reading};
use lumos_core::nl::asking::sqlite_policy;
use lumos_core::nl::reader::Reader;
use lumos_core::nl::tier::log::{COLUMNS, DDL, Entry, ROWS, TABLE, kept};
use lumos_core::nl::tier::pool::{Pool, nothing, reason, without};
use lumos_core::nl::tier::prompt::{Asked, Prompt};
use lumos_core::nl::tier::{Consulted, Means, Tier, insists, vote, wanted};
use lumos_core::options::Options;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ffi, params, params_from_iter};

use super::{Bodies, json};
use crate::error::{Error, Result};
use crate::program::output;
use crate::session::Session;
use crate::sync::schema::has_own;
use crate::table_function::{Rows, TableFunction};
use crate::{bounded, gate};

/// How long all SELECTs of a vote may take.
const TIME: Duration = Duration::from_secs(30);

pub const BODIES: Bodies = &[(&CONFIGURE, |call| {
    json(lumos_duckdb::llm::configure(call.text(0)?)?)
})];

/// The readings of the parser, and those of the model where it is to be asked. Errors if it alone is to answer and does not,
/// or the call is interrupted.
pub fn with_model(
    session: &Arc<Session>,
    connection: &Connection,
    reader: &Reader<'_>,
    options: &Options,
    asked: &Asked<'_>,
    mut parsed: Vec<Reading>,
) -> Result<Vec<Reading>> {
    let Some(tier) = wanted(options, parsed.first().map(|r| r.confidence))? else {
        return Ok(parsed);
    };
    let policy = sqlite_policy(options)?;
    let check = |sql: &str| gate::check(connection, sql, &policy).map(|verdict| verdict.sql);
    let prompt = Prompt::new(tier.config(), reader, asked, &mut |sql| {
        check(sql).map(|text| text.is_ok())
    })?;
    let stop = session.stop();
    let mut row = None;
    let found = tier.consult(
        &prompt,
        &mut Means {
            gate: &mut |sql| check(sql),
            before: &mut || match begin(session, connection, &tier, asked.question) {
                Ok(id) => {
                    row = Some(id);
                    Ok(())
                }
                Err(e) => Err(lumos_core::Error::new(format!(
                    "it was not asked, since {TABLE} cannot be written: {}",
                    e.message
                ))),
            },
            stop: &stop,
        },
    )?;
    // What has become of the call is not known; its row says that it was made.
    if stop() {
        return Err(Error::interrupted());
    }
    let (readings, decision) = if found.passed.is_empty() {
        (Vec::new(), "none")
    } else {
        let pool = Pool::new(&tier, &parsed, &found);
        let said = said(connection, &pool, &policy)?;
        pool.decided(&said, insists(options), tier.config().model())
    };
    let failed = readings.is_empty();
    let parser_alone = failed && !parsed.is_empty() && !insists(options);
    let decision = if parser_alone { "parser" } else { decision };
    if let Some(id) = row {
        end(session, connection, id, &found, decision).or_else(|e| match e.code & 0xff {
            // In WAL mode SQLite lets the statement that asks write no more where another connection has written while the
            // server was waited for. What it said is paid for, and its row says that it was asked.
            ffi::SQLITE_BUSY => Ok(()),
            _ => Err(e),
        })?;
    }
    if !failed {
        return Ok(readings);
    }
    if !parser_alone {
        return Err(nothing(&reason(&found)).into());
    }
    without(&mut parsed, &reason(&found));
    Ok(parsed)
}

/// What each SELECT gives, one that cannot run an error.
fn said(connection: &Connection, pool: &Pool, policy: &Policy) -> Result<Vec<(Outcome, u64)>> {
    let end = Instant::now() + TIME;
    let mut all = Vec::new();
    for (reading, (of_model, _)) in pool.readings.iter().zip(&pool.weights) {
        let parsed = policy.without_tables();
        let policy = if *of_model { policy } else { &parsed };
        let left = end.saturating_duration_since(Instant::now());
        let passes = gate::check(connection, &reading.sql, policy)?.sql.is_ok();
        if !passes || left.is_zero() {
            all.push((Outcome::Error, 0));
            continue;
        }
        let mut rows = vote::Rows::default();
        let ran = bounded::run(connection, &reading.sql, left, |statement| {
            rows.add((0..statement.columns()).map(|i| cell(statement.value(i))));
            Ok(rows.count() < vote::ROWS as u64)
        });
        all.push(match ran {
            Ok(()) => (rows.outcome(), rows.hash()),
            Err(e) if is_its_own(&e) => (Outcome::Error, 0),
            Err(e) => return Err(e),
        });
    }
    Ok(all)
}

/// True for an error that is the statement's: a function that the authorizer denies, an overflow, the end of its time.
fn is_its_own(e: &Error) -> bool {
    matches!(
        e.code & 0xff,
        ffi::SQLITE_ERROR | ffi::SQLITE_AUTH | ffi::SQLITE_TOOBIG
    )
}

/// A value as rows are compared by.
fn cell(value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(v) => Some(v.to_string().into()),
        ValueRef::Real(v) => Some(vote::number(v).into()),
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(String::from_utf8_lossy(text)),
    }
}

/// Writes that a model is asked, before it is; the oldest rows make room.
fn begin(session: &Session, connection: &Connection, tier: &Tier, question: &str) -> Result<i64> {
    let mut id: i64 = 0;
    // No savepoint: SQLite begins none within a statement that writes, as CREATE VIRTUAL TABLE does.
    session.language().beside(connection, || {
        has_own(connection, TABLE, COLUMNS)?;
        connection.execute_batch(DDL)?;
        let sql = "INSERT INTO main.lumos_llm(asked_at, question, model) VALUES (datetime('now'), ?1, ?2) RETURNING id";
        let values = params![kept(question), tier.config().model()];
        id = connection.query_row(sql, values, |row| row.get(0))?;
        let sql = "DELETE FROM main.lumos_llm WHERE id <= ?1";
        Ok(1 + connection.execute(sql, params![id.saturating_sub(ROWS as i64)])?)
    })?;
    Ok(id)
}

/// Writes what became of it.
fn end(
    session: &Session,
    connection: &Connection,
    id: i64,
    found: &Consulted,
    decision: &'static str,
) -> Result<()> {
    session.language().beside(connection, || {
        let entry = Entry::new(found, Some(decision));
        let sql = "UPDATE main.lumos_llm SET calls = ?1, milliseconds = ?2, prompt_tokens = ?3, answer_tokens = ?4, candidates = ?5, \
                   decision = ?6, error = ?7 WHERE id = ?8";
        let mut values: Vec<Value> = entry.values().into_iter().map(output).collect();
        values.push(Value::Integer(id));
        Ok(connection.execute(sql, params_from_iter(values))?)
    })
}

/// `lumos_llm_log`.
pub struct Log;

impl TableFunction for Log {
    type Aux = Session;

    fn rows(session: &Arc<Session>, _: &[Value]) -> Result<Rows> {
        let connection = session.connection()?;
        if !has_own(&connection, TABLE, COLUMNS)? {
            return Ok(Box::new(std::iter::empty()));
        }
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let sql = format!("SELECT {} FROM main.{TABLE} ORDER BY id", names.join(", "));
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([], |row| {
            (0..names.len())
                .map(|i| row.get(i))
                .collect::<rusqlite::Result<Vec<Value>>>()
        })?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(Box::new(rows.into_iter().map(Ok)))
    }
}
