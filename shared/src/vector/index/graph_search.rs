//! An index with a graph: making the graph, and searching by it.

use std::collections::HashSet;
use std::slice;

use super::code::Query;
use super::graph::Graph;
use super::search::{Candidate, ERRORS, Hit, SPARE, before, measure};
use super::{Error, Index, Kind, scan};

/// Rows that a search keeps in sight at least, and one for so many slots: the more rows, the more lie close together.
/// Measured for a recall of 0.99 in clusters; it costs a twentieth of a scan.
const BREADTH: usize = 256;
const SLOTS_IN_SIGHT: usize = 2_048;

/// A search that had to keep more than this part of all slots in sight scans them all, which is faster then.
const SHARE: usize = 16;

impl Index {
    /// Makes the graph over all rows, under a number that no graph of this index had, unless they are too few. `step`
    /// is called now and then; with its error all stays as it was. Errors with the first error of `step`.
    pub fn link<E>(&mut self, number: u64, step: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        if !self.can_link() {
            return Ok(());
        }
        let graph = Graph::build(self, number, step)?;
        let reached = graph.reached();
        let words = reached.chunks(self.rows / 64);
        for (block, reached) in self.blocks.iter_mut().zip(words) {
            block.graph = number;
            let words = block.fresh.iter_mut().zip(reached);
            words.for_each(|(fresh, reached)| *fresh = !reached);
            block.changed = true;
        }
        self.graph = Some(graph);
        self.free = None;
        Ok(())
    }

    /// True if searches would gain from making the index anew: many rows were removed, or more than one of a hundred is
    /// scanned though there could be a graph.
    pub fn wants_rebuild(&self) -> bool {
        let sparse = self.slots() > self.len() / 7 * 8 + 512;
        sparse || (self.can_link() && self.unlinked() > self.len() / 100)
    }

    fn can_link(&self) -> bool {
        self.kind == Kind::Hnsw && self.slots() >= BREADTH * SHARE
    }

    /// The rows that no graph leads to, which are scanned.
    fn unlinked(&self) -> usize {
        let graph_search = self.graph.as_ref().map_or(0, |graph| {
            let words = self
                .blocks
                .iter()
                .flat_map(|b| (0..b.live.len()).map(move |word| b.graph_search(word, graph.id)));
            words.map(|word| word.count_ones() as usize).sum()
        });
        self.len() - graph_search
    }

    /// True if there was a graph when the blocks were written, and now there is none.
    pub fn lacks_graph(&self) -> bool {
        self.graph.is_none() && self.blocks.iter().any(|b| b.graph != 0)
    }

    /// True if a slot keeps its code for the graph.
    pub(super) fn is_kept(&self, slot: u32) -> bool {
        let (block, row) = self.place(slot);
        let block = &self.blocks[block];
        let graph = self.graph.as_ref().map(|graph| graph.id);
        Some(block.graph) == graph && block.fresh[row / 64] >> (row % 64) & 1 == 0
    }

    /// Drops the graph if blocks that it was made of are not there any more: they were damaged.
    pub(super) fn drop_misfit(&mut self) {
        let (blocks, rows) = (&self.blocks, self.rows);
        self.graph.take_if(|graph| {
            let own = blocks.get(..graph.counts[0] as usize / rows);
            own.is_none_or(|own| own.iter().any(|block| block.graph != graph.id))
        });
    }

    /// True if a slot has a row that this graph leads to.
    pub(super) fn is_linked(&self, slot: u32, graph: u64) -> bool {
        let (block, row) = self.place(slot);
        let block = self.blocks.get(block);
        block.is_some_and(|b| b.graph_search(row / 64, graph) >> (row % 64) & 1 == 1)
    }

    /// The query that a row's code stands for.
    pub(super) fn row_query(&self, slot: u32, query: &mut Query) {
        let (block, row) = self.place(slot);
        let block = &self.blocks[block];
        self.coder
            .as_query(block.code(row), block.weights(row), query);
    }

