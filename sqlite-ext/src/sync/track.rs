//! `lumos_track`: the triggers in SQLite, and the list of tables that are tracked.

use std::collections::{HashMap, HashSet};

use lumos_core::changelog::{TrackingOptions, stored};
use lumos_core::functions::track::TRACK;
use lumos_core::options::Options as Given;
use lumos_duckdb::engine::{Connection as DuckDb, Value};
use rusqlite::{Connection, ffi};
use serde_json::Value as Json;

use crate::error::{Error, Result, error};
use crate::faults::fault;
use crate::mirror::column_map::ColumnMap;
use crate::mirror::names::{self, CATALOG, OWN};
use crate::mirror::records::mirrored_tables;
use crate::progress::Progress;
use crate::sync::resync::copy_again;
use crate::sync::schema::{self, Matching, Tracked};
use crate::sync::tracked::report;
use crate::sync::triggers_install::{
    create_changelog, drop_empty_changelog, drop_triggers, free_name, install, new_id,
};
use crate::sync::{self, SyncContext, failures};

/// What one call of `lumos_track` means, checked before a mirror is opened.
pub struct Request {
    names: Vec<String>,
    /// Tables that are not tracked, and why.
    left_out: Vec<(String, Error)>,
    several: bool,
    /// `None` leaves those of a tracked table as they are.
    options: Option<TrackingOptions>,
    /// Copy now.
    initial: bool,
}

impl Request {
    /// Reads the arguments; a single table must have a usable key.
    pub fn new(
        connection: &Connection,
        pattern: &str,
        options: Option<&str>,
    ) -> Result<(Request, Progress)> {
        let given = Given::parse(TRACK.options, options)?;
        let progress = Progress::of("lumos_track", &given)?;
        let initial = given.flag("initial").unwrap_or(true);
        let options = if given.says_only(&["progress", "initial"]) {
            None
        } else {
            Some(TrackingOptions::new(&given)?)
        };
        if !connection.is_autocommit() {
            return Err(error("a transaction is open; COMMIT or ROLLBACK first"));
        }
        let several = pattern.contains(['*', '?', '[']);
        let Matching { names, left_out } = schema::matching_tables(connection, pattern)?;
        match names.as_slice() {
            [] if left_out.is_empty() => {
                return Err(error(format!(
                    "no table matches \"{pattern}\"; sqlite_schema lists the tables"
                )));
            }
            [name] if !several => {
                let table = schema::read_table(connection, name)?;
                let options = options.clone().unwrap_or_default().of(&table)?;
                let key = table.key(&options.key)?;
                table.triggers(0, &key, options.columns.as_deref())?;
            }
            [] | [_] => {}
            several => {
                if let Some(target) = options.as_ref().and_then(|o| o.target.as_ref()) {
                    return Err(error(format!(
                        "target is \"{target}\", and \"{pattern}\" matches {} tables; track each with a target of its own",
                        several.len()
                    )));
                }
            }
        }
        let request = Request {
            names,
            left_out,
            several,
            options,
            initial,
        };
        Ok((request, progress))
    }
}

/// A table that this call tracks.
struct New {
    id: i64,
    /// As it was tracked before, with other options.
    before: Option<Tracked>,
}

