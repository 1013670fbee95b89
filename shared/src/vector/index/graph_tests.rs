//! The graph against exact search, in clusters, after changes and under damage.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::graph_pages::FIRST;
use super::tests::{Draw, Rows, exact, search};
use super::*;

const DIMS: usize = 24;
/// As few as make a graph.
const ROWS: i64 = 3_600;

/// A vector in one of a hundred clusters, which lie close together or far apart.
fn clustered(draw: &mut Draw, centres: &[Vec<f32>]) -> Vec<f32> {
    let centre = draw.below(centres.len() as u64) as usize;
    let width = [0.05, 0.2, 0.5][centre % 3];
    let own = draw.vector(DIMS);
    let parts = own.iter().zip(&centres[centre]);
    parts.map(|(x, c)| c + x * width).collect()
}

/// An index with a graph, its rows, and queries from the same clusters. Made once, and then read from its blocks.
fn graph_search(metric: Metric) -> (Index, &'static Rows, &'static [Vec<f32>]) {
    type Stored = (BTreeMap<u32, Vec<u8>>, Rows, Vec<Vec<f32>>);
    static STORED: [OnceLock<Stored>; 2] = [OnceLock::new(), OnceLock::new()];
    let (blocks, rows, queries) = STORED[usize::from(metric == Metric::L2)].get_or_init(|| {
        let mut draw = Draw(1);
        let centres: Vec<Vec<f32>> = (0..100).map(|_| draw.vector(DIMS)).collect();
        let vectors = (0..ROWS).map(|id| (id, clustered(&mut draw, &centres)));
        let rows: Rows = vectors.collect();
        let mut index = filled(metric, rows.iter());
        link(&mut index, 1);
        let queries = (0..60).map(|_| clustered(&mut draw, &centres)).collect();
        (index.changed_blocks(1).into_iter().collect(), rows, queries)
    });
    (opened(metric, blocks).0, rows, queries)
}

/// An index without a graph.
fn filled<'a>(metric: Metric, rows: impl Iterator<Item = (&'a i64, &'a Vec<f32>)>) -> Index {
    let mut index = Index::new(DIMS, metric, Kind::Hnsw).unwrap();
    for (id, vector) in rows {
        index.insert(*id, vector).unwrap();
    }
    index
}

/// An index from its blocks, and what was refused.
fn opened(metric: Metric, blocks: &BTreeMap<u32, Vec<u8>>) -> (Index, Vec<(u32, Error)>) {
    let mut index = Index::new(DIMS, metric, Kind::Hnsw).unwrap();
    let numbers: Vec<u32> = blocks.keys().copied().collect();
    let refused = index.load_blocks(&numbers, |n| Ok::<_, Error>(blocks[&n].clone()));
    (index, refused.unwrap())
}

fn link(index: &mut Index, number: u64) {
    index.link(number, || Ok::<_, Error>(())).unwrap();
    assert!(index.graph.is_some() && !index.wants_rebuild());
}

/// The share of the ten nearest that come out, by the graph.
fn recall(index: &Index, rows: &Rows, queries: &[Vec<f32>]) -> f64 {
    let mut found = 0;
    for query in queries {
        let mut measured = 0;
        let mut fetch = |ids: &[i64], found: &mut dyn FnMut(i64, &[f32])| {
            measured += ids.len();
            ids.iter().for_each(|id| found(*id, &rows[id]));
            Ok::<_, Error>(())
        };
        let hits = index.search_linked(query, 10, OVERSAMPLE, &mut fetch);
        let hits = hits.unwrap().expect("the graph answers");
        assert_eq!(hits.len(), 10);
        assert!(measured < rows.len() / 4, "{measured} rows were measured");
        assert_eq!(hits, search(index, rows, query, 10, Filter::All));
        let truth = exact(rows, index.metric(), query, 10);
        found += truth.iter().filter(|hit| hits.contains(hit)).count();
    }
    f64::from(found as u32) / (10 * queries.len()) as f64
}

#[test]
fn finds_the_nearest_in_clusters() {
    for metric in [Metric::L2, Metric::Cosine] {
        let (index, rows, queries) = graph_search(metric);
        let share = recall(&index, rows, queries);
        assert!(share >= 0.99, "{metric:?}: {share}");
    }
}

#[test]
fn rows_written_since_are_found_and_removed_ones_are_not() {
    let (mut index, rows, queries) = graph_search(Metric::L2);
    let mut rows = rows.clone();
    let mut draw = Draw(4);
    let mut stored = all_blocks(&mut index);
    for round in 0..3 {
        // Three tenths of the rows change in all: some go, some move far away, some come anew.
        for id in 0..400 {
            let id = round * 400 + id;
            let vector = draw.vector(DIMS);
            match id % 3 {
                0 => {
                    assert!(index.remove(id));
                    rows.remove(&id);
                    continue;
                }
                1 => {
                    index.insert(id, &vector).unwrap();
                    rows.insert(id, vector);
                }
                _ => {
                    index.insert(ROWS + id, &vector).unwrap();
                    rows.insert(ROWS + id, vector);
                }
            }
        }
        stored.extend(index.changed_blocks(2));
        index = opened(Metric::L2, &stored).0;
        assert!(index.graph.is_some() && index.wants_rebuild());
        let share = recall(&index, &rows, queries);
        assert!(share >= 0.99, "{round}: {share}");
        for id in (0..ROWS + 1_200).step_by(7) {
            let Some(vector) = rows.get(&id) else {
                continue;
            };
            let hits = search(&index, &rows, vector, 1, Filter::All);
            assert_eq!(hits[0].distance, 0.0, "row {id} is not found");
        }
    }
}

