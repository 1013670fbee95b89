//! Applying the changelog: one read snapshot of SQLite becomes one transaction of DuckDB, which also stores the
//! position, so that every change is applied exactly once whatever dies when.

use lumos_core::mirror::MirrorType;
use lumos_core::sql::literal;
use lumos_duckdb::engine::{Cell, Connection as DuckDb};
use rusqlite::{Connection, TransactionState, ffi};
use serde_json::json;

use crate::copy::{self, Mirrored};
use crate::error::{Error, Result, error};
use crate::mirror::{Applied, Mirror};
use crate::schema::{self, Tracked};
use crate::track;

/// Applied log rows are deleted once there are this many: a delete costs the reader a write to SQLite.
const PRUNE_AFTER: i64 = 10_000;

/// What one call applied.
#[derive(Debug, Default)]
pub struct Report {
    /// Tables that changed.
    pub tables: usize,
    /// Keys that were touched.
    pub keys: u64,
    /// Rows written to the mirror.
    pub rows: u64,
    /// The position that the mirror equals.
    pub seq: i64,
    /// Tables came, went or were copied anew, so that columns may have other types.
    pub reshaped: bool,
}

/// Where the changelog of the source stands.
#[derive(Debug, PartialEq, Eq)]
struct Position {
    source: String,
    seq: i64,
    mark: String,
    schema_version: i64,
}

