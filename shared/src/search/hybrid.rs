//! The rows that are near and hold the words: two searches, and what they find brought together by
//! [`crate::text::fusion`].
//!
//! In SQLite the searches are of the connection's index and of FTS5. In DuckDB the text of the words' search has two parts as that of vectors has. The first counts what the texts in memory (see
//! [`super::inverted_index`]) say of the words, over all rows; the second does so with the texts that the first did not
//! know, and scores all that hold a word, once it is known in how many rows each word is.

use serde_json::json;

use super::knn::{KnnQuery, checks, columns, condition, name, rest};
use super::options::{
    EXACT, FILTER, FTS, IDS, KIND, MAX_DISTANCE, MEMORY_LIMIT, METRIC, OVERSAMPLE, SearchOptions,
    WEIGHTS,
};
use super::stages::{BM25_FETCH, BM25_SCAN};
use super::table_ref::TableRef;
use super::{Target, checked, count, refuse};
use crate::options::{OptionDef, Options};
use crate::sql::{identifier, literal};
use crate::text::fusion::{self, FUSION};
use crate::text::query_terms;
use crate::{Error, Result};

/// The options of a search for both: the weights and the table of words, then those of a search for vectors, of which
/// the first makes it exact.
pub const HYBRID_OPTIONS: &[OptionDef] = &[
    WEIGHTS,
    FTS,
    EXACT,
    OVERSAMPLE,
    MAX_DISTANCE,
    IDS,
    FILTER,
    METRIC,
    KIND,
    MEMORY_LIMIT,
];

/// The rows of each search: so many times `k`, and so many at least.
pub const POOL: (i64, i64) = (5, 50);

/// What the two parts of a search for words are told, as one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Bm25Spec {
    /// The table with its columns, as errors say it.
    pub name: String,
    /// Its columns, as the index is named by them.
    pub columns: String,
    /// The CHECKs of which the table must have one, in small letters.
    pub checks: Vec<String>,
    /// The words to search for.
    pub words: Vec<String>,
    /// How many rows are asked for.
    pub k: i64,
    /// The most memory that indexes may take, in bytes.
    pub memory_limit: usize,
}

impl Bm25Spec {
    fn write(&self) -> String {
        json!([
            self.name,
            self.columns,
            self.checks,
            self.words,
            self.k,
            self.memory_limit
        ])
        .to_string()
    }

    /// That of a search for nothing, as text.
    pub fn nothing() -> String {
        r#"["", "", [], [], 0, 0]"#.to_owned()
    }

    /// Reads what [`hybrid`] has written. Errors for any other text.
    pub fn parse(text: &str) -> Result<Bm25Spec> {
        let wrong = |_| Error::new("the plan is not one that lumos_hybrid has written");
        let (name, columns, checks, words, k, memory_limit) =
            serde_json::from_str(text).map_err(wrong)?;
        let k = count("k", k)?;
        Ok(Bm25Spec {
            name,
            columns,
            checks,
            words,
            k,
            memory_limit,
        })
    }
}

/// The SQL of a search for the `k` rows that are near to `query` and hold words of `text`; what is not given is not
/// searched for. Errors if `name` is no table with columns of vectors and texts, `k` is negative, or an option is wrong
/// or one of SQLite alone.
pub fn hybrid(
    name: &str,
    query: Option<&[f32]>,
    text: Option<&str>,
    k: i64,
    options: Option<&str>,
) -> Result<String> {
    let k = count("k", k)?;
    let pool = k.saturating_mul(POOL.0).max(POOL.1);
    let given = Options::parse(HYBRID_OPTIONS, options)?;
    let why = "DuckDB; name the column of texts, like docs(id, e, body)";
    refuse(&given, &[FTS], why)?;
    let options = checked(&given)?;
    let target = Target::parse_with_text(name)?;
    let near = query.map(|query| {
        let knn = KnnQuery {
            target: &target,
            options: &options,
            k: pool,
            query: Some(query),
        };
        knn.one()
    });
    let words = text.map(query_terms).filter(|words| !words.is_empty());
    let worded = words.map(|words| worded(&target, &options, words, pool));
    let read = TableRef::of(&target).finish(both(near, worded));
    FUSION.sql(&read, &fusion::spec(options.weights, k))
}

