//! `lumos_verify`: the keys whose rows are not the same on both sides.

use std::sync::Arc;

use lumos_core::functions::verify::VERIFY;
use lumos_core::options::Options;
use lumos_duckdb::engine::{Cell, write_json_string};
use rusqlite::types::Value;
use serde_json::Value as Json;

use crate::error::{Result, error};
use crate::progress::Progress;
use crate::query::arguments;
use crate::session::Session;
use crate::sync::compare::{Check, Sides};
use crate::sync::schema::Tracked;
use crate::sync::track::matching_tracked;
use crate::table_function::{Rows, TableFunction};

/// The function.
pub struct Verify;

impl TableFunction for Verify {
    type Aux = Session;

    fn prepare(session: &Session) -> Result<()> {
        session.before_statement()
    }

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let pattern = arguments::text(&given[0])?;
        let pattern = pattern.ok_or_else(|| error("table is NULL; give a text"))?;
        let options = arguments::options(VERIFY.options, &given[1])?;
        let progress = Progress::of(VERIFY.name, &options)?;
        let sample = sample(&options)?;
        let verification = Verification::new(session, pattern, sample, progress)?;
        Ok(Box::new(
            verification.map(|found| found.map(Difference::row)),
        ))
    }
}

/// A part of the keys.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Above 0, up to 1.
    pub fraction: f64,
    /// Another one takes another part.
    pub seed: i64,
}

fn sample(options: &Options) -> Result<Option<Sample>> {
    let seed = options.integer("seed").unwrap_or(0);
    match options.get("sample").map(Json::as_f64) {
        None => Ok(None),
        Some(Some(fraction)) if fraction > 0.0 && fraction <= 1.0 => {
            Ok(Some(Sample { fraction, seed }))
        }
        Some(_) => Err(options
            .wrong("sample", "a number above 0 and up to 1")
            .into()),
    }
}

/// A key whose row is not the same on both sides.
#[derive(Debug)]
pub struct Difference {
    /// The table.
    pub table: Arc<Tracked>,
    /// The values of the key.
    pub key: Vec<Value>,
    /// What is wrong.
    pub kind: Kind,
}

/// How the mirror differs from its source.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// It lacks the row.
    Missing,
    /// It has a row too many.
    Extra,
    /// The row differs in these columns.
    Different(Vec<String>),
}

impl Difference {
    /// In the order of the columns that the list of functions names.
    fn row(self) -> Vec<Value> {
        let (kind, columns) = match self.kind {
            Kind::Missing => ("missing", Value::Null),
            Kind::Extra => ("extra", Value::Null),
            Kind::Different(columns) => ("different", Value::Text(Json::from(columns).to_string())),
        };
        let mut key = String::new();
        for (i, (name, value)) in self.table.key.names().iter().zip(&self.key).enumerate() {
            key.push(if i == 0 { '{' } else { ',' });
            write_json_string(name, &mut key);
            key.push(':');
            cell(value).write_json(&mut key);
        }
        key.push('}');
        vec![
            Value::Text(self.table.name.clone()),
            Value::Text(key),
            Value::Text(kind.into()),
            columns,
        ]
    }
}

fn cell(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::Null,
        Value::Integer(v) => Cell::Integer(*v),
        Value::Real(v) => Cell::Real(*v),
        Value::Text(v) => Cell::Text(v.as_str().into()),
        Value::Blob(v) => Cell::Blob(v),
    }
}

/// The differences of some tables, one after the other. As long as it lives it holds a snapshot of both sides.
pub struct Verification {
    sides: Sides,
    sample: Option<Sample>,
    tables: std::vec::IntoIter<Tracked>,
    table: Option<Check>,
    found: std::vec::IntoIter<Difference>,
}

impl Verification {
    /// Applies what is pending and begins. Errors if the pattern means no tracked table.
    pub fn new(
        session: &Arc<Session>,
        pattern: &str,
        sample: Option<Sample>,
        progress: Progress,
    ) -> Result<Verification> {
        let sides = Sides::new(session, progress)?;
        // Not before: a table that was made anew or altered has another id once that is applied.
        let tables = matching_tracked(sides.source(), pattern)?;
        Ok(Verification::begin(sides, tables, sample))
    }

    /// The same of one table.
    pub fn of(session: &Arc<Session>, table: &Tracked, progress: Progress) -> Result<Verification> {
        let sides = Sides::new(session, progress)?;
        Ok(Verification::begin(sides, vec![table.clone()], None))
    }

    fn begin(sides: Sides, tables: Vec<Tracked>, sample: Option<Sample>) -> Verification {
        Verification {
            sides,
            sample,
            tables: tables.into_iter(),
            table: None,
            found: Vec::new().into_iter(),
        }
    }

    /// The rows that the mirror has of a table; 0 if it has no such table.
    pub fn mirrored_rows(&self, table: &Tracked) -> i64 {
        self.sides.mirrored_rows(table)
    }

    fn next_difference(&mut self) -> Result<Option<Difference>> {
        loop {
            if let Some(difference) = self.found.next() {
                return Ok(Some(difference));
            }
            if let Some(check) = &mut self.table
                && let Some(group) = check.groups.next()
            {
                self.found = check.compare(&self.sides, &group)?.into_iter();
                continue;
            }
            let Some(table) = self.tables.next() else {
                return Ok(None);
            };
            self.table = Check::new(&self.sides, table, self.sample)?;
        }
    }
}

impl Iterator for Verification {
    type Item = Result<Difference>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_difference().transpose()
    }
}
