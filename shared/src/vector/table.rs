//! What stands in `CREATE VIRTUAL TABLE v USING lumos_vec(...)`: the columns of a table of vectors.

use super::index::{Index, Kind, OVERSAMPLE};
use super::metric::Metric;
use crate::sql::identifier;
use crate::{Error, Result};

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The key: `id INTEGER PRIMARY KEY`.
    Id,
    /// A key of text, beside the integer that every row has: `id TEXT PRIMARY KEY`.
    Key,
    /// The vector: `e FLOAT[384] metric=cosine kind=flat4`.
    Vector,
    /// A value to filter by: `tag TEXT`.
    Filter,
    /// A value that is only kept: `+body TEXT`.
    Kept,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type in SQLite.
    pub ty: &'static str,
    /// What it is for.
    pub role: Role,
}

/// Another table whose rows these are: `content='docs', content_rowid='id'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its name.
    pub table: String,
    /// Its column that is the rowid.
    pub rowid: String,
}

/// The columns of a table and the index over its vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The columns in their order.
    pub columns: Vec<Column>,
    /// Dimensions of the vectors.
    pub dims: usize,
    /// How the rows are ordered.
    pub metric: Metric,
    /// The kind of index.
    pub kind: Kind,
    /// Candidates for each row that is asked for.
    pub oversample: usize,
    /// The table that has the rows, if it is another.
    pub content: Option<Content>,
}

/// A table of `lumos_vec` in a database of SQLite.
#[derive(Debug, Clone)]
pub struct VectorTable {
    /// The name of its database: `main`, `temp` or an attached one.
    pub schema: String,
    /// Its name there.
    pub name: String,
    /// What it was made with.
    pub definition: Definition,
}

impl VectorTable {
    /// Its quoted name.
    pub fn table(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    /// The quoted name of a table that it keeps: `rows` has the columns by `_id`, which is the rowid, `vectors` the
    /// vectors by `id`.
    pub fn shadow(&self, suffix: &str) -> String {
        let name = format!("{}_{suffix}", self.name);
        format!("{}.{}", identifier(&self.schema), identifier(&name))
    }

    /// The quoted column of keys that are texts, if rows have such; others are named by their rowid.
    pub fn key(&self) -> Option<String> {
        let place = self.definition.find(Role::Key)?;
        Some(identifier(&self.definition.columns[place].name))
    }

    /// SQL of the name of the row with this rowid.
    pub fn name_of(&self, rowid: &str) -> String {
        match self.key() {
            None => rowid.to_owned(),
            Some(key) => {
                let rows = self.shadow("rows");
                format!("(SELECT {key} FROM {rows} WHERE _id = {rowid})")
            }
        }
    }
}

impl Definition {
    /// Reads the arguments of the module, one a column. Errors if an argument is no column that a table of vectors can
    /// have, a name stands twice, there is not one column of vectors and at most one key, or no index can be made of
    /// them.
    pub fn parse<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Definition> {
        let mut definition = Definition {
            columns: Vec::new(),
            dims: 0,
            metric: Metric::L2,
            kind: Kind::Flat4,
            oversample: OVERSAMPLE,
            content: None,
        };
        let (mut content, mut content_rowid) = (None, None);
        for argument in arguments {
            match setting(argument) {
                Some(("content", value)) => content = Some(value),
                Some((_, value)) => content_rowid = Some(value),
                None => {}
            }
            if setting(argument).is_some() {
                continue;
            }
            let column = definition.column(argument.trim())?;
            let same = |c: &Column| c.name.eq_ignore_ascii_case(&column.name);
            if definition.columns.iter().any(same) || is_reserved(&column.name) {
                return Err(Error::new(format!(
                    "the column name \"{}\" is taken; use another",
                    column.name
                )));
            }
            let is_key = |c: &Column| matches!(c.role, Role::Id | Role::Key);
            if is_key(&column) && definition.columns.iter().any(is_key) {
                return Err(Error::new("two primary keys; a table has one"));
            }
            definition.columns.push(column);
        }
        if definition.dims == 0 {
            return Err(Error::new(
                "no column of vectors; give one like e FLOAT[384] metric=cosine",
            ));
        }
        definition.content = match (content, content_rowid) {
            (Some(table), rowid) => Some(Content {
                table,
                rowid: rowid.unwrap_or_else(|| "rowid".into()),
            }),
            (None, Some(_)) => {
                return Err(Error::new(
                    "content_rowid without content; give content='the table' too",
                ));
            }
            (None, None) => None,
        };
        if definition.content.is_some() && definition.find(Role::Key).is_some() {
            return Err(Error::new(
                "rows of another table have integer keys; leave the text key out, or keep it in a column with a +",
            ));
        }
        definition.index()?;
        Ok(definition)
    }