/// The rows of both searches, one of id and distance, one of id and bm25, as [`FUSION`] takes them.
fn both(near: Option<String>, worded: Option<String>) -> String {
    let near =
        near.map(|sql| format!("SELECT id, distance, CAST(NULL AS DOUBLE) AS bm25 FROM ({sql})"));
    let worded =
        worded.map(|sql| format!("SELECT id, CAST(NULL AS DOUBLE) AS distance, bm25 FROM ({sql})"));
    let lists: Vec<String> = near.into_iter().chain(worded).collect();
    if lists.is_empty() {
        "SELECT CAST(NULL AS BIGINT), CAST(NULL AS DOUBLE), CAST(NULL AS DOUBLE) WHERE false".into()
    } else {
        lists.join(" UNION ALL ")
    }
}

/// The `k` rows that hold the words best, with id and bm25.
fn worded(target: &Target, options: &SearchOptions, words: Vec<String>, k: i64) -> String {
    let Some(text) = &target.text else {
        return String::new();
    };
    let (id, column) = (identifier(&target.id), identifier(&text.column));
    let chosen = match condition(options, &id) {
        None => "true".to_owned(),
        Some(condition) => format!("coalesce({condition}, false)"),
    };
    let hash = text.hash.as_ref().filter(|_| !options.exact);
    let plan = Bm25Spec {
        name: name(target, text),
        columns: columns(target, text),
        checks: hash.map_or(Vec::new(), |hash| checks(hash, &text.column).into()),
        words,
        k,
        memory_limit: options.memory_limit,
    };
    let plan = literal(&plan.write());
    let Some(hash) = hash else {
        return hits(&format!(
            "SELECT {} AS hits FROM (\
             SELECT {id} AS id, {column} AS body, NULL::UBIGINT AS hash, {chosen} AS chosen, {plan} AS plan, \
             NULL::BIGINT AS rowids, NULL::BLOB AS found FROM {})",
            BM25_FETCH.call(),
            target.table()
        ));
    };
    let (owner, hash) = (TableRef::of(target), identifier(hash));
    let (alias, rows, checks) = (owner.alias(), owner.rows(), owner.checks());
    let rest = rest("lumos_unread", "lumos_words");
    // The rows of the second part are read first, so that the condition knows no columns but the table's.
    let hits = hits(&format!(
        "SELECT {} AS hits FROM (SELECT id, body, hash, chosen, plan, rowids, found FROM (\
         SELECT {alias}.rowid AS lumos_place, {alias}.{id} AS id, {alias}.{column} AS body, {alias}.{hash} AS hash, {chosen} AS chosen FROM {rows}) \
         RIGHT JOIN lumos_unread ON lumos_place = lumos_unread.place)",
        BM25_FETCH.call()
    ));
    format!(
        "WITH lumos_words AS MATERIALIZED (SELECT {scan} AS part FROM (\
         SELECT {alias}.{id} AS id, {alias}.rowid AS place, {alias}.{hash} AS hash, {chosen} AS chosen, {plan} AS plan, {checks} AS checks FROM {rows})), \
         {rest} {hits}",
        scan = BM25_SCAN.call()
    )
}

/// Of a query of one list.
fn hits(list: &str) -> String {
    format!(
        "SELECT hit.id AS id, -hit.distance AS bm25 FROM (SELECT unnest(hits) AS hit FROM ({list}))"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_come_back() {
        let plan = Bm25Spec {
            name: "\"it's\"(\"id\")".into(),
            columns: "(\"id\")".into(),
            checks: vec!["check((h = hash(e)))".into()],
            words: vec!["大雪".into(), "paint".into()],
            k: 3,
            memory_limit: 1 << 30,
        };
        assert_eq!(Bm25Spec::parse(&plan.write()), Ok(plan));
        assert!(Bm25Spec::parse("[]").is_err());
        assert!(Bm25Spec::parse(&Bm25Spec::nothing()).is_ok());
    }

    #[test]
    fn a_leg_that_nobody_asks_for_is_not_there() {
        let sql = |query, text| {
            let target = "t(id, e, h, b, hb)";
            hybrid(target, query, text, 3, None).unwrap()
        };
        assert!(!sql(Some(&[1.0]), None).contains("lumos_words"));
        assert!(!sql(Some(&[1.0]), Some("!")).contains("lumos_words"));
        assert!(!sql(None, Some("a cat")).contains("lumos_scan"));
        let both = sql(Some(&[1.0]), Some("a cat"));
        assert!(both.contains("lumos_scan") && both.contains("lumos_words"));
    }
}
