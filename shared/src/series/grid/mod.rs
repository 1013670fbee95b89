//! A series on a grid: the step between its rows is found, rows of one time are put together, gaps are filled.

mod find;
mod step;

use super::clock::{Clock, DAY, SECOND};
use super::season::{LOOKED_AT, autocorrelations, is_seasonal, score};
use super::words::Language;
use find::find_step;
pub use step::Step;

/// The most rows of a grid.
pub const MOST_ROWS: usize = 10_000_000;

/// The score of a season whose period no calendar says: the highest of many is high by chance too.
const SEARCHED: f64 = 3.0;

/// How rows of one time become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// What stands in rows that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaps {
    /// What is expected between their neighbours.
    Interpolate,
    /// Zero.
    Zero,
    /// Nothing. Models have what [`Gaps::Interpolate`] says, see [`Grid::counted`].
    Null,
}

/// How a series is prepared.
#[derive(Debug, Clone, Default)]
pub struct Preparation {
    /// `None`: the sum of whole numbers, the mean of others.
    pub aggregate: Option<Aggregate>,
    /// `None`: found.
    pub step: Option<Step>,
    /// `None`: interpolated.
    pub gaps: Option<Gaps>,
    /// The periods in rows; `None`: found.
    pub periods: Option<Vec<usize>>,
    /// What is added to times in UTC for the days and months of the caller, in microseconds.
    pub zone: i64,
}

/// A series without holes.
#[derive(Debug, Clone)]
pub struct Grid {
    /// What its times count.
    pub clock: Clock,
    /// From one row to the next.
    pub step: Step,
    /// The time of the first row, in the caller's zone.
    pub start: i64,
    /// What that is ahead of the times as they are given.
    pub zone: i64,
    /// A finite value a row.
    pub values: Vec<f64>,
    /// Whether the row was there.
    pub given: Vec<bool>,
    /// Whether rows that were not there say nothing.
    hollow: bool,
    /// The periods in rows that the season may have, the shorter first; two at most.
    pub periods: Vec<usize>,
    /// Rows that shared their time with others.
    pub duplicates: usize,
    /// Whether times were rounded to the step.
    pub rounded: bool,
}

impl Grid {
    /// The time of a row, behind the last one too. `None` if it is beyond 64 bits.
    pub fn time(&self, row: usize) -> Option<i64> {
        self.local(row)?.checked_sub(self.zone)
    }

    /// The same in the caller's zone.
    pub fn local(&self, row: usize) -> Option<i64> {
        self.step.add(self.start, i64::try_from(row).ok()?)
    }

    /// The row that a time falls on, before the first one and behind the last one too. `None` if it is beyond 64 bits.
    pub fn row(&self, time: i64) -> Option<i64> {
        self.row_of_local(time.checked_add(self.zone)?)
    }

    /// The same of a time in the caller's zone.
    pub fn row_of_local(&self, time: i64) -> Option<i64> {
        self.step.rows_between(self.start, time)
    }

    /// Which rows say something, by their numbers: what was foretold or expected is measured by these. Empty if all do.
    pub fn counted(&self) -> &[bool] {
        if self.hollow { &self.given } else { &[] }
    }

    /// Rows that were missing.
    pub fn missing(&self) -> usize {
        self.given.iter().filter(|given| !**given).count()
    }

