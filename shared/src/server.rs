//! A server that is spoken to over HTTP: its address, what it knows its user by, how long it may take, and what is said
//! where it does not answer as it should. The sending itself is the adapters'; here is no network.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Error, Result};

/// Says whether the caller wants the call to end; asked several times a second while a server is waited for.
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// One that never says so, where nobody can.
pub fn never() -> Stop {
    Arc::new(|| false)
}

/// The longest that a request may take, in seconds.
pub const LONGEST: f64 = 3600.0;

/// What the errors of a server say to do, by the function that it was named with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaysOut {
    /// The option that has what it knows its user by.
    pub option: &'static str,
    /// Where it does not know its user.
    pub key: &'static str,
    /// Where it takes too long.
    pub late: &'static str,
    /// Where it refuses for another reason.
    pub other: &'static str,
    /// The part of OpenAI's interface that it has to speak.
    pub speaks: &'static str,
}

/// A server, and how it is spoken to.
#[derive(PartialEq)]
pub struct Server {
    url: String,
    key: Option<String>,
    /// Certificates to trust instead of the usual ones, as PEM.
    ca: Option<String>,
    timeout: Duration,
    ways_out: WaysOut,
}

impl Server {
    /// Errors if the URL names no host or a password; `like` is one that would do.
    pub fn new(url: &str, like: &str, timeout: Duration, ways_out: WaysOut) -> Result<Server> {
        let host = url.split(['/', '?', '#']).nth(2).unwrap_or_default();
        if host.contains('@') {
            return Err(Error::new(format!(
                "the URL has a name or password in it; give what the server wants as the option \"{}\"",
                ways_out.option
            )));
        }
        if host.is_empty() || url.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(Error::new(format!(
                "the URL has no host or holds a space; give one like '{like}'"
            )));
        }
        Ok(Server {
            url: url.to_owned(),
            key: None,
            ca: None,
            timeout,
            ways_out,
        })
    }

    /// The same with what it knows its user by, and with the certificates to trust, as PEM.
    pub fn with(self, key: Option<String>, ca: Option<String>) -> Server {
        Server { key, ca, ..self }
    }

    /// True for what can be a key: visible ASCII characters without spaces.
    pub fn is_key(key: &str) -> bool {
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic())
    }

    /// The text of a PEM file that the option "ca" has. Errors if it is none.
    pub fn certificate(given: Option<&serde_json::Value>) -> Result<Option<String>> {
        match given.filter(|value| !value.is_null()).map(|v| v.as_str()) {
            None => Ok(None),
            Some(Some(ca)) if ca.contains("-----BEGIN CERTIFICATE-----") => Ok(Some(ca.to_owned())),
            Some(_) => Err(Error::new(
                "the option \"ca\" is no certificate; give the text of a PEM file, as '-----BEGIN CERTIFICATE-----...'",
            )),
        }
    }

    /// Where requests go.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address as people may see it: what follows a question mark may be secret.
    pub fn shown(&self) -> &str {
        self.url.split(['?', '#']).next().unwrap_or_default()
    }

    /// What the server wants to know its user by.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The certificates to trust, as PEM; the usual ones if there are none.
    pub fn ca(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    /// How long a request may take, with all that is tried.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The error for an answer that means nothing: `what` it was, not what it said.
    pub fn faulty(&self, what: &dyn fmt::Display) -> Error {
        Error::new(format!(
            "{} answered {what}; it has to speak OpenAI's {}",
            self.shown(),
            self.ways_out.speaks
        ))
    }

    /// The error for an answer that is no success: its status and its length.
    pub fn refusal(&self, status: u16, body: &[u8]) -> Error {
        let way_out = match status {
            300..=399 => "redirects are not followed: give the URL that it moved to",
            401 | 403 => self.ways_out.key,
            404 | 405 => "check the URL and the name of the model",
            429 | 500..=599 => "try again later",
            _ => self.ways_out.other,
        };
        Error::new(format!(
            "{} answered with status {status} and {} bytes; {way_out}",
            self.shown(),
            body.len()
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
            "{} gave no answer within {} seconds; {}",
            self.shown(),
            self.timeout.as_secs_f64(),
            self.ways_out.late
        ))
    }

    fn masked(&self, text: &str) -> String {
        match &self.key {
            Some(key) => text.replace(key.as_str(), "***"),
            None => text.to_owned(),
        }
    }
}
