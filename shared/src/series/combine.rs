//! A forecast by several members, each weighted by how well it foretold the end of the series, with intervals that the
//! same errors scale.
//!
//! Members: theta, exponential smoothing, and theta with a season that recent cycles count more in. With two periods also
//! the seasonal naive of both, and smoothing of the series without its longer season.

use super::ets::{Ets, Form, LONGEST_PERIOD};
use super::season::{Season, is_seasonal};
use super::{intermittent, scale, theta};
use crate::Result;
use crate::program::{Stopped, check};
use crate::stats::tails::student_width;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    /// How many values, 1 or more.
    pub horizon: usize,
    /// The periods that the season may have, in rows, the shorter first; none or up to two.
    pub periods: &'a [usize],
    /// Whether a row says how good a forecast of it is, by its number; all behind the end do.
    pub counted: &'a [bool],
    /// The one member that forecasts, or all.
    pub only: Option<Member>,
    /// The share of the truth that the intervals are to hold, between 0 and 1.
    pub level: f64,
}

impl Task<'_> {
    /// The same of a series that begins at a later row.
    pub fn from(&self, row: usize) -> Self {
        Task {
            counted: self.counted.get(row..).unwrap_or(&[]),
            ..self.clone()
        }
    }
}

/// A way to forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// [`theta`], without the season if there is one.
    Theta,
    /// [`Ets`] of the shorter period, if that is short enough, else without a season.
    Ets,
    /// [`theta`] without a season that recent cycles count more in.
    RecentSeason,
    /// The value one cycle before, of the period with this number.
    SeasonalNaive(usize),
    /// [`Ets`] of the shorter period without the season of the longer.
    EtsOfRest,
    /// [`intermittent`], of values from 0 on; never one of several.
    Croston,
}

impl Member {
    /// Its name in results and options.
    pub fn name(self) -> &'static str {
        match self {
            Member::Theta => "theta",
            Member::Ets => "ets",
            Member::RecentSeason => "rws",
            Member::SeasonalNaive(_) => "snaive",
            Member::EtsOfRest => "ets_rest",
            Member::Croston => "croston",
        }
    }
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The expected values.
    pub values: Vec<f64>,
    /// Half the width of each interval.
    pub widths: Vec<f64>,
    /// The intervals, where they do not lie around the values.
    pub limits: Option<Vec<(f64, f64)>>,
    /// The members with their weights, which add up to 1.
    pub weights: Vec<(Member, f64)>,
    /// The form of exponential smoothing, if it has a part.
    pub form: Option<String>,
}

impl Forecast {
    /// The interval of a step, from 0 on.
    pub fn interval(&self, step: usize) -> (f64, f64) {
        match &self.limits {
            Some(limits) => limits[step],
            None => {
                let (value, width) = (self.values[step], self.widths[step]);
                (value - width, value + width)
            }
        }
    }
}

/// The share of its weight that a cycle keeps for each one after it.
const RECENCY: f64 = 0.7;

/// The members of a series, and the form of smoothing found on the whole of it.
struct Members {
    list: Vec<Member>,
    periods: Vec<usize>,
    form: Option<Form>,
    form_of_rest: Option<Form>,
    /// The model of the whole series, which its form was found by.
    whole: Option<Ets>,
}

