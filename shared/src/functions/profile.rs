//! `lumos_profile(source[, options])`, `lumos_column_of(x[, type[, options]])`.

use crate::looking::{column, profile};
use crate::program::Rows;
use crate::source::{SOURCE, options, source};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const PROFILE: Function = Function {
    name: "lumos_profile",
    section: Section::Decisions,
    engines: Engines::Both,
    kind: Kind::Table(profile::FOLD.output),
    params: &[SOURCE, Param::optional("options", Type::Json)],
    options: profile::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "What each column of a table or query holds, a row each: its type and kind (`integer`, `number`, `category` of at most 50 values, `text`, `time`, `boolean`, `mixed`, `other`, `empty`), NULLs, different values, least and largest, moments, quantiles, zeros, negatives, lengths of texts, the most frequent values, a histogram, and `notes` on what is odd: a JSON array of `code`, `count` and `text`. \
          `source` is a table, a table with columns like `sales(day, amount)`, or a query. The answer is exact as long as a column has at most 1,048,576 different numbers and 100,000 different texts; beyond that numbers are cut to fewer digits for quantiles, `sd`, `skew`, `kurtosis` and the histogram, and `uniques` is an estimate, as `uniques_exact` says; `min`, `max` and `mean` stay exact. Numbers of more digits than a double has are told apart for `uniques`, but have no most frequent values. The rows may come in any order.",
    setup: &[
        "CREATE TABLE visits(id INTEGER, city TEXT, seconds REAL)",
        "INSERT INTO visits VALUES (1, 'Rome', 30), (2, 'Oslo', 45.5), (3, 'Rome', NULL), (4, ' Rome', 900)",
    ],
    examples: &[
        Example {
            sql: "SELECT name, kind, nulls, uniques, min, max, round(mean, 1) AS mean FROM lumos_profile('visits')",
            answer: "id|integer|0|4|1|4|2.5\ncity|category|0|3| Rome|Rome|NULL\nseconds|number|1|3|30|900|325.2",
        },
        Example {
            sql: "SELECT name, rows, nulls, max FROM lumos_profile('visits(city, seconds)', '{\"where\": \"city = ''Rome'' OR seconds > 100\"}')",
            answer: "city|3|0|Rome\nseconds|3|1|900",
        },
        Example {
            sql: "SELECT notes FROM lumos_profile('visits(city)')",
            answer: r#"[{"code":"blanks","count":1,"text":"1 texts have blanks at an end"}]"#,
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| profile::program(source(args)?, options(args, 1), database),
        fold: &profile::FOLD,
        in_duckdb: &[],
    }),
};

/// The definition.
pub const COLUMN_OF: Function = Function {
    name: "lumos_column_of",
    section: Section::Decisions,
    engines: Engines::Both,
    kind: Kind::Aggregate,
    params: column::FOLD.input,
    options: column::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: true,
    doc: "Returns what `lumos_profile` says of one column, for the values of a group. In DuckDB it takes numbers, booleans, texts and BLOBs; give any other type as text with the name of its type, `lumos_column_of(CAST(x AS VARCHAR), typeof(x))`, and several columns at once by `COLUMNS(*)`. In SQLite the types are those of the values. NULL for no rows.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT lumos_column_of(x) ->> 'max' AS most, lumos_column_of(x) ->> 'uniques' AS u FROM (SELECT 1 AS x UNION ALL SELECT 2 UNION ALL SELECT 2 UNION ALL SELECT NULL)",
        answer: "2|2",
    }],
    body: Body::Group(&column::FOLD),
};
