//! `lumos_drivers(source, metric, test, dims[, options])`.

use crate::looking::drivers;
use crate::program::Rows;
use crate::source::{SOURCE, options, source, text};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

const ORDERS: [&str; 2] = [
    "CREATE TABLE orders(day INTEGER, region TEXT, product TEXT, amount REAL)",
    "INSERT INTO orders VALUES (1, 'EU', 'tea', 100), (1, 'EU', 'rice', 200), (1, 'US', 'tea', 300), (1, 'US', 'rice', 400), (2, 'EU', 'tea', 40), (2, 'EU', 'rice', 205), (2, 'US', 'tea', 310), (2, 'US', 'rice', 395)",
];

/// The definition.
pub const DRIVERS: Function = Function {
    name: "lumos_drivers",
    section: Section::Decisions,
    engines: Engines::Both,
    kind: Kind::Table(drivers::FOLD.output),
    params: &[
        SOURCE,
        Param::new("metric", Type::Text),
        Param::new("test", Type::Text),
        Param::new("dims", Type::Json),
        Param::optional("options", Type::Json),
    ],
    options: drivers::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Why a measure changed: the segments that account for the difference of two groups of rows, the one that stands out most first, after a row of rank 0 for everything. \
          `metric` is `sum(x)`, `count(*)`, `avg(x)`, or a ratio of two such sums; `test` is a condition that is true for the rows of the test group and false for those of the control group; `dims` is a JSON array of the columns that make segments, each `segment` a JSON object of one to three of them. \
          A column of more than 10 different numbers is cut into parts, `[from, to]`; of more than 50 other values the 49 largest are told apart. \
          `expected` is what the segment would have if it had changed as the rest, `unexpected` how far it is off, `share` its part of the whole difference, `z` how far off it is in standard deviations of the smallest cells, by which rows are ordered. \
          For a ratio `rate_effect` is what its own ratio changes in the whole one, `mix_effect` what its weight changes. `surprise` is how much its share of everything moved (Jensen and Shannon). It finds where a difference is, not what caused it.",
    setup: &ORDERS,
    examples: &[
        Example {
            sql: "SELECT rank, segment, control, test, round(share, 2) AS share, round(expected, 1) AS expected FROM lumos_drivers('orders', 'sum(amount)', 'day = 2', '[\"region\", \"product\"]', '{\"top\": 1}')",
            answer: "0|{}|1000.0|950.0|1.0|NULL\n1|{\"region\":\"EU\",\"product\":\"tea\"}|100.0|40.0|1.2|101.1",
        },
        Example {
            sql: "SELECT explanation FROM lumos_drivers('orders', 'sum(amount)', 'day = 2', '[\"region\", \"product\"]') WHERE rank = 1",
            answer: "region = EU and product = tea: 100 became 40, where the rest lets expect 101; it accounts for 120 % of the difference",
        },
        Example {
            sql: "SELECT * FROM lumos_drivers('orders', 'max(amount)', 'day = 2', '[\"region\"]')",
            answer: "metric max(amount) is no sum over rows; give sum(x), count(*), avg(x), or a ratio of two, like sum(profit) / sum(sales)",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| {
            let arguments = [
                source(args)?,
                text(args, 1, "metric", "a sum like sum(amount)")?,
                text(args, 2, "test", "a condition like day >= '2026-10-01'")?,
                text(args, 3, "dims", "a JSON array of columns")?,
            ];
            drivers::program(arguments, options(args, 4), database)
        },
        fold: &drivers::FOLD,
        in_duckdb: &[],
    }),
};
