//! The distances by name.

use super::distance;
use crate::{Error, Result};

/// What "near" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Euclidean distance.
    L2,
    /// Cosine distance.
    Cosine,
    /// Negative inner product.
    Ip,
    /// Sum of absolute differences.
    L1,
    /// Number of elements that differ.
    Hamming,
    /// Jaccard distance of the sets of elements that are not zero.
    Jaccard,
}

impl Metric {
    /// All of them.
    pub const ALL: [Metric; 6] = [
        Metric::L2,
        Metric::Cosine,
        Metric::Ip,
        Metric::L1,
        Metric::Hamming,
        Metric::Jaccard,
    ];
    /// Those that an index can be ordered by.
    pub const INDEXED: [Metric; 3] = [Metric::L2, Metric::Cosine, Metric::Ip];

    /// Its name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::L2 => "l2",
            Metric::Cosine => "cosine",
            Metric::Ip => "ip",
            Metric::L1 => "l1",
            Metric::Hamming => "hamming",
            Metric::Jaccard => "jaccard",
        }
    }

    /// The metric of this name, in any case. Errors if there is none.
    pub fn parse(name: &str) -> Result<Metric> {
        let all = "l2, cosine, ip, l1, hamming and jaccard";
        Self::among(&Self::ALL, name, all)
    }

    /// The metric of this name, if an index can be ordered by it. Errors if there is none.
    pub fn parse_indexed(name: &str) -> Result<Metric> {
        Self::among(&Self::INDEXED, name, "l2, cosine and ip")
    }

    fn among(metrics: &[Metric], name: &str, names: &str) -> Result<Metric> {
        let found = metrics.iter().find(|m| m.name().eq_ignore_ascii_case(name));
        found.copied().ok_or_else(|| {
            Error::new(format!(
                "unknown metric \"{name}\"; the metrics are {names}"
            ))
        })
    }

    /// The distance between two vectors of equal length; the smaller, the closer.
    pub fn distance(self, a: &[f32], b: &[f32]) -> f64 {
        match self {
            Metric::L2 => distance::l2(a, b),
            Metric::Cosine => distance::cosine(a, b),
            Metric::Ip => distance::ip(a, b),
            Metric::L1 => distance::l1(a, b),
            Metric::Hamming => distance::hamming(a, b),
            Metric::Jaccard => distance::jaccard(a, b),
        }
    }
}
