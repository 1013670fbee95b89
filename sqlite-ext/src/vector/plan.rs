//! What a scan of a table of vectors takes over from SQLite: chosen by `xBestIndex`, carried as text, read by
//! `xFilter`.
//!
//! Conditions on columns are taken over, see [`filter`](super::filter), and checked by SQLite again; those on
//! `distance` and `k` end a search.

use std::cmp::Ordering;

use lumos_core::vector::table::{Definition, Role};
use rusqlite::types::{Value, ValueRef};
use rusqlite::vtab::{Filters, IndexConstraintOp as Op, IndexInfo};

use super::filter::Condition;
use super::operators::{self, OPERATORS, TESTS};
use crate::error::{Error, Result, error};
use crate::query::arguments::whole;

/// The plan's words, in the order of its arguments.
#[derive(Debug, Default)]
pub struct Plan {
    /// Rows come by distance to a query.
    pub nearest: bool,
    /// Rows come by id, from the greatest on.
    pub descending: bool,
    /// The vectors are wanted, or one is asked for.
    pub with_vector: bool,
    /// Nothing of the rows is wanted but their number, and perhaps their ids.
    pub counting: bool,
    words: Vec<String>,
}

/// The arguments of a plan.
#[derive(Debug, Default)]
pub struct Arguments {
    /// The query, as it was given.
    pub query: Option<Value>,
    /// The most rows, by `k = ?`.
    pub k: Option<usize>,
    /// The number of rows that will be read, if that is known.
    pub expected: Option<usize>,
    /// Conditions on the distance.
    pub bounds: Vec<Bound>,
    /// Conditions on columns.
    pub conditions: Vec<Condition>,
}

/// A condition on the distance.
#[derive(Debug)]
pub struct Bound {
    operator: String,
    /// What it is compared with: one value, the values of a list, or none.
    values: Vec<Value>,
}

/// The collations that conditions are taken over with, by their letters in the plan.
const COLLATIONS: [(&str, &str); 3] = [("", "BINARY"), ("N", "NOCASE"), ("R", "RTRIM")];

impl Plan {
    /// Chooses what to take over; `None` if there is no way with what is known by then.
    pub fn choose(definition: &Definition, info: &mut IndexInfo) -> Result<Option<Plan>> {
        let distance = definition.columns.len();
        let used = info.col_used();
        let is_used = |i: usize| used >> i.min(63) & 1 == 1;
        let vector = definition.find(Role::Vector);
        let mut plan = Plan {
            with_vector: vector.is_some_and(is_used),
            ..Plan::default()
        };
        // First whether there is a query: it decides what the other words mean.
        for constraint in info.constraints() {
            let on_vector = usize::try_from(constraint.column()).ok() == vector;
            if constraint.operator() == Op::SQLITE_INDEX_CONSTRAINT_MATCH && on_vector {
                if !constraint.is_usable() {
                    return Ok(None);
                }
                plan.nearest = true;
            }
        }
        let mut taken = Vec::new();
        let (mut by_id, mut narrowed, mut unusable_k) = (false, false, false);
        for (i, constraint) in info.constraints().enumerate() {
            let column = usize::try_from(constraint.column()).ok();
            let op = constraint.operator();
            let known = OPERATORS.iter().chain(&TESTS);
            let operator = known.clone().find(|(_, o, _)| *o == op).map(|(l, ..)| *l);
            let role = match column {
                None => Some(Role::Id),
                Some(c) => definition.columns.get(c).map(|c| c.role),
            };
            let usable = constraint.is_usable();
            if plan.nearest && column == Some(distance + 1) && !usable {
                unusable_k = true;
            }
            if !usable {
                continue;
            }
            let word = match (op, role, column) {
                (Op::SQLITE_INDEX_CONSTRAINT_MATCH, Some(Role::Vector), _) => "m".to_owned(),
                (Op::SQLITE_INDEX_CONSTRAINT_LIMIT, ..) => "l".to_owned(),
                (Op::SQLITE_INDEX_CONSTRAINT_OFFSET, ..) => "o".to_owned(),
                (_, None, Some(c)) if c == distance + 1 => k_word(plan.nearest, operator)?,
                (_, None, Some(c)) if plan.nearest && c == distance => match operator {
                    Some(operator) => format!("d{operator}"),
                    _ => continue,
                },
                (_, Some(Role::Id | Role::Key | Role::Filter | Role::Kept), _) => {
                    let place = column.or(definition.find(Role::Id));
                    let place = place.map_or("i".to_owned(), |p| p.to_string());
                    let Some(operator) = operator else { continue };
                    by_id |= matches!(role, Some(Role::Id | Role::Key)) && operator == "=";
                    narrowed |= !["n", "v"].contains(&operator);
                    format!("c{operator}{place}")
                }
                _ => continue,
            };
            taken.push((i, word));
        }
        if unusable_k {
            return Ok(None);
        }
        // SQLite leaves out its own test of the first sixteen arguments only.
        taken.sort_by_key(|(_, word)| !word.starts_with(['m', 'k']));
        for (i, mut word) in taken {
            let is_list = info.is_in_constraint(i)?;
            if is_list && word.starts_with('k') {
                return Err(error("k is a list; give one number, k = 10"));
            }
            if let Some(place) = word.strip_prefix("c=").filter(|_| is_list) {
                word = format!("ci{place}");
                info.set_in_constraint(i, true)?;
            } else if word == "d=" && is_list {
                word = "di".into();
                info.set_in_constraint(i, true)?;
            }
            if word.starts_with('c') {
                // Compared as the shadow table can compare, or not at all.
                let name = info.collation(i)?;
                let collation = COLLATIONS
                    .iter()
                    .find(|(_, c)| c.eq_ignore_ascii_case(name));
                let Some((letter, _)) = collation else {
                    continue;
                };
                word.push_str(letter);
            }
            plan.words.push(word);
            let mut usage = info.constraint_usage(i);
            usage.set_argv_index(plan.words.len() as i32);
            let word = plan.words.last().map_or("", String::as_str);
            usage.set_omit(word.starts_with(['m', 'k']));
        }
        plan.counting = used == 0 && !plan.nearest && plan.words.is_empty();
        let order: Vec<(i32, bool)> = info
            .order_bys()
            .map(|o| (o.column(), o.is_order_by_desc()))
            .collect();
        let id =
            |column: i32| column < 0 || definition.find(Role::Id).map(|i| i as i32) == Some(column);
        let consumed = match order.as_slice() {
            [] => false,
            [(column, false)] if plan.nearest => *column == distance as i32,
            [(first, false), (second, false)] if plan.nearest => {
                *first == distance as i32 && id(*second)
            }
            [(column, descending)] if !plan.nearest && id(*column) => {
                plan.descending = *descending;
                plan.counting &= !descending;
                true
            }
            _ => false,
        };
        info.set_order_by_consumed(consumed);
        let (cost, rows) = match (plan.nearest, by_id, narrowed) {
            (true, ..) => (1_000.0, 10),
            (_, true, _) => (10.0, 1),
            (_, _, true) => (1e6, 1_000),
            _ => (2e6, 100_000),
        };
        info.set_estimated_cost(cost);
        info.set_estimated_rows(rows);
        Ok(Some(plan))
    }

