//! `lumos_search(name, query, k, options)`: the nearest rows of a table of vectors, as a table-valued function.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::sync::Arc;

use lumos_core::sql::{identifier, qualified};
use lumos_core::vector::index::Hit;
use lumos_core::{Kind, functions};
use rusqlite::types::ValueRef;
use rusqlite::vtab::{
    Context, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor,
    sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Result};
use serde_json::Value as Json;

use super::plan;
use super::store::{Chosen, Store, Stores};
use crate::error::{self, error};
use crate::host::guard;
use crate::query::arguments;
use crate::scalar;
use crate::session::parse_object;

const NAME: &str = "lumos_search";

/// Rows where `k` is not given.
const K: usize = 10;

/// Arguments: hidden columns after the visible ones.
const ARGUMENTS: usize = 4;

/// Registers the function.
pub fn register(connection: &Connection, stores: &Arc<Stores>) -> Result<()> {
    let module = const { &Module::<Search>::eponymous_only_module() };
    connection.create_module(NAME, module, Some(Arc::clone(stores)))
}

#[repr(C)]
struct Search {
    base: sqlite3_vtab,
    stores: Arc<Stores>,
    visible: usize,
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl<'vtab> VTab<'vtab> for Search {
    type Aux = Arc<Stores>;
    type Cursor = Cursor<'vtab>;

    fn connect(
        db: &mut VTabConnection,
        stores: Option<&Arc<Stores>>,
        _module: &[u8],
        _database: &[u8],
        _table: &[u8],
        _args: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        guard(NAME, || {
            db.config(VTabConfig::DirectOnly)?;
            let function = functions::find(NAME).ok_or_else(|| error("is not in the list"))?;
            let Kind::Table(visible) = function.kind else {
                return Err(error("is not a table function in the list"));
            };
            let mut columns: Vec<String> =
                visible.iter().map(|(name, _)| identifier(name)).collect();
            columns.extend(
                function
                    .params
                    .iter()
                    .map(|p| format!("{} HIDDEN", identifier(p.name))),
            );
            let schema = format!("CREATE TABLE x({})", columns.join(", "));
            let schema = CString::new(schema).map_err(|e| error(e.to_string()))?;
            let stores = Arc::clone(stores.ok_or_else(|| error("has no tables"))?);
            let base = sqlite3_vtab::default();
            let visible = visible.len();
            Ok((
                Cow::Owned(schema),
                Search {
                    base,
                    stores,
                    visible,
                },
            ))
        })
    }

    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        guard(NAME, || {
            let Some(given) = arguments::take(NAME, self.visible, ARGUMENTS, info)? else {
                return Ok(false);
            };
            info.set_idx_num(given);
            info.set_estimated_rows(K as i64);
            Ok(true)
        })
    }

    fn open(&'vtab mut self) -> Result<Cursor<'vtab>> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            stores: Arc::clone(&self.stores),
            hits: Vec::new(),
            row: 0,
            table: PhantomData,
        })
    }
}

#[repr(C)]
struct Cursor<'vtab> {
    base: sqlite3_vtab_cursor,
    stores: Arc<Stores>,
    hits: Vec<Hit>,
    row: usize,
    table: PhantomData<&'vtab Search>,
}

impl Cursor<'_> {
    fn search(&self, given: c_int, filters: &Filters<'_>) -> error::Result<Vec<Hit>> {
        let mut values = filters.iter();
        let mut argument = |bit: usize| match given >> bit & 1 {
            1 => values.next().unwrap_or(ValueRef::Null),
            _ => ValueRef::Null,
        };
        let (name, query, k, options) = (argument(0), argument(1), argument(2), argument(3));
        let ValueRef::Text(name) = name else {
            return Err(error("the name of the table is not a text; give one"));
        };
        if query == ValueRef::Null {
            return Ok(Vec::new());
        }
        let store = self.stores.find(scalar::utf8(name)?)?;
        let query = scalar::vector(query, "the query")?;
        let k = match k {
            ValueRef::Null => K,
            k => plan::rows(k)?,
        };
        let options = match options {
            ValueRef::Text(text) => Options::parse(scalar::utf8(text)?)?,
            ValueRef::Null => Options::default(),
            other => {
                return Err(error(format!(
                    "options is {}; give a JSON object",
                    scalar::article(other.data_type())
                )));
            }
        };
        let chosen = options.chosen(&store)?;
        let oversample = options.oversample.unwrap_or(store.definition.oversample);
        let mut hits = match options.exact {
            true => store.exact(&query, &chosen)?,
            false => store.nearest(&query, k, &chosen, oversample)?,
        };
        hits.truncate(k);
        if let Some(most) = options.max_distance {
            hits.retain(|hit| hit.distance <= most);
        }
        Ok(hits)
    }
}

