//! README.md and the pages of `sql/guide/` show what really comes: their code is run.
//!
//! A page has a folder of its own with Chinook, laid out as the repository is after `make build`.
//! Its blocks run in their order: `sql` in the `sqlite3` shell, `sql duckdb` in the `duckdb`
//! shell, one session each that `.quit` ends, and `python` in a process of its own. What
//! follows a statement as lines of `-- ` is what the shell prints in list mode, or a part of its
//! error; `-- ...` as the last line leaves out the rest. A `text` block after one of `python` is
//! its whole output. Blocks of other languages are only read. Links lead somewhere, and the errors
//! that operations.md explains are in the sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;

use crate::folder::{Folder, copy_chinook};
use crate::shell::{Engine, Shell};
use crate::{Outcome, host, trial};

/// The version of Python's `duckdb` that the pages may import.
const DUCKDB: &str = "1.5.5";

/// One trial for README.md, one for each page, one for the links of all, one for the errors explained,
/// one for the files that the READMEs of the rooms name.
pub fn trials() -> Vec<Trial> {
    let mut pages = vec![host::root().join("README.md")];
    pages.extend(files(&host::root().join("sql/guide")));
    let mut trials: Vec<Trial> = pages
        .into_iter()
        .map(|page| {
            let name = page.file_stem().unwrap_or_default().to_string_lossy();
            trial(format!("guide::{name}"), move || run(&page))
        })
        .collect();
    trials.push(trial("guide::links", links));
    trials.push(trial("guide::errors", errors));
    trials.push(trial("guide::rooms", rooms));
    trials
}

/// The Markdown files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = listing
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    files.sort();
    files
}

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block<'a> {
    /// The number of its first line of code in the page.
    line: usize,
    language: &'a str,
    lines: Vec<&'a str>,
}

