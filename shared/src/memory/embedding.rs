//! Embeddings of memories, which the caller makes: BLOBs of plain 32-bit floats in the column `embedding`, all of a
//! scope of one number of dimensions.

use serde_json::Value as Json;

use crate::options::{Options, shortened};
use crate::vector::{check_finite, distance, format, from_bytes};
use crate::{Error, Result};

/// What an option that is an embedding takes, for errors and the reference.
pub const EMBEDDING: &str = "a list of numbers, or the hexadecimal digits of a vector's BLOB as hex(lumos_embed(text)) gives them";

/// The most dimensions, as of an index.
const MOST: usize = 16_384;

/// The embedding that the options say, if they say one. Errors if it is none, has an element that is not finite, or is
/// zero: nothing is near to zero.
pub fn option(options: &Options) -> Result<Option<Vec<f32>>> {
    let wrong = |reason: String| Error::new(format!("embedding: {reason}; give {EMBEDDING}"));
    let vector = match options.get("embedding") {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::Array(numbers)) => {
            let number = |json: &Json| match json.as_f64() {
                Some(number) => Ok(number as f32),
                None => Err(wrong(format!(
                    "{} is no number",
                    shortened(&json.to_string())
                ))),
            };
            numbers.iter().map(number).collect::<Result<Vec<f32>>>()?
        }
        Some(Json::String(digits)) => {
            let bytes = bytes(digits);
            let bytes = bytes.ok_or_else(|| wrong(format!("\"{}\"", shortened(digits))))?;
            from_bytes(&bytes).map_err(|e| wrong(e.to_string()))?
        }
        Some(other) => return Err(wrong(shortened(&other.to_string()))),
    };
    check_finite(&vector).map_err(|e| wrong(e.to_string()))?;
    if vector.len() > MOST {
        return Err(wrong(format!(
            "{} dimensions, more than {MOST}",
            vector.len()
        )));
    }
    if vector.iter().all(|v| *v == 0.0) {
        return Err(wrong("it is zero, and nothing is near to that".into()));
    }
    Ok(Some(vector))
}

/// The bytes of hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8; 2]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

/// As it is stored.
pub fn encode(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Errors if these are not the dimensions of the scope's other embeddings.
pub fn check(dimensions: usize, scope: &str, others: usize) -> Result<()> {
    if dimensions == others {
        Ok(())
    } else {
        Err(Error::new(format!(
            "the embedding has {dimensions} dimensions, those of the scope \"{}\" have {others}; give one of the same model",
            shortened(scope)
        )))
    }
}

/// The embedding of a question.
#[derive(Debug, Clone)]
pub struct Question {
    vector: Vec<f32>,
    square: f64,
}

impl Question {
    /// Of a vector that is not zero.
    pub fn new(vector: Vec<f32>) -> Question {
        let square = distance::square(&vector);
        Question { vector, square }
    }

    /// The cosine of the angle to a stored embedding, -1 to 1. Errors if that has other dimensions, or is damaged.
    pub fn cosine(&self, scope: &str, stored: &[u8]) -> Result<f64> {
        let damaged = || {
            Error::new(format!(
                "an embedding of the scope \"{}\" is damaged; give it again by lumos_memory_update",
                shortened(scope)
            ))
        };
        let stored = format::plain(stored).ok_or_else(damaged)?;
        check(self.vector.len(), scope, stored.len())?;
        let cosine = 1.0 - distance::cosine_to(&self.vector, self.square, stored);
        cosine.is_finite().then_some(cosine).ok_or_else(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{OptionDef, OptionType};

    const KNOWN: [OptionDef; 1] = [OptionDef {
        name: "embedding",
        ty: OptionType::Json(EMBEDDING),
        default: "",
        doc: "",
    }];

    fn read(given: &str) -> Result<Option<Vec<f32>>> {
        let options = format!("{{\"embedding\": {given}}}");
        option(&Options::parse(&KNOWN, Some(&options))?)
    }

    #[test]
    fn lists_and_digits_are_the_same() {
        let vector = vec![1.0, -2.5];
        assert_eq!(read("[1, -2.5]").unwrap(), Some(vector.clone()));
        let digits: String = encode(&vector).iter().map(|b| format!("{b:02X}")).collect();
        assert_eq!(
            read(&format!("\"{digits}\"")).unwrap(),
            Some(vector.clone())
        );
        assert_eq!(read("null").unwrap(), None);
        let question = Question::new(vector);
        let near = |other: &[f32]| question.cosine("ann", &encode(other));
        assert!((near(&[2.0, -5.0]).unwrap() - 1.0).abs() < 1e-12);
        assert!(near(&[2.5, 1.0]).unwrap().abs() < 1e-12);
    }

    #[test]
    fn what_is_none_is_an_error() {
        for (given, said) in [
            ("[]", "an empty vector"),
            ("[0, 0]", "it is zero"),
            ("[1, \"x\"]", "\"x\" is no number"),
            ("[1e39]", "element 1 of the vector is inf"),
            ("\"0000C07F\"", "element 1 of the vector is NaN"),
            ("\"xy\"", "\"xy\""),
            ("\"123\"", "\"123\""),
            ("7", "7"),
        ] {
            let found = read(given).unwrap_err().to_string();
            assert!(found.starts_with(&format!("embedding: {said}")), "{found}");
        }
        let question = Question::new(vec![1.0]);
        let found = question.cosine("ann", &[0; 8]).unwrap_err().to_string();
        assert!(
            found.starts_with("the embedding has 1 dimensions, those of the scope \"ann\" have 2"),
            "{found}"
        );
        assert!(question.cosine("ann", &[0; 3]).is_err());
    }
}
