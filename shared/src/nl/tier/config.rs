//! What was said of a model: the options of `lumos_llm_configure`.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::options::{OptionDef, OptionType, Options};
use crate::server::{LONGEST, Server, WaysOut};
use crate::{Error, Result};

/// What the errors of such a server say to do.
const WAYS_OUT: WaysOut = WaysOut {
    option: "api_key_env",
    key: "see that the variable of \"api_key_env\" has the right key",
    late: "give lumos_llm_configure a longer \"timeout\"",
    other: "check the options of lumos_llm_configure",
    speaks: "/chat/completions",
};

/// The options of `lumos_llm_configure`.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "base_url",
        ty: OptionType::Text(" like \"https://api.openai.com/v1\""),
        default: "",
        doc: "the server's address, without /chat/completions; https, or http on this machine; needed",
    },
    OptionDef {
        name: "model",
        ty: OptionType::Text(""),
        default: "",
        doc: "the model's name on the server; needed",
    },
    OptionDef {
        name: "api_key_env",
        ty: OptionType::Text(""),
        default: "none",
        doc: "the variable of the environment that has the key, which is read now, sent as a bearer token and shown nowhere",
    },
    OptionDef {
        name: "candidates",
        ty: OptionType::Integer(1, 8),
        default: "3",
        doc: "the most SELECTs that an answer may have",
    },
    OptionDef {
        name: "repairs",
        ty: OptionType::Integer(0, 2),
        default: "2",
        doc: "how often a model hears why its SELECTs were all refused, and may try again",
    },
    OptionDef {
        name: "below",
        ty: OptionType::Number(0.0, " from 0 to 1"),
        default: "0.8",
        doc: "with {\"mode\": \"auto\"} the model is asked where the parser is less sure than this",
    },
    OptionDef {
        name: "values",
        ty: OptionType::Integer(0, 20),
        default: "0",
        doc: "how many texts of each column the model is told; 0 tells it none but those that the question names",
    },
    OptionDef {
        name: "prompt_bytes",
        ty: OptionType::Integer(2_000, 200_000),
        default: "24000",
        doc: "the most bytes of what it is told of the database; tables that the question names come first",
    },
    OptionDef {
        name: "answer_tokens",
        ty: OptionType::Integer(16, 32_000),
        default: "1000",
        doc: "the most tokens of an answer",
    },
    OptionDef {
        name: "timeout",
        ty: OptionType::Number(0.0, " of seconds"),
        default: "30",
        doc: "the longest time of a request, with all that is tried",
    },
    OptionDef {
        name: "max_calls",
        ty: OptionType::Integer(1, i64::MAX),
        default: "1000",
        doc: "the most requests until this function is called again",
    },
    OptionDef {
        name: "max_tokens",
        ty: OptionType::Integer(1, i64::MAX),
        default: "1000000",
        doc: "the same of tokens, of questions and answers, as the server counts them",
    },
    OptionDef {
        name: "seed",
        ty: OptionType::Integer(0, i64::MAX),
        default: "0",
        doc: "sent with the temperature 0, so that a server gives the same answer again",
    },
    OptionDef {
        name: "body",
        ty: OptionType::Json("an object, like {\"temperature\": null}"),
        default: "{}",
        doc: "more fields of a request, in place of ours; null leaves one out",
    },
    OptionDef {
        name: "ca",
        ty: OptionType::Json("the text of a PEM file"),
        default: "those of the web",
        doc: "certificates to trust",
    },
];

/// A server, its model, and how it is asked.
pub struct Config {
    server: Server,
    base_url: String,
    model: String,
    seed: i64,
    answer_tokens: i64,
    body: Map<String, Json>,
    /// The most SELECTs of an answer.
    pub candidates: usize,
    /// How often it may try again.
    pub repairs: usize,
    /// It is asked where the parser is less sure.
    pub below: f64,
    /// How many texts of each column it is told.
    pub values: usize,
    /// The most bytes of what it is told.
    pub prompt_bytes: usize,
    /// The most requests.
    pub max_calls: u64,
    /// The most tokens.
    pub max_tokens: u64,
}

