//! `lumos_sync(table, options)`.

use crate::options::PROGRESS;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const SYNC: Function = Function {
    name: "lumos_sync",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::optional("table", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[PROGRESS],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Applies all committed changes to the mirror: one read snapshot of SQLite becomes one transaction of DuckDB. \
          Returns JSON: `tables` and `keys` that changed, `rows` written, `seq`, the position of the changelog that the mirror now equals, and `ms`, the milliseconds that it took. \
          With a tracked table, or a GLOB pattern, the counts are those of what matches; all the same everything is applied, since a snapshot is of all tables. \
          A table that cannot be mirrored as it is, as with a value that does not fit, is an error here and in the queries that read it; the others are applied. \
          Refused inside a transaction that has written.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT json_extract(lumos_sync(), '$.keys')",
        answer: "0",
    }],
    body: Body::Host,
};
