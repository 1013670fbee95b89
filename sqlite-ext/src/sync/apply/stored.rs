//! What a run writes down in the mirror of its tables.

use lumos_core::changelog::stored;
use lumos_core::sql::literal;
use serde_json::json;

use super::Run;
use crate::error::Result;
use crate::mirror::column_map::ColumnMap;
use crate::mirror::records::MirrorRecord;
use crate::mirror::state::AppliedTable;
use crate::sync::Report;

impl Run<'_> {
    /// Writes down in the mirror the types of a table.
    pub(super) fn store_types(&self, table: &AppliedTable) -> Result<()> {
        self.duckdb.execute(&format!(
            "UPDATE _lumos.tables SET types = {} WHERE id = {}",
            literal(&types_json(&table.mirrored)),
            table.id
        ))?;
        Ok(())
    }

    /// Writes down what the mirror has of a table, with all others by [`Self::store_all`].
    pub(super) fn store(&self, table: &AppliedTable, schema: &str, place: &str) {
        let row = format!(
            "({}, {}, {}, {}, {}, {}, {}, {}, {})",
            table.id,
            literal(table.name()),
            literal(schema),
            literal(&types_json(&table.mirrored)),
            self.watermark.schema_version,
            literal(&stored::key_json(&table.key)),
            literal(&stored::columns_json(&table.definition.columns)),
            literal(place),
            self.rowids.get(),
        );
        self.stored.borrow_mut().insert(table.id, row);
    }

    /// Writes to the mirror what was written down; `unchanged` tables only were compared once more.
    pub(super) fn store_all(&self, unchanged: &[i64]) -> Result<()> {
        let list = |ids: &mut dyn Iterator<Item = &i64>| {
            let ids: Vec<String> = ids.map(i64::to_string).collect();
            ids.join(", ")
        };
        if !unchanged.is_empty() {
            self.duckdb.execute(&format!(
                "UPDATE _lumos.tables SET schema_version = {} WHERE id IN ({})",
                self.watermark.schema_version,
                list(&mut unchanged.iter())
            ))?;
        }
        let stored = std::mem::take(&mut *self.stored.borrow_mut());
        if !stored.is_empty() {
            let rows: Vec<String> = stored.values().cloned().collect();
            self.duckdb.execute(&format!(
                "DELETE FROM _lumos.tables WHERE id IN ({}); \
                 INSERT INTO _lumos.tables(id, name, schema, types, schema_version, key, columns, place, rowids) VALUES {}",
                list(&mut stored.keys()),
                rows.join(", ")
            ))?;
        }
        Ok(())
    }

    /// Removes a mirrored table.
    pub(super) fn forget(&self, table: &MirrorRecord, report: &mut Report) -> Result<()> {
        self.duckdb.execute(&format!(
            "{} DELETE FROM _lumos.tables WHERE id = {}",
            table.drop_statements(),
            table.id
        ))?;
        report.reshaped = true;
        report.changed.push(table.name.clone());
        Ok(())
    }
}

fn types_json(mirrored: &ColumnMap) -> String {
    let types: Vec<String> = mirrored.types.iter().map(|t| t.name()).collect();
    json!(types).to_string()
}
