//! Which segments of a cube changed in another way than the rest: all segments of few dimensions are ranked by how far
//! they are from what the rest lets expect, in units of the noise of the cells.

use crate::Result;
use crate::program::{Stopped, check};
use crate::stats::sample::middle_and_deviation;

/// A cell: one value of each dimension, and what was measured in both groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The place of its value in each dimension.
    pub values: Vec<usize>,
    /// Sums of the control and of the test group.
    pub sums: [f64; 2],
    /// For a ratio, the sums that they are divided by.
    pub per: Option<[f64; 2]>,
}

/// What of a segment, or of everything.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Sums of the control and of the test group.
    pub sums: [f64; 2],
    /// What they are divided by.
    pub per: [f64; 2],
    /// The magnitudes that say how large a segment is.
    weights: [f64; 2],
    /// What the rest is compared by: before and after, and the sum of their squares.
    pair: [f64; 2],
    squares: f64,
    cells: usize,
}

impl Totals {
    fn add(&mut self, other: &Totals, sign: f64) {
        for i in 0..2 {
            self.sums[i] += sign * other.sums[i];
            self.per[i] += sign * other.per[i];
            self.weights[i] += sign * other.weights[i];
            self.pair[i] += sign * other.pair[i];
        }
        self.squares += sign * other.squares;
        self.cells = if sign > 0.0 {
            self.cells + other.cells
        } else {
            self.cells - other.cells
        };
    }

    fn weight(&self) -> f64 {
        self.weights[0] + self.weights[1]
    }
}

/// A segment with its rank's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Dimensions with the places of their values.
    pub values: Vec<(usize, usize)>,
    /// What was measured in it.
    pub totals: Totals,
    /// How much it would have changed by if it had changed as the rest, a factor.
    pub factor: f64,
    /// The larger share of both groups that it is of.
    pub support: f64,
    /// How far off it is, in standard deviations; `None` if the cells have no noise.
    pub z: Option<f64>,
}

/// How to rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// The most dimensions of a segment.
    pub depth: usize,
    /// The least share of a group.
    pub support: f64,
    /// How many segments.
    pub top: usize,
    /// Whether what a segment explains is left out for the next ones.
    pub prune: bool,
}

/// Overlapping so far with one that was chosen, a segment says the same.
const SAME: f64 = 0.8;

const NONE: u32 = u32::MAX;

/// The segments of one set of dimensions.
struct Cut {
    dimensions: Vec<usize>,
    /// How far two neighbouring values of each dimension are apart in `places`.
    steps: Vec<usize>,
    /// The segment of each combination of values.
    places: Vec<u32>,
}

impl Cut {
    fn new(dimensions: Vec<usize>, sizes: &[usize]) -> Cut {
        let mut steps = Vec::new();
        let mut size = 1;
        for dimension in &dimensions {
            steps.push(size);
            size *= sizes[*dimension];
        }
        Cut {
            dimensions,
            steps,
            places: vec![NONE; size],
        }
    }

    fn place(&self, cell: &Cell) -> usize {
        let values = self.dimensions.iter().map(|d| cell.values[*d]);
        values
            .zip(&self.steps)
            .map(|(value, step)| value * step)
            .sum()
    }
}

struct Candidate {
    values: Vec<(usize, usize)>,
    /// All of it, and what no chosen segment has.
    totals: Totals,
    left: Totals,
    /// How much of the segment chosen last it has.
    shared: f64,
    dropped: bool,
}

/// What all cells have together.
pub fn total(cells: &[Cell]) -> Totals {
    let parts = parts(cells);
    let mut all = Totals::default();
    parts.iter().for_each(|part| all.add(part, 1.0));
    all
}

fn ratio(above: f64, below: f64) -> Option<f64> {
    (below != 0.0)
        .then(|| above / below)
        .filter(|r| r.is_finite())
}

