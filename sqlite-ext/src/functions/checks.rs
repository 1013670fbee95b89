//! Rules that are kept, their runs, and the rows that are taken out of their tables because they break one.

use std::collections::HashSet;
use std::sync::Arc;

use lumos_core::checks::{self, Broken, broken};
use lumos_core::functions::checks::{CHECK, CHECK_OF, CHECK_ROWS, DROP, QUARANTINE, RESTORE, RUN};
use lumos_core::memory::moment;
use lumos_core::options::Options;
use lumos_core::program::Database;
use lumos_core::sql::identifier;
use lumos_core::sql::lexer::Dialect;
use lumos_core::vector::table::VectorTable;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, ffi, params, params_from_iter};
use serde_json::{Map, Value as Json, json};

use super::{Bodies, Call};
use crate::error::{Error, Result, error};
use crate::host::check_not_within_itself;
use crate::host::statement::HostStatement;
use crate::program::{output, read};
use crate::query::arguments;
use crate::session::Session;
use crate::sync::schema::{atomically, exists};
use crate::table_function::{Rows, TableFunction};
use crate::values::utf8;

pub const BODIES: Bodies = &[
    (&CHECK, |call| {
        let (source, rule) = (call.required(0)?, call.required(1)?);
        let connection = call.session.connection()?;
        let (name, rule) = checks::named(source, rule, &Caller(&connection))?;
        atomically(&connection, || {
            connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS main._lumos_checks(name TEXT PRIMARY KEY, source TEXT NOT NULL, rule TEXT NOT NULL)",
            )?;
            let sql = "INSERT INTO main._lumos_checks(name, source, rule) VALUES (?1, ?2, ?3) \
                       ON CONFLICT(name) DO UPDATE SET source = excluded.source, rule = excluded.rule";
            connection.execute(sql, params![name, source, rule])?;
            Ok(())
        })?;
        Ok(Value::Text(name))
    }),
    (&DROP, |call| {
        let name = call.required(0)?;
        let connection = call.session.connection()?;
        kept(&connection, Some(name))?;
        connection.execute("DELETE FROM main._lumos_checks WHERE name = ?1", [name])?;
        Ok(Value::Text(name.to_owned()))
    }),
    (&QUARANTINE, |call| {
        let connection = call.session.connection()?;
        quarantine(call, &connection)
    }),
    (&RESTORE, |call| {
        let id = match arguments::whole(call.arguments.get_raw(0)) {
            ValueRef::Integer(id) => id,
            _ => {
                return Err(error(
                    "id is no whole number; _lumos_quarantine has the ids",
                ));
            }
        };
        let connection = call.session.connection()?;
        atomically(&connection, || restore(&connection, id))?;
        Ok(Value::Integer(id))
    }),
];

/// The database of the caller.
pub struct Caller<'a>(pub &'a Connection);

impl Database for Caller<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn vector_table(&self, name: &str) -> lumos_core::Result<VectorTable> {
        Err(lumos_core::Error::new(format!(
            "{name} is no table of vectors"
        )))
    }

    fn columns(&self, from: &str) -> lumos_core::Result<Vec<String>> {
        let sql = format!("SELECT * FROM {from}");
        // As in `program.rs`.
        let read = || {
            HostStatement::own(self.0, &sql)?;
            Ok(self.0.prepare(&sql)?)
        };
        let statement = read().map_err(|e: Error| lumos_core::Error::new(e.message))?;
        let names = statement.column_names();
        Ok(names.into_iter().map(str::to_owned).collect())
    }
}

/// A rule that is kept: its name, its source, and itself.
type Kept = (String, String, String);

