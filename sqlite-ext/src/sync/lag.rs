//! `lumos_lag`: how many changes wait.

use rusqlite::types::Value;

use crate::error::Result;
use crate::mirror::state::stored_state;
use crate::session::Session;
use crate::sync::Watermark;
use crate::sync::tracked::matching_tracked;

/// The log rows behind what the mirror equals; NULL if it has nothing of this database.
pub fn lag(session: &Session, table: Option<&str>) -> Result<Value> {
    let connection = session.connection()?;
    let chosen = table
        .map(|pattern| matching_tracked(&connection, pattern))
        .transpose()?;
    let Some(watermark) = Watermark::read(&connection)? else {
        return Ok(Value::Integer(0));
    };
    let mirror = session.attached()?.mirror;
    let duckdb = mirror.connection()?;
    let stored = stored_state(&duckdb)?;
    mirror.give_back(duckdb);
    let Some(applied) = stored.filter(|a| a.source == watermark.source) else {
        return Ok(Value::Null);
    };
    let Some(chosen) = chosen else {
        // Each row of the log has the number after the one before it.
        return Ok(Value::Integer((watermark.seq - applied.seq).max(0)));
    };
    let mut pending = 0;
    for table in &chosen {
        pending += connection.query_row(
            "SELECT count(*) FROM main._lumos_log WHERE seq > ?1 AND tbl = ?2",
            [applied.seq, table.id],
            |row| row.get::<_, i64>(0),
        )?;
    }
    Ok(Value::Integer(pending))
}
