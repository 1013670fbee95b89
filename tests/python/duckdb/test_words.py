"""`lumos_hybrid`: never another answer than that of BM25 and distances computed here from all rows."""

import json
import math
import os
import random
import threading
import unittest

from test_search import Case, connect

STEPS = 80
WORDS = [f"k{i}" for i in range(9)] + ["大雪", "火车站", "雪", "晚点"]


def terms(text):
    """All terms of a text with the number of places, for words that have no stem and characters."""
    found, length = [], 0
    for run in (text or "").split():
        if run.isascii():
            found.append(run)
            length += 1
        else:
            pairs = [a + b for a, b in zip(run, run[1:])]
            found += pairs + list(run)
            length += max(1, len(pairs))
    return found, length


def asked(text):
    words = []
    for run in text.split():
        words += [run] if run.isascii() or len(run) == 1 else [a + b for a, b in zip(run, run[1:])]
    return list(dict.fromkeys(words))


def bm25(rows, text, chosen, pool):
    """Best rows with their scores: rows are (id, body)."""
    rows = [(i, *terms(body)) for i, body in rows if i is not None]
    words = asked(text)
    if not rows or not words:
        return []
    average = sum(length for _, _, length in rows) / len(rows)
    weights = []
    for word in words:
        holders = sum(word in found for _, found, _ in rows)
        weight = math.log((len(rows) - holders + 0.5) / (holders + 0.5))
        weights.append(weight if weight > 0 else 1e-6)
    scores = []
    for i, found, length in rows:
        counts = [found.count(word) for word in words]
        if any(counts) and i in chosen:
            score = 0.0
            for weight, count in zip(weights, counts):
                score += weight * ((count * (1.2 + 1)) / (count + 1.2 * (1 - 0.75 + 0.75 * length / average)))
            scores.append((-score, i))
    return [(i, -s) for s, i in sorted(scores)[:pool]]


def fused(near, worded, weights, k):
    sums, distances, scores = {}, dict(near), dict(worded)
    for weight, leg in [(weights[0], [(i, -d) for i, d in near]), (weights[1], worded)]:
        least, most = min((s for _, s in leg), default=0), max((s for _, s in leg), default=0)
        for i, s in leg:
            sums[i] = sums.get(i, 0.0) + weight * ((s - least) / (most - least) if most > least else 1.0)
    best = sorted(sums.items(), key=lambda row: (-row[1], row[0]))[:k]
    return [(i, s, distances.get(i), scores.get(i)) for i, s in best]


class Words(Case):
    def hybrid(self, target, query, text, k=10, **options):
        sql = "SELECT id, score, distance, bm25 FROM query(lumos_hybrid(?, ?, ?, ?, ?))"
        query = query and json.dumps(query)
        return self.db.execute(sql, [target, query, text, k, json.dumps(options)]).fetchall()

    def same(self, query, text, k=10, where="true", weights=(0.5, 0.5), **options):
        """The indexed search, the one that reads everything, and the one written here."""
        rows = self.db.execute(f"SELECT id, body, e, coalesce({where}, false) FROM docs").fetchall()
        chosen = {row[0] for row in rows if row[3]}
        pool = max(5 * k, 50)
        near = [(math.dist(query, e), i) for i, _, e, _ in rows if query and e and i is not None and i in chosen]
        near = [(i, d) for d, i in sorted(near)[:pool]]
        worded = bm25([row[:2] for row in rows], text or "", chosen, pool)
        expected = fused(near, worded, weights, k)
        if where != "true":
            options["filter"] = where
        for target in ["docs(id, e, h, body, hb)", "docs(id, e, body)"]:
            found = self.hybrid(target, query, text, k, oversample=1000, weights=list(weights), **options)
            self.assertEqual([row[0] for row in found], [row[0] for row in expected], target)
            for row, right in zip(found, expected):
                for value, wanted in zip(row[1:], right[1:]):
                    self.assertEqual(value is None, wanted is None)
                    if wanted is not None:
                        self.assertTrue(math.isclose(value, wanted, rel_tol=1e-12, abs_tol=1e-12), (row, right))
        return expected


