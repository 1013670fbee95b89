//! The models of the process, for `lumos_embed`.

use lumos_core::embed::models;
use lumos_core::functions::models::{MODEL_ADD, MODEL_LOCK, MODEL_REMOVE, MODELS};
use rusqlite::types::Value;

use super::{Bodies, json};

pub const BODIES: Bodies = &[
    (&MODEL_ADD, |call| {
        let (name, path) = (call.required(0)?, call.required(1)?);
        json(lumos_duckdb::models::add(name, path, call.text(2)?)?)
    }),
    (&MODEL_REMOVE, |call| {
        Ok(Value::Integer(models::remove(call.required(0)?)?.into()))
    }),
    (&MODEL_LOCK, |_| json(models::lock())),
    (&MODELS, |_| json(models::list())),
];
