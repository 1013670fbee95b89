//! Whether the values of a column are distributed as others: by the population stability index over parts of equally many
//! values, texts and NULL, or by the distance of Kolmogorov and Smirnov.

use serde_json::Value as Json;

use crate::looking::cells::{self, Cell};
use crate::looking::counts::{Numbers, Texts};
use crate::options::shortened;
use crate::series::words::{Language, number};
use crate::{Error, Result};

/// Before a value of the rows that are looked at.
pub const OF_ROWS: char = 'n';
/// Before a value of what they are held against.
pub const OF_BASELINE: char = 'b';

/// Of fewer rows on either side nothing is known.
const FEWEST: u64 = 30;
/// The parts into which numbers are cut.
const PARTS: u64 = 10;
/// The texts that are told apart, those that are most frequent in what the values are held against.
const TEXTS: usize = 49;

/// The values on both sides, in bounded memory.
#[derive(Debug, Clone, Default)]
pub struct Drift {
    rows: Side,
    baseline: Side,
}

#[derive(Debug, Clone, Default)]
struct Side {
    numbers: Numbers,
    texts: Texts,
    /// How many are numbers, texts, and nothing.
    counts: [u64; 3],
}

impl Side {
    fn add(&mut self, cell: &Cell<'_>) {
        let at = match cell {
            Cell::Number(value) => {
                self.numbers.add(*value, None);
                0
            }
            Cell::Text(text) => {
                self.texts.add(text, 1);
                1
            }
            Cell::Null | Cell::Nested => 2,
        };
        self.counts[at] += 1;
    }

    fn merge(&mut self, other: &Side) {
        self.numbers.merge(&other.numbers);
        self.texts.merge(&other.texts);
        let both = self.counts.iter_mut().zip(other.counts);
        both.for_each(|(mine, theirs)| *mine += theirs);
    }

    fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The numbers at which parts begin, of about equally many; equal ones stay together.
    fn edges(&self) -> Vec<f64> {
        let enough = self.counts[0].div_ceil(PARTS);
        let (mut edges, mut count) = (Vec::new(), 0);
        for (value, times) in self.numbers.sorted() {
            if count >= enough {
                edges.push(value);
                count = 0;
            }
            count += times;
        }
        edges
    }

    /// How many values are in each part of the numbers.
    fn parts(&self, edges: &[f64]) -> Vec<u64> {
        let mut parts = vec![0; edges.len() + 1];
        for (value, times) in self.numbers.sorted() {
            parts[edges.partition_point(|edge| *edge <= value)] += times;
        }
        parts
    }

    /// The most frequent texts; of equals those that come first.
    fn frequent(&self) -> Vec<(String, u64)> {
        let mut all: Vec<(&str, u64)> = self.texts.kept().collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.truncate(TEXTS);
        all.into_iter().map(|(t, n)| (t.to_owned(), n)).collect()
    }
}

/// How what the values are held against is divided.
struct Expected {
    edges: Vec<f64>,
    parts: Vec<u64>,
    texts: Vec<(String, u64)>,
    /// Texts in all, and NULLs.
    textual: u64,
    nulls: u64,
}

impl Expected {
    fn of_rows(side: &Side) -> Expected {
        let edges = side.edges();
        Expected {
            parts: side.parts(&edges),
            edges,
            texts: side.frequent(),
            textual: side.counts[1],
            nulls: side.counts[2],
        }
    }

    /// As `lumos_column_of` says it: the bins of its histogram, put together until each has a tenth of the numbers.
    fn of_profile(profile: &Json) -> Expected {
        // Sums of what the caller gives are to fit, too.
        let whole = |json: &Json| json.as_u64().unwrap_or(0).min(1 << 44);
        let histogram = &profile["histogram"];
        let counts: Vec<u64> = histogram["counts"]
            .as_array()
            .map_or(Vec::new(), |counts| counts.iter().map(whole).collect());
        let from = histogram["from"].as_f64().unwrap_or(0.0);
        let width = histogram["width"].as_f64().unwrap_or(0.0);
        let numbers: u64 = counts.iter().sum();
        let (mut edges, mut parts) = (Vec::new(), vec![0]);
        for (i, count) in counts.into_iter().enumerate() {
            let last = parts.len() - 1;
            if parts[last] >= numbers.div_ceil(PARTS) {
                edges.push(from + width * i as f64);
                parts.push(count);
            } else {
                parts[last] += count;
            }
        }
        let top = profile["top"].as_array().map_or(&[][..], Vec::as_slice);
        let texts: Vec<(String, u64)> = top
            .iter()
            .filter_map(|one| Some((one["value"].as_str()?.to_owned(), whole(&one["count"]))))
            .collect();
        let nulls = whole(&profile["nulls"]) + whole(&profile["nonfinite"]);
        Expected {
            edges,
            parts,
            texts,
            textual: whole(&profile["rows"]).saturating_sub(nulls + numbers),
            nulls,
        }
    }

    fn rows(&self) -> u64 {
        self.parts.iter().sum::<u64>() + self.textual + self.nulls
    }

    /// What a part is called in a sentence.
    fn name(&self, place: usize, language: Language) -> String {
        let parts = self.parts.len();
        if place >= parts {
            return match self.texts.get(place - parts) {
                Some((text, _)) => shortened(text),
                None if place == parts + self.texts.len() => {
                    language.say("other texts", "其他文本")
                }
                None => "NULL".into(),
            };
        }
        let edge = |i: usize| self.edges.get(i).map(|edge| number(*edge));
        match (place.checked_sub(1).and_then(edge), edge(place)) {
            (None, None) => language.say("numbers", "数值"),
            (None, Some(to)) => language.say(format!("below {to}"), format!("小于 {to}")),
            (Some(from), None) => language.say(format!("from {from} on"), format!("{from} 及以上")),
            (Some(from), Some(to)) => {
                language.say(format!("{from} to {to}"), format!("{from} 至 {to}"))
            }
        }
    }
}