    /// An empty index of this definition. Errors as [`Index::new`] does.
    pub fn index(&self) -> Result<Index> {
        Index::new(self.dims, self.metric, self.kind)
    }

    /// Errors if a table with these columns cannot have this name: it stands for a column too, as in FTS5.
    pub fn check_name(&self, table: &str) -> Result<()> {
        let same = |c: &Column| c.name.eq_ignore_ascii_case(table);
        if self.columns.iter().any(same) || is_reserved(table) {
            Err(Error::new(format!(
                "the name \"{table}\" is taken by a column; give the table or the column another"
            )))
        } else {
            Ok(())
        }
    }

    /// The place of the column with this role.
    pub fn find(&self, role: Role) -> Option<usize> {
        self.columns.iter().position(|c| c.role == role)
    }

    fn column(&mut self, text: &str) -> Result<Column> {
        let (kept, text) = match text.strip_prefix('+') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text),
        };
        let (name, rest) = name(text)?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let upper: Vec<String> = words.iter().map(|w| w.to_uppercase()).collect();
        let upper: Vec<&str> = upper.iter().map(String::as_str).collect();
        if let Some(dims) = dims(rest)? {
            if self.dims > 0 {
                return Err(Error::new(
                    "two columns of vectors; a table has one: make another table for the other",
                ));
            }
            if kept {
                return Err(Error::new(format!("column {name}: a vector takes no +")));
            }
            self.dims = dims;
            let after = rest.find(']').map_or(rest.len(), |end| end + 1);
            for option in rest[after..].split_whitespace() {
                self.option(option)?;
            }
            return Ok(Column {
                name,
                ty: "BLOB",
                role: Role::Vector,
            });
        }
        let (ty, role) = match upper.as_slice() {
            ["INTEGER" | "INT" | "BIGINT", "PRIMARY", "KEY"] if !kept => ("INTEGER", Role::Id),
            ["TEXT", "PRIMARY", "KEY"] if !kept => ("TEXT", Role::Key),
            [.., "PRIMARY", "KEY"] => {
                return Err(Error::new(format!(
                    "column {name}: a key is an integer or a text; write {name} INTEGER PRIMARY KEY or {name} TEXT PRIMARY KEY"
                )));
            }
            ["INTEGER" | "INT" | "BIGINT" | "BOOLEAN"] => ("INTEGER", Role::Filter),
            ["REAL" | "FLOAT" | "DOUBLE"] => ("REAL", Role::Filter),
            ["TEXT"] => ("TEXT", Role::Filter),
            [] if kept => ("TEXT", Role::Filter),
            ["BLOB"] if kept => ("BLOB", Role::Filter),
            _ => {
                return Err(Error::new(format!(
                    "column {name} has the type \"{rest}\"; the types are FLOAT[dimensions], TEXT, INTEGER, REAL and BOOLEAN, and BLOB after a +"
                )));
            }
        };
        let role = if kept { Role::Kept } else { role };
        Ok(Column { name, ty, role })
    }

    /// `metric=cosine`, `kind=flat4`, `oversample=4`.
    fn option(&mut self, text: &str) -> Result<()> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let value = value.trim_matches(['\'', '"']);
        match name.to_lowercase().as_str() {
            "metric" | "distance_metric" => self.metric = Metric::parse_indexed(value)?,
            "kind" => self.kind = Kind::parse(value)?,
            "oversample" => {
                let number = value.parse().ok().filter(|n| (1..=1000).contains(n));
                self.oversample = number.ok_or_else(|| {
                    Error::new(format!(
                        "oversample is \"{value}\"; give a whole number from 1 to 1000"
                    ))
                })?;
            }
            _ => {
                return Err(Error::new(format!(
                    "unknown option \"{text}\"; the options are metric, kind and oversample"
                )));
            }
        }
        Ok(())
    }
}

