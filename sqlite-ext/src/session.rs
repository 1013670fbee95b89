//! What Lumos knows of one SQLite connection: its handle, its process, and the mirror attached to it.

use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lumos_core::embed;
use lumos_core::options::Options;
use lumos_core::server::Stop;
use rusqlite::{Connection, TransactionState, ffi};
use serde_json::{Value as Json, json};

use crate::attach_options::{AttachOptions, Freshness};
use crate::error::{Error, Result, error};
use crate::host;
use crate::host::statement::HostStatement;
use crate::language::Language;
use crate::locks::{Deadline, Lock, Rank, locked, without_waiting};
use crate::mirror::open::default_path;
use crate::mirror::settings::Settings;
use crate::mirror::{Mirror, file_lock};
use crate::progress::Progress;
use crate::system;

/// One SQLite connection.
pub struct Session {
    db: *mut ffi::sqlite3,
    pid: u32,
    attached: Lock<Option<Kept>>,
    /// See `lumos_lock`.
    locked: AtomicBool,
    /// Another process had the mirror for as long as a statement could wait when it was prepared.
    waited: AtomicBool,
    language: Language,
}

/// What a connection keeps of `lumos_attach`.
struct Kept {
    /// None for one that takes turns with other processes: it is opened by every call, and closed when no call and
    /// no result has it any more.
    mirror: Option<Arc<Mirror>>,
    path: String,
    settings: Option<Settings>,
    freshness: Freshness,
    progress: Progress,
    /// See [`Attached`].
    known: Arc<AtomicBool>,
    /// Its file may hold the tables of an encrypted database.
    plaintext: bool,
}

impl Kept {
    /// True if this path, or none, means its file.
    fn is_at(&self, path: Option<&str>) -> bool {
        let real = |path: &str| std::fs::canonicalize(path).ok();
        path.is_none_or(|p| p == self.path || real(p).is_some_and(|r| Some(r) == real(&self.path)))
    }
}

// SAFETY: SQLite calls a connection's functions from the thread that uses the connection, one at a time; the
// handle outlives the session, which SQLite frees as it closes the connection.
unsafe impl Send for Session {}
// SAFETY: as above.
unsafe impl Sync for Session {}

/// The attached mirror of a connection.
#[derive(Clone)]
pub struct Attached {
    /// The mirror, shared by all connections of the process to the same file.
    pub mirror: Arc<Mirror>,
    /// When a query applies pending changes first.
    pub freshness: Freshness,
    /// What calls say meanwhile that have no such option of their own.
    pub progress: Progress,
    /// This connection has applied what was pending: the mirror is its own database's.
    pub known: Arc<AtomicBool>,
    takes_turns: bool,
    /// Until when this call waits for others.
    pub deadline: Deadline,
}

impl Attached {
    /// True if other connections may have applied more to this mirror than this one sees.
    pub fn is_shared(&self) -> bool {
        // One is the session's, one is this clone.
        self.takes_turns || Arc::strong_count(&self.mirror) > 2
    }
}

impl Session {
    /// A session for this connection, without a mirror.
    pub fn new(connection: &Connection) -> Arc<Session> {
        // SAFETY: the handle is only used while the connection lives.
        let db = unsafe { connection.handle() };
        Arc::new(Session {
            db,
            pid: std::process::id(),
            attached: Lock::new(Rank::Attached, None),
            locked: AtomicBool::new(false),
            waited: AtomicBool::new(false),
            language: Language::new(),
        })
    }

    /// What is known of the database for questions.
    pub fn language(&self) -> &Language {
        &self.language
    }

    /// The SQLite connection, for statements inside a call.
    pub fn connection(&self) -> Result<Connection> {
        // SAFETY: the handle is alive during every call from SQLite; the result does not close it.
        Ok(unsafe { Connection::from_handle(self.db) }?)
    }

    /// Whether the host wants the call to end, for what waits within it: on the thread of the call, until its end.
    pub fn stop(self: &Arc<Session>) -> Stop {
        let session = Arc::clone(self);
        Arc::new(move || {
            let connection = session.connection();
            connection.is_ok_and(|connection| host::check_interrupt(&connection).is_err())
        })
    }

