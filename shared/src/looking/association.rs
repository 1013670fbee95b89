//! How far two columns go together: measures with their probabilities by chance.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::counts::Fixed;
use crate::Result;
use crate::program::{Stopped, check};
use crate::stats::special::gamma_shares;
use crate::stats::tails::f_above;

/// The least probability that is told.
const LEAST: f64 = 1e-300;

/// A measure with its probability by chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// `None` if one of both is constant.
    pub value: Option<f64>,
    /// How probable a value as far from 0 is without any association.
    pub p: Option<f64>,
    /// The pairs without a NULL.
    pub n: usize,
}

impl Found {
    /// Nothing, of so many pairs.
    pub fn none(n: usize) -> Found {
        Found {
            value: None,
            p: None,
            n,
        }
    }
}

/// A column for numbers: as it is or its ranks.
pub struct Numbers<'a> {
    values: &'a [f64],
    /// The places of what is no NaN, by value.
    order: Vec<u32>,
    complete: bool,
}

impl<'a> Numbers<'a> {
    /// Sorts them.
    pub fn new(values: &'a [f64]) -> Numbers<'a> {
        // Values and places side by side: sorting places alone would look all over memory.
        let known = values.iter().zip(0..).filter(|(value, _)| !value.is_nan());
        let mut sorted: Vec<(f64, u32)> = known.map(|(value, place)| (*value, place)).collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let order: Vec<u32> = sorted.into_iter().map(|(_, place)| place).collect();
        Numbers {
            values,
            complete: order.len() == values.len(),
            order,
        }
    }

    /// The ranks of those values that `with` has too, NaN elsewhere; equal ones share the mean of theirs.
    fn ranks(&self, with: &[f64]) -> Vec<f64> {
        let mut ranks = vec![f64::NAN; self.values.len()];
        let known: Vec<u32> = if self.complete && with.is_empty() {
            self.order.clone()
        } else {
            let both = self.order.iter().copied();
            both.filter(|i| with.get(*i as usize).is_none_or(|v| !v.is_nan()))
                .collect()
        };
        let mut start = 0;
        while start < known.len() {
            let first = self.values[known[start] as usize];
            let mut end = start + 1;
            while end < known.len() && self.values[known[end] as usize] == first {
                end += 1;
            }
            let rank = (start + 1 + end) as f64 / 2.0;
            known[start..end]
                .iter()
                .for_each(|i| ranks[*i as usize] = rank);
            start = end;
        }
        ranks
    }
}

/// Numbers without their mean, over their length: the correlation of two is the sum of their products.
#[derive(Debug, Clone)]
pub struct Unit(Option<Vec<f64>>);

/// Values that are added up before their sum is added to the others.
const BLOCK: usize = 256;

fn sum(values: impl Iterator<Item = f64>) -> f64 {
    // In blocks, so that few digits are lost.
    let (mut whole, mut block) = (0.0, 0.0);
    for (i, value) in values.enumerate() {
        block += value;
        if i % BLOCK == BLOCK - 1 {
            whole += block;
            block = 0.0;
        }
    }
    whole + block
}

impl Unit {
    fn new(values: &[f64]) -> Unit {
        let most = values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        let scale = crate::series::scale::divisor(&[most]).unwrap_or(1.0);
        let mean = sum(values.iter().map(|x| x / scale)) / values.len() as f64;
        let off: Vec<f64> = values.iter().map(|x| x / scale - mean).collect();
        let length = libm::sqrt(sum(off.iter().map(|x| x * x)));
        // Nothing but what rounding leaves of equal values.
        let constant = length <= 0.0 || length.is_nan() || values.iter().all(|x| x == &values[0]);
        Unit((!constant).then(|| off.iter().map(|x| x / length).collect()))
    }

    /// `product` is the sum of their products, if it is known.
    fn correlation(&self, other: &Unit, product: Option<f64>) -> Option<f64> {
        let (Some(a), Some(b)) = (&self.0, &other.0) else {
            return None;
        };
        let found = product.unwrap_or_else(|| sum(a.iter().zip(b).map(|(x, y)| x * y)));
        // What rounding leaves of a line.
        let line = found.abs() > 1.0 - 1e-14;
        Some(if line { found.signum() } else { found })
    }
}

/// The parts of a column of numbers that are the same for all its pairs.
pub struct Prepared<'a> {
    numbers: Numbers<'a>,
    plain: Option<Unit>,
    ranked: Option<Unit>,
}

