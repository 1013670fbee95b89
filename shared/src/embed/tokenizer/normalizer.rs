//! The steps by which a `tokenizer.json` has texts prepared for a Unigram vocabulary.

use base64::Engine as _;
use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::kind;
use crate::{Error, Result};

/// One step.
pub enum Step {
    /// SentencePiece's own table of characters.
    Charsmap(Charsmap),
    /// A normal form of Unicode, or lower case.
    Form(fn(&str) -> String),
    /// Without spaces before, after.
    Strip(bool, bool),
    /// Every occurrence of a text becomes another one.
    Replace(String, String),
    /// Two or more spaces become this.
    Spaces(String),
    /// This before the text.
    Prepend(String),
}

/// Characters and what stands for them: a trie over bytes in a double array, whose leaves are places in `texts`.
pub struct Charsmap {
    units: Vec<u32>,
    texts: String,
}

/// Reads a normalizer of `tokenizer.json`. Errors for a step that is not supported for Unigram, or a damaged table of
/// characters.
pub fn parse(json: &Json) -> Result<Vec<Step>> {
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let flag = |key: &str| json[key].as_bool() == Some(true);
    let pattern = &json["pattern"];
    let step = match kind(json) {
        "none" => return Ok(Vec::new()),
        "Sequence" => {
            let steps = json["normalizers"].as_array().into_iter().flatten();
            let steps: Vec<Vec<Step>> = steps.map(parse).collect::<Result<_>>()?;
            return Ok(steps.into_iter().flatten().collect());
        }
        "Precompiled" => Step::Charsmap(Charsmap::parse(&text("precompiled_charsmap"))?),
        "NFC" => Step::Form(|t| t.nfc().collect()),
        "NFD" => Step::Form(|t| t.nfd().collect()),
        "NFKC" => Step::Form(|t| t.nfkc().collect()),
        "NFKD" => Step::Form(|t| t.nfkd().collect()),
        "Nmt" => Step::Form(|t| t.chars().filter_map(nmt).collect()),
        "Lowercase" => Step::Form(|t| t.chars().flat_map(char::to_lowercase).collect()),
        "StripAccents" => Step::Form(|t| t.chars().filter(|c| !is_combining_mark(*c)).collect()),
        "Strip" => Step::Strip(flag("strip_left"), flag("strip_right")),
        "Prepend" => Step::Prepend(text("prepend")),
        "Replace" => match (pattern["String"].as_str(), pattern["Regex"].as_str()) {
            (Some(from), _) if !from.is_empty() => Step::Replace(from.to_owned(), text("content")),
            (_, Some(" {2,}")) => Step::Spaces(text("content")),
            _ => {
                return Err(Error::new(format!(
                    "tokenizer.json has a normalizer that replaces {pattern}; only a text and the regular expression \" {{2,}}\" are supported"
                )));
            }
        },
        other => {
            return Err(Error::new(format!(
                "tokenizer.json has a normalizer of type {other}; it is not supported for Unigram"
            )));
        }
    };
    Ok(vec![step])
}

/// The text after all steps.
pub fn apply(steps: &[Step], text: &str) -> String {
    steps
        .iter()
        .fold(text.to_owned(), |text, step| step.apply(text))
}

impl Step {
    fn apply(&self, text: String) -> String {
        match self {
            Step::Charsmap(map) => map.apply(&text),
            Step::Form(form) => form(&text),
            Step::Strip(left, right) => {
                let rest = if *left { text.trim_start() } else { &text };
                if *right { rest.trim_end() } else { rest }.to_owned()
            }
            Step::Replace(from, to) => text.replace(from, to),
            Step::Spaces(to) => {
                let mut result = String::with_capacity(text.len());
                for part in text.split_inclusive(|c| c != ' ') {
                    let rest = part.trim_start_matches(' ');
                    match part.len() - rest.len() {
                        0 | 1 => result.push_str(part),
                        _ => result.extend([to, rest]),
                    }
                }
                result
            }
            Step::Prepend(prefix) if !text.is_empty() => prefix.clone() + &text,
            Step::Prepend(_) => text,
        }
    }
}

impl Charsmap {
    fn parse(base64: &str) -> Result<Charsmap> {
        let read = || {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(base64)
                .ok()?;
            let (size, rest) = bytes.split_first_chunk::<4>()?;
            let (units, texts) = rest.split_at_checked(u32::from_le_bytes(*size) as usize)?;
            Some(Charsmap {
                units: units
                    .as_chunks()
                    .0
                    .iter()
                    .map(|u| u32::from_le_bytes(*u))
                    .collect(),
                texts: String::from_utf8(texts.to_vec()).ok()?,
            })
        };
        read().ok_or_else(|| Error::new("tokenizer.json: precompiled_charsmap is damaged"))
    }

