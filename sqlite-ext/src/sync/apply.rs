//! One run of applying the changelog: inside one snapshot of SQLite and one transaction of DuckDB.

use lumos_core::changelog::{Key, Table, UNFORESEEN};
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::{Connection, TransactionState};
use serde_json::json;

use crate::error::{Error, Result, error};
use crate::faults::fault;
use crate::layout::cold;
use crate::mirror::Applied;
use crate::progress::Progress;
use crate::sync::changelog;
use crate::sync::changes::{Part, batches};
use crate::sync::copy::{self, Mirrored, Transfer};
use crate::sync::drift::{self, Current, Followed};
use crate::sync::evolve::Change;
use crate::sync::schema::{self, Tracked};
use crate::sync::{
    self, MirroredTable, Position, Report, cannot_write_now, mark, mirrored_tables, schema_log,
    stored_state,
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
    /// Another connection may have applied more than this one's snapshot shows.
    pub may_be_behind: bool,
    /// The mirror's number of this shape of its tables.
    pub generation: u64,
}

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

/// What the mirror has that the source's log continues.
enum Base {
    /// Everything up to this position.
    Position(i64),
    /// Nothing that can be continued: every table is to be copied.
    Nothing,
    /// More than the source's snapshot shows.
    Ahead(i64),
}

