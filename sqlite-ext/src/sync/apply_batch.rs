//! The rows that changed: applying a part of the changelog to one mirrored table.

use lumos_core::ValueRef;
use lumos_core::mirror::{MirrorType, Mismatch, Policy, Resolution, Stored};
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::Row;

use crate::error::Result;
use crate::faults::fault;
use crate::mirror::cold_rows;
use crate::mirror::column_map::ColumnMap;
use crate::mirror::names::{self, CATALOG, DATA, TEMPORARY, target};
use crate::sync::chunk_writer::{ChunkWriter, value_of};
use crate::sync::copy::Transfer;

/// So many log rows are applied at a time, which bounds memory and temporary files. A key that comes up again is applied
/// again, to the same row: the source's snapshot is one.
const BATCH: i64 = 1 << 20;

/// Up to so many log rows are applied by a statement that names the keys.
const FEW: i64 = 64;

/// Up to so many rows wait in the one chunk of a [`ChunkWriter`] until the old ones are deleted. They need no temporary
/// tables, whose making and dropping costs more than the rest.
const WAITING: i64 = 2_000;

/// The temporary table of keys.
const KEYS: &str = "temp.main.lumos_keys";

/// The temporary table of rows.
const ROWS: &str = "temp.main.lumos_rows";

/// Removes what is left of both.
pub(super) const DROP_TEMPORARY: &str =
    "DROP TABLE IF EXISTS temp.main.lumos_keys; DROP TABLE IF EXISTS temp.main.lumos_rows";

/// The log after `.0` up to `.1` in parts.
pub(super) fn batches((from, to): (i64, i64)) -> impl Iterator<Item = (i64, i64)> {
    (from..to)
        .step_by(BATCH as usize)
        .map(move |start| (start, to.min(start + BATCH)))
}

/// A part of the log, for one table.
pub(super) struct Part<'a> {
    /// The SELECT of the keys that it names.
    pub changed_keys: &'a str,
    /// The SELECT of the rows that they have now.
    pub changed_rows: &'a str,
    /// After `.0` up to `.1`.
    pub log: (i64, i64),
    /// So many rows of it name the table, at most.
    pub size: i64,
}

impl ColumnMap {
    /// Applies a part of the log: every key touched goes, and comes back with the row
    /// that it has now. Returns the numbers of keys and of rows. A column that had no value so far takes the type
    /// of its first ones. `None` if a column with values must get another type, or there are rows in files, which
    /// cannot: then the table must be copied.
    pub(super) fn apply(
        &mut self,
        part: &Part<'_>,
        transfer: &Transfer<'_>,
    ) -> Result<Option<(u64, u64)>> {
        // The copy selects less than the rows with their keys, which may be more columns than SQLite allows.
        if transfer.source.prepare(part.changed_rows).is_err() {
            return Ok(None);
        }
        let mut tried = Vec::new();
        let mut deleted = false;
        loop {
            match self.try_apply(part, transfer, deleted)? {
                BatchOutcome::All(keys, rows) => return Ok(Some((keys, rows))),
                BatchOutcome::Copy => return Ok(None),
                BatchOutcome::DeleteFirst => {
                    self.delete_changed(part, transfer)?;
                    deleted = true;
                }
                BatchOutcome::Widen(..) if self.tiered.is_some() => return Ok(None),
                // The first value wants a type that a later one does not fit.
                BatchOutcome::Widen(column, wider) if tried.contains(&(column, wider)) => {
                    return Ok(None);
                }
                BatchOutcome::Widen(column, wider) => {
                    tried.push((column, self.types[column]));
                    // DuckDB would convert rows that are deleted, too.
                    transfer.execute(&format!(
                        "ALTER TABLE {} ALTER COLUMN {} SET DATA TYPE {ty} USING CAST(NULL AS {ty})",
                        target(&self.name),
                        identifier(&self.columns[column]),
                        ty = wider.sql()
                    ))?;
                    self.types[column] = wider;
                }
            }
        }
    }

