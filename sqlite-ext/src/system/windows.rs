use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{Error, Result};
use std::mem::MaybeUninit;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::os::windows::io::AsRawHandle;
use std::path::{Path, PathBuf};

use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    GetFileInformationByHandle,
};

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    volume: u32,
    index: u64,
}

/// The file that a path leads to, if there is one.
pub fn file_id(path: &Path) -> Option<FileId> {
    open_id(&looked_at(path, 0).ok()?).ok()
}

/// What has the name itself, if it is a link too.
pub fn link_id(path: &Path) -> Option<FileId> {
    open_id(&looked_at(path, FILE_FLAG_OPEN_REPARSE_POINT).ok()?).ok()
}

/// The identity of an open file.
pub fn open_id(file: &File) -> Result<FileId> {
    information(file).map(|known| FileId {
        volume: known.dwVolumeSerialNumber,
        index: u64::from(known.nFileIndexHigh) << 32 | u64::from(known.nFileIndexLow),
    })
}

/// How many names the file at a path has.
pub fn names(path: &Path, _metadata: &Metadata) -> u64 {
    looked_at(path, FILE_FLAG_OPEN_REPARSE_POINT)
        .and_then(|file| information(&file))
        .map_or(1, |known| u64::from(known.nNumberOfLinks))
}

/// Opens a file or folder without access to what is in it, which no sharing mode of others forbids.
fn looked_at(path: &Path, flags: u32) -> Result<File> {
    OpenOptions::new()
        .access_mode(0)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | flags)
        .open(path)
}

fn information(file: &File) -> Result<BY_HANDLE_FILE_INFORMATION> {
    let mut known = MaybeUninit::<BY_HANDLE_FILE_INFORMATION>::uninit();
    // SAFETY: a live handle, and a place of the right size, which is filled if the call says so.
    unsafe {
        match GetFileInformationByHandle(file.as_raw_handle(), known.as_mut_ptr()) {
            0 => Err(Error::last_os_error()),
            _ => Ok(known.assume_init()),
        }
    }
}

/// False: who opens a mirror's file a second time is refused by Windows itself.
pub fn open_in_process(_file: FileId) -> bool {
    false
}

/// What a thing is that is neither file, directory nor link.
pub fn other_kind(_kind: FileType) -> &'static str {
    "a device"
}

/// Has a file opened only if it is no link: a link is opened itself, which has nothing to read.
pub fn careful(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
}

/// How a lock file is opened: with care. Others cannot read it while it is locked, so none learns who has it.
pub fn lock_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    careful(options.read(true).write(true));
    options
}

/// A path without links, in the form that DuckDB and SQLite take too.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    let path = path.canonicalize()?;
    let plain = path.to_str().and_then(|text| text.strip_prefix(r"\\?\"));
    Ok(match plain {
        Some(plain) if plain.as_bytes().get(1) == Some(&b':') => plain.into(),
        _ => path,
    })
}

/// What keeps DuckDB from taking a path for what it is.
pub fn wrong_in_path(path: &str) -> Option<&'static str> {
    path.contains('?')
        .then_some("a \"?\", before which DuckDB puts the suffix of its log's name")
}

/// Changes with every change of the file.
pub fn stamp(metadata: &Metadata) -> String {
    format!(
        "{}:{}",
        metadata.creation_time(),
        metadata.last_write_time()
    )
}

/// Runs `start`: no thread here takes a signal from the host's.
pub fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    start()
}
