//! What every function of series is told of its source: how a series is put on its grid, and the language of the sentences.

use serde_json::Value as Json;

use super::clock::{Clock, DAY, SECOND};
use super::grid::{Aggregate, Gaps, Preparation, Step};
use super::words::Language;
use crate::options::{OptionDef, OptionType, Options};
use crate::{Error, Result, Value, ValueRef};

/// How rows of one time become one.
pub const AGG: OptionDef = OptionDef {
    name: "agg",
    ty: OptionType::OneOf(&["sum", "mean", "min", "max"]),
    default: "the sum of whole numbers, the mean of others",
    doc: "what rows of one time become",
};
/// The step of the grid.
pub const STEP: OptionDef = OptionDef {
    name: "step",
    ty: OptionType::Json(
        "a step like \"1 day\", \"15 minutes\", \"3 months\", \"business day\", or a whole number",
    ),
    default: "found from the times",
    doc: "the time from one row to the next",
};
/// What stands in missing rows.
pub const GAPS: OptionDef = OptionDef {
    name: "gaps",
    ty: OptionType::OneOf(&["interpolate", "zero", "null"]),
    default: "\"interpolate\"",
    doc: "what stands in rows that are missing: what their neighbours lead to expect; 0; or nothing, `null`. A model that needs a number has the interpolated one then, but nothing is measured by it: it counts neither in the weights of models nor in the width of intervals, nor in the errors of a backtest; no row is judged by it, and no line between two changes goes through it",
};
/// The season.
pub const PERIOD: OptionDef = OptionDef {
    name: "period",
    ty: OptionType::Json("a whole number of rows, 0 for no season, or a list of two"),
    default: "found: a year of months or quarters, a week of days, a day of hours; of whole numbers by autocorrelation",
    doc: "after how many rows the season comes round",
};
/// The zone of the caller's days.
pub const TZ: OptionDef = OptionDef {
    name: "tz",
    ty: OptionType::Json(GIVE_ZONE),
    default: "none: days and hours are those of the times as they are given",
    doc: "where times are in UTC: how far the clocks are ahead whose days, weeks and months count, the whole year; of a zone with summer time convert the times before. `ts` stays in UTC",
};
/// Where the rows that count begin.
pub const START: OptionDef = OptionDef {
    name: "start",
    ty: OptionType::Json(GIVE_TIME),
    default: "the first row",
    doc: "rows before this time are left out; it is of the kind of the times, a date or a whole number",
};
/// Where they end.
pub const END: OptionDef = OptionDef {
    name: "end",
    ty: OptionType::Json(GIVE_TIME),
    default: "the last row",
    doc: "rows after this time, or after this day, are left out",
};
/// How many rows a series must have.
pub const MIN_ROWS: OptionDef = OptionDef {
    name: "min_rows",
    ty: OptionType::Integer(1, 1_000_000),
    default: "1",
    doc: "a series with fewer rows that have a value has no answer but a note",
};
/// What becomes of a series that has no answer.
pub const ON_ERROR: OptionDef = OptionDef {
    name: "on_error",
    ty: OptionType::OneOf(&["note", "error"]),
    default: "\"note\"",
    doc: "whether a series that has no answer is a row that says why, or ends the call",
};
const GIVE_ZONE: &str = "an offset from UTC like \"+08:00\"";
const GIVE_TIME: &str = "a time like \"2026-05-01\" or \"2026-05-01 09:30:00\", or a whole number";

/// What a call says of its series.
#[derive(Debug, Clone)]
pub struct Setting {
    /// How a series is put on its grid.
    pub preparation: Preparation,
    /// The language of the sentences.
    pub language: Language,
    /// The fewest rows with a value that are answered for.
    pub least_rows: usize,
    start: Option<(Clock, i64)>,
    end: Option<(Clock, i64)>,
    /// The step as it was given, and whether it is a bare number.
    step: Option<(String, bool)>,
    fails: bool,
}

