//! `lumos_route(sql, params)`: what `lumos_auto` would do now, in one row.

use std::sync::Arc;

use rusqlite::types::Value;

use crate::error::{Result, error};
use crate::host::statement::HostStatement;
use crate::query::arguments;
use crate::query::params::Params;
use crate::route::Router;
use crate::route::analysis::Analysis;
use crate::route::values::values;
use crate::table_function::{Rows, Shared, TableFunction};

/// The function.
pub struct Route;

impl Shared for Router {}

impl TableFunction for Route {
    const ROWS: i64 = 1;

    type Aux = Router;

    fn rows(router: &Arc<Router>, given: &[Value]) -> Result<Rows> {
        let sql = arguments::text(&given[0])?;
        let sql = sql.ok_or_else(|| error("the query is NULL; give a SELECT as text"))?;
        let row = decide(router, sql, arguments::text(&given[1])?)?;
        Ok(Box::new(std::iter::once(Ok(row))))
    }
}

fn decide(router: &Router, sql: &str, params: Option<&str>) -> Result<Vec<Value>> {
    let mut analysis = Analysis::new(sql)?;
    let connection = router.connection()?;
    // SAFETY: the connection calls us, and the statement ends with this call.
    let statement = unsafe { HostStatement::prepare(connection.handle(), sql)? };
    let given = params.map(Params::from_json).transpose()?;
    let values = match given {
        // Without values there is no decision by them, but one by key needs none.
        None => Vec::new(),
        given => values(given, statement.params(), |n| statement.param(n))?,
    };
    let decision = router.decide(&mut analysis, &values, false)?;
    let rows = decision.rows.clamp(0.0, 1e18).round() as i64;
    let milliseconds = (decision.nanoseconds / 1_000.0).round() / 1_000.0;
    Ok(vec![
        Value::Text(decision.engine.name().into()),
        Value::Text(decision.reason),
        Value::Integer(rows),
        Value::Real(milliseconds),
    ])
}
