//! `lumos_resync`: copying tables again, and emptying a mirror.

use lumos_duckdb::engine::Connection as DuckDb;
use rusqlite::Connection;
use serde_json::Value as Json;

use crate::access;
use crate::error::Result;
use crate::faults::fault;
use crate::mirror::column_map::ColumnMap;
use crate::mirror::records::{MirrorRecord, mirrored_tables};
use crate::sync::schema::{self, Tracked};
use crate::sync::tracked::{matching_tracked, report};
use crate::sync::{self, SyncContext, failures};

/// `lumos_resync`: copies the tables again that `pattern` means, and returns what `lumos_track` does.
pub fn resync(context: &SyncContext<'_>, pattern: &str) -> Result<Json> {
    let (connection, mirror) = (context.connection, context.mirror);
    let tracked = schema::tracked_tables(connection)?;
    let duckdb = mirror.connection()?;
    // All: the watermark too, since the mirror may be ahead of the source, or another's.
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
pub fn forget_tables(duckdb: &DuckDb) -> Result<()> {
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

/// Has the mirror forget what it knows of these tables.
pub fn copy_again(duckdb: &DuckDb, ids: &[i64]) -> Result<()> {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    let ids = ids.join(", ");
    duckdb.execute(&format!(
        "UPDATE _lumos.tables SET schema = '' WHERE id IN ({ids}); {}",
        failures::retry_statement(&ids)
    ))?;
    Ok(())
}
