//! DuckDB's function `hash`, as all versions from 1.4 to 2.0 compute it: so that what is held under a hash is what has
//! it, whatever SQL says. Where another version computes another hash, nothing is held, and every vector is read.

/// The hash of NULL, and of an empty list.
pub const NULL: u64 = 0xBF58_476D_1CE4_E5B9;

const FACTOR: u64 = 0xD6E8_FEB8_6659_FD93;

/// Of a number, by its bits.
#[inline]
pub fn number(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 32).wrapping_mul(FACTOR);
    bits = (bits ^ bits >> 32).wrapping_mul(FACTOR);
    bits ^ bits >> 32
}

/// Of a list or array, by the hashes of its elements.
#[inline]
pub fn list(elements: impl Iterator<Item = u64>) -> u64 {
    let joined = elements.reduce(|all, next| (all ^ all >> 32).wrapping_mul(FACTOR) ^ next);
    joined.unwrap_or(NULL)
}

/// Of a text or BLOB.
pub fn bytes(bytes: &[u8]) -> u64 {
    let start = 0xE17A_1465 ^ (bytes.len() as u64).wrapping_mul(0xC6A4_A793_5BD1_E995);
    let join = |hash: u64, part: u64| (hash ^ part).wrapping_mul(FACTOR);
    let (parts, rest) = bytes.as_chunks::<8>();
    let mut hash = parts
        .iter()
        .fold(start, |hash, part| join(hash, u64::from_le_bytes(*part)));
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = join(hash, u64::from_le_bytes(last));
    }
    number(hash)
}
