//! The gate in SQLite, see [`lumos_core::gate`]: the host's SQLite prepares a text on a connection of our own, over an empty
//! copy of the tables that the text may mean, and its authorizer tells what the text reads. Nothing of it runs.
//!
//! The host's connection keeps its authorizer, its progress handler and its limits.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::sync::Arc;

use lumos_core::gate::policy::Policy;
use lumos_core::gate::{self, Reads, Verdict};
use lumos_core::sql::identifier;
use lumos_core::sql::lexer::{Dialect, tokens};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, ffi};

use crate::error::{Error, Result};
use crate::host::statement::HostStatement;
use crate::host::stop_with;
use crate::locks::{Lock, Rank, locked};

/// What the connection of our own takes of a text. A text that needs more would keep the host busy by being prepared.
const LIMITS: [(c_int, c_int); 6] = [
    (ffi::SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (ffi::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (ffi::SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (ffi::SQLITE_LIMIT_VDBE_OP, 100_000),
    (ffi::SQLITE_LIMIT_ATTACHED, 0),
    (ffi::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
];

/// What the authorizer has heard.
#[derive(Default)]
struct Heard {
    /// Table, column and database of each read.
    reads: Vec<(String, String, String)>,
    functions: Vec<String>,
    /// True once something was asked for that is no reading.
    writes: bool,
    /// True while the copy of the schema is made.
    defines: bool,
}

/// What the gate says of a text that is to run on the host's connection. Errors if the schema cannot be read, or the host is
/// interrupted.
pub fn check(host: &Connection, sql: &str, policy: &Policy) -> Result<Verdict> {
    let text = match gate::text::normalized(sql, Dialect::Sqlite) {
        Ok(text) => text,
        Err(reason) => return Ok(Verdict::refused(reason)),
    };
    let mut own = Connection::open_in_memory()?;
    let tables = Tables::of(host)?;
    let heard = listen(&mut own, host)?;
    locked(&heard).defines = true;
    tables.copy(host, &own, &text)?;
    *locked(&heard) = Heard::default();
    // SAFETY: the connection is open until the end of this function, and the statement is dropped before.
    let prepared = unsafe { HostStatement::prepare(own.handle(), &text) };
    let heard = std::mem::take(&mut *locked(&heard));
    let reads = match tables.reads(&heard) {
        Ok(reads) => reads,
        Err(reason) => return Ok(Verdict::refused(reason)),
    };
    let refused = |reason: String, reads| {
        Ok(Verdict {
            sql: Err(reason),
            reads,
        })
    };
    match prepared {
        _ if heard.writes => refused("it is no SELECT".into(), reads),
        Err(e) if is_interrupt(&e) => Err(e),
        Err(e) => refused(reason(&text, e.message), reads),
        Ok(statement) if statement.params() > 0 => {
            refused("it has parameters; write values".into(), reads)
        }
        Ok(_) if let Some(reason) = text_in_double_quotes(&own, &text) => refused(reason, reads),
        Ok(_) => {
            let mut reads = reads;
            own.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
            for (table, column) in read_by_program(&own, &text)? {
                reads.tables.insert(table.clone());
                reads.columns.extend(column.map(|column| (table, column)));
            }
            Ok(gate::judge(&text, reads, policy, Dialect::Sqlite))
        }
    }
}

/// The reason for a text with something in double quotes that nothing is called: SQLite would take it as a text.
fn text_in_double_quotes(own: &Connection, text: &str) -> Option<String> {
    let strict = gate::text::with_names_in_backticks(text)?;
    // SAFETY: the connection is open while it is borrowed, and the statement is dropped here.
    let prepared = unsafe { HostStatement::prepare(own.handle(), &strict) };
    let said = prepared.err()?.message;
    Some(format!(
        "{said}; a name stands in double quotes, a text in single quotes"
    ))
}

/// The reason for a text that is not prepared: `said` is what SQLite says, or what [`HostStatement::prepare`] does of a
/// statement that is no SELECT, or not the only one.
fn reason(text: &str, said: String) -> String {
    let semicolon = lumos_core::sql::lexer::Kind::Sign(';');
    let tokens = tokens(text, Dialect::Sqlite);
    let several = tokens
        .iter()
        .filter(|token| token.kind == semicolon)
        .count()
        + 1;
    if several > 1 {
        format!("it is {several} statements; give one")
    } else if said.starts_with("takes one SELECT") {
        "it is no SELECT".into()
    } else {
        said
    }
}

/// The tables and columns that the program of a statement reads. The authorizer does not hear of the columns that USING and
/// NATURAL compare, nor of a table of which no other column is read.
fn read_by_program(own: &Connection, text: &str) -> Result<Vec<(String, Option<String>)>> {
    let sql = "SELECT s.rootpage, s.name FROM sqlite_schema s WHERE s.type = 'table'";
    let mut tables = own.prepare(sql)?;
    let tables = tables.query_map([], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    })?;
    let tables = tables.collect::<rusqlite::Result<BTreeMap<i64, String>>>()?;
    let mut program = own.prepare(&format!("EXPLAIN {text}"))?;
    let mut steps = program.query([])?;
    let mut cursors: BTreeMap<i64, &String> = BTreeMap::new();
    let mut read = BTreeSet::new();
    while let Some(step) = steps.next()? {
        let (step, cursor, second) = (
            step.get::<_, String>(1)?,
            step.get(2)?,
            step.get::<_, i64>(3)?,
        );
        match step.as_str() {
            "OpenRead" => {
                if let Some(table) = tables.get(&second) {
                    cursors.insert(cursor, table);
                    read.insert((table.clone(), None));
                }
            }
            "Column" => {
                if let Some(table) = cursors.get(&cursor) {
                    read.insert(((*table).clone(), usize::try_from(second).ok()));
                }
            }
            _ => {}
        }
    }
    let mut named = Vec::new();
    for (table, column) in read {
        let columns = own.prepare(&format!("SELECT * FROM {}", identifier(&table)))?;
        let column = column
            .map(|number| columns.column_name(number).map(str::to_owned))
            .transpose()?;
        named.push((table, column));
    }
    Ok(named)
}

/// Bounds what the connection takes, and has its authorizer told what a statement asks for.
fn listen(own: &mut Connection, host: &Connection) -> Result<Arc<Lock<Heard>>> {
    // SAFETY: an open connection of ours. Without modules nothing but tables can stand in FROM; those that are kept read their
    // arguments only.
    unsafe {
        for (limit, most) in LIMITS {
            ffi::sqlite3_limit(own.handle(), limit, most);
        }
        let mut keep = [
            c"json_each".as_ptr(),
            c"json_tree".as_ptr(),
            std::ptr::null(),
        ];
        ffi::sqlite3_drop_modules(own.handle(), keep.as_mut_ptr());
    }
    stop_with(own, host)?;
    let heard = Arc::new(Lock::new(Rank::Moment, Heard::default()));
    let told = Arc::clone(&heard);
    own.authorizer(Some(move |asked: AuthContext<'_>| {
        let mut heard = locked(&told);
        match asked.action {
            AuthAction::Select | AuthAction::Recursive => {}
            AuthAction::Read {
                table_name,
                column_name,
            } => {
                let database = asked.database_name.unwrap_or_default();
                heard
                    .reads
                    .push((table_name.into(), column_name.into(), database.into()));
            }
            AuthAction::Function { function_name } => {
                heard.functions.push(function_name.to_lowercase());
            }
            AuthAction::CreateTable { .. }
            | AuthAction::CreateView { .. }
            | AuthAction::Insert { .. }
            | AuthAction::Update { .. }
                if heard.defines => {}
            _ => {
                heard.writes = true;
                return Authorization::Deny;
            }
        }
        Authorization::Allow
    }))?;
    Ok(heard)
}

/// The tables and views of the host's main database, and the names of its temporary ones.
struct Tables {
    /// By their name in lower case: the name, and the CREATE VIEW of a view.
    main: BTreeMap<String, (String, Option<String>)>,
    temporary: Vec<String>,
}

impl Tables {
    fn of(host: &Connection) -> Result<Tables> {
        let mut main = BTreeMap::new();
        let sql = "SELECT s.name, CASE s.type WHEN 'view' THEN s.sql END FROM main.sqlite_schema s WHERE s.type IN ('table', 'view')";
        let mut statement = host.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            if !name.to_lowercase().starts_with("sqlite_") {
                main.insert(name.to_lowercase(), (name, row.get(1)?));
            }
        }
        let sql = "SELECT lower(name) FROM temp.sqlite_schema WHERE type IN ('table', 'view')";
        let mut statement = host.prepare(sql)?;
        let temporary = statement.query_map([], |row| row.get(0))?;
        let temporary = temporary.collect::<rusqlite::Result<_>>()?;
        Ok(Tables { main, temporary })
    }

    /// Makes the tables that the text may mean, without rows. What is not made is not there for the text.
    fn copy(&self, host: &Connection, own: &Connection, text: &str) -> Result<()> {
        let mut meant = self.named_in(text);
        let mut made = Vec::new();
        while let Some(key) = meant.pop() {
            let Some((name, view)) = self.main.get(&key).filter(|_| !made.contains(&key)) else {
                continue;
            };
            let definition = match view {
                Some(view) => {
                    meant.extend(self.named_in(view));
                    view.clone()
                }
                None => match self::columns(host, name) {
                    Ok(columns) => format!("CREATE TABLE {}({columns})", identifier(name)),
                    Err(e) if is_interrupt(&e) => return Err(e),
                    // Of a module that is not loaded, say.
                    Err(_) => continue,
                },
            };
            made.push(key);
            // What cannot be defined is not there for the text.
            define(own, &definition).or_else(|e| if is_interrupt(&e) { Err(e) } else { Ok(()) })?;
        }
        Ok(())
    }

    /// The tables whose names stand in a text, in lower case.
    fn named_in(&self, text: &str) -> Vec<String> {
        let tokens = tokens(text, Dialect::Sqlite);
        let names = tokens
            .iter()
            .map(|token| token.unquoted(text).to_lowercase());
        names.filter(|name| self.main.contains_key(name)).collect()
    }

    /// What was heard, by names of the host's database. `Err` is why nobody may read it.
    fn reads(&self, heard: &Heard) -> std::result::Result<Reads, String> {
        let mut reads = Reads::default();
        for (table, column, database) in &heard.reads {
            let key = table.to_lowercase();
            if self.temporary.contains(&key) {
                return Err(format!(
                    "\"{table}\" is a temporary table; the gate takes those of the database"
                ));
            }
            match self.main.get(&key) {
                Some((name, _)) => {
                    reads.tables.insert(name.clone());
                    if !column.is_empty() {
                        reads.columns.insert((name.clone(), column.clone()));
                    }
                }
                None if gate::allows_table_function(&key, Dialect::Sqlite) => {
                    reads.functions.insert(key);
                }
                // SQLite names what WITH defines where no column of it is read.
                None if column.is_empty() && database.is_empty() && !is_reserved(&key) => {}
                None => return Err(format!("the table \"{table}\" may not be read")),
            }
        }
        let letters = |name: &&String| name.contains(|c: char| c.is_alphanumeric());
        reads
            .functions
            .extend(heard.functions.iter().filter(letters).cloned());
        Ok(reads)
    }
}

/// True if the host wants the call to end.
fn is_interrupt(e: &Error) -> bool {
    e.code & 0xff == ffi::SQLITE_INTERRUPT
}

/// True for names of SQLite's own tables and functions.
fn is_reserved(key: &str) -> bool {
    key.starts_with("sqlite_") || key.starts_with("pragma_")
}

/// The columns of a table, hidden ones too, with their affinities.
fn columns(host: &Connection, table: &str) -> Result<String> {
    let mut statement = host.prepare(&format!("PRAGMA main.table_xinfo({})", identifier(table)))?;
    let columns = statement.query_map([], |row| {
        Ok((row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    let columns = columns
        .map(|column| column.map(|(name, ty)| format!("{} {}", identifier(&name), affinity(&ty))))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(columns.join(", "))
}

/// The affinity of a declared type, as a type.
pub fn affinity(declared: &str) -> &'static str {
    let declared = declared.to_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    if has(&["INT"]) {
        "INTEGER"
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        "TEXT"
    } else if declared.is_empty() || has(&["BLOB"]) {
        "BLOB"
    } else if has(&["REAL", "FLOA", "DOUB"]) {
        "REAL"
    } else {
        "NUMERIC"
    }
}

/// Makes a table or a view: the first statement of the text, since a view's is the file's.
fn define(own: &Connection, sql: &str) -> Result<()> {
    let mut statement = HostStatement::own(own, sql)?;
    while statement.step()? {}
    Ok(())
}
