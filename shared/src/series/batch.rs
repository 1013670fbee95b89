//! Anomalies of a series that is known whole: each value against those on both sides of it.

use super::season::{from_neighbours, median_season, running_median};
use super::surprise::{Judged, Judgement, MOST, stands_out};
use super::{scale, surprise};
use crate::Result;
use crate::program::{Stopped, check};
use crate::stats::sample::{DEVIATION, median_of_sorted};
use crate::stats::tails::student_width;

/// The most rows of ten that may be anomalies: one.
const TENTH: usize = 10;
/// The probability of an anomaly by chance, over all rows.
const CHANCE: f64 = 0.05;

/// Judges each value by the running median around it and the median of its place in the season, by a generalised ESD test
/// (Rosner 1983) of what is left, with the median and the MAD in the places of mean and deviation, as in the S-H-ESD of
/// Hochenbaum, Vallis and Kejariwal (2017). Rows that were not given are not judged. `quiet` and `history` do not count.
///
/// Errors if it is stopped.
pub fn judge(
    values: &[f64],
    given: &[bool],
    how: &Judgement,
    stopped: Stopped<'_>,
) -> Result<Vec<Judged>> {
    if let Some(by) = scale::divisor(values) {
        let how = how.divided(by);
        let mut near = judge(&scale::divided(values, by), given, &how, stopped)?;
        for found in &mut near {
            found.expected *= by;
            found.width *= by;
        }
        return Ok(near);
    }
    check(stopped)?;
    let (mut expected, usual) = expected(values, how.period, stopped)?;
    check(stopped)?;
    let mut left: Vec<(f64, usize)> = (0..values.len())
        .filter(|row| given[*row])
        .map(|row| (values[row] - expected[row], row))
        .collect();
    left.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let few = left.len() < surprise::FEWEST;
    let Spread {
        middle,
        deviation,
        odd,
    } = outside(&left, usual, stopped)?;
    let mut is_odd = vec![false; values.len()];
    odd.into_iter().for_each(|row| is_odd[row] = true);
    expected.iter_mut().for_each(|level| *level += middle);
    let rows = expected.into_iter().enumerate();
    Ok(rows
        .map(|(row, expected)| {
            let residual = values[row] - expected;
            let score = match (few || !given[row], deviation > 0.0) {
                (true, _) => None,
                (_, true) => Some((residual.abs() / deviation).min(MOST)),
                (_, false) => Some(if residual == 0.0 { 0.0 } else { MOST }),
            };
            Judged {
                expected,
                width: if few {
                    f64::NAN
                } else {
                    how.threshold * deviation
                },
                score,
                is_anomaly: is_odd[row]
                    && score.is_some_and(|score| score >= how.threshold)
                    && stands_out(residual, expected, how),
            }
        })
        .collect())
}

/// The running median, of the values without their season, and the season; and how far values are from it usually. A value
/// that is itself the median is not far from it, as most are on a slope: so that is seen by their neighbours.
fn expected(values: &[f64], period: usize, stopped: Stopped<'_>) -> Result<(Vec<f64>, f64)> {
    let span = period.max(7) | 1;
    let season = median_season(values, period);
    let of_row = |row: usize| season[row % season.len()];
    let rows = values.iter().enumerate();
    let plain: Vec<f64> = rows.map(|(row, y)| y - of_row(row)).collect();
    let level = running_median(&plain, span, stopped)?
        .into_iter()
        .enumerate();
    let mut far = from_neighbours(&plain, span, stopped)?;
    far.iter_mut().for_each(|far| *far = far.abs());
    far.sort_unstable_by(f64::total_cmp);
    Ok((
        level.map(|(row, l)| l + of_row(row)).collect(),
        DEVIATION * median_of_sorted(&far),
    ))
}

/// What is usual of what is left, and the rows outside of it.
struct Spread {
    middle: f64,
    deviation: f64,
    odd: Vec<usize>,
}

