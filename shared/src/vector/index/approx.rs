//! Estimates of the distances of all rows: what a search makes first.

use std::iter;

use pulp::Arch;

use super::Index;
use super::block::Block;
use super::code::Query;
use super::scan::{STREAMS, Scan};

/// Estimates whose least is known, so that the others need not be looked at.
pub const PART: usize = 64;

/// The rows that may come out.
#[derive(Debug, Clone, Copy)]
pub enum Filter<'a> {
    /// All rows.
    All,
    /// The rows with these ids; ids that are not there do no harm.
    Ids(&'a [i64]),
    /// The rows whose slots have a bit set.
    Slots(&'a [u64]),
}

/// An estimate for each slot.
pub struct Estimates {
    /// By slot; NaN where there is no row, or none that the filter leaves.
    rows: Vec<f32>,
    /// The least of each [`PART`], or less.
    least: Vec<f32>,
}

impl Estimates {
    /// By slot; NaN where there is no row, or none that the filter leaves, or one that was taken out.
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// Takes out a row.
    pub fn remove(&mut self, slot: u32) {
        self.rows[slot as usize] = f32::NAN;
    }

    /// The estimates up to a bound, with their slots.
    pub fn below(&self, bound: f32) -> Vec<(f32, u32)> {
        let mut found = Vec::new();
        for (part, least) in self.least.iter().enumerate() {
            if *least <= bound {
                self.add(part, bound, &mut found);
            }
        }
        found
    }

    /// The `count` smallest estimates and all that tie with the last of them, with their slots.
    pub fn nearest(&self, count: usize) -> Vec<(f32, u32)> {
        let mut found = Vec::new();
        let mut most = count.saturating_mul(2).max(256);
        let mut bound = f32::INFINITY;
        for (part, least) in self.least.iter().enumerate() {
            if *least <= bound {
                self.add(part, bound, &mut found);
                if found.len() >= most {
                    bound = keep(&mut found, count);
                    most = most.max(found.len().saturating_mul(2));
                }
            }
        }
        keep(&mut found, count);
        found
    }

    /// Adds the estimates of a part up to a bound.
    fn add(&self, part: usize, bound: f32, found: &mut Vec<(f32, u32)>) {
        let first = part * PART;
        let rows = self.rows[first..first + PART].iter().copied();
        let rows = rows.zip(first as u32..);
        found.extend(rows.filter(|(estimate, _)| *estimate <= bound));
    }
}

/// Keeps the `count` smallest and all that tie with the last of them; the estimate of that.
fn keep(found: &mut Vec<(f32, u32)>, count: usize) -> f32 {
    let Some(last) = count.checked_sub(1).filter(|last| *last < found.len()) else {
        return f32::INFINITY;
    };
    let (_, (bound, _), _) = found.select_nth_unstable_by(last, |(a, _), (b, _)| a.total_cmp(b));
    let bound = *bound;
    found.retain(|(estimate, _)| *estimate <= bound);
    bound
}

impl Index {
    /// The estimates of all rows that a filter leaves.
    pub(super) fn estimates(&self, query: &Query, filter: Filter<'_>) -> Estimates {
        let listed = match filter {
            Filter::Ids(ids) => Some(self.bits(ids)),
            _ => None,
        };
        let allowed = match filter {
            Filter::Slots(bits) => Some(bits),
            _ => listed.as_deref(),
        };
        let mut rows = vec![0.0; self.slots()];
        let mut least = vec![0.0; self.slots() / PART];
        let mut products = vec![0; STREAMS * self.rows];
        let mut wanted = Vec::with_capacity(products.len() / 64);
        let blocks = self.blocks.chunks(STREAMS);
        let parts = rows.chunks_mut(products.len());
        let parts = parts.zip(least.chunks_mut(products.len() / PART));
        let words = (0..).step_by(products.len() / 64);
        for ((blocks, first), (rows, least)) in blocks.zip(words).zip(parts) {
            wanted.clear();
            wanted.extend(blocks.iter().flat_map(|block| &block.live));
            if let Some(bits) = allowed {
                let bits = bits.iter().skip(first).chain(iter::repeat(&0));
                wanted.iter_mut().zip(bits).for_each(|(w, b)| *w &= b);
            }
            self.estimate_blocks(query, blocks, &wanted, &mut products, rows);
            least_of_parts(rows, least);
        }
        Estimates { rows, least }
    }

    /// The estimates of the rows of up to [`STREAMS`] blocks that are wanted, a bit each; NaN for the others.
    pub(super) fn estimate_blocks(
        &self,
        query: &Query,
        blocks: &[Block],
        wanted: &[u64],
        products: &mut [i32],
        estimates: &mut [f32],
    ) {
        if wanted.iter().all(|word| *word == 0) {
            return estimates.fill(f32::NAN);
        }
        let mut codes = [[].as_slice(); STREAMS];
        for (codes, block) in codes.iter_mut().zip(blocks) {
            *codes = &block.codes;
        }
        let scan = Scan {
            kind: self.kind,
            codes: &codes[..blocks.len()],
            stride: self.coder.stride(),
            wanted,
            steps: &query.steps,
        };
        scan.run(products);
        let rows = estimates.chunks_mut(self.rows);
        let rows = rows.zip(products.chunks(self.rows)).zip(blocks);
        for ((estimates, products), block) in rows {
            weigh(query, block, products, estimates);
        }
        for (estimates, word) in estimates.chunks_exact_mut(64).zip(wanted) {
            let mut unwanted = !word;
            while unwanted != 0 {
                estimates[unwanted.trailing_zeros() as usize] = f32::NAN;
                unwanted &= unwanted - 1;
            }
        }
    }

    /// A bit for the slot of each of these ids.
    fn bits(&self, ids: &[i64]) -> Vec<u64> {
        let mut bits = vec![0; self.slots() / 64];
        for slot in ids.iter().filter_map(|id| self.slot(*id)) {
            bits[slot as usize / 64] |= 1 << (slot % 64);
        }
        bits
    }
}

/// The estimates of a block from its products.
fn weigh(query: &Query, block: &Block, products: &[i32], estimates: &mut [f32]) {
    let weights = block.factors.iter().zip(&block.biases);
    Arch::new().dispatch(|| {
        for ((estimate, product), (factor, bias)) in estimates.iter_mut().zip(products).zip(weights)
        {
            *estimate = query.estimate(*product, *factor, *bias);
        }
    });
}

/// The least estimate of each part; NaN is none.
fn least_of_parts(estimates: &[f32], least: &mut [f32]) {
    let (parts, _) = estimates.as_chunks::<PART>();
    Arch::new().dispatch(|| {
        for (part, least) in parts.iter().zip(least) {
            // In lanes, which a processor compares side by side.
            let mut lanes = [f32::INFINITY; 8];
            for estimates in part.as_chunks::<8>().0 {
                for (lane, estimate) in lanes.iter_mut().zip(estimates) {
                    *lane = if estimate < lane { *estimate } else { *lane };
                }
            }
            *least = lanes.iter().fold(f32::INFINITY, |m, e| m.min(*e));
        }
    });
}
