//! The SQL that searches in DuckDB are: `FROM query(lumos_search('docs(id, e, h)', q, 10))`.
//!
//! With a column of hashes the text has two parts. The first reads id and hash of every row that the filter leaves,
//! and searches those vectors that are held in memory (see [`super::held`]). The second reads the vectors of the
//! rows that the first did not know, measures them exactly, and has them held from then on. Both see the
//! transaction that they run in. That a row's hash is its vector's is what the table's own CHECK says, and the text
//! looks for that at every run.
//!
//! Both parts take a list of queries, so that many are searched for at once: [`many`].

mod hybrid;
mod leg;
mod many;
mod owner;
mod recall;
mod target;

use std::fmt::Write;

use serde_json::json;

use super::index::{Kind, OVERSAMPLE};
use super::metric::Metric;
use super::options::Options;
use crate::{Error, Result};
use leg::Leg;
use target::Target;

pub use hybrid::{POOL, WordPlan, hybrid};
pub use many::search_many;
pub use recall::recall;

/// Rows where `k` is not given.
pub const K: i64 = 10;

/// The options of a search.
const OPTIONS: [&str; 8] = [
    "exact",
    "oversample",
    "max_distance",
    "ids",
    "filter",
    "metric",
    "kind",
    "memory",
];

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

    /// Reads what [`search`] and the others have written.
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
    let leg = Leg {
        target: &Target::parse(target)?,
        options: &read_options(options, &OPTIONS)?,
        k: count("k", k)?,
        queries: constant(query),
    };
    Ok(leg.one())
}

/// The name of the index that a search of these columns has, hashes among them.
pub fn index_name(target: &str) -> Option<String> {
    let target = Target::parse(target).ok()?;
    Some(leg::name(&target, &target.vector))
}

/// The SQL of a search for nothing.
pub fn nothing() -> String {
    "SELECT NULL::BIGINT AS id, NULL::DOUBLE AS distance, NULL::BIGINT AS rank WHERE false".into()
}

fn read_options(text: &str, known: &[&str]) -> Result<Options> {
    let given = serde_json::from_str(text)
        .map_err(|_| Error::new(format!("options is {text}; give a JSON object")))?;
    Options::parse(&given, known)
}

/// A number of rows.
fn count(name: &str, value: i64) -> Result<i64> {
    match value {
        0.. => Ok(value),
        _ => Err(Error::new(format!(
            "{name} is {value}; give a whole number from 0 on"
        ))),
    }
}

/// A list of one query.
fn constant(query: &[f32]) -> String {
    let mut hex = String::with_capacity(query.len() * 8);
    for value in query {
        let _ = write!(hex, "{:08x}", u32::from_be_bytes(value.to_le_bytes()));
    }
    format!("[unhex('{hex}')]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_come_back() {
        let plan = Plan {
            name: "\"it's\"(\"id\")".into(),
            checks: vec!["check((h = hash(e)))".into()],
            k: 3,
            metric: Metric::Cosine,
            kind: Kind::Flat8,
            oversample: OVERSAMPLE,
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
