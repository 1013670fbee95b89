//! `lumos_status`: one row a tracked table.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::sync::Arc;

use lumos_core::{Kind, functions};
use rusqlite::types::Value;
use rusqlite::vtab::{
    Context, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor,
    sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Result};
use serde_json::json;

use crate::error::{self, error};
use crate::host::guard;
use crate::session::Session;
use crate::sync::{self, copy, schema};

const NAME: &str = "lumos_status";

/// Registers the module.
pub fn register(connection: &Connection, session: &Arc<Session>) -> Result<()> {
    let module = const { &Module::<Status>::eponymous_only_module() };
    connection.create_module(NAME, module, Some(Arc::clone(session)))
}

#[repr(C)]
struct Status {
    base: sqlite3_vtab,
    session: Arc<Session>,
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<'vtab> VTab<'vtab> for Status {
    type Aux = Arc<Session>;
    type Cursor = Cursor<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        session: Option<&Arc<Session>>,
        _module: &[u8],
        _database: &[u8],
        _table: &[u8],
        _args: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        guard(NAME, || {
            db.config(VTabConfig::DirectOnly)?;
            let Some(Kind::Table(columns)) = functions::find(NAME).map(|f| f.kind) else {
                return Err(error("is not in the list of functions"));
            };
            let columns: Vec<String> = columns
                .iter()
                .map(|(name, _)| lumos_core::sql::identifier(name))
                .collect();
            let schema = format!("CREATE TABLE x({})", columns.join(", "));
            let schema = CString::new(schema).map_err(|e| error(e.to_string()))?;
            let session = Arc::clone(session.ok_or_else(|| error("has no session"))?);
            Ok((
                Cow::Owned(schema),
                Status {
                    base: sqlite3_vtab::default(),
                    session,
                },
            ))
        })
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        info.set_estimated_cost(1_000.0);
        info.set_estimated_rows(10);
        Ok(true)
    }

    fn open(&'vtab mut self) -> Result<Cursor<'vtab>> {
        let base = sqlite3_vtab_cursor::default();
        Ok(Cursor {
            base,
            session: Arc::clone(&self.session),
            rows: Vec::new(),
            row: 0,
            table: PhantomData,
        })
    }
}

#[repr(C)]
struct Cursor<'vtab> {
    base: sqlite3_vtab_cursor,
    session: Arc<Session>,
    rows: Vec<Vec<Value>>,
    row: usize,
    table: PhantomData<&'vtab Status>,
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, _: c_int, _: Option<&str>, _: &Filters<'_>) -> Result<()> {
        guard(NAME, || {
            self.rows = status(&self.session)?;
            self.row = 0;
            Ok(())
        })
    }

    fn next(&mut self) -> Result<()> {
        self.row += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.row >= self.rows.len()
    }

    fn column(&self, ctx: &mut Context, i: c_int) -> Result<()> {
        match self.rows.get(self.row).and_then(|row| row.get(i as usize)) {
            Some(value) => ctx.set_result(value),
            None => Ok(()),
        }
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.row as i64)
    }
}

/// The rows, in the order of the columns that the list of functions names.
fn status(session: &Session) -> error::Result<Vec<Vec<Value>>> {
    let connection = session.connection()?;
    let tracked = schema::tracked_tables(&connection)?;
    if tracked.is_empty() {
        return Ok(Vec::new());
    }
    let attached = session.attached()?;
    let duckdb = attached.mirror.connection()?;
    let applied = sync::stored_state(&duckdb)?.map_or(0, |a| a.seq);
    let mirrored = sync::mirrored_tables(&duckdb)?;
    let committed: i64 = connection.query_row(
        "SELECT coalesce(max(seq), 0) FROM main._lumos_log",
        [],
        |row| row.get(0),
    )?;
    let mut rows = Vec::new();
    for table in &tracked {
        let mirror = mirrored.iter().find(|m| m.id == table.id);
        let count = match mirror {
            Some(m) => sync::rows(
                &duckdb,
                &format!("SELECT count(*) FROM {}", copy::view(&m.name)),
            )?,
            None => Vec::new(),
        };
        let count = match count.first().and_then(|row| row.first()) {
            Some(sync::Value::Integer(n)) => Value::Integer(*n),
            _ => Value::Null,
        };
        let pending: i64 = connection.query_row(
            "SELECT count(*) FROM main._lumos_log WHERE seq > ?1 AND tbl = ?2",
            [applied, table.id],
            |row| row.get(0),
        )?;
        let definition = schema::create_statement(&connection, &table.name)?;
        let state = match (definition, mirror) {
            (None, _) => "missing",
            (Some(sql), Some(m)) if sql == table.schema && sql == m.schema => "ok",
            _ => "changed",
        };
        rows.push(vec![
            Value::Text(table.name.clone()),
            Value::Text(json!(table.key.names()).to_string()),
            count,
            Value::Integer(committed),
            Value::Integer(applied),
            Value::Integer(pending),
            Value::Text(state.into()),
            Value::Text(table.options.json().to_string()),
        ]);
    }
    attached.mirror.give_back(duckdb);
    Ok(rows)
}
