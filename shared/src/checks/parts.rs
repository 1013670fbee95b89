//! What rules are made of: expressions, names, values, spans of time.

use serde_json::{Map, Value as Json};

use crate::memory::moment;
use crate::options::shortened;
use crate::sql::lexer::{Dialect, Kind as Token, tokens};
use crate::sql::literal;
use crate::value::whole_number;
use crate::{Error, Result};

/// The text as one expression in parentheses. Errors if it is more than that: what followed would be another part of
/// the statement that it is put into.
pub fn expression(text: &str, what: &str, dialect: Dialect) -> Result<String> {
    let mut open = 0;
    let tokens = tokens(text, dialect);
    let balanced = tokens.iter().all(|token| {
        open += match token.kind {
            Token::Sign('(') => 1,
            Token::Sign(')') => -1,
            _ => 0,
        };
        open >= 0 && token.kind != Token::Sign(';') && token.is_closed(text)
    });
    if tokens.is_empty() || !balanced || open != 0 || text.contains('\0') {
        return Err(Error::new(format!(
            "{what} is \"{}\"; give one expression of SQL",
            shortened(text)
        )));
    }
    // A comment at its end would take the parenthesis with it.
    Ok(format!("({text}\n)"))
}

/// The error for a value that a field does not take.
pub fn wrong(name: &str, given: &Json, give: &str) -> Error {
    Error::new(format!(
        "{name} is {}; give {give}",
        shortened(&given.to_string())
    ))
}

/// Of a key in which something is NULL the engines say different things, so it is not looked for.
pub fn not_null(columns: &[String]) -> String {
    let columns: Vec<String> = columns.iter().map(|c| format!("{c} IS NOT NULL")).collect();
    columns.join(" AND ")
}

/// The fields of an object that has no others.
pub fn fields<'a>(given: &'a Json, known: &[&str]) -> Option<&'a Map<String, Json>> {
    let fields = given.as_object()?;
    fields
        .keys()
        .all(|name| known.contains(&name.as_str()))
        .then_some(fields)
}

/// The names of columns: one, or a list.
pub fn names(given: &Json) -> Option<Vec<String>> {
    let names: Vec<String> = match given {
        Json::String(name) => vec![name.clone()],
        Json::Array(names) => names
            .iter()
            .map(|n| n.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    (!names.is_empty() && names.iter().all(|n| !n.is_empty() && !n.contains('\0'))).then_some(names)
}

/// A number or a text as a literal in both engines.
pub fn literal_of(given: &Json) -> Option<String> {
    match given {
        Json::Number(number) => Some(number.to_string()),
        Json::String(text) if !text.contains('\0') => Some(literal(text)),
        _ => None,
    }
}

/// A value in a sentence.
pub fn shown(given: &Json) -> String {
    match given {
        Json::String(text) => shortened(text),
        other => other.to_string(),
    }
}

/// A span of time in seconds: a number of them, or a text like `36 hours`.
pub fn seconds(given: &Json) -> Option<i64> {
    let seconds = match given {
        Json::String(text) => {
            let text = text.trim();
            let digits = text.find(|c: char| !c.is_ascii_digit())?;
            let (count, unit) = text.split_at_checked(digits)?;
            let count: i64 = count.parse().ok()?;
            let unit = unit.trim().to_ascii_lowercase();
            let unit = match unit.strip_suffix('s').unwrap_or(&unit) {
                "second" => 1,
                "minute" => 60,
                "hour" => 3_600,
                "day" => moment::DAY as i64,
                "week" => 7 * moment::DAY as i64,
                _ => return None,
            };
            count.checked_mul(unit)?
        }
        number => whole_number(number)?,
    };
    (seconds >= 0).then_some(seconds)
}
