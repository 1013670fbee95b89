//! Reading SQLite's schema: what a table is, and the changelog's own tables.

use lumos_core::changelog::{Column, Key, Options, Table, Unique, generated_expressions};
use lumos_core::sql::identifier;
use rusqlite::{Connection, OptionalExtension, ffi};

use crate::error::{Result, error};

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
    pub options: Options,
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

/// The names of the tables that a GLOB pattern or a name means, without SQLite's and our own.
pub fn matching_tables(connection: &Connection, pattern: &str) -> Result<Vec<String>> {
    let is_glob = pattern.contains(['*', '?', '[']) && kind(connection, pattern)?.is_none();
    let test = if is_glob {
        "s.name GLOB ?1"
    } else {
        "s.name = ?1 COLLATE NOCASE"
    };
    let found = strings(
        connection,
        &format!(
            "SELECT s.name FROM main.sqlite_schema s WHERE {test} AND {KIND} = 'table' ORDER BY s.name"
        ),
        pattern,
    )?;
    if is_glob || !found.is_empty() {
        return Ok(found);
    }
    Err(error(match kind(connection, pattern)?.as_deref() {
        Some("view") => format!("\"{pattern}\" is a view; track the tables that it reads"),
        Some("virtual") => {
            format!(
                "\"{pattern}\" is a virtual table, which can have no triggers; track an ordinary table"
            )
        }
        Some("shadow") => {
            format!("\"{pattern}\" belongs to a virtual table; track an ordinary table")
        }
        Some(_) => {
            format!("\"{pattern}\" is a table of SQLite or Lumos itself; track a table of your own")
        }
        None if names_attached(connection, pattern)? => {
            format!(
                "\"{pattern}\" is in an attached database, and the mirror follows `main` alone; open that database itself"
            )
        }
        None => format!("no table \"{pattern}\"; sqlite_schema lists the tables"),
    }))
}

/// What an entry `s` of the schema is: `table`, `view`, `virtual`, `shadow`, `internal`, or NULL.
///
/// Not `PRAGMA table_list`: it connects every virtual table of the database, ours among them.
const KIND: &str = "CASE WHEN s.type = 'view' THEN 'view' WHEN s.type <> 'table' THEN NULL \
    WHEN s.sql LIKE 'CREATE VIRTUAL%' THEN 'virtual' \
    WHEN s.name LIKE 'sqlite\\_%' ESCAPE '\\' OR s.name LIKE '\\_lumos\\_%' ESCAPE '\\' THEN 'internal' \
    WHEN EXISTS(SELECT 1 FROM main.sqlite_schema v WHERE v.sql LIKE 'CREATE VIRTUAL%' \
      AND substr(s.name, 1, length(v.name) + 1) = v.name || '_' COLLATE NOCASE) THEN 'shadow' ELSE 'table' END";