/// What each cell adds to a segment.
fn parts(cells: &[Cell]) -> Vec<Totals> {
    let sum = |of: fn(&Cell) -> f64| cells.iter().map(of).sum::<f64>();
    let before = ratio(sum(|c| c.sums[0]), sum(|c| c.per.map_or(1.0, |per| per[0])));
    // So that squares stay within the range of doubles.
    let most = cells
        .iter()
        .flat_map(|c| c.sums)
        .fold(0.0_f64, |most, x| most.max(x.abs()));
    let scale = crate::series::scale::divisor(&[most]).unwrap_or(1.0);
    let part = |cell: &Cell| {
        let per = cell.per.unwrap_or([1.0, 1.0]);
        let pair = match cell.per {
            None => cell.sums,
            // What the test group would have at the control group's ratio.
            Some([was, is]) => {
                let rate = ratio(cell.sums[0], was).or(before).unwrap_or(0.0);
                [rate * is, cell.sums[1]]
            }
        };
        let pair = pair.map(|value| value / scale);
        let size = cell.per.unwrap_or(cell.sums);
        Totals {
            sums: cell.sums,
            per,
            weights: size.map(f64::abs),
            pair,
            squares: pair[0] * pair[0] + pair[1] * pair[1],
            cells: 1,
        }
    };
    cells.iter().map(part).collect()
}

/// The noise of the cells: how far their changes spread, robustly. 0 if they do not.
fn noise(parts: &[Totals]) -> f64 {
    let positive = parts.iter().all(|part| part.pair.iter().all(|v| *v > 0.0));
    let changes = parts.iter().filter(|part| part.squares > 0.0).map(|part| {
        let [before, after] = part.pair;
        if positive {
            libm::log(after / before)
        } else {
            (after - before) / libm::sqrt(part.squares / 2.0)
        }
    });
    let changes: Vec<f64> = changes.collect();
    middle_and_deviation(&changes).1
}

/// The sets of at most so many of `count` dimensions, smaller ones first.
fn sets(count: usize, depth: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    let mut start = 0;
    for _ in 0..depth {
        let end = all.len();
        for i in start..end {
            let next = all[i].last().map_or(0, |last| last + 1);
            for dimension in next..count {
                let mut set = all[i].clone();
                set.push(dimension);
                all.push(set);
            }
        }
        start = end;
    }
    all.remove(0);
    all
}

