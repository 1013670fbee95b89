//! What a connection knows of its database for questions: read when one is asked, and again after a change.

use std::sync::Arc;

use lumos_core::nl::catalog::{Catalog, Column, ColumnKind, ColumnRef, ForeignKey, Table, iso};
use lumos_core::nl::link::Vocabulary;
use lumos_core::sql::identifier;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ffi};

use crate::access;
use crate::error::Result;
use crate::host::statement::HostStatement;
use crate::locks::{Lock, Rank, locked};

/// Most distinct texts that are kept of a column.
const VALUES: usize = 200_000;

/// A database as questions see it.
pub struct Known {
    /// Its tables and values: what this connection may read.
    pub catalog: Catalog,
    /// Its words.
    pub vocabulary: Vocabulary,
    state: Vec<i64>,
    /// The tables that were asked for.
    chosen: Option<Vec<String>>,
    tables: Vec<Readable>,
}

/// A table or view with all of its columns, and which of them this connection may read.
struct Readable {
    name: String,
    columns: Vec<String>,
    may: Vec<bool>,
}

impl Readable {
    /// What the authorizer says now. A view that SQLite cannot read, or the table of a module that is not loaded, is
    /// nothing to ask about.
    fn may(connection: &Connection, name: &str, columns: &[String]) -> Result<Vec<bool>> {
        access::readable(connection, name, columns).or_else(|e| match e.code & 0xff {
            ffi::SQLITE_ERROR => Ok(vec![false; columns.len()]),
            _ => Err(e),
        })
    }

    fn is_as_it_was(&self, connection: &Connection) -> Result<bool> {
        Ok(self.may == Self::may(connection, &self.name, &self.columns)?)
    }
}

/// What is known, if anything is.
pub struct Language(Lock<Option<Arc<Known>>>);

impl Language {
    /// Nothing yet.
    pub fn new() -> Language {
        Language(Lock::new(Rank::Moment, None))
    }

    /// The database as it is now, or these tables of it. An authorizer is asked at each call, since it may be set or
    /// change its mind between two. Errors if the database cannot be read.
    pub fn known(&self, connection: &Connection, chosen: Option<&[String]>) -> Result<Arc<Known>> {
        let state = state(connection)?;
        let known = locked(&self.0).clone();
        if let Some(known) = known
            && known.state == state
            && known.chosen.as_deref() == chosen
        {
            let mut same = true;
            for table in &known.tables {
                same = same && table.is_as_it_was(connection)?;
            }
            if same {
                return Ok(known);
            }
        }
        let (catalog, tables) = read(connection, chosen)?;
        let known = Arc::new(Known {
            vocabulary: Vocabulary::new(&catalog),
            catalog,
            state,
            chosen: chosen.map(<[String]>::to_vec),
            tables,
        });
        // What is read within a transaction may be undone, and the same numbers come again for another schema.
        if connection.is_autocommit() {
            *locked(&self.0) = Some(Arc::clone(&known));
        }
        Ok(known)
    }
}

