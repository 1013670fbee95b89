//! `lumos_tier`, `lumos_tier_run`, `lumos_tiers`, `lumos_untier`: which rows of a table leave the mirror for files, and where to.

use std::sync::Arc;
use std::time::Instant;

use lumos_core::options::Options;
use lumos_core::sql::literal;
use lumos_duckdb::engine::{Connection as DuckDb, Value};
use rusqlite::Connection;
use serde_json::{Value as Json, json};

use crate::error::{Result, error};
use crate::layout::age;
use crate::layout::tier_move::{self, Move, Moved};
use crate::locks::Deadline;
use crate::mirror::cold_rows::Shape;
use crate::mirror::records::mirrored_tables;
use crate::mirror::{Mirror, allow_files, interruptible};
use crate::progress::Progress;
use crate::sync::schema::{self, Tracked};
use crate::sync::tracked;

/// What is kept of a call of `lumos_tier`.
pub struct Policy {
    pub id: i64,
    pub column: String,
    pub older_than: String,
    pub folder: String,
    pub partition_by: String,
}

/// The policies of the tables.
pub fn policies(duckdb: &DuckDb) -> Result<Vec<Policy>> {
    let found = duckdb.rows(
        "SELECT id, column_name, older_than, folder, partition_by FROM _lumos.tiers ORDER BY id",
    )?;
    Ok(found
        .into_iter()
        .filter_map(|row| match <[Value; 5]>::try_from(row) {
            Ok(
                [
                    Value::Integer(id),
                    Value::Text(column),
                    Value::Text(older_than),
                    Value::Text(folder),
                    Value::Text(partition_by),
                ],
            ) => Some(Policy {
                id,
                column,
                older_than,
                folder,
                partition_by,
            }),
            _ => None,
        })
        .collect())
}

/// What all three that write do: nobody else writes the mirror meanwhile, and what is left over goes afterwards.
fn working<T>(
    host: &Connection,
    mirror: &Mirror,
    body: impl FnOnce(&DuckDb) -> Result<T>,
) -> Result<T> {
    let _entered = mirror.enter_alone(host, Deadline::start())?;
    let duckdb = mirror.connection()?;
    let done = body(&duckdb);
    mirror.give_back(duckdb);
    done
}

/// `lumos_tier`, after what is pending was applied.
pub fn tier(
    host: &Connection,
    mirror: &Arc<Mirror>,
    arguments: [&str; 4],
    options: &Options,
) -> Result<Json> {
    let [table, column, older_than, folder] = arguments;
    let progress = Progress::of("lumos_tier", options)?;
    let partition_by = options.text("partition_by");
    if mirror.path == ":memory:" {
        return Err(error(
            "the mirror is in memory, and files would outlive it; give lumos_attach the path of a file",
        ));
    }
    let folder = allow_files::allowed_folder(mirror, folder)?;
    let table = one(host, table)?;
    working(host, mirror, |duckdb| {
        let shape = shape(duckdb, &table)?;
        let Some((column, ty)) = shape.column(column) else {
            return Err(no_column(&table.name, column));
        };
        let partition_by = match partition_by {
            Some(unit) if unit != "none" && !age::has_time(ty) => {
                return Err(error(format!(
                    "column \"{column}\" is {}, which has no {unit}; leave partition_by out",
                    ty.sql()
                )));
            }
            Some(unit) => unit,
            None if age::has_time(ty) => "month",
            None => "none",
        };
        let waits = age::is_age(older_than);
        // Also where it waits, an age must be one that the column can have.
        let now = waits.then_some("2000-01-01");
        let bound = age::bound(duckdb, older_than, now, column, ty)?;
        let policy = Policy {
            id: table.id,
            column: column.to_owned(),
            older_than: older_than.to_owned(),
            folder,
            partition_by: partition_by.to_owned(),
        };
        keep(duckdb, &policy)?;
        if waits {
            Ok(report(&table.name, older_than, &Moved::default(), 0))
        } else {
            run(host, mirror, duckdb, &policy, shape, bound, &progress)
        }
    })
}

