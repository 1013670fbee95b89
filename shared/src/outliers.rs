//! `lumos_outliers`: which rows of a table are unlike the others, by COPOD (Li, Zhao, Botta, Ionescu and Hu 2020): how far
//! out in its tail each value is, added up over the columns. It has no parameter and draws no random number.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::options::{OptionDef, OptionType, Options, listed};
use crate::program::{Database, Fold, FoldState, Program, Stopped, check};
use crate::series::words::{LANG, Language, number};
use crate::source::{self, Source, column};
use crate::sql::lexer::Dialect;
use crate::sql::literal;
use crate::{Error, Param, Result, Type, Value, ValueRef};

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
    LANG,
];

/// The most rows.
const MOST_ROWS: usize = 1_000_000;
/// The most columns whose names SQLite hands over at once.
const MOST_COLUMNS: usize = 50;
/// How many columns of a row are named as its reasons.
const REASONS: usize = 3;

/// A row of JSON in, a row of the answer for each.
pub const OUTLIERS: Fold = Fold::new::<Table>(
    "outliers",
    &[Param::new("row", Type::Text)],
    &[
        ("key", Type::Text),
        ("score", Type::Real),
        ("rank", Type::Integer),
        ("is_outlier", Type::Integer),
        ("reasons", Type::Text),
        ("explanation", Type::Text),
    ],
);

/// Writes the program. Errors if an option is wrong, if there is no such table, or as [`Source::parse`].
pub fn program(text: &str, options: Option<&str>, database: &dyn Database) -> Result<Program> {
    let given = Options::parse(OPTIONS, options)?;
    let share = given.number("share").unwrap_or(0.01);
    if share > 1.0 {
        return Err(given.wrong("share", "a number from 0 to 1"));
    }
    source::names(&given, "columns")?;
    let source = Source::parse(text, database.dialect())?;
    let read = match (source.columns(database)?, database.dialect()) {
        (Some(columns), Dialect::Sqlite) => {
            if columns.len() > MOST_COLUMNS {
                return Err(Error::new(format!(
                    "{} has {} columns; name up to {MOST_COLUMNS} of them, like houses(id, rooms, price)",
                    source.shown(),
                    columns.len()
                )));
            }
            let members = columns.iter().map(|name| {
                let value = column(name);
                // JSON has neither BLOBs nor numbers that are infinite.
                format!(
                    "{}, CASE WHEN typeof({value}) = 'blob' OR abs({value}) > 1.7976931348623157e308 THEN NULL ELSE {value} END",
                    literal(name)
                )
            });
            let members: Vec<String> = members.collect();
            source.select(&[&format!("json_object({})", members.join(", "))])
        }
        (Some(columns), Dialect::DuckDb) => {
            let columns: Vec<String> = columns.iter().map(|name| column(name)).collect();
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            source.objects(&columns)
        }
        (None, _) => source.objects(&["*"]),
    };
    Ok(Program {
        read,
        parameters: Vec::new(),
        spec: options.unwrap_or("{}").to_owned(),
    })
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Number(f64),
    Text(Box<str>),
}

