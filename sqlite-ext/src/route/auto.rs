//! `lumos_auto(sql, params)`: one SELECT that both engines have, as a table, from the engine that is faster.
//!
//! A look-up by key must cost little more than without us, so its way is short: prepared statements are kept by their
//! text, and one that was found to be SQLite's runs without a decision until it turns slow.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use lumos_core::route::Engine;
use lumos_core::route::ast::Literal;
use lumos_core::route::cost_model::Features;
use lumos_duckdb::engine::{Cell, write_json_string};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::vtab::{
    Context, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor,
    sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Result, ffi};

use crate::error::{self, error};
use crate::host::{entered, guard};
use crate::query::params::Params;
use crate::query::{arguments, output};
use crate::route::prepared::{Pool, Prepared};
use crate::route::result_rows::{Outcome, ResultRows};
use crate::route::values::{of_literal, only_integer, values};
use crate::route::{QUICK, Router};
use crate::sync::schema;

const NAME: &str = "lumos_auto";

/// The visible column, then the arguments, then `c0` to `c63`.
const ROW: c_int = 0;
const FIRST_ARGUMENT: c_int = 1;
const ARGUMENTS: usize = 3;
const FIRST_VALUE: c_int = FIRST_ARGUMENT + ARGUMENTS as c_int;
const VALUES: c_int = 64;

/// A bit of the plan beyond those of the arguments: they are read as columns.
const READ: c_int = 1 << ARGUMENTS;

/// One step in so many is timed; looking at the clock costs as much as a step.
const TIMED: u64 = 16;

/// Registers the module.
pub fn register(connection: &Connection, router: &Arc<Router>) -> Result<()> {
    let module = const { &Module::<Auto>::eponymous_only_module() };
    connection.create_module(NAME, module, Some(Arc::clone(router)))
}

#[repr(C)]
struct Auto {
    base: sqlite3_vtab,
    router: Arc<Router>,
    db: *mut ffi::sqlite3,
    /// SQLite disconnects the table before it looks for statements that keep the connection from closing.
    pool: Rc<Pool>,
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<'vtab> VTab<'vtab> for Auto {
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
            // It has the power of SQL: not for views and triggers of a file that somebody sent.
            db.config(VTabConfig::DirectOnly)?;
            // BLOB is no affinity: values compare as what they are. HIDDEN alone is NUMERIC.
            let values: String = (0..VALUES).map(|i| format!(", c{i} BLOB HIDDEN")).collect();
            let schema = format!(
                "CREATE TABLE x(row, sql BLOB HIDDEN, params BLOB HIDDEN, engine BLOB HIDDEN{values})"
            );
            let schema = CString::new(schema).map_err(|e| error(e.to_string()))?;
            let router = Arc::clone(router.ok_or_else(|| error("has no router"))?);
            // SAFETY: the handle is used as long as the table is connected.
            let db = unsafe { db.handle() };
            Ok((
                Cow::Owned(schema),
                Auto {
                    base: sqlite3_vtab::default(),
                    router,
                    db,
                    pool: Rc::default(),
                },
            ))
        })
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        guard(NAME, || {
            self.pool.count_plan();
            // The arguments as columns of their own: nearly nobody reads them.
            let read = info.col_used() >> FIRST_ARGUMENT & ((1 << ARGUMENTS) - 1) != 0;
            let plan = arguments::take(NAME, 1, ARGUMENTS, info);
            if let Some(plan) = plan {
                info.set_idx_num(if read { plan | READ } else { plan });
            }
            Ok(plan.is_some())
        })
    }

    fn open(&'vtab mut self) -> Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            router: Arc::clone(&self.router),
            db: self.db,
            pool: Rc::clone(&self.pool),
            arguments: [const { None }; ARGUMENTS],
            run: Run::None,
            plans: 0,
            rowid: 0,
            nanoseconds: 0.0,
            timed: 0.0,
            learn: None,
            table: PhantomData,
        })
    }
}

/// Where the rows come from.
enum Run {
    None,
    /// The statement, and true as long as it is on a row.
    Sqlite(Box<Prepared>, bool),
    DuckDb(Box<Prepared>, Box<ResultRows>),
}

#[repr(C)]
struct Cursor<'vtab> {
    base: sqlite3_vtab_cursor,
    router: Arc<Router>,
    db: *mut ffi::sqlite3,
    pool: Rc<Pool>,
    arguments: [Option<String>; ARGUMENTS],
    run: Run,
    /// The plans of the pool when the run began.
    plans: u64,
    rowid: i64,
    /// The time of the run so far.
    nanoseconds: f64,
    /// Of it, the timed steps among the later ones.
    timed: f64,
    /// What to learn from the run with.
    learn: Option<(Engine, Features)>,
    table: PhantomData<&'vtab Auto>,
}

