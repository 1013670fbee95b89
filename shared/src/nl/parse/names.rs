//! Names of tables and columns in the roles that they may play.

use super::super::catalog::{ColumnKind, ColumnRef, words};
use super::super::ir::{Aggregate, Compare, Expr, Filter, Literal, Query, Right};
use super::super::lexicon::QUALITIES;
use super::super::link::{Meaning, Mention};
use super::super::reader::shown_names;
use super::super::state::State;
use super::{Walk, push_filter};

/// How much likelier it is that a number is asked for, where the question asks for one.
const ONE_NUMBER: f32 = 8.0;

/// How much less likely a column is shown that stands there as a verb.
const VERB: f32 = 6.0;

/// How much likelier a column of yes or no says which things are meant.
const FLAG: f32 = 6.0;

/// How much likelier a column is whose name the question has as a whole, though a part of it says something else.
const WHOLE: f32 = 1.0;

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

    /// "Hired in 2020", "born after 1990": the words of a time do not ask for it.
    fn is_verb(&self, mention: &Mention) -> bool {
        // "Joined", "signed up".
        let (one, up) = match &self.tokens[mention.start..mention.end] {
            [one] => (one, None),
            [one, up] => (one, Some(up)),
            _ => return false,
        };
        if up.is_some_and(|up| !["up", "in", "out", "on"].contains(&up.lower.as_str())) {
            return false;
        }
        let verbs = [
            "born", "built", "sent", "made", "begun", "began", "bought", "sold",
        ];
        let time = [
            "in", "on", "before", "after", "since", "between", "during", "from", "until", "by",
            "more", "less", "earlier", "later", "most", "recently", "each", "every", "per", "last",
            "this",
        ];
        (one.lower.ends_with("ed") || verbs.contains(&one.lower.as_str()))
            && self
                .tokens
                .get(mention.end)
                .is_none_or(|next| time.contains(&next.lower.as_str()) || next.number.is_some())
    }

    /// Whether a column says yes or no.
    fn is_flag(&self, column: ColumnRef) -> bool {
        let c = self.catalog().at(column);
        let asks = words(&c.name)
            .first()
            .is_some_and(|w| w == "is" || w == "has");
        let two = c.distinct.is_none_or(|n| n <= 2);
        c.kind == ColumnKind::Boolean || c.kind == ColumnKind::Integer && asks && two
    }

    pub fn column(
        &self,
        state: &State,
        mention: &Mention,
        column: ColumnRef,
        next: &mut Vec<State>,
    ) {
        let model = self.reader.model;
        let kind = self.catalog().at(column).kind;
        let w = &state.wait;
        // A key whose name says "id", where the question does not.
        let is_id = |word: &str| matches!(word, "id" | "code" | "key" | "number");
        let last = words(&self.catalog().at(column).name)
            .pop()
            .unwrap_or_default();
        let said = self.tokens[mention.start..mention.end]
            .iter()
            .any(|t| is_id(&t.stem) || is_id(&t.lower));
        let idless = is_id(&last) && !said;
        // "Fragile packages" are packages: the column alone says which.
        let flag = self.is_flag(column);
        let of_table = |m: &Mention| {
            let ends = m.start > mention.start && m.end == mention.end;
            ends && m.score > 0.75 && matches!(m.kind, Meaning::Table(t) if t == column.table)
        };
        if flag && self.mentions.iter().any(of_table) {
            let alone = Mention {
                end: mention.end - 1,
                ..mention.clone()
            };
            self.column(state, &alone, column, next);
            return;
        }
        // "Highest point" is one name; "point" behind "highest" is rather of that column than of the lowest.
        let named = words(&self.catalog().at(column).name);
        let said_of = |at: usize| named.contains(&self.tokens[at].lower);
        let before = mention.start.checked_sub(1);
        let whole = named.len() > 1
            && (mention.start..mention.end).all(said_of)
            && (mention.end - mention.start == named.len() || before.is_some_and(said_of));
        // "More than 100 hours": the number is of what follows it, and of nothing after that.
        let counted = kind.is_number()
            && !self.catalog().is_key(column)
            && w.number.is_some()
            && before.is_some_and(|b| self.tokens[b].number.is_some());
        let is_time = kind == ColumnKind::Date || named.iter().any(|w| w == "year");
        let verb = is_time && self.is_verb(mention) && !state.named.is_empty();
        let take = |role: &'static str, then: &dyn Fn(&mut State)| {
            let mut s = self.with(state, mention, role);
            s.add(model, &["link", "column"], mention.score - 1.0);
            if counted && role != "cmpnum" {
                s.score -= VERB;
            }
            if verb && ["select", "count", "countdistinct"].contains(&role) {
                s.score -= VERB;
            }
            if idless {
                s.add(model, &["idless"], 1.0);
                s.add(model, &["idless", role], 1.0);
            }
            self.affinity(&mut s, mention, column, role);
            if whole {
                s.score += WHOLE;
            }
            then(&mut s);
            s
        };
        // "What is the highest total": the number itself.
        let first = |i: usize| self.tokens.get(i).map_or("", |t| t.lower.as_str());
        let asks = first(0) == "what"
            && ["is", "was"].contains(&first(1))
            && kind.is_number()
            && !self.catalog().is_key(column);
        if asks
            && state.select.is_empty()
            && state.limit == Some(1)
            && let [(Expr::Column(by), desc)] = state.order[..]
            && by == column
        {
            next.push(take("selectmax", &|s| {
                s.score += ONE_NUMBER;
                s.order.clear();
                s.limit = None;
                let agg = if desc { Aggregate::Max } else { Aggregate::Min };
                s.select.push(Expr::Aggregate(agg, false, Some(column)));
            }));
        }
        let count = w.aggregates.contains(&Aggregate::Count);
        let summed = w
            .aggregates
            .iter()
            .any(|a| matches!(a, Aggregate::Sum | Aggregate::Avg));
        if summed && !kind.is_number() {
            return;
        }
        next.push(take("c-skip", &|_| {}));
        if flag {
            let of_thing = self.mentions.iter().any(|m| {
                m.start == mention.end && matches!(m.kind, Meaning::Table(_)) && m.score > 0.75
            });
            next.push(take("value", &|s| {
                s.score += FLAG;
                let not = std::mem::take(&mut s.wait.not);
                let right = Right::One(Literal::Number(if not { 0.0 } else { 1.0 }));
                let (left, op) = (Expr::Column(column), Compare::Eq);
                let or = std::mem::take(&mut s.wait.or);
                push_filter(
                    s,
                    Filter {
                        left,
                        op,
                        right,
                        or,
                    },
                );
            }));
            // "Fragile packages".
            if of_thing {
                return;
            }
        }
        if w.aggregates.is_empty() {
            next.push(take("select", &|s| {
                if std::mem::take(&mut s.wait.distinct) {
                    s.distinct = true;
                }
                s.select.push(Expr::Column(column));
            }));
            if state.last == "agg" {
                next.push(take("agg", &|s| {
                    for agg in s.wait.last_aggregates.clone() {
                        s.select.push(Expr::Aggregate(agg, false, Some(column)));
                    }
                }));
            }
        } else if w.most.is_none() && !w.order && w.cmp.is_none() {
            if count {
                next.push(take("countdistinct", &|s| {
                    s.wait.aggregates.clear();
                    s.wait.distinct = false;
                    s.select
                        .push(Expr::Aggregate(Aggregate::Count, true, Some(column)));
                }));
                next.push(take("count", &|s| {
                    s.wait.aggregates.clear();
                    s.wait.distinct = false;
                    s.select
                        .push(Expr::Aggregate(Aggregate::Count, false, Some(column)));
                }));
                if kind.is_number() {
                    next.push(take("countsum", &|s| {
                        s.wait.aggregates.clear();
                        s.select
                            .push(Expr::Aggregate(Aggregate::Sum, false, Some(column)));
                    }));
                }
            } else {
                next.push(take("agg", &|s| {
                    let aggregates = std::mem::take(&mut s.wait.aggregates);
                    for agg in &aggregates {
                        s.select.push(Expr::Aggregate(*agg, false, Some(column)));
                    }
                    s.wait.last_aggregates = aggregates;
                }));
            }
            next.push(take("aggselect", &|s| {
                s.wait.aggregates.clear();
                s.select.push(Expr::Column(column));
            }));
        }
        let total = ["total", "sum", "amount", "totals"]
            .contains(&self.tokens[mention.start].lower.as_str());
        if total && kind.is_number() && w.aggregates.is_empty() {
            // "The total of all invoices" is one number.
            let said = |at: Option<usize>, word: &str| {
                at.and_then(|at| self.tokens.get(at))
                    .is_some_and(|t| t.lower == word)
            };
            let of_all = said(mention.start.checked_sub(1), "the") && said(Some(mention.end), "of");
            next.push(take("sumof", &|s| {
                if of_all {
                    s.score += ONE_NUMBER;
                }
                s.select
                    .push(Expr::Aggregate(Aggregate::Sum, false, Some(column)));
            }));
        }
        if w.each {
            next.push(take("group", &|s| {
                s.wait.each = false;
                s.group.push(column);
            }));
            next.push(take("groupsel", &|s| {
                s.wait.each = false;
                s.group.push(column);
                s.select.push(Expr::Column(column));
            }));
        } else if matches!(state.last, "group" | "groupsel") {
            next.push(take("groupsel", &|s| {
                s.group.push(column);
                s.select.push(Expr::Column(column));
            }));
        }
        let of = |s: &mut State| match s.wait.aggregates.pop() {
            Some(agg) => {
                let distinct = agg == Aggregate::Count && std::mem::take(&mut s.wait.distinct);
                Expr::Aggregate(agg, distinct, Some(column))
            }
            None => Expr::Column(column),
        };
        if w.order {
            next.push(take("order", &|s| {
                let expr = of(s);
                let desc = s.wait.dir.unwrap_or(false);
                s.order.push((expr, desc));
                s.wait.order = false;
                s.wait.dir = None;
            }));
        }
        if let Some(desc) = w.most {
            next.push(take("most", &|s| {
                let expr = of(s);
                let limit = s.wait.limit.take();
                s.order.push((expr, desc));
                s.limit = Some(limit.unwrap_or(1));
                s.wait.most = None;
            }));
            if w.aggregates.is_empty() {
                next.push(take("selectmax", &|s| {
                    if asks {
                        s.score += ONE_NUMBER;
                    }
                    let agg = if desc { Aggregate::Max } else { Aggregate::Min };
                    s.select.push(Expr::Aggregate(agg, false, Some(column)));
                    s.wait.most = None;
                    s.wait.last_aggregates = vec![agg];
                }));
                if kind.is_number() && !self.catalog().is_key(column) {
                    next.push(take("mostsum", &|s| {
                        let limit = s.wait.limit.take();
                        s.order
                            .push((Expr::Aggregate(Aggregate::Sum, false, Some(column)), desc));
                        s.limit = Some(limit.unwrap_or(1));
                        s.wait.most = None;
                    }));
                }
                next.push(take("mostcount", &|s| {
                    let limit = s.wait.limit.take();
                    s.forced.push(column.table);
                    s.order
                        .push((Expr::Aggregate(Aggregate::Count, false, None), desc));
                    s.limit = Some(limit.unwrap_or(1));
                    s.wait.most = None;
                }));
            }
        }
        if let Some(desc) = w.frequent {
            next.push(take("frequent", &|s| {
                let limit = s.wait.limit.take();
                s.select.push(Expr::Column(column));
                s.order
                    .push((Expr::Aggregate(Aggregate::Count, false, None), desc));
                s.limit = Some(limit.unwrap_or(1));
                s.wait.frequent = None;
            }));
        }
        let cmp = w.cmp;
        if let Some(number) = w.number {
            let column_of = Expr::Column(column);
            let is_unit = self.scaled(&column_of, number, mention.start).is_some();
            if kind.is_number() || kind == ColumnKind::Text {
                next.push(take("cmpnum", &|s| {
                    let left = of(s);
                    // "More than 5 minutes": the unit names the column.
                    let scaled = self.scaled(&left, number, mention.start);
                    let number = scaled.as_ref().map_or(number, |scaled| scaled.number);
                    s.notes.extend(scaled.and_then(|scaled| scaled.note));
                    let filter = Filter {
                        left,
                        op: s.wait.cmp.take().unwrap_or(Compare::Eq),
                        right: Right::One(Literal::Number(number)),
                        or: std::mem::take(&mut s.wait.or),
                    };
                    s.wait.number = None;
                    push_filter(s, filter);
                }));
            }
            // "Minutes" after a number are no values to count.
            if !is_unit {
                next.push(take("havingdistinct", &|s| {
                    let op = s.wait.cmp.take().unwrap_or(Compare::Eq);
                    s.wait.number = None;
                    s.wait.distinct = false;
                    s.having.push(Filter {
                        left: Expr::Aggregate(Aggregate::Count, true, Some(column)),
                        op,
                        right: Right::One(Literal::Number(number)),
                        or: false,
                    });
                }));
            }
        }
        if let (Some(cmp), Some(agg), None) = (cmp, w.aggregates.last().copied(), w.number)
            && agg != Aggregate::Count
        {
            next.push(take("nested", &|s| {
                s.wait.aggregates.clear();
                s.wait.cmp = None;
                let left = s.focus.take().unwrap_or(Expr::Column(column));
                let query = Query {
                    select: vec![Expr::Aggregate(agg, false, Some(column))],
                    ..Query::default()
                };
                s.filters.push(Filter {
                    left,
                    op: cmp,
                    right: Right::Query(Box::new(query)),
                    or: false,
                });
            }));
        }
        // "above average": the aggregate ends the comparison with the column in focus.
        if !w.each && !w.order && w.most.is_none() {
            next.push(take("focus", &|s| {
                let expr = of(s);
                if s.focus.is_some() && !s.focus_used {
                    s.add(model, &["focus", "lost"], 1.0);
                }
                s.focus = Some(expr);
                s.focus_used = false;
                s.condition = true;
            }));
        }
        if w.not {
            next.push(take("isnull", &|s| {
                s.wait.not = false;
                s.filters.push(Filter {
                    left: Expr::Column(column),
                    op: Compare::IsNull,
                    right: Right::None,
                    or: false,
                });
            }));
        }
    }
}
