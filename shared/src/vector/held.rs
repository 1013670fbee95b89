//! Vectors in memory with an index over them, each found by the hash of its value: what `lumos_search` keeps in DuckDB.
//!
//! A hash stands for a vector wherever it is: in which table and row, at which time, in which transaction. So nothing
//! here can be stale, and whatever is not here is read from the table. Slots are only added: a search may go on
//! with those it knows while others add. [`crate::held`] keeps them by name.

use super::index::{Filter, Index, Kind, Sure};
use super::metric::Metric;
use crate::{Error, Result};

/// Vectors of one piece of memory, so that growing copies nothing.
const PART: usize = 1024;

/// Vectors of one number of dimensions, and the index over them.
pub struct Held {
    index: Index,
    /// By slot.
    hashes: Vec<u64>,
    /// By slot, [`PART`] in each.
    vectors: Vec<Vec<f32>>,
    /// The hash of rows without a vector, once there was one.
    pub no_vector: Option<u64>,
}

impl Held {
    /// None yet.
    pub fn new(dims: usize, metric: Metric, kind: Kind) -> Result<Held> {
        Ok(Held {
            index: Index::new(dims, metric, kind)?,
            hashes: Vec::new(),
            vectors: Vec::new(),
            no_vector: None,
        })
    }

    /// The index over them.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The bytes of memory that it takes, nearly.
    pub fn bytes(&self) -> usize {
        let row = size_of::<u64>() + self.index.dims() * size_of::<f32>();
        self.index.bytes() + self.hashes.len() * row
    }

    /// Adds a vector, unless it is there, or there is no room within so many bytes.
    pub fn add(&mut self, hash: u64, vector: &[f32], room: usize) -> Result<()> {
        let id = hash as i64;
        if self.index.contains(id) || self.bytes() >= room {
            return Ok(());
        }
        let slot = self.index.insert(id, vector)? as usize;
        if slot != self.hashes.len() {
            return Err(Error::new(
                "internal error: a slot of the index is out of turn",
            ));
        }
        if slot.is_multiple_of(PART) {
            self.vectors
                .push(Vec::with_capacity(PART * self.index.dims()));
        }
        self.vectors[slot / PART].extend(vector);
        self.hashes.push(hash);
        Ok(())
    }

    /// The slot of a vector.
    pub fn slot(&self, hash: u64) -> Option<u32> {
        self.index.slot(hash as i64)
    }

    /// How many of these are, one after another, the hashes of the slots from `slot` on.
    pub fn run(&self, hashes: &[u64], slot: u32) -> usize {
        let own = self.hashes.get(slot as usize..).unwrap_or(&[]);
        let equal = |pair: &(&u64, &u64)| pair.0 == pair.1;
        // Compared as a whole first, since that takes vector registers.
        match own.get(..hashes.len()) {
            Some(all) if all == hashes => hashes.len(),
            _ => own.iter().zip(hashes).take_while(equal).count(),
        }
    }

    /// Of the slots with a bit set, those of the `k` nearest vectors with their distances, and of all that are as
    /// near as the last of them.
    pub fn nearest(
        &self,
        query: &[f32],
        k: usize,
        oversample: usize,
        slots: &[u64],
    ) -> Result<Vec<(u32, f64)>> {
        let mut wanted = k.saturating_add(8);
        loop {
            let hits = self.index.search(
                query,
                wanted,
                Filter::Slots(slots),
                Sure::Likely(oversample),
                |ids, found| {
                    for id in ids {
                        if let Some(slot) = self.index.slot(*id) {
                            found(*id, self.vector(slot));
                        }
                    }
                    Ok::<(), Error>(())
                },
            )?;
            let last = k.checked_sub(1).and_then(|i| hits.get(i));
            let end = last.map_or(f64::INFINITY, |hit| hit.distance);
            let cut = hits.len() == wanted && hits.last().is_some_and(|hit| hit.distance <= end);
            if cut && k > 0 {
                wanted = wanted.saturating_mul(2);
                continue;
            }
            let near = hits.iter().filter(|hit| k > 0 && hit.distance <= end);
            return Ok(near
                .filter_map(|hit| Some((self.index.slot(hit.id)?, hit.distance)))
                .collect());
        }
    }

    /// True if it fills its room with vectors most of which are in no row that a search over the whole table has met.
    pub fn is_mostly_gone(&self, slots: &[u64], room: usize) -> bool {
        let met: usize = slots.iter().map(|word| word.count_ones() as usize).sum();
        self.bytes() >= room && met < self.hashes.len() / 2
    }

    fn vector(&self, slot: u32) -> &[f32] {
        let (slot, dims) = (slot as usize, self.index.dims());
        let start = slot % PART * dims;
        &self.vectors[slot / PART][start..start + dims]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of many equal distances: all that are as near as the last come out.
    #[test]
    fn ties_are_complete() {
        let mut held = Held::new(2, Metric::L2, Kind::Flat4).unwrap();
        for i in 0..100u64 {
            let angle = i as f32;
            let vector = [(angle * 37.0) % 5.0, (angle * 11.0) % 3.0];
            held.add(i, &vector, usize::MAX).unwrap();
        }
        // A square's corners and edges: whole numbers, so that many distances are the same.
        let all = vec![u64::MAX; held.index().slots() / 64];
        for k in [0, 1, 3, 10, 99, 200] {
            let found = held.nearest(&[0.0, 0.0], k, 4, &all).unwrap();
            let mut expected: Vec<f64> = (0..100)
                .map(|slot| Metric::L2.distance(&[0.0, 0.0], held.vector(slot)))
                .collect();
            expected.sort_by(f64::total_cmp);
            let count = match k {
                0 => 0,
                k if k >= 100 => 100,
                k => expected.iter().filter(|d| **d <= expected[k - 1]).count(),
            };
            expected.truncate(count);
            let distances: Vec<f64> = found.iter().map(|(_, d)| *d).collect();
            assert_eq!(distances, expected, "k = {k}");
        }
    }

    #[test]
    fn slots_are_found_and_room_is_kept() {
        let mut held = Held::new(1, Metric::L2, Kind::Flat4).unwrap();
        for i in 0..3000u64 {
            held.add(i * 7919, &[i as f32], usize::MAX).unwrap();
        }
        held.add(7919, &[5.0], usize::MAX).unwrap();
        assert_eq!(held.slot(7919 * 5), Some(5));
        assert_eq!(held.slot(3), None);
        let hashes: Vec<u64> = (0..4000).map(|i| i * 7919).collect();
        for (from, to, slot, run) in [
            (5, 9, 5, 4),
            (2990, 3000, 2990, 10),
            (2990, 3005, 2990, 10),
            (5, 9, 6, 0),
            (3000, 3001, 3000, 0),
            (0, 5, u32::MAX, 0),
            (7, 7, 7, 0),
        ] {
            assert_eq!(
                held.run(&hashes[from..to], slot),
                run,
                "{from}..{to} at {slot}"
            );
        }
        assert_eq!(held.vector(1), [1.0]);
        assert_eq!(held.vector(2999), [2999.0]);
        let room = held.bytes();
        held.add(1, &[1.0], room).unwrap();
        assert_eq!(held.slot(1), None);
        let all = vec![u64::MAX; held.index().slots().div_ceil(64)];
        assert!(held.is_mostly_gone(&all[..20], room));
        assert!(!held.is_mostly_gone(&all[..20], room + 1));
        assert!(!held.is_mostly_gone(&all, room));
    }
}
