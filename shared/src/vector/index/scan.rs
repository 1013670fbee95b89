//! Products of a query with many codes, side by side or from anywhere: the loops that a search spends its time in.
//!
//! With AVX2 where the processor has it, by `pulp`, which makes such instructions safe to call; plain loops
//! elsewhere. Sums of integers: the answer is the same on both ways.

use std::ops::Range;

use pulp::Arch;
#[cfg(target_arch = "x86_64")]
use pulp::{NullaryFnOnce, cast, x86::V3};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::__m256i;

use super::Kind;

/// Blocks of codes that are read in turn, a row of each: a processor fetches ahead in several streams at once, and
/// four of them take a third less time than one.
pub const STREAMS: usize = 4;

/// Blocks of codes, and what to multiply them with.
pub struct Scan<'a> {
    /// How the codes are packed.
    pub kind: Kind,
    /// The codes of up to [`STREAMS`] blocks, `stride` bytes each.
    pub codes: &'a [&'a [u8]],
    /// Bytes of a code.
    pub stride: usize,
    /// The rows that are wanted, a bit each, block after block; whole words for each.
    pub wanted: &'a [u64],
    /// The query's steps.
    pub steps: &'a [i8],
}

impl Scan<'_> {
    /// Writes the product of each wanted row to its place in `products`; anything to the places of others.
    pub fn run(&self, products: &mut [i32]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = V3::try_new() {
            return match self.kind {
                Kind::Flat8 => simd.vectorize(Avx2::<false, 0>(simd, self, products)),
                // Short codes are over before a loop pays.
                _ if self.stride == 32 => simd.vectorize(Avx2::<true, 1>(simd, self, products)),
                _ if self.stride == 64 => simd.vectorize(Avx2::<true, 2>(simd, self, products)),
                _ => simd.vectorize(Avx2::<true, 0>(simd, self, products)),
            };
        }
        Arch::new().dispatch(|| {
            self.each(products, 0..self.words(), |code| {
                plain(self.kind, self.steps, code)
            });
        });
    }

    /// Words of wanted rows in each block.
    fn words(&self) -> usize {
        self.wanted.len() / self.codes.len().max(1)
    }

    /// The products of the rows of these words of each block, one by one.
    #[inline(always)]
    fn each(&self, products: &mut [i32], words: Range<usize>, product: impl Fn(&[u8]) -> i32) {
        let blocks = products.chunks_mut(self.words() * 64);
        let blocks = blocks.zip(self.wanted.chunks(self.words()));
        for (codes, (products, wanted)) in self.codes.iter().zip(blocks) {
            for row in words.start * 64..words.end * 64 {
                if wanted[row / 64] >> (row % 64) & 1 == 1 {
                    products[row] = product(&codes[row * self.stride..][..self.stride]);
                }
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
            let sums: [i32; 8] = cast(partial::<true, 0>(simd, steps, code));
            *product = sums.iter().sum();
        }
    }
}

/// [`Scan::run`] with AVX2; `FOUR` for codes of 4 bits, `PARTS` for the parts of 32 bytes, 0 if not known.
#[cfg(target_arch = "x86_64")]
struct Avx2<'a, const FOUR: bool, const PARTS: usize>(V3, &'a Scan<'a>, &'a mut [i32]);

