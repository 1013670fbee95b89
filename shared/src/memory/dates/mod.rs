//! The times that a text names, in English and Chinese: "last May", "two days ago", 上周, 去年三月.
//!
//! A name stands for a range of the calendar, in UTC. A week begins on Monday, the seasons are those of the north, and
//! a name without a year ("in May", "on Monday", 三月) means the last such time that has begun, since people ask
//! their memory for what was. What can be read in two ways ("4/5/2023") or has no bounds ("recently") is no time.

mod chinese;
mod english;

use std::ops;

use super::tokens::{Kind, Token, Tokens};
use crate::calendar::{self, Range, Unit};

/// A time that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its bytes in the text.
    pub span: ops::Range<usize>,
    /// The first second, since 1970.
    pub from: i64,
    /// The second after the last one.
    pub to: i64,
}

/// The times in a text, in its order; none overlaps another. Without `now` only those that need no now, like
/// "May 2023"; so also for a `now` outside of the years 1 to 9999. The time it takes grows with the length of the text alone.
pub fn dates(text: &str, now: Option<i64>) -> Vec<Named> {
    let known = |now: &i64| calendar::days(now.div_euclid(calendar::DAY), 1).is_some();
    let clock = Clock(now.filter(known));
    let mut tokens = Tokens::of(text);
    let mut window: Vec<Token<'_>> = Vec::new();
    let mut before: Option<Token<'_>> = None;
    let mut found = Vec::new();
    loop {
        while window.len() < LOOKAHEAD
            && let Some(token) = tokens.next()
        {
            window.push(token);
        }
        let Some(first) = window.first().copied() else {
            return found;
        };
        let named = english::named(&window, before.as_ref(), clock)
            .and_then(|(range, count)| Some((range, window.get(count.checked_sub(1)?)?.end())))
            .or_else(|| {
                let rest = text.get(first.start..)?;
                let (range, length) = chinese::named(rest, first.kind, before.as_ref(), clock)?;
                Some((range, first.start + length))
            })
            .filter(|((from, to), _)| from < to);
        let end = match named {
            Some(((from, to), end)) => {
                found.push(Named {
                    span: first.start..end,
                    from,
                    to,
                });
                end
            }
            None => first.end(),
        };
        let taken = window.iter().take_while(|t| t.start < end).count();
        before = window.drain(..taken).next_back();
        // A name may be longer than the window, in signs.
        while before.is_some_and(|b| b.end() < end)
            && let Some(token) = tokens.next()
        {
            before = Some(token);
        }
    }
}

/// The most tokens that a name in English has.
const LOOKAHEAD: usize = 14;

/// The moment of the question, if it is known.
#[derive(Debug, Clone, Copy)]
struct Clock(Option<i64>);

impl Clock {
    fn today(self) -> Option<i64> {
        Some(self.0?.div_euclid(calendar::DAY))
    }

    fn year(self) -> Option<i64> {
        Some(calendar::civil(self.today()?).0)
    }

    fn month(self) -> Option<calendar::Month> {
        let (year, month, _) = calendar::civil(self.today()?);
        Some(calendar::month_of(year, month))
    }

    fn before(self, unit: Unit, count: i64) -> Option<Range> {
        calendar::before(self.0?, unit, count)
    }

    fn trailing(self, unit: Unit, count: i64) -> Option<Range> {
        (count > 0).then_some(())?;
        calendar::trailing(self.0?, unit, count)
    }

    /// Of what comes once a year, the one of the year that `which` says.
    fn yearly(self, which: Which, of_year: impl Fn(i64) -> Option<Range>) -> Option<Range> {
        let (now, this) = (self.0?, self.year()?);
        // The latest one for which it holds, or the first.
        let latest = |holds: &dyn Fn(Range) -> bool| {
            let mut years = (this - 4..=this + 1).rev();
            years.find_map(|year| of_year(year).filter(|range| holds(*range)))
        };
        match which {
            Which::Begun => latest(&|(from, _)| from <= now),
            Which::Last => latest(&|(_, to)| to <= now),
            Which::This => of_year(this),
            Which::Next => {
                (this..=this + 5).find_map(|year| of_year(year).filter(|(from, _)| *from > now))
            }
            Which::Of(year) => of_year(year),
        }
    }

    /// The day of the week, Monday is 0.
    fn weekday(self, which: Which, weekday: i64) -> Option<Range> {
        let today = self.today()?;
        let this = calendar::monday(today) + weekday;
        let day = match which {
            Which::Begun => this - if this > today { 7 } else { 0 },
            Which::Last => this - if this >= today { 7 } else { 0 },
            Which::Next => this + if this <= today { 7 } else { 0 },
            Which::This | Which::Of(_) => this,
        };
        calendar::days(day, 1)
    }
}

/// Which of the times with one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// The last that has begun.
    Begun,
    /// The last that is over.
    Last,
    /// Of this week or year.
    This,
    /// The first that has not begun.
    Next,
    /// Of a year.
    Of(i64),
}

/// A part of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Morning,
    Noon,
    Afternoon,
    Evening,
    Night,
}

impl Part {
    /// Of a range that is a day.
    fn of(self, (from, _): Range) -> Range {
        let (first, last) = match self {
            Part::Morning => (5, 12),
            Part::Noon => (11, 14),
            Part::Afternoon => (12, 18),
            Part::Evening => (17, 24),
            Part::Night => (18, 30),
        };
        (from + first * 3_600, from + last * 3_600)
    }
}

/// A third of a month or a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Third {
    Early,
    Mid,
    Late,
}

impl Third {
    /// `None` if the range is neither a month nor a year.
    fn of(self, (from, to): Range) -> Option<Range> {
        let (year, month, _) = calendar::civil(from.div_euclid(calendar::DAY));
        let first = calendar::month_of(year, month);
        if calendar::months(first, 1) == Some((from, to)) {
            let day = |day: i64| from + (day - 1) * calendar::DAY;
            return Some(match self {
                Third::Early => (from, day(11)),
                Third::Mid => (day(11), day(21)),
                Third::Late => (day(21), to),
            });
        }
        let year = calendar::months(first, 12) == Some((from, to));
        year.then(|| calendar::months(first + 4 * self as i64, 4))?
    }
}

fn season(year: i64, season: i64) -> Option<Range> {
    calendar::months(calendar::month_of(year, 3) + 3 * season, 3)
}

fn day(year: i64, month: i64, of_month: i64) -> Option<Range> {
    calendar::days(calendar::day_of(year, month, of_month)?, 1)
}

#[cfg(test)]
mod tests;
