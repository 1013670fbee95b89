//! `lumos_ask`, `lumos_to_sql`, `lumos_parse`, `lumos_link`: questions in words.

use crate::memory::moment::MOMENT;
use crate::options::{OptionDef, OptionType};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

const fn example(sql: &'static str, answer: &'static str) -> Example {
    Example { sql, answer }
}

const TABLES: OptionDef = OptionDef {
    name: "tables",
    ty: OptionType::Json("an array of names"),
    default: "all",
    doc: "the tables and views that a question may be about",
};

const CONFIDENCE: OptionDef = OptionDef {
    name: "min_confidence",
    ty: OptionType::Number(0.0, " from 0 to 1"),
    default: "0.3",
    doc: "what is less sure is an error that gives the likeliest SQL; 0 answers always",
};

const AFTER: OptionDef = OptionDef {
    name: "after",
    ty: OptionType::Json("a question, or an array of questions"),
    default: "none",
    doc: "the questions before this one, the last of which it may go on from: \"what about 2012?\", \"only rock\", \"by month instead\", \"how many of them\"; one that stands by itself is read by itself",
};

const NOW: OptionDef = OptionDef {
    name: "now",
    ty: OptionType::Json(MOMENT),
    default: "the latest time in the column",
    doc: "the time from which \"last month\" or 最近7天 is told; nothing reads a clock",
};

const ROWS: OptionDef = OptionDef {
    name: "max_rows",
    ty: OptionType::Integer(1, 1_000_000),
    default: "1000",
    doc: "the most rows of an answer",
};

const K: OptionDef = OptionDef {
    name: "k",
    ty: OptionType::Integer(1, 40),
    default: "5",
    doc: "the most readings",
};

const ASKING: Function = Function {
    name: "",
    section: Section::Language,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Text),
    params: &[
        Param::new("question", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[TABLES, CONFIDENCE, AFTER, NOW],
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
    doc: "Gives the SELECT that a question in English means, made of the names and values of this database alone, without a model or a network. \
          Words are looked for in names of tables and columns, also by synonyms, abbreviations and stems, and in the distinct texts of up to 80 bytes that columns have; joins come of foreign keys, and of columns that are called like the key of another table or have values of it alone. \
          Errors if the confidence is below `min_confidence`. A question in Chinese is read word by word, and names in it by their sound; it is understood less often. The names and values are read at the first question of a connection, and again after a change to the database.",
    examples: &[example(
        "SELECT lumos_to_sql('How many customers are there in Brazil?')",
        "SELECT count(*) FROM \"Customer\" WHERE \"Country\" = 'Brazil'",
    )],
    ..ASKING
};

/// The definition.
pub const PARSE: Function = Function {
    name: "lumos_parse",
    kind: Kind::Table(&[
        ("rank", Type::Integer),
        ("sql", Type::Text),
        ("confidence", Type::Real),
        ("band", Type::Text),
        ("assumptions", Type::Json),
        ("unmatched", Type::Json),
    ]),
    options: &[TABLES, K, AFTER, NOW],
    doc: "Gives the readings of a question, the one that lumos_ask answers first: the likeliest that runs and finds something. \
          `confidence`, from 0 to 1, is the share of this reading among all by the weights that were trained on questions with known answers, less for words that mean nothing here; `band` is `high` from 0.75 on, `low` below 0.3. \
          `assumptions` says what it takes for granted, the time that it took for now among it; `unmatched` has the words of the question that mean nothing here.",
    examples: &[example(
        "SELECT sql, band, assumptions FROM lumos_parse('How many customers are there in Brazil?', '{\"k\": 1}')",
        "SELECT count(*) FROM \"Customer\" WHERE \"Country\" = 'Brazil'|high|[\"\\\"Brazil\\\" is a value of Customer.Country\"]",
    )],
    ..ASKING
};

/// The definition.
pub const LINK: Function = Function {
    name: "lumos_link",
    kind: Kind::Table(&[
        ("span", Type::Text),
        ("kind", Type::Text),
        ("target", Type::Text),
        ("score", Type::Real),
    ]),
    options: &[TABLES],
    doc: "Gives what the words of a question may mean: tables, columns and values of this database, numbers, days and operations. A value has a row for each column that has it.",
    examples: &[example(
        "SELECT * FROM lumos_link('Brazil')",
        "Brazil|value|Customer.Country|1.0\nBrazil|value|Invoice.BillingCountry|1.0",
    )],
    ..ASKING
};

/// The definition.
pub const ASK: Function = Function {
    name: "lumos_ask",
    kind: Kind::Table(&[
        ("row", Type::Json),
        ("sql", Type::Text),
        ("confidence", Type::Real),
        ("assumptions", Type::Json),
    ]),
    options: &[TABLES, CONFIDENCE, ROWS, AFTER, NOW],
    doc: "Answers a question in English: `row` is a JSON object for each row of the answer, beside the SQL that gave it, how sure that is, and what it takes for granted. \
          It runs one SELECT that lumos_to_sql makes, in the transaction of the caller and under the connection's authorizer. \
          Times are understood as people say them (\"last quarter\", \"in May 2024\", 最近7天), also groups of them (\"by month\"), shares, growth (\"year over year\", 环比), running totals and moving averages. With `after` it goes on from the questions before. \
          Errors if the confidence is below `min_confidence`: ask in other words, or look at lumos_parse.",
    examples: &[
        example(
            "SELECT row FROM lumos_ask('How many customers are there in Brazil?')",
            "{\"count(*)\":5}",
        ),
        example(
            "SELECT row FROM lumos_ask('Which genre has the most tracks?')",
            "{\"Name\":\"Rock\"}",
        ),
        example(
            "SELECT row FROM lumos_ask('what about Canada?', '{\"after\": [\"How many customers are there in Brazil?\"]}')",
            "{\"count(*)\":8}",
        ),
    ],
    ..ASKING
};
