//! Sums of doubles that do not depend on the order of the additions: the exact sum, rounded once.

/// Parts that are kept without memory of their own; real data seldom needs the third.
const PARTS: usize = 3;

/// A sum that has not been rounded: it is exactly the sum of its parts.
#[derive(Debug, Clone, Default)]
pub struct ExactSum {
    parts: [f64; PARTS],
    /// What the parts do not hold; no two of its bits have the same weight.
    rest: Vec<f64>,
    /// The sum of what is not finite, or 0.
    infinite: f64,
    any: bool,
}

/// A value is too large for every sum with it to be a finite double.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

impl ExactSum {
    /// Beyond this, about 9.7e288, so few as 2^63 values might overflow.
    pub const LARGEST: f64 = f64::from_bits((960 + 1023) << 52);

    /// Adds a value. Errors if it is finite and its magnitude is above [`Self::LARGEST`]; nothing is added then.
    #[inline]
    pub fn add(&mut self, value: f64) -> Result<(), TooLarge> {
        self.any = true;
        if value.abs() <= Self::LARGEST {
            self.add_exactly(value);
            return Ok(());
        }
        if value.is_finite() {
            return Err(TooLarge);
        }
        self.infinite += value;
        Ok(())
    }

    #[inline]
    fn add_exactly(&mut self, mut value: f64) {
        for part in &mut self.parts {
            let (sum, error) = two_sum(*part, value);
            *part = sum;
            if error == 0.0 {
                return;
            }
            value = error;
        }
        spill(&mut self.rest, value);
    }

    /// Adds what another sum has.
    pub fn merge(&mut self, other: &ExactSum) {
        self.any |= other.any;
        self.infinite += other.infinite;
        for part in other.parts.iter().chain(&other.rest) {
            self.add_exactly(*part);
        }
    }

    /// The double nearest to the sum; infinite or NaN if such values were added. `None` if nothing was added.
    pub fn value(&self) -> Option<f64> {
        if !self.any {
            return None;
        }
        if self.infinite != 0.0 {
            return Some(self.infinite);
        }
        let mut parts = self.rest.clone();
        self.parts.iter().for_each(|part| spill(&mut parts, *part));
        Some(rounded(&parts))
    }
}

/// The sum as a double, and what it lacks.
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// Adds to parts of which no two overlap, from the smallest to the largest (Shewchuk 1997, Grow-Expansion).
fn spill(parts: &mut Vec<f64>, mut value: f64) {
    let mut kept = 0;
    for i in 0..parts.len() {
        let (sum, error) = two_sum(parts[i], value);
        if error != 0.0 {
            parts[kept] = error;
            kept += 1;
        }
        value = sum;
    }
    parts.truncate(kept);
    parts.push(value);
}

/// The sum of parts of which no two overlap, rounded half to even.
fn rounded(parts: &[f64]) -> f64 {
    let mut below = parts.iter().rev().copied();
    let mut sum = below.next().unwrap_or(0.0);
    let mut error = 0.0;
    for part in below.by_ref() {
        (sum, error) = two_sum(sum, part);
        if error != 0.0 {
            break;
        }
    }
    // If the error is half a step, what lies below it says to which side.
    if below.next().is_some_and(|next| next * error > 0.0) {
        let twice = error * 2.0;
        let beyond = sum + twice;
        if beyond - sum == twice {
            sum = beyond;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> Option<f64> {
        let mut sum = ExactSum::default();
        values
            .iter()
            .try_for_each(|v| sum.add(*v))
            .ok()
            .and_then(|()| sum.value())
    }

    #[test]
    fn sums_are_rounded_once() {
        assert_eq!(sum(&[]), None);
        assert_eq!(sum(&[0.1; 10]), Some(1.0));
        assert_eq!(sum(&[0.1; 1_000_000]), Some(100_000.0));
        assert_eq!(sum(&[1e100, 1.0, -1e100]), Some(1.0));
        assert_eq!(sum(&[1e16, 1.0, 1e-16]), Some(10_000_000_000_000_002.0));
        assert_eq!(sum(&[1e16, 1.0]), Some(1e16));
        assert_eq!(sum(&[-0.0]), Some(0.0));
        assert_eq!(
            sum(&[f64::MIN_POSITIVE, -5e-324]),
            Some(2.225073858507201e-308)
        );
    }

    #[test]
    fn what_is_not_finite_stays() {
        assert_eq!(sum(&[1.0, f64::INFINITY]), Some(f64::INFINITY));
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_some_and(f64::is_nan));
        assert_eq!(
            sum(&[ExactSum::LARGEST; 1000]),
            Some(ExactSum::LARGEST * 1000.0)
        );
        assert_eq!(ExactSum::default().add(f64::MAX), Err(TooLarge));
    }

    /// Integers of 2^-1000 in 128 bits, as an oracle where they fit.
    #[test]
    fn the_order_and_the_grouping_do_not_matter() {
        let mut state = 7u64;
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            state >> 11
        };
        for round in 0..300 {
            let spread = [1, 20, 60, 400][round % 4];
            let values: Vec<f64> = (0..200)
                .map(|_| {
                    let mantissa = next() as f64 * if next() % 2 == 0 { 1.0 } else { -1.0 };
                    mantissa * 2f64.powi((next() % spread) as i32 - 200)
                })
                .collect();
            let whole = sum(&values);
            if spread <= 60 {
                // Every value is an integer times 2^-200, below 2^113.
                let integer: i128 = values.iter().map(|v| (v * 2f64.powi(200)) as i128).sum();
                assert_eq!(whole, Some(integer as f64 * 2f64.powi(-200)));
            }
            let mut backwards = values.clone();
            backwards.reverse();
            assert_eq!(whole, sum(&backwards));
            let mut parts = vec![ExactSum::default(); 7];
            for (i, v) in values.iter().enumerate() {
                assert_eq!(parts[i * 31 % 7].add(*v), Ok(()));
            }
            let mut merged = ExactSum::default();
            parts.iter().for_each(|p| merged.merge(p));
            assert_eq!(whole, merged.value());
        }
    }

    #[test]
    fn memory_has_a_bound() {
        let mut sum = ExactSum::default();
        for i in 0..100_000u32 {
            let value = 2f64.powi((i * 7919 % 1900) as i32 - 1000) * f64::from(i % 13 + 1) / 3.0;
            assert_eq!(sum.add(value), Ok(()));
        }
        assert!(sum.rest.len() < 200, "{}", sum.rest.len());
    }
}
