//! Comparing a table with its mirror, in one snapshot of both.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use lumos_core::fingerprint::{Buckets, Chosen, Layout, Side, sample_ranges};
use lumos_core::mirror::{MirrorType, Stored};
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{self, Cell, Column};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Row, Statement};

use crate::error::{Error, Result, error};
use crate::host::check_interrupt;
use crate::mirror::column_map::ColumnMap;
use crate::sync::chunk_writer::value_of;
use crate::sync::schema::{self, Tracked};
use crate::sync::sides::Sides;

/// A part of the keys.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Above 0, up to 1.
    pub fraction: f64,
    /// Another one takes another part.
    pub seed: i64,
}

/// A key whose row is not the same on both sides.
#[derive(Debug)]
pub struct Difference {
    /// The table.
    pub table: Arc<Tracked>,
    /// The values of the key.
    pub key: Vec<Value>,
    /// What is wrong.
    pub kind: Kind,
}

/// How the mirror differs from its source.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// It lacks the row.
    Missing,
    /// It has a row too many.
    Extra,
    /// The row differs in these columns.
    Different(Vec<String>),
}

/// The key of a row, and the hashes of its columns.
type Unseen = (Vec<Value>, Box<[u64]>);

/// Up to so many values are held in memory to compare the rows of buckets that differ.
const MOST_VALUES: u64 = 1 << 21;

/// Rows of the source between two words on how far it is.
const ROWS_UNSAID: u64 = 4096;

/// Chunks of the mirror between two looks at whether to stop: some 10 ms.
const CHUNKS_UNCHECKED: usize = 32;

/// What of a table is compared.
enum Scope {
    All,
    /// Ranges of its one key column.
    Ranges(Vec<(i64, i64)>),
    Buckets(Chosen),
}

