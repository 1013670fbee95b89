//! Student's t and Fisher's F, by the incomplete beta function, and the tail of drawing without replacement.

use special::Beta;

use super::special::{beta_share, ln_beta};

/// How many standard deviations to each side hold this share of Student's t, between 0 and 1.
pub fn student_width(freedom: f64, share: f64) -> f64 {
    let (a, b) = (freedom / 2.0, 0.5);
    let x = (1.0 - share).inv_inc_beta(a, b, ln_beta(a, b));
    (freedom * (1.0 - x) / x).sqrt()
}

/// The probability of a value of F as large as this or larger.
pub fn f_above(value: f64, between: f64, within: f64) -> f64 {
    if value.is_nan() || value <= 0.0 {
        return 1.0;
    }
    let whole = within + between * value;
    let parts = [within / whole, between * value / whole];
    match parts {
        [_, above] if above <= 0.0 => 1.0,
        [below, _] if below <= 0.0 || below.is_nan() => 0.0,
        parts => beta_share(within / 2.0, between / 2.0, parts),
    }
}

/// The probability that of so many drawn out of n, of which `marked` are marked, so many or more are marked: Fisher's exact
/// test to one side. All are whole, and so many can be.
pub fn hypergeometric_above(count: f64, marked: f64, drawn: f64, n: f64) -> f64 {
    let choices =
        |n: f64, k: f64| libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    let first = choices(marked, count) + choices(n - marked, drawn - count) - choices(n, drawn);
    let (mut sum, mut term, mut k) = (1.0, 1.0, count);
    while term > 1e-17 * sum && k < marked.min(drawn) {
        term *= (marked - k) * (drawn - k) / ((k + 1.0) * (n - marked - drawn + k + 1.0));
        sum += term;
        k += 1.0;
    }
    (libm::exp(first) * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_has_its_exact_tail() {
        // The lady tasting tea: all four, three or more, and of 70 ways all.
        for (count, p) in [(4.0, 1.0 / 70.0), (3.0, 17.0 / 70.0), (0.0, 1.0)] {
            let found = hypergeometric_above(count, 4.0, 4.0, 8.0);
            assert!((found - p).abs() < 1e-12, "{count}: {found}");
        }
        let far = hypergeometric_above(9_000.0, 10_000.0, 10_000.0, 1_000_000.0);
        assert!((0.0..1e-300).contains(&far));
    }

    #[test]
    fn they_are_those_of_the_tables() {
        for (freedom, share, width) in [
            (1.0, 0.95, 12.706_204_736),
            (2.0, 0.95, 4.302_652_730),
            (8.0, 0.95, 2.306_004_135),
            (11.0, 0.95, 2.200_985_160),
            (11.0, 0.8, 1.363_430_318),
            (30.0, 0.99, 2.749_995_654),
        ] {
            let found = student_width(freedom, share);
            assert!((found - width).abs() < 1e-7, "{freedom} {share}: {found}");
        }
        assert!((f_above(4.102_821_015, 2.0, 10.0) - 0.05).abs() < 1e-9);
        assert!((f_above(9.0, 1.0, 8.0) - 0.017_071_681).abs() < 1e-7);
        assert_eq!(f_above(0.0, 2.0, 10.0), 1.0);
        assert!(f_above(1e12, 2.0, 40.0) < 1e-100);
    }
}
