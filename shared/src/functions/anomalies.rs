//! `lumos_anomalies(source[, options])`, `lumos_changepoints(source[, options])`.

use super::forecast::{DAYS, DAYS_DUCKDB};
use crate::program::Rows;
use crate::series::judged;
use crate::source::{SOURCE, options, source};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

const PARAMS: &[Param] = &[SOURCE, Param::optional("options", Type::Json)];

/// The definition.
pub const ANOMALIES: Function = Function {
    name: "lumos_anomalies",
    section: Section::Series,
    engines: Engines::Both,
    kind: Kind::Table(judged::ANOMALIES.output),
    params: PARAMS,
    options: judged::ANOMALY_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "What is odd in each series: a row for each of its rows, in order of time, judged by the rows before it alone. \
          `expected` is the median of the same time in the last seven seasons, or of the last ten rows; `lower` and `upper` are what is usual; \
          `score` is how many standard deviations the value is from what is expected, and from the mean so far, in the mean of both: NULL for the first 20 rows. \
          `is_anomaly` is 1 where the score is `threshold` or more and above all of the quiet stretch before; `kind` is then `spike` or `dip`. \
          With `mode` `batch` the series is known whole: `expected` is the median of the rows around and of the same time in all seasons, `score` the distance from it in robust standard deviations, \
          and an anomaly is what a generalised ESD test finds at 5 %, a tenth of the rows at most. `kind` may then also be `level` (several beside each other on one side, half a season or three rows at least), \
          `flat` (the first of five rows or more of one value) and `gap` (the first of rows that are missing, with NULL for its value), both more than twice as long as any other of the series. \
          `source` and how a series is prepared are as in `lumos_forecast`.",
    setup: &[],
    examples: &[
        DAYS,
        Example {
            sql: "SELECT ts, value, expected, round(score, 1), explanation FROM lumos_anomalies('visits(day, n)') WHERE is_anomaly",
            answer: "2026-05-01|250.0|136.0|7.5|250 is above the 136 expected, score 7.49",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| {
            let known = judged::ANOMALY_OPTIONS;
            judged::program(source(args)?, options(args, 1), known, database)
        },
        fold: &judged::ANOMALIES,
        in_duckdb: &[
            DAYS_DUCKDB,
            Example {
                sql: "SELECT ts, value, expected, round(score, 1), explanation FROM query(lumos_anomalies('visits(day, n)')) WHERE is_anomaly",
                answer: "2026-05-01|250.0|136.0|7.5|250 is above the 136 expected, score 7.49",
            },
        ],
    }),
};

/// The definition.
pub const CHANGEPOINTS: Function = Function {
    name: "lumos_changepoints",
    section: Section::Series,
    engines: Engines::Both,
    kind: Kind::Table(judged::CHANGEPOINTS.output),
    params: PARAMS,
    options: judged::CHANGE_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Where each series changes: the best division of it into straight lines, by PELT. A row for each line but the first: the time and the `row`, from 1, at which it begins, \
          what changes most (`kind`: `level`, `slope` or `variance`), the value of both lines where they meet, what the change gains in the units of `penalty`, and the probability `p` of a change as large by chance. \
          `source` and how a series is prepared are as in `lumos_forecast`.",
    setup: &[],
    examples: &[
        Example {
            sql: "CREATE TABLE cpu AS WITH RECURSIVE d(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM d WHERE i < 60) SELECT i AS minute, i * 7 % 5 + CASE WHEN i > 40 THEN 30 ELSE 10 END AS percent FROM d",
            answer: "",
        },
        Example {
            sql: "SELECT ts, row, kind, explanation FROM lumos_changepoints('cpu(minute, percent)')",
            answer: "41|41|level|from 11.9 to 32.3",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| {
            let known = judged::CHANGE_OPTIONS;
            judged::program(source(args)?, options(args, 1), known, database)
        },
        fold: &judged::CHANGEPOINTS,
        in_duckdb: &[
            Example {
                sql: "CREATE TABLE cpu AS SELECT i AS minute, i * 7 % 5 + CASE WHEN i > 40 THEN 30 ELSE 10 END AS percent FROM range(1, 61) t(i)",
                answer: "",
            },
            Example {
                sql: "SELECT ts, row, kind, explanation FROM query(lumos_changepoints('cpu(minute, percent)'))",
                answer: "41|41|level|from 11.9 to 32.3",
            },
        ],
    }),
};