    /// Refuses to work in a forked child: DuckDB's threads are not there, and it would wait for them for ever.
    fn check_process(&self) -> Result<()> {
        if std::process::id() == self.pid {
            Ok(())
        } else {
            Err(error(
                "this connection was opened before fork(); open a new connection in the child process",
            ))
        }
    }

    /// The attached mirror; attaches the default one if there is none.
    pub fn attached(&self) -> Result<Attached> {
        self.attached_until(if self.waited.swap(false, Ordering::Relaxed) {
            Deadline::passed()
        } else {
            Deadline::start()
        })
    }

    /// The same for a call that can do without: it does not wait for another process that has the default one.
    pub fn attached_now(&self) -> Result<Attached> {
        let is_attached = locked(&self.attached).is_some();
        if is_attached {
            return self.attached();
        }
        let attached = self.attached_until(Deadline::passed())?;
        Ok(Attached {
            deadline: Deadline::start(),
            ..attached
        })
    }

    fn attached_until(&self, deadline: Deadline) -> Result<Attached> {
        self.check_process()?;
        let mut kept = locked(&self.attached);
        let kept = match &mut *kept {
            Some(kept) => kept,
            none => none.insert(self.open(None, AttachOptions::default(), deadline)?.0),
        };
        // It may be encrypted since, by a key for an empty database or another key for one that was plain.
        self.check_plain(&kept.path, kept.plaintext)?;
        let mirror = match &kept.mirror {
            Some(mirror) => Arc::clone(mirror),
            None => self.wait(&kept.path, kept.settings.as_ref(), deadline)?,
        };
        if !mirror.settings.allow_files.is_empty() {
            self.guard_databases(&self.connection()?, &mirror)?;
        }
        Ok(Attached {
            mirror,
            freshness: kept.freshness,
            progress: kept.progress.clone(),
            known: Arc::clone(&kept.known),
            takes_turns: kept.mirror.is_none(),
            deadline,
        })
    }

