//! A navigable graph over the codes of an index, for very many rows: a hierarchical navigable small world (Malkov and
//! Yashunin 2018), which leads a search from row to nearer row and estimates some thousands of rows in place of all.
//!
//! - The graph has no vectors of its own: it measures by the codes, as the scan does.
//! - It is made as a whole, and it depends on the rows alone: which rows stand in upper layers follows from a hash of
//!   the id, and so does the order in which rows are graph_search. Rows that are written later are scanned beside it.
//! - The rows of the topmost layer, the roots, are few enough to be compared one by one, and have no links there.
//!   A search goes on in each layer below from the nearest that it found in the one above.
//! - What no path leads to counts as written later, so no row is out of reach.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Index;
use super::code::Query;
use super::rotation::splitmix;

/// Links of a row in a layer; in the lowest twice as many.
const LINKS: usize = 16;

/// The most roots: so many that few clusters have none, since from one cluster no links need lead towards another.
const ROOTS: usize = 4_096;

/// The most layers; the share of rows in each is a sixteenth of that below.
pub const LAYERS: usize = 8;

/// Rows that are kept in sight while links are looked for.
const BUILD_BREADTH: usize = 128;

/// Rows that are handed from a layer to the next.
const ENTRIES: usize = 16;

/// No link.
pub const NONE: u32 = u32::MAX;

/// The graph.
pub struct Graph {
    /// Tells it from other graphs of the index: the generation for which it was made.
    pub id: u64,
    /// Differs from what is stored.
    pub changed: bool,
    /// The rows of each layer, the lowest first, the roots last.
    pub counts: Vec<u32>,
    /// Of each layer above the lowest the slots of its rows, ascending; then the links of each layer but the last, as
    /// places in that layer. In the lowest a place is a slot.
    pub words: Vec<u32>,
}

/// A row that a walk has visited: the estimate, and the place in the layer to break ties. Ordered as they are.
type Near = u64;

fn near(estimate: f32, place: u32) -> Near {
    let bits = estimate.to_bits();
    let ordered = if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    };
    u64::from(ordered) << 32 | u64::from(place)
}

fn place(near: Near) -> u32 {
    near as u32
}

fn estimate(near: Near) -> f32 {
    let ordered = (near >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 {
        ordered & !(1 << 31)
    } else {
        !ordered
    })
}

/// What a walk needs, kept for the next.
#[derive(Default)]
struct Walk {
    query: Query,
    visited: Vec<u64>,
    places: Vec<u32>,
    slots: Vec<u32>,
    estimates: Vec<f32>,
}

impl Walk {
    /// Notes that a place is visited; false if it was already.
    fn visit(&mut self, place: u32) -> bool {
        let (word, bit) = (place as usize / 64, 1 << (place % 64));
        let is_new = self.visited[word] & bit == 0;
        self.visited[word] |= bit;
        is_new
    }
}

impl Graph {
    /// A graph of these layers without links.
    pub fn new(id: u64, counts: Vec<u32>) -> Graph {
        let mut graph = Graph {
            id,
            changed: false,
            counts,
            words: Vec::new(),
        };
        graph.words = vec![NONE; graph.links_at(graph.top())];
        graph
    }

    /// The graph over all rows. `step` is called between rows. Errors with its first error, which ends the work.
    pub fn build<E>(
        index: &Index,
        id: u64,
        mut step: impl FnMut() -> Result<(), E>,
    ) -> Result<Graph, E> {
        let mut rows: Vec<(Reverse<usize>, u64, u32)> = index
            .slots
            .iter()
            .map(|(id, slot)| {
                let hash = splitmix(&mut id.cast_unsigned());
                let level = (hash.trailing_zeros() / LINKS.ilog2()) as usize;
                (Reverse(level.min(LAYERS - 1)), hash, *slot)
            })
            .collect();
        rows.sort_unstable();
        let count = |level: usize| rows.partition_point(|(l, ..)| l.0 >= level);
        let top = (1..LAYERS)
            .find(|l| count(*l) <= ROOTS)
            .unwrap_or(LAYERS - 1);
        let counts = (1..=top).map(|level| count(level) as u32);
        let counts = std::iter::once(index.slots() as u32).chain(counts);
        let mut graph = Graph::new(id, counts.collect());
        graph.changed = true;
        for level in 1..=top {
            let mut slots: Vec<u32> = rows[..count(level)].iter().map(|r| r.2).collect();
            slots.sort_unstable();
            let at = graph.slots_at(level);
            graph.words[at..at + slots.len()].copy_from_slice(&slots);
        }
        // Roots come first.
        let mut roots = Vec::new();
        let mut walk = Walk::default();
        for (i, (level, _, slot)) in rows.into_iter().enumerate() {
            if i % 256 == 255 {
                step()?;
            }
            graph.add(index, &mut walk, slot, level.0, roots.clone());
            if level.0 >= top {
                let place = graph.slots(top).binary_search(&slot);
                roots.extend(place.map(|place| place as u32));
            }
        }
        Ok(graph)
    }

