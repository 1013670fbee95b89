//! `lumos_forecast` and `lumos_backtest`: the rows of series into what comes next, or into how well that is foretold.

mod ahead;
mod back;
mod options;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value as Json;

use super::clock::{Clock, DAY};
use super::combine::{Forecast, Member, Task, forecast};
use super::covariates::{Covariates, Effect, Events, Numbers, listed};
use super::grid::Grid;
use super::select::{self, X};
use super::setting::{Setting, time};
use super::source::{EachSeries, INPUT_WITH_ROLES, PARTS_WITH_ROLES, Rows};
use super::words::Language;
use crate::options::{OptionDef, Options};
use crate::program::{Database, Fold, Program, Stopped};
use crate::stats::tails::student_width;
use crate::{Error, Result, Type};
use ahead::Ahead;
use back::Back;
use options::UNTIL;
pub use options::{BACKTEST_OPTIONS, FORECAST_OPTIONS, OPTIONS_OF_LISTS};

/// The most steps.
const MOST_STEPS: i64 = 10_000;

/// The rows at the end of a longer series that it is foretold from, or 10 seasons if they are more.
const LAST_ROWS: usize = 5_000;

fn last_rows<'a>(values: &'a [f64], periods: &[usize]) -> &'a [f64] {
    let season = periods.last().copied().unwrap_or(1);
    &values[values.len().saturating_sub(LAST_ROWS.max(10 * season))..]
}

/// What comes next.
pub const FORECAST: Fold = Fold::new::<EachSeries<Ahead>>(
    "forecast",
    INPUT_WITH_ROLES,
    &[
        ("series", Type::Text),
        ("step", Type::Integer),
        ("ts", Type::Time),
        ("value", Type::Real),
        ("lo", Type::Real),
        ("hi", Type::Real),
        ("model", Type::Text),
        ("note", Type::Text),
        ("components", Type::Json),
        ("intervals", Type::Json),
    ],
)
.in_parts(PARTS_WITH_ROLES);
/// The place of `note` in it.
const NOTE: usize = 7;

/// How well the end of each series is foretold.
pub const BACKTEST: Fold = Fold::new::<EachSeries<Back>>(
    "backtest",
    INPUT_WITH_ROLES,
    &[
        ("series", Type::Text),
        ("model", Type::Text),
        ("windows", Type::Integer),
        ("mae", Type::Real),
        ("rmse", Type::Real),
        ("smape", Type::Real),
        ("mase", Type::Real),
        ("bias", Type::Real),
        ("cover", Type::Real),
        ("width", Type::Real),
        ("weight", Type::Real),
        ("note", Type::Text),
    ],
)
.in_parts(PARTS_WITH_ROLES);

/// Writes the program of either: the SELECT of the source, and the horizon with the options for the fold.
///
/// Errors if the horizon is not from 1 to 10,000, if an option is wrong, or as [`select::select_with_roles`].
pub fn program(
    source: &str,
    horizon: Option<i64>,
    options: Option<&str>,
    known: &[OptionDef],
    database: &dyn Database,
) -> Result<Program> {
    let spec = spec(horizon, options, known)?;
    Ok(Program {
        read: select::select_with_roles(source, &Options::parse(known, options)?, database)?,
        parameters: Vec::new(),
        spec,
    })
}

/// What the folds of forecasts begin by. Errors if the horizon is not from 1 to 10,000 and no option stands for it, or if
/// an option is wrong.
pub fn spec(horizon: Option<i64>, options: Option<&str>, known: &[OptionDef]) -> Result<String> {
    Options::parse(known, options)?;
    let spec = serde_json::json!({
        "horizon": horizon,
        "options": serde_json::from_str::<Json>(options.unwrap_or("{}")).unwrap_or_default(),
    })
    .to_string();
    // What is wrong is said before any row is read.
    Call::parse(&spec, known)?;
    Ok(spec)
}

