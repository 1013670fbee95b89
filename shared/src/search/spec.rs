//! What the two parts of a search are told.

use std::fmt::Write;

use serde_json::json;

use super::count;
use super::options::MAX_OVERSAMPLE;
use crate::vector::Metric;
use crate::vector::index::{Kind, OVERSAMPLE};
use crate::{Error, Result};

/// What the two parts of a search are told, as one text.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanSpec {
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

impl ScanSpec {
    pub(super) fn write(&self) -> String {
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
        let plan = ScanSpec {
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

    /// Reads what [`super::search`] and the others have written. Errors for any other text, since anyone may
    /// write SQL.
    pub fn parse(text: &str) -> Result<ScanSpec> {
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
        let plan = ScanSpec {
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
        if plan.kind != Kind::Hnsw && (1..=MAX_OVERSAMPLE).contains(&oversample) {
            Ok(plan)
        } else {
            Err(wrong())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_come_back() {
        let mut plan = ScanSpec {
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
        assert_eq!(ScanSpec::parse(&plan.write()).as_ref(), Ok(&plan));
        (plan.query, plan.max_distance) = (None, None);
        assert_eq!(ScanSpec::parse(&plan.write()).as_ref(), Ok(&plan));
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
                ScanSpec::parse(&changed).is_ok(),
                part == other || other.contains('+'),
                "{changed}"
            );
        }
        for text in ["", "[]", "{}", "null", "[[1, 2, 3], 4, 5, 6, 7, 8]"] {
            assert!(ScanSpec::parse(text).is_err());
        }
    }
}
