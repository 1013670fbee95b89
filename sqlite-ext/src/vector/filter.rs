//! Conditions on columns as SQL on the shadow table.
//!
//! SQLite compares by the types of both sides, and of the other side a virtual table sees the value alone. So a
//! condition may have several readings, of which SQLite means one. What passes by one of them is searched, and SQLite
//! checks each row again. Only where `k` counts rows before that, they must all say the same.

use lumos_core::sql::identifier;
use lumos_core::vector::table::{Definition, Role};
use rusqlite::types::Value;

use super::operators::{OPERATORS, TESTS};

/// The id of a row in the shadow table.
const ROWID: &str = "r._id";

/// A condition on a column.
#[derive(Debug)]
pub struct Condition {
    /// The column's place in the definition; `None` for the id of a table that names none.
    pub place: Option<usize>,
    /// The operator's operator.
    pub operator: String,
    /// What it is compared with: one value, the values of a list, or none.
    pub values: Vec<Value>,
    /// The collation by which texts are compared.
    pub collation: &'static str,
}

/// The rows that may come out of a search.
pub enum RowFilter {
    /// All.
    All,
    /// Those with these ids.
    Ids(Vec<i64>),
    /// Those that pass, as the columns in memory say.
    Passing(Vec<Condition>),
}

/// A test in SQL with its parameters.
type Test = (String, Vec<Value>);

/// The conditions as a WHERE on the shadow table, which the statement calls `r`: what passes by any reading.
pub fn possible(definition: &Definition, conditions: &[Condition]) -> Test {
    let tests = conditions.iter().map(|c| any(readings(definition, c)));
    joined(tests.collect(), " AND ", "1")
}

/// A test for rows of which two readings of this condition differ; `None` if there is only one.
pub fn unclear(definition: &Definition, condition: &Condition) -> Option<Test> {
    let mut readings = readings(definition, condition).into_iter();
    let (first, values) = readings.next()?;
    let differ = readings.map(|(sql, other)| {
        (
            format!("({first}) IS NOT ({sql})"),
            [values.clone(), other].concat(),
        )
    });
    let differ: Vec<Test> = differ.collect();
    if differ.is_empty() {
        None
    } else {
        Some(joined(differ, " OR ", "0"))
    }
}

fn any(readings: Vec<Test>) -> Test {
    joined(readings, " OR ", "0")
}

fn joined(tests: Vec<Test>, word: &str, none: &str) -> Test {
    let (tests, values): (Vec<String>, Vec<Vec<Value>>) = tests.into_iter().unzip();
    if tests.is_empty() {
        (none.into(), Vec::new())
    } else {
        (format!("({})", tests.join(word)), values.concat())
    }
}

/// A reading: the column, and the type that the other side is cast to, if it is.
struct Reading {
    column: String,
    cast: Option<&'static str>,
}

/// All tests that the condition may mean.
fn readings(definition: &Definition, condition: &Condition) -> Vec<Test> {
    let column = condition.place.and_then(|p| definition.columns.get(p));
    let column = column.filter(|c| c.role != Role::Id);
    let name = column.map_or(ROWID.to_owned(), |c| format!("r.{}", identifier(&c.name)));
    let operator = OPERATORS
        .iter()
        .chain(&TESTS)
        .find(|(operator, ..)| *operator == condition.operator)
        .map_or("IN", |(.., sql)| *sql);
    if condition.values.is_empty() && operator != "IN" {
        return vec![(format!("{name} {operator}"), Vec::new())];
    }
    if ["LIKE", "GLOB", "REGEXP"].contains(&operator) {
        return vec![(format!("{name} {operator} ?"), condition.values.clone())];
    }
    let (number, text) = (
        is_number as fn(&Value) -> bool,
        is_text as fn(&Value) -> bool,
    );
    let has = |test: fn(&Value) -> bool| condition.values.iter().any(test);
    // In a table of others, columns may have other types.
    let (as_number, as_text) = match column.map(|c| c.ty) {
        None => (false, false),
        Some(_) if definition.content.is_some() => (true, true),
        Some("TEXT") => (has(number), false),
        Some("BLOB") => (has(number), has(text)),
        Some(_) => (false, false),
    };
    let reading = |column: &str, cast| Reading {
        column: if column == ROWID {
            column.to_owned()
        } else {
            format!("{column} COLLATE {}", condition.collation)
        },
        cast,
    };
    let mut readings = vec![reading(&name, None)];
    if as_number {
        readings.push(reading(&name, Some("NUMERIC")));
    }
    if as_text {
        readings.push(reading(&format!("CAST({name} AS TEXT)"), Some("TEXT")));
    }
    let tests = readings.into_iter().map(|r| match operator {
        "IN" => r.list(&condition.values),
        operator => r.compare(operator, &condition.values),
    });
    let mut tests: Vec<Test> = tests.collect();
    // It may come from LIKE, which BLOBs pass too, though they are greater than all texts.
    let below = ["<", "<="].contains(&operator) && has(text);
    if below && column.is_some_and(|c| c.role != Role::Key) {
        let (sql, values) = tests[0].clone();
        tests.push((format!("({sql} OR typeof({name}) = 'blob')"), values));
    }
    tests
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Integer(_) | Value::Real(_))
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::Text(_))
}

impl Reading {
    fn compare(&self, operator: &str, values: &[Value]) -> Test {
        let other = self.cast("?", values.first());
        (
            format!("{} {operator} {other}", self.column),
            values.to_vec(),
        )
    }

    /// A list as JSON, so that any number of values is one parameter; of other classes they are one each.
    fn list(&self, values: &[Value]) -> Test {
        let (mut tests, mut params) = (Vec::new(), Vec::new());
        for (test, json) in [
            (is_integer as fn(&Value) -> bool, true),
            (is_text, true),
            (is_other, false),
        ] {
            let chosen: Vec<Value> = values.iter().filter(|v| test(v)).cloned().collect();
            let Some(first) = chosen.first() else {
                continue;
            };
            if json {
                let other = self.cast("value", Some(first));
                tests.push(format!(
                    "{} IN (SELECT {other} FROM json_each(?))",
                    self.column
                ));
                let items = chosen.into_iter().map(json_of);
                params.push(Value::Text(
                    items.collect::<serde_json::Value>().to_string(),
                ));
            } else {
                let marks: Vec<String> = chosen.iter().map(|v| self.cast("?", Some(v))).collect();
                let rows = marks.join(" UNION ALL SELECT ");
                tests.push(format!("{} IN (SELECT {rows})", self.column));
                params.extend(chosen);
            }
        }
        if tests.is_empty() {
            ("0".into(), params)
        } else {
            (format!("({})", tests.join(" OR ")), params)
        }
    }

    /// The other side; a number only is cast to NUMERIC, which gives the comparison that type.
    fn cast(&self, other: &str, value: Option<&Value>) -> String {
        match self.cast {
            Some("NUMERIC") if !value.is_some_and(is_number) => other.to_owned(),
            Some(ty) => format!("CAST({other} AS {ty})"),
            None => other.to_owned(),
        }
    }
}

fn is_integer(value: &Value) -> bool {
    matches!(value, Value::Integer(_))
}

/// NULL is equal to nothing.
fn is_other(value: &Value) -> bool {
    matches!(value, Value::Real(_) | Value::Blob(_))
}

fn json_of(value: Value) -> serde_json::Value {
    match value {
        Value::Integer(v) => v.into(),
        Value::Text(v) => v.into(),
        _ => serde_json::Value::Null,
    }
}