/// Takes away the farthest from the median, again and again, and keeps to the last time that it was too far for chance. The
/// list is sorted, and a deviation is never less than `usual`.
fn outside(left: &[(f64, usize)], usual: f64, stopped: Stopped<'_>) -> Result<Spread> {
    let (mut from, mut to) = (0, left.len());
    let (mut sum, mut squares) = (0.0, 0.0);
    for (x, _) in left {
        sum += x;
        squares += x * x;
    }
    let spread = |from: usize, to: usize, sum: f64, squares: f64| {
        let list = &left[from..to];
        let n = list.len() as f64;
        let variance = (squares / n - sum / n * (sum / n)).max(0.0);
        let middle = middle(list);
        let by_median = DEVIATION * median_distance(list, middle);
        let deviation = by_median.max(0.1 * libm::sqrt(variance)).max(usual);
        (middle, deviation)
    };
    let mut taken: Vec<usize> = Vec::new();
    let mut kept = (0, 0, left.len(), sum, squares);
    let most = left.len() / TENTH;
    // A limit takes long of many rows. It grows with them, so that those of the fewest and of all rows are enough but for what
    // is between these.
    let of = |n: usize| if most > 0 { limit(n as f64) } else { 0.0 };
    let limits = (of(left.len() - most), of(left.len()));
    while taken.len() < most {
        if taken.len().is_multiple_of(1_024) {
            check(stopped)?;
        }
        let (middle, deviation) = spread(from, to, sum, squares);
        let (low, high) = (left[from], left[to - 1]);
        let (below, above) = (middle - low.0, high.0 - middle);
        let farthest = below.max(above);
        if farthest <= 0.0 {
            break;
        }
        let n = (to - from) as f64;
        let (x, row) = if below > above {
            from += 1;
            low
        } else {
            to -= 1;
            high
        };
        sum -= x;
        squares -= x * x;
        taken.push(row);
        let ratio = farthest / deviation;
        // The least limit, of 20 rows, is above this.
        let is_far = if ratio > limits.0 && ratio <= limits.1 {
            check(stopped)?;
            ratio > limit(n)
        } else {
            ratio > limits.1
        };
        if is_far && ratio > 2.5 {
            kept = (taken.len(), from, to, sum, squares);
        }
    }
    let (count, from, to, sum, squares) = kept;
    taken.truncate(count);
    let (middle, deviation) = if from < to {
        spread(from, to, sum, squares)
    } else {
        (0.0, 0.0)
    };
    Ok(Spread {
        middle,
        deviation,
        odd: taken,
    })
}

/// How far the farthest of so many may be by chance, in deviations.
fn limit(n: f64) -> f64 {
    let t = student_width(n - 2.0, 1.0 - CHANCE / n);
    t * (n - 1.0) / libm::sqrt((n - 2.0 + t * t) * n)
}

fn middle(sorted: &[(f64, usize)]) -> f64 {
    let n = sorted.len();
    let upper = sorted[n / 2].0;
    if n % 2 == 1 {
        upper
    } else {
        f64::midpoint(sorted[n / 2 - 1].0, upper)
    }
}

/// The median of the distances from a value.
fn median_distance(sorted: &[(f64, usize)], middle: f64) -> f64 {
    let n = sorted.len();
    // The nearest so many are neighbours; the farthest of them is one of their ends.
    let distance = |nearest: usize| {
        let (mut low, mut high) = (0, n - nearest);
        while low < high {
            let at = (low + high) / 2;
            if middle - sorted[at].0 > sorted[at + nearest].0 - middle {
                low = at + 1;
            } else {
                high = at;
            }
        }
        f64::max(middle - sorted[low].0, sorted[low + nearest - 1].0 - middle)
    };
    if n % 2 == 1 {
        distance(n / 2 + 1)
    } else {
        median_of_sorted(&[distance(n / 2), distance(n / 2 + 1)])
    }
}

/// Rows that follow each other: the first, and how many.
pub type Run = (usize, usize);

/// The longest of these runs, if it is more than twice as long as any other, and the length of that.
pub fn outlasting(runs: impl Iterator<Item = Run>) -> Option<(Run, usize)> {
    let (mut longest, mut next) = ((0, 0), 0);
    for run in runs {
        if run.1 > longest.1 {
            next = longest.1;
            longest = run;
        } else {
            next = next.max(run.1);
        }
    }
    (longest.1 > 2 * next).then_some((longest, next))
}

