//! The mirror: a DuckDB in memory with the mirror's file attached, one for each file in the process.
//!
//! What users make with `lumos_exec` is in a second database with a file of its own, attached beside it once there is
//! one. DuckDB lets a transaction write one attached database, so no statement that writes there writes the mirror.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use lumos_core::sql;
use lumos_duckdb::engine::{Connection, Database, Guarded};
use rusqlite::{Connection as Host, TransactionState, ffi};

use crate::access::{self, Names};
use crate::error::{Error, Result, error};
use crate::faults::fault;
use crate::host;
use crate::layout::files::{self, ColdFile};
use crate::lock::{self, FileId, LockFile};
pub use crate::locks::locked;
use crate::locks::{Deadline, Turn, Turns};
use crate::query::cache::Cache;
use crate::route::nested::Nested;
use crate::sync::apply::Known;
use crate::sync::failures::Failure;

/// The name of the attached mirror inside DuckDB.
pub const CATALOG: &str = "mirror";

/// The name of the database with what users make.
pub const OWN: &str = "own";

/// The format of the files: the oldest DuckDB that reads it. 2.0's own cannot be opened by 1.x.
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
    applied: Turns<Option<Applied>>,
    /// When it last equalled its source.
    fresh: Mutex<Option<Instant>>,
    failed: Mutex<Option<Error>>,
    generation: AtomicU64,
    readers: AtomicUsize,
    /// The files with cold rows, once they were looked up.
    pub cold: Mutex<Option<Vec<ColdFile>>>,
    database: Arc<Database>,
    own: Mutex<Own>,
    has_own: AtomicBool,
    /// Results of earlier queries.
    pub cache: Cache,
    /// The names of its tables in SQLite.
    pub names: Names,
    /// Where it is; `:memory:` without a file.
    pub path: String,
    /// What it was opened with.
    pub settings: Settings,
    pid: u32,
    file: Option<FileId>,
    /// Without links; none in memory.
    place: Option<PathBuf>,
    source: Option<FileId>,
    _lock: Option<LockFile>,
    /// The last to go: until then the file is open.
    _open: Arc<()>,
}

/// The database with what users make.
enum Own {
    /// Nobody has made anything.
    None,
    /// Attached, and locked if it has a file.
    Attached(#[allow(dead_code, reason = "held")] Option<LockFile>),
    /// Why the file that is there cannot be opened.
    Failed(Error),
}

/// A mirror of this process that has a file. While it is being opened or closed there is no mirror yet or any more, but
/// `open` is alive.
struct Opened {
    path: PathBuf,
    mirror: Weak<Mirror>,
    open: Weak<()>,
    file: Option<FileId>,
}

/// The mirrors of this process that have a file.
static OPEN: Mutex<Vec<Opened>> = Mutex::new(Vec::new());

impl Mirror {
    /// Opens or creates the mirror at `path`, or finds it open in this process. `source` is the database's file.
    /// `settings` left out are the defaults, or those of the open one.
    pub fn open(
        path: &str,
        settings: Option<Settings>,
        source: Option<FileId>,
    ) -> Result<Arc<Mirror>> {
        if path == ":memory:" {
            let settings = settings.unwrap_or_default();
            return Ok(Arc::new(Mirror::start(
                path,
                settings,
                None,
                source,
                Arc::default(),
            )?));
        }
        if path.is_empty() {
            return Err(error(
                "the path is empty; give the path of a file, or leave it out",
            ));
        }
        let place = lock::place(Path::new(path))?;
        let open = match find(&place)? {
            Found::Open(mirror) => return reuse(mirror, path, settings),
            Found::Reserved(open) => open,
        };
        // From here on others find it being opened, and wait; an error gives the place free again.
        lock::check_mirror_file(&place, path, source)?;
        let lock = LockFile::acquire(&place)?;
        fault!("mirror locked");
        let settings = settings.unwrap_or_default();
        let mirror = Mirror::start(path, settings, Some((place.clone(), lock)), source, open)?;
        let mirror = Arc::new(mirror);
        let mut list = locked(&OPEN);
        if let Some(own) = list.iter_mut().find(|o| o.path == place) {
            own.mirror = Arc::downgrade(&mirror);
            own.file = mirror.file;
        }
        Ok(mirror)
    }