/// Forecasts a series of one finite value or more. The same values give the same answer everywhere. Errors if it is
/// stopped.
pub fn forecast(values: &[f64], task: &Task<'_>, stopped: Stopped<'_>) -> Result<Forecast> {
    if let Some(by) = scale::divisor(values) {
        let mut near = forecast(&scale::divided(values, by), task, stopped)?;
        for value in near.values.iter_mut().chain(&mut near.widths) {
            *value *= by;
        }
        for (low, high) in near.limits.iter_mut().flatten() {
            *low *= by;
            *high *= by;
        }
        return Ok(near);
    }
    let n = values.len();
    let last = values[n - 1];
    if values.iter().all(|x| *x == last) || n < 4 {
        return Ok(short(values, task));
    }
    if task.only == Some(Member::Croston) && values.iter().all(|x| *x >= 0.0) {
        return Ok(demand(values, task));
    }
    let members = Members::of(values, task, stopped)?;
    let origins = origins(n, task, members.periods.first().copied());
    let counts = |row: usize| task.counted.get(row).is_none_or(|counts| *counts);
    // What each member foretold from each origin, the truth, and the deviations that smoothing gives.
    let mut errors = vec![0.0; members.list.len()];
    let mut trials = Vec::new();
    for &back in &origins {
        let (before, after) = values.split_at(n - back);
        let after = &after[..back.min(task.horizon)];
        let (forecasts, deviations) = members.fitted(before, after.len(), stopped)?;
        let counted: Vec<(usize, f64)> = (0..after.len())
            .filter(|step| counts(n - back + step))
            .map(|step| (step, after[step]))
            .collect();
        for (error, forecast) in errors.iter_mut().zip(&forecasts) {
            *error += counted
                .iter()
                .map(|(step, y)| (y - forecast[*step]).abs())
                .sum::<f64>();
        }
        trials.push((forecasts, deviations, counted));
    }
    let weights = weights(&errors, origins.is_empty());
    let mix = |forecasts: &[Vec<f64>], step: usize| -> f64 {
        let parts = forecasts.iter().zip(&weights);
        parts
            .map(|(forecast, weight)| weight * forecast[step])
            .sum()
    };
    let (mut squares, mut count) = (0.0, 0.0);
    for (forecasts, deviations, counted) in &trials {
        for (step, y) in counted {
            let error = y - mix(forecasts, *step);
            let ratio = error / deviations[*step].max(f64::MIN_POSITIVE);
            squares += (ratio * ratio).min(1e12);
            count += 1.0;
        }
    }
    let smooth = members.whole.as_ref();
    let (forecasts, deviations) = members.forecast(values, smooth, task.horizon, stopped)?;
    // Shrunk to what smoothing says by itself, as if four errors had been as large as that.
    let scale = (4.0 + squares) / (4.0 + count);
    let least = if n >= 200 { 0.25 } else { 1.0 };
    let short_without_season = n < 30 && members.periods.iter().all(|p| *p < 2);
    let freedom = if short_without_season { 3.0 } else { 8.0 } + origins.len() as f64;
    let factor = student_width(freedom, task.level) * f64::sqrt(scale.max(least));
    Ok(Forecast {
        values: (0..task.horizon)
            .map(|step| mix(&forecasts, step))
            .collect(),
        widths: deviations.iter().map(|g| factor * g).collect(),
        weights: members
            .list
            .iter()
            .copied()
            .zip(weights.iter().copied())
            .collect(),
        form: members.form.map(Form::name),
        limits: None,
    })
}

/// The same for every step.
fn demand(values: &[f64], task: &Task<'_>) -> Forecast {
    let next = intermittent::forecast(values, task.level);
    Forecast {
        values: vec![next.value; task.horizon],
        widths: vec![(next.limits.1 - next.limits.0) / 2.0; task.horizon],
        limits: Some(vec![next.limits; task.horizon]),
        weights: vec![(Member::Croston, 1.0)],
        form: None,
    }
}

/// A series of three rows or fewer, or of one value only: the last value, with half of the mean step damped away.
fn short(values: &[f64], task: &Task<'_>) -> Forecast {
    let n = values.len();
    let last = values[n - 1];
    let drift = if n < 2 {
        0.0
    } else {
        (last - values[0]) / (n - 1) as f64
    };
    let steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
    let size = steps.iter().sum::<f64>() / steps.len().max(1) as f64;
    let mut value = last;
    let mut step = drift;
    let mut next = Vec::with_capacity(task.horizon);
    for _ in 0..task.horizon {
        step /= 2.0;
        value += step;
        next.push(value);
    }
    let factor = student_width(2.0, task.level);
    Forecast {
        widths: (1..=task.horizon)
            .map(|j| factor * size * f64::sqrt(j as f64))
            .collect(),
        values: next,
        weights: Vec::new(),
        form: None,
        limits: None,
    }
}

