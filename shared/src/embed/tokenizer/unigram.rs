//! The tokenizer of SentencePiece's kind Unigram, as a `tokenizer.json` describes it: of all ways to cut a text
//! into pieces of the vocabulary, the most probable one.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use super::kind;
use super::normalizer::{self, Step};
use crate::{Error, Result};

/// No model takes as many tokens as this many bytes have; what follows is not read.
const LONGEST_TEXT: usize = 1 << 20;

/// How much less probable a character that no piece has is than the least probable piece.
const UNKNOWN_PENALTY: f64 = 10.0;

/// A vocabulary with the logarithms of probabilities, and how a text is prepared for it.
pub struct Unigram {
    steps: Vec<Step>,
    /// Words are cut apart at whitespace of any kind before their spaces are marked.
    whitespace: bool,
    spaces: Option<Spaces>,
    pieces: HashMap<String, Piece>,
    size: usize,
    longest_piece: usize,
    unknown: Piece,
    /// The pieces of single bytes, for characters that no piece has.
    bytes: Option<Vec<u32>>,
}

#[derive(Clone, Copy)]
struct Piece {
    id: u32,
    score: f64,
}

/// How spaces become visible: each is replaced by `mark`, which also begins every word, the first one or none.
struct Spaces {
    mark: char,
    prepend: Prepend,
    split: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Prepend {
    Always,
    First,
    Never,
}

/// The best way to cut a text up to a place.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    start: usize,
    id: u32,
}

impl Unigram {
    /// Reads what a `tokenizer.json` says. Errors if the vocabulary is no list of pieces with scores, has no token for
    /// what is unknown, or a step before it is not supported.
    pub fn parse(json: &Json) -> Result<Unigram> {
        let model = &json["model"];
        let damaged = || {
            Error::new("tokenizer.json: the vocabulary is not a list of pieces with their scores")
        };
        let vocabulary = model["vocab"].as_array().ok_or_else(damaged)?;
        // A text that spells such a token is text.
        let special: HashSet<&str> = json["added_tokens"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|token| token["special"].as_bool() == Some(true))
            .filter_map(|token| token["content"].as_str())
            .collect();
        let mut pieces = HashMap::with_capacity(vocabulary.len());
        let mut lowest = f64::INFINITY;
        for (id, entry) in vocabulary.iter().enumerate() {
            let (text, score) = entry[0]
                .as_str()
                .zip(entry[1].as_f64())
                .ok_or_else(damaged)?;
            let id = u32::try_from(id).map_err(|_| damaged())?;
            lowest = lowest.min(score);
            if !special.contains(text) && !text.is_empty() {
                pieces.insert(text.to_owned(), Piece { id, score });
            }
        }
        let unknown = model["unk_id"]
            .as_u64()
            .filter(|id| *id < vocabulary.len() as u64)
            .ok_or_else(|| {
                Error::new(
                    "tokenizer.json names no token of its vocabulary for what is unknown (unk_id)",
                )
            })?;
        let bytes = match model["byte_fallback"].as_bool() {
            Some(true) => (0..=u8::MAX)
                .map(|byte| Some(pieces.get(&format!("<0x{byte:02X}>"))?.id))
                .collect(),
            _ => None,
        };
        let (whitespace, spaces) = Spaces::parse(&json["pre_tokenizer"])?;
        Ok(Unigram {
            steps: normalizer::parse(&json["normalizer"])?,
            whitespace,
            spaces,
            size: vocabulary.len(),
            longest_piece: pieces.keys().map(String::len).max().unwrap_or(0),
            unknown: Piece {
                id: unknown as u32,
                score: lowest - UNKNOWN_PENALTY,
            },
            pieces,
            bytes,
        })
    }

    /// How many tokens there are.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The token of what is not in the vocabulary.
    pub fn unknown(&self) -> u32 {
        self.unknown.id
    }

