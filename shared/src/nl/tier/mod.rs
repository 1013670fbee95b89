//! A language model beside the parser, where one is configured: a server that speaks OpenAI's `/chat/completions`, one of a
//! process, off until `lumos_llm_configure` names it. It is asked for SELECTs, which pass the same gate as any SQL; what it
//! says is nothing but text for that gate. The sending is the adapters'.
//!
//! - [`config`]: what was said of the server
//! - [`prompt`]: what it is told of a database and a question
//! - [`reply`]: what its answers mean
//! - [`vote`]: which of its and the parser's SELECTs is answered
//! - [`pool`]: the readings of both
//! - [`log`]: what was asked and what became of it

pub mod config;
pub mod log;
pub mod pool;
pub mod prompt;
pub mod reply;
pub mod vote;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::embed::models::check_unlocked;
use crate::nl::asking::MODE;
use crate::options::Options;
use crate::server::{Server, Stop};
use crate::{Error, Result};
use config::Config;
use reply::Reply;

/// Sends a body to a server, which answers so many bytes at most; asks now and then whether to stop.
pub type Ask = fn(&Server, &str, u64, &Stop) -> Sent;

/// A request that was sent.
pub struct Sent {
    /// When, in seconds since 1970.
    pub at: i64,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub answer: Result<Vec<u8>>,
}

/// What the gate says of a text: the one that may run, or the reason why none may.
pub type Passed = std::result::Result<String, String>;

/// What asking a model takes of an engine.
pub struct Means<'a, E> {
    /// The gate.
    pub gate: &'a mut dyn FnMut(&str) -> std::result::Result<Passed, E>,
    /// Called before the first request, which is not sent if it errs.
    pub before: &'a mut dyn FnMut() -> Result<()>,
    /// Whether to stop.
    pub stop: &'a Stop,
}

/// How many answers are remembered: DuckDB makes the text of a query more than once.
const REMEMBERED: usize = 32;

/// The most bytes of an answer.
const ANSWER: u64 = 1 << 20;

static TIER: Mutex<Option<Arc<Tier>>> = Mutex::new(None);

