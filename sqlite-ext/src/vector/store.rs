//! One table of vectors on one connection: its shadow tables, and what is written to them.
//!
//! The shadow tables of `v`: `v_rows` has the columns, `v_vectors` the vectors, `v_blocks` the blocks of the index,
//! `v_meta` one row with the generation, which every write of blocks raises. They are written in the transaction
//! of the statement, so that SQLite's journal keeps them together.

use std::collections::HashSet;
use std::sync::atomic::AtomicI32;

use lumos_core::sql::{identifier, literal};
use lumos_core::vector::table::{Definition, Role, VectorTable};
use lumos_core::vector::{self, format};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, ffi, params, params_from_iter};

use super::index_state::{Ended, IndexState};
use crate::error::{Error, Result, error};
use crate::locks::{Lock, Rank, locked};
use crate::values;

/// The endings of the shadow tables' names.
pub const SHADOWS: [&str; 4] = ["rows", "vectors", "blocks", "meta"];

/// A table of vectors.
pub struct Store {
    pub(super) db: *mut ffi::sqlite3,
    pub(super) schema: String,
    pub(super) name: Lock<String>,
    /// Its columns.
    pub definition: Definition,
    pub(super) index_state: Lock<IndexState>,
    pub(super) ended: Ended,
    /// The number of the last plan.
    pub(super) plans: AtomicI32,
    /// Plans for which [`Store::check_statement`] found nothing.
    pub(super) checked: Lock<HashSet<i32>>,
}

// SAFETY: SQLite calls a connection's tables from the thread that uses the connection, one at a time; the handle
// outlives the table, which SQLite frees as it closes the connection.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

/// A row to be stored.
pub struct Row {
    /// Its id; `None` to be given one.
    pub id: Option<i64>,
    /// Its vector.
    pub vector: Option<Vec<f32>>,
    /// The values of the columns that [`Store::kept`] names.
    pub values: Vec<Value>,
}

impl Store {
    /// The table of this name; nothing is read yet.
    pub fn new(db: *mut ffi::sqlite3, schema: &str, name: &str, definition: Definition) -> Store {
        Store {
            db,
            schema: schema.to_owned(),
            name: Lock::new(Rank::Moment, name.to_owned()),
            definition,
            index_state: Lock::new(Rank::IndexState, IndexState::default()),
            ended: Ended::default(),
            plans: AtomicI32::new(0),
            checked: Lock::new(Rank::Moment, HashSet::new()),
        }
    }

    /// The connection, for statements inside a call.
    pub fn connection(&self) -> Result<Connection> {
        // SAFETY: the handle is alive during every call from SQLite; the result does not close it.
        Ok(unsafe { Connection::from_handle(self.db) }?)
    }

    /// The handle of the connection.
    pub fn handle(&self) -> *mut ffi::sqlite3 {
        self.db
    }

    /// The name of the table, quoted.
    pub fn table(&self) -> String {
        let name = identifier(&locked(&self.name));
        format!("{}.{name}", identifier(&self.schema))
    }

    /// Its names and what it was made with.
    pub fn described(&self) -> VectorTable {
        VectorTable {
            schema: self.schema.clone(),
            name: locked(&self.name).clone(),
            definition: self.definition.clone(),
        }
    }

    /// The name of a shadow table, quoted.
    pub fn shadow(&self, suffix: &str) -> String {
        let (schema, name) = self.shadow_parts(suffix);
        format!("{}.{}", identifier(&schema), identifier(&name))
    }

    /// The schema and the name of a shadow table.
    pub(super) fn shadow_parts(&self, suffix: &str) -> (String, String) {
        let name = format!("{}_{suffix}", *locked(&self.name));
        (self.schema.clone(), name)
    }

