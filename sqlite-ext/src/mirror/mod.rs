//! The mirror: a DuckDB in memory with the mirror's file attached, one for each file in the process.
//!
//! What users make with `lumos_exec` is in a second database with a file of its own, attached beside it once there is
//! one. DuckDB lets a transaction write one attached database, so no statement that writes there writes the mirror.

pub mod allow_files;
pub mod cache;
pub mod cold_files;
pub mod cold_rows;
pub mod column_map;
pub mod file_lock;
pub mod interruptible;
pub mod names;
pub mod open;
mod own;
pub mod records;
pub mod settings;
pub mod source_names;
pub mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lumos_duckdb::engine::{Connection, Database, Guarded};
use rusqlite::{Connection as Host, TransactionState, ffi};

use crate::access;
use crate::error::{Error, Result};
use crate::host::statement::HostStatement;
use crate::locks::{Deadline, Lock, Turn, Turns, locked};
use crate::mirror::cache::Cache;
use crate::mirror::cold_files::ColdFile;
use crate::mirror::file_lock::LockFile;
use crate::mirror::own::Own;
use crate::mirror::settings::Settings;
use crate::mirror::source_names::SourceNames;
use crate::mirror::state::Applied;
use crate::system::FileId;

/// The format of the files: the oldest DuckDB that reads it. 2.0's own cannot be opened by 1.x.
const STORAGE_VERSION: &str = "v1.4.0";

/// DuckDB connections kept for the next query.
const IDLE_CONNECTIONS: usize = 4;

/// An open mirror. The fields are dropped in order: connections, DuckDB, then the lock.
pub struct Mirror {
    idle: Lock<Vec<Connection>>,
    applied: Turns<Option<Applied>>,
    /// When it last equalled its source.
    fresh: Lock<Option<Instant>>,
    failed: Lock<Option<Error>>,
    generation: AtomicU64,
    readers: AtomicUsize,
    /// The files with cold rows, once they were looked up.
    pub cold: Lock<Option<Vec<ColdFile>>>,
    database: Arc<Database>,
    own: Lock<Own>,
    has_own: AtomicBool,
    /// Results of earlier queries.
    pub cache: Cache,
    /// The names of its tables in SQLite.
    pub names: SourceNames,
    /// Where it is; `:memory:` without a file.
    pub path: String,
    /// What it was opened with.
    pub settings: Settings,
    pid: u32,
    file: Option<FileId>,
    /// Without links; none in memory.
    place: Option<PathBuf>,
    source: Option<FileId>,
    _lock: Option<LockFile>,
    /// The last to go: until then the file is open.
    _open: Arc<()>,
}

impl Mirror {
    /// Keeps queries from opening a file of SQLite's.
    pub fn guard_host(&self, path: &str) -> Result<()> {
        Ok(self.database.guard_file(path, Guarded::Host)?)
    }

    /// Keeps queries from changing these files.
    pub fn guard_cold(&self, files: &[ColdFile]) -> Result<()> {
        for file in files {
            self.database.guard_file(&file.path, Guarded::Rows)?;
        }
        Ok(())
    }

    /// True for a file that nobody but the engines may open, or change.
    pub fn guards_file(&self, path: &Path, writes: bool) -> bool {
        path.to_str()
            .is_some_and(|path| self.database.guards_file(path, writes))
    }

    /// A connection to DuckDB whose names resolve in the mirror. Give it back with [`Self::give_back`].
    pub fn connection(&self) -> Result<Connection> {
        let idle = locked(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.database.connect()?,
        };
        // Others may have made something since it was used.
        connection.set_search_path(self.has_own())?;
        Ok(connection)
    }

    /// A connection that nobody used before, for one use.
    pub fn new_connection(&self) -> Result<Connection> {
        let connection = self.database.connect()?;
        connection.set_search_path(self.has_own())?;
        Ok(connection)
    }

