//! Rows of SQLite into tables of DuckDB: the first copy of a table, and the rows that changed.

use lumos_core::changelog::{Key, Options, ROWID_COLUMN, Table};
use lumos_core::mirror::{MirrorType, Policy, Rule, Stored, Way};
use lumos_core::sql::{identifier, literal};
use lumos_core::{ValueRef, mirror::Mismatch};
use lumos_duckdb::engine::{Appender, Connection as DuckDb, WriteChunk};
use rusqlite::{Connection, Row, types};

use crate::error::{Result, error};
use crate::faults::fault;
use crate::layout::cold;
use crate::mirror::CATALOG;
use crate::sync::schema;

/// So many log rows are applied at a time, which bounds memory and temporary files. A key that comes up again is applied
/// again, to the same row: the source's snapshot is one.
const BATCH: i64 = 1 << 20;

/// Up to so many log rows are applied without temporary tables, whose making and dropping costs more than the rest.
const FEW: i64 = 64;

/// A table on both sides: its columns in SQLite and their types in the mirror.
#[derive(Debug, Clone)]
pub struct Mirrored {
    /// Its name in SQLite.
    pub(super) table: String,
    /// Its name in the mirror.
    pub name: String,
    /// The columns as SQLite names them, quoted; the rowid first for a table tracked by it.
    pub(super) source: Vec<String>,
    /// The columns as the mirror names them.
    pub(super) columns: Vec<String>,
    /// Which of them are the key.
    pub(super) key: Vec<usize>,
    /// How they get their types.
    pub(super) rules: Vec<Rule>,
    /// Their types.
    pub types: Vec<MirrorType>,
    /// Its id in the changelog, if some of its rows are in files.
    pub tiered: Option<i64>,
    /// The terms that order the rows as SQLite stores them.
    pub(super) order: Vec<String>,
}

impl Mirrored {
    /// A table whose types are still the first to try, or those that its mirror has.
    pub fn new(
        table: &Table,
        key: &Key,
        options: &Options,
        types: Option<Vec<MirrorType>>,
    ) -> Mirrored {
        let copied = options.mirrored(table, key).columns;
        let mut source: Vec<String> = copied.iter().map(|c| identifier(&c.name)).collect();
        let mut columns: Vec<String> = copied.iter().map(|c| c.name.clone()).collect();
        let mut declared: Vec<&str> = copied.iter().map(|c| c.declared.as_str()).collect();
        if let Key::Rowid(name) = key {
            source.insert(0, (*name).to_owned());
            columns.insert(0, ROWID_COLUMN.to_owned());
            declared.insert(0, "INTEGER");
        }
        let key: Vec<usize> = key
            .mirror_columns()
            .iter()
            .filter_map(|k| columns.iter().position(|c| c == k))
            .collect();
        let rules: Vec<Rule> = (0..columns.len())
            .map(|i| options.rule(&columns[i], declared[i], key.contains(&i)))
            .collect();
        Mirrored {
            table: table.name.clone(),
            name: options.target.as_ref().unwrap_or(&table.name).clone(),
            source,
            columns,
            key,
            types: types.unwrap_or_else(|| rules.iter().map(|r| r.first).collect()),
            rules,
            tiered: None,
            order: table.stored_order(),
        }
    }

    /// Copies the whole table into the mirror. Returns the number of rows.
    pub fn copy(&mut self, source: &Connection, duckdb: &DuckDb) -> Result<u64> {
        let rows = self.copy_to((CATALOG, DATA), u64::MAX, source, duckdb)?;
        duckdb.execute(&self.create_view())?;
        Ok(rows)
    }

    /// Copies the whole table to a catalog and schema of DuckDB, choosing the types by the values.
    fn copy_to(
        &mut self,
        place: (&str, &str),
        most: u64,
        source: &Connection,
        duckdb: &DuckDb,
    ) -> Result<u64> {
        loop {
            duckdb.execute(&format!(
                "CREATE OR REPLACE {}TABLE {}.{}.{}({})",
                if place.0 == TEMPORARY.0 { "TEMP " } else { "" },
                place.0,
                place.1,
                identifier(&self.name),
                self.column_definitions()
            ))?;
            match self.try_copy(place, most, source, duckdb)? {
                Copied::All(rows) => return Ok(rows),
                Copied::TooMany => {
                    return Err(error(format!(
                        "table \"{0}\" has more than {most} rows and is not tracked; run SELECT lumos_track('{0}') first",
                        self.name
                    )));
                }
                // A wider type holds this value and all before it; start over.
                Copied::Widen(column, wider) => self.types[column] = wider,
            }
        }
    }

