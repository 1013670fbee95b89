//! Which reading of a question is answered, how sure that is, and what it assumes.

use super::catalog::Catalog;
use super::follow::follow;
use super::ir::{Compare, Expr, Filter, Literal, Query, Right};
use super::lexicon::CUES;
use super::link::{Meaning, Mention};
use super::modify::modifiers;
use super::parse::{Candidate, candidates};
use super::reader::{Reader, question_tokens};

/// Candidates among which the likelihoods are shared.
const CANDIDATES: usize = 40;

/// Candidates that are tried in the engine.
const TRIED: usize = 8;

/// How much less likely a reading may be that finds something, where the likeliest finds nothing.
const MARGIN: f32 = 2.0;

/// From this confidence on a reading is sure.
pub const HIGH: f64 = 0.75;

/// Below this confidence a reading is a guess.
pub const LOW: f64 = 0.3;

/// What the engine says of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It cannot run.
    Error,
    /// It gives no rows.
    Empty,
    /// It gives nothing but NULL.
    Nulls,
    /// It gives something.
    Rows,
}

/// A reading of a question, for whoever asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// As SQL.
    pub sql: String,
    /// What is asked.
    pub query: Query,
    /// Its share among all readings by the weights, less for words that mean nothing here.
    pub confidence: f64,
    /// What it takes for granted, in words.
    pub assumptions: Vec<String>,
    /// Words of the question that it does not use.
    pub unmatched: Vec<String>,
}

impl Reading {
    /// `high`, `medium` or `low`.
    pub fn band(&self) -> &'static str {
        if self.confidence >= HIGH {
            "high"
        } else if self.confidence >= LOW {
            "medium"
        } else {
            "low"
        }
    }
}

/// The likeliest readings, the one to answer first: the likeliest that runs and finds something, if one does that is
/// nearly as likely as the likeliest of all. Errors as `probe` does: an interrupt, say, which is no reason for another
/// reading.
pub fn readings<E>(
    reader: &Reader<'_>,
    question: &str,
    most: usize,
    probe: &mut dyn FnMut(&str) -> Result<Outcome, E>,
) -> Result<Vec<Reading>, E> {
    one(reader, None, question, most, probe)
}

/// The same of a question after others, the last of which it may go on from. Each of them is read again, the first by
/// itself; of more than [`TURNS`] the last are. Errors as [`readings`] does.
pub fn readings_after<E>(
    reader: &Reader<'_>,
    after: &[String],
    question: &str,
    most: usize,
    probe: &mut dyn FnMut(&str) -> Result<Outcome, E>,
) -> Result<Vec<Reading>, E> {
    let mut previous: Option<Before<'_>> = None;
    for before in &after[after.len().saturating_sub(TURNS)..] {
        let found = one(reader, previous.as_ref(), before, 1, probe)?;
        // A question that means nothing here changes nothing.
        if let Some(reading) = found.into_iter().next() {
            previous = Some(Before {
                query: reading.query,
                question: before,
                confidence: reading.confidence,
            });
        }
    }
    one(reader, previous.as_ref(), question, most, probe)
}

/// Most questions before another that it may go on from.
const TURNS: usize = 20;

/// How sure a question is understood at most that goes on from another.
const GOES_ON: f64 = 0.95;

/// A question before, as it was read.
struct Before<'a> {
    query: Query,
    question: &'a str,
    confidence: f64,
}

