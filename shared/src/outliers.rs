//! `lumos_outliers`: which rows of a table are unlike the others, by COPOD (Li, Zhao, Botta, Ionescu and Hu 2020): how far
//! out in its tail each value is, added up over the columns. It has no parameter and draws no random number.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use serde_json::Value as Json;

use crate::looking::cells;
use crate::looking::counts::Fixed;
use crate::looking::scan;
use crate::options::{OptionDef, OptionType, Options, listed};
use crate::program::{Database, Fold, FoldState, Program, Stopped, check};
use crate::series::words::{LANG, Language, grouped, number};
use crate::source::{self, Source};
use crate::{Error, Result, Type, Value, ValueRef};

/// The options.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "key",
        ty: OptionType::Text(", the name of a column"),
        default: "the first column",
        doc: "the column that names a row; it is not looked at",
    },
    OptionDef {
        name: "columns",
        ty: OptionType::Json("the name of a column, or a list of names"),
        default: "all others",
        doc: "the columns to look at",
    },
    OptionDef {
        name: "share",
        ty: OptionType::Number(0.0, " from 0 to 1"),
        default: "0.01",
        doc: "the share of the rows that are called outliers, those of the greatest scores",
    },
    MAX_ROWS,
    LANG,
];

const MAX_ROWS: OptionDef = OptionDef {
    name: "max_rows",
    ty: OptionType::Integer(1, 10_000_000),
    default: "1000000",
    doc: "the most rows that are looked at: of more a half, a quarter and so on, which the hashes of their content choose",
};

/// How many columns of a row are named as its reasons.
const REASONS: usize = 3;

/// A row of JSON in, a row of the answer for each.
pub const OUTLIERS: Fold = Fold::new::<Table>(
    "outliers",
    scan::INPUT,
    &[
        ("key", Type::Text),
        ("score", Type::Real),
        ("rank", Type::Integer),
        ("is_outlier", Type::Integer),
        ("reasons", Type::Text),
        ("explanation", Type::Text),
    ],
)
.wide();

/// Writes the program. Errors if an option is wrong, if there is no such table, or as [`Source::parse`].
pub fn program(text: &str, options: Option<&str>, database: &dyn Database) -> Result<Program> {
    let given = Options::parse(OPTIONS, options)?;
    let share = given.number("share").unwrap_or(0.01);
    if share > 1.0 {
        return Err(given.wrong("share", "a number from 0 to 1"));
    }
    source::names(&given, "columns")?;
    let source = Source::parse(text, database.dialect())?;
    scan::program(&source, None, options.unwrap_or("{}"), database)
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Number(f64),
    Text(Box<str>),
}

impl Cell {
    /// A list, a struct or a map is a text, as it is written.
    fn of(value: cells::Cell<'_>, written: &str) -> Cell {
        match value {
            cells::Cell::Null => Cell::Null,
            // Zero has no sign.
            cells::Cell::Number(n) => Cell::Number(n + 0.0),
            cells::Cell::Text(text) => Cell::Text(text.as_ref().into()),
            cells::Cell::Nested => Cell::Text(written.into()),
        }
    }

    fn shown(&self) -> String {
        match self {
            Cell::Null => "NULL".into(),
            Cell::Number(n) => number(*n),
            Cell::Text(text) => crate::vector::excerpt(text),
        }
    }
}

/// The text of a key; `None` for NULL.
fn key(value: &cells::Cell<'_>, written: &str) -> Option<Box<str>> {
    match value {
        cells::Cell::Null => None,
        cells::Cell::Text(text) => Some(text.as_ref().into()),
        cells::Cell::Nested => Some(written.into()),
        cells::Cell::Number(number) => Some(number_as_written(*number, written)),
    }
}

