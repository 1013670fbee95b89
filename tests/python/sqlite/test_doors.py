"""Every door that carries values from DuckDB, with every type, NULL and several values: what is shown is what is tested,
sorted and added up. The oracle is plain SQLite over a copy of what was shown."""

import itertools
import json
import pathlib
import sys
import unittest

import host

# Each type's values as DuckDB's expressions, in no order.
TYPES = {
    "BOOLEAN": ["true", "false"],
    "TINYINT": ["-128", "127", "0"],
    "SMALLINT": ["300", "-7", "1"],
    "INTEGER": ["70000", "-1", "2"],
    "BIGINT": ["9223372036854775807", "-9223372036854775808", "9007199254740993", "2"],
    "UTINYINT": ["255", "0"],
    "USMALLINT": ["65535", "10", "9"],
    "UINTEGER": ["4294967295", "10", "9"],
    "UBIGINT": ["9223372036854775807", "10000000000000000000", "10", "9"],
    "HUGEINT": ["100000000000000000000", "-30000000000000000000", "5", "9223372036854775807"],
    "UHUGEINT": ["20000000000000000000", "7", "10"],
    "BIGNUM": ["20000000000000000000", "7", "-10"],
    "FLOAT": ["0.1", "'nan'", "'-inf'", "'inf'", "-0.0", "9"],
    "DOUBLE": ["0.1", "'nan'", "'inf'", "1e300", "-0.0", "10", "9"],
    "DECIMAL(4,1)": ["9.5", "100.2", "-3", "0"],
    "DECIMAL(9,2)": ["9.50", "100.25", "-0.05"],
    "DECIMAL(18,3)": ["90.240", "523.060", "999999999999.999"],
    "DECIMAL(18,18)": ["0.000000000000000001", "0.5"],
    "DECIMAL(38,2)": ["90.24", "523.06", "12345678901234567.00", "-1234567890123456.80"],
    "DECIMAL(38,30)": ["0.000000000000000000000000000001", "1.5", "12345678"],
    "DECIMAL(38,0)": ["100000000000000000000", "9", "10"],
    "VARCHAR": ["''", "'a'", "'A'", "'007'", "'7'", "'10'", "'é'", "'É'", "'a_b'", "'a' || chr(0) || 'b'", "'a\\b'", "'*'"],
    "BLOB": ["''::BLOB", "'\\x00\\xFF'::BLOB", "'a'::BLOB", "'b'::BLOB"],
    "BIT": ["'0101'", "'1'"],
    "UUID": ["'ffffffff-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'", "'7fffffff-0000-0000-0000-000000000001'"],
    "DATE": ["'2024-02-29'", "'1969-12-31'", "'0044-03-15 (BC)'", "'infinity'", "'12024-01-01'"],
    "TIME": ["'10:30:00'", "'23:59:59.25'", "'23:59:59.3'"],
    "TIME_NS": ["'10:30:00.000000001'", "'09:00:00'"],
    "TIMETZ": ["'10:30:00+02'", "'09:00:00-05'"],
    "TIMESTAMP": ["'2024-02-29 10:00:00'", "'2024-02-29 10:00:00.5'", "'2024-02-29 10:00:00.25'", "'-infinity'", "'0001-01-01 (BC) 00:00:00'"],
    "TIMESTAMP_S": ["'2024-02-29 10:00:00'", "'1969-12-31 00:00:00'"],
    "TIMESTAMP_MS": ["'2024-02-29 10:00:00.123'", "'1969-12-31 00:00:00'"],
    "TIMESTAMP_NS": ["'2024-02-29 10:00:00.123456789'", "'1969-12-31 00:00:00'"],
    "TIMESTAMPTZ": ["'2024-02-29 10:00:00+00'", "'2024-02-29 10:00:00.5+00'"],
    "INTERVAL": ["INTERVAL 13 MONTH", "INTERVAL 2 DAY", "INTERVAL 400 DAY"],
    "ENUM('z', 'a', 'm')": ["'z'", "'a'", "'m'"],
    "JSON": ["'{\"a\": 1}'", "'null'", "'[1]'"],
    "VARIANT": ["1::VARIANT", "'x'::VARIANT", "[1, 2]::VARIANT"],
    "INTEGER[]": ["[1, NULL]", "[]", "[2]", "[10]"],
    "INTERVAL[]": ["[INTERVAL 1 DAY, NULL]", "[]"],
    "DECIMAL(4,1)[]": ["[9.5, 100.2]", "[NULL]"],
    "INTEGER[2]": ["[1, 2]", "[1, NULL]"],
    "STRUCT(a INTEGER, b VARCHAR)": ["{'a': 1, 'b': 'x'}", "{'a': NULL, 'b': NULL}"],
    "STRUCT(a INTERVAL, b TIMETZ[])": ["{'a': INTERVAL 1 DAY, 'b': ['10:00:00+00'::TIMETZ]}"],
    "MAP(VARCHAR, INTEGER)": ["MAP {'k': 1}", "MAP {'k': NULL}"],
    "MAP(INTEGER, INTERVAL)": ["MAP {1: INTERVAL 1 DAY}"],
    "UNION(n INTEGER, t VARCHAR)": ["union_value(n := 1)", "union_value(t := 'x')", "union_value(n := NULL::INTEGER)"],
    "UNION(n INTERVAL, t VARCHAR)": ["union_value(n := INTERVAL 1 DAY)", "union_value(t := 'x')"],
}
# Values to compare with: of every class, at the edges of types.
PROBES = [None, 1, 1.5, 2.0**53, "7", "a", b"a", 9223372036854775807]
COMPARISONS = ["=", "<>", "<", "<=", ">", ">=", "IS", "IS NOT"]
PATTERNS = ["a%", "%B%", "_", "É", "%\\%", "7", "*", "?", "a*", "[a-z]*", "\\*"]
WIDE = {
    "UBIGINT": "18446744073709551615",
    "UBIGINT ": "9223372036854775808",
    "HUGEINT": "-170141183460469231731687303715884105728",
    "UHUGEINT": "340282366920938463463374607431768211455",
    "BIGNUM": "18446744073709551615",
    "BIGNUM ": "-" + 60 * "7",
    "DECIMAL(38,0)": "12345678901234567890123",
    "DECIMAL(38,2)": "12345678901234567.89",
    "DECIMAL(18,18)": "0.123456789012345678",
}


