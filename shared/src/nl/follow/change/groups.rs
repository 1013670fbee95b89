//! Another aggregate, other groups, another order.

use super::super::super::catalog::{ColumnRef, Target, words};
use super::super::super::ir::{Aggregate, Expr, Query, is_aggregate, tables};
use super::super::super::joins::distances;
use super::super::super::modify::group_by;
use super::super::super::reader::name_of;
use super::super::edits::Rows;
use super::rows::restricted;
use super::{Change, is_limited};

impl Change<'_> {
    /// "And the lowest", of the highest; "the highest salary", of means of salaries.
    pub fn extreme_of_the_measure(&self, query: &Query) -> Option<Aggregate> {
        let e = self.edits;
        let made = if e.descending.filter(|_| e.extreme)? {
            Aggregate::Max
        } else {
            Aggregate::Min
        };
        if e.limit.is_some() || e.order.is_some() || !e.group.is_empty() {
            return None;
        }
        let measured = query.select.iter().find_map(|s| match s {
            Expr::Aggregate(old, _, Some(c)) => Some((*old, *c)),
            _ => None,
        });
        let (old, column) = measured?;
        let alone = query.select.len() == 1 && query.group.is_empty();
        let other = alone && old != Aggregate::Count;
        let named = e.named.contains(&Target::Column(column));
        (other && e.named.is_empty() || named).then_some(made)
    }

    /// Another aggregate, or rows counted.
    pub fn aggregate(&self, query: &mut Query, aggregate: Aggregate) -> Option<()> {
        if let [Expr::Of(old, place)] = &mut query.select[..]
            && let Some(of) = query.of.as_deref()
            && aggregate != Aggregate::Count
        {
            // "The average instead", of the total of the rows.
            if *old == Aggregate::Count {
                *place = of
                    .select
                    .iter()
                    .rposition(|e| !matches!(e, Expr::Column(_)))?;
            }
            *old = aggregate;
            return Some(());
        }
        let column = self.named_column(|c| c.kind.is_number() || aggregate == Aggregate::Count);
        let group = self.edits.group.is_empty() && self.edits.modifiers.unit.is_none();
        if let Some(place) = query.select.iter().position(is_aggregate) {
            let old = query.select[place].clone();
            let of = match (&old, column) {
                (_, Some(column)) if aggregate != Aggregate::Count => Some(column),
                (Expr::Aggregate(_, _, of), _) => *of,
                _ => None,
            };
            if aggregate == Aggregate::Count
                && matches!(old, Expr::Aggregate(Aggregate::Count, false, None))
                && !query.group.is_empty()
                && group
            {
                // "How many are there" after a count of each: how many groups.
                let of = std::mem::take(query);
                query.select = vec![Expr::Of(Aggregate::Count, 0)];
                query.of = Some(Box::new(of));
                return Some(());
            }
            let made = match (aggregate, of) {
                (Aggregate::Count, of) => {
                    query.tables.extend(of.map(|c| c.table));
                    Expr::Aggregate(Aggregate::Count, false, None)
                }
                (aggregate, Some(of)) => Expr::Aggregate(aggregate, false, Some(of)),
                (_, None) => return None,
            };
            for (e, _) in &mut query.order {
                if *e == old {
                    *e = made.clone();
                }
            }
            // "More than 10 orders" stays so, whatever else is shown of them.
            let counts = matches!(old, Expr::Aggregate(Aggregate::Count, ..));
            for f in &mut query.having {
                if f.left == old && !counts {
                    f.left = made.clone();
                }
            }
            query.select[place] = made;
            return Some(());
        }
        if aggregate == Aggregate::Count {
            if is_limited(query) || query.distinct {
                let of = std::mem::take(query);
                query.select = vec![Expr::Of(Aggregate::Count, 0)];
                query.of = Some(Box::new(of));
                return Some(());
            }
            let main = tables(query).first().copied();
            query.tables.extend(main);
            query.order.clear();
            query.select = vec![Expr::Aggregate(Aggregate::Count, false, None)];
            if !query.group.is_empty() && group {
                return None;
            }
            return Some(());
        }
        let column = column.or_else(|| {
            let mut numbers = query.select.iter().filter_map(|e| match e {
                Expr::Column(c)
                    if self.catalog().at(*c).kind.is_number() && !self.catalog().is_key(*c) =>
                {
                    Some(*c)
                }
                _ => None,
            });
            numbers.next()
        })?;
        if is_limited(query) {
            return None;
        }
        query.order.clear();
        query.distinct = false;
        query.select = vec![Expr::Aggregate(aggregate, false, Some(column))];
        Some(())
    }

    /// Other groups.
    pub fn group(&self, query: &mut Query) -> Option<()> {
        let by_time = self.edits.modifiers.unit.is_some();
        if !self.edits.adds && !by_time {
            if query.group.is_empty() && !query.select.iter().any(is_aggregate) {
                if is_limited(query) {
                    return None;
                }
                query.tables.extend(tables(query).first().copied());
                query.order.clear();
                query.select = vec![Expr::Aggregate(Aggregate::Count, false, None)];
            }
            self.ungroup(query);
        }
        if query.select.is_empty() {
            // What was shown was a group with the most of something.
            query.select.extend(
                query
                    .order
                    .iter()
                    .map(|(e, _)| e.clone())
                    .filter(|_| query.limit.is_none()),
            );
        }
        group_by(self.catalog(), query, &self.edits.group)
    }

    pub fn order(&self, query: &mut Query, target: Target) -> Option<()> {
        let desc = self.edits.descending.unwrap_or(false);
        let expr = match target {
            Target::Column(c) => {
                let c = self.shown_as(query, c);
                let listed = query.group.is_empty() && query.select.iter().all(is_aggregate);
                let aggregated = query
                    .select
                    .iter()
                    .find(|e| matches!(e, Expr::Aggregate(_, _, Some(a)) if *a == c));
                match aggregated {
                    // "The 5 most expensive", of things whose mean price was asked.
                    _ if listed && (self.edits.extreme || self.edits.limit.is_some()) => {
                        let shown = name_of(self.catalog(), c.table);
                        query.select = shown.into_iter().map(Expr::Column).collect();
                        query.tables.clear();
                        Expr::Column(c)
                    }
                    _ if listed => return None,
                    Some(e) => e.clone(),
                    None if query.group.contains(&Expr::Column(c)) => Expr::Column(c),
                    None if query.group.is_empty() && self.has_one(query, c.table) => {
                        Expr::Column(c)
                    }
                    // "Sort by name", of things that are called by another column.
                    None if name_of(self.catalog(), c.table).contains(&c) => {
                        query.select.iter().find(|e| !is_aggregate(e)).cloned()?
                    }
                    None => return None,
                }
            }
            Target::Table(table) => {
                let names = name_of(self.catalog(), table);
                let name = Expr::Column(*names.first()?);
                if query.select.contains(&name) {
                    name
                } else {
                    query.select.iter().find(|e| is_aggregate(e)).cloned()?
                }
            }
            Target::Metric(_) => return None,
        };
        self.ordered(query, expr, desc)?;
        if query.select.is_empty() {
            return None;
        }
        if self.edits.extreme {
            query.limit = match self.edits.limit {
                Some(Rows::All) => None,
                Some(Rows::First(limit)) => Some(limit),
                None => query.limit.or(Some(1)),
            };
        }
        Some(())
    }

    /// Rows in another order. Of what is limited, the same rows: "sort them by name", of the 5 most expensive.
    fn ordered(&self, query: &mut Query, expr: Expr, desc: bool) -> Option<()> {
        let order = vec![(expr, desc)];
        let e = self.edits;
        let same = query.limit.is_none() || query.order.is_empty() || query.order == order;
        if same || e.extreme || e.limit.is_some() {
            query.order = order;
            return Some(());
        }
        let shown = query.select.iter().position(|s| *s == order[0].0);
        *query = match shown {
            Some(place) => Query {
                select: (0..query.select.len()).map(Expr::Result).collect(),
                order: vec![(Expr::Result(place), desc)],
                of: Some(Box::new(std::mem::take(query))),
                ..Query::default()
            },
            None => Query {
                order,
                ..restricted(self.catalog(), query)?
            },
        };
        Some(())
    }

    /// "By name", of things that show one: their own, not that of another table.
    fn shown_as(&self, query: &Query, column: ColumnRef) -> ColumnRef {
        let last = |c: ColumnRef| words(&self.catalog().at(c).name).pop();
        if tables(query).contains(&column.table) {
            return column;
        }
        let mut shown = query.select.iter().filter_map(|e| match e {
            Expr::Column(c) if last(*c) == last(column) => Some(*c),
            _ => None,
        });
        shown.next().unwrap_or(column)
    }

    /// Whether each row has one row of this table at most, so that it can be ordered by that.
    fn has_one(&self, query: &Query, table: usize) -> bool {
        let own = tables(query);
        let away = distances(self.catalog(), &own);
        own.is_empty() || matches!(away.get(table), Some(Some((_, false))))
    }

    pub fn limits(&self, query: &mut Query) -> Option<()> {
        let e = self.edits;
        if let (true, Some((first, desc))) = (e.turns, query.order.first().cloned()) {
            self.ordered(query, first, !desc)?;
        }
        if e.sorts && e.order.is_none() && !e.measure && e.descending.is_none() {
            let shown = query.select.iter().find(|s| !is_aggregate(s)).cloned()?;
            self.ordered(query, shown, false)?;
        }
        if e.measure {
            let measure = query.select.iter().rfind(|s| is_aggregate(s)).cloned()?;
            self.ordered(query, measure, e.descending.unwrap_or(false))?;
        }
        if let [one] = &query.select[..]
            && (e.limit.is_some() || e.descending.is_some())
            && query.group.is_empty()
            && query.order.is_empty()
        {
            // One number has no first rows; "the top 3" of a highest price are things.
            match one {
                Expr::Aggregate(Aggregate::Max | Aggregate::Min, _, Some(c)) => {
                    let column = Expr::Column(*c);
                    let shown = name_of(self.catalog(), c.table)
                        .into_iter()
                        .map(Expr::Column);
                    query.select = shown.filter(|s| *s != column).collect();
                    query.select.push(column);
                }
                one if is_aggregate(one) || matches!(one, Expr::Part(..) | Expr::Of(..)) => {
                    return None;
                }
                _ => {}
            }
        }
        if e.order.is_none() {
            if (e.limit.is_some() || e.descending.is_some()) && query.order.is_empty() {
                let number = |e: &&Expr| match e {
                    Expr::Column(c) => {
                        self.catalog().at(*c).kind.is_number() && !self.catalog().is_key(*c)
                    }
                    Expr::Unit(..) => false,
                    _ => true,
                };
                let measure = query.select.iter().rev().find(number).cloned();
                match measure {
                    Some(measure) => query.order = vec![(measure, e.descending.unwrap_or(true))],
                    // "The highest" of what has no number is none of it.
                    None if e.extreme => return None,
                    None if e.descending.is_some() && e.limit.is_none() => {
                        query.order =
                            vec![(query.select.first()?.clone(), e.descending.unwrap_or(true))];
                    }
                    None => {}
                }
                if e.extreme && e.limit.is_none() {
                    query.limit = Some(1);
                }
            } else if let Some(desc) = e.descending {
                let time = matches!(query.order.first(), Some((Expr::Unit(..), _)));
                let measure = query.select.iter().find(|s| is_aggregate(s)).cloned();
                match measure.filter(|_| time) {
                    Some(measure) => {
                        query.order = vec![(measure, desc)];
                        if e.extreme && e.limit.is_none() {
                            query.limit = Some(1);
                        }
                    }
                    None => {
                        let (first, _) = query.order.first().cloned()?;
                        self.ordered(query, first, desc)?;
                    }
                }
            }
        }
        match e.limit {
            Some(Rows::All) => query.limit = None,
            Some(Rows::First(limit)) => {
                let most = query.limit.filter(|_| e.refers).unwrap_or(limit);
                query.limit = Some(limit.min(most));
            }
            None => {}
        }
        Some(())
    }

    /// Takes the groups away, and what is shown of them.
    pub fn ungroup(&self, query: &mut Query) {
        let main = tables(query).first().copied();
        let group = std::mem::take(&mut query.group);
        let names: Vec<usize> = group
            .iter()
            .filter_map(|g| match g {
                Expr::Column(c) if self.catalog().is_key(*c) => Some(c.table),
                _ => None,
            })
            .collect();
        let of_group = |e: &Expr| {
            group.contains(e) || matches!(e, Expr::Column(c) if names.contains(&c.table))
        };
        let windows = |e: &Expr| matches!(e, Expr::Window(..));
        for e in &mut query.select {
            if let Expr::Window(_, of, _) = e {
                *e = (**of).clone();
            }
        }
        let mut once: Vec<Expr> = Vec::new();
        for e in query.select.drain(..) {
            if !of_group(&e) && !windows(&e) && !once.contains(&e) {
                once.push(e);
            }
        }
        query.select = once;
        query.order.retain(|(e, _)| !of_group(e));
        query.per.clear();
        if tables(query).is_empty() {
            query.tables.extend(main);
        }
        if query.order.is_empty() {
            query.limit = None;
        }
    }
}
