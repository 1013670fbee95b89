//! The gate: what SQL from anywhere may do, whoever wrote it: a person, the parser of questions, a model.
//!
//! The engine itself reads the text, in an empty copy of the schema on a connection of its own, where there is no row, no
//! file and no network, and where nothing runs. What it says of the text is judged here: one statement that only reads,
//! tables and functions from a list. SQLite tells by its authorizer while it prepares the statement
//! (`sqlite-ext/src/gate.rs`); DuckDB by its tree of the statement, which [`tree`] reads, and then by binding it
//! (`duckdb-ext/src/scratch.rs`). No text is searched for words: [`text`] bounds what an engine is given to read, no more.

pub mod catalog;
pub mod duckdb;
pub mod fix;
pub mod folds;
mod functions;
pub mod policy;
pub mod text;
mod tree;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::json;

use crate::sql::lexer::Dialect;
use crate::{Error, Result, Value};
use policy::Policy;

pub use functions::{allows_function, allows_table_function};

/// What an engine says that a statement reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Tables and views of the database, as they are called there, with the columns that are read of each; a name in
    /// a list of its own if the engine tells columns.
    pub columns: BTreeSet<(String, String)>,
    /// Tables and views.
    pub tables: BTreeSet<String>,
    /// Functions in lower case, without operators.
    pub functions: BTreeSet<String>,
}

/// What the gate says of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The text that may run: one SELECT without comments. It is what the engine has read. `Err` is why it may not.
    pub sql: std::result::Result<String, String>,
    /// What it reads, as far as that is known.
    pub reads: Reads,
}

impl Verdict {
    /// One that does not let it pass.
    pub fn refused(reason: impl Into<String>) -> Verdict {
        Verdict {
            sql: Err(reason.into()),
            reads: Reads::default(),
        }
    }

    /// The row of `lumos_validate_sql`: ok, reason, normalized_sql, tables, functions.
    pub fn row(&self) -> Vec<Value> {
        let list = |names: &BTreeSet<String>| Value::Text(json!(names).to_string());
        let (ok, reason, sql) = match &self.sql {
            Ok(sql) => (1, Value::Null, Value::Text(sql.clone())),
            Err(reason) => (0, Value::Text(reason.clone()), Value::Null),
        };
        vec![
            Value::Integer(ok),
            reason,
            sql,
            list(&self.reads.tables),
            list(&self.reads.functions),
        ]
    }
}

/// What the gate says of a statement that an engine has read. The text is the one that the engine was given.
pub fn judge(sql: &str, reads: Reads, policy: &Policy, dialect: Dialect) -> Verdict {
    let refused = policy.refusal(&reads, dialect);
    Verdict {
        sql: refused.map_or_else(|| Ok(sql.to_owned()), Err),
        reads,
    }
}

/// The columns of `lumos_validate_sql`.
pub const COLUMNS: &[(&str, crate::Type)] = &[
    ("ok", crate::Type::Integer),
    ("reason", crate::Type::Text),
    ("normalized_sql", crate::Type::Text),
    ("tables", crate::Type::Json),
    ("functions", crate::Type::Json),
];

/// A DuckDB of our own, in memory, without rows, files and network: it reads texts and runs nothing of them.
pub trait Scratch {
    /// DuckDB's tree of the statements of a text, as `json_serialize_sql` gives it.
    fn tree(&self, sql: &str) -> Result<String>;

    /// Binds the one statement of a text after these definitions. Errors with DuckDB's words.
    fn bind(&self, definitions: &[String], sql: &str) -> Result<()>;
}

type Open = fn() -> Result<Box<dyn Scratch>>;

static OPEN: OnceLock<Open> = OnceLock::new();

/// Says how a DuckDB of our own is opened. The adapter does, when it registers its functions.
pub fn provide(open: Open) {
    // The first of a process stays: there is one DuckDB for each copy of this library.
    let _ = OPEN.set(open);
}

/// Opens a DuckDB of our own. Errors if DuckDB cannot.
pub fn scratch() -> Result<Box<dyn Scratch>> {
    let open = OPEN
        .get()
        .ok_or_else(|| Error::new("internal error: there is no DuckDB to read it"))?;
    open()
}
