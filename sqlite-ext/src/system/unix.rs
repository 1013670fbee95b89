use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::ptr;

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(metadata: &Metadata) -> FileId {
        FileId {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// The file that a path leads to, if there is one. Opens nothing.
pub fn file_id(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|m| FileId::of(&m))
}

/// What has the name itself, if it is a link too. Opens nothing.
pub fn link_id(path: &Path) -> Option<FileId> {
    path.symlink_metadata().ok().map(|m| FileId::of(&m))
}

/// The identity of an open file.
pub fn open_id(file: &File) -> Result<FileId> {
    file.metadata().map(|m| FileId::of(&m))
}

/// How many names the file at a path has.
pub fn names(_path: &Path, metadata: &Metadata) -> u64 {
    metadata.nlink()
}

/// True if a descriptor of this process refers to the file. Looks by `stat` only.
pub fn open_in_process(file: FileId) -> bool {
    let descriptors = ["/proc/self/fd", "/dev/fd"]
        .into_iter()
        .find_map(|dir| fs::read_dir(dir).ok());
    descriptors
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| file_id(&entry.path()) == Some(file))
}

/// What a thing is that is neither file, directory nor link.
pub fn other_kind(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// Has a file opened only if it is no link, and without waiting for the other end of a pipe.
pub fn careful(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
}

/// How a lock file is opened: with care, and for others to read who has it.
pub fn lock_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    careful(options.read(true).append(true).mode(0o644));
    options
}

/// A path without links.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
}

/// What keeps DuckDB from taking a path for what it is.
pub fn wrong_in_path(path: &str) -> Option<&'static str> {
    if path.contains('\\') {
        Some("a backslash, which DuckDB takes for \"/\"")
    } else if path.contains('?') {
        Some("a \"?\", before which DuckDB puts the suffix of its log's name")
    } else {
        None
    }
}

/// Changes with every change of the file, and cannot be set back.
pub fn stamp(metadata: &Metadata) -> String {
    format!(
        "{}:{}.{:09}",
        metadata.ino(),
        metadata.ctime(),
        metadata.ctime_nsec()
    )
}

/// Runs `start` with all signals blocked, so that the threads it starts leave signals to the host's.
pub fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    let mut old = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: plain calls on local signal sets; the old mask is restored on the same thread.
    unsafe {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
    }
    let result = catch_unwind(AssertUnwindSafe(start));
    // SAFETY: filled by the call above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), ptr::null_mut()) };
    match result {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
