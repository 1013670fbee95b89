//! The scalar functions: each from the list, with its body from `lumos-core` or from here.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use lumos_core::functions::FUNCTIONS;
use lumos_core::options::Options;
use lumos_core::vector::format::{self, Format};
use lumos_core::{Body, Engines, Function, Kind, Nulls, Type, ValueRef, embed, vector};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{self, Value};
use rusqlite::{Connection, Result};
use serde_json::Value as Json;

use crate::error::{self, Error, error};
use crate::host::{check_interrupt, guard};
use crate::layout::{optimize, policy};
use crate::mirror::Mirror;
use crate::progress::Progress;
use crate::query::{exec, files};
use crate::session::{self, Session};
use crate::sync::{self, lag, repair, track};
use crate::vector::compat;

/// The subtype by which SQLite's JSON functions know JSON from text.
pub const JSON_SUBTYPE: u32 = b'J' as u32;

/// Registers every scalar function of the list, with each number of arguments that it takes.
pub fn register(connection: &Connection, session: &Arc<Session>) -> Result<()> {
    let here = |f: &&Function| f.engines != Engines::DuckDb;
    for function in FUNCTIONS.iter().copied().filter(here) {
        let Kind::Scalar(result) = function.kind else {
            continue;
        };
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
                Body::Pure(_) if !model => FunctionFlags::SQLITE_INNOCUOUS,
                _ => FunctionFlags::SQLITE_DIRECTONLY,
            };
            if subtype.is_some() {
                flags |= FunctionFlags::SQLITE_RESULT_SUBTYPE;
            }
            let session = Arc::clone(session);
            connection.create_scalar_function(function.name, arity as i32, flags, move |ctx| {
                guard(function.name, || {
                    call(function, ctx, &session).map(|value| (value, subtype))
                })
            })?;
        }
    }
    Ok(())
}

fn call(function: &Function, ctx: &Context<'_>, session: &Arc<Session>) -> error::Result<Value> {
    let null = (0..ctx.len()).any(|i| ctx.get_raw(i) == types::ValueRef::Null);
    if function.nulls == Nulls::Propagate && null {
        return Ok(Value::Null);
    }
    match function.body {
        Body::Pure(_) if function.name == "lumos_embed" && ctx.len() == 2 => embed(ctx, session),
        Body::Pure(body) => pure(function, body, ctx),
        Body::Host => host(function, ctx, session),
    }
}

