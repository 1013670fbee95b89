//! What is asked of the rows of the answer before: how many of them, their total, those over a number.

use super::super::super::catalog::{Catalog, ColumnRef, Target};
use super::super::super::ir::{
    Aggregate, Compare, Expr, Filter, Literal, Query, Right, is_aggregate, tables,
};
use super::super::super::joins::distances;
use super::{Change, Changed, changed, is_limited};

/// How much further each next column is that a number without a name may be compared with.
const NEXT_COLUMN: f32 = 0.35;

/// The things that a query shows, as a condition of another.
pub fn restricted(catalog: &Catalog, query: &Query) -> Option<Query> {
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
    let key = Expr::Column(catalog.key(table)?);
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

impl Change<'_> {
    /// The columns that "over 100" may mean of a list of things: numbers of theirs, none of which was spoken of.
    pub fn open_columns(&self, previous: &Query) -> Vec<ColumnRef> {
        let bounded = |f: &Filter| matches!(f.right, Right::One(Literal::Number(_)));
        let number =
            |c: ColumnRef| self.catalog().at(c).kind.is_number() && !self.catalog().is_key(c);
        let spoken = |e: &Expr| !matches!(e, Expr::Column(c) if !number(*c));
        let open = self.edits.compares.iter().any(|(target, op, n)| {
            let year = (1000.0..2200.0).contains(n) && self.reader.has_times();
            target.is_none() && op.is_some() && !year
        });
        let conditions = previous.filters.iter().chain(&previous.having);
        if !open
            || !previous.group.is_empty()
            || conditions.into_iter().any(bounded)
            || previous.select.iter().any(spoken)
            || previous.order.iter().any(|(e, _)| spoken(e))
        {
            return Vec::new();
        }
        let Some(&table) = tables(previous).first() else {
            return Vec::new();
        };
        let columns = 0..self.catalog().tables[table].columns.len();
        let own = columns.map(|column| ColumnRef { table, column });
        own.filter(|c| number(*c)).take(4).collect()
    }

    /// The same edits, with each of these columns as what a number is compared with.
    pub fn compared_with(&self, previous: &Query, columns: &[ColumnRef]) -> Vec<Changed> {
        let mut all = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            let mut edits = self.edits.clone();
            for compare in edits.compares.iter_mut().filter(|c| c.0.is_none()) {
                compare.0 = Some(Target::Column(*column));
            }
            for mut changed in changed(self.reader, self.tokens, previous, &edits) {
                changed.cost += NEXT_COLUMN * place as f32;
                if columns.len() > 1 {
                    let named = self.catalog().named(*column);
                    changed
                        .notes
                        .push(format!("the number is compared with {named}"));
                }
                all.push(changed);
            }
        }
        all
    }

    /// Whether each row of a join is a row of this table of its own, and of no other twice.
    fn is_counted(&self, query: &Query, table: usize) -> bool {
        let away = distances(self.catalog(), &[table]);
        let all = tables(query);
        all.contains(&table) && all.iter().all(|t| matches!(away[*t], Some((_, false))))
    }

    /// How many of a thing the rows before are of: "how many patients is that".
    fn things(&self, previous: &Query, key: ColumnRef) -> Option<Query> {
        if previous
            .group
            .iter()
            .any(|g| matches!(g, Expr::Column(c) if c.table == key.table))
        {
            return Some(Query {
                select: vec![Expr::Of(Aggregate::Count, 0)],
                of: Some(Box::new(previous.clone())),
                ..Query::default()
            });
        }
        let rows = |e: &Expr| matches!(e, Expr::Aggregate(Aggregate::Count, false, None));
        let counted = previous.select.iter().position(rows);
        if let (Some(place), false) = (counted, previous.group.is_empty()) {
            // "How many orders is that", of their numbers by month.
            if self.is_counted(previous, key.table) {
                return Some(Query {
                    select: vec![Expr::Of(Aggregate::Sum, place)],
                    of: Some(Box::new(previous.clone())),
                    ..Query::default()
                });
            }
        }
        if is_limited(previous) || !previous.per.is_empty() || !previous.having.is_empty() {
            return None;
        }
        let mut query = previous.clone();
        query.group.clear();
        query.order.clear();
        query.distinct = false;
        query.select = vec![Expr::Aggregate(Aggregate::Count, true, Some(key))];
        Some(query)
    }

    /// A number of the rows of the answer: how many of them, their total.
    pub fn of_rows(&self, previous: &Query) -> Option<Query> {
        let e = self.edits;
        let aggregate = e.aggregate?;
        let conditions = !(e.values.is_empty() && e.compares.is_empty() && e.modifiers.is_empty());
        if conditions || !e.group.is_empty() {
            return None;
        }
        let of = Some(Box::new(previous.clone()));
        // "How many is that", of the one with the most.
        if matches!(aggregate, Aggregate::Count | Aggregate::Sum)
            && e.named.is_empty()
            && let (Some(1), Some((measure, _))) = (previous.limit, previous.order.first())
            && !matches!(measure, Expr::Column(_) | Expr::Unit(..))
        {
            let mut query = previous.clone();
            if query.select.contains(measure) {
                query.select.clear();
            }
            query.select.push(measure.clone());
            return Some(query);
        }
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
            let grouped = !previous.group.is_empty();
            if matches!(target, Target::Table(_)) && (grouped || !is_limited(previous)) {
                return self.things(previous, column);
            }
            let mut query = restricted(self.catalog(), previous)?;
            query.select = vec![Expr::Aggregate(aggregate, true, Some(column))];
            return Some(query);
        }
        if let Some(column) = self.named_column(|c| c.kind.is_number()) {
            let shown = previous
                .select
                .iter()
                .position(|s| s.column() == Some(column));
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
}
