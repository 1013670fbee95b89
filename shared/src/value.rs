//! The vocabulary that both engines translate to: types of arguments and results, and their values.

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
            Type::Any => "ANY",
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
