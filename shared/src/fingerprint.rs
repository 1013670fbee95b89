//! Comparing the two sides of a table by hashes: rows fall into buckets by their key, a bucket is equal on both
//! sides if the sum of its rows' hashes is, and only the rows of the others need to be looked at.
//!
//! Neither side is sorted, whatever collation or type its key has, and memory does not grow with the table.

use std::hash::{DefaultHasher, Hasher};

use crate::mirror::Stored;

/// How many buckets there are: their sums fit into a processor's cache.
const BUCKETS: usize = 1 << 14;

/// Which columns of a row are its key.
#[derive(Debug, Clone)]
pub struct Layout {
    key: Vec<usize>,
    /// The other columns.
    rest: Vec<usize>,
    /// Set for a key of one integer whose buckets are ranges of it: the first key, and how many there can be.
    span: Option<(i64, u128)>,
}

/// So many keys that may be stand at most for one that is, where buckets are ranges: else one could hold most rows.
const SPARSE: u128 = 64;

/// The hashes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowHash {
    /// Of its key.
    pub key: u64,
    /// Of all of it.
    pub row: u64,
}

impl Layout {
    /// A row of so many columns, of which these are the key.
    pub fn new(columns: usize, key: &[usize]) -> Layout {
        Layout {
            key: key.to_vec(),
            rest: (0..columns).filter(|c| !key.contains(c)).collect(),
            span: None,
        }
    }

    /// With ranges of a key of one integer, from `first` to `last`, as buckets, if its `rows` are close enough.
    pub fn ordered(self, first: i64, last: i64, rows: u64) -> Layout {
        let span = (i128::from(last) - i128::from(first) + 1).unsigned_abs();
        let dense = first <= last && span <= u128::from(rows) * SPARSE;
        Layout {
            span: dense.then_some((first, span)),
            ..self
        }
    }

    /// The ranges of the key, with both ends, that these buckets are; `None` if they are none.
    pub fn ranges(&self, chosen: &Chosen) -> Option<Vec<(i64, i64)>> {
        let (first, span) = self.span?;
        let start = |bucket: usize| {
            let before = (bucket as u128 * span).div_ceil(BUCKETS as u128);
            i128::from(first) + before as i128
        };
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for bucket in (0..BUCKETS).filter(|b| chosen.0[*b]) {
            let (from, to) = (start(bucket), start(bucket + 1) - 1);
            if from > to {
                continue;
            }
            let (from, to) = (from as i64, to as i64);
            match ranges.last_mut() {
                Some(before) if before.1.checked_add(1) == Some(from) => before.1 = to,
                _ => ranges.push((from, to)),
            }
        }
        Some(ranges)
    }

    /// The hash of a key that is in a range, so that its bucket is the range.
    fn in_range(&self, key: Option<Stored<'_>>) -> Option<u64> {
        let ((first, span), Some(Stored::Int64(key))) = (self.span?, key) else {
            return None;
        };
        let place = (i128::from(key) - i128::from(first)).try_into().ok();
        let place = place.filter(|place: &u128| *place < span)?;
        let bucket = (place * BUCKETS as u128 / span) as u64;
        Some(bucket << (64 - BUCKETS.ilog2()))
    }

