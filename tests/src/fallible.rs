//! Public functions of `shared` that can fail say when: their documentation has a sentence that begins with "Errors".
//!
//! Read as text. A [`Refusal`](lumos_core::route::Refusal) is an answer and no error, so functions that give one are
//! left out, and so are tests.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;

use crate::{Outcome, host, trial};

/// The trials of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        trial("fallible::shared", || {
            let silent = in_folder(&host::root().join("shared/src")).map_err(|e| e.to_string())?;
            if silent.is_empty() {
                Ok(())
            } else {
                Err(format!(
                    "write \"Errors if ...\" into the documentation of:\n{}",
                    silent.join("\n")
                ))
            }
        }),
        trial(
            "fallible::a_silent_function_is_found",
            a_silent_function_is_found,
        ),
    ]
}

fn in_folder(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut silent = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            silent.extend(in_folder(&path)?);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let named = |name: String| format!("{}: {name}", path.display());
            silent.extend(
                silent_functions(&fs::read_to_string(&path)?)
                    .into_iter()
                    .map(named),
            );
        }
    }
    Ok(silent)
}

/// The names of public functions that give a `Result` and do not say when it is an error.
fn silent_functions(text: &str) -> Vec<String> {
    let code = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let mut silent = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let rest = line
            .strip_prefix("pub ")
            .map(|l| l.strip_prefix("const ").unwrap_or(l));
        let Some(rest) = rest.and_then(|l| l.strip_prefix("fn ")) else {
            continue;
        };
        let mut signature = String::new();
        for line in &lines[i..] {
            signature += line;
            if line.ends_with(['{', ';']) {
                break;
            }
        }
        let result = signature.rsplit_once("->").map_or("", |(_, result)| result);
        let above = lines[..i].iter().rev();
        let documentation: Vec<&&str> = above
            .take_while(|l| l.starts_with("///") || l.starts_with("#["))
            .collect();
        let says = documentation.iter().any(|l| l.contains("Errors"));
        if result.contains("Result<") && !result.contains("Refusal") && !says {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            silent.push(name.to_owned());
        }
    }
    silent
}

/// The finder, on functions of each sort.
fn a_silent_function_is_found() -> Outcome {
    const TEXT: &str = "
        /// Reads a number.
        pub fn silent(
            text: &str,
        ) -> Result<i64> {
        /// Reads a number.
        pub const fn also<E>(each: impl Fn() -> Result<(), E>) -> Option<Result<i64>> {
        /// Reads a number. Errors if it is none.
        #[must_use]
        pub fn says(text: &str) -> Result<i64> {
        /// Takes what may fail.
        pub fn takes(result: Result<i64>) -> i64 {
        /// As a statement, or why not.
        pub fn refuses(text: &str) -> Result<String, Refusal> {
        fn private() -> Result<i64> {
";
    let found = silent_functions(TEXT);
    if found == ["silent", "also"] {
        Ok(())
    } else {
        Err(format!("found {found:?}"))
    }
}
