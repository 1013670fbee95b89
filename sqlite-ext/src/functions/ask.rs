//! Questions in words.

use std::sync::Arc;

use lumos_core::functions::ask::{ASK, LINK, PARSE, TO_SQL};
use lumos_core::memory::moment;
use lumos_core::nl::answer::{LOW, Outcome, Reading, readings_after};
use lumos_core::nl::link::Meaning;
use lumos_core::nl::model;
use lumos_core::nl::print::Dialect;
use lumos_core::nl::reader::{Reader, question_tokens};
use lumos_core::options::Options;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ffi};
use serde_json::{Map, Value as Json};

use super::Bodies;
use crate::error::{Error, Result, error};
use crate::host::statement::HostStatement;
use crate::language::Known;
use crate::query::arguments;
use crate::session::Session;
use crate::table_function::{Rows, TableFunction};

pub const BODIES: Bodies = &[(&TO_SQL, |call| {
    let (question, options) = (call.required(0)?, call.options(1)?);
    let (_, reading) = reading(call.session, question, &options)?;
    Ok(Value::Text(reading.sql))
})];

/// What the first row of a reading is. Errors if it is interrupted, or SQLite fails for a reason that is none of the
/// reading's.
fn probe(connection: &Connection, sql: &str) -> Result<Outcome> {
    let first = || {
        let mut statement = HostStatement::own(connection, sql)?;
        if !statement.step()? {
            return Ok(Outcome::Empty);
        }
        let null = |i| matches!(statement.value(i), ValueRef::Null);
        Ok(if (0..statement.columns()).all(null) {
            Outcome::Nulls
        } else {
            Outcome::Rows
        })
    };
    first().or_else(|e: Error| match e.code & 0xff {
        // A function that the authorizer denies, an overflow, an expression that is too long.
        ffi::SQLITE_ERROR | ffi::SQLITE_AUTH | ffi::SQLITE_TOOBIG => Ok(Outcome::Error),
        _ => Err(e),
    })
}

fn known(session: &Arc<Session>, connection: &Connection, options: &Options) -> Result<Arc<Known>> {
    let tables = match options.get("tables") {
        None => None,
        Some(Json::Array(names)) if names.iter().all(Json::is_string) => Some(
            names
                .iter()
                .filter_map(Json::as_str)
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        ),
        Some(_) => return Err(options.wrong("tables", "an array of names").into()),
    };
    session.language().known(connection, tables.as_deref())
}

fn all(
    session: &Arc<Session>,
    question: &str,
    options: &Options,
    most: usize,
) -> Result<(Connection, Vec<Reading>)> {
    let connection = session.connection()?;
    let known = known(session, &connection, options)?;
    if known.catalog.tables.is_empty() {
        return Err(error("there is no table to ask about"));
    }
    let reader = Reader {
        catalog: &known.catalog,
        vocabulary: &known.vocabulary,
        model: model(),
        dialect: Dialect::Sqlite,
        now: moment::option(options, "now")?,
    };
    let after = after(options)?;
    let readings = readings_after(&reader, &after, question, most, &mut |sql| {
        probe(&connection, sql)
    })?;
    Ok((connection, readings))
}

/// The questions before.
fn after(options: &Options) -> Result<Vec<String>> {
    match options.get("after") {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::String(question)) => Ok(vec![question.clone()]),
        Some(Json::Array(all)) if all.iter().all(Json::is_string) => Ok(all
            .iter()
            .filter_map(Json::as_str)
            .map(str::to_owned)
            .collect()),
        Some(_) => Err(options
            .wrong("after", "a question, or an array of questions")
            .into()),
    }
}

/// The reading to answer. Errors if there is none that is sure enough.
fn reading(
    session: &Arc<Session>,
    question: &str,
    options: &Options,
) -> Result<(Connection, Reading)> {
    let (connection, readings) = all(session, question, options, 1)?;
    let least = options.number("min_confidence").unwrap_or(LOW);
    let Some(reading) = readings.into_iter().next() else {
        return Err(error(
            "nothing in the question is known here; lumos_link shows what words mean",
        ));
    };
    if reading.confidence < least {
        let unmatched = match &reading.unmatched[..] {
            [] => String::new(),
            words => format!(", and without \"{}\"", words.join("\", \"")),
        };
        return Err(error(format!(
            "not sure what is asked; it may be, with confidence {:.2}{unmatched}: {}; ask in other words, choose from lumos_parse, or give {{\"min_confidence\": 0}}",
            reading.confidence, reading.sql
        )));
    }
    Ok((connection, reading))
}