    /// The hash of a row's key; `value` gives its columns, `None` for what a mirror cannot hold.
    pub fn key_hash<'a>(&self, value: impl Fn(usize) -> Option<Stored<'a>>) -> u64 {
        match self.in_range(self.key.first().and_then(|c| value(*c))) {
            Some(hash) => hash,
            None => self.key_hasher(value).finish(),
        }
    }

    /// The hashes of a row.
    pub fn hash<'a>(&self, value: impl Fn(usize) -> Option<Stored<'a>>) -> RowHash {
        let mut hasher = self.key_hasher(&value);
        let key = match self.in_range(self.key.first().and_then(|c| value(*c))) {
            Some(hash) => hash,
            None => hasher.finish(),
        };
        for column in &self.rest {
            feed(&mut hasher, value(*column));
        }
        RowHash {
            key,
            row: hasher.finish(),
        }
    }

    fn key_hasher<'a>(&self, value: impl Fn(usize) -> Option<Stored<'a>>) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        for column in &self.key {
            feed(&mut hasher, value(*column));
        }
        hasher
    }

    /// A key as bytes, which are equal for equal keys only.
    pub fn key_bytes<'a>(&self, value: impl Fn(usize) -> Option<Stored<'a>>) -> Vec<u8> {
        let mut bytes = Bytes(Vec::new());
        for column in &self.key {
            feed(&mut bytes, value(*column));
        }
        bytes.0
    }

    /// The hash of each column, to say which of them differ.
    pub fn column_hashes<'a>(&self, value: impl Fn(usize) -> Option<Stored<'a>>) -> Box<[u64]> {
        let hash = |column| {
            let mut hasher = DefaultHasher::new();
            feed(&mut hasher, value(column));
            hasher.finish()
        };
        (0..self.key.len() + self.rest.len()).map(hash).collect()
    }
}

/// A hasher that keeps what it is given.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// Values that are equal in the mirror are fed equal: both zeros, and every NaN.
fn feed(hasher: &mut impl Hasher, value: Option<Stored<'_>>) {
    let integer = |hasher: &mut _, v: i64| {
        Hasher::write_u8(hasher, 1);
        Hasher::write_i64(hasher, v);
    };
    match value {
        None => hasher.write_u8(255),
        Some(Stored::Null) => hasher.write_u8(0),
        Some(Stored::Bool(v)) => integer(hasher, v.into()),
        Some(Stored::Int16(v)) => integer(hasher, v.into()),
        Some(Stored::Int32(v)) => integer(hasher, v.into()),
        Some(Stored::Int64(v)) => integer(hasher, v),
        Some(Stored::Int128(v)) => {
            hasher.write_u8(2);
            hasher.write_i128(v);
        }
        Some(Stored::Double(v)) => {
            let v = if v.is_nan() { f64::NAN } else { v + 0.0 };
            hasher.write_u8(3);
            hasher.write_u64(v.to_bits());
        }
        Some(Stored::Text(v)) => bytes(hasher, 4, v.as_bytes()),
        Some(Stored::Blob(v)) => bytes(hasher, 5, v),
    }
}

fn bytes(hasher: &mut impl Hasher, kind: u8, bytes: &[u8]) {
    hasher.write_u8(kind);
    hasher.write_usize(bytes.len());
    hasher.write(bytes);
}

/// The side that a row is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// SQLite.
    Source,
    /// DuckDB.
    Mirror,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    source: u32,
    mirror: u32,
    /// Of the source's hashes less those of the mirror.
    sum: u64,
}

/// The rows of both sides, summed up.
#[derive(Debug)]
pub struct Buckets(Vec<Bucket>);

impl Default for Buckets {
    fn default() -> Self {
        Buckets(vec![Bucket::default(); BUCKETS])
    }
}

impl Buckets {
    /// Adds a row.
    pub fn add(&mut self, side: Side, hash: RowHash) {
        let bucket = &mut self.0[Chosen::bucket(hash.key)];
        match side {
            Side::Source => {
                bucket.source = bucket.source.wrapping_add(1);
                bucket.sum = bucket.sum.wrapping_add(hash.row);
            }
            Side::Mirror => {
                bucket.mirror = bucket.mirror.wrapping_add(1);
                bucket.sum = bucket.sum.wrapping_sub(hash.row);
            }
        }
    }

    /// The buckets that differ, in groups of about `most` rows of the source.
    pub fn differing(&self, most: u64) -> Vec<Chosen> {
        let mut groups = Vec::new();
        let mut group = Vec::new();
        let mut rows = 0;
        for (i, bucket) in self.0.iter().enumerate() {
            if bucket.sum == 0 && bucket.source == bucket.mirror {
                continue;
            }
            if rows > 0 && rows + u64::from(bucket.source) > most {
                groups.push(Chosen::these(&group));
                (group, rows) = (Vec::new(), 0);
            }
            group.push(i);
            rows += u64::from(bucket.source);
        }
        if !group.is_empty() {
            groups.push(Chosen::these(&group));
        }
        groups
    }
}

