//! What a model was asked, and what became of it. In SQLite the rows stand in a table of the database; in DuckDB, where a
//! function writes nothing, in the memory of the instance.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};

use super::Consulted;
use crate::nl::tokens::LONGEST;
use crate::options::shortened;
use crate::program::Kept;
use crate::sql::value;
use crate::{Result, Type, Value, ValueRef};

/// The table in SQLite.
pub const TABLE: &str = "lumos_llm";

/// Makes it.
pub const DDL: &str = "CREATE TABLE IF NOT EXISTS main.lumos_llm(id INTEGER PRIMARY KEY, asked_at TEXT NOT NULL, question TEXT NOT NULL, \
     model TEXT NOT NULL, calls INTEGER, milliseconds INTEGER, prompt_tokens INTEGER, answer_tokens INTEGER, candidates TEXT, \
     decision TEXT, error TEXT)";

/// How many rows are kept, the last ones.
pub const ROWS: usize = 1000;

/// The most characters of a SELECT in a row.
const LONGEST_SQL: usize = 4_000;

/// The columns of `lumos_llm_log`.
pub const COLUMNS: &[(&str, Type)] = &[
    ("id", Type::Integer),
    ("asked_at", Type::Text),
    ("question", Type::Text),
    ("model", Type::Text),
    ("calls", Type::Integer),
    ("milliseconds", Type::Integer),
    ("prompt_tokens", Type::Integer),
    ("answer_tokens", Type::Integer),
    ("candidates", Type::Json),
    ("decision", Type::Text),
    ("error", Type::Text),
];

/// What became of a question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// How often the server was asked.
    pub calls: u64,
    /// How long that took.
    pub milliseconds: u64,
    /// As the server counts them.
    pub tokens: (u64, u64),
    /// The model's SELECTs: `{"sql": …}` for one that passed the gate, with `"refused"` for one that did not.
    pub candidates: String,
    /// `model`, `parser` or `both`, whose SELECT was answered; `none` if nothing was.
    pub decision: Option<&'static str>,
    /// Why the model could not be asked.
    pub error: Option<String>,
}

impl Entry {
    /// What came of asking.
    pub fn new(found: &Consulted, decision: Option<&'static str>) -> Entry {
        let sql = |sql: &String| sql.chars().take(LONGEST_SQL).collect::<String>();
        let passed = found
            .passed
            .iter()
            .map(|passed| json!({"sql": sql(passed)}));
        let refused = found.refused.iter();
        let refused =
            refused.map(|(sql, why)| json!({"sql": shortened(sql), "refused": shortened(why)}));
        Entry {
            calls: found.calls,
            milliseconds: u64::try_from(found.took.as_millis()).unwrap_or(u64::MAX),
            tokens: found.tokens,
            candidates: passed.chain(refused).collect::<Json>().to_string(),
            decision,
            error: found.failure.as_ref().map(ToString::to_string),
        }
    }

    /// The columns from `calls` on.
    pub fn values(&self) -> Vec<Value> {
        let count = |n: u64| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
        let text = |text: &str| Value::Text(text.to_owned());
        vec![
            count(self.calls),
            count(self.milliseconds),
            count(self.tokens.0),
            count(self.tokens.1),
            text(&self.candidates),
            self.decision.map_or(Value::Null, text),
            self.error.as_deref().map_or(Value::Null, text),
        ]
    }
}

/// As much of a question as is kept.
pub fn kept(question: &str) -> String {
    question.chars().take(LONGEST).collect()
}

/// The rows of an instance of DuckDB, the last ones.
#[derive(Debug, Default)]
pub struct Log(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    last: i64,
    rows: VecDeque<Row>,
}

#[derive(Debug)]
struct Row {
    id: i64,
    at: String,
    question: String,
    model: String,
    entry: Entry,
}

impl Log {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a row; the oldest makes room.
    pub fn add(&self, at: String, question: &str, model: &str, entry: Entry) {
        let mut log = self.rows();
        log.last += 1;
        let row = Row {
            id: log.last,
            at,
            question: kept(question),
            model: model.to_owned(),
            entry,
        };
        if log.rows.len() == ROWS {
            log.rows.pop_front();
        }
        log.rows.push_back(row);
    }

    /// Says of the last row of a question whose SELECT was answered.
    pub fn decide(&self, question: &str, decision: &'static str) {
        let mut log = self.rows();
        let question = kept(question);
        let of = |row: &&mut Row| row.question == question;
        if let Some(row) = log.rows.iter_mut().rev().find(of) {
            row.entry.decision = Some(decision);
        }
    }
}

/// The query of `lumos_llm_log()` in DuckDB. Errors never: where nothing was asked it gives no rows.
pub fn log_sql(_: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let log = kept.of::<Log>();
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let row = |row: &Row| {
        let mut all = vec![
            Value::Integer(row.id),
            Value::Text(row.at.clone()),
            Value::Text(row.question.clone()),
            Value::Text(row.model.clone()),
        ];
        all.extend(row.entry.values());
        let all: Vec<String> = all.iter().map(value).collect();
        format!("({})", all.join(", "))
    };
    let rows: Vec<String> = log.rows().rows.iter().map(row).collect();
    // A row that is left out gives the columns their types.
    let types: Vec<&str> = COLUMNS
        .iter()
        .map(|(_, ty)| {
            if *ty == Type::Integer {
                "CAST(0 AS BIGINT)"
            } else {
                "''"
            }
        })
        .collect();
    Ok(format!(
        "SELECT * FROM (VALUES ({}){}{}) AS lumos_llm({}) WHERE id > 0 ORDER BY id",
        types.join(", "),
        if rows.is_empty() { "" } else { ", " },
        rows.join(", "),
        names.join(", ")
    ))
}
