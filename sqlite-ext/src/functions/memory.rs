//! An agent's memory: its tables, and what writes them.
//!
//! The rows that a call changes come from the core, as in DuckDB; here they are stored, all of them by one statement, so
//! that a call does all or nothing.

use std::sync::Arc;

use lumos_core::functions::memory::{
    ADD, ADD_ROWS, FEEDBACK, FORGET, INIT, PIN, RESTORE, REVIEW, SUPERSEDE, TOUCH, UPDATE, WRITES,
};
use lumos_core::functions::memory_many::ADD_MANY;
use lumos_core::functions::memory_upkeep::{CONSOLIDATE, DRY_RUN, FORGOTTEN_ROWS, TEXTS, TIERS};
use lumos_core::memory::many;
use lumos_core::memory::row::COLUMNS;
use lumos_core::memory::sources::gone;
use lumos_core::program::{Database, Rows};
use lumos_core::sql::lexer::Dialect;
use lumos_core::sql::{GRAPH_SQLITE, MEMORY_SQLITE, identifier};
use lumos_core::vector::table::VectorTable;
use lumos_core::{Type, ValueRef};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value as Json, json};

use super::{Bodies, Call};
use crate::error::{Error, Result, error};
use crate::host::statement::HostStatement;
use crate::mirror::names;
use crate::program::{Argument, output, parameter, read, with_way_out};
use crate::session::Session;
use crate::sync::schema::{atomically, tracked_tables};
use crate::table_function::{self, TableFunction};

/// The version of the tables' form.
const VERSION: i64 = 2;

/// The SQLite from which on FTS5 has the option `secure-delete`.
const SECURE_DELETE_SINCE: (i64, i64) = (3, 42);

pub const BODIES: Bodies = &[
    (&INIT, |call| {
        let connection = call.session.connection()?;
        atomically(&connection, || init(call, &connection))?;
        Ok(Value::Integer(VERSION))
    }),
    (&ADD, write),
    (&SUPERSEDE, write),
    (&UPDATE, write),
    (&PIN, write),
    (&FEEDBACK, write),
    (&REVIEW, write),
    (&TOUCH, write),
    (&FORGET, |call| match call.options(1)?.flag("hard") {
        Some(true) => delete(call),
        _ => write(call),
    }),
    (&RESTORE, write),
    (&CONSOLIDATE, consolidate),
    (&ADD_MANY, add_many),
];

/// Makes the tables, brings those of an earlier version to this one, and makes the index of embeddings if it is asked for.
fn init(call: &Call<'_>, connection: &Connection) -> Result<()> {
    migrate(connection)?;
    connection.execute_batch(&[MEMORY_SQLITE, GRAPH_SQLITE].concat())?;
    // What is deleted leaves the index at once, and not when its pages are merged some day.
    if crate::host::version(connection)? >= SECURE_DELETE_SINCE {
        connection.execute_batch("INSERT INTO main.lumos_memory_words(lumos_memory_words, rank) VALUES ('secure-delete', 1)")?;
    }
    let options = call.options(0)?;
    match (options.integer("dimensions"), options.text("index")) {
        (Some(dimensions), kind) => index(connection, dimensions, kind),
        (None, Some(kind)) => Err(lumos_core::Error::new(format!(
            "index is {kind}, of no embeddings; give their dimensions too, like {{\"dimensions\": 384, \"index\": \"{kind}\"}}"
        ))
        .into()),
        (None, None) => Ok(()),
    }
}

/// Adds the columns that a table of an earlier version lacks; all of them may be NULL.
fn migrate(connection: &Connection) -> Result<()> {
    let sql = "SELECT name FROM pragma_table_info('lumos_memory', 'main')";
    let names = connection
        .prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    let lacks = |name: &str| !names.is_empty() && names.iter().all(|known| known != name);
    for (name, ty) in COLUMNS.iter().filter(|(name, _)| lacks(name)) {
        connection.execute_batch(&format!(
            "ALTER TABLE main.lumos_memory ADD COLUMN {name} {}",
            ty.name()
        ))?;
    }
    Ok(())
}

