//! Functions that read rows of the caller's tables: *one SELECT and a fold*, the same in both engines.
//!
//! Pure code writes one SELECT in the engine's dialect, the engine runs it in the caller's transaction, and pure code
//! folds its rows into those of the answer. No engine is needed to write or to test either.
//!
//! - In SQLite one table-valued function runs them all (`sqlite-ext/src/program.rs`): the SELECT is a nested statement
//!   of the caller's connection, under its authorizer, and ends when the caller is interrupted.
//! - In DuckDB a function has no connection. It returns the text of a query, for `FROM query(f(...))`, in which the fold
//!   is an aggregate, `_lumos_<name>` (`duckdb-ext/src/fold.rs`).
//!
//! # To write one
//!
//! 1. A struct that implements [`FoldState`]: begin by what the call asks for, take a row, take over what another
//!    thread of DuckDB has, give the rows of the answer. Rows come in any order; one that must have an order has a
//!    column for it.
//! 2. `const FOLD: Fold = Fold::new::<State>("name", INPUT, OUTPUT)`: the columns that it takes and gives. A NULL in a
//!    column that is not optional, or a value of another type, is an error before it comes to [`FoldState::row`].
//! 3. A function of the call's arguments that gives a [`Program`]: the SELECT, whose columns are those of `INPUT` in
//!    that order, and the text for [`FoldState::start`]. Values go in by [`Parameters::add`], names by
//!    [`crate::sql::identifier`], a column's behind its table's, `t."x"`: SQLite reads a lone name in double quotes that
//!    no column has as a text.
//! 4. In the function's definition `kind: Kind::Table(FOLD.output)` and `body: Body::Rows(&Rows { .. })`.
//!
//! Like [`crate::search::recall`].

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::sql::lexer::Dialect;
use crate::sql::{identifier, literal, value};
use crate::vector::table::VectorTable;
use crate::{Error, Example, Param, Result, Type, Value, ValueRef};

/// The body of a function that reads rows.
#[derive(Debug)]
pub struct Rows {
    /// Writes the SELECT from the arguments of the call, all of the list: one that was left out is NULL.
    pub program: fn(&[ValueRef<'_>], &dyn Database) -> Result<Program>,
    /// Makes the answer of its rows.
    pub fold: &'static Fold,
    /// The examples in DuckDB, if they are not those of SQLite with `FROM query(f(...))` in place of `FROM f(...)`.
    pub in_duckdb: &'static [Example],
}

/// What an engine is to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// One SELECT that gives the columns of the fold's input, in their order.
    pub read: String,
    /// The values of its parameters, see [`Parameters`].
    pub parameters: Vec<Value>,
    /// What [`FoldState::start`] is told.
    pub spec: String,
}

/// What pure code may ask of the database that a call comes from.
pub trait Database {
    /// Whose SQL it takes.
    fn dialect(&self) -> Dialect;

    /// The table of `lumos_vec` with this name, `v` or `main.v`. Errors if there is none, as in DuckDB, always.
    fn vector_table(&self, name: &str) -> Result<VectorTable>;

    /// The function that is called, for errors of the SELECT itself; empty where the engine names it.
    fn caller(&self) -> &str {
        ""
    }

    /// The names of the columns of what stands behind FROM: the name of a table, or a query in parentheses. Errors if there
    /// is no such table or the query is wrong; in DuckDB, always.
    fn columns(&self, from: &str) -> Result<Vec<String>> {
        Err(Error::new(format!("the columns of {from} are not known")))
    }
}

/// DuckDB, which tells nothing while a text is written, and the function that is called.
struct DuckDb<'a>(&'a str);

impl Database for DuckDb<'_> {
    fn caller(&self) -> &str {
        self.0
    }

    fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    fn vector_table(&self, name: &str) -> Result<VectorTable> {
        Err(Error::new(format!(
            "{name} is no table with columns; give one like docs(id, e)"
        )))
    }
}

/// What names a row: a value of [`Type::Any`]. In the order of both engines: numbers, then texts by their bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// An integer.
    Integer(i64),
    /// A text; in DuckDB also a UUID.
    Text(Box<str>),
}

impl Id {
    /// Errors if the value is neither.
    pub fn read(value: ValueRef<'_>) -> Result<Id> {
        match value {
            ValueRef::Integer(id) => Ok(Id::Integer(id)),
            ValueRef::Text(id) => Ok(Id::Text(id.into())),
            _ => Err(Error::new(
                "the id of a row is neither an integer nor a text",
            )),
        }
    }
}

