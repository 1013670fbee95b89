//! The values of a dimension: each its own, the rarer ones together, or numbers cut into parts.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::looking::cells::Cell;
use crate::series::words::{Language, number};

/// The most values of a dimension; beyond, one of them is all the others.
const MOST: usize = 50;
/// So many different numbers are each a value.
const FEW: usize = 10;

/// A dimension.
#[derive(Debug, Clone, PartialEq)]
pub enum Dimension {
    /// These values, in order; all others are one more, if there are any.
    Values(Vec<Label>, usize),
    /// Numbers from the first to the second of each part; NULL is one more part, if there is any.
    Parts(Vec<[f64; 2]>, bool),
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Label {
    /// NULL, or what is no value.
    Null,
    /// A number.
    Number(f64),
    /// A text.
    Text(Box<str>),
}

impl Eq for Label {}

impl Ord for Label {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Label::Null, Label::Null) => Ordering::Equal,
            (Label::Null, _) | (Label::Number(_), Label::Text(_)) => Ordering::Less,
            (_, Label::Null) | (Label::Text(_), Label::Number(_)) => Ordering::Greater,
            (Label::Number(a), Label::Number(b)) => a.total_cmp(b),
            (Label::Text(a), Label::Text(b)) => a.cmp(b),
        }
    }
}

impl PartialOrd for Label {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Label {
    fn new(cell: &Cell<'_>) -> Label {
        match cell {
            Cell::Null | Cell::Nested => Label::Null,
            // Without a sign of zero.
            Cell::Number(value) => Label::Number(value + 0.0),
            Cell::Text(text) => Label::Text((&**text).into()),
        }
    }

    fn json(&self) -> Json {
        match self {
            Label::Null => Json::Null,
            Label::Number(value) => whole(*value),
            Label::Text(text) => Json::from(&**text),
        }
    }
}

fn whole(value: f64) -> Json {
    match crate::value::whole(value) {
        Some(whole) if value.abs() < 9e15 => Json::from(whole),
        _ => Json::from(value),
    }
}

impl Dimension {
    /// Of values with the rows and the weight that each has.
    pub fn new<'a>(
        given: impl Iterator<Item = (&'a Cell<'a>, u64, f64)>,
        bins: usize,
    ) -> Dimension {
        let mut values: BTreeMap<Label, (u64, f64)> = BTreeMap::new();
        for (cell, rows, weight) in given {
            let value = values.entry(Label::new(cell)).or_default();
            value.0 += rows;
            value.1 += weight;
        }
        let known = |label: &&Label| **label != Label::Null;
        let numbers = values
            .keys()
            .filter(known)
            .all(|l| matches!(l, Label::Number(_)));
        if numbers && values.keys().filter(known).count() > FEW {
            return Dimension::cut(&values, bins);
        }
        if values.len() <= MOST {
            return Dimension::Values(values.into_keys().collect(), 0);
        }
        let others = values.len() - (MOST - 1);
        let mut order: Vec<(Label, (u64, f64))> = values.into_iter().collect();
        order.sort_by(|a, b| b.1.1.total_cmp(&a.1.1).then_with(|| a.0.cmp(&b.0)));
        order.truncate(MOST - 1);
        let mut kept: Vec<Label> = order.into_iter().map(|(label, _)| label).collect();
        kept.sort();
        Dimension::Values(kept, others)
    }

    /// Parts of about equally many rows.
    fn cut(values: &BTreeMap<Label, (u64, f64)>, bins: usize) -> Dimension {
        let numbers = values.iter().filter_map(|(label, (rows, _))| match label {
            Label::Number(value) => Some((*value, *rows)),
            _ => None,
        });
        let numbers: Vec<(f64, u64)> = numbers.collect();
        let all: u64 = numbers.iter().map(|(_, rows)| rows).sum();
        let mut parts: Vec<[f64; 2]> = Vec::new();
        let mut last = None;
        let mut before = 0;
        for (value, rows) in numbers {
            // The part in which the middle of its rows is.
            let middle = (2 * before + rows) as f64 / (2 * all.max(1)) as f64;
            let part = (middle * bins as f64) as usize;
            before += rows;
            match parts.last_mut() {
                Some(open) if last == Some(part) => open[1] = value,
                _ => parts.push([value, value]),
            }
            last = Some(part);
        }
        Dimension::Parts(parts, values.contains_key(&Label::Null))
    }

