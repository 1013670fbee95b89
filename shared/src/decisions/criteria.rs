//! What options are judged by: criteria with weights, goals, limits and utilities.

use serde_json::{Map, Value as Json};

use crate::options::shortened;
use crate::{Error, Result};

/// The most criteria of a decision.
pub const MOST: usize = 32;

/// A criterion.
#[derive(Debug, Clone)]
pub struct Criterion {
    /// The column's name.
    pub name: String,
    /// Its share of all weights.
    pub weight: f64,
    /// Whether high values are good.
    pub high: bool,
    /// What an option must have at least.
    pub min: Option<f64>,
    /// What an option must have at most.
    pub max: Option<f64>,
    /// How good a value is.
    pub utility: Utility,
}

/// How good a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Utility {
    /// In proportion.
    Linear,
    /// In proportion to its logarithm.
    Log,
    /// Bent: above 0 the first steps count most, below 0 the last.
    Bent(f64),
    /// Between these points of value and utility in a straight line.
    Points(Vec<(f64, f64)>),
}

const FORM: &str =
    "write them like {\"price\": {\"weight\": 3, \"goal\": \"min\", \"max\": 900}, \"stars\": 2}";
const FIELDS: &str = "weight, goal, min, max and utility";

impl Criterion {
    /// Reads the criteria of a decision, whose weights then add up to 1.
    ///
    /// Errors if the text is no JSON object of criteria, or if all weights are 0.
    pub fn read_all(text: &str) -> Result<Vec<Criterion>> {
        let given: Map<String, Json> = match serde_json::from_str(text) {
            Ok(Json::Object(given)) => given,
            _ => {
                return Err(Error::new(format!(
                    "criteria are {}; {FORM}",
                    shortened(text)
                )));
            }
        };
        if given.is_empty() || given.len() > MOST {
            let n = given.len();
            return Err(Error::new(format!(
                "there are {n} criteria, of 1 to {MOST}; {FORM}"
            )));
        }
        let criteria = given
            .iter()
            .map(|(name, given)| Criterion::read(name, given));
        let mut criteria = criteria.collect::<Result<Vec<_>>>()?;
        let total: f64 = criteria.iter().map(|c| c.weight).sum();
        if !(total > 0.0 && total.is_finite()) {
            return Err(Error::new(format!(
                "the weights of the criteria add up to {total}; give at least one above 0"
            )));
        }
        criteria.iter_mut().for_each(|c| c.weight /= total);
        Ok(criteria)
    }

    fn read(name: &str, given: &Json) -> Result<Criterion> {
        let wrong = |field: &str, value: &Json, give: &str| {
            let value = shortened(&value.to_string());
            Error::new(format!(
                "{field} of criterion {name} is {value}; give {give}"
            ))
        };
        let mut criterion = Criterion {
            name: name.to_owned(),
            weight: 1.0,
            high: true,
            min: None,
            max: None,
            utility: Utility::Linear,
        };
        let fields = match given {
            Json::Object(fields) => fields,
            Json::Number(_) => {
                criterion.weight =
                    weight(given).ok_or_else(|| wrong("weight", given, "a number from 0 on"))?;
                return Ok(criterion);
            }
            _ => {
                let given = shortened(&given.to_string());
                return Err(Error::new(format!(
                    "criterion {name} is {given}; give its weight, or an object with {FIELDS}"
                )));
            }
        };
        for (field, value) in fields {
            match (field.as_str(), value) {
                (_, Json::Null) => {}
                ("weight", value) => {
                    criterion.weight = weight(value)
                        .ok_or_else(|| wrong("weight", value, "a number from 0 on"))?;
                }
                ("goal", value) => match value.as_str() {
                    Some("max") => criterion.high = true,
                    Some("min") => criterion.high = false,
                    _ => return Err(wrong("goal", value, "\"max\" or \"min\"")),
                },
                ("min" | "max", value) => {
                    let limit = value
                        .as_f64()
                        .ok_or_else(|| wrong(field, value, "a number"))?;
                    match field.as_str() {
                        "min" => criterion.min = Some(limit),
                        _ => criterion.max = Some(limit),
                    }
                }
                ("utility", value) => {
                    criterion.utility = Utility::read(value).ok_or_else(|| {
                        wrong(
                            "utility",
                            value,
                            "\"linear\", \"log\", {\"exp\": a number but 0}, or points like [[0, 0], [10, 1]] with rising values",
                        )
                    })?;
                }
                _ => {
                    return Err(Error::new(format!(
                        "criterion {name} has \"{}\"; the fields are {FIELDS}",
                        shortened(field)
                    )));
                }
            }
        }
        Ok(criterion)
    }

