//! `lumos_cache_stats()`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Section, Type};

/// The definition.
pub const CACHE_STATS: Function = Function {
    name: "lumos_cache_stats",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "The results that are kept of earlier queries, as JSON: `entries`, `bytes` and their `limit`, `hits` and `misses`. \
          A result is kept if by its plan it reads mirrored tables only, with functions that give the same for the same, \
          and is given again until one of these tables changes, or `lumos_exec` runs. \
          The option `cache_bytes` of `lumos_attach` is the limit; 0 turns the cache off.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT lumos_cache_stats() ->> 'entries'",
        answer: "0",
    }],
    body: Body::Host,
};
