//! Functions that other engines call otherwise, or that take their arguments in another way there.

use super::super::super::allows_function;
use super::super::is_keyword;
use super::{Parts, Text};
use crate::sql::lexer::Kind;
use crate::sql::literal;

/// Units of times, with the letter of SQLite's formats.
const UNITS: [(&str, &str); 6] = [
    ("year", "%Y"),
    ("month", "%m"),
    ("day", "%d"),
    ("hour", "%H"),
    ("minute", "%M"),
    ("second", "%S"),
];

/// What functions are called elsewhere, here with the same arguments: in SQLite and in DuckDB.
const CALLED: [(&str, &str, &str); 20] = [
    ("array_agg", "json_group_array", "array_agg"),
    ("average", "avg", "avg"),
    ("char_length", "length", "length"),
    ("character_length", "length", "length"),
    ("cnt", "count", "count"),
    ("iif", "iif", "if"),
    ("isnull", "ifnull", "ifnull"),
    ("julianday", "julianday", "julian"),
    ("lcase", "lower", "lower"),
    ("len", "length", "len"),
    ("listagg", "group_concat", "string_agg"),
    ("maximum", "max", "max"),
    ("mean", "avg", "mean"),
    ("mid", "substr", "substr"),
    ("minimum", "min", "min"),
    ("nvl", "ifnull", "ifnull"),
    ("string_agg", "group_concat", "string_agg"),
    ("strlen", "length", "strlen"),
    ("strpos", "instr", "strpos"),
    ("ucase", "upper", "upper"),
];

/// Functions of both that are misspelt.
const COMMON: [&str; 15] = [
    "avg", "coalesce", "count", "ifnull", "length", "lower", "max", "min", "nullif", "replace",
    "round", "substr", "sum", "trim", "upper",
];

