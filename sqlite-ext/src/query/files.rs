//! Files in and out: `lumos_export` and `lumos_load`, in the folders that `lumos_attach` was given.

use std::path::{Path, PathBuf};

use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::LogicalType;
use rusqlite::Connection;

use crate::error::{Error, Result, error};
use crate::mirror::Mirror;
use crate::progress::Progress;
use crate::query::output;
use crate::query::relation::declared;
use crate::query::stream::{Params, Stream};
use crate::session::Session;
use crate::sync::schema;

/// The formats, by the ending of the file.
#[derive(Clone, Copy)]
enum Format {
    Csv,
    /// One JSON array.
    JsonArray,
    /// One JSON object a line.
    JsonLines,
    Parquet,
}

impl Format {
    fn of(path: &Path) -> Result<Format> {
        let ending = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default()
            .to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::JsonArray),
            "jsonl" | "ndjson" => Ok(Format::JsonLines),
            "parquet" => Ok(Format::Parquet),
            _ => Err(error(format!(
                "\"{}\" has no known ending; use .csv, .json, .jsonl, .ndjson or .parquet",
                path.display()
            ))),
        }
    }

    /// The options of COPY.
    fn copy_options(self) -> &'static str {
        match self {
            Format::Csv => "FORMAT csv, HEADER true",
            Format::JsonArray => "FORMAT json, ARRAY true",
            Format::JsonLines => "FORMAT json",
            Format::Parquet => "FORMAT parquet",
        }
    }

    /// The table function that reads it.
    fn reader(self) -> &'static str {
        match self {
            Format::Csv => "read_csv",
            Format::JsonArray | Format::JsonLines => "read_json",
            Format::Parquet => "read_parquet",
        }
    }
}

/// The file's real path, if a folder of `allow_files` holds it: links and `..` are followed first.
fn allowed(mirror: &Mirror, path: &str) -> Result<PathBuf> {
    let folders = &mirror.settings.allow_files;
    if folders.is_empty() {
        return Err(not_open());
    }
    let given = Path::new(path);
    let name = given
        .file_name()
        .ok_or_else(|| error(format!("\"{path}\" names no file; give the path of a file")))?;
    let folder = given
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let folder = folder
        .canonicalize()
        .map_err(|e| error(format!("the folder of \"{path}\": {e}; create it first")))?;
    let full = folder.join(name);
    // The file itself may be a link to elsewhere; one that leads nowhere is not followed into a new file.
    let real = match full.symlink_metadata() {
        Ok(_) => full
            .canonicalize()
            .map_err(|e| error(format!("\"{path}\": {e}; give the path of a file")))?,
        Err(_) => full,
    };
    inside(folders, real, path)
}

/// The real path of a folder, if a folder of `allow_files` holds it or is it.
pub fn allowed_folder(mirror: &Mirror, path: &str) -> Result<String> {
    let real = Path::new(path)
        .canonicalize()
        .ok()
        .filter(|p| p.is_dir())
        .ok_or_else(|| error(format!("\"{path}\" is no folder; create it first")))?;
    let folders = &mirror.settings.allow_files;
    if folders.is_empty() {
        return Err(not_open());
    }
    match inside(folders, real, path)?.to_str() {
        // DuckDB would take these for patterns.
        Some(real) if !real.contains(['*', '?', '[', ']', '{', '}']) => Ok(real.to_owned()),
        _ => Err(error(format!(
            "\"{path}\" has one of the characters *?[]{{}} in its path; give a folder without"
        ))),
    }
}

fn not_open() -> Error {
    error(
        "no folder is open for files; give lumos_attach the option {\"allow_files\": [\"folder\"]}",
    )
}

fn inside(folders: &[PathBuf], real: PathBuf, given: &str) -> Result<PathBuf> {
    if folders.iter().any(|f| real.starts_with(f)) {
        return Ok(real);
    }
    let list: Vec<String> = folders
        .iter()
        .map(|f| format!("\"{}\"", f.display()))
        .collect();
    Err(error(format!(
        "\"{given}\" is outside of the open folders {}; give a path inside",
        list.join(", ")
    )))
}

