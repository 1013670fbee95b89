"""The options of `lumos_track` that choose what the mirror holds: after a copy and after each applied change, by random
values, the mirror holds what the options say of every value."""

import datetime
import decimal
import json
import random
import re
import unittest

import host

SCHEDULES = 40
SEED = {"apsw": 41, "pysqlite3": 42}[host.DRIVER]
BULK = 80  # More than are applied one by one.

# Values as SQLite's expressions, so that each has the class that it is written with.
VALUES = {
    "whole": ["0", "1", "-7", "250", "9007199254740993"],
    "real": ["0.5", "-2.25", "0.125", "1e300", "12345.75", "9e999"],
    "text": ["'x'", "''", "'1'", "'0.5'", "'it''s'", "'a' || char(0) || 'b'", "'中文'"],
    "blob": ["x''", "x'6162'"],
    "bytes": ["x'ff00'"],
    "broken": ["CAST(x'61ff' AS TEXT)"],
    "date": ["'2024-02-29'", "'1969-12-31'"],
    "time": ["'2024-02-29 10:30'", "'2024-02-29T23:59:59.25'"],
    "unix": ["1700000000", "1700000000.5", "-1"],
    "julian": ["julianday('2024-05-06 07:08:09.123')", "2451545"],
}
# The declared type, the given one, and what the column gets: mostly the first.
COLUMNS = {
    "n": ("INTEGER", None, ["whole", "real", "text", "blob"]),
    "r": ("REAL", None, ["real", "text"]),
    "t": ("TEXT", None, ["text", "date", "blob", "bytes", "broken"]),
    "b": ("BLOB", None, ["blob", "text", "whole", "broken"]),
    "d": ("DATE", None, ["date", "time", "text", "whole"]),
    "m": ("DATETIME", None, ["time", "date", "text", "whole"]),
    "p": ("DECIMAL(6,2)", None, ["whole", "real", "text"]),
    "x": ("", None, ["whole", "real", "text"]),
    "flag": ("BOOLEAN", "BOOLEAN", ["whole", "real", "text"]),
    "money": ("REAL", "DECIMAL(7,2)", ["real", "text"]),
    "u": ("", "TIMESTAMP(unix)", ["unix", "whole", "text"]),
    "ms": ("INTEGER", "TIMESTAMP(unix_ms)", ["unix", "whole", "text"]),
    "j": ("", "TIMESTAMP(julian)", ["julian", "real", "text"]),
}
EPOCH = datetime.datetime(1970, 1, 1)


def exact(number):
    """The decimal that a number is written as, if it is finite."""
    return decimal.Decimal(repr(number)) if abs(number) != float("inf") else None


def moment(value, given):
    """The moment that a value of SQLite means, or None."""
    if isinstance(value, str) and given is None:
        try:
            return datetime.datetime.fromisoformat(value) if re.match(r"\d{4}-\d\d-\d\d", value) else None
        except ValueError:
            return None
    if not isinstance(value, (int, float)) or given is None or exact(value) is None:
        return None
    if given == "TIMESTAMP(julian)":
        # SQLite counts milliseconds, and gives the double nearest to their days.
        ms = round(value * 86_400_000)
        micros = (ms - 210_866_760_000_000) * 1000 if ms / 86_400_000 == value else None
    else:
        micros = exact(value) * (1_000_000 if given == "TIMESTAMP(unix)" else 1000)
    try:
        return EPOCH + datetime.timedelta(microseconds=int(micros)) if micros is not None and micros == int(micros) else None
    except OverflowError:
        return None


