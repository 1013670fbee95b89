//! Results of earlier queries, kept while the tables that they read are unchanged.
//!
//! A result is kept only if its plan says that nothing but mirrored tables and functions that give the same for the
//! same make it: of these tables the version counts, which changes with every applied change. Anything else runs.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lumos_duckdb::engine::{Chunk, LogicalType};
use serde_json::{Value as Json, json};

use crate::access::Question;
use crate::locks::{Lock, Rank, locked};

/// A single result takes at most this part of the cache.
const LARGEST_PART: usize = 4;

/// A complete result.
#[derive(Clone)]
pub struct CachedResult {
    /// The columns' names.
    pub names: Vec<String>,
    /// The columns' types.
    pub types: Vec<LogicalType>,
    /// The rows.
    pub chunks: Vec<Arc<Chunk>>,
    /// What it reads.
    pub reads: Arc<[Question]>,
}

/// The results of one mirror, at most so many bytes.
pub struct Cache {
    limit: usize,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<String, Entry>,
    bytes: usize,
    /// Counts uses, to find the entry that was not used for longest.
    uses: u64,
    hits: u64,
    misses: u64,
    /// The version of each mirrored table, by its name in lower case.
    versions: Arc<HashMap<String, u64>>,
    /// Counts how often all were dropped.
    cleared: u64,
}

struct Entry {
    answer: CachedResult,
    bytes: usize,
    last_use: u64,
    versions: Vec<(String, u64)>,
}

/// A result on its way into the cache.
pub struct Recording {
    key: String,
    /// All versions from before the query began: newer rows under an old version do no harm.
    versions: Arc<HashMap<String, u64>>,
    cleared: u64,
    /// By the names in the mirror, in lower case; `None` until the query was planned.
    reads: Option<HashMap<String, Vec<Question>>>,
    chunks: Vec<Arc<Chunk>>,
    bytes: usize,
}

impl Recording {
    /// Adds what a statement of the query reads, by the tables' names in the mirror, in lower case; `None` if something
    /// else makes the result too. False if the result cannot be kept.
    pub fn reads(&mut self, asked: Option<Vec<(String, Question)>>) -> bool {
        let Some(asked) = asked else {
            return false;
        };
        let reads = self.reads.get_or_insert_default();
        for (name, question) in asked {
            if !self.versions.contains_key(&name) {
                return false;
            }
            let questions = reads.entry(name).or_default();
            // Planned twice where a column needs a cast.
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
        true
    }
}

impl Cache {
    /// An empty cache; a limit of 0 keeps nothing.
    pub fn new(limit: usize) -> Cache {
        Cache {
            limit,
            state: Lock::new(Rank::Moment, State::default()),
        }
    }

    /// The result of this very query, if the tables that it read are unchanged.
    pub fn answer(&self, sql: &str, params: &str) -> Option<CachedResult> {
        if self.limit == 0 {
            return None;
        }
        let mut state = locked(&self.state);
        state.uses += 1;
        let now = state.uses;
        let key = key(sql, params);
        let fresh = state.entries.get(&key).map(|e| {
            e.versions
                .iter()
                .all(|(t, v)| state.versions.get(t) == Some(v))
        });
        match fresh {
            Some(true) => {
                state.hits += 1;
                let entry = state.entries.get_mut(&key)?;
                entry.last_use = now;
                Some(entry.answer.clone())
            }
            Some(false) => {
                state.misses += 1;
                state.remove(&key);
                None
            }
            None => {
                state.misses += 1;
                None
            }
        }
    }

    /// Begins to record the result of a query that is about to start.
    pub fn record(&self, sql: &str, params: &str) -> Option<Recording> {
        if self.limit == 0 {
            return None;
        }
        let state = locked(&self.state);
        Some(Recording {
            key: key(sql, params),
            versions: Arc::clone(&state.versions),
            cleared: state.cleared,
            reads: None,
            chunks: Vec::new(),
            bytes: 0,
        })
    }

    /// Adds a chunk; false once the result is too large to keep.
    pub fn add(
        &self,
        recording: &mut Recording,
        chunk: &Arc<Chunk>,
        types: &[LogicalType],
    ) -> bool {
        recording.bytes += chunk.bytes(types);
        recording.chunks.push(Arc::clone(chunk));
        recording.bytes <= self.limit / LARGEST_PART
    }

    /// Stores a complete result, and evicts the least recently used ones where it has no room.
    pub fn keep(&self, recording: Recording, names: &[String], types: &[LogicalType]) {
        let Some(reads) = recording.reads else {
            return;
        };
        let mut state = locked(&self.state);
        if recording.cleared != state.cleared {
            return;
        }
        state.remove(&recording.key);
        while state.bytes + recording.bytes > self.limit {
            let Some(oldest) = state
                .entries
                .iter()
                .min_by_key(|(_, e)| e.last_use)
                .map(|(k, _)| k.clone())
            else {
                break;
            };
            state.remove(&oldest);
        }
        state.bytes += recording.bytes;
        let (mut versions, mut questions) = (Vec::new(), Vec::new());
        for (name, asked) in reads {
            let version = recording.versions.get(&name).copied().unwrap_or_default();
            versions.push((name, version));
            questions.extend(asked);
        }
        let answer = CachedResult {
            names: names.to_vec(),
            types: types.to_vec(),
            chunks: recording.chunks,
            reads: questions.into(),
        };
        let entry = Entry {
            answer,
            bytes: recording.bytes,
            last_use: state.uses,
            versions,
        };
        state.entries.insert(recording.key, entry);
    }

    /// Drops all results, and does not keep those of queries that run: what they depend on beside tables has changed.
    pub fn clear(&self) {
        let mut state = locked(&self.state);
        state.cleared += 1;
        state.entries.clear();
        state.bytes = 0;
    }

    /// The mirror has these tables now, of which those in `changed` are no longer what they were. Called before
    /// the mirror is free for the next sync, so that no query finds both new rows and an old result.
    pub fn update(&self, mirrored: &[String], changed: &[String]) {
        let mut state = locked(&self.state);
        let lower = |names: &[String]| {
            names
                .iter()
                .map(|n| n.to_lowercase())
                .collect::<HashSet<_>>()
        };
        let (mirrored, changed) = (lower(mirrored), lower(changed));
        let State { versions, uses, .. } = &mut *state;
        let versions = Arc::make_mut(versions);
        versions.retain(|name, _| mirrored.contains(name));
        for name in mirrored {
            *uses += 1;
            // A version never comes again, also not when a table does.
            let version = *uses;
            match versions.entry(name) {
                Vacant(entry) => {
                    entry.insert(version);
                }
                Occupied(mut entry) if changed.contains(entry.key()) => {
                    entry.insert(version);
                }
                Occupied(_) => {}
            }
        }
    }

    /// `lumos_cache_stats`.
    pub fn stats(&self) -> Json {
        let state = locked(&self.state);
        json!({
            "entries": state.entries.len(),
            "bytes": state.bytes,
            "limit": self.limit,
            "hits": state.hits,
            "misses": state.misses,
        })
    }
}

impl State {
    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }
}

/// The text without the spaces around it, and the parameters.
fn key(sql: &str, params: &str) -> String {
    format!("{}\0{params}", sql.trim().trim_end_matches(';').trim_end())
}
