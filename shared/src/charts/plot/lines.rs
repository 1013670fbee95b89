//! Lines, areas, and lines in a band.

use std::collections::{BTreeMap, BTreeSet};

use super::{Axis, LINES, Maker, Mark, along, mark, number, order};
use crate::charts::ask::Form;
use crate::charts::reduce;
use crate::charts::scale::Unit;
use crate::charts::table::Kind;

impl Maker<'_> {
    pub(super) fn lines(&mut self) {
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
        // Counts are seen against none.
        self.measure_axis(area || self.measure().is_none());
        let color = self.color().map(|c| c.name.as_str());
        self.plot.title = self.text.over(&self.plot.y.title, &x.name, color);
    }

    /// Thins out the lines of bands, each with what is around it; anomalies stay.
    fn thin_band(&mut self) {
        let most = (self.ask.max_rows / self.plot.series.len().max(1)).max(3);
        let marks = std::mem::take(&mut self.plot.marks);
        for line in marks.chunk_by(|a, b| a.series == b.series) {
            let points: Vec<(f64, f64)> = line.iter().map(middle).collect();
            let place = |(x, y): (f64, f64)| (order(x), order(y));
            let kept: BTreeSet<(i64, i64)> = reduce::thinned(&points, most)
                .into_iter()
                .map(place)
                .collect();
            let stays = |m: &&Mark| m.flagged || kept.contains(&place(middle(m)));
            self.plot.marks.extend(line.iter().filter(stays).cloned());
        }
        if self.plot.marks.len() < marks.len() {
            let note = self.text.thinned(self.plot.marks.len(), marks.len());
            self.plot.notes.push(note);
        }
    }

    pub(super) fn band(&mut self) {
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
        self.thin_band();
        self.plot.x = Axis {
            title: x.name.clone(),
            scale: along(x, self.plot.marks.iter().map(|m| m.x)),
        };
        self.plot.y.title.clone_from(&value.name);
        self.measure_axis(false);
        let color = self.color().map(|c| c.name.as_str());
        self.plot.title = self.text.over(&value.name, &x.name, color);
    }
}

/// A point of a line in a band; the middle of the band where there is no line.
fn middle(mark: &Mark) -> (f64, f64) {
    let y = if mark.y.is_nan() {
        f64::midpoint(mark.lo, mark.hi)
    } else {
        mark.y
    };
    (mark.x, y)
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
