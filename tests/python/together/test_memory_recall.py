"""What an agent's memory finds by embeddings and by times: the same in both engines, and as a model in Python says."""

import json
import random
import struct
import unittest

import duckdb

import host
from test_memory import STORE, Memory


def digits(vector):
    return struct.pack(f"<{len(vector)}f", *vector).hex()


class Embeddings(Memory):
    def add(self, text, vector=None, **options):
        if vector is not None:
            options["embedding"] = vector
        return self.write("lumos_memory_add(?, ?)", text, json.dumps({"now": "2026-05-01", **options}))

    def ids(self, question, **options):
        return [row[0] for row in self.search(question, **{"now": "2026-05-02", **options})]

    def refused(self, call, *values):
        """The error of both engines, after which nothing has changed."""
        before = self.tables()
        with self.assertRaises(host.ERROR) as ours:
            self.sqlite.rows(f"SELECT {call}" if "search" not in call else f"SELECT * FROM {call}", *values)
        with self.assertRaises(duckdb.Error) as theirs:
            self.duckdb.execute(STORE.format(call) if "search" not in call else f"FROM query({call})", values).fetchall()
        self.assertEqual(before, self.tables())
        said = str(ours.exception).split(": ", 1)[1]
        self.assertIn(said, str(theirs.exception))
        return said

    def test_what_has_no_word_is_found(self):
        self.add("She fiddles in Vienna", [1, 0.1, 0])
        self.add("The train was late", digits([0, 1, 0]))
        self.add("violin strings", [0.2, 0, 1])
        self.add("no embedding of a violin")
        self.assertEqual(self.ids("violin"), [3, 4])
        self.assertEqual(self.ids("violin", embedding=[1, 0, 0])[:3], self.ids("violin", embedding=digits([1, 0, 0]))[:3])
        self.assertEqual(set(self.ids("violin", embedding=[1, 0, 0])), {1, 2, 3, 4})
        self.assertEqual(self.ids("violin", embedding=[1, 0, 0], weights={"words": 0, "vector": 1})[0], 1)
        self.assertEqual(self.ids("", embedding=[1, 0, 0]), [1, 3, 2])
        self.assertEqual(self.ids("violin", embedding=[1, 0, 0], kinds=["fact"]), [])
        names = [column[0] for column in self.duckdb.execute("FROM query(lumos_memory_search('x'))").description]
        parts = {row[0]: dict(zip(names, row)) for row in self.search("violin", embedding=[1, 0, 0], now="2026-05-02")}
        self.assertEqual((parts[1]["vector"], parts[2]["vector"], parts[4]["vector"]), (1.0, 0.0, None))
        self.assertIn("vector 1.00", parts[1]["explanation"])
        context = ["violin", json.dumps({"embedding": [1, 0, 0], "now": "2026-05-02"})]
        ours = self.sqlite.rows("SELECT id FROM lumos_memory_context(NULL, ?, 1000, ?)", *context)
        self.assertEqual(ours, self.duckdb.execute("SELECT id FROM query(lumos_memory_context(NULL, ?, 1000, ?))", context).fetchall())
        self.assertEqual(len(ours), 4)

    def test_embeddings_change(self):
        number = self.add("one", [1, 0])
        self.write("lumos_memory_update(?, ?)", number, '{"embedding": [1, 2, 3], "now": 0}')
        self.assertEqual(self.tables()[number]["embedding"], struct.pack("<3f", 1, 2, 3))
        self.write("lumos_memory_update(?, ?)", number, '{"content": "two", "now": 0}')
        self.assertIsNotNone(self.tables()[number]["embedding"])
        self.add("two", [3, 2, 1])
        self.assertEqual(self.tables()[number]["embedding"], struct.pack("<3f", 3, 2, 1))
        new = self.write("lumos_memory_supersede(?, ?, ?)", number, "three", '{"embedding": [1, 1, 1], "now": "2026-05-03"}')
        self.assertEqual(len(self.tables()[new]["embedding"]), 12)
        self.write("lumos_memory_update(?, ?)", number, '{"embedding": null, "now": 0}')
        self.assertIsNone(self.tables()[number]["embedding"])

    def test_what_is_no_embedding_is_refused(self):
        self.add("one", [1, 0], scope="ann")
        # Another scope may have others.
        self.add("one", [1, 0, 0], scope="bob")
        self.assertEqual(self.ids("x", scope="bob", embedding=[1, 0, 0]), [2])
        both = "the embedding has 3 dimensions, those of the scope \"ann\" have 2"
        for call, values, words in [
            ("lumos_memory_add(?, ?)", ["two", '{"scope": "ann", "embedding": [1, 2, 3]}'], both),
            ("lumos_memory_supersede(?, ?, ?)", [1, "two", '{"embedding": [1, 2, 3]}'], both),
            ("lumos_memory_search(?, ?)", ["two", '{"scope": "ann", "embedding": [1, 2, 3]}'], both),
            ("lumos_memory_add(?, ?)", ["two", '{"embedding": [0, 0]}'], "it is zero"),
            ("lumos_memory_add(?, ?)", ["two", '{"embedding": []}'], "an empty vector"),
            ("lumos_memory_add(?, ?)", ["two", json.dumps({"embedding": digits([1, float("nan")])})], "is NaN"),
            ("lumos_memory_add(?, ?)", ["two", json.dumps({"embedding": digits([1, float("inf")])})], "is inf"),
            ("lumos_memory_search(?, ?)", ["two", '{"embedding": [0]}'], "it is zero"),
            ("lumos_memory_search(?, ?)", ["two", '{"weights": {"words": 0, "vector": 0}}'], "weights is"),
            ("lumos_memory_search(?, ?)", ["two", '{"weights": {"word": 1}}'], "weights is"),
            ("lumos_memory_add(?, ?)", ["two", '{"media_type": "image/png"}'], "media_type is given without uri"),
            ("lumos_memory_add(?, ?)", ["two", '{"uri": ""}'], "uri is"),
        ]:
            with self.subTest(values=values):
                self.assertIn(words, self.refused(call, *values))

    def test_images(self):
        first = self.add("A cat on the roof", [1, 0], uri="photos/1.png", media_type="image/png")
        second = self.add("a cat on the roof", [0, 1], uri="photos/2.png", media_type="image/png")
        self.assertNotEqual(first, second)
        self.assertEqual(self.add("A cat on the roof.", uri="photos/1.png"), first)
        self.assertEqual(self.add("A cat on the roof."), 3)
        self.assertEqual(set(self.ids("cat")), {1, 2, 3})
        sql = "SELECT id, uri, media_type FROM {} LIMIT 1"
        asked = ["", '{"embedding": [0, 1]}']
        ours = self.sqlite.rows(sql.format("lumos_memory_search(?, ?)"), *asked)
        self.assertEqual(ours, self.duckdb.execute(sql.format("query(lumos_memory_search(?, ?))"), asked).fetchall())
        self.assertEqual(ours, [(second, "photos/2.png", "image/png")])
        passage = self.sqlite.value("SELECT passage FROM lumos_memory_context(NULL, '', 100, ?)", '{"embedding": [0, 1]}')
        self.assertTrue(passage.endswith("a cat on the roof (image/png photos/2.png)"), passage)

    def test_a_random_program(self):
        rng = random.Random(15)
        words = "cat dog bird fish tree rain snow sun".split()
        for i in range(120):
            vector = [rng.gauss(0, 1) for _ in range(4)] if rng.random() < 0.8 else None
            session = {"session": rng.choice("ab")} if rng.random() < 0.5 else {}
            self.add(" ".join([*rng.choices(words, k=3), str(i)]), vector, now=1_700_000_000 + i * 9_000, **session)
        for _ in range(40):
            self.search(rng.choice(words), embedding=[rng.gauss(0, 1) for _ in range(4)], now=1_710_000_000, k=rng.choice([1, 10, 50]),
                        weights={"words": rng.choice([0, 1]), "vector": rng.choice([1, 3])}, diversity=rng.choice([0, 0.5]))

    def test_times_that_a_question_names(self):
        for day in ["2026-04-10", "2026-05-10", "2026-05-20"]:
            self.add(f"we had soup on the {day[5:]}", event_time=day)
        asked = {"now": "2026-06-05"}
        self.assertEqual(self.ids("when did we have soup?", **asked)[0], 1)
        self.assertEqual(self.ids("soup in May", **asked), [2, 3, 1])
        self.assertEqual(self.ids("soup in May", weights={"time": 0}, **asked)[0], 1)
        (first, *_) = self.search("soup in May", **asked)
        self.assertIn("time 0.40", first[-1])

    def test_an_index_of_embeddings(self):
        """With it a search of many memories finds what it finds without."""
        db, rng = self.sqlite, random.Random(16)
        self.add("a violin", [1] * 8, scope="many")
        names = [name for (name,) in db.rows("SELECT name FROM pragma_table_info('lumos_memory') ORDER BY cid")]
        values = ", ".join({"id": "NULL", "embedding": "unhex(value)", "hash": "key"}.get(name, name) for name in names)
        vectors = json.dumps([digits([rng.gauss(0, 1) for _ in range(8)]) for _ in range(6_000)])
        db.rows(f"INSERT INTO lumos_memory SELECT {values} FROM lumos_memory, json_each(?)", vectors)
        db.rows("SELECT lumos_memory_add('of another scope', ?)", json.dumps({"embedding": [1] * 8}))
        questions = [[rng.gauss(0, 1) for _ in range(8)] for _ in range(5)]

        def found():
            sql = "SELECT id, score FROM lumos_memory_search('', ?)"
            return [db.rows(sql, json.dumps({"scope": "many", "now": "2026-05-02", "k": 10, "embedding": asked})) for asked in questions]

        before = found()
        for _ in range(2):
            self.assertEqual(db.value("SELECT lumos_memory_init('{\"dimensions\": 8}')"), 2)
            self.assertEqual(found(), before)
        db.rows("SELECT lumos_memory_init('{\"dimensions\": 9}')")
        db.rows("SELECT lumos_memory_init('{\"dimensions\": 8}')")
        self.assertEqual(found(), before)
        first, second, third = (rows[0][0] for rows in before[:3])
        db.rows("SELECT lumos_memory_forget(?, '{\"hard\": true}')", first)
        db.rows("SELECT lumos_memory_update(?, ?)", second, json.dumps({"embedding": [-v for v in questions[1]]}))
        db.rows("SELECT lumos_memory_update(?, '{\"embedding\": null}')", third)
        number = db.value("SELECT lumos_memory_add('new', ?)", json.dumps({"scope": "many", "embedding": questions[4], "now": "2026-05-02"}))
        db.rows("SELECT lumos_memory_add('anew', '{\"scope\": \"many\"}')")
        after = found()
        self.assertEqual(after[4][0][0], number)
        self.assertNotIn(first, [row[0] for row in after[0]])
        db.rows("SELECT lumos_memory_init('{\"dimensions\": 0}')")
        self.assertEqual(found(), after)

    def test_a_table_of_the_version_before(self):
        """Its rows stay, and take embeddings."""
        self.add("a violin")
        new = ["uri", "media_type", "embedding"]
        for index in ("lumos_memory_embedded", "lumos_memory_summary"):
            self.sqlite.rows(f"DROP INDEX {index}")
        for name in new:
            self.sqlite.rows(f"ALTER TABLE lumos_memory DROP COLUMN {name}")
            self.duckdb.execute(f"ALTER TABLE lumos_memory DROP COLUMN {name}")
        self.assertEqual(self.sqlite.value("SELECT lumos_memory_init()"), 2)
        self.duckdb.execute(self.duckdb.execute("SELECT lumos_memory_ddl()").fetchone()[0])
        self.assertEqual(self.add("a fiddle", [1, 0]), 2)
        self.assertEqual(self.ids("violin", embedding=[1, 0]), [1, 2])
        self.assertEqual(len(self.tables()), 2)


if __name__ == "__main__":
    unittest.main()
