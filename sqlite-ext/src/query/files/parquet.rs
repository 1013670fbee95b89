//! Rows of Parquet, which DuckDB reads and writes.

use lumos_core::files::Field;
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{Cell, LogicalType};
use rusqlite::Connection;

use crate::error::{Result, error};
use crate::mirror::Mirror;
use crate::mirror::allow_files::is_plain;
use crate::query::files::json::Each;
use crate::query::params::Params;
use crate::query::stream::Stream;

/// A file of Parquet.
pub struct Parquet {
    path: String,
    /// What is read of each column, once the columns are known.
    pub select: Vec<String>,
    /// Their types.
    pub types: Vec<LogicalType>,
}

impl Parquet {
    /// The file at this real path.
    pub fn new(path: &std::path::Path) -> Result<Parquet> {
        match path.to_str() {
            Some(path) if is_plain(path) => Ok(Parquet {
                path: path.to_owned(),
                select: Vec::new(),
                types: Vec::new(),
            }),
            _ => Err(error(format!(
                "\"{}\" has one of the characters *?[]{{}}\\ in its path, or is not UTF-8; give a path without",
                path.display()
            ))),
        }
    }

    /// Reads all rows.
    pub fn read(
        &mut self,
        host: &Connection,
        mirror: &std::sync::Arc<Mirror>,
        names: &mut Vec<String>,
        each: &mut Each<'_>,
    ) -> Result<()> {
        let select = if self.select.is_empty() {
            "*".to_owned()
        } else {
            self.select.join(", ")
        };
        let sql = format!("SELECT {select} FROM read_parquet({})", literal(&self.path));
        let mut stream = Stream::start(host, mirror, &sql, Params::none())?;
        names.clone_from(&stream.names);
        if self.select.is_empty() {
            self.select = names.iter().map(|n| identifier(n)).collect();
            self.types.clone_from(&stream.types);
        }
        let types = stream.types.clone();
        while let Some(chunk) = stream.next_chunk(host)? {
            for row in 0..chunk.len() {
                let cells: Vec<Cell<'_>> = types
                    .iter()
                    .enumerate()
                    .map(|(i, ty)| chunk.column(i, ty).cell(row))
                    .collect();
                let fields: Vec<Field<'_>> = cells
                    .iter()
                    .zip(&types)
                    .map(|(c, ty)| field(c, ty))
                    .collect();
                each(names, &fields)?;
            }
        }
        Ok(())
    }

    /// Reads a column as DuckDB's text of it from now on: a decimal with all its digits.
    pub fn read_text(&mut self, column: usize) {
        if let (Some(select), Some(LogicalType::Decimal { .. })) =
            (self.select.get_mut(column), self.types.get(column))
        {
            *select = format!("CAST({select} AS VARCHAR) AS {select}");
        }
    }

    /// The type that a new table declares, by that of the file and the one that the values took.
    pub fn declared(&self, column: usize, by_values: String) -> String {
        match (self.types.get(column), by_values.as_str()) {
            (Some(LogicalType::Date), "TEXT") => "DATE".into(),
            (Some(LogicalType::Timestamp(_)), "TEXT") => "DATETIME".into(),
            (
                Some(LogicalType::Decimal {
                    scale: scale @ 1..=15,
                    ..
                }),
                "REAL",
            ) => {
                format!("DECIMAL(15,{scale})")
            }
            _ => by_values,
        }
    }
}

fn field<'a>(cell: &'a Cell<'_>, ty: &LogicalType) -> Field<'a> {
    match cell {
        // A decimal with its digits.
        Cell::Text(v) if matches!(ty, LogicalType::Decimal { .. }) => Field::Plain(v),
        Cell::Null => Field::Null,
        Cell::Integer(v) => Field::Integer(*v),
        Cell::Real(v) => Field::Real(*v),
        Cell::Wide(digits) => Field::Number(digits),
        Cell::Text(v) | Cell::Json(v) => Field::Text(v),
        Cell::Blob(v) => Field::Blob(v),
    }
}
