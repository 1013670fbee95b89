//! What a mirror equals, and what it has of each table, between two runs of applying.

use std::sync::Arc;

use lumos_core::changelog::{Key, Table};
use lumos_duckdb::engine::{Connection as DuckDb, Value};

use crate::error::{Result, Unfit};
use crate::mirror::column_map::ColumnMap;
use crate::mirror::records::damaged;

/// What the mirror equals, as its file says; this process alone can change it.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The source's identity.
    pub source: String,
    /// The position in its changelog.
    pub seq: i64,
    /// The log row at `seq`.
    pub mark: String,
    /// The source's schema version when the mirrored tables were last compared with it, if they were since opening.
    pub schema_version: Option<i64>,
    /// The mirrored tables at that time.
    pub tables: Arc<[AppliedTable]>,
    /// The tracked tables that failed.
    pub failed: Arc<[Failure]>,
    /// [`Mirror::generation`](super::Mirror::generation) at that time.
    pub generation: u64,
}

/// A mirrored table as a run left it.
#[derive(Debug, Clone)]
pub struct AppliedTable {
    /// Its id in the changelog.
    pub id: i64,
    /// Its columns on both sides.
    pub mirrored: ColumnMap,
    /// Its columns and indexes in SQLite.
    pub definition: Table,
    /// What identifies its rows.
    pub key: Key,
}

impl AppliedTable {
    /// Its name in the mirror.
    pub fn name(&self) -> &str {
        &self.mirrored.name
    }
}

/// A table that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its id in the changelog.
    pub id: i64,
    /// Its name in the mirror; empty if another table has that.
    pub name: String,
    /// Why, for people.
    pub message: String,
    /// The source's schema version at that time, after which it is tried again; `None` if it is tried again in any
    /// case once the mirror is opened anew.
    pub schema_version: Option<i64>,
    /// The value that is to blame, if it was one.
    pub unfit: Option<Unfit>,
}

/// What the mirror's file says that it equals.
pub fn stored_state(duckdb: &DuckDb) -> Result<Option<Applied>> {
    match duckdb
        .rows("SELECT source, seq, mark FROM _lumos.state")?
        .as_slice()
    {
        [] => Ok(None),
        [row] => match row.as_slice() {
            [Value::Text(source), Value::Integer(seq), Value::Text(mark)] => Ok(Some(Applied {
                source: source.clone(),
                seq: *seq,
                mark: mark.clone(),
                schema_version: None,
                tables: [].into(),
                failed: [].into(),
                generation: 0,
            })),
            _ => Err(damaged()),
        },
        _ => Err(damaged()),
    }
}
