//! The rows of any query, each as the text of a JSON object, kept within a bound and in no order but their own.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::objects::{Cell, Fields, MOST_COLUMNS, unescaped};
use crate::{Error, Result};

/// The values that are kept; of more rows a share that depends on their values alone.
const MOST_VALUES: usize = 2_000_000;

/// The distinct rows that are kept, each with how often it came.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The names of the columns, of the first row.
    pub names: Vec<String>,
    /// By their hashes.
    rows: HashMap<u64, (Vec<Cell>, u64)>,
    /// A row is kept if its hash ends in so many zeros.
    zeros: u32,
    /// How many there were.
    pub seen: u64,
    /// The values that are kept at most.
    most: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Kept::bounded(MOST_VALUES)
    }
}

impl Kept {
    /// None yet, and at most so many values.
    fn bounded(most: usize) -> Kept {
        Kept {
            names: Vec::new(),
            rows: HashMap::new(),
            zeros: 0,
            seen: 0,
            most,
        }
    }

    /// Takes a row. Errors if the text is no JSON object, which no SELECT that Lumos writes gives.
    pub fn add(&mut self, row: &str) -> Result<()> {
        let wrong = || Error::new("a row is no JSON object; only the SQL of a function calls it");
        let mut cells = Vec::with_capacity(self.names.len());
        let mut names = Vec::new();
        let first = self.seen == 0;
        let mut fields = Fields::of(row).ok_or_else(wrong)?;
        while let Some((name, cell)) = fields.field().ok_or_else(wrong)? {
            if first {
                names.push(unescaped(name));
            }
            cells.push(cell);
            if cells.len() == MOST_COLUMNS {
                break;
            }
        }
        if first {
            self.names = names;
        }
        cells.resize(self.names.len(), Cell::Null);
        self.seen += 1;
        self.keep(hash(&cells), cells, 1);
        Ok(())
    }

    fn keep(&mut self, hash: u64, cells: Vec<Cell>, times: u64) {
        if hash.trailing_zeros() < self.zeros {
            return;
        }
        self.rows.entry(hash).or_insert((cells, 0)).1 += times;
        while self.zeros < 40 && self.rows.len() * self.names.len().max(1) > self.most {
            self.only(self.zeros + 1);
        }
    }

    fn only(&mut self, zeros: u32) {
        self.zeros = zeros;
        self.rows.retain(|hash, _| hash.trailing_zeros() >= zeros);
    }

    /// Takes over the rows of another.
    pub fn merge(&mut self, other: &Kept) {
        if self.names.is_empty() {
            self.names.clone_from(&other.names);
        }
        self.seen += other.seen;
        if other.zeros > self.zeros {
            self.only(other.zeros);
        }
        for (hash, (cells, times)) in &other.rows {
            self.keep(*hash, cells.clone(), *times);
        }
    }

    /// Of how many distinct rows one is kept.
    pub fn one_of(&self) -> u64 {
        1 << self.zeros
    }

    /// The rows in the order of their values, each with how many rows it stands for.
    pub fn sorted(&self) -> Vec<(&[Cell], f64)> {
        let scale = self.one_of() as f64;
        let rows = self.rows.values();
        let mut rows: Vec<(&[Cell], f64)> = rows
            .map(|(row, times)| (row.as_slice(), *times as f64 * scale))
            .collect();
        rows.sort_by(|a, b| a.0.partial_cmp(b.0).unwrap_or(Ordering::Equal));
        rows
    }
}

fn hash(cells: &[Cell]) -> u64 {
    // The keys of this hasher are fixed.
    let mut hasher = DefaultHasher::new();
    for cell in cells {
        match cell {
            Cell::Null => 0.hash(&mut hasher),
            Cell::Number(number) => number.to_bits().hash(&mut hasher),
            Cell::Text(text) => text.hash(&mut hasher),
            Cell::Other => 1.hash(&mut hasher),
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_in_order() {
        let mut kept = Kept::default();
        kept.add(r#"{"b":1.5,"a":"x\"\\y","n":null,"l":[1,{"x":"]"}],"t":true,"nan":NaN,"i":-Infinity,"e":-0.0}"#)
            .unwrap();
        assert_eq!(kept.names, ["b", "a", "n", "l", "t", "nan", "i", "e"]);
        assert_eq!(
            kept.sorted()[0].0,
            [
                Cell::Number(1.5),
                Cell::Text("x\"\\y".into()),
                Cell::Null,
                Cell::Other,
                Cell::Number(1.0),
                Cell::Null,
                Cell::Null,
                Cell::Number(0.0)
            ]
        );
        for wrong in [
            "",
            "[]",
            "{",
            r#"{"a""#,
            r#"{"a":"x"#,
            r#"{"a":[1"#,
            "{a:1}",
        ] {
            assert!(Kept::default().add(wrong).is_err(), "{wrong}");
        }
        let mut kept = Kept::default();
        kept.add("{}").unwrap();
        kept.add(&format!("{{\"a\":\"{}\"}}", "永".repeat(1000)))
            .unwrap();
        assert_eq!((kept.names.len(), kept.seen), (0, 2));
    }

    #[test]
    fn the_rows_that_are_kept_do_not_depend_on_order_or_threads() {
        let row = |i: usize| format!("{{\"a\":{i},\"b\":{}}}", i % 7);
        let none = || Kept::bounded(2_000);
        let (mut up, mut down, mut parts, mut part) = (none(), none(), none(), none());
        let n = 5_000;
        for i in 0..n {
            up.add(&row(i)).unwrap();
            down.add(&row(n - 1 - i)).unwrap();
            part.add(&row(i)).unwrap();
            if i % 700 == 0 {
                parts.merge(&part);
                part = none();
            }
        }
        parts.merge(&part);
        assert!(up.rows.len() <= 1_000 && up.rows.len() > 300);
        assert!(up.sorted() == down.sorted() && up.sorted() == parts.sorted());
        assert_eq!(parts.seen, n as u64);
        let mut same = Kept::default();
        (0..3).for_each(|_| same.add("{\"a\":1}").unwrap());
        assert_eq!(same.sorted(), [([Cell::Number(1.0)].as_slice(), 3.0)]);
    }
}
