"""Scopes are walls, and what is wrong changes nothing: for every function of an agent's memory, in both engines."""

import json
import os
import random
import unittest

import duckdb

import host
from test_memory import Memory

STEPS = int(os.environ.get("LUMOS_SCOPE_STEPS", 300))
SCOPES = 20

NOW = json.dumps({"now": 0})
# What is wrong, by the name of an argument, and what the error has of it.
WRONG = {
    "content": [(None, "NULL"), ("", "empty"), (" \n ", "empty"), ("x" * 10_000_000, "10000000 bytes")],
    "id": [(None, "NULL"), (-1, "-1"), (999, "999")],
    "rating": [(None, "NULL"), (0, "0"), (5, "5"), (-1, "-1")],
    "pinned": [(None, "pinned"), (2, "pinned"), (-1, "pinned")],
    "budget": [(None, "NULL"), (0, "0"), (-5, "-5")],
    "query": [(None, "empty"), ("", "empty"), (" ; ", "empty")],
    "options": [("x", "x"), ("[]", "[]"), ('{"own": 1}', "own"), ('{"now": "May"}', "May"), ('{"now": 1e300}', "300"), ('{"now": true}', "true")],
}
OPTIONS = {
    "scope": [None, "", 7, []],
    "session": [7, {}],
    "kind": ["song", 7],
    "importance": [-0.1, 1.1, "much"],
    "valence": [-1.1, 2],
    "arousal": [-0.1, 1.1],
    "tags": ["a", [1]],
    "pinned": [1, "yes"],
    "event_time": ["May", "2026-13-01", 10**12],
    "valid_from": ["soon"],
    "expires_at": ["never"],
    "source": [7, {"confidence": 2}, {"span": [2, 1]}],
    "dedup": ["no"],
    "k": [0, -1, 1.5],
    "tiers": ["short", ["cold"]],
    "kinds": [["song"]],
    "decay": [-1, 2],
    "diversity": [2],
    "from": ["May"],
    "as_of": ["then"],
    "as_known": ["then"],
    "dry_run": ["yes", 1],
    "min_score": [-1, "all"],
    "min_coverage": [-1, 2],
}
ADDED = ["kind", "importance", "valence", "arousal", "tags", "event_time", "valid_from", "expires_at", "source"]
ASKED = ["scope", "session", "kinds", "tiers", "tags", "from", "as_of", "as_known", "k"]
# Each function of the room: its arguments, right ones for them, and the options that it has.
CALLS = {
    "add": (["content", "options"], ["fine", NOW], ["scope", "session", "pinned", "dedup", *ADDED]),
    "add_many": (["query"], ["SELECT 'fine', NULL"], []),
    "supersede": (["id", "content", "options"], [1, "fine", NOW], ["pinned", *ADDED]),
    "update": (["id", "options"], [1, NOW], ADDED),
    "pin": (["id", "pinned", "options"], [1, 1, NOW], []),
    "feedback": (["id", "rating", "options"], [1, 3, NOW], []),
    "review": (["id", "rating", "options"], [1, 3, NOW], []),
    "touch": (["id", "options"], [1, NOW], []),
    "forget": (["id", "options"], [1, NOW], []),
    "restore": (["id", "options"], [1, NOW], []),
    "consolidate": (["options"], [NOW], ["scope", "dry_run"]),
    "upkeep": (["options"], [NOW], ["scope"]),
    "search": (["question", "options"], ["fine", NOW], [*ASKED, "decay", "diversity", "min_coverage"]),
    "context": (["session", "question", "budget", "options"], ["s", "fine", 100, NOW], [*ASKED, "decay", "diversity"]),
    "timeline": (["options"], [NOW], ASKED),
    "review_due": (["options"], [NOW], ["scope", "k", "importance"]),
    "stats": (["options"], [None], ["scope"]),
    "sources": (["id"], [1], []),
    "similar": (["id", "options"], [1, NOW], ["k", "kinds", "tiers", "as_of", "min_score"]),
    "verify_forgotten": (["id"], [1], []),
    "history": (["id"], [1], []),
}
WRITES = list(CALLS)[:11]
# An id that is gone has no history, which is no error.
NONE = {("history", "id", -1), ("history", "id", 999)}


