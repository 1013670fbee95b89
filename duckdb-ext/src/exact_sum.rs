//! `_lumos_sum(DOUBLE)`: the exact sum, rounded once, so that threads give the same as one. It is for the SQL that
//! `lumos_auto` writes; what it computes stands in `lumos_core::exact_sum`.

use std::ptr;

use libduckdb_sys as ffi;
use lumos_core::exact_sum::ExactSum;
use lumos_core::{Error, Result};

use crate::aggregate;
use crate::vectors::view::{TypeHandle, Validity, slice};

const NAME: &str = "_lumos_sum";

/// Registers the aggregate.
///
/// # Safety
/// `connection` is alive.
pub unsafe fn register(connection: ffi::duckdb_connection) -> std::result::Result<(), String> {
    let double = TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE);
    // SAFETY: the function is ours until destroyed; DuckDB copies it, the name and the type.
    unsafe {
        let mut function = ffi::duckdb_create_aggregate_function();
        ffi::duckdb_aggregate_function_set_name(function, c"_lumos_sum".as_ptr());
        ffi::duckdb_aggregate_function_add_parameter(function, double.raw());
        ffi::duckdb_aggregate_function_set_return_type(function, double.raw());
        ffi::duckdb_aggregate_function_set_functions(
            function,
            Some(state_size),
            Some(init),
            Some(update),
            Some(combine),
            Some(finalize),
        );
        ffi::duckdb_aggregate_function_set_destructor(function, Some(destroy));
        let state = ffi::duckdb_register_aggregate_function(connection, function);
        ffi::duckdb_destroy_aggregate_function(&mut function);
        match state {
            ffi::DuckDBSuccess => Ok(()),
            _ => Err(format!("{NAME}: DuckDB refused to register the aggregate")),
        }
    }
}

unsafe extern "C" fn state_size(_: ffi::duckdb_function_info) -> ffi::idx_t {
    size_of::<ExactSum>() as ffi::idx_t
}

unsafe extern "C" fn init(_: ffi::duckdb_function_info, state: ffi::duckdb_aggregate_state) {
    // SAFETY: DuckDB gives room for what `state_size` says, for 8-byte values.
    unsafe { state.cast::<ExactSum>().write(ExactSum::default()) }
}

unsafe extern "C" fn update(
    info: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    states: *mut ffi::duckdb_aggregate_state,
) {
    aggregate::guard(info, NAME, || {
        // SAFETY: DuckDB's chunk is flat, of the one type that `register` says, with an initialized state for each of
        // its rows, all alive during the call; each is borrowed for one addition.
        unsafe {
            let rows = ffi::duckdb_data_chunk_get_size(chunk) as usize;
            let vector = ffi::duckdb_data_chunk_get_vector(chunk, 0);
            let validity = Validity::new(vector, rows);
            for (row, value) in slice::<f64>(vector, rows).iter().enumerate() {
                if !validity.is_null(row) {
                    let sum = &mut *(*states.add(row)).cast::<ExactSum>();
                    sum.add(*value).map_err(|_| too_large(*value))?;
                }
            }
        }
        Ok(())
    });
}

#[cold]
fn too_large(value: f64) -> Error {
    Error::new(format!("{value:e} is too large to be summed here"))
}

unsafe extern "C" fn combine(
    info: ffi::duckdb_function_info,
    source: *mut ffi::duckdb_aggregate_state,
    target: *mut ffi::duckdb_aggregate_state,
    count: ffi::idx_t,
) {
    aggregate::guard(info, NAME, || {
        for i in 0..count as usize {
            // SAFETY: DuckDB gives `count` pairs of initialized states that are different from each other. The source
            // stays as it is, since DuckDB may combine it again.
            unsafe {
                let from = &*(*source.add(i)).cast::<ExactSum>();
                (*(*target.add(i)).cast::<ExactSum>()).merge(from);
            }
        }
        Ok(())
    });
}

unsafe extern "C" fn finalize(
    info: ffi::duckdb_function_info,
    source: *mut ffi::duckdb_aggregate_state,
    result: ffi::duckdb_vector,
    count: ffi::idx_t,
    offset: ffi::idx_t,
) {
    aggregate::guard(info, NAME, || {
        // SAFETY: DuckDB gives `count` initialized states, and a vector of doubles with room for their results from
        // `offset` on.
        unsafe { write(source, result, count as usize, offset as usize) }
    });
}

/// # Safety
/// As [`finalize`].
unsafe fn write(
    source: *mut ffi::duckdb_aggregate_state,
    result: ffi::duckdb_vector,
    count: usize,
    offset: usize,
) -> Result<()> {
    // SAFETY: by contract; the mask is made before it is written.
    unsafe {
        let values = ffi::duckdb_vector_get_data(result).cast::<f64>();
        for i in 0..count {
            let row = offset + i;
            match (*(*source.add(i)).cast::<ExactSum>()).value() {
                Some(value) => values.add(row).write(value),
                None => aggregate::set_null(result, row),
            }
        }
    }
    Ok(())
}

unsafe extern "C" fn destroy(states: *mut ffi::duckdb_aggregate_state, count: ffi::idx_t) {
    for i in 0..count as usize {
        // SAFETY: DuckDB destroys each initialized state once.
        unsafe { ptr::drop_in_place((*states.add(i)).cast::<ExactSum>()) }
    }
}