/// The runs of rows that are alike, as this says of one and the next.
pub fn runs(n: usize, alike: impl Fn(usize) -> bool) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    for row in 0..n {
        match found.last_mut() {
            Some(run) if alike(row - 1) => run.1 += 1,
            _ => found.push((row, 1)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::surprise::{Direction, Least, Quiet};
    use super::*;

    fn usual(period: usize) -> Judgement {
        Judgement {
            period,
            threshold: 3.5,
            quiet: Quiet::Share(0.2),
            direction: Direction::Both,
            least: Least::Absolute(0.0),
            history: 6_400,
        }
    }

    fn anomalies(values: &[f64], how: &Judgement) -> Vec<usize> {
        let given = vec![true; values.len()];
        let judged = judge(values, &given, how, &|| false).unwrap();
        (0..values.len())
            .filter(|row| judged[*row].is_anomaly)
            .collect()
    }

    #[test]
    fn both_sides_are_seen() {
        let mut values: Vec<f64> = (0..100).map(|i| f64::from(i * 7 % 11)).collect();
        assert!(anomalies(&values, &usual(1)).is_empty());
        // Odd from the first row on, and masked by no other.
        for row in [0, 50, 51, 99] {
            values[row] = 200.0;
        }
        values[20] = -300.0;
        assert_eq!(anomalies(&values, &usual(1)), [0, 20, 50, 51, 99]);
        let below = Judgement {
            direction: Direction::Below,
            ..usual(1)
        };
        assert_eq!(anomalies(&values, &below), [20]);
        let large = Judgement {
            least: Least::Absolute(250.0),
            ..usual(1)
        };
        assert_eq!(anomalies(&values, &large), [20]);
    }

    #[test]
    fn a_season_and_a_trend_are_expected() {
        let wave = |i: usize| [0.0, 3.0, 5.0, 40.0, -1.0, -4.0, -50.0][i % 7];
        let noise = |i: usize| (i * i * i % 23) as f64 / 11.0;
        let mut values: Vec<f64> = (0..140)
            .map(|i| 2.0 * i as f64 + wave(i) + noise(i))
            .collect();
        assert_eq!(anomalies(&values, &usual(7)), [0_usize; 0]);
        // As high as each fourth day, on another one.
        values[73] += 40.0;
        assert_eq!(anomalies(&values, &usual(7)), [73]);
    }

    #[test]
    fn no_numbers_are_lost_on_odd_series() {
        assert!(anomalies(&[], &usual(1)).is_empty());
        assert!(anomalies(&[1.0, 500.0], &usual(2)).is_empty());
        assert!(anomalies(&[5.0; 60], &usual(7)).is_empty());
        let mut values = vec![5.0; 60];
        values[40] = 6.0;
        assert_eq!(anomalies(&values, &usual(1)), [40]);
        let huge: Vec<f64> = values.iter().map(|x| x * 2e307).collect();
        assert_eq!(anomalies(&huge, &usual(1)), [40]);
        let judged = judge(&huge, &[true; 60], &usual(1), &|| false).unwrap();
        assert!(
            judged
                .iter()
                .all(|j| j.expected.is_finite() && j.width.is_finite())
        );
        // What was filled is not judged.
        let mut given = vec![true; 60];
        given[40] = false;
        let judged = judge(&values, &given, &usual(1), &|| false).unwrap();
        assert_eq!((judged[40].score, judged[40].is_anomaly), (None, false));
    }

    #[test]
    fn limits_grow_with_the_rows() {
        let limits: Vec<f64> = (3..400).map(|n| limit(f64::from(n))).collect();
        assert!(limits.windows(2).all(|pair| pair[0] < pair[1]));
        let many: Vec<f64> = (3..20).map(|i| limit(f64::from(1 << i))).collect();
        assert!(many.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_long_window_can_be_stopped() {
        let values: Vec<f64> = (0..5_000).map(|i| f64::from(i * 7 % 11)).collect();
        let asked = std::cell::Cell::new(0);
        let stopped = || {
            asked.set(asked.get() + 1);
            asked.get() > 3
        };
        assert!(judge(&values, &[true; 5_000], &usual(1_500), &stopped).is_err());
        assert_eq!(asked.get(), 4);
    }

    #[test]
    fn median_distances_are_those_of_a_sort() {
        for n in 1..40 {
            let mut list: Vec<(f64, usize)> =
                (0..n).map(|i| ((i * i * 31 % 17) as f64, i)).collect();
            list.sort_by(|a, b| a.0.total_cmp(&b.0));
            let middle = middle(&list);
            let mut far: Vec<f64> = list.iter().map(|x| (x.0 - middle).abs()).collect();
            far.sort_by(f64::total_cmp);
            assert_eq!(
                median_distance(&list, middle),
                median_of_sorted(&far),
                "{n}"
            );
        }
    }

    #[test]
    fn runs_are_counted() {
        let list = [1, 1, 2, 2, 2, 2, 2, 3];
        let runs = runs(list.len(), |i| list[i] == list[i + 1]);
        assert_eq!(runs, [(0, 2), (2, 5), (7, 1)]);
        assert_eq!(outlasting(runs.into_iter()), Some(((2, 5), 2)));
        assert_eq!(outlasting([(0, 4), (5, 2)].into_iter()), None);
        assert_eq!(outlasting(std::iter::empty()), None);
    }
}
