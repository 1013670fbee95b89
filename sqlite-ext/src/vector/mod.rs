//! `lumos_vec`: tables of vectors, with the nearest rows first.
//!
//! [`store`] writes the shadow tables, [`memory`] keeps the index over them and [`columns`] what filters need,
//! [`read`] searches; [`commands`] are `rebuild` and others; [`content`] is for rows of another table. [`plan`] and [`cursor`] are a scan of SQLite's.
//! [`search`] is the same as a function, which finds tables by [`stores`], and [`recall`] tells how good it is;
//! [`compat`] has names that others use.

mod columns;
mod commands;
pub mod compat;
mod content;
mod cursor;
mod memory;
mod plan;
pub mod read;
mod recall;
mod search;
pub mod store;
pub mod stores;

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::Arc;

use lumos_core::sql::identifier;
use lumos_core::vector::table::{Definition, Role};
use rusqlite::types::{Value, ValueRef};
use rusqlite::vtab::{
    CreateVTab, IndexInfo, Inserts, Module, TransactionVTab, UpdateVTab, Updates, VTab, VTabConfig,
    VTabConnection, VTabKind, sqlite3_vtab,
};
use rusqlite::{Connection, Result, ffi};

use crate::error::{self, Error, error};
use crate::host::guard;
use crate::scalar;
use crate::table_function;
use cursor::{Cursor, owned};
use plan::Plan;
use recall::Recall;
use search::Search;
use store::{Row, SHADOWS, Store};
use stores::Stores;

const NAME: &str = "lumos_vec";

/// Registers the module and the functions over its tables, and returns these.
pub fn register(connection: &Connection) -> Result<Arc<Stores>> {
    let stores = Stores::new(connection);
    connection.create_module(NAME, module(), Some(Arc::clone(&stores)))?;
    table_function::register::<Search>(connection, &stores)?;
    table_function::register::<Recall>(connection, &stores)?;
    Ok(stores)
}

/// The module, with the methods that rusqlite does not wire: names of shadow tables, renaming, savepoints.
fn module() -> &'static Module<'static, Table> {
    static MODULE: std::sync::OnceLock<Whole> = std::sync::OnceLock::new();
    struct Whole(ffi::sqlite3_module);
    // SAFETY: function pointers, never written again.
    unsafe impl Send for Whole {}
    // SAFETY: as above.
    unsafe impl Sync for Whole {}
    let whole = MODULE.get_or_init(|| {
        let module = const { Module::<Table>::update_module_with_tx() };
        // SAFETY: `Module` is repr(transparent) over this, and both are plain data.
        let mut whole: ffi::sqlite3_module = unsafe { std::mem::transmute_copy(&module) };
        whole.iVersion = 3;
        whole.xRename = Some(rename);
        whole.xSavepoint = Some(savepoint);
        whole.xRelease = Some(release);
        whole.xRollbackTo = Some(rollback_to);
        whole.xShadowName = Some(shadow_name);
        Whole(whole)
    });
    // SAFETY: as above, the other way round; it lives as long as the process.
    unsafe { &*std::ptr::from_ref(&whole.0).cast() }
}

/// A table of vectors, as SQLite holds it.
#[repr(C)]
pub struct Table {
    base: sqlite3_vtab,
    store: Arc<Store>,
}

impl Table {
    fn new(
        db: &mut VTabConnection,
        stores: Option<&Arc<Stores>>,
        database: &[u8],
        table: &[u8],
        args: &[&[u8]],
        prepare: impl FnOnce(&Store) -> error::Result<()>,
    ) -> Result<(Cow<'static, CStr>, Table)> {
        guard(NAME, || {
            db.config(VTabConfig::ConstraintSupport)?;
            // Triggers and views may use it: it touches nothing but its own tables.
            db.config(VTabConfig::Innocuous)?;
            let text = |bytes| scalar::utf8(bytes);
            let args = args
                .iter()
                .map(|a| text(a))
                .collect::<error::Result<Vec<_>>>()?;
            let definition = Definition::parse(args)?;
            let name = text(table)?;
            let mut columns: Vec<String> = definition
                .columns
                .iter()
                .map(|c| format!("{} {}", identifier(&c.name), c.ty))
                .collect();
            columns.extend([
                "distance REAL HIDDEN".into(),
                "k INTEGER HIDDEN".into(),
                format!("{} HIDDEN", identifier(name)),
            ]);
            let schema = format!("CREATE TABLE x({})", columns.join(", "));
            let schema = CString::new(schema).map_err(|e| error(e.to_string()))?;
            // SAFETY: the handle is only used while the connection lives.
            let handle = unsafe { db.handle() };
            let store = Store::new(handle, text(database)?, name, definition);
            prepare(&store)?;
            let base = sqlite3_vtab::default();
            let store = Arc::new(store);
            if let Some(stores) = stores {
                stores.add(&store);
            }
            Ok((Cow::Owned(schema), Table { base, store }))
        })
    }

