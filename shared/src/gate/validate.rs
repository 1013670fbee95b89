//! `lumos_validate_sql` in DuckDB: a fold of the catalog, by which a text is judged when all its rows are there.

use std::sync::OnceLock;

use super::catalog::{INPUT, READ, Rows};
use super::policy::{OPTIONS, Policy};
use super::{COLUMNS, Scratch, duckdb, fix};
use crate::options::Options;
use crate::program::{Fold, FoldState};
use crate::sql::literal;
use crate::{Error, Result, Value, ValueRef};

type Open = fn() -> Result<Box<dyn Scratch>>;

static OPEN: OnceLock<Open> = OnceLock::new();

/// Says how a DuckDB of our own is opened. The adapter does, when it registers its functions.
pub fn provide(open: Open) {
    // The first of a process stays: there is one DuckDB for each copy of this library.
    let _ = OPEN.set(open);
}

/// Opens a DuckDB of our own. Errors if DuckDB cannot.
pub fn scratch() -> Result<Box<dyn Scratch>> {
    let open = OPEN
        .get()
        .ok_or_else(|| Error::new("internal error: there is no DuckDB to read it"))?;
    open()
}

/// The fold of `lumos_validate_sql` in DuckDB.
pub const FOLD: Fold = Fold::new::<Judge<false>>("validate_sql", INPUT, COLUMNS);

/// The query of `lumos_validate_sql(sql, options)`. Errors if the options are none.
pub fn sql(arguments: &[ValueRef<'_>]) -> Result<String> {
    query(&FOLD, arguments)
}

/// The query of a fold that judges the text of a call. Errors if the options are none.
pub fn query(fold: &Fold, arguments: &[ValueRef<'_>]) -> Result<String> {
    let (sql, policy) = arguments_of(arguments)?;
    let spec = serde_json::json!({"sql": sql, "options": policy.to_json()}).to_string();
    fold.sql(READ, &spec)
}

/// The text and the options of a call. Errors if the text is NULL, or the options are none.
pub fn arguments_of<'a>(arguments: &[ValueRef<'a>]) -> Result<(&'a str, Policy)> {
    let Some(ValueRef::Text(sql)) = arguments.first() else {
        return Err(Error::new("sql is NULL; give a SELECT as text"));
    };
    let options = match arguments.get(1) {
        None | Some(ValueRef::Null) => None,
        Some(ValueRef::Text(options)) => Some(*options),
        Some(_) => return Err(Error::new("options is no text; give a JSON object")),
    };
    Ok((sql, Policy::read(&Options::parse(OPTIONS, options)?)?))
}

/// The text to look at, to mend it too if `FIXES`, and the tables.
#[derive(Debug, Clone)]
pub struct Judge<const FIXES: bool> {
    sql: String,
    policy: Policy,
    rows: Rows,
}

impl<const FIXES: bool> FoldState for Judge<FIXES> {
    fn start(spec: &str) -> Result<Self> {
        let none = || {
            let function = if FIXES {
                "lumos_fix_sql"
            } else {
                "lumos_validate_sql"
            };
            Error::new(format!("{} is not what {function} writes", literal(spec)))
        };
        let spec: serde_json::Value = serde_json::from_str(spec).map_err(|_| none())?;
        let text = |name: &str| spec.get(name).and_then(|t| t.as_str()).ok_or_else(none);
        let options = Options::parse(OPTIONS, Some(text("options")?))?;
        Ok(Judge {
            sql: text("sql")?.to_owned(),
            policy: Policy::read(&options)?,
            rows: Rows::default(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        self.rows.row(row);
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.rows.merge(&other.rows);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        if !self.rows.any {
            return Ok(());
        }
        let schema = self.rows.schema();
        let scratch = scratch()?;
        emit(if FIXES {
            fix::over(&self.sql, &schema, &self.policy, &*scratch)?.row()
        } else {
            duckdb::check(&self.sql, &schema, &self.policy, &*scratch).row()
        })
    }
}
