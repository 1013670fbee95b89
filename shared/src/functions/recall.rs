//! `lumos_recall`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const RECALL: Function = Function {
    name: "lumos_recall",
    section: Section::Vectors,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[
        ("recall", Type::Real),
        ("least", Type::Real),
        ("queries", Type::Integer),
    ]),
    params: &[
        Param::new("name", Type::Text),
        Param::optional("n", Type::Integer),
        Param::optional("k", Type::Integer),
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Measures the index of a table of vectors against exact search: of the `k` (10) nearest rows, the share that a search finds, \
          as the mean over all queries, `recall`, and of the worst, `least`. The queries are `n` (100) of the stored vectors, \
          evenly by their ids, each without its own row; zero vectors are left out. Every query reads the whole table once.",
    examples: &[
        Example {
            sql: "CREATE VIRTUAL TABLE notes USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[384] metric=cosine)",
            answer: "",
        },
        Example {
            sql: "INSERT INTO notes WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 1000) SELECT i, lumos_embed('note ' || i || ' of ' || (i * i)) FROM c",
            answer: "",
        },
        Example {
            sql: "SELECT recall, least, queries FROM lumos_recall('notes', 50, 10)",
            answer: "1.0|1.0|50",
        },
    ],
    body: Body::Host,
};
