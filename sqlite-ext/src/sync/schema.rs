//! Reading SQLite's schema: what a table is, and the changelog's own tables.

use std::collections::{HashMap, HashSet};

use lumos_core::Type;
use lumos_core::changelog::{
    Column, Key, Shadow, Table, TrackingOptions, Unique, generated_expressions, stored,
};
use lumos_core::sql::identifier;
use rusqlite::{Connection, OptionalExtension, ffi};

use crate::error::{Error, Result, error};

/// A tracked table, as `_lumos_tables` has it.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// Its id in the changelog.
    pub id: i64,
    /// Its name now.
    pub name: String,
    /// Its name when its triggers were made.
    pub old_name: String,
    /// What identifies its rows.
    pub key: Key,
    /// The CREATE statement that the triggers were made for.
    pub schema: String,
    /// How it is mirrored.
    pub options: TrackingOptions,
    /// Its triggers.
    pub triggers: Vec<Trigger>,
}

/// A trigger of the changelog.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// Its CREATE statement.
    pub sql: String,
    /// The table that it is on; a table that is renamed takes its triggers along.
    table: String,
}

/// What a pattern means.
pub struct Matching {
    /// The names of ordinary tables.
    pub names: Vec<String>,
    /// Those that may belong to a virtual table of a module that is not known: only their exact names mean them.
    pub left_out: Vec<(String, Error)>,
}

/// The tables that a GLOB pattern or a name means, without SQLite's and our own.
pub fn matching_tables(connection: &Connection, pattern: &str) -> Result<Matching> {
    let objects = objects(connection)?;
    let named = objects
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(pattern));
    let mut matching = Matching {
        names: Vec::new(),
        left_out: Vec::new(),
    };
    if let Some((name, kind)) = named {
        matching.names.push(name.clone());
        let why = match kind {
            Kind::Table | Kind::PerhapsShadow(_) => return Ok(matching),
            Kind::View => "is a view; track the tables that it reads",
            Kind::Virtual => {
                "is a virtual table, which can have no triggers; track an ordinary table"
            }
            Kind::Shadow => "belongs to a virtual table; track an ordinary table",
            Kind::Internal => "is a table of SQLite or Lumos itself; track a table of your own",
        };
        return Err(error(format!("\"{pattern}\" {why}")));
    }
    if !pattern.contains(['*', '?', '[']) {
        return Err(error(match pattern.to_ascii_lowercase().as_str() {
            "sqlite_schema" | "sqlite_master" => {
                format!(
                    "\"{pattern}\" is a table of SQLite or Lumos itself; track a table of your own"
                )
            }
            _ if names_attached(connection, pattern)? => format!(
                "\"{pattern}\" is in an attached database, and the mirror follows `main` alone; open that database itself"
            ),
            _ => format!("no table \"{pattern}\"; sqlite_schema lists the tables"),
        }));
    }
    let mut glob = connection.prepare("SELECT ?1 GLOB ?2")?;
    for (name, kind) in objects {
        if !glob.query_row([&name, pattern], |row| row.get(0))? {
            continue;
        }
        match kind {
            Kind::Table => matching.names.push(name),
            Kind::PerhapsShadow(owner) => {
                let e = error(format!(
                    "\"{name}\" may belong to the virtual table \"{owner}\", whose module Lumos does not know; \
                     if it does not, lumos_track('{name}') tracks it"
                ));
                matching.left_out.push((name, e));
            }
            _ => {}
        }
    }
    Ok(matching)
}

/// What a name of the schema means.
enum Kind {
    Table,
    View,
    Virtual,
    /// A table of a virtual table.
    Shadow,
    /// Named like a table of this virtual table, whose module is not known.
    PerhapsShadow(String),
    /// Of SQLite or Lumos.
    Internal,
}