impl<'a> Prepared<'a> {
    /// Sorts the numbers, NaN being NULL.
    pub fn new(values: &'a [f64]) -> Prepared<'a> {
        let numbers = Numbers::new(values);
        let complete = numbers.complete && !values.is_empty();
        Prepared {
            plain: complete.then(|| Unit::new(values)),
            ranked: complete.then(|| Unit::new(&numbers.ranks(&[]))),
            numbers,
        }
    }

    /// The ranks of those that are not NULL, NaN elsewhere; or what has the same correlations, ranks without their mean over
    /// their length.
    pub fn ranks(&self) -> Cow<'_, [f64]> {
        match &self.ranked {
            Some(Unit(Some(unit))) => Cow::Borrowed(unit),
            _ => Cow::Owned(self.numbers.ranks(&[])),
        }
    }

    /// As given.
    pub fn values(&self) -> &[f64] {
        self.numbers.values
    }

    /// Each value by its place among the different ones, from 1 on; 0 for NaN.
    pub fn codes(&self) -> Vec<u32> {
        let values = self.numbers.values;
        let mut codes = vec![0; values.len()];
        let mut last = (f64::NAN, 0);
        for place in &self.numbers.order {
            let value = values[*place as usize];
            if value != last.0 {
                last = (value, last.1 + 1);
            }
            codes[*place as usize] = last.1;
        }
        codes
    }

    /// Pearson's correlation, or of ranks Spearman's.
    pub fn correlation(&self, other: &Prepared<'_>, ranked: bool) -> Found {
        self.correlation_by(other, ranked, None)
    }

    /// The same, where [`Products`] may have summed their products up.
    pub fn correlation_by(
        &self,
        other: &Prepared<'_>,
        ranked: bool,
        product: Option<f64>,
    ) -> Found {
        let all = if ranked {
            self.ranked.as_ref().zip(other.ranked.as_ref())
        } else {
            self.plain.as_ref().zip(other.plain.as_ref())
        };
        let (value, n) = match all {
            Some((a, b)) => (a.correlation(b, product), self.numbers.values.len()),
            None => {
                let (a, b) = (self.numbers.values, other.numbers.values);
                let ranks = if ranked {
                    Some((self.numbers.ranks(b), other.numbers.ranks(a)))
                } else {
                    None
                };
                let (a, b) = match &ranks {
                    Some((a, b)) => (a.as_slice(), b.as_slice()),
                    None => (a, b),
                };
                let both = a.iter().zip(b).filter(|(x, y)| !x.is_nan() && !y.is_nan());
                let (a, b): (Vec<f64>, Vec<f64>) = both.map(|(x, y)| (*x, *y)).unzip();
                let n = a.len();
                match n {
                    0 => (None, 0),
                    _ => (Unit::new(&a).correlation(&Unit::new(&b), None), n),
                }
            }
        };
        let p = value.filter(|_| n > 2).map(|r| {
            let freedom = n as f64 - 2.0;
            let left = (1.0 - r) * (1.0 + r);
            if left > 0.0 {
                f_above(r * r * freedom / left, 1.0, freedom)
            } else {
                LEAST
            }
        });
        Found {
            value,
            p: p.map(|p| p.max(LEAST)),
            n,
        }
    }
}

/// The sums of products of all pairs of columns without a NULL, so many rows of all columns at a time: longer columns would
/// be read from memory anew for each pair.
pub struct Products(Vec<Vec<f64>>);

/// Rows at a time.
const ROWS: usize = 16 * BLOCK;

