//! Every example of every function gives its answer, in every engine that has the function.

use libtest_mimic::Trial;
use lumos_core::Function;
use lumos_core::functions::FUNCTIONS;
use lumos_core::reference::{self, Shown};

use crate::folder::Folder;
use crate::list::exists;
use crate::shell::{Answer, Engine, Shell};
use crate::{Outcome, trial};

/// One trial for each function and engine.
pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for engine in Engine::ALL {
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

fn check(example: &Shown, found: Answer) -> Outcome {
    let printed = found.rows.join("\n");
    // DuckDB prints JSON text with its quotes, SQLite's json_extract without.
    let unquoted = printed.trim_matches('"');
    // DuckDB prints a list of structs in a form of its own: [{'id': 1, 'distance': 0.0}].
    let as_json = printed
        .replace('\'', "\"")
        .replace("\": ", "\":")
        .replace(", ", ",");
    let answered = match found.error.is_empty() {
        true => [printed.as_str(), unquoted, &as_json].contains(&example.answer),
        // Where nothing is to come, no error is either.
        false => !example.answer.is_empty() && found.error.contains(example.answer),
    };
    match answered {
        true => Ok(()),
        false => Err(format!(
            "{}\n  the example says: {}\n  the shell says: {printed}{}",
            example.sql, example.answer, found.error
        )),
    }
}
