//! What a `tokenizer.json` describes: the tokens of a text, by the vocabulary of a model.

use serde_json::Value as Json;

mod normalizer;
mod unigram;
mod wordpiece;

use crate::{Error, Result};
use unigram::Unigram;
use wordpiece::WordPiece;

/// A vocabulary, how a text is cut by it, and the tokens that an encoder wants around the text.
pub struct Tokenizer {
    cutter: Cutter,
    frame: Option<Frame>,
}

enum Cutter {
    WordPiece(WordPiece),
    Unigram(Unigram),
}

/// The tokens before and after the text.
struct Frame {
    before: Vec<u32>,
    after: Vec<u32>,
}

impl Tokenizer {
    /// Reads `tokenizer.json`. Errors if the bytes are no JSON, or describe a tokenizer of a kind that is not
    /// supported.
    pub fn parse(bytes: &[u8]) -> Result<Tokenizer> {
        let json: Json = serde_json::from_slice(bytes)
            .map_err(|e| Error::new(format!("tokenizer.json is not JSON: {e}")))?;
        let model = &json["model"];
        // Older files do not name the type.
        let old = model["continuing_subword_prefix"].is_string();
        let cutter = match (kind(model), old) {
            ("WordPiece", _) | ("none", true) => Cutter::WordPiece(WordPiece::parse(&json)?),
            ("Unigram", _) => Cutter::Unigram(Unigram::parse(&json)?),
            (other, _) => {
                return Err(Error::new(format!(
                    "tokenizer.json has a model of type {other}; only WordPiece and Unigram are supported"
                )));
            }
        };
        let frame = Frame::parse(&json["post_processor"]).or_else(|| match &cutter {
            Cutter::WordPiece(words) => Some(Frame {
                before: vec![words.id("[CLS]")?],
                after: vec![words.id("[SEP]")?],
            }),
            Cutter::Unigram(_) => None,
        });
        Ok(Tokenizer { cutter, frame })
    }

    /// One more than the highest token id.
    pub fn size(&self) -> usize {
        let frame = self
            .frame
            .iter()
            .flat_map(|f| f.before.iter().chain(&f.after));
        let frame = frame.max().map_or(0, |id| *id as usize + 1);
        frame.max(match &self.cutter {
            Cutter::WordPiece(words) => words.size(),
            Cutter::Unigram(pieces) => pieces.size(),
        })
    }

    /// The tokens of a text without those that are not in the vocabulary, at most `most`.
    pub fn known(&self, text: &str, most: usize) -> Vec<u32> {
        let unknown = match &self.cutter {
            Cutter::WordPiece(words) => words.unknown(),
            Cutter::Unigram(pieces) => pieces.unknown(),
        };
        let mut ids = Vec::new();
        self.each_token(text, |id| {
            if id != unknown {
                ids.push(id);
            }
            ids.len() < most
        });
        ids
    }

    /// The tokens of a text between those that frame it, at most `most` altogether. Errors if `tokenizer.json` does not
    /// say which tokens those are.
    pub fn framed(&self, text: &str, most: usize) -> Result<Vec<u32>> {
        let frame = self.frame.as_ref().ok_or_else(|| {
            Error::new("tokenizer.json does not say which tokens stand around a text: it has no post_processor of type TemplateProcessing, and no tokens [CLS] and [SEP]")
        })?;
        let most = most.saturating_sub(frame.after.len());
        let mut ids = frame.before.clone();
        self.each_token(text, |id| {
            if ids.len() < most {
                ids.push(id);
            }
            ids.len() < most
        });
        ids.extend(&frame.after);
        Ok(ids)
    }

    /// Calls `each` with every token until it says false.
    fn each_token(&self, text: &str, each: impl FnMut(u32) -> bool) {
        match &self.cutter {
            Cutter::WordPiece(words) => words.tokenize(text, each),
            Cutter::Unigram(pieces) => pieces.tokenize(text, each),
        }
    }
}

impl Frame {
    /// What the post-processor puts around a single text.
    fn parse(json: &Json) -> Option<Frame> {
        let id = |token: &Json| u32::try_from(token.as_u64()?).ok();
        match kind(json) {
            "Sequence" => json["processors"].as_array()?.iter().find_map(Frame::parse),
            "BertProcessing" | "RobertaProcessing" => Some(Frame {
                before: vec![id(&json["cls"][1])?],
                after: vec![id(&json["sep"][1])?],
            }),
            "TemplateProcessing" => {
                let template = json["single"].as_array()?;
                let text = template.iter().position(|p| !p["Sequence"].is_null())?;
                let ids = |parts: &[Json]| -> Option<Vec<u32>> {
                    let tokens = parts.iter().map(|part| {
                        let name = part["SpecialToken"]["id"].as_str()?;
                        json["special_tokens"][name]["ids"]
                            .as_array()?
                            .iter()
                            .map(id)
                            .collect()
                    });
                    Some(tokens.collect::<Option<Vec<Vec<u32>>>>()?.concat())
                };
                Some(Frame {
                    before: ids(&template[..text])?,
                    after: ids(&template[text + 1..])?,
                })
            }
            _ => None,
        }
    }
}

/// The type of a part of `tokenizer.json`; "none" if it has none.
fn kind(part: &Json) -> &str {
    part["type"].as_str().unwrap_or("none")
}
