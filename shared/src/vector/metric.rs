//! The distances that an index can be ordered by.

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
}

impl Metric {
    /// All of them.
    pub const ALL: [Metric; 3] = [Metric::L2, Metric::Cosine, Metric::Ip];

    /// Its name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::L2 => "l2",
            Metric::Cosine => "cosine",
            Metric::Ip => "ip",
        }
    }

    /// The metric of this name, in any case.
    pub fn parse(name: &str) -> Result<Metric> {
        let found = Self::ALL
            .into_iter()
            .find(|m| m.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            Error::new(format!(
                "unknown metric \"{name}\"; the metrics are l2, cosine and ip"
            ))
        })
    }

    /// The distance between two vectors of equal length; the smaller, the closer.
    pub fn distance(self, a: &[f32], b: &[f32]) -> f64 {
        match self {
            Metric::L2 => distance::l2(a, b),
            Metric::Cosine => distance::cosine(a, b),
            Metric::Ip => distance::ip(a, b),
        }
    }
}