impl From<Id> for Value {
    fn from(id: Id) -> Value {
        match id {
            Id::Integer(id) => Value::Integer(id),
            Id::Text(id) => Value::Text(id.into()),
        }
    }
}

/// The values in a SELECT: parameters in SQLite, where a text may have any length, and literals in DuckDB, where the
/// text is all that a function gives.
pub struct Parameters {
    dialect: Dialect,
    values: Vec<Value>,
}

impl Parameters {
    /// None yet.
    pub fn new(dialect: Dialect) -> Parameters {
        Parameters {
            dialect,
            values: Vec::new(),
        }
    }

    /// Adds a value; returns what stands for it in the SELECT.
    pub fn add(&mut self, given: Value) -> String {
        match self.dialect {
            Dialect::DuckDb => value(&given),
            Dialect::Sqlite => {
                self.values.push(given);
                format!("?{}", self.values.len())
            }
        }
    }

    /// The same for a SELECT that is kept, with the type of the value and of what it is compared to. SQLite may look at the
    /// value of a bare parameter to plan by it, and then plans anew for every other.
    pub fn add_kept(&mut self, given: Value) -> String {
        let ty = match (self.dialect, &given) {
            (Dialect::Sqlite, Value::Integer(_)) => "INTEGER",
            (Dialect::Sqlite, Value::Text(_)) => "TEXT",
            _ => return self.add(given),
        };
        format!("CAST({} AS {ty})", self.add(given))
    }

    /// The values, for [`Program::parameters`].
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }
}

/// How the rows of a SELECT become those of an answer.
#[derive(Debug)]
pub struct Fold {
    /// Lower-case letters and underscores.
    pub name: &'static str,
    /// The columns that it takes; optional ones may be NULL. In DuckDB columns of [`Type::Any`] are all BIGINT, all
    /// UUID, given as text, or all VARCHAR.
    pub input: &'static [Param],
    /// The columns that it gives. In DuckDB those of [`Type::Any`] are of the type that such columns of the input have.
    pub output: &'static [(&'static str, Type)],
    /// Whether in SQLite its SELECT has columns of any number and type in place of `input`; what it begins by names them.
    pub wide: bool,
    /// How DuckDB may part the rows, if it may.
    parts: Option<Parts>,
    start: fn(&str, &Kept) -> Result<Box<dyn State>>,
}

/// Rows that are answered apart: a state for each part, so that DuckDB can use its threads, and can end between two parts
/// when it is interrupted, of which an aggregate hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// The column of the input, a text, whose rows of one value stay together. It is the first of the output, and the answer
    /// is in its order, NULL first.
    pub key: &'static str,
    /// The condition of DuckDB for rows that all parts get.
    pub common: &'static str,
}

/// How many parts there are.
const PARTS: usize = 16;

/// The one value of the ENUM that the aggregate of a fold of times takes last. A form of it takes a text there, and times of any
/// type: so DuckDB, which counts the casts, takes that form for times that no other has, and its error is the caller's.
pub const NO_TEXT: &str = "none";

/// What stands before the text that a fold of [`Parts`] begins by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Nothing: all rows are there.
    Whole,
    /// Its rows are one part.
    Part,
    /// It gives no rows, and errors if what all parts have together is wrong.
    Check,
}

impl Share {
    const NAMES: [(Share, &str); 2] = [(Share::Part, "part "), (Share::Check, "check ")];

    /// Takes it from the text.
    pub fn read(spec: &str) -> (Share, &str) {
        let named = |(share, name): (Share, &str)| Some((share, spec.strip_prefix(name)?));
        let mut found = Share::NAMES.into_iter().filter_map(named);
        found.next().unwrap_or((Share::Whole, spec))
    }

    fn write(self, spec: &str) -> String {
        let named = Share::NAMES.iter().find(|(share, _)| *share == self);
        format!("{}{spec}", named.map_or("", |(_, name)| name))
    }
}

/// What a database of DuckDB keeps in memory between statements, one value of each type, until it is closed.
#[derive(Default)]
pub struct Kept(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Kept {
    /// The value of this type, a new one if there is none yet.
    pub fn of<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Arc::new(T::default()));
        Arc::clone(kept).downcast().unwrap_or_default()
    }
}

