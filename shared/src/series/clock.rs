//! Times of a series: whole numbers, days, or moments without a zone, as 64-bit integers.

use crate::calendar::civil;
use crate::mirror::time::{parse_date, parse_timestamp};
use crate::vector::excerpt;
use crate::{Error, Result, Value, ValueRef};

/// What the integers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clock {
    /// Whatever the caller counts.
    Integer,
    /// Microseconds since 1970, all at midnight and given as days.
    Date,
    /// Microseconds since 1970.
    Timestamp,
}

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub const DAY: i64 = 86_400 * SECOND;

impl Clock {
    /// A time: a whole number, `YYYY-MM-DD`, or `YYYY-MM-DD HH:MM:SS.ffffff`, whose zone may be UTC. Errors if the value
    /// is none of them.
    pub fn read(value: ValueRef<'_>) -> Result<(Clock, i64)> {
        let text = match value.whole() {
            ValueRef::Integer(time) => return Ok((Clock::Integer, time)),
            ValueRef::Text(text) => text.trim(),
            ValueRef::Real(v) => return Err(wrong(&v.to_string())),
            _ => return Err(wrong("a BLOB")),
        };
        if let Some(day) = parse_date(text) {
            return Ok((Clock::Date, i64::from(day) * DAY));
        }
        let utc = ["Z", "+00:00", "+00"]
            .iter()
            .find_map(|end| text.strip_suffix(end));
        match parse_timestamp(utc.unwrap_or(text).trim_end()) {
            Some(time) => Ok((Clock::Timestamp, time)),
            None => Err(wrong(&excerpt(text))),
        }
    }

    /// A time as a value of SQL: a whole number or a text. NULL if it is outside of the years 1 to 9999.
    pub fn write(self, time: i64) -> Value {
        if self == Clock::Integer {
            return Value::Integer(time);
        }
        let (year, month, day) = civil(time.div_euclid(DAY));
        if !(1..=9999).contains(&year) {
            return Value::Null;
        }
        let date = format!("{year:04}-{month:02}-{day:02}");
        if self == Clock::Date {
            return Value::Text(date);
        }
        let micros = time.rem_euclid(DAY);
        let (second, part) = (micros / SECOND, micros % SECOND);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let part = match part {
            0 => String::new(),
            part => format!(".{part:06}"),
        };
        Value::Text(format!("{date} {hour:02}:{minute:02}:{second:02}{part}"))
    }

    /// A time for a sentence.
    pub fn show(self, time: i64) -> String {
        match self.write(time) {
            Value::Text(text) => text,
            Value::Integer(time) => time.to_string(),
            _ => "a time after the year 9999".into(),
        }
    }
}

fn wrong(shown: &str) -> Error {
    Error::new(format!(
        "{shown} is no time; give a date like 2026-05-01, a time like 2026-05-01 09:30:00 in one zone, or a whole number"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        for (text, clock) in [
            ("2024-02-29", Clock::Date),
            ("0001-01-01", Clock::Date),
            ("9999-12-31", Clock::Date),
            ("1969-12-31 23:59:59", Clock::Timestamp),
            ("2024-02-29 12:30:00.000250", Clock::Timestamp),
        ] {
            let (read, time) = Clock::read(ValueRef::Text(text)).unwrap();
            assert_eq!((read, clock.write(time)), (clock, Value::Text(text.into())));
        }
        assert_eq!(
            Clock::read(ValueRef::Integer(-5)).unwrap(),
            (Clock::Integer, -5)
        );
        assert_eq!(
            Clock::read(ValueRef::Real(7.0)).unwrap(),
            (Clock::Integer, 7)
        );
        assert_eq!(
            Clock::read(ValueRef::Text("2024-02-29T00:00:00Z")).unwrap(),
            (Clock::Timestamp, 19_782 * DAY)
        );
        assert_eq!(Clock::Date.write(i64::MAX), Value::Null);
        for wrong in [
            ValueRef::Text("May"),
            ValueRef::Text("2024-02-30"),
            ValueRef::Text("10:00"),
            ValueRef::Real(0.5),
            ValueRef::Blob(b"x"),
        ] {
            let refused = Clock::read(wrong).unwrap_err().to_string();
            assert!(refused.contains("is no time; give"), "{refused}");
        }
    }
}
