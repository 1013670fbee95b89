//! Where a series changes: the best division into straight lines (PELT: Killick, Fearnhead and Eckley 2012).

use crate::Result;
use crate::program::{Stopped, check};

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// What a change must gain, in units of the logarithm of the number of rows.
    pub penalty: f64,
    /// The fewest rows between two changes, 2 or more.
    pub min_size: usize,
}

/// The variance below which a segment gains no more, of a series with variance 1.
const FLOOR: f64 = 0.01;

/// The most rows that are divided at once; those of a longer series are first put together.
const MOST_ROWS: usize = 20_000;

/// Sums of the first rows, from which the line of any segment follows.
struct Sums {
    y: Vec<f64>,
    yy: Vec<f64>,
    ty: Vec<f64>,
    /// Sums of the rows' numbers and of their squares, where rows are missing between them.
    t: Vec<(i128, i128)>,
}

/// A straight line through the rows of a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Its value at the first row.
    pub first: f64,
    /// Its value at the last row.
    pub last: f64,
    /// From one row to the next.
    pub slope: f64,
    /// The sum of the squared distances from it.
    pub rest: f64,
}

impl Sums {
    /// `at` as in [`changes`].
    fn new(values: &[f64], at: &[usize]) -> Sums {
        let n = values.len();
        let first = at.first().copied().unwrap_or(0);
        let mut sums = Sums {
            y: Vec::with_capacity(n + 1),
            yy: Vec::with_capacity(n + 1),
            ty: Vec::with_capacity(n + 1),
            t: Vec::new(),
        };
        let (mut y, mut yy, mut ty) = (0.0, 0.0, 0.0);
        sums.y.push(0.0);
        sums.yy.push(0.0);
        sums.ty.push(0.0);
        if !at.is_empty() {
            let (mut t, mut tt) = (0, 0);
            sums.t.push((t, tt));
            for row in at {
                let row = (row - first) as i128;
                t += row;
                tt += row * row;
                sums.t.push((t, tt));
            }
        }
        for (row, value) in values.iter().enumerate() {
            let t = at.get(row).map_or(row, |row| row - first);
            y += value;
            yy += value * value;
            ty += t as f64 * value;
            sums.y.push(y);
            sums.yy.push(yy);
            sums.ty.push(ty);
        }
        sums
    }

    /// The line of the rows from one to before another.
    fn line(&self, from: usize, to: usize) -> Line {
        let k = (to - from) as f64;
        let y = self.y[to] - self.y[from];
        let mean = y / k;
        // Relative to the middle of the segment.
        let (middle, tt, before, after) = match (self.t.get(from), self.t.get(to)) {
            (Some((t, tt)), Some((to_t, to_tt))) => {
                let row = |row: usize| (self.t[row + 1].0 - self.t[row].0) as f64;
                let (n, sum) = ((to - from) as i128, to_t - t);
                let middle = sum as f64 / k;
                let tt = (n * (to_tt - tt) - sum * sum) as f64 / k;
                (middle, tt, middle - row(from), row(to - 1) - middle)
            }
            _ => {
                let half = (k - 1.0) / 2.0;
                (from as f64 + half, k * (k * k - 1.0) / 12.0, half, half)
            }
        };
        let ty = self.ty[to] - self.ty[from] - middle * y;
        let slope = if tt > 0.0 { ty / tt } else { 0.0 };
        let yy = self.yy[to] - self.yy[from];
        Line {
            first: mean - slope * before,
            last: mean + slope * after,
            slope,
            rest: (yy - y * mean - slope * ty).max(0.0),
        }
    }

    fn cost(&self, from: usize, to: usize) -> f64 {
        let k = (to - from) as f64;
        k * libm::log((self.line(from, to).rest / k).max(FLOOR))
    }
}

/// The values at which a new segment begins, in order, without the first one. `at` are the rows that they stand in, rising; empty
/// if none is missing. Errors if it is stopped.
pub fn changes(
    values: &[f64],
    at: &[usize],
    search: Search,
    stopped: Stopped<'_>,
) -> Result<Vec<usize>> {
    let n = values.len();
    let min_size = search.min_size.max(2);
    if n < 2 * min_size {
        return Ok(Vec::new());
    }
    let scaled = standardised(values);
    if n <= MOST_ROWS {
        return divide(&scaled, at, search.penalty, min_size, stopped);
    }
    // Means of blocks first, then the best row near each change.
    let block = n.div_ceil(MOST_ROWS);
    let means: Vec<f64> = scaled
        .chunks(block)
        .map(|rows| rows.iter().sum::<f64>() / rows.len() as f64)
        .collect();
    let middles: Vec<usize> = at.chunks(block).map(|rows| rows[rows.len() / 2]).collect();
    let coarse = divide(
        &standardised(&means),
        &middles,
        search.penalty,
        min_size.div_ceil(block).max(2),
        stopped,
    )?;
    let sums = Sums::new(&scaled, at);
    let mut found: Vec<usize> = Vec::new();
    for (i, at) in coarse.iter().enumerate() {
        let from = found.last().copied().unwrap_or(0);
        let to = coarse.get(i + 1).map_or(n, |next| (next * block).min(n));
        let near = (at.saturating_sub(2) * block).max(from + min_size)
            ..((at + 2) * block).min(to.saturating_sub(min_size));
        let best = near.min_by(|a, b| {
            let cost = |row: usize| sums.cost(from, row) + sums.cost(row, to);
            cost(*a).total_cmp(&cost(*b))
        });
        found.extend(best);
    }
    Ok(found)
}

