//! Vectors in memory with indexes over them, each found by the hash of its value: what `lumos_search` keeps in DuckDB.
//!
//! A hash stands for a vector wherever it is: in which table and row, at which time, in which transaction. So nothing
//! here can be stale, and whatever is not here is read from the table. Slots are only added: a search may go on
//! with those it knows while others add. [`super::cache`] keeps them by name.
//!
//! A table is searched by several metrics and kinds of codes over the same vectors: each [`Form`] has an index of its
//! own, with the same slots. The first has all vectors, the others are [brought up to it](VectorIndex::follow).

use super::account::Account;
use crate::vector::Metric;
use crate::vector::index::{Accuracy, Filter, Index, Kind};
use crate::vector::packed::Packed;
use crate::{Error, Result};

/// How vectors are compared, and by which codes.
pub type Form = (Metric, Kind);

/// Vectors of one number of dimensions, and the indexes over them.
pub struct VectorIndex {
    dims: usize,
    indexes: Vec<Index>,
    /// By slot.
    hashes: Vec<u64>,
    /// By slot.
    vectors: Packed,
    account: Account,
    /// The hash of rows without a vector, once there was one.
    pub no_vector: Option<u64>,
}

impl VectorIndex {
    /// None yet. Errors if an index cannot have so many dimensions or this form.
    pub fn new(dims: usize, form: Form, account: Account) -> Result<VectorIndex> {
        Ok(VectorIndex {
            dims,
            indexes: vec![Index::new(dims, form.0, form.1)?],
            hashes: Vec::new(),
            vectors: Packed::new(dims),
            account,
            no_vector: None,
        })
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The indexes over them.
    pub fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    /// The bytes of memory that it takes, nearly.
    pub fn bytes(&self) -> usize {
        let indexes: usize = self.indexes.iter().map(Index::bytes).sum();
        indexes + self.vectors.bytes() + self.hashes.len() * size_of::<u64>()
    }

    /// Adds a vector, unless it is there, or the indexes of the database have no room left within so many bytes.
    /// False if there was no room. Errors if the vector has other dimensions, or a number that is not finite.
    pub fn add(&mut self, hash: u64, vector: &[f32], memory_limit: usize) -> Result<bool> {
        if self.slot(hash).is_some() {
            return Ok(true);
        }
        if self.account.total() >= memory_limit {
            return Ok(false);
        }
        let count = self.hashes.len();
        for index in &mut self.indexes {
            if index.len() == count && index.insert(hash as i64, vector)? as usize != count {
                return Err(Error::new(
                    "internal error: a slot of the index is out of turn",
                ));
            }
        }
        self.vectors.push(vector);
        self.hashes.push(hash);
        self.account.set(self.bytes());
        Ok(true)
    }

    /// True if there is an index of this form that has all vectors.
    pub fn has(&self, form: Form) -> bool {
        self.index(form).is_some_and(|i| i.len() == self.len())
    }

    /// Brings the index of this form up to the vectors, by so many of them at most. Errors if an index cannot have this
    /// form, or has no slot left.
    pub fn follow(&mut self, form: Form, most: usize) -> Result<()> {
        if self.index(form).is_none() {
            self.indexes.push(Index::new(self.dims, form.0, form.1)?);
        }
        let (vectors, hashes) = (&self.vectors, &self.hashes);
        let of = |i: &&mut Index| (i.metric(), i.kind()) == form;
        if let Some(index) = self.indexes.iter_mut().find(of) {
            let first = index.len();
            for (slot, hash) in hashes.iter().enumerate().skip(first).take(most) {
                let insert = |vector: &[f32]| index.insert(*hash as i64, vector);
                vectors.with(slot, insert).transpose()?;
            }
        }
        self.account.set(self.bytes());
        Ok(())
    }

    fn index(&self, form: Form) -> Option<&Index> {
        let mut indexes = self.indexes.iter();
        indexes.find(|i| (i.metric(), i.kind()) == form)
    }

    /// The slot of a vector.
    pub fn slot(&self, hash: u64) -> Option<u32> {
        self.indexes[0].slot(hash as i64)
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
    /// near as the last of them. Where the index is behind the vectors, each of these is measured. Errors if the query
    /// has other dimensions, or a number that is not finite.
    pub fn nearest(
        &self,
        form: Form,
        query: &[f32],
        k: usize,
        oversample: usize,
        slots: &[u64],
    ) -> Result<Vec<(u32, f64)>> {
        let index = self.index(form).filter(|index| index.len() == self.len());
        let Some(index) = index else {
            return Ok(self.measured(form.0, query, k, slots));
        };
        let mut wanted = k.saturating_add(8);
        loop {
            let hits = index.search(
                query,
                wanted,
                Filter::Slots(slots),
                Accuracy::Approximate(oversample),
                |ids, found| {
                    for id in ids {
                        if let Some(slot) = index.slot(*id) {
                            self.vectors
                                .with(slot as usize, |vector| found(*id, vector));
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
                .filter_map(|hit| Some((index.slot(hit.id)?, hit.distance)))
                .collect());
        }
    }

    fn measured(&self, metric: Metric, query: &[f32], k: usize, slots: &[u64]) -> Vec<(u32, f64)> {
        let set = |slot: &usize| {
            slots
                .get(slot / 64)
                .is_some_and(|w| w >> (slot % 64) & 1 == 1)
        };
        let mut found: Vec<(u32, f64)> = (0..self.len())
            .filter(set)
            .filter_map(|slot| {
                let distance = self.vectors.with(slot, |v| metric.distance(query, v))?;
                Some((slot as u32, distance))
            })
            .collect();
        found.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
        let last = k
            .checked_sub(1)
            .map(|i| found.get(i).map_or(f64::INFINITY, |hit| hit.1));
        found.truncate(last.map_or(0, |end| found.partition_point(|hit| hit.1 <= end)));
        found
    }

    /// True if there is no room left, and most vectors are in no row that a search over the whole table has seen.
    pub fn is_mostly_gone(&self, slots: &[u64], memory_limit: usize) -> bool {
        let seen: usize = slots.iter().map(|word| word.count_ones() as usize).sum();
        self.account.total() >= memory_limit && seen < self.hashes.len() / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: Form = (Metric::L2, Kind::Flat4);

    fn held(dims: usize) -> VectorIndex {
        VectorIndex::new(dims, FLAT, Account::default()).unwrap()
    }

    /// Vectors of many equal distances: all that are as near as the last come out, whichever index is asked.
    #[test]
    fn ties_are_complete() {
        let mut held = held(2);
        let vector = |i: u64| {
            let angle = i as f32;
            [(angle * 37.0) % 5.0, (angle * 11.0) % 3.0]
        };
        let later = (Metric::L2, Kind::Flat8);
        for i in 0..100u64 {
            held.add(i, &vector(i), usize::MAX).unwrap();
            if i == 50 {
                held.follow(later, 20).unwrap();
                assert!(!held.has(later) && held.has(FLAT));
            }
        }
        held.add(100, &[40.0, 40.0], usize::MAX).unwrap();
        // A square's corners and edges: whole numbers, so that many distances are the same.
        let all = [u64::MAX; 8];
        // One that is behind, at first.
        let behind = held.nearest(later, &[0.0, 0.0], 10, 4, &all).unwrap();
        assert_eq!(behind, held.measured(Metric::L2, &[0.0, 0.0], 10, &all));
        for k in [0, 1, 3, 10, 99, 200] {
            let exact = held.nearest(later, &[0.0, 0.0], k, 4, &all).unwrap();
            let found = held.nearest(FLAT, &[0.0, 0.0], k, 4, &all).unwrap();
            let distances = |hits: &[(u32, f64)]| hits.iter().map(|h| h.1).collect::<Vec<_>>();
            assert_eq!(distances(&exact), distances(&found), "k = {k}");
        }
        while !held.has(later) {
            held.follow(later, 7).unwrap();
        }
        for (form, k) in [FLAT, later]
            .into_iter()
            .flat_map(|f| [0, 1, 3, 10, 99, 200].map(|k| (f, k)))
        {
            let found = held.nearest(form, &[0.0, 0.0], k, 4, &all).unwrap();
            let mut expected: Vec<f64> = (0..100)
                .map(|i| Metric::L2.distance(&[0.0, 0.0], &vector(i)))
                .chain([Metric::L2.distance(&[0.0, 0.0], &[40.0, 40.0])])
                .collect();
            expected.sort_by(f64::total_cmp);
            let count = match k {
                0 => 0,
                k if k >= 101 => 101,
                k => expected.iter().filter(|d| **d <= expected[k - 1]).count(),
            };
            expected.truncate(count);
            let distances: Vec<f64> = found.iter().map(|(_, d)| *d).collect();
            assert_eq!(distances, expected, "k = {k}");
        }
    }

    #[test]
    fn slots_are_found_and_room_is_kept() {
        let account = Account::default();
        let mut held = VectorIndex::new(1, FLAT, account.another()).unwrap();
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
        let vector = |slot| held.vectors.with(slot, |v| v.to_vec()).unwrap();
        assert_eq!((vector(1), vector(2999)), (vec![1.0], vec![2999.0]));
        let memory_limit = held.bytes();
        assert_eq!(account.total(), memory_limit);
        // What another index takes counts too.
        let mut other = VectorIndex::new(1, FLAT, account.another()).unwrap();
        assert!(!other.add(1, &[1.0], memory_limit).unwrap());
        assert!(other.add(1, &[1.0], memory_limit + 1).unwrap());
        assert!(!held.add(1, &[1.0], memory_limit + 1).unwrap());
        assert_eq!(held.slot(1), None);
        drop(other);
        assert_eq!(account.total(), memory_limit);
        let all = [u64::MAX; 64];
        assert!(held.is_mostly_gone(&all[..20], memory_limit));
        assert!(!held.is_mostly_gone(&all[..20], memory_limit + 1));
        assert!(!held.is_mostly_gone(&all, memory_limit));
    }
}
