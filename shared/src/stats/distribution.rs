//! Distributions as text, `normal(6, 0.5)`, and the value that a share of one is below.

use std::collections::HashMap;

use crate::options::{listed, shortened};
use crate::stats::special::{
    beta_below, beta_quantile, gamma_quantile, gamma_shares, normal_quantile,
};
use crate::{Error, Result};

/// What is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Mean, standard deviation.
    Normal(f64, f64),
    /// Mean and standard deviation of the logarithm.
    Lognormal(f64, f64),
    /// From, to.
    Uniform(f64, f64),
    /// Least, most likely, most.
    Triangular(f64, f64, f64),
    /// Least, most likely, most, smoothly.
    Pert(f64, f64, f64),
    /// Its two shapes.
    Beta(f64, f64),
    /// Shape, scale.
    Gamma(f64, f64),
    /// Mean.
    Exponential(f64),
    /// Mean.
    Poisson(f64),
    /// Tries, probability.
    Binomial(f64, f64),
    /// Probability.
    Bernoulli(f64),
    /// Degrees of freedom.
    StudentT(f64),
    /// Shape, scale.
    Weibull(f64, f64),
    /// These values, each as likely, in ascending order.
    Empirical(Vec<f64>),
    /// Always this.
    Constant(f64),
}

/// The names with what each takes.
const KNOWN: &[(&str, &str)] = &[
    ("normal", "mean, sd"),
    ("lognormal", "mean and sd of the logarithm"),
    ("uniform", "from, to"),
    ("triangular", "min, mode, max"),
    ("pert", "min, mode, max"),
    ("beta", "a, b"),
    ("gamma", "shape, scale"),
    ("exponential", "mean"),
    ("poisson", "mean"),
    ("binomial", "tries, probability"),
    ("bernoulli", "probability"),
    ("t", "degrees of freedom"),
    ("weibull", "shape, scale"),
    ("empirical", "values"),
    ("constant", "value"),
];

/// Above this variance a count is that of the normal distribution, corrected for skewness: less than one in it.
const LARGE: f64 = 1e5;

impl Distribution {
    /// Reads one. Errors with what was wrong and what to give.
    pub fn parse(text: &str) -> Result<Distribution> {
        let wrong = |what: String| Error::new(format!("dist \"{}\" {what}", shortened(text)));
        let call = text.trim().strip_suffix(')');
        let Some((name, arguments)) = call.and_then(|call| call.split_once('(')) else {
            return Err(wrong(
                "is no distribution; write it like normal(6, 0.5)".into(),
            ));
        };
        let name = name.trim();
        let known = KNOWN
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((name, takes)) = known else {
            let names: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
            let known = listed(&names, "and");
            return Err(wrong(format!("is not known; there are {known}")));
        };
        // No memory of its own where there are few: it is read for each number that is drawn.
        let (mut few, mut count, mut many) = ([0.0; 3], 0, Vec::new());
        for part in arguments.split(',') {
            let number = part.trim().parse().ok().filter(|v: &f64| v.is_finite());
            let number = number.ok_or_else(|| wrong(format!("has no numbers; give {takes}")))?;
            if *name == "empirical" {
                many.push(number);
            } else if let Some(place) = few.get_mut(count) {
                *place = number;
            }
            count += 1;
        }
        let is = |ok: bool, distribution: Distribution, rule: &str| {
            if ok {
                Ok(distribution)
            } else {
                Err(wrong(format!("is impossible; give {takes}, with {rule}")))
            }
        };
        use Distribution::*;
        match (*name, few.get(..count).unwrap_or_default()) {
            ("normal", &[mean, sd]) => is(sd >= 0.0, Normal(mean, sd), "sd at least 0"),
            ("lognormal", &[mean, sd]) => is(sd >= 0.0, Lognormal(mean, sd), "sd at least 0"),
            ("uniform", &[from, to]) => is(from <= to, Uniform(from, to), "from at most to"),
            ("triangular", &[min, mode, max]) => is(
                min <= mode && mode <= max,
                Triangular(min, mode, max),
                "min <= mode <= max",
            ),
            ("pert", &[min, mode, max]) => is(
                min <= mode && mode <= max,
                Pert(min, mode, max),
                "min <= mode <= max",
            ),
            ("beta", &[a, b]) => is(
                SHAPES.contains(&a) && SHAPES.contains(&b),
                Beta(a, b),
                "a and b from 0.01 to 1000000",
            ),
            ("gamma", &[shape, scale]) => is(
                SHAPES.contains(&shape) && scale > 0.0,
                Gamma(shape, scale),
                "shape from 0.01 to 1000000 and scale above 0",
            ),
            ("exponential", &[mean]) => is(mean > 0.0, Exponential(mean), "mean above 0"),
            ("poisson", &[mean]) => is(
                (0.0..=1e15).contains(&mean),
                Poisson(mean),
                "mean from 0 to 1e15",
            ),
            ("binomial", &[tries, p]) => is(
                (0.0..=1e9).contains(&tries) && tries.fract() == 0.0 && (0.0..=1.0).contains(&p),
                Binomial(tries, p),
                "a whole number of tries up to 1e9 and probability from 0 to 1",
            ),
            ("bernoulli", &[p]) => is(
                (0.0..=1.0).contains(&p),
                Bernoulli(p),
                "probability from 0 to 1",
            ),
            ("t", &[freedom]) => is(
                (0.1..=1e6).contains(&freedom),
                StudentT(freedom),
                "degrees of freedom from 0.1 to 1000000",
            ),
            ("weibull", &[shape, scale]) => is(
                shape > 0.0 && scale > 0.0,
                Weibull(shape, scale),
                "both above 0",
            ),
            ("empirical", _) => {
                many.sort_by(f64::total_cmp);
                Ok(Empirical(many))
            }
            ("constant", &[value]) => Ok(Constant(value)),
            _ => {
                let s = if count == 1 { "" } else { "s" };
                Err(wrong(format!("has {count} number{s}; give {takes}")))
            }
        }
    }

