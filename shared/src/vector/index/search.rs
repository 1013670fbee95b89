//! The nearest rows: estimates for all, exact distances for those that may be among them.

use std::cmp::Ordering;

use super::approx::{Estimates, Filter};
use super::code::{Query, ROUNDING};
use super::{Error, Index, Metric};

/// Candidates measured exactly for each row that is asked for, where nothing else is said. More are measured
/// where the estimates turn out to be too coarse for that.
pub const OVERSAMPLE: usize = 4;

/// The fewest candidates beyond the rows that are asked for: enough to see how far estimates err.
pub const SPARE: usize = 24;

/// How many standard errors an estimate may be off before a row is missed.
pub const ERRORS: f64 = 3.0;

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its id.
    pub id: i64,
    /// Its exact distance to the query.
    pub distance: f64,
}

/// How sure a search is that it finds the nearest.
#[derive(Debug, Clone, Copy)]
pub enum Accuracy {
    /// It measures so many candidates for each row that is asked for, and what their errors show to be likely nearer.
    Approximate(usize),
    /// It measures every row of which the code does not prove that it is farther. Under `ip` codes prove nothing, and
    /// all rows are measured.
    Exact,
}

impl Index {
    /// The `k` rows nearest to the query, by distance and then by id; fewer only if the filter leaves fewer.
    ///
    /// `fetch` is given ids and calls back with the vector of each, as it is stored. A row for which it does not
    /// is left out. Errors if [`Index::check`] refuses the query, and with the first error of `fetch`.
    pub fn search<E: From<Error>>(
        &self,
        query: &[f32],
        k: usize,
        filter: Filter<'_>,
        sure: Accuracy,
        mut fetch: impl FnMut(&[i64], &mut dyn FnMut(i64, &[f32])) -> Result<(), E>,
    ) -> Result<Vec<Hit>, E> {
        self.check(query)?;
        let k = k.min(self.len());
        if k == 0 {
            return Ok(Vec::new());
        }
        if let (Filter::All, Accuracy::Approximate(oversample)) = (filter, sure)
            && let Some(hits) = self.search_linked(query, k, oversample, &mut fetch)?
        {
            return Ok(hits);
        }
        let coded = self.coder.query(query);
        let mut estimates = self.estimates(&coded, filter);
        let oversample = match sure {
            Accuracy::Approximate(oversample) => oversample,
            Accuracy::Exact => OVERSAMPLE,
        };
        let count = k.saturating_mul(oversample).max(k + SPARE);
        // Ids lie far apart: they are looked up only for the nearest, and for what ties with the last of them.
        let mut candidates = self.candidates(estimates.nearest(count));
        keep(&mut candidates, count);
        // Of each hit also the estimate, for the error.
        let mut hits: Vec<(Hit, f64)> = Vec::new();
        while !candidates.is_empty() {
            for candidate in &candidates {
                estimates.remove(candidate.slot);
            }
            measure(self.metric(), query, candidates, &mut hits, &mut fetch)?;
            // Next is what may be nearer than the last of the k, as far as estimates err.
            let last = hits.get(k - 1).map(|(last, _)| last.distance);
            candidates = match (sure, last) {
                (Accuracy::Exact, Some(last)) => self.possible(&estimates, &coded, last),
                (Accuracy::Approximate(_), Some(last)) => {
                    let bound = self.coder.scaled(last) + ERRORS * self.error(&hits);
                    self.candidates(estimates.below(bound as f32))
                }
                (_, None) => self.candidates(estimates.below(f32::INFINITY)),
            };
        }
        hits.truncate(k);
        Ok(hits.into_iter().map(|(hit, _)| hit).collect())
    }

    /// The standard error of the estimates, as the candidates show it.
    pub(super) fn error(&self, hits: &[(Hit, f64)]) -> f64 {
        let squares = hits
            .iter()
            .map(|(hit, estimate)| (self.coder.scaled(hit.distance) - estimate).powi(2));
        let (sum, count) = squares
            .filter(|s| s.is_finite())
            .fold((0.0, 0usize), |(sum, count), s| (sum + s, count + 1));
        (sum / count.max(1) as f64).sqrt()
    }

