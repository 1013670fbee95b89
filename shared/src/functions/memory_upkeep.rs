//! `lumos_memory_upkeep`, `lumos_memory_consolidate`: tiers as time passes.

use super::memory::{INITIAL, TABLES};
use crate::memory::options;
use crate::memory::upkeep::{CONSOLIDATE as CONSOLIDATE_FOLD, UPKEEP as UPKEEP_FOLD, upkeep};
use crate::program::Rows;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type, ValueRef};

const fn example(sql: &'static str, answer: &'static str) -> Example {
    Example { sql, answer }
}

fn given<'a>(args: &[ValueRef<'a>]) -> Option<&'a str> {
    match args.first() {
        Some(ValueRef::Text(text)) => Some(text),
        _ => None,
    }
}

const NOTE: Example = example(
    "SELECT lumos_memory_add('The bus was late', '{\"importance\": 0.1, \"now\": \"2026-01-01\"}')",
    "1",
);
const NOTE_DUCKDB: Example = example(
    "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('The bus was late', '{\"importance\": 0.1, \"now\": \"2026-01-01\"}')) RETURNING id",
    "1",
);

/// The memories whose tier changes.
pub const UPKEEP_ROWS: Rows = Rows {
    program: |args, database| upkeep(given(args), database.dialect()),
    fold: &UPKEEP_FOLD,
    in_duckdb: &[
        TABLES,
        NOTE_DUCKDB,
        example(
            "SELECT id, tier, becomes, reason FROM query(lumos_memory_upkeep('{\"now\": \"2026-06-01\"}'))",
            "1|short|archive|its importance is 0.10 and its retention 0.36",
        ),
    ],
};

/// The definition.
pub const UPKEEP: Function = Function {
    name: "lumos_memory_upkeep",
    section: Section::Memory,
    engines: Engines::Both,
    kind: Kind::Table(UPKEEP_FOLD.output),
    params: &[Param::optional("options", Type::Json)],
    options: options::UPKEEP,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Says which memories lumos_memory_consolidate would move to another tier, and why, and changes nothing. \
          A memory is in `long` while it is pinned, its importance is 0.8 or more, or its stability 30 days or more with a retention of 0.7 or more. \
          It goes to the archive when it is over (`expires_at`), or its importance is below 0.3 and its retention below 0.5; a fact is not archived for its age. All others are in `short`.",
    setup: &[],
    examples: &[
        INITIAL,
        NOTE,
        example(
            "SELECT id, tier, becomes, reason FROM lumos_memory_upkeep('{\"now\": \"2026-06-01\"}')",
            "1|short|archive|its importance is 0.10 and its retention 0.36",
        ),
    ],
    body: Body::Rows(&UPKEEP_ROWS),
};

/// The definition.
pub const CONSOLIDATE: Function = Function {
    name: "lumos_memory_consolidate",
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    doc: "Moves memories to the tiers that they belong to by now, as lumos_memory_upkeep says, and returns how many. Called again it changes nothing. What went to the archive, lumos_memory_restore takes back as it was.",
    examples: &[
        INITIAL,
        NOTE,
        example(
            "SELECT lumos_memory_consolidate('{\"now\": \"2026-06-01\"}')",
            "1",
        ),
        example(
            "SELECT lumos_memory_consolidate('{\"now\": \"2026-06-01\"}')",
            "0",
        ),
        example(
            "SELECT tier, archived_from FROM lumos_memory",
            "archive|short",
        ),
    ],
    body: Body::Host,
    ..UPKEEP
};

/// The definition in DuckDB, where the caller stores the rows.
pub const CONSOLIDATE_DUCKDB: Function = Function {
    engines: Engines::DuckDb,
    kind: Kind::Table(CONSOLIDATE_FOLD.output),
    doc: "Gives the rows to be stored, for `INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_consolidate(...))`, which is then what the function of this name does in SQLite, in the caller's transaction.",
    examples: CONSOLIDATE_IN_DUCKDB,
    body: Body::Rows(&Rows {
        program: |args, database| upkeep(given(args), database.dialect()),
        fold: &CONSOLIDATE_FOLD,
        in_duckdb: CONSOLIDATE_IN_DUCKDB,
    }),
    ..CONSOLIDATE
};

const CONSOLIDATE_IN_DUCKDB: &[Example] = &[
    TABLES,
    NOTE_DUCKDB,
    example(
        "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_consolidate('{\"now\": \"2026-06-01\"}'))",
        "",
    ),
    example(
        "SELECT count(*) AS n FROM query(lumos_memory_consolidate('{\"now\": \"2026-06-01\"}'))",
        "0",
    ),
    example(
        "SELECT tier, archived_from FROM lumos_memory",
        "archive|short",
    ),
];
