//! `lumos_tier(table, column, older_than, folder, options)` and what belongs to it.

use crate::options::{OptionDef, OptionType, PROGRESS};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// `lumos_tier`.
pub const TIER: Function = Function {
    name: "lumos_tier",
    section: Section::Layout,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("table", Type::Text),
        Param::new("column", Type::Text),
        Param::new("older_than", Type::Any),
        Param::new("folder", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[
        OptionDef {
            name: "partition_by",
            ty: OptionType::OneOf(&["month", "year", "none"]),
            default: "`month` for dates and times, else `none`",
            doc: "the rows that a file has together",
        },
        PROGRESS,
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Moves the mirrored rows whose column is below `older_than` to Parquet files in a folder of `allow_files`. \
          Queries name the table as before and read both; the SQLite table keeps all its rows. \
          `older_than` is a value of the column, or an age such as `90 days` (hours, days, weeks, months, years), \
          which moves nothing by itself: `lumos_tier_run` is given the time. \
          Either is kept as the table's policy, in the place of an earlier one. \
          A row in a file that changes later is hidden there, and its new version is in the mirror; the next run writes that file anew. \
          A file that is missing or changed is an error for queries of its table; `lumos_resync` copies the table from SQLite again. \
          Returns the table, the value, rows moved, files and bytes written, and milliseconds.",
    setup: &["SELECT lumos_attach(NULL, '{\"allow_files\": [\".\"]}'), lumos_track('Invoice')"],
    examples: &[
        Example {
            sql: "SELECT lumos_tier('Invoice', 'InvoiceDate', '2025-01-01', '.', '{\"partition_by\": \"year\"}') ->> '$.files'",
            answer: "4",
        },
        Example {
            sql: "SELECT lumos_scalar('SELECT count(*) FROM Invoice')",
            answer: "412",
        },
        Example {
            sql: "SELECT lumos_tier('Invoice', 'Total', '90 days', '.')",
            answer: "lumos_tier: column \"Total\" is DECIMAL(10,2), and an age needs dates; give a value of the column as older_than",
        },
    ],
    body: Body::Host,
};

/// `lumos_tier_run`.
pub const RUN: Function = Function {
    name: "lumos_tier_run",
    section: Section::Layout,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("now", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[PROGRESS],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Does what the policies of all tables say, with this date or time for their ages: see `lumos_tier`. \
          Rows that are old by now leave the mirror, and files with rows that changed are written anew. \
          Nothing calls it by itself. Returns an array with what `lumos_tier` returns.",
    setup: &["SELECT lumos_attach(NULL, '{\"allow_files\": [\".\"]}'), lumos_track('Invoice')"],
    examples: &[
        Example {
            sql: "SELECT lumos_tier('Invoice', 'InvoiceDate', '2 years', '.') ->> '$.rows'",
            answer: "0",
        },
        Example {
            sql: "SELECT lumos_tier_run('2025-12-22') -> 0 ->> '$.older_than'",
            answer: "2023-12-22 00:00:00",
        },
    ],
    body: Body::Host,
};

/// `lumos_untier`.
pub const UNTIER: Function = Function {
    name: "lumos_untier",
    section: Section::Layout,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[Param::new("table", Type::Text)],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Takes the rows of a table that are in files back into the mirror, removes the files, and forgets the table's policy. \
          Returns the rows that came back. See `lumos_tier`.",
    setup: &["SELECT lumos_attach(NULL, '{\"allow_files\": [\".\"]}'), lumos_track('Invoice')"],
    examples: &[Example {
        sql: "SELECT lumos_untier('Invoice')",
        answer: "0",
    }],
    body: Body::Host,
};

/// `lumos_tiers`.
pub const TIERS: Function = Function {
    name: "lumos_tiers",
    section: Section::Layout,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[
        ("table", Type::Text),
        ("column", Type::Text),
        ("older_than", Type::Text),
        ("folder", Type::Text),
        ("partition_by", Type::Text),
        ("files", Type::Integer),
        ("rows", Type::Integer),
        ("bytes", Type::Integer),
    ]),
    params: &[],
    options: &[],
    nulls: Nulls::Propagate,
    deterministic: false,
    doc: "One row for each policy of `lumos_tier`: its arguments, the files that the table has, and the rows and bytes in them. \
          Rows that changed since they were moved are still counted until the next run. Applies nothing.",
    setup: &[],
    examples: &[Example {
        sql: "SELECT \"table\", \"column\", files FROM lumos_tiers",
        answer: "",
    }],
    body: Body::Host,
};
