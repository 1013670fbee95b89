//! The two parts of the SQL that `lumos_search` writes, as forms of `lumos_topk` with more arguments:
//! - `(id, place, q, hash, plan, checks)`: searches the vectors in memory, and lists the places of other rows
//! - `(id, vec, q, k, hash, true_hash, plan, places)`: measures those exactly, and has them held from then on

use std::ffi::CStr;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::vector::held::{Shared, Store};
use lumos_core::vector::topk::{Query, TopK};
use lumos_core::vector::written::Plan;
use lumos_core::{Error, Param, Result, Type, ValueRef, vector};

use crate::convert::Column;
use crate::hits::{self, ID_TYPES, Id, Ids};
use crate::memory::{self, LogicalType, Validity};
use crate::part::{Part, add_form};

const VECTOR: Param = Param::new("the vector", Type::Vector);

/// Adds both to the aggregate's forms. They share the indexes, which live as long as the functions do.
///
/// # Safety
/// `set` is alive.
pub unsafe fn add(set: ffi::duckdb_aggregate_function_set, name: &CStr) {
    use ffi::{
        DUCKDB_TYPE_DUCKDB_TYPE_ANY as ANY, DUCKDB_TYPE_DUCKDB_TYPE_BIGINT as BIGINT,
        DUCKDB_TYPE_DUCKDB_TYPE_BLOB as BLOB, DUCKDB_TYPE_DUCKDB_TYPE_UBIGINT as UBIGINT,
        DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR as VARCHAR,
    };
    let store = Arc::new(Store::default());
    for id in ID_TYPES {
        let hits = hits::row_type(id).list();
        let mut types = [LogicalType::simple(BIGINT).list(), hits];
        // SAFETY: by contract; the types are alive during the calls.
        unsafe {
            let scan = [id, BIGINT, BLOB, UBIGINT, VARCHAR, VARCHAR];
            add_form::<Scan>(set, name, &scan, &scan_type(&mut types), &store);
            let rest = [id, ANY, BLOB, BIGINT, UBIGINT, UBIGINT, VARCHAR, BIGINT];
            add_form::<Rest>(set, name, &rest, &types[1], &store);
        }
    }
}

/// STRUCT(unknown BIGINT[], hits STRUCT(id, distance)[]).
fn scan_type(members: &mut [LogicalType; 2]) -> LogicalType {
    let mut types = [members[0].raw(), members[1].raw()];
    let mut names = [c"unknown".as_ptr(), c"hits".as_ptr()];
    // SAFETY: two types and two names, alive during the call.
    unsafe {
        LogicalType::own(ffi::duckdb_create_struct_type(
            types.as_mut_ptr(),
            names.as_mut_ptr(),
            2,
        ))
    }
}

/// The first part.
#[derive(Clone)]
struct Scan {
    plan: Plan,
    query: Vec<f32>,
    shared: Shared,
    /// The slots of the rows whose vectors are held, in runs, and their ids in the same order.
    runs: Vec<Range<u32>>,
    ids: IdList,
    /// The places of the other rows.
    unknown: Vec<i64>,
}

/// Ids by the million.
#[derive(Clone)]
enum IdList {
    Integer(Vec<i64>),
    Uuid(Vec<i128>),
    Text(Vec<Box<[u8]>>),
}

impl IdList {
    fn of(ids: &Ids<'_>) -> IdList {
        match ids {
            Ids::Integer(_) => IdList::Integer(Vec::new()),
            Ids::Uuid(_) => IdList::Uuid(Vec::new()),
            Ids::Text(_) => IdList::Text(Vec::new()),
        }
    }

    fn push(&mut self, id: Id) {
        match (self, id) {
            (IdList::Integer(all), Id::Integer(id)) => all.push(id),
            (IdList::Uuid(all), Id::Uuid(id)) => all.push(id),
            (IdList::Text(all), Id::Text(id)) => all.push(id),
            _ => {}
        }
    }

