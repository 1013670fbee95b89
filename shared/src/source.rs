//! The argument `source`: a table `sales`, a table with columns `sales(day, amount)`, or a query. The functions that look
//! at any rows of the caller's take it first, so that all of them are called in one way.
//!
//! # To add such a function
//!
//! 1. In its definition (`functions/`): [`SOURCE`] is the first parameter, the options the last,
//!    `kind: Kind::Table(FOLD.output)`, `body: Body::Rows(&Rows { program, fold, .. })`, as in [`crate::program`].
//! 2. Its `program` takes the arguments by [`text`], [`options`] and [`Options::parse`], the source by [`Source::parse`],
//!    and writes one SELECT over [`Source::from`]. Say there what columns the fold gets: a column by its name is
//!    [`column`], a number [`Source::number`], a key of one column or more [`Source::key`].
//! 3. Which columns there are, [`Source::columns`] knows if the caller says it, and always in SQLite. In DuckDB nothing is
//!    known while the text is written: write it by position or by `COLUMNS(*)`, as [`crate::series::source`] does.
//! 4. What is wrong with a call is an error before any row is read; what is wrong with some rows is a row of the answer
//!    that says so.

use crate::options::{Options, shown};
use crate::program::Database;
use crate::sql::lexer::{Dialect, Kind, tokens};
use crate::sql::table_name::TableName;
use crate::sql::{identifier, literal};
use crate::{Error, Param, Result, Type, ValueRef};

/// The parameter.
pub const SOURCE: Param = Param::new("source", Type::Text);

/// The name of the rows of a source in a SELECT.
pub const ALIAS: &str = "lumos_source";

/// The name of a row of DuckDB that is taken whole. A column of that name would be taken in its place, so it is none that
/// anyone has.
const ROW: &str = "\"a row of lumos_source\"";

/// What names the first value of each row of [`Source::select_with_first`], a JSON text.
pub const FIRST: &str = "\"the first of lumos_source\"";

/// A source in the engine's SQL.
#[derive(Debug)]
pub struct Source {
    dialect: Dialect,
    /// As the caller wrote it, for a sentence.
    shown: String,
    from: String,
    columns: Vec<String>,
}

