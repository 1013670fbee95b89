//! `lumos_sync()`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Section, Type};

/// The definition.
pub const SYNC: Function = Function {
    name: "lumos_sync",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "Applies all committed changes to the mirror: one read snapshot of SQLite becomes one transaction of DuckDB. \
          Returns JSON: `tables` and `keys` that changed, `rows` written, and `seq`, the position of the changelog that the mirror now equals. \
          Refused inside a transaction that has written.",
    examples: &[Example {
        sql: "SELECT json_extract(lumos_sync(), '$.keys')",
        answer: "0",
    }],
    body: Body::Host,
};
