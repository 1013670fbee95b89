//! `lumos_regress(source, target[, options])`.

use crate::looking::regress;
use crate::program::Rows;
use crate::source::{SOURCE, options, source, text};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const REGRESS: Function = Function {
    name: "lumos_regress",
    section: Section::Decisions,
    engines: Engines::Both,
    kind: Kind::Table(regress::FOLD.output),
    params: &[
        SOURCE,
        Param::new("target", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: regress::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "A column explained by the others: a row for the intercept and one for each term, with its coefficient, standard error, t, p and interval. \
          A target of numbers gets a line of least squares; one of two values the logarithms of the odds of the greater one (logistic regression, whose `t` is a z). Columns of numbers and times are a term each; of up to 20 different texts, a term for each but the most frequent one, which they are compared to; other columns are left out, and so are rows with a NULL. \
          `vif` is how much the error grows as the term goes together with others: above 10 is much. `share` is how much of the variance the term accounts for, averaged over all orders of up to 10 terms, and on the row of the intercept that of all. A term that others make up is left out, with NULL for its coefficient. At most 64 terms. It says what goes together, not what causes what.",
    setup: &[
        "CREATE TABLE homes AS WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 60) SELECT i % 5 + 1 AS rooms, CASE WHEN i % 3 = 0 THEN 'north' ELSE 'south' END AS side, 1000 * (i % 5) + CASE WHEN i % 3 = 0 THEN 0 ELSE 500 END + i * 13 % 17 AS price FROM c",
    ],
    examples: &[
        Example {
            sql: "SELECT term, round(coefficient, 2), round(se, 2), round(share, 3) FROM lumos_regress('homes', 'price')",
            answer: "(intercept)|-491.23|1.58|1.0\nrooms|999.72|0.46|0.973\nside = north|-499.62|1.37|0.027",
        },
        Example {
            sql: "SELECT note FROM lumos_regress('homes', 'price') WHERE term LIKE 'side%'",
            answer: "price is 500 lower where side = north than where it is south",
        },
    ],
    body: Body::Rows(&Rows {
        program: |args, database| {
            let target = text(args, 1, "target", "the name of a column")?;
            regress::program(source(args)?, target, options(args, 2), database)
        },
        fold: &regress::FOLD,
        in_duckdb: &[],
    }),
};
