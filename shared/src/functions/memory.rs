//! An agent's memory: `lumos_memory_init`, `lumos_memory_add` and what else writes.
//!
//! What writes is a function of SQLite that stores the rows, and one of DuckDB that gives them to be stored.

use crate::example::example;
use crate::memory::change::{Action, Asked, CHANGE, change};
use crate::memory::options;
use crate::program::{Database, Program, Rows};
use crate::sql::{GRAPH_DUCKDB, MEMORY_DUCKDB};
use crate::{
    Body, Engines, Example, Function, Kind, Nulls, Param, Result, Section, Type, Value, ValueRef,
};

/// Makes the tables in SQLite.
pub(super) const INITIAL: Example = example("SELECT lumos_memory_init()", "2");
/// Makes the tables in DuckDB.
pub(super) const TABLES: Example = example(MEMORY_DUCKDB, "");

/// The definition.
pub const INIT: Function = Function {
    name: "lumos_memory_init",
    section: Section::Memory,
    engines: Engines::Sqlite,
    kind: Kind::Scalar(Type::Integer),
    params: &[OPTIONS],
    options: options::INIT,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Makes the tables of an agent's memory in the database `main`, where they are not there yet, brings those of an earlier version to this one, and returns the version of their form. \
          `lumos_memory` has the memories, a row each; any program can read it. Its triggers keep `lumos_memory_words`, an index of FTS5 over the words, and `lumos_memory_scope`, which counts. \
          `lumos_fact` and `lumos_alias` have the graph of lumos_fact_add. \
          A program without Lumos cannot write the table, since it lacks the tokenizer of the index.",
    setup: &[],
    examples: &[INITIAL, example("SELECT count(*) FROM lumos_memory", "0")],
    body: Body::Host,
};

/// The definition.
pub const DDL: Function = Function {
    name: "lumos_memory_ddl",
    section: Section::Memory,
    engines: Engines::DuckDb,
    kind: Kind::Scalar(Type::Text),
    params: &[],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: true,
    doc: "Returns the statements that make the table `lumos_memory` and the sequence of its ids, and the tables `lumos_fact` and `lumos_alias` of lumos_fact_add, for the program to run: in Python `con.execute(con.execute(\"SELECT lumos_memory_ddl()\").fetchone()[0])`.",
    setup: &[],
    examples: &[example(
        "SELECT count(*) FROM string_split(lumos_memory_ddl(), 'CREATE') t(part)",
        "1",
    )],
    body: Body::Pure(|_| Ok(Value::Text(format!("{MEMORY_DUCKDB}{GRAPH_DUCKDB}")))),
};

