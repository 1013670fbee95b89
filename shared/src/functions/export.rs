//! `lumos_export`.

use crate::options::PROGRESS;
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
    options: &[PROGRESS],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Writes the rows that `lumos_query` gives for a SELECT to a file, by its ending: `.csv`, `.json`, `.jsonl`, `.ndjson` or `.parquet`. Returns the number of rows. \
          The file must be in a folder that `lumos_attach` was given as `allow_files`. \
          `lumos_load` gives the same values back: in CSV texts stand in quotes where they could be taken for something else, and NULL is an empty field; infinity is `9e999`. \
          CSV and JSON have no BLOBs: select `hex(column)`, or write Parquet. \
          Parquet takes what it has no type for as SQLite gets it: intervals as text, unions as JSON, and HUGEINT as DECIMAL(38,0).",
    setup: &[],
    examples: &[Example {
        sql: "SELECT lumos_export('SELECT * FROM Genre', 'genre.parquet')",
        answer: "lumos_export: no folder is open for files; give lumos_attach the option {\"allow_files\": [\"folder\"]}",
    }],
    body: Body::Host,
};
