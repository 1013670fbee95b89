//! `lumos_ask`, `lumos_to_sql`, `lumos_parse`, `lumos_link`: questions in words.

use crate::example::example;
use crate::nl::asked;
use crate::nl::asking::{
    ASK_COLUMNS, ASK_OPTIONS, LINK_COLUMNS, LINK_OPTIONS, PARSE_COLUMNS, PARSE_OPTIONS,
    TO_SQL_OPTIONS,
};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Sql, Type};

/// What is known before the examples in DuckDB.
const CREATE: Example = example(
    "CREATE TABLE customer(id INTEGER PRIMARY KEY, name VARCHAR, country VARCHAR)",
    "",
);
const INSERT: Example = example(
    "INSERT INTO customer VALUES (1, 'Luis', 'Brazil'), (2, 'Ana', 'Brazil'), (3, 'Jo', 'Canada')",
    "",
);
const LEARN: Example = example("SELECT tables, columns FROM query(lumos_learn())", "1|3");
const VALUES: Example = example("SELECT texts FROM query(lumos_learn_values())", "5");

const IN_DUCKDB_ASK: &[Example] = &[
    CREATE,
    INSERT,
    LEARN,
    VALUES,
    example(
        "SELECT row, sql FROM query(lumos_ask('How many customers are there in Brazil?'))",
        "{\"count\":2}|SELECT count(*) AS \"count\" FROM \"customer\" WHERE \"country\" = 'Brazil'",
    ),
    example(
        "FROM query(lumos_ask('Which customers are in Brazil?', '{\"typed\": true}'))",
        "Luis\nAna",
    ),
];

const IN_DUCKDB_TO_SQL: &[Example] = &[
    CREATE,
    INSERT,
    LEARN,
    VALUES,
    example(
        "FROM query(lumos_to_sql('How many customers are there in Brazil?'))",
        "SELECT count(*) AS \"count\" FROM \"customer\" WHERE \"country\" = 'Brazil'",
    ),
];

const IN_DUCKDB_PARSE: &[Example] = &[
    CREATE,
    INSERT,
    LEARN,
    VALUES,
    example(
        "SELECT sql, assumptions FROM query(lumos_parse('How many customers are there in Brazil?', '{\"k\": 1}'))",
        "SELECT count(*) AS \"count\" FROM \"customer\" WHERE \"country\" = 'Brazil'|[\"\\\"Brazil\\\" is a value of customer.country\"]",
    ),
];

const IN_DUCKDB_LINK: &[Example] = &[
    CREATE,
    INSERT,
    LEARN,
    VALUES,
    example(
        "FROM query(lumos_link('Brazil'))",
        "Brazil|value|customer.country|1.0",
    ),
];

