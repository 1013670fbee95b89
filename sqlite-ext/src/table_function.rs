//! Table-valued functions whose columns and arguments are those of the list, and whose rows come one by one.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::sync::Arc;

use lumos_core::options::Options;
use lumos_core::sql::identifier;
use lumos_core::sql::lexer::{self, Dialect, Kind as Token};
use lumos_core::{Function, Kind, Type};
use lumos_duckdb::engine;
use rusqlite::types::Value;
use rusqlite::vtab::{
    Context, CreateVTab, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor,
    VTabKind, sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Result};

use crate::error::{self, error};
use crate::host::{entered, guard};
use crate::query::arguments;
use crate::session::Session;
use crate::sync::schema;
use crate::values::utf8;

/// A function's rows, each in the order of its columns.
pub type Rows = Box<dyn Iterator<Item = error::Result<Vec<Value>>>>;

/// What all calls of a function on a connection share.
pub trait Shared: Send + Sync + 'static {
    /// Called while a statement that calls it is prepared.
    fn prepare(&self) -> error::Result<()> {
        Ok(())
    }
}

impl Shared for Session {
    fn prepare(&self) -> error::Result<()> {
        self.before_statement()
    }
}

/// What tells the functions apart.
pub trait TableFunction: 'static {
    /// The number of rows that SQLite's plans expect.
    const ROWS: i64 = 10;

    /// What all its calls on a connection share.
    type Aux: Shared;

    /// Starts it with all arguments of the list. One that was left out is NULL.
    fn rows(aux: &Arc<Self::Aux>, arguments: &[Value]) -> error::Result<Rows>;

    /// What `CREATE VIRTUAL TABLE` makes of these arguments, for a function that is registered by [`register_maker`].
    /// Errors if they make no table.
    fn make(_aux: &Arc<Self::Aux>, _arguments: &[Value]) -> error::Result<Made> {
        Err(error("makes no table"))
    }

    /// The rows of such a table.
    fn made(_aux: &Arc<Self::Aux>, _made: &Made) -> error::Result<Rows> {
        Err(error("makes no table"))
    }
}