class Changes(Words):
    """Random writes of all kinds, in files and in memory."""

    def run_steps(self, key, in_file, seed):
        rng = random.Random(seed)
        path = os.path.join(self.folder, f"{seed}.db") if in_file else ":memory:"
        self.db.close()
        self.db = connect(path)
        create = (
            f"TABLE docs(id BIGINT {key}, body TEXT, e FLOAT[2], tag BIGINT, "
            "hb UBIGINT CHECK (hb = hash(body)), h UBIGINT CHECK (h = hash(e)))"
        )
        self.db.execute(f"CREATE {create}")
        open_transaction, taken = False, 0

        def text():
            return " ".join(rng.choice(WORDS) for _ in range(rng.randrange(9))) if rng.randrange(12) else None

        def insert(ids):
            rows = [(i, text(), [rng.randrange(9), rng.randrange(9)], rng.randrange(4)) for i in ids]
            self.db.execute(
                "INSERT INTO docs SELECT id, body, e, tag, hash(body), hash(e) FROM (SELECT unnest(?::STRUCT(id BIGINT, body TEXT, e FLOAT[2], tag BIGINT)[], recursive := true))",
                [[dict(zip(("id", "body", "e", "tag"), row)) for row in rows]],
            )

        for _ in range(STEPS):
            what = rng.randrange(14)
            some = f"id % {rng.randrange(1, 7)} = 0"
            if what < 4:
                count = rng.randrange(1, 20)
                insert(range(taken, taken + count))
                taken += count
            elif what < 6:
                body = text()
                self.db.execute(f"UPDATE docs SET body = ?1, hb = hash(?1::TEXT) WHERE {some}", [body])
            elif what == 6:
                self.db.execute(f"DELETE FROM docs WHERE {some}")
            elif what == 7 and not open_transaction:
                self.db.execute("CHECKPOINT")
            elif what == 8:
                self.db.execute("ROLLBACK" if open_transaction else "BEGIN")
                open_transaction = not open_transaction
            elif what == 9 and open_transaction:
                self.db.execute("COMMIT")
                open_transaction = False
            elif what == 10 and not open_transaction and in_file:
                self.db.close()
                self.db = connect(path)
            elif what == 11:
                self.db.execute(f"UPDATE docs SET hb = NULL WHERE {some}")
            elif what == 12:
                self.db.execute("UPDATE docs SET hb = hash(body) WHERE hb IS NULL")
            elif what == 13 and rng.randrange(3) == 0:
                self.db.execute(f"CREATE OR REPLACE {create}")
                insert(range(taken, taken + 40))
                taken += 40
            query = rng.choice([None, [rng.randrange(9), rng.randrange(9)]])
            words = rng.choice([None, "", "k1", "雪 k2", "火车站 大雪", " ".join(WORDS), "k3 k4 k3 nothing"])
            where = rng.choice(["true", "true", "tag = 1", "id > 10 AND body LIKE '%k%'"])
            self.same(query, words, rng.choice([0, 1, 5, 30]), where, rng.choice([(0.5, 0.5), (0.15, 0.85), (1, 0)]))

    def test_in_a_file(self):
        self.run_steps("", True, 1)

    def test_with_a_key(self):
        self.run_steps("PRIMARY KEY", True, 2)

    def test_in_memory(self):
        self.run_steps("", False, 3)


