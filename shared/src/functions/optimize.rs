//! `lumos_optimize(table, options)`.

use crate::options::{OptionDef, OptionType, PROGRESS};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const OPTIMIZE: Function = Function {
    name: "lumos_optimize",
    section: Section::Layout,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::optional("table", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[
        OptionDef {
            name: "order_by",
            ty: OptionType::Json("the name of a column, or null for the key"),
            default: "the column of the call before, at first the key",
            doc: "the column to sort by",
        },
        PROGRESS,
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Sorts the mirrored rows of a table anew, or of all that match a GLOB pattern (default: all), and gives back the space that changes left. \
          A query for a range of the sorted column then skips most of the table. \
          Changes that are pending are applied first. \
          Returns the number of tables and rows, the bytes that the mirror uses before and after, and the milliseconds. \
          While it runs, the mirror's file holds the table twice.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[
        Example {
            sql: "SELECT lumos_optimize('Genre', '{\"order_by\": \"Name\"}') ->> 'rows'",
            answer: "25",
        },
        Example {
            sql: "SELECT lumos_optimize('Genre', '{\"order_by\": \"Date\"}')",
            answer: "lumos_optimize: table \"Genre\" has no column \"Date\"; order_by takes a column of the table",
        },
    ],
    body: Body::Host,
};
