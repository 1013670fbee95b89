//! Writing rows into a table of DuckDB, a chunk at a time.

use std::ffi::c_char;
use std::sync::Arc;

use libduckdb_sys as ffi;

use super::{Connection, Error, Result, Session, c_string, text};

// Defined in `values.cpp`.
unsafe extern "C" {
    fn lumos_assign_string(
        vector: ffi::duckdb_vector,
        row: ffi::idx_t,
        data: *const c_char,
        size: ffi::idx_t,
    ) -> bool;
}

/// Appends chunks to a table, in the connection's transaction.
pub struct Appender {
    raw: ffi::duckdb_appender,
    session: Arc<Session>,
}

impl Appender {
    /// An appender to `catalog.schema.table`.
    pub fn new(
        connection: &Connection,
        catalog: &str,
        schema: &str,
        table: &str,
    ) -> Result<Appender> {
        let (catalog, schema, table) = (c_string(catalog)?, c_string(schema)?, c_string(table)?);
        let mut raw: ffi::duckdb_appender = std::ptr::null_mut();
        // SAFETY: the connection and the names are alive; the out pointer is a local that `Appender` then owns.
        let state = unsafe {
            ffi::duckdb_appender_create_ext(
                connection.raw(),
                catalog.as_ptr(),
                schema.as_ptr(),
                table.as_ptr(),
                &mut raw,
            )
        };
        let appender = Appender {
            raw,
            session: Arc::clone(&connection.0),
        };
        appender.check(state)?;
        Ok(appender)
    }

    /// An empty chunk with the table's columns.
    pub fn chunk(&self) -> WriteChunk {
        // SAFETY: the appender is alive; the types are freed below, after the chunk has copied them.
        unsafe {
            let mut types: Vec<ffi::duckdb_logical_type> =
                (0..ffi::duckdb_appender_column_count(self.raw))
                    .map(|i| ffi::duckdb_appender_column_type(self.raw, i))
                    .collect();
            let raw = ffi::duckdb_create_data_chunk(types.as_mut_ptr(), types.len() as ffi::idx_t);
            for ty in &mut types {
                ffi::duckdb_destroy_logical_type(ty);
            }
            let columns = (0..types.len() as ffi::idx_t)
                .map(|i| ColumnWriter::new(ffi::duckdb_data_chunk_get_vector(raw, i)))
                .collect();
            WriteChunk {
                raw,
                columns,
                capacity: ffi::duckdb_vector_size() as usize,
            }
        }
    }

    /// Appends the first `len` rows of the chunk and empties it.
    pub fn append(&mut self, chunk: &mut WriteChunk, len: usize) -> Result<()> {
        assert!(len <= chunk.capacity);
        // SAFETY: both are alive, and every column has `len` values or NULLs.
        let state = unsafe {
            ffi::duckdb_data_chunk_set_size(chunk.raw, len as ffi::idx_t);
            ffi::duckdb_append_data_chunk(self.raw, chunk.raw)
        };
        self.check(state)?;
        chunk.reset();
        Ok(())
    }

    /// Hands the rows so far to the table. DuckDB does it by itself after some 200,000 rows, however large they are.
    pub fn flush(&mut self) -> Result<()> {
        // SAFETY: the appender is alive.
        let state = unsafe { ffi::duckdb_appender_flush(self.raw) };
        self.check(state)
    }

    /// Hands all rows to the table.
    pub fn finish(self) -> Result<()> {
        // SAFETY: the appender is alive; dropping it afterwards finds nothing left to write.
        let state = unsafe { ffi::duckdb_appender_close(self.raw) };
        self.check(state)
    }

    fn check(&self, state: ffi::duckdb_state) -> Result<()> {
        match state {
            ffi::DuckDBSuccess => Ok(()),
            // SAFETY: the appender is alive, and the message belongs to it; the other data are ours to free.
            _ => Err(unsafe {
                let mut data = ffi::duckdb_appender_error_data(self.raw);
                let ty = ffi::duckdb_error_data_error_type(data);
                ffi::duckdb_destroy_error_data(&mut data);
                Error::of_type(ty, &text(ffi::duckdb_appender_error(self.raw)))
            }),
        }
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        if std::process::id() == self.session.database.pid {
            // SAFETY: owned, and not used after this. An appender that was not finished flushes here; its
            // transaction is rolled back by whoever dropped it early.
            unsafe {
                ffi::duckdb_appender_clear(self.raw);
                ffi::duckdb_appender_destroy(&mut self.raw);
            }
        }
    }
}

