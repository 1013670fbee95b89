//! Names of tables and metrics, and words for qualities, in the roles that they may play.

use super::super::catalog::{ColumnKind, ColumnRef};
use super::super::ir::{Aggregate, Compare, Expr, Filter, Literal, Right};
use super::super::lexicon::QUALITIES;
use super::super::link::{Meaning, Mention};
use super::super::reader::shown_names;
use super::super::state::State;
use super::{Walk, push_filter};

impl Walk<'_> {
    /// Columns that a quality may be about, those of named tables first.
    pub fn quality(
        &self,
        state: &State,
        mention: &Mention,
        quality: usize,
        most: bool,
        next: &mut Vec<State>,
    ) {
        let q = &QUALITIES[quality];
        let mut all: Vec<(ColumnRef, usize, bool)> = Vec::new();
        for (words, up) in [(q.up, true), (q.down, false)] {
            let named = self.reader.vocabulary.columns_named(words);
            all.extend(named.into_iter().map(|(c, place)| (c, place, up)));
            // The latest of what has times, however they are called.
            if words.contains("date") {
                for table in 0..self.catalog().tables.len() {
                    let dates = self
                        .catalog()
                        .dates(table)
                        .filter(|c| !self.catalog().is_birth(*c));
                    let others: Vec<_> = dates
                        .filter(|c| !all.iter().any(|(k, ..)| k == c))
                        .collect();
                    all.extend(others.into_iter().map(|c| (c, 1, up)));
                }
            }
        }
        let after: Option<usize> = self.mentions.iter().find_map(|m| match m.kind {
            Meaning::Table(t) if m.start == mention.end => Some(t),
            _ => None,
        });
        let near = |c: &ColumnRef| {
            if after == Some(c.table) {
                0
            } else {
                let named = state.named.iter().rev().position(|(t, _)| *t == c.table);
                named.map_or(9, |p| p + 1)
            }
        };
        // "The oldest album" is by what albums have, if they have it.
        if let Some(table) = after
            && let Some(own) = all.iter().filter(|a| a.0.table == table).map(|a| a.1).min()
            && (q.up.contains("date") || q.down.contains("date") || all.iter().all(|a| a.1 >= own))
        {
            all.retain(|(c, ..)| c.table == table);
        }
        all.sort_by_key(|(c, place, up)| (near(c), *place, !*up));
        let model = self.reader.model;
        for (i, (column, place, up)) in all.into_iter().take(5).enumerate() {
            let role = if most { "q-most" } else { "q-more" };
            let mut s = self.with(state, mention, role);
            s.add(model, &["qrank", role], i as f32);
            s.add(model, &["qplace", role], place as f32);
            self.affinity(&mut s, mention, column, "q");
            if most {
                let limit = s
                    .wait
                    .limit
                    .take()
                    .or(s.wait.number.take().map(|n| n as u64));
                s.order.push((Expr::Column(column), up));
                s.limit = Some(limit.unwrap_or(1));
                next.push(s);
            } else {
                s.focus = Some(Expr::Column(column));
                s.focus_used = false;
                let cmp = if up { Compare::Gt } else { Compare::Lt };
                let not = std::mem::take(&mut s.wait.not);
                s.wait.cmp = Some(if not { cmp.negated() } else { cmp });
                next.push(s);
            }
        }
    }

    /// How a table of which something is taken fits those that the question names.
    fn nearness(&self, s: &mut State, mention: &Mention, table: usize, what: &str) {
        let model = self.reader.model;
        let before = s.named.iter().rev().position(|(t, _)| *t == table);
        let after = self
            .mentions
            .iter()
            .filter(|m| m.start >= mention.end && m.start <= mention.end + 4)
            .find(|m| matches!(m.kind, Meaning::Table(t) if t == table) && m.score > 0.6);
        let anywhere = self
            .mentions
            .iter()
            .any(|m| matches!(m.kind, Meaning::Table(t) if t == table) && m.score > 0.6);
        let first_after = self
            .mentions
            .iter()
            .filter(|m| {
                m.start >= mention.end && matches!(m.kind, Meaning::Table(_)) && m.score > 0.6
            })
            .map(|m| m.start)
            .min();
        let place = match (before, after) {
            (_, Some(m)) if Some(m.start) == first_after && m.start <= mention.end + 2 => "next",
            (Some(0), _) => "last",
            (_, Some(_)) => "near",
            (Some(_), _) => "named",
            _ if anywhere => "later",
            _ => "none",
        };
        s.add(model, &["aff", what, place], 1.0);
        let in_select = s
            .select
            .iter()
            .any(|e| matches!(e, Expr::Column(c) if c.table == table));
        if in_select {
            s.add(model, &["aff", what, "withselect"], 1.0);
        } else if !s.select.is_empty() {
            s.add(model, &["aff", what, "otherselect"], 1.0);
        }
    }

    /// How a column fits the tables that the question names.
    pub fn affinity(&self, s: &mut State, mention: &Mention, column: ColumnRef, what: &str) {
        let model = self.reader.model;
        self.nearness(s, mention, column.table, what);
        let key = self.catalog().is_key(column);
        let foreign = self.catalog().refers(column).is_some();
        let kind = match (key, foreign) {
            (_, true) => "foreign",
            (true, _) => "key",
            _ => match self.catalog().at(column).kind {
                ColumnKind::Text => "text",
                ColumnKind::Integer | ColumnKind::Real => "number",
                ColumnKind::Date => "date",
                _ => "other",
            },
        };
        let role = s.last;
        s.add(model, &["kind", role, kind], 1.0);
    }

    pub fn table(&self, state: &State, mention: &Mention, table: usize, next: &mut Vec<State>) {
        let model = self.reader.model;
        let take = |role: &'static str, then: &dyn Fn(&mut State)| {
            let mut s = self.with(state, mention, role);
            s.add(model, &["link", "table"], mention.score - 1.0);
            s.named.push((table, mention.start));
            then(&mut s);
            s
        };
        let w = &state.wait;
        next.push(take("t-note", &|_| {}));
        next.push(take("t-join", &|s| s.forced.push(table)));
        if w.aggregates.contains(&Aggregate::Count) && w.most.is_none() && !w.order {
            next.push(take("t-count", &|s| {
                s.forced.push(table);
                s.wait.aggregates.clear();
                s.count_rows = true;
                s.select
                    .push(Expr::Aggregate(Aggregate::Count, false, None));
            }));
            if let Some(key) = self.catalog().key(table)
                && w.distinct
            {
                next.push(take("t-countkey", &|s| {
                    s.wait.aggregates.clear();
                    s.wait.distinct = false;
                    s.select
                        .push(Expr::Aggregate(Aggregate::Count, true, Some(key)));
                }));
            }
        }
        if w.each {
            next.push(take("t-group", &|s| {
                s.group_table = Some(table);
                s.wait.each = false;
            }));
            next.push(take("t-groupsel", &|s| {
                s.group_table = Some(table);
                s.wait.each = false;
                let names = shown_names(self.catalog(), table);
                s.select.extend(names.into_iter().map(Expr::Column));
            }));
        }
        let order_count = w.order && w.aggregates.contains(&Aggregate::Count);
        if let Some(desc) = w
            .most
            .or(w.frequent)
            .or(order_count.then_some(w.dir.unwrap_or(false)))
        {
            next.push(take("t-most", &|s| {
                s.forced.push(table);
                let limit = s.wait.limit.take();
                s.order
                    .push((Expr::Aggregate(Aggregate::Count, false, None), desc));
                if !order_count {
                    s.limit = Some(limit.unwrap_or(1));
                }
                s.wait.aggregates.clear();
                s.wait.most = None;
                s.wait.frequent = None;
                s.wait.order = false;
            }));
        }
        if let Some(number) = w.number {
            next.push(take("t-having", &|s| {
                s.forced.push(table);
                let op = s.wait.cmp.take().unwrap_or(Compare::Eq);
                s.wait.number = None;
                s.wait.distinct = false;
                s.having.push(Filter {
                    left: Expr::Aggregate(Aggregate::Count, false, None),
                    op,
                    right: Right::One(Literal::Number(number)),
                    or: false,
                });
            }));
        }
        if w.not {
            next.push(take("t-without", &|s| {
                s.wait.not = false;
                s.without.push((table, Vec::new()));
            }));
        }
        if w.aggregates.is_empty() && !w.each && w.most.is_none() {
            let names = shown_names(self.catalog(), table);
            if !names.is_empty() {
                next.push(take("t-select", &|s| {
                    if std::mem::take(&mut s.wait.distinct) {
                        s.distinct = true;
                    }
                    s.select.extend(names.iter().copied().map(Expr::Column));
                }));
            }
        }
    }

    /// A quantity that people defined, in the roles that the sum of a column takes.
    pub fn metric(&self, state: &State, mention: &Mention, metric: usize, next: &mut Vec<State>) {
        let Some(table) = self.catalog().metrics.get(metric).map(|m| m.table) else {
            return;
        };
        let model = self.reader.model;
        let w = &state.wait;
        let take = |role: &'static str, then: &dyn Fn(&mut State)| {
            let mut s = self.with(state, mention, role);
            s.add(model, &["link", "column"], mention.score - 1.0);
            self.nearness(&mut s, mention, table, role);
            s.add(model, &["kind", role, "number"], 1.0);
            s.forced.push(table);
            s.wait.aggregates.retain(|agg| *agg != Aggregate::Sum);
            then(&mut s);
            s
        };
        let expr = || Expr::Metric(metric);
        if w.most.is_none() && !w.order && w.cmp.is_none() {
            next.push(take("agg", &|s| s.select.push(expr())));
        }
        if w.order {
            next.push(take("order", &|s| {
                let desc = s.wait.dir.take().unwrap_or(false);
                s.order.push((expr(), desc));
                s.wait.order = false;
            }));
        }
        if let Some(desc) = w.most {
            next.push(take("most", &|s| {
                let limit = s.wait.limit.take();
                s.order.push((expr(), desc));
                s.limit = Some(limit.unwrap_or(1));
                s.wait.most = None;
                // "The top 5 by revenue".
                s.wait.each = false;
            }));
        }
        if let Some(number) = w.number {
            next.push(take("cmpnum", &|s| {
                let filter = Filter {
                    left: expr(),
                    op: s.wait.cmp.take().unwrap_or(Compare::Eq),
                    right: Right::One(Literal::Number(number)),
                    or: std::mem::take(&mut s.wait.or),
                };
                s.wait.number = None;
                push_filter(s, filter);
            }));
        }
        if !w.each && !w.order && w.most.is_none() {
            next.push(take("focus", &|s| {
                if s.focus.is_some() && !s.focus_used {
                    s.add(model, &["focus", "lost"], 1.0);
                }
                s.focus = Some(expr());
                s.focus_used = false;
                s.condition = true;
            }));
        }
    }
}
