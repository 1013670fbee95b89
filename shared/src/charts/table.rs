//! What the columns of the rows are: times, numbers, categories.

use std::collections::BTreeSet;

use super::rows::Kept;
use crate::calendar::civil;
use crate::mirror::time::{parse_date, parse_timestamp};
use crate::objects::Cell;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Dates, times, months like 2026-03, years.
    Time,
    /// Numbers.
    Number,
    /// Texts.
    Category,
    /// What names a row and counts nothing.
    Id,
    /// No value at all, or values that are no numbers, texts or times.
    Other,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Of times seconds since 1970, of categories NaN; NaN where there is no value. By rows.
    pub numbers: Vec<f64>,
    /// Of categories, by rows. `None` is NULL.
    pub texts: Vec<Option<Box<str>>>,
    /// How many different values there are.
    pub distinct: usize,
    /// Whether all its numbers are whole.
    pub whole: bool,
}

/// The rows, by columns.
#[derive(Debug, Clone)]
pub struct Table {
    /// In the order of the query.
    pub columns: Vec<Column>,
    /// How many rows each row stands for.
    pub weights: Vec<f64>,
    /// Of how many distinct rows one is here.
    pub one_of: u64,
    /// How many rows there were.
    pub seen: u64,
}

impl Table {
    /// Looks at the rows.
    pub fn of(kept: &Kept) -> Table {
        let rows = kept.sorted();
        let columns = kept.names.iter().enumerate();
        Table {
            columns: columns
                .map(|(i, name)| {
                    let cells = rows.iter().filter_map(|(row, _)| row.get(i)).collect();
                    Column::of(name, cells, kept.seen)
                })
                .collect(),
            weights: rows.iter().map(|(_, weight)| *weight).collect(),
            one_of: kept.one_of(),
            seen: kept.seen,
        }
    }

    /// The number of rows that are here.
    pub fn rows(&self) -> usize {
        self.weights.len()
    }

    /// The column with this name, in any case of its letters.
    pub fn find(&self, name: &str) -> Option<usize> {
        let exact = self.columns.iter().position(|c| c.name == name);
        let lower = name.to_lowercase();
        exact.or_else(|| {
            self.columns
                .iter()
                .position(|c| c.name.to_lowercase() == lower)
        })
    }
}

impl Column {
    fn of(name: &str, cells: Vec<&Cell>, seen: u64) -> Column {
        let mut column = Column {
            name: name.to_owned(),
            kind: Kind::Other,
            numbers: Vec::new(),
            texts: Vec::new(),
            distinct: 0,
            whole: true,
        };
        let given = || cells.iter().filter(|c| !matches!(c, Cell::Null));
        let numbers = given().all(|c| matches!(c, Cell::Number(_)));
        let simple = given().all(|c| matches!(c, Cell::Number(_) | Cell::Text(_)));
        if given().next().is_none() || !simple {
            column.numbers = vec![f64::NAN; cells.len()];
            column.texts = vec![None; cells.len()];
            return column;
        }
        if numbers {
            column.of_numbers(&cells);
        } else if let Some(times) = times(&cells) {
            column.kind = Kind::Time;
            column.numbers = times;
        } else {
            column.kind = Kind::Category;
            column.texts = cells.iter().map(|c| text(c)).collect();
            let distinct: BTreeSet<_> = column.texts.iter().flatten().collect();
            column.distinct = distinct.len();
            column.numbers = vec![f64::NAN; cells.len()];
            return column;
        }
        let bits = column.numbers.iter().filter(|n| !n.is_nan());
        column.distinct = bits.map(|n| n.to_bits()).collect::<BTreeSet<_>>().len();
        if column.kind == Kind::Number && is_id(name, &column, seen) {
            column.kind = Kind::Id;
        }
        column.texts = vec![None; cells.len()];
        column
    }

