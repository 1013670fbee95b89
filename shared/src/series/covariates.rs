//! What is known beside the values of a series, ahead too: events on given days, and columns of numbers. A regression says
//! what they add to a value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::clock::{Clock, DAY};
use super::grid::{Grid, Step};
use super::scale;
use super::season::median_season;
use super::words::Language;
use crate::options::Options;
use crate::stats::linear::{Solution, Triangle};
use crate::{Error, Result, ValueRef};

/// The most names that events may have.
const MOST_NAMES: usize = 50;
/// The least size of an effect that counts, in its standard errors.
const CLEAR: f64 = 2.0;

/// The times of events as texts, each with its name.
pub type Events = BTreeSet<(Box<str>, Box<str>)>;

/// Errors if events have more names than a regression can tell apart.
pub fn check_events(events: &Events) -> Result<()> {
    let names: BTreeSet<&str> = events.iter().map(|(_, name)| &**name).collect();
    if names.len() > MOST_NAMES {
        return Err(Error::new(format!(
            "holidays have {} names; give all dates of one holiday the same name, or none, {MOST_NAMES} at most",
            names.len()
        )));
    }
    Ok(())
}

/// What a list of days is.
pub const GIVE_DAYS: &str = "a list of days like [\"2026-12-25\"]";
/// The option that has it.
const HOLIDAYS: &str = "holidays";

/// The days that the options list. Errors if one is no time, or if they are to come from a source where there is none.
pub fn listed(options: &Options, has_source: bool) -> Result<Events> {
    let list = match options.get(HOLIDAYS) {
        None | Some(Json::Null) => return Ok(Events::new()),
        Some(Json::String(_)) if has_source => return Ok(Events::new()),
        Some(Json::Array(list)) => list,
        Some(_) => return Err(options.wrong(HOLIDAYS, GIVE_DAYS)),
    };
    let text = |day: &Json| match day {
        Json::String(text) => Clock::read(ValueRef::Text(text))
            .is_ok()
            .then(|| text.as_str().into()),
        Json::Number(number) => number.as_i64().map(|number| number.to_string().into()),
        _ => None,
    };
    let days = list.iter().map(|day| Some((text(day)?, "".into())));
    let days: Option<Events> = days.collect();
    days.ok_or_else(|| options.wrong(HOLIDAYS, GIVE_DAYS))
}

/// The numbers of a column that the caller names, in any order.
#[derive(Debug, Clone, Copy)]
pub struct Numbers<'a> {
    /// The column's name.
    pub name: &'a str,
    /// Time and number, both of the same row.
    pub cells: &'a [(i64, f64)],
}

/// A covariate: a number for each row of a stretch of a grid.
#[derive(Debug)]
struct Covariate {
    /// The column's name; `None` of an event.
    name: Option<String>,
    values: Vec<f64>,
}

/// The covariates of a series, over its last rows and those ahead.
#[derive(Debug)]
pub struct Covariates {
    /// The first row that they are known of.
    from: usize,
    list: Vec<Covariate>,
    /// What could not be used, as notes.
    pub notes: Vec<String>,
}

/// What covariates add to the rows of a series, the first of which is that of the values they were found by.
#[derive(Debug, Clone, Default)]
pub struct Effect {
    /// What events add to each row.
    pub events: Vec<f64>,
    /// What columns add to each row.
    pub columns: Vec<f64>,
    /// The standard error of both together.
    pub errors: Vec<f64>,
    /// What has a clear effect: `holidays`, and names of columns.
    pub used: Vec<String>,
    /// Columns without one.
    pub unused: Vec<String>,
}

