//! The thread of a running query: it has DuckDB run the statement, and sends what comes of it to the reader.
//!
//! A worker is told to end by its state, and hears it between its steps; one that does not hear is left alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use lumos_core::sql::lexer::{Dialect, without_end};
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{
    Chunk, Connection as DuckDb, Door, ErrorKind, LogicalType, Reads, Rows, StatementKind,
};

use crate::error::{Error, Result, error};
use crate::host;
use crate::mirror::Mirror;
use crate::query::casts;
use crate::query::params::{Params, bound};

/// Chunks made ahead of the reader.
const AHEAD: usize = 2;

/// What a worker sends.
pub enum Message {
    /// What a statement reads, before it runs; the reader says whether its connection may.
    Reads(Reads, SyncSender<Result<()>>),
    /// The names and types of the columns, before the first rows.
    Columns(Vec<String>, Vec<LogicalType>),
    /// Some rows.
    Chunk(Chunk),
    /// The rows that a statement changed, once it is committed.
    Changed(i64),
}

/// The worker's end.
pub struct Sender {
    messages: SyncSender<Result<Message>>,
    state: Arc<AtomicU8>,
}

/// What a worker is.
const READ: u8 = 0;
/// Its reader is gone and does not wait.
const ALONE: u8 = 1;
const ENDED: u8 = 2;
/// It commits, and its reader waits for that.
const COMMITS: u8 = 3;

impl Sender {
    /// A worker's end, what its reader receives, and what the worker is, for [`leave`].
    pub fn new() -> (Sender, Receiver<Result<Message>>, Arc<AtomicU8>) {
        let (messages, receiver) = sync_channel(AHEAD);
        let state = Arc::new(AtomicU8::new(READ));
        let sender = Sender {
            messages,
            state: Arc::clone(&state),
        };
        (sender, receiver, state)
    }

    /// Errs if nobody reads any more.
    fn send(&self, message: Result<Message>) -> Result<()> {
        let sent = self.messages.send(message);
        sent.map_err(|_| Error::interrupted())
    }

    /// Asks the reader whether its connection may read all this.
    fn ask(&self, reads: Reads) -> Result<()> {
        let (answer, answered) = sync_channel(1);
        self.send(Ok(Message::Reads(reads, answer)))?;
        answered.recv().map_err(|_| Error::interrupted())?
    }

    /// Runs `body`, in which the caller's statement is prepared and begins. It runs only if the reader's connection may
    /// read what it reads.
    fn watch<T>(&self, duckdb: &DuckDb, body: impl FnOnce() -> Result<T>) -> Result<T> {
        let (mut refused, mut seen) = (None, false);
        let done = duckdb.watch(
            |reads| {
                seen = true;
                refused = self.ask(reads).err();
                refused.is_none()
            },
            body,
        );
        match (refused, done) {
            (Some(e), _) => Err(e),
            (None, Ok(done)) if !seen => self.ask(Reads::unknown()).map(|()| done),
            (None, done) => done,
        }
    }

    /// Errs if the reader does not wait any more; from then on it does, so that it hears of what is committed.
    fn begin_commit(&self) -> Result<()> {
        let (set, get) = (Ordering::AcqRel, Ordering::Acquire);
        let begun = self.state.compare_exchange(READ, COMMITS, set, get);
        begun.map_or_else(|_| Err(Error::interrupted()), |_| Ok(()))
    }

    /// Ends a worker that is alone, before its next step.
    fn check(&self) -> Result<()> {
        match self.state.load(Ordering::Acquire) {
            ALONE => Err(Error::interrupted()),
            _ => Ok(()),
        }
    }
}

/// A function of DuckDB may work on one value for minutes, and DuckDB looks at interrupts between values. So the
/// reader of a query leaves a worker alone that did not end within this time. The worker has all that it needs, and
/// ends after that value.
pub const PATIENCE: Duration = Duration::from_millis(200);

/// How long a process that exits waits for workers that are alone, before DuckDB's own statics go.
const EXIT: Duration = Duration::from_secs(2);

