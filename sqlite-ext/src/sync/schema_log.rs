//! `lumos_schema_log`: what happened to the mirrored tables, as the mirror remembers it.

use lumos_core::sql::literal;
use lumos_duckdb::engine::Connection as DuckDb;

use crate::error::Result;

/// So many of the last events are kept.
const KEPT: usize = 1000;

/// Something that happened to a mirrored table.
#[derive(Debug)]
pub struct Event {
    /// The table's name.
    pub table: String,
    /// What happened.
    pub event: String,
    /// The rows that were copied, if they were.
    pub rows: Option<u64>,
}

/// Adds events to the record, inside the transaction of what happened.
pub fn record(duckdb: &DuckDb, events: &[Event], schema_version: i64) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> = events
        .iter()
        .enumerate()
        .map(|(i, e)| {
            format!(
                "({i}, {}, {}, {})",
                literal(&e.table),
                literal(&e.event),
                e.rows.map_or("NULL".into(), |n| n.to_string())
            )
        })
        .collect();
    duckdb.execute(&format!(
        "INSERT INTO _lumos.schema_log SELECT (SELECT coalesce(max(seq), 0) FROM _lumos.schema_log) + 1 + i, \
         strftime(now()::TIMESTAMP, '%Y-%m-%d %H:%M:%S'), name, event, copied, {schema_version} FROM (VALUES {}) v(i, name, event, copied); \
         DELETE FROM _lumos.schema_log WHERE seq <= (SELECT max(seq) FROM _lumos.schema_log) - {KEPT}",
        rows.join(", ")
    ))?;
    Ok(())
}
