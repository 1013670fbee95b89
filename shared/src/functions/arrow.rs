//! `lumos_arrow`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const ARROW: Function = Function {
    name: "lumos_arrow",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Blob),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("params", Type::Json),
    ],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "All rows of a SELECT in DuckDB over the mirror as one BLOB, a stream of Arrow's IPC format: for a program that \
          wants a table of pandas, polars or Arrow, in one call and without a value for each cell, as in \
          `pyarrow.ipc.open_stream(blob).read_all()`. Parameters as in `lumos_query`. Whole numbers beyond 64 bits are \
          DECIMAL(38,0); lists, arrays and structs are Arrow's own; an enum, a UUID, an interval and a rarer type is its \
          text, a map or a union its JSON. At most what SQLite lets a BLOB have, 1 GB: more is an error.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[Example {
        sql: "SELECT hex(substr(lumos_arrow('SELECT GenreId, Name FROM Genre'), 1, 4))",
        answer: "FFFFFFFF",
    }],
    body: Body::Host,
};
