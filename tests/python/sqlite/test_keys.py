"""Rows that REPLACE removes through anything but the key that they are tracked by: every kind of conflict target beside
every key that a table can have."""

import itertools
import json
import random
import unittest

import host
import model

# The columns and constraints, and the keys to track by; `None` for the rowid of a table without one.
SHAPES = [
    ("(id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, n INT)", ["id", "code"]),
    ("(id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL UNIQUE, n INT UNIQUE)", ["id", "code"]),
    ("(n INT, code TEXT NOT NULL UNIQUE, id INTEGER PRIMARY KEY)", ["code"]),
    ("(id INTEGER PRIMARY KEY DESC NOT NULL, code TEXT NOT NULL UNIQUE, n INT)", ["id", "code"]),
    ("(id INT NOT NULL PRIMARY KEY, code TEXT NOT NULL UNIQUE, n INT NOT NULL UNIQUE)", ["id", "code", "n"]),
    ("(id INT NOT NULL PRIMARY KEY, code TEXT NOT NULL UNIQUE, n INT NOT NULL UNIQUE) WITHOUT ROWID", ["id", "code", "n"]),
    ("(id INT, code TEXT NOT NULL, n INT NOT NULL, UNIQUE (code, n), PRIMARY KEY (id, code)) WITHOUT ROWID", [["id", "code"], ["code", "n"]]),
    ("(id INTEGER PRIMARY KEY, code TEXT NOT NULL COLLATE NOCASE UNIQUE, n INT NOT NULL DEFAULT 3 UNIQUE)", ["id", "code", "n"]),
    ("(id INTEGER PRIMARY KEY, code TEXT NOT NULL DEFAULT 'a' UNIQUE ON CONFLICT REPLACE, n INT NOT NULL DEFAULT (1 + 1) UNIQUE)", ["id", "code", "n"]),
    ("(id INTEGER PRIMARY KEY ON CONFLICT REPLACE, code TEXT NOT NULL COLLATE RTRIM UNIQUE, n INT)", ["id", "code"]),
    ("(id INTEGER PRIMARY KEY, n INT, code TEXT NOT NULL UNIQUE, half INT NOT NULL AS (id / 2) UNIQUE)", ["id", "code", "half"]),
    ("(id INTEGER PRIMARY KEY, n INT NOT NULL DEFAULT 4, code TEXT NOT NULL UNIQUE, twice INT NOT NULL AS (n * 2) STORED UNIQUE)", ["id", "code", "twice"]),
    ("(id INT, code TEXT UNIQUE, n INT UNIQUE)", [None]),
    ("(id INTEGER NOT NULL, code TEXT NOT NULL, n INT NOT NULL, UNIQUE (id, code), UNIQUE (code, n), UNIQUE (n))", [["id", "code"], ["n", "code"], "n"]),
    ("(rowid TEXT, id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, n INT)", ["id", "code"]),
    ("(id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, n INT NOT NULL UNIQUE) STRICT", ["id", "code", "n"]),
]
INDEXES = [None, "(n) WHERE n > 2", "(lower(code))", "(abs(n), code COLLATE NOCASE)", "(coalesce(n, id))"]
CODES = ["a", "A", "b", "b ", "c", ""]
ROUNDS = 30