impl Products {
    /// Of these columns, `None` for what is no number, as given or as ranks. Errors if it is stopped.
    pub fn new(
        columns: &[Option<&Prepared<'_>>],
        ranked: bool,
        stopped: Stopped<'_>,
    ) -> Result<Products> {
        let units: Vec<Option<&[f64]>> = columns
            .iter()
            .map(|column| {
                let of = (*column)?;
                let unit = if ranked { &of.ranked } else { &of.plain };
                unit.as_ref()?.0.as_deref()
            })
            .collect();
        let rows = units.iter().flatten().map(|unit| unit.len()).max();
        let mut sums = vec![vec![0.0; units.len()]; units.len()];
        for start in (0..rows.unwrap_or(0)).step_by(ROWS) {
            check(stopped)?;
            let end = |unit: &[f64]| (start + ROWS).min(unit.len());
            for (i, a) in units.iter().enumerate() {
                for (j, b) in units.iter().enumerate().skip(i + 1) {
                    let (Some(a), Some(b)) = (a, b) else {
                        continue;
                    };
                    // As `sum` does it.
                    let blocks = a[start..end(a)]
                        .chunks(BLOCK)
                        .zip(b[start..end(b)].chunks(BLOCK));
                    for (a, b) in blocks {
                        sums[i][j] += a.iter().zip(b).fold(0.0, |sum, (x, y)| sum + x * y);
                    }
                }
            }
        }
        Ok(Products(sums))
    }

    /// Of two columns by their places, the lesser first.
    pub fn of(&self, a: usize, b: usize) -> Option<f64> {
        self.0.get(a).and_then(|row| row.get(b)).copied()
    }
}

/// Counts of pairs of categories, and of each.
struct Contingency {
    pairs: Vec<((u32, u32), u64)>,
    rows: Vec<u64>,
    columns: Vec<u64>,
    n: u64,
}

impl Contingency {
    /// Of two columns of categories, 0 for NULL.
    fn new(a: &[u32], b: &[u32]) -> Contingency {
        let most = |of: &[u32]| of.iter().copied().max().unwrap_or(0) as usize + 1;
        let (mut rows, mut columns) = (vec![0; most(a)], vec![0; most(b)]);
        let mut pairs: HashMap<(u32, u32), u64, BuildHasherDefault<Fixed>> = HashMap::default();
        let mut n = 0;
        for (x, y) in a.iter().zip(b).filter(|(x, y)| **x > 0 && **y > 0) {
            *pairs.entry((*x, *y)).or_default() += 1;
            rows[*x as usize] += 1;
            columns[*y as usize] += 1;
            n += 1;
        }
        let mut pairs: Vec<((u32, u32), u64)> = pairs.into_iter().collect();
        pairs.sort_unstable();
        Contingency {
            pairs,
            rows,
            columns,
            n,
        }
    }

    fn sizes(&self) -> (f64, f64) {
        let used = |counts: &[u64]| counts.iter().filter(|count| **count > 0).count() as f64;
        (used(&self.rows), used(&self.columns))
    }

