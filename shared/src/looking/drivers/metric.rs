//! What is measured, as SQL: a sum over the rows, or a ratio of two.

use crate::options::shown;
use crate::sql::lexer::{Dialect, Kind, tokens};
use crate::sql::part;
use crate::{Error, Result};

/// What each row adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// An expression.
    pub value: String,
    /// For a ratio, what the sum of values is divided by the sum of.
    pub per: Option<String>,
}

const FORM: &str =
    "give sum(x), count(*), avg(x), or a ratio of two, like sum(profit) / sum(sales)";

impl Metric {
    /// Reads one. Errors if it is none: what is no sum over rows cannot be put together from parts.
    pub fn read(text: &str, dialect: Dialect) -> Result<Metric> {
        let wrong = |why: &str| {
            let text = shown(text);
            Error::new(format!("metric {text} {why}; {FORM}"))
        };
        part::check(text, dialect).map_err(&wrong)?;
        let mut depth = 0;
        let signs = tokens(text, dialect);
        let mut slashes = signs.iter().filter(|token| {
            match token.kind {
                Kind::Sign('(') => depth += 1,
                Kind::Sign(')') => depth -= 1,
                _ => {}
            }
            depth == 0 && token.kind == Kind::Sign('/')
        });
        let (first, second) = (slashes.next(), slashes.next());
        let sum = |text: &str| Sum::read(text, dialect);
        let read = match (first, second) {
            (None, _) => sum(text).map(|sum| match sum {
                Sum::Of(value) => Metric { value, per: None },
                Sum::Mean(value) => Metric {
                    per: Some(counted(&value)),
                    value,
                },
            }),
            (Some(slash), None) => {
                let (above, below) = (&text[..slash.span.start], &text[slash.span.end..]);
                match (sum(above), sum(below)) {
                    (Some(Sum::Of(value)), Some(Sum::Of(per))) => Some(Metric {
                        value,
                        per: Some(per),
                    }),
                    _ => None,
                }
            }
            _ => None,
        };
        read.ok_or_else(|| wrong("is no sum over rows"))
    }
}

enum Sum {
    Of(String),
    Mean(String),
}

fn counted(value: &str) -> String {
    format!("CASE WHEN {value} IS NULL THEN 0 ELSE 1 END")
}

impl Sum {
    /// Of one call of an aggregate, and nothing else.
    fn read(text: &str, dialect: Dialect) -> Option<Sum> {
        let tokens = tokens(text, dialect);
        let [name, open, inside @ .., close] = tokens.as_slice() else {
            return None;
        };
        if open.kind != Kind::Sign('(') || close.kind != Kind::Sign(')') {
            return None;
        }
        let mut depth = 0;
        for token in inside {
            match token.kind {
                Kind::Sign('(') => depth += 1,
                Kind::Sign(')') => depth -= 1,
                Kind::Sign(',') if depth == 0 => return None,
                _ => {}
            }
            if depth < 0 {
                return None;
            }
        }
        let first = inside.first();
        if first.is_some_and(|token| token.is(text, "distinct") || token.is(text, "all")) {
            return None;
        }
        let value = format!("({}\n)", &text[open.span.end..close.span.start]);
        let is = |word: &str| name.is(text, word);
        let star = inside.len() == 1 && first.is_some_and(|t| t.kind == Kind::Sign('*'));
        match (inside.is_empty(), star) {
            (true, _) | (_, true) => is("count").then(|| Sum::Of("1".into())),
            _ if is("sum") || is("total") => Some(Sum::Of(value)),
            _ if is("count") => Some(Sum::Of(counted(&value))),
            _ if is("avg") || is("mean") => Some(Sum::Mean(value)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_ratios_are_read() {
        let read = |text| Metric::read(text, Dialect::Sqlite);
        let sum = |value: &str, per: Option<&str>| Metric {
            value: value.into(),
            per: per.map(str::to_owned),
        };
        assert_eq!(
            read("SUM(price * (1 - off))").unwrap(),
            sum("(price * (1 - off)\n)", None)
        );
        assert_eq!(read("count(*)").unwrap(), sum("1", None));
        assert_eq!(
            read(" avg(x) ").unwrap(),
            sum("(x\n)", Some("CASE WHEN (x\n) IS NULL THEN 0 ELSE 1 END"))
        );
        assert_eq!(
            read("sum(a / 2)/count(*)").unwrap(),
            sum("(a / 2\n)", Some("1"))
        );
        for text in [
            "",
            "amount",
            "median(x)",
            "sum(a) + sum(b)",
            "sum(a)/sum(b)/2",
            "count(DISTINCT a)",
            "sum(a, b)",
            "sum()",
            "avg(a)/sum(b)",
            "sum(a) FROM t; DELETE FROM t",
            "sum(a)) FROM (SELECT (1)",
            "sum(?)",
        ] {
            let refused = read(text).unwrap_err().to_string();
            assert!(refused.contains("give sum(x)"), "{refused}");
        }
    }
}
