//! Which reading of a question is answered, how sure that is, and what it assumes.

mod words;

use std::ops::Range;

use super::catalog::{Catalog, ColumnRef};
use super::follow::follow;
use super::ir::{Aggregate, Compare, Expr, Filter, Literal, Query, Right, tables};
use super::link::found;
use super::modify::modifiers;
use super::parse::{Candidate, candidates, compare};
use super::period::{period, same_period};
use super::reader::{Reader, name_of, question_words};
use super::tokens::{LONGEST, fold};
use crate::Error;
use words::{Unknown, is_content, is_name, is_said, names, unmatched};

/// Candidates among which the likelihoods are shared.
const CANDIDATES: usize = 40;

/// Candidates that are tried in the engine.
const TRIED: usize = 8;

/// How much less likely a reading may be that finds something, where the likeliest finds nothing.
const MARGIN: f32 = 2.0;

/// Most words of a question that a reading can be sure of: nobody asks so much at once.
const WORDS: usize = 120;

/// How much less likely a reading is that has none of the names in the question; one without some of them is less so.
const NO_NAME: f32 = 6.0;

/// From this confidence on a reading is sure.
pub const HIGH: f64 = 0.8;

/// Below this confidence a reading is a guess.
pub const LOW: f64 = 0.3;

/// How sure a reading is at most where a value may be another thing.
const EITHER: f64 = 0.75;

/// How sure a reading is at most that is hardly what was meant.
const DOUBTED: f64 = 0.25;

/// Below this confidence a question means nothing here, and changes nothing of what was spoken of.
const NOTHING: f64 = 0.1;

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
    /// Its share among all readings by the weights, less for words that mean nothing here and for names that it leaves out.
    pub confidence: f64,
    /// What it takes for granted, in words.
    pub assumptions: Vec<String>,
    /// Words of the question that it does not use.
    pub unmatched: Vec<String>,
    /// It goes on from the question before.
    pub goes_on: bool,
}

impl Reading {
    /// Whether what was spoken of before stays so: the question goes on from it, or means nothing here.
    pub fn keeps_topic(&self) -> bool {
        self.goes_on || self.confidence < LOW
    }
}

/// `high`, `medium` or `low`.
pub fn band(confidence: f64) -> &'static str {
    if confidence >= HIGH {
        "high"
    } else if confidence >= LOW {
        "medium"
    } else {
        "low"
    }
}

/// Errors if a reading, without these words, is less sure than an answer must be.
pub fn too_unsure(
    sql: &str,
    confidence: f64,
    unmatched: &[String],
    least: f64,
) -> crate::Result<()> {
    if confidence >= least {
        return Ok(());
    }
    let unmatched = match unmatched {
        [] => String::new(),
        words => format!(", and without \"{}\"", words.join("\", \"")),
    };
    Err(Error::new(format!(
        "not sure what is asked; it may be, with confidence {confidence:.2}{unmatched}: {sql}; ask in other words, choose from lumos_parse, or give {{\"min_confidence\": 0}}"
    )))
}

/// All readings of a question, the likeliest first, before an engine has said anything of them.
#[derive(Debug, Clone, Default)]
pub struct Considered {
    /// In the order of their scores.
    pub readings: Vec<Reading>,
    /// By the weights.
    pub scores: Vec<f32>,
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
    Considered::new(reader, question).tried(most, probe)
}

/// The same of a question after others, the last of which it may go on from. Each of them is read again, the first by
/// itself; of more than [`TURNS`] the last are, and what goes on from them is not sure. Errors as `probe` does.
pub fn readings_after<E>(
    reader: &Reader<'_>,
    after: &[String],
    question: &str,
    most: usize,
    probe: &mut dyn FnMut(&str) -> Result<Outcome, E>,
) -> Result<Vec<Reading>, E> {
    Considered::after(reader, after, question, probe)?.tried(most, probe)
}

/// Most questions before another that it may go on from.
pub const TURNS: usize = 20;

/// How sure a question is understood at most that goes on from another.
const GOES_ON: f64 = 0.95;

