"""A table that cannot be mirrored as it is fails what reads it, and nothing else; and a column that was emptied takes
values of any type."""

import datetime
import itertools
import json
import unittest

import host

COLUMNS = 2000

# What befalls the table `bad`: how it is made and tracked, what happens, words of the error, and what ends it.
TROUBLES = {
    "a value": (
        ["CREATE TABLE bad(id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO bad VALUES (1, 1), (2, 2)"], {},
        ["UPDATE bad SET v = 'x' WHERE id = 2"], ['column "v"', "id = 2", "'x'", "lumos_resync", "on_mismatch"],
        ["UPDATE bad SET v = 5 WHERE id = 2"],
    ),
    "a value in place of a deleted row": (
        ["CREATE TABLE bad(id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO bad VALUES (1, 1), (2, 2)"], {},
        ["UPDATE bad SET v = x'00' WHERE id = 2"], ['column "v"', "a BLOB of 1 bytes"],
        ["DELETE FROM bad WHERE id = 2"],
    ),
    "values in many rows": (
        ["CREATE TABLE bad(id INTEGER PRIMARY KEY, v INTEGER)", "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO bad SELECT i, i FROM n"], {},
        ["UPDATE bad SET v = 'x' || v WHERE id % 2"], ['column "v"'],
        ["SELECT lumos_track('bad', '{\"on_mismatch\": \"varchar\"}')"],
    ),
    "a type that was given": (
        ["CREATE TABLE bad(id INTEGER PRIMARY KEY, v)"], {"types": {"v": "BOOLEAN"}},
        ["INSERT INTO bad VALUES (1, 2)"], ['column "v"', "BOOLEAN"],
        ["UPDATE bad SET v = 1"],
    ),
    "a text that is none": (
        ["CREATE TABLE bad(id INTEGER PRIMARY KEY, v TEXT)"], {},
        ["INSERT INTO bad VALUES (1, CAST(x'61ff' AS TEXT))"], ['column "v"', "not UTF-8"],
        ["DELETE FROM bad"],
    ),
    "a key": (
        ["CREATE TABLE bad(k TEXT NOT NULL PRIMARY KEY, v)", "INSERT INTO bad VALUES ('a', 1)"], {},
        ["INSERT INTO bad VALUES (x'61', 2)"], ['column "k"', "a BLOB of 1 bytes", "another key"],
        ["UPDATE bad SET k = 'b' WHERE v = 2"],
    ),
    "a key that is gone": (
        ["CREATE TABLE bad(id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE)", "INSERT INTO bad VALUES (1, 'a')"], {"key": "code"},
        ["DROP TABLE bad", "CREATE TABLE bad(a INT, code TEXT)", "INSERT INTO bad VALUES (7, 'b')"], ["code", "lumos_untrack('bad')"],
        ["SELECT lumos_untrack('bad')", "SELECT lumos_track('bad')"],
    ),
    "a column without a name": (
        ["CREATE TABLE bad(id INTEGER PRIMARY KEY, v)", "INSERT INTO bad VALUES (1, 1)"], {},
        ['ALTER TABLE bad ADD COLUMN "" TEXT'], ["name is empty", "option columns"],
        ["SELECT lumos_track('bad', '{\"columns\": [\"v\"]}')"],
    ),
    "a column of the mirror's own": (
        ["CREATE TABLE bad(v)", "INSERT INTO bad VALUES (1)"], {},
        ["ALTER TABLE bad ADD COLUMN _lumos_rowid"], ["_lumos_rowid", "lumos_untrack('bad')"],
        ["ALTER TABLE bad DROP COLUMN _lumos_rowid"],
    ),
}


