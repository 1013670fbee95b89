//! What the host's authorizer says of rows that do not come from its own statements.
//!
//! Whatever Lumos reads for a connection, this connection could have asked SQLite for. So it is asked: a statement
//! that names the same columns is prepared, and never run. Nothing is remembered of it, since an authorizer may be
//! set, taken away or change its mind between two calls.
//!
//! An authorizer can deny a column, which is an error as it is in SQLite, or have it ignored: SQLite then reads NULL.
//! The mirror cannot do that, nor may such NULLs get into it, so this is an error too. It shows in the name of the
//! result's column: that of a plain column is its name, that of any other expression its text.

use lumos_core::sql::identifier;
use rusqlite::{Connection, ffi};

use crate::error::{Error, Result, error};

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
        let list = if terms.is_empty() {
            "1".into()
        } else {
            terms.join(", ")
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
    pub fn also(&mut self, columns: &[String]) {
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
        if is_refusal(&e) && !e.message.contains(&self.table) {
            Error {
                message: format!("{}: table \"{}\"", e.message, self.table),
                ..e
            }
        } else {
            e
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
                return if shows_names(host)? {
                    Ok(Some(i))
                } else {
                    self.first_null(host)
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
