//! The step between the times of a series.

use super::super::clock::{Clock, DAY, SECOND};
use super::step::{Step, month_and_day, month_length, weekday};

/// The step of these times, in order and each once; whether all of them lie on its grid.
pub fn find_step(clock: Clock, times: &[i64]) -> (Step, bool) {
    let differences: Vec<i64> = times
        .windows(2)
        .map(|w| w[1].saturating_sub(w[0]))
        .collect();
    if differences.is_empty() {
        let unit = if clock == Clock::Integer { 1 } else { DAY };
        return (Step::Fixed(unit), true);
    }
    let calendar = clock != Clock::Integer && times.iter().all(|t| t.rem_euclid(DAY) == 0);
    if calendar {
        if let Some(step) = monthly(times) {
            return (step, true);
        }
        if is_business(times, &differences) {
            return (Step::BusinessDay, true);
        }
    }
    let mut sorted = differences.clone();
    sorted.sort_unstable();
    // The most frequent; of equals the smaller.
    let runs = sorted.chunk_by(|a, b| a == b);
    let (mode, _) = runs.fold((1, 0), |best, run| match run.first() {
        Some(&difference) if run.len() > best.1 => (difference, run.len()),
        _ => best,
    });
    let multiples = |unit: i64| differences.iter().filter(|d| *d % unit == 0).count();
    let most = multiples(mode) * 20 >= differences.len() * 19;
    if most {
        return (Step::Fixed(mode), multiples(mode) == differences.len());
    }
    let common = differences.iter().fold(0, |a, &b| gcd(a, b)).max(1);
    if clock == Clock::Integer {
        let span = (times[times.len() - 1].saturating_sub(times[0]) / common) as usize;
        let dense = span <= times.len() * 20;
        return (Step::Fixed(if dense { common } else { mode }), dense);
    }
    let median = sorted[sorted.len() / 2];
    (Step::Fixed(nice(median)), false)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
/// The unit of a clock nearest to a difference, by ratio.
fn nice(difference: i64) -> i64 {
    let minute = 60 * SECOND;
    let units = [
        SECOND,
        5 * SECOND,
        10 * SECOND,
        15 * SECOND,
        30 * SECOND,
        minute,
        5 * minute,
        10 * minute,
        15 * minute,
        30 * minute,
        60 * minute,
        6 * 60 * minute,
        12 * 60 * minute,
        DAY,
        7 * DAY,
    ];
    let far = |unit: i64| {
        let (a, b) = (
            unit.max(difference) as f64,
            unit.min(difference).max(1) as f64,
        );
        a / b
    };
    units
        .into_iter()
        .min_by(|a, b| far(*a).total_cmp(&far(*b)))
        .unwrap_or(DAY)
}

/// Months, if all times are on one day of the month, or on the last.
fn monthly(times: &[i64]) -> Option<Step> {
    let days: Vec<(i64, i64)> = times.iter().map(|t| month_and_day(*t)).collect();
    let day = days.iter().map(|d| d.1).max()?;
    let on_it = |&(month, of_month): &(i64, i64)| {
        month_length(month).is_some_and(|length| of_month == day.min(length))
    };
    // Ends of short months only, like the 28th, are taken for ends.
    let ends = days.iter().all(|&(m, d)| month_length(m) == Some(d));
    (ends || days.iter().all(on_it)).then_some(())?;
    let unit = days
        .windows(2)
        .fold(0, |unit, w| gcd(unit, w[1].0 - w[0].0));
    (unit > 0).then_some(Step::Months(unit, if ends { 31 } else { day }))
}

/// Whether these are the weekdays of weeks, nearly all of them, and no day of a weekend.
fn is_business(times: &[i64], differences: &[i64]) -> bool {
    let weekend = times.iter().any(|t| weekday(*t) > 4);
    let near = differences.iter().all(|d| (1..=5).contains(&(d / DAY)));
    let over_weekend = differences.iter().any(|d| *d > DAY);
    if weekend || !near || !over_weekend {
        return false;
    }
    let (first, last) = (times[0], times[times.len() - 1]);
    let all = Step::BusinessDay
        .rows_between(first, last)
        .unwrap_or(i64::MAX)
        + 1;
    times.len() as i64 * 10 >= all * 9
}
