//! What differs between Unix and Windows: which file a name leads to, how one is opened with care, and signals.
//!
//! Both sides have the same functions. That of Windows is compiled by `make check`, and was never run.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod this;

pub use this::{
    FileId, canonical, careful, file_id, link_id, lock_file, names, open_id, open_in_process,
    other_kind, stamp, without_signals, wrong_in_path,
};

/// What can be opened any number of times.
pub const NOTHING: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };
