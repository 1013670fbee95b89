//! `lumos_anomalies` and `lumos_changepoints`: the rows of series into what is odd in them, and into where they change.

use serde_json::Value as Json;

use super::change::{self, Line, Search};
use super::clock::{Clock, SECOND};
use super::grid::{Grid, Step};
use super::season::is_seasonal;
use super::setting::{AGG, GAPS, PERIOD, STEP, Setting};
use super::source::{self, Answer, BY, EachSeries, Emit, INPUT, Rows, TIME, VALUE};
use super::surprise::{Direction, Judgement, Least, Quiet, judge};
use super::words::{LANG, Language, number};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, Fold, Program, Stopped};
use crate::stats::tails::f_above;
use crate::{Result, Type, Value};

/// The options of anomalies.
pub const ANOMALY_OPTIONS: &[OptionDef] = &[
    TIME, VALUE, BY, AGG, STEP, GAPS, PERIOD, THRESHOLD, QUIET, DIRECTION, MIN_CHANGE, LAST,
    HISTORY, LANG,
];

/// The options of change points.
pub const CHANGE_OPTIONS: &[OptionDef] =
    &[TIME, VALUE, BY, AGG, STEP, GAPS, PENALTY, MIN_SIZE, LANG];

/// The options of anomalies in two lists.
pub const ANOMALY_OPTIONS_OF_LISTS: &[OptionDef] = &[
    AGG, STEP, GAPS, PERIOD, THRESHOLD, QUIET, DIRECTION, MIN_CHANGE, LAST, HISTORY, LANG,
];

/// The options of change points of two lists.
pub const CHANGE_OPTIONS_OF_LISTS: &[OptionDef] = &[AGG, STEP, GAPS, PENALTY, MIN_SIZE, LANG];

const THRESHOLD: OptionDef = OptionDef {
    name: "threshold",
    ty: OptionType::Number(0.0, " from 0 on"),
    default: "3.5",
    doc: "the least score of an anomaly, in standard deviations",
};
const QUIET: OptionDef = OptionDef {
    name: "quiet",
    ty: OptionType::Json("a whole number of rows, or a share of the rows so far like \"20%\""),
    default: "\"20%\"",
    doc: "an anomaly scores above all rows of this stretch before it, so that a long one is told once",
};
const DIRECTION: OptionDef = OptionDef {
    name: "direction",
    ty: OptionType::OneOf(&["both", "above", "below"]),
    default: "\"both\"",
    doc: "the side of what is expected that counts",
};
const MIN_CHANGE: OptionDef = OptionDef {
    name: "min_change",
    ty: OptionType::Json("a number from 0 on, or a share of what is expected like \"10%\""),
    default: "0",
    doc: "the least distance of an anomaly from what is expected",
};
const LAST: OptionDef = OptionDef {
    name: "last",
    ty: OptionType::Integer(1, i64::MAX),
    default: "all",
    doc: "only so many rows at the end of each series are given; all of them are looked back on",
};
const HISTORY: OptionDef = OptionDef {
    name: "history",
    ty: OptionType::Integer(20, 1_000_000),
    default: "6400",
    doc: "how many rows before one it is judged by",
};
const PENALTY: OptionDef = OptionDef {
    name: "penalty",
    ty: OptionType::Number(0.0, " from 0 on"),
    default: "6",
    doc: "what a change must gain, in units of the logarithm of the number of rows; more finds fewer",
};
const MIN_SIZE: OptionDef = OptionDef {
    name: "min_size",
    ty: OptionType::Integer(2, 1_000_000),
    default: "8",
    doc: "the fewest rows between two changes",
};

/// What is odd: a row for each of the series.
pub const ANOMALIES: Fold = Fold::new::<EachSeries<Odd>>(
    "anomalies",
    INPUT,
    &[
        ("series", Type::Text),
        ("ts", Type::Time),
        ("value", Type::Real),
        ("expected", Type::Real),
        ("lower", Type::Real),
        ("upper", Type::Real),
        ("score", Type::Real),
        ("is_anomaly", Type::Integer),
        ("kind", Type::Text),
        ("explanation", Type::Text),
    ],
);

/// Where series change.
pub const CHANGEPOINTS: Fold = Fold::new::<EachSeries<Change>>(
    "changepoints",
    INPUT,
    &[
        ("series", Type::Text),
        ("ts", Type::Time),
        ("row", Type::Integer),
        ("kind", Type::Text),
        ("before", Type::Real),
        ("after", Type::Real),
        ("p", Type::Real),
        ("explanation", Type::Text),
    ],
);

