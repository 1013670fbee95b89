//! The functions that read rows, of [`lumos_core::program`], as table-valued functions: all of them by one module.

use std::cell::Cell;
use std::sync::Arc;

use lumos_core::functions::FUNCTIONS;
use lumos_core::program::{Database, Program, Rows as Body, State};
use lumos_core::sql::lexer::Dialect;
use lumos_core::vector::table::VectorTable;
use lumos_core::{Engines, Function, Param, Section, Type, ValueRef};
use rusqlite::Connection;
use rusqlite::types::{self, Value};

use crate::error::{Error, Result, error};
use crate::host::statement::HostStatement;
use crate::host::{check_interrupt, now_and_then};
use crate::query::arguments;
use crate::table_function::{self, Rows, Shared, TableFunction};
use crate::values::{self, article, utf8};
use crate::vector::registry::Registry;

/// Registers all of them.
pub fn register(connection: &Connection, registry: &Arc<Registry>) -> rusqlite::Result<()> {
    for &function in FUNCTIONS.iter().filter(|f| f.engines != Engines::DuckDb) {
        if let lumos_core::Body::Rows(body) = function.body {
            let registry = Arc::clone(registry);
            let call = Arc::new(Call {
                function,
                body,
                registry,
            });
            table_function::register::<Fold>(connection, function, &call)?;
        }
    }
    Ok(())
}

/// What the calls of one function on a connection share.
struct Call {
    function: &'static Function,
    body: &'static Body,
    registry: Arc<Registry>,
}

struct Fold;

impl Shared for Call {}

impl TableFunction for Fold {
    type Aux = Call;

    fn rows(call: &Arc<Call>, given: &[Value]) -> Result<Rows> {
        let params = call.function.params;
        let given = params.iter().zip(given).map(|(p, v)| Argument::read(p, v));
        let given = given.collect::<Result<Vec<_>>>()?;
        let given: Vec<ValueRef<'_>> = given.iter().map(Argument::value).collect();
        let connection = call.registry.connection()?;
        if call.function.section == Section::Memory {
            check_not_hidden(&mut HostStatement::own(&connection, HIDING)?)?;
        }
        let database = Caller {
            registry: &call.registry,
            failure: Cell::new(None),
        };
        let program = (call.body.program)(&given, &database);
        let program = program.map_err(|e| database.failure.take().unwrap_or_else(|| e.into()))?;
        let statement = HostStatement::own(&connection, &program.read);
        let mut statement = statement.map_err(|e| with_way_out(call.function, e))?;
        let state = read(call.body, &mut statement, &program)?;
        let mut rows = Vec::new();
        // Asking is a statement: not for each of a million series.
        let stopped = now_and_then(|| check_interrupt(&connection).is_err());
        let finished = state.finish_until(&stopped, &mut |row| {
            rows.push(Ok(row.into_iter().map(output).collect()));
            Ok(())
        });
        if stopped() {
            return Err(Error::interrupted());
        }
        finished?;
        Ok(Box::new(rows.into_iter()))
    }
}

/// The temporary tables and views that hide one of an agent's memory: reading the names would give their rows, and what
/// is written goes to the database.
pub const HIDING: &str = "SELECT name FROM temp.sqlite_schema WHERE type IN ('table', 'view') AND (name LIKE \
                          'lumos\\_memory%' ESCAPE '\\' OR lower(name) IN ('lumos_fact', 'lumos_alias'))";

/// Errors if the statement of [`HIDING`] finds one.
pub fn check_not_hidden(hiding: &mut HostStatement) -> Result<()> {
    if !hiding.step()? {
        return Ok(());
    }
    let name = String::from_utf8_lossy(hiding.value(0).as_bytes().unwrap_or_default());
    Err(error(format!(
        "the temporary table \"{name}\" hides what is remembered; DROP it, or rename it"
    )))
}

/// What SQLite says of a table or column that an agent's memory lacks, with the way out.
pub fn with_way_out(function: &Function, reason: Error) -> Error {
    let lacks = ["no such table", "no such column", "has no column named"];
    if function.section != Section::Memory || !lacks.iter().any(|l| reason.message.contains(l)) {
        return reason;
    }
    Error {
        message: format!(
            "{}; lumos_memory_init() makes the tables of a memory, and brings old ones up to date",
            reason.message
        ),
        ..reason
    }
}

/// A column of a fold that takes any.
const VALUE: Param = Param::optional("value", Type::Any);

