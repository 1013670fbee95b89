//! The triggers that log touched keys.
//!
//! REPLACE removes rows that conflict through any UNIQUE index, or the rowid, without firing a delete trigger
//! (unless `recursive_triggers` is on), so the triggers before a write log the keys about to go: those of the rows
//! that the new one equals in every term of an index, compared as the index compares them. The new row's side of a
//! partial index's condition is not asked: that logs keys too many.
//!
//! What an index is computed from may not be known yet: an INTEGER PRIMARY KEY that SQLite gives, or a default that
//! takes the place of a NULL. Then the log says that rows may be gone which nobody can name.

use super::index::{IndexText, mentions};
use super::{Column, Key, Table, Unique};
use crate::sql::identifier;
use crate::{Error, Result};

/// What the triggers of a table have in common.
struct Writer<'a> {
    id: i64,
    table: String,
    key: &'a Key,
    /// `INSERT INTO _lumos_log(...)` without values.
    log: String,
}

impl Table {
    /// The CREATE TRIGGER statements for the table with this id in the changelog, as SQLite stores them. `mirrored`
    /// are the columns to follow besides those of the key, if not all. Errors if the text of a UNIQUE index cannot be
    /// read.
    pub fn triggers(&self, id: i64, key: &Key, mirrored: Option<&[String]>) -> Result<Vec<String>> {
        let columns = key.source_columns();
        let log_columns: Vec<String> = (1..=columns.len()).map(|i| format!("k{i}")).collect();
        let writer = Writer {
            id,
            table: identifier(&self.name),
            key,
            log: format!(
                "INSERT INTO _lumos_log(tbl, op, {})",
                log_columns.join(", ")
            ),
        };
        let mut triggers = writer.touched(&self.new_key(key), &self.update_of(key, mirrored));
        if let Some(rowid) = self.replaceable_rowid(key) {
            // Of an INSERT that gives no rowid, NEW.rowid is -1 here.
            let conflict = format!("{rowid} = NEW.{rowid}");
            triggers.extend(writer.before(
                "rowid",
                &conflict,
                &format!("NEW.{rowid} IS NOT OLD.{rowid} AND "),
            ));
        }
        for (i, unique) in self.uniques.iter().enumerate() {
            if self.is_key(unique, key) {
                continue;
            }
            let conflict = self.conflict(unique)?;
            triggers.extend(writer.before(&i.to_string(), &conflict, &self.changed(unique)));
        }
        triggers.extend(self.unforeseen(&writer)?);
        Ok(triggers)
    }

    /// The triggers for a new row whose value in a UNIQUE index is not known before it is written.
    fn unforeseen(&self, writer: &Writer<'_>) -> Result<Vec<String>> {
        let mut computed = Vec::new();
        let mut plain = Vec::new();
        for unique in &self.uniques {
            if let Some(sql) = &unique.sql {
                let text = IndexText::parse(sql).ok_or_else(|| self.unreadable(unique))?;
                let terms = text.terms.into_iter().zip(&unique.columns);
                plain.extend(terms.filter(|(_, c)| c.is_none()).map(|(term, _)| term));
            }
            let named = self
                .columns
                .iter()
                .filter(|c| unique.columns.contains(&Some(c.name.clone())));
            for column in named {
                plain.push(identifier(&column.name));
                if column.generated {
                    computed.extend_from_slice(&self.generated);
                }
            }
        }
        let used = |texts: &[String], c: &Column| texts.iter().any(|t| mentions(t, &c.name));
        let mut given = Vec::new();
        if let Some(id) = self.rowid_alias() {
            let id_alone = identifier(&id.name);
            // An id that SQLite gives is a new one, so that it conflicts only through what is computed from it.
            let of_id = plain
                .iter()
                .any(|t| *t != id_alone && mentions(t, &id.name));
            if of_id || used(&computed, id) {
                given.push(format!("coalesce(NEW.{id_alone}, -1) = -1"));
            }
        }
        let mut defaults = Vec::new();
        for column in self.columns.iter().filter(|c| c.not_null) {
            let varies = column.default.as_ref().map(|d| d.contains('('));
            if varies.is_some() && used(&computed, column)
                || varies == Some(true) && used(&plain, column)
            {
                defaults.push(format!("NEW.{} IS NULL", identifier(&column.name)));
            }
        }
        given.extend_from_slice(&defaults);
        let triggers = [("INSERT", given), ("UPDATE", defaults)];
        Ok(triggers
            .into_iter()
            .filter(|(_, conditions)| !conditions.is_empty())
            .map(|(event, conditions)| writer.unforeseen(event, &conditions.join(" OR ")))
            .collect())
    }

    /// The key that the new row will have.
    fn new_key(&self, key: &Key) -> Vec<String> {
        match key {
            Key::Columns(names) => names.iter().map(|n| self.new_value(n)).collect(),
            Key::Rowid(name) => vec![format!("NEW.{name}")],
        }
    }

