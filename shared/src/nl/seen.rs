//! The catalog of a database of DuckDB as a statement reads it, row by row, and by which a change of it is seen.

use super::catalog::{Catalog, Column, ColumnKind, Declared, Table};
use super::taught::{self, Taught};
use super::tokens::hash;
use crate::gate::catalog::{Rows, Schema};
use crate::{Error, Param, Result, Type, ValueRef};

/// What to run where nothing is known.
pub const HOW: &str = "run FROM query(lumos_learn()), then FROM query(lumos_learn_values())";

/// What a row says, in its column `what`.
const PLACE: i64 = 0;
const COLUMN: i64 = 1;
const KEY: i64 = 2;
/// The rows of a table: its number, how many.
pub const COUNT: i64 = 3;
/// A text: the number of the table, that of the column, the text.
pub const VALUE: i64 = 4;
/// The least and the greatest time of a column: the number of the table, that of the column, both times.
pub const RANGE: i64 = 8;
/// A row of the table of what people have taught: good, bad, kind, word, meaning.
pub const TAUGHT: i64 = 7;
/// A row of an answer: the number of the reading, that of the row, the row.
pub const ANSWER: i64 = 5;
/// A reading that names a value which is not there any more: the number of the reading, and what is not there.
pub const MISSING: i64 = 6;

/// The columns of every row that is read.
pub const INPUT: &[Param] = &[
    Param::new("what", Type::Integer),
    Param::optional("i", Type::Integer),
    Param::optional("j", Type::Integer),
    Param::optional("k", Type::Integer),
    Param::optional("a", Type::Text),
    Param::optional("b", Type::Text),
    Param::optional("c", Type::Text),
    Param::optional("d", Type::Text),
    Param::optional("e", Type::Text),
    Param::optional("f", Type::Text),
];

/// Reads the catalog: what can be asked about, and what a temporary table hides.
pub const CATALOG: &str = "SELECT 0, NULL, NULL, NULL, current_database(), current_schema(), NULL, NULL, NULL, NULL \
     UNION ALL SELECT 1, CAST(c.schema_name = current_schema() AS BIGINT), CAST(c.database_name = 'temp' AS BIGINT), \
     CAST(c.column_index AS BIGINT), c.schema_name, c.table_name, c.column_name, c.data_type, v.sql, NULL \
     FROM duckdb_columns() c LEFT JOIN duckdb_views() v ON v.view_oid = c.table_oid AND v.database_name = c.database_name \
     AND v.view_name = c.table_name \
     WHERE NOT c.internal AND (c.database_name = current_database() AND c.schema_name = current_schema() \
     OR c.database_name = 'temp' AND lower(c.table_name) IN (SELECT lower(d.table_name) FROM duckdb_columns() d \
     WHERE d.database_name = current_database() AND d.schema_name = current_schema())) \
     UNION ALL SELECT 2, CAST(constraint_index AS BIGINT), unnest(range(len(constraint_column_names))), NULL, schema_name, \
     table_name, constraint_type, unnest(constraint_column_names), referenced_table, unnest(referenced_column_names) \
     FROM duckdb_constraints() WHERE database_name = current_database() AND schema_name = current_schema() \
     AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')";

/// A row that is read.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// What it says.
    pub what: i64,
    /// The columns `i`, `j` and `k`.
    pub numbers: [Option<i64>; 3],
    /// The columns from `a` to `f`.
    pub texts: [Option<&'a str>; 6],
}