    fn get(&self, i: usize) -> Id {
        match self {
            IdList::Integer(all) => Id::Integer(all[i]),
            IdList::Uuid(all) => Id::Uuid(all[i]),
            IdList::Text(all) => Id::Text(all[i].clone()),
        }
    }

    /// Adds the ids of so many rows of a chunk.
    fn push_run(&mut self, ids: &Ids<'_>, rows: Range<usize>) {
        match (self, ids) {
            (IdList::Integer(all), Ids::Integer(ids)) => all.extend(&ids[rows]),
            (all, ids) => rows.for_each(|row| all.push(ids.get(row))),
        }
    }

    fn extend(&mut self, other: &IdList) {
        match (self, other) {
            (IdList::Integer(all), IdList::Integer(ids)) => all.extend(ids),
            (IdList::Uuid(all), IdList::Uuid(ids)) => all.extend(ids),
            (IdList::Text(all), IdList::Text(ids)) => all.extend(ids.iter().cloned()),
            _ => {}
        }
    }
}

impl Part for Scan {
    unsafe fn begin(chunk: ffi::duckdb_data_chunk, store: &Store) -> Result<Self> {
        // SAFETY: by contract, with the types that `add` says.
        let (ids, query, plan, checks) = unsafe {
            let vector = |i| ffi::duckdb_data_chunk_get_vector(chunk, i);
            let query = memory::slice::<ffi::duckdb_string_t>(vector(2), 1);
            let plan = memory::slice::<ffi::duckdb_string_t>(vector(4), 1);
            let checks = memory::slice::<ffi::duckdb_string_t>(vector(5), 1);
            let none = Validity::new(vector(5), 1).is_null(0);
            (
                IdList::of(&Ids::new(vector(0), 1)),
                floats(&query[0])?,
                read_plan(&plan[0])?,
                if none { b"" } else { memory::bytes(&checks[0]) },
            )
        };
        let mut checks = checks.split(|byte| *byte == 0);
        if !checks.any(|check| plan.checks.iter().any(|own| own.as_bytes() == check)) {
            return Err(Error::new(format!(
                "no CHECK says that the hashes of {} are those of the vectors; create the table with a column like \
                 h UBIGINT CHECK (h = hash(e)), or leave the column out here: the search is exact then",
                plan.name
            )));
        }
        // What no search takes is refused here too.
        Query::new(query.clone(), plan.metric)?;
        Ok(Scan {
            shared: store.open(&plan.name, query.len(), plan.metric, plan.kind)?,
            plan,
            query,
            runs: Vec::new(),
            ids,
            unknown: Vec::new(),
        })
    }

