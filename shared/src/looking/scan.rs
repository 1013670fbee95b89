//! A look at all columns of a source together: its rows are read as they are or as JSON, and told of as a table.

use serde_json::{Value as Json, json};

use super::cells;
use super::table::{MOST_ROWS, Rows, Table};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, FoldState, Program, Stopped};
use crate::series::source::Emit;
use crate::source::{self, Source};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// What its fold takes, in SQLite the columns themselves: it is [`crate::program::Fold::wide`].
pub const INPUT: &[Param] = &[Param::new("row", Type::Text)];

/// The columns that are looked at.
pub const COLUMNS: OptionDef = OptionDef {
    name: "columns",
    ty: OptionType::Json("the name of a column, or a list of names"),
    default: "all of them",
    doc: "the columns to look at",
};

/// How many rows are kept in memory, for those whose [`Look::most_rows`] is [`most_rows`] of their options.
pub const MAX_ROWS: OptionDef = OptionDef {
    name: "max_rows",
    ty: OptionType::Integer(1, 100_000_000),
    default: "1000000",
    doc: "more rows are an error, since all are kept in memory: 8 bytes for a number, 12 for a text, and as much again while they are sorted",
};

/// The rows that [`MAX_ROWS`] allows.
pub fn most_rows(options: &Options) -> usize {
    let most = options.integer(MAX_ROWS.name);
    most.and_then(|n| usize::try_from(n).ok())
        .unwrap_or(MOST_ROWS)
}

/// What is said of a table.
pub trait Look: Clone + Send + 'static {
    /// Begins by [`Program::spec`].
    fn start(spec: &str) -> Result<Self>;

    /// How many rows are kept; more are an error.
    fn most_rows(&self) -> usize {
        MOST_ROWS
    }

    /// Gives the rows of the answer. Errors if it is stopped.
    fn tell(&self, table: &Table, stopped: Stopped<'_>, emit: Emit<'_>) -> Result<()>;
}

/// The rows so far.
#[derive(Clone)]
pub struct Scan<L> {
    look: L,
    /// The names of the columns where a row is their values.
    columns: Option<Vec<String>>,
    rows: Rows,
}

/// What a fold of a [`Scan`] runs over a source, all its columns or these, where the look begins by `spec`. Errors as
/// [`cells::select`].
pub fn program(
    source: &Source,
    only: Option<Vec<String>>,
    spec: &str,
    database: &dyn Database,
) -> Result<Program> {
    let (read, columns) = cells::select(source, only, database)?;
    Ok(Program {
        read,
        parameters: Vec::new(),
        spec: match columns {
            Some(columns) => json!({"columns": columns, "look": spec}).to_string(),
            None => spec.to_owned(),
        },
    })
}

/// The names of the columns, if a row is their values, and what the look begins by, as [`program`] wrote it.
pub fn parted(spec: &str) -> (Option<Vec<String>>, Option<String>) {
    let read: Json = serde_json::from_str(spec).unwrap_or_default();
    let look = read["look"].as_str().map(str::to_owned);
    let names = |names: &Vec<Json>| {
        let names = names.iter().map(|name| name.as_str().map(str::to_owned));
        names.collect()
    };
    match (look, read["columns"].as_array().and_then(names)) {
        (Some(look), Some(columns)) => (Some(columns), Some(look)),
        _ => (None, None),
    }
}

impl<L: Look> FoldState for Scan<L> {
    fn start(spec: &str) -> Result<Self> {
        let (columns, look) = parted(spec);
        let look = L::start(look.as_deref().unwrap_or(spec))?;
        Ok(Scan {
            rows: Rows::up_to(look.most_rows()),
            look,
            columns,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        match (&self.columns, row) {
            (Some(names), row) if names.len() == row.len() => self.rows.values(names, row),
            (None, [ValueRef::Text(text)]) => self.rows.row(text),
            _ => Err(Error::new(
                "a row is no text; only Lumos's own SQL calls it",
            )),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.rows.merge(&other.rows);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        self.finish_until(&|| false, emit)
    }

    fn finish_until(
        &self,
        stopped: Stopped<'_>,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        self.look.tell(&self.rows.table(stopped)?, stopped, emit)
    }
}

/// What looks at one column by the others, with the options as given. Errors if the source is none, or the option
/// [`COLUMNS`] is.
pub fn aimed(
    source: &str,
    target: &str,
    (given, options): (&Options, Option<&str>),
    database: &dyn Database,
) -> Result<Program> {
    let source = Source::parse(source, database.dialect())?;
    let only = source::names(given, COLUMNS.name)?.map(|mut names| {
        names.retain(|name| !name.eq_ignore_ascii_case(target));
        names.push(target.to_owned());
        names
    });
    let spec = json!({"target": target, "options": options.unwrap_or("{}")});
    program(&source, only, &spec.to_string(), database)
}

/// The target and the options that [`aimed`] wrote. Errors if something else did.
pub fn aim(spec: &str, known: &[OptionDef]) -> Result<(String, Options)> {
    let wrong = || Error::new("only Lumos's own SQL calls it");
    let spec: Json = serde_json::from_str(spec).map_err(|_| wrong())?;
    let options = Options::parse(known, spec["options"].as_str())?;
    let target = spec["target"].as_str().ok_or_else(wrong)?;
    Ok((target.to_owned(), options))
}

/// For the tests of those that look.
#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::program::Fold;
    use crate::program::rows_of;

    /// What a fold says of rows that two threads have read. Errors if it does.
    pub fn run(fold: &Fold, spec: &str, rows: &[String]) -> Result<Vec<Vec<Value>>> {
        let mut states = [fold.start(spec)?, fold.start(spec)?];
        for (i, row) in rows.iter().enumerate() {
            states[i % 2].row(&[ValueRef::Text(row)])?;
        }
        let [mut one, other] = states;
        one.merge(&*other)?;
        rows_of(|emit| one.finish(emit))
    }

    /// Columns of every kind, of which some go together.
    pub fn rows() -> Vec<String> {
        let row = |i: i64| {
            let kind = ["a", "b", "c"][(i % 3) as usize];
            format!(
                r#"{{"x":{i},"y":{},"noise":{},"kind":"{kind}","by_kind":{},"day":"2026-{:02}-{:02}","flat":1,"list":[1]}}"#,
                2 * i + i % 2,
                i * 7919 % 101,
                i % 3 * 10 + i * 31 % 7,
                i % 12 + 1,
                i % 28 + 1,
            )
        };
        (0..200).map(row).collect()
    }
}
