//! What a statement of DuckDB reads, asked of the host's authorizer before it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lumos_core::changelog::{Key, ROWID_COLUMN};
use lumos_core::sql::literal;
use lumos_duckdb::engine::{Connection as DuckDb, Read, Reads, Value};
use rusqlite::{Connection, ffi};

use crate::access::{self, Question};
use crate::error::{Error, Result};
use crate::mirror::names::{CATALOG, DATA, ROWS_OF};
use crate::mirror::source_names::{SourceName, Tables};
use crate::mirror::{Mirror, cold_files};
use crate::sync::{failures, schema};

fn tables(host: &Connection, mirror: &Mirror) -> Result<Arc<Tables>> {
    let generation = mirror.generation();
    if let Some(tables) = mirror.names.get(generation) {
        return Ok(tables);
    }
    let duckdb = mirror.connection()?;
    let mirrored = duckdb.rows("SELECT id, name FROM _lumos.tables")?;
    mirror.give_back(duckdb);
    let tracked = match schema::tracked_tables(host) {
        Ok(tracked) => tracked,
        // Then those that have another name there cannot be found, which is an error.
        Err(e) if access::is_refusal(&e) => Vec::new(),
        Err(e) => return Err(e),
    };
    let complete = !tracked.is_empty();
    let tables: Tables = mirrored
        .iter()
        .filter_map(|row| match row.as_slice() {
            [Value::Integer(id), Value::Text(name)] => {
                let own = tracked.iter().find(|t| t.id == *id).map(|t| SourceName {
                    table: t.name.clone(),
                    rowid: match t.key {
                        Key::Rowid(rowid) => rowid,
                        Key::Columns(_) => "rowid",
                    },
                });
                Some((
                    name.to_lowercase(),
                    own.unwrap_or_else(|| SourceName::same(name)),
                ))
            }
            _ => None,
        })
        .collect();
    let tables = Arc::new(tables);
    if complete {
        mirror.names.keep(generation, &tables);
    }
    Ok(tables)
}

/// What a statement reads of tables of SQLite.
#[derive(Default)]
pub struct Asked {
    /// By the tables' names in the mirror, in lower case.
    questions: BTreeMap<String, Question>,
    /// The same data in these mirrored tables give the same result.
    pub steady: bool,
}

impl Asked {
    /// The names in the mirror of the mirrored tables, in lower case.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.questions.keys().map(String::as_str)
    }

    /// The questions with the names of their tables in the mirror, if nothing else makes the result.
    pub fn kept(self) -> Option<Vec<(String, Question)>> {
        self.steady.then(|| self.questions.into_iter().collect())
    }
}

/// The columns that a statement names of a table, and those that each of its scans needs.
#[derive(Default)]
struct Columns {
    names: BTreeSet<String>,
    needed: BTreeSet<Vec<String>>,
}

impl Columns {
    fn add(&mut self, read: &Read) {
        self.names.extend(read.columns.iter().cloned());
        // SQLite asks for the table by itself where it needs no column of it.
        let needed = read.columns.iter().take(read.needed);
        self.needed.insert(needed.cloned().collect());
    }

    fn question(&self, table: &str, column: impl Fn(&String) -> String) -> Question {
        let named: Vec<String> = self.names.iter().map(&column).collect();
        let mut question = Question::new(table, &named);
        for needed in &self.needed {
            let needed: BTreeSet<&String> = needed.iter().collect();
            let needed: Vec<String> = needed.into_iter().map(&column).collect();
            question.also(&needed);
        }
        question
    }
}

