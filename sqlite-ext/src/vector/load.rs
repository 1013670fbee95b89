//! The index over a table of vectors in memory, and the blocks in which it is stored.
//!
//! What the memory holds is compared with the generation before each search, and blocks that this connection changed
//! are read again after a rollback.
//!
//! The memory is held over nested statements: those that read vectors and write shadow tables. SQLite may call back
//! from within one: `xRollback` after a full disk or an interrupt, `xSavepoint`, or this table itself from a trigger
//! or a view of the user. So no callback ever waits for the memory: the end of a transaction is noted beside it
//! ([`Ended`](super::index_state::Ended)), a savepoint of a nested statement concerns nothing in it, and all else is an error.

use std::collections::BTreeSet;

use lumos_core::sql::identifier;
use lumos_core::vector::index::Index;
use lumos_core::vector::table::Role;
use rusqlite::{Connection, ffi, params};

use super::filter::RowFilter;
use super::filter_columns::Columns;
use super::index_state::{Ended, IndexState};
use super::store::Store;
use crate::error::{Error, Result, error};
use crate::locks::Locked;

impl Store {
    /// The memory; `None` while a call of this table holds it, in whose nested statement this happens then.
    fn free_state(&self) -> Option<Locked<'_, IndexState>> {
        let mut state = self.index_state.try_lock()?;
        self.ended.tell(&mut state);
        Some(state)
    }

    /// The memory. Errors if a statement that a call of this table runs uses the table itself.
    pub(super) fn index_state(&self) -> Result<Locked<'_, IndexState>> {
        self.free_state().ok_or_else(|| {
            error(format!(
                "{} is used by a trigger or a view while it is searched or written; leave it out of them",
                self.table()
            ))
        })
    }

    /// The memory with the index as it is stored, for a write.
    pub(super) fn to_write(&self, connection: &Connection) -> Result<Locked<'_, IndexState>> {
        let mut state = self.index_state()?;
        self.refresh(connection, &mut state)?;
        if !state.writing {
            state.writing = true;
            state.base = state.generation;
        }
        Ok(state)
    }

    /// Writes the blocks that changed, before a commit or a savepoint.
    pub fn flush(&self) -> Result<()> {
        // This is a savepoint of a statement that a call of this very table runs: there is nothing to write then.
        let Some(mut state) = self.free_state() else {
            return Ok(());
        };
        if !state.writing || state.rolled_back {
            return Ok(());
        }
        let connection = self.connection()?;
        let last = connection.last_insert_rowid();
        let written = self.write_blocks(&connection, &mut state);
        // The program asks for the row that it inserted, not for a block.
        // SAFETY: the handle of this connection.
        unsafe { ffi::sqlite3_set_last_insert_rowid(self.db, last) };
        if written.is_err() {
            // Of what is in memory no one knows how much is stored.
            state.index = None;
        }
        written
    }

    pub(super) fn write_blocks(
        &self,
        connection: &Connection,
        state: &mut IndexState,
    ) -> Result<()> {
        let Some(index) = state.index.as_mut().filter(|i| i.is_changed()) else {
            return Ok(());
        };
        let generation = state.generation + 1;
        let sql = format!(
            "INSERT OR REPLACE INTO {} VALUES(?1, ?2, ?3)",
            self.shadow("blocks")
        );
        let mut write = connection.prepare(&sql)?;
        for (number, bytes) in index.changed_blocks(generation as u64) {
            write.execute(params![number, generation, bytes])?;
            state.touched.insert(number);
        }
        let sql = format!(
            "UPDATE {} SET generation = ?1, vectors = ?2",
            self.shadow("meta")
        );
        connection.execute(&sql, params![generation, index.len() as i64])?;
        state.generation = generation;
        Ok(())
    }

    /// The transaction is over, and what it changed stays.
    pub fn committed(&self) {
        self.ended.note(Ended::COMMITTED);
    }

    /// What the transaction changed is taken back.
    pub fn rolled_back(&self) {
        self.ended.note(Ended::ROLLED_BACK);
    }

    /// What the transaction changed since a savepoint is taken back.
    pub fn rolled_back_to_savepoint(&self) {
        // A nested statement that failed has changed nothing in memory.
        if let Some(mut state) = self.free_state() {
            state.rolled_back |= state.writing;
        }
    }

    /// Brings the memory to what is stored.
    pub(super) fn refresh(&self, connection: &Connection, state: &mut IndexState) -> Result<()> {
        if state.writing && !state.rolled_back && state.index.is_some() {
            // No one else can write now.
            return Ok(());
        }
        let sql = format!(
            "SELECT generation, rebuilt, vectors FROM {}",
            self.shadow("meta")
        );
        let (generation, rebuilt, vectors): (i64, i64, i64) =
            connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        if state.rolled_back {
            state.generation = state.base;
        }
        let known = state.generation;
        let usable = !state.all_touched && known <= generation && rebuilt <= known;
        match state.index.as_mut().filter(|_| usable) {
            None => {
                let mut index = self.definition.index()?;
                self.load(connection, &mut index, "1", vectors)?;
                if state.writing {
                    // Rows may have been stored since the blocks were.
                    self.repair(connection, &mut index)?;
                }
                state.all_touched = state.writing;
                state.index = Some(index);
                state.columns = None;
            }
            Some(index) => {
                let mut condition = format!("generation > {known}");
                if state.rolled_back {
                    let numbers: Vec<u32> = state.touched.iter().copied().collect();
                    index.load_blocks(&numbers, |_| Ok::<_, Error>(Vec::new()))?;
                    let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
                    condition.push_str(&format!(" OR number IN ({})", list.join(", ")));
                }
                if state.rolled_back || generation != known {
                    let loaded = self.load(connection, index, &condition, vectors)?;
                    match loaded {
                        Some(numbers) if state.columns.is_some() => {
                            let ids: Vec<i64> =
                                numbers.iter().flat_map(|n| index.block_ids(*n)).collect();
                            self.read_cells(connection, state, &ids)?;
                        }
                        Some(_) => {}
                        None => state.columns = None,
                    }
                }
            }
        }
        state.generation = generation;
        state.rolled_back = false;
        if !state.writing {
            state.touched.clear();
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
        if index.len() as i64 == vectors {
            Ok(Some(numbers))
        } else {
            self.repair(connection, index).map(|()| None)
        }
    }

    /// Makes the index agree with the vectors, whatever blocks were lost.
    pub(super) fn repair(&self, connection: &Connection, index: &mut Index) -> Result<()> {
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

    /// The index as it is stored, and the slots of the chosen rows where the columns in memory choose.
    pub(super) fn current<'a>(
        &self,
        connection: &Connection,
        state: &'a mut IndexState,
        chosen: &RowFilter,
    ) -> Result<(&'a Index, Option<Vec<u64>>)> {
        self.refresh(connection, state)?;
        let Some(index) = &state.index else {
            return Err(error("the index is not there; open the database anew"));
        };
        let RowFilter::Passing(conditions) = chosen else {
            return Ok((index, None));
        };
        if state.columns.is_none() {
            state.columns = Some(self.read_columns(connection, index)?);
        }
        let columns = state.columns.as_ref();
        let bits = columns.map(|c| c.bits(index.slots(), conditions));
        Ok((index, bits))
    }

    /// Takes note of the values that a row has now, as they are stored.
    pub(super) fn note(
        &self,
        connection: &Connection,
        state: &mut IndexState,
        id: i64,
    ) -> Result<()> {
        state.touch(id);
        self.read_cells(connection, state, &[id])
    }

    /// Reads the cells of these rows.
    pub(super) fn read_cells(
        &self,
        connection: &Connection,
        state: &mut IndexState,
        ids: &[i64],
    ) -> Result<()> {
        let (Some(index), Some(columns)) = (&state.index, &mut state.columns) else {
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
}
