//! A vector index without an engine: codes in memory, blocks of bytes in and out.
//!
//! The engine keeps the vectors; an [`Index`] keeps a short code of each. A search estimates all distances from
//! the codes, then asks the engine for the vectors of the nearest few and measures these exactly. So every
//! distance that comes out is exact, and what a wrong code could do at most is leave out a row.
//!
//! How an engine uses it:
//! - new: [`Index::new`], then [`Index::insert`] for every row; an id that is there already is replaced
//! - store: [`Index::changed_blocks`] gives the blocks to write; an insert or a removal changes one of them
//! - open: [`Index::new`], then [`Index::load_blocks`]; a block that is damaged is refused, and the engine inserts
//!   the rows anew that the index then lacks ([`Index::contains`]); later the blocks that others have written
//! - search: [`Index::search`], with a [`Filter`] if only some rows may come out
//! - [`Kind::Hnsw`] only: [`Index::link`] makes the graph, stored with the blocks; rows written later are scanned
//!   beside it
//!
//! Answers depend on the rows alone, under [`Kind::Hnsw`] on those that the graph was made of too: not on the order of inserts, removals and rebuilds, nor on the machine.

mod approx;
mod block;
mod code;
mod graph;
mod graph_pages;
mod graph_search;
mod rotation;
mod scan;
mod search;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use block::Block;
use code::Coder;
use graph::Graph;
use graph_pages::Parts;

use super::check_finite;
use super::metric::Metric;
use crate::{Error, Result};

pub use approx::Filter;
pub use search::{Accuracy, Hit, OVERSAMPLE};

/// The most dimensions of an index.
pub const MAX_DIMS: usize = 16_384;

/// How an index holds its vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A scan of codes of 4 bits a dimension.
    Flat4,
    /// A scan of codes of 8 bits a dimension.
    Flat8,
    /// A graph over codes of 4 bits a dimension, see [`Index::link`].
    Hnsw,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Flat4, Kind::Flat8, Kind::Hnsw];

    /// Its name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Flat4 => "flat4",
            Kind::Flat8 => "flat8",
            Kind::Hnsw => "hnsw",
        }
    }

    /// The kind of this name, in any case. Errors if there is none.
    pub fn parse(name: &str) -> Result<Kind> {
        let found = Self::ALL
            .into_iter()
            .find(|k| k.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            Error::new(format!(
                "unknown kind \"{name}\"; the kinds are flat4, flat8 and hnsw"
            ))
        })
    }
}

/// Codes of many vectors, each with an id.
///
/// A row has a slot, which stays the same until the row is removed; a later row may take it then. A slot of a graph
/// keeps its code to show the way, whatever becomes of its row, until the index is made anew.
pub struct Index {
    dims: usize,
    metric: Metric,
    kind: Kind,
    coder: Coder,
    /// Rows of a block, a power of two.
    rows: usize,
    blocks: Vec<Block>,
    graph: Option<Graph>,
    slots: HashMap<i64, u32>,
    /// Slots without a row, the next one last; looked for when first needed.
    free: Option<Vec<u32>>,
}

impl Index {
    /// An index without rows. Errors if the dimensions are not from 1 to [`MAX_DIMS`], the metric is none of
    /// [`Metric::INDEXED`], or the kind does not have it.
    pub fn new(dims: usize, metric: Metric, kind: Kind) -> Result<Index> {
        if !(1..=MAX_DIMS).contains(&dims) {
            return Err(Error::new(format!(
                "{dims} dimensions; an index has from 1 to {MAX_DIMS}"
            )));
        }
        if !Metric::INDEXED.contains(&metric) {
            return Err(Error::new(format!(
                "an index has no metric \"{}\"; it has l2, cosine and ip",
                metric.name()
            )));
        }
        if metric == Metric::Ip && kind == Kind::Hnsw {
            return Err(Error::new(
                "kind=hnsw has no metric ip, under which a row need not be near to itself; use metric=cosine, which for vectors of length one is the same, or kind=flat4",
            ));
        }
        let coder = Coder::new(dims, metric, kind);
        // A block is some 32 KiB, so that a change of one row writes little.
        let rows = (32 << 10) / (coder.stride() + Block::ROW_BYTES);
        Ok(Index {
            dims,
            metric,
            kind,
            coder,
            rows: (rows.max(1).next_power_of_two() / 2).clamp(64, 512),
            graph: None,
            blocks: Vec::new(),
            slots: HashMap::new(),
            free: None,
        })
    }

