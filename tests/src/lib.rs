//! Tests of Lumos in the real engines.
//!
//! Nothing is skipped: a library, a shell or a Python that is missing fails the test with the
//! command that makes it. The groups of trials:
//! - [`script`]: the files `slt/**/*.slt` in the `sqlite3` and the `duckdb` shell
//! - [`list`]: what the engines show, the files and the reference against the list of functions
//! - [`examples`]: every example of every function gives its answer
//! - [`quickstart`]: the scripts that `make demo` runs
//! - [`symbols`]: what the libraries export and need
//! - [`python`]: the files below `python/`, under each driver
//!
//! Beneath them: [`host`] finds libraries and programs, [`shell`] talks to a shell,
//! [`folder`] makes the temporary folder with a copy of Chinook that each trial runs in.

pub mod examples;
pub mod folder;
pub mod host;
pub mod list;
pub mod python;
pub mod quickstart;
pub mod script;
pub mod shell;
pub mod symbols;

/// What a trial gives: nothing, or the words to print.
pub type Outcome<T = ()> = Result<T, String>;

/// A trial with this name.
fn trial(
    name: impl Into<String>,
    run: impl FnOnce() -> Outcome + Send + 'static,
) -> libtest_mimic::Trial {
    libtest_mimic::Trial::test(name, || run().map_err(libtest_mimic::Failed::from))
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
