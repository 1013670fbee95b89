//! `lumos_hybrid(index, query, text, k[, options])`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const HYBRID: Function = Function {
    name: "lumos_hybrid",
    section: Section::Vectors,
    engines: Engines::Sqlite,
    kind: Kind::Table(&[
        ("id", Type::Any),
        ("score", Type::Real),
        ("distance", Type::Real),
        ("bm25", Type::Real),
    ]),
    params: &[
        Param::new("index", Type::Text),
        Param::new("query", Type::Vector),
        Param::new("text", Type::Text),
        Param::new("k", Type::Integer),
        Param::optional("options", Type::Json),
    ],
    nulls: Nulls::Accept,
    deterministic: false,
    doc: "Searches by meaning and by words at once: the `k` best rows of a lumos_vec table, near to the vector `query`, and of an FTS5 table, which hold the words of `text`. \
          Options: `fts`, the FTS5 table, needed, whose rowid is that of the vectors (where their key is a text, rows without a vector are left out); `weights`, what vectors and words count for, by default `[0.5, 0.5]`; `filter`, a condition in SQL on the columns of the lumos_vec table: exactly the rows that it leaves are searched. \
          Each leg finds max(5 k, 50) rows; its scores, the negative distance and the BM25 of FTS5, are brought to 0..1 by the least and the greatest of them, and the weighted sum is `score`. \
          `distance` and `bm25` (greater is better) are NULL for a row that this leg did not find. Rows come best first. \
          A row that holds any word of `text` is found, stop words aside; a NULL for `query` or `text` leaves that leg out. \
          With vectors of lumos_embed's 'hash', which see less than the words do, the weights [0.15, 0.85] do better than equal ones. \
          The tokenizer `lumos` of FTS5 (`tokenize = 'lumos'`) finds English words by their stems, words of any language whatever their case and accents, and Chinese, Japanese and Korean by any part of a text, be it one character; a program without Lumos cannot search a table that has it.",
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
    body: Body::Host,
};
