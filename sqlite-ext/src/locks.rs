//! What calls wait for, in which order they take it, and for how long.
//!
//! 1. The lock file of a mirror, [`crate::lock`]: a process has it as long as the mirror is open. A connection takes
//!    it before its statement reads SQLite, see `Session::before_statement`: who waits for another process holds
//!    nobody up.
//! 2. SQLite's locks on the database: what a call reads, [`HostStatement::snapshot`]. A statement on `lumos_query` has its
//!    own before we are called, so nobody waits for SQLite while it has what others wait for: a mirror that takes
//!    turns is given back first, see `Session::in_turn`; in a turn of 3 what is read is read from a snapshot taken
//!    before, and what is written is written [`without_waiting`].
//! 3. The turn to write a mirror, [`Turns`].
//! 4. The mutexes, `mirror::OPEN` and those of a mirror, of a session and of a router: for a moment.
//!
//! Who has to wait for 1 or 3 does so until its [`Deadline`], asks the host all the while whether to stop, and gets
//! its turn in the order of asking.
//!
//! [`HostStatement::snapshot`]: crate::host::statement::HostStatement::snapshot

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};

use crate::error::{Error, Result, error};
use crate::host;

/// Locks a mutex, also after a panic elsewhere: what is guarded here stays valid at every step.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a connection without `busy_timeout` waits for others of its process: what they do takes a moment, but
/// for the copy of a large table. A busy handler of the host's own shows as none.
const WITHOUT_TIMEOUT: Duration = Duration::from_secs(2);

/// The time between two looks at whether to go on waiting.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Until when a call waits: as long as SQLite would for a lock, counted from the beginning of the call.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    begun: Instant,
    /// Not at all.
    passed: bool,
}

impl Deadline {
    /// For a call that begins now.
    pub fn start() -> Deadline {
        Deadline {
            begun: Instant::now(),
            passed: false,
        }
    }

    /// For a call that has another way than to wait.
    pub fn passed() -> Deadline {
        Deadline {
            passed: true,
            ..Deadline::start()
        }
    }

    /// True while there is time left to wait for another process. Errs if the host wants the call to end.
    pub fn has_time(self, host: &Connection) -> Result<bool> {
        self.has_time_or(host, Duration::ZERO)
    }

    /// The same for another thread of this process.
    pub fn has_time_for_threads(self, host: &Connection) -> Result<bool> {
        self.has_time_or(host, WITHOUT_TIMEOUT)
    }

    fn has_time_or(self, host: &Connection, without: Duration) -> Result<bool> {
        host::check_interrupt(host)?;
        let timeout = match busy_timeout(host)? {
            0 => without,
            timeout => Duration::from_millis(timeout),
        };
        Ok(!self.passed && self.begun.elapsed() < timeout)
    }
}

/// The milliseconds that SQLite waits for a lock; 0 for none, and for a handler of the host's own.
fn busy_timeout(host: &Connection) -> Result<u64> {
    let timeout: i64 = host.query_row("PRAGMA busy_timeout", [], |row| row.get(0))?;
    Ok(timeout.unsigned_abs())
}

/// Runs statements that fail at once where SQLite would wait for a lock, except by a handler of the host's own.
pub fn without_waiting<T>(host: &Connection, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let timeout = busy_timeout(host)?;
    // Setting it would take away a handler of the host's.
    if timeout == 0 {
        return body();
    }
    let restored = Timeout(host, timeout);
    set_timeout(host, 0)?;
    let done = body();
    drop(restored);
    done
}

/// Gives the connection its `busy_timeout` back, also after a panic.
struct Timeout<'a>(&'a Connection, u64);

impl Drop for Timeout<'_> {
    fn drop(&mut self) {
        // It has no other way to fail than one that the next statement meets too.
        drop(set_timeout(self.0, self.1));
    }
}

fn set_timeout(host: &Connection, timeout: u64) -> Result<()> {
    let set = format!("PRAGMA busy_timeout = {timeout}");
    Ok(host.query_row(&set, [], |_| Ok(()))?)
}

/// A value that one thread at a time has, in the order in which they asked.
pub struct Turns<T> {
    queue: Mutex<Queue>,
    changed: Condvar,
    value: Mutex<T>,
}

#[derive(Default)]
struct Queue {
    /// Who has it.
    thread: Option<ThreadId>,
    waiting: VecDeque<u64>,
    last: u64,
}

/// The value, until this is dropped. The fields are dropped in order.
pub struct Turn<'a, T> {
    /// The value.
    pub value: MutexGuard<'a, T>,
    _end: End<'a>,
}

/// Lets the next one have its turn.
struct End<'a> {
    queue: &'a Mutex<Queue>,
    changed: &'a Condvar,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        locked(self.queue).thread = None;
        self.changed.notify_all();
    }
}

impl<T> Turns<T> {
    /// Nobody has it.
    pub fn new(value: T) -> Turns<T> {
        Turns {
            queue: Mutex::default(),
            changed: Condvar::new(),
            value: Mutex::new(value),
        }
    }

    /// True if this thread has it.
    pub fn is_mine(&self) -> bool {
        locked(&self.queue).thread == Some(std::thread::current().id())
    }

    /// Waits for the turn. Errs after the deadline, if the host wants the call to end, and if this thread has it.
    pub fn wait(&self, host: &Connection, deadline: Deadline) -> Result<Turn<'_, T>> {
        let me = std::thread::current().id();
        let mut queue = locked(&self.queue);
        if queue.thread == Some(me) {
            return Err(error("the mirror is being written; call it by itself"));
        }
        queue.last += 1;
        let ticket = queue.last;
        queue.waiting.push_back(ticket);
        loop {
            if queue.thread.is_none() && queue.waiting.front() == Some(&ticket) {
                queue.waiting.pop_front();
                queue.thread = Some(me);
                drop(queue);
                return Ok(Turn {
                    value: locked(&self.value),
                    _end: End {
                        queue: &self.queue,
                        changed: &self.changed,
                    },
                });
            }
            let (left, timed_out) = self
                .changed
                .wait_timeout(queue, BETWEEN_LOOKS)
                .unwrap_or_else(PoisonError::into_inner);
            if !timed_out.timed_out() {
                queue = left;
                continue;
            }
            // Not while the queue is locked: a progress handler of the host's may do anything.
            drop(left);
            let goes_on = deadline.has_time_for_threads(host);
            queue = locked(&self.queue);
            if !matches!(goes_on, Ok(true)) {
                queue.waiting.retain(|t| *t != ticket);
                drop(queue);
                self.changed.notify_all();
                goes_on?;
                return Err(is_written(deadline));
            }
        }
    }
}

/// The error of a call that waited in vain.
fn is_written(deadline: Deadline) -> Error {
    Error {
        code: ffi::SQLITE_BUSY,
        ..error(format!(
            "another connection of this process is writing the mirror, and did not end within {:.1} s; \
             try again, or give the connection a longer busy_timeout",
            deadline.begun.elapsed().as_secs_f64()
        ))
    }
}
