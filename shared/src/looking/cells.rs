//! Rows of a source: values of SQLite, or JSON, written by both engines with every digit of a number, and its reader.

use std::borrow::Cow;

use crate::program::Database;
use crate::source::{Source, column};
use crate::sql::identifier;
use crate::sql::lexer::Dialect;
use crate::{Error, Result, ValueRef};

/// The most columns of a source, in either engine.
const MOST_COLUMNS: usize = 200;

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// NULL, a BLOB, or a number that is not finite.
    Null,
    /// A number; a boolean is 0 or 1.
    Number(f64),
    /// A text, a date or a time.
    Text(Cow<'a, str>),
    /// A list, a struct or a map.
    Nested,
}

/// The SQL of SQLite for a value as JSON, with 17 digits of a number: JSON of SQLite's own has 15, and `quote` is off in the last
/// one now and then before 3.42.
fn of_sqlite(value: &str) -> String {
    format!(
        "CASE typeof({value}) WHEN 'text' THEN json_quote({value}) WHEN 'integer' THEN {value} WHEN 'real' THEN printf('%!.17g', {value}) ELSE 'null' END"
    )
}

/// The SQL for an array of values.
pub fn array_sql(values: &[String], dialect: Dialect) -> String {
    match dialect {
        Dialect::DuckDb => format!("CAST(json_array({}) AS VARCHAR)", values.join(", ")),
        Dialect::Sqlite => {
            let values: Vec<String> = values.iter().map(|value| of_sqlite(value)).collect();
            format!("'[' || {} || ']'", values.join(" || ',' || "))
        }
    }
}

/// The SELECT of the rows of a source, all its columns or these: in SQLite of the values themselves, with their names; in
/// DuckDB, where nothing says how many there are, of an object a row. Errors if there is no such table, or if there are more
/// columns than [`MOST_COLUMNS`].
pub fn select(
    source: &Source,
    only: Option<Vec<String>>,
    database: &dyn Database,
) -> Result<(String, Option<Vec<String>>)> {
    let columns = match only {
        Some(names) => Some(names),
        None => source.columns(database)?,
    };
    // DuckDB writes a BLOB as a text of its bytes.
    let of_duckdb =
        |value: &str| format!("CASE WHEN typeof({value}) = 'BLOB' THEN NULL ELSE {value} END");
    let Some(mut columns) = columns else {
        return Ok((source.objects(&[&of_duckdb("COLUMNS(*)")]), None));
    };
    let mut known = Vec::new();
    columns.retain(|name| {
        let new = !known.contains(name);
        known.push(name.clone());
        new
    });
    if columns.is_empty() || columns.len() > MOST_COLUMNS {
        return Err(Error::new(format!(
            "{} has {} columns; name 1 to {MOST_COLUMNS} of them, like houses(rooms, price)",
            source.shown(),
            columns.len()
        )));
    }
    let values = columns.iter().map(|name| match database.dialect() {
        Dialect::Sqlite => column(name),
        Dialect::DuckDb => format!("{} AS {}", of_duckdb(&column(name)), identifier(name)),
    });
    let values: Vec<String> = values.collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    Ok(match database.dialect() {
        Dialect::Sqlite => (source.select(&values), Some(columns)),
        Dialect::DuckDb => (source.objects(&values), None),
    })
}

impl<'a> Cell<'a> {
    /// A value of SQLite.
    pub fn of(value: ValueRef<'a>) -> Cell<'a> {
        match value {
            ValueRef::Integer(value) => Cell::Number(value as f64),
            ValueRef::Real(value) if value.is_finite() => Cell::Number(value),
            ValueRef::Text(text) => Cell::Text(text.into()),
            _ => Cell::Null,
        }
    }
}

/// Reads a row that is an object: the name of each member, its value, and that as it is written. Errors if it is none, or if it
/// has more columns than [`select`] takes.
pub fn object<'a>(
    text: &'a str,
    each: &mut dyn FnMut(Cow<'a, str>, Cell<'a>, &'a str) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader { text, at: 0 };
    let mut columns = 0;
    reader.sequence('{', '}', &mut |reader| {
        columns += 1;
        if columns > MOST_COLUMNS {
            return Err(Error::new(format!(
                "more than {MOST_COLUMNS} columns; name 1 to {MOST_COLUMNS} of them, like houses(rooms, price)"
            )));
        }
        let name = match reader.value()? {
            Cell::Text(name) => name,
            _ => return Err(broken()),
        };
        reader.sign(':')?;
        reader.peek();
        let start = reader.at;
        let value = reader.value()?;
        each(name, value, text.get(start..reader.at).ok_or_else(broken)?)
    })
}

/// Reads a row that is an array. Errors if it is none.
pub fn array(text: &str) -> Result<Vec<Cell<'_>>> {
    let mut cells = Vec::new();
    let mut reader = Reader { text, at: 0 };
    reader.sequence('[', ']', &mut |reader| {
        cells.push(reader.value()?);
        Ok(())
    })?;
    Ok(cells)
}

