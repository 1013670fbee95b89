//! Vectors from a server that speaks OpenAI's `/v1/embeddings`: what is sent to it, and what its answers mean.
//!
//! The sending itself is the adapters'; here is no network.

mod answer;

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::options::{OptionDef, OptionType, Options};
use crate::server::{LONGEST, Server, Stop, WaysOut};
use crate::{Error, Result, vector};

/// The most numbers of a vector.
const MOST_DIMENSIONS: u64 = 16384;

/// What the errors of such a server say to do.
const WAYS_OUT: WaysOut = WaysOut {
    option: "key",
    key: "give lumos_model_add the right \"key\"",
    late: "give a longer \"timeout\" or a smaller \"batch\"",
    other: "check the options of lumos_model_add and the text",
    speaks: "/v1/embeddings",
};

/// The options of `lumos_model_add`.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "model",
        ty: OptionType::Text(""),
        default: "",
        doc: "the model's name on the server; needed for a URL",
    },
    OptionDef {
        name: "key",
        ty: OptionType::Json("a text of visible ASCII characters without spaces"),
        default: "",
        doc: "sent as a bearer token, and shown nowhere",
    },
    OptionDef {
        name: "dimensions",
        ty: OptionType::Integer(1, 16384),
        default: "those of the first answer",
        doc: "what to ask for and to expect",
    },
    OptionDef {
        name: "timeout",
        ty: OptionType::Number(0.0, " of seconds"),
        default: "30",
        doc: "the longest time of a request, with all that is tried",
    },
    OptionDef {
        name: "batch",
        ty: OptionType::Integer(1, 2048),
        default: "64",
        doc: "the most texts of a request",
    },
    OptionDef {
        name: "ca",
        ty: OptionType::Json("the text of a PEM file"),
        default: "those of the web",
        doc: "certificates to trust",
    },
];

/// Sends the texts to an endpoint and reads its vectors; asks now and then whether to stop.
pub type Ask = fn(&Endpoint, &[&str], &Stop) -> Result<Vec<Vec<f32>>>;

/// A server, and what to say to it.
pub struct Endpoint {
    config: Config,
    ask: Ask,
    /// How long its vectors have been so far.
    seen: OnceLock<usize>,
}

/// What the user said of it.
#[derive(PartialEq)]
struct Config {
    server: Server,
    model: String,
    dimensions: Option<usize>,
    batch: usize,
}

impl Endpoint {
    /// True if this is the address of a server, not a folder.
    pub fn is_url(path: &str) -> bool {
        let begins = |scheme: &str| {
            path.get(..scheme.len())
                .is_some_and(|p| p.eq_ignore_ascii_case(scheme))
        };
        begins("http://") || begins("https://")
    }

    /// Reads the options of `lumos_model_add`. Errors if the URL names no host or a password, and for options that
    /// are not known or have no model.
    pub fn parse(url: &str, options: Option<&str>, ask: Ask) -> Result<Endpoint> {
        // Before the options, which may be wrong too.
        let like = "https://api.openai.com/v1/embeddings";
        Server::new(url, like, Duration::ZERO, WAYS_OUT)?;
        // What was given is not shown: it may hold the key.
        if options.is_some_and(|o| !o.trim_start().starts_with('{'))
            || serde_json::from_str::<Json>(options.unwrap_or("{}")).is_err()
        {
            return Err(Error::new(
                "the options are not a JSON object; give '{\"model\": \"text-embedding-3-small\"}' or alike",
            ));
        }
        let options = Options::parse(OPTIONS, options)?;
        let model = options.text("model").filter(|m| !m.is_empty()).ok_or_else(|| {
            Error::new(
                "the option \"model\" is missing; give the model's name as the server knows it, as in '{\"model\": \"text-embedding-3-small\"}'",
            )
        })?;
        let text = |name: &str| options.get(name).filter(|value| !value.is_null());
        let key = match text("key").map(Json::as_str) {
            None => None,
            Some(Some(key)) if Server::is_key(key) => Some(key.to_owned()),
            Some(_) => {
                return Err(Error::new(
                    "the option \"key\" is no text of visible ASCII characters without spaces; give the key as the server's owner did",
                ));
            }
        };
        let ca = Server::certificate(options.get("ca"))?;
        let whole = |name: &str| options.integer(name).map(|n| n as usize);
        let timeout = options.number("timeout").unwrap_or(30.0);
        if timeout <= 0.0 || timeout > LONGEST {
            let give = format!("seconds, more than 0 and at most {LONGEST}");
            return Err(options.wrong("timeout", &give));
        }
        let timeout = Duration::from_secs_f64(timeout);
        let config = Config {
            server: Server::new(url, like, timeout, WAYS_OUT)?.with(key, ca),
            model: model.to_owned(),
            dimensions: whole("dimensions"),
            batch: whole("batch").unwrap_or(64),
        };
        Ok(Endpoint {
            config,
            ask,
            seen: OnceLock::new(),
        })
    }

