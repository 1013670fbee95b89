//! The time that a question is about, as a range or an end of one.

use std::ops::Range;

use super::ir::Compare;
use super::tokens::is_han;
use crate::calendar::{self, DAY};
use crate::memory::dates::{Named, dates};

/// A time that a question is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Period {
    /// Its bytes in the question, with the words that belong to it.
    pub span: Range<usize>,
    /// The first second, since 1970.
    pub from: i64,
    /// The second after the last.
    pub to: i64,
    /// Within it, from its beginning on (`Ge`), or before its end (`Lt`).
    pub op: Compare,
    /// It hangs on what time it is now.
    pub relative: bool,
}

/// Words between two times, the first and the last of a range.
const TO: &[&str] = &[
    "and", "to", "until", "till", "through", "-", "–", "—", "~", "到", "至", "和", "与", "至今",
];

/// Words before a time, which belong to it.
const IN: &[&str] = &[
    "in", "on", "during", "for", "of", "over", "within", "at", "the", "from", "between", "在",
    "从", "自", "于",
];

const AFTER: &[(&str, Side)] = &[
    ("after", Side::Later),
    ("later than", Side::Later),
    ("since", Side::From),
    ("starting", Side::From),
    ("before", Side::Before),
    ("earlier than", Side::Before),
    ("prior to", Side::Before),
    ("until", Side::Up),
    ("till", Side::Up),
    ("up to", Side::Up),
];

const THEN: &[(&str, Side)] = &[
    ("之后", Side::Later),
    ("以后", Side::Later),
    ("以来", Side::From),
    ("至今", Side::From),
    ("之前", Side::Before),
    ("以前", Side::Before),
    ("为止", Side::Up),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Later,
    From,
    Before,
    Up,
}

/// The first time that a question is about. A year alone in English is none: it may be a number of any kind.
pub fn period(question: &str, now: Option<i64>) -> Option<Period> {
    if let Some(period) = years(question) {
        return Some(period);
    }
    if let Some(period) = to_date(question, now) {
        return Some(period);
    }
    let is_year = |n: &Named| question[n.span.clone()].bytes().all(|b| b.is_ascii_digit());
    let all: Vec<Named> = dates(question, now)
        .into_iter()
        .filter(|n| n.from < n.to)
        .collect();
    let alone = dates(question, None);
    let relative = |n: &Named| !alone.iter().any(|a| a.span == n.span && a.from == n.from);
    for (i, named) in all.iter().enumerate() {
        if let Some(next) = all.get(i + 1)
            && TO.contains(
                &question[named.span.end..next.span.start]
                    .trim()
                    .to_lowercase()
                    .as_str(),
            )
            && named.from < next.to
        {
            let (start, side) = before(question, named.span.start);
            let whole = Named {
                span: start..next.span.end,
                from: named.from,
                to: next.to,
            };
            let apart = question[named.span.end..next.span.start]
                .trim()
                .eq_ignore_ascii_case("and")
                && !question[start..named.span.start]
                    .to_lowercase()
                    .contains("between");
            if !apart && side.is_none() {
                return Some(made(&whole, None, relative(named) || relative(next)));
            }
        }
        if is_year(named) {
            continue;
        }
        if let Some(week) = week_of(question, named) {
            return Some(made(&week, None, relative(named)));
        }
        let (start, mut side) = before(question, named.span.start);
        let mut end = named.span.end;
        let rest = &question[end..];
        if let Some((word, then)) = THEN.iter().find(|(w, _)| rest.starts_with(w)) {
            side = Some(*then);
            end += word.len();
        } else if rest.starts_with('的') {
            end += '的'.len_utf8();
        }
        let whole = Named {
            span: start..end,
            from: named.from,
            to: named.to,
        };
        return Some(made(&whole, side, relative(named)));
    }
    None
}

/// "The week of 3 May", 5月3日那周.
fn week_of(question: &str, named: &Named) -> Option<Named> {
    if named.to - named.from != DAY {
        return None;
    }
    let monday = calendar::monday(named.from.div_euclid(DAY)) * DAY;
    let (before, after) = (&question[..named.span.start], &question[named.span.end..]);
    let lower = before.to_lowercase();
    let phrase = [
        "in the week of the ",
        "in the week of ",
        "during the week of ",
        "the week of the ",
        "the week of ",
        "week of ",
        "week of the ",
    ]
    .iter()
    .find(|p| lower.ends_with(*p) && lower.len() == before.len());
    let then = [
        "那周",
        "那一周",
        "那个星期",
        "这一周",
        "这周",
        "所在的周",
        "所在周",
        "当周",
    ]
    .iter()
    .find(|p| after.starts_with(*p));
    let (start, end) = match (phrase, then) {
        (Some(phrase), _) => (before.len() - phrase.len(), named.span.end),
        (None, Some(then)) => (named.span.start, named.span.end + then.len()),
        (None, None) => return None,
    };
    Some(Named {
        span: start..end,
        from: monday,
        to: monday + 7 * DAY,
    })
}