    fn column_definitions(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .zip(&self.types)
            .map(|(c, t)| format!("{} {}", identifier(c), t.sql()))
            .collect();
        columns.join(", ")
    }

    /// The statement that makes the view that queries name.
    pub fn create_view(&self) -> String {
        let visible: Vec<String> = self
            .columns
            .iter()
            .filter(|c| *c != ROWID_COLUMN)
            .map(|c| identifier(c))
            .collect();
        // Named without the catalog, so that it works under whatever name the file is attached elsewhere.
        let name = identifier(&self.name);
        format!(
            "CREATE OR REPLACE VIEW {CATALOG}.main.{name} AS SELECT {} FROM {DATA}.{name}",
            visible.join(", ")
        )
    }

    fn try_copy(
        &self,
        place: (&str, &str),
        most: u64,
        source: &Connection,
        duckdb: &DuckDb,
    ) -> Result<Copied> {
        let mut rows = Writer::new(duckdb, place.0, place.1, &self.name)?;
        let order = match self.order.is_empty() {
            true => String::new(),
            false => format!(" ORDER BY {}", self.order.join(", ")),
        };
        let mut statement = source.prepare(&format!(
            "SELECT {} FROM main.{} t{order}",
            self.source_values().join(", "),
            identifier(&self.table)
        ))?;
        let mut result = statement.query([])?;
        let mut fresh = vec![true; self.types.len()];
        while let Some(row) = result.next()? {
            for (column, ty) in self.types.iter().enumerate() {
                let value = value_of(row, column)?;
                match value.map_or(Err(Mismatch), |v| self.store(column, v)) {
                    Ok(stored) => {
                        fresh[column] &= stored == Stored::Null;
                        rows.put(column, stored);
                    }
                    Err(Mismatch) => match self.rules[column].way(*ty, value, fresh[column]) {
                        Way::Type(next) => return Ok(Copied::Widen(column, next)),
                        Way::Null => rows.put(column, Stored::Null),
                        Way::Error => return Err(self.mismatch(row, 0, column)),
                    },
                }
            }
            rows.next()?;
            fault!("row copied");
            if rows.total > most {
                return Ok(Copied::TooMany);
            }
        }
        Ok(Copied::All(rows.finish()?))
    }

    /// Applies the changes logged after `from` up to `to`: every key touched goes, and comes back with the row
    /// that it has now. Returns the numbers of keys and of rows. A column that had no value so far takes the type
    /// of its first ones. `None` if a column with values must get another type, or there are rows in files, which
    /// cannot: then the table must be copied.
    pub fn apply(
        &mut self,
        changed_rows: &str,
        from: i64,
        to: i64,
        source: &Connection,
        duckdb: &DuckDb,
    ) -> Result<Option<(u64, u64)>> {
        let mut tried = Vec::new();
        loop {
            match self.try_apply(changed_rows, from, to, source, duckdb)? {
                Applied::All(keys, rows) => return Ok(Some((keys, rows))),
                Applied::Copy => return Ok(None),
                Applied::Widen(..) if self.tiered.is_some() => return Ok(None),
                // The first value wants a type that a later one does not fit.
                Applied::Widen(column, wider) if tried.contains(&(column, wider)) => {
                    return Ok(None);
                }
                Applied::Widen(column, wider) => {
                    tried.push((column, self.types[column]));
                    duckdb.execute(&format!(
                        "ALTER TABLE {} ALTER COLUMN {} SET DATA TYPE {}",
                        target(&self.name),
                        identifier(&self.columns[column]),
                        wider.sql()
                    ))?;
                    self.types[column] = wider;
                }
            }
        }
    }

    fn try_apply(
        &self,
        changed_rows: &str,
        from: i64,
        to: i64,
        source: &Connection,
        duckdb: &DuckDb,
    ) -> Result<Applied> {
        let target = target(&self.name);
        if to - from <= FEW
            && self.tiered.is_none()
            && let Some(keys) = self.few_keys(changed_rows, from, to, source)?
        {
            if !keys.is_empty() {
                duckdb.execute(&format!("DELETE FROM {target} WHERE {}", keys.join(" OR ")))?;
                fault!("few keys deleted");
            }
            let rows = Writer::new(duckdb, CATALOG, DATA, &self.name)?;
            return self.put_changed(changed_rows, from, to, source, duckdb, rows, |_| Ok(()));
        }
        let mut keys = self.start_keys(duckdb)?;
        let rows = self.start_rows(duckdb)?;
        let put_key = |row: &Row<'_>| self.put_key(&mut keys, row);
        let done = self.put_changed(changed_rows, from, to, source, duckdb, rows, put_key)?;
        if let Applied::All(..) = done {
            keys.finish()?;
            fault!("keys gathered");
            self.delete_keys(duckdb)?;
            duckdb.execute(&format!(
                "INSERT INTO {target} FROM {ROWS}; DROP TABLE {ROWS}"
            ))?;
        }
        Ok(done)
    }

