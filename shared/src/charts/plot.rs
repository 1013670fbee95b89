//! A picture as values and axes, which [`super::vega`] and [`super::svg`] both write.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{Agg, Ask, Form};
use super::reduce::{self, Group};
use super::scale::{Scale, Unit, nice};
use super::suggest::Design;
use super::table::{Column, Kind, Table};
use super::text::{Text, names};

/// A bar, a point of a line, a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The number of its series.
    pub series: usize,
    /// Where it lies on the first axis: of names the number of the name.
    pub x: f64,
    /// Where it ends on it, of bins.
    pub x2: f64,
    /// Where it lies on the second axis; of a bar its end.
    pub y: f64,
    /// Where a bar begins, or a bin ends.
    pub y2: f64,
    /// The lower bound of a band, NaN if there is none.
    pub lo: f64,
    /// The upper bound of a band.
    pub hi: f64,
    /// What it stands for: the height of a bar, the count of a cell.
    pub value: f64,
    /// An anomaly.
    pub flagged: bool,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What stands beside it.
    pub title: String,
    /// What lies where.
    pub scale: Scale,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What is drawn.
    pub form: Form,
    /// Above it; empty for none.
    pub title: String,
    /// What was left out or thinned, below the title.
    pub notes: Vec<String>,
    /// By what the values are seen.
    pub x: Axis,
    /// The values, or the second category.
    pub y: Axis,
    /// The names of the series; one without a name if there is one only.
    pub series: Vec<String>,
    /// What the series, or the shades of cells, are.
    pub legend: String,
    /// Of cells with a shade the least and the greatest value.
    pub shades: Option<(f64, f64)>,
    /// What is drawn, in the order in which it is.
    pub marks: Vec<Mark>,
    /// Whether `x` goes down and `y` to the right: bars with long names.
    pub horizontal: bool,
    /// Whether bars of one place stand on each other, else beside.
    pub stacked: bool,
    /// In pixels.
    pub width: f64,
    /// In pixels.
    pub height: f64,
}

/// The most bars and cells in a direction; what is more is put together.
const BARS: usize = 30;
/// The most lines; what is more is put together.
const LINES: usize = 8;
/// Numbers beyond are left out, since the difference of two would be none.
const LARGEST: f64 = 1e300;

/// Makes a picture of the rows by a design. Without a row or a design it is empty, and says so.
pub fn plot(table: &Table, design: Option<&Design>, ask: &Ask) -> Plot {
    let mut maker = Maker::new(table, design, ask);
    match design.map(|d| d.form) {
        None => {}
        Some(Form::Value) => maker.value(),
        Some(Form::Line | Form::Area) => maker.lines(),
        Some(Form::Band) => maker.band(),
        Some(Form::Bar | Form::Pie) => maker.bars(),
        Some(Form::Point) => maker.points(),
        Some(Form::Bins) => maker.bins(),
        Some(Form::Heatmap) => maker.heatmap(),
        Some(Form::Histogram) => maker.histogram(),
        Some(Form::Waterfall) => maker.waterfall(),
        Some(Form::Tornado) => maker.tornado(),
    }
    maker.finish()
}

struct Maker<'a> {
    table: &'a Table,
    ask: &'a Ask,
    text: Text,
    design: Option<&'a Design>,
    plot: Plot,
    /// Rows that are left out.
    missing: f64,
    /// Values that a logarithmic axis leaves out.
    below: f64,
    /// What the names are called that were put together.
    rest: Option<String>,
}

/// A row, or a measure of it.
struct Seen {
    x: f64,
    name: String,
    series: String,
    value: f64,
    weight: f64,
}

const NOTHING: Scale = Scale::Linear {
    from: 0.0,
    to: 1.0,
    step: 1.0,
};

impl<'a> Maker<'a> {
    fn new(table: &'a Table, design: Option<&'a Design>, ask: &'a Ask) -> Self {
        let axis = Axis {
            title: String::new(),
            scale: NOTHING,
        };
        Maker {
            table,
            ask,
            text: Text(ask.language),
            design,
            plot: Plot {
                form: design.map_or(Form::Value, |d| d.form),
                title: String::new(),
                notes: Vec::new(),
                x: axis.clone(),
                y: axis,
                series: vec![String::new()],
                legend: String::new(),
                shades: None,
                marks: Vec::new(),
                horizontal: false,
                stacked: false,
                width: ask.width,
                height: ask.height.unwrap_or(400.0),
            },
            missing: 0.0,
            below: 0.0,
            rest: None,
        }
    }

