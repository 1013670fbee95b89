//! The rows of a source as columns, in an order that their content alone decides: sums are the same whatever the threads.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::cells::{self, Cell};
use super::counts::Fixed;
use crate::mirror::time::{parse_date, parse_timestamp};
use crate::program::{Stopped, check};
use crate::series::clock::DAY;
use crate::{Error, Result, ValueRef};

/// The most rows, if a call does not say how many.
pub const MOST_ROWS: usize = 1_000_000;
/// Texts that are longer, in bytes, are known by their beginnings and hashes.
const LONG: usize = 100;

type Codes = HashMap<Box<str>, u32, BuildHasherDefault<Fixed>>;

/// Rows as they come.
#[derive(Debug, Clone)]
pub struct Rows {
    columns: Vec<Incoming>,
    count: usize,
    most: usize,
}

#[derive(Debug, Clone, Default)]
struct Incoming {
    name: String,
    /// NaN for what is no number.
    numbers: Vec<f64>,
    /// The code of each text, 0 for what is none; empty before the first one.
    codes: Vec<u32>,
    known: Codes,
    nested: bool,
}

impl Incoming {
    fn push(&mut self, cell: Cell<'_>) {
        let text = match cell {
            Cell::Number(number) => return self.put(number + 0.0, 0),
            Cell::Null => return self.put(f64::NAN, 0),
            Cell::Nested => {
                self.nested = true;
                return self.put(f64::NAN, 0);
            }
            Cell::Text(text) => text,
        };
        let short = if text.len() > LONG {
            let end = (0..=LONG).rev().find(|i| text.is_char_boundary(*i));
            let mut hasher = Fixed::default();
            hasher.write(text.as_bytes());
            let begin = &text[..end.unwrap_or(0)];
            format!("{begin}…{:016x}", hasher.finish()).into()
        } else {
            text
        };
        let code = match self.known.get(&*short) {
            Some(code) => *code,
            None => {
                let code = self.known.len() as u32 + 1;
                self.known.insert((&*short).into(), code);
                code
            }
        };
        self.put(f64::NAN, code);
    }

    fn put(&mut self, number: f64, code: u32) {
        if code > 0 && self.codes.is_empty() {
            self.codes.resize(self.numbers.len(), 0);
        }
        if code > 0 || !self.codes.is_empty() {
            self.codes.push(code);
        }
        self.numbers.push(number);
    }

    fn code(&self, row: usize) -> u32 {
        self.codes.get(row).copied().unwrap_or(0)
    }

    /// Its texts by their codes, from 1 on.
    fn texts(&self) -> Vec<&str> {
        let mut texts = vec![""; self.known.len() + 1];
        for (text, code) in &self.known {
            texts[*code as usize] = text;
        }
        texts
    }
}

impl Rows {
    /// None yet, and at most so many.
    pub fn up_to(most: usize) -> Rows {
        Rows {
            columns: Vec::new(),
            count: 0,
            most,
        }
    }