    fn of_numbers(&mut self, cells: &[&Cell]) {
        self.kind = Kind::Number;
        self.numbers = cells
            .iter()
            .map(|c| match c {
                Cell::Number(number) => *number,
                _ => f64::NAN,
            })
            .collect();
        let given = || self.numbers.iter().filter(|n| !n.is_nan());
        self.whole = given().all(|n| n.fract() == 0.0);
        let years = given().all(|n| n.fract() == 0.0 && (1000.0..=2999.0).contains(n));
        let lower = self.name.to_lowercase();
        if years
            && ["year", "yr", "年", "年份", "jahr"]
                .iter()
                .any(|w| is_word(&lower, w))
        {
            self.kind = Kind::Time;
            for number in &mut self.numbers {
                if let Some(second) = year_start(*number) {
                    *number = second;
                }
            }
        }
    }

    /// The least and the greatest number; `None` of none.
    pub fn range(&self) -> Option<(f64, f64)> {
        let given = self.numbers.iter().copied().filter(|n| !n.is_nan());
        given.fold(None, |range, n| match range {
            None => Some((n, n)),
            Some((lo, hi)) => Some((f64::min(lo, n), f64::max(hi, n))),
        })
    }

    /// A row's value as a category.
    pub fn label(&self, row: usize) -> Option<String> {
        if let Some(Some(text)) = self.texts.get(row) {
            return Some(text.to_string());
        }
        let number = self.numbers.get(row).copied().filter(|n| !n.is_nan())?;
        Some(match self.kind {
            Kind::Time => iso(number),
            _ => plain(number),
        })
    }

    /// Whether adding its values up says something, as its name has it.
    pub fn adds_up(&self) -> bool {
        let lower = self.name.to_lowercase();
        [
            "sum",
            "total",
            "amount",
            "count",
            "quantity",
            "qty",
            "sales",
            "revenue",
            "number",
            "n",
            "cnt",
            "units",
            "cost",
            "profit",
            "spend",
            "visits",
            "orders",
            "volume",
            "金额",
            "数量",
            "销量",
            "销售额",
            "总额",
            "总数",
            "人数",
            "次数",
            "利润",
            "收入",
        ]
        .iter()
        .any(|w| is_word(&lower, w))
            && !["avg", "average", "mean", "rate", "per"]
                .iter()
                .any(|w| is_word(&lower, w))
    }
}

/// Whether a name has this word: in Chinese anywhere, else between what are no letters.
pub fn is_word(lower: &str, word: &str) -> bool {
    if !word.is_ascii() {
        return lower.contains(word);
    }
    lower.split(|c: char| !c.is_alphabetic()).any(|w| w == word)
}

/// Whether numbers are only names: so the column is called, and nothing is added up in it.
fn is_id(name: &str, column: &Column, _seen: u64) -> bool {
    let lower = name.to_lowercase();
    let named = lower == "id"
        || lower == "rowid"
        || lower.ends_with("_id")
        || name.ends_with("Id")
        || name.ends_with("ID")
        || is_word(&lower, "zip")
        || is_word(&lower, "postcode")
        || lower.contains("编号");
    named && column.whole
}

fn text(cell: &Cell) -> Option<Box<str>> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Number(number) => Some(plain(*number).into()),
        _ => None,
    }
}

/// A number with 12 digits at most, and none that says nothing.
pub fn plain(number: f64) -> String {
    rounded(number).to_string()
}

/// To 12 digits.
pub fn rounded(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return 0.0;
    }
    format!("{number:.11e}").parse().unwrap_or(number)
}

/// All as times, if all are.
fn times(cells: &[&Cell]) -> Option<Vec<f64>> {
    cells
        .iter()
        .map(|cell| match cell {
            Cell::Null => Some(f64::NAN),
            Cell::Text(text) => time(text.trim()),
            _ => None,
        })
        .collect()
}

