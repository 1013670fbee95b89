//! One run of applying the changelog: inside one snapshot of SQLite and one transaction of DuckDB.

mod log;
mod stored;
mod table;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use lumos_core::changelog::Key;
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::Connection;

use self::log::{Base, Log};
use crate::error::{Error, Result, error};
use crate::faults::fault;
use crate::mirror::column_map::ColumnMap;
use crate::mirror::records::{MirrorRecord, mirrored_tables};
use crate::mirror::state::{Applied, AppliedTable, Failure, stored_state};
use crate::mirror::{cold_rows, names};
use crate::progress::Progress;
use crate::sync::copy::Transfer;
use crate::sync::schema::{self, Tracked};
use crate::sync::schema_diff::{self, TableState};
use crate::sync::{RENUMBERED, Report, Watermark, failures, schema_log, triggers_install};

/// One run.
pub struct Run<'a> {
    /// The source, in its snapshot.
    pub connection: &'a Connection,
    /// The mirror, in its transaction.
    pub duckdb: &'a DuckDb,
    /// What the call says meanwhile.
    pub progress: &'a Progress,
    /// Where the source's changelog stands.
    pub watermark: Watermark,
    /// The application has a transaction open.
    pub in_transaction: bool,
    /// The snapshot was taken by this call; another one may be older than what the mirror has.
    pub recent: bool,
    /// Other connections have the mirror too, and apply changes.
    pub other_sessions: bool,
    /// The mirror's number of this shape of its tables.
    pub generation: u64,
    /// Tables whose errors ended a transaction of this call, by their ids.
    pub broken: RefCell<HashMap<i64, Error>>,
    /// The mark of the rowids as this run leaves it.
    pub rowids: Cell<i64>,
    /// What is to be written down of tables, by their ids.
    pub stored: RefCell<BTreeMap<i64, String>>,
}

/// Why a table is not followed whose name in the mirror another one has.
const TAKEN: &str = "its name in the mirror is taken";

/// The error of a table, which says whose it is.
fn of_table(id: i64, e: Error) -> Error {
    Error {
        table: Some(id),
        ..e
    }
}

/// An error for a table that has the name of another one in the mirror, as after that was renamed to its target.
fn check_target(table: &Tracked, tracked: &[Tracked]) -> Result<()> {
    if table.options.target.is_none() {
        return Ok(());
    }
    let same = |t: &&Tracked| t.id != table.id && t.target().eq_ignore_ascii_case(table.target());
    match tracked.iter().find(same) {
        Some(other) => Err(error(format!(
            "tables \"{}\" and \"{}\" have the name \"{}\" in the mirror; give one of them another target with lumos_track",
            table.name,
            other.name,
            table.target()
        ))),
        None => Ok(()),
    }
}