/// Makes the index of embeddings, anew if it is of other dimensions or of another kind; for none of them takes it away.
/// Without a kind it stays as it is, and is `flat4` at first.
fn index(connection: &Connection, dimensions: i64, kind: Option<&str>) -> Result<()> {
    let sql = "SELECT sql FROM main.sqlite_schema WHERE name = 'lumos_memory_vectors'";
    let known: Option<String> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    let known = known.unwrap_or_default();
    let known_kind = if known.contains("kind=hnsw") {
        "hnsw"
    } else {
        "flat4"
    };
    let kind = kind.unwrap_or(known_kind);
    if known.contains(&format!("FLOAT[{dimensions}]")) && kind == known_kind {
        return Ok(());
    }
    connection.execute_batch(
        "DROP TRIGGER IF EXISTS main.lumos_memory_vector_added;
         DROP TRIGGER IF EXISTS main.lumos_memory_vector_removed;
         DROP TRIGGER IF EXISTS main.lumos_memory_vector_changed;
         DROP TABLE IF EXISTS main.lumos_memory_vectors;
         DROP VIEW IF EXISTS main.lumos_memory_embeddings;",
    )?;
    if dimensions == 0 {
        return Ok(());
    }
    let bytes = dimensions * 4;
    connection.execute_batch(&format!(
        "CREATE VIEW main.lumos_memory_embeddings AS SELECT id, embedding FROM lumos_memory WHERE length(embedding) = {bytes};
         CREATE VIRTUAL TABLE main.lumos_memory_vectors USING lumos_vec(id INTEGER PRIMARY KEY, embedding FLOAT[{dimensions}] metric=cosine kind={kind}, \
         content='lumos_memory_embeddings', content_rowid='id');
         CREATE TRIGGER main.lumos_memory_vector_added AFTER INSERT ON lumos_memory WHEN length(new.embedding) = {bytes} BEGIN
           INSERT INTO lumos_memory_vectors(rowid) VALUES (new.id);
         END;
         CREATE TRIGGER main.lumos_memory_vector_removed AFTER DELETE ON lumos_memory WHEN length(old.embedding) = {bytes} BEGIN
           INSERT INTO lumos_memory_vectors(lumos_memory_vectors, rowid) VALUES ('delete', old.id);
         END;
         CREATE TRIGGER main.lumos_memory_vector_changed AFTER UPDATE OF id, embedding ON lumos_memory
         WHEN old.id IS NOT new.id OR old.embedding IS NOT new.embedding BEGIN
           INSERT INTO lumos_memory_vectors(lumos_memory_vectors, rowid) SELECT 'delete', old.id WHERE length(old.embedding) = {bytes};
           INSERT INTO lumos_memory_vectors(rowid) SELECT new.id WHERE length(new.embedding) = {bytes};
         END;"
    ))?;
    Ok(())
}

/// The database of the caller, whose tables of vectors no memory needs.
struct Caller;

impl Database for Caller {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn vector_table(&self, name: &str) -> lumos_core::Result<VectorTable> {
        Err(lumos_core::Error::new(format!(
            "{name} is no table of vectors"
        )))
    }
}

/// Stores what the core makes of the call. Returns the id of the last row.
fn write(call: &Call<'_>) -> Result<Value> {
    let body = WRITES.iter().find(|(f, _)| f.name == call.function.name);
    let (_, body) = body.ok_or_else(|| super::no_body(call.function))?;
    let rows = rows(call, body)?;
    store(call, "lumos_memory", &COLUMNS, 1, &rows)?;
    Ok(id(&rows))
}

/// The first value of the last row.
pub(super) fn id(rows: &[Vec<lumos_core::Value>]) -> Value {
    let id = rows.last().and_then(|row| row.first());
    id.cloned().map_or(Value::Null, output)
}

/// The most rows that one statement stores: SQLite takes at most 32,766 parameters.
const MOST_ROWS: usize = 32_766 / COLUMNS.len();

/// Merges and sums up, then moves memories to their tiers. Returns how many were changed or added; of a dry run what
/// would be done, as a JSON array.
fn consolidate(call: &Call<'_>) -> Result<Value> {
    if call.options(0)?.flag("dry_run") == Some(true) {
        return report(call);
    }
    let connection = call.session.connection()?;
    atomically(&connection, || {
        let texts = rows(call, &TEXTS)?;
        for some in texts.chunks(MOST_ROWS) {
            store(call, "lumos_memory", &COLUMNS, 1, some)?;
        }
        let moved = to_tiers(call, &connection)?;
        Ok(Value::Integer((texts.len() + moved) as i64))
    })
}

