//! One run of applying the changelog: inside one snapshot of SQLite and one transaction of DuckDB.

use lumos_core::changelog::{Key, Table};
use lumos_core::sql::literal;
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::{Connection, TransactionState};
use serde_json::json;

use crate::error::{Error, Result, error};
use crate::mirror::Applied;
use crate::sync::changelog;
use crate::sync::copy::{self, Mirrored};
use crate::sync::schema::{self, Tracked};
use crate::sync::{
    MirroredTable, Position, Report, cannot_write_now, mark, mirrored_tables, stored_state,
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
        let mut mirrored = mirrored_tables(self.duckdb)?;
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
        // Before any is copied: tables may have exchanged their names.
        let (kept, gone): (Vec<_>, Vec<_>) = mirrored.drain(..).partition(|m| {
            from.is_some() && tracked.iter().any(|t| t.id == m.id && t.name == m.name)
        });
        for table in &gone {
            self.forget(table)?;
            report.reshaped = true;
            report.changed.push(table.name.clone());
        }
        for table in &tracked {
            let mirror = kept.iter().find(|m| m.id == table.id);
            self.table(table, mirror, from.unwrap_or(0), &mut report)?;
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

    /// Brings one table up to date, by its log or by a new copy.
    fn table(
        &self,
        table: &Tracked,
        mirror: Option<&MirroredTable>,
        from: i64,
        report: &mut Report,
    ) -> Result<()> {
        let Some(schema) = schema::create_statement(self.connection, &table.name)? else {
            // Dropped: then the mirror has none either.
            if let Some(gone) = mirror {
                self.forget(gone)?;
                report.reshaped = true;
                report.changed.push(gone.name.clone());
            }
            return Ok(());
        };
        let definition = schema::read_table(self.connection, &table.name)?;
        if schema != table.schema
            || table.name != table.old_name
            || !table.has_triggers(&definition.triggers(table.id, &table.key)?)
        {
            return match self.renew(table, &definition, &schema)? {
                Some(renewed) => self.copy(&renewed, mirror, &schema, report),
                None => {
                    report.unrenewed = true;
                    let key = changelog::key_of(table, &definition)?;
                    let as_it_is = Tracked {
                        key,
                        ..table.clone()
                    };
                    self.copy(&as_it_is, mirror, "", report)
                }
            };
        }
        // VACUUM may give rows other rowids, and changes the schema version.
        let stale = |m: &MirroredTable| {
            m.schema != schema
                || (matches!(table.key, Key::Rowid(_))
                    && m.schema_version != self.position.schema_version)
        };
        match mirror {
            Some(m) if !stale(m) => {
                let mirrored = Mirrored::new(&definition, &table.key, Some(m.types.clone()));
                let changed =
                    definition.changed_rows(table.id, &table.key, mirrored.source_columns());
                if self.position.seq > from && self.touched(table.id, from)? {
                    let seq = self.position.seq;
                    let Some((keys, rows)) =
                        mirrored.apply(&changed, from, seq, self.connection, self.duckdb)?
                    else {
                        return self.copy(table, mirror, &schema, report);
                    };
                    report.changed.push(table.name.clone());
                    report.keys += keys;
                    report.rows += rows;
                }
                Ok(())
            }
            _ => self.copy(table, mirror, &schema, report),
        }
    }

    /// Makes the triggers of a changed table anew. `None` if the database cannot be written just now, as inside a
    /// transaction or while another connection writes: then the table is copied, and once more by the next run.
    fn renew(&self, table: &Tracked, definition: &Table, schema: &str) -> Result<Option<Tracked>> {
        if self.in_transaction {
            return Ok(None);
        }
        let renewed = schema::atomically(self.connection, || {
            changelog::renew(self.connection, table, definition, schema)
        });
        match renewed {
            // Where undoing it gave up the snapshot too, the caller must try again.
            Err(e)
                if cannot_write_now(&e)
                    && self.connection.transaction_state(Some("main"))?
                        != TransactionState::None =>
            {
                Ok(None)
            }
            renewed => renewed.map(Some),
        }
    }

    /// True if the log after `from` names the table.
    fn touched(&self, id: i64, from: i64) -> Result<bool> {
        let sql = "SELECT EXISTS(SELECT 1 FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 AND tbl = ?3)";
        Ok(self
            .connection
            .query_row(sql, [from, self.position.seq, id], |row| row.get(0))?)
    }

    fn copy(
        &self,
        table: &Tracked,
        old: Option<&MirroredTable>,
        schema: &str,
        report: &mut Report,
    ) -> Result<()> {
        if let Some(old) = old {
            self.forget(old)?;
        }
        let definition = schema::read_table(self.connection, &table.name)?;
        let mut mirrored = Mirrored::new(&definition, &table.key, None);
        let rows = mirrored.copy(self.connection, self.duckdb);
        report.rows += rows.map_err(|e| Error {
            table: Some(table.id),
            ..e
        })?;
        report.reshaped = true;
        report.changed.push(table.name.clone());
        let types: Vec<String> = mirrored.types.iter().map(|t| t.sql()).collect();
        self.duckdb.execute(&format!(
            "INSERT INTO _lumos.tables VALUES({}, {}, {}, {}, {})",
            table.id,
            literal(&table.name),
            literal(schema),
            literal(&json!(types).to_string()),
            self.position.schema_version
        ))?;
        Ok(())
    }

    fn forget(&self, table: &MirroredTable) -> Result<()> {
        self.duckdb.execute(&format!(
            "{} DELETE FROM _lumos.tables WHERE id = {}",
            copy::drop_statements(&table.name),
            table.id
        ))?;
        Ok(())
    }
}
