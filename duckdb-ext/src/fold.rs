//! The folds of [`lumos_core::program`] as aggregates of DuckDB, `_lumos_<name>(spec, columns...)`: typed columns in, a
//! list of structs out, NULL for a group without rows. The functions that use them are in `scalar.rs`.

use std::ffi::{CString, c_void};
use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::functions::FUNCTIONS;
use lumos_core::program::{Fold, NO_TEXT, State};
use lumos_core::search::cache::IndexCache;
use lumos_core::{Error, Param, Result, Type, Value, ValueRef};

use crate::aggregate::{self, Form};
use crate::search::result_list::ID_TYPES;
use crate::vectors::arguments::{Column, Output, result_type, type_id};
use crate::vectors::uuid;
use crate::vectors::view::TypeHandle;

const TEXT: ffi::DUCKDB_TYPE = ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR;
const ANY: ffi::DUCKDB_TYPE = ffi::DUCKDB_TYPE_DUCKDB_TYPE_ANY;

/// The most columns of a fold.
const MAX_COLUMNS: usize = 48;

/// The types that a time can have. Some drivers send whole numbers as DOUBLE.
const TIME_TYPES: [ffi::DUCKDB_TYPE; 6] = [
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT,
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE,
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_DATE,
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP,
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ,
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR,
];

/// What a fold begins by.
const SPEC: Param = Param::new("spec", Type::Text);

/// What is kept for a group.
type Group = Box<dyn State>;

/// What DuckDB keeps for each form of an aggregate.
struct Registered {
    fold: &'static Fold,
    /// Whom an error names.
    caller: String,
    store: Arc<IndexCache>,
    /// Which argument it refuses: times of a type that is none.
    refused: Option<ffi::idx_t>,
}

/// The functions that a fold is of: who reads an error has called one of them, and knows nothing of aggregates.
fn caller(fold: &Fold) -> String {
    let of = FUNCTIONS
        .iter()
        .filter(|f| f.fold().is_some_and(|other| other.name == fold.name));
    let mut names: Vec<&str> = of.map(|f| f.name).collect();
    names.dedup();
    names.join(" or ")
}

/// Registers the aggregate of a fold; a form for each type of ids or of times, if it has columns of any type or of times.
///
/// # Safety
/// As [`crate::scalar::register_all`].
pub unsafe fn register(
    connection: ffi::duckdb_connection,
    fold: &'static Fold,
    store: &Arc<IndexCache>,
) -> Result<(), String> {
    if fold.input.len() > MAX_COLUMNS {
        return Err(format!("its fold takes more than {MAX_COLUMNS} columns"));
    }
    let name = CString::new(fold.aggregate()).map_err(|e| e.to_string())?;
    let no_text = CString::new(NO_TEXT).map_err(|e| e.to_string())?;
    let has_ids = fold.input.iter().any(|column| column.ty == Type::Any);
    let forms = match (has_ids, fold.takes_times()) {
        (_, true) => &TIME_TYPES[..],
        (true, _) => &ID_TYPES[..],
        _ => &ID_TYPES[..1],
    };
    let form = |(any, refused): (ffi::DUCKDB_TYPE, Option<ffi::idx_t>)| {
        let columns = std::iter::once(&SPEC).chain(fold.input);
        let columns = columns.map(|column| input_type(column.ty, any));
        // See `NO_TEXT`.
        let last = fold.takes_times().then(|| match refused {
            Some(_) => TypeHandle::simple(TEXT),
            None => TypeHandle::enumeration(&no_text),
        });
        let result = row_type(fold, if refused.is_some() { TEXT } else { any })?.list();
        let store = Arc::clone(store);
        let registered = Registered {
            fold,
            caller: caller(fold),
            store,
            refused,
        };
        let info = Box::into_raw(Box::new(registered)).cast::<c_void>();
        // SAFETY: the callbacks read the columns of the fold and write what `row_type` says; DuckDB gives the Box back, to be
        // freed. Which columns may have a NULL, the fold says.
        Ok(unsafe {
            Form::new::<Group>(
                &name,
                columns.chain(last),
                &result,
                Some(update),
                Some(combine),
                Some(finalize),
            )
            .with_nulls()
            .told(info, Some(release))
        })
    };
    // Without a form of their own an error would name the aggregate, and say nothing of a way out.
    let time = fold.input.iter().position(|column| column.ty == Type::Time);
    let refused = time.map(|at| (ANY, Some(at as ffi::idx_t + 1)));
    let forms = forms.iter().map(|ty| (*ty, None)).chain(refused);
    let forms: Vec<Form> = forms.map(form).collect::<Result<_, String>>()?;
    // SAFETY: by contract.
    unsafe { aggregate::register(connection, &name, forms) }
}