#[cfg(target_arch = "x86_64")]
impl<const FOUR: bool, const PARTS: usize> NullaryFnOnce for Avx2<'_, FOUR, PARTS> {
    type Output = ();

    /// Sums up the partial sums of each row: of four rows together, one of each block, where many are wanted.
    #[inline(always)]
    fn call(self) {
        let Avx2(simd, scan, products) = self;
        let avx2 = simd.avx2;
        let (words, steps) = (scan.words(), scan.steps);
        let stride = if PARTS > 0 { PARTS * 32 } else { scan.stride };
        for word in 0..words {
            let wanted = scan.wanted.iter().skip(word).step_by(words);
            let wanted: u32 = wanted.map(|w| w.count_ones()).sum();
            if let &[a, b, c, d] = scan.codes
                && wanted >= 64
            {
                let rows = word * 64..(word + 1) * 64;
                let part = rows.start * stride..rows.end * stride;
                let [a, b, c, d] =
                    [a, b, c, d].map(|codes| codes[part.clone()].chunks_exact(stride));
                let [w, x, y, z] = {
                    let mut blocks = products.chunks_mut(words * 64);
                    let mut next = || {
                        blocks
                            .next()
                            .map_or([].as_mut_slice(), |b| &mut b[rows.clone()])
                    };
                    [next(), next(), next(), next()]
                };
                let codes = a.zip(b).zip(c.zip(d));
                let products = w.iter_mut().zip(x).zip(y.iter_mut().zip(z));
                for (((a, b), (c, d)), ((w, x), (y, z))) in codes.zip(products) {
                    let ab = avx2._mm256_hadd_epi32(
                        partial::<FOUR, PARTS>(simd, steps, a),
                        partial::<FOUR, PARTS>(simd, steps, b),
                    );
                    let cd = avx2._mm256_hadd_epi32(
                        partial::<FOUR, PARTS>(simd, steps, c),
                        partial::<FOUR, PARTS>(simd, steps, d),
                    );
                    let sums: [[i32; 4]; 2] = cast(avx2._mm256_hadd_epi32(ab, cd));
                    *w = sums[0][0] + sums[1][0];
                    *x = sums[0][1] + sums[1][1];
                    *y = sums[0][2] + sums[1][2];
                    *z = sums[0][3] + sums[1][3];
                }
            } else {
                scan.each(
                    products,
                    word..word + 1,
                    #[inline(always)]
                    |code| {
                        let sums: [i32; 8] = cast(partial::<FOUR, PARTS>(simd, steps, code));
                        sums.iter().sum()
                    },
                );
            }
        }
    }
}

/// The product of one code, in eight sums.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn partial<const FOUR: bool, const PARTS: usize>(simd: V3, steps: &[i8], code: &[u8]) -> __m256i {
    let (avx, avx2) = (simd.avx, simd.avx2);
    let mut total = avx._mm256_setzero_si256();
    if FOUR {
        let (parts, _) = code.as_chunks::<32>();
        let (steps, _) = steps.as_chunks::<32>();
        let mask = avx._mm256_set1_epi8(15);
        let ones = avx._mm256_set1_epi16(1);
        let (parts, steps) = match PARTS {
            0 => (parts, steps),
            _ => (&parts[..PARTS], &steps[..PARTS * 2]),
        };
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
                let codes: Vec<u8> = (0..stride * 128 * STREAMS)
                    .map(|i| 255u8.wrapping_sub((i * spread * 31 % 256) as u8))
                    .collect();
                let steps: Vec<i8> = (0..steps_len)
                    .map(|i| (127 - (i * spread * 17 % 255) as i32) as i8)
                    .collect();
                let blocks: Vec<&[u8]> = codes.chunks_exact(stride * 128).collect();
                // All rows of a word, most, few, none; of all blocks or of some.
                let (all, most) = (u64::MAX, u64::MAX - 5);
                let (few, none) = (0b10_1011, 0);
                for wanted in [
                    &[all, all, all, most, all, all, all, 1][..],
                    &[few, none, none, few, none, none, 1 << 63, none],
                    &[most, few, all, none],
                ] {
                    let blocks = &blocks[..wanted.len() / 2];
                    let scan = Scan {
                        kind,
                        codes: blocks,
                        stride,
                        wanted,
                        steps: &steps,
                    };
                    let mut products = vec![0; wanted.len() * 64];
                    scan.run(&mut products);
                    let rows = blocks.iter().flat_map(|codes| codes.chunks_exact(stride));
                    for (row, (code, product)) in rows.zip(products).enumerate() {
                        if wanted[row / 64] >> (row % 64) & 1 == 1 {
                            assert_eq!(product, plain(kind, &steps, code), "row {row}");
                        }
                    }
                }
                if kind == Kind::Flat4 {
                    let rows: Vec<&[u8]> = codes.chunks_exact(stride).take(64).collect();
                    let mut some = [0; 64];
                    listed(&steps, &rows, &mut some);
                    let one_by_one = rows.iter().map(|code| plain(kind, &steps, code));
                    assert!(one_by_one.eq(some));
                }
            }
        }
    }
}