/// The program of a call that writes.
fn write(action: Action, args: &[ValueRef<'_>], database: &dyn Database) -> Result<Program> {
    let integer = |i: usize| match args.get(i) {
        Some(ValueRef::Integer(v)) => Some(*v),
        _ => None,
    };
    let texts: Vec<Option<&str>> = args
        .iter()
        .map(|arg| match arg {
            ValueRef::Text(text) => Some(*text),
            _ => None,
        })
        .collect();
    let text = |i: usize| texts.get(i).copied().flatten();
    let (id, content, number, given) = match action {
        Action::Add => (None, text(0), None, text(1)),
        Action::Supersede => (integer(0), text(1), None, text(2)),
        Action::Pin | Action::Feedback | Action::Review => (integer(0), None, integer(1), text(2)),
        Action::Update | Action::Touch | Action::Forget | Action::Restore => {
            (integer(0), None, None, text(1))
        }
    };
    let asked = Asked {
        action,
        id,
        content,
        number,
        options: given,
    };
    change(&asked, database.dialect())
}

const ID: Param = Param::new("id", Type::Integer);
const CONTENT: Param = Param::new("content", Type::Text);
const OPTIONS: Param = Param::optional("options", Type::Json);

/// A function that writes, in both engines.
macro_rules! writes {
    ($sqlite:ident, $duckdb:ident, $rows:ident, $action:ident, $name:literal, $params:expr, $options:expr, $doc:expr, $in_sqlite:expr, $in_duckdb:expr) => {
        /// The rows to be written.
        pub const $rows: Rows = Rows {
            program: |args, database| write(Action::$action, args, database),
            fold: &CHANGE,
            in_duckdb: $in_duckdb,
        };

        /// The definition.
        pub const $sqlite: Function = Function {
            name: $name,
            section: Section::Memory,
            engines: Engines::Sqlite,
            kind: Kind::Scalar(Type::Integer),
            params: $params,
            options: $options,
            nulls: Nulls::Accept,
            deterministic: false,
            doc: $doc,
            setup: &[],
            examples: $in_sqlite,
            body: Body::Host,
        };

        /// The definition in DuckDB, where the caller stores the rows.
        pub const $duckdb: Function = Function {
            engines: Engines::DuckDb,
            kind: Kind::Table(CHANGE.output),
            doc: concat!("Gives the row to be stored, for `INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(", $name, "(...)) RETURNING id`, which is then what the function of this name does in SQLite, in the caller's transaction."),
            examples: $in_duckdb,
            body: Body::Rows(&$rows),
            ..$sqlite
        };
    };
}

const NOTE: Example = example(
    "SELECT lumos_memory_add('Ann is allergic to peanuts', '{\"scope\": \"ann\", \"now\": \"2026-05-01\"}')",
    "1",
);
const NOTE_DUCKDB: Example = example(
    "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('Ann is allergic to peanuts', '{\"scope\": \"ann\", \"now\": \"2026-05-01\"}')) RETURNING id",
    "1",
);

writes!(
    ADD,
    ADD_DUCKDB,
    ADD_ROWS,
    Add,
    "lumos_memory_add",
    &[CONTENT, OPTIONS],
    options::ADD,
    "Remembers a text, and returns the id of the memory. A text that says the same as a memory of its scope, see lumos_memory_hash, strengthens that memory instead; its source is kept beside the others, with its words if they are others. \
     Importance and emotion are estimated from the words, in English and Chinese, where they are not given: 0.3, and more for a text that asks to be remembered, says a preference, a decision or an obligation, has a number, or moves. \
     How long it lasts follows from that, by FSRS-6, and from its uses; nothing is ever deleted for its age. \
     A memory of importance 0.8 or more, or a pinned one, begins in the tier `long`, others in `short`. \
     An image, sound or file is a memory by `uri`, with what it shows as the text, and its `embedding`.",
    &[
        INITIAL,
        NOTE,
        example(
            "SELECT lumos_memory_add('ann is allergic to  peanuts.', '{\"scope\": \"ann\", \"source\": \"chat/7\", \"now\": \"2026-05-09\"}')",
            "1"
        ),
        example(
            "SELECT tier, round(importance, 2), sources, uses FROM lumos_memory",
            "short|0.5|[{\"uri\":\"chat/7\",\"at\":\"2026-05-09 00:00:00\"}]|2"
        ),
        example(
            "SELECT lumos_memory_add('', '{\"scope\": \"ann\"}')",
            "content is empty; give a text"
        ),
    ],
    &[
        TABLES,
        NOTE_DUCKDB,
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('ann is allergic to  peanuts.', '{\"scope\": \"ann\", \"source\": \"chat/7\", \"now\": \"2026-05-09\"}')) RETURNING id",
            "1"
        ),
        example(
            "SELECT tier, round(importance, 2) AS importance, sources, uses FROM lumos_memory",
            "short|0.5|[{\"uri\":\"chat/7\",\"at\":\"2026-05-09 00:00:00\"}]|2"
        ),
    ]
);

writes!(
    SUPERSEDE,
    SUPERSEDE_DUCKDB,
    SUPERSEDE_ROWS,
    Supersede,
    "lumos_memory_supersede",
    &[ID, CONTENT, OPTIONS],
    options::SUPERSEDE,
    "Remembers a text in the place of another memory, and returns the new id. The old one is kept: it was true until the new one is (`valid_from`, by default now), so that a search with `as_of` or `as_known` finds it. \
     The new one is of the same scope, kind and tags where nothing else is said. A pinned memory is not superseded.",
    &[
        INITIAL,
        example(
            "SELECT lumos_memory_add('Ann lives in Rome', '{\"now\": \"2026-05-01\"}')",
            "1"
        ),
        example(
            "SELECT lumos_memory_supersede(1, 'Ann lives in Oslo', '{\"now\": \"2026-06-01\"}')",
            "2"
        ),
        example(
            "SELECT content FROM lumos_memory_search('where does Ann live', '{\"now\": \"2026-07-01\"}')",
            "Ann lives in Oslo"
        ),
        example(
            "SELECT content FROM lumos_memory_search('where does Ann live', '{\"now\": \"2026-07-01\", \"as_of\": \"2026-05-20\"}')",
            "Ann lives in Rome"
        ),
    ],
    &[
        TABLES,
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('Ann lives in Rome', '{\"now\": \"2026-05-01\"}')) RETURNING id",
            "1"
        ),
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_supersede(1, 'Ann lives in Oslo', '{\"now\": \"2026-06-01\"}'))",
            ""
        ),
        example(
            "SELECT content FROM query(lumos_memory_search('where does Ann live', '{\"now\": \"2026-07-01\"}'))",
            "Ann lives in Oslo"
        ),
        example(
            "SELECT content FROM query(lumos_memory_search('where does Ann live', '{\"now\": \"2026-07-01\", \"as_of\": \"2026-05-20\"}'))",
            "Ann lives in Rome"
        ),
    ]
);

