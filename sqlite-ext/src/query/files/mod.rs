//! Files in and out: `lumos_export` and `lumos_load`, in the folders that `lumos_attach` was given.

mod export;
mod json;
mod load;
mod options;
pub mod parquet;

use std::fs::{File, Metadata, OpenOptions};
use std::path::Path;

use crate::error::{Result, error};
use crate::system::careful;

pub use export::export;
pub use load::load;

/// The formats, by the ending of the file.
#[derive(Clone, Copy, PartialEq)]
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
        let suffix = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default()
            .to_ascii_lowercase();
        match suffix.as_str() {
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
}

/// Refuses what is there and is no ordinary file: a pipe would wait for somebody else.
fn check_ordinary(metadata: &Metadata, path: &str) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(error(format!(
        "\"{path}\" is no ordinary file; give the path of one"
    )))
}

/// Opens a file of [`allowed`] for reading. Returns its size in bytes too.
fn open(file: &Path, path: &str) -> Result<(File, u64)> {
    let wrong = |e| {
        error(format!(
            "\"{path}\": {e}; give the path of a file that can be read"
        ))
    };
    let opened = careful(OpenOptions::new().read(true))
        .open(file)
        .map_err(wrong)?;
    let metadata = opened.metadata().map_err(wrong)?;
    check_ordinary(&metadata, path)?;
    Ok((opened, metadata.len()))
}