def held(value, text, kind, given, policy):
    """(fits, what a column of this type holds for a value of SQLite whose text by CAST is `text`)."""
    if value is None:
        return True, None
    number = isinstance(value, (int, float))
    if kind == "VARCHAR" and text is not None and (isinstance(value, str) or policy in ("varchar", "widen")):
        return True, text
    if kind == "BIGINT" and isinstance(value, int) or kind == "BLOB" and isinstance(value, bytes):
        return True, value
    if kind == "DOUBLE" and number and float(value) == value:
        return True, float(value)
    if kind == "BOOLEAN" and isinstance(value, int) and value in (0, 1):
        return True, value
    if kind == "DATE" and isinstance(value, str) and len(value) == 10 and moment(value, None):
        return True, value
    if kind == "TIMESTAMP" and (at := moment(value, given)):
        # Only who says something of the type gets what is written otherwise.
        exact_text = given is None and policy == "error"
        return not exact_text or value == str(at).removesuffix("000").rstrip("0" if at.microsecond else ""), at
    if kind.startswith("DECIMAL") and number and exact(value) is not None:
        width, scale = map(int, kind[8:-1].split(","))
        shifted = exact(value) * 10**scale
        if shifted == int(shifted) and abs(shifted) < 10**width:
            return True, exact(value)
    return False, None


def read(value, kind):
    """A value of the mirror, as `held` gives it."""
    if value is None:
        return None
    if kind == "TIMESTAMP":
        return datetime.datetime.fromisoformat(value)
    return decimal.Decimal(repr(value)) if kind.startswith("DECIMAL") else value


