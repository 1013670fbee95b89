//! The stages of a search for words. Every row counts for how much a word says; only those that are `chosen` come out.

use std::sync::Arc;

use libduckdb_sys as ffi;
use lumos_core::search::Bm25Spec;
use lumos_core::search::cache::{IndexCache, SharedIndex};
use lumos_core::search::inverted_index::{InvertedIndex, count};
use lumos_core::search::stages::{BM25_FETCH, BM25_SCAN, Stage};
use lumos_core::vector::topk::TopK;
use lumos_core::{Error, Result};

use crate::search::partial_scores::Found;
use crate::search::result_list::{self, IdList, Ids};
use crate::search::stage::{AggregateStage, vector};
use crate::search::{Told, check, expected_rows, first_text, no_rowids, part_type, write_part};
use crate::vectors::hash;
use crate::vectors::view::{self, Strings, TypeHandle, Validity};

/// The first part.
#[derive(Clone)]
pub struct Bm25Scan {
    plan: Bm25Spec,
    /// The plan as text, and the name of the index.
    text: String,
    name: String,
    shared: SharedIndex<InvertedIndex>,
    /// Of each row that is chosen and whose text is held, its slot and its id.
    slots: Vec<u32>,
    ids: IdList,
    /// The slots of the others.
    others: Vec<u32>,
    /// The rowids of rows whose texts are not held.
    unknown: Vec<i64>,
}

impl AggregateStage for Bm25Scan {
    const NAME: &'static str = "lumos_hybrid";
    const STAGE: &'static Stage = &BM25_SCAN;

    fn result(_: ffi::DUCKDB_TYPE) -> TypeHandle {
        part_type()
    }

    unsafe fn begin(chunk: ffi::duckdb_data_chunk, store: &IndexCache) -> Result<Self> {
        // SAFETY: by contract, with the types that the stage says.
        let (ids, plan, said) = unsafe {
            let vector = |name| vector::<Self>(chunk, name);
            (
                IdList::of(&Ids::new(vector("id")?, 1)),
                Strings::new(vector("plan")?, 1),
                Strings::new(vector("checks")?, 1),
            )
        };
        let text = first_text(&plan)?;
        let plan = Bm25Spec::parse(text)?;
        let table = check(said.text(0)?, &plan.checks, &plan.name)?;
        let name = table + &plan.columns.to_ascii_lowercase();
        Ok(Bm25Scan {
            shared: store.texts(&name)?,
            text: text.to_owned(),
            name,
            plan,
            slots: Vec::new(),
            ids,
            others: Vec::new(),
            unknown: Vec::new(),
        })
    }

    unsafe fn read(&mut self, chunk: ffi::duckdb_data_chunk, rows: usize) -> Result<()> {
        // SAFETY: by contract, with the types that the stage says.
        let (ids, absent, rowids, without_rowid, hashes, unhashed, chosen, unchosen) = unsafe {
            let vector = |name| vector::<Self>(chunk, name);
            (
                Ids::new(vector("id")?, rows),
                Validity::new(vector("id")?, rows),
                view::slice::<i64>(vector("place")?, rows),
                Validity::new(vector("place")?, rows),
                view::slice::<u64>(vector("hash")?, rows),
                Validity::new(vector("hash")?, rows),
                view::slice::<u8>(vector("chosen")?, rows),
                Validity::new(vector("chosen")?, rows),
            )
        };
        if without_rowid.first_null(0..rows).is_some() {
            return Err(no_rowids());
        }
        let held = self.shared.read()?;
        let mut hint = 0;
        for row in 0..rows {
            if absent.is_null(row) {
                continue;
            }
            let hash = (!unhashed.is_null(row)).then(|| hashes[row]);
            match hash.and_then(|hash| held.slot(hash, hint)) {
                Some(slot) => {
                    hint = slot + 1;
                    if !unchosen.is_null(row) && chosen.get(row).is_some_and(|c| *c > 0) {
                        self.slots.push(slot);
                        self.ids.push(ids.get(row));
                    } else {
                        self.others.push(slot)
                    }
                }
                None => self.unknown.push(rowids[row]),
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.slots.extend(&other.slots);
        self.ids.extend(&other.ids);
        self.others.extend(&other.others);
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
            return unsafe { write_part(&[], Err(Bm25Spec::nothing()), &[], result, row) };
        };
        let found = scan.found(store)?.write();
        let number = store.begin(&scan.text, &scan.name);
        // SAFETY: by contract.
        unsafe { write_part(&scan.unknown, Ok(number), &found, result, row) }
    }
}

impl Bm25Scan {
    fn found(&self, store: &IndexCache) -> Result<Found> {
        let words = self.plan.words.len();
        let mut found = Found::new(self.ids.none(), words);
        let held = self.shared.read()?;
        // How many rows have each text.
        let mut rows = vec![0u32; held.len()];
        for slot in self.slots.iter().chain(&self.others) {
            rows[*slot as usize] += 1;
        }
        let (mut lengths, mut counts) = (Vec::new(), Vec::new());
        // Of each text, its place in these from 1 on.
        let mut places = vec![0u32; held.len()];
        held.holders(&self.plan.words, |slot, of_each| {
            let times = rows[slot as usize].into();
            for (holders, count) in found.totals.doc_freq.iter_mut().zip(of_each) {
                *holders += if *count > 0 { times } else { 0 };
            }
            if times > 0 {
                lengths.push(held.length(slot));
                counts.extend_from_slice(of_each);
                places[slot as usize] = lengths.len() as u32;
            }
        });
        let (mut seen, mut length) = (0, 0);
        for (slot, rows) in (0..).zip(&rows).filter(|(_, rows)| **rows > 0) {
            seen += 1;
            length += u64::from(*rows) * u64::from(held.length(slot));
        }
        found.totals.documents = (self.slots.len() + self.others.len()) as u64;
        found.totals.total_length = length;
        let gone = held.is_mostly_gone(seen, self.plan.memory_limit);
        drop(held);
        if gone {
            store.forget_texts(&self.name);
        }
        for (i, slot) in self.slots.iter().enumerate() {
            if let Some(place) = (places[*slot as usize] as usize).checked_sub(1) {
                let counts = &counts[place * words..(place + 1) * words];
                found.push(self.ids.get(i), lengths[place], counts);
            }
        }
        if self.unknown.is_empty() {
            found.keep(self.plan.k)?;
        }
        Ok(found)
    }
}

/// The second part.
#[derive(Clone)]
pub struct Bm25Fetch {
    plan: Bm25Spec,
    /// What the first part has begun.
    begun: Option<(Arc<str>, u64)>,
    /// Where texts are held from now on, if they are.
    shared: Option<SharedIndex<InvertedIndex>>,
    found: Found,
    /// How many rows there are to read, if that is known, and how many were read.
    expected: Option<i64>,
    seen: i64,
}

impl AggregateStage for Bm25Fetch {
    const NAME: &'static str = "lumos_hybrid";
    const STAGE: &'static Stage = &BM25_FETCH;

