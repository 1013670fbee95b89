//! `lumos_whatif(query, scenarios)`.

use crate::decisions::whatif;
use crate::{
    Body, Engines, Error, Example, Function, Kind, Nulls, Param, Section, Type, Value, ValueRef,
};

/// The definition.
pub const WHATIF: Function = Function {
    name: "lumos_whatif",
    section: Section::Decisions,
    engines: Engines::Both,
    kind: Kind::Scalar(Type::Text),
    params: &[
        Param::new("query", Type::Text),
        Param::new("scenarios", Type::Json),
    ],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: true,
    doc: "Returns a query of DuckDB that gives the rows of `query` as the data are and as they would be: a column `scenario`, `base` first, then the columns of the query. Nothing is written. Run it by `FROM lumos_query(lumos_whatif(...))` in SQLite and by `FROM query(lumos_whatif(...))` in DuckDB. \
          `scenarios` is a JSON object of names with lists of changes. A change has the `table`; `set`, columns with expressions for their values, `where` it holds for some rows only; `drop`, a condition of rows to leave out; `add`, a query of rows in addition, whose columns go by their names. \
          A scenario may be an object of `changes` and of a `grid`, variables with lists of numbers for which it is computed in turn, as `$name` in the expressions. The query must name the changed tables itself, without their schema: what is behind a view is not changed.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT substr(lumos_whatif('SELECT sum(a) AS s FROM t', '{\"more\": [{\"table\": \"t\", \"set\": {\"a\": \"a * 2\"}}]}'), 1, 60) AS sql",
            answer: "SELECT 'base' AS scenario, * FROM (SELECT sum(a) AS s FROM t",
        },
        Example {
            sql: "SELECT lumos_whatif('SELECT sum(a) FROM main.t', '[{\"table\": \"t\", \"set\": {\"a\": 1}}]') AS sql",
            answer: "the query names main.t, which a scenario cannot change; write t without its schema",
        },
    ],
    body: Body::Pure(|args| match args {
        [ValueRef::Text(query), ValueRef::Text(scenarios)] => {
            whatif::write(query, scenarios).map(Value::Text)
        }
        _ => Err(Error::new("takes a query and scenarios as texts")),
    }),
};