    /// The number of dimensions.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// The distance that it is ordered by.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// How it holds vectors.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// True if the row is there.
    pub fn contains(&self, id: i64) -> bool {
        self.slots.contains_key(&id)
    }

    /// The slot of a row.
    pub fn slot(&self, id: i64) -> Option<u32> {
        self.slots.get(&id).copied()
    }

    /// The number of the block that a slot is in.
    pub fn block(&self, slot: u32) -> u32 {
        slot / self.rows as u32
    }

    /// The ids in a block.
    pub fn block_ids(&self, number: u32) -> impl Iterator<Item = i64> {
        self.blocks
            .get(number as usize)
            .into_iter()
            .flat_map(Block::ids)
    }

    /// Has the block of a row written anew, though its code stays; returns the row's slot.
    pub fn touch(&mut self, id: i64) -> Option<u32> {
        let slot = self.slot(id)?;
        let (block, _) = self.place(slot);
        self.blocks[block].changed = true;
        Some(slot)
    }

    /// True if the row is there with the code of this vector.
    pub fn agrees(&self, id: i64, vector: &[f32]) -> bool {
        self.slot(id).is_some_and(|slot| {
            let (block, row) = self.place(slot);
            let mut code = vec![0; self.coder.stride()];
            let weights = self.coder.encode(vector, &mut code);
            self.blocks[block].has(row, &code, weights)
        })
    }

    /// The number of slots, free ones included.
    pub fn slots(&self) -> usize {
        self.blocks.len() * self.rows
    }

    /// The ids, in no order.
    pub fn ids(&self) -> impl Iterator<Item = i64> {
        self.slots.keys().copied()
    }

    /// The bytes that it takes in memory, nearly.
    pub fn bytes(&self) -> usize {
        // A slot in the map is a pair, with a byte of control and the map's reserve.
        let links = self.graph.as_ref().map_or(0, |g| g.words.len() * 4);
        let rows = self.slots() * (self.coder.stride() + Block::ROW_BYTES);
        rows + self.slots.capacity() * 17 + links
    }

    /// Adds a row, or replaces the row of this id. Returns its slot. Errors if [`Self::check`] does, or all slots are
    /// taken.
    pub fn insert(&mut self, id: i64, vector: &[f32]) -> Result<u32> {
        self.check(vector)?;
        let slot = match self.slot(id) {
            Some(slot) if !self.is_kept(slot) => slot,
            found => {
                let free = self.free_slot()?;
                if found.is_some() {
                    self.remove(id);
                }
                free
            }
        };
        let (block, row) = self.place(slot);
        let block = &mut self.blocks[block];
        let weights = self.coder.encode(vector, block.code_mut(row));
        block.set(row, id, weights);
        self.slots.insert(id, slot);
        Ok(slot)
    }

    /// Removes a row; false if it was not there.
    pub fn remove(&mut self, id: i64) -> bool {
        let Some(slot) = self.slots.remove(&id) else {
            return false;
        };
        let kept = self.is_kept(slot);
        let (block, row) = self.place(slot);
        self.blocks[block].clear(row);
        if let Some(free) = self.free.as_mut().filter(|_| !kept) {
            free.push(slot);
        }
        true
    }

    /// Errors if the vector has other dimensions, NaN or infinities.
    pub fn check(&self, vector: &[f32]) -> Result<()> {
        if vector.len() != self.dims {
            return Err(Error::new(format!(
                "a vector of {} dimensions; the index has {}",
                vector.len(),
                self.dims
            )));
        }
        check_finite(vector)
    }