class Wrong(Memory):
    def test_what_is_wrong_changes_nothing(self):
        names = {name for (name,) in self.duckdb.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_name LIKE 'lumos_memory_%'").fetchall()}
        self.assertEqual(names - {"lumos_memory_ddl", "lumos_memory_hash"}, {f"lumos_memory_{name}" for name in CALLS})
        for text in ("the first", "the second"):
            self.write("lumos_memory_add(?, ?)", text, json.dumps({"now": 0, "session": "s"}))
        before, tried = self.tables(), 0
        for name, (arguments, right, known) in CALLS.items():
            for at, argument in enumerate(arguments):
                wrong = WRONG.get(argument, []) if name != "stats" else WRONG["options"][:3]
                if argument == "options":
                    wrong = wrong + [(json.dumps({option: value}), option) for option in known for value in OPTIONS[option]]
                for value, said in wrong:
                    if (name, argument, value) in NONE:
                        continue
                    tried += 1
                    self.refused(name, [*right[:at], value, *right[at + 1:]], said)
        self.assertGreater(tried, 250)
        self.assertEqual(self.tables(), before)

    def refused(self, name, values, said):
        marks = ", ".join("?" * len(values))
        call, shown = f"lumos_memory_{name}({marks})", [str(value)[:60] for value in values]
        sql = f"SELECT {call}" if name in WRITES else f"SELECT * FROM {call}"
        with self.assertRaises(host.ERROR, msg=(name, shown)) as ours:
            self.sqlite.rows(sql, *values)
        store = f"INSERT OR REPLACE INTO lumos_memory BY NAME FROM query({call})" if name in WRITES else f"FROM query({call})"
        with self.assertRaises(duckdb.Error, msg=(name, shown)) as theirs:
            self.duckdb.execute(store, values).fetchall()
        words = str(ours.exception)
        self.assertIn(said, words, (name, shown))
        self.assertLess(len(words), 1000)
        self.assertIn(words.split(": ", 2)[-1], str(theirs.exception), (name, shown))

    def test_what_is_odd_is_taken(self):
        """Times of any year, a clock set back, and chains that somebody else has made into a ring."""
        self.write("lumos_memory_add(?, ?)", "long ago", json.dumps({"event_time": "0753-04-21", "now": "1969-07-20"}))
        self.write("lumos_memory_add(?, ?)", "in the future", json.dumps({"event_time": "9999-12-31", "now": "2200-01-01"}))
        for call in ("lumos_memory_touch(2, ?)", "lumos_memory_feedback(2, 3, ?)", "lumos_memory_review(2, 4, ?)"):
            self.write(call, json.dumps({"now": "1950-01-01"}))
        self.consolidate(now="1900-01-01")
        self.assertEqual(self.consolidate(now="1900-01-01"), 0)
        self.assertEqual([row[0] for row in self.search("ago", now="1960-01-01")], [1])
        with self.assertRaises(host.ERROR):
            self.sqlite.rows("SELECT lumos_memory_add(CAST(x'61ff' AS TEXT))")
        self.write("lumos_memory_supersede(?, ?, ?)", 1, "later", json.dumps({"now": "1970-01-01"}))
        for again in (1, 1):
            self.assertIsNone(self.write("lumos_memory_supersede(?, ?, ?)", again, "later still", json.dumps({"now": "1971-01-01"})))
        for db in (self.sqlite.connection, self.duckdb):
            db.execute("UPDATE lumos_memory SET superseded_by = 1, sources = '[{\"memory\": 3}]' WHERE id = 3").fetchall()
            db.execute("UPDATE lumos_memory SET sources = '[{\"memory\": 3}]' WHERE id = 1").fetchall()
        self.assertEqual([row[0] for row in self.read("lumos_memory_history(?)", 1)], [1, 3])
        self.assertEqual([row[0] for row in self.read("lumos_memory_sources(?)", 1)], [1, 3])


class Scopes(Memory):
    def test_a_search_sees_one_scope(self):
        """Twenty scopes with the same words; whatever is done, no answer has a memory of another scope."""
        rng, now, owners, asked = random.Random(20), 1_700_000_000, {}, 0
        words = ["violin", "concert", "Vienna", "上海", "大雪", "not", "rain"]
        for step in range(STEPS):
            now += rng.choice([0, 60, 7_200, 86_400 * 20])
            scope = f"tenant/{rng.randrange(SCOPES)}"
            text = " ".join(rng.choices(words, k=rng.randint(1, 4)))
            some = rng.choice([*owners, 1])
            at = json.dumps({"now": now})
            match rng.randrange(12):
                case 0 | 1 | 2 | 3:
                    options = {"scope": scope, "session": rng.choice("ab"), "dedup": rng.random() < 0.7, "source": {"memory": some, "uri": scope}, "now": now}
                    number = self.write("lumos_memory_add(?, ?)", text, json.dumps(options))
                    self.assertEqual(owners.setdefault(number, scope), scope)
                case 4:
                    number = self.write("lumos_memory_supersede(?, ?, ?)", some, text, at)
                    if number:
                        owners[number] = owners[some]
                case 5:
                    call, *more = rng.choice([("update(?, ?)", json.dumps({"content": text, "now": now})), ("pin(?, ?)", rng.randrange(2)), ("forget(?)",), ("restore(?)",), ("touch(?, ?)", at), ("feedback(?, ?, ?)", rng.randint(1, 4), at)])
                    self.write(f"lumos_memory_{call}", some, *more)
                case 6:
                    self.consolidate(rng.random() < 300 / (len(owners) + 1), now=now, **rng.choice([{}, {"scope": scope}]))
                    for number, owner in self.sqlite.rows("SELECT id, scope FROM lumos_memory WHERE id > ?", max(owners, default=0)):
                        owners[number] = owner
                case 7:
                    # By a memory that may be another's, which then is none of the topic.
                    self.fact(rng.choice(["Ann", "Bob"]), "met", rng.choice(words), json.dumps({"scope": owners.get(some, scope) if rng.random() < 0.8 else scope, "memory": some, "now": now}))
                case _:
                    asked += self.alone(rng, scope, text, now, owners)
        self.assertGreater(asked, STEPS // 10)
        for number, row in self.tables().items():
            self.assertEqual(row["scope"], owners[number])
            told = self.read("lumos_memory_sources(?)", number)
            self.assertTrue(told and all(owners[about] == row["scope"] for about, *_ in told))

    def alone(self, rng, scope, text, now, owners):
        """How many rows an answer has, all of the scope."""
        options = {"scope": scope, "now": now, "tiers": rng.choice([["short", "long"], ["archive", "working", "short", "long"]])}
        match rng.randrange(6):
            case 5:
                some = rng.choice([number for number, owner in owners.items() if owner == scope] or [None])
                found = self.similar(some, False, min_score=0.2, now=now, tiers=options["tiers"]) if some else []
            case 0 | 1:
                found = self.search(text, k=50, **options)
            case 2:
                found = self.read("lumos_memory_timeline(?)", json.dumps(options))
            case 3:
                found = self.read("lumos_memory_context('c', ?, 500, ?)", text, json.dumps(options))
            case 4:
                found = self.read("lumos_memory_review_due(?)", json.dumps({"scope": scope, "now": now, "importance": 0}))
        for number, *_ in found:
            self.assertEqual(owners[number], scope)
        return len(found)


if __name__ == "__main__":
    unittest.main()
