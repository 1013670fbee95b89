//! `lumos_memory_upkeep`, `lumos_memory_consolidate`: merges, summaries and tiers as time passes; and
//! `lumos_memory_verify_forgotten`.

use super::memory::{INITIAL, TABLES};
use crate::example::example;
use crate::memory::forgotten::{FORGOTTEN, forgotten};
use crate::memory::options;
use crate::memory::upkeep::{CONSOLIDATE as CONSOLIDATE_FOLD, Part, UPKEEP as UPKEEP_FOLD, upkeep};
use crate::options::Options;
use crate::program::Rows;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Sql, Type, ValueRef};

fn given<'a>(args: &[ValueRef<'a>]) -> Option<&'a str> {
    match args.first() {
        Some(ValueRef::Text(text)) => Some(text),
        _ => None,
    }
}

/// Makes the tables of facts in DuckDB.
const GRAPH_TABLES: Example = example(crate::sql::GRAPH_DUCKDB, "");

const NOTE: Example = example(
    "SELECT lumos_memory_add('The bus was late', '{\"importance\": 0.1, \"now\": \"2026-01-01\"}')",
    "1",
);
const NOTE_DUCKDB: Example = example(
    "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('The bus was late', '{\"importance\": 0.1, \"now\": \"2026-01-01\"}')) RETURNING id",
    "1",
);

/// The rows of merges and summaries, for SQLite to store.
pub const TEXTS: Rows = Rows {
    program: |args, database| {
        upkeep(
            options::CONSOLIDATE,
            given(args),
            Part::Texts,
            true,
            database.dialect(),
        )
    },
    fold: &CONSOLIDATE_FOLD,
    in_duckdb: &[],
};

/// Moves to other tiers, once those are stored.
pub const TIERS: Rows = Rows {
    program: |args, database| {
        upkeep(
            options::CONSOLIDATE,
            given(args),
            Part::Tiers,
            false,
            database.dialect(),
        )
    },
    fold: &UPKEEP_FOLD,
    in_duckdb: &[],
};

/// What would be done, with the reasons.
pub const DRY_RUN: Rows = Rows {
    program: |args, database| {
        upkeep(
            options::CONSOLIDATE,
            given(args),
            Part::All,
            false,
            database.dialect(),
        )
    },
    fold: &UPKEEP_FOLD,
    in_duckdb: &[],
};

/// The rows that change or are new, for the caller of DuckDB to store.
const ROWS: Rows = Rows {
    program: |args, database| {
        upkeep(
            options::CONSOLIDATE,
            given(args),
            Part::All,
            true,
            database.dialect(),
        )
    },
    fold: &CONSOLIDATE_FOLD,
    in_duckdb: &[],
};

