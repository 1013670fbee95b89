//! Rows of SQLite into chunks of DuckDB.

use lumos_core::ValueRef;
use lumos_core::mirror::Stored;
use lumos_duckdb::engine::{Appender, Connection as DuckDb, WriteChunk};
use rusqlite::{Row, types};

use crate::error::Result;

/// The value in a column, or `None` for text that is not UTF-8.
pub(super) fn value_of<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<ValueRef<'a>>> {
    Ok(Some(match row.get_ref(column)? {
        types::ValueRef::Null => ValueRef::Null,
        types::ValueRef::Integer(v) => ValueRef::Integer(v),
        types::ValueRef::Real(v) => ValueRef::Real(v),
        types::ValueRef::Blob(v) => ValueRef::Blob(v),
        types::ValueRef::Text(v) => match std::str::from_utf8(v) {
            Ok(text) => ValueRef::Text(text),
            Err(_) => return Ok(None),
        },
    }))
}

/// A value for an error text, at most 40 characters of it.
pub(super) fn shown(row: &Row<'_>, column: usize) -> String {
    match row.get_ref(column) {
        Ok(types::ValueRef::Integer(v)) => v.to_string(),
        Ok(types::ValueRef::Real(v)) => format!("{v:?}"),
        Ok(types::ValueRef::Text(v)) => {
            // A message ends at NUL.
            let text = String::from_utf8_lossy(v).replace('\0', "\\0");
            let dots = if text.chars().count() > 40 { "..." } else { "" };
            let what = if std::str::from_utf8(v).is_ok() {
                ""
            } else {
                ", which is not UTF-8,"
            };
            format!(
                "'{}{dots}'{what}",
                text.chars().take(40).collect::<String>()
            )
        }
        Ok(types::ValueRef::Blob(v)) => format!("a BLOB of {} bytes", v.len()),
        _ => "NULL".into(),
    }
}

/// Fills chunks and appends them.
pub(super) struct ChunkWriter {
    appender: Appender,
    chunk: WriteChunk,
    len: usize,
    /// Of the texts and BLOBs in the chunk.
    bytes: usize,
    /// Of those in the appender.
    appended: usize,
    /// The chunk is not appended before the end.
    waits: bool,
    pub(super) total: u64,
}

/// A chunk with so many bytes of texts and BLOBs is appended before it is full, so that large values do not fill the
/// memory.
const MOST_BYTES: usize = 16 << 20;

/// So many of them wait in the appender at most.
const MOST_APPENDED: usize = 32 << 20;

impl ChunkWriter {
    pub(super) fn new(
        duckdb: &DuckDb,
        catalog: &str,
        schema: &str,
        table: &str,
    ) -> Result<ChunkWriter> {
        let appender = Appender::new(duckdb, catalog, schema, table)?;
        let chunk = appender.chunk();
        Ok(ChunkWriter {
            appender,
            chunk,
            len: 0,
            bytes: 0,
            appended: 0,
            waits: false,
            total: 0,
        })
    }

    /// The same for rows of one chunk that wait until [`Self::finish`], as long as not [`Self::is_too_large`].
    pub(super) fn waiting(self) -> ChunkWriter {
        ChunkWriter {
            waits: true,
            ..self
        }
    }

    /// True if the rows that wait take too much memory.
    pub(super) fn is_too_large(&self) -> bool {
        self.waits && self.bytes > MOST_BYTES
    }

    /// Errors if there is no memory for the value.
    pub(super) fn put(&mut self, column: usize, value: Stored<'_>) -> Result<()> {
        let (row, column) = (self.len, self.chunk.column(column));
        match value {
            Stored::Null => column.null(row),
            Stored::Bool(v) => column.bool(row, v),
            Stored::Int16(v) => column.int16(row, v),
            Stored::Int32(v) => column.int32(row, v),
            Stored::Int64(v) => column.int64(row, v),
            Stored::Int128(v) => column.int128(row, v),
            Stored::Double(v) => column.double(row, v),
            Stored::Text(v) => {
                self.bytes += v.len();
                column.text(row, v)?;
            }
            Stored::Blob(v) => {
                self.bytes += v.len();
                column.blob(row, v)?;
            }
        }
        Ok(())
    }

    /// Ends the row that was put.
    pub(super) fn next(&mut self) -> Result<()> {
        self.len += 1;
        self.total += 1;
        if self.len == self.chunk.capacity() || (self.bytes > MOST_BYTES && !self.waits) {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.appender.append(&mut self.chunk, self.len)?;
        self.appended += self.bytes;
        (self.len, self.bytes) = (0, 0);
        if self.appended > MOST_APPENDED {
            self.appender.flush()?;
            self.appended = 0;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<u64> {
        if self.len > 0 {
            self.flush()?;
        }
        self.appender.finish()?;
        Ok(self.total)
    }
}
