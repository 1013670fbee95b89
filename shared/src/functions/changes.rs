//! `lumos_changes`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const CHANGES: Function = Function {
    name: "lumos_changes",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[
        ("seq", Type::Integer),
        ("table", Type::Text),
        ("key", Type::Json),
        ("op", Type::Text),
    ]),
    params: &[
        Param::optional("since", Type::Integer),
        Param::optional("table", Type::Text),
    ],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "The committed changes of tracked tables after the position `since`, of all tables or of one, in the order in which they were made, by \
          whatever program: for rules, caches and queries that follow the data. A row for each touched key: `op` is `insert`, `update`, `delete`, \
          or `reset`, without a key, where rows may have been replaced that cannot be named: read the whole table then. It says what happened to \
          the key at that moment; read the row by its key to know what it is now, or that it is gone. Without `since`, one row whose `seq` is the \
          position now, from which to start. Changes stay until a mirror has applied them, and then until there are 10,000 of those; a \
          position whose changes are not kept any more, or that the database has not reached (it was restored from a backup), is an error: read \
          the tables, and start again from the position that `lumos_changes()` gives. In a transaction, call it before the first write. To do \
          something exactly once for each change, store the position in a table of the same file, in the transaction of what is done. Needs no \
          mirror.",
    setup: &["SELECT lumos_track('Genre')"],
    examples: &[
        Example {
            sql: "SELECT seq FROM lumos_changes()",
            answer: "0",
        },
        Example {
            sql: "UPDATE Genre SET Name = 'Loud' WHERE GenreId = 1",
            answer: "",
        },
        Example {
            sql: "SELECT * FROM lumos_changes(0)",
            answer: "1|Genre|{\"GenreId\":1}|update",
        },
        Example {
            sql: "SELECT * FROM lumos_changes(7)",
            answer: "lumos_changes: the position 7 is after the last change, 1: the database was restored or is another one; read the tables, and \
                     start again from lumos_changes()",
        },
    ],
    body: Body::Host,
};
