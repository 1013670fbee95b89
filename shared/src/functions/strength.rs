//! `lumos_retention`, `lumos_fsrs_next`, `lumos_activation`, `lumos_importance`, `lumos_emotion`: what a memory is
//! ranked by, for any table.

use serde_json::json;

use crate::example::example;
use crate::memory::activation::activation;
use crate::memory::estimate;
use crate::memory::fsrs::{self, Rating, Strength};
use crate::{
    Body, Engines, Error, Function, Kind, Nulls, Param, Result, Section, Type, Value, ValueRef,
};

const SCALAR: Function = Function {
    name: "",
    section: Section::Memory,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Real),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: true,
    doc: "",
    setup: &[],
    examples: &[],
    body: Body::Host,
};

/// A finite number.
fn number(args: &[ValueRef<'_>], i: usize, name: &str) -> Result<f64> {
    match args.get(i) {
        Some(ValueRef::Integer(v)) => Ok(*v as f64),
        Some(ValueRef::Real(v)) if v.is_finite() => Ok(*v),
        _ => Err(Error::new(format!("{name} is not a finite number"))),
    }
}

fn positive(args: &[ValueRef<'_>], i: usize, name: &str) -> Result<f64> {
    match number(args, i, name)? {
        v if v > 0.0 => Ok(v),
        v => Err(Error::new(format!("{name} is {v}; give days, more than 0"))),
    }
}

/// The definition.
pub const RETENTION: Function = Function {
    name: "lumos_retention",
    params: &[
        Param::new("days", Type::Real),
        Param::new("stability", Type::Real),
    ],
    doc: "Returns which share is still remembered so many days after the last review, from 1 down to 0, by the curve of FSRS-6: 0.9 when they are as many as the stability, which is in days too. It falls by a power of time, so that much is left after long.",
    examples: &[
        example("SELECT round(lumos_retention(7, 2.3), 3) AS r", "0.808"),
        example("SELECT round(lumos_retention(365, 2.3), 3) AS r", "0.459"),
        example(
            "SELECT lumos_retention(7, 0) AS r",
            "stability is 0; give days, more than 0",
        ),
    ],
    body: Body::Pure(|args| {
        let (days, stability) = (number(args, 0, "days")?, positive(args, 1, "stability")?);
        Ok(Value::Real(fsrs::retention(days, stability)))
    }),
    ..SCALAR
};

/// The definition.
pub const FSRS_NEXT: Function = Function {
    name: "lumos_fsrs_next",
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("stability", Type::Real),
        Param::new("difficulty", Type::Real),
        Param::new("days", Type::Real),
        Param::new("rating", Type::Integer),
    ],
    nulls: Nulls::Accept,
    doc: "Returns stability and difficulty after a review, by FSRS-6 with its default weights, as JSON. `days` have passed since the last review; `rating` is 1 (again), 2 (hard), 3 (good) or 4 (easy). \
          NULL for stability is the first review. The next one is due after as many days as the stability if nine of ten are to be remembered.",
    examples: &[
        example(
            "SELECT lumos_fsrs_next(NULL, NULL, NULL, 3) ->> '$.stability' AS s",
            "2.3065",
        ),
        example(
            "SELECT round(CAST(lumos_fsrs_next(2.3065, 2.118, 2.3065, 3) ->> '$.stability' AS DOUBLE), 1) AS s",
            "11.9",
        ),
        example(
            "SELECT lumos_fsrs_next(2, 5, 1, 7) AS s",
            "rating is 7; give 1",
        ),
    ],
    body: Body::Pure(|args| {
        let rating = match args.get(3) {
            Some(ValueRef::Integer(rating)) => Rating::new(*rating)?,
            _ => return Err(Error::new("rating is NULL; give a number from 1 to 4")),
        };
        let after = match args.first() {
            Some(ValueRef::Null) => fsrs::first(rating),
            _ => {
                let before = Strength {
                    stability: positive(args, 0, "stability")?,
                    difficulty: number(args, 1, "difficulty")?.clamp(1.0, 10.0),
                };
                fsrs::next(before, number(args, 2, "days")?, rating)
            }
        };
        let json = json!({"stability": after.stability, "difficulty": after.difficulty});
        Ok(Value::Text(json.to_string()))
    }),
    ..SCALAR
};

/// The definition.
pub const ACTIVATION: Function = Function {
    name: "lumos_activation",
    params: &[
        Param::new("ages", Type::Vector),
        Param::optional("uses", Type::Integer),
        Param::optional("oldest", Type::Real),
    ],
    doc: "Returns how present something is by its uses, the base level of ACT-R: the logarithm of the sum of age^-0.5 over the ages of its uses in seconds. \
          `ages` are those of the latest uses. If there were more, `uses` is how many in all and `oldest` the age of the first, and the others are taken to lie evenly between (Petrov's form).",
    examples: &[
        example(
            "SELECT round(lumos_activation('[4, 100]'), 3) AS b",
            "-0.511",
        ),
        example(
            "SELECT round(lumos_activation('[60, 3600]', 12, 864000), 3) AS b",
            "-1.796",
        ),
    ],
    body: Body::Pure(|args| {
        let Some(ValueRef::Vector(ages)) = args.first() else {
            return Err(Error::new("ages are no list of numbers"));
        };
        let ages: Vec<f64> = ages.iter().map(|age| f64::from(*age)).collect();
        if let Some(age) = ages.iter().find(|age| !(age.is_finite() && **age >= 0.0)) {
            return Err(Error::new(format!(
                "an age is {age}; give seconds, 0 or more"
            )));
        }
        let latest = ages.iter().copied().fold(0.0, f64::max);
        let uses = match args.get(1) {
            Some(ValueRef::Integer(uses)) => usize::try_from(*uses).unwrap_or(0),
            _ => ages.len(),
        };
        let oldest = match args.len() {
            3 => number(args, 2, "oldest")?,
            _ => latest,
        };
        if uses < ages.len() || oldest < latest {
            return Err(Error::new(
                "uses or oldest are less than those of ages; give the number of all uses and the age of the first",
            ));
        }
        Ok(activation(&ages, uses, oldest).map_or(Value::Null, Value::Real))
    }),
    ..SCALAR
};

/// The definition.
pub const IMPORTANCE: Function = Function {
    name: "lumos_importance",
    params: &[Param::new("text", Type::Text)],
    doc: "Returns how much a text seems to matter, 0.3 to 0.95, as lumos_memory_add estimates it from English and Chinese words: 0.3, and 0.3 more if it asks to be remembered, 0.2 if it says a preference, a decision, an obligation or what stays so, 0.1 for a number, 0.1 for strong emotion.",
    examples: &[
        example(
            "SELECT round(lumos_importance('Remember that I am allergic to peanuts'), 2) AS i",
            "0.8",
        ),
        example("SELECT round(lumos_importance('天气不错'), 2) AS i", "0.3"),
    ],
    body: Body::Pure(|args| match args {
        [ValueRef::Text(text)] => Ok(Value::Real(estimate::importance(text))),
        _ => Err(Error::new("text is not a text")),
    }),
    ..SCALAR
};

/// The definition.
pub const EMOTION: Function = Function {
    name: "lumos_emotion",
    kind: Kind::Scalar(Type::Json),
    params: &[Param::new("text", Type::Text)],
    doc: "Returns what a text feels like by its words, English and Chinese, as JSON: `valence` from -1 (bad) to 1 (good), the mean over the words with a feeling, turned around by a negation before the word, and `arousal` from 0 (calm) to 1 (stirred).",
    examples: &[
        example(
            "SELECT lumos_emotion('I am so happy!') AS e",
            "{\"valence\":0.7,\"arousal\":0.55}",
        ),
        example(
            "SELECT lumos_emotion('我不开心') AS e",
            "{\"valence\":-0.35,\"arousal\":0.25}",
        ),
    ],
    body: Body::Pure(|args| match args {
        [ValueRef::Text(text)] => {
            let felt = estimate::emotion(text);
            let json = json!({"valence": felt.valence, "arousal": felt.arousal});
            Ok(Value::Text(json.to_string()))
        }
        _ => Err(Error::new("text is not a text")),
    }),
    ..SCALAR
};
