//! `lumos_fix_sql(sql[, options])`.

use crate::example::example;
use crate::gate::fix::COLUMNS;
use crate::gate::folds::{FIX, mend};
use crate::gate::policy;
use crate::{Body, Engines, Function, Kind, Nulls, Param, Section, Sql, Type};

/// The definition.
pub const FIX_SQL: Function = Function {
    name: "lumos_fix_sql",
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
    doc: "Mends a SELECT that lumos_validate_sql refuses: names of tables and columns that are not there become those that are most like them, and what other engines write otherwise is written as this one does: `TOP 5` and `FETCH FIRST 5 ROWS ONLY`, `ILIKE`, `x::text`, names in backticks and brackets, functions of dates and texts, and keywords with a letter too many, too few or exchanged. \
          A text between lines of three backticks is taken out of what a model has written around it. \
          What has no sure translation stays as it was written, and nothing runs. \
          One row: `ok`, 1 if the result may run, with `reason` if it may not; `sql`, the result; and `changes`, a JSON array of what was written and what stands there now.",
    setup: &[],
    examples: &[
        example(
            "SELECT ok, sql FROM lumos_fix_sql('SELECT first_name FROM customers')",
            "1|SELECT FirstName FROM Customer",
        ),
        example(
            "SELECT sql FROM lumos_fix_sql('SELECT TOP 2 LEFT(FirstName, 1) FROM Customer WHERE Country ILIKE ''b%''')",
            "SELECT substr(FirstName, 1, 1) FROM Customer WHERE Country LIKE 'b%' LIMIT 2",
        ),
        example(
            "SELECT ok, reason FROM lumos_fix_sql('DROP TABLE customer')",
            "0|it is no SELECT",
        ),
    ],
    body: Body::Sql(&Sql {
        text: |args, _| mend(args),
        fold: Some(&FIX),
        in_duckdb: &[
            example(
                "CREATE TABLE customer(first_name VARCHAR, country VARCHAR)",
                "",
            ),
            example(
                "SELECT ok, sql, changes FROM query(lumos_fix_sql('SELECT FirstName FROM Customers'))",
                "1|SELECT first_name FROM customer|[{\"from\":\"FirstName\",\"to\":\"first_name\"},{\"from\":\"Customers\",\"to\":\"customer\"}]",
            ),
            example(
                "SELECT ok, reason FROM query(lumos_fix_sql('DROP TABLE customer'))",
                "0|it is no SELECT",
            ),
        ],
    }),
};