/// A question before, as it was read.
struct Before<'a> {
    query: Query,
    question: &'a str,
    confidence: f64,
}

impl Considered {
    /// Reads a question that stands by itself.
    pub fn new(reader: &Reader<'_>, question: &str) -> Considered {
        Considered::going_on(reader, None, question)
    }

    /// Reads a question after others, as [`readings_after`] does. Errors as `probe` does.
    pub fn after<E>(
        reader: &Reader<'_>,
        after: &[String],
        question: &str,
        probe: &mut dyn FnMut(&str) -> Result<Outcome, E>,
    ) -> Result<Considered, E> {
        let mut previous: Option<Before<'_>> = None;
        for before in &after[after.len().saturating_sub(TURNS)..] {
            let found = Considered::going_on(reader, previous.as_ref(), before).tried(1, probe)?;
            // A question that means nothing here changes nothing.
            let first = previous.is_none();
            let least = |r: &Reading| if r.goes_on || first { NOTHING } else { LOW };
            let changes = |r: &Reading| r.confidence >= least(r);
            if let Some(reading) = found.into_iter().next().filter(changes) {
                previous = Some(Before {
                    query: reading.query,
                    question: before,
                    confidence: reading.confidence,
                });
            }
        }
        let mut found = Considered::going_on(reader, previous.as_ref(), question);
        if after.len() > TURNS {
            for reading in found.readings.iter_mut().filter(|r| r.goes_on) {
                reading.confidence = reading.confidence.min(DOUBTED);
                let said = format!("of the questions before, only the last {TURNS} were read");
                reading.assumptions.push(said);
            }
        }
        Ok(found)
    }

