//! The graph of an index as it is stored: its words cut into parts, each with a head and a checksum.

use super::block::{Head, open, seal};
use super::graph::{Graph, LAYERS, NONE};
use crate::{Error, Result};

/// The first bytes of every part; the last is the version of the format.
const MAGIC: &[u8; 8] = b"lumosvg\x01";

/// Words of a part: 256 KiB.
const WORDS: usize = 1 << 16;

/// The number of the first part, beyond those of all blocks.
pub const FIRST: u32 = 1 << 31;

impl Graph {
    /// The parts, with their numbers, to be stored under this generation.
    pub fn to_parts(&self, head: &Head, generation: u64) -> Vec<(u32, Vec<u8>)> {
        let parts = self.words.chunks(WORDS).zip(FIRST..);
        let parts = parts.map(|(words, number)| {
            let mut bytes = Vec::with_capacity(128 + words.len() * 4);
            head.write(MAGIC, number, &mut bytes);
            bytes.extend(generation.to_le_bytes());
            bytes.extend(self.id.to_le_bytes());
            bytes.extend((self.counts.len() as u32).to_le_bytes());
            for word in self.counts.iter().chain(words) {
                bytes.extend(word.to_le_bytes());
            }
            (number, seal(bytes))
        });
        parts.collect()
    }

    /// True if all slots and links are those of rows that can be.
    fn is_sound(&self) -> bool {
        let slots = (1..=self.top()).all(|layer| {
            let slots = self.slots(layer);
            slots.is_sorted_by(|a, b| a < b) && slots.iter().all(|s| *s < self.counts[0])
        });
        let links = (0..self.top()).all(|layer| {
            let links = &self.words[self.links_at(layer)..self.links_at(layer + 1)];
            let count = self.counts[layer];
            links.iter().all(|l| *l == NONE || *l < count)
        });
        slots && links
    }
}

/// A graph that is read part by part.
#[derive(Default)]
pub struct Parts {
    graph: Option<Graph>,
    read: usize,
}

impl Parts {
    /// Reads the next part; they come in order. Errors if the bytes are damaged, of another graph, or not the next
    /// part.
    pub fn add(&mut self, head: &Head, number: u32, bytes: &[u8]) -> Result<()> {
        let mut reader = open(head, MAGIC, number, bytes)?;
        let mut read = || {
            let _generation: [u8; 8] = reader.take()?;
            let id = u64::from_le_bytes(reader.take()?);
            let layers = u32::from_le_bytes(reader.take()?) as usize;
            let mut counts = Vec::new();
            for _ in 0..layers.min(LAYERS) {
                counts.push(u32::from_le_bytes(reader.take()?));
            }
            // No upper layer has more rows than the lowest, of which every row is in a block.
            let fine = counts.len() > 1 && counts.is_sorted_by(|a, b| a >= b);
            let graph = match &mut self.graph {
                None if fine => self.graph.insert(Graph::new(id, counts)),
                Some(graph) if graph.id == id && graph.counts == counts => graph,
                _ => return None,
            };
            let at = (number - FIRST) as usize * WORDS;
            let words = graph.words.get_mut(at..)?;
            let (bytes, rest) = reader.0.as_chunks::<4>();
            let own = words.len().min(WORDS) == bytes.len() && rest.is_empty();
            for (word, bytes) in words.iter_mut().zip(bytes) {
                *word = u32::from_le_bytes(*bytes);
            }
            self.read += 1;
            own.then_some(())
        };
        read().ok_or_else(|| Error::new(format!("part {number} of the index's graph is damaged")))
    }

    /// The graph; none if there are no parts. Errors if parts are missing, or a link leads to no row.
    pub fn finish(self) -> Result<Option<Graph>> {
        let Some(graph) = self.graph else {
            return Ok(None);
        };
        if graph.words.len().div_ceil(WORDS) == self.read && graph.is_sound() {
            Ok(Some(graph))
        } else {
            Err(Error::new("parts of the index's graph are missing"))
        }
    }
}