/// The blocks of a page. Errors if one has no language, or does not end.
fn blocks(text: &str) -> Outcome<Vec<Block<'_>>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (number, line) in (1..).zip(text.lines()) {
        match (line.strip_prefix("```"), open.take()) {
            (Some(""), Some(block)) => blocks.push(block),
            (Some(""), None) => {
                return Err(format!("line {number}: a block without a language"));
            }
            (Some(language), None) => {
                open = Some(Block {
                    line: number + 1,
                    language,
                    lines: Vec::new(),
                });
            }
            (Some(_), Some(_)) => return Err(format!("line {number}: a block in a block")),
            (None, Some(mut block)) => {
                block.lines.push(line);
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    match open {
        None => Ok(blocks),
        Some(block) => Err(format!("line {}: a block without an end", block.line)),
    }
}

/// A statement, or a command of the shell, with what is to come.
#[derive(Debug, PartialEq, Eq)]
struct Statement {
    line: usize,
    sql: String,
    expected: Vec<String>,
}

/// The statements of a block. Errors if the last one has no `;` at its end.
fn statements(block: &Block<'_>) -> Outcome<Vec<Statement>> {
    let mut statements: Vec<Statement> = Vec::new();
    let mut sql = String::new();
    let mut begun = block.line;
    // Whether a comment belongs to the last statement.
    let mut follows = false;
    for (number, line) in (block.line..).zip(&block.lines) {
        if sql.is_empty() {
            begun = number;
            let row = line
                .strip_prefix("--")
                .map(|l| l.strip_prefix(' ').unwrap_or(l));
            match (row, statements.last_mut()) {
                (Some(row), Some(last)) if follows => {
                    last.expected.push(row.to_owned());
                    continue;
                }
                (Some(_), _) => continue,
                (None, _) if line.trim().is_empty() => {
                    follows = false;
                    continue;
                }
                (None, _) => {}
            }
        } else {
            sql.push('\n');
        }
        sql.push_str(line);
        follows = line.ends_with(';') || sql.starts_with('.');
        if follows {
            statements.push(Statement {
                line: begun,
                sql: std::mem::take(&mut sql),
                expected: Vec::new(),
            });
        }
    }
    if sql.is_empty() {
        Ok(statements)
    } else {
        Err(format!("line {begun}: a statement without an end: {sql}"))
    }
}

/// Runs all code of a page.
fn run(page: &Path) -> Outcome {
    let text = fs::read_to_string(page).map_err(|e| format!("{}: {e}", page.display()))?;
    let folder = prepared()?;
    let mut sessions: [Option<Shell>; 2] = [None, None];
    let mut errors = Vec::new();
    let mut run = 0;
    let blocks = blocks(&text)?;
    for (place, block) in blocks.iter().enumerate() {
        let (engine, session) = match (block.language, &mut sessions) {
            ("sql", [sqlite, _]) => (Engine::Sqlite, sqlite),
            ("sql duckdb", [_, duckdb]) => (Engine::DuckDb, duckdb),
            ("python", _) => {
                let next = blocks.get(place + 1).filter(|b| b.language == "text");
                errors.extend(python(block, next, folder.path()).err());
                run += 1;
                continue;
            }
            ("sh" | "text", _) => continue,
            (other, _) => {
                return Err(format!("line {}: what runs {other:?}?", block.line));
            }
        };
        for statement in statements(block)? {
            run += 1;
            if statement.sql == ".quit" {
                session.take().map_or(Ok(()), Shell::end)?;
                continue;
            }
            let shell = match session {
                Some(shell) => shell,
                None => session.insert(Shell::start(engine, folder.path())?),
            };
            errors.extend(check(shell, &statement).err());
        }
    }
    for shell in sessions.into_iter().flatten() {
        shell.end()?;
    }
    match (run, errors.is_empty()) {
        (0, _) => Err("no block of this page runs".to_owned()),
        (_, true) => Ok(()),
        _ => Err(errors.join("\n")),
    }
}

/// Runs a statement and compares what it prints.
fn check(shell: &mut Shell, statement: &Statement) -> Outcome {
    let answer = shell.run(&statement.sql)?;
    let (more, expected) = match statement.expected.split_last() {
        Some((last, rest)) if last == "..." => (true, rest),
        _ => (false, statement.expected.as_slice()),
    };
    let right = match (answer.error.is_empty(), more) {
        (true, true) => answer.rows.len() > expected.len() && answer.rows.starts_with(expected),
        (true, false) => answer.rows == expected,
        (false, _) => !expected.is_empty() && answer.error.contains(&expected.join("\n")),
    };
    if right {
        Ok(())
    } else {
        Err(format!(
            "line {}: {}\n  the page says:\n{}\n  the shell says:\n{}{}",
            statement.line,
            statement.sql,
            statement.expected.join("\n"),
            answer.rows.join("\n"),
            answer.error
        ))
    }
}

/// Runs a script, and compares what it prints with the block that follows it.
fn python(block: &Block<'_>, output: Option<&Block<'_>>, folder: &Path) -> Outcome {
    let found = Command::new(host::python()?)
        .args(["-B", "-c", &block.lines.join("\n")])
        .current_dir(folder)
        .env("PYTHONPATH", host::python_duckdb(DUCKDB)?)
        .output()
        .map_err(|e| format!("python: {e}; run `make hosts`"))?;
    let printed = String::from_utf8_lossy(&found.stdout);
    let error = String::from_utf8_lossy(&found.stderr);
    let expected = output.map(|b| b.lines.join("\n")).unwrap_or_default();
    if found.status.success() && printed.trim_end() == expected {
        Ok(())
    } else {
        Err(format!(
            "line {}: the page says:\n{expected}\n  Python says:\n{printed}{error}",
            block.line
        ))
    }
}

/// A folder with Chinook, laid out as the repository is after `make build`.
fn prepared() -> Outcome<Folder> {
    let folder = Folder::built()?;
    copy_chinook(&folder.path().join(crate::folder::DATABASE))?;
    Ok(folder)
}

/// Every link from a page to a file or a heading of the repository leads somewhere.
fn links() -> Outcome {
    let root = host::root();
    let mut pages = files(&root);
    for room in [
        "shared",
        "sqlite-ext",
        "duckdb-ext",
        "tests",
        "tests/bench",
        "sql/guide",
    ] {
        pages.extend(files(&root.join(room)));
    }
    let mut errors = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).map_err(|e| e.to_string())?;
        for target in text.split("](").skip(1).filter_map(|t| t.split(')').next()) {
            if !target.contains("://") && !leads(&page, target) {
                errors.push(format!("{}: {target} leads nowhere", page.display()));
            }
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join("\n"))
    }
}

/// Whether there is the file that `target` names, as seen from `page`, and in it the heading.
fn leads(page: &Path, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.to_path_buf(),
        file => page.parent().unwrap_or(page).join(file),
    };
    match heading {
        "" => path.exists(),
        _ => fs::read_to_string(&path).is_ok_and(|text| {
            let titles = text.lines().filter(|line| line.starts_with('#'));
            titles.map(anchor).any(|title| title == heading)
        }),
    }
}

