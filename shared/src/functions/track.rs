//! `lumos_track(table, options)`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const TRACK: Function = Function {
    name: "lumos_track",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("table", Type::Text),
        Param::optional("options", Type::Json),
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Mirrors a table from now on: adds triggers that log touched keys, then copies the rows. \
          The argument is a table or a GLOB pattern; `*` takes every table with a usable key and reports the others with the reason. \
          Returns a JSON array with table, rows and key. \
          The key is the INTEGER PRIMARY KEY, the primary key of a WITHOUT ROWID table, or a primary key or UNIQUE constraint whose columns are all NOT NULL. \
          Options: `key` (`\"rowid\"` for a table without a key; VACUUM may renumber such rows, so that the next sync copies the table again). \
          Tracking a tracked table changes nothing.",
    examples: &[
        Example {
            sql: "SELECT lumos_track('Genre')",
            answer: "[{\"table\":\"Genre\",\"rows\":25,\"key\":[\"GenreId\"]}]",
        },
        Example {
            sql: "SELECT lumos_track('Gener')",
            answer: "lumos_track: no table \"Gener\"; sqlite_schema lists the tables",
        },
    ],
    body: Body::Host,
};
