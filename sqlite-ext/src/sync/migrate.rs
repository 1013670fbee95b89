//! A mirrored table changes its columns as its source did, without being copied.
//!
//! All rows that the log does not name are as the mirror has them, but for the columns that are new: these have one
//! value in all such rows, the default. It is not computed but read from the source, in one of them.

use lumos_core::ValueRef;
use lumos_core::changelog::{Evolution, Table, TrackingOptions};
use lumos_core::fingerprint::Layout;
use lumos_core::mirror::{MirrorType, Stored};
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{Cell, Connection as DuckDb, Value};
use rusqlite::{Connection, params_from_iter, types};

use crate::error::Result;
use crate::faults::fault;
use crate::mirror::column_map::{ColumnMap, before};
use crate::mirror::names::target;
use crate::mirror::records::MirrorRecord;
use crate::sync::apply_batch::batches;
use crate::sync::chunk_writer::value_of;
use crate::sync::copy::Transfer;

/// A change of a table to follow.
pub struct Change<'a> {
    /// What happened to its columns.
    pub evolution: &'a Evolution,
    /// The options of the table.
    pub options: &'a TrackingOptions,
    /// A column may have been dropped and added again.
    pub doubtful: bool,
    /// The SELECT of the keys that the log names, and the part of it that does, if there is one.
    pub touched: Option<(String, (i64, i64))>,
}

/// So many rows of the source are looked at first.
const LOOKED_AT: usize = 64;

/// Why a table is copied instead.
const UNCLEAR: &str = "a column may have been dropped and added again";

/// As above.
const UNREADABLE: &str = "the default of a new column cannot be read";

impl ColumnMap {
    /// Changes the mirror's columns to these, and removes the rows that the log names if that was needed to learn
    /// what the others have. Returns why the table must be copied instead, if so.
    pub fn evolve(
        &mut self,
        mirror: &MirrorRecord,
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
        let kept = ColumnMap {
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
        if known == self.columns.len() && change.touched.is_none() {
            for column in self.addable(definition) {
                match self.looks_intact(column, source, duckdb)? {
                    Seen::Varied => return Ok(None),
                    Seen::Same => {}
                    Seen::Other => return Ok(Some(UNCLEAR)),
                }
            }
            return Ok(None);
        }
        if let Some((sql, log)) = &change.touched {
            let mut statement = source.prepare(sql)?;
            for part in batches(*log) {
                let mut keys = kept.start_keys(duckdb)?;
                let mut rows = statement.query(part)?;
                while let Some(row) = rows.next()? {
                    kept.put_key(&mut keys, row)?;
                }
                keys.finish()?;
                kept.delete_keys(transfer)?;
            }
        }
        if change.doubtful && !kept.is_intact(definition, source, duckdb)? {
            return Ok(Some(UNCLEAR));
        }
        if known == self.columns.len() {
            return Ok(None);
        }
        fault!("before adding columns");
        self.add_columns(known, source, duckdb)
    }

    /// Looks at a column that may have been dropped and added again, in a table whose rows nobody touched: first at
    /// some rows of the source, then at the ends of the mirror's values, which DuckDB knows.
    fn looks_intact(&self, column: usize, source: &Connection, duckdb: &DuckDb) -> Result<Seen> {
        let (table, own) = (identifier(&self.table), &self.source[column]);
        let sql = format!(
            "SELECT min(v) IS NOT max(v) OR count(v) NOT IN (0, count(*)) OR count(*) = 0 FROM (SELECT {own} AS v FROM main.{table} LIMIT {LOOKED_AT})"
        );
        if source.query_row(&sql, [], |row| row.get(0))? {
            return Ok(Seen::Varied);
        }
        let Some(constant) = self.constant(column, duckdb)? else {
            return Ok(match self.witnesses(column, source, duckdb)? {
                Some(2..) => Seen::Varied,
                _ => Seen::Other,
            });
        };
        let values = self.source_values();
        let sql = format!("SELECT {} FROM main.{table} t LIMIT 1", values[column]);
        let mut statement = source.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let same = match rows.next()? {
            Some(row) => {
                let own = self.stored(column, value_of(row, 0)?);
                Layout::new(1, &[0]).key_bytes(|_| own) == constant
            }
            None => false,
        };
        Ok(if same { Seen::Same } else { Seen::Other })
    }

    /// The one value that a column has in all rows of the mirror, as bytes; `None` if there are several.
    fn constant(&self, column: usize, duckdb: &DuckDb) -> Result<Option<Vec<u8>>> {
        let (table, name) = (target(&self.name), identifier(&self.columns[column]));
        let select = duckdb.prepare(&format!(
            "SELECT min({name}), max({name}), count({name}) NOT IN (0, count(*)) FROM {table}"
        ))?;
        let mut result = select.stream()?;
        let types = result.types().to_vec();
        let Some(chunk) = result.next_chunk()? else {
            return Ok(None);
        };
        let value = |i: usize| chunk.column(i, &types[i]).stored(0);
        let bytes = |i: usize| Layout::new(1, &[0]).key_bytes(|_| value(i));
        let varies =
            value(0).is_none() || bytes(0) != bytes(1) || value(2) == Some(Stored::Bool(true));
        Ok((!varies).then(|| bytes(0)))
    }

    /// The columns that may have been dropped and added again, the last one first. A generated one has the values of
    /// its expression, which the definition shows.
    fn addable<'a>(&'a self, definition: &'a Table) -> impl Iterator<Item = usize> + 'a {
        let generated = |c: &usize| {
            let mut columns = definition.columns.iter();
            columns.any(|d| d.generated && d.name == self.columns[*c])
        };
        (0..self.columns.len())
            .rev()
            .filter(move |c| !self.key.contains(c) && !generated(c))
    }

    /// True if no column was dropped and added again. Such columns are the last ones, and have one value in all rows
    /// that are left: so a column with two values, which the source has too, is none of them, nor is one before it.
    fn is_intact(&self, definition: &Table, source: &Connection, duckdb: &DuckDb) -> Result<bool> {
        for column in self.addable(definition) {
            match self.witnesses(column, source, duckdb)? {
                Some(1) | Some(0) => {}
                Some(_) => break,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// How many values a column has in the mirror, up to three, if the source has each of them in the same row.
    fn witnesses(
        &self,
        column: usize,
        source: &Connection,
        duckdb: &DuckDb,
    ) -> Result<Option<usize>> {
        let name = identifier(&self.columns[column]);
        let table = target(&self.name);
        let parts = [
            format!("WHERE {name} IS NULL LIMIT 1"),
            format!("WHERE {name} IS NOT NULL ORDER BY {name} LIMIT 1"),
            format!("WHERE {name} IS NOT NULL ORDER BY {name} DESC LIMIT 1"),
        ];
        let key = self.readable_key();
        let parts = parts.map(|p| format!("(SELECT {key}, {name} FROM {table} {p})"));
        let select = duckdb.prepare(&parts.join(" UNION ALL "))?;
        let mut result = select.stream()?;
        let types = result.types().to_vec();
        let mut statement = source.prepare(&self.row_by_key())?;
        let mut seen: Vec<Vec<u8>> = Vec::new();
        let layout = Layout::new(1, &[0]);
        while let Some(chunk) = result.next_chunk()? {
            let columns: Vec<_> = types
                .iter()
                .enumerate()
                .map(|(i, ty)| chunk.column(i, ty))
                .collect();
            for at in 0..chunk.len() {
                let cells = columns.iter().take(self.key.len());
                let key: Option<Vec<types::Value>> = cells
                    .map(|c| match c.cell(at) {
                        Cell::Integer(v) => Some(types::Value::Integer(v)),
                        Cell::Text(v) => Some(types::Value::Text(v.into_owned())),
                        _ => None,
                    })
                    .collect();
                let Some(key) = key else {
                    return Ok(None);
                };
                let mut rows = statement.query(params_from_iter(key))?;
                let Some(row) = rows.next()? else {
                    return Ok(None);
                };
                let own = columns.last().and_then(|c| c.stored(at));
                let same = self.stored(column, value_of(row, column)?);
                let bytes = layout.key_bytes(|_| own);
                if own.is_none() || bytes != layout.key_bytes(|_| same) {
                    return Ok(None);
                }
                if !seen.contains(&bytes) {
                    seen.push(bytes);
                }
            }
        }
        Ok(Some(seen.len()))
    }

    /// Adds the columns from `known` on, with the value that the source has in all rows that are left.
    fn add_columns(
        &mut self,
        known: usize,
        source: &Connection,
        duckdb: &DuckDb,
    ) -> Result<Option<&'static str>> {
        let key = match self.key_of_one(duckdb)? {
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
        for column in known..self.columns.len() {
            if self.witnesses(column, source, duckdb)?.is_none() {
                return Ok(Some(UNREADABLE));
            }
        }
        Ok(None)
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

    /// The key's columns as the source can be asked for them.
    fn readable_key(&self) -> String {
        let key: Vec<String> = self
            .key
            .iter()
            .map(|c| match self.types[*c] {
                MirrorType::BigInt | MirrorType::Varchar => identifier(&self.columns[*c]),
                _ => format!("CAST({} AS VARCHAR)", identifier(&self.columns[*c])),
            })
            .collect();
        key.join(", ")
    }

    /// The key of one row of the mirror.
    fn key_of_one(&self, duckdb: &DuckDb) -> Result<Found> {
        let sql = format!(
            "SELECT {} FROM {} LIMIT 1",
            self.readable_key(),
            target(&self.name)
        );
        let rows = duckdb.rows(&sql)?;
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
}

/// What the values of a column say of it.
enum Seen {
    /// It has more than one: neither it nor a column before it was added.
    Varied,
    /// It has one, which both sides have.
    Same,
    /// The sides differ, or nothing is known.
    Other,
}

/// What a search for a key found.
enum Found {
    Key(Vec<types::Value>),
    /// A key that cannot be looked up in the source.
    Unreadable,
    Nothing,
}
