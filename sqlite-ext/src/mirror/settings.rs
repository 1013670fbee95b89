//! What a mirror is opened with.

use std::path::PathBuf;

use lumos_core::sql;

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
    pub fn differing(&self, other: &Settings) -> Vec<&'static str> {
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

/// The settings that close DuckDB to everything but these folders, and these files with cold rows.
pub fn lock_down(allow_files: &[PathBuf], cold: &[String]) -> String {
    let set = |name: &str, paths: Vec<String>| {
        if paths.is_empty() {
            String::new()
        } else {
            format!("SET {name} = [{}]; ", paths.join(", "))
        }
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
