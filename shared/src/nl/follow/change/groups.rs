//! Another aggregate, other groups, another order.

use super::super::super::catalog::Target;
use super::super::super::ir::{Aggregate, Expr, Query};
use super::super::super::modify::{group_by, is_aggregate};
use super::super::super::print::tables;
use super::super::super::reader::name_of;
use super::{Change, is_limited};

impl Change<'_> {
    /// Another aggregate, or rows counted.
    pub fn aggregate(&self, query: &mut Query, aggregate: Aggregate) -> Option<()> {
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
            for f in &mut query.having {
                if f.left == old {
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
        if !self.edits.adds {
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
                let aggregated = query
                    .select
                    .iter()
                    .find(|e| matches!(e, Expr::Aggregate(_, _, Some(a)) if *a == c));
                match aggregated {
                    Some(e) => e.clone(),
                    None if query.group.is_empty() || query.group.contains(&Expr::Column(c)) => {
                        Expr::Column(c)
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
        query.order = vec![(expr, desc)];
        if self.edits.extreme {
            query.limit = Some(self.edits.limit.or(query.limit).unwrap_or(1));
        }
        Some(())
    }

    pub fn limits(&self, query: &mut Query) -> Option<()> {
        let e = self.edits;
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
                    None => query.order.iter_mut().for_each(|o| o.1 = desc),
                }
            }
        }
        match e.limit {
            Some(u64::MAX) => query.limit = None,
            Some(limit) => {
                let most = query.limit.filter(|_| e.refers).unwrap_or(limit);
                query.limit = Some(limit.min(most));
            }
            None => {}
        }
        Some(())
    }

    /// Takes the groups away, and what is shown of them.
    pub fn ungroup(&self, query: &mut Query) {
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
        if query.order.is_empty() {
            query.limit = None;
        }
    }
}
