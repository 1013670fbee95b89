//! The models of this process by name, and what a text becomes by one of them.
//!
//! A model is read once, when it is added, and stays in memory until it is removed or the process ends: all
//! connections of the process share it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ndarray::Array1;
use serde_json::{Value as Json, json};

use super::encoder::Encoder;
use super::endpoint::Endpoint;
use super::hash;
use super::recent::Recent;
use super::static_model::Table;
use super::tensors::Tensors;
use super::tokenizer::Tokenizer;
use crate::server::{Stop, never};
use crate::{Error, Result};

/// The name of the model that is always there.
pub const BUILT_IN: &str = "hash";

static MODELS: Mutex<BTreeMap<String, Arc<Model>>> = Mutex::new(BTreeMap::new());

/// True once no model may be added or removed any more.
static LOCKED: AtomicBool = AtomicBool::new(false);

struct Model {
    /// The folder that it was read from, or the server's address.
    path: String,
    kind: Kind,
    recent: Recent,
}

enum Kind {
    Table(Box<Table>),
    Encoder(Box<Encoder>),
    Endpoint(Box<Endpoint>),
}

/// Adds the model in the folder `path`, and describes it. `read` gives a file of the folder, if it is there.
///
/// Adding the same folder again under the same name reads nothing. Errors if the models are locked, the name is taken
/// or cannot be one, `read` fails, or the files are no model of a known kind.
pub fn add(name: &str, path: &str, read: impl Fn(&str) -> Result<Option<Vec<u8>>>) -> Result<Json> {
    check_unlocked()?;
    match known(name)? {
        Some(model) if model.path == path => Ok(describe(name, &model)),
        Some(model) => Err(taken(name, &model)),
        None => Ok(insert(name, path, Kind::load(read)?)),
    }
}

/// Adds the model of a server, and describes it. Nothing is sent before a text is embedded. Errors if the models are
/// locked, or the name is taken or cannot be one.
pub fn add_endpoint(name: &str, endpoint: Endpoint) -> Result<Json> {
    check_unlocked()?;
    match known(name)? {
        Some(model) => match &model.kind {
            Kind::Endpoint(known) if known.is(&endpoint) => Ok(describe(name, &model)),
            _ => Err(taken(name, &model)),
        },
        None => {
            let path = endpoint.server().shown().to_owned();
            Ok(insert(name, &path, Kind::Endpoint(Box::new(endpoint))))
        }
    }
}

/// The model of this name, unless no model can have it.
fn known(name: &str) -> Result<Option<Arc<Model>>> {
    match name {
        "" | BUILT_IN => Err(Error::new(format!(
            "\"{name}\" cannot be the name of a model; choose another"
        ))),
        _ => Ok(models().get(name).map(Arc::clone)),
    }
}

fn taken(name: &str, model: &Model) -> Error {
    Error::new(format!(
        "there is a model \"{name}\" already, from {}; choose another name, or lumos_model_remove('{name}') first",
        model.path
    ))
}

fn insert(name: &str, path: &str, kind: Kind) -> Json {
    let path = path.to_owned();
    let recent = Recent::default();
    let model = Arc::new(Model { path, kind, recent });
    let description = describe(name, &model);
    models().insert(name.into(), model);
    description
}

/// Forgets a model; its memory is free once no call uses it any more. False if there is none. Errors once the models
/// are locked.
pub fn remove(name: &str) -> Result<bool> {
    check_unlocked()?;
    Ok(models().remove(name).is_some())
}

/// Leaves the models as they are until the process ends, and lists them.
pub fn lock() -> Json {
    LOCKED.store(true, Ordering::SeqCst);
    list()
}

/// Errors once [`lock`] was called. Callers ask before they look at folders or servers.
pub fn check_unlocked() -> Result<()> {
    if LOCKED.load(Ordering::SeqCst) {
        Err(Error::new(
            "the models of this process are locked by lumos_lock() or lumos_model_lock(); add and remove models before that",
        ))
    } else {
        Ok(())
    }
}

/// A JSON array of all models, the built-in one first.
pub fn list() -> Json {
    let mut all = vec![json!({
        "model": BUILT_IN, "kind": "hash", "dimensions": hash::DIMENSIONS, "path": null
    })];
    all.extend(models().iter().map(|(name, model)| describe(name, model)));
    Json::Array(all)
}

/// The vector of a text by this model; its length is 1, or 0 if the model knows nothing of the text. Errors as
/// [`embed_all`] does.
pub fn embed(text: &str, model: &str) -> Result<Vec<f32>> {
    embed_all(&[text], model, &never()).map(|vectors| vectors.concat())
}

/// The vectors of texts by this model, which asks now and then whether to stop. Errors if there is no such model, if
/// a server does not answer as it should, and once `stop` says so.
pub fn embed_all(texts: &[&str], model: &str, stop: &Stop) -> Result<Vec<Vec<f32>>> {
    if model == BUILT_IN {
        return Ok(texts.iter().map(|text| hash::embed(text)).collect());
    }
    // Not locked while it computes.
    let found = models().get(model).map(Arc::clone);
    let Some(found) = found else {
        return Err(Error::new(format!(
            "there is no model \"{model}\"; add it with lumos_model_add('{model}', 'its folder'), or leave the model out for '{BUILT_IN}'"
        )));
    };
    found.recent.or_ask(texts, || match &found.kind {
        Kind::Table(table) => Ok(texts.iter().map(|text| unit(table.embed(text))).collect()),
        Kind::Encoder(encoder) => {
            let vectors = texts.iter().map(|text| encoder.embed(text).map(unit));
            vectors.collect()
        }
        Kind::Endpoint(endpoint) => endpoint.embed(texts, stop),
    })
}

/// True if texts for this model go to a server, where many at once cost little more than one.
pub fn is_remote(model: &str) -> bool {
    let models = models();
    matches!(models.get(model), Some(model) if matches!(model.kind, Kind::Endpoint(_)))
}

/// The vector of length 1 in the direction of this one.
fn unit(vector: Array1<f32>) -> Vec<f32> {
    let length = vector.dot(&vector).sqrt();
    if length > 0.0 {
        vector.iter().map(|v| v / length).collect()
    } else {
        vector.to_vec()
    }
}

fn models() -> MutexGuard<'static, BTreeMap<String, Arc<Model>>> {
    MODELS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn describe(name: &str, model: &Model) -> Json {
    let (kind, dimensions) = match &model.kind {
        Kind::Table(table) => ("static", Some(table.dimensions())),
        Kind::Encoder(encoder) => ("encoder", Some(encoder.dimensions())),
        Kind::Endpoint(endpoint) => ("endpoint", endpoint.dimensions()),
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