/// `content='docs'`, `content_rowid='id'`: the name and the value of what is no column.
fn setting(text: &str) -> Option<(&'static str, String)> {
    let (name, value) = text.split_once('=')?;
    let name = ["content", "content_rowid"]
        .into_iter()
        .find(|n| n.eq_ignore_ascii_case(name.trim()))?;
    let value = value.trim();
    let quote = value.chars().next().filter(|c| "'\"".contains(*c));
    let value = match quote.and_then(|q| value[1..].strip_suffix(q).map(|v| (q, v))) {
        Some((quote, inside)) => inside.replace(&format!("{quote}{quote}"), &quote.to_string()),
        None => value.to_owned(),
    };
    Some((name, value))
}

/// Columns that every table has; `_id` is one of its shadow table.
const RESERVED: [&str; 4] = ["distance", "k", "rowid", "_id"];

fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|r| r.eq_ignore_ascii_case(name))
}

/// The name at the beginning of a column, and what follows it.
fn name(text: &str) -> Result<(String, &str)> {
    let bad = || {
        Error::new(format!(
            "\"{text}\" is not a column; write a name and a type"
        ))
    };
    let close = match text.chars().next() {
        Some('"') => '"',
        Some('[') => ']',
        Some('`') => '`',
        _ => {
            let end = text
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            return if name.is_empty() || rest.trim_start().starts_with('=') {
                Err(bad())
            } else {
                Ok((name.to_owned(), rest.trim_start()))
            };
        }
    };
    let (mut name, mut rest) = (String::new(), &text[1..]);
    loop {
        let (part, after) = rest.split_once(close).ok_or_else(bad)?;
        name.push_str(part);
        rest = after;
        // Doubled, the quote is a part of the name.
        match after.strip_prefix(close) {
            Some(after) if close != ']' => {
                name.push(close);
                rest = after;
            }
            _ => break,
        }
    }
    if name.is_empty() {
        Err(bad())
    } else {
        Ok((name, rest.trim_start()))
    }
}

