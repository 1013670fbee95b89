//! The table-valued functions that say what the mirror has and how it differs from its source.

use std::sync::Arc;

use lumos_core::functions::memory_upkeep::VERIFY_FORGOTTEN;
use lumos_core::functions::schema_log::SCHEMA_LOG;
use lumos_core::functions::status::STATUS;
use lumos_core::functions::tier::TIERS;
use lumos_core::functions::verify::VERIFY;
use lumos_core::options::Options;
use lumos_duckdb::engine::{Cell, write_json_string};
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::Value as Json;

use super::memory::Forgotten;
use crate::error::{Result, error};
use crate::progress::Progress;
use crate::query::arguments;
use crate::session::Session;
use crate::sync::compare::{Difference, Kind, Sample};
use crate::sync::status;
use crate::sync::verify::Verification;
use crate::table_function::{self, Rows, TableFunction};

/// Registers all of them.
pub fn register_all(connection: &Connection, session: &Arc<Session>) -> rusqlite::Result<()> {
    table_function::register::<Status>(connection, &STATUS, session)?;
    table_function::register::<Verify>(connection, &VERIFY, session)?;
    table_function::register::<SchemaLog>(connection, &SCHEMA_LOG, session)?;
    table_function::register::<Tiers>(connection, &TIERS, session)?;
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
    let mut key = String::new();
    for (i, (name, value)) in difference
        .table
        .key
        .names()
        .iter()
        .zip(&difference.key)
        .enumerate()
    {
        key.push(if i == 0 { '{' } else { ',' });
        write_json_string(name, &mut key);
        key.push(':');
        cell(value).write_json(&mut key);
    }
    key.push('}');
    vec![
        Value::Text(difference.table.name.clone()),
        Value::Text(key),
        Value::Text(kind.into()),
        columns,
    ]
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