/// A number with all of its digits: as it is written if a double has not all of them, else as doubles are shown.
fn number_as_written(number: f64, written: &str) -> Box<str> {
    let is_whole = matches!(written, "true" | "false") || !written.contains(['.', 'e', 'E']);
    let digits = written.bytes().filter(u8::is_ascii_digit);
    let digits: Vec<u8> = digits.skip_while(|d| *d == b'0').collect();
    let zeros = digits.iter().rev().take_while(|d| **d == b'0').count();
    let has_more = digits.len() - zeros > 17 && !written.contains(['e', 'E']);
    if is_whole || has_more {
        written.into()
    } else {
        Json::from(number + 0.0).to_string().into()
    }
}

/// The rows that were read.
#[derive(Clone)]
struct Table {
    key: Option<String>,
    only: Option<Vec<String>>,
    share: f64,
    language: Language,
    most: usize,
    /// The names of the columns where a row is their values, else of those of the first row.
    names: Option<Vec<String>>,
    /// Whether a row is a text of JSON.
    is_json: bool,
    /// What becomes of each column.
    uses: Vec<Use>,
    /// How many rows came.
    rows: u64,
    /// Rows are kept whose hash begins with so many zeros.
    zeros: u32,
    hashes: Vec<u64>,
    /// The key of each row as text; `None` for NULL.
    keys: Vec<Option<Box<str>>>,
    /// A value for each row.
    columns: Vec<Vec<Cell>>,
}

/// What a column is for.
#[derive(Debug, Clone, Copy)]
struct Use {
    is_key: bool,
    /// Its place in the table, if it is looked at.
    place: Option<usize>,
    /// The hash of its name.
    hash: u64,
}

fn hash_of(bytes: &[u8]) -> u64 {
    let mut hasher = Fixed::default();
    hasher.write(bytes);
    hasher.finish()
}

impl Table {
    /// Finds out what becomes of the columns. Errors if there is none of a name in the options.
    fn use_columns(&mut self, names: Vec<String>) -> Result<()> {
        // As in SQL, whatever the case of its letters.
        let own = |name: &str, option: &str| -> Result<usize> {
            let exact = names.iter().position(|own| own == name);
            let found =
                exact.or_else(|| names.iter().position(|own| own.eq_ignore_ascii_case(name)));
            found.ok_or_else(|| {
                Error::new(format!(
                    "there is no column \"{name}\" for \"{option}\"; there are {}",
                    listed(&names, "and")
                ))
            })
        };
        let key = match &self.key {
            Some(name) => own(name, "key")?,
            None => 0,
        };
        let mut wanted: Vec<usize> = match &self.only {
            Some(only) => {
                let places = only.iter().map(|name| own(name, "columns"));
                places.collect::<Result<_>>()?
            }
            None => (0..names.len()).filter(|place| *place != key).collect(),
        };
        // Sums are the same in whatever order the columns stand.
        wanted.sort_by(|a, b| names[*a].cmp(&names[*b]));
        wanted.dedup();
        let of = |(at, name): (usize, &String)| Use {
            is_key: at == key,
            place: wanted.iter().position(|wanted| *wanted == at),
            hash: hash_of(name.as_bytes()),
        };
        self.uses = names.iter().enumerate().map(of).collect();
        self.columns = vec![Vec::new(); wanted.len()];
        self.names = Some(names);
        Ok(())
    }

    /// Takes a row of as many values as there are columns.
    fn take(&mut self, row: &[(cells::Cell<'_>, Cow<'_, str>)]) {
        self.rows += 1;
        let mut named = None;
        // The sum does not depend on the order of columns.
        let mut hash = 0_u64;
        for (of, (value, written)) in self.uses.iter().zip(row) {
            let content = match value {
                cells::Cell::Null => 0,
                cells::Cell::Number(n) if of.is_key => {
                    hash_of(number_as_written(*n, written).as_bytes())
                }
                cells::Cell::Number(n) => hash_of(&(n + 0.0).to_bits().to_le_bytes()),
                cells::Cell::Text(text) => hash_of(text.as_bytes()),
                cells::Cell::Nested => hash_of(written.as_bytes()),
            };
            hash = hash.wrapping_add(hash_of(&(of.hash ^ content.rotate_left(17)).to_le_bytes()));
            if of.is_key {
                named = key(value, written);
            }
        }
        if hash.leading_zeros() < self.zeros {
            return;
        }
        self.hashes.push(hash);
        self.keys.push(named);
        for (of, (value, written)) in self.uses.iter().zip(row) {
            if let Some(place) = of.place {
                self.columns[place].push(Cell::of(value.clone(), written));
            }
        }
        self.thin();
    }

