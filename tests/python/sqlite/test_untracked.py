"""Tables and views that are not tracked, through every door; and what the mirror makes of a declared type: each value comes
back as SQLite has it, tracked or not, or the error says of which column it is."""

import itertools
import json
import random
import unittest

import host

SEED = {"apsw": 81, "pysqlite3": 82}[host.DRIVER]

DATES = ["2024-02-29", "1970-01-01", "0001-01-01", "9999-12-31", "0000-01-01", "-0001-01-01", "10000-01-01", "2023-02-29",
         "2024-2-9", "2024-02", "2024", "20240229", "29.02.2024", "02/29/2024", " 2024-02-29", "2024-02-29 ", "", " "]
TIMES = ["00:00:00", "23:59:59", "12:30", "12", "24:00:00", "23:59:60", "12:30:15.5", "12:30:15.50", "12:30:15.", "12:30:15,5",
         *(f"12:30:15.{'123456789'[:n]}" for n in range(1, 10)), "12:30:15.000000", "12:30:15.100", "1:30:15"]
ZONES = ["", "Z", "+00:00", "+02", "-05:30", " UTC"]
MOMENTS = DATES + TIMES + ["now", "infinity", "-infinity", "0044-03-15 (BC)", "epoch"] + [
    *(f"2024-02-29{s}{t}" for s in [" ", "T", "  "] for t in TIMES),
    *(f"{d} {t}{z}" for d in ["2024-02-29", "0000-01-01", "10000-01-01"] for t in ["12:30:15", "12:30:15.5"] for z in ZONES),
]
DECLARED = ["DATE", "DATETIME", "TIMESTAMP(6)", "TIME", ""]


class Declared(host.Case):
    """SQLite itself is the oracle."""

    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.db = self.open()
        self.db.rows("SELECT lumos_attach(':memory:')")

    def check(self, columns, track):
        """Each column is a declared type with its values, of which there are as many in each."""
        names = [f"v{i}" for i in range(len(columns))]
        declared = ", ".join(f"{n} {ty}" for n, (ty, _) in zip(names, columns))
        self.db.rows(f"CREATE TABLE t(id INTEGER PRIMARY KEY, {declared})")
        for row in zip(*(values for _, values in columns)):
            self.db.rows(f"INSERT INTO t({', '.join(names)}) VALUES({', '.join('?' * len(row))})", *row)
        if track:
            self.db.rows("SELECT lumos_track('t')")
        expected = self.db.rows(f"SELECT {', '.join(names)} FROM t ORDER BY id")
        self.assertEqual(self.db.query("FROM (SELECT * EXCLUDE (id) FROM t ORDER BY id)", len(names)), expected)
        self.db.rows("CREATE VIRTUAL TABLE temp.x USING lumos_table('t')")
        self.assertEqual(self.db.rows(f"SELECT {', '.join(names)} FROM temp.x ORDER BY id"), expected)
        self.db.rows("DROP TABLE temp.x")
        if track:
            self.db.rows("SELECT lumos_untrack('t')")
        self.db.rows("DROP TABLE t")

    def test_each_text_alone(self):
        for ty in DECLARED:
            for start in range(0, len(MOMENTS), 60):
                self.check([(ty, [text]) for text in MOMENTS[start : start + 60]], track=False)
            self.check([(ty, [text]) for text in MOMENTS[:60]], track=True)

    def test_pairs(self):
        few = ["2024-02-29", "2024-02-29 12:30:15", "2024-02-29T12:30:15", "2024-02-29 12:30:15.5", "soon", None, "0000-01-01"]
        pairs = list(itertools.product(few, repeat=2))
        for ty in DECLARED:
            self.check([(ty, pair) for pair in pairs], track=False)
            self.check([(ty, (*pair, few[0])) for pair in pairs], track=True)

    def test_the_type_is_that_of_all_values(self):
        for declared, values, ty in [
            ("DATETIME", ["2024-01-01", "2024-01-02"], "DATE"),
            ("DATETIME", [None, "2024-01-01"], "DATE"),
            ("DATETIME", ["2024-01-01 00:00:00", None], "TIMESTAMP"),
            ("DATE", ["2024-01-01 00:00:00", None], "TIMESTAMP"),
            ("DATETIME", ["2024-01-01", "2024-01-01 00:00:00"], "VARCHAR"),
            ("DATE", ["2024-01-01 10:00:00", "2024-01-01"], "VARCHAR"),
            ("DATETIME", ["2024-01-01T00:00:00", "2024-01-01 00:00:00"], "VARCHAR"),
        ]:
            self.db.rows(f"CREATE TABLE t(v {declared})")
            for value in values:
                self.db.rows("INSERT INTO t VALUES(?)", value)
            self.assertEqual(self.db.query("SELECT DISTINCT typeof(v) FROM t"), [(ty,)], (declared, values))
            self.db.rows("DROP TABLE t")

    def test_a_guess_gives_way_to_later_values(self):
        rng = random.Random(SEED)
        texts = ["2024-02-29", "2024-02-29 12:30:15", "2024-02-29T12:30:15", "soon"]
        for ty in ["DATE", "DATETIME"]:
            for n in range(6):
                self.db.rows(f"CREATE TABLE t(id INTEGER PRIMARY KEY, v {ty})")
                self.db.rows("SELECT lumos_track('t')")
                for _ in range(4):
                    for value in rng.choices([*texts[: 1 + n % 4], None], k=rng.choice([1, 3, 100])):
                        self.db.rows("INSERT INTO t(v) VALUES(?)", value)
                    self.assertEqual(self.db.query("SELECT v FROM t ORDER BY id"), self.db.rows("SELECT v FROM t ORDER BY id"))
                    self.assertEqual(self.db.rows("SELECT * FROM lumos_verify('t')"), [])
                self.db.rows("SELECT lumos_untrack('t')")
                self.db.rows("DROP TABLE t")


