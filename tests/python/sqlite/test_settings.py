"""What the application sets on its connection and in its database does not change what `lumos_auto` promises: the
answer that SQLite gives there, from either engine, or an error where SQLite gives one."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import host

TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, i INTEGER, r REAL, s TEXT, d DATE, m DECIMAL(10,2), n TEXT COLLATE NOCASE)"
# U+FFFF is before U+1F600 by code points, and behind it in UTF-16.
TEXTS = ["a", "A", "ab", "Ab", "a ", "B", "Ā", "é", "É", "\uffff", "\U0001f600", "10", "9", "", None]

STATEMENTS = [
    "SELECT id FROM t WHERE s > 'b'",
    "SELECT id FROM t WHERE s BETWEEN 'A' AND '\uffff'",
    "SELECT s, id FROM t ORDER BY s, id",
    "SELECT s FROM t UNION SELECT d FROM t ORDER BY 1",
    "SELECT min(s), max(s) FROM t",
    "SELECT s, count(*) FROM t GROUP BY s",
    "SELECT DISTINCT s FROM t",
    "SELECT id FROM t WHERE s LIKE 'A%'",
    "SELECT id FROM t WHERE s NOT LIKE '%É'",
    "SELECT id FROM t WHERE s = 'A'",
    'SELECT id FROM t WHERE s = "A"',
    "SELECT id FROM t WHERE n = 'x'",
    "SELECT id FROM t WHERE i = '3' OR s = 9",
    "SELECT id FROM t WHERE s > 5",
    "SELECT sum(r), avg(r), total(r), sum(i), avg(i), total(i), avg(m), count(s), min(r), max(i) FROM t",
    "SELECT s, i, id FROM t GROUP BY id",
    "SELECT s, r FROM t GROUP BY s",
    "SELECT * FROM t WHERE i > 2",
    "SELECT x.id, x.s AS y, t.s FROM t JOIN t x USING (id)",
    "SELECT id, length(s), substr(s, 1, 1), trim(s), coalesce(s, 'x'), abs(i), round(r, 1), instr(s, 'b') FROM t",
    "SELECT ifnull(s, ''), nullif(s, 'a'), replace(s, 'a', 'b'), iif(i > 2, s, d) FROM t",
    "SELECT i FROM t UNION SELECT id FROM t",
    "SELECT id FROM t WHERE d > '2010-01-01' ORDER BY d DESC, id",
    "SELECT id, rank() OVER (ORDER BY s) FROM t",
    "SELECT id FROM t WHERE s IN (SELECT s FROM t WHERE i > 2)",
    "SELECT id FROM t WHERE r > (SELECT avg(r) FROM t)",
    "SELECT s FROM t ORDER BY s LIMIT 5",
]

PRAGMAS = [
    f"PRAGMA {setting}"
    for setting in (
        "case_sensitive_like = 1", "case_sensitive_like = 0", "reverse_unordered_selects = 1", "short_column_names = 0",
        "full_column_names = 1", "count_changes = 1", "empty_result_callbacks = 1", "legacy_alter_table = 1",
        "legacy_file_format = 1", "automatic_index = 0", "recursive_triggers = 1", "trusted_schema = 0",
        "cell_size_check = 1", "foreign_keys = 1", "ignore_check_constraints = 1", "read_uncommitted = 1",
        "temp_store = 2", "threads = 4", "analysis_limit = 1", "secure_delete = 1", "cache_size = 1", "mmap_size = 0",
        "synchronous = 0", "journal_mode = TRUNCATE", "writable_schema = 1", "user_version = 7", "query_only = 1",
    )
]  # fmt: skip

# SQLITE_LIMIT_...: length, sql, columns, depth, compounds, operations, arguments, attached, patterns, variables, triggers, threads.
LIMITS = {0: 100_000, 1: 20_000, 2: 100, 3: 100, 4: 3, 5: 50_000, 6: 10, 7: 1, 8: 1, 9: 20, 10: 3, 11: 0}

SCALARS = ["like", "length", "substr", "trim", "coalesce", "abs", "round", "instr", "ifnull", "nullif", "replace", "iif"]
AGGREGATES = ["sum", "avg", "total", "count", "min", "max", "rank"]


class Seven:
    def step(self, *_):
        pass

    def finalize(self):
        return 7


def scalar(db, name):
    if host.DRIVER == "apsw":
        db.connection.create_scalar_function(name, lambda *_: 7)
    else:
        db.connection.create_function(name, -1, lambda *_: 7)


def aggregate(db, name):
    if host.DRIVER == "apsw":
        db.connection.create_aggregate_function(name, lambda: (None, lambda *_: None, lambda *_: 7))
    else:
        db.connection.create_aggregate(name, -1, Seven)


def collation(name, order):
    return lambda db: db.connection.create_collation(name, order)


def limit(number, value):
    return lambda db: db.connection.limit(number, value)


def by_length(a, b):
    return len(a) - len(b)


def sql(*statements):
    return lambda db: [db.rows(s) for s in statements]


def states():
    for pragma in PRAGMAS:
        yield pragma, sql(pragma)
    yield "both names", sql("PRAGMA short_column_names = 0", "PRAGMA full_column_names = 1")
    for name in ("BINARY", "NOCASE", "RTRIM", "own"):
        yield f"collation {name}", collation(name, by_length)
    for name in SCALARS:
        yield f"function {name}", lambda db, name=name: scalar(db, name)
    for name in AGGREGATES:
        yield f"aggregate {name}", lambda db, name=name: aggregate(db, name)
    yield "function LENGTH", lambda db: scalar(db, "LENGTH")
    yield "function length behind lower", lambda db: (scalar(db, "lower"), scalar(db, "length"))
    yield "temporary table", sql("CREATE TEMP TABLE t AS SELECT * FROM main.t WHERE id < 4")
    yield "temporary view", sql("CREATE TEMP VIEW t AS SELECT * FROM main.t WHERE id < 4")
    yield "attached database", sql("ATTACH ':memory:' AS other", "CREATE TABLE other.t(id, s)", "CREATE TABLE other.u(id)")
    if host.DRIVER == "apsw":
        import apsw

        for number, value in LIMITS.items():
            yield f"limit {number}", limit(number, value)
        yield "no texts in double quotes", lambda db: db.connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        yield "scans in reverse", lambda db: db.connection.config(apsw.SQLITE_DBCONFIG_REVERSE_SCANORDER, 1)


class Settings(host.Case):
    def database(self, encoding="UTF-8"):
        db = host.Database(":memory:")
        db.rows(f"PRAGMA encoding = '{encoding}'")
        db.rows(TABLE)
        for i in range(1, 46):
            row = (i, i % 5, i / 7, TEXTS[i % 15], f"20{i % 3}0-0{i % 9 + 1}-01", i / 4, "xXy"[i % 3])
            db.rows("INSERT INTO t VALUES(?,?,?,?,?,?,?)", *row)
        db.rows("""SELECT lumos_attach(NULL, '{"threads": 1}')""")
        db.rows("SELECT lumos_track('t')")
        db.rows("SELECT c0 FROM lumos_auto('SELECT count(*) FROM t', NULL, 'duckdb')")
        self.addCleanup(db.close)
        return db

    def compare(self, db, state):
        """Every statement in every engine; returns how many DuckDB answered."""
        answered = 0
        # A function changes only the statements that call it.
        words = state.lower().split()
        called = words[1] if words[0] in ("function", "aggregate") else ""
        for statement in STATEMENTS:
            if called not in statement.lower():
                continue
            said = f"{state}: {statement}"
            try:
                plain = db.rows(statement)
            except host.ERROR:
                for engine in (None, "sqlite", "duckdb"):
                    with self.assertRaises(host.ERROR, msg=said):
                        db.rows("SELECT c0 FROM lumos_auto(?, NULL, ?)", statement, engine)
                continue
            columns = ", ".join(f"c{i}" for i in range(len(plain[0]) if plain else 1))
            names = None
            for engine in (None, "sqlite", "duckdb"):
                try:
                    routed = db.rows(f"SELECT {columns}, row FROM lumos_auto(?, NULL, ?)", statement, engine)
                except host.ERROR as e:
                    self.assertEqual(engine, "duckdb", f"{said}: {e}")
                    self.assertIn("this statement is for SQLite", str(e), said)
                    continue
                answered += engine == "duckdb"
                names = names or [list(json.loads(row[-1])) for row in routed]
                self.assertEqual([list(json.loads(row[-1])) for row in routed], names, said)
                routed, expected = [row[:-1] for row in routed], plain
                if "ORDER BY" not in statement or "OVER" in statement:
                    routed, expected = sorted(routed, key=repr), sorted(plain, key=repr)
                same = len(routed) == len(expected) and all(map(self.same, routed, expected))
                self.assertTrue(same, f"{said} {engine}\nSQLite: {expected}\nLumos: {routed}")
        return answered

    def same(self, a, b):
        number = lambda x, y: type(x) is type(y) is float and abs(x - y) <= 1e-14 * max(abs(x), abs(y))  # noqa: E731
        return len(a) == len(b) and all((x == y and type(x) is type(y)) or number(x, y) for x, y in zip(a, b))

    def test_settings_of_the_connection(self):
        self.assertGreaterEqual(self.compare(self.database(), "nothing set"), 20)
        for state, setup in states():
            db = self.database()
            setup(db)
            self.compare(db, state)

    def test_texts_of_utf16(self):
        for encoding in ("UTF-16le", "UTF-16be"):
            answered = self.compare(self.database(encoding), encoding)
            self.assertGreaterEqual(answered, len(STATEMENTS) // 2)

    def test_a_view_is_called_a_view(self):
        db = self.database()
        db.rows("CREATE VIEW w AS SELECT * FROM t")
        reason = db.value("SELECT reason FROM lumos_route('SELECT count(*) FROM w')")
        self.assertIn('"w" is a view', reason)


class Sums(host.Case):
    def test_sums_are_the_same_in_every_run(self):
        db = host.Database(":memory:")
        self.addCleanup(db.close)
        db.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, g INTEGER, r REAL, x REAL)")
        db.rows(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) "
            "INSERT INTO t SELECT i, i % 3, 0.1, CASE i % 4 WHEN 0 THEN 1e15 WHEN 1 THEN -1e15 WHEN 2 THEN i / 3.0 ELSE 1e-9 * i END FROM n"
        )
        db.rows("""SELECT lumos_attach(NULL, '{"threads": 4}')""")
        db.rows("SELECT lumos_track('t')")
        sums = "sum(r), avg(r), total(r), sum(x), avg(x), total(x), sum(r * 2), sum(DISTINCT x)"
        for statement, width in [
            (f"SELECT {sums} FROM t", 8),
            (f"SELECT g, {sums} FROM t GROUP BY g", 9),
            (f"SELECT {sums} FROM t GROUP BY g HAVING count(*) > 1", 8),
            ("SELECT sum(r) FILTER (WHERE g > 0), avg(r) FILTER (WHERE g = 5) FROM t", 2),
            ("SELECT id, sum(r) OVER (PARTITION BY g), avg(x) OVER (PARTITION BY g) FROM t WHERE id < 4000", 3),
            ("SELECT id, total(r) OVER (ORDER BY id), avg(r) OVER (ORDER BY g) FROM t WHERE id < 4000", 3),
            ("SELECT id, (SELECT sum(r) FROM t) + g FROM t WHERE id < 100", 2),
        ]:
            columns = ", ".join(f"c{i}" for i in range(width))
            run = lambda: sorted(db.rows(f"SELECT {columns} FROM lumos_auto(?, NULL, 'duckdb')", statement), key=repr)  # noqa: E731,B023
            first = run()
            for _ in range(3):
                self.assertEqual(run(), first, statement)
            # SQLite before 3.43 does not compensate.
            magnitude = 300_000 * 1e15 if "x" in statement else 300_000
            plain = sorted(db.rows(statement), key=lambda row: repr([v for v in row if not isinstance(v, float)]))
            first.sort(key=lambda row: repr([v for v in row if not isinstance(v, float)]))
            self.assertEqual(len(plain), len(first))
            for a, b in zip(plain, first):
                for x, y in zip(a, b):
                    self.assertEqual(type(x), type(y), statement)
                    self.assertTrue(x == y or abs(x - y) <= 1e-15 * magnitude, f"{statement}: {x!r} {y!r}")
        exact = "SELECT c0, c1, c2 FROM lumos_auto('SELECT sum(r), avg(r), total(r) FROM t', NULL, 'duckdb')"
        self.assertEqual(db.rows(exact), [(30000.0, 0.1, 30000.0)])

    def test_what_might_overflow_stays(self):
        db = host.Database(":memory:")
        self.addCleanup(db.close)
        db.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, r REAL)")
        db.rows("INSERT INTO t VALUES (1, 1e308), (2, 1e308), (3, -1e308)")
        db.rows("SELECT lumos_attach(NULL)")
        db.rows("SELECT lumos_track('t')")
        self.assertEqual(db.rows("SELECT c0 FROM lumos_auto('SELECT sum(r) FROM t')"), db.rows("SELECT sum(r) FROM t"))
        self.refused(db, "SELECT c0 FROM lumos_auto('SELECT sum(r) FROM t', NULL, 'duckdb')", "too large")


if __name__ == "__main__":
    unittest.main()
