//! Measures forecasts, anomalies and change points: `series_ranking <folder>`, which has `m3.csv`, `nab.csv` (unpacked),
//! `nab_windows.json` and `tcpd.json`, and perhaps `m1.csv` and `tourism.csv` of `bench/series_data.py`. Scores as the
//! benchmarks define them: OWA of the M4 competition, the standard profile of the Numenta Anomaly Benchmark, F1 and cover
//! of the Turing Change Point Dataset.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use lumos_core::ValueRef;
use lumos_core::series::change::{Search, changes};
use lumos_core::series::clock::{Clock, SECOND};
use lumos_core::series::combine::{Task, forecast};
use lumos_core::series::season::{Season, is_seasonal};
use lumos_core::series::surprise::{Direction, Judgement, Least, Quiet, judge};
use serde_json::Value as Json;

type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let folder = std::env::args().nth(1).unwrap_or_default();
    let folder = Path::new(&folder);
    let held_out = ["M1", "Tourism"]
        .into_iter()
        .filter(|set| folder.join(file(set)).exists());
    let competitions = ["M3"].into_iter().chain(held_out);
    let mut all: Vec<Outcome> = competitions.map(|set| forecasts(folder, set)).collect();
    all.extend([anomalies(folder), change_points(folder)]);
    let mut code = ExitCode::SUCCESS;
    for failed in all.into_iter().filter_map(Outcome::err) {
        eprintln!("{failed}");
        code = ExitCode::FAILURE;
    }
    code
}

/// The file of a competition's series.
fn file(competition: &str) -> String {
    format!("{}.csv", competition.to_lowercase())
}

fn read(folder: &Path, name: &str) -> Result<String, String> {
    let path = folder.join(name);
    std::fs::read_to_string(&path).map_err(|reason| format!("{}: {reason}", path.display()))
}

fn numbers(text: &str) -> Result<Vec<f64>, String> {
    let read = text
        .split(';')
        .map(|x| x.parse().map_err(|_| format!("{x} is no number")));
    read.collect()
}

/// Sums over the series of a kind.
#[derive(Default)]
struct Scores {
    series: f64,
    smape: f64,
    naive_smape: f64,
    scaled: f64,
    mase: f64,
    naive_mase: f64,
    held: f64,
    msis: f64,
}

fn forecasts(folder: &Path, competition: &str) -> Outcome {
    const LEVEL: f64 = 0.95;
    let text = read(folder, &file(competition))?;
    let mut kinds: BTreeMap<String, Scores> = BTreeMap::new();
    let begun = Instant::now();
    let mut busy = begun.elapsed();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [_, kind, period, horizon, train, test] = fields.as_slice() else {
            return Err(format!("{}: {line}", file(competition)));
        };
        let period: usize = period.parse().map_err(|_| line.to_owned())?;
        let horizon: usize = horizon.parse().map_err(|_| line.to_owned())?;
        let (train, test) = (numbers(train)?, numbers(test)?);
        let periods = [period];
        let from = begun.elapsed();
        let found = forecast(
            &train,
            &Task {
                horizon,
                periods: if period > 1 { &periods } else { &[] },
                counted: &[],
                only: None,
                level: LEVEL,
            },
            &|| false,
        )
        .map_err(|e| e.to_string())?;
        busy += begun.elapsed() - from;
        let n = train.len();
        let last = train[n - 1];
        let naive: Vec<f64> = if is_seasonal(&train, period) {
            let season = Season::of(&train, period, 1.0, true);
            let level = season.remove(last, n - 1);
            (0..horizon)
                .map(|step| season.restore(level, n + step))
                .collect()
        } else {
            vec![last; horizon]
        };
        let lag = if n > period { period } else { 1 };
        let scale = (lag..n)
            .map(|t| (train[t] - train[t - lag]).abs())
            .sum::<f64>()
            / (n - lag) as f64;
        let mean =
            |error: &dyn Fn(usize) -> f64| (0..horizon).map(error).sum::<f64>() / horizon as f64;
        let smape = |foretold: &[f64]| {
            mean(&|step| {
                let (y, f) = (test[step], foretold[step]);
                let size = y.abs() + f.abs();
                if size > 0.0 {
                    200.0 * (y - f).abs() / size
                } else {
                    0.0
                }
            })
        };
        let mae = |foretold: &[f64]| mean(&|step| (test[step] - foretold[step]).abs());
        let misses = mean(&|step| {
            let (y, f, width) = (test[step], found.values[step], found.widths[step]);
            2.0 * width + 2.0 / (1.0 - LEVEL) * ((y - f).abs() - width).max(0.0)
        });
        let held =
            mean(&|step| f64::from((test[step] - found.values[step]).abs() <= found.widths[step]));
        for kind in [kind, "all"] {
            let scores = kinds.entry(kind.to_owned()).or_default();
            scores.series += 1.0;
            scores.smape += smape(&found.values);
            scores.naive_smape += smape(&naive);
            scores.held += held;
            if scale > 0.0 {
                scores.scaled += 1.0;
                scores.mase += mae(&found.values) / scale;
                scores.naive_mase += mae(&naive) / scale;
                scores.msis += misses / scale;
            }
        }
    }
    for (kind, s) in &kinds {
        let owa = (s.smape / s.naive_smape + s.mase / s.naive_mase) / 2.0;
        println!(
            "{competition} {kind}: {} series, OWA {owa:.4}, sMAPE {:.2}, MASE {:.3}, cover of 95 % {:.3}, MSIS {:.2}",
            s.series,
            s.smape / s.series,
            s.mase / s.scaled,
            s.held / s.series,
            s.msis / s.scaled
        );
        if kind == "all" {
            println!(
                "{competition}: {:.2} ms a series",
                busy.as_secs_f64() * 1e3 / s.series
            );
        }
    }
    Ok(())
}