/// A chunk to be filled, row by row.
pub struct WriteChunk {
    raw: ffi::duckdb_data_chunk,
    columns: Vec<ColumnWriter>,
    capacity: usize,
}

// SAFETY: the chunk owns its vectors.
unsafe impl Send for WriteChunk {}

impl WriteChunk {
    /// The most rows that it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Column `index`, to be written at rows below [`Self::capacity`].
    pub fn column(&mut self, index: usize) -> &mut ColumnWriter {
        &mut self.columns[index]
    }

    fn reset(&mut self) {
        // SAFETY: the chunk is alive; a reset may move vectors' buffers, so the columns are taken anew.
        unsafe {
            ffi::duckdb_data_chunk_reset(self.raw);
            for (i, column) in self.columns.iter_mut().enumerate() {
                *column =
                    ColumnWriter::new(ffi::duckdb_data_chunk_get_vector(self.raw, i as ffi::idx_t));
            }
        }
    }
}

impl Drop for WriteChunk {
    fn drop(&mut self) {
        // SAFETY: owned, and not used after this.
        unsafe { ffi::duckdb_destroy_data_chunk(&mut self.raw) }
    }
}

/// Writes values into one column of a [`WriteChunk`]. The method must fit the column's type.
pub struct ColumnWriter {
    vector: ffi::duckdb_vector,
    data: *mut u8,
    capacity: usize,
}

impl ColumnWriter {
    /// # Safety
    /// `vector` belongs to a chunk that outlives the writer.
    unsafe fn new(vector: ffi::duckdb_vector) -> Self {
        // SAFETY: by contract.
        unsafe {
            ColumnWriter {
                vector,
                data: ffi::duckdb_vector_get_data(vector).cast(),
                capacity: ffi::duckdb_vector_size() as usize,
            }
        }
    }

    /// NULL.
    pub fn null(&mut self, row: usize) {
        assert!(row < self.capacity);
        // SAFETY: the row is inside the vector.
        unsafe {
            ffi::duckdb_vector_ensure_validity_writable(self.vector);
            ffi::duckdb_validity_set_row_invalid(
                ffi::duckdb_vector_get_validity(self.vector),
                row as ffi::idx_t,
            );
        }
    }

    /// A BOOLEAN.
    pub fn bool(&mut self, row: usize, value: bool) {
        self.put(row, value);
    }

    /// An integer of a BIGINT, TIMESTAMP or DECIMAL of 8 bytes.
    pub fn int64(&mut self, row: usize, value: i64) {
        self.put(row, value);
    }

    /// A DATE, or an INTEGER.
    pub fn int32(&mut self, row: usize, value: i32) {
        self.put(row, value);
    }

    /// A DECIMAL of 2 bytes.
    pub fn int16(&mut self, row: usize, value: i16) {
        self.put(row, value);
    }

    /// A HUGEINT or DECIMAL of 16 bytes.
    pub fn int128(&mut self, row: usize, value: i128) {
        self.put(row, value);
    }

    /// A DOUBLE.
    pub fn double(&mut self, row: usize, value: f64) {
        self.put(row, value);
    }

    /// A VARCHAR. Errors if there is no memory for it.
    pub fn text(&mut self, row: usize, value: &str) -> Result<()> {
        self.blob(row, value.as_bytes())
    }

    /// A BLOB. Errors if there is no memory for it.
    pub fn blob(&mut self, row: usize, value: &[u8]) -> Result<()> {
        assert!(row < self.capacity);
        // SAFETY: the row is inside the vector, and text was checked to be UTF-8 by its type; DuckDB copies.
        let done = unsafe {
            lumos_assign_string(
                self.vector,
                row as ffi::idx_t,
                value.as_ptr().cast(),
                value.len() as ffi::idx_t,
            )
        };
        if done {
            return Ok(());
        }
        Err(Error::new(format!(
            "Out of Memory Error: no room for a value of {} bytes; give lumos_attach a larger memory_limit",
            value.len()
        )))
    }

    fn put<T: Copy>(&mut self, row: usize, value: T) {
        assert!(row < self.capacity);
        // SAFETY: the row is inside the vector, whose values are at least as wide as `T` by the caller's choice.
        unsafe { self.data.cast::<T>().add(row).write_unaligned(value) }
    }
}