    /// Calls `each` with every token until it says false.
    pub fn tokenize(&self, text: &str, mut each: impl FnMut(u32) -> bool) {
        let text = &text[..text.floor_char_boundary(LONGEST_TEXT)];
        let text = normalizer::apply(&self.steps, text);
        if !self.whitespace {
            self.words(&text, true, &mut each);
            return;
        }
        for word in text.split_whitespace() {
            let first = word.as_ptr() == text.as_ptr();
            if !self.words(word, first, &mut each) {
                return;
            }
        }
    }

    /// The tokens of a text whose spaces are not marked yet; false if `each` wants no more.
    fn words(&self, text: &str, first: bool, each: &mut impl FnMut(u32) -> bool) -> bool {
        let Some(spaces) = &self.spaces else {
            return self.cut(text, each);
        };
        if text.is_empty() {
            return true;
        }
        let mut marked = String::with_capacity(text.len() + text.len() / 4);
        let prepend =
            spaces.prepend == Prepend::Always || spaces.prepend == Prepend::First && first;
        if prepend && !text.starts_with([' ', spaces.mark]) {
            marked.push(spaces.mark);
        }
        marked.extend(text.chars().map(|c| if c == ' ' { spaces.mark } else { c }));
        if !spaces.split {
            return self.cut(&marked, each);
        }
        let mut start = 0;
        for (at, _) in marked
            .match_indices(spaces.mark)
            .chain([(marked.len(), "")])
        {
            if at > start && !self.cut(&marked[start..at], each) {
                return false;
            }
            start = at;
        }
        true
    }

    /// The most probable pieces of a text: from each place on, the best way to get there is lengthened by every
    /// piece that stands there.
    fn cut(&self, text: &str, each: &mut impl FnMut(u32) -> bool) -> bool {
        let nothing = Best {
            score: f64::NEG_INFINITY,
            start: 0,
            id: 0,
        };
        let mut best = vec![nothing; text.len() + 1];
        best[0].score = 0.0;
        for (start, c) in text.char_indices() {
            let till_here = best[start].score;
            let mut lengthen = |end: usize, piece: Piece| {
                let score = till_here + piece.score;
                if score > best[end].score {
                    best[end] = Best {
                        score,
                        start,
                        id: piece.id,
                    };
                }
            };
            let rest = &text[start..];
            let ends = rest.char_indices().map(|(i, c)| i + c.len_utf8());
            for length in ends.take_while(|length| *length <= self.longest_piece) {
                if let Some(piece) = self.pieces.get(&rest[..length]) {
                    lengthen(start + length, *piece);
                }
            }
            if !self.pieces.contains_key(&rest[..c.len_utf8()]) {
                lengthen(start + c.len_utf8(), self.unknown);
            }
        }
        let mut path = Vec::new();
        let mut end = text.len();
        while end > 0 {
            path.push((best[end], end));
            end = best[end].start;
        }
        let mut before = None;
        path.into_iter().rev().all(|(piece, end)| {
            let unknown = piece.id == self.unknown.id;
            // Neighbours that are unknown are one token.
            let again = unknown && before == Some(piece.id);
            before = Some(piece.id);
            match &self.bytes {
                Some(bytes) if unknown => text.as_bytes()[piece.start..end]
                    .iter()
                    .all(|byte| each(bytes[usize::from(*byte)])),
                _ => again || each(piece.id),
            }
        })
    }
}