impl Fold {
    /// A fold by this state.
    pub const fn new<S: FoldState>(
        name: &'static str,
        input: &'static [Param],
        output: &'static [(&'static str, Type)],
    ) -> Fold {
        Fold {
            name,
            input,
            output,
            wide: false,
            parts: None,
            start: |spec, kept| Ok(Box::new(S::start_in(spec, kept)?)),
        }
    }

    /// The same fold, [`Fold::wide`].
    pub const fn wide(self) -> Fold {
        Fold { wide: true, ..self }
    }

    /// The same whose rows may be parted. Its state reads [`Share`].
    pub const fn in_parts(mut self, parts: Parts) -> Fold {
        self.parts = Some(parts);
        self
    }

    /// Begins. Errors if the text is none that a [`Program`] of this fold has.
    pub fn start(&self, spec: &str) -> Result<Box<dyn State>> {
        self.start_in(spec, &Kept::default())
    }

    /// The same in a database of DuckDB. Errors as that does.
    pub fn start_in(&self, spec: &str, kept: &Kept) -> Result<Box<dyn State>> {
        (self.start)(spec, kept)
    }

    /// The aggregate's name in DuckDB.
    pub fn aggregate(&self) -> String {
        format!("_lumos_{}", self.name)
    }

    /// Errors if a row has a NULL that its column does not take.
    pub fn check(&self, row: &[ValueRef<'_>]) -> Result<()> {
        let columns = self.input.iter().zip(row);
        let null = columns.filter(|(column, value)| !column.optional && **value == ValueRef::Null);
        match null.map(|(column, _)| column.name).next() {
            Some(name) => Err(Error::new(format!("{name} is NULL in a row that it reads"))),
            None => Ok(()),
        }
    }
}

/// Says whether the caller wants the call to end.
pub type Stopped<'a> = &'a dyn Fn() -> bool;

/// Errors if the caller wants the call to end: for what takes long, every few milliseconds.
pub fn check(stopped: Stopped<'_>) -> Result<()> {
    if stopped() {
        return Err(Error::new("interrupted"));
    }
    Ok(())
}

/// What a fold keeps of the rows that it has read. In DuckDB each thread has one, and anyone may call the aggregate: it
/// trusts neither the text that it begins by nor a row.
pub trait FoldState: Clone + Send + 'static {
    /// Begins by what [`Program::spec`] says.
    fn start(spec: &str) -> Result<Self>;

    /// The same of a fold that leaves something in its database of DuckDB. Errors as that does.
    fn start_in(spec: &str, _kept: &Kept) -> Result<Self> {
        Self::start(spec)
    }

    /// Takes a row, in the order and of the types of the input's columns.
    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()>;

    /// Takes over what another has read, begun by the same text.
    fn merge(&mut self, other: &Self);

    /// Gives the rows of the answer, in its order.
    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()>;

    /// The same of a fold that takes long, which [`check`]s whether it is to end. DuckDB's aggregates cannot be told.
    fn finish_until(
        &self,
        _stopped: Stopped<'_>,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        self.finish(emit)
    }
}

/// A [`FoldState`] of any type.
pub trait State: Send {
    /// See [`FoldState::row`].
    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()>;

    /// See [`FoldState::merge`]. Errors if the other is of another fold.
    fn merge(&mut self, other: &dyn State) -> Result<()>;

    /// See [`FoldState::finish`].
    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()>;

    /// See [`FoldState::finish_until`].
    fn finish_until(
        &self,
        stopped: Stopped<'_>,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()>;

    /// Another like it.
    fn copy(&self) -> Box<dyn State>;

    /// For [`Self::merge`].
    fn as_any(&self) -> &dyn Any;
}

impl<S: FoldState> State for S {
    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        FoldState::row(self, row)
    }

    fn merge(&mut self, other: &dyn State) -> Result<()> {
        let other = other.as_any().downcast_ref::<S>();
        let other = other.ok_or_else(|| Error::new("internal error: states of two folds"))?;
        FoldState::merge(self, other);
        Ok(())
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        FoldState::finish(self, emit)
    }

    fn finish_until(
        &self,
        stopped: Stopped<'_>,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        FoldState::finish_until(self, stopped, emit)
    }

