//! Queries and tables of DuckDB as tables of SQLite.
//!
//! - `lumos_query('SELECT ...', params)`: a table-valued function, whose columns are not known before it runs
//! - `CREATE VIRTUAL TABLE t USING lumos_query(SELECT ...)`: with the query's own columns
//! - `CREATE VIRTUAL TABLE t USING lumos_table('name')`: the same for a table or view

pub mod arguments;
mod casts;
pub mod exec;
pub mod files;
pub mod names;
pub mod params;
mod reads;
pub mod relation;
pub mod run;
pub mod stream;
mod worker;

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::sync::Arc;

use lumos_core::sql::lexer::{Dialect, without_end};
use lumos_core::sql::qualified;
use lumos_duckdb::engine::{Cell, Chunk, ErrorKind, write_json_string};
use rusqlite::ffi::SQLITE_INTERRUPT;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::vtab::{
    Context, CreateVTab, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor,
    VTabKind, sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Result};

use crate::error::{self, error};
use crate::host::{self, guard};
use crate::query::params::Params;
use crate::query::relation::{Plan, Relation};
use crate::query::stream::Stream;
use crate::session::Session;
use crate::values::utf8;

/// The columns of the function: the visible one, then the arguments, then `c0` to `c63`.
const ROW: c_int = 0;
const SQL: c_int = 1;
const PARAMS: c_int = 2;
const ARGUMENTS: usize = 2;
const FIRST_VALUE: c_int = 3;
const VALUES: c_int = 64;

/// Registers the modules.
pub fn register(connection: &Connection, session: &Arc<Session>) -> Result<()> {
    let query = const { &Module::<Table<Query>>::read_only_module() };
    connection.create_module(Query::NAME, query, Some(Arc::clone(session)))?;
    let table = const { &Module::<Table<Named>>::read_only_module() };
    connection.create_module(Named::NAME, table, Some(Arc::clone(session)))
}

/// What tells the modules apart.
trait Form {
    const NAME: &'static str;
    const KIND: VTabKind;
    /// The text is a query.
    const IS_QUERY: bool;
    /// What stands after FROM for the text between the parentheses.
    fn from(argument: &str) -> String;
}

struct Query;

impl Form for Query {
    const NAME: &'static str = "lumos_query";
    const KIND: VTabKind = VTabKind::Eponymous;
    const IS_QUERY: bool = true;

    fn from(argument: &str) -> String {
        format!("({})", without_end(argument, Dialect::DuckDb))
    }
}

struct Named;

impl Form for Named {
    const NAME: &'static str = "lumos_table";
    const KIND: VTabKind = VTabKind::Default;
    const IS_QUERY: bool = false;

    fn from(argument: &str) -> String {
        qualified(argument)
    }
}

#[repr(C)]
struct Table<F> {
    base: sqlite3_vtab,
    session: Arc<Session>,
    /// The relation of a created table; none for the function.
    relation: Option<Arc<Relation>>,
    /// The name of a created table that is stored in a database file; none for temporary ones.
    stored: Option<String>,
    form: PhantomData<F>,
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<'vtab, F: Form + 'vtab> VTab<'vtab> for Table<F> {
    type Aux = Arc<Session>;
    type Cursor = Cursor<'vtab, F>;

