//! `lumos_weights`, `lumos_draw`, `lumos_risk`, `lumos_var`, `lumos_cvar`: what decisions are made of.

use std::cell::RefCell;

use crate::decisions::{ahp, risk};
use crate::example::example;
use crate::options::Options;
use crate::series::words::{LANG, Language};
use crate::stats::distribution::{Counts, Distribution};
use crate::stats::random::{MOST_STRATA, Shares};
use crate::{
    Body, Engines, Error, Function, Kind, Nulls, Param, Result, Section, Type, Value, ValueRef,
};

const SCALAR: Function = Function {
    name: "",
    section: Section::Decisions,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: true,
    doc: "",
    setup: &[],
    examples: &[],
    body: Body::Host,
};

/// The definition.
pub const WEIGHTS: Function = Function {
    name: "lumos_weights",
    params: &[
        Param::new("matrix", Type::Json),
        Param::optional("options", Type::Json),
    ],
    options: &[LANG],
    nulls: Nulls::Accept,
    doc: "Returns weights of criteria that were compared in pairs, by the analytic hierarchy process: `weights`, which add up to 1, and `cr`, the consistency ratio. \
          `matrix` has a row for each criterion, and in each column how much more important it is than the criterion of the column: 1 is equally, 3 somewhat, 5 clearly, 9 extremely, `\"1/3\"` somewhat less. \
          Above a ratio of 0.1, `note` names the three comparisons that contradict each other most. Give the weights to `lumos_decide`.",
    examples: &[
        example(
            r#"SELECT lumos_weights('[[1, 3], ["1/3", 1]]') AS w"#,
            r#"{"weights":[0.75,0.25],"cr":0.0,"note":null}"#,
        ),
        example(
            r#"SELECT round(CAST(lumos_weights('[[1, 2, 9], [0.5, 1, 2], ["1/9", 0.5, 1]]') ->> 'cr' AS DOUBLE), 4) AS cr"#,
            "0.0634",
        ),
        example(
            "SELECT lumos_weights('[[1, 3], [3, 1]]') AS w",
            "matrix has 3 in row 1, column 2 and 3 in row 2, column 1; the second must be 1 divided by the first",
        ),
    ],
    body: Body::Pure(|args| {
        let text = |i: usize| match args.get(i) {
            Some(ValueRef::Text(text)) => Ok(Some(*text)),
            None | Some(ValueRef::Null) => Ok(None),
            _ => Err(Error::new("matrix and options are texts of JSON")),
        };
        let language = Language::of(&Options::parse(&[LANG], text(1)?)?);
        match text(0)? {
            Some(matrix) => ahp::weights(matrix, language).map(Value::Text),
            None => Ok(Value::Null),
        }
    }),
    ..SCALAR
};

/// A variable whose runs are drawn.
struct Drawn {
    seed: i64,
    variable: Box<str>,
    strata: Option<i64>,
    dist: Box<str>,
    shares: Shares,
    distribution: Distribution,
    counts: Counts,
}

impl Drawn {
    fn new(seed: i64, variable: &str, strata: Option<i64>, dist: &str) -> Result<Drawn> {
        Ok(Drawn {
            seed,
            variable: variable.into(),
            strata,
            dist: dist.into(),
            distribution: Distribution::parse(dist)?,
            shares: Shares::new(seed, variable, strata),
            counts: Counts::default(),
        })
    }

    fn at(&mut self, run: i64) -> f64 {
        let share = self.shares.at(run);
        self.distribution.quantile_by(share, &mut self.counts)
    }
}

/// A simulation draws a few variables a million times: the last ones of a thread are kept. Errors if the text is no distribution,
/// or the run none of those that the strata are of.
fn draw(seed: i64, variable: &str, run: i64, dist: &str, strata: Option<i64>) -> Result<f64> {
    /// As many as a formula has.
    const KEPT: usize = 64;
    /// Bytes of the texts.
    const SHORT: usize = 10_000;
    thread_local! {
        static DRAWN: RefCell<Vec<Drawn>> = const { RefCell::new(Vec::new()) };
    }
    if let Some(n) = strata {
        if !(1..=MOST_STRATA).contains(&n) {
            return Err(Error::new(format!(
                "n is {n}; give a whole number from 1 to {MOST_STRATA}"
            )));
        }
        if !(0..n).contains(&run) {
            return Err(Error::new(format!(
                "run is {run}; of {n} runs give one from 0 to {}",
                n - 1
            )));
        }
    }
    if variable.len() + dist.len() > SHORT {
        return Ok(Drawn::new(seed, variable, strata, dist)?.at(run));
    }
    DRAWN.with_borrow_mut(|kept| {
        let same = |drawn: &&mut Drawn| {
            drawn.seed == seed
                && drawn.strata == strata
                && *drawn.variable == *variable
                && *drawn.dist == *dist
        };
        if let Some(drawn) = kept.iter_mut().find(same) {
            return Ok(drawn.at(run));
        }
        let mut drawn = Drawn::new(seed, variable, strata, dist)?;
        let value = drawn.at(run);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push(drawn);
        Ok(value)
    })
}

