//! How a BLOB stores a vector.
//!
//! Plain 32-bit floats, little-endian, as other programs write them, have a length that 4 divides. Every other
//! form has an odd length, so that no BLOB can be read in two ways. Its last byte is a tag: the form in the upper
//! four bits, in the lower four the number of unused elements at the end of the elements.
//!
//! | form | tag | before it |
//! |---|---|---|
//! | f16 | 0xA0 | 2 bytes an element |
//! | bf16 | 0xB0 | 2 bytes an element |
//! | i8 | 0xC0 | 1 byte an element, to an even number; then the 32-bit float that the bytes are multiplied by |
//! | bit | 0xD0 | 1 bit an element, the lowest of a byte first, to an even number of bytes |

use super::check_finite;
use super::half::{bf16_to_f32, f16_to_f32, f32_to_bf16, f32_to_f16};
use crate::{Error, Result};

/// The form of a stored element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// IEEE single precision.
    F32,
    /// IEEE half precision: 11 bits of precision, up to 65,504.
    F16,
    /// The upper half of an f32: 8 bits of precision, its range.
    Bf16,
    /// A whole number from -127 to 127 times one scale for all elements.
    I8,
    /// 0 or 1.
    Bit,
}

const F16: u8 = 0xA0;
const BF16: u8 = 0xB0;
const I8: u8 = 0xC0;
const BIT: u8 = 0xD0;

impl Format {
    /// The format with this name. Errors if there is none.
    pub fn parse(name: &str) -> Result<Format> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "f32" => Format::F32,
            "f16" => Format::F16,
            "bf16" => Format::Bf16,
            "i8" => Format::I8,
            "bit" => Format::Bit,
            _ => {
                return Err(Error::new(format!(
                    "unknown type \"{name}\"; give f32, f16, bf16, i8 or bit"
                )));
            }
        })
    }
}

/// The BLOB of a vector whose numbers are meant as they are: rounded to the nearest that the form has, and to
/// its largest where they are larger; for `bit` they must be 0 or 1. Errors if a number is neither 0 nor 1 where the
/// form is `bit`.
pub fn encode(vector: &[f32], format: Format) -> Result<Vec<u8>> {
    Ok(match format {
        Format::F32 => vector.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Format::F16 => tagged(F16, vector, f32_to_f16),
        Format::Bf16 => tagged(BF16, vector, f32_to_bf16),
        Format::I8 => scaled(vector, 1.0),
        Format::Bit => {
            if let Some(i) = vector.iter().position(|v| *v != 0.0 && *v != 1.0) {
                return Err(Error::new(format!(
                    "element {} of the vector is {}; a bit is 0 or 1, lumos_quantize(x, 'bit') takes the signs",
                    i + 1,
                    vector[i]
                )));
            }
            bits(vector)
        }
    })
}

/// The BLOB of a vector in fewer bits: `i8` scales it so that its largest magnitude becomes 127, `bit` has 1 for
/// every number above 0. Errors for another form than these two.
pub fn quantize(vector: &[f32], format: Format) -> Result<Vec<u8>> {
    match format {
        Format::I8 => {
            let largest = vector.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            let scale = match largest {
                0.0 => 1.0,
                _ => (largest / 127.0).max(f32::MIN_POSITIVE),
            };
            Ok(scaled(vector, scale))
        }
        Format::Bit => Ok(bits(vector)),
        _ => Err(Error::new(
            "quantizes to i8 or bit; for the others use lumos_vec",
        )),
    }
}

fn tagged(tag: u8, vector: &[f32], element: fn(f32) -> u16) -> Vec<u8> {
    let elements = vector.iter().flat_map(|v| element(*v).to_le_bytes());
    elements.chain([tag]).collect()
}

fn scaled(vector: &[f32], scale: f32) -> Vec<u8> {
    let code = |v: &f32| (v / scale).round_ties_even().clamp(-127.0, 127.0) as i8 as u8;
    let mut bytes: Vec<u8> = vector.iter().map(code).collect();
    let unused = bytes.len() % 2;
    bytes.resize(bytes.len() + unused, 0);
    bytes.extend(scale.to_le_bytes());
    bytes.push(I8 | unused as u8);
    bytes
}

fn bits(vector: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; vector.len().div_ceil(16) * 2];
    for (i, v) in vector.iter().enumerate() {
        bytes[i / 8] |= u8::from(*v > 0.0) << (i % 8);
    }
    let unused = bytes.len() * 8 - vector.len();
    bytes.push(BIT | unused as u8);
    bytes
}

/// Replaces what `out` holds by the vector in a BLOB. Errors if the BLOB is no vector, is empty, or has a NaN or an
/// infinity; `out` may then hold anything.
pub fn decode(bytes: &[u8], out: &mut Vec<f32>) -> Result<()> {
    out.clear();
    if let Some(floats) = plain(bytes) {
        out.extend(floats.iter().map(|b| f32::from_le_bytes(*b)));
    } else {
        decode_tagged(bytes, out).ok_or_else(|| {
            Error::new(format!(
                "a BLOB of {} bytes is not a vector; give 4 bytes for each 32-bit float, or what lumos_vec makes",
                bytes.len()
            ))
        })?;
    }
    check_finite(out)
}