/// The tables and views of `main`, in the order of their names.
///
/// Not from `PRAGMA table_list`: it connects every virtual table of the database, ours among them.
fn objects(connection: &Connection) -> Result<Vec<(String, Kind)>> {
    let sql = "SELECT name, type, sql FROM main.sqlite_schema WHERE type IN ('table', 'view') ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, Option<String>>(2)?.unwrap_or_default(),
        ))
    })?;
    let rows: Vec<(String, String, String)> = rows.collect::<rusqlite::Result<_>>()?;
    let starts = |text: &str, with: &str| {
        text.get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    let is_virtual = |sql: &str| starts(sql, "CREATE VIRTUAL");
    let virtuals: Vec<(String, String)> = rows
        .iter()
        .filter(|(_, _, sql)| is_virtual(sql))
        .map(|(name, _, sql)| (name.clone(), sql.clone()))
        .collect();
    let kind = |name: &str, ty: &str, sql: &str| {
        if ty == "view" {
            return Kind::View;
        } else if is_virtual(sql) {
            return Kind::Virtual;
        } else if starts(name, "sqlite_") || starts(name, "_lumos_") {
            return Kind::Internal;
        }
        let mut kind = Kind::Table;
        for (owner, sql) in &virtuals {
            match Shadow::of(name, owner, sql) {
                Some(Shadow::Yes) => return Kind::Shadow,
                Some(Shadow::Unknown) => kind = Kind::PerhapsShadow(owner.clone()),
                Some(Shadow::No) | None => {}
            }
        }
        kind
    };
    Ok(rows
        .iter()
        .map(|(name, ty, sql)| (name.clone(), kind(name, ty, sql)))
        .collect())
}

