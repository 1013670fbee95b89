//! How often a rule is broken, by which rows, and what that says.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::COLUMNS;
use super::drift::Drift;
use crate::memory::moment;
use crate::options::shortened;
use crate::program::{Fold, FoldState};
use crate::series::words::{Language, grouped, number};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// Counts the rows by rule. `part` is -1 for a row, of which `found` is NULL if all rules hold, else a letter for each rule
/// and the row's key; -2 for the moment; else the number of a rule that looks at all rows together.
pub const RUN: Fold = Fold::new::<Counted>(
    "check",
    &[
        Param::new("part", Type::Integer),
        Param::optional("found", Type::Text),
    ],
    COLUMNS,
);

/// The parts of [`RUN`].
pub const ROW: i64 = -1;
/// See [`ROW`].
pub const NOW: i64 = -2;

/// A letter of a verdict.
pub const HOLDS: char = '1';
/// See [`HOLDS`].
pub const FAILS: char = '0';
/// See [`HOLDS`].
pub const UNKNOWN: char = '?';
/// See [`HOLDS`].
pub const NOT_MEANT: char = '-';

/// What ends the key of a group, as JSON has none: the code of a character.
pub const OF_GROUP: u8 = 31;

/// A key, in the order in which the smallest come first: numbers, then texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(u64, String),
    Other(String),
}

impl Key {
    fn of(text: &str) -> Key {
        let Ok(json) = serde_json::from_str::<Json>(text) else {
            // NaN and infinities, for which JSON has no words.
            return Key::Other(Json::from(text).to_string());
        };
        match json.as_f64() {
            Some(number) => {
                let bits = (number + 0.0).to_bits();
                let order = if bits >> 63 == 1 {
                    !bits
                } else {
                    bits | 1 << 63
                };
                Key::Number(order, text.to_owned())
            }
            None => Key::Other(lower(text)),
        }
    }

    fn text(&self) -> &str {
        match self {
            Key::Number(_, text) | Key::Other(text) => text,
        }
    }
}

/// A JSON text whose escapes are written as SQLite has them: DuckDB has `\u001F` for `\u001f`.
fn lower(json: &str) -> String {
    let mut parts = json.split('\\');
    let mut out = parts.next().unwrap_or_default().to_owned();
    while let Some(part) = parts.next() {
        out.push('\\');
        match part.split_at_checked(5) {
            Some((code, rest)) if code.starts_with('u') => {
                out.push_str(&code.to_ascii_lowercase());
                out.push_str(rest);
            }
            // A backslash that is escaped begins no escape.
            _ if part.is_empty() => {
                out.push('\\');
                out.push_str(parts.next().unwrap_or_default());
            }
            _ => out.push_str(part),
        }
    }
    out
}

/// What is counted of a rule.
#[derive(Debug, Clone, Default)]
struct Count {
    /// Groups, of a rule that judges them.
    groups: u64,
    /// A newest value of a group that is no moment, the least of them.
    wrong: Option<String>,
    /// Of a rule of the kind `distribution`.
    drift: Option<Box<Drift>>,
    /// Rows that the rule does not mean.
    not_meant: u64,
    failed: u64,
    unknown: u64,
    keys: BTreeSet<Key>,
    /// Of a rule that looks at all rows together, what came out.
    found: Option<String>,
}

/// The state of [`RUN`].
#[derive(Debug, Clone)]
pub struct Counted {
    spec: Json,
    /// The rules of rows in the order of the letters: the number, and whether a row fails of which it is not known.
    letters: Vec<(usize, bool)>,
    rows: u64,
    counts: Vec<Count>,
    sample: usize,
    now: Option<i64>,
}

