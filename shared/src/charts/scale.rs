//! Axes: where values lie on them, and which of them have a tick.

use super::table::rounded;
use crate::calendar::{civil, day_of};

/// An axis from its beginning to its end.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    /// Numbers, with a tick at each multiple of the step.
    Linear {
        /// The first value.
        from: f64,
        /// The last value.
        to: f64,
        /// From a tick to the next.
        step: f64,
    },
    /// Numbers above 0, by their logarithms.
    Log {
        /// The first value, above 0.
        from: f64,
        /// The last value.
        to: f64,
    },
    /// Seconds since 1970.
    Time {
        /// The first second.
        from: f64,
        /// The last second.
        to: f64,
        /// The finest unit of ticks: that which all times are the beginnings of.
        unit: Unit,
    },
    /// Names, each with the same room.
    Bands(Vec<String>),
}

/// A tick: where, and what stands there.
pub type Tick = (f64, String);

impl Scale {
    /// An axis for numbers between two, from 0 on if `zero` or if that is near; about so many ticks.
    pub fn linear(lo: f64, hi: f64, zero: bool, ticks: f64) -> Scale {
        let (mut lo, mut hi) = (lo, hi);
        if zero || (lo > 0.0 && lo < 0.35 * hi) || (hi < 0.0 && hi > 0.35 * lo) {
            lo = lo.min(0.0);
            hi = hi.max(0.0);
        }
        // Too near to each other to be told apart.
        if hi - lo <= 1e-12 * hi.abs().max(lo.abs()) || hi - lo < 1e-290 {
            let room = if hi == 0.0 { 1.0 } else { hi.abs() * 0.1 };
            (lo, hi) = if zero {
                (0.0, 1.0)
            } else {
                (lo - room, hi + room)
            };
        }
        let step = nice((hi - lo) / ticks.max(1.0));
        Scale::Linear {
            from: (lo / step + 1e-9).floor() * step,
            to: (hi / step - 1e-9).ceil() * step,
            step,
        }
    }

    /// An axis for numbers above 0 between two.
    pub fn log(lo: f64, hi: f64) -> Scale {
        // The ends of doubles have no power of ten beyond them.
        let (lo, hi) = (lo.clamp(1e-290, 1e290), hi.clamp(1e-290, 1e290));
        let from = power(libm::log10(lo).floor());
        let to = power((libm::log10(hi) - 1e-9).ceil());
        let to = if to <= from { from * 10.0 } else { to };
        Scale::Log { from, to }
    }

    /// An axis for seconds between two, which are all the beginning of a unit.
    pub fn time(lo: f64, hi: f64, unit: Unit) -> Scale {
        let room = match unit {
            _ if hi > lo => 0.0,
            Unit::Seconds(_) => 3_600.0,
            Unit::Days(n) => n as f64 * DAY,
            Unit::Months(n) => n as f64 * 31.0 * DAY,
        };
        Scale::Time {
            from: lo - room,
            to: hi + room,
            unit,
        }
    }

    /// Where a value lies: 0 is the beginning, 1 the end. Of names the middle of the room.
    pub fn at(&self, value: f64) -> f64 {
        match self {
            Scale::Linear { from, to, .. } | Scale::Time { from, to, .. } => {
                (value - from) / (to - from)
            }
            Scale::Log { from, to } => {
                let (from, to) = (libm::log10(*from), libm::log10(*to));
                ((libm::log10(value) - from) / (to - from)).clamp(0.0, 1.0)
            }
            Scale::Bands(names) => (value + 0.5) / names.len().max(1) as f64,
        }
    }

    /// The ticks, at most about so many of times and of names.
    pub fn ticks(&self, most: usize) -> Vec<Tick> {
        match self {
            Scale::Linear { from, to, step } => {
                let count = ((to - from) / step).round().clamp(0.0, 100.0) as i64;
                let first = (from / step).round();
                (0..=count)
                    .map(|i| rounded((first + i as f64) * step))
                    .map(|value| (value, number(value, *step, from.abs().max(to.abs()))))
                    .collect()
            }
            Scale::Log { from, to } => {
                let (first, last) = (
                    libm::log10(*from).round() as i64,
                    libm::log10(*to).round() as i64,
                );
                let every = (last - first) / most.clamp(2, 8) as i64 + 1;
                let few = last - first <= 2;
                let mut ticks = Vec::new();
                for exponent in first..=last {
                    if (exponent - first) % every != 0 {
                        continue;
                    }
                    let parts: &[f64] = if few && exponent < last {
                        &[1.0, 2.0, 5.0]
                    } else {
                        &[1.0]
                    };
                    for part in parts {
                        let value = rounded(part * power(exponent as f64));
                        ticks.push((value, number(value, value, value)));
                    }
                }
                ticks
            }
            Scale::Time { from, to, unit } => times(*from, *to, *unit, most.max(2)),
            Scale::Bands(names) => {
                let every = names.len().div_ceil(most.max(1)).max(1);
                let names = names.iter().enumerate().step_by(every);
                names.map(|(i, name)| (i as f64, name.clone())).collect()
            }
        }
    }
}

