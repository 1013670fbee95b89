//! `lumos_features`: what tells of a column.

use super::association::{self, Found, adjusted};
use super::correlate::{ADJUST, BINS, FEW, Left, Ready, bins, measures, real, text};
use super::scan::{COLUMNS, INPUT, Look, MAX_ROWS, Scan, aim, aimed, most_rows};
use super::table::{Column, Table, Values, target};
use crate::calendar::civil;
use crate::options::{OptionDef, Options};
use crate::program::{Database, Fold, Program, Stopped, check};
use crate::series::source::Emit;
use crate::series::words::{LANG, Language};
use crate::{Error, Result, Type, Value};

/// The options of `lumos_features`.
pub const OPTIONS: &[OptionDef] = &[COLUMNS, BINS, ADJUST, MAX_ROWS, LANG];

/// Of `lumos_features`.
pub const FOLD: Fold = Fold::new::<Scan<Features>>(
    "features",
    INPUT,
    &[
        ("feature", Type::Text),
        ("relevance", Type::Real),
        ("measure", Type::Text),
        ("value", Type::Real),
        ("p", Type::Real),
        ("q", Type::Real),
        ("redundant_with", Type::Text),
        ("leak", Type::Integer),
        ("note", Type::Text),
    ],
)
.wide();

/// Columns that go together so far say the same; or one gives the other away.
const SAME: f64 = 0.9;
const LEAK: f64 = 0.98;

/// What `lumos_features` runs. Errors if the source or an option is none.
pub fn program(
    source: &str,
    target: &str,
    options: Option<&str>,
    database: &dyn Database,
) -> Result<Program> {
    let given = Options::parse(OPTIONS, options)?;
    aimed(source, target, (&given, options), database)
}

#[derive(Clone)]
struct Features {
    target: String,
    bins: usize,
    adjust: bool,
    max_rows: usize,
    language: Language,
}

/// What a column is looked at as.
struct Feature {
    name: String,
    values: Values,
}

struct Relevance<'a> {
    feature: &'a Feature,
    relevance: Option<f64>,
    measure: &'static str,
    found: Found,
    redundant: Option<&'a str>,
    left: Option<Left>,
}

impl Look for Features {
    fn start(spec: &str) -> Result<Self> {
        let (target, options) = aim(spec, OPTIONS)?;
        Ok(Features {
            target,
            bins: bins(&options),
            adjust: options.text("adjust") != Some("none"),
            max_rows: most_rows(&options),
            language: Language::of(&options),
        })
    }

    fn most_rows(&self) -> usize {
        self.max_rows
    }

    fn tell(&self, table: &Table, stopped: Stopped<'_>, emit: Emit<'_>) -> Result<()> {
        if table.rows == 0 {
            return Ok(());
        }
        let target = target(table, &self.target)?;
        let features = table
            .columns
            .iter()
            .filter(|c| c.name != target.name)
            .flat_map(seen_as);
        let features: Vec<Feature> = features.collect();
        let goal = Ready::new(&target.values);
        if let Ready::Left(why) = &goal {
            let why = why.say(Language::English);
            return Err(Error::new(format!("target \"{}\" is {why}", self.target)));
        }
        let goal_parts = goal.categories(self.bins);
        let mut ready = Vec::new();
        let mut found: Vec<Relevance<'_>> = Vec::new();
        for feature in &features {
            check(stopped)?;
            let of = Ready::new(&feature.values);
            let left = match &of {
                Ready::Left(why) => Some(*why),
                _ => None,
            };
            let information = left
                .is_none()
                .then(|| association::information(&of.categories(self.bins), &goal_parts));
            // The measure with the larger value, as a curve has more of Spearman's.
            let by = |f: &(&str, Found)| f.1.value.map_or(-1.0, f64::abs);
            let best = measures(&of, &goal, "auto", &|_| None)
                .into_iter()
                .rev()
                .max_by(|a, b| by(a).total_cmp(&by(b)));
            let (measure, measured) = best.unwrap_or(("none", Found::none(0)));
            found.push(Relevance {
                feature,
                relevance: information.and_then(|of| of.value),
                measure,
                found: measured,
                redundant: None,
                left,
            });
            ready.push(of);
        }
        let p: Vec<Option<f64>> = found.iter().map(|of| of.found.p).collect();
        let q = if self.adjust { adjusted(&p) } else { p };
        let mut order: Vec<usize> = (0..found.len()).collect();
        let key = |i: &usize| found[*i].relevance.unwrap_or(-1.0);
        order.sort_by(|a, b| {
            let names = found[*a].feature.name.cmp(&found[*b].feature.name);
            key(b).total_cmp(&key(a)).then(names)
        });
        for (rank, i) in order.iter().enumerate() {
            for j in &order[..rank] {
                check(stopped)?;
                let pairs = measures(&ready[*i], &ready[*j], "auto", &|_| None);
                let same = |value: Option<f64>| value.is_some_and(|v| v.abs() >= SAME);
                if pairs.iter().any(|(_, found)| same(found.value)) {
                    found[*i].redundant = Some(&features[*j].name);
                    break;
                }
            }
        }
        for i in order {
            emit(self.told(&found[i], q[i]))?;
        }
        Ok(())
    }
}

