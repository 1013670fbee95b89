//! What a search for words has found in its first part, on the way to its second.

use lumos_core::Result;
use lumos_core::text::bm25::CorpusStats;
use lumos_core::vector::topk::TopK;

use crate::search::result_list::{Id, IdList, take};

/// What rows say of the words: all of them together, and each that is chosen and holds one.
#[derive(Clone)]
pub struct Found {
    /// Of all of them.
    pub totals: CorpusStats,
    ids: IdList,
    /// Of each of these rows the length of its text, and how often each word is in it.
    lengths: Vec<u32>,
    counts: Vec<u32>,
}

impl Found {
    /// No rows, with ids of the type of these.
    pub fn new(ids: IdList, words: usize) -> Found {
        Found {
            totals: CorpusStats::new(words),
            ids,
            lengths: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Adds a row to those that hold a word.
    pub fn push(&mut self, id: Id, length: u32, counts: &[u32]) {
        self.ids.push(id);
        self.lengths.push(length);
        self.counts.extend(counts);
    }

    /// Adds what others say.
    pub fn merge(&mut self, other: &Found) {
        self.totals.merge(&other.totals);
        self.ids.extend(&other.ids);
        self.lengths.extend(&other.lengths);
        self.counts.extend(&other.counts);
    }

    /// The `k` best rows, each with its place here; the distance is the negative score.
    pub fn best(&self, k: i64) -> Result<TopK<(Id, usize)>> {
        let (mut best, scorer) = (TopK::new(k)?, self.totals.scorer());
        let counts = self.counts.chunks_exact(self.totals.doc_freq.len().max(1));
        for (i, (length, counts)) in self.lengths.iter().zip(counts).enumerate() {
            let score = scorer.score(*length, counts);
            best.offer(-score, || (self.ids.get(i), i));
        }
        Ok(best)
    }

    /// Leaves out all rows but the `k` best, as far as these can be told from these totals.
    pub fn keep(&mut self, k: i64) -> Result<()> {
        let best = self.best(k)?;
        let (words, lengths, counts) = (self.totals.doc_freq.len(), &self.lengths, &self.counts);
        let mut kept = Found::new(self.ids.none(), words);
        for hit in best.sorted() {
            let (id, i) = &hit.id;
            kept.push(id.clone(), lengths[*i], &counts[i * words..(i + 1) * words]);
        }
        kept.totals = self.totals.clone();
        *self = kept;
        Ok(())
    }

    /// As a text of bytes, for [`Self::read`].
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut long = |value: u64| bytes.extend(value.to_le_bytes());
        long(self.totals.documents);
        long(self.totals.total_length);
        self.totals
            .doc_freq
            .iter()
            .for_each(|holders| long(*holders));
        long(self.lengths.len() as u64);
        for value in self.lengths.iter().chain(&self.counts) {
            bytes.extend(value.to_le_bytes());
        }
        self.ids.write(&mut bytes);
        bytes
    }

    /// Takes over what another has written.
    pub fn read(&mut self, bytes: &[u8]) -> Option<()> {
        let mut rest = bytes;
        let words = self.totals.doc_freq.len();
        let mut totals = CorpusStats::new(words);
        totals.documents = u64::from_le_bytes(take(&mut rest)?);
        totals.total_length = u64::from_le_bytes(take(&mut rest)?);
        for holders in &mut totals.doc_freq {
            *holders = u64::from_le_bytes(take(&mut rest)?);
        }
        let rows = u64::from_le_bytes(take(&mut rest)?) as usize;
        for _ in 0..rows {
            self.lengths.push(u32::from_le_bytes(take(&mut rest)?));
        }
        for _ in 0..rows * words {
            self.counts.push(u32::from_le_bytes(take(&mut rest)?));
        }
        for _ in 0..rows {
            self.ids.read(&mut rest)?;
        }
        self.totals.merge(&totals);
        rest.is_empty().then_some(())
    }
}