fn seconds(text: &str) -> Result<i64, String> {
    let text = text.get(..19).unwrap_or(text);
    let read = Clock::read(ValueRef::Text(text)).map_err(|e| e.to_string())?;
    Ok(read.1 / SECOND)
}

fn anomalies(folder: &Path) -> Outcome {
    let csv = read(folder, "nab.csv")?;
    let windows: Json =
        serde_json::from_str(&read(folder, "nab_windows.json")?).map_err(|e| e.to_string())?;
    let mut files: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [file, time, value] = fields.as_slice() else {
            return Err(format!("nab.csv: {line}"));
        };
        let value = value.parse().map_err(|_| line.to_owned())?;
        files.entry(file).or_default().push((seconds(time)?, value));
    }
    let sigmoid = |x: f64| {
        if x > 3.0 {
            -1.0
        } else {
            2.0 / (1.0 + f64::exp(5.0 * x)) - 1.0
        }
    };
    let (mut sum, mut count, mut rows) = (0.0, 0.0, 0);
    let begun = Instant::now();
    for (file, data) in &files {
        let values: Vec<f64> = data.iter().map(|d| d.1).collect();
        let n = values.len();
        rows += n;
        let mut steps: BTreeMap<i64, usize> = BTreeMap::new();
        for pair in data.windows(2) {
            *steps.entry(pair[1].0 - pair[0].0).or_default() += 1;
        }
        let step = steps
            .iter()
            .max_by_key(|(step, n)| (**n, -**step))
            .map_or(1, |(step, _)| *step);
        let judged = judge(
            &values,
            &[],
            &Judgement {
                period: if step <= 7_200 {
                    (86_400 / step) as usize
                } else {
                    1
                },
                threshold: 3.5,
                quiet: Quiet::Share(0.2),
                direction: Direction::Both,
                least: Least::Absolute(0.0),
                history: 6_400,
            },
            &|| false,
        )
        .map_err(|e| e.to_string())?;
        let known = windows.as_object().into_iter().flatten();
        let of_file =
            known.filter(|(name, _)| name.ends_with(file) || file.ends_with(name.as_str()));
        let mut ranges = Vec::new();
        for window in of_file.flat_map(|(_, list)| list.as_array()).flatten() {
            let end = |at: usize| seconds(window[at].as_str().unwrap_or_default());
            let (from, to) = (end(0)?, end(1)?);
            let first = data.partition_point(|d| d.0 < from);
            ranges.push((first, data.partition_point(|d| d.0 <= to).max(1) - 1));
        }
        count += ranges.len() as f64;
        let mut seen = vec![false; ranges.len()];
        let probation = (n * 15 / 100).min(750);
        for row in (probation..n).filter(|row| judged[*row].is_anomaly) {
            let within = ranges
                .iter()
                .position(|(from, to)| (*from..=*to).contains(&row));
            if let Some(window) = within {
                if !std::mem::replace(&mut seen[window], true) {
                    let (from, to) = ranges[window];
                    let place = -((to - row + 1) as f64) / (to - from + 1) as f64;
                    sum += sigmoid(place) / sigmoid(-1.0);
                }
                continue;
            }
            let before = ranges.iter().rfind(|(_, to)| *to < row);
            sum += before.map_or(-0.11, |(from, to)| {
                0.11 * sigmoid((row - to) as f64 / (to - from) as f64)
            });
        }
        sum -= seen.iter().filter(|seen| !**seen).count() as f64;
    }
    println!(
        "NAB: {:.1} of 100 over {} files with {count} windows, {rows} rows in {:.2} s",
        100.0 * (sum + count) / (2.0 * count),
        files.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// How many of these are found, one to one and five rows away at most.
fn matched(truth: &[usize], found: &[usize]) -> f64 {
    let mut free = found.to_vec();
    let mut count = 0.0;
    for at in truth {
        let nearest = free.iter().copied().min_by_key(|row| row.abs_diff(*at));
        if let Some(row) = nearest.filter(|row| row.abs_diff(*at) <= 5) {
            free.retain(|other| *other != row);
            count += 1.0;
        }
    }
    count
}

fn segments(starts: &[usize], n: usize) -> Vec<(usize, usize)> {
    let ends = starts.iter().skip(1).copied().chain([n]);
    starts.iter().copied().zip(ends).collect()
}

fn change_points(folder: &Path) -> Outcome {
    let data: Json =
        serde_json::from_str(&read(folder, "tcpd.json")?).map_err(|e| e.to_string())?;
    let (mut f1, mut cover, mut series) = (0.0, 0.0, 0.0);
    for (_, entry) in data.as_object().into_iter().flatten() {
        let mut values: Vec<f64> = Vec::new();
        for value in entry["values"].as_array().into_iter().flatten() {
            // A missing value is that before it.
            values.push(value.as_f64().or(values.last().copied()).unwrap_or(0.0));
        }
        let n = values.len();
        let search = Search {
            penalty: 6.0,
            min_size: 8,
        };
        let mut found = vec![0];
        found.extend(changes(&values, &[], search, &|| false).map_err(|e| e.to_string())?);
        let mut people: Vec<Vec<usize>> = Vec::new();
        for (_, marks) in entry["annotations"].as_object().into_iter().flatten() {
            let rows = marks
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_u64);
            let mut rows: Vec<usize> = rows.map(|row| row as usize).chain([0]).collect();
            rows.sort_unstable();
            rows.dedup();
            people.push(rows);
        }
        let mut union: Vec<usize> = people.iter().flatten().copied().collect();
        union.sort_unstable();
        union.dedup();
        let mean = |of: &dyn Fn(&Vec<usize>) -> f64| {
            people.iter().map(of).sum::<f64>() / people.len() as f64
        };
        let precision = matched(&union, &found) / found.len() as f64;
        let recall = mean(&|rows| matched(rows, &found) / rows.len() as f64);
        let mine = segments(&found, n);
        let covered = mean(&|rows| {
            let parts = segments(rows, n).into_iter().map(|(a, b)| {
                let overlap = mine.iter().map(|(c, d)| {
                    let both = b.min(*d).saturating_sub(a.max(*c)) as f64;
                    both / ((b - a + d - c) as f64 - both)
                });
                overlap.fold(0.0, f64::max) * (b - a) as f64
            });
            parts.sum::<f64>() / n as f64
        });
        f1 += 2.0 * precision * recall / (precision + recall);
        cover += covered;
        series += 1.0;
    }
    println!(
        "change points: F1 {:.3}, cover {:.3} over {series} series",
        f1 / series,
        cover / series
    );
    Ok(())
}
