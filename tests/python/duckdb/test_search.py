"""`lumos_search` with a column of hashes: never another answer than that of a search which reads every vector."""

import json
import os
import random
import tempfile
import threading
import unittest

import duckdb

EXTENSION = os.environ["LUMOS_DUCKDB"]
STEPS = 200


def connect(path=":memory:", **config):
    db = duckdb.connect(path, config={"allow_unsigned_extensions": "true", **config})
    db.execute(f"LOAD '{EXTENSION}'")
    return db


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.db = connect()
        self.addCleanup(lambda: self.db.close())

    def search(self, target, query, k=10, db=None, **options):
        sql = "SELECT id, distance, rank FROM query(lumos_search(?, ?, ?, ?)) ORDER BY rank"
        return (db or self.db).execute(sql, [target, json.dumps(query), k, json.dumps(options)]).fetchall()

    def same(self, target, query, k=10, db=None, **options):
        """As many candidates as there are rows: then nothing may be missed."""
        found = self.search(target, query, k, db, oversample=1000, **options)
        self.assertEqual(found, self.search(target, query, k, db, exact=True, **options))
        return found

    def refused(self, words, function, *arguments):
        with self.assertRaises(duckdb.Error) as caught:
            function(*arguments)
        self.assertIn(words, str(caught.exception))


class Changes(Case):
    """Random writes of all kinds, in files and in memory, for every type of a vector."""

    def run_steps(self, ty, key, in_file, seed):
        rng = random.Random(seed)
        path = os.path.join(self.folder, f"{seed}.db") if in_file else ":memory:"
        self.db.close()
        self.db = connect(path)
        vector = "lumos_vec([{0}, {1}, 1]::FLOAT[])" if ty == "BLOB" else "[{0}, {1}, 1]::" + ty
        create = f"TABLE docs(id BIGINT {key}, e {ty}, tag BIGINT, h UBIGINT CHECK (h = hash(e)))"
        self.db.execute(f"CREATE {create}")
        open_transaction = False
        taken = 0

        def run(sql):
            self.db.execute(sql)

        def rows(first, count, hashed):
            a, b = rng.randrange(50), rng.randrange(50)
            text = vector.format(f"((i * 7 + {a}) % 11)", f"((i * 3 + {b}) % 5)")
            value = "hash(v)" if hashed else "NULL"
            return f"SELECT i, v, i % 4, {value} FROM (SELECT i, {text} AS v FROM range({first}, {first + count}) r(i))"

        def new_vectors(where):
            text = vector.format(f"((id * {rng.randrange(1, 9)}) % 13)", f"{rng.randrange(9)}")
            run(f"UPDATE docs SET e = {text}, h = hash({text}) WHERE {where}")

        for step in range(STEPS):
            what = rng.randrange(16)
            some = f"id % {rng.randrange(1, 7)} = 0"
            if what < 3:
                count = rng.randrange(1, 30)
                run(f"INSERT INTO docs {rows(taken, count, what < 2)}")
                taken += count
            elif what < 5:
                new_vectors(some)
            elif what == 5:
                new_vectors("true")
            elif what == 6:
                run(f"DELETE FROM docs WHERE {some}")
            elif what == 7 and not open_transaction:
                run("CHECKPOINT")
            elif what == 8 and not open_transaction:
                # The same ids, places and number of rows, with other vectors.
                count = self.db.execute("SELECT count(*) FROM docs").fetchone()[0]
                run("DELETE FROM docs")
                run("CHECKPOINT")
                run(f"INSERT INTO docs {rows(0, count, True)}")
                taken = max(taken, count)
                run("CHECKPOINT")
            elif what == 9:
                run("ROLLBACK" if open_transaction else "BEGIN")
                open_transaction = not open_transaction
            elif what == 10 and open_transaction:
                run("COMMIT")
                open_transaction = False
            elif what == 11 and not open_transaction and in_file and rng.randrange(3) == 0:
                self.db.close()
                self.db = connect(path)
            elif what == 12 and rng.randrange(4) == 0:
                run(f"CREATE OR REPLACE {create}")
                run(f"INSERT INTO docs {rows(taken, 40, True)}")
                taken += 40
            elif what == 13:
                run("UPDATE docs SET h = hash(e) WHERE h IS NULL")
            elif what == 14:
                run(f"UPDATE docs SET tag = tag + 1 WHERE {some}")
            elif what == 15 and rng.randrange(4) == 0:
                run("UPDATE docs SET e = NULL, h = hash(NULL) WHERE id % 5 = 1")
            query = [rng.randrange(12), rng.randrange(6), 1]
            options = rng.choice([{}, {}, {"filter": "tag = 1"}, {"max_distance": 3}, {"ids": list(range(0, 200, 7))}])
            options = dict(options, metric=rng.choice(["l2", "l2", "cosine", "ip"]))
            self.same("docs(id, e, h)", query, rng.choice([1, 5, 20]), **options)

    def test_arrays_in_a_file(self):
        self.run_steps("FLOAT[3]", "", True, 1)

    def test_arrays_with_a_key(self):
        self.run_steps("FLOAT[3]", "PRIMARY KEY", True, 2)

    def test_lists(self):
        self.run_steps("FLOAT[]", "", True, 3)

    def test_doubles_in_memory(self):
        self.run_steps("DOUBLE[3]", "", False, 4)

    def test_blobs(self):
        self.run_steps("BLOB", "PRIMARY KEY", True, 5)


