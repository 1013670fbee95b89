//! Weights of criteria out of comparisons in pairs: the analytic hierarchy process of Saaty.

use serde_json::{Value as Json, json};

use crate::options::shortened;
use crate::series::words::{Language, number};
use crate::{Error, Result};

/// The consistency index of random comparisons of 3 to 15 criteria, after Saaty.
const RANDOM: [f64; 13] = [
    0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49, 1.51, 1.48, 1.56, 1.57, 1.59,
];
/// Above this ratio comparisons contradict each other too much.
const CONSISTENT: f64 = 0.1;
/// The most criteria.
const MOST: usize = 15;
const FORM: &str = "give rows of numbers above 0, like [[1, 3], [\"1/3\", 1]]";

/// The weights of the criteria of a matrix, which add up to 1, with the consistency ratio.
///
/// Errors if the text is no square matrix of numbers above 0, or if two comparisons of a pair are not each other's inverse
/// within 2 %.
pub fn weights(matrix: &str, language: Language) -> Result<String> {
    let matrix = read(matrix)?;
    let n = matrix.len();
    // The principal eigenvector, by the power method.
    let mut weights = vec![1.0 / n as f64; n];
    let mut eigenvalue = n as f64;
    for _ in 0..10_000 {
        let product: Vec<f64> = matrix
            .iter()
            .map(|row| row.iter().zip(&weights).map(|(a, w)| a * w).sum())
            .collect();
        eigenvalue = product.iter().sum();
        let next: Vec<f64> = product.iter().map(|p| p / eigenvalue).collect();
        let moved = next.iter().zip(&weights).map(|(a, b)| (a - b).abs());
        let moved = moved.fold(0.0, f64::max);
        weights = next;
        if moved < 1e-16 {
            break;
        }
    }
    let index = (eigenvalue - n as f64) / (n as f64 - 1.0);
    let ratio = match n.checked_sub(3).and_then(|i| RANDOM.get(i)) {
        Some(random) => (index / random).max(0.0),
        None => 0.0,
    };
    let note = (ratio > CONSISTENT).then(|| {
        let [i, j, k] = worst(&matrix).map(|i| i + 1);
        let (ij, jk) = (matrix[i - 1][j - 1], matrix[j - 1][k - 1]);
        let [first, second, direct, product] =
            [ij, jk, matrix[i - 1][k - 1], ij * jk].map(number);
        let ratio = number(ratio);
        language.say(
            format!("the comparisons contradict each other, ratio {ratio} (at most 0.1): criterion {i} to {j} is {first} and {j} to {k} is {second}, so {i} to {k} would be {product}, not {direct}"),
            format!("比较互相矛盾，一致性比率 {ratio}（不应超过 0.1）：准则 {i} 对 {j} 为 {first}，{j} 对 {k} 为 {second}，因此 {i} 对 {k} 应为 {product}，而不是 {direct}"),
        )
    });
    Ok(json!({"weights": weights, "cr": ratio, "note": note}).to_string())
}

fn read(text: &str) -> Result<Vec<Vec<f64>>> {
    let wrong = |what: String| Error::new(format!("matrix {what}; {FORM}"));
    let rows = match serde_json::from_str(text) {
        Ok(Json::Array(rows)) => rows,
        _ => return Err(wrong(format!("is {}", shortened(text)))),
    };
    let n = rows.len();
    if n == 0 || n > MOST {
        return Err(wrong(format!("has {n} rows, of 1 to {MOST}")));
    }
    let mut matrix = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let cells = row.as_array().map_or(&[][..], Vec::as_slice);
        if cells.len() != n {
            return Err(wrong(format!(
                "has {n} rows, but row {} has {} numbers",
                i + 1,
                cells.len()
            )));
        }
        let mut numbers = Vec::new();
        for (j, cell) in cells.iter().enumerate() {
            let number = ratio(cell).ok_or_else(|| {
                let cell = shortened(&cell.to_string());
                wrong(format!("has {cell} in row {}, column {}", i + 1, j + 1))
            })?;
            numbers.push(number);
        }
        matrix.push(numbers);
    }
    for (i, row) in matrix.iter().enumerate() {
        for (j, cell) in row.iter().enumerate().take(i + 1) {
            let other = matrix[j][i];
            let product: f64 = cell * other;
            if (product - 1.0).abs() > 0.02 {
                let (row, column) = (i + 1, j + 1);
                return Err(Error::new(format!(
                    "matrix has {other} in row {column}, column {row} and {cell} in row {row}, column {column}; the second must be 1 divided by the first"
                )));
            }
        }
    }
    Ok(matrix)
}

