//! Tracking tables: the triggers in SQLite, and the lists of what is tracked.

use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::Connection;
use serde_json::{Value as Json, json};

use crate::error::{Error, Result, error};
use crate::layout::cold;
use crate::mirror::{CATALOG, Mirror};
use crate::session::parse_object;
use crate::sync::changelog::{
    create_changelog, drop_empty_changelog, drop_triggers, free_name, install, new_id,
};
use crate::sync::copy;
use crate::sync::schema::{self, Tracked};
use crate::sync::{self, Value};

/// What one call of `lumos_track` means, checked before a mirror is opened.
pub struct Request {
    names: Vec<String>,
    several: bool,
    by_rowid: bool,
}

impl Request {
    /// Reads the arguments; a single table must have a usable key.
    pub fn new(connection: &Connection, pattern: &str, options: Option<&str>) -> Result<Request> {
        let by_rowid = options.map_or(Ok(false), parse_options)?;
        if !connection.is_autocommit() {
            return Err(error("a transaction is open; COMMIT or ROLLBACK first"));
        }
        let several = pattern.contains(['*', '?', '[']);
        let names = schema::matching_tables(connection, pattern)?;
        match names.as_slice() {
            [] => {
                return Err(error(format!(
                    "no table matches \"{pattern}\"; sqlite_schema lists the tables"
                )));
            }
            [name] if !several => {
                let table = schema::read_table(connection, name)?;
                table.triggers(0, &table.key(by_rowid)?)?;
            }
            _ => {}
        }
        Ok(Request {
            names,
            several,
            by_rowid,
        })
    }
}

/// `lumos_track`: tracks the tables and copies them. Returns a report for each.
pub fn track(
    connection: &Connection,
    mirror: &Mirror,
    other_sessions: bool,
    request: Request,
) -> Result<Json> {
    let Request {
        names,
        several,
        by_rowid,
    } = request;
    let mut failures: Vec<(String, Error)> = Vec::new();
    let mut new: Vec<i64> = Vec::new();
    let duckdb = mirror.connection()?;
    schema::writing(connection, || {
        create_changelog(connection)?;
        for name in &names {
            match add(connection, name, by_rowid) {
                Ok(Some(id)) => new.push(id),
                Ok(None) => {}
                Err(e) if several => failures.push((name.clone(), e)),
                Err(e) => return Err(e),
            }
        }
        if new.is_empty() {
            return drop_empty_changelog(connection);
        }
        // A backup that was restored may give ids again.
        copy_again(&duckdb, &new)
    })?;
    mirror.give_back(duckdb);
    // A table that cannot be copied is not tracked; the others go on.
    while let Err(e) = sync::sync(connection, mirror, other_sessions) {
        let failed = e.table.filter(|id| new.contains(id));
        let name = failed.and_then(|id| {
            schema::tracked_tables(connection)
                .ok()?
                .into_iter()
                .find(|t| t.id == id)
        });
        match name {
            Some(table) => {
                undo(connection, &[table.id])?;
                failures.push((table.name, e));
            }
            None => {
                undo(connection, &new)?;
                return Err(e);
            }
        }
        if !several {
            break;
        }
    }
    if !several && let Some((_, e)) = failures.pop() {
        return Err(e);
    }
    report(connection, mirror, |t| names.contains(&t.name), &failures)
}

/// Has the mirror forget what it knows of these tables.
fn copy_again(duckdb: &DuckDb, ids: &[i64]) -> Result<()> {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    duckdb.execute(&format!(
        "UPDATE _lumos.tables SET schema = '' WHERE id IN ({})",
        ids.join(", ")
    ))?;
    Ok(())
}

/// Tracks nothing of what this call began to track.
fn undo(connection: &Connection, new: &[i64]) -> Result<()> {
    schema::writing(connection, || {
        for table in schema::tracked_tables(connection)?
            .iter()
            .filter(|t| new.contains(&t.id))
        {
            remove(connection, table)?;
        }
        drop_empty_changelog(connection)
    })
}