    /// The columns whose update matters, as ` OF a, b`, or nothing for all.
    fn update_of(&self, key: &Key, mirrored: Option<&[String]>) -> String {
        let key = key.mirror_columns();
        let matters =
            |c: &&Column| key.contains(&c.name) || mirrored.is_none_or(|m| m.contains(&c.name));
        // A generated column changes with others.
        if mirrored.is_none() || self.columns.iter().filter(matters).any(|c| c.generated) {
            return String::new();
        }
        let columns = self
            .columns
            .iter()
            .filter(matters)
            .map(|c| identifier(&c.name));
        // SQLite goes by the names in the statement, and the rowid has several; it minds none that is not there.
        let names = columns.chain(["rowid", "_rowid_", "oid"].map(str::to_owned));
        format!(" OF {}", names.collect::<Vec<_>>().join(", "))
    }

    /// The rowid as a statement can give it, under its declared name if it has one, unless it is the key itself.
    fn replaceable_rowid(&self, key: &Key) -> Option<String> {
        let Key::Columns(key) = key else {
            return None;
        };
        if self.without_rowid {
            return None;
        }
        match self.rowid_alias() {
            Some(alias) => (*key != [alias.name.clone()]).then(|| identifier(&alias.name)),
            None => self.rowid_name().map(str::to_owned),
        }
    }

    /// True if rows that conflict through the index have the same key, byte by byte.
    fn is_key(&self, unique: &Unique, key: &Key) -> bool {
        let names: Option<Vec<String>> = unique.columns.iter().cloned().collect();
        let binary = |c: &String| c.eq_ignore_ascii_case("BINARY");
        names.is_some_and(|names| *key == Key::Columns(names))
            && unique.collations.iter().all(binary)
            && !unique.partial
    }

    /// The condition on a row of the table that the new row conflicts with it through the index.
    fn conflict(&self, unique: &Unique) -> Result<String> {
        let text = match &unique.sql {
            Some(sql) => Some(IndexText::parse(sql).ok_or_else(|| self.unreadable(unique))?),
            None => None,
        };
        let mut terms = Vec::new();
        for (i, column) in unique.columns.iter().enumerate() {
            let collate = match unique.collations.get(i) {
                Some(collation) => format!(" COLLATE {}", identifier(collation)),
                None => String::new(),
            };
            terms.push(match column {
                Some(name) => {
                    let column = identifier(name);
                    format!("{column} = {}{collate}", self.new_value(name))
                }
                None => {
                    let expression = text.as_ref().and_then(|t| t.terms.get(i));
                    let expression = expression.ok_or_else(|| self.unreadable(unique))?;
                    self.expression(expression, &collate)
                }
            });
        }
        // So that a partial index is used; a row outside it conflicts with none.
        if let Some(condition) = text.and_then(|t| t.condition) {
            terms.push(format!("({condition})"));
        }
        Ok(terms.join(" AND "))
    }

    /// The condition that a row has the new row's value of an expression.
    fn expression(&self, expression: &str, collate: &str) -> String {
        let used: Vec<&Column> = self
            .columns
            .iter()
            .filter(|c| mentions(expression, &c.name))
            .collect();
        // The expression once more, with names that mean the new row's values.
        let values: Vec<String> = used
            .iter()
            .map(|c| format!("{} AS {}", self.new_value(&c.name), identifier(&c.name)))
            .collect();
        let of_new = if values.is_empty() {
            format!("(SELECT {expression})")
        } else {
            format!("(SELECT {expression} FROM (SELECT {}))", values.join(", "))
        };
        format!("({expression}) = {of_new}{collate}")
    }

    /// What the new row will have in a column: under OR REPLACE a NULL for a NOT NULL column becomes its default
    /// after the trigger ran.
    fn new_value(&self, name: &str) -> String {
        let column = identifier(name);
        let default = self
            .columns
            .iter()
            .find(|c| c.name == name && c.not_null)
            .and_then(|c| c.default.as_ref());
        match default {
            Some(default) => format!("coalesce(NEW.{column}, {default})"),
            None => format!("NEW.{column}"),
        }
    }

    /// `... AND ` if an update can only conflict when it changes the columns of the index.
    fn changed(&self, unique: &Unique) -> String {
        let names: Option<Vec<&String>> = unique.columns.iter().map(Option::as_ref).collect();
        let Some(names) = names.filter(|_| !unique.partial) else {
            return String::new();
        };
        let changed: Vec<String> = names
            .iter()
            .map(|n| identifier(n))
            .map(|c| format!("NEW.{c} COLLATE BINARY IS NOT OLD.{c}"))
            .collect();
        format!("({}) AND ", changed.join(" OR "))
    }

