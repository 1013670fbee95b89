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
}

/// Why a table whose files have rows in another shape is copied.
const TIERED: &str = "some of its rows are in files";

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
        let mirrored = mirrored_tables(self.duckdb)?;
        let position = &self.position;
        let base = match &stored {
            Some(stored) => self.base(stored, &mirrored)?,
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
        for table in &current {
            let (keys, rows, changed) = (report.keys, report.rows, report.changed.len());
            let id = table.tracked.id;
            self.table(table, from.unwrap_or(0), &mut report)
                .map_err(|e| Error {
                    table: Some(id),
                    ..e
                })?;
            if report.changed.len() > changed {
                report
                    .tables
                    .push((id, report.keys - keys, report.rows - rows));
            }
        }
        let unchanged = stored.as_ref().is_some_and(|a| {
            a.source == position.source
                && a.seq == position.seq
                && a.mark == position.mark
                && report.changed.is_empty()
        });
        if !unchanged {
            self.duckdb.execute(&format!(
                "DELETE FROM _lumos.state; INSERT INTO _lumos.state VALUES({}, {}, {})",
                literal(&position.source),
                position.seq,
                literal(&position.mark)
            ))?;
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
        };
        Ok((report, Some(now)))
    }

    /// What the changelog can go on from.
    fn base(&self, stored: &Applied, mirrored: &[MirroredTable]) -> Result<Base> {
        let position = &self.position;
        if stored.source != position.source {
            return match mirrored {
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
    fn table(&self, table: &Current<'_>, from: i64, report: &mut Report) -> Result<()> {
        let tracked = table.tracked;
        let why = match &table.followed {
            Ok(followed) => match self.follow(table, followed, from, report)? {
                None => return self.register(table, &followed.key, report),
                Some(why) => {
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

    /// Changes the mirror of a table as its source changed, and applies its log. Returns why it must be copied, if so.
    fn follow(
        &self,
        table: &Current<'_>,
        followed: &Followed<'_>,
        from: i64,
        report: &mut Report,
    ) -> Result<Option<&'static str>> {
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
            return Ok(Some(TIERED));
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
                return Ok(Some(why));
            }
        }
        let types = mirrored.types.clone();
        if touched {
            let changed = definition.changed_rows(id, key, mirrored.source_columns());
            let applied = mirrored.apply(&changed, from, to, self.connection, self.duckdb)?;
            let Some((keys, rows)) = applied else {
                return Ok(Some(TIERED));
            };
            report.keys += keys;
            report.rows += rows;
        }
        let retyped = mirrored.types != types;
        if evolved || retyped || mirror.schema_version != self.position.schema_version {
            self.store(id, &mirrored, definition, key, &table.schema)?;
        }
        if evolved {
            self.duckdb.execute(&mirrored.create_view())?;
            report.changed.push(mirror.name.clone());
        }
        if evolved || touched {
            report.changed.push(definition.name.clone());
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
        Ok(None)
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

    fn copy(&self, table: &Tracked, schema: &str, why: &str, report: &mut Report) -> Result<()> {
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
        self.store(table.id, &mirrored, &definition, &table.key, schema)
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
        let types: Vec<String> = mirrored.types.iter().map(|t| t.sql()).collect();
        self.duckdb.execute(&format!(
            "DELETE FROM _lumos.tables WHERE id = {id}; INSERT INTO _lumos.tables(id, name, schema, types, schema_version, key, columns, place) \
             VALUES({id}, {}, {}, {}, {}, {}, {}, {})",
            literal(&mirrored.name),
            literal(schema),
            literal(&json!(types).to_string()),
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
