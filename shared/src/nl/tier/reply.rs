//! What the answers of a model mean: texts that may be SELECTs. Nothing in them is trusted.

use serde_json::Value as Json;

use crate::Result;
use crate::gate::text::LONGEST;
use crate::server::Server;

/// The bytes of a token, where a server does not count them.
const BYTES_OF_TOKEN: u64 = 4;

/// An answer of a server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// What it says, one text for each of its choices.
    pub texts: Vec<String>,
    /// The tokens of the question and of the answer.
    pub tokens: (u64, u64),
}

impl Reply {
    /// Reads the body of an answer to a request of so many bytes. Errors if it is none of `/chat/completions`; no error
    /// quotes it.
    pub fn read(body: &[u8], server: &Server, asked: usize) -> Result<Reply> {
        let of = |what: &str| format!("{} bytes that are {what}", body.len());
        let answer: Json =
            serde_json::from_slice(body).map_err(|_| server.faulty(&of("not JSON")))?;
        let choices = answer["choices"].as_array().filter(|all| !all.is_empty());
        let choices =
            choices.ok_or_else(|| server.faulty(&of("JSON without a list \"choices\"")))?;
        let content = |choice: &Json| choice["message"]["content"].as_str().map(str::to_owned);
        let texts: Vec<String> = choices.iter().filter_map(content).collect();
        if texts.is_empty() {
            return Err(server.faulty(&of("JSON without a text in a choice's message")));
        }
        let counted = |name: &str, bytes: usize| {
            let count = answer["usage"][name].as_u64();
            count.unwrap_or((bytes as u64).div_ceil(BYTES_OF_TOKEN))
        };
        let said = texts.iter().map(String::len).sum();
        let tokens = (
            counted("prompt_tokens", asked),
            counted("completion_tokens", said),
        );
        Ok(Reply { texts, tokens })
    }

    /// The first texts in it that may be SELECTs, each once.
    pub fn candidates(&self, most: usize) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for sql in self.texts.iter().flat_map(|text| blocks(text)) {
            if all.len() == most {
                break;
            }
            let sql = sql.trim().trim_end_matches(';').trim_end();
            if !sql.is_empty() && sql.len() <= LONGEST && !all.iter().any(|known| known == sql) {
                all.push(sql.to_owned());
            }
        }
        all
    }
}

/// What stands between fences of three backticks; without any, what begins with SELECT or WITH on a line of its own.
fn blocks(text: &str) -> Vec<&str> {
    // Some models think aloud before they answer.
    let text = text.rsplit("</think>").next().unwrap_or(text);
    let mut parts = text.split("```");
    let before = parts.next().unwrap_or_default();
    let mut all = Vec::new();
    let mut inside = true;
    for part in parts {
        if inside {
            all.push(part.split_once('\n').map_or(part, |(first, rest)| {
                // The rest of the fence's line names a language.
                if first.trim().contains(' ') {
                    part
                } else {
                    rest
                }
            }));
        }
        inside = !inside;
    }
    if all.is_empty() {
        all.extend(bare(before));
    }
    all
}

/// The first line that begins a SELECT, and what follows up to an empty line.
fn bare(text: &str) -> Option<&str> {
    let begins = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        word.eq_ignore_ascii_case("select") || word.eq_ignore_ascii_case("with")
    };
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if begins(line) {
            let rest = &text[start..];
            return rest.split("\n\n").next();
        }
        start += line.len();
    }
    None
}
