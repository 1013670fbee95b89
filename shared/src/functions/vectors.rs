//! `lumos_vec`, `lumos_vec_json`, `lumos_dims`, `lumos_normalize`, `lumos_slice`, `lumos_quantize`: vectors in and out.

use crate::vector::format::{self, Format};
use crate::vector::{normalize, to_json};
use crate::{
    Body, Engines, Error, Example, Function, Kind, Nulls, Param, Result, Section, Type, Value,
    ValueRef,
};

const X: Param = Param::new("x", Type::Vector);

/// A function that reads the vector `x`.
const fn definition(
    name: &'static str,
    params: &'static [Param],
    result: Type,
    doc: &'static str,
    examples: &'static [Example],
    body: Body,
) -> Function {
    Function {
        name,
        section: Section::Vectors,
        engines: Engines::Both,
        kind: Kind::Scalar(result),
        params,
        options: &[],
        nulls: Nulls::Propagate,
        deterministic: true,
        doc,
        setup: &[],
        examples,
        body,
    }
}

/// `lumos_vec(x [, type])`.
pub const VEC: Function = definition(
    "lumos_vec",
    &[X, Param::optional("type", Type::Text)],
    Type::Blob,
    "The BLOB of a vector, to store: of `type` `f32` (4 bytes an element, if left out), `f16` or `bf16` (2), `i8` (1; whole numbers), or `bit` (an eighth; 0 and 1). \
     `f32` is plain little-endian floats, as other programs write them. The others have an odd length, which tells them from those, and their type in the last byte, \
     so every function that takes a vector takes each of them. \
     Numbers are rounded to the nearest of the type, and to its largest where they are larger.",
    &[
        Example {
            sql: "SELECT hex(lumos_vec('[1, -2]'))",
            answer: "0000803F000000C0",
        },
        Example {
            sql: "SELECT lumos_vec_json(lumos_vec('[1, 0.1, 1e9]', 'f16'))",
            answer: "[1,0.099975586,65504]",
        },
    ],
    Body::Pure(|args| match args {
        [ValueRef::Vector(x)] => format::encode(x, Format::F32).map(Value::Blob),
        [ValueRef::Vector(x), ValueRef::Text(name)] => {
            format::encode(x, Format::parse(name)?).map(Value::Blob)
        }
        _ => Err(Error::new("takes a vector and the name of a type")),
    }),
);

/// `lumos_vec_json(x)`.
pub const VEC_JSON: Function = definition(
    "lumos_vec_json",
    &[X],
    Type::Json,
    "The vector as JSON text, with the digits that give the same 32-bit floats again.",
    &[Example {
        sql: "SELECT lumos_vec_json(lumos_vec('[1, 2.5]'))",
        answer: "[1,2.5]",
    }],
    Body::Pure(|args| vector(args).map(|x| Value::Text(to_json(x)))),
);

/// `lumos_dims(x)`.
pub const DIMS: Function = definition(
    "lumos_dims",
    &[X],
    Type::Integer,
    "The number of elements.",
    &[Example {
        sql: "SELECT lumos_dims('[1, 2, 3]')",
        answer: "3",
    }],
    Body::Pure(|args| vector(args).map(|x| Value::Integer(x.len() as i64))),
);

/// `lumos_normalize(x)`.
pub const NORMALIZE: Function = definition(
    "lumos_normalize",
    &[X],
    Type::Vector,
    "The vector scaled to length 1. A zero vector stays as it is.",
    &[Example {
        sql: "SELECT lumos_vec_json(lumos_normalize('[3, 4]'))",
        answer: "[0.6,0.8]",
    }],
    Body::Pure(|args| vector(args).and_then(|x| blob(&normalize(x)))),
);

/// `lumos_slice(x, first, last)`.
pub const SLICE: Function = definition(
    "lumos_slice",
    &[
        X,
        Param::new("first", Type::Integer),
        Param::new("last", Type::Integer),
    ],
    Type::Vector,
    "The elements from `first` to `last`, both counted from 1 and both included.",
    &[
        Example {
            sql: "SELECT lumos_vec_json(lumos_slice('[1, 2, 3, 4]', 2, 3))",
            answer: "[2,3]",
        },
        Example {
            sql: "SELECT lumos_slice('[1, 2]', 2, 3)",
            answer: "lumos_slice: 2 to 3 is not within the 2 elements of the vector; count from 1",
        },
    ],
    Body::Pure(|args| {
        let (x, &[ValueRef::Integer(first), ValueRef::Integer(last)]) = (vector(args)?, &args[1..])
        else {
            return Err(Error::new("takes a vector and two whole numbers"));
        };
        let range =
            || x.get(usize::try_from(first).ok()?.checked_sub(1)?..usize::try_from(last).ok()?);
        match range() {
            Some(slice) if !slice.is_empty() => blob(slice),
            _ => Err(Error::new(format!(
                "{first} to {last} is not within the {} elements of the vector; count from 1",
                x.len()
            ))),
        }
    }),
);

/// `lumos_quantize(x, type)`.
pub const QUANTIZE: Function = definition(
    "lumos_quantize",
    &[X, Param::new("type", Type::Text)],
    Type::Blob,
    "The vector in fewer bits, as a BLOB: `i8` keeps each element as a whole number from -127 to 127 times one scale for the vector, at most half a step away; \
     `bit` keeps the signs, 1 for a number above 0.",
    &[
        Example {
            sql: "SELECT lumos_vec_json(lumos_quantize('[127, -50.6, 0.2]', 'i8'))",
            answer: "[127,-51,0]",
        },
        Example {
            sql: "SELECT lumos_vec_json(lumos_quantize('[0.3, -0.2, 0, 7]', 'bit'))",
            answer: "[1,0,0,1]",
        },
    ],
    Body::Pure(|args| match args {
        [ValueRef::Vector(x), ValueRef::Text(name)] => {
            format::quantize(x, Format::parse(name)?).map(Value::Blob)
        }
        _ => Err(Error::new("takes a vector and the name of a type")),
    }),
);

fn vector<'a>(args: &[ValueRef<'a>]) -> Result<&'a [f32]> {
    match args.first() {
        Some(ValueRef::Vector(x)) => Ok(x),
        _ => Err(Error::new("takes a vector")),
    }
}

fn blob(vector: &[f32]) -> Result<Value> {
    format::encode(vector, Format::F32).map(Value::Blob)
}
