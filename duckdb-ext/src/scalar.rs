//! The scalar functions of the list as scalar functions of DuckDB.

use std::ffi::{CStr, CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::embed::models as known;
use lumos_core::functions::FUNCTIONS;
use lumos_core::gate;
use lumos_core::search::cache::IndexCache;
use lumos_core::{Body, Engines, Error, Function, Kind, Nulls, Result, Type, Value, ValueRef};

use crate::contain::panic_message;
use crate::embed;
use crate::fold;
use crate::group;
use crate::llm;
use crate::models;
use crate::scratch;
use crate::search;
use crate::topk;
use crate::vectors::arguments::{Column, Output, float_list_or, param_id, result_type};
use crate::vectors::view::TypeHandle;

/// The most arguments that a function can have.
const MAX_ARGS: usize = 8;

type ScalarBody = fn(&[ValueRef<'_>]) -> Result<Value>;

type StoreBody = fn(&IndexCache, &[ValueRef<'_>]) -> Result<Value>;

/// What DuckDB keeps for each form of a function.
struct Registered {
    function: &'static Function,
    store: Arc<IndexCache>,
}

/// Registers every function that DuckDB has, for all connections of the database.
///
/// # Safety
/// `connection` is open, and the functions that DuckDB offers to extensions are loaded.
pub unsafe fn register_all(connection: ffi::duckdb_connection) -> Result<(), String> {
    gate::provide(scratch::open);
    // The functions hold it, and so it lives as long as the database.
    let store = Arc::new(IndexCache::default());
    for &function in FUNCTIONS.iter().filter(|f| f.engines != Engines::Sqlite) {
        // SAFETY: by contract.
        let registered = unsafe {
            match function.kind {
                Kind::Aggregate => match function.body {
                    Body::Group(fold) => group::register(connection, function, fold),
                    _ => topk::register(connection, function),
                },
                _ => register(connection, function, &store),
            }
        };
        registered.map_err(|reason| format!("{}: {reason}", function.name))?;
    }
    // SAFETY: by contract.
    unsafe { search::register(connection, &store) }
}

/// # Safety
/// As [`register_all`].
unsafe fn register(
    connection: ffi::duckdb_connection,
    function: &'static Function,
    store: &Arc<IndexCache>,
) -> Result<(), String> {
    let ty = result(function).ok_or("is of a kind that DuckDB does not have")?;
    if let Some(fold) = function.fold() {
        // Several functions may have one fold.
        let first = FUNCTIONS
            .iter()
            .find(|f| f.fold().is_some_and(|other| other.name == fold.name));
        if first.is_some_and(|first| std::ptr::eq(*first, function)) {
            // SAFETY: by contract.
            unsafe { fold::register(connection, fold, store)? }
        }
    }
    let long = matches!(function.body, Body::Long(_));
    let known = long || body(function).is_some() || of_store(function).is_some();
    if !function.is_query() && !known {
        return Err("has no body in DuckDB".into());
    }
    if function.params.len() > MAX_ARGS {
        return Err(format!("takes more than {MAX_ARGS} arguments"));
    }
    if ty == Type::Any {
        return Err(format!("DuckDB has no result type for {}", ty.name()));
    }
    let name = CString::new(function.name).map_err(|e| e.to_string())?;
    // SAFETY: the set is ours until destroyed below; registering copies it.
    unsafe {
        let mut set = ffi::duckdb_create_scalar_function_set(name.as_ptr());
        for arity in function.min_args()..=function.params.len() {
            let params = &function.params[..arity];
            add_overload(
                set,
                &name,
                function,
                store,
                params.iter().map(|p| TypeHandle::simple(param_id(p.ty))),
                ty,
            );
            if params.iter().any(|p| p.ty == Type::Vector) {
                add_overload(
                    set,
                    &name,
                    function,
                    store,
                    params.iter().map(|p| float_list_or(p.ty)),
                    ty,
                );
            }
        }
        let state = ffi::duckdb_register_scalar_function_set(connection, set);
        ffi::duckdb_destroy_scalar_function_set(&mut set);
        if state == ffi::DuckDBSuccess {
            Ok(())
        } else {
            Err("DuckDB refused to register the function".into())
        }
    }
}

/// Adds the form with these arguments.
///
/// # Safety
/// `set` is alive.
unsafe fn add_overload(
    set: ffi::duckdb_scalar_function_set,
    name: &CStr,
    function: &'static Function,
    store: &Arc<IndexCache>,
    params: impl Iterator<Item = TypeHandle>,
    result: Type,
) {
    // SAFETY: the overload is ours until destroyed below; DuckDB copies it, the name and the types.
    // `extra_info` is a Box that DuckDB gives back, to be freed.
    unsafe {
        let mut overload = ffi::duckdb_create_scalar_function();
        ffi::duckdb_scalar_function_set_name(overload, name.as_ptr());
        params.for_each(|ty| ffi::duckdb_scalar_function_add_parameter(overload, ty.raw()));
        ffi::duckdb_scalar_function_set_return_type(overload, result_type(result).raw());
        if function.nulls == Nulls::Accept {
            ffi::duckdb_scalar_function_set_special_handling(overload);
        }
        // A text that reads rows depends on the arguments alone, whatever its rows are: so `query` takes it.
        if !function.deterministic && !function.is_query() {
            ffi::duckdb_scalar_function_set_volatile(overload);
        }
        ffi::duckdb_scalar_function_set_extra_info(
            overload,
            Box::into_raw(Box::new(Registered {
                function,
                store: Arc::clone(store),
            }))
            .cast(),
            Some(release),
        );
        ffi::duckdb_scalar_function_set_function(overload, Some(call));
        ffi::duckdb_add_scalar_function_to_set(set, overload);
        ffi::duckdb_destroy_scalar_function(&mut overload);
    }
}

unsafe extern "C" fn release(registered: *mut c_void) {
    // SAFETY: DuckDB gives back what `add_overload` gave it, once.
    drop(unsafe { Box::from_raw(registered.cast::<Registered>()) });
}

/// DuckDB calls every function here, a chunk at a time.
unsafe extern "C" fn call(
    info: ffi::duckdb_function_info,
    input: ffi::duckdb_data_chunk,
    output: ffi::duckdb_vector,
) {
    // SAFETY: `add_overload` gave this to every overload.
    let Registered { function, store } =
        unsafe { &*ffi::duckdb_scalar_function_get_extra_info(info).cast::<Registered>() };
    // SAFETY: DuckDB's chunk is flat and, like the result vector, alive during the call.
    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe {
        run(function, store, input, output)
    }));
    let reason = match outcome {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(panic) => format!("internal error: {}", panic_message(&*panic)),
    };
    let message = format!("{}: {reason}", function.name);
    let message = CString::new(message.replace('\0', "")).unwrap_or_default();
    // SAFETY: DuckDB copies the message.
    unsafe { ffi::duckdb_scalar_function_set_error(info, message.as_ptr()) }
}

/// # Safety
/// `input` is a flat chunk of this function's arguments and `output` has room for its results.
unsafe fn run(
    function: &'static Function,
    store: &IndexCache,
    input: ffi::duckdb_data_chunk,
    output: ffi::duckdb_vector,
) -> Result<()> {
    let Some(ty) = result(function) else {
        return Ok(());
    };
    let bodies = (function.body, body(function), of_store(function));
    let compute = |args: &[ValueRef<'_>]| match bodies {
        (Body::Long(body), ..) => body(args, &|| false),
        (_, Some(body), _) => body(args),
        (_, _, Some(body)) => body(store, args),
        (_, None, None) => match function.sql(args, &store.kept) {
            Some(sql) => sql.map(Value::Text),
            None => Err(Error::new("internal error: has no body")),
        },
    };
    // SAFETY: by contract.
    let (rows, arity, mut output) = unsafe {
        let rows = ffi::duckdb_data_chunk_get_size(input) as usize;
        (
            rows,
            ffi::duckdb_data_chunk_get_column_count(input) as usize,
            Output::new(output, ty, rows),
        )
    };
    let column = |(param, i)| {
        // SAFETY: by contract; there is a vector for each argument.
        unsafe {
            Column::new(
                param,
                ffi::duckdb_data_chunk_get_vector(input, i as ffi::idx_t),
                rows,
            )
        }
    };
    let mut columns: Vec<Column<'_>> = function.params.iter().zip(0..arity).map(column).collect();
    let done = match function.name {
        "lumos_embed" => embed::remote(&mut columns, rows, &mut output)?,
        _ => Vec::new(),
    };
    for row in 0..rows {
        if done.get(row) == Some(&true) {
            continue;
        }
        if function.nulls == Nulls::Propagate && columns.iter().any(|c| c.is_null(row)) {
            output.set(row, &Value::Null)?;
            continue;
        }
        let mut args = [ValueRef::Null; MAX_ARGS];
        for (arg, column) in args.iter_mut().zip(&mut columns) {
            *arg = column.get(row)?;
        }
        output.set(row, &compute(&args[..arity])?)?;
    }
    Ok(())
}

/// What a function computes here; those that need the engine have their bodies below.
fn body(function: &Function) -> Option<ScalarBody> {
    match (function.body, function.name) {
        (Body::Pure(body), _) => Some(body),
        (Body::Host, "lumos_debug") => Some(debug),
        (Body::Host, "lumos_model_add") => Some(model_add),
        (Body::Host, "lumos_model_remove") => Some(model_remove),
        (Body::Host, "lumos_model_lock") => Some(|_| Ok(Value::Text(known::lock().to_string()))),
        (Body::Host, "lumos_llm_configure") => Some(llm_configure),
        (Body::Host, "lumos_models") => Some(|_| Ok(Value::Text(known::list().to_string()))),
        (Body::Long(_) | Body::Host | Body::Group(_) | Body::Rows(_) | Body::Sql(_), _) => None,
    }
}

/// The type of a function's result; that of a query is its text.
fn result(function: &Function) -> Option<Type> {
    match function.kind {
        Kind::Scalar(ty) => Some(ty),
        _ => function.is_query().then_some(Type::Text),
    }
}

/// What a function computes of the indexes in memory.
fn of_store(function: &Function) -> Option<StoreBody> {
    match (function.body, function.name) {
        (Body::Host, "lumos_indexes") => {
            Some(|store, _| Ok(Value::Text(store.list()?.to_string())))
        }
        (Body::Host, "lumos_index_drop") => Some(|store, args| match args {
            [ValueRef::Text(name)] => Ok(Value::Integer(store.drop(name) as i64)),
            _ => Err(Error::new("takes the name of an index")),
        }),
        _ => None,
    }
}

fn model_add(args: &[ValueRef<'_>]) -> Result<Value> {
    match args {
        // The DuckDB inside SQLite opens no file but those of `allow_files`.
        _ if !cfg!(feature = "extension") => Err(Error::new(
            "call it in SQLite; the model is then known here too",
        )),
        [ValueRef::Text(name), ValueRef::Text(path), options @ ..] => {
            let options = match options {
                [ValueRef::Text(options)] => Some(*options),
                _ => None,
            };
            models::add(name, path, options).map(|model| Value::Text(model.to_string()))
        }
        _ => Err(Error::new(
            "takes the name of a model and its folder or URL",
        )),
    }
}

fn llm_configure(args: &[ValueRef<'_>]) -> Result<Value> {
    match args {
        _ if !cfg!(feature = "extension") => Err(Error::new(
            "call it in SQLite; the model is then known here too",
        )),
        [ValueRef::Null] => llm::configure(None).map(|model| Value::Text(model.to_string())),
        [ValueRef::Text(options)] => {
            llm::configure(Some(options)).map(|model| Value::Text(model.to_string()))
        }
        _ => Err(Error::new("takes a JSON object")),
    }
}

fn model_remove(args: &[ValueRef<'_>]) -> Result<Value> {
    match args {
        [ValueRef::Text(name)] => Ok(Value::Integer(known::remove(name)?.into())),
        _ => Err(Error::new("takes the name of a model")),
    }
}

fn debug(_: &[ValueRef<'_>]) -> Result<Value> {
    // SAFETY: returns a static string.
    let duckdb = unsafe { CStr::from_ptr(ffi::duckdb_library_version()) }.to_string_lossy();
    Ok(Value::Text(format!(
        r#"{{"lumos":"{}","engine":"duckdb","duckdb":"{duckdb}"}}"#,
        env!("CARGO_PKG_VERSION")
    )))
}