/// How far ahead.
#[derive(Clone, Copy)]
enum Reach {
    Steps(usize),
    Until(Clock, i64),
}

/// What a call asks for.
#[derive(Clone)]
struct Call {
    reach: Reach,
    setting: Setting,
    /// The model's name, if one is named.
    model: Option<String>,
    only: Option<Member>,
    /// The shares of the truth that intervals are to hold, the first in columns of its own.
    levels: Vec<f64>,
    /// `None`: as the values are.
    bounds: Option<(f64, f64)>,
    windows: usize,
    stride: usize,
    history: bool,
    components: bool,
    /// The names of the columns beside the values.
    columns: Vec<String>,
    /// Those of the options, and then also those of the source.
    events: Arc<Events>,
}

impl Call {
    fn parse(spec: &str, known: &[OptionDef]) -> Result<Call> {
        let spec: Json = serde_json::from_str(spec).unwrap_or_default();
        let options = Options::parse(known, Some(&spec["options"].to_string()))?;
        let reach = reach(&spec["horizon"], &options, known)?;
        let half = match reach {
            Reach::Steps(steps) => (steps / 2).max(1),
            Reach::Until(..) => 1,
        };
        let levels = levels(&options, known)?;
        let has_source = known.iter().any(|option| option.name == X.name);
        Ok(Call {
            reach,
            setting: Setting::of(&options)?,
            model: options.text("model").map(str::to_owned),
            only: match options.text("model") {
                Some("theta") => Some(Member::Theta),
                Some("ets") => Some(Member::Ets),
                Some("rws") => Some(Member::RecentSeason),
                Some("snaive") => Some(Member::SeasonalNaive(0)),
                Some("croston") => Some(Member::Croston),
                _ => None,
            },
            levels,
            bounds: bounds(&options)?,
            windows: options.integer("windows").unwrap_or(3) as usize,
            stride: options
                .integer("stride")
                .map_or(half, |stride| stride as usize),
            history: options.flag("history") == Some(true),
            components: options.flag("components") == Some(true),
            columns: select::x_columns(&options)?,
            events: Arc::new(listed(&options, has_source)?),
        })
    }

    /// Takes over the events of the source.
    fn know(&mut self, events: &Events) {
        let mut all = Events::clone(&self.events);
        all.extend(events.iter().cloned());
        self.events = Arc::new(all);
    }

