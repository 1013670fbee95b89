//! `lumos_route(sql, params)`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const ROUTE: Function = Function {
    name: "lumos_route",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[
        ("engine", Type::Text),
        ("reason", Type::Text),
        ("estimated_rows", Type::Integer),
        ("estimated_ms", Type::Real),
    ]),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("params", Type::Json),
    ],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Says where `lumos_auto` would run a statement now, and why: `sqlite` or `duckdb`, the reason, \
          the rows that this engine is estimated to read, and the milliseconds that it should take, by earlier runs of the same shape if there were any. \
          Runs nothing and applies nothing.",
    setup: &["SELECT lumos_track('*')"],
    examples: &[
        Example {
            sql: "SELECT engine, reason FROM lumos_route('SELECT Name FROM Genre WHERE GenreId = 2')",
            answer: "sqlite|every table is read by a key",
        },
        Example {
            sql: "SELECT engine, reason FROM lumos_route('SELECT Milliseconds / 1000 FROM Track')",
            answer: "sqlite|integers are divided, or numbers that may be: SQLite truncates",
        },
    ],
    body: Body::Host,
};
