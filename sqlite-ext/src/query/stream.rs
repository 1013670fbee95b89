//! A running query of DuckDB whose rows arrive chunk by chunk.
//!
//! DuckDB runs on a thread of its own for the length of the query, so that the caller's thread can ask SQLite
//! every few milliseconds whether to stop, and the next chunk is made while the last one is read.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lumos_duckdb::engine::{Chunk, Connection as DuckDb, LogicalType};
use rusqlite::Connection;

use crate::error::{Error, Result, error};
use crate::host;
use crate::mirror::cache::{CachedResult, Recording};
use crate::mirror::interruptible::{self, POLL};
use crate::mirror::{Mirror, cold_files};
use crate::progress::Progress;
use crate::query::names::distinct;
use crate::query::params::Params;
use crate::query::reads;
use crate::query::worker::{self, Message, Sender};
use crate::system::without_signals;

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
            move |duckdb, sql, sender| worker::read(duckdb, sql, &params, sender),
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
            move |duckdb, sql, sender| worker::read(duckdb, sql, &params, sender),
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
            move |duckdb, sql, sender| worker::write(&mirror, duckdb, sql, &params, sender)
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
            move |duckdb, sql, sender| worker::copy(duckdb, sql, &to, sender),
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
        let (sender, receiver, state) = Sender::new();
        let (connection, sql, read) = (duckdb.clone(), sql.to_owned(), Arc::clone(mirror));
        let run = move || worker::run(connection, read, &sql, &sender, work);
        let worker = without_signals(|| {
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
                && begun.elapsed() > worker::PATIENCE
                && worker::leave(state)
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
