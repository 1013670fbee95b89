//! `lumos_status`: one row a tracked table.

use rusqlite::types::Value;
use serde_json::json;

use crate::error;
use crate::mirror::records::mirrored_tables;
use crate::mirror::state::stored_state;
use crate::session::Session;
use crate::sync::{failures, schema, tracked};

/// The rows, in the order of the columns that the list of functions names.
pub fn rows(session: &Session) -> error::Result<Vec<Vec<Value>>> {
    let connection = session.connection()?;
    let tracked = schema::tracked_tables(&connection)?;
    if tracked.is_empty() {
        return Ok(Vec::new());
    }
    let attached = session.attached()?;
    let duckdb = attached.mirror.connection()?;
    let applied = stored_state(&duckdb)?.map_or(0, |a| a.seq);
    let mirrored = mirrored_tables(&duckdb)?;
    let failed = failures::read(&duckdb)?;
    let counts = tracked::rows_of(&duckdb)?;
    let committed: i64 = connection.query_row(
        "SELECT coalesce(max(seq), 0) FROM main._lumos_log",
        [],
        |row| row.get(0),
    )?;
    let mut rows = Vec::new();
    for table in &tracked {
        let mirror = mirrored.iter().find(|m| m.id == table.id);
        let failure = failed.iter().find(|f| f.id == table.id);
        let count = counts.get(&table.id);
        let pending: i64 = connection.query_row(
            "SELECT count(*) FROM main._lumos_log WHERE seq > ?1 AND tbl = ?2",
            [applied, table.id],
            |row| row.get(0),
        )?;
        let definition = schema::create_statement(&connection, &table.name)?;
        let state = match (definition, mirror) {
            (None, _) => "missing",
            _ if failure.is_some() => "failed",
            (Some(sql), Some(m)) if sql == table.schema && sql == m.schema => "ok",
            _ => "changed",
        };
        rows.push(vec![
            Value::Text(table.name.clone()),
            Value::Text(json!(table.key.names()).to_string()),
            count.map_or(Value::Null, |n| Value::Integer(*n)),
            Value::Integer(committed),
            Value::Integer(applied),
            Value::Integer(pending),
            match (pending, attached.mirror.since_fresh()) {
                (1.., Some(since)) => Value::Integer(since.as_millis() as i64),
                _ => Value::Null,
            },
            Value::Text(state.into()),
            match failure.map(|f| failures::message(&connection, f)) {
                Some(message) => Value::Text(message),
                None => attached
                    .mirror
                    .last_error(table.id)
                    .map_or(Value::Null, Value::Text),
            },
            Value::Text(table.options.json().to_string()),
        ]);
    }
    attached.mirror.give_back(duckdb);
    Ok(rows)
}
