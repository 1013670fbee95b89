//! `lumos_learn`, `lumos_learn_values`: what DuckDB knows of a database, for questions.

use crate::example::example;
use crate::nl::learn::{self, LEARN_OPTIONS, VALUES_OPTIONS};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Sql, Type};

const TABLE: Example = example(
    "CREATE TABLE customer(id INTEGER PRIMARY KEY, name VARCHAR, country VARCHAR)",
    "",
);

/// The definition.
pub const LEARN: Function = Function {
    name: "lumos_learn",
    section: Section::Language,
    engines: Engines::DuckDb,
    kind: Kind::Table(learn::LEARN.output),
    params: &[Param::optional("options", Type::Json)],
    options: LEARN_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Reads the catalog of the current schema for questions; lumos_learn_values then reads the texts that stand in its tables. Run both before the first question, and after a change of the schema. \
          A function of DuckDB has no connection, so what is read is kept in memory for all connections of this instance, of up to eight databases and 192 MB of texts, until it is closed. \
          Gives the database and schema, and how many tables, columns and foreign keys it has. \
          A view is left out unless lumos_validate_sql lets its query pass, or it is named in `tables`; so are tables of Lumos, and one that a temporary table hides.",
    setup: &[],
    examples: &[],
    body: Body::Sql(&Sql {
        text: learn::learn_sql,
        fold: Some(&learn::LEARN),
        in_duckdb: &[
            TABLE,
            example(
                "SELECT tables, columns, keys FROM query(lumos_learn())",
                "1|3|0",
            ),
        ],
    }),
};

/// The definition.
pub const LEARN_VALUES: Function = Function {
    name: "lumos_learn_values",
    kind: Kind::Table(learn::VALUES.output),
    options: VALUES_OPTIONS,
    doc: "Reads the distinct texts of up to 80 bytes of the tables that lumos_learn has found, 200,000 of a column, two million and 64 MB of all: where there are more, those with the lowest hashes. \
          Run it again after changes that bring values to ask for: of a value that it does not know a question is not sure, and for one that is gone lumos_ask is an error. \
          Gives how many tables, rows and distinct texts there are. \
          Errors if lumos_learn has not run, or the schema has changed since. A table that is gone is DuckDB's own error: run lumos_learn again.",
    body: Body::Sql(&Sql {
        text: learn::values_sql,
        fold: Some(&learn::VALUES),
        in_duckdb: &[
            TABLE,
            example(
                "INSERT INTO customer VALUES (1, 'Luis', 'Brazil'), (2, 'Ana', 'Brazil'), (3, 'Jo', 'Canada')",
                "",
            ),
            example("SELECT tables FROM query(lumos_learn())", "1"),
            example(
                "SELECT tables, rows, texts FROM query(lumos_learn_values())",
                "1|3|5",
            ),
        ],
    }),
    ..LEARN
};