/// Folds the rows of the SELECT, which runs in the transaction of the statement that calls.
pub fn read(
    body: &Body,
    statement: &mut HostStatement,
    program: &Program,
) -> Result<Box<dyn State>> {
    let fold = body.fold;
    let mut state = fold.start(&program.spec)?;
    let columns = statement.columns();
    if !statement.only_reads() || !fold.wide && columns != fold.input.len() {
        return Err(error(
            "internal error: it reads by no SELECT of its columns",
        ));
    }
    for (i, value) in program.parameters.iter().enumerate() {
        statement.bind(i + 1, parameter(value))?;
    }
    while statement.step()? {
        if fold.wide {
            let value = |i| match Argument::read(&VALUE, statement.value(i))? {
                Argument::Value(value) => Ok(value),
                Argument::Vector(_) => Ok(ValueRef::Null),
            };
            let row: Result<Vec<ValueRef<'_>>> = (0..columns).map(value).collect();
            state.row(&row?)?;
            continue;
        }
        let columns = fold.input.iter().enumerate();
        let read = columns.map(|(i, column)| Argument::read(column, statement.value(i)));
        let read = read.collect::<Result<Vec<_>>>()?;
        let row: Vec<ValueRef<'_>> = read.iter().map(Argument::value).collect();
        fold.check(&row)?;
        state.row(&row)?;
    }
    Ok(state)
}

/// The database of the caller.
struct Caller<'a> {
    registry: &'a Registry,
    /// What SQLite said, with its code.
    failure: Cell<Option<Error>>,
}

impl Database for Caller<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn vector_table(&self, name: &str) -> lumos_core::Result<VectorTable> {
        let store = self.registry.find(name).map_err(|e| {
            let error = lumos_core::Error::new(&*e.message);
            self.failure.set(Some(e));
            error
        })?;
        Ok(store.described())
    }

    fn columns(&self, from: &str) -> lumos_core::Result<Vec<String>> {
        let read = || {
            let connection = self.registry.connection()?;
            let sql = format!("SELECT * FROM {from}");
            // What is wrong is said in SQLite's words alone: rusqlite adds the statement, which is none of the caller's.
            HostStatement::own(&connection, &sql)?;
            let statement = connection.prepare(&sql)?;
            let names = statement.column_names();
            Ok(names.into_iter().map(str::to_owned).collect())
        };
        read().map_err(|e: Error| {
            let error = lumos_core::Error::new(&*e.message);
            self.failure.set(Some(e));
            error
        })
    }
}

/// A value of the type that its argument or column has.
pub enum Argument<'a> {
    /// As SQLite has it.
    Value(ValueRef<'a>),
    /// Decoded.
    Vector(Vec<f32>),
}

impl<'a> Argument<'a> {
    /// Errors if the value is of another type.
    pub fn read(param: &Param, value: impl Into<types::ValueRef<'a>>) -> Result<Argument<'a>> {
        let value = value.into();
        let wrong = |give: &str| {
            let what = article(value.data_type());
            error(format!("{} is {what}; give {give}", param.name))
        };
        let read = match (param.ty, value) {
            (_, types::ValueRef::Null) => ValueRef::Null,
            (Type::Vector, value) => {
                return Ok(Argument::Vector(values::vector(value, param.name)?));
            }
            (Type::Integer, value) => match arguments::whole(value) {
                types::ValueRef::Integer(v) => ValueRef::Integer(v),
                _ => return Err(wrong("a whole number")),
            },
            (Type::Real, types::ValueRef::Integer(v)) => ValueRef::Real(v as f64),
            (Type::Real | Type::Time | Type::Any, types::ValueRef::Real(v)) => ValueRef::Real(v),
            (Type::Real, _) => return Err(wrong("a number")),
            (Type::Text | Type::Time | Type::Any, types::ValueRef::Text(v)) => {
                ValueRef::Text(utf8(v)?)
            }
            (Type::Json | Type::List, types::ValueRef::Text(v)) => ValueRef::Text(utf8(v)?),
            (Type::Text, _) => return Err(wrong("a text")),
            (Type::Json, _) => return Err(wrong("a JSON object")),
            (Type::List, _) => return Err(wrong("a JSON array")),
            (Type::Blob | Type::Time | Type::Any, types::ValueRef::Blob(v)) => ValueRef::Blob(v),
            (Type::Blob, _) => return Err(wrong("a BLOB")),
            (Type::Time | Type::Any, types::ValueRef::Integer(v)) => ValueRef::Integer(v),
        };
        Ok(Argument::Value(read))
    }

    pub fn value(&self) -> ValueRef<'_> {
        match self {
            Argument::Value(value) => *value,
            Argument::Vector(vector) => ValueRef::Vector(vector),
        }
    }
}

/// A value of the core's as one that a parameter takes.
pub fn parameter(value: &lumos_core::Value) -> types::ValueRef<'_> {
    match value {
        lumos_core::Value::Null => types::ValueRef::Null,
        lumos_core::Value::Integer(v) => types::ValueRef::Integer(*v),
        lumos_core::Value::Real(v) => types::ValueRef::Real(*v),
        lumos_core::Value::Text(v) => types::ValueRef::Text(v.as_bytes()),
        lumos_core::Value::Blob(v) => types::ValueRef::Blob(v),
    }
}

/// A value of the core's as one of SQLite's.
pub fn output(value: lumos_core::Value) -> Value {
    match value {
        lumos_core::Value::Null => Value::Null,
        lumos_core::Value::Integer(v) => Value::Integer(v),
        lumos_core::Value::Real(v) => Value::Real(v),
        lumos_core::Value::Text(v) => Value::Text(v),
        lumos_core::Value::Blob(v) => Value::Blob(v),
    }
}