/// DuckDB's type of a column, where `any` is that of ids or of times.
fn input_type(ty: Type, any: ffi::DUCKDB_TYPE) -> TypeHandle {
    match ty {
        Type::Any | Type::Time => TypeHandle::simple(any),
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
            Type::Time if any == ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE => {
                TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT)
            }
            Type::Any | Type::Time => TypeHandle::simple(any),
            ty => result_type(*ty),
        };
        (ty, name.as_c_str())
    });
    Ok(TypeHandle::structure(&members.collect::<Vec<_>>()))
}

/// # Safety
/// `info` is that of a form of [`register`], and the reference is not used after the call that it is for.
unsafe fn registered<'a>(info: ffi::duckdb_function_info) -> &'a Registered {
    // SAFETY: by contract.
    unsafe { &*ffi::duckdb_aggregate_function_get_extra_info(info).cast::<Registered>() }
}

unsafe extern "C" fn release(registered: *mut c_void) {
    // SAFETY: DuckDB gives back what `register` gave it, once.
    drop(unsafe { Box::from_raw(registered.cast::<Registered>()) });
}

unsafe extern "C" fn update(
    info: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    states: *mut ffi::duckdb_aggregate_state,
) {
    // SAFETY: DuckDB calls it for a form of ours.
    let Registered {
        fold,
        caller,
        store,
        refused,
    } = unsafe { registered(info) };
    aggregate::guard(info, caller, || {
        if let Some(at) = refused {
            // SAFETY: DuckDB's chunk has a vector for each argument, alive during the call; the handle is ours.
            let ty = unsafe {
                let times = ffi::duckdb_data_chunk_get_vector(chunk, *at);
                TypeHandle::own(ffi::duckdb_vector_get_column_type(times))
            };
            let ty = ty.name();
            return Err(Error::new(format!(
                "the times are of the type {ty}; give dates like 2026-05-01, times like 2026-05-01 09:30:00 in one zone, or whole numbers"
            )));
        }
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
            let state = match unsafe { aggregate::state::<Group>(state) } {
                Some(state) => state,
                None => match spec.get(row)? {
                    ValueRef::Text(spec) => {
                        let begun = fold.start_in(spec, &store.kept)?;
                        // SAFETY: as above.
                        unsafe { aggregate::begin(state, begun) }
                    }
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
    let Registered { caller, .. } = unsafe { registered(info) };
    aggregate::guard(info, caller, || {
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
    let Registered { fold, caller, .. } = unsafe { registered(info) };
    aggregate::guard(info, caller, || {
        for i in 0..count as usize {
            // SAFETY: DuckDB gives `count` states, and room for their lists from `offset` on.
            unsafe {
                let group = aggregate::state::<Group>(*source.add(i)).map(|group| &**group);
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
        // SAFETY: by contract.
        unsafe { aggregate::set_null(result, row) };
        return Ok(());
    };
    let mut rows: Vec<Vec<Value>> = Vec::new();
    group.finish(&mut |row| {
        rows.push(row);
        Ok(())
    })?;
    // SAFETY: by contract; the children have room for what is reserved, and each is of the type that its column says.
    unsafe {
        let start = aggregate::begin_list(result, row, rows.len())?;
        let structs = ffi::duckdb_list_vector_get_child(result);
        for ((i, (_, ty)), member) in fold.output.iter().enumerate().zip(0..) {
            let cells = ffi::duckdb_struct_vector_get_child(structs, member);
            let stored = TypeHandle::own(ffi::duckdb_vector_get_column_type(cells)).id();
            let ty = match (ty, stored) {
                (Type::Any | Type::Time, ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT) => Type::Integer,
                (Type::Any | Type::Time, ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR) => Type::Text,
                (ty, _) => *ty,
            };
            let mut output = Output::new(cells, ty, start + rows.len());
            for (values, at) in rows.iter().zip(start..) {
                match (values.get(i), ty) {
                    (Some(Value::Text(text)), Type::Any) => {
                        let id = uuid::parse(text);
                        let id = id.ok_or_else(|| Error::new(format!("\"{text}\" is no UUID")))?;
                        output.set_uuid(at, id)?;
                    }
                    (Some(Value::Text(text)), Type::Time) => {
                        let is_date = stored == ffi::DUCKDB_TYPE_DUCKDB_TYPE_DATE;
                        output.set_time(at, text, is_date)?;
                    }
                    (Some(value), _) => output.set(at, value)?,
                    (None, _) => return Err(Error::new("internal error: a row lacks a column")),
                }
            }
        }
    }
    Ok(())
}