    /// The blocks that changed since they were loaded or last asked for, with their numbers, to be stored under
    /// this generation. They count as stored from then on.
    pub fn changed_blocks(&mut self, generation: u64) -> Vec<(u32, Vec<u8>)> {
        let head = self.head();
        let changed = self.blocks.iter_mut().zip(0..).filter(|(b, _)| b.changed);
        let blocks = changed.map(|(block, number)| {
            block.changed = false;
            (number, block.to_bytes(&head, number, generation))
        });
        let mut blocks: Vec<(u32, Vec<u8>)> = blocks.collect();
        if let Some(graph) = self.graph.as_mut().filter(|g| g.changed) {
            graph.changed = false;
            blocks.extend(graph.to_parts(&head, generation));
        }
        blocks
    }

    /// True if a block has changed since.
    pub fn is_changed(&self) -> bool {
        self.blocks.iter().any(|b| b.changed) || self.graph.as_ref().is_some_and(|g| g.changed)
    }

    /// Puts stored blocks in their places, in which others may be, and returns those that were refused: damaged,
    /// or of another index. Their places are empty then, and their rows must be inserted anew. Where `read` gives no
    /// bytes there is no block. Errors with the first error of `read`.
    pub fn load_blocks<E>(
        &mut self,
        numbers: &[u32],
        mut read: impl FnMut(u32) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<(u32, Error)>, E> {
        let (rows, stride, head) = (self.rows, self.coder.stride(), self.head());
        self.free = None;
        // All are emptied first: a row may have moved from one to another.
        for number in numbers {
            if let Some(block) = self.blocks.get_mut(*number as usize) {
                for id in block.ids() {
                    self.slots.remove(&id);
                }
                *block = Block::new(rows, stride);
            }
        }
        let mut refused = Vec::new();
        let mut parts = Parts::default();
        if numbers.iter().any(|n| *n >= graph_pages::FIRST) {
            self.graph = None;
        }
        for number in numbers {
            let bytes = read(*number)?;
            if bytes.is_empty() {
                continue;
            }
            if *number >= graph_pages::FIRST {
                let added = parts.add(&head, *number, &bytes);
                refused.extend(added.err().map(|e| (*number, e)));
                continue;
            }
            let mut block = match Block::from_bytes(&head, *number, &bytes, rows, stride) {
                Ok(block) => block,
                Err(e) => {
                    refused.push((*number, e));
                    continue;
                }
            };
            while self.blocks.len() <= *number as usize {
                self.blocks.push(Block::new(rows, stride));
            }
            for row in 0..rows {
                let Some(id) = block.id(row) else { continue };
                match self.slots.entry(id) {
                    Entry::Occupied(_) => block.clear(row),
                    Entry::Vacant(slot) => {
                        slot.insert(*number * rows as u32 + row as u32);
                    }
                }
            }
            self.blocks[*number as usize] = block;
        }
        match parts.finish() {
            Ok(None) => {}
            Ok(graph) => self.graph = graph,
            Err(e) => refused.push((graph_pages::FIRST, e)),
        }
        self.drop_misfit();
        Ok(refused)
    }

    fn place(&self, slot: u32) -> (usize, usize) {
        let slot = slot as usize;
        (slot >> self.rows.trailing_zeros(), slot & (self.rows - 1))
    }

    fn free_slot(&mut self) -> Result<u32> {
        let rows = self.rows;
        if self.free.is_none() {
            let slots = (0..self.slots() as u32).rev();
            let free = slots.filter(|slot| {
                let (block, row) = self.place(*slot);
                self.blocks[block].id(row).is_none() && !self.is_kept(*slot)
            });
            self.free = Some(free.collect());
        }
        let free = self.free.get_or_insert_default();
        if let Some(slot) = free.pop() {
            return Ok(slot);
        }
        let first = self.blocks.len() * rows;
        let end = u32::try_from(first + rows)
            .map_err(|_| Error::new("the index is full: it has 4,294,967,295 rows"))?;
        self.blocks.push(Block::new(rows, self.coder.stride()));
        // The last is taken first.
        free.extend((first as u32 + 1..end).rev());
        Ok(first as u32)
    }

    fn head(&self) -> block::Head {
        block::Head {
            dims: self.dims as u32,
            metric: self.metric as u8,
            kind: self.kind as u8,
        }
    }
}

#[cfg(test)]
mod graph_tests;
#[cfg(test)]
mod tests;
