//! Numbers of categories.

use std::collections::BTreeSet;

use super::{COLORS, Maker};
use crate::charts::ask::Form;
use crate::charts::table::{Column, Kind, is_word};

impl Maker<'_> {
    /// What tells by the names of its columns what it is: the rows of drivers and of sensitivities.
    pub(super) fn named_forms(&mut self) {
        let Some(category) = self.by(Kind::Category).first().copied() else {
            return;
        };
        if let (Some(low), Some(high)) = (self.named(&["low", "lo"]), self.named(&["high", "hi"])) {
            let swing = self.named(&["swing"]).is_some();
            let reason = (
                "how far each name moves the result, the largest first",
                "各因素对结果的影响幅度，从大到小",
            );
            let score = if swing { 0.95 } else { 0.5 };
            if self.unique(&[category]) {
                self.push(
                    Form::Tornado,
                    Some(category),
                    &[low, high],
                    None,
                    score,
                    reason,
                );
            }
        }
        let parts = [
            "difference",
            "change",
            "delta",
            "effect",
            "contribution",
            "diff",
        ];
        let asked = self.ask.form == Some(Form::Waterfall);
        let part = self.measures.iter().copied().find(|m| {
            let name = self.column(*m).map(|c| c.name.to_lowercase());
            asked || name.is_some_and(|n| parts.iter().any(|p| is_word(&n, p)))
        });
        if let Some(part) = part.filter(|_| self.unique(&[category])) {
            let reason = ("parts that add up to a whole change", "各部分累加成总变化");
            self.push(Form::Waterfall, Some(category), &[part], None, 0.92, reason);
        }
    }

    pub(super) fn by_category(&mut self) {
        let mut categories = self.by(Kind::Category);
        if self.x.is_some() {
            categories.extend(self.by(Kind::Id));
            let few = |c: &usize| self.color.is_some() && self.distinct(*c) <= 50;
            categories.extend(self.by(Kind::Number).into_iter().filter(few));
        }
        let rows = self.table.rows();
        if self.measures.is_empty() {
            // Of many columns those whose values come more than once say more.
            let nulls = |c: &usize| {
                let texts = self.column(*c).map(|c| c.texts.iter());
                texts.map_or(0, |texts| texts.filter(|t| t.is_none()).count())
            };
            categories.sort_by_key(|c| {
                let many = self.distinct(*c);
                (many > 30 || 2 * nulls(c) > rows, 2 * many > rows)
            });
        }
        for (i, category) in categories.iter().copied().take(3).enumerate() {
            let distinct = self.distinct(category);
            let long = if distinct > 50 { 0.1 } else { 0.0 };
            let less = 0.02 * i as f64 + long;
            let unique = self.unique(&[category]);
            // Rows that are one of many of their category.
            let raw = rows > 5 * distinct.max(1);
            let colors = self.colors(&[category]);
            for (j, measure) in self.measures.clone().into_iter().take(3).enumerate() {
                let less = less + 0.02 * j as f64;
                let score = if raw { 0.8 } else { 0.86 } - less;
                let reason = (
                    "a number of each category, sorted",
                    "各类别的数值，按大小排序",
                );
                self.push(
                    Form::Bar,
                    Some(category),
                    &[measure],
                    self.color,
                    score,
                    reason,
                );
                let asked = self.color.is_some();
                for color in colors.iter().copied().take(2).filter(|_| !unique || asked) {
                    let pairs = if self.unique(&[category, color]) {
                        0.015
                    } else {
                        -0.03
                    };
                    if self.distinct(color) <= COLORS || self.color.is_some() {
                        let reason = (
                            "a number of each category, by a second one",
                            "各类别的数值，按第二类别区分",
                        );
                        self.push(
                            Form::Bar,
                            Some(category),
                            &[measure],
                            Some(color),
                            score + pairs,
                            reason,
                        );
                    }
                    // More bars than fit side by side are read in cells.
                    let colors = self.distinct(color);
                    let crowded = colors * distinct > 60;
                    let small = colors <= 6 && !crowded || distinct <= 2;
                    let reason = ("a number for each pair of categories", "每对类别的数值");
                    let less = match (small, crowded) {
                        (true, _) => 0.1,
                        (_, true) => -0.005,
                        _ => 0.005,
                    };
                    let score = score + pairs - less;
                    let (across, down) = self.cells(category, color);
                    self.push(
                        Form::Heatmap,
                        Some(across),
                        &[measure],
                        Some(down),
                        score,
                        reason,
                    );
                }
                let positive = self
                    .column(measure)
                    .and_then(Column::range)
                    .is_some_and(|r| r.0 >= 0.0);
                if positive && distinct <= 6 || self.ask.form == Some(Form::Pie) {
                    let reason = (
                        "shares of one whole; bars are read more exactly",
                        "整体的占比；条形图读数更准",
                    );
                    self.push(
                        Form::Pie,
                        Some(category),
                        &[measure],
                        None,
                        0.4 - less,
                        reason,
                    );
                }
            }
            if unique
                && self.measures.len() > 1
                && self.color.is_none()
                && self.alike(&self.measures)
                && self.same_words()
            {
                let measures = self.measures.clone();
                let reason = (
                    "several numbers of one size of each category",
                    "各类别的多个量级相近的数值",
                );
                self.push(
                    Form::Bar,
                    Some(category),
                    &measures,
                    None,
                    0.87 - less,
                    reason,
                );
            }
            if self.ask.y.is_none() {
                let none = self.measures.is_empty();
                let score = if none && !unique { 0.8 } else { 0.5 } - less;
                let reason = ("how many rows each category has", "各类别的行数");
                self.push(Form::Bar, Some(category), &[], self.color, score, reason);
                let asked = self.color.is_some();
                for color in colors
                    .iter()
                    .copied()
                    .take(2)
                    .filter(|c| *c > category || asked)
                {
                    let small = self.distinct(color) <= COLORS;
                    let reason = (
                        "how many rows each pair of categories has",
                        "每对类别的行数",
                    );
                    let score = score
                        + if small && distinct <= 50 && none {
                            0.01
                        } else {
                            -0.05
                        };
                    let (across, down) = self.cells(category, color);
                    self.push(Form::Heatmap, Some(across), &[], Some(down), score, reason);
                }
            }
        }
    }

    /// Which of two categories goes across: of many names the more go down, where there is room to read them.
    fn cells(&self, category: usize, color: usize) -> (usize, usize) {
        let many = self.distinct(category) > self.distinct(color).max(12);
        if many && self.x.is_none() && self.color.is_none() {
            (color, category)
        } else {
            (category, color)
        }
    }

    /// Whether the names of the measures have a word in common, or are alike but for digits: then they are one thing.
    fn same_words(&self) -> bool {
        let mut common: Option<BTreeSet<String>> = None;
        let mut digits = true;
        for column in self.measures.iter().filter_map(|m| self.column(*m)) {
            let lower = column.name.to_lowercase();
            digits &= lower.chars().any(|c| c.is_ascii_digit());
            let words = lower
                .split(|c: char| !c.is_alphabetic())
                .filter(|w| w.len() > 1);
            let words: BTreeSet<String> = words.map(str::to_owned).collect();
            common = Some(match common {
                None => words,
                Some(common) => common.intersection(&words).cloned().collect(),
            });
        }
        digits || common.is_some_and(|c| !c.is_empty())
    }
}