    unsafe fn read(&mut self, chunk: ffi::duckdb_data_chunk, rows: usize) -> Result<()> {
        // SAFETY: by contract, with the types that `add` says.
        let (ids, absent, places, unplaced, hashes, unhashed) = unsafe {
            let vector = |i| ffi::duckdb_data_chunk_get_vector(chunk, i);
            (
                Ids::new(vector(0), rows),
                Validity::new(vector(0), rows),
                memory::slice::<i64>(vector(1), rows),
                Validity::new(vector(1), rows),
                memory::slice::<u64>(vector(3), rows),
                Validity::new(vector(3), rows),
            )
        };
        if unplaced.first_null(0..rows).is_some() {
            return Err(no_places());
        }
        let held = self.shared.read()?;
        let whole = absent.first_null(0..rows).is_none() && unhashed.first_null(0..rows).is_none();
        let mut likely = self.runs.last().map_or(0, |run| run.end);
        let mut row = 0;
        while row < rows {
            // Rows mostly come in the order of the slots.
            let run = if whole {
                held.run(&hashes[row..rows], likely)
            } else {
                0
            };
            if run > 0 {
                self.ids.push_run(&ids, row..row + run);
                push(&mut self.runs, likely..likely + run as u32);
                likely += run as u32;
                row += run;
                continue;
            }
            if !absent.is_null(row) {
                let hash = (!unhashed.is_null(row)).then(|| hashes[row]);
                let no_vector = hash.is_some() && hash == held.no_vector;
                match hash.and_then(|hash| held.slot(hash)) {
                    Some(slot) => {
                        likely = slot + 1;
                        push(&mut self.runs, slot..likely);
                        self.ids.push(ids.get(row));
                    }
                    None if no_vector => {}
                    None => self.unknown.push(places[row]),
                }
            }
            row += 1;
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.runs.extend(other.runs.iter().cloned());
        self.ids.extend(&other.ids);
        self.unknown.extend(&other.unknown);
    }

    unsafe fn write(
        part: Option<&Self>,
        store: &Store,
        result: ffi::duckdb_vector,
        row: usize,
    ) -> Result<()> {
        // SAFETY: by contract.
        let (places, found) = unsafe {
            (
                ffi::duckdb_struct_vector_get_child(result, 0),
                ffi::duckdb_struct_vector_get_child(result, 1),
            )
        };
        let unknown = part.map_or(&[][..], |scan| &scan.unknown);
        let nearest = part.map_or_else(|| TopK::new(0), |scan| scan.nearest(store))?;
        // SAFETY: by contract; there is room for what is reserved.
        unsafe {
            let start = ffi::duckdb_list_vector_get_size(places);
            let end = start + unknown.len() as ffi::idx_t + 1;
            ffi::duckdb_list_vector_reserve(places, end);
            ffi::duckdb_list_vector_set_size(places, end);
            ffi::duckdb_vector_get_data(places)
                .cast::<ffi::duckdb_list_entry>()
                .add(row)
                .write(ffi::duckdb_list_entry {
                    offset: start,
                    length: end - start,
                });
            let cells = ffi::duckdb_vector_get_data(ffi::duckdb_list_vector_get_child(places));
            let cells = cells.cast::<i64>().add(start as usize);
            // No row is there: DuckDB reads nothing for it, but a good deal of the table for an empty list.
            cells.write(-1);
            ptr::copy_nonoverlapping(unknown.as_ptr(), cells.add(1), unknown.len());
            hits::write(&nearest, found, row);
        }
        Ok(())
    }
}

impl Scan {
    fn nearest(&self, store: &Store) -> Result<TopK<Id>> {
        let mut nearest = TopK::new(self.plan.k)?;
        let held = self.shared.read()?;
        let mut met = vec![0u64; held.index().slots().div_ceil(64)];
        for run in &self.runs {
            set(&mut met, run.clone());
        }
        let rows: usize = self.runs.iter().map(ExactSizeIterator::len).sum();
        let k = nearest.k().min(rows);
        let mut hits = held.nearest(&self.query, k, self.plan.oversample, &met)?;
        if self.plan.whole && held.is_mostly_gone(&met, self.plan.room) {
            let (name, dims) = (&self.plan.name, self.query.len());
            store.forget(name, dims, self.plan.metric, self.plan.kind);
        }
        drop(held);
        hits.sort_unstable_by_key(|(slot, _)| *slot);
        let mut first = 0;
        for run in &self.runs {
            let from = hits.partition_point(|(slot, _)| *slot < run.start);
            for (slot, distance) in hits[from..].iter().take_while(|hit| hit.0 < run.end) {
                let place = first + (slot - run.start) as usize;
                nearest.offer(*distance, || self.ids.get(place));
            }
            first += run.len();
        }
        Ok(nearest)
    }
}

/// Adds slots to runs of them.
fn push(runs: &mut Vec<Range<u32>>, slots: Range<u32>) {
    match runs.last_mut() {
        Some(last) if last.end == slots.start => last.end = slots.end,
        _ => runs.push(slots),
    }
}

/// Sets these bits.
fn set(words: &mut [u64], bits: Range<u32>) {
    for word in bits.start / 64..bits.end.div_ceil(64) {
        let from = bits.start.max(word * 64) % 64;
        let unset = (word + 1) * 64 - bits.end.min((word + 1) * 64);
        words[word as usize] |= u64::MAX << from & u64::MAX >> unset;
    }
}

/// The second part.
#[derive(Clone)]
struct Rest {
    plan: Plan,
    query: Query,
    shared: Shared,
    nearest: TopK<Id>,
    /// How many rows there are to read, and how many were read.
    places: i64,
    met: i64,
}

impl Part for Rest {
    unsafe fn begin(chunk: ffi::duckdb_data_chunk, store: &Store) -> Result<Self> {
        // SAFETY: by contract, with the types that `add` says.
        let (query, k, plan, places) = unsafe {
            let vector = |i| ffi::duckdb_data_chunk_get_vector(chunk, i);
            let query = memory::slice::<ffi::duckdb_string_t>(vector(2), 1);
            let k = memory::slice::<i64>(vector(3), 1);
            let plan = memory::slice::<ffi::duckdb_string_t>(vector(6), 1);
            let places = memory::slice::<i64>(vector(7), 1);
            (floats(&query[0])?, k[0], read_plan(&plan[0])?, places[0])
        };
        Ok(Rest {
            shared: store.open(&plan.name, query.len(), plan.metric, plan.kind)?,
            query: Query::new(query, plan.metric)?,
            nearest: TopK::new(k)?,
            plan,
            // One of them is no row, see below.
            places: places - 1,
            met: 0,
        })
    }

