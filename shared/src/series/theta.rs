//! The dynamic optimised theta model (Fiorucci et al. 2016, International Journal of Forecasting 32, 1151-1161).

use super::optimize::minimize;

/// What the model knows after a row.
#[derive(Clone, Copy)]
struct Theta {
    /// Smoothing of the level, 0 to 1.
    alpha: f64,
    /// `1 - 1/θ`.
    bend: f64,
    level: f64,
    mean: f64,
    slope: f64,
    intercept: f64,
    /// `(1 - alpha)` to the number of rows so far.
    decay: f64,
    /// Rows so far.
    rows: f64,
}

impl Theta {
    fn new(level: f64, alpha: f64, theta: f64) -> Theta {
        Theta {
            alpha,
            bend: 1.0 - 1.0 / theta,
            level,
            mean: 0.0,
            slope: 0.0,
            intercept: 0.0,
            decay: 1.0,
            rows: 0.0,
        }
    }

    /// What the next row is expected to be.
    fn expected(&self) -> f64 {
        let after = self.decay * (1.0 - self.alpha);
        let line = self.decay * self.intercept + (1.0 - after) / self.alpha * self.slope;
        self.level + self.bend * line
    }

    /// Takes the next row.
    fn update(&mut self, value: f64) {
        let t = self.rows + 1.0;
        self.level += self.alpha * (value - self.level);
        self.slope = ((t - 2.0) * self.slope + 6.0 * (value - self.mean) / t) / (t + 1.0);
        if t < 2.0 {
            self.slope = 0.0;
        }
        self.mean += (value - self.mean) / t;
        self.intercept = self.mean - self.slope * (t + 1.0) / 2.0;
        self.decay *= 1.0 - self.alpha;
        self.rows = t;
    }
}

/// The next `horizon` values of a series without a season, of one row or more.
pub fn forecast(values: &[f64], horizon: usize) -> Vec<f64> {
    let fit = |point: &[f64]| Theta::new(point[0], point[1], point[2]);
    let first = values[0];
    // The scale of the level's search: where the first values are.
    let reach = values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    // The line through the rows so far is the same for all parameters.
    let mut model = fit(&[0.0, 1.0, 1.0]);
    let mut lines = Vec::with_capacity(values.len());
    for &value in values {
        model.update(value);
        lines.push((model.intercept, model.slope));
    }
    let errors = |point: &[f64]| {
        let (alpha, bend) = (point[1], 1.0 - 1.0 / point[2]);
        let (inverse, keep) = (1.0 / alpha, 1.0 - alpha);
        let mut level = point[0] + alpha * (first - point[0]);
        let mut decay = keep;
        let mut squares = 0.0;
        for (&value, &(intercept, slope)) in values[1..].iter().zip(&lines) {
            let after = decay * keep;
            let line = decay * intercept + (1.0 - after) * inverse * slope;
            let error = value - (level + bend * line);
            squares += error * error;
            level = keep * level + alpha * value;
            decay = after;
        }
        squares
    };
    let (point, _) = minimize(
        errors,
        &[first / 2.0, 0.5, 2.0],
        &[(-2.0 * reach, 2.0 * reach), (0.005, 0.995), (1.0, 100.0)],
        0.1,
        400,
        1e-9,
    );
    let mut model = fit(&point);
    for &value in values {
        model.update(value);
    }
    (0..horizon)
        .map(|_| {
            let next = model.expected();
            model.update(next);
            next
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_on_and_constants_stay() {
        assert!(
            forecast(&[7.0; 20], 5)
                .iter()
                .all(|x| (x - 7.0).abs() < 1e-6)
        );
        let line: Vec<f64> = (0..40).map(|i| 10.0 + 2.0 * f64::from(i)).collect();
        let next = forecast(&line, 5);
        for (i, x) in next.iter().enumerate() {
            let expected = 10.0 + 2.0 * (40 + i) as f64;
            assert!(
                (x - expected).abs() < 0.1 * 2.0 * (i + 1) as f64,
                "{x} for {expected}"
            );
        }
        assert_eq!(forecast(&[3.0], 2).len(), 2);
        assert!(forecast(&[0.0, 0.0], 3).iter().all(|x| x.abs() < 1e-12));
    }

    #[test]
    fn the_line_is_that_of_least_squares() {
        let values = [3.0, 5.0, 4.0, 8.0, 9.0, 7.0, 12.0];
        let mut model = Theta::new(0.0, 0.5, 2.0);
        for value in values {
            model.update(value);
        }
        let n = values.len() as f64;
        let (mut st, mut sy, mut sty, mut stt) = (0.0, 0.0, 0.0, 0.0);
        for (i, y) in values.iter().enumerate() {
            let t = (i + 1) as f64;
            st += t;
            sy += y;
            sty += t * y;
            stt += t * t;
        }
        let slope = (n * sty - st * sy) / (n * stt - st * st);
        assert!((model.slope - slope).abs() < 1e-12);
        assert!((model.intercept - (sy - slope * st) / n).abs() < 1e-12);
    }
}
