//! The type that a column of SQLite gets in the mirror, and the conversion of its values.
//!
//! SQLite types values, DuckDB columns. The declared type says what to try; every value is checked, and one that
//! does not fit exactly is a [`Mismatch`], never a rounded value. While a table is copied a mismatch widens the
//! column and the copy starts over; afterwards it is an error, unless its [`Rule`] says otherwise.

mod rule;
pub mod time;

use crate::ValueRef;
use time::{parse_date, parse_timestamp};

pub use rule::{Policy, Resolution, Rule};
pub use time::Unit;

/// A column's type in the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirrorType {
    /// BIGINT.
    BigInt,
    /// DOUBLE.
    Double,
    /// DECIMAL(width, scale).
    Decimal(u8, u8),
    /// DATE, from text `YYYY-MM-DD`.
    Date,
    /// TIMESTAMP, from text `YYYY-MM-DD[ HH:MM[:SS[.ffffff]]]`, with a space or `T`.
    Timestamp,
    /// TIMESTAMP, from a number in this unit.
    Moment(Unit),
    /// BOOLEAN, from 0 and 1.
    Boolean,
    /// VARCHAR.
    Varchar,
    /// VARCHAR of SQLite's text of every value, which SQLite makes: `CAST(value AS TEXT)`.
    AnyText,
    /// BLOB.
    Blob,
}

