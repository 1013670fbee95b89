//! Expressions in DuckDB's SQL with what SQLite would say of their values: the class that they have there.
//!
//! Guards: where DuckDB would give another answer only for some values, the SQL that is written raises an error
//! for those, and the statement then runs in SQLite.

use std::fmt::Write;

use super::affinity::Affinity;
use super::ast::Literal;
use super::{Refusal, refuse};
use crate::sql::literal;

/// Integers up to this are doubles too.
pub const EXACT: i64 = 1 << 53;

/// Two results closer than this, relative to their size, may be equal but for the order of additions.
const NEAR: &str = "1e-9";

/// The class that all values of an expression have in SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Only NULL.
    Null,
    /// INTEGER 0 and 1, a BOOLEAN in DuckDB.
    Bool,
    /// INTEGER, a BIGINT.
    Int,
    /// REAL, a DOUBLE.
    Real,
    /// INTEGER where [`Typed::whole`] says so, else REAL; a DOUBLE.
    Num,
    /// TEXT, a VARCHAR.
    Text,
    /// BLOB.
    Blob,
}

/// The stored form of a column, faster than the one that SQLite shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// A DATE that is text in SQLite.
    Date(String),
    /// A DECIMAL that is INTEGER or REAL in SQLite.
    Decimal(String),
}

impl Raw {
    /// Its SQL.
    pub fn sql(&self) -> &str {
        match self {
            Raw::Date(sql) | Raw::Decimal(sql) => sql,
        }
    }

    /// The same form of another expression.
    pub fn of(&self, sql: String) -> Raw {
        match self {
            Raw::Date(_) => Raw::Date(sql),
            Raw::Decimal(_) => Raw::Decimal(sql),
        }
    }
}

/// Which values of [`Class::Num`] are integers.
#[derive(Debug, Clone, PartialEq)]
pub enum Whole {
    /// Those without a fraction, as in a column with the affinity NUMERIC.
    ByValue,
    /// Those for which this SQL is true.
    Where(String),
}

/// An expression in DuckDB's SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Typed {
    /// The SQL, of the type that the class says.
    pub sql: String,
    /// The class of its values.
    pub class: Class,
    /// For [`Class::Num`].
    pub whole: Whole,
    /// A sum of reals inside: the last bits depend on the order of additions.
    pub inexact: bool,
    /// The affinity that SQLite gives it in comparisons; `None` if that is not known.
    pub affinity: Option<Affinity>,
    /// A value in the text, or a parameter's.
    pub literal: Option<Literal>,
    /// The stored form.
    pub raw: Option<Raw>,
    /// The SQL as an operand of arithmetic: not a number stays one until the end, where it becomes NULL.
    pub operand: Option<String>,
}

impl Typed {
    /// An expression of this class without anything particular.
    pub fn new(sql: impl Into<String>, class: Class) -> Typed {
        Typed {
            sql: sql.into(),
            class,
            whole: Whole::ByValue,
            inexact: false,
            affinity: Some(Affinity::None),
            literal: None,
            raw: None,
            operand: None,
        }
    }

    /// The result of arithmetic on REALs. Infinities may give NaN, which SQLite has as NULL.
    pub fn real(arithmetic: String) -> Typed {
        Typed {
            operand: Some(arithmetic.clone()),
            ..Typed::new(
                format!("nullif({arithmetic}, CAST('nan' AS DOUBLE))"),
                Class::Real,
            )
        }
    }

    /// With the last bits in doubt, if they are.
    pub fn inexact_if(mut self, inexact: bool) -> Typed {
        self.inexact |= inexact;
        self
    }

    /// A column in its stored form.
    pub fn from_raw(raw: Raw) -> Typed {
        let mut typed = match &raw {
            Raw::Date(sql) => Typed::new(format!("CAST({sql} AS VARCHAR)"), Class::Text),
            Raw::Decimal(sql) => Typed::new(format!("CAST({sql} AS DOUBLE)"), Class::Num),
        };
        typed.raw = Some(raw);
        typed
    }

    /// A value.
    pub fn from_literal(value: &Literal) -> Typed {
        let typed = match value {
            Literal::Null => Typed::new("NULL", Class::Null),
            Literal::Bool(v) => Typed::new(if *v { "true" } else { "false" }, Class::Bool),
            // Its type may be narrower than BIGINT: where that shows, in an overflow, SQLite takes over.
            Literal::Integer(v) if *v < 0 => Typed::new(format!("({v})"), Class::Int),
            Literal::Integer(v) => Typed::new(v.to_string(), Class::Int),
            Literal::Real(v) => Typed::new(double(*v), Class::Real),
            Literal::Text(v) => Typed::new(literal(v), Class::Text),
            Literal::Blob(v) => {
                let mut hex = String::new();
                for byte in v {
                    let _ = write!(hex, "\\x{byte:02X}");
                }
                Typed::new(format!("CAST('{hex}' AS BLOB)"), Class::Blob)
            }
        };
        Typed {
            literal: Some(value.clone()),
            ..typed
        }
    }

    /// As a value: truth becomes 0 and 1.
    pub fn value(self) -> Typed {
        match self.class {
            Class::Bool => Typed {
                literal: None,
                sql: format!("CAST({} AS BIGINT)", self.sql),
                class: Class::Int,
                ..self
            },
            _ => self,
        }
    }

