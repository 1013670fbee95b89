//! The columns to filter by, in memory, so that a filter costs less than the search: a cell for each slot of the
//! index.

use std::cmp::Ordering;
use std::collections::HashMap;

use rusqlite::types::Value;

use super::filter::Condition;
use super::operators;

/// The columns of one table that filters name.
pub struct Columns {
    /// The places of the columns in the definition.
    places: Vec<usize>,
    /// A list of cells for each.
    cells: Vec<Vec<Cell>>,
    texts: Vec<String>,
    numbers: HashMap<String, u32>,
}

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    /// The number of a text.
    Text(u32),
    /// A BLOB, with which nothing is compared here.
    Other,
}

/// From here on not every integer is a double.
const INEXACT: f64 = (1i64 << 53) as f64;

impl Columns {
    /// No cells yet, for the columns at these places.
    pub fn new(places: Vec<usize>) -> Columns {
        Columns {
            cells: vec![Vec::new(); places.len()],
            places,
            texts: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    /// The places of the columns in the definition.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// Sets the cell of a slot in the column at this place, if there is such a column.
    pub fn set(&mut self, slot: u32, place: usize, value: &Value) {
        let Some(column) = self.places.iter().position(|p| *p == place) else {
            return;
        };
        let cell = match value {
            Value::Null => Cell::Null,
            Value::Integer(v) => Cell::Integer(*v),
            Value::Real(v) => Cell::Real(*v),
            Value::Text(text) => Cell::Text(match self.numbers.get(text) {
                Some(number) => *number,
                None => {
                    let number = self.texts.len() as u32;
                    self.texts.push(text.clone());
                    self.numbers.insert(text.clone(), number);
                    number
                }
            }),
            Value::Blob(_) => Cell::Other,
        };
        let cells = &mut self.cells[column];
        let slot = slot as usize;
        if cells.len() <= slot {
            cells.resize(slot + 1, Cell::Null);
        }
        cells[slot] = cell;
    }

    /// A bit for each of the slots whose cells pass all conditions, which [`answers`] has accepted.
    pub fn bits(&self, slots: usize, conditions: &[Condition]) -> Vec<u64> {
        let mut bits = vec![u64::MAX; slots.div_ceil(64)];
        for condition in conditions {
            let column = self.places.iter().position(|p| Some(*p) == condition.place);
            let Some(cells) = column.map(|c| &self.cells[c]) else {
                continue;
            };
            // Each text is compared once, not once a row.
            let texts: Vec<bool> = self
                .texts
                .iter()
                .map(|text| {
                    condition.passes(|value| match value {
                        Value::Text(v) => Some(text.as_str().cmp(v.as_str())),
                        // Texts come after numbers.
                        _ => Some(Ordering::Greater),
                    })
                })
                .collect();
            for (word, cells) in bits.iter_mut().zip(cells.chunks(64)) {
                let mut passed = 0;
                for (i, cell) in cells.iter().enumerate() {
                    let pass = match cell {
                        Cell::Text(number) => texts[*number as usize],
                        Cell::Null => condition.operator == "n",
                        // BLOBs come after all else.
                        Cell::Other => condition.passes(|_| Some(Ordering::Greater)),
                        Cell::Integer(v) => condition.passes(|value| match value {
                            Value::Integer(w) => Some(v.cmp(w)),
                            Value::Real(w) => (*v as f64).partial_cmp(w),
                            _ => None,
                        }),
                        Cell::Real(v) => condition.passes(|value| match value {
                            Value::Integer(w) => v.partial_cmp(&(*w as f64)),
                            Value::Real(w) => v.partial_cmp(w),
                            _ => None,
                        }),
                    };
                    passed |= u64::from(pass) << i;
                }
                *word &= passed;
            }
            // Slots beyond the cells have no row.
            bits.iter_mut()
                .skip(cells.len().div_ceil(64))
                .for_each(|word| *word = 0);
        }
        bits
    }
}

impl Condition {
    /// True if the comparison with the condition's value, or one of its list, comes out as it asks.
    fn passes(&self, compare: impl Fn(&Value) -> Option<Ordering>) -> bool {
        let passed = operators::passes(&self.operator, &self.values, compare);
        passed.unwrap_or(self.operator == "v")
    }
}

/// True if the cells of a column of this type answer the condition as SQLite would: values of the column's own
/// class, and integers that are doubles too.
pub fn answers(condition: &Condition, ty: &str) -> bool {
    let known: &[&str] = match ty {
        // The order of texts hangs on the database's encoding.
        "TEXT" => &["=", "s", "!", "i", "n", "v"],
        _ => &["=", "s", "!", "<", "l", ">", "g", "i", "n", "v"],
    };
    let exact = |value: &Value| match value {
        Value::Integer(v) => ty != "TEXT" && (*v as f64).abs() < INEXACT,
        Value::Real(v) => ty != "TEXT" && v.abs() < INEXACT,
        Value::Text(_) => ty == "TEXT",
        _ => false,
    };
    known.contains(&condition.operator.as_str())
        && condition.values.len() <= 64
        && condition.values.iter().all(exact)
}