    /// How many values it has.
    pub fn size(&self) -> usize {
        match self {
            Dimension::Values(values, others) => values.len() + usize::from(*others > 0),
            Dimension::Parts(parts, null) => parts.len() + usize::from(*null),
        }
    }

    /// The place of a value among its values.
    pub fn place(&self, cell: &Cell<'_>) -> usize {
        let label = Label::new(cell);
        match (self, &label) {
            (Dimension::Values(values, _), label) => {
                values.binary_search(label).unwrap_or(values.len())
            }
            (Dimension::Parts(parts, _), Label::Number(value)) => parts
                .partition_point(|part| part[1] < *value)
                .min(parts.len() - 1),
            (Dimension::Parts(parts, _), _) => parts.len(),
        }
    }

    /// A value of it: the value itself, `[from, to]` for a part, `{"others": 12}` for the others.
    pub fn json(&self, place: usize) -> Json {
        match self {
            Dimension::Values(values, others) => match values.get(place) {
                Some(label) => label.json(),
                None => json!({"others": others}),
            },
            Dimension::Parts(parts, _) => match parts.get(place) {
                Some([from, to]) => json!([whole(*from), whole(*to)]),
                None => Json::Null,
            },
        }
    }

    /// The same for a sentence.
    pub fn shown(&self, place: usize, language: Language) -> String {
        match self {
            Dimension::Values(values, others) => match values.get(place) {
                Some(Label::Text(text)) => crate::options::shortened(text),
                Some(label) => label.json().to_string().replace("null", "NULL"),
                None => language.say(
                    format!("any of {others} others"),
                    format!("其余 {others} 个值"),
                ),
            },
            Dimension::Parts(parts, _) => match parts.get(place) {
                Some([from, to]) => {
                    let (from, to) = (number(*from), number(*to));
                    language.say(format!("{from} to {to}"), format!("{from} 至 {to}"))
                }
                None => "NULL".into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_or_put_together() {
        let numbers: Vec<Cell<'_>> = (0..100).map(|i| Cell::Number(f64::from(i))).collect();
        let with_null = numbers
            .iter()
            .chain([&Cell::Null])
            .map(|cell| (cell, 1, 1.0));
        let cut = Dimension::new(with_null, 5);
        assert_eq!((cut.size(), cut.json(0)), (6, json!([0, 19])));
        assert_eq!(
            (cut.place(&Cell::Number(20.0)), cut.place(&Cell::Null)),
            (1, 5)
        );
        assert_eq!(cut.shown(4, Language::English), "80 to 99");
        let texts: Vec<Cell<'_>> = (0..60)
            .map(|i| Cell::Text(format!("t{i:02}").into()))
            .collect();
        let weighed = texts
            .iter()
            .zip(0..)
            .map(|(cell, i)| (cell, 1, f64::from(i)));
        let many = Dimension::new(weighed, 5);
        assert_eq!((many.size(), many.json(49)), (50, json!({"others": 11})));
        assert_eq!((many.place(&texts[10]), many.place(&texts[11])), (49, 0));
        let few = Dimension::new(numbers[..3].iter().map(|cell| (cell, 1, 1.0)), 5);
        assert_eq!((few.size(), few.json(2)), (3, json!(2)));
        // One value that most rows have.
        let skewed = numbers
            .iter()
            .zip(0..)
            .map(|(cell, i)| (cell, if i == 0 { 900 } else { 1 }, 1.0));
        let cut = Dimension::new(skewed, 5);
        assert_eq!(cut.json(0), json!([0, 0]));
        assert!((0..100).all(|i| cut.place(&numbers[i]) < cut.size()));
    }
}
