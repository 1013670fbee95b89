//! Moments and quantiles of numbers, the same in whatever order they came.

use crate::exact_sum::ExactSum;

/// Finite numbers in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// Sorts the numbers.
    pub fn new(mut values: Vec<f64>) -> Sample {
        values.sort_unstable_by(f64::total_cmp);
        Sample(values)
    }

    /// The numbers.
    pub fn sorted(&self) -> &[f64] {
        &self.0
    }

    /// Mean, standard deviation of a sample, skewness and excess kurtosis; zeros of none, and none but the mean of equal ones.
    pub fn moments(&self) -> [f64; 4] {
        let n = self.0.len() as f64;
        let most = self.0.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        if most == 0.0 || self.0.first() == self.0.last() {
            return [self.0.first().copied().unwrap_or(0.0), 0.0, 0.0, 0.0];
        }
        // Divided by a power of two near the largest, which loses no digit, no power leaves the range of doubles.
        let scale = libm::exp2(libm::floor(libm::log2(most)).min(1023.0));
        let mut sum = ExactSum::default();
        for x in &self.0 {
            // Below 2, and so never too large.
            let _ = sum.add(x / scale);
        }
        let mean = sum.value().unwrap_or_default() / n;
        let power = |p: i32| {
            let powers = self.0.iter().map(|x| {
                let off = x / scale - mean;
                (1..p).fold(off, |product, _| product * off)
            });
            powers.sum::<f64>() / n
        };
        let variance = power(2);
        let sd = libm::sqrt(variance);
        [
            mean * scale,
            libm::sqrt(variance * n / (n - 1.0)) * scale,
            power(3) / (sd * variance),
            power(4) / (variance * variance) - 3.0,
        ]
    }

    /// The number that this share is below, between two numbers in a straight line; `None` of none.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let place = share * (self.0.len().checked_sub(1)?) as f64;
        let below = self.0.get(place as usize)?;
        let part = place.fract();
        match self.0.get(place as usize + 1) {
            Some(above) if part > 0.0 => Some(below * (1.0 - part) + above * part),
            _ => Some(*below),
        }
    }
}

/// The median of numbers in order; 0 of none.
pub fn median_of_sorted(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    match n {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The median; 0 of none.
pub fn median(values: Vec<f64>) -> f64 {
    median_of_sorted(Sample::new(values).sorted())
}

/// How many times the median distance from the median the standard deviation of normal numbers is.
pub const DEVIATION: f64 = 1.4826;

/// The median, and how far values usually are from it: [`DEVIATION`] times the median of their distances. Zeros of none.
pub fn middle_and_deviation(values: &[f64]) -> (f64, f64) {
    let middle = median(values.to_vec());
    let far = values.iter().map(|x| (x - middle).abs()).collect();
    (middle, DEVIATION * median(far))
}

/// The ranks of numbers from 1 on; equal ones share the mean of theirs.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let first = values[order[start]];
        let equal = order[start..].iter().take_while(|i| values[**i] == first);
        let end = start + equal.count().max(1);
        let rank = (start + 1 + end) as f64 / 2.0;
        order[start..end].iter().for_each(|i| ranks[*i] = rank);
        start = end;
    }
    ranks
}

/// Pearson's correlation; `None` if one of both is the same throughout.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let n = a.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x - mean_a, y - mean_b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    let found = ab / libm::sqrt(aa) / libm::sqrt(bb);
    found.is_finite().then(|| found.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between() {
        let sample = Sample::new(vec![4.0, 1.0, 2.0]);
        assert_eq!(
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|q| sample.quantile(q)),
            [1.0, 1.5, 2.0, 3.0, 4.0].map(Some)
        );
        assert_eq!(Sample::new(Vec::new()).quantile(0.5), None);
        let large = Sample::new(vec![f64::MAX, f64::MIN]);
        assert!(large.quantile(0.5).unwrap() == 0.0);
        assert!(large.moments().iter().take(1).all(|v| v.is_finite()));
    }

    #[test]
    fn one_far_value_moves_no_median() {
        assert_eq!(
            middle_and_deviation(&[1.0, 2.0, 3.0, 4.0, 900.0]),
            (3.0, DEVIATION)
        );
        assert_eq!(middle_and_deviation(&[]), (0.0, 0.0));
    }

    #[test]
    fn ranks_are_shared() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        let found = correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]).unwrap();
        assert!((found - 1.0).abs() < 1e-12);
        assert_eq!(correlation(&[1.0, 1.0], &[2.0, 4.0]), None);
        assert_eq!(correlation(&[], &[]), None);
    }
}
