//! `lumos_query(sql, params)`: one SELECT of DuckDB as a table of SQLite.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::sync::Arc;

use lumos_duckdb::engine::{Cell, Chunk, write_json_string};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConfig, VTabConnection,
    VTabCursor, sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Result};

use crate::error::{self, error};
use crate::host::guard;
use crate::schema;
use crate::session::Session;
use crate::stream::Stream;
use crate::sync;

const NAME: &str = "lumos_query";

/// The visible column, then the arguments, then `c0` to `c63`.
const ROW: c_int = 0;
const SQL: c_int = 1;
const PARAMS: c_int = 2;
const FIRST_VALUE: c_int = 3;
const VALUES: c_int = 64;

/// Registers the module.
pub fn register(connection: &Connection, session: &Arc<Session>) -> Result<()> {
    let module = const { &Module::<Query>::eponymous_only_module() };
    connection.create_module(NAME, module, Some(Arc::clone(session)))
}

#[repr(C)]
struct Query {
    base: sqlite3_vtab,
    session: Arc<Session>,
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<'vtab> VTab<'vtab> for Query {
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
            // It has the power of SQL: not for views and triggers of a file that somebody sent.
            db.config(VTabConfig::DirectOnly)?;
            let values: String = (0..VALUES).map(|i| format!(", c{i} HIDDEN")).collect();
            let schema = format!("CREATE TABLE x(row, sql HIDDEN, params HIDDEN{values})");
            let schema = CString::new(schema).map_err(|e| error(e.to_string()))?;
            let session = Arc::clone(session.ok_or_else(|| error("has no session"))?);
            Ok((
                Cow::Owned(schema),
                Query {
                    base: sqlite3_vtab::default(),
                    session,
                },
            ))
        })
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        guard(NAME, || {
            let mut given = [None; 2];
            let mut unusable = false;
            for (i, constraint) in info.constraints().enumerate() {
                let argument = constraint.column() - SQL;
                if constraint.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ
                    && (0..2).contains(&argument)
                {
                    match constraint.is_usable() {
                        true => given[argument as usize] = Some(i),
                        false => unusable = true,
                    }
                }
            }
            if given[0].is_none() && !unusable {
                return Err(error(
                    "needs a SELECT as its first argument; write lumos_query('SELECT ...')",
                ));
            }
            let mut next = 0;
            let mut plan = 0;
            for (bit, constraint) in given.iter().enumerate() {
                if let Some(i) = constraint {
                    next += 1;
                    plan |= 1 << bit;
                    let mut usage = info.constraint_usage(*i);
                    usage.set_argv_index(next);
                    usage.set_omit(true);
                }
            }
            info.set_idx_num(plan);
            // Unknown before the query is planned; high enough that SQLite prefers to run it once.
            info.set_estimated_cost(1e6);
            info.set_estimated_rows(1_000);
            Ok(!unusable)
        })
    }

    fn open(&'vtab mut self) -> Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            session: Arc::clone(&self.session),
            arguments: [const { None }; 2],
            stream: None,
            chunk: None,
            row: 0,
            rowid: 0,
            table: PhantomData,
        })
    }
}

#[repr(C)]
struct Cursor<'vtab> {
    base: sqlite3_vtab_cursor,
    session: Arc<Session>,
    arguments: [Option<String>; 2],
    stream: Option<Stream>,
    chunk: Option<Chunk>,
    row: usize,
    rowid: i64,
    table: PhantomData<&'vtab Query>,
}

impl Cursor<'_> {
    fn start(&mut self) -> error::Result<()> {
        let attached = self.session.attached()?;
        let host = self.session.connection()?;
        if attached.auto_sync {
            sync::sync(&host, &attached.mirror, attached.is_shared())?;
        }
        let Some(sql) = &self.arguments[0] else {
            return Err(error("the query is NULL; give a SELECT as text"));
        };
        let stream = Stream::start(&host, &attached.mirror, sql, self.arguments[1].as_deref())
            .map_err(|e| untracked(e, &host))?;
        let stream = self.stream.insert(stream);
        self.chunk = stream.next_chunk(&host)?;
        Ok(())
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
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, plan: c_int, _: Option<&str>, args: &Filters<'_>) -> Result<()> {
        guard(NAME, || {
            (self.stream, self.chunk, self.row, self.rowid) = (None, None, 0, 0);
            let mut values = args.iter();
            for (bit, argument) in self.arguments.iter_mut().enumerate() {
                *argument = match (plan & 1 << bit != 0).then(|| values.next()).flatten() {
                    Some(ValueRef::Text(text)) => Some(utf8(text)?.to_owned()),
                    None | Some(ValueRef::Null) => None,
                    Some(other) => {
                        return Err(error(format!("takes text, not {}", other.data_type())));
                    }
                };
            }
            self.start()
        })
    }

    fn next(&mut self) -> Result<()> {
        guard(NAME, || {
            self.row += 1;
            self.rowid += 1;
            if self.chunk.as_ref().is_some_and(|c| self.row >= c.len()) {
                self.row = 0;
                let host = self.session.connection()?;
                self.chunk = match &mut self.stream {
                    Some(stream) => stream.next_chunk(&host)?,
                    None => None,
                };
            }
            Ok(())
        })
    }

    fn eof(&self) -> bool {
        self.chunk.is_none()
    }

    fn column(&self, ctx: &mut Context, i: c_int) -> Result<()> {
        guard(NAME, || {
            let (Some(stream), Some(chunk)) = (&self.stream, &self.chunk) else {
                return Ok(());
            };
            match i {
                ROW => {
                    let mut json = String::new();
                    self.write_row(stream, chunk, &mut json);
                    ctx.set_result(json)?;
                }
                SQL | PARAMS => ctx.set_result(self.arguments[(i - SQL) as usize].as_deref())?,
                _ => {
                    let index = (i - FIRST_VALUE) as usize;
                    if let Some(ty) = stream.types.get(index) {
                        ctx.set_result(output(&chunk.column(index, ty).cell(self.row)))?;
                    }
                }
            }
            Ok(())
        })
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.rowid)
    }
}

/// Says what to do about a table that the mirror has not.
fn untracked(e: error::Error, host: &Connection) -> error::Error {
    let named = e
        .message
        .split_once("Table with name ")
        .and_then(|(_, rest)| rest.split_once(" does not exist"));
    let Some((name, _)) = named else { return e };
    if schema::create_statement(host, name).is_ok_and(|sql| sql.is_some()) {
        return error(format!(
            "table \"{name}\" is not tracked; run SELECT lumos_track('{name}') first"
        ));
    }
    error(format!(
        "{}\nlumos_status lists the mirrored tables, lumos_track adds one",
        e.message
    ))
}

fn output<'a>(cell: &'a Cell<'_>) -> ToSqlOutput<'a> {
    ToSqlOutput::Borrowed(match cell {
        Cell::Null => ValueRef::Null,
        Cell::Integer(v) => ValueRef::Integer(*v),
        Cell::Real(v) => ValueRef::Real(*v),
        Cell::Text(v) | Cell::Json(v) => ValueRef::Text(v.as_bytes()),
        Cell::Blob(v) => ValueRef::Blob(v),
    })
}

/// Text of SQLite, which need not be UTF-8.
pub fn utf8(text: &[u8]) -> error::Result<&str> {
    std::str::from_utf8(text)
        .map_err(|_| error("an argument is not valid UTF-8 text; encode it first"))
}
