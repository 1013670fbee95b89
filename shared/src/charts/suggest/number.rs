//! One number, how numbers are spread, and how two go together.

use super::{COLORS, Maker, POINTS};
use crate::charts::ask::Form;
use crate::charts::table::Kind;

impl Maker<'_> {
    pub(super) fn values(&mut self) {
        if let (1, [measure, ..], None) = (self.table.seen, self.measures.as_slice(), self.x) {
            let measure = *measure;
            let reason = ("one row has one number to read", "只有一行，直接读数即可");
            self.push(Form::Value, None, &[measure], None, 0.97, reason);
        }
    }

    pub(super) fn points(&mut self) {
        let rows = self.table.rows();
        let x = match self.x {
            Some(x) => self.column(x).filter(|c| c.kind == Kind::Number).map(|_| x),
            None => self.measures.first().copied(),
        };
        let Some(x) = x else { return };
        let others: Vec<usize> = self.measures.iter().copied().filter(|m| *m != x).collect();
        let categories = self.by(Kind::Category);
        let grouped = categories
            .iter()
            .any(|c| self.distinct(*c) <= 50 && self.unique(&[*c]));
        let timed = self
            .by(Kind::Time)
            .iter()
            .any(|t| 10 * self.distinct(*t) > rows);
        for (j, y) in others.into_iter().take(3).enumerate() {
            let (x, y) = match (self.x, self.ask.y.is_some()) {
                (None, true) => (y, x),
                _ => (x, y),
            };
            let score = match (rows, grouped || timed) {
                (0..=2, _) => 0.3,
                (_, true) => 0.7,
                (3..=11, _) => 0.78,
                _ => 0.84,
            } - 0.02 * j as f64;
            let colors = self.colors(&[x, y]);
            let color = colors
                .into_iter()
                .find(|c| self.color.is_some() || self.distinct(*c) <= COLORS && !grouped);
            let reason = ("how two numbers go together", "两个数值之间的关系");
            let crowd = (
                "how two numbers go together, counted since the points would hide each other",
                "两个数值之间的关系；点太密，按格计数",
            );
            if rows > POINTS {
                self.push(Form::Bins, Some(x), &[y], None, score, crowd);
                self.push(Form::Point, Some(x), &[y], color, score - 0.3, reason);
            } else {
                self.push(Form::Point, Some(x), &[y], color, score, reason);
                self.push(Form::Bins, Some(x), &[y], None, score - 0.4, crowd);
            }
        }
    }

    pub(super) fn distributions(&mut self) {
        let rows = self.table.rows();
        let alone = self.by(Kind::Time).is_empty()
            && self.measures.len() == 1
            && self.by(Kind::Category).is_empty();
        let measures = match self.x {
            Some(x) => vec![x],
            None => self.measures.clone(),
        };
        for (j, measure) in measures.into_iter().take(3).enumerate() {
            if self.column(measure).is_none_or(|c| c.kind != Kind::Number) {
                continue;
            }
            let score = match (alone, rows) {
                (true, 2..) => 0.85,
                (true, _) => 0.5,
                (_, 30..) => 0.65,
                _ => 0.3,
            } - 0.02 * j as f64;
            let reason = ("how the values of a number are spread", "数值的分布");
            self.push(Form::Histogram, Some(measure), &[], None, score, reason);
        }
    }
}