class FailuresCase(host.Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.db = self.open()
        self.db.rows("PRAGMA synchronous = OFF")

    def run_all(self, statements):
        for statement in statements:
            self.db.rows(statement)


class Troubles(FailuresCase):
    def test_each_fails_only_what_reads_the_table(self):
        for name, trouble in TROUBLES.items():
            with self.subTest(name):
                self.db.close()
                for file in self.folder.iterdir():
                    file.unlink()
                self.setUp()
                self.happens(*trouble)

    def happens(self, made, options, trouble, words, end):
        db = self.db
        self.run_all(made)
        self.run_all(["CREATE TABLE good(id INTEGER PRIMARY KEY, v)", "INSERT INTO good VALUES (1, 1)"])
        db.rows("SELECT lumos_track('bad', ?)", json.dumps(options))
        db.rows("SELECT lumos_track('good')")
        target = options.get("target", "bad")
        self.run_all(trouble)
        for number in (2, 3):
            db.rows("INSERT INTO good VALUES (?, ?)", number, number)
            self.fails(target, words)
            self.assertEqual(db.query("SELECT count(*), max(v) FROM good", 2), [(number, number)])
            # Whoever opens the mirror next meets it alike.
            db.rows("SELECT lumos_detach()")
        db.rows("CREATE TABLE later(id INTEGER PRIMARY KEY)")
        self.assertEqual(json.loads(db.value("SELECT lumos_track('later')")), [{"table": "later", "rows": 0, "key": ["id"]}])
        self.assertEqual(json.loads(db.value("SELECT lumos_sync('good')"))["keys"], 0)
        self.fails(target, words)
        status = {table: (state, error) for table, state, error in db.rows("SELECT \"table\", schema_state, last_error FROM lumos_status")}
        self.assertEqual(status["good"], ("ok", None))
        self.assertEqual(status["bad"][0], "failed")
        self.assertEqual(db.rows("SELECT count(*) FROM lumos_verify('good')"), [(0,)])
        self.refused(db, "SELECT * FROM lumos_verify('bad')", *words)
        for words_of in ("SELECT lumos_sync()", "SELECT lumos_sync('bad')"):
            self.refused(db, words_of, *words)
        # The router reads the source.
        self.assertEqual(db.rows("SELECT c0 FROM lumos_auto('SELECT count(*) FROM bad')"), db.rows("SELECT count(*) FROM bad"))
        self.run_all(end)
        rows = [(n,) for (n,) in db.rows("SELECT count(*) FROM bad")]
        self.assertEqual(db.query("SELECT count(*) FROM bad" if target == "bad" else f"SELECT count(*) FROM {target}"), rows)
        self.assertEqual(db.rows("SELECT * FROM lumos_verify('*')"), [])
        self.assertEqual(db.rows("SELECT last_error FROM lumos_status WHERE \"table\" = 'bad'"), [(None,)])
        # Nor does it leave anything behind.
        db.rows("SELECT lumos_untrack('*')")
        self.assertEqual(db.query("SELECT count(*) FROM duckdb_views() WHERE NOT internal AND database_name = current_database()"), [(0,)])

    def fails(self, target, words):
        db = self.db
        self.assertEqual(db.query("SELECT 1"), [(1,)])
        for sql in [f"SELECT * FROM {target}", f"SELECT count(*) FROM {target}", f"SELECT count(*) FROM good WHERE EXISTS (SELECT 1 FROM {target})"]:
            said = self.refused(db, "SELECT * FROM lumos_query(?)", *words, values=[sql])
            self.assertIn('"bad"', said)
        self.refused(db, "SELECT lumos_scalar(?)", *words, values=[f"SELECT count(*) FROM {target}"])

    def test_what_could_be_asked_before_says_the_trouble(self):
        self.run_all([
            "CREATE TABLE bad(id INTEGER PRIMARY KEY, n INT, s TEXT, d DATE, m DATETIME, e DECIMAL(6,2), o)",
            "INSERT INTO bad VALUES (1, 1, 'a', '2024-02-29', '2024-02-29 10:30:00', 1.5, 'text')",
        ])
        self.db.rows("SELECT lumos_track('bad')")
        asked = [
            "sum(n)", "n % 2", "upper(s)", "s LIKE 'a%'", "year(d)", "date_trunc('month', d)", "d + INTERVAL 1 DAY", "hour(m)",
            "date_diff('day', d, m)", "strftime(m, '%Y')", "round(e, 1)", "upper(o)", "length(o)", "max(o)", "d = '2024-02-29'",
        ]
        for expression in asked:
            self.db.query(f"SELECT {expression} FROM bad")
        self.db.rows("INSERT INTO bad(id, n) VALUES (2, 'x')")
        for again in range(2):
            for expression in asked:
                for sql in (f"SELECT {expression} FROM bad", f"SELECT 1 FROM bad GROUP BY id HAVING count({expression.replace('sum', '').replace('max', '')}) > 0"):
                    self.refused(self.db, "SELECT * FROM lumos_query(?)", 'column "n"', "lumos_resync", values=[sql])
            # Whoever opens the mirror next meets it alike.
            self.db.rows("SELECT lumos_detach()")

    def test_a_large_copy_is_not_tried_with_each_change(self):
        self.run_all(["CREATE TABLE bad(id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO bad VALUES (1, 1), (2, 2)"])
        self.db.rows("SELECT lumos_track('bad')")
        self.db.rows("UPDATE bad SET v = 'x' WHERE id = 2")
        failed = "SELECT count(*) FROM lumos_schema_log WHERE event LIKE 'failed:%'"
        for i in range(3, 8):
            self.db.rows("INSERT INTO bad VALUES (?, 1)", i)
            self.db.query("SELECT 1")
        self.assertEqual(self.db.value(failed), 1)
        self.db.rows("SELECT lumos_detach()")
        self.db.rows("INSERT INTO bad VALUES (9, 1)")
        self.db.query("SELECT 1")
        self.assertEqual(self.db.value(failed), 1)
        self.db.rows("UPDATE bad SET v = 3 WHERE id = 2")
        self.assertEqual(self.db.query("SELECT count(*), sum(v) FROM bad", 2), self.db.rows("SELECT count(*), sum(v) FROM bad"))

    def test_of_many_tables_those_that_cannot_be_copied_are_not_tracked(self):
        for i in range(12):
            self.db.rows(f"CREATE TABLE t{i}(id INTEGER PRIMARY KEY, v)")
            self.db.rows(f"INSERT INTO t{i} VALUES (1, 1), (2, ?)", "x" if i % 3 == 0 else 2)
        report = {t["table"]: t.get("rows") for t in json.loads(self.db.value("SELECT lumos_track('*')"))}
        self.assertEqual(report, {f"t{i}": None if i % 3 == 0 else 2 for i in range(12)})
        self.assertEqual(self.db.query("SELECT sum(v) FROM t1"), [(3,)])
        self.assertEqual(self.db.value("SELECT count(*) FROM _lumos_tables"), 8)

    def test_as_many_columns_as_there_can_be(self):
        columns = ", ".join(f"c{i} INT" for i in range(COLUMNS - 1))
        self.db.rows(f"CREATE TABLE bad(id INTEGER PRIMARY KEY, {columns})")
        self.db.rows("INSERT INTO bad(id, c0) VALUES (1, 1)")
        self.db.rows("SELECT lumos_track('bad')")
        self.db.rows("UPDATE bad SET c7 = 5")
        self.assertEqual(self.db.query("SELECT c7 FROM bad"), [(5,)])


class Emptied(FailuresCase):
    DECLARED = ["", "INTEGER", "REAL", "TEXT", "BLOB", "DATE", "DATETIME", "DECIMAL(6,2)"]
    VALUES = ["7", "0.5", "'x'", "x'6162'", "'2024-02-29'", "'2024-02-29 10:30:00'"]

    def test_and_refilled_with_values_of_any_type(self):
        db = self.db
        pairs = list(itertools.product(self.DECLARED, self.VALUES, self.VALUES))
        rows = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) INSERT INTO t{} SELECT i, {} FROM n"
        db.rows("BEGIN")
        for i, (declared, first, _) in enumerate(pairs):
            db.rows(f"CREATE TABLE t{i}(id INTEGER PRIMARY KEY, v {declared})")
            db.rows(rows.format(3, i, first))
        db.rows("COMMIT")
        self.assertEqual([t for t in json.loads(db.value("SELECT lumos_track('*')")) if t["rows"] != 3], [])
        # Deleted and filled at once or with a query between, and never empty; few rows, and many.
        for empty, between, many in [("DELETE FROM t{}", True, 3), ("DELETE FROM t{}", False, 100), ("UPDATE t{} SET v = NULL", False, 3)]:
            db.rows("BEGIN")
            for i in range(len(pairs)):
                db.rows(empty.format(i))
            db.rows("COMMIT")
            if between:
                db.query("SELECT 1")
            db.rows("BEGIN")
            for i, (_, first, second) in enumerate(pairs):
                value = second if "DELETE" in empty else first
                db.rows(rows.format(many, i, value) if "DELETE" in empty else f"UPDATE t{i} SET v = {value}")
            db.rows("COMMIT")
            db.rows("SELECT lumos_sync()")
            for i, pair in enumerate(pairs):
                source = db.rows(f"SELECT id, v FROM t{i}")
                mirror = db.query(f"SELECT id, v FROM t{i} ORDER BY id", 2)
                self.assertEqual([(k, self.plain(v)) for k, v in mirror], [(k, self.plain(v)) for k, v in source], pair)

    def plain(self, value):
        """Numbers are equal by value, days with midnight."""
        if isinstance(value, str):
            for read in (float, datetime.datetime.fromisoformat):
                try:
                    return read(value)
                except ValueError:
                    pass
        return float(value) if isinstance(value, int) else value


if __name__ == "__main__":
    unittest.main()
