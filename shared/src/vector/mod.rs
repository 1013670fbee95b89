//! Vectors as SQL values: JSON text or little-endian 32-bit floats in, slices of `f32` out.

pub mod distance;
pub mod index;
mod metric;
pub mod table;

pub use metric::Metric;

use crate::{Error, Result};

/// Reads JSON text such as `[1, 2.5, -3e2]`. Every element must be a finite number.
pub fn from_json(text: &str) -> Result<Vec<f32>> {
    let values: Vec<f64> = serde_json::from_str(text).map_err(|_| {
        Error::new(format!(
            "{} is not a vector; write it as JSON like '[1, 2.5]'",
            excerpt(text)
        ))
    })?;
    finite(values.into_iter().map(|v| v as f32).collect())
}

/// Reads 32-bit floats, little-endian, 4 bytes each.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<f32>> {
    let mut vector = Vec::new();
    read_bytes(bytes, &mut vector)?;
    Ok(vector)
}

/// As [`from_bytes`], in place of what `out` holds: no allocation where many vectors are read in turn.
pub fn read_bytes(bytes: &[u8], out: &mut Vec<f32>) -> Result<()> {
    let (floats, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return Err(Error::new(format!(
            "a BLOB of {} bytes is not a vector; give 4 bytes for each 32-bit float",
            bytes.len()
        )));
    }
    out.clear();
    out.extend(floats.iter().map(|b| f32::from_le_bytes(*b)));
    check_finite(out)
}

/// Returns the vector if it has an element and none is NaN or infinite.
pub fn finite(vector: Vec<f32>) -> Result<Vec<f32>> {
    check_finite(&vector)?;
    Ok(vector)
}

/// Refuses an empty vector, NaN and infinities: no distance to them has a meaning.
pub fn check_finite(vector: &[f32]) -> Result<()> {
    if vector.is_empty() {
        return Err(Error::new(
            "an empty vector has no dimensions; give at least one number",
        ));
    }
    // Looking at all of them, and not only as far as the first, is what vector registers can do.
    if vector.iter().fold(true, |all, v| all & v.is_finite()) {
        return Ok(());
    }
    match vector.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(Error::new(format!(
            "element {} of the vector is {}; only finite numbers are allowed",
            i + 1,
            vector[i]
        ))),
        None => Ok(()),
    }
}

/// At most 40 characters of a text, quoted, for an error.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("\"{}...\"", &text[..end]),
        None => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_bytes_agree() {
        let bytes: Vec<u8> = [1.0f32, -2.5, 300.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        assert_eq!(from_json("[1, -2.5, 3e2]"), from_bytes(&bytes));
    }

    #[test]
    fn refuses_what_has_no_distance() {
        for (text, message) in [
            (
                "[]",
                "an empty vector has no dimensions; give at least one number",
            ),
            (
                "[1, null]",
                "\"[1, null]\" is not a vector; write it as JSON like '[1, 2.5]'",
            ),
            (
                "[1e39]",
                "element 1 of the vector is inf; only finite numbers are allowed",
            ),
            (
                "hello",
                "\"hello\" is not a vector; write it as JSON like '[1, 2.5]'",
            ),
        ] {
            assert_eq!(from_json(text).unwrap_err().to_string(), message);
        }
        assert_eq!(
            from_bytes(&[0; 6]).unwrap_err().to_string(),
            "a BLOB of 6 bytes is not a vector; give 4 bytes for each 32-bit float"
        );
        assert!(from_bytes(&f32::NAN.to_le_bytes()).is_err());
    }
}
