//! Applying the changelog: one read snapshot of SQLite becomes one transaction of DuckDB, which also stores the
//! watermark, so that every change is applied exactly once whatever dies when.

pub mod apply;
mod apply_batch;
pub mod changes;
mod chunk_writer;
pub mod compare;
pub mod copy;
pub mod failures;
pub mod lag;
mod migrate;
pub mod repair;
pub mod resync;
pub mod schema;
mod schema_diff;
pub mod schema_log;
pub mod sides;
pub mod status;
pub mod track;
pub mod tracked;
mod triggers_install;
pub mod untrack;
pub mod untracked;
pub mod verify;

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionState, ffi};
use serde_json::{Value as Json, json};

use crate::access;
use crate::attach_options::Freshness;
use crate::error::{Error, Result, error};
use crate::faults::fault;
use crate::host;
use crate::host::statement::HostStatement;
use crate::locks::{Deadline, without_waiting};
use crate::mirror::records::mirrored_tables;
use crate::mirror::state::{Applied, Failure};
use crate::mirror::{Entered, Mirror, cold_files, interruptible};
use crate::progress::Progress;
use crate::session::Attached;
use crate::sync::apply::Run;
use crate::sync::schema::Tracked;

/// Applied log rows are deleted once there are this many: a delete costs the reader a write to SQLite.
const PRUNE_AFTER: i64 = 10_000;

/// What one call applied.
#[derive(Debug, Default)]
pub struct Report {
    /// Tables that changed.
    pub changed: Vec<String>,
    /// Keys that were touched.
    pub keys: u64,
    /// Rows written to the mirror.
    pub rows: u64,
    /// The keys and rows of each table, by its id.
    pub tables: Vec<(i64, u64, u64)>,
    /// The watermark that the mirror equals.
    pub seq: i64,
    /// A table's triggers are not those that it needs, and could not be made anew just now.
    pub unrenewed: bool,
    /// Tables came, went, were copied anew or changed their columns.
    pub reshaped: bool,
    /// The tables whose mirror cannot be what they are.
    pub failed: Vec<Failure>,
    /// What happened to the tables themselves.
    events: Vec<schema_log::Event>,
}

impl Report {
    fn event(&mut self, table: &str, event: &str, rows: Option<u64>) {
        self.events.push(schema_log::Event {
            table: table.to_owned(),
            event: event.to_owned(),
            rows,
        });
    }

    /// An error if one of these tables, or of all, failed. The others are done.
    pub fn check(&self, host: &Connection, chosen: Option<&[Tracked]>) -> Result<()> {
        let is_chosen = |f: &&Failure| chosen.is_none_or(|c| c.iter().any(|t| t.id == f.id));
        let mut failed = self.failed.iter().filter(is_chosen);
        let Some(first) = failed.next() else {
            return Ok(());
        };
        let e = Error {
            message: failures::message(host, first),
            ..first.error()
        };
        Err(match failed.count() {
            0 => e,
            more => Error {
                message: format!("{}; and {more} more: see lumos_status", e.message),
                ..e
            },
        })
    }

    /// As `lumos_sync` returns it, with the counts of these tables, or of all.
    pub fn json(&self, chosen: Option<&[Tracked]>, begun: Instant) -> Json {
        let (tables, keys, rows) = match chosen {
            // One that was renamed is there under both names.
            None => (self.tables.len(), self.keys, self.rows),
            Some(chosen) => {
                let own = self
                    .tables
                    .iter()
                    .filter(|(id, ..)| chosen.iter().any(|t| t.id == *id));
                own.fold((0, 0, 0), |(n, keys, rows), (_, k, r)| {
                    (n + 1, keys + k, rows + r)
                })
            }
        };
        json!({
            "tables": tables,
            "keys": keys,
            "rows": rows,
            "seq": self.seq,
            "ms": begun.elapsed().as_millis() as u64,
        })
    }
}

/// Where the changelog of the source stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The database's identity.
    pub source: String,
    /// The first row that the log still has; 0 for an empty log.
    pub first: i64,
    /// The last.
    pub seq: i64,
    /// The mark of the last.
    pub mark: String,
    /// SQLite's counter of schema changes.
    pub schema_version: i64,
    /// The rowid of `_lumos_meta`: [`RENUMBERED`] after VACUUM.
    pub rowids: i64,
}

/// What VACUUM makes of the one rowid of a table without INTEGER PRIMARY KEY and index.
pub const RENUMBERED: i64 = 1;

