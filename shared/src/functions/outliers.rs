//! `lumos_outliers(source[, options])`.

use crate::outliers;
use crate::program::Rows;
use crate::source::{SOURCE, options, source};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

const HOUSES: Example = Example {
    sql: "CREATE TABLE houses AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 100) SELECT i AS id, 2 + i % 4 AS rooms, 100 + i * 7 % 50 + CASE WHEN i = 60 THEN 900 ELSE 0 END AS price FROM c",
    answer: "",
};

/// The definition.
pub const OUTLIERS: Function = Function {
    name: "lumos_outliers",
    section: Section::Series,
    engines: Engines::Both,
    kind: Kind::Table(outliers::OUTLIERS.output),
    params: &[SOURCE, Param::optional("options", Type::Json)],
    options: outliers::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Which rows are unlike the others: a row for each of the source, the oddest first, by COPOD. \
          `key` is the key as text, with all of its digits. `score` adds up, over the columns, how improbable a value as far out in its tail is, in natural logarithms; of a text, a date and NULL it is how rare they are. \
          `reasons` has the columns that most of it is of, with their shares. `source` is a table, a table with columns like `houses(id, rooms, price)`, of which the first is the key, or a query. \
          Of more rows than `max_rows` only those are looked at, and in the answer, that the hashes of their content choose: a half, a quarter and so on, the same ones whatever the order of the rows; `explanation` then says how many of how many.",
    setup: &[],
    examples: &[
        HOUSES,
        Example {
            sql: "SELECT key, round(score, 1), reasons, explanation FROM lumos_outliers('houses(id, rooms, price)') WHERE is_outlier",
            answer: "60|6.0|{\"price\":0.77,\"rooms\":0.23}|price = 1,020 (77 % of the score); rooms = 2 (23 % of the score)",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| outliers::program(source(args)?, options(args, 1), database),
        fold: &outliers::OUTLIERS,
        in_duckdb: &[],
    }),
};