type PureBody = fn(&[ValueRef<'_>]) -> lumos_core::Result<lumos_core::Value>;

fn pure(function: &Function, body: PureBody, ctx: &Context<'_>) -> error::Result<Value> {
    // Vectors are decoded first, so that the arguments can borrow them.
    let mut vectors = Vec::new();
    for (i, param) in function.params.iter().enumerate().take(ctx.len()) {
        vectors.push(match (param.ty, ctx.get_raw(i)) {
            (Type::Vector, types::ValueRef::Text(text)) => Some(parsed(ctx, i, text)?),
            (Type::Vector, types::ValueRef::Null) => None,
            (Type::Vector, value) => Some(Arc::new(vector(value, param.name)?)),
            _ => None,
        });
    }
    let arguments = (0..ctx.len())
        .map(|i| match (&vectors[i], ctx.get_raw(i)) {
            (Some(vector), _) => Ok(ValueRef::Vector(vector)),
            (_, types::ValueRef::Null) => Ok(ValueRef::Null),
            (_, types::ValueRef::Integer(v)) => Ok(ValueRef::Integer(v)),
            (_, types::ValueRef::Real(v)) if function.params[i].ty == Type::Integer => {
                Ok(ValueRef::Real(v).whole())
            }
            (_, types::ValueRef::Real(v)) => Ok(ValueRef::Real(v)),
            (_, types::ValueRef::Text(v)) => utf8(v).map(ValueRef::Text),
            (_, types::ValueRef::Blob(v)) => Ok(ValueRef::Blob(v)),
        })
        .collect::<error::Result<Vec<_>>>()?;
    Ok(match body(&arguments)? {
        lumos_core::Value::Null => Value::Null,
        lumos_core::Value::Integer(v) => Value::Integer(v),
        lumos_core::Value::Real(v) => Value::Real(v),
        lumos_core::Value::Text(v) => Value::Text(v),
        lumos_core::Value::Blob(v) => Value::Blob(v),
    })
}

/// `lumos_embed(text, model)`, which a server may answer: the host can stop it between requests.
fn embed(ctx: &Context<'_>, session: &Session) -> error::Result<Value> {
    let (types::ValueRef::Text(text), types::ValueRef::Text(model)) =
        (ctx.get_raw(0), ctx.get_raw(1))
    else {
        return Err(error("takes a text, and the name of a model as text"));
    };
    let connection = session.connection()?;
    let stopped = Cell::new(false);
    let stop = || {
        stopped.set(check_interrupt(&connection).is_err());
        stopped.get()
    };
    match embed::models::embed_all(&[utf8(text)?], utf8(model)?, &stop) {
        Err(_) if stopped.get() => Err(Error::interrupted()),
        vectors => Ok(Value::Blob(format::encode(
            &vectors?.concat(),
            Format::F32,
        )?)),
    }
}

/// A vector as SQL gives it: a BLOB or JSON.
pub fn vector(value: types::ValueRef<'_>, name: &str) -> error::Result<Vec<f32>> {
    match value {
        types::ValueRef::Blob(bytes) => Ok(vector::from_bytes(bytes)?),
        types::ValueRef::Text(text) => Ok(vector::from_json(utf8(text)?)?),
        other => Err(error(format!(
            "{name} is {}; give a vector as JSON like '[1, 2.5]' or as a BLOB of 32-bit floats",
            article(other.data_type())
        ))),
    }
}

/// The vector in JSON text; parsed once a statement where the text is a constant.
fn parsed(ctx: &Context<'_>, i: usize, text: &[u8]) -> error::Result<Arc<Vec<f32>>> {
    match ctx.get_aux(i as i32)? {
        Some(vector) => Ok(vector),
        None => Ok(ctx.set_aux(i as i32, vector::from_json(utf8(text)?)?)?),
    }
}

/// The functions that need the connection or the mirror.
fn host(function: &Function, ctx: &Context<'_>, session: &Arc<Session>) -> error::Result<Value> {
    let text = |i: usize| optional_text(ctx, i, function);
    let required = |i: usize| {
        text(i)?.ok_or_else(|| error(format!("{} is NULL; give a text", function.params[i].name)))
    };
    let options = |i: usize| Options::parse(function.options, text(i)?).map_err(Error::from);
    let progress = |i: usize| Progress::of(function.name, &options(i)?);
    // A value of a column, as text.
    let value = |i: usize| match ctx.get_raw(i) {
        types::ValueRef::Integer(v) => Ok(v.to_string()),
        types::ValueRef::Real(v) => Ok(format!("{v:?}")),
        _ => required(i).map(str::to_owned),
    };
    let json = match function.name {
        "lumos_attach" => session.attach(text(0)?, &options(1)?)?,
        "lumos_detach" => return Ok(Value::Integer(session.detach()?.into())),
        "lumos_lock" => session.lock()?,
        "lumos_debug" => session::debug(&session.connection()?)?,
        "lumos_track" => {
            let connection = session.connection()?;
            let (request, progress) = track::Request::new(&connection, required(0)?, text(1)?)?;
            let attached = session.attached()?;
            track::track(&attached.link(&connection).showing(progress), request)?
        }
        "lumos_untrack" => {
            let drop_mirror = options(1)?.flag("drop_mirror").unwrap_or(true);
            let pattern = required(0)?;
            let (attached, connection) = (session.attached()?, session.connection()?);
            track::untrack(&attached.link(&connection), pattern, drop_mirror)?
        }
        "lumos_repair" => repair::repair(session, required(0)?, progress(1)?)?,
        "lumos_lag" => return lag::lag(session, text(0)?),
        "lumos_resync" => {
            let (pattern, progress) = (required(0)?, progress(1)?);
            let (attached, connection) = (session.attached()?, session.connection()?);
            track::resync(&attached.link(&connection).showing(progress), pattern)?
        }
        "lumos_optimize" => {
            let (host, mirror) = applied(session)?;
            optimize::optimize(&host, &mirror, text(0)?, &options(1)?)?
        }
        "lumos_tier" => {
            let arguments = [required(0)?, required(1)?, &value(2)?, required(3)?];
            let (host, mirror) = applied(session)?;
            policy::tier(&host, &mirror, arguments, &options(4)?)?
        }
        "lumos_tier_run" => {
            let (host, mirror) = applied(session)?;
            policy::tier_run(&host, &mirror, required(0)?, progress(1)?)?
        }
        "lumos_untier" => {
            let (host, mirror) = applied(session)?;
            return Ok(Value::Integer(policy::untier(
                &host,
                &mirror,
                required(0)?,
            )?));
        }
        "lumos_scalar" => return exec::scalar(session, required(0)?, text(1)?),
        "lumos_exec" => return Ok(Value::Integer(exec::exec(session, required(0)?, text(1)?)?)),
        "lumos_explain" => {
            return Ok(Value::Text(exec::explain(
                session,
                required(0)?,
                options(1)?.flag("timings").unwrap_or(false),
                text(2)?,
            )?));
        }
        "lumos_import" => exec::import(session, required(0)?, text(1)?)?,
        "lumos_export" => {
            return Ok(Value::Integer(files::export(
                session,
                required(0)?,
                required(1)?,
                progress(2)?,
            )?));
        }
        "lumos_load" => {
            return Ok(Value::Integer(files::load(
                session,
                required(0)?,
                required(1)?,
                &options(2)?,
            )?));
        }
        "lumos_compat" => compat::compat(&session.connection()?, required(0)?)?,
        "lumos_model_add" => lumos_duckdb::models::add(required(0)?, required(1)?, text(2)?)?,
        "lumos_model_remove" => {
            return Ok(Value::Integer(embed::models::remove(required(0)?)?.into()));
        }
        "lumos_model_lock" => embed::models::lock(),
        "lumos_models" => embed::models::list(),
        "lumos_cache_stats" => session.attached()?.mirror.cache.stats(),
        "lumos_sync" => {
            let begun = Instant::now();
            let connection = session.connection()?;
            let chosen = text(0)?
                .map(|pattern| track::matching_tracked(&connection, pattern))
                .transpose()?;
            let progress = progress(1)?;
            let attached = session.attached()?;
            let report = sync::sync(&attached.link(&connection).showing(progress))?;
            report.check(&connection, chosen.as_deref())?;
            report.json(chosen.as_deref(), begun)
        }
        name => {
            return Err(Error {
                code: rusqlite::ffi::SQLITE_INTERNAL,
                ..error(format!("{name} has no body"))
            });
        }
    };
    Ok(Value::Text(lines(&json)))
}

/// The mirror, with all applied that is pending.
fn applied(session: &Session) -> error::Result<(Connection, Arc<Mirror>)> {
    let attached = session.attached()?;
    let connection = session.connection()?;
    sync::sync(&attached.link(&connection))?;
    Ok((connection, attached.mirror))
}

fn optional_text<'a>(
    ctx: &'a Context<'_>,
    i: usize,
    function: &Function,
) -> error::Result<Option<&'a str>> {
    if i >= ctx.len() {
        return Ok(None);
    }
    match ctx.get_raw(i) {
        types::ValueRef::Null => Ok(None),
        types::ValueRef::Text(text) => Ok(Some(utf8(text)?)),
        other => Err(error(format!(
            "{} is {}; give a text",
            function.params[i].name,
            article(other.data_type())
        ))),
    }
}

/// "a TEXT", "an INTEGER", for errors.
pub fn article(ty: types::Type) -> String {
    match ty {
        types::Type::Integer => "an INTEGER".into(),
        types::Type::Null => "NULL".into(),
        other => format!("a {}", other.to_string().to_uppercase()),
    }
}

/// JSON as a shell shows it best: an array of objects has a line for each.
fn lines(json: &Json) -> String {
    match json {
        Json::Array(items) if items.len() > 1 && items.iter().all(Json::is_object) => {
            let items: Vec<String> = items.iter().map(Json::to_string).collect();
            format!("[{}]", items.join(",\n "))
        }
        other => other.to_string(),
    }
}

/// Text of SQLite, which need not be UTF-8.
pub fn utf8(text: &[u8]) -> error::Result<&str> {
    std::str::from_utf8(text)
        .map_err(|_| error("an argument is not valid UTF-8 text; encode it first"))
}
