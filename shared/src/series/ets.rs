//! Exponential smoothing by states of error, trend and season (Hyndman, Koehler, Ord and Snyder 2008), the form chosen by
//! AICc. The smoothing of the trend is capped: the exact optimum of the likelihood forecasts worse.

use super::optimize::minimize;
use super::season::Season;
use crate::Result;
use crate::program::{Stopped, check};

/// The most smoothing of the trend, as a share of that of the level.
const MOST_TREND: f64 = 0.1;
/// The longest period that a form with a season is tried for.
pub const LONGEST_PERIOD: usize = 24;

/// How the error enters, and the season.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    Additive,
    Multiplicative,
}

/// How the trend enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trend {
    None,
    Additive,
    Damped,
}

/// A form of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    multiplicative_error: bool,
    trend: Trend,
    season: Effect,
}

/// All forms that a series may have.
fn forms(positive: bool, seasonal: bool) -> Vec<Form> {
    let mut forms = Vec::new();
    for multiplicative_error in [false, true] {
        for trend in [Trend::None, Trend::Additive, Trend::Damped] {
            for season in [Effect::None, Effect::Additive, Effect::Multiplicative] {
                let needs_positive = multiplicative_error || season == Effect::Multiplicative;
                // An additive error with a multiplicative season is unstable.
                let unstable = !multiplicative_error && season == Effect::Multiplicative;
                if (positive || !needs_positive)
                    && !unstable
                    && (seasonal || season == Effect::None)
                {
                    forms.push(Form {
                        multiplicative_error,
                        trend,
                        season,
                    });
                }
            }
        }
    }
    forms
}

impl Form {
    /// Its name in the trade, like `ETS(M,Ad,A)`.
    pub fn name(self) -> String {
        let error = if self.multiplicative_error { "M" } else { "A" };
        let trend = match self.trend {
            Trend::None => "N",
            Trend::Additive => "A",
            Trend::Damped => "Ad",
        };
        let season = match self.season {
            Effect::None => "N",
            Effect::Additive => "A",
            Effect::Multiplicative => "M",
        };
        format!("ETS({error},{trend},{season})")
    }

    fn has_season(self) -> bool {
        self.season != Effect::None
    }
}

/// The states after a row, and the smoothing.
#[derive(Debug, Clone)]
struct States {
    form: Form,
    alpha: f64,
    beta: f64,
    gamma: f64,
    phi: f64,
    level: f64,
    slope: f64,
    /// One for each row of a cycle; neutral without a season.
    season: Vec<f64>,
    row: usize,
}

impl States {
    /// What the next row is without its season, and the season.
    fn expected(&self) -> (f64, f64, f64) {
        let base = self.level + self.phi * self.slope;
        let season = self.season[self.row % self.season.len()];
        let whole = match self.form.season {
            Effect::None => base,
            Effect::Additive => base + season,
            Effect::Multiplicative => base * season,
        };
        (base, season, whole)
    }

    /// Takes the next row by its error, which is relative if errors multiply.
    fn update(&mut self, error: f64) {
        let (base, season, whole) = self.expected();
        let at = self.row % self.season.len();
        // The error in units of the level.
        let step = match (self.form.multiplicative_error, self.form.season) {
            (true, Effect::Additive) => whole * error,
            (true, _) => base * error,
            (false, _) => error,
        };
        self.level = base + self.alpha * step;
        self.slope = self.phi * self.slope + self.beta * step;
        match self.form.season {
            Effect::None => {}
            Effect::Additive => self.season[at] = season + self.gamma * step,
            Effect::Multiplicative => self.season[at] = season * (1.0 + self.gamma * error),
        }
        self.row += 1;
    }
}

/// A model with its form chosen and its smoothing found.
#[derive(Debug, Clone)]
pub struct Ets {
    /// The form.
    pub form: Form,
    states: States,
    /// The standard deviation of an error, relative if errors multiply.
    sigma: f64,
}

/// Where the search of a form begins: states before the first row.
struct Start {
    level: f64,
    slope: f64,
    season: Vec<f64>,
}

