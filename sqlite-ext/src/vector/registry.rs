//! The tables of vectors that a connection uses, by their names.

use std::sync::{Arc, Weak};

use lumos_core::sql::{name_parts, qualified};
use rusqlite::{Connection, ffi};

use super::store::Store;
use crate::error::{Result, error};
use crate::locks::{Lock, Rank, locked};
use crate::table_function::Shared;

/// The tables of a connection that are in use, for functions that are given a table's name.
pub struct Registry {
    db: *mut ffi::sqlite3,
    stores: Lock<Vec<Weak<Store>>>,
}

// SAFETY: as for `Store`.
unsafe impl Send for Registry {}
// SAFETY: as above.
unsafe impl Sync for Registry {}

impl Shared for Registry {}

impl Registry {
    /// Without tables.
    pub fn new(connection: &Connection) -> Arc<Registry> {
        // SAFETY: the handle is only used while the connection lives.
        let db = unsafe { connection.handle() };
        let stores = Lock::new(Rank::VectorTables, Vec::new());
        Arc::new(Registry { db, stores })
    }

    /// The connection, for statements inside a call.
    pub fn connection(&self) -> Result<Connection> {
        // SAFETY: the handle is alive during every call from SQLite; the result does not close it.
        Ok(unsafe { Connection::from_handle(self.db) }?)
    }

    /// Adds a table.
    pub fn add(&self, store: &Arc<Store>) {
        let mut stores = locked(&self.stores);
        stores.retain(|s| s.strong_count() > 0);
        stores.push(Arc::downgrade(store));
    }

    /// The table of this name; in this schema, if one is given.
    pub fn get(&self, schema: Option<&str>, name: &str) -> Option<Arc<Store>> {
        // The last that SQLite connected is the current one.
        let stores = locked(&self.stores);
        stores.iter().rev().filter_map(Weak::upgrade).find(|s| {
            locked(&s.name).eq_ignore_ascii_case(name)
                && schema.is_none_or(|schema| s.schema.eq_ignore_ascii_case(schema))
        })
    }

    /// The table of this name, `main.v` or `v`.
    pub fn find(&self, name: &str) -> Result<Arc<Store>> {
        // SQLite connects the table if it has not been used yet, and knows whether there is one.
        let connection = self.connection()?;
        connection.prepare(&format!("SELECT rowid FROM {} LIMIT 0", qualified(name)))?;
        let parts = name_parts(name);
        let found = match parts.as_slice() {
            [schema, table] => self.get(Some(schema), table),
            [table] => [Some("temp"), Some("main"), None]
                .into_iter()
                .find_map(|schema| self.get(schema, table)),
            _ => None,
        };
        found.ok_or_else(|| {
            error(format!(
                "{name} is no table of vectors; make one with CREATE VIRTUAL TABLE ... USING lumos_vec(...)"
            ))
        })
    }
}
