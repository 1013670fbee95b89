//! Alerts: where they are kept, and one run of them.

use std::sync::Arc;

use lumos_core::checks::alert::{Alert, Seen, State, next};
use lumos_core::functions::alerts::{ALERT, DROP, RUN};
use lumos_core::memory::moment;
use rusqlite::types::Value;
use rusqlite::{Connection, ffi, params};
use serde_json::Value as Json;

use super::Bodies;
use crate::error::{Error, Result, error};
use crate::host::check_not_within_itself;
use crate::host::statement::HostStatement;
use crate::session::Session;
use crate::sync::schema::{atomically, exists};
use crate::table_function::{Rows, TableFunction};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS main._lumos_alerts(
      name TEXT PRIMARY KEY, rule TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'ok', streak INTEGER NOT NULL DEFAULT 0,
      since INTEGER, fired INTEGER, value, message TEXT, ran INTEGER);
    CREATE TABLE IF NOT EXISTS main._lumos_alert_log(name TEXT NOT NULL, at TEXT NOT NULL, state TEXT NOT NULL, value, message TEXT);";

pub const BODIES: Bodies = &[
    (&ALERT, |call| {
        let (name, rule) = (call.required(0)?, call.required(1)?);
        let alert = Alert::parse(rule)?;
        let connection = call.session.connection()?;
        // What is wrong with its SQL is said now, and not in each run.
        reading(&connection, &alert.count())?;
        atomically(&connection, || {
            connection.execute_batch(TABLES)?;
            let sql = "INSERT OR REPLACE INTO main._lumos_alerts(name, rule) VALUES (?1, ?2)";
            connection.execute(sql, [name, rule])?;
            Ok(())
        })?;
        Ok(Value::Text(name.to_owned()))
    }),
    (&DROP, |call| {
        let name = call.required(0)?;
        let connection = call.session.connection()?;
        let sql = "DELETE FROM main._lumos_alerts WHERE name = ?1";
        if !exists(&connection, "_lumos_alerts")? || connection.execute(sql, [name])? == 0 {
            return Err(error(format!(
                "there is no alert \"{name}\"; lumos_alerts() lists them"
            )));
        }
        Ok(Value::Text(name.to_owned()))
    }),
];

/// A statement of an alert. Errors if it writes.
fn reading(connection: &Connection, sql: &str) -> Result<HostStatement> {
    let statement = HostStatement::own(connection, sql)?;
    if !statement.only_reads() {
        return Err(error("the query writes; give one that only reads"));
    }
    Ok(statement)
}

/// An alert that is kept.
struct Kept {
    name: String,
    rule: String,
    state: State,
    value: Value,
}

fn all(connection: &Connection) -> Result<Vec<Kept>> {
    if !exists(connection, "_lumos_alerts")? {
        return Ok(Vec::new());
    }
    let sql = "SELECT name, rule, state, streak, since, fired, message, ran, value FROM main._lumos_alerts ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let kept = statement.query_map([], |row| {
        Ok(Kept {
            name: row.get(0)?,
            rule: row.get(1)?,
            state: State {
                name: row.get(2)?,
                streak: row.get(3)?,
                since: row.get(4)?,
                fired: row.get(5)?,
                message: row.get(6)?,
                ran: row.get(7)?,
            },
            value: row.get(8)?,
        })
    })?;
    Ok(kept.collect::<rusqlite::Result<_>>()?)
}

impl Kept {
    fn row(self) -> Result<Vec<Value>> {
        let severity = Alert::parse(&self.rule)?.severity.name();
        let since = self.state.since.map(moment::text).transpose()?;
        let text = |text: Option<String>| text.map_or(Value::Null, Value::Text);
        Ok(vec![
            Value::Text(self.name),
            Value::Text(self.state.name),
            text(since),
            self.value,
            Value::Text(severity.into()),
            text(self.state.message),
        ])
    }
}

