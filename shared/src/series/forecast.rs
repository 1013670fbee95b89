//! `lumos_forecast` and `lumos_backtest`: the rows of series into what comes next, or into how well that is foretold.

use serde_json::Value as Json;

use super::combine::{Forecast, Member, Task, forecast};
use super::grid::Grid;
use super::setting::{AGG, GAPS, PERIOD, STEP, Setting};
use super::source::{self, Answer, BY, EachSeries, Emit, INPUT, Rows, TIME, VALUE};
use super::words::{LANG, Language};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, Fold, Program, Stopped};
use crate::{Error, Result, Type, Value};

/// The options of a forecast.
pub const FORECAST_OPTIONS: &[OptionDef] = &[
    TIME, VALUE, BY, AGG, STEP, GAPS, PERIOD, MODEL, LEVEL, BOUNDS, LANG,
];

/// The options of a forecast of two lists.
pub const OPTIONS_OF_LISTS: &[OptionDef] = &[AGG, STEP, GAPS, PERIOD, MODEL, LEVEL, BOUNDS, LANG];

/// The options of a backtest.
pub const BACKTEST_OPTIONS: &[OptionDef] = &[
    TIME, VALUE, BY, AGG, STEP, GAPS, PERIOD, LEVEL, WINDOWS, STRIDE, LANG,
];

const MODEL: OptionDef = OptionDef {
    name: "model",
    ty: OptionType::OneOf(&["auto", "theta", "ets", "rws", "snaive"]),
    default: "\"auto\"",
    doc: "one member, or all of them weighted by their errors at the end of the series: the dynamic optimised theta model, exponential smoothing, theta with a season that recent cycles count more in, the value one season before",
};
const LEVEL: OptionDef = OptionDef {
    name: "level",
    ty: OptionType::Json("a number above 0 and below 1"),
    default: "0.95",
    doc: "the share of the truth that the intervals are to hold",
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
    INPUT,
    &[
        ("series", Type::Text),
        ("step", Type::Integer),
        ("ts", Type::Time),
        ("value", Type::Real),
        ("lo", Type::Real),
        ("hi", Type::Real),
        ("model", Type::Text),
        ("note", Type::Text),
    ],
);

/// How well the end of each series is foretold.
pub const BACKTEST: Fold = Fold::new::<EachSeries<Back>>(
    "backtest",
    INPUT,
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
);

/// Writes the program of either: the SELECT of the source, and the horizon with the options for the fold.
///
/// Errors if the horizon is not from 1 to 10,000, if an option is wrong, or as [`source::select`].
pub fn program(
    source: &str,
    horizon: i64,
    options: Option<&str>,
    known: &[OptionDef],
    database: &dyn Database,
) -> Result<Program> {
    let spec = spec(horizon, options, known)?;
    Ok(Program {
        read: source::select(source, &Options::parse(known, options)?, database)?,
        parameters: Vec::new(),
        spec,
    })
}

