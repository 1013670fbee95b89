//! Student's t and Fisher's F, by the incomplete beta function.

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

#[cfg(test)]
mod tests {
    use super::*;

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
