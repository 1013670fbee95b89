//! Vectors in memory, by the order in which they came, in as few bytes as keep every number exactly as it is.

use super::half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};

/// Vectors of one piece of memory, so that growing copies nothing.
const PART: usize = 1024;

/// Vectors of one number of dimensions.
pub struct Packed {
    dims: usize,
    parts: Vec<Part>,
    bytes: usize,
}

/// The numbers of [`PART`] vectors; the last part has fewer, and is wide.
enum Part {
    Wide(Vec<f32>),
    /// All numbers are those of 16-bit floats.
    Half(Box<[u16]>),
    /// All are those of bfloat16.
    Brain(Box<[u16]>),
    /// All are whole numbers from 0 to 255, as of images.
    Byte(Box<[u8]>),
}

impl Packed {
    /// None yet.
    pub fn new(dims: usize) -> Packed {
        Packed {
            dims,
            parts: Vec::new(),
            bytes: 0,
        }
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a vector behind the others.
    pub fn push(&mut self, vector: &[f32]) {
        let full = PART * self.dims;
        let open = match self.parts.last_mut() {
            Some(Part::Wide(numbers)) if numbers.len() < full => numbers,
            _ => {
                self.parts.push(Part::Wide(Vec::with_capacity(full)));
                match self.parts.last_mut() {
                    Some(Part::Wide(numbers)) => numbers,
                    _ => return,
                }
            }
        };
        open.extend(vector);
        self.bytes += size_of_val(vector);
        if open.len() == full {
            let packed = Part::of(std::mem::take(open));
            self.bytes = self.bytes - full * size_of::<f32>() + packed.bytes();
            self.parts.pop();
            self.parts.push(packed);
        }
    }

    /// Calls `each` with the vector at this place, if it is there.
    pub fn with<R>(&self, place: usize, each: impl FnOnce(&[f32]) -> R) -> Option<R> {
        let start = place % PART * self.dims;
        let range = start..start + self.dims;
        let wide: Vec<f32> = match self.parts.get(place / PART)? {
            Part::Wide(numbers) => return numbers.get(range).map(each),
            Part::Half(n) => n.get(range)?.iter().map(|n| f16_to_f32(*n)).collect(),
            Part::Brain(n) => n.get(range)?.iter().map(|n| bf16_to_f32(*n)).collect(),
            Part::Byte(n) => n.get(range)?.iter().map(|n| f32::from(*n)).collect(),
        };
        Some(each(&wide))
    }
}

impl Part {
    fn of(numbers: Vec<f32>) -> Part {
        // Negative zero is as far from everything as zero.
        let all = |same: fn(f32) -> f32| numbers.iter().all(|v| same(*v) == *v);
        if all(|v| f32::from(v as u8)) {
            return Part::Byte(numbers.iter().map(|v| *v as u8).collect());
        }
        if all(|v| f16_to_f32(f32_to_f16(v))) {
            return Part::Half(numbers.iter().map(|v| f32_to_f16(*v)).collect());
        }
        if all(|v| bf16_to_f32(f32_to_bf16(v))) {
            return Part::Brain(numbers.iter().map(|v| f32_to_bf16(*v)).collect());
        }
        Part::Wide(numbers)
    }

    fn bytes(&self) -> usize {
        match self {
            Part::Wide(numbers) => numbers.len() * size_of::<f32>(),
            Part::Half(numbers) | Part::Brain(numbers) => numbers.len() * size_of::<u16>(),
            Part::Byte(numbers) => numbers.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number comes back as it is, whatever its part can do without.
    #[test]
    fn numbers_come_back_exactly() {
        type Number = fn(usize) -> f32;
        let kinds: [(Number, usize); 7] = [
            (|i| (i % 256) as f32, 1),
            (|i| if i == 700 { -0.0 } else { 255.0 }, 1),
            (|i| (i % 256) as f32 + if i == 5 { 1.0 } else { 0.5 }, 2),
            (|i| -((i % 2048) as f32) / 64.0, 2),
            (
                |i| (1.0 + (i % 128) as f32 / 128.0) * 1e30_f32.log2().exp2().round(),
                4,
            ),
            (
                |i| f32::from_bits(((i as u32 % 0x7F7F) << 16) | 0x8000_0000),
                2,
            ),
            (|i| (i as f32).sin(), 4),
        ];
        for (kind, (number, bytes)) in kinds.iter().enumerate() {
            let (dims, rows) = (3, 2 * PART + 7);
            let mut packed = Packed::new(dims);
            let vector = |row: usize| [0, 1, 2].map(|i| number(row * dims + i));
            for row in 0..rows {
                packed.push(&vector(row));
            }
            for row in 0..rows {
                let found = packed.with(row, |v| v.to_vec()).unwrap();
                assert_eq!(found, vector(row), "kind {kind}, row {row}");
            }
            assert!(packed.with(rows, |_| ()).is_none());
            let full = PART * dims;
            assert_eq!(
                packed.bytes(),
                2 * full * bytes + 7 * dims * 4,
                "kind {kind}"
            );
        }
    }
}