    /// Keeps half of the rows, by their hashes, until they are no more than asked for.
    fn thin(&mut self) {
        while self.hashes.len() > self.most && self.zeros < u64::BITS {
            self.keep(self.zeros + 1);
        }
    }

    fn keep(&mut self, zeros: u32) {
        self.zeros = zeros;
        let kept: Vec<bool> = self
            .hashes
            .iter()
            .map(|hash| hash.leading_zeros() >= zeros)
            .collect();
        fn retain<T>(of: &mut Vec<T>, kept: &[bool]) {
            let mut kept = kept.iter();
            of.retain(|_| kept.next().copied().unwrap_or(false));
        }
        retain(&mut self.hashes, &kept);
        retain(&mut self.keys, &kept);
        self.columns.iter_mut().for_each(|of| retain(of, &kept));
    }

    /// The columns with their names, in the order of these.
    fn named(&self) -> Vec<(&str, &[Cell])> {
        let names = self.names.iter().flatten().zip(&self.uses);
        let mut named: Vec<(usize, &str)> = names
            .filter_map(|(name, of)| Some((of.place?, name.as_str())))
            .collect();
        named.sort_unstable();
        let cells = self.columns.iter().map(Vec::as_slice);
        named.into_iter().map(|(_, name)| name).zip(cells).collect()
    }
}

impl FoldState for Table {
    fn start(spec: &str) -> Result<Self> {
        let (names, look) = scan::parted(spec);
        let options = Options::parse(OPTIONS, Some(look.as_deref().unwrap_or(spec)))?;
        let most = options.integer(MAX_ROWS.name).map(usize::try_from);
        let mut table = Table {
            key: options.text("key").map(str::to_owned),
            only: source::names(&options, "columns")?,
            share: options.number("share").unwrap_or(0.01),
            language: Language::of(&options),
            most: most.and_then(|n| n.ok()).unwrap_or(1_000_000),
            names: None,
            is_json: names.is_none(),
            uses: Vec::new(),
            rows: 0,
            zeros: 0,
            hashes: Vec::new(),
            keys: Vec::new(),
            columns: Vec::new(),
        };
        if let Some(names) = names {
            table.use_columns(names)?;
        }
        Ok(table)
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let wrong = || Error::new("a row is no text; only Lumos's own SQL calls it");
        let mut values = Vec::with_capacity(self.uses.len());
        if !self.is_json {
            for value in row {
                let written = match value {
                    ValueRef::Integer(value) => value.to_string().into(),
                    ValueRef::Real(value) => format!("{value:e}").into(),
                    _ => "".into(),
                };
                values.push((cells::Cell::of(*value), written));
            }
        } else if let [ValueRef::Text(text)] = row {
            let mut names = Vec::new();
            cells::object(text, &mut |name, value, written| {
                if self.names.is_none() {
                    names.push(name.into_owned());
                }
                values.push((value, written.into()));
                Ok(())
            })?;
            if self.names.is_none() {
                self.use_columns(names)?;
            }
        }
        if values.len() != self.uses.len() || values.is_empty() {
            return Err(wrong());
        }
        self.take(&values);
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        if other.names.is_none() {
            return;
        }
        if self.names.is_none() {
            self.names.clone_from(&other.names);
            self.uses.clone_from(&other.uses);
            self.columns = vec![Vec::new(); other.columns.len()];
        }
        self.rows += other.rows;
        self.hashes.extend_from_slice(&other.hashes);
        self.keys.extend_from_slice(&other.keys);
        let columns = self.columns.iter_mut().zip(&other.columns);
        columns.for_each(|(mine, theirs)| mine.extend_from_slice(theirs));
        self.keep(self.zeros.max(other.zeros));
        self.thin();
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        self.finish_until(&|| false, emit)
    }

