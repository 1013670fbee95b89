//! The scalar functions: each from the list, with its body from `lumos-core` or from here.

use std::sync::Arc;

use lumos_core::functions::FUNCTIONS;
use lumos_core::vector::format::{self, Format};
use lumos_core::{Body, Engines, Function, Kind, Nulls, Type, ValueRef, embed, vector};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{self, Value};
use rusqlite::{Connection, Result};

use crate::error::{self, Error, error};
use crate::functions::{self, Call};
use crate::host::{entered, now_and_then};
use crate::session::Session;
use crate::values::{self, JSON_SUBTYPE, utf8};

/// Registers every scalar function of the list, with each number of arguments that it takes.
pub fn register(connection: &Connection, session: &Arc<Session>) -> Result<()> {
    let here = |f: &&Function| f.engines != Engines::DuckDb;
    for function in FUNCTIONS.iter().copied().filter(here) {
        let Kind::Scalar(result) = function.kind else {
            continue;
        };
        if matches!(function.body, Body::Host) && !functions::has_body(function) {
            return Err(functions::no_body(function).named(function.name));
        }
        let subtype = (result == Type::Json).then_some(JSON_SUBTYPE);
        for arity in function.min_args()..=function.params.len() {
            let mut flags = FunctionFlags::SQLITE_UTF8;
            // What a model answers is not the same for ever, and may go to a server that only the host trusts.
            let model = function.names_model(arity);
            if function.deterministic && !model {
                flags |= FunctionFlags::SQLITE_DETERMINISTIC;
            }
            // Pure functions are harmless anywhere; the others have the power of files and SQL.
            flags |= match function.body {
                Body::Pure(_) | Body::Long(_) if !model => FunctionFlags::SQLITE_INNOCUOUS,
                _ => FunctionFlags::SQLITE_DIRECTONLY,
            };
            if subtype.is_some() {
                flags |= FunctionFlags::SQLITE_RESULT_SUBTYPE;
            }
            let session = Arc::clone(session);
            connection.create_scalar_function(function.name, arity as i32, flags, move |ctx| {
                entered(function.name, || {
                    call(function, ctx, &session).map(|value| (value, subtype))
                })
            })?;
        }
    }
    Ok(())
}

fn call(
    function: &'static Function,
    ctx: &Context<'_>,
    session: &Arc<Session>,
) -> error::Result<Value> {
    let null = (0..ctx.len()).any(|i| ctx.get_raw(i) == types::ValueRef::Null);
    if function.nulls == Nulls::Propagate && null {
        return Ok(Value::Null);
    }
    match function.body {
        Body::Pure(_) if function.name == "lumos_embed" && ctx.len() == 2 => embed(ctx, session),
        Body::Pure(body) => pure(function, body, ctx),
        Body::Long(body) => {
            let stop = session.stop();
            let stopped = now_and_then(|| stop());
            match pure(function, |args| body(args, &stopped), ctx) {
                Err(_) if stopped() => Err(Error::interrupted()),
                found => found,
            }
        }
        Body::Group(_) | Body::Rows(_) | Body::Sql(_) => {
            Err(error("internal error: it is no scalar"))
        }
        Body::Host => functions::run(&Call {
            function,
            arguments: ctx,
            session,
        }),
    }
}

/// The most arguments of a function.
const MOST_ARGUMENTS: usize = 16;

fn pure(
    function: &Function,
    body: impl Fn(&[ValueRef<'_>]) -> lumos_core::Result<lumos_core::Value>,
    ctx: &Context<'_>,
) -> error::Result<Value> {
    // On the stack: what is called for each of a million rows is not to ask for memory.
    let count = ctx.len();
    let mut vectors = [const { None }; MOST_ARGUMENTS];
    let mut arguments = [ValueRef::Null; MOST_ARGUMENTS];
    if count > MOST_ARGUMENTS {
        return Err(error("internal error: it has too many arguments"));
    }
    // Vectors are decoded first, so that the arguments can borrow them.
    for (i, param) in function.params.iter().enumerate().take(count) {
        vectors[i] = match (param.ty, ctx.get_raw(i)) {
            (Type::Vector, types::ValueRef::Text(text)) => Some(parsed(ctx, i, text)?),
            (Type::Vector, types::ValueRef::Null) => None,
            (Type::Vector, value) => Some(Arc::new(values::vector(value, param.name)?)),
            _ => None,
        };
    }
    for (i, argument) in arguments.iter_mut().enumerate().take(count) {
        *argument = match (&vectors[i], ctx.get_raw(i)) {
            (Some(vector), _) => ValueRef::Vector(vector),
            (_, types::ValueRef::Null) => ValueRef::Null,
            (_, types::ValueRef::Integer(v)) => ValueRef::Integer(v),
            (_, types::ValueRef::Real(v)) if function.params[i].ty == Type::Integer => {
                ValueRef::Real(v).whole()
            }
            (_, types::ValueRef::Real(v)) => ValueRef::Real(v),
            (_, types::ValueRef::Text(v)) => ValueRef::Text(utf8(v)?),
            (_, types::ValueRef::Blob(v)) => ValueRef::Blob(v),
        };
    }
    let arguments = &arguments[..count];
    Ok(match body(arguments)? {
        lumos_core::Value::Null => Value::Null,
        lumos_core::Value::Integer(v) => Value::Integer(v),
        lumos_core::Value::Real(v) => Value::Real(v),
        lumos_core::Value::Text(v) => Value::Text(v),
        lumos_core::Value::Blob(v) => Value::Blob(v),
    })
}

/// `lumos_embed(text, model)`, which a server may answer: the host can stop it while it waits.
fn embed(ctx: &Context<'_>, session: &Arc<Session>) -> error::Result<Value> {
    let (types::ValueRef::Text(text), types::ValueRef::Text(model)) =
        (ctx.get_raw(0), ctx.get_raw(1))
    else {
        return Err(error("takes a text, and the name of a model as text"));
    };
    let stop = session.stop();
    match embed::models::embed_all(&[utf8(text)?], utf8(model)?, &stop) {
        Err(_) if stop() => Err(Error::interrupted()),
        vectors => Ok(Value::Blob(format::encode(
            &vectors?.concat(),
            Format::F32,
        )?)),
    }
}

/// The vector in JSON text; parsed once a statement where the text is a constant.
fn parsed(ctx: &Context<'_>, i: usize, text: &[u8]) -> error::Result<Arc<Vec<f32>>> {
    match ctx.get_aux(i as i32)? {
        Some(vector) => Ok(vector),
        None => Ok(ctx.set_aux(i as i32, vector::from_json(utf8(text)?)?)?),
    }
}
