//! `lumos_embed(text[, model])`.

use crate::embed::models;
use crate::vector::format::{self, Format};
use crate::{
    Body, Engines, Error, Example, Function, Kind, Nulls, Param, Result, Section, Type, Value,
    ValueRef,
};

/// The definition.
pub const EMBED: Function = Function {
    name: "lumos_embed",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Vector),
    params: &[
        Param::new("text", Type::Text),
        Param::optional("model", Type::Text),
    ],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: true,
    doc: "The vector of a text, as a BLOB of 32-bit floats that the other functions take: texts that are alike get vectors that are near. The model 'hash' needs no file and is the default: it has 384 dimensions, length 1, and compares words (English ones by their stems, whatever their case and accents), parts of words, and pairs of Chinese, Japanese and Korean characters. It knows nothing of meaning: \"car\" is as far from \"automobile\" as from \"banana\". Its vectors never change between versions and machines. Other models are those of lumos_model_add; their vectors have length 1 too, and an index over them holds only as long as the name means the same model; those of a server come through the network, as lumos_model_add says, and nothing else does. In SQLite a call with a model stands only in statements of one's own: not in views, triggers, indexes, generated columns or CHECKs, which a file brings along. A text of which a model knows nothing, for 'hash' one without letters and digits, gives the zero vector, whose cosine distance to all others is 1.",
    setup: &[],
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
            answer: "lumos_embed: there is no model \"word2vec\"; add it with lumos_model_add('word2vec', 'its folder'), or leave the model out for 'hash'",
        },
    ],
    body: Body::Pure(body),
};

fn body(args: &[ValueRef<'_>]) -> Result<Value> {
    let (text, model) = match args {
        [ValueRef::Text(text)] => (text, models::BUILT_IN),
        [ValueRef::Text(text), ValueRef::Text(model)] => (text, *model),
        _ => return Err(Error::new("takes a text, and the name of a model as text")),
    };
    format::encode(&models::embed(text, model)?, Format::F32).map(Value::Blob)
}
