//! What a scan of a table of vectors takes over from SQLite: chosen by `xBestIndex`, carried as text, read by
//! `xFilter`.
//!
//! Conditions on columns become a WHERE on the shadow table that leaves the same rows, or some too many where
//! affinities differ: SQLite checks each row again. Only for the rows that `k` counts this makes a difference.

use lumos_core::sql::identifier;
use lumos_core::vector::table::{Definition, Role};
use rusqlite::types::{Value, ValueRef};
use rusqlite::vtab::{Filters, IndexConstraintOp as Op, IndexInfo};

use crate::error::{Error, Result, error};

/// The id of a row in the shadow table.
const ROWID: &str = "r._id";

/// The plan's words, in the order of its arguments.
#[derive(Debug, Default)]
pub struct Plan {
    /// Rows come by distance to a query.
    pub nearest: bool,
    /// Rows come by id, from the greatest on.
    pub descending: bool,
    /// The vectors are wanted, or one is asked for.
    pub with_vector: bool,
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
    /// Bounds of the distance.
    pub bounds: Vec<(String, f64)>,
    /// Conditions on columns.
    pub conditions: Vec<Condition>,
}

/// A condition on a column.
#[derive(Debug)]
pub struct Condition {
    /// The column's place in the definition; `None` for the id of a table that names none.
    pub place: Option<usize>,
    /// The operator's letter.
    pub letter: String,
    /// What it is compared with: one value, the values of a list, or none.
    pub values: Vec<Value>,
}

/// Operators by their letters in the plan, with their SQL.
const OPERATORS: [(&str, Op, &str); 11] = [
    ("=", Op::SQLITE_INDEX_CONSTRAINT_EQ, "="),
    ("s", Op::SQLITE_INDEX_CONSTRAINT_IS, "IS"),
    ("!", Op::SQLITE_INDEX_CONSTRAINT_NE, "<>"),
    ("t", Op::SQLITE_INDEX_CONSTRAINT_ISNOT, "IS NOT"),
    ("<", Op::SQLITE_INDEX_CONSTRAINT_LT, "<"),
    ("l", Op::SQLITE_INDEX_CONSTRAINT_LE, "<="),
    (">", Op::SQLITE_INDEX_CONSTRAINT_GT, ">"),
    ("g", Op::SQLITE_INDEX_CONSTRAINT_GE, ">="),
    ("~", Op::SQLITE_INDEX_CONSTRAINT_LIKE, "LIKE"),
    ("*", Op::SQLITE_INDEX_CONSTRAINT_GLOB, "GLOB"),
    ("r", Op::SQLITE_INDEX_CONSTRAINT_REGEXP, "REGEXP"),
];

/// What is asked of a column without an argument.
const TESTS: [(&str, Op, &str); 2] = [
    ("n", Op::SQLITE_INDEX_CONSTRAINT_ISNULL, "IS NULL"),
    ("v", Op::SQLITE_INDEX_CONSTRAINT_ISNOTNULL, "IS NOT NULL"),
];

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
            let sign = OPERATORS.iter().find(|(_, o, _)| *o == op);
            let test = TESTS.iter().find(|(_, o, _)| *o == op);
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
                (Op::SQLITE_INDEX_CONSTRAINT_EQ, None, Some(c))
                    if plan.nearest && c == distance + 1 =>
                {
                    "k".to_owned()
                }
                (_, None, Some(c)) if plan.nearest && c == distance => match sign {
                    Some((letter @ ("<" | "l" | ">" | "g" | "="), ..)) => format!("d{letter}"),
                    _ => continue,
                },
                (_, Some(Role::Id | Role::Key | Role::Filter | Role::Kept), _) => {
                    let place = column.or(definition.find(Role::Id));
                    let place = place.map_or("i".to_owned(), |p| p.to_string());
                    match (sign, test) {
                        (Some((letter, ..)), _) => {
                            by_id |= matches!(role, Some(Role::Id | Role::Key)) && *letter == "=";
                            narrowed = true;
                            format!("c{letter}{place}")
                        }
                        (_, Some((letter, ..))) => format!("c{letter}{place}"),
                        _ => continue,
                    }
                }
                _ => continue,
            };
            taken.push((i, word));
        }
        if unusable_k {
            return Ok(None);
        }
        for (i, mut word) in taken {
            if let Some(place) = word.strip_prefix("c=")
                && info.is_in_constraint(i)?
            {
                word = format!("ci{place}");
                info.set_in_constraint(i, true)?;
            }
            if word.starts_with('c') {
                // Compared as the shadow table compares, or not at all.
                let like =
                    word.starts_with("c~") || word.starts_with("c*") || word.starts_with("cr");
                if !like && info.collation(i)? != "BINARY" {
                    continue;
                }
            }
            plan.words.push(word);
            let mut usage = info.constraint_usage(i);
            usage.set_argv_index(plan.words.len() as i32);
            let word = plan.words.last().map_or("", String::as_str);
            usage.set_omit(word == "m" || word == "k");
        }
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
                "k" => arguments.k = Some(count("k", value)?),
                "l" => limit = value.as_i64().ok().and_then(|n| usize::try_from(n).ok()),
                "o" => offset = value.as_i64().ok().map_or(0, |n| n.max(0) as usize),
                _ => match word.split_at_checked(2) {
                    Some((op, "")) => {
                        if let Some(bound) = bound(value) {
                            arguments.bounds.push((op[1..].to_owned(), bound));
                        }
                    }
                    Some((op, place)) => {
                        let letter = op[1..].to_owned();
                        let values = match letter.as_str() {
                            "i" => list(filters, i)?,
                            "n" | "v" => Vec::new(),
                            _ => vec![value.try_into().map_err(damaged)?],
                        };
                        arguments.conditions.push(Condition {
                            place: place.parse().ok(),
                            letter,
                            values,
                        });
                    }
                    None => return Err(error("the plan has a word that is not known")),
                },
            }
        }
        arguments.expected = arguments.k.or(limit.map(|l| l.saturating_add(offset)));
        Ok(arguments)
    }
}

