//! A mirrored table changes its columns as its source did, without being copied.
//!
//! All rows that the log does not name are as the mirror has them, but for the columns that are new: these have one
//! value in all such rows, the default. It is not computed but read from the source, in one of them.

use lumos_core::ValueRef;
use lumos_core::changelog::{Evolution, Key, Options, Table};
use lumos_core::mirror::MirrorType;
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::{Connection, params_from_iter, types};

use crate::error::Result;
use crate::faults::fault;
use crate::sync::changes::{ROWS, batches};
use crate::sync::copy::{Mirrored, Transfer, target};
use crate::sync::writer::value_of;
use crate::sync::{self, MirroredTable, Value};

/// A change of a table to follow.
pub struct Change<'a> {
    /// What happened to its columns.
    pub evolution: &'a Evolution,
    /// The options of the table.
    pub options: &'a Options,
    /// A column may have been dropped and added again.
    pub doubtful: bool,
    /// The SELECT of the keys that the log names, if it names any.
    pub keys: Option<String>,
    /// The part of the log.
    pub log: (i64, i64),
}

/// Why a table is copied instead.
const UNCLEAR: &str = "a column may have been dropped and added again";

/// As above.
const UNREADABLE: &str = "the default of a new column cannot be read";

impl Mirrored {
    /// The table as it is now, with the types that its mirror has; new columns have the declared ones.
    pub fn of(
        mirror: &MirroredTable,
        definition: &Table,
        evolution: &Evolution,
        key: &Key,
        options: &Options,
    ) -> Mirrored {
        let mut now = Mirrored::new(definition, key, options, None);
        let old = before(mirror, definition, options);
        for (name, ty) in old.columns.iter().zip(&mirror.types) {
            let name = evolution.new_name(name);
            if let Some(column) = now.columns.iter().position(|c| *c == name) {
                now.types[column] = *ty;
            }
        }
        now
    }