/// Seconds since 1970 of a date, a time, a month `2026-03`, a quarter `2026-Q1` or a year `2026`.
fn time(text: &str) -> Option<f64> {
    let all_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if text.len() == 4 && all_digits(text) {
        return text.parse().ok().and_then(year_start);
    }
    if let Some((year, quarter)) = text.split_once("-Q").filter(|(y, _)| y.len() == 4) {
        let quarter: u32 = quarter.parse().ok().filter(|q| (1..=4).contains(q))?;
        return Some(
            f64::from(parse_date(&format!("{year}-{:02}-01", quarter * 3 - 2))?) * 86_400.0,
        );
    }
    if text.len() == 7 && text.as_bytes().get(4) == Some(&b'-') {
        return Some(f64::from(parse_date(&format!("{text}-01"))?) * 86_400.0);
    }
    // A zone behind the time is left out: times are shown as they are written.
    let zone = text.get(16..).and_then(|rest| rest.find(['+', '-', 'Z']));
    let local = zone.and_then(|at| text.get(..16 + at)).unwrap_or(text);
    let micros = match local.split_once('.') {
        // Fractions finer than a millionth say nothing in a picture.
        Some((whole, fraction)) if all_digits(fraction) => {
            let fraction: f64 = format!("0.{fraction}").parse().ok()?;
            return Some(parse_timestamp(whole)? as f64 / 1e6 + fraction);
        }
        _ => parse_timestamp(local)?,
    };
    Some(micros as f64 / 1e6)
}

fn year_start(year: f64) -> Option<f64> {
    (1000.0..=2999.0).contains(&year).then_some(())?;
    Some(f64::from(parse_date(&format!("{:04}-01-01", year as i64))?) * 86_400.0)
}

/// A time as ISO text: the date alone at midnight.
pub fn iso(second: f64) -> String {
    let whole = second.floor();
    let (day, rest) = (
        whole.div_euclid(86_400.0),
        whole.rem_euclid(86_400.0) as i64,
    );
    let (year, month, date) = civil(day as i64);
    let (hour, minute, sec) = (rest / 3600, rest / 60 % 60, rest % 60);
    let date = format!("{year:04}-{month:02}-{date:02}");
    match (rest, sec) {
        (0, _) => date,
        (_, 0) => format!("{date} {hour:02}:{minute:02}"),
        _ => format!("{date} {hour:02}:{minute:02}:{sec:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_many_forms() {
        for (text, second, shown) in [
            ("1970-01-02", 86_400.0, "1970-01-02"),
            ("1970-02", 31.0 * 86_400.0, "1970-02-01"),
            ("1970-Q2", 90.0 * 86_400.0, "1970-04-01"),
            ("1971", 365.0 * 86_400.0, "1971-01-01"),
            ("1970-01-01 01:02:03.5", 3723.5, "1970-01-01 01:02:03"),
            ("1970-01-01T01:02", 3720.0, "1970-01-01 01:02"),
            ("1970-01-01 01:02:03+08", 3723.0, "1970-01-01 01:02:03"),
            (
                "1970-01-01 01:02:03.25-05:00",
                3723.25,
                "1970-01-01 01:02:03",
            ),
            ("1969-12-31 23:00", -3600.0, "1969-12-31 23:00"),
        ] {
            assert_eq!(time(text), Some(second), "{text}");
            assert_eq!(iso(second), shown);
        }
        for text in [
            "",
            "12",
            "2026-13",
            "2026-02-30",
            "2026-Q5",
            "永远永远永远永远永远永远",
            "10:00",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn columns_are_told_apart() {
        let mut kept = Kept::default();
        for i in 0..5 {
            kept.add(&format!(
                r#"{{"CustomerId":{i},"day":"2026-01-0{}","x":{i}.5,"name":"n{i}","year":{},"none":null,"list":[1],"mixed":{}}}"#,
                i + 1,
                2020 + i,
                if i == 0 { "\"a\"" } else { "1" }
            ))
            .unwrap();
        }
        let table = Table::of(&kept);
        let kinds: Vec<Kind> = table.columns.iter().map(|c| c.kind).collect();
        use Kind::*;
        assert_eq!(
            kinds,
            [Id, Time, Number, Category, Time, Other, Other, Category]
        );
        assert_eq!(table.columns[7].distinct, 2);
        assert_eq!(table.find("customerid"), Some(0));
        assert_eq!(
            (table.columns[2].whole, table.columns[2].range()),
            (false, Some((0.5, 4.5)))
        );
        assert_eq!(rounded(0.1 + 0.2), 0.3);
        assert!(
            !table.columns[2].adds_up()
                && is_word("sum(total)", "total")
                && !is_word("account", "count")
        );
    }
}
