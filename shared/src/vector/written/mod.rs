//! The SQL that `lumos_search` writes for DuckDB: `FROM query(lumos_search('docs(id, e, h)', q, 10))`.
//!
//! With a column of hashes the text has two parts. The first reads id and hash of every row that the filter leaves,
//! and searches those vectors that are held in memory (see [`super::held`]). The second reads the vectors of the
//! rows that the first did not know, measures them exactly, and has them held from then on. Both see the
//! transaction that they run in. That a row's hash is its vector's is what the table's own CHECK says, and the text
//! looks for that at every run.

mod asked;
mod owner;

use std::fmt::Write;

use asked::{Options, Target};
use owner::Owner;
use serde_json::json;

use super::index::Kind;
use super::metric::Metric;
use crate::sql::{identifier, literal};
use crate::{Error, Result};

/// Rows where `k` is not given.
pub const K: i64 = 10;

/// What the two parts of a search are told, as one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The name of the index.
    pub name: String,
    /// The CHECKs of which the table must have one, in small letters.
    pub checks: Vec<String>,
    /// How many rows are asked for.
    pub k: i64,
    /// How they are ordered.
    pub metric: Metric,
    /// The kind of index.
    pub kind: Kind,
    /// Candidates for each row.
    pub oversample: usize,
    /// The most memory that the index may take, in bytes.
    pub room: usize,
    /// True if no row is left out beforehand.
    pub whole: bool,
}

impl Plan {
    fn write(&self) -> String {
        json!([
            self.name,
            self.checks,
            self.k,
            self.metric.name(),
            self.kind.name(),
            self.oversample,
            self.room,
            self.whole
        ])
        .to_string()
    }

    /// Reads what [`lumos_search`](search) has written.
    pub fn parse(text: &str) -> Result<Plan> {
        let wrong = || Error::new("the plan is not one that lumos_search has written");
        let parts: (String, Vec<String>, i64, String, String, usize, usize, bool) =
            serde_json::from_str(text).map_err(|_| wrong())?;
        let (name, checks, k, metric, kind, oversample, room, whole) = parts;
        Ok(Plan {
            name,
            checks,
            k,
            metric: Metric::parse(&metric)?,
            kind: Kind::parse(&kind)?,
            oversample,
            room,
            whole,
        })
    }
}

/// The SQL of a search for the `k` rows of `target` nearest to `query`.
pub fn search(target: &str, query: &[f32], k: i64, options: &str) -> Result<String> {
    let target = Target::parse(target)?;
    let options = Options::parse(options)?;
    if k < 0 {
        return Err(Error::new(format!(
            "k is {k}; give a whole number from 0 on"
        )));
    }
    let mut hex = String::with_capacity(query.len() * 8);
    for value in query {
        let _ = write!(hex, "{:08x}", u32::from_be_bytes(value.to_le_bytes()));
    }
    let asked = Asked {
        query: format!("unhex('{hex}')"),
        k,
        options,
    };
    match &target.hash {
        Some(hash) if !asked.options.exact => Ok(asked.held(&target, hash)),
        _ => Ok(asked.exact(&target)),
    }
}

/// The SQL of a search for nothing.
pub fn nothing() -> String {
    "SELECT NULL::BIGINT AS id, NULL::DOUBLE AS distance, NULL::BIGINT AS rank WHERE false".into()
}

struct Asked {
    query: String,
    k: i64,
    options: Options,
}

impl Asked {
    /// Without a column of hashes: every vector is read.
    fn exact(&self, target: &Target) -> String {
        let (id, vector) = (identifier(&target.id), identifier(&target.vector));
        let hits = format!(
            "SELECT unnest(lumos_topk({id}, {vector}, {}, {}, '{}')) AS hit FROM {}{}",
            self.query,
            self.k,
            self.options.metric.name(),
            target.table(),
            self.options.condition(&id)
        );
        self.ranked(&hits)
    }