impl Text<'_> {
    /// A function that is called otherwise here, or takes its arguments in another way.
    pub fn call(&self) -> Option<Parts> {
        for at in 0..self.tokens.len() {
            let named = self.kind(at) == Some(Kind::Word) && self.sign_at(at + 1, '(');
            if !named
                || at > 0 && self.sign_at(at - 1, '.')
                || at > 0 && self.any(at - 1, &["from", "join"])
            {
                continue;
            }
            let name = self.text(at, at + 1).to_lowercase();
            let close = self.closes(at + 1)?;
            let mut args: Vec<(usize, usize)> = Vec::new();
            let mut from = at + 2;
            let mut depth = 0;
            for i in at + 2..close {
                depth += i32::from(self.sign_at(i, '(')) - i32::from(self.sign_at(i, ')'));
                if depth == 0 && self.sign_at(i, ',') {
                    args.push((from, i));
                    from = i + 1;
                }
            }
            if from < close {
                args.push((from, close));
            }
            let parts: Vec<&str> = args.iter().map(|(a, b)| self.text(*a, *b)).collect();
            let new = if self.sqlite() {
                self.call_of_sqlite(&name, &parts, &args)
            } else {
                self.call_of_duckdb(&name, &parts)
            };
            if let Some(new) = new {
                return Some(vec![(self.range(at, close + 1), new)]);
            }
            // A CTE with columns is none.
            if self.is(close + 1, "as") && self.sign_at(close + 2, '(') {
                continue;
            }
            if allows_function(&name, self.dialect) || is_keyword(&name) {
                continue;
            }
            let known = CALLED.iter().find(|(written, ..)| *written == name);
            let known = known.or_else(|| misspelt(&name, CALLED.iter(), |c| c.0));
            if let Some((_, sqlite, duckdb)) = known {
                let new = if self.sqlite() { sqlite } else { duckdb };
                return (*new != name).then(|| vec![(self.range(at, at + 1), (*new).to_owned())]);
            }
            if let Some(new) = misspelt(&name, COMMON.iter(), |f| f) {
                return Some(vec![(self.range(at, at + 1), (*new).to_owned())]);
            }
        }
        None
    }

    fn call_of_sqlite(
        &self,
        name: &str,
        parts: &[&str],
        args: &[(usize, usize)],
    ) -> Option<String> {
        let plain = |text: &str| text.trim_matches('\'').to_lowercase();
        Some(match (name, parts) {
            ("extract", [_]) => {
                let (from, to) = args[0];
                let place = (from..to).find(|i| self.is(*i, "from"))?;
                part(&plain(self.text(from, place)), self.text(place + 1, to))?
            }
            ("date_part" | "datepart", [unit, of]) => part(&plain(unit), of)?,
            ("year" | "month" | "day" | "hour" | "minute" | "second" | "quarter", [of]) => {
                part(name, of)?
            }
            ("dayofmonth", [of]) => part("day", of)?,
            ("date_format", [of, format]) => strftime(of, &mysql_format(format)?),
            ("to_char", [of, format]) => strftime(of, &oracle_format(format)?),
            ("date_trunc" | "datetrunc", [unit, of]) => match plain(unit).as_str() {
                "year" => strftime(of, "'%Y-01-01'"),
                "month" => strftime(of, "'%Y-%m-01'"),
                "day" => format!("date({of})"),
                "week" => format!("date({of}, '-6 days', 'weekday 1')"),
                "hour" => strftime(of, "'%Y-%m-%d %H:00:00'"),
                _ => return None,
            },
            ("now" | "getdate" | "sysdate" | "current_timestamp" | "localtimestamp", []) => {
                "datetime('now')".into()
            }
            ("curdate" | "today" | "current_date", []) => "date('now')".into(),
            ("datediff", [a, b]) => days(b, a),
            ("datediff" | "date_diff", [unit, a, b]) => match plain(unit).as_str() {
                "day" | "days" | "dd" => days(a, b),
                "week" => format!("({} / 7)", days(a, b)),
                "month" => format!(
                    "({} * 12 + {} - {} * 12 - {})",
                    part("year", b)?,
                    part("month", b)?,
                    part("year", a)?,
                    part("month", a)?
                ),
                "year" => format!("({} - {})", part("year", b)?, part("year", a)?),
                _ => return None,
            },
            ("dateadd" | "date_add", [unit, count, of]) => {
                moved(of, "+", count.parse().ok()?, &plain(unit))?
            }
            ("date_add" | "adddate" | "date_sub" | "subdate", [of, _]) => {
                let at = args[1].0;
                let (count, unit, end) = self.interval(at).filter(|_| self.is(at, "interval"))?;
                let sign = if matches!(name, "date_sub" | "subdate") {
                    "-"
                } else {
                    "+"
                };
                (end == args[1].1).then(|| moved(of, sign, count, unit))??
            }
            ("left", [of, count]) => format!("substr({of}, 1, {count})"),
            ("right", [of, count]) => format!("substr({of}, -({count}))"),
            ("charindex" | "locate", [what, of]) => format!("instr({of}, {what})"),
            ("position", [_]) => {
                let (from, to) = args[0];
                let place = (from..to).find(|i| self.is(*i, "in"))?;
                format!(
                    "instr({}, {})",
                    self.text(place + 1, to),
                    self.text(from, place)
                )
            }
            ("isnull", [a, b]) => format!("ifnull({a}, {b})"),
            ("nvl2", [a, b, c]) => format!("iif({a} IS NOT NULL, {b}, {c})"),
            ("substring", [_]) => {
                let (from, to) = args[0];
                let start = (from..to).find(|i| self.is(*i, "from"))?;
                let of = self.text(from, start);
                match (start..to).find(|i| self.is(*i, "for")) {
                    Some(length) => format!(
                        "substr({of}, {}, {})",
                        self.text(start + 1, length),
                        self.text(length + 1, to)
                    ),
                    None => format!("substr({of}, {})", self.text(start + 1, to)),
                }
            }
            ("greatest", [_, _, ..]) => format!("max({})", parts.join(", ")),
            ("least", [_, _, ..]) => format!("min({})", parts.join(", ")),
            _ => return None,
        })
    }

    fn call_of_duckdb(&self, name: &str, parts: &[&str]) -> Option<String> {
        let unit = |text: &str| {
            UNITS.iter().any(|(u, _)| u.eq_ignore_ascii_case(text))
                || matches!(text.to_lowercase().as_str(), "week" | "quarter")
        };
        Some(match (name, parts) {
            ("date_format", [of, format]) => format!("strftime({of}, {})", mysql_format(format)?),
            ("to_char", [of, format]) => format!("strftime({of}, {})", oracle_format(format)?),
            ("getdate" | "sysdate", []) | ("datetime", ["'now'"]) => "now()".into(),
            ("curdate", []) | ("date", ["'now'"]) => "current_date".into(),
            ("datediff" | "date_diff", [u, a, b]) if unit(u) => {
                format!("date_diff({}, {a}, {b})", literal(&u.to_lowercase()))
            }
            ("datediff", [a, b]) => format!("date_diff('day', {b}, {a})"),
            ("datepart" | "date_part", [u, of]) if unit(u) => {
                format!("date_part({}, {of})", literal(&u.to_lowercase()))
            }
            ("dateadd" | "date_add", [u, count, of]) if unit(u) => {
                format!("({of} + INTERVAL ({count}) {})", u.to_uppercase())
            }
            ("date_sub", [of, interval]) if interval.to_lowercase().starts_with("interval") => {
                format!("({of} - {interval})")
            }
            ("charindex" | "locate", [what, of]) => format!("strpos({of}, {what})"),
            ("nvl2", [a, b, c]) => format!("if({a} IS NOT NULL, {b}, {c})"),
            _ => return None,
        })
    }
}

