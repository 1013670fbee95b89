//! What answers a question in DuckDB once the statement runs: one of its readings, by the rows that they gave, if the catalog is
//! still the one that they were made of.

use std::sync::Arc;

use serde_json::Value as Json;

use super::super::answer::{LOW, Outcome, band, order, too_unsure};
use super::super::asking::{BYTES, TOLD, told, too_many_bytes};
use super::super::learn::place_of;
use super::super::seen::{ANSWER, MISSING, Row, Seen};
use super::super::session::Sessions;
use super::super::tier::log::Log;
use super::super::tier::pool::{self, ballots};
use super::super::tier::vote::{self, Choice};
use super::nothing;
use crate::program::{FoldState, Kept};
use crate::sql::literal;
use crate::words::{Lang, Narration};
use crate::{Error, Result, Value, ValueRef};

/// The rows of the answer.
pub const ASKS: u8 = 0;
/// The SELECT.
pub const WRITES: u8 = 1;
/// The readings.
pub const PARSES: u8 = 2;
/// Rows that were made with the text.
pub const LISTS: u8 = 4;
/// A query and its rows in words.
pub const TELLS: u8 = 5;

/// What was asked, and the rows of its readings.
#[derive(Debug, Clone)]
pub struct Asked<const WHAT: u8> {
    spec: Json,
    place: (String, String),
    fingerprint: u64,
    seen: Seen,
    rows: Vec<(i64, i64, String)>,
    missing: Vec<(i64, String)>,
    bytes: usize,
    sessions: Arc<Sessions>,
    log: Arc<Log>,
}

/// A reading in the order of the answer.
struct Ranked<'a> {
    place: usize,
    reading: &'a Json,
    confidence: f64,
    /// What it takes for granted.
    assumptions: Json,
}

impl<const WHAT: u8> Asked<WHAT> {
    /// What the engine says of each of the likely readings.
    fn outcomes(&self) -> Vec<Outcome> {
        let refused = self.spec["refused"].as_array().map_or(&[][..], |all| all);
        let outcome = |(i, refused): (usize, &Json)| {
            if refused.as_bool() != Some(false) {
                return Outcome::Error;
            }
            let first = self
                .rows
                .iter()
                .filter(|(of, ..)| usize::try_from(*of) == Ok(i))
                .min();
            let Some((_, _, row)) = first else {
                return Outcome::Empty;
            };
            match serde_json::from_str(row) {
                Ok(Json::Object(row)) if row.values().all(Json::is_null) => Outcome::Nulls,
                _ => Outcome::Rows,
            }
        };
        refused.iter().enumerate().map(outcome).collect()
    }

