//! `lumos_verify(table, options)`.

use crate::options::{OptionDef, OptionType, PROGRESS};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const VERIFY: Function = Function {
    name: "lumos_verify",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[
        ("table", Type::Text),
        ("key", Type::Json),
        ("difference", Type::Text),
        ("columns", Type::Json),
    ]),
    params: &[
        Param::new("table", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[
        OptionDef {
            name: "sample",
            ty: OptionType::Json("a number above 0 and up to 1"),
            default: "1",
            doc: "the part to compare: of a key of one integer that part of its range, in at least eight places, and nothing else is read; of another key that part of its values",
        },
        OptionDef {
            name: "seed",
            ty: OptionType::Integer(i64::MIN, i64::MAX),
            default: "0",
            doc: "another one chooses another part",
        },
        PROGRESS,
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Compares a tracked table, or all that match a GLOB pattern, with its mirror, after applying what is pending, and names the keys that differ: \
          no rows mean that both are equal. Finds what no trigger saw: writes with triggers switched off, edits of either file by other means. \
          `difference` is `missing` or `extra` (in the mirror), or `different` with the `columns` that differ; `lumos_repair` cures them. \
          Both sides are read once, in one snapshot, and compared by hashes of buckets of keys; only the rows of buckets that differ are looked at again.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[
        Example {
            sql: "SELECT count(*) FROM lumos_verify('Genre')",
            answer: "0",
        },
        Example {
            sql: "SELECT * FROM lumos_verify('Gener')",
            answer: "lumos_verify: \"Gener\" is not tracked; lumos_status lists the tracked tables",
        },
    ],
    body: Body::Host,
};
