//! Running a query on the mirror of a connection: what is pending is applied first, and tables of SQLite that are
//! not tracked are read for it.

use lumos_duckdb::engine::{Connection as DuckDb, ErrorKind};
use rusqlite::{Connection, TransactionState};

use crate::error::{Error, Result};
use crate::query::params::Params;
use crate::query::reads;
use crate::query::relation::Relation;
use crate::query::stream::Stream;
use crate::session::{Attached, Session};
use crate::sync::{self, SyncContext, schema, untracked};

/// Starts a query on the mirror, after applying what is pending.
pub fn query(session: &Session, host: &Connection, sql: &str, params: Params) -> Result<Stream> {
    session.in_turn(|| {
        let attached = session.attached()?;
        sync::bring_up_to_date(host, &attached)?;
        let mirror = &attached.mirror;
        let started = Stream::start(host, mirror, sql, params.clone());
        retry_untracked(host, &attached, started, |duckdb| {
            Stream::start_on(duckdb, host, mirror, sql, params.clone())
        })
    })
}

/// The columns and the size of what stands after FROM, for a virtual table. `table`: it is a table or view, of which
/// other columns may be read than all.
pub fn describe(session: &Session, from: String, table: bool) -> Result<Relation> {
    let host = session.connection()?;
    session.in_turn(|| {
        let attached = session.attached()?;
        // Creating a table in `main` is a write; what is pending is applied when the table is read.
        if attached.freshness.auto_sync
            && host.transaction_state(Some("main"))? != TransactionState::Write
        {
            sync::sync(&SyncContext::of(&attached, &host))?;
        }
        with_untracked(&host, &attached, |duckdb| {
            reads::watched(&host, &attached.mirror, &duckdb, table, || {
                Relation::describe(&duckdb, from.clone())
            })
        })
    })
}

/// Runs `start` on a connection of its own. Tables and views of SQLite that it misses are read into temporary
/// ones, for it alone.
pub fn with_untracked<T>(
    host: &Connection,
    attached: &Attached,
    mut start: impl FnMut(DuckDb) -> Result<T>,
) -> Result<T> {
    let started = start(attached.mirror.new_connection()?);
    retry_untracked(host, attached, started, start)
}

fn retry_untracked<T>(
    host: &Connection,
    attached: &Attached,
    mut started: Result<T>,
    mut start: impl FnMut(DuckDb) -> Result<T>,
) -> Result<T> {
    let Attached {
        mirror, progress, ..
    } = attached;
    let mut own = None;
    let mut read = Vec::new();
    while read.len() < MOST_SCANNED_TABLES {
        let missing = match &started {
            Err(e) => missing_table(host, e)?,
            Ok(_) => None,
        };
        // One that is still missed is named so that a temporary one cannot stand for it.
        let Some(table) = missing.filter(|t| !read.contains(t)) else {
            break;
        };
        let duckdb = match &mut own {
            Some(duckdb) => duckdb,
            none => none.insert(mirror.new_connection()?),
        };
        untracked::read(host, duckdb, &table, MOST_SCANNED_ROWS, progress)?;
        started = start(duckdb.clone());
        read.push(table);
    }
    started.map_err(|e| match mirror.own_failure() {
        // It may be a table of the user's own.
        Some(failure) if matches!(e.kind, ErrorKind::MissingTable(_) | ErrorKind::Missing) => {
            Error {
                message: format!("{}\n{}", e.message, failure.message),
                ..e
            }
        }
        _ => e,
    })
}

/// The table or view of SQLite that DuckDB did not find, as its error names it.
fn missing_table(host: &Connection, e: &Error) -> Result<Option<String>> {
    let ErrorKind::MissingTable(name) = &e.kind else {
        return Ok(None);
    };
    let found = schema::exists(host, name)?;
    Ok(found.then(|| name.clone()))
}

/// The most tables that one query reads without their being tracked.
const MOST_SCANNED_TABLES: usize = 16;

/// The most rows of each of them.
const MOST_SCANNED_ROWS: u64 = 1_000_000;
