//! The operators of conditions that a table of vectors takes over.

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
