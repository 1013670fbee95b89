//! How often each value of a column comes, in bounded memory and in whatever order the values came.
//!
//! Beyond a number of different values numbers are counted by fewer of their digits, and texts by a sample of them that their
//! hashes choose. How much coarser is a function of all values together, never of their order.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

use crate::exact_sum::ExactSum;

/// Different numbers that are kept.
const NUMBERS: usize = if cfg!(test) { 1 << 14 } else { 1 << 20 };
/// The most bits of a number that are left out: all doubles have fewer different ones then.
const COARSEST: u32 = 44;
/// Different texts that are kept.
const TEXTS: usize = 100_000;
/// Texts that are longer, in bytes, are known by their hashes alone.
const LONG: usize = 200;

/// A hash that is the same on every machine.
#[derive(Default, Clone)]
pub struct Fixed(u64);

impl std::hash::Hasher for Fixed {
    fn finish(&self) -> u64 {
        // The low bits are mixed too: the last step of MurmurHash.
        let mut hash = self.0;
        for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
            hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
        }
        hash ^ (hash >> 33)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

type Table<K> = HashMap<K, u64, BuildHasherDefault<Fixed>>;

/// Numbers with how often they came.
#[derive(Debug, Default, Clone)]
pub struct Numbers {
    counts: Table<u64>,
    /// How many low bits are left out.
    coarse: u32,
    /// Of which the different ones are told, once `counts` does not tell each from every other.
    sample: Option<Sample>,
    range: Option<[f64; 2]>,
    /// Of numbers as they are, and of huge ones over [`SCALE`].
    sums: [ExactSum; 2],
}

/// Numbers beyond this are huge: sums of them may be no doubles.
const HUGE: f64 = 1e280;
/// 2^70.
const SCALE: f64 = f64::from_bits((70 + 1023) << 52);

impl Numbers {
    /// Counts a finite number. One that a double does not hold is given with a hash of what it was before it was rounded.
    pub fn add(&mut self, value: f64, before: Option<u64>) {
        // Without a sign of zero.
        let value = value + 0.0;
        self.reach([value; 2]);
        // Neither is too large for it.
        let _ = if value.abs() > HUGE {
            self.sums[1].add(value / SCALE)
        } else {
            self.sums[0].add(value)
        };
        if before.is_some() {
            self.sample();
        }
        if let Some(sample) = &mut self.sample {
            sample.add(before.unwrap_or_else(|| mixed(value.to_bits())));
        }
        self.count(value.to_bits(), 1);
    }

    fn reach(&mut self, [least, most]: [f64; 2]) {
        let range = self.range.get_or_insert([least, most]);
        *range = [range[0].min(least), range[1].max(most)];
    }

    fn sample(&mut self) {
        if self.sample.is_none() {
            let mut sample = Sample::default();
            self.counts.keys().for_each(|bits| sample.add(mixed(*bits)));
            self.sample = Some(sample);
        }
    }

    fn count(&mut self, bits: u64, count: u64) {
        *self
            .counts
            .entry(bits >> self.coarse << self.coarse)
            .or_default() += count;
        if self.counts.len() > NUMBERS && self.coarse < COARSEST {
            self.coarsen();
        }
    }

    /// Leaves out as few bits more as it takes.
    fn coarsen(&mut self) {
        self.sample();
        let mut sorted: Vec<u64> = self.counts.keys().copied().collect();
        sorted.sort_unstable();
        let fits = |bits: &u32| {
            let different = sorted
                .windows(2)
                .filter(|pair| pair[0] >> bits != pair[1] >> bits);
            different.count() < NUMBERS
        };
        let levels = (self.coarse + 2..=COARSEST).step_by(2);
        self.cut(levels.clone().find(fits).unwrap_or(COARSEST));
    }

    fn cut(&mut self, coarse: u32) {
        self.sample();
        self.coarse = coarse;
        // As large at once: in the order of one table, another that grows would be filled in ever longer runs.
        let mut counts = Table::default();
        counts.reserve(self.counts.len());
        for (bits, count) in std::mem::take(&mut self.counts) {
            *counts.entry(bits >> coarse << coarse).or_default() += count;
        }
        self.counts = counts;
    }

    /// Takes over what another has counted.
    pub fn merge(&mut self, other: &Numbers) {
        if let Some(range) = other.range {
            self.reach(range);
        }
        for (mine, theirs) in self.sums.iter_mut().zip(&other.sums) {
            mine.merge(theirs);
        }
        if other.sample.is_some() {
            self.sample();
        }
        if other.coarse > self.coarse {
            self.cut(other.coarse);
        }
        // See `cut`.
        self.counts.reserve(other.counts.len());
        for (bits, count) in &other.counts {
            self.count(*bits, *count);
        }
        match (&mut self.sample, &other.sample) {
            (Some(mine), Some(theirs)) => mine.merge(theirs),
            (Some(mine), None) => other.counts.keys().for_each(|bits| mine.add(mixed(*bits))),
            (None, _) => {}
        }
    }

