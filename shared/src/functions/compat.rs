//! `lumos_compat`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const COMPAT: Function = Function {
    name: "lumos_compat",
    section: Section::Vectors,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[Param::new("name", Type::Text)],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "Registers scalar functions under the names that another extension uses, on this connection, and gives their names; so far only `'sqlite-vec'`. \
          Vectors of 32-bit floats alone are known. A function that is there already stays as it is.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT json_array_length(lumos_compat('sqlite-vec'))",
            answer: "11",
        },
        Example {
            sql: "SELECT vec_to_json(vec_add('[1, 2]', vec_f32('[0.5, 1]')))",
            answer: "[1.5,3.0]",
        },
    ],
    body: Body::Host,
};
