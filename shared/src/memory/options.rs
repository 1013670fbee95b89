//! The options of the functions of a memory.

use serde_json::Value as Json;

use super::embedding::EMBEDDING;
use super::moment::MOMENT;
use super::row::Column;
use crate::options::{OptionDef, OptionType, Options};
use crate::{Error, Result};

pub(super) const fn option(
    name: &'static str,
    ty: OptionType,
    default: &'static str,
    doc: &'static str,
) -> OptionDef {
    OptionDef {
        name,
        ty,
        default,
        doc,
    }
}

pub(super) const fn moment(
    name: &'static str,
    default: &'static str,
    doc: &'static str,
) -> OptionDef {
    option(name, OptionType::Json(MOMENT), default, doc)
}

const fn number(
    name: &'static str,
    least: f64,
    values: &'static str,
    default: &'static str,
    doc: &'static str,
) -> OptionDef {
    option(name, OptionType::Number(least, values), default, doc)
}

/// What a list of texts is, for errors.
const TEXTS: &str = "a list of texts";

/// The scope where none is given.
pub const DEFAULT_SCOPE: &str = "default";

/// The kinds of memories.
pub const KINDS: &[&str] = &["episode", "fact", "preference", "procedure", "summary"];

/// The tiers that may be asked for; `working` is none of the column, see [`super::search`].
pub const TIERS: &[&str] = &["working", "short", "long", "archive"];

const SCOPE: OptionDef = option(
    "scope",
    OptionType::Json("a text like \"acme/ann\""),
    "\"default\"",
    "whose memories: a search sees one scope only",
);
const KIND: OptionDef = option(
    "kind",
    OptionType::OneOf(KINDS),
    "\"episode\"",
    "what it is",
);
const IMPORTANCE: OptionDef = number(
    "importance",
    0.0,
    " from 0 to 1",
    "estimated from the text",
    "how much it matters",
);
const VALENCE: OptionDef = number(
    "valence",
    -1.0,
    " from -1 to 1",
    "estimated from the text",
    "its feeling, from bad to good",
);
const AROUSAL: OptionDef = number(
    "arousal",
    0.0,
    " from 0 to 1",
    "estimated from the text",
    "how strong the feeling is",
);
const TAGS: OptionDef = option("tags", OptionType::Json(TEXTS), "[]", "words to choose by");
const PINNED: OptionDef = option(
    "pinned",
    OptionType::Flag,
    "false",
    "it is neither forgotten nor superseded, and does not fade",
);
const EVENT_TIME: OptionDef = moment("event_time", "now", "when it happened");
const VALID_FROM: OptionDef = moment("valid_from", "", "since when it is true");
const EXPIRES_AT: OptionDef = moment("expires_at", "", "from when on it is not found any more");
/// Where a memory comes from, see [`super::sources::given`].
pub const SOURCE: OptionDef = option(
    "source",
    OptionType::Json(
        "an object like {\"uri\": \"chat/7\", \"span\": [0, 20], \"confidence\": 0.9}, or a text, the uri",
    ),
    "",
    "where it comes from, kept with when it was said (`at`); {\"memory\": id} cites another memory",
);
const URI: OptionDef = option(
    "uri",
    OptionType::Text(" like \"photos/7.png\""),
    "",
    "where the image, sound or file is that the text describes; Lumos does not open it",
);
const MEDIA_TYPE: OptionDef = option(
    "media_type",
    OptionType::Text(" like \"image/png\""),
    "",
    "what `uri` is",
);
const EMBED: OptionDef = option(
    "embedding",
    OptionType::Json(EMBEDDING),
    "",
    "the vector of the text or of what it describes, by a model of the caller's; all of a scope have the same dimensions",
);
/// The moment of the call.
pub const NOW: OptionDef = moment(
    "now",
    "the clock",
    "the moment of the call, so that the same call gives the same answer",
);

/// Those of the tables.
pub const INIT: &[OptionDef] = &[
    option(
        "dimensions",
        OptionType::Integer(0, 16_384),
        "as it is",
        "makes an index of the embeddings with so many dimensions, `lumos_memory_vectors`, which triggers keep and a search of a scope with 5,000 memories or more reads; 0 takes it away",
    ),
    option(
        "index",
        OptionType::OneOf(&["flat4", "hnsw"]),
        "as it is, `flat4` at first",
        "with `hnsw` the index has a graph, for a million memories; `INSERT INTO lumos_memory_vectors(lumos_memory_vectors) VALUES ('optimize')` makes it, in some minutes, and what was added since is scanned beside it",
    ),
];

/// Those of a memory added.
pub const ADD: &[OptionDef] = &[
    SCOPE,
    option(
        "session",
        OptionType::Text(" that names the conversation"),
        "",
        "the conversation that it is the next turn of; a search counts the words of neighbouring turns and of the whole session too",
    ),
    KIND,
    IMPORTANCE,
    VALENCE,
    AROUSAL,
    TAGS,
    PINNED,
    EVENT_TIME,
    VALID_FROM,
    EXPIRES_AT,
    SOURCE,
    URI,
    MEDIA_TYPE,
    EMBED,
    option(
        "dedup",
        OptionType::Flag,
        "true",
        "whether a text that says the same as a memory of the scope (see lumos_memory_hash) strengthens that memory instead",
    ),
    NOW,
];

