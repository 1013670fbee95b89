//! The table-valued functions that say what the mirror has and how it differs from its source.

use std::sync::Arc;

use lumos_core::functions::alerts::{ALERTS, RUN as ALERT_RUN};
use lumos_core::functions::ask::{ASK, LINK, PARSE};
use lumos_core::functions::changes::CHANGES;
use lumos_core::functions::checks::{CHECKS, RUN as CHECK_RUN};
use lumos_core::functions::fix::FIX_SQL;
use lumos_core::functions::gate::VALIDATE_SQL;
use lumos_core::functions::llm::LOG;
use lumos_core::functions::memory_upkeep::VERIFY_FORGOTTEN;
use lumos_core::functions::schema_log::SCHEMA_LOG;
use lumos_core::functions::session::HISTORY as SESSION_HISTORY;
use lumos_core::functions::status::STATUS;
use lumos_core::functions::suggest::{AUTOCOMPLETE, NARRATE, SUGGEST_QUESTIONS};
use lumos_core::functions::taught::{LEARNED, VERIFIED_LIST};
use lumos_core::functions::tier::TIERS;
use lumos_core::functions::verify::VERIFY;
use lumos_core::options::Options;
use lumos_duckdb::engine::{Cell, write_json_string};
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};
use serde_json::Value as Json;

use super::alerts::{self, Alerts};
use super::ask::{Ask, Link, Parse};
use super::checks::{self, Checks};
use super::gate::Validate;
use super::llm::Log;
use super::memory::Forgotten;
use super::sessions::History;
use super::suggest::{Autocomplete, Fix, Narrate, Suggest};
use super::taught::{Learned, Verified};
use crate::error::{Result, error};
use crate::progress::Progress;
use crate::query::arguments;
use crate::session::Session;
use crate::sync::changes::Changes;
use crate::sync::compare::{Difference, Kind, Sample};
use crate::sync::status;
use crate::sync::verify::Verification;
use crate::table_function::{self, Rows, TableFunction};
use crate::values::article;

/// Registers all of them.
pub fn register_all(connection: &Connection, session: &Arc<Session>) -> rusqlite::Result<()> {
    table_function::register::<Status>(connection, &STATUS, session)?;
    table_function::register::<Verify>(connection, &VERIFY, session)?;
    table_function::register::<ChangeFeed>(connection, &CHANGES, session)?;
    table_function::register::<SchemaLog>(connection, &SCHEMA_LOG, session)?;
    table_function::register::<Tiers>(connection, &TIERS, session)?;
    table_function::register::<Validate>(connection, &VALIDATE_SQL, session)?;
    table_function::register::<Learned>(connection, &LEARNED, session)?;
    table_function::register::<Verified>(connection, &VERIFIED_LIST, session)?;
    table_function::register::<Fix>(connection, &FIX_SQL, session)?;
    table_function::register::<Narrate>(connection, &NARRATE, session)?;
    table_function::register::<Autocomplete>(connection, &AUTOCOMPLETE, session)?;
    table_function::register::<Suggest>(connection, &SUGGEST_QUESTIONS, session)?;
    table_function::register_maker::<Ask>(connection, &ASK, session)?;
    table_function::register::<Parse>(connection, &PARSE, session)?;
    table_function::register::<Link>(connection, &LINK, session)?;
    table_function::register::<Log>(connection, &LOG, session)?;
    table_function::register::<History>(connection, &SESSION_HISTORY, session)?;
    table_function::register::<Checks>(connection, &CHECKS, session)?;
    table_function::register::<checks::Run>(connection, &CHECK_RUN, session)?;
    table_function::register::<Alerts>(connection, &ALERTS, session)?;
    table_function::register::<alerts::Run>(connection, &ALERT_RUN, session)?;
    table_function::register::<Forgotten>(connection, &VERIFY_FORGOTTEN, session)
}

/// `lumos_status`.
pub struct Status;

impl TableFunction for Status {
    type Aux = Session;

    fn rows(session: &Arc<Session>, _: &[Value]) -> Result<Rows> {
        let rows = session.in_turn(|| status::rows(session))?;
        Ok(Box::new(rows.into_iter().map(Ok)))
    }
}

/// `lumos_schema_log`.
pub struct SchemaLog;

impl TableFunction for SchemaLog {
    type Aux = Session;

