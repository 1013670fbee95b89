//! `lumos_topk`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const TOPK: Function = Function {
    name: "lumos_topk",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Aggregate,
    params: &[
        Param::new("id", Type::Any),
        Param::new("vec", Type::Vector),
        Param::new("q", Type::Vector),
        Param::new("k", Type::Integer),
        Param::optional("metric", Type::Text),
    ],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: true,
    doc: "The `k` rows whose vectors are nearest to `q`, exactly: of all rows of a table or a group, after any WHERE and JOIN, in the transaction as it stands. \
          `metric` is `l2` if left out, or `cosine`, `ip`, `l1`, `hamming`, `jaccard`. Ordered by distance, equal ones by id. \
          In SQLite JSON text, whose ids are integers or text; for rows, `SELECT value ->> 'id', value ->> 'distance' FROM json_each((SELECT lumos_topk(...) FROM ...))`. \
          In DuckDB a list of structs, whose ids are BIGINT, UUID or VARCHAR; for rows, `SELECT unnest(lumos_topk(...), recursive := true) FROM ...`. \
          A row with NULL in any argument is left out; NULL if no row is left.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT lumos_topk(id, v, '[1, 0]', 2) FROM (SELECT 1 AS id, '[0, 1]' AS v UNION ALL SELECT 2, '[1, 0]' UNION ALL SELECT 3, '[1, 2]')",
            answer: r#"[{"id":2,"distance":0.0},{"id":1,"distance":1.4142135623730951}]"#,
        },
        Example {
            sql: "SELECT lumos_topk(7, '[1, 2]', '[3, 4]', 5, 'ip')",
            answer: r#"[{"id":7,"distance":-11.0}]"#,
        },
    ],
    body: Body::Host,
};
