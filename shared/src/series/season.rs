//! Seasons: whether values repeat with a period, and what they are without it.

use crate::Result;
use crate::program::{Stopped, check};
use crate::stats::sample::median_of_sorted;

/// The autocorrelation at these lags, from 1 on. Zeros for values that are all the same.
pub fn autocorrelations(values: &[f64], lags: usize) -> Vec<f64> {
    /// Lags that are summed side by side: one sum waits for each of its additions.
    const TOGETHER: usize = 8;
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n.max(1) as f64;
    let around: Vec<f64> = values.iter().map(|x| x - mean).collect();
    let scatter: f64 = around.iter().map(|x| x * x).sum();
    let mut found = vec![0.0; lags];
    if scatter <= 0.0 {
        return found;
    }
    for (block, found) in found.chunks_mut(TOGETHER).enumerate() {
        let first = 1 + block * TOGETHER;
        let ahead = around.get(first..).unwrap_or(&[]);
        let mut sums = [0.0; TOGETHER];
        for (a, ahead) in around.iter().zip(ahead.windows(TOGETHER)) {
            for (sum, b) in sums.iter_mut().zip(ahead) {
                *sum += a * b;
            }
        }
        // The last rows, which not all of these lags reach from.
        let reached = (ahead.len() + 1).saturating_sub(TOGETHER);
        for (row, a) in around.iter().enumerate().skip(reached) {
            let ahead = ahead.get(row..).unwrap_or(&[]);
            for (sum, b) in sums.iter_mut().zip(ahead) {
                *sum += a * b;
            }
        }
        for (r, sum) in found.iter_mut().zip(sums) {
            *r = sum / scatter;
        }
    }
    found
}

/// The rows at the end of a longer series that are looked at for its season, or 20 cycles if they are more.
pub const LOOKED_AT: usize = 20_000;

/// Whether values repeat with a period, by the test of the M4 benchmarks: three cycles at least, and an autocorrelation at
/// the period that is beyond the 90 % limits of Bartlett.
pub fn is_seasonal(values: &[f64], period: usize) -> bool {
    score(values, period).is_some_and(|score| score > 1.645)
}

/// The probability of an autocorrelation at the period that is as large by chance; `None` of fewer than three cycles.
pub fn correlation_test(values: &[f64], period: usize) -> Option<f64> {
    score(values, period).map(|score| libm::erfc(score / std::f64::consts::SQRT_2))
}

/// The autocorrelation at the period in standard errors of Bartlett; `None` of fewer than three cycles.
pub fn score(values: &[f64], period: usize) -> Option<f64> {
    if period < 2 || values.len() < 3 * period {
        return None;
    }
    let last = LOOKED_AT.max(20 * period).min(values.len());
    let values = &values[values.len() - last..];
    let r = autocorrelations(values, period);
    let before: f64 = r[..period - 1].iter().map(|r| r * r).sum();
    Some(r[period - 1].abs() / ((1.0 + 2.0 * before) / values.len() as f64).sqrt())
}

/// What a season adds to each value, or multiplies it by: a factor for each row of a cycle, the first for row 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Season {
    /// Whether it multiplies; the factors are then 1 in the mean, else 0.
    pub multiplicative: bool,
    /// One for each row of a cycle.
    pub factors: Vec<f64>,
}

impl Season {
    /// No season: of period 1.
    pub fn none() -> Season {
        Season {
            multiplicative: false,
            factors: vec![0.0],
        }
    }

    /// By the mean of each row of a cycle against the centred moving average (classical decomposition): multiplicative if
    /// all values are positive and so are the factors, else additive. `values` has two cycles at least.
    pub fn classical(values: &[f64], period: usize) -> Season {
        Season::weighted(values, period, 1.0)
    }

    /// The same, where a cycle weighs `decay` times what the one after it does.
    pub fn weighted(values: &[f64], period: usize, decay: f64) -> Season {
        let positive = values.iter().all(|x| *x > 0.0);
        let multiplicative = positive.then(|| Season::of(values, period, decay, true));
        match multiplicative.filter(|season| season.factors.iter().all(|f| *f >= 0.01)) {
            Some(season) => season,
            None => Season::of(values, period, decay, false),
        }
    }

