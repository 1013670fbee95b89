"""`lumos_hybrid` of the same texts and vectors in SQLite and in DuckDB: the same rows with the same scores."""

import json
import math
import os
import random
import unittest

import duckdb
import host

BODIES = [
    "She painted a sunrise over the harbour",
    "The painters are painting; painting is what painters do",
    "火车因为大雪晚点了",
    "大雪大雪，雪还在下。火车站关了",
    "iPhone手机 and a café in São Paulo",
    "Trains are late because of snow, snow and more snow",
    "user_id=42, x-ray, 3 trains",
    "哈哈哈",
    "",
    "Привет мир. Hello world",
    "The cat sat on the mat with another cat",
    "한국어 텍스트 and English text",
]
ASKED = ["painting", "snow trains", "大雪", "雪", "火车站 晚点", "哈", "cafe PAULO", "the cat", "42", "мир world", "텍스트", "的"]


class SameAnswers(host.Case):
    def test_in_both_engines(self):
        rng = random.Random(3)
        rows = [(i, BODIES[i % len(BODIES)] + " note" * (i % 3), [rng.randrange(9), rng.randrange(9)]) for i in range(1, 200)]
        sqlite = self.open()
        sqlite.rows("CREATE VIRTUAL TABLE notes USING lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2], tag INTEGER)")
        sqlite.rows("CREATE VIRTUAL TABLE words USING fts5(body, tokenize = 'lumos')")
        db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        self.addCleanup(db.close)
        db.execute(f"LOAD '{os.environ['LUMOS_DUCKDB']}'")
        db.execute(
            "CREATE TABLE notes(id BIGINT, tag BIGINT, e FLOAT[2], h UBIGINT CHECK (h = hash(e)), body TEXT, hb UBIGINT CHECK (hb = hash(body)))"
        )
        for i, body, vector in rows:
            # One text is none at all: it counts among the texts.
            body = None if i == 77 else body
            sqlite.rows("INSERT INTO notes(id, e, tag) VALUES (?, ?, ?)", i, json.dumps(vector), i % 4)
            sqlite.rows("INSERT INTO words(rowid, body) VALUES (?, ?)", i, body)
            db.execute("INSERT INTO notes SELECT ?1, ?2, e, hash(e), ?4, hash(?4::TEXT) FROM (SELECT ?3::FLOAT[2] AS e)", [i, i % 4, vector, body])
        for text in [None, *ASKED]:
            for query, k, options in [
                (None, 5, {}),
                ([3, 4], 10, {}),
                ([0, 8], 3, {"weights": [0.15, 0.85]}),
                ([5, 5], 30, {"filter": "tag = 1"}),
            ]:
                asked = [query and json.dumps(query), text, k]
                expected = sqlite.rows("SELECT id, score, distance, bm25 FROM lumos_hybrid('notes', ?, ?, ?, ?)", *asked, json.dumps({"fts": "words", **options}))
                for columns in ["id, e, body", "id, e, h, body, hb"]:
                    sql = "SELECT id, score, distance, bm25 FROM query(lumos_hybrid(?, ?, ?, ?, ?))"
                    found = db.execute(sql, [f"notes({columns})", *asked, json.dumps(options)]).fetchall()
                    self.assertEqual([row[0] for row in found], [row[0] for row in expected], (text, query))
                    for row, right in zip(found, expected):
                        for value, wanted in zip(row[1:], right[1:]):
                            self.assertTrue(value == wanted or math.isclose(value, wanted, rel_tol=1e-12, abs_tol=1e-12), (row, right))


if __name__ == "__main__":
    unittest.main()
