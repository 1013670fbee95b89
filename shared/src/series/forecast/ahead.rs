//! What comes next in each series.

use serde_json::Value as Json;

use super::super::combine::{Forecast, Member, Task};
use super::super::covariates::Events;
use super::super::grid::Grid;
use super::super::season::without_seasons;
use super::super::setting::Setting;
use super::super::source::{Answer, Emit, Rows};
use super::{Call, FORECAST, FORECAST_OPTIONS, Foretold, NOTE, foretell, last_rows};
use crate::program::Stopped;
use crate::{Result, Value};

/// What comes next in each series.
#[derive(Clone)]
pub struct Ahead(Call);

impl Answer for Ahead {
    fn start(spec: &str) -> Result<Self> {
        Call::parse(spec, FORECAST_OPTIONS).map(Ahead)
    }

    fn setting(&self) -> &Setting {
        &self.0.setting
    }

    fn know(&mut self, events: &Events) {
        self.0.know(events);
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
        let language = call.setting.language;
        let n = grid.values.len();
        let values = last_rows(&grid.values, &grid.periods);
        let horizon = match call.steps(grid) {
            Ok(horizon) => horizon,
            Err(why) => return self.nothing(key, Some(why), rows, emit),
        };
        let covariates = match call.covariates(grid, rows, n - values.len(), horizon) {
            Ok(covariates) => covariates,
            Err(why) => return self.nothing(key, Some(why), rows, emit),
        };
        let mut task = call.task(grid, horizon);
        let mut notes = call.notes(grid, rows);
        if values.len() < n {
            let rows = language.rows(values.len());
            notes.push(language.say(
                format!("foretold from the last {rows}"),
                format!("仅用最后 {rows}预测"),
            ));
        }
        let negative = values.iter().any(|x| *x < 0.0);
        if negative && task.only == Some(Member::Croston) {
            task.only = None;
            notes.push(language.say(
                "croston needs values from 0 on, so all models are used",
                "croston 要求数值不小于 0，因此使用了全部模型",
            ));
        }
        let found = foretell(&grid.values, &covariates, &task, stopped)?;
        let mut others = Vec::new();
        for level in call.levels.iter().skip(1) {
            let task = Task {
                level: *level,
                ..task.clone()
            };
            others.push(foretell(&grid.values, &covariates, &task, stopped)?.forecast);
        }
        notes.extend_from_slice(&covariates.notes);
        for name in &found.effect.unused {
            notes.push(language.say(
                format!("no clear effect of \"{name}\""),
                format!("“{name}”没有明显影响"),
            ));
        }
        let note = language.join(&notes).map_or(Value::Null, Value::Text);
        if call.history {
            history(key, grid, &note, emit)?;
        }
        let floor = if negative { f64::NEG_INFINITY } else { 0.0 };
        let (low, high) = call.bounds.unwrap_or((floor, f64::INFINITY));
        let model = described(&found.forecast, &found.plain, &found.effect.used);
        let components = call.components.then(|| components(&found, grid, call));
        for step in 0..horizon {
            let real = |value: f64| {
                let value = value.clamp(low, high);
                // A sum beyond the range of numbers is not known.
                if value.is_finite() {
                    Value::Real(value)
                } else {
                    Value::Null
                }
            };
            let (from, to) = found.forecast.interval(step);
            let time = grid.time(n + step);
            let parts = components.as_ref().and_then(|parts| parts.get(step));
            emit(vec![
                key.clone(),
                Value::Integer(step as i64 + 1),
                time.map_or(Value::Null, |time| grid.clock.write(time)),
                real(found.forecast.values[step]),
                real(from),
                real(to),
                Value::Text(model.clone()),
                note.clone(),
                parts.map_or(Value::Null, |parts| Value::Text(parts.clone())),
                if others.is_empty() {
                    Value::Null
                } else {
                    let all = std::iter::once(&found.forecast).chain(&others);
                    let ends = all.map(|of| of.interval(step));
                    let ends = ends.map(|(from, to)| [from.clamp(low, high), to.clamp(low, high)]);
                    let named = call.levels.iter().zip(ends);
                    let named =
                        named.map(|(level, ends)| (level.to_string(), Json::from(ends.to_vec())));
                    Value::Text(Json::Object(named.collect()).to_string())
                },
            ])?;
        }
        Ok(())
    }

    fn nothing(&self, key: &Value, why: Option<String>, rows: &Rows, emit: Emit<'_>) -> Result<()> {
        let setting = &self.0.setting;
        setting.refuse(key, why.as_deref())?;
        emit(rows.nothing(setting, key, why, FORECAST.output.len(), NOTE))
    }
}

/// The rows of the past.
fn history(key: &Value, grid: &Grid, note: &Value, emit: Emit<'_>) -> Result<()> {
    let n = grid.values.len();
    for (row, value) in grid.values.iter().enumerate() {
        let time = grid.time(row);
        emit(vec![
            key.clone(),
            Value::Integer(row as i64 + 1 - n as i64),
            time.map_or(Value::Null, |time| grid.clock.write(time)),
            if grid.given[row] {
                Value::Real(*value)
            } else {
                Value::Null
            },
            Value::Null,
            Value::Null,
            Value::Null,
            note.clone(),
            Value::Null,
            Value::Null,
        ])?;
    }
    Ok(())
}

/// What each value ahead is made of, as JSON.
fn components(found: &Foretold, grid: &Grid, call: &Call) -> Vec<String> {
    let given = call.setting.preparation.periods.is_some();
    let (seasons, _) = without_seasons(&found.plain, &grid.periods, given);
    let rows = found.forecast.values.iter().enumerate();
    rows.map(|(step, value)| {
        let (events, columns) = found.adds(step);
        let plain = value - events - columns;
        let trend = seasons.iter().fold(plain, |level, season| {
            season.remove(level, found.plain.len() + step)
        });
        let number = |x: f64| Json::from(x).to_string();
        let mut parts = format!(
            "{{\"trend\":{},\"season\":{}",
            number(trend),
            number(plain - trend)
        );
        if !call.events.is_empty() {
            parts.push_str(&format!(",\"holidays\":{}", number(events)));
        }
        if !call.columns.is_empty() {
            parts.push_str(&format!(",\"x\":{}", number(columns)));
        }
        parts + "}"
    })
    .collect()
}

/// The members with their weights, like `0.41 theta + 0.33 ETS(M,A,M) + 0.26 rws`.
fn described(found: &Forecast, values: &[f64], used: &[String]) -> String {
    let name = |member: &Member| match (member, &found.form) {
        (Member::Ets, Some(form)) => form.clone(),
        (member, _) => member.name().to_owned(),
    };
    let models = match found.weights.as_slice() {
        [] if values.iter().all(|x| *x == values[0]) => "constant".into(),
        [] => "damped drift".into(),
        [(only, _)] => name(only),
        parts => {
            let parts: Vec<String> = parts
                .iter()
                .map(|(member, weight)| format!("{weight:.2} {}", name(member)))
                .collect();
            parts.join(" + ")
        }
    };
    if used.is_empty() {
        models
    } else {
        format!("{models} with {}", used.join(", "))
    }
}