/// Some of the buckets.
#[derive(Debug, Clone)]
pub struct Chosen(Box<[bool]>);

impl Chosen {
    fn these(buckets: &[usize]) -> Chosen {
        let mut chosen = vec![false; BUCKETS];
        for bucket in buckets {
            chosen[*bucket] = true;
        }
        Chosen(chosen.into())
    }

    /// This part of them, at least one; another seed chooses others.
    pub fn sample(fraction: f64, seed: i64) -> Chosen {
        Chosen::these(&sample(BUCKETS, fraction, seed))
    }

    /// True if the key with this hash falls into one of them.
    pub fn has(&self, key: u64) -> bool {
        self.0[Chosen::bucket(key)]
    }

    fn bucket(key: u64) -> usize {
        (key >> (64 - BUCKETS.ilog2())) as usize
    }
}

/// This part of the integers from `first` to `last`, as ranges with both ends: at least eight pieces of them if
/// there are as many.
pub fn sample_ranges(first: i64, last: i64, fraction: f64, seed: i64) -> Vec<(i64, i64)> {
    let span = i128::from(last) - i128::from(first) + 1;
    let pieces = (8.0 / fraction)
        .ceil()
        .clamp(64.0, BUCKETS as f64)
        .min(span as f64) as usize;
    let start = |piece: usize| i128::from(first) + span * piece as i128 / pieces as i128;
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for piece in sample(pieces, fraction, seed) {
        let (from, to) = (start(piece) as i64, (start(piece + 1) - 1) as i64);
        match ranges.last_mut() {
            Some(before) if before.1.checked_add(1) == Some(from) => before.1 = to,
            _ => ranges.push((from, to)),
        }
    }
    ranges
}

/// This part of the numbers below `n`, at least one, in order.
fn sample(n: usize, fraction: f64, seed: i64) -> Vec<usize> {
    let count = ((n as f64 * fraction).round() as usize).clamp(1, n);
    let mut numbers: Vec<usize> = (0..n).collect();
    numbers.sort_by_key(|i| mixed((seed as u64).wrapping_add(mixed(*i as u64))));
    numbers.truncate(count);
    numbers.sort_unstable();
    numbers
}