    /// Whether an option may have this value.
    pub fn allows(&self, value: Option<f64>) -> bool {
        match value {
            None => self.min.is_none() && self.max.is_none(),
            Some(value) => {
                self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
            }
        }
    }

    /// The points of each of these values from 0, the worst, to 1, the best; that of a missing one is 0. `None` if all are
    /// the same. Errors with the place of a value that has none.
    pub fn points(&self, values: &[Option<f64>], vector: bool) -> Result<Option<Vec<f64>>, usize> {
        if let Utility::Points(points) = &self.utility {
            let found: Vec<f64> = values
                .iter()
                .map(|v| v.map_or(0.0, |v| between(points, v)))
                .collect();
            let same = found.windows(2).all(|pair| pair[0] == pair[1]);
            return Ok((!same).then_some(found));
        }
        let mut known = values.to_vec();
        if self.utility == Utility::Log {
            for (i, value) in known.iter_mut().enumerate() {
                if let Some(value) = value {
                    if *value <= 0.0 {
                        return Err(i);
                    }
                    *value = libm::log(*value);
                }
            }
        }
        let given = || known.iter().flatten().copied();
        let (least, most) = (
            given().fold(f64::INFINITY, f64::min),
            given().fold(f64::NEG_INFINITY, f64::max),
        );
        let missing = known.iter().any(Option::is_none);
        if least >= most && !(missing && least == most) {
            return Ok(None);
        }
        // Halves, since the width of all doubles is none.
        let width = most / 2.0 - least / 2.0;
        let length = vector.then(|| norm(given())).filter(|n| *n > 0.0);
        let point = |value: f64| match (length, self.high) {
            (Some(length), true) => value / length,
            (Some(length), false) => 1.0 - value / length,
            // The only value there is, among missing ones.
            _ if width == 0.0 => 1.0,
            (None, true) => (value / 2.0 - least / 2.0) / width,
            (None, false) => (most / 2.0 - value / 2.0) / width,
        };
        let worst = given().map(point).fold(f64::INFINITY, f64::min);
        let worst = if width == 0.0 { 0.0 } else { worst };
        let points = known.iter().map(|v| v.map_or(worst, point));
        Ok(Some(match self.utility {
            Utility::Bent(a) => points
                .map(|p| libm::expm1(-a * p) / libm::expm1(-a))
                .collect(),
            _ => points.collect(),
        }))
    }
}

/// The length of a vector. Divided by the largest, no square leaves the range of doubles.
pub fn norm(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = values.clone().fold(0.0_f64, |most, v| most.max(v.abs()));
    if most == 0.0 {
        return 0.0;
    }
    most * libm::sqrt(values.map(|v| (v / most) * (v / most)).sum())
}

fn weight(value: &Json) -> Option<f64> {
    value.as_f64().filter(|w| *w >= 0.0 && *w <= 1e100)
}

impl Utility {
    fn read(value: &Json) -> Option<Utility> {
        match value {
            Json::String(name) if name == "linear" => Some(Utility::Linear),
            Json::String(name) if name == "log" => Some(Utility::Log),
            Json::Object(fields) if fields.len() == 1 => {
                let a = fields.get("exp")?.as_f64()?;
                (a != 0.0 && a.abs() <= 100.0).then_some(Utility::Bent(a))
            }
            Json::Array(points) if points.len() >= 2 => {
                let pair = |point: &Json| match point.as_array()?.as_slice() {
                    [x, y] => Some((x.as_f64()?, y.as_f64()?)),
                    _ => None,
                };
                let points: Option<Vec<(f64, f64)>> = points.iter().map(pair).collect();
                let points = points?;
                let rise = points.windows(2).all(|pair| pair[0].0 < pair[1].0);
                rise.then_some(Utility::Points(points))
            }
            _ => None,
        }
    }
}

fn between(points: &[(f64, f64)], value: f64) -> f64 {
    let after = points.partition_point(|(x, _)| *x <= value);
    match (
        after.checked_sub(1).and_then(|i| points.get(i)),
        points.get(after),
    ) {
        (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (value - x0) / (x1 - x0),
        (Some((_, y)), None) | (None, Some((_, y))) => *y,
        (None, None) => 0.0,
    }
}