    /// Where requests go, and how.
    pub fn server(&self) -> &Server {
        &self.config.server
    }

    /// How many texts a request has at most.
    pub fn batch(&self) -> usize {
        self.config.batch
    }

    /// How long its vectors are, as far as that is known before an answer.
    pub fn dimensions(&self) -> Option<usize> {
        self.config.dimensions.or_else(|| self.seen.get().copied())
    }

    /// True if the same was said of both.
    pub fn is(&self, other: &Endpoint) -> bool {
        self.config == other.config
    }

    /// The vectors of the texts, of length 1. Errors as what asks the server does.
    pub fn embed(&self, texts: &[&str], stop: &Stop) -> Result<Vec<Vec<f32>>> {
        let vectors = (self.ask)(self, texts, stop)?;
        Ok(vectors.iter().map(|v| vector::normalize(v)).collect())
    }

    /// The body of a request.
    pub fn request(&self, texts: &[&str]) -> String {
        let mut body = json!({"model": self.config.model, "input": texts});
        if let Some(dimensions) = self.config.dimensions {
            body["dimensions"] = dimensions.into();
        }
        body.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub const URL: &str = "http://localhost:1/v1/embeddings";

    pub fn endpoint(options: &str) -> Endpoint {
        Endpoint::parse(URL, Some(options), never).unwrap()
    }

    fn never(_: &Endpoint, _: &[&str], _: &Stop) -> Result<Vec<Vec<f32>>> {
        Err(Error::new("asked"))
    }

    fn refused(url: &str, options: Option<&str>, words: &str) {
        let error = Endpoint::parse(url, options, never)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn options_are_read() {
        let all =
            endpoint(r#"{"model": "m", "key": "k", "dimensions": 3, "timeout": 1.5, "batch": 2}"#);
        assert_eq!(
            (all.server().key(), all.dimensions(), all.batch()),
            (Some("k"), Some(3), 2)
        );
        assert_eq!(all.server().timeout(), Duration::from_millis(1500));
        assert_eq!(
            all.request(&["a", "\"b"]),
            r#"{"model":"m","input":["a","\"b"],"dimensions":3}"#
        );
        let few = endpoint(r#"{"model": "m", "key": null}"#);
        assert_eq!(
            (few.server().key(), few.dimensions(), few.batch()),
            (None, None, 64)
        );
        assert_eq!(few.request(&[]), r#"{"model":"m","input":[]}"#);
        assert!(!few.is(&all) && few.is(&endpoint(r#"{"model": "m"}"#)));
        assert!(
            Endpoint::is_url("HTTPS://a")
                && !Endpoint::is_url("/http://a")
                && !Endpoint::is_url("httpé")
        );
        refused(URL, None, "\"model\" is missing");
        refused(
            URL,
            Some(r#"{"model": "m", "key": "secret"#),
            "not a JSON object",
        );
        refused(URL, Some("[]"), "not a JSON object");
        refused(
            URL,
            Some(r#"{"model": "m", "key": "secret\n"}"#),
            "\"key\" is no text",
        );
        refused(
            URL,
            Some(r#"{"model": "m", "batch": 0}"#),
            "batch is 0; give a whole number from 1 to 2048",
        );
        refused(
            URL,
            Some(r#"{"model": "m", "timeout": 0}"#),
            "timeout is 0; give seconds",
        );
        refused(
            URL,
            Some(r#"{"model": "m", "retries": 2}"#),
            "unknown option \"retries\"",
        );
        refused(
            "https://me:secret@host/v1",
            Some("{}"),
            "a name or password",
        );
        refused("https:///v1", Some("{}"), "no host");
        let query =
            Endpoint::parse("http://h/v1?code=secret", Some(r#"{"model": "m"}"#), never).unwrap();
        assert_eq!(
            (query.server().shown(), query.server().url()),
            ("http://h/v1", "http://h/v1?code=secret")
        );
    }
}