impl Watermark {
    /// Reads it; `None` if nothing is tracked.
    fn read(connection: &Connection) -> Result<Option<Watermark>> {
        match Watermark::of_changelog(connection) {
            // Asked only then: it costs more than reading.
            Err(_) if !schema::has_changelog(connection)? => Ok(None),
            watermark => watermark.map(Some),
        }
    }

    fn of_changelog(connection: &Connection) -> Result<Watermark> {
        // What an authorizer has ignored is NULL, and no empty log.
        const SQL: &str = "SELECT source, (SELECT min(seq) FROM main._lumos_log), (SELECT max(seq) FROM main._lumos_log), \
                           schema_version, m.rowid, EXISTS(SELECT 1 FROM main._lumos_log) FROM main._lumos_meta m, pragma_schema_version";
        let (source, first, seq, schema_version, rowids) =
            connection.query_row(SQL, [], |row| {
                let seq = |i| {
                    if row.get::<_, bool>(5)? {
                        row.get(i)
                    } else {
                        Ok(0)
                    }
                };
                Ok((row.get(0)?, seq(1)?, seq(2)?, row.get(3)?, row.get(4)?))
            })?;
        Ok(Watermark {
            source,
            first,
            seq,
            mark: mark(connection, seq)?,
            schema_version,
            rowids,
        })
    }
}

/// The mark of the log row at `seq`, as text: it tells a continued log from one restored from a backup.
pub fn mark(connection: &Connection, seq: i64) -> Result<String> {
    const SQL: &str = "SELECT format('%d', mark) FROM main._lumos_log WHERE seq = ?1";
    match connection.query_row(SQL, [seq], |row| row.get(0)) {
        Ok(mark) => Ok(mark),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(String::new()),
        Err(e) => Err(e.into()),
    }
}

/// A database and its mirror, for one call.
pub struct SyncContext<'a> {
    /// The database.
    pub connection: &'a Connection,
    /// Its mirror.
    pub mirror: &'a Mirror,
    /// Other connections of this process have the mirror attached, and may have applied more than this connection's
    /// snapshot shows.
    pub other_sessions: bool,
    /// What the call says meanwhile.
    pub progress: Progress,
    /// Until when the call waits for others.
    pub deadline: Deadline,
}

impl<'a> SyncContext<'a> {
    /// The attached mirror with its database.
    pub fn of(attached: &'a Attached, connection: &'a Connection) -> SyncContext<'a> {
        SyncContext {
            connection,
            mirror: &attached.mirror,
            other_sessions: attached.is_shared(),
            progress: attached.progress.clone(),
            deadline: attached.deadline,
        }
    }

    /// For a call that says how far it is.
    pub fn showing(self, progress: Progress) -> Self {
        SyncContext { progress, ..self }
    }
}

