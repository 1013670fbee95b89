"""`lumos_search_many` against `lumos_search` for each query, and what `lumos_recall` measures against counting."""

import json
import random
import unittest

from test_search import Case


class Many(Case):
    def many(self, target, queries, k=10, **options):
        sql = "SELECT query_id, id, distance, rank FROM query(lumos_search_many(?, ?, ?, ?))"
        return self.db.execute(sql, [target, queries, k, json.dumps(options)]).fetchall()

    def equals_one_by_one(self, table, columns, k=10, **options):
        """With a column of hashes and without, in the order of the queries."""
        id_, vector, hash_ = columns
        exact, held = f"{table}({id_}, {vector})", f"{table}({id_}, {vector}, {hash_})"
        queries = self.db.execute("SELECT n, e FROM asked ORDER BY n").fetchall()
        expected = []
        for number, query in queries:
            if query is not None:
                rows = self.search(exact, list(query), k, **options)
                expected += [(number, *row) for row in rows]
        asked = "SELECT n, e FROM asked ORDER BY n"
        self.assertEqual(self.many(exact, asked, k, **options), expected)
        for _ in range(2):
            self.assertEqual(self.many(held, asked, k, oversample=1000, **options), expected)
        return expected

    def test_equals_one_search_after_the_other(self):
        for ty, id_ in [("BIGINT", "i"), ("VARCHAR", "chr(65 + i::INT % 26) || i"), ("UUID", "md5(i::VARCHAR)::UUID")]:
            self.db.execute(f"CREATE OR REPLACE TABLE docs(id {ty}, e FLOAT[3], tag BIGINT, h UBIGINT CHECK (h = hash(e)))")
            # Many equal vectors, so that there are ties.
            self.db.execute(
                f"INSERT INTO docs SELECT {id_}, v, i % 4, hash(v) FROM "
                "(SELECT i, [i * 7 % 11, i * 3 % 5, 1]::FLOAT[3] AS v FROM range(3000) r(i))"
            )
            self.db.execute("INSERT INTO docs VALUES (NULL, [0, 0, 0], 1, NULL)")
            self.db.execute(f"INSERT INTO docs SELECT {id_}, NULL, 1, NULL FROM range(5000, 5003) r(i)")
            self.db.execute(
                "CREATE OR REPLACE TABLE asked AS SELECT i AS n, CASE WHEN i % 9 <> 4 THEN "
                f"[i * 5 % 13, i % 7, 1]::FLOAT[] END::FLOAT[3] AS e FROM range(20) r(i)"
            )
            for options in [{}, {"filter": "tag = 1"}, {"max_distance": 2}, {"metric": "cosine"}, {"metric": "ip"}, {"ids": []}]:
                for k in [0, 5, 40]:
                    self.equals_one_by_one("docs", ("id", "e", "h"), k, **options)

    def test_rows_that_come_and_go(self):
        self.db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[2], h UBIGINT CHECK (h = hash(e)))")
        self.db.execute("CREATE TABLE asked AS SELECT i AS n, [i, 1]::FLOAT[2] AS e FROM range(20) r(i)")
        columns = ("id", "e", "h")
        self.assertEqual(self.equals_one_by_one("docs", columns), [])
        for first in [0, 50, 100]:
            self.db.execute(
                f"INSERT INTO docs SELECT i, v, hash(v) FROM (SELECT i, [i % 17, i % 3]::FLOAT[2] AS v FROM range({first}, {first + 50}) r(i))"
            )
            self.equals_one_by_one("docs", columns, 5)
            self.db.execute("BEGIN; UPDATE docs SET e = [9, 9], h = NULL WHERE id % 3 = 0")
            self.equals_one_by_one("docs", columns, 5)
            self.db.execute("ROLLBACK; DELETE FROM docs WHERE id % 7 = 0")
            self.equals_one_by_one("docs", columns, 5)
        self.db.execute("DELETE FROM asked")
        self.assertEqual(self.equals_one_by_one("docs", columns), [])

    def test_many_rows_in_several_threads(self):
        self.db.execute("SET threads = 4; CREATE TABLE docs(id BIGINT, e FLOAT[8], h UBIGINT CHECK (h = hash(e)))")
        self.db.execute(
            "INSERT INTO docs SELECT i, v, hash(v) FROM (SELECT i, "
            "[i % 977, i % 101, i % 13, i % 7, 1, 2, 3, i % 3]::FLOAT[8] AS v FROM range(300000) r(i))"
        )
        self.db.execute("CREATE TABLE asked AS SELECT i AS n, [i * 37, i, 3, 3, 1, 2, 3, 1]::FLOAT[8] AS e FROM range(8) r(i)")
        self.equals_one_by_one("docs", ("id", "e", "h"), 10)

    def test_more_queries_than_there_is_room_for(self):
        self.db.execute("CREATE TABLE docs AS SELECT 1 AS id, [1, 2]::FLOAT[2] AS e")
        asked = "SELECT i, [i, i] FROM range(200000) t(i)"
        self.refused("the 200000 queries take more than 1 MB", lambda: self.many("docs(id, e)", asked, 1, memory_limit_mb=1))
        self.assertEqual(len(self.many("docs(id, e)", asked, 1)), 200000)


class Recall(Case):
    def test_is_what_counting_finds(self):
        rng = random.Random(5)
        self.db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[24], h UBIGINT CHECK (h = hash(e)))")
        points = [[rng.gauss(0, 1) for _ in range(24)] for _ in range(1500)]
        self.db.execute(
            "INSERT INTO docs SELECT n * 3, e, hash(e) FROM (SELECT generate_subscripts(?, 1) AS n, unnest(?::FLOAT[24][]) AS e)",
            [[0] * len(points), json.dumps(points)],
        )
        rows = self.db.execute("SELECT id, e FROM docs ORDER BY id").fetchall()
        for n, k, options in [(40, 10, {}), (7, 3, {"oversample": 1}), (13, 5, {"oversample": 1, "filter": "id % 2 = 0"})]:
            shares = []
            for id_, query in [rows[i * len(rows) // n] for i in range(n)]:
                near = lambda **o: [r[0] for r in self.search("docs(id, e, h)", list(query), k + 1, **options, **o) if r[0] != id_][:k]
                shares.append(len(set(near()) & set(near(exact=True))) / k)
            sql = "FROM query(lumos_recall('docs(id, e, h)', ?, ?, ?))"
            recall, least, queries = self.db.execute(sql, [n, k, json.dumps(options)]).fetchone()
            self.assertAlmostEqual(recall, sum(shares) / n, places=12)
            self.assertEqual((least, queries), (min(shares), n))
        # Searches that do not look at the same rows.
        sql = "FROM query(lumos_recall('docs(id, e, h)', 100, 10, '{\"filter\": \"random() < 0.8\"}'))"
        recall, least, queries = self.db.execute(sql).fetchone()
        self.assertTrue(0.6 < recall < 0.95 and least < recall and queries == 100, (recall, least))


if __name__ == "__main__":
    unittest.main()
