//! The database with what users make by `lumos_exec`, beside the mirror.
//!
//! DuckDB lets a transaction write one attached database, so no statement that writes there writes the mirror.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use lumos_core::sql;

use crate::error::{Error, Result, error};
use crate::locks::locked;
use crate::mirror::file_lock::{self, LockFile};
use crate::mirror::names::OWN;
use crate::mirror::{Mirror, STORAGE_VERSION};

/// The database with what users make.
pub enum Own {
    /// Nobody has made anything.
    None,
    /// Attached, and locked if it has a file.
    Attached(#[allow(dead_code, reason = "held")] Option<LockFile>),
    /// Why the file that is there cannot be opened.
    Failed(Error),
}

impl Mirror {
    /// The file of the database with what users make: `x-own.duckdb` beside `x.duckdb`.
    pub(super) fn own_path(&self) -> Option<PathBuf> {
        let place = self.place.as_deref()?;
        let name = place.file_name()?.to_string_lossy();
        let name = name.strip_suffix(".duckdb").unwrap_or(&name);
        Some(place.with_file_name(format!("{name}-{OWN}.duckdb")))
    }

    /// Attaches the database with what users make, and creates it first if it is not there.
    pub fn open_own(&self) -> Result<()> {
        let mut own = locked(&self.own);
        if matches!(*own, Own::Attached(_)) {
            return Ok(());
        }
        match self.attach_own() {
            Ok(lock) => {
                *own = Own::Attached(lock);
                self.has_own.store(true, Ordering::Release);
                Ok(())
            }
            Err(e) => {
                let e = Error {
                    message: format!(
                        "the database with the tables of your own cannot be opened: {}",
                        e.message
                    ),
                    ..e
                };
                *own = Own::Failed(e.clone());
                Err(e)
            }
        }
    }

    fn attach_own(&self) -> Result<Option<LockFile>> {
        let connection = self.database.connect()?;
        let attach = |path: &str, format: &str| {
            format!(
                "ATTACH {} AS {OWN} (TYPE duckdb{format})",
                sql::literal(path)
            )
        };
        let version = format!(", STORAGE_VERSION '{STORAGE_VERSION}'");
        let Some(place) = self.own_path() else {
            connection.execute(&attach(":memory:", &version))?;
            return Ok(None);
        };
        let shown = place.to_string_lossy();
        file_lock::check_mirror_file(&place, &shown, self.source)?;
        let lock = LockFile::acquire(&place)?;
        let old_size = std::fs::metadata(&place).ok().map(|m| m.len());
        if old_size == Some(0) {
            // DuckDB takes no empty file for a new one.
            drop(std::fs::remove_file(&place));
        }
        let format = match old_size {
            Some(1..) => "",
            _ => &version,
        };
        connection
            .attach_file(&shown, &attach(&shown, format))
            .map_err(|e| {
                if old_size.is_none() {
                    drop(std::fs::remove_file(&place));
                }
                error(format!(
                    "\"{shown}\": {e}; repair the file, or remove it to begin anew"
                ))
            })?;
        Ok(Some(lock))
    }

    /// True if users have made something.
    pub fn has_own(&self) -> bool {
        self.has_own.load(Ordering::Acquire)
    }

    /// Why what users have made cannot be read, if so.
    pub fn own_failure(&self) -> Option<Error> {
        match &*locked(&self.own) {
            Own::Failed(e) => Some(e.clone()),
            Own::None | Own::Attached(_) => None,
        }
    }
}
