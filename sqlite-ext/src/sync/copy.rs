//! A table on both sides, and its copy from SQLite to DuckDB.

use std::cell::OnceCell;

use lumos_core::changelog::{Key, Table, TrackingOptions};
use lumos_core::mirror::{MirrorType, Mismatch, Resolution, Stored};
use lumos_core::sql::identifier;
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::{Connection, Row, types};

use crate::error::{Error, Result, Unfit, error};
use crate::faults::fault;
use crate::mirror::column_map::ColumnMap;
use crate::mirror::interruptible;
use crate::mirror::names::{CATALOG, DATA, target};
use crate::progress::Progress;
use crate::sync::chunk_writer::{ChunkWriter, shown, value_of};

/// From where to where the rows go.
pub struct Transfer<'a> {
    /// The source, in its snapshot.
    pub source: &'a Connection,
    /// The mirror, in its transaction.
    pub duckdb: &'a DuckDb,
    /// What the call says meanwhile.
    pub progress: &'a Progress,
}

impl Transfer<'_> {
    /// Runs statements of DuckDB that may take long, and stops when the host wants it.
    pub fn execute(&self, sql: &str) -> Result<u64> {
        interruptible::run(self.source, self.duckdb, self.progress, || {
            Ok(self.duckdb.execute(sql)?)
        })
    }

    /// Says how far a table is.
    pub fn count(&self, number: u64, what: &str, table: &str) {
        if number.is_multiple_of(UNSAID) {
            self.progress
                .say(|| format!("table \"{table}\": {number} {what}"));
        }
    }
}

/// Rows between two looks at the clock.
const UNSAID: u64 = 4096;

impl ColumnMap {
    /// Copies the whole table into the mirror. Returns the number of rows.
    pub fn copy(&mut self, transfer: &Transfer<'_>) -> Result<u64> {
        let rows = self.copy_rows(transfer)?;
        transfer.duckdb.execute(&self.create_view())?;
        Ok(rows)
    }

    /// Copies the rows, choosing the types by the values.
    fn copy_rows(&mut self, transfer: &Transfer<'_>) -> Result<u64> {
        loop {
            transfer.duckdb.execute(&format!(
                "CREATE OR REPLACE TABLE {}({})",
                target(&self.name),
                self.column_definitions()
            ))?;
            match self.try_copy(transfer)? {
                Copied::All(rows) => return Ok(rows),
                // A wider type holds this value and all before it; start over.
                Copied::Widen(column, wider) => self.types[column] = wider,
            }
        }
    }

    fn try_copy(&self, transfer: &Transfer<'_>) -> Result<Copied> {
        let mut rows = ChunkWriter::new(transfer.duckdb, CATALOG, DATA, &self.name)?;
        let order = if self.order.is_empty() {
            String::new()
        } else {
            format!(" ORDER BY {}", self.order.join(", "))
        };
        let mut statement = transfer.source.prepare(&format!(
            "SELECT {} FROM main.{} t{order}",
            self.source_values().join(", "),
            identifier(&self.table)
        ))?;
        let mut result = statement.query([])?;
        let mut fresh = vec![true; self.types.len()];
        let total = OnceCell::new();
        while let Some(row) = result.next()? {
            for (column, ty) in self.types.iter().enumerate() {
                let value = value_of(row, column)?;
                match value.map_or(Err(Mismatch), |v| self.store(column, v)) {
                    Ok(stored) => {
                        fresh[column] &= stored == Stored::Null;
                        rows.put(column, stored)?;
                    }
                    Err(Mismatch) => match self.rules[column].resolve(*ty, value, fresh[column]) {
                        Resolution::Type(next) => return Ok(Copied::Widen(column, next)),
                        Resolution::Null => rows.put(column, Stored::Null)?,
                        Resolution::Error => return Err(self.mismatch(row, 0, column)),
                    },
                }
            }
            rows.next()?;
            fault!("row copied");
            if rows.total.is_multiple_of(UNSAID) {
                transfer.progress.say(|| {
                    let total = *total.get_or_init(|| self.rows_of_source(transfer.source));
                    let of = total.map_or(String::new(), |n| format!(" of {n}"));
                    format!("table \"{}\": {}{of} rows", self.table, rows.total)
                });
            }
        }
        Ok(Copied::All(rows.finish()?))
    }

    fn rows_of_source(&self, source: &Connection) -> Option<i64> {
        let count = format!("SELECT count(*) FROM main.{}", identifier(&self.table));
        source.query_row(&count, [], |row| row.get(0)).ok()
    }

    pub(super) fn mismatch(&self, row: &Row<'_>, first: usize, column: usize) -> Error {
        let shown_key: Vec<String> = self
            .key
            .iter()
            .map(|k| format!("{} = {}", self.columns[*k], shown(row, first + k)))
            .collect();
        let (rule, ty) = (&self.rules[column], self.types[column]);
        let whose = if rule.fixed && rule.first == ty {
            "that the column was given"
        } else {
            "that the other values have"
        };
        let anew = if rule.fixed {
            String::new()
        } else {
            format!("lumos_resync('{}') to choose the type anew, ", self.table)
        };
        let way_out = match (self.key.contains(&column), ty) {
            (true, _) => format!("{anew}or track the table by another key"),
            (_, MirrorType::AnyText) => "or give lumos_track on_mismatch \"null\"".into(),
            _ => format!("{anew}or give lumos_track an on_mismatch of null, varchar or widen"),
        };
        let key: Option<Vec<types::Value>> =
            self.key.iter().map(|k| row.get(first + k).ok()).collect();
        let unfit = key.map(|key| Unfit {
            column: self.columns[column].clone(),
            ty,
            key,
        });
        let e = error(format!(
            "table \"{}\", column \"{}\", row with {}: the value {} does not fit the type {} {whose}; change the value, {way_out}",
            self.table,
            self.columns[column],
            shown_key.join(", "),
            shown(row, first + column),
            match ty {
                MirrorType::AnyText => ty.sql(),
                _ => ty.name(),
            }
        ));
        Error {
            unfit: unfit.map(Box::new),
            ..e
        }
    }
}

/// An error for a column that DuckDB cannot have.
pub fn check_names(table: &Table, key: &Key, options: &TrackingOptions) -> Result<()> {
    let columns = options.mirrored(table, key).columns;
    if columns.iter().any(|c| c.name.is_empty()) {
        Err(error(format!(
            "table \"{}\" has a column whose name is empty, which DuckDB cannot have; rename it, or give lumos_track the option columns without it",
            table.name
        )))
    } else {
        Ok(())
    }
}

enum Copied {
    All(u64),
    Widen(usize, MirrorType),
}
