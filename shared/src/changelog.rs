//! The changelog inside SQLite: which key a table is tracked by, and the triggers that log touched keys.
//!
//! The log says which keys were touched, not what happened to their rows; applying it re-reads the rows. So a
//! key too many is harmless, a key too few is a lost change. Bodies hold plain SQL only: a function that a
//! writer without the extension lacks would break its every write.

use crate::sql::{identifier, literal};
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
}

/// A UNIQUE index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unique {
    /// Its name.
    pub name: String,
    /// The columns; `None` for an expression.
    pub columns: Vec<Option<String>>,
    /// Has a WHERE clause.
    pub partial: bool,
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
                let has_index = self
                    .uniques
                    .iter()
                    .any(|u| u.columns.len() == 1 && u.columns[0].as_deref() == Some(&c.name));
                (!has_index).then_some(c)
            }
            _ => None,
        }
    }

    /// The key to track by: the rowid under its declared name, the primary key, or a UNIQUE constraint, of which
    /// no column can be NULL. `by_rowid` takes the bare rowid when there is none of these.
    pub fn key(&self, by_rowid: bool) -> Result<Key> {
        if let Some(column) = self.rowid_alias() {
            return Ok(Key::Columns(vec![column.name.clone()]));
        }
        let mut pk: Vec<&Column> = self.columns.iter().filter(|c| c.pk > 0).collect();
        pk.sort_by_key(|c| c.pk);
        let not_null = |name: &str| self.columns.iter().any(|c| c.name == name && c.not_null);
        if !pk.is_empty() && (self.without_rowid || pk.iter().all(|c| c.not_null)) {
            return self.checked(pk.iter().map(|c| c.name.clone()).collect());
        }
        let unique = self.uniques.iter().filter(|u| !u.partial).find_map(|u| {
            let columns: Option<Vec<String>> = u.columns.iter().cloned().collect();
            columns.filter(|c| c.iter().all(|name| not_null(name)))
        });
        if let Some(columns) = unique {
            return self.checked(columns);
        }
        let free = |name: &&str| {
            !self
                .columns
                .iter()
                .any(|c| c.name.eq_ignore_ascii_case(name))
        };
        match (by_rowid, ["rowid", "_rowid_", "oid"].into_iter().find(free)) {
            (true, Some(name)) => Ok(Key::Rowid(name)),
            (true, None) => Err(Error::new(format!(
                "table \"{}\" has columns named rowid, _rowid_ and oid, so its rowid has no name left; rename one",
                self.name
            ))),
            (false, _) => Err(Error::new(format!(
                "table \"{}\" has no usable key (INTEGER PRIMARY KEY, or a primary key or UNIQUE constraint of NOT NULL columns); \
                 give {{\"key\":\"rowid\"}} to track by rowid",
                self.name
            ))),
        }
    }

    fn checked(&self, columns: Vec<String>) -> Result<Key> {
        match columns.len() {
            n if n > MAX_KEY_COLUMNS => Err(Error::new(format!(
                "the key of table \"{}\" has {n} columns, more than {MAX_KEY_COLUMNS}; give {{\"key\":\"rowid\"}} to track by rowid",
                self.name
            ))),
            _ => Ok(Key::Columns(columns)),
        }
    }

    /// The CREATE TRIGGER statements for the table with this id in the changelog.
    ///
    /// REPLACE removes rows that conflict through any UNIQUE index without firing a delete trigger (unless
    /// `recursive_triggers` is on), so the triggers before a write log the keys about to go. A partial index is
    /// treated as a full one: that logs keys too many.
    pub fn triggers(&self, id: i64, key: &Key) -> Result<Vec<String>> {
        let table = identifier(&self.name);
        let columns = key.source_columns();
        let log_columns: Vec<String> = (1..=columns.len()).map(|i| format!("k{i}")).collect();
        let log = format!(
            "INSERT INTO _lumos_log(tbl, op, {})",
            log_columns.join(", ")
        );
        let of = |row: &str| {
            columns
                .iter()
                .map(|c| format!("{row}.{c}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        // A key column may compare without case; the log needs the bytes.
        let moved = |a: &str, b: &str| {
            let differs: Vec<String> = columns
                .iter()
                .map(|c| format!("{a}{c} COLLATE BINARY IS NOT {b}.{c}"))
                .collect();
            format!("({})", differs.join(" OR "))
        };
        let name = |kind: &str| identifier(&format!("{TRIGGER_PREFIX}{id}_{kind}"));
        let mut triggers = vec![
            format!(
                "CREATE TRIGGER {} AFTER INSERT ON {table} BEGIN {log} VALUES({id}, 1, {}); END",
                name("insert"),
                of("NEW")
            ),
            format!(
                "CREATE TRIGGER {} AFTER DELETE ON {table} BEGIN {log} VALUES({id}, 0, {}); END",
                name("delete"),
                of("OLD")
            ),
            format!(
                "CREATE TRIGGER {} AFTER UPDATE ON {table} BEGIN {log} VALUES({id}, 2, {}); {log} SELECT {id}, 0, {} WHERE {}; END",
                name("update"),
                of("NEW"),
                of("OLD"),
                moved("OLD.", "NEW")
            ),
        ];
        for (i, unique) in self.uniques.iter().enumerate() {
            let Some(names) = unique
                .columns
                .iter()
                .cloned()
                .collect::<Option<Vec<String>>>()
            else {
                return Err(Error::new(format!(
                    "table \"{}\" has the UNIQUE index \"{}\" on an expression, through which REPLACE removes rows unseen; drop the index",
                    self.name, unique.name
                )));
            };
            if *key == Key::Columns(names.clone()) {
                continue;
            }
            let conflicts: Vec<String> = names
                .iter()
                .map(|n| {
                    let column = identifier(n);
                    // Under OR REPLACE a NULL for a NOT NULL column becomes its default after this trigger ran.
                    let default = self
                        .columns
                        .iter()
                        .find(|c| &c.name == n && c.not_null)
                        .and_then(|c| c.default.as_ref());
                    match default {
                        Some(default) => format!("{column} = coalesce(NEW.{column}, {default})"),
                        None => format!("{column} = NEW.{column}"),
                    }
                })
                .collect();
            let conflict = conflicts.join(" AND ");
            let bare = columns.join(", ");
            let other = columns
                .iter()
                .map(|c| format!("{table}.{c} IS NOT OLD.{c}"))
                .collect::<Vec<_>>()
                .join(" OR ");
            triggers.push(format!(
                "CREATE TRIGGER {} BEFORE INSERT ON {table} WHEN EXISTS(SELECT 1 FROM {table} WHERE {conflict}) \
                 BEGIN {log} SELECT {id}, 0, {bare} FROM {table} WHERE {conflict}; END",
                name(&format!("replace{i}"))
            ));
            triggers.push(format!(
                "CREATE TRIGGER {} BEFORE UPDATE ON {table} WHEN EXISTS(SELECT 1 FROM {table} WHERE {conflict} AND ({other})) \
                 BEGIN {log} SELECT {id}, 0, {bare} FROM {table} WHERE {conflict}; END",
                name(&format!("supersede{i}"))
            ));
        }
        Ok(triggers)
    }

    /// The SELECT that reads the rows of the keys logged after `?1` up to `?2`, each key once: first the key from
    /// the log, then 1 if the row exists, then `columns` of the row.
    pub fn changed_rows(&self, id: i64, key: &Key, columns: &[String]) -> String {
        let source = key.source_columns();
        let keys: Vec<String> = (1..=source.len()).map(|i| format!("k{i}")).collect();
        let logged: Vec<String> = keys.iter().map(|k| format!("l.{k}")).collect();
        // Both comparisons: the first finds the row by the index whatever its collation, the second wants the same bytes.
        let matches: Vec<String> = source
            .iter()
            .zip(&logged)
            .map(|(c, k)| format!("t.{c} = {k} AND t.{c} COLLATE BINARY = {k}"))
            .collect();
        let values: Vec<String> = columns.iter().map(|c| format!("t.{c}")).collect();
        let keys = keys.join(", ");
        format!(
            "SELECT {}, t.{} IS NOT NULL, {} FROM (SELECT DISTINCT {keys} FROM _lumos_log WHERE seq > ?1 AND seq <= ?2 AND tbl = {id} ORDER BY {keys}) l \
             LEFT JOIN {} t ON {}",
            logged.join(", "),
            source[0],
            values.join(", "),
            identifier(&self.name),
            matches.join(" AND ")
        )
    }
}

/// How the triggers' names begin; the table's id and what they watch follow.
pub const TRIGGER_PREFIX: &str = "_lumos_";

/// A GLOB pattern that the names of the triggers of this table match.
pub fn trigger_pattern(id: i64) -> String {
    literal(&format!("{TRIGGER_PREFIX}{id}_*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, declared: &str, pk: usize, not_null: bool) -> Column {
        Column {
            name: name.into(),
            declared: declared.into(),
            not_null,
            default: None,
            pk,
        }
    }

    fn unique(columns: &[&str]) -> Unique {
        Unique {
            name: "u".into(),
            columns: columns.iter().map(|c| Some((*c).into())).collect(),
            partial: false,
        }
    }

    #[test]
    fn the_key_is_the_first_that_cannot_be_null() {
        let table = |columns, uniques, without_rowid| Table {
            name: "t".into(),
            columns,
            uniques,
            without_rowid,
        };
        let key = |t: &Table| {
            t.key(false)
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
        assert!(
            key(&table(
                vec![column("id", "INT", 1, false)],
                vec![unique(&["id"])],
                false
            ))
            .is_err()
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
        let bare = table(vec![column("a", "TEXT", 0, false)], vec![], false);
        assert!(key(&bare).unwrap_err().contains("{\"key\":\"rowid\"}"));
        assert_eq!(bare.key(true), Ok(Key::Rowid("rowid")));
        assert_eq!(
            table(vec![column("ROWID", "TEXT", 0, false)], vec![], false).key(true),
            Ok(Key::Rowid("_rowid_"))
        );
    }

    #[test]
    fn names_are_quoted_in_triggers() {
        let t = Table {
            name: "od\"d".into(),
            columns: vec![
                column("i d", "INTEGER", 1, false),
                column("u", "TEXT", 0, false),
            ],
            uniques: vec![unique(&["u"])],
            without_rowid: false,
        };
        let triggers = t.triggers(7, &t.key(false).unwrap()).unwrap();
        assert_eq!(triggers.len(), 5);
        assert_eq!(
            triggers[0],
            "CREATE TRIGGER \"_lumos_7_insert\" AFTER INSERT ON \"od\"\"d\" BEGIN INSERT INTO _lumos_log(tbl, op, k1) VALUES(7, 1, NEW.\"i d\"); END"
        );
        assert!(
            triggers[3].contains("WHEN EXISTS(SELECT 1 FROM \"od\"\"d\" WHERE \"u\" = NEW.\"u\")")
        );
    }

    #[test]
    fn an_expression_index_is_refused() {
        let mut t = Table {
            name: "t".into(),
            columns: vec![column("id", "INTEGER", 1, false)],
            ..Table::default()
        };
        t.uniques = vec![Unique {
            name: "lower".into(),
            columns: vec![None],
            partial: false,
        }];
        assert!(
            t.triggers(1, &t.key(false).unwrap())
                .unwrap_err()
                .to_string()
                .contains("\"lower\"")
        );
    }
}
