//! A vector as a short code: rotated, then each dimension as a step of 4 or 8 bits.
//!
//! From a code and two numbers of its row the distance to a query is estimated. The estimate only chooses whose
//! distance is computed from the vector itself.

use pulp::Arch;

use super::Kind;
use super::rotation::Rotation;
use crate::vector::metric::Metric;

/// Where 4-bit steps end, in standard deviations: the least squared error for a normal distribution.
const CLIP: f32 = 2.7;

/// What floats may have rounded off, of a square: sums of up to 16,384 terms in 16 partial sums, a rotation and a few
/// products, each off by at most 2⁻²⁴ of its size, with a margin.
pub const ROUNDING: f32 = 1e-4;

/// Turns vectors of one index into codes and queries.
pub struct Coder {
    dims: usize,
    metric: Metric,
    kind: Kind,
    rotation: Rotation,
}

/// What stands beside a row's code.
#[derive(Debug, Clone, Copy)]
pub struct CodeFactors {
    /// What the product of query and code is multiplied by.
    pub factor: f32,
    /// What is added to it.
    pub bias: f32,
}

/// How long a row's vector is, and what its code leaves out of it.
#[derive(Debug, Clone, Copy)]
pub struct CodeNorms {
    /// The vector as it is coded.
    pub vector: f32,
    /// The difference between it and its code.
    pub rest: f32,
}

/// A query in the form that codes are compared with.
#[derive(Default)]
pub struct Query {
    /// A step for each dimension of a code, padding included.
    pub steps: Vec<i8>,
    /// Size of a step.
    pub size: f32,
    /// The product of the steps with the middle of the codes' range.
    pub middle: f32,
    /// What all estimates have in common.
    pub base: f32,
    /// The length of the vector as it is coded.
    pub length: f32,
    /// The length of what its steps leave out.
    pub rest: f32,
}

impl Query {
    /// The estimate of a row from the product of its code with the steps. Where floats overflow there is none: such a
    /// row is measured first.
    #[inline(always)]
    pub fn estimate(&self, product: i32, factor: f32, bias: f32) -> f32 {
        let product = (product as f32 - self.middle) * self.size;
        let sum = self.base + bias + factor * product;
        if sum.is_finite() {
            sum
        } else {
            f32::NEG_INFINITY
        }
    }
}

impl Coder {
    /// The coder of an index.
    pub fn new(dims: usize, metric: Metric, kind: Kind) -> Coder {
        Coder {
            dims,
            metric,
            kind,
            rotation: Rotation::new(dims),
        }
    }

    /// Bytes of a code: whole vector registers of 32 bytes.
    pub fn stride(&self) -> usize {
        match self.kind {
            Kind::Flat4 | Kind::Hnsw => self.dims.div_ceil(64) * 32,
            Kind::Flat8 => self.dims.div_ceil(32) * 32,
        }
    }

    /// Writes the code of a vector to `code`, of [`Self::stride`] bytes.
    pub fn encode(&self, vector: &[f32], code: &mut [u8]) -> CodeFactors {
        Arch::new().dispatch(|| self.encode_here(vector, code))
    }

    #[inline(always)]
    fn encode_here(&self, vector: &[f32], code: &mut [u8]) -> CodeFactors {
        let mut x = self.placed(vector);
        let square = dot(&x, &x);
        self.rotation.apply(&mut x);
        let (levels, end) = match self.kind {
            Kind::Flat4 | Kind::Hnsw => (16.0, CLIP * (square / self.dims as f32).sqrt()),
            Kind::Flat8 => (256.0, x.iter().fold(0.0, |m: f32, v| m.max(v.abs()))),
        };
        let middle = (levels - 1.0) / 2.0;
        let scale = if end > 0.0 { middle / end } else { 0.0 };
        let steps: Vec<f32> = x
            .iter()
            .map(|v| (v * scale + middle).round().clamp(0.0, levels - 1.0))
            .collect();
        code.fill(0);
        match self.kind {
            // 64 dimensions in 32 bytes: the first 32 in the low halves, the others in the high.
            Kind::Flat4 | Kind::Hnsw => {
                for (bytes, steps) in code.chunks_exact_mut(32).zip(steps.chunks(64)) {
                    let (low, high) = steps.split_at(steps.len().min(32));
                    bytes.iter_mut().zip(low).for_each(|(b, s)| *b = *s as u8);
                    bytes
                        .iter_mut()
                        .zip(high)
                        .for_each(|(b, s)| *b |= (*s as u8) << 4);
                }
            }
            // As signed bytes.
            Kind::Flat8 => {
                for (byte, step) in code.iter_mut().zip(&steps) {
                    *byte = (*step - 128.0) as i8 as u8;
                }
            }
        }
        // The code has nearly the vector's direction; its length is set so that the product with the vector
        // itself is right, which makes estimates right on average.
        let centred: Vec<f32> = steps.iter().map(|s| s - middle).collect();
        let product = dot(&x, &centred);
        let length = if product > 0.0 { square / product } else { 0.0 };
        match self.metric {
            Metric::L2 => CodeFactors {
                factor: -2.0 * length,
                bias: square,
            },
            _ => CodeFactors {
                factor: -length,
                bias: 0.0,
            },
        }
    }