    /// The vector that a statement gives; `None` for NULL.
    fn vector(&self, value: ValueRef<'_>) -> error::Result<Option<Vec<f32>>> {
        match value {
            ValueRef::Null => Ok(None),
            value => {
                let place = self.store.definition.find(Role::Vector).unwrap_or(0);
                let name = &self.store.definition.columns[place].name;
                scalar::vector(value, name).map(Some)
            }
        }
    }

    /// What stands for a column that only queries have.
    fn check_hidden(&self, hidden: &[ValueRef<'_>]) -> error::Result<()> {
        match hidden {
            [ValueRef::Null, ValueRef::Null, ..] => Ok(()),
            _ => Err(error(
                "distance and k belong to queries; leave them out of INSERT and UPDATE",
            )),
        }
    }

    fn insert_row(&self, args: &Inserts<'_>) -> error::Result<i64> {
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
            self.store
                .command(scalar::utf8(command)?, id.as_i64().ok())?;
            return Ok(0);
        }
        self.check_hidden(hidden)?;
        let id = match id {
            ValueRef::Null => None,
            ValueRef::Integer(id) => Some(id),
            other => {
                return Err(error(format!(
                    "the id is {}; give an integer",
                    scalar::article(other.data_type())
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
                .collect::<error::Result<_>>()?,
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
    fn check_own(&self) -> error::Result<()> {
        match &self.store.definition.content {
            Some(content) => Err(error(format!(
                "the rows are those of {}; change them there",
                content.table
            ))),
            None => Ok(()),
        }
    }

    fn update_row(&self, args: &Updates<'_>) -> error::Result<()> {
        self.check_own()?;
        let args_list: Vec<ValueRef<'_>> = args.iter().collect();
        let definition = &self.store.definition;
        let count = definition.columns.len();
        self.check_hidden(args_list.get(count + 2..).unwrap_or_default())?;
        let (ValueRef::Integer(old), ValueRef::Integer(rowid)) = (args_list[0], args_list[1])
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
            match (column.role, value) {
                (Role::Id, ValueRef::Integer(id)) => {
                    if id != old {
                        new = id;
                    }
                }
                (Role::Id, other) => {
                    return Err(error(format!(
                        "the id is {}; give an integer",
                        scalar::article(other.data_type())
                    )));
                }
                (Role::Key, value) => values.push((i, key(value)?)),
                (Role::Vector, value) => vector = Some(self.vector(value)?),
                (Role::Filter | Role::Kept, value) => values.push((i, owned(value)?)),
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
fn key(value: ValueRef<'_>) -> error::Result<Value> {
    match value {
        ValueRef::Text(_) => owned(value),
        other => Err(error(format!(
            "the id is {}; give a text",
            scalar::article(other.data_type())
        ))),
    }
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<'vtab> VTab<'vtab> for Table {
    type Aux = Arc<Stores>;
    type Cursor = Cursor<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        stores: Option<&Arc<Stores>>,
        _module: &[u8],
        database: &[u8],
        table: &[u8],
        args: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        Table::new(db, stores, database, table, args, Store::check_format)
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        guard(NAME, || {
            let Some(plan) = Plan::choose(&self.store.definition, info)? else {
                return Ok(false);
            };
            info.set_idx_str(&plan.encode());
            Ok(true)
        })
    }

    fn open(&'vtab mut self) -> Result<Cursor<'vtab>> {
        Ok(Cursor::new(Arc::clone(&self.store)))
    }
}

impl CreateVTab<'_> for Table {
    const KIND: VTabKind = VTabKind::Default;

    fn create(
        db: &mut VTabConnection,
        stores: Option<&Arc<Stores>>,
        _module: &[u8],
        database: &[u8],
        table: &[u8],
        args: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        Table::new(db, stores, database, table, args, Store::create)
    }

    fn destroy(&self) -> Result<()> {
        guard(NAME, || self.store.destroy())
    }
}

impl UpdateVTab<'_> for Table {
    fn delete(&mut self, id: ValueRef<'_>) -> Result<()> {
        guard(NAME, || match id {
            ValueRef::Integer(id) => self.check_own().and_then(|()| self.store.delete(id)),
            _ => Err(error("the id is not an integer")),
        })
    }

    fn insert(&mut self, args: &Inserts<'_>) -> Result<i64> {
        guard(NAME, || self.insert_row(args))
    }

    fn update(&mut self, args: &Updates<'_>) -> Result<()> {
        guard(NAME, || self.update_row(args))
    }
}

impl TransactionVTab<'_> for Table {
    fn sync(&mut self) -> Result<()> {
        guard(NAME, || self.store.flush())
    }

    fn commit(&mut self) -> Result<()> {
        guard(NAME, || {
            self.store.committed();
            Ok(())
        })
    }

    fn rollback(&mut self) -> Result<()> {
        guard(NAME, || {
            self.store.rolled_back();
            Ok(())
        })
    }
}

/// Runs a method that rusqlite does not wire, and hands its error to SQLite.
///
/// # Safety
/// `table` is a table of this module.
unsafe fn method(
    table: *mut sqlite3_vtab,
    body: impl FnOnce(&Store) -> error::Result<()>,
) -> c_int {
    // SAFETY: SQLite gives what `create` or `connect` made, a `Table`, of which `base` is the first field.
    let table = unsafe { &mut *table.cast::<Table>() };
    let store = Arc::clone(&table.store);
    match guard(NAME, || body(&store)).map_err(Error::from) {
        Ok(()) => ffi::SQLITE_OK,
        Err(e) => {
            let message = CString::new(e.message).unwrap_or_default();
            let bytes = message.as_bytes_with_nul();
            // SAFETY: the message before is ours to free; the new one is a copy in SQLite's memory, which SQLite frees.
            unsafe {
                ffi::sqlite3_free(table.base.zErrMsg.cast());
                let copy = ffi::sqlite3_malloc(bytes.len() as c_int).cast::<c_char>();
                if !copy.is_null() {
                    copy.copy_from_nonoverlapping(bytes.as_ptr().cast(), bytes.len());
                }
                table.base.zErrMsg = copy;
            }
            e.code
        }
    }
}

unsafe extern "C" fn rename(table: *mut sqlite3_vtab, name: *const c_char) -> c_int {
    // SAFETY: by contract, a table of ours and a name that lives during the call.
    unsafe {
        let name = CStr::from_ptr(name);
        method(table, |store| store.rename(scalar::utf8(name.to_bytes())?))
    }
}

unsafe extern "C" fn savepoint(table: *mut sqlite3_vtab, _: c_int) -> c_int {
    // SAFETY: by contract, a table of ours.
    unsafe { method(table, Store::flush) }
}

unsafe extern "C" fn release(_: *mut sqlite3_vtab, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn rollback_to(table: *mut sqlite3_vtab, _: c_int) -> c_int {
    // SAFETY: by contract, a table of ours.
    unsafe {
        method(table, |store| {
            store.rolled_back_to_savepoint();
            Ok(())
        })
    }
}

unsafe extern "C" fn shadow_name(ending: *const c_char) -> c_int {
    // SAFETY: by contract, a text that lives during the call.
    let ending = unsafe { CStr::from_ptr(ending) }.to_bytes();
    SHADOWS
        .iter()
        .any(|s| s.as_bytes().eq_ignore_ascii_case(ending))
        .into()
}
