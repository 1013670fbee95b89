//! `lumos_optimize`: the mirrored rows in a chosen order.

use std::time::Instant;

use lumos_core::options::Options;
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{Connection as DuckDb, Value};
use rusqlite::Connection;
use serde_json::{Value as Json, json};

use crate::access::Question;
use crate::error::{Result, error};
use crate::faults::fault;
use crate::locks::Deadline;
use crate::mirror::names::{self, CATALOG};
use crate::mirror::records::mirrored_names;
use crate::mirror::{Mirror, interruptible};
use crate::progress::Progress;
use crate::sync::schema::Tracked;
use crate::sync::tracked;

/// What the options say of the order.
enum Order {
    /// That of the last time.
    Same,
    Key,
    Column(String),
}

/// `lumos_optimize`, after what is pending was applied.
pub fn optimize(
    host: &Connection,
    mirror: &Mirror,
    pattern: Option<&str>,
    options: &Options,
) -> Result<Json> {
    let progress = Progress::of("lumos_optimize", options)?;
    let order = order(options)?;
    let clock = Instant::now();
    let tables = tracked::matching_tracked(host, pattern.unwrap_or("*"))?;
    let _entered = mirror.enter_alone(host, Deadline::start())?;
    let duckdb = mirror.connection()?;
    let mirrored = mirrored_names(&duckdb)?;
    // All are looked at before the first is sorted.
    let mut sorts = Vec::new();
    for table in tables
        .iter()
        .filter(|t| mirrored.iter().any(|m| m == t.target()))
    {
        sorts.push((table.target(), sort(host, &duckdb, table, &order)?));
    }
    interruptible::checkpoint(&duckdb);
    let before = bytes(&duckdb)?;
    let mut rows = 0;
    for (name, sort) in &sorts {
        rows += interruptible::run(host, &duckdb, &progress, || {
            let rows = interruptible::transaction(&duckdb, || {
                let rows = duckdb.execute(sort)?;
                fault!("rows sorted");
                Ok(rows)
            })?;
            interruptible::checkpoint(&duckdb);
            Ok(rows)
        })?;
        // A query without ORDER BY shows the new order.
        mirror.cache.update(&mirrored, &[name.to_string()]);
    }
    let after = bytes(&duckdb)?;
    mirror.give_back(duckdb);
    Ok(json!({
        "tables": sorts.len(),
        "rows": rows,
        "bytes_before": before,
        "bytes_after": after,
        "ms": clock.elapsed().as_millis() as u64,
    }))
}

/// The statements that sort a table and keep the order in mind; the last one says how many rows there are.
fn sort(host: &Connection, duckdb: &DuckDb, table: &Tracked, order: &Order) -> Result<String> {
    let id = table.id;
    let columns = names::columns(duckdb, table.target())?;
    let found = |name: &str| columns.iter().find(|c| c.eq_ignore_ascii_case(name));
    let column = match order {
        Order::Key => None,
        Order::Column(name) => match found(name) {
            None => {
                return Err(error(format!(
                    "table \"{}\" has no column \"{name}\"; order_by takes a column of the table",
                    table.name
                )));
            }
            column => column,
        },
        // A column that is gone since is forgotten.
        Order::Same => match last_order(duckdb, id)? {
            Some(name) => found(&name),
            None => None,
        },
    };
    if let Some(column) = column {
        // The order of the rows shows what is in it.
        Question::new(&table.name, std::slice::from_ref(column)).ask_of_mirror(host)?;
    }
    let mut terms: Vec<String> = column.iter().map(|c| identifier(c)).collect();
    terms.extend(table.key.mirror_columns().iter().map(|c| identifier(c)));
    let remember = match column {
        Some(column) => format!(
            "INSERT INTO _lumos.orders VALUES({id}, {});",
            literal(column)
        ),
        None => String::new(),
    };
    let target = names::target(table.target());
    Ok(format!(
        "DELETE FROM _lumos.orders WHERE id = {id}; {remember} \
         CREATE OR REPLACE TABLE {target} AS FROM {target} ORDER BY {}",
        terms.join(", ")
    ))
}

/// The column that a table was last sorted by.
pub fn last_order(duckdb: &DuckDb, id: i64) -> Result<Option<String>> {
    let found = duckdb.rows(&format!(
        "SELECT order_by FROM _lumos.orders WHERE id = {id}"
    ))?;
    match found.into_iter().flatten().next() {
        Some(Value::Text(column)) => Ok(Some(column)),
        _ => Ok(None),
    }
}

/// The bytes that the mirror uses in its file.
fn bytes(duckdb: &DuckDb) -> Result<i64> {
    let size = duckdb.rows(&format!(
        "SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = {}",
        literal(CATALOG)
    ))?;
    match size.first().map(Vec::as_slice) {
        Some([Value::Integer(bytes)]) => Ok(*bytes),
        _ => Ok(0),
    }
}

/// The option `order_by`.
fn order(options: &Options) -> Result<Order> {
    match options.get("order_by") {
        None => Ok(Order::Same),
        Some(Json::String(column)) => Ok(Order::Column(column.clone())),
        Some(Json::Null) => Ok(Order::Key),
        Some(_) => Err(options
            .wrong("order_by", "the name of a column, or null for the key")
            .into()),
    }
}
