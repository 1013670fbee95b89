//! `lumos_l2`, `lumos_cosine`, `lumos_ip`: distances between two vectors; the smaller, the closer.

use crate::vector::distance;
use crate::{
    Body, Engines, Error, Example, Function, Kind, Nulls, Param, Result, Section, Type, Value,
    ValueRef,
};

const PAIR: &[Param] = &[Param::new("a", Type::Vector), Param::new("b", Type::Vector)];

/// Two vectors of equal length in, one REAL out.
const fn definition(
    name: &'static str,
    doc: &'static str,
    examples: &'static [Example],
    body: Body,
) -> Function {
    Function {
        name,
        section: Section::Vectors,
        engines: Engines::Both,
        kind: Kind::Scalar(Type::Real),
        params: PAIR,
        nulls: Nulls::Propagate,
        deterministic: true,
        doc,
        examples,
        body,
    }
}

/// `lumos_l2(a, b)`.
pub const L2: Function = definition(
    "lumos_l2",
    "Euclidean distance.",
    &[
        Example {
            sql: "SELECT lumos_l2('[1, 2]', '[4, 6]')",
            answer: "5.0",
        },
        Example {
            sql: "SELECT lumos_l2('[1, 2]', '[1, 2, 3]')",
            answer: "lumos_l2: vectors of 2 and 3 dimensions; both must have the same",
        },
    ],
    Body::Pure(|args| measure(args, distance::l2)),
);

/// `lumos_cosine(a, b)`.
pub const COSINE: Function = definition(
    "lumos_cosine",
    "Cosine distance: 1 minus the cosine of the angle, from 0 (same direction) to 2. A zero vector has distance 1 to everything.",
    &[
        Example {
            sql: "SELECT lumos_cosine('[1, 0]', '[0, 2]')",
            answer: "1.0",
        },
        Example {
            sql: "SELECT lumos_cosine('[1, 1]', '[-2, -2]')",
            answer: "2.0",
        },
    ],
    Body::Pure(|args| measure(args, distance::cosine)),
);

/// `lumos_ip(a, b)`.
pub const IP: Function = definition(
    "lumos_ip",
    "Negative inner product, so that the smaller is the closer, as with every distance.",
    &[Example {
        sql: "SELECT lumos_ip('[1, 2]', '[3, 4]')",
        answer: "-11.0",
    }],
    Body::Pure(|args| measure(args, distance::ip)),
);

fn measure(args: &[ValueRef<'_>], distance: fn(&[f32], &[f32]) -> f64) -> Result<Value> {
    let [ValueRef::Vector(a), ValueRef::Vector(b)] = args else {
        return Err(Error::new("takes two vectors"));
    };
    if a.len() != b.len() {
        return Err(Error::new(format!(
            "vectors of {} and {} dimensions; both must have the same",
            a.len(),
            b.len()
        )));
    }
    Ok(Value::Real(distance(a, b)))
}