    fn going_on(reader: &Reader<'_>, previous: Option<&Before<'_>>, question: &str) -> Considered {
        let (words, strange) = question_words(reader.catalog, reader.vocabulary, question);
        let followed = previous
            .map(|before| follow(reader, &before.query, question))
            .unwrap_or_default();
        let follows = followed.candidates.len();
        let lost = previous.filter(|_| followed.meant && follows == 0);
        let mut all: Vec<(Candidate, bool)> =
            followed.candidates.into_iter().map(|c| (c, true)).collect();
        let unknown = |text: String| Unknown {
            lower: text.to_lowercase(),
            text,
        };
        let mut unread_words: Vec<Unknown> = followed.unmatched.into_iter().map(unknown).collect();
        let mut named = Vec::new();
        let mut open = None;
        let mut nothing_named = false;
        if follows == 0 {
            let (said, rest) = modifiers(reader, question, words.clone(), false);
            open = said.ranked.and_then(|ranked| ranked.open());
            let mentions = reader.vocabulary.link(reader.catalog, &rest);
            unread_words = unmatched(&rest, &mentions);
            // What says a time is understood by that.
            let time = period(question, reader.latest()).map(|period| period.span);
            let times: Vec<_> = time.into_iter().chain(same_period(question)).collect();
            let is_time =
                |r: &Range<usize>| times.iter().any(|t| r.start < t.end && t.start < r.end);
            let strange = strange.iter().filter(|r| !is_time(r));
            let strange = strange.filter_map(|r| question.get(r.clone()).map(str::to_owned));
            unread_words.extend(strange.map(unknown));
            named = names(&rest, &mentions);
            let any = mentions.iter().any(|m| is_name(&m.kind));
            nothing_named = !any && reader.catalog.tables.len() > 1;
        }
        if follows == 0 || followed.unsure {
            let alone = candidates(reader, question, CANDIDATES);
            let top = alone.first().map_or(0.0, |c| c.score);
            let less = if follows == 0 { 0.0 } else { MARGIN - top };
            all.extend(alone.into_iter().map(|c| {
                let less = less - if follows == 0 { 0.0 } else { 2.0 * MARGIN };
                let score = c.score + less;
                (Candidate { score, ..c }, false)
            }));
        }
        // A reading without the names is one of another question.
        for (candidate, goes_on) in &mut all {
            if !*goes_on && !named.is_empty() {
                let out = named
                    .iter()
                    .filter(|n| !n.is_in(reader.catalog, &candidate.sql));
                candidate.score -= NO_NAME * out.count() as f32 / named.len() as f32;
            }
        }
        let weights = &reader.catalog.weights;
        if !weights.is_empty() {
            for (candidate, _) in &mut all {
                candidate.score += weights.of(question, &candidate.sql);
            }
        }
        all.sort_by(|(a, _), (b, _)| compare(a, b));
        let mut scores: Vec<f32> = all.iter().map(|(candidate, _)| candidate.score).collect();
        let shares = shares(&scores);
        // A word that means nothing here may have been the one that matters.
        let content = words.iter().filter(|t| is_content(t)).count() + strange.len();
        let mut unread = question.chars().skip(LONGEST);
        let asks = words
            .iter()
            .any(|t| is_content(t) && t.lower.contains(char::is_alphabetic));
        // Nothing is asked, or a number alone: what is likely in general is no answer to it. Or what was not read may be what matters.
        let nothing =
            !asks && follows == 0 || unread.any(|c| !c.is_whitespace()) || words.len() > WORDS;
        let mut readings: Vec<Reading> = Vec::new();
        for ((candidate, goes_on), share) in all.into_iter().zip(shares) {
            let mut assumed = assumptions(reader.catalog, &candidate.query);
            assumed.extend(candidate.notes);
            let said = |word: &&Unknown| is_said(&word.lower, &candidate.sql, &assumed);
            let left = unread_words.iter().filter(|word| !said(word));
            let mut unmatched: Vec<String> = left.map(|word| word.text.clone()).collect();
            let of = content.max(unmatched.len()).max(1);
            let understood = (1.0 - unmatched.len() as f64 / of as f64).powi(2);
            let mut confidence = if nothing { 0.0 } else { share * understood };
            if let Some(doubt) = candidate.doubt {
                confidence = confidence.min(DOUBTED);
                assumed.push(doubt);
            }
            let sum = open.map(|c| Expr::Aggregate(Aggregate::Sum, false, Some(c)));
            let sums = |sum: &Expr| candidate.query.order.iter().any(|(e, _)| e == sum);
            if let Some(column) = open.filter(|_| sum.as_ref().is_some_and(sums)) {
                confidence = confidence.min(EITHER);
                let named = reader.catalog.named(column);
                assumed.push(format!("{named} is added up; say \"average\" for its mean"));
            }
            for (text, other) in other_names(reader.catalog, &candidate.query) {
                confidence = confidence.min(EITHER);
                assumed.push(format!(
                    "\"{text}\" is a value of {} too",
                    reader.catalog.named(other)
                ));
            }
            if !goes_on && !named.is_empty() {
                let left_out = named
                    .iter()
                    .filter(|name| !name.is_in(reader.catalog, &candidate.sql));
                let left_out: Vec<String> = left_out.map(|name| name.word.clone()).collect();
                confidence *= 1.0 - left_out.len() as f64 / named.len() as f64;
                unmatched.extend(left_out);
            }
            if nothing_named && !goes_on {
                confidence = confidence.min(DOUBTED);
                assumed.push("the question names no table, column or value".to_owned());
            }
            if let Some(before) = lost {
                confidence = confidence.min(DOUBTED);
                let said = format!(
                    "it does not say how it goes on from \"{}\"",
                    before.question
                );
                assumed.push(said);
            }
            if let Some(before) = previous.filter(|_| goes_on) {
                assumed.insert(0, format!("it goes on from \"{}\"", before.question));
                confidence = (confidence * GOES_ON).min(before.confidence);
            }
            readings.push(Reading {
                assumptions: assumed,
                unmatched,
                confidence,
                sql: candidate.sql,
                query: candidate.query,
                goes_on,
            });
        }
        let asked = fold(question);
        let verified = reader.catalog.verified.iter().find(|(q, _)| *q == asked);
        if let Some((_, sql)) = verified {
            let verified = Reading {
                sql: sql.clone(),
                query: Query::default(),
                confidence: 1.0,
                assumptions: vec!["somebody has verified this SQL for the question".into()],
                unmatched: Vec::new(),
                goes_on: false,
            };
            readings.insert(0, verified);
            // No other is nearly as likely.
            scores.insert(0, scores.first().copied().unwrap_or_default() + 100.0);
        }
        Considered { readings, scores }
    }

