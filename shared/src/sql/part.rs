//! Texts that become parts of larger statements: whether one is whole.

use super::lexer::{Dialect, Kind, tokens};

/// Errors with why a text cannot stand in parentheses as one expression or one query: it would end them or swallow what comes
/// behind, or it has parameters.
pub fn check(text: &str, dialect: Dialect) -> Result<(), &'static str> {
    let tokens = tokens(text, dialect);
    if tokens.is_empty() {
        return Err("is empty");
    }
    let mut depth = 0;
    for token in &tokens {
        match token.kind {
            Kind::Param => return Err("has a parameter"),
            Kind::Sign(';') => return Err("has a semicolon"),
            Kind::Sign('(') => depth += 1,
            Kind::Sign(')') => depth -= 1,
            _ if !token.is_closed(text) => return Err("has a quote that does not end"),
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    let open_comment = text.matches("/*").count() > text.matches("*/").count();
    if depth != 0 || open_comment {
        return Err("has a parenthesis or a comment without its other");
    }
    Ok(())
}