impl Setting {
    /// Errors if a step, a period, a zone or a time is none.
    pub fn of(options: &Options) -> Result<Setting> {
        Ok(Setting {
            preparation: preparation(options)?,
            language: Language::of(options),
            least_rows: options.integer("min_rows").unwrap_or(1) as usize,
            start: time(options, "start")?,
            end: time(options, "end")?,
            step: given_step(options)
                .map(|step| (step.trim().to_owned(), step.trim().parse::<i64>().is_ok())),
            fails: options.text("on_error") == Some("error"),
        })
    }

    /// Whether rows of some times do not count.
    pub fn has_ends(&self) -> bool {
        self.start.is_some() || self.end.is_some()
    }

    /// What does not fit the times of a series, as a sentence: a step, a start or an end of another kind, or a step of hours
    /// between days.
    pub fn misfit(&self, clock: Clock) -> Option<String> {
        let whole = clock == Clock::Integer;
        let say = |name: &str, given: &str, give: &str, chinese: &str| {
            self.no_fit(name, given, clock, give, chinese)
        };
        for (name, end) in [("start", &self.start), ("end", &self.end)] {
            if let Some((of, time)) = end
                && (*of == Clock::Integer) != whole
            {
                return Some(self.other_kind(name, &of.show(*time), clock));
            }
        }
        let (given, is_number) = self.step.as_ref()?;
        if *is_number != whole {
            let [give, chinese] = if whole {
                ["a whole number", "整数"]
            } else {
                ["a step like \"1 day\"", "类似 \"1 day\" 的步长"]
            };
            return Some(say("step", given, give, chinese));
        }
        let days = match self.preparation.step {
            Some(Step::Fixed(unit)) => unit % DAY == 0,
            _ => true,
        };
        (clock == Clock::Date && !days).then(|| {
            say(
                "step",
                given,
                "a step of days, or times with hours",
                "以天为单位的步长，或带小时的时间",
            )
        })
    }

    /// That a time of an option, as it is shown, is of another kind than those of a series, as a sentence.
    pub fn other_kind(&self, name: &str, given: &str, clock: Clock) -> String {
        let [give, chinese] = if clock == Clock::Integer {
            ["a whole number", "整数"]
        } else {
            ["a time like \"2026-05-01\"", "类似 \"2026-05-01\" 的时间"]
        };
        self.no_fit(name, given, clock, give, chinese)
    }

    fn no_fit(
        &self,
        name: &str,
        given: &str,
        clock: Clock,
        give: &str,
        chinese_give: &str,
    ) -> String {
        let (kind, chinese_kind) = if clock == Clock::Integer {
            ("whole numbers", "整数")
        } else {
            ("dates", "日期")
        };
        self.language.say(
            format!("\"{name}\" is {given}, and the times of the series are {kind}; give {give}"),
            format!("“{name}”为 {given}，而序列的时间是{chinese_kind}；请给出{chinese_give}"),
        )
    }

    /// Whether a row of this time counts. A start or an end of another kind of time is a [`Setting::misfit`].
    pub fn counts(&self, clock: Clock, time: i64) -> bool {
        let comparable =
            |other: &(Clock, i64)| (other.0 == Clock::Integer) == (clock == Clock::Integer);
        let zone = if clock == Clock::Timestamp {
            self.preparation.zone
        } else {
            0
        };
        let local = time.saturating_add(zone);
        let start = self.start.filter(|start| comparable(start));
        let end = self.end.filter(|end| comparable(end));
        // A day ends with its last moment.
        let last = |(clock, time): (Clock, i64)| match clock {
            Clock::Date => time.saturating_add(DAY - 1),
            _ => time,
        };
        start.is_none_or(|(_, start)| local >= start) && end.is_none_or(|end| local <= last(end))
    }

