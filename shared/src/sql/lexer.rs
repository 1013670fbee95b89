//! The one lexer of SQL: where each token of a text stands, and of what kind it is, in SQLite's SQL and in DuckDB's.
//!
//! It finds tokens, it does not judge them: whether a number or a character is one that an engine takes is for those
//! who read the tokens. A quote or comment that does not end reaches to the end of the text.

use std::ops::Range;

/// Whose SQL a text is. They differ in what quotes and begins a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Names also in `` ` `` and `[]`; parameters also as `:name` and `@name`.
    Sqlite,
    /// Texts also in `$$` or `$tag$`, and with escapes as `E'\''`; comments in `/* */` can be nested.
    DuckDb,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bare word: a keyword or a name.
    Word,
    /// What begins like a number, with all letters and digits that follow.
    Number,
    /// Something in double quotes: a name, or for SQLite a text if nothing has this name.
    DoubleQuoted,
    /// A name in `` ` `` or `[]`.
    Quoted,
    /// A text in single quotes, or between two `$tag$`.
    Text,
    /// A text with a prefix that says how to read it: `x'00'`, `E'\n'`.
    Prefixed,
    /// A parameter: `?`, `?1`, `$1`, `$name`, `:name`, `@name`.
    Param,
    /// Any other character.
    Sign(char),
}

/// A token: its kind and its place in the text, in bytes. It is never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub span: Range<usize>,
}

impl Token {
    /// The token as written in this text, which is the one that was read.
    pub fn text<'a>(&self, sql: &'a str) -> &'a str {
        &sql[self.span.clone()]
    }

    /// True for this bare word, in any case.
    pub fn is(&self, sql: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.text(sql).eq_ignore_ascii_case(word)
    }

    /// True unless it is in quotes of SQLite's that do not end.
    pub fn is_closed(&self, sql: &str) -> bool {
        let quoted = match self.kind {
            Kind::Prefixed => &self.text(sql)[1..],
            Kind::Text | Kind::DoubleQuoted | Kind::Quoted => self.text(sql),
            _ => return true,
        };
        let close = match quoted.chars().next() {
            Some('[') => return quoted.ends_with(']'),
            Some(quote) => quote,
            None => return true,
        };
        // Inside each quote is doubled.
        let inside = quoted[1..].strip_suffix(close);
        inside.is_some_and(|inside| inside.matches(close).count() % 2 == 0)
    }

    /// What stands between the quotes of a [`Kind::DoubleQuoted`], [`Kind::Quoted`] or [`Kind::Text`] token, with
    /// doubled quotes made one; other tokens as written.
    pub fn unquoted(&self, sql: &str) -> String {
        let written = self.text(sql);
        let quote = match (self.kind, written.chars().next()) {
            (Kind::DoubleQuoted | Kind::Quoted | Kind::Text, Some(quote)) => quote,
            _ => return written.to_owned(),
        };
        if quote == '$' {
            let tag = written[1..].find('$').map_or(written.len(), |i| i + 2);
            return written
                .get(tag..written.len().saturating_sub(tag))
                .unwrap_or_default()
                .to_owned();
        }
        let close = if quote == '[' { ']' } else { quote };
        let inside = &written[1..];
        let inside = inside.strip_suffix(close).unwrap_or(inside);
        if quote == '[' {
            inside.to_owned()
        } else {
            inside.replace(&format!("{quote}{quote}"), &quote.to_string())
        }
    }
}

/// The tokens of a text, without spaces and comments, in order. Takes time in proportion to its length.
pub fn tokens(sql: &str, dialect: Dialect) -> Vec<Token> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = sql[at..].chars().next() {
        let rest = &sql[at..];
        if let Some(length) = blank(rest, first, dialect) {
            at += length;
            continue;
        }
        let (kind, length) = token(rest, first, dialect);
        found.push(Token {
            kind,
            span: at..at + length,
        });
        at += length;
    }
    found
}

/// The text up to the end of its last token that is no semicolon: what can stand in parentheses, or be followed by
/// more. Comments and semicolons at its end are left out.
pub fn without_end(sql: &str, dialect: Dialect) -> &str {
    let tokens = tokens(sql, dialect);
    let last = tokens.iter().rev().find(|t| t.kind != Kind::Sign(';'));
    last.map_or("", |t| &sql[..t.span.end])
}

/// The length of the space or comment at the start.
fn blank(rest: &str, first: char, dialect: Dialect) -> Option<usize> {
    let all = rest.len();
    if rest.starts_with("--") {
        return Some(rest.find('\n').map_or(all, |i| i + 1));
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        return Some(match dialect {
            Dialect::Sqlite => comment.find("*/").map_or(all, |i| i + 4),
            Dialect::DuckDb => nested_comment(rest),
        });
    }
    let is_space = match dialect {
        Dialect::Sqlite => matches!(first, ' ' | '\t' | '\n' | '\r' | '\x0c'),
        Dialect::DuckDb => first.is_whitespace(),
    };
    (is_space || first == '\u{feff}').then_some(first.len_utf8())
}

