//! The SQL that searches in DuckDB are: `FROM query(lumos_search('docs(id, e, h)', q, 10))`.
//!
//! With a column of hashes the text has two parts. The first reads id and hash of every row that the filter leaves,
//! and searches those vectors that are held in memory (see [`super::held`]). The second reads the vectors of the
//! rows that the first did not know, measures them exactly, has them held from then on, and puts all that was found
//! in order. Both see the transaction that they run in. That a row's hash is its vector's is what the table's own
//! CHECK says, and the text looks for that at every run.
//!
//! The text says once what is searched for, the vector too, as [`Plan`]; the second part has that from the first.
//! Anyone may write such a text, so nothing that it says is relied on beyond its own answer: whoever holds a vector
//! computes its hash.
//!
//! Both parts take a list of queries too, so that many are searched for at once: [`many`].

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
use super::options::{
    EXACT, FILTER, IDS, KIND, MAX_DISTANCE, MAX_OVERSAMPLE, MEMORY_LIMIT, METRIC,
    OVERSAMPLE as OVERSAMPLE_OPTION, SearchOptions,
};
use crate::options::{OptionDef, Options};
use crate::{Error, Result};
use leg::Leg;
use owner::{Owner, check_text};
use target::Target;

pub use hybrid::{HYBRID_OPTIONS, POOL, WordPlan, hybrid};
pub use many::search_many;
pub use owner::proven;
pub use recall::{RECALL_OPTIONS, recall};

/// Rows where `k` is not given.
pub const K: i64 = 10;

/// The options of a search.
pub const OPTIONS: &[OptionDef] = &[
    EXACT,
    OVERSAMPLE_OPTION,
    MAX_DISTANCE,
    IDS,
    FILTER,
    METRIC,
    KIND,
    MEMORY_LIMIT,
];

/// What the two parts of a search are told, as one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The table with its columns, as errors say it.
    pub name: String,
    /// Its columns, as the index is named by them.
    pub columns: String,
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
    /// Rows that are farther are left out.
    pub max_distance: Option<f64>,
    /// The most memory that indexes may take, in bytes.
    pub memory_limit: usize,
    /// True if no row is left out beforehand.
    pub whole: bool,
    /// The one vector that is searched for; `None` if there is a list of them.
    pub query: Option<Vec<f32>>,
}

impl Plan {
    fn write(&self) -> String {
        json!([
            (&self.name, &self.columns, &self.checks),
            self.k,
            self.metric.name(),
            self.kind.name(),
            (
                self.oversample,
                self.max_distance,
                self.memory_limit,
                self.whole
            ),
            self.query.as_deref().map(hex)
        ])
        .to_string()
    }

    /// That of a search for nothing, as text.
    pub fn nothing() -> String {
        let plan = Plan {
            name: String::new(),
            columns: String::new(),
            checks: Vec::new(),
            k: 0,
            metric: Metric::L2,
            kind: Kind::Flat4,
            oversample: OVERSAMPLE,
            max_distance: None,
            memory_limit: usize::MAX,
            whole: false,
            query: None,
        };
        plan.write()
    }

    /// Reads what [`search`] and the others have written; nothing else, since anyone may write SQL.
    pub fn parse(text: &str) -> Result<Plan> {
        type Parts = (
            (String, String, Vec<String>),
            i64,
            String,
            String,
            (usize, Option<f64>, usize, bool),
            Option<String>,
        );
        let wrong = || Error::new("the plan is not one that lumos_search has written");
        let parts: Parts = serde_json::from_str(text).map_err(|_| wrong())?;
        let ((name, columns, checks), k, metric, kind, numbers, query) = parts;
        let (oversample, max_distance, memory_limit, whole) = numbers;
        let plan = Plan {
            name,
            columns,
            checks,
            k: count("k", k)?,
            metric: Metric::parse_indexed(&metric)?,
            kind: Kind::parse(&kind)?,
            oversample,
            max_distance,
            memory_limit,
            whole,
            query: match query {
                Some(hex) => Some(unhex(&hex).ok_or_else(wrong)?),
                None => None,
            },
        };
        match plan.kind != Kind::Hnsw && (1..=MAX_OVERSAMPLE).contains(&oversample) {
            true => Ok(plan),
            false => Err(wrong()),
        }
    }
}

/// The bytes of a vector.
fn hex(vector: &[f32]) -> String {
    let mut hex = String::with_capacity(vector.len() * 8);
    for value in vector {
        let _ = write!(hex, "{:08x}", value.to_bits());
    }
    hex
}

fn unhex(hex: &str) -> Option<Vec<f32>> {
    let (numbers, rest) = hex.as_bytes().as_chunks::<8>();
    let value = |digits: &[u8; 8]| {
        let digits = std::str::from_utf8(digits).ok()?;
        u32::from_str_radix(digits, 16).ok().map(f32::from_bits)
    };
    let vector = numbers.iter().map(value).collect::<Option<_>>()?;
    rest.is_empty().then_some(vector)
}