    /// The readings in the order of the answer.
    fn ordered(&self) -> Vec<Ranked<'_>> {
        let readings = self.spec["readings"].as_array().map_or(&[][..], |all| all);
        let ranked = |place: usize| {
            let reading = readings.get(place)?;
            Some(Ranked {
                place,
                reading,
                confidence: reading["confidence"].as_f64().unwrap_or_default(),
                assumptions: reading["assumptions"].clone(),
            })
        };
        if let Some(choices) = self.voted() {
            let model = self.spec["model"].as_str().unwrap_or_default();
            let ranked = choices.into_iter().filter_map(|(choice, of_model)| {
                let mut ranked = ranked(choice.place)?;
                ranked.confidence = choice.confidence;
                if let (true, false, Json::Array(all)) =
                    (choice.agreed, of_model, &mut ranked.assumptions)
                {
                    all.push(pool::same_rows(model).into());
                }
                Some(ranked)
            });
            return ranked.collect();
        }
        let scores = self.spec["scores"].as_array().map_or(&[][..], |all| all);
        let scores = scores.iter().map(|s| s.as_f64().unwrap_or_default() as f32);
        let scores: Vec<f32> = scores.take(readings.len()).collect();
        let order = order(&scores, &self.outcomes(), readings.len());
        order.into_iter().filter_map(ranked).collect()
    }

    /// The order by a vote, if a model takes part, each with whether it is the model's.
    fn voted(&self) -> Option<Vec<(Choice, bool)>> {
        let weights = self.spec["weights"].as_array()?;
        let weights: Vec<(bool, f64)> = weights
            .iter()
            .map(|w| {
                let weight = w[1].as_f64().filter(|w| (0.0..=1.0).contains(w));
                (w[0] == true, weight.unwrap_or_default())
            })
            .collect();
        let mut rows = vec![vote::Rows::default(); weights.len()];
        for (of, _, row) in &self.rows {
            let of = usize::try_from(*of).ok().and_then(|of| rows.get_mut(of));
            if let (Some(rows), Ok(Json::Object(row))) = (of, serde_json::from_str(row)) {
                rows.add(row.values().map(|value| match value {
                    Json::Null => None,
                    Json::String(text) => Some(text.into()),
                    Json::Number(n) => Some(match (n.as_i64(), n.as_f64()) {
                        (Some(n), _) => n.to_string().into(),
                        (_, Some(n)) => vote::number(n).into(),
                        _ => n.to_string().into(),
                    }),
                    other => Some(other.to_string().into()),
                }));
            }
        }
        let said: Vec<(Outcome, u64)> = rows.iter().map(|r| (r.outcome(), r.hash())).collect();
        let ballots = ballots(&weights, &said);
        let choices = vote::order(&ballots, self.spec["insists"] == true);
        let decision = vote::decision(&ballots, &choices);
        let question = self.spec["question"].as_str().unwrap_or_default();
        self.log.decide(question, decision);
        let of_model = |choice: Choice| (choice, ballots[choice.place].of_model);
        Some(choices.into_iter().map(of_model).collect())
    }

    /// The reading to answer. Errors if there is none, it is not sure enough, or names what is not there any more.
    fn first(&self) -> Result<Ranked<'_>> {
        let ranked = self.ordered().into_iter().next().ok_or_else(nothing)?;
        let texts = |list: &Json| -> Vec<String> {
            let all = list.as_array().map_or(&[][..], |all| all);
            let texts = all.iter().filter_map(Json::as_str);
            texts.map(str::to_owned).collect()
        };
        let words = texts(&ranked.reading["unmatched"]);
        let sql = ranked.reading["sql"].as_str().unwrap_or_default();
        let least = self.spec["least"].as_f64().unwrap_or(LOW);
        too_unsure(sql, ranked.confidence, &words, least)
            .map_err(|e| pool::with_why(&e, &texts(&ranked.assumptions)))?;
        self.are_there(Some(ranked.place))?;
        Ok(ranked)
    }

    /// Keeps the question in its session, if it has one, with the reading that answered it.
    fn keep(&self, reading: &Json) {
        if let (Some(session), Some(question)) = (
            self.spec["session"].as_str(),
            self.spec["question"].as_str(),
        ) {
            let goes_on = reading["goes_on"] == true;
            let sql = reading["sql"].as_str().unwrap_or_default();
            self.sessions.keep(session, question, goes_on, sql);
        }
    }

    /// Errors if a value that a reading names is not there any more; of any reading if none is said.
    fn are_there(&self, reading: Option<usize>) -> Result<()> {
        let of = |of: i64| reading.is_none_or(|i| usize::try_from(of) == Ok(i));
        match self.missing.iter().filter(|(i, _)| of(*i)).min() {
            Some((_, said)) => Err(Error::new(format!(
                "{said}: run FROM query(lumos_learn_values()) again"
            ))),
            None => Ok(()),
        }
    }
}

impl<const WHAT: u8> FoldState for Asked<WHAT> {
    fn start(spec: &str) -> Result<Self> {
        let none = || Error::new(format!("{} is not what lumos_ask writes", literal(spec)));
        let json: Json = serde_json::from_str(spec).map_err(|_| none())?;
        let (place, fingerprint) = place_of(&json).ok_or_else(none)?;
        Ok(Asked {
            spec: json,
            place,
            fingerprint,
            seen: Seen::default(),
            rows: Vec::new(),
            missing: Vec::new(),
            bytes: 0,
            sessions: Arc::default(),
            log: Arc::default(),
        })
    }

