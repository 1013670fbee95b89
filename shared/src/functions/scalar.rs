//! `lumos_scalar`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const SCALAR: Function = Function {
    name: "lumos_scalar",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Any),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("params", Type::Json),
    ],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "The single value of a SELECT in DuckDB over the mirror: its one column in its first row, or NULL without rows. \
          Parameters as in `lumos_query`. Without FROM it holds no lock of SQLite while it runs.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[
        Example {
            sql: "SELECT lumos_scalar('SELECT count(*) FROM Genre')",
            answer: "25",
        },
        Example {
            sql: "SELECT lumos_scalar('SELECT Name FROM Genre WHERE GenreId = ?', '[2]')",
            answer: "Jazz",
        },
    ],
    body: Body::Host,
};
