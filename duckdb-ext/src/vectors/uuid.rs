//! UUIDs as DuckDB stores them, a signed number whose order is that of the text, and as texts.

use std::fmt::Write;

use libduckdb_sys as ffi;

/// The first bit is turned around, so that the order of signed numbers is that of the texts.
const SIGN: u128 = 1 << 127;

/// Writes the text of a UUID over what is there.
pub fn write(id: &ffi::duckdb_hugeint, text: &mut String) {
    let bits = (u128::from(id.upper as u64) << 64 | u128::from(id.lower)) ^ SIGN;
    text.clear();
    let part = |from: u32, digits: u32| bits >> from & ((1 << (4 * digits)) - 1);
    let _ = write!(
        text,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        part(96, 8),
        part(80, 4),
        part(64, 4),
        part(48, 4),
        part(0, 12)
    );
}

/// The UUID of such a text.
pub fn parse(text: &str) -> Option<ffi::duckdb_hugeint> {
    let digits = text.replace('-', "");
    let hex = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let bits = u128::from_str_radix(&digits, 16).ok().filter(|_| hex)? ^ SIGN;
    Some(ffi::duckdb_hugeint {
        lower: bits as u64,
        upper: (bits >> 64) as i64,
    })
}
