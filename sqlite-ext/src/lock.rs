//! Who has a mirror file: files by device and inode, whether this process has one open already, and a lock file
//! against other processes and other copies of Lumos.
//!
//! DuckDB's own lock is per process: a second DuckDB in the same process opens the same file without a word, and
//! committed rows are lost. And closing any descriptor of a file drops the process's locks on it. So nothing here
//! opens a file that somebody in this process may have open.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::ffi;

use crate::error::{Error, Result, error};

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// The identity of the file at `path`, if there is one.
pub fn file_id(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|m| FileId {
        device: m.dev(),
        inode: m.ino(),
    })
}

/// True if a descriptor of this process refers to the file. Looks by `stat` only.
fn open_in_process(file: FileId) -> bool {
    let descriptors = ["/proc/self/fd", "/dev/fd"]
        .into_iter()
        .find_map(|dir| fs::read_dir(dir).ok());
    descriptors
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| file_id(&entry.path()) == Some(file))
}

/// Refuses a path that cannot be a mirror, saying why: `source` is the database's own file.
pub fn check_mirror_file(path: &Path, source: Option<FileId>) -> Result<()> {
    let shown = path.display();
    let Ok(metadata) = fs::metadata(path) else {
        let folder = path
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        return match folder.is_dir() {
            true => Ok(()),
            false => Err(error(format!(
                "the folder of \"{shown}\" does not exist; create it first"
            ))),
        };
    };
    if metadata.is_dir() {
        return Err(error(format!(
            "\"{shown}\" is a directory; give the path of a file for the mirror"
        )));
    }
    let id = FileId {
        device: metadata.dev(),
        inode: metadata.ino(),
    };
    if Some(id) == source {
        return Err(error(format!(
            "\"{shown}\" is the SQLite database itself; give another path for the mirror"
        )));
    }
    if open_in_process(id) {
        return Err(error(format!(
            "\"{shown}\" is open in this process already, by another DuckDB or SQLite; close it there first, two would destroy the file"
        )));
    }
    // Nobody in this process has it open, so opening and closing it drops nobody's lock.
    let mut header = Vec::new();
    let read = File::open(path).and_then(|f| f.take(16).read_to_end(&mut header));
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
}

impl LockFile {
    /// Locks `<mirror>.lock`, or says who has it.
    pub fn acquire(mirror: &Path) -> Result<LockFile> {
        let mut path = mirror.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        loop {
            let file = OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .mode(0o644)
                .open(&path)
                .map_err(|e| {
                    error(format!(
                        "cannot create \"{}\": {e}; give a path in a folder that can be written",
                        path.display()
                    ))
                })?;
            // SAFETY: a live descriptor.
            if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0 {
                return Err(busy(mirror, &holder(&file)));
            }
            // The holder before us removes the file as it leaves; a lock on a removed file is no lock.
            let same = file.metadata().ok().map(|m| FileId {
                device: m.dev(),
                inode: m.ino(),
            }) == file_id(&path);
            if same {
                // For the error of others; that it cannot be written changes nothing.
                drop(
                    file.set_len(0)
                        .and_then(|()| write!(&file, "{}", std::process::id())),
                );
                return Ok(LockFile {
                    path,
                    file,
                    pid: std::process::id(),
                });
            }
        }
    }
}

/// The error of a mirror that another process has.
pub fn busy(mirror: &Path, holder: &str) -> Error {
    Error {
        code: ffi::SQLITE_BUSY,
        ..error(format!(
            "\"{}\" is in use by another process{holder}; detach it there, give another path, \
             or let all processes give lumos_attach the option {{\"shared\": true}}",
            mirror.display()
        ))
    }
}

/// Who wrote its number into a lock file.
fn holder(mut file: &File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(20).read_to_string(&mut text));
    match (read, text.parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!(" ({pid})"),
        _ => String::new(),
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if std::process::id() == self.pid {
            // Removed while locked: see `acquire`. Without the file there is nothing to unlock for others.
            drop(fs::remove_file(&self.path));
            // SAFETY: a live descriptor. A forked child may share it, so closing alone would not unlock.
            unsafe { libc::flock(self.file.as_raw_fd(), libc::LOCK_UN) };
        }
    }
}
