//! Other numbers.

use super::super::super::catalog::{ColumnRef, Target};
use super::super::super::ir::{
    Aggregate, Compare, Expr, Filter, Literal, Query, Right, is_aggregate, tables,
};
use super::super::super::modify::add_condition;
use super::super::edits::Edits;
use super::Change;

impl Change<'_> {
    /// Numbers in place of those that were compared, or as conditions on what is shown.
    pub fn compares(&self, query: &mut Query) -> Option<()> {
        for (target, op, number) in &self.edits.compares {
            // A year after "since": the time is compared.
            if target.is_none()
                && op.is_some()
                && (1000.0..2200.0).contains(number)
                && number.fract() == 0.0
            {
                let years = Change {
                    edits: &Edits {
                        compares: vec![(None, *op, *number)],
                        ..Edits::default()
                    },
                    ..*self
                };
                if self.reader.has_times() && years.year(query, *number).is_some() {
                    continue;
                }
            }
            let right = Right::One(Literal::Number(*number));
            if let Some(Target::Column(c)) = target {
                let left = Expr::Column(*c);
                let op = op.unwrap_or(Compare::Eq);
                let aggregated = query
                    .select
                    .iter()
                    .find(|e| matches!(e, Expr::Aggregate(_, _, Some(a)) if a == c))
                    .cloned();
                match (
                    query.filters.iter_mut().find(|f| f.left == left),
                    aggregated,
                ) {
                    (Some(f), _) => (f.op, f.right) = (op, right),
                    (None, Some(left)) if !query.group.is_empty() => query.having.push(Filter {
                        left,
                        op,
                        right,
                        or: false,
                    }),
                    _ => add_condition(
                        self.catalog(),
                        query,
                        Filter {
                            left,
                            op,
                            right,
                            or: false,
                        },
                    )?,
                }
                continue;
            }
            let is_number = |f: &&mut Filter| {
                matches!(f.right, Right::One(Literal::Number(_)))
                    && (self.edits.replaces || op.is_none_or(|op| same_side(f.op, op)))
            };
            let known = query
                .having
                .iter_mut()
                .chain(&mut query.filters)
                .find(is_number);
            if let Some(f) = known.filter(|_| target.is_none()) {
                f.op = op.unwrap_or(f.op);
                f.right = right;
                continue;
            }
            if let Some(Target::Table(table)) = target {
                // "More than 10 employees", of their numbers by department.
                let rows = Expr::Aggregate(Aggregate::Count, false, None);
                let counted = query
                    .select
                    .iter()
                    .chain(query.order.iter().map(|(e, _)| e));
                if !query.group.is_empty()
                    && tables(query).contains(table)
                    && counted.into_iter().any(|e| *e == rows)
                {
                    all_of_them(query, &rows);
                    query.having.push(Filter {
                        left: rows,
                        op: op.unwrap_or(Compare::Eq),
                        right,
                        or: false,
                    });
                    continue;
                }
                self.having_rows(query, *table, op.unwrap_or(Compare::Eq), *number)?;
                continue;
            }
            if op.is_none() {
                // A bare number is how many rows, if rows were limited.
                if query.limit.is_some() && *number >= 1.0 {
                    query.limit = Some(*number as u64);
                    continue;
                }
                return None;
            }
            let op = op.unwrap_or(Compare::Eq);
            let bounded = |f: &&Filter| matches!(f.right, Right::One(Literal::Number(_)));
            if let Some(f) = query.having.iter().find(bounded).cloned() {
                query.having.push(Filter { op, right, ..f });
                continue;
            }
            if let Some(f) = query.filters.iter().find(bounded).cloned() {
                query.filters.push(Filter {
                    op,
                    right,
                    or: false,
                    ..f
                });
                continue;
            }
            let measure = query.select.iter().find(|e| is_aggregate(e)).cloned();
            if let (Some(left), false) = (measure, query.group.is_empty()) {
                all_of_them(query, &left);
                query.having.push(Filter {
                    left,
                    op,
                    right,
                    or: false,
                });
                continue;
            }
            let column = query.select.iter().find_map(|e| match e {
                Expr::Column(c)
                    if self.catalog().at(*c).kind.is_number() && !self.catalog().is_key(*c) =>
                {
                    Some(*c)
                }
                _ => None,
            })?;
            query.filters.push(Filter {
                left: Expr::Column(column),
                op,
                right,
                or: false,
            });
        }
        Some(())
    }

    /// Things with so many rows of a table.
    pub fn having_rows(
        &self,
        query: &mut Query,
        table: usize,
        op: Compare,
        number: f64,
    ) -> Option<()> {
        let main = query.select.iter().find_map(|e| match e {
            Expr::Column(c) => Some(c.table),
            _ => None,
        })?;
        if query.select.iter().any(is_aggregate) || main == table {
            return None;
        }
        let key = self.catalog().tables[main].primary_key[..]
            .first()
            .copied()?;
        query.group = vec![Expr::Column(ColumnRef {
            table: main,
            column: key,
        })];
        for e in &query.select {
            if !query.group.contains(e) {
                query.group.push(e.clone());
            }
        }
        query.distinct = false;
        query.tables.push(table);
        let rows = Expr::Aggregate(Aggregate::Count, false, None);
        all_of_them(query, &rows);
        query.having.push(Filter {
            left: rows,
            op,
            right: Right::One(Literal::Number(number)),
            or: false,
        });
        Some(())
    }
}

/// "More than 10", of the one with the most: of all that have so many.
fn all_of_them(query: &mut Query, measure: &Expr) {
    if query.limit == Some(1) && query.order.first().is_some_and(|(e, _)| e == measure) {
        query.limit = None;
    }
}

/// Whether two comparisons bound a value from the same side, so that one takes the place of the other.
fn same_side(a: Compare, b: Compare) -> bool {
    let side = |op| match op {
        Compare::Lt | Compare::Le => 1,
        Compare::Gt | Compare::Ge => 2,
        _ => 0,
    };
    side(a) == side(b) || side(a) == 0 || side(b) == 0
}