    /// Keeps a connection that has no transaction open for the next call.
    pub fn give_back(&self, connection: Connection) {
        let mut idle = locked(&self.idle);
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(connection);
        }
    }

    /// Keeps all others from writing the mirror until the result is dropped; `None` if this thread does already. Until
    /// then the source is read from one snapshot.
    ///
    /// SQL that runs inside a call may reach our virtual tables again, and must not wait for itself.
    pub fn enter(&self, host: &Host, deadline: Deadline) -> Result<Option<Entered<'_>>> {
        if self.applied.is_mine() {
            return Ok(None);
        }
        // First, see `locks`: who waits for a writer of the source has nothing that others wait for.
        let source = match host.transaction_state(Some("main"))? {
            TransactionState::None => Some(HostStatement::snapshot(host)?),
            _ => None,
        };
        let turn = self.applied.wait(host, deadline)?;
        Ok(Some(Entered { turn, source }))
    }

    /// The same for a call that reads nothing of the source until the result is dropped.
    pub fn enter_alone(&self, host: &Host, deadline: Deadline) -> Result<Entered<'_>> {
        let turn = self.applied.wait(host, deadline)?;
        Ok(Entered { turn, source: None })
    }

    /// A number that is another after tables came, went or were copied anew, and for another mirror.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Tables came, went or were copied anew. Called before others may apply changes again.
    pub fn reshaped(&self) {
        *locked(&self.cold) = None;
        self.generation.store(next_generation(), Ordering::Release);
    }

    /// Counts a query that begins to read, until [`Self::end_reading`].
    pub fn begin_reading(&self) {
        self.readers.fetch_add(1, Ordering::AcqRel);
    }

    /// See [`Self::begin_reading`].
    pub fn end_reading(&self) {
        self.readers.fetch_sub(1, Ordering::AcqRel);
    }

    /// True while a query of this process reads.
    pub fn has_readers(&self) -> bool {
        self.readers.load(Ordering::Acquire) > 0
    }

    /// Remembers how an attempt to make it equal its source ended, which it began at `begun`.
    pub fn attempted<T>(&self, begun: Instant, result: &Result<T>) {
        match result {
            Ok(_) => {
                *locked(&self.fresh) = Some(begun);
                *locked(&self.failed) = None;
            }
            // Neither an interrupt nor what one connection may not read says anything of the table.
            Err(e) if e.code == ffi::SQLITE_INTERRUPT || access::is_refusal(e) => {}
            Err(e) => *locked(&self.failed) = Some(e.clone()),
        }
    }

    /// How long ago it equalled its source, if it did since it was opened.
    pub fn since_fresh(&self) -> Option<Duration> {
        locked(&self.fresh).map(|begun| begun.elapsed())
    }

    /// Why the last attempt failed, if it did for this table or for all.
    pub fn last_error(&self, table: i64) -> Option<String> {
        let failed = locked(&self.failed);
        let e = failed.as_ref()?;
        e.table
            .is_none_or(|id| id == table)
            .then(|| e.message.clone())
    }
}

/// The right to write the mirror. The fields are dropped in order.
pub struct Entered<'a> {
    turn: Turn<'a, Option<Applied>>,
    /// The snapshot of the source, where no statement or transaction of the host's has one.
    source: Option<HostStatement>,
}

impl Entered<'_> {
    /// What the mirror equals.
    pub fn applied(&mut self) -> &mut Option<Applied> {
        &mut self.turn.value
    }

    /// True if the source is read as it was a moment ago; false for a snapshot of the host's, which may be older.
    pub fn is_recent(&self) -> bool {
        self.source.is_some()
    }

    /// Reads the source as it is now, if the host has no snapshot of its own.
    pub fn look_again(&mut self, host: &Host) -> Result<()> {
        if self.source.take().is_some() {
            self.source = Some(HostStatement::snapshot(host)?);
        }
        Ok(())
    }
}

/// A number that no mirror of the process had.
fn next_generation() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}