/// The rules that are kept, by source, or the one with this name. Errors if there is none with this name.
fn kept(connection: &Connection, name: Option<&str>) -> Result<Vec<Kept>> {
    let mut all = Vec::new();
    if exists(connection, "_lumos_checks")? {
        let sql = "SELECT name, source, rule FROM main._lumos_checks WHERE ?1 IS NULL OR name = ?1 ORDER BY source, name";
        let mut statement = connection.prepare(sql)?;
        let rows =
            statement.query_map([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        all = rows.collect::<rusqlite::Result<Vec<Kept>>>()?;
    }
    match name {
        Some(name) if all.is_empty() => Err(error(format!(
            "there is no check \"{name}\"; lumos_checks() lists them"
        ))),
        _ => Ok(all),
    }
}

/// `lumos_checks`.
pub struct Checks;

impl TableFunction for Checks {
    type Aux = Session;

    fn rows(session: &Arc<Session>, _: &[Value]) -> Result<Rows> {
        let mut all = kept(&session.connection()?, None)?;
        all.sort();
        Ok(Box::new(all.into_iter().map(|(name, source, rule)| {
            Ok(vec![
                Value::Text(name),
                Value::Text(source),
                Value::Text(rule),
            ])
        })))
    }
}

/// `lumos_check_run`.
pub struct Run;

/// The rules of one source that are looked at together.
const TOGETHER: usize = 200;

impl TableFunction for Run {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        check_not_within_itself(RUN.name)?;
        let connection = session.connection()?;
        let (name, options) = (arguments::text(&given[0])?, arguments::text(&given[1])?);
        Options::parse(CHECK_OF.options, options)?;
        let all = kept(&connection, name)?;
        let mut rows = Vec::new();
        for same in all.chunk_by(|a, b| a.1 == b.1) {
            for some in same.chunks(TOGETHER) {
                rows.extend(run(&connection, some, options)?);
            }
        }
        Ok(Box::new(rows.into_iter().map(Ok)))
    }
}

/// Looks at rules of one source.
fn run(connection: &Connection, kept: &[Kept], options: Option<&str>) -> Result<Vec<Vec<Value>>> {
    let Some((_, source, _)) = kept.first() else {
        return Ok(Vec::new());
    };
    let rules: Vec<&str> = kept.iter().map(|(_, _, rule)| rule.as_str()).collect();
    let rules = format!("[{}]", rules.join(","));
    let looked_at = || {
        let program = checks::program_of_kept(source, &rules, options, &Caller(connection))?;
        let mut statement = HostStatement::own(connection, &program.read)?;
        read(&CHECK_ROWS, &mut statement, &program)
    };
    let state = looked_at().or_else(|e: Error| match e.code & 0xff {
        // The source is gone, may not be read, or not to its end.
        ffi::SQLITE_ERROR | ffi::SQLITE_AUTH => Ok(CHECK_ROWS
            .fold
            .start(&checks::unread(&rules, options, &e.message)?)?),
        _ => Err(e),
    })?;
    let mut rows = Vec::new();
    state.finish(&mut |row| {
        rows.push(row.into_iter().map(output).collect());
        Ok(())
    })?;
    Ok(rows)
}

/// Copies the rows that break a rule, and deletes them if they are to be moved. Returns how many were copied.
fn quarantine(call: &Call<'_>, connection: &Connection) -> Result<Value> {
    let name = call.required(0)?;
    let options = call.options(1)?;
    let most = options.integer("max_rows").unwrap_or(10_000);
    let moves = options.flag("move") == Some(true);
    let now = match moment::option(&options, "now")? {
        Some(now) => now,
        None => connection.query_row("SELECT unixepoch()", [], |row| row.get(0))?,
    };
    let now = moment::text(now)?;
    let (_, source, rule) = kept(connection, Some(name))?.remove(0);
    let source = found_first(connection, source)?;
    let Broken { table, condition } = broken(&source, &rule)?;
    if moves && is_virtual(connection, &source)? {
        return Err(error(format!(
            "{source} is a virtual table, out of which no row is moved; leave out \"move\""
        )));
    }
    let columns = columns(connection, &source)?;
    let names: Vec<String> = columns.iter().map(|c| identifier(c)).collect();
    let names = names.join(", ");
    let limit = most + 1;
    let sql =
        format!("SELECT {names} FROM {table} AS lumos_source WHERE {condition} LIMIT {limit}");
    // Before anything is written: an interrupt while rows are read leaves nothing to undo.
    let mut found = as_json(connection, &sql, &columns, most)?;
    atomically(connection, || {
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS main._lumos_quarantine(id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, \
             source TEXT NOT NULL, data TEXT NOT NULL, at TEXT NOT NULL, moved INTEGER NOT NULL)",
        )?;
        // A row that is moved may be like one that is there.
        let mut there = HashSet::new();
        if !moves {
            let sql = "SELECT data FROM main._lumos_quarantine WHERE rule = ?1 AND source = ?2";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map(params![name, source], |row| row.get::<_, String>(0))?;
            there = rows.collect::<rusqlite::Result<_>>()?;
        }
        let mut copied = 0;
        let mut insert = connection.prepare(
            "INSERT INTO main._lumos_quarantine(rule, source, data, at, moved) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for data in &found {
            if moves || there.insert(data.clone()) {
                copied += insert.execute(params![name, source, data, now, moves])?;
            }
        }
        if moves {
            found.sort();
            delete(connection, &source, &table, &condition, &columns, &found)?;
        }
        Ok(Value::Integer(copied as i64))
    })
}