/// What the folds of forecasts begin by. Errors if the horizon is not from 1 to 10,000, or if an option is wrong.
pub fn spec(horizon: i64, options: Option<&str>, known: &[OptionDef]) -> Result<String> {
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

/// What a call asks for.
#[derive(Clone)]
struct Call {
    horizon: usize,
    setting: Setting,
    only: Option<Member>,
    level: f64,
    /// `None`: as the values are.
    bounds: Option<(f64, f64)>,
    windows: usize,
    stride: usize,
}

impl Call {
    fn parse(spec: &str, known: &[OptionDef]) -> Result<Call> {
        let spec: Json = serde_json::from_str(spec).unwrap_or_default();
        let horizon = spec["horizon"].as_i64().unwrap_or(0);
        if !(1..=MOST_STEPS).contains(&horizon) {
            return Err(Error::new(format!(
                "horizon is {horizon}; give a whole number from 1 to {MOST_STEPS}"
            )));
        }
        let options = Options::parse(known, Some(&spec["options"].to_string()))?;
        let level = match options.get("level").filter(|level| !level.is_null()) {
            None => 0.95,
            Some(level) => {
                let level = level.as_f64().filter(|l| *l > 0.0 && *l < 1.0);
                level.ok_or_else(|| options.wrong("level", "a number above 0 and below 1"))?
            }
        };
        Ok(Call {
            horizon: horizon as usize,
            setting: Setting::of(&options)?,
            only: match options.text("model") {
                Some("theta") => Some(Member::Theta),
                Some("ets") => Some(Member::Ets),
                Some("rws") => Some(Member::RecentSeason),
                Some("snaive") => Some(Member::SeasonalNaive(0)),
                _ => None,
            },
            level,
            bounds: bounds(&options)?,
            windows: options.integer("windows").unwrap_or(3) as usize,
            stride: options.integer("stride").unwrap_or((horizon / 2).max(1)) as usize,
        })
    }

    fn task<'a>(&self, periods: &'a [usize]) -> Task<'a> {
        Task {
            horizon: self.horizon,
            periods,
            only: self.only,
            level: self.level,
        }
    }
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
fn grid_notes(grid: &Grid, rows: usize, language: Language) -> Vec<String> {
    let mut notes = Vec::new();
    let with_value = grid.values.len() - grid.missing() + grid.duplicates;
    let step = grid.step.show(grid.clock);
    let mut note = |count: usize, english: &str, chinese: &str| {
        if count > 0 {
            notes.push(language.say(
                format!("{}{english}", language.rows(count)),
                format!("{}{chinese}", language.rows(count)),
            ));
        }
    };
    note(
        rows.saturating_sub(with_value),
        " without a value left out",
        "无数值，已忽略",
    );
    note(
        grid.duplicates,
        " put together with others of the same time",
        "与同一时间的数据合并",
    );
    note(grid.missing(), " missing and filled", "缺失，已填补");
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

/// What comes next in each series.
#[derive(Clone)]
struct Ahead(Call);

impl Answer for Ahead {
    fn start(spec: &str) -> Result<Self> {
        Call::parse(spec, FORECAST_OPTIONS).map(Ahead)
    }

    fn setting(&self) -> &Setting {
        &self.0.setting
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
        let mut notes = rows.notes(call.setting.language);
        notes.extend(grid_notes(grid, rows.rows.len(), call.setting.language));
        let n = grid.values.len();
        let values = last_rows(&grid.values, &grid.periods);
        let language = call.setting.language;
        if values.len() < n {
            let rows = language.rows(values.len());
            notes.push(language.say(
                format!("foretold from the last {rows}"),
                format!("仅用最后 {rows}预测"),
            ));
        }
        let found = forecast(values, &call.task(&grid.periods), stopped)?;
        let negative = values.iter().any(|x| *x < 0.0);
        let floor = if negative { f64::NEG_INFINITY } else { 0.0 };
        let (low, high) = call.bounds.unwrap_or((floor, f64::INFINITY));
        let model = Value::Text(described(&found, values));
        let note = language.join(&notes).map_or(Value::Null, Value::Text);
        for step in 0..call.horizon {
            let (value, width) = (found.values[step], found.widths[step]);
            let real = |value: f64| {
                let value = value.clamp(low, high);
                // A sum beyond the range of numbers is not known.
                if value.is_finite() {
                    Value::Real(value)
                } else {
                    Value::Null
                }
            };
            let time = grid.time(n + step);
            emit(vec![
                key.clone(),
                Value::Integer(step as i64 + 1),
                time.map_or(Value::Null, |time| grid.clock.write(time)),
                real(value),
                real(value - width),
                real(value + width),
                model.clone(),
                note.clone(),
            ])?;
        }
        Ok(())
    }

    fn nothing(&self, key: &Value, why: Option<String>, rows: &Rows, emit: Emit<'_>) -> Result<()> {
        emit(rows.nothing(&self.0.setting, key, why, FORECAST.output.len()))
    }
}

/// The members with their weights, like `0.41 theta + 0.33 ETS(M,A,M) + 0.26 rws`.
fn described(found: &Forecast, values: &[f64]) -> String {
    let name = |member: &Member| match (member, &found.form) {
        (Member::Ets, Some(form)) => form.clone(),
        (member, _) => member.name().to_owned(),
    };
    match found.weights.as_slice() {
        [] if values.iter().all(|x| *x == values[0]) => "constant".into(),
        [] => "last value".into(),
        [(only, _)] => name(only),
        parts => {
            let parts: Vec<String> = parts
                .iter()
                .map(|(member, weight)| format!("{weight:.2} {}", name(member)))
                .collect();
            parts.join(" + ")
        }
    }
}

/// How well the end of each series is foretold.
#[derive(Clone)]
struct Back(Call);

impl Answer for Back {
    fn start(spec: &str) -> Result<Self> {
        Call::parse(spec, BACKTEST_OPTIONS).map(Back)
    }

    fn setting(&self) -> &Setting {
        &self.0.setting
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
        let mut notes = rows.notes(call.setting.language);
        notes.extend(grid_notes(grid, rows.rows.len(), call.setting.language));
        let n = grid.values.len();
        let season = grid.periods.first().copied().unwrap_or(1);
        let language = call.setting.language;
        // The windows that leave four rows at least to foretell from.
        let starts: Vec<usize> = (0..call.windows)
            .map(|window| call.horizon + window * call.stride)
            .filter(|back| n >= back + 4)
            .collect();
        if starts.is_empty() {
            let few = language.rows(n);
            let why = language.say(
                format!("{few} are too few to foretell {}", call.horizon),
                format!("{few}太少，无法回测 {} 步", call.horizon),
            );
            return self.nothing(key, Some(why), rows, emit);
        }
        let models = [
            ("auto", None),
            ("theta", Some(Member::Theta)),
            ("ets", Some(Member::Ets)),
            ("rws", Some(Member::RecentSeason)),
            ("snaive", Some(Member::SeasonalNaive(0))),
        ];
        let note = language.join(&notes).map_or(Value::Null, Value::Text);
        let whole = last_rows(&grid.values, &grid.periods);
        let weights = forecast(whole, &call.task(&grid.periods), stopped)?.weights;
        for (name, only) in models {
            let seasonal = matches!(only, Some(Member::RecentSeason | Member::SeasonalNaive(_)));
            if seasonal && season < 2 {
                continue;
            }
            let task = Task {
                only,
                ..call.task(&grid.periods)
            };
            let mut errors = Errors::default();
            for back in &starts {
                errors.add(&grid.values, n - back, season, &task, stopped)?;
            }
            let mut row = vec![
                key.clone(),
                Value::Text(name.into()),
                Value::Integer(starts.len() as i64),
            ];
            row.extend(errors.columns());
            let weight = weights.iter().find(|(member, _)| Some(*member) == only);
            row.push(weight.map_or(Value::Null, |(_, weight)| Value::Real(*weight)));
            row.push(note.clone());
            emit(row)?;
        }
        Ok(())
    }

    fn nothing(&self, key: &Value, why: Option<String>, rows: &Rows, emit: Emit<'_>) -> Result<()> {
        emit(rows.nothing(&self.0.setting, key, why, BACKTEST.output.len()))
    }
}

/// The errors of one model over all windows.
#[derive(Default)]
struct Errors {
    steps: f64,
    absolute: f64,
    squares: f64,
    relative: f64,
    signed: f64,
    held: f64,
    width: f64,
    /// Relative to the mean change over a season, and of how many steps.
    scaled: (f64, f64),
}

impl Errors {
    /// Foretells the rows from `end` on by those before.
    fn add(
        &mut self,
        values: &[f64],
        end: usize,
        season: usize,
        task: &Task<'_>,
        stopped: Stopped<'_>,
    ) -> Result<()> {
        let before = last_rows(&values[..end], task.periods);
        let found = forecast(before, task, stopped)?;
        let lag = if before.len() > season { season } else { 1 };
        let changes = before.iter().zip(before.iter().skip(lag));
        let changes: Vec<f64> = changes.map(|(a, b)| (b - a).abs()).collect();
        let scale = changes.iter().sum::<f64>() / changes.len().max(1) as f64;
        for (step, y) in values[end..].iter().take(task.horizon).enumerate() {
            let f = found.values[step];
            let error = f - y;
            self.steps += 1.0;
            self.absolute += error.abs();
            self.squares += error * error;
            self.signed += error;
            let size = y.abs() + f.abs();
            if size > 0.0 {
                self.relative += 200.0 * error.abs() / size;
            }
            self.held += f64::from(error.abs() <= found.widths[step]);
            self.width += 2.0 * found.widths[step];
            if scale > 0.0 {
                self.scaled.0 += error.abs() / scale;
                self.scaled.1 += 1.0;
            }
        }
        Ok(())
    }

    /// From `mae` to `width`.
    fn columns(&self) -> [Value; 7] {
        let real = |value: f64| {
            if value.is_finite() {
                Value::Real(value)
            } else {
                Value::Null
            }
        };
        [
            real(self.absolute / self.steps),
            real((self.squares / self.steps).sqrt()),
            real(self.relative / self.steps),
            real(self.scaled.0 / self.scaled.1),
            real(self.signed / self.steps),
            real(self.held / self.steps),
            real(self.width / self.steps),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::DAY;
    use super::*;
    use crate::ValueRef;
    use crate::program::FoldState;

    /// The rows of an answer to rows of `(series, time, value)`, with days as times.
    fn answer<A: Answer>(spec: &str, rows: &[(Option<&str>, Option<i64>, f64)]) -> Vec<Vec<Value>> {
        let mut state = EachSeries::<A>::start(spec).unwrap();
        for (key, day, value) in rows {
            let key = key.map_or(ValueRef::Null, ValueRef::Text);
            let text = day.map(|day| super::super::clock::Clock::Date.show(day * DAY));
            let time = text.as_deref().map_or(ValueRef::Null, ValueRef::Text);
            state.row(&[key, time, ValueRef::Real(*value)]).unwrap();
        }
        let mut found = Vec::new();
        let mut keep = |row| {
            found.push(row);
            Ok(())
        };
        state.finish(&mut keep).unwrap();
        found
    }

    fn ahead(
        rows: &[(Option<&str>, Option<i64>, f64)],
        horizon: i64,
        options: &str,
    ) -> Vec<Vec<Value>> {
        let spec = format!("{{\"horizon\": {horizon}, \"options\": {options}}}");
        answer::<Ahead>(&spec, rows)
    }

    fn days(values: &[f64]) -> Vec<(Option<&'static str>, Option<i64>, f64)> {
        (0..)
            .zip(values)
            .map(|(day, v)| (None, Some(day), *v))
            .collect()
    }

    #[test]
    fn every_length_gets_its_steps() {
        for n in 1..40 {
            let values: Vec<f64> = (0..n).map(|i| f64::from(i * i % 7)).collect();
            for horizon in [1, 2, 14] {
                let found = ahead(&days(&values), horizon, "{}");
                assert_eq!(found.len(), horizon as usize, "{n}");
                for row in &found {
                    for cell in &row[3..6] {
                        assert!(
                            matches!(cell, Value::Real(v) if v.is_finite() && *v >= 0.0),
                            "{n}: {row:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn odd_series_are_rows_with_notes() {
        let nan = f64::NAN;
        let note = |rows: &[(Option<&str>, Option<i64>, f64)]| match ahead(rows, 1, "{}").last() {
            Some(row) => format!("{:?} {:?}", row[3], row[7]),
            None => "nothing".into(),
        };
        assert_eq!(note(&[]), "nothing");
        assert!(note(&days(&[nan, nan])).contains("no value in any row"));
        assert!(note(&[(None, None, 1.0)]).contains("1 row without a time left out; no value"));
        assert_eq!(note(&days(&[5.0; 30])), "Real(5.0) Null");
        let huge = note(&days(&[
            1e308,
            -1e308,
            1e308,
            f64::INFINITY,
            1e308,
            -1e308,
            1e308,
        ]));
        assert!(!huge.contains("NaN") && !huge.contains("inf"), "{huge}");
        let mut far = days(&[1.0, 2.0, 3.0]);
        far.push((None, Some(2_000_000), 4.0));
        assert!(!note(&far).is_empty());
        let mut zeros = vec![0.0; 40];
        zeros[20] = 3.0;
        assert!(note(&days(&zeros)).starts_with("Real("));
    }

    #[test]
    fn series_answer_in_the_order_of_their_keys() {
        let mut rows = Vec::new();
        for day in 0..20 {
            for key in [Some("b"), None, Some("a")] {
                rows.push((key, Some(day), 1.0 + day as f64));
            }
        }
        let found = ahead(&rows, 2, "{}");
        let keys: Vec<&Value> = found.iter().map(|row| &row[0]).collect();
        let text = |key: &str| Value::Text(key.into());
        assert_eq!(
            keys,
            [
                &Value::Null,
                &Value::Null,
                &text("a"),
                &text("a"),
                &text("b"),
                &text("b")
            ]
        );
        let mut turned = rows.clone();
        turned.reverse();
        assert_eq!(found, ahead(&turned, 2, "{}"));
        // As two threads see it.
        let spec = "{\"horizon\": 2, \"options\": {}}";
        let (mut one, mut other) = (
            EachSeries::<Ahead>::start(spec).unwrap(),
            EachSeries::<Ahead>::start(spec).unwrap(),
        );
        for (i, (key, day, value)) in rows.iter().enumerate() {
            let key = key.map_or(ValueRef::Null, ValueRef::Text);
            let text = super::super::clock::Clock::Date.show(day.unwrap() * DAY);
            let row = [key, ValueRef::Text(&text), ValueRef::Real(*value)];
            if i % 3 == 0 {
                one.row(&row)
            } else {
                other.row(&row)
            }
            .unwrap();
        }
        other.merge(&one);
        let mut merged = Vec::new();
        let mut keep = |row| {
            merged.push(row);
            Ok(())
        };
        other.finish(&mut keep).unwrap();
        assert_eq!(merged, found);
    }

    #[test]
    fn options_are_checked() {
        for (options, said) in [
            (
                r#"{"level": 1}"#,
                "level is 1; give a number above 0 and below 1",
            ),
            (
                r#"{"step": "fortnight"}"#,
                "step is \"fortnight\"; give a step like",
            ),
            (r#"{"period": [7, 30, 365]}"#, "period is [7,30,365]; give"),
            (r#"{"period": -1}"#, "period is -1; give"),
            (r#"{"bounds": [2, 1]}"#, "bounds is [2,1]; give"),
            (r#"{"bounds": [1]}"#, "bounds is [1]; give"),
            (r#"{"levle": 1}"#, "unknown option \"levle\""),
        ] {
            let spec = format!("{{\"horizon\": 1, \"options\": {options}}}");
            let refused = Call::parse(&spec, FORECAST_OPTIONS)
                .err()
                .unwrap()
                .to_string();
            assert!(refused.starts_with(said), "{refused}");
        }
        for horizon in [0, -1, 10_001] {
            let spec = format!("{{\"horizon\": {horizon}, \"options\": {{}}}}");
            assert!(Call::parse(&spec, FORECAST_OPTIONS).is_err());
        }
        let values: Vec<f64> = (0..30).map(|i| 10.0 + f64::from(i % 4)).collect();
        let cut = ahead(&days(&values), 1, r#"{"bounds": [11, 12]}"#);
        assert!(
            matches!(&cut[0][4..6], [Value::Real(lo), Value::Real(hi)] if *lo >= 11.0 && *hi <= 12.0)
        );
        let chinese = ahead(&[(None, None, 1.0)], 1, r#"{"lang": "zh"}"#);
        assert_eq!(
            chinese[0][7],
            Value::Text("1 行无时间，已忽略；没有任何数值".into())
        );
    }

    #[test]
    fn a_backtest_measures_each_model() {
        let values: Vec<f64> = (0..70).map(|i| 50.0 + f64::from(i % 7)).collect();
        let found = answer::<Back>("{\"horizon\": 7, \"options\": {}}", &days(&values));
        let models: Vec<&Value> = found.iter().map(|row| &row[1]).collect();
        let text = |name: &str| Value::Text(name.into());
        assert_eq!(
            models,
            [
                &text("auto"),
                &text("theta"),
                &text("ets"),
                &text("rws"),
                &text("snaive")
            ]
        );
        assert!(found.iter().all(|row| row.len() == BACKTEST.output.len()));
        assert_eq!(found[4][3], Value::Real(0.0), "the season comes round");
        let few = answer::<Back>("{\"horizon\": 7, \"options\": {}}", &days(&values[..9]));
        assert!(format!("{:?}", few[0]).contains("9 rows are too few to foretell 7"));
    }
}