    /// Takes a row of columns with these names, the same for all rows. Errors beyond so many rows.
    pub fn values(&mut self, names: &[String], row: &[ValueRef<'_>]) -> Result<()> {
        if self.count == self.most {
            return Err(too_many(self.most));
        }
        if self.columns.is_empty() {
            let column = |name: &String| Incoming {
                name: name.clone(),
                ..Incoming::default()
            };
            self.columns = names.iter().map(column).collect();
        }
        let columns = self.columns.iter_mut().zip(row);
        columns.for_each(|(column, value)| column.push(Cell::of(*value)));
        self.count += 1;
        Ok(())
    }

    /// Takes a row that is an object. Errors beyond so many rows.
    pub fn row(&mut self, text: &str) -> Result<()> {
        if self.count == self.most {
            return Err(too_many(self.most));
        }
        let mut place = 0;
        cells::object(text, &mut |name, cell, _| {
            let here = self.columns.get(place).is_some_and(|c| c.name == *name);
            let found = if here {
                Some(place)
            } else {
                self.columns.iter().position(|c| c.name == *name)
            };
            let column = match found {
                Some(found) => found,
                None => {
                    self.columns.push(Incoming {
                        name: name.into_owned(),
                        numbers: vec![f64::NAN; self.count],
                        ..Incoming::default()
                    });
                    self.columns.len() - 1
                }
            };
            place = column + 1;
            let column = &mut self.columns[column];
            if column.numbers.len() == self.count {
                column.push(cell);
            }
            Ok(())
        })?;
        self.count += 1;
        for column in &mut self.columns {
            if column.numbers.len() < self.count {
                column.push(Cell::Null);
            }
        }
        Ok(())
    }

    /// Takes over the rows of another.
    pub fn merge(&mut self, other: &Rows) {
        for theirs in &other.columns {
            let place = self.columns.iter().position(|c| c.name == theirs.name);
            let mine = match place {
                Some(place) => &mut self.columns[place],
                None => {
                    self.columns.push(Incoming {
                        name: theirs.name.clone(),
                        numbers: vec![f64::NAN; self.count],
                        ..Incoming::default()
                    });
                    let last = self.columns.len() - 1;
                    &mut self.columns[last]
                }
            };
            mine.nested |= theirs.nested;
            let texts = theirs.texts();
            let codes: Vec<u32> = texts
                .iter()
                .enumerate()
                .map(|(i, text)| match mine.known.get(*text) {
                    _ if i == 0 => 0,
                    Some(code) => *code,
                    None => {
                        let code = mine.known.len() as u32 + 1;
                        mine.known.insert((*text).into(), code);
                        code
                    }
                })
                .collect();
            for (row, number) in theirs.numbers.iter().enumerate() {
                mine.put(*number, codes[theirs.code(row) as usize]);
            }
        }
        self.count += other.count;
        for column in &mut self.columns {
            while column.numbers.len() < self.count {
                column.push(Cell::Null);
            }
        }
    }

    /// The columns, all rows in order. Errors if there are too many rows, or if it is stopped.
    pub fn table(&self, stopped: Stopped<'_>) -> Result<Table> {
        if self.count > self.most {
            return Err(too_many(self.most));
        }
        let mut hashes = vec![0_u64; self.count];
        let mix = |hash: &mut u64, word: u64| {
            let mut hasher = Fixed::default();
            hasher.write_u64(*hash);
            hasher.write_u64(word);
            *hash = hasher.finish();
        };
        for column in &self.columns {
            check(stopped)?;
            let texts: Vec<u64> = column
                .texts()
                .iter()
                .map(|text| {
                    let mut hasher = Fixed::default();
                    hasher.write(text.as_bytes());
                    hasher.finish()
                })
                .collect();
            for (row, hash) in hashes.iter_mut().enumerate() {
                mix(hash, column.numbers[row].to_bits());
                let code = column.code(row) as usize;
                if code > 0 {
                    mix(hash, texts[code]);
                }
            }
        }
        // By content where hashes are the same.
        let sorted: Vec<(&Incoming, Vec<u32>)> = self
            .columns
            .iter()
            .map(|column| {
                let texts = column.texts();
                let mut order: Vec<u32> = (0..texts.len() as u32).collect();
                order.sort_by_key(|code| (*code > 0, texts[*code as usize]));
                let mut places = vec![0; order.len()];
                for (place, code) in order.iter().enumerate() {
                    places[*code as usize] = place as u32;
                }
                (column, places)
            })
            .collect();
        let place = |(column, places): &(&Incoming, Vec<u32>), row: usize| {
            places[column.code(row) as usize]
        };
        let mut order: Vec<(u64, usize)> = hashes.into_iter().zip(0..).collect();
        order.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| {
                let mut pairs = sorted.iter().map(|column| {
                    let numbers = &column.0.numbers;
                    let texts = place(column, a.1).cmp(&place(column, b.1));
                    numbers[a.1].total_cmp(&numbers[b.1]).then(texts)
                });
                let differing = pairs.find(|ordering| ordering.is_ne());
                differing.unwrap_or(std::cmp::Ordering::Equal)
            })
        });
        let order: Vec<usize> = order.into_iter().map(|(_, row)| row).collect();
        let columns = sorted.iter().map(|column| {
            check(stopped)?;
            let numbers = order.iter().map(|row| column.0.numbers[*row]).collect();
            let codes: Vec<u32> = if column.0.codes.is_empty() {
                Vec::new()
            } else {
                order.iter().map(|row| place(column, *row)).collect()
            };
            let mut labels: Vec<String> = column.0.texts()[1..]
                .iter()
                .map(|t| (*t).to_owned())
                .collect();
            labels.sort_unstable();
            Ok(Column::new(column.0, numbers, codes, labels))
        });
        Ok(Table {
            columns: columns.collect::<Result<_>>()?,
            rows: self.count,
        })
    }
}

