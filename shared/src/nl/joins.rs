//! Joins from the schema graph: the smallest tree of keys that connects the tables of a query.

use std::cell::RefCell;
use std::collections::HashMap;

use super::catalog::{Catalog, ForeignKey};

/// The order in which tables are joined: the first, then each with the key that connects it to those before it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JoinTree<'a> {
    /// The table of FROM.
    pub first: usize,
    /// Each table with its key, in order.
    pub rest: Vec<(usize, &'a ForeignKey)>,
}

impl JoinTree<'_> {
    /// The table of whose rows each row of `table` meets several, if there is one: then sums of it count them several times.
    pub fn repeats(&self, table: usize) -> Option<usize> {
        let mut reached = vec![table];
        let mut next = 0;
        while let Some(&at) = reached.get(next) {
            next += 1;
            for (from, to) in self.rest.iter().filter_map(|(_, key)| ends(key)) {
                let other = if from == at { to } else { from };
                if (from != at && to != at) || reached.contains(&other) {
                    continue;
                }
                if to == at {
                    return Some(other);
                }
                reached.push(other);
            }
        }
        None
    }
}

/// Most tables that one query joins.
const MOST: usize = 7;

fn ends(key: &ForeignKey) -> Option<(usize, usize)> {
    let (from, to) = key.columns.first()?;
    Some((from.table, to.table))
}

/// The tables next to each, with the key between them; those that `prefer` likes first.
fn near<'a>(
    catalog: &'a Catalog,
    prefer: &dyn Fn(&ForeignKey) -> bool,
) -> Vec<Vec<(usize, &'a ForeignKey)>> {
    let mut all: Vec<Vec<(usize, &ForeignKey)>> = vec![Vec::new(); catalog.tables.len()];
    let liked: Vec<bool> = catalog.keys.iter().map(prefer).collect();
    // What refers to a table comes before what it refers to: of two ways that are equally short, that by rows which refer to
    // both says more than that by what both refer to.
    for child in [true, false] {
        for wanted in [true, false] {
            for (key, _) in catalog
                .keys
                .iter()
                .zip(&liked)
                .filter(|(_, l)| **l == wanted)
            {
                let Some((from, to)) = ends(key) else {
                    continue;
                };
                if from < all.len() && to < all.len() {
                    if !child {
                        all[from].push((to, key));
                    } else if from != to {
                        all[to].push((from, key));
                    }
                }
            }
        }
    }
    all
}

/// The trees of one question: many of its readings need the same tables.
pub struct Trees<'a> {
    near: Vec<Vec<(usize, &'a ForeignKey)>>,
    /// The keys that the question likes.
    liked: Vec<&'a ForeignKey>,
    known: RefCell<HashMap<Vec<usize>, Option<JoinTree<'a>>>>,
}

impl<'a> Trees<'a> {
    /// None yet. Of several keys between two tables, one that `prefer` likes is taken, else the first.
    pub fn new(catalog: &'a Catalog, prefer: &dyn Fn(&ForeignKey) -> bool) -> Trees<'a> {
        Trees {
            near: near(catalog, prefer),
            liked: catalog.keys.iter().filter(|key| prefer(key)).collect(),
            known: RefCell::default(),
        }
    }

    /// The tree that connects these tables; `None` if they are not connected, or there are too many.
    pub fn tree(&self, tables: &[usize]) -> Option<JoinTree<'a>> {
        if let Some(known) = self.known.borrow().get(tables) {
            return known.clone();
        }
        let made = self.smallest(tables);
        self.known
            .borrow_mut()
            .insert(tables.to_vec(), made.clone());
        made
    }

    /// Two tables that a tree joins by one of several keys, of which the question names none, or more than one.
    pub fn unsaid(&self, tree: &JoinTree<'_>) -> Option<(usize, usize)> {
        tree.rest.iter().find_map(|(_, key)| {
            let (from, to) = ends(key)?;
            let between = self.near[from].iter().map(|(_, other)| *other);
            let mut alike: Vec<&ForeignKey> = between
                .filter(|other| ends(other) == Some((from, to)))
                .collect();
            alike.dedup();
            let is_liked = |key: &&&ForeignKey| self.liked.contains(*key);
            let several = alike.len() > 1 && from != to;
            (several && alike.iter().filter(is_liked).count() != 1).then_some((from, to))
        })
    }

