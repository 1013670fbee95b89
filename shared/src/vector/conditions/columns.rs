//! Conditions on the columns of one table.

use super::clauses::{TESTS, WORDS, begins_query, closing, is_one_of, name, outside, split};
use crate::route::tokens::Token;

/// What a condition asks of a column.
pub(super) struct Simple<'a> {
    /// Each with one of some operators.
    pub(super) asks: Vec<(String, Vec<&'static str>)>,
    /// What the column is compared with.
    pub(super) other: &'a [Token],
}

/// What names the table and its columns in a SELECT.
pub(super) struct Own {
    pub(super) qualifiers: Vec<String>,
    pub(super) columns: Vec<String>,
    pub(super) rowid: String,
}

impl Own {
    /// The column at the beginning of these tokens, and the number of its tokens.
    fn column(&self, tokens: &[Token]) -> Option<(String, usize)> {
        let mut last = name(tokens.first()?)?;
        let (mut qualifier, mut len) = (None, 1);
        while tokens.get(len) == Some(&Token::Op(".")) {
            qualifier = Some(last);
            last = name(tokens.get(len + 1)?)?;
            len += 2;
        }
        let qualified = qualifier.is_none_or(|q| self.qualifiers.contains(&q));
        if !qualified || tokens.get(len) == Some(&Token::Op("(")) {
            return None;
        }
        if ["rowid", "oid", "_rowid_"].contains(&last.as_str()) {
            last = self.rowid.clone();
        }
        self.columns.contains(&last).then_some((last, len))
    }

    /// True for a condition on `k`.
    pub(super) fn counts(&self, condition: &[Token]) -> bool {
        let simple = self.simple(condition);
        simple.is_some_and(|s| s.asks.iter().any(|(column, _)| column == "k"))
    }

    /// True if a column of the table stands among these tokens.
    pub(super) fn names(&self, tokens: &[Token]) -> bool {
        let begins = |i: usize| i == 0 || tokens[i - 1] != Token::Op(".");
        (0..tokens.len()).any(|i| begins(i) && self.column(&tokens[i..]).is_some())
    }

    /// True if a name of something else stands among them, outside of queries in parentheses.
    pub(super) fn foreign(&self, tokens: &[Token]) -> bool {
        let mut i = 0;
        while i < tokens.len() {
            let rest = &tokens[i..];
            if rest[0] == Token::Op("(") && begins_query(&rest[1..]) {
                i = closing(tokens, i) + 1;
                continue;
            }
            if let Some((_, len)) = self.column(rest) {
                i += len;
                continue;
            }
            if rest[0].is("AS") {
                // The type of a CAST.
                i += rest
                    .iter()
                    .position(|t| *t == Token::Op(")"))
                    .unwrap_or(rest.len());
                continue;
            }
            let dotted = i > 0 && tokens[i - 1] == Token::Op(".");
            let word = match &rest[0] {
                // Alone in quotes, it may be a text.
                Token::DoubleQuoted(_) => dotted,
                Token::Quoted(_) => true,
                Token::Word(_) => !is_one_of(&rest[0], &WORDS) && !is_one_of(&rest[0], &TESTS),
                _ => false,
            };
            let collation = i > 0 && tokens[i - 1].is("COLLATE");
            if word && !collation && rest.get(1) != Some(&Token::Op("(")) {
                return true;
            }
            i += 1;
        }
        false
    }