    /// Opens DuckDB and attaches the file to it, if it is for one.
    fn start(
        path: &str,
        settings: Settings,
        file: Option<(PathBuf, LockFile)>,
        source: Option<FileId>,
        open: Arc<()>,
    ) -> Result<Mirror> {
        host::check_descriptors()?;
        let threads = settings.threads.to_string();
        let (place, lock) = file.unzip();
        let place = place.as_deref();
        let attach = place.map_or(path.into(), Path::to_string_lossy);
        let temp_directory = match place {
            Some(_) => format!("{attach}.tmp"),
            None => String::new(),
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
        let old_size = place.and_then(|file| Some(std::fs::metadata(file).ok()?.len()));
        let format = match old_size {
            Some(1..) => String::new(),
            _ => format!(", STORAGE_VERSION '{STORAGE_VERSION}'"),
        };
        if let (Some(file), Some(0)) = (place, old_size) {
            // DuckDB takes no empty file for a new one.
            drop(std::fs::remove_file(file));
        }
        let statement = format!(
            "ATTACH {} AS {CATALOG} (TYPE duckdb{format})",
            sql::literal(&attach)
        );
        let attached = match place {
            Some(_) => connection.attach_file(&attach, &statement),
            None => connection.execute(&statement).map(drop),
        };
        let attached = attached
            .and_then(|()| connection.set_search_path(false))
            .and_then(|()| connection.execute(sql::MIRROR))
            .and_then(|_| {
                let cold = files::readable(&connection).unwrap_or_default();
                connection.execute(&lock_down(&settings.allow_files, &cold))
            });
        if let Err(e) = attached {
            drop((connection, database));
            // Leave nothing behind of a mirror that could not be made, and an empty file empty.
            match (place, old_size) {
                (Some(file), None) => drop(std::fs::remove_file(file)),
                (Some(file), Some(0)) => drop(std::fs::File::create(file)),
                _ => {}
            }
            let holder =
                e.0.split_once("lock is held in ")
                    .map(|(_, rest)| rest.split(". ").next().unwrap_or(rest));
            if let Some(holder) = holder {
                return Err(lock::busy(
                    Path::new(path),
                    &format!("another process, {holder}"),
                ));
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
        let file = place.and_then(lock::file_id);
        let cache = Cache::new(settings.cache_bytes);
        let mirror = Mirror {
            idle: Mutex::new(vec![connection]),
            applied: Turns::new(None),
            fresh: Mutex::new(None),
            failed: Mutex::new(None),
            generation: AtomicU64::new(next_generation()),
            readers: AtomicUsize::new(0),
            cold: Mutex::new(None),
            own: Mutex::new(Own::None),
            has_own: AtomicBool::new(false),
            place: place.map(Path::to_owned),
            source,
            database,
            cache,
            names: Names::default(),
            path: path.to_owned(),
            settings,
            pid: std::process::id(),
            file,
            _lock: lock,
            _open: open,
        };
        if let Some(path) = mirror.own_path()
            && path.exists()
        {
            // What hinders it hinders those who name what is in it.
            drop(mirror.open_own());
        }
        Ok(mirror)
    }

    /// The file of the database with what users make: `x-own.duckdb` beside `x.duckdb`.
    fn own_path(&self) -> Option<PathBuf> {
        let place = self.place.as_deref()?;
        let name = place.file_name()?.to_string_lossy();
        let name = name.strip_suffix(".duckdb").unwrap_or(&name);
        Some(place.with_file_name(format!("{name}-{OWN}.duckdb")))
    }

    /// Attaches the database with what users make, and creates it first if it is not there.
    pub fn open_own(&self) -> Result<()> {
        let mut own = locked(&self.own);
        if matches!(*own, Own::Attached(_)) {
            return Ok(());
        }
        match self.attach_own() {
            Ok(lock) => {
                *own = Own::Attached(lock);
                self.has_own.store(true, Ordering::Release);
                Ok(())
            }
            Err(e) => {
                let e = Error {
                    message: format!(
                        "the database with the tables of your own cannot be opened: {}",
                        e.message
                    ),
                    ..e
                };
                *own = Own::Failed(e.clone());
                Err(e)
            }
        }
    }

    fn attach_own(&self) -> Result<Option<LockFile>> {
        let connection = self.database.connect()?;
        let attach = |path: &str, format: &str| {
            format!(
                "ATTACH {} AS {OWN} (TYPE duckdb{format})",
                sql::literal(path)
            )
        };
        let version = format!(", STORAGE_VERSION '{STORAGE_VERSION}'");
        let Some(place) = self.own_path() else {
            connection.execute(&attach(":memory:", &version))?;
            return Ok(None);
        };
        let shown = place.to_string_lossy();
        lock::check_mirror_file(&place, &shown, self.source)?;
        let lock = LockFile::acquire(&place)?;
        let old_size = std::fs::metadata(&place).ok().map(|m| m.len());
        if old_size == Some(0) {
            // DuckDB takes no empty file for a new one.
            drop(std::fs::remove_file(&place));
        }
        let format = match old_size {
            Some(1..) => "",
            _ => &version,
        };
        connection
            .attach_file(&shown, &attach(&shown, format))
            .map_err(|e| {
                if old_size.is_none() {
                    drop(std::fs::remove_file(&place));
                }
                error(format!(
                    "\"{shown}\": {e}; repair the file, or remove it to begin anew"
                ))
            })?;
        Ok(Some(lock))
    }

    /// True if users have made something.
    pub fn has_own(&self) -> bool {
        self.has_own.load(Ordering::Acquire)
    }

    /// Why what users have made cannot be read, if so.
    pub fn own_failure(&self) -> Option<Error> {
        match &*locked(&self.own) {
            Own::Failed(e) => Some(e.clone()),
            Own::None | Own::Attached(_) => None,
        }
    }

    /// Keeps queries from opening a file of SQLite's.
    pub fn guard_host(&self, path: &str) -> Result<()> {
        Ok(self.database.guard_file(path, Guarded::Host)?)
    }

    /// Keeps queries from changing these files.
    pub fn guard_cold(&self, files: &[ColdFile]) -> Result<()> {
        for file in files {
            self.database.guard_file(&file.path, Guarded::Rows)?;
        }
        Ok(())
    }

    /// True for a file that nobody but the engines may open, or change.
    pub fn guards_file(&self, path: &Path, writes: bool) -> bool {
        path.to_str()
            .is_some_and(|path| self.database.guards_file(path, writes))
    }

    /// A connection to DuckDB whose names resolve in the mirror. Give it back with [`Self::give_back`].
    pub fn connection(&self) -> Result<Connection> {
        let idle = locked(&self.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.database.connect()?,
        };
        // Others may have made something since it was used.
        connection.set_search_path(self.has_own())?;
        Ok(connection)
    }

    /// A connection that nobody used before, for one use.
    pub fn new_connection(&self) -> Result<Connection> {
        let connection = self.database.connect()?;
        connection.set_search_path(self.has_own())?;
        Ok(connection)
    }

    /// Keeps a connection that has no transaction open for the next call.
    pub fn give_back(&self, connection: Connection) {
        let mut idle = locked(&self.idle);
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(connection);
        }
    }

    /// Keeps all others from writing the mirror until the result is dropped; `None` if this thread does already. Until
    /// then the source is read from one snapshot.
    ///
    /// SQL that runs inside a call may reach our virtual tables again, and must not wait for itself.
    pub fn enter(&self, host: &Host, deadline: Deadline) -> Result<Option<Entered<'_>>> {
        if self.applied.is_mine() {
            return Ok(None);
        }
        // First, see `locks`: who waits for a writer of the source has nothing that others wait for.
        let source = match host.transaction_state(Some("main"))? {
            TransactionState::None => Some(Nested::snapshot(host)?),
            _ => None,
        };
        let turn = self.applied.wait(host, deadline)?;
        Ok(Some(Entered { turn, source }))
    }

    /// The same for a call that reads nothing of the source until the result is dropped.
    pub fn enter_alone(&self, host: &Host, deadline: Deadline) -> Result<Entered<'_>> {
        let turn = self.applied.wait(host, deadline)?;
        Ok(Entered { turn, source: None })
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
            // A wish to stop is no fault of the table's, nor is what one connection may not read.
            Err(e) if e.code == ffi::SQLITE_INTERRUPT || access::is_refusal(e) => {}
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
}

/// What there is of a mirror in this process.
enum Found {
    Open(Arc<Mirror>),
    /// Nothing; the place is kept as long as this lives.
    Reserved(Arc<()>),
}

/// Looks for the mirror with this file, and keeps the place if there is none. Errs while another thread opens or
/// closes it.
fn find(place: &Path) -> Result<Found> {
    let mut list = locked(&OPEN);
    list.retain(|o| o.open.strong_count() > 0);
    let file = lock::file_id(place);
    let same = |o: &&Opened| o.path == place || (file.is_some() && o.file == file);
    if let Some(same) = list.iter().find(same) {
        let moment = || Error {
            code: ffi::SQLITE_LOCKED,
            ..error(format!(
                "\"{}\" is just being opened or closed by another thread; try again",
                place.display()
            ))
        };
        return same.mirror.upgrade().map(Found::Open).ok_or_else(moment);
    }
    let open = Arc::new(());
    list.push(Opened {
        path: place.to_owned(),
        mirror: Weak::new(),
        open: Arc::downgrade(&open),
        file,
    });
    Ok(Found::Reserved(open))
}

/// One that is open already.
fn reuse(mirror: Arc<Mirror>, path: &str, settings: Option<Settings>) -> Result<Arc<Mirror>> {
    if mirror.pid != std::process::id() {
        // The child's copy of the parent's: neither use nor free it.
        std::mem::forget(mirror);
        return Err(error(format!(
            "\"{path}\" was opened by the parent process before fork(); detach it there, or give another path"
        )));
    }
    match settings {
        Some(wanted) if wanted != mirror.settings => Err(error(format!(
            "\"{path}\" is in use by another connection or query of this process, with another {}; end them, or lumos_detach() there first",
            wanted.differing(&mirror.settings).join(" and ")
        ))),
        _ => Ok(mirror),
    }
}

/// The right to write the mirror. The fields are dropped in order.
pub struct Entered<'a> {
    turn: Turn<'a, Option<Applied>>,
    /// The snapshot of the source, where no statement or transaction of the host's has one.
    source: Option<Nested>,
}

impl Entered<'_> {
    /// What the mirror equals.
    pub fn applied(&mut self) -> &mut Option<Applied> {
        &mut self.turn.value
    }

    /// True if the source is read as it was a moment ago; false for a snapshot of the host's, which may be older.
    pub fn is_recent(&self) -> bool {
        self.source.is_some()
    }

    /// Reads the source as it is now, if the host has no snapshot of its own.
    pub fn look_again(&mut self, host: &Host) -> Result<()> {
        if self.source.take().is_some() {
            self.source = Some(Nested::snapshot(host)?);
        }
        Ok(())
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
