//! The second part of a search, see [`crate::search`].

use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::search::ScanSpec;
use lumos_core::search::cache::{IndexCache, SharedIndex};
use lumos_core::search::stages::{KNN_FETCH, Stage};
use lumos_core::search::vector_index::VectorIndex;
use lumos_core::vector::distance::Element;
use lumos_core::vector::topk::{Query, TopK};
use lumos_core::{Error, Param, Result, Type, ValueRef};

use crate::search::result_list::{self, Id, IdList, Ids};
use crate::search::stage::{AggregateStage, vector};
use crate::search::{Told, expected_rows, no_rowids, open, read_queries};
use crate::vectors::arguments::{Column, Stored};
use crate::vectors::hash;
use crate::vectors::view::{self, Strings, TypeHandle, Validity};

const VECTOR: Param = Param::new("the vector", Type::Vector);

/// Rows that all queries go over together, so that they stay in the processor's cache.
const BLOCK: usize = 16;

/// The nearest of the rows whose vectors are read.
#[derive(Clone)]
pub struct KnnFetch {
    plan: ScanSpec,
    /// What the first part has begun.
    begun: Option<(Arc<str>, u64)>,
    queries: Arc<[Query]>,
    /// Where vectors are held from now on, if they are.
    shared: Option<SharedIndex<VectorIndex>>,
    nearest: Vec<TopK<Id>>,
    /// How many rows there are to read, if that is known, and how many were read.
    expected: Option<i64>,
    seen: i64,
    /// There was no room to hold all of them.
    full: bool,
}

impl AggregateStage for KnnFetch {
    const NAME: &'static str = "lumos_search";
    const STAGE: &'static Stage = &KNN_FETCH;

    fn result(id: ffi::DUCKDB_TYPE) -> TypeHandle {
        result_list::row_type(id, true).list()
    }

    unsafe fn begin(chunk: ffi::duckdb_data_chunk, store: &IndexCache) -> Result<Self> {
        // SAFETY: by contract, with the types that the stage says.
        let (plan, queries, expected) = unsafe {
            let vector = |name| vector::<Self>(chunk, name);
            (
                Strings::new(vector("plan")?, 1),
                view::strings(vector("queries")?),
                expected_rows(vector("rowids")?),
            )
        };
        let told = Told::read(plan.text(0)?, store)?;
        let plan = ScanSpec::parse(&told.plan)?;
        let queries = read_queries(&queries, &plan)?;
        Ok(KnnFetch {
            shared: match &told.begun {
                Some((name, _)) => open(store, &queries, &plan, name)?,
                None => None,
            },
            begun: told.begun,
            nearest: vec![TopK::new(plan.k)?; queries.len()],
            queries,
            plan,
            expected,
            seen: 0,
            full: false,
        })
    }

    unsafe fn read(&mut self, chunk: ffi::duckdb_data_chunk, rows: usize) -> Result<()> {
        // SAFETY: by contract, with the types that the stage says.
        let (ids, absent, mut vectors, hashes, unhashed, found) = unsafe {
            let vector = |name| vector::<Self>(chunk, name);
            (
                Ids::new(vector("id")?, rows),
                Validity::new(vector("id")?, rows),
                Column::new(&VECTOR, vector("vec")?, rows),
                view::slice::<u64>(vector("hash")?, rows),
                Validity::new(vector("hash")?, rows),
                Strings::new(vector("found")?, rows),
            )
        };
        let Some(first) = self.queries.first() else {
            self.expected = None;
            return Ok(());
        };
        let mut held = self.shared.as_ref().map(SharedIndex::write).transpose()?;
        let mut block = Block::default();
        for row in 0..rows {
            if let Some(found) = found.get(row) {
                let taken = result_list::unpack(found, IdList::of(&ids), &mut self.nearest);
                taken.ok_or_else(|| {
                    Error::new("what was found before is not what a search has written")
                })?;
                continue;
            }
            self.seen += 1;
            if absent.is_null(row) {
                continue;
            }
            let hash = hashes.get(row).filter(|_| !unhashed.is_null(row)).copied();
            if vectors.is_null(row) {
                if let (Some(held), Some(hash::NULL)) = (&mut held, hash) {
                    held.no_vector = hash;
                }
                continue;
            }
            // A hash that is not the vector's is not relied on, whoever has written it.
            let hash = hash.filter(|hash| held.is_some() && vectors.hash(row) == Some(*hash));
            let vector = if hash.is_some() {
                match vectors.get(row)? {
                    ValueRef::Vector(floats) => Stored::Floats(floats),
                    _ => continue,
                }
            } else {
                vectors.stored(row)?
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
            if let (Some(held), Some(hash), Stored::Floats(floats)) = (&mut held, hash, vector) {
                self.full |= !held.add(hash, floats, self.plan.memory_limit)?;
            }
            if block.rows.len() == BLOCK {
                block.measure(&self.queries, &mut self.nearest, &ids)?;
            }
        }
        block.measure(&self.queries, &mut self.nearest, &ids)
    }

    fn merge(&mut self, other: &Self) {
        self.seen += other.seen;
        self.full |= other.full;
        for (nearest, others) in self.nearest.iter_mut().zip(&other.nearest) {
            nearest.merge(others);
        }
    }

    unsafe fn write(
        part: Option<&Self>,
        store: &IndexCache,
        result: ffi::duckdb_vector,
        row: usize,
    ) -> Result<()> {
        if part.is_some_and(|rest| rest.expected.is_some_and(|rows| rest.seen != rows)) {
            return Err(no_rowids());
        }
        let (nearest, end) = part.map_or((&[][..], None), |rest| {
            (&rest.nearest[..], rest.plan.max_distance)
        });
        if let Some(rest) = part {
            Told::end(rest.begun.as_ref(), store);
            if rest.full {
                store.forget_idle();
            }
        }
        // SAFETY: by contract.
        unsafe { result_list::write(nearest, end, true, result, row) }
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