/// Those of a memory in the place of another.
pub const SUPERSEDE: &[OptionDef] = &[
    KIND, IMPORTANCE, VALENCE, AROUSAL, TAGS, PINNED, EVENT_TIME, VALID_FROM, EXPIRES_AT, SOURCE,
    URI, MEDIA_TYPE, EMBED, NOW,
];

/// Those of a change.
pub const UPDATE: &[OptionDef] = &[
    option(
        "content",
        OptionType::Text(""),
        "as it is",
        "the text, corrected; what has changed in the world is for lumos_memory_supersede",
    ),
    KIND,
    IMPORTANCE,
    VALENCE,
    AROUSAL,
    TAGS,
    EVENT_TIME,
    VALID_FROM,
    moment("valid_to", "", "until when it was true"),
    EXPIRES_AT,
    SOURCE,
    URI,
    MEDIA_TYPE,
    option(
        "embedding",
        OptionType::Json(EMBEDDING),
        "as it is",
        "the vector, also where the text is corrected; null takes it away",
    ),
    NOW,
];

/// Those of calls with the moment alone.
pub const MOMENT_ONLY: &[OptionDef] = &[NOW];

/// Those of forgetting.
pub const FORGET: &[OptionDef] = &[
    option(
        "hard",
        OptionType::Flag,
        "false",
        "deletes the row; in SQLite only, in DuckDB it is a DELETE of the caller's",
    ),
    NOW,
];

/// Which memories a search or a time line takes.
const SESSION: OptionDef = option(
    "session",
    OptionType::Text(" that names the conversation"),
    "",
    "only this session",
);
const ONLY_KINDS: OptionDef = option(
    "kinds",
    OptionType::Json(TEXTS),
    "all, but summaries that lumos_memory_consolidate made",
    "only these kinds",
);
const ONLY_TIERS: OptionDef = option(
    "tiers",
    OptionType::Json(TEXTS),
    "[\"short\", \"long\"]",
    "only these tiers; \"working\" is the latest ten turns of each session, of the last four hours",
);
const ONLY_TAGS: OptionDef = option(
    "tags",
    OptionType::Json(TEXTS),
    "",
    "only memories with one of these",
);
const FROM: OptionDef = moment("from", "", "only what happened then or later");
const TO: OptionDef = moment("to", "", "only what happened before");
const AS_OF: OptionDef = moment("as_of", "now", "what was true then");
const AS_KNOWN: OptionDef = moment(
    "as_known",
    "",
    "as it was known then: without what was added or superseded later",
);

/// What the option `weights` takes.
const WEIGHTS_GIVEN: &str = "an object like {\"words\": 0.65, \"vector\": 0.35, \"time\": 0.4}, of numbers from 0 to 100; the first two are not both 0";

/// The shares of words and of the embedding in a score, and what the time adds. Errors if the option says none.
pub fn weights(options: &Options) -> Result<[f64; 3]> {
    let wrong = || options.wrong("weights", WEIGHTS_GIVEN);
    let mut weights = [0.65, 0.35, 0.4];
    match options.get("weights") {
        None | Some(Json::Null) => return Ok(weights),
        Some(Json::Object(given)) => {
            for (name, weight) in given {
                let at = ["words", "vector", "time"]
                    .iter()
                    .position(|known| known == name);
                let weight = weight.as_f64().filter(|w| (0.0..=100.0).contains(w));
                weights[at.ok_or_else(wrong)?] = weight.ok_or_else(wrong)?;
            }
        }
        Some(_) => return Err(wrong()),
    }
    let sum = weights[0] + weights[1];
    if sum > 0.0 {
        Ok([weights[0] / sum, weights[1] / sum, weights[2]])
    } else {
        Err(wrong())
    }
}

/// Those of a search.
pub const SEARCH: &[OptionDef] = &[
    option("k", OptionType::Integer(1, 10_000), "10", "the most rows"),
    SCOPE,
    SESSION,
    ONLY_KINDS,
    ONLY_TIERS,
    ONLY_TAGS,
    FROM,
    TO,
    AS_OF,
    AS_KNOWN,
    number(
        "decay",
        0.0,
        " from 0 to 1",
        "1",
        "how much the time since the last use counts: 15 % of the score at most",
    ),
    number(
        "diversity",
        0.0,
        " from 0 to 1",
        "0",
        "how much a memory is to differ from those before it",
    ),
    number("min_score", 0.0, "", "0", "the least score"),
    number(
        "min_coverage",
        0.0,
        " from 0 to 1",
        "0",
        "the least share of the question's words, each counted by how rare it is in the scope, that a memory or one of the turns next to it holds, if it is found by words: with 0.3, what has nothing but a common word of the question is no answer",
    ),
    option(
        "embedding",
        OptionType::Json(EMBEDDING),
        "",
        "the vector of the question, by the model of the memories' embeddings",
    ),
    option(
        "weights",
        OptionType::Json(WEIGHTS_GIVEN),
        "{\"words\": 0.65, \"vector\": 0.35, \"time\": 0.4}",
        "how much words with names count and how much the embedding does, where there is one; and what a time adds that the question names and the memory is of; for the built-in embedder, which is one of words too, {\"words\": 0.85, \"vector\": 0.15}",
    ),
    NOW,
];

