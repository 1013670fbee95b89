"""Facts in both engines: one random program, the same answers, and those of a naive replay."""

import json
import random
import unittest

from both import Both

NAMES = ["Ann", "Bob", "Éva", "王明", "o'Neil"]
READS = [
    ("lumos_facts", 1, ["as_of", "as_known", "predicate"]),
    ("lumos_neighbors", 1, ["as_of", "as_known", "predicate", "depth"]),
    ("lumos_paths", 2, ["as_of", "as_known", "k"]),
    ("lumos_pagerank", 1, ["as_of", "as_known"]),
]


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


class Graph(Both):
    def setUp(self):
        super().setUp()
        self.sqlite.value("SELECT lumos_memory_init()")
        self.duckdb.execute(self.duckdb.execute("SELECT lumos_memory_ddl()").fetchone()[0])

    def call(self, name, *values):
        *given, options = values
        arguments = [quoted(value) for value in (*given, json.dumps(options))]
        return f"{name}({', '.join(arguments)})"

    def write(self, table, name, *values):
        call = self.call(name, *values)
        self.sqlite.value(f"SELECT {call}")
        self.duckdb.execute(f"INSERT OR REPLACE INTO {table} BY NAME FROM query({call})")

    def read(self, name, *values):
        call = self.call(name, *values)
        ours = [tuple(row) for row in self.sqlite.rows(f"SELECT * FROM {call}")]
        theirs = self.duckdb.execute(f"FROM query({call})").fetchall()
        self.assertEqual(ours, theirs, call)
        return ours

    def rows(self, table, order):
        sql = f"SELECT * FROM {table} ORDER BY {order}"
        ours = [tuple(row) for row in self.sqlite.rows(sql)]
        self.assertEqual(ours, self.duckdb.execute(sql).fetchall())
        return ours

    def test_any_program(self):
        draw = random.Random(21)
        for now in range(1000, 1120):
            scope = draw.choice(["default", "acme/ann"])
            for db in (self.sqlite.connection, self.duckdb):
                db.execute("BEGIN")
            if draw.random() < 0.1:
                values = (*draw.sample(NAMES, 2), {"scope": scope, "now": now})
                self.write("lumos_alias", "lumos_entity_merge", *values)
            for _ in range(2):
                options = {"scope": scope, "now": now, "source": "it's", "confidence": draw.choice([0.25, 1])}
                options |= draw.choice([{}, {"valid_from": None}, {"valid_from": draw.randrange(900, 1200)}])
                options |= draw.choice([{}, {}, {"valid_to": draw.randrange(1200, 1300)}])
                names = draw.choice(NAMES), draw.choice(["lives in", "knows"]), draw.choice(NAMES).upper()
                self.write("lumos_fact", "lumos_fact_add", *names, options)
            for name, count, kinds in draw.sample(READS, 2):
                options = {"scope": scope, "now": now}
                for kind in kinds:
                    if draw.random() < 0.4:
                        moment = draw.randrange(900, 1300)
                        depth = {"predicate": "knows", "depth": 3, "k": 5}
                        options[kind] = depth.get(kind, moment)
                self.read(name, *draw.sample(NAMES, count), options)
            end = draw.choice(["COMMIT", "COMMIT", "ROLLBACK"])
            for db in (self.sqlite.connection, self.duckdb):
                db.execute(end)
        self.assertGreater(len(self.rows("lumos_fact", "id")), 60)
        self.assertGreater(len(self.rows("lumos_alias", "scope, alias_key")), 2)

    def test_replay(self):
        """Where Ann lives at each time, as known at each time, by a table of what was said in order."""
        draw = random.Random(22)
        known = {}
        holds = {}
        for now in range(100, 130):
            # Of the present: each ends what held before.
            city = draw.choice("PQR")
            self.write("lumos_fact", "lumos_fact_add", "Ann", "lives_in", city, {"now": now})
            holds = {**holds, now: city}
            known[now] = holds
        for as_known, holds in known.items():
            for as_of in range(95, 135):
                begun = [when for when in holds if when <= as_of]
                expected = [holds[max(begun)]] if begun else []
                options = {"as_of": as_of, "as_known": as_known}
                sql = f"SELECT object FROM {self.call('lumos_facts', 'Ann', options)}"
                self.assertEqual([row[0] for row in self.sqlite.rows(sql)], expected)
        self.read("lumos_facts", "Ann", {"as_of": None, "now": 200})

    def test_scopes(self):
        self.write("lumos_fact", "lumos_fact_add", "Ann", "knows", "Bob", {"scope": "a", "now": 100})
        self.write("lumos_alias", "lumos_entity_merge", "Bob", "Eve", {"scope": "a", "now": 100})
        for name, count, _ in READS:
            self.assertEqual(self.read(name, *["Ann", "Bob"][:count], {"scope": "b"}), [])
            self.assertNotEqual(self.read(name, *["Ann", "Eve"][:count], {"scope": "a"}), [])

    def test_refusals_change_nothing(self):
        self.write("lumos_fact", "lumos_fact_add", "Ann", "lives_in", "Rome", {"now": 100})
        before = self.rows("lumos_fact", "id")
        for words, options in [
            ("not after valid_from", {"now": 200, "valid_to": 200}),
            ("give a later now", {"now": 50, "valid_from": 150}),
            ("confidence is 2", {"confidence": 2}),
            ("scope is null", {"scope": None}),
            ("unknown option", {"k": 1}),
        ]:
            call = self.call("lumos_fact_add", "Ann", "lives_in", "Oslo", options)
            with self.assertRaisesRegex(Exception, words):
                self.sqlite.value(f"SELECT {call}")
            with self.assertRaisesRegex(Exception, words):
                self.duckdb.execute(f"INSERT OR REPLACE INTO lumos_fact BY NAME FROM query({call})")
        self.assertEqual(self.rows("lumos_fact", "id"), before)


if __name__ == "__main__":
    unittest.main()