    /// Whether each number is told from every other.
    pub fn exact(&self) -> bool {
        self.sample.is_none()
    }

    /// How many different ones there are, and whether that is exact.
    pub fn different(&self) -> (u64, bool) {
        match &self.sample {
            Some(sample) => (
                (sample.hashes.len() as u64) << sample.zeros,
                sample.zeros == 0,
            ),
            None => (self.counts.len() as u64, true),
        }
    }

    /// The least and the greatest one.
    pub fn range(&self) -> Option<[f64; 2]> {
        self.range
    }

    /// The mean of all, which are so many, from their exact sum; `None` of none.
    pub fn mean(&self, count: u64) -> Option<f64> {
        let parts = [0, 1].map(|i| self.sums[i].value().map(|sum| sum / count as f64));
        match parts {
            [plain, Some(huge)] => Some(plain.unwrap_or(0.0) + huge * SCALE),
            [plain, None] => plain,
        }
    }

    /// In ascending order; without their last bits if there are many.
    pub fn sorted(&self) -> Vec<(f64, u64)> {
        let counts = self.counts.iter();
        let mut sorted: Vec<(f64, u64)> = counts.map(|(b, n)| (f64::from_bits(*b), *n)).collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        sorted
    }
}

/// Different hashes, or those of them that end in so many zeros.
#[derive(Debug, Default, Clone)]
struct Sample {
    hashes: HashSet<u64, BuildHasherDefault<Fixed>>,
    zeros: u32,
}

impl Sample {
    fn add(&mut self, hash: u64) {
        if hash.trailing_zeros() < self.zeros {
            return;
        }
        self.hashes.insert(hash);
        while self.hashes.len() > NUMBERS {
            self.zeros += 1;
            let zeros = self.zeros;
            self.hashes.retain(|hash| hash.trailing_zeros() >= zeros);
        }
    }

    fn merge(&mut self, other: &Sample) {
        // See `Numbers::cut`.
        self.hashes.reserve(other.hashes.len());
        if other.zeros > self.zeros {
            self.zeros = other.zeros;
            let zeros = self.zeros;
            self.hashes.retain(|hash| hash.trailing_zeros() >= zeros);
        }
        other.hashes.iter().for_each(|hash| self.add(*hash));
    }
}

fn mixed(word: u64) -> u64 {
    use std::hash::Hasher;
    let mut hasher = Fixed::default();
    hasher.write_u64(word);
    hasher.finish()
}

/// Texts with how often they came.
#[derive(Debug, Default, Clone)]
pub struct Texts {
    counts: Table<Box<str>>,
    long: Table<u64>,
    /// Only texts whose hashes end in so many zeros are kept.
    sampled: u32,
}

/// The hash of a text.
pub fn hash(text: &str) -> u64 {
    use std::hash::Hasher;
    let mut hasher = Fixed::default();
    hasher.write_u64(text.len() as u64);
    hasher.write(text.as_bytes());
    hasher.finish()
}

impl Texts {
    /// Counts a text.
    pub fn add(&mut self, text: &str, count: u64) {
        if self.sampled > 0 && hash(text).trailing_zeros() < self.sampled {
            return;
        }
        if text.len() > LONG {
            *self.long.entry(hash(text)).or_default() += count;
        } else if let Some(known) = self.counts.get_mut(text) {
            *known += count;
        } else {
            self.counts.insert(text.into(), count);
        }
        self.thin();
    }

    fn thin(&mut self) {
        while self.counts.len() + self.long.len() > TEXTS {
            self.sampled += 1;
            let sampled = self.sampled;
            self.counts
                .retain(|text, _| hash(text).trailing_zeros() >= sampled);
            self.long.retain(|hash, _| hash.trailing_zeros() >= sampled);
        }
    }

    /// Takes over what another has counted.
    pub fn merge(&mut self, other: &Texts) {
        if other.sampled > self.sampled {
            self.sampled = other.sampled;
            let sampled = self.sampled;
            self.counts
                .retain(|text, _| hash(text).trailing_zeros() >= sampled);
            self.long.retain(|hash, _| hash.trailing_zeros() >= sampled);
        }
        // See `Numbers::cut`.
        self.counts.reserve(other.counts.len());
        for (text, count) in &other.counts {
            self.add(text, *count);
        }
        for (hash, count) in &other.long {
            if hash.trailing_zeros() >= self.sampled {
                *self.long.entry(*hash).or_default() += count;
            }
        }
        self.thin();
    }

