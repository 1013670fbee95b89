//! What the host's authorizer says of rows that do not come from its own statements.
//!
//! Whatever Lumos reads for a connection, this connection could have asked SQLite for. So it is asked: a statement
//! that names the same columns is prepared, and never run. Nothing is remembered of it, since an authorizer may be
//! set, taken away or change its mind between two calls.
//!
//! An authorizer can deny a column, which is an error as it is in SQLite, or have it ignored: SQLite then reads NULL.
//! The mirror cannot do that, nor may such NULLs get into it, so this is an error too. It shows in the name of the
//! result's column: that of a plain column is its name, that of any other expression its text.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use lumos_core::changelog::{Key, ROWID_COLUMN};
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{Connection as DuckDb, Read, Reads};
use rusqlite::{Connection, ffi};

use crate::error::{Error, Result, error};
use crate::layout::files;
use crate::mirror::{CATALOG, Mirror, locked};
use crate::sync::copy::{DATA, Mirrored};
use crate::sync::failures::{self, Failure};
use crate::sync::schema;
use crate::sync::{self, Value};

/// What the names of temporary tables begin with that have the rows of a table or view which is not tracked.
pub const ROWS_OF: &str = "rows of ";

/// Columns that one statement asks for; SQLite allows 2,000.
const AT_ONCE: usize = 1_000;

/// What is read of one table of SQLite: its columns, or only that there are rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    table: String,
    statements: Vec<Statement>,
}

/// A statement that names columns; none to ask for the table alone.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    sql: String,
    columns: Vec<String>,
    /// As the statement has them.
    terms: Vec<String>,
}

impl Statement {
    fn new(table: &str, columns: &[String]) -> Statement {
        let terms = columns.iter().map(|c| format!("t.{}", identifier(c)));
        let terms: Vec<String> = terms.collect();
        let list = match terms.is_empty() {
            true => "1".into(),
            false => terms.join(", "),
        };
        Statement {
            sql: format!("SELECT {list} FROM main.{} t", identifier(table)),
            columns: columns.to_vec(),
            terms,
        }
    }
}

impl Question {
    /// All these columns together, or the table alone if there are none.
    pub fn new(table: &str, columns: &[String]) -> Question {
        let parts: Vec<&[String]> = match columns {
            [] => vec![&[]],
            _ => columns.chunks(AT_ONCE).collect(),
        };
        Question {
            table: table.to_owned(),
            statements: parts.iter().map(|p| Statement::new(table, p)).collect(),
        }
    }

    /// Has these columns asked for by themselves, too.
    fn also(&mut self, columns: &[String]) {
        for statement in Question::new(&self.table, columns).statements {
            if !self.statements.contains(&statement) {
                self.statements.push(statement);
            }
        }
    }

    /// An error if this connection may not read it. Errors if the table has no such columns.
    pub fn ask(&self, host: &Connection) -> Result<()> {
        for statement in &self.statements {
            let ignored_one = statement.first_ignored(host).map_err(|e| self.named(e))?;
            if let Some(i) = ignored_one {
                return Err(ignored(&self.table, statement.columns.get(i)));
            }
        }
        Ok(())
    }

    /// SQLite does not name the table where none of its columns is asked for.
    fn named(&self, e: Error) -> Error {
        match is_refusal(&e) && !e.message.contains(&self.table) {
            true => Error {
                message: format!("{}: table \"{}\"", e.message, self.table),
                ..e
            },
            false => e,
        }
    }

    /// The same for a table that the mirror has, from before it was altered in the database perhaps.
    pub fn ask_of_mirror(&self, host: &Connection) -> Result<()> {
        self.ask(host).map_err(|e| match e.code & 0xff {
            ffi::SQLITE_ERROR => error(format!(
                "table \"{}\" is not in the database as the mirror has it, so that nobody can say whether it may be read: {}; \
                 SELECT lumos_sync() first",
                self.table, e.message
            )),
            _ => e,
        })
    }
}