/// Writes the program of either. Errors if an option is wrong, or as [`source::select`].
pub fn program(
    source: &str,
    options: Option<&str>,
    known: &[OptionDef],
    database: &dyn Database,
) -> Result<Program> {
    let spec = spec(options, known)?.to_owned();
    Ok(Program {
        read: source::select(source, &Options::parse(known, options)?, database)?,
        parameters: Vec::new(),
        spec,
    })
}

/// What the folds of both begin by. Errors if an option is wrong.
pub fn spec<'a>(options: Option<&'a str>, known: &[OptionDef]) -> Result<&'a str> {
    let given = Options::parse(known, options)?;
    Setting::of(&given)?;
    judgement(&given)?;
    Ok(options.unwrap_or("{}"))
}

/// How values are judged by the options; the period is that of the series.
fn judgement(options: &Options) -> Result<Judgement> {
    let percent = |given: &Json| {
        let share = given.as_str()?.strip_suffix('%')?.trim().parse::<f64>();
        share
            .ok()
            .filter(|share| (0.0..=100.0).contains(share))
            .map(|share| share / 100.0)
    };
    let quiet = match options.get("quiet").filter(|quiet| !quiet.is_null()) {
        None => Quiet::Share(0.2),
        Some(given) => match (given.as_u64(), percent(given)) {
            (Some(rows), _) => Quiet::Rows(usize::try_from(rows).unwrap_or(usize::MAX / 2)),
            (None, Some(share)) => Quiet::Share(share),
            (None, None) => {
                let give = "a whole number of rows, or a share of the rows so far like \"20%\"";
                return Err(options.wrong("quiet", give));
            }
        },
    };
    let least = match options.get("min_change").filter(|least| !least.is_null()) {
        None => Least::Absolute(0.0),
        Some(given) => match (given.as_f64().filter(|least| *least >= 0.0), percent(given)) {
            (Some(least), _) => Least::Absolute(least),
            (None, Some(share)) => Least::Share(share),
            (None, None) => {
                let give = "a number from 0 on, or a share of what is expected like \"10%\"";
                return Err(options.wrong("min_change", give));
            }
        },
    };
    Ok(Judgement {
        period: 1,
        threshold: options.number("threshold").unwrap_or(3.5),
        quiet,
        direction: match options.text("direction") {
            Some("above") => Direction::Above,
            Some("below") => Direction::Below,
            _ => Direction::Both,
        },
        least,
        history: options.integer("history").unwrap_or(6_400) as usize,
    })
}

/// What is asked for.
#[derive(Clone)]
struct Call {
    options: Options,
    setting: Setting,
    judgement: Judgement,
}

impl Call {
    fn parse(spec: &str, known: &[OptionDef]) -> Result<Call> {
        let options = Options::parse(known, Some(spec))?;
        Ok(Call {
            setting: Setting::of(&options)?,
            judgement: judgement(&options)?,
            options,
        })
    }
}

/// A row of so many columns that only says why; none of a series without a value.
fn nothing(key: &Value, why: Option<String>, columns: usize, emit: Emit<'_>) -> Result<()> {
    let Some(why) = why else {
        return Ok(());
    };
    let mut row = vec![Value::Null; columns];
    row[0] = key.clone();
    row[columns - 1] = Value::Text(why);
    emit(row)
}

/// A row of so many columns that says which rows were left out, if any were.
fn left_out(
    key: &Value,
    rows: &Rows,
    language: Language,
    columns: usize,
    emit: Emit<'_>,
) -> Result<()> {
    nothing(key, language.join(&rows.notes(language)), columns, emit)
}

/// A finite number, or NULL.
fn real(value: f64) -> Value {
    if value.is_finite() {
        Value::Real(value)
    } else {
        Value::Null
    }
}

fn time(grid: &Grid, row: usize) -> Value {
    grid.time(row)
        .map_or(Value::Null, |time| grid.clock.write(time))
}

