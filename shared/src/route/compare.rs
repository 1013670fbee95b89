//! Operators: where both engines agree, and in which form.

use super::affinity::{affinities, always, is_numeric_affinity, mixed, no_number, number_and_text};
use super::ast::{Literal, Operator};
use super::tokens::is_numeric;
use super::typed_expr::{Class, GUARD, Raw, Typed, Whole, guarded_comparison};
use super::{Refusal, refuse};

/// Reals below this compare with any integer as doubles without harm.
const SMALL: f64 = 9_007_199_254_740_992.0;

/// Products beyond this may have lost digits as doubles.
const EXACT: &str = "9007199254740992";

/// `a op b` for a comparison.
pub fn comparison(operator: Operator, a: &Typed, b: &Typed) -> Result<Typed, Refusal> {
    if a.class == Class::Null || b.class == Class::Null {
        let null_safe = matches!(operator, Operator::Is | Operator::IsNot);
        return if null_safe {
            refuse("IS is used with a NULL that has no type")
        } else {
            Ok(Typed::new("CAST(NULL AS BOOLEAN)", Class::Bool))
        };
    }
    let (a, b) = (a.clone().value(), b.clone().value());
    let plain = |x: &str, y: &str| format!("({x} {} {y})", operator.sql());
    let sql = if a.is_number() && b.is_number() && (a.inexact || b.inexact) {
        if matches!(operator, Operator::Is | Operator::IsNot) {
            return refuse("sums of reals are compared with IS");
        }
        let (x, y) = (a.double(), b.double());
        guarded_comparison(&x, &y, &plain(&x, &y))
    } else {
        match pair(operator, &a, &b)? {
            Pair::Same(x, y) => plain(&x, &y),
            Pair::Less => always(operator, &a, &b),
            Pair::Greater => always(operator.turned(), &b, &a),
            Pair::Mixed(number, text) => mixed(operator, &a, &number, &text),
            Pair::Turned(number, text) => mixed(operator.turned(), &b, &number, &text),
        }
    };
    Ok(Typed::new(sql, Class::Bool))
}

/// What to write for two values so that their equality is that of SQLite; `None` if there is no such pair.
pub fn equal(a: &Typed, b: &Typed) -> Result<Option<(String, String)>, Refusal> {
    Ok(match pair(Operator::Equal, a, b)? {
        Pair::Same(x, y) => Some((x, y)),
        _ => None,
    })
}

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
    match (is_numeric_affinity(of_a), is_numeric_affinity(of_b)) {
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
        return if real {
            let sql = format!("({} / nullif({}, 0e0))", a.operand(), b.operand());
            Ok(Typed::real(sql).inexact_if(inexact))
        } else {
            refuse("integers are divided, or numbers that may be: SQLite truncates")
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
        GUARD
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
