//! `lumos_export`: the rows that `lumos_query` gives, in a file.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use lumos_core::files::csv::write_text;
use lumos_core::sql::literal;
use lumos_duckdb::engine::{Cell, Chunk, LogicalType, write_json_string};
use rusqlite::Connection;

use crate::error::{Result, error};
use crate::mirror::allow_files::{allowed, check_guarded};
use crate::progress::Progress;
use crate::query::files::{Format, check_ordinary};
use crate::query::params::Params;
use crate::query::run;
use crate::query::stream::Stream;
use crate::session::Session;
use crate::sync;
use crate::system::careful;

/// `lumos_export`: the number of rows written. The file appears under its name when it is complete.
pub fn export(session: &Session, sql: &str, path: &str, progress: Progress) -> Result<i64> {
    let host = session.connection()?;
    let attached = session.attached()?;
    let target = allowed(&attached.mirror, path, true)?;
    let format = Format::of(&target)?;
    if let Ok(metadata) = target.symlink_metadata() {
        check_ordinary(&metadata, path)?;
    }
    check_guarded(&attached.mirror, &part_path(&target), path, true)?;
    let part = Part::new(&target);
    let wrong = |e| error(format!("\"{path}\": {e}; the rows could not be written"));
    let rows = match format {
        Format::Parquet => {
            sync::bring_up_to_date(&host, &attached)?;
            let copy = format!(
                "TO {} (FORMAT parquet, USE_TMP_FILE false)",
                literal(part.text()?)
            );
            run::with_untracked(&host, &attached, |duckdb| {
                Stream::copy(
                    duckdb,
                    &host,
                    &attached.mirror,
                    sql,
                    copy.clone(),
                    progress.clone(),
                )
            })?
        }
        _ => {
            let stream = run::query(session, &host, sql, Params::none())?;
            let mut out = BufWriter::with_capacity(1 << 16, part.create().map_err(wrong)?);
            let rows = write(stream, &host, format, &progress, &mut out)?;
            out.flush().map_err(wrong)?;
            rows
        }
    };
    std::fs::rename(&part.0, &target).map_err(wrong)?;
    Ok(rows)
}

/// The file that the rows are written to; removed in the end, if it still has this name.
struct Part(PathBuf);

fn part_path(target: &Path) -> PathBuf {
    let mut part = target.as_os_str().to_owned();
    part.push(".part");
    part.into()
}

impl Part {
    fn new(target: &Path) -> Part {
        let part = part_path(target);
        // What is left of an export that was killed, or a link that somebody put there.
        drop(std::fs::remove_file(&part));
        Part(part)
    }

    fn text(&self) -> Result<&str> {
        self.0.to_str().ok_or_else(|| {
            error(format!(
                "\"{}\" is not UTF-8; give another path",
                self.0.display()
            ))
        })
    }

    fn create(&self) -> std::io::Result<File> {
        careful(OpenOptions::new().write(true).create_new(true)).open(&self.0)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// Writes the rows as CSV or JSON.
fn write(
    mut stream: Stream,
    host: &Connection,
    format: Format,
    progress: &Progress,
    out: &mut impl Write,
) -> Result<i64> {
    let blob = stream.types.iter().position(|ty| *ty == LogicalType::Blob);
    if let Some(name) = blob.and_then(|i| stream.names.get(i)) {
        return Err(error(format!(
            "column \"{name}\" is a BLOB, which CSV and JSON do not have; select hex(\"{name}\"), or write a .parquet file"
        )));
    }
    let (names, types) = (stream.names.clone(), stream.types.clone());
    let mut put = |text: &str| {
        out.write_all(text.as_bytes())
            .map_err(|e| error(format!("the rows could not be written: {e}")))
    };
    match format {
        Format::JsonArray => put("[")?,
        Format::Csv => {
            let mut line = String::new();
            for (i, name) in names.iter().enumerate() {
                line.push_str(if i > 0 { "," } else { "" });
                write_text(name, &mut line);
            }
            put(&(line + "\n"))?;
        }
        _ => {}
    }
    let mut rows = 0;
    let mut line = String::new();
    while let Some(chunk) = stream.next_chunk(host)? {
        for row in 0..chunk.len() {
            line.clear();
            if format == Format::Csv {
                write_fields(&chunk, &types, row, &mut line);
            } else {
                if format == Format::JsonArray {
                    line.push_str(if rows > 0 { ",\n" } else { "\n" });
                }
                write_object(&chunk, &names, &types, row, &mut line);
            }
            if format != Format::JsonArray {
                line.push('\n');
            }
            put(&line)?;
            rows += 1;
        }
        progress.say(|| format!("{rows} rows, {}", stream.percent()));
    }
    if format == Format::JsonArray {
        put("\n]\n")?;
    }
    Ok(rows)
}

/// A row of CSV, with the values that SQLite gets of it. NULL is an empty field without quotes.
fn write_fields(chunk: &Chunk, types: &[LogicalType], row: usize, line: &mut String) {
    for (i, ty) in types.iter().enumerate() {
        line.push_str(if i > 0 { "," } else { "" });
        let column = chunk.column(i, ty);
        match column.cell(row) {
            Cell::Null | Cell::Blob(_) => {}
            // With all its digits, as in JSON.
            _ if matches!(ty, LogicalType::Decimal { .. }) => column.write_json(row, line),
            Cell::Integer(v) => line.push_str(&v.to_string()),
            Cell::Real(v) => line.push_str(&number(v)),
            Cell::Wide(digits) => line.push_str(&digits),
            Cell::Text(v) | Cell::Json(v) => write_text(&v, line),
        }
    }
}

/// A number as SQLite reads it back: infinity as one that is too large.
fn number(v: f64) -> String {
    if v == f64::INFINITY {
        "9e999".into()
    } else if v == f64::NEG_INFINITY {
        "-9e999".into()
    } else {
        format!("{v:?}")
    }
}

/// A row as a JSON object.
fn write_object(
    chunk: &Chunk,
    names: &[String],
    types: &[LogicalType],
    row: usize,
    out: &mut String,
) {
    out.push('{');
    for (i, (name, ty)) in names.iter().zip(types).enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_json_string(name, out);
        out.push(':');
        chunk.column(i, ty).write_json(row, out);
    }
    out.push('}');
}
