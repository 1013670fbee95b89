//! What a connection knows of its database for questions: read when one is asked, and again after a change.

use std::cell::RefCell;
use std::sync::Arc;

use lumos_core::gate::policy::Policy;
use lumos_core::nl::catalog::{Catalog, Column, ColumnKind, ColumnRef, Declared, Table, iso};
use lumos_core::nl::link::Vocabulary;
use lumos_core::nl::taught::{self, Listed, Taught};
use lumos_core::sql::identifier;
use lumos_core::sql::lexer::Dialect;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ffi};

use crate::access;
use crate::error::Result;
use crate::gate;
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
    /// What may be asked about.
    policy: Policy,
    tables: Vec<Readable>,
    /// What became of what people have taught.
    pub listed: Vec<Listed>,
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

/// What is known, if anything is, and by which a change is seen.
pub struct Language(Lock<Option<(Vec<i64>, Arc<Known>)>>);

impl Language {
    /// Nothing yet.
    pub fn new() -> Language {
        Language(Lock::new(Rank::Moment, None))
    }

    /// The database as it is now, as far as it may be asked about. An authorizer is asked at each call, since it may be set or
    /// change its mind between two. Errors if the database cannot be read.
    pub fn known(&self, connection: &Connection, policy: &Policy) -> Result<Arc<Known>> {
        let state = state(connection)?;
        let known = locked(&self.0).clone();
        if let Some((then, known)) = known
            && then == state
            && known.policy == *policy
        {
            let mut same = true;
            for table in &known.tables {
                same = same && table.is_as_it_was(connection)?;
            }
            if same {
                return Ok(known);
            }
        }
        let (catalog, tables, listed) = read(connection, policy)?;
        let known = Arc::new(Known {
            vocabulary: Vocabulary::new(&catalog),
            catalog,
            policy: policy.clone(),
            tables,
            listed,
        });
        // What is read within a transaction may be undone, and the same numbers come again for another schema.
        if connection.is_autocommit() {
            *locked(&self.0) = Some((state, Arc::clone(&known)));
        }
        Ok(known)
    }

    /// Runs what writes rows that no question is about, without that being a change. It returns how many it has written.
    pub fn beside(
        &self,
        connection: &Connection,
        write: impl FnOnce() -> Result<usize>,
    ) -> Result<()> {
        let before = state(connection)?;
        let written = write()? as i64;
        let after = state(connection)?;
        let only_these = before
            .iter()
            .zip(&after)
            .enumerate()
            .all(|(i, (before, after))| after - before == if i == CHANGES { written } else { 0 });
        if let Some((then, _)) = &mut *locked(&self.0)
            && *then == before
            && only_these
        {
            *then = after;
        }
        Ok(())
    }
}

/// Where [`state`] has the number of rows that this connection has written.
const CHANGES: usize = 3;

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

/// What people have taught; nothing where the table is not there or has another form, or the authorizer denies it.
fn taught_rows(connection: &Connection) -> Result<Vec<Taught>> {
    let sql = format!(
        "SELECT kind, word, meaning, good, bad FROM main.{} ORDER BY kind, word, meaning LIMIT {}",
        taught::TABLE,
        taught::MOST
    );
    let mut all = Vec::new();
    let read = rows(connection, &sql, &mut |row| {
        all.push(Taught {
            kind: text(row, 0),
            word: text(row, 1),
            meaning: text(row, 2),
            good: integer(row, 3),
            bad: integer(row, 4),
        });
    });
    readable(read)?;
    Ok(all)
}

fn read(connection: &Connection, policy: &Policy) -> Result<(Catalog, Vec<Readable>, Vec<Listed>)> {
    let mut catalog = Catalog::default();
    // Shadow tables of virtual ones, and what Lumos keeps, are nothing to ask about; the name of a temporary table means
    // that one in every statement.
    let list = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') \
                AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_lumos%' ESCAPE '\\' AND name NOT LIKE 'lumos\\_%' ESCAPE '\\' \
                AND NOT EXISTS (SELECT 1 FROM temp.sqlite_schema h WHERE h.type IN ('table', 'view') AND h.name = pragma_table_list.name COLLATE NOCASE) \
                ORDER BY name";
    let mut names = Vec::new();
    rows(connection, list, &mut |row| names.push(text(row, 0)))?;
    names.retain(|name| policy.allows_table(name));
    let mut declared = Vec::new();
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
        for ((name, declared, is_key), may) in columns.into_iter().zip(&may) {
            if !may || !policy.allows_column(&table.name, &name) {
                continue;
            }
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
            let sql = format!("PRAGMA main.foreign_key_list({})", identifier(&name));
            rows(connection, &sql, &mut |row| {
                declared.push(Declared {
                    table: name.clone(),
                    number: integer(row, 0),
                    position: integer(row, 1),
                    column: text(row, 3),
                    other: text(row, 2),
                    to: text(row, 4),
                });
            })?;
            catalog.tables.push(table);
        }
        tables.push(Readable {
            name,
            columns: all,
            may,
        });
    }
    catalog.declare(declared);
    for table in 0..catalog.tables.len() {
        values(connection, &mut catalog, table)?;
    }
    catalog.values.finish();
    catalog.finish();
    let rows = taught_rows(connection)?;
    let failure = RefCell::new(None);
    let passes = |sql: &str| match gate::check(connection, sql, &policy.without_tables()) {
        Ok(verdict) => verdict.sql.is_ok(),
        Err(e) => {
            failure.replace(Some(e));
            false
        }
    };
    let listed = taught::apply(&mut catalog, &rows, Dialect::Sqlite, &passes);
    if let Some(e) = failure.into_inner() {
        return Err(e);
    }
    Ok((catalog, tables, listed))
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