impl Drift {
    /// Takes a value: the letter of its side, and an array of it. Errors if it is none.
    pub fn add(&mut self, found: &str) -> Result<()> {
        let wrong = || Error::new("a value is no JSON; only the SQL of a function calls it");
        let side = if found.starts_with(OF_BASELINE) {
            &mut self.baseline
        } else {
            &mut self.rows
        };
        let cells = cells::array(found.get(1..).ok_or_else(wrong)?)?;
        side.add(cells.first().ok_or_else(wrong)?);
        Ok(())
    }

    /// Takes over what another has read.
    pub fn merge(&mut self, other: &Drift) {
        self.rows.merge(&other.rows);
        self.baseline.merge(&other.baseline);
    }

    /// Whether both are alike, and by what; `None` of too few rows.
    pub fn judge(&self, test: &Json, language: Language) -> (Option<bool>, String) {
        let kept = &test["kept"];
        let expected = if kept.is_null() {
            Expected::of_rows(&self.baseline)
        } else {
            Expected::of_profile(kept)
        };
        let max = test["max"].as_f64().unwrap_or(0.2);
        let few = expected.rows().min(self.rows.rows()) < FEWEST;
        if few {
            let said = language.say(
                format!("fewer than {FEWEST} rows"),
                format!("少于 {FEWEST} 行"),
            );
            return (None, said);
        }
        if test["measure"] == "ks" {
            return match self.distance(&expected, kept.is_null()) {
                Some(distance) => (Some(distance < max), format!("KS {}", number(distance))),
                None => (None, language.say("no numbers", "没有数值")),
            };
        }
        let (index, most) = self.stability(&expected);
        let Some((place, before, after)) = most else {
            return (None, language.say("no values", "没有值"));
        };
        let (shown, name) = (number(index), expected.name(place, language));
        let (before, after) = (number(before * 100.0), number(after * 100.0));
        if before == after {
            return (Some(index < max), format!("PSI {shown}"));
        }
        let said = language.say(
            format!("PSI {shown}; {name} changed most: {before} % became {after} %"),
            format!("PSI {shown}，变化最大的是 {name}：由 {before}% 变为 {after}%"),
        );
        (Some(index < max), said)
    }

    /// The population stability index, and the part that accounts for most of it with its shares before and now.
    fn stability(&self, expected: &Expected) -> (f64, Option<(usize, f64, f64)>) {
        let named: u64 = expected.texts.iter().map(|(_, count)| count).sum();
        let before = expected.parts.iter().copied();
        let before = before
            .chain(expected.texts.iter().map(|(_, count)| *count))
            .chain([expected.textual.saturating_sub(named), expected.nulls]);
        let before: Vec<u64> = before.collect();
        let mut now = self.rows.parts(&expected.edges);
        let kept: std::collections::HashMap<&str, u64> = self.rows.texts.kept().collect();
        let of = |text: &String| kept.get(text.as_str()).copied().unwrap_or(0);
        let texts: Vec<u64> = expected.texts.iter().map(|(text, _)| of(text)).collect();
        let rest = self.rows.counts[1].saturating_sub(texts.iter().sum());
        now.extend(texts);
        now.extend([rest, self.rows.counts[2]]);
        // Parts that neither has say nothing. Half a row more in each, so that none is without any.
        let used = || before.iter().zip(&now).filter(|(a, b)| **a + **b > 0);
        let parts = used().count() as f64;
        let share = |count: u64, counts: &[u64]| {
            (count as f64 + 0.5) / (counts.iter().sum::<u64>() as f64 + 0.5 * parts)
        };
        let (mut index, mut most) = (0.0, None);
        let mut largest = -1.0;
        for (place, (a, b)) in before.iter().zip(&now).enumerate() {
            if a + b == 0 {
                continue;
            }
            let (p, q) = (share(*a, &before), share(*b, &now));
            let part = (q - p) * libm::log(q / p);
            index += part;
            if part > largest {
                let plain = |n: u64, all: &[u64]| n as f64 / all.iter().sum::<u64>().max(1) as f64;
                (largest, most) = (part, Some((place, plain(*a, &before), plain(*b, &now))));
            }
        }
        (index, most)
    }

    /// The largest distance of both distribution functions of the numbers: at every number, or at the edges of the parts.
    fn distance(&self, expected: &Expected, at_all: bool) -> Option<f64> {
        let numbers: u64 = expected.parts.iter().sum();
        if numbers == 0 || self.rows.counts[0] == 0 {
            return None;
        }
        let (n, m) = (self.rows.counts[0] as f64, numbers as f64);
        if !at_all {
            let now = self.rows.parts(&expected.edges);
            let (mut a, mut b, mut most) = (0, 0, 0.0_f64);
            for (x, y) in now.iter().zip(&expected.parts) {
                (a, b) = (a + x, b + y);
                most = most.max((a as f64 / n - b as f64 / m).abs());
            }
            return Some(most);
        }
        let (now, before) = (self.rows.numbers.sorted(), self.baseline.numbers.sorted());
        let signed = now.iter().map(|(v, c)| (*v, *c as f64 / n));
        let signed = signed.chain(before.iter().map(|(v, c)| (*v, -(*c as f64) / m)));
        let mut steps: Vec<(f64, f64)> = signed.collect();
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut height, mut most) = (0.0, 0.0_f64);
        for equal in steps.chunk_by(|a, b| a.0 == b.0) {
            height += equal.iter().map(|(_, step)| step).sum::<f64>();
            most = most.max(height.abs());
        }
        Some(most)
    }
}
