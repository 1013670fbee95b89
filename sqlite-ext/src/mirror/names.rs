//! What the databases, schemas and tables of the mirror are called inside DuckDB.

use lumos_core::mirror::MirrorType;
use lumos_core::sql::identifier;
use lumos_duckdb::engine::Connection as DuckDb;

use crate::error::Result;

/// The name of the attached mirror inside DuckDB.
pub const CATALOG: &str = "mirror";

/// The name of the database with what users make.
pub const OWN: &str = "own";

/// The schema of the mirrored rows. What a query names is a view of them in `main`: it shows the source's
/// columns only, cannot be written to, and can show more than one table one day.
pub const DATA: &str = "_lumos_data";

/// The catalog and schema of temporary tables.
pub const TEMPORARY: (&str, &str) = ("temp", "main");

/// What the names of temporary tables begin with that have the rows of a table or view which is not tracked.
pub const ROWS_OF: &str = "rows of ";

/// The full name of a table's mirrored rows, quoted.
pub fn target(name: &str) -> String {
    format!("{CATALOG}.{DATA}.{}", identifier(name))
}

/// What queries name: the view of a table's rows, wherever they are.
pub fn view(name: &str) -> String {
    format!("{CATALOG}.main.{}", identifier(name))
}

/// The columns of a table's mirrored rows, the hidden rowid too.
pub fn columns(duckdb: &DuckDb, name: &str) -> Result<Vec<String>> {
    Ok(duckdb
        .prepare(&format!("FROM {}", target(name)))?
        .columns()
        .into_iter()
        .map(|(name, _)| name)
        .collect())
}

/// The columns of a table of keys, `k0`, `k1` and so on: `key` says which of these types they have.
pub fn key_columns(key: &[usize], types: &[MirrorType]) -> String {
    let columns = key.iter().enumerate();
    let columns: Vec<String> = columns
        .map(|(i, c)| format!("k{i} {}", types[*c].sql()))
        .collect();
    columns.join(", ")
}

/// The statements that remove a mirrored table.
pub fn drop_statements(name: &str) -> String {
    format!(
        "{}; DROP TABLE IF EXISTS {};",
        drop_view(name),
        target(name)
    )
}

/// The statement that removes the view of a mirrored table.
pub fn drop_view(name: &str) -> String {
    format!("DROP VIEW IF EXISTS {CATALOG}.main.{}", identifier(name))
}