/// Those of a time line.
pub const TIMELINE: &[OptionDef] = &[
    option(
        "k",
        OptionType::Integer(1, 10_000),
        "100",
        "the most rows, of the latest",
    ),
    SCOPE,
    SESSION,
    ONLY_KINDS,
    ONLY_TIERS,
    ONLY_TAGS,
    FROM,
    TO,
    AS_OF,
    AS_KNOWN,
    NOW,
];

/// Those of what is due for a review.
pub const REVIEW_DUE: &[OptionDef] = &[
    option("k", OptionType::Integer(1, 10_000), "10", "the most rows"),
    SCOPE,
    number(
        "importance",
        0.0,
        " from 0 to 1",
        "0.7",
        "the least importance",
    ),
    NOW,
];

/// Those of what is similar.
pub const SIMILAR: &[OptionDef] = &[
    option("k", OptionType::Integer(1, 10_000), "10", "the most rows"),
    number(
        "min_score",
        0.0,
        " from 0 to 1",
        "0.5",
        "the least likeness",
    ),
    ONLY_KINDS,
    ONLY_TIERS,
    AS_OF,
    NOW,
];

const ONE_SCOPE: OptionDef = option(
    "scope",
    OptionType::Json("a text like \"acme/ann\""),
    "all",
    "only this scope",
);

/// Those of upkeep.
pub const UPKEEP: &[OptionDef] = &[ONE_SCOPE, NOW];

/// Those of upkeep that is done.
pub const CONSOLIDATE: &[OptionDef] = &[
    ONE_SCOPE,
    option(
        "dry_run",
        OptionType::Flag,
        "false",
        "changes nothing, and gives what would be done, with the reasons",
    ),
    NOW,
];

/// Those of numbers.
pub const STATS: &[OptionDef] = &[SCOPE];

/// The scope. Errors if it is no text, null too: so nobody's memories come to another by a value that is missing.
pub fn scope(options: &Options) -> Result<String> {
    match options.get("scope") {
        None => Ok(DEFAULT_SCOPE.into()),
        Some(Json::String(scope)) if !scope.is_empty() => Ok(scope.clone()),
        Some(_) => Err(options.wrong("scope", "a text like \"acme/ann\"")),
    }
}

/// A list of texts, if it is given. Errors if it is something else.
pub fn texts(options: &Options, name: &str) -> Result<Option<Vec<String>>> {
    let wrong = || options.wrong(name, TEXTS);
    match options.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Array(items)) => {
            let text = |item: &Json| item.as_str().map(str::to_owned).ok_or_else(wrong);
            items.iter().map(text).collect::<Result<_>>().map(Some)
        }
        Some(_) => Err(wrong()),
    }
}

/// Texts, if the option is given. Errors if one is not among `known`.
pub fn some_of(options: &Options, name: &str, known: &[&str]) -> Result<Option<Vec<String>>> {
    let given = texts(options, name)?;
    let unknown = given
        .iter()
        .flatten()
        .find(|text| !known.contains(&text.as_str()));
    match unknown {
        Some(_) => Err(options.wrong(
            name,
            &format!("a list of {}", crate::options::listed(known, "and")),
        )),
        None => Ok(given),
    }
}

/// A number of an option up to `most`, if it is given. Errors if it is above `most`.
pub fn up_to(known: &[OptionDef], options: &Options, name: &str, most: f64) -> Result<Option<f64>> {
    match options.number(name) {
        Some(number) if number > most => {
            let option = known.iter().find(|o| o.name == name);
            Err(options.wrong(name, &option.map(|o| o.ty.values()).unwrap_or_default()))
        }
        number => Ok(number),
    }
}

/// The columns that are numbers with their bounds.
pub const MEASURES: [(Column, &str, f64); 3] = [
    (Column::importance, "importance", 1.0),
    (Column::valence, "valence", 1.0),
    (Column::arousal, "arousal", 1.0),
];

/// The most bytes of a text.
const LONGEST: usize = 1 << 20;

/// The text of a memory. Errors if there is none, or too much.
pub fn content(text: Option<&str>) -> Result<&str> {
    match text {
        None => Err(Error::new("content is NULL; give a text")),
        Some(text) if text.trim().is_empty() => Err(Error::new("content is empty; give a text")),
        Some(text) if text.len() > LONGEST => Err(Error::new(format!(
            "content has {} bytes; give at most {LONGEST}, and long documents in parts",
            text.len()
        ))),
        Some(text) => Ok(text),
    }
}