    /// The value that this share is below, for a share above 0 and below 1.
    pub fn quantile(&self, share: f64) -> f64 {
        self.quantile_by(share, &mut Counts::default())
    }

    /// The same of a distribution that many values are drawn from, with what is known of it.
    pub fn quantile_by(&self, share: f64, known: &mut Counts) -> f64 {
        use Distribution::*;
        match *self {
            Normal(mean, sd) => mean + sd * normal_quantile(share),
            Lognormal(mean, sd) => libm::exp(mean + sd * normal_quantile(share)),
            Uniform(from, to) => (from + (to - from) * share).min(to),
            Triangular(min, mode, max) => triangular([min, mode, max], share),
            Pert(min, mode, max) if min == max => mode,
            Pert(min, mode, max) => {
                let rise = 4.0 * (mode - min) / (max - min);
                min + (max - min) * beta_quantile(1.0 + rise, 5.0 - rise, share)
            }
            Beta(a, b) => beta_quantile(a, b, share),
            Gamma(shape, scale) => scale * gamma_quantile(shape, share),
            Exponential(mean) => -mean * libm::log1p(-share),
            Poisson(mean) => poisson(mean, share, known),
            Binomial(tries, p) if p > 0.5 => tries - binomial(tries, 1.0 - p, 1.0 - share, known),
            Binomial(tries, p) => binomial(tries, p, share, known),
            Bernoulli(p) => f64::from(share >= 1.0 - p && p > 0.0),
            StudentT(freedom) => student(freedom, share),
            Weibull(shape, scale) => scale * libm::pow(-libm::log1p(-share), 1.0 / shape),
            Empirical(ref values) => {
                let at = (share * values.len() as f64) as usize;
                values[at.min(values.len() - 1)]
            }
            Constant(value) => value,
        }
    }
}

const SHAPES: std::ops::RangeInclusive<f64> = 0.01..=1e6;

fn triangular([min, mode, max]: [f64; 3], share: f64) -> f64 {
    let width = max - min;
    if width == 0.0 {
        return mode;
    }
    if share < (mode - min) / width {
        min + libm::sqrt(share * width * (mode - min))
    } else {
        max - libm::sqrt((1.0 - share) * width * (max - mode))
    }
}

fn student(freedom: f64, share: f64) -> f64 {
    let tail = share.min(1.0 - share);
    let x = beta_quantile(freedom / 2.0, 0.5, 2.0 * tail);
    let t = libm::sqrt(freedom * (1.0 - x) / x);
    t.copysign(share - 0.5)
}

/// About where a count of this mean, standard deviation and skewness is.
fn near(mean: f64, sd: f64, skew: f64, share: f64) -> f64 {
    let z = normal_quantile(share);
    libm::round(mean + sd * (z + skew * (z * z - 1.0) / 6.0)).max(0.0)
}

/// The share of one distribution of counts below or at a count, and its own. Where [`LARGE`] ends them there are a few thousand at
/// most.
#[derive(Default)]
pub struct Counts(HashMap<u64, [f64; 2]>);

