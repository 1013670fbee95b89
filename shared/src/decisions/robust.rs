//! How much a decision hangs on its weights: which options win under other weights, and which never can.

use crate::stats::random::Stream;
use crate::stats::special::normal_quantile;

/// Which options are at least as good as no other in everything and better in something: for each option the first that is so,
/// `None` for those that could be the best under some weights. `points` has a row for each option.
pub fn dominators(points: &[&[f64]]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    let sum = |i: &usize| points[*i].iter().sum::<f64>();
    // Rounded sums of larger numbers are not smaller: who dominates comes first, by its points where the sums are equal.
    order.sort_by(|a, b| {
        let by_points = || {
            points[*b]
                .iter()
                .zip(points[*a])
                .map(|(b, a)| b.total_cmp(a))
        };
        sum(b)
            .total_cmp(&sum(a))
            .then_with(|| {
                by_points()
                    .find(|o| o.is_ne())
                    .unwrap_or(std::cmp::Ordering::Equal)
            })
            .then(a.cmp(b))
    });
    let mut front: Vec<usize> = Vec::new();
    let mut found = vec![None; points.len()];
    for i in order {
        let dominates = |by: &&usize| {
            let mut better = false;
            let pairs = points[**by].iter().zip(points[i]);
            for (one, other) in pairs {
                if one < other {
                    return false;
                }
                better |= one > other;
            }
            better
        };
        match front.iter().find(dominates) {
            Some(by) => found[i] = Some(*by),
            None => front.push(i),
        }
    }
    found
}

/// Weights drawn around others: of a Dirichlet distribution whose mean they are. With concentration 0 all weights are as
/// likely.
pub struct Weights {
    criteria: Vec<(Stream, f64)>,
    drawn: Vec<f64>,
}

impl Weights {
    /// `criteria` are names and weights. A weight of 0 stays 0, but with concentration 0.
    pub fn new<'a>(
        criteria: impl Iterator<Item = (&'a str, f64)>,
        concentration: f64,
        seed: i64,
    ) -> Weights {
        let criteria: Vec<(Stream, f64)> = criteria
            .map(|(name, weight)| {
                let shape = if concentration == 0.0 {
                    1.0
                } else {
                    concentration * weight
                };
                (Stream::new(seed, name), shape)
            })
            .collect();
        let drawn = vec![0.0; criteria.len()];
        Weights { criteria, drawn }
    }

    /// The next weights; they add up to 1.
    pub fn draw(&mut self) -> &[f64] {
        let mut total = 0.0;
        for ((stream, shape), drawn) in self.criteria.iter_mut().zip(&mut self.drawn) {
            *drawn = gamma(stream, *shape);
            total += *drawn;
        }
        if total > 0.0 {
            self.drawn.iter_mut().for_each(|w| *w /= total);
        }
        &self.drawn
    }
}

/// A number of the gamma distribution: the method of Marsaglia and Tsang.
fn gamma(stream: &mut Stream, shape: f64) -> f64 {
    if shape <= 0.0 {
        return 0.0;
    }
    if shape < 1.0 {
        return gamma(stream, shape + 1.0) * libm::pow(stream.draw(), 1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / libm::sqrt(9.0 * d);
    loop {
        let z = normal_quantile(stream.draw());
        let root = 1.0 + c * z;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        if libm::log(stream.draw()) < 0.5 * z * z + d - d * v + d * libm::log(v) {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_best_is_found() {
        let points: [&[f64]; 6] = [
            &[1.0, 0.0],
            &[0.5, 0.5],
            &[0.4, 0.5],
            &[0.5, 0.5],
            &[0.0, 0.9],
            &[0.0, 0.1],
        ];
        assert_eq!(
            dominators(&points),
            [None, None, Some(1), None, None, Some(1)]
        );
        assert_eq!(dominators(&[]), []);
    }

    /// Means and variances of the Dirichlet distribution.
    #[test]
    fn weights_are_around_others() {
        for (concentration, mean, variance) in
            [(50.0, 0.75, 0.75 * 0.25 / 51.0), (0.0, 0.5, 1.0 / 12.0)]
        {
            let criteria = [("price", 0.75), ("stars", 0.25)];
            let mut weights = Weights::new(criteria.into_iter(), concentration, 1);
            let drawn: Vec<f64> = (0..20_000).map(|_| weights.draw()[0]).collect();
            let found = drawn.iter().sum::<f64>() / 2e4;
            let spread = drawn.iter().map(|w| (w - found) * (w - found)).sum::<f64>() / 2e4;
            assert!((found - mean).abs() < 0.01 && (spread / variance - 1.0).abs() < 0.05);
        }
        let mut one = Weights::new([("a", 1.0), ("b", 0.0)].into_iter(), 50.0, 1);
        assert_eq!(one.draw(), [1.0, 0.0]);
    }
}
