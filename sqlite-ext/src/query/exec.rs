//! Statements of DuckDB that return one value: `lumos_scalar`, `lumos_arrow`, `lumos_exec`, `lumos_explain`, `lumos_import`.

use lumos_core::arrow::Writer;
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{self, Cell, ErrorKind, LogicalType};
use rusqlite::ffi;
use rusqlite::types::Value;
use serde_json::Value as Json;

use crate::error::{Error, Result, error};
use crate::mirror::names::{CATALOG, OWN};
use crate::query::params::Params;
use crate::query::stream::Stream;
use crate::query::{run, shown};
use crate::session::Session;
use crate::sync::{self, SyncContext};

/// `lumos_scalar`: the one column of the first row.
pub fn scalar(session: &Session, sql: &str, params: Option<&str>) -> Result<Value> {
    let host = session.connection()?;
    let mut stream = run::query(session, &host, sql, parameters(params)?)?;
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

/// `lumos_arrow`: all rows as a stream of Arrow.
pub fn arrow(session: &Session, sql: &str, params: Option<&str>) -> Result<Vec<u8>> {
    let host = session.connection()?;
    let mut stream = run::query(session, &host, sql, parameters(params)?)?;
    let types = stream.types.clone();
    let kinds = types.iter().map(LogicalType::arrow);
    let fields = stream.names.iter().cloned().zip(kinds).collect();
    // SAFETY: the handle is live; a negative limit only asks.
    let most = unsafe { ffi::sqlite3_limit(host.handle(), ffi::SQLITE_LIMIT_LENGTH, -1) };
    let mut out = Writer::new(fields, usize::try_from(most).unwrap_or(0));
    while let Some(chunk) = stream.next_chunk(&host)? {
        for (i, ty) in types.iter().enumerate() {
            chunk.column(i, ty).append_all_to_arrow(out.column(i))?;
        }
        out.rows()?;
    }
    Ok(out.finish()?)
}

/// `lumos_exec`: one statement that may write, in a transaction of its own. Returns the rows changed.
pub fn exec(session: &Session, sql: &str, params: Option<&str>) -> Result<i64> {
    let host = session.connection()?;
    let params = parameters(params)?;
    session
        .in_turn(|| {
            let attached = session.attached()?;
            let behind = match sync::bring_up_to_date(&host, &attached) {
                Err(e) if e.code & 0xff == ffi::SQLITE_INTERRUPT => return Err(e),
                done => done.err(),
            };
            let mirror = &attached.mirror;
            run::with_untracked(&host, &attached, |duckdb| {
                Stream::change(duckdb, &host, mirror, sql, params.clone(), behind.clone())
            })
        })
        .map_err(way_out)
}

/// The error of a statement that would have changed the mirror, with what to do instead.
fn way_out(e: Error) -> Error {
    match &e.kind {
        ErrorKind::ReadOnly(database) if database == CATALOG => error(
            "the statement changes the mirror, which follows SQLite; change the table in SQLite, \
             or make one of your own, under a name without a database",
        ),
        // Mirrored tables are views.
        ErrorKind::IsView => Error {
            message: format!("{}\nA mirrored table is changed in SQLite", e.message),
            ..e
        },
        _ => e,
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
    let mut stream = run::query(
        session,
        &host,
        &format!("{word} {sql}"),
        parameters(params)?,
    )?;
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
        sync::sync(&SyncContext::of(&attached, &host))?;
    }
    let duckdb = attached.mirror.connection()?;
    let found = duckdb.rows(&format!(
            "SELECT DISTINCT table_name FROM information_schema.tables \
             WHERE table_catalog IN ('{CATALOG}', '{OWN}') AND lower(table_schema) = lower({}) ORDER BY 1",
            literal(schema)
        ),
    );
    attached.mirror.give_back(duckdb);
    let names: Vec<String> = found?
        .into_iter()
        .filter_map(|row| match row.into_iter().next() {
            Some(engine::Value::Text(name)) => Some(name),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        return Err(error(format!(
            "the schema \"{schema}\" has no tables; the mirrored ones, and those of your own, are in \"main\""
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
