//! Names of times in English, and dates in digits.

use super::{Clock, Kind, Part, Range, Third, Token, Unit, Which, calendar, day, season};
use calendar::{days, month_of, months};

/// The name that the tokens begin with, and the number of its tokens. `before` is the token before them.
pub(super) fn named(
    tokens: &[Token<'_>],
    before: Option<&Token<'_>>,
    clock: Clock,
) -> Option<(Range, usize)> {
    let at = At {
        tokens,
        before,
        clock,
    };
    let first = tokens.first()?;
    match first.kind {
        Kind::Number if first.joined => None,
        Kind::Number => at
            .digits()
            .or_else(|| at.decade())
            .or_else(|| at.ago())
            .or_else(|| at.day_month())
            .or_else(|| at.year()),
        Kind::Word if !first.joined => at.word(),
        _ => None,
    }
}

struct At<'t, 'a> {
    tokens: &'t [Token<'a>],
    before: Option<&'t Token<'a>>,
    clock: Clock,
}

/// Words after which a year or a month is one.
const PREPOSITIONS: &[&str] = &[
    "in",
    "since",
    "during",
    "by",
    "until",
    "till",
    "from",
    "before",
    "after",
    "around",
    "of",
    "through",
    "between",
    "throughout",
    "year",
    "early",
    "mid",
    "late",
    "circa",
];

/// Words after which a holiday is a time.
const OCCASIONS: &[&str] = &[
    "at", "on", "over", "during", "for", "before", "after", "since", "until", "by", "around",
];