/// The one of which a name differs by a letter, or by two of eight or more.
fn misspelt<'a, T>(
    name: &str,
    all: impl Iterator<Item = &'a T>,
    of: impl Fn(&'a T) -> &'a str,
) -> Option<&'a T> {
    let most = if name.len() < 8 { 1 } else { 2 };
    let far = |known: &&'a T| {
        let known = of(known);
        (known.len() > 2 && name.len() > 2).then(|| strsim::osa_distance(known, name))
    };
    let near = all.filter_map(|known| Some((far(&known)?, known)));
    let best = near.min_by_key(|(far, _)| *far)?;
    (best.0 <= most && name.len() > 3).then_some(best.1)
}

/// A part of a time as a number.
fn part(unit: &str, of: &str) -> Option<String> {
    if unit == "quarter" {
        return Some(format!("((CAST(strftime('%m', {of}) AS INTEGER) + 2) / 3)"));
    }
    let (_, format) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(format!("CAST(strftime('{format}', {of}) AS INTEGER)"))
}

fn strftime(of: &str, format: &str) -> String {
    format!("strftime({format}, {of})")
}

/// Days from one time to another.
fn days(from: &str, to: &str) -> String {
    format!("CAST(julianday(date({to})) - julianday(date({from})) AS INTEGER)")
}

/// A time so many units later or earlier, in SQLite.
pub fn moved(of: &str, sign: &str, count: i64, unit: &str) -> Option<String> {
    let unit = unit.to_lowercase();
    let unit = unit.trim_end_matches('s');
    let (count, unit) = match unit {
        "week" => (count.checked_mul(7)?, "day"),
        "quarter" => (count.checked_mul(3)?, "month"),
        unit => (count, UNITS.iter().find(|(name, _)| *name == unit)?.0),
    };
    let count = if sign == "-" {
        count.checked_neg()?
    } else {
        count
    };
    let clock = matches!(unit, "hour" | "minute" | "second");
    // A time is moved as one; a day stays a day.
    let (function, of) = match of.to_lowercase().as_str() {
        "current_date" | "date('now')" | "curdate()" | "today()" => ("date", "'now'"),
        "current_timestamp" | "datetime('now')" | "now()" | "getdate()" | "sysdate()" => {
            ("datetime", "'now'")
        }
        _ if clock => ("datetime", of),
        _ => ("date", of),
    };
    Some(format!("{function}({of}, '{count:+} {unit}s')"))
}

/// A format of MySQL's, in quotes, as one of strftime. `None` if it has a part that there is none for.
fn mysql_format(format: &str) -> Option<String> {
    let inside = format.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut out = String::new();
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        out += match chars.next()? {
            'Y' => "%Y",
            'm' => "%m",
            'd' => "%d",
            'H' => "%H",
            'i' => "%M",
            's' | 'S' => "%S",
            'T' => "%H:%M:%S",
            '%' => "%%",
            _ => return None,
        };
    }
    Some(format!("'{out}'"))
}

/// The same of Oracle's and PostgreSQL's.
fn oracle_format(format: &str) -> Option<String> {
    let mut rest = format.strip_prefix('\'')?.strip_suffix('\'')?;
    const PARTS: [(&str, &str); 6] = [
        ("yyyy", "%Y"),
        ("hh24", "%H"),
        ("mm", "%m"),
        ("dd", "%d"),
        ("mi", "%M"),
        ("ss", "%S"),
    ];
    let mut out = String::new();
    while let Some(c) = rest.chars().next() {
        let part = PARTS.iter().find(|(name, _)| {
            rest.get(..name.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(name))
        });
        match part {
            Some((name, format)) => {
                out += format;
                rest = &rest[name.len()..];
            }
            None if c.is_alphanumeric() || c == '%' => return None,
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    Some(format!("'{out}'"))
}
