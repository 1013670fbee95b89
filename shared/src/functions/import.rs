//! `lumos_import`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const IMPORT: Function = Function {
    name: "lumos_import",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("schema", Type::Text),
        Param::optional("prefix", Type::Text),
    ],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Makes a temporary virtual table for each table and view of a schema of DuckDB, named with a prefix (default: the schema's name and `_`), and returns their names. \
          The mirrored tables are the schema `main`.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[
        Example {
            sql: "SELECT lumos_import('main', 'm_')",
            answer: "[\"m_Genre\"]",
        },
        Example {
            sql: "SELECT count(*) FROM m_Genre",
            answer: "25",
        },
    ],
    body: Body::Host,
};