impl Counts {
    fn of(&mut self, count: f64, compute: impl FnOnce() -> [f64; 2]) -> [f64; 2] {
        *self.0.entry(count.to_bits()).or_insert_with(compute)
    }
}

fn poisson(mean: f64, share: f64, known: &mut Counts) -> f64 {
    if mean == 0.0 {
        return 0.0;
    }
    let sd = libm::sqrt(mean);
    let start = near(mean, sd, 1.0 / sd, share);
    if mean > LARGE {
        return start;
    }
    let [below, at] = known.of(start, || {
        let ln = start * libm::log(mean) - mean - libm::lgamma(start + 1.0);
        [gamma_shares(start + 1.0, mean).1, libm::exp(ln)]
    });
    count(
        share,
        [start, below, at],
        |k| k / mean,
        |k| mean / (k + 1.0),
        f64::INFINITY,
    )
}

fn binomial(tries: f64, p: f64, share: f64, known: &mut Counts) -> f64 {
    let variance = tries * p * (1.0 - p);
    if variance == 0.0 {
        return if p == 1.0 { tries } else { 0.0 };
    }
    let sd = libm::sqrt(variance);
    let start = near(tries * p, sd, (1.0 - 2.0 * p) / sd, share).min(tries);
    if variance > LARGE {
        return start;
    }
    let [below, at] = known.of(start, || {
        let ln = libm::lgamma(tries + 1.0)
            - libm::lgamma(start + 1.0)
            - libm::lgamma(tries - start + 1.0)
            + start * libm::log(p)
            + (tries - start) * libm::log1p(-p);
        let below = if start >= tries {
            1.0
        } else {
            beta_below(tries - start, start + 1.0, 1.0 - p)
        };
        [below, libm::exp(ln)]
    });
    let odds = p / (1.0 - p);
    count(
        share,
        [start, below, at],
        |k| k / (tries - k + 1.0) / odds,
        |k| (tries - k) / (k + 1.0) * odds,
        tries,
    )
}

