//! Every example of every function gives its answer, in every engine that has the function; and no number that stands
//! in its place makes more of a number in an example than an answer or an error.

use std::ops::Range;

use libtest_mimic::Trial;
use lumos_core::Function;
use lumos_core::functions::FUNCTIONS;
use lumos_core::reference::{self, Shown};

use crate::folder::Folder;
use crate::list::exists;
use crate::shell::{Answer, Engine, Shell};
use crate::{Outcome, trial};

/// Numbers at the edges of what arithmetic takes.
const EDGES: [&str; 7] = [
    "0",
    "-1",
    "0.5",
    "1e308",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
];

/// One trial for each function and engine, and one for each engine.
pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for engine in Engine::ALL {
        trials.push(trial(format!("{}::numbers", engine.name()), move || {
            numbers(engine)
        }));
        for f in FUNCTIONS.iter().copied().filter(|f| exists(f, engine)) {
            trials.push(trial(
                format!("{}::example::{}", engine.name(), f.name),
                move || run(f, engine),
            ));
        }
    }
    trials
}

fn run(function: &Function, engine: Engine) -> Outcome {
    let folder = Folder::with_chinook()?;
    let mut shell = Shell::start(engine, folder.path())?;
    shell.load()?;
    for statement in function.setup {
        shell.run(statement)?.rows()?;
    }
    for example in reference::examples(function, engine == Engine::DuckDb) {
        let found = shell.run(&example.sql)?;
        check(&example, found)?;
    }
    shell.end()
}

/// Each number of each example becomes each of [`EDGES`].
fn numbers(engine: Engine) -> Outcome {
    let in_duckdb = engine == Engine::DuckDb;
    for function in FUNCTIONS.iter().copied().filter(|f| exists(f, engine)) {
        let folder = Folder::with_chinook()?;
        let mut shell = Shell::start(engine, folder.path())?;
        shell.load()?;
        for statement in function.setup {
            shell.run(statement)?.rows()?;
        }
        for example in reference::examples(function, in_duckdb) {
            // Such numbers are rows of the engine's own.
            let counts = ["RECURSIVE", "range("];
            if !counts.iter().any(|word| example.sql.contains(word)) {
                for place in numbers_in(&example.sql) {
                    for edge in EDGES {
                        let mut sql = example.sql.clone();
                        // After a minus, a negative number would begin a comment.
                        let minus = sql.get(..place.start).is_some_and(|s| s.ends_with('-'));
                        let space = if minus { " " } else { "" };
                        sql.replace_range(place.clone(), &format!("{space}{edge}"));
                        let found = shell.run(&sql)?;
                        if found.error.contains("internal error") {
                            return Err(format!("{sql}\n  {}", found.error));
                        }
                    }
                }
            }
            shell.run(&example.sql)?;
        }
        shell.end()?;
    }
    Ok(())
}

/// Where a text has numbers that are not part of a word.
fn numbers_in(sql: &str) -> Vec<Range<usize>> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    let mut places = Vec::new();
    let mut start = 0;
    for word in sql.as_bytes().split_inclusive(|b| !is_word(b)) {
        let length = word.iter().take_while(|b| is_word(b)).count();
        let text = sql.get(start..start + length).unwrap_or_default();
        if text.parse::<f64>().is_ok() && text.starts_with(|c: char| c.is_ascii_digit()) {
            places.push(start..start + length);
        }
        start += word.len();
    }
    places
}

fn check(example: &Shown, found: Answer) -> Outcome {
    let printed = found.rows.join("\n");
    // DuckDB prints JSON text with its quotes, SQLite's json_extract without.
    let unquoted = printed.trim_matches('"');
    // DuckDB prints a list of structs in a form of its own: [{'id': 1, 'distance': 0.0}].
    let as_json = printed
        .replace('\'', "\"")
        .replace("\": ", "\":")
        .replace(", ", ",");
    let answered = if found.error.is_empty() {
        [printed.as_str(), unquoted, &as_json].contains(&example.answer)
    } else {
        // Where nothing is to come, no error is either.
        !example.answer.is_empty() && found.error.contains(example.answer)
    };
    if answered {
        Ok(())
    } else {
        Err(format!(
            "{}\n  the example says: {}\n  the shell says: {printed}{}",
            example.sql, example.answer, found.error
        ))
    }
}