/// `lumos_alerts`.
pub struct Alerts;

impl TableFunction for Alerts {
    type Aux = Session;

    fn rows(session: &Arc<Session>, _: &[Value]) -> Result<Rows> {
        let all = all(&session.connection()?)?;
        Ok(Box::new(all.into_iter().map(Kept::row)))
    }
}

/// `lumos_alert_run`.
pub struct Run;

impl TableFunction for Run {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        check_not_within_itself(RUN.name)?;
        let connection = session.connection()?;
        let now = match &given[0] {
            Value::Null => None,
            Value::Text(text) => Some(moment::read(&Json::from(text.as_str()))),
            Value::Integer(now) => Some(moment::read(&Json::from(*now))),
            _ => Some(None),
        };
        let now = match now {
            Some(Some(now)) => now,
            Some(None) => {
                return Err(error(format!("now is no moment; give {}", moment::MOMENT)));
            }
            None => connection.query_row("SELECT unixepoch()", [], |row| row.get(0))?,
        };
        let changed = run(&connection, now)?;
        let rows: Vec<Vec<Value>> = changed.into_iter().map(Kept::row).collect::<Result<_>>()?;
        Ok(Box::new(rows.into_iter().map(Ok)))
    }
}

/// Looks at all alerts. Returns those whose state changed.
fn run(connection: &Connection, now: i64) -> Result<Vec<Kept>> {
    // All queries before anything is written: an interrupt while one is read leaves nothing to undo.
    let mut seen = Vec::new();
    for mut kept in all(connection)? {
        if kept.state.ran.is_some_and(|ran| ran >= now) {
            continue;
        }
        let alert = Alert::parse(&kept.rule)?;
        let (found, value) = match look(connection, &alert) {
            Ok(found) => found,
            Err(e) if e.code & 0xff == ffi::SQLITE_INTERRUPT => return Err(e),
            Err(e) => (Seen::Failed(e.message), Value::Null),
        };
        if let Some(state) = next(&alert, &kept.state, &found, now) {
            let before = std::mem::replace(&mut kept.state, state);
            kept.value = value;
            seen.push((before, kept));
        }
    }
    atomically(connection, || {
        let mut changed = Vec::new();
        for (before, kept) in seen {
            let State {
                name,
                streak,
                since,
                fired,
                message,
                ran,
            } = &kept.state;
            // Not what another connection looked at, or replaced, meanwhile.
            let sql = "UPDATE main._lumos_alerts SET state = ?2, streak = ?3, since = ?4, fired = ?5, value = ?6, message = ?7, ran = ?8 \
                       WHERE name = ?1 AND rule = ?9 AND ran IS ?10";
            let values = params![
                kept.name, name, streak, since, fired, kept.value, message, ran, kept.rule,
                before.ran
            ];
            if connection.execute(sql, values)? == 1 && *name != before.name {
                let sql = "INSERT INTO main._lumos_alert_log(name, at, state, value, message) VALUES (?1, ?2, ?3, ?4, ?5)";
                let at = moment::text(now)?;
                connection.execute(sql, params![kept.name, at, name, kept.value, message])?;
                changed.push(kept);
            }
        }
        Ok(changed)
    })
}

/// How many rows meet the condition, and the first value of the first of them.
fn look(connection: &Connection, alert: &Alert) -> Result<(Seen, Value)> {
    let mut counts = reading(connection, &alert.count())?;
    counts.step()?;
    let count = |i| {
        counts
            .value(i)
            .as_i64()
            .map_err(|e| Error::from(rusqlite::Error::from(e)))
    };
    let (met, resolved) = (count(0)?, count(1)?);
    let mut value = Value::Null;
    if met > 0 {
        let mut first = reading(connection, &alert.value())?;
        if first.step()? {
            value = first.value(0).try_into().unwrap_or(Value::Null);
        }
    }
    Ok((Seen::Rows(met, resolved), value))
}
