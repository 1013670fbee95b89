//! Points, and what is counted in bins and cells.

use std::collections::{BTreeMap, BTreeSet};

use super::{Axis, BARS, LARGEST, LINES, Maker, Mark, NOTHING, Seen, along, mark, number};
use crate::charts::reduce;
use crate::charts::scale::{Scale, nice};

impl Maker<'_> {
    pub(super) fn points(&mut self) {
        let (Some(x), Some(y)) = (self.x(), self.measure()) else {
            return;
        };
        let mut seen = self.seen();
        let all: f64 = seen.iter().map(|s| s.weight).sum();
        seen.retain(|s| s.x.is_finite() && s.x.abs() < LARGEST && s.value.abs() < LARGEST);
        self.missing += all - seen.iter().map(|s| s.weight).sum::<f64>();
        let different = seen.len();
        if different > self.ask.max_rows {
            seen.sort_by_key(|s| reduce::lot(s.x, s.value));
            seen.truncate(self.ask.max_rows);
            seen.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.value.total_cmp(&b.value)));
            let note = self.text.thinned(seen.len(), different);
            self.plot.notes.push(note);
        }
        self.few_series(&mut seen, LINES);
        let places: BTreeMap<&str, usize> = self
            .plot
            .series
            .iter()
            .map(String::as_str)
            .zip(0..)
            .collect();
        let series = |s: &Seen| places.get(s.series.as_str()).copied().unwrap_or(0);
        self.plot.marks = seen.iter().map(|s| mark(series(s), s.x, s.value)).collect();
        self.plot.y.title.clone_from(&y.name);
        self.plot.x = Axis {
            title: x.name.clone(),
            scale: along(x, self.plot.marks.iter().map(|m| m.x)),
        };
        self.measure_axis(false);
        let color = self.color().map(|c| c.name.as_str());
        self.plot.title = self.text.by(&y.name, &x.name, color);
    }

    pub(super) fn bins(&mut self) {
        let (Some(x), Some(y)) = (self.x(), self.measure()) else {
            return;
        };
        let mut seen = self.seen();
        seen.retain(|s| s.x.is_finite() && s.x.abs() < LARGEST && s.value.abs() < LARGEST);
        let width = |values: Vec<f64>, whole: bool, bins: f64| {
            let lo = values.iter().copied().fold(f64::INFINITY, f64::min);
            let hi = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let step = if hi > lo && hi - lo > 1e-290 {
                nice((hi - lo) / bins)
            } else {
                1.0
            };
            if whole { step.max(1.0) } else { step }
        };
        let wide = width(seen.iter().map(|s| s.x).collect(), x.whole, 30.0);
        let high = width(seen.iter().map(|s| s.value).collect(), y.whole, 20.0);
        let mut cells: BTreeMap<(i64, i64), f64> = BTreeMap::new();
        for row in &seen {
            let cell = (
                (row.x / wide).floor() as i64,
                (row.value / high).floor() as i64,
            );
            *cells.entry(cell).or_default() += row.weight;
        }
        self.plot.marks = cells
            .into_iter()
            .map(|((i, j), count)| Mark {
                x2: (i as f64 + 1.0) * wide,
                y2: (j as f64 + 1.0) * high,
                value: count,
                ..mark(0, i as f64 * wide, j as f64 * high)
            })
            .collect();
        self.shade(self.text.rows());
        let ends = |f: fn(&Mark) -> [f64; 2]| -> Scale {
            let ends: Vec<f64> = self.plot.marks.iter().flat_map(f).collect();
            let lo = ends.iter().copied().fold(f64::INFINITY, f64::min);
            let hi = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if lo <= hi {
                Scale::linear(lo, hi, false, 5.0)
            } else {
                NOTHING
            }
        };
        let (across, up) = (ends(|m| [m.x, m.x2]), ends(|m| [m.y, m.y2]));
        self.plot.x = Axis {
            title: x.name.clone(),
            scale: across,
        };
        self.plot.y = Axis {
            title: y.name.clone(),
            scale: up,
        };
        self.plot.title = self.text.by(&y.name, &x.name, None);
    }

    fn shade(&mut self, legend: String) {
        let values = || self.plot.marks.iter().map(|m| m.value);
        let lo = values().fold(f64::INFINITY, f64::min);
        let hi = values().fold(f64::NEG_INFINITY, f64::max);
        self.plot.shades =
            (lo <= hi).then_some((if lo > 0.0 && lo < 0.5 * hi { 0.0 } else { lo }, hi));
        self.plot.legend = legend;
    }

    pub(super) fn heatmap(&mut self) {
        let (Some(x), Some(color)) = (self.x(), self.color()) else {
            return;
        };
        let mut seen = self.seen();
        let across = self.few_names(&mut seen, BARS, |row| &mut row.name);
        let down = self.few_names(&mut seen, BARS, |row| &mut row.series);
        // A table of pairs of the same names is read along its diagonal.
        let (mut across, mut down) = (across, down);
        let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
        if sorted(&across) == sorted(&down) && reduce::natural(&across).is_none() {
            across.sort();
            down.sort();
        }
        self.plot.series.clone_from(&down);
        let places: BTreeMap<String, usize> = across.iter().cloned().zip(0..).collect();
        let groups = self.groups(&seen, |row| {
            places.get(&row.name).map(|place| *place as f64)
        });
        self.plot.marks = groups
            .iter()
            .map(|(x, series, value)| Mark {
                value: *value,
                ..mark(0, *x, *series as f64)
            })
            .collect();
        self.plot.series = vec![String::new()];
        let measure = std::mem::take(&mut self.plot.y.title);
        let title = self.text.by(&measure, &x.name, Some(&color.name));
        self.shade(measure);
        if self.ask.height.is_none() {
            self.plot.height = (120.0 + down.len() as f64 * 24.0).clamp(240.0, 1000.0);
        }
        self.plot.x = Axis {
            title: x.name.clone(),
            scale: Scale::Bands(across),
        };
        self.plot.y = Axis {
            title: color.name.clone(),
            scale: Scale::Bands(down),
        };
        self.plot.title = title;
    }

    pub(super) fn histogram(&mut self) {
        let Some(x) = self.x() else { return };
        let mut values: Vec<(f64, f64)> = Vec::new();
        for (row, weight) in self.table.weights.iter().enumerate() {
            match number(x, row) {
                value if value.is_nan() => self.missing += weight,
                value => values.push((value, *weight)),
            }
        }
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Each value as often as it comes, within reason.
        let copies = |w: f64| (w as usize).clamp(1, 1 + 1_000_000 / values.len().max(1));
        let sorted: Vec<f64> = values
            .iter()
            .flat_map(|(v, w)| std::iter::repeat_n(*v, copies(*w)))
            .collect();
        let width = reduce::bin_width(&sorted, x.whole, 30.0);
        let mut bins: BTreeMap<i64, f64> = BTreeMap::new();
        for (value, weight) in &values {
            *bins
                .entry((value / width + 1e-9).floor() as i64)
                .or_default() += weight;
        }
        self.plot.marks = bins
            .into_iter()
            .map(|(bin, count)| Mark {
                x2: (bin as f64 + 1.0) * width,
                ..mark(0, bin as f64 * width, count)
            })
            .collect();
        let lo = self.plot.marks.first().map_or(0.0, |m| m.x);
        let hi = self.plot.marks.last().map_or(1.0, |m| m.x2);
        let scale = match Scale::linear(lo, hi, false, 8.0) {
            Scale::Linear { step, .. } if hi > lo => Scale::Linear {
                from: lo,
                to: hi,
                step,
            },
            other => other,
        };
        self.plot.x = Axis {
            title: x.name.clone(),
            scale: on_ticks(scale),
        };
        self.plot.y.title = self.text.rows();
        self.measure_axis(true);
        self.plot.title = self.text.spread(&x.name);
    }
}

/// An axis that ends where its bins do keeps its ticks at multiples of the step.
fn on_ticks(scale: Scale) -> Scale {
    match scale {
        Scale::Linear { from, to, step } => Scale::Linear {
            from: (from / step + 1e-9).floor() * step,
            to: (to / step - 1e-9).ceil() * step,
            step,
        },
        other => other,
    }
}
