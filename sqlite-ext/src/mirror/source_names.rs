//! What the mirrored tables are called in SQLite.

use std::collections::HashMap;
use std::sync::Arc;

use crate::locks::{Lock, Rank, locked};

/// The names of the mirrored tables in SQLite, as long as the mirror has the same tables.
pub struct SourceNames(Lock<Option<(u64, Arc<Tables>)>>);

/// By the name in the mirror, in lower case.
pub type Tables = HashMap<String, SourceName>;

/// What a mirrored table is called in SQLite.
pub struct SourceName {
    /// The table.
    pub table: String,
    /// What SQLite calls the rowid that the mirror has beside the columns.
    pub rowid: &'static str,
}

impl SourceName {
    /// A table of the same name.
    pub fn same(name: &str) -> SourceName {
        SourceName {
            table: name.to_owned(),
            rowid: "rowid",
        }
    }
}

impl SourceNames {
    /// None yet.
    pub fn none() -> SourceNames {
        SourceNames(Lock::new(Rank::Moment, None))
    }

    /// Those that were kept for this generation of the mirror.
    pub fn get(&self, generation: u64) -> Option<Arc<Tables>> {
        match &*locked(&self.0) {
            Some((of, tables)) if *of == generation => Some(Arc::clone(tables)),
            _ => None,
        }
    }

    /// Keeps them for this generation.
    pub fn keep(&self, generation: u64, tables: &Arc<Tables>) {
        *locked(&self.0) = Some((generation, Arc::clone(tables)));
    }
}
