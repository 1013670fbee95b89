//! Measures what the functions of series cost, rows in and rows out, in seconds of one thread's processor time; and counts
//! the series that are lost of 5,000 odd ones. Takes no data.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use lumos_core::program::Fold;
use lumos_core::series::clock::{Clock, DAY};
use lumos_core::series::{forecast, judged};
use lumos_core::{Result, Value, ValueRef};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Numbers that look random, the same ones in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    /// Nearly normal, of variance 1.
    fn noise(&mut self) -> f64 {
        let sum: u64 = (0..12).map(|_| self.next(1_000_001)).sum();
        sum as f64 / 1e6 - 6.0
    }
}

/// The processor time of this thread where Linux tells it, else the time of a clock.
fn seconds(begun: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| begun.elapsed().as_secs_f64(), |n| n / 1e9)
}

/// A source of so many series of so many months or days, with a yearly or weekly wave, a slope and noise.
fn rows(series: usize, length: usize, monthly: bool) -> Vec<(String, String, f64)> {
    let mut chance = Chance(1);
    let mut rows = Vec::with_capacity(series * length);
    for one in 0..series {
        for i in 0..length {
            let period = if monthly { 12 } else { 7 };
            let phase = (i % period) as f64 / period as f64;
            let value = 100.0
                + 0.3 * i as f64
                + 20.0 * (std::f64::consts::TAU * phase).sin()
                + 5.0 * chance.noise();
            let time = if monthly {
                format!("{:04}-{:02}-01", 1950 + i / 12, i % 12 + 1)
            } else {
                Clock::Date.show(i as i64 * DAY)
            };
            rows.push((format!("series {one}"), time, value));
        }
    }
    rows
}

/// Folds the rows; the rows of the answer.
fn fold(fold: &Fold, spec: &str, rows: &[(String, String, f64)]) -> Result<Vec<Vec<Value>>> {
    let mut state = fold.start(spec)?;
    for (key, time, value) in rows {
        state.row(&[
            ValueRef::Text(key),
            ValueRef::Text(time),
            ValueRef::Real(*value),
        ])?;
    }
    let mut found = Vec::new();
    state.finish(&mut |row| {
        found.push(row);
        Ok(())
    })?;
    Ok(found)
}

fn run() -> Result<()> {
    const AHEAD: &str = r#"{"horizon": 12, "options": {}}"#;
    let begun = Instant::now();
    let measure = |what: &str, of: &Fold, spec: &str, rows: &[(String, String, f64)]| {
        let from = seconds(begun);
        let found = fold(of, spec, rows)?;
        let took = seconds(begun) - from;
        println!("{what}: {took:.2} s, {} rows of answer", found.len());
        Ok(found.len())
    };
    let monthly = rows(1_000, 200, true);
    measure(
        "forecast of 1,000 x 200 months",
        &forecast::FORECAST,
        AHEAD,
        &monthly,
    )?;
    measure(
        "backtest of 100 of them",
        &forecast::BACKTEST,
        AHEAD,
        &monthly[..20_000],
    )?;
    measure(
        "forecast of 20,000 x 20 days",
        &forecast::FORECAST,
        AHEAD,
        &rows(20_000, 20, false),
    )?;
    let days = rows(1, 1_000_000, false);
    measure(
        "anomalies of 1,000,000 days",
        &judged::ANOMALIES,
        "{}",
        &days,
    )?;
    measure(
        "changes of 1,000,000 days",
        &judged::CHANGEPOINTS,
        "{}",
        &days,
    )?;
    measure(
        "forecast of 1,000,000 days",
        &forecast::FORECAST,
        AHEAD,
        &days,
    )?;
    lost()
}

/// Of 5,000 series that are short, constant, huge, tiny, full of holes, or several of these.
fn lost() -> Result<()> {
    let mut chance = Chance(2);
    let (mut rows, mut keys) = (Vec::new(), BTreeSet::new());
    for series in 0..5_000 {
        let n = 1 + chance.next(60);
        let kind = chance.next(10);
        let key = format!("{kind} {series}");
        for i in 0..n {
            let value = match kind {
                0 => 5.0,
                1 => 0.0,
                2 => chance.noise(),
                3 => [f64::NAN, 1e308, -1e308, f64::INFINITY, 3.0][chance.next(5) as usize],
                4 => f64::from(u8::from(chance.next(10) == 0)),
                5 => 1e-300 * chance.next(9) as f64,
                6 => (i % 7) as f64 + 1e15,
                7 => f64::NAN,
                8 => (i * i) as f64,
                _ => chance.noise().exp() * 100.0,
            };
            let day = i as i64 + if chance.next(9) == 0 { 3 } else { 0 };
            rows.push((key.clone(), Clock::Date.show(day * DAY), value));
        }
        keys.insert(key);
    }
    let found = fold(
        &forecast::FORECAST,
        r#"{"horizon": 5, "options": {}}"#,
        &rows,
    )?;
    let (mut answered, mut odd) = (BTreeSet::new(), 0);
    for row in &found {
        if let Some(Value::Text(key)) = row.first() {
            answered.insert(key.clone());
        }
        let numbers = row.iter().filter_map(|cell| match cell {
            Value::Real(v) => Some(*v),
            _ => None,
        });
        odd += numbers.filter(|v| !v.is_finite()).count();
    }
    println!(
        "lost of {} odd series: {}; {odd} numbers that are none",
        keys.len(),
        keys.difference(&answered).count()
    );
    Ok(())
}
