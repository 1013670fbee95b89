//! Operators: where both engines agree, and in which form.

use super::ast::Operator;
use super::pair::{Pair, always, mixed, pair};
use super::typed_expr::{Class, GUARD, Typed, Whole, guarded_comparison};
use super::{Refusal, refuse};

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
