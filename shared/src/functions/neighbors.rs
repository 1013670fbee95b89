//! `lumos_neighbors(entity[, options])`, `lumos_paths(from_entity, to_entity[, options])`,
//! `lumos_pagerank(seeds[, options])`.

use super::facts::{INITIAL, TABLES};
use crate::example::example;
use crate::memory::graph::{folds, options, query};
use crate::program::Rows;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

const FACTS: Example = example(
    "SELECT lumos_fact_add('Ann', 'works at', 'Acme'), lumos_fact_add('Bob', 'works at', 'Acme'), lumos_fact_add('Bob', 'likes', 'tea')",
    "1|2|3",
);
const ANN_DUCKDB: Example = example(
    "INSERT OR REPLACE INTO lumos_fact BY NAME FROM query(lumos_fact_add('Ann', 'works at', 'Acme')) RETURNING id",
    "1",
);
const BOB_DUCKDB: Example = example(
    "INSERT OR REPLACE INTO lumos_fact BY NAME FROM query(lumos_fact_add('Bob', 'works at', 'Acme')) RETURNING id",
    "2",
);
const TEA_DUCKDB: Example = example(
    "INSERT OR REPLACE INTO lumos_fact BY NAME FROM query(lumos_fact_add('Bob', 'likes', 'tea')) RETURNING id",
    "3",
);

const ENTITY: Param = Param::new("entity", Type::Text);
const OPTIONS: Param = Param::optional("options", Type::Json);

/// The definition.
pub const NEIGHBORS: Function = Function {
    name: "lumos_neighbors",
    section: Section::Memory,
    engines: Engines::Both,
    kind: Kind::Table(folds::NEIGHBORS.output),
    params: &[ENTITY, OPTIONS],
    options: options::NEIGHBORS_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "The entities within `depth` facts of one, each once, the nearest first: how far it is, through whom, and by which fact it was reached. Facts are walked from subject to object and back.",
    setup: &[],
    examples: &[
        INITIAL,
        FACTS,
        example(
            "SELECT name, depth, through, fact FROM lumos_neighbors('ann', '{\"depth\": 3}')",
            "Acme|1|Ann|1\nBob|2|Acme|2\ntea|3|Bob|3",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| query::neighbors(args, database.dialect()),
        fold: &folds::NEIGHBORS,
        in_duckdb: &[
            TABLES,
            ANN_DUCKDB,
            BOB_DUCKDB,
            TEA_DUCKDB,
            example(
                "SELECT name, depth, through, fact FROM query(lumos_neighbors('ann', '{\"depth\": 3}'))",
                "Acme|1|Ann|1\nBob|2|Acme|2\ntea|3|Bob|3",
            ),
        ],
    }),
};

/// The definition.
pub const PATHS: Function = Function {
    name: "lumos_paths",
    section: Section::Memory,
    engines: Engines::Both,
    kind: Kind::Table(folds::PATHS.output),
    params: &[
        Param::new("from_entity", Type::Text),
        Param::new("to_entity", Type::Text),
        OPTIONS,
    ],
    options: options::PATHS_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "How two entities are connected: up to `k` paths of at most `max_length` facts, the shortest first, a row for each fact of a path. Facts are walked both ways, and no path passes an entity twice. In a graph with very many paths the search ends after a million steps, with those that it has found.",
    setup: &[],
    examples: &[
        INITIAL,
        FACTS,
        example(
            "SELECT path, step, subject, predicate, object FROM lumos_paths('Ann', 'tea')",
            "1|1|Ann|works_at|Acme\n1|2|Bob|works_at|Acme\n1|3|Bob|likes|tea",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| query::paths(args, database.dialect()),
        fold: &folds::PATHS,
        in_duckdb: &[
            TABLES,
            ANN_DUCKDB,
            BOB_DUCKDB,
            TEA_DUCKDB,
            example(
                "SELECT path, step, subject, predicate, object FROM query(lumos_paths('Ann', 'tea'))",
                "1|1|Ann|works_at|Acme\n1|2|Bob|works_at|Acme\n1|3|Bob|likes|tea",
            ),
        ],
    }),
};

/// The definition.
pub const PAGERANK: Function = Function {
    name: "lumos_pagerank",
    section: Section::Memory,
    engines: Engines::Both,
    kind: Kind::Table(folds::PAGERANK.output),
    params: &[Param::new("seeds", Type::Text), OPTIONS],
    options: options::PAGERANK_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "The entities that matter most to some: a name, or a JSON array of names. Personalised PageRank with damping 0.5, both ways along the facts, with their `confidence` as weights: `score` is how often a walker is there who at each step goes on, or with a probability of one half back to a seed. The scores of all entities add up to 1; seeds in no fact count for nothing. \
          Only facts within four of a seed are read: with all others, less than a thirtieth of the sum would go to other entities.",
    setup: &[],
    examples: &[
        INITIAL,
        FACTS,
        example(
            "SELECT name, round(score, 3) FROM lumos_pagerank('[\"Ann\"]', '{\"k\": 3}')",
            "Ann|0.578\nAcme|0.311\nBob|0.089",
        ),
    ],
    body: Body::Rows(&Rows {
        program: |args, database| query::pagerank(args, database.dialect()),
        fold: &folds::PAGERANK,
        in_duckdb: &[
            TABLES,
            ANN_DUCKDB,
            BOB_DUCKDB,
            TEA_DUCKDB,
            example(
                "SELECT name, round(score, 3) AS score FROM query(lumos_pagerank('[\"Ann\"]', '{\"k\": 3}'))",
                "Ann|0.578\nAcme|0.311\nBob|0.089",
            ),
        ],
    }),
};
