//! What a decision reads: the rows of a source, and the text that names one of them.

use crate::options::Options;
use crate::program::Database;
use crate::source::{self, ALIAS, column};
use crate::sql::identifier;
use crate::{Error, Result};

/// Rows, and what names one of them.
pub struct Source {
    /// What stands behind FROM, called [`ALIAS`].
    pub from: String,
    /// The text that names a row, as SQL.
    pub name: String,
}

/// The name of a first column that the writer does not know.
const FIRST: &str = "lumos_option";

impl Source {
    /// Reads one: `option` of the options, the columns of the source or its first one name a row.
    ///
    /// Errors if the text is neither a table nor a query, or has no column.
    pub fn read(text: &str, options: &Options, database: &dyn Database) -> Result<Source> {
        let source = source::Source::parse(text, database.dialect())?;
        let given = source::names(options, "option")?;
        let columns = match given {
            Some(names) if names.is_empty() => {
                return Err(options.wrong("option", "the name of a column, or a list of names"));
            }
            Some(names) => Some(names),
            None if source.is_named() => source.columns(database)?,
            None => source.columns(database)?.map(|mut all| {
                all.truncate(1);
                all
            }),
        };
        let Some(columns) = columns else {
            return Ok(Source {
                from: format!("(SELECT * FROM {} AS lumos_rows({FIRST}))", source.from()),
                name: source.key(&[format!("{ALIAS}.{}", identifier(FIRST))]),
            });
        };
        if columns.is_empty() {
            return Err(Error::new(format!("{} has no columns", source.shown())));
        }
        let columns: Vec<String> = columns.iter().map(|name| column(name)).collect();
        Ok(Source {
            from: source.from().to_owned(),
            name: source.key(&columns),
        })
    }
}
