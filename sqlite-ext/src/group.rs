//! The aggregates of the list whose bodies are folds of their arguments, [`lumos_core::Body::Group`].

use std::panic::AssertUnwindSafe;

use lumos_core::functions::FUNCTIONS;
use lumos_core::program::{Fold, State};
use lumos_core::{Body, Engines, Function, Type, ValueRef};
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::Value;
use rusqlite::{Connection, Result};

use crate::error;
use crate::host::guard;
use crate::program::{Argument, output};
use crate::values::JSON_SUBTYPE;

/// Registers all of them, with each number of arguments that they take.
pub fn register(connection: &Connection) -> Result<()> {
    for &function in FUNCTIONS.iter().filter(|f| f.engines != Engines::DuckDb) {
        let Body::Group(fold) = function.body else {
            continue;
        };
        let json = fold.output.iter().any(|(_, ty)| *ty == Type::Json);
        let mut flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
        if function.deterministic {
            flags |= FunctionFlags::SQLITE_DETERMINISTIC;
        }
        if json {
            flags |= FunctionFlags::SQLITE_RESULT_SUBTYPE;
        }
        for arity in function.min_args()..=function.params.len() {
            let group = Group {
                function,
                fold,
                subtype: json.then_some(JSON_SUBTYPE),
            };
            connection.create_aggregate_function(function.name, arity as i32, flags, group)?;
        }
    }
    Ok(())
}

struct Group {
    function: &'static Function,
    fold: &'static Fold,
    subtype: Option<u32>,
}

/// What a group has of its rows, if it has had one. After a panic nothing looks at it but its end.
type Rows = AssertUnwindSafe<Option<Box<dyn State>>>;

impl Aggregate<Rows, (Value, Option<u32>)> for Group {
    fn init(&self, _: &mut Context<'_>) -> Result<Rows> {
        Ok(AssertUnwindSafe(None))
    }

    fn step(&self, ctx: &mut Context<'_>, rows: &mut Rows) -> Result<()> {
        guard(self.function.name, || self.row(ctx, rows))
    }

    fn finalize(&self, _: &mut Context<'_>, rows: Option<Rows>) -> Result<(Value, Option<u32>)> {
        guard(self.function.name, || {
            let mut value = Value::Null;
            if let Some(state) = rows.and_then(|rows| rows.0) {
                state.finish(&mut |row| {
                    value = row.into_iter().next().map_or(Value::Null, output);
                    Ok(())
                })?;
            }
            Ok((value, self.subtype))
        })
    }
}

impl Group {
    fn row(&self, ctx: &Context<'_>, rows: &mut Rows) -> error::Result<()> {
        let state = match &mut rows.0 {
            Some(state) => state,
            none => none.insert(self.fold.start("")?),
        };
        let params = self.function.params.iter().enumerate();
        let given = params.map(|(i, param)| {
            if i < ctx.len() {
                Argument::read(param, ctx.get_raw(i))
            } else {
                Ok(Argument::Value(ValueRef::Null))
            }
        });
        let given = given.collect::<error::Result<Vec<_>>>()?;
        let row: Vec<ValueRef<'_>> = given.iter().map(Argument::value).collect();
        Ok(state.row(&row)?)
    }
}
