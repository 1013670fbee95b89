//! The two parts of the SQL that `lumos_search` and its like write, as forms of `lumos_topk` with other arguments:
//! - `(id, place, queries, hash, plan, checks)`: searches the vectors in memory, and lists the places of other rows
//! - `(id, vec, queries, hash, true_hash, plan, places)`: measures those exactly, and has them held from then on;
//!   every row of a table where `places` is NULL
//!
//! `queries` is a list of BLOBs, and what is found says for which of them.

use std::ffi::CStr;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::held::{Shared, Store};
use lumos_core::vector::distance::Element;
use lumos_core::vector::held::Held;
use lumos_core::vector::topk::{Query, TopK};
use lumos_core::vector::written::Plan;
use lumos_core::{Error, Param, Result, Type, ValueRef, vector};

use crate::convert::{Column, Stored};
use crate::hits::{self, ID_TYPES, Id, IdList, Ids};
use crate::memory::{self, LogicalType, Validity};
use crate::part::{Part, add_form};

const VECTOR: Param = Param::new("the vector", Type::Vector);

/// Rows that all queries go over together, so that they stay in the processor's cache.
const BLOCK: usize = 16;

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

/// The first part.
#[derive(Clone)]
struct Scan {
    plan: Plan,
    queries: Arc<[Query]>,
    /// Without a query there is nothing to look into.
    shared: Option<Shared<Held>>,
    /// The slots of the rows whose vectors are held, in runs, and their ids in the same order.
    runs: Vec<Range<u32>>,
    ids: IdList,
    /// The places of the other rows.
    unknown: Vec<i64>,
}

impl Part for Scan {
    const NAME: &'static str = "lumos_search";

