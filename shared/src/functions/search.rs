//! `lumos_search`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const SEARCH: Function = Function {
    name: "lumos_search",
    section: Section::Vectors,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[
        ("id", Type::Any),
        ("distance", Type::Real),
        ("rank", Type::Integer),
    ]),
    params: &[
        Param::new("name", Type::Text),
        Param::new("query", Type::Vector),
        Param::optional("k", Type::Integer),
        Param::optional("options", Type::Json),
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "The `k` (10) rows of a table of vectors nearest to the query, by distance and then by id; distances are exact. `id` is the rowid, or the key where that is a text. \
          Options: `\"filter\"`, a condition in SQL on the table's columns, and `\"ids\"`, a list, leave only some rows: \
          exactly those are searched; `\"max_distance\"` ends the answer earlier; `\"exact\": true` measures every row of which its code does not prove that it is farther (under `ip`, and over the rows of another table, all), so that the answer surely has the nearest; \
          `\"oversample\"` (4) is how many candidates are measured for each row, at least.",
    examples: &[
        Example {
            sql: "CREATE VIRTUAL TABLE notes USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2], tag TEXT)",
            answer: "",
        },
        Example {
            sql: "INSERT INTO notes VALUES (1, '[0, 1]', 'a'), (2, '[3, 4]', 'b'), (3, '[6, 9]', 'a')",
            answer: "",
        },
        Example {
            sql: "SELECT id, distance, rank FROM lumos_search('notes', '[0, 0]', 2)",
            answer: "1|1.0|1\n2|5.0|2",
        },
        Example {
            sql: "SELECT id FROM lumos_search('notes', '[0, 0]', 2, '{\"filter\": \"tag = ''a''\", \"max_distance\": 5}')",
            answer: "1",
        },
    ],
    body: Body::Host,
};