    fn connect(
        db: &mut VTabConnection,
        session: Option<&Arc<Session>>,
        _module: &[u8],
        database: &[u8],
        table: &[u8],
        args: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        guard(F::NAME, || {
            // It has the power of SQL: not for views and triggers of a file that somebody sent.
            db.config(VTabConfig::DirectOnly)?;
            let session = Arc::clone(session.ok_or_else(|| error("has no session"))?);
            // SQLite splits at the commas outside of parentheses.
            let argument = utf8(&args.join(b",".as_slice()))?.trim().to_owned();
            let name = || String::from_utf8_lossy(table).into_owned();
            let stored =
                (!argument.is_empty() && !database.eq_ignore_ascii_case(b"temp")).then(name);
            let (schema, relation) = match (argument.is_empty(), F::KIND) {
                (true, VTabKind::Eponymous) => {
                    // BLOB is no affinity: values compare as what they are. HIDDEN alone is NUMERIC.
                    let values: String =
                        (0..VALUES).map(|i| format!(", c{i} BLOB HIDDEN")).collect();
                    (
                        format!("CREATE TABLE x(row, sql BLOB HIDDEN, params BLOB HIDDEN{values})"),
                        None,
                    )
                }
                (true, _) => return Err(error("needs a table; write USING lumos_table('name')")),
                (false, _) => {
                    check_trusted(&session, stored.as_deref())?;
                    let relation = run::describe(&session, F::from(&argument), !F::IS_QUERY)?;
                    (relation.declaration(), Some(Arc::new(relation)))
                }
            };
            let schema = CString::new(schema)
                .map_err(|_| error("a column's name has a NUL character; rename it"))?;
            let base = sqlite3_vtab::default();
            Ok((
                Cow::Owned(schema),
                Table {
                    base,
                    session,
                    relation,
                    stored,
                    form: PhantomData,
                },
            ))
        })
        .map_err(|e| match e {
            // Else SQLite says that the constructor failed.
            rusqlite::Error::SqliteFailure(e, None) if e.extended_code == SQLITE_INTERRUPT => {
                rusqlite::Error::SqliteFailure(e, Some("interrupted".into()))
            }
            e => e,
        })
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        guard(F::NAME, || match &self.relation {
            None => {
                self.session.before_statement()?;
                let plan = arguments::take(F::NAME, SQL as usize, ARGUMENTS, info);
                info.set_idx_num(plan.unwrap_or(0));
                Ok(plan.is_some())
            }
            Some(relation) => {
                check_trusted(&self.session, self.stored.as_deref())?;
                let plan = Plan::choose(relation, info)?;
                info.set_idx_str(&plan.encode());
                Ok(true)
            }
        })
    }

    fn open(&'vtab mut self) -> Result<Self::Cursor> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            session: Arc::clone(&self.session),
            relation: self.relation.clone(),
            arguments: [const { None }; ARGUMENTS],
            columns: Vec::new(),
            stream: None,
            chunk: None,
            row: 0,
            rowid: 0,
            table: PhantomData,
        })
    }
}

impl<'vtab, F: Form + 'vtab> CreateVTab<'vtab> for Table<F> {
    const KIND: VTabKind = F::KIND;
}

#[repr(C)]
struct Cursor<'vtab, F> {
    base: sqlite3_vtab_cursor,
    session: Arc<Session>,
    relation: Option<Arc<Relation>>,
    arguments: [Option<String>; ARGUMENTS],
    /// For each column of a created table, which of the query's it is.
    columns: Vec<Option<usize>>,
    stream: Option<Stream>,
    chunk: Option<Arc<Chunk>>,
    row: usize,
    rowid: i64,
    table: PhantomData<&'vtab F>,
}