/// The finalizer of SplitMix64.
fn mixed(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<'a>(values: &'a [Stored<'a>]) -> impl Fn(usize) -> Option<Stored<'a>> {
        |column| values.get(column).copied()
    }

    #[test]
    fn equal_sides_have_no_differing_bucket() {
        let layout = Layout::new(2, &[1]);
        let mut buckets = Buckets::default();
        for i in 0..1000 {
            let values = [Stored::Int64(i * i), Stored::Int64(i)];
            buckets.add(Side::Source, layout.hash(row(&values)));
        }
        for i in (0..1000).rev() {
            let values = [Stored::Int64(i * i), Stored::Int64(i)];
            buckets.add(Side::Mirror, layout.hash(row(&values)));
        }
        assert!(buckets.differing(10).is_empty());
        buckets.add(
            Side::Mirror,
            layout.hash(row(&[Stored::Null, Stored::Int64(7)])),
        );
        let groups = buckets.differing(10);
        let key = |i| layout.key_hash(row(&[Stored::Null, Stored::Int64(i)]));
        assert_eq!(groups.len(), 1);
        assert!(groups[0].has(key(7)));
        assert!(!groups[0].has(key(8)));
    }

    #[test]
    fn ranges_are_the_keys_of_their_buckets() {
        for (first, last) in [
            (0, 5),
            (-70_000, 1_000_000),
            (i64::MIN, i64::MIN + 99_999),
            (7, 7),
        ] {
            let rows = (last - first) as u64 / 10 + 1;
            let layout = Layout::new(1, &[0]).ordered(first, last, rows);
            let hash = |key| layout.key_hash(|_| Some(Stored::Int64(key)));
            let chosen = Chosen::sample(0.01, 3);
            let ranges = layout.ranges(&chosen).unwrap();
            let step = (last - first) / 100_000 + 1;
            for key in (first..=last).step_by(step as usize) {
                let within = ranges.iter().any(|(a, b)| (*a..=*b).contains(&key));
                assert_eq!(within, chosen.has(hash(key)), "{key} of {first} to {last}");
            }
        }
        let sparse = Layout::new(1, &[0]).ordered(0, i64::MAX, 1000);
        assert_eq!(sparse.ranges(&Chosen::sample(0.5, 1)), None);
    }

    #[test]
    fn values_that_are_equal_in_the_mirror_hash_equal() {
        let layout = Layout::new(1, &[0]);
        let hash = |value| layout.hash(|_| value);
        let equal = |a, b| {
            assert_eq!(hash(Some(a)), hash(Some(b)));
            let bytes = |v| layout.key_bytes(|_| Some(v));
            assert_eq!(bytes(a), bytes(b));
        };
        equal(Stored::Double(-0.0), Stored::Double(0.0));
        equal(Stored::Double(-f64::NAN), Stored::Double(f64::NAN));
        equal(Stored::Int16(5), Stored::Int64(5));
        let different = [
            None,
            Some(Stored::Null),
            Some(Stored::Int64(0)),
            Some(Stored::Double(0.0)),
            Some(Stored::Double(f64::NAN)),
            Some(Stored::Text("")),
            Some(Stored::Text("a\0")),
            Some(Stored::Text("a")),
            Some(Stored::Blob(b"a")),
        ];
        for (i, a) in different.iter().enumerate() {
            for b in &different[..i] {
                assert_ne!(hash(*a), hash(*b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn columns_do_not_run_into_each_other() {
        let layout = Layout::new(2, &[0, 1]);
        let bytes = |a, b| layout.key_bytes(row(&[Stored::Text(a), Stored::Text(b)]));
        assert_ne!(bytes("ab", "c"), bytes("a", "bc"));
    }

    #[test]
    fn groups_are_bounded() {
        let layout = Layout::new(1, &[0]);
        let mut buckets = Buckets::default();
        for i in 0..1000 {
            buckets.add(Side::Source, layout.hash(|_| Some(Stored::Int64(i))));
        }
        let groups = buckets.differing(100);
        assert!((10..=12).contains(&groups.len()));
        for i in 0..1000 {
            let key = layout.key_hash(|_| Some(Stored::Int64(i)));
            assert_eq!(groups.iter().filter(|g| g.has(key)).count(), 1);
        }
    }

    #[test]
    fn samples_have_their_size_and_follow_the_seed() {
        for (fraction, first, last) in [
            (0.01, 1, 1_000_000),
            (0.5, -5, 1000),
            (1.0, i64::MIN, i64::MAX),
            (0.1, 7, 7),
            (0.000_1, 1, 100_000_000),
        ] {
            let ranges = sample_ranges(first, last, fraction, 1);
            assert_eq!(ranges, sample_ranges(first, last, fraction, 1));
            assert!(ranges.is_sorted());
            assert!(
                ranges
                    .iter()
                    .all(|(a, b)| first <= *a && a <= b && *b <= last)
            );
            let covered: i128 = ranges
                .iter()
                .map(|(a, b)| i128::from(*b) - i128::from(*a) + 1)
                .sum();
            let share = covered as f64 / (i128::from(last) - i128::from(first) + 1) as f64;
            let exact = (share / fraction - 1.0).abs() < 0.3;
            assert!(exact || last - first < 10, "{fraction} gave {share}");
        }
        assert_ne!(
            sample_ranges(1, 1000, 0.1, 1),
            sample_ranges(1, 1000, 0.1, 2)
        );
        assert_eq!(sample_ranges(1, 1000, 1.0, 3), [(1, 1000)]);
    }
}