    /// The rows of which the codes do not prove that they are farther than `last`, by Cauchy and Schwarz.
    ///
    /// With x = c + r, c the code and r ⊥ x what it leaves out, and q = c' + r' likewise, the estimate of q·x is
    /// c'·c, and q·x - c'·c = q·r + r'·c. Of q only the part orthogonal to x meets r; it is no longer than q - x,
    /// nor, for unit vectors, than the sine of their angle.
    fn possible(&self, estimates: &Estimates, query: &Query, last: f64) -> Vec<Candidate> {
        let last = last as f32;
        let (scale, across, bound) = match self.metric() {
            Metric::L2 => (2.0, last, last * last),
            Metric::Cosine => {
                let cosine = (1.0 - last).clamp(0.0, 1.0);
                (1.0, (1.0 - cosine * cosine).sqrt(), last)
            }
            _ => return self.candidates(estimates.below(f32::INFINITY)),
        };
        let rows = self.rows;
        let mut found = Vec::new();
        let places = estimates.rows().chunks(rows).zip((0u32..).step_by(rows));
        for (block, (estimates, first)) in self.blocks.iter().zip(places) {
            let slots = estimates
                .iter()
                .zip(block.lengths(&self.coder))
                .zip(first..);
            for ((estimate, lengths), slot) in slots {
                let most = lengths.map_or(f32::INFINITY, |row| {
                    let code = (row.vector * row.vector + row.rest * row.rest).sqrt();
                    let rounding = ROUNDING * (query.length + row.vector).powi(2);
                    bound + scale * (across * row.rest + query.rest * code) + rounding
                });
                // A bound that overflowed says nothing.
                if *estimate <= most || (most.is_nan() && !estimate.is_nan()) {
                    found.push(self.candidate(*estimate, slot));
                }
            }
        }
        found
    }

    fn candidates(&self, estimates: Vec<(f32, u32)>) -> Vec<Candidate> {
        let candidates = estimates.into_iter();
        candidates
            .map(|(e, slot)| self.candidate(e, slot))
            .collect()
    }

    pub(super) fn candidate(&self, estimate: f32, slot: u32) -> Candidate {
        let (block, row) = self.place(slot);
        Candidate {
            estimate,
            slot,
            id: self.blocks[block].row_ids[row],
        }
    }
}

/// A row that may be among the nearest.
pub struct Candidate {
    /// Its estimate.
    pub estimate: f32,
    /// Its slot.
    pub slot: u32,
    /// Its id.
    pub id: i64,
}

/// The order of candidates: by estimate, then by id.
pub fn before(a: &Candidate, b: &Candidate) -> Ordering {
    a.estimate.total_cmp(&b.estimate).then(a.id.cmp(&b.id))
}

/// Keeps the `count` first.
fn keep(found: &mut Vec<Candidate>, count: usize) {
    if count < found.len() {
        found.select_nth_unstable_by(count, before);
        found.truncate(count);
    }
}

/// Measures candidates by their vectors, and puts them among the hits, of each hit also the estimate. Errors with the
/// first error of `fetch`.
pub fn measure<E>(
    metric: Metric,
    query: &[f32],
    mut candidates: Vec<Candidate>,
    hits: &mut Vec<(Hit, f64)>,
    fetch: &mut impl FnMut(&[i64], &mut dyn FnMut(i64, &[f32])) -> Result<(), E>,
) -> Result<(), E> {
    candidates.sort_unstable_by_key(|c| c.id);
    let ids: Vec<i64> = candidates.iter().map(|c| c.id).collect();
    fetch(&ids, &mut |id, vector| {
        let place = candidates.binary_search_by_key(&id, |c| c.id);
        if let (Ok(i), true) = (place, vector.len() == query.len()) {
            let distance = metric.distance(query, vector);
            hits.push((Hit { id, distance }, candidates[i].estimate.into()));
        }
    })?;
    hits.sort_unstable_by(|(a, _), (b, _)| a.distance.total_cmp(&b.distance).then(a.id.cmp(&b.id)));
    Ok(())
}
