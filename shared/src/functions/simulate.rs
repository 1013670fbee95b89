//! `lumos_simulate(formula, variables, n, seed[, options])`, `lumos_sensitivity(formula, variables[, options])`.

use crate::decisions::simulate;
use crate::example::example;
use crate::program::Rows;
use crate::{Body, Engines, Error, Function, Kind, Nulls, Param, Result, Section, Type, ValueRef};

/// The text of an argument that must be given. Errors if it is NULL.
pub fn text<'a>(arguments: &[ValueRef<'a>], at: usize, name: &str, give: &str) -> Result<&'a str> {
    match arguments.get(at) {
        Some(ValueRef::Text(text)) => Ok(text),
        _ => Err(Error::new(format!("{name} is NULL; give {give}"))),
    }
}

/// The options of a call, which stand at this place.
pub fn options<'a>(arguments: &[ValueRef<'a>], at: usize) -> Option<&'a str> {
    match arguments.get(at) {
        Some(ValueRef::Text(options)) => Some(options),
        _ => None,
    }
}

fn formula<'a>(arguments: &[ValueRef<'a>]) -> Result<[&'a str; 2]> {
    Ok([
        text(arguments, 0, "formula", "an expression of SQL")?,
        text(arguments, 1, "variables", "a JSON object of distributions")?,
    ])
}