impl Cursor<'_> {
    fn start(&mut self, [sql, params, engine]: [Option<&str>; ARGUMENTS]) -> error::Result<()> {
        let Some(sql) = sql else {
            return Err(error("the query is NULL; give a SELECT as text"));
        };
        let forced = match engine {
            None => None,
            Some(name) => Some(Engine::named(name).ok_or_else(|| {
                error(format!(
                    "engine is \"{name}\"; give \"sqlite\" or \"duckdb\""
                ))
            })?),
        };
        self.plans = self.pool.plans();
        let mut prepared = match self.pool.take(sql) {
            Some(prepared) => prepared,
            None => self.prepare(sql)?,
        };
        let count = prepared.statement.params();
        // The commonest look-up by key, without the work of JSON.
        let key = params.and_then(only_integer).map(|v| [Literal::Integer(v)]);
        let values = match (&key, count) {
            (Some(key), 1) => Cow::Borrowed(&key[..]),
            _ => {
                let given = params.map(Params::from_json).transpose()?;
                Cow::Owned(values(given, count, |n| prepared.statement.param(n))?)
            }
        };
        let params = &*values;
        if forced == Some(Engine::Sqlite)
            || (prepared.analysis.settled && forced != Some(Engine::DuckDb))
        {
            return self.run_sqlite(prepared, params);
        }
        // What SQLite finds out as it runs a statement, DuckDB's runs must be told.
        let version = schema::schema_version(&self.router.connection()?)?;
        if prepared.schema_version.is_some_and(|v| v != version) {
            prepared = self.prepare(sql)?;
        }
        prepared.schema_version = Some(version);
        let decision = self
            .router
            .decide(&mut prepared.analysis, params, forced.is_some())?;
        if forced == Some(Engine::DuckDb) || decision.engine == Engine::DuckDb {
            let clock = Instant::now();
            match self.router.run(&mut prepared.analysis, params, &decision)? {
                Outcome::Rows(answer) => {
                    // Without the changes that were applied first: they are no part of the shape.
                    self.nanoseconds = answer.nanoseconds;
                    self.learn = Some((Engine::DuckDb, decision.features));
                    self.run = Run::DuckDb(prepared, answer);
                    return Ok(());
                }
                Outcome::Declined(reason) if forced.is_some() => {
                    return Err(error(format!("this statement is for SQLite: {reason}")));
                }
                Outcome::Refused(e) if forced.is_some() => return Err(e),
                Outcome::Refused(_) => {}
                Outcome::Declined(_) => {
                    // What was tried in vain costs both times.
                    let wasted = clock.elapsed().as_nanos() as f64 + decision.other.min(1e12);
                    self.router.learn(
                        &prepared.analysis,
                        Engine::DuckDb,
                        &decision.features,
                        wasted,
                    );
                }
            }
        }
        self.learn = Some((Engine::Sqlite, decision.features));
        self.run_sqlite(prepared, params)
    }

    fn prepare(&self, sql: &str) -> error::Result<Box<Prepared>> {
        // SAFETY: the connection calls us, and the pool lives no longer than it.
        unsafe { Prepared::new(self.db, sql, &self.router) }
    }

    fn run_sqlite(&mut self, mut prepared: Box<Prepared>, params: &[Literal]) -> error::Result<()> {
        for (i, value) in params.iter().enumerate() {
            prepared.statement.bind(i + 1, of_literal(value))?;
        }
        let clock = prepared.is_timed().then(Instant::now);
        let stepped = prepared.statement.step();
        self.nanoseconds = clock.map_or(0.0, |clock| clock.elapsed().as_nanos() as f64);
        let on_row = *stepped.as_ref().unwrap_or(&false);
        prepared.look_at_schema(&self.router);
        self.run = Run::Sqlite(prepared, on_row);
        if !on_row {
            self.finish(stepped.is_ok());
        }
        stepped.map(|_| ())
    }

    /// Ends the run: learns from a whole one, and keeps the statement for the next, unless one was planned meanwhile that
    /// reads `lumos_auto`: it may be this one.
    fn finish(&mut self, whole: bool) {
        let mut prepared = match std::mem::replace(&mut self.run, Run::None) {
            Run::None => return,
            Run::Sqlite(prepared, _) | Run::DuckDb(prepared, _) => prepared,
        };
        prepared.statement.reset();
        let nanoseconds = self.nanoseconds + self.timed * TIMED as f64;
        let learn = self.learn.take();
        if let Some((engine, features)) = learn.filter(|_| whole) {
            self.router
                .learn(&prepared.analysis, engine, &features, nanoseconds);
            // A quick one is not worth a decision each time.
            prepared.analysis.settled = engine == Engine::Sqlite && nanoseconds <= QUICK;
        } else if learn.is_none() && nanoseconds > QUICK {
            self.router.unsettle(&mut prepared.analysis);
        }
        if self.plans == self.pool.plans() {
            self.pool.give_back(prepared);
        }
    }

    fn step(&mut self) -> error::Result<()> {
        self.rowid += 1;
        let timed = (self.rowid as u64).is_multiple_of(TIMED).then(Instant::now);
        let done = match &mut self.run {
            Run::None => return Ok(()),
            Run::Sqlite(prepared, on_row) => {
                let stepped = prepared.statement.step();
                *on_row = *stepped.as_ref().unwrap_or(&false);
                stepped.map(|on_row| !on_row)
            }
            Run::DuckDb(_, answer) => {
                let router = &self.router;
                let moved = answer.advance(|| router.connection());
                moved.map(|()| answer.is_done())
            }
        };
        if let Some(clock) = timed {
            self.timed += clock.elapsed().as_nanos() as f64;
        }
        match done {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.finish(true);
                Ok(())
            }
            Err(e) => {
                self.finish(false);
                Err(e)
            }
        }
    }

    /// The row as a JSON object.
    fn json(&self) -> String {
        let mut json = String::from("{");
        let names = match &self.run {
            Run::None => return json + "}",
            Run::Sqlite(prepared, _) | Run::DuckDb(prepared, _) => &prepared.names,
        };
        for (i, name) in names.iter().enumerate() {
            if i > 0 {
                json.push(',');
            }
            write_json_string(name, &mut json);
            json.push(':');
            match &self.run {
                Run::DuckDb(_, answer) => answer.cell(i).write_json(&mut json),
                Run::Sqlite(prepared, _) => cell(prepared.statement.value(i)).write_json(&mut json),
                Run::None => {}
            }
        }
        json + "}"
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        self.finish(false);
    }
}

