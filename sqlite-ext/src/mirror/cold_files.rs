//! The files with cold rows: the list of them in the mirror, what tells a changed one, and the removal of others.
//!
//! The list is committed with the rows' leaving the mirror. A file is on it before it is written, so that none is
//! left behind whatever dies when, and none is removed that is not on it.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use lumos_core::sql::literal;
use lumos_duckdb::engine::{Connection as DuckDb, Value};

use crate::error::{Error, Result, error};
use crate::locks::locked;
use crate::mirror::Mirror;
use crate::system::{self, stamp};

/// A file with cold rows.
#[derive(Debug, Clone)]
pub struct ColdFile {
    /// The table's name.
    pub table: String,
    /// The table's id in the changelog.
    pub id: i64,
    /// Where it is, without links.
    pub path: String,
    /// The partition that its rows are of.
    pub part: String,
    bytes: u64,
    checksum: i64,
    stamp: String,
}

/// What a complete file is known by.
pub struct Seal {
    pub bytes: u64,
    pub checksum: u32,
    pub stamp: String,
}

/// The files of all tables with cold rows.
pub fn live(duckdb: &DuckDb) -> Result<Vec<ColdFile>> {
    let found = duckdb.rows(
        "SELECT t.name, f.id, f.path, f.part, f.bytes, f.checksum, f.stamp FROM _lumos.files f \
         JOIN _lumos.tables t USING (id) WHERE f.state = 'live' ORDER BY f.id, f.part, f.path",
    )?;
    Ok(found
        .into_iter()
        .filter_map(|row| match <[Value; 7]>::try_from(row) {
            Ok(
                [
                    Value::Text(table),
                    Value::Integer(id),
                    Value::Text(path),
                    Value::Text(part),
                    Value::Integer(bytes),
                    Value::Integer(checksum),
                    Value::Text(stamp),
                ],
            ) => Some(ColdFile {
                table,
                id,
                path,
                part,
                bytes: bytes.unsigned_abs(),
                checksum,
                stamp,
            }),
            _ => None,
        })
        .collect())
}

impl ColdFile {
    /// An error if the file is not the one that was written. One that looks as it did is not read.
    pub fn check(&mut self) -> Result<()> {
        let path = Path::new(&self.path);
        let wrong = |what: &str| {
            error(format!(
                "the file \"{}\" with rows of table \"{1}\" {what}; put it back, or lumos_resync('{1}') copies the table again",
                self.path, self.table
            ))
        };
        let metadata = fs::metadata(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => wrong("is missing"),
            _ => wrong(&format!("cannot be read: {e}")),
        })?;
        if metadata.len() != self.bytes {
            return Err(wrong("was changed"));
        }
        let stamp = stamp(&metadata);
        if stamp != self.stamp {
            let checksum =
                checksum(path).map_err(|e| wrong(&format!("cannot be read: {}", e.message)))?;
            if i64::from(checksum) != self.checksum {
                return Err(wrong("was changed"));
            }
            self.stamp = stamp;
        }
        Ok(())
    }
}

/// Before a query: an error if a file with rows of these tables is missing or changed. The names are in lower case.
pub fn check<'a>(mirror: &Mirror, tables: impl Iterator<Item = &'a str>) -> Result<()> {
    let tables: Vec<&str> = tables.collect();
    let is_read = |file: &ColdFile| tables.contains(&file.table.to_lowercase().as_str());
    let mut known = locked(&mirror.cold);
    let mut check = |anew| {
        let files = list(mirror, &mut known, anew)?.iter_mut();
        files.filter(|f| is_read(f)).try_for_each(ColdFile::check)
    };
    // The list may be another by now, if another thread moved rows.
    check(false).or_else(|_| check(true))
}

/// What is wrong with a file if that is why DuckDB did not read it, else DuckDB's error.
pub fn blamed(mirror: &Mirror, e: Error) -> Error {
    let mut known = locked(&mirror.cold);
    let files = list(mirror, &mut known, false).into_iter().flatten();
    let mut named = files.filter(|f| e.message.contains(&f.path));
    named.find_map(|f| f.check().err()).unwrap_or(e)
}