    /// Errors if a series without an answer is to end the call: says which, and why.
    pub fn refuse(&self, key: &Value, why: Option<&str>) -> Result<()> {
        if !self.fails {
            return Ok(());
        }
        let why = why.map_or_else(
            || self.language.say("no value in any row", "没有任何数值"),
            str::to_owned,
        );
        Err(Error::new(match key {
            Value::Text(key) => format!("series \"{key}\": {why}"),
            _ => why,
        }))
    }
}

/// A time that an option gives. Errors if it is none.
pub fn time(options: &Options, name: &str) -> Result<Option<(Clock, i64)>> {
    let read = match options.get(name) {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(text)) => Clock::read(ValueRef::Text(text)).ok(),
        Some(Json::Number(number)) => number.as_i64().map(|time| (Clock::Integer, time)),
        Some(_) => None,
    };
    read.map(Some).ok_or_else(|| options.wrong(name, GIVE_TIME))
}

/// How far a zone is ahead of UTC, in microseconds. Errors if the option is no offset.
fn zone(options: &Options) -> Result<i64> {
    let given = match options.get("tz") {
        None | Some(Json::Null) => return Ok(0),
        Some(given) => given.as_str().unwrap_or_default(),
    };
    let read = || {
        if matches!(given, "Z" | "UTC") {
            return Some(0);
        }
        let sign = match given.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, minutes) = given
            .get(1..)?
            .split_once(':')
            .unwrap_or((given.get(1..)?, "00"));
        let number = |text: &str, most: i64| {
            let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<i64>().ok().filter(|n| digits && *n <= most)
        };
        Some(sign * (number(hours, 14)? * 3_600 + number(minutes, 59)? * 60) * SECOND)
    };
    read().ok_or_else(|| {
        let names_zone = given.contains('/');
        let give = if names_zone {
            "an offset from UTC like \"+08:00\", or convert the times of this zone before"
        } else {
            GIVE_ZONE
        };
        options.wrong("tz", give)
    })
}

/// The step as it is given.
fn given_step(options: &Options) -> Option<String> {
    let given = options.get("step").filter(|step| !step.is_null())?;
    Some(
        given
            .as_str()
            .map_or_else(|| given.to_string(), str::to_owned),
    )
}