impl Start {
    fn of(values: &[f64], period: usize, effect: Effect) -> Start {
        let season = match effect {
            Effect::None => Season::none(),
            effect => first_season(values, period, effect == Effect::Multiplicative),
        };
        let line = values.len().min(10.max(2 * period));
        let (level, slope) = fit_line(values[..line].iter().enumerate().map(|(i, &x)| {
            let x = match effect {
                Effect::None => x,
                _ => season.remove(x, i),
            };
            ((i + 1) as f64, x)
        }));
        let factors = match effect {
            Effect::None => vec![0.0],
            _ => season.factors,
        };
        Start {
            level,
            slope,
            season: factors,
        }
    }
}

/// The season at the start: classical of three cycles or more, else the means of the rows of two.
fn first_season(values: &[f64], period: usize, multiplicative: bool) -> Season {
    if values.len() >= 3 * period {
        return Season::of(values, period, 1.0, multiplicative);
    }
    let mean = values[..2 * period].iter().sum::<f64>() / (2 * period) as f64;
    let factor = |i: usize| {
        let two = (values[i] + values[i + period]) / 2.0;
        if multiplicative {
            two / mean
        } else {
            two - mean
        }
    };
    Season {
        multiplicative,
        factors: (0..period).map(factor).collect(),
    }
}

