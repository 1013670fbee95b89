//! `lumos_attach(path, options)`.

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
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Opens the mirror, or creates it, and returns where it is. \
          Without a path (or with NULL) it is `<database file>-lumos.duckdb` beside the database; \
          `:memory:` keeps it in memory, which is the default for a database in memory. \
          Options: `memory_limit` (text, default `1GB`), `threads` (default: the cores of the machine, at most 4), \
          `auto_sync` (default true: a query first applies what is pending), \
          `max_staleness` (seconds, default 0: a query applies nothing if this connection has applied before and the mirror equalled the source less than so long ago, by a clock that is never set; \
          it then answers from what was applied, also inside a transaction that has written; `lumos_auto` always applies first), \
          `shared` (default false; true opens the mirror's file for each statement only, so that processes that all say so take turns), \
          `cache_bytes` (default 16 MiB: see `lumos_cache_stats`), \
          `allow_files` (an array of folders that `lumos_export`, `lumos_load` and `read_csv` and its kin may use; default none), \
          `plaintext` (default false: the mirror of an encrypted database is refused in a file, which would hold its tables unencrypted; true writes it all the same), \
          `progress` (default false; true, or the seconds between two lines: queries and other calls say on stderr how far a copy is). \
          Attaching again changes what is given, and keeps what is not of `memory_limit`, `threads`, `cache_bytes`, `allow_files` and `plaintext`. \
          `lumos_lock` fixes all of them. \
          While another process has the mirror, or another connection of this one writes it, every function waits as long as `PRAGMA busy_timeout` says (without one 2 seconds for a connection of this process), in the order of asking, and heeds interrupts. \
          The mirror's file and those beside it must be files of their own: no pipes, no hard links, and no symbolic ones but for the mirror itself, whose own place then counts. \
          Every other function that needs the mirror attaches the default one by itself.",
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