    /// A table that a tree goes by though nobody said so, and one that another way goes by which is about as short.
    pub fn others(
        &self,
        tree: &JoinTree<'_>,
        said: &dyn Fn(usize) -> bool,
    ) -> Option<(usize, usize)> {
        let joined: Vec<usize> = std::iter::once(tree.first)
            .chain(tree.rest.iter().map(|(table, _)| *table))
            .collect();
        joined.iter().filter(|by| !said(**by)).find_map(|&by| {
            let beside: Vec<usize> = tree
                .rest
                .iter()
                .filter_map(|(_, key)| ends(key))
                .filter(|(a, b)| (*a == by) != (*b == by))
                .map(|(a, b)| if a == by { b } else { a })
                .collect();
            let [a, b] = beside[..] else { return None };
            let free = |table: usize| !joined.contains(&table);
            let next = |table: usize| self.near[table].iter().map(|(other, _)| *other);
            // One table between them, or two.
            next(a).filter(|t| free(*t)).find_map(|first| {
                let closes = |table: usize| next(table).any(|t| t == b);
                let refers = |from: usize| {
                    self.near[from]
                        .iter()
                        .any(|(t, key)| *t == first && ends(key) == Some((from, first)))
                };
                // What both refer to is no way.
                if refers(a) && refers(b) {
                    return None;
                }
                let second = next(first).filter(|t| free(*t) && *t != first);
                let two = || second.into_iter().any(closes);
                (closes(first) || two()).then_some((by, first))
            })
        })
    }

    fn smallest(&self, tables: &[usize]) -> Option<JoinTree<'a>> {
        let mut best: Option<JoinTree<'a>> = None;
        for &first in tables {
            let mut joined = vec![first];
            let mut rest: Vec<(usize, &ForeignKey)> = Vec::new();
            loop {
                let missing = tables.iter().copied().filter(|t| !joined.contains(t));
                let nearest = missing
                    .filter_map(|t| self.path(&joined, t))
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

    /// The shortest way of keys from one of `from` to `to`, as steps of (table, key).
    fn path(&self, from: &[usize], to: usize) -> Option<Vec<(usize, &'a ForeignKey)>> {
        let mut came: Vec<Option<(usize, &ForeignKey)>> = vec![None; self.near.len()];
        let mut seen = vec![false; self.near.len()];
        // Of ways that are equally short, the one from what was joined last.
        let mut queue: Vec<usize> = from.iter().rev().copied().collect();
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
            for (other, key) in &self.near[table] {
                if !seen[*other] {
                    seen[*other] = true;
                    came[*other] = Some((table, key));
                    queue.push(*other);
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
        from.contains(&at).then_some(steps)
    }
}

/// How many joins each table is away from these, and whether a row of these has several of it on the way: a join goes
/// against its key. `None` for what is not connected.
pub fn distances(catalog: &Catalog, from: &[usize]) -> Vec<Option<(usize, bool)>> {
    let mut all: Vec<Option<(usize, bool)>> = vec![None; catalog.tables.len()];
    let mut queue: Vec<usize> = from.to_vec();
    for &table in from {
        if let Some(place) = all.get_mut(table) {
            *place = Some((0, false));
        }
    }
    let near = near(catalog, &|_| false);
    let mut next = 0;
    while let Some(&table) = queue.get(next) {
        next += 1;
        let Some((steps, fans)) = all[table] else {
            continue;
        };
        for (other, key) in &near[table] {
            let against = ends(key).is_some_and(|(_, parent)| parent == table);
            if all[*other].is_none() {
                all[*other] = Some((steps + 1, fans || against));
                queue.push(*other);
            }
        }
    }
    all
}
