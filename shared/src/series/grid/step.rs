//! From one row of a grid to the next: fixed, by months, or by business days.

use super::super::clock::{Clock, DAY, SECOND};
use crate::calendar::{civil, month_of, months};

/// From one row to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many units of the clock.
    Fixed(i64),
    /// So many months, on this day of the month or the last one before it; 31 is the end of each.
    Months(i64, i64),
    /// From Monday to Friday.
    BusinessDay,
}
/// The months since the year 0 of a time, and the day of the month.
pub(super) fn month_and_day(time: i64) -> (i64, i64) {
    let (year, month, day) = civil(time.div_euclid(DAY));
    (month_of(year, month), day)
}

/// The days of a month.
pub(super) fn month_length(month: i64) -> Option<i64> {
    let (from, to) = months(month, 1)?;
    Some((to - from) / (DAY / SECOND))
}

/// Whether rows of a series fall on this weekday: Monday is 0.
pub(super) fn weekday(time: i64) -> i64 {
    (time.div_euclid(DAY) + 3).rem_euclid(7)
}

impl Step {
    /// The time so many steps later; `None` beyond 64 bits, or beyond the calendar.
    pub fn add(self, time: i64, steps: i64) -> Option<i64> {
        match self {
            Step::Fixed(unit) => time.checked_add(unit.checked_mul(steps)?),
            Step::Months(unit, day) => {
                let (month, _) = month_and_day(time);
                let month = month.checked_add(unit.checked_mul(steps)?)?;
                let (from, _) = months(month, 1)?;
                let day = day.min(month_length(month)?);
                Some(from * SECOND + (day - 1) * DAY + time.rem_euclid(DAY))
            }
            Step::BusinessDay => {
                let weekday = weekday(time).min(4);
                let monday = time.checked_sub(weekday.checked_mul(DAY)?)?;
                let days = weekday.checked_add(steps)?;
                let later = days.div_euclid(5) * 7 + days.rem_euclid(5);
                monday.checked_add(later.checked_mul(DAY)?)
            }
        }
    }

    /// The row that a time falls on, counted from another; rounded down. `None` beyond 64 bits.
    pub fn rows_between(self, first: i64, time: i64) -> Option<i64> {
        match self {
            Step::Fixed(unit) => Some(time.checked_sub(first)?.div_euclid(unit)),
            Step::Months(unit, _) => {
                let months = month_and_day(time).0 - month_and_day(first).0;
                Some(months.div_euclid(unit))
            }
            Step::BusinessDay => {
                let weeks = |time: i64| (time.div_euclid(DAY) + 3).div_euclid(7);
                let days = |time: i64| weeks(time) * 5 + weekday(time).min(4);
                Some(days(time) - days(first))
            }
        }
    }

    /// How many rows of this step a time of another has, rounded; months are as long as they are in the mean.
    pub fn rows_within(self, time: Step) -> usize {
        let length = |step: Step| match step {
            Step::Fixed(unit) => unit as f64,
            Step::Months(months, _) => months as f64 * 365.2425 / 12.0 * DAY as f64,
            Step::BusinessDay => 1.4 * DAY as f64,
        };
        let ratio = match (self, time) {
            (Step::Months(unit, _), Step::Months(months, _)) => months as f64 / unit as f64,
            (unit, time) => length(time) / length(unit),
        };
        libm::round(ratio) as usize
    }

    /// The periods that the calendar gives a season of such steps, in rows, the likelier first.
    pub(super) fn periods(self, clock: Clock) -> Vec<usize> {
        let unit = match self {
            Step::BusinessDay => return vec![5],
            Step::Months(1, _) => return vec![12],
            Step::Months(3, _) => return vec![4],
            Step::Months(..) => return Vec::new(),
            Step::Fixed(_) if clock == Clock::Integer => return Vec::new(),
            Step::Fixed(unit) => unit,
        };
        let of = |whole: i64| (whole % unit == 0).then_some((whole / unit) as usize);
        let (hour, week) = (3_600 * SECOND, 7 * DAY);
        let periods = match unit {
            _ if unit < 60 * SECOND => [of(60 * SECOND), of(hour)],
            _ if unit < 5 * 60 * SECOND => [of(hour), of(DAY)],
            _ if unit < DAY => [of(DAY), of(week)],
            DAY => [Some(7), Some(365)],
            _ if unit == week => [Some(52), None],
            _ => [None, None],
        };
        periods.into_iter().flatten().filter(|p| *p > 1).collect()
    }

    /// For a sentence and the option.
    pub fn show(self, clock: Clock) -> String {
        let parts = [
            (7 * DAY, "week"),
            (DAY, "day"),
            (3_600 * SECOND, "hour"),
            (60 * SECOND, "minute"),
            (SECOND, "second"),
            (1, "microsecond"),
        ];
        let plural = |n: i64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        match self {
            Step::BusinessDay => "1 business day".into(),
            Step::Months(n, _) if n % 12 == 0 => plural(n / 12, "year"),
            Step::Months(n, _) => plural(n, "month"),
            Step::Fixed(unit) if clock == Clock::Integer => unit.to_string(),
            Step::Fixed(unit) => match parts.iter().find(|(size, _)| unit % size == 0) {
                Some((size, what)) => plural(unit / size, what),
                None => unit.to_string(),
            },
        }
    }

    /// A step as an option names it: `1 day`, `15 minutes`, `3 months`, `business day`, or a number. `None` if it is none.
    pub fn parse(text: &str) -> Option<Step> {
        let text = text.trim().to_ascii_lowercase();
        let (count, unit): (i64, &str) = match text.split_once(' ') {
            Some((count, unit)) if count.parse::<i64>().is_ok() => (count.parse().ok()?, unit),
            _ => (1, text.as_str()),
        };
        if count < 1 {
            return None;
        }
        let fixed = |size: i64| count.checked_mul(size).map(Step::Fixed);
        match unit.trim().trim_end_matches('s') {
            "second" => fixed(SECOND),
            "minute" => fixed(60 * SECOND),
            "hour" => fixed(3_600 * SECOND),
            "day" => fixed(DAY),
            "week" => fixed(7 * DAY),
            "month" => Some(Step::Months(count, 1)),
            "quarter" => Some(Step::Months(count.checked_mul(3)?, 1)),
            "year" => Some(Step::Months(count.checked_mul(12)?, 1)),
            "business day" => (count == 1).then_some(Step::BusinessDay),
            number => number.parse().ok().filter(|n| *n > 0).map(Step::Fixed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read() {
        for (text, step) in [
            ("1 day", Some(Step::Fixed(DAY))),
            ("15 minutes", Some(Step::Fixed(900 * SECOND))),
            ("Business day", Some(Step::BusinessDay)),
            ("quarter", Some(Step::Months(3, 1))),
            ("7", Some(Step::Fixed(7))),
            ("0", None),
            ("-1 day", None),
            ("fortnight", None),
            ("2 business days", None),
        ] {
            assert_eq!(Step::parse(text), step, "{text}");
        }
    }
}