    /// The layer of the roots.
    pub(super) fn top(&self) -> usize {
        self.counts.len() - 1
    }

    /// Where the slots of a layer above the lowest begin.
    fn slots_at(&self, layer: usize) -> usize {
        self.counts[1..layer].iter().map(|c| *c as usize).sum()
    }

    /// Where the links of a layer begin; of the roots, which have none, the end.
    pub(super) fn links_at(&self, layer: usize) -> usize {
        let slots = self.slots_at(self.counts.len());
        let below = (0..layer).map(|l| self.counts[l] as usize * width(l));
        slots + below.sum::<usize>()
    }

    /// The slots of a layer's rows; of the lowest, in which places are slots, none.
    pub(super) fn slots(&self, layer: usize) -> &[u32] {
        match layer {
            0 => &[],
            _ => &self.words[self.slots_at(layer)..self.slots_at(layer + 1)],
        }
    }

    fn slot(&self, layer: usize, place: u32) -> u32 {
        match layer {
            0 => place,
            _ => self.words[self.slots_at(layer) + place as usize],
        }
    }

    fn links(&self, layer: usize, place: u32) -> &[u32] {
        let at = self.links_at(layer) + place as usize * width(layer);
        &self.words[at..at + width(layer)]
    }

    fn set_links(&mut self, layer: usize, place: u32, links: impl Iterator<Item = u32>) {
        let at = self.links_at(layer) + place as usize * width(layer);
        let places = &mut self.words[at..at + width(layer)];
        let links = links.chain(std::iter::repeat(NONE));
        places.iter_mut().zip(links).for_each(|(p, l)| *p = l);
    }

    /// The same rows as places of another layer, which has them.
    fn moved(&self, rows: &[Near], from: usize, to: usize) -> Vec<Near> {
        let slots = self.slots(to);
        let moved = rows.iter().filter_map(|row| {
            let slot = self.slot(from, place(*row));
            let place = match to {
                0 => slot,
                _ => slots.binary_search(&slot).ok()? as u32,
            };
            Some(near(estimate(*row), place))
        });
        moved.collect()
    }

    /// Links a row with the nearest of those that are graph_search already.
    fn add(&mut self, index: &Index, walk: &mut Walk, slot: u32, level: usize, roots: Vec<u32>) {
        index.row_query(slot, &mut walk.query);
        let mut found = self.roots(index, walk, roots);
        for layer in (0..self.top()).rev() {
            found = self.moved(&found, layer + 1, layer);
            if layer > level {
                self.walk(index, walk, layer, &mut found, ENTRIES, |_| true);
                continue;
            }
            self.walk(index, walk, layer, &mut found, BUILD_BREADTH, |_| true);
            let own = match layer {
                0 => Some(slot),
                _ => self
                    .slots(layer)
                    .binary_search(&slot)
                    .ok()
                    .map(|p| p as u32),
            };
            let Some(own) = own else { continue };
            let chosen = self.chosen(index, walk, layer, &found, LINKS);
            self.set_links(layer, own, chosen.iter().map(|c| place(*c)));
            for other in chosen {
                self.link(index, walk, layer, place(other), near(estimate(other), own));
            }
        }
    }

    /// Adds a link to a row; where there is no room, the best are chosen anew.
    fn link(&mut self, index: &Index, walk: &mut Walk, layer: usize, from: u32, to: Near) {
        let at = self.links_at(layer) + from as usize * width(layer);
        let links = &mut self.words[at..at + width(layer)];
        if let Some(free) = links.iter_mut().find(|l| **l == NONE) {
            *free = place(to);
            return;
        }
        let places: Vec<u32> = links.to_vec();
        index.row_query(self.slot(layer, from), &mut walk.query);
        let mut rows = self.estimated(index, walk, layer, places);
        rows.push(to);
        rows.sort_unstable();
        let chosen = self.chosen(index, walk, layer, &rows, width(layer));
        self.set_links(layer, from, chosen.iter().map(|c| place(*c)));
    }

    /// Rows with their estimates from the walk's query.
    fn estimated(
        &self,
        index: &Index,
        walk: &mut Walk,
        layer: usize,
        places: Vec<u32>,
    ) -> Vec<Near> {
        walk.slots.clear();
        let slots = places.iter().map(|p| self.slot(layer, *p));
        walk.slots.extend(slots);
        index.estimate_slots(&walk.query, &walk.slots, &mut walk.estimates);
        let rows = walk.estimates.iter().zip(places);
        rows.map(|(e, p)| near(*e, p)).collect()
    }

