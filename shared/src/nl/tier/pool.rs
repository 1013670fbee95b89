//! The readings of the parser and of a model together, and what is said of them.

use super::vote::{Ballot, PARSED, decision, order, weights};
use super::{Consulted, Tier};
use crate::Error;
use crate::nl::answer::{Outcome, Reading};
use crate::nl::ir::Query;

/// What the parser is less sure of is what is likely in general, of whatever question.
const LEAST: f64 = 0.01;

/// SELECTs that take part in a vote.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// The parser's, then the model's.
    pub readings: Vec<Reading>,
    /// Of each, whether it is the model's, and how much it counts.
    pub weights: Vec<(bool, f64)>,
}

impl Pool {
    /// The likely readings of the parser, and what a model gives.
    pub fn new(tier: &Tier, parsed: &[Reading], found: &Consulted) -> Pool {
        let mut pool = Pool::default();
        let likely = parsed.iter().filter(|r| r.confidence >= LEAST);
        for reading in likely.take(PARSED) {
            pool.weights.push((false, reading.confidence));
            pool.readings.push(reading.clone());
        }
        for (sql, weight) in found.passed.iter().zip(weights(found.passed.len())) {
            pool.weights.push((true, weight));
            pool.readings.push(Reading {
                // The questions before are in the prompt, not in the answer.
                goes_on: false,
                sql: sql.clone(),
                query: Query::default(),
                confidence: weight,
                assumptions: vec![format!(
                    "the model {} wrote this SQL",
                    tier.config().model()
                )],
                unmatched: Vec::new(),
            });
        }
        pool
    }

    /// The readings by what the engine says of each, in the order of the pool, and whose is answered. Empty if nothing that
    /// may be answered runs.
    pub fn decided(
        self,
        said: &[(Outcome, u64)],
        insists: bool,
        model: &str,
    ) -> (Vec<Reading>, &'static str) {
        let ballots = ballots(&self.weights, said);
        let choices = order(&ballots, insists);
        let decision = decision(&ballots, &choices);
        let mut readings: Vec<Option<Reading>> = self.readings.into_iter().map(Some).collect();
        let ordered = choices.iter().filter_map(|choice| {
            let mut reading = readings.get_mut(choice.place)?.take()?;
            reading.confidence = choice.confidence;
            if choice.agreed && !self.weights.get(choice.place)?.0 {
                reading.assumptions.push(same_rows(model));
            }
            Some(reading)
        });
        (ordered.collect(), decision)
    }
}

/// What takes part in a vote, by what the engine says of each.
pub fn ballots(weights: &[(bool, f64)], said: &[(Outcome, u64)]) -> Vec<Ballot> {
    let all = weights.iter().zip(said);
    all.map(|((of_model, weight), (outcome, rows))| Ballot {
        of_model: *of_model,
        weight: *weight,
        outcome: *outcome,
        rows: *rows,
    })
    .collect()
}

/// What is said of an answer that both give.
pub fn same_rows(model: &str) -> String {
    format!("the model {model} wrote SQL that gives the same rows")
}

/// What the parser's readings take for granted where a model was asked in vain, before the reason.
const ALONE: &str = "the parser alone reads it so, since the model gave nothing: ";

/// Says of the parser's readings that a model was asked in vain.
pub fn without(readings: &mut [Reading], why: &str) {
    for reading in readings {
        reading.assumptions.push(format!("{ALONE}{why}"));
    }
}

/// The error for a reading that is not sure enough, which says so too.
pub fn with_why(error: &Error, assumptions: &[String]) -> Error {
    match assumptions.iter().find(|text| text.starts_with(ALONE)) {
        Some(why) => Error::new(format!("{error}; {why}")),
        None => error.clone(),
    }
}

/// Why nothing of what a model said is used.
pub fn reason(found: &Consulted) -> String {
    match (&found.failure, found.refused.first()) {
        (Some(e), _) => e.to_string(),
        (None, Some((_, reason))) => format!("the gate refuses its SQL: {reason}"),
        (None, None) => "there is no SELECT in its answer".into(),
    }
}

/// The error where a model alone is to answer and gives nothing.
pub fn nothing(why: &str) -> Error {
    Error::new(format!("the model gave no answer that can run: {why}"))
}
