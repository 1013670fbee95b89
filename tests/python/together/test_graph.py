"""Facts in both engines: one random program, the same answers, and those of a naive replay."""

import json
import random
import unicodedata
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


def key(name):
    return " ".join(unicodedata.normalize("NFKC", name).lower().split())


class Model:
    """What the functions of facts say, from all rows of a scope, by the plainest way."""

    def __init__(self, facts, aliases, as_of, as_known, predicate=None):
        goes_by = {alias: name for alias, name, since in aliases if as_known is None or since <= as_known}

        def entity(name):
            name = key(name)
            while name in goes_by:
                name = goes_by[name]
            return name

        known = []
        for number, subject, said, objekt, functional, start, end, created, expired in facts:
            if predicate not in (None, said):
                continue
            if expired is None if as_known is None else created <= as_known and (expired is None or as_known < expired):
                start, end = -1e9 if start is None else start, 1e9 if end is None else end
                known.append((number, entity(subject), said, entity(objekt), functional, start, end, created))
        self.entity, self.edges, seen = entity, [], set()
        for number, subject, said, objekt, functional, start, end, created in sorted(known):
            if functional:
                after = [f[5] for f in known if f[4] and f[1:3] == (subject, said) and f[3] != objekt and (f[5], f[7], f[0]) > (start, created, number)]
                end = min([end, *after])
            # A row for each memory or source that says it.
            fact = (subject, said, objekt, start, end)
            if start < end and (as_of is None or start <= as_of < end) and fact not in seen:
                seen.add(fact)
                self.edges.append((number, subject, objekt))

    def steps(self, place):
        """The facts at an entity in their order, and who is at their other ends."""
        for number, subject, objekt in self.edges:
            if subject != objekt and place in (subject, objekt):
                yield number, objekt if place == subject else subject

    def neighbors(self, name, depth):
        layer = [self.entity(name)]
        seen, found = set(layer), []
        for distance in range(1, depth + 1):
            reached = sorted((number, place, there) for place in layer for number, there in self.steps(place))
            layer = []
            for number, _, there in reached:
                if there not in seen:
                    seen.add(there)
                    layer.append(there)
                    found.append((there, distance, number))
        return found

    def paths(self, start, end, longest, k):
        start, end = self.entity(start), self.entity(end)
        found, ways = [], [((), (start,))]
        for _ in range(longest if start != end else 0):
            ways = [((*facts, number), (*places, there)) for facts, places in ways for number, there in self.steps(places[-1]) if there not in places]
            found += sorted(facts for facts, places in ways if places[-1] == end)
            ways = [way for way in ways if way[1][-1] != end]
        return found[:k]

    def ranks(self, seeds):
        places = {place for edge in self.edges for place in edge[1:]}
        beside = {place: [there for _, there in self.steps(place)] for place in places}
        seeds = {self.entity(seed) for seed in seeds} & places
        ranks = {place: (place in seeds) / max(1, len(seeds)) for place in places}
        for _ in range(60 if seeds else 0):
            following, back = dict.fromkeys(places, 0.0), 0.0
            for place, rank in ranks.items():
                back += rank / 2 if beside[place] else rank
                for there in beside[place]:
                    following[there] += rank / 2 / len(beside[place])
            for seed in seeds:
                following[seed] += back / len(seeds)
            ranks = following
        return {place: rank for place, rank in ranks.items() if rank}


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

    def ours(self, name, *values):
        return [tuple(row) for row in self.sqlite.rows(f"SELECT * FROM {self.call(name, *values)}")]

    def read(self, name, *values):
        call = self.call(name, *values)
        ours = self.ours(name, *values)
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
                options = {"scope": scope, "now": now, "source": "it's" if now % 2 else "chat", "memory": now % 3, "confidence": draw.choice([0.25, 1])}
                options |= draw.choice([{}, {"valid_from": None}, {"valid_from": draw.randrange(900, 1200)}])
                options |= draw.choice([{}, {}, {"valid_to": draw.randrange(1200, 1300)}])
                names = draw.choice(NAMES), draw.choice(["lives in", "knows"]), draw.choice(NAMES).upper()
                self.write("lumos_fact", "lumos_fact_add", *names, options)
            for name, count, kinds in draw.sample(READS, 1):
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

    def test_what_is_near(self):
        """Reading what is near an entity finds what reading all of the scope finds: in chains, circles and hubs, with
        names that were merged before and after, and facts that end each other."""
        draw = random.Random(23)
        names = [f"{kind} {i}" for kind in ("Ann", "É", "王") for i in range(14)]
        for now in range(1000, 1150):
            scope = draw.choice(["a", "a", "b"])
            # Mostly neighbours in a line, so that it is long; one in the middle knows many.
            place = draw.randrange(len(names))
            other = draw.choice([place + 1, place + 1, place - 1, place + 3, 20]) % len(names)
            options = json.dumps({"scope": scope, "now": now, "source": "ab"[now % 2]} | draw.choice([{}, {}, {"valid_from": draw.randrange(900, 1200)}, {"valid_to": 1250}]))
            said = draw.choice(["knows", "met", "lives_in"])
            self.sqlite.value("SELECT lumos_fact_add(?, ?, ?, ?)", names[place], said, names[other].upper(), options)
            if draw.random() < 0.08:
                self.sqlite.value("SELECT lumos_entity_merge(?, ?, ?)", *draw.sample(names, 2), json.dumps({"scope": scope, "now": now}))
        for table in ("lumos_fact", "lumos_alias"):
            rows = [tuple(row) for row in self.sqlite.rows(f"SELECT * FROM {table} ORDER BY 1, 2")]
            self.duckdb.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        kept = {}
        for scope in "ab":
            facts = "SELECT id, subject, predicate, object, functional, valid_from, valid_to, created_at, expired_at FROM lumos_fact WHERE scope = ?"
            aliases = "SELECT alias_key, name_key, created_at FROM lumos_alias WHERE scope = ?"
            kept[scope] = self.sqlite.rows(facts, scope), self.sqlite.rows(aliases, scope)
        found = 0
        for turn in range(150):
            # Each in SQLite, some of them in DuckDB too.
            read = self.read if turn % 6 == 0 else self.ours
            scope, now = draw.choice("aab"), 1200
            options, times = {"scope": scope, "now": now}, {"as_of": now, "as_known": None}
            for kind in times:
                if draw.random() < 0.3:
                    options[kind] = times[kind] = draw.randrange(950, 1300)
            if draw.random() < 0.1:
                options["as_of"] = times["as_of"] = None
            if draw.random() < 0.2:
                options["predicate"] = times["predicate"] = draw.choice(["knows", "lives_in"])
            model = Model(*kept[scope], **times)
            (a, b), k = draw.sample(names, 2), draw.randrange(1, 8)
            depth = draw.choice([1, 2, 3, 4, 6, 12])
            near = read("lumos_neighbors", a, options | {"depth": depth})
            self.assertEqual([(model.entity(name), far, fact) for name, far, _, fact in near], model.neighbors(a, depth))
            longest = draw.randrange(1, 6)
            path = read("lumos_paths", a, b, options | {"max_length": longest, "k": k})
            ways = model.paths(a, b, longest, k)
            self.assertEqual([(row[0], row[5]) for row in path], [(i, fact) for i, way in enumerate(ways, 1) for fact in way])
            facts = read("lumos_facts", a, options)
            touched = [edge[0] for edge in model.edges if model.entity(a) in edge[1:]]
            self.assertEqual([row[0] for row in facts], touched)
            seeds = [a, b][: draw.randrange(1, 3)]
            ranked = dict(read("lumos_pagerank", json.dumps(seeds), options | {"k": 1000}))
            ours = {model.entity(name): score for name, score in ranked.items()}
            true = model.ranks(seeds)
            off = sum(abs(ours.get(place, 0) - true.get(place, 0)) for place in {*ours, *true}) / 2
            self.assertLessEqual(off, 2**-5)
            if len(model.neighbors(seeds[0], 99)) == len(model.neighbors(seeds[0], 3)) and len(seeds) == 1:
                self.assertLess(off, 1e-9)
            found += len(near) + len(path)
        self.assertGreater(found, 1000)

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