/// The line of least squares through points with these places: its value at 0, and its slope.
fn fit_line(points: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let (mut n, mut sx, mut sy, mut sxx, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in points {
        n += 1.0;
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    let spread = n * sxx - sx * sx;
    let slope = if spread > 0.0 {
        (n * sxy - sx * sy) / spread
    } else {
        0.0
    };
    ((sy - slope * sx) / n, slope)
}

impl Ets {
    /// The model of the least AICc, if the series has rows enough for any. Errors if it is stopped.
    pub fn choose(values: &[f64], period: usize, stopped: Stopped<'_>) -> Result<Option<Ets>> {
        let positive = values.iter().all(|x| *x > 0.0);
        let seasonal = (2..=LONGEST_PERIOD).contains(&period) && values.len() >= 2 * period;
        let mut best: Option<(f64, Ets)> = None;
        for form in forms(positive, seasonal) {
            check(stopped)?;
            if let Some((aicc, model)) = Ets::fit(values, period, form)
                && best.as_ref().is_none_or(|(least, _)| aicc < *least)
            {
                best = Some((aicc, model));
            }
        }
        Ok(best.map(|(_, model)| model))
    }

    /// The model of a form, with its AICc; `None` if the series has too few rows or values that it does not take.
    pub fn fit(values: &[f64], period: usize, form: Form) -> Option<(f64, Ets)> {
        let n = values.len();
        let period = if form.has_season() { period } else { 1 };
        let start = (n >= 2 * period).then(|| Start::of(values, period, form.season))?;
        let positive = form.multiplicative_error || form.season == Effect::Multiplicative;
        if positive && (values.iter().any(|x| *x <= 0.0) || start.season_is_odd(form.season)) {
            return None;
        }
        let trend = form.trend != Trend::None;
        let damped = form.trend == Trend::Damped;
        // alpha, level; then of the trend, of the season, and the damping.
        let reach = values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let spread = {
            let (low, high) = values
                .iter()
                .fold((f64::MAX, f64::MIN), |(l, h), x| (l.min(*x), h.max(*x)));
            (high - low).max(1e-9 * reach).max(f64::MIN_POSITIVE)
        };
        let mut point = vec![0.3, start.level];
        let mut bounds = vec![(1e-4, 0.9999), (start.level - spread, start.level + spread)];
        if trend {
            point.extend([0.05, start.slope]);
            let steep = 2.0 * start.slope.abs() + spread / n as f64;
            bounds.extend([(1e-4, MOST_TREND), (-steep, steep)]);
        }
        if form.has_season() {
            point.push(0.05);
            bounds.push((1e-4, 0.9999));
        }
        if damped {
            point.push(0.95);
            bounds.push((0.8, 0.98));
        }
        let free = point.len();
        // The seasonal states are not searched, but count.
        let k = free + if form.has_season() { period - 1 } else { 0 } + 1;
        if k + 1 >= n {
            return None;
        }
        let states = |point: &[f64], season: Vec<f64>| {
            let mut rest = point[2..].iter().copied();
            let mut next = |there: bool, absent: f64| {
                if there {
                    rest.next().unwrap_or(absent)
                } else {
                    absent
                }
            };
            let alpha = point[0];
            let beta = next(trend, 0.0) * alpha;
            let slope = next(trend, 0.0);
            let gamma = next(form.has_season(), 0.0) * (1.0 - alpha);
            let phi = next(damped, 1.0);
            States {
                form,
                alpha,
                beta,
                gamma,
                phi,
                level: point[1],
                slope,
                season,
                row: 0,
            }
        };
        // One season for all points, written anew for each.
        let mut season = Vec::new();
        let likelihood = |point: &[f64]| {
            season.clear();
            season.extend_from_slice(&start.season);
            let mut tried = states(point, std::mem::take(&mut season));
            let (value, _) = run(&mut tried, values);
            season = tried.season;
            value
        };
        let (point, value) = minimize(likelihood, &point, &bounds, 0.1, 80 * free, 1e-7);
        if !value.is_finite() {
            return None;
        }
        let mut fitted = states(&point, start.season.clone());
        let (_, squares) = run(&mut fitted, values);
        let (n, k) = (n as f64, k as f64);
        let aicc = value + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0);
        let sigma = (squares / (n - k).max(1.0)).sqrt();
        let model = Ets {
            form,
            states: fitted,
            sigma,
        };
        Some((aicc, model))
    }

    /// The next values, and the standard deviation of each.
    pub fn forecast(&self, horizon: usize) -> (Vec<f64>, Vec<f64>) {
        let mut states = self.states.clone();
        let mut values = Vec::with_capacity(horizon);
        let mut deviations = Vec::with_capacity(horizon);
        let mut variance = 1.0;
        let mut damping = 0.0;
        let mut power = 1.0;
        for step in 1..=horizon {
            let (_, _, whole) = states.expected();
            values.push(whole);
            deviations.push(self.sigma * f64::sqrt(variance));
            states.update(0.0);
            // How an error now is felt in the next step.
            power *= states.phi;
            damping += power;
            let period = states.season.len();
            let season = if self.form.has_season() && step % period == 0 {
                states.gamma
            } else {
                0.0
            };
            let felt = states.alpha + states.beta * damping + season;
            variance += felt * felt;
        }
        if self.form.multiplicative_error {
            for (deviation, value) in deviations.iter_mut().zip(&values) {
                *deviation *= value.abs();
            }
        }
        (values, deviations)
    }
}

impl Start {
    fn season_is_odd(&self, effect: Effect) -> bool {
        effect == Effect::Multiplicative && self.season.iter().any(|f| *f < 0.01)
    }
}

/// Minus twice the log likelihood but for a constant, and the sum of squared errors. Infinite where a form that
/// multiplies comes to zero or below.
fn run(states: &mut States, values: &[f64]) -> (f64, f64) {
    match (states.form.multiplicative_error, states.form.season) {
        (false, Effect::None) => pass::<false, false, false>(states, values),
        (false, Effect::Additive) => pass::<false, true, false>(states, values),
        (false, Effect::Multiplicative) => pass::<false, false, true>(states, values),
        (true, Effect::None) => pass::<true, false, false>(states, values),
        (true, Effect::Additive) => pass::<true, true, false>(states, values),
        (true, Effect::Multiplicative) => pass::<true, false, true>(states, values),
    }
}

/// The same of one form: whether errors multiply, whether a season adds, or multiplies. It runs thousands of times a series.
fn pass<const RELATIVE: bool, const ADDS: bool, const MULTIPLIES: bool>(
    states: &mut States,
    values: &[f64],
) -> (f64, f64) {
    let States {
        alpha,
        beta,
        gamma,
        phi,
        ..
    } = *states;
    let (mut level, mut slope) = (states.level, states.slope);
    let period = states.season.len();
    let mut at = states.row % period;
    let mut squares = 0.0;
    let mut product = 1.0_f64;
    let mut logs = 0.0;
    let keep = 1.0 - alpha;
    for &value in values {
        let base = level + phi * slope;
        let season = states.season[at];
        // The row's whole expectation, and the row without its season. Only `base` waits for the row before.
        let (whole, rest) = if ADDS {
            (base + season, value - season)
        } else if MULTIPLIES {
            (base * season, value / season)
        } else {
            (base, value)
        };
        let error = if RELATIVE {
            if whole <= 0.0 {
                return (f64::INFINITY, f64::INFINITY);
            }
            // The logarithm of a product, taken before it leaves the range.
            product *= whole;
            if !(1e-100..1e100).contains(&product) {
                logs += libm::log(product);
                product = 1.0;
            }
            (value - whole) / whole
        } else {
            value - whole
        };
        squares += error * error;
        // As [`States::update`] does: whether errors multiply or not, the step is what the row lacks of the base.
        let step = rest - base;
        level = keep * base + alpha * rest;
        slope = phi * slope + beta * step;
        if ADDS {
            states.season[at] = season + gamma * step;
        } else if MULTIPLIES {
            states.season[at] = season * (1.0 + gamma * error);
        }
        at += 1;
        if at == period {
            at = 0;
        }
    }
    states.level = level;
    states.slope = slope;
    states.row += values.len();
    logs += libm::log(product);
    let n = values.len() as f64;
    (
        n * libm::log(squares.max(f64::MIN_POSITIVE)) + 2.0 * logs,
        squares,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: usize, period: usize, noise: f64) -> Vec<f64> {
        let mut seed = 1_u64;
        (0..n)
            .map(|i| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let u = (seed >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
                let angle = i as f64 * std::f64::consts::TAU / period as f64;
                (100.0 + i as f64) * (1.0 + 0.3 * libm::sin(angle)) + noise * u
            })
            .collect()
    }

    #[test]
    fn a_trend_with_a_season_goes_on() {
        let values = series(84, 12, 2.0);
        let model = Ets::choose(&values[..72], 12, &|| false).unwrap().unwrap();
        assert!(model.form.has_season(), "{}", model.form.name());
        let (next, deviations) = model.forecast(12);
        for (i, x) in next.iter().enumerate() {
            assert!((x / values[72 + i] - 1.0).abs() < 0.06, "{i}: {x}");
        }
        assert!(deviations.windows(2).all(|w| w[0] > 0.0 && w[1] > 0.0));
    }

    #[test]
    fn forms_are_named_and_fit_what_they_may() {
        assert_eq!(forms(true, true).len(), 15);
        assert_eq!(forms(false, true).len(), 6);
        assert_eq!(forms(true, false).len(), 6);
        let names: Vec<String> = forms(true, true).iter().map(|f| f.name()).collect();
        assert!(
            names.contains(&"ETS(M,Ad,M)".to_string())
                && !names.contains(&"ETS(A,N,M)".to_string())
        );
        assert!(
            Ets::choose(&[1.0, 2.0, 3.0], 12, &|| false)
                .unwrap()
                .is_none()
        );
        let negative: Vec<f64> = series(60, 12, 1.0).iter().map(|x| x - 110.0).collect();
        assert!(
            !Ets::choose(&negative, 12, &|| false)
                .unwrap()
                .unwrap()
                .form
                .multiplicative_error
        );
    }

    #[test]
    fn without_an_error_the_season_comes_round() {
        let values = series(60, 4, 0.0);
        for form in forms(true, true) {
            let Some((aicc, model)) = Ets::fit(&values, 4, form) else {
                panic!("{} does not fit", form.name());
            };
            assert!(aicc.is_finite(), "{}", form.name());
            let (next, deviations) = model.forecast(8);
            assert!(next.iter().chain(&deviations).all(|x| x.is_finite()));
            assert_eq!(next.len(), 8);
        }
    }
}
