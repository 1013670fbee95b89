//! Coefficients: by least squares, or of the odds of a value by Newton's steps on their likelihood.

use super::design::Design;
use crate::Result;
use crate::program::{Stopped, check};
use crate::stats::linear::{Solution, Triangle, cholesky, solve};
use crate::stats::special::{normal_below, normal_quantile};
use crate::stats::tails::{f_above, student_width};

/// The most terms whose shares are told.
const MOST_SHARED: usize = 10;
/// The most steps of the odds, and what holds coefficients back where two values are parted completely.
const STEPS: usize = 25;
const RIDGE: f64 = 1e-6;

/// What is said of a term.
#[derive(Debug, Clone, Default)]
pub struct Estimate {
    pub coefficient: Option<f64>,
    pub se: Option<f64>,
    pub p: Option<f64>,
    /// Half of the interval.
    pub half: Option<f64>,
    pub vif: Option<f64>,
    pub share: Option<f64>,
}

pub struct Fitted {
    pub intercept: Estimate,
    pub terms: Vec<Estimate>,
    /// The terms tell both values of the target apart.
    pub parted: bool,
}

/// Least squares of standardised columns.
pub struct Linear {
    solution: Solution,
    pub vif: Vec<Option<f64>>,
}

impl Linear {
    /// Errors if it is stopped.
    pub fn new(design: &Design, stopped: Stopped<'_>) -> Result<Linear> {
        let mut triangle = Triangle::new(design.terms.len() + 1);
        let by = if design.sd > 0.0 {
            design.sd
        } else {
            f64::INFINITY
        };
        for row in 0..design.rows {
            if row % 4_096 == 0 {
                check(stopped)?;
            }
            let aim = (design.aim[row] - design.mean) / by;
            let terms = design.terms.iter().map(|term| term.values[row]);
            triangle.row(terms.chain([aim]));
        }
        let solution = triangle.solve();
        let vif = (0..design.terms.len()).map(|i| {
            solution.coefficients[i].map(|_| solution.covariance[i][i] * design.rows as f64)
        });
        Ok(Linear {
            vif: vif.collect(),
            solution,
        })
    }

    /// What is said of each term.
    pub fn fit(&self, design: &Design, level: f64) -> Fitted {
        let (n, k) = (design.rows as f64, self.solution.rank as f64);
        let freedom = n - k - 1.0;
        let spread = (freedom > 0.0).then(|| self.solution.squares / freedom);
        let width = (freedom > 0.0).then(|| student_width(freedom, level));
        let estimate = |coefficient: Option<f64>, variance: f64, scale: f64| {
            let se = spread
                .zip(coefficient)
                .map(|(spread, _)| libm::sqrt(spread * variance) * scale);
            let p = se.zip(coefficient).and_then(|(se, b)| {
                let t = b / se;
                (se > 0.0).then(|| f_above(t * t, 1.0, freedom).max(1e-300))
            });
            Estimate {
                coefficient,
                se,
                p,
                half: se.zip(width).map(|(se, width)| se * width),
                ..Estimate::default()
            }
        };
        let shares = self.shares(design);
        let mut terms = Vec::new();
        let mut middle = design.mean;
        for (i, term) in design.terms.iter().enumerate() {
            let scale = if term.sd > 0.0 {
                design.sd / term.sd
            } else {
                0.0
            };
            let coefficient = self.solution.coefficients[i].map(|b| b * scale);
            middle -= coefficient.unwrap_or(0.0) * term.mean;
            let variance = self.solution.covariance[i][i];
            terms.push(Estimate {
                vif: self.vif[i],
                share: shares.as_ref().map(|shares| shares[i]),
                ..estimate(coefficient, variance, scale)
            });
        }
        let mut variance = 1.0 / n;
        for (i, a) in design.terms.iter().enumerate() {
            for (j, b) in design.terms.iter().enumerate() {
                if a.sd > 0.0 && b.sd > 0.0 {
                    variance += self.solution.covariance[i][j] * (a.mean / a.sd) * (b.mean / b.sd);
                }
            }
        }
        let explained = (design.sd > 0.0).then(|| 1.0 - self.solution.squares / n);
        Fitted {
            intercept: Estimate {
                share: explained,
                ..estimate(Some(middle), variance.max(0.0), design.sd)
            },
            terms,
            parted: false,
        }
    }

    /// How much of the variance each term accounts for: what it adds, averaged over all orders in which terms come (Lindeman,
    /// Merenda and Gold). `None` of too many terms.
    fn shares(&self, design: &Design) -> Option<Vec<f64>> {
        let used: Vec<usize> = (0..design.terms.len())
            .filter(|i| self.solution.coefficients[*i].is_some())
            .collect();
        if used.len() > MOST_SHARED || design.sd == 0.0 {
            return None;
        }
        let n = design.rows as f64;
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>() / n;
        let aim: Vec<f64> = design
            .aim
            .iter()
            .map(|y| (y - design.mean) / design.sd)
            .collect();
        let with: Vec<f64> = used
            .iter()
            .map(|i| product(&design.terms[*i].values, &aim))
            .collect();
        let between: Vec<Vec<f64>> = used
            .iter()
            .map(|i| {
                let values = &design.terms[*i].values;
                used.iter()
                    .map(|j| product(values, &design.terms[*j].values))
                    .collect()
            })
            .collect();
        let explained: Vec<f64> = (0..1_usize << used.len())
            .map(|set| {
                let members: Vec<usize> = (0..used.len()).filter(|i| set >> i & 1 == 1).collect();
                let matrix: Vec<Vec<f64>> = members
                    .iter()
                    .map(|i| members.iter().map(|j| between[*i][*j]).collect())
                    .collect();
                let right: Vec<f64> = members.iter().map(|i| with[*i]).collect();
                cholesky(&matrix).map_or(0.0, |factor| {
                    let found = solve(&factor, &right);
                    found.iter().zip(&right).map(|(a, b)| a * b).sum()
                })
            })
            .collect();
        let m = used.len();
        // One over m times the ways to choose so many of the others.
        let mut weights = vec![1.0 / m as f64; m];
        for size in 1..m {
            weights[size] = weights[size - 1] * size as f64 / (m - size) as f64;
        }
        let mut shares = vec![0.0; design.terms.len()];
        for (place, term) in used.iter().enumerate() {
            for set in (0..explained.len()).filter(|set| set >> place & 1 == 0) {
                let gain = explained[set | 1 << place] - explained[set];
                shares[*term] += weights[set.count_ones() as usize] * gain;
            }
        }
        Some(shares)
    }
}