/// A value of SQLite in the form that rows of DuckDB have.
fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(v) => Cell::Integer(v),
        ValueRef::Real(v) => Cell::Real(v),
        ValueRef::Text(v) => Cell::Text(String::from_utf8_lossy(v)),
        ValueRef::Blob(v) => Cell::Blob(v),
    }
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, plan: c_int, _: Option<&str>, args: &Filters<'_>) -> Result<()> {
        entered(NAME, || {
            self.finish(false);
            (self.rowid, self.nanoseconds, self.timed, self.learn) = (0, 0.0, 0.0, None);
            let mut texts = [None; ARGUMENTS];
            for (text, value) in texts.iter_mut().zip(arguments::given(NAME, plan, args)?) {
                *text = arguments::text(value)?;
            }
            if plan & READ != 0 {
                self.arguments = texts.map(|text| text.map(str::to_owned));
            }
            self.start(texts)?;
            if let Run::DuckDb(_, answer) = &self.run
                && answer.is_done()
            {
                self.finish(true);
            }
            Ok(())
        })
    }

    fn next(&mut self) -> Result<()> {
        entered(NAME, || self.step())
    }

    fn eof(&self) -> bool {
        match &self.run {
            Run::None => true,
            Run::Sqlite(_, on_row) => !on_row,
            Run::DuckDb(_, answer) => answer.is_done(),
        }
    }

    fn column(&self, ctx: &mut Context, i: c_int) -> Result<()> {
        guard(NAME, || {
            let index = (i - FIRST_VALUE) as usize;
            match (&self.run, i) {
                (_, ROW) => ctx.set_result(self.json())?,
                (_, i) if i < FIRST_VALUE => {
                    ctx.set_result(self.arguments[(i - FIRST_ARGUMENT) as usize].as_deref())?;
                }
                (Run::Sqlite(prepared, true), _) if index < prepared.names.len() => {
                    ctx.set_result(ToSqlOutput::Borrowed(prepared.statement.value(index)))?;
                }
                (Run::DuckDb(_, answer), _) if index < answer.columns() => {
                    ctx.set_result(output(&answer.cell(index))?)?;
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.rowid)
    }
}