fn damaged(e: impl std::fmt::Display) -> Error {
    error(e.to_string())
}

/// A whole number from 0 on; `name` is what it is called.
pub fn count(name: &str, value: ValueRef<'_>) -> Result<usize> {
    let what = match value {
        ValueRef::Integer(n @ 0..) => return Ok(n as usize),
        ValueRef::Integer(n) => n.to_string(),
        other => crate::scalar::article(other.data_type()),
    };
    Err(error(format!(
        "{name} is {what}; give a whole number from 0 on"
    )))
}

fn bound(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Integer(v) => Some(v as f64),
        ValueRef::Real(v) => Some(v),
        _ => None,
    }
}

/// The conditions as a WHERE on the shadow table, which the statement calls `r`, with its parameters.
pub fn condition(definition: &Definition, conditions: &[Condition]) -> (String, Vec<Value>) {
    let (mut tests, mut params) = (vec!["1".to_owned()], Vec::new());
    for condition in conditions {
        let column = condition.place.and_then(|p| definition.columns.get(p));
        let name = match column {
            Some(c) if c.role != Role::Id => format!("r.{}", identifier(&c.name)),
            _ => ROWID.to_owned(),
        };
        let (test, values) = test(&name, &condition.letter, &condition.values);
        tests.push(test);
        params.extend(values);
    }
    (tests.join(" AND "), params)
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

/// A test in SQL for a column and a word's letter.
fn test(name: &str, letter: &str, values: &[Value]) -> (String, Vec<Value>) {
    if let Some((.., sql)) = TESTS.iter().find(|(l, ..)| *l == letter) {
        return (format!("{name} {sql}"), Vec::new());
    }
    if letter == "i" {
        // As JSON, so that any number of values is one parameter.
        let items: Option<Vec<serde_json::Value>> = values
            .iter()
            .map(|v| match v {
                Value::Integer(i) => Some((*i).into()),
                Value::Text(t) => Some(t.as_str().into()),
                _ => None,
            })
            .collect();
        return match items {
            Some(items) => (
                format!("{name} IN (SELECT value FROM json_each(?))"),
                vec![Value::Text(serde_json::Value::from(items).to_string())],
            ),
            None => {
                let marks = vec!["?"; values.len()].join(", ");
                (format!("{name} IN ({marks})"), values.to_vec())
            }
        };
    }
    let sql = OPERATORS
        .iter()
        .find(|(l, ..)| *l == letter)
        .map_or("=", |(.., sql)| sql);
    match values.first() {
        // Whether the column is compared as text or as a number hangs on the other side's affinity.
        Some(Value::Integer(_) | Value::Real(_)) if name != ROWID => (
            format!("({name} {sql} ? OR {name} {sql} CAST(? AS NUMERIC))"),
            [values, values].concat(),
        ),
        _ => (format!("{name} {sql} ?"), values.to_vec()),
    }
}
