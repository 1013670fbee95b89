//! The rows of one table nearest to some queries: the part that all searches of vectors have in common.

use super::stages::{KNN_FETCH, KNN_SCAN};
use super::table_ref::TableRef;
use super::target::{Hashed, Target};
use super::{ScanSpec, SearchOptions};
use crate::sql::{identifier, literal};
use crate::vector::index::OVERSAMPLE;

/// What is searched for, and where.
pub struct KnnQuery<'a> {
    pub target: &'a Target,
    pub options: &'a SearchOptions,
    pub k: i64,
    /// The one vector that is searched for; those of `lumos_asked` if there is none.
    pub query: Option<&'a [f32]>,
}

impl KnnQuery<'_> {
    /// The search for one vector, best row first.
    pub fn one(&self) -> String {
        let (with, hits) = self.sql();
        let with = with.map_or(String::new(), |with| format!("WITH {with} "));
        format!(
            "{with}SELECT hit.id AS id, hit.distance AS distance, hit.rank AS rank FROM ({hits})"
        )
    }

    /// What goes before, in WITH, and the query of the column `hit`: query, id, distance and rank of the `k` nearest rows
    /// of each query.
    pub fn sql(&self) -> (Option<String>, String) {
        match &self.target.vector.hash {
            Some(hash) if !self.options.exact => {
                let (with, hits) = self.held(hash);
                (Some(with), hits)
            }
            _ => (None, self.exact()),
        }
    }

    /// Without a column of hashes: every vector is read.
    fn exact(&self) -> String {
        let target = self.target;
        let (id, vector) = (identifier(&target.id), identifier(&target.vector.column));
        format!(
            "SELECT unnest({fetch}) AS hit FROM (\
             SELECT {id} AS id, {vector} AS vec, NULL::UBIGINT AS hash, {plan} AS plan, {queries} AS queries, \
             NULL::BIGINT AS rowids, NULL::BLOB AS found FROM {rows}{condition})",
            fetch = KNN_FETCH.call(),
            plan = self.plan(None),
            queries = self.queries(),
            rows = target.table(),
            condition = self.condition(&id),
        )
    }

    /// With one. A constant has a name in a query of its own, so that EXPLAIN shows the name and not the vector.
    fn held(&self, hash: &str) -> (String, String) {
        let (owner, target) = (TableRef::of(self.target), self.target);
        let (id, vector) = (identifier(&target.id), identifier(&target.vector.column));
        let (alias, rows) = (owner.alias(), owner.rows());
        let (plan, queries) = (self.plan(Some(hash)), self.queries());
        let hash = identifier(hash);
        let with = format!(
            "lumos_scan AS MATERIALIZED (SELECT {scan} AS part FROM (\
             SELECT {alias}.{id} AS id, {alias}.rowid AS place, {alias}.{hash} AS hash, {plan} AS plan, {queries} AS queries, \
             {checks} AS checks FROM {rows}{condition})), {rest}",
            scan = KNN_SCAN.call(),
            checks = owner.checks(),
            condition = self.condition(&id),
            rest = rest("lumos_rest", "lumos_scan"),
        );
        // One place is that of no row: what was found before comes with it.
        let hits = format!(
            "SELECT unnest({fetch}) AS hit FROM (\
             SELECT {alias}.{id} AS id, {alias}.{vector} AS vec, {alias}.{hash} AS hash, plan, {queries} AS queries, rowids, found \
             FROM {rows} RIGHT JOIN lumos_rest ON {alias}.rowid = lumos_rest.place)",
            fetch = KNN_FETCH.call()
        );
        (with, hits)
    }

    /// SQL of the queries that the plan does not have.
    fn queries(&self) -> &'static str {
        match self.query {
            Some(_) => "NULL::BLOB[]",
            None => "(SELECT list(query ORDER BY number) FROM lumos_asked)",
        }
    }

    /// WHERE for the rows that the options leave.
    fn condition(&self, id: &str) -> String {
        let condition = condition(self.options, id);
        condition.map_or(String::new(), |condition| format!(" WHERE {condition}"))
    }

    fn plan(&self, hash: Option<&str>) -> String {
        let (target, options) = (self.target, self.options);
        let plan = ScanSpec {
            name: name(target, &target.vector),
            columns: columns(target, &target.vector),
            checks: hash.map_or(Vec::new(), |hash| {
                checks(hash, &target.vector.column).into()
            }),
            k: self.k,
            metric: options.metric,
            kind: options.kind,
            oversample: options.oversample.unwrap_or(OVERSAMPLE),
            max_distance: options.max_distance,
            memory_limit: options.memory_limit,
            whole: condition(options, "").is_none(),
            query: self.query.map(<[f32]>::to_vec),
        };
        literal(&plan.write())
    }
}

/// The places that the first part leaves to the second, with what it says to that; for WITH.
pub fn rest(name: &str, scan: &str) -> String {
    format!(
        "{name} AS (SELECT place, part.plan AS plan, len(part.unknown) AS rowids, \
         CASE WHEN place < 0 THEN part.found END AS found FROM (SELECT unnest(part.unknown) AS place, part FROM {scan}))"
    )
}

/// What is true of the rows that the options leave, if they leave some out.
pub fn condition(options: &SearchOptions, id: &str) -> Option<String> {
    let mut conditions = Vec::new();
    if let Some(filter) = &options.filter {
        // A comment at its end does not reach the parenthesis.
        conditions.push(format!("({filter}\n)"));
    }
    if let Some(ids) = &options.ids {
        let ids: Vec<String> = ids
            .iter()
            .map(|id| id.as_str().map_or_else(|| id.to_string(), literal))
            .collect();
        conditions.push(if ids.is_empty() {
            "false".to_owned()
        } else {
            format!("{id} IN ({})", ids.join(", "))
        });
    }
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}

/// The table with its columns, as errors say it.
pub fn name(target: &Target, column: &Hashed) -> String {
    target.table() + &columns(target, column)
}

/// The columns of an index.
pub fn columns(target: &Target, column: &Hashed) -> String {
    let columns = [Some(&target.id), Some(&column.column), column.hash.as_ref()];
    let columns: Vec<String> = columns.iter().flatten().map(|c| identifier(c)).collect();
    format!("({})", columns.join(", "))
}

/// The forms that DuckDB shows of `CHECK (h = hash(e))`, in small letters: it quotes a name only if it must.
pub fn checks(hash: &str, column: &str) -> [String; 8] {
    let plain = |name: &str| [name, &identifier(name)].map(str::to_ascii_lowercase);
    let (hashes, columns) = (plain(hash), plain(column));
    std::array::from_fn(|i| {
        let (hash, column) = (&hashes[i & 1], &columns[i >> 1 & 1]);
        match i >> 2 {
            0 => format!("check(({hash} = hash({column})))"),
            _ => format!("check((hash({column}) = {hash}))"),
        }
    })
}