/// One element a table: its rows and key, or why it is not tracked.
fn report(
    connection: &Connection,
    mirror: &Mirror,
    chosen: impl Fn(&Tracked) -> bool,
    failures: &[(String, Error)],
) -> Result<Json> {
    let duckdb = mirror.connection()?;
    let mirrored = sync::mirrored_tables(&duckdb)?;
    let mut tables = Vec::new();
    for table in schema::tracked_tables(connection)?
        .iter()
        .filter(|t| chosen(t) && mirrored.iter().any(|m| m.id == t.id))
    {
        let rows = match sync::rows(
            &duckdb,
            &format!("SELECT count(*) FROM {}", copy::target(&table.name)),
        )?
        .as_slice()
        {
            [row] if matches!(row.as_slice(), [Value::Integer(_)]) => row[0].clone(),
            _ => Value::Other,
        };
        let Value::Integer(rows) = rows else { continue };
        tables.push(json!({ "table": table.name, "rows": rows, "key": table.key.names() }));
    }
    mirror.give_back(duckdb);
    tables.extend(
        failures
            .iter()
            .map(|(name, e)| json!({ "table": name, "error": e.message })),
    );
    Ok(Json::Array(tables))
}

/// `lumos_untrack`: the names of the tables that are not tracked any more.
pub fn untrack(
    connection: &Connection,
    mirror: &Mirror,
    other_sessions: bool,
    pattern: &str,
    options: Option<&str>,
) -> Result<Json> {
    let drop_mirror = options.map_or(Ok(true), drop_mirror)?;
    if !connection.is_autocommit() {
        return Err(error("a transaction is open; COMMIT or ROLLBACK first"));
    }
    let chosen = matching_tracked(connection, pattern)?;
    if !drop_mirror {
        sync::sync(connection, mirror, other_sessions)?;
    }
    schema::writing(connection, || {
        chosen
            .iter()
            .try_for_each(|table| remove(connection, table))?;
        match drop_mirror {
            true => Ok(()),
            false => keep_rows(mirror, &chosen),
        }
    })?;
    // What hinders the others is not this call's failure; the next query says it.
    if sync::sync(connection, mirror, other_sessions).is_ok() {
        forget_all(connection, mirror)?;
    }
    Ok(chosen.into_iter().map(|t| t.name).collect())
}

/// The options of `lumos_untrack`.
fn drop_mirror(text: &str) -> Result<bool> {
    let mut drop_mirror = true;
    for (name, value) in parse_object(text)? {
        match (name.as_str(), value) {
            ("drop_mirror", Json::Bool(on)) => drop_mirror = on,
            ("drop_mirror", value) => {
                return Err(error(format!("drop_mirror is {value}; give true or false")));
            }
            _ => {
                return Err(error(format!(
                    "unknown option \"{name}\"; the option is drop_mirror"
                )));
            }
        }
    }
    Ok(drop_mirror)
}

/// Makes tables of the views of mirrored tables, which are followed no more.
fn keep_rows(mirror: &Mirror, tables: &[Tracked]) -> Result<()> {
    let duckdb = mirror.connection()?;
    let mirrored = sync::mirrored_tables(&duckdb)?;
    let mut statements = String::from("BEGIN;");
    for kept in mirrored
        .iter()
        .filter(|m| tables.iter().any(|t| t.id == m.id))
    {
        let between = identifier(&format!("_lumos_kept_{}", kept.id));
        let name = identifier(&kept.name);
        statements += &format!(
            "CREATE TABLE {CATALOG}.main.{between} AS FROM {CATALOG}.main.{name}; {} \
             ALTER TABLE {CATALOG}.main.{between} RENAME TO {name}; DELETE FROM _lumos.tables WHERE id = {};",
            copy::drop_statements(&kept.name) + &cold::forget_statements(kept.id, &kept.name),
            kept.id
        );
    }
    let done = duckdb.execute(&format!("{statements} COMMIT"));
    if done.is_err() {
        drop(duckdb.execute("ROLLBACK"));
    }
    done?;
    let all: Vec<String> = mirrored.into_iter().map(|m| m.name).collect();
    mirror.cache.update(&all, &all);
    mirror.reshaped();
    mirror.give_back(duckdb);
    Ok(())
}

