//! Operators: where both engines agree, and in which form.

use super::ast::{Literal, Operator};
use super::tokens::is_numeric;
use super::typed::{Class, Raw, Typed, Whole, guarded_comparison};
use super::{Refusal, refuse};

/// Reals below this compare with any integer as doubles without harm.
const SMALL: f64 = 9_007_199_254_740_992.0;

/// Products beyond this may have lost digits as doubles.
const EXACT: &str = "9007199254740992";

/// `a op b` for a comparison.
pub fn comparison(operator: Operator, a: &Typed, b: &Typed) -> Result<Typed, Refusal> {
    if a.class == Class::Null || b.class == Class::Null {
        let null_safe = matches!(operator, Operator::Is | Operator::IsNot);
        return match null_safe {
            true => refuse("IS is used with a NULL that has no type"),
            false => Ok(Typed::new("CAST(NULL AS BOOLEAN)", Class::Bool)),
        };
    }
    let (a, b) = (a.clone().value(), b.clone().value());
    let plain = |x: &str, y: &str| format!("({x} {} {y})", operator.sql());
    let sql = match (a.class, b.class) {
        (Class::Text, Class::Text) => {
            let (x, y) = texts(&a, &b)?;
            plain(&x, &y)
        }
        (Class::Blob, Class::Blob) => plain(&a.sql, &b.sql),
        (Class::Int, Class::Int) => plain(&a.sql, &b.sql),
        _ if a.is_number() && b.is_number() => {
            if a.inexact || b.inexact {
                if matches!(operator, Operator::Is | Operator::IsNot) {
                    return refuse("sums of reals are compared with IS");
                }
                let (x, y) = (a.double(), b.double());
                guarded_comparison(&x, &y, &plain(&x, &y))
            } else {
                let (x, y) = numbers(&a, &b);
                plain(&x, &y)
            }
        }
        _ => {
            return refuse(
                "values of different classes are compared, for which SQLite applies affinities",
            );
        }
    };
    Ok(Typed::new(sql, Class::Bool))
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
    match small(a) || small(b) {
        true => (a.double(), b.double()),
        false => (a.exact_double(), b.exact_double()),
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
fn texts(a: &Typed, b: &Typed) -> Result<(String, String), Refusal> {
    for (column, other) in [(a, b), (b, a)] {
        if !column.numeric_affinity || other.numeric_affinity {
            continue;
        }
        match &other.literal {
            Some(Literal::Text(text)) if !is_numeric(text) => {}
            _ => {
                return refuse(
                    "a column with a numeric affinity is compared with a text, which SQLite may turn into a number",
                );
            }
        }
    }
    Ok(match (&a.raw, &b.raw) {
        (Some(Raw::Date(x)), Some(Raw::Date(y))) => (x.clone(), y.clone()),
        (Some(Raw::Date(x)), _) => match date(b) {
            Some(y) => (x.clone(), y),
            None => (a.sql.clone(), b.sql.clone()),
        },
        (_, Some(Raw::Date(y))) => match date(a) {
            Some(x) => (x, y.clone()),
            None => (a.sql.clone(), b.sql.clone()),
        },
        _ => (a.sql.clone(), b.sql.clone()),
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

/// `a op b` for `+ - * /`.
pub fn arithmetic(operator: Operator, a: &Typed, b: &Typed) -> Result<Typed, Refusal> {
    if !a.is_number() || !b.is_number() {
        return refuse("arithmetic on texts or blobs, which SQLite turns into numbers");
    }
    if a.class == Class::Null || b.class == Class::Null {
        return Ok(Typed::new("NULL", Class::Null));
    }
    let (a, b) = (a.clone().value(), b.clone().value());
    let op = operator.sql();
    let inexact = a.inexact || b.inexact;
    let real = a.class == Class::Real || b.class == Class::Real;
    if operator == Operator::Divide {
        return match real {
            true => {
                let sql = format!("({} / nullif({}, 0e0))", a.operand(), b.operand());
                Ok(Typed::real(sql).inexact_if(inexact))
            }
            false => refuse("integers are divided, or numbers that may be: SQLite truncates"),
        };
    }
    if real {
        let sql = format!("({} {op} {})", a.operand(), b.operand());
        return Ok(Typed::real(sql).inexact_if(inexact));
    }
    if a.class == Class::Int && b.class == Class::Int {
        return Ok(Typed::new(
            format!("({} {op} {})", a.sql, b.sql),
            Class::Int,
        ));
    }
    let sql = format!("({} {op} {})", a.exact_double(), b.exact_double());
    // Two integers give one, exactly; as doubles only up to 2^53.
    let whole = format!(
        "CASE WHEN {} AND {} THEN CASE WHEN abs({sql}) < {EXACT} THEN true ELSE {} END ELSE false END",
        a.whole_sql(),
        b.whole_sql(),
        super::typed::GUARD
    );
    Ok(Typed {
        whole: Whole::Where(whole),
        ..Typed::new(sql, Class::Num).inexact_if(inexact)
    })
}

/// `-x`.
pub fn negated(x: &Typed) -> Result<Typed, Refusal> {
    let x = x.clone().value();
    Ok(match x.class {
        Class::Null => x,
        // So that the smallest integer overflows, as no BIGINT is its negative.
        Class::Int => Typed::new(format!("(0 - {})", x.sql), Class::Int),
        // As SQLite does it: no negative zero comes of it.
        Class::Real => Typed::real(format!("(0e0 - {})", x.operand())).inexact_if(x.inexact),
        Class::Num => Typed {
            whole: Whole::Where(x.whole_sql()),
            ..Typed::new(format!("(0e0 - {})", x.sql), Class::Num).inexact_if(x.inexact)
        },
        _ => return refuse("arithmetic on texts or blobs, which SQLite turns into numbers"),
    })
}

/// `a || b`.
pub fn concat(a: &Typed, b: &Typed) -> Result<Typed, Refusal> {
    match (a.class, b.class) {
        (Class::Text, Class::Text) => {
            Ok(Typed::new(format!("({} || {})", a.sql, b.sql), Class::Text))
        }
        (Class::Null, Class::Text | Class::Null) | (Class::Text, Class::Null) => {
            Ok(Typed::new("NULL", Class::Null))
        }
        _ => refuse("|| on something else than texts writes numbers in another way"),
    }
}
