//! What answers that were right or wrong say of readings to come.

use std::collections::{BTreeMap, BTreeSet};

use super::lexicon::CUES;
use super::tokens::{fold, tokens};
use crate::sql::lexer::{self, Dialect, Kind};

/// The most that all pairs of a reading count.
const OF_PAIRS: f32 = 2.0;

/// How much it counts for a word and a name in it.
const OF_PAIR: f32 = 0.25;

/// The most pairs of a word and a name that are kept.
const PAIRS: usize = 100_000;

/// How much an answer that was right or wrong counts for its own question.
const EXACT: f32 = 20.0;

/// What answers that were right or wrong say of readings to come.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    /// By the form of the question and the SQL.
    exact: BTreeMap<(String, String), (i64, i64)>,
    /// By the stem of a word and a name of the SQL.
    pairs: BTreeMap<(String, String), (i64, i64)>,
}

/// The weight of so many right and wrong answers.
fn weight((good, bad): (i64, i64)) -> f32 {
    let log = |n: i64| ((n.max(0) + 1) as f32).ln();
    (OF_PAIR * (log(good) - log(bad))).clamp(-1.0, 1.0)
}

/// The stems of the words of a question that say something.
fn stems(question: &str) -> BTreeSet<String> {
    let words = tokens(question).into_iter();
    let words = words.filter(|t| t.number.is_none() && !CUES.contains(&t.lower.as_str()));
    words
        .map(|t| t.stem)
        .filter(|s| s.chars().any(char::is_alphabetic))
        .collect()
}

/// The names that stand in SQL, in lower case.
fn names(sql: &str) -> BTreeSet<String> {
    let tokens = lexer::tokens(sql, Dialect::Sqlite);
    let names = tokens
        .iter()
        .filter(|t| matches!(t.kind, Kind::DoubleQuoted | Kind::Quoted));
    names.map(|t| t.unquoted(sql).to_lowercase()).collect()
}

impl Weights {
    /// True if nothing was said.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty()
    }

    /// What is to be added to the score of a reading.
    pub fn of(&self, question: &str, sql: &str) -> f32 {
        let exact = self.exact.get(&(fold(question), sql.to_owned()));
        let exact = exact.map_or(0.0, |(good, bad)| EXACT * (good - bad).signum() as f32);
        let (stems, names) = (stems(question), names(sql));
        let pairs = stems
            .iter()
            .flat_map(|stem| names.iter().map(|name| (stem.clone(), name.clone())));
        let pairs: f32 = pairs
            .filter_map(|pair| self.pairs.get(&pair))
            .map(|n| weight(*n))
            .sum();
        exact + pairs.clamp(-OF_PAIRS, OF_PAIRS)
    }

    /// Takes how often the answer of a question by this SQL was right, and how often not.
    pub fn add(&mut self, question: &str, sql: &str, good: i64, bad: i64) {
        let counts = (good.clamp(0, 1_000_000), bad.clamp(0, 1_000_000));
        self.exact.insert((fold(question), sql.to_owned()), counts);
        for stem in stems(question).into_iter().take(20) {
            for name in names(sql).into_iter().take(20) {
                let pair = (stem.clone(), name);
                if self.pairs.len() >= PAIRS && !self.pairs.contains_key(&pair) {
                    continue;
                }
                let pair = self.pairs.entry(pair).or_default();
                pair.0 += counts.0;
                pair.1 += counts.1;
            }
        }
    }

    /// The stems of words with names, how often they were right together and not, and how much that counts.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str, (i64, i64), f32)> {
        self.pairs
            .iter()
            .map(|((stem, name), counts)| (stem.as_str(), name.as_str(), *counts, weight(*counts)))
    }
}
