//! Long statements that write the mirror, ended when the host wants it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use lumos_duckdb::engine::{Connection as DuckDb, ErrorKind};
use rusqlite::Connection;

use crate::error::{Result, error};
use crate::host;
use crate::progress::Progress;
use crate::system::without_signals;

/// How often the host is asked whether to stop.
pub const POLL: Duration = Duration::from_millis(10);

/// Runs `work` on a thread of its own, so that this one can ask SQLite every few milliseconds whether to stop. Says
/// meanwhile how far DuckDB is with its statement.
pub fn run<T: Send>(
    host: &Connection,
    duckdb: &DuckDb,
    progress: &Progress,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    run_saying(host, duckdb, progress, || percent(duckdb), work)
}

/// As [`run`], for work of many statements, which says itself how far it is.
pub fn run_saying<T: Send>(
    host: &Connection,
    duckdb: &DuckDb,
    progress: &Progress,
    how_far: impl Fn() -> String,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let (sender, receiver) = sync_channel(1);
    let body = move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        let result = result.unwrap_or_else(|panic| Err(host::panicked(panic.as_ref())));
        // The receiver waits until the end.
        drop(sender.send(result));
    };
    std::thread::scope(|scope| {
        without_signals(|| {
            std::thread::Builder::new()
                .name("lumos-work".into())
                .spawn_scoped(scope, body)
        })
        .map_err(|e| error(format!("cannot start a thread: {e}")))?;
        let mut stop = Ok(());
        loop {
            // An interrupt between two statements is forgotten by DuckDB, hence again and again.
            let wait = match stop {
                Ok(()) => POLL,
                Err(_) => Duration::from_millis(1),
            };
            match receiver.recv_timeout(wait) {
                // A commit that raced with an interrupt counts as success.
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(e)) => return stop.and(Err(e)),
                Err(RecvTimeoutError::Disconnected) => return Err(error("the work was lost")),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if stop.is_ok() {
                stop = host::check_interrupt(host);
            }
            if stop.is_err() {
                duckdb.interrupt();
            }
            progress.say(&how_far);
        }
    })
}

/// How far DuckDB says that its statement is.
pub fn percent(duckdb: &DuckDb) -> String {
    format!("{:.0} %", duckdb.progress().max(0.0))
}

/// Runs `work` in a transaction of DuckDB.
pub fn transaction<T>(duckdb: &DuckDb, work: impl FnOnce() -> Result<T>) -> Result<T> {
    duckdb.execute("BEGIN")?;
    let done = work().and_then(|done| Ok(duckdb.execute("COMMIT").map(|_| done)?));
    if done.is_err() {
        // The error of the work matters more than one of the rollback. An interrupt meets this statement too, and
        // the connection must not go back to the others with its transaction open.
        while duckdb
            .execute("ROLLBACK")
            .is_err_and(|e| e.kind == ErrorKind::Interrupted)
        {}
    }
    done
}

/// Writes the mirror's own log into its file and gives blocks free. A write of another connection is in the way of
/// it; then the next one does it.
pub fn checkpoint(duckdb: &DuckDb) {
    drop(duckdb.execute(&format!("CHECKPOINT {}", crate::mirror::names::CATALOG)));
}
