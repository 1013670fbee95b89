//! What searches in DuckDB keep in memory, by name: as long as the database is open, or until it is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Value as Json, json};

use crate::text;
use crate::vector::Metric;
use crate::vector::held::Held;
use crate::vector::index::Kind;
use crate::vector::written::index_name;
use crate::{Error, Result};

/// What many searches share.
pub struct Shared<T>(Arc<RwLock<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<T> Shared<T> {
    fn new(held: T) -> Self {
        Shared(Arc::new(RwLock::new(held)))
    }

    /// To look at it.
    pub fn read(&self) -> Result<RwLockReadGuard<'_, T>> {
        self.0.read().map_err(|_| broken())
    }

    /// To add to it.
    pub fn write(&self) -> Result<RwLockWriteGuard<'_, T>> {
        self.0.write().map_err(|_| broken())
    }
}

fn broken() -> Error {
    Error::new("an earlier search failed while it wrote the index; search again")
}

/// The indexes of one sort, each under a name and what else tells it apart.
type Named<K, T> = Mutex<HashMap<(String, K), Shared<T>>>;

/// What tells apart indexes of the same vectors: dimensions, metric and kind.
type Form = (usize, &'static str, &'static str);

/// All indexes of a database.
#[derive(Default)]
pub struct Store {
    vectors: Named<Form, Held>,
    texts: Named<(), text::held::Held>,
}

impl Store {
    /// The index of vectors of this name, dimensions, metric and kind; a new one if there is none.
    pub fn vectors(
        &self,
        name: &str,
        dims: usize,
        metric: Metric,
        kind: Kind,
    ) -> Result<Shared<Held>> {
        open(&self.vectors, name, form(dims, metric, kind), || {
            Held::new(dims, metric, kind)
        })
    }

    /// Forgets an index of vectors; searches that are under way end with it.
    pub fn forget_vectors(&self, name: &str, dims: usize, metric: Metric, kind: Kind) {
        let key = (name.to_owned(), form(dims, metric, kind));
        lock(&self.vectors).remove(&key);
    }

    /// The index of texts of this name; a new one if there is none.
    pub fn texts(&self, name: &str) -> Result<Shared<text::held::Held>> {
        open(&self.texts, name, (), || Ok(text::held::Held::default()))
    }

    /// All of them, by name: with `metric`, `dims` and kind `flat4` or `flat8` those of vectors, with kind `words` those
    /// of texts.
    pub fn list(&self) -> Result<Json> {
        let mut all = Vec::new();
        for ((name, (dims, metric, kind)), shared) in lock(&self.vectors).iter() {
            let held = shared.read()?;
            all.push(json!({
                "name": name, "kind": kind, "metric": metric, "dims": dims,
                "values": held.index().len(), "bytes": held.bytes(),
            }));
        }
        for ((name, ()), shared) in lock(&self.texts).iter() {
            let held = shared.read()?;
            all.push(json!({
                "name": name, "kind": "words", "words": held.words(),
                "values": held.len(), "bytes": held.bytes(),
            }));
        }
        all.sort_by_cached_key(|index| {
            let text = |of: &str| index[of].to_string();
            (
                text("name"),
                text("kind"),
                text("metric"),
                index["dims"].as_u64(),
            )
        });
        Ok(Json::Array(all))
    }

    /// Forgets all indexes of a name, which may be written as a search has it, like `docs(id, e, h)`; returns how many
    /// there were. Searches that are under way end with them.
    pub fn drop(&self, name: &str) -> usize {
        let name = index_name(name).unwrap_or_else(|| name.to_owned());
        let (mut vectors, mut texts) = (lock(&self.vectors), lock(&self.texts));
        let before = vectors.len() + texts.len();
        vectors.retain(|(held, _), _| *held != name);
        texts.retain(|(held, ()), _| *held != name);
        before - vectors.len() - texts.len()
    }

    /// Forgets an index of texts; searches that are under way end with it.
    pub fn forget_texts(&self, name: &str) {
        lock(&self.texts).remove(&(name.to_owned(), ()));
    }
}

fn form(dims: usize, metric: Metric, kind: Kind) -> Form {
    (dims, metric.name(), kind.name())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open<K: Eq + std::hash::Hash, T>(
    named: &Named<K, T>,
    name: &str,
    form: K,
    new: impl FnOnce() -> Result<T>,
) -> Result<Shared<T>> {
    let mut all = lock(named);
    let key = (name.to_owned(), form);
    if let Some(shared) = all.get(&key).filter(|s| !s.0.is_poisoned()) {
        return Ok(shared.clone());
    }
    let new = Shared::new(new()?);
    all.insert(key, new.clone());
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_keeps_until_it_forgets() {
        let store = Store::default();
        let open = |dims| store.vectors("t", dims, Metric::L2, Kind::Flat4).unwrap();
        open(2)
            .write()
            .unwrap()
            .add(1, &[0.0, 1.0], 1 << 20)
            .unwrap();
        assert_eq!(open(2).read().unwrap().index().len(), 1);
        assert_eq!(open(3).read().unwrap().index().len(), 0);
        store.forget_vectors("t", 2, Metric::L2, Kind::Flat4);
        assert_eq!(open(2).read().unwrap().index().len(), 0);
    }

    #[test]
    fn what_is_held_is_listed_until_it_is_dropped() {
        let store = Store::default();
        let name = "\"t\"(\"id\", \"e\", \"h\")";
        let vectors = |dims| {
            store
                .vectors(name, dims, Metric::Cosine, Kind::Flat8)
                .unwrap()
        };
        vectors(2)
            .write()
            .unwrap()
            .add(1, &[0.0, 1.0], 1 << 20)
            .unwrap();
        vectors(3);
        let texts = store.texts("\"t\"(\"id\", \"b\", \"hb\")").unwrap();
        texts.write().unwrap().add(1, "a cat", 1 << 20);
        let list = store.list().unwrap();
        let list = list.as_array().unwrap();
        let values: Vec<_> = list.iter().map(|i| (&i["kind"], &i["values"])).collect();
        assert_eq!(
            json!(values),
            json!([["words", 1], ["flat8", 1], ["flat8", 0]])
        );
        assert!(list[1]["bytes"].as_u64().unwrap() > 8);
        assert_eq!(
            (list[0]["words"].as_u64(), &list[0]["name"]),
            (Some(2), &json!("\"t\"(\"id\", \"b\", \"hb\")"))
        );
        assert_eq!(store.drop("t"), 0);
        assert_eq!((store.drop("t(id, e, h)"), store.drop(name)), (2, 0));
        assert_eq!(store.drop("t(id, b, hb)"), 1);
        assert_eq!(store.list().unwrap(), json!([]));
    }
}