    /// Estimates of the rows in these slots, under codes of 4 bits.
    pub(super) fn estimate_slots(&self, query: &Query, slots: &[u32], estimates: &mut Vec<f32>) {
        estimates.clear();
        for slots in slots.chunks(64) {
            let (mut codes, mut products) = ([[].as_slice(); 64], [0; 64]);
            let mut weights = [(0.0, 0.0); 64];
            for (i, slot) in slots.iter().enumerate() {
                let (block, row) = self.place(*slot);
                let block = &self.blocks[block];
                codes[i] = block.code(row);
                weights[i] = (block.factors[row], block.biases[row]);
            }
            scan::listed(&query.steps, &codes[..slots.len()], &mut products);
            let rows = products.iter().zip(&weights).take(slots.len());
            estimates.extend(rows.map(|(p, (f, b))| query.estimate(*p, *f, *b)));
        }
    }

    /// The `k` rows nearest to the query by the graph and the rows beside it; `None` where a scan has to answer: there
    /// is no graph, or too many rows may be among the nearest.
    ///
    /// What the graph finds reaches as far as the last row in sight. If a row beyond that may be nearer than the last
    /// of the `k`, as far as estimates err, it looks farther.
    pub(super) fn search_linked<E: From<Error>>(
        &self,
        query: &[f32],
        k: usize,
        oversample: usize,
        fetch: &mut impl FnMut(&[i64], &mut dyn FnMut(i64, &[f32])) -> Result<(), E>,
    ) -> Result<Option<Vec<Hit>>, E> {
        let Some(graph) = &self.graph else {
            return Ok(None);
        };
        let first = k.saturating_mul(oversample).max(k.saturating_add(SPARE));
        let mut breadth = first.max(BREADTH).max(self.slots() / SLOTS_IN_SIGHT);
        let mut beside = None;
        let (mut hits, mut measured) = (Vec::new(), HashSet::new());
        while breadth <= self.slots() / SHARE {
            let coded = self.coder.query(query);
            let beside = beside.get_or_insert_with(|| self.beside(&coded, graph.id));
            let found = graph.nearest(self, coded, breadth);
            let edge = match found.last() {
                Some((estimate, _)) if found.len() == breadth => *estimate,
                _ => f32::INFINITY,
            };
            let mut near: Vec<Candidate> = found
                .iter()
                .chain(&*beside)
                .filter(|(_, slot)| !measured.contains(slot))
                .map(|(estimate, slot)| self.candidate(*estimate, *slot))
                .collect();
            near.sort_unstable_by(before);
            let mut count = first.saturating_sub(measured.len()).min(near.len());
            let bound = loop {
                let rest = near.split_off(count);
                measured.extend(near.iter().map(|c| c.slot));
                measure(self.metric(), query, near, &mut hits, fetch)?;
                near = rest;
                let last = hits.get(k - 1).map(|(last, _): &(Hit, f64)| last.distance);
                let bound = last.map_or(f64::INFINITY, |last| {
                    self.coder.scaled(last) + ERRORS * self.error(&hits)
                });
                count = near.partition_point(|c| f64::from(c.estimate) <= bound);
                if count == 0 {
                    break bound;
                }
            };
            if bound <= f64::from(edge) {
                hits.truncate(k);
                return Ok(Some(hits.into_iter().map(|(hit, _)| hit).collect()));
            }
            breadth = breadth.saturating_mul(4);
        }
        Ok(None)
    }

    /// The rows that the graph does not lead to, with their estimates.
    fn beside(&self, query: &Query, graph: u64) -> Vec<(f32, u32)> {
        let mut found = Vec::new();
        let (mut products, mut wanted) = (vec![0; self.rows], vec![0; self.rows / 64]);
        for (block, first) in self.blocks.iter().zip((0..).step_by(self.rows)) {
            for (i, (word, live)) in wanted.iter_mut().zip(&block.live).enumerate() {
                *word = live & !block.graph_search(i, graph);
            }
            if wanted.iter().all(|word| *word == 0) {
                continue;
            }
            let mut estimates = vec![f32::NAN; self.rows];
            self.estimate_blocks(
                query,
                slice::from_ref(block),
                &wanted,
                &mut products,
                &mut estimates,
            );
            let rows = estimates.into_iter().zip(first..);
            found.extend(rows.filter(|(estimate, _)| !estimate.is_nan()));
        }
        found
    }
}