/// The error for what an authorizer has SQLite ignore.
fn ignored(table: &str, column: Option<&String>) -> Error {
    let what = match column {
        Some(column) => format!("{table}.{column}"),
        None => table.to_owned(),
    };
    Error {
        code: ffi::SQLITE_AUTH,
        ..error(format!(
            "access to {what} is ignored by the authorizer of this connection, which makes NULL of it in SQLite; \
             the mirror cannot: leave it out, or ask SQLite itself"
        ))
    }
}

impl Statement {
    /// The first of the terms that is ignored, if one is.
    fn first_ignored(&self, host: &Connection) -> Result<Option<usize>> {
        let statement = host.prepare(&self.sql)?;
        // Where SELECT itself is ignored there is no column, and no row.
        if statement.column_count() < self.terms.len().max(1) {
            return Ok(Some(0));
        }
        for (i, term) in self.terms.iter().enumerate() {
            if statement.column_name(i)? == term {
                return match shows_names(host)? {
                    true => Ok(Some(i)),
                    false => self.first_null(host),
                };
            }
        }
        Ok(None)
    }

    /// The same where columns have no names of their own: by the program that SQLite made of it.
    fn first_null(&self, host: &Connection) -> Result<Option<usize>> {
        let mut statement = host.prepare(&format!("EXPLAIN {}", self.sql))?;
        let steps = statement.query_map([], |row| {
            Ok((
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, i64>(4)?,
            ))
        })?;
        let steps = steps.collect::<rusqlite::Result<Vec<_>>>()?;
        let row = steps.iter().find(|(step, ..)| step == "ResultRow");
        let Some((_, first, ..)) = row else {
            return Ok(Some(0));
        };
        let is_null = |register: i64| {
            steps.iter().any(|(step, _, from, to)| {
                step == "Null" && (*from..=*to.max(from)).contains(&register)
            })
        };
        Ok((0..self.terms.len()).find(|i| is_null(first + *i as i64)))
    }
}

/// False if the connection has columns named by their text, by `PRAGMA short_column_names`.
fn shows_names(host: &Connection) -> Result<bool> {
    const TERM: &str = "x.\"y\"";
    // No authorizer is asked for the columns of a subquery.
    let statement = host.prepare(&format!("SELECT {TERM} FROM (SELECT 1 AS y) x"))?;
    Ok(statement.column_count() == 0 || statement.column_name(0)? != TERM)
}

/// For each of these columns, whether this connection may read it.
pub fn readable(host: &Connection, table: &str, columns: &[String]) -> Result<Vec<bool>> {
    let is_refused = |asked: Result<()>| match asked {
        Ok(()) => Ok(false),
        Err(e) if is_refusal(&e) => Ok(true),
        Err(e) => Err(e),
    };
    if !is_refused(Question::new(table, columns).ask(host))? {
        return Ok(vec![true; columns.len()]);
    }
    let one = |c| is_refused(Question::new(table, std::slice::from_ref(c)).ask(host));
    columns.iter().map(|c| Ok(!one(c)?)).collect()
}

/// True for an error that an authorizer made: it is this connection's, and says nothing of what is read.
pub fn is_refusal(e: &Error) -> bool {
    e.code & 0xff == ffi::SQLITE_AUTH
}

/// The names of the mirrored tables in SQLite, as long as the mirror has the same tables.
#[derive(Default)]
pub struct Names(Mutex<Option<(u64, Arc<Tables>)>>);

/// By the name in the mirror, in lower case.
type Tables = HashMap<String, Name>;

struct Name {
    /// In SQLite.
    table: String,
    /// What SQLite calls the rowid that the mirror has beside the columns.
    rowid: &'static str,
}

impl Name {
    fn same(name: &str) -> Name {
        Name {
            table: name.to_owned(),
            rowid: "rowid",
        }
    }
}

