//! Demand that comes now and then: sizes and how often, smoothed apart (Croston 1972), as Syntetos and Boylan (2005) correct
//! it or as Teunter, Syntetos and Babai (2011) do.

use crate::stats::special::gamma_quantile;

/// How much the newest counts.
const SMOOTHING: f64 = 0.1;

/// What is expected of each of the next rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// The mean.
    pub value: f64,
    /// The interval.
    pub limits: (f64, f64),
}

/// The demand after values from 0 on, of which one at least is above it; the interval is to hold this share of it.
/// Whichever of both ways has the smaller squared errors one row ahead.
pub fn forecast(values: &[f64], share: f64) -> Demand {
    let sizes: Vec<f64> = values.iter().copied().filter(|x| *x > 0.0).collect();
    let count = sizes.len().max(1) as f64;
    let mean = sizes.iter().map(|x| x / count).sum::<f64>();
    let often = sizes.len() as f64 / values.len() as f64;
    let (mut size, mut chance, mut interval) = (mean, often, 1.0 / often);
    let mut since = 1.0;
    let (mut of_interval, mut of_chance) = (0.0, 0.0);
    for &value in values {
        let by_interval = (1.0 - SMOOTHING / 2.0) * size / interval;
        let by_chance = chance * size;
        of_interval += (value - by_interval) * (value - by_interval);
        of_chance += (value - by_chance) * (value - by_chance);
        let comes = value > 0.0;
        chance += SMOOTHING * (f64::from(comes) - chance);
        if comes {
            size += SMOOTHING * (value - size);
            interval += SMOOTHING * (since - interval);
            since = 1.0;
        } else {
            since += 1.0;
        }
    }
    let value = if of_interval < of_chance {
        (1.0 - SMOOTHING / 2.0) * size / interval
    } else {
        chance * size
    };
    let squares = sizes.iter().map(|x| (x / mean - 1.0) * (x / mean - 1.0));
    let spread = squares.sum::<f64>() / (count - 1.0).max(1.0);
    // None with what is left of the probability, else sizes with a gamma distribution.
    let comes = (value / size).clamp(1e-9, 1.0);
    let quantile = |share: f64| {
        let within = (share - (1.0 - comes)) / comes;
        if within <= 0.0 {
            0.0
        } else if spread <= 1e-12 {
            size
        } else {
            size * spread * gamma_quantile(1.0 / spread, within)
        }
    };
    let side = (1.0 - share) / 2.0;
    Demand {
        value,
        // Of what comes very seldom the mean is above nearly all.
        limits: (quantile(side).min(value), quantile(1.0 - side).max(value)),
    }
}
