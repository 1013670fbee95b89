//! What long work says on stderr of how far it is, where the caller asked for it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use lumos_core::options::{Options, PROGRESS};
use serde_json::Value as Json;

use crate::error::Result;

/// The time between two lines where the caller names none.
const BETWEEN: Duration = Duration::from_secs(1);

/// The option `progress` of a function.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The function's name, if it is to say anything.
    name: Option<&'static str>,
    /// The least time between two lines.
    between: Duration,
    said: Cell<Instant>,
}

impl Default for Progress {
    fn default() -> Self {
        Progress::none()
    }
}

impl Progress {
    /// Says nothing.
    pub fn none() -> Progress {
        Progress {
            name: None,
            between: BETWEEN,
            said: Cell::new(Instant::now()),
        }
    }

    /// Reads the option of a call of this function. Errors if it is neither a flag nor a number of seconds.
    pub fn of(name: &'static str, options: &Options) -> Result<Progress> {
        let between = match options.get(PROGRESS.name) {
            None | Some(Json::Bool(false)) => return Ok(Progress::none()),
            Some(Json::Bool(true)) => BETWEEN,
            Some(other) => {
                let seconds = other.as_f64().map(Duration::try_from_secs_f64);
                let Some(Ok(between)) = seconds else {
                    return Err(options.wrong(PROGRESS.name, &PROGRESS.ty.values()).into());
                };
                between
            }
        };
        Ok(Progress {
            name: Some(name),
            between,
            ..Progress::none()
        })
    }

    /// Says how far the work is, unless something was said a moment ago.
    pub fn say(&self, how_far: impl FnOnce() -> String) {
        if let Some(name) = self.name
            && self.said.get().elapsed() >= self.between
        {
            self.said.set(Instant::now());
            eprintln!("{name}: {}", how_far());
        }
    }
}
