//! SQLite's SQL as tokens, and the shape of a statement: its text without its values.

use crate::sql::lexer::{self, Dialect, Kind};

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A bare word: a keyword or a name, as written.
    Word(String),
    /// A name in `` ` `` or `[]`, without the quotes.
    Quoted(String),
    /// A name in `"`, without the quotes, or what SQLite takes for a text if nothing has this name.
    DoubleQuoted(String),
    /// A text literal, without quotes.
    Text(String),
    /// A blob literal.
    Blob(Vec<u8>),
    /// An integer of 64 bits.
    Integer(i64),
    /// A number with its text: a real, or an integer that is too large.
    Real(String),
    /// A parameter: `?`, `?3`, `:name`, `@name`, `$name`.
    Param(String),
    /// An operator or a punctuation mark.
    Op(&'static str),
}

impl Token {
    /// True for this bare word, in any case.
    pub fn is(&self, keyword: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// Operators, the longer first.
const OPERATORS: [&str; 26] = [
    "->>", "->", "||", "<<", ">>", "<=", ">=", "<>", "!=", "==", "(", ")", ",", ";", ".", "+", "-",
    "*", "/", "%", "<", ">", "=", "&", "|", "~",
];

/// Reads a text; `None` where SQLite would find a token that it does not know, or one that we do not.
pub fn tokens(sql: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    // The end of the last operator, which can be of several signs.
    let mut read = 0;
    for token in lexer::tokens(sql, Dialect::Sqlite) {
        if token.span.start < read {
            continue;
        }
        token.is_closed(sql).then_some(())?;
        let written = token.text(sql);
        found.push(match token.kind {
            Kind::Word => Token::Word(written.to_owned()),
            Kind::Quoted => Token::Quoted(token.unquoted(sql)),
            Kind::DoubleQuoted => Token::DoubleQuoted(token.unquoted(sql)),
            Kind::Text => Token::Text(token.unquoted(sql)),
            Kind::Prefixed => Token::Blob(bytes(written.get(2..written.len() - 1)?)?),
            Kind::Number => number(written)?,
            Kind::Param => Token::Param(written.to_owned()),
            Kind::Sign(_) => {
                let rest = &sql[token.span.start..];
                let operator = OPERATORS.into_iter().find(|o| rest.starts_with(o))?;
                read = token.span.start + operator.len();
                Token::Op(operator)
            }
        });
    }
    Some(found)
}

/// A number of plain digits. `0x10`, `1_000` and `12abc` are numbers or errors of some versions only.
fn number(text: &str) -> Option<Token> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            (mantissa, Some(exponent))
        }
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let right = digits(whole) && digits(fraction);
    (right && exponent.is_none_or(|e| !e.is_empty() && digits(e))).then_some(())?;
    let integer = if mantissa.contains('.') || exponent.is_some() {
        None
    } else {
        text.parse().ok()
    };
    Some(integer.map_or_else(|| Token::Real(text.to_owned()), Token::Integer))
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then_some(())?;
    Some(digits.chunks(2).map(|d| d[0] * 16 + d[1]).collect())
}

/// The text of the statement with `?` for every value, one space between tokens, and bare words in lower case:
/// statements of one shape do the same work with other values.
pub fn shape(tokens: &[Token]) -> String {
    let mut shape = String::new();
    for token in tokens {
        match token {
            Token::Word(word) => shape.push_str(&word.to_ascii_lowercase()),
            Token::Quoted(name) | Token::DoubleQuoted(name) => {
                shape.push_str(&crate::sql::identifier(name));
            }
            Token::Op(operator) => shape.push_str(operator),
            _ => shape.push('?'),
        }
        shape.push(' ');
    }
    shape
}

/// True if the text looks like a number to SQLite's affinities.
pub fn is_numeric(text: &str) -> bool {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    match text.as_bytes().first() {
        Some(b'0'..=b'9' | b'.') => text.parse::<f64>().is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_every_kind() {
        let sql = "select \"a\"\"b\", [c d], 'it''s', x'0aFF', 1, 1.5e-3, .5, ?2, :n -- end\n/* b */ ||->>!=";
        let expected = [
            Token::Word("select".into()),
            Token::DoubleQuoted("a\"b".into()),
            Token::Op(","),
            Token::Quoted("c d".into()),
            Token::Op(","),
            Token::Text("it's".into()),
            Token::Op(","),
            Token::Blob(vec![10, 255]),
            Token::Op(","),
            Token::Integer(1),
            Token::Op(","),
            Token::Real("1.5e-3".into()),
            Token::Op(","),
            Token::Real(".5".into()),
            Token::Op(","),
            Token::Param("?2".into()),
            Token::Op(","),
            Token::Param(":n".into()),
            Token::Op("||"),
            Token::Op("->>"),
            Token::Op("!="),
        ];
        assert_eq!(tokens(sql).as_deref(), Some(&expected[..]));
    }

    #[test]
    fn what_is_no_token_is_none() {
        for sql in [
            "'open", "\"open", "[open", "0x10", "1a", "x'0'", "#", "1e", ": a",
        ] {
            assert_eq!(tokens(sql), None, "{sql}");
        }
    }

    #[test]
    fn one_shape_for_all_values() {
        let shape = |sql| shape(&tokens(sql).unwrap_or_default());
        assert_eq!(
            shape("SELECT a FROM t WHERE b = 1 AND c='x'"),
            shape("select a\nfrom t where B=2.5 and c = :name")
        );
        assert_ne!(shape("SELECT a FROM t"), shape("SELECT b FROM t"));
        assert_ne!(shape("SELECT \"A\" FROM t"), shape("SELECT \"a\" FROM t"));
    }

    #[test]
    fn numbers_as_affinities_see_them() {
        for text in ["1", " -1.5e3 ", "+.5", "5.", "1e5"] {
            assert!(is_numeric(text), "{text}");
        }
        for text in ["", "2010-01-01", "abc", "inf", "nan", "1 2", "0x10", "-"] {
            assert!(!is_numeric(text), "{text}");
        }
    }
}
