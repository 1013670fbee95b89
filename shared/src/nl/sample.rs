//! The distinct texts of columns as they are read, in whichever order and by several threads: all of them, or those whose
//! hashes are low, so that the same rows always give the same.

use std::collections::BTreeMap;
use std::collections::HashMap;

use super::tokens::hash;

/// Most distinct texts of a column.
const OF_COLUMN: usize = 200_000;

/// Most texts of all.
const TEXTS: usize = 2_000_000;

/// Most bytes of all.
const BYTES: usize = 64 << 20;

/// Distinct texts of columns, each known by two numbers.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    columns: BTreeMap<(i64, i64), Texts>,
    texts: usize,
    bytes: usize,
}

#[derive(Debug, Clone, Default)]
struct Texts {
    by_hash: HashMap<u64, Box<str>>,
    /// Texts are kept whose hashes begin with so many zeros.
    zeros: u32,
}

/// What is kept of a column.
#[derive(Debug)]
pub struct Distinct<'a> {
    /// How many there are, if all are kept; else about so many.
    pub distinct: u64,
    /// In their order.
    pub texts: Vec<&'a str>,
}

impl Sample {
    /// Takes a text of a column.
    pub fn add(&mut self, column: (i64, i64), text: &str) {
        let hash = spread(hash(text));
        let of = self.columns.entry(column).or_default();
        if hash.leading_zeros() < of.zeros || of.by_hash.contains_key(&hash) {
            return;
        }
        of.by_hash.insert(hash, text.into());
        self.texts += 1;
        self.bytes += text.len();
        let full = of.by_hash.len() > OF_COLUMN;
        if full {
            self.halve(column);
        }
        while self.texts > TEXTS || self.bytes > BYTES {
            let longest = self.columns.iter().max_by_key(|(_, of)| of.by_hash.len());
            let Some((column, _)) = longest else { break };
            self.halve(*column);
        }
    }

    /// Leaves out about half the texts of a column.
    fn halve(&mut self, column: (i64, i64)) {
        let Some(of) = self.columns.get_mut(&column) else {
            return;
        };
        of.zeros += 1;
        let zeros = of.zeros;
        let (mut texts, mut bytes) = (0, 0);
        of.by_hash.retain(|hash, text| {
            let stays = hash.leading_zeros() >= zeros;
            if !stays {
                texts += 1;
                bytes += text.len();
            }
            stays
        });
        self.texts -= texts;
        self.bytes -= bytes;
    }

    /// Takes over what another has.
    pub fn merge(&mut self, other: &Sample) {
        for (column, of) in &other.columns {
            while self.columns.entry(*column).or_default().zeros < of.zeros {
                self.halve(*column);
            }
            for text in of.by_hash.values() {
                self.add(*column, text);
            }
        }
    }

    /// The columns with their texts.
    pub fn columns(&self) -> Vec<((i64, i64), Distinct<'_>)> {
        let all = self.columns.iter().map(|(column, of)| {
            let mut texts: Vec<&str> = of.by_hash.values().map(|text| &**text).collect();
            texts.sort_unstable();
            let distinct = (texts.len() as u64) << of.zeros.min(20);
            (*column, Distinct { distinct, texts })
        });
        all.collect()
    }
}

/// A hash all of whose bits depend on all of those before.
fn spread(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_in_whichever_order_they_come() {
        let all: Vec<String> = (0..450_000).map(|i| format!("text {i}")).collect();
        let mut one = Sample::default();
        let (mut first, mut second) = (Sample::default(), Sample::default());
        for (i, text) in all.iter().enumerate() {
            one.add((0, 0), text);
            let other = if i % 3 == 0 { &mut first } else { &mut second };
            other.add((0, 0), &all[all.len() - 1 - i]);
            other.add((0, 1), "same");
        }
        first.merge(&second);
        let one = one.columns();
        let merged = first.columns();
        assert_eq!(one[0].1.texts, merged[0].1.texts);
        assert!(one[0].1.texts.len() <= OF_COLUMN && one[0].1.texts.len() > OF_COLUMN / 3);
        assert!((300_000..600_000).contains(&one[0].1.distinct));
        assert_eq!(merged[1].1.texts, ["same"]);
        assert_eq!(merged[1].1.distinct, 1);
    }
}