    fn result(id: ffi::DUCKDB_TYPE) -> TypeHandle {
        result_list::row_type(id, false).list()
    }

    unsafe fn begin(chunk: ffi::duckdb_data_chunk, store: &IndexCache) -> Result<Self> {
        // SAFETY: by contract, with the types that the stage says.
        let (ids, plan, expected) = unsafe {
            let vector = |name| vector::<Self>(chunk, name);
            (
                IdList::of(&Ids::new(vector("id")?, 1)),
                Strings::new(vector("plan")?, 1),
                expected_rows(vector("rowids")?),
            )
        };
        let told = Told::read(plan.text(0)?, store)?;
        let plan = Bm25Spec::parse(&told.plan)?;
        let name = told.begun.as_ref().map(|(name, _)| name);
        Ok(Bm25Fetch {
            shared: name.map(|name| store.texts(name)).transpose()?,
            begun: told.begun,
            found: Found::new(ids, plan.words.len()),
            plan,
            expected,
            seen: 0,
        })
    }

    unsafe fn read(&mut self, chunk: ffi::duckdb_data_chunk, rows: usize) -> Result<()> {
        // SAFETY: by contract, with the types that the stage says.
        let (ids, absent, bodies, hashes, unhashed, chosen, unchosen, found) = unsafe {
            let vector = |name| vector::<Self>(chunk, name);
            (
                Ids::new(vector("id")?, rows),
                Validity::new(vector("id")?, rows),
                Strings::new(vector("body")?, rows),
                view::slice::<u64>(vector("hash")?, rows),
                Validity::new(vector("hash")?, rows),
                view::slice::<u8>(vector("chosen")?, rows),
                Validity::new(vector("chosen")?, rows),
                Strings::new(vector("found")?, rows),
            )
        };
        let words = &self.plan.words;
        let mut held = self.shared.as_ref().map(SharedIndex::write).transpose()?;
        let mut counts = vec![0; words.len()];
        for row in 0..rows {
            if let Some(bytes) = found.get(row) {
                if !bytes.is_empty() && self.found.read(bytes).is_none() {
                    return Err(Error::new(
                        "what was found before is not what a search has written",
                    ));
                }
                continue;
            }
            self.seen += 1;
            if absent.is_null(row) {
                continue;
            }
            let text = bodies.text(row)?;
            // A hash that is not the text's is not relied on, whoever has written it.
            let true_hash =
                |hash: &u64| *hash == text.map_or(hash::NULL, |text| hash::bytes(text.as_bytes()));
            let hash = hashes.get(row).filter(|_| !unhashed.is_null(row));
            let hash = hash.copied().filter(true_hash);
            let text = text.unwrap_or_default();
            let mut length = None;
            if let (Some(held), Some(hash)) = (&mut held, hash)
                && held.add(hash, text, self.plan.memory_limit)
            {
                length = Some(held.newest(words, &mut counts));
            }
            let length = length.unwrap_or_else(|| count(text, words, &mut counts));
            self.found.totals.add(1, length, &counts);
            if !unchosen.is_null(row)
                && chosen.get(row).is_some_and(|c| *c > 0)
                && counts.iter().any(|count| *count > 0)
            {
                self.found.push(ids.get(row), length, &counts);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.seen += other.seen;
        self.found.merge(&other.found);
    }

    unsafe fn write(
        part: Option<&Self>,
        store: &IndexCache,
        result: ffi::duckdb_vector,
        row: usize,
    ) -> Result<()> {
        let mut best = TopK::new(part.map_or(0, |rest| rest.plan.k))?;
        if let Some(rest) = part {
            Told::end(rest.begun.as_ref(), store);
            if rest.expected.is_some_and(|rows| rest.seen != rows) {
                return Err(no_rowids());
            }
            for hit in rest.found.best(rest.plan.k)?.sorted() {
                best.offer(hit.distance, || hit.id.0.clone());
            }
        }
        // SAFETY: by contract.
        unsafe { result_list::write(&[best], None, false, result, row) }
    }
}
