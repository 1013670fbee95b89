//! `lumos_embed` for a chunk of rows.

use std::collections::{BTreeMap, HashMap};

use lumos_core::embed::models;
use lumos_core::server::never;
use lumos_core::vector::format::{self, Format};
use lumos_core::{Result, Value, ValueRef};

use crate::vectors::arguments::{Column, Output};

/// The texts of a chunk that go to one server: each once, with the rows that have it.
#[derive(Default)]
struct Batch {
    places: HashMap<String, usize>,
    rows: Vec<(usize, usize)>,
}

/// Writes the vectors of the texts that go to a server; true for the rows that are done by it.
///
/// A server takes many texts at once, where one after the other would take a request each.
pub fn remote(columns: &mut [Column<'_>], rows: usize, output: &mut Output) -> Result<Vec<bool>> {
    let mut done = vec![false; rows];
    let [texts, names] = columns else {
        return Ok(done);
    };
    let mut batches: BTreeMap<String, Batch> = BTreeMap::new();
    for (row, done) in done.iter_mut().enumerate() {
        let (ValueRef::Text(text), ValueRef::Text(name)) = (texts.get(row)?, names.get(row)?)
        else {
            continue;
        };
        if !batches.contains_key(name) {
            if !models::is_remote(name) {
                continue;
            }
            batches.insert(name.to_owned(), Batch::default());
        }
        if let Some(batch) = batches.get_mut(name) {
            let next = batch.places.len();
            let place = *batch.places.entry(text.to_owned()).or_insert(next);
            batch.rows.push((row, place));
            *done = true;
        }
    }
    for (name, batch) in batches {
        let mut texts = vec![""; batch.places.len()];
        for (text, place) in &batch.places {
            texts[*place] = text;
        }
        let vectors = models::embed_all(&texts, &name, &never())?;
        for (row, place) in batch.rows {
            let blob = format::encode(&vectors[place], Format::F32)?;
            output.set(row, &Value::Blob(blob))?;
        }
    }
    Ok(done)
}