fn one<E>(
    reader: &Reader<'_>,
    previous: Option<&Before<'_>>,
    question: &str,
    most: usize,
    probe: &mut dyn FnMut(&str) -> Result<Outcome, E>,
) -> Result<Vec<Reading>, E> {
    let words = question_tokens(reader.catalog, reader.vocabulary, question);
    let followed = previous
        .map(|before| follow(reader, &before.query, question))
        .unwrap_or_default();
    let follows = followed.candidates.len();
    let mut all = followed.candidates;
    let mut unknown = followed.unmatched;
    if follows == 0 || followed.unsure {
        let alone = candidates(reader, question, CANDIDATES);
        let top = alone.first().map_or(0.0, |c| c.score);
        let less = if follows == 0 { 0.0 } else { MARGIN - top };
        all.extend(alone.into_iter().map(|c| Candidate {
            score: c.score + less - if follows == 0 { 0.0 } else { 2.0 * MARGIN },
            ..c
        }));
    }
    if follows == 0 {
        let (_, rest) = modifiers(reader, question, words.clone());
        let mentions = reader.vocabulary.link(reader.catalog, &rest);
        unknown = unmatched(&rest, &mentions);
    }
    let mut places: Vec<usize> = (0..all.len()).collect();
    let mut shares = shares(&all);
    // The likeliest is tried first; others only if it finds nothing.
    let mut outcomes: Vec<Outcome> = Vec::new();
    for candidate in all.iter().take(TRIED) {
        outcomes.push(probe(&candidate.sql)?);
        if outcomes.last() == Some(&Outcome::Rows) {
            break;
        }
    }
    if let Some(first) = chosen(&all, &outcomes) {
        let rest = places
            .iter()
            .filter(|i| **i != first && outcomes.get(**i) != Some(&Outcome::Error));
        places = std::iter::once(first).chain(rest.copied()).collect();
        all = places.iter().map(|i| all[*i].clone()).collect();
        shares = places.iter().map(|i| shares[*i]).collect();
    }
    // A word that means nothing here may have been the one that matters.
    let content = words.iter().filter(|t| is_content(t)).count().max(1);
    let understood = (1.0 - unknown.len() as f64 / content.max(unknown.len()) as f64).powi(2);
    let readings = all.into_iter().zip(shares).zip(places).take(most);
    Ok(readings
        .map(|((candidate, share), place)| {
            let mut assumed = assumptions(reader.catalog, &candidate.query);
            assumed.extend(candidate.notes);
            let mut confidence = share * understood;
            if let Some(before) = previous.filter(|_| place < follows) {
                assumed.insert(0, format!("it goes on from \"{}\"", before.question));
                confidence = (confidence * GOES_ON).min(before.confidence);
            }
            Reading {
                assumptions: assumed,
                unmatched: unknown.clone(),
                confidence,
                sql: candidate.sql,
                query: candidate.query,
            }
        })
        .collect())
}

/// The chance of each candidate, by the weights.
pub fn shares(all: &[Candidate]) -> Vec<f64> {
    let top = all.first().map_or(0.0, |c| c.score);
    let odds: Vec<f64> = all.iter().map(|c| f64::from(c.score - top).exp()).collect();
    let sum: f64 = odds.iter().sum();
    odds.iter().map(|o| o / sum).collect()
}

/// The place of the candidate to answer.
pub fn chosen(all: &[Candidate], outcomes: &[Outcome]) -> Option<usize> {
    let first = outcomes.iter().position(|o| *o != Outcome::Error)?;
    if outcomes[first] == Outcome::Rows {
        return Some(first);
    }
    let other = outcomes.iter().position(|o| *o == Outcome::Rows);
    Some(
        other
            .filter(|i| all[*i].score > all[first].score - MARGIN)
            .unwrap_or(first),
    )
}

/// True for what is no small word of the language.
fn is_content(token: &super::tokens::Token) -> bool {
    token.lower.contains(char::is_alphanumeric) && !CUES.contains(&token.lower.as_str())
}

fn unmatched(words: &[super::tokens::Token], mentions: &[Mention]) -> Vec<String> {
    words
        .iter()
        .enumerate()
        .filter(|(i, t)| {
            let known = mentions
                .iter()
                .any(|m| m.start <= *i && *i < m.end && !matches!(m.kind, Meaning::Text(_)));
            !known && is_content(t)
        })
        .map(|(_, t)| t.text.clone())
        .collect()
}

/// What a query takes for granted.
fn assumptions(catalog: &Catalog, query: &Query) -> Vec<String> {
    let mut all = Vec::new();
    for filter in query.filters.iter().chain(&query.having) {
        all.extend(assumption(catalog, filter));
    }
    for (expr, desc) in &query.order {
        if let (Expr::Column(c), Some(limit)) = (expr, query.limit) {
            let order = if *desc { "greatest" } else { "least" };
            let rows = if limit == 1 {
                "one row".to_owned()
            } else {
                format!("{limit} rows")
            };
            all.push(format!(
                "the {order} is by {}; {rows}, even if others are equal",
                catalog.named(*c)
            ));
        }
    }
    all
}

fn assumption(catalog: &Catalog, filter: &Filter) -> Option<String> {
    let Expr::Column(c) = filter.left else {
        return None;
    };
    match (&filter.right, filter.op) {
        (Right::One(Literal::Text(text)), Compare::Eq | Compare::Ne) => {
            Some(format!("\"{text}\" is a value of {}", catalog.named(c)))
        }
        (Right::One(Literal::Text(text)), Compare::Like) => {
            Some(format!("{} is like \"{text}\"", catalog.named(c)))
        }
        (Right::Query(_), Compare::NotIn) => Some(format!(
            "\"not\" means that no row of another table has {}",
            catalog.named(c)
        )),
        _ => None,
    }
}
