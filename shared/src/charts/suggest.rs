//! Which pictures suit the rows, the best first, each with its reason.

use std::collections::BTreeSet;

use super::ask::{Ask, Form};
use super::table::{Column, Kind, Table};
use crate::options::listed;
use crate::{Error, Result};

mod category;
mod number;
mod time;

/// A picture: which columns go where.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// What is drawn.
    pub form: Form,
    /// The column that the others are seen by; `None` for one number, or for the name of a measure.
    pub x: Option<usize>,
    /// What is measured; none counts rows. Several are series of their own, or of a band value, low and high.
    pub measures: Vec<usize>,
    /// A series, or the second direction of a heat map.
    pub color: Option<usize>,
    /// From 0 to 1.
    pub score: f64,
    /// In English and in Chinese.
    pub reason: (&'static str, &'static str),
}

/// The most categories of which each is told apart by its colour without thought.
const COLORS: usize = 8;

/// The most points that do not hide each other.
const POINTS: usize = 5_000;

/// The designs, best first; at least one if there is a row.
///
/// Errors if a column that is asked for is not there, or if the rows do not suit the form.
pub fn suggest(table: &Table, ask: &Ask) -> Result<Vec<Design>> {
    let mut maker = Maker::of(table, ask)?;
    maker.all();
    let mut designs = maker.designs;
    designs.retain(|d| ask.form.is_none_or(|form| d.form == form));
    // Stable: of equals the first column goes first.
    designs.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut unique: Vec<Design> = Vec::new();
    for design in designs {
        let same = |d: &Design| {
            (d.form, d.x, &d.measures, d.color)
                == (design.form, design.x, &design.measures, design.color)
        };
        if !unique.iter().any(same) {
            unique.push(design);
        }
    }
    unique.truncate(10);
    match (unique.is_empty() && !table.columns.is_empty(), ask.form) {
        (true, Some(form)) => Err(Error::new(format!(
            "kind \"{}\" needs {}; the source has {}",
            form.name(),
            form.needs(),
            described(table)
        ))),
        (true, None) => Err(Error::new(format!(
            "nothing in the source can be drawn: it has {}; give a query with a number, a date or a text",
            described(table)
        ))),
        _ => Ok(unique),
    }
}

/// The columns with what they hold.
fn described(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|c| {
            let kind = match c.kind {
                Kind::Time => "times",
                Kind::Number => "numbers",
                Kind::Category => "texts",
                Kind::Id => "ids",
                Kind::Other => "no values to draw",
            };
            format!("{} ({kind})", c.name)
        })
        .collect();
    listed(&columns, "and")
}

struct Maker<'a> {
    table: &'a Table,
    ask: &'a Ask,
    x: Option<usize>,
    color: Option<usize>,
    measures: Vec<usize>,
    designs: Vec<Design>,
}

impl<'a> Maker<'a> {
    fn of(table: &'a Table, ask: &'a Ask) -> Result<Self> {
        let named = |name: &Option<String>| match name {
            // Without a row nothing is known of the columns.
            Some(_) if table.columns.is_empty() => Ok(None),
            Some(name) => table.find(name).map(Some).ok_or_else(|| {
                let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
                Error::new(format!(
                    "column \"{name}\" is not in the source; it has {}",
                    listed(&names, "and")
                ))
            }),
            None => Ok(None),
        };
        let (x, color) = (named(&ask.x)?, named(&ask.color)?);
        let measures = match named(&ask.y)? {
            Some(y) => {
                let column = table.columns.get(y);
                if let Some(column) = column.filter(|c| !matches!(c.kind, Kind::Number | Kind::Id))
                {
                    return Err(Error::new(format!(
                        "y is the column \"{}\", which holds no numbers; give one of numbers",
                        column.name
                    )));
                }
                vec![y]
            }
            None => (0..table.columns.len())
                .filter(|i| Some(*i) != x && Some(*i) != color)
                .filter(|i| {
                    table
                        .columns
                        .get(*i)
                        .is_some_and(|c| c.kind == Kind::Number)
                })
                .collect(),
        };
        Ok(Maker {
            table,
            ask,
            x,
            color,
            measures,
            designs: Vec::new(),
        })
    }

    fn column(&self, i: usize) -> Option<&'a Column> {
        self.table.columns.get(i)
    }

    /// The columns of a kind that may be what others are seen by.
    fn by(&self, kind: Kind) -> Vec<usize> {
        let columns = 0..self.table.columns.len();
        columns
            .filter(|i| match self.x {
                Some(x) => x == *i,
                None => {
                    Some(*i) != self.color && !(self.ask.y.is_some() && self.measures.contains(i))
                }
            })
            .filter(|i| self.column(*i).is_some_and(|c| c.kind == kind))
            .collect()
    }

    /// What may have a colour for each of its values, if they are not `others`.
    fn colors(&self, others: &[usize]) -> Vec<usize> {
        match self.color {
            Some(color) => vec![color],
            None => (0..self.table.columns.len())
                .filter(|i| !others.contains(i))
                .filter(|i| {
                    self.column(*i)
                        .is_some_and(|c| c.kind == Kind::Category && c.distinct > 1)
                })
                .collect(),
        }
    }

    fn named(&self, names: &[&str]) -> Option<usize> {
        let columns = self.table.columns.iter();
        columns
            .enumerate()
            .find(|(_, c)| {
                c.kind == Kind::Number && names.contains(&c.name.to_lowercase().as_str())
            })
            .map(|(i, _)| i)
    }

    fn distinct(&self, column: usize) -> usize {
        self.column(column).map_or(0, |c| c.distinct)
    }

    /// Whether no two rows have the same values in these columns.
    fn unique(&self, columns: &[usize]) -> bool {
        let rows = self.table.rows();
        let mut seen = BTreeSet::new();
        (0..rows).all(|row| {
            let weight = self.table.weights.get(row);
            let key: Vec<_> = columns
                .iter()
                .filter_map(|i| self.column(*i))
                .map(|c| (c.texts.get(row), c.numbers.get(row).map(|n| n.to_bits())))
                .collect();
            weight.is_some_and(|w| *w < 2.0) && seen.insert(key)
        })
    }

    fn push(
        &mut self,
        form: Form,
        x: Option<usize>,
        measures: &[usize],
        color: Option<usize>,
        score: f64,
        reason: (&'static str, &'static str),
    ) {
        self.designs.push(Design {
            form,
            x,
            measures: measures.to_vec(),
            color,
            score,
            reason,
        });
    }

    fn all(&mut self) {
        if self.table.rows() == 0 {
            return;
        }
        self.values();
        self.bands();
        self.named_forms();
        self.over_time();
        self.sequences();
        self.by_category();
        self.points();
        self.distributions();
    }

    fn is_named(&self, column: usize, name: &str) -> bool {
        self.column(column)
            .is_some_and(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// Whether several numbers can share an axis.
    fn alike(&self, measures: &[usize]) -> bool {
        let sizes: Vec<f64> = measures
            .iter()
            .filter_map(|m| self.column(*m)?.range())
            .map(|(lo, hi)| lo.abs().max(hi.abs()))
            .collect();
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        let smallest = sizes.iter().copied().fold(f64::INFINITY, f64::min);
        (2..=COLORS).contains(&sizes.len()) && smallest * 20.0 >= largest
    }
}
