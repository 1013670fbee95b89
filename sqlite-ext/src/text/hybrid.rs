//! `lumos_hybrid(name, query, text, k, options)`: the rows that are near and hold the words.

use std::collections::HashMap;
use std::sync::Arc;

use lumos_core::functions::hybrid::HYBRID;
use lumos_core::search::options::SearchOptions;
use lumos_core::sql::{identifier, name_parts, qualified};
use lumos_core::text::fusion::{RankedList, fuse};
use lumos_core::text::query_forms;
use lumos_core::vector::index::Accuracy;
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use serde_json::Value as Json;

use crate::error::{Result, error};
use crate::query::arguments;
use crate::table_function::{Rows, TableFunction};
use crate::vector::filter::RowFilter;
use crate::vector::plan;
use crate::vector::search::K;
use crate::vector::store::Store;
use crate::vector::stores::Stores;

/// The rows of each leg: so many times `k`, and so many at least.
const POOL: (usize, usize) = (5, 50);

/// The function.
pub struct Hybrid;

impl TableFunction for Hybrid {
    const CALL: Option<&'static str> =
        Some("lumos_hybrid('index', query, 'words', 10, '{\"fts\": \"table\"}')");

    type Aux = Stores;

    fn rows(stores: &Arc<Stores>, given: &[Value]) -> Result<Rows> {
        let search = Search::new(stores, given)?;
        let found = search.run()?;
        let ids: Vec<i64> = found.iter().map(|row| row.id).collect();
        let found = search.store.keys(&ids)?.into_iter().zip(found);
        let real = |v: Option<f64>| v.map_or(Value::Null, Value::Real);
        Ok(Box::new(found.map(move |(key, row)| {
            Ok(vec![
                key,
                Value::Real(row.score),
                real(row.distance),
                real(row.bm25),
            ])
        })))
    }
}

/// The arguments of a search.
struct Search {
    store: Arc<Store>,
    query: Option<Vec<f32>>,
    text: Option<String>,
    k: usize,
    fts: String,
    weights: [f64; 2],
    /// The rows that the filter leaves.
    chosen: RowFilter,
}

/// A row found: its score, and what the legs say of it.
struct Found {
    id: i64,
    score: f64,
    distance: Option<f64>,
    bm25: Option<f64>,
}

impl Search {
    fn new(stores: &Stores, given: &[Value]) -> Result<Search> {
        let [name, query, text, k, options] = [0, 1, 2, 3, 4].map(|i| given[i].clone());
        let Value::Text(name) = name else {
            return Err(error(
                "name is not a text; give the name of a lumos_vec table",
            ));
        };
        let text = match text {
            Value::Text(text) => Some(text),
            Value::Null => None,
            _ => return Err(error("text is not a text; give the words to search for")),
        };
        let k = match &k {
            Value::Null => K,
            k => plan::count("k", k.into())?,
        };
        let store = stores.find(&name)?;
        let options = SearchOptions::new(&arguments::options(HYBRID.options, &options)?)?;
        let Some(fts) = options.fts else {
            return Err(error(
                "needs the FTS5 table with the words; give the option {\"fts\": \"its name\"}",
            ));
        };
        let chosen = match options.filter {
            None => RowFilter::All,
            Some(filter) => RowFilter::Ids(store.filtered(&filter)?),
        };
        let query = match query {
            Value::Null => None,
            query => Some(store.vector((&query).into(), "the query")?),
        };
        Ok(Search {
            store,
            query,
            text,
            k,
            fts,
            weights: options.weights,
            chosen,
        })
    }

    fn run(&self) -> Result<Vec<Found>> {
        let pool = self.k.saturating_mul(POOL.0).max(POOL.1);
        let near = match &self.query {
            Some(query) => self.near(query, pool)?,
            None => Vec::new(),
        };
        let worded = match self.text.as_deref() {
            Some(text) => self.worded(text, pool)?,
            None => Vec::new(),
        };
        let reversed: Vec<(i64, f64)> = near.iter().map(|(id, d)| (*id, -d)).collect();
        let legs = [
            RankedList {
                weight: self.weights[0],
                rows: &reversed,
            },
            RankedList {
                weight: self.weights[1],
                rows: &worded,
            },
        ];
        let (near, worded): (HashMap<_, _>, HashMap<_, _>) =
            (near.into_iter().collect(), worded.iter().copied().collect());
        let best = fuse(&legs, self.k);
        let found = best.into_iter().map(|(id, score)| Found {
            id,
            score,
            distance: near.get(&id).copied(),
            bm25: worded.get(&id).copied(),
        });
        Ok(found.collect())
    }

    /// The nearest rows, with their distances.
    fn near(&self, query: &[f32], pool: usize) -> Result<Vec<(i64, f64)>> {
        let oversample = self.store.definition.oversample;
        let hits =
            self.store
                .nearest(query, pool, &self.chosen, Accuracy::Approximate(oversample))?;
        Ok(hits.into_iter().map(|hit| (hit.id, hit.distance)).collect())
    }

    /// The rows that hold a word of the text, with their BM25, the greater the better.
    fn worded(&self, text: &str, pool: usize) -> Result<Vec<(i64, f64)>> {
        let forms = query_forms(text);
        if forms.is_empty() {
            return Ok(Vec::new());
        }
        // A form has letters and digits alone, so quotes make it a string that cannot end early.
        let words = forms
            .iter()
            .map(|f| format!("\"{f}\""))
            .collect::<Vec<_>>()
            .join(" OR ");
        let mut values = vec![Value::Text(words), Value::Integer(pool as i64)];
        let filter = match &self.chosen {
            RowFilter::Ids(ids) => {
                values.push(Value::Text(Json::from(ids.as_slice()).to_string()));
                // With a bare rowid, FTS5 would look the words up anew for each.
                " AND +rowid IN (SELECT value FROM json_each(?3))".into()
            }
            // Others have no key.
            _ if self.store.key().is_some() => {
                format!(
                    " AND +rowid IN (SELECT _id FROM {})",
                    self.store.shadow("rows")
                )
            }
            _ => String::new(),
        };
        let (table, column) = (qualified(&self.fts), self.fts_column());
        let sql = format!(
            "SELECT rowid, -bm25({column}) FROM {table} WHERE {column} MATCH ?1{filter} ORDER BY bm25({column}), rowid LIMIT ?2"
        );
        let connection = self.store.connection()?;
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The column by which FTS5 names a whole row: it has the table's name.
    fn fts_column(&self) -> String {
        let mut parts = name_parts(&self.fts);
        identifier(&parts.pop().unwrap_or_default())
    }
}
