//! `lumos_patterns(source[, options])`.

use crate::looking::patterns;
use crate::program::Rows;
use crate::source::{SOURCE, options, source};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const PATTERNS: Function = Function {
    name: "lumos_patterns",
    section: Section::Decisions,
    engines: Engines::Both,
    kind: Kind::Table(patterns::FOLD.output),
    params: &[SOURCE, Param::optional("options", Type::Json)],
    options: patterns::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "What stands out in a table or query, the clearest first. `kind` is one of: \
          `trend` (Mann and Kendall; the slope is that of Theil and Sen), `season` (by F) and `change` (where two lines in place of one gain most, by F of ranks), both with far values drawn near, of a column of numbers, or of the number of rows, by time; `gap`, times that are missing where the others are regular; \
          `correlation` of two columns of numbers, or of numbers with a column of texts; `dependency`, a column whose values settle those of another in 99 % of the rows; `association`, two values that stand in one row 1.5 times as often as by chance, or more often; \
          `dominance`, a text that most rows have, or that most of a sum falls to; `outliers`, at most 5 % of the numbers, farther from the quartiles than three times the distance between these, where numbers that are never negative are compared by their square roots; `key`, one column or two whose values never come twice. \
          `score` is from 0 to 1: the share of the rows, or of what varies, that the pattern accounts for, times 1 - q, where q is how probable it is by chance, after Benjamini and Hochberg over all that was tried in the call; what has a q above 0.05 or a score below 0.01 is left out. `facts` has the numbers of the sentence. \
          Of several rows of one time whole numbers are summed up, others averaged. Whole numbers that are called `id`, `shop_id` or `shopId`, or count the rows, are names and no measures. How two columns hang together is told once, in the clearest form. \
          At most 1,000,000 rows and 60 columns; of fewer than 10 rows nothing is said.",
    setup: &[
        "CREATE TABLE sold AS WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 59) SELECT CAST(2020 + CAST((i - i % 12) / 12 AS INTEGER) AS TEXT) || '-' || substr(CAST(101 + i % 12 AS TEXT), 2) || '-01' AS month, CASE WHEN i % 4 = 0 THEN 'north' ELSE 'south' END AS side, CASE WHEN i % 4 = 0 THEN 'Oslo' ELSE 'Rome' END AS city, 100 + 3 * i + i * 7 % 11 + CASE WHEN i % 12 = 11 THEN 40 ELSE 0 END AS amount FROM c",
    ],
    examples: &[
        Example {
            sql: "SELECT rank, kind, columns, round(score, 2) AS score FROM lumos_patterns('sold')",
            answer: "1|key|[\"month\"]|1.0\n2|dependency|[\"side\",\"city\"]|1.0\n3|trend|[\"amount\",\"month\"]|1.0\n4|season|[\"amount\",\"month\"]|0.92\n5|dominance|[\"side\"]|0.5\n6|dominance|[\"city\"]|0.5",
        },
        Example {
            sql: "SELECT facts, explanation FROM lumos_patterns('sold(side, city)') WHERE kind = 'dependency'",
            answer: "{\"percent\":100.0,\"rows\":60,\"mutual\":true}|side and city say the same: each settles the other in 100 % of 60 rows",
        },
        Example {
            sql: "SELECT explanation FROM lumos_patterns('sold', '{\"top\": 2, \"lang\": \"zh\"}')",
            answer: "month 可作为键：60 行中没有重复值\nside 与 city 一一对应：在 60 行的 100% 中互相确定",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| patterns::program(source(args)?, options(args, 1), database),
        fold: &patterns::FOLD,
        in_duckdb: &[],
    }),
};
