//! The terms of a memory as numbers, kept beside its text, so that a search reads no text.

use crate::text::{Kind, query_forms, query_terms, terms};
use crate::{Error, Result};

/// The terms of a text. Each is a hash of 32 bits: two of a million words share one in a thousand texts at most, which
/// makes a text be found that holds no word of a query, at the end of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// How many terms stand in the text one behind the other, which is its length for BM25.
    pub length: u32,
    /// Their hashes in the order of the text; then those of single characters of Chinese, Japanese and Korean, which
    /// stand where a pair does.
    pub hashes: Vec<u32>,
    /// The hashes of the terms that are no stop words, sorted, each once: what the text is about.
    pub telling: Vec<u32>,
}

impl Terms {
    /// Those of a text.
    pub fn of(text: &str) -> Terms {
        let (mut hashes, mut parts, mut telling) = (Vec::new(), Vec::new(), Vec::new());
        terms(text, |term| {
            let hash = hash(term.text);
            if term.kind == Kind::Part {
                parts.push(hash);
                return;
            }
            hashes.push(hash);
            if !term.stop {
                telling.push(hash);
            }
        });
        let length = hashes.len() as u32;
        hashes.extend(parts);
        telling.sort_unstable();
        telling.dedup();
        Terms {
            length,
            hashes,
            telling,
        }
    }

    /// As bytes: three lengths, then the hashes, all little-endian 32-bit numbers.
    pub fn encode(&self) -> Vec<u8> {
        let counts = [
            self.length,
            self.hashes.len() as u32,
            self.telling.len() as u32,
        ];
        let numbers = counts.iter().chain(&self.hashes).chain(&self.telling);
        numbers.flat_map(|n| n.to_le_bytes()).collect()
    }

    /// From bytes. Errors if they are not of [`Terms::encode`].
    pub fn decode(bytes: &[u8]) -> Result<Terms> {
        let wrong = || {
            Error::new(
                "the column terms of a memory is damaged; write its content again by lumos_memory_update",
            )
        };
        let (numbers, rest) = bytes.as_chunks::<4>();
        let number = |i: usize| {
            numbers
                .get(i)
                .map(|n| u32::from_le_bytes(*n))
                .ok_or_else(wrong)
        };
        let (length, all, telling) = (number(0)?, number(1)? as usize, number(2)? as usize);
        if !rest.is_empty() || numbers.len() != 3usize.saturating_add(all).saturating_add(telling) {
            return Err(wrong());
        }
        let list = |from: usize, count: usize| {
            let slice = numbers.get(from..from + count).unwrap_or_default();
            slice.iter().map(|n| u32::from_le_bytes(*n)).collect()
        };
        Ok(Terms {
            length,
            hashes: list(3, all),
            telling: list(3 + all, telling),
        })
    }

    /// How often each of the words stands in it.
    pub fn counts(&self, words: &[u32]) -> Vec<u32> {
        let mut counts = vec![0; words.len()];
        for hash in &self.hashes {
            if let Some(i) = words.iter().position(|word| word == hash) {
                counts[i] += 1;
            }
        }
        counts
    }

    /// Which share of the names of a question it has, 0 to 1: 0 without names.
    pub fn share(&self, names: &[u32]) -> f64 {
        let has = names.iter().filter(|n| self.hashes.contains(n)).count();
        has as f64 / names.len().max(1) as f64
    }
}

/// The share of terms that two sorted lists have in common, 0 to 1 (Jaccard's); 0 if both are empty.
pub fn likeness(a: &[u32], b: &[u32]) -> f64 {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    let (mut common, mut all) = (0u32, 0u32);
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        let order = x.cmp(y);
        common += u32::from(order.is_eq());
        all += 1;
        if order.is_le() {
            a.next();
        }
        if order.is_ge() {
            b.next();
        }
    }
    all += (a.count() + b.count()) as u32;
    match all {
        0 => 0.0,
        all => f64::from(common) / f64::from(all),
    }
}

/// The words of a question, as [`Terms`] have them.
pub fn query_hashes(text: &str) -> Vec<u32> {
    query_words(text)
        .into_iter()
        .map(|(hash, _)| hash)
        .collect()
}

/// The words of a question: their hashes, and their forms for an index of words. Of Chinese, Japanese and Korean the
/// single characters come after the pairs: a word may stand with others beside it than in the question, 跳舞 and 跳绳.
pub fn query_words(text: &str) -> Vec<(u32, String)> {
    let mut words: Vec<(u32, String)> = Vec::new();
    let mut add = |term: &str, form: String| {
        let hash = hash(term);
        if words.iter().all(|(known, _)| *known != hash) {
            words.push((hash, form));
        }
    };
    for (term, form) in query_terms(text).iter().zip(query_forms(text)) {
        add(term, form);
    }
    terms(text, |term| {
        if term.kind == Kind::Part && !term.stop {
            add(term.text, term.form.to_owned());
        }
    });
    words
}

/// FNV-1a of 64 bits, both halves together.
fn hash(term: &str) -> u32 {
    let hash = fnv(term.as_bytes());
    (hash ^ (hash >> 32)) as u32
}

/// FNV-1a of 64 bits.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_come_back_and_are_counted() {
        let terms = Terms::of("The cat sat; cats 大雪天");
        assert_eq!((terms.length, terms.hashes.len()), (6, 9));
        assert_eq!(Terms::decode(&terms.encode()).unwrap(), terms);
        assert_eq!(
            terms.counts(&query_hashes("cat 雪天 dog 雪")),
            [2, 1, 0, 1, 1]
        );
        assert_eq!(
            Terms::of(""),
            Terms::decode(&Terms::of("").encode()).unwrap()
        );
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = Terms::of("a cat").encode();
        for wrong in [&bytes[..bytes.len() - 4], &bytes[1..], &[], &[255; 12]] {
            assert!(Terms::decode(wrong).is_err());
        }
    }

    #[test]
    fn likeness_is_jaccards() {
        let like = |a: &str, b: &str| likeness(&Terms::of(a).telling, &Terms::of(b).telling);
        assert_eq!(like("red green blue", "the blue and GREEN reds"), 1.0);
        assert_eq!(like("red green", "green blue"), 1.0 / 3.0);
        assert_eq!((like("", ""), like("red", "")), (0.0, 0.0));
    }
}
