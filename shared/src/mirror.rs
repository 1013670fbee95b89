//! The type that a column of SQLite gets in the mirror, and the conversion of its values.
//!
//! SQLite types values, DuckDB columns. The declared type says what to try; every value is checked, and one that
//! does not fit exactly is a [`Mismatch`], never a rounded value. While a table is copied a mismatch widens the
//! column and the copy starts over; afterwards it is an error.

use crate::ValueRef;

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
    /// VARCHAR.
    Varchar,
    /// BLOB.
    Blob,
}

/// A value as DuckDB stores it for its [`MirrorType`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stored<'a> {
    /// NULL.
    Null,
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
        let upper = declared.to_ascii_uppercase();
        let name = upper.split('(').next().unwrap_or_default().trim();
        match name {
            "DATE" => return MirrorType::Date,
            "DATETIME" | "TIMESTAMP" => return MirrorType::Timestamp,
            "DECIMAL" | "NUMERIC" => return decimal(&upper).unwrap_or(MirrorType::BigInt),
            _ => {}
        }
        // The affinity rules, https://www.sqlite.org/datatype3.html section 3.1.
        let has = |part: &str| upper.contains(part);
        if has("INT") {
            MirrorType::BigInt
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            MirrorType::Varchar
        } else if has("BLOB") {
            MirrorType::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            MirrorType::Double
        } else {
            MirrorType::BigInt
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
            (Date, ValueRef::Text(_)) => Timestamp,
            (_, ValueRef::Text(_)) if fresh => Varchar,
            (_, ValueRef::Blob(_)) if fresh => Blob,
            (Timestamp, ValueRef::Text(_)) => Varchar,
            (BigInt, ValueRef::Real(_))
            | (Decimal(..), ValueRef::Real(_) | ValueRef::Integer(_)) => Double,
            _ => return None,
        };
        (next != self).then_some(next)
    }

    /// Converts a value exactly.
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
                let power = 10f64.powi(scale.into());
                let scaled = (v * power).round();
                // Exact only if the decimal is the shortest text of this very double.
                if scaled.abs() > EXACT_DOUBLE as f64 || scaled / power != v {
                    return Err(Mismatch);
                }
                stored_decimal(scaled as i128, width)?
            }
            (MirrorType::Date, ValueRef::Text(v)) => Stored::Int32(parse_date(v).ok_or(Mismatch)?),
            (MirrorType::Timestamp, ValueRef::Text(v)) => {
                Stored::Int64(parse_timestamp(v).ok_or(Mismatch)?)
            }
            (MirrorType::Varchar, ValueRef::Text(v)) => Stored::Text(v),
            (MirrorType::Blob, ValueRef::Blob(v)) => Stored::Blob(v),
            _ => return Err(Mismatch),
        })
    }

    /// Converts a value of a key: as [`Self::store`], but values that differ in SQLite must stay different. Several
    /// texts mean the same moment, so that only `YYYY-MM-DD HH:MM:SS[.f]` without a zero at its end fits.
    pub fn store_key(self, value: ValueRef<'_>) -> Result<Stored<'_>, Mismatch> {
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
            MirrorType::Timestamp => "TIMESTAMP".into(),
            MirrorType::Varchar => "VARCHAR".into(),
            MirrorType::Blob => "BLOB".into(),
        }
    }

    /// The type with this name, as [`Self::sql`] writes it.
    pub fn from_sql(name: &str) -> Option<MirrorType> {
        Some(match name {
            "BIGINT" => MirrorType::BigInt,
            "DOUBLE" => MirrorType::Double,
            "DATE" => MirrorType::Date,
            "TIMESTAMP" => MirrorType::Timestamp,
            "VARCHAR" => MirrorType::Varchar,
            "BLOB" => MirrorType::Blob,
            _ => return decimal(name),
        })
    }
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

/// `n` digits at the start, and the rest.
fn digits(text: &str, n: usize) -> Option<(i64, &str)> {
    let (head, rest) = text.split_at_checked(n)?;
    head.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    Some((head.parse().ok()?, rest))
}

/// `YYYY-MM-DD` at the start as days since 1970, and the rest.
fn leading_date(text: &str) -> Option<(i32, &str)> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=last).contains(&day).then_some(())?;
    // Days from civil, by Howard Hinnant.
    let shifted = if month > 2 { year } else { year - 1 };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(((era * 146_097 + day_of_era - 719_468) as i32, rest))
}

fn parse_date(text: &str) -> Option<i32> {
    let (days, rest) = leading_date(text)?;
    rest.is_empty().then_some(days)
}

fn parse_timestamp(text: &str) -> Option<i64> {
    let (days, rest) = leading_date(text)?;
    let midnight = i64::from(days) * 86_400_000_000;
    if rest.is_empty() {
        return Some(midnight);
    }
    let (hour, rest) = digits(rest.strip_prefix([' ', 'T'])?, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => digits(rest, 2)?,
        None => (0, rest),
    };
    let micros = match rest.strip_prefix('.') {
        Some(fraction) => {
            let significant = fraction.trim_end_matches('0');
            (!fraction.is_empty()
                && significant.len() <= 6
                && fraction.bytes().all(|b| b.is_ascii_digit()))
            .then_some(())?;
            format!("{significant:0<6}").parse().ok()?
        }
        None if rest.is_empty() => 0i64,
        None => return None,
    };
    (hour < 24 && minute < 60 && second < 60).then_some(())?;
    Some(midnight + (hour * 3600 + minute * 60 + second) * 1_000_000 + micros)
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
    fn sql_names_read_back() {
        for ty in [
            MirrorType::BigInt,
            MirrorType::Decimal(38, 18),
            MirrorType::Decimal(4, 0),
            MirrorType::Timestamp,
            MirrorType::Blob,
        ] {
            assert_eq!(MirrorType::from_sql(&ty.sql()), Some(ty));
        }
        assert_eq!(MirrorType::from_sql("INT"), None);
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
    fn dates_and_times_are_read_or_refused() {
        for (text, micros) in [
            ("1970-01-01", Some(0)),
            ("1970-01-01 00:00:01.5", Some(1_500_000)),
            ("1970-01-01T01:00", Some(3_600_000_000)),
            ("2000-02-29 00:00:00", Some(951_782_400_000_000)),
            ("1969-12-31 23:59:59.999999000", Some(-1)),
            ("0001-01-01", Some(-62_135_596_800_000_000)),
            ("1970-01-01 00:00:00.1234567", None),
            ("1970-01-01Z", None),
            ("1970-01-01 24:00:00", None),
            ("2001-02-29", None),
            ("1970-1-1", None),
            ("", None),
            ("1970-01-01 00:00:00.", None),
        ] {
            assert_eq!(parse_timestamp(text), micros, "{text}");
        }
        assert_eq!(parse_date("2000-03-01"), Some(11_017));
        assert_eq!(parse_date("2000-03-01 00:00"), None);
    }

    #[test]
    fn keys_stay_different() {
        let key = |text| {
            MirrorType::Timestamp
                .store_key(ValueRef::Text(text))
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
