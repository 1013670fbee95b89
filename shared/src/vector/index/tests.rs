//! The index against exact search, over random vectors and random histories.

use std::collections::BTreeMap;

use super::*;

/// A small generator, so that every run is the same.
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn vector(&mut self, dims: usize) -> Vec<f32> {
        (0..dims)
            .map(|_| {
                (0..4)
                    .map(|_| self.below(2001) as f32 - 1000.0)
                    .sum::<f32>()
                    / 500.0
            })
            .collect()
    }
}

pub type Rows = BTreeMap<i64, Vec<f32>>;

pub fn search(index: &Index, rows: &Rows, query: &[f32], k: usize, filter: Filter<'_>) -> Vec<Hit> {
    let fetch = |ids: &[i64], found: &mut dyn FnMut(i64, &[f32])| {
        ids.iter().for_each(|id| found(*id, &rows[id]));
        Ok::<_, Error>(())
    };
    index
        .search(query, k, filter, Accuracy::Approximate(OVERSAMPLE), fetch)
        .unwrap()
}

pub fn exact(rows: &Rows, metric: Metric, query: &[f32], k: usize) -> Vec<Hit> {
    let mut hits: Vec<Hit> = rows
        .iter()
        .map(|(id, v)| Hit {
            id: *id,
            distance: metric.distance(query, v),
        })
        .collect();
    hits.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.id.cmp(&b.id)));
    hits.truncate(k);
    hits
}

/// A copy by way of the stored blocks.
fn reopened(index: &mut Index, stored: &mut BTreeMap<u32, Vec<u8>>) -> Index {
    stored.extend(index.changed_blocks(7));
    let mut copy = Index::new(index.dims(), index.metric(), index.kind()).unwrap();
    let numbers: Vec<u32> = stored.keys().copied().collect();
    let refused = copy.load_blocks(&numbers, |n| Ok::<_, Error>(stored[&n].clone()));
    assert!(refused.unwrap().is_empty());
    copy
}

#[test]
fn equals_exact_search_after_any_history() {
    for (metric, kind, dims) in [
        (Metric::L2, Kind::Flat4, 20),
        (Metric::Cosine, Kind::Flat4, 64),
        (Metric::Ip, Kind::Flat4, 33),
        (Metric::L2, Kind::Flat8, 100),
        (Metric::Cosine, Kind::Flat8, 1),
    ] {
        let mut draw = Draw(42);
        let mut index = Index::new(dims, metric, kind).unwrap();
        let (mut rows, mut stored) = (Rows::new(), BTreeMap::new());
        let (mut found, mut wanted) = (0, 0);
        for step in 0..2_000 {
            let id = draw.below(1_000) as i64 - 400;
            if draw.below(10) < 7 {
                let v = draw.vector(dims);
                index.insert(id, &v).unwrap();
                rows.insert(id, v);
            } else {
                assert_eq!(index.remove(id), rows.remove(&id).is_some());
            }
            assert_eq!(index.len(), rows.len());
            if step % 500 == 499 {
                index = reopened(&mut index, &mut stored);
            }
            if step % 25 == 0 {
                let query = draw.vector(dims);
                let truth = exact(&rows, metric, &query, 10);
                let answer = search(&index, &rows, &query, 10, Filter::All);
                assert_eq!(answer.len(), truth.len());
                assert!(answer.is_sorted_by_key(|h| (h.distance, h.id)));
                wanted += truth.len();
                found += truth.iter().filter(|h| answer.contains(h)).count();
            }
        }
        let recall = f64::from(found as u32) / wanted as f64;
        assert!(recall > 0.995, "{metric:?} {kind:?}: {recall}");
    }
}

