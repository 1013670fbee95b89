//! Patterns of measures, and of the number of rows, by time: trend, season, change, gap.

use serde_json::json;

use super::{Column, FEWEST_ROWS, Finds, Kind, Pattern, Seen};
use crate::looking::association::correlation_ratio;
use crate::looking::table::Values;
use crate::program::{Stopped, check};
use crate::series::change::{self, Line, Search};
use crate::series::clock::{Clock, DAY};
use crate::series::grid::{Aggregate, Gaps, Grid, Preparation};
use crate::series::scale;
use crate::series::season::{Season, autocorrelations};
use crate::series::words::{grouped, number};
use crate::stats::sample::{median, middle_and_deviation, ranks};
use crate::stats::tails::f_above;
use crate::{Error, Result};

/// The most points of which all pairs are compared; of more, means of equally many in a row.
const MOST_POINTS: usize = 1_000;
/// The fewest points of a trend.
const FEWEST_POINTS: usize = 8;
/// What is farther from the median than so many deviations is taken as that far where seasons and changes are looked for
/// (Huber 1964).
const FAR: f64 = 3.0;
/// See [`crate::series::judged`], whose defaults these are.
const SEARCH: Search = Search {
    penalty: 6.0,
    min_size: 8,
};

/// Finds them, by this column or by the first of times. Errors if that column has no times, or the call is interrupted.
pub fn find(
    seen: &[Seen<'_>],
    given: Option<&Column>,
    finds: &mut Finds,
    stopped: Stopped<'_>,
) -> Result<()> {
    let is_time = |column: &&Seen<'_>| match given {
        Some(given) => column.name == given.name,
        None => matches!(column.values, Values::Times(_)) && column.distinct >= FEWEST_POINTS,
    };
    let Some(place) = seen.iter().position(|column| is_time(&column)) else {
        return Ok(());
    };
    let Some((clock, times)) = clock(&seen[place])? else {
        return Ok(());
    };
    let rows: Vec<(i64, f64)> = times.iter().flatten().map(|time| (*time, 1.0)).collect();
    let count = Preparation {
        aggregate: Some(Aggregate::Sum),
        gaps: Some(Gaps::Zero),
        ..Preparation::default()
    };
    let Ok(Some(grid)) = Grid::new(clock, &rows, &count) else {
        return Ok(());
    };
    drop(rows);
    let series = Series {
        english: "the number of rows".into(),
        chinese: "行数".into(),
        columns: vec![place],
        grid: &grid,
        counts: true,
    };
    finds.patterns.extend(series.gap(seen[place].name));
    if grid.duplicates > 0 {
        series.find(finds, stopped)?;
    }
    for (i, measure) in seen.iter().enumerate().filter(|(i, _)| *i != place) {
        check(stopped)?;
        let Some(numbers) = measure.measure() else {
            continue;
        };
        let rows = times.iter().zip(numbers.values());
        let rows: Vec<(i64, f64)> = rows.filter_map(|(t, v)| Some(((*t)?, *v))).collect();
        let Ok(Some(grid)) = Grid::new(clock, &rows, &Preparation::default()) else {
            continue;
        };
        let name = measure.name;
        let (english, chinese) = match (grid.duplicates, measure.is_fractional) {
            (0, _) => (name.to_owned(), format!("{name} ")),
            (_, true) => (format!("the mean of {name}"), format!("{name} 的均值")),
            (_, false) => (format!("the sum of {name}"), format!("{name} 的总和")),
        };
        let series = Series {
            english,
            chinese,
            columns: vec![i, place],
            grid: &grid,
            counts: false,
        };
        series.find(finds, stopped)?;
    }
    Ok(())
}