impl Spaces {
    /// Reads a pre-tokenizer: whether it cuts at whitespace, and how it marks spaces.
    fn parse(json: &Json) -> Result<(bool, Option<Spaces>)> {
        let unsupported = |what: &str| {
            Error::new(format!(
                "tokenizer.json has a pre_tokenizer of type {what}; only WhitespaceSplit, Metaspace and the two one after the other are supported for Unigram"
            ))
        };
        let steps = match kind(json) {
            "Sequence" => json["pretokenizers"]
                .as_array()
                .map_or(&[][..], Vec::as_slice),
            "none" => &[],
            _ => std::slice::from_ref(json),
        };
        let kinds: Vec<&str> = steps.iter().map(kind).collect();
        let (whitespace, spaces) = match kinds[..] {
            [] => (false, None),
            ["WhitespaceSplit"] => (true, None),
            ["Metaspace"] => (false, steps.first()),
            ["WhitespaceSplit", "Metaspace"] => (true, steps.get(1)),
            _ => return Err(unsupported(&kinds.join(", "))),
        };
        let spaces = spaces.map(|json| {
            let mark = json["replacement"]
                .as_str()
                .unwrap_or("▁")
                .chars()
                .next()
                .unwrap_or('▁');
            let prepend = match (
                json["add_prefix_space"].as_bool(),
                json["prepend_scheme"].as_str(),
            ) {
                (Some(false), _) | (_, Some("never")) => Prepend::Never,
                (_, Some("first")) => Prepend::First,
                (_, Some("always") | None) => Prepend::Always,
                (_, Some(other)) => {
                    return Err(unsupported(&format!(
                        "Metaspace with the prepend_scheme {other}"
                    )));
                }
            };
            let split = json["split"].as_bool().unwrap_or(true);
            Ok(Spaces {
                mark,
                prepend,
                split,
            })
        });
        Ok((whitespace, spaces.transpose()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The tokens of a text by this vocabulary; "?" is unknown.
    fn cut(vocabulary: &[(&str, f64)], changes: Json, text: &str) -> Vec<String> {
        let mut json = json!({
            "pre_tokenizer": {"type": "Metaspace", "replacement": "▁"},
            "model": {"type": "Unigram", "unk_id": 0, "vocab": vocabulary},
        });
        for (key, value) in changes.as_object().unwrap() {
            let model = key == "byte_fallback";
            (if model { &mut json["model"] } else { &mut json })[key] = value.clone();
        }
        let pieces = Unigram::parse(&json).unwrap();
        let mut found = Vec::new();
        pieces.tokenize(text, |id| {
            found.push(vocabulary[id as usize].0.to_owned());
            true
        });
        found
    }

    #[test]
    fn takes_the_most_probable_pieces() {
        let vocabulary = [
            ("?", 0.0),
            ("a", -1.0),
            ("b", -1.0),
            ("c", -1.0),
            ("d", -1.0),
            ("ab", -1.5),
            ("abc", -3.5),
            ("bcd", -1.2),
            ("▁", -2.0),
            ("▁ab", -2.5),
        ];
        let plain = || json!({"pre_tokenizer": null});
        let cut = |changes, text| cut(&vocabulary, changes, text).join(" ");
        assert_eq!(cut(plain(), "abcd"), "a bcd");
        assert_eq!(cut(plain(), "abc"), "ab c");
        // What is unknown is one token, however long.
        assert_eq!(cut(plain(), "axyzb"), "a ? b");
        assert_eq!(cut(plain(), ""), "");
        assert_eq!(cut(json!({}), "ab  c"), "▁ab ▁ ▁ c");
        let schemes = |scheme| json!({"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme}});
        assert_eq!(cut(schemes("never"), "ab ab"), "ab ▁ab");
        let words = json!({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"},
        ]}});
        assert_eq!(cut(words, "ab\tab c"), "▁ab ab c");
    }

    #[test]
    fn spells_the_unknown_in_bytes() {
        let mut vocabulary = vec![("?".to_owned(), 0.0), ("a".to_owned(), -1.0)];
        vocabulary.extend((0..=255).map(|byte| (format!("<0x{byte:02X}>"), -9.0)));
        let vocabulary: Vec<(&str, f64)> =
            vocabulary.iter().map(|(p, s)| (p.as_str(), *s)).collect();
        let changes = json!({"pre_tokenizer": null, "byte_fallback": true});
        let found = cut(&vocabulary, changes, "aé");
        assert_eq!(found.join(" "), "a <0xC3> <0xA9>");
    }
}
