//! `lumos_explain`.

use crate::options::{OptionDef, OptionType};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const EXPLAIN: Function = Function {
    name: "lumos_explain",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Text),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("options", Type::Json),
        Param::optional("params", Type::Json),
    ],
    options: &[OptionDef {
        name: "timings",
        ty: OptionType::Flag,
        default: "false",
        doc: "the query runs, and the plan shows times and rows",
    }],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "DuckDB's plan for a SELECT over the mirror. \
          Parameters as in `lumos_query`; NULL stands for no options.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[Example {
        sql: "SELECT lumos_explain('SELECT count(*) FROM Genre') LIKE '%SCAN%'",
        answer: "1",
    }],
    body: Body::Host,
};
