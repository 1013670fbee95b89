//! The operators of conditions that a table of vectors takes over.

use std::cmp::Ordering;

use rusqlite::types::Value;
use rusqlite::vtab::IndexConstraintOp as Op;

/// Operators by their letters in the plan, with their SQL.
pub const OPERATORS: [(&str, Op, &str); 11] = [
    ("=", Op::SQLITE_INDEX_CONSTRAINT_EQ, "="),
    ("s", Op::SQLITE_INDEX_CONSTRAINT_IS, "IS"),
    ("!", Op::SQLITE_INDEX_CONSTRAINT_NE, "<>"),
    ("t", Op::SQLITE_INDEX_CONSTRAINT_ISNOT, "IS NOT"),
    ("<", Op::SQLITE_INDEX_CONSTRAINT_LT, "<"),
    ("l", Op::SQLITE_INDEX_CONSTRAINT_LE, "<="),
    (">", Op::SQLITE_INDEX_CONSTRAINT_GT, ">"),
    ("g", Op::SQLITE_INDEX_CONSTRAINT_GE, ">="),
    ("~", Op::SQLITE_INDEX_CONSTRAINT_LIKE, "LIKE"),
    ("*", Op::SQLITE_INDEX_CONSTRAINT_GLOB, "GLOB"),
    ("r", Op::SQLITE_INDEX_CONSTRAINT_REGEXP, "REGEXP"),
];

/// What is asked of a column without an argument.
pub const TESTS: [(&str, Op, &str); 2] = [
    ("n", Op::SQLITE_INDEX_CONSTRAINT_ISNULL, "ISNULL"),
    ("v", Op::SQLITE_INDEX_CONSTRAINT_ISNOTNULL, "NOTNULL"),
];

/// True if a comparison with the first of these values, or under `i` with one of them, comes out as the operator asks;
/// `None` for an operator that compares nothing.
pub fn passes(
    operator: &str,
    values: &[Value],
    compare: impl Fn(&Value) -> Option<Ordering>,
) -> Option<bool> {
    let is = |wanted: fn(Ordering) -> bool| {
        let compared = values.first().and_then(&compare);
        Some(compared.is_some_and(wanted))
    };
    match operator {
        "=" | "s" => is(Ordering::is_eq),
        "!" => is(Ordering::is_ne),
        "<" => is(Ordering::is_lt),
        "l" => is(Ordering::is_le),
        ">" => is(Ordering::is_gt),
        "g" => is(Ordering::is_ge),
        "i" => Some(values.iter().any(|v| compare(v) == Some(Ordering::Equal))),
        _ => None,
    }
}