class Values(Words):
    def fill(self, rows, id_="i", ty="BIGINT"):
        self.db.execute(
            f"CREATE OR REPLACE TABLE docs(id {ty}, body TEXT, e FLOAT[2], hb UBIGINT CHECK (hb = hash(body)), h UBIGINT CHECK (h = hash(e)))"
        )
        self.db.execute(
            "INSERT INTO docs SELECT id, body, e, hash(body), hash(e) FROM "
            f"(SELECT {id_} AS id, 'k' || i % 7 || ' k' || i % 11 || repeat(' x', i::INT % 13) AS body, [i % 97, i % 89]::FLOAT[2] AS e FROM range({rows}) t(i))"
        )

    def test_ids_of_all_types(self):
        for ty, id_ in [("VARCHAR", "chr(65 + i::INT % 26) || i"), ("UUID", "md5(i::VARCHAR)::UUID"), ("INTEGER", "100 - i")]:
            self.fill(300, id_, ty)
            for _ in range(2):
                self.same([5, 5], "k1 k9", 20)
                self.same(None, "k3", 7)
            # Rows without an id are no texts at all.
            self.db.execute("INSERT INTO docs SELECT NULL, body, e, hb, h FROM docs LIMIT 5")
            self.same([5, 5], "k1 k9", 20)

    def test_many_rows_in_several_threads(self):
        self.db.execute("SET threads = 4")
        self.fill(300000)
        # Each text is in many rows, some of which are deleted or new.
        for change in ["SELECT 1", "DELETE FROM docs WHERE id % 5 = 0", "UPDATE docs SET body = 'k1 new', hb = hash('k1 new') WHERE id % 1000 = 1"]:
            self.db.execute(change)
            self.same([5, 5], "k1 x new", 10)
        self.same(None, "k1 x", 10, "id % 1000 = 7")

    def test_little_memory(self):
        self.fill(1000)
        self.db.execute("UPDATE docs SET body = body || repeat(' long' || id, 3), hb = NULL")
        self.db.execute("UPDATE docs SET hb = hash(body)")
        for word in ["k1", "long5"]:
            for _ in range(2):
                self.same(None, word, 10, memory_limit_mb=1)
        self.db.execute("UPDATE docs SET body = (SELECT string_agg('w' || (id * 50 + j), ' ') FROM range(50) r(j)), hb = NULL")
        self.db.execute("UPDATE docs SET hb = hash(body)")
        for _ in range(3):
            self.same(None, "w77 w20020 k1", 10, memory_limit_mb=1)

    def test_what_duckdb_does_not_check_is_refused(self):
        self.db.execute("CREATE TABLE docs(id BIGINT, body TEXT, e FLOAT[2], hb UBIGINT, h UBIGINT CHECK (h = hash(e)))")
        self.db.execute("INSERT INTO docs VALUES (1, 'k1', [1, 2], 7, NULL)")
        self.refused("lumos_hybrid: no CHECK says that the hashes of", self.hybrid, "docs(id, e, h, body, hb)", None, "k1")
        self.assertEqual(len(self.hybrid("docs(id, e, body)", None, "k1")), 1)

    def test_threads_that_search_and_write(self):
        path = os.path.join(self.folder, "threads.db")
        self.db.close()
        self.db = connect(path)
        self.fill(200)
        failed = []

        def work(number):
            db = self.db.cursor()
            sql = "SELECT id, bm25 FROM query(lumos_hybrid(?, NULL, 'k1 new', 20))"
            try:
                for i in range(15):
                    db.execute("BEGIN; INSERT INTO docs SELECT id + 1000, b, e, hash(b), h FROM "
                               f"(SELECT *, body || ' new k{number * i % 11}' AS b FROM docs WHERE id < 200)")
                    found = [db.execute(sql, [f"docs({columns})"]).fetchall() for columns in ["id, e, body", "id, e, h, body, hb"]]
                    self.assertEqual(*found)
                    self.assertEqual(len(found[0]), 20)
                    db.execute("ROLLBACK" if number > 1 or i % 3 else "COMMIT")
            except Exception as error:
                failed.append(error)
            db.close()

        threads = [threading.Thread(target=work, args=[n]) for n in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])

    def test_a_macro_in_place_of_the_hash(self):
        self.db.execute("CREATE MACRO hash(x) AS 1::UBIGINT")
        self.fill(50)
        for i in range(3):
            self.db.execute(f"UPDATE docs SET body = 'k{i} other' WHERE id = 3")
            self.same(None, f"k{i}", 20)


if __name__ == "__main__":
    unittest.main()
