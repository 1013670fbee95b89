"""An agent's memory: the same program in SQLite and in DuckDB gives the same answers, and both are those of a model."""

import json
import math
import os
import random
import unittest

import duckdb

import host

STEPS = int(os.environ.get("LUMOS_MEMORY_STEPS", 250))
# The steps of one program: with more memories each step takes longer, and finds no more.
PROGRAM = 2_000
FIRST = int(os.environ.get("LUMOS_FIRST_MEMORY", 0))

WORDS = "violin concert Vienna rain snow Ann Bob peanuts allergy birthday train 上海 大雪 喜欢 火车 blue green 42 office Rome Oslo".split()

STORE = "INSERT OR REPLACE INTO lumos_memory BY NAME FROM query({}) RETURNING id"


class Memory(unittest.TestCase):
    def setUp(self):
        self.sqlite = host.Database(":memory:")
        self.addCleanup(self.sqlite.close)
        self.duckdb = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        self.addCleanup(self.duckdb.close)
        self.duckdb.execute(f"LOAD '{os.environ['LUMOS_DUCKDB']}'")
        self.sqlite.rows("SELECT lumos_memory_init()")
        (ddl,) = self.duckdb.execute("SELECT lumos_memory_ddl()").fetchone()
        self.duckdb.execute(ddl)

    def write(self, call, *values):
        """The id that a call gives in both engines, or its error."""
        try:
            ours = self.sqlite.value(f"SELECT {call}", *values)
        except host.ERROR as error:
            ours = str(error)
        try:
            # Those of DuckDB come in no order; the row that was added is the last.
            theirs = max(self.duckdb.execute(STORE.format(call), values).fetchall())[0]
        except duckdb.Error as error:
            theirs = str(error)
        if isinstance(ours, str):
            self.assertIn(ours.split(": ", 1)[1], str(theirs))
            return None
        self.assertEqual(ours, theirs)
        return ours

    def search(self, question, **options):
        values = [question, json.dumps(options)]
        ours = self.sqlite.rows("SELECT * FROM lumos_memory_search(?, ?)", *values)
        theirs = self.duckdb.execute("FROM query(lumos_memory_search(?, ?))", values).fetchall()
        self.assertEqual([row[0] for row in ours], [row[0] for row in theirs], values)
        for row, other in zip(ours, theirs):
            for value, wanted in zip(row, other):
                close = isinstance(value, float) and math.isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-9)
                self.assertTrue(close or value == wanted, (row, other))
        return ours

    def consolidate(self, thorough=True, **options):
        """How many memories it changes, in both engines: those, and as, a dry run has said."""
        given, dry = json.dumps(options), json.dumps(options | {"dry_run": True})
        before = self.tables() if thorough else {}
        self.report = [tuple(row.values()) for row in json.loads(self.sqlite.value("SELECT lumos_memory_consolidate(?)", dry))]
        self.assertEqual(self.report, self.duckdb.execute("FROM query(lumos_memory_consolidate(?))", [dry]).fetchall())
        self.assertEqual(self.report, self.read("lumos_memory_upkeep(?)", given))
        if thorough:
            self.assertEqual(self.tables(), before)
        number = self.sqlite.value("SELECT lumos_memory_consolidate(?)", given)
        stored = self.duckdb.execute(STORE.format("lumos_memory_consolidate(?)"), [given]).fetchall()
        self.assertEqual((number, number), (len(stored), len(self.report)), given)
        if thorough:
            after = self.tables()
            changed = {number: (row["tier"], after[number]["tier"]) for number, row in before.items() if row != after[number]}
            self.assertEqual(changed, {row[0]: row[3:5] for row in self.report if row[0]})
            new = [row for number, row in sorted(after.items()) if number not in before]
            self.assertEqual([(row["scope"], row["tier"]) for row in new], [(row[1], row[4]) for row in self.report if not row[0]])
        return number

    def fact(self, *values):
        """Adds a fact in both engines."""
        number = self.sqlite.value("SELECT lumos_fact_add(?, ?, ?, ?)", *values)
        self.duckdb.execute("INSERT OR REPLACE INTO lumos_fact BY NAME FROM query(lumos_fact_add(?, ?, ?, ?))", values)
        return number

    def similar(self, number, few, **options):
        """What DuckDB, which compares all, finds is what SQLite does, or more where the scope has many memories."""
        values = [number, json.dumps(options)]
        ours = self.sqlite.rows("SELECT * FROM lumos_memory_similar(?, ?)", *values)
        theirs = self.duckdb.execute("FROM query(lumos_memory_similar(?, ?))", values).fetchall()
        if few:
            self.assertEqual(ours, theirs, values)
        # Of many, SQLite may give others among its `k`: near ones all the same.
        near = self.duckdb.execute("FROM query(lumos_memory_similar(?, ?))", [number, json.dumps(options | {"k": 10_000})]).fetchall()
        self.assertLessEqual(set(ours), set(near))
        return theirs

    def read(self, call, *values):
        """The rows of a call that reads, the same in both."""
        ours = self.sqlite.rows(f"SELECT * FROM {call}", *values)
        self.assertEqual(ours, self.duckdb.execute(f"FROM query({call})", values).fetchall())
        return ours

    def tables(self):
        """The rows of both, which are the same but for the last digits of numbers."""
        sql = "SELECT * FROM lumos_memory ORDER BY id"
        ours, theirs = self.sqlite.rows(sql), self.duckdb.execute(sql).fetchall()
        self.assertEqual(len(ours), len(theirs))
        for row, other in zip(ours, theirs):
            for value, wanted in zip(row, other):
                close = isinstance(value, float) and math.isclose(value, wanted, rel_tol=1e-9)
                self.assertTrue(close or value == wanted, (row, other))
        names = [column[0] for column in self.duckdb.execute("FROM lumos_memory LIMIT 0").description]
        return {row[0]: dict(zip(names, row)) for row in ours}