    /// Of the form that is asked for; a multiplicative one needs positive values.
    pub fn of(values: &[f64], period: usize, decay: f64, multiplicative: bool) -> Season {
        let level = moving_average(values, period);
        let first = period / 2;
        let mut sums = vec![(0.0, 0.0); period];
        for (i, level) in level.iter().enumerate() {
            let at = i + first;
            let detrended = if multiplicative {
                values[at] / level
            } else {
                values[at] - level
            };
            let ago = (level_end(values.len(), period) - at) / period;
            let weight = libm::pow(decay, ago as f64);
            let (sum, weights) = &mut sums[at % period];
            *sum += weight * detrended;
            *weights += weight;
        }
        let neutral = if multiplicative { 1.0 } else { 0.0 };
        let mut factors: Vec<f64> = sums
            .iter()
            .map(|(sum, weights)| {
                if *weights > 0.0 {
                    sum / weights
                } else {
                    neutral
                }
            })
            .collect();
        let mean = factors.iter().sum::<f64>() / period as f64;
        for factor in &mut factors {
            if multiplicative {
                *factor /= mean;
            } else {
                *factor -= mean;
            }
        }
        Season {
            multiplicative,
            factors,
        }
    }

    /// The value of a row without the season.
    pub fn remove(&self, value: f64, row: usize) -> f64 {
        let factor = self.factors[row % self.factors.len()];
        if self.multiplicative {
            value / factor
        } else {
            value - factor
        }
    }

    /// The value of a row with the season.
    pub fn restore(&self, value: f64, row: usize) -> f64 {
        let factor = self.factors[row % self.factors.len()];
        if self.multiplicative {
            value * factor
        } else {
            value + factor
        }
    }
}

/// The last row that has a centred moving average.
fn level_end(n: usize, period: usize) -> usize {
    n - 1 - period / 2
}

/// The centred moving average over a period, half weights at both ends if it is even. The first stands for row
/// `period / 2`. Running sums: one addition and subtraction a row.
pub fn moving_average(values: &[f64], period: usize) -> Vec<f64> {
    let n = values.len();
    if n < period + 1 - period % 2 {
        return Vec::new();
    }
    let sums: Vec<f64> = values
        .windows(period)
        .map(|w| w.iter().sum::<f64>() / period as f64)
        .collect();
    if period % 2 == 1 {
        return sums;
    }
    sums.windows(2).map(|w| (w[0] + w[1]) / 2.0).collect()
}

/// The probability of a season as clear by chance, in the steps from row to row, which have no trend; `None` of fewer than
/// three cycles.
pub fn seasonal(values: &[f64], period: usize) -> Option<f64> {
    let steps: Vec<f64> = values.windows(2).map(|w| w[1] - w[0]).collect();
    correlation_test(&steps, period)
}

/// The seasons of these periods, the shorter first and the longer of what it leaves, and the values without them. Those
/// that the values do not show are left out unless they are given.
pub fn without_seasons(values: &[f64], periods: &[usize], given: bool) -> (Vec<Season>, Vec<f64>) {
    let mut found = Vec::new();
    let mut level = values.to_vec();
    for period in periods.iter().copied().filter(|p| values.len() >= 2 * p) {
        if !given && seasonal(&level, period).is_none_or(|p| p > 0.1) {
            continue;
        }
        let season = Season::classical(&level, period);
        for (row, value) in level.iter_mut().enumerate() {
            *value = season.remove(*value, row);
        }
        found.push(season);
    }
    (found, level)
}

