//! What is odd in each series.

use std::collections::BTreeMap;

use super::super::batch::{self, outlasting, runs};
use super::super::clock::{Clock, SECOND};
use super::super::grid::{Grid, Step};
use super::super::season::is_seasonal;
use super::super::setting::Setting;
use super::super::source::{Answer, Emit, Rows};
use super::super::surprise::{Judged, Judgement, Quiet, judge};
use super::super::words::number;
use super::{ANOMALIES, ANOMALY_OPTIONS, Call, left_out, nothing, real, time};
use crate::program::Stopped;
use crate::{Result, Value};

/// What is odd in each series.
#[derive(Clone)]
pub struct Odd(Call);

impl Odd {
    /// A day of rows at most two hours apart; else the period of the calendar, or one that the values show.
    fn period(call: &Call, grid: &Grid) -> usize {
        const DAY: i64 = 86_400 * SECOND;
        if call.setting.preparation.periods.is_none()
            && grid.clock != Clock::Integer
            && let Step::Fixed(unit) = grid.step
            && unit <= 7_200 * SECOND
            && DAY % unit == 0
        {
            return (DAY / unit) as usize;
        }
        let given = call.setting.preparation.periods.is_some();
        let found = grid
            .periods
            .iter()
            .find(|p| given || is_seasonal(&grid.values, **p));
        found.copied().unwrap_or(1)
    }
}

impl Answer for Odd {
    fn start(spec: &str) -> Result<Self> {
        Call::parse(spec, ANOMALY_OPTIONS).map(Odd)
    }

    fn setting(&self) -> &Setting {
        &self.0.setting
    }

    fn nothing(&self, key: &Value, why: Option<String>, _: &Rows, emit: Emit<'_>) -> Result<()> {
        self.0.setting.refuse(key, why.as_deref())?;
        nothing(key, why, ANOMALIES.output.len(), emit)
    }

    fn series(
        &self,
        key: &Value,
        grid: &Grid,
        rows: &Rows,
        stopped: Stopped<'_>,
        emit: Emit<'_>,
    ) -> Result<()> {
        let call = &self.0;
        let mut how = Judgement {
            period: Odd::period(call, grid),
            ..call.judgement.clone()
        };
        if call.quiet.is_some() && grid.clock == Clock::Integer {
            let why = call.setting.language.say(
                "\"quiet\" is a time, and the times of the series are whole numbers; give a number of rows, or a share like \"20%\"",
                "“quiet”为时间，而序列的时间是整数；请给出行数，或类似 \"20%\" 的比例",
            );
            return self.nothing(key, Some(why), rows, emit);
        }
        if let Some(quiet) = call.quiet {
            how.quiet = Quiet::Rows(grid.step.rows_within(quiet));
        }
        left_out(
            key,
            rows,
            call.setting.language,
            ANOMALIES.output.len(),
            emit,
        )?;
        let whole = call.options.text("mode") == Some("batch");
        let judged = if whole {
            batch::judge(&grid.values, &grid.given, &how, stopped)?
        } else {
            judge(&grid.values, grid.counted(), &how, stopped)?
        };
        let marks = if whole {
            self.marks(grid, &judged, how.period)
        } else {
            BTreeMap::new()
        };
        let last = call.options.integer("last").unwrap_or(i64::MAX);
        let first = judged
            .len()
            .saturating_sub(usize::try_from(last).unwrap_or(usize::MAX));
        for (row, found) in judged.iter().enumerate().skip(first) {
            let mark = marks.get(&row);
            if !grid.given[row] && mark.is_none() {
                continue;
            }
            let value = grid.values[row];
            let (kind, explanation) = match mark {
                Some(Mark::Other { kind, explanation }) => (
                    Value::Text((*kind).into()),
                    Value::Text(explanation.clone()),
                ),
                _ if found.is_anomaly => {
                    let (kind, sentence) = self.told(value, found);
                    let kind = match mark {
                        Some(Mark::Level) => "level",
                        _ => kind,
                    };
                    (Value::Text(kind.into()), Value::Text(sentence))
                }
                _ => (Value::Null, Value::Null),
            };
            emit(vec![
                key.clone(),
                time(grid, row),
                if grid.given[row] {
                    Value::Real(value)
                } else {
                    Value::Null
                },
                real(found.expected),
                real(found.expected - found.width),
                real(found.expected + found.width),
                found.score.map_or(Value::Null, Value::Real),
                Value::Integer(i64::from(kind != Value::Null)),
                kind,
                explanation,
            ])?;
        }
        Ok(())
    }
}

