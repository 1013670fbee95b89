//! Weights of features: a log-linear model, trained offline.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Mutex;

/// Weights by the hash of a feature's name.
#[derive(Debug, Default)]
pub struct Model {
    weights: HashMap<u64, f32, BuildHasherDefault<Plain>>,
    /// Names of features that were asked for, if they are collected.
    pub names: Option<Mutex<HashMap<u64, String>>>,
}

/// The hash of a feature is one already.
#[derive(Debug, Default, Clone, Copy)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*b);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Features of a reading with how much of each.
pub type Features = Vec<(u64, f32)>;

impl Model {
    /// Reads lines of name, tab, weight.
    pub fn read(text: &str) -> Model {
        let mut model = Model::default();
        for line in text.lines() {
            if let Some((name, weight)) = line.rsplit_once('\t')
                && let Ok(weight) = weight.parse()
            {
                model.weights.insert(super::tokens::hash(name), weight);
            }
        }
        model
    }

    /// The same weights, without names.
    pub fn copy(&self) -> Model {
        Model {
            weights: self.weights.clone(),
            names: None,
        }
    }

    /// The weight of a feature, by the hash of its name.
    pub fn weight(&self, feature: u64) -> f32 {
        self.weights.get(&feature).copied().unwrap_or(0.0)
    }

    /// Sets a weight.
    pub fn set(&mut self, feature: u64, weight: f32) {
        self.weights.insert(feature, weight);
    }

    /// The hash of a feature whose name is these parts, joined by `|`.
    pub fn feature(&self, parts: &[&str]) -> u64 {
        let mut h = 0xcbf2_9ce4_8422_2325_u64;
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                h = (h ^ u64::from(b'|')).wrapping_mul(0x0100_0000_01b3);
            }
            for b in part.bytes() {
                h = (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        if let Some(names) = &self.names {
            let mut names = names
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            names.entry(h).or_insert_with(|| parts.join("|"));
        }
        h
    }
}
