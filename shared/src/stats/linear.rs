//! Least squares by Householder's reflections, rows a block at a time, so that memory does not grow with them.

/// Rows at a time.
const BLOCK: usize = 512;
/// A column whose rest is so small beside what it was is a combination of others.
const DEPENDENT: f64 = 1e-10;

/// The triangle that rows are reduced to, columns with as many entries each.
#[derive(Debug, Clone)]
pub struct Triangle {
    width: usize,
    columns: Vec<Vec<f64>>,
    filled: usize,
}

fn norm(values: &[f64]) -> f64 {
    let most = values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    if most == 0.0 {
        return 0.0;
    }
    let squares: f64 = values.iter().map(|x| (x / most) * (x / most)).sum();
    most * libm::sqrt(squares)
}

/// Turns column `at` into zeros below its place, and the columns behind it with it.
fn reflect(columns: &mut [Vec<f64>], at: usize, row: usize) {
    let (before, behind) = columns.split_at_mut(at + 1);
    let pivot = &mut before[at];
    let length = norm(&pivot[row..]);
    if length == 0.0 {
        return;
    }
    let end = if pivot[row] > 0.0 { -length } else { length };
    let mut mirror = pivot[row..].to_vec();
    mirror[0] -= end;
    let size = norm(&mirror);
    mirror.iter_mut().for_each(|v| *v /= size);
    for column in behind {
        let along: f64 = mirror.iter().zip(&column[row..]).map(|(m, c)| m * c).sum();
        let part = column[row..].iter_mut().zip(&mirror);
        part.for_each(|(c, m)| *c -= 2.0 * along * m);
    }
    pivot[row] = end;
    pivot[row + 1..].iter_mut().for_each(|v| *v = 0.0);
}

impl Triangle {
    /// For rows of so many numbers.
    pub fn new(width: usize) -> Triangle {
        Triangle {
            width,
            columns: vec![vec![0.0; width + BLOCK]; width],
            filled: 0,
        }
    }

    /// Takes a row.
    pub fn row(&mut self, row: impl Iterator<Item = f64>) {
        let place = self.width + self.filled;
        for (column, value) in self.columns.iter_mut().zip(row) {
            column[place] = value;
        }
        self.filled += 1;
        if self.filled == BLOCK {
            self.reduce();
        }
    }

    fn reduce(&mut self) {
        for at in 0..self.width {
            reflect(&mut self.columns, at, at);
        }
        for column in &mut self.columns {
            column[self.width..].iter_mut().for_each(|v| *v = 0.0);
        }
        self.filled = 0;
    }

    /// The least squares of the last column by the others.
    pub fn solve(mut self) -> Solution {
        self.reduce();
        let terms = self.width - 1;
        for column in &mut self.columns {
            column.truncate(self.width);
        }
        let before: Vec<f64> = self.columns[..terms].iter().map(|c| norm(c)).collect();
        let mut order: Vec<usize> = (0..terms).collect();
        let mut rank = 0;
        while rank < terms {
            // The column with the most left of it.
            let left = |at: usize, columns: &[Vec<f64>]| {
                norm(&columns[at][rank..]) / before[order[at]].max(f64::MIN_POSITIVE)
            };
            let best = (rank..terms).reduce(|a, b| {
                if left(b, &self.columns) > left(a, &self.columns) {
                    b
                } else {
                    a
                }
            });
            let Some(best) = best.filter(|best| left(*best, &self.columns) > DEPENDENT) else {
                break;
            };
            self.columns.swap(rank, best);
            order.swap(rank, best);
            // The columns between stay as they are: those before are done, those behind follow.
            reflect(&mut self.columns, rank, rank);
            rank += 1;
        }
        let aim = &self.columns[terms];
        let residual = norm(&aim[rank..]);
        // The inverse of the triangle, column by column.
        let mut inverse: Vec<Vec<f64>> = Vec::new();
        for j in 0..rank {
            let mut column = vec![0.0; rank];
            column[j] = 1.0 / self.columns[j][j];
            for i in (0..j).rev() {
                let sum: f64 = (i + 1..=j).map(|l| self.columns[l][i] * column[l]).sum();
                column[i] = -sum / self.columns[i][i];
            }
            inverse.push(column);
        }
        let mut coefficients = vec![None; terms];
        let mut covariance = vec![vec![0.0; terms]; terms];
        for i in 0..rank {
            let value: f64 = (i..rank).map(|j| inverse[j][i] * aim[j]).sum();
            coefficients[order[i]] = Some(value);
            for l in 0..rank {
                let sum: f64 = (i.max(l)..rank)
                    .map(|j| inverse[j][i] * inverse[j][l])
                    .sum();
                covariance[order[i]][order[l]] = sum;
            }
        }
        Solution {
            coefficients,
            covariance,
            squares: residual * residual,
            rank,
        }
    }
}

