//! The models of this process by name, and what a text becomes by one of them.
//!
//! A model is read once, when it is added, and stays in memory until it is removed or the process ends: all
//! connections of the process share it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};

use super::encoder::Encoder;
use super::hash;
use super::table::Table;
use super::tensors::Tensors;
use super::tokenizer::Tokenizer;
use crate::{Error, Result};

/// The name of the model that is always there.
pub const BUILT_IN: &str = "hash";

static MODELS: Mutex<BTreeMap<String, Arc<Model>>> = Mutex::new(BTreeMap::new());

struct Model {
    /// The folder that it was read from.
    path: String,
    kind: Kind,
}

enum Kind {
    Table(Box<Table>),
    Encoder(Box<Encoder>),
}

/// Adds the model in the folder `path`, and describes it. `read` gives a file of the folder, if it is there.
///
/// Adding the same folder again under the same name reads nothing.
pub fn add(name: &str, path: &str, read: impl Fn(&str) -> Result<Option<Vec<u8>>>) -> Result<Json> {
    if name.is_empty() || name == BUILT_IN {
        return Err(Error::new(format!(
            "\"{name}\" cannot be the name of a model; choose another"
        )));
    }
    let known = models().get(name).map(Arc::clone);
    if let Some(model) = known {
        return match model.path == path {
            true => Ok(describe(name, &model)),
            false => Err(Error::new(format!(
                "there is a model \"{name}\" already, from {}; choose another name, or lumos_model_remove('{name}') first",
                model.path
            ))),
        };
    }
    let model = Arc::new(Model {
        path: path.into(),
        kind: Kind::load(read)?,
    });
    let description = describe(name, &model);
    models().insert(name.into(), model);
    Ok(description)
}

/// Forgets a model; its memory is free once no call uses it any more. False if there is none.
pub fn remove(name: &str) -> bool {
    models().remove(name).is_some()
}

/// A JSON array of all models, the built-in one first.
pub fn list() -> Json {
    let mut all = vec![json!({
        "model": BUILT_IN, "kind": "hash", "dimensions": hash::DIMENSIONS, "path": null
    })];
    all.extend(models().iter().map(|(name, model)| describe(name, model)));
    Json::Array(all)
}

/// The vector of a text by this model; its length is 1, or 0 if the model knows nothing of the text.
pub fn embed(text: &str, model: &str) -> Result<Vec<f32>> {
    if model == BUILT_IN {
        return Ok(hash::embed(text));
    }
    // Not locked while it computes.
    let found = models().get(model).map(Arc::clone);
    let Some(found) = found else {
        return Err(Error::new(format!(
            "there is no model \"{model}\"; add it with lumos_model_add('{model}', 'its folder'), or leave the model out for '{BUILT_IN}'"
        )));
    };
    let vector = match &found.kind {
        Kind::Table(table) => table.embed(text),
        Kind::Encoder(encoder) => encoder.embed(text)?,
    };
    let length = vector.dot(&vector).sqrt();
    Ok(match length > 0.0 {
        true => vector.iter().map(|v| v / length).collect(),
        false => vector.to_vec(),
    })
}

fn models() -> MutexGuard<'static, BTreeMap<String, Arc<Model>>> {
    MODELS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn describe(name: &str, model: &Model) -> Json {
    let (kind, dimensions) = match &model.kind {
        Kind::Table(table) => ("static", table.dimensions()),
        Kind::Encoder(encoder) => ("encoder", encoder.dimensions()),
    };
    json!({"model": name, "kind": kind, "dimensions": dimensions, "path": model.path})
}

impl Kind {
    fn load(read: impl Fn(&str) -> Result<Option<Vec<u8>>>) -> Result<Kind> {
        let required = |file: &str| {
            read(file)?.ok_or_else(|| {
                Error::new(format!(
                    "{file} is missing in the folder; a model is tokenizer.json and model.safetensors, with config.json for an encoder"
                ))
            })
        };
        let object = |file: &str, bytes: Vec<u8>| -> Result<Json> {
            serde_json::from_slice(&bytes)
                .map_err(|e| Error::new(format!("{file} is not JSON: {e}")))
        };
        let optional = |file: &str| match read(file)? {
            Some(bytes) => object(file, bytes),
            None => Ok(Json::Null),
        };
        let tokenizer = Tokenizer::parse(&required("tokenizer.json")?)?;
        let bytes = required("model.safetensors")?;
        let tensors = Tensors::parse(&bytes)?;
        if let Some(name) = Table::tensor(&tensors) {
            return Table::load(&tensors, name, tokenizer)
                .map(|table| Kind::Table(Box::new(table)));
        }
        let Some(prefix) = Encoder::prefix(&tensors) else {
            return Err(Error::new(
                "model.safetensors has neither embeddings of tokens nor an encoder like BERT; other models are not supported",
            ));
        };
        let config = object("config.json", required("config.json")?)?;
        let pooling = optional("1_Pooling/config.json")?;
        let limits = optional("sentence_bert_config.json")?;
        Encoder::load(&tensors, prefix, tokenizer, &config, &pooling, &limits)
            .map(|encoder| Kind::Encoder(Box::new(encoder)))
    }
}
