//! Which pictures suit the rows, the best first, each with its reason.

use std::collections::BTreeSet;

use super::ask::{Ask, Form};
use super::table::{Column, Kind, Table, is_word};
use crate::options::listed;
use crate::{Error, Result};

/// A picture: which columns go where.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// What is drawn.
    pub form: Form,
    /// The column that the others are seen by; `None` for one number, or for the name of a measure.
    pub x: Option<usize>,
    /// What is measured; none counts rows. Several are series of their own, or of a band value, low and high.
    pub measures: Vec<usize>,
    /// A series, or the second direction of a heat map.
    pub color: Option<usize>,
    /// From 0 to 1.
    pub score: f64,
    /// In English and in Chinese.
    pub reason: (&'static str, &'static str),
}

/// The most categories of which each is told apart by its colour without thought.
const COLORS: usize = 8;

/// The most points that do not hide each other.
const POINTS: usize = 5_000;

/// The designs, best first; at least one if there is a row.
///
/// Errors if a column that is asked for is not there, or if the rows do not suit the form.
pub fn suggest(table: &Table, ask: &Ask) -> Result<Vec<Design>> {
    let mut maker = Maker::of(table, ask)?;
    maker.all();
    let mut designs = maker.designs;
    designs.retain(|d| ask.form.is_none_or(|form| d.form == form));
    // Stable: of equals the first column goes first.
    designs.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut unique: Vec<Design> = Vec::new();
    for design in designs {
        let same = |d: &Design| {
            (d.form, d.x, &d.measures, d.color)
                == (design.form, design.x, &design.measures, design.color)
        };
        if !unique.iter().any(same) {
            unique.push(design);
        }
    }
    unique.truncate(10);
    match (unique.is_empty() && !table.columns.is_empty(), ask.form) {
        (true, Some(form)) => Err(Error::new(format!(
            "kind \"{}\" needs {}; the source has {}",
            form.name(),
            form.needs(),
            described(table)
        ))),
        (true, None) => Err(Error::new(format!(
            "nothing in the source can be drawn: it has {}; give a query with a number, a date or a text",
            described(table)
        ))),
        _ => Ok(unique),
    }
}

/// The columns with what they hold.
fn described(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|c| {
            let kind = match c.kind {
                Kind::Time => "times",
                Kind::Number => "numbers",
                Kind::Category => "texts",
                Kind::Id => "ids",
                Kind::Other => "no values to draw",
            };
            format!("{} ({kind})", c.name)
        })
        .collect();
    listed(&columns, "and")
}

struct Maker<'a> {
    table: &'a Table,
    ask: &'a Ask,
    x: Option<usize>,
    color: Option<usize>,
    measures: Vec<usize>,
    designs: Vec<Design>,
}

impl<'a> Maker<'a> {
    fn of(table: &'a Table, ask: &'a Ask) -> Result<Self> {
        let named = |name: &Option<String>| match name {
            // Without a row nothing is known of the columns.
            Some(_) if table.columns.is_empty() => Ok(None),
            Some(name) => table.find(name).map(Some).ok_or_else(|| {
                let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
                Error::new(format!(
                    "column \"{name}\" is not in the source; it has {}",
                    listed(&names, "and")
                ))
            }),
            None => Ok(None),
        };
        let (x, color) = (named(&ask.x)?, named(&ask.color)?);
        let measures = match named(&ask.y)? {
            Some(y) => {
                let column = table.columns.get(y);
                if let Some(column) = column.filter(|c| !matches!(c.kind, Kind::Number | Kind::Id))
                {
                    return Err(Error::new(format!(
                        "y is the column \"{}\", which holds no numbers; give one of numbers",
                        column.name
                    )));
                }
                vec![y]
            }
            None => (0..table.columns.len())
                .filter(|i| Some(*i) != x && Some(*i) != color)
                .filter(|i| {
                    table
                        .columns
                        .get(*i)
                        .is_some_and(|c| c.kind == Kind::Number)
                })
                .collect(),
        };
        Ok(Maker {
            table,
            ask,
            x,
            color,
            measures,
            designs: Vec::new(),
        })
    }

