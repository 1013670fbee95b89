//! `lumos_untrack`: following tables no more, whose rows may stay in the mirror.

use lumos_core::sql::identifier;
use lumos_duckdb::engine::Connection as DuckDb;
use serde_json::Value as Json;

use crate::error::{Result, error};
use crate::faults::fault;
use crate::mirror::names::{CATALOG, OWN};
use crate::mirror::records::mirrored_tables;
use crate::mirror::state::stored_state;
use crate::mirror::{Mirror, interruptible};
use crate::sync::resync::forget_tables;
use crate::sync::schema::{self, Tracked};
use crate::sync::track::remove;
use crate::sync::tracked::matching_tracked;
use crate::sync::triggers_install::drop_empty_changelog;
use crate::sync::{self, SyncContext};

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
        let source = sync::Watermark::read(connection)?.map(|watermark| watermark.source);
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
