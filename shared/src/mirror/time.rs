//! Dates and times: from ISO 8601 text, and from numbers in a unit that was named.

use super::scaled;

/// What a number that means a moment counts. Never guessed from the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// Days since noon of 24 November 4714 BC, as `julianday()` gives them: exact to the millisecond.
    Julian,
}

/// The years 1 to 9999, as ISO text has them, in microseconds since 1970.
const FIRST: i64 = -62_135_596_800_000_000;
const LAST: i64 = 253_402_300_799_999_999;

/// 1970 in milliseconds of the Julian day.
const JULIAN_1970: i64 = 210_866_760_000_000;
const DAY_MS: i64 = 86_400_000;

impl Unit {
    /// The unit's name, in `TIMESTAMP(<name>)`.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Unix => "unix",
            Unit::UnixMs => "unix_ms",
            Unit::Julian => "julian",
        }
    }

    /// Microseconds since 1970.
    pub(super) fn of_integer(self, value: i64) -> Option<i64> {
        in_range(match self {
            Unit::Unix => value.checked_mul(1_000_000)?,
            Unit::UnixMs => value.checked_mul(1_000)?,
            Unit::Julian => value
                .checked_mul(DAY_MS)?
                .checked_sub(JULIAN_1970)?
                .checked_mul(1_000)?,
        })
    }

    /// Microseconds since 1970, if that is exact.
    pub(super) fn of_real(self, value: f64) -> Option<i64> {
        if value.fract() == 0.0 && value.abs() < i64::MAX as f64 {
            return self.of_integer(value as i64);
        }
        in_range(match self {
            Unit::Unix => scaled(value, 1_000_000.0)?,
            Unit::UnixMs => scaled(value, 1_000.0)?,
            Unit::Julian => (scaled(value, DAY_MS as f64)? - JULIAN_1970).checked_mul(1_000)?,
        })
    }
}

fn in_range(micros: i64) -> Option<i64> {
    (FIRST..=LAST).contains(&micros).then_some(micros)
}

/// `n` digits at the start, and the rest.
fn digits(text: &str, n: usize) -> Option<(i64, &str)> {
    let (head, rest) = text.split_at_checked(n)?;
    head.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    Some((head.parse().ok()?, rest))
}

/// `YYYY-MM-DD` at the start as days since 1970, and the rest. DuckDB writes the year 0 otherwise.
fn leading_date(text: &str) -> Option<(i32, &str)> {
    let (year, rest) = digits(text, 4)?;
    (year > 0).then_some(())?;
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

/// `YYYY-MM-DD` as days since 1970.
pub fn parse_date(text: &str) -> Option<i32> {
    let (days, rest) = leading_date(text)?;
    rest.is_empty().then_some(days)
}

/// `YYYY-MM-DD[ HH:MM[:SS[.ffffff]]]`, with a space or `T`, as microseconds since 1970.
pub fn parse_timestamp(text: &str) -> Option<i64> {
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
            ("0000-01-01", None),
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
    fn numbers_are_moments_in_a_named_unit() {
        assert_eq!(Unit::Unix.of_integer(1), Some(1_000_000));
        assert_eq!(Unit::Unix.of_real(-1.5), Some(-1_500_000));
        assert_eq!(
            Unit::Unix.of_real(1_700_000_000.123_456),
            Some(1_700_000_000_123_456)
        );
        assert_eq!(Unit::Unix.of_real(0.000_000_1), None);
        assert_eq!(Unit::Unix.of_real(f64::INFINITY), None);
        assert_eq!(Unit::UnixMs.of_integer(-1), Some(-1_000));
        assert_eq!(Unit::UnixMs.of_real(0.25), Some(250));
        // Milliseconds that were taken for seconds are beyond the year 9999.
        assert_eq!(Unit::Unix.of_integer(1_700_000_000_000), None);
        assert_eq!(Unit::Unix.of_integer(i64::MAX), None);
        // SELECT julianday('2000-01-01 12:00'), julianday('2024-05-06 07:08:09.123').
        assert_eq!(
            Unit::Julian.of_integer(2_451_545),
            Some(946_728_000_000_000)
        );
        assert_eq!(
            Unit::Julian.of_real(210_866_760_000_001.0 / 86_400_000.0),
            Some(1_000)
        );
        assert_eq!(
            Unit::Julian.of_real(2_460_436.797_327_812_3),
            Some(1_714_979_289_123_000)
        );
        assert_eq!(Unit::Julian.of_real(2_460_436.797_327_815), None);
        assert_eq!(Unit::Julian.of_integer(0), None);
    }
}
