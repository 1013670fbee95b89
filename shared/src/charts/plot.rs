//! A picture as values and axes, which [`super::vega`] and [`super::svg`] both write.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{Agg, Ask, Form};
use super::reduce::{self, Group};
use super::scale::{Scale, Unit};
use super::suggest::Design;
use super::table::{Column, Kind, Table};
use super::text::{Text, names};

mod bars;
mod cells;
mod lines;

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