fn list(words: &[String]) -> Value {
    Value::Text(Json::from(words).to_string())
}

fn question(given: &[Value]) -> Result<&str> {
    arguments::text(&given[0])?.ok_or_else(|| error("question is NULL; give a text"))
}

/// `lumos_parse`.
pub struct Parse;

impl TableFunction for Parse {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let options = arguments::options(PARSE.options, &given[1])?;
        let k = options
            .integer("k")
            .and_then(|k| usize::try_from(k).ok())
            .unwrap_or(5);
        let (_, readings) = all(session, question(given)?, &options, k)?;
        Ok(Box::new(readings.into_iter().enumerate().map(|(i, r)| {
            Ok(vec![
                Value::Integer(i as i64 + 1),
                Value::Text(r.sql.clone()),
                Value::Real(r.confidence),
                Value::Text(r.band().into()),
                list(&r.assumptions),
                list(&r.unmatched),
            ])
        })))
    }
}

/// `lumos_link`.
pub struct Link;

impl TableFunction for Link {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let options = arguments::options(LINK.options, &given[1])?;
        let question = question(given)?;
        let connection = session.connection()?;
        let known = known(session, &connection, &options)?;
        let words = question_tokens(&known.catalog, &known.vocabulary, question);
        let name = |c: lumos_core::nl::catalog::ColumnRef| {
            format!(
                "{}.{}",
                known.catalog.tables[c.table].name,
                known.catalog.at(c).name
            )
        };
        let mut rows = Vec::new();
        for m in known.vocabulary.link(&known.catalog, &words) {
            let span: Vec<&str> = words[m.start..m.end]
                .iter()
                .map(|t| t.text.as_str())
                .collect();
            let (kind, targets) = match &m.kind {
                Meaning::Table(t) => ("table", vec![known.catalog.tables[*t].name.clone()]),
                Meaning::Column(c) => ("column", vec![name(*c)]),
                Meaning::Metric(i) => ("metric", vec![known.catalog.metrics[*i].name.clone()]),
                Meaning::Value(found) => ("value", found.iter().map(|(c, _)| name(*c)).collect()),
                Meaning::Text(text) => ("text", vec![text.clone()]),
                Meaning::Number(n) => ("number", vec![lumos_core::nl::print::number(*n)]),
                Meaning::Date(date) => ("date", vec![date.clone()]),
                Meaning::Op(op) => ("operation", vec![format!("{op:?}").to_lowercase()]),
            };
            for target in targets {
                let score = if matches!(m.kind, Meaning::Table(_) | Meaning::Column(_)) {
                    m.score
                } else {
                    1.0
                };
                rows.push(Ok(vec![
                    Value::Text(span.join(" ")),
                    Value::Text(kind.into()),
                    Value::Text(target),
                    Value::Real((f64::from(score) * 100.0).round() / 100.0),
                ]));
            }
        }
        Ok(Box::new(rows.into_iter()))
    }
}

/// `lumos_ask`.
pub struct Ask;

impl TableFunction for Ask {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let options = arguments::options(ASK.options, &given[1])?;
        let (connection, reading) = reading(session, question(given)?, &options)?;
        let most = options
            .integer("max_rows")
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(1000);
        let mut statement = HostStatement::own(&connection, &reading.sql)?;
        if !statement.only_reads() {
            return Err(error("internal error: the SQL of a question writes"));
        }
        let mut rows = Vec::new();
        while rows.len() < most && statement.step()? {
            rows.push(Ok(vec![
                Value::Text(row(&statement)),
                Value::Text(reading.sql.clone()),
                Value::Real(reading.confidence),
                list(&reading.assumptions),
            ]));
        }
        Ok(Box::new(rows.into_iter()))
    }
}

/// A row as a JSON object; a column whose name another has already is called by its number too.
fn row(statement: &HostStatement) -> String {
    let mut object = Map::new();
    for i in 0..statement.columns() {
        let mut name = statement.name(i);
        if object.contains_key(&name) {
            name = format!("{name}:{}", i + 1);
        }
        let value = match statement.value(i) {
            ValueRef::Null => Json::Null,
            ValueRef::Integer(v) => Json::from(v),
            ValueRef::Real(v) => Json::from(v),
            ValueRef::Text(v) => Json::from(String::from_utf8_lossy(v).into_owned()),
            ValueRef::Blob(v) => {
                Json::from(v.iter().map(|b| format!("{b:02x}")).collect::<String>())
            }
        };
        object.insert(name, value);
    }
    Json::Object(object).to_string()
}
