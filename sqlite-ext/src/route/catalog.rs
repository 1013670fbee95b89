//! Reads what a routed statement may rely on: the mirrored tables with the types and rows that they have in both
//! engines, and what may stand in the way of a name.

use std::ffi::{CStr, CString};
use std::ptr;

use lumos_core::changelog::Key;
use lumos_core::mirror::MirrorType;
use lumos_core::route::sqlite_plan::Node;
use lumos_core::route::{Affinity, Catalog, Column, PATTERN, Table};
use lumos_core::sql::literal;
use lumos_duckdb::engine::{Connection as DuckDb, Value};
use rusqlite::{Connection, OptionalExtension, ffi};

use crate::error::{Result, error};
use crate::mirror::names;
use crate::mirror::records::mirrored_tables;
use crate::sync::{failures, schema};

/// The mirrored tables as they are now.
pub fn read(connection: &Connection, duckdb: &DuckDb) -> Result<Catalog> {
    let tracked = schema::tracked_tables(connection)?;
    let sizes = duckdb.rows(&format!(
            "SELECT table_name, estimated_size + CAST(coalesce((SELECT sum(rows) FROM _lumos.files f JOIN _lumos.tables t USING (id) \
             WHERE f.state = 'live' AND t.name = table_name), 0) AS BIGINT) \
             FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = {}",
            literal(names::DATA)
        ),
    )?;
    let encoding: String = connection.query_row("PRAGMA main.encoding", [], |row| row.get(0))?;
    let failed = failures::read(duckdb)?.into_iter().filter_map(|failure| {
        let table = tracked.iter().find(|t| t.id == failure.id)?;
        Some((table.name.clone(), failure.message))
    });
    let mut catalog = Catalog {
        utf16: encoding != "UTF-8",
        views: schema::views(connection)?,
        failed: failed.collect(),
        ..Catalog::default()
    };
    for mirrored in mirrored_tables(duckdb)? {
        let Some(table) = tracked.iter().find(|t| t.id == mirrored.id) else {
            continue;
        };
        let definition = schema::read_table(connection, &table.name)?;
        // A table tracked by its rowid has that first, hidden.
        let hidden = usize::from(matches!(table.key, Key::Rowid(_)));
        let types = mirrored.types.get(hidden..).unwrap_or_default();
        let copied = table.options.mirrored(&definition, &table.key).columns;
        if types.len() != copied.len() || table.target() != mirrored.name {
            continue;
        }
        let rows = sizes.iter().find_map(|row| match row.as_slice() {
            [Value::Text(name), Value::Integer(rows)] if *name == mirrored.name => Some(*rows),
            _ => None,
        });
        let mut columns = Vec::new();
        for column in &definition.columns {
            let place = copied.iter().position(|c| c.name == column.name);
            let ty = place.and_then(|i| types.get(i)).copied();
            columns.push(Column {
                name: column.name.clone(),
                ty: ty.unwrap_or(MirrorType::Blob),
                affinity: Affinity::declared(&column.declared),
                binary: is_binary(connection, &table.name, &column.name)?,
                unlike: table
                    .options
                    .unlike(&column.name, &column.declared, &table.key),
            });
        }
        catalog.tables.push(Table {
            source: if mirrored.is_tiered {
                names::view(&mirrored.name)
            } else {
                names::target(&mirrored.name)
            },
            name: table.name.clone(),
            columns,
            rows: rows.unwrap_or(0).unsigned_abs(),
        });
    }
    Ok(catalog)
}

/// True if the column's collation is BINARY.
fn is_binary(connection: &Connection, table: &str, column: &str) -> Result<bool> {
    let text = |s: &str| CString::new(s).map_err(|_| error("a name has a NUL character"));
    let (table, column) = (text(table)?, text(column)?);
    let mut collation = ptr::null();
    // SAFETY: the connection is open, the names end with NUL, and the other places may be null. The collation's name
    // lives until the schema changes, and is read at once.
    unsafe {
        let code = ffi::sqlite3_table_column_metadata(
            connection.handle(),
            c"main".as_ptr(),
            table.as_ptr(),
            column.as_ptr(),
            ptr::null_mut(),
            &mut collation,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
        );
        Ok(code == ffi::SQLITE_OK
            && !collation.is_null()
            && CStr::from_ptr(collation)
                .to_bytes()
                .eq_ignore_ascii_case(b"BINARY"))
    }
}