    /// As a condition.
    pub fn condition(self) -> Result<String, Refusal> {
        match self.class {
            Class::Bool => Ok(self.sql),
            Class::Null => Ok("CAST(NULL AS BOOLEAN)".into()),
            Class::Int => Ok(format!("({} <> 0)", self.sql)),
            Class::Real | Class::Num if !self.inexact => Ok(format!("({} <> 0e0)", self.sql)),
            Class::Real | Class::Num => refuse("a sum of reals is used as a condition"),
            Class::Text | Class::Blob => refuse("a text or blob is used as a condition"),
        }
    }

    /// True for numbers and NULL.
    pub fn is_number(&self) -> bool {
        matches!(
            self.class,
            Class::Null | Class::Bool | Class::Int | Class::Real | Class::Num
        )
    }

    /// A number as the double that SQLite computes with when the other operand is REAL.
    pub fn double(&self) -> String {
        match (&self.literal, self.class) {
            (Some(Literal::Integer(v)), _) if v.abs() <= EXACT => double(*v as f64),
            (_, Class::Int | Class::Bool) => format!("CAST({} AS DOUBLE)", self.sql),
            _ => self.sql.clone(),
        }
    }

    /// The same as an operand of arithmetic.
    pub fn operand(&self) -> String {
        self.operand.clone().unwrap_or_else(|| self.double())
    }

    /// A number as a double that is exactly it; an integer that is none raises an error.
    pub fn exact_double(&self) -> String {
        match (&self.literal, self.class) {
            (Some(Literal::Integer(v)), _) if v.unsigned_abs() <= EXACT as u64 => double(*v as f64),
            (_, Class::Int) => format!(
                "CASE WHEN {0} NOT BETWEEN -{EXACT} AND {EXACT} THEN {GUARD} ELSE CAST({0} AS DOUBLE) END",
                self.sql
            ),
            _ => self.double(),
        }
    }

    /// SQL that is true where the value is an integer in SQLite.
    pub fn whole_sql(&self) -> String {
        match (self.class, &self.whole) {
            (Class::Num, Whole::ByValue) => format!("({0} = trunc({0}))", self.sql),
            (Class::Num, Whole::Where(sql)) => sql.clone(),
            (Class::Real, _) => "false".into(),
            _ => "true".into(),
        }
    }

    /// True if equal values are the same value in SQLite too, and equality is certain: for DISTINCT and the like.
    pub fn check_groupable(&self) -> Result<(), Refusal> {
        if self.inexact {
            return refuse(
                "sums of reals are compared for equality; their last bits depend on the order of additions",
            );
        }
        match (self.class, &self.whole) {
            (Class::Num, Whole::Where(_)) => {
                refuse("numbers that are INTEGER or REAL by the row are compared for equality")
            }
            (Class::Null, _) => refuse("NULLs without a type are compared for equality"),
            _ => Ok(()),
        }
    }

    /// The value that all rows of a group have; a guard where they differ, as SQLite takes that of any row.
    pub fn same_in_group(&self) -> Result<Typed, Refusal> {
        if let Whole::Where(_) = self.whole {
            return refuse(
                "a column beside aggregates has numbers that are INTEGER or REAL by the row",
            );
        }
        let x = self.key();
        let sql = match self.class {
            Class::Null => "NULL".to_owned(),
            _ => same(x),
        };
        let typed = match &self.raw {
            Some(raw) => Typed::from_raw(raw.of(sql)),
            None => Typed::new(sql, self.class),
        };
        Ok(Typed {
            affinity: self.affinity,
            ..typed.inexact_if(self.inexact)
        })
    }

    /// What to group and sort by: the stored form if there is one.
    pub fn key(&self) -> &str {
        self.raw.as_ref().map_or(&self.sql, Raw::sql)
    }
}

/// Raises the error that sends the statement to SQLite.
pub const GUARD: &str = "error('lumos: this value is for SQLite')";

/// The value that `x` has in all rows, NULL if there are none; a guard where it has several.
pub fn same(x: &str) -> String {
    format!(
        "CASE WHEN count({x}) = 0 THEN NULL WHEN count({x}) = count(*) AND min({x}) = max({x}) THEN min({x}) \
         ELSE {GUARD} END"
    )
}

/// A double as a literal of DuckDB.
pub fn double(value: f64) -> String {
    format!("{value:e}")
}

/// The class of several values of which one is taken.
pub fn merged(values: &[Typed]) -> Result<Class, Refusal> {
    let mut merged = Class::Null;
    for value in values {
        merged = match (merged, value.class) {
            (a, Class::Null) => a,
            (Class::Null, b) => b,
            (a, b) if a == b => a,
            (Class::Bool | Class::Int, Class::Bool | Class::Int) => Class::Int,
            (Class::Text | Class::Blob, _) | (_, Class::Text | Class::Blob) => {
                return refuse("texts, blobs and numbers are mixed in one value");
            }
            _ => Class::Num,
        };
    }
    Ok(merged)
}

/// The SQL of a value as part of a merged class.
pub fn as_class(value: &Typed, class: Class) -> String {
    match (class, value.class) {
        (_, Class::Null) => "NULL".into(),
        (Class::Int, Class::Bool) => format!("CAST({} AS BIGINT)", value.sql),
        (Class::Num, Class::Int) => value.exact_double(),
        (Class::Num, Class::Bool) => value.double(),
        _ => value.sql.clone(),
    }
}

/// A comparison, made so that sums of reals that are nearly equal raise an error.
pub fn guarded_comparison(a: &str, b: &str, comparison: &str) -> String {
    format!(
        "CASE WHEN abs({a} - {b}) <= {NEAR} * greatest(abs({a}), abs({b})) THEN {GUARD} ELSE {comparison} END"
    )
}
