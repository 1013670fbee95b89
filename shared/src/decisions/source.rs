//! What a decision reads: a table, a table with the columns that name a row, or a query.

use serde_json::Value as Json;

use crate::options::{Options, shortened};
use crate::program::Database;
use crate::sql::identifier;
use crate::sql::lexer::{Dialect, Kind, tokens};
use crate::sql::table_name::TableName;
use crate::{Error, Result};

/// Rows, and what names one of them.
pub struct Source {
    /// What stands behind FROM, called [`ROWS`].
    pub from: String,
    /// The text that names a row, as SQL.
    pub name: String,
}

/// The name of the rows in the SELECT.
pub const ROWS: &str = "lumos_source";
/// The name of a first column that the writer does not know.
const FIRST: &str = "lumos_option";

impl Source {
    /// Reads one: `option` of the options, the columns of the source or its first one name a row.
    ///
    /// Errors if the text is neither a table nor a query, or has no column.
    pub fn read(source: &str, options: &Options, database: &dyn Database) -> Result<Source> {
        let dialect = database.dialect();
        let (from, mut columns) = match (is_query(source, dialect), TableName::parse(source)) {
            (true, _) => (format!("({source}\n)"), Vec::new()),
            (false, Some(table)) => (table.sql(), table.columns),
            (false, None) => {
                return Err(Error::new(format!(
                    "source {} is neither a table, like laptops or laptops(model), nor a query",
                    shortened(source)
                )));
            }
        };
        if let Some(given) = options.get("option").filter(|given| !given.is_null()) {
            let names = match given {
                Json::Array(names) => names.iter().map(Json::as_str).collect(),
                name => name.as_str().map(|name| vec![name]),
            };
            let names: Option<Vec<&str>> = names;
            columns = match names {
                Some(names) if !names.is_empty() => names.into_iter().map(str::to_owned).collect(),
                _ => {
                    return Err(options.wrong("option", "the name of a column, or a list of names"));
                }
            };
        }
        if columns.is_empty() && dialect == Dialect::DuckDb {
            return Ok(Source {
                from: format!("(SELECT * FROM {from} AS lumos_rows({FIRST}))"),
                name: key(&[FIRST.to_owned()], dialect),
            });
        }
        if columns.is_empty() {
            columns = database.columns(&from)?;
            columns.truncate(1);
        }
        if columns.is_empty() {
            let source = shortened(source);
            return Err(Error::new(format!("source {source} has no columns")));
        }
        Ok(Source {
            from,
            name: key(&columns, dialect),
        })
    }
}

/// A column of the rows.
pub fn column(name: &str) -> String {
    format!("{ROWS}.{}", identifier(name))
}

/// Whether a text is a query: it begins as one.
fn is_query(source: &str, dialect: Dialect) -> bool {
    let tokens = tokens(source, dialect);
    let first = tokens.iter().find(|t| t.kind != Kind::Sign('('));
    // FROM begins one in DuckDB only.
    let words: &[&str] = match dialect {
        Dialect::DuckDb => &["select", "with", "values", "from"],
        Dialect::Sqlite => &["select", "with", "values"],
    };
    first.is_some_and(|first| words.iter().any(|word| first.is(source, word)))
}

/// The text of a column, or a JSON array of the texts of several.
fn key(columns: &[String], dialect: Dialect) -> String {
    let ty = match dialect {
        Dialect::Sqlite => "TEXT",
        Dialect::DuckDb => "VARCHAR",
    };
    let texts = columns
        .iter()
        .map(|c| format!("CAST({} AS {ty})", column(c)));
    let texts: Vec<String> = texts.collect();
    match (texts.as_slice(), dialect) {
        ([one], _) => one.clone(),
        (texts, Dialect::Sqlite) => format!("json_array({})", texts.join(", ")),
        (texts, Dialect::DuckDb) => format!("CAST(to_json([{}]) AS VARCHAR)", texts.join(", ")),
    }
}