    fn finish_until(
        &self,
        stopped: Stopped<'_>,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        let n = self.keys.len();
        if n == 0 && self.rows > 0 {
            return Err(Error::new(format!(
                "more than {} rows have the same content; give a greater \"max_rows\"",
                self.most
            )));
        }
        let of_all = (self.zeros > 0).then(|| {
            let [kept, all] = [n as u64, self.rows].map(|rows| grouped(&rows.to_string()));
            self.language.say(
                format!("among {kept} of {all} rows"),
                format!("在 {all} 行中的 {kept} 行之内"),
            )
        });
        let named = self.named();
        let mut scores: Vec<(&str, Vec<f64>)> = Vec::new();
        for (name, cells) in &named {
            check(stopped)?;
            scores.push((name, column_scores(cells)));
        }
        let score = |row: usize| scores.iter().map(|(_, of)| of[row]).sum::<f64>();
        let mut order: Vec<(f64, usize)> = (0..n).map(|row| (score(row), row)).collect();
        check(stopped)?;
        // Of equals those of the lesser key; equal keys with equal scores have equal values, but for columns that weigh alike.
        let reasons = |row: usize| self.reasons(&scores, &named, row);
        order.sort_by(|a, b| {
            let by_key = || self.keys[a.1].cmp(&self.keys[b.1]);
            let by_row = || reasons(a.1).cmp(&reasons(b.1));
            b.0.total_cmp(&a.0).then_with(by_key).then_with(by_row)
        });
        let outliers = (self.share * n as f64).ceil() as usize;
        for (rank, (score, row)) in order.into_iter().enumerate() {
            if rank % 4_096 == 0 {
                check(stopped)?;
            }
            let is_outlier = rank < outliers && score > 0.0;
            let (reasons, said) = reasons(row);
            let explanation = if is_outlier {
                let parts = [Some(said), of_all.clone()];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                Value::Text(self.language.join(&parts).unwrap_or_default())
            } else {
                Value::Null
            };
            emit(vec![
                self.keys[row]
                    .as_deref()
                    .map_or(Value::Null, |key| Value::Text(key.into())),
                Value::Real(score),
                Value::Integer(rank as i64 + 1),
                Value::Integer(i64::from(is_outlier)),
                Value::Text(reasons),
                explanation,
            ])?;
        }
        Ok(())
    }
}

impl Table {
    /// The columns that most of a row's score is of, with their shares as JSON, and a sentence that has their values.
    fn reasons(
        &self,
        scores: &[(&str, Vec<f64>)],
        named: &[(&str, &[Cell])],
        row: usize,
    ) -> (String, String) {
        let whole: f64 = scores.iter().map(|(_, of)| of[row]).sum();
        let mut parts: Vec<(&str, f64)> =
            scores.iter().map(|(name, of)| (*name, of[row])).collect();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        parts.retain(|part| part.1 >= 0.005 * whole && part.1 > 0.0);
        parts.truncate(REASONS);
        let share = |part: f64| (part / whole * 100.0).round() / 100.0;
        let shares = parts
            .iter()
            .map(|(name, part)| format!("{}:{}", Json::from(*name), Json::from(share(*part))));
        let shares: Vec<String> = shares.collect();
        let value = |name: &str| {
            let found = named.iter().find(|(of, _)| *of == name);
            found.map_or(String::new(), |(_, of)| of[row].shown())
        };
        let said = parts.iter().map(|(name, part)| {
            let percent = number(share(*part) * 100.0);
            self.language.say(
                format!("{name} = {} ({percent} % of the score)", value(name)),
                format!("{name} = {}（占得分 {percent}%）", value(name)),
            )
        });
        let said: Vec<String> = said.collect();
        (
            format!("{{{}}}", shares.join(",")),
            self.language.join(&said).unwrap_or_default(),
        )
    }
}