class Keys(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.draw = random.Random({"apsw": 1, "pysqlite3": 2}[host.DRIVER])
        self.db = self.open()
        self.db.rows("PRAGMA synchronous = OFF")
        self.writer = self.open(load=False)
        self.writer.rows("PRAGMA synchronous = OFF")

    def value(self, column):
        if column == "code":
            return model.text(self.draw.choice(CODES)) if self.draw.random() < 0.9 else "NULL"
        return "NULL" if self.draw.random() < 0.15 else str(self.draw.randint(1, 6))

    def statement(self, table):
        draw = self.draw
        columns = ["id", "code", "n"]
        either = draw.choice([" OR REPLACE", " OR REPLACE", " OR REPLACE", "", " OR IGNORE"])
        where = draw.choice(columns)
        kind = draw.random()
        if kind < 0.5:
            chosen = columns if draw.random() < 0.7 else draw.sample(columns, 2)
            row = lambda: f"({', '.join(map(self.value, chosen))})"  # noqa: E731
            return f"INSERT{either} INTO {table}({', '.join(chosen)}) VALUES {row()}" + (f", {row()}" if draw.random() < 0.3 else "")
        if kind < 0.85:
            column = draw.choice(columns)
            new = draw.choice([self.value(column), f"{column} + 1" if column != "code" else "upper(code)"])
            return f"UPDATE{either} {table} SET {column} = {new} WHERE {where} IS {self.value(where)} OR {draw.random() < 0.2}"
        if kind < 0.93:
            return f"INSERT{either} INTO {table}(id, code, n) SELECT id + 1, code, n FROM {table} WHERE {where} IS {self.value(where)}"
        return f"DELETE FROM {table} WHERE {where} IS {self.value(where)}"

    def test_every_conflict_beside_every_key(self):
        tables = []
        for (shape, keys), index in itertools.product(SHAPES, INDEXES):
            # Each shape with each key, and the indexes in turn.
            if index and self.draw.random() < 0.6:
                continue
            for key in keys:
                name = f"t{len(tables)}"
                self.writer.rows(f"CREATE TABLE {name}{shape}")
                if index:
                    self.writer.rows(f"CREATE UNIQUE INDEX {name}_x ON {name}{index}")
                for _ in range(4):
                    self.attempt(self.statement(name))
                self.db.rows("SELECT lumos_track(?, ?)", name, json.dumps({"key": key or "rowid", "initial": False}))
                tables.append((name, shape, key, index))
        for _ in range(ROUNDS):
            done = {name: self.attempt(self.statement(name)) for name, *_ in tables}
            different = model.differences(self.db, [name for name, *_ in tables])
            of = {name: rest for name, *rest in tables}
            self.assertEqual([(line, of[line.split(":")[0]], done[line.split(":")[0]]) for line in different], [])
        self.assertEqual(self.db.rows("SELECT * FROM lumos_verify('*')"), [])

    def attempt(self, statement):
        try:
            self.writer.rows(statement)
        except host.ERROR:
            pass
        return statement


class Rowids(host.Case):
    """Tables without a key: by their rowids, which VACUUM alone makes others."""

    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.db = self.open()
        for statement in [
            "CREATE TABLE bare(a, b TEXT)",
            "CREATE TABLE keyed(id INTEGER PRIMARY KEY, v)",
            "CREATE TABLE indexed(a UNIQUE)",
            "INSERT INTO bare VALUES (1, 'x'), (2, 'y'), (3, 'z')",
            "INSERT INTO indexed VALUES (1), (2), (3)",
            "DELETE FROM bare WHERE a = 1",
            "DELETE FROM indexed WHERE a = 1",
        ]:
            self.db.rows(statement)

    def copies(self):
        return self.db.value("SELECT count(*) FROM lumos_schema_log WHERE event LIKE 'copied:%' AND \"table\" = 'bare'")

    def check(self):
        self.assertEqual(model.differences(self.db), [])
        self.assertEqual(self.db.rows("SELECT * FROM lumos_verify('*')"), [])

    def test_all_tables_are_taken(self):
        report = {t["table"]: t["key"] for t in json.loads(self.db.value("SELECT lumos_track('*')"))}
        self.assertEqual(report, {"bare": ["rowid"], "keyed": ["id"], "indexed": ["rowid"]})

    def test_only_vacuum_copies_them_again(self):
        self.db.rows("SELECT lumos_track('*')")
        plain = self.open(load=False)
        for i, statement in enumerate([
            "CREATE TABLE other(x)", "CREATE INDEX i ON keyed(v)", "DROP TABLE other", "CREATE VIEW w AS SELECT 1", "ANALYZE",
            "ALTER TABLE keyed ADD COLUMN more", "CREATE INDEX j ON bare(b)", "REINDEX", "DROP INDEX j", "ALTER TABLE bare ADD COLUMN c DEFAULT 4",
        ]):
            plain.rows(statement)
            plain.rows("INSERT INTO bare(a) VALUES (?)", i)
            self.check()
        self.assertEqual(self.copies(), 0)
        for i in range(3):
            plain.rows("DELETE FROM bare WHERE rowid = (SELECT min(rowid) FROM bare)")
            plain.rows("VACUUM")
            plain.rows("UPDATE bare SET b = 'after' WHERE a % 2")
            self.check()
            self.assertEqual(self.copies(), i + 1)
            plain.rows("CREATE TABLE again(x)")
            plain.rows("DROP TABLE again")
            self.check()
            self.assertEqual(self.copies(), i + 1)

    def test_two_mirrors_see_the_same_vacuum(self):
        self.db.rows("SELECT lumos_track('*')")
        second = str(self.folder / "second.duckdb")
        first = str(self.folder / "app.sqlite-lumos.duckdb")
        for path in [second, first]:
            self.db.rows("SELECT lumos_attach(?)", path)
            self.check()
        self.db.rows("VACUUM")
        self.db.rows("UPDATE bare SET b = 'new' WHERE rowid = 1")
        for path in [second, first, second]:
            self.db.rows("SELECT lumos_attach(?)", path)
            self.check()

    def test_in_a_transaction_that_cannot_write(self):
        self.db.rows("SELECT lumos_track('*')")
        self.db.rows("VACUUM")
        self.db.rows("UPDATE bare SET b = 'new' WHERE rowid = 1")
        self.db.rows("BEGIN")
        self.assertEqual(self.db.query("SELECT count(*) FROM bare WHERE b = 'new'"), [(1,)])
        self.db.rows("COMMIT")
        for _ in range(2):
            self.db.rows("VACUUM")
            self.db.rows("DELETE FROM bare WHERE rowid = 1")
            self.check()


class Shadows(host.Case):
    """Tables that a virtual table keeps are left out, and no others."""

    def test_by_what_each_module_makes(self):
        db = self.open(self.folder / "app.sqlite")
        virtual = {
            "f5": "fts5(body)",
            "f5c": "fts5(body, content='', contentless_delete=1)",
            "f4": "fts4(body)",
            "f3": "fts3(body)",
            "r": "rtree(id, a, b)",
            "v": "lumos_vec(id INTEGER PRIMARY KEY, e FLOAT[2])",
        }
        made = []
        for name, module in virtual.items():
            try:
                db.rows(f"CREATE VIRTUAL TABLE {name} USING {module}")
                made.append(name)
            except host.ERROR as e:
                self.assertIn("no such module", str(e))
        own = {name for (name,) in db.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        ordinary = {f"{name}_{ending}" for name in made for ending in ("archive", "log", "data_2")}
        for name in ordinary:
            db.rows(f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, v)")
        report = {t["table"] for t in json.loads(db.value("SELECT lumos_track('*')"))}
        self.assertEqual(report, ordinary)
        for name in own - set(made):
            self.refused(db, "SELECT lumos_track(?)", "belongs to a virtual table", values=[name])

    def test_a_module_that_is_not_known(self):
        path = self.folder / "app.sqlite"
        db = self.open(path)
        db.rows("CREATE TABLE notes_log(id INTEGER PRIMARY KEY)")
        db.rows("PRAGMA writable_schema = on")
        db.rows("INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', 'notes', 'notes', 0, 'CREATE VIRTUAL TABLE notes USING own(x)')")
        db.close()
        db = self.open(path)
        [report] = json.loads(db.value("SELECT lumos_track('*')"))
        self.assertEqual(report["table"], "notes_log")
        self.assertIn("may belong to the virtual table \"notes\"", report["error"])
        self.assertEqual(json.loads(db.value("SELECT lumos_track('notes_log')"))[0]["rows"], 0)


if __name__ == "__main__":
    unittest.main()
