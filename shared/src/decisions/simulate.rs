//! What may come of a formula over random variables, and which of them moves it most.

use serde_json::{Map, Value as Json, json};

use crate::charts::reduce::bin_width;
use crate::decisions::formula::{self, CORRELATE, LHS, Variable};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, Fold, FoldState, Parameters, Program};
use crate::series::words::{LANG, Language, number};
use crate::stats::distribution::Counts;
use crate::stats::sample::{Sample, correlation, ranks};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The most runs.
const MOST_RUNS: i64 = 10_000_000;

/// The most runs that are rows of an answer.
const MOST_ROWS: i64 = 1_000_000;

/// The options of `lumos_simulate`.
pub const SIMULATE_OPTIONS: &[OptionDef] = &[
    CORRELATE,
    OptionDef {
        name: "quantiles",
        ty: OptionType::Json("a list of numbers from 0 to 1"),
        default: "[0.05, 0.25, 0.5, 0.75, 0.95]",
        doc: "which shares of the runs are told",
    },
    OptionDef {
        name: "bins",
        ty: OptionType::Integer(0, 1000),
        default: "20",
        doc: "the most bins of the histogram, one or two more where round numbers need them; 0 for none",
    },
    OptionDef {
        name: "runs",
        ty: OptionType::Flag,
        default: "false",
        doc: "gives the runs themselves, up to 1,000,000, in place of what they say together",
    },
    LHS,
];

/// The options of `lumos_sensitivity`.
pub const SENSITIVITY_OPTIONS: &[OptionDef] = &[
    CORRELATE,
    LHS,
    OptionDef {
        name: "runs",
        ty: OptionType::Integer(0, 1_000_000),
        default: "1000",
        doc: "how many runs `share` is of; 0 for none",
    },
    OptionDef {
        name: "seed",
        ty: OptionType::Integer(i64::MIN, i64::MAX),
        default: "1",
        doc: "which runs",
    },
    OptionDef {
        name: "range",
        ty: OptionType::Number(0.0, " above 0 and at most 1"),
        default: "0.8",
        doc: "the share of its values that a variable runs through: 0.8 is from the 10th to the 90th percentile",
    },
    LANG,
];

/// Of `lumos_simulate`.
pub const SIMULATE: Fold = Fold::new::<Simulated>(
    "simulate",
    INPUT,
    &[
        ("statistic", Type::Text),
        ("value", Type::Real),
        ("run", Type::Integer),
        ("variables", Type::Json),
    ],
);

/// Of `lumos_sensitivity`.
pub const SENSITIVITY: Fold = Fold::new::<Cases>(
    "sensitivity",
    INPUT,
    &[
        ("variable", Type::Text),
        ("low", Type::Real),
        ("high", Type::Real),
        ("swing", Type::Real),
        ("share", Type::Real),
        ("explanation", Type::Text),
    ],
);

const INPUT: &[Param] = &[
    Param::new("run", Type::Integer),
    Param::optional("value", Type::Real),
];

/// What `lumos_simulate` runs. Errors if an argument is none that it takes.
pub fn simulate(
    formula: &str,
    variables: &str,
    runs: i64,
    seed: i64,
    options: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    if !(0..=MOST_RUNS).contains(&runs) {
        return Err(Error::new(format!(
            "n is {runs}; give a whole number from 0 to {MOST_RUNS}"
        )));
    }
    formula::check(formula, database.dialect())?;
    let spec = (variables.to_owned(), runs, seed, options.map(str::to_owned));
    let asked = Simulation::read(&spec)?;
    if asked.rows && runs > MOST_ROWS {
        return Err(Error::new(format!(
            "n is {runs}; with \"runs\" give a whole number from 0 to {MOST_ROWS}"
        )));
    }
    let mut parameters = Parameters::new(database.dialect());
    let read = formula::runs(
        formula,
        &asked.variables,
        &asked.runs,
        database,
        &mut parameters,
    );
    Ok(Program {
        read,
        parameters: parameters.into_values(),
        spec: json!(spec).to_string(),
    })
}

/// The variables, the number of runs, the seed and the options of a call.
type SimulationSpec = (String, i64, i64, Option<String>);

struct Simulation {
    variables: Vec<Variable>,
    runs: formula::Runs,
    quantiles: Vec<f64>,
    bins: i64,
    rows: bool,
}

