//! `lumos_validate_sql(sql[, options])`.

use crate::example::example;
use crate::gate::folds::{VALIDATE, validate};
use crate::gate::{COLUMNS, policy};
use crate::{Body, Engines, Function, Kind, Nulls, Param, Section, Sql, Type};

/// The definition.
pub const VALIDATE_SQL: Function = Function {
    name: "lumos_validate_sql",
    section: Section::Language,
    engines: Engines::Both,
    kind: Kind::Table(COLUMNS),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: policy::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Says whether SQL from anywhere, such as a model's, may run: one row with `ok`, 1 or 0, and the `reason` if it may not. \
          It runs nothing of it. \
          The engine itself reads the text, in an empty copy of the schema on a connection of its own, and binds it there: so `reason` may be the engine's own error, for a column that is not there say. \
          It may run if it is one SELECT, reads tables of this database only (not temporary ones, nor those of attached databases), and calls functions only that compute a value of their arguments: none that reads a file, a setting or a server, runs SQL, or makes rows out of anything but its arguments. \
          Then `normalized_sql` is the text without comments: run that one, since it is what the engine has read. \
          `tables` and `functions` are JSON arrays of what it reads and calls, operators apart. \
          A text may have 65,536 bytes and be nested 64 deep. \
          A column of the option `deny` may stand in no part of a query, and in DuckDB nothing may take columns of its table without their names, as `*` and a whole row do.",
    setup: &[],
    examples: &[
        example(
            "SELECT ok, tables, functions FROM lumos_validate_sql('SELECT count(*) FROM album WHERE title LIKE ''A%''')",
            "1|[\"Album\"]|[\"count\",\"like\"]",
        ),
        example(
            "SELECT ok, reason FROM lumos_validate_sql('DROP TABLE album')",
            "0|it is no SELECT",
        ),
        example(
            "SELECT ok, reason FROM lumos_validate_sql('SELECT email FROM customer', '{\"deny\": [\"customer.email\"]}')",
            "0|the column \"Customer\".\"Email\" may not be read",
        ),
    ],
    body: Body::Sql(&Sql {
        text: |args, _| validate(args),
        fold: Some(&VALIDATE),
        in_duckdb: &[
            example("CREATE TABLE customer(name VARCHAR, email VARCHAR)", ""),
            example(
                "SELECT ok, tables, functions FROM query(lumos_validate_sql('SELECT max(name) FROM Customer'))",
                "1|[\"customer\"]|[\"max\"]",
            ),
            example(
                "SELECT ok, reason FROM query(lumos_validate_sql('DROP TABLE customer'))",
                "0|it is no SELECT",
            ),
            example(
                "SELECT ok, reason FROM query(lumos_validate_sql('SELECT email FROM customer', '{\"deny\": [\"customer.email\"]}'))",
                "0|the column \"customer\".\"email\" may not be read",
            ),
            example(
                "SELECT ok, reason FROM query(lumos_validate_sql('SELECT content FROM read_text(''/etc/passwd'')'))",
                "0|the function read_text may not stand in FROM",
            ),
        ],
    }),
};
