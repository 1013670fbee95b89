//! Seasons: whether values repeat with a period, and what they are without it.

/// The autocorrelation at these lags, from 1 on. Zeros for values that are all the same.
pub fn autocorrelations(values: &[f64], lags: usize) -> Vec<f64> {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n.max(1) as f64;
    let scatter: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (1..=lags)
        .map(|lag| {
            if lag >= n || scatter <= 0.0 {
                return 0.0;
            }
            let pairs = values.iter().zip(&values[lag..]);
            pairs.map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / scatter
        })
        .collect()
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
    fn averages_are_centred() {
        assert_eq!(moving_average(&[1.0, 2.0, 6.0], 3), [3.0]);
        assert_eq!(moving_average(&[1.0, 2.0, 3.0, 4.0, 10.0], 4), [3.625]);
        assert!(moving_average(&[1.0, 2.0, 3.0, 4.0], 4).is_empty());
    }
}
