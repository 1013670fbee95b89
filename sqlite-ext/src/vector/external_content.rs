//! Tables of vectors over the rows of another table, as with FTS5: `content='docs', content_rowid='id'`.
//!
//! `v_rows` and `v_vectors` are views of that table then, so that what reads them is the same. Only the index is
//! stored, and it changes when it is told to: by a row's id, from triggers of that table, or by `rebuild`.

use lumos_core::sql::{identifier, literal};
use lumos_core::vector::table::{Content, Role};
use rusqlite::OptionalExtension;

use super::store::Store;
use crate::error::{Result, error};

/// The endings of the names of the views.
const VIEWS: [&str; 2] = ["rows", "vectors"];

impl Store {
    /// Makes the views, and the index over the rows that are there.
    pub fn create_over(&self, content: &Content) -> Result<()> {
        let [rows, vectors] = VIEWS.map(|s| self.shadow(s));
        let column = |name: &str| format!("c.{}", identifier(name));
        let kept: String = self
            .kept()
            .into_iter()
            .map(|i| &self.definition.columns[i].name)
            .map(|name| format!(", {} AS {}", column(name), identifier(name)))
            .collect();
        let place = self.definition.find(Role::Vector).unwrap_or(0);
        let vector = column(&self.definition.columns[place].name);
        let (rowid, table) = (column(&content.rowid), identifier(&content.table));
        let connection = self.connection()?;
        connection.execute_batch(&format!(
            "CREATE VIEW {rows} AS SELECT {rowid} AS _id{kept} FROM {table} c;
             CREATE VIEW {vectors} AS SELECT {rowid} AS id, {vector} AS vector FROM {table} c WHERE {vector} IS NOT NULL;"
        ))?;
        // Names that are not there are found when a view is read.
        connection.prepare(&format!("SELECT {} LIMIT 0", self.select(true)))?;
        self.rebuild()
    }

    /// Drops the views.
    pub fn destroy_views(&self) -> Result<()> {
        let drops = VIEWS.map(|s| format!("DROP VIEW IF EXISTS {};", self.shadow(s)));
        Ok(self.connection()?.execute_batch(&drops.concat())?)
    }

    /// Makes the views anew under the names that begin with this one.
    pub fn rename_views(&self, name: &str) -> Result<()> {
        let connection = self.connection()?;
        for suffix in VIEWS {
            let (schema, old) = self.shadow_parts(suffix);
            // Not by the definition: the other table may have been renamed since, which SQLite follows in views.
            let sql = format!(
                "SELECT sql FROM {}.sqlite_schema WHERE type = 'view' AND lower(name) = lower({})",
                identifier(&schema),
                literal(&old)
            );
            let sql: Option<String> = connection
                .query_row(&sql, [], |row| row.get(0))
                .optional()?;
            let head = format!("CREATE VIEW {} AS", identifier(&old));
            let body = sql.as_deref().and_then(|sql| sql.strip_prefix(&head));
            let body = body.ok_or_else(|| {
                error(format!(
                    "the view {old} is not as it was made; drop the table and create it anew"
                ))
            })?;
            let new = format!(
                "{}.{}",
                identifier(&schema),
                identifier(&format!("{name}_{suffix}"))
            );
            connection.execute_batch(&format!(
                "DROP VIEW {}; CREATE VIEW {new} AS{body}",
                self.shadow(suffix)
            ))?;
        }
        Ok(())
    }

    /// Brings the index to what the other table has in this row.
    pub fn follow(&self, id: i64) -> Result<()> {
        let connection = self.connection()?;
        let mut state = self.to_write(&connection)?;
        let mut found = None;
        self.vectors(&connection, &[id], &mut |_, vector| {
            found = Some(vector.to_vec());
            Ok(())
        })?;
        match found {
            Some(vector) => {
                self.check(&vector)?;
                state.insert(id, &vector)
            }
            None => {
                state.remove(id);
                Ok(())
            }
        }
    }

    /// Takes a row out of the index, whatever the other table has.
    pub fn leave_out(&self, id: i64) -> Result<()> {
        let connection = self.connection()?;
        self.to_write(&connection)?.remove(id);
        Ok(())
    }
}