/// The elements of a BLOB of plain 32-bit floats, where they lie.
pub fn plain(bytes: &[u8]) -> Option<&[[u8; 4]]> {
    let (floats, rest) = bytes.as_chunks();
    rest.is_empty().then_some(floats)
}

fn decode_tagged(bytes: &[u8], out: &mut Vec<f32>) -> Option<()> {
    let (tag, body) = bytes.split_last()?;
    if body.len() % 2 != 0 {
        return None;
    }
    let unused = usize::from(tag & 0xF);
    let (pairs, _) = body.as_chunks::<2>();
    match (tag & 0xF0, unused) {
        (F16, 0) => out.extend(pairs.iter().map(|b| f16_to_f32(u16::from_le_bytes(*b)))),
        (BF16, 0) => out.extend(pairs.iter().map(|b| bf16_to_f32(u16::from_le_bytes(*b)))),
        (I8, 0 | 1) => {
            let (codes, scale) = body.split_last_chunk::<4>()?;
            let scale = f32::from_le_bytes(*scale);
            let codes = &codes[..codes.len().checked_sub(unused)?];
            let value = |code: &u8| (f32::from(*code as i8) * scale).clamp(-f32::MAX, f32::MAX);
            out.extend(codes.iter().map(value));
        }
        (BIT, _) => {
            let count = (body.len() * 8).checked_sub(unused)?;
            out.extend((0..count).map(|i| f32::from(body[i / 8] >> (i % 8) & 1)));
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Format; 5] = [
        Format::F32,
        Format::F16,
        Format::Bf16,
        Format::I8,
        Format::Bit,
    ];

    fn decoded(bytes: &[u8]) -> Vec<f32> {
        let mut out = vec![9.0];
        decode(bytes, &mut out).unwrap();
        out
    }

    #[test]
    fn every_length_comes_back() {
        for format in ALL {
            for n in 1..70 {
                let vector: Vec<f32> = (0..n).map(|i| ((i * i + i / 3) % 2) as f32).collect();
                let bytes = encode(&vector, format).unwrap();
                assert_eq!(
                    bytes.len().is_multiple_of(4),
                    format == Format::F32,
                    "{format:?} {n}"
                );
                assert_eq!(decoded(&bytes), vector, "{format:?} {n}");
            }
        }
    }

    /// Within half a step of the form's precision.
    #[test]
    fn rounds_to_the_nearest() {
        let vector: Vec<f32> = (1..2000).map(|i| (i as f32 * 0.731).sin() * 90.0).collect();
        for (format, step) in [(Format::F16, 2f32.powi(-11)), (Format::Bf16, 2f32.powi(-8))] {
            for (got, v) in decoded(&encode(&vector, format).unwrap())
                .iter()
                .zip(&vector)
            {
                assert!((got - v).abs() <= v.abs() * step + 3e-8, "{format:?} {v}");
            }
        }
        let whole = decoded(&encode(&vector, Format::I8).unwrap());
        let scaled = decoded(&quantize(&vector, Format::I8).unwrap());
        for ((whole, scaled), v) in whole.iter().zip(&scaled).zip(&vector) {
            assert_eq!(*whole, v.round_ties_even());
            assert!((scaled - v).abs() <= 90.0 / 127.0 * 0.5001, "{v}");
        }
    }

    #[test]
    fn clamps_what_is_too_large() {
        let vector = [1e30, -1e30, f32::MAX];
        let clamped = |format| decoded(&encode(&vector, format).unwrap());
        assert_eq!(clamped(Format::F16), [65504.0, -65504.0, 65504.0]);
        assert_eq!(clamped(Format::I8), [127.0, -127.0, 127.0]);
        assert!(clamped(Format::Bf16)[2].is_finite());
        assert!(encode(&[0.5], Format::Bit).is_err());
    }

    #[test]
    fn quantizes_extremes() {
        for v in [0.0, 1e-45, 1e-38, 5.0, f32::MAX, -f32::MAX] {
            for got in decoded(&quantize(&[v; 5], Format::I8).unwrap()) {
                assert!(
                    (got - v).abs() <= v.abs() * 1e-6 + f32::MIN_POSITIVE,
                    "{v} {got}"
                );
            }
        }
        let bits = quantize(&[-1.0, 0.0, 0.1, 7.0], Format::Bit).unwrap();
        assert_eq!(decoded(&bits), [0.0, 0.0, 1.0, 1.0]);
        assert!(quantize(&[1.0], Format::F16).is_err());
    }

    /// No BLOB of up to three bytes, and none with a byte changed, is read as more than it holds.
    #[test]
    fn refuses_what_is_no_vector() {
        let mut out = Vec::new();
        for length in [0usize, 1, 2, 3, 5, 7] {
            for last in 0..=255 {
                let mut bytes = vec![0; length];
                if let Some(byte) = bytes.last_mut() {
                    *byte = last;
                }
                if decode(&bytes, &mut out).is_ok() {
                    assert!(!out.is_empty() && out.len() <= length * 8, "{bytes:?}");
                }
            }
        }
        assert!(decode(b"hello", &mut out).is_err());
        assert!(decode(&[0, 0x7C, F16], &mut out).is_err(), "infinity");
    }
}
