//! One run of applying the changelog: inside one snapshot of SQLite and one transaction of DuckDB.

use lumos_core::changelog::{Key, Table};
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::{Connection, TransactionState};
use serde_json::json;

use crate::error::{Error, Result, error};
use crate::layout::cold;
use crate::mirror::Applied;
use crate::sync::changelog;
use crate::sync::copy::{self, Mirrored};
use crate::sync::drift::{self, Current, Followed};
use crate::sync::evolve::Change;
use crate::sync::schema::{self, Tracked};
use crate::sync::{
    MirroredTable, Position, Report, cannot_write_now, mark, mirrored_tables, schema_log,
    stored_state,
};

/// One run.
pub struct Run<'a> {
    /// The source, in its snapshot.
    pub connection: &'a Connection,
    /// The mirror, in its transaction.
    pub duckdb: &'a DuckDb,
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
const TIERED: &str = "some of its rows are in files";

/// A mirrored table as a run left it.
#[derive(Debug, Clone)]
pub struct Known {
    id: i64,
    mirrored: Mirrored,
    /// The SELECT of the rows that changed.
    changed_rows: String,
}

impl Known {
    fn new(id: i64, mirrored: Mirrored, definition: &Table, key: &Key) -> Known {
        let changed_rows = definition.changed_rows(id, key, mirrored.source_columns());
        Known {
            id,
            mirrored,
            changed_rows,
        }
    }

    /// Its name in the mirror.
    pub fn name(&self) -> &str {
        &self.mirrored.name
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
            tables.push(self.table(table, from.unwrap_or(0), &mut report)?);
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
        let touched = self.touched_tables(from)?;
        for table in tables.iter_mut().filter(|t| touched.contains(&t.id)) {
            let types = table.mirrored.types.clone();
            if !self.apply_log(table, from, report)? {
                return Ok(None);
            }
            if table.mirrored.types != types {
                self.store_types(table)?;
                report.reshaped = true;
            }
        }
        Ok(Some(tables))
    }

    /// Applies the log to one table; false if the table must be copied for it.
    fn apply_log(&self, table: &mut Known, from: i64, report: &mut Report) -> Result<bool> {
        for (from, to) in copy::batches((from, self.position.seq)) {
            let mirrored = &mut table.mirrored;
            let applied =
                mirrored.apply(&table.changed_rows, from, to, self.connection, self.duckdb)?;
            let Some((keys, rows)) = applied else {
                return Ok(false);
            };
            report.keys += keys;
            report.rows += rows;
        }
        report.changed.push(table.mirrored.name.clone());
        Ok(true)
    }

    /// The tables that the log names after `from`.
    fn touched_tables(&self, from: i64) -> Result<Vec<i64>> {
        let mut statement = self
            .connection
            .prepare("SELECT DISTINCT tbl FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2")?;
        let ids = statement.query_map([from, self.position.seq], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// What the changelog can go on from.
    fn base(&self, stored: &Applied) -> Result<Base> {
        let position = &self.position;
        if stored.source != position.source {
            return match mirrored_tables(self.duckdb)?.as_slice() {
                [] => Ok(Base::Nothing),
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
                    let name = &table.tracked.name;
                    if *name != mirror.name {
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
                        name: tracked.name.clone(),
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
        let renamed = mirror.name != definition.name;
        let evolved = renamed || evolution.changes() > 0;
        if mirror.is_tiered && (evolved || *doubtful) {
            return Ok(Err(TIERED));
        }
        let mut mirrored = Mirrored::of(mirror, definition, evolution, key);
        mirrored.tiered = mirror.is_tiered.then_some(id);
        if evolved || *doubtful {
            let keys = touched.then(|| definition.changed_keys(id, key));
            let change = Change {
                evolution,
                doubtful: *doubtful,
                keys,
                log: (from, to),
            };
            if let Some(why) =
                mirrored.evolve(mirror, definition, &change, self.connection, self.duckdb)?
            {
                return Ok(Err(why));
            }
        }
        let types = mirrored.types.clone();
        let mut known = Known::new(id, mirrored, definition, key);
        if touched && !self.apply_log(&mut known, from, report)? {
            return Ok(Err(TIERED));
        }
        let mirrored = &known.mirrored;
        let retyped = mirrored.types != types;
        if evolved || retyped || mirror.schema_version != self.position.schema_version {
            self.store(id, mirrored, definition, key, &table.schema)?;
        }
        if evolved {
            self.duckdb.execute(&mirrored.create_view())?;
            report
                .changed
                .extend([mirror.name.clone(), mirrored.name.clone()]);
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

    /// True if the log after `from` names the table.
    fn touched(&self, id: i64, from: i64) -> Result<bool> {
        let sql = "SELECT EXISTS(SELECT 1 FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 AND tbl = ?3)";
        Ok(self
            .connection
            .query_row(sql, [from, self.position.seq, id], |row| row.get(0))?)
    }

    fn copy(&self, table: &Tracked, schema: &str, why: &str, report: &mut Report) -> Result<Known> {
        let definition = schema::read_table(self.connection, &table.name)?;
        let mut mirrored = Mirrored::new(&definition, &table.key, None);
        let rows = mirrored.copy(self.connection, self.duckdb);
        let rows = rows.map_err(|e| Error {
            table: Some(table.id),
            ..e
        })?;
        report.rows += rows;
        report.reshaped = true;
        report.changed.push(table.name.clone());
        let event = match why {
            drift::TRACKED => why.to_owned(),
            why => format!("copied: {why}"),
        };
        report.event(&table.name, &event, Some(rows));
        self.store(table.id, &mirrored, &definition, &table.key, schema)?;
        Ok(Known::new(table.id, mirrored, &definition, &table.key))
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
    let types: Vec<String> = mirrored.types.iter().map(|t| t.sql()).collect();
    json!(types).to_string()
}
