//! `lumos_validate_sql`.

use std::sync::Arc;

use lumos_core::ValueRef;
use lumos_core::functions::gate::VALIDATE_SQL;
use lumos_core::gate::policy::arguments_of;
use rusqlite::types::Value;

use crate::error::Result;
use crate::gate;
use crate::program::{Argument, output};
use crate::session::Session;
use crate::table_function::{Rows, TableFunction};

/// `lumos_validate_sql`.
pub struct Validate;

impl TableFunction for Validate {
    type Aux = Session;

    const ROWS: i64 = 1;

    fn rows(session: &Arc<Session>, given: &[Value]) -> Result<Rows> {
        let params = VALIDATE_SQL.params;
        let given = params.iter().zip(given).map(|(p, v)| Argument::read(p, v));
        let given = given.collect::<Result<Vec<_>>>()?;
        let given: Vec<ValueRef<'_>> = given.iter().map(Argument::value).collect();
        let (sql, policy) = arguments_of(&given)?;
        let verdict = gate::check(&session.connection()?, sql, &policy)?;
        let row = verdict.row().into_iter().map(output).collect();
        Ok(Box::new(std::iter::once(Ok(row))))
    }
}
