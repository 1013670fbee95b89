//! Where each series changes.

use super::super::change::{self, Line, Search};
use super::super::grid::Grid;
use super::super::setting::Setting;
use super::super::source::{Answer, Emit, Rows};
use super::super::words::number;
use super::{CHANGE_OPTIONS, CHANGEPOINTS, Call, left_out, nothing, real, time};
use crate::program::Stopped;
use crate::stats::tails::f_above;
use crate::{Result, Value};

/// Where each series changes.
#[derive(Clone)]
pub struct Change(Call);

impl Answer for Change {
    fn start(spec: &str) -> Result<Self> {
        Call::parse(spec, CHANGE_OPTIONS).map(Change)
    }

    fn setting(&self) -> &Setting {
        &self.0.setting
    }

    fn nothing(&self, key: &Value, why: Option<String>, _: &Rows, emit: Emit<'_>) -> Result<()> {
        self.0.setting.refuse(key, why.as_deref())?;
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
        let rows_of_counted = grid.counted().iter().enumerate().filter(|row| *row.1);
        // Empty if all rows count, each of which is a value then.
        let at: Vec<usize> = rows_of_counted.map(|(row, _)| row).collect();
        let row_of = |value: usize| at.get(value).copied().unwrap_or(value);
        let counted: Vec<f64> = at.iter().map(|row| grid.values[*row]).collect();
        let values = if at.is_empty() {
            &grid.values
        } else {
            &counted
        };
        left_out(
            key,
            rows,
            call.setting.language,
            CHANGEPOINTS.output.len(),
            emit,
        )?;
        let begins = change::changes(values, &at, search, stopped)?;
        let lines = change::lines(values, &at, &begins);
        let floor = change::floor(values);
        let mut found = Vec::new();
        for pair in lines.windows(2) {
            let [(rows, before), (next, after)] = pair else {
                continue;
            };
            let both = rows.start..next.end;
            let whole = change::line(&values[both.clone()], at.get(both).unwrap_or(&[]));
            let cost =
                |line: &Line, n: usize| n as f64 * libm::log((line.rest / n as f64).max(floor));
            let (n, m) = (rows.len(), next.len());
            let gain = cost(&whole, n + m) - cost(before, n) - cost(after, m);
            let gain = gain / libm::log(values.len() as f64);
            let kind = kind(n, before, m, after);
            if kind == "level" || call.options.text("kind") != Some("level") {
                found.push((pair, whole, gain, kind));
            }
        }
        if let Some(most) = call.options.integer("max") {
            // The first of equals.
            found.sort_by(|a, b| b.2.total_cmp(&a.2));
            found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            found.sort_by_key(|(pair, ..)| pair[0].0.start);
        }
        for (pair, whole, gain, kind) in found {
            let [(rows, before), (next, after)] = pair else {
                continue;
            };
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
                time(grid, row_of(next.start)),
                Value::Integer(row_of(next.start) as i64 + 1),
                Value::Text(kind.into()),
                real(before.last),
                real(after.first),
                real(gain),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ValueRef;
    use crate::program::rows_of;

    fn changes(values: &[f64], options: &str) -> Vec<Vec<Value>> {
        let mut state = CHANGEPOINTS.start(options).unwrap();
        for (i, value) in (0..).zip(values) {
            let row = [ValueRef::Null, ValueRef::Integer(i), ValueRef::Real(*value)];
            state.row(&row).unwrap();
        }
        rows_of(|emit| state.finish(emit)).unwrap()
    }

    #[test]
    fn the_greatest_changes_and_those_of_a_kind() {
        let level = |i: i32| match i {
            0..50 => 0.0,
            50..100 => 30.0,
            100..150 => 80.0,
            _ => 80.0 + 2.0 * f64::from(i - 150),
        };
        let values: Vec<f64> = (0..200)
            .map(|i| level(i) + f64::from(i * 7 % 5) / 2.0)
            .collect();
        let rows = |options: &str| -> Vec<i64> {
            let found = changes(&values, options);
            let row = |row: &Vec<Value>| match row[2] {
                Value::Integer(row) => row,
                _ => 0,
            };
            found.iter().map(row).collect()
        };
        let all = rows(r#"{"penalty": 1}"#);
        assert!(all.len() >= 3, "{all:?}");
        let two = rows(r#"{"penalty": 1, "max": 2}"#);
        assert!(two.len() == 2 && two.iter().all(|row| all.contains(row)) && two[0] < two[1]);
        let levels = changes(&values, r#"{"penalty": 1, "kind": "level"}"#);
        assert!(!levels.is_empty() && levels.len() < all.len());
        for row in &levels {
            assert_eq!(row[3], Value::Text("level".into()));
            assert!(matches!(row[6], Value::Real(gain) if gain > 3.0), "{row:?}");
        }
    }
}
