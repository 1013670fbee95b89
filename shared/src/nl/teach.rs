//! What may be taught, before it is stored: by a function of SQLite, or by the row that one of DuckDB gives.

use super::catalog::Catalog;
use super::learn::Knowledge;
use super::taught::{TABLE, Taught, metric, says_nothing, target};
use crate::gate::policy::Policy;
use crate::gate::{duckdb, scratch};
use crate::options::shortened;
use crate::program::Kept;
use crate::sql::lexer::Dialect;
use crate::sql::{begins_like_a_query, literal};
use crate::{Error, Result, ValueRef};

/// The longest text, in bytes.
const LONGEST: usize = 4_096;

/// A row of these texts. Errors if one of them is NULL, no text, empty or too long; `names` are what they are called.
pub fn row(kind: &str, names: [&str; 2], arguments: &[ValueRef<'_>]) -> Result<Taught> {
    let text = |i: usize| match arguments.get(i) {
        Some(ValueRef::Text(text)) if text.trim().is_empty() => {
            Err(Error::new(format!("{} is empty; give a text", names[i])))
        }
        Some(ValueRef::Text(text)) if text.len() > LONGEST => Err(Error::new(format!(
            "{} has {} bytes; it may have {LONGEST}",
            names[i],
            text.len()
        ))),
        Some(ValueRef::Text(text)) if text.contains('\0') => {
            Err(Error::new(format!("{} has a NUL character", names[i])))
        }
        Some(ValueRef::Text(text)) => Ok((*text).to_owned()),
        None | Some(ValueRef::Null) => {
            Err(Error::new(format!("{} is NULL; give a text", names[i])))
        }
        Some(_) => Err(Error::new(format!("{} is no text; give one", names[i]))),
    };
    let (word, meaning) = (text(0)?, text(1)?);
    if kind == "feedback" && !begins_like_a_query(&meaning) {
        return Err(Error::new(format!(
            "{} is {}, which is no SELECT",
            names[1],
            literal(&shortened(&meaning))
        )));
    }
    // What is described comes first in the call and in the table.
    Ok(Taught {
        kind: kind.to_owned(),
        word,
        meaning,
        good: 0,
        bad: 0,
    })
}

/// Errors if a row is not right in a database: its table or column is not there, its SQL does not pass the gate, which is
/// `refusal` and says why.
pub fn check(
    row: &Taught,
    catalog: &Catalog,
    dialect: Dialect,
    refusal: &dyn Fn(&str) -> Option<String>,
) -> Result<()> {
    let missing =
        |name: &str, what: &str| Err(Error::new(format!("there is no {what} \"{name}\"")));
    if says_nothing(row) {
        return Err(Error::new(format!(
            "{} has no letter or digit",
            literal(&row.word)
        )));
    }
    match row.kind.as_str() {
        "synonym" if target(catalog, &row.meaning).is_none() => {
            missing(&row.meaning, "table, column or metric")
        }
        "description" if target(catalog, &row.word).is_none() => {
            missing(&row.word, "table or column")
        }
        "metric" => {
            let passes = |sql: &str| refusal(sql).is_none();
            metric(catalog, &row.word, &row.meaning, dialect, &passes).map(drop)
        }
        "verified" => match refusal(&row.meaning) {
            Some(reason) => Err(Error::new(reason)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The rating of an answer. Errors unless it is 1 or -1.
pub fn rating(argument: Option<&ValueRef<'_>>) -> Result<i64> {
    match argument {
        Some(ValueRef::Integer(rating @ (1 | -1))) => Ok(*rating),
        _ => Err(Error::new(
            "rating must be 1 or -1: whether the SELECT was the right answer or not",
        )),
    }
}

/// The SELECT of a row for DuckDB's table.
fn select(row: &Taught) -> String {
    format!(
        "SELECT {} AS kind, {} AS word, {} AS meaning, CAST(0 AS INTEGER) AS good, CAST(0 AS INTEGER) AS bad",
        literal(&row.kind),
        literal(&row.word),
        literal(&row.meaning)
    )
}

/// The query of a function of DuckDB that gives a row.
fn given(kind: &str, names: [&str; 2], arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    let row = row(kind, names, arguments)?;
    let learned = kept.of::<Knowledge>().of(None)?;
    let scratch = scratch()?;
    let refusal = |sql: &str| {
        let policy = Policy::default();
        duckdb::check(sql, &learned.schema, &policy, &*scratch)
            .sql
            .err()
    };
    check(&row, &learned.catalog, Dialect::DuckDb, &refusal)?;
    Ok(select(&row))
}

/// The query of `lumos_synonym_add(word, target)`. Errors if there is no such target, or nothing is known of the database.
pub fn synonym_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    given("synonym", ["word", "target"], arguments, kept)
}

/// The query of `lumos_metric_define(name, sql)`. Errors if the gate does not let it pass.
pub fn metric_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    given("metric", ["name", "sql"], arguments, kept)
}

/// The query of `lumos_describe(target, text)`. Errors if there is no such target.
pub fn describe_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    given("description", ["target", "text"], arguments, kept)
}

/// The query of `lumos_verified_add(question, sql)`. Errors if the gate does not let it pass.
pub fn verified_sql(arguments: &[ValueRef<'_>], kept: &Kept) -> Result<String> {
    given("verified", ["question", "sql"], arguments, kept)
}

/// The query of `lumos_feedback(question, sql, rating)`, which adds to the counts that are there. Errors if the
/// rating is none.
pub fn feedback_sql(arguments: &[ValueRef<'_>], _: &Kept) -> Result<String> {
    let row = row("feedback", ["question", "sql"], arguments)?;
    let rating = rating(arguments.get(2))?;
    let count = |name: &str, more: bool| {
        format!(
            "CAST(coalesce((SELECT t.{name} FROM {TABLE} t WHERE t.kind = 'feedback' AND t.word = {} AND t.meaning = {}), 0) + {} AS INTEGER) AS {name}",
            literal(&row.word),
            literal(&row.meaning),
            i32::from(more)
        )
    };
    Ok(format!(
        "SELECT 'feedback' AS kind, {} AS word, {} AS meaning, {}, {}",
        literal(&row.word),
        literal(&row.meaning),
        count("good", rating == 1),
        count("bad", rating == -1)
    ))
}