/// A number above 0, or a fraction as text.
fn ratio(cell: &Json) -> Option<f64> {
    let value = match cell {
        Json::String(text) => match text.split_once('/') {
            Some((above, below)) => {
                above.trim().parse::<f64>().ok()? / below.trim().parse::<f64>().ok()?
            }
            None => text.trim().parse().ok()?,
        },
        cell => cell.as_f64()?,
    };
    (value > 1e-9 && value < 1e9).then_some(value)
}

/// The three criteria whose comparisons contradict each other most.
fn worst(matrix: &[Vec<f64>]) -> [usize; 3] {
    let n = matrix.len();
    let mut found = ([0, 1, 2], -1.0);
    for i in 0..n {
        for j in i + 1..n {
            for k in j + 1..n {
                let off = libm::log(matrix[i][j] * matrix[j][k] / matrix[i][k]).abs();
                if off > found.1 {
                    found = ([i, j, k], off);
                }
            }
        }
    }
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(matrix: &str) -> Json {
        let found = weights(matrix, Language::English).unwrap();
        serde_json::from_str(&found).unwrap()
    }

    /// The eigenvectors that NumPy gives.
    #[test]
    fn weights_are_the_principal_eigenvector() {
        let found = of(
            r#"[[1, 3, 5, 7], ["1/3", 1, 3, 5], ["1/5", "1/3", 1, 3], ["1/7", "1/5", "1/3", 1]]"#,
        );
        let known = [
            0.5650090537990473,
            0.2622012055608733,
            0.11750425004139851,
            0.05528549059868089,
        ];
        for (found, known) in found["weights"].as_array().unwrap().iter().zip(known) {
            assert!((found.as_f64().unwrap() - known).abs() < 1e-12);
        }
        assert!((found["cr"].as_f64().unwrap() - 0.04332683090639635).abs() < 1e-12);
        assert!(found["note"].is_null());
        assert_eq!(of("[[1]]")["weights"][0], 1.0);
        assert_eq!(of("[[1, 0.33], [3, 1]]")["cr"], 0.0);
        let eleven = Json::from(vec![vec![1; 11]; 11]).to_string();
        assert_eq!(of(&eleven)["weights"].as_array().unwrap().len(), 11);
    }

    #[test]
    fn contradictions_are_named() {
        let matrix = r#"[[1, 2, "1/9", 1], ["1/2", 1, 3, 1], [9, "1/3", 1, 1], [1, 1, 1, 1]]"#;
        let note = of(matrix)["note"].as_str().unwrap().to_owned();
        assert!(
            note.starts_with("the comparisons contradict each other, ratio "),
            "{note}"
        );
        assert!(
            note.ends_with(
                "criterion 1 to 2 is 2 and 2 to 3 is 3, so 1 to 3 would be 6, not 0.111"
            ),
            "{note}"
        );
        let chinese = weights(matrix, Language::Chinese).unwrap();
        assert!(
            chinese.contains("因此 1 对 3 应为 6，而不是 0.111"),
            "{chinese}"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (matrix, said) in [
            ("x", "matrix is x; give rows of numbers above 0"),
            ("[]", "matrix has 0 rows, of 1 to 15"),
            ("[[1, 2]]", "matrix has 1 rows, but row 1 has 2 numbers"),
            ("[1]", "matrix has 1 rows, but row 1 has 0 numbers"),
            ("[[1, 0], [0, 1]]", "matrix has 0 in row 1, column 2"),
            ("[[1, -2], [-0.5, 1]]", "matrix has -2 in row 1, column 2"),
            (
                r#"[[1, "1/0"], [0, 1]]"#,
                "matrix has \"1/0\" in row 1, column 2",
            ),
            (
                "[[2]]",
                "matrix has 2 in row 1, column 1 and 2 in row 1, column 1",
            ),
            (
                "[[1, 3], [3, 1]]",
                "matrix has 3 in row 1, column 2 and 3 in row 2, column 1; the second must be",
            ),
        ] {
            let found = weights(matrix, Language::English).unwrap_err().to_string();
            assert!(found.starts_with(said), "{found}");
        }
    }
}