impl Cell {
    fn of(value: &Json) -> Cell {
        match value {
            Json::Null => Cell::Null,
            Json::Bool(value) => Cell::Number(f64::from(u8::from(*value))),
            Json::Number(n) => n.as_f64().map_or(Cell::Null, Cell::Number),
            Json::String(text) => Cell::Text(text.as_str().into()),
            other => Cell::Text(other.to_string().into()),
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

/// The rows that were read.
#[derive(Clone)]
struct Table {
    key: Option<String>,
    only: Option<Vec<String>>,
    share: f64,
    language: Language,
    /// The name of the first column.
    first: Option<String>,
    /// The key of each row as text; `None` for NULL.
    keys: Vec<Option<String>>,
    /// A value for each row, by the name of the column.
    columns: BTreeMap<String, Vec<Cell>>,
}

impl FoldState for Table {
    fn start(spec: &str) -> Result<Self> {
        let options = Options::parse(OPTIONS, Some(spec))?;
        Ok(Table {
            key: options.text("key").map(str::to_owned),
            only: source::names(&options, "columns")?,
            share: options.number("share").unwrap_or(0.01),
            language: Language::of(&options),
            first: None,
            keys: Vec::new(),
            columns: BTreeMap::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [ValueRef::Text(text)] = row else {
            return Err(Error::new("internal error: a row is no text"));
        };
        if self.keys.len() == MOST_ROWS {
            return Err(too_many());
        }
        let members = members(text)?;
        if self.first.is_none() {
            self.first = first_name(text);
        }
        let key = self.key.as_ref().or(self.first.as_ref());
        let key = key.cloned().unwrap_or_default();
        // As in SQL, whatever the case of its letters.
        let own = |name: &str, option: &str| -> Result<String> {
            if members.contains_key(name) {
                return Ok(name.to_owned());
            }
            let found = members.keys().find(|own| own.eq_ignore_ascii_case(name));
            found.cloned().ok_or_else(|| {
                let all: Vec<&String> = members.keys().collect();
                Error::new(format!(
                    "there is no column \"{name}\" for \"{option}\"; there are {}",
                    listed(&all, "and")
                ))
            })
        };
        let key = if self.key.is_some() {
            own(&key, "key")?
        } else {
            key
        };
        for name in self.only.iter_mut().flatten() {
            *name = own(name, "columns")?;
        }
        let named = members.get(&key);
        self.keys.push(match named {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        });
        for (name, value) in &members {
            let wanted = match &self.only {
                Some(only) => only.contains(name),
                None => *name != key,
            };
            if wanted {
                match self.columns.get_mut(name) {
                    Some(column) => column.push(Cell::of(value)),
                    None => {
                        self.columns.insert(name.clone(), vec![Cell::of(value)]);
                    }
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        if self.first.is_none() {
            self.first.clone_from(&other.first);
        }
        self.keys.extend_from_slice(&other.keys);
        for (name, cells) in &other.columns {
            self.columns
                .entry(name.clone())
                .or_default()
                .extend_from_slice(cells);
        }
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
        if n > MOST_ROWS {
            return Err(too_many());
        }
        let mut scores: Vec<(&str, Vec<f64>)> = Vec::new();
        for (name, cells) in &self.columns {
            check(stopped)?;
            scores.push((name, column_scores(cells)));
        }
        let score = |row: usize| scores.iter().map(|(_, of)| of[row]).sum::<f64>();
        let mut order: Vec<(f64, usize)> = (0..n).map(|row| (score(row), row)).collect();
        check(stopped)?;
        // Of equals those of the lesser key; equal keys with equal scores have equal values, but for columns that weigh alike.
        let reasons = |row: usize| self.reasons(&scores, row);
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
                Value::Text(said)
            } else {
                Value::Null
            };
            emit(vec![
                self.keys[row].clone().map_or(Value::Null, Value::Text),
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

fn too_many() -> Error {
    Error::new(format!(
        "more than {MOST_ROWS} rows; give fewer, like a query with WHERE or of a sample"
    ))
}

impl Table {
    /// The columns that most of a row's score is of, with their shares as JSON, and a sentence that has their values.
    fn reasons(&self, scores: &[(&str, Vec<f64>)], row: usize) -> (String, String) {
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
            self.columns
                .get(name)
                .map_or(String::new(), |of| of[row].shown())
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

/// The members of a row. DuckDB writes numbers that are none as JSON does not have them; they are NULL.
fn members(text: &str) -> Result<serde_json::Map<String, Json>> {
    let read = |text: &str| serde_json::from_str::<serde_json::Map<String, Json>>(text);
    let read_again = || {
        let text = text
            .replace(":NaN", ":null")
            .replace(":-Infinity", ":null")
            .replace(":Infinity", ":null")
            .replace(":-nan", ":null")
            .replace(":nan", ":null");
        read(&text)
    };
    read(text)
        .or_else(|_| read_again())
        .map_err(|_| Error::new("a row is no JSON object; only the SQL of lumos_outliers calls it"))
}

/// The name of the first member.
fn first_name(text: &str) -> Option<String> {
    let inside = text.trim_start().strip_prefix('{')?;
    let mut texts = serde_json::Deserializer::from_str(inside).into_iter::<String>();
    texts.next()?.ok()
}

/// How far out each value is, in units of the logarithm of a probability.
fn column_scores(cells: &[Cell]) -> Vec<f64> {
    let n = cells.len() as f64;
    let texts = cells.iter().any(|cell| matches!(cell, Cell::Text(_)));
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
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

fn category(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Number(value) => format!("n{value}"),
        Cell::Text(text) => format!("t{text}"),
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
}
