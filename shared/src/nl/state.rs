//! A reading of a question as far as it went.

use std::rc::Rc;

use super::ir::{Aggregate, Compare, Expr, Filter};
use super::model::{Features, Model};
use super::place::ColumnRef;

/// Features of the states before, which many states share.
#[derive(Debug)]
struct Before {
    features: Features,
    before: Option<Rc<Before>>,
}

/// What has been read, and what waits for a word to come.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The next token.
    pub at: usize,
    /// The sum of the weights so far.
    pub score: f32,
    /// What the score is of, since the states that this one came from.
    features: Features,
    before: Option<Rc<Before>>,
    pub select: Vec<Expr>,
    pub distinct: bool,
    pub filters: Vec<Filter>,
    pub having: Vec<Filter>,
    pub group: Vec<ColumnRef>,
    pub group_table: Option<usize>,
    pub order: Vec<(Expr, bool)>,
    pub limit: Option<u64>,
    /// Tables that the question names, with where.
    pub named: Vec<(usize, usize)>,
    /// Tables that take part even without a column.
    pub forced: Vec<usize>,
    /// Tables without whose rows, with a condition on them.
    pub without: Vec<(usize, Vec<Filter>)>,
    /// Another condition that must hold for another row of the same thing.
    pub also: Option<Filter>,
    pub full: bool,
    pub count_rows: bool,
    /// What was taken for granted on the way.
    pub notes: Vec<String>,
    pub wait: Waiting,
    /// The column that a comparison to come is about.
    pub focus: Option<Expr>,
    pub focus_used: bool,
    /// A condition has begun.
    pub condition: bool,
    /// The role of the mention before.
    pub last: &'static str,
    pub mentions: usize,
}

/// What waits for a word to come.
#[derive(Debug, Clone, Default)]
pub struct Waiting {
    pub aggregates: Vec<Aggregate>,
    pub last_aggregates: Vec<Aggregate>,
    pub distinct: bool,
    pub cmp: Option<Compare>,
    pub number: Option<f64>,
    pub not: bool,
    pub each: bool,
    pub order: bool,
    pub dir: Option<bool>,
    pub alphabetical: bool,
    pub most: Option<bool>,
    pub frequent: Option<bool>,
    pub top: bool,
    pub limit: Option<u64>,
    pub or: bool,
    pub both: bool,
    pub like: Option<&'static str>,
    pub between: bool,
    pub low: Option<f64>,
}

impl State {
    /// Adds a feature.
    pub fn add(&mut self, model: &Model, parts: &[&str], value: f32) {
        let feature = model.feature(parts);
        self.score += model.weight(feature) * value;
        if model.names.is_some() {
            self.features.push((feature, value));
        }
    }

    /// Shares what it has with the states that come of it.
    pub fn settle(&mut self) {
        if !self.features.is_empty() {
            let features = std::mem::take(&mut self.features);
            let before = self.before.take();
            self.before = Some(Rc::new(Before { features, before }));
        }
    }

    /// All features.
    pub fn features(&self) -> Features {
        let mut all = self.features.clone();
        let mut at = self.before.as_ref();
        while let Some(before) = at {
            all.extend_from_slice(&before.features);
            at = before.before.as_ref();
        }
        all
    }

    /// Which words of comparison wait.
    pub fn waiting(&self) -> &'static str {
        let w = &self.wait;
        if w.each {
            "each"
        } else if w.order {
            "order"
        } else if w.most.is_some() && !w.aggregates.is_empty() {
            "mostagg"
        } else if w.most.is_some() {
            "most"
        } else if w.frequent.is_some() {
            "frequent"
        } else if w.cmp.is_some() && w.number.is_some() {
            "cmpnum"
        } else if w.cmp.is_some() && !w.aggregates.is_empty() {
            "cmpagg"
        } else if w.cmp.is_some() {
            "cmp"
        } else if w.not {
            "not"
        } else if w.aggregates.first() == Some(&Aggregate::Count) {
            "count"
        } else if !w.aggregates.is_empty() {
            "agg"
        } else if w.like.is_some() {
            "like"
        } else if w.number.is_some() {
            "number"
        } else {
            "none"
        }
    }
}
