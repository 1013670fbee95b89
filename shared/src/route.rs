//! Which engine runs a SELECT that both have: pure decisions, made from texts and numbers that callers bring.
//!
//! - [`tokens`], [`ast`], [`parse`]: SQLite's SQL, as far as both engines share it
//! - [`translate`]: the same statement in DuckDB's SQL, or the reason why only SQLite can run it
//! - [`sqlite_plan`]: what SQLite's own plan says of the rows that it would visit
//! - [`cost_model`]: times, estimated and learnt
//!
//! The rule is a whitelist: what [`translate`] does not know to mean the same stays in SQLite. The same means: the
//! same rows, with values of the same class. Sums of REALs are exact in DuckDB and rounded once; those of SQLite differ
//! by 1e-15 of the sum of their magnitudes, and before 3.43 by 1.2e-16 of it for each row. Where such a value decides
//! something (a comparison, a LIMIT), the translation has a guard that sends the statement to SQLite when it is close.

use std::borrow::Cow;
use std::fmt;

mod affinity;
pub mod ast;
pub mod catalog;
mod compare;
mod compound;
pub mod cost_model;
mod emit;
mod expr;
mod functions;
mod like;
mod pair;
pub mod parse;
mod parse_expr;
mod parse_from;
mod parse_value;
mod scope;
mod select;
pub mod sqlite_plan;
pub mod tokens;
mod typed_expr;

pub use affinity::Affinity;
pub use catalog::{Catalog, Column, Table};
pub use like::PATTERN;

use ast::Literal;
use typed_expr::{Class, Typed, Whole};

/// The engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The host.
    Sqlite,
    /// The mirror.
    DuckDb,
}

impl Engine {
    /// The name in `lumos_route`.
    pub const fn name(self) -> &'static str {
        match self {
            Engine::Sqlite => "sqlite",
            Engine::DuckDb => "duckdb",
        }
    }

    /// The name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Engine::Sqlite => "SQLite",
            Engine::DuckDb => "DuckDB",
        }
    }

    /// The engine with this name.
    pub fn named(name: &str) -> Option<Engine> {
        [Engine::Sqlite, Engine::DuckDb]
            .into_iter()
            .find(|e| e.name() == name)
    }
}

/// Why a statement stays in SQLite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn refuse<T>(reason: impl Into<Cow<'static, str>>) -> Result<T, Refusal> {
    Err(Refusal(reason.into().into_owned()))
}

/// How to make a value of SQLite of a value of DuckDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// NULL.
    Null,
    /// INTEGER.
    Integer,
    /// REAL.
    Real,
    /// INTEGER if there is no fraction, else REAL: a column with the affinity NUMERIC.
    Number,
    /// INTEGER if the column of the result with this index is true, else REAL.
    NumberBy(usize),
    /// TEXT.
    Text,
    /// BLOB.
    Blob,
}

/// The check that LIMIT cuts no tie: rows that are equal in these columns, at either end, are for SQLite to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Rows to give.
    pub count: usize,
    /// True if the first row stands before them, because of OFFSET.
    pub skip_first: bool,
    /// The columns to compare, each with true if it is a sum of reals.
    pub keys: Vec<(usize, bool)>,
}

/// A statement in DuckDB's SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The SQL, with the values of parameters in it. Beyond the outputs it may have columns for the reader.
    pub sql: String,
    /// The columns to give.
    pub outputs: Vec<Output>,
    /// LIMIT, with what to check.
    pub limit: Option<Limit>,
    /// The SQL may raise an error, or a value may not fit, after which SQLite has to run it: nothing may be given out before.
    pub guarded: bool,
    /// The mirrored tables it reads, with the names that SQLite's plan gives them.
    pub tables: Vec<(String, String)>,
    /// The functions of SQLite that it relies on.
    pub functions: Vec<String>,
    /// The number of aggregates.
    pub aggregates: usize,
}

/// Translates a statement for these values of its parameters, or says why it stays in SQLite.
pub fn translate(
    statement: &parse::Statement,
    catalog: &Catalog,
    params: &[Literal],
) -> Result<Translation, Refusal> {
    let mut writer = emit::Writer::new(catalog, params, &statement.aliases);
    let top = writer.top(&statement.query)?;
    if writer.tables.is_empty() {
        return refuse("it reads no table");
    }
    let outputs: Vec<Output> = top
        .outputs
        .iter()
        .zip(&top.companions)
        .map(|(typed, companion)| output(typed, *companion))
        .collect();
    Ok(Translation {
        sql: top.sql,
        guarded: writer.guarded,
        outputs,
        limit: top.limit.map(|(count, offset)| Limit {
            count: count as usize,
            skip_first: offset > 0,
            keys: top.keys,
        }),
        tables: writer.tables,
        functions: writer.functions,
        aggregates: writer.aggregates,
    })
}

fn output(typed: &Typed, companion: Option<usize>) -> Output {
    match (typed.class, &typed.whole, companion) {
        (Class::Null, ..) => Output::Null,
        (Class::Bool | Class::Int, ..) => Output::Integer,
        (Class::Real, ..) => Output::Real,
        (Class::Num, Whole::Where(_), Some(column)) => Output::NumberBy(column),
        (Class::Num, ..) => Output::Number,
        (Class::Text, ..) => Output::Text,
        (Class::Blob, ..) => Output::Blob,
    }
}

#[cfg(test)]
mod tests;
