//! Products of a query with many codes: the loop that a search spends its time in.
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
                Kind::Flat4 => simd.vectorize(Avx2::<true>(simd, self, products)),
                Kind::Flat8 => simd.vectorize(Avx2::<false>(simd, self, products)),
            };
        }
        Arch::new().dispatch(|| self.each(products, |code| self.plain(code)));
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

    #[inline(always)]
    fn plain(&self, code: &[u8]) -> i32 {
        let mut sum = 0;
        match self.kind {
            Kind::Flat4 => {
                for (bytes, steps) in code.chunks_exact(32).zip(self.steps.chunks_exact(64)) {
                    let (low, high) = steps.split_at(32);
                    for ((byte, low), high) in bytes.iter().zip(low).zip(high) {
                        sum += i32::from(byte & 15) * i32::from(*low)
                            + i32::from(byte >> 4) * i32::from(*high);
                    }
                }
            }
            Kind::Flat8 => {
                for (byte, step) in code.iter().zip(self.steps) {
                    sum += i32::from(*byte as i8) * i32::from(*step);
                }
            }
        }
        sum
    }
}

/// The same with AVX2; `FOUR` for codes of 4 bits.
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
                        partial::<FOUR>(simd, scan, a),
                        partial::<FOUR>(simd, scan, b),
                    );
                    let cd = avx2._mm256_hadd_epi32(
                        partial::<FOUR>(simd, scan, c),
                        partial::<FOUR>(simd, scan, d),
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
                    let sums: [i32; 8] = cast(partial::<FOUR>(simd, scan, code));
                    *product = sums.iter().sum();
                }
            }
        }
    }
}

/// The product of one code, in eight sums.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn partial<const FOUR: bool>(simd: V3, scan: &Scan<'_>, code: &[u8]) -> __m256i {
    let (avx, avx2) = (simd.avx, simd.avx2);
    let mut total = avx._mm256_setzero_si256();
    if FOUR {
        let (parts, _) = code.as_chunks::<32>();
        let (steps, _) = scan.steps.as_chunks::<32>();
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
        let (steps, _) = scan.steps.as_chunks::<16>();
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
                scan.each(&mut plain, |code| scan.plain(code));
                assert_eq!(fast, plain);
                assert_eq!(fast[66], 0, "row 66 is not wanted");
            }
        }
    }
}
