//! Products of a query with many codes, side by side or from anywhere: the loops that a search spends its time in.
//!
//! With AVX2 where the processor has it, by `pulp`, which makes such instructions safe to call; plain loops
//! elsewhere. Sums of integers: the answer is the same on both ways.

use pulp::Arch;
#[cfg(target_arch = "x86_64")]
use pulp::{NullaryFnOnce, cast, x86::V3};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m256i;

use super::Kind;

/// Some codes, and what to multiply them with.
pub struct Scan<'a> {
    /// How the codes are packed.
    pub kind: Kind,
    /// The codes, `stride` bytes each.
    pub codes: &'a [u8],
    /// Bytes of a code.
    pub stride: usize,
    /// The rows that are wanted, a bit each.
    pub wanted: &'a [u64],
    /// The query's steps.
    pub steps: &'a [i8],
}

impl Scan<'_> {
    /// Writes the product of each wanted row to its place in `products`.
    pub fn run(&self, products: &mut [i32]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = V3::try_new() {
            return match self.kind {
                Kind::Flat4 | Kind::Hnsw => simd.vectorize(Avx2::<true>(simd, self, products)),
                Kind::Flat8 => simd.vectorize(Avx2::<false>(simd, self, products)),
            };
        }
        Arch::new().dispatch(|| self.each(products, |code| plain(self.kind, self.steps, code)));
    }

    #[inline(always)]
    fn each(&self, products: &mut [i32], product: impl Fn(&[u8]) -> i32) {
        let rows = self.codes.chunks_exact(self.stride).zip(products);
        for (row, (code, out)) in rows.enumerate() {
            if self.wanted[row / 64] >> (row % 64) & 1 == 1 {
                *out = product(code);
            }
        }
    }
}

#[inline(always)]
fn plain(kind: Kind, steps: &[i8], code: &[u8]) -> i32 {
    let mut sum = 0;
    match kind {
        Kind::Flat4 | Kind::Hnsw => {
            for (bytes, steps) in code.chunks_exact(32).zip(steps.chunks_exact(64)) {
                let (low, high) = steps.split_at(32);
                for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
                    sum += i32::from(byte & 15) * i32::from(*low)
                        + i32::from(byte >> 4) * i32::from(*high);
                }
            }
        }
        Kind::Flat8 => {
            for (byte, step) in code.iter().zip(steps) {
                sum += i32::from(*byte as i8) * i32::from(*step);
            }
        }
    }
    sum
}

/// Writes the products of codes of 4 bits that lie anywhere.
pub fn listed(steps: &[i8], codes: &[&[u8]], products: &mut [i32]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = V3::try_new() {
        return simd.vectorize(Avx2Listed(simd, steps, codes, products));
    }
    Arch::new().dispatch(|| {
        for (code, product) in codes.iter().zip(&mut *products) {
            *product = plain(Kind::Hnsw, steps, code);
        }
    });
}

/// The same with AVX2.
#[cfg(target_arch = "x86_64")]
struct Avx2Listed<'a>(V3, &'a [i8], &'a [&'a [u8]], &'a mut [i32]);

#[cfg(target_arch = "x86_64")]
impl NullaryFnOnce for Avx2Listed<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Avx2Listed(simd, steps, codes, products) = self;
        for (code, product) in codes.iter().zip(products) {
            let sums: [i32; 8] = cast(partial::<true>(simd, steps, code));
            *product = sums.iter().sum();
        }
    }
}

/// [`Scan::run`] with AVX2; `FOUR` for codes of 4 bits.
#[cfg(target_arch = "x86_64")]
struct Avx2<'a, const FOUR: bool>(V3, &'a Scan<'a>, &'a mut [i32]);

