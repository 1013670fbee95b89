//! Where the built libraries and the host programs are, or what to run to get them.

use std::path::{Path, PathBuf};

use crate::Outcome;

/// The versions of Python's `duckdb` that the one extension file must load in.
pub const DUCKDB_VERSIONS: [&str; 3] = ["1.4.5", "1.5.5", "2.0.0"];

/// The repository.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// The folder of this crate.
pub fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `target/lumos.so`, the SQLite extension.
pub fn sqlite_extension() -> Outcome<PathBuf> {
    existing("target/lumos.so", "make build")
}

/// `target/lumos-faults.so`, the same with named steps at which it fails, and with the order of locks checked.
pub fn sqlite_with_faults() -> Outcome<PathBuf> {
    existing("target/lumos-faults.so", "make faults")
}

/// `target/lumos.duckdb_extension`.
pub fn duckdb_extension() -> Outcome<PathBuf> {
    existing("target/lumos.duckdb_extension", "make build")
}

/// The shell of DuckDB 1.5.6.
pub fn duckdb_shell() -> Outcome<PathBuf> {
    existing("target/hosts/duckdb", "make hosts")
}

/// The Python that has `apsw` and `pysqlite3`.
pub fn python() -> Outcome<PathBuf> {
    existing("target/hosts/python/bin/python", "make hosts")
}

/// The folder that has this version of Python's `duckdb`, for PYTHONPATH.
pub fn python_duckdb(version: &str) -> Outcome<PathBuf> {
    existing(&format!("target/hosts/duckdb-{version}"), "make hosts")
}

/// The folder that has models for `lumos_embed` and what reads them in Python, for PYTHONPATH.
pub fn models() -> Outcome<PathBuf> {
    existing("target/hosts/models", "make hosts")
}

fn existing(path: &str, command: &str) -> Outcome<PathBuf> {
    let found = root().join(path);
    if found.exists() {
        Ok(found)
    } else {
        Err(format!("{path} is missing; run `{command}`"))
    }
}
