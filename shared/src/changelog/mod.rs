//! The changelog inside SQLite: which key a table is tracked by, and the triggers that log touched keys.
//!
//! The log says which keys were touched, not what happened to their rows; applying it re-reads the rows. So a
//! key too many is harmless, a key too few is a lost change. Bodies hold plain SQL only: a function that a
//! writer without the extension lacks would break its every write.

mod evolution;
mod index;
mod shadow;
pub mod stored;
pub mod tracking_options;
mod triggers;

pub use evolution::Evolution;
pub use index::{generated_expressions, may_have_been_added};
pub use shadow::Shadow;
pub use tracking_options::{KeyChoice, TrackingOptions};
pub use triggers::{UNFORESEEN, watched};

use crate::sql::identifier;
use crate::{Error, Result};

/// A table of SQLite, as its pragmas describe it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Its name as declared.
    pub name: String,
    /// Columns in order, generated ones included.
    pub columns: Vec<Column>,
    /// True for WITHOUT ROWID.
    pub without_rowid: bool,
    /// Its UNIQUE indexes, that of the primary key included, except the rowid.
    pub uniques: Vec<Unique>,
    /// The expressions of its generated columns, as written.
    pub generated: Vec<String>,
}

/// A column of SQLite.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The declared type, as written.
    pub declared: String,
    /// Declared NOT NULL.
    pub not_null: bool,
    /// The DEFAULT expression.
    pub default: Option<String>,
    /// Position in the primary key from 1, or 0.
    pub pk: usize,
    /// Computed from other columns.
    pub generated: bool,
}

/// A UNIQUE index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unique {
    /// Its name.
    pub name: String,
    /// The columns; `None` for an expression.
    pub columns: Vec<Option<String>>,
    /// How each of them compares: the name of a collation.
    pub collations: Vec<String>,
    /// It is the PRIMARY KEY's.
    pub primary: bool,
    /// Has a WHERE clause.
    pub partial: bool,
    /// The CREATE INDEX statement, if it is not part of the table's.
    pub sql: Option<String>,
}

/// What identifies a row for the changelog and the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// These columns.
    Columns(Vec<String>),
    /// The rowid, under this one of its names. VACUUM may change it.
    Rowid(&'static str),
}

/// The mirror's column for the key of a table tracked by rowid.
pub const ROWID_COLUMN: &str = "_lumos_rowid";

/// The most key columns; the log has `k1` to `k<this>`, added when first needed.
pub const MAX_KEY_COLUMNS: usize = 16;

impl Key {
    /// The key's columns as the mirror names them.
    pub fn mirror_columns(&self) -> Vec<String> {
        match self {
            Key::Columns(columns) => columns.clone(),
            Key::Rowid(_) => vec![ROWID_COLUMN.to_owned()],
        }
    }

    /// The key's columns as people name them.
    pub fn names(&self) -> Vec<String> {
        match self {
            Key::Columns(columns) => columns.clone(),
            Key::Rowid(name) => vec![(*name).to_owned()],
        }
    }

    /// The key's columns as SQLite names them, quoted.
    pub fn source_columns(&self) -> Vec<String> {
        match self {
            Key::Columns(columns) => columns.iter().map(|c| identifier(c)).collect(),
            Key::Rowid(name) => vec![(*name).to_owned()],
        }
    }
}

impl Table {
    /// The INTEGER PRIMARY KEY column, which is the rowid under another name.
    fn rowid_alias(&self) -> Option<&Column> {
        let mut pk = self.columns.iter().filter(|c| c.pk > 0);
        match (pk.next(), pk.next()) {
            (Some(c), None)
                if !self.without_rowid && c.declared.eq_ignore_ascii_case("INTEGER") =>
            {
                // `INTEGER PRIMARY KEY DESC` is not the rowid; then the key has an index of its own.
                (!self.uniques.iter().any(|u| u.primary)).then_some(c)
            }
            _ => None,
        }
    }