/// The least count whose share below or at it reaches `share`, from a count with the share below or at it and its own:
/// `down` and `up` are what its own is multiplied by for the next one below and above.
fn count(
    share: f64,
    [mut k, mut below, mut at]: [f64; 3],
    down: impl Fn(f64) -> f64,
    up: impl Fn(f64) -> f64,
    most: f64,
) -> f64 {
    if below >= share {
        while k > 0.0 && below - at >= share {
            below -= at;
            at *= down(k);
            k -= 1.0;
        }
    } else {
        while k < most && below < share {
            at *= up(k);
            k += 1.0;
            if below + at == below && at < 1e-17 {
                break;
            }
            below += at;
        }
    }
    k
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles that SciPy gives at 0.001, 0.3, 0.77 and 0.9999.
    const KNOWN_QUANTILES: &[(&str, [f64; 4])] = &[
        (
            "normal(6,0.5)",
            [
                4.454883846916093,
                5.737799743645979,
                6.369423424592607,
                7.859508242727855,
            ],
        ),
        (
            "lognormal(0, 1)",
            [
                0.045491385247653525,
                0.5919101006095541,
                2.0935199777548386,
                41.22382992784431,
            ],
        ),
        ("uniform(2,4)", [2.002, 2.6, 3.54, 3.9998]),
        (
            "Triangular ( 8,10,13 )",
            [
                8.1,
                9.732050807568877,
                11.142582437899328,
                12.961270166537927,
            ],
        ),
        (
            "pert(8,10,13)",
            [
                8.143075211172064,
                9.595273367308906,
                10.909722474373389,
                12.818750353265967,
            ],
        ),
        (
            "beta(2,3)",
            [
                0.013022947370814273,
                0.27238394207510536,
                0.558690380930422,
                0.9705412504285347,
            ],
        ),
        (
            "beta(0.05,0.2)",
            [
                6.561238701737481e-59,
                2.287762471657855e-09,
                0.27652853744766087,
                1.0,
            ],
        ),
        (
            "gamma(0.5,2)",
            [
                1.5707971492624921e-06,
                0.14847186183254538,
                1.4408613880531467,
                15.136705226623606,
            ],
        ),
        (
            "gamma(30,2)",
            [
                31.738341594280705,
                53.80912613235279,
                67.7434291581017,
                109.50293050040497,
            ],
        ),
        (
            "exponential(3)",
            [
                0.0030015010007506003,
                1.0700248318161973,
                4.409027910176825,
                27.63102111592888,
            ],
        ),
        ("poisson(0.3)", [0.0, 0.0, 1.0, 4.0]),
        ("poisson(900)", [809.0, 884.0, 922.0, 1014.0]),
        ("poisson(250000)", [248456.0, 249738.0, 250369.0, 251862.0]),
        ("binomial(10,0.3)", [0.0, 2.0, 4.0, 9.0]),
        ("binomial(1000,0.97)", [952.0, 967.0, 974.0, 988.0]),
        (
            "binomial(1000000,0.5)",
            [498455.0, 499738.0, 500369.0, 501860.0],
        ),
        ("bernoulli(0.25)", [0.0, 0.0, 1.0, 1.0]),
        (
            "t(3)",
            [
                -10.214531852407385,
                -0.5843897274398188,
                0.8453604021654028,
                22.203742273205,
            ],
        ),
        (
            "t(200)",
            [
                -3.131479814221121,
                -0.5252373340155534,
                0.7402771180014697,
                3.789120788747759,
            ],
        ),
        (
            "weibull(1.5,2)",
            [
                0.020006670558273685,
                1.005877429831437,
                2.5853006648072845,
                8.787805760538744,
            ],
        ),
        ("empirical(5, 1, 3)", [1.0, 1.0, 5.0, 5.0]),
        ("constant(-2)", [-2.0; 4]),
    ];

    #[test]
    fn quantiles_are_known() {
        for (text, known) in KNOWN_QUANTILES {
            let distribution = Distribution::parse(text).unwrap();
            for (share, known) in [0.001, 0.3, 0.77, 0.9999].into_iter().zip(known) {
                let found = distribution.quantile(share);
                let off = (found - known).abs();
                assert!(off <= 1e-9 * known.abs(), "{text} at {share}: {found}");
            }
        }
    }

    /// They end, rise, and are numbers, at the ends too.
    #[test]
    fn quantiles_rise() {
        let texts = KNOWN_QUANTILES.iter().map(|(text, _)| *text);
        for text in texts.chain([
            "beta(0.01, 0.01)",
            "gamma(0.01, 1)",
            "gamma(1000000, 1)",
            "beta(1e6, 1e6)",
            "t(0.1)",
            "t(1e6)",
            "poisson(0)",
            "poisson(1e15)",
            "poisson(1e5)",
            "binomial(0, 0.5)",
            "binomial(9, 0)",
            "binomial(9, 1)",
            "binomial(1e9, 1e-6)",
            "binomial(3, 0.999999)",
            "triangular(1,1,1)",
            "triangular(1,1,2)",
            "pert(1,1,1)",
            "pert(1,1,2)",
            "pert(1,2,2)",
            "uniform(1,1)",
            "normal(1,0)",
            "bernoulli(0)",
            "bernoulli(1)",
        ]) {
            let distribution = Distribution::parse(text).unwrap();
            let least = 0.5 / (1u64 << 52) as f64;
            let shares = [
                least,
                1e-9,
                0.01,
                0.2,
                0.5,
                0.8,
                0.99,
                1.0 - 1e-9,
                1.0 - least,
            ];
            let found = shares.map(|share| distribution.quantile(share));
            assert!(found.is_sorted() && !found[0].is_nan(), "{text}: {found:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            (
                "",
                "dist \"\" is no distribution; write it like normal(6, 0.5)",
            ),
            ("normal", "dist \"normal\" is no distribution"),
            (
                "gauss(0, 1)",
                "dist \"gauss(0, 1)\" is not known; there are normal, lognormal,",
            ),
            (
                "normal(1)",
                "dist \"normal(1)\" has 1 number; give mean, sd",
            ),
            (
                "normal(a, b)",
                "dist \"normal(a, b)\" has no numbers; give mean, sd",
            ),
            (
                "empirical()",
                "dist \"empirical()\" has no numbers; give values",
            ),
            ("normal(0, inf)", "dist \"normal(0, inf)\" has no numbers"),
            (
                "normal(0, -1)",
                "dist \"normal(0, -1)\" is impossible; give mean, sd, with sd at least 0",
            ),
            (
                "binomial(2.5, 0.5)",
                "dist \"binomial(2.5, 0.5)\" is impossible; give tries, probability, with a whole",
            ),
            (
                "triangular(3, 2, 1)",
                "dist \"triangular(3, 2, 1)\" is impossible",
            ),
            ("t(0)", "dist \"t(0)\" is impossible"),
        ] {
            let found = Distribution::parse(text).unwrap_err().to_string();
            assert!(found.starts_with(said), "{found}");
        }
    }
}