/// Refuses two tables with one name in the mirror, as after a table was renamed to the target of another.
fn check_targets(tracked: &[Tracked]) -> Result<()> {
    for table in tracked.iter().filter(|t| t.options.target.is_some()) {
        let same =
            |t: &&Tracked| t.id != table.id && t.target().eq_ignore_ascii_case(table.target());
        if let Some(other) = tracked.iter().find(same) {
            return Err(error(format!(
                "tables \"{}\" and \"{}\" have the name \"{}\" in the mirror; give one of them another target with lumos_track",
                table.name,
                other.name,
                table.target()
            )));
        }
    }
    Ok(())
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
        if let (Some(from), Some(known)) = (from, known)
            && let Some(tables) = self.follow_known(from, known, &mut report)?
        {
            return self.finish(stored.as_ref(), tables, report);
        }
        let mirrored = mirrored_tables(self.duckdb)?;
        let mut report = Report {
            seq: position.seq,
            ..Report::default()
        };
        let tracked = schema::tracked_tables(self.connection)?;
        check_targets(&tracked)?;
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
        let current = drift::compare(self.connection, position, &tracked, &mirrored)?;
        self.make_room(&current, &mirrored, &mut report)?;
        let mut tables = Vec::new();
        for table in &current {
            fault!("before a table");
            let (keys, rows, changed) = (report.keys, report.rows, report.changed.len());
            let id = table.tracked.id;
            tables.push(
                self.table(table, from.unwrap_or(0), &mut report)
                    .map_err(|e| of_table(id, e))?,
            );
            if report.changed.len() > changed {
                report
                    .tables
                    .push((id, report.keys - keys, report.rows - rows));
            }
        }
        self.finish(stored.as_ref(), tables, report)
    }

    /// Writes down what the mirror equals now.
    fn finish(
        &self,
        stored: Option<&Applied>,
        tables: Vec<Known>,
        report: Report,
    ) -> Result<(Report, Option<Applied>)> {
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

    /// Applies the log to tables whose definitions are known; `None` if one must be copied for it.
    fn follow_known(
        &self,
        from: i64,
        known: &[Known],
        report: &mut Report,
    ) -> Result<Option<Vec<Known>>> {
        let mut tables = known.to_vec();
        let Some(touched) = self.touched_tables(from)? else {
            return Ok(None);
        };
        for table in tables.iter_mut().filter(|t| touched.contains(&t.id)) {
            let id = table.id;
            fault!("before a table");
            let types = table.mirrored.types.clone();
            let (keys, rows) = (report.keys, report.rows);
            let applied = self.apply_log(table, from, report);
            if !applied.map_err(|e| of_table(id, e))? {
                return Ok(None);
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
    fn apply_log(&self, table: &mut Known, from: i64, report: &mut Report) -> Result<bool> {
        let Known {
            id,
            mirrored,
            definition,
            key,
        } = table;
        let transfer = self.transfer();
        for log in batches((from, self.position.seq)) {
            let part = Part {
                changed_rows: &definition.changed_rows(*id, key, &mirrored.source_values()),
                log,
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

    /// The tables that the log names after `from`; `None` if rows may have been replaced that it does not name.
    fn touched_tables(&self, from: i64) -> Result<Option<Vec<i64>>> {
        const SQL: &str = "SELECT tbl, max(op = ?3) FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 GROUP BY tbl";
        let mut statement = self.connection.prepare(SQL)?;
        let mut rows = statement.query([from, self.position.seq, UNFORESEEN])?;
        let mut touched = Vec::new();
        while let Some(row) = rows.next()? {
            if row.get(1)? {
                return Ok(None);
            }
            touched.push(row.get(0)?);
        }
        Ok(Some(touched))
    }

    /// What the changelog can go on from.
    fn base(&self, stored: &Applied) -> Result<Base> {
        let position = &self.position;
        if stored.source != position.source {
            return match mirrored_tables(self.duckdb)?.as_slice() {
                [] => Ok(Base::Nothing),
                _ if self.may_be_behind => Err(sync::is_behind()),
                _ => Err(error(
                    "the mirror belongs to another database; attach another path, or lumos_resync('*') to replace its tables",
                )),
            };
        }
        if position.seq < stored.seq && self.may_be_behind {
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
    fn table(&self, table: &Current<'_>, from: i64, report: &mut Report) -> Result<Known> {
        let tracked = table.tracked;
        let why = match &table.followed {
            Ok(followed) => match self.follow(table, followed, from, report)? {
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
        if table.intact {
            return self.copy(tracked, &table.schema, why, report);
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
                self.copy(&renewed, &table.schema, why, report)
            }
            None => {
                // The table is copied once more by the next run.
                report.unrenewed = true;
                let key = changelog::key_of(tracked, &table.definition)?;
                let as_it_is = Tracked {
                    key,
                    ..tracked.clone()
                };
                self.copy(&as_it_is, "", why, report)
            }
        }
    }

    /// Changes the mirror of a table as its source changed, and applies its log; or says why it must be copied.
    fn follow(
        &self,
        table: &Current<'_>,
        followed: &Followed<'_>,
        from: i64,
        report: &mut Report,
    ) -> Result<std::result::Result<Known, &'static str>> {
        let Followed {
            mirror,
            evolution,
            key,
            doubtful,
        } = followed;
        let (id, definition) = (table.tracked.id, &table.definition);
        let to = self.position.seq;
        let touched = to > from && self.touched(id, from)?;
        if touched && self.unforeseen(table.tracked, from)? {
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
            let keys = touched.then(|| definition.changed_keys(id, key));
            let change = Change {
                evolution,
                options: &table.options,
                doubtful: *doubtful,
                keys,
                log: (from, to),
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
        if touched && !self.apply_log(&mut known, from, report)? {
            return Ok(Err(RETYPED));
        }
        let mirrored = &known.mirrored;
        let retyped = mirrored.types != types;
        if evolved || retyped || mirror.schema_version != self.position.schema_version {
            self.store(id, mirrored, definition, key, &table.schema)?;
        }
        if evolved {
            fault!("table evolved");
            self.duckdb.execute(&mirrored.create_view())?;
            report.changed.push(mirror.name.clone());
        }
        if evolved || touched {
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
        match schema::atomically(self.connection, body) {
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

    /// True if rows of the table may have been replaced that the log after `from` does not name.
    fn unforeseen(&self, table: &Tracked, from: i64) -> Result<bool> {
        if !table
            .triggers
            .iter()
            .any(|t| t.name.contains("_unforeseen_"))
        {
            return Ok(false);
        }
        let sql = "SELECT EXISTS(SELECT 1 FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 AND tbl = ?3 AND op = ?4)";
        let row = [from, self.position.seq, table.id, UNFORESEEN];
        Ok(self.connection.query_row(sql, row, |row| row.get(0))?)
    }

    /// True if the log after `from` names the table.
    fn touched(&self, id: i64, from: i64) -> Result<bool> {
        let sql = "SELECT EXISTS(SELECT 1 FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 AND tbl = ?3)";
        Ok(self
            .connection
            .query_row(sql, [from, self.position.seq, id], |row| row.get(0))?)
    }

    fn copy(&self, table: &Tracked, schema: &str, why: &str, report: &mut Report) -> Result<Known> {
        let definition = schema::read_table(self.connection, &table.name)?;
        let mut mirrored = Mirrored::new(&definition, &table.key, &table.options, None);
        let rows = mirrored.copy(&self.transfer());
        let rows = rows.map_err(|e| Error {
            table: Some(table.id),
            ..e
        })?;
        fault!("table copied");
        report.rows += rows;
        report.reshaped = true;
        report.changed.push(mirrored.name.clone());
        let event = match why {
            drift::TRACKED => why.to_owned(),
            why => format!("copied: {why}"),
        };
        report.event(&table.name, &event, Some(rows));
        self.store(table.id, &mirrored, &definition, &table.key, schema)?;
        Ok(Known {
            id: table.id,
            mirrored,
            definition,
            key: table.key.clone(),
        })
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

    /// Writes down in the mirror what it has of a table.
    fn store(
        &self,
        id: i64,
        mirrored: &Mirrored,
        definition: &Table,
        key: &Key,
        schema: &str,
    ) -> Result<()> {
        self.duckdb.execute(&format!(
            "DELETE FROM _lumos.tables WHERE id = {id}; INSERT INTO _lumos.tables(id, name, schema, types, schema_version, key, columns, place) \
             VALUES({id}, {}, {}, {}, {}, {}, {}, {})",
            literal(&mirrored.name),
            literal(schema),
            literal(&types_json(mirrored)),
            self.position.schema_version,
            literal(&schema::key_json(key).to_string()),
            literal(&schema::columns_json(&definition.columns)),
            literal(&schema::place(self.connection, &definition.name)?),
        ))?;
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
