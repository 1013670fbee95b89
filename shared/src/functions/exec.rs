//! `lumos_exec`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const EXEC: Function = Function {
    name: "lumos_exec",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("params", Type::Json),
    ],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Runs one statement in the attached DuckDB that may write tables and views of your own beside the mirrored ones, and returns the rows changed, also by a statement with RETURNING, whose rows are not given out. \
          The mirrored tables cannot be changed: they follow SQLite. A failed statement changes nothing.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[
        Example {
            sql: "SELECT lumos_exec('CREATE TABLE notes(id INTEGER, text VARCHAR)')",
            answer: "0",
        },
        Example {
            sql: "SELECT lumos_exec('INSERT INTO notes VALUES (1, ?), (2, NULL)', '[\"hello\"]')",
            answer: "2",
        },
        Example {
            sql: "SELECT lumos_exec('DELETE FROM Genre')",
            answer: "lumos_exec: Binder Error: Can only delete from base table",
        },
    ],
    body: Body::Host,
};