    /// A temporary table for keys.
    pub(super) fn start_keys(&self, duckdb: &DuckDb) -> Result<Writer> {
        let columns: Vec<String> = self
            .key
            .iter()
            .enumerate()
            .map(|(i, c)| format!("k{i} {}", self.types[*c].sql()))
            .collect();
        duckdb.execute(&format!(
            "CREATE OR REPLACE TEMP TABLE lumos_keys({})",
            columns.join(", ")
        ))?;
        Writer::new(duckdb, TEMPORARY.0, TEMPORARY.1, "lumos_keys")
    }

    /// A temporary table for rows.
    pub(super) fn start_rows(&self, duckdb: &DuckDb) -> Result<Writer> {
        duckdb.execute(&format!(
            "CREATE OR REPLACE TEMP TABLE lumos_rows({})",
            self.column_definitions()
        ))?;
        Writer::new(duckdb, TEMPORARY.0, TEMPORARY.1, "lumos_rows")
    }

    /// Puts the key that a row of the log begins with, unless the mirror cannot hold it: then it has no such row.
    pub(super) fn put_key(&self, keys: &mut Writer, row: &Row<'_>) -> Result<()> {
        if let Some(stored) = self.stored_key(row)? {
            for (i, value) in stored.into_iter().enumerate() {
                keys.put(i, value);
            }
            keys.next()?;
        }
        Ok(())
    }

    /// Deletes the rows of the keys that were put.
    pub(super) fn delete_keys(&self, duckdb: &DuckDb) -> Result<()> {
        if let Some(id) = self.tiered {
            let types: Vec<MirrorType> = self.key.iter().map(|c| self.types[*c]).collect();
            duckdb.execute(&cold::hide(id, &self.name, KEYS, &types))?;
        }
        let matches: Vec<String> = self
            .key
            .iter()
            .enumerate()
            .map(|(i, c)| format!("t.{} = k.k{i}", identifier(&self.columns[*c])))
            .collect();
        duckdb.execute(&format!(
            "DELETE FROM {} t USING {KEYS} k WHERE {}; DROP TABLE {KEYS}",
            target(&self.name),
            matches.join(" AND ")
        ))?;
        Ok(())
    }

