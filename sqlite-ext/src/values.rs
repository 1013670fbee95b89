//! Values as SQL gives them to a call.

use lumos_core::vector;
use rusqlite::types;

use crate::error::{Result, error};

/// The subtype by which SQLite's JSON functions know JSON from text.
pub const JSON_SUBTYPE: u32 = b'J' as u32;

/// Text of SQLite, which need not be UTF-8.
pub fn utf8(text: &[u8]) -> Result<&str> {
    std::str::from_utf8(text)
        .map_err(|_| error("an argument is not valid UTF-8 text; encode it first"))
}

/// A vector as SQL gives it: a BLOB or JSON.
pub fn vector(value: types::ValueRef<'_>, name: &str) -> Result<Vec<f32>> {
    match value {
        types::ValueRef::Blob(bytes) => Ok(vector::from_bytes(bytes)?),
        types::ValueRef::Text(text) => Ok(vector::from_json(utf8(text)?)?),
        other => Err(error(format!(
            "{name} is {}; give a vector as JSON like '[1, 2.5]' or as a BLOB of 32-bit floats",
            article(other.data_type())
        ))),
    }
}

/// "a TEXT", "an INTEGER", for errors.
pub fn article(ty: types::Type) -> String {
    match ty {
        types::Type::Integer => "an INTEGER".into(),
        types::Type::Null => "NULL".into(),
        other => format!("a {}", other.to_string().to_uppercase()),
    }
}