fn tables(host: &Connection, mirror: &Mirror) -> Result<Arc<Tables>> {
    let generation = mirror.generation();
    if let Some((of, tables)) = &*locked(&mirror.names.0)
        && *of == generation
    {
        return Ok(Arc::clone(tables));
    }
    let duckdb = mirror.connection()?;
    let mirrored = sync::rows(&duckdb, "SELECT id, name FROM _lumos.tables")?;
    mirror.give_back(duckdb);
    let tracked = match schema::tracked_tables(host) {
        Ok(tracked) => tracked,
        // Then those that have another name there cannot be found, which is an error.
        Err(e) if is_refusal(&e) => Vec::new(),
        Err(e) => return Err(e),
    };
    let complete = !tracked.is_empty();
    let tables: Tables = mirrored
        .iter()
        .filter_map(|row| match row.as_slice() {
            [Value::Integer(id), Value::Text(name)] => {
                let own = tracked.iter().find(|t| t.id == *id).map(|t| Name {
                    table: t.name.clone(),
                    rowid: match t.key {
                        Key::Rowid(rowid) => rowid,
                        Key::Columns(_) => "rowid",
                    },
                });
                Some((name.to_lowercase(), own.unwrap_or_else(|| Name::same(name))))
            }
            _ => None,
        })
        .collect();
    let tables = Arc::new(tables);
    if complete {
        *locked(&mirror.names.0) = Some((generation, Arc::clone(&tables)));
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
            ("", _) => match files::table_of(mirror, &read.name)? {
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
    let same = Name::same(name);
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
    Ok(columns.question(name, |c| match empty.contains(c) {
        true => String::new(),
        false => c.clone(),
    }))
}

/// Every column of every mirrored table.
fn add_all(
    mirror: &Mirror,
    tables: &Tables,
    mirrored: &mut BTreeMap<String, Columns>,
) -> Result<()> {
    let duckdb = mirror.connection()?;
    let columns = sync::rows(
        &duckdb,
        &format!(
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

/// An error if this connection has parts of the changelog or the schema ignored. What they say decides which rows the
/// mirror has. What is denied is an error where it is read.
pub fn check_changelog(host: &Connection) -> Result<()> {
    const READ: [(&str, &[&str]); 4] = [
        (
            "sqlite_schema",
            &["type", "name", "tbl_name", "rootpage", "sql"],
        ),
        ("_lumos_meta", &["source"]),
        ("_lumos_log", &["seq", "tbl", "op", "mark"]),
        ("_lumos_tables", &["id", "name", "key", "schema", "options"]),
    ];
    for (table, columns) in READ {
        let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).collect();
        if let Ok(Some(i)) = Statement::new(table, &columns).first_ignored(host) {
            return Err(ignored(table, columns.get(i)));
        }
    }
    Ok(())
}

/// An error unless this connection may read the keys in the changelog, of so many columns.
pub fn check_keys(host: &Connection, width: usize) -> Result<()> {
    let keys: Vec<String> = (1..=width).map(|i| format!("k{i}")).collect();
    Question::new("_lumos_log", &keys).ask(host)
}

/// What this connection may hear of a table's failure, whose error may quote a value and a key.
pub fn message(host: &Connection, failure: &Failure) -> String {
    let Some(unfit) = &failure.unfit else {
        return failure.message.clone();
    };
    let asked = || {
        let tracked = schema::tracked_tables(host)?;
        let Some(table) = tracked.iter().find(|t| t.id == failure.id) else {
            return Ok(());
        };
        let mut columns = vec![unfit.column.clone()];
        if let Key::Columns(key) = &table.key {
            columns.extend(key.iter().cloned());
        }
        Question::new(&table.name, &columns).ask(host)
    };
    match asked() {
        Err(e) if is_refusal(&e) => format!(
            "table \"{}\", column \"{}\": a value does not fit the type {}; {}",
            failure.name,
            unfit.column,
            unfit.ty.name(),
            e.message
        ),
        _ => failure.message.clone(),
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
            message: message(host, failure),
            ..e
        },
        None => e,
    }
}

/// An error unless this connection may read all that the mirror has of a table.
pub fn check_table(host: &Connection, table: &Mirrored) -> Result<()> {
    table.question().ask(host)
}
