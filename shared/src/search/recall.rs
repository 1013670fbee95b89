//! How many of the exactly nearest rows an indexed search finds: both searches for vectors of the table itself.

use std::collections::{BTreeMap, HashSet};

use super::knn::KnnQuery;
use super::options::IDS;
use super::table_ref::TableRef;
use super::{
    OPTIONS, SearchOptions, Target, checked, count, read_options, refuse_in_sqlite, without_first,
};
use crate::options::{OptionDef, Options};
use crate::program::{Database, Fold, FoldState, Id, Parameters, Program};
use crate::sql::identifier;
use crate::sql::lexer::Dialect;
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The options of what is measured: a search that is not exact.
pub const RECALL_OPTIONS: &[OptionDef] = without_first(OPTIONS);

/// The rows that both searches find, into the shares that the one that is measured finds of the others.
pub const RECALL: Fold = Fold::new::<Shares>(
    "recall",
    &[
        Param::new("query", Type::Integer),
        Param::new("exact", Type::Integer),
        Param::new("id", Type::Any),
        Param::new("rank", Type::Integer),
    ],
    &[
        ("recall", Type::Real),
        ("least", Type::Real),
        ("queries", Type::Integer),
    ],
);

/// What is measured: the `k` nearest rows, with `n` rows of the table as queries. Errors if `name` is no table with
/// columns of vectors and hashes in DuckDB, or no table of `lumos_vec` in SQLite, if `n` or `k` is negative, or if an
/// option is wrong.
pub fn recall(
    name: &str,
    n: i64,
    k: i64,
    options: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    let (n, k) = (count("n", n)?, count("k", k)?);
    // A row is not among its own nearest.
    let neighbours = k.saturating_add(1);
    let (read, parameters) = match database.dialect() {
        Dialect::DuckDb => (in_duckdb(name, n, neighbours, options)?, Vec::new()),
        Dialect::Sqlite => in_sqlite(name, n, neighbours, options, database)?,
    };
    Ok(Program {
        read,
        parameters,
        spec: k.to_string(),
    })
}

