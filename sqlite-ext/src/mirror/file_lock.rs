//! Ownership of a mirror file: its identity by device and inode, the check inside this process, and the lock file
//! between processes and other copies of Lumos.
//!
//! DuckDB's own lock is per process: a second DuckDB in the same process opens the same file without a word, and
//! committed rows are lost. And closing any descriptor of a file drops the process's locks on it. So nothing here
//! opens a file that somebody in this process may have open.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::ffi;

use crate::error::{Error, Result, error};
use crate::system::{self, FileId};

/// The path of a mirror's file without links, so that it has one name, one log and one lock file.
pub fn place(path: &Path) -> Result<PathBuf> {
    let shown = path.display();
    let place = without_links(path)?;
    let Some(wrong) = system::wrong_in_path(&place.to_string_lossy()) else {
        return Ok(place);
    };
    Err(error(format!(
        "the path \"{shown}\" has {wrong}; give lumos_attach a path without, or ':memory:'"
    )))
}

fn without_links(path: &Path) -> Result<PathBuf> {
    if let Ok(place) = system::canonical(path) {
        return Ok(place);
    }
    let shown = path.display();
    if path.is_symlink() {
        return Err(error(format!(
            "\"{shown}\" is a link that leads to no file; remove it, or give another path"
        )));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = system::canonical(folder.unwrap_or(Path::new(".")));
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) if folder.is_dir() => Ok(folder.join(name)),
        _ => Err(error(format!(
            "the folder of \"{shown}\" does not exist; create it first"
        ))),
    }
}

/// What DuckDB writes beside a mirror's file.
const BESIDE: [&str; 3] = [".wal", ".wal.checkpoint", ".wal.recovery"];

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}

/// What a path leads to that is no file of its own; `None` for a file with this name alone, or nothing.
fn not_a_file(path: &Path) -> Option<&'static str> {
    what(path, &path.symlink_metadata().ok()?)
}

/// What something at a path is that is no file of its own.
fn what(path: &Path, metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        Some("a directory")
    } else if kind.is_symlink() {
        Some("a link")
    } else if !kind.is_file() {
        Some(system::other_kind(kind))
    } else if system::names(path, metadata) > 1 {
        Some("a file with other names (hard links), which would change with it")
    } else {
        None
    }
}

/// True for a name that SQLite gives a file of its own beside this database's.
pub fn is_sqlites(path: &Path, database: &str) -> bool {
    let Ok(path) = without_links(path) else {
        return false;
    };
    let mut names = ["-journal", "-wal", "-shm"]
        .iter()
        .map(|suffix| beside(Path::new(database), suffix));
    names.any(|name| without_links(&name).is_ok_and(|name| name == path))
}

/// Refuses a path, without links, that cannot be a mirror, saying why: `source` is the database's own file, `shown`
/// the path as it was given.
pub fn check_mirror_file(path: &Path, shown: &str, source: Option<FileId>) -> Result<()> {
    for suffix in BESIDE {
        let beside = beside(path, suffix);
        if let Some(what) = not_a_file(&beside) {
            return Err(error(format!(
                "\"{}\" beside the mirror is {what}; remove it, or give another path",
                beside.display()
            )));
        }
    }
    let temporary = beside(path, ".tmp");
    if temporary.symlink_metadata().is_ok_and(|m| !m.is_dir()) {
        return Err(error(format!(
            "\"{}\" beside the mirror is no directory; remove it, or give another path",
            temporary.display()
        )));
    }
    let Some(id) = system::link_id(path) else {
        return Ok(());
    };
    if Some(id) == source {
        return Err(error(format!(
            "\"{shown}\" is the SQLite database itself; give another path for the mirror"
        )));
    }
    if let Some(what) = not_a_file(path) {
        return Err(error(format!(
            "\"{shown}\" is {what}; give the path of a file for the mirror"
        )));
    }
    if system::open_in_process(id) {
        return Err(error(format!(
            "\"{shown}\" is open in this process already, by another DuckDB or SQLite; close it there first, two would destroy the file"
        )));
    }
    // Nobody in this process has it open, so opening and closing it drops nobody's lock.
    let mut header = Vec::new();
    let read = system::careful(OpenOptions::new().read(true))
        .open(path)
        .and_then(|f| f.take(16).read_to_end(&mut header));
    if let Err(e) = read {
        return Err(error(format!(
            "cannot read \"{shown}\": {e}; give a path that can be read and written"
        )));
    }
    match header.as_slice() {
        [] => Ok(()),
        h if h.get(8..12) == Some(b"DUCK") => Ok(()),
        h if h.starts_with(b"SQLite format 3") => Err(error(format!(
            "\"{shown}\" is a SQLite database; give the path of a DuckDB file or of a new file"
        ))),
        _ => Err(error(format!(
            "\"{shown}\" is not a DuckDB file; give the path of a DuckDB file or of a new file"
        ))),
    }
}

