//! A formula over random variables: an expression of the engine's SQL, and the distributions of its variables.

use serde_json::{Map, Value as Json};

use crate::options::{OptionDef, OptionType, Options, shortened, shown};
use crate::program::{Database, Parameters};
use crate::source::number;
use crate::sql::identifier;
use crate::sql::lexer::Dialect;
use crate::sql::part;
use crate::stats::distribution::Distribution;
use crate::stats::random::{Shares, mixed};
use crate::{Error, Result, Value};

/// The most variables of a formula.
const MOST: usize = 64;

/// The option that correlates variables.
pub const CORRELATE: OptionDef = OptionDef {
    name: "correlate",
    ty: OptionType::Json(
        "pairs of variables with a number from -1 to 1, like {\"units,price\": -0.5}",
    ),
    default: "",
    doc: "how the variables go together, through a Gaussian copula",
};

/// The option that spreads the draws evenly.
pub const LHS: OptionDef = OptionDef {
    name: "lhs",
    ty: OptionType::Flag,
    default: "false",
    doc: "Latin hypercube sampling: of n runs one is in each n-th of a variable's values, which brings means and quantiles nearer with fewer runs. Of variables that `correlate` names, the independent parts are spread so, and sums of them less evenly",
};

/// The runs of a formula.
pub struct Runs {
    /// How many, from 0 on.
    pub count: i64,
    /// Which.
    pub seed: i64,
    /// Whether they are a Latin hypercube.
    pub lhs: bool,
}

impl Runs {
    /// Errors if the formula has not one value in each run.
    pub fn hold(&self, values: usize) -> Result<()> {
        if values == 0 || i64::try_from(values) == Ok(self.count) {
            return Ok(());
        }
        Err(Error::new(format!(
            "formula gives {values} in all, for {} runs; give an expression over the variables of one run, without sum or other aggregates",
            self.count
        )))
    }

    /// The shares of a variable that are drawn in the runs.
    pub fn shares(&self, variable: &Variable) -> Shares {
        let strata = self.lhs.then_some(self.count.max(1));
        Shares::new(self.seed, &variable.drawn, strata)
    }
}

/// A random variable.
pub struct Variable {
    /// Its name in the formula.
    pub name: String,
    /// Its distribution as text.
    pub dist: String,
    /// The same.
    pub distribution: Distribution,
    /// What `lumos_draw` is told as its name: itself, or those that it is mixed of.
    pub drawn: String,
}

/// Reads the variables, `{"units": "poisson(900)", "price": "triangular(8, 10, 13)"}`.
///
/// Errors if they are none, if two have the same name in other case, if a distribution is none, or if correlations are
/// impossible.
pub fn variables(text: &str, options: &Options) -> Result<Vec<Variable>> {
    const FORM: &str =
        "write them like {\"units\": \"poisson(900)\", \"price\": \"triangular(8, 10, 13)\"}";
    let given: Map<String, Json> = match serde_json::from_str(text) {
        Ok(Json::Object(given)) => given,
        _ => {
            return Err(Error::new(format!(
                "variables are {}; {FORM}",
                shortened(text)
            )));
        }
    };
    if given.is_empty() || given.len() > MOST {
        let n = given.len();
        return Err(Error::new(format!(
            "there are {n} variables, of 1 to {MOST}; {FORM}"
        )));
    }
    let mut variables: Vec<Variable> = Vec::new();
    for (name, given) in given {
        let dist = match given {
            Json::String(dist) => dist,
            Json::Number(value) => format!("constant({value})"),
            other => {
                let other = shortened(&other.to_string());
                return Err(Error::new(format!(
                    "variable {name} is {other}; give a distribution like \"normal(6, 0.5)\", or a number"
                )));
            }
        };
        if name.is_empty() || name.contains('\0') {
            return Err(Error::new(format!(
                "variables are {}; one has no name",
                shortened(text)
            )));
        }
        let same = |v: &&Variable| v.name.eq_ignore_ascii_case(&name);
        if let Some(other) = variables.iter().find(same) {
            return Err(Error::new(format!(
                "variables {} and {name} have the same name to SQL; give them others",
                other.name
            )));
        }
        let distribution =
            Distribution::parse(&dist).map_err(|e| Error::new(format!("variable {name}: {e}")))?;
        variables.push(Variable {
            drawn: name.clone(),
            name,
            dist,
            distribution,
        });
    }
    if let Some(given) = options.get("correlate").filter(|given| !given.is_null()) {
        correlate(&mut variables, given)?;
    }
    Ok(variables)
}

