//! A running query of DuckDB whose rows arrive chunk by chunk.
//!
//! DuckDB runs on a thread of its own for the length of the query, so that the caller's thread can ask SQLite
//! every few milliseconds whether to stop, and the next chunk is made while the last one is read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Once};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lumos_core::sql::lexer::{Dialect, without_end};
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::{
    Chunk, Connection as DuckDb, Door, ErrorKind, LogicalType, Reads, Rows, StatementKind,
};
use rusqlite::Connection;

use crate::error::{Error, Result, error};
use crate::host;
use crate::mirror::cache::{CachedResult, Recording};
use crate::mirror::interruptible::{self, POLL};
use crate::mirror::{Mirror, cold_files};
use crate::progress::Progress;
use crate::query::names::distinct;
use crate::query::params::{Params, bound};
use crate::query::{casts, reads};

/// Chunks made ahead of the reader.
const AHEAD: usize = 2;

enum Message {
    /// What a statement reads, before it runs; the reader says whether its connection may.
    Reads(Reads, SyncSender<Result<()>>),
    Columns(Vec<String>, Vec<LogicalType>),
    Chunk(Chunk),
    /// The rows that a statement changed, once it is committed.
    Changed(i64),
}

/// The worker's end.
struct Sender {
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
const PATIENCE: Duration = Duration::from_millis(200);

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
fn leave(state: &AtomicU8) -> bool {
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

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// One query, and then for others.
    Pooled,
    /// One query.
    Read,
    /// One statement that may write tables.
    Write,
    /// One that writes a file of the caller's.
    File,
}

/// A running query.
pub struct Stream {
    /// The columns' names, each once.
    pub names: Vec<String>,
    /// The columns' types.
    pub types: Vec<LogicalType>,
    messages: Option<Receiver<Result<Message>>>,
    /// The rest of a kept result.
    kept: std::vec::IntoIter<Arc<Chunk>>,
    /// The result on its way into the cache.
    recording: Option<Recording>,
    progress: Progress,
    /// Why the mirror is not up to date.
    behind: Option<Error>,
    /// The connection goes back to the mirror.
    pooled: bool,
    duckdb: DuckDb,
    /// Ends with true if the connection can be used again.
    worker: Option<JoinHandle<bool>>,
    /// What the worker is; `None` for one that writes a file, which is never left alone.
    state: Option<Arc<AtomicU8>>,
    pid: u32,
    /// What is read. The last field: it may be the last to hold the mirror, which must not be closed before.
    mirror: Arc<Mirror>,
}

impl Stream {
    /// Starts one SELECT with these parameters and waits for its first rows, or takes its result from the cache.
    pub fn start(
        host: &Connection,
        mirror: &Arc<Mirror>,
        sql: &str,
        params: Params,
    ) -> Result<Stream> {
        if let Some(answer) = mirror.cache.answer(sql, &params.key()) {
            let mut reads = answer.reads.iter();
            reads.try_for_each(|read| read.ask_of_mirror(host))?;
            return Ok(Stream::kept(mirror, mirror.connection()?, answer));
        }
        let recording = mirror.cache.record(sql, &params.key());
        let mut stream = Stream::spawn(
            mirror,
            mirror.connection()?,
            Use::Pooled,
            sql,
            Progress::none(),
            move |duckdb, sql, sender| read(duckdb, sql, &params, sender),
        )?;
        stream.recording = recording;
        stream.receive_columns(host)?;
        Ok(stream)
    }

    fn kept(mirror: &Arc<Mirror>, duckdb: DuckDb, answer: CachedResult) -> Stream {
        mirror.give_back(duckdb.clone());
        Stream {
            names: answer.names,
            types: answer.types,
            messages: None,
            kept: answer.chunks.into_iter(),
            recording: None,
            progress: Progress::none(),
            behind: None,
            pooled: false,
            duckdb,
            worker: None,
            state: None,
            pid: std::process::id(),
            mirror: Arc::clone(mirror),
        }
    }

    /// The same on a connection of the caller's, which may have temporary tables.
    pub fn start_on(
        duckdb: DuckDb,
        host: &Connection,
        mirror: &Arc<Mirror>,
        sql: &str,
        params: Params,
    ) -> Result<Stream> {
        let mut stream = Stream::spawn(
            mirror,
            duckdb,
            Use::Read,
            sql,
            Progress::none(),
            move |duckdb, sql, sender| read(duckdb, sql, &params, sender),
        )?;
        stream.receive_columns(host)?;
        Ok(stream)
    }

    /// Runs one statement that may write, in a transaction of its own, on a connection that nobody uses afterwards.
    /// Returns the rows changed; of one that is not about rows, 0. `behind`: why the mirror is not up to date, which is
    /// the error of a statement that reads it.
    pub fn change(
        duckdb: DuckDb,
        host: &Connection,
        mirror: &Arc<Mirror>,
        sql: &str,
        params: Params,
        behind: Option<Error>,
    ) -> Result<i64> {
        let mut stream = Stream::spawn(mirror, duckdb, Use::Write, sql, Progress::none(), {
            let mirror = Arc::clone(mirror);
            move |duckdb, sql, sender| write(&mirror, duckdb, sql, &params, sender)
        })?;
        stream.behind = behind;
        stream.changed(host)
    }

    /// Writes the rows of one SELECT to a file, on a connection as above; `to` is what follows the query in COPY.
    /// Returns the number of rows.
    pub fn copy(
        duckdb: DuckDb,
        host: &Connection,
        mirror: &Arc<Mirror>,
        sql: &str,
        to: String,
        progress: Progress,
    ) -> Result<i64> {
        let stream = Stream::spawn(
            mirror,
            duckdb,
            Use::File,
            sql,
            progress,
            move |duckdb, sql, sender| copy(duckdb, sql, &to, sender),
        )?;
        stream.changed(host)
    }