/// The definition.
pub const DRAW: Function = Function {
    name: "lumos_draw",
    kind: Kind::Scalar(Type::Real),
    params: &[
        Param::new("seed", Type::Integer),
        Param::new("variable", Type::Text),
        Param::new("run", Type::Integer),
        Param::new("dist", Type::Text),
        Param::optional("n", Type::Integer),
    ],
    doc: "Returns a random number of the distribution `dist`, which is a function of its arguments alone: the same seed, variable and run give the same number in any order, on any thread, in both engines. Other names of `variable` are independent of each other, and so are other runs; a name like `{\"a\": 0.6, \"b\": 0.8}` is a mixture, correlated by these numbers with the variables `a` and `b`. \
          `dist` is one of normal(mean, sd), lognormal(mean and sd of the logarithm), uniform(from, to), triangular(min, mode, max), pert(min, mode, max), beta(a, b), gamma(shape, scale), exponential(mean), poisson(mean), binomial(tries, probability), bernoulli(probability), t(degrees of freedom), weibull(shape, scale), empirical(value, value, ...), each as likely, and constant(value). \
          ChaCha8 gives the numbers, the inverse of the distribution makes them its own. \
          With `n` the runs from 0 to n - 1 are a Latin hypercube: one of them is in each n-th of the values of the distribution, in an order that is random and other for each variable.",
    examples: &[
        example(
            "SELECT round(lumos_draw(42, 'price', 0, 'uniform(0, 1)'), 6) AS a, round(lumos_draw(42, 'price', 1, 'uniform(0, 1)'), 6) AS b",
            "0.308223|0.57061",
        ),
        example(
            "SELECT lumos_draw(42, 'units', 7, 'poisson(900)') AS n",
            "912.0",
        ),
        example(
            "SELECT lumos_draw(42, 'units', 7, 'normal(6)') AS n",
            "dist \"normal(6)\" has 1 number; give mean, sd",
        ),
        example(
            "SELECT lumos_draw(42, 'price', run, 'empirical(1, 2, 3, 4)', 4) AS price FROM (SELECT 0 AS run UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS runs ORDER BY run",
            "4.0\n3.0\n1.0\n2.0",
        ),
    ],
    body: Body::Pure(|args| match args {
        [
            ValueRef::Integer(seed),
            ValueRef::Text(variable),
            ValueRef::Integer(run),
            ValueRef::Text(dist),
            strata @ ..,
        ] if matches!(strata, [] | [ValueRef::Integer(_)]) => {
            let strata = match strata {
                [ValueRef::Integer(n)] => Some(*n),
                _ => None,
            };
            Ok(Value::Real(draw(*seed, variable, *run, dist, strata)?))
        }
        _ => Err(Error::new(
            "takes a whole number, a text, a whole number and the text of a distribution",
        )),
    }),
    ..SCALAR
};

const AGGREGATE: Function = Function {
    kind: Kind::Aggregate,
    nulls: Nulls::Accept,
    ..SCALAR
};

/// The definition.
pub const RISK: Function = Function {
    name: "lumos_risk",
    params: risk::RISK.input,
    options: risk::OPTIONS,
    doc: "Returns what may be lost, of the outcomes `x` of a group, such as daily profits: `n`, `mean`, `sd`; `var`, the value at risk, a loss that a share of `level` does not exceed, with the interval from `var_lo` to `var_hi` that holds it in 95 of 100 samples; `cvar`, the mean of the losses beyond; `p_loss`, the share of outcomes that are a loss; `worst`, the largest loss. \
          Losses are numbers above 0: of an outcome of -5 the loss is 5. NULL, infinite and NaN are left out, and `note` counts them. With fewer than 1 / (1 - level) outcomes `var` and `cvar` are NULL, unless `method` says otherwise.",
    examples: &[
        example(
            "SELECT lumos_risk(x, '{\"level\": 0.5}') AS r FROM (SELECT -9.0 AS x UNION ALL SELECT 4 UNION ALL SELECT -2 UNION ALL SELECT 6 UNION ALL SELECT 1 UNION ALL SELECT NULL)",
            r#"{"n":5,"mean":0.0,"sd":5.873670062235365,"level":0.5,"var":-1.0,"var_lo":null,"var_hi":null,"cvar":4.2,"p_loss":0.4,"worst":9.0,"note":"left out 1 that are NULL or no finite number"}"#,
        ),
        example(
            "SELECT shop, lumos_risk(x, '{\"loss\": \"high\", \"method\": \"normal\"}') ->> 'p_loss' AS p FROM (SELECT 'a' AS shop, 3 AS x UNION ALL SELECT 'a', -1 UNION ALL SELECT 'b', 0) GROUP BY shop ORDER BY shop",
            "a|0.5\nb|0.0",
        ),
    ],
    body: Body::Group(&risk::RISK),
    ..AGGREGATE
};

/// The definition.
pub const VAR: Function = Function {
    name: "lumos_var",
    params: risk::VAR.input,
    doc: "Returns the value at risk of the outcomes `x` of a group: the smallest loss that a share of `level`, 0.95 if left out, does not exceed. A loss is the outcome with the other sign. NULL with fewer than 1 / (1 - level) outcomes; NULL, infinite and NaN are left out. `lumos_risk` says more.",
    examples: &[example(
        "SELECT lumos_var(x, 0.5) AS v FROM (SELECT -9.0 AS x UNION ALL SELECT 4 UNION ALL SELECT -2 UNION ALL SELECT 6)",
        "-4.0",
    )],
    body: Body::Group(&risk::VAR),
    ..AGGREGATE
};

/// The definition.
pub const CVAR: Function = Function {
    name: "lumos_cvar",
    params: risk::CVAR.input,
    doc: "Returns the expected shortfall of the outcomes `x` of a group: the mean of the losses beyond the value at risk at `level`, 0.95 if left out, in which ties count by their share. A loss is the outcome with the other sign. NULL with fewer than 1 / (1 - level) outcomes; NULL, infinite and NaN are left out.",
    examples: &[example(
        "SELECT lumos_cvar(x, 0.5) AS v FROM (SELECT -9.0 AS x UNION ALL SELECT 4 UNION ALL SELECT -2 UNION ALL SELECT 6)",
        "5.5",
    )],
    body: Body::Group(&risk::CVAR),
    ..AGGREGATE
};
