//! Finding the least value of a function of a few numbers, without its derivatives.

/// The most numbers of a function.
const MOST: usize = 8;

/// A point, in its first places: no memory is asked for at each step.
type Point = [f64; MOST];

/// The least value that the search of Nelder and Mead (1965) finds within bounds: where, and the value there.
///
/// It begins at `start`, `step` of each range away from it in each direction, and ends after so many evaluations, or when
/// the values at the corners differ by less than `tolerance`, relatively. A function that is not a number somewhere counts
/// as infinite there. The same numbers give the same answer everywhere: nothing is random. There are at most eight numbers.
pub fn minimize(
    mut f: impl FnMut(&[f64]) -> f64,
    start: &[f64],
    bounds: &[(f64, f64)],
    step: f64,
    evaluations: usize,
    tolerance: f64,
) -> (Vec<f64>, f64) {
    let n = start.len().min(MOST);
    let inside = |point: &mut Point| {
        for (x, &(low, high)) in point.iter_mut().zip(bounds) {
            // Not `clamp`, which panics where a bound is no number.
            *x = x.max(low).min(high);
        }
    };
    let mut left = evaluations;
    let mut value = |point: &Point, left: &mut usize| {
        *left = left.saturating_sub(1);
        let value = f(&point[..n]);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut first = [0.0; MOST];
    first[..n].copy_from_slice(&start[..n]);
    inside(&mut first);
    let mut corners = vec![(value(&first, &mut left), first)];
    for (i, &(low, high)) in bounds.iter().enumerate().take(n) {
        let mut point = first;
        let by = step * (high - low);
        point[i] += if point[i] + by > high { -by } else { by };
        inside(&mut point);
        corners.push((value(&point, &mut left), point));
    }
    let towards = |from: &Point, to: &Point, by: f64| -> Point {
        let mut point = *from;
        for (x, to) in point.iter_mut().zip(to).take(n) {
            *x += by * (to - *x);
        }
        inside(&mut point);
        point
    };
    while left > 0 {
        // Stable, so that equal values keep their order.
        corners.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, worst) = (corners[0].0, corners[n].0);
        if (worst - best).abs() <= tolerance * (best.abs() + tolerance) {
            break;
        }
        let mut centre = [0.0; MOST];
        for (_, corner) in &corners[..n] {
            for (sum, x) in centre.iter_mut().zip(corner).take(n) {
                *sum += x / n as f64;
            }
        }
        let reflected = towards(&centre, &corners[n].1, -1.0);
        let at_reflected = value(&reflected, &mut left);
        if at_reflected < best {
            let expanded = towards(&centre, &corners[n].1, -2.0);
            let at_expanded = value(&expanded, &mut left);
            corners[n] = if at_expanded < at_reflected {
                (at_expanded, expanded)
            } else {
                (at_reflected, reflected)
            };
        } else if at_reflected < corners[n - 1].0 {
            corners[n] = (at_reflected, reflected);
        } else {
            let by = if at_reflected < worst { -0.5 } else { 0.5 };
            let contracted = towards(&centre, &corners[n].1, by);
            let at_contracted = value(&contracted, &mut left);
            if at_contracted < at_reflected.min(worst) {
                corners[n] = (at_contracted, contracted);
            } else {
                let best = corners[0].1;
                for corner in &mut corners[1..] {
                    corner.1 = towards(&best, &corner.1, 0.5);
                    corner.0 = value(&corner.1, &mut left);
                }
            }
        }
    }
    corners.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (least, point) = corners[0];
    (point[..n].to_vec(), least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_known_minima() {
        let (x, least) = minimize(
            |x| (x[0] - 1.0).powi(2) + 5.0 * (x[1] + 2.0).powi(2) + 3.0,
            &[0.0, 0.0],
            &[(-10.0, 10.0), (-10.0, 10.0)],
            0.1,
            400,
            1e-12,
        );
        assert!(
            (x[0] - 1.0).abs() < 1e-4 && (x[1] + 2.0).abs() < 1e-4 && (least - 3.0).abs() < 1e-8
        );
        // Rosenbrock's valley.
        let valley = |x: &[f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let (x, _) = minimize(valley, &[-1.2, 1.0], &[(-5.0, 5.0); 2], 0.1, 2000, 1e-14);
        assert!((x[0] - 1.0).abs() < 1e-3 && (x[1] - 1.0).abs() < 1e-3);
    }

    #[test]
    fn bounds_and_odd_values_hold() {
        let (x, _) = minimize(|x| -x[0], &[0.5], &[(0.0, 1.0)], 0.1, 100, 0.0);
        assert_eq!(x, [1.0]);
        let (x, least) = minimize(|_| f64::NAN, &[7.0], &[(0.0, 1.0)], 0.1, 100, 1e-9);
        assert!((0.0..=1.0).contains(&x[0]) && least == f64::INFINITY);
        let mut calls = 0;
        minimize(
            |x| {
                calls += 1;
                libm::sin(50.0 * x[0])
            },
            &[0.3],
            &[(0.0, 1.0)],
            0.2,
            40,
            0.0,
        );
        assert!((40..=42).contains(&calls));
    }
}
