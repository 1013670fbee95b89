//! The arguments of a table-valued function: constraints on the hidden columns that follow the visible ones.

use std::ffi::c_int;

use lumos_core::functions;
use lumos_core::options::{OptionDef, Options};
use rusqlite::types::ValueRef;
use rusqlite::vtab::{Filters, IndexConstraintOp, IndexInfo};

use crate::error::{Result, error};
use crate::values::{article, utf8};

/// Takes the `count` columns from `first` on as arguments, which come in order. Returns the plan, with a bit for
/// each that is given; `None` if one depends on a table that is read later.
/// Without the first one, where the function `name` needs it, it is a plan that SQLite takes only if there is no other: of `f('x') WHERE a = 1 OR b = 2` it asks for
/// a plan by each side alone, which has no arguments. [`given`] says then what is missing.
pub fn take(name: &str, first: usize, count: usize, info: &mut IndexInfo) -> Option<c_int> {
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
            if constraint.is_usable() {
                *place = Some(i)
            } else {
                unusable = true
            }
        }
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
    let lacks = plan & 1 == 0 && needs_argument(name);
    info.set_estimated_cost(if lacks { 1e30 } else { 1e6 });
    info.set_estimated_rows(1_000);
    (!unusable).then_some(plan)
}

fn needs_argument(name: &str) -> bool {
    functions::find(name).is_none_or(|f| f.min_args() > 0)
}

/// The values of the arguments of this function by the plan, in their order; one that was left out is NULL. Errors if the first
/// one was, unless it is optional.
pub fn given<'a>(
    name: &str,
    plan: c_int,
    args: &'a Filters<'_>,
) -> Result<impl Iterator<Item = ValueRef<'a>> + use<'a>> {
    if plan & 1 == 0 && needs_argument(name) {
        let function = functions::find(name);
        let (what, call) = match function {
            Some(f) if f.min_args() > 1 => (f.params[0].name, f.signature()),
            Some(f) if f.params[0].name != "sql" => (f.params[0].name, format!("{name}('...')")),
            _ => ("SELECT", format!("{name}('SELECT ...')")),
        };
        return Err(error(format!(
            "needs a {what} as its first argument; write {call}"
        )));
    }
    let mut given = args.iter();
    Ok((0..c_int::BITS).map(move |bit| match plan >> bit & 1 {
        1 => given.next().unwrap_or(ValueRef::Null),
        _ => ValueRef::Null,
    }))
}

/// The same, but a REAL that is a whole number as the INTEGER: some drivers bind all numbers as doubles.
pub fn whole(value: ValueRef<'_>) -> ValueRef<'_> {
    match value {
        ValueRef::Real(v) => lumos_core::value::whole(v).map_or(value, ValueRef::Integer),
        _ => value,
    }
}

/// A text argument; `None` for NULL.
pub fn text<'a>(value: impl Into<ValueRef<'a>>) -> Result<Option<&'a str>> {
    match value.into() {
        ValueRef::Null => Ok(None),
        ValueRef::Text(text) => Ok(Some(utf8(text)?)),
        other => Err(error(format!("takes text, not {}", other.data_type()))),
    }
}

/// The options of a call; none for NULL.
pub fn options<'a>(known: &[OptionDef], value: impl Into<ValueRef<'a>>) -> Result<Options> {
    let text = match value.into() {
        ValueRef::Null => None,
        ValueRef::Text(text) => Some(utf8(text)?),
        other => {
            return Err(error(format!(
                "options is {}; give a JSON object",
                article(other.data_type())
            )));
        }
    };
    Ok(Options::parse(known, text)?)
}
