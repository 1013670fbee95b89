//! `lumos_memory_add_many`, and `lumos_memory_hash` by which it finds what is there.

use super::memory::{INITIAL, TABLES};
use crate::example::example;
use crate::memory::many::{ADD_MANY as FOLD, add_many};
use crate::memory::row;
use crate::program::Rows;
use crate::{
    Body, Engines, Error, Example, Function, Kind, Nulls, Param, Section, Type, Value, ValueRef,
};

const SAID: Example = example(
    "CREATE TEMP TABLE said AS SELECT 'Ann lives in Rome' AS line, '{\"scope\": \"ann\", \"session\": \"s1\"}' AS options UNION ALL SELECT 'Bob is her brother', '{\"scope\": \"ann\", \"session\": \"s1\"}' UNION ALL SELECT 'ann lives in Rome.', '{\"scope\": \"ann\"}'",
    "",
);

/// The definition.
pub const ADD_MANY: Function = Function {
    name: "lumos_memory_add_many",
    section: Section::Memory,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[Param::new("query", Type::Text)],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Adds many texts: `query` is a query of two columns, the texts and the options of lumos_memory_add for each, NULL for none. \
          They are added in the order of the query, each as by a call of its own, all or none, and how many there were is returned. \
          The query is read before the first is added, and held in memory. For more texts than fit there, `SELECT count(lumos_memory_add(content, options)) FROM said` adds one after the other.",
    setup: &[],
    examples: &[
        INITIAL,
        SAID,
        example(
            "SELECT lumos_memory_add_many('SELECT line, options FROM said')",
            "3",
        ),
        example(
            "SELECT id, session, turn, content, uses FROM lumos_memory",
            "1|s1|1|Ann lives in Rome|2\n2|s1|2|Bob is her brother|1",
        ),
    ],
    body: Body::Host,
};

const IN_DUCKDB: &[Example] = &[
    TABLES,
    SAID,
    example(
        "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add_many('SELECT line, options FROM said'))",
        "",
    ),
    example(
        "SELECT id, session, turn, content, uses FROM lumos_memory ORDER BY id",
        "1|s1|1|Ann lives in Rome|2\n2|s1|2|Bob is her brother|1",
    ),
];

/// The definition in DuckDB, where the caller stores the rows.
pub const ADD_MANY_DUCKDB: Function = Function {
    engines: Engines::DuckDb,
    kind: Kind::Table(FOLD.output),
    doc: "Gives the rows to be stored, for `INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add_many('SELECT content, options FROM said'))`, which is then what the function of this name does in SQLite, in the caller's transaction. A text that is there already takes an id too, which is not used then.",
    examples: IN_DUCKDB,
    body: Body::Rows(&Rows {
        program: |args, _| {
            add_many(match args.first() {
                Some(ValueRef::Text(query)) => Some(query),
                _ => None,
            })
        },
        fold: &FOLD,
        in_duckdb: IN_DUCKDB,
    }),
    ..ADD_MANY
};

/// The definition.
pub const HASH: Function = Function {
    name: "lumos_memory_hash",
    section: Section::Memory,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Integer),
    params: &[Param::new("content", Type::Text)],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: true,
    doc: "Returns the number that texts have in common which say the same, the column `hash` of a memory: whatever their case and spaces, words that add nothing (articles, \"really\", \"well\" at the beginning) and marks between words, but for question marks. A \"not\", a number, a name or a sign as in \"C++\" makes another.",
    setup: &[],
    examples: &[
        example(
            "SELECT CAST(lumos_memory_hash('The user really likes coffee.') = lumos_memory_hash('user likes  COFFEE') AS INTEGER) AS same",
            "1",
        ),
        example(
            "SELECT CAST(lumos_memory_hash('I like tea') = lumos_memory_hash('I do not like tea') AS INTEGER) AS same",
            "0",
        ),
    ],
    body: Body::Pure(|args| match args {
        [ValueRef::Text(content)] => Ok(Value::Integer(row::hash(content, None))),
        _ => Err(Error::new("content is no text")),
    }),
};
