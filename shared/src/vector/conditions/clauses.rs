//! The clauses of a statement with conditions, found by its words.

use crate::route::tokens::Token;

/// Words that end a WHERE or an ON.
pub(super) const ENDS: [&str; 20] = [
    "WHERE",
    "ON",
    "GROUP",
    "ORDER",
    "LIMIT",
    "HAVING",
    "WINDOW",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "RETURNING",
    "JOIN",
    "LEFT",
    "RIGHT",
    "INNER",
    "CROSS",
    "FULL",
    "NATURAL",
    "SET",
    "SELECT",
];

/// Words that begin a SELECT, or another statement with conditions.
pub(super) const BEGINS: [&str; 4] = ["SELECT", "UPDATE", "DELETE", "INSERT"];

/// Operators that are words.
pub(super) const TESTS: [&str; 9] = [
    "IS", "IN", "LIKE", "GLOB", "REGEXP", "MATCH", "BETWEEN", "ISNULL", "NOTNULL",
];

/// Other words in an expression that are no names.
pub(super) const WORDS: [&str; 20] = [
    "AND",
    "OR",
    "NOT",
    "NULL",
    "TRUE",
    "FALSE",
    "ESCAPE",
    "COLLATE",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "DISTINCT",
    "FROM",
    "EXISTS",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "RAISE",
];

/// One SELECT without those inside it: its tokens, and its WHERE and ONs.
pub(super) struct Scope<'a> {
    pub(super) tokens: Vec<&'a Token>,
    pub(super) clauses: Vec<&'a [Token]>,
}

/// Finds every SELECT in these tokens, also in parentheses.
pub(super) fn scan<'a>(tokens: &'a [Token], scopes: &mut Vec<Scope<'a>>) {
    let mut scope = Scope {
        tokens: Vec::new(),
        clauses: Vec::new(),
    };
    let mut i = 0;
    while i < tokens.len() {
        let token = &tokens[i];
        if *token == Token::Op("(") {
            let end = closing(tokens, i);
            scan(&tokens[i + 1..end], scopes);
            i = end + 1;
            continue;
        }
        if *token == Token::Op(";") || is_one_of(token, &BEGINS) {
            scopes.push(std::mem::replace(
                &mut scope,
                Scope {
                    tokens: Vec::new(),
                    clauses: Vec::new(),
                },
            ));
        }
        scope.tokens.push(token);
        let conflict = tokens.get(i + 1).is_some_and(|t| t.is("CONFLICT"));
        let optional = token.is("ON") && is_outer(&scope.tokens);
        if token.is("WHERE") || token.is("ON") && !conflict {
            let clause = &tokens[i + 1..clause_end(tokens, i + 1, token.is("ON"))];
            // What is not met by an outer join takes no row away, unless the search itself stands there.
            if !optional || clause.iter().any(|t| t.is("MATCH")) {
                scope.clauses.push(clause);
            }
        }
        i += 1;
    }
    scopes.push(scope);
}

/// True if the ON that ends these tokens is that of a LEFT or FULL JOIN.
pub(super) fn is_outer(tokens: &[&Token]) -> bool {
    let join = tokens.iter().rposition(|t| t.is("JOIN")).unwrap_or(0);
    let before = &tokens[join.saturating_sub(2)..join];
    before.iter().any(|t| t.is("LEFT") || t.is("FULL"))
}

/// The place of the parenthesis that closes the one at `open`, or the end.
pub(super) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Op("(") => depth += 1,
            Token::Op(")") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    tokens.len()
}

pub(super) fn clause_end(tokens: &[Token], start: usize, comma: bool) -> usize {
    let mut i = start;
    while i < tokens.len() {
        let token = &tokens[i];
        match token {
            Token::Op("(") => i = closing(tokens, i),
            Token::Op(";") => return i,
            Token::Op(",") if comma => return i,
            _ if is_one_of(token, &ENDS) => return i,
            _ => {}
        }
        i += 1;
    }
    tokens.len()
}

/// Splits at a word that stands outside of parentheses, CASE and BETWEEN.
pub(super) fn split<'a>(tokens: &'a [Token], word: &str) -> Vec<&'a [Token]> {
    let (mut parts, mut start, mut i) = (Vec::new(), 0, 0);
    let (mut cases, mut between) = (0, false);
    while i < tokens.len() {
        let token = &tokens[i];
        if *token == Token::Op("(") {
            i = closing(tokens, i);
        } else if token.is("CASE") {
            cases += 1;
        } else if token.is("END") {
            cases -= 1;
        } else if cases == 0 && token.is("BETWEEN") {
            between = true;
        } else if cases == 0 && between && token.is("AND") {
            between = false;
        } else if cases == 0 && token.is(word) {
            parts.push(&tokens[start..i]);
            start = i + 1;
        }
        i += 1;
    }
    parts.push(&tokens[start..]);
    parts
}

/// The conditions that all must hold.
pub(super) fn conjuncts<'a>(tokens: &'a [Token], found: &mut Vec<&'a [Token]>) {
    let inside = tokens.first() == Some(&Token::Op("("))
        && closing(tokens, 0) + 1 == tokens.len()
        && !begins_query(&tokens[1..]);
    if inside {
        return conjuncts(&tokens[1..tokens.len() - 1], found);
    }
    let parts = split(tokens, "AND");
    if parts.len() == 1 || split(tokens, "OR").len() > 1 {
        found.push(tokens);
        return;
    }
    parts.into_iter().for_each(|part| conjuncts(part, found));
}

pub(super) fn begins_query(tokens: &[Token]) -> bool {
    let first = tokens.first();
    first.is_some_and(|t| t.is("SELECT") || t.is("WITH") || t.is("VALUES"))
}

pub(super) fn is_one_of(token: &Token, words: &[&str]) -> bool {
    words.iter().any(|word| token.is(word))
}

/// A name, in lower case.
pub(super) fn name(token: &Token) -> Option<String> {
    match token {
        Token::Word(name) | Token::Quoted(name) | Token::DoubleQuoted(name) => {
            Some(name.to_lowercase())
        }
        _ => None,
    }
}

/// The tokens outside of parentheses.
pub(super) fn outside(tokens: &[Token]) -> impl Iterator<Item = &Token> {
    let mut end = 0;
    (0..tokens.len()).filter_map(move |i| {
        if i < end {
            return None;
        }
        if tokens[i] == Token::Op("(") {
            end = closing(tokens, i) + 1;
            return None;
        }
        Some(&tokens[i])
    })
}

/// The beginning of a condition as text.
pub(super) fn text(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        let next = match token {
            Token::Word(word) | Token::Real(word) | Token::Param(word) => word.clone(),
            Token::Quoted(name) | Token::DoubleQuoted(name) => crate::sql::identifier(name),
            Token::Text(value) => crate::sql::literal(value),
            Token::Blob(_) => "x'...'".into(),
            Token::Integer(value) => value.to_string(),
            Token::Op(operator) => (*operator).into(),
        };
        let tight = matches!(token, Token::Op(")" | "," | "."))
            || text.ends_with(['(', '.'])
            || text.is_empty();
        if !tight {
            text.push(' ');
        }
        text.push_str(&next);
        if text.chars().count() > 60 {
            return text.chars().take(57).collect::<String>() + "...";
        }
    }
    text
}
