//! What a server's answers mean: vectors, or an error that says what to do.

use std::fmt;

use serde_json::Value as Json;

use super::{Endpoint, MOST_DIMENSIONS};
use crate::{Error, Result};

impl Endpoint {
    /// How many bytes an answer of so many vectors has at most.
    pub fn longest_answer(texts: usize) -> u64 {
        // A number takes up to some 25 characters.
        (texts as u64 + 2) * MOST_DIMENSIONS * 32
    }

    /// The vectors in an answer to so many texts, in the order of the texts.
    ///
    /// No error quotes the answer: whoever may call `lumos_embed` could read by it what only the host may. Errors if
    /// the answer is not JSON, has not a vector for each text once, or one whose numbers are not finite or not of the
    /// dimensions that are expected.
    pub fn vectors(&self, body: &[u8], texts: usize) -> Result<Vec<Vec<f32>>> {
        let faulty = |what: &dyn fmt::Display| self.server().faulty(what);
        let of = |what: &str| format!("{} bytes that are {what}", body.len());
        let answer: Json = serde_json::from_slice(body).map_err(|_| faulty(&of("not JSON")))?;
        let Some(data) = answer["data"].as_array() else {
            return Err(faulty(&of("JSON without a list \"data\"")));
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
                    "with a wrong \"index\" in entry {place} of \"data\", where every number below {texts} has to stand once"
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
                .config
                .dimensions
                .unwrap_or_else(|| *self.seen.get_or_init(|| vector.len()));
            if vector.len() != expected {
                return Err(Error::new(format!(
                    "{} answered a vector of {} dimensions, where {expected} were expected; give the \"dimensions\" that the model has",
                    self.server().shown(),
                    vector.len()
                )));
            }
        }
        Ok(vectors)
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
        wrong("", 1, "answered 0 bytes that are not JSON");
        wrong(
            "{\"error\": 1}",
            1,
            "answered 12 bytes that are JSON without a list \"data\"",
        );
        wrong(
            r#"{"data": [{"index": 1, "embedding": [1, 2]}]}"#,
            1,
            "a wrong \"index\" in entry 0 of",
        );
        wrong(
            r#"{"data": [{"index": 0, "embedding": [1, 2]}, {"index": 0, "embedding": [1, 2]}]}"#,
            2,
            "a wrong \"index\" in entry 1 of",
        );
        wrong(
            r#"{"data": [{"index": -1, "embedding": [1, 2]}]}"#,
            1,
            "a wrong \"index\" in entry 0 of",
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

    /// What a server says may be meant for the host alone.
    #[test]
    fn errors_show_neither_the_key_nor_the_answer() {
        let endpoint = endpoint(r#"{"model": "m", "key": "secret"}"#);
        let shows = |error: crate::Error| {
            let text = error.to_string();
            assert!(
                !text.contains("secret") && !text.contains("internal"),
                "{text}"
            );
            text
        };
        let refusal = shows(
            endpoint
                .server()
                .refusal(401, b"internal: wrong key secret"),
        );
        assert!(
            refusal.contains("status 401 and 26 bytes; give"),
            "{refusal}"
        );
        for body in [
            "internal",
            r#"{"data": "internal"}"#,
            r#"{"internal": 1}"#,
            r#"{"data": []}"#,
            r#"{"data": ["internal"]}"#,
            r#"{"data": [{"index": "internal"}]}"#,
            r#"{"data": [{"index": {"internal": 1}, "embedding": [1]}]}"#,
            r#"{"data": [{"embedding": ["internal"]}]}"#,
            r#"{"data": [{"embedding": "internal"}]}"#,
        ] {
            shows(endpoint.vectors(body.as_bytes(), 1).unwrap_err());
        }
        shows(endpoint.server().silence(&"secret"));
        assert!(shows(endpoint.server().late()).contains("within 30 seconds"));
    }
}
