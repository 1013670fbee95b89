//! The text of a CREATE INDEX statement, taken apart: its terms and its WHERE clause. SQLite's pragmas name the
//! columns of an index, but not its expressions.

use crate::sql::lexer::{self, Dialect, Kind, Token};

/// The parts of a CREATE INDEX statement, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexText {
    /// What is indexed, in order, without ASC and DESC.
    pub terms: Vec<String>,
    /// The condition of a partial index.
    pub condition: Option<String>,
}

fn tokens(sql: &str) -> Vec<Token> {
    lexer::tokens(sql, Dialect::Sqlite)
}

impl IndexText {
    /// Takes a CREATE INDEX statement apart; `None` if it is none.
    pub fn parse(sql: &str) -> Option<IndexText> {
        let tokens = tokens(sql);
        let on = tokens.iter().position(|t| t.is(sql, "ON"))?;
        // After ON the table, then the list.
        let open = on + 2;
        if tokens.get(open)?.kind != Kind::Sign('(') {
            return None;
        }
        let mut terms = Vec::new();
        let (mut depth, mut first) = (1, open + 1);
        let mut close = None;
        for (i, token) in tokens.iter().enumerate().skip(open + 1) {
            match token.kind {
                Kind::Sign('(') => depth += 1,
                Kind::Sign(')') => depth -= 1,
                Kind::Sign(',') if depth == 1 => {
                    terms.push(term(sql, tokens.get(first..i)?)?);
                    first = i + 1;
                }
                _ => {}
            }
            if depth == 0 {
                terms.push(term(sql, tokens.get(first..i)?)?);
                close = Some(i);
                break;
            }
        }
        let condition = match tokens.get(close? + 1..)? {
            [] => None,
            [word, rest @ ..] if word.is(sql, "WHERE") => Some(text(sql, rest)?),
            _ => return None,
        };
        Some(IndexText { terms, condition })
    }
}

/// One term of the list, without its direction.
fn term(sql: &str, tokens: &[Token]) -> Option<String> {
    match tokens {
        [rest @ .., last] if last.is(sql, "ASC") || last.is(sql, "DESC") => text(sql, rest),
        all => text(sql, all),
    }
}

fn text(sql: &str, tokens: &[Token]) -> Option<String> {
    Some(sql[tokens.first()?.span.start..tokens.last()?.span.end].to_owned())
}

/// The module of a CREATE VIRTUAL TABLE statement.
pub fn virtual_module(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    // After CREATE VIRTUAL TABLE and a name at least.
    let using = tokens.iter().skip(4).position(|t| t.is(sql, "USING"))? + 4;
    let module = tokens.get(using + 1)?;
    Some(match module.kind {
        Kind::Text => module.text(sql).to_owned(),
        _ => module.unquoted(sql),
    })
}

/// The expressions of the generated columns of a CREATE TABLE statement: what stands in parentheses after AS.
pub fn generated_expressions(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let mut expressions = Vec::new();
    for (i, pair) in tokens.windows(2).enumerate() {
        if !pair[0].is(sql, "AS") || pair[1].kind != Kind::Sign('(') {
            continue;
        }
        let mut depth = 0;
        for token in &tokens[i + 1..] {
            match token.kind {
                Kind::Sign('(') => depth += 1,
                Kind::Sign(')') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                expressions.push(sql[pair[1].span.end..token.span.start].to_owned());
                break;
            }
        }
    }
    expressions
}

/// True if the last column of a table with this CREATE TABLE statement may have come by ADD COLUMN, which writes `, `
/// before it and leaves no space after it. If not, it cannot have been dropped and added again.
pub fn may_have_been_added(sql: &str) -> bool {
    last_column_as_added(sql).unwrap_or(true)
}

/// `None` for a statement that cannot be read.
fn last_column_as_added(sql: &str) -> Option<bool> {
    const CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
    let tokens = tokens(sql);
    let open = tokens.iter().position(|t| t.kind == Kind::Sign('('))?;
    let mut depth = 0;
    // The comma or parenthesis before the element under way, and whether it is the first one.
    let (mut before, mut first) = (open, true);
    let mut last = None;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Sign('(') => depth += 1,
            Kind::Sign(')') => depth -= 1,
            _ => {}
        }
        let ends = depth == 0 || depth == 1 && token.kind == Kind::Sign(',');
        if !ends {
            continue;
        }
        let name = tokens.get(before + 1)?;
        if !CONSTRAINTS.iter().any(|word| name.is(sql, word)) {
            let spaced = &sql[tokens[before].span.end..name.span.start] == " ";
            let tight = !sql[..token.span.start].ends_with(|c: char| c.is_ascii_whitespace());
            last = Some(!first && spaced && tight);
        }
        if depth == 0 {
            return last;
        }
        (before, first) = (i, false);
    }
    None
}

