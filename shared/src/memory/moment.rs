//! Moments: whole seconds since 1970 in tables, ISO 8601 text in UTC or such a number in calls.

use serde_json::Value as Json;

use crate::calendar::{self, civil};
use crate::mirror::time::parse_timestamp;
use crate::options::Options;
use crate::value::whole_number;
use crate::{Error, Result};

/// What an option that is a moment takes, for errors and the reference.
pub const MOMENT: &str = "a time in UTC like \"2026-05-01 09:30:00\", or seconds since 1970";

/// Of the years 1 to 9999.
const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Seconds of a day.
pub const DAY: f64 = 86_400.0;

/// The moment that an option says, if it is given. Errors if it is none.
pub fn option(options: &Options, name: &str) -> Result<Option<i64>> {
    match options.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(given) => match read(given) {
            Some(moment) => Ok(Some(moment)),
            None => Err(options.wrong(name, MOMENT)),
        },
    }
}

/// The moment that a value says; `None` if it is none.
pub fn read(given: &Json) -> Option<i64> {
    let moment = match given {
        Json::String(text) => of_text(text)?,
        number => whole_number(number)?,
    };
    RANGE.contains(&moment).then_some(moment)
}

/// A text as a moment; fractions of a second are left out.
fn of_text(text: &str) -> Option<i64> {
    let text = text.trim();
    let utc = ["Z", "+00:00", "+00"]
        .iter()
        .find_map(|end| text.strip_suffix(end));
    Some(parse_timestamp(utc.unwrap_or(text).trim_end())?.div_euclid(1_000_000))
}

/// As `YYYY-MM-DD HH:MM:SS`. Errors if it is outside of the years 1 to 9999.
pub fn text(moment: i64) -> Result<String> {
    if !RANGE.contains(&moment) {
        return Err(Error::new(format!("{moment} is no time; give {MOMENT}")));
    }
    let (year, month, day) = civil(moment.div_euclid(calendar::DAY));
    let second = moment.rem_euclid(calendar::DAY);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    Ok(format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_as_text() {
        for (moment, shown) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_868_800, "2000-03-01 00:00:00"),
            (-62_135_596_800, "0001-01-01 00:00:00"),
            (253_402_300_799, "9999-12-31 23:59:59"),
        ] {
            assert_eq!(text(moment).unwrap(), shown);
            assert_eq!(read(&Json::from(shown)), Some(moment));
        }
        assert!(text(i64::MAX).is_err());
    }

    #[test]
    fn calls_say_them_in_several_ways() {
        for given in [
            "2026-05-01",
            "2026-05-01T00:00Z",
            "2026-05-01 00:00:00.9+00",
            "2026-05-01 00:00:00+00:00",
        ] {
            assert_eq!(read(&Json::from(given)), Some(1_777_593_600), "{given}");
        }
        assert_eq!(read(&Json::from(5)), Some(5));
        for wrong in [
            Json::from("May"),
            Json::from(1.5),
            Json::from(i64::MAX),
            Json::from(true),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }
}
