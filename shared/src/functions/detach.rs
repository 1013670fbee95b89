//! `lumos_detach()`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Section, Type};

/// The definition.
pub const DETACH: Function = Function {
    name: "lumos_detach",
    section: Section::Admin,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "Closes this connection's mirror: 1 if one was attached, else 0. \
          Tables stay tracked, their triggers go on logging. \
          DuckDB ends with the last connection of the process that has the mirror attached.",
    setup: &["SELECT lumos_attach()"],
    examples: &[Example {
        sql: "SELECT lumos_detach()",
        answer: "1",
    }],
    body: Body::Host,
};