    /// Reads the changed rows: each goes to `put_key` with its key first, and its values to `rows` if it exists.
    #[expect(
        clippy::too_many_arguments,
        reason = "what `apply` got, and where it goes"
    )]
    fn put_changed(
        &self,
        changed_rows: &str,
        from: i64,
        to: i64,
        source: &Connection,
        duckdb: &DuckDb,
        mut rows: Writer,
        mut put_key: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<Applied> {
        let mut statement = source.prepare(changed_rows)?;
        let mut result = statement.query([from, to])?;
        let mut keys = 0;
        // Columns without a value in the rows read so far.
        let mut fresh = vec![true; self.types.len()];
        // Whether a column has values in the mirror, once that was asked.
        let mut filled = vec![None; self.types.len()];
        while let Some(row) = result.next()? {
            keys += 1;
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
                        rows.put(column, stored);
                    }
                    Err(Mismatch) => {
                        let filled = match filled[column] {
                            Some(filled) => filled,
                            None => *filled[column].insert(self.has_values(column, duckdb)?),
                        };
                        match self.way(column, value, fresh[column], filled) {
                            Way::Null => rows.put(column, Stored::Null),
                            Way::Error => return Err(self.mismatch(row, first, column)),
                            Way::Type(_) if filled => return Ok(Applied::Copy),
                            // Only the source makes these texts.
                            Way::Type(MirrorType::AnyText) => return Ok(Applied::Copy),
                            Way::Type(next) => return Ok(Applied::Widen(column, next)),
                        }
                    }
                }
            }
            rows.next()?;
        }
        Ok(Applied::All(keys, rows.finish()?))
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
    fn few_keys(
        &self,
        changed_rows: &str,
        from: i64,
        to: i64,
        source: &Connection,
    ) -> Result<Option<Vec<String>>> {
        let mut statement = source.prepare(changed_rows)?;
        let mut result = statement.query([from, to])?;
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

    /// Converts a value for a column.
    pub(super) fn store<'a>(
        &self,
        column: usize,
        value: ValueRef<'a>,
    ) -> std::result::Result<Stored<'a>, Mismatch> {
        match self.key.contains(&column) {
            true => self.types[column].store_key(value),
            false => self.types[column].store(value),
        }
    }

    /// What the mirror has of a value, which is not UTF-8 if there is none; `None` if it cannot have it.
    pub(super) fn stored<'a>(
        &self,
        column: usize,
        value: Option<ValueRef<'a>>,
    ) -> Option<Stored<'a>> {
        match value.map_or(Err(Mismatch), |v| self.store(column, v)) {
            Ok(stored) => Some(stored),
            Err(Mismatch) => match self.rules[column].way(self.types[column], value, false) {
                Way::Null => Some(Stored::Null),
                Way::Type(_) | Way::Error => None,
            },
        }
    }

    /// What becomes of a value that does not fit the mirrored column. `filled` says that the mirror
    /// has values of it, `fresh` that no row applied now had one.
    fn way(&self, column: usize, value: Option<ValueRef<'_>>, fresh: bool, filled: bool) -> Way {
        let (rule, ty) = (&self.rules[column], self.types[column]);
        // The type may have come of values that are gone.
        let chosen = match value {
            Some(value) if fresh && !filled && !rule.fixed => ty.widened(value, true),
            _ => None,
        };
        match chosen.map_or_else(|| rule.way(ty, value, false), Way::Type) {
            // Nobody asked for it, and a copy takes long.
            Way::Type(_) if filled && rule.policy == Policy::Error => Way::Error,
            way => way,
        }
    }

    fn has_values(&self, column: usize, duckdb: &DuckDb) -> Result<bool> {
        let column = identifier(&self.columns[column]);
        let first = format!(
            "SELECT 1 FROM {} WHERE {column} IS NOT NULL LIMIT 1",
            target(&self.name)
        );
        Ok(!crate::sync::rows(duckdb, &first)?.is_empty())
    }

    /// What to read from the table `t` of SQLite.
    pub fn source_values(&self) -> Vec<String> {
        let columns = self.source.iter().zip(&self.types);
        columns
            .map(|(column, ty)| match ty {
                MirrorType::AnyText => format!("CAST(t.{column} AS TEXT)"),
                _ => format!("t.{column}"),
            })
            .collect()
    }

    fn mismatch(&self, row: &Row<'_>, first: usize, column: usize) -> crate::error::Error {
        let key: Vec<String> = self
            .key
            .iter()
            .map(|k| format!("{} = {}", self.columns[*k], shown(row, first + k)))
            .collect();
        let (rule, ty) = (&self.rules[column], self.types[column]);
        let whose = match rule.fixed && rule.first == ty {
            true => "that the column was given",
            false => "that the other values have",
        };
        let anew = match rule.fixed {
            true => String::new(),
            false => format!("lumos_resync('{}') to choose the type anew, ", self.table),
        };
        let way_out = match (self.key.contains(&column), ty) {
            (true, _) => format!("{anew}or track the table by another key"),
            (_, MirrorType::AnyText) => "or give lumos_track on_mismatch \"null\"".into(),
            _ => format!("{anew}or give lumos_track an on_mismatch of null, varchar or widen"),
        };
        error(format!(
            "table \"{}\", column \"{}\", row with {}: the value {} does not fit the type {} {whose}; change the value, {way_out}",
            self.table,
            self.columns[column],
            key.join(", "),
            shown(row, first + column),
            match ty {
                MirrorType::AnyText => ty.sql(),
                _ => ty.name(),
            }
        ))
    }
}

/// The temporary table of keys.
const KEYS: &str = "temp.main.lumos_keys";

/// The temporary table of rows.
pub(super) const ROWS: &str = "temp.main.lumos_rows";

/// The log after `.0` up to `.1` in parts.
pub(super) fn batches((from, to): (i64, i64)) -> impl Iterator<Item = (i64, i64)> {
    (from..to)
        .step_by(BATCH as usize)
        .map(move |start| (start, to.min(start + BATCH)))
}

/// The schema of the mirrored rows. What a query names is a view of them in `main`: it shows the source's
/// columns only, cannot be written to, and can show more than one table one day.
/// The schema of the mirrored rows.
pub const DATA_SCHEMA: &str = DATA;

const DATA: &str = "_lumos_data";

/// The catalog and schema of temporary tables.
const TEMPORARY: (&str, &str) = ("temp", "main");

/// The full name of a table's mirrored rows, quoted.
pub fn target(name: &str) -> String {
    format!("{CATALOG}.{DATA}.{}", identifier(name))
}

/// What queries name: the view of a table's rows, wherever they are.
pub fn view(name: &str) -> String {
    format!("{CATALOG}.main.{}", identifier(name))
}

