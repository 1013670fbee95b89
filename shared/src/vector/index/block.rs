//! Some rows of an index, as they are in memory and as they are stored.

use std::sync::OnceLock;

use super::Kind;
use super::code::{CodeFactors, CodeNorms, Coder};
use crate::{Error, Result};

/// The first bytes of every stored block; the last is the version of the format.
const MAGIC: &[u8; 8] = b"lumosvx\x01";

/// What every block of an index says of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head {
    /// The number of dimensions.
    pub dims: u32,
    /// The number of the metric.
    pub metric: u8,
    /// The number of the kind.
    pub kind: u8,
}

impl Head {
    /// Writes what stands first in a block.
    pub fn write(&self, magic: &[u8; 8], number: u32, bytes: &mut Vec<u8>) {
        bytes.extend(magic);
        bytes.extend(self.dims.to_le_bytes());
        bytes.extend([self.metric, self.kind, 0, 0]);
        bytes.extend(number.to_le_bytes());
    }

    /// True if rows stand in a graph.
    fn has_graph(&self) -> bool {
        self.kind == Kind::Hnsw as u8
    }
}

/// Adds the checksum.
pub fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// What stands in a block between its head and its checksum. Errors if the checksum is not that of the bytes, or the
/// head is another.
pub fn open<'a>(head: &Head, magic: &[u8; 8], number: u32, bytes: &'a [u8]) -> Result<Reader<'a>> {
    let damaged = || Error::new(format!("block {number} of the index is damaged"));
    let (rest, sum) = bytes.split_last_chunk().ok_or_else(damaged)?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*sum) {
        return Err(damaged());
    }
    let mut own = Vec::new();
    head.write(magic, number, &mut own);
    rest.strip_prefix(own.as_slice())
        .map(Reader)
        .ok_or_else(|| {
            Error::new(format!(
                "block {number} belongs to another index or another version"
            ))
        })
}

/// Rows side by side: ids, weights and codes.
pub struct Block {
    /// Differs from what is stored.
    pub changed: bool,
    /// A bit for each row that is there.
    pub live: Vec<u64>,
    /// A bit for each slot that is not in the graph: its row was written since, or is out of reach.
    pub fresh: Vec<u64>,
    /// The graph for which `fresh` holds; for another all rows are fresh.
    pub graph: u64,
    /// Codes, `stride` bytes each.
    pub codes: Vec<u8>,
    /// What each row's product is multiplied by.
    pub factors: Vec<f32>,
    /// What is added to it.
    pub biases: Vec<f32>,
    /// Ids; of rows that are not there, 0.
    pub row_ids: Vec<i64>,
    /// What follows from codes and weights, once it was asked for.
    lengths: OnceLock<Vec<Option<CodeNorms>>>,
    stride: usize,
}

impl Block {
    /// Bytes of a row beside its code.
    pub const ROW_BYTES: usize = 16;

    /// A block for this many rows, without any.
    pub fn new(rows: usize, stride: usize) -> Block {
        Block {
            changed: false,
            live: vec![0; rows.div_ceil(64)],
            fresh: vec![0; rows.div_ceil(64)],
            graph: 0,
            codes: vec![0; rows * stride],
            factors: vec![0.0; rows],
            biases: vec![0.0; rows],
            row_ids: vec![0; rows],
            lengths: OnceLock::new(),
            stride,
        }
    }

    /// The id of a row that is there.
    pub fn id(&self, row: usize) -> Option<i64> {
        (self.live[row / 64] >> (row % 64) & 1 == 1).then_some(self.row_ids[row])
    }

    /// The ids.
    pub fn ids(&self) -> impl Iterator<Item = i64> {
        (0..self.row_ids.len()).filter_map(|row| self.id(row))
    }

    /// A bit for each of 64 rows that is there and in this graph.
    pub fn graph_search(&self, word: usize, graph: u64) -> u64 {
        if self.graph == graph {
            self.live[word] & !self.fresh[word]
        } else {
            0
        }
    }

    /// A row's code.
    pub fn code(&self, row: usize) -> &[u8] {
        &self.codes[row * self.stride..(row + 1) * self.stride]
    }

    /// A row's weights.
    pub fn weights(&self, row: usize) -> CodeFactors {
        CodeFactors {
            factor: self.factors[row],
            bias: self.biases[row],
        }
    }

    /// The place of a row's code.
    pub fn code_mut(&mut self, row: usize) -> &mut [u8] {
        &mut self.codes[row * self.stride..(row + 1) * self.stride]
    }

