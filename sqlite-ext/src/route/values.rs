//! The values of parameters, from JSON to what both engines are told.

use lumos_core::route::ast::Literal;
use lumos_duckdb::engine::Param;
use rusqlite::types::ValueRef;

use crate::error::{Result, error};
use crate::query::params::Params;

/// A value as a parameter of the host takes it.
pub fn of_literal(value: &Literal) -> ValueRef<'_> {
    match value {
        Literal::Null => ValueRef::Null,
        Literal::Bool(v) => ValueRef::Integer(i64::from(*v)),
        Literal::Integer(v) => ValueRef::Integer(*v),
        Literal::Real(v) => ValueRef::Real(*v),
        Literal::Text(v) => ValueRef::Text(v.as_bytes()),
        Literal::Blob(v) => ValueRef::Blob(v),
    }
}

/// The values of a statement's parameters, in the order of their numbers.
pub fn values(
    given: Option<Params>,
    count: usize,
    number: impl Fn(&str) -> Option<usize>,
) -> Result<Vec<Literal>> {
    let given = given.unwrap_or_else(Params::none);
    let mut values = Vec::new();
    let found = match given {
        Params::Positional(list) => {
            values.extend(list.into_iter().map(literal));
            values.len()
        }
        Params::Named(list) => {
            values.resize(count, Literal::Null);
            let found = list.len();
            for (name, value) in list {
                let place = number(&name).and_then(|n| values.get_mut(n - 1));
                let Some(place) = place else {
                    return Err(error(format!(
                        "the query has no parameter ${name}; leave it out"
                    )));
                };
                *place = literal(value);
            }
            found
        }
    };
    if found == count {
        Ok(values)
    } else {
        Err(error(format!(
            "the query has {count} parameters, {found} were given"
        )))
    }
}

fn literal(param: Param<'static>) -> Literal {
    match param {
        Param::Null => Literal::Null,
        Param::Boolean(v) => Literal::Integer(v.into()),
        Param::Integer(v) => Literal::Integer(v),
        // Beyond 64 bits SQLite has REALs only.
        Param::Unsigned(v) => Literal::Real(v as f64),
        Param::Real(v) => Literal::Real(v),
        Param::Text(v) => Literal::Text(v.into_owned()),
        Param::Blob(v) => Literal::Blob(v.into_owned()),
    }
}

/// The integer of `[5]`.
pub fn only_integer(json: &str) -> Option<i64> {
    let digits = json.strip_prefix('[')?.strip_suffix(']')?;
    let plain = digits.strip_prefix('-').unwrap_or(digits);
    let is_json = !plain.is_empty()
        && plain.bytes().all(|b| b.is_ascii_digit())
        && (plain.len() == 1 || !plain.starts_with('0'));
    is_json.then(|| digits.parse().ok()).flatten()
}