    /// With one.
    fn held(&self, target: &Target, hash: &str) -> String {
        let (id, vector) = (identifier(&target.id), identifier(&target.vector));
        let (table, owner) = (&target.table[target.table.len() - 1], Owner::of(target));
        let plan = Plan {
            name: self.name(target, hash),
            checks: checks(hash, &target.vector).into(),
            k: self.k,
            metric: self.options.metric,
            kind: self.options.kind,
            oversample: self.options.oversample,
            room: self.options.memory as usize * 1_000_000,
            whole: self.options.leave_all(),
        };
        let (query, plan, k) = (&self.query, literal(&plan.write()), self.k);
        let condition = self.options.condition(&id);
        let (hash, alias) = (identifier(hash), identifier(table));
        let rows = format!("{} AS {alias}", owner.rows(&alias));
        let said = owner.checks(table);
        let hits = format!(
            "SELECT unnest(part.hits) AS hit FROM lumos_scan UNION ALL \
             SELECT unnest(lumos_topk({alias}.{id}, {alias}.{vector}, {query}, {k}, {alias}.{hash}, \
             \"system\".main.hash({alias}.{vector}), {plan}, lumos_unknown.places)) AS hit \
             FROM {rows} JOIN lumos_unknown ON {alias}.lumos_place = lumos_unknown.place"
        );
        format!(
            "WITH lumos_scan AS MATERIALIZED (\
             SELECT lumos_topk({id}, lumos_place, {query}, {hash}, {plan}, ({said})) AS part FROM {rows}{condition}), \
             lumos_unknown AS (SELECT unnest(part.unknown) AS place, len(part.unknown) AS places FROM lumos_scan) {}",
            self.ranked(&hits)
        )
    }

    /// Rows of a hit each as the answer.
    fn ranked(&self, hits: &str) -> String {
        let near = match self.options.max_distance {
            Some(most) => format!(" WHERE hit.distance <= {most:?}::DOUBLE"),
            None => String::new(),
        };
        format!(
            "SELECT hit.id AS id, hit.distance AS distance, row_number() OVER (ORDER BY hit.distance, hit.id) AS rank \
             FROM ({hits}){near} ORDER BY rank LIMIT {}",
            self.k
        )
    }

    fn name(&self, target: &Target, hash: &str) -> String {
        format!(
            "{}({}, {}, {})",
            target.table(),
            identifier(&target.id),
            identifier(&target.vector),
            identifier(hash)
        )
    }
}

/// The forms that DuckDB shows of `CHECK (h = hash(e))`, in small letters: it quotes a name only if it must.
fn checks(hash: &str, vector: &str) -> [String; 8] {
    let plain = |name: &str| [name, &identifier(name)].map(str::to_ascii_lowercase);
    let (hashes, vectors) = (plain(hash), plain(vector));
    std::array::from_fn(|i| {
        let (hash, vector) = (&hashes[i & 1], &vectors[i >> 1 & 1]);
        match i >> 2 {
            0 => format!("check(({hash} = hash({vector})))"),
            _ => format!("check((hash({vector}) = {hash}))"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_come_back() {
        let plan = Plan {
            name: "\"it's\"(\"id\")".into(),
            checks: checks("h", "e").into(),
            k: 3,
            metric: Metric::Cosine,
            kind: Kind::Flat8,
            oversample: 4,
            room: 1 << 30,
            whole: true,
        };
        assert_eq!(Plan::parse(&plan.write()), Ok(plan));
        assert!(Plan::parse("[]").is_err());
    }

    #[test]
    fn a_full_name_is_written_as_it_is_and_a_short_one_when_it_is_bound() {
        let full = search("a.b.T(id, e, h)", &[1.0], 3, "{}").unwrap();
        assert!(
            full.contains("FROM (SELECT rowid AS lumos_place, * FROM \"a\".\"b\".\"T\") AS \"T\"")
        );
        assert!(full.contains("= 't'") && !full.contains("query("));
        let short = search("T(id, e, h)", &[1.0], 3, "{}").unwrap();
        assert!(short.contains("current_schema()"));
    }
}
