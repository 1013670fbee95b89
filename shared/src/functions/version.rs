//! `lumos_version()`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Section, Type, Value};

/// The definition.
pub const VERSION: Function = Function {
    name: "lumos_version",
    section: Section::Admin,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Text),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: true,
    doc: "The version of Lumos.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT lumos_version()",
        answer: env!("CARGO_PKG_VERSION"),
    }],
    body: Body::Pure(|_| Ok(Value::Text(env!("CARGO_PKG_VERSION").into()))),
};