/// What each row of a cycle adds, the first for row 0: the median of it around the centred moving average, so that a few
/// rows that are far from it do not matter. Zero of fewer than two cycles.
pub fn median_season(values: &[f64], period: usize) -> Vec<f64> {
    if period < 2 || values.len() < 2 * period {
        return vec![0.0];
    }
    let first = period / 2;
    let mut phases: Vec<Vec<f64>> = vec![Vec::new(); period];
    for (row, level) in (first..).zip(moving_average(values, period)) {
        phases[row % period].push(values[row] - level);
    }
    let median = |of_phase: &mut Vec<f64>| {
        of_phase.sort_unstable_by(f64::total_cmp);
        median_of_sorted(of_phase)
    };
    phases.iter_mut().map(median).collect()
}

/// The median of so many rows around each, an odd number; near the ends the line goes on that the medians show there.
/// Errors if it is stopped.
pub fn running_median(values: &[f64], span: usize, stopped: Stopped<'_>) -> Result<Vec<f64>> {
    let n = values.len();
    let half = span / 2;
    if n < span {
        let mut all = values.to_vec();
        all.sort_unstable_by(f64::total_cmp);
        return Ok(vec![median_of_sorted(&all); n]);
    }
    let mut found = vec![0.0; n];
    each_window(values, span, stopped, |row, window| {
        found[row] = window[half];
    })?;
    let (first, last) = (half, n - 1 - half);
    let slope = |from: usize, to: usize| {
        if to > from {
            (found[to] - found[from]) / (to - from) as f64
        } else {
            0.0
        }
    };
    let begins = slope(first, (first + 4 * half).min(last));
    let ends = slope(last.saturating_sub(4 * half).max(first), last);
    for away in 1..=half {
        found[first - away] = found[first] - begins * away as f64;
        found[last + away] = found[last] + ends * away as f64;
    }
    Ok(found)
}

/// The windows of so many rows around a row, an odd number, each with the row and its values in their order. Errors if it is
/// stopped.
fn each_window(
    values: &[f64],
    span: usize,
    stopped: Stopped<'_>,
    mut take: impl FnMut(usize, &[f64]),
) -> Result<()> {
    let (n, half) = (values.len(), span / 2);
    if n < span {
        return Ok(());
    }
    let mut window = values[..span].to_vec();
    window.sort_unstable_by(f64::total_cmp);
    take(half, &window);
    for row in half + 1..n - half {
        if row.is_multiple_of(256) {
            check(stopped)?;
        }
        window.remove(place(&window, values[row - half - 1]));
        let new = values[row + half];
        window.insert(place(&window, new), new);
        take(row, &window);
    }
    Ok(())
}

/// Where a value is in a list in order, or would be.
fn place(sorted: &[f64], value: f64) -> usize {
    sorted.partition_point(|x| x.total_cmp(&value).is_lt())
}

