//! `lumos_exec`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const EXEC: Function = Function {
    name: "lumos_exec",
    section: Section::Query,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[
        Param::new("sql", Type::Text),
        Param::optional("params", Type::Json),
    ],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Runs one statement in the attached DuckDB that may write tables, views and macros of your own beside the mirrored tables, and returns the rows changed, also by a statement with RETURNING, whose rows are not given out. \
          They are in a database of their own, named `own`: `<database file>-lumos-own.duckdb` beside the mirror's file, made by the first statement that writes, and in memory if the mirror is. Deleting the mirror, `lumos_untrack` and `lumos_resync` leave it as it is. \
          A name without a database is looked for among the mirrored tables, then in DuckDB itself, then in `own`, and what is made without one is made in `own`; `own.notes` names it alone. So nothing that you make changes what other names mean, and making a table with the name of a mirrored one, or a macro with that of a function, is an error. \
          What is pending is applied first, as by `lumos_query`; a statement that reads no mirrored table also runs in a transaction that has written. The mirrored tables cannot be changed: they follow SQLite. \
          The statement is SELECT, INSERT, UPDATE, DELETE, MERGE, COPY (of files in `allow_files`), CREATE, ALTER, DROP, ANALYZE, VACUUM or EXPLAIN of one; what is temporary, settings, ATTACH, transactions and PREPARE are refused. A failed statement changes nothing. A statement that is done drops all kept results.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[
        Example {
            sql: "SELECT lumos_exec('CREATE TABLE notes(id INTEGER, text VARCHAR)')",
            answer: "0",
        },
        Example {
            sql: "SELECT lumos_exec('INSERT INTO notes VALUES (1, ?), (2, NULL)', '[\"hello\"]')",
            answer: "2",
        },
        Example {
            sql: "SELECT lumos_exec('DELETE FROM Genre')",
            answer: "lumos_exec: Binder Error: Can only delete from base table\nA mirrored table is changed in SQLite",
        },
    ],
    body: Body::Host,
};
