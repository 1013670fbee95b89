//! A fixed rotation that spreads every vector's length evenly over its dimensions, so that one step size suits
//! all of them.
//!
//! Signs drawn from a constant seed, then a Walsh-Hadamard transform, twice. A transform needs a power of two;
//! of other numbers of dimensions it takes the first and the last such part by turns, which overlap.

/// Begins the draw of the signs. Part of the format: other signs would make stored codes meaningless.
const SEED: u64 = 0x6c75_6d6f_732d_7631;

/// The rotation for one number of dimensions.
pub struct Rotation {
    /// One list a round.
    signs: Vec<Vec<f32>>,
    /// The power of two that a round transforms.
    part: usize,
}

impl Rotation {
    /// The rotation for this many dimensions; the same for all time.
    pub fn new(dims: usize) -> Rotation {
        let whole = dims.is_power_of_two();
        let part = if whole {
            dims
        } else {
            dims.next_power_of_two() / 2
        };
        let mut state = SEED;
        let mut sign = || {
            if splitmix(&mut state) & 1 == 1 {
                1.0
            } else {
                -1.0
            }
        };
        let rounds = if whole { 2 } else { 4 };
        let signs = (0..rounds)
            .map(|_| (0..dims).map(|_| sign()).collect())
            .collect();
        Rotation { signs, part }
    }

    /// Rotates in place; lengths and angles stay.
    #[inline(always)]
    pub fn apply(&self, vector: &mut [f32]) {
        for (round, signs) in self.signs.iter().enumerate() {
            for (v, s) in vector.iter_mut().zip(signs) {
                *v *= s;
            }
            let start = if round % 2 == 0 {
                0
            } else {
                vector.len() - self.part
            };
            transform(&mut vector[start..start + self.part]);
        }
    }
}

/// The Walsh-Hadamard transform, scaled to keep lengths.
#[inline(always)]
fn transform(x: &mut [f32]) {
    let mut half = 1;
    while half < x.len() {
        for pair in x.chunks_exact_mut(2 * half) {
            let (a, b) = pair.split_at_mut(half);
            for (a, b) in a.iter_mut().zip(b) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = 1.0 / (x.len() as f32).sqrt();
    x.iter_mut().for_each(|v| *v *= scale);
}

/// The next number of a well-spread sequence (SplitMix64).
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_stay_and_are_spread() {
        for dims in [1, 2, 3, 50, 64, 784] {
            let mut x = vec![0.0; dims];
            x[dims / 2] = 3.0;
            Rotation::new(dims).apply(&mut x);
            let square: f32 = x.iter().map(|v| v * v).sum();
            assert!((square - 9.0).abs() < 1e-4, "{dims}: {square}");
            if dims >= 50 {
                let most = x.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
                assert!(most < 1.5, "{dims}: {most}");
            }
        }
    }
}
