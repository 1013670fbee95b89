//! The folds of [`lumos_core::program`] as aggregates of DuckDB, `_lumos_<name>(spec, columns...)`: typed columns in, a
//! list of structs out, NULL for a group without rows. The functions that use them are in `scalar.rs`.

use std::ffi::{CString, c_void};
use std::ptr;

use libduckdb_sys as ffi;
use lumos_core::program::{Fold, State};
use lumos_core::{Error, Param, Result, Type, Value, ValueRef};

use crate::search::result_list::{self, ID_TYPES};
use crate::vectors::arguments::{Column, Output, result_type, type_id};
use crate::vectors::uuid;
use crate::vectors::view::TypeHandle;

/// The most columns of a fold.
const MAX_COLUMNS: usize = 48;

/// What a fold begins by.
const SPEC: Param = Param::new("spec", Type::Text);

/// What DuckDB keeps for a group: null before its first row.
type Group = *mut Box<dyn State>;

/// Registers the aggregate of a fold; a form for each type of ids, if it has columns of any type.
///
/// # Safety
/// As [`crate::scalar::register_all`].
pub unsafe fn register(
    connection: ffi::duckdb_connection,
    fold: &'static Fold,
) -> Result<(), String> {
    if fold.input.len() > MAX_COLUMNS {
        return Err(format!("its fold takes more than {MAX_COLUMNS} columns"));
    }
    let name = CString::new(fold.aggregate()).map_err(|e| e.to_string())?;
    let any = fold.input.iter().any(|column| column.ty == Type::Any);
    let forms = if any { &ID_TYPES[..] } else { &ID_TYPES[..1] };
    // SAFETY: set and forms are ours until destroyed; DuckDB copies them, the name and the types. The fold is static.
    unsafe {
        let mut set = ffi::duckdb_create_aggregate_function_set(name.as_ptr());
        for &any in forms {
            let mut form = ffi::duckdb_create_aggregate_function();
            ffi::duckdb_aggregate_function_set_name(form, name.as_ptr());
            for column in std::iter::once(&SPEC).chain(fold.input) {
                let ty = input_type(column.ty, any);
                ffi::duckdb_aggregate_function_add_parameter(form, ty.raw());
            }
            let result = row_type(fold, any)?.list();
            ffi::duckdb_aggregate_function_set_return_type(form, result.raw());
            ffi::duckdb_aggregate_function_set_functions(
                form,
                Some(state_size),
                Some(init),
                Some(update),
                Some(combine),
                Some(finalize),
            );
            ffi::duckdb_aggregate_function_set_destructor(form, Some(destroy));
            // Rows with a NULL come too; which columns may have one, the fold says.
            ffi::duckdb_aggregate_function_set_special_handling(form);
            let info = ptr::from_ref(fold).cast_mut().cast::<c_void>();
            ffi::duckdb_aggregate_function_set_extra_info(form, info, None);
            ffi::duckdb_add_aggregate_function_to_set(set, form);
            ffi::duckdb_destroy_aggregate_function(&mut form);
        }
        let state = ffi::duckdb_register_aggregate_function_set(connection, set);
        ffi::duckdb_destroy_aggregate_function_set(&mut set);
        match state {
            ffi::DuckDBSuccess => Ok(()),
            _ => Err(format!("DuckDB refused to register {}", fold.aggregate())),
        }
    }
}

/// DuckDB's type of a column, where `any` is that of ids.
fn input_type(ty: Type, any: ffi::DUCKDB_TYPE) -> TypeHandle {
    match ty {
        Type::Any => TypeHandle::simple(any),
        // As it is stored: an array, a list or a BLOB.
        Type::Vector => TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_ANY),
        other => TypeHandle::simple(type_id(other)),
    }
}

/// The struct of a row of the answer.
fn row_type(fold: &Fold, any: ffi::DUCKDB_TYPE) -> Result<TypeHandle, String> {
    let names = fold.output.iter().map(|(name, _)| CString::new(*name));
    let names: Vec<CString> = names.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    let members = fold.output.iter().zip(&names).map(|((_, ty), name)| {
        let ty = match ty {
            Type::Any => TypeHandle::simple(any),
            ty => result_type(*ty),
        };
        (ty, name.as_c_str())
    });
    Ok(TypeHandle::structure(&members.collect::<Vec<_>>()))
}

unsafe extern "C" fn state_size(_: ffi::duckdb_function_info) -> ffi::idx_t {
    size_of::<Group>() as ffi::idx_t
}

unsafe extern "C" fn init(_: ffi::duckdb_function_info, state: ffi::duckdb_aggregate_state) {
    // SAFETY: DuckDB gives room for what `state_size` says.
    unsafe { state.cast::<Group>().write(ptr::null_mut()) }
}

/// The state of a group, if it has had a row.
///
/// # Safety
/// `state` was initialized, is not destroyed, and no other reference to what it has is alive.
unsafe fn group<'a>(state: ffi::duckdb_aggregate_state) -> Option<&'a mut Box<dyn State>> {
    // SAFETY: by contract; what is there is a Box of ours.
    unsafe { state.cast::<Group>().read().as_mut() }
}

/// # Safety
/// As [`group`], and there is none.
unsafe fn begin<'a>(
    state: ffi::duckdb_aggregate_state,
    new: Box<dyn State>,
) -> &'a mut Box<dyn State> {
    let new = Box::leak(Box::new(new));
    // SAFETY: by contract.
    unsafe { state.cast::<Group>().write(new) };
    new
}

/// # Safety
/// `info` is that of a form of [`register`].
unsafe fn fold_of(info: ffi::duckdb_function_info) -> &'static Fold {
    // SAFETY: by contract.
    unsafe { &*ffi::duckdb_aggregate_function_get_extra_info(info).cast::<Fold>() }
}

