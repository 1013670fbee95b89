//! SQL of other engines, written as this one writes it: `TOP 5`, `FETCH FIRST`, `ILIKE`, `x::text`, names in other quotes,
//! functions of dates and texts, and keywords with a letter too many, too few or exchanged.
//!
//! One thing is changed at a time, and the text is read again. What has no sure translation stays as it was written.

mod calls;
#[cfg(test)]
mod tests;

use std::ops::Range;

use calls::moved;

use crate::sql::identifier;
use crate::sql::lexer::{Dialect, Kind, Token, tokens};

/// Most changes of one text.
const MOST: usize = 64;

/// What was written, and what stands there now.
pub type Changes = Vec<(String, String)>;

/// The text as this engine writes it. `is_name` says what the database has a name for, which is no misspelt keyword.
pub fn rewritten(sql: &str, dialect: Dialect, is_name: &dyn Fn(&str) -> bool) -> (String, Changes) {
    let mut text = sql.to_owned();
    let mut changes = Changes::new();
    for _ in 0..MOST {
        let read = Text {
            sql: &text,
            tokens: tokens(&text, dialect),
            dialect,
        };
        let found = read
            .keyword(is_name)
            .or_else(|| read.statement())
            .or_else(|| read.sign())
            .or_else(|| read.call());
        let Some(mut parts) = found else {
            break;
        };
        let said = parts
            .iter()
            .max_by_key(|(range, new)| range.len() + new.len());
        if let Some((range, new)) = said {
            changes.push((text[range.clone()].to_owned(), new.clone()));
        }
        parts.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (range, new) in parts {
            text.replace_range(range, &new);
        }
    }
    (text, changes)
}

/// Parts of the text, and what takes their place.
type Parts = Vec<(Range<usize>, String)>;

struct Text<'a> {
    sql: &'a str,
    tokens: Vec<Token>,
    dialect: Dialect,
}

/// Keywords that are looked for where another word stands.
const KEYWORDS: [&str; 7] = [
    "select", "from", "where", "group", "order", "having", "limit",
];