    fn copy(&self) -> Box<dyn State> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Rows {
    /// The query that a call of this function is in DuckDB. Errors if the arguments are none that the function takes.
    pub fn sql(&self, caller: &str, arguments: &[ValueRef<'_>]) -> Result<String> {
        let Program { read, spec, .. } = (self.program)(arguments, &DuckDb(caller))?;
        self.fold.sql(&read, &spec)
    }
}

impl Fold {
    /// The query of DuckDB that folds the rows of another, begun by this text. Errors if `spec` is none that a
    /// [`Program`] of this fold has.
    pub fn sql(&self, read: &str, spec: &str) -> Result<String> {
        let columns: Vec<String> = self.input.iter().map(|c| identifier(c.name)).collect();
        let columns = columns.join(", ");
        let member = |(name, _): &(&str, Type)| {
            let name = identifier(name);
            format!("lumos_row.{name} AS {name}")
        };
        let members: Vec<String> = self.output.iter().map(member).collect();
        let members = members.join(", ");
        if let Some(parts) = self.parts {
            return Ok(self.in_parts_sql(parts, read, spec, &columns, &members));
        }
        let rows = self.call(spec, &columns);
        // Without a row the aggregate is NULL, since it knows nothing of the call.
        let rows = match self.of_no_row(spec)? {
            None => rows,
            Some(list) => format!("coalesce({rows}, {list})"),
        };
        Ok(format!(
            "SELECT {members} FROM (SELECT unnest({rows}) AS lumos_row FROM ({read}) AS lumos_rows({columns}))"
        ))
    }

    fn in_parts_sql(
        &self,
        parts: Parts,
        read: &str,
        spec: &str,
        columns: &str,
        members: &str,
    ) -> String {
        let key = identifier(parts.key);
        let select = |share: Share, condition: &str| {
            let list = self.call(&share.write(spec), columns);
            format!("SELECT {list} AS lumos_list FROM lumos_rows{condition}")
        };
        let part = |part: usize| {
            let common = parts.common;
            select(
                Share::Part,
                &format!(" WHERE lumos_part = {part} OR ({common})"),
            )
        };
        let mut selects: Vec<String> = (0..PARTS).map(part).collect();
        selects.push(select(Share::Check, ""));
        format!(
            "WITH lumos_rows AS MATERIALIZED (SELECT *, hash({key}) % {PARTS} AS lumos_part FROM ({read}) AS lumos_read({columns})) SELECT {members} FROM (SELECT unnest(lumos_list) AS lumos_row, generate_subscripts(lumos_list, 1) AS lumos_at FROM ({})) ORDER BY encode(lumos_row.{key}) NULLS FIRST, lumos_at",
            selects.join(" UNION ALL ")
        )
    }

    /// The call of its aggregate. Behind the columns of a fold of times stands a constant of [`NO_TEXT`].
    fn call(&self, spec: &str, columns: &str) -> String {
        let end = if self.takes_times() {
            format!(", NULL::ENUM({})", literal(NO_TEXT))
        } else {
            String::new()
        };
        format!("{}({}, {columns}{end})", self.aggregate(), literal(spec))
    }

    /// Whether a column is one of times.
    pub fn takes_times(&self) -> bool {
        self.input.iter().any(|column| column.ty == Type::Time)
    }

    /// What it gives where there is no row to read, as a list of DuckDB; `None` if nothing.
    fn of_no_row(&self, spec: &str) -> Result<Option<String>> {
        let mut rows = Vec::new();
        self.start(spec)?.finish(&mut |row| {
            let members = self.output.iter().zip(&row);
            let members: Vec<String> = members
                .map(|((name, _), member)| format!("{}: {}", literal(name), value(member)))
                .collect();
            rows.push(format!("{{{}}}", members.join(", ")));
            Ok(())
        })?;
        Ok((!rows.is_empty()).then(|| format!("[{}]", rows.join(", "))))
    }
}

/// A statement of SQLite with these functions in FROM, as DuckDB has it: `FROM query(f(...))` in place of `FROM f(...)`.
pub fn in_duckdb(sql: &str, name: &str) -> String {
    use crate::sql::lexer::{Kind, tokens};
    let tokens = tokens(sql, Dialect::Sqlite);
    let mut out = String::new();
    let mut copied = 0;
    for (i, token) in tokens.iter().enumerate() {
        if !token.is(sql, name) || tokens.get(i + 1).map(|t| t.kind) != Some(Kind::Sign('(')) {
            continue;
        }
        let mut depth = 0;
        let end = tokens[i + 1..].iter().find(|t| {
            depth += match t.kind {
                Kind::Sign('(') => 1,
                Kind::Sign(')') => -1,
                _ => 0,
            };
            depth == 0
        });
        if let Some(end) = end
            .map(|t| t.span.end)
            .filter(|_| token.span.start >= copied)
        {
            out.push_str(&sql[copied..token.span.start]);
            out.push_str(&format!("query({})", &sql[token.span.start..end]));
            copied = end;
        }
    }
    out + &sql[copied..]
}

/// The rows of an answer, for tests. Errors if what gives them does.
#[cfg(test)]
pub fn rows_of(
    finish: impl FnOnce(&mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()>,
) -> Result<Vec<Vec<Value>>> {
    let mut found = Vec::new();
    finish(&mut |row| {
        found.push(row);
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Sum(i64, i64);

    impl FoldState for Sum {
        fn start(spec: &str) -> Result<Self> {
            let first = spec.parse().map_err(|_| Error::new("no number"))?;
            Ok(Sum(first, 0))
        }

        fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
            if let [ValueRef::Integer(n), _] = row {
                self.1 += n;
            }
            Ok(())
        }

        fn merge(&mut self, other: &Self) {
            self.1 += other.1;
        }

        fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
            match self.0 {
                0 => Ok(()),
                first => emit(vec![Value::Integer(first + self.1), Value::Null]),
            }
        }
    }

    const FOLD: Fold = Fold::new::<Sum>(
        "sum",
        &[
            Param::new("n", Type::Integer),
            Param::optional("x", Type::Any),
        ],
        &[("total", Type::Integer), ("x", Type::Any)],
    );

    fn program(arguments: &[ValueRef<'_>], database: &dyn Database) -> Result<Program> {
        let ValueRef::Integer(first) = arguments[0] else {
            return Err(Error::new("no first"));
        };
        let mut parameters = Parameters::new(database.dialect());
        let it = parameters.add(Value::Text("it's".into()));
        Ok(Program {
            read: format!("SELECT n, {it} FROM t"),
            parameters: parameters.into_values(),
            spec: first.to_string(),
        })
    }

    const ROWS: Rows = Rows {
        program,
        fold: &FOLD,
        in_duckdb: &[],
    };

    #[test]
    fn in_duckdb_it_is_one_text() {
        assert_eq!(
            ROWS.sql("f", &[ValueRef::Integer(2)]).unwrap(),
            "SELECT lumos_row.\"total\" AS \"total\", lumos_row.\"x\" AS \"x\" FROM (SELECT unnest(coalesce(\
             _lumos_sum('2', \"n\", \"x\"), [{'total': 2, 'x': NULL}])) AS lumos_row FROM (SELECT n, 'it''s' FROM t) \
             AS lumos_rows(\"n\", \"x\"))"
        );
        let none = ROWS.sql("f", &[ValueRef::Integer(0)]).unwrap();
        assert!(none.contains("unnest(_lumos_sum('0',") && !none.contains("coalesce"));
        assert!(ROWS.sql("f", &[ValueRef::Null]).is_err());
    }

    #[test]
    fn states_of_threads_come_together() {
        let (mut one, mut other) = (FOLD.start("1").unwrap(), FOLD.start("1").unwrap());
        one.row(&[ValueRef::Integer(10), ValueRef::Null]).unwrap();
        other.row(&[ValueRef::Integer(20), ValueRef::Null]).unwrap();
        one.merge(&*other).unwrap();
        let mut copy = one.copy();
        copy.row(&[ValueRef::Integer(5), ValueRef::Null]).unwrap();
        let mut found = Vec::new();
        for state in [&one, &copy] {
            let mut keep = |row: Vec<Value>| {
                found.push(row[0].clone());
                Ok(())
            };
            state.finish(&mut keep).unwrap();
        }
        assert_eq!(found, [Value::Integer(31), Value::Integer(36)]);
        assert!(FOLD.start("x").is_err());
        let refused = FOLD.check(&[ValueRef::Null, ValueRef::Null]).unwrap_err();
        assert_eq!(refused.to_string(), "n is NULL in a row that it reads");
        assert!(FOLD.check(&[ValueRef::Integer(1), ValueRef::Null]).is_ok());
    }

    #[test]
    fn statements_are_written_for_duckdb() {
        for (sqlite, duckdb) in [
            (
                "SELECT a FROM f('x', (1), ')') WHERE b",
                "SELECT a FROM query(f('x', (1), ')')) WHERE b",
            ),
            (
                "SELECT * FROM F(1) a, f(f(2))",
                "SELECT * FROM query(F(1)) a, query(f(f(2)))",
            ),
            ("SELECT 'f(1)', g(1), f", "SELECT 'f(1)', g(1), f"),
        ] {
            assert_eq!(in_duckdb(sqlite, "f"), duckdb);
        }
    }
}
