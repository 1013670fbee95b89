//! `lumos_hybrid(name, query, text, k, options)`: the rows that are near and hold the words.

use std::sync::Arc;

use lumos_core::Value::{Integer, Real};
use lumos_core::ValueRef;
use lumos_core::functions::hybrid::HYBRID;
use lumos_core::program::State;
use lumos_core::search::options::SearchOptions;
use lumos_core::search::{POOL, refuse_in_sqlite};
use lumos_core::sql::{identifier, name_parts, qualified};
use lumos_core::text::fusion::{FUSION, spec};
use lumos_core::text::query_forms;
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use serde_json::Value as Json;

use crate::error::{Result, error};
use crate::query::arguments;
use crate::table_function::{Rows, TableFunction};
use crate::vector::filter::RowFilter;
use crate::vector::plan;
use crate::vector::registry::Registry;
use crate::vector::search::{self, K};
use crate::vector::store::Store;

/// The function.
pub struct Hybrid;

impl TableFunction for Hybrid {
    type Aux = Registry;

    fn rows(registry: &Arc<Registry>, given: &[Value]) -> Result<Rows> {
        let search = Search::new(registry, given)?;
        let (mut ids, mut found) = (Vec::new(), Vec::new());
        search.fold()?.finish(&mut |row| {
            if let [Integer(id), scores @ ..] = &row[..] {
                ids.push(*id);
                found.push(scores.to_vec());
            }
            Ok(())
        })?;
        let found = search.store.keys(&ids)?.into_iter().zip(found);
        Ok(Box::new(found.map(|(key, scores)| {
            let scores = scores.into_iter().map(|score| match score {
                Real(score) => Value::Real(score),
                _ => Value::Null,
            });
            Ok(std::iter::once(key).chain(scores).collect())
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
    options: SearchOptions,
    /// The rows that the options leave.
    chosen: RowFilter,
}

impl Search {
    fn new(registry: &Registry, given: &[Value]) -> Result<Search> {
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
        let store = registry.find(&name)?;
        let options = arguments::options(HYBRID.options, &options)?;
        refuse_in_sqlite(&options)?;
        let options = SearchOptions::new(&options)?;
        let Some(fts) = options.fts.clone() else {
            return Err(error(
                "needs the FTS5 table with the words; give the option {\"fts\": \"its name\"}",
            ));
        };
        let chosen = search::chosen(&options, &store)?;
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
            options,
            chosen,
        })
    }

    /// What both searches find, not yet brought together.
    fn fold(&self) -> Result<Box<dyn State>> {
        let pool = self.k.saturating_mul(POOL.0 as usize);
        let pool = pool.max(POOL.1 as usize);
        let mut fold = FUSION.start(&spec(self.options.weights, self.k as i64))?;
        if let Some(query) = &self.query {
            for hit in search::nearest(&self.store, query, pool, &self.options, &self.chosen)? {
                let (id, distance) = (ValueRef::Integer(hit.id), ValueRef::Real(hit.distance));
                fold.row(&[id, distance, ValueRef::Null])?;
            }
        }
        if let Some(text) = self.text.as_deref() {
            for (id, bm25) in self.worded(text, pool)? {
                let (id, bm25) = (ValueRef::Integer(id), ValueRef::Real(bm25));
                fold.row(&[id, ValueRef::Null, bm25])?;
            }
        }
        Ok(fold)
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
