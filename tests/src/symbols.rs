//! The libraries export their entry points only, and bring their DuckDB along.

use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;

use crate::{Outcome, host, same, trial};

/// The trials of this module.
pub fn trials() -> Vec<Trial> {
    vec![
        trial("symbols::sqlite_extension", || {
            exports(
                &host::sqlite_extension()?,
                &["sqlite3_extension_init", "sqlite3_lumos_init"],
            )
        }),
        trial("symbols::duckdb_extension", || {
            exports(&host::duckdb_extension()?, &["lumos_init_c_api"])
        }),
        trial("symbols::no_library_of_an_engine_is_needed", || {
            needs_no_engine(&host::sqlite_extension()?)?;
            needs_no_engine(&host::duckdb_extension()?)
        }),
    ]
}

fn exports(library: &Path, expected: &[&str]) -> Outcome {
    let listing = output("nm", &["-D", "--defined-only"], library)?;
    let mut found: Vec<String> = listing
        .lines()
        .filter_map(|l| l.split_whitespace().last())
        .map(str::to_owned)
        .collect();
    found.sort();
    let expected: Vec<String> = expected.iter().map(|s| s.to_string()).collect();
    same(
        &format!("exports of {}", library.display()),
        &found,
        &expected,
    )
}

fn needs_no_engine(library: &Path) -> Outcome {
    let dynamic = output("readelf", &["-d"], library)?;
    let engine = |l: &&str| l.contains("NEEDED") && (l.contains("duckdb") || l.contains("sqlite"));
    let needed: Vec<String> = dynamic.lines().filter(engine).map(str::to_owned).collect();
    same(
        &format!("engines that {} needs", library.display()),
        &needed,
        &[],
    )
}

fn output(program: &str, arguments: &[&str], library: &Path) -> Outcome<String> {
    let output = Command::new(program).args(arguments).arg(library).output();
    let output = output.map_err(|e| format!("{program}: {e}; run `apt-get install binutils`"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!(
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}
