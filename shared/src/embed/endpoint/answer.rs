//! What a server's answers mean: vectors, or an error that says what to do.

use std::fmt;

use serde_json::Value as Json;

use super::{Endpoint, MOST_DIMENSIONS};
use crate::{Error, Result};

/// How much of an answer an error shows.
const SHOWN: usize = 300;

impl Endpoint {
    /// How many bytes an answer of so many vectors has at most.
    pub fn longest_answer(texts: usize) -> u64 {
        // A number takes up to some 25 characters.
        (texts as u64 + 2) * MOST_DIMENSIONS * 32
    }

    /// The vectors in an answer to so many texts, in the order of the texts.
    pub fn vectors(&self, body: &[u8], texts: usize) -> Result<Vec<Vec<f32>>> {
        let faulty = |what: &dyn fmt::Display| {
            Error::new(format!(
                "{} answered {what}; it has to speak OpenAI's /v1/embeddings",
                self.shown()
            ))
        };
        let answer: Json = serde_json::from_slice(body)
            .map_err(|e| faulty(&format!("what is not JSON ({e}): {}", self.start_of(body))))?;
        let Some(data) = answer["data"].as_array() else {
            return Err(faulty(&format!(
                "JSON without a list \"data\": {}",
                self.start_of(body)
            )));
        };
        if data.len() != texts {
            return Err(faulty(&format!("{} vectors for {texts} texts", data.len())));
        }
        let mut vectors = vec![Vec::new(); texts];
        for (place, entry) in data.iter().enumerate() {
            let index = match &entry["index"] {
                Json::Null => Some(place),
                index => index.as_u64().map(|i| i as usize),
            };
            let Some(vector) = index
                .and_then(|i| vectors.get_mut(i))
                .filter(|v| v.is_empty())
            else {
                return Err(faulty(&format!(
                    "a vector with the index {}, where every number below {texts} has to stand once",
                    entry["index"]
                )));
            };
            let numbers = entry["embedding"]
                .as_array()
                .map(Vec::as_slice)
                .unwrap_or_default();
            *vector = numbers
                .iter()
                .map(|n| n.as_f64().map(|n| n as f32).filter(|n| n.is_finite()))
                .collect::<Option<Vec<f32>>>()
                .filter(|vector| !vector.is_empty())
                .ok_or_else(|| faulty(&"an embedding that is not a list of finite numbers"))?;
            let expected = self
                .terms
                .dimensions
                .unwrap_or_else(|| *self.seen.get_or_init(|| vector.len()));
            if vector.len() != expected {
                return Err(Error::new(format!(
                    "{} answered a vector of {} dimensions, where {expected} were expected; give the \"dimensions\" that the model has",
                    self.shown(),
                    vector.len()
                )));
            }
        }
        Ok(vectors)
    }

    /// The error for an answer that is no success.
    pub fn refusal(&self, status: u16, body: &[u8]) -> Error {
        let way_out = match status {
            300..=399 => "redirects are not followed: give the URL that it moved to",
            401 | 403 => "give lumos_model_add the right \"key\"",
            404 | 405 => "check the URL and the name of the model",
            429 | 500..=599 => "try again later",
            _ => "check the options of lumos_model_add and the text",
        };
        Error::new(format!(
            "{} answered with status {status}: {}; {way_out}",
            self.shown(),
            self.start_of(body)
        ))
    }

    /// The error for no answer at all.
    pub fn silence(&self, reason: &dyn fmt::Display) -> Error {
        Error::new(format!(
            "{} gave no answer: {}; see that the server runs and the URL is right",
            self.shown(),
            self.masked(&reason.to_string())
        ))
    }

    /// The error for an answer that did not come in time.
    pub fn late(&self) -> Error {
        Error::new(format!(
            "{} gave no answer within {} seconds; give a longer \"timeout\" or a smaller \"batch\"",
            self.shown(),
            self.terms.timeout.as_secs_f64()
        ))
    }

    /// The beginning of what a server said, without the key.
    fn start_of(&self, body: &[u8]) -> String {
        let text = self.masked(&String::from_utf8_lossy(&body[..body.len().min(1 << 16)]));
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let text = text.trim();
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None if text.is_empty() => "nothing".to_owned(),
            None => text.to_owned(),
        }
    }

    fn masked(&self, text: &str) -> String {
        match &self.terms.key {
            Some(key) => text.replace(key.as_str(), "***"),
            None => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{URL, endpoint};

    #[test]
    fn vectors_stand_by_their_index() {
        let endpoint = endpoint(r#"{"model": "m"}"#);
        let vectors = |body: &str, texts| endpoint.vectors(body.as_bytes(), texts);
        let body =
            r#"{"data": [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 0.5]}]}"#;
        assert_eq!(vectors(body, 2).unwrap(), [[1.0, 0.5], [3.0, 4.0]]);
        assert_eq!(
            vectors(r#"{"data": [{"embedding": [1, 2]}]}"#, 1).unwrap(),
            [[1.0, 2.0]]
        );
        let wrong = |body: &str, texts, words: &str| {
            let error = vectors(body, texts).unwrap_err().to_string();
            assert!(error.starts_with(URL) && error.contains(words), "{error}");
        };
        wrong(body, 3, "2 vectors for 3 texts");
        wrong("{\"data\": ", 1, "not JSON");
        wrong("", 1, "nothing");
        wrong(
            "{\"error\": 1}",
            1,
            "without a list \"data\": {\"error\": 1}",
        );
        wrong(
            r#"{"data": [{"index": 1, "embedding": [1, 2]}]}"#,
            1,
            "the index 1,",
        );
        wrong(
            r#"{"data": [{"index": 0, "embedding": [1, 2]}, {"index": 0, "embedding": [1, 2]}]}"#,
            2,
            "the index 0,",
        );
        wrong(
            r#"{"data": [{"index": -1, "embedding": [1, 2]}]}"#,
            1,
            "the index -1,",
        );
        for numbers in ["[]", "[1, null]", "[1e39, 1]", "\"AAAA\"", "[NaN]"] {
            let body = format!(r#"{{"data": [{{"index": 0, "embedding": {numbers}}}]}}"#);
            wrong(
                &body,
                1,
                if numbers == "[NaN]" {
                    "not JSON"
                } else {
                    "finite numbers"
                },
            );
        }
        wrong(
            r#"{"data": [{"embedding": [1, 2, 3]}]}"#,
            1,
            "3 dimensions, where 2 were expected",
        );
    }

    #[test]
    fn errors_do_not_show_the_key() {
        let endpoint = endpoint(r#"{"model": "m", "key": "secret"}"#);
        let error = endpoint
            .refusal(401, "Wrong key secret\n{é".repeat(100).as_bytes())
            .to_string();
        assert!(
            error.contains("status 401: Wrong key *** {é") && !error.contains("secret"),
            "{error}"
        );
        assert!(error.len() < 600, "{error}");
        assert!(!endpoint.silence(&"secret").to_string().contains("secret"));
        assert!(endpoint.late().to_string().contains("within 30 seconds"));
    }
}
