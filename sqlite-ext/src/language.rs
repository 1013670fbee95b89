//! What a connection knows of its database for questions: read when one is asked, and again after a change.

use std::sync::Arc;

use lumos_core::nl::catalog::{Catalog, Column, ColumnKind, ColumnRef, ForeignKey, Table};
use lumos_core::nl::link::Vocabulary;
use lumos_core::sql::identifier;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::error::Result;
use crate::host::statement::HostStatement;
use crate::locks::{Lock, Rank, locked};

/// Most distinct texts that are kept of a column.
const VALUES: usize = 200_000;

/// A database as questions see it.
pub struct Known {
    /// Its tables and values.
    pub catalog: Catalog,
    /// Its words.
    pub vocabulary: Vocabulary,
    state: Vec<i64>,
    tables: Option<Vec<String>>,
}

/// What is known, if anything is.
pub struct Language(Lock<Option<Arc<Known>>>);

impl Language {
    /// Nothing yet.
    pub fn new() -> Language {
        Language(Lock::new(Rank::Moment, None))
    }

    /// The database as it is now, or these tables of it. Errors if it cannot be read.
    pub fn known(&self, connection: &Connection, tables: Option<&[String]>) -> Result<Arc<Known>> {
        let state = state(connection)?;
        let known = locked(&self.0).clone();
        if let Some(known) = known
            && known.state == state
            && known.tables.as_deref() == tables
        {
            return Ok(known);
        }
        let catalog = read(connection, tables)?;
        let known = Arc::new(Known {
            vocabulary: Vocabulary::new(&catalog),
            catalog,
            state,
            tables: tables.map(<[String]>::to_vec),
        });
        *locked(&self.0) = Some(Arc::clone(&known));
        Ok(known)
    }
}

/// Numbers that change with the schema or the rows.
fn state(connection: &Connection) -> Result<Vec<i64>> {
    let mut all = Vec::new();
    for sql in [
        "PRAGMA main.schema_version",
        "PRAGMA main.data_version",
        "SELECT total_changes()",
    ] {
        let mut statement = HostStatement::own(connection, sql)?;
        while statement.step()? {
            if let ValueRef::Integer(n) = statement.value(0) {
                all.push(n);
            }
        }
    }
    Ok(all)
}

fn rows(connection: &Connection, sql: &str, each: &mut dyn FnMut(&HostStatement)) -> Result<()> {
    let mut statement = HostStatement::own(connection, sql)?;
    while statement.step()? {
        each(&statement);
    }
    Ok(())
}

fn text(statement: &HostStatement, column: usize) -> String {
    match statement.value(column) {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

fn integer(statement: &HostStatement, column: usize) -> i64 {
    match statement.value(column) {
        ValueRef::Integer(n) => n,
        _ => 0,
    }
}

fn read(connection: &Connection, tables: Option<&[String]>) -> Result<Catalog> {
    let mut catalog = Catalog::default();
    // Shadow tables of virtual ones, and what Lumos keeps, are nothing to ask about.
    let list = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') \
                AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_lumos%' ESCAPE '\\' AND name NOT LIKE 'lumos\\_%' ESCAPE '\\' \
                ORDER BY name";
    let mut names = Vec::new();
    rows(connection, list, &mut |row| names.push(text(row, 0)))?;
    names.retain(|name| tables.is_none_or(|all| all.iter().any(|t| t.eq_ignore_ascii_case(name))));
    let mut declared: Vec<(usize, i64, String, String, String)> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let mut table = Table {
            name: name.clone(),
            ..Table::default()
        };
        let sql = format!("PRAGMA main.table_info({})", identifier(name));
        rows(connection, &sql, &mut |row| {
            if integer(row, 5) > 0 {
                table.primary_key.push(table.columns.len());
            }
            table.columns.push(Column {
                name: text(row, 1),
                kind: ColumnKind::declared(&text(row, 2)),
                ..Column::default()
            });
        })?;
        let sql = format!("PRAGMA main.foreign_key_list({})", identifier(name));
        rows(connection, &sql, &mut |row| {
            declared.push((
                place,
                integer(row, 0),
                text(row, 3),
                text(row, 2),
                text(row, 4),
            ));
        })?;
        catalog.tables.push(table);
    }
    keys(&mut catalog, declared);
    for table in 0..catalog.tables.len() {
        values(connection, &mut catalog, table)?;
    }
    catalog.values.finish();
    catalog.finish();
    Ok(catalog)
}

/// The declared keys, from rows of (table, number of the key, column, other table, its column).
fn keys(catalog: &mut Catalog, declared: Vec<(usize, i64, String, String, String)>) {
    let mut last = None;
    for (table, number, column, other, to) in declared {
        let Some(from) = catalog.column(table, &column) else {
            continue;
        };
        let Some(other) = catalog.table(&other) else {
            continue;
        };
        let key = catalog.tables[other].primary_key.first().copied();
        let to = match key {
            Some(key) if to.is_empty() => Some(ColumnRef {
                table: other,
                column: key,
            }),
            _ => catalog.column(other, &to),
        };
        let Some(to) = to else { continue };
        match catalog.keys.last_mut() {
            Some(key) if last == Some((table, number)) => key.columns.push((from, to)),
            _ => catalog.keys.push(ForeignKey {
                columns: vec![(from, to)],
                declared: true,
            }),
        }
        last = Some((table, number));
    }
}

/// The distinct short texts of a table's columns.
fn values(connection: &Connection, catalog: &mut Catalog, table: usize) -> Result<()> {
    let name = identifier(&catalog.tables[table].name);
    let mut count = 0;
    rows(
        connection,
        &format!("SELECT count(*) FROM main.{name}"),
        &mut |row| count = integer(row, 0),
    )?;
    catalog.tables[table].rows = u64::try_from(count).ok();
    for column in 0..catalog.tables[table].columns.len() {
        let c = &catalog.tables[table].columns[column];
        if c.kind == ColumnKind::Other {
            continue;
        }
        let quoted = identifier(&c.name);
        let sql = format!(
            "SELECT DISTINCT {quoted} FROM main.{name} WHERE typeof({quoted}) = 'text' AND length({quoted}) <= 80 LIMIT {VALUES}"
        );
        let mut distinct = 0;
        rows(connection, &sql, &mut |row| {
            if let ValueRef::Text(value) = row.value(0)
                && let Ok(value) = std::str::from_utf8(value)
            {
                distinct += 1;
                catalog.values.add(ColumnRef { table, column }, value);
            }
        })?;
        catalog.tables[table].columns[column].distinct = (distinct > 0).then_some(distinct);
    }
    Ok(())
}
