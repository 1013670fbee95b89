//! Numbers with a unit, compared with a column whose name says another: "longer than 5 minutes", in milliseconds.

use super::super::catalog::{ColumnRef, words};
use super::super::ir::{Aggregate, Expr};
use super::super::print::number as text;
use super::Walk;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Time,
    Bytes,
    Length,
    Weight,
    Money,
}

/// Units by their name, which columns are called by too, and what else a question calls them: of what, and how many of the
/// smallest they are.
const UNITS: &[(&str, &[&str], Of, f64)] = &[
    ("microsecond", &["us", "µs", "微秒"], Of::Time, 1e-6),
    (
        "millisecond",
        &["ms", "msec", "milli", "毫秒"],
        Of::Time,
        1e-3,
    ),
    ("second", &["s", "sec", "秒", "秒钟"], Of::Time, 1.0),
    ("minute", &["min", "分钟"], Of::Time, 60.0),
    ("hour", &["h", "hr", "小时"], Of::Time, 3600.0),
    ("byte", &["字节"], Of::Bytes, 1.0),
    ("kilobyte", &["kb"], Of::Bytes, 1e3),
    ("megabyte", &["mb"], Of::Bytes, 1e6),
    ("gigabyte", &["gb"], Of::Bytes, 1e9),
    ("terabyte", &["tb"], Of::Bytes, 1e12),
    (
        "millimeter",
        &["mm", "millimetre", "毫米"],
        Of::Length,
        1e-3,
    ),
    (
        "centimeter",
        &["cm", "centimetre", "厘米"],
        Of::Length,
        1e-2,
    ),
    ("meter", &["m", "metre", "米"], Of::Length, 1.0),
    ("kilometer", &["km", "kilometre", "公里"], Of::Length, 1e3),
    ("milligram", &["mg", "毫克"], Of::Weight, 1e-6),
    ("gram", &["g", "克"], Of::Weight, 1e-3),
    ("kilogram", &["kg", "kilo", "公斤", "千克"], Of::Weight, 1.0),
    ("ton", &["tonne", "吨"], Of::Weight, 1e3),
    ("cent", &["分"], Of::Money, 1e-2),
    ("dollar", &["usd", "美元"], Of::Money, 1.0),
    ("euro", &["eur", "欧元"], Of::Money, 1.0),
    ("yuan", &["cny", "rmb", "元"], Of::Money, 1.0),
];

/// A number as a column has it.
pub struct Scaled {
    /// The number.
    pub number: f64,
    /// The token after it and its unit, if that follows at once.
    pub end: usize,
    /// What was reckoned, if the units differ.
    pub note: Option<String>,
}

type Unit = &'static (&'static str, &'static [&'static str], Of, f64);

fn unit(word: &str) -> Option<Unit> {
    let one = word.strip_suffix('s').unwrap_or(word);
    let mut units = UNITS.iter();
    units.find(|(name, others, ..)| *name == one || others.iter().any(|o| *o == one || *o == word))
}

/// What a word for a unit is called in notes.
pub fn unit_name(word: &str) -> Option<&'static str> {
    unit(word).map(|unit| unit.0)
}

/// What the unit is called that the name of a column ends with.
pub fn unit_of_name(name: &str) -> Option<&'static str> {
    unit_of(name).map(|unit| unit.0)
}

/// The unit that the name of a column ends with: one that is written out, or its sign if nothing else means that.
fn unit_of(name: &str) -> Option<Unit> {
    let all = words(name);
    let last = all.last()?.clone();
    let found = unit(&last)?;
    // `weight_g`, `length_m`: the name says what is measured.
    let said = [
        (Of::Weight, &["weight", "mass", "load"][..]),
        (
            Of::Length,
            &["length", "height", "distance", "width", "depth"][..],
        ),
        (Of::Time, &["duration", "time", "length"][..]),
    ];
    let of_name = |(of, words): &(Of, &[&str])| {
        *of == found.2 && all.iter().any(|w| words.contains(&w.as_str()))
    };
    if said.iter().any(of_name) {
        return Some(found);
    }
    let clear = [
        "ms", "msec", "kb", "mb", "gb", "tb", "mm", "cm", "km", "mg", "kg",
    ];
    let written = last.strip_suffix('s').unwrap_or(&last);
    let clear = found.0 == written || clear.contains(&last.as_str()) || !last.is_ascii();
    clear.then_some(found)
}

impl Walk<'_> {
    /// A number before the token `at` as this column, or an aggregate of it, has it; `None` if no unit is said that it can
    /// be told in. Of "3 and 5 minutes", both numbers are minutes.
    pub fn scaled(&self, of: &Expr, number: f64, at: usize) -> Option<Scaled> {
        let (Expr::Column(column) | Expr::Aggregate(_, _, Some(column))) = of else {
            return None;
        };
        if matches!(of, Expr::Aggregate(Aggregate::Count, ..)) {
            return None;
        }
        let column: ColumnRef = *column;
        let to = unit_of(&self.catalog().at(column).name)?;
        let said = |at: usize| {
            let token = self.tokens.get(at).filter(|t| !t.quoted)?;
            unit(&token.lower).filter(|unit| unit.2 == to.2)
        };
        let second = self.tokens.get(at + 1).is_some_and(|t| t.number.is_some());
        let (from, end) = match said(at) {
            Some(unit) => (unit, at + 1),
            None => (said(at + 2).filter(|_| second)?, at),
        };
        let scaled = (number * from.3 / to.3 * 1e6).round() / 1e6;
        let note = (from.0 != to.0).then(|| {
            let (number, scaled) = (text(number), text(scaled));
            let named = self.catalog().named(column);
            format!("{number} {}s are {scaled} {}s of {named}", from.0, to.0)
        });
        Some(Scaled {
            number: scaled,
            end,
            note,
        })
    }
}