    /// Of rows in order of their distance to one, those to link it with: each is nearer to it than to all that are
    /// chosen before, so that links lead in all directions, and not only into the nearest cluster.
    fn chosen(
        &self,
        index: &Index,
        walk: &mut Walk,
        layer: usize,
        rows: &[Near],
        most: usize,
    ) -> Vec<Near> {
        let mut chosen = Vec::with_capacity(most);
        let mut left = rows.to_vec();
        while let Some(row) = left.first().copied() {
            chosen.push(row);
            if chosen.len() == most {
                break;
            }
            left.remove(0);
            index.row_query(self.slot(layer, place(row)), &mut walk.query);
            walk.slots.clear();
            let slots = left.iter().map(|row| self.slot(layer, place(*row)));
            walk.slots.extend(slots);
            index.estimate_slots(&walk.query, &walk.slots, &mut walk.estimates);
            let mut between = walk.estimates.iter();
            left.retain(|row| between.next().is_some_and(|e| *e > estimate(*row)));
        }
        chosen
    }

    /// Those of these roots that are nearest to the walk's query.
    fn roots(&self, index: &Index, walk: &mut Walk, places: Vec<u32>) -> Vec<Near> {
        let mut rows = self.estimated(index, walk, self.top(), places);
        if rows.len() > ENTRIES {
            rows.select_nth_unstable(ENTRIES);
            rows.truncate(ENTRIES);
        }
        rows.sort_unstable();
        rows
    }

    /// Goes from the rows found so far to the `breadth` nearest in a layer, over links of those that are near enough.
    /// Only rows that are `wanted` are found; the others show the way.
    fn walk(
        &self,
        index: &Index,
        walk: &mut Walk,
        layer: usize,
        rows: &mut Vec<Near>,
        breadth: usize,
        wanted: impl Fn(u32) -> bool,
    ) {
        walk.visited.clear();
        walk.visited
            .resize((self.counts[layer] as usize).div_ceil(64), 0);
        rows.iter().for_each(|row| _ = walk.visit(place(*row)));
        let mut ahead: BinaryHeap<Reverse<Near>> = rows.iter().copied().map(Reverse).collect();
        rows.retain(|row| wanted(place(*row)));
        let mut found: BinaryHeap<Near> = rows.drain(..).collect();
        while let Some(Reverse(row)) = ahead.pop() {
            if found.len() >= breadth && found.peek().is_some_and(|last| row > *last) {
                break;
            }
            let mut places = std::mem::take(&mut walk.places);
            places.clear();
            let links = self.links(layer, place(row)).iter().copied();
            places.extend(links.take_while(|l| *l != NONE).filter(|l| walk.visit(*l)));
            walk.slots.clear();
            walk.slots
                .extend(places.iter().map(|p| self.slot(layer, *p)));
            index.estimate_slots(&walk.query, &walk.slots, &mut walk.estimates);
            for (place, estimate) in places.iter().zip(&walk.estimates) {
                let row = near(*estimate, *place);
                if found.len() >= breadth && found.peek().is_some_and(|last| row > *last) {
                    continue;
                }
                ahead.push(Reverse(row));
                if wanted(*place) {
                    found.push(row);
                    if found.len() > breadth {
                        found.pop();
                    }
                }
            }
            walk.places = places;
        }
        *rows = found.into_sorted_vec();
    }

    /// The slots of the rows nearest to a query with their estimates, nearest first: as many as `breadth`, or all that
    /// can be reached. Rows written since are not among them.
    pub fn nearest(&self, index: &Index, query: Query, breadth: usize) -> Vec<(f32, u32)> {
        let mut walk = Walk {
            query,
            ..Walk::default()
        };
        let mut found = self.roots(index, &mut walk, (0..self.counts[self.top()]).collect());
        for layer in (0..self.top()).rev() {
            found = self.moved(&found, layer + 1, layer);
            match layer {
                0 => self.walk(index, &mut walk, 0, &mut found, breadth, |slot| {
                    index.is_linked(slot, self.id)
                }),
                _ => self.walk(index, &mut walk, layer, &mut found, ENTRIES, |_| true),
            }
        }
        let found = found.into_iter();
        found.map(|row| (estimate(row), place(row))).collect()
    }

    /// A bit for each slot that a path from the roots leads to.
    pub fn reached(&self) -> Vec<u64> {
        let mut walk = Walk::default();
        let mut rows: Vec<Near> = (0..self.counts[self.top()]).map(|p| near(0.0, p)).collect();
        for layer in (0..self.top()).rev() {
            rows = self.moved(&rows, layer + 1, layer);
            walk.visited = vec![0; (self.counts[layer] as usize).div_ceil(64)];
            rows.iter().for_each(|row| _ = walk.visit(place(*row)));
            let mut next = 0;
            while let Some(row) = rows.get(next).copied() {
                let links = self.links(layer, place(row)).iter();
                for link in links.take_while(|l| **l != NONE) {
                    if walk.visit(*link) {
                        rows.push(near(0.0, *link));
                    }
                }
                next += 1;
            }
        }
        walk.visited
    }
}

/// Links of each row of a layer.
fn width(layer: usize) -> usize {
    match layer {
        0 => 2 * LINKS,
        _ => LINKS,
    }
}