    /// A name that means the rowid, if no column has taken all of them.
    fn rowid_name(&self) -> Option<&'static str> {
        let taken = |name: &str| {
            self.columns
                .iter()
                .any(|c| c.name.eq_ignore_ascii_case(name))
        };
        ["rowid", "_rowid_", "oid"]
            .into_iter()
            .find(|name| !taken(name))
    }

    /// The columns that identify a row, in the order of preference: the rowid under its declared name, the primary
    /// key, and UNIQUE constraints, of which no column can be NULL.
    fn keys(&self) -> Vec<Vec<String>> {
        if let Some(column) = self.rowid_alias() {
            let mut keys = vec![vec![column.name.clone()]];
            keys.extend(self.unique_keys());
            return keys;
        }
        let mut pk: Vec<&Column> = self.columns.iter().filter(|c| c.pk > 0).collect();
        pk.sort_by_key(|c| c.pk);
        let mut keys = Vec::new();
        if !pk.is_empty() && (self.without_rowid || pk.iter().all(|c| c.not_null)) {
            keys.push(pk.iter().map(|c| c.name.clone()).collect());
        }
        keys.extend(
            self.unique_keys()
                .filter(|k| !keys.contains(k))
                .collect::<Vec<_>>(),
        );
        keys
    }

    fn unique_keys(&self) -> impl Iterator<Item = Vec<String>> {
        let not_null = |name: &String| self.columns.iter().any(|c| c.name == *name && c.not_null);
        self.uniques
            .iter()
            .filter(|u| !u.partial)
            .filter_map(move |u| {
                let columns: Option<Vec<String>> = u.columns.iter().cloned().collect();
                columns.filter(|c| c.iter().all(not_null))
            })
    }

    /// The key to track by. Errors if the table has no such key, or none at all.
    pub fn key(&self, choice: &KeyChoice) -> Result<Key> {
        let keys = self.keys();
        if let KeyChoice::Columns(columns) = choice {
            let same = |key: &&Vec<String>| {
                key.len() == columns.len()
                    && columns
                        .iter()
                        .all(|c| key.iter().any(|k| k.eq_ignore_ascii_case(c)))
            };
            return match keys.iter().find(same) {
                Some(key) => self.checked(key.clone()),
                None => Err(self.no_such_key(columns, &keys)),
            };
        }
        let own = keys.into_iter().find(|k| k.len() <= MAX_KEY_COLUMNS);
        match (own, self.rowid_name()) {
            (Some(key), _) => Ok(Key::Columns(key)),
            (None, Some(name)) if !self.without_rowid => Ok(Key::Rowid(name)),
            _ if self.without_rowid => Err(Error::new(format!(
                "the key of table \"{}\" has more than {MAX_KEY_COLUMNS} columns; give it a UNIQUE constraint of fewer NOT NULL columns",
                self.name
            ))),
            _ => Err(Error::new(format!(
                "table \"{}\" has no usable key (INTEGER PRIMARY KEY, or a primary key or UNIQUE constraint of NOT NULL columns), \
                 and columns named rowid, _rowid_ and oid, so that its rowid has no name left; rename one",
                self.name
            ))),
        }
    }

    fn no_such_key(&self, wanted: &[String], keys: &[Vec<String>]) -> Error {
        let shown = |columns: &[String]| serde_json::json!(columns).to_string();
        let mut possible: Vec<String> = keys.iter().map(|k| shown(k)).collect();
        if possible.is_empty() {
            possible.push("\"rowid\"".into());
        }
        Error::new(format!(
            "table \"{}\" has no PRIMARY KEY or UNIQUE constraint of exactly the columns {}, all NOT NULL; key can be {}",
            self.name,
            shown(wanted),
            possible.join(" or ")
        ))
    }

    fn checked(&self, columns: Vec<String>) -> Result<Key> {
        match columns.len() {
            n if n > MAX_KEY_COLUMNS => Err(Error::new(format!(
                "the key of table \"{}\" has {n} columns, more than {MAX_KEY_COLUMNS}; give another key",
                self.name
            ))),
            _ => Ok(Key::Columns(columns)),
        }
    }

    /// The terms that order rows as SQLite stores them, so that reading them in this order costs nothing. Without ORDER BY it
    /// may read an index that has all columns.
    pub fn stored_order(&self) -> Vec<String> {
        let primary = self.uniques.iter().find(|u| u.primary);
        match (self.without_rowid, primary) {
            (false, _) => {
                let alias = self.rowid_alias().map(|c| identifier(&c.name));
                let name = self.rowid_name().map(str::to_owned);
                alias.or(name).into_iter().collect()
            }
            (true, None) => Vec::new(),
            (true, Some(primary)) => {
                let columns = primary.columns.iter().flatten();
                columns
                    .zip(&primary.collations)
                    .map(|(c, collation)| {
                        format!("{} COLLATE {}", identifier(c), identifier(collation))
                    })
                    .collect()
            }
        }
    }

    /// The SELECT that reads the keys in these rows of the log, of which those after `?1` up to `?2` are meant, each
    /// once, in their order.
    pub fn changed_keys(&self, id: i64, key: &Key, rows: &LogRows) -> String {
        let keys: Vec<String> = (1..=key.source_columns().len())
            .map(|i| format!("k{i}"))
            .collect();
        let keys = keys.join(", ");
        format!(
            "SELECT DISTINCT {keys} FROM main._lumos_log WHERE {} AND tbl = {id} ORDER BY {keys}",
            rows.condition()
        )
    }

    /// The SELECT that reads the rows of the keys of [`Self::changed_keys`]: first the key from the log, then 1 if the
    /// row exists, then these values of the row, which is `t`.
    pub fn changed_rows(&self, id: i64, key: &Key, rows: &LogRows, values: &[String]) -> String {
        let source = key.source_columns();
        let logged: Vec<String> = (1..=source.len()).map(|i| format!("l.k{i}")).collect();
        // Both comparisons: the first finds the row by the index whatever its collation, the second wants the same bytes.
        let matches: Vec<String> = source
            .iter()
            .zip(&logged)
            .map(|(c, k)| format!("t.{c} = {k} AND t.{c} COLLATE BINARY = {k}"))
            .collect();
        format!(
            "SELECT {}, t.{} IS NOT NULL, {} FROM ({}) l LEFT JOIN main.{} t ON {}",
            logged.join(", "),
            source[0],
            values.join(", "),
            self.changed_keys(id, key, rows),
            identifier(&self.name),
            matches.join(" AND ")
        )
    }
}

