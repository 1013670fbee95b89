//! What SQLite writes to a table of vectors: its values as rows, ids and vectors.

use lumos_core::vector::table::Role;
use rusqlite::ffi;
use rusqlite::types::{Value, ValueRef};
use rusqlite::vtab::{Inserts, Updates};

use super::Table;
use super::cursor::owned;
use super::store::Row;
use crate::error::{Result, error};
use crate::query::arguments::whole;
use crate::values::{article, utf8};

impl Table {
    /// The vector that a statement gives; `None` for NULL.
    fn vector(&self, value: ValueRef<'_>) -> Result<Option<Vec<f32>>> {
        match value {
            ValueRef::Null => Ok(None),
            value => {
                let place = self.store.definition.find(Role::Vector).unwrap_or(0);
                let name = &self.store.definition.columns[place].name;
                self.store.vector(value, name).map(Some)
            }
        }
    }

    /// What stands for a column that only queries have.
    fn check_hidden(&self, hidden: &[ValueRef<'_>]) -> Result<()> {
        match hidden {
            [ValueRef::Null, ValueRef::Null, ..] => Ok(()),
            _ => Err(error(
                "distance and k belong to queries; leave them out of INSERT and UPDATE",
            )),
        }
    }

    pub(super) fn insert_row(&self, args: &Inserts<'_>) -> Result<i64> {
        // The old and the new rowid come before the columns.
        let args_list: Vec<ValueRef<'_>> = args.iter().collect();
        let columns = args_list.get(2..).unwrap_or_default();
        let definition = &self.store.definition;
        let (columns, hidden) = columns.split_at(definition.columns.len().min(columns.len()));
        let mut id = definition
            .find(Role::Id)
            .map_or(ValueRef::Null, |i| columns[i]);
        if id == ValueRef::Null {
            id = args_list[1];
        }
        if let Some(ValueRef::Text(command)) = hidden.get(2) {
            self.store.command(utf8(command)?, id.as_i64().ok())?;
            return Ok(0);
        }
        self.check_hidden(hidden)?;
        let id = match whole(id) {
            ValueRef::Null => None,
            ValueRef::Integer(id) => Some(id),
            other => {
                return Err(error(format!(
                    "the id is {}; give an integer",
                    article(other.data_type())
                )));
            }
        };
        if let Some(content) = &definition.content {
            let is_id = |i: usize| Some(i) == definition.find(Role::Id);
            let more = (0..columns.len()).any(|i| !is_id(i) && columns[i] != ValueRef::Null);
            return match id {
                Some(id) if !more => self.store.follow(id).map(|()| id),
                _ => Err(error(format!(
                    "the rows are those of {}; give the rowid alone, of the row to look at anew",
                    content.table
                ))),
            };
        }
        let vector = definition
            .find(Role::Vector)
            .map_or(ValueRef::Null, |i| columns[i]);
        let row = Row {
            id,
            vector: self.vector(vector)?,
            values: self
                .store
                .kept()
                .into_iter()
                .map(|i| match definition.columns[i].role {
                    Role::Key => key(columns[i]),
                    _ => owned(columns[i]),
                })
                .collect::<Result<_>>()?,
        };
        self.store.insert(&row, self.replaces())
    }

    /// True if the running statement says OR REPLACE.
    fn replaces(&self) -> bool {
        // SAFETY: this is called in xUpdate of this connection.
        let conflict = unsafe { ffi::sqlite3_vtab_on_conflict(self.store.handle()) };
        conflict == ffi::SQLITE_REPLACE
    }

    /// Refuses to change rows of another table.
    pub(super) fn check_own(&self) -> Result<()> {
        match &self.store.definition.content {
            Some(content) => Err(error(format!(
                "the rows are those of {}; change them there",
                content.table
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn update_row(&self, args: &Updates<'_>) -> Result<()> {
        self.check_own()?;
        let args_list: Vec<ValueRef<'_>> = args.iter().collect();
        let definition = &self.store.definition;
        let count = definition.columns.len();
        self.check_hidden(args_list.get(count + 2..).unwrap_or_default())?;
        let (ValueRef::Integer(old), ValueRef::Integer(rowid)) =
            (args_list[0], whole(args_list[1]))
        else {
            return Err(error("the id is not an integer; give one"));
        };
        let mut new = rowid;
        let (mut vector, mut values) = (None, Vec::new());
        for (i, column) in definition.columns.iter().enumerate() {
            if args.no_change(i + 2) {
                continue;
            }
            let value = args_list[i + 2];
            match (column.role, whole(value)) {
                (Role::Id, ValueRef::Integer(id)) => {
                    if id != old {
                        new = id;
                    }
                }
                (Role::Id, other) => {
                    return Err(error(format!(
                        "the id is {}; give an integer",
                        article(other.data_type())
                    )));
                }
                (Role::Key, _) => values.push((i, key(value)?)),
                (Role::Vector, _) => vector = Some(self.vector(value)?),
                (Role::Filter | Role::Kept, _) => values.push((i, owned(value)?)),
            }
        }
        if new == old {
            let replace = self.replaces();
            return self.store.update(old, vector, &values, replace);
        }
        if definition.find(Role::Key).is_some() {
            return Err(error(
                "the rowid of a row with a text key stays; DELETE the row and INSERT it anew",
            ));
        }
        // Another id is another row: what was not set comes from the old one.
        let before = self.store.values(&[old], true)?.pop().flatten();
        let before = before.ok_or_else(|| error(format!("there is no row with id {old}")))?;
        let place = definition.find(Role::Vector).unwrap_or(0);
        let row = Row {
            id: Some(new),
            vector: match vector {
                Some(vector) => vector,
                None => self.vector((&before[place]).into())?,
            },
            values: self
                .store
                .kept()
                .into_iter()
                .map(|i| {
                    let set = values.iter().find(|(place, _)| *place == i);
                    set.map_or_else(|| before[i].clone(), |(_, v)| v.clone())
                })
                .collect(),
        };
        self.store.insert(&row, self.replaces())?;
        self.store.delete(old)
    }
}

/// The value of a column of text keys.
fn key(value: ValueRef<'_>) -> Result<Value> {
    match value {
        ValueRef::Text(_) => owned(value),
        other => Err(error(format!(
            "the id is {}; give a text",
            article(other.data_type())
        ))),
    }
}
