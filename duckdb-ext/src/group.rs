//! The aggregates of the list whose bodies are folds of their arguments, [`lumos_core::Body::Group`].

use std::ffi::CString;
use std::ptr;

use libduckdb_sys as ffi;
use lumos_core::program::{Fold, State};
use lumos_core::{Body, Error, Function, Result, Value, ValueRef};

use crate::aggregate::{self, Form};
use crate::vectors::arguments::{Column, Output, param_id, result_type};
use crate::vectors::view::TypeHandle;

/// The most arguments of an aggregate.
const MAX_ARGS: usize = 8;

/// What is kept for a group.
type Group = Box<dyn State>;

/// Registers the aggregate, with each number of arguments that it takes.
///
/// # Safety
/// As [`crate::scalar::register_all`].
pub unsafe fn register(
    connection: ffi::duckdb_connection,
    function: &'static Function,
    fold: &'static Fold,
) -> Result<(), String> {
    let name = CString::new(function.name).map_err(|e| e.to_string())?;
    let [(_, result)] = fold.output else {
        return Err("its fold gives more than one column".into());
    };
    if function.params.len() > MAX_ARGS {
        return Err(format!("takes more than {MAX_ARGS} arguments"));
    }
    let info = ptr::from_ref(function).cast_mut().cast();
    let form = |arity: usize| {
        let params = function.params[..arity].iter();
        // SAFETY: the callbacks read these arguments and write that result; the function is static.
        unsafe {
            Form::new::<Group>(
                &name,
                params.map(|param| TypeHandle::simple(param_id(param.ty))),
                &result_type(*result),
                Some(update),
                Some(combine),
                Some(finalize),
            )
            .with_nulls()
            .told(info, None)
        }
    };
    let forms = (function.min_args()..=function.params.len()).map(form);
    // SAFETY: by contract.
    unsafe { aggregate::register(connection, &name, forms) }
}

/// # Safety
/// `info` is that of a form of [`register`].
unsafe fn function_of(info: ffi::duckdb_function_info) -> &'static Function {
    // SAFETY: by contract.
    unsafe { &*ffi::duckdb_aggregate_function_get_extra_info(info).cast::<Function>() }
}

fn fold_of(function: &Function) -> Result<&'static Fold> {
    match function.body {
        Body::Group(fold) => Ok(fold),
        _ => Err(Error::new("internal error: it is no fold")),
    }
}

unsafe extern "C" fn update(
    info: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    states: *mut ffi::duckdb_aggregate_state,
) {
    // SAFETY: DuckDB calls it for a form of ours.
    let function = unsafe { function_of(info) };
    aggregate::guard(info, function.name, || {
        let fold = fold_of(function)?;
        // SAFETY: DuckDB's chunk is flat, with a vector for each argument and a state for each of its rows, all alive
        // during the call.
        let (rows, mut columns) = unsafe {
            let rows = ffi::duckdb_data_chunk_get_size(chunk) as usize;
            let arity = ffi::duckdb_data_chunk_get_column_count(chunk);
            let column =
                |(param, i)| Column::new(param, ffi::duckdb_data_chunk_get_vector(chunk, i), rows);
            let columns: Vec<Column<'_>> =
                function.params.iter().zip(0..arity).map(column).collect();
            (rows, columns)
        };
        for row in 0..rows {
            let mut values = [ValueRef::Null; MAX_ARGS];
            for (value, column) in values.iter_mut().zip(&mut columns) {
                *value = column.get(row)?;
            }
            // SAFETY: as above; the reference of the row before is not used any more.
            let group = unsafe {
                let state = *states.add(row);
                match aggregate::state::<Group>(state) {
                    Some(group) => group,
                    None => aggregate::begin(state, fold.start("")?),
                }
            };
            group.row(&values[..function.params.len()])?;
        }
        Ok(())
    });
}

unsafe extern "C" fn combine(
    info: ffi::duckdb_function_info,
    source: *mut ffi::duckdb_aggregate_state,
    target: *mut ffi::duckdb_aggregate_state,
    count: ffi::idx_t,
) {
    // SAFETY: DuckDB calls it for a form of ours.
    let function = unsafe { function_of(info) };
    aggregate::guard(info, function.name, || {
        let merge = |to: &mut Group, from: &Group| to.merge(&**from);
        // SAFETY: DuckDB gives `count` pairs of states of ours.
        unsafe { aggregate::combine(source, target, count, merge, |from| from.copy()) }
    });
}

unsafe extern "C" fn finalize(
    info: ffi::duckdb_function_info,
    source: *mut ffi::duckdb_aggregate_state,
    result: ffi::duckdb_vector,
    count: ffi::idx_t,
    offset: ffi::idx_t,
) {
    // SAFETY: DuckDB calls it for a form of ours.
    let function = unsafe { function_of(info) };
    aggregate::guard(info, function.name, || {
        let [(_, ty)] = fold_of(function)?.output else {
            return Err(Error::new("internal error: it gives more than one column"));
        };
        let (count, offset) = (count as usize, offset as usize);
        // SAFETY: DuckDB gives a vector of that type with room for `count` results from `offset` on.
        let mut output = unsafe { Output::new(result, *ty, offset + count) };
        for i in 0..count {
            // SAFETY: DuckDB gives `count` states.
            let group = unsafe { aggregate::state::<Group>(*source.add(i)) };
            let mut value = Value::Null;
            if let Some(group) = group {
                group.finish(&mut |row| {
                    value = row.into_iter().next().unwrap_or(Value::Null);
                    Ok(())
                })?;
            }
            output.set(offset + i, &value)?;
        }
        Ok(())
    });
}