fn integer(arguments: &[ValueRef<'_>], at: usize, name: &str) -> Result<i64> {
    match arguments.get(at) {
        Some(ValueRef::Integer(value)) => Ok(*value),
        _ => Err(Error::new(format!("{name} is NULL; give a whole number"))),
    }
}

const BASE: Function = Function {
    name: "",
    section: Section::Decisions,
    engines: Engines::Both,
    kind: Kind::Table(&[]),
    params: &[],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "",
    setup: &[],
    examples: &[],
    body: Body::Host,
};

/// The definition.
pub const SIMULATE: Function = Function {
    name: "lumos_simulate",
    kind: Kind::Table(simulate::SIMULATE.output),
    params: &[
        Param::new("formula", Type::Text),
        Param::new("variables", Type::Json),
        Param::new("n", Type::Integer),
        Param::new("seed", Type::Integer),
        Param::optional("options", Type::Json),
    ],
    options: simulate::SIMULATE_OPTIONS,
    doc: "What may come of a formula over random variables, in `n` runs: mean, standard deviation, standard error of the mean, least and largest value, quantiles, the share of runs below 0, and a histogram: how many runs are in each bin, from its first number on, up to the second without it. \
          `formula` is an expression of SQL, whose columns are the variables; `variables` is a JSON object of their distributions, as `lumos_draw` takes them, or numbers. Runs whose value is NULL or no finite number are counted as `missing`. \
          The same seed gives the same answer, in both engines. With `\"runs\": true` there is a row for each run in place of these, with its number, its value and, as a JSON object, what the variables were, which `lumos_draw` gives too.",
    examples: &[
        example(
            "SELECT statistic, round(value, 2) FROM lumos_simulate('units * (price - cost)', '{\"units\": \"poisson(900)\", \"price\": \"triangular(8, 10, 13)\", \"cost\": \"normal(6, 0.5)\"}', 10000, 42)",
            "runs|10000.0\nmissing|0.0\nmean|3889.69\nsd|1026.73\nse|10.27\nmin|780.24\nq0.05|2270.53\nq0.25|3145.06\nq0.5|3836.71\nq0.75|4603.52\nq0.95|5625.1\nmax|7361.09\np_negative|0.0?B",
        ),
        example(
            "SELECT statistic, value FROM lumos_simulate('units * (price - cost)', '{\"units\": \"poisson(900)\", \"price\": \"triangular(8, 10, 13)\", \"cost\": \"normal(6, 0.5)\"}', 10000, 42, '{\"bins\": 10}') WHERE statistic LIKE 'bin%'",
            "?H",
        ),
        example(
            "SELECT run, round(value, 2) AS value, variables FROM lumos_simulate('a + b', '{\"a\": \"binomial(10, 0.5)\", \"b\": \"empirical(1, 2, 3)\"}', 3, 42, '{\"runs\": true, \"lhs\": true}')",
            "?R",
        ),
        example(
            "SELECT value FROM lumos_simulate('x)', '{\"x\": \"normal(0, 1)\"}', 10, 1)",
            "formula x) has a parenthesis or a comment without its other; give an expression of SQL over the variables",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| {
            let [formula, variables] = formula(args)?;
            let (runs, seed) = (integer(args, 2, "n")?, integer(args, 3, "seed")?);
            simulate::simulate(formula, variables, runs, seed, options(args, 4), database)
        },
        fold: &simulate::SIMULATE,
        in_duckdb: &[],
    }),
    ..BASE
};

/// The definition.
pub const SENSITIVITY: Function = Function {
    name: "lumos_sensitivity",
    kind: Kind::Table(simulate::SENSITIVITY.output),
    params: &[
        Param::new("formula", Type::Text),
        Param::new("variables", Type::Json),
        Param::optional("options", Type::Json),
    ],
    options: simulate::SENSITIVITY_OPTIONS,
    doc: "Which variable of a formula moves its value most: a row each, the largest `swing` first. `low` and `high` are the value where this variable is at its 10th and at its 90th percentile and the others at their medians; `swing` is how far they are apart. \
          `share` is how much of the spread of random runs goes with the variable: the square of its rank correlation with the value, of the sum of all. Formula and variables are those of `lumos_simulate`.",
    examples: &[example(
        "SELECT variable, round(low), round(high), round(swing), round(share, 2) FROM lumos_sensitivity('units * (price - cost)', '{\"units\": \"poisson(900)\", \"price\": \"triangular(8, 10, 13)\", \"cost\": \"normal(6, 0.5)\"}')",
        "price|2700.0|5198.0|2498.0|0.81\ncost|4412.0|3259.0|1153.0|0.18\nunits|3673.0|4001.0|328.0|0.01",
    )],
    body: Body::Rows(&Rows {
        program: |args, database| {
            let [formula, variables] = formula(args)?;
            simulate::sensitivity(formula, variables, options(args, 2), database)
        },
        fold: &simulate::SENSITIVITY,
        in_duckdb: &[],
    }),
    ..BASE
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::distribution::Distribution;
    use crate::stats::random::Shares;

    fn draw(name: &str, dist: &str, run: i64, strata: Option<i64>) -> f64 {
        let share = Shares::new(42, name, strata).at(run);
        Distribution::parse(dist).unwrap().quantile(share)
    }

    #[test]
    #[ignore]
    fn time() {
        let t = std::time::Instant::now();
        let n = 1_000_000;
        let args = |name: &'static str, dist: &'static str, run| {
            [
                ValueRef::Integer(1),
                ValueRef::Text(name),
                ValueRef::Integer(run),
                ValueRef::Text(dist),
            ]
        };
        let crate::Body::Pure(body) = crate::functions::deciding::DRAW.body else {
            panic!()
        };
        let mut sum = 0.0;
        for (name, dist) in [
            ("u", "poisson(900)"),
            ("p", "triangular(8, 10, 13)"),
            ("c", "normal(6, 0.5)"),
            ("f", "normal(500, 50)"),
            ("t", "uniform(0.9, 1.1)"),
        ] {
            let t = std::time::Instant::now();
            for run in 0..n {
                if let Ok(crate::Value::Real(v)) = body(&args(name, dist, run)) {
                    sum += v;
                }
            }
            eprintln!("{dist} {:?}", t.elapsed());
        }
        eprintln!("by variable {:?} {sum}", t.elapsed());
        let t = std::time::Instant::now();
        for run in 0..n {
            for (name, dist) in [
                ("u", "poisson(900)"),
                ("p", "triangular(8, 10, 13)"),
                ("c", "normal(6, 0.5)"),
                ("f", "normal(500, 50)"),
                ("t", "uniform(0.9, 1.1)"),
            ] {
                if let Ok(crate::Value::Real(v)) = body(&args(name, dist, run)) {
                    sum += v;
                }
            }
        }
        eprintln!("by run {:?} {sum}", t.elapsed());
        let t = std::time::Instant::now();
        let mut stream = crate::stats::random::Stream::new(9, "z");
        let spec = serde_json::json!([r#"{"x": "poisson(900)"}"#, n, 7, "{}"]).to_string();
        let mut state = simulate::SIMULATE.start(&spec).unwrap();
        for run in 0..n {
            let v = stream.draw() * 1000.0;
            state
                .row(&[ValueRef::Integer(run), ValueRef::Real(v)])
                .unwrap();
        }
        eprintln!("rows {:?}", t.elapsed());
        state.finish(&mut |_| Ok(())).unwrap();
        eprintln!("with finish {:?}", t.elapsed());
    }

    #[test]
    fn show() {
        let spec = |o: &str| {
            serde_json::json!([r#"{"units": "poisson(900)", "price": "triangular(8, 10, 13)", "cost": "normal(6, 0.5)"}"#, 10000, 42, o]).to_string()
        };
        for o in ["{}", r#"{"bins": 10}"#] {
            let mut state = simulate::SIMULATE.start(&spec(o)).unwrap();
            for run in 0..10_000 {
                let v = draw("units", "poisson(900)", run, None)
                    * (draw("price", "triangular(8, 10, 13)", run, None)
                        - draw("cost", "normal(6, 0.5)", run, None));
                state
                    .row(&[ValueRef::Integer(run), ValueRef::Real(v)])
                    .unwrap();
            }
            state
                .finish(&mut |row| {
                    eprintln!("{row:?}");
                    Ok(())
                })
                .unwrap();
        }
        let spec = serde_json::json!([
            r#"{"a": "binomial(10, 0.5)", "b": "empirical(1, 2, 3)"}"#,
            3,
            42,
            r#"{"runs": true, "lhs": true}"#
        ])
        .to_string();
        let mut state = simulate::SIMULATE.start(&spec).unwrap();
        for run in 0..3 {
            let v = draw("a", "binomial(10, 0.5)", run, Some(3))
                + draw("b", "empirical(1, 2, 3)", run, Some(3));
            state
                .row(&[ValueRef::Integer(run), ValueRef::Real(v)])
                .unwrap();
        }
        state
            .finish(&mut |row| {
                eprintln!("{row:?}");
                Ok(())
            })
            .unwrap();
        let mut state = simulate::SIMULATE
            .start(&serde_json::json!([r#"{"x": "poisson(900)"}"#, 3000, 7, "{}"]).to_string())
            .unwrap();
        let mut sh = Shares::new(7, "x", None);
        for run in 0..3000 {
            let v = Distribution::parse("poisson(900)")
                .unwrap()
                .quantile(sh.at(run));
            state
                .row(&[ValueRef::Integer(run), ValueRef::Real(v)])
                .unwrap();
        }
        state
            .finish(&mut |row| {
                eprintln!("P {row:?}");
                Ok(())
            })
            .unwrap();
        for run in 0..2 {
            eprintln!(
                "Q {:?} {:?}",
                run,
                Distribution::parse("empirical(-1, 4)")
                    .unwrap()
                    .quantile(Shares::new(1, "x", Some(2)).at(run))
            );
        }
        for run in 0..4 {
            eprintln!("{}", draw("price", "empirical(1, 2, 3, 4)", run, Some(4)));
        }
    }
}
