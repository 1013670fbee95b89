//! How many of the exactly nearest rows an indexed search finds: both searches for vectors of the table itself.

use super::knn::KnnQuery;
use super::table_ref::TableRef;
use super::{OPTIONS, SearchOptions, Target, count, read_options, without_first};
use crate::options::OptionDef;
use crate::sql::identifier;
use crate::{Error, Result};

/// The options of what is measured: a search that is not exact.
pub const RECALL_OPTIONS: &[OptionDef] = without_first(OPTIONS);

/// The SQL that measures it, of the `k` nearest rows, with `n` rows as queries.
pub fn recall(target: &str, n: i64, k: i64, options: Option<&str>) -> Result<String> {
    let (target, n, k) = (Target::parse(target)?, count("n", n)?, count("k", k)?);
    if target.vector.hash.is_none() {
        return Err(Error::new(
            "without a column of hashes every search is exact; give one, like docs(id, e, h)",
        ));
    }
    let options = read_options(options, RECALL_OPTIONS)?;
    let search = |exact| {
        let options = SearchOptions {
            exact,
            ..options.clone()
        };
        let knn = KnnQuery {
            target: &target,
            options: &options,
            // A row is not among its own nearest.
            k: k.saturating_add(1),
            query: None,
        };
        format!(
            "SELECT query_id, id FROM ({}) WHERE id <> query_id.id \
             QUALIFY row_number() OVER (PARTITION BY query_id ORDER BY rank) <= {k}",
            knn.many("FROM lumos_sample")
        )
    };
    Ok(TableRef::of(&target).finish(format!(
        "WITH lumos_sample AS MATERIALIZED ({}), lumos_right AS ({}), lumos_found AS (SELECT DISTINCT * FROM ({})) \
         SELECT avg(share) AS recall, min(share) AS least, count(*) AS queries FROM (\
         SELECT count(lumos_found.id) / count(*) AS share FROM lumos_right LEFT JOIN lumos_found \
         ON lumos_found.query_id = lumos_right.query_id AND lumos_found.id = lumos_right.id GROUP BY lumos_right.query_id)",
        sample(&target, n),
        search(true),
        search(false)
    )))
}

/// `n` rows evenly by their ids, without those of the zero vector, which has no direction. With each goes its place,
/// which is its own where an id is not.
fn sample(target: &Target, n: i64) -> String {
    let (id, vector) = (identifier(&target.id), identifier(&target.vector.column));
    let (alias, rows) = (TableRef::of(target).alias(), TableRef::of(target).rows());
    format!(
        "SELECT {{'id': id, 'place': place}} AS query_id, query FROM (\
         SELECT {alias}.rowid AS lumos_own, {vector} AS query FROM {rows}) JOIN (\
         SELECT id, place, (number * least({n}, total) + total - 1) // total AS turn, total FROM (\
         SELECT {id} AS id, {alias}.rowid AS place, row_number() OVER (ORDER BY {id}, {alias}.rowid) - 1 AS number, \
         count(*) OVER () AS total FROM {rows} WHERE {id} IS NOT NULL AND {vector} IS NOT NULL) \
         WHERE turn < least({n}, total) AND turn * total // least({n}, total) = number) ON lumos_own = place \
         WHERE lumos_ip(query, query) < 0 ORDER BY turn"
    )
}
