//! What is remembered of a question, what is told of memories without one, and what goes into a prompt.

use super::memory::{INITIAL, TABLES};
use crate::example::example;
use crate::memory::listing::{
    CONTEXT as CONTEXT_FOLD, HISTORY as HISTORY_FOLD, REVIEW_DUE as DUE_FOLD, STATS as STATS_FOLD,
    TIMELINE as TIMELINE_FOLD, context, history, review_due, stats, timeline,
};
use crate::memory::options;
use crate::memory::search::{SEARCH as SEARCH_FOLD, search};
use crate::memory::similar::{SIMILAR as SIMILAR_FOLD, similar};
use crate::memory::sources::{SOURCES as SOURCES_FOLD, sources};
use crate::program::Rows;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type, ValueRef};

fn text<'a>(args: &[ValueRef<'a>], i: usize) -> Option<&'a str> {
    match args.get(i) {
        Some(ValueRef::Text(text)) => Some(text),
        _ => None,
    }
}

fn integer(args: &[ValueRef<'_>], i: usize) -> Option<i64> {
    match args.get(i) {
        Some(ValueRef::Integer(v)) => Some(*v),
        _ => None,
    }
}

const OPTIONS: Param = Param::optional("options", Type::Json);

const READS: Function = Function {
    name: "",
    section: Section::Memory,
    engines: Engines::Both,
    kind: Kind::Aggregate,
    params: &[OPTIONS],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "",
    setup: &[],
    examples: &[],
    body: Body::Host,
};

const ROME: Example = example(
    "SELECT lumos_memory_add('Ann lives in Rome', '{\"session\": \"s1\", \"importance\": 0.9, \"now\": \"2026-05-01\"}')",
    "1",
);
const ROME_DUCKDB: Example = example(
    "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('Ann lives in Rome', '{\"session\": \"s1\", \"importance\": 0.9, \"now\": \"2026-05-01\"}')) RETURNING id",
    "1",
);

/// The definition.
pub const SEARCH: Function = Function {
    name: "lumos_memory_search",
    kind: Kind::Table(SEARCH_FOLD.output),
    params: &[Param::new("question", Type::Text), OPTIONS],
    options: options::SEARCH,
    doc: "Remembers what answers a question: the best memories of a scope first, each with all parts of its score. \
          `words` is BM25 of the text's own words, of the turns next to it and of its whole session, so that an answer is found by the question before it; `names` is what the names of the question add. Both are shares of the best. \
          A memory of a time that the question names, \"last May\" or 上周, by when it happened or by what its text says, gets `time`, 0.4, more. \
          With the option `embedding` memories without a word of the question are found too: `vector` is how near the embeddings of the text and of the turns next to it are, by cosine: a share of the best, 0 from the last of the 100, or 10 `k`, nearest on, NULL without an embedding; then the score is `weights` of both. \
          That is multiplied by 0.7 to 1.3 for `retention` (how much of it is left since its last use, by FSRS-6), `importance`, `activation` (how often and how lately it was used, by ACT-R) and `feedback`: age moves a memory, but hides none. \
          Of texts that say the same, only the best comes. English words are found by their stems, Chinese, Japanese and Korean by two characters each. No model is needed. \
          In SQLite an index is read; texts that hold no word of the question are found as neighbours of those that do, which are looked for among the 100, or 10 `k`, best. In DuckDB all rows of the scope are read.",
    examples: &[
        INITIAL,
        example(
            "SELECT lumos_memory_add('Which instrument do you play?', '{\"session\": \"s1\", \"now\": \"2026-05-01\"}')",
            "1",
        ),
        example(
            "SELECT lumos_memory_add('The violin, since I was six', '{\"session\": \"s1\", \"now\": \"2026-05-01\"}')",
            "2",
        ),
        example(
            "SELECT lumos_memory_add('我明天去上海看大雪', '{\"now\": \"2026-05-02\"}')",
            "3",
        ),
        example(
            "SELECT id, round(score, 2), round(words, 2), round(retention, 2) FROM lumos_memory_search('what instrument does she play', '{\"now\": \"2026-05-08\"}')",
            "1|0.9|1.0|0.75\n2|0.55|0.61|0.75",
        ),
        example(
            "SELECT content, event_time FROM lumos_memory_search('大雪', '{\"now\": \"2026-05-08\"}')",
            "我明天去上海看大雪|2026-05-02 00:00:00",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| search(text(args, 0), text(args, 1), database),
        fold: &SEARCH_FOLD,
        in_duckdb: &[
            TABLES,
            example(
                "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('Which instrument do you play?', '{\"session\": \"s1\", \"now\": \"2026-05-01\"}')) RETURNING id",
                "1",
            ),
            example(
                "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('The violin, since I was six', '{\"session\": \"s1\", \"now\": \"2026-05-01\"}')) RETURNING id",
                "2",
            ),
            example(
                "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('我明天去上海看大雪', '{\"now\": \"2026-05-02\"}')) RETURNING id",
                "3",
            ),
            example(
                "SELECT id, round(score, 2) AS score, round(words, 2) AS words, round(retention, 2) AS retention FROM query(lumos_memory_search('what instrument does she play', '{\"now\": \"2026-05-08\"}'))",
                "1|0.9|1.0|0.75\n2|0.55|0.61|0.75",
            ),
            example(
                "SELECT content, event_time FROM query(lumos_memory_search('大雪', '{\"now\": \"2026-05-08\"}'))",
                "我明天去上海看大雪|2026-05-02 00:00:00",
            ),
        ],
    }),
    ..READS
};

/// The definition.
pub const CONTEXT: Function = Function {
    name: "lumos_memory_context",
    kind: Kind::Table(CONTEXT_FOLD.output),
    params: &[
        Param::new("session", Type::Text),
        Param::new("question", Type::Text),
        Param::new("budget", Type::Integer),
        OPTIONS,
    ],
    options: options::SEARCH,
    doc: "Gives the passages to put into a prompt for a question: what lumos_memory_search finds, the best first, each with its id, day and session to cite, as far as they fit into `budget` tokens; one that does not fit is left out for shorter ones. \
          The turns of `session`, the conversation that the prompt has already, are left out; NULL leaves out none. Tokens are estimated: one for four letters of English, one for each other character. Options are those of the search; `k` is 50 here.",
    examples: &[
        INITIAL,
        ROME,
        example(
            "SELECT passage, tokens FROM lumos_memory_context('s2', 'where does Ann live?', 100, '{\"now\": \"2026-05-02\"}')",
            "[1] 2026-05-01, s1: Ann lives in Rome|10",
        ),
        example(
            "SELECT count(*) FROM lumos_memory_context('s1', 'where does Ann live?', 100)",
            "0",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| {
            context(
                text(args, 0),
                text(args, 1),
                integer(args, 2),
                text(args, 3),
                database,
            )
        },
        fold: &CONTEXT_FOLD,
        in_duckdb: &[
            TABLES,
            ROME_DUCKDB,
            example(
                "SELECT passage, tokens FROM query(lumos_memory_context('s2', 'where does Ann live?', 100, '{\"now\": \"2026-05-02\"}'))",
                "[1] 2026-05-01, s1: Ann lives in Rome|10",
            ),
            example(
                "SELECT count(*) AS n FROM query(lumos_memory_context('s1', 'where does Ann live?', 100))",
                "0",
            ),
        ],
    }),
    ..READS
};

/// The definition.
pub const HISTORY: Function = Function {
    name: "lumos_memory_history",
    kind: Kind::Table(HISTORY_FOLD.output),
    params: &[Param::new("id", Type::Integer)],
    doc: "Gives a memory with all that it has superseded and that has superseded it, the oldest first: when each was true (`valid_from`, `valid_to`; NULL is open), when it was added, and when its end was learnt (`expired_at`).",
    examples: &[
        INITIAL,
        ROME,
        example(
            "SELECT lumos_memory_supersede(1, 'Ann lives in Oslo', '{\"now\": \"2026-06-01\"}')",
            "2",
        ),
        example(
            "SELECT id, content, valid_from, valid_to FROM lumos_memory_history(2)",
            "1|Ann lives in Rome|NULL|2026-06-01 00:00:00\n2|Ann lives in Oslo|2026-06-01 00:00:00|NULL",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| history(integer(args, 0), database.dialect()),
        fold: &HISTORY_FOLD,
        in_duckdb: &[
            TABLES,
            ROME_DUCKDB,
            example(
                "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_supersede(1, 'Ann lives in Oslo', '{\"now\": \"2026-06-01\"}'))",
                "",
            ),
            example(
                "SELECT id, content, valid_to FROM query(lumos_memory_history(2)) LIMIT 1",
                "1|Ann lives in Rome|2026-06-01 00:00:00",
            ),
        ],
    }),
    ..READS
};

const SAID: Example = example(
    "SELECT lumos_memory_add('Ann lives in Rome', '{\"source\": {\"uri\": \"chat/7\", \"span\": [0, 17], \"confidence\": 0.9}, \"now\": \"2026-05-01\"}')",
    "1",
);
const AGAIN: Example = example(
    "SELECT lumos_memory_add('ann lives in Rome.', '{\"source\": \"mail/2\", \"now\": \"2026-05-09\"}')",
    "1",
);
const SAID_DUCKDB: Example = example(
    "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('Ann lives in Rome', '{\"source\": {\"uri\": \"chat/7\", \"span\": [0, 17], \"confidence\": 0.9}, \"now\": \"2026-05-01\"}')) RETURNING id",
    "1",
);
const AGAIN_DUCKDB: Example = example(
    "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('ann lives in Rome.', '{\"source\": \"mail/2\", \"now\": \"2026-05-09\"}')) RETURNING id",
    "1",
);

/// The definition.
pub const SOURCES: Function = Function {
    name: "lumos_memory_sources",
    kind: Kind::Table(SOURCES_FOLD.output),
    params: &[Param::new("id", Type::Integer)],
    doc: "Gives all sources of a memory, then those of the memories that it was made of, as a summary is of those that it cites: a row each, with the memory that has the source, `uri`, `span` and `confidence` as far as they were given, when and in which session it was said, and the text. \
          A memory that was given no source has a row too, which says when it happened. `source` is all that was given, as JSON.",
    examples: &[
        INITIAL,
        SAID,
        AGAIN,
        example(
            "SELECT memory, uri, span, confidence, said_at FROM lumos_memory_sources(1)",
            "1|chat/7|[0,17]|0.9|2026-05-01 00:00:00\n1|mail/2|NULL|NULL|2026-05-09 00:00:00",
        ),
        example(
            "SELECT * FROM lumos_memory_sources(9)",
            "there is no memory 9; lumos_memory_search gives ids",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| sources(integer(args, 0), database.dialect()),
        fold: &SOURCES_FOLD,
        in_duckdb: &[
            TABLES,
            SAID_DUCKDB,
            AGAIN_DUCKDB,
            example(
                "SELECT memory, uri, span, confidence, said_at FROM query(lumos_memory_sources(1))",
                "1|chat/7|[0,17]|0.9|2026-05-01 00:00:00\n1|mail/2|NULL|NULL|2026-05-09 00:00:00",
            ),
        ],
    }),
    ..READS
};

const OSLO: Example = example(
    "SELECT lumos_memory_add('Ann lives in Oslo', '{\"now\": \"2026-06-01\"}')",
    "2",
);
const OSLO_DUCKDB: Example = example(
    "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('Ann lives in Oslo', '{\"now\": \"2026-06-01\"}')) RETURNING id",
    "2",
);

/// The definition.
pub const SIMILAR: Function = Function {
    name: "lumos_memory_similar",
    kind: Kind::Table(SIMILAR_FOLD.output),
    params: &[Param::new("id", Type::Integer), OPTIONS],
    options: options::SIMILAR,
    doc: "Gives the memories of the same scope that say nearly what a memory says, the nearest first: what may repeat it, contradict it or go on with it. \
          `words` is the share of words that both have of those that either has, without words like \"the\"; `vector` the cosine of their embeddings, NULL without; `score` is the greater, from `min_score` (0.5) on. \
          It is looked up when it is asked for, so it is never out of date. In SQLite the memories that are compared are those that a search by the text and its embedding finds; in DuckDB all of the scope are.",
    examples: &[
        INITIAL,
        ROME,
        OSLO,
        example(
            "SELECT id, content, score FROM lumos_memory_similar(1, '{\"now\": \"2026-06-02\"}')",
            "2|Ann lives in Oslo|0.5",
        ),
        example(
            "SELECT * FROM lumos_memory_similar(9)",
            "there is no memory 9; lumos_memory_search gives ids",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| similar(integer(args, 0), text(args, 1), database.dialect()),
        fold: &SIMILAR_FOLD,
        in_duckdb: &[
            TABLES,
            ROME_DUCKDB,
            OSLO_DUCKDB,
            example(
                "SELECT id, content, score FROM query(lumos_memory_similar(1, '{\"now\": \"2026-06-02\"}'))",
                "2|Ann lives in Oslo|0.5",
            ),
        ],
    }),
    ..READS
};

/// The definition.
pub const TIMELINE: Function = Function {
    name: "lumos_memory_timeline",
    kind: Kind::Table(TIMELINE_FOLD.output),
    options: options::TIMELINE,
    doc: "Gives the memories of a scope in the order of what happened, the `k` (100) latest.",
    examples: &[
        INITIAL,
        ROME,
        example(
            "SELECT lumos_memory_add('Ann was born', '{\"event_time\": \"1990-02-03\", \"now\": \"2026-05-01\"}')",
            "2",
        ),
        example(
            "SELECT id, event_time, content FROM lumos_memory_timeline('{\"from\": \"1980-01-01\", \"now\": \"2026-06-01\"}')",
            "2|1990-02-03 00:00:00|Ann was born\n1|2026-05-01 00:00:00|Ann lives in Rome",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| timeline(text(args, 0), database.dialect()),
        fold: &TIMELINE_FOLD,
        in_duckdb: &[
            TABLES,
            ROME_DUCKDB,
            example(
                "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query(lumos_memory_add('Ann was born', '{\"event_time\": \"1990-02-03\", \"now\": \"2026-05-01\"}')) RETURNING id",
                "2",
            ),
            example(
                "SELECT id, event_time, content FROM query(lumos_memory_timeline('{\"from\": \"1980-01-01\", \"now\": \"2026-06-01\"}'))",
                "2|1990-02-03 00:00:00|Ann was born\n1|2026-05-01 00:00:00|Ann lives in Rome",
            ),
        ],
    }),
    ..READS
};

/// The definition.
pub const REVIEW_DUE: Function = Function {
    name: "lumos_memory_review_due",
    kind: Kind::Table(DUE_FOLD.output),
    options: options::REVIEW_DUE,
    doc: "Gives the important memories of a scope whose retention is below 0.9, the least first: what an agent may ask about again, and then tell lumos_memory_feedback. `due_at` is when it fell below.",
    examples: &[
        INITIAL,
        ROME,
        example(
            "SELECT id, round(retention, 2), due_at FROM lumos_memory_review_due('{\"now\": \"2026-09-01\"}')",
            "1|0.66|2026-05-09 07:05:39",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| review_due(text(args, 0), database.dialect()),
        fold: &DUE_FOLD,
        in_duckdb: &[
            TABLES,
            ROME_DUCKDB,
            example(
                "SELECT id, round(retention, 2) AS retention, due_at FROM query(lumos_memory_review_due('{\"now\": \"2026-09-01\"}'))",
                "1|0.66|2026-05-09 07:05:39",
            ),
        ],
    }),
    ..READS
};

/// The definition.
pub const STATS: Function = Function {
    name: "lumos_memory_stats",
    kind: Kind::Table(STATS_FOLD.output),
    options: options::STATS,
    doc: "Counts the memories of a scope: all, by tier, those that are pinned or superseded, and their sessions; and says when the first and the last of what they tell happened. It reads every row of the scope.",
    examples: &[
        INITIAL,
        ROME,
        example(
            "SELECT memories, short, long, archive, sessions, first_event FROM lumos_memory_stats()",
            "1|0|1|0|1|2026-05-01 00:00:00",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| stats(text(args, 0), database.dialect()),
        fold: &STATS_FOLD,
        in_duckdb: &[
            TABLES,
            ROME_DUCKDB,
            example(
                "SELECT memories, short, long, archive, sessions, first_event FROM query(lumos_memory_stats())",
                "1|0|1|0|1|2026-05-01 00:00:00",
            ),
        ],
    }),
    ..READS
};