impl Simulation {
    fn read((variables, count, seed, options): &SimulationSpec) -> Result<Simulation> {
        let options = Options::parse(SIMULATE_OPTIONS, options.as_deref())?;
        Ok(Simulation {
            variables: formula::variables(variables, &options)?,
            runs: formula::Runs {
                count: *count,
                seed: *seed,
                lhs: options.flag("lhs").unwrap_or(false),
            },
            quantiles: quantiles(&options)?,
            bins: options.integer("bins").unwrap_or(20),
            rows: options.flag("runs").unwrap_or(false),
        })
    }
}

fn quantiles(options: &Options) -> Result<Vec<f64>> {
    let wrong = || options.wrong("quantiles", "a list of numbers from 0 to 1");
    match options.get("quantiles") {
        None | Some(Json::Null) => Ok(vec![0.05, 0.25, 0.5, 0.75, 0.95]),
        Some(Json::Array(given)) => {
            let shares = given
                .iter()
                .map(|q| q.as_f64().filter(|q| (0.0..=1.0).contains(q)));
            let shares: Option<Vec<f64>> = shares.collect();
            shares.ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}

/// The values of the runs.
#[derive(Clone)]
struct Simulated {
    spec: SimulationSpec,
    /// Whether the runs are told themselves; if not their numbers are not kept.
    rows: bool,
    values: Vec<f64>,
    /// Runs whose value is NULL or no finite number.
    missing: i64,
    runs: Vec<(i64, Option<f64>)>,
}

fn finite(value: Option<&ValueRef<'_>>) -> Option<f64> {
    match value {
        // Without a sign of zero.
        Some(ValueRef::Real(v)) => Some(*v + 0.0).filter(|v| v.is_finite()),
        Some(ValueRef::Integer(v)) => Some(*v as f64),
        _ => None,
    }
}

impl FoldState for Simulated {
    fn start(spec: &str) -> Result<Self> {
        let spec: SimulationSpec = serde_json::from_str(spec)
            .map_err(|_| Error::new("only the SQL of lumos_simulate calls it"))?;
        Ok(Simulated {
            rows: Simulation::read(&spec)?.rows,
            spec,
            values: Vec::new(),
            missing: 0,
            runs: Vec::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        let value = finite(row.get(1));
        match (row.first(), value) {
            (Some(ValueRef::Integer(run)), value) if self.rows => self.runs.push((*run, value)),
            (_, Some(value)) => self.values.push(value),
            (_, None) => self.missing += 1,
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.values.extend_from_slice(&other.values);
        self.missing += other.missing;
        self.runs.extend_from_slice(&other.runs);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let asked = Simulation::read(&self.spec)?;
        asked
            .runs
            .hold(self.values.len() + self.missing as usize + self.runs.len())?;
        if asked.rows {
            return self.tell_runs(&asked, emit);
        }
        let sample = Sample::new(self.values.clone());
        let sorted = sample.sorted();
        let n = sorted.len();
        let [mean, sd, ..] = sample.moments();
        let some = |least: usize, value: f64| (n >= least).then_some(value);
        let below = sorted.partition_point(|v| *v < 0.0);
        let mut statistics = vec![
            ("runs".to_owned(), Some((n as i64 + self.missing) as f64)),
            ("missing".into(), Some(self.missing as f64)),
            ("mean".into(), some(1, mean)),
            ("sd".into(), some(2, sd)),
            ("se".into(), some(2, sd / libm::sqrt(n as f64))),
            ("min".into(), sorted.first().copied()),
        ];
        let quantiles = asked.quantiles.iter();
        statistics.extend(quantiles.map(|q| (format!("q{q}"), sample.quantile(*q))));
        statistics.push(("max".into(), sorted.last().copied()));
        statistics.push(("p_negative".into(), some(1, below as f64 / n as f64)));
        statistics.extend(histogram(sorted, asked.bins));
        statistics.into_iter().try_for_each(|(name, value)| {
            emit(vec![
                Value::Text(name),
                value.map_or(Value::Null, Value::Real),
                Value::Null,
                Value::Null,
            ])
        })
    }
}

impl Simulated {
    /// The runs by their numbers, each with what its variables were.
    fn tell_runs(
        &self,
        asked: &Simulation,
        emit: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        let drawn = asked.variables.iter();
        let mut drawn: Vec<_> = drawn
            .map(|v| (v, asked.runs.shares(v), Counts::default()))
            .collect();
        let mut runs = self.runs.clone();
        runs.sort_unstable_by_key(|(run, _)| *run);
        runs.into_iter().try_for_each(|(run, value)| {
            let variables = drawn.iter_mut().map(|(variable, shares, known)| {
                let value = variable.distribution.quantile_by(shares.at(run), known);
                (variable.name.clone(), Json::from(value))
            });
            let variables: Map<String, Json> = variables.collect();
            emit(vec![
                Value::Text("run".into()),
                value.map_or(Value::Null, Value::Real),
                Value::Integer(run),
                Value::Text(Json::Object(variables).to_string()),
            ])
        })
    }
}

/// How many of these numbers, in ascending order, are in each of about so many bins at most, as `bin 0 to 500`: from the first
/// number on, up to the second without it. Empty bins between others are told too; of numbers too far apart for any there are
/// none.
fn histogram(sorted: &[f64], most: i64) -> Vec<(String, Option<f64>)> {
    let (Some(least), Some(largest)) = (sorted.first(), sorted.last()) else {
        return Vec::new();
    };
    if most == 0 {
        return Vec::new();
    }
    let width = bin_width(sorted, false, most as f64);
    let edge = |at: f64| {
        // Without the noise of the last digits, 0.30000000000000004.
        let edge: f64 = at * width;
        format!("{edge:.14e}").parse().unwrap_or(edge)
    };
    let mut at = (least / width).floor();
    // The edges are rounded.
    if *least < edge(at) {
        at -= 1.0;
    } else if *least >= edge(at + 1.0) {
        at += 1.0;
    }
    let mut bins = Vec::new();
    let mut before = 0;
    // There may be one more where the first one begins before the least number, and one more by rounding.
    let most = most as usize + 2;
    while before < sorted.len() && edge(at + 1.0) > edge(at) && bins.len() < most {
        let (from, to): (f64, f64) = (edge(at), edge(at + 1.0));
        let below = sorted.partition_point(|v| *v < to);
        bins.push((format!("bin {from} to {to}"), Some((below - before) as f64)));
        (before, at) = (below, at + 1.0);
    }
    if before < sorted.len() || !(largest - least).is_finite() {
        return Vec::new();
    }
    bins
}

/// What `lumos_sensitivity` runs. Errors if an argument is none that it takes.
pub fn sensitivity(
    formula: &str,
    variables: &str,
    options: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    formula::check(formula, database.dialect())?;
    let spec = json!([variables, options]).to_string();
    let asked = Asked::read(variables, options)?;
    let mut parameters = Parameters::new(database.dialect());
    let median = |v: &Variable| v.distribution.quantile(0.5);
    let medians: Vec<f64> = asked.variables.iter().map(median).collect();
    let mut selects = Vec::new();
    // The cases are numbered below 0: -1 and -2 are the first variable's low and high value.
    for (i, variable) in asked.variables.iter().enumerate() {
        for (high, share) in asked.ends().into_iter().enumerate() {
            let mut values = medians.clone();
            values[i] = variable.distribution.quantile(share);
            let run = -(2 * i as i64 + high as i64 + 1);
            let case = formula::case(
                formula,
                &asked.variables,
                run,
                &values,
                database,
                &mut parameters,
            );
            selects.push(case);
        }
    }
    if asked.runs.count > 0 {
        let drawn = formula::runs(
            formula,
            &asked.variables,
            &asked.runs,
            database,
            &mut parameters,
        );
        selects.push(drawn);
    }
    Ok(Program {
        read: selects.join(" UNION ALL "),
        parameters: parameters.into_values(),
        spec,
    })
}

struct Asked {
    variables: Vec<Variable>,
    runs: formula::Runs,
    range: f64,
    language: Language,
}

impl Asked {
    fn read(variables: &str, options: Option<&str>) -> Result<Asked> {
        let options = Options::parse(SENSITIVITY_OPTIONS, options)?;
        let range = options.number("range").unwrap_or(0.8);
        if range <= 0.0 || range > 1.0 {
            return Err(options.wrong("range", "a number above 0 and at most 1"));
        }
        Ok(Asked {
            variables: formula::variables(variables, &options)?,
            runs: formula::Runs {
                count: options.integer("runs").unwrap_or(1000),
                seed: options.integer("seed").unwrap_or(1),
                lhs: options.flag("lhs").unwrap_or(false),
            },
            range,
            language: Language::of(&options),
        })
    }

    /// The shares below the low and the high value of a variable; of the whole range a millionth is left out at each end, since
    /// most distributions have none.
    fn ends(&self) -> [f64; 2] {
        let low = (0.5 - self.range / 2.0).max(1e-6);
        [low, 1.0 - low]
    }
}

/// The values of cases and runs.
#[derive(Clone)]
struct Cases {
    spec: (String, Option<String>),
    values: Vec<(i64, Option<f64>)>,
}

impl FoldState for Cases {
    fn start(spec: &str) -> Result<Self> {
        let spec: (String, Option<String>) = serde_json::from_str(spec)
            .map_err(|_| Error::new("only the SQL of lumos_sensitivity calls it"))?;
        Asked::read(&spec.0, spec.1.as_deref())?;
        Ok(Cases {
            spec,
            values: Vec::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        if let Some(ValueRef::Integer(run)) = row.first() {
            self.values.push((*run, finite(row.get(1))));
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.values.extend_from_slice(&other.values);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let asked = Asked::read(&self.spec.0, self.spec.1.as_deref())?;
        if self.values.is_empty() {
            return Ok(());
        }
        let mut values = self.values.clone();
        values.sort_by_key(|(run, _)| *run);
        asked
            .runs
            .hold(values.iter().filter(|(run, _)| *run >= 0).count())?;
        let at = |run: i64| {
            let place = values.binary_search_by_key(&run, |(run, _)| *run);
            place.ok().and_then(|i| values.get(i)?.1)
        };
        let shares = shares(&asked, &values);
        let variables = asked.variables.iter().zip(shares).zip(0..);
        let mut rows: Vec<(f64, Vec<Value>)> = variables
            .map(|((variable, share), i)| {
                let (low, high) = (at(-(2 * i + 1)), at(-(2 * i + 2)));
                let swing = low.zip(high).map(|(low, high)| (high - low).abs());
                let real = |v: Option<f64>| v.map_or(Value::Null, Value::Real);
                let row = vec![
                    Value::Text(variable.name.clone()),
                    real(low),
                    real(high),
                    real(swing),
                    real(share),
                    Value::Text(explain(&asked, variable, low.zip(high), swing, share)),
                ];
                (swing.unwrap_or(-1.0), row)
            })
            .collect();
        // Those that move it as much keep their order.
        rows.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        rows.into_iter().try_for_each(|(_, row)| emit(row))
    }
}

/// The square of the rank correlation of each variable with the value of the runs, as a share of all of them.
fn shares(asked: &Asked, values: &[(i64, Option<f64>)]) -> Vec<Option<f64>> {
    let runs = values.iter().filter(|(run, _)| *run >= 0);
    let known: Vec<(i64, f64)> = runs.filter_map(|(run, v)| Some((*run, (*v)?))).collect();
    let of_values = ranks(&known.iter().map(|(_, v)| *v).collect::<Vec<f64>>());
    let squares = asked.variables.iter().map(|variable| {
        let (mut shares, mut counts) = (asked.runs.shares(variable), Counts::default());
        let draw = |(run, _): &(i64, f64)| {
            let share = shares.at(*run);
            variable.distribution.quantile_by(share, &mut counts)
        };
        let drawn: Vec<f64> = known.iter().map(draw).collect();
        let found = correlation(&ranks(&drawn), &of_values).unwrap_or(0.0);
        found * found
    });
    let squares: Vec<f64> = squares.collect();
    let total: f64 = squares.iter().sum();
    squares
        .into_iter()
        .map(|square| (total > 0.0).then(|| square / total))
        .collect()
}

fn explain(
    asked: &Asked,
    variable: &Variable,
    ends: Option<(f64, f64)>,
    swing: Option<f64>,
    share: Option<f64>,
) -> String {
    let (name, language) = (&variable.name, asked.language);
    let mut said = vec![match (ends, swing) {
        (Some((low, high)), Some(swing)) => {
            let [low, high, swing] = [low, high, swing].map(number);
            language.say(
                format!(
                    "from a low to a high {name} the result goes from {low} to {high}, by {swing}"
                ),
                format!("{name} 由低到高时，结果从 {low} 变为 {high}，相差 {swing}"),
            )
        }
        _ => language.say(
            format!("the formula has no value at a low or a high {name}"),
            format!("{name} 取低值或高值时，公式没有值"),
        ),
    }];
    if let Some(share) = share {
        let share = number(share);
        said.push(language.say(
            format!("a share of {share} of the spread goes with it"),
            format!("占结果波动的 {share}"),
        ));
    }
    language.join(&said).unwrap_or_default()
}

#[cfg(test)]
mod tests;
