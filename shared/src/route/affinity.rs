//! Values of different classes side by side: what the affinities of SQLite make of them,
//! <https://www.sqlite.org/datatype3.html> section 4.2.

use super::ast::{Literal, Operator};
use super::catalog::Affinity;
use super::compare::{Pair, pair, texts};
use super::tokens::is_numeric;
use super::typed_expr::{Class, GUARD, Raw, Typed, Whole};
use super::{Refusal, refuse};

/// Affinities of two sides of a comparison.
pub fn affinities(a: &Typed, b: &Typed) -> Result<(Affinity, Affinity), Refusal> {
    match (a.affinity, b.affinity) {
        (Some(a), Some(b)) => Ok((a, b)),
        _ => refuse("columns of a compound of different affinities are compared with texts"),
    }
}

/// True for those that make numbers of texts.
pub fn is_numeric_affinity(affinity: Affinity) -> bool {
    matches!(affinity, Affinity::Numeric | Affinity::Real)
}

/// A number beside a text, <https://www.sqlite.org/datatype3.html> section 4.2.
pub fn number_and_text(operator: Operator, number: &Typed, text: &Typed) -> Result<Pair, Refusal> {
    let (of_number, of_text) = affinities(number, text)?;
    if is_numeric_affinity(of_number) && !is_numeric_affinity(of_text) {
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
