//! Many rows into the few that are drawn: groups, bins, thinned lines, natural orders of names.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::ask::Agg;

/// What is known of the values of one place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Group {
    sum: f64,
    count: f64,
    least: f64,
    greatest: f64,
}

impl Group {
    /// Takes a value that stands for so many rows.
    pub fn add(&mut self, value: f64, weight: f64) {
        if self.count == 0.0 {
            (self.least, self.greatest) = (value, value);
        }
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
        self.sum += value * weight;
        self.count += weight;
    }

    /// What they become.
    pub fn value(&self, agg: Agg) -> f64 {
        match agg {
            Agg::Sum => self.sum,
            Agg::Mean => self.sum / self.count,
            Agg::Min => self.least,
            Agg::Max => self.greatest,
            Agg::Count => self.count,
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> f64 {
        self.count
    }
}

/// Names that have an order of their own, each list from its first on.
const ORDERS: &[&[&str]] = &[
    &[
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ],
    &["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    &["周一", "周二", "周三", "周四", "周五", "周六", "周日"],
    &[
        "星期一",
        "星期二",
        "星期三",
        "星期四",
        "星期五",
        "星期六",
        "星期日",
    ],
    &[
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
    &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
    &[
        "一月",
        "二月",
        "三月",
        "四月",
        "五月",
        "六月",
        "七月",
        "八月",
        "九月",
        "十月",
        "十一月",
        "十二月",
    ],
    &["q1", "q2", "q3", "q4"],
    &["very low", "low", "medium", "high", "very high"],
    &["low", "middle", "high"],
    &["xs", "s", "m", "l", "xl", "xxl"],
    &["small", "medium", "large"],
    &["spring", "summer", "autumn", "winter"],
    &["春", "夏", "秋", "冬"],
];

/// The order that names have by what they mean: of weekdays, months, sizes, numbers, ranges of numbers. `None` if none.
pub fn natural(names: &[String]) -> Option<BTreeMap<String, usize>> {
    let lower: Vec<String> = names.iter().map(|n| n.to_lowercase()).collect();
    for order in ORDERS {
        let places: Option<Vec<usize>> = lower
            .iter()
            .map(|name| order.iter().position(|n| n == name))
            .collect();
        if let Some(places) = places.filter(|_| names.len() > 1) {
            return Some(names.iter().cloned().zip(places).collect());
        }
    }
    let leading = |name: &String| -> Option<f64> {
        let name = name.trim_start_matches(['<', '>', '=', '≤', '≥', ' ']);
        let digits = |c: char| !(c.is_ascii_digit() || c == '.');
        let end = name.find(digits).unwrap_or(name.len());
        name.get(..end)?.parse().ok()
    };
    // Numbers may be followed by more: 10-20, 3月.
    let numbers: Option<Vec<f64>> = names.iter().map(leading).collect();
    let numbers = numbers?;
    let mut places: Vec<usize> = (0..names.len()).collect();
    let at = |i: &usize| numbers.get(*i).copied().unwrap_or(0.0);
    let open = |i: &usize| names.get(*i).is_some_and(|n| !n.starts_with(['<', '≤']));
    places.sort_by(|a, b| at(a).total_cmp(&at(b)).then(open(a).cmp(&open(b))));
    let mut order = BTreeMap::new();
    for (place, i) in places.into_iter().enumerate() {
        order.insert(names.get(i)?.clone(), place);
    }
    Some(order)
}

/// Names in their natural order, else the greatest value first, equals by their names.
pub fn ordered(values: &BTreeMap<String, f64>) -> Vec<String> {
    let mut names: Vec<String> = values.keys().cloned().collect();
    if let Some(order) = natural(&names) {
        names.sort_by_key(|name| order.get(name).copied());
        return names;
    }
    let value = |name: &String| values.get(name).copied().unwrap_or(0.0);
    names.sort_by(|a, b| value(b).total_cmp(&value(a)).then_with(|| a.cmp(b)));
    names
}

/// The points of a line, ascending by x, thinned out to so many: those that span the largest triangles with their
/// neighbours (Steinarsson 2013). The first and the last stay.
pub fn thinned(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    let (n, most) = (points.len(), most.max(3));
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    if n <= most {
        return points.to_vec();
    }
    let edge = |bucket: usize| 1 + bucket * (n - 2) / (most - 2);
    let mut kept = vec![*first];
    let mut before = *first;
    for bucket in 0..most - 2 {
        let here = points
            .get(edge(bucket)..edge(bucket + 1))
            .unwrap_or_default();
        let next = points
            .get(edge(bucket + 1)..edge(bucket + 2).min(n))
            .unwrap_or_default();
        let next = if next.is_empty() {
            std::slice::from_ref(last)
        } else {
            next
        };
        let count = next.len() as f64;
        let mean = (
            next.iter().map(|p| p.0 / count).sum::<f64>(),
            next.iter().map(|p| p.1 / count).sum::<f64>(),
        );
        let area = |p: &(f64, f64)| {
            ((before.0 - mean.0) * (p.1 - before.1) - (before.0 - p.0) * (mean.1 - before.1)).abs()
        };
        // The first of equals.
        let largest = here
            .iter()
            .rev()
            .max_by(|a, b| area(a).partial_cmp(&area(b)).unwrap_or(Ordering::Equal));
        if let Some(point) = largest {
            kept.push(*point);
            before = *point;
        }
    }
    kept.push(*last);
    kept
}

/// The width of bins of numbers: the rule of Freedman and Diaconis, or that of Sturges where it gives more bins, to the nearer
/// round number; at most so many bins, by rounding one or two more; whole for whole numbers.
pub fn bin_width(sorted: &[f64], whole: bool, most: f64) -> f64 {
    let (Some(lo), Some(hi)) = (sorted.first(), sorted.last()) else {
        return 1.0;
    };
    let quartile = |share: f64| {
        let at = (share * (sorted.len() - 1) as f64) as usize;
        sorted.get(at).copied().unwrap_or(0.0)
    };
    let spread = quartile(0.75) - quartile(0.25);
    let count = sorted.len() as f64;
    let range = hi - lo;
    if range <= 1e-12 * hi.abs().max(lo.abs()) || range < 1e-290 {
        return if *hi == 0.0 || whole {
            1.0
        } else {
            super::scale::nice(hi.abs() / 10.0)
        };
    }
    let sturges = range / (libm::log2(count) + 1.0).max(4.0);
    let least = range / most;
    let width = (2.0 * spread / libm::cbrt(count)).min(sturges).max(least);
    // Rounded up from 1.4 times less is the nearer; more bins than are asked for are always rounded up.
    let nice = super::scale::nice(width / 1.4).max(super::scale::nice(least));
    if whole { nice.max(1.0) } else { nice }
}

/// Numbers that say which of many rows are shown: those with the least, by their values alone.
pub fn lot(x: f64, y: f64) -> u64 {
    let mut hash = x.to_bits() ^ y.to_bits().rotate_left(32) ^ 0x9E37_79B9_7F4A_7C15;
    for multiplier in [0xBF58_476D_1CE4_E5B9u64, 0x94D0_49BB_1331_11EB] {
        hash = (hash ^ (hash >> 30)).wrapping_mul(multiplier);
    }
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_natural_order() {
        for (given, expected) in [
            (vec!["Fri", "Mon", "Wed"], "Mon Wed Fri"),
            (vec!["10月", "2月", "1月"], "1月 2月 10月"),
            (vec!["10-20", "0-10", "≥20"], "0-10 10-20 ≥20"),
            (vec!["Rock", "Jazz", "Pop"], "Pop Jazz Rock"),
            (vec!["M", "XS", "L"], "XS M L"),
        ] {
            let values = given
                .iter()
                .enumerate()
                .map(|(i, n)| ((*n).to_owned(), i as f64))
                .collect();
            assert_eq!(ordered(&values).join(" "), expected);
        }
    }

    #[test]
    fn a_thinned_line_keeps_its_peaks_and_ends() {
        let points: Vec<(f64, f64)> = (0..10_000)
            .map(|i| {
                (
                    f64::from(i),
                    if i == 5_432 { 100.0 } else { f64::from(i % 3) },
                )
            })
            .collect();
        for most in [3, 10, 100, 9_999] {
            let kept = thinned(&points, most);
            assert_eq!(kept.len(), most);
            assert!(
                kept.contains(&(5_432.0, 100.0))
                    && kept.contains(&(0.0, 0.0))
                    && kept[most - 1] == points[9_999]
            );
            assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
        }
        assert_eq!(thinned(&points[..2], 10).len(), 2);
    }

    #[test]
    fn bins_are_nice() {
        let numbers: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(bin_width(&numbers, true, 30.0), 100.0);
        assert_eq!(bin_width(&[1.0, 2.0, 3.0], true, 30.0), 1.0);
        assert_eq!(bin_width(&[2.5; 9], false, 30.0), 0.5);
        assert_eq!(bin_width(&[], false, 30.0), 1.0);
    }

    #[test]
    fn bins_are_about_as_many_as_the_rules_say() {
        for count in [20, 50, 100, 333, 1000, 10_000] {
            for range in [0.0013, 1.0, 1.7, 2.4, 3.1, 4.9, 7.7, 9.3, 52.0, 8e9] {
                let even: Vec<f64> = (0..count)
                    .map(|i| range * f64::from(i) / f64::from(count))
                    .collect();
                let sturges = libm::log2(f64::from(count)) + 1.0;
                for most in [3.0, 5.0, 20.0, 1000.0] {
                    let bins = (even[even.len() - 1] - even[0]) / bin_width(&even, false, most);
                    let rule = sturges.max(libm::cbrt(f64::from(count))).min(most);
                    assert!(
                        bins > rule / 2.6 && bins < most * 1.01 && bins < rule * 1.6,
                        "{count} {range} {most}: {bins} for {rule}"
                    );
                }
            }
        }
    }
}
