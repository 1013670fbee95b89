//! A table on both sides: the columns of SQLite, and what they are in the mirror.

use lumos_core::ValueRef;
use lumos_core::changelog::{Evolution, Key, ROWID_COLUMN, Table, TrackingOptions};
use lumos_core::mirror::{MirrorType, Mismatch, Resolution, Rule, Stored};
use lumos_core::sql::identifier;
use rusqlite::Connection;

use crate::access::Question;
use crate::error::Result;
use crate::mirror::names::{CATALOG, DATA};
use crate::mirror::records::MirrorRecord;

/// A table on both sides: its columns in SQLite and their types in the mirror.
#[derive(Debug, Clone)]
pub struct ColumnMap {
    /// Its name in SQLite.
    pub table: String,
    /// Its name in the mirror.
    pub name: String,
    /// The columns as SQLite names them, quoted; the rowid first for a table tracked by it.
    pub source: Vec<String>,
    /// The columns as the mirror names them.
    pub columns: Vec<String>,
    /// Which of them are the key.
    pub key: Vec<usize>,
    /// How they get their types.
    pub rules: Vec<Rule>,
    /// Their types.
    pub types: Vec<MirrorType>,
    /// Its id in the changelog, if some of its rows are in files.
    pub tiered: Option<i64>,
    /// The terms that order the rows as SQLite stores them.
    pub order: Vec<String>,
}

impl ColumnMap {
    /// A table whose types are still the first to try, or those that its mirror has.
    pub fn new(
        table: &Table,
        key: &Key,
        options: &TrackingOptions,
        types: Option<Vec<MirrorType>>,
    ) -> ColumnMap {
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
        ColumnMap {
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

    /// An error unless this connection may read all that the mirror has of the table.
    pub fn check_readable(&self, host: &Connection) -> Result<()> {
        self.question().ask(host)
    }

    /// What is read of it to mirror it.
    fn question(&self) -> Question {
        let names = self.source.iter().zip(&self.columns);
        let names = names.map(|(source, name)| match name.as_str() {
            ROWID_COLUMN => source.clone(),
            name => name.to_owned(),
        });
        Question::new(&self.table, &names.collect::<Vec<_>>())
    }

    /// The table as it is now, with the types that its mirror has; new columns have the declared ones.
    pub fn of(
        mirror: &MirrorRecord,
        definition: &Table,
        evolution: &Evolution,
        key: &Key,
        options: &TrackingOptions,
    ) -> ColumnMap {
        let mut now = ColumnMap::new(definition, key, options, None);
        let old = before(mirror, definition, options);
        for (name, ty) in old.columns.iter().zip(&mirror.types) {
            let name = evolution.new_name(name);
            if let Some(column) = now.columns.iter().position(|c| *c == name) {
                now.types[column] = *ty;
            }
        }
        now
    }

    /// The columns of the mirrored table, with their types.
    pub fn column_definitions(&self) -> String {
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

    /// Converts a value for a column.
    pub fn store<'a>(
        &self,
        column: usize,
        value: ValueRef<'a>,
    ) -> std::result::Result<Stored<'a>, Mismatch> {
        if self.key.contains(&column) {
            self.types[column].store_exactly(value)
        } else {
            self.rules[column].store(self.types[column], value)
        }
    }

    /// What the mirror has of a value, which is not UTF-8 if there is none; `None` if it cannot have it.
    pub fn stored<'a>(&self, column: usize, value: Option<ValueRef<'a>>) -> Option<Stored<'a>> {
        match value.map_or(Err(Mismatch), |v| self.store(column, v)) {
            Ok(stored) => Some(stored),
            Err(Mismatch) => match self.rules[column].resolve(self.types[column], value, false) {
                Resolution::Null => Some(Stored::Null),
                Resolution::Type(_) | Resolution::Error => None,
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

    /// The SELECT of the row with the key `?1`, `?2`, ...
    pub fn row_by_key(&self) -> String {
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

/// The table as it was mirrored.
pub fn before(mirror: &MirrorRecord, definition: &Table, options: &TrackingOptions) -> ColumnMap {
    let table = Table {
        columns: mirror.columns.clone(),
        ..definition.clone()
    };
    ColumnMap::new(&table, &mirror.key, options, Some(mirror.types.clone()))
}