/// The SQL of a search for the `k` rows of `target` nearest to `query`.
pub fn search(target: &str, query: &[f32], k: i64, options: Option<&str>) -> Result<String> {
    let target = Target::parse(target)?;
    let leg = Leg {
        target: &target,
        options: &read_options(options, OPTIONS)?,
        k: count("k", k)?,
        query: Some(query),
    };
    Ok(Owner::of(&target).finish(leg.one()))
}

/// The name of the index that a search of these columns has, hashes among them; or its end, where database or schema is
/// not given.
pub fn index_name(target: &str) -> Option<String> {
    let target = Target::parse(target).ok()?;
    Some(leg::name(&target, &target.vector).to_ascii_lowercase())
}

/// The SQL of a search for nothing.
pub fn nothing() -> String {
    "SELECT NULL::BIGINT AS id, NULL::DOUBLE AS distance, NULL::BIGINT AS rank WHERE false".into()
}

fn read_options(text: Option<&str>, known: &[OptionDef]) -> Result<SearchOptions> {
    let options = SearchOptions::new(&Options::parse(known, text)?)?;
    check_text("filter", options.filter.as_deref().unwrap_or_default())?;
    for id in options.ids.iter().flatten() {
        check_text("ids", id.as_str().unwrap_or_default())?;
    }
    Ok(options)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_come_back() {
        let mut plan = Plan {
            name: "\"it's\"(\"id\")".into(),
            columns: "(\"id\")".into(),
            checks: vec!["check((h = hash(e)))".into()],
            k: 3,
            metric: Metric::Cosine,
            kind: Kind::Flat8,
            oversample: OVERSAMPLE,
            max_distance: Some(0.1),
            memory_limit: 1 << 30,
            whole: true,
            query: Some(vec![0.1, -0.0, f32::MIN_POSITIVE / 2.0, f32::MAX]),
        };
        assert_eq!(Plan::parse(&plan.write()).as_ref(), Ok(&plan));
        (plan.query, plan.max_distance) = (None, None);
        assert_eq!(Plan::parse(&plan.write()).as_ref(), Ok(&plan));
        // What no search has written is refused, since anyone may call the parts.
        let text = plan.write();
        for (part, other) in [
            ("[[", "[["),
            ("3,", "-1,"),
            ("3,", "1.5,"),
            ("3,", "9223372036854775808,"),
            ("cosine", "l1"),
            ("flat8", "hnsw"),
            ("[4,", "[0,"),
            ("[4,", "[18446744073709551615,"),
            ("null]", "\"0\"]"),
            ("null]", "\"0000000é\"]"),
            ("null]", "\"+0000000\"]"),
        ] {
            let changed = text.replacen(part, other, 1);
            assert_eq!(
                Plan::parse(&changed).is_ok(),
                part == other || other.contains('+'),
                "{changed}"
            );
        }
        for text in ["", "[]", "{}", "null", "[[1, 2, 3], 4, 5, 6, 7, 8]"] {
            assert!(Plan::parse(text).is_err());
        }
    }

    #[test]
    fn a_full_name_is_written_as_it_is_and_a_short_one_when_it_is_bound() {
        let full = search("a.b.T(id, e, h)", &[1.0], 3, None).unwrap();
        assert!(full.contains("FROM \"a\".\"b\".\"T\" AS \"T\""));
        assert!(!full.contains("query(") && !full.contains('\0'));
        for (name, schema) in [("T", true), ("\"it's {0}\".T", false)] {
            let short = search(&format!("{name}(id, e, h)"), &[1.0], 3, None).unwrap();
            assert_eq!(short.contains("current_schema()"), schema);
            assert!(short.contains("current_database()") && !short.contains('\0'));
        }
    }

    #[test]
    fn the_vector_stands_once_and_no_text_has_a_nul() {
        for target in ["T(id, e, h)", "a.b.T(id, e, h)", "T(id, e)"] {
            let sql = search(target, &[1.5; 3], 3, None).unwrap();
            assert_eq!(sql.matches("3fc000003fc000003fc00000").count(), 1, "{sql}");
        }
        for (target, options) in [
            ("\"a\0n\"(id, e, h)", "{}"),
            ("t(id, \"e\0\", h)", "{}"),
            ("t(id, e, h)", r#"{"filter": "x = '\u0000n'"}"#),
            ("t(id, e, h)", r#"{"ids": ["\u0000l"]}"#),
        ] {
            let refused = search(target, &[1.0], 3, Some(options))
                .unwrap_err()
                .to_string();
            assert!(
                refused.contains("NUL") || refused.contains("no table"),
                "{refused}"
            );
        }
    }
}
