//! One run of applying the changelog: inside one snapshot of SQLite and one transaction of DuckDB.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use lumos_core::changelog::{Key, LogRows, Table, UNFORESEEN};
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::{Connection, TransactionState};
use serde_json::json;

use crate::access;
use crate::error::{Error, Result, error};
use crate::faults::fault;
use crate::host;
use crate::layout::cold;
use crate::locks::without_waiting;
use crate::mirror::Applied;
use crate::progress::Progress;
use crate::sync::changelog;
use crate::sync::changes::{Part, batches};
use crate::sync::copy::{self, Mirrored, Transfer};
use crate::sync::drift::{self, Current, Followed};
use crate::sync::evolve::Change;
use crate::sync::failures::{self, Failure};
use crate::sync::schema::{self, Tracked};
use crate::sync::{
    self, MirroredTable, Position, RENUMBERED, Report, cannot_write_now, mark, mirrored_tables,
    schema_log, stored_state,
};

/// One run.
pub struct Run<'a> {
    /// The source, in its snapshot.
    pub connection: &'a Connection,
    /// The mirror, in its transaction.
    pub duckdb: &'a DuckDb,
    /// What the call says meanwhile.
    pub progress: &'a Progress,
    /// Where the source's changelog stands.
    pub position: Position,
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

/// Why a table whose files have rows in another shape is copied.
const RETYPED: &str = "a column took another type";

/// As above.
const TIERED: &str = "some of its rows are in files";

/// A mirrored table as a run left it.
#[derive(Debug, Clone)]
pub struct Known {
    id: i64,
    mirrored: Mirrored,
    definition: Table,
    key: Key,
}

impl Known {
    /// Its name in the mirror.
    pub fn name(&self) -> &str {
        &self.mirrored.name
    }
}

/// The error of a table, which says whose it is.
fn of_table(id: i64, e: Error) -> Error {
    Error {
        table: Some(id),
        ..e
    }
}

/// The part of the log that names a table.
#[derive(Debug, Clone)]
struct Touched {
    /// After `.0` up to `.1`.
    log: (i64, i64),
    /// How the rows of it are found that do.
    rows: LogRows,
    /// So many they are.
    size: i64,
    /// Rows may have been replaced that it does not name.
    unforeseen: bool,
}

/// The tables that the log names, by their ids.
type Log = HashMap<i64, Touched>;

/// Where fewer rows of the log than one of so many name a table, they are looked up by their numbers.
const SPREAD: i64 = 64;

/// Up to so many are.
const NUMBERED: i64 = 1_000;

/// If as many tables are such, which is worth reading the log once more.
const FEW_TABLES: usize = 4;