class SameAnswers(Memory):
    def test_a_random_program(self):
        for number in range(FIRST, FIRST + STEPS, PROGRAM):
            with self.subTest(number=number):
                self.program(number, min(PROGRAM, FIRST + STEPS - number))
            self.doCleanups()
            self.setUp()

    def program(self, number, steps):
        rng = random.Random(14 + number)
        model, now = {}, 1_700_000_000
        scopes = [f"team/{i}" for i in range(5)]
        for step in range(steps):
            now += rng.choice([0, 60, 3_600, 86_400, 40 * 86_400, -3_600])
            text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 6)))
            some = rng.choice([*model, 9_999]) if model else 9_999
            known = model.get(some)
            options = {"now": now}
            action = rng.choice(["add"] * 5 + ["fact"] * 5 + ["supersede", "update", "pin", "feedback", "review", "touch", "forget", "restore", "consolidate", "search", "search"])
            if action == "add":
                options["scope"] = rng.choice(scopes)
                if rng.random() < 0.6:
                    options["session"] = rng.choice("abc")
                if rng.random() < 0.3:
                    options["source"] = f"chat/{step}"
                if rng.random() < 0.1:
                    options["pinned"] = True
                number = self.write("lumos_memory_add(?, ?)", text, json.dumps(options))
                if number in model:
                    same = model[number]
                    self.assertEqual((same["scope"], same["text"].lower()), (options["scope"], text.lower()))
                    same["archived"] = False
                    same["pinned"] |= options.get("pinned", False)
                else:
                    self.assertGreater(number, max(model, default=0))
                    model[number] = {"scope": options["scope"], "text": text, "pinned": options.get("pinned", False), "archived": False, "old": False, "sources": set()}
                if "source" in options:
                    model[number]["sources"].add(options["source"])
            elif action == "supersede":
                number = self.write("lumos_memory_supersede(?, ?, ?)", some, text, json.dumps(options))
                if known is None or known["pinned"] or known["old"] or number is None:
                    self.assertIsNone(number)
                else:
                    known["old"] = True
                    model[number] = {**known, "text": text, "archived": False, "old": False, "sources": set()}
            elif action == "update":
                number = self.write("lumos_memory_update(?, ?)", some, json.dumps({**options, "content": text, "tags": [rng.choice("xyz")]}))
                self.assertEqual(number, some if known else None)
                if known:
                    known["text"] = text
            elif action == "pin":
                pinned = rng.randrange(2)
                number = self.write("lumos_memory_pin(?, ?)", some, pinned)
                self.assertEqual(number, some if known else None)
                if known:
                    known["pinned"] = bool(pinned)
            elif action in ("feedback", "review"):
                self.assertEqual(self.write(f"lumos_memory_{action}(?, ?, ?)", some, rng.randint(1, 4), json.dumps(options)), some if known else None)
            elif action == "touch":
                self.assertEqual(self.write("lumos_memory_touch(?, ?)", some, json.dumps(options)), some if known else None)
            elif action == "fact":
                if known:
                    self.fact("Ann", "met", rng.choice(WORDS), json.dumps({"scope": known["scope"], "memory": some, "now": now}))
            elif action == "consolidate":
                # All rows are compared each time while they are few.
                self.consolidate(rng.random() < 300 / (len(model) + 1), now=now)
                for number, _, what, tier, becomes, _ in self.report:
                    if number:
                        self.assertFalse(model[number]["pinned"] and becomes == "archive" != tier)
                        model[number]["archived"] = becomes == "archive"
                        model[number]["old"] |= what == "supersede"
                for number, scope, text, *made, sources in self.sqlite.rows("SELECT id, scope, content, kind, turn, sources FROM lumos_memory WHERE id > ?", max(model, default=0)):
                    self.assertEqual(made, ["summary", None])
                    cited = [model[source["memory"]] for source in json.loads(sources)]
                    self.assertTrue(cited and all(memory["scope"] == scope for memory in cited))
                    model[number] = {"scope": scope, "text": text, "pinned": False, "archived": False, "old": False, "sources": set()}
                self.assertEqual(self.consolidate(False, now=now), 0)
            elif action == "forget":
                number = self.write("lumos_memory_forget(?)", some)
                self.assertEqual(number, some if known and not known["pinned"] else None)
                if number:
                    known["archived"] = True
            elif action == "restore":
                self.assertEqual(self.write("lumos_memory_restore(?)", some), some if known else None)
                if known:
                    known["archived"] = False
            else:
                scope = rng.choice(scopes)
                tiers = rng.choice([["short", "long"], ["archive"], ["short", "long", "archive"]])
                asked = {"scope": scope, "tiers": tiers, "now": now + rng.randint(0, 10**7), "k": rng.choice([1, 5, 50]), "diversity": rng.choice([0, 0.5]), "decay": rng.choice([0, 1])}
                found = self.search(text, **asked)
                self.assertEqual(found, self.search(text, **asked))
                for row in found:
                    memory = model[row[0]]
                    self.assertEqual((memory["scope"], memory["text"]), (scope, row[1]))
                    self.assertEqual(memory["archived"], row[12] == "archive")
                if known:
                    few = sum(memory["scope"] == known["scope"] for memory in model.values()) < 50
                    for row in self.similar(some, few, now=now, min_score=0.3, k=1_000, tiers=tiers):
                        memory = model[row[0]]
                        self.assertEqual((memory["scope"], memory["text"], memory["archived"]), (known["scope"], row[1], row[6] == "archive"))
                        self.assertNotEqual(row[0], some)
        rows = self.tables()
        self.assertEqual(set(rows), set(model))
        self.assertIn("topic:ann", {row["uri"] for row in rows.values()})
        for number, memory in model.items():
            row = rows[number]
            self.assertEqual((row["scope"], row["content"]), (memory["scope"], memory["text"]))
            self.assertEqual((row["tier"] == "archive", row["pinned"], row["superseded_by"] is not None), (memory["archived"], memory["pinned"], memory["old"]))
            told = self.read("lumos_memory_sources(?)", number)
            self.assertEqual({uri for about, uri, *_ in told if uri and about == number}, memory["sources"])
            self.assertEqual(told[0][0], number)
            self.assertTrue(all(model[about]["text"] == text and model[about]["scope"] == memory["scope"] for about, *_, text, _ in told))
        # The index of words agrees with the table.
        self.sqlite.rows("INSERT INTO lumos_memory_words(lumos_memory_words, rank) VALUES ('integrity-check', 1)")

    def test_many_at_once(self):
        """The texts of a query come out as by a call for each, in both engines."""
        rng, said = random.Random(7), []
        for i in range(300):
            text = " ".join(rng.choice(WORDS[:6]) for _ in range(rng.randint(1, 3)))
            options = {"now": 1_000_000 + i * 60, "scope": rng.choice("ab"), "session": rng.choice("xyz"), "dedup": rng.random() < 0.9}
            said.append((text, json.dumps(options)))
        for db in (self.sqlite.connection, self.duckdb):
            db.execute("CREATE TABLE said(number INTEGER, line TEXT, options TEXT)")
            db.executemany("INSERT INTO said VALUES (?, ?, ?)", [(i, *row) for i, row in enumerate(said)])
        for part in ("number < 200", "number >= 200"):
            call = f"lumos_memory_add_many('SELECT line, options FROM said WHERE {part} ORDER BY number')"
            self.sqlite.rows(f"SELECT {call}")
            self.duckdb.execute(f"INSERT OR REPLACE INTO lumos_memory BY NAME FROM query({call})")
        own = host.Database(":memory:")
        self.addCleanup(own.close)
        own.rows("SELECT lumos_memory_init()")
        for row in said:
            own.rows("SELECT lumos_memory_add(?, ?)", *row)
        # Ids may skip in DuckDB, but keep their order.
        sql = "SELECT {} FROM lumos_memory ORDER BY id"
        columns = "scope, session, turn, content, uses, last_uses, tier, sources"
        single = own.rows(sql.format(columns))
        self.assertGreater(len(single), 50)
        self.assertEqual(self.sqlite.rows(sql.format("id, " + columns)), own.rows(sql.format("id, " + columns)))
        self.assertEqual(self.duckdb.execute(sql.format(columns)).fetchall(), single)

    def test_merges_and_summaries(self):
        """Of a thousand copies one is left, with all sources, and each comes back as it was."""
        words = "the violin concert in Vienna".split()
        for i in range(60):
            text = " ".join(rng_word.upper() if i & 1 << j else rng_word for j, rng_word in enumerate(words))
            self.write("lumos_memory_add(?, ?)", text, json.dumps({"dedup": False, "source": f"chat/{i}", "session": f"s{i // 20}", "now": i}))
        before = self.tables()
        # 59 are merged, one is strengthened, three sessions are over.
        self.assertEqual(self.consolidate(now=100_000), 63)
        self.assertEqual(self.consolidate(now=100_000), 0)
        told = self.read("lumos_memory_sources(?)", 1)
        self.assertEqual(sorted(int(row[1][5:]) for row in told), list(range(60)))
        for number in range(2, 61):
            self.write("lumos_memory_restore(?)", number)
        after = self.tables()
        self.assertEqual({number: after[number] for number in range(2, 61)}, {number: before[number] for number in range(2, 61)})
        self.assertEqual(self.consolidate(now=100_000), 0)

    def test_the_same_errors(self):
        for call in [
            "lumos_memory_add('')",
            "lumos_memory_add('a', '{\"importance\": 7}')",
            "lumos_memory_add('a', '{\"now\": 9e18}')",
            "lumos_memory_forget(7)",
            "lumos_memory_pin(7, 3)",
            "lumos_memory_supersede(NULL, 'a')",
        ]:
            self.assertIsNone(self.write(call), call)

    def test_conversations_of_several_threads(self):
        """DuckDB's threads read parts of the table; the answer is as with one."""
        sql = """INSERT INTO lumos_memory BY NAME
            SELECT m.* REPLACE (i AS id, i * 7919 % 30011 AS hash, 's' || (i // 30) AS session, i % 30 AS turn)
            FROM range(1, 30000) t(i), query(lumos_memory_add('one violin', '{"now": 0}')) m"""
        self.duckdb.execute(sql)
        question = ["violin", json.dumps({"k": 20, "now": 1000})]
        answers = []
        for threads in (1, 4):
            self.duckdb.execute(f"SET threads = {threads}")
            answers.append(self.duckdb.execute("FROM query(lumos_memory_search(?, ?))", question).fetchall())
        self.assertEqual(*answers)
        self.assertEqual(len(answers[0]), 20)


if __name__ == "__main__":
    unittest.main()