/// Deletes the rows of a table that meet a condition. Errors if they are others than these, which are sorted, or if rows
/// of other tables may go with them.
fn delete(
    connection: &Connection,
    source: &str,
    table: &str,
    condition: &str,
    columns: &[String],
    found: &[String],
) -> Result<()> {
    let names: Vec<String> = columns.iter().map(|c| identifier(c)).collect();
    let names = names.join(", ");
    let sql = format!("DELETE FROM {table} AS lumos_source WHERE {condition} RETURNING {names}");
    let changes = || connection.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0));
    let before = changes()?;
    let mut deleted = as_json(connection, &sql, columns, i64::MAX)?;
    let changed = changes()? - before;
    if deleted.len() != found.len() {
        return Err(error(format!(
            "{} rows break the rule, and {} were deleted; nothing is moved",
            found.len(),
            deleted.len()
        )));
    }
    deleted.sort();
    if deleted != found {
        return Err(error(
            "other rows were deleted than those that broke the rule; nothing is moved",
        ));
    }
    // Rows of other tables are in no quarantine.
    if changed > deleted.len() as i64 && is_followed(connection, source)? {
        return Err(error(format!(
            "a foreign key to {source} with ON DELETE may change other rows, which would not come back; nothing is moved"
        )));
    }
    Ok(())
}

/// The rows that a statement gives, each as JSON. Errors if there are more than so many.
fn as_json(
    connection: &Connection,
    sql: &str,
    columns: &[String],
    most: i64,
) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    let mut statement = HostStatement::own(connection, sql)?;
    while statement.step()? {
        if rows.len() as i64 == most {
            return Err(error(format!(
                "more than {most} rows break the rule, and none is copied; give a larger max_rows"
            )));
        }
        let values = columns.iter().enumerate();
        let data = values.map(|(i, name)| Ok((name.clone(), written(statement.value(i))?)));
        rows.push(Json::Object(data.collect::<Result<Map<_, _>>>()?).to_string());
    }
    Ok(rows)
}

/// Whether a foreign key deletes or changes other rows where a row of this table is deleted.
fn is_followed(connection: &Connection, source: &str) -> Result<bool> {
    let (_, table) = place(source)?;
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_list AS t, pragma_foreign_key_list(t.name, t.schema) AS f, pragma_foreign_keys AS on_ \
               WHERE on_.foreign_keys AND t.type = 'table' AND lower(f.\"table\") = lower(?1) AND f.on_delete NOT IN ('NO ACTION', 'RESTRICT'))";
    Ok(connection.query_row(sql, [table], |row| row.get(0))?)
}

/// The schema of a table, if it is given, and its name. Errors if the source is no table.
fn place(source: &str) -> Result<(Option<String>, String)> {
    let name = lumos_core::sql::table_name::TableName::parse(source);
    let mut parts = name.map(|name| name.table).unwrap_or_default();
    match (parts.pop(), parts.pop(), parts.is_empty()) {
        (Some(table), schema, true) => Ok((schema, table)),
        _ => Err(error(format!(
            "{source} is a query; rows are taken out of a table only"
        ))),
    }
}

/// The source with its schema if SQLite finds it among the temporary tables, since one of the same name may come or go.
fn found_first(connection: &Connection, source: String) -> Result<String> {
    let (schema, table) = place(&source)?;
    let sql = "SELECT EXISTS (SELECT 1 FROM temp.sqlite_schema WHERE type IN ('table', 'view') AND lower(name) = lower(?1))";
    let is_temporary = schema.is_none() && connection.query_row(sql, [table], |row| row.get(0))?;
    Ok(if is_temporary {
        format!("temp.{source}")
    } else {
        source
    })
}

fn is_virtual(connection: &Connection, source: &str) -> Result<bool> {
    let (schema, table) = place(source)?;
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_list(?1) WHERE type = 'virtual' AND schema = coalesce(?2, schema))";
    Ok(connection.query_row(sql, params![table, schema], |row| row.get(0))?)
}

