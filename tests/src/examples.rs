//! Every example of every function gives its answer, in every engine that has the function.

use libtest_mimic::Trial;
use lumos_core::functions::FUNCTIONS;
use lumos_core::{Example, Function};

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

/// What the examples of a function find: Chinook with nothing tracked, if not said here.
fn before(function: &Function) -> &'static str {
    match function.name {
        "lumos_detach" => "SELECT lumos_attach()",
        "lumos_query" | "lumos_auto" | "lumos_route" | "lumos_table" => "SELECT lumos_track('*')",
        "lumos_status" | "lumos_lag" | "lumos_schema_log" | "lumos_verify" | "lumos_repair"
        | "lumos_untrack" | "lumos_resync" | "lumos_import" | "lumos_scalar" | "lumos_exec"
        | "lumos_explain" | "lumos_optimize" => "SELECT lumos_track('Genre')",
        "lumos_tier" | "lumos_tier_run" | "lumos_untier" => {
            r#"SELECT lumos_attach(NULL, '{"allow_files": ["."]}'), lumos_track('Invoice')"#
        }
        _ => "SELECT 1",
    }
}

fn run(function: &Function, engine: Engine) -> Outcome {
    let folder = Folder::with_chinook()?;
    let mut shell = Shell::start(engine, folder.path())?;
    shell.load()?;
    shell.run(before(function))?.rows()?;
    for example in function.examples {
        check(example, shell.run(example.sql)?)?;
    }
    shell.end()
}

fn check(example: &Example, found: Answer) -> Outcome {
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
