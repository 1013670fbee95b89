//! `lumos_attach(path, options)`.

use crate::options::{OptionDef, OptionType, PROGRESS};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const ATTACH: Function = Function {
    name: "lumos_attach",
    section: Section::Admin,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::optional("path", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[
        OptionDef {
            name: "memory_limit",
            ty: OptionType::Text(" like \"2GB\""),
            default: "`1GB`",
            doc: "the most memory that DuckDB takes",
        },
        OptionDef {
            name: "threads",
            ty: OptionType::Integer(1, 1024),
            default: "the cores of the machine, at most 4",
            doc: "the threads of DuckDB",
        },
        OptionDef {
            name: "auto_sync",
            ty: OptionType::Flag,
            default: "true",
            doc: "a query first applies what is pending",
        },
        OptionDef {
            name: "max_staleness",
            ty: OptionType::Number(0.0, " of seconds, 0 to apply before each query"),
            default: "0",
            doc: "a query applies nothing if this connection has applied before and the mirror equalled the source less than so long ago, by a clock that is never set; it then answers from what was applied, also inside a transaction that has written; `lumos_auto` always applies first",
        },
        OptionDef {
            name: "shared",
            ty: OptionType::Flag,
            default: "false",
            doc: "opens the mirror's file for each statement only, so that processes that all say so take turns",
        },
        OptionDef {
            name: "cache_bytes",
            ty: OptionType::Integer(0, i64::MAX),
            default: "16 MiB",
            doc: "the most bytes of results that are kept, 0 for none: see `lumos_cache_stats`",
        },
        OptionDef {
            name: "allow_files",
            ty: OptionType::Json("an array of folders"),
            default: "none",
            doc: "the folders that `lumos_export`, `lumos_load` and `read_csv` and its kin may use",
        },
        OptionDef {
            name: "plaintext",
            ty: OptionType::Flag,
            default: "false",
            doc: "the mirror of an encrypted database, which is refused in a file, is written all the same, unencrypted",
        },
        PROGRESS,
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Opens the mirror, or creates it, and returns where it is. \
          Without a path (or with NULL) it is `<database file>-lumos.duckdb` beside the database; \
          `:memory:` keeps it in memory, which is the default for a database in memory. \
          Attaching again changes what is given, and keeps what is not of `memory_limit`, `threads`, `cache_bytes`, `allow_files` and `plaintext`. \
          `lumos_lock` fixes all of them. \
          While another process has the mirror, or another connection of this one writes it, every function waits as long as `PRAGMA busy_timeout` says (without one 2 seconds for a connection of this process), in the order of asking, and heeds interrupts. \
          What `lumos_exec` makes is in a second file beside the mirror's, whose name ends in `-own.duckdb` (see there), which is opened with the mirror once it is there. \
          No query opens these files or those of SQLite databases in use, also where `allow_files` opens their folder, and none changes files with rows of mirrored tables. \
          The mirror's file and those beside it must be files of their own: no pipes, no hard links, and no symbolic ones but for the mirror itself, whose own place then counts. \
          Every other function that needs the mirror attaches the default one by itself.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT json_extract(lumos_attach(), '$.auto_sync')",
            answer: "1",
        },
        Example {
            sql: "SELECT lumos_attach('.')",
            answer: "lumos_attach: \".\" is a directory; give the path of a file for the mirror",
        },
    ],
    body: Body::Host,
};