#[test]
fn what_is_proven_is_exact_always() {
    for (metric, kind, dims) in [
        (Metric::L2, Kind::Flat4, 20),
        (Metric::L2, Kind::Flat8, 100),
        (Metric::Cosine, Kind::Flat4, 64),
        (Metric::Cosine, Kind::Flat8, 1),
        (Metric::Ip, Kind::Flat4, 33),
        (Metric::L2, Kind::Flat4, 3),
        (Metric::Cosine, Kind::Flat4, 2),
    ] {
        let mut draw = Draw(11);
        let mut index = Index::new(dims, metric, kind).unwrap();
        let mut rows = Rows::new();
        let centres: Vec<Vec<f32>> = (0..5).map(|_| draw.vector(dims)).collect();
        for id in 0..1_000 {
            // In clusters of all widths, some of them points; and what codes cannot hold.
            let (width, centre) = (10f32.powi(-(id as i32 % 9)), &centres[id as usize % 5]);
            let mut v = draw.vector(dims);
            v.iter_mut()
                .zip(centre)
                .for_each(|(x, c)| *x = *c + *x * width);
            match id % 200 {
                0 => v.fill(0.0),
                1 => v.iter_mut().for_each(|x| *x *= 1e30),
                2 => v.iter_mut().for_each(|x| *x *= 1e-30),
                3 => v.iter_mut().skip(1).for_each(|x| *x = 0.0),
                _ => {}
            }
            index.insert(id, &v).unwrap();
            rows.insert(id, v);
        }
        let (mut measured, mut queries) = (0, 0);
        for number in 0..60 {
            let mut query = match number % 3 {
                0 => draw.vector(dims),
                1 => rows[&(draw.below(1_000) as i64)].clone(),
                _ => centres[number % 5].iter().map(|x| x * 1.001).collect(),
            };
            if metric == Metric::Cosine && query.iter().all(|x| *x == 0.0) {
                query[0] = 1.0;
            }
            let k = [1, 10, 100][number % 3];
            let fetch = |ids: &[i64], found: &mut dyn FnMut(i64, &[f32])| {
                measured += ids.len();
                ids.iter().for_each(|id| found(*id, &rows[id]));
                Ok::<_, Error>(())
            };
            let answer = index
                .search(&query, k, Filter::All, Accuracy::Exact, fetch)
                .unwrap();
            assert_eq!(
                answer,
                exact(&rows, metric, &query, k),
                "{metric:?} {kind:?} {dims}"
            );
            queries += 1;
        }
        if metric != Metric::Ip && dims > 3 {
            assert!(measured / queries < 900, "{metric:?} {kind:?}: {measured}");
        }
    }
}

#[test]
fn filters_leave_exactly_what_they_say() {
    let mut draw = Draw(1);
    let mut index = Index::new(24, Metric::L2, Kind::Flat4).unwrap();
    let mut rows = Rows::new();
    for id in 0..1_000 {
        let v = draw.vector(24);
        index.insert(id, &v).unwrap();
        rows.insert(id, v);
    }
    for every in [2, 10, 100, 1_000, 5_000] {
        let query = draw.vector(24);
        let allowed: Rows = rows
            .iter()
            .filter(|(id, _)| *id % every == 1)
            .map(|(id, v)| (*id, v.clone()))
            .collect();
        let ids: Vec<i64> = allowed.keys().copied().chain([-5, 99_999]).collect();
        let truth = exact(&allowed, Metric::L2, &query, 10);
        assert_eq!(search(&index, &rows, &query, 10, Filter::Ids(&ids)), truth);
        let mut bits = vec![0u64; index.slots().div_ceil(64)];
        for id in allowed.keys() {
            let slot = index.slot(*id).unwrap();
            bits[slot as usize / 64] |= 1 << (slot % 64);
        }
        assert_eq!(
            search(&index, &rows, &query, 10, Filter::Slots(&bits)),
            truth
        );
    }
    assert!(search(&index, &rows, &rows[&1], 10, Filter::Ids(&[])).is_empty());
    assert_eq!(
        search(&index, &rows, &rows[&1], 5_000, Filter::All).len(),
        1_000
    );
}

#[test]
fn ties_come_in_order_of_ids_whatever_the_history() {
    for metric in Metric::INDEXED {
        let mut index = Index::new(3, metric, Kind::Flat4).unwrap();
        let mut rows = Rows::new();
        for id in (0..500).rev() {
            let v = vec![1.0, f32::from(id % 2 == 0), 0.0];
            index.insert(id, &v).unwrap();
            rows.insert(id, v);
        }
        let ids = |index: &Index| -> Vec<i64> {
            let hits = search(index, &rows, &[1.0, 1.0, 0.0], 3, Filter::All);
            hits.iter().map(|h| h.id).collect()
        };
        assert_eq!(ids(&index), [0, 2, 4], "{metric:?}");
        index.remove(0);
        index.insert(0, &rows[&0]).unwrap();
        assert_eq!(ids(&index), [0, 2, 4]);
    }
}

#[test]
fn a_zero_vector_has_cosine_distance_one() {
    let mut index = Index::new(2, Metric::Cosine, Kind::Flat4).unwrap();
    let rows: Rows = [
        (1, vec![0.0, 0.0]),
        (2, vec![1.0, 0.1]),
        (3, vec![-1.0, 0.0]),
    ]
    .into();
    for (id, v) in &rows {
        index.insert(*id, v).unwrap();
    }
    let hits = search(&index, &rows, &[1.0, 0.0], 3, Filter::All);
    let ids: Vec<i64> = hits.iter().map(|h| h.id).collect();
    assert_eq!((ids, hits[1].distance), (vec![2, 1, 3], 1.0));
}