/// The rows of a dry run.
fn report(call: &Call<'_>) -> Result<Value> {
    use lumos_core::Value::{Integer, Text};
    let json = |value: lumos_core::Value| match value {
        Integer(v) => Json::from(v),
        Text(v) => Json::from(v),
        _ => Json::Null,
    };
    let names = DRY_RUN.fold.output.iter().map(|(name, _)| *name);
    let object = |row: Vec<lumos_core::Value>| -> Json {
        let members = names.clone().zip(row);
        Json::Object(
            members
                .map(|(name, value)| (name.into(), json(value)))
                .collect(),
        )
    };
    let all: Json = rows(call, &DRY_RUN)?.into_iter().map(object).collect();
    Ok(Value::Text(all.to_string()))
}

/// Moves memories to their tiers, by one statement. Returns how many.
fn to_tiers(call: &Call<'_>, connection: &Connection) -> Result<usize> {
    use lumos_core::Value::{Integer, Text};
    let moves: Vec<Json> = rows(call, &TIERS)?
        .into_iter()
        .map(|row| match row.as_slice() {
            [Integer(id), _, _, _, Text(becomes), ..] => json!([id, becomes]),
            _ => Json::Null,
        })
        .collect();
    let sql = "UPDATE main.lumos_memory SET tier = becomes, archived_from = CASE WHEN becomes = 'archive' THEN tier END \
               FROM (SELECT value ->> 0 AS number, value ->> 1 AS becomes FROM json_each(?1)) WHERE id = number";
    Ok(connection.execute(sql, params![Json::from(moves).to_string()])?)
}

/// Adds the texts of a query, as many calls would. Returns how many.
fn add_many(call: &Call<'_>) -> Result<Value> {
    let query = many::query(call.text(0)?, Dialect::Sqlite)?;
    let connection = call.session.connection()?;
    let mut said = connection.prepare(&format!(
        "WITH lumos_said(content, options) AS ({query}\n) SELECT content, options FROM lumos_said"
    ))?;
    if !said.readonly() {
        return Err(error("the query writes; give one that only reads"));
    }
    let texts = said.query_map([], |row| Ok([row.get(0)?, row.get(1)?]))?;
    let texts: Vec<[Value; 2]> = texts.collect::<rusqlite::Result<_>>()?;
    atomically(&connection, || {
        for (number, text) in texts.iter().enumerate() {
            let given = ADD.params.iter().zip(text);
            let given = given.map(|(param, value)| Argument::read(param, value));
            let added = given.collect::<Result<Vec<_>>>().and_then(|given| {
                let given: Vec<_> = given.iter().map(Argument::value).collect();
                store(
                    call,
                    "lumos_memory",
                    &COLUMNS,
                    1,
                    &made(call, &given, &ADD_ROWS)?,
                )
            });
            added.map_err(|reason| Error {
                message: format!("row {} of the query: {}", number + 1, reason.message),
                ..reason
            })?;
        }
        Ok(Value::Integer(texts.len() as i64))
    })
}

/// The rows that the core makes of the call.
pub(super) fn rows(call: &Call<'_>, body: &Rows) -> Result<Vec<Vec<lumos_core::Value>>> {
    let params = call.function.params.iter().enumerate();
    let given = params.take(call.arguments.len());
    let given = given.map(|(i, param)| Argument::read(param, call.arguments.get_raw(i)));
    let given = given.collect::<Result<Vec<_>>>()?;
    let given: Vec<_> = given.iter().map(Argument::value).collect();
    made(call, &given, body)
}

