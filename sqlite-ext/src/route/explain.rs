//! `lumos_route(sql, params)`: what `lumos_auto` would do now, in one row.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::sync::Arc;

use lumos_core::{Kind, functions};
use rusqlite::types::{Value, ValueRef};
use rusqlite::vtab::{
    Context, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor,
    sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Result, ffi};

use crate::error::{self, error};
use crate::host::guard;
use crate::query::arguments;
use crate::route::nested::Nested;

use crate::query::stream::Params;
use crate::route::Router;
use crate::route::known::Known;
use crate::route::values::values;
use crate::scalar::utf8;

const NAME: &str = "lumos_route";
const ARGUMENTS: usize = 2;

/// Registers the module.
pub fn register(connection: &Connection, router: &Arc<Router>) -> Result<()> {
    let module = const { &Module::<Route>::eponymous_only_module() };
    connection.create_module(NAME, module, Some(Arc::clone(router)))
}

#[repr(C)]
struct Route {
    base: sqlite3_vtab,
    router: Arc<Router>,
    db: *mut ffi::sqlite3,
    /// The number of visible columns.
    visible: usize,
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<'vtab> VTab<'vtab> for Route {
    type Aux = Arc<Router>;
    type Cursor = Cursor<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        router: Option<&Arc<Router>>,
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
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            let schema = format!(
                "CREATE TABLE x({}, sql HIDDEN, params HIDDEN)",
                names.join(", ")
            );
            let schema = CString::new(schema).map_err(|e| error(e.to_string()))?;
            let router = Arc::clone(router.ok_or_else(|| error("has no router"))?);
            // SAFETY: the handle is used as long as the table is connected.
            let db = unsafe { db.handle() };
            let route = Route {
                base: sqlite3_vtab::default(),
                router,
                db,
                visible: names.len(),
            };
            Ok((Cow::Owned(schema), route))
        })
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        guard(NAME, || {
            let plan = arguments::take(NAME, self.visible, ARGUMENTS, info)?;
            info.set_idx_num(plan.unwrap_or_default());
            info.set_estimated_rows(1);
            Ok(plan.is_some())
        })
    }

    fn open(&'vtab mut self) -> Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            router: Arc::clone(&self.router),
            db: self.db,
            row: Vec::new(),
            table: PhantomData,
        })
    }
}

#[repr(C)]
struct Cursor<'vtab> {
    base: sqlite3_vtab_cursor,
    router: Arc<Router>,
    db: *mut ffi::sqlite3,
    /// The row with the arguments behind it; empty behind the end.
    row: Vec<Value>,
    table: PhantomData<&'vtab Route>,
}

impl Cursor<'_> {
    fn decide(&self, sql: &str, params: Option<&str>) -> error::Result<Vec<Value>> {
        let mut known = Known::new(sql)?;
        // SAFETY: the connection calls us, and the statement ends with this call.
        let statement = unsafe { Nested::prepare(self.db, sql)? };
        let given = params.map(Params::from_json).transpose()?;
        let values = match given {
            // Without values there is no decision by them, but one by key needs none.
            None => Vec::new(),
            given => values(given, statement.params(), |n| statement.param(n))?,
        };
        let decision = self.router.decide(&mut known, &values, false)?;
        let rows = decision.rows.clamp(0.0, 1e18).round() as i64;
        let milliseconds = (decision.nanoseconds / 1_000.0).round() / 1_000.0;
        Ok(vec![
            Value::Text(decision.engine.name().into()),
            Value::Text(decision.reason),
            Value::Integer(rows),
            Value::Real(milliseconds),
            Value::Text(sql.into()),
            params.map_or(Value::Null, |p| Value::Text(p.into())),
        ])
    }
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, plan: c_int, _: Option<&str>, args: &Filters<'_>) -> Result<()> {
        guard(NAME, || {
            self.row.clear();
            let mut given = args.iter();
            let mut texts = [None; ARGUMENTS];
            for (bit, text) in texts.iter_mut().enumerate() {
                *text = match (plan & 1 << bit != 0).then(|| given.next()).flatten() {
                    Some(ValueRef::Text(text)) => Some(utf8(text)?),
                    None | Some(ValueRef::Null) => None,
                    Some(other) => {
                        return Err(error(format!("takes text, not {}", other.data_type())));
                    }
                };
            }
            let sql = texts[0].ok_or_else(|| error("the query is NULL; give a SELECT as text"))?;
            self.row = self.decide(sql, texts[1])?;
            Ok(())
        })
    }

    fn next(&mut self) -> Result<()> {
        self.row.clear();
        Ok(())
    }

    fn eof(&self) -> bool {
        self.row.is_empty()
    }

    fn column(&self, ctx: &mut Context, i: c_int) -> Result<()> {
        match self.row.get(i as usize) {
            Some(value) => ctx.set_result(value),
            None => Ok(()),
        }
    }

    fn rowid(&self) -> Result<i64> {
        Ok(1)
    }
}