fn power(exponent: f64) -> f64 {
    rounded(libm::pow(10.0, exponent))
}

/// The least of 1, 2 and 5 times a power of ten that is not below.
pub fn nice(step: f64) -> f64 {
    let power = libm::pow(10.0, libm::log10(step).floor());
    let part = step / power;
    let part = match part {
        p if p <= 1.000_001 => 1.0,
        p if p <= 2.000_001 => 2.0,
        p if p <= 5.000_001 => 5.0,
        _ => 10.0,
    };
    rounded(part * power)
}

/// A number beside a tick, with the digits that the step needs; millions and more with a letter.
fn number(value: f64, step: f64, largest: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let units = [(1e12, "T"), (1e9, "B"), (1e6, "M")];
    let (unit, letter) = match units.iter().find(|(unit, _)| largest >= *unit) {
        Some((unit, letter)) if step >= unit / 1000.0 => (*unit, *letter),
        _ => (1.0, ""),
    };
    if largest >= 1e15 || (largest < 1e-4 && unit == 1.0) {
        return format!("{value:e}");
    }
    let digits = -(libm::log10(step / unit) + 1e-9).floor();
    let shown = format!("{:.*}", digits.clamp(0.0, 12.0) as usize, value / unit);
    format!("{}{letter}", crate::series::words::grouped(&shown))
}

/// What ticks of times are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// So many seconds, a part of a day.
    Seconds(i64),
    /// So many days.
    Days(i64),
    /// So many months.
    Months(i64),
}

/// From the finest on.
const UNITS: &[Unit] = &[
    Unit::Seconds(1),
    Unit::Seconds(5),
    Unit::Seconds(15),
    Unit::Seconds(30),
    Unit::Seconds(60),
    Unit::Seconds(300),
    Unit::Seconds(900),
    Unit::Seconds(1800),
    Unit::Seconds(3600),
    Unit::Seconds(10_800),
    Unit::Seconds(21_600),
    Unit::Seconds(43_200),
    Unit::Days(1),
    Unit::Days(2),
    Unit::Days(7),
    Unit::Months(1),
    Unit::Months(3),
    Unit::Months(6),
    Unit::Months(12),
    Unit::Months(24),
    Unit::Months(60),
    Unit::Months(120),
    Unit::Months(300),
    Unit::Months(600),
    Unit::Months(1200),
    Unit::Months(6000),
    Unit::Months(12_000),
];

const DAY: f64 = 86_400.0;

impl Unit {
    /// The coarsest of these that all seconds are the beginning of.
    pub fn common(seconds: impl Iterator<Item = f64> + Clone) -> Unit {
        let units = [
            Unit::Months(12),
            Unit::Months(3),
            Unit::Months(1),
            Unit::Days(1),
        ];
        let common = |unit: &Unit| seconds.clone().all(|second| unit.start(second) == second);
        units.into_iter().find(common).unwrap_or(Unit::Seconds(1))
    }

    fn length(self) -> f64 {
        match self {
            Unit::Seconds(n) => n as f64,
            Unit::Days(n) => n as f64 * DAY,
            Unit::Months(n) => n as f64 * 30.436875 * DAY,
        }
    }

    /// The finest unit of which there are at most so many between two seconds.
    pub fn of(from: f64, to: f64, most: usize) -> Unit {
        let fits = |unit: &&Unit| (to - from) / unit.length() <= most as f64;
        UNITS
            .iter()
            .find(fits)
            .copied()
            .unwrap_or(Unit::Months(12_000))
    }

    /// The beginning of the unit that a second is in.
    pub fn start(self, second: f64) -> f64 {
        match self {
            Unit::Seconds(n) => (second / n as f64).floor() * n as f64,
            Unit::Days(7) => {
                // The first day of 1970 was a Thursday.
                let day = (second / DAY).floor();
                (day - (day + 3.0).rem_euclid(7.0)) * DAY
            }
            Unit::Days(n) => (second / DAY / n as f64).floor() * n as f64 * DAY,
            Unit::Months(n) => {
                let (year, month, _) = civil((second / DAY).floor() as i64);
                start_of((year * 12 + month - 1).div_euclid(n) * n)
            }
        }
    }

    /// The beginning of the next unit.
    pub fn next(self, start: f64) -> f64 {
        match self {
            Unit::Seconds(n) => start + n as f64,
            Unit::Days(n) => start + n as f64 * DAY,
            Unit::Months(n) => {
                let (year, month, _) = civil((start / DAY).floor() as i64);
                start_of(year * 12 + month - 1 + n)
            }
        }
    }
}

fn start_of(months: i64) -> f64 {
    let day = day_of(months.div_euclid(12), months.rem_euclid(12) + 1, 1);
    // Outside of the years 1 to 9999 a month is as good as any other.
    day.map_or(months as f64 * 30.436875 * DAY - 62_167_219_200.0, |day| {
        day as f64 * DAY
    })
}

