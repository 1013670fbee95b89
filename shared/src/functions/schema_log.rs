//! `lumos_schema_log`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Section, Type};

/// The definition.
pub const SCHEMA_LOG: Function = Function {
    name: "lumos_schema_log",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[
        ("seq", Type::Integer),
        ("recorded_at", Type::Text),
        ("table", Type::Text),
        ("event", Type::Text),
        ("rows", Type::Integer),
        ("schema_version", Type::Integer),
    ]),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "What happened to the mirrored tables themselves, oldest first: `tracked`, `added column x`, `dropped column x`, `renamed column x to y`, \
          `renamed from t`, `dropped`, or `copied: ` and why. Also the rows that a copy took, the UTC time, and SQLite's schema version. ADD, DROP \
          and RENAME COLUMN and RENAME TABLE change the mirror in place. A table is copied again if its key, a type or a trigger changed, if it was \
          made anew, or if another change of the schema since the last sync leaves open whether it was. The mirror keeps the last 1,000 events, \
          and forgets them with its file. Applies nothing.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[Example {
        sql: "SELECT \"table\", event, rows FROM lumos_schema_log",
        answer: "Genre|tracked|25",
    }],
    body: Body::Host,
};
