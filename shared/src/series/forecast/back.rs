//! How well the end of each series is foretold.

use super::super::combine::{Forecast, Member, Task, forecast};
use super::super::covariates::Events;
use super::super::grid::Grid;
use super::super::setting::Setting;
use super::super::source::{Answer, Emit, Rows};
use super::{BACKTEST, BACKTEST_OPTIONS, Call, foretell, last_rows};
use crate::program::Stopped;
use crate::{Result, Value};

/// How well the end of each series is foretold.
#[derive(Clone)]
pub struct Back(Call);

impl Answer for Back {
    fn start(spec: &str) -> Result<Self> {
        Call::parse(spec, BACKTEST_OPTIONS).map(Back)
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
        let mut notes = call.notes(grid, rows);
        let n = grid.values.len();
        let season = grid.periods.first().copied().unwrap_or(1);
        let language = call.setting.language;
        let horizon = match call.steps(grid) {
            Ok(horizon) => horizon,
            Err(why) => return self.nothing(key, Some(why), rows, emit),
        };
        // The windows that leave four rows at least to foretell from.
        let starts: Vec<usize> = (0..call.windows)
            .map(|window| horizon + window * call.stride)
            .filter(|back| n >= back + 4)
            .collect();
        let Some(farthest) = starts.last() else {
            let few = language.rows(n);
            let why = language.say(
                format!("{few} are too few to foretell {horizon}"),
                format!("{few}太少，无法回测 {horizon} 步"),
            );
            return self.nothing(key, Some(why), rows, emit);
        };
        let earliest = last_rows(&grid.values[..n - farthest], &grid.periods);
        let from = n - farthest - earliest.len();
        let covariates = match call.covariates(grid, rows, from, 0) {
            Ok(covariates) => covariates,
            Err(why) => return self.nothing(key, Some(why), rows, emit),
        };
        notes.extend_from_slice(&covariates.notes);
        let zeros = grid.values.iter().filter(|x| **x == 0.0).count();
        let negative = grid.values.iter().any(|x| *x < 0.0);
        let rare = !negative && zeros * 10 >= n * 3 || call.only == Some(Member::Croston);
        let models = [
            ("auto", None),
            ("theta", Some(Member::Theta)),
            ("ets", Some(Member::Ets)),
            ("rws", Some(Member::RecentSeason)),
            ("snaive", Some(Member::SeasonalNaive(0))),
            ("croston", Some(Member::Croston)),
        ];
        let note = language.join(&notes).map_or(Value::Null, Value::Text);
        let together = Task {
            only: None,
            ..call.task(grid, horizon)
        };
        let whole = last_rows(&grid.values, &grid.periods);
        let weights = forecast(whole, &together.from(n - whole.len()), stopped)?.weights;
        for (name, only) in models {
            let seasonal = matches!(only, Some(Member::RecentSeason | Member::SeasonalNaive(_)));
            let none = seasonal && season < 2 || only == Some(Member::Croston) && !rare;
            let named = call.model.as_deref();
            if none || named.is_some_and(|named| named != name) {
                continue;
            }
            let task = Task {
                only,
                ..together.clone()
            };
            let mut errors = Errors::default();
            for back in &starts {
                let before = &grid.values[..n - back];
                let after = &grid.values[n - back..][..horizon];
                let found = foretell(before, &covariates, &task, stopped)?;
                let counted = grid.counted().get(n - back..).unwrap_or(&[]);
                errors.add(before, after, counted, &found.forecast, season);
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
        let setting = &self.0.setting;
        setting.refuse(key, why.as_deref())?;
        let columns = BACKTEST.output.len();
        emit(rows.nothing(setting, key, why, columns, columns - 1))
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
    /// Of the rows after others, as they were foretold: those that count.
    fn add(
        &mut self,
        before: &[f64],
        after: &[f64],
        counted: &[bool],
        found: &Forecast,
        season: usize,
    ) {
        let lag = if before.len() > season { season } else { 1 };
        let changes = before.iter().zip(before.iter().skip(lag));
        let changes: Vec<f64> = changes.map(|(a, b)| (b - a).abs()).collect();
        let scale = changes.iter().sum::<f64>() / changes.len().max(1) as f64;
        for (step, y) in after.iter().enumerate() {
            if counted.get(step) == Some(&false) {
                continue;
            }
            let f = found.values[step];
            let (low, high) = found.interval(step);
            let error = f - y;
            self.steps += 1.0;
            self.absolute += error.abs();
            self.squares += error * error;
            self.signed += error;
            let size = y.abs() + f.abs();
            if size > 0.0 {
                self.relative += 200.0 * error.abs() / size;
            }
            self.held += f64::from((low..=high).contains(y));
            self.width += high - low;
            if scale > 0.0 {
                self.scaled.0 += error.abs() / scale;
                self.scaled.1 += 1.0;
            }
        }
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
