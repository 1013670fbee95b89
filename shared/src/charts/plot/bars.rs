//! Bars of categories, slices, and the bars of changes and of sensitivities.

use std::collections::BTreeMap;

use super::{Axis, BARS, LARGEST, LINES, Maker, Mark, Seen, mark, number, order};
use crate::charts::ask::{Agg, Form};
use crate::charts::scale::Scale;
use crate::charts::table::Kind;

impl Maker<'_> {
    pub(super) fn bars(&mut self) {
        let mut seen = self.seen();
        let pie = self.plot.form == Form::Pie;
        self.few_series(&mut seen, LINES);
        let x = self.x();
        let mut names = match x {
            Some(column) if matches!(column.kind, Kind::Time | Kind::Number) => {
                let mut values: BTreeMap<i64, String> = BTreeMap::new();
                seen.retain(|s| s.x.is_finite());
                for row in &seen {
                    values
                        .entry(order(row.x))
                        .or_insert_with(|| row.name.clone());
                }
                let mut names: Vec<String> = values.into_values().collect();
                if names.len() > 2 * BARS {
                    names = self.few_names(&mut seen, 2 * BARS, |row| &mut row.name);
                }
                names
            }
            _ => self.few_names(&mut seen, if pie { LINES } else { BARS }, |row| {
                &mut row.name
            }),
        };
        if !pie {
            self.without_rest(&mut seen, &mut names);
        }
        let places: BTreeMap<String, usize> = names.iter().cloned().zip(0..).collect();
        let groups = self.groups(&seen, |row| {
            places.get(&row.name).map(|place| *place as f64)
        });
        let agg = self.agg();
        self.plot.marks = groups
            .iter()
            .map(|(x, series, value)| mark(*series, *x, *value))
            .collect();
        let several = self.plot.series.len() > 1;
        self.plot.stacked = several
            && self.color().is_some()
            && matches!(agg, Agg::Sum | Agg::Count)
            && !self.ask.log;
        if self.plot.stacked {
            self.stack();
        }
        if pie {
            let all = self.plot.marks.len();
            self.plot.marks.retain(|m| m.value > 0.0);
            if all > self.plot.marks.len() {
                let note = self.text.no_slices(all - self.plot.marks.len());
                self.plot.notes.push(note);
            }
        }
        self.measure_axis(true);
        let title = x.map(|c| c.name.clone()).unwrap_or_default();
        if pie {
            let scale = Scale::Bands(names);
            self.plot.x = Axis { title, scale };
        } else {
            self.names_axis(names, title);
        }
        let color = self.color().map(|c| c.name.as_str());
        self.plot.title = self.text.by(&self.plot.y.title, &self.plot.x.title, color);
    }

    /// Leaves out the bar of what was put together where it would be so long that the others are nothing beside it.
    fn without_rest(&mut self, seen: &mut Vec<Seen>, names: &mut Vec<String>) {
        let adds_up = matches!(self.agg(), Agg::Sum | Agg::Count);
        let Some(rest) = self
            .rest
            .clone()
            .filter(|r| adds_up && names.last() == Some(r))
        else {
            return;
        };
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for row in seen.iter() {
            *sums.entry(&row.name).or_default() += row.value * row.weight;
        }
        let sum = sums.remove(rest.as_str()).unwrap_or(0.0);
        let largest = sums
            .values()
            .fold(0.0, |most, sum| f64::max(most, sum.abs()));
        if sum.abs() > 3.0 * largest {
            seen.retain(|row| row.name != rest);
            names.pop();
            let note = self.text.not_drawn(&rest, sum);
            self.plot.notes.push(note);
        }
    }

    /// The first axis has names; bars lie where they are many or long.
    fn names_axis(&mut self, names: Vec<String>, title: String) {
        let timed = self
            .x()
            .is_some_and(|c| matches!(c.kind, Kind::Time | Kind::Number));
        let room = (self.plot.width - 90.0) / names.len().max(1) as f64;
        let widest = names
            .iter()
            .map(|n| crate::charts::text::width(n, 11.0))
            .fold(0.0, f64::max);
        self.plot.horizontal = !timed && (names.len() > 8 || widest > room - 6.0);
        let groups = if self.plot.stacked {
            1
        } else {
            self.plot.series.len()
        };
        if self.plot.horizontal && self.ask.height.is_none() {
            let needed = 110.0 + names.len() as f64 * (10.0 + 10.0 * groups as f64).max(20.0);
            self.plot.height = needed.clamp(180.0_f64.max(self.plot.height.min(needed)), 4000.0);
        }
        self.plot.x = Axis {
            title,
            scale: Scale::Bands(names),
        };
    }

    pub(super) fn waterfall(&mut self) {
        let Some(x) = self.x() else { return };
        let mut seen = self.seen();
        seen.sort_by(|a, b| {
            b.value
                .abs()
                .total_cmp(&a.value.abs())
                .then_with(|| a.name.cmp(&b.name))
        });
        let most = 19;
        if seen.len() > most + 1 {
            let rest = self.text.rest(seen.len() - most);
            let value = seen.iter().skip(most).map(|s| s.value).sum();
            seen.truncate(most);
            seen.push(Seen {
                x: 0.0,
                name: rest,
                series: String::new(),
                value,
                weight: 1.0,
            });
        }
        let mut names: Vec<String> = seen.iter().map(|s| s.name.clone()).collect();
        let mut top = 0.0;
        self.plot.series = self.text.directions();
        for (i, row) in seen
            .iter()
            .enumerate()
            .filter(|(_, s)| s.value.abs() < LARGEST)
        {
            self.plot.marks.push(Mark {
                y2: top,
                value: row.value,
                ..mark(usize::from(row.value < 0.0), i as f64, top + row.value)
            });
            top += row.value;
        }
        self.plot.marks.push(mark(2, seen.len() as f64, top));
        names.push(self.text.total());
        self.plot.y.title = self.measure().map(|c| c.name.clone()).unwrap_or_default();
        self.measure_axis(true);
        self.names_axis(names, x.name.clone());
        self.plot.title = self.text.by(&self.plot.y.title, &x.name, None);
    }

    pub(super) fn tornado(&mut self) {
        let measures = self.measures();
        let (Some(x), [low, high]) = (self.x(), measures.as_slice()) else {
            return;
        };
        let none = self.text.none();
        let mut bars: Vec<(String, f64, f64)> = (0..self.table.rows())
            .map(|row| {
                (
                    x.label(row).unwrap_or_else(|| none.clone()),
                    number(low, row),
                    number(high, row),
                )
            })
            .collect();
        let all = bars.len();
        bars.retain(|(_, low, high)| !low.is_nan() && !high.is_nan());
        self.missing += (all - bars.len()) as f64;
        bars.sort_by(|a, b| {
            (b.2 - b.1)
                .abs()
                .total_cmp(&(a.2 - a.1).abs())
                .then_with(|| a.0.cmp(&b.0))
        });
        bars.truncate(BARS);
        for (i, (_, low, high)) in bars.iter().enumerate() {
            self.plot.marks.push(Mark {
                y2: *low,
                value: (high - low).abs(),
                ..mark(0, i as f64, *high)
            });
        }
        self.plot.y.title = format!("{} – {}", low.name, high.name);
        let ends: Vec<f64> = bars.iter().flat_map(|b| [b.1, b.2]).collect();
        let lo = ends.iter().copied().fold(f64::INFINITY, f64::min);
        let hi = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if lo <= hi {
            self.plot.y.scale = Scale::linear(lo, hi, false, 5.0);
        }
        self.names_axis(bars.into_iter().map(|b| b.0).collect(), x.name.clone());
        self.plot.horizontal = true;
        self.plot.title = self.text.by(&self.plot.y.title, &x.name, None);
    }
}
