//! `lumos_recall(name, n, k)`: how many of the exactly nearest rows the index finds.

use std::collections::HashSet;
use std::sync::Arc;

use lumos_core::vector::index::{Accuracy, Hit};
use rusqlite::types::{Value, ValueRef};

use super::plan;
use super::read::Chosen;
use super::store::Store;
use super::stores::Stores;
use crate::error::{Result, error};
use crate::query::arguments;
use crate::table_function::{Rows, TableFunction};

/// Queries, and rows for each, where they are not given.
const DEFAULTS: (usize, usize) = (100, 10);

/// The function.
pub struct Recall;

impl TableFunction for Recall {
    const NAME: &'static str = "lumos_recall";
    const ROWS: i64 = 1;

    type Aux = Stores;

    fn rows(stores: &Arc<Stores>, given: &[Value]) -> Result<Rows> {
        let name = arguments::text(&given[0])?;
        let name =
            name.ok_or_else(|| error("name is NULL; give the name of a table of vectors"))?;
        let count = |i: usize, name, default| match ValueRef::from(&given[i]) {
            ValueRef::Null => Ok(default),
            value => plan::count(name, value),
        };
        let (n, k) = (count(1, "n", DEFAULTS.0)?, count(2, "k", DEFAULTS.1)?);
        let shares = shares(&*stores.find(name)?, n, k)?;
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let least = shares.iter().copied().reduce(f64::min);
        let real = |v: Option<f64>| v.map_or(Value::Null, Value::Real);
        Ok(Box::new(std::iter::once(Ok(vec![
            real(least.map(|_| mean)),
            real(least),
            Value::Integer(shares.len() as i64),
        ]))))
    }
}

/// For each query, the share of the `k` nearest rows that a search finds. The queries are `n` of the stored vectors,
/// evenly by their ids; a row is not among its own nearest.
fn shares(store: &Store, n: usize, k: usize) -> Result<Vec<f64>> {
    let connection = store.connection()?;
    let sql = format!("SELECT id FROM {} ORDER BY id", store.shadow("vectors"));
    let stored: Vec<i64> = connection
        .prepare(&sql)?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let n = n.min(stored.len());
    let ids: Vec<i64> = (0..n).map(|i| stored[i * stored.len() / n]).collect();
    let mut queries = Vec::new();
    store.vectors(&connection, &ids, &mut |id, vector| {
        queries.push((id, vector.to_vec()));
        Ok(())
    })?;
    let mut shares = Vec::new();
    for (own, query) in queries {
        // One without a direction is no query of a table with metric=cosine.
        if query.iter().all(|v| *v == 0.0) {
            continue;
        }
        let ids = |hits: Vec<_>| -> HashSet<i64> {
            let ids = hits.into_iter().map(|hit: Hit| hit.id);
            ids.filter(|id| *id != own).take(k).collect()
        };
        let right = ids(store.exact(&query, &Chosen::All)?);
        let oversample = store.definition.oversample;
        let found = ids(store.nearest(
            &query,
            k.saturating_add(1),
            &Chosen::All,
            Accuracy::Approximate(oversample),
        )?);
        if !right.is_empty() {
            shares.push(right.intersection(&found).count() as f64 / right.len() as f64);
        }
    }
    Ok(shares)
}