/// Has the variables drawn as mixtures, so that they are correlated: the factor of Cholesky.
fn correlate(variables: &mut [Variable], given: &Json) -> Result<()> {
    let wrong = |given: &Json| {
        let given = shortened(&given.to_string());
        Error::new(format!(
            "correlate is {given}; give pairs of variables with a number from -1 to 1, like {{\"units,price\": -0.5}}"
        ))
    };
    let Json::Object(pairs) = given else {
        return Err(wrong(given));
    };
    let n = variables.len();
    let mut matrix = vec![vec![0.0; n]; n];
    (0..n).for_each(|i| matrix[i][i] = 1.0);
    for (pair, value) in pairs {
        let place = |name: &str| variables.iter().position(|v| v.name == name.trim());
        let places = pair.split_once(',').map(|(a, b)| (place(a), place(b)));
        let (Some((Some(i), Some(j))), Some(value)) = (places, value.as_f64()) else {
            return Err(wrong(given));
        };
        if i == j || !(-1.0..=1.0).contains(&value) {
            return Err(wrong(given));
        }
        (matrix[i][j], matrix[j][i]) = (value, value);
    }
    let mut factor = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            let left = matrix[i][j] - known;
            if i == j {
                if left < -1e-9 {
                    return Err(Error::new(format!(
                        "correlate is impossible: the correlations of {} contradict each other; give smaller ones",
                        variables[i].name
                    )));
                }
                factor[i][i] = libm::sqrt(left.max(0.0));
            } else if factor[j][j] > 1e-9 {
                factor[i][j] = left / factor[j][j];
            } else if left.abs() > 1e-6 {
                return Err(Error::new(format!(
                    "correlate is impossible: {} and {} cannot have {} beside the other correlations",
                    variables[j].name, variables[i].name, matrix[i][j]
                )));
            }
        }
    }
    let names: Vec<String> = variables.iter().map(|v| v.name.clone()).collect();
    for (i, variable) in variables.iter_mut().enumerate() {
        let parts = names
            .iter()
            .zip(&factor[i])
            .filter(|(_, part)| **part != 0.0);
        let parts: Vec<(&str, f64)> = parts.map(|(name, part)| (name.as_str(), *part)).collect();
        if parts.len() > 1
            || parts
                .first()
                .is_some_and(|(name, _)| *name != variable.name)
        {
            variable.drawn = mixed(&parts);
        }
    }
    Ok(())
}

/// Errors if the text is no one expression: if it ends too early or is more than one, or if it has parameters.
pub fn check(formula: &str, dialect: Dialect) -> Result<()> {
    part::check(formula, dialect).map_err(|why| {
        let formula = shown(formula);
        Error::new(format!(
            "formula {formula} {why}; give an expression of SQL over the variables"
        ))
    })
}

/// The SELECT of `run` and the formula's value for each of the runs.
pub fn runs(
    formula: &str,
    variables: &[Variable],
    Runs { count, seed, lhs }: &Runs,
    database: &dyn Database,
    parameters: &mut Parameters,
) -> String {
    let dialect = database.dialect();
    let strata = if *lhs {
        format!(", {}", count.max(&1))
    } else {
        String::new()
    };
    let draws = variables.iter().map(|variable| {
        let [name, dist] =
            [&variable.drawn, &variable.dist].map(|text| parameters.add(Value::Text(text.clone())));
        let own = identifier(&variable.name);
        format!("lumos_draw({seed}, {name}, lumos_run, {dist}{strata}) AS {own}")
    });
    let draws: Vec<String> = draws.collect();
    let from = match dialect {
        Dialect::DuckDb => format!("range({count}) AS lumos_runs(lumos_run)"),
        Dialect::Sqlite => format!(
            "(WITH RECURSIVE lumos_runs(lumos_run) AS (SELECT 0 WHERE {count} > 0 UNION ALL SELECT lumos_run + 1 FROM lumos_runs WHERE lumos_run + 1 < {count}) SELECT lumos_run FROM lumos_runs)"
        ),
    };
    let from = format!("(SELECT lumos_run, {} FROM {from})", draws.join(", "));
    select("lumos_run", formula, &from, database)
}