fn in_duckdb(name: &str, n: i64, k: i64, options: Option<&str>) -> Result<String> {
    let target = Target::parse(name)?;
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
            k,
            query: None,
        };
        format!(
            "SELECT query_id.place AS query, {} AS exact, id, rank FROM ({}) WHERE id <> query_id.id",
            u8::from(exact),
            knn.many("FROM lumos_sample")
        )
    };
    Ok(TableRef::of(&target).finish(format!(
        "WITH lumos_sample AS MATERIALIZED ({}) {} UNION ALL {}",
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

fn in_sqlite(
    name: &str,
    n: i64,
    k: i64,
    options: Option<&str>,
    database: &dyn Database,
) -> Result<(String, Vec<Value>)> {
    let given = Options::parse(RECALL_OPTIONS, options)?;
    refuse_in_sqlite(&given)?;
    let search = checked(&given)?;
    let table = database.vector_table(name)?;
    let (vectors, metric) = (table.shadow("vectors"), table.definition.metric.name());
    let mut parameters = Parameters::new(Dialect::Sqlite);
    let (own, found) = (table.name_of("v.id"), table.name_of("hit.value ->> 'id'"));
    // The rows that both searches look at.
    let mut conditions = vec!["true".to_owned()];
    if table.definition.content.is_some() {
        // A row of another table that has no vector of the table's is in no index.
        let dims = table.definition.dims;
        conditions.push(format!("lumos_dims(v.vector) = {dims}"));
    }
    let stored = conditions.join(" AND ");
    if let Some(filter) = &search.filter {
        let table = table.table();
        conditions.push(format!(
            "v.id IN (SELECT rowid FROM {table} WHERE ({filter}\n))"
        ));
    }
    if let Some(ids) = given.get(IDS.name) {
        let ids = parameters.add(Value::Text(ids.to_string()));
        conditions.push(format!("{own} IN (SELECT value FROM json_each({ids}))"));
    }
    let near = search.max_distance.map_or(String::new(), |most| {
        let most = parameters.add(Value::Real(most));
        format!(" AND hit.value ->> 'distance' <= {most}")
    });
    let name = parameters.add(Value::Text(table.table()));
    let options = parameters.add(options.map_or(Value::Null, |text| Value::Text(text.into())));
    // The exact one reads every vector: it does not rely on the index that is measured.
    let read = format!(
        "WITH lumos_stored AS MATERIALIZED (\
         SELECT v.id AS id, row_number() OVER (ORDER BY v.id) - 1 AS number, count(*) OVER () AS total FROM {vectors} v WHERE {stored}), \
         lumos_turns AS (SELECT id, number, total, (number * min({n}, total) + total - 1) / total AS turn FROM lumos_stored), \
         lumos_sample AS MATERIALIZED (SELECT v.id AS id, {own} AS own, v.vector AS query FROM lumos_turns JOIN {vectors} v ON v.id = lumos_turns.id \
         WHERE turn < min({n}, total) AND turn * total / min({n}, total) = number AND lumos_ip(v.vector, v.vector) < 0) \
         SELECT s.id AS query, 1 AS exact, {found} AS id, hit.key AS rank FROM lumos_sample s, json_each((\
         SELECT lumos_topk(v.id, v.vector, s.query, {k}, '{metric}') FROM {vectors} v WHERE {rows})) hit \
         WHERE hit.value ->> 'id' <> s.id{near} \
         UNION ALL SELECT s.id, 0, hit.id, hit.rank FROM lumos_sample s, lumos_search({name}, s.query, {k}, {options}) hit WHERE hit.id <> s.own",
        rows = conditions.join(" AND "),
    );
    Ok((read, parameters.into_values()))
}

/// What both searches find for each query.
#[derive(Clone)]
pub struct Shares {
    k: usize,
    queries: BTreeMap<i64, Found>,
}

/// Rows with their ranks, in any order.
#[derive(Clone, Default)]
struct Found {
    exact: Vec<(i64, Id)>,
    indexed: Vec<(i64, Id)>,
}

impl Found {
    /// The share of the `k` exactly nearest rows that is among the `k` that were found; `None` if there is no row.
    fn share(&self, k: usize) -> Option<f64> {
        let first = |rows: &[(i64, Id)]| {
            let mut rows = rows.to_vec();
            rows.sort();
            rows.truncate(k);
            rows.into_iter().map(|(_, id)| id)
        };
        let found: HashSet<Id> = first(&self.indexed).collect();
        let expected: Vec<Id> = first(&self.exact).collect();
        let hits = expected.iter().filter(|id| found.contains(id)).count();
        (!expected.is_empty()).then(|| hits as f64 / expected.len() as f64)
    }
}

impl FoldState for Shares {
    fn start(spec: &str) -> Result<Self> {
        let k = spec.parse();
        Ok(Shares {
            k: k.map_err(|_| {
                Error::new("the number of rows is none that lumos_recall has written")
            })?,
            queries: BTreeMap::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [
            ValueRef::Integer(query),
            ValueRef::Integer(exact),
            id,
            ValueRef::Integer(rank),
        ] = *row
        else {
            return Err(Error::new("internal error: a row of other columns"));
        };
        let found = self.queries.entry(query).or_default();
        let rows = if exact == 0 {
            &mut found.indexed
        } else {
            &mut found.exact
        };
        rows.push((rank, Id::read(id)?));
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        for (query, others) in &other.queries {
            let found = self.queries.entry(*query).or_default();
            found.exact.extend_from_slice(&others.exact);
            found.indexed.extend_from_slice(&others.indexed);
        }
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let shares: Vec<f64> = self
            .queries
            .values()
            .filter_map(|found| found.share(self.k))
            .collect();
        let least = shares.iter().copied().reduce(f64::min);
        let mean = least.map(|_| shares.iter().sum::<f64>() / shares.len() as f64);
        let real = |value: Option<f64>| value.map_or(Value::Null, Value::Real);
        emit(vec![
            real(mean),
            real(least),
            Value::Integer(shares.len() as i64),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted() {
        let mut all = RECALL.start("2").unwrap();
        let mut other = RECALL.start("2").unwrap();
        // Query 1 finds one of two, the third counts for neither; query 2 finds its only one; query 3 none.
        for (query, exact, id, rank) in [
            (1, 1, 10, 0),
            (1, 1, 11, 1),
            (1, 1, 12, 2),
            (1, 0, 12, 2),
            (1, 0, 11, 1),
            (1, 0, 10, 3),
            (2, 1, 10, 0),
            (2, 0, 10, 0),
            (3, 1, 10, 0),
            (4, 0, 10, 0),
        ] {
            let row = [query, exact, id, rank].map(ValueRef::Integer);
            let state = if exact == 1 { &mut all } else { &mut other };
            state.row(&row).unwrap();
        }
        all.merge(&*other).unwrap();
        let mut rows = Vec::new();
        let mut keep = |row| {
            rows.push(row);
            Ok(())
        };
        all.finish(&mut keep).unwrap();
        RECALL.start("2").unwrap().finish(&mut keep).unwrap();
        assert_eq!(
            rows,
            [
                [Value::Real(0.5), Value::Real(0.0), Value::Integer(3)],
                [Value::Null, Value::Null, Value::Integer(0)]
            ]
        );
        assert!(RECALL.start("-1").is_err());
    }
}