    fn column(&self, i: Option<usize>) -> Option<&'a Column> {
        self.table.columns.get(i?)
    }

    fn x(&self) -> Option<&'a Column> {
        self.column(self.design.and_then(|d| d.x))
    }

    fn color(&self) -> Option<&'a Column> {
        self.column(self.design.and_then(|d| d.color))
    }

    fn measures(&self) -> Vec<&'a Column> {
        let measures = self.design.map(|d| d.measures.as_slice());
        let measures = measures.unwrap_or_default().iter();
        measures.filter_map(|m| self.column(Some(*m))).collect()
    }

    fn measure(&self) -> Option<&'a Column> {
        self.measures().first().copied()
    }

    /// The rows as series of a measure: by the colour, or by the name of the measure where there are several.
    fn seen(&mut self) -> Vec<Seen> {
        let measures = self.measures();
        let none = self.text.none();
        let mut seen = Vec::new();
        for (row, weight) in self.table.weights.iter().enumerate() {
            let x = self
                .x()
                .and_then(|c| c.numbers.get(row))
                .copied()
                .unwrap_or(f64::NAN);
            let name = self
                .x()
                .and_then(|c| c.label(row))
                .unwrap_or_else(|| none.clone());
            let color = self
                .color()
                .map(|c| c.label(row).unwrap_or_else(|| none.clone()));
            let mut add = |series: String, value: f64| {
                let (name, weight) = (name.clone(), *weight);
                seen.push(Seen {
                    x,
                    name,
                    series,
                    value,
                    weight,
                });
            };
            match measures.as_slice() {
                [] => add(color.unwrap_or_default(), 1.0),
                [one] => add(color.unwrap_or_default(), number(one, row)),
                several => several
                    .iter()
                    .for_each(|c| add(c.name.clone(), number(c, row))),
            }
        }
        let all: f64 = seen.iter().map(|s| s.weight).sum();
        seen.retain(|s| !s.value.is_nan());
        let left: f64 = seen.iter().map(|s| s.weight).sum();
        self.missing += all - left;
        if self.ask.log {
            let (all, count) = (left, seen.len());
            seen.retain(|s| s.value > 0.0);
            if seen.len() < count {
                self.below += all - seen.iter().map(|s| s.weight).sum::<f64>();
            }
        }
        seen
    }

    fn agg(&self) -> Agg {
        match self.measure() {
            None => Agg::Count,
            Some(column) => self.ask.agg.unwrap_or(if column.adds_up() {
                Agg::Sum
            } else {
                Agg::Mean
            }),
        }
    }

    /// Only the first series, by the sum of their values without signs, keep their names.
    fn few_series(&mut self, seen: &mut [Seen], most: usize) {
        let mut sizes: BTreeMap<String, f64> = BTreeMap::new();
        for row in seen.iter() {
            *sizes.entry(row.series.clone()).or_default() += row.value.abs() * row.weight;
        }
        let mut order = reduce::ordered(&sizes);
        let several = self.measures().len() > 1;
        if several {
            order = self
                .measures()
                .iter()
                .map(|c| c.name.clone())
                .filter(|n| sizes.contains_key(n))
                .collect();
        }
        if order.len() > most {
            let mut by_size: Vec<(&String, &f64)> = sizes.iter().collect();
            by_size.sort_by(|a, b| b.1.total_cmp(a.1));
            let kept: BTreeSet<String> = by_size
                .into_iter()
                .take(most - 1)
                .map(|(n, _)| n.clone())
                .collect();
            let rest = self.text.rest_as(order.len() - kept.len(), self.agg());
            self.rest = Some(rest.clone());
            order.retain(|name| kept.contains(name));
            for row in seen.iter_mut().filter(|row| !kept.contains(&row.series)) {
                row.series.clone_from(&rest);
            }
            order.push(rest);
        }
        if let Some(color) = self.color() {
            self.plot.legend.clone_from(&color.name);
        }
        self.plot.series = if order.is_empty() {
            vec![String::new()]
        } else {
            order
        };
    }

    /// The names on an axis, what is more than so many put together. Values of them are as the measure is put together.
    fn few_names(
        &mut self,
        seen: &mut [Seen],
        most: usize,
        of: fn(&mut Seen) -> &mut String,
    ) -> Vec<String> {
        let agg = self.agg();
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for row in seen.iter_mut() {
            let (value, weight) = (row.value, row.weight);
            groups
                .entry(of(row).clone())
                .or_default()
                .add(value, weight);
        }
        let values: BTreeMap<String, f64> = groups
            .iter()
            .map(|(n, g)| (n.clone(), g.value(agg)))
            .collect();
        let mut order = reduce::ordered(&values);
        if order.len() > most {
            // The largest in either direction stay.
            let mut by_size: Vec<(&String, f64)> =
                values.iter().map(|(n, v)| (n, v.abs())).collect();
            by_size.sort_by(|a, b| b.1.total_cmp(&a.1));
            let kept: BTreeSet<String> = by_size
                .into_iter()
                .take(most - 1)
                .map(|(n, _)| n.clone())
                .collect();
            let rest = self.text.rest_as(order.len() - kept.len(), agg);
            self.rest = Some(rest.clone());
            order.retain(|name| kept.contains(name));
            for row in seen.iter_mut() {
                if !kept.contains(of(row)) {
                    of(row).clone_from(&rest);
                }
            }
            order.push(rest);
        }
        order
    }

    /// The places of the rows, each with its value: by the number of the place or the bits of the number, and the series.
    fn groups(
        &mut self,
        seen: &[Seen],
        place: impl Fn(&Seen) -> Option<f64>,
    ) -> Vec<(f64, usize, f64)> {
        let agg = self.agg();
        let series: BTreeMap<&str, usize> = self
            .plot
            .series
            .iter()
            .enumerate()
            .map(|(i, s)| (s.as_str(), i))
            .collect();
        let mut groups: BTreeMap<(usize, i64), (f64, Group)> = BTreeMap::new();
        let mut missing = 0.0;
        let mut together = BTreeSet::new();
        for row in seen {
            match (place(row), series.get(row.series.as_str())) {
                (Some(x), Some(series)) => {
                    let group = groups
                        .entry((*series, order(x)))
                        .or_insert((x, Group::default()));
                    group.1.add(row.value, row.weight);
                    if [&row.name, &row.series]
                        .into_iter()
                        .any(|name| self.rest.as_ref() == Some(name))
                    {
                        together.insert((*series, order(x)));
                    }
                }
                _ => missing += row.weight,
            }
        }
        self.missing += missing;
        let several = groups
            .iter()
            .any(|(at, (_, g))| g.rows() > 1.0 && !together.contains(at));
        let y = self.text.measure(&names(&self.measures()), agg, several);
        self.plot.y.title = y;
        groups
            .into_iter()
            .map(|((series, _), (x, group))| (x, series, group.value(agg)))
            .filter(|(_, _, value)| value.abs() < LARGEST)
            .collect()
    }

    fn value(&mut self) {
        let Some(column) = self.measure() else { return };
        self.plot.y.title.clone_from(&column.name);
        let value = column.numbers.first().copied().unwrap_or(f64::NAN);
        if value.is_finite() {
            self.plot.marks.push(mark(0, 0.0, value));
        } else {
            self.missing += 1.0;
        }
        self.plot.title = self.ask.title.clone().unwrap_or_default();
    }

    fn lines(&mut self) {
        let Some(x) = self.x() else { return };
        let mut seen = self.seen();
        self.few_series(&mut seen, LINES);
        // Counted by a part of the calendar of which there are some thirty.
        let unit = match (self.measure(), x.kind, x.range()) {
            (None, Kind::Time, Some((from, to))) => Some(Unit::of(from, to, 40)),
            _ => None,
        };
        let groups = self.groups(&seen, |row| {
            let x = unit.map_or(row.x, |unit| unit.start(row.x));
            x.is_finite().then_some(x)
        });
        let most = (self.ask.max_rows / self.plot.series.len().max(1)).max(3);
        let area = self.plot.form == Form::Area;
        self.plot.stacked = area && self.plot.series.len() > 1;
        let mut thinned = false;
        let mut lines: Vec<Vec<(f64, f64)>> = vec![Vec::new(); self.plot.series.len()];
        for (x, series, value) in groups {
            if let Some(line) = lines.get_mut(series) {
                line.push((x, value));
            }
        }
        if let (Some(unit), Some((from, to))) = (unit, x.range()) {
            // A part of the calendar without a row has none.
            for line in &mut lines {
                *line = filled(line, unit, from, to);
            }
        }
        let shown: usize = lines.iter().map(Vec::len).sum();
        for (series, line) in lines.iter().enumerate() {
            let points = if self.plot.stacked {
                line.clone()
            } else {
                reduce::thinned(line, most)
            };
            thinned |= points.len() < line.len();
            self.plot
                .marks
                .extend(points.iter().map(|(x, y)| mark(series, *x, *y)));
        }
        if self.plot.stacked {
            self.stack();
        }
        if thinned {
            let note = self.text.thinned(self.plot.marks.len(), shown);
            self.plot.notes.push(note);
        }
        self.plot.x = Axis {
            title: x.name.clone(),
            scale: along(x, self.plot.marks.iter().map(|m| m.x)),
        };
        self.measure_axis(area);
        let color = self.color().map(|c| c.name.as_str());
        self.plot.title = self.text.over(&self.plot.y.title, &x.name, color);
    }

    /// Puts marks of one place on each other, those above 0 and those below apart.
    fn stack(&mut self) {
        let mut tops: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        for mark in &mut self.plot.marks {
            let (above, below) = tops.entry(order(mark.x)).or_default();
            let top = if mark.value >= 0.0 { above } else { below };
            mark.y2 = *top;
            *top += mark.value;
            mark.y = *top;
        }
    }

    /// The axis of the values that are drawn.
    fn measure_axis(&mut self, zero: bool) {
        let marks = self.plot.marks.iter();
        let ends = marks.flat_map(|m| [m.y, m.lo, m.hi, if zero { m.y2 } else { m.y }]);
        let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
        for end in ends.filter(|e| e.is_finite() && (!self.ask.log || *e > 0.0)) {
            lo = lo.min(end);
            hi = hi.max(end);
        }
        if lo > hi {
            (lo, hi) = (if self.ask.log { 1.0 } else { 0.0 }, 1.0);
        }
        self.plot.y.scale = if self.ask.log {
            Scale::log(lo, hi)
        } else {
            Scale::linear(lo, hi, zero, 5.0)
        };
        if let (true, Scale::Log { from, .. }) = (zero, &self.plot.y.scale) {
            let from = *from;
            for mark in self.plot.marks.iter_mut().filter(|m| m.y2 <= 0.0) {
                mark.y2 = from;
            }
        }
    }

    fn band(&mut self) {
        let measures = self.measures();
        let (Some(x), [value, lo, hi]) = (self.x(), measures.as_slice()) else {
            return;
        };
        let names: BTreeSet<String> = match self.color() {
            Some(color) => (0..self.table.rows())
                .filter_map(|row| color.label(row))
                .collect(),
            None => BTreeSet::new(),
        };
        if !names.is_empty() {
            self.plot.series = names.into_iter().collect();
            self.plot.legend = self.color().map(|c| c.name.clone()).unwrap_or_default();
        }
        let flags = self
            .table
            .find("is_anomaly")
            .and_then(|i| self.column(Some(i)));
        for row in 0..self.table.rows() {
            let at = x.numbers.get(row).copied().unwrap_or(f64::NAN);
            let y = number(value, row);
            let (lo, hi) = (number(lo, row), number(hi, row));
            let label = self.color().and_then(|c| c.label(row)).unwrap_or_default();
            let series = self.plot.series.iter().position(|s| *s == label);
            let empty = y.is_nan() && (lo.is_nan() || hi.is_nan());
            let (Some(series), false, false) = (series, at.is_nan(), empty) else {
                self.missing += self.table.weights.get(row).copied().unwrap_or(1.0);
                continue;
            };
            self.plot.marks.push(Mark {
                lo: if hi.is_nan() { hi } else { lo },
                hi: if lo.is_nan() { lo } else { hi },
                flagged: flags.is_some_and(|f| number(f, row) > 0.0),
                ..mark(series, at, y)
            });
        }
        self.plot
            .marks
            .sort_by(|a, b| a.series.cmp(&b.series).then(a.x.total_cmp(&b.x)));
        self.plot.x = Axis {
            title: x.name.clone(),
            scale: along(x, self.plot.marks.iter().map(|m| m.x)),
        };
        self.plot.y.title.clone_from(&value.name);
        self.measure_axis(false);
        let color = self.color().map(|c| c.name.as_str());
        self.plot.title = self.text.over(&value.name, &x.name, color);
    }

    fn bars(&mut self) {
        let mut seen = self.seen();
        let pie = self.plot.form == Form::Pie;
        self.few_series(&mut seen, LINES);
        let x = self.x();
        let names = match x {
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

    /// The first axis has names; bars lie where they are many or long.
    fn names_axis(&mut self, names: Vec<String>, title: String) {
        let timed = self
            .x()
            .is_some_and(|c| matches!(c.kind, Kind::Time | Kind::Number));
        let room = (self.plot.width - 90.0) / names.len().max(1) as f64;
        let widest = names
            .iter()
            .map(|n| super::text::width(n, 11.0))
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

    fn points(&mut self) {
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

    fn bins(&mut self) {
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

    fn heatmap(&mut self) {
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

    fn histogram(&mut self) {
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

    fn waterfall(&mut self) {
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

    fn tornado(&mut self) {
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

    fn finish(mut self) -> Plot {
        if let Some(title) = &self.ask.title {
            self.plot.title.clone_from(title);
        }
        let plot = &mut self.plot;
        if self.table.one_of > 1 {
            plot.notes
                .push(self.text.sampled(self.table.one_of, self.table.seen));
        }
        if self.missing >= 1.0 {
            plot.notes.push(self.text.missing(self.missing));
        }
        if self.below >= 1.0 {
            plot.notes.push(self.text.below(self.below));
        }
        if plot.marks.is_empty() {
            plot.notes.push(self.text.empty());
        }
        self.plot
    }
}

fn mark(series: usize, x: f64, y: f64) -> Mark {
    Mark {
        series,
        x,
        x2: x,
        y,
        y2: 0.0,
        lo: f64::NAN,
        hi: f64::NAN,
        value: y,
        flagged: false,
    }
}

/// A row's number, NaN if there is none that can be drawn.
fn number(column: &Column, row: usize) -> f64 {
    let number = column.numbers.get(row).copied().unwrap_or(f64::NAN);
    if number.abs() < LARGEST {
        number
    } else {
        f64::NAN
    }
}

/// Numbers in the order of their values.
fn order(number: f64) -> i64 {
    let bits = (number + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The axis along which lines and points go.
fn along(column: &Column, values: impl Iterator<Item = f64> + Clone) -> Scale {
    let range = values.clone().fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((lo, hi)) => Some((f64::min(lo, v), f64::max(hi, v))),
    });
    match (column.kind, range) {
        (_, None) => NOTHING,
        // One day says nothing of its being the first of a year.
        (Kind::Time, Some((lo, hi))) if lo == hi => Scale::time(lo, hi, Unit::Days(1)),
        (Kind::Time, Some((lo, hi))) => Scale::time(lo, hi, Unit::common(values)),
        (_, Some((lo, hi))) => Scale::linear(lo, hi, false, 8.0),
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

/// Counts with a 0 for each part of the calendar that has none.
fn filled(line: &[(f64, f64)], unit: Unit, from: f64, to: f64) -> Vec<(f64, f64)> {
    let known: BTreeMap<i64, f64> = line.iter().map(|(x, y)| (order(*x), *y)).collect();
    let mut filled = Vec::new();
    let mut at = unit.start(from);
    while at <= to && filled.len() < 1000 {
        filled.push((at, known.get(&order(at)).copied().unwrap_or(0.0)));
        let next = unit.next(at);
        if next <= at {
            break;
        }
        at = next;
    }
    filled
}
