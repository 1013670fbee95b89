//! `lumos_correlate(source[, options])`, `lumos_features(source, target[, options])`.

use crate::looking::{correlate, features};
use crate::program::Rows;
use crate::source::{SOURCE, options, source, text};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

const HOMES: &[&str] = &[
    "CREATE TABLE homes AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 60) SELECT i % 5 + 1 AS rooms, 20 * (i % 5 + 1) + i * 7 % 11 AS area, CASE WHEN i % 3 = 0 THEN 'north' ELSE 'south' END AS side, 1000 * (i % 5) + 400 * (i % 3) + i * 13 % 17 AS price FROM c",
];

const BASE: Function = Function {
    name: "",
    section: Section::Decisions,
    engines: Engines::Both,
    kind: Kind::Table(&[]),
    params: &[],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "",
    setup: HOMES,
    examples: &[],
    body: Body::Host,
};

/// The definition.
pub const CORRELATE: Function = Function {
    name: "lumos_correlate",
    kind: Kind::Table(correlate::CORRELATE.output),
    params: &[SOURCE, Param::optional("options", Type::Json)],
    options: correlate::CORRELATE_OPTIONS,
    doc: "Which columns go together: a row for each pair and measure, the strongest first. \
          Of two columns of numbers it is `pearson` and `spearman` (ranks); of two of texts `cramers_v`, corrected for its bias; of one of each `eta`, the correlation ratio. Dates and times count as numbers. `{\"measure\": \"information\"}` compares any two by mutual information, as a share of the lesser entropy, and so sees curves. \
          `p` is how probable such a value is by chance, `q` the same after Benjamini and Hochberg, since many pairs are tried; `n` counts the rows without a NULL in both. A column without numbers and texts, or with more than 1,000 different texts, has a row that says so.",
    examples: &[
        Example {
            sql: "SELECT a, b, measure, round(value, 3), round(p, 4), n FROM lumos_correlate('homes') LIMIT 4",
            answer: "rooms|area|pearson|0.994|0.0|60\nrooms|area|spearman|0.98|0.0|60\nrooms|price|spearman|0.98|0.0|60\nrooms|price|pearson|0.974|0.0|60",
        },
        Example {
            sql: "SELECT a, b, round(value, 3) FROM lumos_correlate('homes(side, price)', '{\"measure\": \"information\"}')",
            answer: "side|price|0.098",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| correlate::correlate(source(args)?, options(args, 1), database),
        fold: &correlate::CORRELATE,
        in_duckdb: &[],
    }),
    ..BASE
};

/// The definition.
pub const FEATURES: Function = Function {
    name: "lumos_features",
    kind: Kind::Table(features::FOLD.output),
    params: &[
        SOURCE,
        Param::new("target", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: features::OPTIONS,
    doc: "What tells of a column: a row for each other one, by `relevance`, the mutual information with `target` as a share of the lesser entropy. \
          `measure`, `value` and `p` are those of `lumos_correlate`. `redundant_with` is a more relevant column that goes together with it by 0.9 or more; `leak` is 1 where a column all but gives the target away. Dates are looked at as years, months and weekdays too (Monday is 1), texts of more than 50 kinds by their lengths.",
    examples: &[Example {
        sql: "SELECT feature, round(relevance, 3), measure, round(value, 3), redundant_with, leak FROM lumos_features('homes', 'price')",
        answer: "rooms|0.819|spearman|0.98|NULL|0\narea|0.55|pearson|0.967|rooms|0\nside|0.098|eta|0.195|NULL|0",
    }],
    body: Body::Rows(&Rows {
        program: |args, database| {
            let target = text(args, 1, "target", "the name of a column")?;
            features::program(source(args)?, target, options(args, 2), database)
        },
        fold: &features::FOLD,
        in_duckdb: &[],
    }),
    ..BASE
};