/// The variance around a line below which a segment of these values gains no more.
pub fn floor(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().map(|x| x / n).sum::<f64>();
    let variance = values
        .iter()
        .map(|x| (x - mean) * (x - mean) / n)
        .sum::<f64>();
    (FLOOR * variance).max(f64::MIN_POSITIVE)
}

/// With mean 0 and variance 1; zeros if all are the same.
fn standardised(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    // Scaled first, so that squares of large values stay finite.
    let most = values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let scale = if most > 0.0 { most } else { 1.0 };
    let mean = values.iter().map(|x| x / scale).sum::<f64>() / n;
    let variance = values
        .iter()
        .map(|x| (x / scale - mean) * (x / scale - mean))
        .sum::<f64>()
        / n;
    let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
    values
        .iter()
        .map(|x| (x / scale - mean) / deviation)
        .collect()
}

fn divide(
    values: &[f64],
    at: &[usize],
    penalty: f64,
    min_size: usize,
    stopped: Stopped<'_>,
) -> Result<Vec<usize>> {
    let n = values.len();
    let penalty = penalty * libm::log(n as f64);
    let sums = Sums::new(values, at);
    // The least cost of the rows before each, and where its last segment begins.
    let mut least = vec![f64::INFINITY; n + 1];
    let mut begins = vec![0; n + 1];
    least[0] = -penalty;
    let mut candidates = vec![0];
    let mut costs = Vec::new();
    for to in min_size..=n {
        if to % 64 == 0 {
            check(stopped)?;
        }
        costs.clear();
        for &from in &candidates {
            let cost = if to - from >= min_size {
                least[from] + sums.cost(from, to)
            } else {
                f64::NEG_INFINITY
            };
            costs.push(cost);
            if cost.is_finite() && cost + penalty < least[to] {
                least[to] = cost + penalty;
                begins[to] = from;
            }
        }
        // A beginning that is worse by now stays worse.
        let limit = least[to];
        let mut kept = costs.iter().map(|cost| *cost <= limit);
        candidates.retain(|_| kept.next().unwrap_or(true));
        let next = to + 1 - min_size;
        if next >= min_size && least[next].is_finite() {
            candidates.push(next);
        }
    }
    let mut found = Vec::new();
    let mut at = begins[n];
    while at > 0 {
        found.push(at);
        at = begins[at];
    }
    found.reverse();
    Ok(found)
}

/// The lines of the segments that changes divide a series into, with the values of each. `at` as in [`changes`].
pub fn lines(
    values: &[f64],
    at: &[usize],
    changes: &[usize],
) -> Vec<(std::ops::Range<usize>, Line)> {
    let sums = Sums::new(values, at);
    let starts = std::iter::once(0).chain(changes.iter().copied());
    let ends = changes.iter().copied().chain([values.len()]);
    starts
        .zip(ends)
        .filter(|(from, to)| from < to)
        .map(|(from, to)| (from..to, sums.line(from, to)))
        .collect()
}