/// The columns of a table that hold values of their own.
fn columns(connection: &Connection, source: &str) -> Result<Vec<String>> {
    let (schema, table) = place(source)?;
    let sql = "SELECT name FROM pragma_table_xinfo(?1, ?2) WHERE hidden = 0 ORDER BY cid";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map(params![table, schema], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<Vec<String>>>()?)
}

/// Puts a row back.
fn restore(connection: &Connection, id: i64) -> Result<()> {
    let row = if exists(connection, "_lumos_quarantine")? {
        let sql = "SELECT source, data, moved FROM main._lumos_quarantine WHERE id = ?1";
        let row = connection.query_row(sql, [id], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, bool>(2)?,
            ))
        });
        row.optional()?
    } else {
        None
    };
    let Some((source, data, moved)) = row else {
        return Err(error(format!(
            "there is no row {id} in the quarantine; _lumos_quarantine has them"
        )));
    };
    if !moved {
        return Err(error(format!(
            "row {id} is a copy, and the row itself is still in {source}; delete it from _lumos_quarantine"
        )));
    }
    let damaged = || error(format!("row {id} of _lumos_quarantine is damaged"));
    let Ok(Json::Object(data)) = serde_json::from_str(&data) else {
        return Err(damaged());
    };
    // A table without a schema was none of the temporary ones.
    let table = match place(&source)? {
        (None, table) => format!("main.{}", identifier(&table)),
        (Some(_), _) => source.clone(),
    };
    let known = columns(connection, &table)?;
    if known.is_empty() {
        return Err(error(format!(
            "there is no table {source} any more; row {id} stays in the quarantine"
        )));
    }
    if let Some(gone) = data.keys().find(|name| !known.contains(name)) {
        return Err(error(format!(
            "{source} has no column \"{gone}\" any more; row {id} stays in the quarantine"
        )));
    }
    let names: Vec<String> = data.keys().map(|name| identifier(name)).collect();
    let values: Option<Vec<Value>> = data.values().map(restored).collect();
    let table = broken(&table, "{\"expression\": \"1\"}")?.table;
    // Where the table has ON CONFLICT REPLACE, the row would take the place of another.
    let sql = format!(
        "INSERT OR ABORT INTO {table}({}) VALUES ({})",
        names.join(", "),
        vec!["?"; names.len()].join(", ")
    );
    // A trigger, or the table's own ON CONFLICT, may leave it out.
    if connection.execute(&sql, params_from_iter(values.ok_or_else(damaged)?))? != 1 {
        return Err(error(format!(
            "{source} did not take the row; row {id} stays in the quarantine"
        )));
    }
    connection.execute("DELETE FROM main._lumos_quarantine WHERE id = ?1", [id])?;
    Ok(())
}

/// A value as JSON that [`restored`] reads as the same.
fn written(value: ValueRef<'_>) -> Result<Json> {
    Ok(match value {
        ValueRef::Null => Json::Null,
        ValueRef::Integer(v) => v.into(),
        ValueRef::Real(v) => {
            let json = json!(v);
            // Not every number comes back from its digits.
            let same = serde_json::from_str::<f64>(&json.to_string()).is_ok_and(|read| read == v);
            if same {
                json
            } else {
                json!({"real": format!("{v:?}")})
            }
        }
        ValueRef::Text(v) => utf8(v)?.into(),
        ValueRef::Blob(v) => {
            let bytes: String = v.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"blob": bytes})
        }
    })
}

/// The value that [`written`] wrote; `None` if it wrote no such.
fn restored(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Null,
        Json::String(v) => Value::Text(v.clone()),
        Json::Number(v) => match v.as_i64() {
            Some(v) => Value::Integer(v),
            None => Value::Real(v.as_f64()?),
        },
        Json::Object(v) => match (v.get("real"), v.get("blob")) {
            (Some(real), _) => Value::Real(real.as_str()?.parse().ok()?),
            (_, Some(blob)) => {
                let digits = blob.as_str()?.as_bytes().chunks(2);
                let byte =
                    |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                Value::Blob(digits.map(byte).collect::<Option<_>>()?)
            }
            _ => return None,
        },
        _ => return None,
    })
}
