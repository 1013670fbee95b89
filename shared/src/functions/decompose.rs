//! `lumos_decompose(source[, options])`, `lumos_seasons(source[, options])`.

use super::forecast::{DAYS, DAYS_DUCKDB};
use crate::program::Rows;
use crate::series::parts;
use crate::source::{SOURCE, options, source};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

const PARAMS: &[Param] = &[SOURCE, Param::optional("options", Type::Json)];

/// The definition.
pub const DECOMPOSE: Function = Function {
    name: "lumos_decompose",
    section: Section::Series,
    engines: Engines::Both,
    kind: Kind::Table(parts::DECOMPOSE.output),
    params: PARAMS,
    options: parts::DECOMPOSE_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Each series in parts: a row for each of its steps, with what trend, season, events and the rest add to its value. \
          The season is the mean of each row of a cycle against the centred moving average, in percent of it where all values are positive; the trend is a line through the nearest one and a half cycles of each row, or seven rows. \
          `event` is what the days of the option `holidays` add, where that is two standard errors or more, else 0. \
          A season that the values do not show (p above 0.1) is left out unless `period` gives it; `note` says which there is. Of a row that is missing, `value` and `rest` are NULL. `source` is as in `lumos_forecast`.",
    setup: &[],
    examples: &[
        DAYS,
        Example {
            sql: "SELECT ts, value, round(trend), round(season), round(rest, 1) FROM lumos_decompose('visits(day, n)') LIMIT 3",
            answer: "2026-03-02|100.0|108.0|-7.0|-1.0\n2026-03-03|102.0|110.0|-7.0|-0.3\n2026-03-04|106.0|111.0|-8.0|2.7",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| parts::decompose(source(args)?, options(args, 1), database),
        fold: &parts::DECOMPOSE,
        in_duckdb: &[
            DAYS_DUCKDB,
            Example {
                sql: "SELECT ts, value, round(trend), round(season), round(rest, 1) FROM query(lumos_decompose('visits(day, n)')) LIMIT 3",
                answer: "2026-03-02|100.0|108.0|-7.0|-1.0\n2026-03-03|102.0|110.0|-7.0|-0.3\n2026-03-04|106.0|111.0|-8.0|2.7",
            },
        ],
    }),
};

/// The definition.
pub const SEASONS: Function = Function {
    name: "lumos_seasons",
    section: Section::Series,
    engines: Engines::Both,
    kind: Kind::Table(parts::SEASONS.output),
    params: PARAMS,
    options: parts::SEASONS_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "The seasons of each series: a row for each period that the calendar gives its step or that its autocorrelation shows, or that the option `period` names. \
          `strength` is the share of what varies around the level that the season explains, from 0 to 1; `p` the probability of an autocorrelation as large by chance. Both are NULL of a series with fewer than three cycles. `source` is as in `lumos_forecast`.",
    setup: &[],
    examples: &[
        DAYS,
        Example {
            sql: "SELECT period, name, round(strength, 2), round(p, 2), step FROM lumos_seasons('visits(day, n)')",
            answer: "7|week|0.65|0.01|1 day\n14|NULL|0.66|0.02|1 day\n365|year|NULL|NULL|1 day",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| parts::seasons(source(args)?, options(args, 1), database),
        fold: &parts::SEASONS,
        in_duckdb: &[
            DAYS_DUCKDB,
            Example {
                sql: "SELECT period, name, round(strength, 2), round(p, 2), step FROM query(lumos_seasons('visits(day, n)'))",
                answer: "7|week|0.65|0.01|1 day\n14|NULL|0.66|0.02|1 day\n365|year|NULL|NULL|1 day",
            },
        ],
    }),
};