    /// Puts the rows of a series, in any order, on a grid: those with a finite value. `None` if there is none. Errors if
    /// the grid would be longer than [`MOST_ROWS`].
    pub fn new(
        clock: Clock,
        rows: &[(i64, f64)],
        preparation: &Preparation,
    ) -> Result<Option<Grid>, TooFar> {
        let zone = if clock == Clock::Timestamp {
            preparation.zone
        } else {
            0
        };
        let finite = rows.iter().filter(|row| row.1.is_finite());
        let local = finite.map(|(time, value)| (time.saturating_add(zone), *value));
        let mut rows: Vec<(i64, f64)> = local.collect();
        // The same whatever order the rows came in: sums depend on it.
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (Some(&(first, _)), Some(&(last, _))) = (rows.first(), rows.last()) else {
            return Ok(None);
        };
        let whole = rows.iter().all(|r| r.1.fract() == 0.0);
        let aggregate = preparation.aggregate.unwrap_or(if whole {
            Aggregate::Sum
        } else {
            Aggregate::Mean
        });
        let (step, regular) = match preparation.step {
            Some(step) => (step, false),
            None => {
                let mut times: Vec<i64> = rows.iter().map(|r| r.0).collect();
                times.dedup();
                find_step(clock, &times)
            }
        };
        let first = begins(first, step, clock, &rows);
        let n = step.rows_between(first, last);
        let n = n
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| *n < MOST_ROWS);
        let n = n.ok_or_else(|| TooFar(farther(&rows).saturating_sub(zone)))? + 1;
        let mut grid = Grid {
            clock,
            step,
            start: step.add(first, 0).unwrap_or(first),
            zone,
            values: vec![f64::NAN; n],
            given: vec![false; n],
            hollow: preparation.gaps == Some(Gaps::Null),
            periods: Vec::new(),
            duplicates: 0,
            rounded: false,
        };
        let row_of = |time: i64| step.rows_between(first, time).unwrap_or(0);
        let mut rest = rows.as_slice();
        let mut cell = Vec::new();
        while let Some(&(time, _)) = rest.first() {
            let row = row_of(time);
            let count = rest.iter().take_while(|r| row_of(r.0) == row).count();
            let (these, others) = rest.split_at(count);
            rest = others;
            cell.clear();
            cell.extend(these.iter().map(|r| r.1));
            let at = row as usize;
            grid.values[at] = aggregated(&cell, aggregate);
            grid.given[at] = grid.values[at].is_finite();
            grid.duplicates += count - 1;
            grid.rounded |= !regular && these.iter().any(|r| step.add(first, row) != Some(r.0));
        }
        drop(rows);
        let sparse = 2 * grid.missing() > n;
        let candidates = match &preparation.periods {
            Some(periods) => periods.clone(),
            None if sparse => Vec::new(),
            None => step.periods(clock),
        };
        fill(
            &mut grid.values,
            &grid.given,
            preparation.gaps.unwrap_or(Gaps::Interpolate),
            candidates.first().copied(),
        );
        grid.periods = match &preparation.periods {
            Some(periods) => periods.clone(),
            None if sparse => Vec::new(),
            None => grid.find_periods(&candidates),
        };
        Ok(Some(grid))
    }

    /// The periods that a season may have: those of the calendar, and those that the autocorrelation shows most, in order.
    pub fn candidates(&self) -> Vec<usize> {
        let limit = (self.values.len() / 3).min(400);
        let mut periods = self.step.periods(self.clock);
        periods.extend(peaks(&self.values, limit));
        periods.retain(|period| *period > 1);
        periods.sort_unstable();
        periods.dedup();
        periods
    }

    /// What the calendar calls so many rows; `None` if it has no name for them.
    pub fn season_name(&self, period: usize) -> Option<&'static str> {
        let period = i64::try_from(period).ok()?;
        match self.step {
            Step::BusinessDay => (period == 5).then_some("week"),
            Step::Months(unit, _) => (unit.checked_mul(period)? == 12).then_some("year"),
            Step::Fixed(_) if self.clock == Clock::Integer => None,
            Step::Fixed(unit) => {
                let whole = unit.checked_mul(period)?;
                let names = [
                    (60 * SECOND, "minute"),
                    (3_600 * SECOND, "hour"),
                    (DAY, "day"),
                    (7 * DAY, "week"),
                    (364 * DAY, "year"),
                    (365 * DAY, "year"),
                ];
                names
                    .iter()
                    .find(|(size, _)| *size == whole)
                    .map(|(_, name)| *name)
            }
        }
    }

    /// The first candidate, which the calendar says, and one more that the values show; of numbers, what the values show.
    fn find_periods(&self, candidates: &[usize]) -> Vec<usize> {
        let n = self.values.len();
        match candidates {
            [] if self.clock == Clock::Integer => {
                let limit = (n / 3).min(400);
                peaks(&self.values, limit)
                    .into_iter()
                    .find(|p| score(&self.values, *p).is_some_and(|score| score > SEARCHED))
                    .into_iter()
                    .collect()
            }
            [] => Vec::new(),
            [first, rest @ ..] => {
                let more = rest.iter().find(|p| is_seasonal(&self.values, **p));
                std::iter::once(first).chain(more).copied().collect()
            }
        }
    }
}

