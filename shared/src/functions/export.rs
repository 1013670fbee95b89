//! `lumos_export`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const EXPORT: Function = Function {
    name: "lumos_export",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[
        Param::new("sql", Type::Text),
        Param::new("path", Type::Text),
        Param::optional("options", Type::Json),
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Writes the rows of a SELECT over the mirror to a file, by its ending: `.csv`, `.json`, `.jsonl`, `.ndjson` or `.parquet`. Returns the number of rows. \
          The file must be in a folder that `lumos_attach` was given as `allow_files`. \
          With the option `progress` (true, or the seconds between two lines) it says on stderr how far it is.",
    examples: &[Example {
        sql: "SELECT lumos_export('SELECT * FROM Genre', 'genre.parquet')",
        answer: "lumos_export: no folder is open for files; give lumos_attach the option {\"allow_files\": [\"folder\"]}",
    }],
    body: Body::Host,
};
