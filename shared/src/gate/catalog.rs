//! The tables of a DuckDB database as the gate needs them: one SELECT reads them, in the caller's transaction.

use crate::{Param, Type, ValueRef};

/// A table or view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// True if it is found by its name alone.
    pub current: bool,
    /// True for a temporary one, which hides others of the same name.
    pub temporary: bool,
    /// Names and types of its columns, in order.
    pub columns: Vec<(String, String)>,
    /// The CREATE VIEW of a view.
    pub view: Option<String>,
}

/// The tables and views of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// In no order.
    pub tables: Vec<Table>,
}

impl Schema {
    /// What a name means, with the schema or an empty text before it. Names are the same in any case.
    pub fn find(&self, schema: &str, name: &str) -> Option<&Table> {
        let lower = |text: &str| text.to_lowercase();
        let (schema, name) = (lower(schema), lower(name));
        let is_meant = |table: &&Table| {
            lower(&table.name) == name
                && match schema.as_str() {
                    "" => table.current || table.temporary,
                    schema => lower(&table.schema) == schema && !table.temporary,
                }
        };
        let mut meant = self.tables.iter().filter(is_meant);
        let first = meant.next();
        meant.find(|table| table.temporary).or(first)
    }
}

/// Reads the tables of the caller's database.
pub const READ: &str = "SELECT c.schema_name, c.table_name, CAST(c.schema_name = current_schema() AS BIGINT), \
     CAST(c.database_name = 'temp' AS BIGINT), CAST(c.column_index AS BIGINT), c.column_name, c.data_type, v.sql \
     FROM duckdb_columns() c LEFT JOIN duckdb_views() v ON v.view_oid = c.table_oid AND v.database_name = c.database_name \
     AND v.view_name = c.table_name \
     WHERE NOT c.internal AND c.database_name IN (current_database(), 'temp') \
     UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL";

/// The columns of [`READ`]. The row of NULLs is there so that a database without tables has a row.
pub const INPUT: &[Param] = &[
    Param::optional("schema_name", Type::Text),
    Param::optional("table_name", Type::Text),
    Param::optional("is_current", Type::Integer),
    Param::optional("is_temporary", Type::Integer),
    Param::optional("position", Type::Integer),
    Param::optional("column_name", Type::Text),
    Param::optional("column_type", Type::Text),
    Param::optional("view_sql", Type::Text),
];

/// What is read of a database by [`READ`], in whichever order.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// True once there was a row.
    pub any: bool,
    columns: Vec<(String, i64, String, String, Table)>,
}

impl Rows {
    /// Takes a row.
    pub fn row(&mut self, row: &[ValueRef<'_>]) {
        self.any = true;
        let [schema, name, current, temporary, position, column, ty, view] = row else {
            return;
        };
        let text = |value: &ValueRef<'_>| match value {
            ValueRef::Text(text) => (*text).to_owned(),
            _ => String::new(),
        };
        let (ValueRef::Text(table), ValueRef::Integer(position)) = (name, position) else {
            return;
        };
        let table = Table {
            schema: text(schema),
            name: (*table).to_owned(),
            current: *current == ValueRef::Integer(1),
            temporary: *temporary == ValueRef::Integer(1),
            columns: Vec::new(),
            view: Some(text(view)).filter(|sql| !sql.is_empty()),
        };
        let key = format!("{}\0{}\0{}", table.temporary, table.schema, table.name);
        self.columns
            .push((key, *position, text(column), text(ty), table));
    }

    /// Takes over what another thread has read.
    pub fn merge(&mut self, other: &Rows) {
        self.any |= other.any;
        self.columns.extend(other.columns.iter().cloned());
    }

    /// The tables.
    pub fn schema(&self) -> Schema {
        let mut rows: Vec<_> = self.columns.iter().collect();
        rows.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        let mut schema = Schema::default();
        let mut last = None;
        for (key, _, column, ty, table) in rows {
            if last != Some(key) {
                schema.tables.push(table.clone());
                last = Some(key);
            }
            if let Some(table) = schema.tables.last_mut() {
                table.columns.push((column.clone(), ty.clone()));
            }
        }
        schema
    }
}