/// How far out each value is, in units of the logarithm of a probability.
fn column_scores(cells: &[Cell]) -> Vec<f64> {
    let n = cells.len() as f64;
    let texts = cells.iter().any(|cell| matches!(cell, Cell::Text(_)));
    let mut counts: HashMap<Category<'_>, f64, BuildHasherDefault<Fixed>> = HashMap::default();
    let mut numbers: Vec<f64> = Vec::new();
    for cell in cells {
        match cell {
            Cell::Number(value) if !texts => numbers.push(*value),
            other => *counts.entry(category(other)).or_default() += 1.0,
        }
    }
    // In order, so that the sums do not depend on the order of rows.
    numbers.sort_unstable_by(f64::total_cmp);
    let skewed = skew(&numbers);
    let known = numbers.len() as f64;
    let score = |cell: &Cell| match cell {
        Cell::Number(value) if !texts => {
            let least = numbers.partition_point(|x| x <= value) as f64;
            let most = known - numbers.partition_point(|x| x < value) as f64;
            let (left, right) = (-libm::log(least / known), -libm::log(most / known));
            let tail = if skewed < 0.0 {
                left
            } else if skewed > 0.0 {
                right
            } else {
                left + right
            };
            tail.max((left + right) / 2.0)
        }
        other => -libm::log(counts.get(&category(other)).copied().unwrap_or(n) / n),
    };
    // Not -0 for what all have.
    cells.iter().map(|cell| score(cell).max(0.0)).collect()
}

/// What is counted where not all values are numbers.
#[derive(PartialEq, Eq, Hash)]
enum Category<'a> {
    Null,
    /// By its bits.
    Number(u64),
    Text(&'a str),
}

fn category(cell: &Cell) -> Category<'_> {
    match cell {
        Cell::Null => Category::Null,
        Cell::Number(value) => Category::Number(value.to_bits()),
        Cell::Text(text) => Category::Text(text),
    }
}

