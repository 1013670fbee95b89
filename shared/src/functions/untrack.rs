//! `lumos_untrack(table, options)`.

use crate::options::{OptionDef, OptionType};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const UNTRACK: Function = Function {
    name: "lumos_untrack",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("table", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[OptionDef {
        name: "drop_mirror",
        ty: OptionType::Flag,
        default: "true",
        doc: "drops the mirrored table; false leaves the rows, as they were applied last, as a table of one's own in `own`, which queries still name and `lumos_exec` can change or drop",
    }],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Ends the mirroring of a table, or of all that match a GLOB pattern: drops the triggers and the mirrored table. \
          Returns a JSON array of the tables. With the last table goes the changelog itself.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[Example {
        sql: "SELECT lumos_untrack('Genre')",
        answer: "[\"Genre\"]",
    }],
    body: Body::Host,
};
