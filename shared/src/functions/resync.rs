//! `lumos_resync(table, options)`.

use crate::options::PROGRESS;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const RESYNC: Function = Function {
    name: "lumos_resync",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("table", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[PROGRESS],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Copies a tracked table again, or all that match a GLOB pattern, and chooses the types of its columns anew. \
          The way out when a value does not fit its column, when the database was restored from a backup, \
          and when the mirror belongs to another database. \
          Returns what `lumos_track` returns.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[Example {
        sql: "SELECT lumos_resync('Genre')",
        answer: "[{\"table\":\"Genre\",\"rows\":25,\"key\":[\"GenreId\"]}]",
    }],
    body: Body::Host,
};
