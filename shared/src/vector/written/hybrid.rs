//! The rows that are near and hold the words: two searches, and what they find brought together.
//!
//! The text of the words' search has two parts as that of vectors has. The first counts what the texts in memory (see
//! [`crate::text::held`]) say of the words, over all rows; the second does so with the texts that the first did not
//! know, and scores all that hold a word, once it is known in how many rows each word is.

use serde_json::json;

use super::leg::{Leg, checks, condition, name};
use super::owner::Owner;
use super::{Options, Target, constant, count, read_options};
use crate::sql::{identifier, literal};
use crate::text::fusion;
use crate::text::query_terms;
use crate::{Error, Result};

/// The options of a search.
const OPTIONS: [&str; 9] = [
    "exact",
    "oversample",
    "max_distance",
    "ids",
    "filter",
    "metric",
    "kind",
    "memory",
    "weights",
];

/// The rows of each leg: so many times `k`, and so many at least.
pub const POOL: (i64, i64) = (5, 50);

/// What the two parts of a search for words are told, as one text.
#[derive(Debug, Clone, PartialEq)]
pub struct WordPlan {
    /// The name of the index.
    pub name: String,
    /// The CHECKs of which the table must have one, in small letters.
    pub checks: Vec<String>,
    /// The words to search for.
    pub words: Vec<String>,
    /// How many rows are asked for.
    pub k: i64,
    /// The most memory that the index may take, in bytes.
    pub room: usize,
}

impl WordPlan {
    fn write(&self) -> String {
        json!([self.name, self.checks, self.words, self.k, self.room]).to_string()
    }

    /// Reads what [`hybrid`] has written.
    pub fn parse(text: &str) -> Result<WordPlan> {
        let wrong = |_| Error::new("the plan is not one that lumos_hybrid has written");
        let (name, checks, words, k, room) = serde_json::from_str(text).map_err(wrong)?;
        Ok(WordPlan {
            name,
            checks,
            words,
            k,
            room,
        })
    }
}

/// The SQL of a search for the `k` rows of `target` that are near to `query` and hold words of `text`.
pub fn hybrid(
    target: &str,
    query: Option<&[f32]>,
    text: Option<&str>,
    k: i64,
    options: &str,
) -> Result<String> {
    let (target, k) = (Target::parse_with_text(target)?, count("k", k)?);
    let options = read_options(options, &OPTIONS)?;
    let pool = k.saturating_mul(POOL.0).max(POOL.1);
    let near = query.map(|query| {
        let leg = Leg {
            target: &target,
            options: &options,
            k: pool,
            queries: constant(query),
        };
        leg.one()
    });
    let words = text.map(query_terms).filter(|words| !words.is_empty());
    let worded = words.map(|words| worded(&target, &options, words, pool));
    Ok(fusion::sql(
        near.as_deref(),
        worded.as_deref(),
        options.weights,
        k,
    ))
}

/// The `k` rows that hold the words best, with id and bm25.
fn worded(target: &Target, options: &Options, words: Vec<String>, k: i64) -> String {
    let Some(text) = &target.text else {
        return String::new();
    };
    let (id, column) = (identifier(&target.id), identifier(&text.column));
    let chosen = match condition(options, &id) {
        None => "true".to_owned(),
        Some(condition) => format!("coalesce({condition}, false)"),
    };
    let hash = text.hash.as_ref().filter(|_| !options.exact);
    let plan = WordPlan {
        name: name(target, text),
        checks: hash.map_or(Vec::new(), |hash| checks(hash, &text.column).into()),
        words,
        k,
        room: options.memory,
    };
    let plan = literal(&plan.write());
    let Some(hash) = hash else {
        return hits(&format!(
            "SELECT lumos_topk({id}, {column}, NULL::UBIGINT, NULL::UBIGINT, {chosen}, {plan}, NULL::BIGINT, NULL::BLOB) AS hits FROM {}",
            target.table()
        ));
    };
    let (table, owner) = (&target.table[target.table.len() - 1], Owner::of(target));
    let (hash, alias) = (identifier(hash), identifier(table));
    let rows = format!("{} AS {alias}", owner.rows(&alias));
    let said = owner.checks(table);
    let hits = hits(&format!(
        "SELECT lumos_topk(id, body, hash, truth, chosen, {plan}, places, found) AS hits FROM (\
         SELECT id, body, hash, \"system\".main.hash(body) AS truth, chosen, places, NULL::BLOB AS found FROM (\
         SELECT lumos_place, {id} AS id, {column} AS body, {hash} AS hash, {chosen} AS chosen FROM {rows}) \
         JOIN lumos_unread ON lumos_place = lumos_unread.place \
         UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, part.found FROM lumos_words)"
    ));
    format!(
        "WITH lumos_words AS MATERIALIZED (\
         SELECT lumos_topk({id}, lumos_place, {hash}, {chosen}, {plan}, ({said})) AS part FROM {rows}), \
         lumos_unread AS (SELECT unnest(part.unknown) AS place, len(part.unknown) AS places FROM lumos_words) {hits}"
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
        let plan = WordPlan {
            name: "\"it's\"(\"id\")".into(),
            checks: vec!["check((h = hash(e)))".into()],
            words: vec!["大雪".into(), "paint".into()],
            k: 3,
            room: 1 << 30,
        };
        assert_eq!(WordPlan::parse(&plan.write()), Ok(plan));
        assert!(WordPlan::parse("[]").is_err());
    }

    #[test]
    fn a_leg_that_nobody_asks_for_is_not_there() {
        let sql = |query, text| hybrid("t(id, e, h, b, hb)", query, text, 3, "{}").unwrap();
        assert!(!sql(Some(&[1.0]), None).contains("lumos_words"));
        assert!(!sql(Some(&[1.0]), Some("!")).contains("lumos_words"));
        assert!(!sql(None, Some("a cat")).contains("lumos_scan"));
        let both = sql(Some(&[1.0]), Some("a cat"));
        assert!(both.contains("lumos_scan") && both.contains("lumos_words"));
    }
}
