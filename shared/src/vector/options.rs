//! The options of searches: one JSON object with the same names in both engines, of which a function knows some.

use serde_json::{Map, Value as Json};

use super::index::Kind;
use super::metric::Metric;
use crate::value::whole_number;
use crate::{Error, Result};

/// The memory that an index may take if nothing is said, in MB.
const MEMORY: usize = 1024;

/// What the object says; what it does not say is as it is by default.
#[derive(Debug, Clone)]
pub struct Options {
    /// Every vector counts.
    pub exact: bool,
    /// Candidates for each row.
    pub oversample: Option<usize>,
    /// Where the answer ends.
    pub max_distance: Option<f64>,
    /// The only rows to search: integers or texts.
    pub ids: Option<Vec<Json>>,
    /// A condition in SQL on them.
    pub filter: Option<String>,
    /// How the rows are ordered.
    pub metric: Metric,
    /// The kind of index.
    pub kind: Kind,
    /// The most memory that all indexes of the database may take together, in bytes, for this search to add to them.
    pub memory: usize,
    /// What vectors and words count for.
    pub weights: [f64; 2],
    /// The table of words.
    pub fts: Option<String>,
}

impl Options {
    /// The most candidates for each row.
    pub const MOST_OVERSAMPLE: usize = 1000;

    /// Reads an object in which nothing but the `known` options may stand.
    pub fn parse(given: &Map<String, Json>, known: &[&str]) -> Result<Options> {
        let mut options = Options {
            exact: false,
            oversample: None,
            max_distance: None,
            ids: None,
            filter: None,
            metric: Metric::L2,
            kind: Kind::Flat4,
            memory: MEMORY * 1_000_000,
            weights: [0.5, 0.5],
            fts: None,
        };
        for (name, value) in given {
            let wrong = |what: &str| Error::new(format!("{name} is {value}; give {what}"));
            let whole = |most: u64| {
                let number = whole_number(value).and_then(|n| u64::try_from(n).ok());
                let number = number
                    .filter(|n| (1..=most).contains(n))
                    .map(|n| n as usize);
                number.ok_or_else(|| wrong(&format!("a whole number from 1 to {most}")))
            };
            let text = |what: &str| value.as_str().ok_or_else(|| wrong(what));
            match known.iter().find(|k| *k == name).copied() {
                Some("exact") => {
                    options.exact = value.as_bool().ok_or_else(|| wrong("true or false"))?
                }
                Some("oversample") => {
                    options.oversample = Some(whole(Options::MOST_OVERSAMPLE as u64)?)
                }
                Some("max_distance") => {
                    options.max_distance = Some(value.as_f64().ok_or_else(|| wrong("a number"))?)
                }
                Some("ids") => {
                    let all = |ids: &&Vec<Json>| ids.iter().all(|i| i.is_i64() || i.is_string());
                    let ids = value.as_array().filter(all);
                    let ids = ids.ok_or_else(|| wrong("a list of integers or of texts"))?;
                    options.ids = Some(ids.clone());
                }
                Some("filter") => {
                    options.filter = Some(text("a condition in SQL as a text")?.to_owned())
                }
                Some("metric") => {
                    options.metric = Metric::parse_indexed(text("l2, cosine or ip")?)?
                }
                Some("kind") => match Kind::parse(text("flat4 or flat8")?)? {
                    Kind::Hnsw => {
                        return Err(wrong(
                            "flat4 or flat8; a graph belongs to a table of lumos_vec in SQLite",
                        ));
                    }
                    kind => options.kind = kind,
                },
                Some("memory") => options.memory = whole(1 << 20)? * 1_000_000,
                Some("weights") => {
                    let like = "two numbers from 0 on, of vectors and words, like [0.5, 0.5]";
                    options.weights = weights(value)
                        .ok_or_else(|| Error::new(format!("weights are {value}; give {like}")))?
                }
                Some("fts") => options.fts = Some(text("the name of an FTS5 table")?.to_owned()),
                _ => {
                    return Err(Error::new(format!(
                        "unknown option \"{name}\"; the options are {}",
                        listed(known)
                    )));
                }
            }
        }
        Ok(options)
    }
}

fn weights(given: &Json) -> Option<[f64; 2]> {
    let [Json::Number(vectors), Json::Number(words)] = given.as_array()?.as_slice() else {
        return None;
    };
    let weights = [vectors.as_f64()?, words.as_f64()?];
    let fine = weights.iter().all(|w| w.is_finite() && *w >= 0.0);
    fine.then_some(weights)
}

/// `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        names => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, known: &[&str]) -> Result<Options> {
        let Ok(Json::Object(given)) = serde_json::from_str(text) else {
            panic!("{text}");
        };
        Options::parse(&given, known)
    }

    #[test]
    fn only_what_a_function_knows_is_taken() {
        let known = ["exact", "weights", "memory"];
        let options = parse(
            r#"{"exact": true, "weights": [0, 2.5], "memory": 3}"#,
            &known,
        );
        let options = options.unwrap();
        assert!(options.exact && options.weights == [0.0, 2.5] && options.memory == 3_000_000);
        for (text, error) in [
            (
                r#"{"filter": "a"}"#,
                "unknown option \"filter\"; the options are exact, weights and memory",
            ),
            (r#"{"exact": 1}"#, "exact is 1; give true or false"),
            (
                r#"{"weights": [1, 2, 3]}"#,
                "weights are [1,2,3]; give two numbers",
            ),
            (
                r#"{"weights": [1, -1]}"#,
                "weights are [1,-1]; give two numbers",
            ),
            (
                r#"{"memory": 0}"#,
                "memory is 0; give a whole number from 1 to 1048576",
            ),
        ] {
            let found = parse(text, &known).unwrap_err().to_string();
            assert!(found.contains(error), "{found}");
        }
    }
}