impl<'a> Row<'a> {
    /// Errors if it is none of [`INPUT`].
    pub fn read(row: &[ValueRef<'a>]) -> Result<Row<'a>> {
        let [ValueRef::Integer(what), rest @ ..] = row else {
            return Err(Error::new("what a row is must be said by a number"));
        };
        let number = |i: usize| match rest.get(i) {
            Some(ValueRef::Integer(n)) => Some(*n),
            _ => None,
        };
        let text = |i: usize| match rest.get(i + 3) {
            Some(ValueRef::Text(text)) => Some(*text),
            _ => None,
        };
        Ok(Row {
            what: *what,
            numbers: std::array::from_fn(number),
            texts: std::array::from_fn(text),
        })
    }
}

/// The catalog as it is seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// True once there was a row.
    pub any: bool,
    /// The sum of the hashes of its rows, whose order does not matter.
    pub fingerprint: u64,
    /// The same of what people have taught.
    pub taught_fingerprint: u64,
    /// The database and the schema.
    pub place: (String, String),
    rows: Rows,
    keys: Vec<(bool, Declared)>,
    /// What people have taught.
    pub taught: Vec<Taught>,
}

impl Seen {
    /// Takes a row. Keeps it if `all` is true, and else its hash alone.
    pub fn row(&mut self, row: &Row<'_>, all: bool) {
        self.any = true;
        if !matches!(row.what, PLACE | COLUMN | KEY | TAUGHT) {
            return;
        }
        let text = format!("{}\0{:?}\0{:?}", row.what, row.numbers, row.texts);
        let sum = if row.what == TAUGHT {
            &mut self.taught_fingerprint
        } else {
            &mut self.fingerprint
        };
        *sum = sum.wrapping_add(hash(&text));
        let owned = |i: usize| row.texts[i].unwrap_or_default().to_owned();
        match row.what {
            PLACE => self.place = (owned(0), owned(1)),
            TAUGHT if all && self.taught.len() < taught::MOST => self.taught.push(Taught {
                kind: owned(0),
                word: owned(1),
                meaning: owned(2),
                good: row.numbers[0].unwrap_or_default(),
                bad: row.numbers[1].unwrap_or_default(),
            }),
            COLUMN if all => {
                let number = |i: usize| row.numbers[i].map_or(ValueRef::Null, ValueRef::Integer);
                let text = |i: usize| row.texts[i].map_or(ValueRef::Null, ValueRef::Text);
                let (current, temporary, position) = (number(0), number(1), number(2));
                self.rows.row(&[
                    text(0),
                    text(1),
                    current,
                    temporary,
                    position,
                    text(2),
                    text(3),
                    text(4),
                ]);
            }
            KEY if all => {
                let declared = Declared {
                    table: owned(1),
                    // The last that is declared is the first, as in SQLite.
                    number: -row.numbers[0].unwrap_or_default(),
                    position: row.numbers[1].unwrap_or_default(),
                    column: owned(3),
                    other: owned(4),
                    to: owned(5),
                };
                self.keys
                    .push((row.texts[2] == Some("PRIMARY KEY"), declared));
            }
            _ => {}
        }
    }

    /// Takes over what another thread has seen.
    pub fn merge(&mut self, other: &Seen) {
        self.any |= other.any;
        self.fingerprint = self.fingerprint.wrapping_add(other.fingerprint);
        if !other.place.0.is_empty() {
            self.place = other.place.clone();
        }
        self.taught_fingerprint = self
            .taught_fingerprint
            .wrapping_add(other.taught_fingerprint);
        self.taught.extend(other.taught.iter().cloned());
        self.rows.merge(&other.rows);
        self.keys.extend(other.keys.iter().cloned());
    }

    /// Errors if the catalog is not the one with this fingerprint, of this database and schema.
    pub fn check(
        &self,
        place: &(String, String),
        fingerprint: u64,
        taught: Option<u64>,
    ) -> Result<()> {
        if self.place != *place {
            return Err(Error::new(format!(
                "what is known is of database \"{}\", schema \"{}\", and the current one is \"{}\", \"{}\"; {HOW}, or give \
                 {{\"database\": \"{}\"}} if that is known",
                place.0, place.1, self.place.0, self.place.1, self.place.0
            )));
        }
        if self.fingerprint != fingerprint {
            return Err(Error::new(format!(
                "the schema has changed since it was learned: {HOW} again"
            )));
        }
        if taught.is_some_and(|taught| taught != self.taught_fingerprint) {
            return Err(Error::new(
                "what lumos_language says has changed since it was learned: run FROM query(lumos_learn_values()) again",
            ));
        }
        Ok(())
    }

    /// The tables as the gate needs them.
    pub fn schema(&self) -> Schema {
        self.rows.schema()
    }

    /// The tables and keys to ask about; of views those that `may_read` lets pass.
    pub fn catalog(
        &self,
        schema: &Schema,
        may_read: &dyn Fn(&str, Option<&str>) -> bool,
    ) -> Catalog {
        let mut catalog = Catalog::default();
        for table in schema.tables.iter().filter(|t| t.current && !t.temporary) {
            let hidden = schema
                .tables
                .iter()
                .any(|t| t.temporary && t.name.to_lowercase() == table.name.to_lowercase());
            if hidden || !may_read(&table.name, table.view.as_deref()) {
                continue;
            }
            let columns = table.columns.iter().map(|(name, ty)| Column {
                name: name.clone(),
                kind: ColumnKind::declared(ty),
                ..Column::default()
            });
            catalog.tables.push(Table {
                name: table.name.clone(),
                columns: columns.collect(),
                ..Table::default()
            });
        }
        for (_, key) in self.keys.iter().filter(|(primary, _)| *primary) {
            if let Some(table) = catalog.table(&key.table)
                && let Some(column) = catalog.column(table, &key.column)
            {
                catalog.tables[table].primary_key.push(column.column);
            }
        }
        for table in &mut catalog.tables {
            table.primary_key.sort_unstable();
        }
        let foreign = self.keys.iter().filter(|(primary, _)| !primary);
        catalog.declare(foreign.map(|(_, key)| key.clone()).collect());
        catalog
    }
}
