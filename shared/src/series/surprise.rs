//! Anomalies in a series: how far each value is from what the values before it lead to expect.

use std::collections::VecDeque;

use super::scale;
use crate::Result;
use crate::program::{Stopped, check};

/// How values are judged.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The period of the season in rows; 1 for none.
    pub period: usize,
    /// The score from which a value may be an anomaly.
    pub threshold: f64,
    /// How many scores before it a score must exceed.
    pub quiet: Quiet,
    /// Which side counts.
    pub direction: Direction,
    /// The least difference from what is expected.
    pub least: Least,
    /// How many values before one are looked back on, at most.
    pub history: usize,
}

/// A stretch of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quiet {
    /// This share of the rows so far.
    Share(f64),
    /// So many rows.
    Rows(usize),
}

/// The side of what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Either.
    Both,
    /// Above it.
    Above,
    /// Below it.
    Below,
}

/// A least difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Least {
    /// In the unit of the values.
    Absolute(f64),
    /// As a share of what is expected.
    Share(f64),
}

/// What is said of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// What the values before it lead to expect.
    pub expected: f64,
    /// Half the width of what is usual.
    pub width: f64,
    /// Standard deviations from what is expected and from the mean, in the mean; `None` without history enough.
    pub score: Option<f64>,
    /// Whether it is one.
    pub is_anomaly: bool,
}

/// The rows before a value that it takes to judge it.
pub const FEWEST: usize = 20;
/// The greatest score.
pub const MOST: f64 = 1e6;
/// Cycles whose median is expected.
const CYCLES: usize = 7;
/// Rows whose median is expected where there is no season.
const NEIGHBOURS: usize = 10;

impl Judgement {
    /// For values that are divided by a number.
    pub fn divided(&self, by: f64) -> Judgement {
        let least = match self.least {
            Least::Absolute(least) => Least::Absolute(least / by),
            share => share,
        };
        Judgement {
            least,
            ..self.clone()
        }
    }
}

/// Whether a value is on the side that counts, and far enough from what is expected.
pub fn stands_out(residual: f64, expected: f64, how: &Judgement) -> bool {
    let side = match how.direction {
        Direction::Both => true,
        Direction::Above => residual > 0.0,
        Direction::Below => residual < 0.0,
    };
    side && match how.least {
        Least::Absolute(least) => residual.abs() >= least,
        Least::Share(share) => residual.abs() >= share * expected.abs(),
    }
}

/// Mean and standard deviation of the last values of a stream.
struct Window {
    size: usize,
    values: VecDeque<f64>,
    /// What the sums are relative to, so that they lose no digits.
    origin: f64,
    sum: f64,
    squares: f64,
    /// Values until the sums are made anew.
    left: usize,
}

impl Window {
    fn new(size: usize) -> Window {
        Window {
            size,
            values: VecDeque::new(),
            origin: 0.0,
            sum: 0.0,
            squares: 0.0,
            left: 0,
        }
    }

    fn add(&mut self, value: f64) {
        if self.values.len() == self.size
            && let Some(first) = self.values.pop_front()
        {
            let first = first - self.origin;
            self.sum -= first;
            self.squares -= first * first;
        }
        self.values.push_back(value);
        if self.left > 0 {
            self.left -= 1;
            let value = value - self.origin;
            self.sum += value;
            self.squares += value * value;
            return;
        }
        self.left = self.values.len().min(1_024);
        self.origin = self.values.iter().sum::<f64>() / self.values.len() as f64;
        let relative = self.values.iter().map(|x| x - self.origin);
        (self.sum, self.squares) = relative.fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
    }

    /// Mean and standard deviation, the latter never zero.
    fn spread(&self) -> (f64, f64) {
        let n = self.values.len() as f64;
        let mean = self.sum / n;
        let variance = (self.squares / n - mean * mean).max(0.0);
        let mean = self.origin + mean;
        let floor = (1e-9 * mean.abs()).max(f64::MIN_POSITIVE);
        (mean, variance.sqrt().max(floor))
    }
}

