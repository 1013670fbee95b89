//! The stages of searches, whose names and columns are those of [`lumos_core::search::stages`]. Anyone may call them with
//! any values: none hurts, and nothing is held under a hash but what has it.
//!
//! `queries` is a list of BLOBs where the plan has no query, and what is found says for which of them.

mod bm25_stages;
mod knn_fetch;
mod knn_scan;
mod partial_scores;
pub mod result_list;
mod stage;

use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::search::cache::{IndexCache, SharedIndex};
use lumos_core::search::vector_index::VectorIndex;
use lumos_core::search::{ScanSpec, proven};
use lumos_core::vector::topk::Query;
use lumos_core::{Error, Result, vector};

use self::bm25_stages::{Bm25Fetch, Bm25Scan};
use self::knn_fetch::KnnFetch;
use self::knn_scan::KnnScan;
use crate::aggregate;
use crate::vectors::view::{self, Strings, TypeHandle, Validity};

/// Registers all stages. They share the indexes, which live as long as the functions do.
///
/// # Safety
/// As [`crate::scalar::register_all`].
pub unsafe fn register(
    connection: ffi::duckdb_connection,
    store: &Arc<IndexCache>,
) -> Result<(), String> {
    // SAFETY: by contract.
    unsafe {
        stage::register::<KnnScan>(connection, store)?;
        stage::register::<KnnFetch>(connection, store)?;
        stage::register::<Bm25Scan>(connection, store)?;
        stage::register::<Bm25Fetch>(connection, store)
    }
}

/// What a first part results in: the rowids of rows that it does not know, what the second part is to be told, and what
/// was found.
pub fn part_type() -> TypeHandle {
    use ffi::{
        DUCKDB_TYPE_DUCKDB_TYPE_BIGINT as BIGINT, DUCKDB_TYPE_DUCKDB_TYPE_BLOB as BLOB,
        DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR as VARCHAR,
    };
    TypeHandle::structure(&[
        (TypeHandle::simple(BIGINT).list(), c"unknown"),
        (TypeHandle::simple(VARCHAR), c"plan"),
        (TypeHandle::simple(BLOB), c"found"),
    ])
}

/// The full name of the table, unless none of its CHECKs says that a column of hashes is right.
pub fn check(said: Option<&str>, checks: &[String], name: &str) -> Result<String> {
    said.and_then(|said| proven(said, checks)).ok_or_else(|| {
        Error::new(format!(
            "no CHECK says that the hashes of {name} are those of the values; create the table with a column like \
             h UBIGINT CHECK (h = hash(e)), or leave the column out here: the search is exact then"
        ))
    })
}

/// What a second part is told.
pub struct Told {
    /// As text.
    pub plan: Arc<str>,
    /// The name of the index, and the number of the search, if there was a first part.
    pub begun: Option<(Arc<str>, u64)>,
}

impl Told {
    /// What the first part has written, or the text itself.
    pub fn read(text: Option<&str>, store: &IndexCache) -> Result<Told> {
        let text = text.ok_or_else(|| Error::new("the plan is NULL"))?;
        let Some(number) = text.strip_prefix(BEGUN) else {
            return Ok(Told {
                plan: text.into(),
                begun: None,
            });
        };
        let number = u64::from_str_radix(number, 16).ok();
        let found = number.and_then(|n| Some((store.begun(n)?, n)));
        let (begun, number) = found.ok_or_else(|| {
            Error::new("this part of a search is not called in its own statement; search again")
        })?;
        Ok(Told {
            plan: begun.plan,
            begun: Some((begun.name, number)),
        })
    }

    /// Forgets what the first part has left.
    pub fn end(begun: Option<&(Arc<str>, u64)>, store: &IndexCache) {
        if let Some((_, number)) = begun {
            store.end(*number);
        }
    }
}

/// Before the number of a search.
const BEGUN: char = '#';

