//! `lumos_load`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const LOAD: Function = Function {
    name: "lumos_load",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[
        Param::new("path", Type::Text),
        Param::new("table", Type::Text),
        Param::optional("options", Type::Json),
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Inserts the rows of a `.csv`, `.json`, `.jsonl`, `.ndjson` or `.parquet` file into a table of SQLite, all or none, and returns their number. \
          A table that does not exist is created with the file's columns and types; else columns go by name. \
          The file must be in a folder that `lumos_attach` was given as `allow_files`. \
          With the option `progress` (true, or the seconds between two lines) it says on stderr how far it is.",
    examples: &[Example {
        sql: "SELECT lumos_load('genre.parquet', 'Genre2')",
        answer: "lumos_load: no folder is open for files; give lumos_attach the option {\"allow_files\": [\"folder\"]}",
    }],
    body: Body::Host,
};