def key(row):
    """A row for sorting and comparing: texts, numbers and BLOBs apart. A column without a type of its own may hold 1 as 1.0."""
    whole = lambda v: isinstance(v, float) and v.is_integer() and abs(v) < 2**53  # noqa: E731
    return [("number", repr(int(v) if whole(v) else v)) if isinstance(v, (int, float)) else (type(v).__name__, repr(v)) for v in row]


class Doors(host.Case):
    def setUp(self):
        super().setUp()
        self.db = self.open(self.folder / "doors.sqlite")
        self.tables = {}

    def make(self):
        for i, (ty, values) in enumerate(TYPES.items()):
            rows = ", ".join(f"({k}, ({v})::{ty})" for k, v in enumerate([*values, "NULL", values[0]]))
            # The mirror's format has no columns of this type.
            kind = "VIEW" if ty == "VARIANT" else "TABLE"
            self.db.value("SELECT lumos_exec(?)", f"CREATE {kind} v{i} AS SELECT * FROM (VALUES {rows}) t(id, x)")
            self.tables[ty] = f"v{i}"

    def shown(self, table):
        return self.db.query(f"SELECT id, x FROM {table} ORDER BY id", 2)

    def same(self, one, other, *values, what):
        """Both statements have the same rows, in any order."""
        self.assertEqual(sorted(map(key, self.db.rows(one, *values))), sorted(map(key, self.db.rows(other, *values))), (what, one, values))

    def test_every_door_shows_the_same(self):
        self.make()
        for ty, table in self.tables.items():
            with self.subTest(ty):
                shown = self.shown(table)
                null = len(TYPES[ty])
                self.assertEqual([k for k, v in shown if v is None and k == null], [null])
                for k, value in shown:
                    self.assertEqual(key([self.db.value("SELECT lumos_scalar(?)", f"SELECT x FROM {table} WHERE id = {k}")]), key([value]))
                for row, (k, value) in zip(self.db.rows("SELECT row FROM lumos_query(?)", f"SELECT * FROM {table} ORDER BY id"), shown):
                    self.in_json(json.loads(row[0].replace("9e999", "Infinity")), k, value)
                listed = self.db.query(f"SELECT list(x ORDER BY id) FROM {table}")[0][0]
                self.assertEqual(len(json.loads(listed.replace("9e999", "Infinity"))), len(shown))
                self.assertEqual(self.db.value("SELECT lumos_exec(?)", f"SELECT x FROM {table}"), 0)
                if ty == "VARIANT":
                    continue
                for returning in ["x", "id", "*", "[x], {'x': x}"]:
                    again = f"INSERT INTO {table} SELECT id + 100, x FROM {table} WHERE id < 2 RETURNING {returning}"
                    self.assertEqual(self.db.value("SELECT lumos_exec(?)", again), sum(k < 2 for k, _ in shown))
                self.assertEqual(self.db.value("SELECT lumos_exec(?)", f"UPDATE {table} SET x = x WHERE id >= 100 RETURNING x"), 4 * sum(k < 2 for k, _ in shown))
                self.assertEqual(self.db.value("SELECT lumos_exec(?)", f"DELETE FROM {table} WHERE id >= 100"), 4 * sum(k < 2 for k, _ in shown))

    def in_json(self, row, k, value):
        self.assertEqual(row["id"], k)
        x = row["x"]
        if isinstance(value, float):
            self.assertIn(type(x), (int, float))
            # A FLOAT shows its own digits.
            self.assertTrue(x == value or abs(x - value) < 1e-7, (x, value))
        elif isinstance(value, int):
            self.assertEqual(float(x), float(value))
        elif isinstance(value, str) and not isinstance(x, str):
            self.assertEqual(x, json.loads(value))
        elif isinstance(value, str) and value.startswith('"'):
            self.assertEqual(x, json.loads(value))
        elif not isinstance(value, bytes):
            self.assertEqual(x, value)

    def test_tests_and_orders_are_about_what_is_shown(self):
        self.make()
        for ty, table in self.tables.items():
            with self.subTest(ty):
                self.db.rows(f"CREATE VIRTUAL TABLE temp.virtual_{table} USING lumos_table({table})")
                # Each driver has all of one half.
                full = int(table[1:]) % 2 == (host.DRIVER == "apsw")
                self.compare(ty, table, f"virtual_{table}", full)

    def test_queries_as_tables(self):
        self.make()
        self.db.value("SELECT lumos_import('main', 'i_')")
        for ty, table in list(self.tables.items())[::9]:
            with self.subTest(ty):
                self.db.rows(f"CREATE VIRTUAL TABLE temp.query_{table} USING lumos_query(SELECT * FROM {table} -- all\n)")
                for name in (f"query_{table}", f"i_{table}"):
                    self.compare(ty, table, name, full=False)

    def copy(self, table, virtual, declared=True):
        columns = self.db.rows(f"SELECT name, type FROM pragma_table_info('{virtual}')") if declared else [("id", ""), ("x", "")]
        names = ", ".join(f'"{n}" {t}' for n, t in columns)
        self.db.rows("DROP TABLE IF EXISTS temp.plain")
        self.db.rows(f"CREATE TEMP TABLE plain({names})")
        for row in self.shown(table):
            self.db.rows("INSERT INTO plain VALUES (?, ?)", *row)
        self.assertEqual(sorted(map(key, self.db.rows("SELECT * FROM plain"))), sorted(map(key, self.shown(table))))

    def compare(self, ty, table, virtual, full=True):
        self.copy(table, virtual)
        own = [v for _, v in self.shown(table)]
        probes = list({repr(v): v for v in own + PROBES}.values()) if full else [*own, 1.5, "a", None]
        both = lambda what, *values: self.same(f"SELECT id FROM {virtual} WHERE {what}", f"SELECT id FROM plain WHERE {what}", *values, what=ty)  # noqa: E731
        for i, value in enumerate(probes):
            both("x = ?", value)
            both(f"x {COMPARISONS[i % len(COMPARISONS)]} ?", value)
        for i, (a, b) in enumerate(itertools.islice(itertools.combinations(probes, 2), 0, None, 13)):
            both(["x IN (?, ?)", "x = ? OR x = ?", "x IN (?, ?, 'zz', NULL) AND id >= 0"][i % 3], a, b)
        for what in ["x IS NULL", "x IS NOT NULL", "NOT x", "x", "id IN (0, 2) AND x IS NOT NULL", "x BETWEEN 1 AND 10"]:
            both(what)
        both("x IN (SELECT x FROM plain WHERE id < 2)")
        both("x IN (SELECT x || '' FROM plain)")
        if ty == "VARCHAR":
            for pattern in PATTERNS:
                both("x LIKE ?", pattern)
                both("x GLOB ?", pattern)
                both("x = ? COLLATE NOCASE", pattern)
        for order in ["x", "x DESC", "x DESC, id", "x COLLATE NOCASE"]:
            for tail in ["", " LIMIT 3 OFFSET 1"] if order in ("x", "x DESC") else [" LIMIT 2"]:
                statement = "SELECT x FROM {} ORDER BY " + order + tail
                rows = [list(map(key, self.db.rows(statement.format(t)))) for t in (virtual, "plain")]
                # Two NULLs or equal values are alike.
                self.assertEqual(*rows, (ty, statement))
        for selected in ["DISTINCT x", "count(x), count(DISTINCT x)", "max(x), min(x)", "typeof(x) IN ('integer', 'real'), count(*)", "total(x)"]:
            tail = " GROUP BY 1" if "typeof" in selected else ""
            self.same(f"SELECT {selected} FROM {virtual}{tail}", f"SELECT {selected} FROM plain{tail}", what=ty)
        self.same(f"SELECT x, count(*) FROM {virtual} GROUP BY x", "SELECT x, count(*) FROM plain GROUP BY x", what=ty)
        self.same(f"SELECT DISTINCT x FROM {virtual} ORDER BY x", "SELECT DISTINCT x FROM plain ORDER BY x", what=ty)
        self.same(f"SELECT p.id, v.id FROM plain p JOIN {virtual} v USING (x)", "SELECT p.id, v.id FROM plain p JOIN plain v USING (x)", what=ty)

    def test_columns_of_the_function_have_no_affinity(self):
        self.make()
        for ty, table in self.tables.items():
            with self.subTest(ty):
                self.copy(table, None, declared=False)
                function = f"lumos_query('SELECT * FROM {table}')"
                probes = [*dict.fromkeys([v for _, v in self.shown(table)]), "7", 7, 1.5]
                for i, value in enumerate(probes):
                    c = ("=", "<", ">=")[i % 3]
                    self.same(f"SELECT c0 FROM {function} WHERE c1 {c} ?", f"SELECT id FROM plain WHERE x {c} ?", value, what=ty)
                self.same(f"SELECT q.c0, p.id FROM {function} q JOIN plain p ON p.x = q.c1", "SELECT q.id, p.id FROM plain q JOIN plain p ON p.x = q.x", what=ty)
                ordered = [list(map(key, self.db.rows(s))) for s in (f"SELECT c1 FROM {function} ORDER BY c1", "SELECT x FROM plain ORDER BY x")]
                self.assertEqual(*ordered, ty)
        self.db.rows("CREATE TABLE zip(code TEXT)")
        self.db.rows("INSERT INTO zip VALUES ('02134')")
        self.assertEqual(self.db.rows("SELECT c0 FROM lumos_auto('SELECT ''007''') WHERE c0 = '7'"), [])
        self.assertEqual(self.db.rows("SELECT 1 FROM lumos_auto('SELECT code FROM zip') WHERE c0 = '2134'"), [])
        self.assertEqual(self.db.rows("SELECT 1 FROM lumos_query('SELECT ''02134''') JOIN zip ON c0 = code"), [(1,)])

    def test_wide_numbers_are_never_texts(self):
        for ty, digits in WIDE.items():
            with self.subTest(ty):
                sql = f"SELECT CAST('{digits}' AS {ty}) AS x"
                for statement in ("SELECT c0 FROM lumos_query(?)", "SELECT lumos_scalar(?)"):
                    self.refused(self.db, statement, digits, "VARCHAR", values=(sql,))
                self.db.rows(f"CREATE VIRTUAL TABLE temp.wide USING lumos_query({sql})")
                self.refused(self.db, "SELECT x FROM wide ORDER BY x", digits, "DOUBLE")
                self.db.rows("DROP TABLE wide")
                self.assertEqual(self.db.rows("SELECT row FROM lumos_query(?)", sql), [('{"x":' + digits + "}",)])
                self.assertEqual(self.db.query(f"SELECT x::VARCHAR FROM ({sql})")[0][0].lstrip("0"), digits.lstrip("0"))
                self.assertEqual(self.db.query(f"SELECT x::DOUBLE FROM ({sql})"), [(float(digits),)])

    def test_decimals_of_fifteen_digits_are_their_shortest_doubles(self):
        digits = "123456789012345"
        for scale in range(1, 38):
            for number in (digits, "999999999999999", "1", "3"):
                number = number.zfill(scale + 1)
                text = f"-{number[:-scale]}.{number[-scale:]}"
                if len(number) - scale <= 38 - scale:
                    self.assertEqual(self.db.query(f"SELECT '{text}'::DECIMAL(38,{scale})"), [(float(text),)], text)

    def test_numbers_add_up_in_every_client(self):
        self.assertEqual(self.db.query("SELECT sum(x) FROM (VALUES (0.1::DECIMAL(10,2)), (523.06)) t(x)"), [(523.16,)])
        top = self.db.rows("SELECT c0, c1 FROM lumos_query('SELECT * FROM (VALUES (''Czech'', 90.24), (''USA'', 523.06)) t(n, v)') ORDER BY c1 DESC LIMIT 1")
        self.assertEqual(top, [("USA", 523.06)])


