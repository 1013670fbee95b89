//! One table of a run: brought up to date by its log or by a new copy.

use lumos_core::changelog::{Key, LogRows};
use rusqlite::TransactionState;

use super::log::{Log, Touched};
use super::{Run, of_table};
use crate::access;
use crate::error::Result;
use crate::faults::fault;
use crate::locks::without_waiting;
use crate::mirror::column_map::ColumnMap;
use crate::mirror::records::MirrorRecord;
use crate::mirror::state::{AppliedTable, Failure};
use crate::sync::apply_batch::{Part, batches};
use crate::sync::migrate::Change;
use crate::sync::schema::{self, Tracked};
use crate::sync::schema_diff::{self, Resumable, TableState};
use crate::sync::{Report, cannot_write_now, copy, failures, triggers_install};

/// Why a table whose files have rows in another shape is copied.
const RETYPED: &str = "a column took another type";

/// As above.
const TIERED: &str = "some of its rows are in files";

impl Run<'_> {
    /// Applies the log to tables whose definitions are known; `None` if one must be copied for it, or failed, or may
    /// fail no more.
    pub(super) fn follow_known(
        &self,
        log: &Log,
        known: &[AppliedTable],
        failed: &[Failure],
        report: &mut Report,
    ) -> Result<Option<Vec<AppliedTable>>> {
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
    pub(super) fn apply_log(
        &self,
        table: &mut AppliedTable,
        touched: &Touched,
        report: &mut Report,
    ) -> Result<bool> {
        let AppliedTable {
            id,
            mirrored,
            definition,
            key,
        } = table;
        mirrored.check_readable(self.connection)?;
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

    /// Brings one table up to date, by its log or by a new copy.
    pub(super) fn table(
        &self,
        table: &TableState<'_>,
        touched: Option<&Touched>,
        unchanged: &mut Vec<i64>,
        report: &mut Report,
    ) -> Result<AppliedTable> {
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
                    let mirror = MirrorRecord {
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
        let copied = ColumnMap::new(&table.definition, &tracked.key, &table.options, None);
        copied.check_readable(self.connection)?;
        if table.intact {
            return self.copy(table, tracked, &table.schema, why, report);
        }
        let tracked = &Tracked {
            options: table.options.clone(),
            ..tracked.clone()
        };
        let renewed = self.write(|| {
            triggers_install::renew(self.connection, tracked, &table.definition, &table.schema)
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
                let key = triggers_install::key_of(tracked, &table.definition)?;
                let as_it_is = Tracked {
                    key,
                    ..tracked.clone()
                };
                self.copy(table, &as_it_is, "", why, report)
            }
        }
    }

    /// Changes the mirror of a table as its source changed, and applies its log; or says why it must be copied.
    pub(super) fn follow(
        &self,
        table: &TableState<'_>,
        followed: &Resumable<'_>,
        touched: Option<&Touched>,
        unchanged: &mut Vec<i64>,
        report: &mut Report,
    ) -> Result<std::result::Result<AppliedTable, &'static str>> {
        let Resumable {
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
        let mut mirrored = ColumnMap::of(mirror, definition, evolution, key, &table.options);
        mirrored.tiered = mirror.is_tiered.then_some(id);
        if evolved || *doubtful {
            mirrored.check_readable(self.connection)?;
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
        let mut known = AppliedTable {
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
        } else if mirror.schema_version != self.watermark.schema_version {
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
    pub(super) fn register(
        &self,
        table: &TableState<'_>,
        key: &Key,
        report: &mut Report,
    ) -> Result<()> {
        if table.intact {
            return Ok(());
        }
        let registered = self.write(|| {
            triggers_install::register(
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
    pub(super) fn write<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
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
    pub(super) fn copy(
        &self,
        current: &TableState<'_>,
        table: &Tracked,
        schema: &str,
        why: &str,
        report: &mut Report,
    ) -> Result<AppliedTable> {
        let mut mirrored = ColumnMap::new(&current.definition, &table.key, &table.options, None);
        let rows = mirrored.copy(&self.transfer());
        let rows = rows.map_err(|e| of_table(table.id, e))?;
        fault!("table copied");
        report.rows += rows;
        report.reshaped = true;
        report.changed.push(mirrored.name.clone());
        let event = match why {
            schema_diff::TRACKED => why.to_owned(),
            why => format!("copied: {why}"),
        };
        report.event(&table.name, &event, Some(rows));
        let known = AppliedTable {
            id: table.id,
            mirrored,
            definition: current.definition.clone(),
            key: table.key.clone(),
        };
        self.store(&known, schema, &current.place);
        Ok(known)
    }
}