/// The rows that the core makes of these arguments.
fn made(
    call: &Call<'_>,
    given: &[ValueRef<'_>],
    body: &Rows,
) -> Result<Vec<Vec<lumos_core::Value>>> {
    let program = (body.program)(given, &Caller)?;
    let state = call.statement(&program.read, |statement| read(body, statement, &program))?;
    let mut rows = Vec::new();
    state.finish(&mut |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

/// Writes the rows, those with a known key in place of the row that has it. The key is the first so many columns.
pub(super) fn store(
    call: &Call<'_>,
    table: &str,
    columns: &[(&str, Type)],
    key: usize,
    rows: &[Vec<lumos_core::Value>],
) -> Result<()> {
    let names: Vec<String> = columns.iter().map(|(name, _)| identifier(name)).collect();
    let row = format!("({})", vec!["?"; names.len()].join(", "));
    let changed: Vec<String> = names[key..]
        .iter()
        .map(|n| format!("{n} = excluded.{n}"))
        .collect();
    let sql = format!(
        "INSERT INTO main.{table}({}) VALUES {} ON CONFLICT({}) DO UPDATE SET {}",
        names.join(", "),
        vec![row; rows.len()].join(", "),
        names[..key].join(", "),
        changed.join(", ")
    );
    call.statement(&sql, |statement| {
        for (i, value) in rows.iter().flatten().enumerate() {
            statement.bind(i + 1, parameter(value))?;
        }
        while statement.step()? {}
        Ok(())
    })
}

/// What goes with a memory that is deleted: facts that were told by it, the summaries of its session and those of topics
/// that cite it, and what the archive has that says the same.
const DELETES: [&str; 5] = [
    "DELETE FROM main.lumos_fact WHERE memory = ?1",
    "DELETE FROM main.lumos_memory WHERE id IN (SELECT s.id FROM main.lumos_memory AS m JOIN main.lumos_memory AS s \
     ON s.scope = m.scope AND s.session = m.session WHERE m.id = ?1 AND s.id <> ?1 AND s.turn IS NULL AND s.kind = 'summary' AND s.pinned = 0)",
    "DELETE FROM main.lumos_memory WHERE id IN (SELECT s.id FROM main.lumos_memory AS m JOIN main.lumos_memory AS s \
     ON s.scope = m.scope AND s.kind = 'summary' AND substr(s.uri, 1, 6) = 'topic:' WHERE m.id = ?1 AND s.id <> ?1 AND s.pinned = 0 \
     AND EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(s.sources) THEN s.sources ELSE '[]' END) AS c WHERE json_extract(CASE c.type WHEN 'object' THEN c.value END, '$.memory') = ?1))",
    "DELETE FROM main.lumos_memory WHERE id IN (SELECT s.id FROM main.lumos_memory AS m JOIN main.lumos_memory AS s \
     ON s.scope = m.scope AND s.hash = m.hash WHERE m.id = ?1 AND s.id <> ?1 AND s.tier = 'archive' AND s.pinned = 0)",
    "DELETE FROM main.lumos_memory WHERE id = ?1",
];

/// Deletes the row.
fn delete(call: &Call<'_>) -> Result<Value> {
    let id = match Argument::read(&call.function.params[0], call.arguments.get_raw(0))?.value() {
        ValueRef::Integer(id) => id,
        _ => return Err(error("id is NULL; give the id of a memory")),
    };
    let connection = call.session.connection()?;
    atomically(&connection, || {
        let mut deleted = 0;
        for sql in DELETES {
            deleted = connection.execute(sql, params![id])?;
        }
        match deleted {
            0 => Err(gone(id).into()),
            _ => Ok(Value::Integer(id)),
        }
    })
}

/// `lumos_memory_verify_forgotten`.
pub struct Forgotten;

impl TableFunction for Forgotten {
    type Aux = Session;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<table_function::Rows> {
        let connection = session.connection()?;
        let id = Argument::read(&FORGET.params[0], &given[0])?;
        let program = (FORGOTTEN_ROWS.program)(&[id.value()], &Caller)?;
        let statement = HostStatement::own(&connection, &program.read);
        let mut statement = statement.map_err(|e| with_way_out(&FORGET, e))?;
        let state = read(&FORGOTTEN_ROWS, &mut statement, &program)?;
        let mut all = Vec::new();
        state.finish(&mut |row| {
            all.push(row.into_iter().map(output).collect::<Vec<Value>>());
            Ok(())
        })?;
        let tracked = tracked_tables(&connection)?;
        if let (true, ValueRef::Integer(id)) = (
            tracked.iter().any(|table| table.name == "lumos_memory"),
            id.value(),
        ) {
            let sql = format!(
                "SELECT 'mirror', n, CASE WHEN n > 0 THEN 'SELECT lumos_sync()' END FROM (SELECT count(*) AS n FROM {} WHERE id = {id})",
                names::target("lumos_memory")
            );
            for row in table_function::rows_of_mirror(session, &sql)? {
                all.push(row?);
            }
        }
        Ok(Box::new(all.into_iter().map(Ok)))
    }
}
