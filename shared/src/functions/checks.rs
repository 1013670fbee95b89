//! `lumos_check_of(source, rules[, options])`, `lumos_check_suggest(source[, options])`, and in SQLite rules that are kept:
//! `lumos_check`, `lumos_check_drop`, `lumos_checks`, `lumos_check_run`, `lumos_quarantine`, `lumos_quarantine_restore`.

use crate::checks::{self, COLUMNS, OPTIONS};
use crate::example::example;
use crate::memory::moment::MOMENT;
use crate::options::{OptionDef, OptionType};
use crate::program::Rows;
use crate::source::{SOURCE, options, source, text};
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

const RULES: Param = Param::new("rules", Type::Json);

const ORDERS: &[&str] = &[
    "CREATE TABLE orders(id INTEGER, shop TEXT, total REAL)",
    "INSERT INTO orders VALUES (1, 'a', 10.5), (2, 'b', -3), (3, NULL, 7), (4, 'z', 12)",
];

/// The rows that break some rules, as [`CHECK_OF`] and [`RUN`] look for them.
pub const CHECK_ROWS: Rows = Rows {
    program: |arguments, database| {
        let give = "a rule like {\"not_null\": \"id\"}, or a list of them";
        checks::program(
            source(arguments)?,
            text(arguments, 1, RULES.name, give)?,
            options(arguments, 2),
            database,
        )
    },
    fold: &checks::count::RUN,
    in_duckdb: &[],
};

/// The definition.
pub const CHECK_OF: Function = Function {
    name: "lumos_check_of",
    section: Section::Checks,
    engines: Engines::Both,
    kind: Kind::Table(COLUMNS),
    params: &[SOURCE, RULES, Param::optional("options", Type::Json)],
    options: OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Looks whether rules hold of the rows of a table or query, all of them in one scan, and gives a row for each: `status` is `pass`, `fail`, or `error` if the newest value that `freshness` looks at is no moment. A rule whose SQL is wrong is an error of the call. \
          `rows` are those that the rule means, `failed` those that break it, `unknown` those of which it is NULL whether it holds, `keys` a JSON array with the smallest keys of the failed ones, and `sql` a SELECT of them. \
          `rules` is a JSON array of objects, or one object, each with one of these kinds: \
          `not_null` and `unique`, a column or a list of them; `in`, `{\"column\": \"c\", \"values\": [...]}`; `range` and `length`, `{\"column\": \"c\", \"min\": 0, \"max\": 9}`, either end may be missing; `glob`, `{\"column\": \"c\", \"pattern\": \"A*\"}`; `regex`, `{\"column\": \"c\", \"pattern\": \"^[A-Z]{2}$\"}`, which any part of the text may match, as `lumos_regexp` does, so that `^` and `$` ask for the whole; \
          `type`, `{\"column\": \"c\", \"is\": \"number\"}`, or `integer`, `real`, `text`, `blob`; `references`, `{\"column\": \"c\", \"table\": \"t\", \"to\": \"id\"}`; `expression`, SQL that is true of each row; \
          and of all rows together `aggregate`, SQL over aggregates; `row_count`, `{\"min\": 1, \"max\": 9}`; `sum_equals`, `{\"column\": \"c\", \"to\": 100, \"within\": 0.01}`, or `{\"column\": \"c\", \"table\": \"t\", \"to_column\": \"d\"}`, the sum of another table, with `by` of its rows in the same group: the exact sums of `lumos_sum`, in which NULL is left out and nothing adds up to 0, are at most `within` apart, or as far as the rounding of doubles explains; `freshness`, `{\"column\": \"at\", \"within\": \"36 hours\"}`, or `seconds`, `minutes`, `days`, `weeks`; `columns`, a list of names that must be there; `distribution`, `{\"column\": \"c\", \"baseline\": \"last_year\"}`, whose values must be distributed as others. These are the column of the same name of a table or query, or the first one that is named, `last_year(d)`; or what `lumos_column_of` gave of them, kept as JSON. By `\"measure\": \"psi\"`, the population stability index over ten parts of equally many numbers, the 49 most frequent texts, and NULL, both are alike below a `max` of 0.2; by `\"ks\"`, the largest distance of the distribution functions of the numbers, below 0.1. Of fewer than 30 rows it is not known. \
          Beside it a rule may have `name`; `severity`, `info`, `warn` or `error`, which is the default; `where`, SQL that says which rows it means; `by`, a column or a list of them, whose values make groups: each is judged by itself, and `rows`, `failed`, `unknown` and `keys` are then of groups; `max_rows` and `max_share`, how many rows may fail, in each group; `\"null\": \"fail\"`, by which unknown rows fail too. \
          In a rule of SQL the rows are called `lumos_source`.",
    setup: ORDERS,
    examples: &[
        example(
            "SELECT name, status, failed, keys FROM lumos_check_of('orders', '[{\"not_null\": \"shop\"}, {\"range\": {\"column\": \"total\", \"min\": 0}}, {\"unique\": \"id\"}]')",
            "not_null shop|fail|1|[3]\nrange total|fail|1|[2]\nunique id|pass|0|[]",
        ),
        example(
            "SELECT status, explanation FROM lumos_check_of('orders', '{\"in\": {\"column\": \"shop\", \"values\": [\"a\", \"b\"]}, \"max_share\": 0.3}')",
            "pass|1 of 4 rows (25 %) break the rule that shop is one of a, b",
        ),
        example(
            "SELECT status, explanation FROM lumos_check_of('orders', '{\"aggregate\": \"sum(total) > 100\"}')",
            "fail|it does not hold that sum(total) > 100",
        ),
        example(
            "SELECT status, explanation FROM lumos_check_of('orders', '[{\"regex\": {\"column\": \"shop\", \"pattern\": \"^[a-c]$\"}}, {\"sum_equals\": {\"column\": \"total\", \"to\": 26.6, \"within\": 0.05}}]')",
            "fail|1 of 4 rows (25 %) break the rule that shop matches ^[a-c]$\nfail|it does not hold that the sum of total is within 0.05 of 26.6 (26.5 and 26.6)",
        ),
        example(
            "SELECT failed, keys, explanation FROM lumos_check_of('orders', '{\"range\": {\"column\": \"total\", \"min\": 0}, \"by\": \"shop\"}')",
            "1|[\"b\"]|1 of 4 groups by shop break the rule that total is at least 0",
        ),
        example(
            "SELECT status FROM lumos_check_of('orders', '{\"notnull\": \"id\"}')",
            "{\"notnull\":\"id\"} must have one of not_null, unique, in, range, length, glob, regex, type, references, expression, aggregate, row_count, sum_equals, freshness, columns and distribution",
        ),
    ],
    body: Body::Rows(&CHECK_ROWS),
};