#[test]
fn depends_on_the_rows_alone() {
    let (index, rows, queries) = graph_search(Metric::Cosine);
    // In other slots they are graph_search in the same order; a slot only tells apart what is equally near.
    let mut other = filled(Metric::Cosine, rows.iter().rev());
    link(&mut other, 1);
    for query in queries {
        assert_eq!(
            search(&index, rows, query, 10, Filter::All),
            search(&other, rows, query, 10, Filter::All)
        );
    }
}

#[test]
fn equal_vectors_come_in_order_of_ids() {
    let rows: Rows = (0..ROWS).map(|id| (id * 3, vec![1.0; DIMS])).collect();
    let mut index = filled(Metric::L2, rows.iter());
    index.link(1, || Ok::<_, Error>(())).unwrap();
    let hits = search(&index, &rows, &[0.5; DIMS], 3, Filter::All);
    let ids: Vec<i64> = hits.iter().map(|hit| hit.id).collect();
    assert_eq!(ids, [0, 3, 6]);
}

#[test]
fn few_rows_and_filters_need_no_graph() {
    let mut index = Index::new(2, Metric::L2, Kind::Hnsw).unwrap();
    let mut rows = Rows::new();
    for count in [0, 1, 500] {
        for id in 0..count {
            rows.insert(id, vec![id as f32, 1.0]);
            index.insert(id, &rows[&id]).unwrap();
        }
        index.link(1, || Ok::<_, Error>(())).unwrap();
        assert!(index.graph.is_none() && !index.wants_rebuild() && !index.lacks_graph());
        let truth = exact(&rows, Metric::L2, &[9.0, 1.0], 10);
        assert_eq!(search(&index, &rows, &[9.0, 1.0], 10, Filter::All), truth);
    }
    let (index, rows, queries) = graph_search(Metric::L2);
    let ids: Vec<i64> = (0..ROWS).filter(|id| id % 40 == 1).collect();
    let allowed: Rows = ids.iter().map(|id| (*id, rows[id].clone())).collect();
    for query in queries {
        let truth = exact(&allowed, Metric::L2, query, 200);
        assert_eq!(search(&index, rows, query, 200, Filter::Ids(&ids)), truth);
        let all = search(&index, rows, query, rows.len() + 1, Filter::All);
        assert_eq!(all, exact(rows, Metric::L2, query, rows.len()));
    }
}

#[test]
fn no_metric_without_nearness() {
    let refused = Index::new(2, Metric::Ip, Kind::Hnsw).err().unwrap();
    assert!(
        refused
            .to_string()
            .starts_with("kind=hnsw has no metric ip")
    );
}

#[test]
fn an_error_while_it_is_made_leaves_all_as_it_was() {
    let (mut index, rows, queries) = graph_search(Metric::L2);
    let mut steps = 0;
    let ended = index.link(2, || {
        steps += 1;
        match steps {
            5 => Err(Error::new("interrupted")),
            _ => Ok(()),
        }
    });
    assert_eq!(ended.unwrap_err().to_string(), "interrupted");
    assert!(!index.is_changed() && !index.wants_rebuild());
    assert!(recall(&index, rows, queries) >= 0.99);
}

#[test]
fn a_graph_that_is_damaged_or_another_is_not_used() {
    let (mut index, rows, queries) = graph_search(Metric::L2);
    let blocks = all_blocks(&mut index);
    let parts: Vec<u32> = blocks.keys().copied().filter(|n| *n >= FIRST).collect();
    assert!(parts.len() > 1);
    let flat = |blocks: &BTreeMap<u32, Vec<u8>>, is_refused: bool| {
        let (copy, refused) = opened(Metric::L2, blocks);
        assert_eq!(refused.is_empty(), !is_refused);
        assert!(copy.lacks_graph() && copy.len() == rows.len());
        for query in &queries[..2] {
            let truth = exact(rows, Metric::L2, query, 10);
            assert_eq!(search(&copy, rows, query, 10, Filter::All), truth);
        }
    };
    let mut draw = Draw(10);
    for number in &parts {
        for _ in 0..6 {
            let mut damaged = blocks.clone();
            let bytes = damaged.get_mut(number).unwrap();
            let at = draw.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << draw.below(8);
            flat(&damaged, true);
        }
        let mut fewer = blocks.clone();
        fewer.remove(number);
        flat(&fewer, true);
        let mut swapped = blocks.clone();
        swapped.insert(
            *number,
            blocks[&(FIRST + (*number == FIRST) as u32)].clone(),
        );
        flat(&swapped, true);
    }
    let mut none = blocks.clone();
    none.retain(|number, _| *number < FIRST);
    flat(&none, false);
    // A graph whose blocks are gone, or were stored for another one, is of no use.
    let mut fewer = blocks.clone();
    fewer.remove(&1);
    assert!(opened(Metric::L2, &fewer).0.lacks_graph());
    let words = |index: &Index| index.graph.as_ref().map(|g| g.words.clone());
    let before = words(&index);
    link(&mut index, 2);
    assert_eq!(words(&index), before, "the same rows make the same graph");
    let mut mixed = blocks.clone();
    mixed.extend(index.changed_blocks(2).into_iter().filter(|(n, _)| *n == 1));
    flat(&mixed, false);
}

/// The blocks of an index, its graph included.
fn all_blocks(index: &mut Index) -> BTreeMap<u32, Vec<u8>> {
    index
        .blocks
        .iter_mut()
        .for_each(|block| block.changed = true);
    index
        .graph
        .iter_mut()
        .for_each(|graph| graph.changed = true);
    index.changed_blocks(1).into_iter().collect()
}
