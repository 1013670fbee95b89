//! `lumos_session_history`, `lumos_session_reset`: the questions that a session has kept.

use crate::example::example;
use crate::nl::session::{COLUMNS, HISTORY_FOLD, RESET_FOLD, history_sql, reset_sql};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Sql, Type};

/// What is asked before the examples in DuckDB.
const CREATE: Example = example(
    "CREATE TABLE customer(id INTEGER PRIMARY KEY, name VARCHAR, country VARCHAR)",
    "",
);
const INSERT: Example = example(
    "INSERT INTO customer VALUES (1, 'Luis', 'Brazil'), (2, 'Ana', 'Brazil'), (3, 'Jo', 'Canada')",
    "",
);
const LEARN: Example = example("SELECT tables FROM query(lumos_learn())", "1");
const VALUES: Example = example("SELECT texts FROM query(lumos_learn_values())", "5");
const ASKED: Example = example(
    "SELECT row FROM query(lumos_ask('How many customers are there in Brazil?', '{\"session\": \"a\"}'))",
    "{\"count\":2}",
);
const GOES_ON: Example = example(
    "SELECT row FROM query(lumos_ask('what about Canada?', '{\"session\": \"a\"}'))",
    "{\"count\":1}",
);

const IN_SQLITE: [Example; 2] = [
    example(
        "SELECT row FROM lumos_ask('How many customers are there in Brazil?', '{\"session\": \"a\"}')",
        "{\"count\":5}",
    ),
    example(
        "SELECT row FROM lumos_ask('what about Canada?', '{\"session\": \"a\"}')",
        "{\"count\":8}",
    ),
];

/// The definition.
pub const HISTORY: Function = Function {
    name: "lumos_session_history",
    section: Section::Language,
    engines: Engines::Both,
    kind: Kind::Table(COLUMNS),
    params: &[Param::new("session", Type::Text)],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Gives the questions that lumos_ask and lumos_to_sql have answered in a session, the option `session`, in their order: `goes_on` is 1 for one that was read as going on from the question before, 0 for one that stands by itself, with which the session begins anew; `sql` is what answered it. \
          In SQLite they stand in the table `lumos_session` of `main`, which is made when it is first needed; a question is added in the caller's transaction, so that a ROLLBACK takes it back, and in a database that is read-only the option is an error. \
          In DuckDB a function cannot write: the questions are kept in memory for all connections of the instance until it is closed, and a ROLLBACK does not take them back. \
          The last 100 of a session are kept, 10,000 of all, in DuckDB 16 MB; of one with more than 20 that go on from one another the last 20 count.",
    setup: &[],
    examples: &[
        IN_SQLITE[0],
        IN_SQLITE[1],
        example(
            "SELECT question, goes_on, sql FROM lumos_session_history('a')",
            "How many customers are there in Brazil?|0|SELECT count(*) AS \"count\" FROM \"Customer\" WHERE \"Country\" = 'Brazil'\nwhat about Canada?|1|SELECT count(*) AS \"count\" FROM \"Customer\" WHERE \"Country\" = 'Canada'",
        ),
    ],
    body: Body::Sql(&Sql {
        text: history_sql,
        fold: Some(&HISTORY_FOLD),
        in_duckdb: &[
            CREATE,
            INSERT,
            LEARN,
            VALUES,
            ASKED,
            GOES_ON,
            example(
                "SELECT question, goes_on, sql FROM query(lumos_session_history('a'))",
                "How many customers are there in Brazil?|0|SELECT count(*) AS \"count\" FROM \"customer\" WHERE \"country\" = 'Brazil'\nwhat about Canada?|1|SELECT count(*) AS \"count\" FROM \"customer\" WHERE \"country\" = 'Canada'",
            ),
        ],
    }),
};

/// The definition.
pub const RESET: Function = Function {
    name: "lumos_session_reset",
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    doc: "Forgets the questions of a session, in the caller's transaction. Returns how many there were. A question that stands by itself needs no reset: the session begins anew with it.",
    examples: &[
        IN_SQLITE[0],
        example("SELECT lumos_session_reset('a')", "1"),
        example("SELECT lumos_session_reset('a')", "0"),
    ],
    body: Body::Host,
    ..HISTORY
};

/// The definition.
pub const RESET_DUCKDB: Function = Function {
    engines: Engines::DuckDb,
    kind: Kind::Table(RESET_FOLD.output),
    doc: "Forgets the questions of a session; gives how many there were.",
    examples: &[],
    body: Body::Sql(&Sql {
        text: reset_sql,
        fold: Some(&RESET_FOLD),
        in_duckdb: &[
            CREATE,
            INSERT,
            LEARN,
            VALUES,
            ASKED,
            example("SELECT questions FROM query(lumos_session_reset('a'))", "1"),
        ],
    }),
    ..RESET
};