    /// Called while a statement is prepared that will need the mirror: attaches the default one, if it was made
    /// before and another process may have it, so that nobody waits for that process in the middle of reading.
    pub fn before_statement(&self) -> Result<()> {
        let host = self.connection()?;
        let begun = host.transaction_state(Some("main"))? != TransactionState::None;
        if begun || locked(&self.attached).is_some() || !self.has_default_mirror(&host) {
            return Ok(());
        }
        if self.waited.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.attached() {
            Err(e) if e.code == ffi::SQLITE_INTERRUPT => Err(e),
            // An error is for the statement to have: here SQLite would take its code away. It waits no second time.
            Err(e) => {
                self.waited
                    .store(e.code == ffi::SQLITE_BUSY, Ordering::Relaxed);
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    fn has_default_mirror(&self, host: &Connection) -> bool {
        let path = default_path(host.path().unwrap_or_default());
        std::path::Path::new(&path).exists()
    }

    /// Guards the files of all databases of this connection against queries that may open files.
    fn guard_databases(&self, connection: &Connection, mirror: &Mirror) -> Result<()> {
        let mut index = 0;
        while let Ok(name) = connection.db_name(index) {
            let name = CString::new(name).unwrap_or_default();
            // SAFETY: the handle and the name are alive; the path is copied, null for a name that is none.
            let path = unsafe {
                let path = ffi::sqlite3_db_filename(self.db, name.as_ptr());
                (!path.is_null()).then(|| CStr::from_ptr(path).to_string_lossy().into_owned())
            };
            if let Some(path) = path.filter(|p| !p.is_empty()) {
                mirror.guard_host(&path)?;
            }
            index += 1;
        }
        Ok(())
    }

    /// Runs a call that needs the mirror. Where that takes turns with other processes, SQLite is waited for before the
    /// mirror is taken, and not while this process has it: if SQLite is locked then, the mirror is given back and all of
    /// `body` runs again, until the connection's `busy_timeout` is over; so `body` must have done nothing by then.
    pub fn in_turn<T>(&self, mut body: impl FnMut() -> Result<T>) -> Result<T> {
        let takes_turns = locked(&self.attached)
            .as_ref()
            .is_some_and(|kept| kept.mirror.is_none());
        if !takes_turns {
            return body();
        }
        let (host, deadline) = (self.connection()?, Deadline::start());
        loop {
            drop(HostStatement::snapshot(&host)?);
            // What `body` attaches is this one.
            let attached = self.attached_until(deadline)?;
            let done = without_waiting(&host, &mut body);
            drop(attached);
            match done {
                Err(e) if e.code & 0xff == ffi::SQLITE_BUSY && deadline.has_time(&host)? => {
                    std::thread::sleep(BETWEEN_TRIES);
                }
                done => return done,
            }
        }
    }

    /// `lumos_attach`.
    pub fn attach(&self, path: Option<&str>, given: &Options) -> Result<Json> {
        self.check_process()?;
        self.check_unlocked()?;
        let deadline = Deadline::start();
        let options = {
            // What is not given stays as it is.
            let kept = locked(&self.attached);
            let kept = kept.as_ref().filter(|k| k.is_at(path));
            let old = kept.and_then(|k| Some(k.mirror.as_ref()?.settings.clone()));
            let mut options = AttachOptions::new(given, &old.unwrap_or_default())?;
            options.plaintext = options.plaintext.or(kept.map(|k| k.plaintext));
            options
        };
        let mut attached = locked(&self.attached);
        let closed = self.close_for(&mut attached, path, options.settings.as_ref());
        let freshness = options.freshness;
        // The same mirror again may change its options; another one takes its place only once it is open.
        let mirror = match &mut *attached {
            Some(Kept {
                mirror: Some(mirror),
                freshness: old,
                progress,
                plaintext,
                ..
            }) if path.is_none() && options.settings.is_none() && !options.shared => {
                (*old, *progress) = (freshness, options.progress);
                *plaintext = options.plaintext.unwrap_or(*plaintext);
                Arc::clone(mirror)
            }
            attached => {
                let opened = self.open(path, options, deadline);
                if let (Err(_), Some(old)) = (&opened, closed) {
                    // Not with these settings, so as it was.
                    let mirror = self.wait(&old.path, old.settings.as_ref(), deadline).ok();
                    *attached = mirror.map(|mirror| Kept {
                        mirror: Some(mirror),
                        ..old
                    });
                }
                let (kept, mirror) = opened?;
                *attached = Some(kept);
                mirror
            }
        };
        Ok(json!({
            "mirror": mirror.path,
            "auto_sync": freshness.auto_sync,
            "memory_limit": mirror.settings.memory_limit,
            "threads": mirror.settings.threads,
        }))
    }

    /// Closes the mirror if it is to be opened with other settings, and nobody else has it. Returns what it was.
    fn close_for(
        &self,
        attached: &mut Option<Kept>,
        path: Option<&str>,
        wanted: Option<&Settings>,
    ) -> Option<Kept> {
        let alone = attached.as_ref().is_some_and(|kept| {
            kept.is_at(path)
                && kept.mirror.as_ref().is_some_and(|mirror| {
                    wanted.is_some_and(|w| *w != mirror.settings) && Arc::strong_count(mirror) == 1
                })
        });
        let mut old = attached.take_if(|_| alone)?;
        old.settings = old.mirror.take().map(|mirror| mirror.settings.clone());
        Some(old)
    }

    /// `lumos_detach`: true if a mirror was attached.
    pub fn detach(&self) -> Result<bool> {
        self.check_process()?;
        self.check_unlocked()?;
        Ok(locked(&self.attached).take().is_some())
    }

    /// `lumos_lock`.
    pub fn lock(&self) -> Result<Json> {
        self.check_process()?;
        self.locked.store(true, Ordering::Release);
        let models = embed::models::lock();
        let kept = locked(&self.attached);
        let kept = kept.as_ref();
        let settings = kept.and_then(|k| {
            k.mirror
                .as_ref()
                .map(|m| &m.settings)
                .or(k.settings.as_ref())
        });
        let folders = settings.map_or(&[][..], |settings| settings.allow_files.as_slice());
        Ok(json!({
            "mirror": kept.map(|k| &k.path),
            "allow_files": folders.iter().map(|f| f.to_string_lossy()).collect::<Vec<_>>(),
            "models": models,
        }))
    }

    fn check_unlocked(&self) -> Result<()> {
        if self.locked.load(Ordering::Acquire) {
            Err(error(
                "this connection is locked by lumos_lock(); attach before that, or open another connection",
            ))
        } else {
            Ok(())
        }
    }

    /// Errs if the tables of an encrypted database would be written to a mirror's file, unless it may hold them in
    /// `plaintext`.
    fn check_plain(&self, mirror: &str, plaintext: bool) -> Result<()> {
        if plaintext || mirror == ":memory:" || !host::is_encrypted(&self.connection()?) {
            return Ok(());
        }
        Err(error(format!(
            "the database is encrypted, and the mirror \"{mirror}\" would hold its tables unencrypted; \
             keep the mirror in memory with lumos_attach(':memory:'), \
             or allow it with lumos_attach(NULL, '{{\"plaintext\": true}}')"
        )))
    }

    fn open(
        &self,
        path: Option<&str>,
        options: AttachOptions,
        deadline: Deadline,
    ) -> Result<(Kept, Arc<Mirror>)> {
        let AttachOptions {
            settings,
            freshness,
            progress,
            shared,
            plaintext,
        } = options;
        let plaintext = plaintext.unwrap_or(false);
        let connection = self.connection()?;
        let database = connection.path().unwrap_or_default().to_owned();
        let path = path.map_or_else(|| default_path(&database), str::to_owned);
        if file_lock::is_sqlites(path.as_ref(), &database) {
            return Err(error(format!(
                "\"{path}\" is a name that SQLite uses for a file of this database; give another path for the mirror"
            )));
        }
        if shared && path == ":memory:" {
            return Err(error(
                "a mirror in memory is for one process; leave shared out, or give the path of a file",
            ));
        }
        self.check_plain(&path, plaintext)?;
        let mirror = self.wait(&path, settings.as_ref(), deadline)?;
        let kept = Kept {
            mirror: (!shared).then(|| Arc::clone(&mirror)),
            path,
            settings,
            freshness,
            progress,
            known: Arc::default(),
            plaintext,
        };
        Ok((kept, mirror))
    }

    /// Opens the mirror. While another process has it, or another thread opens or closes it, tries again.
    fn wait(
        &self,
        path: &str,
        settings: Option<&Settings>,
        deadline: Deadline,
    ) -> Result<Arc<Mirror>> {
        let connection = self.connection()?;
        let database = connection.path().unwrap_or_default().to_owned();
        let source = match database.as_str() {
            "" => None,
            file => system::file_id(file.as_ref()),
        };
        loop {
            let busy = match Mirror::open(path, settings.cloned(), source) {
                Err(e) if matches!(e.code, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED) => e,
                opened => {
                    let mirror = opened?;
                    self.guard_databases(&connection, &mirror)?;
                    return Ok(mirror);
                }
            };
            let goes_on = match busy.code {
                ffi::SQLITE_BUSY => deadline.has_time(&connection)?,
                _ => deadline.has_time_for_threads(&connection)?,
            };
            if !goes_on {
                return Err(Error {
                    code: ffi::SQLITE_BUSY,
                    ..busy
                });
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if std::process::id() != self.pid {
            // The parent's DuckDB: neither use nor free it here.
            std::mem::forget(locked(&self.attached).take());
        }
    }
}

/// The time between two tries to open a mirror that another process has.
const BETWEEN_TRIES: Duration = Duration::from_millis(2);

/// `lumos_debug()`.
pub fn debug(connection: &Connection) -> Result<Json> {
    let sqlite: String = connection.query_row("SELECT sqlite_version()", [], |row| row.get(0))?;
    Ok(json!({
        "lumos": env!("CARGO_PKG_VERSION"),
        "engine": "sqlite",
        "sqlite": sqlite,
        "duckdb": lumos_duckdb::engine::library_version(),
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    }))
}
