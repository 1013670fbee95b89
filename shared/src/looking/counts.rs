//! How often each value of a column comes, in bounded memory and in whatever order the values came.
//!
//! Beyond a number of different values numbers are counted by fewer of their digits, and texts by a sample of them that their
//! hashes choose. How much coarser is a function of all values together, never of their order.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// Different numbers that are kept.
const NUMBERS: usize = if cfg!(test) { 1 << 14 } else { 1 << 20 };
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
#[derive(Default, Clone)]
pub struct Numbers {
    counts: Table<u64>,
    /// How many low bits are left out.
    coarse: u32,
}

impl Numbers {
    /// Counts a finite number.
    pub fn add(&mut self, value: f64, count: u64) {
        // Without a sign of zero.
        let bits = (value + 0.0).to_bits() >> self.coarse << self.coarse;
        *self.counts.entry(bits).or_default() += count;
        while self.counts.len() > NUMBERS && self.coarse < 44 {
            self.coarse(if self.coarse == 0 {
                30
            } else {
                self.coarse + 2
            });
        }
    }

    fn coarse(&mut self, coarse: u32) {
        self.coarse = coarse;
        for (bits, count) in std::mem::take(&mut self.counts) {
            *self.counts.entry(bits >> coarse << coarse).or_default() += count;
        }
    }

    /// Takes over what another has counted.
    pub fn merge(&mut self, other: &Numbers) {
        if other.coarse > self.coarse {
            self.coarse(other.coarse);
        }
        for (bits, count) in &other.counts {
            self.add(f64::from_bits(*bits), *count);
        }
    }

    /// Whether each number is told from every other.
    pub fn exact(&self) -> bool {
        self.coarse == 0
    }

    /// In ascending order.
    pub fn sorted(&self) -> Vec<(f64, u64)> {
        let counts = self.counts.iter();
        let mut sorted: Vec<(f64, u64)> = counts.map(|(b, n)| (f64::from_bits(*b), *n)).collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        sorted
    }
}

/// Texts with how often they came.
#[derive(Default, Clone)]
pub struct Texts {
    counts: Table<Box<str>>,
    long: Table<u64>,
    /// Only texts whose hashes end in so many zeros are kept.
    sampled: u32,
}

fn hash(text: &str) -> u64 {
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
            forwards.add(number(i), 1);
            backwards.add(number(count - 1 - i), 1);
            parts[(i % 3 == 0) as usize].add(number(i), 1);
        }
        let [mut merged, other] = parts;
        merged.merge(&other);
        assert!(!forwards.exact() && forwards.sorted().len() <= NUMBERS);
        assert_eq!(forwards.sorted(), backwards.sorted());
        assert_eq!(forwards.sorted(), merged.sorted());
        assert_eq!(forwards.sorted().iter().map(|(_, n)| n).sum::<u64>(), count);
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