class TypesCase(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.mirror = self.folder / "app.sqlite-lumos.duckdb"

    def start(self, *statements):
        db = self.open()
        for statement in statements:
            db.rows(statement)
        return db

    def track(self, db, options, table="t"):
        return db.value("SELECT lumos_track(?, ?)", table, json.dumps(options))

    def type_of(self, db, column, table="t"):
        return db.query(f'SELECT column_type FROM (DESCRIBE "{table}") WHERE column_name = \'{column}\'')[0][0]


class Random(TypesCase):
    def test_what_the_mirror_holds(self):
        for schedule in range(SCHEDULES):
            with self.subTest(schedule=schedule):
                self.schedule(random.Random(SEED * 10_000 + schedule))

    def schedule(self, rng):
        self.path.unlink(missing_ok=True)
        self.mirror.unlink(missing_ok=True)
        db = host.Database(self.path)
        try:
            columns = rng.sample(sorted(COLUMNS), 3)
            self.columns = {c: (COLUMNS[c][1], rng.choice(["error", "null", "varchar", "widen"])) for c in columns}
            declared = ", ".join(f'"{c}" {COLUMNS[c][0]}' for c in columns)
            db.rows("PRAGMA synchronous = OFF")
            db.rows(f"CREATE TABLE t(id INTEGER PRIMARY KEY, {declared})")
            self.options = {
                "types": {c: given for c, (given, _) in self.columns.items() if given},
                "on_mismatch": {c: policy for c, (_, policy) in self.columns.items()},
            }
            self.write(rng, db, columns)
            self.settle(db, lambda: self.track(db, self.options))
            for _ in range(rng.randint(1, 4)):
                self.write(rng, db, columns)
                self.settle(db, lambda: db.rows("SELECT lumos_sync()"))
            # A copy of what the log gave piece by piece.
            self.settle(db, lambda: db.rows("SELECT lumos_resync('t')"))
        finally:
            db.close()

    def write(self, rng, db, columns):
        def value(c):
            kinds = COLUMNS[c][2]
            kind = kinds[0] if rng.random() < 0.85 else rng.choice(kinds)
            return "NULL" if rng.random() < 0.15 else rng.choice(VALUES[kind])

        db.rows("BEGIN")
        for _ in range(rng.choice([0, 1, 2, 5, BULK])):
            key, values = rng.randrange(2 * BULK), ", ".join(map(value, columns))
            if rng.random() < 0.2:
                db.rows(f"DELETE FROM t WHERE id % 3 = {key % 3}")
            else:
                db.rows(f"REPLACE INTO t VALUES ({key}, {values})")
        db.rows("COMMIT")

    def settle(self, db, run):
        """Runs it, without the rows that are refused."""
        while True:
            try:
                run()
                break
            except host.ERROR as e:
                found = re.search(r'column "(.*)", row with id = (\d+): .* does not fit', str(e), re.DOTALL)
                self.assertTrue(found, str(e))
                column, key = found.groups()
                self.assertIn(self.columns[column][1], ("error", "varchar", "widen"), str(e))
                if self.columns[column][1] != "error":
                    # No text holds these bytes.
                    self.assertIn(db.value(f"SELECT hex(\"{column}\") FROM t WHERE id = {key}"), ("61FF", "FF00"))
                db.rows(f"DELETE FROM t WHERE id = {key}")
        self.check(db)

    def check(self, db):
        types = dict(db.query("SELECT column_name, column_type FROM (DESCRIBE t)", 2))
        for column, (given, policy) in self.columns.items():
            kind = types[column]
            texts = f"CASE WHEN hex(\"{column}\") NOT IN ('61FF', 'FF00') THEN CAST(\"{column}\" AS TEXT) END"
            blob = f"CASE WHEN hex(\"{column}\") = '61FF' THEN CAST(\"{column}\" AS BLOB) ELSE \"{column}\" END"
            broken = {k for (k,) in db.rows(f"SELECT id FROM t WHERE typeof(\"{column}\") = 'text' AND hex(\"{column}\") = '61FF'")}
            expected = {}
            for key, value, text in db.rows(f"SELECT id, {blob}, {texts} FROM t"):
                fits, expected[key] = held(value, text, kind, given, policy)
                fits = fits and key not in broken
                if key in broken:
                    expected[key] = None
                self.assertTrue(fits or policy == "null", f"{column} {kind} {policy}: {value!r}")
            mirrored = {key: read(value, kind) for key, value in db.query(f'SELECT id, "{column}" FROM t', 2)}
            self.assertEqual(mirrored, expected, f"{column} {kind} {policy}")
            if policy in ("error", "null") and given:
                self.assertEqual(kind, given.split("(")[0] if "(u" in given or "(j" in given else given)


class Changes(TypesCase):
    """One change that does not fit, applied from the log."""

    def follows(self, policy, declared, change, expected, kind, given=None):
        db = self.start(f"CREATE TABLE t(id INTEGER PRIMARY KEY, v {declared})", f"INSERT INTO t VALUES (1, {change[0]}), (2, NULL)")
        self.track(db, {"on_mismatch": policy, **({"types": {"v": given}} if given else {})})
        db.rows(f"UPDATE t SET v = {change[1]} WHERE id = 2")
        self.assertEqual([v for (v,) in db.query("SELECT v FROM t ORDER BY id")], expected)
        self.assertEqual(self.type_of(db, "v"), kind)
        # Once it is so, the log is enough.
        db.rows("UPDATE t SET v = v")
        self.assertEqual(json.loads(db.value("SELECT lumos_sync()"))["keys"], 2)
        self.assertEqual([v for (v,) in db.query("SELECT v FROM t ORDER BY id")], expected)
        db.rows("SELECT lumos_detach()")
        db.close()
        self.path.unlink()
        self.mirror.unlink()

    def test_null(self):
        self.follows("null", "INTEGER", ("1", "'x'"), [1, None], "BIGINT")
        self.follows("null", "INTEGER", ("1", "0.5"), [1, None], "BIGINT")
        self.follows("null", "DATE", ("'2024-01-01'", "'soon'"), ["2024-01-01", None], "DATE")
        self.follows("null", "TEXT", ("'a'", "CAST(x'ff' AS TEXT)"), ["a", None], "VARCHAR")
        self.follows("null", "", ("7", "2"), [None, None], "BOOLEAN", "BOOLEAN")

    def test_null_where_another_type_is_chosen_later(self):
        """A value that did not fit beside others, which are gone since, fits the type of those that came."""
        for old, kept, new in [("'a'", "1", "5"), ("'a'", "0.5", "5"), ("x'00'", "'t'", "'u'"), ("1", "'t'", "'u'")]:
            db = self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", f"INSERT INTO t VALUES (1, {old})")
            self.track(db, {"on_mismatch": "null"})
            db.rows(f"INSERT INTO t VALUES (2, {kept})")
            self.assertEqual([type(v) for (v,) in db.query("SELECT v FROM t WHERE id = 2")], [type(None)])
            db.rows("DELETE FROM t WHERE id = 1")
            db.rows(f"INSERT INTO t VALUES (3, {new})")
            self.assertEqual(db.query("SELECT v FROM t ORDER BY id"), db.rows("SELECT v FROM t ORDER BY id"), (old, kept, new))
            self.assertEqual(db.rows("SELECT * FROM lumos_verify('t')"), [])
            db.close()
            self.path.unlink()
            self.mirror.unlink()

    def test_varchar(self):
        self.follows("varchar", "INTEGER", ("1", "'x'"), ["1", "x"], "VARCHAR")
        self.follows("varchar", "REAL", ("0.5", "x'6162'"), ["0.5", "ab"], "VARCHAR")
        self.follows("varchar", "", ("1700000000", "'now'"), ["1700000000", "now"], "VARCHAR", "TIMESTAMP(unix)")

    def test_widen(self):
        self.follows("widen", "INTEGER", ("1", "0.5"), [1.0, 0.5], "DOUBLE")
        self.follows("widen", "INTEGER", ("9007199254740993", "0.5"), ["9007199254740993", "0.5"], "VARCHAR")
        self.follows("widen", "DECIMAL(4,1)", ("1.5", "10000.25"), [1.5, 10000.25], "DECIMAL(7,2)")
        self.follows("widen", "DATE", ("'2024-01-01'", "'2024-01-01 10:00'"), ["2024-01-01 00:00:00", "2024-01-01 10:00:00"], "TIMESTAMP")
        self.follows("widen", "DATE", ("'2024-01-01'", "'soon'"), ["2024-01-01", "soon"], "VARCHAR")

    def test_error(self):
        db = self.start("CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO t VALUES (1, 1)")
        self.track(db, {"types": {"v": "BOOLEAN"}})
        db.rows("INSERT INTO t VALUES (2, 2)")
        said = self.refused(db, "SELECT lumos_sync()", 'table "t", column "v", row with id = 2: the value 2 does not fit', "BOOLEAN", "on_mismatch")
        self.assertNotIn("resync", said)
        # The way out that it names.
        self.track(db, {"types": {"v": "BOOLEAN"}, "on_mismatch": "null"})
        self.assertEqual(db.query("SELECT v FROM t ORDER BY id"), [(1,), (None,)])

    def test_a_key_is_never_null(self):
        db = self.start("CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v)", "INSERT INTO t VALUES ('a', 1)")
        for policy in ("null", "varchar", "widen"):
            self.track(db, {"on_mismatch": policy})
            db.rows("INSERT INTO t VALUES (x'61', 2)")
            self.refused(db, "SELECT lumos_sync()", 'column "k"', "a BLOB of 1 bytes")
            db.rows("DELETE FROM t WHERE v = 2")
            self.assertEqual(db.query("SELECT k, v FROM t", 2), [("a", 1)])


class Life(TypesCase):
    """Options outlive what happens to the table."""

    TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, a BOOLEAN, b TEXT, c TEXT)"

    def start_tracked(self, **options):
        db = self.start(self.TABLE, "INSERT INTO t VALUES (1, 1, 'b', 'c'), (2, 5, 'bb', 'cc')")
        self.track(db, {"columns": ["a", "b"], "types": {"a": "BOOLEAN"}, "on_mismatch": "null", **options})
        self.expected = [(1, 1, "b"), (2, None, "bb")]
        return db

    def test_a_renamed_table(self):
        db = self.start_tracked()
        db.rows("ALTER TABLE t RENAME TO other")
        self.assertEqual(db.query("SELECT * FROM other ORDER BY id", 3), self.expected)
        self.assertEqual(self.type_of(db, "a", "other"), "BOOLEAN")

    def test_a_renamed_table_with_a_target(self):
        db = self.start_tracked(target="fixed")
        db.rows("ALTER TABLE t RENAME TO other")
        db.rows("UPDATE other SET b = 'x' WHERE id = 1")
        self.assertEqual(db.query("SELECT * FROM fixed ORDER BY id", 3), [(1, 1, "x"), (2, None, "bb")])
        self.refused(db, "SELECT * FROM lumos_query('SELECT missing FROM fixed')", "missing")

    def test_a_rebuilt_table(self):
        db = self.start_tracked()
        for statement in [
            "BEGIN",
            self.TABLE.replace("TABLE t", "TABLE u").replace("c TEXT", "c TEXT, d TEXT"),
            "INSERT INTO u SELECT *, 'd' FROM t",
            "DROP TABLE t",
            "ALTER TABLE u RENAME TO t",
            "COMMIT",
        ]:
            db.rows(statement)
        self.assertEqual(db.query("SELECT * FROM t ORDER BY id", 3), self.expected)
        self.assertEqual(self.type_of(db, "a"), "BOOLEAN")

    def test_added_and_dropped_columns(self):
        db = self.start_tracked()
        db.rows("ALTER TABLE t ADD COLUMN d DEFAULT 4")
        db.rows("UPDATE t SET b = b || 'x', d = 5")
        self.assertEqual(db.query("SELECT * FROM t ORDER BY id", 3), [(1, 1, "bx"), (2, None, "bbx")])
        db.rows("ALTER TABLE t DROP COLUMN b")
        self.assertEqual(db.query("SELECT * FROM t ORDER BY id", 2), [(1, 1), (2, None)])

    def test_a_renamed_column(self):
        db = self.start_tracked()
        db.rows("ALTER TABLE t RENAME COLUMN a TO z")
        db.rows("UPDATE t SET z = 0 WHERE id = 1")
        self.assertEqual(db.query("SELECT id, z, b FROM t ORDER BY id", 3), [(1, 0, "b"), (2, None, "bb")])
        self.assertEqual(self.type_of(db, "z"), "BOOLEAN")
        options = {"columns": ["b", "z"], "types": {"z": "BOOLEAN"}, "on_mismatch": "null"}
        self.assertEqual(json.loads(db.value("SELECT options FROM lumos_status")), options)

    def test_updates_of_what_the_mirror_has_are_logged(self):
        db = self.start(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, twice AS (a * 2), u UNIQUE)",
            "INSERT INTO t(id, a, b, u) VALUES (1, 1, 1, 1), (2, 2, 2, 2)",
        )
        same = lambda *columns: self.assertEqual(  # noqa: E731
            db.query(f"SELECT {', '.join(columns)} FROM t ORDER BY id", len(columns)),
            db.rows(f"SELECT {', '.join(columns)} FROM t ORDER BY id"),
        )
        self.track(db, {"columns": ["b"]})
        for statement in [
            "UPDATE t SET b = 5",
            "UPDATE t SET a = 6",
            "UPDATE t SET rowid = 7 WHERE id = 1",
            "UPDATE t SET oid = 8 WHERE id = 2",
            "UPDATE t SET id = 9, a = 3 WHERE id = 8",
            "UPDATE OR REPLACE t SET u = 1",
            "INSERT INTO t(id, b) VALUES (9, 1) ON CONFLICT DO UPDATE SET B = 77",
            "REPLACE INTO t(id, u) VALUES (11, 1)",
        ]:
            db.rows(statement)
            same("id", "b")
        self.track(db, {"columns": ["twice"]})
        db.rows("UPDATE t SET a = 40")
        same("id", "twice")

    def test_two_mirrors(self):
        db = self.start(self.TABLE, "INSERT INTO t VALUES (1, 1, 'b', 'c')")
        second = str(self.folder / "second.duckdb")
        self.track(db, {"columns": ["b"]})
        db.rows("SELECT lumos_attach(?)", second)
        self.assertEqual(db.query("SELECT * FROM t", 2), [(1, "b")])
        # Changed by way of the one, followed by the other.
        self.track(db, {"columns": ["c"], "target": "x"})
        db.rows("UPDATE t SET c = 'new'")
        self.assertEqual(db.query("SELECT * FROM x", 2), [(1, "new")])
        db.rows("SELECT lumos_attach(?)", str(self.mirror))
        self.assertEqual(db.query("SELECT * FROM x", 2), [(1, "new")])

    def test_results_are_not_kept_for_another_target(self):
        db = self.start(self.TABLE, "INSERT INTO t VALUES (1, 1, 'b', 'c')")
        self.track(db, {"target": "x"})
        for value in ("one", "two"):
            db.rows("UPDATE t SET b = ?", value)
            self.assertEqual(db.query("SELECT b FROM x"), [(value,)])

    def test_a_table_renamed_to_a_target(self):
        db = self.start(self.TABLE, "CREATE TABLE u(id INTEGER PRIMARY KEY)", "INSERT INTO u VALUES (1)")
        self.track(db, {"target": "x"})
        db.rows("SELECT lumos_track('u')")
        db.rows("ALTER TABLE u RENAME TO x")
        self.refused(db, "SELECT lumos_sync()", '"t" and "x"', "another target")
        self.track(db, {"target": "y"})
        self.assertEqual(db.query("SELECT * FROM x"), [(1,)])

    def test_a_refused_change_of_options(self):
        db = self.start_tracked()
        self.refused(db, "SELECT lumos_track('t', ?)", 'column "a"', values=('{"types":{"a":"BOOLEAN"}}',))
        db.rows("UPDATE t SET b = 'later' WHERE id = 1")
        self.assertEqual(db.query("SELECT * FROM t ORDER BY id", 3), [(1, 1, "later"), (2, None, "bb")])

    def test_a_later_copy(self):
        db = self.start(self.TABLE, "INSERT INTO t VALUES (1, 1, 'b', 'c')")
        self.track(db, {"initial": False})
        db.rows("UPDATE t SET b = 'x'")
        self.assertEqual(db.query("SELECT b FROM t"), [("x",)])
        # The same options again, without a copy.
        self.assertEqual(json.loads(self.track(db, {"initial": False}))[0]["rows"], 1)