/// Days as a whole: what ends now ends with this day.
fn made(named: &Named, side: Option<Side>, relative: bool) -> Period {
    // "The last 30 days" begin at the second of now; the day is meant, unless it is a matter of hours.
    let long = named.to - named.from > DAY && named.from.rem_euclid(DAY) != 0;
    let up = |t: i64| t.div_euclid(DAY) * DAY + if t.rem_euclid(DAY) == 0 { 0 } else { DAY };
    let (from, to) = if long {
        (up(named.from), up(named.to))
    } else {
        (named.from, named.to)
    };
    let (op, from, to) = match side {
        None => (Compare::Within, from, to),
        Some(Side::Later) => (Compare::Ge, to, to),
        Some(Side::From) => (Compare::Ge, from, from),
        Some(Side::Before) => (Compare::Lt, from, from),
        Some(Side::Up) => (Compare::Lt, to, to),
    };
    Period {
        span: named.span.clone(),
        from,
        to,
        op,
        relative,
    }
}

/// Where the words begin that belong to a time at `start`, and what they say of it.
fn before(question: &str, start: usize) -> (usize, Option<Side>) {
    let mut at = start;
    let mut side = None;
    loop {
        let text = question[..at].trim_end();
        let mut word = 0;
        for (i, c) in text.char_indices().rev() {
            if is_han(c) {
                if word == 0 {
                    word = c.len_utf8();
                }
                break;
            }
            if !c.is_alphanumeric() {
                break;
            }
            word = text.len() - i;
        }
        let last = text[text.len() - word..].to_lowercase();
        if last.is_empty() {
            return (at, side);
        }
        let lower = text.to_lowercase();
        let told = AFTER.iter().find(|(phrase, _)| {
            lower.ends_with(phrase)
                && !lower[..lower.len() - phrase.len()].ends_with(char::is_alphanumeric)
        });
        if let (None, Some((phrase, told)), true) = (side, told, lower.len() == text.len()) {
            side = Some(*told);
            at = text.len() - phrase.len();
        } else if IN.contains(&last.as_str()) && side.is_none() {
            at = text.len() - word;
        } else {
            return (at, side);
        }
    }
}

/// From one year to another: "between 2010 and 2012", "from 2010 to 2012".
fn years(question: &str) -> Option<Period> {
    let lower = question.to_lowercase();
    if lower.len() != question.len() {
        return None;
    }
    for (open, close) in [
        ("between ", " and "),
        ("from ", " to "),
        ("from ", " until "),
        ("from ", " through "),
    ] {
        let Some(start) = lower.find(open) else {
            continue;
        };
        let year = |at: usize| -> Option<i64> {
            let digits = lower.get(at..at + 4)?;
            let ends = lower[at + 4..]
                .chars()
                .next()
                .is_none_or(|c| !c.is_alphanumeric() && c != '-' && c != '/');
            let year: i64 = digits.parse().ok()?;
            ((1000..2200).contains(&year) && ends).then_some(year)
        };
        let first = start + open.len();
        let Some(from) = year(first) else { continue };
        if !lower[first + 4..].starts_with(close) {
            continue;
        }
        let second = first + 4 + close.len();
        let Some(to) = year(second).filter(|to| *to >= from) else {
            continue;
        };
        let (from, to) = (calendar::year(from)?.0, calendar::year(to)?.1);
        return Some(Period {
            span: start..second + 4,
            from,
            to,
            op: Compare::Within,
            relative: false,
        });
    }
    None
}

/// From the beginning of the year to now.
fn to_date(question: &str, now: Option<i64>) -> Option<Period> {
    let lower = question.to_lowercase();
    let (start, phrase) = [
        "year to date",
        "so far this year",
        "this year so far",
        "ytd",
        "年初至今",
        "年初到现在",
        "本年至今",
        "今年至今",
    ]
    .iter()
    .find_map(|p| Some((lower.find(p)?, *p)))?;
    let today = now?.div_euclid(DAY);
    let (year, _, _) = calendar::civil(today);
    let from = calendar::day_of(year, 1, 1)? * DAY;
    (lower.len() == question.len()).then_some(Period {
        span: start..start + phrase.len(),
        from,
        to: (today + 1) * DAY,
        op: Compare::Within,
        relative: true,
    })
}

/// Where a question says "the same period last year".
pub fn same_period(question: &str) -> Option<Range<usize>> {
    let lower = question.to_lowercase();
    if lower.len() != question.len() {
        return None;
    }
    [
        "in the same period last year",
        "the same period last year",
        "same period last year",
        "the same period of last year",
        "the same time last year",
        "same time last year",
        "the same month last year",
        "the same quarter last year",
        "the same period the year before",
        "去年同期",
        "上年同期",
        "去年同一时期",
        "去年同月",
    ]
    .iter()
    .find_map(|p| lower.find(p).map(|at| at..at + p.len()))
}
