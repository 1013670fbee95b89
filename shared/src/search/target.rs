//! The table that is searched, as it is written: `docs(id, e)`, `shop.main.docs(id, e, h)`, `docs(id, e, h, body, hb)`.

use crate::sql::table_name::{self, TableName};
use crate::{Error, Result};

/// The table with its columns.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Database, schema and table, as far as they are given.
    pub table: Vec<String>,
    /// The column of ids.
    pub id: String,
    /// The column of vectors.
    pub vector: Hashed,
    /// The column of texts, where they are searched too.
    pub text: Option<Hashed>,
}

/// A column, with that of its hashes.
#[derive(Debug, PartialEq, Eq)]
pub struct Hashed {
    /// What is searched.
    pub column: String,
    /// The hashes of it.
    pub hash: Option<String>,
}

impl Target {
    /// Reads one of vectors. Errors if the text is anything but a name with two or three
    /// columns in parentheses.
    pub fn parse(text: &str) -> Result<Target> {
        Self::read(text, false).ok_or_else(|| {
            Error::new(format!(
                "{text} is no table with columns; give one like docs(id, e), or docs(id, e, h) with a column of hashes"
            ))
        })
    }

    /// Reads one of vectors and texts. Errors if the text is anything but a name with three or five columns in
    /// parentheses.
    pub fn parse_with_text(text: &str) -> Result<Target> {
        Self::read(text, true).ok_or_else(|| {
            Error::new(format!(
                "{text} is no table with columns; give one like docs(id, e, body), or docs(id, e, h, body, hb) with columns of hashes"
            ))
        })
    }

    fn read(text: &str, with_text: bool) -> Option<Target> {
        let TableName { table, columns } = TableName::parse(text)?;
        let mut columns = columns.into_iter();
        let id = columns.next()?;
        let hashed = match (columns.len(), with_text) {
            (1, false) | (2, true) => false,
            (2, false) | (4, true) => true,
            _ => return None,
        };
        let mut next = || {
            Some(Hashed {
                column: columns.next()?,
                hash: if hashed { columns.next() } else { None },
            })
        };
        Some(Target {
            table,
            id,
            vector: next()?,
            text: if with_text { next() } else { None },
        })
    }

    /// Its name without database and schema.
    pub fn name(&self) -> &str {
        self.table.last().map_or("", String::as_str)
    }

    /// The table as it is written.
    pub fn table(&self) -> String {
        table_name::sql(&self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_strictly() {
        let read = |text: &str| {
            Target::parse(text).map(|t| (t.table, t.id, t.vector.column, t.vector.hash))
        };
        let names = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        for (text, table, hash) in [
            ("docs(id, e)", names(&["docs"]), None),
            (" docs ( id , e , h ) ", names(&["docs"]), Some("h")),
            (
                "a.\"b.c\".docs(id,e,\"h\"\"1\")",
                names(&["a", "b.c", "docs"]),
                Some("h\"1"),
            ),
            ("größe(id, e)", names(&["größe"]), None),
        ] {
            let hash = hash.map(str::to_owned);
            assert_eq!(
                read(text),
                Ok((table, "id".into(), "e".into(), hash)),
                "{text}"
            );
        }
        for text in [
            "",
            "docs",
            "docs(id)",
            "docs(id, e, h, x)",
            "docs(id, e",
            "docs(id, e) x",
            "a.b.c.d(id, e)",
            "docs(id e)",
            "1docs(id, e)",
            "docs(\"\", e)",
            "docs(id, \"e)",
            "docs(id, e); DROP TABLE docs",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn texts_come_with_their_hashes_or_without() {
        let read = |text| Target::parse_with_text(text).map(|t| (t.vector, t.text));
        let hashed = |column: &str, hash: Option<&str>| Hashed {
            column: column.into(),
            hash: hash.map(str::to_owned),
        };
        for (text, vector, body) in [
            ("t(id, e, b)", hashed("e", None), hashed("b", None)),
            (
                "t(id, e, h, b, hb)",
                hashed("e", Some("h")),
                hashed("b", Some("hb")),
            ),
        ] {
            assert_eq!(read(text), Ok((vector, Some(body))), "{text}");
        }
        for text in ["t(id, e)", "t(id, e, h, b)", "t(id, e, h, b, hb, x)"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
