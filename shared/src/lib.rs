//! All meaning of Lumos, without an engine: what the SQL functions are and compute, which SQL the
//! changelog consists of, which type a column gets in the mirror.
//!
//! Where to look:
//! - [`functions`]: the list of all SQL functions, one file each; start here
//! - [`function`], [`value`], [`error`]: what a function, a value and a failure are
//! - [`changelog`]: the tables and triggers that log touched keys inside SQLite
//! - [`mirror`]: the type that a SQLite column gets in the columnar mirror
//! - [`files`]: rows of files, and which type a SQLite column gets for them
//! - [`fingerprint`]: comparing the two sides of a table by hashes
//! - [`text`]: text into terms, the one tokenizer
//! - [`embed`]: text into vectors
//! - [`vector`]: vectors as SQL values, distances between them, and the index that finds the nearest
//! - [`search`]: the SQL that searches in DuckDB are, their options, and what they keep in memory
//! - [`options`]: the options of calls, defined as data
//! - [`sql`]: quoting, and the one lexer of SQL
//! - [`route`]: which engine runs a SELECT that both have
//! - [`exact_sum`]: sums of doubles that do not depend on the order of the additions
//! - [`reference`]: renders `sql/reference.md` from the list
//!
//! What this crate does not do: it opens no file, reads no clock, draws no random number, starts no
//! thread and knows neither SQLite's nor DuckDB's API. `duckdb-ext` and `sqlite-ext` bring engines.
#![forbid(unsafe_code)]

pub mod changelog;
pub mod embed;
pub mod error;
pub mod exact_sum;
pub mod files;
pub mod fingerprint;
pub mod function;
pub mod functions;
pub mod mirror;
pub mod options;
pub mod reference;
pub mod route;
pub mod search;
pub mod sql;
pub mod text;
pub mod value;
pub mod vector;

pub use error::{Error, Result};
pub use function::{Body, Engines, Example, Function, Kind, Nulls, Param, Section};
pub use value::{Type, Value, ValueRef};
