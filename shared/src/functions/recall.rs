//! `lumos_recall`.

use super::search::{count, options, target};
use crate::search;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type, Value};

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
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Measures the index of a table of vectors against exact search: of the `k` (10) nearest rows, the share that a search finds, \
          as the mean over all queries, `recall`, and of the worst, `least`. The queries are `n` (100) of the stored vectors, \
          evenly by their ids, each without its own row; zero vectors are left out. Every query reads the whole table once.",
    setup: &[],
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

/// The definition in DuckDB, where tables are the user's own.
pub const RECALL_DUCKDB: Function = Function {
    name: "lumos_recall",
    section: Section::Vectors,
    engines: Engines::DuckDb,
    kind: Kind::Scalar(Type::Text),
    params: &[
        Param::new("name", Type::Text),
        Param::optional("n", Type::Integer),
        Param::optional("k", Type::Integer),
        Param::optional("options", Type::Json),
    ],
    options: search::RECALL_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: true,
    doc: "Writes the SQL that measures indexed searches of a table against exact ones, for `FROM query(lumos_recall(...))`, whose row is `recall`, `least` and `queries`:           of the `k` (10) nearest rows, the share that `lumos_search` with the same arguments finds, as the mean over all queries and of the worst.           The queries are `n` (100) of the table's vectors, evenly by their ids, each without its own row; zero vectors are left out. The table is read as by two calls of `lumos_search_many`.",
    setup: &[],
    examples: &[
        Example {
            sql: "CREATE TABLE notes(id BIGINT, e FLOAT[384], h UBIGINT CHECK (h = hash(e)))",
            answer: "",
        },
        Example {
            sql: "INSERT INTO notes SELECT *, hash(e) FROM (SELECT i, lumos_embed('note ' || i || ' of ' || (i * i))::FLOAT[384] AS e FROM range(1000) t(i))",
            answer: "",
        },
        Example {
            sql: "FROM query(lumos_recall('notes(id, e, h)', 50, 10, '{\"metric\": \"cosine\"}'))",
            answer: "1.0|1.0|50",
        },
    ],
    body: Body::Pure(|args| {
        let n = count(args.get(1), 100);
        let k = count(args.get(2), search::K);
        search::recall(target(args)?, n, k, options(args.get(3))).map(Value::Text)
    }),
};