    fn column(&self, i: usize) -> Option<&'a Column> {
        self.table.columns.get(i)
    }

    /// The columns of a kind that may be what others are seen by.
    fn by(&self, kind: Kind) -> Vec<usize> {
        let columns = 0..self.table.columns.len();
        columns
            .filter(|i| match self.x {
                Some(x) => x == *i,
                None => {
                    Some(*i) != self.color && !(self.ask.y.is_some() && self.measures.contains(i))
                }
            })
            .filter(|i| self.column(*i).is_some_and(|c| c.kind == kind))
            .collect()
    }

    /// What may have a colour for each of its values, if they are not `others`.
    fn colors(&self, others: &[usize]) -> Vec<usize> {
        match self.color {
            Some(color) => vec![color],
            None => (0..self.table.columns.len())
                .filter(|i| !others.contains(i))
                .filter(|i| {
                    self.column(*i)
                        .is_some_and(|c| c.kind == Kind::Category && c.distinct > 1)
                })
                .collect(),
        }
    }

    fn named(&self, names: &[&str]) -> Option<usize> {
        let columns = self.table.columns.iter();
        columns
            .enumerate()
            .find(|(_, c)| {
                c.kind == Kind::Number && names.contains(&c.name.to_lowercase().as_str())
            })
            .map(|(i, _)| i)
    }

    fn distinct(&self, column: usize) -> usize {
        self.column(column).map_or(0, |c| c.distinct)
    }

    /// Whether no two rows have the same values in these columns.
    fn unique(&self, columns: &[usize]) -> bool {
        let rows = self.table.rows();
        let mut seen = BTreeSet::new();
        (0..rows).all(|row| {
            let weight = self.table.weights.get(row);
            let key: Vec<_> = columns
                .iter()
                .filter_map(|i| self.column(*i))
                .map(|c| (c.texts.get(row), c.numbers.get(row).map(|n| n.to_bits())))
                .collect();
            weight.is_some_and(|w| *w < 2.0) && seen.insert(key)
        })
    }

    fn push(
        &mut self,
        form: Form,
        x: Option<usize>,
        measures: &[usize],
        color: Option<usize>,
        score: f64,
        reason: (&'static str, &'static str),
    ) {
        self.designs.push(Design {
            form,
            x,
            measures: measures.to_vec(),
            color,
            score,
            reason,
        });
    }

    fn all(&mut self) {
        if self.table.rows() == 0 {
            return;
        }
        self.values();
        self.bands();
        self.named_forms();
        self.over_time();
        self.sequences();
        self.by_category();
        self.points();
        self.distributions();
    }

    fn values(&mut self) {
        if let (1, [measure, ..], None) = (self.table.seen, self.measures.as_slice(), self.x) {
            let measure = *measure;
            let reason = ("one row has one number to read", "只有一行，直接读数即可");
            self.push(Form::Value, None, &[measure], None, 0.97, reason);
        }
    }

    /// Forecasts and anomalies: a value between two bounds.
    fn bands(&mut self) {
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
        let series = colors.into_iter().find(|c| {
            self.distinct(*c) <= COLORS && (self.color.is_some() || self.is_named(*c, "series"))
        });
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

    fn is_named(&self, column: usize, name: &str) -> bool {
        self.column(column)
            .is_some_and(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// What tells by the names of its columns what it is: the rows of drivers and of sensitivities.
    fn named_forms(&mut self) {
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

    fn over_time(&mut self) {
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

    /// Whether several numbers can share an axis.
    fn alike(&self, measures: &[usize]) -> bool {
        let sizes: Vec<f64> = measures
            .iter()
            .filter_map(|m| self.column(*m)?.range())
            .map(|(lo, hi)| lo.abs().max(hi.abs()))
            .collect();
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        let smallest = sizes.iter().copied().fold(f64::INFINITY, f64::min);
        (2..=COLORS).contains(&sizes.len()) && smallest * 20.0 >= largest
    }

    /// Whole numbers in a row, such as months or ratings.
    fn sequences(&mut self) {
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

    fn by_category(&mut self) {
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
                    let small = self.distinct(color) <= COLORS.min(6) || distinct <= 2;
                    let reason = ("a number for each pair of categories", "每对类别的数值");
                    let score = score + pairs - if small { 0.1 } else { 0.005 };
                    self.push(
                        Form::Heatmap,
                        Some(category),
                        &[measure],
                        Some(color),
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
                    self.push(
                        Form::Heatmap,
                        Some(category),
                        &[],
                        Some(color),
                        score,
                        reason,
                    );
                }
            }
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

    fn points(&mut self) {
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

    fn distributions(&mut self) {
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
