//! `lumos_vec`: tables of vectors, with the nearest rows first.
//!
//! Where to look:
//! - [`update`]: what SQLite writes; [`plan`], [`filter`] and [`cursor`]: what it scans
//! - [`statement`]: what else a statement with `k` says
//! - [`store`]: the shadow tables; [`external_content`]: views of another table in their place
//! - [`index_state`]: the index over them; [`load`]: how it is read and stored; [`filter_columns`]: what filters need
//! - [`knn`]: searches; [`commands`]: `rebuild` and others
//! - [`search`]: the function, which finds tables by [`registry`]
//! - [`compat`]: names that others use

mod commands;
pub mod compat;
mod cursor;
mod external_content;
pub mod filter;
mod filter_columns;
mod index_state;
pub mod knn;
mod load;
mod operators;
pub mod plan;
pub mod registry;
pub mod search;
mod statement;
pub mod store;
mod update;

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lumos_core::functions::search::SEARCH;
use lumos_core::sql::identifier;
use lumos_core::vector::table::Definition;
use rusqlite::types::ValueRef;
use rusqlite::vtab::{
    CreateVTab, IndexInfo, Inserts, Module, TransactionVTab, UpdateVTab, Updates, VTab, VTabConfig,
    VTabConnection, VTabKind, sqlite3_vtab,
};
use rusqlite::{Connection, Result, ffi};

use cursor::Cursor;
use plan::Plan;
use registry::Registry;
use search::Search;
use store::{SHADOWS, Store};

use crate::error::{self, Error, error};
use crate::host::guard;
use crate::table_function;
use crate::values::utf8;

const NAME: &str = "lumos_vec";

/// Registers the module and the functions over its tables, and returns these.
pub fn register(connection: &Connection) -> Result<Arc<Registry>> {
    let registry = Registry::new(connection);
    connection.create_module(NAME, module(), Some(Arc::clone(&registry)))?;
    table_function::register::<Search>(connection, &SEARCH, &registry)?;
    Ok(registry)
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
        registry: Option<&Arc<Registry>>,
        database: &[u8],
        table: &[u8],
        args: &[&[u8]],
        prepare: impl FnOnce(&Store) -> error::Result<()>,
    ) -> Result<(Cow<'static, CStr>, Table)> {
        guard(NAME, || {
            db.config(VTabConfig::ConstraintSupport)?;
            // Triggers and views may use it: it touches nothing but its own tables.
            db.config(VTabConfig::Innocuous)?;
            let text = |bytes| utf8(bytes);
            let args = args
                .iter()
                .map(|a| text(a))
                .collect::<error::Result<Vec<_>>>()?;
            let definition = Definition::parse(args)?;
            let name = text(table)?;
            definition.check_name(name)?;
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
            if let Some(registry) = registry {
                registry.add(&store);
            }
            Ok((Cow::Owned(schema), Table { base, store }))
        })
    }
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<'vtab> VTab<'vtab> for Table {
    type Aux = Arc<Registry>;
    type Cursor = Cursor<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        registry: Option<&Arc<Registry>>,
        _module: &[u8],
        database: &[u8],
        table: &[u8],
        args: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        Table::new(db, registry, database, table, args, Store::check_format)
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        guard(NAME, || {
            let Some(plan) = Plan::choose(&self.store.definition, info)? else {
                return Ok(false);
            };
            info.set_idx_str(&plan.encode());
            info.set_idx_num(self.store.plans.fetch_add(1, Ordering::Relaxed));
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
        registry: Option<&Arc<Registry>>,
        _module: &[u8],
        database: &[u8],
        table: &[u8],
        args: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        Table::new(db, registry, database, table, args, Store::create)
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
        method(table, |store| store.rename(utf8(name.to_bytes())?))
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

unsafe extern "C" fn shadow_name(suffix: *const c_char) -> c_int {
    // SAFETY: by contract, a text that lives during the call.
    let suffix = unsafe { CStr::from_ptr(suffix) }.to_bytes();
    SHADOWS
        .iter()
        .any(|s| s.as_bytes().eq_ignore_ascii_case(suffix))
        .into()
}
