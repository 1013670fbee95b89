//! `lumos_indexes`, `lumos_index_drop`: what searches in DuckDB hold in memory.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

const TABLE: Example = Example {
    sql: "CREATE TABLE docs(id BIGINT, e FLOAT[2], h UBIGINT CHECK (h = hash(e)))",
    answer: "",
};
const ROW: Example = Example {
    sql: "INSERT INTO docs VALUES (1, [3, 4], hash([3, 4]::FLOAT[2]))",
    answer: "",
};
const SEARCH: Example = Example {
    sql: "SELECT id, distance FROM query(lumos_search('docs(id, e, h)', '[0, 0]'))",
    answer: "1|5.0",
};

/// The list.
pub const INDEXES: Function = Function {
    name: "lumos_indexes",
    section: Section::Vectors,
    engines: Engines::DuckDb,
    kind: Kind::Scalar(Type::Json),
    params: &[],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "What `lumos_search` and `lumos_hybrid` hold in memory for this database, as JSON: each index's `name`, the table with its columns, \
          its `kind`, `flat4`, `flat8` or `words`, the number of different `values`, and the `bytes` of memory that it takes; \
          of vectors also `dims` and `metric`, of texts the number of `words`. \
          Values are held until the database is closed, also those that are in no row any more, unless they fill the index; `lumos_index_drop` gives their memory back.",
    setup: &[],
    examples: &[
        TABLE,
        ROW,
        SEARCH,
        Example {
            sql: "SELECT i ->> '$[0].name' AS name, i ->> '$[0].values' AS n FROM (SELECT lumos_indexes() AS i)",
            answer: "\"memory\".\"main\".\"docs\"(\"id\", \"e\", \"h\")|1",
        },
    ],
    body: Body::Host,
};

/// Gives memory back.
pub const INDEX_DROP: Function = Function {
    name: "lumos_index_drop",
    section: Section::Vectors,
    engines: Engines::DuckDb,
    kind: Kind::Scalar(Type::Integer),
    params: &[Param::new("name", Type::Text)],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "Drops what searches hold in memory under this name, as `lumos_indexes` shows it or as the search has it, like `docs(id, e, h)`, then of every database and schema; returns how many indexes these were. \
          No table changes, and no answer: the next search reads all values again.",
    setup: &[],
    examples: &[
        TABLE,
        ROW,
        SEARCH,
        Example {
            sql: "SELECT lumos_index_drop('docs(id, e, h)')",
            answer: "1",
        },
        Example {
            sql: "SELECT lumos_indexes()",
            answer: "[]",
        },
    ],
    body: Body::Host,
};