impl Source {
    /// Reads the argument. Errors if it is neither a table nor a query, or a query that closes a parenthesis which it has
    /// not opened: what followed would be another part of the SELECT that it is put into.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Source> {
        let shown = shown(text);
        let (from, columns) = match TableName::parse(text) {
            _ if is_query(text, dialect) => (format!("({text}\n)"), Vec::new()),
            Some(name) => (name.sql(), name.columns),
            None => {
                return Err(Error::new(format!(
                    "{shown} is neither a table, like sales or sales(day, amount), nor a query"
                )));
            }
        };
        Ok(Source {
            dialect,
            shown,
            from,
            columns,
        })
    }

    /// What stands behind FROM: the table's name, or the query in parentheses.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// As the caller wrote it, cut short, for an error.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The names of its columns: those that the caller names, else those that SQLite says; `None` in DuckDB. Errors if
    /// there is no such table or the query is wrong.
    pub fn columns(&self, database: &dyn Database) -> Result<Option<Vec<String>>> {
        match (self.columns.is_empty(), self.dialect) {
            (false, _) => Ok(Some(self.columns.clone())),
            (true, Dialect::Sqlite) => database.columns(&self.from).map(Some),
            (true, Dialect::DuckDb) => Ok(None),
        }
    }

    /// The columns that the caller names.
    pub fn named(&self) -> &[String] {
        &self.columns
    }

    /// Whether the caller names its columns.
    pub fn is_named(&self) -> bool {
        !self.columns.is_empty()
    }

    /// The same with the name of its rows, [`ALIAS`].
    pub fn rows(&self) -> String {
        format!("{} AS {ALIAS}", self.from)
    }

    /// The SELECT of these columns of it, each an expression, with [`FIRST`] beside its own: in DuckDB, whatever these are
    /// called.
    pub fn select_with_first(&self, columns: &[&str]) -> String {
        format!(
            "SELECT {} FROM (SELECT *, CAST(to_json(struct_extract_at(row(*COLUMNS(*)), 1)) AS VARCHAR) AS {FIRST} FROM {}) AS {ALIAS}",
            columns.join(", "),
            self.rows()
        )
    }

    /// The SELECT of these columns of it, each an expression.
    pub fn select(&self, columns: &[&str]) -> String {
        format!("SELECT {} FROM {}", columns.join(", "), self.rows())
    }

    /// The SELECT of these columns of it as texts of JSON objects, in DuckDB.
    pub fn objects(&self, columns: &[&str]) -> String {
        let rows = self.select(columns);
        format!("SELECT CAST(to_json({ROW}) AS VARCHAR) FROM ({rows}) AS {ROW}")
    }

    /// An expression as a number. See [`number`].
    pub fn number(&self, value: &str, database: &dyn Database) -> String {
        number(value, database)
    }

    /// The key of these expressions: NULL without any, the text of one, a JSON array of the texts of several.
    pub fn key(&self, columns: &[String]) -> String {
        let ty = match self.dialect {
            Dialect::Sqlite => "TEXT",
            Dialect::DuckDb => "VARCHAR",
        };
        let texts: Vec<String> = columns
            .iter()
            .map(|c| format!("CAST({c} AS {ty})"))
            .collect();
        match (texts.as_slice(), self.dialect) {
            ([], _) => format!("CAST(NULL AS {ty})"),
            ([one], _) => one.clone(),
            (texts, Dialect::Sqlite) => format!("json_array({})", texts.join(", ")),
            (texts, Dialect::DuckDb) => format!("CAST(to_json([{}]) AS VARCHAR)", texts.join(", ")),
        }
    }
}

/// An expression as a number. A text is an error, though it may look like one, and so is any other type: in DuckDB here, in
/// SQLite when the fold takes it.
pub fn number(value: &str, database: &dyn Database) -> String {
    if database.dialect() == Dialect::Sqlite {
        return value.to_owned();
    }
    // DuckDB knows the type when it plans: of this one branch is left.
    let said = literal(&format!("{}: value is ", database.caller()));
    format!(
        "CASE WHEN {value} IS NULL THEN NULL WHEN typeof({value}) IN ('BOOLEAN', 'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT', 'UHUGEINT', 'FLOAT', 'DOUBLE') OR typeof({value}) LIKE 'DECIMAL(%' THEN TRY_CAST({value} AS DOUBLE) ELSE error({said} || CASE WHEN typeof({value}) IN ('VARCHAR', 'JSON') OR typeof({value}) LIKE 'ENUM(%' THEN 'a TEXT' WHEN typeof({value}) = 'BLOB' THEN 'a BLOB' ELSE 'of the type ' || typeof({value}) END || '; give a number') END"
    )
}

/// A column of a source in a SELECT. Behind the name of its rows: SQLite reads a lone name in double quotes that no column
/// has as a text.
pub fn column(name: &str) -> String {
    format!("{ALIAS}.{}", identifier(name))
}

/// Whether a text is a query: it begins as one, and no parenthesis ends that it has not begun.
fn is_query(source: &str, dialect: Dialect) -> bool {
    let tokens = tokens(source, dialect);
    let mut open = 0;
    for token in &tokens {
        match token.kind {
            Kind::Sign('(') => open += 1,
            Kind::Sign(')') => open -= 1,
            _ => {}
        }
        if open < 0 {
            return false;
        }
    }
    let first = tokens.iter().find(|t| t.kind != Kind::Sign('('));
    let begins = |word: &&str| first.is_some_and(|t| t.kind == Kind::Word && t.is(source, word));
    // FROM begins one in DuckDB only.
    let words: &[&str] = match dialect {
        Dialect::DuckDb => &["select", "with", "values", "from"],
        Dialect::Sqlite => &["select", "with", "values"],
    };
    words.iter().any(begins)
}

