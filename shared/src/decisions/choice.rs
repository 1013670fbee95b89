//! Choosing among options: scores, ranks, what they hang on, and why.

use serde_json::json;

use crate::decisions::criteria::{Criterion, MOST};
use crate::decisions::robust::{Weights, dominators};
use crate::decisions::source::Source;
use crate::options::{OptionDef, OptionType, Options};
use crate::program::{Database, Fold, FoldState, Program};
use crate::series::words::{LANG, Language};
use crate::source::{ALIAS, column};
use crate::sql::lexer::Dialect;
use crate::sql::literal;
use crate::{Error, Param, Result, Type, Value, ValueRef};

/// The options of `lumos_decide`.
pub const OPTIONS: &[OptionDef] = &[
    OptionDef {
        name: "option",
        ty: OptionType::Json("the name of a column, or a list of names"),
        default: "the columns of `source`, or its first one",
        doc: "the column that names an option, or those that do together",
    },
    OptionDef {
        name: "method",
        ty: OptionType::OneOf(&["weighted", "topsis"]),
        default: "\"weighted\"",
        doc: "the sum of weighted points, or how much nearer an option is to the best than to the worst in everything",
    },
    OptionDef {
        name: "normal",
        ty: OptionType::OneOf(&["minmax", "vector"]),
        default: "\"minmax\"; \"vector\" for topsis",
        doc: "how values become points: from 0 for the worst to 1 for the best, or divided by the length of all of them",
    },
    OptionDef {
        name: "null",
        ty: OptionType::OneOf(&["worst", "drop"]),
        default: "\"worst\"",
        doc: "an option without a value has the points of the worst, or is left out",
    },
    OptionDef {
        name: "draws",
        ty: OptionType::Integer(0, 100_000),
        default: "10000",
        doc: "how many other weights `win_share` tries; 0 for none; fewer where there are thousands of options",
    },
    OptionDef {
        name: "concentration",
        ty: OptionType::Number(0.0, ""),
        default: "50",
        doc: "how near these are to the weights: the larger the nearer; 0 for any weights",
    },
    OptionDef {
        name: "seed",
        ty: OptionType::Integer(i64::MIN, i64::MAX),
        default: "1",
        doc: "which weights are tried",
    },
    OptionDef {
        name: "top",
        ty: OptionType::Integer(1, i64::MAX),
        default: "all",
        doc: "how many options come back, the best",
    },
    LANG,
];

/// The most options of a decision: each is compared to all others.
const MOST_OPTIONS: usize = 20_000;
/// Points that are looked at for [`win_shares`], about: with more, fewer weights are tried.
const MOST_POINTS: usize = 300_000_000;

/// The columns before those of the criteria.
const BEFORE: usize = 2;

const fn input() -> [Param; BEFORE + MOST] {
    const NAMES: [&str; MOST] = [
        "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", "c12", "c13", "c14",
        "c15", "c16", "c17", "c18", "c19", "c20", "c21", "c22", "c23", "c24", "c25", "c26", "c27",
        "c28", "c29", "c30", "c31", "c32",
    ];
    let mut columns = [Param::optional("option", Type::Text); BEFORE + MOST];
    columns[1] = Param::optional("text", Type::Text);
    let mut i = 0;
    while i < MOST {
        columns[BEFORE + i] = Param::optional(NAMES[i], Type::Real);
        i += 1;
    }
    columns
}

/// The option, the name of a criterion whose value is a text, the values of the criteria.
const INPUT: &[Param] = &input();

/// Of `lumos_decide`.
pub const FOLD: Fold = Fold::new::<Choice>(
    "decide",
    INPUT,
    &[
        ("rank", Type::Integer),
        ("option", Type::Text),
        ("score", Type::Real),
        ("lead", Type::Real),
        ("feasible", Type::Integer),
        ("win_share", Type::Real),
        ("contributions", Type::Json),
        ("leads", Type::Json),
        ("flips", Type::Json),
        ("dominated_by", Type::Text),
        ("explanation", Type::Text),
    ],
);

/// What `lumos_decide` runs. Errors if the source is none, or if criteria or options are not those that it takes.
pub fn program(
    source: &str,
    criteria: &str,
    options: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    let Source { from, name } = Source::read(source, &Options::parse(OPTIONS, options)?, database)?;
    let names = Criterion::read_all(criteria)?.into_iter().map(|c| c.name);
    let (mut texts, mut values) = (String::new(), String::new());
    for name in names.map(Some).chain([const { None }; MOST]).take(MOST) {
        let Some(name) = name else {
            values.push_str(", NULL");
            continue;
        };
        let value = column(&name);
        let (other, number) = match database.dialect() {
            Dialect::Sqlite => (
                format!("typeof({value}) IN ('text', 'blob')"),
                format!("CASE WHEN typeof({value}) IN ('integer', 'real') THEN {value} END"),
            ),
            Dialect::DuckDb => (
                format!(
                    "{value} IS NOT NULL AND (typeof({value}) = 'VARCHAR' OR TRY_CAST({value} AS DOUBLE) IS NULL)"
                ),
                format!("TRY_CAST({value} AS DOUBLE)"),
            ),
        };
        texts.push_str(&format!(" WHEN {other} THEN {}", literal(&name)));
        values.push_str(&format!(", {number}"));
    }
    Ok(Program {
        read: format!("SELECT {name}, CASE{texts} END{values} FROM {from} AS {ALIAS}"),
        parameters: Vec::new(),
        spec: spec(criteria, options),
    })
}

