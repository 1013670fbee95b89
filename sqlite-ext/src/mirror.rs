//! The mirror: a DuckDB in memory with the mirror's file attached, one for each file in the process.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use lumos_core::sql;
use lumos_duckdb::engine::{Connection, Database};
use rusqlite::ffi;

use crate::error::{Error, Result, error};
use crate::faults::fault;
use crate::host;
use crate::layout::files::{self, ColdFile};
use crate::lock::{self, FileId, LockFile};
use crate::query::cache::Cache;
use crate::sync::apply::Known;
use crate::sync::failures::Failure;

/// The name of the attached mirror inside DuckDB.
pub const CATALOG: &str = "mirror";

/// The format of the file: the oldest DuckDB that reads it. 2.0's own cannot be opened by 1.x.
const STORAGE_VERSION: &str = "v1.4.0";

/// DuckDB connections kept for the next query.
const IDLE_CONNECTIONS: usize = 4;

/// What a mirror is opened with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// DuckDB's `memory_limit`. Small: we are a guest.
    pub memory_limit: String,
    /// DuckDB's `threads`.
    pub threads: usize,
    /// The most bytes of kept results; 0 keeps none.
    pub cache_bytes: usize,
    /// Folders whose files may be read and written, without symlinks and `..`.
    pub allow_files: Vec<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Settings {
            memory_limit: "1GB".into(),
            threads: cores.min(4),
            cache_bytes: 16 << 20,
            allow_files: Vec::new(),
        }
    }
}

impl Settings {
    /// The names of the options that are others.
    fn differing(&self, other: &Settings) -> Vec<&'static str> {
        [
            ("memory_limit", self.memory_limit != other.memory_limit),
            ("threads", self.threads != other.threads),
            ("cache_bytes", self.cache_bytes != other.cache_bytes),
            ("allow_files", self.allow_files != other.allow_files),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

/// What the mirror equals, as its file says; this process alone can change it.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The source's identity.
    pub source: String,
    /// The position in its changelog.
    pub seq: i64,
    /// The log row at `seq`.
    pub mark: String,
    /// The source's schema version when the mirrored tables were last compared with it, if they were since opening.
    pub schema_version: Option<i64>,
    /// The mirrored tables at that time.
    pub tables: Arc<[Known]>,
    /// The tracked tables that failed.
    pub failed: Arc<[Failure]>,
    /// [`Mirror::generation`] at that time.
    pub generation: u64,
}

/// An open mirror. The fields are dropped in order: connections, DuckDB, then the lock.
pub struct Mirror {
    idle: Mutex<Vec<Connection>>,
    applied: Mutex<Option<Applied>>,
    /// When it last equalled its source.
    fresh: Mutex<Option<Instant>>,
    failed: Mutex<Option<Error>>,
    syncing: Mutex<Option<ThreadId>>,
    generation: AtomicU64,
    readers: AtomicUsize,
    /// The files with cold rows, once they were looked up.
    pub cold: Mutex<Option<Vec<ColdFile>>>,
    database: Arc<Database>,
    /// Results of earlier queries.
    pub cache: Cache,
    /// Where it is; `:memory:` without a file.
    pub path: String,
    /// What it was opened with.
    pub settings: Settings,
    pid: u32,
    file: Option<FileId>,
    _lock: Option<LockFile>,
    /// The last to go: until then the file is open.
    open: Arc<()>,
}

/// A mirror of this process that has a file, and whether that is still open.
struct Opened {
    mirror: Weak<Mirror>,
    open: Weak<()>,
    file: Option<FileId>,
}

/// The mirrors of this process that have a file.
static OPEN: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

/// How long closing a file may take in another thread.
const CLOSING: Duration = Duration::from_secs(10);

impl Mirror {
    /// Opens or creates the mirror at `path`, or finds it open in this process. `source` is the database's file.
    /// `settings` left out are the defaults, or those of the open one.
    pub fn open(
        path: &str,
        settings: Option<Settings>,
        source: Option<FileId>,
    ) -> Result<Arc<Mirror>> {
        if path == ":memory:" {
            return Ok(Arc::new(Mirror::start(
                path,
                settings.unwrap_or_default(),
                None,
            )?));
        }
        if path.is_empty() {
            return Err(error(
                "the path is empty; give the path of a file, or leave it out",
            ));
        }
        let file = Path::new(path);
        let (mut open, found) = find(file);
        if let Some(mirror) = found {
            if mirror.pid != std::process::id() {
                // The child's copy of the parent's: neither use nor free it.
                std::mem::forget(mirror);
                return Err(error(format!(
                    "\"{path}\" was opened by the parent process before fork(); detach it there, or give another path"
                )));
            }
            return match settings {
                Some(wanted) if wanted != mirror.settings => Err(error(format!(
                    "\"{path}\" is in use by another connection or query of this process, with another {}; end them, or lumos_detach() there first",
                    wanted.differing(&mirror.settings).join(" and ")
                ))),
                _ => Ok(mirror),
            };
        }
        lock::check_mirror_file(file, source)?;
        let lock = LockFile::acquire(file)?;
        fault!("mirror locked");
        let mirror = Arc::new(Mirror::start(
            path,
            settings.unwrap_or_default(),
            Some(lock),
        )?);
        open.push(Opened {
            mirror: Arc::downgrade(&mirror),
            open: Arc::downgrade(&mirror.open),
            file: mirror.file,
        });
        Ok(mirror)
    }