/// The number in `FLOAT[384]`, if the type is one of vectors.
fn dims(ty: &str) -> Result<Option<usize>> {
    let Some((word, rest)) = ty.split_once('[') else {
        return Ok(None);
    };
    if !["FLOAT", "F32", "FLOAT32"].contains(&word.trim().to_uppercase().as_str()) {
        return Ok(None);
    }
    let number = rest.split(']').next().unwrap_or_default().trim();
    match number.parse() {
        Ok(dims) if dims > 0 => Ok(Some(dims)),
        _ => Err(Error::new(format!(
            "FLOAT[{number}] has no number of dimensions; write FLOAT[384]"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind_of_column() {
        let definition = Definition::parse([
            "id INTEGER PRIMARY KEY",
            " e FLOAT[384] metric=cosine kind='flat8' oversample=9 ",
            "tag TEXT",
            "\"a \"\"b\"\", c\" REAL",
            "+body",
            "+ raw BLOB",
            "done boolean",
        ])
        .unwrap();
        let columns: Vec<(&str, &str, Role)> = definition
            .columns
            .iter()
            .map(|c| (c.name.as_str(), c.ty, c.role))
            .collect();
        assert_eq!(
            columns,
            [
                ("id", "INTEGER", Role::Id),
                ("e", "BLOB", Role::Vector),
                ("tag", "TEXT", Role::Filter),
                ("a \"b\", c", "REAL", Role::Filter),
                ("body", "TEXT", Role::Kept),
                ("raw", "BLOB", Role::Kept),
                ("done", "INTEGER", Role::Filter),
            ]
        );
        assert_eq!(
            (
                definition.dims,
                definition.metric,
                definition.kind,
                definition.oversample
            ),
            (384, Metric::Cosine, Kind::Flat8, 9)
        );
    }

    #[test]
    fn the_rows_may_be_those_of_another_table() {
        let parse = |more: &[&str]| {
            let arguments = ["e FLOAT[2]"].into_iter().chain(more.iter().copied());
            Definition::parse(arguments).map(|d| d.content.map(|c| (c.table, c.rowid)))
        };
        let of = |table: &str, rowid: &str| Ok(Some((table.to_owned(), rowid.to_owned())));
        assert_eq!(parse(&["content='docs'"]), of("docs", "rowid"));
        assert_eq!(
            parse(&["content_rowid = \"the id\"", " CONTENT='it''s'"]),
            of("it's", "the id")
        );
        assert_eq!(parse(&["content=docs"]), of("docs", "rowid"));
        assert!(parse(&["content_rowid=id"]).is_err());
        assert!(parse(&["id TEXT PRIMARY KEY", "content=docs"]).is_err());
    }

    #[test]
    fn a_key_may_be_a_text() {
        let definition = Definition::parse(["e FLOAT[2]", "name text primary key"]).unwrap();
        assert_eq!(definition.find(Role::Key), Some(1));
        assert_eq!(definition.columns[1].ty, "TEXT");
    }

    #[test]
    fn names_are_taken() {
        for name in ["distance", "K", "RowId", "_id", "E"] {
            let column = format!("{name} TEXT");
            assert!(
                Definition::parse(["e FLOAT[2]", &column]).is_err(),
                "{name}"
            );
            let definition = Definition::parse(["e FLOAT[2]"]).unwrap();
            assert!(definition.check_name(name).is_err(), "{name}");
        }
        let definition = Definition::parse(["e FLOAT[2]", "rank TEXT", "id TEXT"]).unwrap();
        definition.check_name("docs").unwrap();
    }

    #[test]
    fn says_what_is_wrong() {
        for (arguments, message) in [
            (
                vec!["id INTEGER PRIMARY KEY"],
                "no column of vectors; give one like e FLOAT[384] metric=cosine",
            ),
            (
                vec!["e FLOAT[0]"],
                "FLOAT[0] has no number of dimensions; write FLOAT[384]",
            ),
            (
                vec!["e FLOAT[99999]"],
                "99999 dimensions; an index has from 1 to 16384",
            ),
            (
                vec!["e FLOAT[2] metric=l1"],
                "unknown metric \"l1\"; the metrics are l2, cosine and ip",
            ),
            (
                vec!["e FLOAT[2]", "E TEXT"],
                "the column name \"E\" is taken; use another",
            ),
            (
                vec!["id BLOB PRIMARY KEY", "e FLOAT[2]"],
                "column id: a key is an integer or a text; write id INTEGER PRIMARY KEY or id TEXT PRIMARY KEY",
            ),
            (
                vec![
                    "id INTEGER PRIMARY KEY",
                    "name TEXT PRIMARY KEY",
                    "e FLOAT[2]",
                ],
                "two primary keys; a table has one",
            ),
            (
                vec!["colour='red'"],
                "\"colour='red'\" is not a column; write a name and a type",
            ),
            (
                vec!["x NUMERIC", "e FLOAT[2]"],
                "column x has the type \"NUMERIC\"; the types are FLOAT[dimensions], TEXT, INTEGER, REAL and BOOLEAN, and BLOB after a +",
            ),
        ] {
            assert_eq!(
                Definition::parse(arguments).unwrap_err().to_string(),
                message
            );
        }
    }
}