/// What is said of a row of a series that is known whole.
enum Mark {
    /// One of many beside each other on one side.
    Level,
    /// Something else than a far value.
    Other {
        kind: &'static str,
        explanation: String,
    },
}

impl Odd {
    /// The kind of a far value, and a sentence.
    fn told(&self, value: f64, found: &Judged) -> (&'static str, String) {
        let (shown, expected) = (number(value), number(found.expected));
        let score = number(found.score.unwrap_or(0.0));
        let above = value > found.expected;
        let (english, chinese) = if above {
            ("above", "高于")
        } else {
            ("below", "低于")
        };
        let sentence = self.0.setting.language.say(
            format!("{shown} is {english} the {expected} expected, score {score}"),
            format!("{shown} {chinese}预期的 {expected}，得分 {score}"),
        );
        (if above { "spike" } else { "dip" }, sentence)
    }

    /// What is odd beside far values, by its first row: values that stay the same, and rows that are missing, more than
    /// twice as long as anywhere else; and far values of half a season beside each other.
    fn marks(&self, grid: &Grid, judged: &[Judged], period: usize) -> BTreeMap<usize, Mark> {
        /// The fewest rows of one value that are odd.
        const FEWEST: usize = 5;
        let language = self.0.setting.language;
        let n = judged.len();
        let mut marks = BTreeMap::new();
        let side = |row: usize| grid.values[row] > judged[row].expected;
        let beside = |row: usize| {
            judged[row].is_anomaly && judged[row + 1].is_anomaly && side(row) == side(row + 1)
        };
        for (first, length) in runs(n, beside) {
            if length >= period.max(7) / 2 {
                marks.extend((first..first + length).map(|row| (row, Mark::Level)));
            }
        }
        let same = |row: usize| {
            grid.given[row] && grid.given[row + 1] && grid.values[row] == grid.values[row + 1]
        };
        let flat = runs(n, same)
            .into_iter()
            .filter(|(row, _)| grid.given[*row]);
        if let Some(((row, length), other)) = outlasting(flat)
            && length >= FEWEST
            && length < n
        {
            let (rows, value) = (language.rows(length), number(grid.values[row]));
            let explanation = language.say(
                format!("{rows} of {value}, where no other value stays longer than {other}"),
                format!("{rows}均为 {value}，其他数值最多持续 {other} 行"),
            );
            let kind = "flat";
            marks.insert(row, Mark::Other { kind, explanation });
        }
        let missing = |row: usize| !grid.given[row] && !grid.given[row + 1];
        let gaps = runs(n, missing)
            .into_iter()
            .filter(|(row, _)| !grid.given[*row]);
        if let Some(((row, length), other)) = outlasting(gaps) {
            let rows = language.rows(length);
            let explanation = language.say(
                format!("{rows} missing, elsewhere {other} at most"),
                format!("缺失 {rows}，其他地方最多 {other} 行"),
            );
            let kind = "gap";
            marks.insert(row, Mark::Other { kind, explanation });
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::clock::DAY;
    use super::super::spec;
    use super::*;
    use crate::ValueRef;
    use crate::program::rows_of;

    fn odd(rows: &[(i64, f64)], options: &str) -> Vec<Vec<Value>> {
        let mut state = ANOMALIES.start(options).unwrap();
        for (day, value) in rows {
            let time = Clock::Date.show(day * DAY);
            let row = [
                ValueRef::Null,
                ValueRef::Text(&time),
                ValueRef::Real(*value),
            ];
            state.row(&row).unwrap();
        }
        let mut found = rows_of(|emit| state.finish(emit)).unwrap();
        found.retain(|row: &Vec<Value>| row[7] == Value::Integer(1));
        found
    }

    fn told(rows: &[(i64, f64)], options: &str) -> Vec<(String, String)> {
        let text = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            other => format!("{other:?}"),
        };
        let found = odd(rows, options);
        found
            .iter()
            .map(|row| (text(&row[8]), text(&row[9])))
            .collect()
    }

    fn days(n: i64) -> Vec<(i64, f64)> {
        (0..n)
            .map(|i| (i, 50.0 + (i * 7_919 % 13) as f64))
            .collect()
    }

    #[test]
    fn a_whole_series_has_kinds() {
        let batch = r#"{"mode": "batch"}"#;
        assert!(told(&days(90), batch).is_empty());
        let mut rows = days(90);
        rows[2].1 = 150.0;
        rows[70].1 = 0.0;
        let found = told(&rows, batch);
        let kinds: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["spike", "dip"]);
        assert!(found[0].1.starts_with("150 is above the 5"), "{found:?}");
        // Half a window beside each other on one side.
        let mut rows = days(90);
        rows[30..33].iter_mut().for_each(|row| row.1 = 200.0);
        let kinds: Vec<String> = told(&rows, batch)
            .into_iter()
            .map(|(kind, _)| kind)
            .collect();
        assert_eq!(kinds, ["level"; 3]);
        // The same value for long, and rows that are missing.
        let mut rows = days(90);
        rows[30..40].iter_mut().for_each(|row| row.1 = 56.5);
        rows.drain(60..64);
        let zh = told(&rows, r#"{"mode": "batch", "lang": "zh"}"#);
        assert_eq!(
            told(&rows, batch),
            [
                (
                    "flat".into(),
                    "10 rows of 56.5, where no other value stays longer than 1".into()
                ),
                ("gap".into(), "4 rows missing, elsewhere 0 at most".into())
            ]
        );
        assert_eq!(zh[1].1, "缺失 4 行，其他地方最多 0 行");
        // A constant is none, nor are two gaps of one length.
        let constant: Vec<(i64, f64)> = (0..40).map(|i| (i, 5.0)).collect();
        assert!(told(&constant, batch).is_empty());
        let mut rows = days(90);
        rows.remove(60);
        rows.remove(30);
        assert!(told(&rows, batch).is_empty());
        assert_eq!(told(&rows[85..], batch), []);
    }

    #[test]
    fn a_quiet_stretch_may_be_a_time() {
        let mut rows = days(200);
        rows[100].1 = 150.0;
        rows[110].1 = 140.0;
        let count = |quiet: &str| odd(&rows, &format!("{{\"quiet\": {quiet}}}")).len();
        assert_eq!(
            (count("9"), count("\"9 days\""), count("\"1 week\"")),
            (2, 2, 2)
        );
        assert_eq!(
            (count("10"), count("\"10 days\""), count("\"2 weeks\"")),
            (1, 1, 1)
        );
        for (options, said) in [
            (
                r#"{"quiet": "soon"}"#,
                "quiet is \"soon\"; give a whole number of rows, a time",
            ),
            (
                r#"{"mode": "batch", "quiet": 5}"#,
                "quiet is an option of the mode \"stream\"",
            ),
            (
                r#"{"mode": "batch", "history": 50}"#,
                "history is an option of the mode",
            ),
        ] {
            let refused = spec(Some(options), ANOMALY_OPTIONS)
                .unwrap_err()
                .to_string();
            assert!(refused.starts_with(said), "{refused}");
        }
    }
}