class Router(TypesCase):
    def test_answers_are_those_of_sqlite(self):
        db = self.start(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, at INTEGER, day DATE, d TEXT, left_out)",
            "CREATE TABLE u(id INTEGER PRIMARY KEY, left_out)",
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
            " INSERT INTO t SELECT i, i % 7, i * 1000, '2024-01-01', '2024-01-02', i % 5 FROM n",
            "INSERT INTO u SELECT id, 3 FROM t",
        )
        # What does not fit: an integer and a date that are none.
        db.rows("UPDATE t SET a = 'text' WHERE id = 7")
        db.rows("UPDATE t SET day = 'soon' WHERE id = 8")
        db.rows("SELECT lumos_track('u')")
        columns = ["id", "a", "at", "day", "d"]
        options = [
            {"columns": columns, "on_mismatch": "null"},
            {"columns": columns, "on_mismatch": "varchar"},
            {"on_mismatch": {"a": "widen", "day": "null"}, "target": "elsewhere"},
            {"types": {"at": "TIMESTAMP(unix)", "d": "DATE", "id": "BIGINT"}, "on_mismatch": {"a": "null"}, "target": "v"},
        ]
        # Each with the options under which the mirror may answer it.
        statements = {
            "SELECT count(*) FROM t": {0, 1, 2, 3},
            "SELECT sum(id) FROM t": {0, 1, 2, 3},
            "SELECT count(*) FROM t x JOIN t y USING (id)": {0, 1, 2, 3},
            "SELECT max(a) FROM t": set(),
            "SELECT a, count(*) FROM t GROUP BY a ORDER BY 1": set(),
            "SELECT max(at) FROM t": {1, 2},
            "SELECT day, count(*) FROM t GROUP BY day ORDER BY 1": {3},
            "SELECT max(d) FROM t": {1, 2},
            "SELECT max(left_out) FROM t": {2, 3},
            "SELECT * FROM t ORDER BY id LIMIT 20": set(),
            "SELECT count(*) FROM u WHERE (SELECT count(*) FROM t WHERE t.id = u.id AND left_out = 3) > 0": {2, 3},
        }
        expected = {s: db.rows(s) for s in statements}
        for i, chosen in enumerate(options):
            self.track(db, chosen)
            for statement, rows in expected.items():
                said = f"{statement} with {chosen}"
                listed = ", ".join(f"c{k}" for k in range(len(rows[0])))
                self.assertEqual(db.rows(f"SELECT {listed} FROM lumos_auto(?)", statement), rows, said)
                try:
                    answer = db.rows(f"SELECT {listed} FROM lumos_auto(?, NULL, 'duckdb')", statement)
                except host.ERROR as e:
                    self.assertIn("this statement is for SQLite", str(e), said)
                    self.assertNotIn(i, statements[statement], str(e))
                else:
                    self.assertEqual(answer, rows, said)
                    self.assertIn(i, statements[statement], said)


if __name__ == "__main__":
    unittest.main()
