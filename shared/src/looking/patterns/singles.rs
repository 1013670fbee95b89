//! Patterns of a column alone, and of what its categories have of a measure: outliers, dominance, keys.

use serde_json::json;

use super::{FEWEST_ROWS, Finds, Kind, Pattern, Seen};
use crate::Result;
use crate::looking::association::chi_square_above;
use crate::program::{Stopped, check};
use crate::series::scale;
use crate::series::words::{grouped, number};
use crate::stats::sample::Sample;
use crate::stats::special::normal_below;

/// Beyond the quartiles by so many times the distance between them, as Tukey has it (1977).
const FENCE: f64 = 3.0;
/// More rows beyond are no outliers.
const MOST_OUTLIERS: f64 = 0.05;
/// The least share of what dominates.
const DOMINANT: f64 = 0.5;
/// How many times a share of a sum must be the share of rows to be told beside it.
const BEYOND_ROWS: f64 = 1.2;
/// The rows at the beginning of a table that are tried first: in the order of [`crate::looking::table`] as good as drawn.
const TRIED: usize = 10_000;
/// The most keys of two columns that are told.
const MOST_KEYS: usize = 3;

/// Finds them. Errors if the call is interrupted.
pub fn find(seen: &[Seen<'_>], finds: &mut Finds, stopped: Stopped<'_>) -> Result<()> {
    for (i, column) in seen.iter().enumerate() {
        check(stopped)?;
        if column.is_measure {
            finds.patterns.extend(outliers(column, i));
        }
        if column.labels().is_some() {
            rows_of_one(column, i, finds);
        }
        for (j, measure) in seen.iter().enumerate() {
            check(stopped)?;
            if let (Some(labels), Some(numbers)) = (column.labels(), measure.measure()) {
                let names = [column.name, measure.name];
                sum_of_one(
                    [i, j],
                    names,
                    (labels, &column.codes),
                    numbers.values(),
                    finds,
                );
            }
        }
    }
    keys(seen, finds, stopped)
}

/// Numbers that are never negative are compared by their square roots, by which counts spread alike whatever their mean is
/// (Bartlett 1936): the far ends of counts and of sums of money are no outliers.
fn outliers(column: &Seen<'_>, place: usize) -> Option<Pattern> {
    let known = column.measure()?.values().iter().filter(|v| !v.is_nan());
    let sample = Sample::new(known.copied().collect());
    let sorted = sample.sorted();
    let rooted = sorted.first().is_some_and(|least| *least >= 0.0);
    let (compared, back): (_, fn(f64) -> f64) = if rooted {
        let roots = sorted.iter().map(|v| v.sqrt()).collect();
        (Sample::new(roots), |root| root.max(0.0) * root.max(0.0))
    } else {
        (sample.clone(), |value| value)
    };
    let (low, high) = (compared.quantile(0.25)?, compared.quantile(0.75)?);
    // Halved first, so that nothing leaves the range of doubles.
    let reach = 2.0 * FENCE * (high / 2.0 - low / 2.0);
    let below = compared.sorted().partition_point(|v| *v < low - reach);
    let above = sorted.len() - compared.sorted().partition_point(|v| *v <= high + reach);
    let (from, to) = (back(low - reach), back(high + reach));
    let middle = sample.quantile(0.5)?;
    let count = below + above;
    if reach <= 0.0 || count == 0 || count as f64 > MOST_OUTLIERS * sorted.len() as f64 {
        return None;
    }
    let scale = scale::divisor(sorted).unwrap_or(1.0);
    let square = |v: &f64| (v / scale - middle / scale) * (v / scale - middle / scale);
    let whole: f64 = sorted.iter().map(square).sum();
    let out = sorted[..below]
        .iter()
        .chain(&sorted[sorted.len() - above..]);
    let impact = out.map(square).sum::<f64>() / whole;
    let farthest = match (sorted.first(), sorted.last()) {
        (Some(first), Some(last)) if middle / 2.0 - first / 2.0 > last / 2.0 - middle / 2.0 => {
            *first
        }
        (_, last) => *last?,
    };
    let (name, rows) = (column.name, sorted.len());
    let (some, all) = (grouped(&count.to_string()), grouped(&rows.to_string()));
    let (low, high, far) = (number(from), number(to), number(farthest));
    Some(Pattern {
        kind: Kind::Outliers,
        columns: vec![place],
        impact,
        test: None,
        facts: json!({"count": count, "rows": rows, "from": from, "to": to, "farthest": farthest}),
        english: format!(
            "{some} of {all} values of {name} are not from {low} to {high}, the farthest is {far}"
        ),
        chinese: format!(
            "{name} 的 {all} 个值中有 {some} 个不在 {low} 至 {high} 之间，最远为 {far}"
        ),
    })
}

/// How far a share is above that of so many equal ones, from 0 to 1.
fn above_even(share: f64, count: usize) -> f64 {
    let even = 1.0 / count as f64;
    (share - even) / (1.0 - even)
}

/// A category that most rows have.
fn rows_of_one(column: &Seen<'_>, place: usize, finds: &mut Finds) {
    let Some(labels) = column.labels() else {
        return;
    };
    let mut counts = vec![0_usize; labels.len()];
    for code in column.codes.iter().filter(|code| **code > 0) {
        counts[*code as usize - 1] += 1;
    }
    let n = column.known as f64;
    // Of equals the first.
    let most = counts.iter().enumerate().rev().max_by_key(|(_, c)| **c);
    let Some((label, &count)) = most.map(|(i, c)| (&labels[i], c)) else {
        return;
    };
    let share = count as f64 / n;
    let even = 1.0 / labels.len() as f64;
    let chi = n * (share - even) * (share - even) / (even * (1.0 - even));
    let test = finds.test(chi_square_above(chi, 1.0));
    if share < DOMINANT || column.known < FEWEST_ROWS {
        return;
    }
    let (name, percent) = (column.name, number(share * 100.0));
    let (some, kinds) = (grouped(&count.to_string()), labels.len());
    finds.patterns.push(Pattern {
        kind: Kind::Dominance,
        columns: vec![place],
        impact: above_even(share, labels.len()),
        test,
        facts: json!({"value": label, "rows": count, "percent": share * 100.0, "values": kinds}),
        english: format!(
            "{percent} % of the rows, {some}, have {name} = {label}, one of {kinds} values"
        ),
        chinese: format!("{percent}% 的行（{some} 行）{name} = {label}，共 {kinds} 种取值"),
    });
}

/// A category that has most of a measure's sum, more than its share of the rows. The probability is that of so many rows
/// drawn without replacement, by the moments of their sum (Cochran 1977, section 2.5), times the number of categories.
fn sum_of_one(
    places: [usize; 2],
    [name, measure]: [&str; 2],
    (labels, codes): (&[String], &[u32]),
    numbers: &[f64],
    finds: &mut Finds,
) {
    let scale = scale::divisor(numbers).unwrap_or(1.0);
    let mut groups = vec![(0.0, 0_usize); labels.len()];
    let mut squares = 0.0;
    for (code, value) in codes.iter().zip(numbers) {
        if *code > 0 && !value.is_nan() {
            if *value < 0.0 {
                return;
            }
            let value = value / scale;
            let group = &mut groups[*code as usize - 1];
            *group = (group.0 + value, group.1 + 1);
            squares += value * value;
        }
    }
    let whole: f64 = groups.iter().map(|(sum, _)| sum).sum();
    let rows: usize = groups.iter().map(|(_, rows)| rows).sum();
    let most = groups.iter().enumerate().rev();
    let Some((at, (sum, count))) = most.max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0)) else {
        return;
    };
    let share = sum / whole;
    let (n, drawn) = (rows as f64, *count as f64);
    let of_rows = drawn / n;
    let variance = (squares - whole * whole / n) / (n - 1.0) * drawn * (1.0 - of_rows);
    let off = sum - of_rows * whole;
    let p = if variance > 0.0 && off > 0.0 {
        normal_below(-off / libm::sqrt(variance))
    } else {
        1.0
    };
    let test = finds.test(p * labels.len() as f64);
    let clear = share >= DOMINANT && share >= BEYOND_ROWS * of_rows && rows >= FEWEST_ROWS;
    if !clear {
        return;
    }
    let label = &labels[at];
    let (percent, of_all) = (number(share * 100.0), number(of_rows * 100.0));
    finds.patterns.push(Pattern {
        kind: Kind::Dominance,
        columns: places.to_vec(),
        impact: above_even(share, labels.len()),
        test,
        facts: json!({"value": label, "percent": share * 100.0, "percent_of_rows": of_rows * 100.0}),
        english: format!(
            "{name} = {label} has {percent} % of the sum of {measure}, and {of_all} % of the rows"
        ),
        chinese: format!("{name} = {label} 占 {measure} 总和的 {percent}%，而行数只占 {of_all}%"),
    });
}