/// What a fold of [`FOLD`] begins by.
fn spec(criteria: &str, options: Option<&str>) -> String {
    json!([criteria, options]).to_string()
}

#[derive(Clone)]
struct Asked {
    criteria: Vec<Criterion>,
    topsis: bool,
    vector: bool,
    drop: bool,
    draws: i64,
    concentration: f64,
    seed: i64,
    top: usize,
    language: Language,
}

impl Asked {
    fn read(criteria: &str, options: Option<&str>) -> Result<Asked> {
        let options = Options::parse(OPTIONS, options)?;
        let topsis = options.text("method") == Some("topsis");
        Ok(Asked {
            criteria: Criterion::read_all(criteria)?,
            topsis,
            vector: options
                .text("normal")
                .map_or(topsis, |normal| normal == "vector"),
            drop: options.text("null") == Some("drop"),
            draws: options.integer("draws").unwrap_or(10_000),
            concentration: options.number("concentration").unwrap_or(50.0),
            seed: options.integer("seed").unwrap_or(1),
            top: options
                .integer("top")
                .map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            language: Language::of(&options),
        })
    }
}

/// An option as it was read.
#[derive(Clone)]
struct Candidate {
    name: Option<Box<str>>,
    /// One for each criterion; what is not finite is missing.
    values: Vec<Option<f64>>,
}

/// The options that were read.
#[derive(Clone)]
struct Choice {
    asked: Asked,
    candidates: Vec<Candidate>,
}

impl FoldState for Choice {
    fn start(spec: &str) -> Result<Self> {
        let (criteria, options): (String, Option<String>) = serde_json::from_str(spec)
            .map_err(|_| Error::new("only the SQL of lumos_decide calls it"))?;
        Ok(Choice {
            asked: Asked::read(&criteria, options.as_deref())?,
            candidates: Vec::new(),
        })
    }

    fn row(&mut self, row: &[ValueRef<'_>]) -> Result<()> {
        if self.candidates.len() >= MOST_OPTIONS {
            return Err(Error::new(format!(
                "there are more than {MOST_OPTIONS} options; leave some out by a query"
            )));
        }
        let name = match row.first() {
            Some(ValueRef::Text(name)) => Some(Box::from(*name)),
            _ => None,
        };
        if let Some(ValueRef::Text(criterion)) = row.get(1) {
            let name = name.as_deref().unwrap_or("NULL");
            return Err(Error::new(format!(
                "{criterion} of option {name} is not a number; give numbers"
            )));
        }
        let value = |value: &ValueRef<'_>| match value {
            ValueRef::Real(v) => Some(*v).filter(|v| v.is_finite()),
            ValueRef::Integer(v) => Some(*v as f64),
            _ => None,
        };
        let values = row.iter().skip(BEFORE).map(value);
        let mut values: Vec<Option<f64>> = values.take(self.asked.criteria.len()).collect();
        values.resize(self.asked.criteria.len(), None);
        self.candidates.push(Candidate { name, values });
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.candidates.extend_from_slice(&other.candidates);
    }

    fn finish(&self, emit: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut candidates: Vec<&Candidate> = self.candidates.iter().collect();
        if self.asked.drop {
            candidates.retain(|c| c.values.iter().all(Option::is_some));
        }
        candidates.sort_by(|a, b| {
            let bits = |c: &Candidate| -> Vec<Option<u64>> {
                c.values.iter().map(|v| v.map(f64::to_bits)).collect()
            };
            a.name.cmp(&b.name).then_with(|| bits(a).cmp(&bits(b)))
        });
        let allowed = |c: &&Candidate| {
            let mut pairs = self.asked.criteria.iter().zip(&c.values);
            pairs.all(|(criterion, value)| criterion.allows(*value))
        };
        let (feasible, infeasible): (Vec<_>, Vec<_>) = candidates.into_iter().partition(allowed);
        let ranking = Ranking::of(&self.asked, feasible)?;
        let rows = ranking.rows(infeasible);
        rows.into_iter().take(self.asked.top).try_for_each(emit)
    }
}

/// The options that may be chosen, with their points.
struct Ranking<'a> {
    asked: &'a Asked,
    candidates: Vec<&'a Candidate>,
    /// Of each option those of each criterion, times its weight.
    contributions: Vec<Vec<f64>>,
    scores: Vec<f64>,
    /// Places in `candidates`, the best first.
    order: Vec<usize>,
    win_shares: Option<Vec<f64>>,
    dominators: Vec<Option<usize>>,
    /// The criteria that are the same for all.
    same: Vec<&'a str>,
}

