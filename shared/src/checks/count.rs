//! How often a rule is broken, by which rows, and what that says.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::COLUMNS;
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
            None => Key::Other(text.to_owned()),
        }
    }

    fn text(&self) -> &str {
        match self {
            Key::Number(_, text) | Key::Other(text) => text,
        }
    }
}

/// What is counted of a rule.
#[derive(Debug, Clone, Default)]
struct Count {
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
        let letters = letters.filter(|(_, r)| r["test"] == "row" && r["error"].is_null());
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
                let count = usize::try_from(part)
                    .ok()
                    .and_then(|i| self.counts.get_mut(i));
                if let Some(count) = count {
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
        let borne = failed <= rule["max_rows"].as_u64().unwrap_or(0)
            || share <= rule["max_share"].as_f64().unwrap_or(0.0);
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

    fn of_all(rule: &Json, count: &Count, now: Option<i64>, language: Language) -> Judged {
        let found = count.found.as_deref();
        let test = &rule["test"];
        let (english, chinese) = says(rule);
        // What holds, and what was found, for the sentence.
        let (holds, shown) = if let Some(bounds) = test["count"].as_array() {
            let n: Option<i64> = found.and_then(|n| n.parse().ok());
            let bound = |i: usize| bounds.get(i).and_then(Json::as_i64);
            let holds = n.map(|n| {
                bound(0).is_none_or(|min| n >= min) && bound(1).is_none_or(|max| n <= max)
            });
            (holds, found.map(str::to_owned))
        } else if let Some(seconds) = test["newest"].as_i64() {
            let newest = found.and_then(instant);
            if newest.is_none()
                && let Some(found) = found
            {
                let reason = language.say(
                    format!("{} is no moment; give {}", shortened(found), moment::MOMENT),
                    format!("{} 不是时刻", shortened(found)),
                );
                return Judged::error(&reason, language);
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
        } else {
            let holds = match found {
                Some("1") => Some(true),
                Some("0") => Some(false),
                _ => None,
            };
            (holds, None)
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