    unsafe fn read(&mut self, chunk: ffi::duckdb_data_chunk, rows: usize) -> Result<()> {
        // SAFETY: by contract, with the types that `add` says.
        let (ids, mut vectors, hashes, unhashed, truths) = unsafe {
            let vector = |i| ffi::duckdb_data_chunk_get_vector(chunk, i);
            (
                Ids::new(vector(0), rows),
                Column::new(&VECTOR, vector(1), rows),
                memory::slice::<u64>(vector(4), rows),
                Validity::new(vector(4), rows),
                memory::slice::<u64>(vector(5), rows),
            )
        };
        self.met += rows as i64;
        let mut held = self.shared.write()?;
        for row in 0..rows {
            // A hash that is not the vector's is not relied on: a macro may have taken the place of DuckDB's function.
            let hash = (!unhashed.is_null(row) && hashes[row] == truths[row]).then(|| hashes[row]);
            if vectors.is_null(row) {
                held.no_vector = hash.or(held.no_vector);
                continue;
            }
            let ValueRef::Vector(floats) = vectors.get(row)? else {
                continue;
            };
            let distance = self.query.distance(floats)?;
            if let Some(hash) = hash {
                held.add(hash, floats, self.plan.room)?;
            }
            self.nearest.offer(distance, || ids.get(row));
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.met += other.met;
        self.nearest.merge(&other.nearest);
    }

    unsafe fn write(
        part: Option<&Self>,
        _: &Store,
        result: ffi::duckdb_vector,
        row: usize,
    ) -> Result<()> {
        if part.is_some_and(|rest| rest.met != rest.places) {
            return Err(no_places());
        }
        let none = TopK::new(0)?;
        // SAFETY: by contract.
        unsafe { hits::write(part.map_or(&none, |rest| &rest.nearest), result, row) };
        Ok(())
    }
}

/// A table may have a column of the name by which DuckDB knows the places of rows.
fn no_places() -> Error {
    Error::new("rowid does not tell the rows of the table apart; rename the column of that name")
}

fn read_plan(text: &ffi::duckdb_string_t) -> Result<Plan> {
    Plan::parse(std::str::from_utf8(memory::bytes(text)).unwrap_or_default())
}

fn floats(blob: &ffi::duckdb_string_t) -> Result<Vec<f32>> {
    vector::from_bytes(memory::bytes(blob))
}
