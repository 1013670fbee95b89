//! `lumos_chart_suggest(source[, options])`, `lumos_chart(source[, options])`, `lumos_chart_svg(source[, options])`.

use crate::charts::{self, ask::OPTIONS};
use crate::program::{Program, Rows};
use crate::source::{SOURCE, options, source};
use crate::{
    Body, Engines, Example, Function, Kind, Nulls, Param, Result, Section, Type, ValueRef,
};

fn program(arguments: &[ValueRef<'_>], database: &dyn crate::program::Database) -> Result<Program> {
    charts::program(source(arguments)?, options(arguments, 1), database)
}

const CHART_OF: Function = Function {
    name: "",
    section: Section::Charts,
    engines: Engines::Both,
    kind: Kind::Table(charts::CHART.output),
    params: &[SOURCE, Param::optional("options", Type::Json)],
    options: OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "",
    setup: &[
        "CREATE TABLE visits(day TEXT, shop TEXT, n INTEGER)",
        "INSERT INTO visits VALUES ('2026-03-01', 'a', 10), ('2026-03-02', 'a', 12), ('2026-03-03', 'a', 9), ('2026-03-01', 'b', 4), ('2026-03-02', 'b', 8), ('2026-03-03', 'b', 6)",
    ],
    examples: &[],
    body: Body::Host,
};

/// The definition.
pub const SUGGEST: Function = Function {
    name: "lumos_chart_suggest",
    kind: Kind::Table(charts::SUGGEST.output),
    doc: "Which pictures suit the rows of a table or query, the best first: the kind, which columns go where, a score from 0 to 1, the reason in a sentence, and the picture as Vega-Lite. \
          `source` is a table, a table with columns like `sales(day, amount)`, or a query; any columns do. What a column holds is seen from its values: times are dates, times, months like `2026-03` and years. \
          `encoding` names the columns: `y` is null where rows are counted, and a list where several columns share an axis.",
    examples: &[
        Example {
            sql: "SELECT rank, kind, encoding, reason FROM lumos_chart_suggest('visits') LIMIT 2",
            answer: "1|line|{\"x\":\"day\",\"y\":\"n\",\"color\":\"shop\"}|a number over time, a line for each value\n2|bar|{\"x\":\"shop\",\"y\":\"n\",\"color\":null}|a number of each category, sorted",
        },
        Example {
            sql: "SELECT kind, reason FROM lumos_chart_suggest('SELECT shop FROM visits') LIMIT 1",
            answer: "bar|how many rows each category has",
        },
    ],
    body: Body::Rows(&Rows {
        program,
        fold: &charts::SUGGEST,
        in_duckdb: &[],
    }),
    ..CHART_OF
};

/// The definition.
pub const CHART: Function = Function {
    name: "lumos_chart",
    doc: "The rows of a table or query as a picture in Vega-Lite 6, with its data: one row with the specification, for whatever draws it. \
          Without options the first picture of `lumos_chart_suggest`; rows of `lumos_forecast` and `lumos_anomalies` become a line in a band. Many rows become few before they are in it: categories that are not among the largest are put together, numbers are counted in bins, lines are thinned out; the subtitle says what was left out. \
          The same rows in any order give the same text, in both engines.",
    examples: &[
        Example {
            sql: "SELECT chart ->> '$.title.text' AS title, chart ->> '$.mark.type' AS mark FROM lumos_chart('visits')",
            answer: "n over day by shop|line",
        },
        Example {
            sql: "SELECT chart FROM lumos_chart('visits', '{\"kind\": \"heatmap\"}')",
            answer: "kind \"heatmap\" needs two columns of texts; the source has day (times), shop (texts) and n (numbers)",
        },
    ],
    body: Body::Rows(&Rows {
        program,
        fold: &charts::CHART,
        in_duckdb: &[],
    }),
    ..CHART_OF
};

/// The definition.
pub const SVG: Function = Function {
    name: "lumos_chart_svg",
    kind: Kind::Table(charts::SVG.output),
    doc: "The rows of a table or query as a picture in SVG, one row with its text, which a browser shows as it is: it has no script, no font and no link, and the same bytes in both engines and on every machine. \
          The picture is that of `lumos_chart`, with the same options. Nothing is opened and no file is written: the shell of SQLite writes it by `.once picture.svg`, that of DuckDB by `COPY (FROM query(...)) TO 'picture.svg' (FORMAT csv, HEADER false, QUOTE '')`.",
    examples: &[
        Example {
            sql: "SELECT substr(chart, 1, 4) AS beginning FROM lumos_chart_svg('visits')",
            answer: "<svg",
        },
        Example {
            sql: "SELECT CASE WHEN chart LIKE '%>greatest n by shop<%' THEN 'greatest n by shop' END AS title FROM lumos_chart_svg('visits', '{\"x\": \"shop\", \"kind\": \"bar\", \"agg\": \"max\"}')",
            answer: "greatest n by shop",
        },
    ],
    body: Body::Rows(&Rows {
        program,
        fold: &charts::SVG,
        in_duckdb: &[],
    }),
    ..CHART_OF
};