impl<'a> Ranking<'a> {
    /// Errors if a value has no utility.
    fn of(asked: &'a Asked, candidates: Vec<&'a Candidate>) -> Result<Ranking<'a>> {
        let mut points = vec![vec![0.0; asked.criteria.len()]; candidates.len()];
        let mut same = Vec::new();
        for (c, criterion) in asked.criteria.iter().enumerate() {
            let values: Vec<Option<f64>> = candidates.iter().map(|o| o.values[c]).collect();
            let found = criterion.points(&values, asked.vector).map_err(|place| {
                let name = candidates[place].name.as_deref().unwrap_or("NULL");
                let value = values[place].unwrap_or_default();
                Error::new(format!(
                    "{} of option {name} is {value}, which has no logarithm; give numbers above 0, or another utility",
                    criterion.name
                ))
            })?;
            match found {
                Some(found) => points.iter_mut().zip(found).for_each(|(p, f)| p[c] = f),
                None => same.push(criterion.name.as_str()),
            }
        }
        let weights: Vec<f64> = asked.criteria.iter().map(|c| c.weight).collect();
        let ideals = Ideals::of(&points);
        let (mut contributions, mut scores) = (Vec::new(), Vec::new());
        for points in &points {
            let (parts, score) = if asked.topsis {
                ideals.closeness(points, &weights)
            } else {
                weighted(points, &weights)
            };
            contributions.push(parts);
            scores.push(score);
        }
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        // What has no weight under any draw makes nothing better.
        let counts: Vec<usize> = (0..weights.len())
            .filter(|c| weights[*c] > 0.0 || asked.concentration == 0.0)
            .collect();
        let counted: Vec<Vec<f64>> = points
            .iter()
            .map(|points| counts.iter().map(|c| points[*c]).collect())
            .collect();
        let views: Vec<&[f64]> = counted.iter().map(Vec::as_slice).collect();
        let dominators = dominators(&views);
        let win_shares = (asked.draws > 0).then(|| {
            let front: Vec<usize> = order
                .iter()
                .copied()
                .filter(|i| dominators[*i].is_none())
                .collect();
            win_shares(asked, &points, &front, &ideals)
        });
        Ok(Ranking {
            asked,
            candidates,
            contributions,
            scores,
            order,
            win_shares,
            dominators,
            same,
        })
    }
}

fn weighted(points: &[f64], weights: &[f64]) -> (Vec<f64>, f64) {
    let parts: Vec<f64> = points.iter().zip(weights).map(|(p, w)| p * w).collect();
    let score = parts.iter().sum();
    (parts, score)
}

/// The best and the worst of each criterion.
struct Ideals(Vec<(f64, f64)>);

impl Ideals {
    fn of(points: &[Vec<f64>]) -> Ideals {
        let criteria = points.first().map_or(0, Vec::len);
        let bounds = (0..criteria).map(|c| {
            let all = points.iter().map(|p| p[c]);
            (
                all.clone().fold(f64::NEG_INFINITY, f64::max),
                all.fold(f64::INFINITY, f64::min),
            )
        });
        Ideals(bounds.collect())
    }

    /// How near an option is to the best of everything, from 0 to 1, and the parts of that: the squares of its distances from
    /// the worst.
    fn closeness(&self, points: &[f64], weights: &[f64]) -> (Vec<f64>, f64) {
        let mut parts = Vec::with_capacity(points.len());
        let (mut to_best, mut to_worst) = (0.0, 0.0);
        for ((point, weight), (best, worst)) in points.iter().zip(weights).zip(&self.0) {
            let (up, down) = (weight * (best - point), weight * (point - worst));
            to_best += up * up;
            to_worst += down * down;
            parts.push(down * down);
        }
        let (best, worst) = (libm::sqrt(to_best), libm::sqrt(to_worst));
        if worst == 0.0 {
            return (parts, if best == 0.0 { 0.5 } else { 0.0 });
        }
        let score = worst / (best + worst);
        parts.iter_mut().for_each(|part| *part *= score / to_worst);
        (parts, score)
    }
}

/// In which share of drawn weights each option is the best; those that share the first place share it.
fn win_shares(asked: &Asked, points: &[Vec<f64>], front: &[usize], ideals: &Ideals) -> Vec<f64> {
    let criteria = asked.criteria.iter().map(|c| (c.name.as_str(), c.weight));
    let mut weights = Weights::new(criteria, asked.concentration, asked.seed);
    let mut wins = vec![0.0; points.len()];
    let mut winners = Vec::new();
    let points_a_draw = front.len() * asked.criteria.len();
    let draws = (MOST_POINTS / points_a_draw.max(1)).min(asked.draws as usize);
    for _ in 0..draws {
        let drawn = weights.draw();
        let mut most = f64::NEG_INFINITY;
        winners.clear();
        for &i in front {
            let score = if asked.topsis {
                ideals.closeness(&points[i], drawn).1
            } else {
                points[i].iter().zip(drawn).map(|(p, w)| p * w).sum()
            };
            if score > most {
                most = score;
                winners.clear();
            }
            if score == most {
                winners.push(i);
            }
        }
        for &i in &winners {
            wins[i] += 1.0 / winners.len() as f64;
        }
    }
    wins.iter().map(|w| w / draws as f64).collect()
}

mod told;

#[cfg(test)]
mod tests;