/// The line through the values of a segment alone. `at` as in [`changes`].
pub fn line(values: &[f64], at: &[usize]) -> Line {
    Sums::new(values, at).line(0, values.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: Search = Search {
        penalty: 6.0,
        min_size: 8,
    };

    fn noise(i: usize) -> f64 {
        (i * 7919 % 101) as f64 / 101.0 - 0.5
    }

    #[test]
    fn a_step_and_a_bend_are_found() {
        let step: Vec<f64> = (0..100)
            .map(|i| noise(i) + if i < 60 { 0.0 } else { 10.0 })
            .collect();
        assert_eq!(changes(&step, &[], SEARCH, &|| false).unwrap(), [60]);
        let bend: Vec<f64> = (0..100)
            .map(|i| noise(i) + (i.max(50) - 50) as f64)
            .collect();
        let found = changes(&bend, &[], SEARCH, &|| false).unwrap();
        assert!(found.len() == 1 && found[0].abs_diff(50) <= 8, "{found:?}");
        let line: Vec<f64> = (0..100).map(|i| noise(i) + i as f64).collect();
        assert!(changes(&line, &[], SEARCH, &|| false).unwrap().is_empty());
        assert!(
            changes(&[3.0; 50], &[], SEARCH, &|| false)
                .unwrap()
                .is_empty()
        );
        assert!(
            changes(&step[..15], &[], SEARCH, &|| false)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn rows_that_are_missing_are_no_part_of_a_line() {
        // As if none were missing, where none is.
        let values: Vec<f64> = (0..100)
            .map(|i| noise(i) + (i.max(50) - 50) as f64)
            .collect();
        let all: Vec<usize> = (7..107).collect();
        let expected = changes(&values, &[], SEARCH, &|| false).unwrap();
        assert_eq!(changes(&values, &all, SEARCH, &|| false).unwrap(), expected);
        // A slope goes on through a gap, and the gap itself is no change.
        for n in [120, 30_000] {
            let gap = n / 3..n / 2;
            let at: Vec<usize> = (0..n).filter(|row| !gap.contains(row)).collect();
            let slope: Vec<f64> = at.iter().map(|row| noise(*row) + *row as f64).collect();
            assert!(
                changes(&slope, &at, SEARCH, &|| false).unwrap().is_empty(),
                "{n}"
            );
            let line = line(&slope, &at);
            assert!((line.slope - 1.0).abs() < 0.01, "{line:?}");
            assert!(
                line.first.abs() < 1.0 && (line.last - n as f64).abs() < 2.0,
                "{line:?}"
            );
            let step: Vec<f64> = at
                .iter()
                .map(|row| noise(*row) + if *row < n / 2 { 0.0 } else { 10.0 })
                .collect();
            let found = changes(&step, &at, SEARCH, &|| false).unwrap();
            assert!(
                found.len() == 1 && found[0].abs_diff(n / 3) <= 2,
                "{found:?}"
            );
        }
    }

    /// The least cost over all divisions, by trying every last segment.
    fn optimal(values: &[f64], search: Search) -> Vec<usize> {
        let scaled = standardised(values);
        let penalty = search.penalty * libm::log(values.len() as f64);
        let sums = Sums::new(&scaled, &[]);
        let n = values.len();
        let mut best: Vec<(f64, Vec<usize>)> = vec![(f64::INFINITY, Vec::new()); n + 1];
        best[0] = (-penalty, Vec::new());
        for to in search.min_size..=n {
            for from in 0..=to - search.min_size {
                let cost = best[from].0 + sums.cost(from, to) + penalty;
                if cost < best[to].0 {
                    let mut path = best[from].1.clone();
                    if from > 0 {
                        path.push(from);
                    }
                    best[to] = (cost, path);
                }
            }
        }
        best[n].1.clone()
    }

    #[test]
    fn pruning_loses_nothing() {
        for seed in 0..40 {
            let n = 60 + seed * 3;
            let values: Vec<f64> = (0..n)
                .map(|i| 3.0 * noise(i + 31 * seed) + ((i / 23 * (seed + 3)) % 7) as f64)
                .collect();
            for penalty in [1.0, 3.0, 6.0] {
                let search = Search {
                    penalty,
                    min_size: 4,
                };
                assert_eq!(
                    changes(&values, &[], search, &|| false).unwrap(),
                    optimal(&values, search),
                    "{seed} {penalty}"
                );
            }
        }
    }

    #[test]
    fn long_series_are_divided_in_bounded_time() {
        let n = 200_000;
        let values: Vec<f64> = (0..n)
            .map(|i| {
                noise(i)
                    + if (70_000..150_000).contains(&i) {
                        5.0
                    } else {
                        0.0
                    }
            })
            .collect();
        let found = changes(&values, &[], SEARCH, &|| false).unwrap();
        assert!(
            found.len() == 2 && found[0].abs_diff(70_000) <= 2 && found[1].abs_diff(150_000) <= 2,
            "{found:?}"
        );
    }

    #[test]
    fn lines_are_those_of_least_squares() {
        let values: Vec<f64> = (0..20)
            .map(|i| if i < 10 { 5.0 } else { 3.0 * i as f64 })
            .collect();
        let lines = lines(&values, &[], &[10]);
        assert_eq!(lines.len(), 2);
        assert!((lines[0].1.first - 5.0).abs() < 1e-9 && lines[0].1.slope.abs() < 1e-9);
        assert!((lines[1].1.first - 30.0).abs() < 1e-9 && (lines[1].1.slope - 3.0).abs() < 1e-9);
        assert!(lines[1].1.rest < 1e-6 && lines[1].0 == (10..20));
    }
}
