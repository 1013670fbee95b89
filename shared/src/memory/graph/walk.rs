//! Neighbours, paths and ranks in a graph of facts. An edge is walked both ways.

use std::collections::{BTreeMap, VecDeque};

use super::view::Edge;

/// Who is near, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The entity's name.
    pub name: String,
    /// The number of facts to it.
    pub depth: i64,
    /// The name from which it was reached.
    pub through: String,
    /// The number of the fact that reached it.
    pub fact: i64,
}

/// The entities and who is beside whom, by numbers in the order of the keys.
struct Graph<'a> {
    numbers: BTreeMap<&'a str, usize>,
    names: Vec<&'a str>,
    /// For each entity the edges at it, in the order of their facts, and the entity at their other end.
    beside: Vec<Vec<(usize, usize)>>,
}

impl<'a> Graph<'a> {
    fn new(edges: &'a [Edge]) -> Self {
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for edge in edges {
            names.entry(&edge.subject).or_insert(&edge.fact.subject);
            names.entry(&edge.object).or_insert(&edge.fact.object);
        }
        let numbers: BTreeMap<&str, usize> =
            names.keys().enumerate().map(|(i, key)| (*key, i)).collect();
        let mut beside = vec![Vec::new(); names.len()];
        for (i, edge) in edges.iter().enumerate() {
            let ends = (
                numbers.get(edge.subject.as_str()),
                numbers.get(edge.object.as_str()),
            );
            if let (Some(&subject), Some(&object)) = ends
                && subject != object
            {
                for (here, there) in [(subject, object), (object, subject)] {
                    if let Some(list) = beside.get_mut(here) {
                        list.push((i, there));
                    }
                }
            }
        }
        Graph {
            numbers,
            names: names.into_values().collect(),
            beside,
        }
    }

    fn number(&self, key: &str) -> Option<usize> {
        self.numbers.get(key).copied()
    }

    fn beside(&self, number: usize) -> &[(usize, usize)] {
        self.beside.get(number).map_or(&[], Vec::as_slice)
    }

    fn name(&self, number: usize) -> &'a str {
        self.names.get(number).copied().unwrap_or_default()
    }

    /// The number of edges to each entity; `None` where there is no way.
    fn distances(&self, from: usize) -> Vec<Option<usize>> {
        let mut distances = vec![None; self.names.len()];
        let mut queue = VecDeque::new();
        self.reach(&mut distances, from, 0, &mut queue);
        while let Some((at, distance)) = queue.pop_front() {
            for &(_, there) in self.beside(at) {
                self.reach(&mut distances, there, distance + 1, &mut queue);
            }
        }
        distances
    }

    fn reach(
        &self,
        distances: &mut [Option<usize>],
        at: usize,
        distance: usize,
        queue: &mut VecDeque<(usize, usize)>,
    ) {
        if let Some(known @ None) = distances.get_mut(at) {
            *known = Some(distance);
            queue.push_back((at, distance));
        }
    }
}

/// Who is within `depth` facts of an entity, the nearest first, then in the order of the facts that reach them.
pub fn neighbours(edges: &[Edge], entity: &str, depth: i64) -> Vec<Neighbour> {
    let graph = Graph::new(edges);
    let Some(start) = graph.number(entity) else {
        return Vec::new();
    };
    let mut seen = vec![false; graph.names.len()];
    let mut found = Vec::new();
    let mut layer = vec![start];
    if let Some(seen) = seen.get_mut(start) {
        *seen = true;
    }
    for depth in 1..=depth {
        // The facts at this layer, by their numbers.
        let mut next: Vec<(usize, usize, usize)> = Vec::new();
        for &at in &layer {
            next.extend(
                graph
                    .beside(at)
                    .iter()
                    .map(|&(edge, there)| (edge, at, there)),
            );
        }
        next.sort_unstable();
        layer.clear();
        for (edge, at, there) in next {
            if let Some(seen @ false) = seen.get_mut(there) {
                *seen = true;
                layer.push(there);
                found.push(Neighbour {
                    name: graph.name(there).into(),
                    depth,
                    through: graph.name(at).into(),
                    fact: edges.get(edge).map_or(0, |e| e.fact.id),
                });
            }
        }
        if layer.is_empty() {
            break;
        }
    }
    found
}