    /// The lengths of a row's vector as it is coded and of what its code leaves out; `None` where they do not follow
    /// from code and weights.
    ///
    /// Vector x, centred code c, and the factor f that makes x · fc = x · x: what is left out, x - fc, is orthogonal
    /// to x, so its square is |fc|² - |x|².
    pub fn lengths(&self, code: &[u8], weights: CodeFactors) -> Option<CodeNorms> {
        let (square, factor) = match self.metric {
            Metric::L2 => (weights.bias, weights.factor / -2.0),
            Metric::Cosine => (1.0, -weights.factor),
            _ => return None,
        };
        let coded = factor * factor * Arch::new().dispatch(|| self.square(code)) as f32 / 4.0;
        let rest = coded - square + ROUNDING * square;
        // A vector without direction has no code.
        let fine = (factor > 0.0 || square == 0.0) && coded.is_finite() && square.is_finite();
        fine.then(|| CodeNorms {
            vector: square.sqrt(),
            rest: rest.max(0.0).sqrt(),
        })
    }

    /// Four times the square of a centred code.
    #[inline(always)]
    fn square(&self, code: &[u8]) -> u32 {
        let mut sum = 0;
        match self.kind {
            Kind::Flat4 | Kind::Hnsw => {
                let centred = |step: u8| (i32::from(step) * 2 - 15).pow(2) as u32;
                for bytes in code.chunks_exact(32) {
                    sum += bytes.iter().map(|b| centred(b & 15)).sum::<u32>();
                    sum += bytes.iter().map(|b| centred(b >> 4)).sum::<u32>();
                }
                // Padding is a step of 0.
                sum - (code.len() * 2 - self.dims) as u32 * 225
            }
            Kind::Flat8 => {
                let centred = |step: u8| (i32::from(step as i8) * 2 + 1).pow(2) as u32;
                sum += code.iter().map(|b| centred(*b)).sum::<u32>();
                sum - (code.len() - self.dims) as u32
            }
        }
    }

    /// Prepares a query.
    pub fn query(&self, vector: &[f32]) -> Query {
        let mut x = self.placed(vector);
        let square = dot(&x, &x);
        self.rotation.apply(&mut x);
        let end = x.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
        let scale = if end > 0.0 { 127.0 / end } else { 0.0 };
        let mut steps: Vec<i8> = x.iter().map(|v| (v * scale).round() as i8).collect();
        let sum: f32 = steps.iter().map(|s| f32::from(*s)).sum();
        let size = end / 127.0;
        let rest: f32 = x
            .iter()
            .zip(&steps)
            .map(|(v, s)| (v - f32::from(*s) * size).powi(2))
            .sum();
        let (middle, padded) = match self.kind {
            Kind::Flat4 | Kind::Hnsw => (7.5, self.stride() * 2),
            Kind::Flat8 => (-0.5, self.stride()),
        };
        steps.resize(padded, 0);
        Query {
            steps,
            size,
            middle: middle * sum,
            base: match self.metric {
                Metric::L2 => square,
                Metric::Cosine => 1.0,
                _ => 0.0,
            },
            length: square.sqrt(),
            rest: rest.sqrt(),
        }
    }

    /// What a row's code of 4 bits stands for, as a query: distances between rows are estimated with it.
    pub fn as_query(&self, code: &[u8], weights: CodeFactors, query: &mut Query) {
        query.steps.resize(code.len() * 2, 0);
        Arch::new().dispatch(|| {
            for (bytes, steps) in code.chunks_exact(32).zip(query.steps.chunks_exact_mut(64)) {
                let (low, high) = steps.split_at_mut(32);
                for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
                    // Twice the centred steps, which are whole numbers from -15 to 15.
                    (*low, *high) = ((byte & 15) as i8 * 2 - 15, (byte >> 4) as i8 * 2 - 15);
                }
            }
        });
        query.steps[self.dims..].fill(0);
        let sum: i32 = query.steps.iter().map(|s| i32::from(*s)).sum();
        query.middle = 7.5 * sum as f32;
        (query.size, query.base) = match self.metric {
            Metric::L2 => (weights.factor / -4.0, weights.bias),
            _ => (weights.factor / -2.0, 1.0),
        };
    }

    /// An exact distance on the scale of the estimates.
    pub fn scaled(&self, distance: f64) -> f64 {
        match self.metric {
            Metric::L2 => distance * distance,
            _ => distance,
        }
    }

    /// The vector as it is coded: of length one under cosine.
    #[inline(always)]
    fn placed(&self, vector: &[f32]) -> Vec<f32> {
        let mut x = vector.to_vec();
        if self.metric == Metric::Cosine {
            // Scaled first, so that no square is too large or too small for a float.
            let most = x.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
            if most > 0.0 {
                x.iter_mut().for_each(|v| *v /= most);
                let length = dot(&x, &x).sqrt();
                x.iter_mut().for_each(|v| *v /= length);
            }
        }
        x
    }
}

/// The inner product, in partial sums that vector registers can take.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_parts, a_rest) = a.as_chunks::<16>();
    let (b_parts, b_rest) = b.as_chunks::<16>();
    let mut sums = [0.0f32; 16];
    for (a, b) in a_parts.iter().zip(b_parts) {
        for i in 0..16 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