/// The odds of a value, by Newton's steps on the likelihood.
pub struct Logistic;

/// Coefficients, and their covariance.
pub type Settled = (Vec<f64>, Vec<Vec<f64>>);

impl Logistic {
    /// What is said of each term. Errors if it is stopped.
    pub fn fit(
        design: &Design,
        linear: &Linear,
        level: f64,
        stopped: Stopped<'_>,
    ) -> Result<Fitted> {
        let used: Vec<usize> = (0..design.terms.len())
            .filter(|i| linear.solution.coefficients[*i].is_some())
            .collect();
        let (mut found, mut parted) = (Logistic::steps(design, &used, 0.0, STEPS, stopped)?, false);
        if found.is_none() {
            parted = true;
            found = Logistic::steps(design, &used, RIDGE, 4 * STEPS, stopped)?;
        }
        let mut terms = vec![Estimate::default(); design.terms.len()];
        let Some((beta, variance)) = found else {
            return Ok(Fitted {
                intercept: Estimate::default(),
                terms,
                parted,
            });
        };
        let width = normal_quantile(0.5 + level / 2.0);
        let estimate = |coefficient: f64, variance: f64| {
            let se = libm::sqrt(variance.max(0.0));
            Estimate {
                coefficient: Some(coefficient),
                se: Some(se),
                p: (se > 0.0).then(|| (2.0 * normal_below(-(coefficient / se).abs())).max(1e-300)),
                half: Some(se * width),
                ..Estimate::default()
            }
        };
        // The intercept at 0 of every column, and not at their means.
        let mut to_zero = vec![1.0];
        for (place, i) in used.iter().enumerate() {
            let term = &design.terms[*i];
            let scaled = variance[place + 1][place + 1] / (term.sd * term.sd);
            terms[*i] = Estimate {
                vif: linear.vif[*i],
                ..estimate(beta[place + 1] / term.sd, scaled)
            };
            to_zero.push(-term.mean / term.sd);
        }
        let middle = beta.iter().zip(&to_zero).map(|(b, c)| b * c).sum();
        let mut spread = 0.0;
        for (i, a) in to_zero.iter().enumerate() {
            for (j, b) in to_zero.iter().enumerate() {
                spread += a * b * variance[i][j];
            }
        }
        Ok(Fitted {
            intercept: estimate(middle, spread),
            terms,
            parted,
        })
    }

    /// The coefficients and their covariance; `None` if they do not settle.
    fn steps(
        design: &Design,
        used: &[usize],
        ridge: f64,
        steps: usize,
        stopped: Stopped<'_>,
    ) -> Result<Option<Settled>> {
        let width = used.len() + 1;
        let mut beta = vec![0.0; width];
        let mut row = vec![1.0; width];
        for _ in 0..steps {
            let mut slope = vec![0.0; width];
            let mut bend = vec![vec![0.0; width]; width];
            for at in 0..design.rows {
                if at % 4_096 == 0 {
                    check(stopped)?;
                }
                for (value, i) in row[1..].iter_mut().zip(used) {
                    *value = design.terms[*i].values[at];
                }
                let odds: f64 = row.iter().zip(&beta).map(|(x, b)| x * b).sum();
                let share = 1.0 / (1.0 + libm::exp(-odds));
                let weight = share * (1.0 - share);
                for i in 0..width {
                    slope[i] += row[i] * (design.aim[at] - share);
                    for j in 0..=i {
                        bend[i][j] += weight * row[i] * row[j];
                    }
                }
            }
            for i in 0..width {
                if i > 0 {
                    slope[i] -= ridge * beta[i];
                    bend[i][i] += ridge;
                }
            }
            let Some(factor) = cholesky(&bend) else {
                return Ok(None);
            };
            let step = solve(&factor, &slope);
            beta.iter_mut().zip(&step).for_each(|(b, step)| *b += step);
            if beta.iter().any(|b| b.abs() >= 1e3 || b.is_nan()) {
                return Ok(None);
            }
            let settled = step
                .iter()
                .zip(&beta)
                .all(|(s, b)| s.abs() <= 1e-9 * (1.0 + b.abs()));
            if settled {
                let unit = |i: usize| {
                    (0..width)
                        .map(|j| f64::from(u8::from(i == j)))
                        .collect::<Vec<f64>>()
                };
                let variance = (0..width).map(|i| solve(&factor, &unit(i))).collect();
                return Ok(Some((beta, variance)));
            }
        }
        Ok(None)
    }
}
