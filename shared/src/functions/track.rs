//! `lumos_track(table, options)`.

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
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Mirrors a table from now on: adds triggers that log touched keys, then copies the rows. \
          The argument is a table or a GLOB pattern; `*` takes every ordinary table and reports those that cannot be mirrored with the reason. \
          Returns a JSON array with table, rows and key. \
          The key is the INTEGER PRIMARY KEY, the primary key of a WITHOUT ROWID table, or a primary key or UNIQUE constraint whose columns are all NOT NULL; \
          a table without one is tracked by its rowid, and its key shown as `rowid`: after VACUUM, which may renumber such rows, the next sync copies it again. \
          Options:\n\n\
          - `columns`: an array of the columns to mirror; those of the key always are. Updates of others alone are not logged.\n\
          - `key`: a column or an array of columns that are exactly a PRIMARY KEY or UNIQUE constraint, all NOT NULL; \
          or `\"rowid\"`, as for a table without a key.\n\
          - `types`: an object with types of columns: VARCHAR, BIGINT, DOUBLE, BLOB, BOOLEAN (of 0 and 1), DATE, DECIMAL(width,scale), \
          TIMESTAMP (of ISO text), and of numbers TIMESTAMP(unix) for seconds, TIMESTAMP(unix_ms) for milliseconds, TIMESTAMP(julian) for days as julianday() gives them. \
          Without one the declared type is tried, and where it says nothing, or the values have another, the values choose.\n\
          - `on_mismatch`: what to do with a value that its column's type does not hold exactly, as a word for the table or an object with one for each column: \
          `error` (the default) refuses it; `null` stores NULL; `varchar` makes the column VARCHAR with SQLite's text of every value; \
          `widen` takes the next type that holds all values, VARCHAR at last. The latter two copy the table once more. In a key it is always an error.\n\
          - `initial`: false leaves the copy to the first query or sync.\n\
          - `target`: the table's name in the mirror.\n\
          - `progress`: true says every second on stderr how far the copy is, a number every so many seconds; it is not kept.\n\n\
          Tracking a tracked table changes nothing, or with other options replaces all that it had and copies the table again.",
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
