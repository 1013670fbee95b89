//! `lumos_decompose` and `lumos_seasons`: the rows of series into trend, season and rest, and into the seasons that they
//! have.

use super::covariates::{Covariates, Events, listed};
use super::grid::Grid;
use super::season::{Season, seasonal, without_seasons};
use super::select::{BY, HOLIDAYS, TIME, VALUE, select, select_with_roles};
use super::setting::{AGG, END, GAPS, MIN_ROWS, ON_ERROR, PERIOD, START, STEP, Setting, TZ};
use super::source::{
    Answer, EachSeries, Emit, INPUT, INPUT_WITH_ROLES, PARTS, PARTS_WITH_ROLES, Rows,
};
use super::words::LANG;
use crate::options::{OptionDef, Options};
use crate::program::{Database, Fold, Program, Stopped, check};
use crate::{Result, Type, Value};

/// The options of seasons.
pub const SEASONS_OPTIONS: &[OptionDef] = &[
    TIME, VALUE, BY, AGG, STEP, GAPS, PERIOD, TZ, START, END, MIN_ROWS, ON_ERROR, LANG,
];
/// The options of parts.
pub const DECOMPOSE_OPTIONS: &[OptionDef] = &[
    TIME, VALUE, BY, AGG, STEP, GAPS, PERIOD, TZ, START, END, MIN_ROWS, ON_ERROR, HOLIDAYS, LANG,
];

/// A row of the grid of each series: trend, season, event and rest add up to the value.
pub const DECOMPOSE: Fold = Fold::new::<EachSeries<Parts>>(
    "decompose",
    INPUT_WITH_ROLES,
    &[
        ("series", Type::Text),
        ("ts", Type::Time),
        ("value", Type::Real),
        ("trend", Type::Real),
        ("season", Type::Real),
        ("event", Type::Real),
        ("rest", Type::Real),
        ("note", Type::Text),
    ],
)
.in_parts(PARTS_WITH_ROLES);

/// A row for each season that a series may have.
pub const SEASONS: Fold = Fold::new::<EachSeries<Seasons>>(
    "seasons",
    INPUT,
    &[
        ("series", Type::Text),
        ("period", Type::Integer),
        ("name", Type::Text),
        ("strength", Type::Real),
        ("p", Type::Real),
        ("step", Type::Text),
        ("note", Type::Text),
    ],
)
.in_parts(PARTS);

/// Writes the program of the parts. Errors if an option is wrong, or as [`select_with_roles`].
pub fn decompose(text: &str, options: Option<&str>, database: &dyn Database) -> Result<Program> {
    let given = Options::parse(DECOMPOSE_OPTIONS, options)?;
    Setting::of(&given)?;
    listed(&given, true)?;
    Ok(Program {
        read: select_with_roles(text, &given, database)?,
        parameters: Vec::new(),
        spec: options.unwrap_or("{}").to_owned(),
    })
}

/// Writes the program of the seasons. Errors if an option is wrong, or as [`select`].
pub fn seasons(text: &str, options: Option<&str>, database: &dyn Database) -> Result<Program> {
    let given = Options::parse(SEASONS_OPTIONS, options)?;
    Setting::of(&given)?;
    Ok(Program {
        read: select(text, &given, database)?,
        parameters: Vec::new(),
        spec: options.unwrap_or("{}").to_owned(),
    })
}

/// A series in parts, with its events.
#[derive(Clone)]
struct Parts(Setting, Events);

impl Answer for Parts {
    fn start(spec: &str) -> Result<Self> {
        let options = Options::parse(DECOMPOSE_OPTIONS, Some(spec))?;
        Ok(Parts(Setting::of(&options)?, listed(&options, true)?))
    }

    fn setting(&self) -> &Setting {
        &self.0
    }

    fn know(&mut self, events: &Events) {
        self.1.extend(events.iter().cloned());
    }

    fn nothing(&self, key: &Value, why: Option<String>, rows: &Rows, emit: Emit<'_>) -> Result<()> {
        self.0.refuse(key, why.as_deref())?;
        let columns = DECOMPOSE.output.len();
        emit(rows.nothing(&self.0, key, why, columns, columns - 1))
    }