impl Position {
    /// Reads it; `None` if nothing was ever tracked.
    fn read(connection: &Connection) -> Result<Option<Position>> {
        const SQL: &str = "SELECT source, (SELECT max(seq) FROM main._lumos_log), schema_version FROM main._lumos_meta, pragma_schema_version";
        let mut statement = match connection.prepare(SQL) {
            Ok(statement) => statement,
            Err(_) if !schema::has_changelog(connection)? => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let (source, seq, schema_version) = statement.query_row([], |row| {
            Ok((
                row.get(0)?,
                row.get::<_, Option<i64>>(1)?.unwrap_or(0),
                row.get(2)?,
            ))
        })?;
        Ok(Some(Position {
            source,
            seq,
            mark: mark(connection, seq)?,
            schema_version,
        }))
    }
}

/// The log row at `seq`, as text: it tells a continued log from one restored from a backup.
fn mark(connection: &Connection, seq: i64) -> Result<String> {
    const SQL: &str =
        "SELECT format('%d %d %Q %Q', tbl, op, k1, k2) FROM main._lumos_log WHERE seq = ?1";
    match connection.query_row(SQL, [seq], |row| row.get(0)) {
        Ok(mark) => Ok(mark),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(String::new()),
        Err(e) => Err(e.into()),
    }
}

/// Applies all committed changes. `other_sessions` says that other connections of this process have the mirror
/// attached, and may have applied more than this connection's snapshot shows.
pub fn sync(connection: &Connection, mirror: &Mirror, other_sessions: bool) -> Result<Report> {
    let Some(mut entered) = mirror.enter() else {
        return Ok(Report::default());
    };
    let applied = &mut entered.applied;
    let Some(position) = Position::read(connection)? else {
        return Ok(Report::default());
    };
    if applied.as_ref().is_some_and(|a| up_to_date(a, &position)) {
        return Ok(Report {
            seq: position.seq,
            ..Report::default()
        });
    }
    if connection.transaction_state(Some("main"))? == TransactionState::Write {
        // A statement that stores a query's result has begun to write too; without changes there is nothing to do.
        if applied.as_ref().is_some_and(|a| same_data(a, &position)) {
            return Ok(Report {
                seq: position.seq,
                ..Report::default()
            });
        }
        return Err(error(
            "this transaction has written, and the mirror holds committed changes only; COMMIT or ROLLBACK first",
        ));
    }
    let in_transaction = !connection.is_autocommit();
    let duckdb = mirror.connection()?;
    // A statement under way holds the snapshot. A savepoint would too, but SQLite has none while a statement
    // writes, as in CREATE TEMP TABLE ... AS SELECT ... FROM lumos_query(...).
    let mut holder = connection.prepare("SELECT 1 FROM main.sqlite_schema")?;
    let mut snapshot = holder.query([])?;
    snapshot.next()?;
    let Some(position) = Position::read(connection)? else {
        return Ok(Report::default());
    };
    duckdb.execute("BEGIN")?;
    let run = Run {
        connection,
        duckdb: &duckdb,
        position,
        in_transaction,
        other_sessions,
    };
    let done = run
        .apply(applied.as_ref())
        .and_then(|done| Ok(duckdb.execute("COMMIT").map(|_| done)?));
    if done.is_err() {
        // The error of the work matters more than one of the rollback.
        drop(duckdb.execute("ROLLBACK"));
    }
    let (report, now) = done?;
    if report.reshaped {
        mirror.reshaped();
    }
    drop(snapshot);
    drop(holder);
    mirror.give_back(duckdb);
    if now.is_some() {
        **applied = now;
    }
    if !in_transaction {
        prune(connection, report.seq)?;
    }
    Ok(report)
}

fn up_to_date(applied: &Applied, position: &Position) -> bool {
    same_data(applied, position) && applied.schema_version == Some(position.schema_version)
}

fn same_data(applied: &Applied, position: &Position) -> bool {
    applied.source == position.source
        && applied.seq == position.seq
        && applied.mark == position.mark
}

/// Deletes log rows before the applied position, whose own row stays. A busy or read-only database keeps them.
fn prune(connection: &Connection, seq: i64) -> Result<()> {
    let first: Option<i64> =
        connection.query_row("SELECT min(seq) FROM main._lumos_log", [], |row| row.get(0))?;
    if first.is_some_and(|first| seq - first >= PRUNE_AFTER) {
        match connection.execute("DELETE FROM main._lumos_log WHERE seq < ?1", [seq]) {
            Err(rusqlite::Error::SqliteFailure(e, _))
                if matches!(
                    e.extended_code & 0xff,
                    ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_READONLY
                ) => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// One run, inside a snapshot of SQLite and a transaction of DuckDB.
struct Run<'a> {
    connection: &'a Connection,
    duckdb: &'a DuckDb,
    position: Position,
    in_transaction: bool,
    other_sessions: bool,
}

impl Run<'_> {
    fn apply(&self, applied: Option<&Applied>) -> Result<(Report, Option<Applied>)> {
        let stored = match applied {
            Some(applied) => Some(applied.clone()),
            None => stored_state(self.duckdb)?,
        };
        let mirrored = mirrored_tables(self.duckdb)?;
        let position = &self.position;
        let from = match &stored {
            Some(a) if a.source != position.source && !mirrored.is_empty() => {
                return Err(error(
                    "the mirror belongs to another database; attach another path, or lumos_resync('*') to replace its tables",
                ));
            }
            Some(a) if a.source == position.source => {
                if position.seq < a.seq && self.other_sessions {
                    // Another connection applied more than this one's snapshot shows.
                    return Ok((
                        Report {
                            seq: a.seq,
                            ..Report::default()
                        },
                        None,
                    ));
                }
                if position.seq < a.seq || mark(self.connection, a.seq)? != a.mark {
                    return Err(error(
                        "the database went back behind its mirror, as after restoring a backup; lumos_resync('*') copies its tables again",
                    ));
                }
                a.seq
            }
            _ => 0,
        };
        let mut report = Report {
            seq: position.seq,
            ..Report::default()
        };
        let tracked = schema::tracked_tables(self.connection)?;
        for gone in mirrored
            .iter()
            .filter(|m| !tracked.iter().any(|t| t.id == m.id))
        {
            self.forget(gone)?;
            report.tables += 1;
            report.reshaped = true;
        }
        for table in &tracked {
            let mirror = mirrored.iter().find(|m| m.id == table.id);
            self.table(table, mirror, from, &mut report)?;
        }
        let unchanged = stored.as_ref().is_some_and(|a| {
            a.source == position.source
                && a.seq == position.seq
                && a.mark == position.mark
                && report.tables == 0
        });
        if !unchanged {
            self.duckdb.execute(&format!(
                "DELETE FROM _lumos.state; INSERT INTO _lumos.state VALUES({}, {}, {})",
                literal(&position.source),
                position.seq,
                literal(&position.mark)
            ))?;
        }
        // Repairs of triggers change the schema version; the next call compares once more.
        let schema_version = (schema::schema_version(self.connection)? == position.schema_version)
            .then_some(position.schema_version);
        let now = Applied {
            source: position.source.clone(),
            seq: position.seq,
            mark: position.mark.clone(),
            schema_version,
        };
        Ok((report, Some(now)))
    }

    /// Brings one table up to date, by its log or by a new copy.
    fn table(
        &self,
        table: &Tracked,
        mirror: Option<&MirroredTable>,
        from: i64,
        report: &mut Report,
    ) -> Result<()> {
        let Some(schema) = schema::create_statement(self.connection, &table.name)? else {
            // Dropped: then the mirror has none either.
            if let Some(gone) = mirror {
                self.forget(gone)?;
                report.tables += 1;
                report.reshaped = true;
            }
            return Ok(());
        };
        let definition = schema::read_table(self.connection, &table.name)?;
        let expected = definition.triggers(table.id, &table.key)?.len();
        if schema != table.schema || schema::triggers(self.connection, table.id)?.len() != expected
        {
            if self.in_transaction {
                return Err(error(format!(
                    "the definition of table \"{}\" has changed; COMMIT or ROLLBACK, so that lumos_sync can renew its triggers",
                    table.name
                )));
            }
            let renewed = schema::atomically(self.connection, || {
                track::renew(self.connection, table.id, &definition, &table.key, &schema)
            })?;
            return self.copy(&renewed, mirror, &schema, report);
        }
        // VACUUM may give rows other rowids, and changes the schema version.
        let stale = |m: &MirroredTable| {
            m.name != table.name
                || m.schema != schema
                || (matches!(table.key, lumos_core::changelog::Key::Rowid(_))
                    && m.schema_version != self.position.schema_version)
        };
        match mirror {
            Some(m) if !stale(m) => {
                let mirrored = Mirrored::new(&definition, &table.key, Some(m.types.clone()));
                let changed =
                    definition.changed_rows(table.id, &table.key, mirrored.source_columns());
                if self.position.seq > from && self.touched(table.id, from)? {
                    let seq = self.position.seq;
                    let Some((keys, rows)) =
                        mirrored.apply(&changed, from, seq, self.connection, self.duckdb)?
                    else {
                        return self.copy(table, mirror, &schema, report);
                    };
                    report.tables += 1;
                    report.keys += keys;
                    report.rows += rows;
                }
                Ok(())
            }
            _ => self.copy(table, mirror, &schema, report),
        }
    }

    /// True if the log after `from` names the table.
    fn touched(&self, id: i64, from: i64) -> Result<bool> {
        let sql = "SELECT EXISTS(SELECT 1 FROM main._lumos_log WHERE seq > ?1 AND seq <= ?2 AND tbl = ?3)";
        Ok(self
            .connection
            .query_row(sql, [from, self.position.seq, id], |row| row.get(0))?)
    }

    fn copy(
        &self,
        table: &Tracked,
        old: Option<&MirroredTable>,
        schema: &str,
        report: &mut Report,
    ) -> Result<()> {
        if let Some(old) = old {
            self.forget(old)?;
        }
        let definition = schema::read_table(self.connection, &table.name)?;
        let mut mirrored = Mirrored::new(&definition, &table.key, None);
        let rows = mirrored.copy(self.connection, self.duckdb);
        report.rows += rows.map_err(|e| Error {
            table: Some(table.id),
            ..e
        })?;
        report.tables += 1;
        report.reshaped = true;
        let types: Vec<String> = mirrored.types.iter().map(|t| t.sql()).collect();
        self.duckdb.execute(&format!(
            "INSERT INTO _lumos.tables VALUES({}, {}, {}, {}, {})",
            table.id,
            literal(&table.name),
            literal(schema),
            literal(&json!(types).to_string()),
            self.position.schema_version
        ))?;
        Ok(())
    }

    fn forget(&self, table: &MirroredTable) -> Result<()> {
        self.duckdb.execute(&format!(
            "{} DELETE FROM _lumos.tables WHERE id = {}",
            copy::drop_statements(&table.name),
            table.id
        ))?;
        Ok(())
    }
}

/// A table of the mirror, as `_lumos.tables` has it.
pub struct MirroredTable {
    /// Its id in the changelog.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The source's CREATE statement when it was copied.
    pub schema: String,
    /// The types of its columns; that of the rowid first for a table tracked by it.
    pub types: Vec<MirrorType>,
    schema_version: i64,
}

/// The tables that the mirror has.
pub fn mirrored_tables(duckdb: &DuckDb) -> Result<Vec<MirroredTable>> {
    let mut tables = Vec::new();
    for row in rows(
        duckdb,
        "SELECT id, name, schema, types, schema_version FROM _lumos.tables ORDER BY id",
    )? {
        let [
            Value::Integer(id),
            Value::Text(name),
            Value::Text(schema),
            Value::Text(types),
            Value::Integer(version),
        ] = row.as_slice()
        else {
            return Err(damaged());
        };
        let names: Vec<String> = serde_json::from_str(types).map_err(|_| damaged())?;
        tables.push(MirroredTable {
            id: *id,
            name: name.clone(),
            schema: schema.clone(),
            types: names
                .iter()
                .map(|n| MirrorType::from_sql(n))
                .collect::<Option<_>>()
                .ok_or_else(damaged)?,
            schema_version: *version,
        });
    }
    Ok(tables)
}

/// What the mirror's file says that it equals.
pub fn stored_state(duckdb: &DuckDb) -> Result<Option<Applied>> {
    match rows(duckdb, "SELECT source, seq, mark FROM _lumos.state")?.as_slice() {
        [] => Ok(None),
        [row] => match row.as_slice() {
            [Value::Text(source), Value::Integer(seq), Value::Text(mark)] => Ok(Some(Applied {
                source: source.clone(),
                seq: *seq,
                mark: mark.clone(),
                schema_version: None,
            })),
            _ => Err(damaged()),
        },
        _ => Err(damaged()),
    }
}

fn damaged() -> Error {
    error("the mirror's own tables are damaged; detach, remove the file and attach again")
}

/// A value of a small result.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// An integer.
    Integer(i64),
    /// Text.
    Text(String),
    /// Anything else.
    Other,
}

/// All rows of a small result.
pub fn rows(duckdb: &DuckDb, sql: &str) -> Result<Vec<Vec<Value>>> {
    let mut result = duckdb.prepare(sql)?.stream()?;
    let types = result.types().to_vec();
    let mut rows = Vec::new();
    while let Some(chunk) = result.next_chunk()? {
        for row in 0..chunk.len() {
            let cells =
                types
                    .iter()
                    .enumerate()
                    .map(|(i, ty)| match chunk.column(i, ty).cell(row) {
                        Cell::Integer(v) => Value::Integer(v),
                        Cell::Text(v) => Value::Text(v.into_owned()),
                        _ => Value::Other,
                    });
            rows.push(cells.collect());
        }
    }
    Ok(rows)
}
