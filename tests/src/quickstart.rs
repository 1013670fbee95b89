//! The scripts that `make demo` runs go through without an error and show what they promise.

use std::fs;
use std::process::{Command, Stdio};

use libtest_mimic::Trial;

use crate::folder::{DATABASE, Folder, copy_chinook};
use crate::{Outcome, host, trial};

/// The trial of this module: the second script reads what the first leaves.
pub fn trials() -> Vec<Trial> {
    vec![trial("quickstart", || {
        let folder = prepared()?;
        let mut sqlite = Command::new("sqlite3");
        sqlite.arg("target/demo/chinook.sqlite");
        let changed = ["\"revenue\":120.75", "\"revenue\":90.25"];
        run(sqlite, &folder, "quickstart.sql", &changed)?;
        let mut duckdb = Command::new(host::duckdb_shell()?);
        duckdb.arg("-unsigned");
        run(
            duckdb,
            &folder,
            "quickstart_duckdb.sql",
            &[env!("CARGO_PKG_VERSION"), "2539.60"],
        )
    })]
}

/// A folder laid out as the repository is when `make demo` runs its scripts.
fn prepared() -> Outcome<Folder> {
    let folder = Folder::built()?;
    let demo = folder.path().join("target/demo");
    fs::create_dir_all(&demo).map_err(|e| e.to_string())?;
    copy_chinook(&demo.join(DATABASE))?;
    Ok(folder)
}

fn run(mut shell: Command, folder: &Folder, script: &str, words: &[&str]) -> Outcome {
    let text = fs::File::open(host::root().join("sql").join(script)).map_err(|e| e.to_string())?;
    let output = shell
        .arg("-batch")
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .stdin(Stdio::from(text))
        .output()
        .map_err(|e| format!("{e}; run `make hosts`"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    if !error.is_empty() || !output.status.success() {
        return Err(format!("{}\n{error}\n{printed}", output.status));
    }
    match words.iter().find(|w| !printed.contains(**w)) {
        Some(word) => Err(format!("{word} is not in:\n{printed}")),
        None => Ok(()),
    }
}
