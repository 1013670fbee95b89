//! `lumos_recall`.

use super::search::{count, options, target};
use crate::program::Rows;
use crate::search;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const RECALL: Function = Function {
    name: "lumos_recall",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Table(search::RECALL.output),
    params: &[
        Param::new("name", Type::Text),
        Param::optional("n", Type::Integer),
        Param::optional("k", Type::Integer),
        Param::optional("options", Type::Json),
    ],
    options: search::RECALL_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Measures searches through the index of a table of vectors against exact ones: of the `k` (10) nearest rows, the share that `lumos_search` with the same options finds, \
          as the mean over all queries, `recall`, and of the worst, `least`. The queries are `n` (100) of the stored vectors, \
          evenly by their ids, each without its own row; zero vectors are left out. \
          `name` is a table of lumos_vec in SQLite, where every query reads the whole table once; in DuckDB a table with its columns, like `docs(id, e, h)`, read as by two calls of `lumos_search_many`.",
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
    body: Body::Rows(&Rows {
        program: |args, database| {
            let n = count(args.get(1), 100);
            let k = count(args.get(2), search::K);
            search::recall(target(args)?, n, k, options(args.get(3)), database)
        },
        fold: &search::RECALL,
        in_duckdb: &[
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
    }),
};