/// The definition.
pub const SUGGEST: Function = Function {
    name: "lumos_check_suggest",
    kind: Kind::Table(checks::suggest::SUGGEST.output),
    params: &[SOURCE, Param::optional("options", Type::Json)],
    options: checks::suggest::OPTIONS,
    doc: "Rules that hold of the rows of a table or query, or of 99 % of them: each as `lumos_check_of` takes it, with the share of rows of which it holds and the reason. One that does not hold of all rows has the severity `warn` and bears 1 %. \
          Of fewer than 100 rows nothing is said, and of columns beyond the first fifty. What holds by chance and what must hold, only a person can tell.",
    setup: &[
        "CREATE TABLE sold(id INTEGER, kind TEXT)",
        "INSERT INTO sold WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99) SELECT i, CASE WHEN i % 10 < 5 THEN 'card' ELSE 'cash' END FROM n",
    ],
    examples: &[example(
        "SELECT rule, holds, reason FROM lumos_check_suggest('sold')",
        "{\"not_null\":\"id\"}|1.0|100 % of 100 rows have a value\n{\"unique\":\"id\"}|1.0|no value of 100 comes twice\n{\"not_null\":\"kind\"}|1.0|100 % of 100 rows have a value\n{\"in\":{\"column\":\"kind\",\"values\":[\"card\",\"cash\"]}}|1.0|2 different values in 100 rows",
    )],
    body: Body::Rows(&Rows {
        program: |arguments, database| {
            checks::suggest::program(source(arguments)?, options(arguments, 1), database)
        },
        fold: &checks::suggest::SUGGEST,
        in_duckdb: &[],
    }),
    ..CHECK_OF
};

const NO_NEGATIVE: Example = example(
    "SELECT lumos_check('orders', '{\"name\": \"no negative total\", \"range\": {\"column\": \"total\", \"min\": 0}}')",
    "no negative total",
);

/// The definition.
pub const CHECK: Function = Function {
    name: "lumos_check",
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Text),
    params: &[SOURCE, Param::new("rule", Type::Json)],
    options: &[],
    doc: "Keeps a rule, as `lumos_check_of` takes it, for `lumos_check_run`, in the database's table `_lumos_checks`, and returns its name: that of the rule, else one made of the table, the kind and the column. A rule with a name that is known replaces the other. Nothing runs it by itself. A rule whose SQL is wrong is an error.",
    examples: &[
        example(
            "SELECT lumos_check('orders', '{\"not_null\": \"shop\"}')",
            "orders not_null shop",
        ),
        NO_NEGATIVE,
        example(
            "SELECT lumos_check('orders', '{\"not_null\": \"shp\"}')",
            "lumos_check: no such column: lumos_source.shp",
        ),
    ],
    body: Body::Host,
    ..CHECK_OF
};