fn times(from: f64, to: f64, finest: Unit, most: usize) -> Vec<Tick> {
    let unit = Unit::of(from, to, most);
    let unit = if unit.length() < finest.length() {
        finest
    } else {
        unit
    };
    let mut ticks = Vec::new();
    let mut at = unit.start(from);
    let mut year_before = None;
    while at <= to && ticks.len() < 200 {
        if at >= from {
            let (year, month, day) = civil((at / DAY).floor() as i64);
            let second = at.rem_euclid(DAY) as i64;
            let turn = year_before != Some(year);
            let shown = match unit {
                Unit::Months(n) if n % 12 == 0 => format!("{year}"),
                Unit::Months(_) => format!("{year}-{month:02}"),
                Unit::Days(_) if turn => format!("{year}-{month:02}-{day:02}"),
                Unit::Days(_) => format!("{month:02}-{day:02}"),
                Unit::Seconds(_) if turn => {
                    format!(
                        "{year}-{month:02}-{day:02} {:02}:{:02}",
                        second / 3600,
                        second / 60 % 60
                    )
                }
                Unit::Seconds(_) if second == 0 => format!("{month:02}-{day:02}"),
                Unit::Seconds(n) if n >= 60 => {
                    format!("{:02}:{:02}", second / 3600, second / 60 % 60)
                }
                Unit::Seconds(_) => {
                    format!(
                        "{:02}:{:02}:{:02}",
                        second / 3600,
                        second / 60 % 60,
                        second % 60
                    )
                }
            };
            year_before = Some(year);
            ticks.push((at, shown));
        }
        let next = unit.next(at);
        if next <= at {
            break;
        }
        at = next;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(scale: &Scale, most: usize) -> String {
        let ticks = scale.ticks(most);
        let shown: Vec<&str> = ticks.iter().map(|(_, shown)| shown.as_str()).collect();
        shown.join(" ")
    }

    #[test]
    fn ticks_of_numbers_are_nice() {
        for (lo, hi, zero, expected) in [
            (0.0, 9.3, true, "0 2 4 6 8 10"),
            (3.0, 97.0, false, "0 20 40 60 80 100"),
            (-3.0, 5.0, true, "-4 -2 0 2 4 6"),
            (0.51, 0.58, false, "0.50 0.52 0.54 0.56 0.58"),
            (0.0, 4_700_000.0, true, "0 1M 2M 3M 4M 5M"),
            (0.0, 38_000.0, true, "0 10,000 20,000 30,000 40,000"),
            (5.0, 5.0, false, "4.4 4.6 4.8 5.0 5.2 5.4 5.6"),
            (0.0, 0.0, true, "0 0.2 0.4 0.6 0.8 1.0"),
            (1e17, 1e17, false, "9e16 9.5e16 1e17 1.05e17 1.1e17"),
        ] {
            assert_eq!(
                shown(&Scale::linear(lo, hi, zero, 5.0), 5),
                expected,
                "{lo} {hi}"
            );
        }
        for (lo, hi) in [
            (1e-308, 1e308),
            (-1e300, 1e300),
            (0.0, 5e-324),
            (-5e-324, 0.0),
            (1e300, 1e300),
        ] {
            let ticks = Scale::linear(lo, hi, false, 5.0).ticks(5);
            assert!(
                ticks.len() <= 12 && ticks.iter().all(|t| t.0.is_finite()),
                "{ticks:?}"
            );
        }
        assert_eq!(shown(&Scale::log(3.0, 4000.0), 8), "1 10 100 1,000 10,000");
        assert_eq!(shown(&Scale::log(2.0, 30.0), 8), "1 2 5 10 20 50 100");
        assert_eq!(Scale::log(3.0, 4000.0).at(100.0), 0.5);
    }

    #[test]
    fn ticks_of_times_are_of_the_calendar() {
        let second = |date| f64::from(crate::mirror::time::parse_date(date).unwrap()) * DAY;
        let scale = |a, b| Scale::time(second(a), second(b), Unit::Seconds(1));
        assert_eq!(
            shown(&scale("2009-01-01", "2013-12-22"), 7),
            "2009 2010 2011 2012 2013"
        );
        assert_eq!(
            shown(&scale("2023-11-15", "2024-05-02"), 7),
            "2023-12 2024-01 2024-02 2024-03 2024-04 2024-05"
        );
        assert_eq!(
            shown(&scale("2023-12-20", "2024-01-20"), 6),
            "2023-12-25 2024-01-01 01-08 01-15"
        );
        let day = scale("2024-02-28", "2024-02-29");
        assert_eq!(shown(&day, 5), "2024-02-28 00:00 06:00 12:00 18:00 02-29");
        assert_eq!(
            shown(&scale("0001-01-01", "9999-12-31"), 8)
                .split(' ')
                .next(),
            Some("1000")
        );
        let years = [second("2024-01-01"), second("2026-01-01")];
        assert_eq!(Unit::common(years.into_iter()), Unit::Months(12));
        assert_eq!(
            shown(&Scale::time(years[0], years[1], Unit::Months(12)), 9),
            "2024 2025 2026"
        );
        let day = Unit::common([second("2024-01-02")].into_iter());
        assert_eq!(
            shown(&Scale::time(years[0], years[0], day), 9),
            "2023-12-31 2024-01-01 01-02"
        );
    }
}