/// Judges each value by those before it, of the rows that count: all if `counted` says nothing of one. The others are not judged.
///
/// Of the residual, which is the value less the median of the last cycles, and of the value itself: how many standard
/// deviations each is from its mean so far; the score is the mean of both. An anomaly has a score of `threshold` or more
/// that is above all scores of the quiet stretch before.
///
/// Errors if it is stopped.
pub fn judge(
    values: &[f64],
    counted: &[bool],
    how: &Judgement,
    stopped: Stopped<'_>,
) -> Result<Vec<Judged>> {
    if let Some(by) = scale::divisor(values) {
        let how = how.divided(by);
        let mut near = judge(&scale::divided(values, by), counted, &how, stopped)?;
        for found in &mut near {
            found.expected *= by;
            found.width *= by;
        }
        return Ok(near);
    }
    let mut residuals = Window::new(how.history);
    let mut raw = Window::new(how.history);
    // Scores that may still be the greatest of the stretch, with their rows: falling.
    let mut greatest: VecDeque<(usize, f64)> = VecDeque::new();
    let mut judged = Vec::with_capacity(values.len());
    for (row, &value) in values.iter().enumerate() {
        if row % 4_096 == 0 {
            check(stopped)?;
        }
        let mut found = Judged {
            expected: f64::NAN,
            width: f64::NAN,
            score: None,
            is_anomaly: false,
        };
        if !counts(counted, row) {
            judged.push(found);
            continue;
        }
        let expected = expected(values, counted, row, how.period);
        found.expected = expected;
        let residual = value - expected;
        if residuals.values.len() >= FEWEST {
            let (mean, deviation) = residuals.spread();
            let (raw_mean, raw_deviation) = raw.spread();
            let of_residual = (residual - mean).abs() / deviation;
            let of_value = (value - raw_mean).abs() / raw_deviation;
            let score = ((of_residual + of_value) / 2.0).min(MOST);
            found.width = how.threshold * deviation;
            found.score = Some(score);
            let quiet = match how.quiet {
                Quiet::Share(share) => (row as f64 * share) as usize,
                Quiet::Rows(rows) => rows,
            };
            while greatest.front().is_some_and(|(at, _)| at + quiet < row) {
                greatest.pop_front();
            }
            let above = greatest.front().is_none_or(|(_, most)| score > *most);
            found.is_anomaly =
                score >= how.threshold && above && stands_out(residual, expected, how);
            while greatest.back().is_some_and(|(_, last)| *last <= score) {
                greatest.pop_back();
            }
            greatest.push_back((row, score));
        }
        residuals.add(residual);
        raw.add(value);
        judged.push(found);
    }
    Ok(judged)
}

fn counts(counted: &[bool], row: usize) -> bool {
    counted.get(row).is_none_or(|counts| *counts)
}

