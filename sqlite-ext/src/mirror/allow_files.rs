//! Paths in the folders that the option `allow_files` opens.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result, error};
use crate::mirror::Mirror;

/// The file's real path, if a folder of `allow_files` holds it, and it is no open database's: links and `..` are
/// followed first.
pub fn allowed(mirror: &Mirror, path: &str, writes: bool) -> Result<PathBuf> {
    let folders = &mirror.settings.allow_files;
    if folders.is_empty() {
        return Err(not_open());
    }
    let given = Path::new(path);
    let name = given
        .file_name()
        .ok_or_else(|| error(format!("\"{path}\" names no file; give the path of a file")))?;
    let folder = given
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let folder = folder
        .canonicalize()
        .map_err(|e| error(format!("the folder of \"{path}\": {e}; create it first")))?;
    let full = folder.join(name);
    // The file itself may be a link to elsewhere; one that leads nowhere is not followed into a new file.
    let real = match full.symlink_metadata() {
        Ok(_) => full
            .canonicalize()
            .map_err(|e| error(format!("\"{path}\": {e}; give the path of a file")))?,
        Err(_) => full,
    };
    let real = inside(folders, real, path)?;
    check_guarded(mirror, &real, path, writes)?;
    Ok(real)
}

/// Refuses the file of an open database, and what stands beside it.
pub fn check_guarded(mirror: &Mirror, real: &Path, path: &str, writes: bool) -> Result<()> {
    if mirror.guards_file(real, writes) {
        Err(error(format!(
            "the file \"{path}\" belongs to an open database or a mirrored table; give another path"
        )))
    } else {
        Ok(())
    }
}

/// The real path of a folder, if a folder of `allow_files` holds it or is it.
pub fn allowed_folder(mirror: &Mirror, path: &str) -> Result<String> {
    let real = Path::new(path)
        .canonicalize()
        .ok()
        .filter(|p| p.is_dir())
        .ok_or_else(|| error(format!("\"{path}\" is no folder; create it first")))?;
    let folders = &mirror.settings.allow_files;
    if folders.is_empty() {
        return Err(not_open());
    }
    match inside(folders, real, path)?.to_str() {
        Some(real) if is_plain(real) => Ok(real.to_owned()),
        _ => Err(error(format!(
            "\"{path}\" has one of the characters *?[]{{}}\\ in its path; give a folder without"
        ))),
    }
}

/// True if DuckDB takes a path as it is: some characters make a pattern, and one it takes for `/`.
pub fn is_plain(path: &str) -> bool {
    !path.contains(['*', '?', '[', ']', '{', '}', '\\'])
}

fn not_open() -> Error {
    error(
        "no folder is open for files; give lumos_attach the option {\"allow_files\": [\"folder\"]}",
    )
}

fn inside(folders: &[PathBuf], real: PathBuf, given: &str) -> Result<PathBuf> {
    if folders.iter().any(|f| real.starts_with(f)) {
        return Ok(real);
    }
    let list: Vec<String> = folders
        .iter()
        .map(|f| format!("\"{}\"", f.display()))
        .collect();
    Err(error(format!(
        "\"{given}\" is outside of the open folders {}; give a path inside",
        list.join(", ")
    )))
}

/// The folders of the option `allow_files`, without links and `..`.
pub fn folders(option: &serde_json::Value) -> Result<Vec<PathBuf>> {
    let wrong = || {
        error(format!(
            "allow_files is {option}; give an array of folders like [\"data\"]"
        ))
    };
    let folders = option.as_array().ok_or_else(wrong)?;
    folders
        .iter()
        .map(|folder| {
            let folder = folder.as_str().ok_or_else(wrong)?;
            let real = Path::new(folder).canonicalize().ok().filter(|p| p.is_dir());
            let real = real.ok_or_else(|| {
                error(format!(
                    "allow_files: \"{folder}\" is no folder; create it first"
                ))
            })?;
            // DuckDB takes it for `/`, and would open another folder.
            match real.to_str() {
                Some(text) if !text.contains('\\') => Ok(real),
                _ => Err(error(format!(
                    "allow_files: the path of \"{folder}\" has a backslash or is not UTF-8; give another folder"
                ))),
            }
        })
        .collect()
}