/// The most steps of a search for paths, so that it ends in any graph.
const STEPS: usize = 1_000_000;

/// Up to `k` ways between two entities, of at most `length` facts, the shortest first, then in the order of their facts;
/// none passes an entity twice. Each is a list of places in `edges`.
pub fn paths(edges: &[Edge], from: &str, to: &str, length: usize, k: usize) -> Vec<Vec<usize>> {
    let graph = Graph::new(edges);
    let (Some(from), Some(to)) = (graph.number(from), graph.number(to)) else {
        return Vec::new();
    };
    let left = graph.distances(to);
    let mut found = Vec::new();
    let mut steps = 0;
    let Some(shortest) = left.get(from).copied().flatten().filter(|d| *d > 0) else {
        return found;
    };
    for length in shortest..=length.min(graph.names.len()) {
        // All paths of just this length, by a search in depth that turns where the rest is too far.
        let mut on_path = vec![false; graph.names.len()];
        let mut path: Vec<(usize, usize, usize)> = vec![(from, 0, usize::MAX)];
        while let Some(&mut (at, ref mut next, _)) = path.last_mut() {
            steps += 1;
            if steps > STEPS || found.len() >= k {
                return found;
            }
            if let Some(on) = on_path.get_mut(at) {
                *on = true;
            }
            let choice = graph.beside(at).get(*next).copied();
            *next += 1;
            let used = path.len() - 1;
            let Some((edge, there)) = choice else {
                if let Some(on) = on_path.get_mut(at) {
                    *on = false;
                }
                path.pop();
                continue;
            };
            let rest = left.get(there).copied().flatten();
            let fits = rest.is_some_and(|rest| used + 1 + rest <= length);
            if !fits || on_path.get(there).copied().unwrap_or(true) {
                continue;
            }
            if there == to {
                if used + 1 == length {
                    let before = path.iter().skip(1).map(|(_, _, edge)| *edge);
                    found.push(before.chain([edge]).collect());
                }
                continue;
            }
            path.push((there, 0, edge));
        }
    }
    found
}

/// How often a walker is at each entity who at each fact goes on, or with a probability of one half back to a seed:
/// personalised PageRank, with the facts' confidence as weights. The highest first, equal ones by their keys; seeds that
/// are in no fact count for nothing.
pub fn pagerank(edges: &[Edge], seeds: &[String]) -> Vec<(String, f64)> {
    const DAMPING: f64 = 0.5;
    let graph = Graph::new(edges);
    let mut seeds: Vec<usize> = seeds.iter().filter_map(|s| graph.number(s)).collect();
    seeds.sort_unstable();
    seeds.dedup();
    if seeds.is_empty() {
        return Vec::new();
    }
    let weight = |edge: usize| edges.get(edge).map_or(0.0, |e| e.fact.confidence.max(0.0));
    let total = |at: usize| {
        graph
            .beside(at)
            .iter()
            .map(|&(e, _)| weight(e))
            .sum::<f64>()
    };
    let totals: Vec<f64> = (0..graph.names.len()).map(total).collect();
    let share = 1.0 / seeds.len() as f64;
    let mut ranks = vec![0.0; graph.names.len()];
    for &seed in &seeds {
        if let Some(rank) = ranks.get_mut(seed) {
            *rank = share;
        }
    }
    // Half of what is left to spread goes each time: after 50 rounds nothing that a double tells.
    for _ in 0..50 {
        let mut next = vec![0.0; ranks.len()];
        let mut back = 0.0;
        for (at, (&rank, &total)) in ranks.iter().zip(&totals).enumerate() {
            if total <= 0.0 {
                back += rank;
                continue;
            }
            back += rank * (1.0 - DAMPING);
            for &(edge, there) in graph.beside(at) {
                if let Some(next) = next.get_mut(there) {
                    *next += rank * DAMPING * weight(edge) / total;
                }
            }
        }
        for &seed in &seeds {
            if let Some(next) = next.get_mut(seed) {
                *next += back * share;
            }
        }
        ranks = next;
    }
    let mut found: Vec<(String, f64)> = (graph.names.iter().zip(&ranks))
        .filter(|(_, rank)| **rank > 0.0)
        .map(|(name, rank)| ((*name).to_owned(), *rank))
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found
}
