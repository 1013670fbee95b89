//! Results of earlier queries, kept while the tables that they read are unchanged.
//!
//! A result is kept only if all that it depends on is known: the mirrored tables in its text, by the version
//! that changes with every applied change, and functions that give the same for the same. Anything else runs.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

use lumos_duckdb::engine::{Chunk, Connection as DuckDb, LogicalType};
use serde_json::{Value as Json, json};

use crate::error::Result;
use crate::mirror::locked;
use crate::query::stream::Params;
use crate::sync;

/// A single result takes at most this part of the cache.
const LARGEST_PART: usize = 4;

/// Functions whose results are not kept; read from DuckDB once, which takes longer than many a query.
static UNSTEADY: OnceLock<HashSet<String>> = OnceLock::new();

/// A complete result.
#[derive(Clone)]
pub struct Answer {
    /// The columns' names.
    pub names: Vec<String>,
    /// The columns' types.
    pub types: Vec<LogicalType>,
    /// The rows.
    pub chunks: Vec<Arc<Chunk>>,
}

/// The results of one mirror, at most so many bytes.
pub struct Cache {
    limit: usize,
    state: Mutex<State>,
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
    versions: HashMap<String, u64>,
    /// How often all was dropped.
    cleared: u64,
}

struct Entry {
    answer: Answer,
    bytes: usize,
    last_use: u64,
    reads: Vec<(String, u64)>,
}

/// A result on its way into the cache.
pub struct Recording {
    key: String,
    reads: Vec<(String, u64)>,
    chunks: Vec<Arc<Chunk>>,
    bytes: usize,
    /// [`State::cleared`] before it was begun.
    cleared: u64,
}

impl Cache {
    /// An empty cache; a limit of 0 keeps nothing.
    pub fn new(limit: usize) -> Cache {
        Cache {
            limit,
            state: Mutex::default(),
        }
    }

    /// The result of this very query, if the tables that it read are unchanged.
    pub fn answer(&self, sql: &str, params: &Params) -> Option<Answer> {
        if self.limit == 0 {
            return None;
        }
        let mut state = locked(&self.state);
        state.uses += 1;
        let now = state.uses;
        let key = key(sql, params);
        let fresh = state.entries.get(&key).map(|e| {
            e.reads
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

    /// Begins to record the result of a query that is about to start, if it may be kept.
    pub fn record(&self, duckdb: &DuckDb, sql: &str, params: &Params) -> Result<Option<Recording>> {
        if self.limit == 0 {
            return Ok(None);
        }
        let unsteady = match UNSTEADY.get() {
            Some(names) => names,
            None => {
                let names = unsteady_functions(duckdb)?;
                UNSTEADY.get_or_init(|| names)
            }
        };
        if words(sql).any(|word| unsteady.contains(&word)) {
            return Ok(None);
        }
        let state = locked(&self.state);
        let tables = duckdb.table_names(&without_parameters(sql));
        let reads = tables
            .into_iter()
            .map(|t| {
                let name = t.to_lowercase();
                state.versions.get(&name).map(|v| (name, *v))
            })
            .collect::<Option<Vec<_>>>();
        // Without a table there is nothing that takes time, or something that the names do not show.
        let reads = reads.filter(|r| !r.is_empty());
        Ok(reads.map(|reads| Recording {
            key: key(sql, params),
            reads,
            chunks: Vec::new(),
            bytes: 0,
            cleared: state.cleared,
        }))
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

    /// Keeps a complete result; those not used for longest go.
    pub fn keep(&self, recording: Recording, names: &[String], types: &[LogicalType]) {
        let mut state = locked(&self.state);
        if state.cleared != recording.cleared {
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
        let answer = Answer {
            names: names.to_vec(),
            types: types.to_vec(),
            chunks: recording.chunks,
        };
        let entry = Entry {
            answer,
            bytes: recording.bytes,
            last_use: state.uses,
            reads: recording.reads,
        };
        state.entries.insert(recording.key, entry);
    }

    /// Drops all results, also those that are being recorded. Called once a statement of the user's has changed what
    /// queries may name.
    pub fn clear(&self) {
        let mut state = locked(&self.state);
        state.entries.clear();
        state.bytes = 0;
        state.cleared += 1;
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
        state.versions.retain(|name, _| mirrored.contains(name));
        for name in mirrored {
            state.uses += 1;
            // A version never comes again, also not when a table does.
            let version = state.uses;
            match state.versions.entry(name) {
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
fn key(sql: &str, params: &Params) -> String {
    format!(
        "{}\0{params:?}",
        sql.trim().trim_end_matches(';').trim_end()
    )
}

/// The text with NULL for its parameters: DuckDB names no tables for a text with parameters.
pub fn without_parameters(sql: &str) -> String {
    let mut out = String::new();
    let mut chars = sql.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '?' | '$') => {
                while chars
                    .peek()
                    .is_some_and(|c| c.is_alphanumeric() || *c == '_')
                {
                    chars.next();
                }
                out.push_str("NULL");
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), c) if c == q => quote = None,
            _ => {}
        }
        out.push(c);
    }
    out
}

/// The words of a text in lower case, wherever they stand: a word in a string keeps a result out for nothing.
fn words(sql: &str) -> impl Iterator<Item = String> {
    sql.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
}

/// Functions that give another value another time, and table functions, which may read anything.
fn unsteady_functions(duckdb: &DuckDb) -> Result<HashSet<String>> {
    let found = sync::rows(
        duckdb,
        "SELECT DISTINCT lower(function_name) FROM duckdb_functions() \
         WHERE (function_type = 'table' AND function_name NOT IN ('range', 'generate_series', 'unnest')) \
         OR (function_type IN ('scalar', 'aggregate') AND stability <> 'CONSISTENT')",
    )?;
    let mut names: HashSet<String> = found
        .into_iter()
        .filter_map(|row| match row.into_iter().next() {
            Some(sync::Value::Text(name)) => Some(name),
            _ => None,
        })
        .collect();
    // Words that need no parentheses.
    for word in [
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "tablesample",
        "sample",
    ] {
        names.insert(word.to_owned());
    }
    Ok(names)
}
