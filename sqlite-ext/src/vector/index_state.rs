//! What a connection keeps of a table of vectors between statements: the index over it, and what filters need.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, Ordering};

use lumos_core::vector::index::Index;

use super::filter_columns::Columns;
use crate::error::Result;

/// What is kept between statements.
#[derive(Default)]
pub struct IndexState {
    /// The index; none until it is first needed.
    pub index: Option<Index>,
    /// What filters need; read when the first filter comes.
    pub columns: Option<Columns>,
    /// The generation that they are of.
    pub generation: i64,
    /// The generation before the running transaction.
    pub base: i64,
    /// The running transaction writes this table.
    pub writing: bool,
    /// Blocks that it has changed.
    pub touched: BTreeSet<u32>,
    /// It has changed all of them.
    pub all_touched: bool,
    /// Changes were taken back, and are still in memory.
    pub rolled_back: bool,
}

impl IndexState {
    /// Adds a row to the index, or replaces it.
    pub fn insert(&mut self, id: i64, vector: &[f32]) -> Result<()> {
        if let Some(index) = &mut self.index {
            let before = index.slot(id).map(|slot| index.block(slot));
            let slot = index.insert(id, vector)?;
            self.touched.extend(before);
            self.touched.insert(index.block(slot));
        }
        Ok(())
    }

    /// Removes a row from the index.
    pub fn remove(&mut self, id: i64) {
        if let Some(index) = &mut self.index
            && let Some(slot) = index.slot(id)
        {
            self.touched.insert(index.block(slot));
            index.remove(id);
        }
    }

    /// Marks a row whose values changed: its block is written anew, so that other connections see it.
    pub fn touch(&mut self, id: i64) {
        if let Some(index) = &mut self.index
            && let Some(slot) = index.touch(id)
        {
            self.touched.insert(index.block(slot));
        }
    }
}

/// How the last transaction that wrote the table ended, until the memory takes note of it. A rollback outweighs a
/// commit: at worst, blocks are read again that are as they were.
#[derive(Default)]
pub struct Ended(AtomicU8);

impl Ended {
    /// What the transaction changed stays.
    pub const COMMITTED: u8 = 1;
    /// It is taken back.
    pub const ROLLED_BACK: u8 = 2;

    /// Takes note of an end.
    pub fn note(&self, end: u8) {
        self.0.fetch_max(end, Ordering::Relaxed);
    }

    /// Tells the memory, once.
    pub fn tell(&self, state: &mut IndexState) {
        match self.0.swap(0, Ordering::Relaxed) {
            // What it changed stays, except what was taken back to a savepoint.
            Ended::COMMITTED => {
                state.writing = false;
                if !state.rolled_back {
                    state.all_touched = false;
                    state.touched.clear();
                }
            }
            Ended::ROLLED_BACK => {
                state.rolled_back |= state.writing;
                state.writing = false;
            }
            _ => {}
        }
    }
}