/// The times of a column as [`Grid`] takes them. Errors if they are neither times nor whole numbers; `None` if there are few.
fn clock(column: &Seen<'_>) -> Result<Option<(Clock, Vec<Option<i64>>)>> {
    if column.distinct < FEWEST_POINTS {
        return Ok(None);
    }
    let read = |values: &[f64], unit: f64| -> Vec<Option<i64>> {
        let time = |v: &f64| (!v.is_nan()).then(|| (v * unit).round() as i64);
        values.iter().map(time).collect()
    };
    match column.values {
        Values::Times(values) => {
            let whole = values.iter().all(|v| v.is_nan() || v.fract() == 0.0);
            let clock = if whole { Clock::Date } else { Clock::Timestamp };
            Ok(Some((clock, read(values, DAY as f64))))
        }
        Values::Numbers(values) if !column.is_fractional => {
            Ok(Some((Clock::Integer, read(values, 1.0))))
        }
        _ => Err(Error::new(format!(
            "column \"{}\" for \"time\" has neither dates nor whole numbers",
            column.name
        ))),
    }
}

/// A measure by time.
struct Series<'a> {
    english: String,
    chinese: String,
    columns: Vec<usize>,
    grid: &'a Grid,
    /// Whether it is the number of rows, which is known where there is none.
    counts: bool,
}