fn too_many(most: usize) -> Error {
    Error::new(format!(
        "more than {most} rows; give fewer, like a query with WHERE or of a sample"
    ))
}

/// Columns of as many values each.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// In the order of the source.
    pub columns: Vec<Column>,
    /// How many.
    pub rows: usize,
}

/// The column of this name; as in SQL, its letters may be of another case if no other has just this name. Errors if there is
/// none.
pub fn target<'a>(table: &'a Table, name: &str) -> Result<&'a Column> {
    let find = |is: &dyn Fn(&str) -> bool| table.columns.iter().find(|column| is(&column.name));
    let found = find(&|of| of == name).or_else(|| find(&|of| of.eq_ignore_ascii_case(name)));
    found.ok_or_else(|| {
        let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        Error::new(format!(
            "there is no column \"{name}\" for the target; there are {}",
            crate::options::listed(&names, "and")
        ))
    })
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers; NaN for NULL.
    Numbers(Vec<f64>),
    /// Times in days since 1970; NaN for NULL.
    Times(Vec<f64>),
    /// Texts by the places of their labels, from 1 on; 0 for NULL. Numbers among them are texts too.
    Texts(Vec<u32>, Vec<String>),
    /// Lists, structs and maps, or no value at all.
    Nothing,
}

impl Column {
    fn new(incoming: &Incoming, numbers: Vec<f64>, codes: Vec<u32>, labels: Vec<String>) -> Column {
        let known = numbers.iter().any(|v| !v.is_nan());
        let values = if incoming.nested || !known && labels.is_empty() {
            Values::Nothing
        } else if labels.is_empty() {
            Values::Numbers(numbers)
        } else if known {
            mixed(&numbers, &codes, &labels)
        } else if let Some(times) = labels.iter().map(|t| time(t)).collect::<Option<Vec<f64>>>() {
            let at = |code: &u32| match *code {
                0 => f64::NAN,
                code => times[code as usize - 1],
            };
            Values::Times(codes.iter().map(at).collect())
        } else {
            Values::Texts(codes, labels)
        };
        Column {
            name: incoming.name.clone(),
            values,
        }
    }
}

/// A date or a moment, in days since 1970.
fn time(text: &str) -> Option<f64> {
    if let Some(day) = parse_date(text) {
        return Some(f64::from(day));
    }
    let (clock, ahead) = offset(text);
    let micros = parse_timestamp(clock.trim_end())? - ahead;
    Some(micros as f64 / DAY as f64)
}

/// The face of a clock without its offset, `Z` or like `+05:30`, and how far it is ahead of UTC in microseconds.
fn offset(text: &str) -> (&str, i64) {
    if let Some(clock) = text.strip_suffix('Z') {
        return (clock, 0);
    }
    // The signs before are those of the date.
    let sign = text.rfind(['+', '-']).filter(|at| *at > 10);
    let ahead = sign.and_then(|at| {
        let mut seconds = 0;
        let parts = text[at + 1..].split(':');
        for (part, unit) in parts.clone().zip([3_600, 60, 1]) {
            let two = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            seconds += two.then(|| part.parse::<i64>().ok())?? * unit;
        }
        let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
        (parts.count() <= 3).then_some((&text[..at], sign * seconds * 1_000_000))
    });
    ahead.unwrap_or((text, 0))
}