/// What the options say of the grid. Errors if the step or the period is none.
fn preparation(options: &Options) -> Result<Preparation> {
    let step = match given_step(options) {
        None => None,
        Some(text) => {
            let wrong = || {
                options.wrong(
                    "step",
                    "a step like \"1 day\", \"15 minutes\", \"3 months\", \"business day\", or a whole number",
                )
            };
            Some(Step::parse(&text).ok_or_else(wrong)?)
        }
    };
    let periods = match options.get("period").filter(|period| !period.is_null()) {
        None => None,
        Some(given) => {
            let wrong = || {
                options.wrong(
                    "period",
                    "a whole number of rows, 0 for no season, or a list of two",
                )
            };
            let list = match given {
                Json::Array(list) => list.as_slice(),
                one => std::slice::from_ref(one),
            };
            let read = list.iter().map(|p| p.as_u64().map(|p| p as usize));
            let mut periods: Vec<usize> = read.collect::<Option<_>>().ok_or_else(wrong)?;
            periods.retain(|p| *p > 1);
            periods.sort_unstable();
            periods.dedup();
            if periods.len() > 2 {
                return Err(wrong());
            }
            Some(periods)
        }
    };
    Ok(Preparation {
        aggregate: match options.text("agg") {
            Some("sum") => Some(Aggregate::Sum),
            Some("mean") => Some(Aggregate::Mean),
            Some("min") => Some(Aggregate::Min),
            Some("max") => Some(Aggregate::Max),
            _ => None,
        },
        step,
        gaps: match options.text("gaps") {
            Some("zero") => Some(Gaps::Zero),
            Some("null") => Some(Gaps::Null),
            _ => None,
        },
        periods,
        zone: zone(options)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[OptionDef] = &[TZ, START, END, STEP];

    #[test]
    fn a_step_fits_the_times() {
        for (step, clock, said) in [
            ("5", Clock::Integer, None),
            ("\"5\"", Clock::Integer, None),
            ("\"2 days\"", Clock::Date, None),
            ("\"1 month\"", Clock::Timestamp, None),
            ("\"1 hour\"", Clock::Timestamp, None),
            ("5", Clock::Date, Some("dates; give a step like \"1 day\"")),
            (
                "\"1 day\"",
                Clock::Integer,
                Some("whole numbers; give a whole number"),
            ),
            (
                "\"business day\"",
                Clock::Integer,
                Some("whole numbers; give a whole number"),
            ),
            (
                "\"1 hour\"",
                Clock::Date,
                Some("dates; give a step of days, or times with hours"),
            ),
        ] {
            let options = format!("{{\"step\": {step}}}");
            let setting = Setting::of(&Options::parse(KNOWN, Some(&options)).unwrap()).unwrap();
            let found = setting.misfit(clock);
            assert_eq!(found.is_some(), said.is_some(), "{step} {clock:?}");
            assert!(
                found.is_none_or(|found| found.ends_with(said.unwrap())),
                "{step}"
            );
        }
    }

    #[test]
    fn zones_are_offsets() {
        let zone = |text: &str| {
            let options = format!("{{\"tz\": {text}}}");
            zone(&Options::parse(KNOWN, Some(&options)).unwrap()).map_err(|e| e.to_string())
        };
        for (text, hours) in [
            ("null", 0.0),
            ("\"UTC\"", 0.0),
            ("\"Z\"", 0.0),
            ("\"+08:00\"", 8.0),
            ("\"-03:30\"", -3.5),
            ("\"+14\"", 14.0),
        ] {
            assert_eq!(zone(text), Ok((hours * 3_600e6) as i64), "{text}");
        }
        for text in [
            "8",
            "\"\"",
            "\"+8\"",
            "\"08:00\"",
            "\"+15:00\"",
            "\"+08:60\"",
            "\"CET\"",
            "\"+é8\"",
        ] {
            let said = format!("tz is {text}; give an offset from UTC like \"+08:00\"");
            assert_eq!(zone(text), Err(said));
        }
        assert_eq!(
            zone("\"Asia/Shanghai\""),
            Err("tz is \"Asia/Shanghai\"; give an offset from UTC like \"+08:00\", or convert the times of this zone before".into())
        );
    }

    #[test]
    fn rows_outside_of_the_ends_do_not_count() {
        let options = r#"{"start": "2026-05-01", "end": "2026-05-02", "tz": "+08:00"}"#;
        let setting = Setting::of(&Options::parse(KNOWN, Some(options)).unwrap()).unwrap();
        let counts = |text: &str| {
            let (clock, time) = Clock::read(ValueRef::Text(text)).unwrap();
            setting.counts(clock, time)
        };
        for (time, is) in [
            ("2026-04-30", false),
            ("2026-05-01", true),
            ("2026-05-02", true),
            ("2026-05-03", false),
            ("2026-04-30 15:59:59", false),
            ("2026-04-30 16:00:00", true),
            ("2026-05-02 15:59:59.999999", true),
            ("2026-05-02 16:00:00", false),
        ] {
            assert_eq!(counts(time), is, "{time}");
        }
        let said = setting.misfit(Clock::Integer).unwrap();
        assert_eq!(
            said,
            "\"start\" is 2026-05-01, and the times of the series are whole numbers; give a whole number"
        );
        assert_eq!(setting.misfit(Clock::Date), None);
        let wrong = Options::parse(KNOWN, Some(r#"{"start": "May"}"#)).unwrap();
        let said = Setting::of(&wrong).unwrap_err().to_string();
        assert!(
            said.starts_with("start is \"May\"; give a time like"),
            "{said}"
        );
    }
}