/// A value as DuckDB stores it for its [`MirrorType`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stored<'a> {
    /// NULL.
    Null,
    /// BOOLEAN.
    Bool(bool),
    /// 2 bytes: DECIMAL up to 4 digits.
    Int16(i16),
    /// 4 bytes: DATE as days since 1970, DECIMAL up to 9 digits.
    Int32(i32),
    /// 8 bytes: BIGINT, TIMESTAMP as microseconds since 1970, DECIMAL up to 18 digits.
    Int64(i64),
    /// 16 bytes: larger DECIMAL.
    Int128(i128),
    /// DOUBLE.
    Double(f64),
    /// VARCHAR.
    Text(&'a str),
    /// BLOB.
    Blob(&'a [u8]),
}

/// A value does not fit its column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch;

/// The largest integer up to which every integer is a double.
const EXACT_DOUBLE: u64 = 1 << 53;

impl MirrorType {
    /// What to try for a declared type.
    pub fn declared(declared: &str) -> MirrorType {
        MirrorType::of_declaration(declared).unwrap_or(MirrorType::BigInt)
    }

    /// The type that a declared type names, if it names one.
    pub fn of_declaration(declared: &str) -> Option<MirrorType> {
        let upper = declared.to_ascii_uppercase();
        let name = upper.split('(').next().unwrap_or_default().trim();
        match name {
            "DATE" => return Some(MirrorType::Date),
            "DATETIME" | "TIMESTAMP" => return Some(MirrorType::Timestamp),
            "DECIMAL" | "NUMERIC" => return decimal(&upper),
            _ => {}
        }
        // The affinity rules, https://www.sqlite.org/datatype3.html section 3.1.
        let has = |part: &str| upper.contains(part);
        if has("INT") {
            Some(MirrorType::BigInt)
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Some(MirrorType::Varchar)
        } else if has("BLOB") {
            Some(MirrorType::Blob)
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Some(MirrorType::Double)
        } else {
            None
        }
    }

    /// The type to try next when `value` does not fit; `None` when no type holds both it and what came before.
    ///
    /// `fresh` says that no value but NULL came before.
    pub fn widened(self, value: ValueRef<'_>, fresh: bool) -> Option<MirrorType> {
        use MirrorType::{BigInt, Blob, Date, Decimal, Double, Timestamp, Varchar};
        let next = match (self, value) {
            (_, ValueRef::Integer(_)) if fresh => BigInt,
            (_, ValueRef::Real(_)) if fresh => Double,
            (Date, ValueRef::Text(_)) if fresh && Timestamp.store(value).is_ok() => Timestamp,
            (Timestamp, ValueRef::Text(_)) if fresh && Date.store(value).is_ok() => Date,
            (_, ValueRef::Text(_)) if fresh => Varchar,
            (_, ValueRef::Blob(_)) if fresh => Blob,
            // The text of what came before is known still.
            (Date | Timestamp, ValueRef::Text(_)) => Varchar,
            (BigInt, ValueRef::Real(_))
            | (Decimal(..), ValueRef::Real(_) | ValueRef::Integer(_)) => Double,
            _ => return None,
        };
        (next != self).then_some(next)
    }

    /// Converts a value exactly. Errors if the type cannot hold it.
    pub fn store(self, value: ValueRef<'_>) -> Result<Stored<'_>, Mismatch> {
        Ok(match (self, value) {
            (_, ValueRef::Null) => Stored::Null,
            (MirrorType::BigInt, ValueRef::Integer(v)) => Stored::Int64(v),
            (MirrorType::Double, ValueRef::Real(v)) => Stored::Double(v),
            (MirrorType::Double, ValueRef::Integer(v)) if v.unsigned_abs() <= EXACT_DOUBLE => {
                Stored::Double(v as f64)
            }
            (MirrorType::Decimal(width, scale), ValueRef::Integer(v)) => {
                let scaled = i128::from(v)
                    .checked_mul(10i128.pow(scale.into()))
                    .ok_or(Mismatch)?;
                stored_decimal(scaled, width)?
            }
            (MirrorType::Decimal(width, scale), ValueRef::Real(v)) => {
                let scaled = scaled(v, 10f64.powi(scale.into())).ok_or(Mismatch)?;
                stored_decimal(scaled.into(), width)?
            }
            (MirrorType::Date, ValueRef::Text(v)) => Stored::Int32(parse_date(v).ok_or(Mismatch)?),
            (MirrorType::Timestamp, ValueRef::Text(v)) => {
                Stored::Int64(parse_timestamp(v).ok_or(Mismatch)?)
            }
            (MirrorType::Moment(unit), ValueRef::Integer(v)) => {
                Stored::Int64(unit.of_integer(v).ok_or(Mismatch)?)
            }
            (MirrorType::Moment(unit), ValueRef::Real(v)) => {
                Stored::Int64(unit.of_real(v).ok_or(Mismatch)?)
            }
            (MirrorType::Boolean, ValueRef::Integer(v @ (0 | 1))) => Stored::Bool(v == 1),
            (MirrorType::Varchar | MirrorType::AnyText, ValueRef::Text(v)) => Stored::Text(v),
            (MirrorType::Blob, ValueRef::Blob(v)) => Stored::Blob(v),
            _ => return Err(Mismatch),
        })
    }

    /// Converts a value so that its text comes back: as [`Self::store`], but several texts mean the same moment, so
    /// that only `YYYY-MM-DD HH:MM:SS[.f]` without a zero at its end fits. Errors if the type cannot hold it so.
    pub fn store_exactly(self, value: ValueRef<'_>) -> Result<Stored<'_>, Mismatch> {
        match (self, value) {
            (MirrorType::Timestamp, ValueRef::Text(v))
                if v.as_bytes().get(10) != Some(&b' ')
                    || v.len() < 19
                    || (v.len() > 19 && v.ends_with('0')) =>
            {
                Err(Mismatch)
            }
            _ => self.store(value),
        }
    }

    /// The type's name in DuckDB.
    pub fn sql(self) -> String {
        match self {
            MirrorType::BigInt => "BIGINT".into(),
            MirrorType::Double => "DOUBLE".into(),
            MirrorType::Decimal(width, scale) => format!("DECIMAL({width},{scale})"),
            MirrorType::Date => "DATE".into(),
            MirrorType::Timestamp | MirrorType::Moment(_) => "TIMESTAMP".into(),
            MirrorType::Boolean => "BOOLEAN".into(),
            MirrorType::Varchar | MirrorType::AnyText => "VARCHAR".into(),
            MirrorType::Blob => "BLOB".into(),
        }
    }

    /// The type's name in Lumos: as in DuckDB, and what it is made from where that is not said by it.
    pub fn name(self) -> String {
        match self {
            MirrorType::Moment(unit) => format!("TIMESTAMP({})", unit.name()),
            MirrorType::AnyText => "TEXT".into(),
            other => other.sql(),
        }
    }

    /// The type with this name, as [`Self::name`] writes it.
    pub fn from_name(name: &str) -> Option<MirrorType> {
        Some(match name {
            "BOOLEAN" => MirrorType::Boolean,
            "TEXT" => MirrorType::AnyText,
            "TIMESTAMP(unix)" => MirrorType::Moment(Unit::Unix),
            "TIMESTAMP(unix_ms)" => MirrorType::Moment(Unit::UnixMs),
            "TIMESTAMP(julian)" => MirrorType::Moment(Unit::Julian),
            "BIGINT" => MirrorType::BigInt,
            "DOUBLE" => MirrorType::Double,
            "DATE" => MirrorType::Date,
            "TIMESTAMP" => MirrorType::Timestamp,
            "VARCHAR" => MirrorType::Varchar,
            "BLOB" => MirrorType::Blob,
            _ => {
                let digits = name.strip_prefix("DECIMAL")?;
                return digits.starts_with('(').then(|| decimal(digits))?;
            }
        })
    }
}

/// `value * power` as a whole number, if it is exact: `value` is the double nearest to that decimal.
fn scaled(value: f64, power: f64) -> Option<i64> {
    let scaled = (value * power).round();
    (scaled.abs() <= EXACT_DOUBLE as f64 && scaled / power == value).then_some(scaled as i64)
}

/// `DECIMAL(10, 2)` and `NUMERIC(10,2)` to their type, if DuckDB and a double can hold it.
fn decimal(declared: &str) -> Option<MirrorType> {
    let inside = declared.split_once('(')?.1.split_once(')')?.0;
    let (width, scale) = match inside.split_once(',') {
        Some((width, scale)) => (width.trim().parse().ok()?, scale.trim().parse().ok()?),
        None => (inside.trim().parse().ok()?, 0),
    };
    (1..=38).contains(&width).then_some(())?;
    (scale <= width && scale <= 18).then_some(MirrorType::Decimal(width, scale))
}

fn stored_decimal<'a>(scaled: i128, width: u8) -> Result<Stored<'a>, Mismatch> {
    if scaled.unsigned_abs() >= 10u128.pow(width.into()) {
        return Err(Mismatch);
    }
    Ok(match width {
        0..=4 => Stored::Int16(scaled as i16),
        5..=9 => Stored::Int32(scaled as i32),
        10..=18 => Stored::Int64(scaled as i64),
        _ => Stored::Int128(scaled),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_follow_affinity() {
        for (declared, expected) in [
            ("INTEGER", "BIGINT"),
            ("bigint unsigned", "BIGINT"),
            ("NVARCHAR(160)", "VARCHAR"),
            ("DOUBLE PRECISION", "DOUBLE"),
            ("NUMERIC(10,2)", "DECIMAL(10,2)"),
            ("decimal(5)", "DECIMAL(5,0)"),
            ("DECIMAL(40,2)", "BIGINT"),
            ("DATETIME", "TIMESTAMP"),
            ("date", "DATE"),
            ("BOOLEAN", "BIGINT"),
            ("blob", "BLOB"),
            ("", "BIGINT"),
        ] {
            assert_eq!(MirrorType::declared(declared).sql(), expected, "{declared}");
        }
    }

    #[test]
    fn names_read_back() {
        for ty in [
            MirrorType::BigInt,
            MirrorType::Decimal(38, 18),
            MirrorType::Decimal(4, 0),
            MirrorType::Timestamp,
            MirrorType::Moment(Unit::Unix),
            MirrorType::Moment(Unit::UnixMs),
            MirrorType::Moment(Unit::Julian),
            MirrorType::Boolean,
            MirrorType::Varchar,
            MirrorType::AnyText,
            MirrorType::Blob,
        ] {
            assert_eq!(MirrorType::from_name(&ty.name()), Some(ty));
        }
        assert_eq!(MirrorType::from_name("INT"), None);
        assert_eq!(MirrorType::from_name("X(4,1)"), None);
    }

    #[test]
    fn values_fit_exactly_or_not_at_all() {
        use ValueRef::{Integer, Real, Text};
        let store = MirrorType::store;
        assert_eq!(
            store(MirrorType::Decimal(10, 2), Real(0.99)),
            Ok(Stored::Int64(99))
        );
        assert_eq!(
            store(MirrorType::Decimal(10, 2), Integer(-5)),
            Ok(Stored::Int64(-500))
        );
        assert_eq!(
            store(MirrorType::Decimal(10, 2), Real(0.991)),
            Err(Mismatch)
        );
        assert_eq!(
            store(MirrorType::Decimal(10, 2), Real(0.1 + 0.2)),
            Err(Mismatch)
        );
        assert_eq!(
            store(MirrorType::Decimal(4, 2), Integer(100)),
            Err(Mismatch)
        );
        assert_eq!(store(MirrorType::BigInt, Real(1.0)), Err(Mismatch));
        assert_eq!(
            store(MirrorType::Double, Integer((1 << 53) + 1)),
            Err(Mismatch)
        );
        assert_eq!(store(MirrorType::Varchar, Integer(1)), Err(Mismatch));
        assert_eq!(
            store(MirrorType::Varchar, Text("a\0b")),
            Ok(Stored::Text("a\0b"))
        );
    }

    #[test]
    fn moments_keep_their_text() {
        let key = |text| {
            MirrorType::Timestamp
                .store_exactly(ValueRef::Text(text))
                .is_ok()
        };
        for text in ["1970-01-01 00:00:00", "1970-01-01 00:00:00.05"] {
            assert!(key(text), "{text}");
        }
        for text in [
            "1970-01-01",
            "1970-01-01 00:00",
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00.50",
            "1970-01-01 00:00:00.",
        ] {
            assert!(!key(text), "{text}");
        }
    }

    #[test]
    fn types_widen_without_loss_only() {
        use ValueRef::{Blob, Integer, Real, Text};
        let widened = MirrorType::widened;
        assert_eq!(
            widened(MirrorType::BigInt, Real(0.5), false),
            Some(MirrorType::Double)
        );
        assert_eq!(
            widened(MirrorType::BigInt, Text("x"), true),
            Some(MirrorType::Varchar)
        );
        assert_eq!(widened(MirrorType::BigInt, Text("x"), false), None);
        assert_eq!(
            widened(MirrorType::Date, Text("2000-01-01 10:00"), true),
            Some(MirrorType::Timestamp)
        );
        assert_eq!(
            widened(MirrorType::Timestamp, Text("2000-01-01"), true),
            Some(MirrorType::Date)
        );
        for (ty, text) in [
            (MirrorType::Date, "soon"),
            (MirrorType::Timestamp, "2000-01-01T10:00:00"),
        ] {
            assert_eq!(widened(ty, Text(text), true), Some(MirrorType::Varchar));
            assert_eq!(widened(ty, Text(text), false), Some(MirrorType::Varchar));
        }
        assert_eq!(
            widened(MirrorType::Date, Text("2000-01-01 10:00:00"), false),
            Some(MirrorType::Varchar)
        );
        assert_eq!(
            widened(MirrorType::Timestamp, Text("soon"), false),
            Some(MirrorType::Varchar)
        );
        assert_eq!(
            widened(MirrorType::Date, Integer(0), true),
            Some(MirrorType::BigInt)
        );
        assert_eq!(widened(MirrorType::Varchar, Blob(b"x"), false), None);
        assert_eq!(widened(MirrorType::Double, Integer(i64::MAX), false), None);
    }
}
