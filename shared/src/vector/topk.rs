//! The k rows nearest to a query, exactly, of rows that come one by one.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::distance::{self, Element};
use super::{Metric, check_finite};
use crate::{Error, Result};

/// What is searched for, with all that is the same for every row.
#[derive(Debug, Clone)]
pub struct Query {
    vector: Vec<f32>,
    square: f64,
    metric: Metric,
}

impl Query {
    /// A query for the nearest to `vector`. Errors if the vector is empty, has a number that is not finite, or is zero
    /// under the metric cosine.
    pub fn new(vector: Vec<f32>, metric: Metric) -> Result<Query> {
        check_finite(&vector)?;
        let square = distance::square(&vector);
        if metric == Metric::Cosine && square == 0.0 {
            return Err(Error::new(
                "the query is a zero vector, which has no direction; give another, or the metric l2",
            ));
        }
        Ok(Query {
            vector,
            square,
            metric,
        })
    }

    /// What was asked for.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// How it is measured.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The distance of a row if it may be `farthest` or less; most rows are told apart by less work. Errors as
    /// [`Self::distance`] does.
    pub fn within(&self, row: &[impl Element], farthest: f64) -> Result<Option<f64>> {
        if row.len() == self.vector.len()
            && let Some(bound) = distance::lower_bound(self.metric, &self.vector, self.square, row)
            && bound > farthest
        {
            return Ok(None);
        }
        self.distance(row).map(Some)
    }

    /// The distance of a row, the same as [`Metric::distance`] gives. Errors if it has another number of dimensions
    /// than the query, or numbers that the metric does not take.
    pub fn distance(&self, row: &[impl Element]) -> Result<f64> {
        let query = &self.vector;
        if row.len() != query.len() {
            return Err(Error::new(format!(
                "a vector of {} dimensions and a query of {}; both must have the same",
                row.len(),
                query.len()
            )));
        }
        let distance = match self.metric {
            Metric::L2 => distance::l2(query, row),
            Metric::Cosine => distance::cosine_to(query, self.square, row),
            Metric::Ip => distance::ip(query, row),
            Metric::L1 => distance::l1(query, row),
            Metric::Hamming | Metric::Jaccard => {
                check_elements(row)?;
                match self.metric {
                    Metric::Hamming => distance::hamming(query, row),
                    _ => distance::jaccard(query, row),
                }
            }
        };
        // The sums of finite floats are finite, so a row that is not shows in its distance.
        if !distance.is_finite() {
            check_elements(row)?;
        }
        Ok(distance)
    }
}

fn check_elements(row: &[impl Element]) -> Result<()> {
    let values: Vec<f32> = row.iter().map(|v| v.value()).collect();
    check_finite(&values)
}

/// A row that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit<Id> {
    /// Its distance from the query.
    pub distance: f64,
    /// Its id.
    pub id: Id,
}

impl<Id: Ord> Eq for Hit<Id> {}

impl<Id: Ord> Ord for Hit<Id> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_distance = self.distance.total_cmp(&other.distance);
        by_distance.then_with(|| self.id.cmp(&other.id))
    }
}

impl<Id: Ord> PartialOrd for Hit<Id> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The k nearest rows so far, the farthest on top.
#[derive(Debug, Clone)]
pub struct TopK<Id> {
    k: usize,
    heap: BinaryHeap<Hit<Id>>,
}

impl<Id: Ord + Clone> TopK<Id> {
    /// None so far. Errors if `k` is negative.
    pub fn new(k: i64) -> Result<TopK<Id>> {
        let k = usize::try_from(k).map_err(|_| Error::new(format!("k is {k}; give 0 or more")))?;
        Ok(TopK {
            k,
            heap: BinaryHeap::new(),
        })
    }

    /// How many it keeps.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The distance above which no row is kept any more.
    pub fn farthest(&self) -> f64 {
        match self.heap.peek() {
            Some(farthest) if self.heap.len() == self.k => farthest.distance,
            _ => f64::INFINITY,
        }
    }

    /// Keeps the row if it is among the nearest. The id is asked for only then.
    pub fn offer(&mut self, distance: f64, id: impl FnOnce() -> Id) {
        if self.heap.len() < self.k {
            self.heap.push(Hit { distance, id: id() });
        } else if let Some(mut farthest) = self.heap.peek_mut()
            && distance <= farthest.distance
        {
            let hit = Hit { distance, id: id() };
            if hit < *farthest {
                *farthest = hit;
            }
        }
    }

    /// Takes over what another has found.
    pub fn merge(&mut self, other: &TopK<Id>) {
        for hit in &other.heap {
            self.offer(hit.distance, || hit.id.clone());
        }
    }

    /// The rows by distance, equal ones by id.
    pub fn sorted(&self) -> Vec<&Hit<Id>> {
        let mut hits: Vec<&Hit<Id>> = self.heap.iter().collect();
        hits.sort();
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(topk: &TopK<i64>) -> Vec<(f64, i64)> {
        topk.sorted().iter().map(|h| (h.distance, h.id)).collect()
    }

    /// Against sorting all rows, in parts that are merged, with many equal distances.
    #[test]
    fn equals_sorting() {
        for k in [0, 1, 3, 10, 200] {
            let rows: Vec<(f64, i64)> = (0..100)
                .map(|i| (f64::from(i * 7 % 10), 100 - i64::from(i)))
                .collect();
            let mut all = rows.clone();
            all.sort_by(|a, b| a.partial_cmp(b).unwrap());
            all.truncate(k as usize);
            let mut parts = [0, 1, 2].map(|_| TopK::new(k).unwrap());
            for (i, (distance, id)) in rows.iter().enumerate() {
                parts[i % 3].offer(*distance, || *id);
            }
            let [mut whole, second, third] = parts;
            whole.merge(&second);
            whole.merge(&third);
            assert_eq!(found(&whole), all, "k = {k}");
        }
        assert_eq!(
            TopK::<i64>::new(-1).unwrap_err().to_string(),
            "k is -1; give 0 or more"
        );
    }

    #[test]
    fn a_query_measures_as_the_metric_does() {
        let (a, b) = (vec![1.0, -2.0, 0.5], [0.25, 3.0, 0.0]);
        for metric in Metric::ALL {
            let query = Query::new(a.clone(), metric).unwrap();
            assert_eq!(query.distance(&b), Ok(metric.distance(&a, &b)));
            assert!(query.distance(&b[..2]).is_err(), "{metric:?}");
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                assert!(
                    query.distance(&[0.0, bad, 1.0]).is_err(),
                    "{metric:?} {bad}"
                );
            }
        }
        assert!(Query::new(vec![0.0], Metric::Cosine).is_err());
        assert_eq!(
            Query::new(a, Metric::Cosine).unwrap().distance(&[0.0; 3]),
            Ok(1.0)
        );
    }
}