/// The median of the same row of the last cycles, of two at least; else of the last rows, or the value itself of the first.
fn expected(values: &[f64], counted: &[bool], row: usize, period: usize) -> f64 {
    let mut before = [0.0; NEIGHBOURS];
    let mut count = 0;
    if period > 1 {
        for cycle in 1..=(row / period).min(CYCLES) {
            let at = row - cycle * period;
            if counts(counted, at) {
                before[count] = values[at];
                count += 1;
            }
        }
    }
    if count < 2 {
        count = 0;
        let rows = (0..row).rev().filter(|at| counts(counted, *at));
        for at in rows.take(NEIGHBOURS) {
            before[count] = values[at];
            count += 1;
        }
    }
    if count == 0 {
        return values[row];
    }
    let before = &mut before[..count];
    before.sort_unstable_by(f64::total_cmp);
    let middle = count / 2;
    if count % 2 == 1 {
        before[middle]
    } else {
        f64::midpoint(before[middle - 1], before[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Judgement {
        Judgement {
            period: 1,
            threshold: 3.5,
            quiet: Quiet::Share(0.2),
            direction: Direction::Both,
            least: Least::Absolute(0.0),
            history: 6_400,
        }
    }

    fn anomalies(values: &[f64], how: &Judgement) -> Vec<usize> {
        let judged = judge(values, &[], how, &|| false).unwrap();
        (0..values.len())
            .filter(|i| judged[*i].is_anomaly)
            .collect()
    }

    #[test]
    fn rows_that_do_not_count_are_as_if_they_were_not_there() {
        for period in [1, 7] {
            let how = Judgement {
                period,
                quiet: Quiet::Rows(0),
                ..usual()
            };
            let mut plain: Vec<f64> = (0..300).map(|i| f64::from(i * 7 % 11)).collect();
            plain[200] = 90.0;
            // A whole cycle of others stands between some rows, so that the season keeps its place.
            let (mut values, mut counted) = (Vec::new(), Vec::new());
            for (row, value) in plain.iter().enumerate() {
                if row > 0 && row % 70 == 0 {
                    values.extend([1e6; 7]);
                    counted.extend([false; 7]);
                }
                values.push(*value);
                counted.push(true);
            }
            let judged = judge(&values, &counted, &how, &|| false).unwrap();
            let (kept, others): (Vec<_>, Vec<_>) = judged
                .iter()
                .zip(&counted)
                .partition(|(_, counted)| **counted);
            assert!(
                others
                    .iter()
                    .all(|(row, _)| row.score.is_none() && !row.is_anomaly)
            );
            assert!(kept[200].0.is_anomaly);
            if period == 1 {
                let kept: Vec<_> = kept.iter().map(|(row, _)| *row).collect();
                let expected = judge(&plain, &[], &how, &|| false).unwrap();
                assert_eq!(
                    format!("{kept:?}"),
                    format!("{:?}", expected.iter().collect::<Vec<_>>())
                );
            }
            assert!(kept.iter().all(|(row, _)| row.expected <= 90.0));
        }
    }

    #[test]
    fn a_spike_is_found_once() {
        let mut values: Vec<f64> = (0..200).map(|i| f64::from(i * 7 % 11)).collect();
        assert!(anomalies(&values, &usual()).is_empty());
        values[150] = 60.0;
        assert_eq!(anomalies(&values, &usual()), [150]);
        let below = Judgement {
            direction: Direction::Below,
            ..usual()
        };
        assert!(anomalies(&values, &below).is_empty());
        let large = Judgement {
            least: Least::Absolute(100.0),
            ..usual()
        };
        assert!(anomalies(&values, &large).is_empty());
    }

    #[test]
    fn a_season_is_expected() {
        let mut values: Vec<f64> = (0..140)
            .map(|i| if i % 7 == 5 { 100.0 } else { f64::from(i % 3) })
            .collect();
        let weekly = Judgement {
            period: 7,
            ..usual()
        };
        assert!(anomalies(&values, &weekly).is_empty());
        assert_eq!(
            judge(&values, &[], &weekly, &|| false).unwrap()[138].expected,
            100.0
        );
        values[138] = 0.0;
        let judged = judge(&values, &[], &weekly, &|| false).unwrap();
        assert!(judged[138].score > judged[137].score);
    }

    #[test]
    fn a_constant_that_changes_has_a_finite_score() {
        let mut values = vec![5.0; 60];
        values[40] = 6.0;
        let judged = judge(&values, &[], &usual(), &|| false).unwrap();
        assert_eq!(
            (judged[40].score, judged[40].is_anomaly),
            (Some(MOST), true)
        );
        assert_eq!(judged[39].score, Some(0.0));
        assert!(judged[..20].iter().all(|j| j.score.is_none()));
        assert!(judge(&[], &[], &usual(), &|| false).unwrap().is_empty());
        let huge: Vec<f64> = values.iter().map(|x| x * 2e307).collect();
        assert!(judge(&huge, &[], &usual(), &|| false).unwrap()[40].is_anomaly);
    }

    #[test]
    fn the_window_has_the_spread_of_its_values() {
        let mut window = Window::new(50);
        let values: Vec<f64> = (0..5_000).map(|i| 1e9 + f64::from(i * i % 97)).collect();
        for (i, value) in values.iter().enumerate() {
            window.add(*value);
            let last = &values[(i + 1).saturating_sub(50)..=i];
            let mean = last.iter().sum::<f64>() / last.len() as f64;
            let variance =
                last.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / last.len() as f64;
            let (found, deviation) = window.spread();
            assert!((found - mean).abs() < 1e-5, "{i}");
            assert!(
                (deviation - variance.sqrt().max(1e-9 * mean)).abs() < 1e-5,
                "{i}"
            );
        }
    }
}
