//! `lumos_repair(table, options)`.

use crate::options::PROGRESS;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const REPAIR: Function = Function {
    name: "lumos_repair",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("table", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[PROGRESS],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Makes the mirror of a table equal its source where `lumos_verify` finds that it does not, or those of all that match a GLOB pattern: \
          logs the keys that differ as touched and applies them, which reads just these rows again in one transaction of DuckDB. \
          A table is copied again if more than a tenth of it differs (and more than 1,000 keys), or if that did not cure it. \
          Returns a JSON array with `table`, the numbers of keys that were `missing`, `extra` and `different` (null if too many to count), \
          and `copied`. Refused inside a transaction.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[Example {
        sql: "SELECT lumos_repair('Genre')",
        answer: "[{\"table\":\"Genre\",\"missing\":0,\"extra\":0,\"different\":0,\"copied\":false}]",
    }],
    body: Body::Host,
};
