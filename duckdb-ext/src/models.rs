//! The files of models and the servers that have some, for `lumos_model_add` in both engines.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use lumos_core::embed::endpoint::Endpoint;
use lumos_core::embed::models;
use lumos_core::{Error, Result};
use serde_json::Value as Json;

use crate::endpoint;

/// Larger models than this are not meant for the inside of another program.
const LARGEST_FILE: u64 = 4 << 30;

/// Adds the model in the folder `path`, or that of the server with this address, and describes it.
pub fn add(name: &str, path: &str, options: Option<&str>) -> Result<Json> {
    // Before anything tells what folders there are.
    models::check_unlocked()?;
    if Endpoint::is_url(path) {
        return models::add_endpoint(name, endpoint::parse(path, options)?);
    }
    if options.is_some() {
        return Err(Error::new(
            "options are for the URL of a server; a folder takes none",
        ));
    }
    let folder = Path::new(path).canonicalize().ok().filter(|f| f.is_dir());
    let folder = folder.ok_or_else(|| {
        Error::new(format!(
            "{path} is not a folder; give the one that holds the model, or the URL of a server"
        ))
    })?;
    models::add(name, &folder.to_string_lossy(), |file| read(&folder, file))
}

/// A file of the folder, if it is there.
fn read(folder: &Path, file: &str) -> Result<Option<Vec<u8>>> {
    let path = folder.join(file);
    let failed = |e: std::io::Error| Error::new(format!("{} cannot be read: {e}", path.display()));
    let opened = match File::open(&path) {
        Ok(opened) => opened,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let size = opened.metadata().map_err(failed)?.len();
    if size > LARGEST_FILE {
        return Err(Error::new(format!(
            "{} has {size} bytes; at most {LARGEST_FILE} are read",
            path.display()
        )));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size as usize).map_err(|_| {
        Error::new(format!(
            "{} needs {size} bytes of memory, more than there are",
            path.display()
        ))
    })?;
    opened
        .take(LARGEST_FILE)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(Some(bytes))
}
