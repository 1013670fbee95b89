//! `lumos_track(table, options)`.

use crate::options::{OptionDef, OptionType, PROGRESS};
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
    options: &[
        OptionDef {
            name: "columns",
            ty: OptionType::Json("an array of columns like [\"a\", \"b\"]"),
            default: "all",
            doc: "the columns to mirror; those of the key always are. Updates of others alone are not logged",
        },
        OptionDef {
            name: "key",
            ty: OptionType::Json("\"rowid\", a column, or an array of columns"),
            default: "the key as above",
            doc: "columns that are exactly a PRIMARY KEY or UNIQUE constraint, all NOT NULL, or the rowid as for a table without a key",
        },
        OptionDef {
            name: "types",
            ty: OptionType::Json("an object like {\"column\": \"DATE\"}"),
            default: "the declared type, and where it says nothing, or the values have another, what the values are",
            doc: "types of columns: VARCHAR, BIGINT, DOUBLE, BLOB, BOOLEAN (of 0 and 1), DATE, DECIMAL(width,scale), TIMESTAMP (of ISO text), and of numbers TIMESTAMP(unix) for seconds, TIMESTAMP(unix_ms) for milliseconds, TIMESTAMP(julian) for days as julianday() gives them",
        },
        OptionDef {
            name: "on_mismatch",
            ty: OptionType::Json(
                "one of error, null, varchar, widen, or an object with one for each column",
            ),
            default: "`error`",
            doc: "what to do with a value that its column's type does not hold exactly: `error` refuses it; `null` stores NULL; `varchar` makes the column VARCHAR with SQLite's text of every value; `widen` takes the next type that holds all values, VARCHAR at last. The latter two copy the table once more. In a key it is always an error",
        },
        OptionDef {
            name: "initial",
            ty: OptionType::Flag,
            default: "true",
            doc: "copies the table now; false leaves that to the first query or sync",
        },
        OptionDef {
            name: "target",
            ty: OptionType::Json("a name as a text"),
            default: "that of the table",
            doc: "the name in the mirror",
        },
        PROGRESS,
    ],
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