/// What least squares say.
#[derive(Debug, Clone)]
pub struct Solution {
    /// Of each column; `None` for one that others make up.
    pub coefficients: Vec<Option<f64>>,
    /// The inverse of the matrix of products.
    pub covariance: Vec<Vec<f64>>,
    /// The sum of squares that is left.
    pub squares: f64,
    /// How many columns are used.
    pub rank: usize,
}

/// The factor of Cholesky, below its diagonal; `None` if the matrix is not positive.
pub fn cholesky(matrix: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let n = matrix.len();
    let mut factor = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            let left = matrix[i][j] - known;
            if i == j {
                if left <= 1e-14 * matrix[i][i].abs() || left.is_nan() {
                    return None;
                }
                factor[i][i] = libm::sqrt(left);
            } else {
                factor[i][j] = left / factor[j][j];
            }
        }
    }
    Some(factor)
}

/// Solves for a right side by a factor of Cholesky.
pub fn solve(factor: &[Vec<f64>], right: &[f64]) -> Vec<f64> {
    let n = factor.len();
    let mut x = right.to_vec();
    for i in 0..n {
        let known: f64 = (0..i).map(|k| factor[i][k] * x[k]).sum();
        x[i] = (x[i] - known) / factor[i][i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| factor[k][i] * x[k]).sum();
        x[i] = (x[i] - known) / factor[i][i];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_least() {
        // y = 2a - 3b, and c = a + b.
        let mut triangle = Triangle::new(4);
        for i in 0..2_000 {
            let (a, b) = (f64::from(i % 17), f64::from(i % 5) * 1e6);
            let off = if i % 2 == 0 { 0.5 } else { -0.5 };
            triangle.row([a, b, a + b, 2.0 * a - 3.0 * b + off].into_iter());
        }
        let found = triangle.solve();
        assert_eq!(found.rank, 2);
        assert_eq!(found.coefficients.iter().flatten().count(), 2);
        assert!((found.squares - 500.0).abs() < 1.0, "{}", found.squares);
        let mut triangle = Triangle::new(3);
        for (a, b, y) in [(1.0, 0.0, 1.0), (1.0, 1.0, 3.0), (1.0, 2.0, 4.0)] {
            triangle.row([a, b, y].into_iter());
        }
        let found = triangle.solve();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(near(found.coefficients[0].unwrap(), 7.0 / 6.0));
        assert!(near(found.coefficients[1].unwrap(), 1.5));
        assert!(near(found.squares, 1.0 / 6.0) && near(found.covariance[1][1], 0.5));
        assert!(near(found.covariance[0][1], -0.5) && near(found.covariance[0][0], 5.0 / 6.0));
        assert_eq!(Triangle::new(2).solve().rank, 0);
    }

    #[test]
    fn positive_matrices_are_factored() {
        let matrix = [vec![4.0, 2.0], vec![2.0, 3.0]];
        let x = solve(&cholesky(&matrix).unwrap(), &[2.0, 5.0]);
        assert!((x[0] + 0.5).abs() < 1e-15 && (x[1] - 2.0).abs() < 1e-15);
        assert!(cholesky(&[vec![1.0, 1.0], vec![1.0, 1.0]]).is_none());
    }
}
