//! `lumos_query(sql, params)`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const QUERY: Function = Function {
    name: "lumos_query",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[("row", Type::Json)]),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("params", Type::Json),
    ],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Runs one SELECT in DuckDB's SQL over the mirror, after applying pending changes. \
          `row` is a JSON object with the columns in order; hidden columns `c0` to `c63` hold them with native types, \
          decimals as REAL; a number with more digits than REAL and INTEGER hold is an error there: cast it to DOUBLE or VARCHAR. \
          Parameters: a JSON array for `?` and `$1`, a JSON object for `$name`. \
          Results stream: memory stays bounded, and LIMIT outside ends the work early. \
          What the connection's authorizer denies SQLite, or has it ignore, is refused.",
    setup: &["SELECT lumos_track('*')"],
    examples: &[
        Example {
            sql: "SELECT * FROM lumos_query('SELECT BillingCountry AS country, sum(Total) AS revenue FROM Invoice GROUP BY ALL ORDER BY revenue DESC LIMIT 2')",
            answer: "{\"country\":\"USA\",\"revenue\":523.06}\n{\"country\":\"Canada\",\"revenue\":303.96}",
        },
        Example {
            sql: "SELECT c0, c1 FROM lumos_query('SELECT Name, GenreId FROM Genre WHERE GenreId = ?', '[2]')",
            answer: "Jazz|2",
        },
    ],
    body: Body::Host,
};
