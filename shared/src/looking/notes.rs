//! What is odd about a column: a code, a count of values, a sentence.

use serde_json::{Value as Json, json};

use crate::series::words::{Language, number};

/// What was seen in the texts of a column.
#[derive(Clone, Default)]
pub struct Seen {
    numbers: u64,
    times: u64,
    blanks: u64,
    empty: u64,
    placeholders: u64,
    least: Option<Box<str>>,
    most: Option<Box<str>>,
}

/// Texts are told up to so many bytes.
const SHOWN: usize = 200;

/// Texts that stand for no value.
const PLACEHOLDERS: [&str; 12] = [
    "n/a", "na", "null", "none", "nil", "nan", "-", "--", "?", "unknown", "无", "未知",
];

impl Seen {
    /// Looks at a text.
    pub fn text(&mut self, text: &str) {
        let trimmed = text.trim();
        self.empty += u64::from(text.is_empty());
        self.blanks += u64::from(trimmed.len() < text.len());
        let first = trimmed.bytes().next().unwrap_or_default();
        // `inf` and `nan` parse, but nobody means a number.
        if first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.') {
            self.numbers += u64::from(trimmed.parse::<f64>().is_ok());
        }
        self.times += u64::from(is_time(trimmed));
        if trimmed.len() <= 9 {
            let lower = trimmed.to_lowercase();
            self.placeholders += u64::from(PLACEHOLDERS.contains(&lower.as_str()));
        }
        let shown = shown(text);
        if self.least.as_deref().is_none_or(|least| shown < least) {
            self.least = Some(shown.into());
        }
        if self.most.as_deref().is_none_or(|most| shown > most) {
            self.most = Some(shown.into());
        }
    }

    /// Takes over what another has seen.
    pub fn merge(&mut self, other: &Seen) {
        self.numbers += other.numbers;
        self.times += other.times;
        self.blanks += other.blanks;
        self.empty += other.empty;
        self.placeholders += other.placeholders;
        if let Some(least) = &other.least
            && self.least.as_ref().is_none_or(|mine| least < mine)
        {
            self.least = Some(least.clone());
        }
        if let Some(most) = &other.most
            && self.most.as_ref().is_none_or(|mine| most > mine)
        {
            self.most = Some(most.clone());
        }
    }

    /// The first text in the order of its bytes.
    pub fn least(&self) -> Option<&str> {
        self.least.as_deref()
    }

    /// The last one.
    pub fn most(&self) -> Option<&str> {
        self.most.as_deref()
    }

    /// Whether all of so many texts are dates or times.
    pub fn all_times(&self, texts: u64) -> bool {
        texts > 0 && self.times == texts
    }
}

/// The beginning of a text.
fn shown(text: &str) -> &str {
    let end = (0..=SHOWN.min(text.len()))
        .rev()
        .find(|i| text.is_char_boundary(*i));
    &text[..end.unwrap_or(0)]
}

/// Whether a text begins with a date, `2026-03-01`.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let two = |at: usize| {
        bytes
            .get(at..at + 2)
            .map(|d| (d[0] - b'0') * 10 + d[1] - b'0')
    };
    digits(0..4)
        && bytes.get(4) == Some(&b'-')
        && digits(5..7)
        && bytes.get(7) == Some(&b'-')
        && digits(8..10)
        && two(5).is_some_and(|month| (1..=12).contains(&month))
        && two(8).is_some_and(|day| (1..=31).contains(&day))
        && matches!(bytes.get(10), None | Some(b' ' | b'T'))
}

/// What is known of a column.
pub struct Facts<'a> {
    /// What it holds.
    pub kind: &'static str,
    /// Its rows, and those that are not NULL.
    pub rows: u64,
    /// See [`Self::rows`].
    pub known: u64,
    /// Those that are.
    pub nulls: u64,
    /// Different values; `None` if they were not counted.
    pub different: Option<u64>,
    /// Whether that is the true number.
    pub exact: bool,
    /// Whether values are of several types.
    pub mixed: bool,
    /// How many are texts.
    pub texts: u64,
    /// The skewness of its numbers.
    pub skew: Option<f64>,
    /// The quartiles of its numbers.
    pub quartiles: Option<(f64, f64)>,
    /// Its numbers in ascending order, with their counts.
    pub sorted: &'a [(f64, u64)],
    /// How many they are.
    pub finite: u64,
    /// How often the most frequent value comes.
    pub most: Option<u64>,
    /// Numbers that are not finite.
    pub nonfinite: u64,
}

