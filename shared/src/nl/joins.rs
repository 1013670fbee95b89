//! Joins from the schema graph: the smallest tree of keys that connects the tables of a query.

use super::catalog::{Catalog, ForeignKey};

/// The order in which tables are joined: the first, then each with the key that connects it to those before it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JoinTree<'a> {
    /// The table of FROM.
    pub first: usize,
    /// Each table with its key, in order.
    pub rest: Vec<(usize, &'a ForeignKey)>,
}

/// Most tables that one query joins.
const MOST: usize = 7;

fn ends(key: &ForeignKey) -> Option<(usize, usize)> {
    let (from, to) = key.columns.first()?;
    Some((from.table, to.table))
}

/// The shortest way of keys from one of `from` to `to`, as steps of (table, key).
fn path<'a>(
    catalog: &'a Catalog,
    from: &[usize],
    to: usize,
    prefer: &dyn Fn(&ForeignKey) -> bool,
) -> Option<Vec<(usize, &'a ForeignKey)>> {
    let mut came: Vec<Option<(usize, &ForeignKey)>> = vec![None; catalog.tables.len()];
    let mut seen = vec![false; catalog.tables.len()];
    let mut queue: Vec<usize> = from.to_vec();
    for &table in from {
        *seen.get_mut(table)? = true;
    }
    let mut next = 0;
    while next < queue.len() {
        let table = queue[next];
        next += 1;
        if table == to {
            break;
        }
        for liked in [true, false] {
            for key in catalog.keys.iter().filter(|key| prefer(key) == liked) {
                let Some((a, b)) = ends(key) else { continue };
                let other = if a == table {
                    b
                } else if b == table {
                    a
                } else {
                    continue;
                };
                if !seen[other] {
                    seen[other] = true;
                    came[other] = Some((table, key));
                    queue.push(other);
                }
            }
        }
    }
    let mut steps = Vec::new();
    let mut at = to;
    while let Some((before, key)) = came[at] {
        steps.push((at, key));
        at = before;
    }
    steps.reverse();
    (from.contains(&at)).then_some(steps)
}

/// The tree that connects these tables; `None` if they are not connected, or there are too many. Of several keys
/// between two tables it takes one that `prefer` likes, else the first.
pub fn tree<'a>(
    catalog: &'a Catalog,
    tables: &[usize],
    prefer: &dyn Fn(&ForeignKey) -> bool,
) -> Option<JoinTree<'a>> {
    let mut best: Option<JoinTree<'a>> = None;
    for &first in tables {
        let mut joined = vec![first];
        let mut rest: Vec<(usize, &ForeignKey)> = Vec::new();
        loop {
            let missing = tables.iter().copied().filter(|t| !joined.contains(t));
            let nearest = missing
                .filter_map(|t| path(catalog, &joined, t, prefer))
                .min_by_key(Vec::len);
            let Some(steps) = nearest else { break };
            for (table, key) in steps {
                joined.push(table);
                rest.push((table, key));
            }
        }
        if tables.iter().any(|t| !joined.contains(t)) || joined.len() > MOST {
            continue;
        }
        if best.as_ref().is_none_or(|b| rest.len() < b.rest.len()) {
            best = Some(JoinTree { first, rest });
        }
    }
    best
}
