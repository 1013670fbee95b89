//! One table of vectors on one connection: its shadow tables, and the index over them in memory.
//!
//! The shadow tables of `v`: `v_rows` has the columns, `v_vectors` the vectors, `v_blocks` the blocks of the index,
//! `v_meta` one row with the generation, which every write of blocks raises. They are written in the transaction
//! of the statement, so that SQLite's journal keeps them together. What the memory holds is compared with the
//! generation before each search, and blocks that this connection changed are read again after a rollback.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use lumos_core::sql::{identifier, literal};
use lumos_core::vector::index::{Filter, Hit, Index};
use lumos_core::vector::table::{Definition, Role};
use lumos_core::vector::{self};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, ffi, params, params_from_iter};

use super::columns::{self, Columns};
use super::plan::{self, Condition};
use crate::error::{Error, Result, error};
use crate::host::check_interrupt;
use crate::mirror::locked;

/// The endings of the shadow tables' names.
pub const SHADOWS: [&str; 4] = ["rows", "vectors", "blocks", "meta"];

/// Rows between two looks at whether the host wants to stop.
const INTERRUPT_ROWS: usize = 4096;

/// A table of vectors.
pub struct Store {
    db: *mut ffi::sqlite3,
    schema: String,
    name: Mutex<String>,
    /// Its columns.
    pub definition: Definition,
    memory: Mutex<Memory>,
}

// SAFETY: SQLite calls a connection's tables from the thread that uses the connection, one at a time; the handle
// outlives the table, which SQLite frees as it closes the connection.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

/// The tables of a connection that are in use, for functions that are given a table's name.
pub struct Stores {
    db: *mut ffi::sqlite3,
    stores: Mutex<Vec<Weak<Store>>>,
}

// SAFETY: as for `Store`.
unsafe impl Send for Stores {}
// SAFETY: as above.
unsafe impl Sync for Stores {}

impl Stores {
    /// Without tables.
    pub fn new(connection: &Connection) -> Arc<Stores> {
        // SAFETY: the handle is only used while the connection lives.
        let db = unsafe { connection.handle() };
        let stores = Mutex::default();
        Arc::new(Stores { db, stores })
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
}

/// What is kept between statements.
#[derive(Default)]
struct Memory {
    index: Option<Index>,
    /// What filters need; read when the first filter comes.
    columns: Option<Columns>,
    /// The generation that they are of.
    generation: i64,
    /// The generation before the running transaction.
    base: i64,
    /// The running transaction writes this table.
    writing: bool,
    /// Blocks that it has changed.
    touched: BTreeSet<u32>,
    /// It has changed all of them.
    all_touched: bool,
    /// Changes were taken back, and are still in memory.
    rolled_back: bool,
}

/// The rows that may come out of a search.
pub enum Chosen {
    /// All.
    All,
    /// Those with these ids.
    Ids(Vec<i64>),
    /// Those that pass, as the columns in memory say.
    Passing(Vec<Condition>),
}

/// A row to be stored.
pub struct Row {
    /// Its id; `None` to be given one.
    pub id: Option<i64>,
    /// Its vector.
    pub vector: Option<Vec<f32>>,
    /// The values of the columns that [`Store::kept`] names.
    pub values: Vec<Value>,
}

impl Memory {
    /// Takes note of a row's values. Its block is written anew, so that other connections see that the row changed.
    fn set<'a>(&mut self, id: i64, values: impl Iterator<Item = (usize, &'a Value)>) {
        let Some(index) = &mut self.index else { return };
        let Some(slot) = index.touch(id) else { return };
        self.touched.insert(index.block(slot));
        if let Some(columns) = &mut self.columns {
            values.for_each(|(place, value)| columns.set(slot, place, value));
        }
    }
}

