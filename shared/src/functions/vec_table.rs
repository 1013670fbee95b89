//! `CREATE VIRTUAL TABLE ... USING lumos_vec(...)`.

use crate::{Body, Engines, Example, Function, Kind, Nulls, Param, Section, Type};

/// The definition.
pub const VEC_TABLE: Function = Function {
    name: "lumos_vec",
    section: Section::Vectors,
    engines: Engines::Sqlite,
    kind: Kind::Module,
    params: &[Param::new("columns", Type::Text)],
    options: &[],
    nulls: Nulls::Accept,
    deterministic: true,
    doc: "A table of vectors with an index: `CREATE VIRTUAL TABLE v USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[384] metric=cosine, tag TEXT, +body)`. \
          The key is an integer or, with `id TEXT PRIMARY KEY`, a text; such a row has a `rowid` beside, which stays as long as its key does, and of rows at the same distance the one that was there first comes first. \
          One column of vectors, as JSON or as a BLOB of 32-bit floats; the metric is `l2` (default), `cosine` or `ip`, the kind of index `flat4` (default), `flat8` or, for a million rows and more under `l2` and `cosine`, `hnsw`. \
          Columns of TEXT, INTEGER, REAL and BOOLEAN are to filter by, columns with a `+` are only kept. \
          `WHERE e MATCH ? AND k = 10` gives the ten nearest rows, with their exact `distance`; conditions on columns, `id IN (SELECT ...)` among them, and on `distance` choose rows first. \
          Under `k`, a condition that is no comparison of a column (`NOT IN`, `OR`, `EXISTS`, a call) is an error, since SQLite would test it only on the rows that were counted; in a join, `k` counts rows before they are joined. \
          With `ORDER BY distance LIMIT 10` in place of `k` any condition may follow, and there is no limit to the limit. \
          A row with a NULL vector is kept and never near; a zero vector has cosine distance 1, and no row is near to a query of zeros. \
          Rows are written by INSERT, INSERT OR REPLACE, UPDATE and DELETE, in transactions and savepoints; SQLite has no ON CONFLICT DO UPDATE for virtual tables. \
          With `content='docs', content_rowid='id'` the rows are those of the table `docs` and stay there, vectors too; its columns have the same names. Only the index is kept, over the rows that are there at first and then those that are named: \
          `INSERT INTO v(rowid) VALUES (new.id)` looks at a row anew, `INSERT INTO v(v, rowid) VALUES ('delete', old.id)` leaves it out. As with FTS5, triggers of `docs` do that, or `'rebuild'`; a row that nobody named may be missed, while filters, values and distances are those of `docs` now. \
          The index lies in tables beside it (`v_rows`, `v_vectors`, `v_blocks`, `v_meta`) with checksums; blocks that are damaged are made anew from the vectors as they are read. \
          `INSERT INTO v(v) VALUES('verify')` compares it with the vectors, `'rebuild'` makes it anew, `'optimize'` does so only where many rows were removed. \
          Under `kind=hnsw` these two make a graph too, from 4,096 rows on, `'optimize'` only where more than one row of a hundred was written since; nothing else does, and it takes ten minutes and more a million rows, which the interrupt key ends. \
          Rows written since are scanned beside the graph, and so is all under a filter, so that no answer is stale or short. \
          Programs without Lumos must not write these tables.",
    setup: &[],
    examples: &[
        Example {
            sql: "CREATE VIRTUAL TABLE notes USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2], tag TEXT)",
            answer: "",
        },
        Example {
            sql: "INSERT INTO notes VALUES (1, '[0, 1]', 'a'), (2, '[3, 4]', 'b'), (3, '[6, 9]', 'a')",
            answer: "",
        },
        Example {
            sql: "SELECT id, distance FROM notes WHERE e MATCH '[0, 0]' AND k = 2",
            answer: "1|1.0\n2|5.0",
        },
        Example {
            sql: "SELECT id FROM notes WHERE e MATCH '[3, 3]' AND tag = 'a' ORDER BY distance LIMIT 1",
            answer: "1",
        },
        Example {
            sql: "SELECT id FROM notes WHERE e MATCH '[3]' AND k = 1",
            answer: "lumos_vec: a vector of 1 dimensions; table notes has 2",
        },
        Example {
            sql: "CREATE VIRTUAL TABLE much USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2] kind=hnsw)",
            answer: "",
        },
        Example {
            sql: "INSERT INTO much(e) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 5000) SELECT json_array(i, i % 7) FROM c",
            answer: "",
        },
        Example {
            sql: "INSERT INTO much(much) VALUES ('optimize')",
            answer: "",
        },
        Example {
            sql: "SELECT id, distance FROM much WHERE e MATCH '[3000, 4]' AND k = 1",
            answer: "3000|0.0",
        },
        Example {
            sql: "CREATE VIRTUAL TABLE pages USING lumos_vec(path TEXT PRIMARY KEY, e FLOAT[2])",
            answer: "",
        },
        Example {
            sql: "INSERT INTO pages VALUES ('a.md', '[0, 1]'), ('b.md', '[3, 4]')",
            answer: "",
        },
        Example {
            sql: "SELECT path FROM pages WHERE e MATCH '[3, 3]' AND k = 1",
            answer: "b.md",
        },
        Example {
            sql: "CREATE TABLE docs(id INTEGER PRIMARY KEY, body TEXT, e)",
            answer: "",
        },
        Example {
            sql: "CREATE VIRTUAL TABLE near USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2], +body, content='docs', content_rowid='id')",
            answer: "",
        },
        Example {
            sql: "CREATE TRIGGER docs_insert AFTER INSERT ON docs BEGIN INSERT INTO near(rowid) VALUES (new.id); END",
            answer: "",
        },
        Example {
            sql: "CREATE TRIGGER docs_delete AFTER DELETE ON docs BEGIN INSERT INTO near(near, rowid) VALUES ('delete', old.id); END",
            answer: "",
        },
        Example {
            sql: "CREATE TRIGGER docs_update AFTER UPDATE OF id, e ON docs BEGIN INSERT INTO near(near, rowid) VALUES ('delete', old.id); INSERT INTO near(rowid) VALUES (new.id); END",
            answer: "",
        },
        Example {
            sql: "INSERT INTO docs VALUES (7, 'seven', '[0, 7]'), (8, 'eight', '[8, 0]')",
            answer: "",
        },
        Example {
            sql: "SELECT body, distance FROM near WHERE e MATCH '[0, 0]' AND k = 1",
            answer: "seven|7.0",
        },
    ],
    body: Body::Host,
};
