//! What a column holds: counts, moments, quantiles, the most frequent values, and what is odd about it.

use serde_json::{Value as Json, json};

use crate::looking::counts::{Numbers, Texts, hash};
use crate::looking::notes::{Seen, notes};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Fold, FoldState};
use crate::series::words::{LANG, Language};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The options of `lumos_column_of`.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "top",
        ty: OptionType::Integer(0, 1000),
        default: "5",
        doc: "how many of the most frequent values",
    },
    OptionDef {
        name: "bins",
        ty: OptionType::Integer(1, 1000),
        default: "30",
        doc: "the most bins of the histogram",
    },
    LANG,
];

/// Of `lumos_column_of`.
pub const FOLD: Fold = Fold::new::<Column>(
    "column_of",
    &[
        Param::optional("x", Type::Any),
        Param::optional("type", Type::Text),
        Param::optional("options", Type::Json),
    ],
    &[("column", Type::Json)],
);

/// The quantiles that are told.
const QUANTILES: [(&str, f64); 7] = [
    ("p1", 0.01),
    ("p5", 0.05),
    ("p25", 0.25),
    ("p50", 0.5),
    ("p75", 0.75),
    ("p95", 0.95),
    ("p99", 0.99),
];

/// The column's values so far.
#[derive(Clone, Default)]
struct Column {
    asked: Option<Asked>,
    /// The name of the type of the first value that is not NULL, and whether others are of another.
    ty: Option<Box<str>>,
    mixed: bool,
    nulls: u64,
    nan: u64,
    infinite: u64,
    numbers: Numbers,
    /// How many values are numbers, and how many of them are whole.
    numeric: u64,
    whole: u64,
    /// How many were whole numbers of 64 bits before they became doubles, the least of them and the largest.
    integers: (u64, [i64; 2]),
    texts: Texts,
    textual: u64,
    blobs: u64,
    /// The lengths of texts in characters, of BLOBs in bytes: least, sum, most.
    lengths: Option<[u64; 3]>,
    seen: Seen,
}

#[derive(Clone)]
struct Asked {
    text: String,
    top: usize,
    bins: usize,
    language: Language,
}

impl Asked {
    fn read(text: &str) -> Result<Asked> {
        let given = (!text.is_empty()).then_some(text);
        let options = Options::parse(OPTIONS, given)?;
        let count = |name: &str, default: usize| {
            let given = options.integer(name);
            given.map_or(default, |n| usize::try_from(n).unwrap_or(default))
        };
        Ok(Asked {
            text: text.to_owned(),
            top: count("top", 5),
            bins: count("bins", 30),
            language: Language::of(&options),
        })
    }
}

/// Whether the values of a type of DuckDB, given as texts, are numbers.
fn is_number(ty: &str) -> bool {
    let name = ty.split('(').next().unwrap_or_default();
    matches!(
        name,
        "TINYINT"
            | "SMALLINT"
            | "INTEGER"
            | "BIGINT"
            | "HUGEINT"
            | "UTINYINT"
            | "USMALLINT"
            | "UINTEGER"
            | "UBIGINT"
            | "UHUGEINT"
            | "FLOAT"
            | "DOUBLE"
            | "DECIMAL"
    )
}

/// Whole numbers up to this are doubles; the next one is rounded to it.
const WHOLE: u64 = 1 << 53;

/// Whether a double may not tell a decimal number from its neighbours.
fn is_rounded(text: &str, value: f64) -> bool {
    if value.fract() == 0.0 && value.abs() <= WHOLE as f64 {
        let next = WHOLE + 1;
        return value.abs() == WHOLE as f64 && text.contains(&next.to_string());
    }
    let text = if text.contains('.') {
        text.trim_end_matches('0')
    } else {
        text
    };
    let digits = text.trim_start_matches(['-', '0', '.']);
    digits.bytes().filter(u8::is_ascii_digit).count() > 15
}