    /// What a condition asks, if it is one that can be handed over.
    pub(super) fn simple<'a>(&self, condition: &'a [Token]) -> Option<Simple<'a>> {
        let parts = split(condition, "OR");
        if parts.len() > 1 {
            // One of several values of a column: SQLite makes a list of them.
            let mut columns = parts.iter().map(|part| self.compared(part));
            let first = columns.next()??;
            let same = |s: Option<Simple<'_>>| s.is_some_and(|s| s.asks == first.asks);
            let (column, operators) = first.asks.first()?;
            if !operators.contains(&"=") || !columns.all(same) {
                return None;
            }
            return Some(Simple {
                asks: vec![(column.clone(), vec!["IN", "="])],
                other: condition,
            });
        }
        self.compared(condition)
    }

    fn compared<'a>(&self, condition: &'a [Token]) -> Option<Simple<'a>> {
        let simple = |column: String, operators: Vec<&'static str>, other: &'a [Token]| {
            let asks = vec![(column, operators)];
            Some(Simple { asks, other })
        };
        let Some((column, len)) = self.column(condition) else {
            // The other way round: value = column.
            let place = only_comparison(condition)?;
            let (column, len) = self.column(&condition[place + 1..])?;
            let rest = without_collation(&condition[place + 1 + len..]);
            let operator = match &condition[place] {
                Token::Op("<") => ">",
                Token::Op("<=") => ">=",
                Token::Op(">") => "<",
                Token::Op(">=") => "<=",
                other => symbol(other)?,
            };
            return if rest.is_empty() {
                simple(column, vec![operator], &condition[..place])
            } else {
                None
            };
        };
        let rest = without_collation(&condition[len..]);
        let word = |n: usize, w: &str| rest.get(n).is_some_and(|t| t.is(w));
        if let Some(operator) = rest.first().and_then(symbol) {
            let other = &rest[1..];
            return match only_comparison(rest) {
                Some(0) => simple(column, vec![operator], other),
                _ => None,
            };
        }
        let null = |n: usize| word(n, "NULL") && rest.len() == n + 1;
        if null(1) && word(0, "IS") || word(0, "ISNULL") && rest.len() == 1 {
            return simple(column, vec!["ISNULL", "IS"], &[]);
        }
        let not_null = null(2) && word(0, "IS") && word(1, "NOT")
            || null(1) && word(0, "NOT")
            || word(0, "NOTNULL") && rest.len() == 1;
        if not_null {
            return simple(column, vec!["NOTNULL", "IS NOT"], &[]);
        }
        if word(0, "BETWEEN") && split(rest, "AND").len() == 1 {
            return Some(Simple {
                asks: vec![(column.clone(), vec![">="]), (column, vec!["<="])],
                other: &rest[1..],
            });
        }
        let (operators, n): (Vec<&'static str>, usize) = match rest.first()? {
            t if t.is("IN") => (vec!["IN", "="], 1),
            t if t.is("LIKE") => (vec!["LIKE"], 1),
            t if t.is("GLOB") => (vec!["GLOB"], 1),
            t if t.is("REGEXP") => (vec!["REGEXP"], 1),
            t if t.is("MATCH") => (vec!["MATCH"], 1),
            t if t.is("IS") => match (word(1, "NOT"), word(1, "DISTINCT"), word(2, "DISTINCT")) {
                (true, _, true) => (vec!["IS"], 4),
                (true, ..) => (vec!["IS NOT"], 2),
                (_, true, _) => (vec!["IS NOT"], 3),
                _ => (vec!["IS"], 1),
            },
            _ => return None,
        };
        let other = rest.get(n..)?;
        let odd = |t: &Token| {
            is_one_of(t, &["NOT", "TRUE", "FALSE", "ESCAPE"])
                || is_one_of(t, &TESTS)
                || symbol(t).is_some()
        };
        if outside(other).any(odd) {
            None
        } else {
            simple(column, operators, other)
        }
    }
}

/// The operator of a comparison.
pub(super) fn symbol(token: &Token) -> Option<&'static str> {
    match token {
        Token::Op("=" | "==") => Some("="),
        Token::Op("<>" | "!=") => Some("<>"),
        Token::Op("<") => Some("<"),
        Token::Op("<=") => Some("<="),
        Token::Op(">") => Some(">"),
        Token::Op(">=") => Some(">="),
        _ => None,
    }
}

/// The place of the only comparison outside of parentheses, where no other test stands beside it.
pub(super) fn only_comparison(tokens: &[Token]) -> Option<usize> {
    let (mut found, mut i) = (None, 0);
    while i < tokens.len() {
        let token = &tokens[i];
        if *token == Token::Op("(") {
            i = closing(tokens, i);
        } else if symbol(token).is_some() {
            if found.is_some() {
                return None;
            }
            found = Some(i);
        } else if token.is("NOT") || is_one_of(token, &TESTS) {
            return None;
        }
        i += 1;
    }
    found
}

/// Without `COLLATE name` at the beginning.
pub(super) fn without_collation(tokens: &[Token]) -> &[Token] {
    match tokens.first() {
        Some(t) if t.is("COLLATE") => tokens.get(2..).unwrap_or_default(),
        _ => tokens,
    }
}

/// True for `a = b` of any kind, by which tables are joined.
pub(super) fn is_equality(condition: &[Token]) -> bool {
    let equal = |t: &&Token| matches!(t, Token::Op("=" | "=="));
    condition.iter().filter(equal).count() == 1
        && split(condition, "OR").len() == 1
        && !condition.iter().any(|t| t.is("NOT") || t.is("SELECT"))
}
