//! The rows of a table that lie in files: what queries see of them, and how they are hidden once they change.

use lumos_core::changelog::{Key, ROWID_COLUMN};
use lumos_core::mirror::MirrorType;
use lumos_core::sql::{identifier, literal};
use lumos_duckdb::engine::Connection as DuckDb;

use crate::error::Result;
use crate::mirror::names::{self, CATALOG};

/// The view of the rows in files.
pub fn view(name: &str) -> String {
    format!("{CATALOG}._lumos_cold.{}", identifier(name))
}

/// The table of the keys whose rows in files are none any more.
pub fn gone(name: &str) -> String {
    format!("{CATALOG}._lumos_gone.{}", identifier(name))
}

/// A table's columns and key, as the mirror has them.
pub struct Shape {
    /// The table's name.
    pub name: String,
    /// Its columns, the hidden rowid first.
    pub columns: Vec<String>,
    /// Their types.
    pub types: Vec<MirrorType>,
    /// Which of them are the key.
    pub key: Vec<usize>,
}

impl Shape {
    /// The shape of a table with this key.
    pub fn read(duckdb: &DuckDb, name: &str, types: &[MirrorType], key: &Key) -> Result<Shape> {
        let columns = names::columns(duckdb, name)?;
        let named = key.mirror_columns();
        Ok(Shape {
            name: name.to_owned(),
            key: named
                .iter()
                .filter_map(|k| columns.iter().position(|c| c == k))
                .collect(),
            columns,
            types: types.to_vec(),
        })
    }

    /// The type of a column, and its name as the mirror has it.
    pub fn column(&self, name: &str) -> Option<(&str, MirrorType)> {
        let i = self
            .columns
            .iter()
            .position(|c| c.eq_ignore_ascii_case(name) && c != ROWID_COLUMN)?;
        Some((&self.columns[i], self.types[i]))
    }

    /// The columns of the key, quoted.
    pub fn key_columns(&self) -> Vec<String> {
        self.key
            .iter()
            .map(|i| identifier(&self.columns[*i]))
            .collect()
    }

    /// A SELECT of the rows in these files that are not gone.
    pub fn select(&self, paths: &[&str]) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .zip(&self.types)
            .map(|(c, t)| format!("CAST(c.{0} AS {1}) AS {0}", identifier(c), t.sql()))
            .collect();
        // Named without the catalog, so that it works under whatever name the file is attached elsewhere.
        format!(
            "SELECT {} FROM {} c ANTI JOIN _lumos_gone.{} g ON {}",
            columns.join(", "),
            read(paths),
            identifier(&self.name),
            self.is_gone()
        )
    }

    /// The condition that a row `c` is the one of the key `g`.
    pub fn is_gone(&self) -> String {
        let equal: Vec<String> = self
            .key_columns()
            .iter()
            .enumerate()
            .map(|(i, c)| format!("c.{c} = g.k{i}"))
            .collect();
        equal.join(" AND ")
    }

    /// The statements that show queries these files beside the mirrored rows, or these rows alone.
    pub fn views(&self, paths: &[&str]) -> String {
        let visible: Vec<String> = self
            .columns
            .iter()
            .filter(|c| *c != ROWID_COLUMN)
            .map(|c| identifier(c))
            .collect();
        let (name, visible) = (identifier(&self.name), visible.join(", "));
        let hot = format!(
            "CREATE OR REPLACE VIEW {CATALOG}.main.{name} AS SELECT {visible} FROM {}.{name}",
            names::DATA
        );
        if paths.is_empty() {
            format!("{hot}; {}", drop_statements(&self.name))
        } else {
            format!(
                "CREATE OR REPLACE VIEW {} AS {}; \
                 {hot} UNION ALL BY NAME SELECT {visible} FROM _lumos_cold.{name}",
                view(&self.name),
                self.select(paths)
            )
        }
    }

    /// The statement that makes the table of gone keys, empty.
    pub fn create_gone(&self) -> String {
        format!(
            "CREATE OR REPLACE TABLE {}({})",
            gone(&self.name),
            names::key_columns(&self.key, &self.types)
        )
    }
}

/// What stands after FROM to read files as they are.
pub fn read(paths: &[&str]) -> String {
    let paths: Vec<String> = paths.iter().map(|p| literal(p)).collect();
    format!(
        "read_parquet([{}], hive_partitioning = false)",
        paths.join(", ")
    )
}

/// The statements that remove what makes a table's rows in files seen.
pub fn drop_statements(name: &str) -> String {
    format!(
        "DROP VIEW IF EXISTS {}; DROP TABLE IF EXISTS {};",
        view(name),
        gone(name)
    )
}

/// The statements that have a table with this id forget its files; [`super::cold_files::sweep`] removes them later.
pub fn forget_statements(id: i64, name: &str) -> String {
    format!(
        "{} UPDATE _lumos.files SET state = 'old' WHERE id = {id};",
        drop_statements(name)
    )
}

/// The statement that hides the rows in files whose keys are in the table `keys`, with columns `k0`, `k1` and so on.
/// The files are not read for it: a key between the ends of one may be in it. Hiding what is not there does no harm.
pub fn hide(id: i64, name: &str, keys: &str, key: &[MirrorType]) -> String {
    let same: Vec<String> = (0..key.len()).map(|i| format!("k.k{i} = g.k{i}")).collect();
    let ty = key.first().map(|t| t.sql()).unwrap_or_default();
    let gone = gone(name);
    format!(
        "INSERT INTO {gone} SELECT DISTINCT k.* FROM {keys} k ANTI JOIN {gone} g ON {} \
         WHERE EXISTS(SELECT 1 FROM _lumos.files f WHERE f.id = {id} AND f.state = 'live' \
         AND k.k0 >= CAST(f.first_key AS {ty}) AND k.k0 <= CAST(f.last_key AS {ty}))",
        same.join(" AND ")
    )
}