/// Where the grid begins: with the first row, or with the whole hour or day before it where the rows do not keep its
/// distance.
fn begins(first: i64, step: Step, clock: Clock, rows: &[(i64, f64)]) -> i64 {
    let Step::Fixed(unit) = step else {
        return first;
    };
    let kept = rows
        .iter()
        .filter(|row| row.0.wrapping_sub(first) % unit == 0)
        .count();
    if clock == Clock::Integer || DAY % unit != 0 || kept * 20 >= rows.len() * 19 {
        return first;
    }
    first.saturating_sub(first.rem_euclid(unit))
}

/// A row of this time is so far from the others that the grid would be longer than [`MOST_ROWS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFar(pub i64);

impl TooFar {
    /// Says so.
    pub fn sentence(self, clock: Clock, language: Language) -> String {
        let time = clock.show(self.0);
        language.say(
            format!(
                "a row of {time} is more than {MOST_ROWS} steps from the others; leave it out, or give a longer \"step\""
            ),
            format!("时间为 {time} 的数据与其他数据相距超过 {MOST_ROWS} 步；请去掉它，或给出更长的 \"step\""),
        )
    }
}

/// The time of the first or the last row, whichever is farther from its neighbour. There is one row at least.
fn farther(rows: &[(i64, f64)]) -> i64 {
    let time = |at: usize| rows.get(at).map_or(0, |row| row.0);
    let last = rows.len().saturating_sub(1);
    let before = time(1).saturating_sub(time(0));
    let after = time(last).saturating_sub(time(last.saturating_sub(1)));
    if before > after { time(0) } else { time(last) }
}

fn aggregated(cell: &[f64], by: Aggregate) -> f64 {
    // Beyond the range of numbers it is the last one.
    let sum = || cell.iter().sum::<f64>().clamp(f64::MIN, f64::MAX);
    match (cell, by) {
        ([one], _) => *one,
        (_, Aggregate::Sum) => sum(),
        (_, Aggregate::Mean) => sum() / cell.len() as f64,
        (_, Aggregate::Min) => cell.iter().copied().fold(f64::INFINITY, f64::min),
        (_, Aggregate::Max) => cell.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }
}

/// The highest peaks of the autocorrelation of the differences, the highest first.
fn peaks(values: &[f64], limit: usize) -> Vec<usize> {
    let last = &values[values.len().saturating_sub(LOOKED_AT)..];
    let steps: Vec<f64> = last.windows(2).map(|w| w[1] - w[0]).collect();
    let r = autocorrelations(&steps, limit);
    let mut found: Vec<usize> = (1..r.len().saturating_sub(1))
        .filter(|&i| r[i] > 0.0 && r[i] > r[i - 1] && r[i] >= r[i + 1])
        .collect();
    found.sort_by(|a, b| r[*b].total_cmp(&r[*a]));
    found.into_iter().take(2).map(|i| i + 1).collect()
}