/// True for `aux.table` where `aux` is attached, and for a table that only an attached database has.
fn names_attached(connection: &Connection, name: &str) -> Result<bool> {
    let schemas = strings(
        connection,
        "SELECT name FROM pragma_database_list WHERE name NOT IN ('main', 'temp') AND ?1 = ?1",
        "",
    )?;
    for schema in schemas {
        let table = name
            .strip_prefix(&schema)
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(name);
        let sql = format!(
            "SELECT count(*) FROM {}.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
            identifier(&schema)
        );
        if connection.query_row(&sql, [table], |row| row.get::<_, i64>(0))? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads a table's columns and UNIQUE indexes.
pub fn read_table(connection: &Connection, name: &str) -> Result<Table> {
    let columns = connection
        .prepare("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid")?
        .query_map([name], |row| {
            Ok(Column {
                name: row.get(0)?,
                declared: row.get(1)?,
                not_null: row.get(2)?,
                default: row.get(3)?,
                pk: row.get::<_, i64>(4)? as usize,
                generated: row.get::<_, i64>(5)? > 1,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut uniques = connection
        .prepare(
            "SELECT l.name, l.origin = 'pk', l.partial, CASE l.origin WHEN 'c' THEN \
             (SELECT s.sql FROM main.sqlite_schema s WHERE s.type = 'index' AND s.name = l.name) END \
             FROM pragma_index_list(?1, 'main') l WHERE l.\"unique\" ORDER BY l.name",
        )?
        .query_map([name], |row| {
            Ok(Unique {
                name: row.get(0)?,
                primary: row.get(1)?,
                partial: row.get(2)?,
                sql: row.get(3)?,
                ..Unique::default()
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for unique in &mut uniques {
        let mut terms = connection.prepare(
            "SELECT name, coll FROM pragma_index_xinfo(?1, 'main') WHERE \"key\" ORDER BY seqno",
        )?;
        let terms = terms.query_map([&unique.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        (unique.columns, unique.collations) = terms
            .collect::<rusqlite::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
    }
    let generated = if columns.iter().any(|c| c.generated) {
        create_statement(connection, name)?
            .map(|sql| generated_expressions(&sql))
            .unwrap_or_default()
    } else {
        Vec::new()
    };
    // A table without a rowid has no column under its name, unless it is declared.
    let hidden_name = ["rowid", "_rowid_", "oid"].into_iter().find(|name| {
        !columns
            .iter()
            .any(|c: &Column| c.name.eq_ignore_ascii_case(name))
    });
    let without_rowid = match hidden_name {
        Some(rowid) => {
            match connection.prepare(&format!("SELECT {rowid} FROM main.{}", identifier(name))) {
                Ok(_) => false,
                // Not when it is busy, say: then nothing is known.
                Err(rusqlite::Error::SqliteFailure(e, _))
                    if e.extended_code == ffi::SQLITE_ERROR =>
                {
                    true
                }
                Err(rusqlite::Error::SqlInputError { error, .. })
                    if error.extended_code == ffi::SQLITE_ERROR =>
                {
                    true
                }
                Err(e) => return Err(e.into()),
            }
        }
        None => false,
    };
    Ok(Table {
        name: name.to_owned(),
        columns,
        without_rowid,
        uniques,
        generated,
    })
}

/// The CREATE statement of a table, if it exists.
pub fn create_statement(connection: &Connection, table: &str) -> Result<Option<String>> {
    let sql =
        "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
    Ok(connection
        .query_row(sql, [table], |row| row.get(0))
        .optional()?)
}

/// "table" or "view" if a temporary one has this name, which then means that one in SQLite's statements.
pub fn temporary(connection: &Connection, name: &str) -> Result<Option<String>> {
    let sql = "SELECT type FROM temp.sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE";
    Ok(connection
        .query_row(sql, [name], |row| row.get(0))
        .optional()?)
}

/// The CREATE statements of all tables by their names in lower case, and where the schema and the file have them: a
/// table is elsewhere once it was dropped and created again while something else was there, and after VACUUM perhaps.
pub fn create_statements(connection: &Connection) -> Result<HashMap<String, (String, String)>> {
    let sql = "SELECT name, sql, format('%d/%d', rowid, rootpage) FROM main.sqlite_schema WHERE type = 'table' AND sql IS NOT NULL";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let name: String = row.get(0)?;
        Ok((name.to_ascii_lowercase(), (row.get(1)?, row.get(2)?)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// True if a table or view of `main` has this name.
pub fn exists(connection: &Connection, name: &str) -> Result<bool> {
    let sql = "SELECT EXISTS(SELECT 1 FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE)";
    Ok(connection.query_row(sql, [name], |row| row.get(0))?)
}

/// Whether `main` has a table of ours, which any program may have made. Errors if something else has its name: a view, which
/// may have triggers in place of a write, or a table without these columns.
pub fn has_own(connection: &Connection, name: &str, columns: &[(&str, Type)]) -> Result<bool> {
    let sql = "SELECT rootpage FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE";
    let page: Option<i64> = connection
        .query_row(sql, [name], |row| row.get(0))
        .optional()?;
    let Some(page) = page else {
        return Ok(false);
    };
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let sql = format!("SELECT {} FROM main.{name} LIMIT 0", names.join(", "));
    let prepared = connection.prepare(&sql).map(drop).map_err(Error::from);
    let other = prepared
        .as_ref()
        .is_err_and(|e| e.code & 0xff == ffi::SQLITE_ERROR);
    if page == 0 || other {
        return Err(error(format!(
            "main.{name} is not the table that Lumos makes under this name; rename or drop it"
        )));
    }
    prepared?;
    Ok(true)
}

/// The names of the views of `main`.
pub fn views(connection: &Connection) -> Result<Vec<String>> {
    strings(
        connection,
        "SELECT name FROM main.sqlite_schema WHERE type = 'view' AND ?1 = ?1",
        "",
    )
}

/// True once something has been tracked in this database.
pub fn has_changelog(connection: &Connection) -> Result<bool> {
    let sql = "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name IN ('_lumos_meta', '_lumos_tables', '_lumos_log')";
    Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))? == 3)
}

/// The tracked tables in the order of their ids, under the names that they have now.
pub fn tracked_tables(connection: &Connection) -> Result<Vec<Tracked>> {
    if !has_changelog(connection)? {
        return Ok(Vec::new());
    }
    let mut triggers = triggers(connection)?;
    let mut statement = connection
        .prepare("SELECT id, name, key, schema, options FROM main._lumos_tables ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get::<_, String>(2)?,
            row.get(3)?,
            row.get::<_, String>(4)?,
        ))
    })?;
    let mut tables = Vec::new();
    for row in rows {
        let (id, old_name, key, schema, options): (_, String, _, _, _) = row?;
        let own = triggers.remove(&id).unwrap_or_default();
        tables.push(Tracked {
            id,
            name: own.first().map_or(&old_name, |t| &t.table).clone(),
            old_name,
            key: stored::parse_key(&key)?,
            schema,
            options: parse_options(&options)?,
            triggers: own,
        });
    }
    // A tracked table that was dropped, whose name another one took over.
    let names: HashSet<String> = tables
        .iter()
        .filter(|t| !t.triggers.is_empty())
        .map(|t| t.name.to_ascii_lowercase())
        .collect();
    tables.retain(|t| !t.triggers.is_empty() || !names.contains(&t.name.to_ascii_lowercase()));
    Ok(tables)
}

/// The triggers of the changelog, by the ids of their tables.
fn triggers(connection: &Connection) -> Result<HashMap<i64, Vec<Trigger>>> {
    let mut statement = connection.prepare(
        "SELECT name, sql, tbl_name FROM main.sqlite_schema WHERE type = 'trigger' AND name GLOB '_lumos_*' ORDER BY name",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Trigger {
            name: row.get(0)?,
            sql: row.get(1)?,
            table: row.get(2)?,
        })
    })?;
    let mut triggers: HashMap<i64, Vec<Trigger>> = HashMap::new();
    for trigger in rows {
        let trigger: Trigger = trigger?;
        if let Some(id) = lumos_core::changelog::watched(&trigger.name) {
            triggers.entry(id).or_default().push(trigger);
        }
    }
    Ok(triggers)
}

impl Tracked {
    /// True if its triggers are those that a table of this definition needs, and no others.
    pub fn is_watched(&self, definition: &Table, key: &Key) -> bool {
        let mirrored = self.options.columns.as_deref();
        let expected = definition.triggers(self.id, key, mirrored);
        expected.is_ok_and(|expected| {
            self.triggers.len() == expected.len()
                && self.triggers.iter().all(|t| expected.contains(&t.sql))
        })
    }

    /// Its name in the mirror.
    pub fn target(&self) -> &str {
        self.options.target.as_ref().unwrap_or(&self.name)
    }
}

fn parse_options(json: &str) -> Result<TrackingOptions> {
    TrackingOptions::parse(json).map_err(|_| {
        error(format!(
            "_lumos_tables has the options {json}; untrack the table and track it again"
        ))
    })
}

/// SQLite's counter of schema changes.
pub fn schema_version(connection: &Connection) -> Result<i64> {
    Ok(connection.query_row("PRAGMA main.schema_version", [], |row| row.get(0))?)
}

fn strings(connection: &Connection, sql: &str, parameter: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([parameter], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Runs `body` inside a savepoint: all of it or nothing. An interrupt takes back what the caller's transaction has, too, as
/// SQLite does where it interrupts a statement that writes.
pub fn atomically<T>(connection: &Connection, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let outermost = connection.is_autocommit();
    // Once it is interrupted, SQLite prepares and runs nothing until the caller's statement has ended, so the savepoint can be
    // neither rolled back nor released; but it takes the whole transaction back where a statement that writes is
    // interrupted. This one does nothing else: not interrupted, it is an error inside a transaction.
    let mut writes = connection.prepare("BEGIN IMMEDIATE")?;
    connection.execute_batch("SAVEPOINT lumos")?;
    let done =
        body().and_then(|value| Ok(connection.execute_batch("RELEASE lumos").map(|()| value)?));
    if done.is_err() {
        // The error of the body matters more than one of the rollback.
        let undone = connection.execute_batch("ROLLBACK TO lumos; RELEASE lumos");
        let interrupted = undone.is_err_and(|e| is_interrupt(&e));
        if interrupted && !connection.is_autocommit() {
            drop(writes.execute([]));
        }
        // Ending a savepoint that has written commits, which another reader of a rollback-journal database refuses.
        if outermost && !connection.is_autocommit() {
            drop(connection.execute_batch("ROLLBACK"));
        }
    }
    done
}

fn is_interrupt(e: &rusqlite::Error) -> bool {
    e.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
}

/// As [`atomically`] for a body that writes: keeps other writers out from the beginning, for a snapshot that
/// another one overtakes cannot be written from.
pub fn writing<T>(connection: &Connection, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let exists = has_changelog(connection)?;
    atomically(connection, || {
        if exists {
            connection.execute("UPDATE main._lumos_meta SET last_id = last_id", [])?;
        }
        body()
    })
}
