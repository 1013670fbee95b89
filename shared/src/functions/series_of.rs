//! `lumos_forecast_of`, `lumos_anomalies_of`, `lumos_changepoints_of`: the functions of series on two lists.

use crate::program::{Fold, Stopped};
use crate::series::{forecast, judged, lists};
use crate::source::options;
use crate::{
    Body, Engines, Example, Function, Kind, Nulls, Param, Result, Section, Type, Value, ValueRef,
};

const TIMES: Param = Param::new("times", Type::List);
const VALUES: Param = Param::new("values", Type::List);
const OPTIONS: Param = Param::optional("options", Type::Json);

/// The answer on the lists of a call; NULL if one of them is.
fn answer(fold: &Fold, spec: &str, args: &[ValueRef<'_>], stopped: Stopped<'_>) -> Result<Value> {
    if args[..2].contains(&ValueRef::Null) {
        return Ok(Value::Null);
    }
    let list = |at: usize, name: &str| match args.get(at) {
        Some(ValueRef::Text(list)) => Ok(*list),
        _ => Err(lists::no_list(name)),
    };
    lists::answer(
        fold,
        spec,
        list(0, TIMES.name)?,
        list(1, VALUES.name)?,
        stopped,
    )
}

/// The definition.
pub const FORECAST_OF: Function = Function {
    name: "lumos_forecast_of",
    section: Section::Series,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[TIMES, VALUES, Param::new("horizon", Type::Integer), OPTIONS],
    options: forecast::OPTIONS_OF_LISTS,
    nulls: Nulls::Accept,
    deterministic: true,
    doc: "The same as `lumos_forecast` of two lists, in any order: a JSON array with an object for each step, which has the columns of that function but `series`. `horizon` may be NULL where the option `until` says a time. \
          For a GROUP BY that makes a series of each group, where there is no table to name. NULL if a list is NULL. \
          A list is a JSON array as text, as `json_group_array` makes it. In DuckDB it may be a list or an array too, as `list` makes it: of dates, timestamps, which count in UTC, whole numbers or texts for `times`, of numbers for `values`. \
          The objects are rows by `json_each(...)`; in DuckDB by `unnest(from_json(..., '[{\"ts\": \"DATE\", \"value\": \"DOUBLE\"}]'), recursive := true)`, which names the columns that are wanted and their types.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT lumos_forecast_of('[1, 2, 3, 4]', '[5, 5, 5, 5]', 1) AS next",
        answer: r#"[{"step":1,"ts":5,"value":5.0,"lo":5.0,"hi":5.0,"model":"constant","note":null,"components":null,"intervals":null}]"#,
    }],
    body: Body::Long(|args, stopped| {
        let horizon = match args.get(2) {
            Some(ValueRef::Integer(horizon)) => Some(*horizon),
            _ => None,
        };
        let known = forecast::OPTIONS_OF_LISTS;
        let spec = forecast::spec(horizon, options(args, 3), known)?;
        answer(&forecast::FORECAST, &spec, args, stopped)
    }),
};

/// The definition.
pub const ANOMALIES_OF: Function = Function {
    name: "lumos_anomalies_of",
    section: Section::Series,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[TIMES, VALUES, OPTIONS],
    options: judged::ANOMALY_OPTIONS_OF_LISTS,
    nulls: Nulls::Accept,
    deterministic: true,
    doc: "The same as `lumos_anomalies` of two lists, in any order: a JSON array with an object for each row, in the order of time. NULL if a list is NULL. `lumos_forecast_of` says what a list is, and how the objects are rows.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT lumos_anomalies_of('[1]', '[5]') AS judged",
        answer: r#"[{"ts":1,"value":5.0,"expected":5.0,"lower":null,"upper":null,"score":null,"is_anomaly":0,"kind":null,"explanation":null}]"#,
    }],
    body: Body::Long(|args, stopped| {
        let spec = judged::spec(options(args, 2), judged::ANOMALY_OPTIONS_OF_LISTS)?;
        answer(&judged::ANOMALIES, spec, args, stopped)
    }),
};

/// The definition.
pub const CHANGEPOINTS_OF: Function = Function {
    name: "lumos_changepoints_of",
    section: Section::Series,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[TIMES, VALUES, OPTIONS],
    options: judged::CHANGE_OPTIONS_OF_LISTS,
    nulls: Nulls::Accept,
    deterministic: true,
    doc: "The same as `lumos_changepoints` of two lists, in any order: a JSON array with an object for each change. NULL if a list is NULL. `lumos_forecast_of` says what a list is, and how the objects are rows.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT lumos_changepoints_of('[1, 2, 3]', '[1, 1, 1]') AS changes",
        answer: "[]",
    }],
    body: Body::Long(|args, stopped| {
        let spec = judged::spec(options(args, 2), judged::CHANGE_OPTIONS_OF_LISTS)?;
        answer(&judged::CHANGEPOINTS, spec, args, stopped)
    }),
};