/// A table that `CREATE VIRTUAL TABLE` has made of a function.
pub struct Made {
    /// Its columns, each with its declared type.
    pub columns: Vec<(String, &'static str)>,
    /// The SELECT that gives its rows.
    pub sql: String,
    /// The question that it was made of.
    pub question: String,
    /// The options of the call.
    pub options: Options,
    /// The version of the schema that it was made for.
    pub schema: i64,
}

/// Rows that the mirror keeps of itself. Without a tracked table there are none, and no mirror to open for them.
pub fn rows_of_mirror(session: &Session, sql: &str) -> error::Result<Rows> {
    if !schema::has_changelog(&session.connection()?)? {
        return Ok(Box::new(std::iter::empty()));
    }
    let rows = session.in_turn(|| {
        let mirror = session.attached()?.mirror;
        let duckdb = mirror.connection()?;
        let rows = duckdb.rows(sql)?;
        mirror.give_back(duckdb);
        Ok(rows)
    })?;
    let value = |value| match value {
        engine::Value::Integer(v) => Value::Integer(v),
        engine::Value::Text(v) => Value::Text(v),
        engine::Value::Other => Value::Null,
    };
    Ok(Box::new(
        rows.into_iter()
            .map(move |row| Ok(row.into_iter().map(value).collect())),
    ))
}

/// Registers one of the list.
pub fn register<F: TableFunction>(
    connection: &Connection,
    function: &'static Function,
    aux: &Arc<F::Aux>,
) -> Result<()> {
    let module = const { &Module::<Table<F>>::eponymous_only_module() };
    let aux = Arc::clone(aux);
    connection.create_module(function.name, module, Some(Registered { function, aux }))
}

/// Registers one of the list that makes tables too.
pub fn register_maker<F: TableFunction>(
    connection: &Connection,
    function: &'static Function,
    aux: &Arc<F::Aux>,
) -> Result<()> {
    let module = const { &Module::<Table<F>>::read_only_module() };
    let aux = Arc::clone(aux);
    connection.create_module(function.name, module, Some(Registered { function, aux }))
}

/// The literals between the parentheses of `USING f(...)`: texts in single quotes.
fn literals(args: &[&[u8]]) -> error::Result<Vec<Value>> {
    // SQLite splits at the commas outside of parentheses, also those inside of quotes.
    let text = utf8(&args.join(b",".as_slice()))?.trim().to_owned();
    let mut values = Vec::new();
    let mut expected = true;
    for token in lexer::tokens(&text, Dialect::Sqlite) {
        match token.kind {
            Token::Text if expected => values.push(Value::Text(token.unquoted(&text))),
            Token::Sign(',') if !expected => {}
            _ => {
                return Err(error(
                    "takes texts in single quotes, with commas between them",
                ));
            }
        }
        expected = !expected;
    }
    Ok(values)
}

/// What SQLite keeps for a function.
struct Registered<F: TableFunction> {
    function: &'static Function,
    aux: Arc<F::Aux>,
}

#[repr(C)]
struct Table<F: TableFunction> {
    base: sqlite3_vtab,
    aux: Arc<F::Aux>,
    function: &'static Function,
    /// The number of visible columns, which the arguments follow.
    visible: usize,
    /// What was made; none for the function.
    made: Option<Arc<Made>>,
}

impl<'vtab, F: TableFunction> CreateVTab<'vtab> for Table<F> {
    const KIND: VTabKind = VTabKind::Eponymous;
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<'vtab, F: TableFunction> VTab<'vtab> for Table<F> {
    type Aux = Registered<F>;
    type Cursor = Cursor<'vtab, F>;

    fn connect(
        db: &mut VTabConnection,
        registered: Option<&Registered<F>>,
        _module: &[u8],
        database: &[u8],
        _table: &[u8],
        args: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        guard(registered.map_or("lumos", |r| r.function.name), || {
            db.config(VTabConfig::DirectOnly)?;
            let registered = registered.ok_or_else(|| error("is registered without its data"))?;
            let function = registered.function;
            if !args.is_empty() {
                return table_of::<F>(registered, database, args);
            }
            let Kind::Table(columns) = function.kind else {
                return Err(error("has no columns in the list of functions"));
            };
            let visible = columns.iter().map(|(name, _)| identifier(name));
            // A name that a column has already means that one.
            let hidden = function.params.iter().map(|p| {
                let taken = columns.iter().any(|(name, _)| *name == p.name);
                let name = if taken {
                    format!("{}_", p.name)
                } else {
                    p.name.to_owned()
                };
                // BLOB is no affinity; HIDDEN alone is NUMERIC.
                format!("{} BLOB HIDDEN", identifier(&name))
            });
            let names: Vec<String> = visible.chain(hidden).collect();
            let schema = CString::new(format!("CREATE TABLE x({})", names.join(", ")))
                .map_err(|e| error(e.to_string()))?;
            let table = Table {
                base: sqlite3_vtab::default(),
                aux: Arc::clone(&registered.aux),
                function,
                visible: columns.len(),
                made: None,
            };
            Ok((Cow::Owned(schema), table))
        })
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        guard(self.function.name, || {
            self.aux.prepare()?;
            if self.made.is_some() {
                info.set_estimated_rows(F::ROWS);
                return Ok(true);
            }
            let params = self.function.params.len();
            let plan = match params {
                0 => {
                    info.set_estimated_cost(1_000.0);
                    Some(0)
                }
                _ => arguments::take(self.function.name, self.visible, params, info),
            };
            info.set_estimated_rows(F::ROWS);
            info.set_idx_num(plan.unwrap_or_default());
            Ok(plan.is_some())
        })
    }

    fn open(&'vtab mut self) -> Result<Cursor<'vtab, F>> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            aux: Arc::clone(&self.aux),
            function: self.function,
            made: self.made.clone(),
            arguments: vec![Value::Null; self.function.params.len()],
            visible: self.visible,
            rows: Box::new(std::iter::empty()),
            row: None,
            rowid: 0,
            table: PhantomData,
        })
    }
}