/// What of the scope is read.
enum Within<'a> {
    Scope,
    /// Ranges of its one key column.
    Ranges(&'a [(i64, i64)]),
    /// These keys, of integers and texts.
    Keys(&'a [Vec<Value>]),
}

/// More ranges than this are read as the whole table.
const MOST_RANGES: usize = 256;

/// So many keys are asked for one by one at most.
const MOST_KEYS: usize = 100_000;

/// A key as DuckDB's SQL has it.
fn tuple(key: &[Value]) -> String {
    let values: Vec<String> = key
        .iter()
        .map(|value| match value {
            Value::Integer(v) => v.to_string(),
            Value::Text(v) => literal(v),
            _ => "NULL".into(),
        })
        .collect();
    format!("({})", values.join(", "))
}

/// A table whose buckets were compared.
pub struct Check {
    table: Arc<Tracked>,
    mirrored: ColumnMap,
    /// What stands after FROM for its rows in the mirror, those in files too.
    rows: String,
    layout: Layout,
    scope: Scope,
    /// The buckets that differ.
    pub groups: std::vec::IntoIter<Chosen>,
}

impl Check {
    /// Compares the buckets; `None` for a table that was dropped.
    pub fn new(sides: &Sides, table: Tracked, sample: Option<Sample>) -> Result<Option<Check>> {
        match Check::of(sides, table)? {
            Some(check) => check.buckets(sides, sample).map(Some),
            None => Ok(None),
        }
    }

    fn of(sides: &Sides, table: Tracked) -> Result<Option<Check>> {
        let types = sides.mirrored.types.get(&table.id);
        let exists = schema::create_statement(&sides.source, &table.name)?.is_some();
        let mut failed = sides.mirrored.failures.iter();
        if let Some(failure) = failed.find(|f| f.id == table.id) {
            return Err(failure.error());
        }
        let types = match (exists, types) {
            (false, None) => return Ok(None),
            (true, Some(types)) => types.clone(),
            _ => return Err(damaged(&table, "is on one side only")),
        };
        let definition = schema::read_table(&sides.source, &table.name)?;
        let mirrored = ColumnMap::new(&definition, &table.key, &table.options, Some(types));
        mirrored.check_readable(sides.host())?;
        if mirrored.types.len() != mirrored.columns.len() {
            return Err(damaged(&table, "has other columns than its source"));
        }
        Ok(Some(Check {
            layout: Layout::new(mirrored.columns.len(), &mirrored.key),
            rows: sides.all_rows(&mirrored),
            table: Arc::new(table),
            mirrored,
            scope: Scope::All,
            groups: Vec::new().into_iter(),
        }))
    }

    fn buckets(mut self, sides: &Sides, sample: Option<Sample>) -> Result<Check> {
        let check = &mut self;
        if let Some((first, last)) = check.ends(sides)? {
            let rows = sides.mirrored_rows(&check.table).unsigned_abs();
            check.layout = check.layout.clone().ordered(first, last, rows);
            if let Some(Sample { fraction, seed }) = sample {
                check.scope = Scope::Ranges(sample_ranges(first, last, fraction, seed));
            }
        } else if let Some(Sample { fraction, seed }) = sample {
            check.scope = Scope::Buckets(Chosen::sample(fraction, seed));
        }
        let mut buckets = Buckets::default();
        check.source_rows(sides, &Within::Scope, |row| {
            let value = |column| check.source_value(row, column);
            if check.is_sampled(value) {
                buckets.add(Side::Source, check.layout.hash(value));
            }
            Ok(())
        })?;
        check.mirror_rows(sides, &Within::Scope, |columns, row| {
            let value = |column: usize| columns[column].stored(row);
            if check.is_sampled(value) {
                buckets.add(Side::Mirror, check.layout.hash(value));
            }
            Ok(())
        })?;
        let most = MOST_VALUES / check.mirrored.columns.len() as u64;
        check.groups = buckets.differing(most).into_iter();
        Ok(self)
    }

    /// The ends of a key that is one integer; `None` for another, where a row has another value as its key, or where there
    /// is no row.
    fn ends(&self, sides: &Sides) -> Result<Option<(i64, i64)>> {
        let [key] = self.mirrored.key.as_slice() else {
            return Ok(None);
        };
        if self.mirrored.types[*key] != MirrorType::BigInt {
            return Ok(None);
        }
        let source = &self.mirrored.source[*key];
        let table = identifier(&self.table.name);
        let mut ends = Vec::new();
        // Two queries, since SQLite finds each end by the index, but not both. A key of another class is no integer.
        for end in ["min", "max"] {
            let sql = format!("SELECT {end}({source}) FROM main.{table}");
            let value = sides.source.query_row(&sql, [], |row| row.get(0))?;
            match value {
                Value::Integer(v) => ends.push(v),
                Value::Null => {}
                // It stands in no range.
                _ => return Ok(None),
            }
        }
        let column = identifier(&self.mirrored.columns[*key]);
        let of_mirror = sides.duckdb.rows(&format!(
            "SELECT min({column}), max({column}), count(*) - count({column}) FROM {}",
            self.rows
        ))?;
        if let Some([least, most, keyless]) = of_mirror.first().map(Vec::as_slice) {
            if *keyless != engine::Value::Integer(0) {
                return Ok(None);
            }
            for value in [least, most] {
                if let engine::Value::Integer(v) = value {
                    ends.push(*v);
                }
            }
        }
        Ok(ends.iter().min().copied().zip(ends.iter().max().copied()))
    }

    fn is_sampled<'a>(&self, value: impl Fn(usize) -> Option<Stored<'a>>) -> bool {
        match &self.scope {
            Scope::Buckets(chosen) => chosen.has(self.layout.key_hash(value)),
            Scope::All | Scope::Ranges(_) => true,
        }
    }

    /// The ranges of the key to read; none if it is not read by ranges.
    fn ranges<'a>(&'a self, within: &Within<'a>) -> &'a [(i64, i64)] {
        match (within, &self.scope) {
            (Within::Ranges(ranges), _) => ranges,
            (Within::Scope, Scope::Ranges(ranges)) => ranges,
            _ => &[],
        }
    }

    /// A value of SQLite as the mirror has it; `None` if it cannot.
    fn source_value<'a>(&self, row: &'a Row<'_>, column: usize) -> Option<Stored<'a>> {
        let value = value_of(row, column).ok()?;
        self.mirrored.stored(column, value)
    }

    fn source_rows(
        &self,
        sides: &Sides,
        within: &Within<'_>,
        mut each: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let all = format!(
            "SELECT {} FROM main.{} t",
            self.mirrored.source_values().join(", "),
            identifier(&self.table.name)
        );
        let mut count: u64 = 0;
        let mut run = |statement: &mut Statement<'_>, params: &[Value]| {
            let mut rows = statement.query(rusqlite::params_from_iter(params))?;
            while let Some(row) = rows.next()? {
                each(row)?;
                count += 1;
                if count.is_multiple_of(ROWS_UNSAID) {
                    if let Some(host) = &sides.host {
                        check_interrupt(host)?;
                    }
                    self.say(sides, count, "source");
                }
            }
            Ok(())
        };
        match (within, &self.scope) {
            (Within::Ranges(_), _) | (Within::Scope, Scope::Ranges(_)) => {
                let ranges = self.ranges(within);
                let key = &self.mirrored.source[self.mirrored.key[0]];
                let sql = format!("{all} WHERE {key} BETWEEN ?1 AND ?2");
                let mut statement = sides.source.prepare(&sql)?;
                ranges.iter().try_for_each(|(a, b)| {
                    run(&mut statement, &[Value::Integer(*a), Value::Integer(*b)])
                })
            }
            (Within::Keys(keys), _) => {
                let mut statement = sides.source.prepare(&self.mirrored.row_by_key())?;
                keys.iter().try_for_each(|key| run(&mut statement, key))
            }
            (Within::Scope, Scope::All | Scope::Buckets(_)) => {
                run(&mut sides.source.prepare(&all)?, &[])
            }
        }
    }

    fn mirror_rows(
        &self,
        sides: &Sides,
        within: &Within<'_>,
        mut each: impl FnMut(&[Column<'_>], usize) -> Result<()>,
    ) -> Result<()> {
        let columns: Vec<String> = self
            .mirrored
            .columns
            .iter()
            .map(|c| identifier(c))
            .collect();
        let all = format!("SELECT {} FROM {}", columns.join(", "), self.rows);
        let mut count = 0;
        let mut run = |sql: &str| {
            let statement = sides
                .duckdb
                .prepare(sql)
                .map_err(|e| damaged(&self.table, &e.text))?;
            let mut rows = statement.stream()?;
            let types = rows.types().to_vec();
            let mut unchecked = 0;
            while let Some(chunk) = rows.next_chunk()? {
                unchecked += 1;
                if unchecked == CHUNKS_UNCHECKED {
                    unchecked = 0;
                    check_interrupt(sides.host())?;
                    self.say(sides, count, "mirror");
                }
                count += chunk.len() as u64;
                let columns: Vec<Column<'_>> = types
                    .iter()
                    .enumerate()
                    .map(|(i, ty)| chunk.column(i, ty))
                    .collect();
                (0..chunk.len()).try_for_each(|row| each(&columns, row))?;
            }
            Ok(())
        };
        match (within, &self.scope) {
            (Within::Ranges(_), _) | (Within::Scope, Scope::Ranges(_)) => {
                let ranges = self.ranges(within);
                let key = &columns[self.mirrored.key[0]];
                ranges
                    .iter()
                    .try_for_each(|(a, b)| run(&format!("{all} WHERE {key} BETWEEN {a} AND {b}")))
            }
            (Within::Keys(keys), _) => {
                let key = self.mirrored.key.iter().map(|c| columns[*c].as_str());
                let key: Vec<&str> = key.collect();
                let keys: Vec<String> = keys.iter().map(|k| tuple(k)).collect();
                run(&format!(
                    "{all} WHERE ({}) IN ({})",
                    key.join(", "),
                    keys.join(", ")
                ))
            }
            (Within::Scope, Scope::All | Scope::Buckets(_)) => run(&all),
        }
    }

    fn say(&self, sides: &Sides, rows: u64, side: &str) {
        sides
            .progress
            .say(|| format!("table \"{}\": {rows} rows of the {side}", self.table.name));
    }

    /// Compares the rows of some buckets.
    pub fn compare(&self, sides: &Sides, group: &Chosen) -> Result<Vec<Difference>> {
        let ranges = match self.scope {
            Scope::All => self.layout.ranges(group),
            Scope::Ranges(_) | Scope::Buckets(_) => None,
        };
        let within = match &ranges {
            Some(ranges) if ranges.len() <= MOST_RANGES => Within::Ranges(ranges),
            _ => Within::Scope,
        };
        self.compare_within(sides, &within, |hash| group.has(hash))
    }

    /// True if the rows of these keys are equal on both sides; `None` if the mirror cannot be asked for such keys.
    pub fn agrees(sides: &Sides, table: Tracked, keys: &[Vec<Value>]) -> Result<Option<bool>> {
        let plain = |value: &Value| match value {
            Value::Integer(_) => true,
            Value::Text(v) => !v.contains('\0'),
            _ => false,
        };
        if keys.len() > MOST_KEYS || !keys.iter().flatten().all(plain) {
            return Ok(None);
        }
        let Some(check) = Check::of(sides, table)? else {
            return Ok(None);
        };
        let mut types = check.mirrored.key.iter().map(|c| check.mirrored.types[*c]);
        if !types.all(|ty| matches!(ty, MirrorType::BigInt | MirrorType::Varchar)) {
            return Ok(None);
        }
        let found = check.compare_within(sides, &Within::Keys(keys), |_| true)?;
        Ok(Some(found.is_empty()))
    }

    fn compare_within(
        &self,
        sides: &Sides,
        within: &Within<'_>,
        is_chosen: impl Fn(u64) -> bool,
    ) -> Result<Vec<Difference>> {
        let layout = &self.layout;
        let mut found = Vec::new();
        let mut push = |key, kind| {
            found.push(Difference {
                table: Arc::clone(&self.table),
                key,
                kind,
            });
        };
        // The rows of the source that the mirror has not shown yet.
        let mut unseen: HashMap<Vec<u8>, Unseen> = HashMap::new();
        self.source_rows(sides, within, |row| {
            let value = |column| self.source_value(row, column);
            if self.is_sampled(value) && is_chosen(layout.key_hash(value)) {
                let key = self.source_key(row)?;
                if self.mirrored.key.iter().all(|c| value(*c).is_some()) {
                    drop(unseen.insert(layout.key_bytes(value), (key, layout.column_hashes(value))))
                } else {
                    // The mirror cannot have it.
                    push(key, Kind::Missing)
                }
            }
            Ok(())
        })?;
        self.mirror_rows(sides, within, |columns, row| {
            let value = |column: usize| columns[column].stored(row);
            if !self.is_sampled(value) || !is_chosen(layout.key_hash(value)) {
                return Ok(());
            }
            match unseen.remove(&layout.key_bytes(value)) {
                // Nor does the source have a second row with this key.
                None => push(self.mirror_key(columns, row), Kind::Extra),
                Some((key, hashes)) => {
                    let differing: Vec<String> = layout
                        .column_hashes(value)
                        .iter()
                        .zip(&hashes)
                        .zip(&self.mirrored.columns)
                        .filter(|((a, b), _)| a != b)
                        .map(|(_, name)| name.clone())
                        .collect();
                    if !differing.is_empty() {
                        push(key, Kind::Different(differing));
                    }
                }
            }
            Ok(())
        })?;
        unseen
            .into_values()
            .for_each(|(key, _)| push(key, Kind::Missing));
        found.sort_by(|a, b| by_key(&a.key, &b.key));
        Ok(found)
    }

    fn source_key(&self, row: &Row<'_>) -> Result<Vec<Value>> {
        let value = |column: &usize| {
            Ok(match row.get_ref(*column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(v) => Value::Integer(v),
                ValueRef::Real(v) => Value::Real(v),
                ValueRef::Text(v) => Value::Text(String::from_utf8_lossy(v).into_owned()),
                ValueRef::Blob(v) => Value::Blob(v.to_vec()),
            })
        };
        self.mirrored.key.iter().map(value).collect()
    }

    /// A key as the source has it or would.
    fn mirror_key(&self, columns: &[Column<'_>], row: usize) -> Vec<Value> {
        let value = |column: &usize| match columns[*column].cell(row) {
            Cell::Null => Value::Null,
            Cell::Integer(v) => Value::Integer(v),
            Cell::Real(v) => Value::Real(v),
            Cell::Wide(digits) => digits.parse().map_or(Value::Null, Value::Real),
            Cell::Text(v) | Cell::Json(v) => Value::Text(v.into_owned()),
            Cell::Blob(v) => Value::Blob(v.to_vec()),
        };
        self.mirrored.key.iter().map(value).collect()
    }
}

/// SQLite's order of keys: NULL, numbers, texts, blobs.
fn by_key(a: &[Value], b: &[Value]) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Integer(_) | Value::Real(_) => 1,
        Value::Text(_) => 2,
        Value::Blob(_) => 3,
    };
    let number = |value: &Value| match value {
        Value::Integer(v) => *v as f64,
        Value::Real(v) => *v,
        _ => 0.0,
    };
    let each = a.iter().zip(b).map(|(a, b)| match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)).then(number(a).total_cmp(&number(b))),
    });
    each.fold(Ordering::Equal, Ordering::then)
}

fn damaged(table: &Tracked, why: &str) -> Error {
    let message = format!(
        "the mirror of table \"{0}\" cannot be compared: {why}; lumos_resync('{0}') copies it again",
        table.name
    );
    Error {
        table: Some(table.id),
        ..error(message)
    }
}
