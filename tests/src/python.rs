//! Runs the unittest files below `python/` under each driver that they are for.

use std::process::Command;

use libtest_mimic::Trial;

use crate::{Outcome, host, trial};

/// The drivers of SQLite for Python that can load extensions everywhere.
const DRIVERS: [&str; 2] = ["apsw", "pysqlite3"];

/// The version of Python's `duckdb` that reads the mirror in the tests of the SQLite extension.
const READER: &str = "1.5.5";

/// One trial for each file and host: files in `sqlite/` for each driver, in `duckdb/` for each
/// version of DuckDB, in `together/` for each version beside the first driver.
pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for driver in DRIVERS {
        add(&mut trials, "sqlite", driver, READER, driver);
    }
    for version in host::DUCKDB_VERSIONS {
        add(
            &mut trials,
            "duckdb",
            DRIVERS[0],
            version,
            &format!("duckdb-{version}"),
        );
        let pair = format!("{}+duckdb-{version}", DRIVERS[0]);
        add(&mut trials, "together", DRIVERS[0], version, &pair);
    }
    trials
}

fn add(
    trials: &mut Vec<Trial>,
    folder: &'static str,
    driver: &'static str,
    version: &'static str,
    label: &str,
) {
    for file in files(folder) {
        trials.push(trial(format!("python::{label}::{file}"), move || {
            run(folder, &file, driver, version)
        }));
    }
}

fn files(folder: &str) -> Vec<String> {
    let listing = std::fs::read_dir(host::tests().join("python").join(folder));
    let mut files: Vec<String> = listing
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| {
            e.file_name()
                .to_str()?
                .strip_suffix(".py")
                .map(str::to_owned)
        })
        .filter(|name| name.starts_with("test_"))
        .collect();
    files.sort();
    files
}

fn run(folder: &str, file: &str, driver: &str, version: &str) -> Outcome {
    let python = host::tests().join("python");
    let mut modules = vec![python.clone(), host::python_duckdb(version)?];
    if folder == "together" {
        modules.push(host::models()?);
    }
    let modules = std::env::join_paths(modules).map_err(|e| e.to_string())?;
    let mut command = Command::new(host::python()?);
    command
        .args(["-B", "-m", "unittest", "-f", file])
        .current_dir(python.join(folder))
        .env("PYTHONPATH", modules)
        .env("LUMOS_DRIVER", driver);
    if folder != "sqlite" {
        command.env("LUMOS_DUCKDB", host::duckdb_extension()?);
    }
    if folder != "duckdb" {
        // The build with faults checks the order of locks; one driver has it.
        let library = if driver == DRIVERS[0] {
            host::sqlite_extension()?
        } else {
            host::sqlite_with_faults()?
        };
        command.env("LUMOS_SQLITE", library.with_extension(""));
    }
    let output = command.output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && !text.contains("Ran 0 tests") {
        Ok(())
    } else {
        Err(format!("{}\n{text}", output.status))
    }
}
