//! The rows of a query in words: how many there are, the first and the last, and what its numbers run to.

use serde_json::{Map, Value as Json};

use super::{Lang, fill};
use crate::options::shortened;

/// Columns that are told of a row.
const COLUMNS: usize = 6;

/// Rows of a query, each a JSON object in the order of its columns, and whether there are more.
#[derive(Debug, Clone, Default)]
pub struct Narration {
    rows: Vec<Map<String, Json>>,
    more: bool,
}

impl Narration {
    /// Takes a row. One that is no object is left out.
    pub fn add(&mut self, row: Json) {
        if let Json::Object(row) = row {
            self.rows.push(row);
        }
    }

    /// Says that there are more rows than it was given.
    pub fn and_more(&mut self) {
        self.more = true;
    }

    /// What the rows say.
    pub fn text(&self, lang: Lang) -> String {
        lang.spaced(self.sentences(lang))
    }

    fn sentences(&self, lang: Lang) -> String {
        let say = lang.phrases();
        let told = |row: &Map<String, Json>| {
            let values = row.iter().take(COLUMNS);
            let values =
                values.map(|(name, value)| fill(say.value, &[name, &shown(value, say.null)]));
            values.collect::<Vec<_>>().join(say.comma)
        };
        let (first, last) = match self.rows.as_slice() {
            [] => return say.no_rows.into(),
            [only] if !self.more => return fill(say.sentence, &[&told(only)]),
            [first, .., last] => (first, last),
            [first] => (first, first),
        };
        let template = if self.more {
            say.rows_at_least
        } else {
            say.rows
        };
        let mut sentences = vec![
            fill(template, &[&self.rows.len().to_string()]),
            fill(say.first, &[&told(first)]),
        ];
        if !self.more {
            sentences.push(fill(say.last, &[&told(last)]));
            sentences.extend(
                first
                    .keys()
                    .take(COLUMNS)
                    .filter_map(|name| self.range(name, lang)),
            );
        }
        sentences.join(say.space)
    }

    /// From where to where a column of numbers goes, and their sum. `None` for other columns, and for names of rows.
    fn range(&self, name: &str, lang: Lang) -> Option<String> {
        let key = name.to_lowercase();
        if key == "id" || key.ends_with("id") || key == "year" {
            return None;
        }
        let values = self.rows.iter().filter_map(|row| row.get(name));
        let values: Option<Vec<f64>> = values.filter(|v| !v.is_null()).map(Json::as_f64).collect();
        let values = values.filter(|values| values.len() > 1)?;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = values.iter().sum();
        let parts = [least, most, total].map(number);
        let say = lang.phrases();
        let template = if adds_up(&key) {
            say.range
        } else {
            say.range_alone
        };
        Some(fill(template, &[name, &parts[0], &parts[1], &parts[2]]))
    }
}

/// Whether the sum of a column says something, by what SQL calls it: means, extremes, ranks and shares have none.
fn adds_up(name: &str) -> bool {
    let function = name.split('(').next().unwrap_or_default().trim();
    let alone = [
        "avg",
        "average",
        "mean",
        "median",
        "min",
        "max",
        "rank",
        "dense_rank",
        "row_number",
        "percent_rank",
        "ntile",
        "percentile",
        "stddev",
        "variance",
        "lag",
        "lead",
        "share",
        "percent",
        "percentage",
        "pct",
        "ratio",
        "rate",
        "growth",
        "age",
        "price",
        "score",
    ];
    let mut words = function.split(|c: char| !c.is_alphanumeric());
    let said = alone.contains(&function) || words.any(|w| alone.contains(&w));
    let window = name.contains(" over ") || name.contains(" over(");
    !said && !window && !name.contains('/') && !name.contains("avg(")
}

/// A number without the noise of a sum of binary fractions.
fn number(value: f64) -> String {
    format!("{}", (value * 1e6).round() / 1e6)
}

/// A number of a row, with as many digits as it surely has.
fn plain(value: f64) -> String {
    let digits = 14_usize.saturating_sub(value.abs().max(1.0).log10() as usize);
    let text = format!("{value:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    // What is that small or great is written as it is.
    if text.parse() == Ok(0.0) && value != 0.0 || value.abs() >= 1e15 {
        return value.to_string();
    }
    text.to_owned()
}

fn shown(value: &Json, null: &str) -> String {
    match value {
        Json::Null => null.into(),
        Json::String(text) => shortened(text),
        Json::Number(n) if n.is_f64() => n.as_f64().map_or_else(|| n.to_string(), plain),
        other => shortened(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(rows: &[Json], more: bool, lang: Lang) -> String {
        let mut narration = Narration::default();
        rows.iter().cloned().for_each(|row| narration.add(row));
        if more {
            narration.and_more();
        }
        narration.text(lang)
    }

    #[test]
    fn rows_are_told() {
        assert_eq!(told(&[], false, Lang::English), "There are no rows.");
        assert_eq!(
            told(&[json!({"n": 347})], false, Lang::English),
            "n is 347."
        );
        assert_eq!(
            told(&[json!({"n": 347})], false, Lang::Chinese),
            "n 为 347。"
        );
        let rows = [
            json!({"name": "a", "n": 1.1}),
            json!({"name": null, "n": 2.2}),
        ];
        assert_eq!(
            told(&rows, false, Lang::English),
            "There are 2 rows. The first: name is a, n is 1.1. The last: name is nothing, n is 2.2. n goes from 1.1 to 2.2, 3.3 in all."
        );
        assert_eq!(
            told(&rows, true, Lang::Chinese),
            "超过 2 行。第一行：name 为 a、n 为 1.1。"
        );
    }
}