writes!(
    UPDATE,
    UPDATE_DUCKDB,
    UPDATE_ROWS,
    Update,
    "lumos_memory_update",
    &[ID, OPTIONS],
    options::UPDATE,
    "Corrects a memory, and returns its id: what the options do not name stays as it is. A source is added to the others.",
    &[
        INITIAL,
        NOTE,
        example(
            "SELECT lumos_memory_update(1, '{\"kind\": \"fact\", \"importance\": 0.9, \"tags\": [\"health\"]}')",
            "1"
        ),
        example(
            "SELECT kind, importance, tags FROM lumos_memory",
            "fact|0.9|[\"health\"]"
        ),
        example(
            "SELECT lumos_memory_update(9, '{\"kind\": \"fact\"}')",
            "there is no memory 9"
        ),
    ],
    &[
        TABLES,
        NOTE_DUCKDB,
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_update(1, '{\"kind\": \"fact\", \"importance\": 0.9, \"tags\": [\"health\"]}')) RETURNING id",
            "1"
        ),
        example(
            "SELECT kind, importance, tags FROM lumos_memory",
            "fact|0.9|[\"health\"]"
        ),
    ]
);

writes!(
    PIN,
    PIN_DUCKDB,
    PIN_ROWS,
    Pin,
    "lumos_memory_pin",
    &[ID, Param::new("pinned", Type::Integer), OPTIONS],
    options::MOMENT_ONLY,
    "Pins a memory (1) or unpins it (0), and returns its id. A pinned one does not fade, and can be neither forgotten nor superseded; in SQLite a DELETE of its row fails too.",
    &[
        INITIAL,
        NOTE,
        example("SELECT lumos_memory_pin(1, 1)", "1"),
        example(
            "SELECT lumos_memory_forget(1)",
            "memory 1 is pinned; lumos_memory_pin(1, 0) unpins it"
        ),
    ],
    &[
        TABLES,
        NOTE_DUCKDB,
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_pin(1, 1)) RETURNING id",
            "1"
        ),
        example(
            "FROM query(lumos_memory_forget(1))",
            "memory 1 is pinned; lumos_memory_pin(1, 0) unpins it"
        ),
    ]
);

writes!(
    FEEDBACK,
    FEEDBACK_DUCKDB,
    FEEDBACK_ROWS,
    Feedback,
    "lumos_memory_feedback",
    &[ID, Param::new("rating", Type::Integer), OPTIONS],
    options::MOMENT_ONLY,
    "Says how useful a memory was, and returns its id: 1 wrong, 2 of little use, 3 useful, 4 very useful. It is a review of FSRS-6: the memory lasts longer or shorter from then on, and a search counts the useful ones of its ratings.",
    &[
        INITIAL,
        NOTE,
        example(
            "SELECT lumos_memory_feedback(1, 4, '{\"now\": \"2026-05-08\"}')",
            "1"
        ),
        example(
            "SELECT round(stability), reviews, helpful FROM lumos_memory",
            "38.0|1|1"
        ),
    ],
    &[
        TABLES,
        NOTE_DUCKDB,
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_feedback(1, 4, '{\"now\": \"2026-05-08\"}')) RETURNING id",
            "1"
        ),
        example(
            "SELECT round(stability) AS stability, reviews, helpful FROM lumos_memory",
            "38.0|1|1"
        ),
    ]
);

writes!(
    REVIEW,
    REVIEW_DUCKDB,
    REVIEW_ROWS,
    Review,
    "lumos_memory_review",
    &[ID, Param::new("rating", Type::Integer), OPTIONS],
    options::MOMENT_ONLY,
    "Says how well a memory of lumos_memory_review_due was remembered when it was asked for, and returns its id: 1 forgotten or wrong, 2 with effort, 3 remembered, 4 at once. \
     FSRS-6 makes of it how long the memory lasts from then on, and so when it is due again. Unlike lumos_memory_feedback it says nothing of its use, which a search counts.",
    &[
        INITIAL,
        NOTE,
        example(
            "SELECT lumos_memory_review(1, 3, '{\"now\": \"2026-05-08\"}')",
            "1"
        ),
        example(
            "SELECT round(stability), reviews, lapses, helpful FROM lumos_memory",
            "21.0|1|0|0"
        ),
        example(
            "SELECT lumos_memory_review(1, 1, '{\"now\": \"2026-06-08\"}')",
            "1"
        ),
        example(
            "SELECT round(stability), reviews, lapses, helpful FROM lumos_memory",
            "2.0|2|1|0"
        ),
    ],
    &[
        TABLES,
        NOTE_DUCKDB,
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_review(1, 3, '{\"now\": \"2026-05-08\"}')) RETURNING id",
            "1"
        ),
        example(
            "SELECT round(stability) AS stability, reviews, lapses, helpful FROM lumos_memory",
            "21.0|1|0|0"
        ),
    ]
);

