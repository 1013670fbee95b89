//! The scalar functions of sqlite-vec by their own names, for programs that move over.

use lumos_core::vector::distance;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value as Json, json};

use crate::error::{Result, error};
use crate::host::guard;
use crate::query::arguments::whole;
use crate::values;

type Body = fn(&[Vec<f32>]) -> Result<Value>;

/// Name, number of vectors, body.
const FUNCTIONS: [(&str, usize, Body); 9] = [
    ("vec_f32", 1, |v| Ok(blob(&v[0]))),
    ("vec_length", 1, |v| Ok(Value::Integer(v[0].len() as i64))),
    ("vec_to_json", 1, |v| {
        Ok(Value::Text(json!(v[0]).to_string()))
    }),
    ("vec_normalize", 1, |v| {
        let length = distance::l2(&v[0], &vec![0.0; v[0].len()]) as f32;
        let scale = |x: &f32| if length > 0.0 { x / length } else { 0.0 };
        Ok(blob(&v[0].iter().map(scale).collect::<Vec<_>>()))
    }),
    ("vec_distance_L2", 2, |v| {
        Ok(Value::Real(distance::l2(&v[0], &v[1])))
    }),
    ("vec_distance_L1", 2, |v| {
        let terms = v[0].iter().zip(&v[1]);
        let sum = terms
            .map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs())
            .sum();
        Ok(Value::Real(sum))
    }),
    ("vec_distance_cosine", 2, |v| {
        Ok(Value::Real(distance::cosine(&v[0], &v[1])))
    }),
    ("vec_add", 2, |v| Ok(by_element(v, |a, b| a + b))),
    ("vec_sub", 2, |v| Ok(by_element(v, |a, b| a - b))),
];

/// `lumos_compat(name)`: registers the functions that are not there yet, and gives the names of all.
pub fn compat(connection: &Connection, name: &str) -> Result<Json> {
    if !name.eq_ignore_ascii_case("sqlite-vec") {
        return Err(error(format!(
            "knows no names of \"{name}\"; give 'sqlite-vec'"
        )));
    }
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    let mut names = Vec::new();
    for (name, count, body) in FUNCTIONS {
        names.push(name);
        if !is_there(connection, name)? {
            connection.create_scalar_function(name, count as i32, flags, move |ctx| {
                guard(name, || call(ctx, body))
            })?;
        }
    }
    names.push("vec_slice");
    if !is_there(connection, "vec_slice")? {
        connection.create_scalar_function("vec_slice", 3, flags, |ctx| {
            guard("vec_slice", || slice(ctx))
        })?;
    }
    names.push("vec_version");
    if !is_there(connection, "vec_version")? {
        connection.create_scalar_function("vec_version", 0, flags, |_| {
            Ok(concat!("lumos ", env!("CARGO_PKG_VERSION")))
        })?;
    }
    Ok(json!(names))
}

fn is_there(connection: &Connection, name: &str) -> Result<bool> {
    let sql = "SELECT 1 FROM pragma_function_list WHERE name = ?1 COLLATE NOCASE";
    let found = connection.query_row(sql, [name], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

fn call(ctx: &Context<'_>, body: Body) -> Result<Value> {
    let mut vectors = Vec::new();
    for i in 0..ctx.len() {
        match ctx.get_raw(i) {
            ValueRef::Null => return Ok(Value::Null),
            value => vectors.push(values::vector(value, "the vector")?),
        }
    }
    match vectors.as_slice() {
        [a, b] if a.len() != b.len() => Err(error(format!(
            "vectors of {} and {} dimensions; both must have the same",
            a.len(),
            b.len()
        ))),
        vectors => body(vectors),
    }
}

/// The elements from one place to before another, both counted from 0.
fn slice(ctx: &Context<'_>) -> Result<Value> {
    let vector = match ctx.get_raw(0) {
        ValueRef::Null => return Ok(Value::Null),
        value => values::vector(value, "the vector")?,
    };
    let (ValueRef::Integer(start), ValueRef::Integer(end)) =
        (whole(ctx.get_raw(1)), whole(ctx.get_raw(2)))
    else {
        return Err(error("start and end are not integers; give both"));
    };
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    match range.and_then(|(start, end)| vector.get(start..end)) {
        Some(part) if !part.is_empty() => Ok(blob(part)),
        _ => Err(error(format!(
            "{start} to {end} is no part of a vector of {} dimensions; give a start below the end, both within it",
            vector.len()
        ))),
    }
}

fn blob(vector: &[f32]) -> Value {
    Value::Blob(vector.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn by_element(v: &[Vec<f32>], of: fn(f32, f32) -> f32) -> Value {
    let elements: Vec<f32> = v[0].iter().zip(&v[1]).map(|(a, b)| of(*a, *b)).collect();
    blob(&elements)
}