/// What is odd in each series.
#[derive(Clone)]
struct Odd(Call);

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
        let how = Judgement {
            period: Odd::period(call, grid),
            ..call.judgement.clone()
        };
        left_out(
            key,
            rows,
            call.setting.language,
            ANOMALIES.output.len(),
            emit,
        )?;
        let judged = judge(&grid.values, &how, stopped)?;
        let last = call.options.integer("last").unwrap_or(i64::MAX);
        let first = judged
            .len()
            .saturating_sub(usize::try_from(last).unwrap_or(usize::MAX));
        let rows = judged.iter().enumerate().skip(first);
        for (row, found) in rows.filter(|(row, _)| grid.given[*row]) {
            let value = grid.values[row];
            let above = value > found.expected;
            let (kind, explanation) = if found.is_anomaly {
                let (shown, expected) = (number(value), number(found.expected));
                let score = number(found.score.unwrap_or(0.0));
                let (english, chinese) = if above {
                    ("above", "高于")
                } else {
                    ("below", "低于")
                };
                let sentence = call.setting.language.say(
                    format!("{shown} is {english} the {expected} expected, score {score}"),
                    format!("{shown} {chinese}预期的 {expected}，得分 {score}"),
                );
                let kind = if above { "spike" } else { "dip" };
                (Value::Text(kind.into()), Value::Text(sentence))
            } else {
                (Value::Null, Value::Null)
            };
            emit(vec![
                key.clone(),
                time(grid, row),
                Value::Real(value),
                real(found.expected),
                real(found.expected - found.width),
                real(found.expected + found.width),
                found.score.map_or(Value::Null, Value::Real),
                Value::Integer(i64::from(found.is_anomaly)),
                kind,
                explanation,
            ])?;
        }
        Ok(())
    }
}

/// Where each series changes.
#[derive(Clone)]
struct Change(Call);

impl Answer for Change {
    fn start(spec: &str) -> Result<Self> {
        Call::parse(spec, CHANGE_OPTIONS).map(Change)
    }

    fn setting(&self) -> &Setting {
        &self.0.setting
    }

    fn nothing(&self, key: &Value, why: Option<String>, _: &Rows, emit: Emit<'_>) -> Result<()> {
        nothing(key, why, CHANGEPOINTS.output.len(), emit)
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
        let search = Search {
            penalty: call.options.number("penalty").unwrap_or(6.0),
            min_size: call.options.integer("min_size").unwrap_or(8) as usize,
        };
        let values = &grid.values;
        left_out(
            key,
            rows,
            call.setting.language,
            CHANGEPOINTS.output.len(),
            emit,
        )?;
        let lines = change::lines(values, &change::changes(values, search, stopped)?);
        for pair in lines.windows(2) {
            let [(rows, before), (next, after)] = pair else {
                continue;
            };
            let whole = change::line(&values[rows.start..next.end]);
            let kind = kind(rows.len(), before, next.len(), after);
            let (level, then) = (number(before.last), number(after.first));
            let (steep, steeper) = (number(before.slope), number(after.slope));
            let explanation = match kind {
                "level" => call.setting.language.say(
                    format!("from {level} to {then}"),
                    format!("从 {level} 变为 {then}"),
                ),
                "slope" => call.setting.language.say(
                    format!("from {steep} a row to {steeper} a row"),
                    format!("每行变化从 {steep} 变为 {steeper}"),
                ),
                _ => {
                    let spread = |line: &Line, n: usize| number((line.rest / n as f64).sqrt());
                    let (narrow, wide) = (spread(before, rows.len()), spread(after, next.len()));
                    call.setting.language.say(
                        format!("spread from {narrow} to {wide}"),
                        format!("波动从 {narrow} 变为 {wide}"),
                    )
                }
            };
            emit(vec![
                key.clone(),
                time(grid, next.start),
                Value::Integer(next.start as i64 + 1),
                Value::Text(kind.into()),
                real(before.last),
                real(after.first),
                real(probability(&whole, before, after, rows.len() + next.len())),
                Value::Text(explanation),
            ])?;
        }
        Ok(())
    }
}

/// What changes most, in standard deviations of what the lines leave: the level where they meet, the slope over the
/// shorter of them, or the spread around them.
fn kind(n: usize, before: &Line, m: usize, after: &Line) -> &'static str {
    let rest = before.rest + after.rest;
    let deviation = (rest / (n + m) as f64).sqrt().max(f64::MIN_POSITIVE);
    let level = (after.first - before.last).abs() / deviation;
    let slope = (after.slope - before.slope).abs() * n.min(m) as f64 / 2.0 / deviation;
    let variance = |line: &Line, n: usize| (line.rest / n as f64).max(f64::MIN_POSITIVE);
    let spread = libm::log(variance(after, m) / variance(before, n)).abs();
    if level >= slope && level >= spread {
        "level"
    } else if slope >= spread {
        "slope"
    } else {
        "variance"
    }
}

/// The probability that one line would be bettered by two as much by chance: an F test.
fn probability(whole: &Line, before: &Line, after: &Line, n: usize) -> f64 {
    let rest = before.rest + after.rest;
    let within = n as f64 - 4.0;
    if rest <= 0.0 {
        return 0.0;
    }
    f_above((whole.rest - rest) / 2.0 / (rest / within), 2.0, within)
}
