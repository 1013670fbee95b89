//! The options of forecasts and backtests.

use super::super::covariates::GIVE_DAYS;
use super::super::select::{BY, HOLIDAYS, TIME, VALUE, X};
use super::super::setting::{AGG, END, GAPS, MIN_ROWS, ON_ERROR, PERIOD, START, STEP, TZ};
use super::super::words::LANG;
use crate::options::{OptionDef, OptionType};

/// The options of a forecast.
pub const FORECAST_OPTIONS: &[OptionDef] = &[
    TIME, VALUE, BY, AGG, STEP, GAPS, PERIOD, TZ, START, END, MIN_ROWS, ON_ERROR, HOLIDAYS, X,
    MODEL, LEVEL, BOUNDS, UNTIL, HISTORY, COMPONENTS, LANG,
];

/// The options of a forecast of two lists.
pub const OPTIONS_OF_LISTS: &[OptionDef] = &[
    AGG,
    STEP,
    GAPS,
    PERIOD,
    TZ,
    START,
    END,
    MIN_ROWS,
    ON_ERROR,
    HOLIDAYS_OF_LISTS,
    MODEL,
    LEVEL,
    BOUNDS,
    UNTIL,
    HISTORY,
    COMPONENTS,
    LANG,
];

/// The options of a backtest.
pub const BACKTEST_OPTIONS: &[OptionDef] = &[
    TIME, VALUE, BY, AGG, STEP, GAPS, PERIOD, TZ, START, END, MIN_ROWS, ON_ERROR, HOLIDAYS, X,
    ONE_MODEL, ONE_LEVEL, WINDOWS, STRIDE, LANG,
];

const MODELS: OptionType = OptionType::OneOf(&["auto", "theta", "ets", "rws", "snaive", "croston"]);
const MODEL: OptionDef = OptionDef {
    name: "model",
    ty: MODELS,
    default: "\"auto\"",
    doc: "one member, or all of them weighted by their errors at the end of the series: the dynamic optimised theta model, exponential smoothing, theta with a season that recent cycles count more in, the value one season before. `croston` is for demand that comes now and then, most rows being zero: its size and how often it comes",
};
const ONE_MODEL: OptionDef = OptionDef {
    name: "model",
    ty: MODELS,
    default: "each of them, `croston` where three rows of ten are zero",
    doc: "the one that is measured",
};
const HOLIDAYS_OF_LISTS: OptionDef = OptionDef {
    ty: OptionType::Json(GIVE_DAYS),
    doc: "days that are not like others, past ones and those ahead. What each adds to its day, the day before and the day after, the past says",
    ..HOLIDAYS
};
pub(super) const UNTIL: OptionDef = OptionDef {
    name: "until",
    ty: OptionType::Json("a time like \"2026-12-31\", or a whole number"),
    default: "none",
    doc: "the time that each series is foretold up to, where `horizon` is NULL",
};
const HISTORY: OptionDef = OptionDef {
    name: "history",
    ty: OptionType::Flag,
    default: "false",
    doc: "whether the rows of the past are given too, with the steps ..., -1, 0: their values, without interval and model, NULL where a row is missing",
};
const COMPONENTS: OptionDef = OptionDef {
    name: "components",
    ty: OptionType::Flag,
    default: "false",
    doc: "whether the column `components` says what a value is made of, before it is cut off at `bounds`: an object of `trend`, `season`, `holidays` and `x`, which add up to it",
};
const LEVEL: OptionDef = OptionDef {
    name: "level",
    ty: OptionType::Json("a number above 0 and below 1, or a list of up to 10"),
    default: "0.95",
    doc: "the share of the truth that the intervals are to hold. Of a list `lo` and `hi` are those of the first, and the column `intervals` has all, an object like `{\"0.8\": [90.0, 110.0]}`",
};
const ONE_LEVEL: OptionDef = OptionDef {
    ty: OptionType::Json("a number above 0 and below 1"),
    doc: "the share of the truth that the intervals are to hold",
    ..LEVEL
};
const BOUNDS: OptionDef = OptionDef {
    name: "bounds",
    ty: OptionType::Json("a list of the least and the greatest value, null for none: [0, null]"),
    default: "[0, null] if no value of the series is negative",
    doc: "where values and intervals are cut off",
};
const WINDOWS: OptionDef = OptionDef {
    name: "windows",
    ty: OptionType::Integer(1, 100),
    default: "3",
    doc: "how many times the end of the series is foretold",
};
const STRIDE: OptionDef = OptionDef {
    name: "stride",
    ty: OptionType::Integer(1, 10_000),
    default: "half of `horizon`",
    doc: "how many rows lie between the beginnings of two windows",
};
