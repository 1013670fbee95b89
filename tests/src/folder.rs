//! A temporary folder with a copy of Chinook, gone when dropped.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Outcome, host};

/// The name of Chinook in a [`Folder`].
pub const DATABASE: &str = "chinook.sqlite";

/// A folder of its own for one trial.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty folder.
    pub fn empty() -> Outcome<Folder> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("lumos-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Folder(path))
    }

    /// A folder with Chinook in it.
    pub fn with_chinook() -> Outcome<Folder> {
        let folder = Folder::empty()?;
        copy_chinook(&folder.0.join(DATABASE))?;
        Ok(folder)
    }

    /// A folder laid out as the repository is after `make build`.
    pub fn built() -> Outcome<Folder> {
        let folder = Folder::empty()?;
        let target = folder.0.join("target");
        fs::create_dir_all(&target).map_err(|e| e.to_string())?;
        for library in [host::sqlite_extension()?, host::duckdb_extension()?] {
            let link = target.join(library.file_name().unwrap_or_default());
            symlink(&library, link).map_err(|e| e.to_string())?;
        }
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies the fixture.
pub fn copy_chinook(to: &Path) -> Outcome {
    let fixture = host::tests().join("fixtures").join(DATABASE);
    match fs::copy(&fixture, to) {
        Ok(_) => Ok(()),
        Err(e) => Err(format!("{} to {}: {e}", fixture.display(), to.display())),
    }
}