/// The columns of a table's mirrored rows, the hidden rowid too.
pub fn columns(duckdb: &DuckDb, name: &str) -> Result<Vec<String>> {
    Ok(duckdb
        .prepare(&format!("FROM {}", target(name)))?
        .columns()
        .into_iter()
        .map(|(name, _)| name)
        .collect())
}

/// The statements that remove a mirrored table.
pub fn drop_statements(name: &str) -> String {
    format!(
        "{}; DROP TABLE IF EXISTS {};",
        drop_view(name),
        target(name)
    )
}

/// The statement that removes the view of a mirrored table.
pub fn drop_view(name: &str) -> String {
    format!("DROP VIEW IF EXISTS {CATALOG}.main.{}", identifier(name))
}

/// Copies a table that is not tracked to a temporary table of this connection to DuckDB, if it has at most so
/// many rows.
pub fn scan(source: &Connection, duckdb: &DuckDb, table: &str, most: u64) -> Result<()> {
    let definition = schema::read_table(source, table)?;
    let mut copied = Mirrored::new(
        &definition,
        &Key::Columns(Vec::new()),
        &Options::default(),
        None,
    );
    copied.copy_to(TEMPORARY, most, source, duckdb).map(drop)
}

enum Copied {
    All(u64),
    TooMany,
    Widen(usize, MirrorType),
}

enum Applied {
    /// The table must be copied.
    Copy,
    All(u64, u64),
    Widen(usize, MirrorType),
}

/// The value in a column, or `None` for text that is not UTF-8.
pub(super) fn value_of<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<ValueRef<'a>>> {
    Ok(Some(match row.get_ref(column)? {
        types::ValueRef::Null => ValueRef::Null,
        types::ValueRef::Integer(v) => ValueRef::Integer(v),
        types::ValueRef::Real(v) => ValueRef::Real(v),
        types::ValueRef::Blob(v) => ValueRef::Blob(v),
        types::ValueRef::Text(v) => match std::str::from_utf8(v) {
            Ok(text) => ValueRef::Text(text),
            Err(_) => return Ok(None),
        },
    }))
}

/// A value for an error text, at most 40 characters of it.
fn shown(row: &Row<'_>, column: usize) -> String {
    match row.get_ref(column) {
        Ok(types::ValueRef::Integer(v)) => v.to_string(),
        Ok(types::ValueRef::Real(v)) => format!("{v:?}"),
        Ok(types::ValueRef::Text(v)) => {
            // A message ends at NUL.
            let text = String::from_utf8_lossy(v).replace('\0', "\\0");
            let dots = if text.chars().count() > 40 { "..." } else { "" };
            let what = if std::str::from_utf8(v).is_ok() {
                ""
            } else {
                ", which is not UTF-8,"
            };
            format!(
                "'{}{dots}'{what}",
                text.chars().take(40).collect::<String>()
            )
        }
        Ok(types::ValueRef::Blob(v)) => format!("a BLOB of {} bytes", v.len()),
        _ => "NULL".into(),
    }
}

/// Fills chunks and appends them.
pub(super) struct Writer {
    appender: Appender,
    chunk: WriteChunk,
    len: usize,
    total: u64,
}

impl Writer {
    fn new(duckdb: &DuckDb, catalog: &str, schema: &str, table: &str) -> Result<Writer> {
        let appender = Appender::new(duckdb, catalog, schema, table)?;
        let chunk = appender.chunk();
        Ok(Writer {
            appender,
            chunk,
            len: 0,
            total: 0,
        })
    }

    pub(super) fn put(&mut self, column: usize, value: Stored<'_>) {
        let (row, column) = (self.len, self.chunk.column(column));
        match value {
            Stored::Null => column.null(row),
            Stored::Bool(v) => column.bool(row, v),
            Stored::Int16(v) => column.int16(row, v),
            Stored::Int32(v) => column.int32(row, v),
            Stored::Int64(v) => column.int64(row, v),
            Stored::Int128(v) => column.int128(row, v),
            Stored::Double(v) => column.double(row, v),
            Stored::Text(v) => column.text(row, v),
            Stored::Blob(v) => column.blob(row, v),
        }
    }

    /// Ends the row that was put.
    pub(super) fn next(&mut self) -> Result<()> {
        self.len += 1;
        self.total += 1;
        if self.len == self.chunk.capacity() {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.appender.append(&mut self.chunk, self.len)?;
        self.len = 0;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<u64> {
        if self.len > 0 {
            self.flush()?;
        }
        self.appender.finish()?;
        Ok(self.total)
    }
}
