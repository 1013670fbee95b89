//! `lumos_anomalies` and `lumos_changepoints`: the rows of series into what is odd in them, and into where they change.

mod changes;
mod odd;

use serde_json::Value as Json;

use super::grid::{Grid, Step};
use super::select::{BY, TIME, VALUE, select};
use super::setting::{AGG, END, GAPS, MIN_ROWS, ON_ERROR, PERIOD, START, STEP, Setting, TZ};
use super::source::{EachSeries, Emit, INPUT, PARTS, Rows};
use super::surprise::{Direction, Judgement, Least, Quiet};
use super::words::{LANG, Language};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, Fold, Program};
use crate::{Error, Result, Type, Value};
use changes::Change;
use odd::Odd;

/// The options of anomalies.
pub const ANOMALY_OPTIONS: &[OptionDef] = &[
    TIME, VALUE, BY, AGG, STEP, GAPS, PERIOD, TZ, START, END, MIN_ROWS, ON_ERROR, MODE, THRESHOLD,
    QUIET, DIRECTION, MIN_CHANGE, LAST, HISTORY, LANG,
];

/// The options of change points.
pub const CHANGE_OPTIONS: &[OptionDef] = &[
    TIME, VALUE, BY, AGG, STEP, GAPS, TZ, START, END, MIN_ROWS, ON_ERROR, PENALTY, MIN_SIZE, MAX,
    KIND, LANG,
];

/// The options of anomalies in two lists.
pub const ANOMALY_OPTIONS_OF_LISTS: &[OptionDef] = &[
    AGG, STEP, GAPS, PERIOD, TZ, START, END, MIN_ROWS, ON_ERROR, MODE, THRESHOLD, QUIET, DIRECTION,
    MIN_CHANGE, LAST, HISTORY, LANG,
];

/// The options of change points of two lists.
pub const CHANGE_OPTIONS_OF_LISTS: &[OptionDef] = &[
    AGG, STEP, GAPS, TZ, START, END, MIN_ROWS, ON_ERROR, PENALTY, MIN_SIZE, MAX, KIND, LANG,
];

const MODE: OptionDef = OptionDef {
    name: "mode",
    ty: OptionType::OneOf(&["stream", "batch"]),
    default: "\"stream\"",
    doc: "whether a row is judged by the rows before it alone, so that no answer changes when the next row comes, or the whole series is known and a row is judged by both sides of it",
};
const THRESHOLD: OptionDef = OptionDef {
    name: "threshold",
    ty: OptionType::Number(0.0, " from 0 on"),
    default: "3.5",
    doc: "the least score of an anomaly, in standard deviations",
};
const QUIET: OptionDef = OptionDef {
    name: "quiet",
    ty: OptionType::Json(GIVE_QUIET),
    default: "\"20%\"",
    doc: "of the mode `stream`: an anomaly scores above all rows of this stretch before it, so that a long one is told once",
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
    doc: "of the mode `stream`: how many rows before one it is judged by",
};
const GIVE_QUIET: &str =
    "a whole number of rows, a time like \"6 hours\", or a share of the rows so far like \"20%\"";
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

const MAX: OptionDef = OptionDef {
    name: "max",
    ty: OptionType::Integer(1, 1_000_000),
    default: "all",
    doc: "the most changes of a series, those that gain most",
};
const KIND: OptionDef = OptionDef {
    name: "kind",
    ty: OptionType::OneOf(&["any", "level"]),
    default: "\"any\"",
    doc: "whether all changes are given, or those of the level alone",
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
)
.in_parts(PARTS);

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
        ("gain", Type::Real),
        ("p", Type::Real),
        ("explanation", Type::Text),
    ],
)
.in_parts(PARTS);

/// Writes the program of either. Errors if an option is wrong, or as [`select`].
pub fn program(
    source: &str,
    options: Option<&str>,
    known: &[OptionDef],
    database: &dyn Database,
) -> Result<Program> {
    let spec = spec(options, known)?.to_owned();
    Ok(Program {
        read: select(source, &Options::parse(known, options)?, database)?,
        parameters: Vec::new(),
        spec,
    })
}

/// What the folds of both begin by. Errors if an option is wrong.
pub fn spec<'a>(options: Option<&'a str>, known: &[OptionDef]) -> Result<&'a str> {
    let given = Options::parse(known, options)?;
    Setting::of(&given)?;
    judgement(&given)?;
    if given.text("mode") == Some("batch") {
        for name in [QUIET.name, HISTORY.name] {
            if given.get(name).is_some_and(|value| !value.is_null()) {
                return Err(Error::new(format!(
                    "{name} is an option of the mode \"stream\"; leave it out in the mode \"batch\""
                )));
            }
        }
    }
    Ok(options.unwrap_or("{}"))
}

/// How values are judged by the options, the period being that of the series; and a quiet stretch that is a time, which
/// stands for the rows of it then.
fn judgement(options: &Options) -> Result<(Judgement, Option<Step>)> {
    let percent = |given: &Json| {
        let share = given.as_str()?.strip_suffix('%')?.trim().parse::<f64>();
        let share = share.ok().map(|share| share / 100.0);
        share.filter(|share| *share >= 0.0 && share.is_finite())
    };
    let mut interval = None;
    let quiet = match options.get("quiet").filter(|quiet| !quiet.is_null()) {
        None => Quiet::Share(0.2),
        Some(given) => {
            interval = given.as_str().and_then(Step::parse);
            let share = percent(given).filter(|share| *share <= 1.0);
            match (given.as_u64(), share) {
                (Some(rows), _) => Quiet::Rows(usize::try_from(rows).unwrap_or(usize::MAX / 2)),
                (None, Some(share)) => Quiet::Share(share),
                (None, None) if interval.is_some() => Quiet::Rows(0),
                (None, None) => return Err(options.wrong("quiet", GIVE_QUIET)),
            }
        }
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
    let judgement = Judgement {
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
    };
    Ok((judgement, interval))
}

/// What is asked for.
#[derive(Clone)]
struct Call {
    options: Options,
    setting: Setting,
    judgement: Judgement,
    /// How long it is to be quiet before, if that is a time.
    quiet: Option<Step>,
}

impl Call {
    fn parse(spec: &str, known: &[OptionDef]) -> Result<Call> {
        let options = Options::parse(known, Some(spec))?;
        let (judgement, quiet) = judgement(&options)?;
        Ok(Call {
            setting: Setting::of(&options)?,
            judgement,
            quiet,
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
