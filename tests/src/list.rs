//! The list of functions against what is really there: in the engines, in `slt/functions/`, in
//! `sql/reference.md`.

use std::fs;

use libtest_mimic::Trial;
use lumos_core::functions::FUNCTIONS;
use lumos_core::search::stages::STAGES;
use lumos_core::{Engines, Function, Kind, reference};

use crate::folder::Folder;
use crate::shell::{Engine, Shell};
use crate::{Outcome, host, same, script, trial};

/// The trials of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        trial("list::sqlite_shows_the_list", sqlite_shows_the_list),
        trial(
            "list::sqlite_flags_and_arguments",
            sqlite_flags_and_arguments,
        ),
        trial("list::duckdb_shows_the_list", duckdb_shows_the_list),
        trial(
            "list::the_duckdb_inside_shows_the_list",
            inside_shows_the_list,
        ),
        trial("list::names_and_words", names_and_words),
        trial(
            "list::each_function_has_a_test_file",
            each_function_has_a_test_file,
        ),
        trial("list::the_reference_is_current", the_reference_is_current),
    ]
}

/// True if the engine has the function.
pub fn exists(function: &Function, engine: Engine) -> bool {
    match function.engines {
        Engines::Both => true,
        Engines::Sqlite => engine == Engine::Sqlite,
        Engines::DuckDb => engine == Engine::DuckDb,
    }
}

fn names(engine: Engine) -> Vec<String> {
    let mut names: Vec<String> = FUNCTIONS
        .iter()
        .filter(|f| exists(f, engine))
        .map(|f| f.name.to_owned())
        .collect();
    names.sort();
    // A module may have the name of a function.
    names.dedup();
    names
}

/// The aggregates that DuckDB has for functions that read rows, and for the stages of searches.
fn aggregates() -> Vec<String> {
    let mut names: Vec<String> = FUNCTIONS
        .iter()
        .filter_map(|f| Some(f.fold()?.aggregate()))
        .collect();
    names.extend(STAGES.iter().map(|stage| stage.name.to_owned()));
    names.sort();
    names.dedup();
    names
}

/// Loads Lumos and compares what the query gives only afterwards with the list.
fn added(engine: Engine, query: &str, expected: &[String]) -> Outcome {
    let folder = Folder::with_chinook()?;
    let mut shell = Shell::start(engine, folder.path())?;
    // The first use of a pragma function adds a module of SQLite's own.
    shell.run(query)?.rows()?;
    let before = shell.run(query)?.rows()?;
    shell.load()?;
    let mut added = shell.run(query)?.rows()?;
    added.retain(|name| !before.contains(name));
    shell.end()?;
    same("names after loading minus names before", &added, expected)
}

fn sqlite_shows_the_list() -> Outcome {
    added(
        Engine::Sqlite,
        "SELECT name FROM pragma_function_list UNION SELECT name FROM pragma_module_list ORDER BY 1",
        &names(Engine::Sqlite),
    )
}

fn duckdb_shows_the_list() -> Outcome {
    added(
        Engine::DuckDb,
        "SELECT DISTINCT function_name FROM duckdb_functions() ORDER BY 1",
        &[aggregates(), names(Engine::DuckDb)].concat(),
    )
}

fn inside_shows_the_list() -> Outcome {
    let folder = Folder::with_chinook()?;
    let mut shell = Shell::start(Engine::Sqlite, folder.path())?;
    shell.load()?;
    let sql = "SELECT c0 FROM lumos_query('SELECT DISTINCT function_name FROM duckdb_functions() \
               WHERE function_name LIKE ''lumos%'' ORDER BY 1')";
    let shown = shell.run(sql)?.rows()?;
    same("names inside lumos_query", &shown, &names(Engine::DuckDb))
}

/// Scalars of SQLite have the numbers of arguments and the determinism that the list says.
fn sqlite_flags_and_arguments() -> Outcome {
    const DETERMINISTIC: u32 = 0x800;
    let folder = Folder::with_chinook()?;
    let mut shell = Shell::start(Engine::Sqlite, folder.path())?;
    shell.load()?;
    let sql = format!(
        "SELECT name, narg, flags & {DETERMINISTIC} > 0 FROM pragma_function_list \
         WHERE name LIKE 'lumos%'"
    );
    // As lines: a name may begin another.
    let mut shown = shell.run(&sql)?.rows()?;
    shown.sort();
    let mut expected = Vec::new();
    for f in FUNCTIONS
        .iter()
        .filter(|f| exists(f, Engine::Sqlite))
        .filter(|f| matches!(f.kind, Kind::Scalar(_) | Kind::Aggregate))
    {
        for arguments in f.min_args()..=f.params.len() {
            expected.push(format!(
                "{}|{arguments}|{}",
                f.name,
                u8::from(f.deterministic && !f.names_model(arguments))
            ));
        }
    }
    expected.sort();
    same("name | arguments | deterministic", &shown, &expected)
}

fn names_and_words() -> Outcome {
    let mut faults = Vec::new();
    for (i, f) in FUNCTIONS.iter().enumerate() {
        let mut wrong = |fault: bool, what: &str| {
            if fault {
                faults.push(format!("{}: {what}", f.name));
            }
        };
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let rest = f.name.strip_prefix("lumos_").unwrap_or_default();
        wrong(
            rest.is_empty() || !rest.chars().all(allowed),
            "the name is not ^lumos_[a-z0-9_]+$",
        );
        wrong(
            FUNCTIONS[..i].iter().any(|other| {
                // What SQLite stores by itself, DuckDB gives to the caller as rows.
                let stores = [other.engines, f.engines] == [Engines::Sqlite, Engines::DuckDb]
                    && matches!(
                        (other.body, f.body),
                        (
                            lumos_core::Body::Host,
                            lumos_core::Body::Rows(_) | lumos_core::Body::Sql(_)
                        )
                    );
                other.name == f.name
                    && (other.kind == Kind::Module) == (f.kind == Kind::Module)
                    && !stores
            }),
            "twice in the list",
        );
        let first = f.doc.chars().next();
        let sentence = first.is_some_and(|c| !c.is_lowercase()) && f.doc.ends_with('.');
        wrong(!sentence, "the doc is not a sentence");
        wrong(
            !f.params.is_sorted_by_key(|p| p.optional),
            "an optional argument before a needed one",
        );
    }
    same("faults of the list", &faults, &[])
}

fn each_function_has_a_test_file() -> Outcome {
    let mut files: Vec<String> = Vec::new();
    for name in script::names() {
        let Some(function) = name.strip_prefix("functions/") else {
            continue;
        };
        files.push(function.to_owned());
        let engines = script::read(&name)?.engines;
        if lumos_core::functions::find(function).is_some() {
            let there = |e: &Engine| {
                let mut named = FUNCTIONS.iter().filter(|f| f.name == function);
                named.any(|f| exists(f, *e))
            };
            let expected: Vec<Engine> = Engine::ALL.into_iter().filter(there).collect();
            if engines != expected {
                return Err(format!(
                    "tests/slt/{name}.slt: engines must be those of the function"
                ));
            }
        }
    }
    let mut names: Vec<String> = Engine::ALL.into_iter().flat_map(names).collect();
    names.sort();
    names.dedup();
    same("files in tests/slt/functions", &files, &names)
}

fn the_reference_is_current() -> Outcome {
    let path = host::root().join("sql/reference.md");
    match fs::read_to_string(&path) {
        Ok(text) if text == reference::render() => Ok(()),
        _ => Err("sql/reference.md is not what the list says; run `make docs`".into()),
    }
}