/// SQLite's plan for a statement.
pub fn plan(connection: &Connection, sql: &str) -> Result<Vec<Node>> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
    // The plan does not need the parameters, which `query_map` would ask for.
    let mut rows = statement.raw_query();
    let mut nodes = Vec::new();
    while let Some(row) = rows.next()? {
        nodes.push(Node {
            id: row.get(0)?,
            parent: row.get(1)?,
            detail: row.get(3)?,
        });
    }
    Ok(nodes)
}

/// The rows that an index of `main` gives for one value of each of its first `columns` columns, if that is analysis:
/// from ANALYZE, or one for a unique index.
pub fn rows_per_value(connection: &Connection, index: &str, columns: usize) -> Option<f64> {
    const UNIQUE: &str = "SELECT (SELECT count(*) FROM pragma_index_info(l.name)) FROM main.sqlite_schema s, \
        pragma_index_list(s.tbl_name) l WHERE s.type = 'index' AND s.name = ?1 AND l.name = ?1 AND l.\"unique\"";
    let unique: Option<i64> = connection
        .query_row(UNIQUE, [index], |row| row.get(0))
        .optional()
        .ok()?;
    if unique.is_some_and(|n| n as usize <= columns) {
        return Some(1.0);
    }
    // Without ANALYZE there is no such table.
    let stat: String = connection
        .query_row(
            "SELECT stat FROM main.sqlite_stat1 WHERE idx = ?1",
            [index],
            |row| row.get(0),
        )
        .ok()?;
    stat.split(' ').nth(columns)?.parse().ok()
}

/// Why the statement may mean something else in SQLite, if it may: a temporary table in front of a mirrored one, a
/// function of the application in the place of SQLite's own, texts that compare in another way.
pub fn in_the_way(
    connection: &Connection,
    tables: &[(String, String)],
    functions: &[String],
) -> Result<Option<String>> {
    let mut temporary = connection
        .prepare("SELECT name FROM temp.sqlite_schema WHERE type IN ('table', 'view')")?;
    let mut names = temporary.query([])?;
    while let Some(row) = names.next()? {
        let name: String = row.get(0)?;
        if tables.iter().any(|(_, t)| t.eq_ignore_ascii_case(&name)) {
            return Ok(Some(format!(
                "a temporary table stands in front of \"{name}\""
            )));
        }
    }
    // An application may give `BINARY` a collation of its own.
    const BYTES: &str = "WITH t(b, a, e, s, n) AS (SELECT 'B' COLLATE BINARY, 'a' COLLATE BINARY, '\u{e9}' COLLATE BINARY, \
        'a ' COLLATE BINARY, '9' COLLATE BINARY) \
        SELECT b < a AND a < e AND a < s AND '10' < n AND a <> 'A' AND a <> s AND e <> 'E' FROM t";
    if !connection.query_row(BYTES, [], |row| row.get(0))? {
        return Ok(Some(
            "texts are compared by a collation of the application".into(),
        ));
    }
    if functions.is_empty() {
        return Ok(None);
    }
    // SAFETY: the connection is open; -1 only reads the limit.
    let pattern = unsafe {
        ffi::sqlite3_limit(
            connection.handle(),
            ffi::SQLITE_LIMIT_LIKE_PATTERN_LENGTH,
            -1,
        )
    };
    if functions.iter().any(|f| f == "like") && (pattern as usize) < PATTERN {
        return Ok(Some("the length of patterns has a limit".into()));
    }
    // Compared here, since `lower` may be the application's too.
    let mut own = connection.prepare("SELECT name FROM pragma_function_list WHERE NOT builtin")?;
    let mut names = own.query([])?;
    while let Some(row) = names.next()? {
        let name: String = row.get(0)?;
        if functions.iter().any(|f| f.eq_ignore_ascii_case(&name)) {
            return Ok(Some(format!("{name}() is a function of the application")));
        }
    }
    Ok(None)
}