impl Series<'_> {
    fn find(&self, finds: &mut Finds, stopped: Stopped<'_>) -> Result<()> {
        let grid = self.grid;
        let n = grid.values.len();
        let there = n - grid.missing();
        if there < FEWEST_ROWS {
            return Ok(());
        }
        let scale = scale::divisor(&grid.values).unwrap_or(1.0);
        let mut values: Vec<f64> = grid.values.iter().map(|v| v / scale).collect();
        // Of what is mostly filled in, nothing but the trend of the rest is known.
        if 2 * there >= n {
            if let Some(season) = self.season(&values, finds) {
                for (row, value) in values.iter_mut().enumerate() {
                    *value = season.remove(*value, row);
                }
            }
            self.change(&values, scale, finds, stopped)?;
        }
        self.trend(&values, scale, finds, stopped)
    }

    /// A time of the grid, for facts and sentences.
    fn at(&self, row: usize) -> String {
        let time = self.grid.time(row);
        time.map_or_else(String::new, |time| self.grid.clock.show(time))
    }

    /// From row to row, in both languages.
    fn step(&self) -> (String, String) {
        let shown = self.grid.step.show(self.grid.clock);
        let Some((count, unit)) = shown.split_once(' ') else {
            return (shown.clone(), shown);
        };
        let chinese = match unit.trim_end_matches('s') {
            "year" => "年",
            "month" => "个月",
            "week" => "周",
            "day" => "天",
            "business day" => "个工作日",
            "hour" => "小时",
            "minute" => "分钟",
            "second" => "秒",
            _ => "微秒",
        };
        (shown.clone(), format!("{count} {chinese}"))
    }

    fn season(&self, values: &[f64], finds: &mut Finds) -> Option<Season> {
        let line = change::line(values, &[]);
        let mut found: Option<(f64, f64, Option<usize>, usize, Season)> = None;
        for period in self.grid.periods.iter().copied() {
            if period < 2 || values.len() < 3 * period {
                continue;
            }
            let season = Season::of(values, period, 1.0, false);
            let p = self.repeats(values, line, &season);
            let test = finds.test(p);
            let rest = |row: usize| season.remove(values[row], row);
            let rest: Vec<f64> = (0..values.len()).map(rest).collect();
            let left = change::line(&rest, &[]).rest / line.rest;
            // Without what many rows of a cycle explain by chance.
            let n = values.len() as f64;
            let beyond = 1.0 - left * (n - 1.0) / (n - period as f64);
            let better = found.as_ref().is_none_or(|best| beyond > best.0);
            if p <= super::CHANCE && beyond > 0.0 && better {
                found = Some((beyond, 1.0 - left, test, period, season));
            }
        }
        let (_, explained, test, period, season) = found?;
        let rows = |most: bool| {
            let last = values.len() - period..values.len();
            let factor = |row: &usize| season.factors[row % period];
            let order = |a: &usize, b: &usize| {
                let order = factor(a).total_cmp(&factor(b));
                if most { order } else { order.reverse() }
            };
            last.max_by(order)
                .map_or_else(String::new, |row| self.at(row))
        };
        let (high, low) = (rows(true), rows(false));
        let percent = number(explained * 100.0);
        let name = self.grid.season_name(period);
        let (english, chinese) = match name {
            Some("year") => (", a year", "，即一年"),
            Some("week") => (", a week", "，即一周"),
            Some("day") => (", a day", "，即一天"),
            Some("hour") => (", an hour", "，即一小时"),
            Some("minute") => (", a minute", "，即一分钟"),
            _ => ("", ""),
        };
        finds.patterns.push(Pattern {
            kind: Kind::Season,
            columns: self.columns.clone(),
            impact: explained,
            test,
            facts: json!({"period": period, "name": name, "percent": explained * 100.0, "high": high, "low": low}),
            english: format!(
                "{} comes round every {period} rows{english}, which accounts for {percent} % of what varies: high as at {high}, low as at {low}",
                self.english
            ),
            chinese: format!(
                "{}每 {period} 行重复一次{chinese}，可解释 {percent}% 的变化：高点如 {high}，低点如 {low}",
                self.chinese
            ),
        });
        Some(season)
    }

    /// How probable values are by chance that differ so by the row of a cycle: by F, of what a line leaves and the value
    /// before does not say, far values drawn near; of ranks if most values are the same. Ranks alone would miss a cycle of
    /// which one row is high.
    fn repeats(&self, values: &[f64], line: Line, season: &Season) -> f64 {
        let off = |row: usize| values[row] - line.first - line.slope * row as f64;
        let rest: Vec<f64> = (0..values.len())
            .map(|row| season.remove(off(row), row))
            .collect();
        let like = autocorrelations(&rest, 1)[0].clamp(-0.99, 0.99);
        let known = |row: &usize| self.counts || self.grid.given[*row];
        let rows = (1..values.len()).filter(|row| known(row) && known(&(row - 1)));
        let (codes, news): (Vec<u32>, Vec<f64>) = rows
            .map(|row| {
                let phase = row % season.factors.len();
                (phase as u32 + 1, off(row) - like * off(row - 1))
            })
            .unzip();
        let compared = if middle_and_deviation(&news).1 > 0.0 {
            clipped(&news)
        } else {
            ranks(&news)
        };
        correlation_ratio(&codes, &compared).p.unwrap_or(1.0)
    }

    /// The change that two lines in place of one gain most by.
    fn change(
        &self,
        values: &[f64],
        scale: f64,
        finds: &mut Finds,
        stopped: Stopped<'_>,
    ) -> Result<()> {
        // Neither one far value nor the long tail of all is a change.
        let search = clipped(&from_line(&clipped(values)));
        let lines = change::lines(
            values,
            &[],
            &change::changes(&search, &[], SEARCH, stopped)?,
        );
        let all: f64 = spread(values);
        let gains = lines.windows(2).filter_map(|pair| match pair {
            [(rows, before), (next, after)] => {
                let whole = change::line(&values[rows.start..next.end], &[]);
                Some((
                    (whole.rest - before.rest - after.rest) / all,
                    (rows.start, next.start, next.end),
                    *before,
                    *after,
                ))
            }
            _ => None,
        });
        // Of equals the first.
        let best = gains.reduce(|best, next| if next.0 > best.0 { next } else { best });
        let Some((impact, (start, row, end), before, after)) = best else {
            finds.test(1.0);
            return Ok(());
        };
        // Any row might have been the best.
        let p = changes_by_chance(&search[start..end], row - start) * (end - start) as f64;
        let test = finds.test(p);
        let at = self.at(row);
        let short = (row - start).min(end - row) as f64;
        let is_level =
            (after.first - before.last).abs() >= (after.slope - before.slope).abs() * short / 2.0;
        let of = |line: &Line, level: f64| if is_level { level } else { line.slope } * scale;
        let (from, to) = (of(&before, before.last), of(&after, after.first));
        let (shown, then) = (number(from), number(to));
        let (step, chinese_step) = self.step();
        let (english, chinese) = if is_level {
            (
                format!("{} goes from {shown} to {then} at {at}", self.english),
                format!("{}在 {at} 由 {shown} 变为 {then}", self.chinese),
            )
        } else {
            (
                format!(
                    "the slope of {} goes from {shown} to {then} in a step of {step} at {at}",
                    self.english
                ),
                format!(
                    "{}的斜率（步长 {chinese_step}）在 {at} 由 {shown} 变为 {then}",
                    self.chinese
                ),
            )
        };
        finds.patterns.push(Pattern {
            kind: Kind::Change,
            columns: self.columns.clone(),
            impact,
            test,
            facts: json!({"at": at, "of": if is_level { "level" } else { "slope" }, "before": from, "after": to, "step": step, "changes": lines.len() - 1}),
            english,
            chinese,
        });
        Ok(())
    }

    /// A trend by Mann and Kendall, the slope by Theil and Sen.
    fn trend(
        &self,
        values: &[f64],
        scale: f64,
        finds: &mut Finds,
        stopped: Stopped<'_>,
    ) -> Result<()> {
        let given = values.iter().zip(&self.grid.given).enumerate();
        let given: Vec<(f64, f64)> = given
            .filter(|(_, (_, given))| **given)
            .map(|(row, (value, _))| (row as f64, *value))
            .collect();
        let block = given.len().div_ceil(MOST_POINTS);
        let mean = |rows: &[(f64, f64)]| {
            let n = rows.len() as f64;
            let sum = rows.iter().fold((0.0, 0.0), |s, r| (s.0 + r.0, s.1 + r.1));
            (sum.0 / n, sum.1 / n)
        };
        let points: Vec<(f64, f64)> = given.chunks(block.max(1)).map(mean).collect();
        let n = points.len();
        if n < FEWEST_POINTS {
            return Ok(());
        }
        let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
        let mut ups = 0_i64;
        for (i, a) in points.iter().enumerate() {
            check(stopped)?;
            for b in &points[i + 1..] {
                slopes.push((b.1 - a.1) / (b.0 - a.0));
                ups += i64::from(b.1 > a.1) - i64::from(b.1 < a.1);
            }
        }
        let pairs = slopes.len() as f64;
        let slope = median(slopes);
        let start = median(points.iter().map(|(x, y)| y - slope * x).collect());
        let rest: Vec<f64> = points.iter().map(|(x, y)| y - start - slope * x).collect();
        let mut sorted: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let ties = sorted.chunk_by(|a, b| a == b).map(|run| run.len() as f64);
        let term = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
        let variance = (term(n as f64) - ties.map(term).sum::<f64>()) / 18.0;
        let variance = variance * alike(&rest);
        let z = (ups as f64).abs() - 1.0;
        let p = if variance > 0.0 {
            libm::erfc(z.max(0.0) / libm::sqrt(2.0 * variance))
        } else {
            1.0
        };
        let test = finds.test(p);
        let given_values: Vec<f64> = given.iter().map(|(_, y)| *y).collect();
        // Around its mean: that of skewed numbers is not on the line of medians.
        let off: Vec<f64> = given.iter().map(|(x, y)| y - slope * x).collect();
        let explained = 1.0 - spread(&off) / spread(&given_values);
        let (Some(first), Some(last)) = (given.first(), given.last()) else {
            return Ok(());
        };
        if slope == 0.0 || !explained.is_finite() {
            return Ok(());
        }
        let (from, to) = (
            (start + slope * first.0) * scale,
            (start + slope * last.0) * scale,
        );
        let slope = slope * scale;
        let (shown, below, above) = (number(slope.abs()), number(from), number(to));
        let (step, chinese_step) = self.step();
        let (english, chinese) = if slope > 0.0 {
            ("rises", "上升")
        } else {
            ("falls", "下降")
        };
        finds.patterns.push(Pattern {
            kind: Kind::Trend,
            columns: self.columns.clone(),
            impact: explained,
            test,
            facts: json!({"slope": slope, "step": step, "from": from, "to": to, "tau": ups as f64 / pairs}),
            english: format!(
                "{} {english} by {shown} in a step of {step}, from {below} to {above}",
                self.english
            ),
            chinese: format!(
                "{}每 {chinese_step}{chinese} {shown}，由 {below} 到 {above}",
                self.chinese
            ),
        });
        Ok(())
    }

    /// Times at which there is no row, where the others are regular.
    fn gap(&self, name: &str) -> Option<Pattern> {
        let grid = self.grid;
        let (n, missing) = (grid.given.len(), grid.missing());
        if grid.rounded || missing == 0 || 2 * missing > n {
            return None;
        }
        let mut longest = 0..0;
        let mut row = 0;
        for run in grid.given.chunk_by(|a, b| a == b) {
            if run.first() == Some(&false) && run.len() > longest.len() {
                longest = row..row + run.len();
            }
            row += run.len();
        }
        let (from, to) = (self.at(longest.start), self.at(longest.end - 1));
        let (step, chinese_step) = self.step();
        let [missed, all, run] =
            [missing, n, longest.len()].map(|count| grouped(&count.to_string()));
        Some(Pattern {
            kind: Kind::Gap,
            columns: self.columns.clone(),
            impact: missing as f64 / n as f64,
            test: None,
            facts: json!({"missing": missing, "of": n, "step": step, "longest": longest.len(), "from": from, "to": to}),
            english: format!(
                "{missed} of {all} times of {name} in steps of {step} are missing, the most in a row {run}, from {from} to {to}"
            ),
            chinese: format!(
                "{name} 以 {chinese_step}为步长，{all} 个时间中缺少 {missed} 个，最长连续缺少 {run} 个，由 {from} 到 {to}"
            ),
        })
    }
}

