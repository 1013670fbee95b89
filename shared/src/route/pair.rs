//! Two values side by side: how they compare, by what the affinities of SQLite make of values of different classes,
//! <https://www.sqlite.org/datatype3.html> section 4.2.

use super::affinity::Affinity;
use super::ast::{Literal, Operator};
use super::tokens::is_numeric;
use super::typed_expr::{Class, GUARD, Raw, Typed, Whole};
use super::{Refusal, refuse};

/// Reals below this compare with any integer as doubles without harm.
const SMALL: f64 = 9_007_199_254_740_992.0;

/// How two values compare.
pub enum Pair {
    /// As these two do in DuckDB.
    Same(String, String),
    /// The first is less whatever it is: a number beside a text.
    Less,
    /// The first is greater.
    Greater,
    /// The first, a number, with a text that stands for a number if it looks like one.
    Mixed(Typed, String),
    /// The second, a number, with such a text.
    Turned(Typed, String),
}

/// How two values compare by this operator.
pub fn pair(operator: Operator, a: &Typed, b: &Typed) -> Result<Pair, Refusal> {
    Ok(match (a.class, b.class) {
        (Class::Text, Class::Text) => texts(a, b)?,
        (Class::Blob, Class::Blob) | (Class::Int, Class::Int) => {
            Pair::Same(a.sql.clone(), b.sql.clone())
        }
        (Class::Text, _) if b.is_number() => match number_and_text(operator, b, a)? {
            Pair::Same(x, y) => Pair::Same(y, x),
            Pair::Less => Pair::Greater,
            Pair::Mixed(number, text) => Pair::Turned(number, text),
            other => other,
        },
        (_, Class::Text) if a.is_number() => number_and_text(operator, a, b)?,
        _ if a.is_number() && b.is_number() => {
            let (x, y) = numbers(a, b);
            Pair::Same(x, y)
        }
        _ => return refuse("blobs are compared with other classes"),
    })
}

/// Numbers of which one is no integer, so that DuckDB compares them as SQLite does: exactly.
fn numbers(a: &Typed, b: &Typed) -> (String, String) {
    match (&a.raw, &b.raw) {
        (Some(Raw::Decimal(x)), Some(Raw::Decimal(y))) => return (x.clone(), y.clone()),
        (Some(Raw::Decimal(x)), None) => {
            if let Some(y) = decimal(b) {
                return (x.clone(), y);
            }
        }
        (None, Some(Raw::Decimal(y))) => {
            if let Some(x) = decimal(a) {
                return (x, y.clone());
            }
        }
        _ => {}
    }
    let small = |t: &Typed| matches!(t.literal, Some(Literal::Real(v)) if v.abs() < SMALL);
    if small(a) || small(b) {
        (a.double(), b.double())
    } else {
        (a.exact_double(), b.exact_double())
    }
}

/// A number of the text as a DECIMAL: columns have 15 digits at most, so that doubles and decimals compare alike.
fn decimal(t: &Typed) -> Option<String> {
    match t.literal {
        Some(Literal::Integer(v)) if v.unsigned_abs() < 1_000_000_000_000_000 => {
            Some(v.to_string())
        }
        Some(Literal::Real(v)) if v == 0.0 || (1e-6..1e15).contains(&v.abs()) => {
            let text = v.to_string();
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            (digits <= 18).then_some(text)
        }
        _ => None,
    }
}

/// Texts: dates in their stored form where that compares alike.
pub fn texts(a: &Typed, b: &Typed) -> Result<Pair, Refusal> {
    let (of_a, of_b) = affinities(a, b)?;
    let (mut x, mut y) = (a.sql.clone(), b.sql.clone());
    // A text that looks like a number is one beside a column with a numeric affinity, whose own texts do not.
    match (of_a.is_numeric(), of_b.is_numeric()) {
        (true, false) => match &b.literal {
            Some(Literal::Text(text)) if is_numeric(text) => return Ok(Pair::Greater),
            _ => y = no_number(b),
        },
        (false, true) => match &a.literal {
            Some(Literal::Text(text)) if is_numeric(text) => return Ok(Pair::Less),
            _ => x = no_number(a),
        },
        _ => {}
    }
    Ok(match (&a.raw, &b.raw) {
        (Some(Raw::Date(x)), Some(Raw::Date(y))) => Pair::Same(x.clone(), y.clone()),
        (Some(Raw::Date(x)), _) if date(b).is_some() => {
            Pair::Same(x.clone(), date(b).unwrap_or_default())
        }
        (_, Some(Raw::Date(y))) if date(a).is_some() => {
            Pair::Same(date(a).unwrap_or_default(), y.clone())
        }
        _ => Pair::Same(x, y),
    })
}