    /// Deletes the rows of the keys that a part of the log names.
    fn delete_changed(&self, part: &Part<'_>, transfer: &Transfer<'_>) -> Result<()> {
        let mut keys = self.start_keys(transfer.duckdb)?;
        let mut statement = transfer.source.prepare(part.changed_keys)?;
        let mut rows = statement.query(<[i64; 2]>::from(part.log))?;
        while let Some(row) = rows.next()? {
            self.put_key(&mut keys, row)?;
        }
        keys.finish()?;
        self.delete_keys(transfer)
    }

    /// `deleted`: the rows of the keys are deleted already, so that the values left say what a column holds.
    fn try_apply(
        &self,
        part: &Part<'_>,
        transfer: &Transfer<'_>,
        deleted: bool,
    ) -> Result<BatchOutcome> {
        let (target, duckdb) = (target(&self.name), transfer.duckdb);
        if !deleted && self.tiered.is_none() {
            if part.size <= WAITING && self.has_integer_key() {
                return self.apply_waiting(part, transfer);
            }
            if part.size <= FEW
                && let Some(keys) = self.few_keys(part, transfer)?
            {
                if !keys.is_empty() {
                    duckdb.execute(&format!("DELETE FROM {target} WHERE {}", keys.join(" OR ")))?;
                    fault!("few keys deleted");
                }
                let mut rows = ChunkWriter::new(duckdb, CATALOG, DATA, &self.name)?;
                return Ok(
                    match self.put_changed(part, transfer, &mut rows, true, |_| Ok(()))? {
                        Put::All(keys) => BatchOutcome::All(keys, rows.finish()?),
                        Put::Not(instead) => instead,
                    },
                );
            }
        }
        let mut keys = self.start_keys(duckdb)?;
        let mut rows = self.start_rows(duckdb)?;
        let put_key = |row: &Row<'_>| {
            if deleted {
                Ok(())
            } else {
                self.put_key(&mut keys, row)
            }
        };
        match self.put_changed(part, transfer, &mut rows, deleted, put_key)? {
            Put::All(number) => {
                let written = rows.finish()?;
                keys.finish()?;
                fault!("keys gathered");
                self.delete_keys(transfer)?;
                transfer.execute(&format!(
                    "INSERT INTO {target} FROM {ROWS}; DROP TABLE {ROWS}"
                ))?;
                Ok(BatchOutcome::All(number, written))
            }
            Put::Not(instead) => Ok(instead),
        }
    }

    fn has_integer_key(&self) -> bool {
        matches!(self.key.as_slice(), [key] if self.types[*key] == MirrorType::BigInt)
    }

    /// Applies a part of so few rows that they wait until the rows of the keys, integers, are deleted.
    fn apply_waiting(&self, part: &Part<'_>, transfer: &Transfer<'_>) -> Result<BatchOutcome> {
        let duckdb = transfer.duckdb;
        let mut keys = Vec::new();
        let mut rows = ChunkWriter::new(duckdb, CATALOG, DATA, &self.name)?.waiting();
        let put_key = |row: &Row<'_>| {
            if let Some(&[Stored::Int64(key)]) = self.stored_key(row)?.as_deref() {
                keys.push(key);
            }
            Ok(())
        };
        let number = match self.put_changed(part, transfer, &mut rows, false, put_key)? {
            Put::All(number) => number,
            Put::Not(instead) => return Ok(instead),
        };
        let column = &self.columns[self.key[0]];
        if duckdb
            .delete_keys((CATALOG, DATA, &self.name), column, &keys)?
            .is_none()
        {
            self.delete_changed(part, transfer)?;
        }
        fault!("few keys deleted");
        Ok(BatchOutcome::All(number, rows.finish()?))
    }

    /// A temporary table for keys.
    pub(super) fn start_keys(&self, duckdb: &DuckDb) -> Result<ChunkWriter> {
        duckdb.execute(&format!(
            "CREATE OR REPLACE TEMP TABLE lumos_keys({})",
            names::key_columns(&self.key, &self.types)
        ))?;
        ChunkWriter::new(duckdb, TEMPORARY.0, TEMPORARY.1, "lumos_keys")
    }

    /// A temporary table for rows.
    fn start_rows(&self, duckdb: &DuckDb) -> Result<ChunkWriter> {
        duckdb.execute(&format!(
            "CREATE OR REPLACE TEMP TABLE lumos_rows({})",
            self.column_definitions()
        ))?;
        ChunkWriter::new(duckdb, TEMPORARY.0, TEMPORARY.1, "lumos_rows")
    }

    /// Puts the key that a row of the log begins with, unless the mirror cannot hold it: then it has no such row.
    pub(super) fn put_key(&self, keys: &mut ChunkWriter, row: &Row<'_>) -> Result<()> {
        if let Some(stored) = self.stored_key(row)? {
            for (i, value) in stored.into_iter().enumerate() {
                keys.put(i, value)?;
            }
            keys.next()?;
        }
        Ok(())
    }

    /// Deletes the rows of the keys that were put.
    pub(super) fn delete_keys(&self, transfer: &Transfer<'_>) -> Result<()> {
        if let Some(id) = self.tiered {
            let types: Vec<MirrorType> = self.key.iter().map(|c| self.types[*c]).collect();
            transfer.execute(&cold_rows::hide(id, &self.name, KEYS, &types))?;
        }
        let matches: Vec<String> = self
            .key
            .iter()
            .enumerate()
            .map(|(i, c)| format!("t.{} = k.k{i}", identifier(&self.columns[*c])))
            .collect();
        transfer.execute(&format!(
            "DELETE FROM {} t USING {KEYS} k WHERE {}; DROP TABLE {KEYS}",
            target(&self.name),
            matches.join(" AND ")
        ))?;
        Ok(())
    }

    /// Reads the changed rows: each goes to `put_key` with its key first, and its values to `rows` if it exists.
    /// Returns the number of keys.
    /// Whether a value that does not fit may choose the type is only known once the changed keys are `deleted`.
    fn put_changed(
        &self,
        part: &Part<'_>,
        transfer: &Transfer<'_>,
        rows: &mut ChunkWriter,
        deleted: bool,
        mut put_key: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<Put> {
        let mut statement = transfer.source.prepare(part.changed_rows)?;
        let mut result = statement.query(<[i64; 2]>::from(part.log))?;
        let mut keys = 0;
        // Columns without a value in the rows read so far.
        let mut fresh = vec![true; self.types.len()];
        // Whether a column has values in the mirror, once that was asked.
        let mut filled = vec![None; self.types.len()];
        while let Some(row) = result.next()? {
            keys += 1;
            transfer.count(keys, "keys", &self.table);
            put_key(row)?;
            if !row.get::<_, bool>(self.key.len())? {
                continue;
            }
            let first = self.key.len() + 1;
            for column in 0..self.types.len() {
                let value = value_of(row, first + column)?;
                match value.map_or(Err(Mismatch), |v| self.store(column, v)) {
                    Ok(stored) => {
                        fresh[column] &= stored == Stored::Null;
                        rows.put(column, stored)?;
                    }
                    Err(Mismatch) if !deleted && !self.rules[column].is_null() => {
                        return Ok(Put::Not(BatchOutcome::DeleteFirst));
                    }
                    Err(Mismatch) => {
                        let filled = match filled[column] {
                            Some(filled) => filled,
                            None => {
                                *filled[column].insert(self.has_values(column, transfer.duckdb)?)
                            }
                        };
                        match self.resolve(column, value, fresh[column], filled) {
                            Resolution::Null => rows.put(column, Stored::Null)?,
                            Resolution::Error => return Err(self.mismatch(row, first, column)),
                            // Rows that have NULL for what did not fit may fit the new type.
                            Resolution::Type(_)
                                if filled || self.rules[column].policy == Policy::Null =>
                            {
                                return Ok(Put::Not(BatchOutcome::Copy));
                            }
                            // Only the source makes these texts.
                            Resolution::Type(MirrorType::AnyText) => {
                                return Ok(Put::Not(BatchOutcome::Copy));
                            }
                            Resolution::Type(next) => {
                                return Ok(Put::Not(BatchOutcome::Widen(column, next)));
                            }
                        }
                    }
                }
            }
            rows.next()?;
            if rows.is_too_large() {
                return Ok(Put::Not(BatchOutcome::DeleteFirst));
            }
        }
        Ok(Put::All(keys))
    }

    /// The key that a changed row begins with, or `None` if the mirror cannot hold it.
    fn stored_key<'a>(&self, row: &'a Row<'_>) -> Result<Option<Vec<Stored<'a>>>> {
        let mut stored = Vec::with_capacity(self.key.len());
        for (i, column) in self.key.iter().enumerate() {
            stored.extend(value_of(row, i)?.and_then(|v| self.store(*column, v).ok()));
        }
        Ok((stored.len() == self.key.len()).then_some(stored))
    }

    /// Conditions that find the changed keys in the mirror, or `None` if a key is neither an integer nor text.
    fn few_keys(&self, part: &Part<'_>, transfer: &Transfer<'_>) -> Result<Option<Vec<String>>> {
        let mut statement = transfer.source.prepare(part.changed_rows)?;
        let mut result = statement.query(<[i64; 2]>::from(part.log))?;
        let mut conditions = Vec::new();
        while let Some(row) = result.next()? {
            let mut parts = Vec::with_capacity(self.key.len());
            for (i, column) in self.key.iter().enumerate() {
                let value = match (self.types[*column], value_of(row, i)?) {
                    (MirrorType::BigInt, Some(ValueRef::Integer(v))) => v.to_string(),
                    (MirrorType::Varchar, Some(ValueRef::Text(v))) if !v.contains('\0') => {
                        literal(v)
                    }
                    _ => return Ok(None),
                };
                parts.push(format!("{} = {value}", identifier(&self.columns[*column])));
            }
            conditions.push(format!("({})", parts.join(" AND ")));
        }
        Ok(Some(conditions))
    }

    /// What becomes of a value that does not fit the mirrored column. `filled` says that the mirror
    /// has values of it, `fresh` that no row applied now had one.
    fn resolve(
        &self,
        column: usize,
        value: Option<ValueRef<'_>>,
        fresh: bool,
        filled: bool,
    ) -> Resolution {
        let (rule, ty) = (&self.rules[column], self.types[column]);
        // The type may have come of values that are gone.
        let chosen = match value {
            Some(value) if fresh && !filled && !rule.fixed => ty.widened(value, true),
            _ => None,
        };
        match chosen.map_or_else(|| rule.resolve(ty, value, false), Resolution::Type) {
            // Dates and moments were a guess, and all of them are texts.
            Resolution::Type(MirrorType::Varchar) => Resolution::Type(MirrorType::Varchar),
            // Nobody asked for it, and a copy takes long.
            Resolution::Type(_) if filled && rule.policy == Policy::Error => Resolution::Error,
            way => way,
        }
    }

    fn has_values(&self, column: usize, duckdb: &DuckDb) -> Result<bool> {
        let column = identifier(&self.columns[column]);
        let first = format!(
            "SELECT 1 FROM {} WHERE {column} IS NOT NULL LIMIT 1",
            target(&self.name)
        );
        Ok(!duckdb.rows(&first)?.is_empty())
    }
}

enum BatchOutcome {
    /// The table must be copied.
    Copy,
    /// A value does not fit, and what it stands beside is not known yet; or the rows are too large to wait.
    DeleteFirst,
    All(u64, u64),
    Widen(usize, MirrorType),
}

enum Put {
    /// So many keys, and `rows` is to be finished.
    All(u64),
    /// `rows` is to be thrown away.
    Not(BatchOutcome),
}