    unsafe fn begin(chunk: ffi::duckdb_data_chunk, store: &Store) -> Result<Self> {
        // SAFETY: by contract, with the types that `add` says.
        let (ids, queries, plan, checks) = unsafe {
            let vector = |i| ffi::duckdb_data_chunk_get_vector(chunk, i);
            let plan = memory::slice::<ffi::duckdb_string_t>(vector(4), 1);
            let checks = memory::slice::<ffi::duckdb_string_t>(vector(5), 1);
            let none = Validity::new(vector(5), 1).is_null(0);
            (
                IdList::of(&Ids::new(vector(0), 1)),
                memory::strings(vector(2)),
                read_plan(&plan[0])?,
                if none { b"" } else { memory::bytes(&checks[0]) },
            )
        };
        check(checks, &plan.checks, &plan.name)?;
        let queries = read_queries(queries, &plan)?;
        Ok(Scan {
            shared: open(store, &queries, &plan)?,
            plan,
            queries,
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
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        let held = shared.read()?;
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
        let nearest = part.map_or_else(|| Ok(Vec::new()), |scan| scan.nearest(store))?;
        // SAFETY: by contract.
        unsafe {
            write_places(unknown, places, row);
            hits::write(&nearest, true, found, row);
        }
        Ok(())
    }
}

impl Scan {
    /// For each query.
    fn nearest(&self, store: &Store) -> Result<Vec<TopK<Id>>> {
        let mut nearest = vec![TopK::new(self.plan.k)?; self.queries.len()];
        let Some(shared) = &self.shared else {
            return Ok(nearest);
        };
        let held = shared.read()?;
        let mut met = vec![0u64; held.index().slots().div_ceil(64)];
        for run in &self.runs {
            set(&mut met, run.clone());
        }
        let rows: usize = self.runs.iter().map(ExactSizeIterator::len).sum();
        let k = nearest[0].k().min(rows);
        let mut hits = Vec::new();
        for (i, query) in self.queries.iter().enumerate() {
            let found = held.nearest(query.vector(), k, self.plan.oversample, &met)?;
            hits.extend(
                found
                    .into_iter()
                    .map(|(slot, distance)| (slot, i, distance)),
            );
        }
        if self.plan.whole && held.is_mostly_gone(&met, self.plan.room) {
            let (name, dims) = (&self.plan.name, held.index().dims());
            store.forget_vectors(name, dims, self.plan.metric, self.plan.kind);
        }
        drop(held);
        hits.sort_unstable_by_key(|(slot, ..)| *slot);
        let mut first = 0;
        for run in &self.runs {
            let from = hits.partition_point(|(slot, ..)| *slot < run.start);
            for (slot, query, distance) in hits[from..].iter().take_while(|hit| hit.0 < run.end) {
                let place = first + (slot - run.start) as usize;
                nearest[*query].offer(*distance, || self.ids.get(place));
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
    queries: Arc<[Query]>,
    /// Where vectors are held from now on, if they are.
    shared: Option<Shared<Held>>,
    nearest: Vec<TopK<Id>>,
    /// How many rows there are to read, if that is known, and how many were read.
    places: Option<i64>,
    met: i64,
}

impl Part for Rest {
    const NAME: &'static str = "lumos_search";

    unsafe fn begin(chunk: ffi::duckdb_data_chunk, store: &Store) -> Result<Self> {
        // SAFETY: by contract, with the types that `add` says.
        let (queries, plan, places) = unsafe {
            let vector = |i| ffi::duckdb_data_chunk_get_vector(chunk, i);
            let plan = memory::slice::<ffi::duckdb_string_t>(vector(5), 1);
            let places = memory::slice::<i64>(vector(6), 1)[0];
            let placed = !Validity::new(vector(6), 1).is_null(0);
            // One of them is no row, see above.
            let places = placed.then(|| places - 1);
            (memory::strings(vector(2)), read_plan(&plan[0])?, places)
        };
        let queries = read_queries(queries, &plan)?;
        Ok(Rest {
            shared: match places {
                Some(_) => open(store, &queries, &plan)?,
                None => None,
            },
            nearest: vec![TopK::new(plan.k)?; queries.len()],
            queries,
            plan,
            places,
            met: 0,
        })
    }

    unsafe fn read(&mut self, chunk: ffi::duckdb_data_chunk, rows: usize) -> Result<()> {
        // SAFETY: by contract, with the types that `add` says.
        let (ids, absent, mut vectors, hashes, unhashed, truths) = unsafe {
            let vector = |i| ffi::duckdb_data_chunk_get_vector(chunk, i);
            (
                Ids::new(vector(0), rows),
                Validity::new(vector(0), rows),
                Column::new(&VECTOR, vector(1), rows),
                memory::slice::<u64>(vector(3), rows),
                Validity::new(vector(3), rows),
                memory::slice::<u64>(vector(4), rows),
            )
        };
        self.met += rows as i64;
        let Some(first) = self.queries.first() else {
            return Ok(());
        };
        let mut held = self.shared.as_ref().map(Shared::write).transpose()?;
        let mut block = Block::default();
        for row in 0..rows {
            if absent.is_null(row) {
                continue;
            }
            let mut held = held.as_mut().filter(|_| !unhashed.is_null(row));
            // A hash that is not the vector's is not relied on: a macro may have taken the place of DuckDB's function.
            held = held.filter(|_| hashes[row] == truths[row]);
            if vectors.is_null(row) {
                if let Some(held) = held {
                    held.no_vector = Some(hashes[row]);
                }
                continue;
            }
            let vector = match held.is_some() {
                true => match vectors.get(row)? {
                    ValueRef::Vector(floats) => Stored::Floats(floats),
                    _ => continue,
                },
                false => vectors.stored(row)?,
            };
            if let [nearest] = &mut self.nearest[..] {
                let near = match vector {
                    Stored::Floats(floats) => first.within(floats, nearest.farthest())?,
                    Stored::Bytes(bytes) => first.within(bytes, nearest.farthest())?,
                };
                if let Some(distance) = near {
                    nearest.offer(distance, || ids.get(row));
                }
            } else {
                block.push(row, &vector, first)?;
            }
            if let (Some(held), Stored::Floats(floats)) = (held, vector) {
                held.add(hashes[row], floats, self.plan.room)?;
            }
            if block.rows.len() == BLOCK {
                block.measure(&self.queries, &mut self.nearest, &ids)?;
            }
        }
        block.measure(&self.queries, &mut self.nearest, &ids)
    }

    fn merge(&mut self, other: &Self) {
        self.met += other.met;
        for (nearest, others) in self.nearest.iter_mut().zip(&other.nearest) {
            nearest.merge(others);
        }
    }

    unsafe fn write(
        part: Option<&Self>,
        _: &Store,
        result: ffi::duckdb_vector,
        row: usize,
    ) -> Result<()> {
        if part.is_some_and(|rest| rest.places.is_some_and(|places| rest.met != places)) {
            return Err(no_places());
        }
        let nearest = part.map_or(&[][..], |rest| &rest.nearest);
        // SAFETY: by contract.
        unsafe { hits::write(nearest, true, result, row) };
        Ok(())
    }
}

/// Vectors of some rows, all of the same length.
#[derive(Default)]
struct Block {
    rows: Vec<usize>,
    floats: Vec<f32>,
}

impl Block {
    fn push(&mut self, row: usize, vector: &Stored<'_>, query: &Query) -> Result<()> {
        let start = self.floats.len();
        match vector {
            Stored::Floats(floats) => self.floats.extend_from_slice(floats),
            Stored::Bytes(bytes) => self.floats.extend(bytes.iter().map(|b| b.value())),
        }
        if self.floats.len() - start != query.vector().len() {
            // Says how they differ.
            query.distance(&self.floats[start..])?;
        }
        self.rows.push(row);
        Ok(())
    }

    fn measure(
        &mut self,
        queries: &[Query],
        nearest: &mut [TopK<Id>],
        ids: &Ids<'_>,
    ) -> Result<()> {
        for (query, nearest) in queries.iter().zip(nearest) {
            let vectors = self.floats.chunks_exact(query.vector().len());
            for (row, vector) in self.rows.iter().zip(vectors) {
                if let Some(distance) = query.within(vector, nearest.farthest())? {
                    nearest.offer(distance, || ids.get(*row));
                }
            }
        }
        self.rows.clear();
        self.floats.clear();
        Ok(())
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

fn read_plan(text: &ffi::duckdb_string_t) -> Result<Plan> {
    Plan::parse(std::str::from_utf8(memory::bytes(text)).unwrap_or_default())
}

/// The vectors that are searched for: all of the same length, and not more than there is room for.
fn read_queries(blobs: &[ffi::duckdb_string_t], plan: &Plan) -> Result<Arc<[Query]>> {
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
fn open(store: &Store, queries: &[Query], plan: &Plan) -> Result<Option<Shared<Held>>> {
    let Some(first) = queries.first() else {
        return Ok(None);
    };
    let dims = first.vector().len();
    let held = store.vectors(&plan.name, dims, plan.metric, plan.kind)?;
    Ok(Some(held))
}
