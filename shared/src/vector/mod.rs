//! Vectors as SQL values: JSON text or a BLOB in, slices of `f32` out.
//!
//! - [`mod@format`]: how a BLOB stores a vector
//! - [`distance`], [`Metric`]: distances between two vectors, and which of them
//! - [`topk`]: the nearest of many rows, exactly
//! - [`index`]: the same from codes of them
//! - [`packed`]: vectors in few bytes
//! - [`conditions`]: what else stands in a statement with `k`

pub mod conditions;
pub mod distance;
pub mod format;
pub(crate) mod half;
pub mod index;
mod metric;
pub mod packed;
pub mod table;
pub mod topk;

pub use format::Format;
pub use metric::Metric;

use crate::{Error, Result};

/// Reads JSON text such as `[1, 2.5, -3e2]`. Every element must be a finite number. Errors if it is not, and for an
/// empty vector.
pub fn from_json(text: &str) -> Result<Vec<f32>> {
    let values: Vec<f64> = serde_json::from_str(text).map_err(|_| {
        Error::new(format!(
            "{} is not a vector; write it as JSON like '[1, 2.5]'",
            excerpt(text)
        ))
    })?;
    finite(values.into_iter().map(|v| v as f32).collect())
}

/// Writes JSON that [`from_json`] reads as the same vector: whole numbers without a point.
pub fn to_json(vector: &[f32]) -> String {
    let mut text = String::from("[");
    for (i, v) in vector.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        let whole = v.fract() == 0.0 && v.abs() < 1e7 && (*v != 0.0 || v.is_sign_positive());
        if whole {
            text.push_str(&format!("{comma}{}", *v as i32))
        } else {
            text.push_str(&format!("{comma}{v:?}"))
        }
    }
    text.push(']');
    text
}

/// Reads a BLOB, see [`mod@format`]. Errors as [`format::decode`] does.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<f32>> {
    let mut vector = Vec::new();
    format::decode(bytes, &mut vector)?;
    Ok(vector)
}

/// Scales a vector to length 1; a zero vector stays.
pub fn normalize(vector: &[f32]) -> Vec<f32> {
    let length = distance::square(vector).sqrt();
    match length {
        0.0 => vector.to_vec(),
        _ => vector
            .iter()
            .map(|v| (f64::from(*v) / length) as f32)
            .collect(),
    }
}

/// Returns the vector if it has an element and none is NaN or infinite. Errors if not.
pub fn finite(vector: Vec<f32>) -> Result<Vec<f32>> {
    check_finite(&vector)?;
    Ok(vector)
}

/// Errors if the vector is empty or has NaN or infinities, to which no distance has a meaning.
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
pub fn excerpt(text: &str) -> String {
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
    fn json_comes_back() {
        let vector = [1.0, -2.5, 0.1, 1e-40, 1e30, -0.0, 16777216.0, f32::MAX];
        let text = to_json(&vector);
        assert_eq!(text, "[1,-2.5,0.1,1e-40,1e30,-0.0,16777216.0,3.4028235e38]");
        let back = from_json(&text).unwrap();
        let bits: Vec<u32> = back.iter().map(|v| v.to_bits()).collect();
        assert_eq!(bits, vector.map(f32::to_bits));
    }

    #[test]
    fn normalizes_the_smallest_and_the_largest() {
        assert_eq!(normalize(&[3.0, 4.0]), [0.6, 0.8]);
        assert_eq!(normalize(&[f32::MAX, 0.0]), [1.0, 0.0]);
        assert_eq!(normalize(&[1e-45]), [1.0]);
        assert_eq!(normalize(&[0.0, 0.0]), [0.0, 0.0]);
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
            "a BLOB of 6 bytes is not a vector; give 4 bytes for each 32-bit float, or what lumos_vec makes"
        );
        assert!(from_bytes(&f32::NAN.to_le_bytes()).is_err());
    }
}