impl FoldState for Column {
    fn start(_: &str) -> Result<Self> {
        Ok(Column::default())
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let text = |i: usize| match row.get(i) {
            Some(ValueRef::Text(text)) => *text,
            _ => "",
        };
        match &self.asked {
            None => self.asked = Some(Asked::read(text(2))?),
            Some(asked) if asked.text == text(2) => {}
            Some(_) => {
                return Err(Error::new(
                    "options are not the same in all rows of a group; GROUP BY them",
                ));
            }
        }
        let value = row.first().copied().unwrap_or(ValueRef::Null);
        let ty = text(1);
        let ty = match value {
            ValueRef::Null => {
                self.nulls += 1;
                return Ok(());
            }
            _ if !ty.is_empty() => ty,
            ValueRef::Integer(_) => "integer",
            ValueRef::Real(_) => "real",
            ValueRef::Text(_) => "text",
            _ => "blob",
        };
        match &self.ty {
            None => self.ty = Some(ty.into()),
            Some(first) => self.mixed |= **first != *ty,
        }
        match value {
            ValueRef::Integer(value) => {
                self.integer(value);
                let rounded = value.unsigned_abs() > WHOLE;
                self.number(value as f64, rounded.then(|| hash(&value.to_string())));
            }
            ValueRef::Real(value) => self.number(value, None),
            ValueRef::Text(text) => match is_number(ty).then(|| text.parse::<f64>()) {
                Some(Ok(value)) => {
                    if let Ok(value) = text.parse() {
                        self.integer(value);
                    }
                    let rounded = !matches!(ty, "FLOAT" | "DOUBLE") && is_rounded(text, value);
                    self.number(value, rounded.then(|| hash(text)));
                }
                _ => self.text(text),
            },
            ValueRef::Blob(bytes) => {
                self.blobs += 1;
                self.length(bytes.len() as u64);
            }
            _ => self.blobs += 1,
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        if self.asked.is_none() {
            self.asked.clone_from(&other.asked);
        }
        self.mixed |= other.mixed;
        match (&self.ty, &other.ty) {
            (None, _) => self.ty.clone_from(&other.ty),
            (Some(mine), Some(theirs)) => self.mixed |= mine != theirs,
            (Some(_), None) => {}
        }
        let (count, [least, most]) = other.integers;
        if count > 0 {
            let mine = self.integers.0;
            self.integer(least);
            self.integer(most);
            self.integers.0 = mine + count;
        }
        for (mine, theirs) in [
            (&mut self.nulls, other.nulls),
            (&mut self.nan, other.nan),
            (&mut self.infinite, other.infinite),
            (&mut self.numeric, other.numeric),
            (&mut self.whole, other.whole),
            (&mut self.textual, other.textual),
            (&mut self.blobs, other.blobs),
        ] {
            *mine += theirs;
        }
        self.numbers.merge(&other.numbers);
        self.texts.merge(&other.texts);
        self.seen.merge(&other.seen);
        if let Some([least, sum, most]) = other.lengths {
            let mine = self.lengths.get_or_insert([u64::MAX, 0, 0]);
            *mine = [mine[0].min(least), mine[1] + sum, mine[2].max(most)];
        }
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        match &self.asked {
            Some(asked) => emit(vec![Value::Text(self.told(asked).to_string())]),
            None => Ok(()),
        }
    }
}

impl Column {
    /// Takes a whole number with all of its digits.
    fn integer(&mut self, value: i64) {
        let (count, [least, most]) = self.integers;
        self.integers = match count {
            0 => (1, [value; 2]),
            _ => (count + 1, [least.min(value), most.max(value)]),
        };
    }

    /// Takes a number; see [`Numbers::add`].
    fn number(&mut self, value: f64, before: Option<u64>) {
        self.numeric += 1;
        if value.is_nan() {
            self.nan += 1;
        } else if value.is_infinite() {
            self.infinite += 1;
        } else {
            self.whole += u64::from(value.fract() == 0.0);
            self.numbers.add(value, before);
        }
    }

    fn text(&mut self, text: &str) {
        self.textual += 1;
        self.length(text.chars().count() as u64);
        self.seen.text(text);
        self.texts.add(text, 1);
    }

