//! Regular expressions, the same in both engines.

use std::cell::RefCell;

use regex_lite::{Regex, RegexBuilder};

use crate::options::shortened;
use crate::{Error, Result};

/// Bytes that one may need when it is read.
const LARGEST: usize = 1 << 20;

fn read(pattern: &str) -> Result<Regex> {
    let read = RegexBuilder::new(pattern).size_limit(LARGEST).build();
    read.map_err(|why| {
        Error::new(format!(
            "pattern {} is no regular expression: {why}; write one like ^[A-Z]{{2}}$",
            shortened(pattern)
        ))
    })
}

/// Errors if the pattern is no regular expression.
pub fn check(pattern: &str) -> Result<()> {
    read(pattern).map(|_| ())
}

/// Whether any part of the text matches. A check asks for a million rows by a few patterns: the last ones of a thread are kept.
/// Errors if the pattern is no regular expression.
pub fn matches(text: &str, pattern: &str) -> Result<bool> {
    const KEPT: usize = 16;
    thread_local! {
        static READ: RefCell<Vec<Regex>> = const { RefCell::new(Vec::new()) };
    }
    READ.with_borrow_mut(|kept| {
        if let Some(known) = kept.iter().find(|known| known.as_str() == pattern) {
            return Ok(known.is_match(text));
        }
        let regex = read(pattern)?;
        let matches = regex.is_match(text);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push(regex);
        Ok(matches)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What DuckDB's `regexp_matches` says.
    #[test]
    fn texts_match_as_in_duckdb() {
        for (text, pattern, known) in [
            ("AB", "^[A-Z]{2}$", true),
            ("xABx", "^[A-Z]{2}$", false),
            ("xABx", "[A-Z]{2}", true),
            ("ab", "(?i)^AB$", true),
            ("", "^$", true),
            ("", ".", false),
            ("a\n", "^a$", false),
            ("a\nb", "a.b", false),
            ("a\nb", "(?s)a.b", true),
            ("德国", "^..$", true),
            ("德国", r"\w", false),
            ("٣", r"\d", false),
            ("a@b.de", r"^[^@\s]+@[^@\s]+\.[a-z]+$", true),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "^(a+)+$", false),
        ] {
            assert_eq!(matches(text, pattern).unwrap(), known, "{text} {pattern}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for pattern in [
            "[",
            "(",
            "a{2,1}",
            "*",
            r"(a)\1",
            "(?=a)",
            "((a{1000}){1000}){1000}",
        ] {
            let found = check(pattern).unwrap_err().to_string();
            let said = format!("pattern {pattern} is no regular expression: ");
            assert!(found.starts_with(&said), "{found}");
            assert!(found.ends_with("; write one like ^[A-Z]{2}$"), "{found}");
            assert!(matches("", pattern).is_err());
        }
        for i in 0..40 {
            assert!(matches(&i.to_string(), &format!("^{i}$")).unwrap());
        }
    }
}