class Recall(Case):
    def test_of_random_vectors(self):
        self.db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[48], h UBIGINT CHECK (h = hash(e)))")
        rng = random.Random(7)
        points = [[rng.gauss(0, 1) for _ in range(48)] for _ in range(3000)]
        self.db.execute(
            "INSERT INTO docs SELECT row_number() OVER (), e, hash(e) FROM (SELECT unnest(?::FLOAT[48][]) AS e)",
            [json.dumps(points)],
        )
        for kind in ["flat4", "flat8"]:
            found = 0
            for _ in range(30):
                query = [rng.gauss(0, 1) for _ in range(48)]
                got = self.search("docs(id, e, h)", query, kind=kind)
                expected = self.search("docs(id, e, h)", query, exact=True)
                self.assertEqual(len(got), 10)
                found += len(set(got) & set(expected))
            self.assertGreaterEqual(found, 298, kind)


class Proof(Case):
    """The index is used only where DuckDB itself keeps hashes and vectors together."""

    def fill(self, name="docs", db=None, first=0):
        db = db or self.db
        db.execute(f"CREATE TABLE {name}(id BIGINT, e FLOAT[2], h UBIGINT CHECK (h = hash(e)))")
        db.execute(
            f"INSERT INTO {name} SELECT i, v, hash(v) FROM (SELECT i, [i + {first}, 1]::FLOAT[2] AS v FROM range(20) r(i))"
        )

    def test_no_check_no_search(self):
        for columns in [
            "e FLOAT[2], h UBIGINT",
            "e FLOAT[2], h UBIGINT CHECK (h >= hash(e))",
            "e FLOAT[2], f FLOAT[2], h UBIGINT CHECK (h = hash(f))",
            "e FLOAT[2], h UBIGINT CHECK (h = hash(e) OR id = 1)",
            "\"É\" FLOAT[2], \"é\" FLOAT[2], h UBIGINT CHECK (h = hash(\"É\"))",
            "e FLOAT[2], \"h = hash(e)\" BOOLEAN CHECK (\"h = hash(e)\"), h UBIGINT",
        ]:
            self.db.execute(f"CREATE OR REPLACE TABLE docs(id BIGINT, {columns})")
            e = "é" if "é" in columns else "e"
            self.db.execute(f"INSERT INTO docs(id, {e}) VALUES (1, [1, 2])")
            self.refused("no CHECK says that the hashes", self.search, f"docs(id, {e}, h)", [1, 1])
            self.assertEqual(self.search(f"docs(id, {e})", [1, 1]), [(1, 1.0, 1)])

    def test_all_forms_of_the_check(self):
        for id_, e, h, check in [
            ("id", "e", "h", "hash(e) = h"),
            ("id", "E", "H", "h = hash(e)"),
            ('"I d"', '"select"', '"h""x"', '"h""x" = hash("select")'),
            ("id", "e", "größe", "größe = hash(e)"),
        ]:
            self.db.execute(f"CREATE OR REPLACE TABLE Docs({id_} BIGINT, {e} FLOAT[2], {h} UBIGINT, CHECK ({check}))")
            self.db.execute(f"INSERT INTO docs SELECT 1, v, hash(v) FROM (SELECT [3, 4]::FLOAT[2] AS v)")
            for _ in range(2):
                self.assertEqual(self.same(f"docs({id_}, {e}, {h})", [0, 0]), [(1, 5.0, 1)])

    def test_duckdb_keeps_the_hash(self):
        self.fill()
        self.db.execute("CREATE UNIQUE INDEX docs_id ON docs(id)")
        self.same("docs(id, e, h)", [3, 1])
        for change in [
            "UPDATE docs SET e = [9, 9] WHERE id = 3",
            "UPDATE docs SET h = 7 WHERE id = 3",
            "INSERT INTO docs VALUES (30, [9, 9], 7)",
            "INSERT INTO docs VALUES (3, [9, 9], 7) ON CONFLICT (id) DO UPDATE SET e = excluded.e",
            "INSERT INTO docs VALUES (3, [9, 9], hash([9, 9]::FLOAT[2])) ON CONFLICT (id) DO UPDATE SET e = excluded.e",
            "MERGE INTO docs USING (SELECT 3 AS id) s ON docs.id = s.id WHEN MATCHED THEN UPDATE SET e = [9, 9]",
        ]:
            self.refused("CHECK constraint failed", self.db.execute, change)
        self.db.execute("DROP INDEX docs_id")
        for change in [
            "ALTER TABLE docs ALTER e TYPE FLOAT[2] USING [0, 0]::FLOAT[2]",
            "ALTER TABLE docs ALTER h TYPE UBIGINT USING 0",
            "ALTER TABLE docs DROP COLUMN e",
            "ALTER TABLE docs DROP COLUMN h",
        ]:
            self.refused("CHECK constraint", self.db.execute, change)
        self.same("docs(id, e, h)", [3, 1])

    def test_columns_that_change_their_names(self):
        self.db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[2], f FLOAT[2], h UBIGINT CHECK (h = hash(e)))")
        self.db.execute("INSERT INTO docs SELECT 1, v, [8, 8], hash(v) FROM (SELECT [3, 4]::FLOAT[2] AS v)")
        self.same("docs(id, e, h)", [0, 0])
        for change in ["e TO g", "f TO e"]:
            self.db.execute(f"ALTER TABLE docs RENAME COLUMN {change}")
        self.refused("no CHECK says", self.search, "docs(id, e, h)", [0, 0])
        self.assertEqual(self.same("docs(id, g, h)", [0, 0]), [(1, 5.0, 1)])

    def test_the_table_is_the_one_that_is_checked(self):
        self.fill()
        self.same("docs(id, e, h)", [3, 1])
        # A temporary table or a view goes before others in an ordinary query; here both names mean the same table.
        self.db.execute("CREATE TEMP TABLE docs AS SELECT id, [99, 99]::FLOAT[2] AS e, h FROM main.docs")
        database = self.db.execute("SELECT current_database()").fetchone()[0]
        first = self.search("docs(id, e, h)", [3, 1], 1)
        self.assertEqual(first, [(3, 0.0, 1)])
        self.assertEqual(self.search("main.docs(id, e, h)", [3, 1], 1), first)
        self.assertEqual(self.search(f"{database}.main.docs(id, e, h)", [3, 1], 1), first)
        self.refused("no CHECK says", self.search, "temp.main.docs(id, e, h)", [3, 1])
        self.db.execute("CREATE SCHEMA \"o'ther s\"")
        self.fill("\"o'ther s\".docs", first=100)
        self.assertEqual(self.same("\"o'ther s\".docs(id, e, h)", [103, 1], 1), [(3, 0.0, 1)])
        self.db.execute("SET schema = '\"o''ther s\"'")
        self.assertEqual(self.search("docs(id, e, h)", [103, 1], 1), [(3, 0.0, 1)])
        # A statement that was prepared for one schema does not look for the CHECK in another.
        self.db.execute("SET schema = 'main'; CREATE SCHEMA third; CREATE TABLE third.docs(id BIGINT, e FLOAT[2], h UBIGINT)")
        self.db.execute("INSERT INTO third.docs SELECT id, [77, 77], h FROM main.docs")
        self.db.execute("PREPARE p AS SELECT id, distance, rank FROM query(lumos_search('docs(id, e, h)', [3, 1]::FLOAT[2], 1))")
        self.assertEqual(self.db.execute("EXECUTE p").fetchall(), first)
        self.db.execute("SET schema = 'third'")
        try:
            self.assertEqual(self.db.execute("EXECUTE p").fetchall(), first)
        except duckdb.Error as error:
            self.assertIn("no CHECK says", str(error))
        self.db.execute("PREPARE p AS FROM query(lumos_search('docs(id, e, h)', [3, 1]::FLOAT[2], 1))")
        self.db.execute("SET schema = 'main'")
        try:
            self.assertEqual(self.db.execute("EXECUTE p").fetchall(), first)
        except duckdb.Error as error:
            self.assertIn("no CHECK says", str(error))
        self.db.execute("SET schema = 'MAIN'")
        self.assertEqual(self.search("docs(id, e, h)", [3, 1], 1), first)
        self.db.execute("SET schema = 'main'; DROP TABLE temp.main.docs; CREATE VIEW w AS FROM docs")
        self.refused("rowid", self.search, "w(id, e, h)", [3, 1])
        self.assertEqual(self.search("w(id, e)", [3, 1], 1), [(3, 0.0, 1)])

    def test_another_database_of_the_same_name(self):
        paths = [os.path.join(self.folder, f"{i}.db") for i in range(2)]
        for i, path in enumerate(paths):
            self.db.execute(f"ATTACH '{path}' AS a")
            self.fill("a.docs", first=i * 50)
            self.db.execute("DETACH a")
        for i in [0, 1, 0, 1]:
            self.db.execute(f"ATTACH '{paths[i]}' AS a (READ_ONLY)")
            self.assertEqual(self.same("a.main.docs(id, e, h)", [i * 50 + 3, 1], 1), [(3, 0.0, 1)])
            self.db.execute("DETACH a")

    def indexes(self):
        return json.loads(self.db.execute("SELECT lumos_indexes()").fetchone()[0])

    def test_one_index_for_a_table(self):
        """However it is written; other metrics and kinds share the vectors."""
        self.fill()
        names = ["docs(id, e, h)", "DOCS(ID, e, H)", "main.docs(id, e, h)", '"Docs"("id", "E", "h")', "memory.main.docs(id, e, h)", "MEMORY.Main.DOCS(id,e,h)"]
        for name in names:
            self.same(name, [3, 1])
        (index,) = self.indexes()
        self.assertEqual((index["name"], index["values"]), ('"memory"."main"."docs"("id", "e", "h")', 20))
        self.db.execute("INSERT INTO docs SELECT i, v, hash(v) FROM (SELECT i, [i % 211, i % 7]::FLOAT[2] AS v FROM range(30000) r(i))")
        for metric, kind in [("cosine", "flat4"), ("ip", "flat4"), ("l2", "flat8"), ("cosine", "flat4")]:
            self.same("docs(id, e, h)", [3, 1], metric=metric, kind=kind)
            self.same("docs(id, e, h)", [3, 1], metric=metric, kind=kind, filter="id = 5")
            self.db.execute("INSERT INTO docs SELECT max(id) + 1, [max(id), 2], hash([max(id), 2]::FLOAT[2]) FROM docs")
        found = self.indexes()
        self.assertEqual([(i["metric"], i["kind"]) for i in found], [("cosine", "flat4"), ("ip", "flat4"), ("l2", "flat4"), ("l2", "flat8")])
        for metric, kind in [("cosine", "flat4"), ("ip", "flat4"), ("l2", "flat8"), ("l2", "flat4")]:
            self.same("docs(id, e, h)", [3, 1], metric=metric, kind=kind)
        self.assertEqual({i["values"] for i in self.indexes()}, {self.db.execute("SELECT count(DISTINCT e) FROM docs").fetchone()[0]})
        # Of another database with such a table, and of a temporary one.
        self.db.execute("ATTACH ':memory:' AS other; CREATE TEMP TABLE temps(id BIGINT, e FLOAT[2], h UBIGINT CHECK (h = hash(e)))")
        self.fill("other.docs", first=50)
        self.assertEqual(self.same("other.main.docs(id, e, h)", [53, 1], 1), [(3, 0.0, 1)])
        self.assertEqual(self.same("temp.main.temps(id, e, h)", [53, 1], 1), [])
        self.assertEqual(len({i["name"] for i in self.indexes()}), 3 if self.same("temp.main.temps(id, e, h)", [5, 1]) else 2)
        for name, count in [("other.main.docs(id, e, h)", 1), ("Docs(id, E, h)", 4), ("docs(id, e, h)", 0)]:
            self.assertEqual(self.db.execute("SELECT lumos_index_drop(?)", [name]).fetchall(), [(count,)])

    def test_all_indexes_share_the_memory(self):
        rows = "(SELECT i, list_resize([i + {}.5], 256, 1)::FLOAT[256] AS v FROM range(3000) r(i))"
        for n in range(3):
            self.db.execute(f"CREATE TABLE docs{n}(id BIGINT, e FLOAT[256], body TEXT, h UBIGINT CHECK (h = hash(e)), hb UBIGINT CHECK (hb = hash(body)))")
            self.db.execute(f"INSERT INTO docs{n} SELECT i, v, 'w' || i, hash(v), hash('w' || i) FROM {rows.format(n * 5000)}")
            sql = "SELECT count(*) FROM query(lumos_hybrid(?, ?, 'w7', 5, ?))"
            query = json.dumps([n * 5000 + 9] + [1] * 255)
            for metric in ["l2", "cosine"]:
                options = json.dumps({"memory_limit_mb": 4, "metric": metric})
                self.db.execute(sql, [f"docs{n}(id, e, h, body, hb)", query, options]).fetchall()
                self.same(f"docs{n}(id, e, h)", json.loads(query), memory_limit_mb=4, metric=metric)
        self.assertLess(sum(i["bytes"] for i in self.indexes()), 6_000_000)
        self.assertGreater(sum(i["bytes"] for i in self.indexes()), 3_000_000)

    def test_nothing_is_held_under_a_hash_that_it_does_not_have(self):
        """Whoever may write SELECT may write the parts of a search with other vectors: no other search is the worse."""
        self.db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[2], body TEXT, h UBIGINT CHECK (h = hash(e)), hb UBIGINT CHECK (hb = hash(body)))")
        self.db.execute("INSERT INTO docs SELECT i, v, b, hash(v), hash(b) FROM (SELECT i, [i, 1]::FLOAT[2] AS v, 'word' || i AS b FROM range(20) r(i))")
        for metric in ["l2", "cosine"]:
            options = json.dumps({"metric": metric})
            for vector in ["[99, 99]::FLOAT[2]", "NULL::FLOAT[2]", "[]::FLOAT[]", "'[99, 99]'", "lumos_vec('[99, 99]')"]:
                text = self.db.execute("SELECT lumos_search('memory.main.docs(id, e, h)', '[3, 1]', 5, ?)", [options]).fetchone()[0]
                wrong = text.replace('"docs"."e" AS vec', vector + " AS vec")
                self.assertNotEqual(text, wrong)
                try:
                    self.db.execute(wrong).fetchall()
                except duckdb.Error as error:
                    self.assertIn("a vector of 0 dimensions", str(error))
                for other in ['"docs"."h" + 1 AS hash', "hash([1, 1]::FLOAT[2]) AS hash", "7::UBIGINT AS hash"]:
                    self.db.execute(text.replace('"docs"."h" AS hash', other)).fetchall()
            self.assertEqual(len(self.same("docs(id, e, h)", [3, 1], 20, metric=metric)), 20)
            self.assertEqual(self.search("docs(id, e, h)", [3, 1], 1, metric=metric)[0][0], 3)
        sql = "SELECT id FROM query(lumos_hybrid('memory.main.docs(id, e, h, body, hb)', NULL, 'word3'))"
        text = self.db.execute("SELECT lumos_hybrid('memory.main.docs(id, e, h, body, hb)', NULL, 'word3')").fetchone()[0]
        for body in ["'other'", "NULL", "'word4'"]:
            wrong = text.replace('"docs"."body" AS body', body + " AS body")
            self.assertNotEqual(text, wrong)
            self.db.execute(wrong).fetchall()
            self.assertEqual(self.db.execute(sql).fetchall(), [(3,)])
        # The second part has the number of a search in the same statement, or none.
        for number in ["#0", "#1", "#ffffffffffffffff", "#", "#x", ""]:
            self.refused("", self.db.execute, "SELECT _lumos_knn_fetch(1, [1, 2]::FLOAT[2], 7::UBIGINT, ?, NULL::BLOB[], 2::BIGINT, NULL::BLOB)", [number])

    def test_every_type_of_vector_is_held(self):
        """DuckDB's hash is computed here too: were it another, nothing would be held."""
        types = ["FLOAT[2]", "FLOAT[]", "DOUBLE[2]", "DOUBLE[]", "TINYINT[]", "SMALLINT[2]", "INTEGER[]", "BIGINT[2]", "HUGEINT[]"]
        types += ["UTINYINT[]", "USMALLINT[2]", "UINTEGER[]", "UBIGINT[2]", "UHUGEINT[]", "DECIMAL(4,1)[]", "DECIMAL(9,2)[2]", "DECIMAL(18,3)[]", "DECIMAL(38,4)[]", "VARCHAR", "BLOB"]
        for ty in types:
            sign = 1 if ty[0] == "U" else -1
            value = f"[i, {sign}]::{ty}"
            if ty in ("VARCHAR", "BLOB"):
                value = "'[' || i || ', -1' || repeat(' ', i::INT % 17) || ']'"
                value = value if ty == "VARCHAR" else "lumos_vec([i, -1]::FLOAT[], CASE WHEN i % 2 = 0 THEN 'f16' ELSE 'f32' END)"
            self.db.execute(f"CREATE OR REPLACE TABLE docs(id BIGINT, e {ty}, h UBIGINT CHECK (h = hash(e)))")
            self.db.execute(f"INSERT INTO docs SELECT i, v, hash(v) FROM (SELECT i, {value} AS v FROM range(40) r(i))")
            self.db.execute("INSERT INTO docs VALUES (90, NULL, hash(NULL)), (91, NULL, NULL)")
            for _ in range(2):
                self.assertEqual(self.same("docs(id, e, h)", [3, sign], 1), [(3, 0.0, 1)])
            self.assertEqual([i["values"] for i in self.indexes()], [40], ty)
            self.db.execute("SELECT lumos_index_drop('docs(id, e, h)')").fetchall()
        self.db.execute("CREATE TABLE texts(id BIGINT, e FLOAT[1], h UBIGINT CHECK (h = hash(e)), body TEXT, hb UBIGINT CHECK (hb = hash(body)))")
        self.db.execute("INSERT INTO texts SELECT i, v, hash(v), b, hash(b) FROM (SELECT i, [1]::FLOAT[1] AS v, repeat('é', i::INT) || 'x' AS b FROM range(40) r(i))")
        self.db.execute("SELECT id FROM query(lumos_hybrid('texts(id, e, h, body, hb)', NULL, 'x'))").fetchall()
        self.assertEqual([i["values"] for i in self.indexes()], [40])

    def test_the_vector_is_shown_by_no_plan(self):
        self.fill()
        self.db.execute("CREATE OR REPLACE TABLE docs(id BIGINT, e FLOAT[900], h UBIGINT CHECK (h = hash(e)))")
        query = json.dumps([0.1] * 900)
        for name in ["docs(id, e, h)", "memory.main.docs(id, e, h)", "docs(id, e)"]:
            (text,) = self.db.execute("SELECT lumos_search(?, ?)", [name, query]).fetchone()
            self.assertEqual(text.count("3dcccccd3dcccccd" * 450), 1)
            for (_, plan) in self.db.execute(f"EXPLAIN SELECT * FROM query(lumos_search('{name}', '{query}'))").fetchall():
                self.assertNotIn("3dcc", plan)
                self.assertLess(len(plan.splitlines()), 220)

    def test_many_rows_come_in_order(self):
        self.db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[2], h UBIGINT CHECK (h = hash(e)))")
        self.db.execute("INSERT INTO docs SELECT i, v, hash(v) FROM (SELECT i, [i * 7919 % 30011, 1]::FLOAT[2] AS v FROM range(30000) r(i))")
        for name in ["docs(id, e, h)", "docs(id, e)"]:
            for _ in range(2):
                found = self.db.execute(f"SELECT rank, distance FROM query(lumos_search('{name}', '[5000, 1]', 20000))").fetchall()
                self.assertEqual([rank for rank, _ in found], [*range(1, 20001)])
                self.assertEqual([d for _, d in found], sorted(d for _, d in found))

    def test_numbers_that_are_whole(self):
        self.fill()
        for k in ["3.0", "3::DOUBLE", "3::FLOAT", "'3'", "3::HUGEINT", "3::DECIMAL(4,2)"]:
            self.assertEqual(len(self.db.execute(f"FROM query(lumos_search('docs(id, e, h)', [3, 1]::FLOAT[2], {k}))").fetchall()), 3)
            self.assertEqual(len(self.db.execute(f"SELECT lumos_topk(id, e, [3, 1]::FLOAT[2], {k}) FROM docs").fetchone()[0]), 3)
        self.assertEqual(self.db.execute("SELECT lumos_slice('[1, 2, 3]', 2.0, 3.0)").fetchone(), self.db.execute("SELECT lumos_slice('[1, 2, 3]', 2, 3)").fetchone())
        for k, words in [("2.5", "k is 2.5; give a whole number"), ("'nan'::DOUBLE", "k is NaN;"), ("1e30", "give a whole number"), ("'many'", 'k is "many";'), ("[1]", "k is of a type"), ("1e40::DOUBLE", "whole")]:
            self.refused(words, self.db.execute, f"FROM query(lumos_search('docs(id, e, h)', [3, 1]::FLOAT[2], {k}))")
            self.refused(words, self.db.execute, f"SELECT lumos_topk(id, e, [3, 1]::FLOAT[2], {k}) FROM docs")

    def test_two_connections(self):
        self.fill()
        self.same("docs(id, e, h)", [3, 1])
        other = self.db.cursor()
        other.execute("BEGIN; INSERT INTO docs SELECT 100, v, hash(v) FROM (SELECT [3, 1.5]::FLOAT[2] AS v)")
        other.execute("DELETE FROM docs WHERE id = 3")
        self.assertEqual([r[0] for r in self.same("docs(id, e, h)", [3, 1], 2, other)], [100, 2])
        self.assertEqual([r[0] for r in self.same("docs(id, e, h)", [3, 1], 2)], [3, 2])
        other.execute("ROLLBACK")
        self.assertEqual([r[0] for r in self.same("docs(id, e, h)", [3, 1], 2, other)], [3, 2])
        other.close()

    def test_a_macro_in_place_of_the_hash(self):
        self.db.execute("CREATE MACRO hash(x) AS 1::UBIGINT")
        self.fill()
        for i in range(3):
            self.db.execute(f"UPDATE docs SET e = [{i}, 2] WHERE id = 3")
            self.same("docs(id, e, h)", [3, 1], 20)

    def test_a_column_with_the_name_of_the_place(self):
        self.db.execute("CREATE TABLE docs(id BIGINT, rowid BIGINT, e FLOAT[2], h UBIGINT CHECK (h = hash(e)))")
        for rowid in ["i % 3", "NULL"]:
            self.db.execute(f"INSERT INTO docs SELECT i, {rowid}, [i, i], hash([i, i]::FLOAT[2]) FROM range(20) r(i)")
            self.refused("rowid does not tell", self.search, "docs(id, e, h)", [3, 1])
            self.db.execute("DELETE FROM docs")
        self.db.execute("INSERT INTO docs SELECT i, i * 2, [i, i], hash([i, i]::FLOAT[2]) FROM range(20) r(i)")
        self.same("docs(id, e, h)", [3, 1])


