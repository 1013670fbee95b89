//! Edits put into a query.

mod groups;
mod named;
mod numbers;
mod times;

use super::super::catalog::{Catalog, Column, ColumnRef, Target, words};
use super::super::ir::{Aggregate, Compare, Expr, Filter, Query, Right};
use super::super::joins::distances;
use super::super::link::literal;
use super::super::modify::{Modifiers, add_condition, is_aggregate};
use super::super::print::tables;
use super::super::reader::Reader;
use super::super::tokens::Token;
use super::edits::Edits;

/// A changed query, with what it takes for granted.
pub struct Changed {
    pub query: Query,
    /// How far it is from the plain reading.
    pub cost: f32,
    pub notes: Vec<String>,
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
    let mut all = vec![Changed {
        query: previous.clone(),
        cost: 0.0,
        notes: Vec::new(),
    }];
    if edits.refers
        && let Some(query) = change.of_rows(previous)
    {
        all[0].query = query;
        return all;
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
    let mut seen = Some(());
    for one in &mut all {
        seen = seen.and(change.drop(&mut one.query));
    }
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
fn is_limited(query: &Query) -> bool {
    query.limit.is_some() || query.set.is_some() || query.of.is_some()
}

/// The things that a query shows, as a condition of another.
fn restricted(catalog: &Catalog, query: &Query) -> Option<Query> {
    let plain: Vec<Expr> = query
        .select
        .iter()
        .filter(|e| matches!(e, Expr::Column(_)))
        .cloned()
        .collect();
    let Some(Expr::Column(first)) = plain.first() else {
        return None;
    };
    let table = first.table;
    if query.set.is_some() || query.of.is_some() || !query.per.is_empty() {
        return None;
    }
    let [column] = catalog.tables[table].primary_key[..] else {
        return None;
    };
    let key = Expr::Column(ColumnRef { table, column });
    let mut inner = query.clone();
    inner.select = vec![key.clone()];
    if !inner.group.is_empty() && !inner.group.contains(&key) {
        inner.group.push(key.clone());
    }
    Some(Query {
        select: plain,
        tables: vec![table],
        filters: vec![Filter {
            left: key,
            op: Compare::In,
            right: Right::Query(Box::new(inner)),
            or: false,
        }],
        ..Query::default()
    })
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

    /// A number of the rows of the answer: how many of them, their total.
    fn of_rows(&self, previous: &Query) -> Option<Query> {
        let e = self.edits;
        let aggregate = e.aggregate?;
        let conditions = !(e.values.is_empty() && e.compares.is_empty() && e.modifiers.is_empty());
        if conditions || !e.group.is_empty() {
            return None;
        }
        let of = Some(Box::new(previous.clone()));
        if aggregate == Aggregate::Count && e.named.is_empty() {
            let plain = previous.group.is_empty() && !is_limited(previous) && !previous.distinct;
            if plain {
                return None;
            }
            let rows = previous.select.iter().all(is_aggregate)
                && previous.group.is_empty()
                && !previous.select.is_empty();
            return (!rows).then(|| Query {
                select: vec![Expr::Of(Aggregate::Count, 0)],
                of,
                ..Query::default()
            });
        }
        if aggregate == Aggregate::Count
            && let Some(target) = e.named.first()
        {
            // "How many categories do they have".
            let column = match *target {
                Target::Table(table) => ColumnRef {
                    table,
                    column: *self.catalog().tables[table].primary_key[..].first()?,
                },
                Target::Column(column) => column,
                Target::Metric(_) => return None,
            };
            if tables(previous).contains(&column.table) && matches!(target, Target::Table(_)) {
                return None;
            }
            let mut query = restricted(self.catalog(), previous)?;
            query.select = vec![Expr::Aggregate(aggregate, true, Some(column))];
            return Some(query);
        }
        if let Some(column) = self.named_column(|c| c.kind.is_number()) {
            let shown = previous.select.iter().position(
                |s| matches!(s, Expr::Column(c) | Expr::Aggregate(_, _, Some(c)) if *c == column),
            );
            if let Some(place) = shown {
                return Some(Query {
                    select: vec![Expr::Of(aggregate, place)],
                    of,
                    ..Query::default()
                });
            }
            let mut query = restricted(self.catalog(), previous)?;
            query.select = vec![Expr::Aggregate(aggregate, false, Some(column))];
            query.tables.clear();
            return Some(query);
        }
        let number = |s: &Expr| match s {
            Expr::Column(c) => self.catalog().at(*c).kind.is_number() && !self.catalog().is_key(*c),
            Expr::Unit(..) => false,
            _ => true,
        };
        let grouped = !previous.group.is_empty()
            || previous.select.len() > 1
            || !previous.select.iter().all(is_aggregate);
        let place = previous.select.iter().rposition(number).filter(|_| grouped);
        if let Some(place) = place {
            return Some(Query {
                select: vec![Expr::Of(aggregate, place)],
                of,
                ..Query::default()
            });
        }
        // What they were ordered by.
        let (measure, _) = previous.order.first().filter(|(m, _)| number(m))?;
        let mut inner = previous.clone();
        inner.select.push(measure.clone());
        Some(Query {
            select: vec![Expr::Of(aggregate, inner.select.len() - 1)],
            of: Some(Box::new(inner)),
            ..Query::default()
        })
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
                // "Without the email": it is no longer shown.
                query.select.retain(|s| !about(s));
                if query.select.is_empty() {
                    return None;
                }
            }
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
            let already = query.filters[at..next]
                .iter()
                .any(|f| f.right == fresh.right);
            if not {
                query.filters.push(fresh);
            } else if self.edits.adds || several && self.is_new(&one.query.filters[at]) {
                if !already {
                    query.filters.insert(next, made(*column, text, true));
                }
            } else {
                query.filters.splice(at..next, [fresh]);
            }
            all.push(Changed {
                query,
                cost: one.cost,
                notes: one.notes.clone(),
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
        if let Some(aggregate) = e.aggregate {
            self.aggregate(query, aggregate)?;
        }
        if !e.group.is_empty() {
            self.group(query)?;
        }
        if let Some(target) = e.order {
            self.order(query, target)?;
        }
        self.limits(query)?;
        if e.modifiers.window.is_some() || e.modifiers.per.is_some() {
            let left = Modifiers {
                window: e.modifiers.window,
                per: e.modifiers.per,
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
