//! `lumos_fact_add(subject, predicate, object[, options])`, `lumos_entity_merge(keep, other[, options])`,
//! `lumos_facts(entity[, options])`.

use crate::example::example;
use crate::memory::graph::{folds, options, query};
use crate::program::Rows;
use crate::sql::GRAPH_DUCKDB;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// Makes the tables, before the other examples.
pub(super) const INITIAL: Example = example("SELECT lumos_memory_init()", "2");
/// The same in DuckDB.
pub(super) const TABLES: Example = example(GRAPH_DUCKDB, "");

/// The rows of [`FACT_ADD`].
pub const FACT_ADD_ROWS: Rows = Rows {
    program: |args, database| query::add(args, database.dialect()),
    fold: &folds::ADD,
    in_duckdb: &[
        TABLES,
        example(
            "INSERT OR REPLACE INTO lumos_fact BY NAME FROM query(lumos_fact_add('Ann', 'lives in', 'Rome', '{\"now\": \"2026-01-01\"}')) RETURNING id",
            "1",
        ),
        example(
            "INSERT OR REPLACE INTO lumos_fact BY NAME FROM query(lumos_fact_add('Ann', 'lives in', 'Oslo', '{\"now\": \"2026-05-01\"}')) RETURNING id, expired_at IS NULL AS known",
            "1|false\n2|true\n3|true",
        ),
        example(
            "SELECT object, valid_from, valid_to FROM query(lumos_facts('ann', '{\"as_of\": null}'))",
            "Rome|2026-01-01 00:00:00|2026-05-01 00:00:00\nOslo|2026-05-01 00:00:00|NULL",
        ),
    ],
};

