//! What searches in DuckDB keep in memory, by name: as long as the database is open, or until it is dropped.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Value as Json, json};

use super::account::Account;
use super::index_name;
use super::inverted_index::InvertedIndex;
use super::vector_index::{Form, VectorIndex};
use crate::program::Kept;
use crate::{Error, Result};

/// Statements that are between their two parts at the same time. Those that ended there are forgotten first.
const BEGUN: usize = 4096;

/// Searches of others after which an index that nobody searches makes room.
const IDLE: u64 = 64;

/// What many searches share.
pub struct SharedIndex<T>(Arc<RwLock<T>>);

impl<T> Clone for SharedIndex<T> {
    fn clone(&self) -> Self {
        SharedIndex(Arc::clone(&self.0))
    }
}

impl<T> SharedIndex<T> {
    fn new(held: T) -> Self {
        SharedIndex(Arc::new(RwLock::new(held)))
    }

    /// To look at it. Errors if a thread panicked while it wrote.
    pub fn read(&self) -> Result<RwLockReadGuard<'_, T>> {
        self.0.read().map_err(|_| broken())
    }

    /// To add to it. Errors if a thread panicked while it wrote.
    pub fn write(&self) -> Result<RwLockWriteGuard<'_, T>> {
        self.0.write().map_err(|_| broken())
    }
}

fn broken() -> Error {
    Error::new("an earlier search failed while it wrote the index; search again")
}

/// The indexes of one sort, each under the name of its table and what else tells it apart; with the number of the
/// search that used it last.
type Named<K, T> = Mutex<HashMap<(String, K), (SharedIndex<T>, u64)>>;

/// A search between its two parts.
#[derive(Clone)]
pub struct Begun {
    /// What it was told, as text.
    pub plan: Arc<str>,
    /// The name of the index.
    pub name: Arc<str>,
}

/// All indexes of a database.
#[derive(Default)]
pub struct IndexCache {
    /// By their dimensions.
    vectors: Named<usize, VectorIndex>,
    texts: Named<(), InvertedIndex>,
    account: Account,
    searches: AtomicU64,
    begun: Mutex<VecDeque<(u64, Begun)>>,
    numbers: RandomState,
    /// What other functions keep.
    pub kept: Kept,
}

impl IndexCache {
    /// The vectors of this name and dimensions; new ones if there are none, with an index of this form. Those of a
    /// search that failed are replaced. Errors if an index cannot have so many dimensions or this form.
    pub fn vectors(&self, name: &str, dims: usize, form: Form) -> Result<SharedIndex<VectorIndex>> {
        self.open(&self.vectors, name, dims, || {
            VectorIndex::new(dims, form, self.account.another())
        })
    }

    /// Forgets vectors; searches that are under way end with them.
    pub fn forget_vectors(&self, name: &str, dims: usize) {
        lock(&self.vectors).remove(&(name.to_owned(), dims));
    }

    /// The index of texts of this name; a new one if there is none, or a search that wrote it failed. Errors if none
    /// can be made.
    pub fn texts(&self, name: &str) -> Result<SharedIndex<InvertedIndex>> {
        self.open(&self.texts, name, (), || {
            Ok(InvertedIndex::new(self.account.another()))
        })
    }

    /// Forgets an index of texts; searches that are under way end with it.
    pub fn forget_texts(&self, name: &str) {
        lock(&self.texts).remove(&(name.to_owned(), ()));
    }

    /// Forgets indexes that nobody has searched for long, since another has no room.
    pub fn forget_idle(&self) {
        let now = self.searches.load(Ordering::Relaxed);
        lock(&self.vectors).retain(|_, (_, used)| now - *used < IDLE);
        lock(&self.texts).retain(|_, (_, used)| now - *used < IDLE);
    }

    /// Keeps what the second part of a search needs of the first, until [`Self::end`]. The number is the search's own,
    /// and no other statement can guess it.
    pub fn begin(&self, plan: &str, name: &str) -> u64 {
        let count = self.searches.fetch_add(1, Ordering::Relaxed);
        let number = self.numbers.hash_one(count);
        let (plan, name) = (plan.into(), name.into());
        let mut begun = lock(&self.begun);
        begun.truncate(BEGUN - 1);
        begun.push_front((number, Begun { plan, name }));
        number
    }

    /// The search of this number.
    pub fn begun(&self, number: u64) -> Option<Begun> {
        let begun = lock(&self.begun);
        let found = begun.iter().find(|(of, _)| *of == number);
        found.map(|(_, begun)| begun.clone())
    }

    /// Forgets the search of this number.
    pub fn end(&self, number: u64) {
        lock(&self.begun).retain(|(of, _)| *of != number);
    }

