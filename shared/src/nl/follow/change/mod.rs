//! Edits put into a query.

mod groups;
mod named;
mod numbers;
mod rows;
mod times;

use super::super::catalog::{Catalog, Column, ColumnRef, Target, words};
use super::super::ir::{Aggregate, Compare, Expr, Filter, Query, Right, tables};
use super::super::joins::distances;
use super::super::link::literal;
use super::super::modify::{Modifiers, add_condition};
use super::super::reader::Reader;
use super::super::tokens::Token;
use super::edits::Edits;
use rows::restricted;

/// A changed query, with what it takes for granted.
pub struct Changed {
    pub query: Query,
    /// How far it is from the plain reading.
    pub cost: f32,
    pub notes: Vec<String>,
    /// Why it is hardly what was meant.
    pub doubt: Option<String>,
}

/// The queries that a question may mean by its edits.
pub fn changed(
    reader: &Reader<'_>,
    tokens: &[Token],
    previous: &Query,
    edits: &Edits,
) -> Vec<Changed> {
    let change = Change {
        reader,
        tokens,
        edits,
    };
    // "Their names", after their number: of the rows that were counted. What was only sorted is changed before.
    let rows = previous.of.as_deref().filter(|_| {
        let number = |e: &Expr| matches!(e, Expr::Of(..)) && edits.refers;
        let sorted = |e: &Expr| matches!(e, Expr::Result(_)) && !edits.sorts && !edits.turns;
        let all = &previous.select;
        !all.is_empty()
            && (all.iter().all(number) || all.iter().all(sorted) && previous.filters.is_empty())
    });
    let previous = rows.unwrap_or(previous);
    let open = change.open_columns(previous);
    if !open.is_empty() {
        return change.compared_with(previous, &open);
    }
    let mut all = vec![Changed {
        query: previous.clone(),
        cost: 0.0,
        notes: Vec::new(),
        doubt: None,
    }];
    if edits.refers
        && let Some(query) = change.of_rows(previous)
    {
        all[0].query = query;
        return all;
    }
    let things = edits.named.iter().any(|t| matches!(t, Target::Table(_)));
    if edits.refers
        && things
        && edits.aggregate == Some(Aggregate::Count)
        && !previous.group.is_empty()
    {
        return Vec::new();
    }
    let limited = is_limited(previous);
    if limited
        && edits.refers
        && !(edits.values.is_empty() && edits.compares.is_empty() && edits.group.is_empty())
    {
        match restricted(reader.catalog, previous) {
            Some(query) => all[0].query = query,
            None => return Vec::new(),
        }
    }
    all.retain_mut(|one| {
        change.drop(&mut one.query).is_some() && change.lacking(&mut one.query).is_some()
    });
    for (found, not) in &edits.values {
        all = all
            .iter()
            .flat_map(|one| change.value(one, found, *not))
            .collect();
    }
    all.retain_mut(|one| change.rest(one).is_some());
    all
}

/// Whether the rows of a query are some of those that meet its conditions.
pub fn is_limited(query: &Query) -> bool {
    query.limit.is_some() || query.set.is_some() || query.of.is_some()
}

struct Change<'a> {
    reader: &'a Reader<'a>,
    tokens: &'a [Token],
    edits: &'a Edits,
}