    /// Whether all texts are kept.
    pub fn exact(&self) -> bool {
        self.sampled == 0
    }

    /// About how many different ones there are.
    pub fn different(&self) -> u64 {
        ((self.counts.len() + self.long.len()) as u64) << self.sampled
    }

    /// Those that are kept and not long, in no order.
    pub fn kept(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(text, count)| (&**text, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_threads_do_not_matter() {
        let number = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as f64 / 7.0;
        let count = 60_000;
        let (mut forwards, mut backwards) = (Numbers::default(), Numbers::default());
        let mut parts = [Numbers::default(), Numbers::default()];
        for i in 0..count {
            forwards.add(number(i), None);
            backwards.add(number(count - 1 - i), None);
            parts[(i % 3 == 0) as usize].add(number(i), None);
        }
        let [mut merged, other] = parts;
        merged.merge(&other);
        assert!(!forwards.exact() && forwards.sorted().len() <= NUMBERS);
        assert_eq!(forwards.sorted(), backwards.sorted());
        assert_eq!(forwards.sorted(), merged.sorted());
        assert_eq!(forwards.sorted().iter().map(|(_, n)| n).sum::<u64>(), count);
        for numbers in [&backwards, &merged] {
            assert_eq!(numbers.different(), forwards.different());
            assert_eq!(numbers.mean(count), forwards.mean(count));
        }
    }

    /// Numbers that lie close together: their first bits are the same.
    #[test]
    fn many_numbers_keep_their_figures() {
        let count = 100_000;
        let number = |i: u64| 1.7e15 + i as f64;
        let mut parts = [Numbers::default(), Numbers::default()];
        for i in 0..count {
            parts[(i % 7 == 0) as usize].add(number(i), None);
        }
        let [mut all, other] = parts;
        all.merge(&other);
        assert_eq!(all.range(), Some([number(0), number(count - 1)]));
        assert_eq!(all.mean(count), Some(1.7e15 + 49_999.5));
        let (different, exact) = all.different();
        assert!(!exact && (different as f64 / count as f64 - 1.0).abs() < 0.03);
        // As many are kept as there is place for.
        assert!(all.sorted().len() > NUMBERS / 4);
        let huge = [f64::MAX, f64::MAX, -f64::MAX];
        let mut sums = Numbers::default();
        huge.iter().for_each(|value| sums.add(*value, None));
        assert_eq!(sums.mean(3), Some(f64::MAX / 3.0));
        let mut tiny = Numbers::default();
        tiny.add(1e-310, None);
        tiny.add(3e-310, None);
        assert_eq!(tiny.mean(2), Some(4e-310 / 2.0));
    }

    #[test]
    fn numbers_that_were_rounded_are_told_apart() {
        let ids = [1 << 53, (1 << 53) + 1, i64::MAX, i64::MAX - 1, i64::MAX, 7];
        for split in 0..ids.len() {
            let mut parts = [Numbers::default(), Numbers::default()];
            for (i, id) in ids.iter().enumerate() {
                let rounded = id.unsigned_abs() > 1 << 53;
                let before = rounded.then(|| hash(&id.to_string()));
                parts[usize::from(i < split)].add(*id as f64, before);
            }
            let [mut one, other] = parts;
            one.merge(&other);
            assert_eq!(one.different(), (5, true));
            assert!(!one.exact());
        }
    }

    #[test]
    fn many_texts_are_estimated() {
        let (mut all, mut parts) = (Texts::default(), [Texts::default(), Texts::default()]);
        for i in 0..300_000 {
            let text = format!(
                "text {}{}",
                i % 250_000,
                if i % 50 == 0 {
                    "x".repeat(300)
                } else {
                    String::new()
                }
            );
            all.add(&text, 1);
            parts[i % 2].add(&text, 1);
        }
        let [mut merged, other] = parts;
        merged.merge(&other);
        assert!(!all.exact());
        assert!(
            (all.different() as f64 / 250_000.0 - 1.0).abs() < 0.02,
            "{}",
            all.different()
        );
        let sorted = |texts: &Texts| {
            let mut kept: Vec<(String, u64)> =
                texts.kept().map(|(t, n)| (t.to_owned(), n)).collect();
            kept.sort();
            kept
        };
        assert_eq!(sorted(&all), sorted(&merged));
        assert_eq!(all.different(), merged.different());
    }
}
