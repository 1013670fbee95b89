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
            "runs|10000.0\nmissing|0.0\nmean|3889.69\nsd|1026.73\nse|10.27\nmin|780.24\nq0.05|2270.53\nq0.25|3145.06\nq0.5|3836.71\nq0.75|4603.52\nq0.95|5625.1\nmax|7361.09\np_negative|0.0\nbin 500 to 1000|3.0\nbin 1000 to 1500|37.0\nbin 1500 to 2000|217.0\nbin 2000 to 2500|600.0\nbin 2500 to 3000|1191.0\nbin 3000 to 3500|1659.0\nbin 3500 to 4000|1860.0\nbin 4000 to 4500|1635.0\nbin 4500 to 5000|1274.0\nbin 5000 to 5500|860.0\nbin 5500 to 6000|452.0\nbin 6000 to 6500|174.0\nbin 6500 to 7000|31.0\nbin 7000 to 7500|7.0",
        ),
        example(
            "SELECT statistic, value FROM lumos_simulate('units * (price - cost)', '{\"units\": \"poisson(900)\", \"price\": \"triangular(8, 10, 13)\", \"cost\": \"normal(6, 0.5)\"}', 10000, 42, '{\"bins\": 10}') WHERE statistic LIKE 'bin%'",
            "bin 0 to 1000|3.0\nbin 1000 to 2000|254.0\nbin 2000 to 3000|1791.0\nbin 3000 to 4000|3519.0\nbin 4000 to 5000|2909.0\nbin 5000 to 6000|1312.0\nbin 6000 to 7000|205.0\nbin 7000 to 8000|7.0",
        ),
        example(
            "SELECT run, round(value, 2) AS value, variables FROM lumos_simulate('a + b', '{\"a\": \"binomial(10, 0.5)\", \"b\": \"empirical(1, 2, 3)\"}', 3, 42, '{\"runs\": true, \"lhs\": true}')",
            "0|6.0|{\"a\":5.0,\"b\":1.0}\n1|9.0|{\"a\":6.0,\"b\":3.0}\n2|5.0|{\"a\":3.0,\"b\":2.0}",
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