    fn rows(session: &Arc<Session>, _: &[Value]) -> Result<Rows> {
        table_function::rows_of_mirror(
            session,
            "SELECT seq, recorded_at, name, event, rows, schema_version FROM _lumos.schema_log ORDER BY seq",
        )
    }
}

/// `lumos_changes`.
pub struct ChangeFeed;

impl TableFunction for ChangeFeed {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let since = match arguments::whole((&given[0]).into()) {
            ValueRef::Null => None,
            ValueRef::Integer(since) if since >= 0 => Some(since),
            other => {
                return Err(error(format!(
                    "since is {}; give a whole number from 0 on, the last seq that was seen",
                    as_said(other)
                )));
            }
        };
        let table = arguments::text(&given[1])?;
        let changes = Changes::new(session.connection()?, since, table)?;
        Ok(Box::new(changes.map(|change| {
            let change = change?;
            Ok(vec![
                Value::Integer(change.seq),
                change.table.map_or(Value::Null, Value::Text),
                (change.key).map_or(Value::Null, |key| Value::Text(key_json(&key))),
                change.op.map_or(Value::Null, |op| Value::Text(op.into())),
            ])
        })))
    }
}

fn as_said(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Integer(v) => v.to_string(),
        ValueRef::Real(v) => v.to_string(),
        other => article(other.data_type()),
    }
}

/// `lumos_tiers`.
pub struct Tiers;

impl TableFunction for Tiers {
    type Aux = Session;

    fn rows(session: &Arc<Session>, _: &[Value]) -> Result<Rows> {
        table_function::rows_of_mirror(
            session,
            "SELECT m.name, t.column_name, t.older_than, t.folder, t.partition_by, count(f.path), \
             coalesce(sum(f.rows), 0)::BIGINT, coalesce(sum(f.bytes), 0)::BIGINT \
             FROM _lumos.tiers t JOIN _lumos.tables m ON m.id = t.id \
             LEFT JOIN _lumos.files f ON f.id = t.id AND f.state = 'live' GROUP BY ALL ORDER BY m.name",
        )
    }
}

/// `lumos_verify`.
pub struct Verify;

impl TableFunction for Verify {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let pattern = arguments::text(&given[0])?;
        let pattern = pattern.ok_or_else(|| error("table is NULL; give a text"))?;
        let options = arguments::options(VERIFY.options, &given[1])?;
        let progress = Progress::of(VERIFY.name, &options)?;
        let sample = sample(&options)?;
        let verification = Verification::new(session, pattern, sample, progress)?;
        Ok(Box::new(verification.map(|found| found.map(row))))
    }
}

fn sample(options: &Options) -> Result<Option<Sample>> {
    let seed = options.integer("seed").unwrap_or(0);
    match options.get("sample").map(Json::as_f64) {
        None => Ok(None),
        Some(Some(fraction)) if fraction > 0.0 && fraction <= 1.0 => {
            Ok(Some(Sample { fraction, seed }))
        }
        Some(_) => Err(options
            .wrong("sample", "a number above 0 and up to 1")
            .into()),
    }
}

/// In the order of the columns that the list of functions names.
fn row(difference: Difference) -> Vec<Value> {
    let (kind, columns) = match difference.kind {
        Kind::Missing => ("missing", Value::Null),
        Kind::Extra => ("extra", Value::Null),
        Kind::Different(columns) => ("different", Value::Text(Json::from(columns).to_string())),
    };
    let names = difference.table.key.names();
    let key: Vec<(&str, &Value)> = (names.iter().map(AsRef::as_ref))
        .zip(&difference.key)
        .collect();
    let key = key_json(&key);
    vec![
        Value::Text(difference.table.name.clone()),
        Value::Text(key),
        Value::Text(kind.into()),
        columns,
    ]
}

/// A key by the names of its columns.
fn key_json<N: AsRef<str>, V: std::borrow::Borrow<Value>>(key: &[(N, V)]) -> String {
    let mut json = String::new();
    for (i, (name, value)) in key.iter().enumerate() {
        json.push(if i == 0 { '{' } else { ',' });
        write_json_string(name.as_ref(), &mut json);
        json.push(':');
        cell(value.borrow()).write_json(&mut json);
    }
    json.push('}');
    json
}

fn cell(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::Null,
        Value::Integer(v) => Cell::Integer(*v),
        Value::Real(v) => Cell::Real(*v),
        Value::Text(v) => Cell::Text(v.as_str().into()),
        Value::Blob(v) => Cell::Blob(v),
    }
}