/// The length of a comment that may have others in it.
fn nested_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        let Some(i) = rest[at..].find(['*', '/']) else {
            return rest.len();
        };
        at += i;
        let step = match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => 1,
            Some(b"*/") => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
        if depth == 0 {
            return at;
        }
    }
}

/// The kind and the length of the token at the start.
fn token(rest: &str, first: char, dialect: Dialect) -> (Kind, usize) {
    let duckdb = dialect == Dialect::DuckDb;
    let word = || rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    match first {
        '\'' => (Kind::Text, quoted(rest, '\'')),
        '"' => (Kind::DoubleQuoted, quoted(rest, '"')),
        '`' if !duckdb => (Kind::Quoted, quoted(rest, '`')),
        '[' if !duckdb => (Kind::Quoted, rest.find(']').map_or(rest.len(), |i| i + 1)),
        'x' | 'X' if rest[1..].starts_with('\'') => (Kind::Prefixed, 1 + quoted(&rest[1..], '\'')),
        'b' | 'B' if duckdb && rest[1..].starts_with('\'') => {
            (Kind::Prefixed, 1 + quoted(&rest[1..], '\''))
        }
        'e' | 'E' if duckdb && rest[1..].starts_with('\'') => (Kind::Prefixed, escaped(rest)),
        '0'..='9' => (Kind::Number, number(rest)),
        '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => (Kind::Number, number(rest)),
        '?' => {
            let digits = rest[1..].find(|c: char| !c.is_ascii_digit());
            (Kind::Param, digits.map_or(rest.len(), |i| i + 1))
        }
        '$' if duckdb && let Some(length) = dollar_quoted(rest) => (Kind::Text, length),
        '$' | ':' | '@' if first == '$' || !duckdb => {
            let name = rest[1..]
                .find(|c| !is_word(c))
                .map_or(rest.len(), |i| i + 1);
            if name > 1 {
                (Kind::Param, name)
            } else {
                (Kind::Sign(first), 1)
            }
        }
        c if is_word(c) => (Kind::Word, word()),
        c => (Kind::Sign(c), c.len_utf8()),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// The length of a quoted token, in which the quote itself is doubled.
fn quoted(rest: &str, quote: char) -> usize {
    let mut at = 1;
    loop {
        let Some(i) = rest[at..].find(quote) else {
            return rest.len();
        };
        at += i + 1;
        if !rest[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
}

/// The length of a text like `E'it\'s'`.
fn escaped(rest: &str) -> usize {
    let mut at = 2;
    loop {
        let Some(i) = rest[at..].find(['\\', '\'']) else {
            return rest.len();
        };
        at += i + 1;
        let escapes = rest[..at].ends_with('\\');
        match rest[at..].chars().next() {
            Some(next) if escapes || next == '\'' => at += next.len_utf8(),
            None if escapes => return at,
            _ => return at,
        }
    }
}

/// The length of a text between two `$tag$`; `None` if no such tag begins here.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let end = rest[1..].find(|c| !is_word(c) || c == '$')? + 1;
    let tag = rest.get(..=end).filter(|tag| tag.ends_with('$'))?;
    if tag[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let close = rest[tag.len()..].find(tag);
    Some(close.map_or(rest.len(), |i| i + 2 * tag.len()))
}

/// The length of a number, with a sign in its exponent.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let hex = bytes.len() > 1 && bytes[0] == b'0' && matches!(bytes[1], b'x' | b'X');
    let mut at = 0;
    while let Some(c) = rest[at..].chars().next() {
        let exponent =
            !hex && matches!(c, 'e' | 'E') && matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        if exponent && bytes.get(at + 2).is_some_and(u8::is_ascii_digit) {
            at += 2;
        } else if is_word(c) || c == '.' {
            at += c.len_utf8();
        } else {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::Dialect::{DuckDb, Sqlite};
    use super::*;

    fn kinds(sql: &str, dialect: Dialect) -> Vec<(Kind, &str)> {
        tokens(sql, dialect)
            .into_iter()
            .map(|t| (t.kind, &sql[t.span]))
            .collect()
    }

    #[test]
    fn each_kind_in_both_dialects() {
        for dialect in [Sqlite, DuckDb] {
            let sql = "sElect_1 -- a ' comment\n\"a\"\"b\" /* \" */ 'it''s' x'0a' 1.5e-3 .5 0x1F ?2 $n é ;";
            let expected = [
                (Kind::Word, "sElect_1"),
                (Kind::DoubleQuoted, "\"a\"\"b\""),
                (Kind::Text, "'it''s'"),
                (Kind::Prefixed, "x'0a'"),
                (Kind::Number, "1.5e-3"),
                (Kind::Number, ".5"),
                (Kind::Number, "0x1F"),
                (Kind::Param, "?2"),
                (Kind::Param, "$n"),
                (Kind::Word, "é"),
                (Kind::Sign(';'), ";"),
            ];
            assert_eq!(kinds(sql, dialect), expected, "{dialect:?}");
        }
    }

    #[test]
    fn where_the_dialects_differ() {
        assert_eq!(kinds("[a b]", Sqlite), [(Kind::Quoted, "[a b]")]);
        assert_eq!(kinds("[a]", DuckDb).len(), 3);
        assert_eq!(kinds("`a``b`", Sqlite), [(Kind::Quoted, "`a``b`")]);
        assert_eq!(
            kinds(":a @b", Sqlite),
            [(Kind::Param, ":a"), (Kind::Param, "@b")]
        );
        assert_eq!(kinds("a::INT", DuckDb).len(), 4);
        assert_eq!(
            kinds("$$a ' b$$ $t$ $$ $t$", DuckDb),
            [(Kind::Text, "$$a ' b$$"), (Kind::Text, "$t$ $$ $t$")]
        );
        assert_eq!(
            kinds("$1 $a", DuckDb),
            [(Kind::Param, "$1"), (Kind::Param, "$a")]
        );
        assert_eq!(
            kinds(r"E'it\'s \\' a", DuckDb),
            [(Kind::Prefixed, r"E'it\'s \\'"), (Kind::Word, "a")]
        );
        assert_eq!(kinds("/* a /* b */ c */ d", DuckDb), [(Kind::Word, "d")]);
        assert_eq!(kinds("/* a /* b */ c", Sqlite), [(Kind::Word, "c")]);
    }

    #[test]
    fn quotes_that_do_not_end_reach_to_the_end() {
        for sql in ["'a", "\"a", "`a", "[a", "'a''", "x'0", "/* a", "-- a"] {
            assert!(tokens(sql, Sqlite).len() <= 1, "{sql}");
        }
        for sql in ["E'a\\", "E'a\\'", "$$a", "$t$ $", "/* /* */"] {
            assert!(tokens(sql, DuckDb).len() <= 1, "{sql}");
        }
    }

    #[test]
    fn quotes_that_end() {
        for sql in ["'a'", "''", "'a'''", "\"a\"", "[a]", "x'0'", "word", "''''"] {
            assert!(tokens(sql, Sqlite)[0].is_closed(sql), "{sql}");
        }
        for sql in ["'", "'a", "'a''", "'''", "\"a", "[a", "x'0", "x'"] {
            assert!(!tokens(sql, Sqlite)[0].is_closed(sql), "{sql}");
        }
    }

    #[test]
    fn what_is_between_quotes() {
        for (sql, inside) in [
            ("\"a\"\"b\"", "a\"b"),
            ("`a``b`", "a`b"),
            ("[a]", "a"),
            ("'it''s'", "it's"),
            ("word", "word"),
            ("'open", "open"),
            ("''", ""),
            ("'", ""),
        ] {
            assert_eq!(tokens(sql, Sqlite)[0].unquoted(sql), inside, "{sql}");
        }
        for (sql, inside) in [("$$a$$", "a"), ("$t$a$t$", "a"), ("$$", ""), ("$t$", "")] {
            assert_eq!(tokens(sql, DuckDb)[0].unquoted(sql), inside, "{sql}");
        }
    }

    #[test]
    fn the_end_of_a_statement_is_left_out() {
        for (sql, body) in [
            ("SELECT 1", "SELECT 1"),
            ("SELECT 1 ; -- all", "SELECT 1"),
            ("SELECT ';' ;; /* ; */ ", "SELECT ';'"),
            ("SELECT 1 -- a; b\n + 2;", "SELECT 1 -- a; b\n + 2"),
            (" ; ", ""),
        ] {
            assert_eq!(without_end(sql, DuckDb), body, "{sql}");
        }
    }

    /// Texts of pieces that mean something to a lexer, from a fixed seed.
    fn texts(count: usize) -> impl Iterator<Item = String> {
        const PIECES: [&str; 36] = [
            "'", "''", "\"", "`", "[", "]", "$", "$$", "$t$", "--", "/*", "*/", "\n", " ", "\\",
            "E'", "x'", "?", "?1", ":", "@", "#", ";", ".", "1", "e", "e+", "0x", "a", "é", "表",
            "\u{a0}", "\u{feff}", "(", "||", "\0",
        ];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..count).map(move |_| {
            let length = next() % 12;
            (0..length)
                .map(|_| PIECES[next() as usize % PIECES.len()])
                .collect()
        })
    }

    #[test]
    fn any_text_is_read_whole() {
        for sql in texts(200_000) {
            for dialect in [Sqlite, DuckDb] {
                let found = tokens(&sql, dialect);
                let mut end = 0;
                for token in &found {
                    assert!(
                        end <= token.span.start && token.span.start < token.span.end,
                        "{sql:?}"
                    );
                    // Between two tokens nothing is left that would be one.
                    assert_eq!(tokens(&sql[end..token.span.start], dialect), [], "{sql:?}");
                    end = token.span.end;
                    token.unquoted(&sql);
                }
                assert_eq!(tokens(&sql[end..], dialect), [], "{sql:?}");
                // A token alone is the same token.
                for token in &found {
                    let alone = tokens(token.text(&sql), dialect);
                    assert_eq!(alone.len(), 1, "{sql:?} {token:?}");
                    assert_eq!(alone[0].kind, token.kind, "{sql:?}");
                }
                let body = without_end(&sql, dialect);
                assert_eq!(without_end(body, dialect), body, "{sql:?}");
            }
        }
    }
}
