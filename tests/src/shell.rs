//! A real shell as a child process, statement by statement.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::folder::DATABASE;
use crate::{Outcome, host};

/// How long one statement may take; more is a hang, such as an unclosed quote.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the shells print for NULL here, so that it differs from empty text.
pub const NULL: &str = "NULL";

/// Which shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `sqlite3` on the copy of Chinook.
    Sqlite,
    /// `duckdb` in memory.
    DuckDb,
}

impl Engine {
    /// Both.
    pub const ALL: [Engine; 2] = [Engine::Sqlite, Engine::DuckDb];

    /// The name in trials and test files.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Sqlite => "sqlite",
            Engine::DuckDb => "duckdb",
        }
    }

    /// The statement that loads Lumos.
    pub fn load_statement(self) -> Outcome<String> {
        Ok(match self {
            Engine::Sqlite => {
                let library = host::sqlite_extension()?.with_extension("");
                format!(".load '{}'", library.display())
            }
            Engine::DuckDb => format!("LOAD '{}'", host::duckdb_extension()?.display()),
        })
    }

    /// The shell's command without arguments, started so that it hands over each line at once.
    fn command(self) -> Outcome<Command> {
        // Both shells keep what they print to a pipe until 4 kB are full; `stdbuf` makes it a line.
        let mut command = Command::new("stdbuf");
        command.arg("-oL");
        match self {
            Engine::Sqlite => command.arg("sqlite3"),
            Engine::DuckDb => command
                .arg(host::duckdb_shell()?)
                .args(["-unsigned", "-no-init"]),
        };
        command.arg("-batch");
        Ok(command)
    }
}

/// What a statement printed.
#[derive(Debug, Default)]
pub struct Answer {
    /// Lines on standard output: the rows in list mode.
    pub rows: Vec<String>,
    /// Standard error; empty if the statement succeeded.
    pub error: String,
}

impl Answer {
    /// The rows of a statement that must succeed.
    pub fn rows(self) -> Outcome<Vec<String>> {
        if self.error.is_empty() {
            Ok(self.rows)
        } else {
            Err(self.error)
        }
    }
}

/// A running shell.
pub struct Shell {
    engine: Engine,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: PathBuf,
    errors_read: usize,
    sent: usize,
}

impl Shell {
    /// Starts the shell in this folder: `sqlite3` on Chinook there, `duckdb` in memory.
    pub fn start(engine: Engine, folder: &Path) -> Outcome<Shell> {
        let errors = folder.join(format!("{}.stderr", engine.name()));
        let stderr = File::create(&errors).map_err(|e| e.to_string())?;
        let mut command = engine.command()?;
        if engine == Engine::Sqlite {
            command.arg(DATABASE);
        }
        let mut child = command
            .current_dir(folder)
            .env("HOME", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A file, not a pipe: what was written before the marker came is there to read.
            .stderr(stderr)
            .spawn()
            .map_err(|e| format!("stdbuf {}: {e}; run `make hosts`", engine.name()))?;
        let (sender, lines) = channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                    if sender
                        .send(String::from_utf8_lossy(&line).into_owned())
                        .is_err()
                    {
                        break;
                    }
                }
            });
        }
        let input = child.stdin.take();
        let mut shell = Shell {
            engine,
            child,
            input,
            lines,
            errors,
            errors_read: 0,
            sent: 0,
        };
        for setting in [".mode list", ".headers off", &format!(".nullvalue {NULL}")] {
            shell.run(setting)?.rows()?;
        }
        Ok(shell)
    }

    /// Loads Lumos.
    pub fn load(&mut self) -> Outcome {
        let statement = self.engine.load_statement()?;
        self.run(&statement)?.rows().map(|_| ())
    }

    /// Runs one statement, or one command of the shell, and waits for its end.
    pub fn run(&mut self, sql: &str) -> Outcome<Answer> {
        self.sent += 1;
        let marker = format!("-- end of statement {}", self.sent);
        let end = if sql.starts_with('.') { "" } else { ";" };
        let text = format!("{}{end}\n.print '{marker}'\n", sql.trim_end_matches(';'));
        let mut answer = Answer::default();
        let sent = match &mut self.input {
            Some(input) => input
                .write_all(text.as_bytes())
                .and_then(|()| input.flush()),
            None => Ok(()),
        };
        if sent.is_err() {
            return Err(self.died(sql));
        }
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line == marker => break,
                Ok(line) => answer.rows.push(line),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("no answer in {} s: {sql}", PATIENCE.as_secs()));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.died(sql)),
            }
        }
        answer.error = self.new_errors();
        Ok(answer)
    }

    /// Ends the shell as a person does, and fails if that crashes it.
    pub fn end(mut self) -> Outcome {
        self.input = None;
        let status = self.child.wait().map_err(|e| e.to_string())?;
        match status.signal() {
            Some(signal) => Err(format!("the shell ended with signal {signal}")),
            None => Ok(()),
        }
    }

    fn new_errors(&mut self) -> String {
        let all = fs::read(&self.errors).unwrap_or_default();
        let new = String::from_utf8_lossy(all.get(self.errors_read..).unwrap_or_default());
        self.errors_read = all.len();
        new.trim().to_owned()
    }

    fn died(&mut self, sql: &str) -> String {
        let status = self.child.wait().map(|s| s.to_string()).unwrap_or_default();
        format!(
            "the shell ended ({status}) in: {sql}\n{}",
            self.new_errors()
        )
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs SQL in a process of its own, without Lumos: `sqlite3` on Chinook, or `duckdb` on the
/// mirror, read-only. Gives the rows.
pub fn elsewhere(engine: Engine, folder: &Path, sql: &str) -> Outcome<Vec<String>> {
    let mut command = engine.command()?;
    match engine {
        Engine::Sqlite => command.args(["-bail", "-cmd", ".timeout 10000", DATABASE]),
        Engine::DuckDb => command
            .arg("-readonly")
            .arg(format!("{DATABASE}-lumos.duckdb")),
    };
    command
        .args(["-list", "-noheader", "-nullvalue", NULL])
        .arg(sql);
    let output = command
        .current_dir(folder)
        .env("HOME", folder)
        .output()
        .map_err(|e| format!("{}: {e}; run `make hosts`", engine.name()))?;
    let error = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && error.is_empty() {
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect())
    } else {
        Err(format!("elsewhere: {}: {error}", output.status))
    }
}