    /// Whole clusters of a letter and its accents first, if they are short, then single characters.
    fn apply(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        for cluster in text.graphemes(true) {
            let whole = if cluster.len() < 6 {
                self.find(cluster)
            } else {
                None
            };
            match whole {
                Some(found) => result.push_str(found),
                None => {
                    let mut buffer = [0; 4];
                    for c in cluster.chars() {
                        let c: &str = c.encode_utf8(&mut buffer);
                        result.push_str(self.find(c).unwrap_or(c));
                    }
                }
            }
        }
        result
    }

    /// What stands for the shortest beginning of `chunk` that the table has; as everywhere, for the whole of it.
    fn find(&self, chunk: &str) -> Option<&str> {
        // A unit has the label of its byte below, then a bit that says that a leaf hangs on it, and the distance
        // to its children above, in steps of 1 or of 256.
        let children = |unit: u32| ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize;
        let mut at = children(*self.units.first()?);
        for byte in chunk.bytes().take_while(|byte| *byte != 0) {
            at ^= usize::from(byte);
            let unit = *self.units.get(at)?;
            if unit & 0x8000_00FF != u32::from(byte) {
                return None;
            }
            at ^= children(unit);
            if unit >> 8 & 1 == 1 {
                let start = self.units.get(at)? & 0x7FFF_FFFF;
                return self.texts.get(start as usize..)?.split('\0').next();
            }
        }
        None
    }
}

/// What the models of machine translation do: no control characters, and all that is like a space is one.
fn nmt(c: char) -> Option<char> {
    match u32::from(c) {
        0x01..=0x08 | 0x0B | 0x0E..=0x1F | 0x7F | 0x8F | 0x9F => None,
        0x09
        | 0x0A
        | 0x0C
        | 0x0D
        | 0x1680
        | 0x200B..=0x200F
        | 0x2028
        | 0x2029
        | 0x2581
        | 0xFEFF
        | 0xFFFD => Some(' '),
        _ => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn normalized(json: Json, text: &str) -> String {
        apply(&parse(&json).unwrap(), text)
    }

    #[test]
    fn steps_are_applied_in_order() {
        let replace = |pattern: Json, content: &str| json!({"type": "Replace", "pattern": pattern, "content": content});
        let spaces = replace(json!({"Regex": " {2,}"}), "_");
        assert_eq!(normalized(spaces.clone(), "a  b c   "), "a_b c_");
        assert_eq!(normalized(spaces.clone(), "  a"), "_a");
        let strip = json!({"type": "Strip", "strip_left": false, "strip_right": true});
        let sequence = json!({"type": "Sequence", "normalizers": [strip, {"type": "NFKC"}, spaces, {"type": "Lowercase"}]});
        assert_eq!(normalized(sequence, " Ａ   Ｂ  "), " a_b");
        let accents = json!({"type": "Sequence", "normalizers": [{"type": "NFKD"}, {"type": "StripAccents"}]});
        assert_eq!(normalized(accents, "Zürich ½"), "Zurich 1⁄2");
        assert_eq!(
            normalized(json!({"type": "Nmt"}), "a\u{200B}b\u{7F}\n"),
            "a b "
        );
        assert_eq!(normalized(json!(null), " a"), " a");
    }

    /// A table that has "é" (C3 A9) as "e", written by hand; the rest of its double array is empty.
    #[test]
    fn a_table_of_characters_is_read() {
        // The root's children are at 0 ^ byte, those of the first byte at 0x200 ^ byte, whose leaf is at 0x1A8.
        let mut units = vec![0u32; 1024];
        let distance = |d: u32| d << 10;
        units[0xC3] = 0xC3 | distance(0xC3 ^ 0x200);
        units[0x200 ^ 0xA9] = 0xA9 | 1 << 8 | distance(0x200 ^ 0xA9 ^ 0x1A8);
        units[0x1A8] = 2;
        let table = |units: &[u32], texts: &str| {
            let mut bytes = (units.len() as u32 * 4).to_le_bytes().to_vec();
            bytes.extend(units.iter().flat_map(|u| u.to_le_bytes()));
            bytes.extend(texts.as_bytes());
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            json!({"type": "Precompiled", "precompiled_charsmap": text})
        };
        assert_eq!(
            normalized(table(&units, "x\0e\0"), "aéb è e\u{301}"),
            "aeb è e\u{301}"
        );
        // Damaged tables find nothing, and read nothing outside.
        units[0x1A8] = 99;
        assert_eq!(normalized(table(&units, "x"), "é"), "é");
        assert_eq!(normalized(table(&units[..0x100], "x"), "é"), "é");
        assert_eq!(normalized(table(&[], ""), "é"), "é");
        for damaged in ["", "AAA", "AAAA", "/////w==", "*"] {
            assert!(
                parse(&json!({"type": "Precompiled", "precompiled_charsmap": damaged})).is_err()
            );
        }
    }
}