/// Vectors that lie close together, far from the origin, are hard for a code: all the same, the nearest comes out.
#[test]
fn estimates_that_are_too_coarse_are_found_out() {
    let mut draw = Draw(5);
    for offset in [0.0, 100.0, 10_000.0] {
        let mut index = Index::new(32, Metric::L2, Kind::Flat4).unwrap();
        let mut rows = Rows::new();
        for id in 0..1_000 {
            let v: Vec<f32> = draw.vector(32).iter().map(|v| v + offset).collect();
            index.insert(id, &v).unwrap();
            rows.insert(id, v);
        }
        let query: Vec<f32> = draw.vector(32).iter().map(|v| v + offset).collect();
        let truth = exact(&rows, Metric::L2, &query, 10);
        assert_eq!(
            search(&index, &rows, &query, 10, Filter::All),
            truth,
            "{offset}"
        );
    }
}

#[test]
fn floats_that_overflow_are_found_all_the_same() {
    for metric in [Metric::L2, Metric::Cosine] {
        let mut index = Index::new(2, metric, Kind::Flat4).unwrap();
        let mut rows = Rows::new();
        for id in 0..200i64 {
            let v = vec![3e38 - id as f32 * 1e36, 1e38 + id as f32 * 1e35];
            index.insert(id, &v).unwrap();
            rows.insert(id, v);
        }
        let truth = exact(&rows, metric, &rows[&77], 1);
        assert_eq!(search(&index, &rows, &rows[&77], 1, Filter::All), truth);
        assert_eq!(truth[0].id, 77);
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let mut draw = Draw(9);
    let mut index = Index::new(8, Metric::L2, Kind::Flat4).unwrap();
    for id in 0..600 {
        index.insert(id, &draw.vector(8)).unwrap();
    }
    let blocks = index.changed_blocks(1);
    assert_eq!(blocks.len(), 2);
    let (_, first) = &blocks[0];
    for i in (0..first.len()).step_by(5) {
        let mut damaged = first.clone();
        damaged[i] ^= 1 << draw.below(8);
        let mut copy = Index::new(8, Metric::L2, Kind::Flat4).unwrap();
        let read = |n| {
            Ok::<_, Error>(match n {
                0 => damaged.clone(),
                _ => blocks[1].1.clone(),
            })
        };
        let refused = copy.load_blocks(&[0, 1], read).unwrap();
        assert_eq!(refused[0].0, 0, "byte {i}");
        assert_eq!(copy.len(), 600 - 512);
    }
    // A block in another's place, or of another index, is refused too.
    let mut copy = Index::new(8, Metric::L2, Kind::Flat4).unwrap();
    let refused = copy.load_blocks(&[1], |_| Ok::<_, Error>(first.clone()));
    assert_eq!(refused.unwrap().len(), 1);
    let mut copy = Index::new(8, Metric::Ip, Kind::Flat4).unwrap();
    let refused = copy.load_blocks(&[0], |_| Ok::<_, Error>(first.clone()));
    assert_eq!(
        refused.unwrap()[0].1.to_string(),
        "block 0 belongs to another index or another version"
    );
}

#[test]
fn a_row_that_moved_between_blocks_is_loaded_once() {
    let mut index = Index::new(8, Metric::L2, Kind::Flat4).unwrap();
    let mut draw = Draw(3);
    for id in 0..600 {
        index.insert(id, &draw.vector(8)).unwrap();
    }
    let mut stored = BTreeMap::new();
    let mut copy = reopened(&mut index, &mut stored);
    // Row 5 goes to the second block and row 590 to the first.
    index.remove(590);
    index.remove(5);
    index.insert(590, &draw.vector(8)).unwrap();
    index.insert(5, &draw.vector(8)).unwrap();
    let changed: BTreeMap<u32, Vec<u8>> = index.changed_blocks(2).into_iter().collect();
    assert_eq!(changed.len(), 2);
    let refused = copy.load_blocks(&[0, 1], |n| Ok::<_, Error>(changed[&n].clone()));
    assert!(refused.unwrap().is_empty());
    assert_eq!((copy.len(), copy.slot(5)), (600, index.slot(5)));
    assert!(!copy.is_changed());
}

#[test]
fn refuses_what_it_cannot_hold() {
    assert_eq!(
        Index::new(0, Metric::L2, Kind::Flat4)
            .err()
            .unwrap()
            .to_string(),
        "0 dimensions; an index has from 1 to 16384"
    );
    let mut index = Index::new(2, Metric::L2, Kind::Flat4).unwrap();
    assert_eq!(
        index.insert(1, &[1.0]).unwrap_err().to_string(),
        "a vector of 1 dimensions; the index has 2"
    );
    assert!(index.insert(1, &[f32::NAN, 1.0]).is_err());
    assert!(index.is_empty());
}