    fn start_in(spec: &str, kept: &Kept) -> Result<Self> {
        Ok(Asked {
            sessions: kept.of(),
            log: kept.of(),
            ..Self::start(spec)?
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let row = Row::read(row)?;
        match (row.what, row.numbers, row.texts) {
            (ANSWER, [Some(reading), Some(number), _], [Some(text), ..]) => {
                self.bytes += text.len();
                if self.bytes > BYTES {
                    return Err(too_many_bytes());
                }
                self.rows.push((reading, number, text.to_owned()));
            }
            (MISSING, [Some(reading), ..], [Some(text), ..]) => {
                self.missing.push((reading, text.to_owned()));
            }
            _ => self.seen.row(&row, false),
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.seen.merge(&other.seen);
        self.rows.extend(other.rows.iter().cloned());
        self.missing.extend(other.missing.iter().cloned());
        self.bytes += other.bytes;
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        if !self.seen.any {
            return Ok(());
        }
        let taught = self.spec["taught"].as_str();
        let taught = taught.and_then(|hex| u64::from_str_radix(hex, 16).ok());
        self.seen
            .check(&self.place, self.fingerprint, taught.or(Some(0)))?;
        let text = |json: &Json| Value::Text(json.as_str().unwrap_or_default().to_owned());
        match WHAT {
            ASKS if self.spec["check"] == true => {
                self.are_there(None)?;
                emit(vec![
                    Value::Text("true".into()),
                    Value::Null,
                    Value::Null,
                    Value::Null,
                ])?;
                self.keep(&self.spec["readings"][0]);
                Ok(())
            }
            ASKS => {
                let first = self.first()?;
                let rows = self
                    .rows
                    .iter()
                    .filter(|(of, ..)| usize::try_from(*of) == Ok(first.place));
                let mut rows: Vec<_> = rows.collect();
                rows.sort();
                let most = self.spec["most"].as_u64().unwrap_or(u64::MAX);
                for (_, _, row) in rows
                    .into_iter()
                    .take(usize::try_from(most).unwrap_or(usize::MAX))
                {
                    emit(vec![
                        Value::Text(row.clone()),
                        text(&first.reading["sql"]),
                        Value::Real(first.confidence),
                        list(&first.assumptions),
                    ])?;
                }
                self.keep(first.reading);
                Ok(())
            }
            WRITES => {
                let first = self.first()?;
                emit(vec![text(&first.reading["sql"])])?;
                self.keep(first.reading);
                Ok(())
            }
            PARSES => {
                let k = self.spec["k"].as_u64().unwrap_or(5);
                for (ranked, rank) in self.ordered().into_iter().zip(1..=k as i64) {
                    if rank == 1 {
                        self.are_there(Some(ranked.place))?;
                    }
                    emit(vec![
                        Value::Integer(rank),
                        text(&ranked.reading["sql"]),
                        Value::Real(ranked.confidence),
                        Value::Text(band(ranked.confidence).to_owned()),
                        list(&ranked.assumptions),
                        list(&ranked.reading["unmatched"]),
                    ])?;
                }
                Ok(())
            }
            TELLS => {
                let lang = Lang::read(self.spec["lang"].as_str())?;
                let mut rows: Vec<_> = self.rows.iter().collect();
                rows.sort();
                let mut narration = Narration::default();
                for (_, _, row) in rows.iter().take(TOLD) {
                    narration.add(serde_json::from_str(row).unwrap_or(Json::Null));
                }
                if rows.len() > TOLD {
                    narration.and_more();
                }
                emit(told(
                    self.spec["sql"].as_str().unwrap_or_default(),
                    lang,
                    &narration,
                ))
            }
            // Rows that were made with the text.
            _ => {
                let rows = self.spec["rows"].as_array().map_or(&[][..], |all| all);
                for row in rows {
                    let cells = row.as_array().map_or(&[][..], |all| all);
                    emit(cells.iter().map(cell).collect())?;
                }
                Ok(())
            }
        }
    }
}

fn cell(json: &Json) -> Value {
    match json {
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(n) => match n.as_i64() {
            Some(n) => Value::Integer(n),
            None => Value::Real(n.as_f64().unwrap_or_default()),
        },
        _ => Value::Null,
    }
}

fn list(words: &Json) -> Value {
    Value::Text(words.to_string())
}
