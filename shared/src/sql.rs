//! SQL texts: the files of `sql/` that ship inside, and quoting.

/// The tables of the changelog, for SQLite.
pub const CHANGELOG: &str = include_str!("../../sql/changelog.sql");

/// The bookkeeping of the mirror, for DuckDB.
pub const MIRROR: &str = include_str!("../../sql/mirror.sql");

/// A name as a quoted identifier, in both engines.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a literal, in both engines.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
    }
}