/// The sign of the third moment, of numbers in order.
fn skew(numbers: &[f64]) -> f64 {
    let most = numbers.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    if most == 0.0 {
        return 0.0;
    }
    // Scaled, so that cubes stay in the range of numbers.
    let mean = numbers.iter().map(|x| x / most).sum::<f64>() / numbers.len() as f64;
    let cube = |x: &f64| {
        let x = x / most - mean;
        x * x * x
    };
    let third: f64 = numbers.iter().map(cube).sum();
    if third.abs() < 1e-12 { 0.0 } else { third }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::rows_of;

    fn answer(spec: &str, rows: &[&str]) -> Vec<Vec<Value>> {
        let mut state = OUTLIERS.start(spec).unwrap();
        for row in rows {
            state.row(&[ValueRef::Text(row)]).unwrap();
        }
        rows_of(|emit| state.finish(emit)).unwrap()
    }

    #[test]
    fn a_row_unlike_the_others_comes_first() {
        let mut rows: Vec<String> = (0..99)
            .map(|i| format!(r#"{{"id":{i},"size":{},"kind":"house"}}"#, 100 + i * 7 % 10))
            .collect();
        rows.push(r#"{"id":"x","size":900,"kind":"castle"}"#.into());
        let mut texts: Vec<&str> = rows.iter().map(String::as_str).collect();
        let found = answer("{}", &texts);
        assert_eq!(found.len(), 100);
        assert_eq!(found[0][0], Value::Text("x".into()));
        assert_eq!(
            found[0][2..5],
            [
                Value::Integer(1),
                Value::Integer(1),
                Value::Text(r#"{"kind":0.5,"size":0.5}"#.into()),
            ]
        );
        let said = Value::Text(
            "kind = \"castle\" (50 % of the score); size = 900 (50 % of the score)".into(),
        );
        assert_eq!(found[0][5], said);
        assert_eq!(found[1][3], Value::Integer(0));
        texts.reverse();
        assert_eq!(answer("{}", &texts), found);
        // As COPOD adds up: ln 100 of each column.
        assert!(
            matches!(found[0][1], Value::Real(s) if (s - 2.0 * libm::log(100.0)).abs() < 1e-12)
        );
    }

    #[test]
    fn columns_and_keys_are_chosen() {
        let rows = [
            r#"{"a":1,"b":"x","c":null}"#,
            r#"{"a":2,"b":"y","c":5}"#,
            r#"{"a":NaN,"b":"y","c":5}"#,
        ];
        let found = answer(r#"{"key": "B", "columns": "c", "share": 1}"#, &rows);
        assert_eq!(found[0][0], Value::Text("x".into()));
        assert_eq!(
            found
                .iter()
                .filter(|row| row[3] == Value::Integer(1))
                .count(),
            1
        );
        assert!(answer("{}", &[]).is_empty());
        let state = OUTLIERS.start(r#"{"columns": ["z"]}"#);
        let refused = state.unwrap().row(&[ValueRef::Text(rows[0])]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "there is no column \"z\" for \"columns\"; there are a, b and c"
        );
        let huge = [
            r#"{"i":1,"v":1e308}"#,
            r#"{"i":2,"v":-1e308}"#,
            r#"{"i":3,"v":0}"#,
        ];
        assert!(
            answer("{}", &huge)
                .iter()
                .all(|row| matches!(row[1], Value::Real(s) if s.is_finite()))
        );
    }

    fn borrowed(value: &Value) -> ValueRef<'_> {
        match value {
            Value::Integer(n) => ValueRef::Integer(*n),
            Value::Real(n) => ValueRef::Real(*n),
            Value::Text(text) => ValueRef::Text(text),
            _ => ValueRef::Null,
        }
    }

    /// The answer over rows as SQLite hands them over, and as text of JSON.
    fn both(spec: &str, names: &[&str], rows: &[Vec<Value>]) -> Vec<Vec<Value>> {
        let object = |row: &Vec<Value>| {
            let members = names.iter().zip(row).map(|(name, value)| {
                let value = match value {
                    Value::Text(text) => Json::from(text.as_str()).to_string(),
                    Value::Integer(n) => n.to_string(),
                    Value::Real(n) => format!("{n:?}"),
                    _ => "null".into(),
                };
                format!("{}: {value}", Json::from(*name))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        };
        let texts: Vec<String> = rows.iter().map(object).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = answer(spec, &texts);
        let wide = serde_json::json!({"columns": names, "look": spec}).to_string();
        let mut parts: Vec<_> = (0..3).map(|_| OUTLIERS.start(&wide).unwrap()).collect();
        for (i, row) in rows.iter().enumerate() {
            let row: Vec<ValueRef<'_>> = row.iter().map(borrowed).collect();
            parts[i * 7 % 3 % 2 + 1].row(&row).unwrap();
        }
        let mut all = parts.remove(0);
        for part in parts.iter().rev() {
            all.merge(&**part).unwrap();
        }
        assert_eq!(rows_of(|emit| all.finish(emit)).unwrap(), found);
        found
    }

    #[test]
    fn keys_and_values_are_those_of_the_table() {
        let text = |text: &str| Value::Text(text.into());
        let keys = [
            Value::Integer(9_007_199_254_740_993),
            Value::Integer(i64::MIN),
            Value::Real(0.1),
            Value::Real(1e300),
            Value::Real(-0.0),
            text("x\"y"),
            Value::Null,
        ];
        let rows: Vec<Vec<Value>> = keys
            .into_iter()
            .map(|key| vec![key, Value::Real(1.0), text("a")])
            .collect();
        let found = both("{}", &["k", "v", "t"], &rows);
        let told: Vec<Value> = found.into_iter().map(|mut row| row.remove(0)).collect();
        let expected = [
            "-9223372036854775808",
            "0.0",
            "0.1",
            "1e+300",
            "9007199254740993",
            "x\"y",
        ];
        assert_eq!(told[0], Value::Null);
        assert_eq!(told[1..], expected.map(text));
        // As DuckDB writes what SQLite does not have.
        for (written, key) in [
            ("true", Some("true")),
            (
                "123456789012345678901234567890",
                Some("123456789012345678901234567890"),
            ),
            ("1234567890123456789.25", Some("1234567890123456789.25")),
            ("10.50", Some("10.5")),
            ("NaN", None),
            ("[1, 2]", Some("[1, 2]")),
        ] {
            let row = format!(r#"{{"k":{written},"v":1}}"#);
            let found = answer("{}", &[&row]);
            assert_eq!(found[0][0], key.map_or(Value::Null, text), "{written}");
        }
        // Zero has no sign, among texts neither.
        let zeros = [Value::Real(-0.0), Value::Real(0.0), Value::Integer(0)];
        for other in [text("x"), Value::Integer(5)] {
            let values = zeros.iter().chain([&other]).enumerate();
            let rows: Vec<Vec<Value>> = values
                .map(|(i, value)| vec![Value::Integer(i as i64), value.clone()])
                .collect();
            let found = both("{}", &["k", "v"], &rows);
            assert_eq!(found[0][0], text("3"));
            assert!(found[1][1] == found[2][1] && found[2][1] == found[3][1]);
        }
        // Columns stand in any order.
        let mut rows = Vec::new();
        for i in 0..40 {
            rows.push(vec![
                Value::Integer(i),
                Value::Real(i as f64 * 0.7 % 3.0),
                if i % 9 == 0 { Value::Null } else { text("b") },
                Value::Integer(i * i % 11),
            ]);
        }
        let found = both("{}", &["k", "a", "b", "c"], &rows);
        rows.iter_mut().for_each(|row| row.swap(1, 3));
        rows.reverse();
        assert_eq!(both("{}", &["k", "c", "b", "a"], &rows), found);
    }

    #[test]
    fn of_many_rows_some_are_chosen_by_their_content() {
        let row = |i: i64| vec![Value::Integer(i), Value::Real((i * i % 97) as f64)];
        let mut rows: Vec<Vec<Value>> = (0..1_000).map(row).collect();
        let spec = r#"{"max_rows": 100, "share": 1}"#;
        let found = both(spec, &["k", "v"], &rows);
        assert!((25..=100).contains(&found.len()), "{}", found.len());
        let says = format!("; among {} of 1,000 rows", found.len());
        assert!(
            found
                .iter()
                .any(|row| matches!(&row[5], Value::Text(said) if said.ends_with(&says)))
        );
        rows.reverse();
        assert_eq!(both(spec, &["k", "v"], &rows), found);
        // As many as there may be are all there.
        assert_eq!(
            both("{\"max_rows\": 1000}", &["k", "v"], &rows).len(),
            1_000
        );
        let equal = vec![r#"{"k":1,"v":2}"#; 20];
        let mut state = OUTLIERS.start(r#"{"max_rows": 10}"#).unwrap();
        for row in &equal {
            state.row(&[ValueRef::Text(row)]).unwrap();
        }
        assert_eq!(
            rows_of(|emit| state.finish(emit)).unwrap_err().to_string(),
            "more than 10 rows have the same content; give a greater \"max_rows\""
        );
    }
}
