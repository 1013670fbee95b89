"""Parameters in every position of a statement, through every door that takes them. The oracle is DuckDB for Python with
the same rows and the same values."""

import datetime
import decimal
import itertools
import json
import math
import subprocess
import unittest

import duckdb
import host

ROWS = [(1, 0.5, "one", "2024-01-31", 1.25), (2, -2.25, "two", "2024-02-29", 100.0), (3, None, "it's", None, 0.05), (4, 1e300, None, "2023-12-31", None)]
VALUES = [0, 2, -7, 3_000_000_000, 9007199254740993, 0.5, 2.5, 1e300, "two", "", "2", "o", "2024-02-29", True, False, None]

# `?` stands for each of the values. What DuckDB for Python refuses, all doors refuse.
STATEMENTS = [
    "SELECT ?",
    "SELECT ? AS a, 'x' AS b",
    "SELECT id, v, v * ? AS x FROM t",
    "SELECT id + ? FROM t",
    "SELECT ? + id FROM t",
    "SELECT -? FROM t",
    "SELECT id, ? FROM t WHERE id > ?",
    "SELECT id FROM t WHERE v = ?",
    "SELECT id FROM t WHERE ? < id",
    "SELECT id FROM t WHERE id IN (?, 3)",
    "SELECT id FROM t WHERE s IN (?, 'one')",
    "SELECT id FROM t WHERE v BETWEEN ? AND ?",
    "SELECT id FROM t WHERE s LIKE '%' || ? || '%'",
    "SELECT id FROM t WHERE s LIKE ?",
    "SELECT id FROM t WHERE day > ?",
    "SELECT id FROM t WHERE day = ?::DATE",
    "SELECT id FROM t WHERE ? IS NULL",
    "SELECT id FROM t WHERE ? IS NOT DISTINCT FROM s",
    "SELECT id FROM t WHERE ?",
    "SELECT sum(id * ?) FROM t",
    "SELECT sum(m * ?), max(m + ?) FROM t",
    "SELECT avg(id + ?), count(?) FROM t",
    "SELECT max(?) FROM t",
    "SELECT string_agg(s, ? ORDER BY id) FROM t",
    "SELECT coalesce(v, ?) FROM t",
    "SELECT coalesce(s, ?) FROM t",
    "SELECT CASE WHEN id = ? THEN ? ELSE id END FROM t",
    "SELECT CASE id WHEN ? THEN 1 ELSE ? END FROM t",
    "SELECT CAST(? AS VARCHAR), ?::DOUBLE",
    "SELECT ?::DECIMAL(18,2)",
    "SELECT [?, ?]",
    "SELECT {'a': ?, 'b': id} FROM t",
    "SELECT range FROM range(?)",
    "SELECT * FROM range(1, ?)",
    "SELECT unnest([?, ?])",
    "SELECT id FROM t ORDER BY id LIMIT ?",
    "SELECT id FROM t ORDER BY id LIMIT 2 OFFSET ?",
    "SELECT id, v FROM t ORDER BY v * ?, id",
    "SELECT id % ?, count(*) FROM t GROUP BY 1 ORDER BY 1, 2",
    "SELECT id, count(*) FROM t GROUP BY id HAVING sum(v) > ? ORDER BY 1",
    "SELECT sum(id) OVER (ORDER BY id) + ? FROM t",
    "SELECT lag(v, 1, ?) OVER (ORDER BY id) FROM t",
    "WITH x AS (SELECT ? AS a) SELECT a, id FROM x, t WHERE id < 3 ORDER BY id",
    "SELECT a.id FROM t a JOIN t b ON a.id = b.id + ? ORDER BY 1",
    "SELECT (SELECT max(v) FROM t WHERE id <> ?)",
    "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM t u WHERE u.id = t.id + ?)",
    "SELECT id FROM t UNION ALL SELECT ?",
    "SELECT * FROM (VALUES (?, 1), (?, 2)) x(a, b)",
    "SELECT upper(?), length(?)",
    "SELECT round(m, ?) FROM t",
    "SELECT abs(?), greatest(id, ?) FROM t",
    "SELECT date_trunc('month', ?::DATE)",
    "SELECT day + ? FROM t",
    "SELECT $1, $2, $1",
    "SELECT $2, v * $1 FROM t",
    "SELECT typeof(?)",
    "FROM t SELECT id * ?",
    "VALUES (?)",
    "SELECT id FROM t WHERE id = ANY(SELECT ?)",
    "SELECT list_transform([1, 2], lambda x: x * ?)",
    "SELECT printf('%d', ?)",
    "SELECT id / ? FROM t",
]
NAMED = ["SELECT $a, v * $b FROM t", "SELECT id FROM t WHERE id > $b AND s LIKE '%' || $a || '%'", "SELECT $a, $a"]


