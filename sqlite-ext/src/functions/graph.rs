//! A graph of facts: what writes its tables.

use lumos_core::functions::facts::{ENTITY_MERGE, ENTITY_MERGE_ROWS, FACT_ADD, FACT_ADD_ROWS};
use lumos_core::memory::graph::folds::{ALIAS_COLUMNS, FACT_COLUMNS};
use rusqlite::types::Value;

use super::Bodies;
use super::memory::{id, rows, store};

pub const BODIES: Bodies = &[
    (&FACT_ADD, |call| {
        let rows = rows(call, &FACT_ADD_ROWS)?;
        store(call, "lumos_fact", FACT_COLUMNS, 1, &rows)?;
        // The fact itself is the last.
        Ok(id(&rows))
    }),
    (&ENTITY_MERGE, |call| {
        let rows = rows(call, &ENTITY_MERGE_ROWS)?;
        let new = !rows.is_empty();
        if new {
            store(call, "lumos_alias", ALIAS_COLUMNS, 2, &rows)?;
        }
        Ok(Value::Integer(i64::from(new)))
    }),
];
