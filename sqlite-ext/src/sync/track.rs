//! Tracking tables: the triggers in SQLite, and the lists of what is tracked.

use std::collections::{HashMap, HashSet};

use lumos_core::changelog::{TrackingOptions, stored};
use lumos_core::functions::track::TRACK;
use lumos_core::options::Options as Given;
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{Connection as DuckDb, Value};
use rusqlite::{Connection, ffi};
use serde_json::{Value as Json, json};

use crate::access;
use crate::error::{Error, Result, error};
use crate::faults::fault;
use crate::mirror::column_map::ColumnMap;
use crate::mirror::names::{self, CATALOG, OWN};
use crate::mirror::records::{MirrorRecord, mirrored_tables};
use crate::mirror::state::stored_state;
use crate::mirror::{Mirror, interruptible};
use crate::progress::Progress;
use crate::sync::schema::{self, Matching, Tracked};
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

/// Has the mirror forget what it knows of these tables.
fn copy_again(duckdb: &DuckDb, ids: &[i64]) -> Result<()> {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    let ids = ids.join(", ");
    duckdb.execute(&format!(
        "UPDATE _lumos.tables SET schema = '' WHERE id IN ({ids}); {}",
        failures::retry_statement(&ids)
    ))?;
    Ok(())
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

/// One element a table: its rows and key, or why it is not tracked. Those in `later` have no rows yet.
fn report(
    connection: &Connection,
    mirror: &Mirror,
    chosen: impl Fn(&Tracked) -> bool,
    later: &[i64],
    failures: &[(String, Error)],
) -> Result<Json> {
    let duckdb = mirror.connection()?;
    let counts = rows_of(&duckdb)?;
    let failed = failures::read(&duckdb)?;
    let mut tables = Vec::new();
    for table in schema::tracked_tables(connection)?
        .iter()
        .filter(|t| chosen(t))
    {
        if let Some(failure) = failed.iter().find(|f| f.id == table.id) {
            let message = failures::message(connection, failure);
            tables.push(json!({ "table": table.name, "error": message }));
            continue;
        }
        let rows = counts.get(&table.id);
        if rows.is_some() || later.contains(&table.id) {
            tables.push(json!({ "table": table.name, "rows": rows, "key": table.key.names() }));
        }
    }
    mirror.give_back(duckdb);
    tables.extend(
        failures
            .iter()
            .map(|(name, e)| json!({ "table": name, "error": e.message })),
    );
    Ok(Json::Array(tables))
}

/// The rows that the mirror has of each table, by its id.
pub fn rows_of(duckdb: &DuckDb) -> Result<HashMap<i64, i64>> {
    /// Tables that one statement counts.
    const AT_ONCE: usize = 100;
    let mut counts = HashMap::new();
    for tables in mirrored_tables(duckdb)?.chunks(AT_ONCE) {
        let selects: Vec<String> = tables
            .iter()
            .map(|t| format!("SELECT {}, count(*) FROM {}", t.id, names::view(&t.name)))
            .collect();
        // Of a damaged mirror each by itself, as far as there are any.
        let found = duckdb.rows(&selects.join(" UNION ALL ")).or_else(|_| {
            let each = selects.iter().map(|sql| duckdb.rows(sql));
            Ok::<_, Error>(each.filter_map(std::result::Result::ok).flatten().collect())
        })?;
        for row in found {
            if let [Value::Integer(id), Value::Integer(rows)] = row.as_slice() {
                counts.insert(*id, *rows);
            }
        }
    }
    Ok(counts)
}

/// `lumos_untrack`: the names of the tables that are not tracked any more. Without `drop_mirror` their rows stay.
pub fn untrack(context: &SyncContext<'_>, pattern: &str, drop_mirror: bool) -> Result<Json> {
    let (connection, mirror) = (context.connection, context.mirror);
    if !connection.is_autocommit() {
        return Err(error("a transaction is open; COMMIT or ROLLBACK first"));
    }
    if !drop_mirror {
        sync::sync(context)?;
    }
    // Looked for inside: another process may drop or rebuild a table just now.
    let mut kept = Vec::new();
    let chosen = schema::writing(connection, || {
        let chosen = matching_tracked(connection, pattern)?;
        chosen
            .iter()
            .try_for_each(|table| remove(connection, table))?;
        if !drop_mirror {
            kept = keep_rows(mirror, &chosen)?;
        }
        Ok(chosen)
    })
    .inspect_err(|_| {
        // They are tracked as before.
        if let Ok(duckdb) = mirror.connection() {
            drop_own(&duckdb, &kept);
            mirror.give_back(duckdb);
        }
    })?;
    fault!("untracked");
    // What hinders the others is not this call's failure; the next query says it.
    let synced = sync::sync(context).is_ok();
    let forgotten = forget_all(context);
    if synced {
        forgotten?;
        // Gives the space back.
        let duckdb = mirror.connection()?;
        interruptible::checkpoint(&duckdb);
        mirror.give_back(duckdb);
    }
    Ok(chosen.into_iter().map(|t| t.name).collect())
}

/// Makes tables of one's own of mirrored ones, which are followed no more. Returns their names.
fn keep_rows(mirror: &Mirror, tables: &[Tracked]) -> Result<Vec<String>> {
    mirror.open_own()?;
    let duckdb = mirror.connection()?;
    let mirrored = mirrored_tables(&duckdb)?;
    let kept = mirrored
        .iter()
        .filter(|m| tables.iter().any(|t| t.id == m.id));
    let names: Vec<String> = kept.clone().map(|t| t.name.clone()).collect();
    // Two transactions, as there are two databases. In between the rows are in both, and the mirrored are found first.
    let copies: String = (names.iter().map(|name| identifier(name)))
        .map(|name| format!("CREATE TABLE {OWN}.main.{name} AS FROM {CATALOG}.main.{name};"))
        .collect();
    interruptible::transaction(&duckdb, || Ok(duckdb.execute(&copies)?))?;
    let forgets: String = kept
        .map(|t| t.drop_statements() + &format!("DELETE FROM _lumos.tables WHERE id = {};", t.id))
        .collect();
    interruptible::transaction(&duckdb, || Ok(duckdb.execute(&forgets)?))
        .inspect_err(|_| drop_own(&duckdb, &names))?;
    let all: Vec<String> = mirrored.into_iter().map(|m| m.name).collect();
    mirror.cache.update(&all, &all);
    mirror.reshaped();
    mirror.give_back(duckdb);
    Ok(names)
}

/// Drops what [`keep_rows`] made.
fn drop_own(duckdb: &DuckDb, names: &[String]) {
    let drops: String = (names.iter().map(|name| identifier(name)))
        .map(|name| format!("DROP TABLE IF EXISTS {OWN}.main.{name};"))
        .collect();
    drop(duckdb.execute(&drops));
}

/// `lumos_resync`: copies the tables again that `pattern` means, and returns what [`track`] does.
pub fn resync(context: &SyncContext<'_>, pattern: &str) -> Result<Json> {
    let (connection, mirror) = (context.connection, context.mirror);
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
    chosen
        .iter()
        .try_for_each(|t| check_readable(connection, t))?;
    let ids: Vec<i64> = chosen.iter().map(|t| t.id).collect();
    // Held, so that no other connection of the process applies changes meanwhile.
    let mut entered = mirror.enter_alone(connection, context.deadline)?;
    if all {
        forget_tables(&duckdb)?;
    } else {
        copy_again(&duckdb, &ids)?;
    }
    *entered.applied() = None;
    drop(entered);
    mirror.give_back(duckdb);
    fault!("told to copy again");
    let done = sync::sync(context)?;
    // Those that were made anew have another id since.
    let chosen = matching_tracked(connection, pattern).unwrap_or(chosen);
    let ids: Vec<i64> = chosen.iter().map(|t| t.id).collect();
    done.check(connection, Some(&chosen))?;
    report(connection, mirror, |t| ids.contains(&t.id), &[], &[])
}

/// An error if this connection may not read what the mirror has of a table, before the mirror forgets it.
fn check_readable(connection: &Connection, table: &Tracked) -> Result<()> {
    if schema::create_statement(connection, &table.name)?.is_none() {
        return Ok(());
    }
    let definition = schema::read_table(connection, &table.name)?;
    let copied = ColumnMap::new(&definition, &table.key, &table.options, None);
    match copied.check_readable(connection) {
        Err(e) if access::is_refusal(&e) => Err(e),
        // The table may be another by now; what is copied is read from a snapshot.
        _ => Ok(()),
    }
}

/// Empties the mirror.
fn forget_tables(duckdb: &DuckDb) -> Result<()> {
    let drops: String = mirrored_tables(duckdb)?
        .iter()
        .map(MirrorRecord::drop_statements)
        .collect();
    let views = failures::clear_statements(&failures::read(duckdb)?);
    let done = duckdb.execute(&format!(
        "BEGIN; {drops} {views} DELETE FROM _lumos.tables; DELETE FROM _lumos.state; COMMIT"
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
    if chosen.is_empty() {
        Err(error(format!(
            "\"{pattern}\" is not tracked; lumos_status lists the tracked tables"
        )))
    } else {
        Ok(chosen)
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
fn remove(connection: &Connection, table: &Tracked) -> Result<()> {
    drop_triggers(connection, table)?;
    connection.execute("DELETE FROM main._lumos_tables WHERE id = ?1", [table.id])?;
    Ok(())
}

/// Once nothing is tracked, takes the changelog away, and what the mirror has of this database: its memory of it, and
/// tables that it could not give up by itself, as after a restore. A mirror of another database stays as it is.
fn forget_all(context: &SyncContext<'_>) -> Result<()> {
    let (connection, mirror) = (context.connection, context.mirror);
    if !schema::has_changelog(connection)? || !schema::tracked_tables(connection)?.is_empty() {
        return Ok(());
    }
    let duckdb = mirror.connection()?;
    // The turn ends before the source commits, which may wait for those who wait for it.
    schema::writing(connection, || {
        let mut entered = mirror.enter_alone(connection, context.deadline)?;
        let source = sync::Watermark::read(connection)?.map(|position| position.source);
        if stored_state(&duckdb)?.is_none_or(|stored| Some(stored.source) == source) {
            forget_tables(&duckdb)?;
            *entered.applied() = None;
            mirror.reshaped();
            mirror.cache.clear();
        }
        fault!("mirror forgot all");
        drop_empty_changelog(connection)
    })?;
    mirror.give_back(duckdb);
    fault!("changelog dropped");
    Ok(())
}
