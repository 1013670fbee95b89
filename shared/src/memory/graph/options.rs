//! The options of the functions of facts.

use crate::memory::options::{NOW, moment, option};
use crate::options::{OptionDef, OptionType};

/// What an option takes that may also have no end or no beginning.
const MOMENT_OR_NULL: OptionType =
    OptionType::Json("a time in UTC like \"2026-05-01 09:30:00\", seconds since 1970, or null");

const SCOPE: OptionDef = option(
    "scope",
    OptionType::Json("a text like \"acme/ann\""),
    "\"default\"",
    "whose facts: a call sees one scope only",
);
const PREDICATE: OptionDef = option(
    "predicate",
    OptionType::Text(" like \"works_at\""),
    "all",
    "only facts with it",
);
const AS_OF: OptionDef = option(
    "as_of",
    MOMENT_OR_NULL,
    "now",
    "what held then; null is all, whenever it held",
);
const AS_KNOWN: OptionDef = moment(
    "as_known",
    "now",
    "as it was known then: without what was added, ended or merged later",
);

/// Those of a fact added.
pub const ADD_OPTIONS: &[OptionDef] = &[
    SCOPE,
    option(
        "functional",
        OptionType::Flag,
        "true for age, birthday, born, favorite_<what>, lives_in, married_to, name, studies_at, works_as, works_at",
        "whether the subject has one object of this predicate at a time, so that a new one ends the old one",
    ),
    option(
        "valid_from",
        MOMENT_OR_NULL,
        "now",
        "since when it holds; null is since ever",
    ),
    moment(
        "valid_to",
        "",
        "since when it does not hold any more; said of a known fact, it ends that, also in the past where `valid_from` is left out",
    ),
    option(
        "confidence",
        OptionType::Number(0.0, " from 0 to 1"),
        "1",
        "how sure it is, and the weight of the edge in lumos_pagerank",
    ),
    option(
        "memory",
        OptionType::Integer(i64::MIN, i64::MAX),
        "",
        "the id of the memory that says it",
    ),
    option(
        "source",
        OptionType::Text(""),
        "",
        "where it comes from; kept as it is",
    ),
    NOW,
];

/// Those of a merger.
pub const MERGE_OPTIONS: &[OptionDef] = &[SCOPE, NOW];

/// Those of the facts of an entity.
pub const FACTS_OPTIONS: &[OptionDef] = &[PREDICATE, SCOPE, AS_OF, AS_KNOWN, NOW];

/// Those of neighbours.
pub const NEIGHBORS_OPTIONS: &[OptionDef] = &[
    option(
        "depth",
        OptionType::Integer(1, 100),
        "1",
        "the most facts from the entity to another",
    ),
    PREDICATE,
    SCOPE,
    AS_OF,
    AS_KNOWN,
    NOW,
];

/// Those of paths.
pub const PATHS_OPTIONS: &[OptionDef] = &[
    option(
        "max_length",
        OptionType::Integer(1, 100),
        "4",
        "the most facts of a path",
    ),
    option("k", OptionType::Integer(1, 1_000), "3", "the most paths"),
    PREDICATE,
    SCOPE,
    AS_OF,
    AS_KNOWN,
    NOW,
];

/// Those of ranks.
pub const PAGERANK_OPTIONS: &[OptionDef] = &[
    option("k", OptionType::Integer(1, 10_000), "10", "the most rows"),
    PREDICATE,
    SCOPE,
    AS_OF,
    AS_KNOWN,
    NOW,
];