/// `lumos_export`: the number of rows written. The file appears under its name when it is complete.
pub fn export(session: &Session, sql: &str, path: &str, options: Option<&str>) -> Result<i64> {
    let progress = Progress::parse("lumos_export", options)?;
    let attached = session.attached()?;
    let target = allowed(&attached.mirror, path)?;
    let format = Format::of(&target)?;
    if !lumos_core::sql::begins_like_a_query(sql) {
        return Err(error("takes a SELECT, and this statement is none"));
    }
    let host = session.connection()?;
    session.bring_up_to_date(&host, &attached)?;
    let mut part = target.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    // The line break ends a comment that the query may end with.
    let copy = format!(
        "COPY ({}\n) TO {} ({})",
        sql.trim_end().trim_end_matches(';'),
        literal(&part.to_string_lossy()),
        format.copy_options()
    );
    let written = count(&host, &attached.mirror, &copy, progress);
    let moved = written.and_then(|rows| match std::fs::rename(&part, &target) {
        Ok(()) => Ok(rows),
        Err(e) => Err(error(format!(
            "\"{path}\": {e}; the rows could not be put under this name"
        ))),
    });
    if moved.is_err() {
        drop(std::fs::remove_file(&part));
    }
    moved
}

fn count(
    host: &Connection,
    mirror: &std::sync::Arc<Mirror>,
    sql: &str,
    progress: Progress,
) -> Result<i64> {
    let mut stream = Stream::start_writing(host, mirror, sql, Params::none(), progress)?;
    let mut rows = 0;
    while let Some(chunk) = stream.next_chunk(host)? {
        if let Some(ty) = stream.types.first() {
            rows = chunk.column(0, ty).int64(0).unwrap_or(0);
        }
    }
    Ok(rows)
}

/// `lumos_load`: the number of rows inserted into the SQLite table.
pub fn load(session: &Session, path: &str, table: &str, options: Option<&str>) -> Result<i64> {
    let progress = Progress::parse("lumos_load", options)?;
    let attached = session.attached()?;
    let file = allowed(&attached.mirror, path)?;
    let format = Format::of(&file)?;
    let host = session.connection()?;
    let sql = format!(
        "SELECT * FROM {}({})",
        format.reader(),
        literal(&file.to_string_lossy())
    );
    let mut stream = Stream::start(&host, &attached.mirror, &sql, Params::none())?;
    schema::atomically(&host, || {
        if schema::create_statement(&host, table)?.is_none() {
            host.execute_batch(&create_table(table, &stream.names, &stream.types))?;
        }
        let names: Vec<String> = stream.names.iter().map(|n| identifier(n)).collect();
        let marks = vec!["?"; names.len()].join(", ");
        let insert = format!(
            "INSERT INTO main.{}({}) VALUES({marks})",
            identifier(table),
            names.join(", ")
        );
        let mut insert = host.prepare(&insert)?;
        let types = stream.types.clone();
        let mut rows = 0;
        while let Some(chunk) = stream.next_chunk(&host)? {
            for row in 0..chunk.len() {
                for (i, ty) in types.iter().enumerate() {
                    insert.raw_bind_parameter(i + 1, output(&chunk.column(i, ty).cell(row)))?;
                }
                insert.raw_execute()?;
                rows += 1;
            }
            progress.say(|| format!("{rows} rows"));
        }
        Ok(rows)
    })
}

fn create_table(table: &str, names: &[String], types: &[LogicalType]) -> String {
    let columns: Vec<String> = names
        .iter()
        .zip(types)
        .map(|(n, t)| format!("{} {}", identifier(n), declared(t)))
        .collect();
    format!(
        "CREATE TABLE main.{}({})",
        identifier(table),
        columns.join(", ")
    )
}

/// The folders of the option `allow_files`, without links and `..`.
pub fn folders(option: &serde_json::Value) -> Result<Vec<PathBuf>> {
    let wrong = || {
        error(format!(
            "allow_files is {option}; give an array of folders like [\"data\"]"
        ))
    };
    let folders = option.as_array().ok_or_else(wrong)?;
    folders
        .iter()
        .map(|folder| {
            let folder = folder.as_str().ok_or_else(wrong)?;
            let real = Path::new(folder).canonicalize().ok().filter(|p| p.is_dir());
            real.ok_or_else(|| {
                error(format!(
                    "allow_files: \"{folder}\" is no folder; create it first"
                ))
            })
        })
        .collect()
}
