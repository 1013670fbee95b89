//! Random numbers that are a function of a seed, a name and a number: in any order, on any thread, in either engine the
//! same.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Map, Value as Json};

use crate::stats::special::{normal_below, normal_quantile};

/// The numbers of a name under a seed.
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// ChaCha8 with the seed as its key and the name's hash as its stream.
    pub fn new(seed: i64, name: &str) -> Stream {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut chacha = ChaCha8Rng::from_seed(key);
        chacha.set_stream(fnv1a(name));
        Stream(chacha)
    }

    /// The number at this place, between 0 and 1, neither of both.
    pub fn at(&mut self, run: i64) -> f64 {
        self.0.set_word_pos(2 * u128::from(run as u64));
        self.draw()
    }

    /// The number behind the last one.
    pub fn draw(&mut self) -> f64 {
        // With a half more, 53 bits would round to 1.
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }
}

/// A number between 0 and 1 of a name, or of a mixture of names as [`mixed`] writes it: then the share of the normal distribution
/// below the sum of normal numbers, so that what has names in common is correlated.
pub fn share(seed: i64, name: &str, run: i64) -> f64 {
    let parts = if name.starts_with('{') {
        serde_json::from_str::<Map<String, Json>>(name).ok()
    } else {
        None
    };
    let Some(parts) = parts else {
        return Stream::new(seed, name).at(run);
    };
    let (mut sum, mut squares) = (0.0, 0.0);
    for (name, part) in &parts {
        let part = part.as_f64().unwrap_or_default();
        sum += part * normal_quantile(Stream::new(seed, name).at(run));
        squares += part * part;
    }
    let share = normal_below(sum / libm::sqrt(squares));
    const END: f64 = 0.5 / (1u64 << 52) as f64;
    // Of no parts there is none.
    if share.is_nan() {
        0.5
    } else {
        share.clamp(END, 1.0 - END)
    }
}

/// The name of a mixture.
pub fn mixed(parts: &[(&str, f64)]) -> String {
    let parts = parts
        .iter()
        .map(|(name, part)| ((*name).to_owned(), Json::from(*part)));
    Json::Object(parts.collect()).to_string()
}

fn fnv1a(text: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart, by ChaCha's own text with eight rounds.
    #[test]
    fn numbers_are_known() {
        for (seed, name, run, number) in [
            (42, "price", 0, 0.3082225415450971),
            (42, "price", 1, 0.570610169133087),
            (42, "price", (1 << 40) + 7, 0.6049631286550071),
            (-1, "数量", -1, 0.9635104121744126),
            (0, "", 9, 0.6686685653442713),
        ] {
            assert_eq!(Stream::new(seed, name).at(run), number);
        }
        let mut stream = Stream::new(42, "price");
        assert_eq!(stream.at(0), 0.3082225415450971);
        assert_eq!(stream.draw(), 0.570610169133087);
    }

    /// Kolmogorov and Smirnov would refuse one uniform sample in 10,000.
    #[test]
    fn numbers_are_uniform() {
        let mut stream = Stream::new(7, "u");
        let count = 1_000_000;
        let mut numbers: Vec<f64> = (0..count).map(|_| stream.draw()).collect();
        numbers.sort_by(f64::total_cmp);
        assert!(numbers[0] > 0.0 && numbers[count - 1] < 1.0);
        let n = count as f64;
        let off = numbers.iter().enumerate().map(|(i, u)| {
            let (before, after) = (i as f64 / n, (i + 1) as f64 / n);
            (u - before).max(after - u)
        });
        assert!(off.fold(0.0, f64::max) < 2.226 / n.sqrt());
    }
}
