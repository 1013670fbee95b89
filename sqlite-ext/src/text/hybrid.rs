//! `lumos_hybrid(index, query, text, k, options)`: the rows that are near and hold the words.

use std::collections::HashMap;
use std::sync::Arc;

use lumos_core::sql::{identifier, literal};
use lumos_core::text::fusion::{Leg, fuse};
use lumos_core::text::query_forms;
use lumos_core::vector::table::{Definition, Role};
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use serde_json::Value as Json;

use crate::error::{Result, error};
use crate::session::{Session, parse_object};
use crate::table_function::{Rows, TableFunction};

/// The rows of each leg: so many times `k`, and so many at least.
const POOL: (i64, i64) = (5, 50);

/// The function.
pub struct Hybrid;

impl TableFunction for Hybrid {
    const NAME: &'static str = "lumos_hybrid";
    const CALL: Option<&'static str> =
        Some("lumos_hybrid('index', query, 'words', 10, '{\"fts\": \"table\"}')");

    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let found = Search::new(given)?.run(&session.connection()?)?;
        let real = |v: Option<f64>| v.map_or(Value::Null, Value::Real);
        Ok(Box::new(found.into_iter().map(move |row| {
            Ok(vec![
                Value::Integer(row.id),
                Value::Real(row.score),
                real(row.distance),
                real(row.bm25),
            ])
        })))
    }
}

/// The arguments of a search.
struct Search {
    index: String,
    /// A vector as JSON or BLOB; NULL for none.
    query: Value,
    text: Option<String>,
    k: i64,
    fts: String,
    weights: [f64; 2],
    filter: Option<String>,
}

/// A row found: its score, and what the legs say of it.
struct Found {
    id: i64,
    score: f64,
    distance: Option<f64>,
    bm25: Option<f64>,
}

impl Search {
    fn new(given: &[Value]) -> Result<Search> {
        let [index, query, text, k, options] = [0, 1, 2, 3, 4].map(|i| given[i].clone());
        let Value::Text(index) = index else {
            return Err(error(
                "index is not a text; give the name of a lumos_vec table",
            ));
        };
        let text = match text {
            Value::Text(text) => Some(text),
            Value::Null => None,
            _ => return Err(error("text is not a text; give the words to search for")),
        };
        let Value::Integer(k @ 0..) = k else {
            return Err(error(
                "k is not a whole number from 0 on; give the number of rows",
            ));
        };
        let options = match options {
            Value::Text(options) => parse_object(&options)?,
            _ => Default::default(),
        };
        let known = ["fts", "weights", "filter"];
        if let Some(name) = options.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(error(format!(
                "unknown option \"{name}\"; the options are {}",
                known.join(", ")
            )));
        }
        let word = |name: &str| options.get(name).and_then(Json::as_str).map(str::to_owned);
        let weights = match options.get("weights") {
            None => [0.5, 0.5],
            Some(given) => weights(given).ok_or_else(|| {
                error(format!(
                    "weights are {given}; give two numbers from 0 on, of vectors and words, like [0.5, 0.5]"
                ))
            })?,
        };
        Ok(Search {
            index,
            query,
            text,
            k,
            fts: word("fts").ok_or_else(|| {
                error(
                    "needs the FTS5 table with the words; give the option {\"fts\": \"its name\"}",
                )
            })?,
            weights,
            filter: word("filter"),
        })
    }

    fn run(&self, connection: &Connection) -> Result<Vec<Found>> {
        let pool = self.k.saturating_mul(POOL.0).max(POOL.1);
        let near = match self.query {
            Value::Null => Vec::new(),
            _ => self.near(connection, pool)?,
        };
        let worded = match self.text.as_deref() {
            Some(text) => self.worded(connection, text, pool)?,
            None => Vec::new(),
        };
        let reversed: Vec<(i64, f64)> = near.iter().map(|(id, d)| (*id, -d)).collect();
        let legs = [
            Leg {
                weight: self.weights[0],
                rows: &reversed,
            },
            Leg {
                weight: self.weights[1],
                rows: &worded,
            },
        ];
        let (near, worded): (HashMap<_, _>, HashMap<_, _>) =
            (near.into_iter().collect(), worded.iter().copied().collect());
        let best = fuse(&legs, usize::try_from(self.k).unwrap_or(usize::MAX));
        let found = best.into_iter().map(|(id, score)| Found {
            id,
            score,
            distance: near.get(&id).copied(),
            bm25: worded.get(&id).copied(),
        });
        Ok(found.collect())
    }

    /// The nearest rows, with their distances.
    fn near(&self, connection: &Connection, pool: i64) -> Result<Vec<(i64, f64)>> {
        let column = vector_column(connection, &self.index)?;
        let filter = self
            .filter
            .as_ref()
            .map(|f| format!(" AND ({f})"))
            .unwrap_or_default();
        let sql = format!(
            "SELECT rowid, distance FROM {} WHERE {} MATCH ?1 AND k = ?2{filter}",
            identifier(&self.index),
            identifier(&column)
        );
        rows(connection, &sql, params![self.query, pool])
    }

    /// The rows that hold a word of the text, with their BM25, the greater the better.
    fn worded(&self, connection: &Connection, text: &str, pool: i64) -> Result<Vec<(i64, f64)>> {
        let forms = query_forms(text);
        if forms.is_empty() {
            return Ok(Vec::new());
        }
        // A form has letters and digits alone, so quotes make it a string that cannot end early.
        let words = forms
            .iter()
            .map(|f| format!("\"{f}\""))
            .collect::<Vec<_>>()
            .join(" OR ");
        let filter = match &self.filter {
            Some(f) => format!(
                " AND rowid IN (SELECT rowid FROM {} WHERE {f})",
                identifier(&self.index)
            ),
            None => String::new(),
        };
        let table = identifier(&self.fts);
        let sql = format!(
            "SELECT rowid, -bm25({table}) FROM {table} WHERE {table} MATCH ?1{filter} ORDER BY bm25({table}), rowid LIMIT ?2"
        );
        rows(connection, &sql, params![words, pool])
    }
}

fn weights(given: &Json) -> Option<[f64; 2]> {
    let numbers: Vec<f64> = given.as_array()?.iter().filter_map(Json::as_f64).collect();
    let weights: [f64; 2] = numbers.try_into().ok()?;
    let fine = weights.iter().all(|w| w.is_finite() && *w >= 0.0) && given.as_array()?.len() == 2;
    fine.then_some(weights)
}

/// The column of vectors of a lumos_vec table.
fn vector_column(connection: &Connection, table: &str) -> Result<String> {
    let sql = format!(
        "SELECT sql FROM sqlite_schema WHERE lower(name) = lower({})",
        literal(table)
    );
    let found: Option<String> = connection.query_row(&sql, [], |row| row.get(0)).ok();
    let Some(sql) = found.filter(|sql| sql.to_lowercase().contains("lumos_vec")) else {
        return Err(error(format!(
            "\"{table}\" is not a lumos_vec table; make one with CREATE VIRTUAL TABLE ... USING lumos_vec(...)"
        )));
    };
    let columns = sql
        .split_once('(')
        .and_then(|(_, rest)| rest.rsplit_once(')'));
    let columns = columns.map_or("", |(inner, _)| inner).split(',');
    let definition = Definition::parse(columns)?;
    let vector = definition.find(Role::Vector).unwrap_or_default();
    Ok(definition.columns[vector].name.clone())
}

fn rows(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<(i64, f64)>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