/// What the last argument says.
#[derive(Default)]
struct Options {
    exact: bool,
    oversample: Option<usize>,
    max_distance: Option<f64>,
    ids: Option<Vec<i64>>,
    filter: Option<String>,
}

impl Options {
    fn parse(text: &str) -> error::Result<Options> {
        let mut options = Options::default();
        for (name, value) in parse_object(text)? {
            let wrong = |what: &str| Err(error(format!("{name} is {value}; give {what}")));
            match (name.as_str(), &value) {
                ("exact", Json::Bool(exact)) => options.exact = *exact,
                ("exact", _) => return wrong("true or false"),
                ("oversample", _) => match value.as_u64().filter(|n| (1..=1000).contains(n)) {
                    Some(n) => options.oversample = Some(n as usize),
                    None => return wrong("a whole number from 1 to 1000"),
                },
                ("max_distance", _) => match value.as_f64() {
                    Some(most) => options.max_distance = Some(most),
                    None => return wrong("a number"),
                },
                ("ids", Json::Array(ids)) => match ids.iter().map(Json::as_i64).collect() {
                    Some(ids) => options.ids = Some(ids),
                    None => return wrong("a list of integers"),
                },
                ("ids", _) => return wrong("a list of integers"),
                ("filter", Json::String(filter)) => options.filter = Some(filter.clone()),
                ("filter", _) => return wrong("a condition in SQL as a text"),
                _ => {
                    return Err(error(format!(
                        "unknown option \"{name}\"; the options are exact, oversample, max_distance, ids and filter"
                    )));
                }
            }
        }
        Ok(options)
    }

    /// The rows that the options leave.
    fn chosen(&self, store: &Store) -> error::Result<Chosen> {
        let Some(filter) = &self.filter else {
            return Ok(match &self.ids {
                Some(ids) => Chosen::Ids(ids.clone()),
                None => Chosen::All,
            });
        };
        let sql = format!("SELECT rowid FROM {} WHERE ({filter}\n)", store.table());
        let connection = store.connection()?;
        let mut statement = connection.prepare(&sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        let mut ids: Vec<i64> = rows.collect::<Result<_>>()?;
        if let Some(wanted) = &self.ids {
            ids.retain(|id| wanted.contains(id));
        }
        Ok(Chosen::Ids(ids))
    }
}

// SAFETY: `base` is first and the struct is repr(C).
unsafe impl VTabCursor for Cursor<'_> {
    fn filter(&mut self, given: c_int, _: Option<&str>, filters: &Filters<'_>) -> Result<()> {
        guard(NAME, || {
            self.hits = self.search(given, filters)?;
            self.row = 0;
            Ok(())
        })
    }

    fn next(&mut self) -> Result<()> {
        self.row += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.row >= self.hits.len()
    }

    fn column(&self, ctx: &mut Context, i: c_int) -> Result<()> {
        match (self.hits.get(self.row), i) {
            (Some(hit), 0) => ctx.set_result(hit.id),
            (Some(hit), 1) => ctx.set_result(hit.distance),
            (Some(_), 2) => ctx.set_result(self.row as i64 + 1),
            _ => Ok(()),
        }
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.row as i64)
    }
}

impl Stores {
    /// The table of this name, `main.v` or `v`.
    fn find(&self, name: &str) -> error::Result<Arc<Store>> {
        let quoted = qualified(name);
        // SQLite connects the table if it has not been used yet, and knows whether there is one.
        let connection = self.connection()?;
        connection.prepare(&format!("SELECT rowid FROM {quoted} LIMIT 0"))?;
        let parts: Vec<String> = quoted
            .split("\".\"")
            .map(|p| p.trim_matches('"').replace("\"\"", "\""))
            .collect();
        let found = match parts.as_slice() {
            [schema, table] => self.get(Some(schema), table),
            [table] => [Some("temp"), Some("main"), None]
                .into_iter()
                .find_map(|schema| self.get(schema, table)),
            _ => None,
        };
        found.ok_or_else(|| {
            error(format!(
                "{name} is no table of vectors; make one with CREATE VIRTUAL TABLE ... USING lumos_vec(...)"
            ))
        })
    }
}