#[cfg(target_arch = "x86_64")]
impl<const FOUR: bool> NullaryFnOnce for Avx2<'_, FOUR> {
    type Output = ();

    /// Sums up the partial sums of each row: of four rows together where all are wanted.
    #[inline(always)]
    fn call(self) {
        let Avx2(simd, scan, products) = self;
        let avx2 = simd.avx2;
        let stride = scan.stride;
        let words = scan.codes.chunks(stride * 64).zip(products.chunks_mut(64));
        for ((codes, products), wanted) in words.zip(scan.wanted) {
            if *wanted == u64::MAX && products.len() == 64 {
                let (quads, _) = products.as_chunks_mut::<4>();
                for (codes, products) in codes.chunks_exact(stride * 4).zip(quads) {
                    let (ab, cd) = codes.split_at(stride * 2);
                    let ((a, b), (c, d)) = (ab.split_at(stride), cd.split_at(stride));
                    let ab = avx2._mm256_hadd_epi32(
                        partial::<FOUR>(simd, scan.steps, a),
                        partial::<FOUR>(simd, scan.steps, b),
                    );
                    let cd = avx2._mm256_hadd_epi32(
                        partial::<FOUR>(simd, scan.steps, c),
                        partial::<FOUR>(simd, scan.steps, d),
                    );
                    let sums: [i32; 8] = cast(avx2._mm256_hadd_epi32(ab, cd));
                    for (i, product) in products.iter_mut().enumerate() {
                        *product = sums[i] + sums[i + 4];
                    }
                }
                continue;
            }
            let rows = codes.chunks_exact(stride).zip(products);
            for (row, (code, product)) in rows.enumerate() {
                if wanted >> row & 1 == 1 {
                    let sums: [i32; 8] = cast(partial::<FOUR>(simd, scan.steps, code));
                    *product = sums.iter().sum();
                }
            }
        }
    }
}

/// The product of one code, in eight sums.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn partial<const FOUR: bool>(simd: V3, steps: &[i8], code: &[u8]) -> __m256i {
    let (avx, avx2) = (simd.avx, simd.avx2);
    let mut total = avx._mm256_setzero_si256();
    if FOUR {
        let (parts, _) = code.as_chunks::<32>();
        let (steps, _) = steps.as_chunks::<32>();
        let mask = avx._mm256_set1_epi8(15);
        let ones = avx._mm256_set1_epi16(1);
        // Eight products of at most 2 * 15 * 127 fit into 16 bits.
        for (parts, steps) in parts.chunks(4).zip(steps.chunks(8)) {
            let mut sums = avx._mm256_setzero_si256();
            for (part, pair) in parts.iter().zip(steps.chunks_exact(2)) {
                let part = cast(*part);
                let low = avx2._mm256_and_si256(part, mask);
                let high = avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(part), mask);
                let low = avx2._mm256_maddubs_epi16(low, cast(pair[0]));
                let high = avx2._mm256_maddubs_epi16(high, cast(pair[1]));
                sums = avx2._mm256_add_epi16(sums, avx2._mm256_add_epi16(low, high));
            }
            total = avx2._mm256_add_epi32(total, avx2._mm256_madd_epi16(sums, ones));
        }
    } else {
        let (parts, _) = code.as_chunks::<16>();
        let (steps, _) = steps.as_chunks::<16>();
        for (part, steps) in parts.iter().zip(steps) {
            let part = avx2._mm256_cvtepi8_epi16(cast(*part));
            let steps = avx2._mm256_cvtepi8_epi16(cast(*steps));
            total = avx2._mm256_add_epi32(total, avx2._mm256_madd_epi16(part, steps));
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_give_the_same_sums() {
        for (kind, stride) in [
            (Kind::Flat4, 32),
            (Kind::Flat4, 160),
            (Kind::Flat4, 4096),
            (Kind::Flat8, 32),
            (Kind::Flat8, 784 / 32 * 32 + 32),
        ] {
            let steps_len = if kind == Kind::Flat4 { 2 } else { 1 } * stride;
            // The extremes first, then a mixture.
            for spread in [0, 1, 7] {
                let codes: Vec<u8> = (0..stride * 70)
                    .map(|i| 255u8.wrapping_sub((i * spread * 31 % 256) as u8))
                    .collect();
                let steps: Vec<i8> = (0..steps_len)
                    .map(|i| (127 - (i * spread * 17 % 255) as i32) as i8)
                    .collect();
                let wanted = [u64::MAX, 0b10_1011];
                let scan = Scan {
                    kind,
                    codes: &codes,
                    stride,
                    wanted: &wanted,
                    steps: &steps,
                };
                let (mut fast, mut plain) = ([0; 70], [0; 70]);
                scan.run(&mut fast);
                scan.each(&mut plain, |code| super::plain(kind, &steps, code));
                assert_eq!(fast, plain);
                assert_eq!(fast[66], 0, "row 66 is not wanted");
                if kind == Kind::Flat4 {
                    let rows: Vec<&[u8]> = codes.chunks_exact(stride).take(64).collect();
                    let mut some = [0; 64];
                    listed(&steps, &rows, &mut some);
                    assert_eq!(some, fast[..64]);
                }
            }
        }
    }
}