    /// All of them, by name: with `metric`, `dims` and kind `flat4` or `flat8` those of vectors, with kind `words` those
    /// of texts. The vectors of a table are counted once, with the first of its indexes. Errors if a search failed
    /// while it wrote to one of them.
    pub fn list(&self) -> Result<Json> {
        let mut all = Vec::new();
        for ((name, dims), (shared, _)) in lock(&self.vectors).iter() {
            let held = shared.read()?;
            let others: usize = held.indexes()[1..].iter().map(|i| i.bytes()).sum();
            for (i, index) in held.indexes().iter().enumerate() {
                let bytes = if i == 0 {
                    held.bytes() - others
                } else {
                    index.bytes()
                };
                all.push(json!({
                    "name": name, "kind": index.kind().name(), "metric": index.metric().name(), "dims": dims,
                    "values": index.len(), "bytes": bytes,
                }));
            }
        }
        for ((name, ()), (shared, _)) in lock(&self.texts).iter() {
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

    /// Forgets all indexes of a name, which may be written as a search has it, like `docs(id, e, h)`: then of every
    /// table that it can mean. Returns how many there were. Searches that are under way end with them.
    pub fn drop(&self, name: &str) -> usize {
        let name = index_name(name).unwrap_or_else(|| name.to_owned());
        let last = format!(".{name}");
        let meant = |held: &str| held == name || held.ends_with(&last);
        let mut count = 0;
        lock(&self.vectors).retain(|(held, _), (shared, _)| {
            let gone = meant(held);
            // One that is broken had an index at least.
            count += if gone {
                shared.read().map_or(1, |held| held.indexes().len())
            } else {
                0
            };
            !gone
        });
        lock(&self.texts).retain(|(held, ()), _| {
            let gone = meant(held);
            count += usize::from(gone);
            !gone
        });
        count
    }

    fn open<K: Eq + std::hash::Hash, T>(
        &self,
        named: &Named<K, T>,
        name: &str,
        key: K,
        new: impl FnOnce() -> Result<T>,
    ) -> Result<SharedIndex<T>> {
        let now = self.searches.load(Ordering::Relaxed);
        let mut all = lock(named);
        let key = (name.to_owned(), key);
        if let Some((shared, used)) = all.get_mut(&key).filter(|(s, _)| !s.0.is_poisoned()) {
            *used = now;
            return Ok(shared.clone());
        }
        let new = SharedIndex::new(new()?);
        all.insert(key, (new.clone(), now));
        Ok(new)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::Metric;
    use crate::vector::index::Kind;

    const FLAT: Form = (Metric::L2, Kind::Flat4);
    const NAME: &str = "\"m\".\"main\".\"t\"(\"id\", \"e\", \"h\")";

    #[test]
    fn a_store_keeps_until_it_forgets() {
        let store = IndexCache::default();
        let open = |dims| store.vectors("t", dims, FLAT).unwrap();
        open(2)
            .write()
            .unwrap()
            .add(1, &[0.0, 1.0], 1 << 20)
            .unwrap();
        assert_eq!(open(2).read().unwrap().len(), 1);
        assert_eq!(open(3).read().unwrap().len(), 0);
        assert!(store.account.total() > 0);
        store.forget_vectors("t", 2);
        assert_eq!(open(2).read().unwrap().len(), 0);
        assert_eq!(store.account.total(), 0);
        // An index that is not searched makes room, one that is does not.
        for _ in 0..IDLE {
            open(3);
            store.forget_idle();
            store.end(store.begin("", ""));
        }
        assert_eq!(store.list().unwrap().as_array().unwrap().len(), 2);
        store.forget_idle();
        assert_eq!(store.list().unwrap().as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_search_has_its_number_until_it_ends() {
        let store = IndexCache::default();
        let numbers: Vec<u64> = (0..BEGUN + 5)
            .map(|i| store.begin(&i.to_string(), "n"))
            .collect();
        assert!(store.begun(numbers[4]).is_none());
        assert_eq!(&*store.begun(numbers[5]).unwrap().plan, "5");
        store.end(numbers[5]);
        assert!(store.begun(numbers[5]).is_none() && store.begun(numbers[6]).is_some());
        assert!(store.begun(0).is_none());
    }

    #[test]
    fn what_is_held_is_listed_until_it_is_dropped() {
        let store = IndexCache::default();
        let vectors = |dims, form| {
            let shared = store.vectors(NAME, dims, form).unwrap();
            shared.write().unwrap().follow(form, 100).unwrap();
            shared
        };
        vectors(2, FLAT)
            .write()
            .unwrap()
            .add(1, &[0.0, 1.0], 1 << 20)
            .unwrap();
        vectors(2, (Metric::Cosine, Kind::Flat8));
        vectors(3, FLAT);
        let words = NAME.replace("\"e\", \"h\"", "\"b\", \"hb\"");
        let texts = store.texts(&words).unwrap();
        texts.write().unwrap().add(1, "a cat", 1 << 20);
        let list = store.list().unwrap();
        let list = list.as_array().unwrap();
        let values: Vec<_> = list.iter().map(|i| (&i["kind"], &i["values"])).collect();
        assert_eq!(
            json!(values),
            json!([["words", 1], ["flat4", 1], ["flat4", 0], ["flat8", 1]])
        );
        let bytes: u64 = list.iter().filter_map(|i| i["bytes"].as_u64()).sum();
        assert_eq!(bytes as usize, store.account.total());
        assert_eq!(
            (list[0]["words"].as_u64(), &list[0]["name"]),
            (Some(2), &json!(words))
        );
        for other in ["t", "u(id, e, h)", "n.main.t(id, e, h)", "t(id, e)"] {
            assert_eq!(store.drop(other), 0, "{other}");
        }
        assert_eq!((store.drop("T(ID, e, h)"), store.drop(NAME)), (3, 0));
        assert_eq!(store.drop("main.t(id, b, hb)"), 1);
        drop(texts);
        assert_eq!(store.list().unwrap(), json!([]));
        assert_eq!(store.account.total(), 0);
    }
}
