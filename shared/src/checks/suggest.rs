//! Rules that hold of the rows that there are, or nearly.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value as Json, json};

use crate::objects::{self, Cell, Fields};
use crate::options::Options;
use crate::program::{Database, Fold, FoldState, Program};
use crate::series::words::{LANG, Language, grouped, number};
use crate::source::Source;
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The options.
pub const OPTIONS: &[crate::options::OptionDef] = &[LANG];

/// Looks at each column.
pub const SUGGEST: Fold = Fold::new::<Seen>(
    "check_suggest",
    &[Param::optional("row", Type::Text)],
    &[
        ("rule", Type::Json),
        ("holds", Type::Real),
        ("reason", Type::Text),
    ],
);

/// Of fewer rows nothing is said.
const LEAST_ROWS: u64 = 100;
/// The share of rows that a rule may break and still be one.
const MOST_BROKEN: f64 = 0.01;
/// The most values of a column that are a list.
const MOST_VALUES: usize = 20;
/// The most different values of a column that are remembered.
const MOST_DIFFERENT: usize = 100_000;

/// Writes the SELECT. Errors if the source is neither a table nor a query, or an option is wrong.
pub fn program(text: &str, options: Option<&str>, database: &dyn Database) -> Result<Program> {
    Options::parse(OPTIONS, options)?;
    Ok(Program {
        read: objects::select(&Source::parse(text, database.dialect())?, database)?,
        parameters: Vec::new(),
        spec: options.unwrap_or("{}").to_owned(),
    })
}

/// What is known of a column.
#[derive(Debug, Clone, Default)]
struct Column {
    name: String,
    nulls: u64,
    numbers: u64,
    /// Numbers that are not whole.
    parts: u64,
    texts: u64,
    others: u64,
    negative: u64,
    above_one: u64,
    /// Texts, until they are too many.
    values: Option<BTreeMap<Box<str>, u64>>,
    /// Whether a value comes twice.
    different: Different,
}

/// The hashes of values, of too many those that end in so many zeros: which ones does not depend on the order of rows.
#[derive(Debug, Clone, Default)]
struct Different {
    hashes: HashSet<u64>,
    zeros: u32,
    /// The most zeros at the end of a hash that came twice.
    twice: Option<u32>,
}

impl Different {
    fn add(&mut self, hash: u64) {
        let zeros = hash.trailing_zeros();
        if zeros < self.zeros {
            return;
        }
        if !self.hashes.insert(hash) {
            self.twice = self.twice.max(Some(zeros));
        }
        while self.hashes.len() > MOST_DIFFERENT && self.zeros < 40 {
            self.only(self.zeros + 1);
        }
    }

    fn only(&mut self, zeros: u32) {
        self.zeros = self.zeros.max(zeros);
        self.hashes.retain(|hash| hash.trailing_zeros() >= zeros);
    }

    fn merge(&mut self, other: &Different) {
        self.only(other.zeros);
        self.twice = self.twice.max(other.twice);
        other.hashes.iter().for_each(|hash| self.add(*hash));
    }

    /// Of how many values none comes twice; `None` if one does.
    fn looked_at(&self) -> Option<usize> {
        let twice = self.twice.is_some_and(|zeros| zeros >= self.zeros);
        (!twice).then_some(self.hashes.len())
    }
}

/// The state of [`SUGGEST`].
#[derive(Debug, Clone)]
pub struct Seen {
    language: Language,
    rows: u64,
    columns: Vec<Column>,
}

