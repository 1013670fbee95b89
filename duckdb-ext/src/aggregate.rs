//! Aggregates of DuckDB: registering one, and keeping a Rust value for each of its groups.
//!
//! The state of a group is a pointer, null before its first row.

use std::ffi::{CStr, CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use libduckdb_sys as ffi;
use lumos_core::{Error, Result};

use crate::contain::panic_message;
use crate::vectors::view::TypeHandle;

/// An overload of an aggregate, before it is registered.
pub struct Form(ffi::duckdb_aggregate_function);

impl Form {
    /// A form whose state is a `T`, see [`state`]. Rows with a NULL in an argument are left out.
    ///
    /// # Safety
    /// The callbacks take arguments and give a result of these types, and see states by the functions of this module
    /// alone, as a `T`.
    pub unsafe fn new<T>(
        name: &CStr,
        parameters: impl IntoIterator<Item = TypeHandle>,
        result: &TypeHandle,
        update: ffi::duckdb_aggregate_update_t,
        combine: ffi::duckdb_aggregate_combine_t,
        finalize: ffi::duckdb_aggregate_finalize_t,
    ) -> Form {
        // SAFETY: the form is ours until it is dropped; DuckDB copies the name and the types.
        unsafe {
            let form = Form(ffi::duckdb_create_aggregate_function());
            ffi::duckdb_aggregate_function_set_name(form.0, name.as_ptr());
            for parameter in parameters {
                ffi::duckdb_aggregate_function_add_parameter(form.0, parameter.raw());
            }
            ffi::duckdb_aggregate_function_set_return_type(form.0, result.raw());
            ffi::duckdb_aggregate_function_set_functions(
                form.0,
                Some(state_size),
                Some(init),
                update,
                combine,
                finalize,
            );
            ffi::duckdb_aggregate_function_set_destructor(form.0, Some(destroy::<T>));
            form
        }
    }

    /// Rows with a NULL come too.
    pub fn with_nulls(self) -> Form {
        // SAFETY: the form is alive.
        unsafe { ffi::duckdb_aggregate_function_set_special_handling(self.0) };
        self
    }

    /// What the callbacks are told, see `duckdb_aggregate_function_get_extra_info`; `release` takes it back in the end.
    ///
    /// # Safety
    /// `info` stays valid until it is released, or for ever.
    pub unsafe fn told(self, info: *mut c_void, release: ffi::duckdb_delete_callback_t) -> Form {
        // SAFETY: the form is alive; the rest by contract.
        unsafe { ffi::duckdb_aggregate_function_set_extra_info(self.0, info, release) };
        self
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once; a set has a copy.
        unsafe { ffi::duckdb_destroy_aggregate_function(&mut self.0) };
    }
}

/// Registers the forms of an aggregate.
///
/// # Safety
/// `connection` is alive.
pub unsafe fn register(
    connection: ffi::duckdb_connection,
    name: &CStr,
    forms: impl IntoIterator<Item = Form>,
) -> Result<(), String> {
    // SAFETY: the set is ours until destroyed; DuckDB copies it, the name and the forms.
    unsafe {
        let mut set = ffi::duckdb_create_aggregate_function_set(name.as_ptr());
        for form in forms {
            ffi::duckdb_add_aggregate_function_to_set(set, form.0);
        }
        let state = ffi::duckdb_register_aggregate_function_set(connection, set);
        ffi::duckdb_destroy_aggregate_function_set(&mut set);
        match state {
            ffi::DuckDBSuccess => Ok(()),
            _ => Err(format!(
                "DuckDB refused to register {}",
                name.to_string_lossy()
            )),
        }
    }
}

unsafe extern "C" fn state_size(_: ffi::duckdb_function_info) -> ffi::idx_t {
    size_of::<*mut c_void>() as ffi::idx_t
}

unsafe extern "C" fn init(_: ffi::duckdb_function_info, state: ffi::duckdb_aggregate_state) {
    // SAFETY: DuckDB gives room for what `state_size` says.
    unsafe { state.cast::<*mut c_void>().write(ptr::null_mut()) }
}

unsafe extern "C" fn destroy<T>(states: *mut ffi::duckdb_aggregate_state, count: ffi::idx_t) {
    for i in 0..count as usize {
        // SAFETY: DuckDB destroys each state once; what it has is a Box of ours.
        unsafe {
            let state = (*states.add(i)).cast::<*mut T>().replace(ptr::null_mut());
            if !state.is_null() {
                drop(Box::from_raw(state));
            }
        }
    }
}

/// What a group has, if it has had a row.
///
/// # Safety
/// `state` is of a form of `T`, is not destroyed, and no other reference to what it has is alive.
pub unsafe fn state<'a, T>(state: ffi::duckdb_aggregate_state) -> Option<&'a mut T> {
    // SAFETY: by contract; what is there is a Box of ours.
    unsafe { state.cast::<*mut T>().read().as_mut() }
}

/// Gives a group its value.
///
/// # Safety
/// As [`state`], and there is none.
pub unsafe fn begin<'a, T>(state: ffi::duckdb_aggregate_state, new: T) -> &'a mut T {
    let new = Box::leak(Box::new(new));
    // SAFETY: by contract.
    unsafe { state.cast::<*mut T>().write(new) };
    new
}

/// Has the groups of `target` take over what those of `source` have, which stay as they are, since DuckDB may combine
/// them again. Errors with the first error of `merge`.
///
/// # Safety
/// As DuckDB calls it: `count` pairs of states of a form of `T` that are different from each other.
pub unsafe fn combine<T>(
    source: *mut ffi::duckdb_aggregate_state,
    target: *mut ffi::duckdb_aggregate_state,
    count: ffi::idx_t,
    mut merge: impl FnMut(&mut T, &T) -> Result<()>,
    copy: impl Fn(&T) -> T,
) -> Result<()> {
    for i in 0..count as usize {
        // SAFETY: by contract.
        unsafe {
            let Some(from) = state::<T>(*source.add(i)) else {
                continue;
            };
            match state::<T>(*target.add(i)) {
                Some(to) => merge(to, from)?,
                None => {
                    begin(*target.add(i), copy(from));
                }
            }
        }
    }
    Ok(())
}

/// Makes the result of a row NULL.
///
/// # Safety
/// `result` has room for `row`.
pub unsafe fn set_null(result: ffi::duckdb_vector, row: usize) {
    // SAFETY: by contract; the mask is made before it is written.
    unsafe {
        ffi::duckdb_vector_ensure_validity_writable(result);
        let mask = ffi::duckdb_vector_get_validity(result);
        ffi::duckdb_validity_set_row_invalid(mask, row as ffi::idx_t);
    }
}

/// Makes `row` of a list vector a list of so many elements, behind those that the lists before it have. Returns where
/// they begin in the vector of elements. Errors if memory is short.
///
/// # Safety
/// `result` is a vector of lists with room for `row`, and the lists are written in the order of their rows.
pub unsafe fn begin_list(result: ffi::duckdb_vector, row: usize, length: usize) -> Result<usize> {
    // SAFETY: by contract.
    unsafe {
        let offset = ffi::duckdb_list_vector_get_size(result);
        let length = length as ffi::idx_t;
        if ffi::duckdb_list_vector_reserve(result, offset + length) != ffi::DuckDBSuccess
            || ffi::duckdb_list_vector_set_size(result, offset + length) != ffi::DuckDBSuccess
        {
            return Err(Error::new("memory is short for the rows of the answer"));
        }
        let entries = ffi::duckdb_vector_get_data(result).cast::<ffi::duckdb_list_entry>();
        entries
            .add(row)
            .write(ffi::duckdb_list_entry { offset, length });
        Ok(offset as usize)
    }
}

/// Runs the body of a callback; an error or a panic becomes DuckDB's.
pub fn guard(info: ffi::duckdb_function_info, name: &str, body: impl FnOnce() -> Result<()>) {
    let reason = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(panic) => format!("internal error: {}", panic_message(&*panic)),
    };
    let message = format!("{name}: {reason}").replace('\0', "");
    let message = CString::new(message).unwrap_or_default();
    // SAFETY: DuckDB copies the message.
    unsafe { ffi::duckdb_aggregate_function_set_error(info, message.as_ptr()) }
}