impl Counted {
    fn rules(&self) -> &[Json] {
        self.spec["rules"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Takes a group of a rule: its key, and what it is judged by.
    fn group(&mut self, rule: usize, key: &str, found: &str) {
        let (Some(spoken), Some(count)) = (self.spec["rules"].get(rule), self.counts.get_mut(rule))
        else {
            return;
        };
        count.groups += 1;
        match judged(spoken, found) {
            Ok(Some(true)) => {}
            Ok(Some(false)) => {
                count.failed += 1;
                self.keep(rule, key);
            }
            Ok(None) => {
                count.unknown += 1;
                if spoken["null_fails"] == true {
                    self.keep(rule, key);
                }
            }
            Err(wrong) => count.wrong = least(count.wrong.take(), Some(wrong)),
        }
    }

    fn keep(&mut self, rule: usize, key: &str) {
        let Some(count) = self.counts.get_mut(rule) else {
            return;
        };
        count.keys.insert(Key::of(key));
        if count.keys.len() > self.sample {
            count.keys.pop_last();
        }
    }
}

impl FoldState for Counted {
    fn start(spec: &str) -> Result<Self> {
        let wrong = || Error::new("these are no rules; only the SQL of a function calls it");
        let spec: Json = serde_json::from_str(spec).map_err(|_| wrong())?;
        let rules = spec["rules"].as_array().ok_or_else(wrong)?;
        let letters = rules.iter().enumerate();
        let letters = letters
            .filter(|(_, r)| r["test"] == "row" && r["error"].is_null() && r["by"].is_null());
        Ok(Counted {
            letters: letters.map(|(i, r)| (i, r["null_fails"] == true)).collect(),
            rows: 0,
            counts: vec![Count::default(); rules.len()],
            sample: spec["sample"].as_u64().map_or(5, |n| n.min(1000) as usize),
            now: None,
            spec,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let [ValueRef::Integer(part), found] = row else {
            return Err(Error::new(
                "a row has no part; only the SQL of a function calls it",
            ));
        };
        let found = match found {
            ValueRef::Text(found) => Some(*found),
            _ => None,
        };
        match (*part, found) {
            (ROW, None) => self.rows += 1,
            (ROW, Some(found)) => {
                self.rows += 1;
                let end = found.len().min(self.letters.len());
                let (letters, key) = found.split_at_checked(end).unwrap_or_default();
                for (at, letter) in letters.chars().enumerate() {
                    let Some((rule, null_fails)) = self.letters.get(at).copied() else {
                        break;
                    };
                    let Some(count) = self.counts.get_mut(rule) else {
                        break;
                    };
                    match letter {
                        HOLDS => {}
                        NOT_MEANT => count.not_meant += 1,
                        UNKNOWN => count.unknown += 1,
                        _ => count.failed += 1,
                    }
                    if letter == FAILS || letter == UNKNOWN && null_fails {
                        self.keep(rule, key);
                    }
                }
            }
            (NOW, now) => self.now = now.and_then(|now| now.parse().ok()),
            (part, found) => {
                let Ok(rule) = usize::try_from(part) else {
                    return Ok(());
                };
                let spoken = &self.spec["rules"][rule];
                if !spoken["by"].is_null() {
                    let group = found.and_then(|found| found.split_once(char::from(OF_GROUP)));
                    if let Some((key, found)) = group {
                        self.group(rule, key, found);
                    }
                } else if !spoken["test"]["measure"].is_null() {
                    if let (Some(count), Some(found)) = (self.counts.get_mut(rule), found) {
                        count.drift.get_or_insert_default().add(found)?;
                    }
                } else if let Some(count) = self.counts.get_mut(rule) {
                    count.found = found.map(str::to_owned);
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.now = self.now.or(other.now);
        for (i, count) in other.counts.iter().enumerate() {
            if let Some(mine) = self.counts.get_mut(i) {
                mine.groups += count.groups;
                mine.wrong = least(mine.wrong.take(), count.wrong.clone());
                if let Some(drift) = &count.drift {
                    mine.drift.get_or_insert_default().merge(drift);
                }
                mine.not_meant += count.not_meant;
                mine.failed += count.failed;
                mine.unknown += count.unknown;
                if mine.found.is_none() {
                    mine.found.clone_from(&count.found);
                }
            }
            for key in &count.keys {
                self.keep(i, key.text());
            }
        }
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let language = match self.spec["lang"].as_str() {
            Some("zh") => Language::Chinese,
            _ => Language::English,
        };
        let text = |value: &Json| Value::Text(value.as_str().unwrap_or_default().to_owned());
        for (rule, count) in self.rules().iter().zip(&self.counts) {
            let judged = if rule["error"].is_string() {
                Judged::error(rule["error"].as_str().unwrap_or_default(), language)
            } else if !rule["by"].is_null() {
                Judged::of_groups(rule, count, language)
            } else if rule["test"] == "row" {
                Judged::of_rows(rule, count, self.rows, language)
            } else {
                Judged::of_all(rule, count, self.now, language)
            };
            let whole = |n: Option<u64>| n.map_or(Value::Null, |n| Value::Integer(n as i64));
            emit(vec![
                text(&rule["name"]),
                text(&rule["kind"]),
                text(&rule["severity"]),
                Value::Text(judged.status.into()),
                whole(judged.rows),
                whole(judged.failed),
                whole(judged.unknown),
                judged.share.map_or(Value::Null, Value::Real),
                judged.keys.map_or(Value::Null, Value::Text),
                rule["sql"]
                    .as_str()
                    .map_or(Value::Null, |sql| Value::Text(sql.into())),
                Value::Text(judged.explanation),
            ])?;
        }
        Ok(())
    }
}

/// What a run says of one rule.
struct Judged {
    status: &'static str,
    rows: Option<u64>,
    failed: Option<u64>,
    unknown: Option<u64>,
    share: Option<f64>,
    keys: Option<String>,
    explanation: String,
}

impl Judged {
    fn error(reason: &str, language: Language) -> Judged {
        Judged {
            status: "error",
            rows: None,
            failed: None,
            unknown: None,
            share: None,
            keys: None,
            explanation: language.say(
                format!("it could not be looked at: {reason}"),
                format!("无法检查：{reason}"),
            ),
        }
    }

    fn of_rows(rule: &Json, count: &Count, read: u64, language: Language) -> Judged {
        let rows = read.saturating_sub(count.not_meant);
        let unknown = count.unknown;
        let failed = count.failed
            + if rule["null_fails"] == true {
                unknown
            } else {
                0
            };
        let share = if rows == 0 {
            0.0
        } else {
            failed as f64 / rows as f64
        };
        let borne = bears(rule, failed, rows);
        let keys: Vec<&str> = count.keys.iter().map(Key::text).collect();
        let (english, chinese) = says(rule);
        let percent = number(share * 100.0);
        let shown = |n: u64| grouped(&n.to_string());
        let (some, all, some_unknown) = (shown(failed), shown(rows), shown(unknown));
        let explanation = match (failed, rows) {
            (0, 0) => language.say("there is no row to look at", "没有可检查的行"),
            (0, _) if unknown > 0 => language.say(
                format!("{english}, in all {all} rows but {some_unknown} of which it is not known"),
                format!("{all} 行均符合：{chinese}；其中 {some_unknown} 行无法判断"),
            ),
            (0, _) => language.say(
                format!("{english}, in all {all} rows"),
                format!("{all} 行均符合：{chinese}"),
            ),
            _ => language.say(
                format!("{some} of {all} rows ({percent} %) break the rule that {english}"),
                format!("{all} 行中有 {some} 行（{percent}%）不符合：{chinese}"),
            ),
        };
        Judged {
            status: if borne { "pass" } else { "fail" },
            rows: Some(rows),
            failed: Some(failed),
            unknown: Some(unknown),
            share: Some(share),
            keys: Some(format!("[{}]", keys.join(","))),
            explanation,
        }
    }

    fn of_groups(rule: &Json, count: &Count, language: Language) -> Judged {
        if let Some(wrong) = &count.wrong {
            return Judged::no_moment(wrong, language);
        }
        let (groups, unknown) = (count.groups, count.unknown);
        let null_fails = rule["null_fails"] == true;
        let failed = count.failed + if null_fails { unknown } else { 0 };
        let keys: Vec<&str> = count.keys.iter().map(Key::text).collect();
        let (english, chinese) = says(rule);
        let by = rule["by"].as_str().unwrap_or_default();
        let shown = |n: u64| grouped(&n.to_string());
        let (some, all) = (shown(failed), shown(groups));
        let explanation = match (failed, groups) {
            (0, 0) => language.say("there is no group to look at", "没有可检查的分组"),
            (0, _) => language.say(
                format!("{english}, in all {all} groups by {by}"),
                format!("按 {by} 的 {all} 组均符合：{chinese}"),
            ),
            _ => language.say(
                format!("{some} of {all} groups by {by} break the rule that {english}"),
                format!("按 {by} 的 {all} 组中有 {some} 组不符合：{chinese}"),
            ),
        };
        Judged {
            status: if failed == 0 { "pass" } else { "fail" },
            rows: Some(groups),
            failed: Some(failed),
            unknown: Some(unknown),
            share: Some(failed as f64 / groups.max(1) as f64),
            keys: Some(format!("[{}]", keys.join(","))),
            explanation,
        }
    }

    fn no_moment(found: &str, language: Language) -> Judged {
        let reason = language.say(
            format!("{} is no moment; give {}", shortened(found), moment::MOMENT),
            format!("{} 不是时刻", shortened(found)),
        );
        Judged::error(&reason, language)
    }

    fn of_all(rule: &Json, count: &Count, now: Option<i64>, language: Language) -> Judged {
        let found = count.found.as_deref();
        let test = &rule["test"];
        let (english, chinese) = says(rule);
        // What holds, and what was found, for the sentence.
        let (holds, shown) = if let Some(bounds) = test["count"].as_array() {
            let n: Option<i64> = found.and_then(|n| n.parse().ok());
            (n.map(|n| within(bounds, n)), found.map(str::to_owned))
        } else if let Some(seconds) = test["newest"].as_i64() {
            let newest = found.and_then(instant);
            if newest.is_none()
                && let Some(found) = found
            {
                return Judged::no_moment(found, language);
            }
            let holds = newest
                .zip(now)
                .map(|(newest, now)| now.saturating_sub(newest) <= seconds);
            (holds, found.map(str::to_owned))
        } else if let Some(wanted) = test["columns"].as_array() {
            let there: Vec<String> = found
                .and_then(|names| serde_json::from_str(names).ok())
                .unwrap_or_default();
            let there: BTreeSet<String> = there.iter().map(|n| n.to_lowercase()).collect();
            let lacks: Vec<&str> = wanted
                .iter()
                .filter_map(Json::as_str)
                .filter(|name| !there.contains(&name.to_lowercase()))
                .collect();
            let shown = (!lacks.is_empty()).then(|| {
                language.say(
                    format!("{} is missing", lacks.join(", ")),
                    format!("缺少 {}", lacks.join(", ")),
                )
            });
            (Some(lacks.is_empty()), shown)
        } else if test["sum"].is_object() {
            let sums = found.map(|found| sums(test, found));
            let shown = sums
                .and_then(|sums| sums.told)
                .map(|[own, to]| language.say(format!("{own} and {to}"), format!("{own} 与 {to}")));
            (sums.and_then(|sums| sums.equal), shown)
        } else if !test["measure"].is_null() {
            let none = Drift::default();
            let (holds, shown) = count
                .drift
                .as_deref()
                .unwrap_or(&none)
                .judge(test, language);
            (holds, Some(shown))
        } else {
            (found.and_then(verdict), None)
        };
        let fails = match holds {
            Some(holds) => !holds,
            None => rule["null_fails"] == true,
        };
        let shown = shown.map_or_else(String::new, |shown| {
            language.say(format!(" ({shown})"), format!("（{shown}）"))
        });
        let explanation = match holds {
            Some(true) => language.say(
                format!("{english}{shown}"),
                format!("符合：{chinese}{shown}"),
            ),
            Some(false) => language.say(
                format!("it does not hold that {english}{shown}"),
                format!("不符合：{chinese}{shown}"),
            ),
            None => language.say(
                format!("it is not known whether {english}{shown}"),
                format!("无法判断：{chinese}{shown}"),
            ),
        };
        Judged {
            status: if fails { "fail" } else { "pass" },
            rows: None,
            failed: Some(u64::from(fails)),
            unknown: Some(u64::from(holds.is_none())),
            share: None,
            keys: None,
            explanation,
        }
    }
}

/// Two sums.
#[derive(Clone, Copy)]
struct Sums {
    /// Both, where they are known.
    told: Option<[f64; 2]>,
    /// Whether they are as near as they must be.
    equal: Option<bool>,
}

/// Reads two sums as SQL writes them.
fn sums(test: &Json, found: &str) -> Sums {
    let numbers = found.split_once(' ');
    let told = numbers.and_then(|(own, to)| Some([own.parse().ok()?, to.parse().ok()?]));
    let equal = told.map(|[own, to]: [f64; 2]| {
        // What the digits of doubles lack.
        let rounding = 1e-12 * own.abs().max(to.abs());
        (own - to).abs() <= test["sum"]["within"].as_f64().unwrap_or(0.0) + rounding
    });
    Sums { told, equal }
}

/// Whether a number of rows is within bounds, of which either may be missing.
fn within(bounds: &[Json], n: i64) -> bool {
    let bound = |i: usize| bounds.get(i).and_then(Json::as_i64);
    bound(0).is_none_or(|min| n >= min) && bound(1).is_none_or(|max| n <= max)
}

/// What a letter says.
fn verdict(letter: &str) -> Option<bool> {
    let holds = letter.starts_with(HOLDS);
    (holds || letter.starts_with(FAILS)).then_some(holds)
}

/// The lesser of two texts, as far as they are there.
fn least(one: Option<String>, other: Option<String>) -> Option<String> {
    one.into_iter().chain(other).min()
}

/// Whether a rule holds of a group; `None` if it is not known. Errs with a newest value that is no moment.
fn judged(rule: &Json, found: &str) -> std::result::Result<Option<bool>, String> {
    let test = &rule["test"];
    if let Some(bounds) = test["count"].as_array() {
        return Ok(found.parse().ok().map(|n| within(bounds, n)));
    }
    if let Some(seconds) = test["newest"].as_i64() {
        let (now, newest) = found.split_once(char::from(OF_GROUP)).unwrap_or_default();
        if newest.is_empty() {
            return Ok(None);
        }
        let newest = instant(newest).ok_or_else(|| newest.to_owned())?;
        let now: Option<i64> = now.parse().ok();
        return Ok(now.map(|now| now.saturating_sub(newest) <= seconds));
    }
    if test["sum"].is_object() {
        return Ok(sums(test, found).equal);
    }
    if test != "row" {
        return Ok(verdict(found));
    }
    let mut counts = found.split(' ').map(|n| n.parse::<u64>().unwrap_or(0));
    let mut next = || counts.next().unwrap_or(0);
    let (rows, failed, unknown) = (next(), next(), next());
    let null_fails = rule["null_fails"] == true;
    Ok(Some(bears(
        rule,
        failed + if null_fails { unknown } else { 0 },
        rows,
    )))
}

/// Whether a rule bears so many rows that fail.
fn bears(rule: &Json, failed: u64, rows: u64) -> bool {
    let share = failed as f64 / rows.max(1) as f64;
    failed <= rule["max_rows"].as_u64().unwrap_or(0)
        || share <= rule["max_share"].as_f64().unwrap_or(0.0)
}

/// The second of a newest value: a number of seconds, or a time in UTC or with the hours and minutes that it is ahead.
fn instant(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds.is_finite().then_some(seconds.floor() as i64);
    }
    let text = text.trim();
    let zone = text.get(16..).and_then(|rest| rest.rfind(['+', '-']));
    let (time, zone) = text.split_at_checked(zone.map_or(text.len(), |at| 16 + at))?;
    let ahead = match zone.split_at_checked(1) {
        None => 0,
        Some((sign, zone)) => {
            let digits = zone.replace(':', "");
            let (hours, minutes) = digits.split_at_checked(2)?;
            let minutes = if minutes.is_empty() { "0" } else { minutes };
            let number = |text: &str| text.parse::<u8>().ok().map(i64::from);
            let seconds = 3_600 * number(hours)? + 60 * number(minutes)?;
            if sign == "-" { -seconds } else { seconds }
        }
    };
    Some(moment::read(&time.trim_end().into())? - ahead)
}

/// What must hold, in both languages.
fn says(rule: &Json) -> (&str, &str) {
    let says = |i: usize| rule["says"][i].as_str().unwrap_or_default();
    (says(0), says(1))
}
