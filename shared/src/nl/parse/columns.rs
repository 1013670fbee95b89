//! Names of columns in the roles that they may play.

use super::super::catalog::{ColumnKind, ColumnRef, words};
use super::super::ir::{Aggregate, Compare, Expr, Filter, Literal, Query, Right};
use super::super::link::{Meaning, Mention};
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
        let name = words(&c.name);
        let asks = name.first().is_some_and(|w| w == "is" || w == "has");
        let two = c.distinct.is_none_or(|n| n <= 2);
        // `discontinued`, which is 0 or 1.
        let done = matches!(&name[..], [one] if one.ends_with("ed")) && c.distinct == Some(2);
        c.kind == ColumnKind::Boolean || c.kind == ColumnKind::Integer && (asks && two || done)
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
