//! What a SQL function is: its name, arguments, result, words and body, in one constant.

use crate::options::OptionDef;
use crate::program::{Fold, Kept, Rows, Stopped};
use crate::{Example, Param, Result, Type, Value, ValueRef};

/// One SQL function. Each stands in a file of its own below [`crate::functions`].
#[derive(Debug)]
pub struct Function {
    /// `lumos_` and lower-case letters, digits, underscores.
    pub name: &'static str,
    /// The chapter of the reference.
    pub section: Section,
    /// Where it exists.
    pub engines: Engines,
    /// Scalar, aggregate, table function or module.
    pub kind: Kind,
    /// The arguments in order; optional ones last.
    pub params: &'static [Param],
    /// The fields of the argument `options`.
    pub options: &'static [OptionDef],
    /// What a NULL argument does.
    pub nulls: Nulls,
    /// Same arguments, same answer, nothing else read: may be constant-folded, and used in indexes unless a call
    /// [names a model](Function::names_model).
    pub deterministic: bool,
    /// One or more full sentences.
    pub doc: &'static str,
    /// What runs before the examples, in a copy of Chinook with nothing tracked.
    pub setup: &'static [&'static str],
    /// Statements with the answer that a shell prints; run by the tests in every engine.
    pub examples: &'static [Example],
    /// What it computes.
    pub body: Body,
}

/// The chapters of the reference, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Version, attach, detach.
    Admin,
    /// SQL in DuckDB over the mirror.
    Query,
    /// Tracking, applying, checking.
    Sync,
    /// The order of the mirrored rows, and which of them are in files.
    Layout,
    /// Vectors and distances.
    Vectors,
    /// An agent's memory.
    Memory,
    /// Series of values in time.
    Series,
    /// Pictures of rows.
    Charts,
    /// Whether rows are as they should be, and alerts.
    Checks,
    /// Questions in words, and SQL from anywhere.
    Language,
    /// Choosing, and what may come of it.
    Decisions,
}

impl Section {
    /// All sections in order.
    pub const ALL: [Section; 11] = [
        Section::Admin,
        Section::Query,
        Section::Sync,
        Section::Layout,
        Section::Vectors,
        Section::Memory,
        Section::Series,
        Section::Charts,
        Section::Checks,
        Section::Language,
        Section::Decisions,
    ];

    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Section::Admin => "Admin",
            Section::Query => "Query",
            Section::Sync => "Sync",
            Section::Layout => "Layout",
            Section::Vectors => "Vectors",
            Section::Memory => "Memory",
            Section::Series => "Series",
            Section::Charts => "Charts",
            Section::Checks => "Checks and alerts",
            Section::Language => "Language",
            Section::Decisions => "Decisions",
        }
    }
}

/// The engines that have a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engines {
    /// SQLite, DuckDB, and the DuckDB inside `lumos_query`.
    Both,
    /// SQLite only: it needs the mirror.
    Sqlite,
    /// DuckDB only: where SQLite has a function of this name, it is another.
    DuckDb,
}

/// The form of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One value a call.
    Scalar(Type),
    /// One value a group: JSON in SQLite, a list in DuckDB.
    Aggregate,
    /// Rows with these columns, in FROM.
    Table(&'static [(&'static str, Type)]),
    /// A module for CREATE VIRTUAL TABLE.
    Module,
}

/// What a NULL argument does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// Any NULL in, NULL out, without a call; both adapters see to it.
    Propagate,
    /// The body sees NULLs.
    Accept,
}

/// Where the body of a function is.
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Here: arguments in, value out.
    Pure(fn(&[ValueRef<'_>]) -> Result<Value>),
    /// The same of what may take long, which asks whether it is to end. DuckDB's functions cannot be told.
    Long(fn(&[ValueRef<'_>], Stopped<'_>) -> Result<Value>),
    /// Here, of the rows of a group: a fold of the arguments of each, NULL where one is left out, into one row of one
    /// column. It begins by an empty text.
    Group(&'static Fold),
    /// Rows of the caller's tables, in the caller's transaction: see [`crate::program`].
    Rows(&'static Rows),
    /// Rows that DuckDB gives by SQL alone. In SQLite, if it is there, they are made in the adapter.
    Sql(&'static Sql),
    /// In the adapter, since it needs the engine.
    Host,
}

/// A function that is the text of a query in DuckDB, for `FROM query(f(...))`.
#[derive(Debug)]
pub struct Sql {
    /// Writes the text, by what the database keeps.
    pub text: fn(&[ValueRef<'_>], &Kept) -> Result<String>,
    /// The fold that the text calls, if it calls one.
    pub fold: Option<&'static Fold>,
    /// The examples in DuckDB, where SQLite has others.
    pub in_duckdb: &'static [Example],
}

impl Function {
    /// Fewest arguments of a call.
    pub fn min_args(&self) -> usize {
        self.params.iter().filter(|p| !p.optional).count()
    }

    /// True if a call with so many arguments names a model: its answer depends on what the program has added, and it
    /// may go to a server.
    pub fn names_model(&self, arguments: usize) -> bool {
        let mut given = self.params.iter().take(arguments);
        given.any(|p| p.name == "model")
    }

    /// The query that a call with these arguments is in a database of DuckDB; `None` for a function that gives a value.
    /// Errors if the arguments are none that the function takes.
    pub fn sql(&self, arguments: &[ValueRef<'_>], kept: &Kept) -> Option<Result<String>> {
        match self.body {
            Body::Rows(rows) => Some(rows.sql(self.name, arguments)),
            Body::Sql(sql) => Some((sql.text)(arguments, kept)),
            Body::Pure(_) | Body::Long(_) | Body::Group(_) | Body::Host => None,
        }
    }

    /// The fold that a call in DuckDB runs, if it runs one.
    pub fn fold(&self) -> Option<&'static Fold> {
        match self.body {
            Body::Rows(rows) => Some(rows.fold),
            Body::Sql(sql) => sql.fold,
            Body::Pure(_) | Body::Long(_) | Body::Group(_) | Body::Host => None,
        }
    }

    /// True if a call in DuckDB is the text of a query.
    pub fn is_query(&self) -> bool {
        matches!(self.body, Body::Rows(_) | Body::Sql(_))
    }

    /// The call as the reference shows it: `lumos_l2(a, b)`, optional arguments in brackets.
    pub fn signature(&self) -> String {
        let mut text = format!("{}(", self.name);
        for (i, p) in self.params.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            if p.optional {
                text.push_str(&format!("[{comma}{}]", p.name))
            } else {
                text.push_str(&format!("{comma}{}", p.name))
            }
        }
        text.push(')');
        text
    }
}
