//! `lumos_auto(sql, params)`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const AUTO: Function = Function {
    name: "lumos_auto",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[("row", Type::Json)]),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("params", Type::Json),
        Param::optional("engine", Type::Text),
    ],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Runs one SELECT, in SQLite's SQL, on the engine that is faster: SQLite, or DuckDB over the mirror after applying pending changes. \
          The answer is the same from either: the same rows, with values of the same class. \
          A statement goes to DuckDB only if all of it is known to mean the same there, and if all its tables are tracked; `lumos_route` says why not. \
          Sums and averages of REALs are, in DuckDB, those of the exact sum rounded once, so the same in every run; SQLite's own differ from that by at most \
          1e-15 of the sum of the magnitudes, and before SQLite 3.43, which does not compensate, by 1.2e-16 of it for each row; \
          rows that are equal in ORDER BY may come in another order. \
          Columns and parameters are as for `lumos_query`; named parameters may be written `:name`, `@name` and `$name`. \
          `engine`, for measuring, is `sqlite` or `duckdb`; what is for SQLite alone is then an error.",
    setup: &["SELECT lumos_track('*')"],
    examples: &[
        Example {
            sql: "SELECT c0, c1 FROM lumos_auto('SELECT BillingCountry, sum(Total) AS revenue FROM Invoice GROUP BY BillingCountry ORDER BY revenue DESC LIMIT 2')",
            answer: "USA|523.06\nCanada|303.96",
        },
        Example {
            sql: "SELECT * FROM lumos_auto('SELECT Name FROM Genre WHERE GenreId = ?', '[2]')",
            answer: "{\"Name\":\"Jazz\"}",
        },
    ],
    body: Body::Host,
};
