//! How well something is remembered after a time: FSRS-6, the model that flash-card programs schedule reviews by.
//!
//! Retention falls by a power of time, not exponentially: what was remembered for a month is still there in a year. The
//! equations and the 21 default weights are those of FSRS-6 (open-spaced-repetition, BSD-3-Clause), fitted to some
//! hundred million reviews of people.

use crate::{Error, Result};

/// The default weights.
const W: [f64; 21] = [
    0.212, 1.2931, 2.3065, 8.2956, 6.4133, 0.8334, 3.0194, 0.001, 1.8722, 0.1666, 0.796, 1.4835,
    0.0614, 0.2629, 1.6483, 0.6014, 1.8729, 0.5425, 0.0912, 0.0658, 0.1542,
];

/// The least and the greatest stability, in days.
const STABILITY: (f64, f64) = (0.001, 36_500.0);

/// What a memory's strength is: how long it lasts, and how hard it is to make it last longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    /// The days until the retention has fallen to 0.9.
    pub stability: f64,
    /// 1 (easy) to 10 (hard).
    pub difficulty: f64,
}

/// How a review went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rating {
    /// 1: forgotten, or wrong.
    Again,
    /// 2: remembered with effort.
    Hard,
    /// 3: remembered.
    Good,
    /// 4: remembered at once.
    Easy,
}

impl Rating {
    /// Of its number. Errors if it is not 1 to 4.
    pub fn new(number: i64) -> Result<Rating> {
        Ok(match number {
            1 => Rating::Again,
            2 => Rating::Hard,
            3 => Rating::Good,
            4 => Rating::Easy,
            _ => {
                return Err(Error::new(format!(
                    "rating is {number}; give 1 (wrong), 2 (of little use), 3 (useful) or 4 (very useful)"
                )));
            }
        })
    }

    fn grade(self) -> f64 {
        1.0 + f64::from(self as u8)
    }
}

/// The share of what is still remembered, 1 to 0, after so many days: 0.9 when they are as many as the stability. A
/// time before the last review counts as none.
pub fn retention(days: f64, stability: f64) -> f64 {
    let factor = 0.9f64.powf(-1.0 / W[20]) - 1.0;
    (1.0 + factor * days.max(0.0) / stability).powf(-W[20])
}

/// The days until the retention has fallen to this one, between 0 and 1.
pub fn interval(stability: f64, retention: f64) -> f64 {
    let factor = 0.9f64.powf(-1.0 / W[20]) - 1.0;
    stability / factor * (retention.powf(-1.0 / W[20]) - 1.0)
}

/// The strength after the first review.
pub fn first(rating: Rating) -> Strength {
    Strength {
        stability: W[rating as usize],
        difficulty: first_difficulty(rating).clamp(1.0, 10.0),
    }
}

fn first_difficulty(rating: Rating) -> f64 {
    W[4] - (W[5] * (rating.grade() - 1.0)).exp() + 1.0
}

/// The strength after a review, so many days after the last one. Within a day the rule is another: twenty uses in an
/// hour do not make a memory for years.
pub fn next(before: Strength, days: f64, rating: Rating) -> Strength {
    let Strength {
        stability: s,
        difficulty: d,
    } = before;
    let grade = rating.grade();
    let r = retention(days, s);
    let stability = if days < 1.0 {
        let factor = (W[17] * (grade - 3.0 + W[18])).exp() * s.powf(-W[19]);
        s * if rating == Rating::Again {
            factor
        } else {
            factor.max(1.0)
        }
    } else if rating == Rating::Again {
        let after =
            W[11] * d.powf(-W[12]) * ((s + 1.0).powf(W[13]) - 1.0) * (W[14] * (1.0 - r)).exp();
        after.min(s / (W[17] * W[18]).exp())
    } else {
        let bonus = match rating {
            Rating::Hard => W[15],
            Rating::Easy => W[16],
            _ => 1.0,
        };
        let growth = W[8].exp() * (11.0 - d) * s.powf(-W[9]) * ((W[10] * (1.0 - r)).exp() - 1.0);
        s * (1.0 + growth * bonus)
    };
    let moved = d + (10.0 - d) / 9.0 * (-W[6] * (grade - 3.0));
    let difficulty = W[7] * first_difficulty(Rating::Easy) + (1.0 - W[7]) * moved;
    Strength {
        stability: stability.clamp(STABILITY.0, STABILITY.1),
        difficulty: difficulty.clamp(1.0, 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{found} {expected}");
    }

    #[test]
    fn retention_is_that_of_the_paper() {
        for (days, expected) in [
            (1.0, 0.947),
            (7.0, 0.808),
            (30.0, 0.668),
            (90.0, 0.568),
            (365.0, 0.459),
        ] {
            near(retention(days, 2.3), expected, 0.001);
        }
        near(retention(5.0, 5.0), 0.9, 1e-12);
        assert_eq!((retention(0.0, 1.0), retention(-3.0, 1.0)), (1.0, 1.0));
        // What tiers are made by: 0.7 after 9.29 times the stability, 0.5 after 90.35 times.
        near(interval(1.0, 0.7), 9.29, 0.01);
        near(interval(1.0, 0.5), 90.35, 0.01);
        near(retention(interval(3.0, 0.6), 3.0), 0.6, 1e-12);
    }

    /// Reviews when the retention has fallen to 0.9.
    fn reviewed(rating: Rating, times: usize) -> Vec<f64> {
        let mut strength = first(Rating::Good);
        let mut all = vec![strength.stability];
        for _ in 0..times {
            strength = next(strength, interval(strength.stability, 0.9), rating);
            all.push(strength.stability);
        }
        all
    }

    #[test]
    fn reviews_in_good_time_make_it_last() {
        for (found, expected) in reviewed(Rating::Good, 5)
            .iter()
            .zip([2.3, 11.9, 49.6, 173.0, 525.0, 1410.0])
        {
            near(*found, expected, expected * 0.06);
        }
        assert!(reviewed(Rating::Hard, 4)[4] < reviewed(Rating::Good, 4)[4]);
        assert!(reviewed(Rating::Easy, 4)[4] > reviewed(Rating::Good, 4)[4]);
    }

    #[test]
    fn many_uses_within_a_day_count_little() {
        let mut strength = first(Rating::Good);
        for _ in 0..20 {
            strength = next(strength, 0.05, Rating::Good);
        }
        near(strength.stability, 2.31, 0.02);
    }

    #[test]
    fn failing_shortens_and_nothing_leaves_its_bounds() {
        let strong = Strength {
            stability: 100.0,
            difficulty: 5.0,
        };
        assert!(next(strong, 100.0, Rating::Again).stability < 20.0);
        for stability in [0.001, 1.0, 36_500.0] {
            for difficulty in [1.0, 10.0] {
                for days in [0.0, 0.5, 1.0, 1e6] {
                    for rating in 1..=4 {
                        let before = Strength {
                            stability,
                            difficulty,
                        };
                        let after = next(before, days, Rating::new(rating).unwrap());
                        assert!((0.001..=36_500.0).contains(&after.stability), "{after:?}");
                        assert!((1.0..=10.0).contains(&after.difficulty), "{after:?}");
                    }
                }
            }
        }
        assert!(Rating::new(0).is_err() && Rating::new(5).is_err());
    }
}