    fn task<'a>(&self, grid: &'a Grid, horizon: usize) -> Task<'a> {
        Task {
            horizon,
            periods: &grid.periods,
            counted: grid.counted(),
            only: self.only,
            level: self.levels[0],
        }
    }

    /// How many steps ahead of a series. Errors, by a sentence, if the time to reach is not ahead of it, is of another kind
    /// than its times, or is too far.
    fn steps(&self, grid: &Grid) -> Result<usize, String> {
        let (clock, time) = match self.reach {
            Reach::Steps(steps) => return Ok(steps),
            Reach::Until(clock, time) => (clock, time),
        };
        let language = self.setting.language;
        let shown = clock.show(time);
        if (clock == Clock::Integer) != (grid.clock == Clock::Integer) {
            return Err(self.setting.other_kind("until", &shown, grid.clock));
        }
        // A day ends with its last moment.
        let time = match clock {
            Clock::Date => time.saturating_add(DAY - 1),
            _ => time,
        };
        let n = grid.values.len();
        // The row of a month may begin after the day.
        let row = grid
            .row_of_local(time)
            .and_then(|row| usize::try_from(row).ok());
        let last = row.and_then(|row| {
            let late = grid.local(row).is_none_or(|begins| begins > time);
            row.checked_sub(usize::from(late))
        });
        let steps = last.and_then(|last| (last + 1).checked_sub(n)).unwrap_or(0);
        if (1..=MOST_STEPS as usize).contains(&steps) {
            return Ok(steps);
        }
        let ends = grid.time(n - 1);
        let ends = ends.map_or_else(String::new, |time| grid.clock.show(time));
        Err(if steps == 0 {
            language.say(
                format!("the series ends at {ends}; \"until\" is {shown}, which is no step later"),
                format!("序列到 {ends} 为止，“until”为 {shown}，其间没有下一步"),
            )
        } else {
            language.say(
                format!("from {ends} to {shown} there are more than {MOST_STEPS} steps"),
                format!("从 {ends} 到 {shown} 超过 {MOST_STEPS} 步"),
            )
        })
    }

    /// What is known beside the values, from a row on and so many steps ahead. Errors, by a sentence, as [`Covariates::of`].
    fn covariates(
        &self,
        grid: &Grid,
        rows: &Rows,
        from: usize,
        ahead: usize,
    ) -> Result<Covariates, String> {
        let none = Vec::new();
        let numbers: Vec<Numbers<'_>> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, name)| Numbers {
                name,
                cells: rows.numbers.get(&i).unwrap_or(&none),
            })
            .collect();
        Covariates::of(
            grid,
            from,
            ahead,
            &self.events,
            &numbers,
            self.setting.language,
        )
    }

    /// What was done to put a series on its grid.
    fn notes(&self, grid: &Grid, rows: &Rows) -> Vec<String> {
        let language = self.setting.language;
        let mut notes = rows.notes(language);
        let end = grid.time(grid.values.len() - 1).unwrap_or(i64::MAX);
        // Rows ahead are there for their columns.
        let ahead = |time: i64| !self.columns.is_empty() && time > end;
        let without = rows.rows.iter().filter(|(time, value)| {
            !value.is_finite() && !ahead(*time) && self.setting.counts(grid.clock, *time)
        });
        notes.extend(grid_notes(grid, without.count(), language));
        notes
    }
}

/// Errors if neither or both of the horizon and the option are given, or the horizon is not from 1 to 10,000.
fn reach(horizon: &Json, options: &Options, known: &[OptionDef]) -> Result<Reach> {
    let until = time(options, UNTIL.name)?;
    match (horizon.as_i64(), until) {
        (Some(_), Some(_)) => Err(Error::new(
            "give either a horizon or the option \"until\", with NULL for the horizon",
        )),
        (Some(horizon), None) if (1..=MOST_STEPS).contains(&horizon) => {
            Ok(Reach::Steps(horizon as usize))
        }
        (Some(horizon), None) => Err(Error::new(format!(
            "horizon is {horizon}; give a whole number from 1 to {MOST_STEPS}"
        ))),
        (None, Some((clock, time))) => Ok(Reach::Until(clock, time)),
        (None, None) => {
            let or = if known.iter().any(|option| option.name == UNTIL.name) {
                ", or the option \"until\""
            } else {
                ""
            };
            Err(Error::new(format!(
                "horizon is NULL; give a whole number from 1 to {MOST_STEPS}{or}"
            )))
        }
    }
}

/// What comes after values, and what covariates add to it and to them, from the first row that it is foretold from on.
struct Foretold {
    forecast: Forecast,
    effect: Effect,
    /// That row's values without what covariates add.
    plain: Vec<f64>,
}

impl Foretold {
    /// What covariates add so many steps ahead: events and columns.
    fn adds(&self, step: usize) -> (f64, f64) {
        let at = |list: &[f64]| list.get(self.plain.len() + step).copied().unwrap_or(0.0);
        (at(&self.effect.events), at(&self.effect.columns))
    }
}

