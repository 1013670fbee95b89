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
//! 4. The mutexes, for a moment, in the order of [`Rank`], which has the turn of 3 among them. A build with the feature
//!    `faults`, or with debug assertions, panics where a thread takes one out of order.
//!
//! Who has to wait for 1 or 3 does so until its [`Deadline`], asks the host all the while whether to stop, and gets
//! its turn in the order of asking.
//!
//! [`HostStatement::snapshot`]: crate::host::statement::HostStatement::snapshot

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};

use crate::error::{Error, Result, error};
use crate::host;

/// What a thread may have while it takes what: of two, the one that is named first is taken first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The index of a table of vectors. It is held over nested statements, in which SQLite may call anything here, so
    /// nobody waits for it.
    IndexState,
    /// What the `lumos_auto` of a connection knows; held while the mirror is attached and brought up to date.
    Router,
    /// The turn to write a mirror, [`Turns`].
    Turn,
    /// What a connection has attached; held while a mirror is opened.
    Attached,
    /// The list of the process's mirrors.
    OpenMirrors,
    /// The database with what users make; held while it is opened.
    Own,
    /// The list of the files with cold rows; held while it is read.
    ColdFiles,
    /// The tables of vectors of a connection; held while they are asked for their names.
    VectorTables,
    /// Anything that is held for a moment, in which no other is taken.
    Moment,
    /// The step that a test waits for.
    #[cfg(feature = "faults")]
    Fault,
}

/// A mutex with its place in the order.
pub struct Lock<T> {
    rank: Rank,
    value: Mutex<T>,
}

impl<T> Lock<T> {
    /// Nobody has it.
    pub const fn new(rank: Rank, value: T) -> Lock<T> {
        Lock {
            rank,
            value: Mutex::new(value),
        }
    }

    /// The value; `None` while somebody has it, this thread perhaps.
    pub fn try_lock(&self) -> Option<Locked<'_, T>> {
        let value = match self.value.try_lock() {
            Ok(value) => value,
            Err(TryLockError::Poisoned(e)) => PoisonError::into_inner(e),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Locked {
            value,
            _held: order::Held::new(self.rank),
        })
    }
}

/// Waits for a lock, also after a panic elsewhere: what is guarded here stays valid at every step.
pub fn locked<T>(lock: &Lock<T>) -> Locked<'_, T> {
    order::check(lock.rank);
    Locked {
        value: lock.value.lock().unwrap_or_else(PoisonError::into_inner),
        _held: order::Held::new(lock.rank),
    }
}

/// The value of a lock, until this is dropped. The fields are dropped in order.
pub struct Locked<'a, T> {
    value: MutexGuard<'a, T>,
    _held: order::Held,
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// The locks that this thread has.
#[cfg(any(debug_assertions, feature = "faults"))]
mod order {
    use std::cell::RefCell;

    use super::Rank;

    thread_local! {
        static HELD: RefCell<Vec<Rank>> = const { RefCell::new(Vec::new()) };
    }

    /// Panics if this thread may not wait for a lock of this rank with those that it has.
    pub fn check(rank: Rank) {
        let last = HELD.with_borrow(|held| held.iter().max().copied());
        assert!(
            last.is_none_or(|last| last < rank),
            "locks out of order: {rank:?} is taken while this thread has {last:?}"
        );
    }

    /// One of them, until this is dropped.
    pub struct Held(Rank);

    impl Held {
        pub fn new(rank: Rank) -> Held {
            HELD.with_borrow_mut(|held| held.push(rank));
            Held(rank)
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            // A thread that ends has none left.
            let _ = HELD.try_with(|held| {
                let mut held = held.borrow_mut();
                if let Some(place) = held.iter().rposition(|rank| *rank == self.0) {
                    held.remove(place);
                }
            });
        }
    }
}

/// As above, where nothing is checked.
#[cfg(not(any(debug_assertions, feature = "faults")))]
mod order {
    use super::Rank;

    pub fn check(_: Rank) {}

    pub struct Held;

    impl Held {
        pub fn new(_: Rank) -> Held {
            Held
        }
    }
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
    _held: order::Held,
}

/// Lets the next one have its turn.
struct End<'a> {
    queue: &'a Mutex<Queue>,
    changed: &'a Condvar,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        lock(self.queue).thread = None;
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
        lock(&self.queue).thread == Some(std::thread::current().id())
    }

    /// Waits for the turn. Errs after the deadline, if the host wants the call to end, and if this thread has it.
    pub fn wait(&self, host: &Connection, deadline: Deadline) -> Result<Turn<'_, T>> {
        let me = std::thread::current().id();
        let mut queue = lock(&self.queue);
        if queue.thread == Some(me) {
            return Err(error("the mirror is being written; call it by itself"));
        }
        order::check(Rank::Turn);
        queue.last += 1;
        let ticket = queue.last;
        queue.waiting.push_back(ticket);
        loop {
            if queue.thread.is_none() && queue.waiting.front() == Some(&ticket) {
                queue.waiting.pop_front();
                queue.thread = Some(me);
                drop(queue);
                return Ok(Turn {
                    value: lock(&self.value),
                    _end: End {
                        queue: &self.queue,
                        changed: &self.changed,
                    },
                    _held: order::Held::new(Rank::Turn),
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
            queue = lock(&self.queue);
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
