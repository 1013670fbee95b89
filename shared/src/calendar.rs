//! Days, weeks, months and years as ranges of seconds since 1970, in UTC: `(from, to)`, without `to`.

/// From the first second to the one after the last, since 1970.
pub type Range = (i64, i64);

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// The years that there are.
pub const YEARS: std::ops::RangeInclusive<i64> = 1..=9999;

/// Months since the year 0; January of the year 1 is 12.
pub type Month = i64;

/// The days from 1970 to a day of a month from 1 to 12. By Howard Hinnant.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of the month of a number of days from 1970. By Howard Hinnant.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day since 1970 with this date, if there is one.
pub fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    (YEARS.contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)).then_some(())?;
    let days = days_from_civil(year, month, day);
    (civil(days) == (year, month, day)).then_some(days)
}

/// So many days from one on. `None` outside of the years 1 to 9999.
pub fn days(first: i64, count: i64) -> Option<Range> {
    let last = first.checked_add(count.checked_sub(1)?)?;
    let known = days_from_civil(1, 1, 1)..=days_from_civil(9999, 12, 31);
    (count > 0 && known.contains(&first) && known.contains(&last))
        .then(|| (first * DAY, (last + 1) * DAY))
}

/// The number of a month from 1 to 12 of a year.
pub fn month_of(year: i64, month: i64) -> Month {
    year * 12 + month - 1
}

/// So many months from one on. `None` outside of the years 1 to 9999.
pub fn months(first: Month, count: i64) -> Option<Range> {
    let end = first.checked_add(count)?;
    (count > 0 && first >= 12 && end <= 120_000).then_some(())?;
    let start = |month: Month| days_from_civil(month.div_euclid(12), month.rem_euclid(12) + 1, 1);
    Some((start(first) * DAY, start(end) * DAY))
}

/// A year.
pub fn year(year: i64) -> Option<Range> {
    YEARS.contains(&year).then_some(())?;
    months(month_of(year, 1), 12)
}

/// The Monday of a day's week.
pub fn monday(day: i64) -> i64 {
    // The first day of 1970 was a Thursday.
    day - (day + 3).rem_euclid(7)
}

/// What a person counts time in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// From midnight to midnight, UTC.
    Day,
    /// From Monday to Sunday.
    Week,
    /// Of the calendar.
    Month,
    /// Three months, the first from January on.
    Quarter,
    /// Of the calendar.
    Year,
    /// Ten years, like 1990 to 1999.
    Decade,
}

impl Unit {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Minute => "minute",
            Unit::Hour => "hour",
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Quarter => "quarter",
            Unit::Year => "year",
            Unit::Decade => "decade",
        }
    }
}

/// The unit that is `count` units before that of `now`; after it if negative.
pub fn before(now: i64, unit: Unit, count: i64) -> Option<Range> {
    let day = now.div_euclid(DAY);
    let (this_year, this_month, _) = civil(day);
    let this_month = month_of(this_year, this_month);
    match unit {
        Unit::Minute => part(now, 60, count),
        Unit::Hour => part(now, 3_600, count),
        Unit::Day => days(day.checked_sub(count)?, 1),
        Unit::Week => days(monday(day).checked_sub(count.checked_mul(7)?)?, 7),
        Unit::Month => months(this_month.checked_sub(count)?, 1),
        Unit::Quarter => months((this_month / 3 * 3).checked_sub(count.checked_mul(3)?)?, 3),
        Unit::Year => year(this_year.checked_sub(count)?),
        Unit::Decade => {
            let first = (this_year / 10 * 10).checked_sub(count.checked_mul(10)?)?;
            months(month_of(YEARS.contains(&first).then_some(first)?, 1), 120)
        }
    }
}

fn part(now: i64, seconds: i64, count: i64) -> Option<Range> {
    let from = (now.div_euclid(seconds).checked_sub(count)?).checked_mul(seconds)?;
    days(from.div_euclid(DAY), 1)?;
    Some((from, from + seconds))
}

/// The time of so many units that ends now.
pub fn trailing(now: i64, unit: Unit, count: i64) -> Option<Range> {
    let (day, second) = (now.div_euclid(DAY), now.rem_euclid(DAY));
    let months_ago = |count: i64| {
        let (year, month, of_month) = civil(day);
        let (from, to) = months(month_of(year, month).checked_sub(count)?, 1)?;
        Some((from + (of_month - 1) * DAY).min(to - DAY) + second)
    };
    let seconds_ago = |unit: i64| now.checked_sub(count.checked_mul(unit)?);
    let from = match unit {
        Unit::Minute => seconds_ago(60),
        Unit::Hour => seconds_ago(3_600),
        Unit::Day => seconds_ago(DAY),
        Unit::Week => seconds_ago(7 * DAY),
        Unit::Month => months_ago(count),
        Unit::Quarter => months_ago(count.checked_mul(3)?),
        Unit::Year => months_ago(count.checked_mul(12)?),
        Unit::Decade => months_ago(count.checked_mul(120)?),
    }?;
    days(from.div_euclid(DAY), 1)?;
    (from < now).then_some((from, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::time::parse_date;

    #[test]
    fn days_and_dates_agree() {
        let mut day = days_from_civil(1, 1, 1);
        let last = days_from_civil(9999, 12, 31);
        while day <= last {
            let (y, m, d) = civil(day);
            assert_eq!(day_of(y, m, d), Some(day));
            assert_eq!(
                parse_date(&format!("{y:04}-{m:02}-{d:02}")).map(i64::from),
                Some(day)
            );
            let week = monday(day);
            assert!(week <= day && day < week + 7 && monday(week) == week);
            day += 97;
        }
        assert_eq!(day_of(2023, 2, 29), None);
        assert_eq!(day_of(0, 1, 1), None);
        assert_eq!(monday(0), -3);
    }

    #[test]
    fn units_follow_each_other() {
        use Unit::*;
        for now in [0, -1, 951_782_399, 1_795_910_400, 4_000_000_000] {
            for unit in [Minute, Hour, Day, Week, Month, Quarter, Year, Decade] {
                let (from, to) = before(now, unit, 0).unwrap();
                assert!(from <= now && now < to, "{unit:?} of {now}");
                for count in -30..30 {
                    let (from, to) = before(now, unit, count).unwrap();
                    assert!(from < to);
                    assert_eq!(before(now, unit, count - 1).unwrap().0, to);
                }
                assert_eq!(before(now, unit, i64::MAX), None);
                assert_eq!(before(now, unit, i64::MIN), None);
                assert_eq!(trailing(now, unit, i64::MAX), None);
                let (from, to) = trailing(now, unit, 1).unwrap();
                assert!(from < to && to == now);
            }
        }
    }
}