/// Foretells what comes after values, the first rows of a series, by the last of them. Errors if it is stopped.
fn foretell(
    values: &[f64],
    covariates: &Covariates,
    task: &Task<'_>,
    stopped: Stopped<'_>,
) -> Result<Foretold> {
    let last = last_rows(values, task.periods);
    let first = values.len() - last.len();
    let season = task.periods.first().copied().unwrap_or(1);
    let effect = covariates.effect(first, last, season);
    let rows = last.iter().enumerate();
    let add = |row: usize| {
        let at = |list: &[f64]| list.get(row).copied().unwrap_or(0.0);
        at(&effect.events) + at(&effect.columns)
    };
    let plain: Vec<f64> = rows.map(|(row, value)| value - add(row)).collect();
    let mut forecast = forecast(&plain, &task.from(first), stopped)?;
    let factor = student_width(8.0, task.level);
    for step in 0..task.horizon {
        let row = last.len() + step;
        let (adds, error) = (add(row), effect.errors.get(row).copied().unwrap_or(0.0));
        forecast.values[step] += adds;
        forecast.widths[step] = libm::hypot(forecast.widths[step], factor * error);
        if let Some(limits) = &mut forecast.limits {
            limits[step].0 += adds;
            limits[step].1 += adds;
        }
    }
    Ok(Foretold {
        forecast,
        effect,
        plain,
    })
}

/// Errors if one is not between 0 and 1, or if there are several where the function takes one.
fn levels(options: &Options, known: &[OptionDef]) -> Result<Vec<f64>> {
    /// Each costs a forecast.
    const MOST: usize = 10;
    let many = known.iter().any(|option| option.name == UNTIL.name);
    let read = match options.get("level") {
        None | Some(Json::Null) => return Ok(vec![0.95]),
        Some(Json::Array(list)) if many && (1..=MOST).contains(&list.len()) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let level = |level: &Json| level.as_f64().filter(|l| *l > 0.0 && *l < 1.0);
    read.iter()
        .map(level)
        .collect::<Option<_>>()
        .ok_or_else(|| {
            let list = if many { ", or a list of up to 10" } else { "" };
            options.wrong("level", &format!("a number above 0 and below 1{list}"))
        })
}

fn bounds(options: &Options) -> Result<Option<(f64, f64)>> {
    let Some(given) = options.get("bounds").filter(|bounds| !bounds.is_null()) else {
        return Ok(None);
    };
    let bound = |at: usize, none: f64| match given.get(at) {
        Some(Json::Null) => Some(none),
        Some(bound) => bound.as_f64(),
        None => None,
    };
    let two = given.as_array().is_some_and(|list| list.len() == 2);
    match (bound(0, f64::NEG_INFINITY), bound(1, f64::INFINITY)) {
        (Some(low), Some(high)) if two && low <= high => Ok(Some((low, high))),
        _ => Err(options.wrong(
            "bounds",
            "a list of the least and the greatest value, null for none: [0, null]",
        )),
    }
}

/// What was done to put a series on its grid.
fn grid_notes(grid: &Grid, without_value: usize, language: Language) -> Vec<String> {
    let mut notes = Vec::new();
    let step = grid.step.show(grid.clock);
    let mut note = |count: usize, english: &str, chinese: &str| {
        if count > 0 {
            notes.push(language.say(
                format!("{}{english}", language.rows(count)),
                format!("{}{chinese}", language.rows(count)),
            ));
        }
    };
    note(without_value, " without a value left out", "无数值，已忽略");
    note(
        grid.duplicates,
        " put together with others of the same time",
        "与同一时间的数据合并",
    );
    if grid.counted().is_empty() {
        note(grid.missing(), " missing and filled", "缺失，已填补");
    } else {
        note(grid.missing(), " missing", "缺失");
    }
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let beyond = |x: &f64| x.fract() == 0.0 && (EXACT..=2048.0 * EXACT).contains(&x.abs());
    if grid.values.iter().any(beyond) {
        notes.push(language.say(
            "whole numbers beyond 9007199254740992 may be rounded",
            "超过 9007199254740992 的整数可能已四舍五入",
        ));
    }
    if grid.rounded {
        notes.push(language.say(
            format!("times rounded to {step}"),
            format!("时间按 {step} 取整"),
        ));
    }
    notes
}
