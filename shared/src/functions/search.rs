//! `lumos_search`.
//!
//! No [`crate::Body::Rows`]: in SQLite it asks the index that the connection holds of a table, which no SELECT can read;
//! in DuckDB the index is in the database's memory, and two stages look at it and add to it ([`crate::search::stages`]).

use crate::search;
use crate::{
    Body, Engines, Error, Example, Function, Kind, Nulls, Param, Result, Section, Sql, Type,
    ValueRef,
};

/// The definition.
pub const SEARCH: Function = Function {
    name: "lumos_search",
    section: Section::Vectors,
    engines: Engines::Both,
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
    options: search::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "The `k` (10) rows of a table of vectors nearest to the query, by distance and then by id; distances are exact. \
          In SQLite `name` is a table of lumos_vec; `id` is the rowid, or the key where that is a text. \
          In DuckDB `name` is an ordinary table with the columns of ids and vectors, like `docs(id, e)`: then every vector is read, as by lumos_topk. \
          A third column, `docs(id, e, h)`, makes it an indexed search. It is declared `h UBIGINT CHECK (h = hash(e))` and written as `hash(e)`: DuckDB itself then refuses any change of a vector without its hash, so that an index in memory, which knows vectors by their hashes, is never stale. \
          The first search reads all vectors and builds it; later ones read ids and hashes, and vectors only of rows that are new. Where the CHECK is missing, the search is an error. \
          A row whose hash is NULL is read and measured at every search; `UPDATE docs SET h = hash(e) WHERE h IS NULL` ends that. \
          There is one index for a table, however its name is written, and its vectors are held once for all metrics and kinds. It takes the memory of the vectors and about an eighth more, less where their numbers are whole ones up to 255 or fit 16-bit floats, and lives as long as the database is open. \
          All indexes of the database together take at most `memory_limit_mb`: what a search finds beyond is not held but read at every search, and indexes that were not searched for long make room. \
          It pays from some 10,000 vectors of hundreds of dimensions on; for fewer or shorter ones the exact search is as fast. \
          A name is looked for in the current database and schema; a table in another database is written with its schema, `shop.main.docs(id, e, h)`, a temporary one `temp.main.docs(id, e, h)`. A view has neither CHECKs nor rowids: search it without a column of hashes.",
    setup: &[],
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
    body: Body::Sql(&Sql {
        text: |args, _| search(args),
        fold: None,
        in_duckdb: &[
            Example {
                sql: "CREATE TABLE docs(id BIGINT, e FLOAT[2], tag TEXT, h UBIGINT CHECK (h = hash(e)))",
                answer: "",
            },
            Example {
                sql: "INSERT INTO docs SELECT *, hash(e) FROM (VALUES (1, [0, 1]::FLOAT[2], 'a'), (2, [3, 4], 'b'), (3, [6, 9], 'a')) t(id, e, tag)",
                answer: "",
            },
            Example {
                sql: "FROM query(lumos_search('docs(id, e, h)', [0, 0]::FLOAT[2], 2))",
                answer: "1|1.0|1\n2|5.0|2",
            },
            Example {
                sql: "SELECT id FROM query(lumos_search('docs(id, e, h)', '[0, 0]', 2, '{\"filter\": \"tag = ''a''\", \"max_distance\": 5}'))",
                answer: "1",
            },
            Example {
                sql: "UPDATE docs SET e = [0, 2] WHERE id = 2",
                answer: "CHECK constraint failed",
            },
            Example {
                sql: "UPDATE docs SET e = [0, 2], h = hash([0, 2]::FLOAT[2]) WHERE id = 2",
                answer: "",
            },
            Example {
                sql: "SELECT id, distance FROM query(lumos_search('docs(id, e, h)', '[0, 0]', 2))",
                answer: "1|1.0\n2|2.0",
            },
        ],
    }),
};

fn search(args: &[ValueRef<'_>]) -> Result<String> {
    let target = target(args)?;
    let Some(ValueRef::Vector(query)) = args.get(1) else {
        return Ok(search::nothing());
    };
    let k = count(args.get(2), search::K);
    search::search(target, query, k, options(args.get(3)))
}

/// The first argument of all that write SQL of searches.
pub(super) fn target<'a>(args: &[ValueRef<'a>]) -> Result<&'a str> {
    match args.first() {
        Some(ValueRef::Text(target)) => Ok(target),
        _ => Err(Error::new(
            "name is NULL; give a table of vectors, in DuckDB with its columns like docs(id, e)",
        )),
    }
}

/// A number that may be left out.
pub(super) fn count(given: Option<&ValueRef<'_>>, default: i64) -> i64 {
    match given {
        Some(ValueRef::Integer(count)) => *count,
        _ => default,
    }
}

/// The last argument.
pub(super) fn options<'a>(given: Option<&ValueRef<'a>>) -> Option<&'a str> {
    match given {
        Some(ValueRef::Text(options)) => Some(options),
        _ => None,
    }
}
