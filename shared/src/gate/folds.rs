//! `lumos_validate_sql` and `lumos_fix_sql` in DuckDB: folds of the catalog, by which a text is judged when all its rows are there.

use super::catalog::{INPUT, READ, Rows};
use super::fix::{self, over};
use super::policy::{OPTIONS, Policy, arguments_of};
use super::{COLUMNS, duckdb, scratch};
use crate::options::Options;
use crate::program::{Fold, FoldState};
use crate::sql::literal;
use crate::{Error, Result, Value, ValueRef};

/// The fold of `lumos_validate_sql`.
pub const VALIDATE: Fold = Fold::new::<Judge<false>>("validate_sql", INPUT, COLUMNS);

/// The fold of `lumos_fix_sql`.
pub const FIX: Fold = Fold::new::<Judge<true>>("fix_sql", INPUT, fix::COLUMNS);

/// The query of `lumos_validate_sql(sql, options)`. Errors if the options are none.
pub fn validate(arguments: &[ValueRef<'_>]) -> Result<String> {
    query(&VALIDATE, arguments)
}

/// The query of `lumos_fix_sql(sql, options)`. Errors if the options are none.
pub fn mend(arguments: &[ValueRef<'_>]) -> Result<String> {
    query(&FIX, arguments)
}

/// The query of a fold that judges the text of a call. Errors if the options are none.
fn query(fold: &Fold, arguments: &[ValueRef<'_>]) -> Result<String> {
    let (sql, policy) = arguments_of(arguments)?;
    let spec = serde_json::json!({"sql": sql, "options": policy.to_json()}).to_string();
    fold.sql(READ, &spec)
}

/// The text to look at, to mend it too if `FIXES`, and the tables.
#[derive(Debug, Clone)]
struct Judge<const FIXES: bool> {
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
            over(&self.sql, &schema, &self.policy, &*scratch)?.row()
        } else {
            duckdb::check(&self.sql, &schema, &self.policy, &*scratch).row()
        })
    }
}