/// A model, and what it has cost.
pub struct Tier {
    config: Config,
    ask: Ask,
    spent: Mutex<Spent>,
    /// The last answers by their requests, the last one first.
    recent: Mutex<VecDeque<(String, Reply)>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Spent {
    calls: u64,
    tokens: u64,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `lumos_llm_configure` does: the model of the process is this one from now on, none for no options. `env` reads a
/// variable of the environment, `fits` looks at the server's certificates. Errors once models are locked, and if the
/// options are not right; what was configured before then stays.
pub fn configure(
    options: Option<&str>,
    ask: Ask,
    env: &dyn Fn(&str) -> Option<String>,
    fits: &dyn Fn(&Server) -> Result<()>,
) -> Result<Json> {
    check_unlocked()?;
    let tier = match Config::read(options, env)? {
        None => None,
        Some(config) => {
            fits(config.server())?;
            Some(Arc::new(Tier {
                config,
                ask,
                spent: Mutex::default(),
                recent: Mutex::default(),
            }))
        }
    };
    let described = tier
        .as_ref()
        .map_or_else(|| json!({"model": null}), |tier| tier.config.describe());
    *held(&TIER) = tier;
    Ok(described)
}

/// The model to ask about a question whose best reading has this confidence, as the option "mode" says. Errors if it says
/// "model" and there is none.
pub fn wanted(options: &Options, confidence: Option<f64>) -> Result<Option<Arc<Tier>>> {
    let tier = held(&TIER).clone();
    match options.text(MODE.name).unwrap_or("auto") {
        "parser" => Ok(None),
        "model" if tier.is_none() => Err(Error::new(
            "no model is configured; name one by lumos_llm_configure, or give {\"mode\": \"auto\"}",
        )),
        "model" => Ok(tier),
        _ => Ok(tier.filter(|tier| confidence.unwrap_or(0.0) < tier.config.below)),
    }
}

/// True if an answer has to be one of the model's.
pub fn insists(options: &Options) -> bool {
    options.text(MODE.name) == Some("model")
}

/// What came of asking a model.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Consulted {
    /// The SELECTs that passed the gate, the likeliest first.
    pub passed: Vec<String>,
    /// The texts that did not, with the reason.
    pub refused: Vec<(String, String)>,
    /// How often the server was asked; 0 if the answers were remembered.
    pub calls: u64,
    /// When it was first, in seconds since 1970.
    pub at: i64,
    /// What it says of the length of questions and answers.
    pub tokens: (u64, u64),
    /// How long that took.
    pub took: Duration,
    /// Why it could not be asked any further.
    pub failure: Option<Error>,
}

impl Tier {
    /// What was said of it.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Asks for SELECTs, until one passes the gate; a model whose texts all fail hears the reasons and may try again. Errors as
    /// the gate does; that the server fails stands in the result.
    pub fn consult<E>(
        &self,
        prompt: &prompt::Prompt,
        means: &mut Means<'_, E>,
    ) -> std::result::Result<Consulted, E> {
        let mut found = Consulted::default();
        let mut messages = prompt.messages();
        for round in 0..=self.config.repairs {
            let reply = match self.answer(&messages, means.before, means.stop, &mut found) {
                Ok(reply) => reply,
                Err(e) => {
                    found.failure = Some(e);
                    break;
                }
            };
            let mut reasons = Vec::new();
            for sql in reply.candidates(self.config.candidates) {
                match (means.gate)(&sql)? {
                    Ok(sql) if found.passed.contains(&sql) => {}
                    Ok(sql) => found.passed.push(sql),
                    Err(reason) => {
                        reasons.push(reason.clone());
                        found.refused.push((sql, reason));
                    }
                }
            }
            if !found.passed.is_empty() || round == self.config.repairs {
                break;
            }
            prompt::repair(&mut messages, &reply, &reasons);
        }
        Ok(found)
    }

    /// What the server answers, or has answered to the same.
    fn answer(
        &self,
        messages: &[Json],
        before: &mut dyn FnMut() -> Result<()>,
        stop: &Stop,
        found: &mut Consulted,
    ) -> Result<Reply> {
        let body = self.config.request(messages);
        let known = held(&self.recent)
            .iter()
            .find(|(asked, _)| *asked == body)
            .map(|(_, reply)| reply.clone());
        if let Some(reply) = known {
            return Ok(reply);
        }
        self.check_budget()?;
        if found.calls == 0 {
            before()?;
        }
        held(&self.spent).calls += 1;
        let sent = (self.ask)(self.config.server(), &body, ANSWER, stop);
        if found.calls == 0 {
            found.at = sent.at;
        }
        found.calls += 1;
        found.took += sent.took;
        let reply = Reply::read(&sent.answer?, self.config.server(), body.len())?;
        found.tokens.0 = found.tokens.0.saturating_add(reply.tokens.0);
        found.tokens.1 = found.tokens.1.saturating_add(reply.tokens.1);
        let used = reply.tokens.0.saturating_add(reply.tokens.1);
        let mut spent = held(&self.spent);
        spent.tokens = spent.tokens.saturating_add(used);
        let mut recent = held(&self.recent);
        recent.truncate(REMEMBERED - 1);
        recent.push_front((body, reply.clone()));
        Ok(reply)
    }

    /// Errors if no call is left.
    fn check_budget(&self) -> Result<()> {
        let spent = held(&self.spent);
        let used = |what: String| {
            Err(Error::new(format!(
                "the budget of {what} is used up; call lumos_llm_configure again for another"
            )))
        };
        if spent.calls >= self.config.max_calls {
            return used(format!("{} calls", self.config.max_calls));
        }
        if spent.tokens >= self.config.max_tokens {
            return used(format!("{} tokens", self.config.max_tokens));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