/// `lumos_track`: tracks the tables and copies them. Returns a report for each.
pub fn track(context: &SyncContext<'_>, request: Request) -> Result<Json> {
    let (connection, mirror) = (context.connection, context.mirror);
    let Request {
        names,
        left_out: mut failures,
        several,
        options,
        initial,
    } = request;
    let mut new: Vec<New> = Vec::new();
    let duckdb = mirror.connection()?;
    schema::writing(connection, || {
        create_changelog(connection)?;
        let mut adding = Adding::new(connection, &duckdb)?;
        for name in &names {
            match adding.add(name, options.as_ref()) {
                Ok(Some(added)) => new.push(added),
                Ok(None) => {}
                Err(e) if several => failures.push((name.clone(), e)),
                Err(e) => return Err(e),
            }
        }
        if new.is_empty() {
            return drop_changelog(connection, &duckdb);
        }
        // A backup that was restored may give ids again.
        copy_again(&duckdb, &ids(&new))?;
        fault!("mirror told to copy");
        Ok(())
    })?;
    fault!("tracked");
    mirror.give_back(duckdb);
    if initial {
        let failed = match sync::sync(context) {
            Ok(report) => report.failed,
            Err(e) => return Err(untracked(context, &new, e)),
        };
        // A table that cannot be copied is not tracked; the others go on.
        let (refused, kept): (Vec<New>, _) = new
            .into_iter()
            .partition(|n| failed.iter().any(|f| f.id == n.id));
        new = kept;
        if !refused.is_empty() {
            let tracked = schema::tracked_tables(connection)?;
            undo(context, &refused)?;
            for failure in failed
                .iter()
                .filter(|f| refused.iter().any(|n| n.id == f.id))
            {
                let table = tracked.iter().find(|t| t.id == failure.id);
                let name = table.map_or(&failure.name, |t| &t.name);
                failures.push((name.clone(), failure.error()));
            }
        }
    }
    if !several && let Some((_, e)) = failures.pop() {
        return Err(e);
    }
    let later = if initial { Vec::new() } else { ids(&new) };
    let tracked =
        |t: &Tracked| names.contains(&t.name) && !failures.iter().any(|(name, _)| *name == t.name);
    report(connection, mirror, tracked, &later, &failures)
}

/// The error of a call that could copy nothing, after it tracks nothing of what it began to track.
fn untracked(context: &SyncContext<'_>, new: &[New], e: Error) -> Error {
    match undo(context, new) {
        Ok(()) => e,
        // SQLite ends all that this call still wants of it.
        Err(_) if e.code == ffi::SQLITE_INTERRUPT => Error {
            message: "interrupted; what is not copied yet is tracked all the same, and the next query copies it: lumos_untrack ends that".into(),
            ..e
        },
        Err(e) => e,
    }
}

fn ids(new: &[New]) -> Vec<i64> {
    new.iter().map(|n| n.id).collect()
}

/// Tracks nothing of what this call began to track, and again what was tracked before.
fn undo(context: &SyncContext<'_>, new: &[New]) -> Result<()> {
    let (connection, mirror) = (context.connection, context.mirror);
    let duckdb = mirror.connection()?;
    // The turn ends before the source commits, which may wait for those who wait for it.
    schema::writing(connection, || {
        let mut entered = mirror.enter_alone(connection, context.deadline)?;
        *entered.applied() = None;
        let mut again = Vec::new();
        for table in schema::tracked_tables(connection)? {
            let Some(new) = new.iter().find(|n| n.id == table.id) else {
                continue;
            };
            remove(connection, &table)?;
            if let Some(before) = &new.before {
                again.push((table.name, before));
            }
        }
        let mut adding = Adding::new(connection, &duckdb)?;
        for (name, before) in again {
            let again = adding.add(&name, Some(&before.options))?;
            copy_again(&duckdb, &ids(again.as_slice()))?;
        }
        for failure in failures::read(&duckdb)? {
            if new.iter().any(|n| n.id == failure.id) {
                failure.clear(&duckdb)?;
            }
        }
        drop_changelog(connection, &duckdb)
    })?;
    mirror.give_back(duckdb);
    Ok(())
}

/// Takes the changelog away if nothing is tracked. A mirror that still has tables needs it to empty itself by.
fn drop_changelog(connection: &Connection, duckdb: &DuckDb) -> Result<()> {
    if mirrored_tables(duckdb)?.is_empty() {
        drop_empty_changelog(connection)
    } else {
        Ok(())
    }
}

/// Beginning to track tables, inside a savepoint, with what each looks at.
struct Adding<'a> {
    connection: &'a Connection,
    tracked: Vec<Tracked>,
    /// The CREATE statements of all tables.
    statements: HashMap<String, (String, String)>,
    /// The names in the mirror that are not Lumos's, in lower case.
    own: HashSet<String>,
    /// The names in the mirror of tracked tables, in lower case, with those tables.
    targets: HashMap<String, String>,
}