/// Numbers and texts together, as texts.
fn mixed(numbers: &[f64], codes: &[u32], labels: &[String]) -> Values {
    let shown = |row: usize| match (codes[row], numbers[row]) {
        (0, number) if number.is_nan() => None,
        (0, number) => Some(number.to_string()),
        (code, _) => Some(labels[code as usize - 1].clone()),
    };
    let texts: Vec<Option<String>> = (0..numbers.len()).map(shown).collect();
    let mut all: Vec<String> = texts.iter().flatten().cloned().collect();
    all.sort_unstable();
    all.dedup();
    let code = |text: &Option<String>| {
        text.as_ref().map_or(0, |text| {
            all.binary_search(text).map_or(0, |place| place as u32 + 1)
        })
    };
    Values::Texts(texts.iter().map(code).collect(), all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns_in_any_order() {
        let rows: Vec<String> = (0..500)
            .map(|i| {
                let text = if i % 7 == 0 { "null".to_owned() } else { format!("\"t{}\"", i % 5) };
                format!(
                    r#"{{"n":{},"t":{text},"d":"2026-01-{:02}","m":{},"l":[{i}],"e":null,"long":"{}"}}"#,
                    i % 11,
                    i % 28 + 1,
                    if i % 2 == 0 { "1.5" } else { "\"x\"" },
                    "y".repeat(200) + &(i % 2).to_string()
                )
            })
            .collect();
        let empty = || Rows::up_to(500);
        let mut all = empty();
        rows.iter().for_each(|row| all.row(row).unwrap());
        let mut parts = [empty(), empty(), empty()];
        for (i, row) in rows.iter().rev().enumerate() {
            parts[i % 3 % 2].row(row).unwrap();
        }
        let refused = all.row("{}").unwrap_err().to_string();
        assert!(refused.starts_with("more than 500 rows; give fewer"));
        let [mut one, other, none] = parts;
        one.merge(&other);
        one.merge(&none);
        let table = all.table(&|| false).unwrap();
        // Compared as text, since NaN is not itself.
        assert_eq!(
            format!("{:?}", one.table(&|| false).unwrap()),
            format!("{table:?}")
        );
        assert_eq!(table.rows, 500);
        let kinds = table.columns.iter().map(|column| match &column.values {
            Values::Numbers(_) => "number",
            Values::Times(_) => "time",
            Values::Texts(_, labels) => match labels.len() {
                2 => "two",
                _ => "texts",
            },
            Values::Nothing => "nothing",
        });
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            [
                "number", "texts", "time", "two", "nothing", "nothing", "two"
            ]
        );
        let Values::Texts(codes, labels) = &table.columns[1].values else {
            panic!()
        };
        assert_eq!(labels.len(), 5);
        assert_eq!(codes.iter().filter(|code| **code == 0).count(), 72);
    }

    #[test]
    fn times_are_of_utc() {
        for (text, days) in [
            ("1970-01-02", Some(1.0)),
            ("1970-01-01 12:00:00", Some(0.5)),
            ("1970-01-01T12:00:00Z", Some(0.5)),
            ("1970-01-01 12:00:00+00", Some(0.5)),
            ("1970-01-01 20:00:00.5+08", Some(0.5 + 0.5 / 86_400.0)),
            ("1970-01-01 17:30:00 +05:30", Some(0.5)),
            ("1970-01-01 09:00:00-03:00:00", Some(0.5)),
            ("1970-01-01 12:00:00+8", None),
            ("1970-01-01 12:00:00+", None),
            ("1970-01-01 12:00:00+é0", None),
            ("1970-01-01-05", None),
            ("", None),
        ] {
            assert_eq!(time(text), days, "{text}");
        }
    }
}
