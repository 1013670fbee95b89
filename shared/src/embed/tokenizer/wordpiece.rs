//! The tokenizer of BERT, as a `tokenizer.json` describes it: words, cut into the longest pieces that the
//! vocabulary has.

use std::collections::HashMap;

use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use super::kind;
use crate::{Error, Result};

/// A vocabulary, and how a text is prepared for it.
pub struct WordPiece {
    vocabulary: HashMap<String, u32>,
    prefix: String,
    longest_word: usize,
    lowercase: bool,
    strip_accents: bool,
    unknown: u32,
}

impl WordPiece {
    /// Reads what a `tokenizer.json` says. Errors if the normalizer or pre-tokenizer is not that of BERT, or the
    /// vocabulary has no token for what is unknown.
    pub fn parse(json: &Json) -> Result<WordPiece> {
        let model = &json["model"];
        for (part, expected) in [
            ("normalizer", "BertNormalizer"),
            ("pre_tokenizer", "BertPreTokenizer"),
        ] {
            let found = kind(&json[part]);
            if found != expected {
                return Err(Error::new(format!(
                    "tokenizer.json has a {part} of type {found}; only {expected} is supported for WordPiece"
                )));
            }
        }
        let vocabulary: HashMap<String, u32> = model["vocab"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(token, id)| Some((token.clone(), u32::try_from(id.as_u64()?).ok()?)))
            .collect();
        let unknown = model["unk_token"].as_str().unwrap_or("[UNK]");
        let unknown = *vocabulary.get(unknown).ok_or_else(|| {
            Error::new(format!(
                "tokenizer.json has no token {unknown} in its vocabulary"
            ))
        })?;
        let lowercase = json["normalizer"]["lowercase"].as_bool().unwrap_or(true);
        Ok(WordPiece {
            prefix: model["continuing_subword_prefix"]
                .as_str()
                .unwrap_or("##")
                .into(),
            longest_word: model["max_input_chars_per_word"].as_u64().unwrap_or(100) as usize,
            lowercase,
            strip_accents: json["normalizer"]["strip_accents"]
                .as_bool()
                .unwrap_or(lowercase),
            vocabulary,
            unknown,
        })
    }

    /// One more than the highest token id.
    pub fn size(&self) -> usize {
        self.vocabulary
            .values()
            .max()
            .map_or(0, |id| *id as usize + 1)
    }

    /// The number of a token.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.vocabulary.get(token).copied()
    }

    /// The token of what is not in the vocabulary.
    pub fn unknown(&self) -> u32 {
        self.unknown
    }

    /// Calls `each` with every token until it says false.
    pub fn tokenize(&self, text: &str, mut each: impl FnMut(u32) -> bool) {
        let mut pieces = Vec::new();
        // Cleaned word by word: a long text is not copied for the few tokens that are taken of it.
        for chunk in text.split(char::is_whitespace) {
            for word in words(&self.normalize(chunk)) {
                pieces.clear();
                if !self.pieces(word, &mut pieces) {
                    pieces.clear();
                    pieces.push(self.unknown);
                }
                if !pieces.iter().all(|id| each(*id)) {
                    return;
                }
            }
        }
    }

    fn normalize(&self, text: &str) -> String {
        let kept = text.chars().filter(|c| !is_control(*c));
        let stripped: String = if self.strip_accents {
            kept.nfd()
                .filter(|c| c.general_category() != GeneralCategory::NonspacingMark)
                .collect()
        } else {
            kept.collect()
        };
        if self.lowercase {
            stripped.chars().flat_map(char::to_lowercase).collect()
        } else {
            stripped
        }
    }

    /// Cuts a word into the longest pieces that the vocabulary has; false if that fails.
    fn pieces(&self, word: &str, pieces: &mut Vec<u32>) -> bool {
        if word.chars().count() > self.longest_word {
            return false;
        }
        let mut rest = word;
        let mut candidate = String::new();
        while !rest.is_empty() {
            let found = rest.char_indices().rev().find_map(|(i, c)| {
                let end = i + c.len_utf8();
                candidate.clear();
                if !pieces.is_empty() {
                    candidate.push_str(&self.prefix);
                }
                candidate.push_str(&rest[..end]);
                Some((*self.vocabulary.get(&candidate)?, end))
            });
            let Some((id, end)) = found else {
                return false;
            };
            pieces.push(id);
            rest = &rest[end..];
        }
        true
    }
}

/// The words of a text without spaces: punctuation and Chinese characters are words of their own.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(stands_alone).flat_map(|part| {
        let last = part.chars().next_back().filter(|c| stands_alone(*c));
        let (word, alone) = part.split_at(part.len() - last.map_or(0, char::len_utf8));
        [word, alone].into_iter().filter(|w| !w.is_empty())
    })
}

fn stands_alone(c: char) -> bool {
    is_punctuation(c) || is_chinese(c)
}

/// Tabs and line ends were taken as spaces before.
fn is_control(c: char) -> bool {
    c == '\u{FFFD}' || c.general_category_group() == GeneralCategoryGroup::Other
}

/// As BERT has it: all of ASCII that is neither letter nor digit, and the punctuation of Unicode.
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || c.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// The blocks that BERT takes for Chinese.
fn is_chinese(c: char) -> bool {
    matches!(u32::from(c), 0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x2_0000..=0x2_A6DF | 0x2_A700..=0x2_B73F
        | 0x2_B740..=0x2_B81F | 0x2_B920..=0x2_CEAF | 0xF900..=0xFAFF | 0x2_F800..=0x2_FA1F)
}