/// Puts values where none was given. Both ends are given.
fn fill(values: &mut [f64], given: &[bool], gaps: Gaps, period: Option<usize>) {
    if gaps == Gaps::Zero {
        for (value, given) in values.iter_mut().zip(given) {
            if !given {
                *value = 0.0;
            }
        }
        return;
    }
    let n = values.len();
    let phases = period.filter(|p| n >= 3 * p).map(|period| {
        let median = |phase: usize| {
            let rows = (phase..n).step_by(period).filter(|i| given[*i]);
            let mut of_phase: Vec<f64> = rows.map(|i| values[i]).collect();
            of_phase.sort_by(f64::total_cmp);
            of_phase.get(of_phase.len() / 2).copied()
        };
        (0..period).map(median).collect::<Vec<_>>()
    });
    let mut before = 0;
    for at in 0..n {
        if !given[at] {
            continue;
        }
        let gap = at - before;
        for row in before + 1..at {
            let share = (row - before) as f64 / gap as f64;
            let line = (1.0 - share) * values[before] + share * values[at];
            let season = phases.as_ref().filter(|_| gap > 4);
            let season = season.and_then(|phases| phases[row % phases.len()]);
            values[row] = season.unwrap_or(line);
        }
        before = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ValueRef;

    fn grid(times: &[&str], preparation: &Preparation) -> Grid {
        let read = |text: &&str| Clock::read(ValueRef::Text(text)).unwrap();
        let read: Vec<(Clock, i64)> = times.iter().map(read).collect();
        let rows: Vec<(i64, f64)> = (1..).zip(&read).map(|(i, r)| (r.1, f64::from(i))).collect();
        let clock = read.iter().map(|r| r.0).max().unwrap();
        Grid::new(clock, &rows, preparation).unwrap().unwrap()
    }

    fn next(times: &[&str]) -> (String, Vec<String>) {
        let grid = grid(times, &Preparation::default());
        let n = grid.values.len();
        let ahead = (n..n + 3).map(|row| grid.clock.show(grid.time(row).unwrap()));
        (grid.step.show(grid.clock), ahead.collect())
    }

    #[test]
    fn steps_of_the_calendar_are_found() {
        for (times, step, ahead) in [
            (
                vec!["2024-01-31", "2024-02-29", "2024-03-31"],
                "1 month",
                ["2024-04-30", "2024-05-31", "2024-06-30"],
            ),
            (
                vec!["2023-11-30", "2023-12-30", "2024-01-30", "2024-02-29"],
                "1 month",
                ["2024-03-30", "2024-04-30", "2024-05-30"],
            ),
            (
                vec!["2023-01-01", "2023-04-01", "2023-10-01"],
                "3 months",
                ["2024-01-01", "2024-04-01", "2024-07-01"],
            ),
            (
                vec!["2020-02-29", "2021-02-28", "2022-02-28"],
                "1 year",
                ["2023-02-28", "2024-02-29", "2025-02-28"],
            ),
            (
                vec![
                    "2024-05-01",
                    "2024-05-02",
                    "2024-05-03",
                    "2024-05-06",
                    "2024-05-07",
                ],
                "1 business day",
                ["2024-05-08", "2024-05-09", "2024-05-10"],
            ),
            (
                vec![
                    "2024-05-01",
                    "2024-05-02",
                    "2024-05-03",
                    "2024-05-04",
                    "2024-05-06",
                ],
                "1 day",
                ["2024-05-07", "2024-05-08", "2024-05-09"],
            ),
            (
                vec!["2024-05-01 22:00", "2024-05-01 23:00", "2024-05-02 00:00"],
                "1 hour",
                [
                    "2024-05-02 01:00:00",
                    "2024-05-02 02:00:00",
                    "2024-05-02 03:00:00",
                ],
            ),
            (
                vec!["1960-12-26", "1961-01-02", "1961-01-09"],
                "1 week",
                ["1961-01-16", "1961-01-23", "1961-01-30"],
            ),
            (
                vec!["9999-12-30", "9999-12-31"],
                "1 day",
                ["a time after the year 9999"; 3],
            ),
            (
                vec!["2024-05-01"],
                "1 day",
                ["2024-05-02", "2024-05-03", "2024-05-04"],
            ),
        ] {
            let found = next(&times);
            assert_eq!(found, (step.to_owned(), ahead.map(str::to_owned).to_vec()));
        }
    }

    #[test]
    fn a_day_and_a_month_are_told_apart() {
        let days: Vec<String> = (1..=28).map(|d| format!("2024-02-{d:02}")).collect();
        let days: Vec<&str> = days.iter().map(String::as_str).collect();
        assert_eq!(next(&days).0, "1 day");
        // Irregular seconds become minutes.
        let grid = grid(
            &[
                "2024-05-01 10:00:03",
                "2024-05-01 10:01:01",
                "2024-05-01 10:02:07",
                "2024-05-01 10:02:59",
            ],
            &Preparation::default(),
        );
        assert_eq!((grid.step, grid.rounded), (Step::Fixed(60 * SECOND), true));
    }

    #[test]
    fn order_and_threads_do_not_matter() {
        let rows = [
            (3, 0.1),
            (1, 0.2),
            (3, 0.3),
            (3, 1e17),
            (2, 0.7),
            (3, -1e17),
        ];
        let mut turned = rows;
        turned.reverse();
        let of = |rows: &[(i64, f64)]| {
            let grid = Grid::new(Clock::Integer, rows, &Preparation::default());
            grid.unwrap().unwrap().values
        };
        assert_eq!(of(&rows), of(&turned));
    }

    #[test]
    fn gaps_are_filled() {
        let line = |gaps| {
            let preparation = Preparation {
                gaps,
                ..Preparation::default()
            };
            let rows = [
                (0, 10.0),
                (1, 11.0),
                (2, 12.0),
                (5, 15.0),
                (6, f64::NAN),
                (7, f64::INFINITY),
            ];
            Grid::new(Clock::Integer, &rows, &preparation)
                .unwrap()
                .unwrap()
        };
        let grid = line(None);
        assert_eq!(grid.values, [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]);
        assert_eq!((grid.missing(), grid.start), (2, 0));
        assert_eq!(
            line(Some(Gaps::Zero)).values,
            [10.0, 11.0, 12.0, 0.0, 0.0, 15.0]
        );
        let hollow = line(Some(Gaps::Null));
        assert_eq!(hollow.values, grid.values);
        assert_eq!(hollow.counted(), [true, true, true, false, false, true]);
        assert!(grid.counted().is_empty());
        // A long gap of a series with a season has the values of the same days.
        let day = |i: i64| (i * DAY, if i % 7 == 3 { 100.0 } else { 1.0 });
        let rows: Vec<(i64, f64)> = (0..70).filter(|i| !(20..35).contains(i)).map(day).collect();
        let grid = Grid::new(Clock::Date, &rows, &Preparation::default())
            .unwrap()
            .unwrap();
        assert_eq!(grid.periods, [7]);
        assert!((0..70).all(|i| grid.values[i as usize] == day(i).1));
    }

    #[test]
    fn rows_far_away_are_refused() {
        let first = (0, 1.0);
        let rows = [first, (1, 1.0), (2, 1.0), (i64::MAX, 1.0)];
        let of = |rows: &[(i64, f64)], step| {
            let preparation = Preparation {
                step,
                ..Preparation::default()
            };
            Grid::new(Clock::Integer, rows, &preparation)
        };
        for step in [None, Some(Step::Fixed(1))] {
            let refused = of(&rows, step);
            assert!(refused.is_err() || refused.unwrap().unwrap().values.len() < MOST_ROWS);
        }
        let refused = of(&[(i64::MIN, 1.0), (i64::MAX, 1.0)], Some(Step::Fixed(1)));
        let refused = refused.unwrap_err();
        let said = refused.sentence(Clock::Integer, Language::English);
        assert!(said.contains("more than 10000000 steps"), "{said}");
        assert!(of(&[(1, f64::NAN)], None).unwrap().is_none());
    }
}
