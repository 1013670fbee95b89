//! `lumos_track(table, options)`.

use crate::changelog::tracking_options;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const TRACK: Function = Function {
    name: "lumos_track",
    section: Section::Sync,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Json),
    params: &[
        Param::new("table", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: tracking_options::OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Mirrors a table from now on: adds triggers that log touched keys, then copies the rows. \
          The argument is a table or a GLOB pattern; `*` takes every ordinary table and reports those that cannot be mirrored with the reason. \
          Returns a JSON array with table, rows and key. \
          The key is the INTEGER PRIMARY KEY, the primary key of a WITHOUT ROWID table, or a primary key or UNIQUE constraint whose columns are all NOT NULL; \
          a table without one is tracked by its rowid, and its key shown as `rowid`: after VACUUM, which may renumber such rows, the next sync copies it again. \
          Tracking a tracked table changes nothing, or with other options replaces all that it had and copies the table again.",
    setup: &[],
    examples: &[
        Example {
            sql: "SELECT lumos_track('Genre')",
            answer: "[{\"table\":\"Genre\",\"rows\":25,\"key\":[\"GenreId\"]}]",
        },
        Example {
            sql: "SELECT lumos_track('Invoice', '{\"columns\":[\"InvoiceDate\",\"Total\"],\"types\":{\"InvoiceDate\":\"DATE\"},\"on_mismatch\":\"null\",\"target\":\"sale\"}')",
            answer: "[{\"table\":\"Invoice\",\"rows\":412,\"key\":[\"InvoiceId\"]}]",
        },
        Example {
            sql: "SELECT lumos_track('Gener')",
            answer: "lumos_track: no table \"Gener\"; sqlite_schema lists the tables",
        },
    ],
    body: Body::Host,
};
