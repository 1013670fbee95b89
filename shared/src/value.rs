//! The vocabulary that both engines translate to: types and names of arguments and results, and their values.

use serde_json::Value as Json;

/// The type of an argument or a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A 64-bit signed integer.
    Integer,
    /// A double.
    Real,
    /// UTF-8 text.
    Text,
    /// JSON as text.
    Json,
    /// Bytes.
    Blob,
    /// A vector, given to bodies as 32-bit floats. In SQLite a BLOB (see [`crate::vector::format`]) or JSON text
    /// `[1, 2.5]`; in DuckDB lists and arrays of numbers, and the same BLOB or text.
    Vector,
    /// A time: in SQLite a whole number or a text in ISO 8601; in DuckDB a BIGINT, DATE, TIMESTAMP, TIMESTAMPTZ or VARCHAR.
    /// Given to bodies as a whole number or a text, in UTC. A fold gives times of the type that it takes.
    Time,
    /// A list: a JSON array as text; in DuckDB also a list or an array, of which only the outermost level is looked at. Given to
    /// bodies as JSON text.
    List,
    /// Any value.
    Any,
}

impl Type {
    /// The name that the reference shows.
    pub const fn name(self) -> &'static str {
        match self {
            Type::Integer => "INTEGER",
            Type::Real => "REAL",
            Type::Text => "TEXT",
            Type::Json => "JSON",
            Type::Blob => "BLOB",
            Type::Vector => "VECTOR",
            Type::Time => "TIME",
            Type::List => "LIST",
            Type::Any => "ANY",
        }
    }
}

/// An argument of a function, or a column that a fold takes.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name in the reference and in error texts.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// May be left out.
    pub optional: bool,
}

impl Param {
    /// An argument that must be given.
    pub const fn new(name: &'static str, ty: Type) -> Self {
        Param {
            name,
            ty,
            optional: false,
        }
    }

    /// An argument that may be left out.
    pub const fn optional(name: &'static str, ty: Type) -> Self {
        Param {
            name,
            ty,
            optional: true,
        }
    }
}

/// An argument, borrowed from the engine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// SQL NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
    /// A vector, already taken out of the engine's form.
    Vector(&'a [f32]),
}

impl ValueRef<'_> {
    /// The same, but a double that is a whole number as the integer: some drivers bind all numbers as doubles.
    pub fn whole(self) -> Self {
        match self {
            ValueRef::Real(v) => whole(v).map_or(self, ValueRef::Integer),
            _ => self,
        }
    }
}

/// The integer that a double is, or `None` if it is none of 64 bits.
pub fn whole(value: f64) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    (value.fract() == 0.0 && (-END..END).contains(&value)).then_some(value as i64)
}

/// The integer that a JSON number is, also as `2.0`.
pub fn whole_number(json: &Json) -> Option<i64> {
    json.as_i64().or_else(|| whole(json.as_f64()?))
}

/// A result, owned.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}