/// Writes the result of a first part: as what the second is told the plan itself, or the number of a search. Errors
/// if memory is short.
///
/// # Safety
/// `result` is of [`part_type`], with room for `row`.
pub unsafe fn write_part(
    rowids: &[i64],
    plan: Result<u64, String>,
    found: &[u8],
    result: ffi::duckdb_vector,
    row: usize,
) -> Result<()> {
    let plan = plan.map_or_else(|text| text, |number| format!("{BEGUN}{number:x}"));
    let write = |member: ffi::idx_t, bytes: &[u8]| {
        // SAFETY: by contract; DuckDB copies the bytes.
        unsafe {
            let (data, len) = (bytes.as_ptr().cast::<c_char>(), bytes.len() as ffi::idx_t);
            let child = ffi::duckdb_struct_vector_get_child(result, member);
            ffi::duckdb_vector_assign_string_element_len(child, row as ffi::idx_t, data, len);
        }
    };
    write(1, plan.as_bytes());
    write(2, found);
    // SAFETY: by contract.
    unsafe { write_rowids(rowids, ffi::duckdb_struct_vector_get_child(result, 0), row) }
}

/// How many rows a second part is to read, by its column `rowids`: one of those is no row's. `None` if that is not known.
///
/// # Safety
/// The vector is of BIGINT, has a row, and is alive during the call.
pub unsafe fn expected_rows(rowids: ffi::duckdb_vector) -> Option<i64> {
    // SAFETY: by contract.
    let (rowids, nulls) = unsafe { (view::slice::<i64>(rowids, 1), Validity::new(rowids, 1)) };
    let rowids = rowids.first().filter(|_| !nulls.is_null(0));
    rowids.map(|rowids| rowids.saturating_sub(1))
}

/// Writes the rowids of rows as the list of `row`.
///
/// # Safety
/// `result` is a list of BIGINT with room for `row`.
unsafe fn write_rowids(rowids: &[i64], result: ffi::duckdb_vector, row: usize) -> Result<()> {
    // SAFETY: by contract; there is room for what is reserved.
    unsafe {
        let start = aggregate::begin_list(result, row, rowids.len() + 1)?;
        let cells = ffi::duckdb_vector_get_data(ffi::duckdb_list_vector_get_child(result));
        let cells = cells.cast::<i64>().add(start);
        // No row is there: DuckDB reads nothing for it, but a good deal of the table for an empty list.
        cells.write(-1);
        ptr::copy_nonoverlapping(rowids.as_ptr(), cells.add(1), rowids.len());
    }
    Ok(())
}

/// The error for a table with a column of the name `rowid`.
pub fn no_rowids() -> Error {
    Error::new("rowid does not tell the rows of the table apart; rename the column of that name")
}

/// The plan in the first row of these.
pub fn first_text<'a>(strings: &Strings<'a>) -> Result<&'a str> {
    strings
        .text(0)?
        .ok_or_else(|| Error::new("the plan is NULL"))
}

/// The vectors that are searched for, that of the plan or those of the list: all of the same length, and not more than
/// there is room for.
pub fn read_queries(list: &[Option<&[u8]>], plan: &ScanSpec) -> Result<Arc<[Query]>> {
    let (mut bytes, mut queries) = (0, Vec::<Query>::new());
    let mut add = |floats: Vec<f32>| {
        let first = queries.first().map_or(floats.len(), |q| q.vector().len());
        if first != floats.len() {
            return Err(Error::new(format!(
                "queries of {first} and {} dimensions; all must have the same",
                floats.len()
            )));
        }
        bytes += size_of_val(&floats[..]);
        if bytes > plan.memory_limit {
            return Err(Error::new(format!(
                "the {} queries take more than {} MB; search for fewer at once, or give a higher \"memory\"",
                list.len().max(1),
                plan.memory_limit / 1_000_000
            )));
        }
        queries.push(Query::new(floats, plan.metric)?);
        Ok(())
    };
    match &plan.query {
        Some(query) => add(query.clone())?,
        None => {
            for blob in list {
                let blob = blob.ok_or_else(|| Error::new("a query is NULL"))?;
                add(vector::from_bytes(blob)?)?;
            }
        }
    }
    Ok(queries.into())
}

/// The vectors in memory for these queries, if there is one of them.
pub fn open(
    store: &IndexCache,
    queries: &[Query],
    plan: &ScanSpec,
    name: &str,
) -> Result<Option<SharedIndex<VectorIndex>>> {
    let Some(first) = queries.first() else {
        return Ok(None);
    };
    let held = store.vectors(name, first.vector().len(), (plan.metric, plan.kind))?;
    Ok(Some(held))
}
