//! `lumos_status`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Section, Type};

/// The definition.
pub const STATUS: Function = Function {
    name: "lumos_status",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[
        ("table", Type::Text),
        ("key", Type::Json),
        ("rows", Type::Integer),
        ("committed_seq", Type::Integer),
        ("applied_seq", Type::Integer),
        ("pending", Type::Integer),
        ("lag_ms", Type::Integer),
        ("schema_state", Type::Text),
        ("last_error", Type::Text),
        ("options", Type::Json),
    ]),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "One row for each tracked table: its key, the rows in the mirror, the changelog's last position, the position that the mirror equals, \
          the logged changes in between (`lumos_lag`), the milliseconds since this process last found the mirror equal to the source (`lag_ms`; NULL if nothing is pending, or if it never did; \
          the log has no clock, so the oldest change may be younger), \
          whether the table's definition is the mirrored one (`ok`, `changed` or `missing`) or it cannot be mirrored as it is (`failed`), why, or why the last attempt of this process to apply changes failed, if it did, and the options of `lumos_track`. Applies nothing.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[Example {
        sql: "SELECT \"table\", key, rows, pending, schema_state FROM lumos_status",
        answer: "Genre|[\"GenreId\"]|25|0|ok",
    }],
    body: Body::Host,
};