/// Applies what is pending, unless `auto_sync` is off or the mirror is fresh enough.
pub fn bring_up_to_date(host: &Connection, attached: &Attached) -> Result<()> {
    let Freshness {
        auto_sync,
        max_staleness,
    } = attached.freshness;
    let fresh = || {
        let since = attached.mirror.since_fresh();
        attached.known.load(Ordering::Relaxed) && since.is_some_and(|s| s < max_staleness)
    };
    if auto_sync && (max_staleness.is_zero() || !fresh()) {
        let context = SyncContext::of(attached, host);
        match sync(&context) {
            Err(e) if access::is_refusal(&e) => sync_unseen(&context, e)?,
            done => done?,
        };
        attached.known.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Applies what the authorizer of the caller's connection does not let it read, by a connection of its own: it is
/// asked again for the columns that the query reads. Errors with `refusal` if the database is in no file, or encrypted.
fn sync_unseen(context: &SyncContext<'_>, refusal: Error) -> Result<Report> {
    let (host, mirror) = (context.connection, context.mirror);
    let state = host.transaction_state(Some("main"))?;
    // What a transaction has written, another connection does not see.
    let own = match state {
        TransactionState::Write => return Err(refusal),
        _ => host::second(host).and_then(|mut own| {
            own.busy_timeout(Duration::ZERO)?;
            host::stop_with(&mut own, host)?;
            Ok(own)
        }),
    };
    let Ok(own) = own else {
        return Err(refusal);
    };
    let context = SyncContext {
        connection: &own,
        mirror,
        // The caller's snapshot may be older than this one.
        other_sessions: true,
        progress: context.progress.clone(),
        deadline: context.deadline,
    };
    loop {
        let Some(mut entered) = mirror.enter(host, context.deadline)? else {
            return Ok(Report::default());
        };
        let snapshot = HostStatement::snapshot(&own);
        match snapshot.and_then(|_held| sync_entered(&context, &mut entered)) {
            Err(e) if e.code & 0xff == ffi::SQLITE_NOTADB => return Err(refusal),
            Err(e) if e.code & 0xff == ffi::SQLITE_BUSY && state == TransactionState::None => {
                // A writer waits for the caller's snapshot to end.
                drop(entered);
                if !context.deadline.has_time(host)? {
                    return Err(e);
                }
                std::thread::sleep(BETWEEN_TRIES);
            }
            done => return done,
        }
    }
}

/// The time between two tries to read beside a writer.
const BETWEEN_TRIES: Duration = Duration::from_millis(2);

/// Applies all committed changes.
pub fn sync(context: &SyncContext<'_>) -> Result<Report> {
    let Some(mut entered) = context.mirror.enter(context.connection, context.deadline)? else {
        return Ok(Report::default());
    };
    let report = sync_entered(context, &mut entered)?;
    // Another connection of this process may need it to end the write that pruning waits for.
    drop(entered);
    fault!("applied");
    if !report.changed.is_empty() && context.connection.is_autocommit() {
        prune(context.connection, report.seq)?;
    }
    Ok(report)
}

/// As [`sync`], by the thread that entered, without pruning.
pub fn sync_entered(context: &SyncContext<'_>, entered: &mut Entered<'_>) -> Result<Report> {
    let begun = Instant::now();
    let done = apply_pending(context, entered);
    context.mirror.attempted(begun, &done);
    done
}

fn apply_pending(context: &SyncContext<'_>, entered: &mut Entered<'_>) -> Result<Report> {
    let connection = context.connection;
    let mut watermark = Watermark::read(connection)?;
    if entered.is_recent() && is_overtaken(entered.applied().as_ref(), watermark.as_ref()) {
        // By those who had their turn before.
        entered.look_again(connection)?;
        watermark = Watermark::read(connection)?;
    }
    let Some(watermark) = watermark else {
        return nothing_tracked(context);
    };
    let recent = entered.is_recent();
    let applied = entered.applied();
    let nothing_new = Report {
        seq: watermark.seq,
        failed: applied.as_ref().map_or(Vec::new(), |a| a.failed.to_vec()),
        ..Report::default()
    };
    if applied.as_ref().is_some_and(|a| up_to_date(a, &watermark)) {
        return Ok(nothing_new);
    }
    let state = connection.transaction_state(Some("main"))?;
    if state == TransactionState::Write {
        // A statement that stores a query's result has begun to write too; without changes there is nothing to do.
        if let Some(applied) = applied
            && same_data(applied, &watermark)
            && watched(connection, &applied.failed)?
        {
            return Ok(nothing_new);
        }
        return Err(has_written());
    }
    access::check_changelog(connection)?;
    let (report, now) = transaction(context, applied.as_ref(), watermark, recent)?;
    if now.is_some() {
        *applied = now;
    }
    Ok(report)
}

/// True if the mirror has more than this watermark shows.
fn is_overtaken(applied: Option<&Applied>, watermark: Option<&Watermark>) -> bool {
    applied.is_some_and(|a| watermark.is_none_or(|p| p.source != a.source || p.seq < a.seq))
}

/// The refusal to work for a transaction that has written.
fn has_written() -> Error {
    error(
        "this transaction has written, and the mirror holds committed changes only; COMMIT or ROLLBACK first, or ask lumos_auto, which reads SQLite itself",
    )
}

/// The refusal to work for a transaction that began before another connection tracked the tables anew.
fn is_behind() -> Error {
    error(
        "this transaction sees the database as it was before its tables were tracked anew; COMMIT or ROLLBACK first",
    )
}

/// One transaction on both sides. The source's snapshot is held by the one who entered.
fn transaction(
    context: &SyncContext<'_>,
    applied: Option<&Applied>,
    watermark: Watermark,
    recent: bool,
) -> Result<(Report, Option<Applied>)> {
    let (connection, mirror) = (context.connection, context.mirror);
    let in_transaction = !connection.is_autocommit();
    let duckdb = mirror.connection()?;
    fault!("watermark read");
    let rowids = watermark.rowids;
    let run = Run {
        connection,
        duckdb: &duckdb,
        progress: &context.progress,
        watermark,
        in_transaction,
        recent,
        other_sessions: context.other_sessions,
        generation: mirror.generation(),
        broken: RefCell::default(),
        rowids: std::cell::Cell::new(rowids),
        stored: RefCell::default(),
    };
    let mut done = loop {
        let done = interruptible::transaction(&duckdb, || {
            let done = run.apply(applied)?;
            fault!("before COMMIT");
            Ok(done)
        });
        match done {
            // Once more without that table.
            Err(e) if run.set_aside(&e) => {}
            done => break done?,
        }
    };
    fault!("committed");
    if !done.0.changed.is_empty() {
        // Nobody's business, and SHOW TABLES would list them.
        duckdb.execute(apply_batch::DROP_TEMPORARY)?;
    }
    if let Some(now) = &done.1
        && (applied.is_none() || !done.0.changed.is_empty())
    {
        let mirrored: Vec<String> = now.tables.iter().map(|t| t.name().to_owned()).collect();
        mirror.cache.update(&mirrored, &done.0.changed);
    }
    if done.0.reshaped {
        mirror.reshaped();
        if let Some(now) = &mut done.1 {
            now.generation = mirror.generation();
        }
        cold_files::sweep(mirror, &duckdb)?;
    }
    mirror.give_back(duckdb);
    Ok(done)
}

/// Without a changelog the mirror must be empty, else it would answer from what is not followed any more.
fn nothing_tracked(context: &SyncContext<'_>) -> Result<Report> {
    let (connection, mirror) = (context.connection, context.mirror);
    access::check_changelog(connection)?;
    let duckdb = mirror.connection()?;
    let empty = mirrored_tables(&duckdb)?.is_empty();
    let failed = failures::read(&duckdb)?;
    if empty && !failed.is_empty() {
        duckdb.execute(&failures::clear_statements(&failed))?;
    }
    mirror.give_back(duckdb);
    if empty {
        Ok(Report::default())
    } else if context.other_sessions && !connection.is_autocommit() {
        Err(is_behind())
    } else {
        Err(error(
            "the database tracks no table, but its mirror has some, from another database or from before; \
             lumos_resync('*') empties it, or attach another path",
        ))
    }
}

fn up_to_date(applied: &Applied, watermark: &Watermark) -> bool {
    same_data(applied, watermark) && applied.schema_version == Some(watermark.schema_version)
}

/// True if every tracked table has the definition and the triggers that it was tracked with, so that the log tells
/// all that happened to it.
fn watched(connection: &Connection, failed: &[Failure]) -> Result<bool> {
    for table in schema::tracked_tables(connection)? {
        if failed.iter().any(|f| f.id == table.id) {
            continue;
        }
        let same =
            schema::create_statement(connection, &table.name)?.is_some_and(|s| s == table.schema);
        let definition = schema::read_table(connection, &table.name)?;
        if !same || !table.is_watched(&definition, &table.key) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_data(applied: &Applied, watermark: &Watermark) -> bool {
    applied.source == watermark.source
        && applied.seq == watermark.seq
        && applied.mark == watermark.mark
}

/// Deletes log rows before the applied watermark, whose own row stays. That it cannot be done now, say because the
/// database is busy, read-only or its disk is full, keeps them for the next time.
fn prune(connection: &Connection, seq: i64) -> Result<()> {
    let first: Option<i64> =
        connection.query_row("SELECT min(seq) FROM main._lumos_log", [], |row| row.get(0))?;
    if first.is_none_or(|first| seq - first < PRUNE_AFTER) {
        return Ok(());
    }
    fault!("before pruning");
    // Nobody who asks for rows shall wait for a writer.
    let pruned = without_waiting(connection, || {
        Ok(connection.execute("DELETE FROM main._lumos_log WHERE seq < ?1", [seq])?)
    });
    fault!("pruned");
    match pruned {
        Err(e) if !cannot_write_now(&e) => Err(e),
        _ => Ok(()),
    }
}

/// True for an error of a write that says nothing against reading.
pub fn cannot_write_now(e: &Error) -> bool {
    matches!(
        e.code & 0xff,
        ffi::SQLITE_BUSY
            | ffi::SQLITE_LOCKED
            | ffi::SQLITE_READONLY
            | ffi::SQLITE_FULL
            | ffi::SQLITE_IOERR
            | ffi::SQLITE_CANTOPEN
            | ffi::SQLITE_PERM
            | ffi::SQLITE_AUTH
    )
}