    /// The plan as text.
    pub fn encode(&self) -> String {
        let flag = |on: bool, letter: char| if on { letter } else { '-' };
        let flags: String = [
            flag(self.nearest, 'n'),
            flag(self.descending, 'd'),
            flag(self.with_vector, 'v'),
            flag(self.counting, 'c'),
        ]
        .iter()
        .collect();
        format!("{flags} {}", self.words.join(" "))
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(text: &str) -> Plan {
        let mut words = text.split_whitespace();
        let flags = words.next().unwrap_or_default();
        Plan {
            nearest: flags.contains('n'),
            descending: flags.contains('d'),
            with_vector: flags.contains('v'),
            counting: flags.contains('c'),
            words: words.map(str::to_owned).collect(),
        }
    }

    /// The arguments by what they are for.
    pub fn arguments(&self, filters: &Filters<'_>) -> Result<Arguments> {
        let mut arguments = Arguments::default();
        let (mut limit, mut offset) = (None, 0);
        for (i, word) in self.words.iter().enumerate() {
            let value = filters.iter().nth(i).unwrap_or(ValueRef::Null);
            match word.as_str() {
                "m" => arguments.query = Some(value.try_into().map_err(damaged)?),
                "k=" | "kl" => arguments.k = Some(count("k", value)?),
                "k<" => arguments.k = Some(count("k", value)?.saturating_sub(1)),
                "l" => limit = value.as_i64().ok().and_then(|n| usize::try_from(n).ok()),
                "o" => offset = value.as_i64().ok().map_or(0, |n| n.max(0) as usize),
                _ => {
                    let Some((head, place)) = word.split_at_checked(2) else {
                        return Err(error("the plan has a word that is not known"));
                    };
                    let operator = head[1..].to_owned();
                    let values = match operator.as_str() {
                        "i" => list(filters, i)?,
                        "n" | "v" => Vec::new(),
                        _ => vec![value.try_into().map_err(damaged)?],
                    };
                    if head.starts_with('d') {
                        let values = values.into_iter().map(numeric).collect();
                        arguments.bounds.push(Bound { operator, values });
                        continue;
                    }
                    let named =
                        |(letter, _): &&(&str, &str)| !letter.is_empty() && place.ends_with(letter);
                    let (end, collation) = *COLLATIONS.iter().find(named).unwrap_or(&COLLATIONS[0]);
                    arguments.conditions.push(Condition {
                        place: place.strip_suffix(end).unwrap_or(place).parse().ok(),
                        operator,
                        values,
                        collation,
                    });
                }
            }
        }
        arguments.expected = arguments.k.or(limit.map(|l| l.saturating_add(offset)));
        Ok(arguments)
    }

    /// The conditions that were taken over: the column, and the operator in SQL.
    pub fn taken<'a>(&self, definition: &'a Definition) -> Vec<(&'a str, &'static str)> {
        let operators = OPERATORS.iter().chain(&TESTS);
        let taken = self.words.iter().filter_map(|word| {
            let (head, place) = word.split_at_checked(2).unwrap_or((word, ""));
            let column = match &head[..1] {
                "m" => definition.find(Role::Vector),
                "d" => return Some(("distance", operator(&operators, &head[1..])?)),
                "k" => return Some(("k", operator(&operators, &head[1..])?)),
                "c" => place.trim_end_matches(['N', 'R']).parse().ok(),
                _ => return None,
            };
            let name = column.map_or("rowid", |c| definition.columns[c].name.as_str());
            match head {
                "m" => Some((name, "MATCH")),
                _ => Some((name, operator(&operators, &head[1..])?)),
            }
        });
        taken.collect()
    }
}