/// How many rows say as much as one that is independent of the others, where each is like the one before: those of a
/// first-order process.
fn alike(rest: &[f64]) -> f64 {
    let like = autocorrelations(rest, 1)[0].clamp(0.0, 0.99);
    (1.0 + like) / (1.0 - like)
}

/// How probable a gain is by two lines that part before this row, in place of one, by F of the ranks of what one line leaves.
fn changes_by_chance(values: &[f64], row: usize) -> f64 {
    let ranks = ranks(&from_line(values));
    let one = change::line(&ranks, &[]);
    let two = change::lines(&ranks, &[], &[row]);
    let rest: f64 = two.iter().map(|(_, line)| line.rest).sum();
    if rest <= 0.0 {
        return 0.0;
    }
    let off = two.iter().flat_map(|(rows, line)| {
        let at = |(i, rank): (usize, &f64)| rank - line.first - line.slope * i as f64;
        ranks[rows.clone()].iter().enumerate().map(at)
    });
    let off: Vec<f64> = off.collect();
    let within = ranks.len() as f64 - 4.0;
    f_above(
        (one.rest - rest) / 2.0 / (rest / within) / alike(&off),
        2.0,
        within,
    )
}

/// What a line leaves of values.
fn from_line(values: &[f64]) -> Vec<f64> {
    let line = change::line(values, &[]);
    let rest = values.iter().enumerate();
    rest.map(|(i, v)| v - line.first - line.slope * i as f64)
        .collect()
}

/// Values, those that are far from the others drawn near, see [`FAR`].
fn clipped(values: &[f64]) -> Vec<f64> {
    let (middle, deviation) = middle_and_deviation(values);
    let far = FAR * deviation;
    if far > 0.0 {
        values
            .iter()
            .map(|v| v.clamp(middle - far, middle + far))
            .collect()
    } else {
        values.to_vec()
    }
}

/// The sum of squares around the mean.
fn spread(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| (v - mean) * (v - mean)).sum()
}
