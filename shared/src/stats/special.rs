//! The normal, gamma and beta functions with their inverses, by `libm` alone, so that every machine has the same bits.

/// How near a series or an iteration comes to its limit.
const NEAR: f64 = 1e-16;
/// The most terms of a series: enough for parameters up to a million.
const TERMS: usize = 100_000;

/// The share of the standard normal distribution below `z`.
pub fn normal_below(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The density of the standard normal distribution.
pub fn normal_density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * std::f64::consts::PI)
}

/// The value that this share of the standard normal distribution is below, for a share above 0 and below 1: algorithm AS 241,
/// with 16 digits.
pub fn normal_quantile(share: f64) -> f64 {
    const CENTER: [[f64; 8]; 2] = [
        [
            3.387_132_872_796_366_5,
            133.141_667_891_784_38,
            1_971.590_950_306_551_3,
            13_731.693_765_509_46,
            45_921.953_931_549_87,
            67_265.770_927_008_7,
            33_430.575_583_588_13,
            2_509.080_928_730_122_7,
        ],
        [
            1.0,
            42.313_330_701_600_91,
            687.187_007_492_057_9,
            5_394.196_021_424_751,
            21_213.794_301_586_597,
            39_307.895_800_092_71,
            28_729.085_735_721_943,
            5_226.495_278_852_854,
        ],
    ];
    const MIDDLE: [[f64; 8]; 2] = [
        [
            1.423_437_110_749_683_5,
            4.630_337_846_156_546,
            5.769_497_221_460_691,
            3.647_848_324_763_204_5,
            1.270_458_252_452_368_4,
            0.241_780_725_177_450_6,
            0.022_723_844_989_269_184,
            7.745_450_142_783_414e-4,
        ],
        [
            1.0,
            2.053_191_626_637_759,
            1.676_384_830_183_803_8,
            0.689_767_334_985_1,
            0.148_103_976_427_480_08,
            0.015_198_666_563_616_457,
            5.475_938_084_995_345e-4,
            1.050_750_071_644_416_9e-9,
        ],
    ];
    const TAIL: [[f64; 8]; 2] = [
        [
            6.657_904_643_501_103,
            5.463_784_911_164_114,
            1.784_826_539_917_291_3,
            0.296_560_571_828_504_87,
            0.026_532_189_526_576_124,
            0.001_242_660_947_388_078_4,
            2.711_555_568_743_487_6e-5,
            2.010_334_399_292_288_1e-7,
        ],
        [
            1.0,
            0.599_832_206_555_888,
            0.136_929_880_922_735_8,
            0.014_875_361_290_850_615,
            7.868_691_311_456_133e-4,
            1.846_318_317_510_054_7e-5,
            1.421_511_758_316_446e-7,
            2.044_263_103_389_939_8e-15,
        ],
    ];
    let ratio = |[above, below]: [[f64; 8]; 2], r: f64| {
        let at = |c: [f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * r + c);
        at(above) / at(below)
    };
    let from_half = share - 0.5;
    if from_half.abs() <= 0.425 {
        return from_half * ratio(CENTER, 0.180_625 - from_half * from_half);
    }
    let tail = share.min(1.0 - share);
    let r = libm::sqrt(-libm::log(tail));
    let z = if r <= 5.0 {
        ratio(MIDDLE, r - 1.6)
    } else {
        ratio(TAIL, r - 5.0)
    };
    z.copysign(from_half)
}

/// The shares of the gamma distribution of this shape and scale 1 below and above `x`; each has its own digits, however
/// small it is.
pub fn gamma_shares(shape: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    let front = libm::exp(shape * libm::log(x) - x - libm::lgamma(shape));
    if x < shape + 1.0 {
        let (mut term, mut sum, mut a) = (1.0 / shape, 1.0 / shape, shape);
        for _ in 0..TERMS {
            a += 1.0;
            term *= x / a;
            sum += term;
            if term < sum * NEAR {
                break;
            }
        }
        let below = (front * sum).min(1.0);
        return (below, 1.0 - below);
    }
    // The continued fraction, by the method of Lentz.
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - shape;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..=TERMS {
        let i = i as f64;
        let a = -i * (i - shape);
        b += 2.0;
        let not_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
        d = 1.0 / not_zero(a * d + b);
        c = not_zero(b + a / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < 2.0 * NEAR {
            break;
        }
    }
    let above = (front * fraction).min(1.0);
    (1.0 - above, above)
}

/// The share of the beta distribution with these shapes below `x`.
pub fn beta_below(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    beta_share(a, b, [x, 1.0 - x])
}

/// The share of the beta distribution with these shapes below the first of two numbers above 0 whose sum is 1: each has its
/// own digits, however small it is. By the continued fraction, whose steps are about the square root of the shapes at most.
pub fn beta_share(a: f64, b: f64, [x, y]: [f64; 2]) -> f64 {
    // Where the fraction converges soon, and no more than a tenth of the share's digits are lost.
    if x > (a + 1.0) / (a + b + 2.0) {
        return (1.0 - beta_tail(b, a, [y, x])).clamp(0.0, 1.0);
    }
    beta_tail(a, b, [x, y]).clamp(0.0, 1.0)
}

/// The same by the method of Lentz, for an `x` that is not much above the mean.
fn beta_tail(a: f64, b: f64, [x, y]: [f64; 2]) -> f64 {
    const TINY: f64 = 1e-300;
    let not_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    // The logarithm of the larger one by the smaller one.
    let ln = |of: f64, other: f64| {
        if of > 0.5 {
            libm::log1p(-other)
        } else {
            libm::log(of)
        }
    };
    let front = libm::exp(a * ln(x, y) + b * ln(y, x) - ln_beta(a, b)) / a;
    let mut c = 1.0;
    let mut d = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..=TERMS {
        let m = m as f64;
        let at = a + 2.0 * m;
        for step in [
            m * (b - m) * x / ((at - 1.0) * at),
            -(a + m) * (a + b + m) * x / (at * (at + 1.0)),
        ] {
            d = 1.0 / not_zero(1.0 + step * d);
            c = not_zero(1.0 + step / c);
            fraction *= d * c;
        }
        if (d * c - 1.0).abs() < 2.0 * NEAR {
            break;
        }
    }
    front * fraction
}

/// The logarithm of the beta function. Where a shape is large, the difference of two logarithms of gamma would lose digits: by
/// the series of Stirling.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    let (large, small) = if a > b { (a, b) } else { (b, a) };
    if large < 100.0 {
        return libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    }
    let series = |x: f64| (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / (x * x)) / (x * x)) / x;
    let (sum, of_large) = (large + small, series(large));
    libm::lgamma(small) - (large - 0.5) * libm::log1p(small / large) - small * libm::log(sum)
        + small
        + of_large
        - series(sum)
}