unsafe extern "C" fn update(
    info: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    states: *mut ffi::duckdb_aggregate_state,
) {
    // SAFETY: DuckDB calls it for a form of ours.
    let fold = unsafe { fold_of(info) };
    result_list::guard(info, &fold.aggregate(), || {
        // SAFETY: DuckDB's chunk is flat, with a vector for each argument and a state for each of its rows, all alive
        // during the call.
        let (rows, spec, mut columns) = unsafe {
            let rows = ffi::duckdb_data_chunk_get_size(chunk) as usize;
            let column =
                |(param, i)| Column::new(param, ffi::duckdb_data_chunk_get_vector(chunk, i), rows);
            let columns: Vec<Column<'_>> = fold.input.iter().zip(1..).map(column).collect();
            (rows, column((&SPEC, 0)), columns)
        };
        let mut spec = spec;
        for row in 0..rows {
            // SAFETY: as above; the reference of the row before is not used any more.
            let state = unsafe { *states.add(row) };
            // SAFETY: as above.
            let state = match unsafe { group(state) } {
                Some(state) => state,
                None => match spec.get(row)? {
                    // SAFETY: as above.
                    ValueRef::Text(spec) => unsafe { begin(state, fold.start(spec)?) },
                    _ => {
                        return Err(Error::new(
                            "spec is NULL; only the SQL of a function calls it",
                        ));
                    }
                },
            };
            let mut values = [ValueRef::Null; MAX_COLUMNS];
            for (value, column) in values.iter_mut().zip(&mut columns) {
                *value = column.get(row)?;
            }
            let values = &values[..fold.input.len()];
            fold.check(values)?;
            state.row(values)?;
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
    let fold = unsafe { fold_of(info) };
    result_list::guard(info, &fold.aggregate(), || {
        for i in 0..count as usize {
            // SAFETY: DuckDB gives `count` pairs of states that are different from each other. The source stays
            // as it is, since DuckDB may combine it again.
            unsafe {
                let Some(from) = group(*source.add(i)) else {
                    continue;
                };
                match group(*target.add(i)) {
                    Some(to) => to.merge(&**from)?,
                    None => {
                        begin(*target.add(i), from.copy());
                    }
                }
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
    // SAFETY: DuckDB calls it for a form of ours.
    let fold = unsafe { fold_of(info) };
    result_list::guard(info, &fold.aggregate(), || {
        for i in 0..count as usize {
            // SAFETY: DuckDB gives `count` states, and room for their lists from `offset` on.
            unsafe {
                let group = group(*source.add(i)).map(|group| &**group);
                write(fold, group, result, offset as usize + i)?;
            }
        }
        Ok(())
    });
}

/// Writes the list of `row`, behind the elements that the lists before it have.
///
/// # Safety
/// `result` is a list of what [`row_type`] says, with room for `row`.
unsafe fn write(
    fold: &Fold,
    group: Option<&dyn State>,
    result: ffi::duckdb_vector,
    row: usize,
) -> Result<()> {
    let Some(group) = group else {
        // SAFETY: by contract; the mask is made before it is written.
        unsafe {
            ffi::duckdb_vector_ensure_validity_writable(result);
            let mask = ffi::duckdb_vector_get_validity(result);
            ffi::duckdb_validity_set_row_invalid(mask, row as ffi::idx_t);
        }
        return Ok(());
    };
    let mut rows: Vec<Vec<Value>> = Vec::new();
    group.finish(&mut |row| {
        rows.push(row);
        Ok(())
    })?;
    // SAFETY: by contract; the children have room for what is reserved, and each is of the type that its column says.
    unsafe {
        let start = ffi::duckdb_list_vector_get_size(result);
        let end = start + rows.len() as ffi::idx_t;
        if ffi::duckdb_list_vector_reserve(result, end) != ffi::DuckDBSuccess
            || ffi::duckdb_list_vector_set_size(result, end) != ffi::DuckDBSuccess
        {
            return Err(Error::new("memory is short for the rows of the answer"));
        }
        ffi::duckdb_vector_get_data(result)
            .cast::<ffi::duckdb_list_entry>()
            .add(row)
            .write(ffi::duckdb_list_entry {
                offset: start,
                length: end - start,
            });
        let structs = ffi::duckdb_list_vector_get_child(result);
        for ((i, (_, ty)), member) in fold.output.iter().enumerate().zip(0..) {
            let cells = ffi::duckdb_struct_vector_get_child(structs, member);
            let stored = TypeHandle::own(ffi::duckdb_vector_get_column_type(cells)).id();
            let ty = match (ty, stored) {
                (Type::Any, ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT) => Type::Integer,
                (Type::Any, ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR) => Type::Text,
                (ty, _) => *ty,
            };
            let mut output = Output::new(cells, ty, end as usize);
            for (values, at) in rows.iter().zip(start as usize..) {
                match (values.get(i), ty) {
                    (Some(Value::Text(text)), Type::Any) => {
                        let id = uuid::parse(text);
                        let id = id.ok_or_else(|| Error::new(format!("\"{text}\" is no UUID")))?;
                        output.set_uuid(at, id)?;
                    }
                    (Some(value), _) => output.set(at, value)?,
                    (None, _) => return Err(Error::new("internal error: a row lacks a column")),
                }
            }
        }
    }
    Ok(())
}

unsafe extern "C" fn destroy(states: *mut ffi::duckdb_aggregate_state, count: ffi::idx_t) {
    for i in 0..count as usize {
        // SAFETY: DuckDB destroys each state once; what it has is a Box of ours.
        unsafe {
            let state = (*states.add(i)).cast::<Group>().replace(ptr::null_mut());
            if !state.is_null() {
                drop(Box::from_raw(state));
            }
        }
    }
}
