//! The second part of a search, see [`crate::search`].

use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::held::{Shared, Store};
use lumos_core::vector::distance::Element;
use lumos_core::vector::held::Held;
use lumos_core::vector::topk::{Query, TopK};
use lumos_core::vector::written::Plan;
use lumos_core::{Param, Result, Type, ValueRef};

use crate::convert::{Column, Stored};
use crate::hits::{self, Id, Ids};
use crate::memory::{self, Validity};
use crate::part::Part;
use crate::search::{no_places, open, read_plan, read_queries};

const VECTOR: Param = Param::new("the vector", Type::Vector);

/// Rows that all queries go over together, so that they stay in the processor's cache.
const BLOCK: usize = 16;

/// The nearest of the rows whose vectors are read.
#[derive(Clone)]
pub struct Rest {
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
