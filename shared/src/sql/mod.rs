//! SQL texts: the files of `sql/` that ship inside, and quoting.

pub mod lexer;
pub mod part;
pub mod table_name;

use crate::Value;
use lexer::{Dialect, Kind};

/// The tables of the changelog, for SQLite.
pub const CHANGELOG: &str = include_str!("../../../sql/changelog.sql");

/// The bookkeeping of the mirror, for DuckDB.
pub const MIRROR: &str = include_str!("../../../sql/mirror.sql");

/// The tables of an agent's memory, for SQLite.
pub const MEMORY_SQLITE: &str = include_str!("../../../sql/memory_sqlite.sql");

/// The tables of an agent's memory, for DuckDB.
pub const MEMORY_DUCKDB: &str = include_str!("../../../sql/memory_duckdb.sql");

/// The tables of a graph of facts, for SQLite.
pub const GRAPH_SQLITE: &str = include_str!("../../../sql/graph_sqlite.sql");

/// The tables of a graph of facts, for DuckDB.
pub const GRAPH_DUCKDB: &str = include_str!("../../../sql/graph_duckdb.sql");

/// A name as a quoted identifier, in both engines.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A name with dots as quoted identifiers, like `main.t`.
pub fn qualified(name: &str) -> String {
    let parts: Vec<String> = name_parts(name).iter().map(|p| identifier(p)).collect();
    parts.join(".")
}

/// The parts of a name with dots: `main.t`, `"my.schema".t`, or either inside single quotes. There is one at least.
pub fn name_parts(name: &str) -> Vec<String> {
    let name = match name
        .trim()
        .strip_prefix('\'')
        .and_then(|n| n.strip_suffix('\''))
    {
        Some(inside) => inside.replace("\'\'", "\'"),
        None => name.trim().to_owned(),
    };
    let push = |parts: &mut Vec<String>, c| {
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    };
    let mut parts = vec![String::new()];
    let mut chars = name.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '"' | '`') => quote = Some(c),
            (None, '[') => quote = Some(']'),
            (None, '.') => parts.push(String::new()),
            (Some(q), c) if c == q && c != ']' && chars.peek() == Some(&c) => {
                chars.next();
                push(&mut parts, c);
            }
            (Some(q), c) if c == q => quote = None,
            (_, c) => push(&mut parts, c),
        }
    }
    parts
}

/// A text as a literal, in both engines.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A value as a literal of DuckDB.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Integer(v) => v.to_string(),
        Value::Real(v) => format!("CAST('{v:?}' AS DOUBLE)"),
        Value::Text(v) if v.contains('\0') => {
            let parts: Vec<String> = v.split('\0').map(literal).collect();
            format!("({})", parts.join(" || chr(0) || "))
        }
        Value::Text(v) => literal(v),
        Value::Blob(v) => {
            let bytes: String = v.iter().map(|byte| format!("\\x{byte:02X}")).collect();
            format!("'{bytes}'::BLOB")
        }
    }
}

/// True if a statement of DuckDB begins like one that only reads; what it is, the engine decides.
pub fn begins_like_a_query(sql: &str) -> bool {
    const WORDS: [&str; 12] = [
        "SELECT",
        "WITH",
        "FROM",
        "VALUES",
        "TABLE",
        "DESCRIBE",
        "DESC",
        "SHOW",
        "SUMMARIZE",
        "EXPLAIN",
        "PIVOT",
        "UNPIVOT",
    ];
    let tokens = lexer::tokens(sql, Dialect::DuckDb);
    let first = tokens.iter().find(|t| t.kind != Kind::Sign('('));
    first.is_some_and(|first| WORDS.iter().any(|word| first.is(sql, word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn values_are_literals() {
        for (given, written) in [
            (Value::Null, "NULL"),
            (Value::Integer(-3), "-3"),
            (Value::Real(f64::NEG_INFINITY), "CAST('-inf' AS DOUBLE)"),
            (Value::Real(0.1), "CAST('0.1' AS DOUBLE)"),
            (Value::Text("it's".into()), "'it''s'"),
            (Value::Text("a\0'".into()), "('a' || chr(0) || '''')"),
            (Value::Blob(vec![0, 171]), "'\\x00\\xAB'::BLOB"),
        ] {
            assert_eq!(value(&given), written);
        }
    }

    #[test]
    fn qualified_names_are_quoted_part_by_part() {
        for (name, quoted) in [
            ("t", "\"t\""),
            (" main.t ", "\"main\".\"t\""),
            ("'main.t'", "\"main\".\"t\""),
            ("\"a.b\".[c d].`e`", "\"a.b\".\"c d\".\"e\""),
            ("\"a\"\"b\"", "\"a\"\"b\""),
        ] {
            assert_eq!(qualified(name), quoted, "{name}");
        }
    }

    #[test]
    fn queries_are_known_by_their_first_word() {
        for sql in [
            "select 1",
            " (SELECT 1)",
            "-- a\n/* b */ ( from t",
            "WITH x AS (SELECT 1) FROM x",
            "values(1)",
        ] {
            assert!(begins_like_a_query(sql), "{sql}");
        }
        for sql in [
            "",
            "-- only a comment",
            "DELETE FROM t",
            "/* SELECT",
            "selection",
            "COPY t TO 'x'",
            "1",
        ] {
            assert!(!begins_like_a_query(sql), "{sql}");
        }
    }
}