    fn unreadable(&self, unique: &Unique) -> Error {
        Error::new(format!(
            "table \"{}\" has the UNIQUE index \"{}\", whose text cannot be read, so that rows which REPLACE removes through it \
             would go unseen; drop the index or create it anew",
            self.name, unique.name
        ))
    }
}

impl Writer<'_> {
    fn name(&self, kind: &str) -> String {
        identifier(&format!("{TRIGGER_PREFIX}{}_{kind}", self.id))
    }

    /// The key's columns of a row of the trigger.
    fn of(&self, row: &str) -> String {
        let columns: Vec<String> = self.key.source_columns();
        let columns: Vec<String> = columns.iter().map(|c| format!("{row}.{c}")).collect();
        columns.join(", ")
    }

    /// The condition that two rows have other keys. A key column may compare without case; the log needs the bytes.
    fn other_key(&self, a: &str, b: &str) -> String {
        let columns: Vec<String> = self.key.source_columns();
        let differs: Vec<String> = columns
            .iter()
            .map(|c| format!("{a}.{c} COLLATE BINARY IS NOT {b}.{c}"))
            .collect();
        format!("({})", differs.join(" OR "))
    }

    /// The triggers that log the key of each row written. Before the write where the key is known then: a trigger of
    /// the user's may end the statement after a write that stays, before those of the log had their turn.
    fn touched(&self, new_key: &[String], of: &str) -> Vec<String> {
        let Writer { id, table, log, .. } = self;
        let given = new_key.join(", ");
        let (new, old) = (self.of("NEW"), self.of("OLD"));
        vec![
            format!(
                "CREATE TRIGGER {} AFTER INSERT ON {table} BEGIN {log} VALUES({id}, 1, {new}); END",
                self.name("insert")
            ),
            format!(
                "CREATE TRIGGER {} BEFORE DELETE ON {table} BEGIN {log} VALUES({id}, 0, {old}); END",
                self.name("delete")
            ),
            format!(
                "CREATE TRIGGER {} BEFORE UPDATE{of} ON {table} BEGIN {log} VALUES({id}, 2, {old}); {log} SELECT {id}, 2, {given} WHERE {}; END",
                self.name("update"),
                self.other_key("OLD", "NEW")
            ),
        ]
    }

    /// The trigger before a write that may replace rows which it cannot name.
    fn unforeseen(&self, event: &str, condition: &str) -> String {
        let Writer { id, table, .. } = self;
        format!(
            "CREATE TRIGGER {} BEFORE {event} ON {table} WHEN {condition} BEGIN INSERT INTO _lumos_log(tbl, op) VALUES({id}, {UNFORESEEN}); END",
            self.name(&format!("unforeseen_{}", event.to_ascii_lowercase()))
        )
    }

    /// The triggers before a write that log the rows in conflict; `changed` may spare an update the search.
    fn before(&self, suffix: &str, conflict: &str, changed: &str) -> [String; 2] {
        let Writer { id, table, log, .. } = self;
        let keys = self.key.source_columns().join(", ");
        let other = self.other_key(table, "OLD");
        let rows = format!("FROM {table} WHERE {conflict}");
        [
            format!(
                "CREATE TRIGGER {} BEFORE INSERT ON {table} WHEN EXISTS(SELECT 1 {rows}) BEGIN {log} SELECT {id}, 0, {keys} {rows}; END",
                self.name(&format!("replace_{suffix}"))
            ),
            format!(
                "CREATE TRIGGER {} BEFORE UPDATE ON {table} WHEN {changed}EXISTS(SELECT 1 {rows} AND {other}) \
                 BEGIN {log} SELECT {id}, 0, {keys} {rows}; END",
                self.name(&format!("supersede_{suffix}"))
            ),
        ]
    }
}

/// The `op` of a row of the log without a key: rows may be gone that no trigger could name.
pub const UNFORESEEN: i64 = 3;

/// How the triggers' names begin; the table's id and what they watch follow.
const TRIGGER_PREFIX: &str = "_lumos_";

