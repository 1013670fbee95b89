//! `lumos_lag([table])`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const LAG: Function = Function {
    name: "lumos_lag",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[Param::optional("table", Type::Text)],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "The changes that wait to be applied to the mirror, of all tables or of one: rows of the changelog behind the position that the mirror equals. \
          A key that was touched twice counts twice. 0 means that the mirror equals the committed rows; \
          NULL that it has none of this database yet. Applies nothing; a changed definition shows in `lumos_status`.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[Example {
        sql: "SELECT lumos_lag(), lumos_lag('Genre')",
        answer: "0|0",
    }],
    body: Body::Host,
};