    fn start(path: &str, settings: Settings, lock: Option<LockFile>) -> Result<Mirror> {
        host::check_descriptors()?;
        let threads = settings.threads.to_string();
        let in_memory = lock.is_none();
        let temp_directory = if in_memory {
            String::new()
        } else {
            format!("{path}.tmp")
        };
        let database = host::without_signals(|| {
            Database::open_in_memory(&[
                ("memory_limit", &settings.memory_limit),
                ("threads", &threads),
                ("temp_directory", &temp_directory),
                ("autoinstall_known_extensions", "false"),
                ("autoload_known_extensions", "false"),
                ("allow_community_extensions", "false"),
                ("default_null_order", "sqlite"),
                ("integer_division", "true"),
                // NULL, as in SQLite; the error would name a setting that is locked.
                ("error_on_division_by_zero", "false"),
            ])
        })?;
        let connection = database.connect()?;
        // The format is for new files; one that is there keeps what it has.
        let existed = std::fs::metadata(path).is_ok_and(|m| m.len() > 0);
        let format = if existed {
            String::new()
        } else {
            format!(", STORAGE_VERSION '{STORAGE_VERSION}'")
        };
        let attached = connection
            .execute(&format!(
                "ATTACH {} AS {CATALOG} (TYPE duckdb{format})",
                sql::literal(path)
            ))
            .and_then(|_| connection.execute(&format!("USE {CATALOG}; {}", sql::MIRROR)))
            .and_then(|_| {
                let cold = files::readable(&connection).unwrap_or_default();
                connection.execute(&lock_down(&settings.allow_files, &cold))
            });
        if let Err(e) = attached {
            drop((connection, database));
            if !existed && !in_memory {
                // Leave nothing behind of a mirror that could not be made.
                drop(std::fs::remove_file(path));
            }
            let holder =
                e.0.split_once("lock is held in ")
                    .map(|(_, rest)| rest.split(". ").next().unwrap_or(rest));
            if let Some(holder) = holder {
                return Err(lock::busy(Path::new(path), &format!(", {holder}")));
            }
            return Err(error(format!(
                "cannot open \"{path}\" as a mirror: {e}; give another path, or remove the file and attach again"
            )));
        }
        // SAFETY: the connection is alive.
        unsafe {
            lumos_duckdb::scalar::register_all(connection.raw()).map_err(error)?;
            lumos_duckdb::exact_sum::register(connection.raw()).map_err(error)?;
        }
        fault!("mirror opened");
        let file = match in_memory {
            true => None,
            false => lock::file_id(Path::new(path)),
        };
        let cache = Cache::new(settings.cache_bytes);
        Ok(Mirror {
            idle: Mutex::new(vec![connection]),
            applied: Mutex::new(None),
            fresh: Mutex::new(None),
            failed: Mutex::new(None),
            syncing: Mutex::new(None),
            generation: AtomicU64::new(next_generation()),
            readers: AtomicUsize::new(0),
            cold: Mutex::new(None),
            database,
            cache,
            path: path.to_owned(),
            settings,
            pid: std::process::id(),
            file,
            _lock: lock,
            open: Arc::new(()),
        })
    }

    /// A connection to DuckDB whose names resolve in the mirror. Give it back with [`Self::give_back`].
    pub fn connection(&self) -> Result<Connection> {
        if let Some(connection) = locked(&self.idle).pop() {
            return Ok(connection);
        }
        self.new_connection()
    }

    /// A connection that nobody used before, for one use.
    pub fn new_connection(&self) -> Result<Connection> {
        let connection = self.database.connect()?;
        connection.execute(&format!("USE {CATALOG}"))?;
        Ok(connection)
    }

    /// Keeps a connection that has no transaction open for the next call.
    pub fn give_back(&self, connection: Connection) {
        let mut idle = locked(&self.idle);
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(connection);
        }
    }