CLASSES = {"integer": ["1", "-7"], "real": ["0.5", "2.25"], "text": ["'x'", "''"], "blob": ["x'00ff'"], "broken": ["CAST(x'61ff' AS TEXT)"]}
# The classes that one column of the mirror has for a declared type.
TOGETHER = [{"integer"}, {"integer", "real"}, {"real"}, {"text"}, {"blob"}]


class Doors(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.db = self.open()
        self.db.rows("SELECT lumos_attach(NULL, ?)", json.dumps({"allow_files": [str(self.folder)]}))

    def doors(self, sql, column):
        """The values of one column of a query, through each door that reads."""
        yield [v for (v,) in self.db.rows("SELECT c0 FROM lumos_query(?)", sql)]
        path = str(self.folder / "x.parquet")
        self.db.rows("SELECT lumos_export(?, ?)", sql, path)
        self.db.rows("SELECT lumos_load(?, 'loaded')", path)
        yield [v for (v,) in self.db.rows("SELECT * FROM loaded ORDER BY rowid")]
        self.db.rows("DROP TABLE loaded")
        self.db.rows("SELECT lumos_exec(?)", f"CREATE OR REPLACE TABLE made AS {sql}")
        yield [v for (v,) in self.db.query("FROM made")]
        self.db.rows(f"CREATE VIRTUAL TABLE temp.q USING lumos_query({sql})")
        yield [v for (v,) in self.db.rows(f"SELECT {column} FROM temp.q")]
        self.db.rows("DROP TABLE temp.q")

    def test_only_columns_that_are_read_must_fit(self):
        rng = random.Random(SEED)
        for n in range(20):
            fits, names = {}, [f"v{i}" for i in range(4)]
            rows = rng.choice([0, 1, 3, 3, 2100])
            drawn = []
            for name in names:
                classes = rng.sample(sorted(CLASSES), rng.choice([1, 1, 2]))
                values = [rng.choice(CLASSES[rng.choice([*classes, classes[0]])]) for _ in range(rows)]
                found = {c for c in CLASSES for v in values if v in CLASSES[c]}
                fits[name] = not found or any(found <= t for t in TOGETHER)
                drawn.append(values)
            self.db.rows(f"CREATE TABLE t({', '.join(names)})")
            self.db.rows("BEGIN")
            for row in zip(*drawn):
                self.db.rows(f"INSERT INTO t VALUES({', '.join(row)})")
            self.db.rows("COMMIT")
            self.db.rows("CREATE VIEW w AS SELECT *, rowid AS r FROM t")
            for table in ["t", "w"]:
                self.assertEqual(self.db.query(f"SELECT count(*) FROM {table}"), [(rows,)])
                for name in names:
                    sql = f"SELECT {name} FROM {table}"
                    with self.subTest(n=n, sql=sql, values=drawn[names.index(name)][:5]):
                        if fits[name]:
                            expected = self.db.rows(f"SELECT {name} FROM t ORDER BY rowid")
                            for values in self.doors(sql, name):
                                self.assertEqual([(v,) for v in values], expected)
                        else:
                            self.refused(self.db, "SELECT * FROM lumos_query(?)", f'"{table}"', f'column "{name}"', "leave the column out", values=(sql,))
                            self.refused(self.db, "SELECT lumos_export(?, ?)", f'column "{name}"', values=(sql, str(self.folder / "x.csv")))
                            self.assertFalse((self.folder / "x.csv").exists())
            if not all(fits.values()):
                # The way out that the text names.
                self.db.rows("CREATE TABLE k(id INTEGER PRIMARY KEY, v0, v1, v2, v3)")
                self.db.rows("INSERT INTO k SELECT rowid, * FROM t")
                self.db.rows("""SELECT lumos_track('k', '{"on_mismatch": "null"}')""")
                self.db.query("SELECT * FROM k", 5)
                self.db.rows("SELECT lumos_untrack('k')")
                self.db.rows("DROP TABLE k")
            self.db.rows("DROP VIEW w")
            self.db.rows("DROP TABLE t")

    def test_nobody_writes_to_them(self):
        self.db.rows("CREATE TABLE t(a)")
        self.db.rows("INSERT INTO t VALUES(1)")
        self.db.rows("CREATE VIEW w AS SELECT a + 1 AS b FROM t")
        for sql in ["INSERT INTO t VALUES (2)", "DELETE FROM t", "UPDATE w SET b = 1", "DROP TABLE t", "ALTER TABLE t ADD COLUMN x INT"]:
            self.refused(self.db, "SELECT lumos_exec(?)", "lumos_exec", values=(sql,))
        self.assertEqual(self.db.query("SELECT a, b FROM t, w", 2), [(1, 2)])

    def test_views(self):
        self.db.rows("CREATE TABLE \"odd \"\" name\"(\"\" INTEGER, \"a b\" TEXT)")
        self.db.rows("INSERT INTO \"odd \"\" name\" VALUES(1, 'x')")
        self.db.rows("CREATE VIEW nested AS SELECT \"a b\", count(*) AS n FROM \"odd \"\" name\" GROUP BY 1")
        self.db.rows("CREATE VIEW broken AS SELECT * FROM nowhere")
        self.db.rows("CREATE VIEW unsafe AS SELECT lumos_exec('CREATE TABLE hacked AS SELECT 1') AS x")
        self.assertEqual(self.db.query('SELECT * FROM nested', 2), [("x", 1)])
        self.assertEqual(self.db.query('SELECT "a b", c0 FROM "odd "" name"', 2), [("x", 1)])
        self.refused(self.db, "SELECT * FROM lumos_query('FROM broken')", "nowhere")
        self.refused(self.db, "SELECT * FROM lumos_query('FROM unsafe')", "unsafe use")
        self.refused(self.db, "SELECT * FROM lumos_query('FROM hacked')", "hacked")
        self.refused(self.db, "SELECT * FROM lumos_query('FROM _lumos_log')", "does not exist")


if __name__ == "__main__":
    unittest.main()
