//! Which of several SELECTs is answered: those that give the same rows stand for one answer, and the answer for which most
//! speaks wins.

use crate::nl::answer::Outcome;

/// How sure a model is at most that nobody else agrees with. It is not calibrated: no such answer is `high`.
const ALONE: f64 = 0.75;

/// How much less an answer counts that finds nothing.
const NOTHING: f64 = 0.5;

/// How many readings of the parser take part.
pub const PARSED: usize = 3;

/// The most rows of a candidate that are compared.
pub const ROWS: usize = 1000;

/// A SELECT that takes part.
#[derive(Debug, Clone, PartialEq)]
pub struct Ballot {
    /// The model's, or else the parser's.
    pub of_model: bool,
    /// How much it counts.
    pub weight: f64,
    /// What the engine says of it.
    pub outcome: Outcome,
    /// What tells its rows from others.
    pub rows: u64,
}

/// How much the model's SELECTs count, the likeliest first; all together 1.
pub fn weights(count: usize) -> Vec<f64> {
    let weight = |i: usize| 1.0 / ((i + 1) * (i + 1)) as f64;
    let sum: f64 = (0..count).map(weight).sum();
    (0..count).map(|i| weight(i) / sum).collect()
}

/// A SELECT in the order of the answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Its place among those that take part.
    pub place: usize,
    /// How sure it is.
    pub confidence: f64,
    /// Whether the parser and the model have both given these rows.
    pub agreed: bool,
}

/// Those that run, the one to answer first. If `insists`, the answer is one that the model gives. Empty if there is none.
pub fn order(ballots: &[Ballot], insists: bool) -> Vec<Choice> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (i, ballot) in ballots.iter().enumerate() {
        if ballot.outcome == Outcome::Error {
            continue;
        }
        let same = groups.iter_mut().find(|group| {
            let first = &ballots[group[0]];
            (first.outcome, first.rows) == (ballot.outcome, ballot.rows)
        });
        match same {
            Some(group) => group.push(i),
            None => groups.push(vec![i]),
        }
    }
    let has =
        |group: &[usize], of_model: bool| group.iter().any(|i| ballots[*i].of_model == of_model);
    let mut weighed: Vec<(bool, f64, Vec<usize>)> = groups
        .into_iter()
        .map(|group| {
            let finds = ballots[group[0]].outcome == Outcome::Rows;
            let sum: f64 = group.iter().map(|i| ballots[*i].weight).sum();
            let weight = if finds { sum } else { sum * NOTHING };
            (!insists || has(&group, true), weight, group)
        })
        .collect();
    // Of two for which as much speaks, the one that came first.
    weighed.sort_by(|(a, x, _), (b, y, _)| b.cmp(a).then(y.total_cmp(x)));
    if weighed.first().is_none_or(|(right, ..)| !right) {
        return Vec::new();
    }
    let choices = weighed.into_iter().flat_map(|(_, _, group)| {
        let confidence = sure(ballots, &group);
        let agreed = has(&group, true) && has(&group, false);
        group.into_iter().map(move |place| Choice {
            place,
            confidence,
            agreed,
        })
    });
    choices.collect()
}

/// Whose SELECT is answered: `both` if the other has given the same rows.
pub fn decision(ballots: &[Ballot], choices: &[Choice]) -> &'static str {
    match choices.first() {
        None => "none",
        Some(choice) if choice.agreed => "both",
        Some(choice) if ballots[choice.place].of_model => "model",
        Some(_) => "parser",
    }
}

/// How sure an answer is: as sure as the parser and the model are together, each wrong by itself.
fn sure(ballots: &[Ballot], group: &[usize]) -> f64 {
    let of = |of_model: bool| {
        group
            .iter()
            .filter(move |i| ballots[**i].of_model == of_model)
    };
    let parser = of(false).map(|i| ballots[*i].weight).fold(0.0, f64::max);
    let model: f64 = of(true).map(|i| ballots[*i].weight).sum();
    1.0 - (1.0 - parser) * (1.0 - ALONE * model)
}

/// What tells the rows of an answer from those of another, in whichever order they come.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    sum: u64,
    count: u64,
    nulls: bool,
}

impl Rows {
    /// Adds a row: its values as texts, `None` for NULL. Numbers have to be written alike.
    pub fn add<'a>(&mut self, row: impl Iterator<Item = Option<std::borrow::Cow<'a, str>>>) {
        let mut text = String::new();
        let mut only_nulls = true;
        for value in row {
            match value {
                None => text.push('\u{1}'),
                Some(value) => {
                    only_nulls = false;
                    text.push('\u{2}');
                    text.push_str(&value);
                }
            }
        }
        self.nulls = only_nulls && (self.count == 0 || self.nulls);
        self.sum = self.sum.wrapping_add(super::super::tokens::hash(&text));
        self.count += 1;
    }

    /// How many rows it has.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// By which they are compared.
    pub fn hash(&self) -> u64 {
        self.sum ^ self.count.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// What they say of the SELECT.
    pub fn outcome(&self) -> Outcome {
        match (self.count, self.nulls) {
            (0, _) => Outcome::Empty,
            (_, true) => Outcome::Nulls,
            _ => Outcome::Rows,
        }
    }
}

/// A number as rows are compared by: 2.0 is 2, and 0.1 + 0.2 is 0.3.
pub fn number(value: f64) -> String {
    // Above this not every whole number is there.
    if value.fract() == 0.0 && value.abs() < 1e15 {
        // There is a zero below 0, too.
        return format!("{:.0}", value + 0.0);
    }
    format!("{value:.9e}")
}