/// How far values are from the median of so many rows around each, an odd number, without its own: in the order of rows,
/// without those at the ends. Errors if it is stopped.
pub fn from_neighbours(values: &[f64], span: usize, stopped: Stopped<'_>) -> Result<Vec<f64>> {
    let half = span / 2;
    let mut found = Vec::with_capacity(values.len());
    each_window(values, span, stopped, |row, window| {
        let own = place(window, values[row]);
        let low = window[if own < half { half } else { half - 1 }];
        let high = window[if own <= half { half + 1 } else { half }];
        found.push(values[row] - f64::midpoint(low, high));
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(n: usize, period: usize) -> Vec<f64> {
        let angle = |i: usize| i as f64 * std::f64::consts::TAU / period as f64;
        (0..n)
            .map(|i| 100.0 + i as f64 + 20.0 * libm::sin(angle(i)))
            .collect()
    }

    #[test]
    fn lags_are_summed_side_by_side_to_the_same_bits() {
        let one = |values: &[f64], lag: usize| {
            let n = values.len();
            let mean = values.iter().sum::<f64>() / n.max(1) as f64;
            let scatter: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
            if lag >= n || scatter <= 0.0 {
                return 0.0;
            }
            let pairs = values.iter().zip(&values[lag..]);
            pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / scatter
        };
        for n in [0, 1, 2, 7, 8, 9, 10, 16, 17, 40, 1_001] {
            let mut values = wave(n, 12);
            values.iter_mut().step_by(3).for_each(|x| *x *= 1.1);
            for lags in [0, 1, 7, 8, 9, 20] {
                let expected: Vec<f64> = (1..=lags).map(|lag| one(&values, lag)).collect();
                assert_eq!(autocorrelations(&values, lags), expected, "{n} {lags}");
            }
        }
        assert_eq!(autocorrelations(&[5.0; 9], 3), [0.0; 3]);
    }

    #[test]
    fn a_period_is_seen() {
        assert!(is_seasonal(&wave(60, 12), 12));
        assert!(!is_seasonal(&wave(35, 12), 12), "less than three cycles");
        let line: Vec<f64> = (0..60).map(f64::from).collect();
        assert!(!is_seasonal(&line, 12));
        assert!(!is_seasonal(&[1.0; 60], 12));
        assert!(!is_seasonal(&[], 1));
    }

    #[test]
    fn what_is_removed_comes_back() {
        for period in [2, 3, 4, 7, 12] {
            let values = wave(5 * period + 3, period);
            for season in [
                Season::classical(&values, period),
                Season::weighted(&values, period, 0.7),
                Season::of(&values, period, 1.0, false),
            ] {
                let sum: f64 = season.factors.iter().sum();
                let mean = sum / period as f64;
                assert!((mean - if season.multiplicative { 1.0 } else { 0.0 }).abs() < 1e-12);
                for (i, x) in values.iter().enumerate() {
                    assert!((season.restore(season.remove(*x, i), i) - x).abs() < 1e-9);
                }
            }
            // A line with an additive wave is a line again.
            let season = Season::of(&values, period, 1.0, false);
            for (i, value) in values.iter().enumerate() {
                assert!((season.remove(*value, i) - 100.0 - i as f64).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn negative_values_have_an_additive_season() {
        let values: Vec<f64> = wave(40, 4).iter().map(|x| x - 120.0).collect();
        assert!(!Season::classical(&values, 4).multiplicative);
        assert!(Season::classical(&wave(40, 4), 4).multiplicative);
    }

    #[test]
    fn medians_run() {
        let running_median =
            |values: &[f64], span| super::running_median(values, span, &|| false).unwrap();
        let from_neighbours =
            |values: &[f64], span| super::from_neighbours(values, span, &|| false).unwrap();
        let line: Vec<f64> = (0..20).map(f64::from).collect();
        for span in [1, 3, 7, 19] {
            let found = running_median(&line, span);
            for (found, x) in found.iter().zip(&line) {
                assert!(
                    span == 19 || (found - x).abs() < 1e-9,
                    "{span}: {found} for {x}"
                );
            }
        }
        assert_eq!(running_median(&[1.0, 9.0], 3), [5.0, 5.0]);
        assert!(running_median(&[], 3).is_empty());
        let mut spiked = vec![2.0; 30];
        spiked[10] = 50.0;
        assert_eq!(running_median(&spiked, 7), [2.0; 30]);
        assert!(from_neighbours(&line, 7).iter().all(|far| far.abs() < 1e-9));
        assert_eq!(
            from_neighbours(&[1.0, 2.0, 9.0, 3.0, 5.0], 3),
            [-3.0, 6.5, -4.0]
        );
        assert!(from_neighbours(&[1.0], 3).is_empty());
        let waves: Vec<f64> = (0..40).map(|i| f64::from(i + 3 * (i % 4))).collect();
        let season = median_season(&waves, 4);
        for (i, part) in season.iter().enumerate() {
            assert!((part - (3.0 * i as f64 - 4.5)).abs() < 1e-9, "{season:?}");
        }
        assert_eq!(median_season(&waves, 21), [0.0]);
    }

    #[test]
    fn averages_are_centred() {
        assert_eq!(moving_average(&[1.0, 2.0, 6.0], 3), [3.0]);
        assert_eq!(moving_average(&[1.0, 2.0, 3.0, 4.0, 10.0], 4), [3.625]);
        assert!(moving_average(&[1.0, 2.0, 3.0, 4.0], 4).is_empty());
    }
}