/// How the rows of the log are found that name a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogRows {
    /// All after `?1` up to `?2` are read.
    Between,
    /// Their numbers, with commas.
    Numbers(String),
}

impl LogRows {
    fn condition(&self) -> String {
        match self {
            LogRows::Between => "seq > ?1 AND seq <= ?2".into(),
            // The sign keeps SQLite from reading all between.
            LogRows::Numbers(numbers) => format!("seq IN ({numbers}) AND +seq > ?1 AND +seq <= ?2"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, declared: &str, pk: usize, not_null: bool) -> Column {
        Column {
            name: name.into(),
            declared: declared.into(),
            not_null,
            pk,
            ..Column::default()
        }
    }

    fn unique(columns: &[&str]) -> Unique {
        Unique {
            name: "u".into(),
            columns: columns.iter().map(|c| Some((*c).into())).collect(),
            ..Unique::default()
        }
    }

    #[test]
    fn rows_are_read_as_they_are_stored() {
        let pair = vec![column("a", "TEXT", 2, true), column("b", "TEXT", 1, true)];
        let primary = Unique {
            primary: true,
            collations: vec!["NOCASE".into(), "BINARY".into()],
            ..unique(&["b", "a"])
        };
        let table = |columns: &[Column], without_rowid| Table {
            name: "t".into(),
            columns: columns.to_vec(),
            uniques: vec![primary.clone()],
            without_rowid,
            ..Table::default()
        };
        let stored = "\"b\" COLLATE \"NOCASE\", \"a\" COLLATE \"BINARY\"";
        assert_eq!(table(&pair, true).stored_order().join(", "), stored);
        assert_eq!(table(&pair, false).stored_order(), ["rowid"]);
        let alias = Table {
            columns: vec![column("i d", "INTEGER", 1, false)],
            ..Table::default()
        };
        assert_eq!(alias.stored_order(), ["\"i d\""]);
    }

    #[test]
    fn the_key_is_the_first_that_cannot_be_null() {
        let table = |columns, uniques, without_rowid| Table {
            name: "t".into(),
            columns,
            uniques,
            without_rowid,
            generated: vec![],
        };
        let key = |t: &Table| {
            t.key(&KeyChoice::Any)
                .map(|k| k.mirror_columns().join(","))
                .map_err(|e| e.to_string())
        };
        assert_eq!(
            key(&table(
                vec![column("id", "INTEGER", 1, false)],
                vec![],
                false
            )),
            Ok("id".into())
        );
        // Only INTEGER is the rowid: INT and text keys accept NULL unless NOT NULL is said.
        assert_eq!(
            key(&table(
                vec![column("id", "INT", 1, false)],
                vec![unique(&["id"])],
                false
            )),
            Ok(ROWID_COLUMN.into())
        );
        assert_eq!(
            key(&table(
                vec![column("id", "INT", 1, true)],
                vec![unique(&["id"])],
                false
            )),
            Ok("id".into())
        );
        let pair = vec![column("b", "TEXT", 2, true), column("a", "TEXT", 1, true)];
        assert_eq!(
            key(&table(pair, vec![unique(&["a", "b"])], true)),
            Ok("a,b".into())
        );
        let loose = vec![column("a", "TEXT", 0, false), column("b", "TEXT", 0, true)];
        assert_eq!(
            key(&table(
                loose.clone(),
                vec![unique(&["a"]), unique(&["b"])],
                false
            )),
            Ok("b".into())
        );
        // Without one, the rowid.
        let bare = table(vec![column("a", "TEXT", 0, false)], vec![], false);
        assert_eq!(bare.key(&KeyChoice::Any), Ok(Key::Rowid("rowid")));
        assert_eq!(bare.key(&KeyChoice::Rowid), Ok(Key::Rowid("rowid")));
        assert_eq!(
            table(vec![column("ROWID", "TEXT", 0, false)], vec![], false).key(&KeyChoice::Rowid),
            Ok(Key::Rowid("_rowid_"))
        );
    }
}
