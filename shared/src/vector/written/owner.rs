//! Where the table is: written so that all parts of a search mean the same one.

use super::target::Target;
use crate::sql::{identifier, literal};

/// Database and schema of a table. What is not given is filled in when the text is bound, in a text within the text,
/// so that the table that is read and the table whose CHECK is looked for are the same.
pub struct Owner<'a> {
    database: Option<&'a str>,
    schema: Option<&'a str>,
}

impl<'a> Owner<'a> {
    /// As far as they are given.
    pub fn of(target: &'a Target) -> Owner<'a> {
        let (database, schema) = match target.table.as_slice() {
            [database, schema, _] => (Some(database), Some(schema)),
            [schema, _] => (None, Some(schema)),
            _ => (None, None),
        };
        Owner {
            database: database.map(String::as_str),
            schema: schema.map(String::as_str),
        }
    }

    /// The table's columns and the place of each row, for FROM.
    pub fn rows(&self, table: &str) -> String {
        self.select(&[
            Piece::Text("SELECT rowid AS lumos_place, * FROM "),
            Piece::Database(Quote::Name),
            Piece::Text("."),
            Piece::Schema(Quote::Name),
            Piece::Text(&format!(".{table}")),
        ])
    }

    /// A subquery of the texts of the table's CHECKs, with \\0 between them.
    pub fn checks(&self, table: &str) -> String {
        let (text, name) = (small("constraint_text"), small("table_name"));
        let from = self.select(&[
            Piece::Text(&format!(
                "SELECT {text} AS said FROM duckdb_constraints() WHERE constraint_type = 'CHECK' AND {name} = {} AND {} = ",
                literal(&table.to_ascii_lowercase()),
                small("database_name")
            )),
            Piece::Database(Quote::Literal),
            Piece::Text(&format!(" AND {} = ", small("schema_name"))),
            Piece::Schema(Quote::Literal),
        ]);
        format!("SELECT string_agg(said, chr(0)) FROM {from}")
    }

    /// A query in FROM.
    fn select(&self, pieces: &[Piece<'_>]) -> String {
        let known = self.database.is_some() && self.schema.is_some();
        let mut sql = String::new();
        for piece in pieces {
            let (given, current, quote) = match piece {
                Piece::Text(text) => {
                    sql.push_str(&match known {
                        true => (*text).to_owned(),
                        false => format!("{} || ", literal(text)),
                    });
                    continue;
                }
                Piece::Database(quote) => (self.database, "current_database()", quote),
                Piece::Schema(quote) => (self.schema, "current_schema()", quote),
            };
            let (mark, doubled) = match quote {
                Quote::Name => ("'\"'", "'\"\"'"),
                Quote::Literal => ("''''", "''''''"),
            };
            match (given, quote) {
                (Some(name), Quote::Name) if known => sql.push_str(&identifier(name)),
                (Some(name), Quote::Literal) if known => {
                    sql.push_str(&literal(&name.to_ascii_lowercase()))
                }
                (_, quote) => {
                    let name = given.map_or(current.to_owned(), literal);
                    let name = match quote {
                        Quote::Name => name,
                        Quote::Literal => small(&name),
                    };
                    sql.push_str(&format!(
                        "{mark} || replace({name}, {mark}, {doubled}) || {mark} || "
                    ));
                }
            }
        }
        match known {
            true => format!("({sql})"),
            false => format!("query({sql}'')"),
        }
    }
}

/// A part of a text that is written now or when it is bound.
enum Piece<'a> {
    Text(&'a str),
    Database(Quote),
    Schema(Quote),
}

/// How a name stands in a text: as an identifier, or as a literal in small letters.
enum Quote {
    Name,
    Literal,
}

/// Names of DuckDB differ in more than the case of ASCII letters.
fn small(text: &str) -> String {
    format!("translate({text}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')")
}
