//! Distances between two vectors of equal length, summed in double precision; the smaller, the closer.
//!
//! Eight partial sums each, so that the compiler can use vector registers without reordering a sum.

const LANES: usize = 8;

/// Sums `term(a[i], b[i])` over all i.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_blocks, b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a_blocks
        .remainder()
        .iter()
        .zip(b_blocks.remainder())
        .map(|(x, y)| term(f64::from(*x), f64::from(*y)))
        .sum();
    for (x, y) in a_blocks.zip(b_blocks) {
        for i in 0..LANES {
            sums[i] += term(f64::from(x[i]), f64::from(y[i]));
        }
    }
    rest + sums.iter().sum::<f64>()
}

/// Euclidean distance: the root of the sum of (a - b)².
pub fn l2(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |x, y| (x - y) * (x - y)).sqrt()
}

/// Cosine distance: 1 - a·b / (|a| |b|), in \[0, 2\]; 1 if either vector is zero.
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = sum(a, b, |x, y| x * y);
    let norms = (sum(a, a, |x, y| x * y) * sum(b, b, |x, y| x * y)).sqrt();
    if norms == 0.0 {
        1.0
    } else {
        (1.0 - dot / norms).clamp(0.0, 2.0)
    }
}

/// Negative inner product: -a·b.
pub fn ip(a: &[f32], b: &[f32]) -> f64 {
    0.0 - sum(a, b, |x, y| x * y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of every length around the block size against the sums written out plainly.
    #[test]
    fn equals_the_plain_sum() {
        for n in 1..40usize {
            let a: Vec<f32> = (0..n).map(|i| (i * 37 % 11) as f32 - 5.0).collect();
            let b: Vec<f32> = (0..n).map(|i| (i * 53 % 13) as f32 * 0.5).collect();
            let (mut square, mut dot, mut aa, mut bb) = (0.0, 0.0, 0.0, 0.0);
            for i in 0..n {
                let (x, y) = (f64::from(a[i]), f64::from(b[i]));
                square += (x - y) * (x - y);
                dot += x * y;
                aa += x * x;
                bb += y * y;
            }
            assert!((l2(&a, &b) - square.sqrt()).abs() < 1e-9);
            assert!((ip(&a, &b) + dot).abs() < 1e-9);
            let expected = if aa * bb == 0.0 {
                1.0
            } else {
                1.0 - dot / (aa * bb).sqrt()
            };
            assert!((cosine(&a, &b) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn zero_vectors_have_cosine_distance_one() {
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 2.0]), 1.0);
        assert_eq!(cosine(&[0.0], &[0.0]), 1.0);
    }
}