/// An error if this connection may not read what a statement reads. `rows`: only whether there are rows matters, as
/// where columns are described.
pub fn check(host: &Connection, mirror: &Mirror, reads: Reads, rows: bool) -> Result<Asked> {
    let mut asked = Asked {
        questions: BTreeMap::new(),
        steady: reads.steady && !reads.opaque,
    };
    let mut mirrored: BTreeMap<String, Columns> = BTreeMap::new();
    let mut untracked: BTreeMap<String, Columns> = BTreeMap::new();
    let mut all = reads.opaque;
    for mut read in reads.reads {
        if rows {
            (read.columns, read.needed) = (Vec::new(), 0);
        }
        match (read.catalog.as_str(), read.schema.as_str()) {
            (CATALOG, DATA) => mirrored
                .entry(read.name.to_lowercase())
                .or_default()
                .add(&read),
            // What Lumos notes of all tables, values among them.
            (CATALOG, schema) if schema.starts_with("_lumos") => {
                (asked.steady, all) = (false, true);
            }
            ("temp", _) if read.name.starts_with(ROWS_OF) => {
                asked.steady = false;
                let name = read.name[ROWS_OF.len()..].to_owned();
                untracked.entry(name).or_default().add(&read);
            }
            // A file: one of an open database is refused as it is bound.
            ("", _) => match cold_files::table_of(mirror, &read.name)? {
                Some(table) => mirrored.entry(table.to_lowercase()).or_default().add(&read),
                None => asked.steady = false,
            },
            _ => asked.steady = false,
        }
    }
    for (name, columns) in untracked {
        let question = of_untracked(host, &name, &columns)?;
        question.ask(host)?;
    }
    if mirrored.is_empty() && !all {
        asked.steady = false;
        return Ok(asked);
    }
    let tables = tables(host, mirror)?;
    if all {
        add_all(mirror, &tables, &mut mirrored)?;
    }
    for (name, columns) in mirrored {
        let question = of_mirrored(&name, &columns, &tables);
        question.ask_of_mirror(host)?;
        asked.questions.insert(name, question);
    }
    Ok(asked)
}

fn of_mirrored(name: &str, columns: &Columns, tables: &Tables) -> Question {
    let same = SourceName::same(name);
    let source = tables.get(name).unwrap_or(&same);
    columns.question(&source.table, |c| match c.as_str() {
        ROWID_COLUMN => source.rowid.to_owned(),
        column => column.to_owned(),
    })
}

/// DuckDB has no empty names: such a column has its number there.
fn of_untracked(host: &Connection, name: &str, columns: &Columns) -> Result<Question> {
    let definition = schema::read_table(host, name)?;
    let empty: Vec<String> = (definition.columns.iter().enumerate())
        .filter(|(_, c)| c.name.is_empty())
        .map(|(i, _)| format!("c{i}"))
        .collect();
    Ok(columns.question(name, |c| {
        if empty.contains(c) {
            String::new()
        } else {
            c.clone()
        }
    }))
}

/// Every column of every mirrored table.
fn add_all(
    mirror: &Mirror,
    tables: &Tables,
    mirrored: &mut BTreeMap<String, Columns>,
) -> Result<()> {
    let duckdb = mirror.connection()?;
    let columns = duckdb.rows(&format!(
            "SELECT lower(table_name), column_name FROM duckdb_columns() WHERE database_name = {} AND schema_name = {}",
            literal(CATALOG),
            literal(DATA)
        ),
    )?;
    mirror.give_back(duckdb);
    for row in columns {
        if let [Value::Text(table), Value::Text(column)] = row.as_slice()
            && tables.contains_key(table)
        {
            mirrored
                .entry(table.clone())
                .or_default()
                .names
                .insert(column.clone());
        }
    }
    Ok(())
}

/// Runs `body`, in which this connection of DuckDB prepares a statement for the host; see [`check`].
pub fn watched<T>(
    host: &Connection,
    mirror: &Mirror,
    duckdb: &DuckDb,
    rows: bool,
    body: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let mut refused = None;
    let done = duckdb.watch(
        |reads| match check(host, mirror, reads, rows) {
            Ok(_) => true,
            Err(e) => {
                refused = Some(e);
                false
            }
        },
        body,
    );
    match refused {
        Some(e) => Err(e),
        None => done,
    }
}

/// The error of a query as this connection may hear it: the view in the place of a table that failed raises all of it.
pub fn heard(host: &Connection, mirror: &Mirror, e: Error) -> Error {
    if e.code != ffi::SQLITE_ERROR || !e.message.starts_with("table") {
        return e;
    }
    let failures = || {
        let duckdb = mirror.connection()?;
        let failures = failures::read(&duckdb)?;
        mirror.give_back(duckdb);
        Ok::<_, Error>(failures)
    };
    let failures = failures().unwrap_or_default();
    match failures.iter().find(|f| f.message == e.message) {
        Some(failure) => Error {
            message: failures::message(host, failure),
            ..e
        },
        None => e,
    }
}
