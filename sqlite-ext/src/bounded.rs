//! Runs a query that the gate let pass, on the host's connection and so in its transaction, with bounds on rows, on the length
//! of a value and on time.
//!
//! The host's progress handler stays its own, so time is watched by a thread that lives as long as the query and does nothing
//! but wait and, at the end of the time, interrupt the connection.

use std::ffi::c_int;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};

use crate::error::{Result, error};
use crate::host::statement::HostStatement;
use crate::system::without_signals;

/// The longest text or BLOB that a query makes, in bytes.
const LONGEST: c_int = 10_000_000;

/// Gives the rows of a query to `each`, which returns false to end it. Errors if it takes longer than `time`, or the host is
/// interrupted.
pub fn run(
    host: &Connection,
    text: &str,
    time: Duration,
    mut each: impl FnMut(&HostStatement) -> Result<bool>,
) -> Result<()> {
    let _length = Length::lower(host);
    // SAFETY: the host's connection is open during the call, and the statement is dropped at its end.
    let mut statement = unsafe { HostStatement::prepare(host.handle(), text)? };
    let watch = Watch::start(host, time)?;
    let ended = loop {
        match statement.step() {
            Ok(true) => match each(&statement) {
                Ok(true) => {}
                ended => break ended.map(drop),
            },
            Ok(false) => break Ok(()),
            Err(e) => break Err(e),
        }
    };
    drop(statement);
    if watch.is_late() {
        return Err(error(format!(
            "the query took more than {} ms and was stopped; ask for less, or give a higher \"timeout_ms\"",
            time.as_millis()
        )));
    }
    ended
}

/// The host's limit on lengths, put back when this is dropped.
struct Length {
    db: *mut ffi::sqlite3,
    before: c_int,
}

impl Length {
    fn lower(host: &Connection) -> Length {
        // SAFETY: the host's open connection, on whose thread we are; nobody else uses it during the call.
        unsafe {
            let db = host.handle();
            let before = ffi::sqlite3_limit(db, ffi::SQLITE_LIMIT_LENGTH, -1);
            ffi::sqlite3_limit(db, ffi::SQLITE_LIMIT_LENGTH, before.min(LONGEST));
            Length { db, before }
        }
    }
}

impl Drop for Length {
    fn drop(&mut self) {
        // SAFETY: as above; the call that lowered it is not over.
        unsafe { ffi::sqlite3_limit(self.db, ffi::SQLITE_LIMIT_LENGTH, self.before) };
    }
}

#[derive(Default)]
struct State {
    done: bool,
    late: bool,
}

/// The thread that waits for the end of the time.
struct Watch {
    state: Arc<(Mutex<State>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    fn start(host: &Connection, time: Duration) -> Result<Watch> {
        let state = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let watched = Arc::clone(&state);
        // SAFETY: only its address is kept.
        let db = unsafe { host.handle() } as usize;
        let wait = move || {
            let end = Instant::now() + time;
            let (state, changed) = &*watched;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            while !state.done {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    state.late = true;
                    // SAFETY: the connection is open as long as the watch, which takes this lock before it ends; SQLite takes an
                    // interrupt from any thread.
                    unsafe { ffi::sqlite3_interrupt(db as *mut ffi::sqlite3) };
                    return;
                }
                let waited = changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        };
        let thread = without_signals(|| Builder::new().name("lumos".into()).spawn(wait));
        let thread = thread.map_err(|e| error(format!("no thread can be started: {e}")))?;
        Ok(Watch {
            state,
            thread: Some(thread),
        })
    }

    fn is_late(&self) -> bool {
        self.state
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .late
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.state
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .done = true;
        self.state.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ = thread.join();
        }
    }
}
