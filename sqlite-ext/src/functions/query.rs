//! SQL in DuckDB, and its rows in files.

use lumos_core::functions::arrow::ARROW;
use lumos_core::functions::cache_stats::CACHE_STATS;
use lumos_core::functions::exec::EXEC;
use lumos_core::functions::explain::EXPLAIN;
use lumos_core::functions::export::EXPORT;
use lumos_core::functions::import::IMPORT;
use lumos_core::functions::scalar::SCALAR;
use rusqlite::types::Value;

use super::{Bodies, json};
use crate::query::{exec, files};

pub const BODIES: Bodies = &[
    (&SCALAR, |call| {
        exec::scalar(call.session, call.required(0)?, call.text(1)?)
    }),
    (&ARROW, |call| {
        let stream = exec::arrow(call.session, call.required(0)?, call.text(1)?)?;
        Ok(Value::Blob(stream))
    }),
    (&EXEC, |call| {
        let rows = exec::exec(call.session, call.required(0)?, call.text(1)?)?;
        Ok(Value::Integer(rows))
    }),
    (&EXPLAIN, |call| {
        let timings = call.options(1)?.flag("timings").unwrap_or(false);
        let plan = exec::explain(call.session, call.required(0)?, timings, call.text(2)?)?;
        Ok(Value::Text(plan))
    }),
    (&IMPORT, |call| {
        json(exec::import(
            call.session,
            call.required(0)?,
            call.text(1)?,
        )?)
    }),
    (&EXPORT, |call| {
        let (sql, path) = (call.required(0)?, call.required(1)?);
        let rows = files::export(call.session, sql, path, call.progress(2)?)?;
        Ok(Value::Integer(rows))
    }),
    (&CACHE_STATS, |call| {
        json(call.session.attached()?.mirror.cache.stats())
    }),
];
