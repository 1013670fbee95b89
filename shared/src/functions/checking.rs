//! `lumos_regexp(text, pattern)`, `lumos_sum(x)`: what checks are made of.

use crate::checks::{regexp, sum};
use crate::example::example;
use crate::{Body, Engines, Error, Function, Kind, Nulls, Param, Section, Type, Value, ValueRef};

/// The definition.
pub const REGEXP: Function = Function {
    name: "lumos_regexp",
    section: Section::Checks,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Integer),
    params: &[
        Param::new("text", Type::Text),
        Param::new("pattern", Type::Text),
    ],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: true,
    doc: "Returns 1 if any part of the text matches a regular expression, else 0; `^` and `$` are its begin and its end. \
          It is written as for DuckDB's `regexp_matches`, without `\\p`: `\\d`, `\\w` and `\\s` are those of ASCII, and so is `(?i)`, by which upper and lower case are the same. \
          It takes no longer than the length of the text times that of the pattern, whatever both are. The rule `regex` of `lumos_check_of` calls it.",
    setup: &[],
    examples: &[
        example(
            "SELECT lumos_regexp('DE', '^[A-Z]{2}$') AS a, lumos_regexp('DEU', '^[A-Z]{2}$') AS b, lumos_regexp('DEU', '[A-Z]{2}') AS c",
            "1|0|1",
        ),
        example(
            "SELECT lumos_regexp('DE', '[') AS a",
            "pattern [ is no regular expression",
        ),
    ],
    body: Body::Pure(|args| match args {
        [ValueRef::Text(text), ValueRef::Text(pattern)] => {
            regexp::matches(text, pattern).map(|found| Value::Integer(found.into()))
        }
        _ => Err(Error::new("takes a text and a text; CAST what is none")),
    }),
};

/// The definition.
pub const SUM: Function = Function {
    name: "lumos_sum",
    kind: Kind::Aggregate,
    params: sum::SUM.input,
    nulls: Nulls::Accept,
    doc: "Returns the exact sum of the numbers of a group as doubles, rounded once to a double: it is the same in whatever order the rows come, on any number of threads, in both engines. NULL of no number, if one of them is infinite or NaN, and if one is beyond 9.7e288 or the sum beyond the doubles.",
    examples: &[example(
        "SELECT lumos_sum(x) AS s FROM (SELECT 1e16 AS x UNION ALL SELECT 1 UNION ALL SELECT -1e16 UNION ALL SELECT NULL)",
        "1.0",
    )],
    body: Body::Group(&sum::SUM),
    ..REGEXP
};