writes!(
    TOUCH,
    TOUCH_DUCKDB,
    TOUCH_ROWS,
    Touch,
    "lumos_memory_touch",
    &[ID, OPTIONS],
    options::MOMENT_ONLY,
    "Says that a memory was used, and returns its id. It lasts a little longer from then on. A search does not do that by itself, so that what was found often does not win over what is new.",
    &[
        INITIAL,
        NOTE,
        example(
            "SELECT lumos_memory_touch(1, '{\"now\": \"2026-05-08\"}')",
            "1"
        ),
        example(
            "SELECT uses, last_uses FROM lumos_memory",
            "2|[1778198400,1777593600]"
        ),
    ],
    &[
        TABLES,
        NOTE_DUCKDB,
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_touch(1, '{\"now\": \"2026-05-08\"}')) RETURNING id",
            "1"
        ),
        example(
            "SELECT uses, last_uses FROM lumos_memory",
            "2|[1778198400,1777593600]"
        ),
    ]
);

writes!(
    FORGET,
    FORGET_DUCKDB,
    FORGET_ROWS,
    Forget,
    "lumos_memory_forget",
    &[ID, OPTIONS],
    options::FORGET,
    "Takes a memory to the archive, and returns its id: a search finds it only with the option `tiers`, and lumos_memory_restore takes it back as it was. \
     With `hard` the row is deleted, for ever, with its words in the index, the facts that were told by it, the summaries of its session and of topics that cite it, which the next lumos_memory_consolidate makes without it, and what the archive has that says the same; after VACUUM the file has no byte of it. lumos_memory_verify_forgotten proves that. \
     In SQLite before 3.42 its words are in the index until `INSERT INTO lumos_memory_words(lumos_memory_words) VALUES ('optimize')`.",
    &[
        INITIAL,
        NOTE,
        example("SELECT lumos_memory_forget(1)", "1"),
        example(
            "SELECT count(*) FROM lumos_memory_search('peanuts', '{\"scope\": \"ann\"}')",
            "0"
        ),
        example(
            "SELECT count(*) FROM lumos_memory_search('peanuts', '{\"scope\": \"ann\", \"tiers\": [\"archive\"]}')",
            "1"
        ),
        example("SELECT lumos_memory_forget(1, '{\"hard\": true}')", "1"),
        example("SELECT count(*) FROM lumos_memory", "0"),
    ],
    &[
        TABLES,
        NOTE_DUCKDB,
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_forget(1)) RETURNING id",
            "1"
        ),
        example(
            "SELECT count(*) AS n FROM query(lumos_memory_search('peanuts', '{\"scope\": \"ann\"}'))",
            "0"
        ),
        example(
            "SELECT count(*) AS n FROM query(lumos_memory_search('peanuts', '{\"scope\": \"ann\", \"tiers\": [\"archive\"]}'))",
            "1"
        ),
        example(
            "FROM query(lumos_memory_forget(1, '{\"hard\": true}'))",
            "hard is for SQLite; in DuckDB run DELETE FROM lumos_memory WHERE id = 1"
        ),
    ]
);

writes!(
    RESTORE,
    RESTORE_DUCKDB,
    RESTORE_ROWS,
    Restore,
    "lumos_memory_restore",
    &[ID, OPTIONS],
    options::MOMENT_ONLY,
    "Takes a memory back from the archive, as it was, and returns its id.",
    &[
        INITIAL,
        NOTE,
        example("SELECT lumos_memory_forget(1)", "1"),
        example("SELECT lumos_memory_restore(1)", "1"),
        example("SELECT tier FROM lumos_memory", "short"),
    ],
    &[
        TABLES,
        NOTE_DUCKDB,
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_forget(1)) RETURNING id",
            "1"
        ),
        example(
            "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_restore(1)) RETURNING id",
            "1"
        ),
        example("SELECT tier FROM lumos_memory", "short"),
    ]
);

/// What writes, with its rows.
pub const WRITES: [(&Function, &Rows); 9] = [
    (&ADD, &ADD_ROWS),
    (&SUPERSEDE, &SUPERSEDE_ROWS),
    (&UPDATE, &UPDATE_ROWS),
    (&PIN, &PIN_ROWS),
    (&FEEDBACK, &FEEDBACK_ROWS),
    (&REVIEW, &REVIEW_ROWS),
    (&TOUCH, &TOUCH_ROWS),
    (&FORGET, &FORGET_ROWS),
    (&RESTORE, &RESTORE_ROWS),
];
