//! Tests of Lumos in the real engines.
//!
//! Nothing is skipped: a library, a shell or a Python that is missing fails the test with the
//! command that makes it. The groups of trials:
//! - [`script`]: the files `slt/**/*.slt` in the `sqlite3` and the `duckdb` shell
//! - [`list`]: what the engines show, the files and the reference against the list of functions
//! - [`examples`]: every example of every function gives its answer
//! - [`guide`]: the code in README.md and in the pages of `sql/guide/`
//! - [`quickstart`]: the scripts that `make demo` runs
//! - [`symbols`]: what the libraries export and need
//! - [`fallible`]: public functions of `shared` that do not say when they fail
//! - [`rooms`]: which file of the engine crates imports which
//! - [`python`]: the files below `python/`, under each driver
//!
//! Beneath them: [`host`] finds libraries and programs, [`shell`] talks to a shell,
//! [`folder`] makes the temporary folder with a copy of Chinook that each trial runs in.

use std::sync::Mutex;
use std::time::{Duration, Instant};

pub mod examples;
pub mod fallible;
pub mod folder;
pub mod guide;
pub mod host;
pub mod list;
pub mod python;
pub mod quickstart;
pub mod rooms;
pub mod script;
pub mod shell;
pub mod symbols;

/// What a trial gives: nothing, or the words to print.
pub type Outcome<T = ()> = Result<T, String>;

/// How long each trial took, for [`slowest`].
static TIMES: Mutex<Vec<(Duration, String)>> = Mutex::new(Vec::new());

/// A trial with this name.
fn trial(
    name: impl Into<String>,
    run: impl FnOnce() -> Outcome + Send + 'static,
) -> libtest_mimic::Trial {
    let name = name.into();
    libtest_mimic::Trial::test(name.clone(), move || {
        let begun = Instant::now();
        let outcome = run().map_err(libtest_mimic::Failed::from);
        if let Ok(mut times) = TIMES.lock() {
            times.push((begun.elapsed(), name));
        }
        outcome
    })
}

/// The trials that took longest, a line each, so that a suite that grows slow says where.
pub fn slowest(count: usize) -> String {
    let mut times = TIMES.lock().map(|times| times.clone()).unwrap_or_default();
    times.sort();
    let lines = times.iter().rev().take(count);
    lines
        .map(|(time, name)| format!("{:7.1} s  {name}\n", time.as_secs_f64()))
        .collect()
}

/// Fails with both values, one a line, if they differ.
fn same(what: &str, found: &[String], expected: &[String]) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let list = |values: &[String]| {
        values
            .iter()
            .map(|v| format!("\n    {v}"))
            .collect::<String>()
    };
    Err(format!(
        "{what}\n  expected:{}\n  found:{}",
        list(expected),
        list(found)
    ))
}