impl Run<'_> {
    /// Makes the mirror equal the source's snapshot. Returns what was done, and what the mirror equals then.
    pub fn apply(&self, applied: Option<&Applied>) -> Result<(Report, Option<Applied>)> {
        let stored = match applied {
            Some(applied) => Some(applied.clone()),
            None => stored_state(self.duckdb)?,
        };
        let watermark = &self.watermark;
        // With the schema of the last run there is no definition to compare.
        let known = stored.as_ref().and_then(|a| self.known(a));
        let base = match &stored {
            Some(stored) => self.base(stored)?,
            None => Base::Nothing,
        };
        let mut report = Report {
            seq: watermark.seq,
            ..Report::default()
        };
        let from = match base {
            Base::Watermark(seq) => Some(seq),
            Base::Nothing => None,
            Base::Ahead(seq) => {
                report.seq = seq;
                return Ok((report, None));
            }
        };
        let log = match from {
            Some(from) => self.log(from)?,
            None => Log::new(),
        };
        if let Some(stored) = &stored
            && let (Some(_), Some(known)) = (from, known)
            && let Some(tables) = self.follow_known(&log, known, &stored.failed, &mut report)?
        {
            return self.finish(Some(stored), tables, stored.failed.to_vec(), report);
        }
        let mut report = Report {
            seq: watermark.seq,
            ..Report::default()
        };
        let mirrored = mirrored_tables(self.duckdb)?;
        let tracked = schema::tracked_tables(self.connection)?;
        // What cannot be continued is as good as nothing.
        let mirrored = match from {
            Some(_) => mirrored,
            None => {
                for table in &mirrored {
                    self.forget(table, &mut report)?;
                }
                Vec::new()
            }
        };
        let by_rowid = |t: &Tracked| matches!(t.key, Key::Rowid(_));
        if watermark.rowids == RENUMBERED && tracked.iter().any(by_rowid) {
            // Where that cannot be done now, the next change of the schema copies them again.
            if let Some(mark) = self.write(|| triggers_install::mark_rowids(self.connection))? {
                self.rowids.set(mark);
            }
        }
        let mut current = schema_diff::compare(self.connection, watermark, &tracked, &mirrored)?;
        for table in &mut current {
            if check_target(table.tracked, &tracked).is_err() {
                table.followed = Err(TAKEN);
            }
        }
        let mut failed = Vec::new();
        for failure in failures::read(self.duckdb)? {
            if from.is_some() && self.stays(&failure, &current, &log)? {
                failed.push(failure);
            } else {
                report.reshaped = true;
                report.changed.push(failure.name.clone());
                failure.clear(self.duckdb)?;
            }
        }
        self.make_room(&current, &mirrored, &mut report)?;
        let mut tables = Vec::new();
        let mut unchanged = Vec::new();
        for table in &current {
            fault!("before a table");
            let id = table.tracked.id;
            if failed.iter().any(|f| f.id == id) {
                continue;
            }
            let (keys, rows, changed) = (report.keys, report.rows, report.changed.len());
            let broken = self.broken.borrow().get(&id).cloned();
            let done = match broken {
                Some(e) => Err(e),
                None => check_target(table.tracked, &tracked)
                    .and_then(|()| self.table(table, log.get(&id), &mut unchanged, &mut report)),
            };
            match done {
                Ok(known) => tables.push(known),
                Err(e) => failed.push(self.fail(table, e, &mut report)?),
            }
            if report.changed.len() > changed {
                report
                    .tables
                    .push((id, report.keys - keys, report.rows - rows));
            }
        }
        self.store_all(&unchanged)?;
        self.finish(stored.as_ref(), tables, failed, report)
    }

    /// Puts a table aside whose error ended the transaction; false if that is not so.
    pub fn set_aside(&self, e: &Error) -> bool {
        match e.table {
            Some(id) if failures::is_of_table(e) => {
                self.broken.borrow_mut().insert(id, e.clone()).is_none()
            }
            _ => false,
        }
    }

    /// True if a table that failed need not be tried again.
    fn stays(&self, failure: &Failure, current: &[TableState<'_>], log: &Log) -> Result<bool> {
        let Some(table) = current.iter().find(|t| t.tracked.id == failure.id) else {
            return Ok(false);
        };
        if failure.schema_version != Some(self.watermark.schema_version)
            || failure.name != table.tracked.target()
        {
            return Ok(false);
        }
        Ok(!log.contains_key(&failure.id)
            || !failure.may_succeed(self.connection, table.tracked)?)
    }

    /// Removes what the mirror has of a table that failed, and has its name raise the error. An error that is not
    /// the table's, or that ended the transaction, is everybody's.
    fn fail(&self, table: &TableState<'_>, e: Error, report: &mut Report) -> Result<Failure> {
        let tracked = table.tracked;
        // Under its new id, if its triggers were made anew.
        let e = of_table(e.table.unwrap_or(tracked.id), e);
        self.stored.borrow_mut().remove(&tracked.id);
        if !failures::is_of_table(&e) || failures::is_aborted(self.duckdb) {
            return Err(e);
        }
        fault!("table failed");
        let mut failure = Failure::new(tracked, self.watermark.schema_version, e);
        if table.followed.as_ref().is_err_and(|why| *why == TAKEN) {
            failure.name.clear();
        }
        self.stored.borrow_mut().remove(&failure.id);
        if !failure.name.is_empty() {
            self.duckdb.execute(&format!(
                "{} {} DELETE FROM _lumos.tables WHERE id IN ({}, {})",
                names::drop_statements(&failure.name),
                cold_rows::forget_statements(tracked.id, &failure.name),
                tracked.id,
                failure.id
            ))?;
        }
        let shape = match &table.followed {
            Ok(f) => ColumnMap::of(
                f.mirror,
                &table.definition,
                &f.evolution,
                &f.key,
                &table.options,
            ),
            Err(_) => ColumnMap::new(&table.definition, &tracked.key, &table.options, None),
        };
        failure.write(self.duckdb, &shape)?;
        report.reshaped = true;
        report.changed.push(failure.name.clone());
        // Without the value, since everybody can read what happened.
        let why = match &failure.unfit {
            Some(unfit) => format!("column \"{}\": a value does not fit its type", unfit.column),
            None => failure.message.clone(),
        };
        report.event(&tracked.name, &format!("failed: {why}"), None);
        Ok(failure)
    }

    /// Writes down what the mirror equals now.
    fn finish(
        &self,
        stored: Option<&Applied>,
        tables: Vec<AppliedTable>,
        failed: Vec<Failure>,
        mut report: Report,
    ) -> Result<(Report, Option<Applied>)> {
        report.failed.clone_from(&failed);
        let watermark = &self.watermark;
        let unchanged = stored.is_some_and(|a| {
            a.source == watermark.source
                && a.seq == watermark.seq
                && a.mark == watermark.mark
                && report.changed.is_empty()
        });
        fault!("tables applied");
        let (source, mark) = (literal(&watermark.source), literal(&watermark.mark));
        match stored {
            _ if unchanged => {}
            Some(a) if a.source == watermark.source => {
                self.duckdb.execute(&format!(
                    "UPDATE _lumos.state SET seq = {}, mark = {mark}",
                    watermark.seq
                ))?;
            }
            _ => {
                self.duckdb.execute(&format!(
                    "DELETE FROM _lumos.state; INSERT INTO _lumos.state VALUES({source}, {}, {mark})",
                    watermark.seq
                ))?;
            }
        }
        schema_log::record(self.duckdb, &report.events, watermark.schema_version)?;
        // Repairs of triggers change the schema version; the next call compares once more.
        let settled = !report.unrenewed
            && schema::schema_version(self.connection)? == watermark.schema_version;
        let schema_version = settled.then_some(watermark.schema_version);
        let now = Applied {
            source: watermark.source.clone(),
            seq: watermark.seq,
            mark: watermark.mark.clone(),
            schema_version,
            tables: tables.into(),
            failed: failed.into(),
            generation: self.generation,
        };
        Ok((report, Some(now)))
    }

    fn transfer(&self) -> Transfer<'_> {
        Transfer {
            source: self.connection,
            duckdb: self.duckdb,
            progress: self.progress,
        }
    }

    /// The tables as the last run left them, if their definitions cannot be others now.
    fn known<'a>(&self, applied: &'a Applied) -> Option<&'a [AppliedTable]> {
        let same = applied.source == self.watermark.source
            && applied.schema_version == Some(self.watermark.schema_version)
            && applied.generation == self.generation;
        same.then_some(&*applied.tables)
    }

    /// Removes the mirrored tables that are not followed, and gives the others the names that they have now: tables
    /// may have exchanged theirs.
    fn make_room(
        &self,
        current: &[TableState<'_>],
        mirrored: &[MirrorRecord],
        report: &mut Report,
    ) -> Result<()> {
        let mut moved = Vec::new();
        for mirror in mirrored {
            let table = current.iter().find(|t| t.tracked.id == mirror.id);
            let (drop_view, old) = (names::drop_view(&mirror.name), names::target(&mirror.name));
            match table {
                Some(table) if table.followed.is_ok() => {
                    let name = table.tracked.target();
                    if name != mirror.name {
                        let between = format!("_lumos_moved_{}", mirror.id);
                        self.duckdb.execute(&format!(
                            "{drop_view}; {} ALTER TABLE {old} RENAME TO {}",
                            cold_rows::drop_statements(&mirror.name),
                            identifier(&between)
                        ))?;
                        moved.push((between, name));
                    }
                }
                Some(_) => self.forget(mirror, report)?,
                None => {
                    self.forget(mirror, report)?;
                    report.event(&mirror.name, "dropped", None);
                }
            }
        }
        for (between, name) in moved {
            fault!("table moved");
            self.duckdb.execute(&format!(
                "ALTER TABLE {} RENAME TO {}",
                names::target(&between),
                identifier(name)
            ))?;
        }
        Ok(())
    }
}
