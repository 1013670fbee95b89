//! What a table of vectors is told to do: `INSERT INTO v(v) VALUES('rebuild')` and others.

use lumos_core::sql::{identifier, literal};
use lumos_core::vector::index::Index;

use super::store::Store;
use crate::error::{Result, error};
use crate::host::check_interrupt;
use crate::locks::locked;

impl Store {
    /// `INSERT INTO v(v) VALUES('rebuild')` and others.
    pub fn command(&self, command: &str, rowid: Option<i64>) -> Result<()> {
        let content = self.definition.content.is_some();
        match command.to_lowercase().as_str() {
            "delete" if content => match rowid {
                Some(id) => self.leave_out(id),
                None => Err(error(
                    "'delete' needs the rowid of the row; write INSERT INTO v(v, rowid) VALUES('delete', old.id)",
                )),
            },
            "rebuild" => self.rebuild(),
            "optimize" => {
                let connection = self.connection()?;
                let state = self.to_write(&connection)?;
                let worth = state.index.as_ref().is_some_and(Index::wants_rebuild);
                drop(state);
                if worth { self.rebuild() } else { Ok(()) }
            }
            "verify" => self.verify(),
            _ => Err(error(format!(
                "unknown command {}; the commands are 'optimize', 'rebuild' and 'verify'",
                literal(command)
            ))),
        }
    }

    /// Makes the index anew from the vectors, a graph too where the table has one. Until then the old one stays in memory.
    pub(super) fn rebuild(&self) -> Result<()> {
        let connection = self.connection()?;
        let mut state = self.to_write(&connection)?;
        let mut index = self.definition.index()?;
        self.each_vector(&connection, &mut |id, vector| {
            let inserted = index.insert(id, vector);
            inserted.map_err(|e| error(format!("row {id}: {e}")))?;
            Ok(())
        })?;
        index.link(state.generation as u64 + 1, || check_interrupt(&connection))?;
        connection.execute_batch(&format!(
            "DELETE FROM {}; UPDATE {} SET rebuilt = generation + 1, vectors = {}, generation = generation + 1",
            self.shadow("blocks"),
            self.shadow("meta"),
            index.len()
        ))?;
        state.index = Some(index);
        state.columns = None;
        state.generation += 1;
        state.all_touched = true;
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
            let so = match self.definition.content {
                Some(_) => "rows may be missed until",
                None => "answers are right all the same, and",
            };
            Err(error(format!(
                "{what}; {so} INSERT INTO {0}({0}) VALUES('rebuild') makes the index anew",
                identifier(&locked(&self.name))
            )))
        };
        if let Some((_, e)) = refused.first() {
            return wrong(e.to_string());
        }
        if index.lacks_graph() {
            return wrong("the index's graph is missing".into());
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
}
