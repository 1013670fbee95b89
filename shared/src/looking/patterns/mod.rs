//! `lumos_patterns`: what stands out in a table, the clearest first.
//!
//! Each pattern has an impact, the share of rows or of what varies that it accounts for, and those that chance could make
//! have a probability; `score` is the impact times 1 - q, where q is the probability after Benjamini and Hochberg over all
//! that was tried in the call. Where numbers are skewed or some are far, a probability is that of their ranks, or of the far
//! ones drawn near. [`singles`] looks at columns alone, [`pairs`] at two of them, [`times`] at numbers by time.

use serde_json::{Value as Json, json};

use super::association::{Prepared, adjusted};
use super::scan::{self, COLUMNS, INPUT, Look, Scan};
use super::table::{Column, Table, Values, target};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, Fold, Program, Stopped, check};
use crate::series::source::Emit;
use crate::series::words::{LANG, Language};
use crate::source::{self, Source};
use crate::{Error, Result, Type, Value};

mod pairs;
mod singles;
mod times;

const TIME: OptionDef = OptionDef {
    name: "time",
    ty: OptionType::Text(", the name of a column"),
    default: "the first column of dates or times",
    doc: "the column of times, which may be whole numbers, by which trends, seasons, changes and gaps are looked for",
};

const TOP: OptionDef = OptionDef {
    name: "top",
    ty: OptionType::Integer(1, 1000),
    default: "20",
    doc: "the most patterns",
};

/// The options of `lumos_patterns`.
pub const OPTIONS: &[OptionDef] = &[COLUMNS, TIME, TOP, LANG];

/// Of `lumos_patterns`.
pub const FOLD: Fold = Fold::new::<Scan<Patterns>>(
    "patterns",
    INPUT,
    &[
        ("rank", Type::Integer),
        ("kind", Type::Text),
        ("columns", Type::Json),
        ("score", Type::Real),
        ("facts", Type::Json),
        ("explanation", Type::Text),
    ],
)
.wide();

/// The most columns, of which all pairs are looked at.
const MOST_COLUMNS: usize = 60;
/// Of so few rows nothing is said.
const FEWEST_ROWS: usize = 10;
/// What could be chance more often than that is left out.
const CHANCE: f64 = 0.05;
/// What accounts for less is left out.
const LEAST_SCORE: f64 = 0.01;
/// The most texts of a column of categories.
const MOST_TEXTS: usize = 1_000;

/// What `lumos_patterns` runs. Errors if the source or an option is none.
pub fn program(text: &str, options: Option<&str>, database: &dyn Database) -> Result<Program> {
    let given = Options::parse(OPTIONS, options)?;
    let source = Source::parse(text, database.dialect())?;
    let only = source::names(&given, COLUMNS.name)?;
    scan::program(&source, only, options.unwrap_or("{}"), database)
}

/// What kind of pattern it is; of equal scores the first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Trend,
    Season,
    Change,
    Correlation,
    Dependency,
    Association,
    Dominance,
    Outliers,
    Gap,
    Key,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Trend => "trend",
            Kind::Season => "season",
            Kind::Change => "change",
            Kind::Correlation => "correlation",
            Kind::Dependency => "dependency",
            Kind::Association => "association",
            Kind::Dominance => "dominance",
            Kind::Outliers => "outliers",
            Kind::Gap => "gap",
            Kind::Key => "key",
        }
    }

    /// Whether it says how two columns hang together: of a pair only the clearest of these is told.
    fn is_of_a_pair(self) -> bool {
        matches!(
            self,
            Kind::Correlation | Kind::Dependency | Kind::Association
        )
    }
}

/// A pattern.
struct Pattern {
    kind: Kind,
    /// The places of its columns in the table.
    columns: Vec<usize>,
    /// From 0 to 1.
    impact: f64,
    /// Its place among the probabilities of all that was tried, if it has one.
    test: Option<usize>,
    facts: Json,
    english: String,
    chinese: String,
}

/// What was found, and what was tried.
#[derive(Default)]
struct Finds {
    patterns: Vec<Pattern>,
    tests: Vec<Option<f64>>,
}

impl Finds {
    /// Notes the probability of what was tried; returns its place for [`Pattern::test`].
    fn test(&mut self, p: f64) -> Option<usize> {
        self.tests.push(Some(p.clamp(0.0, 1.0)));
        Some(self.tests.len() - 1)
    }

    /// The patterns by their scores.
    fn ranked(self) -> Vec<(f64, Pattern)> {
        let q = adjusted(&self.tests);
        let of = |pattern: &Pattern| q.get(pattern.test?).copied().flatten();
        let mut ranked: Vec<(f64, Pattern)> = self
            .patterns
            .into_iter()
            .filter_map(|pattern| {
                let q = of(&pattern).unwrap_or(0.0);
                let score = pattern.impact.clamp(0.0, 1.0) * (1.0 - q);
                (q <= CHANCE && score >= LEAST_SCORE).then_some((score, pattern))
            })
            .collect();
        ranked.sort_by(|(a, x), (b, y)| {
            let order = |p: &Pattern| (p.kind, p.columns.clone());
            b.total_cmp(a).then_with(|| order(x).cmp(&order(y)))
        });
        let mut pairs: Vec<Vec<usize>> = Vec::new();
        ranked.retain(|(_, pattern)| {
            if !pattern.kind.is_of_a_pair() {
                return true;
            }
            let mut pair = pattern.columns.clone();
            pair.sort_unstable();
            let new = !pairs.contains(&pair);
            pairs.push(pair);
            new
        });
        ranked
    }
}

