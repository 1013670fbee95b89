//! `lumos_search_many`.

use super::search::{count, options, target};
use crate::search;
use crate::{
    Body, Engines, Error, Example, Function, Kind, Nulls, Param, Section, Sql, Type, ValueRef,
};

/// The definition.
pub const SEARCH_MANY: Function = Function {
    name: "lumos_search_many",
    section: Section::Vectors,
    engines: Engines::DuckDb,
    kind: Kind::Table(&[
        ("query_id", Type::Any),
        ("id", Type::Any),
        ("distance", Type::Real),
        ("rank", Type::Integer),
    ]),
    params: &[
        Param::new("name", Type::Text),
        Param::new("queries", Type::Text),
        Param::optional("k", Type::Integer),
        Param::optional("options", Type::Json),
    ],
    options: search::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: true,
    doc: "Searches for many vectors at once: for each vector the rows that `lumos_search` finds, with the same arguments otherwise, and the same distances. \
          `queries` is a query with two columns, of anything that names a vector and of vectors, like `SELECT id, e FROM questions`; a NULL vector finds nothing. \
          The table is read once for all of them, in the threads of DuckDB if it has no column of hashes, so it takes far less than a search for each. \
          All vectors that are searched for are held in memory meanwhile, in every thread.",
    setup: &[],
    examples: &[],
    body: Body::Sql(&Sql {
        text: |args, _| {
            let Some(ValueRef::Text(queries)) = args.get(1) else {
                return Err(Error::new(
                    "queries is NULL; give a query of two columns like 'SELECT id, e FROM questions'",
                ));
            };
            let k = count(args.get(2), search::K);
            search::search_many(target(args)?, queries, k, options(args.get(3)))
        },
        fold: None,
        in_duckdb: &[
            Example {
                sql: "CREATE TABLE docs AS FROM (VALUES (1, [0, 1]::FLOAT[2]), (2, [3, 4]), (3, [6, 9])) t(id, e)",
                answer: "",
            },
            Example {
                sql: "CREATE TABLE questions AS FROM (VALUES ('a', [0, 0]::FLOAT[2]), ('b', [6, 8])) t(name, e)",
                answer: "",
            },
            Example {
                sql: "FROM query(lumos_search_many('docs(id, e)', 'SELECT name, e FROM questions', 2))",
                answer: "a|1|1.0|1\na|2|5.0|2\nb|3|1.0|1\nb|2|5.0|2",
            },
        ],
    }),
};
