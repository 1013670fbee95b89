//! `lumos_hybrid`. Like `lumos_search` it asks in SQLite the index that the connection holds; what both searches find
//! is brought together by one fold in both engines.

use super::search::{count, options, target};
use crate::search;
use crate::text::fusion::FUSION;
use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Sql, Type, ValueRef};

/// The definition.
pub const HYBRID: Function = Function {
    name: "lumos_hybrid",
    section: Section::Vectors,
    engines: Engines::Both,
    kind: Kind::Table(FUSION.output),
    params: &[
        Param::new("name", Type::Text),
        Param::new("query", Type::Vector),
        Param::new("text", Type::Text),
        Param::optional("k", Type::Integer),
        Param::optional("options", Type::Json),
    ],
    options: search::HYBRID_OPTIONS,
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Searches by meaning and by words at once: the `k` (10) best rows, near to the vector `query` and with the words of `text`. \
          Each of both searches finds max(5 k, 50) rows; its scores, the negative distance and BM25, are brought to 0..1 by the least and the greatest of them, and the weighted sum is `score`. \
          `distance` and `bm25` (greater is better) are NULL for a row that this search did not find. Rows come best first, those with equal scores by their ids, which are to be different from each other. \
          A row that holds any word of `text` is found, stop words aside; a NULL for `query` or `text` leaves that search out. \
          With vectors of lumos_embed's 'hash', which see less than the words do, the weights [0.15, 0.85] do better than equal ones. \
          The options `filter` and `ids` leave only some rows, while the rows of the whole table say how rare a word is. \
          In SQLite `name` is a table of lumos_vec, and the option `fts` a table of FTS5. Its tokenizer `lumos` (`tokenize = 'lumos'`) finds English words by their stems, words of any language whatever their case and accents, and Chinese, Japanese and Korean by any part of a text, be it one character; a program without Lumos cannot search a table that has it. \
          In DuckDB `name` is a table with the columns of ids, vectors and texts, like `docs(id, e, body)`: then every vector and text is read. \
          `docs(id, e, h, body, hb)` makes it an indexed search, as a column of hashes does for `lumos_search`: `hb UBIGINT CHECK (hb = hash(body))`, written as `hash(body)`. \
          The words of all texts are in memory then, in a few bytes for each word of each text; the first search reads all texts. Words are found as by the tokenizer `lumos`, and scores are the same.",
    setup: &[],
    examples: &[
        Example {
            sql: "CREATE VIRTUAL TABLE notes USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[384] metric=cosine)",
            answer: "",
        },
        Example {
            sql: "CREATE VIRTUAL TABLE words USING fts5(body, tokenize = 'lumos')",
            answer: "",
        },
        Example {
            sql: "INSERT INTO words(rowid, body) VALUES (1, 'She painted a sunrise'), (2, '火车因为大雪晚点了'), (3, 'Paint is dear')",
            answer: "",
        },
        Example {
            sql: "INSERT INTO notes SELECT rowid, lumos_embed(body) FROM words",
            answer: "",
        },
        Example {
            sql: "SELECT id, round(score, 2) FROM lumos_hybrid('notes', lumos_embed('paintings of sunrises'), 'paintings of sunrises', 2, '{\"fts\": \"words\"}')",
            answer: "1|1.0\n3|0.22",
        },
        Example {
            sql: "SELECT id FROM lumos_hybrid('notes', NULL, '大雪', 5, '{\"fts\": \"words\"}')",
            answer: "2",
        },
    ],
    body: Body::Sql(&Sql {
        text: |args, _| {
            let query = match args.get(1) {
                Some(ValueRef::Vector(query)) => Some(*query),
                _ => None,
            };
            let text = match args.get(2) {
                Some(ValueRef::Text(text)) => Some(*text),
                _ => None,
            };
            let k = count(args.get(3), search::K);
            search::hybrid(target(args)?, query, text, k, options(args.get(4)))
        },
        fold: Some(&FUSION),
        in_duckdb: &[
            Example {
                sql: "CREATE TABLE notes(id BIGINT, body TEXT, hb UBIGINT CHECK (hb = hash(body)), e FLOAT[384], h UBIGINT CHECK (h = hash(e)))",
                answer: "",
            },
            Example {
                sql: "INSERT INTO notes SELECT id, body, hash(body), e, hash(e) FROM (SELECT *, lumos_embed(body)::FLOAT[384] AS e \
                  FROM (VALUES (1, 'She painted a sunrise'), (2, '火车因为大雪晚点了'), (3, 'Paint is dear')) t(id, body))",
                answer: "",
            },
            Example {
                sql: "SELECT id, round(score, 2) AS score FROM query(lumos_hybrid('notes(id, e, h, body, hb)', lumos_embed('paintings of sunrises'), 'paintings of sunrises', 2, '{\"metric\": \"cosine\"}'))",
                answer: "1|1.0\n3|0.22",
            },
            Example {
                sql: "SELECT id FROM query(lumos_hybrid('notes(id, e, body)', NULL, '大雪'))",
                answer: "2",
            },
        ],
    }),
};
