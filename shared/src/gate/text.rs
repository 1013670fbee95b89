//! What an engine is given to read: the text without comments, if it is none that would keep the engine busy.

use std::collections::HashMap;

use crate::sql::lexer::{Dialect, Kind, Token, tokens};

/// The longest text, in bytes.
pub const LONGEST: usize = 65_536;
/// The most tokens.
const MOST_TOKENS: usize = 10_000;
/// The most parentheses and the like that are open at a time.
const DEEPEST: usize = 64;
/// How many times the names of a WITH may be put in for each other, all together: engines copy them.
const MOST_COPIES: u64 = 1_000;

/// The text without comments, semicolons at its end, and with one space where there were several. Errors with
/// the reason if it is none for an engine to read.
pub fn normalized(sql: &str, dialect: Dialect) -> Result<String, String> {
    if sql.len() > LONGEST {
        return Err(format!(
            "the text has {} bytes; the gate takes {LONGEST}",
            sql.len()
        ));
    }
    if sql.contains('\0') {
        return Err("the text has a NUL character".into());
    }
    let mut tokens = tokens(sql, dialect);
    while tokens.last().is_some_and(|t| t.kind == Kind::Sign(';')) {
        tokens.pop();
    }
    if tokens.is_empty() {
        return Err("the text is empty; give one SELECT".into());
    }
    if tokens.len() > MOST_TOKENS {
        return Err(format!(
            "the text has {} words and signs; the gate takes {MOST_TOKENS}",
            tokens.len()
        ));
    }
    if depth(sql, &tokens) > DEEPEST {
        return Err(format!("it is nested more than {DEEPEST} deep"));
    }
    if copies(sql, &tokens) > MOST_COPIES {
        return Err("its WITH uses its own names too often".into());
    }
    let mut out = String::with_capacity(sql.len());
    let mut end = 0;
    for token in &tokens {
        if token.span.start > end && !out.is_empty() {
            out.push(' ');
        }
        out.push_str(token.text(sql));
        end = token.span.end;
    }
    Ok(out)
}

/// The text with what stands in double quotes in backticks: a name, and no text where nothing has that name, as SQLite takes
/// `"x"`. `None` if nothing stands in double quotes.
pub fn with_names_in_backticks(sql: &str) -> Option<String> {
    let mut out = String::with_capacity(sql.len());
    let mut copied = 0;
    for token in tokens(sql, Dialect::Sqlite) {
        if token.kind == Kind::DoubleQuoted {
            out.push_str(&sql[copied..token.span.start]);
            out.push_str(&format!("`{}`", token.unquoted(sql).replace('`', "``")));
            copied = token.span.end;
        }
    }
    (copied > 0).then(|| out + &sql[copied..])
}

/// The most parentheses, brackets, braces and CASEs open at a time.
fn depth(sql: &str, tokens: &[Token]) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for token in tokens {
        match token.kind {
            Kind::Sign('(' | '[' | '{') => open += 1,
            Kind::Sign(')' | ']' | '}') => open = open.saturating_sub(1),
            Kind::Word if token.is(sql, "case") => open += 1,
            Kind::Word if token.is(sql, "end") => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// How many copies of queries come of the names that WITH gives, if each is put in wherever it is named.
fn copies(sql: &str, tokens: &[Token]) -> u64 {
    let name = |token: &Token| match token.kind {
        Kind::Word | Kind::Quoted | Kind::DoubleQuoted | Kind::Text => {
            Some(token.unquoted(sql).to_lowercase())
        }
        _ => None,
    };
    // What may be the name of a query: a word before AS and a parenthesis, perhaps with columns between.
    let mut weights: HashMap<String, u64> = HashMap::new();
    let mut total = 0_u64;
    for (i, token) in tokens.iter().enumerate() {
        if !token.is(sql, "as") {
            continue;
        }
        let opens = tokens[i + 1..]
            .iter()
            .take(3)
            .position(|t| t.kind == Kind::Sign('('));
        let Some(open) = opens.map(|at| i + 1 + at) else {
            continue;
        };
        let before = &tokens[..i];
        let named = match before.last() {
            Some(last) if last.kind == Kind::Sign(')') => {
                let list = before.iter().rposition(|t| t.kind == Kind::Sign('('));
                list.and_then(|at| before[..at].last())
            }
            last => last,
        };
        let Some(named) = named.and_then(name) else {
            continue;
        };
        let mut open_now = 0_i64;
        let body = tokens[open..].iter().take_while(|t| {
            open_now += match t.kind {
                Kind::Sign('(') => 1,
                Kind::Sign(')') => -1,
                _ => 0,
            };
            open_now > 0
        });
        let uses = body.filter_map(name).filter_map(|n| weights.get(&n));
        let weight = uses.fold(1_u64, |sum, weight| sum.saturating_add(*weight));
        total = total.saturating_add(weight);
        let known = weights.entry(named).or_default();
        *known = known.saturating_add(weight);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_double_quotes_is_a_name() {
        for (sql, strict) in [
            ("SELECT a FROM t", None),
            ("SELECT '\"a\"' FROM t -- \"b\"", None),
            ("SELECT \"a\"\"b\" FROM t", Some("SELECT `a\"b` FROM t")),
            (
                "SELECT a AS \"b`\" FROM \"t\" x",
                Some("SELECT a AS `b``` FROM `t` x"),
            ),
        ] {
            assert_eq!(with_names_in_backticks(sql).as_deref(), strict, "{sql}");
        }
    }

    #[test]
    fn comments_and_the_end_are_left_out() {
        for (sql, text) in [
            ("SELECT 1", "SELECT 1"),
            (" SELECT/**/1 -- one\n ; ;", "SELECT 1"),
            ("SELECT a->>'$.x'||b  FROM\tt", "SELECT a->>'$.x'||b FROM t"),
            (
                "SELECT ' -- /* ' FROM \"a  b\"",
                "SELECT ' -- /* ' FROM \"a  b\"",
            ),
            ("SELECT 1; SELECT 2", "SELECT 1; SELECT 2"),
        ] {
            for dialect in [Dialect::Sqlite, Dialect::DuckDb] {
                assert_eq!(normalized(sql, dialect).unwrap(), text);
            }
        }
    }

    #[test]
    fn what_would_keep_an_engine_busy_is_refused() {
        let bomb = |n: usize| {
            let names = (1..n).map(|i| format!("c{i} AS (SELECT * FROM c{0}, c{0})", i - 1));
            let names: Vec<String> = names.collect();
            format!(
                "WITH c0 AS (SELECT 1), {} SELECT * FROM c{}",
                names.join(", "),
                n - 1
            )
        };
        for (sql, reason) in [
            ("".into(), "is empty"),
            (" ; -- x".into(), "is empty"),
            ("SELECT '\0'".into(), "NUL"),
            (format!("SELECT '{}'", "x".repeat(LONGEST)), "bytes"),
            (format!("SELECT {}", "1,".repeat(20_000)), "words"),
            (format!("SELECT {}1", "(".repeat(100)), "nested"),
            (format!("SELECT {}1", "CASE ".repeat(100)), "nested"),
            (bomb(40), "WITH"),
        ] {
            let found = normalized(&sql, Dialect::Sqlite).unwrap_err();
            assert!(found.contains(reason), "{found}");
        }
        assert!(normalized(&bomb(5), Dialect::Sqlite).is_ok());
        let many: Vec<String> = (0..100).map(|i| format!("c{i} AS (SELECT 1)")).collect();
        let many = format!("WITH {} SELECT * FROM c1", many.join(", "));
        assert!(normalized(&many, Dialect::DuckDb).is_ok());
    }
}
