//! `lumos_debug()`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Section, Type};

/// The definition.
pub const DEBUG: Function = Function {
    name: "lumos_debug",
    section: Section::Admin,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Json),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "What a bug report needs, as JSON: the versions of Lumos, of the host engine and of the DuckDB inside.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT lumos_debug() ->> 'lumos'",
        answer: env!("CARGO_PKG_VERSION"),
    }],
    body: Body::Host,
};