    fn changed(mut self, host: &Connection) -> Result<i64> {
        match self.receive(host)? {
            Some(Message::Changed(rows)) => Ok(rows),
            _ => Err(error("the statement ended without a word")),
        }
    }

    /// How far DuckDB says that it is.
    pub fn percent(&self) -> String {
        interruptible::percent(&self.duckdb)
    }

    fn spawn(
        mirror: &Arc<Mirror>,
        duckdb: DuckDb,
        used: Use,
        sql: &str,
        progress: Progress,
        work: impl FnOnce(&DuckDb, &str, &Sender) -> Result<()> + Send + 'static,
    ) -> Result<Stream> {
        let (sender, receiver) = sync_channel(AHEAD);
        let state = Arc::new(AtomicU8::new(READ));
        let sender = Sender {
            messages: sender,
            state: Arc::clone(&state),
        };
        let (connection, sql, read) = (duckdb.clone(), sql.to_owned(), Arc::clone(mirror));
        let run = move || {
            let result = catch_unwind(AssertUnwindSafe(|| work(&connection, &sql, &sender)));
            // Ends the transaction; after a commit there is none, and the connection is not used again.
            let ended = connection.execute("ROLLBACK");
            if let Err(e) = result.unwrap_or_else(|panic| Err(host::panicked(panic.as_ref()))) {
                // The reader may be gone; then nobody wants the error.
                drop(sender.send(Err(with_hint(&sql, e))));
            }
            if sender.state.swap(ENDED, Ordering::AcqRel) == ALONE {
                drop(connection);
                read.end_reading();
                drop(read);
                WORKERS_ALONE.fetch_sub(1, Ordering::AcqRel);
            }
            ended.is_ok()
        };
        let worker = host::without_signals(|| {
            std::thread::Builder::new()
                .name("lumos-query".into())
                .spawn(run)
        })
        .map_err(|e| error(format!("cannot start a thread: {e}")))?;
        mirror.begin_reading();
        Ok(Stream {
            names: Vec::new(),
            types: Vec::new(),
            messages: Some(receiver),
            kept: Vec::new().into_iter(),
            recording: None,
            progress,
            behind: None,
            pooled: used == Use::Pooled,
            duckdb,
            worker: Some(worker),
            state: (used != Use::File).then_some(state),
            pid: std::process::id(),
            mirror: Arc::clone(mirror),
        })
    }

    fn receive_columns(&mut self, host: &Connection) -> Result<()> {
        match self.receive(host)? {
            Some(Message::Columns(names, types)) => {
                (self.names, self.types) = (distinct(names), types);
                Ok(())
            }
            _ => Err(error("the query ended without columns")),
        }
    }

    /// The next rows; `None` at the end.
    pub fn next_chunk(&mut self, host: &Connection) -> Result<Option<Arc<Chunk>>> {
        if let Some(chunk) = self.kept.next() {
            return Ok(Some(chunk));
        }
        let Some(Message::Chunk(chunk)) = self.receive(host)? else {
            if let Some(recording) = self.recording.take() {
                self.mirror.cache.keep(recording, &self.names, &self.types);
            }
            return Ok(None);
        };
        let chunk = Arc::new(chunk);
        let cache = &self.mirror.cache;
        self.recording
            .take_if(|recording| !cache.add(recording, &chunk, &self.types));
        Ok(Some(chunk))
    }

    fn receive(&mut self, host: &Connection) -> Result<Option<Message>> {
        let Some(messages) = &self.messages else {
            return Ok(None);
        };
        loop {
            match messages.recv_timeout(POLL) {
                Ok(Ok(Message::Reads(reads, answer))) => {
                    let asked = reads::check(host, &self.mirror, reads, false);
                    let asked = asked.and_then(|asked| {
                        if let Some(e) = &self.behind
                            && asked.tables().next().is_some()
                        {
                            return Err(e.clone());
                        }
                        cold_files::check(&self.mirror, asked.tables())?;
                        let kept = asked.kept();
                        self.recording.take_if(|recording| !recording.reads(kept));
                        Ok(())
                    });
                    // The worker waits for nothing else.
                    drop(answer.send(asked));
                }
                Ok(message) => {
                    let mirror = &self.mirror;
                    return message.map(Some).map_err(|e| {
                        // It is a file, a table that failed, or what it says.
                        reads::heard(host, mirror, cold_files::blamed(mirror, e))
                    });
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {
                    host::check_interrupt(host)?;
                    self.progress.say(|| interruptible::percent(&self.duckdb));
                }
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Some(worker) = self.worker.take() else {
            return;
        };
        if std::process::id() != self.pid {
            // A forked child has no such thread to wait for.
            std::mem::forget((worker, self.messages.take()));
            return;
        }
        // Without a receiver the worker's next send fails. An interrupt that comes before the query has begun is
        // forgotten by DuckDB, hence again and again.
        drop(self.messages.take());
        let begun = Instant::now();
        while !worker.is_finished() {
            self.duckdb.interrupt();
            if let Some(state) = &self.state
                && begun.elapsed() > PATIENCE
                && leave(state)
            {
                return;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        let usable = worker.join().is_ok_and(|usable| usable);
        self.mirror.end_reading();
        if usable && self.pooled {
            self.mirror.give_back(self.duckdb.clone());
        }
    }
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
fn read(duckdb: &DuckDb, sql: &str, params: &Params, sender: &Sender) -> Result<()> {
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
fn copy(duckdb: &DuckDb, sql: &str, to: &str, sender: &Sender) -> Result<()> {
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
fn write(
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