/// A lock file beside a mirror, held while this is alive and removed with it.
pub struct LockFile {
    path: PathBuf,
    file: File,
    pid: u32,
    /// It was there, empty, and nobody says that it is ours: it stays.
    found: bool,
}

/// How often an empty lock file is looked at that another process may just have made: it writes its number next.
const LOOKS: u32 = 50;

impl LockFile {
    /// Locks `<mirror>.lock`, or says who has it.
    pub fn acquire(mirror: &Path) -> Result<LockFile> {
        let path = beside(mirror, ".lock");
        let shown = path.display();
        let refused = |what: &str| {
            error(format!(
                "\"{shown}\" is {what}, and Lumos locks the mirror by a file of that name; remove it, or give another path"
            ))
        };
        let mut looks = 0;
        loop {
            if let Some(what) = not_a_file(&path) {
                return Err(refused(what));
            }
            let opened = open_lock(&path).and_then(|(file, made)| {
                Ok((file.metadata()?, system::open_id(&file)?, file, made))
            });
            let (metadata, id, file, made) = opened.map_err(|e| {
                error(format!(
                    "cannot create \"{shown}\": {e}; give lumos_attach a path in a folder that can be written, or ':memory:'"
                ))
            })?;
            if let Some(what) = what(&path, &metadata) {
                return Err(refused(what));
            }
            // Who made it has not locked it yet; locked by us meanwhile, it would be left to nobody.
            let empty = !made && metadata.len() == 0;
            if empty && looks < LOOKS {
                looks += 1;
                drop(file);
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            if file.try_lock().is_err() {
                return Err(busy(mirror, &holder(&file)));
            }
            // The holder before us removes the file as it leaves; a lock on a removed file is no lock.
            if system::link_id(&path) != Some(id) {
                continue;
            }
            let found = !made && file.metadata().is_ok_and(|m| m.len() == 0);
            if !made && !found && number(&file).is_none() {
                return Err(refused("no lock file"));
            }
            // For the error of others; that it cannot be written changes nothing.
            drop(
                file.set_len(0)
                    .and_then(|()| write!(&file, "{}", std::process::id())),
            );
            return Ok(LockFile {
                path,
                file,
                pid: std::process::id(),
                found,
            });
        }
    }
}

/// Opens a lock file, or makes it and says so. Follows no link and waits for nobody at the other end of a pipe.
fn open_lock(path: &Path) -> std::io::Result<(File, bool)> {
    let options = system::lock_file();
    loop {
        match options.clone().create_new(true).open(path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|file| (file, true)),
        }
        match options.open(path) {
            // Removed in between.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            found => return found.map(|file| (file, false)),
        }
    }
}

/// The error of a mirror that somebody else has.
pub fn busy(mirror: &Path, holder: &str) -> Error {
    Error {
        code: ffi::SQLITE_BUSY,
        ..error(format!(
            "\"{}\" is in use by {holder}; detach it there, give another path, \
             or let all processes give lumos_attach the option {{\"shared\": true}}",
            mirror.display()
        ))
    }
}

/// Who wrote its number into a lock file.
fn holder(file: &File) -> String {
    match number(file) {
        Some(pid) if pid == std::process::id() => "another copy of Lumos in this process".into(),
        Some(pid) => format!("another process ({pid})"),
        None => "another process".into(),
    }
}

fn number(mut file: &File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(20).read_to_string(&mut text).ok()?;
    text.parse().ok()
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if std::process::id() == self.pid {
            // Removed while locked: see `acquire`. Without the file there is nothing to unlock for others.
            if self.found {
                drop(self.file.set_len(0))
            } else {
                drop(fs::remove_file(&self.path))
            }
            // A forked child may share the descriptor, so closing alone would not unlock.
            drop(self.file.unlock());
        }
    }
}
