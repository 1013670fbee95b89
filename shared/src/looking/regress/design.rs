//! The columns that explain another, as numbers of one scale.

use crate::looking::table::{Table, Values};
use crate::{Error, Result};

/// The most values of a column of texts, and the most terms.
const MOST_VALUES: usize = 20;
const MOST_TERMS: usize = 64;

/// A column of the design.
pub struct Term {
    pub name: String,
    /// The value of the same column that it is compared to.
    pub against: Option<String>,
    /// Less the mean, over the standard deviation.
    pub values: Vec<f64>,
    pub mean: f64,
    pub sd: f64,
}

/// The terms and the target, of the rows without a NULL.
pub struct Design {
    pub rows: usize,
    pub terms: Vec<Term>,
    pub aim: Vec<f64>,
    pub mean: f64,
    pub sd: f64,
}

/// Mean and standard deviation, of the whole; what is left of each value after both.
pub fn standard(values: &[f64]) -> (f64, f64, Vec<f64>) {
    let n = values.len().max(1) as f64;
    let most = values.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let scale = crate::series::scale::divisor(&[most]).unwrap_or(1.0);
    let mean = values.iter().map(|x| x / scale).sum::<f64>() / n;
    let off: Vec<f64> = values.iter().map(|x| x / scale - mean).collect();
    let equal = values.iter().all(|x| *x == values[0]);
    let sd = if equal {
        0.0
    } else {
        libm::sqrt(off.iter().map(|x| x * x).sum::<f64>() / n)
    };
    let by = if sd > 0.0 { sd } else { f64::INFINITY };
    let standard = off.iter().map(|x| x / by).collect();
    (mean * scale, sd * scale, standard)
}

impl Design {
    /// Errors if there are no terms or too many, or if all rows have a NULL.
    pub fn new(table: &Table, name: &str, aim: &[f64]) -> Result<Design> {
        let columns = table.columns.iter().filter(|column| column.name != name);
        let columns: Vec<_> = columns
            .filter(|column| match &column.values {
                Values::Nothing => false,
                Values::Texts(_, labels) => labels.len() <= MOST_VALUES,
                _ => true,
            })
            .collect();
        let known = |row: usize| {
            !aim[row].is_nan()
                && columns.iter().all(|column| match &column.values {
                    Values::Numbers(values) | Values::Times(values) => !values[row].is_nan(),
                    Values::Texts(codes, _) => codes[row] > 0,
                    Values::Nothing => true,
                })
        };
        let rows: Vec<usize> = (0..table.rows).filter(|row| known(*row)).collect();
        if rows.is_empty() {
            return Err(Error::new(
                "no row has a value in every column; name columns with fewer NULLs by \"columns\"",
            ));
        }
        let mut terms = Vec::new();
        let mut add = |name: String, against: Option<String>, values: Vec<f64>| {
            let (mean, sd, values) = standard(&values);
            terms.push(Term {
                name,
                against,
                values,
                mean,
                sd,
            });
        };
        for column in &columns {
            match &column.values {
                Values::Numbers(values) | Values::Times(values) => {
                    let values = rows.iter().map(|row| values[*row]).collect();
                    add(column.name.clone(), None, values);
                }
                Values::Texts(codes, labels) => {
                    let mut counts = vec![0_usize; labels.len() + 1];
                    rows.iter()
                        .for_each(|row| counts[codes[*row] as usize] += 1);
                    // The most frequent one is what the others are compared to.
                    let used = (1..counts.len()).filter(|code| counts[*code] > 0);
                    let base = used
                        .clone()
                        .reduce(|a, b| if counts[b] > counts[a] { b } else { a });
                    for code in used.filter(|code| Some(*code) != base) {
                        let against = base.map(|base| labels[base - 1].clone());
                        let is = |row: &usize| f64::from(u8::from(codes[*row] as usize == code));
                        let name = format!("{} = {}", column.name, labels[code - 1]);
                        add(name, against, rows.iter().map(is).collect());
                    }
                }
                Values::Nothing => {}
            }
        }
        if terms.is_empty() || terms.len() > MOST_TERMS {
            return Err(Error::new(format!(
                "there are {} terms; name columns by \"columns\" that make 1 to {MOST_TERMS}: numbers, or texts of at most {MOST_VALUES} values, in rows without a NULL",
                terms.len()
            )));
        }
        let aim: Vec<f64> = rows.iter().map(|row| aim[*row]).collect();
        let (mean, sd, _) = standard(&aim);
        Ok(Design {
            rows: rows.len(),
            terms,
            aim,
            mean,
            sd,
        })
    }
}