/// Numbers that change with the schema or the rows.
fn state(connection: &Connection) -> Result<Vec<i64>> {
    let mut all = Vec::new();
    for sql in [
        "PRAGMA main.schema_version",
        "PRAGMA temp.schema_version",
        "PRAGMA main.data_version",
        "SELECT total_changes()",
    ] {
        rows(connection, sql, &mut |row| all.push(integer(row, 0)))?;
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

fn read(connection: &Connection, chosen: Option<&[String]>) -> Result<(Catalog, Vec<Readable>)> {
    let mut catalog = Catalog::default();
    // Shadow tables of virtual ones, and what Lumos keeps, are nothing to ask about; the name of a temporary table means
    // that one in every statement.
    let list = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') \
                AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_lumos%' ESCAPE '\\' AND name NOT LIKE 'lumos\\_%' ESCAPE '\\' \
                AND NOT EXISTS (SELECT 1 FROM temp.sqlite_schema h WHERE h.type IN ('table', 'view') AND h.name = pragma_table_list.name COLLATE NOCASE) \
                ORDER BY name";
    let mut names = Vec::new();
    rows(connection, list, &mut |row| names.push(text(row, 0)))?;
    names.retain(|name| chosen.is_none_or(|all| all.iter().any(|t| t.eq_ignore_ascii_case(name))));
    let mut declared: Vec<(usize, i64, String, String, String)> = Vec::new();
    let mut tables = Vec::new();
    for name in names {
        // Name, declared type, and whether it is in the primary key.
        let mut columns: Vec<(String, String, bool)> = Vec::new();
        let sql = format!("PRAGMA main.table_xinfo({})", identifier(&name));
        let named = rows(connection, &sql, &mut |row| {
            const HIDDEN: i64 = 1;
            if integer(row, 6) != HIDDEN {
                columns.push((text(row, 1), text(row, 2), integer(row, 5) > 0));
            }
        });
        if !readable(named)? {
            continue;
        }
        let all: Vec<String> = columns.iter().map(|(name, ..)| name.clone()).collect();
        let may = Readable::may(connection, &name, &all)?;
        let mut table = Table {
            name: name.clone(),
            ..Table::default()
        };
        for ((name, declared, is_key), _) in columns.into_iter().zip(&may).filter(|(_, may)| **may)
        {
            if is_key {
                table.primary_key.push(table.columns.len());
            }
            table.columns.push(Column {
                name,
                kind: ColumnKind::declared(&declared),
                ..Column::default()
            });
        }
        if !table.columns.is_empty() {
            let place = catalog.tables.len();
            let sql = format!("PRAGMA main.foreign_key_list({})", identifier(&name));
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
        tables.push(Readable {
            name,
            columns: all,
            may,
        });
    }
    keys(&mut catalog, declared);
    for table in 0..catalog.tables.len() {
        values(connection, &mut catalog, table)?;
    }
    catalog.values.finish();
    catalog.finish();
    Ok((catalog, tables))
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

/// False for what cannot be read: a view that fails, or what an authorizer denies. Errors for
/// any other reason.
fn readable(read: Result<()>) -> Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.code & 0xff, ffi::SQLITE_ERROR | ffi::SQLITE_AUTH) => Ok(false),
        Err(e) => Err(e),
    }
}

/// The distinct short texts of a table's columns.
fn values(connection: &Connection, catalog: &mut Catalog, table: usize) -> Result<()> {
    let name = identifier(&catalog.tables[table].name);
    let mut count = 0;
    let sql = format!("SELECT count(*) FROM main.{name}");
    let counted = rows(connection, &sql, &mut |row| count = integer(row, 0));
    if readable(counted)? {
        catalog.tables[table].rows = u64::try_from(count).ok();
    }
    for column in 0..catalog.tables[table].columns.len() {
        if catalog.values.is_full() {
            break;
        }
        let c = &catalog.tables[table].columns[column];
        if c.kind == ColumnKind::Other {
            continue;
        }
        let quoted = identifier(&c.name);
        let sql = format!(
            "SELECT DISTINCT {quoted} FROM main.{name} WHERE typeof({quoted}) = 'text' AND length({quoted}) <= 80 LIMIT {VALUES}"
        );
        let mut distinct = 0;
        // The least and the greatest, as long as all are times.
        let mut times: Option<(String, String)> = None;
        let mut only_times = true;
        let read = rows(connection, &sql, &mut |row| {
            if let ValueRef::Text(value) = row.value(0)
                && let Ok(value) = std::str::from_utf8(value)
            {
                distinct += 1;
                only_times = only_times && iso(value).is_some();
                if only_times {
                    let (least, greatest) =
                        times.get_or_insert_with(|| (value.to_owned(), value.to_owned()));
                    if value < least.as_str() {
                        value.clone_into(least);
                    } else if value > greatest.as_str() {
                        value.clone_into(greatest);
                    }
                }
                catalog.values.add(ColumnRef { table, column }, value);
            }
        });
        readable(read)?;
        if only_times && distinct == VALUES as u64 {
            let sql = format!(
                "SELECT min({quoted}), max({quoted}) FROM main.{name} WHERE typeof({quoted}) = 'text'"
            );
            let read = rows(connection, &sql, &mut |row| {
                times = Some((text(row, 0), text(row, 1)));
            });
            readable(read)?;
        }
        let c = &mut catalog.tables[table].columns[column];
        c.distinct = (distinct > 0).then_some(distinct);
        c.range = times.filter(|_| only_times);
    }
    Ok(())
}