/// The most workers that are alone; others are waited for.
const MOST_ALONE: usize = 8;

/// The workers that are alone.
static WORKERS_ALONE: AtomicUsize = AtomicUsize::new(0);

/// The process that left the last of them alone: a forked child has none of them to wait for.
static LEFT_BY: AtomicU32 = AtomicU32::new(0);

extern "C" fn wait_for_workers() {
    let begun = Instant::now();
    if LEFT_BY.load(Ordering::Acquire) != std::process::id() {
        return;
    }
    while WORKERS_ALONE.load(Ordering::Acquire) > 0 && begun.elapsed() < EXIT {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Leaves a worker alone; false if it has ended, or if there are enough of them.
pub fn leave(state: &AtomicU8) -> bool {
    static AT_EXIT: Once = Once::new();
    // SAFETY: a function without arguments that stays in memory, as this library does.
    AT_EXIT.call_once(|| unsafe {
        libc::atexit(wait_for_workers);
    });
    LEFT_BY.store(std::process::id(), Ordering::Release);
    let more = |n| (n < MOST_ALONE).then_some(n + 1);
    let (set, get) = (Ordering::AcqRel, Ordering::Acquire);
    if WORKERS_ALONE.fetch_update(set, get, more).is_err() {
        return false;
    }
    let left = state.compare_exchange(READ, ALONE, set, get).is_ok();
    if !left {
        WORKERS_ALONE.fetch_sub(1, set);
    }
    left
}

/// What the thread does: `work`, whose error it sends. Returns true if the connection can be used again.
pub fn run(
    duckdb: DuckDb,
    mirror: Arc<Mirror>,
    sql: &str,
    sender: &Sender,
    work: impl FnOnce(&DuckDb, &str, &Sender) -> Result<()>,
) -> bool {
    let result = catch_unwind(AssertUnwindSafe(|| work(&duckdb, sql, sender)));
    // Ends the transaction; after a commit there is none, and the connection is not used again.
    let ended = duckdb.execute("ROLLBACK");
    if let Err(e) = result.unwrap_or_else(|panic| Err(host::panicked(panic.as_ref()))) {
        // The reader may be gone; then nobody wants the error.
        drop(sender.send(Err(with_hint(sql, e))));
    }
    if sender.state.swap(ENDED, Ordering::AcqRel) == ALONE {
        drop(duckdb);
        mirror.end_reading();
        drop(mirror);
        WORKERS_ALONE.fetch_sub(1, Ordering::AcqRel);
    }
    ended.is_ok()
}

/// The error, and what to write if SQLite would have taken a name in double quotes for a text.
fn with_hint(sql: &str, mut e: Error) -> Error {
    if let ErrorKind::MissingColumn(name) = &e.kind
        && sql.contains(&identifier(name))
    {
        e.message += &format!("\nIf it is meant as a text, write {}", literal(name));
    }
    e
}

/// A query, on the worker. Ends early when the reader is gone.
pub fn read(duckdb: &DuckDb, sql: &str, params: &Params, sender: &Sender) -> Result<()> {
    // Also a SELECT can write, through a WITH clause; in this transaction it cannot.
    duckdb.execute("BEGIN TRANSACTION READ ONLY")?;
    sender.check()?;
    let (statement, _) = bound(duckdb, sql, params, Door::Query)?;
    sender.check()?;
    let rows = sender.watch(duckdb, || {
        let mut pending = statement.start()?;
        let mut numbers = Vec::new();
        // A type without a reader is read through a cast.
        if let Some(columns) = pending.columns()
            && columns.iter().any(|(_, ty)| ty.needs_cast())
        {
            let is_number = |i: &usize| columns[*i].1 == LogicalType::BigNum;
            numbers.extend((0..columns.len()).filter(is_number));
            drop(pending);
            sender.check()?;
            let (statement, _) = bound(
                duckdb,
                &casts::for_sqlite(sql, &columns),
                params,
                Door::Query,
            )?;
            pending = statement.start()?;
        }
        sender.check()?;
        let mut rows = pending.rows()?;
        numbers.into_iter().for_each(|i| rows.take_for_digits(i));
        Ok(rows)
    })?;
    send(rows, sender)
}

/// A query into a file, on the worker: in a transaction that cannot write to tables.
pub fn copy(duckdb: &DuckDb, sql: &str, to: &str, sender: &Sender) -> Result<()> {
    duckdb.execute("BEGIN TRANSACTION READ ONLY")?;
    // By itself first: it is one SELECT, whatever parentheses it has.
    let (statement, _) = duckdb.statement_through(sql, Door::Query)?;
    if statement.kind() != StatementKind::Select {
        return Err(error("takes a SELECT, and this statement is none"));
    }
    drop(statement);
    let statement = sender.watch(duckdb, || Ok(duckdb.prepare(sql)?))?;
    let columns = casts::for_parquet(&statement.columns()).unwrap_or_else(|| "*".into());
    let query = without_end(sql, Dialect::DuckDb);
    let copy = format!("COPY (SELECT {columns} FROM ({query})) {to}");
    let mut rows = sender.watch(duckdb, || Ok(duckdb.statement(&copy)?.start()?.rows()?))?;
    let written = first_integer(&mut rows)?;
    // The reader may be gone.
    drop(sender.send(Ok(Message::Changed(written))));
    Ok(())
}

/// A statement that may write the user's own database, on the worker.
pub fn write(
    mirror: &Mirror,
    duckdb: &DuckDb,
    sql: &str,
    params: &Params,
    sender: &Sender,
) -> Result<()> {
    let (statement, writes) = bound(duckdb, sql, params, Door::Exec)?;
    sender.check()?;
    if writes {
        mirror.open_own()?;
        duckdb.set_search_path(true)?;
    }
    if mirror.has_own() {
        duckdb.execute("BEGIN")?;
        // First of all, so that it is what the transaction writes, and the mirror is not.
        duckdb.write_own()?;
    } else {
        duckdb.execute("BEGIN TRANSACTION READ ONLY")?;
    }
    let changes = statement.kind() == StatementKind::Change;
    let mut rows = sender.watch(duckdb, || Ok(statement.start()?.rows()?))?;
    let changed = if !changes {
        while rows.next_chunk()?.is_some() {}
        0
    } else if rows.counts_changes() {
        first_integer(&mut rows)?
    } else {
        // Of RETURNING: a row for each that was changed.
        let mut count = 0;
        while let Some(chunk) = rows.next_chunk()? {
            count += chunk.len() as i64;
        }
        count
    };
    drop(rows);
    sender.begin_commit()?;
    duckdb.execute("COMMIT")?;
    mirror.cache.clear();
    // The reader may be gone; what is done is done.
    drop(sender.send(Ok(Message::Changed(changed))));
    Ok(())
}

/// The first column of the first row, if it is an integer.
fn first_integer(rows: &mut Rows) -> Result<i64> {
    let mut first = None;
    while let Some(chunk) = rows.next_chunk()? {
        if let (None, Some(ty)) = (first, rows.types().first()) {
            first = chunk.column(0, ty).int64(0);
        }
    }
    Ok(first.unwrap_or(0))
}

/// Sends the columns, then the rows. Ends early when the reader is gone.
fn send(mut rows: Rows, sender: &Sender) -> Result<()> {
    if let Some((name, _)) = (rows.names().iter().zip(rows.types())).find(|(_, t)| t.needs_cast()) {
        return Err(error(format!(
            "the column \"{name}\" has a type that cannot be read; cast it to VARCHAR"
        )));
    }
    let columns = Message::Columns(rows.names().to_vec(), rows.types().to_vec());
    if sender.send(Ok(columns)).is_err() {
        return Ok(());
    }
    while let Some(chunk) = rows.next_chunk()? {
        if sender.send(Ok(Message::Chunk(chunk))).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