    /// In natural logarithms, without a correction.
    fn information(&self) -> f64 {
        let n = self.n as f64;
        let part = |((x, y), count): &((u32, u32), u64)| {
            let (count, row, column) = (
                *count as f64,
                self.rows[*x as usize] as f64,
                self.columns[*y as usize] as f64,
            );
            count / n * libm::log(count * n / (row * column))
        };
        self.pairs.iter().map(part).sum::<f64>().max(0.0)
    }
}

fn entropy(counts: &[u64], n: f64) -> f64 {
    let used = counts.iter().filter(|count| **count > 0);
    used.map(|count| -(*count as f64) / n * libm::log(*count as f64 / n))
        .sum()
}

/// The share of the chi-square distribution above a value.
pub fn chi_square_above(value: f64, freedom: f64) -> f64 {
    gamma_shares(freedom / 2.0, value / 2.0).1.max(LEAST)
}

/// Cramér's V of categories, corrected for its bias (Bergsma 2013), with the probability by chi-square.
pub fn cramers_v(a: &[u32], b: &[u32]) -> Found {
    let table = Contingency::new(a, b);
    let (n, (r, c)) = (table.n as f64, table.sizes());
    let n_found = table.n as usize;
    if r < 2.0 || c < 2.0 {
        return Found::none(n_found);
    }
    // Sum of squares over expected counts, less n.
    let part = |((x, y), count): &((u32, u32), u64)| {
        let count = *count as f64;
        count * count / (table.rows[*x as usize] as f64 * table.columns[*y as usize] as f64)
    };
    let phi = table.pairs.iter().map(part).sum::<f64>() - 1.0;
    let freedom = (r - 1.0) * (c - 1.0);
    let corrected = (phi - freedom / (n - 1.0)).max(0.0);
    let least =
        (r - (r - 1.0) * (r - 1.0) / (n - 1.0)).min(c - (c - 1.0) * (c - 1.0) / (n - 1.0)) - 1.0;
    let value = if least > 0.0 {
        libm::sqrt(corrected / least).min(1.0)
    } else {
        0.0
    };
    Found {
        value: Some(value),
        p: Some(chi_square_above((phi * n).max(0.0), freedom)),
        n: n_found,
    }
}

/// The correlation ratio of numbers by categories, with the probability by F.
pub fn correlation_ratio(categories: &[u32], numbers: &[f64]) -> Found {
    let both = categories
        .iter()
        .zip(numbers)
        .filter(|(c, v)| **c > 0 && !v.is_nan());
    let pairs: Vec<(u32, f64)> = both.map(|(c, v)| (*c, *v)).collect();
    let n = pairs.len();
    let none = Found::none(n);
    let values: Vec<f64> = pairs.iter().map(|(_, v)| *v).collect();
    let Some(Unit(Some(unit))) = (n > 1).then(|| Unit::new(&values)) else {
        return none;
    };
    let most = pairs.iter().map(|(c, _)| *c).max().unwrap_or(0) as usize + 1;
    let mut sums = vec![(0.0, 0.0); most];
    for ((category, _), off) in pairs.iter().zip(&unit) {
        let group = &mut sums[*category as usize];
        *group = (group.0 + off, group.1 + 1.0);
    }
    let groups = sums.iter().filter(|(_, count)| *count > 0.0);
    let (between, k) = groups.fold((0.0, 0.0), |(sum, k), (off, count)| {
        (sum + off * off / count, k + 1.0)
    });
    if k < 2.0 {
        return none;
    }
    let within = (1.0 - between).max(0.0);
    let freedom = n as f64 - k;
    let p = (freedom > 0.0).then(|| {
        if within > 0.0 {
            f_above(between / (k - 1.0) / (within / freedom), k - 1.0, freedom).max(LEAST)
        } else {
            LEAST
        }
    });
    Found {
        value: Some(libm::sqrt(between.min(1.0))),
        p,
        n,
    }
}

/// Numbers as categories: parts of about equally many, at most so many; 0 for NaN.
pub fn parts(numbers: &Prepared<'_>, most: usize) -> Vec<u32> {
    let order = &numbers.numbers.order;
    let values = numbers.numbers.values;
    let bins = (libm::ceil(libm::sqrt(order.len() as f64)) as usize).clamp(1, most);
    let mut parts = vec![0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let first = values[order[start] as usize];
        let mut end = start + 1;
        while end < order.len() && values[order[end] as usize] == first {
            end += 1;
        }
        // Equal values stay together: where their middle is.
        let part = (start + end) * bins / (2 * order.len());
        order[start..end]
            .iter()
            .for_each(|i| parts[*i as usize] = part.min(bins - 1) as u32 + 1);
        start = end;
    }
    parts
}

/// Mutual information, corrected by Miller and Madow, over the lesser entropy; the probability by the G-test.
pub fn information(a: &[u32], b: &[u32]) -> Found {
    let table = Contingency::new(a, b);
    let (n, (r, c)) = (table.n as f64, table.sizes());
    let n_found = table.n as usize;
    if r < 2.0 || c < 2.0 {
        return Found::none(n_found);
    }
    let plain = table.information();
    let bias = (r + c - table.pairs.len() as f64 - 1.0) / (2.0 * n);
    let least = entropy(&table.rows, n).min(entropy(&table.columns, n));
    Found {
        value: Some(((plain + bias) / least).clamp(0.0, 1.0)),
        p: Some(chi_square_above(2.0 * n * plain, (r - 1.0) * (c - 1.0))),
        n: n_found,
    }
}

/// The probabilities after Benjamini and Hochberg, for as many as are known.
pub fn adjusted(p: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(f64, usize)> = p
        .iter()
        .enumerate()
        .filter_map(|(i, p)| Some(((*p)?, i)))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let m = order.len() as f64;
    let mut q = vec![None; p.len()];
    let mut least = 1.0_f64;
    for (above, (p, i)) in order.iter().enumerate() {
        least = least.min(p * m / (m - above as f64));
        q[*i] = Some(least);
    }
    q
}

#[cfg(test)]
mod tests;