impl<'a> At<'_, 'a> {
    fn token(&self, i: usize) -> Option<&Token<'a>> {
        self.tokens.get(i)
    }

    fn is(&self, i: usize, word: &str) -> bool {
        self.token(i).is_some_and(|t| t.is(word))
    }

    fn place(&self, i: usize, words: &[&str]) -> Option<usize> {
        let token = self.token(i).filter(|t| t.kind == Kind::Word)?;
        words.iter().position(|w| token.is(w))
    }

    fn sign(&self, i: usize, sign: &str) -> bool {
        self.token(i).is_some_and(|t| t.sign(sign))
    }

    fn number(&self, i: usize) -> Option<i64> {
        self.token(i)?.number()
    }

    fn after(&self, words: &[&str]) -> bool {
        self.before.is_some_and(|b| words.iter().any(|w| b.is(w)))
    }

    fn word(&self) -> Option<(Range, usize)> {
        self.day_word()
            .or_else(|| self.ago())
            .or_else(|| self.relative())
            .or_else(|| self.before_last())
            .or_else(|| self.third())
            .or_else(|| self.month_day())
            .or_else(|| self.weekday())
            .or_else(|| self.season())
            .or_else(|| self.quarter())
            .or_else(|| self.holiday())
    }

    /// 2023-05-17, 2023-05, 17/5/2023, with 10:30 after the first.
    fn digits(&self) -> Option<(Range, usize)> {
        let first = self.token(0)?;
        let sign = self.token(1).filter(|t| t.kind == Kind::Sign && !t.gap)?;
        matches!(sign.text, "-" | "/" | ".").then_some(())?;
        let part = |i: usize| {
            let token = self.token(i).filter(|t| !t.gap && t.text.len() <= 4)?;
            Some((token.number()?, token.text.len()))
        };
        let (second, width) = part(2)?;
        let again = self.token(3).is_some_and(|t| !t.gap && t.sign(sign.text));
        let third = if again { part(4) } else { None };
        if self.token(5).is_some_and(|t| !t.gap && t.sign(sign.text)) && third.is_some() {
            return None;
        }
        let (one, digits) = (first.number()?, first.text.len());
        match third {
            Some((third, at_most)) if digits == 4 && width <= 2 && at_most <= 2 => {
                let range = day(one, second, third)?;
                Some(self.time(range, 5).unwrap_or((range, 5)))
            }
            Some((year, 4)) if digits <= 2 && width <= 2 && year >= 1000 => {
                let range = match (one > 12, second > 12) {
                    (true, false) => day(year, second, one),
                    (false, true) => day(year, one, second),
                    _ if one == second => day(year, one, second),
                    _ => None,
                };
                Some((range?, 5))
            }
            None if !again && digits == 4 && width == 2 && sign.text != "." => {
                let known = (1000..=9999).contains(&one) && (1..=12).contains(&second);
                known.then(|| Some((months(month_of(one, second), 1)?, 3)))?
            }
            _ => None,
        }
    }

    /// A minute or a second of a day, after `i` tokens: 10:30, T10:30:00Z.
    fn time(&self, (from, _): Range, i: usize) -> Option<(Range, usize)> {
        let glued = self.token(i).is_some_and(|t| t.text == "T" && !t.gap);
        let mut i = i + usize::from(glued);
        let two = |i: usize, most: i64| {
            let token = self.token(i).filter(|t| t.text.len() == 2)?;
            token.number().filter(|n| *n < most)
        };
        (glued || self.token(i)?.gap).then_some(())?;
        let hour = two(i, 24)?;
        self.sign(i + 1, ":").then_some(())?;
        let minute = two(i + 2, 60)?;
        i += 3;
        let mut range = (from + hour * 3_600 + minute * 60, 60);
        if let Some(second) = two(i + 1, 60).filter(|_| self.sign(i, ":")) {
            range = (range.0 + second, 1);
            i += 2;
            if self.sign(i, ".")
                && self
                    .token(i + 1)
                    .is_some_and(|t| !t.gap && t.kind == Kind::Number)
            {
                i += 2;
            }
        }
        let utc = self.token(i).is_some_and(|t| !t.gap && t.text == "Z");
        let zone = ["+", "-"].iter().any(|s| self.sign(i, s)) && !self.token(i)?.gap;
        (!zone).then_some(((range.0, range.0 + range.1), i + usize::from(utc)))
    }

    /// the 1990s, the 90s.
    fn decade(&self) -> Option<(Range, usize)> {
        let first = self.token(0)?;
        self.token(1).filter(|t| !t.gap && t.text == "s")?;
        let number = first.number().filter(|n| n % 10 == 0)?;
        let year = match first.text.len() {
            4 if number >= 1000 => number,
            2 if number >= 30 && self.after(&["the"]) => 1900 + number,
            _ => return None,
        };
        Some((months(month_of(year, 1), 120)?, 2))
    }

    /// A year after a preposition.
    fn year(&self) -> Option<(Range, usize)> {
        let token = self.token(0)?;
        let year = token.number().filter(|_| token.text.len() == 4)?;
        let next = self.token(1);
        // "in 2023 words", "from 2000 to", "of 1500 m", "2023:", "2023%".
        let counted = next.is_some_and(|t| {
            (t.kind == Kind::Word && COUNTED.iter().any(|w| t.is(w)))
                || (!t.gap
                    && (t.kind != Kind::Sign || ":/%-$€".contains(t.text))
                    && t.kind != Kind::Han)
        });
        let likely = self.after(PREPOSITIONS)
            || (self.after(&["and", "to"]) && next.is_none_or(|t| t.kind == Kind::Sign));
        (likely && !counted && (1900..2100).contains(&year)).then_some(())?;
        Some((calendar::year(year)?, 1))
    }

    fn count(&self, i: usize) -> Option<(i64, usize)> {
        if let Some(number) = self.number(i) {
            return (!self.sign(i + 1, ".")).then_some((number, 1));
        }
        if let Some(n) = self.place(i, COUNTS) {
            return Some((n as i64 + 1, 1));
        }
        let couple = usize::from(self.is(i, "a"));
        if self.is(i + couple, "couple") {
            return Some((2, couple + 1 + usize::from(self.is(i + couple + 1, "of"))));
        }
        self.place(i, &["a", "an"]).map(|_| (1, 1))
    }

    fn unit(&self, i: usize) -> Option<Unit> {
        let place = self.place(i, UNIT_WORDS)?;
        UNITS.get(place / 2).copied()
    }

    /// two days ago, an hour ago, half a year ago, 3 weeks from now.
    fn ago(&self) -> Option<(Range, usize)> {
        let (count, mut used) = if self.is(0, "half") && self.place(1, &["a"]).is_some() {
            self.is(2, "year").then_some((6, 3))?
        } else {
            let (count, used) = self.count(0)?;
            self.unit(used)?;
            (count, used + 1)
        };
        let unit = if self.is(0, "half") {
            Unit::Month
        } else {
            self.unit(used - 1)?
        };
        let count = if self.is(used, "ago") {
            used += 1;
            count
        } else if self.is(used, "from") && self.is(used + 1, "now") {
            used += 2;
            -count
        } else {
            return None;
        };
        Some((self.clock.before(unit, count)?, used))
    }

    /// today, yesterday morning, the day after tomorrow, tonight.
    fn day_word(&self) -> Option<(Range, usize)> {
        if self.is(0, "tonight") {
            return Some((Part::Night.of(self.clock.before(Unit::Day, 0)?), 1));
        }
        let (ago, used) = if self.is(0, "day") && self.is(1, "before") && self.is(2, "yesterday") {
            (2, 3)
        } else if self.is(0, "day") && self.is(1, "after") && self.is(2, "tomorrow") {
            (-2, 3)
        } else {
            let place = self.place(0, &["tomorrow", "today", "yesterday"])?;
            (place as i64 - 1, 1)
        };
        Some(self.part_of(self.clock.before(Unit::Day, ago)?, used))
    }

    /// Narrows a day by the word after it.
    fn part_of(&self, range: Range, used: usize) -> (Range, usize) {
        match self.part(used) {
            Some(part) => (part.of(range), used + 1),
            None => (range, used),
        }
    }

    fn part(&self, i: usize) -> Option<Part> {
        let words = ["morning", "noon", "afternoon", "evening", "night"];
        PARTS.get(self.place(i, &words)?).copied()
    }

    /// last week, this May, next Monday, past 3 days, last night, last summer.
    fn relative(&self) -> Option<(Range, usize)> {
        let word = self.place(0, RELATIVES)?;
        let which = match word {
            0..=2 => Which::Last,
            3 | 4 => Which::This,
            _ => Which::Next,
        };
        if which == Which::Last {
            if let Some((count, used)) = self.count(1)
                && self.place(1, &["a", "an"]).is_none()
                && let Some(unit) = self.unit(1 + used)
            {
                return Some((self.clock.trailing(unit, count)?, used + 2));
            }
            if let (true, Some(unit)) = (self.is(0, "past"), self.unit(1)) {
                return Some((self.clock.trailing(unit, 1)?, 2));
            }
        }
        let ago = match which {
            Which::Last => 1,
            Which::This => 0,
            _ => -1,
        };
        if let Some(unit) = self.unit(1) {
            let long = !matches!(unit, Unit::Minute | Unit::Hour | Unit::Day);
            return long.then(|| Some((self.clock.before(unit, ago)?, 2)))?;
        }
        if self.is(1, "weekend") {
            let (from, to) = self.clock.before(Unit::Week, ago)?;
            return Some(((from + 5 * calendar::DAY, to), 2));
        }
        if let Some(weekday) = self.place(1, WEEKDAYS) {
            let range = self.clock.weekday(which, weekday as i64)?;
            return Some(self.part_of(range, 2));
        }
        if let Some((month, used)) = self.month(1) {
            let of_year = |year| months(month_of(year, month), 1);
            if let (Some((of_month, used)), true) = (self.day_number(1 + used), used > 0) {
                let range = self
                    .clock
                    .yearly(which, |year| day(year, month, of_month))?;
                return Some((range, used));
            }
            return Some((self.clock.yearly(which, of_year)?, 1 + used));
        }
        if let Some(place) = self.place(1, SEASONS) {
            let of_year = |year| season(year, SEASON[place]);
            return Some((self.clock.yearly(which, of_year)?, 2));
        }
        if let Some((month, of_month, used)) = self.feast(1) {
            let of_year = |year| feast_day(year, month, of_month);
            return Some((self.clock.yearly(which, of_year)?, 1 + used));
        }
        let part = self.part(1)?;
        let days_ago = match (which, part) {
            (Which::This, _) => 0,
            (Which::Last, Part::Night | Part::Evening) => 1,
            _ => return None,
        };
        Some((part.of(self.clock.before(Unit::Day, days_ago)?), 2))
    }

    /// the week before last.
    fn before_last(&self) -> Option<(Range, usize)> {
        let unit = self.unit(0)?;
        let long = matches!(unit, Unit::Week | Unit::Month | Unit::Year);
        (long && self.is(1, "before") && self.is(2, "last")).then_some(())?;
        Some((self.clock.before(unit, 2)?, 3))
    }

    /// early 2023, mid-May, late last year.
    fn third(&self) -> Option<(Range, usize)> {
        let third = THIRDS[self.place(0, &["early", "mid", "late"])?];
        let skip = 1 + usize::from(self.sign(1, "-"));
        let rest = At {
            tokens: self.tokens.get(skip..)?,
            before: self.token(0),
            clock: self.clock,
        };
        let first = rest.token(0)?;
        let (range, used) = match first.kind {
            Kind::Number => rest.year(),
            _ => rest.month_day().or_else(|| rest.relative()),
        }?;
        Some((third.of(range)?, skip + used))
    }

    /// A month, in the name of which no other word is meant, and its tokens.
    fn month(&self, i: usize) -> Option<(i64, usize)> {
        let token = self.token(i).filter(|t| t.capital() || t.text.len() > 3)?;
        if let Some(place) = self.place(i, MONTHS) {
            return Some((place as i64 + 1, 1));
        }
        let short = self.place(i, MONTHS_SHORT)?;
        token.capital().then_some(())?;
        let month = if short == 12 { 9 } else { short as i64 + 1 };
        let dot =
            self.sign(i + 1, ".") && self.token(i + 2).is_some_and(|t| t.kind == Kind::Number);
        Some((month, 1 + usize::from(dot)))
    }

    /// 5, 5th after `i` tokens; the tokens up to its end.
    fn day_number(&self, i: usize) -> Option<(i64, usize)> {
        let day = self.number(i).filter(|d| (1..=31).contains(d))?;
        let ordinal =
            self.place(i + 1, &["st", "nd", "rd", "th"]).is_some() && !self.token(i + 1)?.gap;
        let end = i + 1 + usize::from(ordinal);
        let unit = self.token(end).is_some_and(|t| {
            (!t.gap && (t.kind == Kind::Number || ":%".contains(t.text)))
                || (t.gap && !ordinal && t.kind == Kind::Word && COUNTED.iter().any(|w| t.is(w)))
        });
        (!unit).then_some((day, end))
    }

    /// A year after `i` tokens, as 2023, "of last year", "two years ago"; the tokens up to its end.
    fn year_after(&self, i: usize) -> Option<(i64, usize)> {
        let skip = i + usize::from(self.sign(i, ",") || self.is(i, "of") || self.is(i, "in"));
        if let Some(year) = self.number(skip) {
            let token = self.token(skip)?;
            let follows = self.token(skip + 1);
            let glued =
                follows.is_some_and(|t| !t.gap && (t.kind == Kind::Number || t.text == ":"));
            return (token.text.len() == 4 && year >= 1000 && !glued).then_some((year, skip + 1));
        }
        if let Some(word) = self.place(skip, RELATIVES)
            && self.is(skip + 1, "year")
        {
            let year = self.clock.year()?;
            return Some((
                match word {
                    0..=2 => year - 1,
                    3 | 4 => year,
                    _ => year + 1,
                },
                skip + 2,
            ));
        }
        let (count, used) = self.count(skip)?;
        let years = self.unit(skip + used) == Some(Unit::Year) && self.is(skip + used + 1, "ago");
        years.then_some((self.clock.year()? - count, skip + used + 2))
    }

    /// May 5, 2023; May 5-7; May 2023; May of last year; in May.
    fn month_day(&self) -> Option<(Range, usize)> {
        let (month, used) = self.month(0)?;
        let first = self.token(0)?;
        let unclear = ["may", "march", "mar", "sept", "dec", "jan"]
            .iter()
            .any(|w| first.is(w));
        let led = self.after(PREPOSITIONS) || self.after(&["on", "to"]);
        if let Some((of_month, end)) = self.day_number(used).filter(|_| first.capital() || led) {
            let until = ["-", "\u{2013}"].iter().any(|s| self.sign(end, s));
            let until = until.then(|| self.day_number(end + 1)).flatten();
            let (last, end) = until
                .filter(|(d, _)| *d > of_month)
                .unwrap_or((of_month, end));
            let of_year = |year| {
                let first = calendar::day_of(year, month, of_month)?;
                days(first, calendar::day_of(year, month, last)? - first + 1)
            };
            let (which, end) = match self.year_after(end) {
                Some((year, end)) => (Which::Of(year), end),
                None => (Which::Begun, end),
            };
            return Some((self.yearly(which, of_year)?, end));
        }
        let of_year = |year| months(month_of(year, month), 1);
        if let Some((year, end)) = self.year_after(used).filter(|_| first.capital() || led) {
            return Some((of_year(year)?, end));
        }
        let sure = led || (first.capital() && !unclear && MONTHS.iter().any(|m| first.is(m)));
        sure.then(|| Some((self.clock.yearly(Which::Begun, of_year)?, used)))?
    }

    /// 5 May 2023, 5th of May.
    fn day_month(&self) -> Option<(Range, usize)> {
        let (of_month, end) = self.day_number(0)?;
        let end = end + usize::from(self.is(end, "of"));
        let (month, used) = self.month(end)?;
        let name = self.token(end)?;
        (name.capital() || self.is(end - 1, "of")).then_some(())?;
        let (which, end) = match self.year_after(end + used) {
            Some((year, end)) => (Which::Of(year), end),
            None => (Which::Begun, end + used),
        };
        Some((self.yearly(which, |year| day(year, month, of_month))?, end))
    }

    /// A year that is named needs no now.
    fn yearly(&self, which: Which, of_year: impl Fn(i64) -> Option<Range>) -> Option<Range> {
        match which {
            Which::Of(year) => of_year(year),
            _ => self.clock.yearly(which, of_year),
        }
    }

    /// Monday, on Monday morning.
    fn weekday(&self) -> Option<(Range, usize)> {
        let weekday = self.place(0, WEEKDAYS)?;
        (self.token(0)?.capital() || self.after(&["on"])).then_some(())?;
        let range = self.clock.weekday(Which::Begun, weekday as i64)?;
        Some(self.part_of(range, 1))
    }

    /// summer 2023, summer of last year.
    fn season(&self) -> Option<(Range, usize)> {
        let place = self.place(0, SEASONS)?;
        let (year, end) = self.year_after(1)?;
        Some((season(year, SEASON[place])?, end))
    }

    /// Q3 2023, third quarter of 2023.
    fn quarter(&self) -> Option<(Range, usize)> {
        let (quarter, used) = if self.is(0, "q") {
            let token = self.token(1).filter(|t| !t.gap)?;
            (token.number()?, 2)
        } else {
            let place = self.place(0, &["first", "second", "third", "fourth"])?;
            self.is(1, "quarter").then_some((place as i64 + 1, 2))?
        };
        (1..=4).contains(&quarter).then_some(())?;
        let (year, end) = self.year_after(used)?;
        Some((months(month_of(year, 3 * quarter - 2), 3)?, end))
    }

    /// Christmas 2023, on New Year's Eve.
    fn holiday(&self) -> Option<(Range, usize)> {
        let (month, of_month, used) = self.feast(0)?;
        let of_year = |year| feast_day(year, month, of_month);
        if let Some((year, end)) = self.year_after(used) {
            return Some((of_year(year)?, end));
        }
        self.after(OCCASIONS).then_some(())?;
        Some((self.clock.yearly(Which::Begun, of_year)?, used))
    }

    /// Month, day and tokens of a feast.
    fn feast(&self, i: usize) -> Option<(i64, i64, usize)> {
        self.token(i)?.capital().then_some(())?;
        FEASTS.iter().find_map(|(words, month, day)| {
            let mut words_of = words.split(' ').enumerate();
            words_of.all(|(k, word)| self.is(i + k, word)).then_some((
                *month,
                *day,
                words.split(' ').count(),
            ))
        })
    }
}

