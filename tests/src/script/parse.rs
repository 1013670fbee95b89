//! Reads a test file into records.

use crate::Outcome;
use crate::shell::Engine;

/// A test file.
#[derive(Debug)]
pub struct Script {
    /// The shells that run it.
    pub engines: Vec<Engine>,
    /// What they do, in order.
    pub records: Vec<Record>,
}

/// One step.
#[derive(Debug)]
pub struct Record {
    /// Where it begins, from 1.
    pub line: usize,
    /// The only shell that takes it, if not all do.
    pub only: Option<Engine>,
    /// The step.
    pub action: Action,
}

/// What a step does and expects.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are what the variants name")]
pub enum Action {
    /// Loads Lumos.
    Load,
    /// Ends the shell and starts a new one in the same folder.
    Restart,
    /// A query of one text, whose statements are run.
    Run { sql: String },
    /// A statement that succeeds.
    Succeed { sql: String },
    /// A statement that fails with a message that contains this.
    Fail { sql: String, message: String },
    /// A statement with these rows.
    Query { sql: String, rows: Vec<String> },
    /// The same in another process without Lumos.
    Elsewhere {
        engine: Engine,
        sql: String,
        rows: Vec<String>,
    },
}

/// Reads a file; an error begins with the line number.
pub fn parse(text: &str) -> Outcome<Script> {
    let lines: Vec<&str> = text.lines().collect();
    let mut script = Script {
        engines: Vec::new(),
        records: Vec::new(),
    };
    let (mut at, mut reasoned) = (0, false);
    while at < lines.len() {
        let block_end = lines[at..]
            .iter()
            .position(|l| l.is_empty())
            .map_or(lines.len(), |n| at + n);
        let mut block = &lines[at..block_end];
        let mut line = at + 1;
        at = block_end + 1;
        while let Some(comment) = block.first().filter(|l| l.starts_with('#')) {
            reasoned = !comment.trim_matches('#').trim().is_empty();
            (block, line) = (&block[1..], line + 1);
        }
        let Some(head) = block.first() else { continue };
        if let Some(names) = head.strip_prefix("engines ") {
            script.engines = names.split(' ').map(engine).collect::<Outcome<_>>()?;
        } else {
            script
                .records
                .push(record(block, line, reasoned).map_err(|e| format!("{line}: {e}"))?);
        }
        reasoned = false;
    }
    if script.engines.is_empty() {
        Err("1: begin with `engines sqlite` or `engines sqlite duckdb`".into())
    } else {
        Ok(script)
    }
}

fn engine(name: &str) -> Outcome<Engine> {
    let found = Engine::ALL.into_iter().find(|e| e.name() == name);
    found.ok_or_else(|| format!("no engine \"{name}\"; sqlite or duckdb"))
}

fn record(mut block: &[&str], line: usize, reasoned: bool) -> Outcome<Record> {
    let mut only = None;
    if let Some(name) = block[0].strip_prefix("onlyif ") {
        if !reasoned {
            return Err("onlyif needs a comment before it that gives the reason".into());
        }
        only = Some(engine(name)?);
        block = &block[1..];
    }
    let Some((head, body)) = block.split_first() else {
        return Err("onlyif without a step".into());
    };
    let split = body.iter().position(|l| *l == "----");
    let sql = body[..split.unwrap_or(body.len())].join("\n");
    let rows: Vec<String> = split
        .map_or(&[][..], |n| &body[n + 1..])
        .iter()
        .map(|l| l.to_string())
        .collect();
    let action = match (*head, head.split_once(' ').map(|(_, rest)| rest)) {
        ("load", _) => Action::Load,
        ("restart", _) => Action::Restart,
        ("run", _) => Action::Run { sql },
        ("query", _) if split.is_some() => Action::Query { sql, rows },
        ("statement ok", _) => Action::Succeed { sql },
        (_, Some(rest)) if rest.starts_with("error ") => Action::Fail {
            sql,
            message: rest["error ".len()..].to_owned(),
        },
        (_, Some(name)) if head.starts_with("elsewhere ") => Action::Elsewhere {
            engine: engine(name)?,
            sql,
            rows,
        },
        _ => return Err(format!("cannot read \"{head}\"")),
    };
    let bare = matches!(action, Action::Load | Action::Restart);
    if bare == body.is_empty() {
        Ok(Record { line, only, action })
    } else {
        Err(format!("\"{head}\" has lines too many or too few"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind_of_record() {
        let text = "# A file.\nengines sqlite duckdb\n\nload\n\nstatement ok\nSELECT 1\n\n\
            # Only here.\nonlyif duckdb\nstatement error f: no; do\nSELECT\n2\n\n\
            query\nSELECT 3\n----\n3\n(empty)\n\nelsewhere sqlite\nDELETE FROM t\n\nrestart\n";
        let script = parse(text).unwrap();
        assert_eq!(script.engines, Engine::ALL);
        let lines: Vec<usize> = script.records.iter().map(|r| r.line).collect();
        assert_eq!(lines, [4, 6, 10, 15, 21, 24]);
        assert_eq!(script.records[2].only, Some(Engine::DuckDb));
        let actions: Vec<Action> = script.records.into_iter().map(|r| r.action).collect();
        let sql = |s: &str| s.to_owned();
        assert_eq!(
            actions,
            [
                Action::Load,
                Action::Succeed {
                    sql: sql("SELECT 1")
                },
                Action::Fail {
                    sql: sql("SELECT\n2"),
                    message: sql("f: no; do")
                },
                Action::Query {
                    sql: sql("SELECT 3"),
                    rows: vec![sql("3"), sql("(empty)")]
                },
                Action::Elsewhere {
                    engine: Engine::Sqlite,
                    sql: sql("DELETE FROM t"),
                    rows: vec![]
                },
                Action::Restart,
            ]
        );
    }

    #[test]
    fn refuses_what_would_test_nothing() {
        let parsed = |text: &str| parse(text).map(|s| s.records.len());
        assert!(parsed("load\n").unwrap_err().contains("engines"));
        assert!(
            parsed("engines postgres\n")
                .unwrap_err()
                .contains("postgres")
        );
        for (record, word) in [
            ("query\nSELECT 1", "query"),
            ("statement ok", "too few"),
            ("onlyif sqlite\nload", "reason"),
            ("statment ok\nSELECT 1", "statment"),
        ] {
            let error = parsed(&format!("engines sqlite\n\n{record}\n")).unwrap_err();
            assert!(error.starts_with("3: ") && error.contains(word), "{error}");
        }
    }
}