impl FoldState for Seen {
    fn start(spec: &str) -> Result<Self> {
        Ok(Seen {
            language: Language::of(&Options::parse(OPTIONS, Some(spec))?),
            rows: 0,
            columns: Vec::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let wrong = || Error::new("a row is no JSON object; only the SQL of a function calls it");
        let [ValueRef::Text(row)] = row else {
            return Err(wrong());
        };
        let first = self.rows == 0;
        self.rows += 1;
        let mut fields = Fields::of(row).ok_or_else(wrong)?;
        let mut at = 0;
        while let Some((name, cell)) = fields.field().ok_or_else(wrong)? {
            if first {
                self.columns.push(Column {
                    name: objects::unescaped(name),
                    values: Some(BTreeMap::new()),
                    ..Column::default()
                });
            }
            if let Some(column) = self.columns.get_mut(at) {
                column.add(&cell);
            }
            at += 1;
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        if self.columns.is_empty() {
            self.columns.clone_from(&other.columns);
            return;
        }
        for (mine, other) in self.columns.iter_mut().zip(&other.columns) {
            mine.merge(other);
        }
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        if self.rows < LEAST_ROWS {
            return Ok(());
        }
        for column in &self.columns {
            for (rule, holds, english, chinese) in column.rules(self.rows) {
                let rule = if holds < 1.0 { borne(rule) } else { rule };
                emit(vec![
                    Value::Text(rule.to_string()),
                    Value::Real(holds),
                    Value::Text(self.language.say(english, chinese)),
                ])?;
            }
        }
        Ok(())
    }
}

/// A rule that some rows may break.
fn borne(mut rule: Json) -> Json {
    if let Some(rule) = rule.as_object_mut() {
        rule.insert("severity".into(), "warn".into());
        rule.insert("max_share".into(), MOST_BROKEN.into());
    }
    rule
}

impl Column {
    fn add(&mut self, cell: &Cell) {
        let mut hasher = DefaultHasher::new();
        match cell {
            Cell::Null => {
                self.nulls += 1;
                return;
            }
            Cell::Number(number) => {
                self.numbers += 1;
                self.parts += u64::from(number.fract() != 0.0);
                self.negative += u64::from(*number < 0.0);
                self.above_one += u64::from(*number > 1.0);
                (0, number.to_bits()).hash(&mut hasher);
            }
            Cell::Text(text) => {
                self.texts += 1;
                if let Some(values) = &mut self.values {
                    *values.entry(text.clone()).or_default() += 1;
                }
                (1, text).hash(&mut hasher);
            }
            Cell::Other => {
                self.others += 1;
                return;
            }
        }
        self.different.add(hasher.finish());
        self.bound();
    }

    fn bound(&mut self) {
        if self.values.as_ref().is_some_and(|v| v.len() > MOST_VALUES) {
            self.values = None;
        }
    }

    fn merge(&mut self, other: &Column) {
        self.nulls += other.nulls;
        self.numbers += other.numbers;
        self.parts += other.parts;
        self.texts += other.texts;
        self.others += other.others;
        self.negative += other.negative;
        self.above_one += other.above_one;
        self.values = self
            .values
            .take()
            .zip(other.values.as_ref())
            .map(|(mut mine, other)| {
                for (value, times) in other {
                    *mine.entry(value.clone()).or_default() += times;
                }
                mine
            });
        self.different.merge(&other.different);
        self.bound();
    }

    /// The rules, each with the share of rows of which it holds and the reason in both languages.
    fn rules(&self, rows: u64) -> Vec<(Json, f64, String, String)> {
        let name = self.name.as_str();
        let mut rules = Vec::new();
        let share = |broken: u64, of: u64| 1.0 - broken as f64 / of.max(1) as f64;
        let given = rows - self.nulls;
        let percent = |holds: f64| number(100.0 * holds);
        let shown = |n: u64| grouped(&n.to_string());
        let (all, values_given) = (shown(rows), shown(given));
        let mut add = |rule: Json, holds: f64, english: String, chinese: String| {
            if holds >= 1.0 - MOST_BROKEN {
                rules.push((rule, holds, english, chinese));
            }
        };
        let holds = share(self.nulls, rows);
        add(
            json!({"not_null": name}),
            holds,
            format!("{} % of {all} rows have a value", percent(holds)),
            format!("{all} 行中有 {}% 有值", percent(holds)),
        );
        if given == 0 {
            return rules;
        }
        let countable = self.parts == 0 && self.others == 0;
        let different = self.different.looked_at().filter(|_| countable);
        if let Some(looked_at) = different.filter(|_| given >= LEAST_ROWS) {
            add(
                json!({"unique": name}),
                1.0,
                format!("no value of {} comes twice", shown(looked_at as u64)),
                format!("{} 个值互不相同", shown(looked_at as u64)),
            );
        }
        let mostly_numbers = self.numbers > self.texts;
        if self.numbers > 0 && self.texts > 0 {
            let (is, odd) = if mostly_numbers {
                ("number", self.texts)
            } else {
                ("text", self.numbers)
            };
            let holds = share(odd, given);
            add(
                json!({"type": {"column": name, "is": is}}),
                holds,
                format!(
                    "{} % of {values_given} values are of the type {is}",
                    percent(holds)
                ),
                format!("{values_given} 个值中有 {}% 的类型为 {is}", percent(holds)),
            );
        }
        if self.numbers == given {
            let negative = share(self.negative, given);
            let share_of_one = self.parts > 0 && self.above_one == 0 && self.negative == 0;
            if share_of_one {
                add(
                    json!({"range": {"column": name, "min": 0, "max": 1}}),
                    1.0,
                    format!("all {values_given} values are from 0 to 1"),
                    format!("{values_given} 个值都在 0 到 1 之间"),
                );
            } else if different.is_none() {
                add(
                    json!({"range": {"column": name, "min": 0}}),
                    negative,
                    format!(
                        "{} % of {values_given} values are at least 0",
                        percent(negative)
                    ),
                    format!("{values_given} 个值中有 {}% 不小于 0", percent(negative)),
                );
            }
        }
        if let Some(values) = self
            .values
            .as_ref()
            .filter(|v| !v.is_empty() && self.texts == given)
        {
            let whole = values
                .keys()
                .all(|value| value.chars().count() <= objects::MOST_CHARS);
            if whole && values.len() > 1 && given >= 20 * values.len() as u64 {
                let list: Vec<&str> = values.keys().map(AsRef::as_ref).collect();
                add(
                    json!({"in": {"column": name, "values": list}}),
                    1.0,
                    format!("{} different values in {values_given} rows", values.len()),
                    format!("{values_given} 个值只有 {} 种", values.len()),
                );
            }
        }
        rules
    }
}