/// Thanksgiving, the fourth Thursday of November, is written as day 0.
fn feast_day(year: i64, month: i64, of_month: i64) -> Option<Range> {
    if of_month > 0 {
        return day(year, month, of_month);
    }
    let first = calendar::day_of(year, month, 1)?;
    let thursday = first + (3 - (first - calendar::monday(first))).rem_euclid(7);
    days(thursday + 21, 1)
}

const FEASTS: &[(&str, i64, i64)] = &[
    ("Christmas Eve", 12, 24),
    ("Christmas Day", 12, 25),
    ("Christmas", 12, 25),
    ("Halloween", 10, 31),
    ("New Year Eve", 12, 31),
    ("New Year Day", 1, 1),
    ("New Year", 1, 1),
    ("Valentine Day", 2, 14),
    ("Thanksgiving Day", 11, 0),
    ("Thanksgiving", 11, 0),
    ("Independence Day", 7, 4),
];

const COUNTS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
];

/// Each unit has two.
const UNIT_WORDS: &[&str] = &[
    "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks", "month", "months",
    "quarter", "quarters", "year", "years", "decade", "decades",
];

const UNITS: &[Unit] = &[
    Unit::Minute,
    Unit::Hour,
    Unit::Day,
    Unit::Week,
    Unit::Month,
    Unit::Quarter,
    Unit::Year,
    Unit::Decade,
];

/// Three that mean the last, two that mean this, two that mean the next.
const RELATIVES: &[&str] = &[
    "last", "past", "previous", "this", "current", "next", "coming",
];

const WEEKDAYS: &[&str] = &[
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const MONTHS_SHORT: &[&str] = &[
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Sept",
];

const SEASONS: &[&str] = &["spring", "summer", "autumn", "winter", "fall"];

/// From spring on.
const SEASON: [i64; 5] = [0, 1, 2, 3, 2];

const PARTS: [Part; 5] = [
    Part::Morning,
    Part::Noon,
    Part::Afternoon,
    Part::Evening,
    Part::Night,
];

const THIRDS: [Third; 3] = [Third::Early, Third::Mid, Third::Late];

/// What a number before it counts, so that it is neither a year nor a day.
const COUNTED: &[&str] = &[
    "people", "words", "dollars", "euros", "users", "times", "items", "rows", "pages", "points",
    "m", "km", "kg", "meters", "metres", "miles", "percent", "hours", "minutes", "days", "weeks",
    "months", "years",
];