def seen(value):
    """A value of DuckDB for Python as SQLite shows it, or as it stands in JSON."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral() and value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (list, dict)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).replace("e+", "e")
    return value


class Parameters(host.Case):
    def setUp(self):
        super().setUp()
        self.db = self.open(self.folder / "p.sqlite")
        self.oracle = duckdb.connect(config={"default_null_order": "sqlite", "integer_division": "true"})
        self.addCleanup(self.oracle.close)
        create = "CREATE TABLE t(id {}, v DOUBLE, s VARCHAR, day DATE, m DECIMAL(10,2))"
        self.oracle.execute(create.format("BIGINT"))
        self.oracle.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", ROWS)
        self.db.rows(create.format("INTEGER PRIMARY KEY"))
        for row in ROWS:
            self.db.rows("INSERT INTO t VALUES (?, ?, ?, ?, ?)", *row)
        self.db.rows("SELECT lumos_track('t')")

    def expected(self, sql, params):
        try:
            found = self.oracle.execute(sql, params)
            return [c[0] for c in found.description], [tuple(map(seen, row)) for row in found.fetchall()]
        except duckdb.Error as e:
            return None, str(e)

    def check(self, sql, params):
        names, expected = self.expected(sql, params)
        given = json.dumps(params)
        what = f"{sql} with {given}: {expected}"
        width = len(names or "a")
        columns = ", ".join(f"c{i}" for i in range(width))
        try:
            got = self.db.rows(f"SELECT {columns} FROM lumos_query(?, ?)", sql, given)
        except host.ERROR as e:
            self.assertIsNone(names, f"{what}: {e}")
            return
        self.assertIsNotNone(names, f"{what}: {got}")
        kinds = lambda rows: [[(type(v), v) for v in row] for row in rows]  # noqa: E731
        if "typeof" not in sql:
            self.assertEqual(kinds(got), kinds(expected), what)
        if expected:
            objects = self.db.rows("SELECT row FROM lumos_query(?, ?)", sql, given)
            keys = [k for k, _ in json.loads(objects[0][0], object_pairs_hook=list)]
            self.assertEqual(len(keys), width)
            self.assertNotIn("unknown", keys)
            if width == 1:
                self.assertEqual(self.db.value("SELECT lumos_scalar(?, ?)", sql, given), got[0][0], what)
        self.assertTrue(self.db.value("SELECT lumos_explain(?, NULL, ?)", sql, given))

    def test_every_position(self):
        for sql in STATEMENTS:
            count = max(sql.count("?"), sum(f"${i}" in sql for i in range(1, 4)))
            with self.subTest(sql):
                # Every statement has some of the values, every value some of the statements.
                start = len(sql) % 3
                for i, value in enumerate(VALUES[start::3]):
                    values = [value, VALUES[(i * 7 + start) % len(VALUES)]][:count]
                    if "range(" in sql and (isinstance(value, str) or value and value > 1000):
                        continue  # As many rows; and what a text is there depends on the version.
                    self.check(sql, values)

    def test_names(self):
        for sql, (a, b) in itertools.product(NAMED, [("o", 1), (None, 2.5), (1, "1")]):
            given = {"a": a, "b": b} if "$b" in sql else {"a": a}
            with self.subTest(sql, given=given):
                self.check(sql, given)

    def test_writes(self):
        self.db.value("SELECT lumos_exec('CREATE TABLE w(a BIGINT, b VARCHAR)')")
        self.oracle.execute("CREATE TABLE w(a BIGINT, b VARCHAR)")
        for sql, params, changed in [
            ("INSERT INTO w VALUES (?, ?), (?, 'x')", [1, "a", 2], 2),
            ("INSERT INTO w SELECT id + ?, s FROM t WHERE v < ?", [10, 1], 2),
            ("UPDATE w SET b = b || ?, a = a * ? WHERE a >= ?", ["!", 3, 2], 3),
            ("INSERT INTO w VALUES (?, ?) RETURNING a * 2, b", [5, None], 1),
            ("DELETE FROM w WHERE a = ? RETURNING INTERVAL 1 DAY", [1], 1),
        ]:
            with self.subTest(sql):
                self.assertEqual(self.db.value("SELECT lumos_exec(?, ?)", sql, json.dumps(params)), changed)
                self.oracle.execute(sql, params)
        _, rows = self.expected("SELECT * FROM w ORDER BY ALL", [])
        self.assertEqual(self.db.query("SELECT * FROM w ORDER BY ALL", 2), rows)

    def test_refusals(self):
        for sql, params, words in [
            ("SELECT ?", "[]", "the query has 1 parameters, 0 were given"),
            ("SELECT 1", "[1]", "the query has 0 parameters, 1 were given"),
            ("SELECT $a", '{"b": 1}', "no parameter $b"),
            ("SELECT ?", "7", "neither a JSON array"),
        ]:
            for call in ("SELECT * FROM lumos_query(?, ?)", "SELECT lumos_scalar(?, ?)", "SELECT lumos_exec(?, ?)", "SELECT lumos_explain(?, NULL, ?)"):
                self.refused(self.db, call, words, values=(sql, params))


class Conditions(host.Case):
    """What stands in WHERE beside a call's arguments: of `a = 1 OR b LIKE 'x%'` SQLite plans each side by itself too."""

    CONDITIONS = [
        "{first} = 1 OR {last} LIKE 'x%'",
        "{first} LIKE 'x%' OR {first} LIKE 'y%'",
        "{first} IN (1, 'x') OR {last} > 3 OR {last} IS NULL",
        "({first} = 1 AND {last} = 2) OR ({first} = 2 AND {last} GLOB 'x*')",
        "rowid = 1 OR {first} IS 2",
    ]

    def test_every_function_keeps_its_arguments(self):
        db = self.open(self.folder / "conditions.sqlite")
        db.value("SELECT lumos_memory_init()")
        statements = []
        for (name,) in db.rows("SELECT DISTINCT name FROM pragma_module_list WHERE name LIKE 'lumos!_%' ESCAPE '!' ORDER BY name"):
            columns = db.rows(f"SELECT name, hidden FROM pragma_table_xinfo('{name}')")
            shown = [f'"{column}"' for column, hidden in columns if not hidden]
            arguments = ", ".join("'x'" for _, hidden in columns if hidden)
            if shown:
                statements += [f"SELECT count(*) FROM {name}({arguments}) WHERE {condition.format(first=shown[0], last=shown[-1])}" for condition in self.CONDITIONS]
        self.assertGreater(len(statements), 300)
        # Every function says something else of 'x'; none may miss it.
        missed = "as its first argument|no query solution"
        for sql in statements:
            with self.subTest(sql):
                try:
                    db.rows(sql)
                except host.ERROR as failure:
                    self.assertNotRegex(str(failure), missed)
        # SQLite of the system is older than the drivers', and plans more of such conditions.
        script = "\n".join(f"{sql};" for sql in statements)
        shell = subprocess.run(
            ["sqlite3", "-batch", str(self.folder / "conditions.sqlite")], input=f".load {host.EXTENSION}\n{script}\n", capture_output=True, text=True
        )
        self.assertIn("lumos_forecast", shell.stderr)
        self.assertNotRegex(shell.stderr, missed)

    def test_the_rows_are_those_that_the_condition_leaves(self):
        db = self.open(self.folder / "rows.sqlite")
        plain = "(WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE i < 19) SELECT i AS c0, i % 3 AS c1 FROM r)"
        for condition in ["c0 = 3 OR c1 LIKE '2%'", "c0 LIKE '1%' OR c0 LIKE '2%'", "(c0 = 3 AND c1 = 0) OR (c0 > 17 AND c1 IS NOT 1)", "c0 IN (1, 2) OR c1 = 2 OR c0 IS NULL"]:
            rows = [
                db.rows(f"SELECT c0, c1 FROM {source} WHERE {condition} ORDER BY c0")
                for source in ("lumos_query('SELECT i, i % 3 FROM range(20) t(i)')", plain)
            ]
            self.assertEqual(*rows, condition)

    def test_a_call_without_its_argument_says_so(self):
        db = self.open(self.folder / "missing.sqlite")
        for sql in ["SELECT * FROM lumos_query", "SELECT * FROM lumos_forecast WHERE step = 1 OR series LIKE 'x%'", "SELECT count(*) FROM lumos_auto"]:
            with self.assertRaisesRegex(Exception, "as its first argument"):
                db.rows(sql)

if __name__ == "__main__":
    unittest.main()
