//! Values so large or small that their squares leave the range of doubles, brought near 1.

/// What to divide values by: a power of two, which loses no digit. `None` if their squares are within the range.
pub fn divisor(values: &[f64]) -> Option<f64> {
    let most = values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let far = most > 1e100 || (most > 0.0 && most < 1e-100);
    far.then(|| libm::exp2(libm::floor(libm::log2(most)).min(1023.0)))
}

/// The values divided.
pub fn divided(values: &[f64], by: f64) -> Vec<f64> {
    values.iter().map(|x| x / by).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_kept() {
        assert_eq!(divisor(&[1.0, -1e99]), None);
        assert_eq!(divisor(&[0.0]), None);
        for values in [[1.7e308, -3.1e307], [f64::MAX, 1.0], [1.1e-290, 0.0]] {
            let by = divisor(&values).unwrap();
            let near = divided(&values, by);
            assert!((1.0..2.0).contains(&near[0]));
            let back: Vec<f64> = near.iter().map(|x| x * by).collect();
            assert_eq!(back, values);
        }
    }
}
