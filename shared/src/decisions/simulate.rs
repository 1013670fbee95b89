//! What may come of a formula over random variables, and which of them moves it most.

use serde_json::{Value as Json, json};

use crate::decisions::formula::{self, CORRELATE, Variable};
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, Fold, FoldState, Parameters, Program};
use crate::series::words::{LANG, Language, number};
use crate::stats::random::share;
use crate::stats::sample::{Sample, correlation, ranks};
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The most runs.
const MOST_RUNS: i64 = 10_000_000;

/// The options of `lumos_simulate`.
pub const SIMULATE_OPTIONS: &[OptionDef] = &[
    CORRELATE,
    OptionDef {
        name: "quantiles",
        ty: OptionType::Json("a list of numbers from 0 to 1"),
        default: "[0.05, 0.25, 0.5, 0.75, 0.95]",
        doc: "which shares of the runs are told",
    },
];

/// The options of `lumos_sensitivity`.
pub const SENSITIVITY_OPTIONS: &[OptionDef] = &[
    CORRELATE,
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
pub const SIMULATE: Fold = Fold::new::<Runs>(
    "simulate",
    INPUT,
    &[("statistic", Type::Text), ("value", Type::Real)],
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
    let given = Options::parse(SIMULATE_OPTIONS, options)?;
    let variables = formula::variables(variables, &given)?;
    quantiles(&given)?;
    let mut parameters = Parameters::new(database.dialect());
    let read = formula::runs(formula, &variables, runs, seed, database, &mut parameters);
    Ok(Program {
        read,
        parameters: parameters.into_values(),
        spec: options.unwrap_or("{}").to_owned(),
    })
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
struct Runs {
    quantiles: Vec<f64>,
    values: Vec<f64>,
    /// Runs whose value is NULL or no finite number.
    missing: i64,
}

fn finite(value: Option<&ValueRef<'_>>) -> Option<f64> {
    match value {
        // Without a sign of zero.
        Some(ValueRef::Real(v)) => Some(*v + 0.0).filter(|v| v.is_finite()),
        Some(ValueRef::Integer(v)) => Some(*v as f64),
        _ => None,
    }
}

impl FoldState for Runs {
    fn start(spec: &str) -> Result<Self> {
        Ok(Runs {
            quantiles: quantiles(&Options::parse(SIMULATE_OPTIONS, Some(spec))?)?,
            values: Vec::new(),
            missing: 0,
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        match finite(row.get(1)) {
            Some(value) => self.values.push(value),
            None => self.missing += 1,
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.values.extend_from_slice(&other.values);
        self.missing += other.missing;
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
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
        let quantiles = self.quantiles.iter();
        statistics.extend(quantiles.map(|q| (format!("q{q}"), sample.quantile(*q))));
        statistics.push(("max".into(), sorted.last().copied()));
        statistics.push(("p_negative".into(), some(1, below as f64 / n as f64)));
        statistics.into_iter().try_for_each(|(name, value)| {
            emit(vec![
                Value::Text(name),
                value.map_or(Value::Null, Value::Real),
            ])
        })
    }
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
    if asked.runs > 0 {
        let (runs, seed) = (asked.runs, asked.seed);
        let drawn = formula::runs(
            formula,
            &asked.variables,
            runs,
            seed,
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
    runs: i64,
    seed: i64,
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
            runs: options.integer("runs").unwrap_or(1000),
            seed: options.integer("seed").unwrap_or(1),
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
        let draw = |(run, _): &(i64, f64)| {
            variable
                .distribution
                .quantile(share(asked.seed, &variable.drawn, *run))
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
mod tests {
    use super::*;

    fn fold(fold: &Fold, spec: &str, rows: &[(i64, Option<f64>)]) -> Result<Vec<Vec<Value>>> {
        let mut states = [fold.start(spec)?, fold.start(spec)?];
        for (i, (run, value)) in rows.iter().enumerate() {
            let value = value.map_or(ValueRef::Null, ValueRef::Real);
            states[i % 2].row(&[ValueRef::Integer(*run), value])?;
        }
        let [mut all, other] = states;
        all.merge(&*other)?;
        let mut found = Vec::new();
        all.finish(&mut |row| {
            found.push(row);
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn runs_are_told() {
        let rows = [
            (0, Some(4.0)),
            (1, None),
            (2, Some(-2.0)),
            (3, Some(f64::NAN)),
            (4, Some(1.0)),
        ];
        let found = fold(&SIMULATE, r#"{"quantiles": [0.5]}"#, &rows).unwrap();
        let found: Vec<(String, Value)> = found
            .into_iter()
            .map(|row| match &row[..] {
                [Value::Text(name), value] => (name.clone(), value.clone()),
                row => panic!("{row:?}"),
            })
            .collect();
        let known = [
            ("runs", 5.0),
            ("missing", 2.0),
            ("mean", 1.0),
            ("sd", 3.0),
            ("se", 3.0 / 3.0_f64.sqrt()),
            ("min", -2.0),
            ("q0.5", 1.0),
            ("max", 4.0),
            ("p_negative", 1.0 / 3.0),
        ];
        assert_eq!(
            found,
            known.map(|(name, value)| (name.to_owned(), Value::Real(value)))
        );
        let none = fold(&SIMULATE, "{}", &[]).unwrap();
        assert_eq!(none[0][1], Value::Real(0.0));
        assert!(none[2..].iter().all(|row| row[1] == Value::Null));
        assert!(fold(&SIMULATE, r#"{"quantiles": [2]}"#, &[]).is_err());
    }

    /// Of `2 * a + b`, by hand: b runs from 0.1 to 0.9.
    #[test]
    fn variables_are_ranked_by_their_swing() {
        let variables = r#"{"b": "uniform(0, 1)", "a": "uniform(0, 1)", "c": "constant(1)"}"#;
        let asked = Asked::read(variables, None).unwrap();
        let mut rows = vec![
            (-1, 1.1),
            (-2, 1.9),
            (-3, 0.7),
            (-4, 2.3),
            (-5, 1.5),
            (-6, 1.5),
        ];
        for run in 0..1000 {
            let draw = |i: usize| {
                let variable = &asked.variables[i];
                variable
                    .distribution
                    .quantile(share(1, &variable.drawn, run))
            };
            rows.push((run, 2.0 * draw(1) + draw(0)));
        }
        let rows: Vec<(i64, Option<f64>)> = rows.into_iter().map(|(r, v)| (r, Some(v))).collect();
        let spec = json!([variables, null]).to_string();
        let found = fold(&SENSITIVITY, &spec, &rows).unwrap();
        let names: Vec<&Value> = found.iter().map(|row| &row[0]).collect();
        assert_eq!(
            names,
            ["a", "b", "c"].map(|n| Value::Text(n.into())).each_ref()
        );
        match (&found[0][3], &found[0][4], &found[2][3], &found[2][4]) {
            (Value::Real(swing), Value::Real(share), Value::Real(none), Value::Real(nothing)) => {
                assert!((swing - 1.6).abs() < 1e-12 && (share - 0.8).abs() < 0.05);
                assert_eq!((*none, *nothing), (0.0, 0.0));
            }
            other => panic!("{other:?}"),
        }
        match &found[0][5] {
            Value::Text(text) => assert!(
                text.starts_with(
                    "from a low to a high a the result goes from 0.7 to 2.3, by 1.6; a share of 0.78"
                ),
                "{text}"
            ),
            other => panic!("{other:?}"),
        }
        let chinese = json!([variables, r#"{"lang": "zh", "runs": 0}"#]).to_string();
        let found = fold(&SENSITIVITY, &chinese, &rows[..6]).unwrap();
        assert_eq!(
            found[0][5],
            Value::Text("a 由低到高时，结果从 0.7 变为 2.3，相差 1.6".into())
        );
        assert!(fold(&SENSITIVITY, "x", &[]).is_err());
        assert!(fold(&SENSITIVITY, &spec, &[]).unwrap().is_empty());
    }
}
