//! `lumos_l2`, `lumos_cosine`, `lumos_ip`, `lumos_l1`, `lumos_hamming`, `lumos_jaccard`: distances between two vectors; the smaller, the closer.

use crate::vector::Metric;
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
        options: &[],
        nulls: Nulls::Propagate,
        deterministic: true,
        doc,
        setup: &[],
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
    Body::Pure(|args| measure(args, Metric::L2)),
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
    Body::Pure(|args| measure(args, Metric::Cosine)),
);

/// `lumos_ip(a, b)`.
pub const IP: Function = definition(
    "lumos_ip",
    "Negative inner product, so that the smaller is the closer, as with every distance.",
    &[Example {
        sql: "SELECT lumos_ip('[1, 2]', '[3, 4]')",
        answer: "-11.0",
    }],
    Body::Pure(|args| measure(args, Metric::Ip)),
);

/// `lumos_l1(a, b)`.
pub const L1: Function = definition(
    "lumos_l1",
    "Sum of the absolute differences, also called Manhattan distance.",
    &[Example {
        sql: "SELECT lumos_l1('[1, 2]', '[4, 0]')",
        answer: "5.0",
    }],
    Body::Pure(|args| measure(args, Metric::L1)),
);

/// `lumos_hamming(a, b)`.
pub const HAMMING: Function = definition(
    "lumos_hamming",
    "Hamming distance: how many elements differ; of bit vectors, how many bits.",
    &[Example {
        sql: "SELECT lumos_hamming(lumos_vec('[1, 0, 1, 1]', 'bit'), '[1, 1, 0, 1]')",
        answer: "2.0",
    }],
    Body::Pure(|args| measure(args, Metric::Hamming)),
);

/// `lumos_jaccard(a, b)`.
pub const JACCARD: Function = definition(
    "lumos_jaccard",
    "Jaccard distance between the sets of elements that are not zero: 1 minus the share of the common ones in all. Two empty sets have distance 0.",
    &[Example {
        sql: "SELECT lumos_jaccard(lumos_vec('[1, 0, 1, 1]', 'bit'), '[1, 1, 0, 1]')",
        answer: "0.5",
    }],
    Body::Pure(|args| measure(args, Metric::Jaccard)),
);

fn measure(args: &[ValueRef<'_>], metric: Metric) -> Result<Value> {
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
    Ok(Value::Real(metric.distance(a, b)))
}