/// The notes of a column, as a JSON array of `code`, `count` and `text`.
pub fn notes(seen: &Seen, facts: &Facts<'_>, language: Language) -> Json {
    let mut found: Vec<Json> = Vec::new();
    let mut note = |code: &str, count: u64, english: &str, chinese: &str| {
        let shown = number(count as f64);
        let text = language.say(english.replace('#', &shown), chinese.replace('#', &shown));
        found.push(json!({"code": code, "count": count, "text": text}));
    };
    let (rows, known) = (facts.rows, facts.known);
    if known == 0 {
        note(
            "empty",
            facts.nulls,
            "all # values are NULL",
            "全部 # 个值为空",
        );
    } else if facts.nulls * 5 > rows {
        note(
            "nulls",
            facts.nulls,
            "# values are NULL, more than a fifth",
            "# 个值为空，超过五分之一",
        );
    }
    if let Some(different) = facts.different.filter(|_| known > 1) {
        if different == 1 {
            note(
                "constant",
                known,
                "all # values are the same",
                "全部 # 个值相同",
            );
        } else if different == known && facts.exact {
            note(
                "unique",
                known,
                "all # values are different: it may be a key",
                "全部 # 个值各不相同，可作为键",
            );
        } else if facts.exact
            && different < known
            && (known - different) * 100 <= known
            && known >= 100
        {
            note(
                "nearly_unique",
                known - different,
                "# values are there a second time, though nearly all are different",
                "# 个值重复，其余各不相同",
            );
        }
        let most = facts
            .most
            .filter(|most| different > 1 && most * 10 >= known * 9);
        if let Some(most) = most {
            note(
                "dominant",
                most,
                "one value makes # of the values, nine of ten or more",
                "某个值出现 # 次，占九成以上",
            );
        }
    }
    if facts.mixed {
        note(
            "mixed",
            known,
            "the # values are of several types",
            "这 # 个值的类型不一",
        );
    }
    if facts.texts > 0 {
        let texts = facts.texts;
        if seen.numbers * 20 >= texts * 19 {
            note(
                "numbers_as_text",
                seen.numbers,
                "# texts look like numbers",
                "# 个文本看似数字",
            );
        } else if seen.times * 20 >= texts * 19 {
            note(
                "times_as_text",
                seen.times,
                "# texts look like dates",
                "# 个文本看似日期",
            );
        }
        if seen.blanks > 0 {
            note(
                "blanks",
                seen.blanks,
                "# texts have blanks at an end",
                "# 个文本首尾有空白",
            );
        }
        if seen.empty > 0 {
            note(
                "empty_texts",
                seen.empty,
                "# texts are empty",
                "# 个文本为空串",
            );
        }
        if seen.placeholders > 0 {
            note(
                "placeholders",
                seen.placeholders,
                "# texts seem to stand for a missing value",
                "# 个文本似为缺失值的占位",
            );
        }
    }
    if facts.nonfinite > 0 {
        note(
            "nonfinite",
            facts.nonfinite,
            "# numbers are infinite or NaN",
            "# 个数为无穷或非数",
        );
    }
    if facts.kind == "integer" || facts.kind == "number" {
        if facts.skew.is_some_and(|skew| skew.abs() > 2.0) {
            note(
                "skewed",
                facts.finite,
                "the # numbers lie far more to one side of their mean",
                "这 # 个数明显偏向一侧",
            );
        }
        if let Some((low, high)) = facts.quartiles.filter(|(low, high)| high > low) {
            let width = 3.0 * (high / 2.0 - low / 2.0) * 2.0;
            let far = facts
                .sorted
                .iter()
                .filter(|(v, _)| *v < low - width || *v > high + width);
            let far: u64 = far.map(|(_, n)| n).sum();
            if far > 0 {
                note(
                    "outliers",
                    far,
                    "# numbers are farther from the quartiles than three times their distance",
                    "# 个数离四分位数超过三倍四分位距",
                );
            }
        }
        let codes = facts
            .sorted
            .iter()
            .filter(|(v, n)| [-1.0, -99.0, -999.0, 99.0, 999.0, 9999.0].contains(v) && *n > 1);
        let apart = |value: f64| {
            // Apart from all other numbers: at an end of them, by more than their distance of quartiles.
            let at = facts.sorted.partition_point(|(v, _)| *v < value);
            let gap = match at {
                0 => facts.sorted.get(1).map(|(next, _)| next - value),
                at if at + 1 == facts.sorted.len() => at
                    .checked_sub(1)
                    .and_then(|i| facts.sorted.get(i))
                    .map(|(before, _)| value - before),
                _ => None,
            };
            let width = facts
                .quartiles
                .map_or(f64::INFINITY, |(low, high)| high - low);
            gap.is_some_and(|gap| gap > width)
        };
        let codes: u64 = codes.filter(|(v, _)| apart(*v)).map(|(_, n)| n).sum();
        if codes > 0 {
            note(
                "codes",
                codes,
                "# numbers like -1 or 999 lie apart from all others and may be codes",
                "# 个形如 -1 或 999 的数远离其余，可能是代码",
            );
        }
    }
    Json::Array(found)
}
