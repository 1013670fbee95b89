//! Numbers over time or along a sequence.

use super::{COLORS, Maker};
use crate::charts::ask::Form;
use crate::charts::table::Kind;

impl Maker<'_> {
    /// Forecasts and anomalies: a value between two bounds.
    pub(super) fn bands(&mut self) {
        let (Some(low), Some(high)) = (
            self.named(&["lo", "lower", "low", "lower_bound", "value_lo"]),
            self.named(&["hi", "upper", "high", "upper_bound", "value_hi"]),
        ) else {
            return;
        };
        let axis = self.by(Kind::Time).first().copied();
        let axis = axis.or_else(|| {
            let steps = self.by(Kind::Number);
            let step = |i: &usize| self.column(*i).is_some_and(|c| c.whole);
            steps
                .into_iter()
                .find(step)
                .filter(|i| *i != low && *i != high)
        });
        let value = self.measures.iter().copied().find(|m| {
            ![Some(low), Some(high), axis].contains(&Some(*m)) && !self.is_named(*m, "step")
        });
        let (Some(axis), Some(value)) = (axis, value) else {
            return;
        };
        let colors = self.colors(&[axis, value, low, high]);
        let is_series = |c: &usize| self.color.is_some() || self.is_named(*c, "series");
        let series = colors.into_iter().find(is_series);
        // Without them the line would go from one series to the other.
        if series.is_some_and(|c| self.distinct(c) > COLORS) {
            return;
        }
        let reason = (
            "a value with its bounds over time: a line in a band",
            "随时间变化的值及其上下界：带区间的折线",
        );
        self.push(
            Form::Band,
            Some(axis),
            &[value, low, high],
            series,
            0.96,
            reason,
        );
    }

    pub(super) fn over_time(&mut self) {
        let measures: Vec<usize> = self.measures.clone();
        for (i, time) in self.by(Kind::Time).into_iter().take(2).enumerate() {
            let less = 0.03 * i as f64;
            let several = self.distinct(time) > 1;
            let unique = self.unique(&[time]);
            let colors = self.colors(&[time]);
            // Rows of which many share a time, by which they were not put together.
            let rows = self.table.rows();
            let grouped = 2 * rows >= 3 * self.distinct(time);
            let reason = ("a number over time", "数值随时间变化");
            for (j, measure) in measures.iter().take(3).enumerate() {
                let crowd =
                    10 * self.distinct(time) * colors.first().map_or(1, |c| self.distinct(*c));
                let raw = if rows > crowd && measures.len() > 1 {
                    0.12
                } else {
                    0.0
                };
                let score = if several { 0.9 } else { 0.5 } - raw - less - 0.02 * j as f64;
                let color = colors.iter().copied().find(|c| {
                    let few = self.distinct(*c) <= 12;
                    self.color.is_some()
                        || (!unique && (few || grouped && self.unique(&[time, *c])))
                });
                let split = (
                    "a number over time, a line for each value",
                    "数值随时间变化，每个类别一条线",
                );
                if color.is_some() {
                    self.push(
                        Form::Line,
                        Some(time),
                        &[*measure],
                        color,
                        score + 0.005,
                        split,
                    );
                    let reason = ("parts of a whole over time", "整体的各部分随时间变化");
                    self.push(
                        Form::Area,
                        Some(time),
                        &[*measure],
                        color,
                        score - 0.2,
                        reason,
                    );
                } else {
                    self.push(Form::Line, Some(time), &[*measure], None, score, reason);
                    self.push(
                        Form::Area,
                        Some(time),
                        &[*measure],
                        None,
                        score - 0.25,
                        reason,
                    );
                    let reason = ("a number at each of a few times", "少数几个时间点的数值");
                    let score = score - if self.distinct(time) <= 6 { 0.1 } else { 0.3 };
                    self.push(Form::Bar, Some(time), &[*measure], None, score, reason);
                }
            }
            if unique && self.color.is_none() && self.alike(&measures) {
                let reason = (
                    "several numbers of one size over time",
                    "多个量级相近的数值随时间变化",
                );
                self.push(Form::Line, Some(time), &measures, None, 0.91 - less, reason);
            }
            let count = ("how many rows there are over time", "行数随时间变化");
            let color = colors.iter().copied().find(|c| self.distinct(*c) <= COLORS);
            if self.ask.y.is_none() {
                let score = if measures.is_empty() { 0.8 } else { 0.55 } - less;
                self.push(Form::Line, Some(time), &[], self.color, score, count);
                self.push(Form::Line, Some(time), &[], color, score - 0.02, count);
            }
        }
    }

    /// Whole numbers in a row, such as months or ratings.
    pub(super) fn sequences(&mut self) {
        for x in self.by(Kind::Number).into_iter().take(2) {
            let Some(column) = self.column(x).filter(|c| c.whole) else {
                continue;
            };
            let measures: Vec<usize> = self.measures.iter().copied().filter(|m| *m != x).collect();
            let Some(measure) = measures.first().copied() else {
                continue;
            };
            let first = x < measure || self.x == Some(x);
            let color = self.colors(&[x, measure]).into_iter().next();
            let split = color.filter(|c| self.color.is_some() || self.unique(&[x, *c]));
            let unique = self.unique(&[x]);
            if !first || column.distinct < 2 || !(unique || split.is_some() || self.x.is_some()) {
                continue;
            }
            // Two measures of what a text names are no sequence.
            let steady = column
                .range()
                .is_some_and(|(lo, hi)| hi - lo <= 3.0 * column.distinct as f64);
            let labelled = split.is_none() && color.is_some();
            let score = match (steady, labelled) {
                (true, false) => 0.89,
                (true, true) => 0.7,
                _ => 0.6,
            };
            let split = split.filter(|_| !unique || self.color.is_some());
            let reason = ("a number along a sequence", "数值沿序列变化");
            let few = ("a number at each of a few steps", "少数几级上的数值");
            let (line, bar) = if column.distinct > 12 {
                (score, score - 0.1)
            } else {
                (score - 0.03, score)
            };
            self.push(Form::Line, Some(x), &[measure], split, line, reason);
            self.push(Form::Bar, Some(x), &[measure], split, bar, few);
            if unique && split.is_none() && self.alike(&measures) && measures.len() > 1 {
                let reason = (
                    "several numbers of one size along a sequence",
                    "多个量级相近的数值沿序列变化",
                );
                self.push(Form::Line, Some(x), &measures, None, line + 0.01, reason);
            }
        }
    }
}
