//! Texts in memory, each found by the hash of its value and by its words: what `lumos_hybrid` keeps in DuckDB.
//!
//! As with vectors (see [`super::vector_index`]) a hash stands for a text wherever it is, so that nothing here can be
//! stale, and slots are only added. How many rows have a text, and so what a word counts for, is said anew at each
//! search.

use std::collections::HashMap;

use super::account::Account;
use crate::text::{Kind, terms};

/// Words and lengths of texts.
#[derive(Default)]
pub struct InvertedIndex {
    /// By slot.
    hashes: Vec<u64>,
    /// By slot: how many terms stand in the text one behind the other.
    lengths: Vec<u32>,
    slots: HashMap<u64, u32>,
    words: HashMap<Box<str>, Postings>,
    /// The bytes of words and postings.
    bytes: usize,
    account: Account,
}

impl InvertedIndex {
    /// None yet.
    pub fn new(account: Account) -> InvertedIndex {
        InvertedIndex {
            account,
            ..InvertedIndex::default()
        }
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// How many different words they have.
    pub fn words(&self) -> usize {
        self.words.len()
    }

    /// The bytes of memory that it takes, nearly.
    pub fn bytes(&self) -> usize {
        // A byte of control for each place of a map.
        let text = size_of::<(u64, u32)>() + 1 + size_of::<(u64, u32)>();
        let word = size_of::<(Box<str>, Postings)>() + 1;
        self.bytes + self.slots.capacity() * text + self.words.capacity() * word
    }

    /// The slot of a text, which is looked for at `hint` first: rows mostly come in the order of the slots.
    pub fn slot(&self, hash: u64, hint: u32) -> Option<u32> {
        match self.hashes.get(hint as usize) {
            Some(found) if *found == hash => Some(hint),
            _ => self.slots.get(&hash).copied(),
        }
    }

    /// The length of the text of a slot.
    pub fn length(&self, slot: u32) -> u32 {
        self.lengths[slot as usize]
    }

    /// Adds a text, unless it is there, or the indexes of the database have no room left within so many bytes; true if
    /// it is the newest then.
    pub fn add(&mut self, hash: u64, text: &str, memory_limit: usize) -> bool {
        if self.slots.contains_key(&hash) || self.account.total() >= memory_limit {
            return false;
        }
        let slot = self.hashes.len() as u32;
        let mut length = 0;
        terms(text, |term| {
            length += u32::from(term.kind != Kind::Part);
            let postings = match self.words.get_mut(term.text) {
                Some(postings) => postings,
                None => {
                    self.bytes += term.text.len();
                    self.words.entry(term.text.into()).or_default()
                }
            };
            self.bytes += postings.count(slot);
        });
        self.hashes.push(hash);
        self.lengths.push(length);
        self.slots.insert(hash, slot);
        self.account.set(self.bytes());
        true
    }

    /// Length of the newest text, and how often it holds each of the words.
    pub fn newest(&self, words: &[String], counts: &mut [u32]) -> u32 {
        let newest = self.hashes.len().saturating_sub(1) as u32;
        for (word, count) in words.iter().zip(counts) {
            let postings = self.words.get(word.as_str());
            *count = postings.map_or(0, |p| if p.slot == newest { p.last } else { 0 });
        }
        self.lengths.last().copied().unwrap_or(0)
    }

    /// Calls `each` with every text that holds one of the words, in the order of the slots, and how often it holds
    /// each of them.
    pub fn holders(&self, words: &[String], mut each: impl FnMut(u32, &[u32])) {
        let mut lists: Vec<_> = words
            .iter()
            .map(|word| self.words.get(word.as_str()).map(Postings::iter))
            .map(|list| list.into_iter().flatten().peekable())
            .collect();
        let mut counts = vec![0; words.len()];
        while let Some(slot) = lists.iter_mut().filter_map(|l| Some(l.peek()?.0)).min() {
            for (list, count) in lists.iter_mut().zip(&mut counts) {
                *count = list.next_if(|p| p.0 == slot).map_or(0, |p| p.1);
            }
            each(slot, &counts);
        }
    }

    /// True if there is no room left, and most texts are in no row that a search over the whole table has seen.
    pub fn is_mostly_gone(&self, seen: usize, memory_limit: usize) -> bool {
        self.account.total() >= memory_limit && seen < self.hashes.len() / 2
    }
}

/// Length of a text, and how often it holds each of the words.
pub fn count(text: &str, words: &[String], counts: &mut [u32]) -> u32 {
    counts.fill(0);
    let mut length = 0;
    terms(text, |term| {
        length += u32::from(term.kind != Kind::Part);
        if let Some(i) = words.iter().position(|word| word == term.text) {
            counts[i] += 1;
        }
    });
    length
}

/// The texts that hold a word, in the order of their slots.
#[derive(Default)]
struct Postings {
    /// Of each but the last: by how much its slot is greater than the one before, doubled; plus 1 and followed by the
    /// count if that is more than 1. In groups of seven bits.
    packed: Vec<u8>,
    /// The slot of the last of those.
    packed_slot: u32,
    /// The last text.
    slot: u32,
    /// How often the word is in it; 0 if there is none.
    last: u32,
}

impl Postings {
    /// Counts the word once more in the text of this slot, which is not before others. Returns the bytes that it
    /// takes more.
    fn count(&mut self, slot: u32) -> usize {
        let before = self.packed.capacity();
        if self.last > 0 && self.slot != slot {
            let step = u64::from(self.slot - self.packed_slot) << 1;
            push(&mut self.packed, step | u64::from(self.last > 1));
            if self.last > 1 {
                push(&mut self.packed, self.last.into());
            }
            (self.packed_slot, self.last) = (self.slot, 0);
        }
        (self.slot, self.last) = (slot, self.last + 1);
        self.packed.capacity() - before
    }