    /// Marks this thread as the one that applies changes, until the result is dropped; `None` if it is already.
    ///
    /// SQL that runs inside a call may reach our virtual tables again, and must not wait for itself.
    pub fn enter(&self) -> Option<Entered<'_>> {
        let me = std::thread::current().id();
        if *locked(&self.syncing) == Some(me) {
            return None;
        }
        let applied = self.applied();
        *locked(&self.syncing) = Some(me);
        Some(Entered {
            syncing: &self.syncing,
            applied,
        })
    }

    /// A number that is another after tables came, went or were copied anew, and for another mirror.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Tables came, went or were copied anew. Called before others may apply changes again.
    pub fn reshaped(&self) {
        *locked(&self.cold) = None;
        self.generation.store(next_generation(), Ordering::Release);
    }

    /// Counts a query that begins to read, until [`Self::end_reading`].
    pub fn begin_reading(&self) {
        self.readers.fetch_add(1, Ordering::AcqRel);
    }

    /// See [`Self::begin_reading`].
    pub fn end_reading(&self) {
        self.readers.fetch_sub(1, Ordering::AcqRel);
    }

    /// True while a query of this process reads.
    pub fn has_readers(&self) -> bool {
        self.readers.load(Ordering::Acquire) > 0
    }

    /// Remembers how an attempt to make it equal its source ended, which it began at `begun`.
    pub fn attempted<T>(&self, begun: Instant, result: &Result<T>) {
        match result {
            Ok(_) => {
                *locked(&self.fresh) = Some(begun);
                *locked(&self.failed) = None;
            }
            // A wish to stop is no fault of the table's.
            Err(e) if e.code == ffi::SQLITE_INTERRUPT => {}
            Err(e) => *locked(&self.failed) = Some(e.clone()),
        }
    }

    /// How long ago it equalled its source, if it did since it was opened.
    pub fn since_fresh(&self) -> Option<Duration> {
        locked(&self.fresh).map(|begun| begun.elapsed())
    }

    /// Why the last attempt failed, if it did for this table or for all.
    pub fn last_error(&self, table: i64) -> Option<String> {
        let failed = locked(&self.failed);
        let e = failed.as_ref()?;
        e.table
            .is_none_or(|id| id == table)
            .then(|| e.message.clone())
    }

    /// What the mirror equals; holding it keeps every other connection of the process from applying changes.
    pub fn applied(&self) -> MutexGuard<'_, Option<Applied>> {
        locked(&self.applied)
    }
}

/// The open mirrors, and the one with this file. Waits for one that another thread is just closing.
fn find(path: &Path) -> (MutexGuard<'static, Vec<Opened>>, Option<Arc<Mirror>>) {
    let start = Instant::now();
    loop {
        let mut open = locked(&OPEN);
        open.retain(|o| o.open.strong_count() > 0);
        let file = lock::file_id(path);
        let same = open.iter().find(|o| file.is_some() && o.file == file);
        let Some(same) = same else {
            return (open, None);
        };
        let mirror = same.mirror.upgrade();
        if mirror.is_some() || start.elapsed() > CLOSING {
            return (open, mirror);
        }
        drop(open);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The thread that applies changes, with what the mirror equals.
pub struct Entered<'a> {
    syncing: &'a Mutex<Option<ThreadId>>,
    /// What the mirror equals.
    pub applied: MutexGuard<'a, Option<Applied>>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *locked(self.syncing) = None;
    }
}

/// A number that no mirror of the process had.
fn next_generation() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// The settings that close DuckDB to everything but these folders, and these files with cold rows.
fn lock_down(allow_files: &[PathBuf], cold: &[String]) -> String {
    let set = |name: &str, paths: Vec<String>| match paths.is_empty() {
        true => String::new(),
        false => format!("SET {name} = [{}]; ", paths.join(", ")),
    };
    let folders = allow_files
        .iter()
        .map(|folder| sql::literal(&format!("{}/", folder.display())));
    let files = cold.iter().map(|path| sql::literal(path));
    format!(
        "{}{}SET enable_external_access = false; SET lock_configuration = true",
        set("allowed_directories", folders.collect()),
        set("allowed_paths", files.collect())
    )
}

/// The default path: beside the database file.
pub fn default_path(database_file: &str) -> String {
    match database_file {
        "" => ":memory:".into(),
        file => PathBuf::from(format!("{file}-lumos.duckdb"))
            .to_string_lossy()
            .into_owned(),
    }
}

/// Locks a mutex, also after a panic elsewhere: what is guarded here stays valid at every step.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
