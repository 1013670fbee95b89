//! The changelog inside SQLite: making and removing its tables, and the triggers of a table.

use lumos_core::changelog::{Key, Table, TrackingOptions, stored};
use lumos_core::sql::{self, identifier};
use rusqlite::Connection;

use crate::error::{Result, error};
use crate::faults::fault;
use crate::sync::schema::Tracked;

/// The format of the changelog that this version writes.
const FORMAT: i64 = 1;

/// The key columns that the log has from the start.
const FIRST_KEY_COLUMNS: usize = 2;

/// The log's columns besides those of keys.
const OTHER_LOG_COLUMNS: usize = 4;

/// Makes the changelog's tables if they are not there.
pub fn create_changelog(connection: &Connection) -> Result<()> {
    connection.execute_batch(sql::CHANGELOG)?;
    fault!("changelog created");
    let identity = format!(
        "INSERT INTO main._lumos_meta(rowid, source, format, last_id) SELECT {MARK}, lower(hex(randomblob(16))), ?1, 0 \
         WHERE NOT EXISTS(SELECT 1 FROM main._lumos_meta)"
    );
    connection.execute(&identity, [FORMAT])?;
    let format: i64 =
        connection.query_row("SELECT format FROM main._lumos_meta", [], |row| row.get(0))?;
    match format {
        FORMAT => Ok(()),
        other => Err(error(format!(
            "the changelog has format {other}, this version of Lumos knows {FORMAT}; use a newer Lumos"
        ))),
    }
}

/// A rowid that is not the one that VACUUM gives.
const MARK: &str = "(random() & 1125899906842623) + 2";

/// Gives the one row of `_lumos_meta` another rowid, by which the next VACUUM is known. Returns it.
pub fn mark_rowids(connection: &Connection) -> Result<i64> {
    connection.execute(&format!("UPDATE main._lumos_meta SET rowid = {MARK}"), [])?;
    Ok(connection.query_row("SELECT rowid FROM main._lumos_meta", [], |row| row.get(0))?)
}

/// Removes the changelog's tables if nothing is tracked.
pub fn drop_empty_changelog(connection: &Connection) -> Result<()> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM main._lumos_tables", [], |row| {
            row.get(0)
        })?;
    if tables == 0 {
        connection
            .execute_batch("DROP TABLE main._lumos_log; DROP TABLE main._lumos_tables; DROP TABLE main._lumos_meta")?;
    }
    Ok(())
}

/// Makes the triggers of a table, and room for its key in the log.
pub fn install(
    connection: &Connection,
    id: i64,
    table: &Table,
    key: &Key,
    options: &TrackingOptions,
) -> Result<()> {
    let has: i64 = connection.query_row(
        "SELECT count(*) FROM pragma_table_info('_lumos_log', 'main')",
        [],
        |row| row.get(0),
    )?;
    let first_missing = (has as usize)
        .saturating_sub(OTHER_LOG_COLUMNS)
        .max(FIRST_KEY_COLUMNS)
        + 1;
    for i in first_missing..=key.mirror_columns().len() {
        connection.execute_batch(&format!("ALTER TABLE main._lumos_log ADD COLUMN k{i}"))?;
    }
    for trigger in table.triggers(id, key, options.columns.as_deref())? {
        connection.execute_batch(&trigger.replacen(
            "CREATE TRIGGER ",
            "CREATE TRIGGER main.",
            1,
        ))?;
        fault!("trigger created");
    }
    Ok(())
}

/// Takes a name from the tables that had it when they were last looked at: one was renamed and gets its new name when
/// it is looked at next, one was dropped.
pub fn free_name(connection: &Connection, id: i64, name: &str) -> Result<()> {
    connection.execute(
        "DELETE FROM main._lumos_tables WHERE name = ?1 AND id <> ?2 \
         AND NOT EXISTS(SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' AND name GLOB '_lumos_' || id || '_*')",
        (name, id),
    )?;
    connection.execute(
        "UPDATE main._lumos_tables SET name = '_lumos_renamed_' || id WHERE name = ?1 AND id <> ?2",
        (name, id),
    )?;
    Ok(())
}

/// The key of a tracked table, whose definition may be another now.
pub fn key_of(tracked: &Tracked, table: &Table) -> Result<Key> {
    table
        .key(&tracked.options.key)
        .map_err(|e| error(format!("{e}; lumos_untrack('{}') first", table.name)))
}

/// Makes the triggers of a table anew after its definition or name changed; the key must still be one.
pub fn renew(
    connection: &Connection,
    tracked: &Tracked,
    table: &Table,
    statement: &str,
) -> Result<Tracked> {
    let key = key_of(tracked, table)?;
    drop_triggers(connection, tracked)?;
    fault!("triggers dropped");
    // Rows may have changed while the triggers were not right: another mirror must not go on by the log either.
    let id = new_id(connection)?;
    connection.execute(
        "UPDATE main._lumos_tables SET id = ?2 WHERE id = ?1",
        [tracked.id, id],
    )?;
    install(connection, id, table, &key, &tracked.options)?;
    fault!("triggers renewed");
    register(
        connection,
        id,
        &table.name,
        &key,
        statement,
        &tracked.options,
    )?;
    Ok(Tracked {
        id,
        key,
        old_name: table.name.clone(),
        schema: statement.to_owned(),
        ..tracked.clone()
    })
}

/// Writes down which name, key and definition the triggers of a table fit.
pub fn register(
    connection: &Connection,
    id: i64,
    name: &str,
    key: &Key,
    statement: &str,
    options: &TrackingOptions,
) -> Result<()> {
    free_name(connection, id, name)?;
    connection.execute(
        "UPDATE main._lumos_tables SET name = ?2, key = ?3, schema = ?4, options = ?5 WHERE id = ?1",
        (
            id,
            name,
            stored::key_json(key),
            statement,
            options.json().to_string(),
        ),
    )?;
    Ok(())
}

/// An id that no table had.
pub fn new_id(connection: &Connection) -> Result<i64> {
    let next = "UPDATE main._lumos_meta SET last_id = last_id + 1 RETURNING last_id";
    Ok(connection.query_row(next, [], |row| row.get(0))?)
}

/// Removes the triggers of a table.
pub fn drop_triggers(connection: &Connection, table: &Tracked) -> Result<()> {
    for trigger in &table.triggers {
        connection.execute_batch(&format!("DROP TRIGGER main.{}", identifier(&trigger.name)))?;
    }
    Ok(())
}