/// What is to be done.
pub const UPKEEP_ROWS: Rows = Rows {
    program: |args, database| {
        upkeep(
            options::UPKEEP,
            given(args),
            Part::All,
            false,
            database.dialect(),
        )
    },
    fold: &UPKEEP_FOLD,
    in_duckdb: &[
        TABLES,
        GRAPH_TABLES,
        NOTE_DUCKDB,
        example(
            "SELECT id, action, tier, becomes, reason FROM query(lumos_memory_upkeep('{\"now\": \"2026-06-01\"}'))",
            "1|archive|short|archive|its importance is 0.10 and its retention 0.36",
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
    doc: "Says what lumos_memory_consolidate would do, a row for each memory that changes or is new, with the reason, and changes nothing. \
          `merge` and `reinforce`: memories that say the same, but for words that add nothing and marks between words, become one; that one has the uses, ratings, tags and sources of all, and cites the others, which go to the archive and can be restored. A \"not\", a number or a name more is not the same. \
          `summarize`: a session whose last turn is four hours old, with six turns or more, gets a summary of its five most telling sentences, a memory of the kind `summary` that cites their turns; `supersede`: so does one that went on, in the place of the old summary. \
          A topic gets one too: an entity of facts (lumos_fact_add with the option `memory`) that six memories or more tell something of, the last of them four hours old, by all its names; its summary has the topic as its tag, and its `uri` is `topic:` and the name in lower case. \
          `promote`, `demote`, `archive`, `expire`: a memory is in `long` while it is pinned, its importance is 0.8 or more, or its stability 30 days or more with a retention of 0.7 or more. \
          It goes to the archive when it is over (`expires_at`), or its importance is below 0.3 and its retention below 0.5; a fact is not archived for its age. All others are in `short`.",
    setup: &[],
    examples: &[
        INITIAL,
        NOTE,
        example(
            "SELECT id, action, tier, becomes, reason FROM lumos_memory_upkeep('{\"now\": \"2026-06-01\"}')",
            "1|archive|short|archive|its importance is 0.10 and its retention 0.36",
        ),
    ],
    body: Body::Rows(&UPKEEP_ROWS),
};

/// The definition.
pub const CONSOLIDATE: Function = Function {
    name: "lumos_memory_consolidate",
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Any),
    options: options::CONSOLIDATE,
    doc: "Merges memories that say the same, sums up sessions that are over and topics, and moves memories to the tiers that they belong to by now, all as lumos_memory_upkeep says, and returns how many memories were changed or added. All of it is done or nothing. Called again it changes nothing. Nothing is deleted: what went to the archive, lumos_memory_restore takes back as it was. A summary is found where `kinds` asks for it. \
          With `dry_run` nothing is changed, and the rows of lumos_memory_upkeep are returned, as a JSON array.",
    examples: &[
        INITIAL,
        NOTE,
        example(
            "SELECT value ->> 'id', value ->> 'action', value ->> 'reason' FROM json_each(lumos_memory_consolidate('{\"dry_run\": true, \"now\": \"2026-06-01\"}'))",
            "1|archive|its importance is 0.10 and its retention 0.36",
        ),
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
    doc: "Gives the rows to be stored, for `INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_consolidate(...))`, which is then what the function of this name does in SQLite, in the caller's transaction. With `dry_run` it gives the rows of lumos_memory_upkeep, which no table of memories takes.",
    examples: CONSOLIDATE_IN_DUCKDB,
    body: Body::Sql(&Sql {
        text: |args, _| {
            let options = Options::parse(options::CONSOLIDATE, given(args))?;
            match options.flag("dry_run") {
                Some(true) => DRY_RUN.sql("lumos_memory_consolidate", args),
                _ => ROWS.sql("lumos_memory_consolidate", args),
            }
        },
        fold: Some(&CONSOLIDATE_FOLD),
        in_duckdb: CONSOLIDATE_IN_DUCKDB,
    }),
    ..CONSOLIDATE
};

const CONSOLIDATE_IN_DUCKDB: &[Example] = &[
    TABLES,
    GRAPH_TABLES,
    NOTE_DUCKDB,
    example(
        "SELECT id, action, reason FROM query(lumos_memory_consolidate('{\"dry_run\": true, \"now\": \"2026-06-01\"}'))",
        "1|archive|its importance is 0.10 and its retention 0.36",
    ),
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

/// What is left of a memory, by its id.
pub const FORGOTTEN_ROWS: Rows = Rows {
    program: |args, database| {
        let id = match args.first() {
            Some(ValueRef::Integer(id)) => Some(*id),
            _ => None,
        };
        forgotten(id, database.dialect())
    },
    fold: &FORGOTTEN,
    in_duckdb: FORGOTTEN_IN_DUCKDB,
};

/// The definition.
pub const VERIFY_FORGOTTEN: Function = Function {
    name: "lumos_memory_verify_forgotten",
    section: Section::Memory,
    engines: Engines::Sqlite,
    kind: Kind::Table(FORGOTTEN.output),
    params: &[Param::new("id", Type::Integer)],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Proves that a memory is forgotten for ever: for each place how much of it is `found` there, and the remedy where it is not 0. \
          `memory`: its row; `citing`: memories that cite it, as a summary does, and may have its words; `facts`: facts that were told by it; `words`: its entry in the index of words; `free pages`: pages of the database file that are not used and may have old bytes, which VACUUM gives back; `mirror`: its row in the mirror, if the table is tracked, whose file may have old bytes until it is deleted and made anew. \
          It looks for the id, since the text is known to nobody any more.",
    setup: &[],
    examples: &[
        INITIAL,
        NOTE,
        example("SELECT lumos_memory_forget(1, '{\"hard\": true}')", "1"),
        example("VACUUM", ""),
        example(
            "SELECT place, found FROM lumos_memory_verify_forgotten(1)",
            "memory|0\nciting|0\nfacts|0\nwords|0\nfree pages|0",
        ),
        example(
            "SELECT * FROM lumos_memory_verify_forgotten(9)",
            "there is no memory 9; lumos_memory_search gives ids",
        ),
    ],
    body: Body::Host,
};

const FORGOTTEN_IN_DUCKDB: &[Example] = &[
    TABLES,
    GRAPH_TABLES,
    NOTE_DUCKDB,
    example(
        "SELECT place, found, remedy FROM query(lumos_memory_verify_forgotten(1)) WHERE found > 0",
        "memory|1|lumos_memory_forget(1, '{\"hard\": true}'), in DuckDB DELETE FROM lumos_memory WHERE id = 1",
    ),
    example("DELETE FROM lumos_memory WHERE id = 1", ""),
    example(
        "SELECT place, found FROM query(lumos_memory_verify_forgotten(1))",
        "memory|0\nciting|0\nfacts|0",
    ),
];

/// The definition in DuckDB.
pub const VERIFY_FORGOTTEN_DUCKDB: Function = Function {
    engines: Engines::DuckDb,
    doc: "Proves that a memory is forgotten for ever: for each place how much of it is `found` there, and the remedy where it is not 0, as the function of this name in SQLite: its row, memories that cite it, facts that were told by it. DuckDB does not overwrite the bytes of deleted rows in its file, CHECKPOINT or not; `EXPORT DATABASE`, and `IMPORT DATABASE` into a new file, leaves them behind.",
    examples: FORGOTTEN_IN_DUCKDB,
    body: Body::Rows(&FORGOTTEN_ROWS),
    ..VERIFY_FORGOTTEN
};
