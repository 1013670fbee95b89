//! How present something is by its uses: the base level of ACT-R, B = ln Σ age^-0.5.
//!
//! Only the latest uses are kept with their times. For the older ones Petrov's hybrid form (2006) takes the integral
//! between the first use and the oldest that is kept.

/// The exponent by which a use fades.
const DECAY: f64 = 0.5;

/// An age of less than a second counts as one, since it is raised to a negative power.
const LEAST_AGE: f64 = 1.0;

/// The base level by the ages in seconds of the latest uses, the number of all uses and the age of the first. `None`
/// without a use.
pub fn activation(ages: &[f64], uses: usize, oldest: f64) -> Option<f64> {
    let age = |age: f64| age.max(LEAST_AGE);
    let kept: f64 = ages.iter().map(|a| age(*a).powf(-DECAY)).sum();
    let others = uses.saturating_sub(ages.len()) as f64;
    let last_kept = ages.iter().copied().fold(LEAST_AGE, f64::max);
    let oldest = age(oldest);
    let rest = if others == 0.0 || ages.is_empty() {
        others * oldest.powf(-DECAY)
    } else if oldest - last_kept < 1.0 {
        others * last_kept.powf(-DECAY)
    } else {
        let power = 1.0 - DECAY;
        others * (oldest.powf(power) - last_kept.powf(power)) / (power * (oldest - last_kept))
    };
    let sum = kept + rest;
    (sum > 0.0).then(|| sum.ln())
}

/// A base level as a number from 0 to 1: half for one use some 16 hours ago.
pub fn presence(level: f64) -> f64 {
    1.0 / (1.0 + (-(level + 5.5) / 1.5).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_uses_are_exact() {
        let level = activation(&[4.0, 100.0], 2, 100.0).unwrap();
        assert!((level - 0.6f64.ln()).abs() < 1e-12);
        assert_eq!(activation(&[], 0, 0.0), None);
        assert_eq!(activation(&[0.0], 1, 0.0), Some(0.0));
    }

    #[test]
    fn older_uses_are_nearly_right() {
        // Uses every hour for 100 hours, of which ten are kept.
        let all: Vec<f64> = (1..=100).map(|h| f64::from(h) * 3600.0).collect();
        let exact = activation(&all, 100, 360_000.0).unwrap();
        let hybrid = activation(&all[..10], 100, 360_000.0).unwrap();
        assert!((exact - hybrid).abs() < 0.03, "{exact} {hybrid}");
        // All at one moment.
        let same = activation(&[50.0], 4, 50.0).unwrap();
        assert!((same - activation(&[50.0; 4], 4, 50.0).unwrap()).abs() < 1e-12);
    }

    #[test]
    fn presence_grows_with_the_level() {
        assert_eq!(presence(-5.5), 0.5);
        assert!(presence(0.0) > 0.97 && presence(-12.0) < 0.02);
    }
}
