//! Random numbers that are a function of a seed, a name and a number: in any order, on any thread, in either engine the
//! same.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Map, Value as Json};

use crate::stats::special::{normal_below, normal_quantile};

/// The numbers of a name under a seed.
pub struct Stream {
    chacha: ChaCha8Rng,
    next: u64,
    /// The numbers from `32 * block` on.
    numbers: [u64; NUMBERS],
    block: u64,
}

/// As many as ChaCha computes at once.
const NUMBERS: usize = 32;

impl Stream {
    /// ChaCha8 with the seed as its key and the name's hash as its stream.
    pub fn new(seed: i64, name: &str) -> Stream {
        Stream::keyed([seed, 0], name)
    }

    fn keyed(seeds: [i64; 2], name: &str) -> Stream {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seeds[0].to_le_bytes());
        key[8..16].copy_from_slice(&seeds[1].to_le_bytes());
        let mut chacha = ChaCha8Rng::from_seed(key);
        chacha.set_stream(fnv1a(name));
        Stream {
            chacha,
            next: 0,
            numbers: [0; NUMBERS],
            block: u64::MAX,
        }
    }

    /// The number at this place, between 0 and 1, neither of both.
    pub fn at(&mut self, run: i64) -> f64 {
        self.next = run as u64;
        self.draw()
    }

    /// The number behind the last one.
    pub fn draw(&mut self) -> f64 {
        // With a half more, 53 bits would round to 1.
        ((self.word() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    fn word(&mut self) -> u64 {
        let block = self.next / NUMBERS as u64;
        if block != self.block {
            self.chacha
                .set_word_pos(2 * NUMBERS as u128 * u128::from(block));
            self.numbers.fill_with(|| self.chacha.next_u64());
            self.block = block;
        }
        let number = self.numbers[self.next as usize % NUMBERS];
        self.next = self.next.wrapping_add(1);
        number
    }
}

/// The order in which the runs from 0 to below `n` visit `n` strata, each once: a Feistel network over the numbers of as many
/// bits as `n` needs, repeated until its number is below `n`, less than twice on average. Nothing is sorted or kept.
struct Strata {
    n: u64,
    /// The bits of the upper and of the lower half.
    bits: [u32; 2],
    keys: [u64; 8],
}

/// The most strata: what remains of the digits of a double is enough for a place in one.
pub const MOST_STRATA: i64 = 10_000_000;

impl Strata {
    fn new(seed: i64, name: &str, n: i64) -> Strata {
        // Other keys for other `n`, and none of the stream of the name itself.
        let mut stream = Stream::keyed([seed, n], name);
        let bits = u64::BITS - (n as u64).saturating_sub(1).leading_zeros();
        Strata {
            n: n as u64,
            bits: [bits / 2, bits - bits / 2],
            keys: std::array::from_fn(|_| stream.word()),
        }
    }

    fn of(&self, run: u64) -> u64 {
        let [upper, lower] = self.bits;
        let mask = |bits: u32| (1u64 << bits) - 1;
        let mut number = run;
        loop {
            let (mut high, mut low) = (number >> lower, number & mask(lower));
            for keys in self.keys.chunks_exact(2) {
                high ^= scattered(low ^ keys[0]) & mask(upper);
                low ^= scattered(high ^ keys[1]) & mask(lower);
            }
            number = high << lower | low;
            if number < self.n {
                return number;
            }
        }
    }

    /// A number in the stratum of a run, at about this share of it. Of the share 24 bits and a half are kept, so that no rounding
    /// takes it to the next stratum.
    fn within(&self, run: i64, share: f64) -> f64 {
        const STEPS: f64 = (1u64 << 24) as f64;
        let share = (libm::floor(share * STEPS) + 0.5) / STEPS;
        (self.of(run as u64) as f64 + share) / self.n as f64
    }
}

/// SplitMix64's mixing of the bits of a number.
fn scattered(number: u64) -> u64 {
    let mut hash = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    for (shift, multiplier) in [(30, 0xBF58_476D_1CE4_E5B9u64), (27, 0x94D0_49BB_1331_11EB)] {
        hash = (hash ^ (hash >> shift)).wrapping_mul(multiplier);
    }
    hash ^ (hash >> 31)
}

/// A number between 0 and 1 for each run of a name, or of a mixture of names as [`mixed`] writes it: then the share of the normal
/// distribution below the sum of normal numbers, so that what has names in common is correlated.
pub struct Shares {
    parts: Vec<Part>,
    /// The root of the sum of the squares of the parts of a mixture.
    length: Option<f64>,
}

struct Part {
    of: f64,
    stream: Stream,
    strata: Option<Strata>,
}

impl Part {
    fn at(&mut self, run: i64) -> f64 {
        let share = self.stream.at(run);
        match &self.strata {
            Some(strata) => strata.within(run, share),
            None => share,
        }
    }
}

impl Shares {
    /// Those of a name under a seed. With a number of strata, up to [`MOST_STRATA`], the runs from 0 to below it are a Latin
    /// hypercube: each n-th of the numbers from 0 to 1 has one of them. Of a mixture the parts are, and not their sum.
    pub fn new(seed: i64, name: &str, strata: Option<i64>) -> Shares {
        let part = |name: &str, of: f64| Part {
            of,
            stream: Stream::new(seed, name),
            strata: strata.map(|n| Strata::new(seed, name, n)),
        };
        let mixture = if name.starts_with('{') {
            serde_json::from_str::<Map<String, Json>>(name).ok()
        } else {
            None
        };
        let Some(mixture) = mixture else {
            return Shares {
                parts: vec![part(name, 1.0)],
                length: None,
            };
        };
        let parts = mixture
            .iter()
            .map(|(name, of)| part(name, of.as_f64().unwrap_or_default()));
        let parts: Vec<Part> = parts.collect();
        let squares = parts.iter().fold(0.0, |sum, part| sum + part.of * part.of);
        Shares {
            parts,
            length: Some(libm::sqrt(squares)),
        }
    }

    /// The number of a run; with strata of one below their number.
    pub fn at(&mut self, run: i64) -> f64 {
        let Some(length) = self.length else {
            return self.parts.first_mut().map_or(0.5, |part| part.at(run));
        };
        let parts = self.parts.iter_mut();
        let sum = parts.fold(0.0, |sum, part| {
            sum + part.of * normal_quantile(part.at(run))
        });
        let share = normal_below(sum / length);
        const END: f64 = 0.5 / (1u64 << 52) as f64;
        // Of no parts there is none.
        if share.is_nan() {
            0.5
        } else {
            share.clamp(END, 1.0 - END)
        }
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

    /// Wherever a block of numbers begins and ends, and in whatever order they are asked for.
    #[test]
    fn numbers_have_no_order() {
        let mut stream = Stream::new(3, "x");
        let known: Vec<f64> = (0..200).map(|_| stream.draw()).collect();
        for run in (0..200).rev().chain((0..200).map(|i| i * 77 % 200)) {
            assert_eq!(stream.at(run), known[run as usize]);
        }
        // Behind the last number comes the first one.
        let last = Stream::new(3, "x").at(-1);
        assert!(stream.at(-1) == last && stream.draw() == known[0]);
    }

    /// Computed apart, as the others are.
    #[test]
    fn strata_are_known() {
        let order = |seed, name, n, runs: &[u64]| {
            let strata = Strata::new(seed, name, n);
            runs.iter().map(|run| strata.of(*run)).collect::<Vec<u64>>()
        };
        assert_eq!(
            order(-1, "数量", 7, &[0, 1, 2, 3, 4, 5, 6]),
            [1, 0, 3, 5, 2, 4, 6]
        );
        assert_eq!(
            order(42, "price", 1_000_000, &[0, 1, 999_999]),
            [206_502, 656_594, 255_781]
        );
        let share = |seed, name, n, run| Shares::new(seed, name, Some(n)).at(run);
        assert_eq!(share(42, "price", 1_000_000, 1), 0.6565945706101954);
        assert_eq!(share(-1, "数量", 7, 3), 0.757455804518291);
    }

    #[test]
    fn each_stratum_is_hit_once() {
        for n in [1, 2, 3, 7, 100, 1000, 1 << 16, 1_000_000] {
            for (seed, name) in [(1, "a"), (-9, "数量")] {
                let mut shares = Shares::new(seed, name, Some(n));
                let mut hit = vec![0; n as usize];
                for run in 0..n {
                    let share = shares.at(run);
                    assert!(share > 0.0 && share < 1.0);
                    hit[(share * n as f64) as usize] += 1;
                }
                assert!(hit.iter().all(|hits| *hits == 1), "{n}");
            }
        }
        let mut most = Shares::new(1, "a", Some(MOST_STRATA));
        assert!((0..1000).all(|run| (0.0..1.0).contains(&most.at(MOST_STRATA - 1 - run))));
    }

    /// Each run is as likely in each stratum, and what one variable has says nothing of another.
    #[test]
    fn strata_are_random() {
        for n in [2, 3, 10] {
            let mut hits = vec![vec![0.0; n]; n];
            for seed in 0..9_000 {
                let mut shares = Shares::new(seed, "x", Some(n as i64));
                for (run, hits) in hits.iter_mut().enumerate() {
                    hits[(shares.at(run as i64) * n as f64) as usize] += 1.0;
                }
            }
            let expected = 9_000.0 / n as f64;
            let off = |hit: &f64| (hit - expected) * (hit - expected) / expected;
            let chi: f64 = hits.iter().flatten().map(off).sum();
            let freedom = ((n - 1) * (n - 1)) as f64;
            assert!(
                chi < freedom + 5.0 * (2.0 * freedom).sqrt() + 5.0,
                "{chi} of {n}"
            );
        }
        let all = |name: &str| {
            let mut shares = Shares::new(5, name, Some(10_000));
            (0..10_000).map(|run| shares.at(run)).collect::<Vec<f64>>()
        };
        let (a, b) = (all("a"), all("b"));
        let found = |a: &[f64], b: &[f64]| crate::stats::sample::correlation(a, b).unwrap();
        assert!(found(&a, &b).abs() < 0.04 && found(&a[1..], &a[..9_999]).abs() < 0.04);
        // The mean of strata is far nearer to that of the distribution than one of free draws, whose error is 0.003.
        assert!((a.iter().sum::<f64>() / 1e4 - 0.5).abs() < 1e-5);
    }

    #[test]
    fn mixtures_are_correlated_with_strata_too() {
        let name = mixed(&[("a", 0.6), ("b", 0.8)]);
        for strata in [None, Some(20_000)] {
            let all = |name: &str| {
                let mut shares = Shares::new(5, name, strata);
                (0..20_000)
                    .map(|run| normal_quantile(shares.at(run)))
                    .collect::<Vec<f64>>()
            };
            let found = crate::stats::sample::correlation(&all("a"), &all(&name)).unwrap();
            assert!((found - 0.6).abs() < 0.02, "{found}");
        }
        assert_eq!(Shares::new(1, "{}", None).at(0), 0.5);
    }
}