/// The value that this share of the gamma distribution of scale 1 is below.
pub fn gamma_quantile(shape: f64, share: f64) -> f64 {
    let ln_gamma = libm::lgamma(shape);
    // Wilson and Hilferty, or the first term of the series.
    let z = normal_quantile(share);
    let cube = 1.0 - 1.0 / (9.0 * shape) + z / (3.0 * libm::sqrt(shape));
    let start = if cube > 0.3 {
        libm::log(shape) + 3.0 * libm::log(cube)
    } else {
        (libm::log(share) + libm::log(shape) + ln_gamma) / shape
    };
    let t = invert(share, [-700.0, 700.0], start, |t| {
        let x = libm::exp(t);
        (
            gamma_shares(shape, x).0,
            libm::exp(shape * t - x - ln_gamma),
        )
    });
    libm::exp(t)
}

/// The value that this share of the beta distribution is below.
pub fn beta_quantile(a: f64, b: f64, share: f64) -> f64 {
    let ln_beta = ln_beta(a, b);
    let mean = libm::log(a / b);
    let first = (libm::log(share) + libm::log(a) + ln_beta) / a;
    let start = if a < 1.0 && first < -1.0 { first } else { mean };
    let at = |t: f64| 1.0 / (1.0 + libm::exp(-t));
    let t = invert(share, [-700.0, 37.0], start, |t| {
        let x = at(t);
        let slope = libm::exp(a * libm::log(x) + b * libm::log1p(-x) - ln_beta);
        (beta_below(a, b, x), slope)
    });
    at(t)
}

/// Where a rising function has this value: by Newton's steps, halved where they leave the interval.
fn invert(value: f64, mut within: [f64; 2], start: f64, f: impl Fn(f64) -> (f64, f64)) -> f64 {
    if f(within[0]).0 >= value {
        return within[0];
    }
    let mut t = start.clamp(within[0], within[1]);
    for _ in 0..200 {
        let (at, slope) = f(t);
        if at == value {
            break;
        }
        within[usize::from(at > value)] = t;
        let mut next = t - (at - value) / slope;
        if !(next > within[0] && next < within[1]) {
            next = 0.5 * (within[0] + within[1]);
        }
        if (next - t).abs() <= 1e-15 * t.abs().max(1.0) {
            return next;
        }
        t = next;
    }
    t
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, known: f64, relative: f64) {
        let off = (found - known).abs();
        assert!(off <= relative * known.abs(), "{found} is not {known}");
    }

    #[test]
    fn normal_shares_are_known() {
        for (share, z) in [
            (1e-16, -8.222082216130435),
            (1e-10, -6.361340902404056),
            (0.001, -3.090232306167813),
            (0.05, -1.6448536269514729),
            (0.7, 0.5244005127080407),
            (0.93, 1.475791028179171),
            (0.999, 3.090232306167813),
        ] {
            near(normal_quantile(share), z, 1e-14);
        }
        assert_eq!(normal_quantile(0.5), 0.0);
        for (z, share) in [
            (-8.0, 6.22096057427174e-16),
            (-1.5, 0.06680720126885807),
            (0.3, 0.6179114221889526),
        ] {
            near(normal_below(z), share, 1e-13);
        }
    }

    #[test]
    fn gamma_shares_are_known_in_both_tails() {
        for (shape, x, below, above) in [
            (0.5, 0.2, 0.47291074313446196, 0.5270892568655381),
            (0.5, 400.0, 1.0, 5.395865611607819e-176),
            (3.0, 2.5, 0.45618688411667035, 0.5438131158833297),
            (900.0, 950.0, 0.9503058568950077, 0.04969414310499233),
            (900.0, 850.0, 0.045762494179241775, 0.9542375058207583),
            (1e5, 1.003e5, 0.8286363112512075, 0.17136368874879243),
            (2.5, 700.0, 1.0, 1.3765875143943142e-300),
        ] {
            let found = gamma_shares(shape, x);
            near(found.0, below, 1e-9);
            near(found.1, above, 1e-9);
        }
    }

    #[test]
    fn beta_shares_are_known() {
        for (a, b, x, below) in [
            (0.5, 0.5, 0.1, 0.20483276469913345),
            (2.0, 3.0, 0.4, 0.5248),
            (500.0, 0.5, 0.999, 0.31731044730971725),
            (1000.0, 2000.0, 0.3, 4.0738279160507626e-05),
            (0.5, 50.0, 1e-8, 0.000795892243876052),
            (5e5, 0.5, 0.99999, 0.0015653640065981895),
            (0.5, 5e5, 1e-6, 0.682689492137146),
        ] {
            near(beta_below(a, b, x), below, 1e-9);
        }
    }
}
