//! What a statement reads, told before it runs; see `reads.cpp`.

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use libduckdb_sys as ffi;

use super::{Connection, Database, Result, failed, text};

/// A table or file, with the columns that are read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The catalog; empty for a file.
    pub catalog: String,
    /// The schema; empty for a file.
    pub schema: String,
    /// The table's name, or the file's path.
    pub name: String,
    /// The columns' names, each once.
    pub columns: Vec<String>,
    /// So many of them, the first ones, are needed for more than their names; if none is, rows are only counted.
    pub needed: usize,
}

/// What a statement reads, by its bound plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    /// One for each scan, in no order.
    pub reads: Vec<Read>,
    /// It is a query which gives the same for the same data.
    pub steady: bool,
    /// It reads something else that the plan does not show, perhaps anything.
    pub opaque: bool,
}

impl Reads {
    /// Of a statement whose plan nobody saw.
    pub fn unknown() -> Reads {
        Reads {
            reads: Vec::new(),
            steady: false,
            opaque: true,
        }
    }
}

impl Connection {
    /// Runs `body`. Each statement that it has this connection run or prepare is shown to `look` first, once it is
    /// bound; if that returns false, the statement fails.
    pub fn watch<T>(&self, mut look: impl FnMut(Reads) -> bool, body: impl FnOnce() -> T) -> T {
        let mut look: &mut dyn FnMut(Reads) -> bool = &mut look;
        let watched = Watched(self);
        // SAFETY: the connection is alive; `look` stays where it is until `watched` is dropped.
        let set = unsafe { lumos_watch(self.raw(), Some(show), (&raw mut look).cast()) };
        // Without memory nobody is asked; then nothing may run.
        if !set {
            look(Reads::unknown());
        }
        let done = body();
        drop(watched);
        done
    }
}

/// Ends the watch, also when it unwinds.
struct Watched<'a>(&'a Connection);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        // SAFETY: the connection is alive.
        unsafe { lumos_watch(self.0.raw(), None, ptr::null_mut()) };
    }
}

/// Has the statements of a database's connections looked at where these are watched.
pub(super) fn make_watchable(database: &Database) -> Result<()> {
    // SAFETY: the database is open.
    let done = unsafe { lumos_watchable(database.raw) };
    if done {
        Ok(())
    } else {
        Err(failed(String::new()))
    }
}

/// As `reads.cpp` has it.
#[repr(C)]
struct RawRead {
    catalog: *const c_char,
    schema: *const c_char,
    name: *const c_char,
    columns: *const *const c_char,
    column_count: usize,
    needed_count: usize,
}

/// As `reads.cpp` has it.
#[repr(C)]
struct RawReads {
    reads: *const RawRead,
    count: usize,
    steady: bool,
    opaque: bool,
}

type Look = unsafe extern "C" fn(data: *mut c_void, reads: *const RawReads) -> bool;

/// Hands over to the closure. A panic must not reach DuckDB: it counts as a no.
unsafe extern "C" fn show(data: *mut c_void, reads: *const RawReads) -> bool {
    let shown = || {
        // SAFETY: `data` is what `watch` gave; the reads and their texts are alive during this call.
        unsafe {
            let look = &mut *data.cast::<&mut dyn FnMut(Reads) -> bool>();
            look(owned(&*reads))
        }
    };
    catch_unwind(AssertUnwindSafe(shown)).unwrap_or(false)
}

/// # Safety
/// The pointers lead to as many elements as the counts say, or these are 0; texts end with NUL.
unsafe fn owned(raw: &RawReads) -> Reads {
    // SAFETY: by contract.
    let reads = unsafe { elements(raw.reads, raw.count) };
    let read = |raw: &RawRead| {
        // SAFETY: by contract.
        unsafe {
            let columns = elements(raw.columns, raw.column_count);
            Read {
                catalog: text(raw.catalog),
                schema: text(raw.schema),
                name: text(raw.name),
                columns: columns.iter().map(|c| text(*c)).collect(),
                needed: raw.needed_count,
            }
        }
    };
    Reads {
        reads: reads.iter().map(read).collect(),
        steady: raw.steady,
        opaque: raw.opaque,
    }
}

/// # Safety
/// As above.
unsafe fn elements<'a, T>(first: *const T, count: usize) -> &'a [T] {
    match count {
        0 => &[],
        // SAFETY: by contract.
        _ => unsafe { std::slice::from_raw_parts(first, count) },
    }
}

unsafe extern "C" {
    fn lumos_watchable(database: ffi::duckdb_database) -> bool;
    fn lumos_watch(
        connection: ffi::duckdb_connection,
        look: Option<Look>,
        data: *mut c_void,
    ) -> bool;
}