/// `lumos_tier_run`, after what is pending was applied.
pub fn tier_run(
    host: &Connection,
    mirror: &Arc<Mirror>,
    now: &str,
    progress: Progress,
) -> Result<Json> {
    let tracked = schema::tracked_tables(host)?;
    working(host, mirror, |duckdb| {
        age::check_now(duckdb, now)?;
        let mut reports = Vec::new();
        for policy in policies(duckdb)? {
            let Some(table) = tracked.iter().find(|t| t.id == policy.id) else {
                forget(duckdb, policy.id)?;
                continue;
            };
            let moved = shape(duckdb, table).and_then(|shape| {
                let Some((column, ty)) = shape.column(&policy.column) else {
                    return Err(no_column(&table.name, &policy.column));
                };
                let bound = age::bound(duckdb, &policy.older_than, Some(now), column, ty)?;
                allow_files::allowed_folder(mirror, &policy.folder)?;
                run(host, mirror, duckdb, &policy, shape, bound, &progress)
            });
            reports.push(moved.map_err(|e| crate::error::Error {
                message: match e.code {
                    rusqlite::ffi::SQLITE_INTERRUPT => e.message,
                    _ => format!("table \"{}\": {}", table.name, e.message),
                },
                ..e
            })?);
        }
        Ok(reports.into())
    })
}

/// `lumos_untier`, after what is pending was applied: the rows that came back.
pub fn untier(host: &Connection, mirror: &Arc<Mirror>, table: &str) -> Result<i64> {
    let table = one(host, table)?;
    working(host, mirror, |duckdb| {
        let shape = shape(duckdb, &table)?;
        let rows = interruptible::run(host, duckdb, &Progress::none(), || {
            tier_move::bring_back(duckdb, table.id, &shape)
        });
        let rows = tier_move::settle(mirror, duckdb, table.target(), rows)?;
        forget(duckdb, table.id)?;
        Ok(rows as i64)
    })
}

fn run(
    host: &Connection,
    mirror: &Mirror,
    duckdb: &DuckDb,
    policy: &Policy,
    shape: Shape,
    bound: String,
    progress: &Progress,
) -> Result<Json> {
    let clock = Instant::now();
    let name = shape.name.clone();
    let column = shape.column(&policy.column).map(|(c, _)| c.to_owned());
    let work = Move {
        id: policy.id,
        column: column.unwrap_or_default(),
        bound,
        folder: policy.folder.clone(),
        partition_by: policy.partition_by.clone(),
        shape,
        rows: Default::default(),
    };
    let moved = interruptible::run_saying(
        host,
        duckdb,
        progress,
        || work.how_far(),
        || work.run(duckdb),
    );
    let moved = tier_move::settle(mirror, duckdb, &name, moved)?;
    Ok(report(
        &name,
        &work.bound,
        &moved,
        clock.elapsed().as_millis() as u64,
    ))
}

fn report(table: &str, older_than: &str, moved: &Moved, ms: u64) -> Json {
    json!({
        "table": table,
        "older_than": older_than,
        "rows": moved.rows,
        "files": moved.files,
        "bytes": moved.bytes,
        "ms": ms,
    })
}

/// The tracked table with this name.
fn one(host: &Connection, name: &str) -> Result<Tracked> {
    let mut found = tracked::matching_tracked(host, name)?;
    match (found.pop(), found.is_empty()) {
        (Some(table), true) => Ok(table),
        _ => Err(error(format!(
            "\"{name}\" means several tables; give the name of one"
        ))),
    }
}

fn shape(duckdb: &DuckDb, table: &Tracked) -> Result<Shape> {
    let mirrored = mirrored_tables(duckdb)?;
    let Some(mirrored) = mirrored.iter().find(|m| m.id == table.id) else {
        return Err(error(format!(
            "table \"{}\" is not mirrored; lumos_sync() copies it",
            table.name
        )));
    };
    Shape::read(duckdb, &mirrored.name, &mirrored.types, &table.key)
}

fn no_column(table: &str, column: &str) -> crate::error::Error {
    error(format!(
        "table \"{table}\" has no column \"{column}\"; give a column of the table"
    ))
}

fn keep(duckdb: &DuckDb, policy: &Policy) -> Result<()> {
    interruptible::transaction(duckdb, || {
        forget(duckdb, policy.id)?;
        duckdb.execute(&format!(
            "INSERT INTO _lumos.tiers VALUES({}, {}, {}, {}, {})",
            policy.id,
            literal(&policy.column),
            literal(&policy.older_than),
            literal(&policy.folder),
            literal(&policy.partition_by)
        ))?;
        Ok(())
    })
}

fn forget(duckdb: &DuckDb, id: i64) -> Result<()> {
    duckdb.execute(&format!("DELETE FROM _lumos.tiers WHERE id = {id}"))?;
    Ok(())
}