impl Config {
    /// Reads the options; `None` if there are none. Errors if they are not right, or the variable is not there.
    pub fn read(
        options: Option<&str>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Config>> {
        let options = Options::parse(OPTIONS, options)?;
        if options.says_only(&[]) {
            return Ok(None);
        }
        let needed = |name: &str, like: &str| {
            let given = options.text(name).filter(|text| !text.is_empty());
            given.map(str::to_owned).ok_or_else(|| {
                Error::new(format!(
                    "the option \"{name}\" is missing; give {like}, or {{}} for no model"
                ))
            })
        };
        let base_url = needed("base_url", "one like \"https://api.openai.com/v1\"")?;
        let model = needed("model", "the model's name as the server knows it")?;
        check_url(&base_url)?;
        let key = match options.text("api_key_env") {
            None => None,
            Some(name) => Some(key(name, env)?),
        };
        let timeout = options.number("timeout").unwrap_or(30.0);
        if timeout <= 0.0 || timeout > LONGEST {
            let give = format!("seconds, more than 0 and at most {LONGEST}");
            return Err(options.wrong("timeout", &give));
        }
        let below = options.number("below").unwrap_or(0.8);
        if below > 1.0 {
            return Err(options.wrong("below", "a number from 0 to 1"));
        }
        let body = match options.get("body") {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(body))
                if !body.contains_key("messages") && !body.contains_key("model") =>
            {
                body.clone()
            }
            Some(_) => {
                return Err(options.wrong("body", "an object without \"messages\" and \"model\""));
            }
        };
        let whole = |name: &str, default: i64| options.integer(name).unwrap_or(default);
        let size =
            |name: &str, default: i64| usize::try_from(whole(name, default)).unwrap_or(usize::MAX);
        let url = format!("{}/chat/completions", base_url.trim_end_matches('/'));
        let server = Server::new(
            &url,
            "https://api.openai.com/v1",
            Duration::from_secs_f64(timeout),
            WAYS_OUT,
        )?;
        Ok(Some(Config {
            server: server.with(key, Server::certificate(options.get("ca"))?),
            base_url,
            model,
            seed: whole("seed", 0),
            answer_tokens: whole("answer_tokens", 1000),
            body,
            candidates: size("candidates", 3),
            repairs: size("repairs", 2),
            below,
            values: size("values", 0),
            prompt_bytes: size("prompt_bytes", 24_000),
            max_calls: whole("max_calls", 1000).unsigned_abs(),
            max_tokens: whole("max_tokens", 1_000_000).unsigned_abs(),
        }))
    }

    /// Where requests go, and how.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// For whoever configured it, without the key.
    pub fn describe(&self) -> Json {
        json!({
            "model": self.model, "base_url": self.base_url, "key": self.server.key().is_some(),
            "below": self.below, "values": self.values, "max_calls": self.max_calls, "max_tokens": self.max_tokens,
        })
    }

    /// The body of a request.
    pub fn request(&self, messages: &[Json]) -> String {
        let mut body = json!({
            "model": self.model, "messages": messages, "temperature": 0, "seed": self.seed,
            "max_tokens": self.answer_tokens, "stream": false,
        });
        for (name, value) in &self.body {
            if value.is_null() {
                if let Some(body) = body.as_object_mut() {
                    body.remove(name);
                }
            } else {
                body[name] = value.clone();
            }
        }
        body.to_string()
    }
}

/// Errors unless an address is encrypted or of this machine, and is all that is before /chat/completions.
fn check_url(url: &str) -> Result<()> {
    let wrong = |why: &str| Err(Error::new(format!("base_url {why}")));
    let Some((scheme, rest)) = url.split_once("://") else {
        return wrong("is no URL; give one like \"https://api.openai.com/v1\"");
    };
    if rest.contains(['?', '#', '\\']) {
        return wrong(
            "has more than an address and a path; give one like \"https://api.openai.com/v1\"",
        );
    }
    let host = rest.split('/').next().unwrap_or_default();
    let name = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((name, port)) if port.is_empty() || port.starts_with(':') => name,
        _ => host.split(':').next().unwrap_or_default(),
    };
    let local = matches!(
        name.to_ascii_lowercase().as_str(),
        "localhost" | "127.0.0.1" | "::1"
    );
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok(()),
        "http" if local => Ok(()),
        "http" => wrong("is not encrypted; give an https address, or one of this machine"),
        _ => wrong("is no https address; give one like \"https://api.openai.com/v1\""),
    }
}

/// The key in a variable of the environment.
fn key(name: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String> {
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    // What is no name may be the key itself.
    let name = is_name.then_some(name).ok_or_else(|| {
        Error::new("api_key_env is no name of a variable; give one like \"OPENAI_API_KEY\"")
    })?;
    let key = env(name).ok_or_else(|| {
        Error::new(format!(
            "there is no variable {name} in the environment; set it before"
        ))
    })?;
    if Server::is_key(&key) {
        Ok(key)
    } else {
        Err(Error::new(format!(
            "the variable {name} has no key of visible ASCII characters without spaces"
        )))
    }
}