impl<F: Form> Cursor<'_, F> {
    /// The query that this scan runs.
    fn query(
        &mut self,
        plan: c_int,
        text: Option<&str>,
        args: &Filters<'_>,
    ) -> error::Result<(String, Params)> {
        if let Some(relation) = &self.relation {
            let plan = text
                .and_then(Plan::decode)
                .ok_or_else(|| error("the plan cannot be read"))?;
            self.columns = vec![None; relation.columns.len()];
            for (i, column) in plan.columns().iter().enumerate() {
                if let Some(slot) = self.columns.get_mut(*column) {
                    *slot = Some(i);
                }
            }
            let (sql, params) = plan.query(relation, args)?;
            return Ok((sql, Params::Positional(params)));
        }
        for (argument, value) in
            self.arguments
                .iter_mut()
                .zip(arguments::given(F::NAME, plan, args)?)
        {
            *argument = arguments::text(value)?.map(str::to_owned);
        }
        let [sql, params] = &self.arguments;
        let sql = sql
            .clone()
            .ok_or_else(|| error("the query is NULL; give a SELECT as text"))?;
        Ok((
            sql,
            params
                .as_deref()
                .map_or(Ok(Params::none()), Params::from_json)?,
        ))
    }

    fn write_row(&self, stream: &Stream, chunk: &Chunk, out: &mut String) {
        out.push('{');
        for (i, (name, ty)) in stream.names.iter().zip(&stream.types).enumerate() {
            if i > 0 {
                out.push(',');
            }
            write_json_string(name, out);
            out.push(':');
            chunk.column(i, ty).write_json(self.row, out);
        }
        out.push('}');
    }
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<F: Form> VTabCursor for Cursor<'_, F> {
    fn filter(&mut self, plan: c_int, text: Option<&str>, args: &Filters<'_>) -> Result<()> {
        guard(F::NAME, || {
            (self.stream, self.chunk, self.row, self.rowid) = (None, None, 0, 0);
            let (sql, params) = self.query(plan, text, args)?;
            let host = self.session.connection()?;
            let stream = run::query(&self.session, &host, &sql, params).map_err(untracked)?;
            self.chunk = self.stream.insert(stream).next_chunk(&host)?;
            Ok(())
        })
    }

    fn next(&mut self) -> Result<()> {
        self.row += 1;
        self.rowid += 1;
        if self.chunk.as_ref().is_some_and(|c| self.row < c.len()) {
            return Ok(());
        }
        guard(F::NAME, || {
            self.row = 0;
            let host = self.session.connection()?;
            self.chunk = match &mut self.stream {
                Some(stream) => stream.next_chunk(&host)?,
                None => None,
            };
            Ok(())
        })
    }

    fn eof(&self) -> bool {
        self.chunk.is_none()
    }

    fn column(&self, ctx: &mut Context, i: c_int) -> Result<()> {
        // The common case first: nothing in it can panic, and a scan calls it for every value.
        if let (Some(stream), Some(chunk), Some(Some(index))) =
            (&self.stream, &self.chunk, self.columns.get(i as usize))
            && let Some(ty) = stream.types.get(*index)
        {
            let column = chunk.column(*index, ty);
            if !column.is_null(self.row)
                && let Some(v) = column.int64(self.row)
            {
                return ctx.set_result(v);
            }
        }
        guard(F::NAME, || {
            let (Some(stream), Some(chunk)) = (&self.stream, &self.chunk) else {
                return Ok(());
            };
            let index = match (self.relation.is_some(), i) {
                (true, i) => self.columns.get(i as usize).copied().flatten(),
                (false, ROW) => {
                    let mut json = String::new();
                    self.write_row(stream, chunk, &mut json);
                    return Ok(ctx.set_result(json)?);
                }
                (false, SQL | PARAMS) => {
                    return Ok(ctx.set_result(self.arguments[(i - SQL) as usize].as_deref())?);
                }
                (false, i) => Some((i - FIRST_VALUE) as usize),
            };
            if let Some((index, ty)) =
                index.and_then(|index| Some((index, stream.types.get(index)?)))
            {
                ctx.set_result(output(&chunk.column(index, ty).cell(self.row))?)?;
            }
            Ok(())
        })
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.rowid)
    }
}

/// Errs if this table is stored and the host does not trust what the file says: it has SQL of whoever wrote the file.
fn check_trusted(session: &Session, stored: Option<&str>) -> error::Result<()> {
    let Some(table) = stored else {
        return Ok(());
    };
    if host::trusts_schema(&session.connection()?)? {
        Ok(())
    } else {
        Err(error(format!(
            "the table \"{table}\" is stored in the database file, whose SQL is not run while PRAGMA trusted_schema is off; \
             make a temporary one instead (CREATE VIRTUAL TABLE temp.{table} ...)",
        )))
    }
}

/// Says what to do about a table that the mirror has not.
fn untracked(e: error::Error) -> error::Error {
    if !matches!(e.kind, ErrorKind::MissingTable(_)) {
        return e;
    }
    error(format!(
        "{}\nlumos_status lists the mirrored tables, lumos_track adds one",
        e.message
    ))
}

/// A value of DuckDB as SQLite gets it. Errors if it is a number that SQLite has not: as text it would be compared
/// and sorted as none.
pub fn shown<'a>(cell: &'a Cell<'_>) -> error::Result<ValueRef<'a>> {
    Ok(match cell {
        Cell::Null => ValueRef::Null,
        Cell::Integer(v) => ValueRef::Integer(*v),
        Cell::Real(v) => ValueRef::Real(*v),
        Cell::Wide(digits) => {
            return Err(error(format!(
                "the number {digits} has more digits than SQLite's INTEGER and REAL hold; \
                 cast it to DOUBLE to round it, or to VARCHAR to keep its digits as text"
            )));
        }
        Cell::Text(v) | Cell::Json(v) => ValueRef::Text(v.as_bytes()),
        Cell::Blob(v) => ValueRef::Blob(v),
    })
}

/// The same as a result or a parameter.
pub fn output<'a>(cell: &'a Cell<'_>) -> error::Result<ToSqlOutput<'a>> {
    shown(cell).map(ToSqlOutput::Borrowed)
}
