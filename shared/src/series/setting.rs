//! What every function of series is told of its source: how a series is put on its grid, and the language of the sentences.

use serde_json::Value as Json;

use super::grid::{Aggregate, Gaps, Preparation, Step};
use super::words::Language;
use crate::Result;
use crate::options::{OptionDef, OptionType, Options};

/// How rows of one time become one.
pub const AGG: OptionDef = OptionDef {
    name: "agg",
    ty: OptionType::OneOf(&["sum", "mean", "min", "max"]),
    default: "the sum of whole numbers, the mean of others",
    doc: "what rows of one time become",
};
/// The step of the grid.
pub const STEP: OptionDef = OptionDef {
    name: "step",
    ty: OptionType::Json(
        "a step like \"1 day\", \"15 minutes\", \"3 months\", \"business day\", or a whole number",
    ),
    default: "found from the times",
    doc: "the time from one row to the next",
};
/// What stands in missing rows.
pub const GAPS: OptionDef = OptionDef {
    name: "gaps",
    ty: OptionType::OneOf(&["interpolate", "zero"]),
    default: "\"interpolate\"",
    doc: "what stands in rows that are missing",
};
/// The season.
pub const PERIOD: OptionDef = OptionDef {
    name: "period",
    ty: OptionType::Json("a whole number of rows, 0 for no season, or a list of two"),
    default: "found: a year of months or quarters, a week of days, a day of hours; of whole numbers by autocorrelation",
    doc: "after how many rows the season comes round",
};
/// What a call says of its series.
#[derive(Debug, Clone)]
pub struct Setting {
    /// How a series is put on its grid.
    pub preparation: Preparation,
    /// The language of the sentences.
    pub language: Language,
}

impl Setting {
    /// Errors if the step or the period is none.
    pub fn of(options: &Options) -> Result<Setting> {
        Ok(Setting {
            preparation: preparation(options)?,
            language: Language::of(options),
        })
    }
}

/// What the options say of the grid. Errors if the step or the period is none.
fn preparation(options: &Options) -> Result<Preparation> {
    let step = match options.get("step").filter(|step| !step.is_null()) {
        None => None,
        Some(given) => {
            let text = match given {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            let wrong = || {
                options.wrong(
                    "step",
                    "a step like \"1 day\", \"15 minutes\", \"3 months\", \"business day\", or a whole number",
                )
            };
            Some(Step::parse(&text).ok_or_else(wrong)?)
        }
    };
    let periods = match options.get("period").filter(|period| !period.is_null()) {
        None => None,
        Some(given) => {
            let wrong = || {
                options.wrong(
                    "period",
                    "a whole number of rows, 0 for no season, or a list of two",
                )
            };
            let list = match given {
                Json::Array(list) => list.as_slice(),
                one => std::slice::from_ref(one),
            };
            let read = list.iter().map(|p| p.as_u64().map(|p| p as usize));
            let mut periods: Vec<usize> = read.collect::<Option<_>>().ok_or_else(wrong)?;
            periods.retain(|p| *p > 1);
            periods.sort_unstable();
            periods.dedup();
            if periods.len() > 2 {
                return Err(wrong());
            }
            Some(periods)
        }
    };
    Ok(Preparation {
        aggregate: match options.text("agg") {
            Some("sum") => Some(Aggregate::Sum),
            Some("mean") => Some(Aggregate::Mean),
            Some("min") => Some(Aggregate::Min),
            Some("max") => Some(Aggregate::Max),
            _ => None,
        },
        step,
        gaps: (options.text("gaps") == Some("zero")).then_some(Gaps::Zero),
        periods,
    })
}