const ASKING: Function = Function {
    name: "",
    section: Section::Language,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Text),
    params: &[
        Param::new("question", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: TO_SQL_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "",
    setup: &[],
    examples: &[],
    body: Body::Host,
};

/// The definition.
pub const TO_SQL: Function = Function {
    name: "lumos_to_sql",
    nulls: Nulls::Propagate,
    doc: "Gives the SELECT that a question in English means, made of the names and values of this database alone, without a model or a network unless lumos_llm_configure names one. \
          Words are looked for in names of tables and columns, also by synonyms, abbreviations and stems, and in the distinct texts of up to 80 bytes that columns have; joins come of foreign keys, and of columns that are called like the key of another table or have values of it alone. \
          Errors if the confidence is below `min_confidence`. A question in Chinese is read word by word, and names in it by their sound; it is understood less often. In SQLite the names and values are read at the first question of a connection, and again after a change to the database.",
    examples: &[example(
        "SELECT lumos_to_sql('How many customers are there in Brazil?')",
        "SELECT count(*) AS \"count\" FROM \"Customer\" WHERE \"Country\" = 'Brazil'",
    )],
    ..ASKING
};

/// The definition.
pub const TO_SQL_DUCKDB: Function = Function {
    engines: Engines::DuckDb,
    kind: Kind::Table(&[("sql", Type::Text)]),
    nulls: Nulls::Accept,
    doc: "Gives the SELECT that a question means, as one row; the rest is as in SQLite. \
          The database must have been learned, see lumos_learn.",
    examples: &[],
    body: Body::Sql(&Sql {
        text: asked::to_sql_sql,
        fold: Some(&asked::TO_SQL),
        in_duckdb: IN_DUCKDB_TO_SQL,
    }),
    ..TO_SQL
};

/// The definition.
pub const PARSE: Function = Function {
    name: "lumos_parse",
    engines: Engines::Both,
    kind: Kind::Table(PARSE_COLUMNS),
    params: &[
        Param::new("question", Type::Text),
        Param::optional("options", Type::Any),
    ],
    options: PARSE_OPTIONS,
    doc: "Gives the readings of a question, the one that lumos_ask answers first: the likeliest that runs and finds something. \
          `confidence`, from 0 to 1, is the share of this reading among all by the weights that were trained on questions with known answers, less for words that mean nothing here; `band` is `high` from 0.8 on, `low` below 0.3. \
          `assumptions` says what it takes for granted, the time that it took for now among it; `unmatched` has the words of the question that mean nothing here. \
          A whole number in place of the options is `k`.",
    examples: &[example(
        "SELECT sql, band, assumptions FROM lumos_parse('How many customers are there in Brazil?', 1)",
        "SELECT count(*) AS \"count\" FROM \"Customer\" WHERE \"Country\" = 'Brazil'|high|[\"\\\"Brazil\\\" is a value of Customer.Country\"]",
    )],
    body: Body::Sql(&Sql {
        text: asked::parse_sql,
        fold: Some(&asked::PARSE),
        in_duckdb: IN_DUCKDB_PARSE,
    }),
    ..ASKING
};

/// The definition.
pub const LINK: Function = Function {
    name: "lumos_link",
    engines: Engines::Both,
    kind: Kind::Table(LINK_COLUMNS),
    options: LINK_OPTIONS,
    doc: "Gives what the words of a question may mean: tables, columns and values of this database, numbers, days and operations. A value has a row for each column that has it.",
    examples: &[example(
        "SELECT * FROM lumos_link('Brazil')",
        "Brazil|value|Customer.Country|1.0\nBrazil|value|Invoice.BillingCountry|1.0",
    )],
    body: Body::Sql(&Sql {
        text: asked::link_sql,
        fold: Some(&asked::LINK),
        in_duckdb: IN_DUCKDB_LINK,
    }),
    ..ASKING
};

/// The definition.
pub const ASK: Function = Function {
    name: "lumos_ask",
    engines: Engines::Both,
    kind: Kind::Table(ASK_COLUMNS),
    options: ASK_OPTIONS,
    doc: "Answers a question in English: `row` is a JSON object for each row of the answer, beside the SQL that gave it, how sure that is, and what it takes for granted. \
          It runs one SELECT that lumos_to_sql makes, in the transaction of the caller and in SQLite under the connection's authorizer. \
          Times are understood as people say them (\"last quarter\", \"in May 2024\", 最近7天), also groups of them (\"by month\"), shares, growth (\"year over year\", 环比), running totals and moving averages. With `after` or `session` it goes on from the questions before: `session` keeps them by a name, see lumos_session_history. A language model may be asked too, see `mode` and lumos_llm_configure. \
          In DuckDB the database must have been learned, see lumos_learn; a schema that has changed since, or a value that the question names and that is gone, is an error. \
          Errors if the confidence is below `min_confidence`: ask in other words, or look at lumos_parse.",
    examples: &[
        example(
            "SELECT row FROM lumos_ask('How many customers are there in Brazil?')",
            "{\"count\":5}",
        ),
        example(
            "SELECT row FROM lumos_ask('Which genre has the most tracks?')",
            "{\"Name\":\"Rock\"}",
        ),
        example(
            "SELECT row FROM lumos_ask('what about Canada?', '{\"after\": [\"How many customers are there in Brazil?\"]}')",
            "{\"count\":8}",
        ),
    ],
    body: Body::Sql(&Sql {
        text: asked::ask_sql,
        fold: Some(&asked::ASK),
        in_duckdb: IN_DUCKDB_ASK,
    }),
    ..ASKING
};
