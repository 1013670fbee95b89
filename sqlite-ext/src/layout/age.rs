//! What `older_than` means: a value of the column, or an age that becomes one when the time is given.

use lumos_core::mirror::MirrorType;
use lumos_core::sql::literal;
use lumos_duckdb::engine::{Connection as DuckDb, Value};

use crate::error::{Result, error};

/// True for an age such as `90 days`.
pub fn is_age(older_than: &str) -> bool {
    let Some((number, unit)) = older_than.trim().split_once(' ') else {
        return false;
    };
    let unit = unit.trim().to_ascii_lowercase();
    (1..=6).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
        && ["hour", "day", "week", "month", "year"]
            .contains(&unit.strip_suffix('s').unwrap_or(&unit))
}

/// True for a column of dates or times.
pub fn has_time(ty: MirrorType) -> bool {
    let name = ty.sql();
    name == "DATE" || name.starts_with("TIMESTAMP")
}

/// The value of the column below which rows are old, as text. `now` is needed for an age.
pub fn bound(
    duckdb: &DuckDb,
    older_than: &str,
    now: Option<&str>,
    column: &str,
    ty: MirrorType,
) -> Result<String> {
    let sql_type = ty.sql();
    let given = match (is_age(older_than), now) {
        (false, _) => literal(older_than),
        (true, None) => {
            return Err(error(format!(
                "\"{older_than}\" is an age; lumos_tier_run is given the time"
            )));
        }
        (true, Some(now)) => {
            let then = format!(
                "CAST({} AS TIMESTAMP) - CAST({} AS INTERVAL)",
                literal(now),
                literal(older_than)
            );
            match sql_type.as_str() {
                // ISO dates as text have the order of time; the time of day may be written in two ways.
                "VARCHAR" => format!("strftime({then}, '%Y-%m-%d')"),
                _ if has_time(ty) => then,
                _ => {
                    return Err(error(format!(
                        "column \"{column}\" is {sql_type}, and an age needs dates; give a value of the column as older_than"
                    )));
                }
            }
        }
    };
    text(duckdb, &format!("TRY_CAST({given} AS {sql_type})"))?.ok_or_else(|| {
        error(format!(
            "older_than is \"{older_than}\", and column \"{column}\" is {sql_type}; give such a value, or an age like '90 days'"
        ))
    })
}

/// An error if it is no date or time.
pub fn check_now(duckdb: &DuckDb, now: &str) -> Result<()> {
    match text(duckdb, &format!("TRY_CAST({} AS TIMESTAMP)", literal(now)))? {
        Some(_) => Ok(()),
        None => Err(error(format!(
            "now is \"{now}\"; give a date and time like 2026-11-23 or 2026-11-23 10:30:00"
        ))),
    }
}

/// An expression's value as text.
fn text(duckdb: &DuckDb, expression: &str) -> Result<Option<String>> {
    let rows = duckdb.rows(&format!("SELECT CAST({expression} AS VARCHAR)"))?;
    Ok(match rows.into_iter().flatten().next() {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    })
}