impl Store {
    /// The table of this name; nothing is read yet.
    pub fn new(db: *mut ffi::sqlite3, schema: &str, name: &str, definition: Definition) -> Store {
        Store {
            db,
            schema: schema.to_owned(),
            name: Mutex::new(name.to_owned()),
            definition,
            memory: Mutex::default(),
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

    /// The name of a shadow table, quoted.
    pub fn shadow(&self, ending: &str) -> String {
        let name = format!("{}_{ending}", locked(&self.name));
        format!("{}.{}", identifier(&self.schema), identifier(&name))
    }

    /// The places of the columns that `v_rows` has beside the id.
    pub fn kept(&self) -> Vec<usize> {
        let columns = self.definition.columns.iter().enumerate();
        columns
            .filter(|(_, c)| matches!(c.role, Role::Filter | Role::Kept))
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
            .map(|c| format!(", {} {}", identifier(&c.name), c.ty))
            .collect();
        let [rows, vectors, blocks, meta] = SHADOWS.map(|s| self.shadow(s));
        self.connection()?.execute_batch(&format!(
            "CREATE TABLE {rows}(_id INTEGER PRIMARY KEY{});
             CREATE TABLE {vectors}(id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
             CREATE TABLE {blocks}(number INTEGER PRIMARY KEY, generation INTEGER NOT NULL, data BLOB NOT NULL);
             CREATE TABLE {meta}(format INTEGER NOT NULL, generation INTEGER NOT NULL, rebuilt INTEGER NOT NULL, vectors INTEGER NOT NULL);
             INSERT INTO {meta} VALUES(1, 0, 0, 0);",
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
        let drops = SHADOWS.map(|s| format!("DROP TABLE IF EXISTS {};", self.shadow(s)));
        Ok(self.connection()?.execute_batch(&drops.concat())?)
    }

    /// Renames the shadow tables.
    pub fn rename(&self, name: &str) -> Result<()> {
        let renames = SHADOWS.map(|s| {
            let new = identifier(&format!("{name}_{s}"));
            format!("ALTER TABLE {} RENAME TO {new};", self.shadow(s))
        });
        self.connection()?.execute_batch(&renames.concat())?;
        name.clone_into(&mut locked(&self.name));
        Ok(())
    }

    /// Adds a row; with `replace`, in place of one with the same id. Returns its id.
    pub fn insert(&self, row: &Row, replace: bool) -> Result<i64> {
        if let Some(vector) = &row.vector {
            self.check(vector)?;
        }
        let connection = self.connection()?;
        let mut memory = self.to_write(&connection)?;
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
        let values = std::iter::once(row.id.map_or(Value::Null, Value::Integer))
            .chain(row.values.iter().cloned());
        let inserted = connection.prepare(&sql)?.execute(params_from_iter(values));
        if let Err(e) = inserted {
            return Err(match (e.sqlite_error_code(), row.id) {
                (Some(ffi::ErrorCode::ConstraintViolation), Some(id)) => Error {
                    code: ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
                    ..error(format!(
                        "a row with id {id} is there already; use INSERT OR REPLACE or UPDATE"
                    ))
                },
                _ => e.into(),
            });
        }
        let id = row.id.unwrap_or_else(|| connection.last_insert_rowid());
        if replace {
            self.forget(&connection, &mut memory, id)?;
        }
        if let Some(vector) = &row.vector {
            self.put(&connection, &mut memory, id, vector)?;
        }
        let values = self.kept().into_iter().zip(&row.values);
        memory.set(id, values);
        Ok(id)
    }

    /// Removes a row.
    pub fn delete(&self, id: i64) -> Result<()> {
        let connection = self.connection()?;
        let mut memory = self.to_write(&connection)?;
        self.forget(&connection, &mut memory, id)?;
        let sql = format!("DELETE FROM {} WHERE _id = ?1", self.shadow("rows"));
        connection.execute(&sql, [id])?;
        Ok(())
    }

    /// Changes values of a row: the vector, where it is given, and columns of `v_rows` by their places.
    pub fn update(
        &self,
        id: i64,
        vector: Option<Option<Vec<f32>>>,
        values: &[(usize, Value)],
    ) -> Result<()> {
        if let Some(Some(vector)) = &vector {
            self.check(vector)?;
        }
        let connection = self.connection()?;
        let mut memory = self.to_write(&connection)?;
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
            connection
                .prepare(&sql)?
                .execute(params_from_iter(values.chain([Value::Integer(id)])))?;
        }
        match vector {
            Some(Some(vector)) => {
                let is_new = !memory.index.as_ref().is_some_and(|i| i.contains(id));
                self.put(&connection, &mut memory, id, &vector)?;
                if is_new && memory.columns.is_some() {
                    self.read_cells(&connection, &mut memory, &[id])?;
                }
            }
            Some(None) => self.forget(&connection, &mut memory, id)?,
            None => {}
        }
        memory.set(id, values.iter().map(|(place, value)| (*place, value)));
        Ok(())
    }

    fn check(&self, vector: &[f32]) -> Result<()> {
        if vector.len() != self.definition.dims {
            return Err(error(format!(
                "a vector of {} dimensions; table {} has {}",
                vector.len(),
                locked(&self.name),
                self.definition.dims
            )));
        }
        Ok(vector::check_finite(vector)?)
    }

    fn put(
        &self,
        connection: &Connection,
        memory: &mut Memory,
        id: i64,
        vector: &[f32],
    ) -> Result<()> {
        let bytes: Vec<u8> = vector.iter().flat_map(|v| v.to_le_bytes()).collect();
        let sql = format!(
            "INSERT OR REPLACE INTO {} VALUES(?1, ?2)",
            self.shadow("vectors")
        );
        connection.prepare(&sql)?.execute(params![id, bytes])?;
        let Memory { index, touched, .. } = memory;
        if let Some(index) = index {
            let slot = index.insert(id, vector)?;
            touched.insert(index.block(slot));
        }
        Ok(())
    }

    /// Removes the vector of a row.
    fn forget(&self, connection: &Connection, memory: &mut Memory, id: i64) -> Result<()> {
        let sql = format!("DELETE FROM {} WHERE id = ?1", self.shadow("vectors"));
        connection.prepare(&sql)?.execute([id])?;
        let Memory { index, touched, .. } = memory;
        if let Some(index) = index
            && let Some(slot) = index.slot(id)
        {
            touched.insert(index.block(slot));
            index.remove(id);
        }
        Ok(())
    }

    /// The memory with the index as it is stored, for a write.
    fn to_write(&self, connection: &Connection) -> Result<MutexGuard<'_, Memory>> {
        let mut memory = locked(&self.memory);
        self.refresh(connection, &mut memory)?;
        if !memory.writing {
            memory.writing = true;
            memory.base = memory.generation;
        }
        Ok(memory)
    }

    /// Writes the blocks that changed, before a commit or a savepoint.
    pub fn flush(&self) -> Result<()> {
        // Locked is it if a statement of this table itself begins a savepoint; that one needs no blocks.
        let Ok(mut memory) = self.memory.try_lock() else {
            return Ok(());
        };
        if !memory.writing || memory.rolled_back {
            return Ok(());
        }
        let connection = self.connection()?;
        let last = connection.last_insert_rowid();
        let written = self.write_blocks(&connection, &mut memory);
        // The program asks for the row that it inserted, not for a block.
        // SAFETY: the handle of this connection.
        unsafe { ffi::sqlite3_set_last_insert_rowid(self.db, last) };
        if written.is_err() {
            // Of what is in memory no one knows how much is stored.
            memory.index = None;
        }
        written
    }

    fn write_blocks(&self, connection: &Connection, memory: &mut Memory) -> Result<()> {
        let Some(index) = memory.index.as_mut().filter(|i| i.is_changed()) else {
            return Ok(());
        };
        let generation = memory.generation + 1;
        let sql = format!(
            "INSERT OR REPLACE INTO {} VALUES(?1, ?2, ?3)",
            self.shadow("blocks")
        );
        let mut write = connection.prepare(&sql)?;
        for (number, bytes) in index.changed_blocks(generation as u64) {
            write.execute(params![number, generation, bytes])?;
            memory.touched.insert(number);
        }
        let sql = format!(
            "UPDATE {} SET generation = ?1, vectors = ?2",
            self.shadow("meta")
        );
        connection.execute(&sql, params![generation, index.len() as i64])?;
        memory.generation = generation;
        Ok(())
    }

    /// The transaction is over, and what it changed stays, except what was taken back to a savepoint.
    pub fn committed(&self) {
        let mut memory = locked(&self.memory);
        memory.writing = false;
        if !memory.rolled_back {
            memory.all_touched = false;
            memory.touched.clear();
        }
    }

    /// What the transaction changed is taken back.
    pub fn rolled_back(&self) {
        let mut memory = locked(&self.memory);
        memory.rolled_back |= memory.writing;
        memory.writing = false;
    }

    /// What the transaction changed since a savepoint is taken back.
    pub fn rolled_back_to_savepoint(&self) {
        // Locked is it if a statement of this table itself failed; it has changed nothing in memory.
        if let Ok(mut memory) = self.memory.try_lock() {
            memory.rolled_back |= memory.writing;
        }
    }

    /// Brings the memory to what is stored.
    fn refresh(&self, connection: &Connection, memory: &mut Memory) -> Result<()> {
        if memory.writing && !memory.rolled_back && memory.index.is_some() {
            // No one else can write now.
            return Ok(());
        }
        let sql = format!(
            "SELECT generation, rebuilt, vectors FROM {}",
            self.shadow("meta")
        );
        let (generation, rebuilt, vectors): (i64, i64, i64) =
            connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if memory.rolled_back {
            memory.generation = memory.base;
        }
        let known = memory.generation;
        let usable = !memory.all_touched && known <= generation && rebuilt <= known;
        match memory.index.as_mut().filter(|_| usable) {
            None => {
                let mut index = self.definition.index()?;
                self.load(connection, &mut index, "1", vectors)?;
                if memory.writing {
                    // Rows may have been stored since the blocks were.
                    self.repair(connection, &mut index)?;
                }
                memory.all_touched = memory.writing;
                memory.index = Some(index);
                memory.columns = None;
            }
            Some(index) => {
                let mut condition = format!("generation > {known}");
                if memory.rolled_back {
                    let numbers: Vec<u32> = memory.touched.iter().copied().collect();
                    index.load_blocks(&numbers, |_| Ok::<_, Error>(Vec::new()))?;
                    let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
                    condition.push_str(&format!(" OR number IN ({})", list.join(", ")));
                }
                if memory.rolled_back || generation != known {
                    let loaded = self.load(connection, index, &condition, vectors)?;
                    match loaded {
                        Some(numbers) if memory.columns.is_some() => {
                            let ids: Vec<i64> =
                                numbers.iter().flat_map(|n| index.block_ids(*n)).collect();
                            self.read_cells(connection, memory, &ids)?;
                        }
                        Some(_) => {}
                        None => memory.columns = None,
                    }
                }
            }
        }
        memory.generation = generation;
        memory.rolled_back = false;
        if !memory.writing {
            memory.touched.clear();
        }
        Ok(())
    }

    /// Loads the blocks for which the condition holds, and gives their numbers; `None` if rows were missing then and
    /// were made from their vectors.
    fn load(
        &self,
        connection: &Connection,
        index: &mut Index,
        condition: &str,
        vectors: i64,
    ) -> Result<Option<Vec<u32>>> {
        let blocks = self.shadow("blocks");
        let numbers: Vec<u32> = connection
            .prepare(&format!(
                "SELECT number FROM {blocks} WHERE {condition} ORDER BY number"
            ))?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut read =
            connection.prepare(&format!("SELECT data FROM {blocks} WHERE number = ?1"))?;
        index.load_blocks(&numbers, |number| -> Result<Vec<u8>> {
            Ok(read.query_row([number], |row| row.get(0))?)
        })?;
        match index.len() as i64 == vectors {
            true => Ok(Some(numbers)),
            false => self.repair(connection, index).map(|()| None),
        }
    }

    /// Reads the cells of these rows.
    fn read_cells(&self, connection: &Connection, memory: &mut Memory, ids: &[i64]) -> Result<()> {
        let (Some(index), Some(columns)) = (&memory.index, &mut memory.columns) else {
            return Ok(());
        };
        let sql = format!("{} WHERE _id = ?1", self.select_cells(columns.places()));
        let mut statement = connection.prepare(&sql)?;
        for id in ids {
            let mut rows = statement.query([id])?;
            if let (Some(row), Some(slot)) = (rows.next()?, index.slot(*id)) {
                for (i, place) in columns.places().to_vec().into_iter().enumerate() {
                    columns.set(slot, place, &row.get(i + 1)?);
                }
            }
        }
        Ok(())
    }

    /// The cells of all rows.
    fn read_columns(&self, connection: &Connection, index: &Index) -> Result<Columns> {
        let definition = &self.definition.columns;
        let places: Vec<usize> = (0..definition.len())
            .filter(|i| definition[*i].role == Role::Filter)
            .collect();
        let mut columns = Columns::new(places.clone());
        let mut statement = connection.prepare(&self.select_cells(&places))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(slot) = index.slot(row.get(0)?) {
                for (i, place) in places.iter().enumerate() {
                    columns.set(slot, *place, &row.get(i + 1)?);
                }
            }
        }
        Ok(columns)
    }

    fn select_cells(&self, places: &[usize]) -> String {
        let names = places
            .iter()
            .map(|p| format!(", {}", identifier(&self.definition.columns[*p].name)));
        format!(
            "SELECT _id{} FROM {}",
            names.collect::<String>(),
            self.shadow("rows")
        )
    }

    /// How the rows that pass these conditions are found: by the columns in memory where these answer as SQLite
    /// would, else by a query of the shadow table.
    pub fn choose(&self, conditions: Vec<Condition>) -> Result<Chosen> {
        if conditions.is_empty() {
            return Ok(Chosen::All);
        }
        let in_memory = conditions.iter().all(|condition| {
            let column = condition.place.and_then(|p| self.definition.columns.get(p));
            column.is_some_and(|c| c.role == Role::Filter && columns::answers(condition, c.ty))
        });
        if in_memory {
            return Ok(Chosen::Passing(conditions));
        }
        let (condition, params) = plan::condition(&self.definition, &conditions);
        let sql = format!("SELECT _id FROM {} WHERE {condition}", self.shadow("rows"));
        let connection = self.connection()?;
        let mut statement = connection.prepare(&sql)?;
        let ids = statement.query_map(params_from_iter(params), |row| row.get(0))?;
        Ok(Chosen::Ids(ids.collect::<rusqlite::Result<_>>()?))
    }

    /// The ids of the rows that a condition in SQL leaves.
    pub fn filtered(&self, filter: &str) -> Result<Vec<i64>> {
        // The line break ends a comment that the condition may end with.
        let sql = format!("SELECT rowid FROM {} WHERE ({filter}\n)", self.table());
        let connection = self.connection()?;
        let mut statement = connection.prepare(&sql)?;
        let ids = statement.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    /// Makes the index agree with the vectors, whatever blocks were lost.
    fn repair(&self, connection: &Connection, index: &mut Index) -> Result<()> {
        let sql = format!("SELECT id FROM {}", self.shadow("vectors"));
        let stored: BTreeSet<i64> = connection
            .prepare(&sql)?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let gone: Vec<i64> = index.ids().filter(|id| !stored.contains(id)).collect();
        for id in gone {
            index.remove(id);
        }
        let missing: Vec<i64> = stored
            .into_iter()
            .filter(|id| !index.contains(*id))
            .collect();
        self.vectors(connection, &missing, &mut |id, vector| {
            index.insert(id, vector)?;
            Ok(())
        })
    }

    /// Calls back with the vectors of these rows.
    fn vectors(
        &self,
        connection: &Connection,
        ids: &[i64],
        found: &mut dyn FnMut(i64, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let sql = format!(
            "SELECT vector FROM {} WHERE id = ?1",
            self.shadow("vectors")
        );
        let mut statement = connection.prepare(&sql)?;
        let mut vector = Vec::new();
        for (i, id) in ids.iter().enumerate() {
            if i % INTERRUPT_ROWS == INTERRUPT_ROWS - 1 {
                check_interrupt(connection)?;
            }
            let mut rows = statement.query([id])?;
            if let Some(row) = rows.next()?
                && let ValueRef::Blob(bytes) = row.get_ref(0)?
            {
                vector::format::decode(bytes, &mut vector)?;
                found(*id, &vector)?;
            }
        }
        Ok(())
    }

    /// The chosen rows nearest to the query, by distance and id.
    pub fn nearest(
        &self,
        query: &[f32],
        k: usize,
        chosen: &Chosen,
        oversample: usize,
    ) -> Result<Vec<Hit>> {
        self.check_query(query)?;
        let connection = self.connection()?;
        let mut memory = locked(&self.memory);
        let (index, bits) = self.current(&connection, &mut memory, chosen)?;
        let filter = match (chosen, &bits) {
            (Chosen::Ids(ids), _) => Filter::Ids(ids),
            (_, Some(bits)) => Filter::Slots(bits),
            (_, None) => Filter::All,
        };
        index.search(query, k, filter, oversample, |ids, found| {
            self.vectors(&connection, ids, &mut |id, vector| {
                found(id, vector);
                Ok(())
            })
        })
    }

    /// The index as it is stored, and the slots of the chosen rows where the columns in memory choose.
    fn current<'a>(
        &self,
        connection: &Connection,
        memory: &'a mut Memory,
        chosen: &Chosen,
    ) -> Result<(&'a Index, Option<Vec<u64>>)> {
        self.refresh(connection, memory)?;
        let Some(index) = &memory.index else {
            return Err(error("the index is not there; open the database anew"));
        };
        let Chosen::Passing(conditions) = chosen else {
            return Ok((index, None));
        };
        if memory.columns.is_none() {
            memory.columns = Some(self.read_columns(connection, index)?);
        }
        let columns = memory.columns.as_ref();
        let bits = columns.map(|c| c.bits(index.slots(), conditions));
        Ok((index, bits))
    }

    /// The chosen rows by exact distance and id.
    pub fn exact(&self, query: &[f32], chosen: &Chosen) -> Result<Vec<Hit>> {
        self.check_query(query)?;
        let connection = self.connection()?;
        let mut hits = Vec::new();
        let metric = self.definition.metric;
        let mut measure = |id: i64, vector: &[f32]| {
            if vector.len() == query.len() {
                let distance = metric.distance(query, vector);
                hits.push(Hit { id, distance });
            }
            Ok(())
        };
        match chosen {
            Chosen::All => self.each_vector(&connection, &mut measure)?,
            Chosen::Ids(ids) => self.vectors(&connection, ids, &mut measure)?,
            Chosen::Passing(_) => {
                let mut memory = locked(&self.memory);
                let (index, bits) = self.current(&connection, &mut memory, chosen)?;
                let bits = bits.unwrap_or_default();
                let mut ids: Vec<i64> = index
                    .ids()
                    .filter(|id| {
                        index.slot(*id).is_some_and(|slot| {
                            bits.get(slot as usize / 64)
                                .is_some_and(|word| word >> (slot % 64) & 1 == 1)
                        })
                    })
                    .collect();
                ids.sort_unstable();
                self.vectors(&connection, &ids, &mut measure)?;
            }
        }
        hits.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.id.cmp(&b.id)));
        hits.dedup_by_key(|hit| hit.id);
        Ok(hits)
    }

    fn each_vector(
        &self,
        connection: &Connection,
        found: &mut dyn FnMut(i64, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let sql = format!("SELECT id, vector FROM {}", self.shadow("vectors"));
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let (mut vector, mut count) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            if let ValueRef::Blob(bytes) = row.get_ref(1)? {
                vector::format::decode(bytes, &mut vector)?;
                found(row.get(0)?, &vector)?;
            }
            count += 1;
            if count % INTERRUPT_ROWS == 0 {
                check_interrupt(connection)?;
            }
        }
        Ok(())
    }

    fn check_query(&self, query: &[f32]) -> Result<()> {
        self.check(query)?;
        let zero = query.iter().all(|v| *v == 0.0);
        match zero && self.definition.metric == vector::Metric::Cosine {
            true => Err(error(
                "the query is a zero vector, which has no direction; give another, or use metric=l2",
            )),
            false => Ok(()),
        }
    }

    /// `INSERT INTO v(v) VALUES('rebuild')` and others.
    pub fn command(&self, command: &str) -> Result<()> {
        match command.to_lowercase().as_str() {
            "rebuild" => self.rebuild(),
            "optimize" => {
                let connection = self.connection()?;
                let memory = self.to_write(&connection)?;
                let sparse = memory
                    .index
                    .as_ref()
                    .is_some_and(|i| i.slots() > i.len() / 7 * 8 + 512);
                drop(memory);
                match sparse {
                    true => self.rebuild(),
                    false => Ok(()),
                }
            }
            "verify" => self.verify(),
            _ => Err(error(format!(
                "unknown command {}; the commands are 'optimize', 'rebuild' and 'verify'",
                literal(command)
            ))),
        }
    }

    /// Makes the index anew from the vectors.
    fn rebuild(&self) -> Result<()> {
        let connection = self.connection()?;
        let mut memory = self.to_write(&connection)?;
        let mut index = self.definition.index()?;
        self.each_vector(&connection, &mut |id, vector| {
            index.insert(id, vector)?;
            Ok(())
        })?;
        connection.execute_batch(&format!(
            "DELETE FROM {}; UPDATE {} SET rebuilt = generation + 1, vectors = {}, generation = generation + 1",
            self.shadow("blocks"),
            self.shadow("meta"),
            index.len()
        ))?;
        memory.index = Some(index);
        memory.columns = None;
        memory.generation += 1;
        memory.all_touched = true;
        Ok(())
    }

    /// Compares the stored index with the vectors.
    fn verify(&self) -> Result<()> {
        self.flush()?;
        let connection = self.connection()?;
        let blocks = self.shadow("blocks");
        let numbers: Vec<u32> = connection
            .prepare(&format!("SELECT number FROM {blocks}"))?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut index = self.definition.index()?;
        let mut read =
            connection.prepare(&format!("SELECT data FROM {blocks} WHERE number = ?1"))?;
        let refused = index.load_blocks(&numbers, |number| -> Result<Vec<u8>> {
            Ok(read.query_row([number], |row| row.get(0))?)
        })?;
        let wrong = |what: String| {
            Err(error(format!(
                "{what}; answers are right all the same, and INSERT INTO {0}({0}) VALUES('rebuild') makes the index anew",
                identifier(&locked(&self.name))
            )))
        };
        if let Some((_, e)) = refused.first() {
            return wrong(e.to_string());
        }
        let mut stored = 0;
        let mut odd = None;
        self.each_vector(&connection, &mut |id, vector| {
            stored += 1;
            if vector.len() != self.definition.dims {
                return Err(error(format!(
                    "the vector of row {id} is damaged; UPDATE it"
                )));
            }
            if !index.agrees(id, vector) {
                odd.get_or_insert(id);
            }
            Ok(())
        })?;
        match odd {
            Some(id) => wrong(format!("row {id} is not in the index as it is stored")),
            None if stored != index.len() => wrong(format!(
                "the index has {} rows and the table {stored}",
                index.len()
            )),
            None => Ok(()),
        }
    }

    /// The values of the columns of these rows, by the columns' places; the vectors only if they are asked for.
    pub fn values(&self, ids: &[i64], with_vector: bool) -> Result<Vec<Option<Vec<Value>>>> {
        let connection = self.connection()?;
        let sql = format!("SELECT {} WHERE r._id = ?1", self.select(with_vector));
        let mut statement = connection.prepare(&sql)?;
        let count = self.definition.columns.len();
        ids.iter()
            .map(|id| {
                let row = statement
                    .query_row([id], |row| (0..count).map(|i| row.get(i)).collect())
                    .optional()?;
                Ok(row)
            })
            .collect()
    }

    /// What stands after SELECT for rows with all columns in their order.
    pub fn select(&self, with_vector: bool) -> String {
        let columns = self.definition.columns.iter().map(|c| match c.role {
            Role::Id => "r._id".to_owned(),
            Role::Vector if with_vector => "v.vector".to_owned(),
            Role::Vector => "NULL".to_owned(),
            Role::Filter | Role::Kept => format!("r.{}", identifier(&c.name)),
        });
        let mut sql = columns.collect::<Vec<_>>().join(", ");
        sql.push_str(&format!(" FROM {} r", self.shadow("rows")));
        if with_vector {
            sql.push_str(&format!(
                " LEFT JOIN {} v ON v.id = r._id",
                self.shadow("vectors")
            ));
        }
        sql
    }
}
