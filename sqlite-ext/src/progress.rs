//! What long work says on stderr of how far it is, where the caller asked for it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};

use crate::error::{Result, error};
use crate::session::parse_object;

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

    /// Takes the option out of those of a function: true, or the seconds between two lines.
    pub fn take(name: &'static str, options: &mut Map<String, Json>) -> Result<Progress> {
        match options.shift_remove("progress") {
            None | Some(Json::Bool(false)) => Ok(Progress::none()),
            Some(Json::Bool(true)) => Ok(Progress {
                name: Some(name),
                ..Progress::none()
            }),
            Some(other) => {
                let seconds = other.as_f64().map(Duration::try_from_secs_f64);
                let Some(Ok(between)) = seconds else {
                    return Err(error(format!(
                        "progress is {other}; give true, false or the seconds between two lines"
                    )));
                };
                Ok(Progress {
                    name: Some(name),
                    between,
                    ..Progress::none()
                })
            }
        }
    }

    /// Reads the options of a function that has no other.
    pub fn parse(name: &'static str, options: Option<&str>) -> Result<Progress> {
        let mut options = options.map_or(Ok(Map::new()), parse_object)?;
        let progress = Progress::take(name, &mut options)?;
        match options.keys().next() {
            None => Ok(progress),
            Some(other) => Err(error(format!(
                "unknown option \"{other}\"; the option is progress"
            ))),
        }
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