    fn series(
        &self,
        key: &Value,
        grid: &Grid,
        rows: &Rows,
        stopped: Stopped<'_>,
        emit: Emit<'_>,
    ) -> Result<()> {
        let language = self.0.language;
        let n = grid.values.len();
        let given = self.0.preparation.periods.is_some();
        let covariates = match Covariates::of(grid, 0, 0, &self.1, &[], language) {
            Ok(covariates) => covariates,
            Err(why) => return self.nothing(key, Some(why), rows, emit),
        };
        let season = grid.periods.first().copied().unwrap_or(1);
        let effect = covariates.effect(0, &grid.values, season);
        let event = |row: usize| effect.events.get(row).copied().unwrap_or(0.0);
        let plain = grid.values.iter().enumerate();
        let plain: Vec<f64> = plain.map(|(row, value)| value - event(row)).collect();
        let (seasons, level) = without_seasons(&plain, &grid.periods, given);
        let used: Vec<usize> = seasons.iter().map(|s| s.factors.len()).collect();
        let longest = used.last().copied().unwrap_or(7);
        let trend = smoothed(&level, (3 * longest / 2).max(7) | 1, stopped)?;
        let mut notes = rows.notes(language);
        let shown: Vec<String> = used.iter().map(usize::to_string).collect();
        notes.push(if used.is_empty() {
            language.say("no season", "无季节")
        } else {
            let periods = shown.join(", ");
            language.say(
                format!("season of {periods} rows"),
                format!("季节周期 {periods} 行"),
            )
        });
        notes.extend_from_slice(&covariates.notes);
        if !self.1.is_empty() && effect.used.is_empty() {
            notes.push(language.say("no clear effect of holidays", "节假日没有明显影响"));
        }
        let note = language.join(&notes).map_or(Value::Null, Value::Text);
        for row in 0..n {
            let (value, level, trend) = (grid.values[row], level[row], trend[row]);
            let real = |x: f64| {
                if x.is_finite() {
                    Value::Real(x)
                } else {
                    Value::Null
                }
            };
            let there = |x: f64| {
                if grid.given[row] {
                    real(x)
                } else {
                    Value::Null
                }
            };
            let time = grid.time(row);
            emit(vec![
                key.clone(),
                time.map_or(Value::Null, |time| grid.clock.write(time)),
                there(value),
                real(trend),
                real(plain[row] - level),
                real(event(row)),
                there(level - trend),
                note.clone(),
            ])?;
        }
        Ok(())
    }
}