impl Change<'_> {
    fn catalog(&self) -> &Catalog {
        self.reader.catalog
    }

    fn named_column(&self, fits: impl Fn(&Column) -> bool) -> Option<ColumnRef> {
        self.edits.named.iter().find_map(|t| match t {
            Target::Column(c) if fits(self.catalog().at(*c)) => Some(*c),
            _ => None,
        })
    }

    /// Conditions that no longer hold.
    fn drop(&self, query: &mut Query) -> Option<()> {
        let e = self.edits;
        if e.drop_all {
            query.filters.clear();
            query.having.clear();
        }
        if e.drop_time {
            query.filters.retain(|f| !self.is_time(f));
        }
        let grouped = !query.group.is_empty();
        if e.drop_unit {
            let unit = |e: &Expr| matches!(e, Expr::Unit(..));
            if !query.group.iter().any(unit) {
                query.filters.retain(|f| !self.is_time(f));
            }
            query.group.retain(|g| !unit(g));
            query.select.retain(|s| !unit(s));
            query.order.retain(|(o, _)| !unit(o));
        }
        for target in &e.dropped {
            let about = |expr: &Expr| match (target, expr) {
                (Target::Column(c), Expr::Column(f)) => {
                    c == f
                        || words(&self.catalog().at(*c).name).last()
                            == words(&self.catalog().at(*f).name).last()
                }
                (Target::Table(t), Expr::Column(f)) => f.table == *t,
                _ => false,
            };
            let before = query.filters.len();
            query.filters.retain(|f| !about(&f.left));
            if query.filters.len() == before {
                // "Without the email": it is no longer shown, and no group.
                query.select.retain(|s| !about(s));
                query.group.retain(|g| !about(g));
                query.order.retain(|(o, _)| !about(o));
            }
        }
        if grouped && query.group.is_empty() {
            // One row, of all.
            query.order.clear();
            query.limit = None;
            query.having.clear();
        }
        (!query.select.is_empty()).then_some(())
    }

    /// "Without orders": things to which no row of a table refers.
    fn lacking(&self, query: &mut Query) -> Option<()> {
        let own = tables(query);
        for table in &self.edits.lacks {
            let mut keys = self
                .catalog()
                .keys
                .iter()
                .filter_map(|key| match key.columns[..] {
                    [(from, to)] if from.table == *table && own.contains(&to.table) => {
                        Some((from, to))
                    }
                    _ => None,
                });
            let (from, to) = keys.next()?;
            query.filters.push(Filter {
                left: Expr::Column(to),
                op: Compare::NotIn,
                right: Right::Query(Box::new(Query {
                    select: vec![Expr::Column(from)],
                    filters: vec![Filter {
                        left: Expr::Column(from),
                        op: Compare::NotNull,
                        right: Right::None,
                        or: false,
                    }],
                    ..Query::default()
                })),
                or: false,
            });
        }
        Some(())
    }

    /// A value in place of one of the same column, or as another condition.
    fn value(&self, one: &Changed, found: &[(ColumnRef, String)], not: bool) -> Vec<Changed> {
        let mut all = Vec::new();
        let equal = |f: &Filter, c: ColumnRef| {
            f.left == Expr::Column(c)
                && matches!(f.op, Compare::Eq | Compare::Ne | Compare::Like)
                && matches!(f.right, Right::One(_))
        };
        let op = if not { Compare::Ne } else { Compare::Eq };
        let made = |column: ColumnRef, text: &str, or: bool| Filter {
            left: Expr::Column(column),
            op,
            right: Right::One(literal(self.catalog(), column, text)),
            or,
        };
        let several = self.edits.values.len() > 1;
        for (column, text) in found {
            let Some(at) = one.query.filters.iter().position(|f| equal(f, *column)) else {
                continue;
            };
            let mut query = one.query.clone();
            let next = at + 1 + query.filters[at + 1..].iter().take_while(|f| f.or).count();
            let fresh = made(*column, text, false);
            let same = |f: &Filter| f.right == fresh.right && f.op != Compare::Ne;
            let already = query.filters[at..next].iter().any(same);
            if not && query.filters[at..next].iter().all(|f| f.op == Compare::Ne) {
                query.filters.retain(|f| *f != fresh);
                query.filters.push(fresh);
            } else if not {
                // Of what was asked for it is taken away; if that was all, the others are meant.
                let mut left: Vec<Filter> = query.filters.drain(at..next).collect();
                left.retain(|f| !same(f));
                match left.first_mut() {
                    Some(first) => first.or = false,
                    None => left.push(fresh),
                }
                query.filters.splice(at..at, left);
            } else if query.filters[at].op != Compare::Ne
                && (self.edits.adds || several && self.is_new(&one.query.filters[at]))
            {
                if !already {
                    query.filters.insert(next, made(*column, text, true));
                }
            } else {
                query.filters.splice(at..next, [fresh.clone()]);
                // What is not the others needs not be said.
                query.filters.retain(|f| {
                    f.left != fresh.left || f.op != Compare::Ne || fresh.op == Compare::Ne
                });
            }
            all.push(Changed {
                query,
                cost: one.cost,
                notes: one.notes.clone(),
                doubt: None,
            });
        }
        let own = tables(&one.query);
        let away = distances(self.catalog(), &own);
        let mut more: Vec<(f32, Changed)> = Vec::new();
        for (column, text) in found {
            let Some((joins, _)) = away[column.table] else {
                continue;
            };
            let extra = joins as f32;
            let shown = one.query.select.contains(&Expr::Column(*column))
                || one.query.group.contains(&Expr::Column(*column));
            let key = self.catalog().refers(*column).is_some();
            let mut query = one.query.clone();
            if add_condition(self.catalog(), &mut query, made(*column, text, false)).is_none() {
                continue;
            }
            let cost = extra * 0.5 - if shown { 0.4 } else { 0.0 } + if key { 0.2 } else { 0.0 };
            more.push((
                cost,
                Changed {
                    query,
                    cost: 0.0,
                    notes: one.notes.clone(),
                    doubt: None,
                },
            ));
        }
        more.sort_by(|a, b| a.0.total_cmp(&b.0));
        let replaced = !all.is_empty();
        for (place, (_, mut changed)) in more.into_iter().take(3).enumerate() {
            changed.cost = one.cost + place as f32 * 0.75 + if replaced { 2.0 } else { 0.0 };
            all.push(changed);
        }
        all
    }

    /// Whether a condition was made of a value of this question.
    fn is_new(&self, filter: &Filter) -> bool {
        self.edits.values.iter().any(|(found, _)| {
            found.iter().any(|(c, text)| {
                filter.left == Expr::Column(*c)
                    && filter.right == Right::One(literal(self.catalog(), *c, text))
            })
        })
    }

    /// Everything but values.
    fn rest(&self, one: &mut Changed) -> Option<()> {
        let e = self.edits;
        let query = &mut one.query;
        self.named(query)?;
        self.times(query, &mut one.notes)?;
        for year in &e.years {
            self.year(query, *year)?;
        }
        self.compares(query)?;
        let aggregate = e.aggregate.or_else(|| self.extreme_of_the_measure(query));
        if let Some(aggregate) = aggregate {
            self.aggregate(query, aggregate)?;
        }
        if !e.group.is_empty() {
            self.group(query)?;
        }
        if let Some(target) = e.order {
            self.order(query, target)?;
        }
        if aggregate.is_none() || e.aggregate.is_some() {
            self.limits(query)?;
        }
        if e.ranks && query.limit.is_some() && query.order.is_empty() {
            one.doubt = Some("nothing says by what the rows are ranked".to_owned());
        }
        let query = &mut one.query;
        let ranked = e.modifiers.ranked;
        if e.modifiers.window.is_some() || e.modifiers.per.is_some() || ranked.is_some() {
            let left = Modifiers {
                window: e.modifiers.window,
                per: e.modifiers.per,
                ranked,
                unit: None,
                ..Modifiers::default()
            };
            self.windows(query, left, &mut one.notes)?;
        }
        if e.distinct {
            query.distinct = true;
        }
        Some(())
    }
}