/// The segments that stand out, the farthest first. `sizes` says how many values each dimension has. Errors if it is
/// stopped.
pub fn rank(
    cells: &[Cell],
    sizes: &[usize],
    search: Search,
    stopped: Stopped<'_>,
) -> Result<Vec<Segment>> {
    let parts = parts(cells);
    let mut all = Totals::default();
    parts.iter().for_each(|part| all.add(part, 1.0));
    let share = |totals: &Totals| {
        let of = |i: usize| ratio(totals.weights[i], all.weights[i]).unwrap_or(0.0);
        of(0).max(of(1))
    };
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut cuts = Vec::new();
    for dimensions in sets(sizes.len(), search.depth) {
        check(stopped)?;
        let mut cut = Cut::new(dimensions, sizes);
        let mut found: Vec<Totals> = Vec::new();
        let mut first: Vec<usize> = Vec::new();
        for (i, (cell, part)) in cells.iter().zip(&parts).enumerate() {
            let place = cut.place(cell);
            if cut.places[place] == NONE {
                cut.places[place] = found.len() as u32;
                found.push(Totals::default());
                first.push(i);
            }
            found[cut.places[place] as usize].add(part, 1.0);
        }
        // Only those that are large enough, and not everything.
        let kept = found.iter().zip(first).map(|(totals, first)| {
            if share(totals) < search.support || totals.cells == cells.len() {
                return NONE;
            }
            let values = cut.dimensions.iter().map(|d| (*d, cells[first].values[*d]));
            candidates.push(Candidate {
                values: values.collect(),
                totals: *totals,
                left: *totals,
                shared: 0.0,
                dropped: false,
            });
            candidates.len() as u32 - 1
        });
        let kept: Vec<u32> = kept.collect();
        for place in cut.places.iter_mut().filter(|place| **place != NONE) {
            *place = kept[*place as usize];
        }
        cuts.push(cut);
    }
    let noise = noise(&parts);
    let unit = if noise > 1e-12 { noise } else { 1.0 };
    let mut taken = vec![false; cells.len()];
    let mut left = all;
    let mut ranked = Vec::new();
    while ranked.len() < search.top {
        check(stopped)?;
        let scored = candidates.iter().enumerate().filter_map(|(i, candidate)| {
            let part = &candidate.left;
            if candidate.dropped || part.cells == 0 || part.cells == left.cells {
                return None;
            }
            let rest = [left.pair[0] - part.pair[0], left.pair[1] - part.pair[1]];
            let factor = ratio(rest[1], rest[0]).unwrap_or(1.0);
            let off = part.pair[1] - part.pair[0] * factor;
            let spread = unit * libm::sqrt(part.squares / 2.0);
            let z = ratio(off, spread)?;
            Some((i, factor, z))
        });
        // Of equals the first, which has fewer dimensions.
        let best = scored.reduce(|a, b| if b.2.abs() > a.2.abs() { b } else { a });
        let Some((chosen, factor, z)) = best else {
            break;
        };
        candidates[chosen].dropped = true;
        let candidate = &candidates[chosen];
        let (values, weight) = (candidate.values.clone(), candidate.totals.weight());
        ranked.push(Segment {
            values: values.clone(),
            totals: candidate.totals,
            factor,
            support: share(&candidate.totals),
            z: (noise > 1e-12).then_some(z),
        });
        if !search.prune {
            continue;
        }
        candidates.iter_mut().for_each(|other| other.shared = 0.0);
        for (i, cell) in cells.iter().enumerate() {
            if values.iter().any(|(d, value)| cell.values[*d] != *value) {
                continue;
            }
            for cut in &cuts {
                let place = cut.places[cut.place(cell)];
                if place == NONE {
                    continue;
                }
                let other = &mut candidates[place as usize];
                other.shared += parts[i].weight();
                if !taken[i] {
                    other.left.add(&parts[i], -1.0);
                }
            }
            if !taken[i] {
                taken[i] = true;
                left.add(&parts[i], -1.0);
            }
        }
        for other in &mut candidates {
            let either = other.totals.weight() + weight - other.shared;
            other.dropped |= other.shared >= SAME * either || share(&other.left) < search.support;
        }
    }
    Ok(ranked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::random::Stream;
    use crate::stats::special::normal_quantile;

    const SEARCH: Search = Search {
        depth: 3,
        support: 0.05,
        top: 20,
        prune: true,
    };

    /// Dimensions with values.
    type Place = Vec<(usize, usize)>;

    fn never() -> bool {
        false
    }

    /// A cube with these segments changed by factors, and noise in each cell.
    fn cube(seed: i64, planted: usize) -> (Vec<Cell>, Vec<usize>, Vec<Place>) {
        let mut random = Stream::new(seed, "cube");
        let mut whole = |from: f64, to: f64| (from + (to - from + 1.0) * random.draw()) as usize;
        let sizes: Vec<usize> = (0..4).map(|_| whole(5.0, 12.0)).collect();
        let mut segments: Vec<Vec<(usize, usize)>> = Vec::new();
        let mut tilts: Vec<Vec<f64>> = Vec::new();
        for size in &sizes {
            tilts.push(
                (0..*size)
                    .map(|_| 0.3 + whole(0.0, 99.0) as f64 / 60.0)
                    .collect(),
            );
        }
        while segments.len() < planted {
            let count = whole(1.0, 3.0);
            let first = whole(0.0, 3.0);
            let mut dimensions: Vec<usize> = (0..count).map(|i| (first + i) % 4).collect();
            dimensions.sort_unstable();
            let segment: Vec<(usize, usize)> = dimensions
                .iter()
                .map(|d| (*d, whole(0.0, sizes[*d] as f64 - 1.0)))
                .collect();
            // Large enough to be found.
            let share: f64 = segment
                .iter()
                .map(|(d, v)| tilts[*d][*v] / tilts[*d].iter().sum::<f64>())
                .product();
            let apart = segments.iter().all(|other: &Vec<(usize, usize)>| {
                other
                    .iter()
                    .any(|a| segment.iter().any(|b| a.0 == b.0 && a.1 != b.1))
            });
            if share > 0.06 && share < 0.5 && apart {
                segments.push(segment);
            }
        }
        let factors: Vec<f64> = segments
            .iter()
            .map(|_| {
                let by = 0.2 + whole(0.0, 40.0) as f64 / 100.0;
                if whole(0.0, 1.0) == 0 {
                    1.0 + by
                } else {
                    1.0 - by
                }
            })
            .collect();
        let noise = whole(10.0, 30.0) as f64 / 100.0;
        let mut cells = Vec::new();
        let mut normal = Stream::new(seed, "noise");
        for place in 0..sizes.iter().product() {
            let mut rest: usize = place;
            let values: Vec<usize> = sizes
                .iter()
                .map(|size| {
                    let value = rest % size;
                    rest /= size;
                    value
                })
                .collect();
            let size: f64 = values
                .iter()
                .enumerate()
                .map(|(d, v)| tilts[d][*v])
                .product();
            let mut test = 100.0 * size * libm::exp(noise * normal_quantile(normal.draw()));
            for (segment, factor) in segments.iter().zip(&factors) {
                if segment.iter().all(|(d, value)| values[*d] == *value) {
                    test *= factor;
                }
            }
            cells.push(Cell {
                values,
                sums: [100.0 * size, test],
                per: None,
            });
        }
        (cells, sizes, segments)
    }

    #[test]
    fn planted_segments_come_first() {
        let (mut first, mut both) = (0, 0);
        for seed in 0..50 {
            let (cells, sizes, planted) = cube(seed, 1);
            let found = rank(&cells, &sizes, SEARCH, &never).unwrap();
            first += usize::from(found[0].values == planted[0]);
            let (cells, sizes, planted) = cube(1_000 + seed, 2);
            let found = rank(&cells, &sizes, SEARCH, &never).unwrap();
            let is_found = |p: &Vec<(usize, usize)>| found.iter().take(3).any(|f| f.values == *p);
            both += usize::from(planted.iter().all(is_found));
        }
        println!("first {first} of 50, both {both} of 50");
        assert!(first >= 45, "{first} of 50");
        assert!(both >= 42, "{both} of 50");
    }

    #[test]
    fn sets_are_all() {
        assert_eq!(sets(4, 3).len(), 4 + 6 + 4);
        assert_eq!(sets(2, 3), [vec![0], vec![1], vec![0, 1]]);
        assert_eq!(sets(0, 3), Vec::<Vec<usize>>::new());
    }

    /// Every figure of every segment, summed up anew for each.
    #[test]
    fn figures_are_those_of_brute_force() {
        let (cells, sizes, _) = cube(7, 1);
        let search = Search {
            prune: false,
            top: 1_000,
            ..SEARCH
        };
        let found = rank(&cells, &sizes, search, &never).unwrap();
        let whole: [f64; 2] = [0, 1].map(|i| cells.iter().map(|c| c.sums[i]).sum());
        let spread = noise(&parts(&cells));
        let mut last = f64::INFINITY;
        for segment in &found {
            let inside = cells
                .iter()
                .filter(|c| segment.values.iter().all(|(d, v)| c.values[*d] == *v));
            let sums: [f64; 2] = [0, 1].map(|i| inside.clone().map(|c| c.sums[i]).sum());
            let squares: f64 = inside
                .map(|c| c.sums[0] * c.sums[0] + c.sums[1] * c.sums[1])
                .sum();
            let factor = (whole[1] - sums[1]) / (whole[0] - sums[0]);
            let z = (sums[1] - sums[0] * factor) / (spread * (squares / 2.0).sqrt());
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
            assert!(near(segment.totals.sums[0], sums[0]) && near(segment.totals.sums[1], sums[1]));
            assert!(near(segment.factor, factor) && near(segment.z.unwrap(), z));
            assert!(z.abs() <= last * (1.0 + 1e-9));
            last = z.abs();
        }
        assert!(found.len() > 30);
    }

    #[test]
    fn odd_cubes_give_numbers() {
        let cell = |value: usize, sums: [f64; 2]| Cell {
            values: vec![value],
            sums,
            per: None,
        };
        for cells in [
            vec![],
            vec![cell(0, [0.0, 0.0])],
            vec![cell(0, [0.0, 5.0]), cell(1, [3.0, 0.0])],
            vec![
                cell(0, [1.0, -1.0]),
                cell(1, [-1.0, 1.0]),
                cell(2, [1e300, -1e300]),
            ],
        ] {
            for segment in rank(&cells, &[3], SEARCH, &never).unwrap() {
                assert!(segment.factor.is_finite() && segment.z.is_none_or(f64::is_finite));
            }
        }
        assert!(
            rank(
                &[cell(0, [1.0, 2.0]), cell(1, [1.0, 1.0])],
                &[2],
                SEARCH,
                &|| true
            )
            .is_err()
        );
    }
}