fn kind(connection: &Connection, name: &str) -> Result<Option<String>> {
    if name.eq_ignore_ascii_case("sqlite_schema") || name.eq_ignore_ascii_case("sqlite_master") {
        return Ok(Some("internal".into()));
    }
    let sql = format!(
        "SELECT {KIND} FROM main.sqlite_schema s WHERE s.name = ?1 COLLATE NOCASE AND s.type IN ('table', 'view')"
    );
    Ok(connection
        .query_row(&sql, [name], |row| row.get(0))
        .optional()?)
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
            "SELECT l.name, l.origin = 'pk', l.partial, s.sql FROM pragma_index_list(?1, 'main') l \
             LEFT JOIN main.sqlite_schema s ON s.type = 'index' AND s.name = l.name WHERE l.\"unique\" ORDER BY l.name",
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
    let generated = match columns.iter().any(|c| c.generated) {
        true => create_statement(connection, name)?
            .map(|sql| generated_expressions(&sql))
            .unwrap_or_default(),
        false => Vec::new(),
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

/// Where the schema and the file have a table. It is elsewhere once it was dropped and created again while something
/// else was there, and after VACUUM perhaps.
pub fn place(connection: &Connection, table: &str) -> Result<String> {
    let sql = "SELECT format('%d/%d', rowid, rootpage) FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE";
    Ok(connection.query_row(sql, [table], |row| row.get(0))?)
}

/// True if a table or view of `main` has this name.
pub fn exists(connection: &Connection, name: &str) -> Result<bool> {
    Ok(kind(connection, name)?.is_some())
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
    let triggers = triggers(connection)?;
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
        let own: Vec<Trigger> = triggers
            .iter()
            .filter(|t| lumos_core::changelog::watched(&t.name) == Some(id))
            .cloned()
            .collect();
        tables.push(Tracked {
            id,
            name: own.first().map_or(&old_name, |t| &t.table).clone(),
            old_name,
            key: parse_key(&key)?,
            schema,
            options: parse_options(&options)?,
            triggers: own,
        });
    }
    // A tracked table that was dropped, whose name another one took over.
    let names: Vec<String> = tables
        .iter()
        .filter(|t| !t.triggers.is_empty())
        .map(|t| t.name.clone())
        .collect();
    tables.retain(|t| {
        !t.triggers.is_empty() || !names.iter().any(|n| n.eq_ignore_ascii_case(&t.name))
    });
    Ok(tables)
}

/// The triggers of the changelog.
fn triggers(connection: &Connection) -> Result<Vec<Trigger>> {
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
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Tracked {
    /// True if its triggers are those that a table of this definition needs, and no others.
    pub fn is_watched(&self, definition: &Table, key: &Key) -> Result<bool> {
        let mirrored = self.options.columns.as_deref();
        let expected = definition.triggers(self.id, key, mirrored)?;
        Ok(self.triggers.len() == expected.len()
            && self.triggers.iter().all(|t| expected.contains(&t.sql)))
    }

    /// Its name in the mirror.
    pub fn target(&self) -> &str {
        self.options.target.as_ref().unwrap_or(&self.name)
    }
}

fn parse_options(json: &str) -> Result<Options> {
    serde_json::from_str(json)
        .ok()
        .and_then(|object| Options::parse(&object).ok())
        .ok_or_else(|| {
            error(format!(
                "_lumos_tables has the options {json}; untrack the table and track it again"
            ))
        })
}

/// The key as `_lumos_tables` stores it: a JSON array of columns, or the rowid's name as a JSON string.
pub fn key_json(key: &Key) -> serde_json::Value {
    match key {
        Key::Columns(columns) => columns.as_slice().into(),
        Key::Rowid(name) => (*name).into(),
    }
}

/// Reads what [`key_json`] writes.
pub fn parse_key(json: &str) -> Result<Key> {
    match serde_json::from_str(json) {
        Ok(serde_json::Value::String(name)) => {
            let known = ["rowid", "_rowid_", "oid"].into_iter().find(|n| *n == name);
            known.map(Key::Rowid).ok_or_else(|| {
                error(format!(
                    "_lumos_tables has the key {json}; track the table again"
                ))
            })
        }
        Ok(columns) => match serde_json::from_value::<Vec<String>>(columns) {
            Ok(columns) if !columns.is_empty() => Ok(Key::Columns(columns)),
            _ => Err(error(format!(
                "_lumos_tables has the key {json}; track the table again"
            ))),
        },
        Err(_) => Err(error(format!(
            "_lumos_tables has the key {json}; track the table again"
        ))),
    }
}

/// Columns as the mirror stores them: a JSON array of arrays.
pub fn columns_json(columns: &[Column]) -> String {
    let rows: Vec<_> = columns
        .iter()
        .map(|c| {
            (
                &c.name,
                &c.declared,
                c.not_null,
                &c.default,
                c.pk,
                c.generated,
            )
        })
        .collect();
    serde_json::json!(rows).to_string()
}

/// Reads what [`columns_json`] writes.
pub fn parse_columns(json: &str) -> serde_json::Result<Vec<Column>> {
    let rows: Vec<(String, String, bool, Option<String>, usize, bool)> =
        serde_json::from_str(json)?;
    let column = |(name, declared, not_null, default, pk, generated)| Column {
        name,
        declared,
        not_null,
        default,
        pk,
        generated,
    };
    Ok(rows.into_iter().map(column).collect())
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

/// Runs `body` inside a savepoint: all of it or nothing.
pub fn atomically<T>(connection: &Connection, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let outermost = connection.is_autocommit();
    connection.execute_batch("SAVEPOINT lumos")?;
    let done =
        body().and_then(|value| Ok(connection.execute_batch("RELEASE lumos").map(|()| value)?));
    if done.is_err() {
        // The error of the body matters more than one of the rollback.
        drop(connection.execute_batch("ROLLBACK TO lumos; RELEASE lumos"));
        // Ending a savepoint that has written commits, which another reader of a rollback-journal database refuses.
        if outermost && !connection.is_autocommit() {
            drop(connection.execute_batch("ROLLBACK"));
        }
    }
    done
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
