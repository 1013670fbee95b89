//! Compiles what DuckDB's C API lacks, for the DuckDB inside the SQLite extension.

fn main() {
    const SOURCES: [&str; 7] = [
        "src/engine/files.cpp",
        "src/engine/gate.cpp",
        "src/engine/keys.cpp",
        "src/engine/reads.cpp",
        "src/engine/scans.cpp",
        "src/engine/unplanned.cpp",
        "src/engine/values.cpp",
    ];
    const HEADERS: [&str; 2] = ["src/engine/c_api.hpp", "src/engine/scans.hpp"];
    for source in SOURCES.iter().chain(&HEADERS) {
        println!("cargo:rerun-if-changed={source}");
    }
    // The loadable extension has no DuckDB of its own, and its headers are not those of the host's.
    let include = match std::env::var("DEP_DUCKDB_INCLUDE") {
        Ok(include) if std::env::var("CARGO_FEATURE_EXTENSION").is_err() => include,
        _ => return,
    };
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // As DuckDB itself is built: what it defines decides the layout of its classes.
        .define("NDEBUG", None)
        .include(include)
        .warnings(false)
        .files(SOURCES)
        .compile("lumos_engine");
}
