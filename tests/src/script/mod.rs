//! Runs `slt/**/*.slt` in the real shells, each file in a fresh folder with a copy of Chinook.
//!
//! The form of a file, after sqllogictest; records are parted by empty lines:
//! - `engines sqlite duckdb`: first record, the shells that run the file
//! - `load`: loads Lumos; `restart`: ends the shell and starts a new one in the same folder
//! - `statement ok` and `statement error <part of the message>`, then the SQL
//! - `run`, then a query of one text: its statements are run
//! - `query`, the SQL, `----`, the rows in list mode; NULL as `NULL`, empty text as `(empty)`
//! - `elsewhere sqlite` or `elsewhere duckdb`, then as in `query`: in another process without
//!   Lumos, on Chinook or read-only on its mirror
//! - `onlyif <engine>` before any of these, after a comment that gives the reason
//!
//! A step that both shells take is written for SQLite: where it has `FROM f(...)`, and `f` gives rows in both, DuckDB
//! gets `FROM query(f(...))`.

mod parse;

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use lumos_core::functions::FUNCTIONS;
use lumos_core::{Engines, program};

use crate::folder::Folder;
use crate::shell::{self, Answer, Engine, Shell};
use crate::{Outcome, host, same, trial};
pub use parse::{Action, Record, Script, parse};

/// All files below `slt/`, sorted, as paths relative to it without `.slt`.
pub fn names() -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => walk(&path, found),
                path => found.push(path),
            }
        }
    }
    let root = host::tests().join("slt");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let mut names: Vec<String> = files
        .iter()
        .filter_map(|f| {
            f.with_extension("")
                .strip_prefix(&root)
                .ok()
                .map(|n| n.display().to_string())
        })
        .collect();
    names.sort();
    names
}

/// Reads the file with this name.
pub fn read(name: &str) -> Outcome<Script> {
    let path = host::tests().join("slt").join(format!("{name}.slt"));
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    parse(&text).map_err(|e| format!("tests/slt/{name}.slt:{e}"))
}

/// One trial for each file and each shell that it names.
pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for name in names() {
        match read(&name) {
            Err(error) => trials.push(trial(format!("slt::{name}"), move || Err(error))),
            Ok(script) => {
                for engine in script.engines {
                    let name = name.clone();
                    trials.push(trial(format!("{}::{name}", engine.name()), move || {
                        run(&name, engine)
                    }));
                }
            }
        }
    }
    trials
}

fn run(name: &str, engine: Engine) -> Outcome {
    let script = read(name)?;
    let folder = Folder::with_chinook()?;
    let mut shell = Shell::start(engine, folder.path())?;
    for record in script
        .records
        .iter()
        .filter(|r| r.only.is_none_or(|only| only == engine))
    {
        let place = |e| format!("tests/slt/{name}.slt:{}: {e}", record.line);
        match &record.action {
            Action::Restart => {
                shell.end().map_err(place)?;
                shell = Shell::start(engine, folder.path()).map_err(place)?;
            }
            action => {
                let for_sqlite = record.only.is_none() && script.engines.contains(&Engine::Sqlite);
                let written = |sql: &str| {
                    if for_sqlite && engine == Engine::DuckDb {
                        in_duckdb(sql)
                    } else {
                        sql.to_owned()
                    }
                };
                perform(action, &written, &mut shell, &folder).map_err(place)?;
            }
        }
    }
    shell.end()
}

/// A statement that is written for SQLite, as DuckDB has it.
fn in_duckdb(sql: &str) -> String {
    let rows = FUNCTIONS
        .iter()
        .filter(|f| f.engines == Engines::Both && f.is_query());
    rows.fold(sql.to_owned(), |sql, f| program::in_duckdb(&sql, f.name))
}

/// Does a step with its SQL as it is written for this shell.
fn perform(
    action: &Action,
    written: &dyn Fn(&str) -> String,
    shell: &mut Shell,
    folder: &Folder,
) -> Outcome {
    match action {
        Action::Restart => Ok(()),
        Action::Load => shell.load(),
        Action::Run { sql } => {
            let statements = shell.run(&written(sql))?.rows()?.join("\n");
            shell.run(&statements)?.rows().map(|_| ())
        }
        Action::Succeed { sql } => shell
            .run(&written(sql))?
            .rows()
            .map(|_| ())
            .map_err(|e| format!("{sql}\n{e}")),
        Action::Fail { sql, message } => match shell.run(&written(sql))? {
            Answer { error, .. } if !error.is_empty() && error.contains(message) => Ok(()),
            Answer { error, rows } => Err(format!(
                "{sql}\n  expected the error: {message}\n  found: {error}{}",
                rows.join("\n")
            )),
        },
        Action::Query { sql, rows } => compare(sql, shell.run(&written(sql))?.rows(), rows),
        Action::Elsewhere { engine, sql, rows } => {
            compare(sql, shell::elsewhere(*engine, folder.path(), sql), rows)
        }
    }
}

fn compare(sql: &str, found: Outcome<Vec<String>>, expected: &[String]) -> Outcome {
    let found = found.map_err(|e| format!("{sql}\n{e}"))?;
    let shown: Vec<String> = found
        .into_iter()
        .map(|row| {
            if row.is_empty() {
                "(empty)".to_owned()
            } else {
                row
            }
        })
        .collect();
    same(sql, &shown, expected)
}
