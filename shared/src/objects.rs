//! Rows as texts of JSON objects, whatever their columns are: the SELECT that writes them, and their fields. For folds that
//! take the rows of any source.

use crate::Result;
use crate::program::Database;
use crate::source::{Source, column};
use crate::sql::lexer::Dialect;
use crate::sql::literal;

/// The columns that are looked at: the first ones.
pub const MOST_COLUMNS: usize = 50;

/// The characters of a text that are kept.
pub const MOST_CHARS: usize = 120;

/// A value.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Cell {
    /// NULL, and numbers that are none.
    Null,
    /// A finite number; true and false are 1 and 0.
    Number(f64),
    /// A text, cut short.
    Text(Box<str>),
    /// A list or a structure.
    Other,
}

/// The SELECT of the rows of a source, each as an object of its first [`MOST_COLUMNS`] columns. Errors if there is no such
/// table or the query is wrong.
pub fn select(source: &Source, database: &dyn Database) -> Result<String> {
    let dialect = database.dialect();
    let columns = source.columns(database)?;
    Ok(match (dialect, columns) {
        (Dialect::DuckDb, None) => source.objects(&["*"]),
        (Dialect::DuckDb, Some(names)) => {
            let names: Vec<String> = names.iter().map(|n| column(n)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            source.objects(&names)
        }
        (Dialect::Sqlite, names) => {
            // A function of SQLite takes a hundred arguments; JSON has no place for a BLOB.
            let names = names.unwrap_or_default();
            let fields: Vec<String> = names
                .iter()
                .take(MOST_COLUMNS)
                .map(|name| {
                    let value = column(name);
                    format!(
                        "{}, iif(typeof({value}) = 'blob', NULL, {value})",
                        literal(name)
                    )
                })
                .collect();
            source.select(&[&format!("json_object({})", fields.join(", "))])
        }
    })
}

/// The fields of a JSON object in their order. DuckDB's numbers may be NaN and Infinity.
pub struct Fields<'a> {
    rest: &'a str,
    first: bool,
}

impl<'a> Fields<'a> {
    /// Of this text; `None` if it is no object.
    pub fn of(row: &'a str) -> Option<Self> {
        let rest = row.trim_start().strip_prefix('{')?;
        Some(Fields { rest, first: true })
    }

    /// The next field, its name as it is written; `None` inside at the end, outside if there is none to read.
    pub fn field(&mut self) -> Option<Option<(&'a str, Cell)>> {
        let mut rest = self.rest.trim_start();
        if rest.starts_with('}') {
            return Some(None);
        }
        if !self.first {
            rest = rest.strip_prefix(',')?.trim_start();
        }
        self.first = false;
        let (name, rest) = string(rest)?;
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        let (cell, rest) = value(rest)?;
        self.rest = rest;
        Some(Some((name, cell)))
    }
}

/// A string at the start, with its quotes, and the rest.
fn string(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    (bytes.first() == Some(&b'"')).then_some(())?;
    let mut i = 1;
    loop {
        match bytes.get(i)? {
            b'"' => return text.split_at_checked(i + 1),
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
}

/// What a string in quotes says.
pub fn unescaped(quoted: &str) -> String {
    serde_json::from_str(quoted).unwrap_or_default()
}

fn value(text: &str) -> Option<(Cell, &str)> {
    match text.as_bytes().first()? {
        b'"' => {
            let (quoted, rest) = string(text)?;
            let plain = quoted.trim_matches('"');
            // A long text is cut before it is read; an escape that is cut apart is left out.
            let whole = if plain.contains('\\') {
                unescaped(quoted)
            } else {
                plain.to_owned()
            };
            let cut = match whole.char_indices().nth(MOST_CHARS) {
                Some((end, _)) => format!("{}…", &whole[..end]),
                None => whole,
            };
            Some((Cell::Text(cut.into()), rest))
        }
        b'{' | b'[' => {
            let mut depth = 0usize;
            let mut at = 0;
            loop {
                match text.as_bytes().get(at)? {
                    b'"' => {
                        at = text.len() - string(text.get(at..)?)?.1.len();
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some((Cell::Other, text.get(at..)?));
                }
            }
        }
        _ => {
            let end = text.find([',', '}'])?;
            let (word, rest) = text.split_at_checked(end)?;
            let cell = match word.trim_end() {
                "true" => Cell::Number(1.0),
                "false" => Cell::Number(0.0),
                word => match word.parse::<f64>() {
                    // Zero has one sign.
                    Ok(number) if number.is_finite() => Cell::Number(number + 0.0),
                    _ => Cell::Null,
                },
            };
            Some((cell, rest))
        }
    }
}
