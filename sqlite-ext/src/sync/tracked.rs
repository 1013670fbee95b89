//! What is tracked: the tables that a call means, how many rows the mirror has of them, and what a call says of each.

use std::collections::HashMap;

use lumos_core::sql::literal;
use lumos_duckdb::engine::{Connection as DuckDb, Value};
use rusqlite::Connection;
use serde_json::{Value as Json, json};

use crate::error::{Error, Result, error};
use crate::mirror::records::mirrored_tables;
use crate::mirror::{Mirror, names};
use crate::sync::failures;
use crate::sync::schema::{self, Tracked};

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

/// One element a table: its rows and key, or why it is not tracked. Those in `later` have no rows yet.
pub fn report(
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
