//! The two parts of the SQL that `lumos_search` and its like write, as forms of `lumos_topk` with other arguments,
//! [`Scan`] and [`Rest`]:
//! - `(id, place, queries, hash, plan, checks)`: searches the vectors in memory, and lists the places of other rows
//! - `(id, vec, queries, hash, true_hash, plan, places)`: measures those exactly, and has them held from then on;
//!   every row of a table where `places` is NULL
//!
//! `queries` is a list of BLOBs, and what is found says for which of them.

use std::ffi::CStr;
use std::ptr;
use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::held::{Shared, Store};
use lumos_core::vector::held::Held;
use lumos_core::vector::topk::Query;
use lumos_core::vector::written::Plan;
use lumos_core::{Error, Result, vector};

use crate::hits::{self, ID_TYPES};
use crate::memory::{self, LogicalType};
use crate::part::add_form;
use crate::rest::Rest;
use crate::scan::Scan;

/// Adds both to the aggregate's forms. They share the indexes, which live as long as the functions do.
///
/// # Safety
/// `set` is alive.
pub unsafe fn add(set: ffi::duckdb_aggregate_function_set, name: &CStr, store: &Arc<Store>) {
    use ffi::{
        DUCKDB_TYPE_DUCKDB_TYPE_ANY as ANY, DUCKDB_TYPE_DUCKDB_TYPE_BIGINT as BIGINT,
        DUCKDB_TYPE_DUCKDB_TYPE_BLOB as BLOB, DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT as UBIGINT,
        DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR as VARCHAR,
    };
    let [any, place, hash, text] = [ANY, BIGINT, UBIGINT, VARCHAR].map(LogicalType::simple);
    let queries = LogicalType::simple(BLOB).list();
    for id in ID_TYPES {
        let found = hits::row_type(id, true).list();
        let part = LogicalType::structure(&[
            (LogicalType::simple(BIGINT).list(), c"unknown"),
            (hits::row_type(id, true).list(), c"hits"),
        ]);
        let id = LogicalType::simple(id);
        // SAFETY: by contract; the types are alive during the calls.
        unsafe {
            let scan = [&id, &place, &queries, &hash, &text, &text];
            add_form::<Scan>(set, name, &scan, &part, store);
            let rest = [&id, &any, &queries, &hash, &hash, &text, &place];
            add_form::<Rest>(set, name, &rest, &found, store);
        }
    }
}

/// Refuses a table of whose CHECKs none says that a column of hashes is right.
pub fn check(said: &[u8], checks: &[String], name: &str) -> Result<()> {
    let mut said = said.split(|byte| *byte == 0);
    match said.any(|check| checks.iter().any(|own| own.as_bytes() == check)) {
        true => Ok(()),
        false => Err(Error::new(format!(
            "no CHECK says that the hashes of {name} are those of the values; create the table with a column like \
             h UBIGINT CHECK (h = hash(e)), or leave the column out here: the search is exact then"
        ))),
    }
}

/// Writes the places of rows as the list of `row`.
///
/// # Safety
/// `result` is a list of BIGINT with room for `row`.
pub unsafe fn write_places(places: &[i64], result: ffi::duckdb_vector, row: usize) {
    // SAFETY: by contract; there is room for what is reserved.
    unsafe {
        let start = ffi::duckdb_list_vector_get_size(result);
        let end = start + places.len() as ffi::idx_t + 1;
        ffi::duckdb_list_vector_reserve(result, end);
        ffi::duckdb_list_vector_set_size(result, end);
        ffi::duckdb_vector_get_data(result)
            .cast::<ffi::duckdb_list_entry>()
            .add(row)
            .write(ffi::duckdb_list_entry {
                offset: start,
                length: end - start,
            });
        let cells = ffi::duckdb_vector_get_data(ffi::duckdb_list_vector_get_child(result));
        let cells = cells.cast::<i64>().add(start as usize);
        // No row is there: DuckDB reads nothing for it, but a good deal of the table for an empty list.
        cells.write(-1);
        ptr::copy_nonoverlapping(places.as_ptr(), cells.add(1), places.len());
    }
}

/// A table may have a column of the name by which DuckDB knows the places of rows.
pub fn no_places() -> Error {
    Error::new("rowid does not tell the rows of the table apart; rename the column of that name")
}

/// The plan of a search.
pub fn read_plan(text: &ffi::duckdb_string_t) -> Result<Plan> {
    Plan::parse(std::str::from_utf8(memory::bytes(text)).unwrap_or_default())
}

/// The vectors that are searched for: all of the same length, and not more than there is room for.
pub fn read_queries(blobs: &[ffi::duckdb_string_t], plan: &Plan) -> Result<Arc<[Query]>> {
    let (mut bytes, mut queries) = (0, Vec::<Query>::new());
    for blob in blobs {
        let floats = vector::from_bytes(memory::bytes(blob))?;
        if let Some(first) = queries.first()
            && first.vector().len() != floats.len()
        {
            return Err(Error::new(format!(
                "queries of {} and {} dimensions; all must have the same",
                first.vector().len(),
                floats.len()
            )));
        }
        bytes += size_of_val(&floats[..]);
        if bytes > plan.room {
            return Err(Error::new(format!(
                "the {} queries take more than {} MB; search for fewer at once, or give a higher \"memory\"",
                blobs.len(),
                plan.room / 1_000_000
            )));
        }
        queries.push(Query::new(floats, plan.metric)?);
    }
    Ok(queries.into())
}

/// The index for these queries, if there is one of them.
pub fn open(store: &Store, queries: &[Query], plan: &Plan) -> Result<Option<Shared<Held>>> {
    let Some(first) = queries.first() else {
        return Ok(None);
    };
    let dims = first.vector().len();
    let held = store.vectors(&plan.name, dims, plan.metric, plan.kind)?;
    Ok(Some(held))
}
