//! An aggregate of DuckDB that keeps a Rust value for its group: how the stages of a search run.

use std::ffi::{CString, c_void};
use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::search::cache::IndexCache;
use lumos_core::search::stages::{ColumnType, Stage};
use lumos_core::{Error, Result};

use crate::aggregate::{self, Form};
use crate::search::result_list::ID_TYPES;
use crate::vectors::view::TypeHandle;

/// A part of a search, as far as it has come.
pub trait AggregateStage: Clone {
    /// The function of which errors speak.
    const NAME: &'static str;

    /// Its name and columns; [`vector`] reads one by its name.
    const STAGE: &'static Stage;

    /// The type of its result, with ids of this type.
    fn result(id: ffi::DUCKDB_TYPE) -> TypeHandle;

    /// A part that is yet to read, as the first row asks for it.
    ///
    /// # Safety
    /// The chunk has rows of the form's arguments and is alive during the call.
    unsafe fn begin(chunk: ffi::duckdb_data_chunk, store: &IndexCache) -> Result<Self>;

    /// Reads the rows of a chunk.
    ///
    /// # Safety
    /// As [`Self::begin`], and it has so many rows.
    unsafe fn read(&mut self, chunk: ffi::duckdb_data_chunk, rows: usize) -> Result<()>;

    /// Takes over what another has found.
    fn merge(&mut self, other: &Self);

    /// Writes the result.
    ///
    /// # Safety
    /// `result` is of the form's type, with room for `row`.
    unsafe fn write(
        part: Option<&Self>,
        store: &IndexCache,
        result: ffi::duckdb_vector,
        row: usize,
    ) -> Result<()>;
}

/// The vector of a column of a stage's chunk.
///
/// # Safety
/// The chunk has rows of the stage's columns and is alive during the call.
pub unsafe fn vector<P: AggregateStage>(
    chunk: ffi::duckdb_data_chunk,
    column: &str,
) -> Result<ffi::duckdb_vector> {
    let place = P::STAGE.column(column)?;
    // SAFETY: by contract; the stage has the column.
    Ok(unsafe { ffi::duckdb_data_chunk_get_vector(chunk, place as ffi::idx_t) })
}

/// Registers a stage, with a form for each type of ids.
///
/// # Safety
/// As [`crate::scalar::register_all`].
pub unsafe fn register<P: AggregateStage>(
    connection: ffi::duckdb_connection,
    store: &Arc<IndexCache>,
) -> Result<(), String> {
    let name = CString::new(P::STAGE.name).map_err(|e| e.to_string())?;
    let form = |id| {
        let columns = P::STAGE.columns.iter();
        let info = Arc::into_raw(Arc::clone(store)).cast_mut().cast();
        // SAFETY: the stage reads its columns and writes a result of its type; the form owns a handle of the store. Rows
        // whose hash is NULL are wanted too.
        unsafe {
            Form::new::<P>(
                &name,
                columns.map(|(_, ty)| column_type(*ty, id)),
                &P::result(id),
                Some(update::<P>),
                Some(combine::<P>),
                Some(finalize::<P>),
            )
            .with_nulls()
            .told(info, Some(release))
        }
    };
    // SAFETY: by contract.
    unsafe { aggregate::register(connection, &name, ID_TYPES.map(form)) }
}

/// DuckDB's type of a column.
fn column_type(ty: ColumnType, id: ffi::DUCKDB_TYPE) -> TypeHandle {
    match ty {
        ColumnType::Id => TypeHandle::simple(id),
        ColumnType::Rowid => TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT),
        ColumnType::Hash => TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT),
        ColumnType::Vector => TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_ANY),
        ColumnType::Text => TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR),
        ColumnType::Flag => TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_BOOLEAN),
        ColumnType::Bytes => TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_BLOB),
        ColumnType::Vectors => TypeHandle::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_BLOB).list(),
    }
}

unsafe extern "C" fn release(store: *mut c_void) {
    // SAFETY: DuckDB gives back what `register` gave it, once.
    drop(unsafe { Arc::from_raw(store.cast::<IndexCache>()) });
}

/// # Safety
/// `info` is that of a form of [`register`].
unsafe fn store<'a>(info: ffi::duckdb_function_info) -> &'a IndexCache {
    // SAFETY: by contract; the form holds the store as long as it is there.
    unsafe { &*ffi::duckdb_aggregate_function_get_extra_info(info).cast::<IndexCache>() }
}

unsafe extern "C" fn update<P: AggregateStage>(
    info: ffi::duckdb_function_info,
    chunk: ffi::duckdb_data_chunk,
    states: *mut ffi::duckdb_aggregate_state,
) {
    aggregate::guard(info, P::NAME, || {
        // SAFETY: DuckDB's chunk is flat, with a state for each of its rows, all alive during the call.
        unsafe {
            let rows = ffi::duckdb_data_chunk_get_size(chunk) as usize;
            if rows == 0 {
                return Ok(());
            }
            let states = std::slice::from_raw_parts(states, rows);
            if states.iter().any(|state| *state != states[0]) {
                return Err(Error::new("the SQL that it writes has no GROUP BY"));
            }
            let store = store(info);
            let part = match aggregate::state::<P>(states[0]) {
                Some(part) => part,
                None => aggregate::begin(states[0], P::begin(chunk, store)?),
            };
            part.read(chunk, rows)
        }
    });
}

unsafe extern "C" fn combine<P: AggregateStage>(
    info: ffi::duckdb_function_info,
    source: *mut ffi::duckdb_aggregate_state,
    target: *mut ffi::duckdb_aggregate_state,
    count: ffi::idx_t,
) {
    aggregate::guard(info, P::NAME, || {
        let merge = |to: &mut P, from: &P| {
            to.merge(from);
            Ok(())
        };
        // SAFETY: DuckDB gives `count` pairs of states of ours.
        unsafe { aggregate::combine(source, target, count, merge, P::clone) }
    });
}

unsafe extern "C" fn finalize<P: AggregateStage>(
    info: ffi::duckdb_function_info,
    source: *mut ffi::duckdb_aggregate_state,
    result: ffi::duckdb_vector,
    count: ffi::idx_t,
    offset: ffi::idx_t,
) {
    aggregate::guard(info, P::NAME, || {
        for i in 0..count as usize {
            // SAFETY: DuckDB gives `count` states, and room for their results from `offset` on.
            unsafe {
                let part = aggregate::state::<P>(*source.add(i));
                P::write(part.as_deref(), store(info), result, offset as usize + i)?;
            }
        }
        Ok(())
    });
}