class Values(Case):
    def test_ids_and_ties(self):
        for ty, value in [("VARCHAR", "chr(65 + i::INT % 26) || i"), ("UUID", "md5(i::VARCHAR)::UUID"), ("INTEGER", "100 - i")]:
            self.db.execute(f"CREATE OR REPLACE TABLE docs(id {ty}, e FLOAT[2], h UBIGINT CHECK (h = hash(e)))")
            self.db.execute(
                f"INSERT INTO docs SELECT {value}, v, hash(v) FROM (SELECT i, [i % 3, i % 2]::FLOAT[2] AS v FROM range(60) r(i))"
            )
            for k in [0, 1, 7, 60, 100]:
                for query in [[0, 0], [1, 1], [0, -0.0]]:
                    self.same("docs(id, e, h)", query, k)
        self.db.execute("INSERT INTO docs VALUES (NULL, [0, 0], hash([0, 0]::FLOAT[2])), (7, NULL, NULL), (8, NULL, hash(NULL))")
        for _ in range(3):
            self.assertEqual(len(self.same("docs(id, e, h)", [0, 0], 100)), 60)

    def test_the_edges(self):
        for dims in [1, 7, 65, 9001]:
            self.db.execute(f"CREATE OR REPLACE TABLE docs(id BIGINT, e FLOAT[{dims}], h UBIGINT CHECK (h = hash(e)))")
            for kind in ["flat4", "flat8"]:
                self.assertEqual(self.same("docs(id, e, h)", [1] * dims, kind=kind), [])
            self.db.execute(
                "INSERT INTO docs SELECT i, v, hash(v) FROM (SELECT i, "
                f"list_transform(range({dims}), lambda j: (i * j + i) % 11)::FLOAT[{dims}] AS v FROM range(40) r(i))"
            )
            for kind in ["flat4", "flat8"]:
                for metric in ["l2", "cosine", "ip"]:
                    for k in [1, 40, 5000]:
                        found = self.same("docs(id, e, h)", [2] + [1] * (dims - 1), k, kind=kind, metric=metric)
                        self.assertEqual(len(found), min(k, 40))
                    if metric == "cosine":
                        # The zero vector has no direction, and a distance of 1 to all.
                        self.assertEqual([r[1] for r in found if r[0] == 0], [1.0])
        # Many rows, and the same id more than once.
        self.db.execute("CREATE OR REPLACE TABLE docs(id BIGINT, e FLOAT[2], h UBIGINT CHECK (h = hash(e)))")
        self.db.execute("INSERT INTO docs SELECT i % 3000, v, hash(v) FROM (SELECT i, [i % 71, i % 53]::FLOAT[2] AS v FROM range(6000) r(i))")
        for _ in range(2):
            self.assertEqual(len(self.same("docs(id, e, h)", [9, 9], 5000)), 5000)
            self.assertEqual(len(self.same("docs(id, e, h)", [9, 9], 7000)), 6000)
        self.refused("NULL", self.db.execute, "FROM query(lumos_search('docs(id, e, h)', [1, NULL]::FLOAT[2]))")

    def test_many_rows_in_several_threads(self):
        self.db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[4], h UBIGINT CHECK (h = hash(e)))")
        self.db.execute(
            "INSERT INTO docs SELECT i, v, hash(v) FROM "
            "(SELECT i, [i % 977, i % 101, i % 13, i % 7]::FLOAT[4] AS v FROM range(400000) r(i))"
        )
        for query in [[5, 5, 5, 5], [500, 50, 3, 3]]:
            for options in [{}, {"filter": "id % 1000 = 7"}]:
                self.same("docs(id, e, h)", query, 10, **options)

    def test_little_memory(self):
        self.db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[256], h UBIGINT CHECK (h = hash(e)))")
        self.db.execute(
            "INSERT INTO docs SELECT i, v, hash(v) FROM "
            "(SELECT i, list_resize([i % 977, i % 101], 256, 0)::FLOAT[256] AS v FROM range(3000) r(i))"
        )
        # Then all of them are others, so that what the index holds is of no use.
        for first in [5, 9]:
            for _ in range(3):
                self.same("docs(id, e, h)", [first, 5] + [0] * 254, 10, memory_limit_mb=1)
            self.db.execute("UPDATE docs SET e = (SELECT list_resize([id % 977, 9], 256, 1)::FLOAT[256]), h = NULL")
            self.db.execute("UPDATE docs SET h = hash(e)")

    def test_what_is_refused(self):
        self.db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[], h UBIGINT CHECK (h = hash(e)))")
        self.db.execute("INSERT INTO docs SELECT 1, v, hash(v) FROM (SELECT [1, 2]::FLOAT[] AS v)")
        for _ in range(2):
            self.refused("a vector of 2 dimensions and a query of 3", self.search, "docs(id, e, h)", [1, 2, 3])
        self.refused("zero vector", lambda: self.search("docs(id, e, h)", [0, 0], metric="cosine"))
        self.same("docs(id, e, h)", [1, 2])
        self.db.execute("INSERT INTO docs SELECT 2, v, hash(v) FROM (SELECT ['nan'::FLOAT, 2] AS v)")
        for _ in range(2):
            self.refused("only finite numbers", self.search, "docs(id, e, h)", [1, 2])

    def test_threads_that_search_and_write(self):
        path = os.path.join(self.folder, "threads.db")
        self.db.close()
        self.db = connect(path)
        self.db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[2], h UBIGINT CHECK (h = hash(e)))")
        failed = []

        def work(number):
            db = self.db.cursor()
            try:
                for i in range(15):
                    db.execute("BEGIN")
                    db.execute(f"INSERT INTO docs SELECT i, v, hash(v) FROM (SELECT i, [i * {number} % 50, i % 7]::FLOAT[2] AS v FROM range({i * 40}, {i * 40 + 40}) r(i))")
                    self.same("docs(id, e, h)", [i, number], 10, db)
                    db.execute("COMMIT" if i % 3 else "ROLLBACK")
            except Exception as error:
                failed.append(error)
            db.close()

        threads = [threading.Thread(target=work, args=[n]) for n in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


class Memory(Case):
    def test_is_given_back_with_the_database(self):
        path = os.path.join(self.folder, "m.db")
        self.db.close()
        with connect(path) as db:
            db.execute("CREATE TABLE docs(id BIGINT, e FLOAT[256], h UBIGINT CHECK (h = hash(e)))")
            db.execute(
                "INSERT INTO docs SELECT i, v, hash(v) FROM "
                "(SELECT i, list_resize([i % 977, i % 101, i], 256, 0)::FLOAT[256] AS v FROM range(20000) r(i))"
            )
        before = resident()
        for _ in range(4):
            with connect(path) as db:
                self.search("docs(id, e, h)", [5, 5] + [0] * 254, db=db)
                self.assertGreater(resident(), before + 20_000_000)
            del db
        with connect(path) as db:
            for _ in range(4):
                self.search("docs(id, e, h)", [5, 5] + [0] * 254, db=db)
                self.assertEqual(db.execute("SELECT lumos_index_drop('docs(id, e, h)')").fetchall(), [(1,)])
        del db
        # Eight indexes of 23 MB, if none were given back.
        self.assertLess(resident(), before + 60_000_000)
        os.rename(path, path + "2")


if __name__ == "__main__":
    unittest.main()