/// The definition.
pub const DROP: Function = Function {
    name: "lumos_check_drop",
    kind: Kind::Scalar(Type::Text),
    params: &[Param::new("name", Type::Text)],
    doc: "Forgets a rule of `lumos_check`, and returns its name.",
    examples: &[
        NO_NEGATIVE,
        example(
            "SELECT lumos_check_drop('no negative total')",
            "no negative total",
        ),
        example(
            "SELECT lumos_check_drop('no negative total')",
            "lumos_check_drop: there is no check \"no negative total\"; lumos_checks() lists them",
        ),
    ],
    ..CHECK
};

/// The definition.
pub const CHECKS: Function = Function {
    name: "lumos_checks",
    kind: Kind::Table(&[
        ("name", Type::Text),
        ("source", Type::Text),
        ("rule", Type::Json),
    ]),
    params: &[],
    doc: "The rules that `lumos_check` keeps, by their names.",
    examples: &[
        NO_NEGATIVE,
        example(
            "SELECT name, source FROM lumos_checks()",
            "no negative total|orders",
        ),
    ],
    ..CHECK
};

/// The definition.
pub const RUN: Function = Function {
    name: "lumos_check_run",
    kind: Kind::Table(COLUMNS),
    params: &[
        Param::optional("name", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: OPTIONS,
    doc: "Looks whether the rules that `lumos_check` keeps hold, or the one with this name, and gives the rows of `lumos_check_of`: all rules of a source in one scan of it. A source that cannot be read is a row with the status `error` for each of its rules, and so is a rule whose SQL is wrong by now.",
    examples: &[
        NO_NEGATIVE,
        example(
            "SELECT name, status, keys FROM lumos_check_run()",
            "no negative total|fail|[2]",
        ),
    ],
    ..CHECK
};

/// The definition.
pub const QUARANTINE: Function = Function {
    name: "lumos_quarantine",
    kind: Kind::Scalar(Type::Integer),
    params: &[
        Param::new("name", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: &[
        OptionDef {
            name: "move",
            ty: OptionType::Flag,
            default: "false",
            doc: "deletes the rows from their table, in the same transaction; a foreign key or a trigger that refuses undoes all of it, and so does a foreign key with ON DELETE CASCADE or the like if other rows change as well, which would not come back; out of a virtual table no row is moved",
        },
        OptionDef {
            name: "max_rows",
            ty: OptionType::Integer(1, 1_000_000),
            default: "10000",
            doc: "more rows that break the rule are an error, and none is copied",
        },
        OptionDef {
            name: "now",
            ty: OptionType::Json(MOMENT),
            default: "the clock",
            doc: "the moment that is noted",
        },
    ],
    doc: "Copies the rows that break a rule of `lumos_check` into the table `_lumos_quarantine`, each as JSON with the rule, its table and the moment, and returns how many: a row that is there already is not copied again. The rule is one that looks at each row of a table.",
    examples: &[
        NO_NEGATIVE,
        example(
            "SELECT lumos_quarantine('no negative total', '{\"move\": true, \"now\": \"2026-05-01\"}')",
            "1",
        ),
        example(
            "SELECT id, rule, source, data, at FROM _lumos_quarantine",
            "1|no negative total|orders|{\"id\":2,\"shop\":\"b\",\"total\":-3.0}|2026-05-01 00:00:00",
        ),
        example("SELECT count(*) AS n FROM orders", "3"),
    ],
    ..CHECK
};

/// The definition.
pub const RESTORE: Function = Function {
    name: "lumos_quarantine_restore",
    kind: Kind::Scalar(Type::Integer),
    params: &[Param::new("id", Type::Integer)],
    doc: "Puts a row that `lumos_quarantine` moved back into its table, takes it out of the quarantine, and returns its id there. It is as it was; columns that the table has got since have their defaults. A key that is in use again, a column that is gone, or a trigger that leaves the row out is an error, and the row stays in the quarantine.",
    examples: &[
        NO_NEGATIVE,
        example(
            "SELECT lumos_quarantine('no negative total', '{\"move\": true}')",
            "1",
        ),
        example("SELECT lumos_quarantine_restore(1)", "1"),
        example("SELECT count(*) AS n FROM orders", "4"),
        example(
            "SELECT lumos_quarantine_restore(1)",
            "lumos_quarantine_restore: there is no row 1 in the quarantine; _lumos_quarantine has them",
        ),
    ],
    ..CHECK
};