/// The line through the nearest rows of each, which weigh less the farther they are (LOESS: Cleveland 1979). `span` is odd.
fn smoothed(values: &[f64], span: usize, stopped: Stopped<'_>) -> Result<Vec<f64>> {
    let n = values.len();
    let span = span.min(n);
    let mut found = Vec::with_capacity(n);
    for row in 0..n {
        if row % 1_024 == 0 {
            check(stopped)?;
        }
        let first = row.saturating_sub(span / 2).min(n - span);
        let far = (row - first).max(first + span - 1 - row) as f64 + 1.0;
        let (mut weights, mut sx, mut sy, mut sxx, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (i, y) in values[first..first + span].iter().enumerate() {
            let x = (first + i) as f64 - row as f64;
            let near = 1.0 - (x.abs() / far) * (x.abs() / far) * (x.abs() / far);
            let w = near * near * near;
            weights += w;
            sx += w * x;
            sy += w * y;
            sxx += w * x * x;
            sxy += w * x * y;
        }
        let spread = weights * sxx - sx * sx;
        found.push(if spread > 1e-9 * weights * sxx {
            (sxx * sy - sx * sxy) / spread
        } else {
            sy / weights
        });
    }
    Ok(found)
}

/// The seasons of a series.
#[derive(Clone)]
struct Seasons(Setting);

impl Answer for Seasons {
    fn start(spec: &str) -> Result<Self> {
        Setting::of(&Options::parse(SEASONS_OPTIONS, Some(spec))?).map(Seasons)
    }

    fn setting(&self) -> &Setting {
        &self.0
    }

    fn nothing(&self, key: &Value, why: Option<String>, rows: &Rows, emit: Emit<'_>) -> Result<()> {
        self.0.refuse(key, why.as_deref())?;
        let columns = SEASONS.output.len();
        emit(rows.nothing(&self.0, key, why, columns, columns - 1))
    }

    fn series(
        &self,
        key: &Value,
        grid: &Grid,
        rows: &Rows,
        stopped: Stopped<'_>,
        emit: Emit<'_>,
    ) -> Result<()> {
        let language = self.0.language;
        let n = grid.values.len();
        let periods = match &self.0.preparation.periods {
            Some(periods) => periods.clone(),
            None => grid.candidates(),
        };
        let step = grid.step.show(grid.clock);
        for period in periods.into_iter().filter(|p| *p > 1) {
            check(stopped)?;
            let p = seasonal(&grid.values, period);
            let mut notes = rows.notes(language);
            let strength = if p.is_some() {
                Value::Real(strength(&grid.values, period))
            } else {
                let few = language.rows(n);
                notes.push(language.say(
                    format!("{few} are too few for a season of {period}"),
                    format!("{few}太少，无法判断周期 {period}"),
                ));
                Value::Null
            };
            emit(vec![
                key.clone(),
                Value::Integer(period as i64),
                grid.season_name(period)
                    .map_or(Value::Null, |name| Value::Text(name.into())),
                strength,
                p.map_or(Value::Null, Value::Real),
                Value::Text(step.clone()),
                language.join(&notes).map_or(Value::Null, Value::Text),
            ])?;
        }
        Ok(())
    }
}

/// The share of what varies around the level that the season explains, from 0 to 1 (Wang, Smith and Hyndman 2006).
fn strength(values: &[f64], period: usize) -> f64 {
    let season = Season::of(values, period, 1.0, false);
    let trend = super::season::moving_average(values, period);
    let first = period / 2;
    let detrended = trend.iter().zip(first..).map(|(level, row)| {
        let around = values[row] - level;
        (around, season.remove(around, row))
    });
    let (around, rest): (Vec<f64>, Vec<f64>) = detrended.unzip();
    let variance = |list: &[f64]| {
        let mean = list.iter().sum::<f64>() / list.len() as f64;
        list.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>()
    };
    let whole = variance(&around);
    if whole > 0.0 {
        (1.0 - variance(&rest) / whole).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ValueRef;
    use crate::program::rows_of;

    fn answer(fold: &Fold, spec: &str, rows: &[(i64, f64)]) -> Vec<Vec<Value>> {
        let mut state = fold.start(spec).unwrap();
        for (day, value) in rows {
            let time = super::super::clock::Clock::Date.show(day * super::super::clock::DAY);
            let row = [
                ValueRef::Null,
                ValueRef::Text(&time),
                ValueRef::Real(*value),
                ValueRef::Null,
            ];
            state.row(&row[..fold.input.len()]).unwrap();
        }
        rows_of(|emit| state.finish(emit)).unwrap()
    }

    fn real(value: &Value) -> f64 {
        match value {
            Value::Real(v) => *v,
            other => panic!("{other:?} is no number"),
        }
    }

    /// A slope with a weekly wave.
    fn days(n: i64) -> Vec<(i64, f64)> {
        let value = |i: i64| i as f64 + [0.0, 3.0, 5.0, 2.0, -1.0, -4.0, -5.0][(i % 7) as usize];
        (0..n).map(|i| (i, value(i) - 20.0)).collect()
    }

    #[test]
    fn parts_add_up_to_the_value() {
        let mut rows = days(70);
        rows.remove(30);
        let found = answer(&DECOMPOSE, "{}", &rows);
        assert_eq!(found.len(), 70);
        for (i, row) in found.iter().enumerate() {
            assert!((real(&row[3]) - (i as f64 - 20.0)).abs() < 1.0, "{row:?}");
            if i == 30 {
                assert_eq!((&row[2], &row[6]), (&Value::Null, &Value::Null));
                continue;
            }
            let sum = real(&row[3]) + real(&row[4]) + real(&row[5]) + real(&row[6]);
            assert!((sum - real(&row[2])).abs() < 1e-9, "{row:?}");
        }
        assert_eq!(found[0][7], Value::Text("season of 7 rows".into()));
        // Without a season, of one row, and of none.
        let line: Vec<(i64, f64)> = (0..40).map(|i| (i, i as f64)).collect();
        let found = answer(&DECOMPOSE, r#"{"lang": "zh"}"#, &line);
        assert!(
            found
                .iter()
                .all(|row| row[4] == Value::Real(0.0) && row[7] == Value::Text("无季节".into()))
        );
        assert!(found.iter().all(|row| real(&row[6]).abs() < 1e-9));
        let found = answer(&DECOMPOSE, "{}", &[(3, 5.0)]);
        assert_eq!(
            found[0][2..7],
            [
                Value::Real(5.0),
                Value::Real(5.0),
                Value::Real(0.0),
                Value::Real(0.0),
                Value::Real(0.0)
            ]
        );
        assert!(answer(&DECOMPOSE, "{}", &[]).is_empty());
    }

    #[test]
    fn events_are_a_part() {
        let mut rows = days(70);
        for day in [10, 33, 52] {
            rows[day].1 += 60.0;
        }
        let holidays = r#"{"holidays": ["1970-01-11", "1970-02-03", "1970-02-22"]}"#;
        let found = answer(&DECOMPOSE, holidays, &rows);
        assert!((real(&found[33][5]) - 60.0).abs() < 5.0, "{:?}", found[33]);
        assert!(real(&found[33][6]).abs() < 5.0 && real(&found[40][5]).abs() < 1e-9);
        let none = answer(&DECOMPOSE, r#"{"holidays": ["1970-01-20"]}"#, &days(70));
        assert_eq!(
            none[0][7],
            Value::Text("season of 7 rows; no clear effect of holidays".into())
        );
    }

    #[test]
    fn seasons_are_named_and_measured() {
        let found = answer(&SEASONS, "{}", &days(70));
        let week = found
            .iter()
            .find(|row| row[1] == Value::Integer(7))
            .unwrap();
        assert_eq!(week[2], Value::Text("week".into()));
        assert!(real(&week[3]) > 0.99 && real(&week[4]) < 0.01, "{week:?}");
        assert_eq!(week[5], Value::Text("1 day".into()));
        let year = found
            .iter()
            .find(|row| row[1] == Value::Integer(365))
            .unwrap();
        assert_eq!(
            year[2..5],
            [Value::Text("year".into()), Value::Null, Value::Null]
        );
        assert_eq!(
            year[6],
            Value::Text("70 rows are too few for a season of 365".into())
        );
        let chosen = answer(&SEASONS, r#"{"period": 5}"#, &days(70));
        assert_eq!(chosen.len(), 1);
        assert!(real(&chosen[0][3]) < 0.5);
        assert!(answer(&SEASONS, r#"{"period": 0}"#, &days(70)).is_empty());
    }
}
