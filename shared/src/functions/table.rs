//! `lumos_table`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const TABLE: Function = Function {
    name: "lumos_table",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Module,
    params: &[Param::new("name", Type::Text)],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "A table or view of DuckDB as a table of SQLite: `CREATE VIRTUAL TABLE temp.t USING lumos_table('name')`, with the columns' names and types. \
          Comparisons, IN, LIKE, GLOB, IS NULL, ORDER BY, LIMIT and OFFSET go to DuckDB where both engines mean the same, and only the columns that are used are fetched. \
          `USING lumos_query(SELECT ...)` does the same for a query. \
          For analytics give the whole query to `lumos_query`: SQLite's virtual tables cannot hand on aggregates and joins.",
    setup: &["SELECT lumos_track('*')"],
    examples: &[
        Example {
            sql: "CREATE VIRTUAL TABLE temp.tracks USING lumos_table('Track')",
            answer: "",
        },
        Example {
            sql: "SELECT Name FROM temp.tracks WHERE TrackId IN (1, 5) ORDER BY TrackId DESC",
            answer: "Princess of the Dawn\nFor Those About To Rock (We Salute You)",
        },
    ],
    body: Body::Host,
};
