//! The first part of a search, see [`crate::search`].

use std::ops::Range;
use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::Result;
use lumos_core::search::ScanSpec;
use lumos_core::search::cache::{IndexCache, SharedIndex};
use lumos_core::search::stages::{KNN_SCAN, Stage};
use lumos_core::search::vector_index::VectorIndex;
use lumos_core::vector::topk::{Query, TopK};

use crate::search::result_list::{self, Id, IdList, Ids};
use crate::search::stage::{AggregateStage, vector};
use crate::search::{check, first_text, no_rowids, open, part_type, read_queries, write_part};
use crate::vectors::view::{self, Strings, TypeHandle, Validity};

/// How many vectors an index of another form catches up with for each chunk of rows, so that a search can be stopped.
const STEP: usize = 8192;

/// What the rows say by their hashes: which vectors they have, of those in memory.
#[derive(Clone)]
pub struct KnnScan {
    plan: ScanSpec,
    /// The plan as text, and the name of the index.
    text: String,
    name: String,
    queries: Arc<[Query]>,
    /// Without a query there is nothing to look into.
    shared: Option<SharedIndex<VectorIndex>>,
    /// The slots of the rows whose vectors are held, in runs, and their ids in the same order.
    runs: Vec<Range<u32>>,
    ids: IdList,
    /// The rowids of the other rows.
    unknown: Vec<i64>,
}

impl AggregateStage for KnnScan {
    const NAME: &'static str = "lumos_search";
    const STAGE: &'static Stage = &KNN_SCAN;

    fn result(_: ffi::DUCKDB_TYPE) -> TypeHandle {
        part_type()
    }

    unsafe fn begin(chunk: ffi::duckdb_data_chunk, store: &IndexCache) -> Result<Self> {
        // SAFETY: by contract, with the types that the stage says.
        let (ids, plan, queries, said) = unsafe {
            let vector = |name| vector::<Self>(chunk, name);
            (
                IdList::of(&Ids::new(vector("id")?, 1)),
                Strings::new(vector("plan")?, 1),
                view::strings(vector("queries")?),
                Strings::new(vector("checks")?, 1),
            )
        };
        let text = first_text(&plan)?;
        let plan = ScanSpec::parse(text)?;
        let table = check(said.text(0)?, &plan.checks, &plan.name)?;
        let name = table + &plan.columns.to_ascii_lowercase();
        let queries = read_queries(&queries, &plan)?;
        Ok(KnnScan {
            shared: open(store, &queries, &plan, &name)?,
            text: text.to_owned(),
            name,
            plan,
            queries,
            runs: Vec::new(),
            ids,
            unknown: Vec::new(),
        })
    }

    unsafe fn read(&mut self, chunk: ffi::duckdb_data_chunk, rows: usize) -> Result<()> {
        // SAFETY: by contract, with the types that the stage says.
        let (ids, absent, rowids, without_rowid, hashes, unhashed) = unsafe {
            let vector = |name| vector::<Self>(chunk, name);
            (
                Ids::new(vector("id")?, rows),
                Validity::new(vector("id")?, rows),
                view::slice::<i64>(vector("place")?, rows),
                Validity::new(vector("place")?, rows),
                view::slice::<u64>(vector("hash")?, rows),
                Validity::new(vector("hash")?, rows),
            )
        };
        if without_rowid.first_null(0..rows).is_some() {
            return Err(no_rowids());
        }
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        let form = (self.plan.metric, self.plan.kind);
        if !shared.read()?.has(form) {
            shared.write()?.follow(form, STEP)?;
        }
        let held = shared.read()?;
        let whole = absent.first_null(0..rows).is_none() && unhashed.first_null(0..rows).is_none();
        let mut hint = self.runs.last().map_or(0, |run| run.end);
        let mut row = 0;
        while row < rows {
            // Rows mostly come in the order of the slots.
            let run = if whole {
                held.run(&hashes[row..rows], hint)
            } else {
                0
            };
            if run > 0 {
                self.ids.push_run(&ids, row..row + run);
                push(&mut self.runs, hint..hint + run as u32);
                hint += run as u32;
                row += run;
                continue;
            }
            if !absent.is_null(row) {
                let hash = (!unhashed.is_null(row)).then(|| hashes[row]);
                let no_vector = hash.is_some() && hash == held.no_vector;
                match hash.and_then(|hash| held.slot(hash)) {
                    Some(slot) => {
                        hint = slot + 1;
                        push(&mut self.runs, slot..hint);
                        self.ids.push(ids.get(row));
                    }
                    None if no_vector => {}
                    None => self.unknown.push(rowids[row]),
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
        store: &IndexCache,
        result: ffi::duckdb_vector,
        row: usize,
    ) -> Result<()> {
        let Some(scan) = part else {
            // SAFETY: by contract.
            return unsafe { write_part(&[], Err(ScanSpec::nothing()), &[], result, row) };
        };
        let found = result_list::pack(&scan.nearest(store)?, scan.ids.none());
        let number = store.begin(&scan.text, &scan.name);
        // SAFETY: by contract.
        unsafe { write_part(&scan.unknown, Ok(number), &found, result, row) }
    }
}

impl KnnScan {
    /// For each query.
    fn nearest(&self, store: &IndexCache) -> Result<Vec<TopK<Id>>> {
        let mut nearest = vec![TopK::new(self.plan.k)?; self.queries.len()];
        let Some(shared) = &self.shared else {
            return Ok(nearest);
        };
        let form = (self.plan.metric, self.plan.kind);
        let held = shared.read()?;
        let mut seen = vec![0u64; held.len().div_ceil(64)];
        for run in &self.runs {
            set(&mut seen, run.clone());
        }
        let rows: usize = self.runs.iter().map(ExactSizeIterator::len).sum();
        let k = nearest[0].k().min(rows);
        let mut hits = Vec::new();
        for (i, query) in self.queries.iter().enumerate() {
            let found = held.nearest(form, query.vector(), k, self.plan.oversample, &seen)?;
            hits.extend(
                found
                    .into_iter()
                    .map(|(slot, distance)| (slot, i, distance)),
            );
        }
        let gone = self.plan.whole && held.is_mostly_gone(&seen, self.plan.memory_limit);
        drop(held);
        if let (true, Some(query)) = (gone, self.queries.first()) {
            store.forget_vectors(&self.name, query.vector().len());
        }
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
