//! Many queries at once: the table is read once for all of them.

use super::knn::KnnQuery;
use super::table_ref::{TableRef, check_text};
use super::{OPTIONS, Target, count, read_options};
use crate::sql::lexer::{Dialect, without_end};
use crate::{Error, Result};

/// The SQL of a search for the `k` rows of `target` nearest to each vector of `queries`, a query of two columns. Errors
/// if `target` is no table with columns, `queries` is empty or has a NUL character, `k` is negative, or an option is
/// wrong.
pub fn search_many(target: &str, queries: &str, k: i64, options: Option<&str>) -> Result<String> {
    let target = Target::parse(target)?;
    let options = read_options(options, OPTIONS)?;
    let queries = without_end(queries, Dialect::DuckDb);
    if queries.is_empty() {
        return Err(Error::new(
            "queries is empty; give a query of two columns like 'SELECT id, e FROM questions'",
        ));
    }
    let knn = KnnQuery {
        target: &target,
        options: &options,
        k: count("k", k)?,
        query: None,
    };
    check_text("queries", queries)?;
    Ok(TableRef::of(&target).finish(knn.many(queries)))
}

impl KnnQuery<'_> {
    /// The search for what is in `lumos_asked`, with query_id, id, distance and rank.
    pub fn many(&self, queries: &str) -> String {
        let (with, hits) = self.sql();
        let with = with.map_or(String::new(), |with| format!(", {with}"));
        format!(
            "WITH lumos_asked AS MATERIALIZED (\
             SELECT row_number() OVER () - 1 AS number, query_id, lumos_vec(query) AS query \
             FROM ({queries}) AS lumos_queries(query_id, query) WHERE query IS NOT NULL){with} \
             SELECT query_id, hit.id AS id, hit.distance AS distance, hit.rank AS rank \
             FROM ({hits}) JOIN lumos_asked ON number = hit.query ORDER BY number, rank"
        )
    }
}