fn broken() -> Error {
    Error::new("a row is not JSON as the SQL of the function writes it")
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn sign(&mut self, sign: char) -> Result<()> {
        if self.peek() != Some(sign as u8) {
            return Err(broken());
        }
        self.at += 1;
        Ok(())
    }

    fn sequence(
        &mut self,
        open: char,
        close: char,
        each: &mut dyn FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.sign(open)?;
        if self.peek() != Some(close as u8) {
            loop {
                each(self)?;
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        self.sign(close)
    }

    /// The text between here and the end of a string's quotes, with them.
    fn string(&mut self) -> Result<(&'a str, bool)> {
        let start = self.at;
        let mut escaped = false;
        let mut end = start + 1;
        loop {
            match self.text.as_bytes().get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    end += 2;
                }
                Some(_) => end += 1,
                None => return Err(broken()),
            }
        }
        self.at = end + 1;
        let text = self.text.get(start..self.at).ok_or_else(broken)?;
        Ok((text, escaped))
    }

    fn value(&mut self) -> Result<Cell<'a>> {
        match self.peek() {
            Some(b'"') => {
                let (text, escaped) = self.string()?;
                if escaped {
                    let text: String = serde_json::from_str(text).map_err(|_| broken())?;
                    return Ok(Cell::Text(text.into()));
                }
                Ok(Cell::Text(text[1..text.len() - 1].into()))
            }
            Some(b'[' | b'{') => {
                let mut depth = 0_usize;
                loop {
                    match self.peek() {
                        Some(b'"') => {
                            self.string()?;
                            continue;
                        }
                        Some(b'[' | b'{') => depth += 1,
                        Some(b']' | b'}') => depth -= 1,
                        Some(_) => {}
                        None => return Err(broken()),
                    }
                    self.at += 1;
                    if depth == 0 {
                        return Ok(Cell::Nested);
                    }
                }
            }
            _ => {
                let rest = self.text.get(self.at..).ok_or_else(broken)?;
                let end = rest.find([',', ']', '}', ' ']).unwrap_or(rest.len());
                self.at += end;
                match &rest[..end] {
                    "null" => Ok(Cell::Null),
                    "true" => Ok(Cell::Number(1.0)),
                    "false" => Ok(Cell::Number(0.0)),
                    number => match number.parse::<f64>() {
                        Ok(number) if number.is_finite() => Ok(Cell::Number(number)),
                        Ok(_) => Ok(Cell::Null),
                        Err(_) if number == "-nan" => Ok(Cell::Null),
                        Err(_) => Err(broken()),
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read() {
        let text = r#"{"a": 1.5, "b\"":"x\n","c":null,"d":[1,{"e":"]"}],"f":true,"g":NaN,"h":-9.0e+999,"":"","i":17}"#;
        let mut found = Vec::new();
        object(text, &mut |name, cell, _| {
            found.push((name.into_owned(), cell));
            Ok(())
        })
        .unwrap();
        let expected = [
            ("a", Cell::Number(1.5)),
            ("b\"", Cell::Text("x\n".into())),
            ("c", Cell::Null),
            ("d", Cell::Nested),
            ("f", Cell::Number(1.0)),
            ("g", Cell::Null),
            ("h", Cell::Null),
            ("", Cell::Text("".into())),
            ("i", Cell::Number(17.0)),
        ];
        assert_eq!(found, expected.map(|(name, cell)| (name.to_owned(), cell)));
        assert_eq!(
            array(r#"["é", 2 ,null]"#).unwrap(),
            [Cell::Text("é".into()), Cell::Number(2.0), Cell::Null]
        );
        assert_eq!(array("[]").unwrap(), []);
        for text in [
            "",
            "[",
            "[1",
            "[1,",
            "[\"",
            "[\"\\",
            "[x]",
            "{}",
            "[[",
            "[\"a\\q\"]",
        ] {
            assert!(array(text).is_err(), "{text}");
        }
        for text in ["[]", "{1:2}", "{\"a\"}", "{\"a\":}"] {
            assert!(object(text, &mut |_, _, _| Ok(())).is_err(), "{text}");
        }
        for (columns, known) in [(MOST_COLUMNS, true), (MOST_COLUMNS + 1, false)] {
            let members: Vec<String> = (0..columns).map(|i| format!("\"c{i}\":1")).collect();
            let text = format!("{{{}}}", members.join(","));
            assert_eq!(
                object(&text, &mut |_, _, _| Ok(())).is_ok(),
                known,
                "{columns}"
            );
        }
    }
}
