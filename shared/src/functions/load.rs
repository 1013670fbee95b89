//! `lumos_load`.

use crate::options::{OptionDef, OptionType, PROGRESS};
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
    options: &[
        OptionDef {
            name: "all_text",
            ty: OptionType::Flag,
            default: "false",
            doc: "every column of a new table is TEXT",
        },
        OptionDef {
            name: "header",
            ty: OptionType::Flag,
            default: "true",
            doc: "the first line of CSV names the columns; without one they go by place, in a new table as `c0`, `c1`, ...",
        },
        OptionDef {
            name: "delimiter",
            ty: OptionType::Json("one ASCII character like \";\" or \"\\t\""),
            default: "a comma",
            doc: "what stands between two fields of CSV",
        },
        OptionDef {
            name: "quote",
            ty: OptionType::Json("one ASCII character, or \"\" for none"),
            default: "a double quote",
            doc: "what stands around fields of CSV",
        },
        OptionDef {
            name: "null",
            ty: OptionType::Json("the text that stands for NULL, or null if none does"),
            default: "an empty field without quotes",
            doc: "the field of CSV that is NULL",
        },
        PROGRESS,
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Inserts the rows of a `.csv`, `.json`, `.jsonl`, `.ndjson` or `.parquet` file into a table of SQLite, all or none, and returns their number. \
          The file must be in a folder that `lumos_attach` was given as `allow_files`. \
          Columns go by name. Into a table that exists, fields go as they are written, and become what the affinity of their column makes of them, as with `.import`. \
          A table that does not exist is created, and the type of a column is the first that leaves every value of the whole file what it is: \
          `INTEGER`, whole numbers of 64 bits; \
          `REAL`, numbers that a double holds with all their digits; \
          `DECIMAL(15,s)`, numbers of at most 15 digits with as many of them, s, after the point (`1.10`, `2.50`); \
          `TEXT`; `BLOB`; or no type, so that each value keeps its own. \
          What CSV does not write as such programs do is text: `007`, `+1`, `true`, dates, and all that is in quotes. A `DATE` or `TIMESTAMP` of Parquet is a text in a column `DATE` or `DATETIME`. \
          CSV is UTF-8 with a line of names, commas, and double quotes, doubled inside; an empty field without quotes is NULL, `\"\"` is the empty text; nothing else has a meaning, and every line has a field for each column. \
          JSON is an array of objects, or objects one after another; arrays and objects inside stay JSON.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT lumos_load('genre.parquet', 'Genre2')",
            answer: "lumos_load: no folder is open for files; give lumos_attach the option {\"allow_files\": [\"folder\"]}",
        },
        Example {
            sql: "SELECT lumos_load('prices.csv', 'Price', '{\"delimiter\": \";\", \"null\": \"NA\"}')",
            answer: "lumos_load: no folder is open for files; give lumos_attach the option {\"allow_files\": [\"folder\"]}",
        },
    ],
    body: Body::Host,
};