/// A text of the statement as a DATE, if it is written exactly as the mirror's dates are.
fn date(t: &Typed) -> Option<String> {
    let Some(Literal::Text(text)) = &t.literal else {
        return None;
    };
    let stored = crate::mirror::MirrorType::Date.store(crate::ValueRef::Text(text));
    (stored.is_ok() && !text.starts_with("0000")).then(|| format!("DATE '{text}'"))
}

/// Affinities of two sides of a comparison.
pub fn affinities(a: &Typed, b: &Typed) -> Result<(Affinity, Affinity), Refusal> {
    match (a.affinity, b.affinity) {
        (Some(a), Some(b)) => Ok((a, b)),
        _ => refuse("columns of a compound of different affinities are compared with texts"),
    }
}

/// A number beside a text, <https://www.sqlite.org/datatype3.html> section 4.2.
pub fn number_and_text(operator: Operator, number: &Typed, text: &Typed) -> Result<Pair, Refusal> {
    let (of_number, of_text) = affinities(number, text)?;
    if of_number.is_numeric() && !of_text.is_numeric() {
        if number.inexact {
            return refuse("a sum of reals is compared with a text");
        }
        return match &text.literal {
            Some(Literal::Text(literal)) if is_numeric(literal) => {
                let literal = Typed::from_literal(&numeric(literal)?);
                pair(operator, number, &literal)
            }
            Some(_) => Ok(Pair::Less),
            None if matches!(text.raw, Some(Raw::Date(_))) => Ok(Pair::Less),
            None => beside_number(operator, number, &text.sql),
        };
    }
    if of_text == Affinity::Text && of_number == Affinity::None {
        return texts(&as_text(number)?, text);
    }
    match of_number {
        Affinity::Text => refuse("a number has the affinity of texts"),
        _ => Ok(Pair::Less),
    }
}

/// Texts that are whole numbers, those that DuckDB reads as the same double, and all that SQLite takes for numbers.
const WHOLE_TEXT: &str = "-?[0-9]{1,18}";
const PLAIN_TEXT: &str = "-?([0-9]{1,15}|[0-9]{1,9}[.][0-9]{1,6})";
const INTEGER_TEXT: &str = "-?[0-9]{1,15}";
const BROKEN_TEXT: &str = "-?[0-9]{1,9}[.][0-9]{0,5}[1-9]";
const NUMBER_TEXT: &str =
    r"[ \t\n\v\f\r]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?[ \t\n\v\f\r]*";
const NUMBER_START: &str = r"^[ \t\n\v\f\r]*[0-9+.-]";

fn matches_text(text: &str, pattern: &str) -> String {
    format!("regexp_full_match({text}, '{pattern}')")
}

/// A number beside texts of which SQLite makes numbers where they look like some. Integers are compared in their
/// text, which no other text equals.
fn beside_number(operator: Operator, number: &Typed, text: &str) -> Result<Pair, Refusal> {
    let equality = matches!(
        operator,
        Operator::Equal | Operator::NotEqual | Operator::Is | Operator::IsNot
    );
    if equality && number.class == Class::Int {
        let written = format!("CAST({} AS VARCHAR)", number.sql);
        let canonical = format!(
            "CASE WHEN {} THEN CAST(CAST({text} AS BIGINT) AS VARCHAR) WHEN {} THEN {text} WHEN {} THEN {GUARD} ELSE {text} END",
            matches_text(text, WHOLE_TEXT),
            matches_text(text, BROKEN_TEXT),
            matches_text(text, NUMBER_TEXT),
        );
        return Ok(Pair::Same(written, canonical));
    }
    if matches!(operator, Operator::Is | Operator::IsNot) {
        return refuse("a number is compared with a text by IS");
    }
    Ok(Pair::Mixed(number.clone(), text.to_owned()))
}