/// The definition.
pub const FACT_ADD: Function = Function {
    name: "lumos_fact_add",
    section: Section::Memory,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[
        Param::new("subject", Type::Text),
        Param::new("predicate", Type::Text),
        Param::new("object", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: options::ADD_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Adds a fact to `lumos_fact`, and returns its id. \
          A new object of a functional predicate ends what held until then, where the new fact begins; a fact of the past ends where the next one begins, and one with `valid_to` takes its time out of the others. \
          Nothing is deleted: a row that holds for another time than was known gets `expired_at`, and another row says the new time, so that `as_known` finds what was known. \
          The same fact again changes nothing, unless it says another end. Said again with another `memory` or `source` it gets a row more for that, so that every source is kept, and forgetting one memory leaves the fact to the others. \
          Names are the same whatever their case, width and spaces, and by lumos_entity_merge; a predicate is stored in lower case with underscores. \
          The tables are those of lumos_memory_init, in the database `main`. For the facts of a text: `SELECT lumos_fact_add(value ->> 'subject', value ->> 'predicate', value ->> 'object') FROM json_each(lumos_extract(text)) WHERE value ->> 'kind' = 'fact'`.",
    setup: &[],
    examples: &[
        INITIAL,
        example(
            "SELECT lumos_fact_add('Ann', 'lives in', 'Rome', '{\"now\": \"2026-01-01\"}')",
            "1",
        ),
        example(
            "SELECT lumos_fact_add('Ann', 'lives in', 'Oslo', '{\"now\": \"2026-05-01\"}')",
            "3",
        ),
        example(
            "SELECT object, valid_from, valid_to FROM lumos_facts('ann', '{\"as_of\": null}')",
            "Rome|2026-01-01 00:00:00|2026-05-01 00:00:00\nOslo|2026-05-01 00:00:00|NULL",
        ),
        example(
            "SELECT object FROM lumos_facts('ann', '{\"as_of\": \"2026-02-01\"}')",
            "Rome",
        ),
        example(
            "SELECT lumos_fact_add('Ann', '', 'Oslo')",
            "predicate is empty; give a name",
        ),
    ],
    body: Body::Host,
};

/// The definition in DuckDB, where the caller stores the rows.
pub const FACT_ADD_DUCKDB: Function = Function {
    engines: Engines::DuckDb,
    kind: Kind::Table(folds::FACT_COLUMNS),
    doc: "Gives the rows to be stored, for `INSERT OR REPLACE INTO lumos_fact BY NAME FROM query(lumos_fact_add(...)) RETURNING id`, which is then what the function of this name does in SQLite, in the caller's transaction; the id of the fact is the last one. The tables are those of lumos_memory_ddl.",
    examples: FACT_ADD_ROWS.in_duckdb,
    body: Body::Rows(&FACT_ADD_ROWS),
    ..FACT_ADD
};

/// The rows of [`ENTITY_MERGE`].
pub const ENTITY_MERGE_ROWS: Rows = Rows {
    program: |args, database| query::merge(args, database.dialect()),
    fold: &folds::MERGE,
    in_duckdb: &[
        TABLES,
        example(
            "INSERT OR REPLACE INTO lumos_fact BY NAME FROM query(lumos_fact_add('Bob', 'likes', 'tea')) RETURNING id",
            "1",
        ),
        example(
            "INSERT OR REPLACE INTO lumos_alias BY NAME FROM query(lumos_entity_merge('Robert Smith', 'Bob')) RETURNING alias, name",
            "Bob|Robert Smith",
        ),
        example(
            "SELECT subject, object FROM query(lumos_facts('robert smith'))",
            "Robert Smith|tea",
        ),
    ],
};

/// The definition.
pub const ENTITY_MERGE: Function = Function {
    name: "lumos_entity_merge",
    section: Section::Memory,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[
        Param::new("keep", Type::Text),
        Param::new("other", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: options::MERGE_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Says that two names mean the same entity, which goes by the first from now on; returns 1, or 0 if that is known. \
          It adds a row to `lumos_alias` and changes no fact: with `as_known` before it they are still two, and deleting the row parts them again. \
          Where both have an object of a functional predicate, the one that began later counts from then on.",
    setup: &[],
    examples: &[
        INITIAL,
        example("SELECT lumos_fact_add('Bob', 'likes', 'tea')", "1"),
        example("SELECT lumos_entity_merge('Robert Smith', 'Bob')", "1"),
        example(
            "SELECT subject, object FROM lumos_facts('robert smith')",
            "Robert Smith|tea",
        ),
        example(
            "SELECT lumos_entity_merge('Bob', NULL)",
            "other is NULL; give a name",
        ),
    ],
    body: Body::Host,
};

/// The definition in DuckDB, where the caller stores the row.
pub const ENTITY_MERGE_DUCKDB: Function = Function {
    engines: Engines::DuckDb,
    kind: Kind::Table(folds::ALIAS_COLUMNS),
    doc: "Gives the row to be stored, none if it is known, for `INSERT OR REPLACE INTO lumos_alias BY NAME FROM query(lumos_entity_merge(...))`, which is then what the function of this name does in SQLite, in the caller's transaction.",
    examples: ENTITY_MERGE_ROWS.in_duckdb,
    body: Body::Rows(&ENTITY_MERGE_ROWS),
    ..ENTITY_MERGE
};

/// The definition.
pub const FACTS: Function = Function {
    name: "lumos_facts",
    section: Section::Memory,
    engines: Engines::Both,
    kind: Kind::Table(folds::FACTS.output),
    params: &[
        Param::new("entity", Type::Text),
        Param::optional("options", Type::Json),
    ],
    options: options::FACTS_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "The facts in which an entity is the subject or the object, by any of its names; of all entities if it is NULL. \
          By default what holds now, as it is known now; `as_of` asks for another time of the world, `as_known` for what was known then. \
          Times are in UTC; NULL in `valid_from` is since ever, in `valid_to` still. Rows come in the order of their ids. \
          A fact that several memories or sources say comes once, with the `memory` and `source` that said it first and the highest `confidence`; `sources` has them all, as JSON, with when each was known.",
    setup: &[],
    examples: &[
        INITIAL,
        example(
            "SELECT lumos_fact_add('Ann', 'lives_in', 'Rome', '{\"now\": \"2026-01-01\"}')",
            "1",
        ),
        example(
            "SELECT lumos_fact_add('Ann', 'lives_in', 'Oslo', '{\"now\": \"2026-05-01\"}')",
            "3",
        ),
        example(
            "SELECT subject, predicate, object, valid_from FROM lumos_facts('Ann', '{\"as_of\": \"2026-06-01\"}')",
            "Ann|lives_in|Oslo|2026-05-01 00:00:00",
        ),
        // On 1 April nobody knew that she would move.
        example(
            "SELECT object, valid_to FROM lumos_facts('Ann', '{\"as_of\": \"2026-06-01\", \"as_known\": \"2026-04-01\"}')",
            "Rome|NULL",
        ),
        example(
            "SELECT lumos_fact_add('Ann', 'lives_in', 'Oslo', '{\"source\": \"chat/7\", \"now\": \"2026-05-09\"}')",
            "4",
        ),
        example(
            "SELECT id, sources FROM lumos_facts('Ann')",
            "3|[{\"known_at\":\"2026-05-01 00:00:00\"},{\"source\":\"chat/7\",\"known_at\":\"2026-05-09 00:00:00\"}]",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| query::facts(args, database.dialect()),
        fold: &folds::FACTS,
        in_duckdb: &[
            TABLES,
            example(
                "INSERT OR REPLACE INTO lumos_fact BY NAME FROM query(lumos_fact_add('Ann', 'lives_in', 'Rome', '{\"now\": \"2026-01-01\"}')) RETURNING id",
                "1",
            ),
            example(
                "INSERT OR REPLACE INTO lumos_fact BY NAME FROM query(lumos_fact_add('Ann', 'lives_in', 'Oslo', '{\"now\": \"2026-05-01\"}')) RETURNING id",
                "1\n2\n3",
            ),
            example(
                "SELECT subject, predicate, object, valid_from FROM query(lumos_facts('Ann', '{\"as_of\": \"2026-06-01\"}'))",
                "Ann|lives_in|Oslo|2026-05-01 00:00:00",
            ),
            example(
                "SELECT object, valid_to FROM query(lumos_facts('Ann', '{\"as_of\": \"2026-06-01\", \"as_known\": \"2026-04-01\"}'))",
                "Rome|NULL",
            ),
        ],
    }),
};
