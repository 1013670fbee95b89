//! What the mirror's own tables say of the tables that it has.

use lumos_core::changelog::{Column, Key, stored};
use lumos_core::mirror::MirrorType;
use lumos_duckdb::engine::{Connection as DuckDb, Value};

use crate::error::{Error, Result, error};
use crate::mirror::{cold_rows, names};

/// A table of the mirror, as `_lumos.tables` has it.
#[derive(Debug, Clone)]
pub struct MirrorRecord {
    /// Its id in the changelog.
    pub id: i64,
    /// Its name here.
    pub name: String,
    /// The source's CREATE statement; empty for a table that is to be copied again.
    pub schema: String,
    /// The types of its columns.
    pub types: Vec<MirrorType>,
    /// The source's schema version when the table was last compared with it.
    pub schema_version: i64,
    /// Its key.
    pub key: Key,
    /// The columns of the source's table.
    pub columns: Vec<Column>,
    /// Where the source's schema had it.
    pub place: String,
    /// [`Position::rowids`] when it was copied.
    pub rowids: i64,
    /// Some of its rows are in files.
    pub is_tiered: bool,
}

impl MirrorRecord {
    /// The statements that remove the table, and have its files forgotten.
    pub fn drop_statements(&self) -> String {
        let drops = names::drop_statements(&self.name);
        if self.is_tiered {
            drops + &cold_rows::forget_statements(self.id, &self.name)
        } else {
            drops
        }
    }
}

/// The tables that the mirror has.
pub fn mirrored_tables(duckdb: &DuckDb) -> Result<Vec<MirrorRecord>> {
    let mut tables = Vec::new();
    for row in duckdb.rows("SELECT id, name, schema, types, schema_version, key, columns, place, rowids, \
         CAST(id IN (SELECT f.id FROM _lumos.files f WHERE f.state = 'live') AS BIGINT) FROM _lumos.tables ORDER BY id",
    )? {
        let [
            Value::Integer(id),
            Value::Text(name),
            Value::Text(schema),
            Value::Text(types),
            Value::Integer(version),
            Value::Text(key),
            Value::Text(columns),
            Value::Text(place),
            Value::Integer(rowids),
            Value::Integer(is_tiered),
        ] = row.as_slice()
        else {
            return Err(damaged());
        };
        let names: Vec<String> = serde_json::from_str(types).map_err(|_| damaged())?;
        tables.push(MirrorRecord {
            id: *id,
            name: name.clone(),
            schema: schema.clone(),
            types: names
                .iter()
                .map(|n| MirrorType::from_name(n))
                .collect::<Option<_>>()
                .ok_or_else(damaged)?,
            schema_version: *version,
            key: stored::parse_key(key).map_err(|_| damaged())?,
            columns: stored::parse_columns(columns).ok_or_else(damaged)?,
            place: place.clone(),
            rowids: *rowids,
            is_tiered: *is_tiered != 0,
        });
    }
    Ok(tables)
}

/// The names of the tables that the mirror has.
pub fn mirrored_names(duckdb: &DuckDb) -> Result<Vec<String>> {
    Ok(mirrored_tables(duckdb)?
        .into_iter()
        .map(|t| t.name)
        .collect())
}

pub(super) fn damaged() -> Error {
    error("the mirror's own tables are damaged; detach, remove the file and attach again")
}