    /// Changes the mirror's columns to these, and removes the rows that the log names if that was needed to learn
    /// what the others have. Returns why the table must be copied instead, if so.
    pub fn evolve(
        &mut self,
        mirror: &MirroredTable,
        definition: &Table,
        change: &Change<'_>,
        transfer: &Transfer<'_>,
    ) -> Result<Option<&'static str>> {
        let (source, duckdb) = (transfer.source, transfer.duckdb);
        let old = before(mirror, definition, change.options).columns;
        let table = target(&self.name);
        let evolution = change.evolution;
        for column in evolution.dropped.iter().filter(|c| old.contains(c)) {
            duckdb.execute(&format!("ALTER TABLE {table} DROP {}", identifier(column)))?;
            fault!("column dropped");
        }
        for (from, to) in evolution.renamed.iter().filter(|(c, _)| old.contains(c)) {
            duckdb.execute(&format!(
                "ALTER TABLE {table} RENAME {} TO {}; UPDATE _lumos.orders SET order_by = {} WHERE id = {} AND order_by = {}",
                identifier(from),
                identifier(to),
                literal(to),
                mirror.id,
                literal(from)
            ))?;
            fault!("column renamed");
        }
        let known = old.len() - evolution.dropped.len();
        if known == self.columns.len() && !change.doubtful {
            return Ok(None);
        }
        let kept = Mirrored {
            table: self.table.clone(),
            name: self.name.clone(),
            source: self.source[..known].to_vec(),
            columns: self.columns[..known].to_vec(),
            key: self.key.clone(),
            rules: self.rules[..known].to_vec(),
            types: self.types[..known].to_vec(),
            tiered: None,
            order: Vec::new(),
        };
        if let Some(sql) = &change.keys {
            let mut statement = source.prepare(sql)?;
            for part in batches(change.log) {
                let mut keys = kept.start_keys(duckdb)?;
                let mut rows = statement.query(part)?;
                while let Some(row) = rows.next()? {
                    kept.put_key(&mut keys, row)?;
                }
                keys.finish()?;
                kept.delete_keys(transfer)?;
            }
        }
        if change.doubtful && !kept.is_intact(source, duckdb)? {
            return Ok(Some(UNCLEAR));
        }
        fault!("before adding columns");
        self.add_columns(known, source, duckdb)
    }

    /// True if no column was dropped and added again. Such columns are the last ones, and have one value in all rows
    /// that are left: so a column with two values, which the source has too, is none of them, nor is one before it.
    fn is_intact(&self, source: &Connection, duckdb: &DuckDb) -> Result<bool> {
        for column in (0..self.columns.len()).rev() {
            if self.key.contains(&column) {
                continue;
            }
            let name = identifier(&self.columns[column]);
            let mut keys = Vec::new();
            for which in [
                format!("WHERE {name} IS NULL"),
                format!("WHERE {name} IS NOT NULL ORDER BY {name}"),
                format!("WHERE {name} IS NOT NULL ORDER BY {name} DESC"),
            ] {
                match self.key_of_one(&which, duckdb)? {
                    Found::Key(key) => keys.push(key),
                    Found::Unreadable => return Ok(false),
                    Found::Nothing => {}
                }
            }
            if !self.agrees(&keys, source, duckdb)? {
                return Ok(false);
            }
            let varies = format!(
                "SELECT CAST(coalesce(min({name}) < max({name}), false) OR count({name}) BETWEEN 1 AND count(*) - 1 AS BIGINT) FROM {}",
                target(&self.name)
            );
            if sync::rows(duckdb, &varies)? == [[Value::Integer(1)]] {
                break;
            }
        }
        Ok(true)
    }

    /// Adds the columns from `known` on, with the value that the source has in all rows that are left.
    fn add_columns(
        &mut self,
        known: usize,
        source: &Connection,
        duckdb: &DuckDb,
    ) -> Result<Option<&'static str>> {
        let key = match self.key_of_one("", duckdb)? {
            Found::Key(key) => Some(key),
            Found::Nothing => None,
            Found::Unreadable => return Ok(Some(UNREADABLE)),
        };
        let mut defaults = vec![None; self.columns.len() - known];
        if let Some(key) = &key {
            let mut statement = source.prepare(&self.row_by_key())?;
            let mut rows = statement.query(params_from_iter(key))?;
            let Some(row) = rows.next()? else {
                return Ok(Some(UNREADABLE));
            };
            for (i, default) in defaults.iter_mut().enumerate() {
                let value = value_of(row, known + i)?;
                match value.and_then(|v| self.default_for(known + i, v)) {
                    Some(text) => *default = text,
                    None => return Ok(Some(UNREADABLE)),
                }
            }
        }
        for (i, default) in defaults.into_iter().enumerate() {
            let ty = self.types[known + i].sql();
            let default = match default {
                Some(text) => format!(" DEFAULT CAST({} AS {ty})", literal(&text)),
                None => String::new(),
            };
            duckdb.execute(&format!(
                "ALTER TABLE {} ADD COLUMN {} {ty}{default}",
                target(&self.name),
                identifier(&self.columns[known + i])
            ))?;
        }
        let agrees = self.agrees(key.as_slice(), source, duckdb)?;
        Ok((!agrees).then_some(UNREADABLE))
    }

    /// The value of a new column as text, `None` inside for NULL; its type becomes one that holds it.
    fn default_for(&mut self, column: usize, value: ValueRef<'_>) -> Option<Option<String>> {
        while self.store(column, value).is_err() {
            self.types[column] = self.types[column].widened(value, true)?;
        }
        match value {
            ValueRef::Null => Some(None),
            ValueRef::Integer(v) => Some(Some(v.to_string())),
            ValueRef::Real(v) => Some(Some(format!("{v:?}"))),
            ValueRef::Text(v) => (!v.contains('\0')).then(|| Some(v.to_owned())),
            _ => None,
        }
    }

    /// The key of one row of the mirror.
    fn key_of_one(&self, which: &str, duckdb: &DuckDb) -> Result<Found> {
        let key: Vec<String> = self
            .key
            .iter()
            .map(|c| match self.types[*c] {
                MirrorType::BigInt | MirrorType::Varchar => identifier(&self.columns[*c]),
                _ => format!("CAST({} AS VARCHAR)", identifier(&self.columns[*c])),
            })
            .collect();
        let sql = format!(
            "SELECT {} FROM {} {which} LIMIT 1",
            key.join(", "),
            target(&self.name)
        );
        let rows = sync::rows(duckdb, &sql)?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(Found::Nothing);
        };
        let key: Option<Vec<types::Value>> = row
            .into_iter()
            .map(|value| match value {
                Value::Integer(v) => Some(types::Value::Integer(v)),
                Value::Text(v) => Some(types::Value::Text(v)),
                Value::Other => None,
            })
            .collect();
        Ok(key.map_or(Found::Unreadable, Found::Key))
    }

    /// True if the source has the rows of these keys, with the mirror's values.
    fn agrees(
        &self,
        keys: &[Vec<types::Value>],
        source: &Connection,
        duckdb: &DuckDb,
    ) -> Result<bool> {
        let mut statement = source.prepare(&self.row_by_key())?;
        for key in keys {
            let mut writer = self.start_rows(duckdb)?;
            let mut rows = statement.query(params_from_iter(key))?;
            let Some(row) = rows.next()? else {
                return Ok(false);
            };
            for column in 0..self.columns.len() {
                match value_of(row, column)?.map(|v| self.store(column, v)) {
                    Some(Ok(value)) => writer.put(column, value),
                    _ => return Ok(false),
                }
            }
            writer.next()?;
            writer.finish()?;
            let same: Vec<String> = self
                .columns
                .iter()
                .map(|c| identifier(c))
                .map(|c| format!("r.{c} IS NOT DISTINCT FROM t.{c}"))
                .collect();
            let by_key: Vec<String> = self
                .key
                .iter()
                .map(|c| identifier(&self.columns[*c]))
                .map(|c| format!("r.{c} = t.{c}"))
                .collect();
            let sql = format!(
                "SELECT count(*) FROM {ROWS} r JOIN {} t ON {} WHERE {}",
                target(&self.name),
                by_key.join(" AND "),
                same.join(" AND ")
            );
            if sync::rows(duckdb, &sql)? != [[Value::Integer(1)]] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The SELECT of the row with the key `?1`, `?2`, ...
    fn row_by_key(&self) -> String {
        let matches: Vec<String> = self
            .key
            .iter()
            .map(|c| &self.source[*c])
            .enumerate()
            .map(|(i, c)| format!("{c} = ?{0} AND {c} COLLATE BINARY = ?{0}", i + 1))
            .collect();
        format!(
            "SELECT {} FROM main.{} t WHERE {}",
            self.source_values().join(", "),
            identifier(&self.table),
            matches.join(" AND ")
        )
    }
}

/// What a search for a key found.
enum Found {
    Key(Vec<types::Value>),
    /// A key that cannot be looked up in the source.
    Unreadable,
    Nothing,
}

/// The table as it was mirrored.
fn before(mirror: &MirroredTable, definition: &Table, options: &Options) -> Mirrored {
    let table = Table {
        columns: mirror.columns.clone(),
        ..definition.clone()
    };
    Mirrored::new(&table, &mirror.key, options, Some(mirror.types.clone()))
}
