//! "Customers without orders": rows of a thing that has no rows in other tables.

use super::super::catalog::{Catalog, ColumnRef};
use super::super::ir::{Compare, Expr, Filter, Query, Right};
use super::super::joins::Trees;
use super::super::reader::Reader;
use super::super::state::State;

/// "Patients without a dose": what others have of a thing and is missing there, is what no row of theirs has.
fn of_others(catalog: &Catalog, query: &mut Query) {
    let Some(main) = query.select.iter().find_map(|e| Some(e.column()?.table)) else {
        return;
    };
    for i in 0..query.filters.len() {
        let Expr::Column(column) = query.filters[i].left else {
            continue;
        };
        let missing = query.filters[i].op == Compare::IsNull && column.table != main;
        let Some((outer, inner)) = direct_key(catalog, main, column.table)
            .filter(|(outer, inner)| missing && catalog.refers(*inner) == Some(*outer))
        else {
            continue;
        };
        let there = |column| Filter {
            left: Expr::Column(column),
            op: Compare::NotNull,
            right: Right::None,
            or: false,
        };
        let mut filters = vec![there(inner)];
        if column != inner && !catalog.is_primary(column) {
            filters.push(there(column));
        }
        let sub = Query {
            select: vec![Expr::Column(inner)],
            filters,
            ..Query::default()
        };
        query.filters[i] = Filter {
            left: Expr::Column(outer),
            op: Compare::NotIn,
            right: Right::Query(Box::new(sub)),
            or: query.filters[i].or,
        };
    }
}

/// Rows of a thing that has no rows in other tables.
pub fn without(reader: &Reader<'_>, trees: &Trees<'_>, query: &mut Query, s: &State) {
    of_others(reader.catalog, query);
    for (table, filters) in &s.without {
        let mut filters = filters.clone();
        let main = query.select.iter().find_map(|e| Some(e.column()?.table));
        let Some(main) = main
            .or(s.named.iter().map(|n| n.0).find(|t| t != table))
            .or(query.tables.first().copied())
        else {
            continue;
        };
        query.tables.retain(|t| t != table);
        if main == *table {
            query.filters.extend(filters.into_iter().map(|f| Filter {
                op: f.op.negated(),
                ..f
            }));
            continue;
        }
        // What is said of them is said of those rows.
        let theirs = |f: &Filter| matches!(f.left, Expr::Column(c) if c.table == *table);
        filters.extend(query.filters.iter().filter(|f| theirs(f)).cloned());
        query.filters.retain(|f| !theirs(f));
        let direct = direct_key(reader.catalog, main, *table);
        let (outer, inner, extra) = match direct {
            Some((outer, inner)) => (outer, inner, Vec::new()),
            None => {
                let Some(join) = trees.tree(&[main, *table]) else {
                    continue;
                };
                // The table next to the thing on the way holds its key.
                let next = join.rest.iter().find_map(|(_, key)| {
                    let (from, to) = key.columns.first()?;
                    if from.table == main {
                        Some((*from, *to))
                    } else if to.table == main {
                        Some((*to, *from))
                    } else {
                        None
                    }
                });
                let Some((outer, inner)) = next else { continue };
                (outer, inner, vec![*table])
            }
        };
        // NOT IN a list with a NULL is true of nothing.
        if !reader.catalog.is_primary(inner) {
            filters.push(Filter {
                left: Expr::Column(inner),
                op: Compare::NotNull,
                right: Right::None,
                or: false,
            });
        }
        let sub = Query {
            select: vec![Expr::Column(inner)],
            filters,
            tables: extra,
            ..Query::default()
        };
        query.tables.push(main);
        query.filters.push(Filter {
            left: Expr::Column(outer),
            op: Compare::NotIn,
            right: Right::Query(Box::new(sub)),
            or: false,
        });
    }
}

/// The columns of the key between two tables: that of the first, that of the second.
fn direct_key(catalog: &Catalog, a: usize, b: usize) -> Option<(ColumnRef, ColumnRef)> {
    catalog.keys.iter().find_map(|key| {
        let [(from, to)] = key.columns[..] else {
            return None;
        };
        if from.table == a && to.table == b {
            Some((from, to))
        } else if from.table == b && to.table == a {
            Some((to, from))
        } else {
            None
        }
    })
}