/// The name by which a link finds a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let title = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Every error that the tables of operations.md explain is one that Lumos can say.
fn errors() -> Outcome {
    let root = host::root();
    let mut files = Vec::new();
    for room in ["shared", "sqlite-ext", "duckdb-ext"] {
        paths(&root.join(room).join("src"), &mut files)?;
    }
    let mut sources = String::new();
    let is_source = |file: &&String| file.ends_with(".rs") || file.ends_with(".cpp");
    for file in files.iter().filter(is_source) {
        sources.push_str(&fs::read_to_string(file).map_err(|e| e.to_string())?);
    }
    let said = as_said(&sources);
    let page =
        fs::read_to_string(root.join("sql/guide/operations.md")).map_err(|e| e.to_string())?;
    let (_, tables) = page
        .split_once("\n## Errors")
        .ok_or("no errors in operations.md")?;
    let texts = tables
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let unknown: Vec<&str> = texts
        .filter(|text| text.split('…').any(|part| !said.contains(part.trim())))
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(format!("nothing says:\n{}", unknown.join("\n")))
    }
}

/// The files and folders that the READMEs of the rooms name, by the end of their paths, are there.
fn rooms() -> Outcome {
    const ROOMS: [&str; 4] = ["shared", "sqlite-ext", "duckdb-ext", "tests"];
    let root = host::root();
    let mut there = Vec::new();
    for folder in ROOMS.into_iter().chain(["sql"]) {
        there.push(format!("/{folder}/"));
        paths(&root.join(folder), &mut there)?;
    }
    let mut errors = Vec::new();
    for room in ROOMS {
        let page = root.join(room).join("README.md");
        let text = fs::read_to_string(&page).map_err(|e| e.to_string())?;
        for name in text.split('`').skip(1).step_by(2) {
            let mut letters = name.chars();
            let is_path = letters.all(|c| c.is_alphanumeric() || "/_-.".contains(c))
                && [".rs", ".cpp", ".sql", "/"]
                    .iter()
                    .any(|end| name.ends_with(end));
            let ending = format!("/{name}");
            if is_path && !there.iter().any(|path| path.ends_with(&ending)) {
                errors.push(format!("{room}/README.md: there is no {name}"));
            }
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join("\n"))
    }
}

/// The paths below a folder, those of folders with a `/` at the end.
fn paths(folder: &Path, found: &mut Vec<String>) -> Outcome {
    for entry in fs::read_dir(folder).map_err(|e| e.to_string())?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.push(format!("{}/", path.display()));
            paths(&path, found)?;
        } else {
            found.push(path.display().to_string());
        }
    }
    Ok(())
}

/// The texts of sources as they are printed: lines joined, quotes and braces single.
fn as_said(source: &str) -> String {
    let mut lines = source.split("\\\n");
    let mut said = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        said.push_str(line.trim_start());
    }
    said.replace("\\\"", "\"")
        .replace("{{", "{")
        .replace("}}", "}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_blocks_of_statements_with_what_they_print() {
        let page = "Words.\n\n```sql\n-- A remark.\nSELECT 1,\n  2;\n-- 1|2\n--\n\n-- Another.\n.load x\nSELECT 3;\n```\n```text\n;\n```\n";
        let blocks = blocks(page).unwrap();
        assert_eq!(blocks.len(), 2);
        let statement = |line, sql: &str, expected: &[&str]| Statement {
            line,
            sql: sql.to_owned(),
            expected: expected.iter().map(|e| (*e).to_owned()).collect(),
        };
        assert_eq!(
            statements(&blocks[0]).unwrap(),
            [
                statement(5, "SELECT 1,\n  2;", &["1|2", ""]),
                statement(11, ".load x", &[]),
                statement(12, "SELECT 3;", &[]),
            ]
        );
        assert!(statements(&blocks[1]).is_ok());
    }

    #[test]
    fn what_has_no_language_or_no_end_is_an_error() {
        assert!(blocks("```\nx\n```\n").is_err());
        assert!(blocks("```sql\nSELECT 1;\n").is_err());
        let blocks = blocks("```sql\nSELECT 1\n```\n").unwrap();
        assert!(statements(&blocks[0]).is_err());
    }

    #[test]
    fn a_text_over_two_lines_is_said_in_one() {
        let source = "\"give {{\\\"a\\\": 1}}; \\\n     or not\"";
        assert_eq!(as_said(source), "\"give {\"a\": 1}; or not\"");
    }

    #[test]
    fn headings_are_found_as_github_names_them() {
        assert_eq!(
            anchor("## `lumos_vec`: the table, 2"),
            "lumos_vec-the-table-2"
        );
    }
}