/// The table that a function makes.
fn table_of<F: TableFunction>(
    registered: &Registered<F>,
    database: &[u8],
    args: &[&[u8]],
) -> error::Result<(Cow<'static, CStr>, Table<F>)> {
    let function = registered.function;
    // What a question means hangs on the data, and a file may come from anybody.
    if !database.eq_ignore_ascii_case(b"temp") {
        return Err(error(format!(
            "makes temporary tables; write CREATE VIRTUAL TABLE temp.x USING {}(...)",
            function.name
        )));
    }
    let mut arguments = literals(args)?;
    if arguments.len() > function.params.len() {
        return Err(error(format!("takes {}", function.signature())));
    }
    arguments.resize(function.params.len(), Value::Null);
    let made = F::make(&registered.aux, &arguments)?;
    let columns = made.columns.iter();
    let columns: Vec<String> = columns
        .map(|(name, ty)| format!("{} {ty}", identifier(name)))
        .collect();
    let schema = CString::new(format!("CREATE TABLE x({})", columns.join(", ")))
        .map_err(|_| error("a column's name has a NUL character"))?;
    let table = Table {
        base: sqlite3_vtab::default(),
        aux: Arc::clone(&registered.aux),
        function,
        visible: made.columns.len(),
        made: Some(Arc::new(made)),
    };
    Ok((Cow::Owned(schema), table))
}

#[repr(C)]
struct Cursor<'vtab, F: TableFunction> {
    base: sqlite3_vtab_cursor,
    aux: Arc<F::Aux>,
    function: &'static Function,
    made: Option<Arc<Made>>,
    /// The arguments, which are columns too.
    arguments: Vec<Value>,
    visible: usize,
    rows: Rows,
    /// The current row; none behind the end.
    row: Option<Vec<Value>>,
    rowid: i64,
    table: PhantomData<&'vtab Table<F>>,
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<F: TableFunction> VTabCursor for Cursor<'_, F> {
    fn filter(&mut self, plan: c_int, _: Option<&str>, args: &Filters<'_>) -> Result<()> {
        entered(self.function.name, || {
            (self.rows, self.row, self.rowid) = (Box::new(std::iter::empty()), None, 0);
            if let Some(made) = &self.made {
                self.rows = F::made(&self.aux, made)?;
                self.row = self.rows.next().transpose()?;
                return Ok(());
            }
            let given =
                self.function
                    .params
                    .iter()
                    .zip(arguments::given(self.function.name, plan, args)?);
            for (argument, (param, value)) in self.arguments.iter_mut().zip(given) {
                let value = match param.ty {
                    Type::Integer => arguments::whole(value),
                    _ => value,
                };
                *argument = value
                    .try_into()
                    .map_err(|_| error("an argument is not valid UTF-8 text; encode it first"))?;
            }
            self.rows = F::rows(&self.aux, &self.arguments)?;
            self.row = self.rows.next().transpose()?;
            Ok(())
        })
    }

    fn next(&mut self) -> Result<()> {
        entered(self.function.name, || {
            self.rowid += 1;
            self.row = self.rows.next().transpose()?;
            Ok(())
        })
    }

    fn eof(&self) -> bool {
        self.row.is_none()
    }

    fn column(&self, ctx: &mut Context, i: c_int) -> Result<()> {
        let i = i as usize;
        match i.checked_sub(self.visible) {
            Some(argument) => ctx.set_result(self.arguments.get(argument)),
            None => match self.row.as_ref().and_then(|row| row.get(i)) {
                Some(value) => ctx.set_result(value),
                None => Ok(()),
            },
        }
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.rowid)
    }
}