impl Text<'_> {
    fn sqlite(&self) -> bool {
        self.dialect == Dialect::Sqlite
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|t| t.is(self.sql, word))
    }

    fn any(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|w| self.is(at, w))
    }

    fn sign_at(&self, at: usize, sign: char) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|t| t.kind == Kind::Sign(sign))
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|t| t.kind)
    }

    /// What the tokens from one to another, without it, say.
    fn text(&self, from: usize, to: usize) -> &str {
        let range = self.range(from, to);
        &self.sql[range]
    }

    fn range(&self, from: usize, to: usize) -> Range<usize> {
        let start = self
            .tokens
            .get(from)
            .map_or(self.sql.len(), |t| t.span.start);
        let end = to.checked_sub(1).and_then(|i| self.tokens.get(i));
        start..end.map_or(start, |t| t.span.end).max(start)
    }

    /// The place of the parenthesis that closes the one here.
    fn closes(&self, open: usize) -> Option<usize> {
        let mut depth = 0;
        for at in open..self.tokens.len() {
            depth += i32::from(self.sign_at(at, '(')) - i32::from(self.sign_at(at, ')'));
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }

    /// Where the SELECT that has this token ends: its parenthesis, its semicolon, or the text.
    fn ends(&self, at: usize) -> usize {
        let mut depth = 0;
        for i in at..self.tokens.len() {
            depth += i32::from(self.sign_at(i, '(')) - i32::from(self.sign_at(i, ')'));
            if depth < 0 || self.sign_at(i, ';') {
                return i;
            }
        }
        self.tokens.len()
    }

    /// `SELEC`, `FORM`, `GRUOP BY`.
    fn keyword(&self, is_name: &dyn Fn(&str) -> bool) -> Option<Parts> {
        let seen = |word: &str| self.tokens.iter().any(|t| t.is(self.sql, word));
        for (at, token) in self.tokens.iter().enumerate() {
            let word = token.text(self.sql).to_lowercase();
            let named = at > 0 && self.is(at - 1, "as");
            if token.kind != Kind::Word
                || named
                || word.len() < 4
                || KEYWORDS.contains(&word.as_str())
            {
                continue;
            }
            let near = KEYWORDS
                .iter()
                .find(|k| strsim::osa_distance(k, &word) == 1);
            let Some(&keyword) = near.filter(|_| at == 0 || !is_name(&word)) else {
                continue;
            };
            let number = matches!(self.kind(at + 1), Some(Kind::Number | Kind::Param));
            let begins_name = matches!(
                self.kind(at + 1),
                Some(Kind::Word | Kind::Quoted | Kind::DoubleQuoted | Kind::Sign('('))
            );
            let fits = match keyword {
                "select" => at == 0 || self.sign_at(at - 1, '('),
                "from" => at > 1 && begins_name && !seen("from"),
                "where" | "having" => at > 2 && begins_name && seen("from") && !seen(keyword),
                "limit" => number && at > 2,
                _ => self.is(at + 1, "by"),
            };
            if fits {
                return Some(vec![(token.span.clone(), keyword.to_uppercase())]);
            }
        }
        None
    }

    /// `TOP 5`, `FETCH FIRST 5 ROWS ONLY`, `LIMIT 5, 10`, a comma before FROM.
    fn statement(&self) -> Option<Parts> {
        for at in 0..self.tokens.len() {
            if self.is(at, "top") && at > 0 && self.any(at - 1, &["select", "distinct", "all"]) {
                let (count, after) = if self.sign_at(at + 1, '(') {
                    let close = self.closes(at + 1)?;
                    (self.text(at + 2, close), close + 1)
                } else {
                    (self.text(at + 1, at + 2), at + 2)
                };
                let bound = |t: &Token| t.is(self.sql, "limit") || t.is(self.sql, "percent");
                if count.bytes().all(|b| b.is_ascii_digit()) && !self.tokens.iter().any(bound) {
                    let end = self.range(at, self.ends(at)).end;
                    let start = self.tokens[at].span.start;
                    let next = self
                        .tokens
                        .get(after)
                        .map_or(self.sql.len(), |t| t.span.start);
                    return Some(vec![
                        (end..end, format!(" LIMIT {count}")),
                        (start..next, String::new()),
                    ]);
                }
            }
            if self.is(at, "fetch") && self.any(at + 1, &["first", "next"]) {
                let number = self.kind(at + 2) == Some(Kind::Number);
                let rows = at + 2 + usize::from(number);
                if self.any(rows, &["row", "rows"]) && self.is(rows + 1, "only") {
                    let count = if number {
                        self.text(at + 2, at + 3)
                    } else {
                        "1"
                    };
                    let skips =
                        at >= 3 && self.any(at - 1, &["row", "rows"]) && self.is(at - 3, "offset");
                    return Some(if skips {
                        let offset = self.text(at - 2, at - 1);
                        let new = format!("LIMIT {count} OFFSET {offset}");
                        vec![(self.range(at - 3, rows + 2), new)]
                    } else {
                        vec![(self.range(at, rows + 2), format!("LIMIT {count}"))]
                    });
                }
            }
            let number = |at| self.kind(at) == Some(Kind::Number);
            if !self.sqlite()
                && self.is(at, "limit")
                && number(at + 1)
                && self.sign_at(at + 2, ',')
                && number(at + 3)
            {
                let (offset, count) = (self.text(at + 1, at + 2), self.text(at + 3, at + 4));
                let new = format!("LIMIT {count} OFFSET {offset}");
                return Some(vec![(self.range(at, at + 4), new)]);
            }
            if self.sign_at(at, ',') && self.any(at + 1, &["from", "where", "group", "order"]) {
                return Some(vec![(self.range(at, at + 1), String::new())]);
            }
        }
        None
    }

    /// Operators and quotes.
    fn sign(&self) -> Option<Parts> {
        for at in 0..self.tokens.len() {
            if self.sqlite() && self.is(at, "ilike") {
                return Some(vec![(self.range(at, at + 1), "LIKE".into())]);
            }
            if self.sign_at(at, '&') && self.sign_at(at + 1, '&') {
                return Some(vec![(self.range(at, at + 2), "AND".into())]);
            }
            if self.sqlite() && at > 0 && self.sign_at(at, ':') {
                // `x::text` is a colon and a parameter.
                let ty = self.tokens.get(at + 1).filter(|t| t.kind == Kind::Param);
                if let Some(ty) = ty.and_then(|t| t.text(self.sql).strip_prefix(':')) {
                    let from = self.operand(at)?;
                    let of = self.text(from, at);
                    let new = match ty.to_lowercase().as_str() {
                        "date" => format!("date({of})"),
                        "timestamp" | "timestamptz" | "datetime" => format!("datetime({of})"),
                        _ => format!("CAST({of} AS {})", ty.to_uppercase()),
                    };
                    return Some(vec![(self.range(from, at + 2), new)]);
                }
            }
            if !self.sqlite() && self.sign_at(at, '`') {
                let close = (at + 1..self.tokens.len()).find(|i| self.sign_at(*i, '`'))?;
                let name = self.text(at + 1, close);
                return Some(vec![(self.range(at, close + 1), identifier(name))]);
            }
            let after_value = at > 0 && self.ends_value(at - 1);
            if !self.sqlite() && self.sign_at(at, '[') && !after_value {
                // A list has commas, numbers or texts in it.
                let close = (at + 1..self.tokens.len()).find(|i| self.sign_at(*i, ']'))?;
                let words = (at + 1..close).all(|i| self.kind(i) == Some(Kind::Word));
                if words && close > at + 1 {
                    let name = self.text(at + 1, close);
                    return Some(vec![(self.range(at, close + 1), identifier(name))]);
                }
            }
            if self.sqlite()
                && at > 1
                && self.is(at, "interval")
                && (self.sign_at(at - 1, '-') || self.sign_at(at - 1, '+'))
            {
                let (count, unit, end) = self.interval(at)?;
                let from = self.operand(at - 1)?;
                let sign = self.text(at - 1, at);
                let new = moved(self.text(from, at - 1), sign, count, unit)?;
                return Some(vec![(self.range(from, end), new)]);
            }
        }
        None
    }

    /// Whether a value may end here, so that what follows belongs to it.
    fn ends_value(&self, at: usize) -> bool {
        match self.kind(at) {
            Some(Kind::Word) => !self.any(
                at,
                &[
                    "select", "from", "where", "by", "and", "or", "on", "join", "as", "distinct",
                    "having", "in", "not", "then", "else", "when", "case", "like", "between",
                ],
            ),
            Some(Kind::Sign(c)) => matches!(c, ')' | ']'),
            Some(_) => true,
            None => false,
        }
    }

    /// Where the value that ends before this place begins: a name with its table, a literal, a call, a parenthesis.
    fn operand(&self, end: usize) -> Option<usize> {
        let last = end.checked_sub(1)?;
        let mut at = last;
        if self.sign_at(last, ')') {
            at = (0..last)
                .rev()
                .find(|i| self.sign_at(*i, '(') && self.closes(*i) == Some(last))?;
            if at > 0 && self.kind(at - 1) == Some(Kind::Word) && self.ends_value(at - 1) {
                at -= 1;
            }
        } else if !self.ends_value(last) {
            return None;
        }
        while at >= 2 && self.sign_at(at - 1, '.') {
            at -= 2;
        }
        Some(at)
    }

    /// `INTERVAL '7 days'`, `INTERVAL 7 DAY`: how many, of what, and where it ends.
    fn interval(&self, at: usize) -> Option<(i64, &str, usize)> {
        let quoted = self.kind(at + 1) == Some(Kind::Text);
        let said = self.text(at + 1, at + 2).trim_matches('\'');
        let mut parts = said.split_whitespace();
        let count = parts.next()?.parse().ok()?;
        match parts.next() {
            Some(unit) if quoted && parts.next().is_none() => Some((count, unit, at + 2)),
            None => Some((count, self.text(at + 2, at + 3), at + 3)),
            _ => None,
        }
    }
}