/// What each member says, and the deviations of smoothing.
type Foretold = (Vec<Vec<f64>>, Vec<f64>);

impl Members {
    fn of(values: &[f64], task: &Task<'_>, stopped: Stopped<'_>) -> Result<Members> {
        let n = values.len();
        let fits = |p: &&usize| **p >= 2 && n >= 2 * **p + 2;
        let periods: Vec<usize> = task.periods.iter().filter(fits).copied().collect();
        let mut list = vec![Member::Theta, Member::Ets];
        if !periods.is_empty() {
            list.push(Member::RecentSeason);
        }
        if periods.len() > 1 {
            list.extend([
                Member::SeasonalNaive(0),
                Member::SeasonalNaive(1),
                Member::EtsOfRest,
            ]);
        }
        if let Some(only) = task.only.filter(|only| *only != Member::Croston) {
            let known = list.contains(&only)
                || matches!(only, Member::SeasonalNaive(i) if i < periods.len());
            // Without a season its members are theta.
            list = vec![if known { only } else { Member::Theta }];
        }
        let mut members = Members {
            list,
            periods,
            form: None,
            form_of_rest: None,
            whole: None,
        };
        members.whole = Ets::choose(values, members.short_period(), stopped)?;
        members.form = members.whole.as_ref().map(|model| model.form);
        if members.list.contains(&Member::EtsOfRest) {
            let (_, rest) = members.without_long_season(values);
            let model = Ets::choose(&rest, members.short_period(), stopped)?;
            members.form_of_rest = model.map(|model| model.form);
        }
        Ok(members)
    }

    /// The period of smoothing: 1 if there is none, or none that is short enough.
    fn short_period(&self) -> usize {
        let first = self.periods.first().copied();
        first.filter(|p| *p <= LONGEST_PERIOD).unwrap_or(1)
    }

    fn without_long_season(&self, values: &[f64]) -> (Season, Vec<f64>) {
        let period = self.periods.last().copied().unwrap_or(1);
        if values.len() < 2 * period {
            return (Season::none(), values.to_vec());
        }
        removed(Season::weighted(values, period, RECENCY), values)
    }

    /// The same of other values than the whole series.
    fn fitted(&self, values: &[f64], horizon: usize, stopped: Stopped<'_>) -> Result<Foretold> {
        let smooth = fit(values, self.short_period(), self.form, stopped)?;
        self.forecast(values, smooth.as_ref(), horizon, stopped)
    }

    /// What each member says of the next values, by this model of smoothing if there is one.
    fn forecast(
        &self,
        values: &[f64],
        smooth: Option<&Ets>,
        horizon: usize,
        stopped: Stopped<'_>,
    ) -> Result<Foretold> {
        let (smoothed, deviations) = match smooth {
            Some(model) => model.forecast(horizon),
            None => random_walk(values, horizon),
        };
        let mut forecasts = Vec::with_capacity(self.list.len());
        for member in &self.list {
            check(stopped)?;
            forecasts.push(match member {
                Member::Theta => theta_of(values, horizon, &self.periods),
                Member::Ets => smoothed.clone(),
                Member::RecentSeason => recent_season(values, horizon, &self.periods),
                Member::SeasonalNaive(i) => seasonal_naive(values, horizon, self.periods.get(*i)),
                // Never among them.
                Member::Croston => random_walk(values, horizon).0,
                Member::EtsOfRest => {
                    let (season, rest) = self.without_long_season(values);
                    let fitted = fit(&rest, self.short_period(), self.form_of_rest, stopped)?;
                    let next = match fitted {
                        Some(model) => model.forecast(horizon).0,
                        None => random_walk(&rest, horizon).0,
                    };
                    restored(&season, next, values.len())
                }
            });
        }
        Ok((forecasts, deviations))
    }
}

