//! `lumos_narrate`, `lumos_autocomplete`, `lumos_suggest_questions`.

use crate::example::example;
use crate::nl::asked;
use crate::nl::asking::{AUTOCOMPLETE_OPTIONS, NARRATE_COLUMNS, NARRATE_OPTIONS};
use crate::nl::suggest::{COMPLETIONS, QUESTIONS};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Sql, Type};

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

/// The definition.
pub const NARRATE: Function = Function {
    name: "lumos_narrate",
    section: Section::Language,
    engines: Engines::Both,
    kind: Kind::Table(NARRATE_COLUMNS),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("lang", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: NARRATE_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Says a SELECT and its rows in words, in English or with `zh` in Chinese, by templates: `query` as lumos_explain_sql says it, NULL where that cannot, and `result`, how many rows there are, the first, the last, and what numbers run from and to. \
          It runs the SELECT in the caller's transaction, if lumos_validate_sql lets it pass with these options, and reads 1,000 rows at most. \
          In DuckDB the database must have been learned, see lumos_learn. \
          Errors if the SELECT does not pass.",
    setup: &[],
    examples: &[
        example(
            "SELECT query, result FROM lumos_narrate('SELECT count(*) AS customers FROM Customer')",
            "Shows the number of rows (customers) of Customer.|customers is 59.",
        ),
        example(
            "SELECT result FROM lumos_narrate('SELECT email FROM Customer', 'en', '{\"deny\": [\"customer.email\"]}')",
            "the query may not run: the column \"Customer\".\"Email\" may not be read",
        ),
    ],
    body: Body::Sql(&Sql {
        text: asked::narrate_sql,
        fold: Some(&asked::NARRATE),
        in_duckdb: &[
            CREATE,
            INSERT,
            LEARN,
            example(
                "SELECT result FROM query(lumos_narrate('SELECT count(*) AS customers FROM customer'))",
                "customers is 3.",
            ),
            example(
                "SELECT result FROM query(lumos_narrate('SELECT name FROM customer', 'en', '{\"deny\": [\"customer.name\"]}'))",
                "the query may not run: the column \"customer\".\"name\" may not be read",
            ),
        ],
    }),
};

/// The definition.
pub const AUTOCOMPLETE: Function = Function {
    name: "lumos_autocomplete",
    kind: Kind::Table(COMPLETIONS),
    params: &[
        Param::new("prefix", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: AUTOCOMPLETE_OPTIONS,
    doc: "Gives how a question that somebody is typing may go on: names of tables and columns as words, metrics, synonyms and values that begin with its last words. \
          `start` is the character, from 0, that the suggestion stands at, in place of all after it; `kind` is `table`, `column`, `metric`, `synonym` or `value`. \
          After a space, and at the beginning, it gives the tables. In DuckDB the database must have been learned, see lumos_learn.",
    examples: &[example(
        "SELECT suggestion, start, kind FROM lumos_autocomplete('How many customers are there in Brazil')",
        "Brazil|32|value\nBrazilian Music|32|value",
    )],
    body: Body::Sql(&Sql {
        text: asked::autocomplete_sql,
        fold: Some(&asked::AUTOCOMPLETE),
        in_duckdb: &[
            CREATE,
            INSERT,
            LEARN,
            VALUES,
            example(
                "FROM query(lumos_autocomplete('How many customers are there in Bra'))",
                "Brazil|32|value",
            ),
        ],
    }),
    ..NARRATE
};

/// The definition.
pub const SUGGEST_QUESTIONS: Function = Function {
    name: "lumos_suggest_questions",
    kind: Kind::Table(QUESTIONS),
    params: &[
        Param::new("table", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: AUTOCOMPLETE_OPTIONS,
    doc: "Gives questions about a table that lumos_ask understands, each with its SELECT and how sure that is, from 0.5 on. In DuckDB the database must have been learned, see lumos_learn. \
          Errors if there is no such table.",
    examples: &[example(
        "SELECT question, sql FROM lumos_suggest_questions('Genre', '{\"k\": 1}')",
        "How many genres are there?|SELECT count(*) AS \"count\" FROM \"Genre\"",
    )],
    body: Body::Sql(&Sql {
        text: asked::suggest_sql,
        fold: Some(&asked::SUGGEST),
        in_duckdb: &[
            CREATE,
            INSERT,
            LEARN,
            VALUES,
            example(
                "SELECT question, sql FROM query(lumos_suggest_questions('customer', '{\"k\": 1}'))",
                "How many customers are there?|SELECT count(*) AS \"count\" FROM \"customer\"",
            ),
        ],
    }),
    ..NARRATE
};