/// One column whose values are all different, or two of which no pair comes twice.
fn keys(seen: &[Seen<'_>], finds: &mut Finds, stopped: Stopped<'_>) -> Result<()> {
    let rows = seen.iter().map(|column| column.codes.len()).max();
    let rows = rows.unwrap_or(0);
    let may_be: Vec<usize> = (0..seen.len())
        .filter(|i| seen[*i].is_discrete() && seen[*i].known == rows && seen[*i].distinct > 1)
        .collect();
    let shown = grouped(&rows.to_string());
    let mut alone = may_be.iter().filter(|i| seen[**i].distinct == rows);
    if let Some(place) = alone.next() {
        let name = seen[*place].name;
        finds.patterns.push(Pattern {
            kind: Kind::Key,
            columns: vec![*place],
            impact: 1.0,
            test: None,
            facts: json!({"rows": rows}),
            english: format!("{name} may be a key: no value comes twice in {shown} rows"),
            chinese: format!("{name} 可作为键：{shown} 行中没有重复值"),
        });
        return Ok(());
    }
    // How probable it is that two rows have the same value.
    let same: Vec<f64> = seen
        .iter()
        .map(|column| {
            let mut counts = vec![0.0_f64; column.distinct + 1];
            column.codes.iter().for_each(|c| counts[*c as usize] += 1.0);
            let n = column.codes.len() as f64;
            counts.iter().map(|c| (c / n) * (c / n)).sum()
        })
        .collect();
    let mut found = 0;
    for (at, i) in may_be.iter().enumerate() {
        for j in &may_be[at + 1..] {
            check(stopped)?;
            let (a, b) = (&seen[*i], &seen[*j]);
            let possible = a.distinct as u128 * b.distinct as u128 >= rows as u128;
            if found == MOST_KEYS || !possible {
                continue;
            }
            let unique = |rows: usize| {
                let pairs = a.codes[..rows].iter().zip(&b.codes[..rows]);
                let mut pairs: Vec<u64> = pairs
                    .map(|(a, b)| u64::from(*a) << 32 | u64::from(*b))
                    .collect();
                pairs.sort_unstable();
                pairs.windows(2).all(|w| w[0] != w[1])
            };
            if !unique(rows.min(TRIED)) || !unique(rows) {
                finds.test(1.0);
                continue;
            }
            let n = rows as f64;
            let twice = n * (n - 1.0) / 2.0 * same[*i] * same[*j];
            let test = finds.test(libm::exp(-twice));
            found += 1;
            finds.patterns.push(Pattern {
                kind: Kind::Key,
                columns: vec![*i, *j],
                impact: 1.0,
                test,
                facts: json!({"rows": rows}),
                english: format!(
                    "{} and {} together may be a key: no pair comes twice in {shown} rows",
                    a.name, b.name
                ),
                chinese: format!(
                    "{} 与 {} 合起来可作为键：{shown} 行中没有重复组合",
                    a.name, b.name
                ),
            });
        }
    }
    Ok(())
}