    /// Fills in a row whose code is written.
    pub fn set(&mut self, row: usize, id: i64, weights: CodeFactors) {
        self.live[row / 64] |= 1 << (row % 64);
        self.fresh[row / 64] |= 1 << (row % 64);
        self.row_ids[row] = id;
        (self.factors[row], self.biases[row]) = (weights.factor, weights.bias);
        self.lengths.take();
        self.changed = true;
    }

    /// The lengths of all rows; of those that are not there, any.
    pub fn lengths(&self, coder: &Coder) -> &[Option<CodeNorms>] {
        self.lengths.get_or_init(|| {
            let codes = self.codes.chunks_exact(self.stride);
            let weights = self.factors.iter().zip(&self.biases);
            codes
                .zip(weights)
                .map(|(code, (factor, bias))| {
                    let weights = CodeFactors {
                        factor: *factor,
                        bias: *bias,
                    };
                    coder.lengths(code, weights)
                })
                .collect()
        })
    }

    /// True if a row has this code with these weights.
    pub fn has(&self, row: usize, code: &[u8], weights: CodeFactors) -> bool {
        let bits = |a: f32, b: f32| a.to_bits() == b.to_bits();
        self.code(row) == code
            && bits(self.factors[row], weights.factor)
            && bits(self.biases[row], weights.bias)
    }

    /// Takes a row away.
    pub fn clear(&mut self, row: usize) {
        self.live[row / 64] &= !(1 << (row % 64));
        self.row_ids[row] = 0;
        self.changed = true;
    }

    /// The block as it is stored: a head, the rows as far as there are any, a checksum.
    pub fn to_bytes(&self, head: &Head, number: u32, generation: u64) -> Vec<u8> {
        let used = (0..self.row_ids.len())
            .rev()
            .find(|r| self.id(*r).is_some());
        // Those of a graph have codes that show the way, even where there is no row.
        let used = match self.graph {
            0 => used.map_or(0, |last| last + 1),
            _ => self.row_ids.len(),
        };
        let mut bytes = Vec::with_capacity(64 + used * (Self::ROW_BYTES + self.stride));
        head.write(MAGIC, number, &mut bytes);
        bytes.extend((used as u32).to_le_bytes());
        bytes.extend(generation.to_le_bytes());
        for word in &self.live {
            bytes.extend(word.to_le_bytes());
        }
        if head.has_graph() {
            bytes.extend(self.graph.to_le_bytes());
            for word in &self.fresh {
                bytes.extend(word.to_le_bytes());
            }
        }
        for row in 0..used {
            bytes.extend(self.row_ids[row].to_le_bytes());
            bytes.extend(self.factors[row].to_le_bytes());
            bytes.extend(self.biases[row].to_le_bytes());
        }
        bytes.extend(&self.codes[..used * self.stride]);
        seal(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote. Errors if the bytes are damaged, or those of another index.
    pub fn from_bytes(
        head: &Head,
        number: u32,
        bytes: &[u8],
        rows: usize,
        stride: usize,
    ) -> Result<Block> {
        let mut reader = open(head, MAGIC, number, bytes)?;
        let mut block = Block::new(rows, stride);
        let read = block.read(head, &mut reader);
        read.map(|()| block)
            .ok_or_else(|| Error::new(format!("block {number} of the index is damaged")))
    }

    fn read(&mut self, head: &Head, reader: &mut Reader<'_>) -> Option<()> {
        let used = u32::from_le_bytes(reader.take()?) as usize;
        let _generation: [u8; 8] = reader.take()?;
        for word in &mut self.live {
            *word = u64::from_le_bytes(reader.take()?);
        }
        if head.has_graph() {
            self.graph = u64::from_le_bytes(reader.take()?);
            for word in &mut self.fresh {
                *word = u64::from_le_bytes(reader.take()?);
            }
        }
        for row in 0..used {
            *self.row_ids.get_mut(row)? = i64::from_le_bytes(reader.take()?);
            self.factors[row] = f32::from_le_bytes(reader.take()?);
            self.biases[row] = f32::from_le_bytes(reader.take()?);
        }
        let codes = self.codes.get_mut(..used * self.stride)?;
        (reader.0.len() == codes.len()).then(|| codes.copy_from_slice(reader.0))
    }
}

/// The bytes that are still to be read.
pub struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    /// The next bytes.
    pub fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }
}