fn operator<'a>(
    operators: &(impl Iterator<Item = &'a (&'static str, Op, &'static str)> + Clone),
    operator: &str,
) -> Option<&'static str> {
    match operator {
        "i" => Some("IN"),
        operator => operators
            .clone()
            .find(|(l, ..)| *l == operator)
            .map(|(.., sql)| *sql),
    }
}

/// The word for a condition on `k`.
fn k_word(nearest: bool, operator: Option<&str>) -> Result<String> {
    if !nearest {
        return Err(error(
            "k is the number of rows of a search; write e MATCH ? AND k = 10, joined by AND",
        ));
    }
    match operator {
        Some("=" | "s") => Ok("k=".into()),
        Some("l" | "<") => Ok(format!("k{}", operator.unwrap_or_default())),
        _ => Err(error("k is the number of rows; write k = 10 or k <= 10")),
    }
}

impl Bound {
    /// True for a distance that passes.
    pub fn passes(&self, distance: f64) -> bool {
        let compare = |value: &Value| match value {
            Value::Null => None,
            Value::Integer(v) => distance.partial_cmp(&(*v as f64)),
            Value::Real(v) => distance.partial_cmp(v),
            // Numbers come before all else.
            Value::Text(_) | Value::Blob(_) => Some(Ordering::Less),
        };
        match self.operator.as_str() {
            "t" => operators::passes("=", &self.values, compare) != Some(true),
            "n" => false,
            // SQLite asks for what is left.
            operator => operators::passes(operator, &self.values, compare).unwrap_or(true),
        }
    }
}

/// A text that is a number as that number, as SQLite compares it with a REAL.
fn numeric(value: Value) -> Value {
    let number = match &value {
        Value::Text(text) => Some(text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c'])),
        _ => None,
    };
    let digits = |text: &&str| text.bytes().all(|b| b"0123456789+-.eE".contains(&b));
    match number.filter(digits).and_then(|text| text.parse().ok()) {
        Some(number) => Value::Real(number),
        None => value,
    }
}

fn damaged(e: impl std::fmt::Display) -> Error {
    error(e.to_string())
}

/// A whole number from 0 on, as a REAL too; `name` is what it is called. Errors for all else.
pub fn count(name: &str, value: ValueRef<'_>) -> Result<usize> {
    let what = match whole(value) {
        ValueRef::Integer(n @ 0..) => return Ok(n as usize),
        ValueRef::Real(n) if n >= 0.0 && n.fract() == 0.0 && n < i64::MAX as f64 => {
            return Ok(n as usize);
        }
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        // So some drivers give the integers of numpy.
        ValueRef::Blob(bytes) => format!("a BLOB of {} bytes", bytes.len()),
        other => crate::values::article(other.data_type()),
    };
    Err(error(format!(
        "{name} is {what}; give a whole number from 0 on"
    )))
}

fn list(filters: &Filters<'_>, i: usize) -> Result<Vec<Value>> {
    use rusqlite::fallible_iterator::FallibleIterator;
    let mut values = Vec::new();
    let mut list = filters.in_values(i)?;
    while let Some(value) = list.next()? {
        values.push(value.try_into().map_err(damaged)?);
    }
    Ok(values)
}
