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
        // The sum of none has a sign.
        let score = |row: usize| scores.iter().map(|(_, of)| of[row]).sum::<f64>() + 0.0;
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
mod tests;
