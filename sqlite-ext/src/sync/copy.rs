//! A table on both sides, and its copy from SQLite to DuckDB.

use std::cell::OnceCell;

use lumos_core::ValueRef;
use lumos_core::changelog::{Key, Options, ROWID_COLUMN, Table};
use lumos_core::mirror::{MirrorType, Mismatch, Rule, Stored, Way};
use lumos_core::sql::identifier;
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::{Connection, Row, types};

use crate::access::Question;
use crate::error::{Error, Result, error};
use crate::faults::fault;
use crate::mirror::CATALOG;
use crate::progress::Progress;
use crate::sync::failures::Unfit;
use crate::sync::writer::{Writer, shown, value_of};
use crate::work;

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
        work::run(self.source, self.duckdb, self.progress, || {
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

    /// What is read of it to mirror it.
    pub fn question(&self) -> Question {
        let names = self.source.iter().zip(&self.columns);
        let names = names.map(|(source, name)| match name.as_str() {
            ROWID_COLUMN => source.clone(),
            name => name.to_owned(),
        });
        Question::new(&self.table, &names.collect::<Vec<_>>())
    }

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

    pub(super) fn column_definitions(&self) -> String {
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

    fn try_copy(&self, transfer: &Transfer<'_>) -> Result<Copied> {
        let mut rows = Writer::new(transfer.duckdb, CATALOG, DATA, &self.name)?;
        let order = match self.order.is_empty() {
            true => String::new(),
            false => format!(" ORDER BY {}", self.order.join(", ")),
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

    /// Converts a value for a column.
    pub(super) fn store<'a>(
        &self,
        column: usize,
        value: ValueRef<'a>,
    ) -> std::result::Result<Stored<'a>, Mismatch> {
        match self.key.contains(&column) {
            true => self.types[column].store_exactly(value),
            false => self.rules[column].store(self.types[column], value),
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

    pub(super) fn mismatch(&self, row: &Row<'_>, first: usize, column: usize) -> Error {
        let shown_key: Vec<String> = self
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

/// The schema of the mirrored rows. What a query names is a view of them in `main`: it shows the source's
/// columns only, cannot be written to, and can show more than one table one day.
pub const DATA: &str = "_lumos_data";

/// The catalog and schema of temporary tables.
pub(super) const TEMPORARY: (&str, &str) = ("temp", "main");

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

/// An error for a column that DuckDB cannot have.
pub fn check_names(table: &Table, key: &Key, options: &Options) -> Result<()> {
    let columns = options.mirrored(table, key).columns;
    match columns.iter().any(|c| c.name.is_empty()) {
        true => Err(error(format!(
            "table \"{}\" has a column whose name is empty, which DuckDB cannot have; rename it, or give lumos_track the option columns without it",
            table.name
        ))),
        false => Ok(()),
    }
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

enum Copied {
    All(u64),
    Widen(usize, MirrorType),
}