/// The table with rows in this file, if there is one.
pub fn table_of(mirror: &Mirror, path: &str) -> Result<Option<String>> {
    let mut known = locked(&mirror.cold);
    let files = list(mirror, &mut known, false)?;
    if let Some(file) = files.iter().find(|f| f.path == path) {
        return Ok(Some(file.table.clone()));
    }
    let id = system::file_id(path.as_ref());
    let same = |f: &&mut ColdFile| id.is_some() && system::file_id(f.path.as_ref()) == id;
    Ok(files.iter_mut().find(same).map(|f| f.table.clone()))
}

/// The files, as they were looked up before or `anew`.
fn list<'a>(
    mirror: &Mirror,
    known: &'a mut Option<Vec<ColdFile>>,
    anew: bool,
) -> Result<&'a mut [ColdFile]> {
    if anew || known.is_none() {
        let duckdb = mirror.connection()?;
        let files = live(&duckdb)?;
        mirror.give_back(duckdb);
        mirror.guard_cold(&files)?;
        *known = Some(files);
    }
    Ok(known.as_deref_mut().unwrap_or_default())
}

/// Makes a complete file last and gives it its name. Returns what it is known by.
pub fn finish(part: &Path, path: &Path) -> Result<Seal> {
    let failed = |e: std::io::Error| error(format!("\"{}\": {e}", path.display()));
    let file = File::open(part).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let checksum = checksum(part)?;
    fs::rename(part, path).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)?;
    let metadata = fs::metadata(path).map_err(failed)?;
    Ok(Seal {
        bytes: metadata.len(),
        checksum,
        stamp: stamp(&metadata),
    })
}

fn checksum(path: &Path) -> Result<u32> {
    let failed = |e: std::io::Error| error(format!("\"{}\": {e}", path.display()));
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hasher.finalize()),
            n => hasher.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// The path with which a file is written.
pub fn part_path(path: &str) -> String {
    format!("{path}.part")
}

/// Removes the files that have no live rows. One that a query of this process may still read waits for the next time.
pub fn sweep(mirror: &Mirror, duckdb: &DuckDb) -> Result<()> {
    let read = mirror.has_readers();
    for row in duckdb.rows("SELECT path, state FROM _lumos.files WHERE state <> 'live'")? {
        let [Value::Text(path), Value::Text(state)] = row.as_slice() else {
            continue;
        };
        if (read && state == "old") || !is_ours(path) {
            continue;
        }
        let removed = [path.clone(), part_path(path)]
            .iter()
            .all(|p| match fs::remove_file(p) {
                Ok(()) => true,
                Err(e) => e.kind() == std::io::ErrorKind::NotFound,
            });
        if removed {
            duckdb.execute(&format!(
                "DELETE FROM _lumos.files WHERE path = {}",
                literal(path)
            ))?;
        }
    }
    Ok(())
}

/// The paths that DuckDB must be able to read: nobody can put another name on the list of a mirror's file.
pub fn readable(duckdb: &DuckDb) -> Result<Vec<String>> {
    let found = duckdb.rows("SELECT path FROM _lumos.files WHERE state = 'live' ORDER BY path")?;
    Ok(found
        .into_iter()
        .flatten()
        .filter_map(|value| match value {
            Value::Text(path) if is_ours(&path) => Some(path),
            _ => None,
        })
        .collect())
}

/// The path of a new file: the table and the partition are for people, the number makes it the only one.
pub fn new_path(folder: &str, table: &str, part: &str, number: &str) -> String {
    let plain = |text: &str| -> String {
        text.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            })
            .take(60)
            .collect()
    };
    format!(
        "{}/{}-{}-{number}.parquet",
        folder.trim_end_matches('/'),
        plain(table),
        plain(part)
    )
}

/// True for a name that [`new_path`] makes: it ends with a UUID.
fn is_ours(path: &str) -> bool {
    let Some(name) = path.strip_suffix(".parquet") else {
        return false;
    };
    let Some((at, uuid)) = name
        .len()
        .checked_sub(36)
        .and_then(|at| Some((at, name.get(at..)?)))
    else {
        return false;
    };
    name[..at].ends_with('-')
        && uuid.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}