impl Features {
    fn told(&self, of: &Relevance<'_>, q: Option<f64>) -> Vec<Value> {
        let strength = of.found.value.map(f64::abs);
        let leak = strength.is_some_and(|s| s >= LEAK) || of.relevance.is_some_and(|r| r >= LEAK);
        let mut notes: Vec<String> = Vec::new();
        match (of.left, of.relevance) {
            (Some(why), _) => notes.push(why.say(self.language)),
            (None, None) => notes.push(self.language.say("it is constant", "为常数")),
            (None, Some(_)) if leak => notes.push(self.language.say(
                "it gives the target away; was it known before?",
                "几乎泄露目标，预测时是否已知？",
            )),
            _ => {}
        }
        if of.found.n < FEW && of.left.is_none() {
            let n = of.found.n;
            notes.push(self.language.say(
                format!("of {} only", self.language.rows(n)),
                format!("仅 {n} 行"),
            ));
        }
        vec![
            Value::Text(of.feature.name.clone()),
            real(of.relevance),
            if of.measure == "none" {
                Value::Null
            } else {
                Value::Text(of.measure.into())
            },
            real(of.found.value),
            real(of.found.p),
            real(q),
            text(of.redundant.map(str::to_owned)),
            Value::Integer(i64::from(leak)),
            text(self.language.join(&notes)),
        ]
    }
}

/// A time also as its parts, a text of many kinds as its length.
fn seen_as(column: &Column) -> Vec<Feature> {
    let named = |what: &str, values: Vec<f64>| Feature {
        name: format!("{} ({what})", column.name),
        values: Values::Numbers(values),
    };
    let itself = Feature {
        name: column.name.clone(),
        values: column.values.clone(),
    };
    match &column.values {
        Values::Times(days) => {
            let part = |of: fn(i64) -> f64| {
                let each = days.iter().map(|d| {
                    if d.is_nan() {
                        f64::NAN
                    } else {
                        of(d.floor() as i64)
                    }
                });
                each.collect::<Vec<f64>>()
            };
            vec![
                itself,
                named("year", part(|day| civil(day).0 as f64)),
                named("month", part(|day| civil(day).1 as f64)),
                // Monday is 1.
                named("weekday", part(|day| (day + 3).rem_euclid(7) as f64 + 1.0)),
            ]
        }
        Values::Texts(codes, labels) if labels.len() > 50 => {
            let lengths: Vec<f64> = labels.iter().map(|l| l.chars().count() as f64).collect();
            let length = codes.iter().map(|code| match *code {
                0 => f64::NAN,
                code => lengths[code as usize - 1],
            });
            vec![named("length", length.collect())]
        }
        _ => vec![itself],
    }
}

#[cfg(test)]
mod tests;
