//! Patterns of two columns: correlation, dependency, and values that go together.

use std::collections::BTreeMap;

use serde_json::json;

use super::{FEWEST_ROWS, Finds, Kind, Pattern, Seen};
use crate::Result;
use crate::looking::association::{Found, Prepared, Products, correlation_ratio};
use crate::program::{Stopped, check};
use crate::series::scale;
use crate::series::words::{grouped, number};
use crate::stats::tails::hypergeometric_above;

/// The least share of what varies that is told of a correlation.
const LEAST_EXPLAINED: f64 = 0.09;
/// The least share of rows that obey a dependency.
const OBEYS: f64 = 0.99;
/// The least share of what the most frequent value leaves that a dependency must settle.
const SETTLED: f64 = 0.5;
/// How many times more frequent than by chance values must be that go together, and in how many rows at least.
const LIFT: f64 = 1.5;
const LEAST_TOGETHER: f64 = 5.0;
/// The share of rows that they must be in.
const LEAST_SHARE: f64 = 0.01;
/// The rows that are tried first, and the share of them that must obey.
const TRIED: usize = 10_000;
const TRIED_OBEYS: f64 = 0.95;

/// Finds them. Errors if the call is interrupted.
pub fn find(seen: &[Seen<'_>], finds: &mut Finds, stopped: Stopped<'_>) -> Result<()> {
    let measures: Vec<Option<&Prepared<'_>>> = seen.iter().map(Seen::measure).collect();
    let plain = Products::new(&measures, false, stopped)?;
    let ranked = Products::new(&measures, true, stopped)?;
    for (i, a) in seen.iter().enumerate() {
        for (j, b) in seen.iter().enumerate().skip(i + 1) {
            check(stopped)?;
            if let (Some(x), Some(y)) = (a.measure(), b.measure()) {
                let found = [
                    ("pearson", x.correlation_by(y, false, plain.of(i, j))),
                    ("spearman", x.correlation_by(y, true, ranked.of(i, j))),
                ];
                correlation([i, j], [a.name, b.name], found, finds);
            }
            for (of, by, places) in [(a, b, [i, j]), (b, a, [j, i])] {
                if let (Some(labels), Some(numbers)) = (of.labels(), by.measure()) {
                    ratio(places, of, labels, by.name, numbers, finds);
                }
            }
            if let (Some(of), Some(with)) = (a.labels(), b.labels()) {
                together([i, j], [a, b], [of, with], finds);
            }
            dependency([i, j], [a, b], finds);
        }
    }
    Ok(())
}

/// Numbers that rise or fall together, by the clearer one of both measures.
fn correlation(
    places: [usize; 2],
    [a, b]: [&str; 2],
    found: [(&'static str, Found); 2],
    finds: &mut Finds,
) {
    let strength = |of: &Found| of.value.map_or(-1.0, f64::abs);
    // Both were tried.
    let tests = found.map(|(_, found)| finds.test(found.p.unwrap_or(1.0)));
    let clearer = usize::from(strength(&found[1].1) > strength(&found[0].1));
    let ((measure, found), test) = (found[clearer], tests[clearer]);
    let Some(r) = found.value else {
        return;
    };
    if r * r < LEAST_EXPLAINED || found.n < FEWEST_ROWS {
        return;
    }
    let shown = number(r);
    let (english, chinese) = if r > 0.0 {
        ("rise together", "同向变化")
    } else {
        ("go opposite ways", "反向变化")
    };
    finds.patterns.push(Pattern {
        kind: Kind::Correlation,
        columns: places.to_vec(),
        impact: r * r,
        test,
        facts: json!({"measure": measure, "value": r, "rows": found.n}),
        english: format!("{a} and {b} {english} ({measure} {shown})"),
        chinese: format!("{a} 与 {b} {chinese}（{measure} {shown}）"),
    });
}

/// Numbers that differ by category: told of as they are, and how probable it is by their ranks (Conover and Iman 1981).
fn ratio(
    places: [usize; 2],
    of: &Seen<'_>,
    labels: &[String],
    measure: &str,
    numbers: &Prepared<'_>,
    finds: &mut Finds,
) {
    let ranked = correlation_ratio(&of.codes, &numbers.ranks());
    let numbers = numbers.values();
    let found = correlation_ratio(&of.codes, numbers);
    let (Some(eta), Some(p)) = (found.value, ranked.p) else {
        return;
    };
    let test = finds.test(p);
    let scale = scale::divisor(numbers).unwrap_or(1.0);
    let mut groups = vec![(0.0, 0.0); labels.len()];
    for (code, value) in of.codes.iter().zip(numbers) {
        if *code > 0 && !value.is_nan() {
            let group = &mut groups[*code as usize - 1];
            *group = (group.0 + value / scale, group.1 + 1.0);
        }
    }
    let (n, k) = (
        found.n as f64,
        groups.iter().filter(|g| g.1 > 0.0).count() as f64,
    );
    // Without what many categories explain by chance.
    let explained = 1.0 - (1.0 - eta * eta) * (n - 1.0) / (n - k).max(1.0);
    let clear = explained >= LEAST_EXPLAINED && found.n >= FEWEST_ROWS && n > k;
    if !clear {
        return;
    }
    let means = groups.iter().zip(labels).filter(|(g, _)| g.1 > 0.0);
    let mut means: Vec<(f64, &String)> = means.map(|(g, l)| (g.0 / g.1 * scale, l)).collect();
    means.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let (Some((high, most)), Some((low, least))) = (means.first(), means.last()) else {
        return;
    };
    let (name, percent) = (of.name, number(explained * 100.0));
    let (above, below) = (number(*high), number(*low));
    finds.patterns.push(Pattern {
        kind: Kind::Correlation,
        columns: places.to_vec(),
        impact: explained,
        test,
        facts: json!({
            "measure": "eta", "value": eta, "percent": explained * 100.0,
            "highest": most, "highest_mean": high, "lowest": least, "lowest_mean": low, "rows": found.n,
        }),
        english: format!(
            "{measure} differs by {name}, which accounts for {percent} % of what varies: {above} in the mean for {most}, {below} for {least}"
        ),
        chinese: format!(
            "{measure} 随 {name} 而异，可解释 {percent}% 的变化：{most} 的均值为 {above}，{least} 的均值为 {below}"
        ),
    });
}

/// How far the values of one column settle those of another.
struct Settled {
    /// The share of rows whose value is the most frequent one beside theirs.
    share: f64,
    /// The rows that have both.
    rows: usize,
    /// The rows that another with the same value stands beside.
    repeated: usize,
    /// How many different values the one has.
    groups: usize,
}

fn settled(a: &[u32], b: &[u32]) -> Settled {
    let both = a.iter().zip(b).filter(|(x, y)| **x > 0 && **y > 0);
    let mut pairs: Vec<u64> = both
        .map(|(x, y)| u64::from(*x) << 32 | u64::from(*y))
        .collect();
    pairs.sort_unstable();
    let mut of = Settled {
        share: 0.0,
        rows: pairs.len(),
        repeated: 0,
        groups: 0,
    };
    let mut obey = 0;
    for group in pairs.chunk_by(|x, y| x >> 32 == y >> 32) {
        let runs = group.chunk_by(|x, y| x == y).map(<[u64]>::len);
        obey += runs.max().unwrap_or(0);
        of.groups += 1;
        if group.len() > 1 {
            of.repeated += group.len();
        }
    }
    of.share = obey as f64 / of.rows.max(1) as f64;
    of
}

/// A value of one column that says which value of another stands beside it.
fn dependency(places: [usize; 2], [a, b]: [&Seen<'_>; 2], finds: &mut Finds) {
    let ways = [(a, b, places), (b, a, [places[1], places[0]])];
    let mut found = Vec::new();
    for (of, on, places) in ways {
        if !of.is_discrete() || of.distinct == of.known || of.distinct < 2 || on.distinct < 2 {
            continue;
        }
        let tried = of.codes.len().min(TRIED);
        if settled(&of.codes[..tried], &on.codes[..tried]).share < TRIED_OBEYS {
            finds.test(1.0);
            continue;
        }
        let all = settled(&of.codes, &on.codes);
        let mut counts = vec![0.0_f64; on.distinct + 1];
        let both = of.codes.iter().zip(&on.codes);
        let both = both.filter(|(x, y)| **x > 0 && **y > 0);
        both.for_each(|(_, y)| counts[*y as usize] += 1.0);
        let n = all.rows as f64;
        let most = counts.iter().fold(0.0_f64, |most, c| most.max(*c)) / n;
        let same: f64 = counts.iter().map(|c| (c / n) * (c / n)).sum();
        // The most frequent value alone obeys so much.
        let settles = (all.share - most) / (1.0 - most);
        let clear = all.rows >= FEWEST_ROWS && all.share >= OBEYS && settles >= SETTLED;
        if !clear {
            finds.test(1.0);
            continue;
        }
        // That every further row of a value has what the first has.
        let further = (all.rows - all.groups) as f64 * all.share;
        let p = libm::exp(further * libm::log(same));
        let test = finds.test(p);
        found.push((of, on, places, all, settles, test));
    }
    let mutual = found.len() == 2;
    for (of, on, places, all, settles, test) in found.into_iter().take(1) {
        let (a, b) = (of.name, on.name);
        let (percent, rows) = (number(all.share * 100.0), grouped(&all.rows.to_string()));
        let (english, chinese) = if mutual {
            (
                format!(
                    "{a} and {b} say the same: each settles the other in {percent} % of {rows} rows"
                ),
                format!("{a} 与 {b} 一一对应：在 {rows} 行的 {percent}% 中互相确定"),
            )
        } else {
            (
                format!("{a} settles {b} in {percent} % of {rows} rows"),
                format!("{rows} 行的 {percent}% 中 {a} 决定 {b}"),
            )
        };
        finds.patterns.push(Pattern {
            kind: Kind::Dependency,
            columns: places.to_vec(),
            impact: all.repeated as f64 / all.rows as f64 * settles,
            test,
            facts: json!({"percent": all.share * 100.0, "rows": all.rows, "mutual": mutual}),
            english,
            chinese,
        });
    }
}

/// Two values that stand in one row, by their places.
struct Together {
    /// The share of the rows that have both beyond what chance lets expect.
    beyond: f64,
    pair: (u32, u32),
    count: f64,
    expected: f64,
}

/// Of all pairs of values of two columns the one in most rows beyond what chance lets expect. Its probability is that of
/// Fisher's exact test, times the number of pairs that it may be chosen of.
fn together(places: [usize; 2], [a, b]: [&Seen<'_>; 2], labels: [&[String]; 2], finds: &mut Finds) {
    let mut pairs: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    let (mut of_a, mut of_b) = (vec![0.0; a.distinct + 1], vec![0.0; b.distinct + 1]);
    let mut dense = (a.distinct * b.distinct <= 1 << 20)
        .then(|| vec![0_u32; (a.distinct + 1) * (b.distinct + 1)]);
    let mut n = 0.0;
    for (x, y) in a.codes.iter().zip(&b.codes) {
        if *x == 0 || *y == 0 {
            continue;
        }
        n += 1.0;
        of_a[*x as usize] += 1.0;
        of_b[*y as usize] += 1.0;
        match &mut dense {
            Some(dense) => dense[*x as usize * (b.distinct + 1) + *y as usize] += 1,
            None => *pairs.entry((*x, *y)).or_default() += 1.0,
        }
    }
    if let Some(dense) = dense {
        for (i, count) in dense.into_iter().enumerate().filter(|(_, c)| *c > 0) {
            let (x, y) = (i / (b.distinct + 1), i % (b.distinct + 1));
            pairs.insert((x as u32, y as u32), f64::from(count));
        }
    }
    let least = LEAST_TOGETHER.max(LEAST_SHARE * n);
    let mut best: Option<Together> = None;
    for (pair, count) in pairs.into_iter().filter(|(_, count)| *count >= least) {
        let (x, y) = (of_a[pair.0 as usize], of_b[pair.1 as usize]);
        let expected = x * y / n;
        let beyond = (count - expected) / n;
        let clear = count >= LIFT * expected;
        if clear && best.as_ref().is_none_or(|best| beyond > best.beyond) {
            best = Some(Together {
                beyond,
                pair,
                count,
                expected,
            });
        }
    }
    let Some(Together {
        beyond,
        pair: (x, y),
        count,
        expected,
    }) = best
    else {
        finds.test(1.0);
        return;
    };
    let p = hypergeometric_above(count, of_a[x as usize], of_b[y as usize], n);
    let test = finds.test(p * (a.distinct * b.distinct) as f64);
    let (x, y) = (&labels[0][x as usize - 1], &labels[1][y as usize - 1]);
    let lift = count / expected;
    let rows = grouped(&count.to_string());
    let (by_chance, times) = (number(expected), number(lift));
    let (a, b) = (a.name, b.name);
    finds.patterns.push(Pattern {
        kind: Kind::Association,
        columns: places.to_vec(),
        impact: beyond,
        test,
        facts: json!({"values": [x, y], "rows": count as u64, "expected": expected, "lift": lift}),
        english: format!(
            "{a} = {x} goes with {b} = {y}: {rows} rows where chance lets expect {by_chance}, {times} times as many"
        ),
        chinese: format!(
            "{a} = {x} 常与 {b} = {y} 同现：{rows} 行，按偶然预期 {by_chance} 行，为其 {times} 倍"
        ),
    });
}
