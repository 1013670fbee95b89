//! The text of a CREATE INDEX statement, taken apart: its terms and its WHERE clause. SQLite's pragmas name the
//! columns of an index, but not its expressions.

/// The parts of a CREATE INDEX statement, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexText {
    /// What is indexed, in order, without ASC and DESC.
    pub terms: Vec<String>,
    /// The condition of a partial index.
    pub condition: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A bare word: a keyword, a name or a number.
    Word,
    /// A name in quotes or brackets.
    Name,
    /// Text in single quotes.
    Text,
    /// Any other character.
    Sign(u8),
}

#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

impl Token {
    fn is(&self, sql: &str, word: &str) -> bool {
        self.kind == Kind::Word && sql[self.start..self.end].eq_ignore_ascii_case(word)
    }
}

/// The tokens of a statement of SQLite, without spaces and comments. Quotes that do not end reach to the end.
fn tokens(sql: &str) -> Vec<Token> {
    let bytes = sql.as_bytes();
    let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') || b >= 0x80;
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let kind = match bytes[at] {
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if bytes[at..].starts_with(b"--") => {
                at = sql[at..].find('\n').map_or(bytes.len(), |n| at + n + 1);
                continue;
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                at = sql[at + 2..].find("*/").map_or(bytes.len(), |n| at + n + 4);
                continue;
            }
            quote @ (b'\'' | b'"' | b'`' | b'[') => {
                let close = if quote == b'[' { b']' } else { quote };
                at += 1;
                while at < bytes.len() {
                    if bytes[at] != close {
                        at += 1;
                    } else if close != b']' && bytes.get(at + 1) == Some(&close) {
                        at += 2;
                    } else {
                        at += 1;
                        break;
                    }
                }
                if quote == b'\'' {
                    Kind::Text
                } else {
                    Kind::Name
                }
            }
            b if is_word(b) => {
                while at < bytes.len() && is_word(bytes[at]) {
                    at += 1;
                }
                Kind::Word
            }
            b => {
                at += 1;
                Kind::Sign(b)
            }
        };
        tokens.push(Token {
            kind,
            start,
            end: at,
        });
    }
    tokens
}

impl IndexText {
    /// Takes a CREATE INDEX statement apart; `None` if it is none.
    pub fn parse(sql: &str) -> Option<IndexText> {
        let tokens = tokens(sql);
        let on = tokens.iter().position(|t| t.is(sql, "ON"))?;
        // After ON the table, then the list.
        let open = on + 2;
        if tokens.get(open)?.kind != Kind::Sign(b'(') {
            return None;
        }
        let mut terms = Vec::new();
        let (mut depth, mut first) = (1, open + 1);
        let mut close = None;
        for (i, token) in tokens.iter().enumerate().skip(open + 1) {
            match token.kind {
                Kind::Sign(b'(') => depth += 1,
                Kind::Sign(b')') => depth -= 1,
                Kind::Sign(b',') if depth == 1 => {
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
    Some(sql[tokens.first()?.start..tokens.last()?.end].to_owned())
}

/// The module of a CREATE VIRTUAL TABLE statement.
pub fn virtual_module(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    // After CREATE VIRTUAL TABLE and a name at least.
    let using = tokens.iter().skip(4).position(|t| t.is(sql, "USING"))? + 4;
    let module = tokens.get(using + 1)?;
    let written = &sql[module.start..module.end];
    Some(match module.kind {
        Kind::Name => unquoted(written),
        _ => written.to_owned(),
    })
}

/// The expressions of the generated columns of a CREATE TABLE statement: what stands in parentheses after AS.
pub fn generated_expressions(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let mut expressions = Vec::new();
    for (i, pair) in tokens.windows(2).enumerate() {
        if !pair[0].is(sql, "AS") || pair[1].kind != Kind::Sign(b'(') {
            continue;
        }
        let mut depth = 0;
        for token in &tokens[i + 1..] {
            match token.kind {
                Kind::Sign(b'(') => depth += 1,
                Kind::Sign(b')') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                expressions.push(sql[pair[1].end..token.start].to_owned());
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
    let open = tokens.iter().position(|t| t.kind == Kind::Sign(b'('))?;
    let mut depth = 0;
    // The comma or parenthesis before the element under way, and whether it is the first one.
    let (mut before, mut first) = (open, true);
    let mut last = None;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Sign(b'(') => depth += 1,
            Kind::Sign(b')') => depth -= 1,
            _ => {}
        }
        let ends = depth == 0 || depth == 1 && token.kind == Kind::Sign(b',');
        if !ends {
            continue;
        }
        let name = tokens.get(before + 1)?;
        if !CONSTRAINTS.iter().any(|word| name.is(sql, word)) {
            let spaced = &sql[tokens[before].end..name.start] == " ";
            let tight = !sql[..token.start].ends_with(|c: char| c.is_ascii_whitespace());
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
    tokens(expression).iter().any(|t| {
        let written = &expression[t.start..t.end];
        match t.kind {
            Kind::Word => written.eq_ignore_ascii_case(column),
            Kind::Name => unquoted(written).eq_ignore_ascii_case(column),
            _ => false,
        }
    })
}

/// A quoted name as it is.
fn unquoted(written: &str) -> String {
    let inner = written
        .get(1..written.len().saturating_sub(1))
        .unwrap_or_default();
    match written.as_bytes().first() {
        Some(b'"') => inner.replace("\"\"", "\""),
        Some(b'`') => inner.replace("``", "`"),
        _ => inner.to_owned(),
    }
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
