//! A database and its mirror, in one snapshot of both.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lumos_core::mirror::MirrorType;
use lumos_core::sql::literal;
use lumos_duckdb::engine::{Connection as DuckDb, Value};
use rusqlite::{Connection, TransactionState, ffi};

use crate::error::{Error, Result, error};
use crate::host;
use crate::host::statement::HostStatement;
use crate::mirror::column_map::ColumnMap;
use crate::mirror::names::{DATA, target};
use crate::mirror::records::mirrored_tables;
use crate::mirror::state::{Failure, stored_state};
use crate::mirror::{Mirror, cold_rows};
use crate::progress::Progress;
use crate::session::Session;
use crate::sync::schema::Tracked;
use crate::sync::{self, SyncContext, Watermark, failures};

/// The source and its mirror, equal but for what no trigger saw.
///
/// The fields are dropped in order: the snapshot before its connection.
pub struct Sides {
    _snapshot: HostStatement,
    pub(super) source: Connection,
    /// Where that is a connection of our own, which sees more than the host's statement: the host's.
    pub(super) host: Option<Connection>,
    pub(super) duckdb: DuckDb,
    pub(super) mirrored: Mirrored,
    pub(super) mirror: Arc<Mirror>,
    pub(super) progress: Progress,
}

/// What the mirror has of all tables: read once, since each look at DuckDB's catalog is one at all of it.
#[derive(Default)]
pub(super) struct Mirrored {
    /// By the table's id.
    pub(super) types: HashMap<i64, Vec<MirrorType>>,
    pub(super) failures: Vec<Failure>,
    /// The rows of each table, by its name there.
    rows: HashMap<String, i64>,
    /// The names of those that have rows in files.
    in_files: HashSet<String>,
}

impl Mirrored {
    fn read(duckdb: &DuckDb) -> Result<Mirrored> {
        let records = mirrored_tables(duckdb)?.into_iter();
        let rows = duckdb.rows(&format!(
            "SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = {}",
            literal(DATA)
        ))?;
        let views = duckdb
            .rows("SELECT view_name FROM duckdb_views() WHERE schema_name = '_lumos_cold'")?;
        Ok(Mirrored {
            types: records.map(|record| (record.id, record.types)).collect(),
            failures: failures::read(duckdb)?,
            rows: rows
                .into_iter()
                .filter_map(|row| match row.as_slice() {
                    [Value::Text(name), Value::Integer(rows)] => Some((name.clone(), *rows)),
                    _ => None,
                })
                .collect(),
            in_files: views
                .into_iter()
                .filter_map(|row| match row.as_slice() {
                    [Value::Text(name)] => Some(name.clone()),
                    _ => None,
                })
                .collect(),
        })
    }
}

impl Sides {
    /// Applies what is pending, and holds a snapshot of both from then on.
    pub fn new(session: &Session, progress: Progress) -> Result<Sides> {
        session.in_turn(|| Sides::open(session, progress.clone()))
    }

    fn open(session: &Session, progress: Progress) -> Result<Sides> {
        let attached = session.attached()?;
        let source = session.connection()?;
        // Not for the log alone: what no trigger sees may be written and not committed. In autocommit mode it is
        // the statement that stores our rows.
        let state = source.transaction_state(Some("main"))?;
        if state == TransactionState::Write && !source.is_autocommit() {
            return Err(sync::has_written());
        }
        let mirror = attached.mirror.as_ref();
        let busy = || error("the mirror is being written; call it by itself");
        let entered = mirror.enter(&source, attached.deadline)?;
        // Both snapshots are taken while no other connection of this process can apply anything.
        let mut entered = entered.ok_or_else(busy)?;
        let context = SyncContext::of(&attached, &source).showing(progress);
        sync::sync_entered(&context, &mut entered)?;
        let progress = &context.progress;
        let snapshot = HostStatement::snapshot(&source)?;
        let first = session.connection()?;
        if let Some(sides) = Sides::begin(snapshot, first, None, &attached.mirror, progress)? {
            return Ok(sides);
        }
        // The host's statement sees the database as it was when it began, and others have applied more since.
        if source.is_autocommit()
            && let Ok(second) = host::second(&source)
        {
            let snapshot = HostStatement::snapshot(&second)?;
            let context = SyncContext::of(&attached, &second).showing(progress.clone());
            sync::sync_entered(&context, &mut entered)?;
            let host = Some(session.connection()?);
            if let Some(sides) = Sides::begin(snapshot, second, host, &attached.mirror, progress)? {
                return Ok(sides);
            }
        }
        Err(Error {
            code: ffi::SQLITE_BUSY,
            ..error(
                "another connection applied changes that this one does not see yet; try again, outside of a transaction",
            )
        })
    }

    /// `None` if the mirror does not equal this snapshot.
    fn begin(
        snapshot: HostStatement,
        source: Connection,
        host: Option<Connection>,
        mirror: &Arc<Mirror>,
        progress: &Progress,
    ) -> Result<Option<Sides>> {
        let mut sides = Sides {
            _snapshot: snapshot,
            source,
            host,
            duckdb: mirror.connection()?,
            mirrored: Mirrored::default(),
            mirror: Arc::clone(mirror),
            progress: progress.clone(),
        };
        sides.duckdb.execute("BEGIN TRANSACTION READ ONLY")?;
        let stored = stored_state(&sides.duckdb)?;
        let watermark = Watermark::read(&sides.source)?;
        let equal = match (stored, watermark) {
            (Some(stored), Some(watermark)) => sync::same_data(&stored, &watermark),
            _ => true,
        };
        if !equal {
            return Ok(None);
        }
        sides.mirrored = Mirrored::read(&sides.duckdb)?;
        Ok(Some(sides))
    }

    /// The snapshot of SQLite.
    pub fn source(&self) -> &Connection {
        &self.source
    }

    /// The host's connection, which says whether to stop and what may be read.
    pub fn host(&self) -> &Connection {
        self.host.as_ref().unwrap_or(&self.source)
    }
}

impl Sides {
    /// The rows that the mirror has of a table; 0 if it has no such table.
    pub fn mirrored_rows(&self, table: &Tracked) -> i64 {
        self.mirrored.rows.get(table.target()).copied().unwrap_or(0)
    }

    /// What stands after FROM for all rows of a mirrored table, those in files too.
    pub(super) fn all_rows(&self, table: &ColumnMap) -> String {
        let name = &table.name;
        if self.mirrored.in_files.contains(name) {
            format!(
                "(FROM {} UNION ALL BY NAME FROM {})",
                target(name),
                cold_rows::view(name)
            )
        } else {
            target(name)
        }
    }
}

impl Drop for Sides {
    fn drop(&mut self) {
        if self.duckdb.execute("ROLLBACK").is_ok() {
            self.mirror.give_back(self.duckdb.clone());
        }
    }
}