/// True if an expression may name this column.
pub fn mentions(expression: &str, column: &str) -> bool {
    let is_name = |t: &Token| matches!(t.kind, Kind::Word | Kind::DoubleQuoted | Kind::Quoted);
    let tokens = tokens(expression);
    let mut names = tokens.iter().filter(|t| is_name(t));
    names.any(|t| t.unquoted(expression).eq_ignore_ascii_case(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(sql: &str) -> Option<(Vec<String>, Option<String>)> {
        IndexText::parse(sql).map(|i| (i.terms, i.condition))
    }

    fn parts(terms: &[&str], condition: Option<&str>) -> Option<(Vec<String>, Option<String>)> {
        let terms = terms.iter().map(|t| (*t).to_owned()).collect();
        Some((terms, condition.map(str::to_owned)))
    }

    #[test]
    fn indexes_are_taken_apart() {
        assert_eq!(parsed("CREATE UNIQUE INDEX i ON t(a)"), parts(&["a"], None));
        assert_eq!(
            parsed(
                "CREATE UNIQUE INDEX \"x ON (y\" ON [t (] (lower(a), \"b,\" COLLATE NOCASE desc , `c` ASC)"
            ),
            parts(&["lower(a)", "\"b,\" COLLATE NOCASE", "`c`"], None)
        );
        assert_eq!(
            parsed(
                "CREATE INDEX i ON t(a || 'it''s, (', (b /* ) */ + 1)) where a > ')' AND b -- end, )"
            ),
            parts(
                &["a || 'it''s, ('", "(b /* ) */ + 1)"],
                Some("a > ')' AND b")
            )
        );
        assert_eq!(
            parsed("CREATE INDEX é ON tä -- on\n(ä)\nWHERE ä"),
            parts(&["ä"], Some("ä"))
        );
    }

    #[test]
    fn what_is_no_index_is_none() {
        for sql in [
            "",
            "CREATE INDEX i",
            "CREATE INDEX i ON t",
            "CREATE INDEX i ON t(a",
            "CREATE INDEX i ON t()",
            "CREATE INDEX i ON t(a,)",
            "CREATE INDEX i ON t(a) WHERE",
            "CREATE INDEX i ON t(a) HAVING b",
            "CREATE INDEX i ON t(a, 'b",
            "/* CREATE INDEX i ON t(a)",
        ] {
            assert_eq!(parsed(sql), None, "{sql}");
        }
    }

    #[test]
    fn a_column_may_have_been_added_only_as_sqlite_writes_it() {
        for sql in [
            "CREATE TABLE t(a, b)",
            "CREATE TABLE t(a INT PRIMARY KEY,\n  c DECIMAL(1, 2), \"b x\" TEXT DEFAULT (1 + 2))",
            "CREATE TABLE t(a, b TEXT /* last */)",
            "CREATE TABLE t(a, b, PRIMARY KEY (a, b), CHECK (a > b)) WITHOUT ROWID",
            "CREATE TABLE t(a, \"check\")",
            "CREATE TABLE t AS SELECT 1",
        ] {
            assert!(may_have_been_added(sql), "{sql}");
        }
        for sql in [
            "CREATE TABLE t(a)",
            "CREATE TABLE t(a,b)",
            "CREATE TABLE t(\n  a INT,\n  b TEXT\n)",
            "CREATE TABLE t(a, b )",
            "CREATE TABLE t(a, /* c */ b)",
            "CREATE TABLE t(a,  b, UNIQUE (a))",
            "CREATE TABLE t(a, b, c\n, FOREIGN KEY (a) REFERENCES u)",
        ] {
            assert!(!may_have_been_added(sql), "{sql}");
        }
    }

    #[test]
    fn generated_columns_are_found() {
        let sql = "CREATE TABLE t(id, a AS (id + (1)), b TEXT CHECK (CAST(b AS TEXT) > 'AS (x)') -- as (y)\n, \
                   \"as\" GENERATED ALWAYS AS (a || ')') STORED)";
        assert_eq!(generated_expressions(sql), ["id + (1)", "a || ')'"]);
    }

    #[test]
    fn columns_are_found_in_expressions() {
        let expression = "lower(Name) || \"a \"\"b\" || [x y] || 'other' -- last";
        for column in ["name", "A \"b", "x y"] {
            assert!(mentions(expression, column), "{column}");
        }
        for column in ["other", "last", "nam", "x"] {
            assert!(!mentions(expression, column), "{column}");
        }
    }
}