    fn length(&mut self, length: u64) {
        let [least, sum, most] = self.lengths.unwrap_or([u64::MAX, 0, 0]);
        self.lengths = Some([least.min(length), sum + length, most.max(length)]);
    }

    fn told(&self, asked: &Asked) -> Json {
        let sorted = self.numbers.sorted();
        let known = self.numeric + self.textual + self.blobs;
        let finite: u64 = sorted.iter().map(|(_, n)| n).sum();
        let moments = moments(&sorted, finite);
        let (numbers, counted) = self.numbers.different();
        let exact = counted && self.texts.exact() && self.blobs == 0;
        let odd = u64::from(self.nan > 0) + u64::from(self.infinite > 0);
        let different = (numbers + odd + self.texts.different()).min(known - self.blobs);
        let [least, most] = match self.numbers.range() {
            Some(_) if self.integers.0 == self.numeric => {
                self.integers.1.map(|end| Some(end.into()))
            }
            Some(range) => range.map(|end| Some(number(end))),
            None => [self.seen.least(), self.seen.most()].map(|text| text.map(Json::from)),
        };
        let quantile = |share: f64| {
            // The value at the place that the share has, from 0 to the last one, between two in a straight line.
            let place = share * finite.checked_sub(1)? as f64;
            let at = |place: u64| {
                let mut before = 0;
                sorted.iter().find(|(_, n)| {
                    before += n;
                    before > place
                })
            };
            let (below, part) = (at(place as u64)?.0, place.fract());
            match at(place as u64 + 1) {
                Some((above, _)) if part > 0.0 => Some(below * (1.0 - part) + above * part),
                _ => Some(below),
            }
        };
        let quantiles: Vec<Option<f64>> = QUANTILES.iter().map(|(_, q)| quantile(*q)).collect();
        let top = self.top(&sorted, asked.top);
        let kind = self.kind(known, different);
        let notes = notes(
            &self.seen,
            &crate::looking::notes::Facts {
                kind,
                rows: known + self.nulls,
                known,
                nulls: self.nulls,
                different: (self.blobs == 0).then_some(different),
                exact,
                mixed: self.mixed,
                texts: self.textual,
                skew: moments.map(|m| m[2]),
                quartiles: quantiles[2].zip(quantiles[4]),
                sorted: &sorted,
                finite,
                most: top.first().and_then(|value| value["count"].as_u64()),
                nonfinite: self.nan + self.infinite,
            },
            asked.language,
        );
        let named = QUANTILES.iter().zip(&quantiles).filter(|_| finite > 0);
        let named: serde_json::Map<String, Json> = named
            .map(|((name, _), q)| ((*name).to_owned(), json!(q)))
            .collect();
        let count = |of: fn(f64) -> bool| {
            let found = sorted.iter().filter(|(v, _)| of(*v));
            (self.numeric > 0).then(|| found.map(|(_, n)| n).sum::<u64>())
        };
        json!({
            "type": self.ty.as_deref(),
            "kind": kind,
            "rows": known + self.nulls,
            "nulls": self.nulls,
            "uniques": (self.blobs == 0).then_some(different),
            "uniques_exact": exact,
            "min": least,
            "max": most,
            "mean": self.numbers.mean(finite.max(1)),
            "sd": moments.filter(|_| finite > 1).map(|m| m[1]),
            "skew": moments.filter(|m| m[1] > 0.0).map(|m| m[2]),
            "kurtosis": moments.filter(|m| m[1] > 0.0).map(|m| m[3]),
            "quantiles": (finite > 0).then_some(named),
            "zeros": count(|v| v == 0.0),
            "negatives": count(|v| v < 0.0),
            "nonfinite": (self.numeric > 0).then_some(self.nan + self.infinite),
            "lengths": self.lengths.map(|[least, sum, most]| {
                json!([least, sum as f64 / (self.textual + self.blobs).max(1) as f64, most])
            }),
            "top": top,
            "histogram": (finite > 0).then(|| histogram(&sorted, finite, quantiles[2].zip(quantiles[4]), asked.bins)),
            "notes": notes,
        })
    }

