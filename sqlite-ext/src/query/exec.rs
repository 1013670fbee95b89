//! Statements of DuckDB that return one value: `lumos_scalar`, `lumos_exec`, `lumos_explain`, `lumos_import`.

use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{Cell, Connection as DuckDb};
use rusqlite::types::Value;
use serde_json::Value as Json;

use crate::error::{Result, error};
use crate::query::shown;
use crate::query::stream::{Params, Stream};
use crate::session::Session;
use crate::sync;

/// `lumos_scalar`: the one column of the first row.
pub fn scalar(session: &Session, sql: &str, params: Option<&str>) -> Result<Value> {
    let host = session.connection()?;
    let mut stream = session.query(&host, sql, parameters(params)?)?;
    if stream.types.len() != 1 {
        return Err(error(format!(
            "the query has {} columns; select one",
            stream.types.len()
        )));
    }
    let chunk = stream.next_chunk(&host)?;
    let value = match (&chunk, stream.types.first()) {
        (Some(chunk), Some(ty)) => shown(&chunk.column(0, ty).cell(0))?
            .try_into()
            .map_err(|_| error("the value is not UTF-8 text"))?,
        _ => Value::Null,
    };
    // A result that is read to its end can be kept; most have one row.
    stream.next_chunk(&host)?;
    Ok(value)
}

/// `lumos_exec`: one statement that may write, in a transaction of its own. Returns the rows changed.
pub fn exec(session: &Session, sql: &str, params: Option<&str>) -> Result<i64> {
    if names_lumos(sql) {
        return Err(error(
            "the statement names a schema of Lumos itself (_lumos...); use tables of your own",
        ));
    }
    let attached = session.attached()?;
    let host = session.connection()?;
    let params = parameters(params)?;
    let mirror = &attached.mirror;
    session.with_untracked(&host, &attached, |duckdb| {
        Stream::change(duckdb, &host, mirror, sql, params.clone())
    })
}

/// True if an identifier of the statement begins with `_lumos`; texts in quotes do not count.
fn names_lumos(sql: &str) -> bool {
    let outside: String = sql.split('\'').step_by(2).collect::<Vec<_>>().join(" ");
    let lower = outside.to_ascii_lowercase();
    lower.match_indices("_lumos").any(|(i, _)| {
        !lower[..i]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Refuses a write that took a mirrored table away, inside its transaction.
pub fn check_mirrored(duckdb: &DuckDb) -> Result<()> {
    let lost = sync::rows(
        duckdb,
        "SELECT t.name FROM _lumos.tables t WHERE NOT EXISTS(FROM duckdb_views() v WHERE v.database_name = 'mirror' \
         AND v.schema_name = 'main' AND v.view_name = t.name AND v.sql LIKE '%_lumos_data.%')",
    )?;
    match lost.first().and_then(|row| row.first()) {
        Some(sync::Value::Text(name)) => Err(error(format!(
            "the statement changes the mirrored table \"{name}\"; change it in SQLite, or lumos_untrack('{name}') first"
        ))),
        _ => Ok(()),
    }
}

/// `lumos_explain`.
pub fn explain(
    session: &Session,
    sql: &str,
    timings: bool,
    params: Option<&str>,
) -> Result<String> {
    if !lumos_core::sql::begins_like_a_query(sql) {
        return Err(error("takes a SELECT, and this statement is none"));
    }
    let host = session.connection()?;
    let word = if timings {
        "EXPLAIN ANALYZE"
    } else {
        "EXPLAIN"
    };
    let mut stream = session.query(&host, &format!("{word} {sql}"), parameters(params)?)?;
    let types = stream.types.clone();
    let mut plan = String::new();
    while let Some(chunk) = stream.next_chunk(&host)? {
        for row in 0..chunk.len() {
            // The key of the plan comes first, then the plan.
            if let Some((i, ty)) = types.iter().enumerate().next_back()
                && let Cell::Text(text) = chunk.column(i, ty).cell(row)
            {
                plan.push_str(&text);
            }
        }
    }
    Ok(plan)
}

/// `lumos_import`: a temporary virtual table for each table and view of a schema.
pub fn import(session: &Session, schema: &str, prefix: Option<&str>) -> Result<Json> {
    let attached = session.attached()?;
    let host = session.connection()?;
    if attached.freshness.auto_sync {
        sync::sync(&attached.link(&host))?;
    }
    let duckdb = attached.mirror.connection()?;
    let found = sync::rows(
        &duckdb,
        &format!(
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'mirror' AND lower(table_schema) = lower({}) ORDER BY 1",
            literal(schema)
        ),
    );
    attached.mirror.give_back(duckdb);
    let names: Vec<String> = found?
        .into_iter()
        .filter_map(|row| match row.into_iter().next() {
            Some(sync::Value::Text(name)) => Some(name),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        return Err(error(format!(
            "the schema \"{schema}\" has no tables; the mirrored ones are in \"main\""
        )));
    }
    let prefix = prefix.map_or_else(|| format!("{schema}_"), str::to_owned);
    let mut made = Vec::new();
    for name in names {
        let table = format!("{prefix}{name}");
        host.execute_batch(&format!(
            "DROP TABLE IF EXISTS temp.{0}; CREATE VIRTUAL TABLE temp.{0} USING lumos_table({1}.{2})",
            identifier(&table),
            identifier(schema),
            identifier(&name)
        ))?;
        made.push(table);
    }
    Ok(made.into())
}

fn parameters(params: Option<&str>) -> Result<Params> {
    params.map_or(Ok(Params::none()), Params::from_json)
}
