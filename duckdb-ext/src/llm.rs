//! The requests to a language model, for both engines.

use std::env;
use std::time::{Instant, SystemTime};

use lumos_core::Result;
use lumos_core::nl::tier::{self, Sent};
use lumos_core::server::{Server, Stop};
use serde_json::Value as Json;

use crate::http::{Client, trusted};

/// What `lumos_llm_configure` does. Errors if its options are not right.
pub fn configure(options: Option<&str>) -> Result<Json> {
    let variable = |name: &str| env::var(name).ok();
    tier::configure(options, ask, &variable, &|server| trusted(server).map(drop))
}

fn ask(server: &Server, body: &str, limit: u64, stop: &Stop) -> Sent {
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let begin = Instant::now();
    let answer = Client::new(server, stop).and_then(|client| client.post(body, limit));
    Sent {
        at: at.map_or(0, |at| i64::try_from(at.as_secs()).unwrap_or(i64::MAX)),
        took: begin.elapsed(),
        answer,
    }
}