/// What the mirror has that the source's log continues.
enum Base {
    /// Everything up to this position.
    Position(i64),
    /// Nothing that can be continued: every table is to be copied.
    Nothing,
    /// More than the source's snapshot shows.
    Ahead(i64),
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
        let position = &self.position;
        // With the schema of the last run there is no definition to compare.
        let known = stored.as_ref().and_then(|a| self.known(a));
        let base = match &stored {
            Some(stored) => self.base(stored)?,
            None => Base::Nothing,
        };
        let mut report = Report {
            seq: position.seq,
            ..Report::default()
        };
        let from = match base {
            Base::Position(seq) => Some(seq),
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
            seq: position.seq,
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
        if position.rowids == RENUMBERED && tracked.iter().any(by_rowid) {
            // Where that cannot be done now, the next change of the schema copies them again.
            if let Some(mark) = self.write(|| changelog::mark_rowids(self.connection))? {
                self.rowids.set(mark);
            }
        }
        let mut current = drift::compare(self.connection, position, &tracked, &mirrored)?;
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
    fn stays(&self, failure: &Failure, current: &[Current<'_>], log: &Log) -> Result<bool> {
        let Some(table) = current.iter().find(|t| t.tracked.id == failure.id) else {
            return Ok(false);
        };
        if failure.schema_version != Some(self.position.schema_version)
            || failure.name != table.tracked.target()
        {
            return Ok(false);
        }
        Ok(!log.contains_key(&failure.id)
            || !failure.may_succeed(self.connection, table.tracked)?)
    }

    /// Removes what the mirror has of a table that failed, and has its name raise the error. An error that is not
    /// the table's, or that ended the transaction, is everybody's.
    fn fail(&self, table: &Current<'_>, e: Error, report: &mut Report) -> Result<Failure> {
        let tracked = table.tracked;
        // Under its new id, if its triggers were made anew.
        let e = of_table(e.table.unwrap_or(tracked.id), e);
        self.stored.borrow_mut().remove(&tracked.id);
        if !failures::is_of_table(&e) || failures::is_aborted(self.duckdb) {
            return Err(e);
        }
        fault!("table failed");
        let mut failure = Failure::new(tracked, self.position.schema_version, e);
        if table.followed.as_ref().is_err_and(|why| *why == TAKEN) {
            failure.name.clear();
        }
        self.stored.borrow_mut().remove(&failure.id);
        if !failure.name.is_empty() {
            self.duckdb.execute(&format!(
                "{} {} DELETE FROM _lumos.tables WHERE id IN ({}, {})",
                copy::drop_statements(&failure.name),
                cold::forget_statements(tracked.id, &failure.name),
                tracked.id,
                failure.id
            ))?;
        }
        let shape = match &table.followed {
            Ok(f) => Mirrored::of(
                f.mirror,
                &table.definition,
                &f.evolution,
                &f.key,
                &table.options,
            ),
            Err(_) => Mirrored::new(&table.definition, &tracked.key, &table.options, None),
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
        tables: Vec<Known>,
        failed: Vec<Failure>,
        mut report: Report,
    ) -> Result<(Report, Option<Applied>)> {
        report.failed.clone_from(&failed);
        let position = &self.position;
        let unchanged = stored.is_some_and(|a| {
            a.source == position.source
                && a.seq == position.seq
                && a.mark == position.mark
                && report.changed.is_empty()
        });
        fault!("tables applied");
        let (source, mark) = (literal(&position.source), literal(&position.mark));
        match stored {
            _ if unchanged => {}
            Some(a) if a.source == position.source => {
                self.duckdb.execute(&format!(
                    "UPDATE _lumos.state SET seq = {}, mark = {mark}",
                    position.seq
                ))?;
            }
            _ => {
                self.duckdb.execute(&format!(
                    "DELETE FROM _lumos.state; INSERT INTO _lumos.state VALUES({source}, {}, {mark})",
                    position.seq
                ))?;
            }
        }
        schema_log::record(self.duckdb, &report.events, position.schema_version)?;
        // Repairs of triggers change the schema version; the next call compares once more.
        let settled = !report.unrenewed
            && schema::schema_version(self.connection)? == position.schema_version;
        let schema_version = settled.then_some(position.schema_version);
        let now = Applied {
            source: position.source.clone(),
            seq: position.seq,
            mark: position.mark.clone(),
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
    fn known<'a>(&self, applied: &'a Applied) -> Option<&'a [Known]> {
        let same = applied.source == self.position.source
            && applied.schema_version == Some(self.position.schema_version)
            && applied.generation == self.generation;
        same.then_some(&*applied.tables)
    }

    /// Applies the log to tables whose definitions are known; `None` if one must be copied for it, or failed, or may
    /// fail no more.
    fn follow_known(
        &self,
        log: &Log,
        known: &[Known],
        failed: &[Failure],
        report: &mut Report,
    ) -> Result<Option<Vec<Known>>> {
        if log.values().any(|touched| touched.unforeseen) {
            return Ok(None);
        }
        let touched_failures = failed.iter().filter(|f| log.contains_key(&f.id));
        for failure in touched_failures {
            let tracked = schema::tracked_tables(self.connection)?;
            let table = tracked.iter().find(|t| t.id == failure.id);
            if table.map_or(Ok(true), |t| failure.may_succeed(self.connection, t))? {
                return Ok(None);
            }
        }
        let mut tables = known.to_vec();
        for table in &mut tables {
            let id = table.id;
            let Some(touched) = log.get(&id) else {
                continue;
            };
            fault!("before a table");
            let types = table.mirrored.types.clone();
            let (keys, rows) = (report.keys, report.rows);
            match self.apply_log(table, touched, report) {
                Ok(true) => {}
                Err(e) if !failures::is_of_table(&e) || failures::is_aborted(self.duckdb) => {
                    return Err(of_table(id, e));
                }
                // All are looked at.
                Ok(false) | Err(_) => return Ok(None),
            }
            report.changed.push(table.mirrored.name.clone());
            report
                .tables
                .push((id, report.keys - keys, report.rows - rows));
            if table.mirrored.types != types {
                self.store_types(table)?;
                report.reshaped = true;
            }
        }
        Ok(Some(tables))
    }

    /// Applies the log to one table; false if the table must be copied for it.
    fn apply_log(&self, table: &mut Known, touched: &Touched, report: &mut Report) -> Result<bool> {
        let Known {
            id,
            mirrored,
            definition,
            key,
        } = table;
        access::check_table(self.connection, mirrored)?;
        access::check_keys(self.connection, mirrored.key.len())?;
        let transfer = self.transfer();
        let rows = &touched.rows;
        let changed_keys = definition.changed_keys(*id, key, rows);
        let parts: Vec<(i64, i64)> = match rows {
            LogRows::Between => batches(touched.log).collect(),
            LogRows::Numbers(_) => vec![touched.log],
        };
        for log in parts {
            let part = Part {
                changed_keys: &changed_keys,
                changed_rows: &definition.changed_rows(*id, key, rows, &mirrored.source_values()),
                log,
                size: touched.size.min(log.1 - log.0),
            };
            let applied = mirrored.apply(&part, &transfer)?;
            let Some((keys, rows)) = applied else {
                return Ok(false);
            };
            report.keys += keys;
            report.rows += rows;
        }
        Ok(true)
    }

    /// The tables that the log names after `from`, each with the part that does.
    fn log(&self, from: i64) -> Result<Log> {
        const SQL: &str = "SELECT tbl, min(seq), max(seq), count(*), max(op = ?3) FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 GROUP BY tbl";
        let mut log = Log::new();
        if from == self.position.seq {
            return Ok(log);
        }
        let mut statement = self.connection.prepare(SQL)?;
        let mut rows = statement.query([from, self.position.seq, UNFORESEEN])?;
        while let Some(row) = rows.next()? {
            let first: i64 = row.get(1)?;
            let touched = Touched {
                log: (first - 1, row.get(2)?),
                rows: LogRows::Between,
                size: row.get(3)?,
                unforeseen: row.get(4)?,
            };
            log.insert(row.get(0)?, touched);
        }
        self.number(&mut log)?;
        Ok(log)
    }

    /// Finds the rows of the tables that few rows of a long log name, so that it is not read for each.
    fn number(&self, log: &mut Log) -> Result<()> {
        let is_spread = |t: &Touched| t.size <= NUMBERED && (t.log.1 - t.log.0) / SPREAD > t.size;
        let spread: Vec<String> = log
            .iter()
            .filter(|(_, t)| is_spread(t))
            .map(|(id, _)| id.to_string())
            .collect();
        if spread.len() < FEW_TABLES {
            return Ok(());
        }
        let mut statement = self.connection.prepare(&format!(
            "SELECT tbl, group_concat(seq) FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 AND tbl IN ({}) GROUP BY tbl",
            spread.join(", ")
        ))?;
        let from = log.values().map(|t| t.log.0).min().unwrap_or_default();
        let mut rows = statement.query([from, self.position.seq])?;
        while let Some(row) = rows.next()? {
            if let Some(touched) = log.get_mut(&row.get(0)?) {
                touched.rows = LogRows::Numbers(row.get(1)?);
            }
        }
        Ok(())
    }

    /// What the changelog can go on from.
    fn base(&self, stored: &Applied) -> Result<Base> {
        let position = &self.position;
        if stored.source != position.source {
            return match mirrored_tables(self.duckdb)?.as_slice() {
                [] => Ok(Base::Nothing),
                _ if self.is_behind(stored) => Err(sync::is_behind()),
                _ => Err(error(
                    "the mirror belongs to another database; attach another path, or lumos_resync('*') to replace its tables",
                )),
            };
        }
        if position.seq < stored.seq && self.is_behind(stored) {
            return Ok(Base::Ahead(stored.seq));
        }
        // The log was pruned after another mirror of this database had applied it. The row that this one stopped at
        // is gone, and with it the proof that the log goes on from there.
        if position.first > stored.seq.max(1) {
            return Ok(Base::Nothing);
        }
        if position.seq < stored.seq || mark(self.connection, stored.seq)? != stored.mark {
            return Err(error(
                "the database went back behind its mirror, as after restoring a backup; lumos_resync('*') copies its tables again",
            ));
        }
        Ok(Base::Position(stored.seq))
    }

    /// True if the snapshot is older than the mirror; false if the database itself is, as after restoring a backup.
    fn is_behind(&self, stored: &Applied) -> bool {
        if self.recent {
            return false;
        }
        // A process that closed its connections since may have applied more: another connection sees what is there.
        let now = || {
            let second = host::second(self.connection)?;
            let now = Position::read(&second)?;
            Ok::<bool, Error>(
                now.is_some_and(|now| now.source == stored.source)
                    && mark(&second, stored.seq)? == stored.mark,
            )
        };
        self.other_sessions || now().unwrap_or(false)
    }

    /// Removes the mirrored tables that are not followed, and gives the others the names that they have now: tables
    /// may have exchanged theirs.
    fn make_room(
        &self,
        current: &[Current<'_>],
        mirrored: &[MirroredTable],
        report: &mut Report,
    ) -> Result<()> {
        let mut moved = Vec::new();
        for mirror in mirrored {
            let table = current.iter().find(|t| t.tracked.id == mirror.id);
            let (drop_view, old) = (copy::drop_view(&mirror.name), copy::target(&mirror.name));
            match table {
                Some(table) if table.followed.is_ok() => {
                    let name = table.tracked.target();
                    if name != mirror.name {
                        let between = format!("_lumos_moved_{}", mirror.id);
                        self.duckdb.execute(&format!(
                            "{drop_view}; {} ALTER TABLE {old} RENAME TO {}",
                            cold::drop_statements(&mirror.name),
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
                copy::target(&between),
                identifier(name)
            ))?;
        }
        Ok(())
    }

    /// Brings one table up to date, by its log or by a new copy.
    fn table(
        &self,
        table: &Current<'_>,
        touched: Option<&Touched>,
        unchanged: &mut Vec<i64>,
        report: &mut Report,
    ) -> Result<Known> {
        let tracked = table.tracked;
        copy::check_names(&table.definition, &tracked.key, &table.options)?;
        let why = match &table.followed {
            Ok(followed) => match self.follow(table, followed, touched, unchanged, report)? {
                Ok(known) => {
                    self.register(table, &followed.key, report)?;
                    return Ok(known);
                }
                Err(why) => {
                    // It has its new name by now.
                    let mirror = MirroredTable {
                        name: tracked.target().to_owned(),
                        ..followed.mirror.clone()
                    };
                    self.forget(&mirror, report)?;
                    why
                }
            },
            Err(why) => why,
        };
        // Before its triggers are made anew.
        let copied = Mirrored::new(&table.definition, &tracked.key, &table.options, None);
        access::check_table(self.connection, &copied)?;
        if table.intact {
            return self.copy(table, tracked, &table.schema, why, report);
        }
        let tracked = &Tracked {
            options: table.options.clone(),
            ..tracked.clone()
        };
        let renewed = self.write(|| {
            changelog::renew(self.connection, tracked, &table.definition, &table.schema)
        })?;
        match renewed {
            Some(renewed) => {
                self.duckdb.execute(&format!(
                    "UPDATE _lumos.orders SET id = {0} WHERE id = {1}; UPDATE _lumos.tiers SET id = {0} WHERE id = {1}",
                    renewed.id, tracked.id
                ))?;
                self.copy(table, &renewed, &table.schema, why, report)
            }
            None => {
                // The table is copied once more by the next run.
                report.unrenewed = true;
                let key = changelog::key_of(tracked, &table.definition)?;
                let as_it_is = Tracked {
                    key,
                    ..tracked.clone()
                };
                self.copy(table, &as_it_is, "", why, report)
            }
        }
    }

    /// Changes the mirror of a table as its source changed, and applies its log; or says why it must be copied.
    fn follow(
        &self,
        table: &Current<'_>,
        followed: &Followed<'_>,
        touched: Option<&Touched>,
        unchanged: &mut Vec<i64>,
        report: &mut Report,
    ) -> Result<std::result::Result<Known, &'static str>> {
        let Followed {
            mirror,
            evolution,
            key,
            doubtful,
        } = followed;
        let (id, definition) = (table.tracked.id, &table.definition);
        if touched.is_some_and(|t| t.unforeseen) {
            return Ok(Err("rows may have been replaced unseen"));
        }
        let renamed = mirror.name != table.tracked.target();
        let evolved = renamed || evolution.changes() > 0;
        if mirror.is_tiered && (evolved || *doubtful) {
            return Ok(Err(TIERED));
        }
        let mut mirrored = Mirrored::of(mirror, definition, evolution, key, &table.options);
        mirrored.tiered = mirror.is_tiered.then_some(id);
        if evolved || *doubtful {
            access::check_table(self.connection, &mirrored)?;
            let change = Change {
                evolution,
                options: &table.options,
                doubtful: *doubtful,
                touched: touched.map(|t| (definition.changed_keys(id, key, &t.rows), t.log)),
            };
            if let Some(why) = mirrored.evolve(mirror, definition, &change, &self.transfer())? {
                return Ok(Err(why));
            }
        }
        let types = mirrored.types.clone();
        let mut known = Known {
            id,
            mirrored,
            definition: definition.clone(),
            key: key.clone(),
        };
        if let Some(touched) = touched
            && !self.apply_log(&mut known, touched, report)?
        {
            return Ok(Err(RETYPED));
        }
        let retyped = known.mirrored.types != types;
        if evolved || retyped || mirror.schema != table.schema || mirror.place != table.place {
            self.store(&known, &table.schema, &table.place);
        } else if mirror.schema_version != self.position.schema_version {
            unchanged.push(id);
        }
        let mirrored = &known.mirrored;
        if evolved {
            fault!("table evolved");
            self.duckdb.execute(&mirrored.create_view())?;
            report.changed.push(mirror.name.clone());
        }
        if evolved || touched.is_some() {
            report.changed.push(mirrored.name.clone());
        }
        report.reshaped |= evolved || retyped;
        if renamed {
            report.event(
                &definition.name,
                &format!("renamed from {}", mirror.name),
                None,
            );
        }
        for event in evolution.events(&definition.columns) {
            report.event(&definition.name, &event, None);
        }
        Ok(Ok(known))
    }

    /// Writes down in the source what the triggers of a table fit now, where only names changed: they changed along.
    fn register(&self, table: &Current<'_>, key: &Key, report: &mut Report) -> Result<()> {
        if table.intact {
            return Ok(());
        }
        let registered = self.write(|| {
            changelog::register(
                self.connection,
                table.tracked.id,
                &table.definition.name,
                key,
                &table.schema,
                &table.options,
            )
        })?;
        report.unrenewed |= registered.is_none();
        Ok(())
    }

    /// Writes to the source. `None` if that cannot be done just now, as inside a transaction or while another
    /// connection writes.
    fn write<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        if self.in_transaction {
            return Ok(None);
        }
        // The others wait for this turn, and may be in the way of the write.
        match without_waiting(self.connection, || {
            schema::atomically(self.connection, body)
        }) {
            // Where undoing it gave up the snapshot too, the caller must try again.
            Err(e)
                if cannot_write_now(&e)
                    && self.connection.transaction_state(Some("main"))?
                        != TransactionState::None =>
            {
                Ok(None)
            }
            written => written.map(Some),
        }
    }

    /// Copies a table, which is `current` but for its id and key if its triggers were made anew.
    fn copy(
        &self,
        current: &Current<'_>,
        table: &Tracked,
        schema: &str,
        why: &str,
        report: &mut Report,
    ) -> Result<Known> {
        let mut mirrored = Mirrored::new(&current.definition, &table.key, &table.options, None);
        let rows = mirrored.copy(&self.transfer());
        let rows = rows.map_err(|e| of_table(table.id, e))?;
        fault!("table copied");
        report.rows += rows;
        report.reshaped = true;
        report.changed.push(mirrored.name.clone());
        let event = match why {
            drift::TRACKED => why.to_owned(),
            why => format!("copied: {why}"),
        };
        report.event(&table.name, &event, Some(rows));
        let known = Known {
            id: table.id,
            mirrored,
            definition: current.definition.clone(),
            key: table.key.clone(),
        };
        self.store(&known, schema, &current.place);
        Ok(known)
    }

    /// Writes down in the mirror the types of a table.
    fn store_types(&self, table: &Known) -> Result<()> {
        self.duckdb.execute(&format!(
            "UPDATE _lumos.tables SET types = {} WHERE id = {}",
            literal(&types_json(&table.mirrored)),
            table.id
        ))?;
        Ok(())
    }

    /// Writes down what the mirror has of a table, with all others by [`Self::store_all`].
    fn store(&self, table: &Known, schema: &str, place: &str) {
        let row = format!(
            "({}, {}, {}, {}, {}, {}, {}, {}, {})",
            table.id,
            literal(table.name()),
            literal(schema),
            literal(&types_json(&table.mirrored)),
            self.position.schema_version,
            literal(&schema::key_json(&table.key).to_string()),
            literal(&schema::columns_json(&table.definition.columns)),
            literal(place),
            self.rowids.get(),
        );
        self.stored.borrow_mut().insert(table.id, row);
    }

    /// Writes to the mirror what was written down; `unchanged` tables only were compared once more.
    fn store_all(&self, unchanged: &[i64]) -> Result<()> {
        let list = |ids: &mut dyn Iterator<Item = &i64>| {
            let ids: Vec<String> = ids.map(i64::to_string).collect();
            ids.join(", ")
        };
        if !unchanged.is_empty() {
            self.duckdb.execute(&format!(
                "UPDATE _lumos.tables SET schema_version = {} WHERE id IN ({})",
                self.position.schema_version,
                list(&mut unchanged.iter())
            ))?;
        }
        let stored = std::mem::take(&mut *self.stored.borrow_mut());
        if !stored.is_empty() {
            let rows: Vec<String> = stored.values().cloned().collect();
            self.duckdb.execute(&format!(
                "DELETE FROM _lumos.tables WHERE id IN ({}); \
                 INSERT INTO _lumos.tables(id, name, schema, types, schema_version, key, columns, place, rowids) VALUES {}",
                list(&mut stored.keys()),
                rows.join(", ")
            ))?;
        }
        Ok(())
    }

    /// Removes a mirrored table.
    fn forget(&self, table: &MirroredTable, report: &mut Report) -> Result<()> {
        self.duckdb.execute(&format!(
            "{} {} DELETE FROM _lumos.tables WHERE id = {}",
            copy::drop_statements(&table.name),
            cold::forget_statements(table.id, &table.name),
            table.id
        ))?;
        report.reshaped = true;
        report.changed.push(table.name.clone());
        Ok(())
    }
}

fn types_json(mirrored: &Mirrored) -> String {
    let types: Vec<String> = mirrored.types.iter().map(|t| t.name()).collect();
    json!(types).to_string()
}
