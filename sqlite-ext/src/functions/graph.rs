//! A graph of facts: what writes its tables.

use lumos_core::functions::facts::{ENTITY_MERGE, ENTITY_MERGE_ROWS, FACT_ADD, FACT_ADD_ROWS};
use lumos_core::memory::graph::folds::{ALIAS_COLUMNS, FACT_COLUMNS};
use rusqlite::types::Value;

use super::Bodies;
use super::memory::{rows, store};

pub const BODIES: Bodies = &[
    (&FACT_ADD, |call| {
        let connection = call.session.connection()?;
        let rows = rows(call, &FACT_ADD_ROWS, &connection)?;
        // The fact itself is the last.
        let id = rows.last().and_then(|row| row.first()).cloned();
        store(&connection, "lumos_fact", FACT_COLUMNS, 1, rows)?;
        Ok(id.unwrap_or(Value::Null))
    }),
    (&ENTITY_MERGE, |call| {
        let connection = call.session.connection()?;
        let rows = rows(call, &ENTITY_MERGE_ROWS, &connection)?;
        let new = !rows.is_empty();
        if new {
            store(&connection, "lumos_alias", ALIAS_COLUMNS, 2, rows)?;
        }
        Ok(Value::Integer(i64::from(new)))
    }),
];