/// `lumos_resync`: copies the tables again that `pattern` means, and returns what [`track`] does.
pub fn resync(
    connection: &Connection,
    mirror: &Mirror,
    other_sessions: bool,
    pattern: &str,
) -> Result<Json> {
    let tracked = schema::tracked_tables(connection)?;
    let duckdb = mirror.connection()?;
    // All: the position too, since the mirror may be ahead of the source, or another's.
    let (all, chosen) = match pattern {
        "*" => (true, tracked),
        _ => {
            let chosen = matching_tracked(connection, pattern)?;
            (chosen.len() == tracked.len(), chosen)
        }
    };
    let ids: Vec<i64> = chosen.iter().map(|t| t.id).collect();
    if all {
        forget_tables(&duckdb)?;
    } else {
        copy_again(&duckdb, &ids)?;
    }
    mirror.give_back(duckdb);
    *mirror.applied() = None;
    sync::sync(connection, mirror, other_sessions)?;
    report(connection, mirror, |t| ids.contains(&t.id), &[])
}

/// Empties the mirror.
fn forget_tables(duckdb: &DuckDb) -> Result<()> {
    let drops: String = sync::mirrored_tables(duckdb)?
        .iter()
        .map(|t| copy::drop_statements(&t.name) + &cold::forget_statements(t.id, &t.name))
        .collect();
    let done = duckdb.execute(&format!(
        "BEGIN; {drops} DELETE FROM _lumos.tables; DELETE FROM _lumos.state; COMMIT"
    ));
    if done.is_err() {
        drop(duckdb.execute("ROLLBACK"));
    }
    done?;
    Ok(())
}

/// The tracked tables that a GLOB pattern or a name means; at least one.
pub fn matching_tracked(connection: &Connection, pattern: &str) -> Result<Vec<Tracked>> {
    let tracked = schema::tracked_tables(connection)?;
    let glob = format!(
        "SELECT ?1 GLOB {0} OR ?1 = {0} COLLATE NOCASE",
        literal(pattern)
    );
    let mut chosen = Vec::new();
    for table in tracked {
        if connection.query_row(&glob, [&table.name], |row| row.get(0))? {
            chosen.push(table);
        }
    }
    match chosen.is_empty() {
        true => Err(error(format!(
            "\"{pattern}\" is not tracked; lumos_status lists the tracked tables"
        ))),
        false => Ok(chosen),
    }
}

/// The options of `lumos_track`: true for tracking by rowid.
fn parse_options(text: &str) -> Result<bool> {
    let mut by_rowid = false;
    for (name, value) in parse_object(text)? {
        match (name.as_str(), value.as_str()) {
            ("key", Some("rowid")) => by_rowid = true,
            ("key", _) => {
                return Err(error(format!(
                    "key is {value}; give \"rowid\", or leave it out"
                )));
            }
            _ => {
                return Err(error(format!(
                    "unknown option \"{name}\"; the option is key"
                )));
            }
        }
    }
    Ok(by_rowid)
}

/// Begins to track a table; `None` if it is tracked already.
fn add(connection: &Connection, name: &str, by_rowid: bool) -> Result<Option<i64>> {
    if schema::tracked_tables(connection)?
        .iter()
        .any(|t| t.name.eq_ignore_ascii_case(name))
    {
        return Ok(None);
    }
    let table = schema::read_table(connection, name)?;
    let key = table.key(by_rowid)?;
    let statement = schema::create_statement(connection, name)?.unwrap_or_default();
    let id = new_id(connection)?;
    free_name(connection, id, name)?;
    connection.execute(
        "INSERT INTO main._lumos_tables(id, name, key, schema, options) VALUES(?1, ?2, ?3, ?4, '{}')",
        (id, name, schema::key_json(&key).to_string(), &statement),
    )?;
    install(connection, id, &table, &key)?;
    Ok(Some(id))
}

/// Ends tracking a table, inside a savepoint.
fn remove(connection: &Connection, table: &Tracked) -> Result<()> {
    drop_triggers(connection, table)?;
    connection.execute("DELETE FROM main._lumos_tables WHERE id = ?1", [table.id])?;
    Ok(())
}

/// Once nothing is tracked, takes the changelog away, and the mirror's memory of it.
fn forget_all(connection: &Connection, mirror: &Mirror) -> Result<()> {
    if !schema::has_changelog(connection)? || !schema::tracked_tables(connection)?.is_empty() {
        return Ok(());
    }
    let mut applied = mirror.applied();
    let duckdb = mirror.connection()?;
    duckdb.execute("DELETE FROM _lumos.state")?;
    mirror.give_back(duckdb);
    schema::writing(connection, || drop_empty_changelog(connection))?;
    *applied = None;
    Ok(())
}