/// The text of an argument that must be given. Errors if it is NULL.
pub fn text<'a>(arguments: &[ValueRef<'a>], at: usize, name: &str, give: &str) -> Result<&'a str> {
    match arguments.get(at) {
        Some(ValueRef::Text(text)) => Ok(text),
        _ => Err(Error::new(format!("{name} is NULL; give {give}"))),
    }
}

/// The source of a call, its first argument. Errors if it is NULL.
pub fn source<'a>(arguments: &[ValueRef<'a>]) -> Result<&'a str> {
    let give = "a table like sales(day, amount), or a query";
    text(arguments, 0, SOURCE.name, give)
}

/// The options of a call, which stand at this place; `None` if there are none.
pub fn options<'a>(arguments: &[ValueRef<'a>], at: usize) -> Option<&'a str> {
    match arguments.get(at) {
        Some(ValueRef::Text(options)) => Some(options),
        _ => None,
    }
}

/// The names of columns that an option gives: one, or a list. `None` if it is not given. Errors if it is neither.
pub fn names(options: &Options, option: &str) -> Result<Option<Vec<String>>> {
    use serde_json::Value as Json;
    let names = match options.get(option) {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(name)) => Some(vec![name.clone()]),
        Some(Json::Array(names)) => {
            let names = names.iter().map(|name| name.as_str().map(str::to_owned));
            names.collect()
        }
        Some(_) => None,
    };
    let names =
        names.ok_or_else(|| options.wrong(option, "the name of a column, or a list of names"))?;
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sqlite;

    impl Database for Sqlite {
        fn dialect(&self) -> Dialect {
            Dialect::Sqlite
        }

        fn vector_table(&self, name: &str) -> Result<crate::vector::table::VectorTable> {
            Err(Error::new(name))
        }

        fn columns(&self, from: &str) -> Result<Vec<String>> {
            Ok(vec![format!("of {from}")])
        }
    }

    #[test]
    fn tables_and_queries_are_told_apart() {
        let sqlite = Dialect::Sqlite;
        for (text, dialect, from) in [
            ("sales", sqlite, "\"sales\""),
            ("main.sales(day, \"a b\")", sqlite, "\"main\".\"sales\""),
            ("  select 1, 2 -- x", sqlite, "(  select 1, 2 -- x\n)"),
            ("(values (1, 2))", sqlite, "((values (1, 2))\n)"),
            ("FROM sales", Dialect::DuckDb, "(FROM sales\n)"),
            ("selected", sqlite, "\"selected\""),
            ("\"select\"(a, b)", sqlite, "\"select\""),
        ] {
            assert_eq!(Source::parse(text, dialect).unwrap().from(), from);
        }
        for text in [
            "",
            "FROM sales",
            "a b",
            "sales(",
            "sales(day,)",
            "1",
            "a.b.c.d",
            "x\0",
            "SELECT 1, 2) UNION SELECT * FROM (SELECT 3, 4",
            "SELECT 1, 2); DELETE FROM sales; --",
        ] {
            let refused = Source::parse(text, sqlite).unwrap_err().to_string();
            assert!(refused.contains("is neither a table"), "{refused}");
        }
    }

    #[test]
    fn columns_are_those_of_the_caller_or_of_the_database() {
        let columns = |text, dialect| {
            let source = Source::parse(text, dialect).unwrap();
            source.columns(&Sqlite).unwrap()
        };
        let named = Some(vec!["day".to_owned(), "n".to_owned()]);
        assert_eq!(columns("t(day, n)", Dialect::DuckDb), named);
        assert_eq!(columns("t", Dialect::DuckDb), None);
        assert_eq!(
            columns("t", Dialect::Sqlite),
            Some(vec!["of \"t\"".to_owned()])
        );
    }
}