/// `number op text` where the text is a number if it looks like one, and else greater.
pub fn mixed(operator: Operator, a: &Typed, number: &Typed, text: &str) -> String {
    format!(
        "CASE WHEN {text} IS NULL OR {} IS NULL THEN NULL WHEN {} THEN ({} {} CAST({text} AS DOUBLE)) WHEN {} THEN {GUARD} ELSE {} END",
        a.sql,
        matches_text(text, PLAIN_TEXT),
        number.exact_double(),
        operator.sql(),
        matches_text(text, NUMBER_TEXT),
        is_less(operator),
    )
}

/// What an operator says of a value that is less than another.
fn is_less(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Less | Operator::LessEqual | Operator::NotEqual | Operator::IsNot
    )
}

/// `a op b` where `a` is less than `b` whatever they are.
pub fn always(operator: Operator, a: &Typed, b: &Typed) -> String {
    let (a, b) = (a.key(), b.key());
    match operator {
        Operator::Is => format!("({a} IS NULL AND {b} IS NULL)"),
        Operator::IsNot => format!("({a} IS NOT NULL OR {b} IS NOT NULL)"),
        _ => format!(
            "CASE WHEN {a} IS NOT NULL AND {b} IS NOT NULL THEN {} END",
            is_less(operator)
        ),
    }
}

/// The number that SQLite makes of a text that looks like one.
fn numeric(text: &str) -> Result<Literal, Refusal> {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    match text.parse() {
        Ok(integer) => Ok(Literal::Integer(integer)),
        Err(_) => {
            let negative = text.starts_with('-');
            let value = super::parse_value::real(text.trim_start_matches(['+', '-']))?;
            Ok(Literal::Real(if negative { -value } else { value }))
        }
    }
}

/// A number without an affinity as the text that SQLite makes of it beside a column of texts.
fn as_text(number: &Typed) -> Result<Typed, Refusal> {
    let text = match (&number.literal, number.class) {
        (Some(Literal::Real(v)), _) => match v.abs() {
            0.0 | 1e-4..1e15 => {
                let text = format!("{v:?}");
                let digits = text.bytes().filter(u8::is_ascii_digit).count();
                (digits <= 15).then(|| Typed::from_literal(&Literal::Text(text)))
            }
            _ => None,
        },
        (Some(Literal::Integer(v)), _) => Some(Typed::from_literal(&Literal::Text(v.to_string()))),
        (_, Class::Int) => Some(Typed::new(
            format!("CAST({} AS VARCHAR)", number.sql),
            Class::Text,
        )),
        _ => None,
    };
    text.map_or_else(
        || refuse("a column of texts is compared with reals, which SQLite turns into texts"),
        Ok,
    )
}

/// A text, with a guard that it does not look like a number.
pub fn no_number(t: &Typed) -> String {
    if t.literal.is_some() || t.raw.is_some() {
        t.sql.clone()
    } else {
        format!(
            "CASE WHEN {} THEN {GUARD} ELSE {} END",
            matches_text(&t.sql, NUMBER_TEXT),
            t.sql
        )
    }
}

/// A text as the number that SQLite sums: an integer or a REAL where it looks like one, 0.0 where it does not begin like
/// one.
pub fn as_number(text: &Typed) -> Typed {
    let x = &text.sql;
    let sql = format!(
        "CASE WHEN {x} IS NULL THEN NULL WHEN {} THEN CAST({x} AS DOUBLE) WHEN regexp_matches({x}, '{NUMBER_START}') THEN {GUARD} ELSE 0e0 END",
        matches_text(x, PLAIN_TEXT)
    );
    Typed {
        whole: Whole::Where(matches_text(x, INTEGER_TEXT)),
        ..Typed::new(sql, Class::Num)
    }
}