    /// The readings by what the engine says of the likely ones.
    fn tried<E>(
        self,
        most: usize,
        probe: &mut dyn FnMut(&str) -> Result<Outcome, E>,
    ) -> Result<Vec<Reading>, E> {
        let Considered { readings, scores } = self;
        // The likeliest is tried first; others only if it finds nothing.
        let mut outcomes: Vec<Outcome> = Vec::new();
        for reading in readings.iter().take(TRIED) {
            outcomes.push(probe(&reading.sql)?);
            if outcomes.last() == Some(&Outcome::Rows) {
                break;
            }
        }
        let mut readings: Vec<Option<Reading>> = readings.into_iter().map(Some).collect();
        let order = order(&scores, &outcomes, most).into_iter();
        Ok(order.filter_map(|i| readings[i].take()).collect())
    }

    /// Whether an engine refuses the likely readings, as `is_refused` says: of the likeliest that it does not refuse, those
    /// before it, and those that are nearly as likely. Errors as that does.
    pub fn to_try<E>(
        &self,
        is_refused: &mut dyn FnMut(&Reading) -> Result<bool, E>,
    ) -> Result<Vec<bool>, E> {
        let mut first = None;
        let mut all = Vec::new();
        for (reading, score) in self.readings.iter().zip(&self.scores).take(TRIED) {
            if first.is_some_and(|first: f32| *score <= first - MARGIN) {
                break;
            }
            let refused = is_refused(reading)?;
            if !refused && first.is_none() {
                first = Some(*score);
            }
            all.push(refused);
        }
        Ok(all)
    }
}

/// The places of the readings to show, the one to answer first, by what the engine says of the likely ones.
pub fn order(scores: &[f32], outcomes: &[Outcome], most: usize) -> Vec<usize> {
    let all = 0..scores.len();
    let Some(first) = chosen(scores, outcomes) else {
        return all.take(most).collect();
    };
    let runs = |i: &usize| *i != first && outcomes.get(*i) != Some(&Outcome::Error);
    std::iter::once(first)
        .chain(all.filter(runs))
        .take(most)
        .collect()
}

/// The chance of each candidate, by the weights.
fn shares(scores: &[f32]) -> Vec<f64> {
    let top = scores.first().copied().unwrap_or_default();
    let odds: Vec<f64> = scores.iter().map(|s| f64::from(s - top).exp()).collect();
    let sum: f64 = odds.iter().sum();
    odds.iter().map(|o| o / sum).collect()
}

/// The place of the candidate to answer.
fn chosen(scores: &[f32], outcomes: &[Outcome]) -> Option<usize> {
    let first = outcomes.iter().position(|o| *o != Outcome::Error)?;
    if outcomes[first] == Outcome::Rows {
        return Some(first);
    }
    let other = outcomes.iter().position(|o| *o == Outcome::Rows);
    Some(
        other
            .filter(|i| scores[*i] > scores[first] - MARGIN)
            .unwrap_or(first),
    )
}

/// The values that a query compares with, if they are also what a thing is called that the query leaves out.
fn other_names<'a>(catalog: &Catalog, query: &'a Query) -> Vec<(&'a str, ColumnRef)> {
    let mut all = Vec::new();
    for filter in &query.filters {
        let (Expr::Column(c), Right::One(Literal::Text(text)), Compare::Eq) =
            (&filter.left, &filter.right, filter.op)
        else {
            continue;
        };
        if name_of(catalog, c.table).contains(c) {
            continue;
        }
        let own = tables(query);
        let is_name = |other: &&(ColumnRef, String)| {
            !own.contains(&other.0.table) && name_of(catalog, other.0.table) == [other.0]
        };
        let found: Vec<(ColumnRef, String)> = found(catalog, &fold(text));
        all.extend(
            found
                .iter()
                .find(is_name)
                .map(|other| (text.as_str(), other.0)),
        );
    }
    all
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
