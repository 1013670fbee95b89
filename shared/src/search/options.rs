//! The options of searches, with the same names in both engines, of which a function knows some.

use serde_json::Value as Json;

use crate::Result;
use crate::options::{OptionDef, OptionType, Options};
use crate::vector::Metric;
use crate::vector::index::Kind;

/// The memory that indexes may take if nothing is said, in MB.
const MEMORY_LIMIT_MB: usize = 1024;

/// The most candidates for each row.
pub const MAX_OVERSAMPLE: usize = 1000;

/// Every vector counts.
pub const EXACT: OptionDef = OptionDef {
    name: "exact",
    ty: OptionType::Flag,
    default: "false",
    doc: "measures every row of which its code does not prove that it is farther, so that the answer surely has the nearest; \
          all rows under `ip`, over the rows of another table, and in DuckDB",
};

/// Candidates for each row.
pub const OVERSAMPLE: OptionDef = OptionDef {
    name: "oversample",
    ty: OptionType::Integer(1, MAX_OVERSAMPLE as i64),
    default: "4, or what the table of lumos_vec says",
    doc: "the candidates that are measured for each row of the answer, at least",
};

/// Where the answer ends.
pub const MAX_DISTANCE: OptionDef = OptionDef {
    name: "max_distance",
    ty: OptionType::Number(f64::NEG_INFINITY, ""),
    default: "none",
    doc: "leaves out rows that are farther",
};

/// The only rows to search.
pub const IDS: OptionDef = OptionDef {
    name: "ids",
    ty: OptionType::Json("a list of integers or of texts"),
    default: "all rows",
    doc: "the only rows to search; exactly these are searched; in a table of lumos_vec with text keys, integers are rowids",
};

/// A condition on them.
pub const FILTER: OptionDef = OptionDef {
    name: "filter",
    ty: OptionType::Text(": a condition in SQL"),
    default: "none",
    doc: "a condition on the columns of the table; exactly the rows that it leaves are searched",
};

/// How the rows are ordered.
pub const METRIC: OptionDef = OptionDef {
    name: "metric",
    ty: OptionType::OneOf(&["l2", "cosine", "ip"]),
    default: "`l2`",
    doc: "in DuckDB: the distance by which rows are near",
};

/// The kind of index.
pub const KIND: OptionDef = OptionDef {
    name: "kind",
    ty: OptionType::OneOf(&["flat4", "flat8"]),
    default: "`flat4`",
    doc: "in DuckDB: the bits of an index for each number; a graph belongs to a table of lumos_vec in SQLite",
};

/// The most memory of indexes.
pub const MEMORY_LIMIT: OptionDef = OptionDef {
    name: "memory_limit_mb",
    ty: OptionType::Integer(1, 1 << 20),
    default: "1024",
    doc: "in DuckDB: the most that all indexes of the database together may take for this search to add to them",
};

/// What vectors and words count for.
pub const WEIGHTS: OptionDef = OptionDef {
    name: "weights",
    ty: OptionType::Json("two numbers from 0 on, of vectors and words, like [0.5, 0.5]"),
    default: "`[0.5, 0.5]`",
    doc: "what vectors and words count for",
};

/// The table of words.
pub const FTS: OptionDef = OptionDef {
    name: "fts",
    ty: OptionType::Text(": the name of an FTS5 table"),
    default: "",
    doc: "in SQLite, and needed there: the FTS5 table, whose rowid is that of the vectors; where their key is a text, rows without a vector are left out",
};

/// What the options of a search say; what they do not say is as it is by default.
#[derive(Debug, Clone)]
pub struct SearchOptions {
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
    pub memory_limit: usize,
    /// What vectors and words count for.
    pub weights: [f64; 2],
    /// The table of words.
    pub fts: Option<String>,
}

impl SearchOptions {
    /// Reads what was given. Errors if a list or weights are not of the kind that their definitions say.
    pub fn new(given: &Options) -> Result<SearchOptions> {
        let wrong = |option: &OptionDef| given.wrong(option.name, &option.ty.values());
        let ids = match given.get(IDS.name) {
            None => None,
            Some(value) => Some(ids(value).ok_or_else(|| wrong(&IDS))?),
        };
        let weights = match given.get(WEIGHTS.name) {
            None => [0.5, 0.5],
            Some(value) => weights(value).ok_or_else(|| wrong(&WEIGHTS))?,
        };
        let text = |option: &OptionDef| given.text(option.name).map(str::to_owned);
        let whole = |option: &OptionDef| given.integer(option.name).map(|n| n as usize);
        let metric = given.text(METRIC.name).map(Metric::parse_indexed);
        let kind = given.text(KIND.name).map(Kind::parse);
        Ok(SearchOptions {
            exact: given.flag(EXACT.name).unwrap_or(false),
            oversample: whole(&OVERSAMPLE),
            max_distance: given.number(MAX_DISTANCE.name),
            ids,
            filter: text(&FILTER),
            metric: metric.unwrap_or(Ok(Metric::L2))?,
            kind: kind.unwrap_or(Ok(Kind::Flat4))?,
            memory_limit: whole(&MEMORY_LIMIT).unwrap_or(MEMORY_LIMIT_MB) * 1_000_000,
            weights,
            fts: text(&FTS),
        })
    }
}

fn ids(given: &Json) -> Option<Vec<Json>> {
    let ids = given.as_array()?;
    let all = ids.iter().all(|i| i.is_i64() || i.is_string());
    all.then(|| ids.clone())
}

fn weights(given: &Json) -> Option<[f64; 2]> {
    let [Json::Number(vectors), Json::Number(words)] = given.as_array()?.as_slice() else {
        return None;
    };
    let weights = [vectors.as_f64()?, words.as_f64()?];
    let fine = weights.iter().all(|w| w.is_finite() && *w >= 0.0);
    fine.then_some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SearchOptions> {
        SearchOptions::new(&Options::parse(
            &[EXACT, WEIGHTS, MEMORY_LIMIT, IDS, KIND],
            Some(text),
        )?)
    }

    #[test]
    fn only_what_a_function_knows_is_taken() {
        let options =
            parse(r#"{"exact": true, "weights": [0, 2.5], "memory_limit_mb": 3}"#).unwrap();
        assert!(
            options.exact && options.weights == [0.0, 2.5] && options.memory_limit == 3_000_000
        );
        for (text, error) in [
            (
                r#"{"filter": "a"}"#,
                "unknown option \"filter\"; the options are exact, weights, memory_limit_mb, ids and kind",
            ),
            (r#"{"exact": 1}"#, "exact is 1; give true or false"),
            (
                r#"{"weights": [1, 2, 3]}"#,
                "weights is [1,2,3]; give two numbers",
            ),
            (
                r#"{"weights": [1, -1]}"#,
                "weights is [1,-1]; give two numbers",
            ),
            (
                r#"{"memory_limit_mb": 0}"#,
                "memory_limit_mb is 0; give a whole number from 1 to 1048576",
            ),
            (
                r#"{"ids": [1.5]}"#,
                "ids is [1.5]; give a list of integers or of texts",
            ),
            (
                r#"{"kind": "hnsw"}"#,
                "kind is \"hnsw\"; give \"flat4\" or \"flat8\"",
            ),
        ] {
            let found = parse(text).unwrap_err().to_string();
            assert!(found.contains(error), "{found}");
        }
    }
}
