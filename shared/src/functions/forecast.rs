//! `lumos_forecast(source, horizon[, options])`, `lumos_backtest(source, horizon[, options])`.

use crate::program::Rows;
use crate::series::forecast;
use crate::source::{SOURCE, options, source};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type, ValueRef};

const PARAMS: &[Param] = &[
    SOURCE,
    Param::new("horizon", Type::Integer),
    Param::optional("options", Type::Json),
];

/// `None` where an option may stand for it.
fn horizon(arguments: &[ValueRef<'_>]) -> Option<i64> {
    match arguments.get(1) {
        Some(ValueRef::Integer(horizon)) => Some(*horizon),
        _ => None,
    }
}

/// The table of the examples of series: a weekly wave on a slope, and a day that is out of order.
pub const DAYS: Example = Example {
    sql: "CREATE TABLE visits AS WITH RECURSIVE d(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM d WHERE i < 69) SELECT date('2026-03-02', i || ' days') AS day, 100 + i + 30 * (i % 7 >= 5) + i * i % 5 + 90 * (i = 60) AS n FROM d",
    answer: "",
};
/// The same in DuckDB.
pub const DAYS_DUCKDB: Example = Example {
    sql: "CREATE TABLE visits AS SELECT DATE '2026-03-02' + i::INTEGER AS day, 100 + i + 30 * (i % 7 >= 5)::INTEGER + i * i % 5 + 90 * (i = 60)::INTEGER AS n FROM range(70) t(i)",
    answer: "",
};

const HOLIDAYS: &str = "1|2026-05-11|172.0|0.11 theta + 0.50 ETS(A,A,A) + 0.39 rws with holidays\n2|2026-05-12|261.0|0.11 theta + 0.50 ETS(A,A,A) + 0.39 rws with holidays";

/// The definition.
pub const FORECAST: Function = Function {
    name: "lumos_forecast",
    section: Section::Series,
    engines: Engines::Both,
    kind: Kind::Table(forecast::FORECAST.output),
    params: PARAMS,
    options: forecast::FORECAST_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "What comes next in each series: `horizon` rows a series, each with its time, the expected value, and an interval from `lo` to `hi` that holds the truth as often as `level` says. \
          `source` is a table with its columns in the order time, value, keys, like `sales(day, amount, shop)`; a table, whose columns have that order; or a query. Each distinct key is a series. \
          Times are dates, times in one zone, or whole numbers; the step between them is found, gaps are filled, `note` says what was done. \
          The forecast is that of several models, each weighted by how well it foretells the end of the series: `model` says which. A series without a value is one row with a note. \
          `horizon` is a number of steps from 1 to 10,000; NULL where the option `until` says a time. \
          What is known beside the values may be used: days that are not like others (`holidays`), and columns of numbers that are known ahead too (`x`), by what they added to a value in the past, where that is two standard errors or more. \
          The same rows give the same answer in any order and in both engines.",
    setup: &[],
    examples: &[
        DAYS,
        Example {
            sql: "SELECT step, ts, round(value), round(lo), round(hi) FROM lumos_forecast('visits(day, n)', 3)",
            answer: "1|2026-05-11|173.0|148.0|198.0\n2|2026-05-12|174.0|149.0|200.0\n3|2026-05-13|175.0|149.0|200.0",
        },
        Example {
            sql: "SELECT step, ts, round(value), model FROM lumos_forecast('visits(day, n)', NULL, '{\"until\": \"2026-05-12\", \"holidays\": [\"2026-05-01\", \"2026-05-12\"]}')",
            answer: HOLIDAYS,
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| {
            forecast::program(
                source(args)?,
                horizon(args),
                options(args, 2),
                forecast::FORECAST_OPTIONS,
                database,
            )
        },
        fold: &forecast::FORECAST,
        in_duckdb: &[
            DAYS_DUCKDB,
            Example {
                sql: "SELECT step, ts, round(value), round(lo), round(hi) FROM query(lumos_forecast('visits(day, n)', 3))",
                answer: "1|2026-05-11|173.0|148.0|198.0\n2|2026-05-12|174.0|149.0|200.0\n3|2026-05-13|175.0|149.0|200.0",
            },
            Example {
                sql: "SELECT step, ts, round(value), model FROM query(lumos_forecast('visits(day, n)', NULL, '{\"until\": \"2026-05-12\", \"holidays\": [\"2026-05-01\", \"2026-05-12\"]}'))",
                answer: HOLIDAYS,
            },
        ],
    }),
};

/// The definition.
pub const BACKTEST: Function = Function {
    name: "lumos_backtest",
    section: Section::Series,
    engines: Engines::Both,
    kind: Kind::Table(forecast::BACKTEST.output),
    params: PARAMS,
    options: forecast::BACKTEST_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "How well `lumos_forecast` would have foretold the end of each series, and each of its models alone: `horizon` rows, from several beginnings (`windows`), each `stride` rows before the last. \
          `mae`, `rmse` and `bias` (forecast less truth) are in the unit of the values; `smape` is a percentage from 0 to 200; `mase` is relative to what the value one season before foretells within the rows before, below 1 is better; \
          `cover` is the share of the truth within the intervals, `width` their mean width. \
          `holidays` and `x` are used as in `lumos_forecast`, with the numbers that the columns had in the rows that are foretold.",
    setup: &[],
    examples: &[
        DAYS,
        Example {
            sql: "SELECT model, windows, round(mae, 1), round(mase, 2), round(cover, 2) FROM lumos_backtest('visits(day, n)', 7)",
            answer: "auto|3|11.7|1.6|0.9\ntheta|3|12.6|1.74|0.86\nets|3|11.5|1.58|0.9\nrws|3|12.0|1.65|0.9\nsnaive|3|19.0|2.54|0.9",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| {
            forecast::program(
                source(args)?,
                horizon(args),
                options(args, 2),
                forecast::BACKTEST_OPTIONS,
                database,
            )
        },
        fold: &forecast::BACKTEST,
        in_duckdb: &[
            DAYS_DUCKDB,
            Example {
                sql: "SELECT model, windows, round(mae, 1), round(mase, 2), round(cover, 2) FROM query(lumos_backtest('visits(day, n)', 7))",
                answer: "auto|3|11.7|1.6|0.9\ntheta|3|12.6|1.74|0.86\nets|3|11.5|1.58|0.9\nrws|3|12.0|1.65|0.9\nsnaive|3|19.0|2.54|0.9",
            },
        ],
    }),
};
