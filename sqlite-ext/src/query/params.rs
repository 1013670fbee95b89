//! The values of a query's parameters.

use lumos_duckdb::engine::{Connection as DuckDb, Door, Param, Statement};
use serde_json::Value as Json;

use crate::error::{Result, error};

/// The values of a query's parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Params {
    /// For `?` and `$1`.
    Positional(Vec<Param<'static>>),
    /// For `$name`.
    Named(Vec<(String, Param<'static>)>),
}

impl Params {
    /// None.
    pub fn none() -> Params {
        Params::Positional(Vec::new())
    }

    /// Tells them from others.
    pub fn key(&self) -> String {
        format!("{self:?}")
    }

    /// Reads a JSON array or object.
    pub fn from_json(text: &str) -> Result<Params> {
        match serde_json::from_str(text) {
            Ok(Json::Array(values)) => {
                Ok(Params::Positional(values.into_iter().map(value).collect()))
            }
            Ok(Json::Object(map)) => Ok(Params::Named(
                map.into_iter().map(|(name, v)| (name, value(v))).collect(),
            )),
            _ => Err(error(format!(
                "parameters {text} are neither a JSON array for ? nor a JSON object for $name"
            ))),
        }
    }
}

/// A JSON value as a parameter; nested ones stay JSON text.
fn value(json: Json) -> Param<'static> {
    match json {
        Json::Null => Param::Null,
        Json::Bool(v) => Param::Boolean(v),
        Json::String(v) => Param::Text(v.into()),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(v), _) => Param::Integer(v),
            (_, Some(v)) => Param::Unsigned(v),
            _ => n.as_f64().map_or(Param::Null, Param::Real),
        },
        nested => Param::Text(nested.to_string().into()),
    }
}

/// One statement with the values of its parameters, and whether it may write.
pub fn bound(duckdb: &DuckDb, sql: &str, params: &Params, door: Door) -> Result<(Statement, bool)> {
    let (mut statement, writes) = duckdb.statement_through(sql, door)?;
    let given: Vec<(usize, &Param<'_>)> = match params {
        Params::Positional(values) => values.iter().enumerate().map(|(i, v)| (i + 1, v)).collect(),
        Params::Named(values) => values
            .iter()
            .map(|(name, v)| {
                let position = statement.param_position(name.trim_start_matches('$'));
                position.map(|p| (p, v)).ok_or_else(|| {
                    error(format!("the query has no parameter ${name}; leave it out"))
                })
            })
            .collect::<Result<_>>()?,
    };
    let expected = statement.param_count();
    if given.len() != expected {
        return Err(error(format!(
            "the query has {expected} parameters, {} were given",
            given.len()
        )));
    }
    for (position, value) in given {
        statement.bind(position, value)?;
    }
    Ok((statement, writes))
}