    /// The endings of the shadow tables that are no views.
    fn stored(&self) -> &'static [&'static str] {
        match self.definition.content {
            Some(_) => &SHADOWS[2..],
            None => &SHADOWS,
        }
    }

    /// The places of the columns that `v_rows` has beside the id.
    pub fn kept(&self) -> Vec<usize> {
        let columns = self.definition.columns.iter().enumerate();
        columns
            .filter(|(_, c)| matches!(c.role, Role::Key | Role::Filter | Role::Kept))
            .map(|(i, _)| i)
            .collect()
    }

    fn kept_names(&self) -> Vec<String> {
        self.kept()
            .into_iter()
            .map(|i| identifier(&self.definition.columns[i].name))
            .collect()
    }

    /// Makes the shadow tables.
    pub fn create(&self) -> Result<()> {
        let columns: Vec<String> = self
            .kept()
            .into_iter()
            .map(|i| &self.definition.columns[i])
            .map(|c| {
                let unique = match c.role {
                    Role::Key => " NOT NULL UNIQUE",
                    _ => "",
                };
                format!(", {} {}{unique}", identifier(&c.name), c.ty)
            })
            .collect();
        let [rows, vectors, blocks, meta] = SHADOWS.map(|s| self.shadow(s));
        let connection = self.connection()?;
        connection.execute_batch(&format!(
            "CREATE TABLE {blocks}(number INTEGER PRIMARY KEY, generation INTEGER NOT NULL, data BLOB NOT NULL);
             CREATE TABLE {meta}(format INTEGER NOT NULL, generation INTEGER NOT NULL, rebuilt INTEGER NOT NULL, vectors INTEGER NOT NULL);
             INSERT INTO {meta} VALUES(1, 0, 0, 0);"
        ))?;
        if let Some(content) = &self.definition.content {
            return self.create_over(content);
        }
        connection.execute_batch(&format!(
            "CREATE TABLE {rows}(_id INTEGER PRIMARY KEY{});
             CREATE TABLE {vectors}(id INTEGER PRIMARY KEY, vector BLOB NOT NULL);",
            columns.concat()
        ))?;
        Ok(())
    }

    /// Refuses tables that a later version has written.
    pub fn check_format(&self) -> Result<()> {
        let sql = format!("SELECT format FROM {}", self.shadow("meta"));
        let format: i64 = self.connection()?.query_row(&sql, [], |row| row.get(0))?;
        match format {
            1 => Ok(()),
            _ => Err(error(format!(
                "the table has format {format}, which a later version of Lumos wrote; use that version"
            ))),
        }
    }

    /// Drops the shadow tables.
    pub fn destroy(&self) -> Result<()> {
        if self.definition.content.is_some() {
            self.destroy_views()?;
        }
        let drops = self.stored().iter();
        let drops: String = drops
            .map(|s| format!("DROP TABLE IF EXISTS {};", self.shadow(s)))
            .collect();
        Ok(self.connection()?.execute_batch(&drops)?)
    }

    /// Renames the shadow tables.
    pub fn rename(&self, name: &str) -> Result<()> {
        self.definition.check_name(name)?;
        if self.definition.content.is_some() {
            self.rename_views(name)?;
        }
        let renames = self.stored().iter().map(|s| {
            let new = identifier(&format!("{name}_{s}"));
            format!("ALTER TABLE {} RENAME TO {new};", self.shadow(s))
        });
        let renames: String = renames.collect();
        self.connection()?.execute_batch(&renames)?;
        name.clone_into(&mut locked(&self.name));
        Ok(())
    }

    /// Adds a row; with `replace`, in place of one with the same id or key. Returns its id.
    pub fn insert(&self, row: &Row, replace: bool) -> Result<i64> {
        if let Some(vector) = &row.vector {
            self.check(vector)?;
        }
        let connection = self.connection()?;
        let mut state = self.to_write(&connection)?;
        let kept = self.kept();
        let mut id = row.id;
        if let Some((other, key)) = self.holder(&connection, kept.into_iter().zip(&row.values))? {
            match id {
                _ if !replace => return Err(taken("id", literal(key))),
                Some(id) if id != other => self.remove(&connection, &mut state, other)?,
                _ => id = Some(other),
            }
        }
        let columns: String = self.kept_names().iter().map(|n| format!(", {n}")).collect();
        let marks = ", ?".repeat(row.values.len());
        let verb = if replace {
            "INSERT OR REPLACE"
        } else {
            "INSERT"
        };
        let sql = format!(
            "{verb} INTO {}(_id{columns}) VALUES(?{marks})",
            self.shadow("rows")
        );
        let values = std::iter::once(id.map_or(Value::Null, Value::Integer))
            .chain(row.values.iter().cloned());
        let inserted = connection.prepare(&sql)?.execute(params_from_iter(values));
        if let Err(e) = inserted {
            let name = match self.definition.find(Role::Key) {
                Some(_) => "rowid",
                None => "id",
            };
            return Err(match (e.sqlite_error_code(), id) {
                (Some(ffi::ErrorCode::ConstraintViolation), Some(id)) => taken(name, id),
                _ => e.into(),
            });
        }
        let id = id.unwrap_or_else(|| connection.last_insert_rowid());
        if replace {
            self.forget(&connection, &mut state, id)?;
        }
        if let Some(vector) = &row.vector {
            self.put(&connection, &mut state, id, vector)?;
        }
        self.note(&connection, &mut state, id)?;
        Ok(id)
    }

    /// The row that has the text key among these values, and the key; `None` if there is none of them.
    fn holder<'a>(
        &self,
        connection: &Connection,
        mut values: impl Iterator<Item = (usize, &'a Value)>,
    ) -> Result<Option<(i64, &'a str)>> {
        let place = self.definition.find(Role::Key);
        let Some((place, Value::Text(key))) = values.find(|(i, _)| Some(*i) == place) else {
            return Ok(None);
        };
        let sql = format!(
            "SELECT _id FROM {} WHERE {} = ?1",
            self.shadow("rows"),
            identifier(&self.definition.columns[place].name)
        );
        let mut statement = connection.prepare(&sql)?;
        let found = statement.query_row([key], |row| row.get(0)).optional()?;
        Ok(found.map(|id| (id, key.as_str())))
    }

    /// Removes a row.
    pub fn delete(&self, id: i64) -> Result<()> {
        let connection = self.connection()?;
        let mut state = self.to_write(&connection)?;
        self.remove(&connection, &mut state, id)
    }

    fn remove(&self, connection: &Connection, state: &mut IndexState, id: i64) -> Result<()> {
        self.forget(connection, state, id)?;
        let sql = format!("DELETE FROM {} WHERE _id = ?1", self.shadow("rows"));
        connection.execute(&sql, [id])?;
        Ok(())
    }

    /// Changes values of a row: the vector, where it is given, and columns of `v_rows` by their places. With
    /// `replace`, a row that has its new key already goes.
    pub fn update(
        &self,
        id: i64,
        vector: Option<Option<Vec<f32>>>,
        values: &[(usize, Value)],
        replace: bool,
    ) -> Result<()> {
        if let Some(Some(vector)) = &vector {
            self.check(vector)?;
        }
        let connection = self.connection()?;
        let mut state = self.to_write(&connection)?;
        match self.holder(&connection, values.iter().map(|(i, v)| (*i, v)))? {
            Some((other, key)) if other != id => {
                if replace {
                    self.remove(&connection, &mut state, other)?
                } else {
                    return Err(taken("id", literal(key)));
                }
            }
            _ => {}
        }
        if !values.is_empty() {
            let sets: Vec<String> = values
                .iter()
                .map(|(i, _)| format!("{} = ?", identifier(&self.definition.columns[*i].name)))
                .collect();
            let sql = format!(
                "UPDATE {} SET {} WHERE _id = ?",
                self.shadow("rows"),
                sets.join(", ")
            );
            let values = values.iter().map(|(_, v)| v.clone());
            let changed = connection
                .prepare(&sql)?
                .execute(params_from_iter(values.chain([Value::Integer(id)])))?;
            if changed == 0 {
                // Another row of this statement has replaced it.
                return Ok(());
            }
        }
        match vector {
            Some(Some(vector)) => self.put(&connection, &mut state, id, &vector)?,
            Some(None) => self.forget(&connection, &mut state, id)?,
            None => {}
        }
        self.note(&connection, &mut state, id)
    }

    /// A vector that a statement gives; `name` is what it is called.
    pub fn vector(&self, value: ValueRef<'_>, name: &str) -> Result<Vec<f32>> {
        let wide = |bytes: &&[u8]| bytes.len() == 8 * self.definition.dims;
        match value {
            ValueRef::Blob(bytes) if Some(bytes).filter(wide).and_then(format::plain).is_some() => {
                Err(error(format!(
                    "{name} is a BLOB of {} bytes, which {} 64-bit floats have; give 32-bit floats, in numpy by .astype('float32')",
                    bytes.len(),
                    self.definition.dims
                )))
            }
            value => values::vector(value, name),
        }
    }

    pub(super) fn check(&self, vector: &[f32]) -> Result<()> {
        if vector.len() != self.definition.dims {
            return Err(error(format!(
                "a vector of {} dimensions; table {} has {}",
                vector.len(),
                *locked(&self.name),
                self.definition.dims
            )));
        }
        Ok(vector::check_finite(vector)?)
    }

    fn put(
        &self,
        connection: &Connection,
        state: &mut IndexState,
        id: i64,
        vector: &[f32],
    ) -> Result<()> {
        let bytes: Vec<u8> = vector.iter().flat_map(|v| v.to_le_bytes()).collect();
        let sql = format!(
            "INSERT OR REPLACE INTO {} VALUES(?1, ?2)",
            self.shadow("vectors")
        );
        connection.prepare(&sql)?.execute(params![id, bytes])?;
        state.insert(id, vector)
    }

    /// Removes the vector of a row.
    fn forget(&self, connection: &Connection, state: &mut IndexState, id: i64) -> Result<()> {
        let sql = format!("DELETE FROM {} WHERE id = ?1", self.shadow("vectors"));
        connection.prepare(&sql)?.execute([id])?;
        state.remove(id);
        Ok(())
    }
}

/// The error for a row that is there already.
fn taken(name: &str, value: impl std::fmt::Display) -> Error {
    Error {
        code: ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
        ..error(format!(
            "a row with {name} {value} is there already; use INSERT OR REPLACE or UPDATE"
        ))
    }
}