# Attaches while all but some file descriptors are taken, then with all.
FEW = """
import os, resource, sys, host
db = host.Database(sys.argv[1])
db.rows("CREATE TABLE IF NOT EXISTS t(a)")
resource.setrlimit(resource.RLIMIT_NOFILE, (100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
taken = []
try:
    while True:
        taken.append(os.open("/dev/null", 0))
except OSError:
    pass
for _ in range(int(sys.argv[2])):
    os.close(taken.pop())
try:
    db.rows("SELECT lumos_attach()")
except host.ERROR as e:
    assert "file" in str(e), e
for fd in taken:
    os.close(fd)
print(db.value("SELECT lumos_scalar('SELECT 42')"))
"""


class Trouble(host.Case):
    def test_few_file_descriptors(self):
        for free in range(8):
            with self.subTest(free=free):
                self.assertEqual(host.elsewhere(FEW, self.folder / f"{free}.sqlite", free), "42")

    def test_every_door_says_that_it_was_interrupted(self):
        db = self.open(self.folder / "i.sqlite")
        db.value("SELECT lumos_scalar('SELECT 1')")
        forever = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range <> b.range"
        for call in [
            "SELECT c0 FROM lumos_query(?)",
            "SELECT lumos_scalar(?)",
            "SELECT lumos_exec('CREATE TABLE x AS ' || ?)",
            """SELECT lumos_explain(?, '{"timings": true}')""",
        ]:
            with self.subTest(call):
                calls = itertools.count()
                host.progress(db, lambda: next(calls) > 20, 20)
                said = self.refused(db, call, "interrupt", values=(forever,))
                host.progress(db, None, 0)
                if host.DRIVER == "apsw":
                    with self.assertRaises(host.apsw.InterruptError):
                        calls = itertools.count()
                        host.progress(db, lambda: next(calls) > 20, 20)
                        db.rows(call, forever)
                    host.progress(db, None, 0)
                self.assertNotIn("lumos", said)
                self.assertEqual(db.value("SELECT lumos_scalar('SELECT 42')"), 42)

    def test_memory_for_values(self):
        db = self.open(self.folder / "m.sqlite")
        db.value("SELECT lumos_attach(NULL, ?)", '{"memory_limit": "200MB"}')
        self.refused(db, "SELECT lumos_scalar(?)", "Out of Memory", values=("SELECT repeat('x', 2000000000)",))
        self.assertEqual(db.value("SELECT length(lumos_scalar(?))", "SELECT repeat('x', 20000000)"), 20_000_000)
        # Each takes more than that where nothing counts it: in one value, and between the steps of many rows.
        for sql in [
            "SELECT len(range(200000000))",
            "SELECT len(range(n)) FROM (VALUES (200000000)) v(n)",
            "SELECT len(list_transform(range(n), lambda x: x + 1)) FROM (VALUES (100000000)) v(n)",
            "SELECT string_split(repeat('a,', 100000), ',') FROM range(300)",
            "SELECT repeat(chr(97 + (i % 26)::INT), 1000000) FROM range(1000) t(i)",
        ]:
            self.refused(db, "SELECT count(c0) FROM lumos_query(?)", "Out of Memory", values=(sql,))
            self.assertEqual(db.value("SELECT lumos_scalar('SELECT len(range(1000000))')"), 1_000_000)
        if sys.platform == "linux":
            status = pathlib.Path("/proc/self/status").read_text()
            peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
            self.assertLess(peak, 1_000_000)


if __name__ == "__main__":
    unittest.main()
