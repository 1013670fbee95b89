//! The arguments of a table-valued function: constraints on the hidden columns that follow the visible ones.

use std::ffi::c_int;

use lumos_core::functions;
use rusqlite::vtab::{IndexConstraintOp, IndexInfo};

use crate::error::{Result, error};

/// Takes the `count` columns from `first` on as arguments, which come in order. Returns the plan, with a bit for
/// each that is given; `None` if one depends on a table that is read later.
/// The first one must be there: `name` is the function, for the error.
pub fn take(name: &str, first: usize, count: usize, info: &mut IndexInfo) -> Result<Option<c_int>> {
    let mut given = vec![None; count];
    let mut unusable = false;
    for (i, constraint) in info.constraints().enumerate() {
        let argument = usize::try_from(constraint.column()).ok();
        let place = argument
            .and_then(|a| a.checked_sub(first))
            .and_then(|a| given.get_mut(a));
        if constraint.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ
            && let Some(place) = place
        {
            match constraint.is_usable() {
                true => *place = Some(i),
                false => unusable = true,
            }
        }
    }
    if given.first().is_none_or(Option::is_none) && !unusable {
        let (what, example) = match functions::find(name).map(|f| f.params) {
            Some([first, ..]) if first.name != "sql" => (first.name, "..."),
            _ => ("SELECT", "SELECT ..."),
        };
        return Err(error(format!(
            "needs a {what} as its first argument; write {name}('{example}')"
        )));
    }
    let mut next = 0;
    let mut plan = 0;
    for (bit, constraint) in given.iter().enumerate() {
        if let Some(i) = constraint {
            next += 1;
            plan |= 1 << bit;
            let mut usage = info.constraint_usage(*i);
            usage.set_argv_index(next);
            usage.set_omit(true);
        }
    }
    // Unknown before the statement is planned; high enough that SQLite prefers to run it once.
    info.set_estimated_cost(1e6);
    info.set_estimated_rows(1_000);
    Ok((!unusable).then_some(plan))
}
