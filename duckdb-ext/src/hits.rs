//! Rows that a search in DuckDB has found: their ids, and lists of them as results.

use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use libduckdb_sys as ffi;
use lumos_core::Result;
use lumos_core::vector::topk::TopK;

use crate::memory::{self, LogicalType};
use crate::scalar::panic_message;

/// An id, ordered as DuckDB orders it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// BIGINT.
    Integer(i64),
    /// As DuckDB stores it: as a signed number whose order is that of the text.
    Uuid(i128),
    /// VARCHAR.
    Text(Box<[u8]>),
}

/// The types that an id can have; others become text.
pub const ID_TYPES: [ffi::DUCKDB_TYPE; 3] = [
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT,
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID,
    ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR,
];

/// STRUCT(id, distance DOUBLE).
pub fn row_type(id: ffi::DUCKDB_TYPE) -> LogicalType {
    let members = [
        LogicalType::simple(id),
        LogicalType::simple(ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE),
    ];
    let mut types = [members[0].raw(), members[1].raw()];
    let mut names = [c"id".as_ptr(), c"distance".as_ptr()];
    // SAFETY: two types and two names, alive during the call.
    unsafe {
        LogicalType::own(ffi::duckdb_create_struct_type(
            types.as_mut_ptr(),
            names.as_mut_ptr(),
            2,
        ))
    }
}

/// The ids of a chunk.
pub enum Ids<'a> {
    /// BIGINT.
    Integer(&'a [i64]),
    /// UUID.
    Uuid(&'a [ffi::duckdb_hugeint]),
    /// VARCHAR.
    Text(&'a [ffi::duckdb_string_t]),
}

impl Ids<'_> {
    /// # Safety
    /// As [`memory::slice`], of one of [`ID_TYPES`].
    pub unsafe fn new(vector: ffi::duckdb_vector, rows: usize) -> Self {
        // SAFETY: by contract.
        unsafe {
            let ty = LogicalType::own(ffi::duckdb_vector_get_column_type(vector));
            match ty.id() {
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT => Ids::Integer(memory::slice(vector, rows)),
                ffi::DUCKDB_TYPE_DUCKDB_TYPE_UUID => Ids::Uuid(memory::slice(vector, rows)),
                _ => Ids::Text(memory::slice(vector, rows)),
            }
        }
    }

    /// The id in `row`.
    pub fn get(&self, row: usize) -> Id {
        match self {
            Ids::Integer(ids) => Id::Integer(ids[row]),
            Ids::Uuid(ids) => {
                Id::Uuid(i128::from(ids[row].upper) << 64 | i128::from(ids[row].lower))
            }
            Ids::Text(ids) => Id::Text(memory::bytes(&ids[row]).into()),
        }
    }
}

/// Writes what was found as the list of `row`, behind the elements that the lists before it have.
///
/// # Safety
/// `result` is a list of what [`row_type`] says, with room for `row`.
pub unsafe fn write(nearest: &TopK<Id>, result: ffi::duckdb_vector, row: usize) {
    let hits = nearest.sorted();
    // SAFETY: by contract; the children have room for what is reserved.
    unsafe {
        let start = ffi::duckdb_list_vector_get_size(result);
        let end = start + hits.len() as ffi::idx_t;
        ffi::duckdb_list_vector_reserve(result, end);
        ffi::duckdb_list_vector_set_size(result, end);
        let entry = ffi::duckdb_list_entry {
            offset: start,
            length: hits.len() as u64,
        };
        ffi::duckdb_vector_get_data(result)
            .cast::<ffi::duckdb_list_entry>()
            .add(row)
            .write(entry);
        let structs = ffi::duckdb_list_vector_get_child(result);
        let ids = ffi::duckdb_struct_vector_get_child(structs, 0);
        let distances = ffi::duckdb_struct_vector_get_child(structs, 1);
        let id_cells = ffi::duckdb_vector_get_data(ids);
        let distance_cells = ffi::duckdb_vector_get_data(distances).cast::<f64>();
        for (hit, at) in hits.into_iter().zip(start as usize..) {
            distance_cells.add(at).write(hit.distance);
            match &hit.id {
                Id::Integer(id) => id_cells.cast::<i64>().add(at).write(*id),
                Id::Uuid(id) => {
                    let cell = ffi::duckdb_hugeint {
                        lower: *id as u64,
                        upper: (*id >> 64) as i64,
                    };
                    id_cells.cast::<ffi::duckdb_hugeint>().add(at).write(cell);
                }
                Id::Text(id) => ffi::duckdb_vector_assign_string_element_len(
                    ids,
                    at as ffi::idx_t,
                    id.as_ptr().cast(),
                    id.len() as ffi::idx_t,
                ),
            }
        }
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