impl Covariates {
    /// Those of the rows of a grid from one on, and of so many rows ahead.
    ///
    /// Errors, by a sentence, if a column that has numbers lacks one ahead.
    pub fn of(
        grid: &Grid,
        from: usize,
        ahead: usize,
        events: &Events,
        numbers: &[Numbers<'_>],
        language: Language,
    ) -> Result<Covariates, String> {
        let mut found = Covariates {
            from,
            list: Vec::new(),
            notes: Vec::new(),
        };
        let n = grid.values.len();
        let rows = n + ahead - from;
        found.add_events(grid, rows, events, language);
        for column in numbers {
            let mut sums = vec![(0.0, 0.0); rows];
            let mut cells = column.cells.to_vec();
            // The same whatever order the rows came in.
            cells.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            for (time, value) in cells.iter().filter(|cell| cell.1.is_finite()) {
                let at = grid.row(*time).and_then(|row| usize::try_from(row).ok());
                let sum = at.and_then(|row| sums.get_mut(row.checked_sub(from)?));
                if let Some((sum, count)) = sum {
                    *sum += value;
                    *count += 1.0;
                }
            }
            let means: Vec<Option<f64>> = sums
                .iter()
                .map(|(sum, count)| (*count > 0.0).then(|| sum / count))
                .collect();
            if means.iter().take(n - from).all(Option::is_none) {
                found.notes.push(language.say(
                    format!("\"{}\" has no number beside a value", column.name),
                    format!("“{}”没有与数值同时的数字", column.name),
                ));
                continue;
            }
            if let Some(step) = means.iter().skip(n - from).position(Option::is_none) {
                let time = grid.time(n + step);
                let time = time.map_or_else(String::new, |time| grid.clock.show(time));
                return Err(language.say(
                    format!(
                        "\"{}\" has no number at {time}; give a row for each step ahead, with NULL for the value",
                        column.name
                    ),
                    format!("“{}”在 {time} 没有数字；请为每个预测步给出一行，数值为 NULL", column.name),
                ));
            }
            found.list.push(Covariate {
                name: Some(column.name.to_owned()),
                values: between(&means),
            });
        }
        Ok(found)
    }

    /// Three of each name: the day of the event, the day before and the day after; of steps longer than a day the row that
    /// the day falls on and its neighbours.
    fn add_events(&mut self, grid: &Grid, rows: usize, events: &Events, language: Language) {
        let mut names: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        let mut wrong = 0;
        for (time, name) in events {
            let whole = time.parse::<i64>().ok();
            let read = match (grid.clock, whole) {
                (Clock::Integer, whole) => whole,
                (_, _) => Clock::read(ValueRef::Text(time))
                    .ok()
                    .filter(|(clock, _)| *clock != Clock::Integer)
                    .map(|(_, time)| time.div_euclid(DAY)),
            };
            match read {
                Some(time) => drop(names.entry(name).or_default().insert(time)),
                None => wrong += 1,
            }
        }
        if wrong > 0 {
            self.notes.push(language.say(
                format!(
                    "{wrong} of the times of holidays left out: not of the kind that the series has"
                ),
                format!("{wrong} 个节假日时间已忽略：与序列的时间类型不同"),
            ));
        }
        let of_days = match grid.step {
            Step::BusinessDay => true,
            Step::Fixed(unit) => grid.clock != Clock::Integer && unit <= DAY,
            Step::Months(..) => false,
        };
        for times in names.values() {
            for place in [-1, 0, 1] {
                let mut values = vec![0.0; rows];
                if of_days {
                    for (value, row) in values.iter_mut().zip(self.from..) {
                        let day = grid.local(row).map(|time| time.div_euclid(DAY));
                        *value = f64::from(day.is_some_and(|day| times.contains(&(day - place))));
                    }
                } else {
                    for time in times {
                        let row = self.row_of_event(grid, *time).map(|row| row + place);
                        let row = row.and_then(|row| usize::try_from(row).ok());
                        let at = row.and_then(|row| values.get_mut(row.checked_sub(self.from)?));
                        at.into_iter().for_each(|value| *value = 1.0);
                    }
                }
                self.list.push(Covariate { name: None, values });
            }
        }
    }

    /// The row, before the first one too, that a day or a number falls on.
    fn row_of_event(&self, grid: &Grid, time: i64) -> Option<i64> {
        if grid.clock == Clock::Integer {
            return grid.row(time);
        }
        let time = time.checked_mul(DAY)?;
        let row = grid.row_of_local(time)?;
        // Of months the row is that of the month; it may begin after the day.
        let begins = usize::try_from(row).ok().and_then(|row| grid.local(row));
        let late = begins.is_some_and(|begins| begins.div_euclid(DAY) > time.div_euclid(DAY));
        Some(if late { row - 1 } else { row })
    }

    /// What they add, by values that begin at a row: regressed with a line on the values without the season of this
    /// period, by quasi-differences, since what is left of one row is left of the next too (Prais and Winsten 1954). Only
    /// effects of two standard errors or more count.
    pub fn effect(&self, first: usize, values: &[f64], period: usize) -> Effect {
        if let Some(by) = scale::divisor(values) {
            let mut near = self.effect(first, &scale::divided(values, by), period);
            for list in [&mut near.events, &mut near.columns, &mut near.errors] {
                list.iter_mut().for_each(|value| *value *= by);
            }
            return near;
        }
        let n = values.len();
        let skipped = first - self.from;
        let rows = self.list.first().map_or(0, |c| c.values.len() - skipped);
        let mut effect = Effect {
            events: vec![0.0; rows],
            columns: vec![0.0; rows],
            errors: vec![0.0; rows],
            ..Effect::default()
        };
        // Relative to what they are beside the values, in units of their spread.
        let scaled = |covariate: &Covariate| -> Option<Vec<f64>> {
            let all = &covariate.values[skipped..];
            let known = &all[..n];
            let (mean, unit) = if covariate.name.is_none() {
                (0.0, f64::from(u8::from(known.iter().any(|x| *x != 0.0))))
            } else {
                let most = known.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
                let most = most.max(f64::MIN_POSITIVE);
                let mean = known.iter().map(|x| x / most).sum::<f64>() / n as f64;
                let squares = known.iter().map(|x| (x / most - mean) * (x / most - mean));
                let deviation = libm::sqrt(squares.sum::<f64>() / n as f64);
                let varies = deviation > 1e-9 * mean.abs().max(1e-300);
                (mean * most, if varies { deviation * most } else { 0.0 })
            };
            (unit > 0.0).then(|| all.iter().map(|x| (x - mean) / unit).collect())
        };
        let scaled: Vec<Option<Vec<f64>>> = self.list.iter().map(scaled).collect();
        let rest = without_season(values, period);
        let all: Vec<usize> = (0..scaled.len()).filter(|i| scaled[*i].is_some()).collect();
        let regressed = |chosen: &[usize], carried: f64| {
            let columns: Vec<&[f64]> = chosen
                .iter()
                .filter_map(|i| scaled[*i].as_deref())
                .collect();
            regressed(&rest, &columns, carried)
        };
        // A row for each parameter and some more.
        let few = |chosen: &[usize]| n < chosen.len() + 6;
        let mut chosen = all;
        if !few(&chosen) && !chosen.is_empty() {
            let carried = carried(&rest, &regressed(&chosen, 0.0), &chosen, &scaled);
            let found = regressed(&chosen, carried);
            chosen = clear(&found, &chosen, n);
            let found = regressed(&chosen, carried);
            let variance = found.squares / (n - 2 - chosen.len()).max(1) as f64;
            for row in 0..rows {
                let at: Vec<f64> = chosen
                    .iter()
                    .map(|i| scaled[*i].as_ref().map_or(0.0, |column| column[row]))
                    .collect();
                let mut squares = 0.0;
                for (i, x) in at.iter().enumerate() {
                    let adds = x * found.coefficients[i + 2].unwrap_or(0.0);
                    if self.list[chosen[i]].name.is_none() {
                        effect.events[row] += adds;
                    } else {
                        effect.columns[row] += adds;
                    }
                    for (j, y) in at.iter().enumerate() {
                        squares += x * y * found.covariance[i + 2][j + 2];
                    }
                }
                effect.errors[row] = libm::sqrt((squares * variance).max(0.0));
            }
        } else {
            chosen.clear();
        }
        for (i, covariate) in self.list.iter().enumerate() {
            let name = covariate.name.as_deref().unwrap_or("holidays").to_owned();
            if chosen.contains(&i) {
                if !effect.used.contains(&name) {
                    effect.used.push(name);
                }
            } else if covariate.name.is_some() {
                effect.unused.push(name);
            }
        }
        effect
    }
}

/// By a line and these columns, each row less so much of the one before it.
fn regressed(rest: &[f64], columns: &[&[f64]], carried: f64) -> Solution {
    let mut triangle = Triangle::new(columns.len() + 3);
    let n = rest.len() as f64;
    let of = |row: usize, at: usize| match at {
        0 => 1.0,
        1 => row as f64 / n,
        at if at < columns.len() + 2 => columns[at - 2][row],
        _ => rest[row],
    };
    for row in 0..rest.len() {
        triangle.row((0..columns.len() + 3).map(|at| {
            if row == 0 {
                libm::sqrt(1.0 - carried * carried) * of(0, at)
            } else {
                of(row, at) - carried * of(row - 1, at)
            }
        }));
    }
    triangle.solve()
}

/// How much of what is left of a row is left of the next, from 0 to 0.99.
fn carried(rest: &[f64], found: &Solution, chosen: &[usize], scaled: &[Option<Vec<f64>>]) -> f64 {
    let coefficient = |at: usize| found.coefficients[at].unwrap_or(0.0);
    let n = rest.len() as f64;
    let left: Vec<f64> = rest
        .iter()
        .enumerate()
        .map(|(row, y)| {
            let mut left = y - coefficient(0) - coefficient(1) * row as f64 / n;
            for (i, column) in chosen.iter().enumerate() {
                let x = scaled[*column].as_ref().map_or(0.0, |column| column[row]);
                left -= coefficient(i + 2) * x;
            }
            left
        })
        .collect();
    let pairs: f64 = left.windows(2).map(|w| w[0] * w[1]).sum();
    let squares: f64 = left.iter().map(|x| x * x).sum();
    let share = pairs / squares;
    if share.is_finite() {
        share.clamp(0.0, 0.99)
    } else {
        0.0
    }
}

/// The columns whose coefficients are clear of zero. Where nothing is left, all that have one.
fn clear(found: &Solution, chosen: &[usize], n: usize) -> Vec<usize> {
    let variance = found.squares / (n - 2 - chosen.len()).max(1) as f64;
    let is_clear = |at: usize| {
        found.coefficients[at].is_some_and(|coefficient| {
            let error = libm::sqrt(variance * found.covariance[at][at]);
            coefficient != 0.0 && coefficient.abs() >= CLEAR * error
        })
    };
    let numbered = chosen.iter().enumerate();
    numbered
        .filter(|(i, _)| is_clear(i + 2))
        .map(|(_, column)| *column)
        .collect()
}

/// The values without the median of each row of a cycle, of three cycles at least.
fn without_season(values: &[f64], period: usize) -> Vec<f64> {
    let period = if values.len() < 3 * period { 1 } else { period };
    let season = median_season(values, period);
    let rows = values.iter().enumerate();
    rows.map(|(row, y)| y - season[row % season.len()])
        .collect()
}

/// What is missing between others lies on the line between them, before and behind them it is the nearest. One is there.
fn between(given: &[Option<f64>]) -> Vec<f64> {
    let known: Vec<(usize, f64)> = given
        .iter()
        .enumerate()
        .filter_map(|(row, value)| value.map(|value| (row, value)))
        .collect();
    let mut next = 0;
    (0..given.len())
        .map(|row| {
            while next < known.len() && known[next].0 < row {
                next += 1;
            }
            match (next.checked_sub(1).map(|at| known[at]), known.get(next)) {
                (_, Some((at, value))) if *at == row => *value,
                (Some((a, from)), Some((b, to))) => {
                    from + (to - from) * (row - a) as f64 / (b - a) as f64
                }
                (Some((_, value)), None) => value,
                (None, next) => next.map_or(0.0, |(_, value)| *value),
            }
        })
        .collect()
}