    /// The most frequent values, equal ones by their value, numbers first; none where not all values are kept.
    fn top(&self, sorted: &[(f64, u64)], most: usize) -> Vec<Json> {
        if !self.numbers.exact() || !self.texts.exact() {
            return Vec::new();
        }
        let mut texts: Vec<(&str, u64)> = self.texts.kept().collect();
        texts.sort_unstable();
        let numbers = sorted.iter().map(|(v, n)| (number(*v), *n));
        let texts = texts.into_iter().map(|(t, n)| (Json::from(t), n));
        let mut all: Vec<(Json, u64)> = numbers.chain(texts).collect();
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all.truncate(most);
        let shown = |(value, count)| json!({"value": value, "count": count});
        all.into_iter().map(shown).collect()
    }

    fn kind(&self, known: u64, different: u64) -> &'static str {
        let ty = self.ty.as_deref().unwrap_or_default();
        match () {
            () if known == 0 => "empty",
            () if self.blobs > 0 => "other",
            () if ty.eq_ignore_ascii_case("BOOLEAN") => "boolean",
            () if ty.starts_with("DATE") || ty.starts_with("TIME") => "time",
            () if self.numeric > 0 && self.textual > 0 => "mixed",
            () if self.numeric > 0 && self.whole == self.numeric => "integer",
            () if self.numeric > 0 => "number",
            () if self.seen.all_times(self.textual) => "time",
            () if different <= 50 => "category",
            () => "text",
        }
    }
}

/// A whole number without its point.
fn number(value: f64) -> Json {
    match crate::value::whole(value) {
        Some(whole) if value.abs() < 9e15 => Json::from(whole),
        _ => Json::from(value),
    }
}

/// Mean, standard deviation, skewness and excess kurtosis.
fn moments(sorted: &[(f64, u64)], finite: u64) -> Option<[f64; 4]> {
    if finite == 0 {
        return None;
    }
    let n = finite as f64;
    let most = sorted
        .iter()
        .fold(0.0_f64, |most, (x, _)| most.max(x.abs()));
    if most == 0.0 || sorted.len() == 1 {
        return Some([sorted[0].0, 0.0, 0.0, 0.0]);
    }
    let scale = libm::exp2(libm::floor(libm::log2(most)).min(1023.0));
    let mean = sorted
        .iter()
        .map(|(x, count)| x / scale * *count as f64)
        .sum::<f64>()
        / n;
    let power = |p: i32| {
        let powers = sorted.iter().map(|(x, count)| {
            let off = x / scale - mean;
            *count as f64 * (1..p).fold(off, |product, _| product * off)
        });
        powers.sum::<f64>() / n
    };
    let variance = power(2);
    let sd = libm::sqrt(variance);
    Some([
        mean * scale,
        libm::sqrt(variance * n / (n - 1.0)) * scale,
        power(3) / (sd * variance),
        power(4) / (variance * variance) - 3.0,
    ])
}

/// Bins as wide as Freedman and Diaconis say, at most so many: the first edge, the width, the counts.
fn histogram(
    sorted: &[(f64, u64)],
    finite: u64,
    quartiles: Option<(f64, f64)>,
    most: usize,
) -> Json {
    let (Some((least, _)), Some((greatest, _))) = (sorted.first(), sorted.last()) else {
        return Json::Null;
    };
    // Halves, since the range of all doubles is none.
    let half = greatest / 2.0 - least / 2.0;
    let spread = quartiles.map_or(0.0, |(low, high)| high / 2.0 - low / 2.0);
    let wide = 2.0 * spread / libm::cbrt(finite as f64);
    let wanted = if wide > 0.0 {
        libm::ceil(half / wide)
    } else {
        most as f64
    };
    let bins = if half == 0.0 {
        1
    } else {
        (wanted as usize).clamp(1, most)
    };
    let mut counts = vec![0; bins];
    for (value, count) in sorted {
        let place = if half > 0.0 {
            (value / 2.0 - least / 2.0) / half * bins as f64
        } else {
            0.0
        };
        counts[(place as usize).min(bins - 1)] += count;
    }
    json!({"from": least, "width": half / bins as f64 * 2.0, "counts": counts})
}

#[cfg(test)]
mod tests;
