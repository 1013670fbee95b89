//! `lumos_topk` as an aggregate of DuckDB.

use std::ffi::CString;
use std::{ptr, slice};

use libduckdb_sys as ffi;
use lumos_core::vector::Metric;
use lumos_core::vector::topk::{Query, TopK};
use lumos_core::{Error, Function, Result, ValueRef};

use crate::aggregate::{self, Form};
use crate::search::result_list::{self, ID_TYPES, Id, Ids};
use crate::vectors::arguments::float_list_or;
use crate::vectors::arguments::{Column, Stored, param_id};
use crate::vectors::view::TypeHandle;

/// What a group has found so far.
#[derive(Clone)]
struct Search {
    query: Query,
    nearest: TopK<Id>,
}

/// Registers the aggregate, for each type of ids, and as scalar functions are for lists and for the rest.
///
/// # Safety
/// As [`crate::scalar::register_all`].
pub unsafe fn register(
    connection: ffi::duckdb_connection,
    function: &'static Function,
) -> Result<(), String> {
    let name = CString::new(function.name).map_err(|e| e.to_string())?;
    let info = ptr::from_ref(function).cast_mut().cast();
    let mut forms = Vec::new();
    for id in ID_TYPES {
        let result = result_list::row_type(id, false).list();
        for arity in function.min_args()..=function.params.len() {
            for lists in [true, false] {
                let parameters = function.params[..arity].iter().enumerate();
                let parameters = parameters.map(|(i, param)| match (i, lists) {
                    (0, _) => TypeHandle::simple(id),
                    // The query is repeated by its place; the rows are read as they are stored.
                    (2, true) => float_list_or(param.ty),
                    _ => TypeHandle::simple(param_id(param.ty)),
                });
                // SAFETY: the callbacks read these arguments and write what `row_type` says; the function is static.
                let form = unsafe {
                    Form::new::<Search>(
                        &name,
                        parameters,
                        &result,
                        Some(update),
                        Some(combine),
                        Some(finalize),
                    )
                    .told(info, None)
                };
                forms.push(form);
            }
        }
    }
    // SAFETY: by contract.
    unsafe { aggregate::register(connection, &name, forms) }
}

unsafe extern "C" fn update(
    info: ffi::duckdb_function_info,
    input: ffi::duckdb_data_chunk,
    states: *mut ffi::duckdb_aggregate_state,
) {
    // SAFETY: DuckDB's chunk is flat, with a state for each of its rows, all alive during the call.
    aggregate::guard(info, "lumos_topk", || unsafe {
        update_chunk(info, input, states)
    });
}

/// # Safety
/// As [`update`].
unsafe fn update_chunk(
    info: ffi::duckdb_function_info,
    input: ffi::duckdb_data_chunk,
    states: *mut ffi::duckdb_aggregate_state,
) -> Result<()> {
    // SAFETY: by contract; `register` gave the function to every overload.
    let (function, rows, arity, states) = unsafe {
        let function = ffi::duckdb_aggregate_function_get_extra_info(info).cast::<Function>();
        let rows = ffi::duckdb_data_chunk_get_size(input) as usize;
        let arity = ffi::duckdb_data_chunk_get_column_count(input) as usize;
        let states = slice::from_raw_parts(states, if rows == 0 { 0 } else { rows });
        (&*function, rows, arity, states)
    };
    let vector = |i: usize| {
        // SAFETY: there is a vector for each argument.
        unsafe { ffi::duckdb_data_chunk_get_vector(input, i as ffi::idx_t) }
    };
    // SAFETY: by contract.
    let column = |i: usize| unsafe { Column::new(&function.params[i], vector(i), rows) };
    let (id, mut vec, mut q, mut k) = (column(0), column(1), column(2), column(3));
    let mut metric = (arity > 4).then(|| column(4));
    // SAFETY: by contract.
    let ids = unsafe { Ids::new(vector(0), rows) };
    // The row that was looked at last, and its group.
    let mut last: Option<(usize, ffi::duckdb_aggregate_state)> = None;
    for (row, &state) in states.iter().enumerate() {
        let absent = [&id, &vec, &q, &k].iter().any(|c| c.is_null(row));
        if absent || metric.as_ref().is_some_and(|m| m.is_null(row)) {
            continue;
        }
        // SAFETY: by contract; the reference of the row before is not used any more.
        let found = unsafe { aggregate::state::<Search>(state) };
        let same = last.is_some_and(|last| last == (row.wrapping_sub(1), state))
            && q.repeats(row)
            && k.repeats(row)
            && metric.as_ref().is_none_or(|m| m.repeats(row));
        last = Some((row, state));
        let search = match found {
            Some(search) if same => search,
            found => {
                let asked = Asked::read(&mut q, &mut k, metric.as_mut(), row)?;
                match found {
                    Some(search) => {
                        asked.check(search)?;
                        search
                    }
                    // SAFETY: by contract.
                    None => unsafe { aggregate::begin(state, asked.search()?) },
                }
            }
        };
        let farthest = search.nearest.farthest();
        let near = match vec.stored(row)? {
            Stored::Floats(floats) => search.query.within(floats, farthest)?,
            Stored::Bytes(bytes) => search.query.within(bytes, farthest)?,
        };
        if let Some(distance) = near {
            search.nearest.offer(distance, || ids.get(row));
        }
    }
    Ok(())
}