impl<'a> Adding<'a> {
    fn new(connection: &'a Connection, duckdb: &DuckDb) -> Result<Adding<'a>> {
        let tracked = schema::tracked_tables(connection)?;
        let failed = failures::read(duckdb)?;
        let own = duckdb.rows(&format!(
                "SELECT lower(name) FROM (SELECT database_name, schema_name, table_name AS name, '' AS sql FROM duckdb_tables() \
                 UNION ALL SELECT database_name, schema_name, view_name, sql FROM duckdb_views()) \
                 WHERE database_name IN ('{OWN}', '{CATALOG}') AND schema_name = 'main' AND NOT contains(sql, '{}.')",
                names::DATA
            ),
        )?;
        let own = own.into_iter().flatten().filter_map(|name| match name {
            Value::Text(name) => Some(name),
            _ => None,
        });
        let is_failed = |name: &String| failed.iter().any(|f| f.name.to_lowercase() == *name);
        Ok(Adding {
            connection,
            own: own.filter(|name| !is_failed(name)).collect(),
            targets: tracked
                .iter()
                .map(|t| (t.target().to_lowercase(), t.name.clone()))
                .collect(),
            tracked,
            statements: schema::create_statements(connection)?,
        })
    }

    /// Begins to track a table; `None` if it is tracked already, with these options if there are any.
    fn add(&mut self, name: &str, options: Option<&TrackingOptions>) -> Result<Option<New>> {
        let connection = self.connection;
        let place = self
            .tracked
            .iter()
            .position(|t| t.name.eq_ignore_ascii_case(name));
        let before = place.map(|i| &self.tracked[i]);
        if before.is_some() && options.is_none() {
            return Ok(None);
        }
        let table = schema::read_table(connection, name)?;
        let options = options.cloned().unwrap_or_default().of(&table)?;
        if before.is_some_and(|b| b.options == options) {
            return Ok(None);
        }
        let key = table.key(&options.key)?;
        self.check_target(name, &options)?;
        ColumnMap::new(&table, &key, &options, None).check_readable(connection)?;
        let statement = self.statements.get(&name.to_ascii_lowercase());
        let statement = statement.map_or("", |(sql, _)| sql);
        schema::atomically(connection, || {
            // Under a new id, so that every mirror of this database copies the table.
            if let Some(before) = before {
                remove(connection, before)?;
            }
            let id = new_id(connection)?;
            free_name(connection, id, name)?;
            connection.execute(
                "INSERT INTO main._lumos_tables(id, name, key, schema, options) VALUES(?1, ?2, ?3, ?4, ?5)",
                (
                    id,
                    name,
                    stored::key_json(&key),
                    statement,
                    options.json().to_string(),
                ),
            )?;
            install(connection, id, &table, &key, &options)?;
            Ok(Some(New {
                id,
                before: before.cloned(),
            }))
        })
        .inspect(|_| {
            let target = options.target.as_deref().unwrap_or(name);
            self.targets.insert(target.to_lowercase(), name.to_owned());
        })
    }

    /// Refuses a name in the mirror that means something else already.
    fn check_target(&self, name: &str, options: &TrackingOptions) -> Result<()> {
        let target = options.target.as_deref().unwrap_or(name);
        let taken = |by: String| {
            error(format!(
                "the name \"{target}\" is taken in the mirror by {by}; give table \"{name}\" another target"
            ))
        };
        if let Some(other) = self.targets.get(&target.to_lowercase())
            && !other.eq_ignore_ascii_case(name)
        {
            return Err(taken(format!("table \"{other}\"")));
        }
        if !target.eq_ignore_ascii_case(name) && schema::exists(self.connection, target)? {
            return Err(taken("a table or view of SQLite".into()));
        }
        if self.own.contains(&target.to_lowercase()) {
            Err(taken("a table or view of your own".into()))
        } else {
            Ok(())
        }
    }
}

/// Ends tracking a table, inside a savepoint.
pub fn remove(connection: &Connection, table: &Tracked) -> Result<()> {
    drop_triggers(connection, table)?;
    connection.execute("DELETE FROM main._lumos_tables WHERE id = ?1", [table.id])?;
    Ok(())
}
