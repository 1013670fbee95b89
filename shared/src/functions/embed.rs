//! `lumos_embed(text[, model])`.

use crate::{
    Body, Engines, Error, Example, Function, Kind, Nulls, Param, Result, Section, Type, Value,
    ValueRef, embed,
};

/// The definition.
pub const EMBED: Function = Function {
    name: "lumos_embed",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Blob),
    params: &[
        Param::new("text", Type::Text),
        Param::optional("model", Type::Text),
    ],
    nulls: Nulls::Propagate,
    deterministic: true,
    doc: "The vector of a text, as a BLOB of 32-bit floats that the other functions take: texts that are alike get vectors that are near. The model 'hash' needs no file and is the default: it has 384 dimensions, length 1, and compares words (English ones by their stems, whatever their case and accents), parts of words, and pairs of Chinese, Japanese and Korean characters. It knows nothing of meaning: \"car\" is as far from \"automobile\" as from \"banana\". Its vectors never change between versions and machines. A text without letters and digits gives the zero vector, whose cosine distance to all others is 1.",
    examples: &[
        Example {
            sql: "SELECT round(lumos_cosine(lumos_embed('Who paints sunrises?'), lumos_embed('She painted a sunrise')), 2) AS near, round(lumos_cosine(lumos_embed('Who paints sunrises?'), lumos_embed('The train was late')), 2) AS far",
            answer: "0.26|0.97",
        },
        Example {
            sql: "SELECT round(lumos_cosine(lumos_embed('发票已支付'), lumos_embed('哪些发票已经支付')), 2)",
            answer: "0.35",
        },
        Example {
            sql: "SELECT lumos_embed('car', 'word2vec')",
            answer: "lumos_embed: there is no model \"word2vec\"; leave the model out or give 'hash'",
        },
    ],
    body: Body::Pure(body),
};

fn body(args: &[ValueRef<'_>]) -> Result<Value> {
    let text = match args {
        [ValueRef::Text(text)] | [ValueRef::Text(text), ValueRef::Text("hash")] => text,
        [ValueRef::Text(_), ValueRef::Text(model)] => {
            return Err(Error::new(format!(
                "there is no model \"{model}\"; leave the model out or give 'hash'"
            )));
        }
        _ => return Err(Error::new("takes a text, and the name of a model as text")),
    };
    let vector = embed::hash::embed(text);
    Ok(Value::Blob(
        vector.iter().flat_map(|v| v.to_le_bytes()).collect(),
    ))
}