/// What one row asks for: the same for all rows of a group.
struct Asked<'a> {
    q: &'a [f32],
    k: i64,
    metric: Metric,
}

impl<'a> Asked<'a> {
    fn read(
        q: &'a mut Column<'_>,
        k: &mut Column<'_>,
        metric: Option<&mut Column<'_>>,
        row: usize,
    ) -> Result<Self> {
        let metric = match metric.map(|m| m.get(row)).transpose()? {
            Some(ValueRef::Text(name)) => Metric::parse(name)?,
            _ => Metric::L2,
        };
        match (q.get(row)?, k.get(row)?) {
            (ValueRef::Vector(q), ValueRef::Integer(k)) => Ok(Asked { q, k, metric }),
            _ => Err(Error::new("q is not a vector or k is no whole number")),
        }
    }

    fn search(&self) -> Result<Search> {
        Ok(Search {
            nearest: TopK::new(self.k)?,
            query: Query::new(self.q.to_vec(), self.metric)?,
        })
    }

    fn check(&self, search: &Search) -> Result<()> {
        let same = self.q == search.query.vector()
            && self.metric == search.query.metric()
            && usize::try_from(self.k) == Ok(search.nearest.k());
        if same {
            Ok(())
        } else {
            Err(Error::new(
                "q, k or metric is not the same in all rows of a group; GROUP BY it",
            ))
        }
    }
}

unsafe extern "C" fn combine(
    info: ffi::duckdb_function_info,
    source: *mut ffi::duckdb_aggregate_state,
    target: *mut ffi::duckdb_aggregate_state,
    count: ffi::idx_t,
) {
    aggregate::guard(info, "lumos_topk", || {
        let merge = |to: &mut Search, from: &Search| {
            let asked = Asked {
                q: from.query.vector(),
                k: from.nearest.k() as i64,
                metric: from.query.metric(),
            };
            asked.check(to)?;
            to.nearest.merge(&from.nearest);
            Ok(())
        };
        // SAFETY: DuckDB gives `count` pairs of states of ours.
        unsafe { aggregate::combine(source, target, count, merge, Search::clone) }
    });
}

unsafe extern "C" fn finalize(
    info: ffi::duckdb_function_info,
    source: *mut ffi::duckdb_aggregate_state,
    result: ffi::duckdb_vector,
    count: ffi::idx_t,
    offset: ffi::idx_t,
) {
    aggregate::guard(info, "lumos_topk", || {
        for i in 0..count as usize {
            let row = offset as usize + i;
            // SAFETY: DuckDB gives `count` states, and room for their lists from `offset` on.
            unsafe {
                match aggregate::state::<Search>(*source.add(i)) {
                    Some(search) => result_list::write(
                        slice::from_ref(&search.nearest),
                        None,
                        false,
                        result,
                        row,
                    )?,
                    None => aggregate::set_null(result, row),
                }
            }
        }
        Ok(())
    });
}