/// What a column is looked at as.
struct Seen<'a> {
    name: &'a str,
    values: &'a Values,
    /// Of numbers and times.
    prepared: Option<Prepared<'a>>,
    /// Each value as a number from 1 on, 0 for NULL; empty of a column without values.
    codes: Vec<u32>,
    /// How many different values there are.
    distinct: usize,
    /// How many are not NULL.
    known: usize,
    /// Numbers that measure: not those that name or count the rows.
    is_measure: bool,
    /// Numbers of which some are not whole.
    is_fractional: bool,
}

impl<'a> Seen<'a> {
    fn new(column: &'a Column) -> Seen<'a> {
        let prepared = match &column.values {
            Values::Numbers(values) | Values::Times(values) => Some(Prepared::new(values)),
            Values::Texts(..) | Values::Nothing => None,
        };
        let codes = match (&column.values, &prepared) {
            (_, Some(prepared)) => prepared.codes(),
            (Values::Texts(codes, _), _) => codes.clone(),
            _ => Vec::new(),
        };
        let distinct = codes.iter().copied().max().unwrap_or(0) as usize;
        let known = codes.iter().filter(|code| **code > 0).count();
        let numbers = match &column.values {
            Values::Numbers(values) => Some(values),
            _ => None,
        };
        let is_fractional = numbers.is_some_and(|n| n.iter().any(|v| v.fract() != 0.0));
        let names = is_name(&column.name);
        Seen {
            name: &column.name,
            values: &column.values,
            prepared,
            distinct,
            known,
            is_measure: numbers.is_some_and(|n| is_fractional || !names && !counts(n, distinct)),
            is_fractional,
            codes,
        }
    }

    /// The numbers of a measure.
    fn measure(&self) -> Option<&Prepared<'a>> {
        self.prepared.as_ref().filter(|_| self.is_measure)
    }

    /// The labels of a column of categories.
    fn labels(&self) -> Option<&'a [String]> {
        match self.values {
            Values::Texts(_, labels) if (2..=MOST_TEXTS).contains(&labels.len()) => Some(labels),
            _ => None,
        }
    }

    /// Whether its values may name something: neither measures nor empty.
    fn is_discrete(&self) -> bool {
        self.distinct > 0 && !self.is_fractional
    }
}

/// Whether a column is called as one of numbers that name rows, like `id`, `shop_id` or `ShopId`.
fn is_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower == "id" || lower.ends_with("_id") || name.ends_with("Id") || name.ends_with("ID")
}

/// Whether whole numbers count the rows: each comes once, and at most every other one is missing.
fn counts(values: &[f64], distinct: usize) -> bool {
    let known = || values.iter().filter(|v| !v.is_nan());
    let (least, most) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| {
        (least.min(*v), most.max(*v))
    });
    distinct >= FEWEST_ROWS && distinct == known().count() && (most - least) < 2.0 * distinct as f64
}

#[derive(Clone)]
struct Patterns {
    time: Option<String>,
    top: usize,
    language: Language,
}

impl Look for Patterns {
    fn start(spec: &str) -> Result<Self> {
        let options = Options::parse(OPTIONS, Some(spec))?;
        let top = options.integer(TOP.name).map(usize::try_from);
        Ok(Patterns {
            time: options.text(TIME.name).map(str::to_owned),
            top: top.and_then(|n| n.ok()).unwrap_or(20),
            language: Language::of(&options),
        })
    }

    fn tell(&self, table: &Table, stopped: Stopped<'_>, emit: Emit<'_>) -> Result<()> {
        if table.columns.len() > MOST_COLUMNS {
            return Err(Error::new(format!(
                "{} columns; name up to {MOST_COLUMNS} of them by the option \"columns\"",
                table.columns.len()
            )));
        }
        let time = match &self.time {
            None => None,
            // No row has no columns.
            Some(_) if table.rows == 0 => None,
            Some(name) => Some(target(table, name)?),
        };
        if table.rows < FEWEST_ROWS {
            return Ok(());
        }
        let mut seen = Vec::new();
        for column in &table.columns {
            check(stopped)?;
            seen.push(Seen::new(column));
        }
        let mut finds = Finds::default();
        times::find(&seen, time, &mut finds, stopped)?;
        singles::find(&seen, &mut finds, stopped)?;
        pairs::find(&seen, &mut finds, stopped)?;
        for (i, (score, pattern)) in finds.ranked().into_iter().take(self.top).enumerate() {
            let columns = pattern.columns.iter().map(|i| seen[*i].name);
            let columns: Vec<&str> = columns.collect();
            emit(vec![
                Value::Integer(i as i64 + 1),
                Value::Text(pattern.kind.name().into()),
                Value::Text(json!(columns).to_string()),
                Value::Real(score),
                Value::Text(pattern.facts.to_string()),
                Value::Text(self.language.say(pattern.english, pattern.chinese)),
            ])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
