//! Measures how often `lumos_patterns` sees something in noise, and misses what is there, through its fold alone:
//! `patterns_ranking [series]`, 1,000 tables of 200 days of each kind if not said. Takes no data and no engine.

use std::collections::BTreeMap;
use std::process::ExitCode;

use lumos_core::looking::patterns::FOLD;
use lumos_core::series::clock::{Clock, DAY};
use lumos_core::stats::random::Stream;
use lumos_core::stats::special::{normal_below, normal_quantile};
use lumos_core::{Result, Value, ValueRef};

const ROWS: usize = 200;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Numbers without any pattern.
fn noise(kind: &str, chance: &mut Stream) -> Vec<f64> {
    let mut last = 0.0;
    let mut normal = || normal_quantile(chance.draw());
    let mut next = || match kind {
        "normal" => normal(),
        "lognormal" => normal().exp(),
        // Poisson's of a mean of 3: how many exponential waits there are in the time.
        "counts" => {
            let (mut count, mut left) = (-1.0, (-3.0_f64).exp());
            while left < 1.0 {
                left /= normal_below(normal());
                count += 1.0;
            }
            count
        }
        // Student's t of three degrees of freedom.
        "heavy" => {
            let squares: f64 = (0..3).map(|_| normal().powi(2)).sum();
            normal() / (squares / 3.0).sqrt()
        }
        "autoregressive" => {
            last = 0.5 * last + normal();
            last
        }
        _ => {
            last += normal();
            last
        }
    };
    (0..ROWS).map(|_| next()).collect()
}

/// A number, another and a text of each day.
struct Days {
    values: Vec<f64>,
    others: Vec<f64>,
    texts: Vec<String>,
    /// Whether the other is a text that the text settles.
    settled: bool,
}

impl Days {
    fn of(kind: &str, chance: &mut Stream) -> Days {
        Days {
            values: noise(kind, chance),
            others: noise(kind, chance),
            texts: (0..ROWS)
                .map(|_| ["a", "b", "c", "d"][(4.0 * chance.draw()) as usize].to_owned())
                .collect(),
            settled: false,
        }
    }

    /// The kinds of patterns that are told of them, but for the key that the days are.
    fn kinds(&self) -> Result<Vec<String>> {
        let mut state = FOLD.start("{}")?;
        for i in 0..ROWS {
            let text = &self.texts[i];
            let other = if self.settled {
                format!("\"{}\"", if text == "a" { "A" } else { "B" })
            } else {
                self.others[i].to_string()
            };
            let row = format!(
                r#"{{"day":"{}","value":{},"other":{other},"text":"{text}"}}"#,
                Clock::Date.show(19_723 * DAY + i as i64 * DAY),
                self.values[i],
            );
            state.row(&[ValueRef::Text(&row)])?;
        }
        let mut kinds = Vec::new();
        state.finish(&mut |row| {
            if let Some(Value::Text(kind)) = row.get(1)
                && kind != "key"
            {
                kinds.push(kind.clone());
            }
            Ok(())
        })?;
        kinds.sort();
        kinds.dedup();
        Ok(kinds)
    }
}

/// Noise of a kind with a pattern of a kind.
fn planted(of: &str, kind: &str, chance: &mut Stream) -> Days {
    let mut days = Days::of(of, chance);
    match kind {
        "trend" => {
            for (i, value) in days.values.iter_mut().enumerate() {
                *value += 2.0 * i as f64 / ROWS as f64;
            }
        }
        "season" => {
            for (i, value) in days.values.iter_mut().enumerate() {
                *value += 1.5 * f64::from(u8::from(i % 7 >= 5));
            }
        }
        "change" => {
            let at = 50 + (100.0 * chance.draw()) as usize;
            days.values[at..].iter_mut().for_each(|value| *value += 2.0);
        }
        "outliers" => {
            for _ in 0..3 {
                let at = (ROWS as f64 * chance.draw()) as usize;
                days.values[at] += if chance.draw() < 0.5 { -8.0 } else { 8.0 };
            }
        }
        "correlation" => {
            for (other, value) in days.others.iter_mut().zip(&days.values) {
                *other += 0.4 * value;
            }
        }
        // Five rows of eight.
        "dominance" => {
            for text in &mut days.texts {
                if chance.draw() < 0.5 {
                    *text = "a".into();
                }
            }
        }
        _ => days.settled = true,
    }
    days
}

fn run() -> Result<()> {
    let given = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let count: usize = given.unwrap_or(1_000);
    let share = |n: usize| 100.0 * n as f64 / count as f64;
    for kind in [
        "normal",
        "counts",
        "lognormal",
        "heavy",
        "autoregressive",
        "walk",
    ] {
        let mut chance = Stream::new(1, kind);
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        let (mut any, mut other) = (0, 0);
        for _ in 0..count {
            let kinds = Days::of(kind, &mut chance).kinds()?;
            any += usize::from(!kinds.is_empty());
            other += usize::from(kinds.iter().any(|kind| kind != "outliers"));
            for kind in kinds {
                *told.entry(kind).or_default() += 1;
            }
        }
        let shown = told
            .iter()
            .map(|(name, n)| format!("{name} {:.1} %", share(*n)));
        let shown: Vec<String> = shown.collect();
        println!(
            "{kind} noise: {:.1} % with any, {:.1} % but for outliers: {}",
            share(any),
            share(other),
            shown.join(", ")
        );
    }
    for (of, kind) in [
        ("normal", "trend"),
        ("normal", "season"),
        ("normal", "change"),
        ("normal", "outliers"),
        ("normal", "correlation"),
        ("normal", "dominance"),
        ("normal", "dependency"),
        ("lognormal", "trend"),
        ("lognormal", "season"),
        ("lognormal", "change"),
        ("heavy", "season"),
        ("heavy", "change"),
    ] {
        let mut chance = Stream::new(2, kind);
        let mut found = 0;
        for _ in 0..count {
            let kinds = planted(of, kind, &mut chance).kinds()?;
            found += usize::from(kinds.iter().any(|told| told == kind));
        }
        println!(
            "a planted {kind} in {of} noise: {:.1} % found",
            share(found)
        );
    }
    Ok(())
}