/// The SELECT of a number and the formula's value where the variables have these values.
pub fn case(
    formula: &str,
    variables: &[Variable],
    run: i64,
    values: &[f64],
    database: &dyn Database,
    parameters: &mut Parameters,
) -> String {
    let constants = variables.iter().zip(values).map(|(variable, value)| {
        let value = parameters.add(Value::Real(*value));
        format!("{value} AS {}", identifier(&variable.name))
    });
    let constants: Vec<String> = constants.collect();
    let from = format!("(SELECT {})", constants.join(", "));
    select(&run.to_string(), formula, &from, database)
}

/// The SELECT of a run and the formula's value as a number.
fn select(run: &str, formula: &str, from: &str, database: &dyn Database) -> String {
    match database.dialect() {
        Dialect::Sqlite => format!("SELECT {run}, ({formula}\n) FROM {from}"),
        Dialect::DuckDb => format!(
            "SELECT lumos_run, {} FROM (SELECT {run} AS lumos_run, ({formula}\n) AS lumos_value FROM {from})",
            number("lumos_value", database)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::sample::correlation;

    fn read(text: &str, options: &str) -> Result<Vec<Variable>> {
        variables(text, &Options::parse(&[CORRELATE], Some(options))?)
    }

    #[test]
    fn one_expression_is_taken() {
        for (formula, taken) in [
            ("units * (price - cost)", true),
            ("a -- the rest", true),
            ("case when a > 0 then ')' else 'x;' end", true),
            ("", false),
            ("a) FROM t --", false),
            ("(a", false),
            (")(", false),
            ("a; DROP TABLE t", false),
            ("a /* b", false),
            ("'a", false),
            ("a + ?1", false),
            ("a + :b", false),
        ] {
            assert_eq!(check(formula, Dialect::Sqlite).is_ok(), taken, "{formula}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (variables, options, said) in [
            ("[1]", "{}", "variables are [1]; write them like"),
            ("{}", "{}", "there are 0 variables, of 1 to 64"),
            (
                r#"{"a": []}"#,
                "{}",
                "variable a is []; give a distribution like",
            ),
            (
                r#"{"a": "normal(1)"}"#,
                "{}",
                "variable a: dist \"normal(1)\" has 1 number",
            ),
            (
                r#"{"a": 1, "A": 2}"#,
                "{}",
                "variables a and A have the same name to SQL",
            ),
            (
                r#"{"a": 1}"#,
                r#"{"correlate": {"a,b": 0.5}}"#,
                "correlate is {\"a,b\":0.5}; give pairs",
            ),
            (
                r#"{"a": 1, "b": 1}"#,
                r#"{"correlate": {"a,b": 2}}"#,
                "correlate is {\"a,b\":2}; give pairs",
            ),
            (
                r#"{"a": 1, "b": 1, "c": 1}"#,
                r#"{"correlate": {"a,b": 0.9, "b,c": 0.9, "a,c": -0.9}}"#,
                "correlate is impossible: the correlations of c contradict each other",
            ),
            (
                r#"{"a": 1, "b": 1, "c": 1}"#,
                r#"{"correlate": {"a,b": 1, "b,c": 0.5}}"#,
                "correlate is impossible: b and c cannot have 0.5 beside the other correlations",
            ),
        ] {
            let found = read(variables, options).err().unwrap().to_string();
            assert!(found.starts_with(said), "{found}");
        }
    }

    #[test]
    fn variables_are_correlated() {
        let text = r#"{"a": "normal(0, 1)", "b": "normal(3, 2)", "c": "uniform(0, 1)"}"#;
        let variables = read(text, r#"{"correlate": {"a,b": -0.6, "b, c": 0.3}}"#).unwrap();
        assert_eq!(variables[0].drawn, "a");
        let drawn: Vec<Vec<f64>> = variables
            .iter()
            .map(|v| {
                let mut shares = Shares::new(5, &v.drawn, None);
                (0..20_000)
                    .map(|run| v.distribution.quantile(shares.at(run)))
                    .collect()
            })
            .collect();
        for (i, j, known) in [(0, 1, -0.6), (1, 2, 0.3), (0, 2, 0.0)] {
            let found = correlation(&drawn[i], &drawn[j]).unwrap();
            assert!((found - known).abs() < 0.03, "{found}");
        }
        let mean = drawn[1].iter().sum::<f64>() / 2e4;
        assert!((mean - 3.0).abs() < 0.05);
    }
}
