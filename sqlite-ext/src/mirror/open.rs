//! Opening a mirror, or finding it open: once for each file in the process.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Weak};

use lumos_core::sql;
use lumos_duckdb::engine::{Database, ErrorKind};
use rusqlite::ffi;

use crate::error::{Error, Result, error};
use crate::faults::fault;
use crate::host;
use crate::locks::{Lock, Rank, Turns, locked};
use crate::mirror::cache::Cache;
use crate::mirror::file_lock::{self, LockFile};
use crate::mirror::names::CATALOG;
use crate::mirror::own::Own;
use crate::mirror::settings::{Settings, lock_down};
use crate::mirror::source_names::SourceNames;
use crate::mirror::{Mirror, STORAGE_VERSION, cold_files, next_generation};
use crate::system::{self, FileId, without_signals};

/// A mirror of this process that has a file. While it is being opened or closed there is no mirror yet or any more, but
/// `open` is alive.
struct Opened {
    path: PathBuf,
    mirror: Weak<Mirror>,
    open: Weak<()>,
    file: Option<FileId>,
}

/// The mirrors of this process that have a file.
static OPEN: Lock<Vec<Opened>> = Lock::new(Rank::OpenMirrors, Vec::new());

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
        let place = file_lock::place(Path::new(path))?;
        let open = match find(&place)? {
            Found::Open(mirror) => return reuse(mirror, path, settings),
            Found::Reserved(open) => open,
        };
        // From here on others find it being opened, and wait; an error gives the place free again.
        file_lock::check_mirror_file(&place, path, source)?;
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
        let database = without_signals(|| {
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
                let cold = cold_files::readable(&connection).unwrap_or_default();
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
            if let ErrorKind::HeldBy(holder) = e.kind {
                return Err(file_lock::busy(
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
        let file = place.and_then(system::file_id);
        let cache = Cache::new(settings.cache_bytes);
        let mirror = Mirror {
            idle: Lock::new(Rank::Moment, vec![connection]),
            applied: Turns::new(None),
            fresh: Lock::new(Rank::Moment, None),
            failed: Lock::new(Rank::Moment, None),
            generation: AtomicU64::new(next_generation()),
            readers: AtomicUsize::new(0),
            cold: Lock::new(Rank::ColdFiles, None),
            own: Lock::new(Rank::Own, Own::None),
            has_own: AtomicBool::new(false),
            place: place.map(Path::to_owned),
            source,
            database,
            cache,
            names: SourceNames::none(),
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
    let file = system::file_id(place);
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

/// The default path: beside the database file.
pub fn default_path(database_file: &str) -> String {
    match database_file {
        "" => ":memory:".into(),
        file => PathBuf::from(format!("{file}-lumos.duckdb"))
            .to_string_lossy()
            .into_owned(),
    }
}
