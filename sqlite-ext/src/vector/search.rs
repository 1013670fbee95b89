//! `lumos_search(name, query, k, options)`: the nearest rows of a table of vectors, as a table-valued function.

use std::collections::HashSet;
use std::sync::Arc;

use lumos_core::functions::search::SEARCH;
use lumos_core::search::options::SearchOptions;
use lumos_core::search::refuse_in_sqlite;
use lumos_core::vector::index::{Accuracy, Hit};
use rusqlite::types::{Value, ValueRef};

use super::filter::RowFilter;
use super::plan;
use super::registry::Registry;
use super::store::Store;
use crate::error::{Result, error};
use crate::query::arguments;
use crate::table_function::{Rows, TableFunction};
use crate::values::utf8;

/// Rows where `k` is not given.
pub const K: usize = 10;

/// The function.
pub struct Search;

impl TableFunction for Search {
    const ROWS: i64 = K as i64;

    type Aux = Registry;

    fn rows(registry: &Arc<Registry>, given: &[Value]) -> Result<Rows> {
        let [name, query, k, options] = [0, 1, 2, 3].map(|i| ValueRef::from(&given[i]));
        let ValueRef::Text(name) = name else {
            return Err(error("the name of the table is not a text; give one"));
        };
        if query == ValueRef::Null {
            return Ok(Box::new(std::iter::empty()));
        }
        let store = registry.find(utf8(name)?)?;
        let query = store.vector(query, "the query")?;
        let k = match k {
            ValueRef::Null => K,
            k => plan::count("k", k)?,
        };
        let options = arguments::options(SEARCH.options, options)?;
        refuse_in_sqlite(&options)?;
        let options = SearchOptions::new(&options)?;
        let chosen = chosen(&options, &store)?;
        let hits = nearest(&store, &query, k, &options, &chosen)?;
        let ids: Vec<i64> = hits.iter().map(|hit| hit.id).collect();
        let found = store.keys(&ids)?.into_iter().zip(hits);
        let rows = found.zip(1..).map(|((key, hit), rank)| {
            Ok(vec![key, Value::Real(hit.distance), Value::Integer(rank)])
        });
        Ok(Box::new(rows))
    }
}

/// The nearest of the rows that are chosen, as the options say.
pub fn nearest(
    store: &Store,
    query: &[f32],
    k: usize,
    options: &SearchOptions,
    chosen: &RowFilter,
) -> Result<Vec<Hit>> {
    let sure = if options.exact {
        Accuracy::Exact
    } else {
        Accuracy::Approximate(options.oversample.unwrap_or(store.definition.oversample))
    };
    // Of another table the index may lack rows.
    let mut hits = if options.exact && store.definition.content.is_some() {
        store.exact(query, chosen)?
    } else {
        store.nearest(query, k, chosen, sure)?
    };
    hits.truncate(k);
    if let Some(most) = options.max_distance {
        hits.retain(|hit| hit.distance <= most);
    }
    Ok(hits)
}

/// The rows that the options leave.
pub fn chosen(options: &SearchOptions, store: &Store) -> Result<RowFilter> {
    let named = options.ids.as_ref().map(|ids| store.named(ids));
    let named = named.transpose()?;
    let Some(filter) = &options.filter else {
        return Ok(named.map_or(RowFilter::All, RowFilter::Ids));
    };
    let mut ids = store.filtered(filter)?;
    if let Some(named) = named {
        let named: HashSet<i64> = named.into_iter().collect();
        ids.retain(|id| named.contains(id));
    }
    Ok(RowFilter::Ids(ids))
}