    /// Slots and counts.
    fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let (mut rest, mut slot) = (&self.packed[..], 0);
        let packed = std::iter::from_fn(move || {
            let step = pop(&mut rest)?;
            slot += (step >> 1) as u32;
            let count = if step & 1 == 1 { pop(&mut rest)? } else { 1 };
            Some((slot, count as u32))
        });
        packed.chain((self.last > 0).then_some((self.slot, self.last)))
    }
}

fn push(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7F {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn pop(bytes: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| w.to_string()).collect()
    }

    /// Texts of a few words each, by the bits of a number.
    fn text(i: u64) -> String {
        let mixed = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let word = |bit: u64| format!("w{} ", mixed >> bit & 7).repeat((mixed >> bit & 3) as usize);
        (0..8).map(|n| word(n * 3)).collect()
    }

    #[test]
    fn the_words_of_each_text_come_back() {
        let mut held = InvertedIndex::default();
        let asked = words(&["w1", "w6", "w7", "none"]);
        let mut expected = Vec::new();
        // With gaps of more than a byte between texts that hold a word.
        for i in 0..5000 {
            let text = if i % 1000 < 800 { "x".into() } else { text(i) };
            let mut counts = [0; 4];
            let length = count(&text, &asked, &mut counts);
            assert!(held.add(i * 3, &text, usize::MAX));
            let mut newest = [0; 4];
            assert_eq!((held.newest(&asked, &mut newest), newest), (length, counts));
            assert_eq!(held.length(i as u32), length);
            if counts.iter().any(|c| *c > 0) {
                expected.push((i as u32, counts.to_vec()));
            }
        }
        let mut found = Vec::new();
        held.holders(&asked, |slot, counts| found.push((slot, counts.to_vec())));
        assert!(expected.len() > 900);
        assert_eq!(found, expected);
        held.holders(&words(&["none"]), |_, _| panic!("no text holds it"));
        held.holders(&[], |_, _| panic!("nothing was asked for"));
    }

    #[test]
    fn characters_are_counted_alone_and_in_pairs() {
        let mut counts = [0; 3];
        let asked = words(&["大雪", "雪", "晚点"]);
        assert_eq!(count("大雪，大雪", &asked, &mut counts), 2);
        assert_eq!(counts, [2, 2, 0]);
        assert_eq!(count("雪", &asked, &mut counts), 1);
        assert_eq!(counts, [0, 1, 0]);
        assert_eq!(count("", &asked, &mut counts), 0);
    }

    #[test]
    fn slots_are_found_in_any_order_and_room_is_kept() {
        let mut held = InvertedIndex::default();
        for i in 0..2000 {
            held.add(i * 7919, &text(i), usize::MAX);
        }
        assert!(!held.add(7919, "again", usize::MAX));
        for hint in [0, 5, 1999, 2000, u32::MAX] {
            assert_eq!(held.slot(7919 * 5, hint), Some(5));
            assert_eq!(held.slot(3, hint), None);
        }
        let memory_limit = held.bytes();
        assert!(memory_limit < 2000 * 80, "{memory_limit}");
        assert!(!held.add(1, "a", memory_limit) && held.add(1, "a", memory_limit + 1));
        assert!(held.is_mostly_gone(900, memory_limit) && !held.is_mostly_gone(1001, memory_limit));
        assert_eq!(held.len(), 2001);
    }
}
