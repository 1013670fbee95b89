//! Sorting of lists that are short, or sorted once a call: one function for all their types.
//!
//! std's stable sort is 8 kB of machine code for each type and comparison, and a hundred of them were a sixth of the
//! DuckDB extension. What sorts in a loop, or millions of rows, takes std's.

use std::cmp::Ordering;

/// Stable sorting, as std's methods of like names.
pub trait Arrange<T> {
    /// Sorts by the order of the values.
    fn arrange(&mut self)
    where
        T: Ord;

    /// Sorts by a comparison.
    fn arrange_by(&mut self, compare: impl FnMut(&T, &T) -> Ordering);

    /// Sorts by a key, which is made anew for each comparison.
    fn arrange_by_key<K: Ord>(&mut self, key: impl FnMut(&T) -> K);
}

impl<T> Arrange<T> for [T] {
    fn arrange(&mut self)
    where
        T: Ord,
    {
        self.arrange_by(T::cmp);
    }

    fn arrange_by(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        let order = order(self.len(), &mut |a, b| compare(&self[a], &self[b]));
        put(self, order);
    }

    fn arrange_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.arrange_by(|a, b| key(a).cmp(&key(b)));
    }
}

/// Which of so many comes first, second, ...
fn order(count: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

/// Puts each where the order says, around each circle of places that take each other's.
fn put<T>(items: &mut [T], mut order: Vec<usize>) {
    for start in 0..order.len() {
        let mut place = start;
        loop {
            let from = std::mem::replace(&mut order[place], place);
            if from == start {
                break;
            }
            items.swap(place, from);
            place = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arrange;

    #[test]
    fn sorts_as_std_does() {
        for count in 0..60_u64 {
            for seed in 0..20_u64 {
                let number = |i: u64| (i + 1).wrapping_mul(seed * 2_654_435_761 + 97) % 13;
                let mut ours: Vec<(u64, u64)> = (0..count).map(|i| (number(i), i)).collect();
                let mut theirs = ours.clone();
                ours.arrange_by_key(|(n, _)| *n);
                theirs.sort_by_key(|(n, _)| *n);
                assert_eq!(ours, theirs);
                ours.arrange_by(|a, b| b.cmp(a));
                theirs.sort_by(|a, b| b.cmp(a));
                assert_eq!(ours, theirs);
                ours.arrange();
                theirs.sort();
                assert_eq!(ours, theirs);
            }
        }
    }
}