/// Smoothing of this form, or of the best one if the rows are too few for it.
fn fit(
    values: &[f64],
    period: usize,
    form: Option<Form>,
    stopped: Stopped<'_>,
) -> Result<Option<Ets>> {
    let chosen = form.and_then(|form| Ets::fit(values, period, form));
    match chosen {
        Some((_, model)) => Ok(Some(model)),
        None => Ets::choose(values, 1, stopped),
    }
}

/// The last value, and deviations that grow as those of a random walk.
fn random_walk(values: &[f64], horizon: usize) -> (Vec<f64>, Vec<f64>) {
    let steps = values.windows(2).map(|w| (w[1] - w[0]) * (w[1] - w[0]));
    let count = (values.len() - 1).max(1) as f64;
    let step = (steps.sum::<f64>() / count).sqrt();
    let last = values[values.len() - 1];
    (
        vec![last; horizon],
        (1..=horizon).map(|j| step * f64::sqrt(j as f64)).collect(),
    )
}

fn removed(season: Season, values: &[f64]) -> (Season, Vec<f64>) {
    let rest = values.iter().enumerate();
    let rest = rest.map(|(row, x)| season.remove(*x, row)).collect();
    (season, rest)
}

fn restored(season: &Season, next: Vec<f64>, from: usize) -> Vec<f64> {
    let next = next.into_iter().zip(from..);
    next.map(|(x, row)| season.restore(x, row)).collect()
}

fn theta_of(values: &[f64], horizon: usize, periods: &[usize]) -> Vec<f64> {
    match periods.last() {
        Some(&period) if is_seasonal(values, period) => {
            let (season, rest) = removed(Season::classical(values, period), values);
            restored(&season, theta::forecast(&rest, horizon), values.len())
        }
        _ => theta::forecast(values, horizon),
    }
}

fn recent_season(values: &[f64], horizon: usize, periods: &[usize]) -> Vec<f64> {
    match periods.last() {
        Some(&period) if values.len() >= 2 * period + 2 => {
            let (season, rest) = removed(Season::weighted(values, period, RECENCY), values);
            restored(&season, theta::forecast(&rest, horizon), values.len())
        }
        _ => theta::forecast(values, horizon),
    }
}

fn seasonal_naive(values: &[f64], horizon: usize, period: Option<&usize>) -> Vec<f64> {
    let n = values.len();
    let period = period.copied().filter(|p| *p <= n).unwrap_or(1);
    (0..horizon)
        .map(|step| values[n - period + step % period])
        .collect()
}

/// How many rows before the end a trial begins, each once.
fn origins(n: usize, task: &Task<'_>, period: Option<usize>) -> Vec<usize> {
    let reach = task.horizon.min(n / 5).max(1);
    let fewest = period.map_or(6, |period| 2 * period + 3);
    let few = |backs: [usize; 3], fewest: usize| {
        let mut backs: Vec<usize> = backs.into_iter().filter(|b| n >= b + fewest).collect();
        backs.dedup();
        backs
    };
    let found = few([reach, (3 * reach).div_ceil(2), 2 * reach], fewest);
    if found.is_empty() {
        few([1, 2, 3], 4)
    } else {
        found
    }
}

/// Of each member, by the sum of its absolute errors.
fn weights(errors: &[f64], untried: bool) -> Vec<f64> {
    let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
    let raw: Vec<f64> = errors
        .iter()
        .map(|error| {
            if untried || *error == least {
                1.0
            } else {
                // Relative to the least, which is then not zero but for a perfect member.
                let ratio = least.max(f64::MIN_POSITIVE) / error;
                ratio * ratio
            }
        })
        .collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|weight| weight / sum).collect()
}
