//! The rows of one table nearest to some queries: the part that all searches of vectors have in common.

use super::owner::Owner;
use super::target::{Hashed, Target};
use super::{OVERSAMPLE, Options, Plan};
use crate::sql::{identifier, literal};

/// What is searched for, and where.
pub struct Leg<'a> {
    pub target: &'a Target,
    pub options: &'a Options,
    pub k: i64,
    /// SQL of the list of queries, each a BLOB.
    pub queries: String,
}

impl Leg<'_> {
    /// The search for a list of one query.
    pub fn one(&self) -> String {
        let (with, hits) = self.sql();
        let with = with.map_or(String::new(), |with| format!("WITH {with} "));
        format!(
            "{with}SELECT hit.id AS id, hit.distance AS distance, row_number() OVER (ORDER BY hit.distance, hit.id) AS rank \
             FROM ({hits}){} ORDER BY rank LIMIT {}",
            self.near(),
            self.k
        )
    }

    /// What goes before, in WITH, and the query of the column `hit`: query, id and distance of a row. For each query
    /// its `k` nearest rows are among them.
    pub fn sql(&self) -> (Option<String>, String) {
        match &self.target.vector.hash {
            Some(hash) if !self.options.exact => {
                let (with, hits) = self.held(hash);
                (Some(with), hits)
            }
            _ => (None, self.exact()),
        }
    }

    /// WHERE for hits that are near enough.
    pub fn near(&self) -> String {
        match self.options.max_distance {
            Some(most) => format!(" WHERE hit.distance <= {most:?}::DOUBLE"),
            None => String::new(),
        }
    }

    /// Without a column of hashes: every vector is read.
    fn exact(&self) -> String {
        let id = identifier(&self.target.id);
        format!(
            "SELECT unnest(lumos_topk({id}, {}, {}, NULL::UBIGINT, NULL::UBIGINT, {}, NULL::BIGINT)) AS hit FROM {}{}",
            identifier(&self.target.vector.column),
            self.queries,
            self.plan(None),
            self.target.table(),
            self.condition(&id)
        )
    }

    /// With one.
    fn held(&self, hash: &str) -> (String, String) {
        let (target, queries) = (self.target, &self.queries);
        let (id, vector) = (identifier(&target.id), identifier(&target.vector.column));
        let (table, owner) = (&target.table[target.table.len() - 1], Owner::of(target));
        let plan = self.plan(Some(hash));
        let (hash, alias) = (identifier(hash), identifier(table));
        let rows = format!("{} AS {alias}", owner.rows(&alias));
        let (said, condition) = (owner.checks(table), self.condition(&id));
        let with = format!(
            "lumos_scan AS MATERIALIZED (\
             SELECT lumos_topk({id}, lumos_place, {queries}, {hash}, {plan}, ({said})) AS part FROM {rows}{condition}), \
             lumos_unknown AS (SELECT unnest(part.unknown) AS place, len(part.unknown) AS places FROM lumos_scan)"
        );
        let hits = format!(
            "SELECT unnest(part.hits) AS hit FROM lumos_scan UNION ALL \
             SELECT unnest(lumos_topk({alias}.{id}, {alias}.{vector}, {queries}, {alias}.{hash}, \
             \"system\".main.hash({alias}.{vector}), {plan}, lumos_unknown.places)) AS hit \
             FROM {rows} JOIN lumos_unknown ON {alias}.lumos_place = lumos_unknown.place"
        );
        (with, hits)
    }

    /// WHERE for the rows that the options leave.
    fn condition(&self, id: &str) -> String {
        let condition = condition(self.options, id);
        condition.map_or(String::new(), |condition| format!(" WHERE {condition}"))
    }

    fn plan(&self, hash: Option<&str>) -> String {
        let (target, options) = (self.target, self.options);
        let plan = Plan {
            name: name(target, &target.vector),
            checks: hash.map_or(Vec::new(), |hash| {
                checks(hash, &target.vector.column).into()
            }),
            k: self.k,
            metric: options.metric,
            kind: options.kind,
            oversample: options.oversample.unwrap_or(OVERSAMPLE),
            room: options.memory,
            whole: condition(options, "").is_none(),
        };
        literal(&plan.write())
    }
}

/// What is true of the rows that the options leave, if they leave some out.
pub fn condition(options: &Options, id: &str) -> Option<String> {
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
        conditions.push(match ids.is_empty() {
            true => "false".to_owned(),
            false => format!("{id} IN ({})", ids.join(", ")),
        });
    }
    (!conditions.is_empty()).then(|| conditions.join(" AND "))
}

/// The name of an index, as errors say it.
pub fn name(target: &Target, column: &Hashed) -> String {
    let columns = [Some(&target.id), Some(&column.column), column.hash.as_ref()];
    let columns: Vec<String> = columns.iter().flatten().map(|c| identifier(c)).collect();
    format!("{}({})", target.table(), columns.join(", "))
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