/// The id of the tracked table that a trigger of this name watches.
pub fn watched(trigger: &str) -> Option<i64> {
    let (id, _) = trigger.strip_prefix(TRIGGER_PREFIX)?.split_once('_')?;
    id.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::KeyChoice;
    use super::*;

    fn table(uniques: Vec<Unique>) -> Table {
        let column = |name: &str, declared: &str, pk| Column {
            name: name.into(),
            declared: declared.into(),
            pk,
            ..Column::default()
        };
        Table {
            name: "od\"d".into(),
            columns: vec![column("i d", "INTEGER", 1), column("u", "TEXT", 0)],
            uniques,
            without_rowid: false,
            generated: vec!["\"i d\" / 3".into()],
        }
    }

    fn triggers(table: &Table) -> Result<Vec<String>> {
        table.triggers(7, &table.key(&KeyChoice::Any)?, None)
    }

    #[test]
    fn names_are_quoted() {
        let unique = Unique {
            columns: vec![Some("u".into())],
            collations: vec!["NOCASE".into()],
            ..Unique::default()
        };
        let triggers = triggers(&table(vec![unique])).unwrap();
        assert_eq!(triggers.len(), 5);
        assert_eq!(
            triggers[0],
            "CREATE TRIGGER \"_lumos_7_insert\" AFTER INSERT ON \"od\"\"d\" BEGIN INSERT INTO _lumos_log(tbl, op, k1) VALUES(7, 1, NEW.\"i d\"); END"
        );
        let condition =
            "WHEN EXISTS(SELECT 1 FROM \"od\"\"d\" WHERE \"u\" = NEW.\"u\" COLLATE \"NOCASE\")";
        assert!(triggers[3].contains(condition), "{}", triggers[3]);
    }

    #[test]
    fn an_update_of_other_columns_costs_nothing() {
        let mut table = table(vec![]);
        table.columns.push(Column {
            name: "other".into(),
            ..Column::default()
        });
        let of = |table: &Table, mirrored: &[String]| {
            let key = table.key(&KeyChoice::Any).unwrap();
            let update = table
                .triggers(7, &key, Some(mirrored))
                .unwrap()
                .swap_remove(2);
            update.split_once(" ON ").unwrap().0.to_owned()
        };
        let update = "CREATE TRIGGER \"_lumos_7_update\" BEFORE UPDATE";
        assert_eq!(
            of(&table, &["u".into()]),
            format!("{update} OF \"i d\", \"u\", rowid, _rowid_, oid")
        );
        table.columns[1].generated = true;
        assert_eq!(of(&table, &["u".into()]), update);
        assert_eq!(
            of(&table, &["other".into()]),
            format!("{update} OF \"i d\", \"other\", rowid, _rowid_, oid")
        );
    }

    #[test]
    fn an_expression_is_asked_of_both_rows() {
        let unique = Unique {
            name: "x".into(),
            columns: vec![None],
            collations: vec!["BINARY".into()],
            partial: true,
            primary: false,
            sql: Some("CREATE UNIQUE INDEX x ON t(lower(u)) WHERE u > ''".into()),
        };
        let triggers = triggers(&table(vec![unique])).unwrap();
        let condition = "(lower(u)) = (SELECT lower(u) FROM (SELECT NEW.\"u\" AS \"u\")) COLLATE \"BINARY\" AND (u > '')";
        assert!(triggers[3].contains(condition), "{}", triggers[3]);
    }

    #[test]
    fn what_is_computed_from_a_given_id_is_unforeseen() {
        let unique = |name: &str| Unique {
            columns: vec![Some(name.into())],
            collations: vec!["BINARY".into()],
            ..Unique::default()
        };
        let mut table = table(vec![unique("u")]);
        assert_eq!(triggers(&table).unwrap().len(), 5);
        table.columns[1].generated = true;
        let triggers = triggers(&table).unwrap();
        let expected = "BEFORE INSERT ON \"od\"\"d\" WHEN coalesce(NEW.\"i d\", -1) = -1 BEGIN";
        assert!(triggers[5].contains(expected), "{}", triggers[5]);
    }

    #[test]
    fn rows_replaced_through_a_rowid_that_is_not_the_key_are_logged() {
        let unique = Unique {
            columns: vec![Some("u".into())],
            collations: vec!["BINARY".into()],
            ..Unique::default()
        };
        let mut table = table(vec![unique]);
        table.columns[1].not_null = true;
        table.generated.clear();
        let by = |columns: &[&str]| {
            let columns = columns.iter().map(|c| (*c).to_owned()).collect();
            let key = table.key(&KeyChoice::Columns(columns)).unwrap();
            let triggers = table.triggers(7, &key, None).unwrap();
            let conflict = "WHERE \"i d\" = NEW.\"i d\"";
            triggers.iter().filter(|t| t.contains(conflict)).count()
        };
        assert_eq!(by(&["u"]), 2);
        assert_eq!(by(&["i d"]), 0);
    }

    #[test]
    fn an_index_that_cannot_be_read_is_refused() {
        let unique = Unique {
            name: "lower".into(),
            columns: vec![None],
            ..Unique::default()
        };
        let refused = triggers(&table(vec![unique])).unwrap_err().to_string();
        assert!(refused.contains("\"lower\""), "{refused}");
    }

    #[test]
    fn a_trigger_says_whom_it_watches() {
        assert_eq!(watched("_lumos_12_replace_0"), Some(12));
        assert_eq!(watched("_lumos_x_insert"), None);
        assert_eq!(watched("other"), None);
    }
}
