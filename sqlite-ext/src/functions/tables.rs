//! What writes tables of SQLite for long, or has nothing to do with the mirror's tables.

use lumos_core::functions::compat::COMPAT;
use lumos_core::functions::load::LOAD;
use rusqlite::types::Value;

use super::{Bodies, json};
use crate::query::files;
use crate::vector::compat;

pub const BODIES: Bodies = &[
    (&LOAD, |call| {
        let (path, table) = (call.required(0)?, call.required(1)?);
        let rows = files::load(call.session, path, table, &call.options(2)?)?;
        Ok(Value::Integer(rows))
    }),
    (&COMPAT, |call| {
        json(compat::compat(
            &call.session.connection()?,
            call.required(0)?,
        )?)
    }),
];
